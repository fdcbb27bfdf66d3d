//! A cloud in memory, for tests of this crate and, with the feature `testing`, of others: a [`Stub`] answers calls by a
//! closure and keeps what was sent and when. On a paused Tokio clock waits and time-outs take no time.
//!
//! ```
//! use aliyun::ecs::{DescribeImagesRequest, Status};
//! use aliyun::testing::{self, Stub, ok, refuse};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?.block_on(async {
//! let stub = Stub::new(|sent| match (sent.action(), sent.param("ImageId")) {
//!     ("DescribeImages", "m-1") => ok(r#"{"RequestId":"R","Images":{"Image":[{"ImageId":"m-1"}]}}"#),
//!     ("DescribeImages", _) => ok(r#"{"RequestId":"R","TotalCount":0}"#),
//!     _ => refuse(403, "Forbidden.RAM"),
//! });
//! let client = testing::client(&stub);
//! let request = DescribeImagesRequest { image_id: Some("m-1".to_owned()), ..Default::default() };
//! let answer = client.describe_images(&request, testing::in_seconds(60)).await?;
//! assert_eq!(answer.images.len(), 1);
//! assert_eq!(stub.sent()[0].param("RegionId"), client.region());
//! # Ok::<(), aliyun::Error>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use tokio::time::{Instant, sleep, timeout};

use crate::client::Client;
use crate::credential::Fixed;
use crate::environment::Environment;
use crate::settings::Settings;
use crate::transport::{Fault, HttpRequest, HttpResponse, Transport, TransportError};

/// When the clock of [`environment`] starts.
pub const START: &str = "2026-11-22T01:00:00Z";
/// The id of the key in [`settings`].
pub const KEY_ID: &str = "LTAI5tExampleKeyId";
/// The secret of the key in [`settings`].
pub const SECRET: &str = "a-secret-that-must-not-show";
/// STS's answer: a temporary key that lives for an hour from [`START`].
pub const STS: &str = r#"{"RequestId":"R","Credentials":{"AccessKeyId":"STS.NUexample0001",
    "AccessKeySecret":"sts-secret","SecurityToken":"sts-token","Expiration":"2026-11-22T02:00:00Z"}}"#;

/// What a call gets: an answer, or none because of the network.
#[derive(Clone, Debug)]
pub struct Reply {
    result: Result<HttpResponse, TransportError>,
    delay: Duration,
}

impl Reply {
    fn new(result: Result<HttpResponse, TransportError>) -> Reply {
        Reply { result, delay: Duration::ZERO }
    }

    /// The same after so long a time. If that is longer than the action's time limit, the call is cut off.
    #[must_use]
    pub fn after(mut self, delay: Duration) -> Reply {
        self.delay = delay;
        self
    }

    /// The same with a header, its name in lower case. A reply without an answer stays as it is.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Reply {
        if let Ok(response) = &mut self.result {
            response.headers.insert(name.to_owned(), value.to_owned());
        }
        self
    }
}

/// An answer of this HTTP status with this body.
pub fn json(status: u16, body: &str) -> Reply {
    Reply::new(Ok(HttpResponse { status, body: body.to_owned().into(), ..HttpResponse::default() }))
}

/// A success. Nearly every answer has to hold a `RequestId` to be believed.
pub fn ok(body: &str) -> Reply {
    json(200, body)
}

/// The cloud's refusal by this code.
pub fn refuse(status: u16, code: &str) -> Reply {
    json(status, &format!(r#"{{"RequestId":"R-{code}","Code":"{code}","Message":"said the cloud"}}"#))
}

/// No answer: the connection is refused, and nothing was sent.
pub fn unreachable() -> Reply {
    fault(Fault::Unreachable, "connection refused")
}

/// No answer: the connection breaks after the request went out, so that nobody knows whether it was carried out.
pub fn broken() -> Reply {
    fault(Fault::Broken, "connection reset")
}

/// No answer, and no end.
pub fn hang() -> Reply {
    fault(Fault::Broken, "the test is over").after(Duration::from_secs(1_000_000))
}

pub(crate) fn fault(fault: Fault, reason: &str) -> Reply {
    Reply::new(Err(TransportError { fault, reason: reason.to_owned() }))
}

/// A cloud that a closure plays. It keeps what was sent, and keeps to time limits as the network does.
pub struct Stub {
    answer: Box<dyn Fn(Sent) -> BoxFuture<'static, Reply> + Send + Sync>,
    sent: Mutex<Vec<Sent>>,
}

impl fmt::Debug for Stub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stub").field("sent", &self.sent()).finish_non_exhaustive()
    }
}

/// One request as it went out.
#[derive(Clone)]
pub struct Sent {
    /// Counts all requests from 0.
    pub index: usize,
    /// When it was sent.
    pub at: Instant,
    /// Query and form together.
    pub params: BTreeMap<String, String>,
    pub(crate) request: HttpRequest,
}

impl fmt::Debug for Sent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.action(), self.params)
    }
}

impl Sent {
    /// A header's value. Names are in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.request.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }

    /// The action, empty if it is no call of the cloud's API.
    pub fn action(&self) -> &str {
        self.header("x-acs-action").unwrap_or_default()
    }

    /// The verb of HTTP.
    pub fn method(&self) -> &str {
        self.request.method
    }

