//! Keys to sign with: what they are, the sources they come from (one file each), and the cache that refreshes them.
//!
//! A source that is absent gives `None`, so that a chain goes on to the next; one that is present and broken is an error
//! that says which file, variable or key is wrong. Sources reach the world only through their [`Context`].

mod assume_role;
mod chain;
mod ecs_role;
mod environment;
mod external;
mod file;
mod fixed;
mod ini;
mod oidc;
mod profile;
mod store;
mod sts;
mod uri;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use jiff::Timestamp;

pub use self::assume_role::AssumeRole;
pub use self::chain::{Chain, default_chain};
pub use self::ecs_role::EcsRole;
pub use self::environment::{
    ACCESS_KEY_VARIABLES, EnvironmentVariables, SECRET_KEY_VARIABLES, SECURITY_TOKEN_VARIABLES,
};
pub use self::external::External;
pub use self::fixed::Fixed;
pub use self::ini::Ini;
pub use self::oidc::{EnvironmentOidc, Oidc, OidcToken};
pub use self::profile::{PROFILE_VARIABLES, Profile};
pub(crate) use self::store::Store;
pub(crate) use self::sts::Sts;
pub use self::uri::{EnvironmentUri, Uri};
use crate::call::Caller;
use crate::environment::Environment;
use crate::error::Error;
use crate::settings::Settings;
use crate::transport::{Failure, HttpRequest, HttpResponse};

/// A key. `Debug` shows no more of it than tells it from another.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Credential {
    /// The key's id; temporary ones start with `STS.`.
    pub access_key_id: String,
    /// The secret.
    pub access_key_secret: String,
    /// The token of a temporary key.
    pub security_token: Option<String>,
    /// When a temporary key stops being valid.
    pub expiration: Option<Timestamp>,
    /// Where it comes from, for messages: "the variable ALICLOUD_ACCESS_KEY".
    pub origin: String,
}

impl Credential {
    /// The key's id, all but its ends hidden: enough for its owner to recognize it.
    pub fn masked_id(&self) -> String {
        mask(&self.access_key_id)
    }

    /// Removes this key's secret and token from a text, however they are encoded in it.
    pub(crate) fn redact(&self, text: &str) -> String {
        redact(text, [Some(&self.access_key_secret), self.security_token.as_ref()].into_iter().flatten())
    }
}

/// Removes secrets from a text, however they are encoded in it.
pub(crate) fn redact<'a>(text: &str, secrets: impl IntoIterator<Item = &'a String>) -> String {
    let mut text = text.to_owned();
    for secret in secrets {
        // A shorter one cannot be told from ordinary words.
        if secret.len() < 6 {
            continue;
        }
        let mut spelling = secret.clone();
        // As it is, in a query, and in a string to sign, which encodes the query once more.
        for _ in 0..3 {
            text = text.replace(&spelling, "[redacted]");
            spelling = crate::sign::percent_encode(&spelling);
        }
    }
    text
}

fn mask(id: &str) -> String {
    let characters: Vec<char> = id.chars().collect();
    if characters.len() < 12 {
        return "***".to_owned();
    }
    let head: String = characters[..6].iter().collect();
    let tail: String = characters[characters.len() - 3..].iter().collect();
    format!("{head}***{tail}")
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential")
            .field("access_key_id", &self.masked_id())
            .field("access_key_secret", &"[redacted]")
            .field("security_token", &self.security_token.as_ref().map(|_| "[redacted]"))
            .field("expiration", &self.expiration)
            .field("origin", &self.origin)
            .finish()
    }
}

/// What a source may use to find its keys: the environment, the network, and how STS is reached.
#[derive(Clone)]
pub struct Context {
    pub(crate) environment: Environment,
    pub(crate) caller: Arc<Caller>,
    pub(crate) sts: Sts,
}

impl Context {
    pub(crate) fn new(settings: &Settings, caller: Arc<Caller>) -> Result<Context, Error> {
        let sts = Sts::new(settings)?;
        Ok(Context { environment: settings.environment.clone(), caller, sts })
    }

    /// The time, by the server's clock where it is known.
    pub(crate) fn now(&self) -> Timestamp {
        self.caller.clock.now()
    }

    /// One request to somewhere that is not an API of the cloud. A small answer is expected soon.
    pub(crate) async fn fetch(
        &self,
        method: &'static str,
        url: String,
        headers: &[(&str, &str)],
        link_local: bool,
    ) -> Result<HttpResponse, Failure> {
        let mut headers: Vec<_> =
            headers.iter().map(|(name, value)| ((*name).to_owned().into(), (*value).to_owned())).collect();
        headers.push(("user-agent".into(), self.caller.user_agent.clone()));
        let time_limit = Duration::from_secs(if link_local { 2 } else { 10 });
        let request = HttpRequest { method, url, headers, body: String::new(), time_limit, link_local };
        self.caller.transport.send(request).await
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("environment", &self.environment).finish_non_exhaustive()
    }
}

/// A place that keys come from.
pub trait Provide: fmt::Debug + Send + Sync {
    /// What it is called in messages, e.g. "the profile \"default\" of ~/.aliyun/config.json".
    fn name(&self) -> String;

    /// A key, `None` if this source is not set up at all, or an error if it is set up wrongly or does not work.
    fn fetch<'a>(&'a self, context: &'a Context) -> BoxFuture<'a, Result<Option<Credential>, Error>>;
}

/// A place that keys come from, shared.
pub type Source = Arc<dyn Provide>;

/// The sources that the CLI's file and the libraries' ini describe, in this order. Nothing is fetched from them.
pub fn described_by_files(environment: &Environment) -> [Result<Option<Source>, Error>; 2] {
    [Profile::current().described(environment), Ini::default().described(environment)]
}
