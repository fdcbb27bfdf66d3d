//! [`Context`]: the surroundings of one operation. Who asked for it, how long it may take, and the way to the user.

use std::fmt;
use std::pin::Pin;

use tokio::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

use crate::engine::Engine;
use crate::failure::Failure;
use crate::generated::pulumirpc::LogSeverity;
use crate::redact::Redactor;

/// An operation's future, as a trait object returns it.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What the engine has asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// Make a resource.
    Create,
    /// Read a resource, for a refresh, an import or a lookup.
    Read,
    /// Bring a resource to what the program wants.
    Update,
    /// Delete a resource.
    Delete,
    /// Call a function.
    Invoke,
    /// List the resources of a type.
    List,
}

impl fmt::Display for Verb {
    /// The verb in lower case. `create`, `update` and `delete` are the names of the `customTimeouts` that limit them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Verb::Create => "create",
            Verb::Read => "read",
            Verb::Update => "update",
            Verb::Delete => "delete",
            Verb::Invoke => "invoke",
            Verb::List => "list",
        })
    }
}

/// The surroundings of one operation on one resource, or of one call of a function.
#[derive(Debug, Clone)]
pub struct Context {
    pub(crate) verb: Verb,
    pub(crate) urn: String,
    pub(crate) name: String,
    pub(crate) started: Instant,
    pub(crate) deadline: Instant,
    pub(crate) engine: Engine,
    pub(crate) redactor: Redactor,
    pub(crate) cancellation: CancellationToken,
}

impl Context {
    /// What the engine has asked for.
    pub fn verb(&self) -> Verb {
        self.verb
    }

    /// The resource's URN; empty for a call of a function and for a list.
    pub fn urn(&self) -> &str {
        &self.urn
    }

    /// The resource's name in the program; empty for a call of a function and for a list.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// When the engine gives up on the operation.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// How long the operation may take in all.
    pub fn time_limit(&self) -> Duration {
        self.deadline - self.started
    }

    /// Shows a line as the resource's status while the operation runs.
    pub fn status(&self, text: &str) {
        self.log(LogSeverity::Info, text, true);
    }

    /// Tells the user something worth keeping.
    pub fn info(&self, text: &str) {
        self.log(LogSeverity::Info, text, false);
    }

    /// Warns the user.
    pub fn warn(&self, text: &str) {
        self.log(LogSeverity::Warning, text, false);
    }

    /// Whether a text is or holds a secret of this operation's inputs or state.
    pub fn is_secret(&self, text: &str) -> bool {
        self.redactor.finds(text)
    }

    /// Ends when the user interrupts the deployment; never otherwise.
    pub async fn cancelled(&self) {
        self.cancellation.cancelled().await;
    }

    /// Whether the user has interrupted the deployment.
    pub fn is_cancelled(&self) -> bool {
        self.cancellation.is_cancelled()
    }

    /// What a call answers, unless the user interrupts the deployment first.
    ///
    /// # Errors
    /// [`Failure::Cancelled`] if the user does.
    pub async fn unless_cancelled<T>(&self, call: impl Future<Output = T>) -> Result<T, Failure> {
        tokio::select! {
            biased;
            answer = call => Ok(answer),
            () = self.cancelled() => Err(Failure::Cancelled("interrupted".to_owned())),
        }
    }

    fn log(&self, severity: LogSeverity, text: &str, ephemeral: bool) {
        self.engine.log(severity, &self.urn, self.engine.redact(&self.redactor, text), ephemeral);
    }
}
