//! One action: sign, send, read, classify, and send again if that is safe, inside a deadline.
//!
//! Knows neither which actions there are nor what their answers hold.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use jiff::Timestamp;
use tokio::time::{Instant, sleep, timeout_at};
use tracing::field::Empty;
use tracing::{Instrument as _, Span};

use crate::advice::{self, Facts};
use crate::answer::{self, Exchange, Outcome, Reading};
use crate::clock::Clock;
use crate::endpoint::{Endpoint, Product};
use crate::error::{Class, Error, ErrorKind, Rule, one_line};
use crate::key::{self, Credential};
use crate::object::Object;
use crate::retry::RetryPolicy;
use crate::sign::{self, Scheme};
use crate::throttle::Throttle;
use crate::transport::{Fault, HttpRequest, Transport, TransportError};

/// No pause between two attempts is longer than this, whoever asks for it.
const LONGEST_DELAY: Duration = Duration::from_secs(3_600);

/// What all calls have in common, whatever product they go to. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Caller {
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) clock: Clock,
    pub(crate) policy: RetryPolicy,
    pub(crate) user_agent: Arc<str>,
    /// Overrides every action's own time limit.
    pub(crate) read_timeout: Option<Duration>,
}

/// How a request is laid out. Servers do not mind; gateways do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// `POST` with the action's parameters in the body.
    Form,
    /// `POST` with them in the query.
    PostQuery,
    /// `GET` with them in the query.
    GetQuery,
}

/// A product as one client reaches it.
#[derive(Clone, Debug)]
pub(crate) struct Service<'a> {
    pub(crate) product: Product,
    pub(crate) layout: Layout,
    pub(crate) version: &'static str,
    pub(crate) region: &'a str,
    pub(crate) endpoint: &'a Endpoint,
    pub(crate) scheme: Scheme,
    /// Parameters that every request carries in its query.
    pub(crate) query: Vec<(String, String)>,
    /// Headers that every request carries.
    pub(crate) headers: Vec<(String, String)>,
    /// Puts the key's secret itself into the query, as some private clouds want it.
    pub(crate) send_secret: bool,
    pub(crate) throttle: Option<&'a Throttle>,
}

/// What calls are signed with.
pub(crate) trait Keys: Send + Sync {
    /// The key for one attempt, or none for an anonymous call.
    fn key(&self) -> BoxFuture<'_, Result<Option<Credential>, Error>>;

    /// Takes note that the cloud calls a key expired. False if there cannot be another one.
    fn refused(&self, key: &Credential) -> bool;
}

/// Calls that are not signed.
pub(crate) struct Anonymous;

impl Keys for Anonymous {
    fn key(&self) -> BoxFuture<'_, Result<Option<Credential>, Error>> {
        async { Ok(None) }.boxed()
    }

    fn refused(&self, _key: &Credential) -> bool {
        false
    }
}

/// This key, come what may.
impl Keys for Credential {
    fn key(&self) -> BoxFuture<'_, Result<Option<Credential>, Error>> {
        async { Ok(Some(self.clone())) }.boxed()
    }

    fn refused(&self, _key: &Credential) -> bool {
        false
    }
}

/// One action with its parameters.
#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) action: &'static str,
    pub(crate) params: Vec<(String, String)>,
    pub(crate) time_limit: Duration,
    pub(crate) rules: &'static [Rule],
    /// Whether it does no harm to carry it out twice.
    pub(crate) idempotent: bool,
    /// The object of OSS that it is about; then it is no action, and its answer holds nothing to read.
    pub(crate) object: Option<Object>,
    /// A parameter's value that must not be shown if an answer repeats it.
    pub(crate) secret: Option<String>,
    pub(crate) deadline: Instant,
}

/// What happened so far.
#[derive(Debug, Default)]
struct History {
    attempts: u32,
    throttled: u32,
    backoffs: u32,
    waits: u32,
    broken: u32,
    garbage: u32,
    nonces: u32,
    unreachable: u32,
    unreachable_since: Option<Instant>,
    resigned: bool,
    refreshed: bool,
    /// An attempt so far may have been carried out.
    ambiguous: bool,
}

/// One attempt's outcome, with what is needed to judge it.
struct Attempt {
    result: Result<(), Error>,
    credential: Option<Credential>,
    server_time: Option<Timestamp>,
    /// From sending on: waiting for a turn does not count.
    took: Duration,
}