    /// What follows the host, escaped.
    pub fn path(&self) -> &str {
        self.request.url.splitn(4, '/').nth(3).unwrap_or_default()
    }

    /// The host that was called, with its port if it is not the scheme's own.
    pub fn host(&self) -> &str {
        self.request.url.split('/').nth(2).unwrap_or_default()
    }

    /// A parameter's value, empty if it was not sent.
    pub fn param(&self, name: &str) -> &str {
        self.params.get(name).map_or("", String::as_str)
    }
}

impl Stub {
    /// Answers each request as the closure says.
    pub fn new(answer: impl Fn(&Sent) -> Reply + Send + Sync + 'static) -> Arc<Stub> {
        Stub::slow(move |sent| {
            let reply = answer(&sent);
            async { reply }.boxed()
        })
    }

    /// The replies in order, the last one for ever.
    pub fn script(replies: Vec<Reply>) -> Arc<Stub> {
        Stub::new(move |sent| replies[sent.index.min(replies.len() - 1)].clone())
    }

    /// Answers when the closure's future is ready.
    pub fn slow(answer: impl Fn(Sent) -> BoxFuture<'static, Reply> + Send + Sync + 'static) -> Arc<Stub> {
        Arc::new(Stub { answer: Box::new(answer), sent: Mutex::default() })
    }

    /// Everything that was sent so far, in order.
    pub fn sent(&self) -> Vec<Sent> {
        self.sent.lock().expect("no panic").clone()
    }

    /// The actions that were asked for so far, in order.
    pub fn actions(&self) -> Vec<String> {
        self.sent().iter().map(|sent| sent.action().to_owned()).collect()
    }
}

impl Transport for Stub {
    fn send(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, TransportError>> {
        let limit = request.time_limit;
        let sent = {
            let mut all = self.sent.lock().expect("no panic");
            let query = request.url.split_once('?').map_or("", |(_, query)| query);
            let mut params = decode(query);
            params.extend(decode(&request.body));
            let sent = Sent { index: all.len(), at: Instant::now(), params, request };
            all.push(sent.clone());
            sent
        };
        let reply = (self.answer)(sent);
        let reply = async move {
            let reply = reply.await;
            if !reply.delay.is_zero() {
                sleep(reply.delay).await;
            }
            reply.result
        };
        async move { timeout(limit, reply).await.unwrap_or_else(|_| fault(Fault::TimedOut, "too slow").result) }
            .boxed()
    }
}

/// Reads a query or a form.
pub(crate) fn decode(form: &str) -> BTreeMap<String, String> {
    form_urlencoded::parse(form.as_bytes()).into_owned().collect()
}

/// An environment without variables and files. Its clock starts at [`START`] and goes with Tokio's.
pub fn environment() -> Environment {
    let began = Instant::now();
    Environment::default().with_clock(move || {
        let gone = SignedDuration::try_from(began.elapsed()).expect("a short test");
        start().checked_add(gone).expect("a short test")
    })
}

pub(crate) fn start() -> Timestamp {
    START.parse().expect("a time")
}

/// The settings of [`client`]: the region `cn-test`, a fixed key, and [`environment`].
pub fn settings() -> Settings {
    let key = Fixed::new(KEY_ID, SECRET, None, "the settings");
    Settings { environment: environment(), ..Settings::new("cn-test", Arc::new(key)) }
}

/// A client whose network is the stub.
pub fn client(stub: &Arc<Stub>) -> Client {
    client_with(settings(), stub)
}

/// A client with these settings whose network is the stub.
///
/// # Panics
/// If the settings are refused.
pub fn client_with(settings: Settings, stub: &Arc<Stub>) -> Client {
    let transport: Arc<dyn Transport> = Arc::clone(stub) as _;
    Client::with_transport(settings, transport).expect("a client")
}

/// A deadline.
pub fn in_seconds(seconds: u64) -> Instant {
    Instant::now() + Duration::from_secs(seconds)
}

#[cfg(test)]
pub(crate) use self::sources::{fetch, means, means_of, means_with};

/// What sources of keys are tested with.
#[cfg(test)]
mod sources {
    use super::*;
    use crate::call::Caller;
    use crate::clock::Clock;
    use crate::credential::{Credential, Means, Provide};
    use crate::{Error, RetryPolicy};

    /// The means of sources that do not reach the network.
    pub(crate) fn means() -> Means {
        means_with(environment(), &Stub::script(vec![fault(Fault::Unsendable, "no network in this test")]))
    }

    /// Means whose network is the stub.
    pub(crate) fn means_with(environment: Environment, stub: &Arc<Stub>) -> Means {
        means_of(&Settings { environment, ..settings() }, stub)
    }

    /// The means that a client with these settings would make.
    pub(crate) fn means_of(settings: &Settings, stub: &Arc<Stub>) -> Means {
        let transport: Arc<dyn Transport> = Arc::clone(stub) as _;
        let caller = Caller {
            transport,
            clock: Clock::new(settings.environment.clone()),
            policy: RetryPolicy::default(),
            user_agent: "test".into(),
            read_timeout: None,
        };
        settings.means(caller).expect("the means")
    }

    /// What a source gives, with `environment` and `stub` around it.
    pub(crate) async fn fetch(
        source: &impl Provide,
        environment: Environment,
        stub: &Arc<Stub>,
    ) -> Result<Option<Credential>, Error> {
        source.fetch(&means_with(environment, stub)).await
    }
}
