//! What a source of keys is, and the means it has.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use jiff::Timestamp;

use crate::call::Caller;
use crate::credential::sts::Sts;
use crate::environment::Environment;
use crate::error::Error;
use crate::key::Credential;
use crate::transport::{HttpRequest, HttpResponse, TransportError};

/// What a source may use to find its keys: the environment, the network, and how STS is reached.
#[derive(Clone)]
pub struct Means {
    pub(crate) environment: Environment,
    pub(crate) caller: Caller,
    pub(crate) sts: Sts,
}

impl Means {
    /// The time, by the server's clock if it is known.
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
    ) -> Result<HttpResponse, TransportError> {
        let mut headers: Vec<_> =
            headers.iter().map(|(name, value)| ((*name).to_owned().into(), (*value).to_owned())).collect();
        headers.push(("user-agent".into(), self.caller.user_agent.as_ref().to_owned()));
        let time_limit = Duration::from_secs(if link_local { 2 } else { 10 });
        let request = HttpRequest { method, url, headers, body: String::new(), time_limit, link_local };
        self.caller.transport.send(request).await
    }
}

impl fmt::Debug for Means {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Means").field("environment", &self.environment).finish_non_exhaustive()
    }
}

/// A place that keys come from.
pub trait Provide: fmt::Debug + Send + Sync {
    /// What it is called in messages, e.g. "the profile \"default\" of ~/.aliyun/config.json".
    fn name(&self) -> String;

    /// A key, `None` if this source is not set up at all, or an error if it is set up wrongly or does not work.
    fn fetch<'a>(&'a self, means: &'a Means) -> BoxFuture<'a, Result<Option<Credential>, Error>>;
}

/// A place that keys come from, shared.
pub type Source = Arc<dyn Provide>;