impl Caller {
    /// Makes a call until it succeeds, or until there is no sense in making it once more. What it answers is in `reading`.
    pub(crate) async fn call(
        &self,
        service: &Service<'_>,
        keys: &dyn Keys,
        call: &Call,
        reading: &mut dyn Reading,
    ) -> Result<(), Error> {
        let started = Instant::now();
        if started >= call.deadline {
            return Err(Error::timed_out(call.action, Duration::ZERO, 0, None));
        }
        let mut history = History::default();
        let mut last: Option<Error> = None;
        loop {
            history.attempts += 1;
            let sent = AtomicBool::new(false);
            let span = tracing::debug_span!(
                target: "telemetry",
                "call",
                action = call.action,
                region = service.region,
                attempt = history.attempts,
                status = Empty,
                code = Empty,
                request_id = Empty,
            );
            let attempt = self.attempt(service, keys, call, &history, &sent, reading).instrument(span);
            let attempt = timeout_at(call.deadline, attempt).await;
            let Ok(attempt) = attempt else {
                let sent = sent.load(Ordering::Relaxed);
                history.ambiguous |= sent;
                let error = Error::timed_out(call.action, started.elapsed(), history.attempts, last);
                let error = if sent {
                    error
                } else {
                    error.with_note("it was still waiting for its turn or for a key")
                };
                return Err(error.with_ambiguous(history.ambiguous));
            };
            let attempt = match attempt {
                // No key could be had: nothing was sent.
                Err(error) => return Err(error.with_ambiguous(history.ambiguous)),
                Ok(attempt) => attempt,
            };
            let error = match attempt.result {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            history.ambiguous |= error.is_ambiguous();
            let error = error.with_ambiguous(history.ambiguous);
            if !call.idempotent && history.ambiguous {
                return Err(error);
            }
            let Some(delay) = self.delay(&error, &mut history, attempt.took) else {
                return Err(give_up(error, service, &history, started.elapsed()));
            };
            match error.class() {
                Class::Resign => match attempt.server_time {
                    Some(server) => self.clock.correct(server),
                    None => return Err(error),
                },
                Class::Refresh => match &attempt.credential {
                    Some(used) if keys.refused(used) => {}
                    Some(_) | None => return Err(error),
                },
                Class::Throttle
                | Class::Backoff
                | Class::Wait
                | Class::Nonce
                | Class::Unreachable
                | Class::Broken
                | Class::Garbage
                | Class::Fatal => {}
            }
            let delay = error.retry_after().unwrap_or_default().max(delay).min(LONGEST_DELAY);
            if Instant::now().checked_add(delay).is_none_or(|next| next >= call.deadline) {
                let error = Error::timed_out(call.action, started.elapsed(), history.attempts, Some(error));
                return Err(error.with_ambiguous(history.ambiguous));
            }
            announce(call.action, &error, &history, delay);
            last = Some(error);
            sleep(delay).await;
        }
    }

    /// How long to wait before the next attempt; `None` if there must not be one.
    fn delay(&self, error: &Error, history: &mut History, took: Duration) -> Option<Duration> {
        let policy = &self.policy;
        if error.class() != Class::Unreachable {
            history.unreachable = 0;
            history.unreachable_since = None;
        }
        if error.class() != Class::Broken {
            history.broken = 0;
        }
        match error.class() {
            Class::Fatal => None,
            Class::Throttle => {
                history.throttled += 1;
                Some(policy.backoff(history.throttled - 1))
            }
            Class::Backoff => {
                history.backoffs += 1;
                Some(policy.backoff(history.backoffs - 1))
            }
            Class::Wait => {
                history.waits += 1;
                Some(policy.pace(history.waits - 1))
            }
            Class::Broken => {
                history.broken += 1;
                (history.broken < policy.broken).then(|| policy.backoff(history.broken - 1))
            }
            Class::Garbage => {
                history.garbage += 1;
                (history.garbage < policy.unexpected).then(|| policy.backoff(history.garbage - 1))
            }
            Class::Unreachable => {
                let since = *history.unreachable_since.get_or_insert_with(|| Instant::now() - took);
                history.unreachable += 1;
                let delay = policy.backoff(history.unreachable - 1);
                // The next attempt will take as long as this one did, if nothing changes.
                let next = since.elapsed().saturating_add(delay).saturating_add(took);
                (history.unreachable < 5 && next < policy.unreachable).then_some(delay)
            }
            Class::Nonce => {
                history.nonces += 1;
                (history.nonces < 3).then(|| policy.backoff(0))
            }
            Class::Resign => (!std::mem::replace(&mut history.resigned, true)).then_some(Duration::ZERO),
            Class::Refresh => (!std::mem::replace(&mut history.refreshed, true)).then_some(Duration::ZERO),
        }
    }

    async fn attempt(
        &self,
        service: &Service<'_>,
        keys: &dyn Keys,
        call: &Call,
        history: &History,
        sent: &AtomicBool,
        reading: &mut dyn Reading,
    ) -> Result<Attempt, Error> {
        let permit = match service.throttle {
            Some(throttle) => Some(throttle.acquire().await),
            None => None,
        };
        let credential = keys.key().await?;
        let now = self.clock.now();
        let request = match &call.object {
            Some(object) => {
                let limit = self.time_limit(call);
                object.request(service.endpoint, credential.as_ref(), now, &self.user_agent, limit)
            }
            None => self.request(service, credential.as_ref(), call),
        };
        let url = request.url.clone();
        let asked = self.clock.local();
        let started = Instant::now();
        sent.store(true, Ordering::Relaxed);
        let response = self.transport.send(request).await;
        let took = started.elapsed();

        let redact = |text: &str| {
            let text =
                credential.as_ref().map_or_else(|| text.to_owned(), |credential| credential.redact(text));
            key::redact(&text, call.secret.as_ref())
        };
        let (outcome, server_time) = match &response {
            Ok(response) => {
                let exchange = Exchange { action: call.action, rules: call.rules, response, redact: &redact };
                let outcome = match &call.object {
                    Some(object) => object.read(&exchange, now, reading),
                    None => exchange.read(reading),
                };
                (outcome, answer::server_time(response))
            }
            Err(error) => {
                let proxy = self.transport.proxy(&url);
                let error = TransportError { reason: redact(&error.reason), ..error.clone() };
                let error = unanswered(call.action, service.endpoint, proxy, &error);
                (Outcome { result: Err(error), request_id: None, denial: None }, None)
            }
        };
        if let (Some(server), Some(_)) = (server_time, &outcome.request_id) {
            self.clock.hear(server, asked);
        }
        let status = response.as_ref().ok().map(|response| response.status);
        let error = outcome.result.as_ref().err();
        let span = Span::current();
        span.record("status", status);
        span.record("code", error.and_then(Error::code));
        span.record("request_id", outcome.request_id.as_deref());
        tracing::debug!(
            action = call.action,
            attempt = history.attempts,
            status,
            code = error.map(|error| error.code().unwrap_or("none")),
            request_id = outcome.request_id.as_deref(),
            ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            "called {}",
            service.product.name(),
        );
        if let (Some(permit), Ok(_)) = (&permit, &response) {
            if error.is_some_and(|error| error.class() == Class::Throttle) {
                if let Some(rate) = permit.throttled() {
                    tracing::debug!(action = call.action, rate, "slowed down: calls per second");
                }
            } else {
                permit.carried();
            }
        }
        let result = outcome.result.map_err(|error| {
            let facts = Facts {
                product: service.product,
                region: service.region,
                endpoint: service.endpoint,
                credential: credential.as_ref(),
                skew: server_time.map(|server| self.clock.skew(server)),
                denial: outcome.denial.as_ref(),
            };
            let advice = advice::advise(&error, &facts);
            if advice.is_some() { error.with_advice(advice) } else { error }
        });
        Ok(Attempt { result, credential, server_time, took })
    }

    fn request(&self, service: &Service<'_>, credential: Option<&Credential>, call: &Call) -> HttpRequest {
        let mut query = service.query.clone();
        if service.scheme == Scheme::V1 {
            query.push(("Format".to_owned(), "JSON".to_owned()));
        }
        let (method, form): (_, &[(String, String)]) = match service.layout {
            Layout::Form => ("POST", &call.params),
            Layout::PostQuery => ("POST", &[]),
            Layout::GetQuery => ("GET", &[]),
        };
        if service.layout != Layout::Form {
            query.extend_from_slice(&call.params);
        }
        if let (true, Some(credential)) = (service.send_secret, credential) {
            query.push(("AccessKeySecret".to_owned(), credential.access_key_secret.clone()));
        }
        // Every attempt has a nonce of its own: a nonce seen twice is refused.
        let nonce = format!("{:032x}", rand::random::<u128>());
        let headers: Vec<(&str, &str)> =
            service.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let request = sign::Request {
            method,
            host: service.endpoint.authority(),
            action: call.action,
            version: service.version,
            query: &query,
            form,
            headers: &headers,
        };
        let signed = sign::sign(service.scheme, &request, credential, self.clock.now(), &nonce);
        let mut headers = signed.headers;
        headers.push(("accept".into(), "application/json".to_owned()));
        headers.push(("user-agent".into(), self.user_agent.as_ref().to_owned()));
        HttpRequest {
            method,
            url: service.endpoint.url(&signed.query),
            headers,
            body: signed.body,
            time_limit: self.time_limit(call),
            link_local: false,
        }
    }

    /// How long the next attempt may take.
    fn time_limit(&self, call: &Call) -> Duration {
        let limit = self.read_timeout.unwrap_or(call.time_limit);
        limit.min(call.deadline.saturating_duration_since(Instant::now()))
    }
}

/// The error of a call that got no answer.
fn unanswered(
    action: &'static str,
    endpoint: &Endpoint,
    proxy: Option<String>,
    error: &TransportError,
) -> Error {
    let through = proxy.map(|proxy| format!(" through the proxy {proxy}")).unwrap_or_default();
    let reason = one_line(&error.reason, 500);
    let (kind, class, message) = match error.fault {
        Fault::Unreachable => {
            (ErrorKind::Transport, Class::Unreachable, format!("cannot reach {endpoint}{through}: {reason}"))
        }
        Fault::Untrusted => (
            ErrorKind::Transport,
            Class::Fatal,
            format!("no trusted connection to {endpoint}{through}: {reason}"),
        ),
        Fault::Blocked => {
            (ErrorKind::Transport, Class::Fatal, format!("no way to {endpoint}{through}: {reason}"))
        }
        Fault::Broken => (
            ErrorKind::Transport,
            Class::Broken,
            format!("the connection to {endpoint}{through} broke: {reason}"),
        ),
        Fault::TimedOut => {
            (ErrorKind::Transport, Class::Broken, format!("{endpoint}{through} is too slow: {reason}"))
        }
        Fault::TooLarge => {
            (ErrorKind::UnexpectedResponse, Class::Fatal, format!("{endpoint}{through}: {reason}"))
        }
        Fault::Unsendable => (ErrorKind::Settings, Class::Fatal, reason),
    };
    let advice = match error.fault {
        Fault::Unreachable => Some(format!(
            "Check the endpoint {endpoint}, given by {}, and the network, the proxy settings and the firewall on the way.",
            endpoint.origin()
        )),
        Fault::Untrusted => Some(format!(
            "Check that {endpoint} is the right host and speaks TLS; if its certificate is signed by an authority of \
             your own, name that authority's file in SSL_CERT_FILE or in the settings."
        )),
        Fault::Blocked => Some(format!(
            "Check the proxy's user name and password, and that it lets requests through to {endpoint}; NO_PROXY names \
             hosts that are reached without it."
        )),
        Fault::Broken | Fault::TimedOut | Fault::TooLarge | Fault::Unsendable => None,
    };
    let ambiguous = match error.fault {
        Fault::Broken | Fault::TimedOut | Fault::TooLarge => true,
        Fault::Unreachable | Fault::Untrusted | Fault::Blocked | Fault::Unsendable => false,
    };
    Error::new(kind, class, action, message).with_advice(advice).with_ambiguous(ambiguous)
}

/// Adds to the last error how long and how often the call was tried, if more than once.
fn give_up(error: Error, service: &Service<'_>, history: &History, after: Duration) -> Error {
    match error.class() {
        Class::Unreachable | Class::Broken | Class::Garbage if history.attempts > 1 => {
            tracing::warn!(action = error.action(), endpoint = %service.endpoint, "gave up: {error}");
            error.with_note(format!("tried {} times in {:.1} s", history.attempts, after.as_secs_f64()))
        }
        Class::Throttle
        | Class::Backoff
        | Class::Wait
        | Class::Resign
        | Class::Nonce
        | Class::Refresh
        | Class::Unreachable
        | Class::Broken
        | Class::Garbage
        | Class::Fatal => error,
    }
}

/// Tells the user why nothing happens. Once per reason, since the same is likely to go on for a while.
fn announce(action: &'static str, error: &Error, history: &History, delay: Duration) {
    let ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
    match error.class() {
        Class::Wait if history.waits == 1 => tracing::info!(action, "waiting: {error}"),
        Class::Resign => tracing::warn!(action, "the clock is wrong, going on with the server's: {error}"),
        Class::Backoff if history.backoffs == 3 => tracing::warn!(action, "still trying: {error}"),
        Class::Unreachable if history.unreachable == 1 => tracing::warn!(action, "trying again: {error}"),
        Class::Broken if history.broken == 1 => tracing::info!(action, "trying again: {error}"),
        Class::Garbage => tracing::warn!(action, "trying again: {error}"),
        Class::Throttle if history.throttled == 5 => tracing::info!(action, "still throttled: {error}"),
        Class::Throttle
        | Class::Backoff
        | Class::Wait
        | Class::Nonce
        | Class::Refresh
        | Class::Unreachable
        | Class::Broken
        | Class::Fatal => tracing::debug!(action, ms, "trying again: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use futures::FutureExt as _;

    use super::*;
    use crate::ecs::{
        CreateImageRequest, DeleteImageRequest, DescribeImagesRequest, JoinResourceGroupRequest,
    };
    use crate::percent::percent_encode;
    use crate::testing::{
        KEY_ID, SECRET, STS, Stub, client, client_with, fault, hang, in_seconds, json, ok, refuse, settings,
        start,
    };
    use crate::{Client, Settings};

    const EMPTY: &str = r#"{"RequestId":"R","TotalCount":0,"Images":{"Image":[]}}"#;
    const MADE: &str = r#"{"RequestId":"R","ImageId":"m-1"}"#;

    fn images() -> DescribeImagesRequest {
        DescribeImagesRequest { image_id: Some("m-1".to_owned()), ..DescribeImagesRequest::default() }
    }

    fn create(token: Option<&str>) -> CreateImageRequest {
        CreateImageRequest {
            instance_id: Some("i-1".to_owned()),
            client_token: token.map(ToOwned::to_owned),
            ..CreateImageRequest::default()
        }
    }

    async fn describe(client: &Client, seconds: u64) -> Result<(), Error> {
        client.describe_images(&images(), in_seconds(seconds)).await.map(|_| ())
    }

    #[tokio::test(start_paused = true)]
    async fn every_attempt_has_its_own_nonce_time_and_signature_and_the_same_parameters() {
        let busy = || refuse(503, "ServiceUnavailable");
        let stub = Stub::script(vec![busy(), busy(), busy(), ok(MADE)]);
        let made = client(&stub).create_image(&create(Some("token")), in_seconds(600)).await.expect("made");
        assert_eq!(made.image_id, "m-1");
        let sent = stub.sent();
        assert_eq!(sent.len(), 4);
        for header in ["x-acs-signature-nonce", "authorization"] {
            let values: BTreeSet<_> = sent.iter().map(|sent| sent.header(header)).collect();
            assert_eq!(values.len(), 4, "{header}");
        }
        assert!(sent.iter().all(|other| other.params == sent[0].params));
        assert_eq!(sent[0].param("ClientToken"), "token");
        assert!(sent.iter().all(|sent| sent.param("RegionId") == "cn-test"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_never_goes_past_its_deadline_and_says_how_it_was_spent() {
        let stub = Stub::script(vec![refuse(400, "Throttling.User")]);
        let started = Instant::now();
        let error = describe(&client(&stub), 60).await.expect_err("throttled for ever");
        assert!(started.elapsed() <= Duration::from_secs(60));
        assert!(started.elapsed() > Duration::from_secs(35), "{:?}", started.elapsed());
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert_eq!(error.code(), Some("Throttling.User"));
        assert_eq!(error.request_id(), Some("R-Throttling.User"));
        let attempts = stub.sent().len();
        assert!(error.to_string().contains(&format!("and {attempts} attempts")), "{error}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_hangs_is_cut_off_by_the_actions_time_limit_and_made_again() {
        let stub = Stub::script(vec![hang(), ok(EMPTY)]);
        let started = Instant::now();
        describe(&client(&stub), 600).await.expect("at the second attempt");
        let spent = started.elapsed();
        assert!(spent >= Duration::from_secs(38) && spent < Duration::from_secs(39), "{spent:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn the_read_time_out_setting_overrides_the_actions() {
        let stub = Stub::new(|_| hang());
        let mut settings = settings();
        settings.read_timeout = Some(Duration::from_secs(2));
        settings.retry.broken = 1;
        let started = Instant::now();
        let error = describe(&client_with(settings, &stub), 600).await.expect_err("hangs");
        assert_eq!((error.kind(), stub.sent().len()), (ErrorKind::Transport, 1));
        assert_eq!(started.elapsed(), Duration::from_secs(2));
    }

    #[tokio::test(start_paused = true)]
    async fn a_deadline_cuts_off_a_call_that_hangs() {
        let stub = Stub::new(|_| hang());
        let started = Instant::now();
        let request = create(Some("token"));
        let error = client(&stub).create_image(&request, in_seconds(5)).await.expect_err("hangs");
        assert_eq!(started.elapsed().as_secs(), 5);
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert!(error.is_ambiguous());
    }

    #[tokio::test(start_paused = true)]
    async fn a_deadline_that_is_over_makes_no_call() {
        let stub = Stub::script(vec![ok(EMPTY)]);
        let error = describe(&client(&stub), 0).await.expect_err("too late");
        assert_eq!((error.kind(), stub.sent().len()), (ErrorKind::TimedOut, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn max_retry_timeout_shortens_the_deadline() {
        let stub = Stub::script(vec![refuse(500, "InternalError")]);
        let mut settings = settings();
        settings.max_retry_timeout = Some(Duration::from_secs(10));
        let started = Instant::now();
        let error = describe(&client_with(settings, &stub), 600).await.expect_err("broken for ever");
        assert!(started.elapsed() <= Duration::from_secs(10));
        assert_eq!(error.kind(), ErrorKind::TimedOut);
    }

    #[tokio::test(start_paused = true)]
    async fn the_server_says_how_long_to_wait() {
        let busy = refuse(503, "ServiceUnavailable").with_header("x-acs-retry-after", "7000");
        let stub = Stub::script(vec![busy, ok(EMPTY)]);
        describe(&client(&stub), 600).await.expect("at the second attempt");
        let sent = stub.sent();
        assert_eq!(sent[1].at - sent[0].at, Duration::from_secs(7));
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_asks_for_no_pause_gets_the_usual_one() {
        for header in ["retry-after", "x-acs-retry-after"] {
            let stub = Stub::script(vec![refuse(503, "ServiceUnavailable").with_header(header, "0")]);
            describe(&client(&stub), 60).await.expect_err("busy for ever");
            let sent = stub.sent().len();
            assert!((2..40).contains(&sent), "{header}: {sent}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_may_ask_for_an_hour_and_no_more() {
        let busy = refuse(503, "ServiceUnavailable").with_header("retry-after", "86400");
        let stub = Stub::script(vec![busy, ok(EMPTY)]);
        describe(&client(&stub), 7_200).await.expect("at the second attempt");
        let sent = stub.sent();
        assert_eq!(sent[1].at - sent[0].at, Duration::from_secs(3_600));
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_beyond_all_time_ends_the_call_and_keeps_the_doubt() {
        for header in ["retry-after", "x-acs-retry-after"] {
            let longest = u64::MAX.to_string();
            let busy = refuse(503, "ServiceUnavailable").with_header(header, &longest);
            let stub = Stub::script(vec![fault(Fault::Broken, "reset"), busy]);
            let result = client(&stub).create_image(&create(Some("token")), in_seconds(600)).await;
            let error = result.expect_err("too long");
            assert_eq!((error.kind(), stub.sent().len()), (ErrorKind::TimedOut, 2));
            assert!(error.is_ambiguous());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn settings_beyond_all_time_are_no_limit() {
        let stub = Stub::script(vec![refuse(503, "ServiceUnavailable"), ok(EMPTY)]);
        let mut settings = settings();
        settings.max_retry_timeout = Some(Duration::MAX);
        settings.read_timeout = Some(Duration::MAX);
        settings.connect_timeout = Some(Duration::MAX);
        describe(&client_with(settings, &stub), 600).await.expect("at the second attempt");
    }

    #[tokio::test(start_paused = true)]
    async fn no_image_is_gone_unless_describe_images_itself_says_so() {
        for (answer, lack) in [
            ("{}", "a RequestId"),
            (r#"{"status":"ok"}"#, "a RequestId"),
            (r#"{"RequestId":"","TotalCount":0}"#, "a RequestId"),
            (r#"{"TotalCount":0,"Images":{"Image":[]}}"#, "a RequestId"),
            (r#"{"RequestId":"R","Images":{"Image":[]}}"#, "a TotalCount"),
            (r#"{"RequestId":"R","TotalCount":"none"}"#, "a TotalCount"),
            (r#"{"RequestId":"R","TotalCount":1,"Images":{"Image":[]}}"#, "the images"),
            (r#"{"RequestId":"R","TotalCount":1,"Images":{"Image":[7]}}"#, "the images"),
            (r#"{"RequestId":"R","TotalCount":-1}"#, "the images"),
        ] {
            let stub = Stub::script(vec![ok(answer)]);
            let error = describe(&client(&stub), 600).await.expect_err(answer);
            assert_eq!((error.kind(), stub.sent().len()), (ErrorKind::UnexpectedResponse, 3), "{answer}");
            assert!(error.to_string().contains(&format!("without {lack}")), "{error}");
            assert!(!error.is_not_found());

            let stub = Stub::script(vec![ok(answer), ok(EMPTY)]);
            describe(&client(&stub), 600).await.expect("at the second attempt");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_request_id_may_be_spelt_otherwise_or_stand_in_a_header() {
        let header = ok(r#"{"TotalCount":0}"#).with_header("x-acs-request-id", "R");
        for answer in [header, ok(r#"{"requestId":"R","TotalCount":"0"}"#)] {
            describe(&client(&Stub::script(vec![answer])), 600).await.expect("no images");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_page_after_the_last_is_empty_although_there_are_images() {
        let stub = Stub::script(vec![ok(r#"{"RequestId":"R","TotalCount":100,"Images":{"Image":[]}}"#)]);
        let request = DescribeImagesRequest { page_number: Some(2), ..images() };
        let page = client(&stub).describe_images(&request, in_seconds(600)).await.expect("a page");
        assert!(page.images.is_empty());
        check_sent(&stub, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_with_images_is_taken_whatever_else_it_lacks() {
        let stub = Stub::script(vec![ok(r#"{"Images":{"Image":{"ImageId":"m-1"}}}"#)]);
        let page = client(&stub).describe_images(&images(), in_seconds(600)).await.expect("a page");
        assert_eq!(page.images[0].image_id.as_deref(), Some("m-1"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_deed_that_nobody_confirms_is_not_done() {
        let stub = Stub::script(vec![ok("{}"), ok(r#"{"status":"ok"}"#), ok(r#"{"RequestId":"R"}"#)]);
        let request = DeleteImageRequest { image_id: "m-1".to_owned(), force: None };
        client(&stub).delete_image(&request, in_seconds(600)).await.expect("at the third attempt");
        check_sent(&stub, 3);

        let stub = Stub::script(vec![ok("{}")]);
        let error = client(&stub).delete_image(&request, in_seconds(600)).await.expect_err("unconfirmed");
        assert_eq!((error.kind(), stub.sent().len()), (ErrorKind::UnexpectedResponse, 3));
        assert!(error.is_ambiguous());
    }

    #[tokio::test(start_paused = true)]
    async fn a_creation_that_names_no_image_is_asked_for_again_with_the_same_token() {
        for answer in ["{}", r#"{"RequestId":"R"}"#, r#"{"RequestId":"R","ImageId":""}"#] {
            let stub = Stub::script(vec![ok(answer), ok(MADE)]);
            client(&stub).create_image(&create(Some("token")), in_seconds(600)).await.expect("made");
            assert!(stub.sent().iter().all(|sent| sent.param("ClientToken") == "token"));
            check_sent(&stub, 2);

            let stub = Stub::script(vec![ok(answer), ok(MADE)]);
            let result = client(&stub).create_image(&create(None), in_seconds(600)).await;
            assert!(result.expect_err("unknown").is_ambiguous());
            check_sent(&stub, 1);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_image_id_is_never_lost_for_want_of_a_request_id() {
        let stub = Stub::script(vec![ok(r#"{"ImageId":"m-1"}"#)]);
        let made = client(&stub).create_image(&create(None), in_seconds(600)).await.expect("made");
        assert_eq!(made.image_id, "m-1");
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_longer_than_the_deadline_is_not_begun() {
        let busy = refuse(503, "ServiceUnavailable").with_header("retry-after", "700");
        let stub = Stub::script(vec![busy]);
        let started = Instant::now();
        let error = describe(&client(&stub), 600).await.expect_err("too long");
        assert_eq!((error.kind(), started.elapsed()), (ErrorKind::TimedOut, Duration::ZERO));
    }

    #[track_caller]
    fn check_sent(stub: &Stub, expected: usize) {
        assert_eq!(stub.sent().len(), expected);
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_token_nothing_is_resent_whose_outcome_is_unknown() {
        for unknown in [
            fault(Fault::Broken, "connection reset by peer"),
            fault(Fault::TimedOut, "no answer"),
            refuse(500, "InternalError"),
            json(502, "<html>bad gateway</html>"),
            refuse(400, "UnknownError"),
            ok("<html>a portal</html>"),
            ok("{\"ImageId\":\"m-"),
            refuse(400, "SignatureNonceUsed"),
        ] {
            let stub = Stub::script(vec![unknown, ok(MADE)]);
            let result = client(&stub).create_image(&create(None), in_seconds(600)).await;
            let error = result.expect_err("unknown");
            assert!(error.is_ambiguous(), "{error}");
            check_sent(&stub, 1);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_token_what_was_certainly_not_carried_out_is_resent() {
        for refused in [
            fault(Fault::Unreachable, "connection refused"),
            refuse(400, "Throttling"),
            refuse(400, "IncorrectInstanceStatus"),
            refuse(409, "OperationConflict"),
        ] {
            let stub = Stub::script(vec![refused, ok(MADE)]);
            let made = client(&stub).create_image(&create(None), in_seconds(600)).await.expect("made");
            assert_eq!(made.image_id, "m-1");
            check_sent(&stub, 2);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn with_a_token_unknown_outcomes_are_resent_with_the_same_token() {
        let stub = Stub::script(vec![
            fault(Fault::Broken, "connection reset by peer"),
            refuse(403, "LastTokenProcessing"),
            ok("<html>a portal</html>"),
            ok(MADE),
        ]);
        client(&stub).create_image(&create(Some("token")), in_seconds(600)).await.expect("made");
        check_sent(&stub, 4);
        assert!(stub.sent().iter().all(|sent| sent.param("ClientToken") == "token"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_after_an_unknown_outcome_leaves_it_unknown() {
        let stub = Stub::script(vec![fault(Fault::Broken, "reset"), refuse(403, "Forbidden.RAM")]);
        let result = client(&stub).create_image(&create(Some("token")), in_seconds(600)).await;
        let error = result.expect_err("denied");
        assert_eq!(error.kind(), ErrorKind::Denied);
        assert!(error.is_ambiguous());
    }

    #[tokio::test(start_paused = true)]
    async fn an_action_waits_for_its_own_states_at_a_steady_pace() {
        let stub = Stub::new(|sent| match sent.index {
            0..20 => refuse(400, "IncorrectInstanceStatus"),
            _ => ok(MADE),
        });
        let started = Instant::now();
        client(&stub).create_image(&create(Some("token")), in_seconds(600)).await.expect("made");
        let spent = started.elapsed();
        assert!(spent > Duration::from_secs(60) && spent < Duration::from_secs(100), "{spent:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn what_cannot_be_mended_is_not_resent() {
        for code in
            ["Forbidden.RAM", "InvalidImageName.Duplicated", "QuotaExceed.Image", "IdempotenceParamNotMatch"]
        {
            let stub = Stub::script(vec![refuse(403, code)]);
            let result = client(&stub).create_image(&create(Some("token")), in_seconds(600)).await;
            let error = result.expect_err(code);
            assert_eq!(error.code(), Some(code));
            assert!(!error.is_ambiguous(), "{error}");
            check_sent(&stub, 1);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_missing_source_does_not_look_like_a_missing_image() {
        let stub = Stub::script(vec![refuse(404, "InvalidInstanceId.NotFound")]);
        let result = client(&stub).create_image(&create(Some("token")), in_seconds(600)).await;
        assert!(!result.expect_err("no instance").is_not_found());
        let stub = Stub::script(vec![refuse(404, "InvalidImageId.NotFound")]);
        let request = DeleteImageRequest { image_id: "m-1".to_owned(), force: None };
        let result = client(&stub).delete_image(&request, in_seconds(600)).await;
        assert!(result.expect_err("no image").is_not_found());
    }

    #[tokio::test(start_paused = true)]
    async fn a_wrong_clock_is_corrected_once_and_for_later_calls_too() {
        let expired =
            || refuse(400, "InvalidTimeStamp.Expired").with_header("date", "Sun, 22 Nov 2026 04:00:00 GMT");
        let stub = Stub::script(vec![expired(), ok(EMPTY)]);
        let client = client(&stub);
        describe(&client, 600).await.expect("with the server's time");
        describe(&client, 600).await.expect("at once");
        let sent = stub.sent();
        assert_eq!(sent.len(), 3);
        assert_eq!(sent[0].header("x-acs-date"), Some(&*sign::format_time(start())));
        for sent in &sent[1..] {
            assert!(sent.header("x-acs-date").is_some_and(|date| date.starts_with("2026-11-22T04:00:0")));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_stays_wrong_ends_the_call_with_the_measured_difference() {
        let expired = refuse(400, "IllegalTimestamp").with_header("date", "Sun, 22 Nov 2026 04:00:00 GMT");
        let stub = Stub::script(vec![expired]);
        let error = describe(&client(&stub), 600).await.expect_err("refused twice");
        check_sent(&stub, 2);
        assert!(
            error.advice().is_some_and(|advice| advice.contains("3 hours behind")),
            "{:?}",
            error.advice()
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_nonce_seen_before_is_replaced() {
        let stub = Stub::script(vec![refuse(400, "SignatureNonceUsed"), ok(EMPTY)]);
        describe(&client(&stub), 600).await.expect("with another nonce");
        check_sent(&stub, 2);
    }

    #[tokio::test(start_paused = true)]
    async fn an_unreachable_endpoint_fails_within_half_a_minute_and_says_where_and_why() {
        for connect in [Duration::ZERO, Duration::from_secs(8), Duration::from_secs(20)] {
            let stub = Stub::slow(move |_| {
                async move {
                    sleep(connect).await;
                    fault(Fault::Unreachable, "tcp connect error: Connection refused (os error 111)")
                }
                .boxed()
            });
            let started = Instant::now();
            let error = describe(&client(&stub), 600).await.expect_err("unreachable");
            assert!(started.elapsed() < Duration::from_secs(30), "{:?}", started.elapsed());
            assert_eq!(error.kind(), ErrorKind::Transport);
            let shown = error.to_string();
            assert!(shown.contains("cannot reach https://ecs.cn-test.aliyuncs.com: tcp connect"), "{shown}");
            assert!(shown.contains("Connection refused"), "{shown}");
            assert!(stub.sent().len() == 1 || shown.contains("tried "), "{shown}");
            assert!(!error.is_ambiguous());
            assert!(error.advice().is_some_and(|advice| advice.contains("the region \"cn-test\"")));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_keeps_breaking_ends_the_call_before_the_deadline() {
        let stub = Stub::script(vec![fault(Fault::Broken, "connection reset by peer")]);
        let error = describe(&client(&stub), 3_600).await.expect_err("broken");
        check_sent(&stub, 10);
        assert!(error.to_string().contains("tried 10 times"), "{error}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_certificate_that_is_not_trusted_ends_the_call_at_once() {
        let stub = Stub::script(vec![fault(Fault::Untrusted, "invalid peer certificate: UnknownIssuer")]);
        let error = describe(&client(&stub), 600).await.expect_err("untrusted");
        check_sent(&stub, 1);
        assert!(error.to_string().contains("UnknownIssuer"), "{error}");
        assert!(error.advice().is_some_and(|advice| advice.contains("SSL_CERT_FILE")));
    }

    #[tokio::test(start_paused = true)]
    async fn a_page_instead_of_json_is_asked_for_three_times() {
        let stub = Stub::script(vec![ok("<html><body>Please log in</body></html>")]);
        let error = describe(&client(&stub), 600).await.expect_err("a portal");
        check_sent(&stub, 3);
        assert_eq!(error.kind(), ErrorKind::UnexpectedResponse);
        assert!(error.to_string().contains("Please log in"), "{error}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_gateways_page_at_5xx_is_resent_until_the_service_is_back() {
        let stub = Stub::new(|sent| match sent.index {
            0..7 => json(502, "<html>Bad Gateway</html>"),
            _ => ok(EMPTY),
        });
        describe(&client(&stub), 600).await.expect("at last");
        check_sent(&stub, 8);
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_without_an_image_id_is_an_error_and_unknown() {
        let stub = Stub::script(vec![ok(r#"{"RequestId":"R"}"#)]);
        let result = client(&stub).create_image(&create(Some("token")), in_seconds(600)).await;
        let error = result.expect_err("no id");
        assert!(error.is_ambiguous() && error.kind() == ErrorKind::UnexpectedResponse, "{error}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_resource_that_is_in_the_group_already_counts_as_moved() {
        let stub = Stub::script(vec![refuse(403, "InvalidResourceGroup.Duplicate")]);
        let request = JoinResourceGroupRequest { resource_id: "m-1".to_owned(), ..Default::default() };
        client(&stub).join_resource_group(&request, in_seconds(600)).await.expect("done already");
    }

    #[tokio::test(start_paused = true)]
    async fn a_secret_that_an_answer_repeats_is_not_shown() {
        let echo = format!(
            r#"{{"Code":"SignatureDoesNotMatch","Message":"string to sign is POST&{SECRET}&{}"}}"#,
            percent_encode(&percent_encode("tok/en=="))
        );
        let stub = Stub::script(vec![json(400, &echo)]);
        let key =
            crate::credential::Fixed::new("STS.NUexample0001", SECRET, Some("tok/en==".to_owned()), "x");
        let settings = Settings { credentials: Arc::new(key), ..settings() };
        let error = describe(&client_with(settings, &stub), 600).await.expect_err("refused");
        let shown = format!("{error} {error:?} {:?}", error.advice());
        assert!(shown.contains("[redacted]"), "{shown}");
        assert!(!shown.contains(SECRET) && !shown.contains("tok%"), "{shown}");
        assert!(error.advice().is_some_and(|advice| advice.contains("STS.NU***001 from x")));
    }

    #[tokio::test(start_paused = true)]
    async fn the_keys_id_in_a_string_to_sign_is_masked() {
        for id in [KEY_ID, "STS.NUexample0001"] {
            let once = percent_encode(&format!("AccessKeyId={id}"));
            for said in [format!("AccessKeyId={id}"), once.clone(), percent_encode(&once)] {
                let body = format!(
                    r#"{{"Code":"SignatureDoesNotMatch","RequestId":"R","Message":"server string to sign is: POST&{said}&x"}}"#
                );
                let xml =
                    format!("<Error><Code>SignatureDoesNotMatch</Code><Message>{said}</Message></Error>");
                for answer in [body, xml, format!("<html>{said}</html>")] {
                    let stub = Stub::script(vec![json(400, &answer)]);
                    let key = crate::credential::Fixed::new(id, SECRET, Some("token".to_owned()), "x");
                    let settings = Settings { credentials: Arc::new(key), ..settings() };
                    let error = describe(&client_with(settings, &stub), 600).await.expect_err("refused");
                    let shown = format!("{error} {error:?} {:?}", error.advice());
                    assert!(!shown.contains(&id[4..]), "{shown}");
                    assert!(error.message().contains(&format!("{}***", &id[..6])), "{error}");
                }
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn v3_puts_parameters_into_the_body_and_nothing_into_the_query() {
        let stub = Stub::script(vec![ok(EMPTY)]);
        describe(&client(&stub), 600).await.expect("described");
        let sent = &stub.sent()[0];
        assert_eq!(sent.request.url, "https://ecs.cn-test.aliyuncs.com/");
        assert_eq!(sent.request.body, "ImageId=m-1&RegionId=cn-test");
        assert_eq!(sent.action(), "DescribeImages");
        assert!(sent.header("authorization").is_some_and(|value| value.contains(KEY_ID)));
        assert!(sent.header("user-agent").is_some_and(|value| value.starts_with("aliyun-rust/")));
    }

    #[tokio::test(start_paused = true)]
    async fn v1_asks_for_json_and_sends_the_settings_context() {
        let stub = Stub::script(vec![ok(EMPTY)]);
        let mut settings = settings();
        settings.sign_version = Scheme::V1;
        settings.source_ip = Some("10.0.0.1".to_owned());
        settings.secure_transport = Some("true".to_owned());
        settings.user_agent = Some("pipeline-7".to_owned());
        describe(&client_with(settings, &stub), 600).await.expect("described");
        let sent = &stub.sent()[0];
        for (name, value) in [
            ("Action", "DescribeImages"),
            ("Version", "2014-05-26"),
            ("Format", "JSON"),
            ("SignatureMethod", "HMAC-SHA1"),
            ("AccessKeyId", KEY_ID),
            ("SourceIp", "10.0.0.1"),
            ("SecureTransport", "true"),
            ("ImageId", "m-1"),
        ] {
            assert_eq!(sent.param(name), value, "{name}");
        }
        assert!(!sent.request.url.contains("ImageId"));
        assert!(sent.header("user-agent").is_some_and(|value| value.ends_with(" pipeline-7")));
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_never_got_its_turn_says_so_and_is_not_in_doubt() {
        let stub = Stub::new(|_| hang());
        let mut settings = settings();
        settings.read_timeout = Some(Duration::from_secs(1_000));
        let client = client_with(settings, &stub);
        let request = create(Some("token"));
        let calls =
            (0..17).map(|call| client.create_image(&request, in_seconds(if call < 16 { 30 } else { 20 })));
        let errors = futures::future::join_all(calls).await;
        let last = errors.last().and_then(|result| result.as_ref().err()).expect("timed out");
        assert!(last.to_string().contains("still waiting for its turn"), "{last}");
        assert!(!last.is_ambiguous());
        assert!(errors[0].as_ref().is_err_and(Error::is_ambiguous));
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_for_a_turn_does_not_count_as_unreachable() {
        let stub = Stub::slow(|sent| {
            async move {
                match sent.index {
                    0..16 => {
                        sleep(Duration::from_secs(30)).await;
                        ok(EMPTY)
                    }
                    16 => fault(Fault::Unreachable, "connection refused"),
                    _ => ok(EMPTY),
                }
            }
            .boxed()
        });
        let client = client(&stub);
        let results = futures::future::join_all((0..17).map(|_| describe(&client, 600))).await;
        assert!(results.iter().all(Result::is_ok));
    }

    #[tokio::test(start_paused = true)]
    async fn a_dropped_call_stops() {
        let stub = Stub::script(vec![refuse(500, "InternalError")]);
        let client = client(&stub);
        let call = tokio::time::timeout(Duration::from_secs(20), describe(&client, 600));
        assert!(call.await.is_err());
        let sent = stub.sent().len();
        sleep(Duration::from_secs(100)).await;
        check_sent(&stub, sent);
    }

    const PROFILE: &str = r#"{"current":"p","profiles":[{"name":"p","mode":"RamRoleArn","access_key_id":"a",
        "access_key_secret":"s","ram_role_arn":"acs:ram::1:role/r"}]}"#;

    /// Settings whose keys come from a role, so that every fetch is a call of STS.
    fn with_role() -> Settings {
        let environment = crate::testing::environment().with_home("/home").with_file(
            "/home/.aliyun/config.json",
            PROFILE,
            0o600,
        );
        Settings { environment, credentials: Arc::new(crate::credential::Profile::current()), ..settings() }
    }

    #[tokio::test(start_paused = true)]
    async fn an_expired_token_is_replaced_once() {
        let stub = Stub::new(|sent| match (sent.action(), sent.index) {
            ("AssumeRole", _) => ok(STS),
            (_, 1) => refuse(400, "InvalidSecurityToken.Expired"),
            (_, _) => ok(EMPTY),
        });
        describe(&client_with(with_role(), &stub), 600).await.expect("with the new token");
        let actions: Vec<_> = stub.sent().iter().map(|sent| sent.action().to_owned()).collect();
        assert_eq!(actions, ["AssumeRole", "DescribeImages", "AssumeRole", "DescribeImages"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_that_stays_expired_ends_the_call() {
        let stub = Stub::new(|sent| match sent.action() {
            "AssumeRole" => ok(STS),
            _ => refuse(400, "InvalidSecurityToken.Expired"),
        });
        let error = describe(&client_with(with_role(), &stub), 600).await.expect_err("expired");
        assert_eq!(error.code(), Some("InvalidSecurityToken.Expired"));
        check_sent(&stub, 4);
    }

    #[tokio::test(start_paused = true)]
    async fn a_thousand_first_calls_assume_the_role_once() {
        let stub = Stub::slow(|sent| {
            async move {
                sleep(Duration::from_millis(50)).await;
                if sent.action() == "AssumeRole" { ok(STS) } else { ok(EMPTY) }
            }
            .boxed()
        });
        let client = client_with(with_role(), &stub);
        let results = futures::future::join_all((0..1_000).map(|_| describe(&client, 600))).await;
        assert!(results.iter().all(Result::is_ok));
        assert_eq!(stub.sent().iter().filter(|sent| sent.action() == "AssumeRole").count(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_that_cannot_be_had_ends_the_call_before_it_is_made() {
        let stub = Stub::script(vec![refuse(403, "NoPermission")]);
        let request = create(Some("token"));
        let result = client_with(with_role(), &stub).create_image(&request, in_seconds(600)).await;
        let error = result.expect_err("no key");
        assert_eq!(error.action(), "AssumeRole");
        assert!(!error.is_ambiguous());
    }
}
