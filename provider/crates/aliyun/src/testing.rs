//! For tests: a transport in memory, an environment whose clock goes with tokio's, and shorthands for answers.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use tokio::time::{Instant, sleep, timeout};

use crate::call::{Caller, Clock};
use crate::credential::{Context, Credential, Fixed, Provide};
pub use crate::transport::Fault;
use crate::transport::{Failure, HttpRequest, HttpResponse, Transport};
use crate::{Client, Environment, Error, RetryPolicy, Settings};

/// Where the tests' clocks start.
pub const START: &str = "2026-11-22T01:00:00Z";
pub const KEY_ID: &str = "LTAI5tExampleKeyId";
pub const SECRET: &str = "a-secret-that-must-not-show";

pub type Reply = Result<HttpResponse, Failure>;

/// A transport that asks a closure. It keeps what was sent, and keeps to time limits as the real one does.
pub struct Stub {
    answer: Box<dyn Fn(Sent) -> BoxFuture<'static, Reply> + Send + Sync>,
    sent: Mutex<Vec<Sent>>,
}

/// One request as it went out.
#[derive(Clone)]
pub struct Sent {
    /// Counts from 0.
    pub index: usize,
    pub at: Instant,
    pub request: HttpRequest,
    /// Query and form together.
    pub params: BTreeMap<String, String>,
}

impl Sent {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.request.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }

    pub fn action(&self) -> &str {
        self.header("x-acs-action").unwrap_or_default()
    }

    pub fn param(&self, name: &str) -> &str {
        self.params.get(name).map_or("", String::as_str)
    }
}

impl Stub {
    /// Answers at once.
    pub fn new(answer: impl Fn(&Sent) -> Reply + Send + Sync + 'static) -> Arc<Stub> {
        Stub::slow(move |sent| {
            let reply = answer(&sent);
            async { reply }.boxed()
        })
    }

    /// Answers when it likes.
    pub fn slow(answer: impl Fn(Sent) -> BoxFuture<'static, Reply> + Send + Sync + 'static) -> Arc<Stub> {
        Arc::new(Stub { answer: Box::new(answer), sent: Mutex::default() })
    }

    /// The replies in order, the last one for ever.
    pub fn script(replies: Vec<Reply>) -> Arc<Stub> {
        Stub::new(move |sent| replies[sent.index.min(replies.len() - 1)].clone())
    }

    pub fn sent(&self) -> Vec<Sent> {
        self.sent.lock().expect("no panic").clone()
    }
}

impl Transport for Stub {
    fn send(&self, request: HttpRequest) -> BoxFuture<'_, Reply> {
        let limit = request.time_limit;
        let sent = {
            let mut all = self.sent.lock().expect("no panic");
            let query = request.url.split_once('?').map_or("", |(_, query)| query);
            let mut params = decode(query);
            params.extend(decode(&request.body));
            let sent = Sent { index: all.len(), at: Instant::now(), request, params };
            all.push(sent.clone());
            sent
        };
        let reply = (self.answer)(sent);
        async move { timeout(limit, reply).await.unwrap_or_else(|_| fault(Fault::TimedOut, "too slow")) }
            .boxed()
    }
}

/// Reads a query or a form.
pub fn decode(form: &str) -> BTreeMap<String, String> {
    form.split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (plain(name), plain(value)))
        .collect()
}

fn plain(encoded: &str) -> String {
    let mut bytes = encoded.bytes();
    let mut out = Vec::new();
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits = [bytes.next().expect("a digit"), bytes.next().expect("a digit")];
                let digits = std::str::from_utf8(&digits).expect("ASCII");
                u8::from_str_radix(digits, 16).expect("hexadecimal")
            }
            byte => byte,
        });
    }
    String::from_utf8(out).expect("UTF-8")
}

pub fn json(status: u16, body: &str) -> Reply {
    Ok(HttpResponse { status, body: body.to_owned().into(), ..HttpResponse::default() })
}

pub fn ok(body: &str) -> Reply {
    json(200, body)
}

pub fn refuse(status: u16, code: &str) -> Reply {
    json(status, &format!(r#"{{"RequestId":"R-{code}","Code":"{code}","Message":"said the cloud"}}"#))
}

pub fn fault(fault: Fault, reason: &str) -> Reply {
    Err(Failure { fault, reason: reason.to_owned() })
}

pub fn with_header(reply: Reply, name: &str, value: &str) -> Reply {
    let mut response = reply?;
    response.headers.insert(name.to_owned(), value.to_owned());
    Ok(response)
}

/// Never.
pub async fn hang() -> Reply {
    sleep(Duration::from_secs(1_000_000)).await;
    fault(Fault::Broken, "the test is over")
}

pub fn start() -> Timestamp {
    START.parse().expect("a time")
}

/// An empty environment whose clock starts at [`START`] and goes with tokio's.
pub fn environment() -> Environment {
    let began = Instant::now();
    Environment::default().with_clock(move || {
        let gone = SignedDuration::try_from(began.elapsed()).expect("a short test");
        start().checked_add(gone).expect("a short test")
    })
}

pub fn settings() -> Settings {
    let key = Fixed::new(KEY_ID, SECRET, None, "the settings");
    Settings { environment: environment(), ..Settings::new("cn-test", Arc::new(key)) }
}

pub fn client(stub: &Arc<Stub>) -> Client {
    client_with(settings(), stub)
}

pub fn client_with(settings: Settings, stub: &Arc<Stub>) -> Client {
    let transport: Arc<dyn Transport> = Arc::clone(stub) as _;
    Client::with_transport(settings, transport).expect("a client")
}

/// A context for sources that do not reach the network.
pub fn context() -> Context {
    context_with(environment(), &Stub::script(vec![fault(Fault::Unsendable, "no network in this test")]))
}

/// A context whose network is the stub.
pub fn context_with(environment: Environment, stub: &Arc<Stub>) -> Context {
    context_of(&Settings { environment, ..settings() }, stub)
}

/// The context that a client with these settings would make.
pub fn context_of(settings: &Settings, stub: &Arc<Stub>) -> Context {
    let transport: Arc<dyn Transport> = Arc::clone(stub) as _;
    let caller = Caller {
        transport,
        clock: Clock::new(settings.environment.clone()),
        policy: RetryPolicy::default(),
        user_agent: "test".to_owned(),
        read_timeout: None,
    };
    Context::new(settings, Arc::new(caller)).expect("a context")
}

/// What a source gives, with `environment` and `stub` around it.
pub async fn fetch(
    source: &impl Provide,
    environment: Environment,
    stub: &Arc<Stub>,
) -> Result<Option<Credential>, Error> {
    source.fetch(&context_with(environment, stub)).await
}

pub fn in_seconds(seconds: u64) -> Instant {
    Instant::now() + Duration::from_secs(seconds)
}

/// STS's answer: a temporary key that lives for an hour from [`START`].
pub const STS: &str = r#"{"RequestId":"R","Credentials":{"AccessKeyId":"STS.NUexample0001",
    "AccessKeySecret":"sts-secret","SecurityToken":"sts-token","Expiration":"2026-11-22T02:00:00Z"}}"#;
