//! [`TestContext`]: a context with no engine behind it, for the unit tests of resources and functions.

use std::ops::Deref;
use std::sync::{Mutex, PoisonError};

use tokio::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

use crate::context::{Context, Verb};
use crate::engine::{Engine, Record};
use crate::generated::pulumirpc::{LogRequest, LogSeverity};
use crate::redact::Redactor;
use crate::value::Properties;

/// A [`Context`] that keeps the lines shown, and that the test can cancel. It needs no runtime.
#[derive(Debug)]
pub struct TestContext {
    context: Context,
    record: Mutex<(Record, Vec<LogRequest>)>,
}

impl TestContext {
    /// The context of an operation on the resource at `urn` that starts now and may take `time_limit`.
    pub fn new(verb: Verb, urn: &str, time_limit: Duration) -> Self {
        let (engine, record) = Engine::recorded();
        let started = Instant::now();
        let context = Context {
            verb,
            urn: urn.to_owned(),
            name: urn.rsplit("::").next().unwrap_or_default().to_owned(),
            started,
            deadline: started + time_limit,
            engine,
            redactor: Redactor::default(),
            cancellation: CancellationToken::new(),
        };
        TestContext { context, record: Mutex::new((record, Vec::new())) }
    }

    /// The same, with the secrets of these properties struck out of every line.
    #[must_use]
    pub fn with_secrets_of(mut self, properties: &Properties) -> Self {
        self.context.redactor = Redactor::of([properties]);
        self
    }

    /// Interrupts the operation, as a user does.
    pub fn cancel(&self) {
        self.context.cancellation.cancel();
    }

    /// The status lines so far.
    pub fn statuses(&self) -> Vec<String> {
        self.lines(|line| line.ephemeral)
    }

    /// The lines so far that tell something worth keeping.
    pub fn infos(&self) -> Vec<String> {
        self.lines(|line| !line.ephemeral && line.severity() == LogSeverity::Info)
    }

    /// The warnings so far.
    pub fn warnings(&self) -> Vec<String> {
        self.lines(|line| line.severity() == LogSeverity::Warning)
    }

    fn lines(&self, which: impl Fn(&LogRequest) -> bool) -> Vec<String> {
        let mut record = self.record.lock().unwrap_or_else(PoisonError::into_inner);
        let (record, lines) = &mut *record;
        lines.extend(record.take());
        lines.iter().filter(|line| which(line)).map(|line| line.message.clone()).collect()
    }
}

impl Deref for TestContext {
    type Target = Context;

    fn deref(&self) -> &Context {
        &self.context
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Failure;
    use crate::value::Value;

    const URN: &str = "urn:pulumi:dev::shop::a:b:C::web";

    #[test]
    fn lines_are_kept_by_kind_with_secrets_struck_out() {
        let secret = Value::Secret(Box::new(Value::String("hunter2".to_owned())));
        let context = TestContext::new(Verb::Create, URN, Duration::from_secs(60))
            .with_secrets_of(&Properties::from([("password".to_owned(), secret)]));
        context.status("45%");
        context.info("found");
        context.warn("hunter2 is a poor password");
        context.status("46%");
        assert_eq!(context.statuses(), ["45%", "46%"]);
        assert_eq!(context.infos(), ["found"]);
        assert_eq!(context.warnings(), ["[secret] is a poor password"]);
        assert_eq!(
            (context.urn(), context.name(), context.verb().to_string()),
            (URN, "web", "create".to_owned())
        );
        assert_eq!(context.time_limit(), Duration::from_secs(60));
    }

    #[tokio::test]
    async fn a_call_is_answered_unless_the_user_interrupts_first() {
        let context = TestContext::new(Verb::Delete, URN, Duration::from_secs(60));
        assert_eq!(context.unless_cancelled(async { 1 }).await.unwrap(), 1);
        context.cancel();
        // What is there already counts, also after the interruption.
        assert_eq!(context.unless_cancelled(async { 2 }).await.unwrap(), 2);
        let never = context.unless_cancelled(std::future::pending::<()>()).await;
        assert!(matches!(never, Err(Failure::Cancelled(_))), "{never:?}");
    }
}
