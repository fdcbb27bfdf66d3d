//! One action: sign, send, read, classify, and send again where that is safe, inside a deadline.
//!
//! Knows neither which actions there are nor what their answers hold.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tokio::time::{Instant, sleep, timeout_at};

use crate::advice::{self, Facts};
use crate::answer::{self, Answer};
use crate::credential::{Credential, Store};
use crate::endpoint::Endpoint;
use crate::environment::Environment;
use crate::error::{Class, Error, ErrorKind, Rule};
use crate::retry::RetryPolicy;
use crate::sign::{self, Scheme};
use crate::throttle::Throttle;
use crate::transport::{Failure, Fault, HttpRequest, Transport};

/// The server's time as far as it is known: the local clock, corrected once a server has refused it.
#[derive(Clone)]
pub(crate) struct Clock {
    environment: Environment,
    /// Seconds that the server is ahead.
    offset: Arc<AtomicI64>,
}

impl Clock {
    pub(crate) fn new(environment: Environment) -> Clock {
        Clock { environment, offset: Arc::default() }
    }

    pub(crate) fn now(&self) -> Timestamp {
        let offset = SignedDuration::from_secs(self.offset.load(Ordering::Relaxed));
        let local = self.environment.now();
        local.checked_add(offset).unwrap_or(local)
    }

    /// How far a server's time is ahead of the local clock.
    fn skew(&self, server: Timestamp) -> SignedDuration {
        server.duration_since(self.environment.now())
    }

    fn correct(&self, server: Timestamp) {
        self.offset.store(self.skew(server).as_secs(), Ordering::Relaxed);
    }
}

/// What all calls have in common, whatever product they go to.
pub(crate) struct Caller {
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) clock: Clock,
    pub(crate) policy: RetryPolicy,
    pub(crate) user_agent: String,
    /// Overrides every action's own time limit.
    pub(crate) read_timeout: Option<Duration>,
}

/// A product as one client reaches it.
#[derive(Clone, Debug)]
pub(crate) struct Service<'a> {
    pub(crate) product: &'static str,
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

/// What to sign with.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Keys<'a> {
    /// Nothing: an anonymous call.
    None,
    /// This key, come what may.
    Fixed(&'a Credential),
    /// Whatever is valid at the time of each attempt.
    Store(&'a Store),
}

/// One action with its parameters.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) action: &'static str,
    pub(crate) params: Vec<(String, String)>,
    pub(crate) time_limit: Duration,
    pub(crate) rules: &'static [Rule],
    /// Whether it does no harm to carry it out twice.
    pub(crate) idempotent: bool,
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
    result: Result<Value, Error>,
    credential: Option<Credential>,
    server_time: Option<Timestamp>,
}

impl Caller {
    pub(crate) async fn call(
        &self,
        service: &Service<'_>,
        keys: Keys<'_>,
        call: &Call,
    ) -> Result<Value, Error> {
        let started = Instant::now();
        let mut history = History::default();
        let mut last: Option<Error> = None;
        loop {
            history.attempts += 1;
            let attempt_started = Instant::now();
            let sent = AtomicBool::new(false);
            let attempt = timeout_at(call.deadline, self.attempt(service, keys, call, &history, &sent)).await;
            let Ok(attempt) = attempt else {
                history.ambiguous |= sent.load(Ordering::Relaxed);
                let error = Error::timed_out(call.action, started.elapsed(), history.attempts, last);
                return Err(error.with_ambiguous(history.ambiguous));
            };
            let attempt = match attempt {
                // No key could be had: nothing was sent.
                Err(error) => return Err(error.with_ambiguous(history.ambiguous)),
                Ok(attempt) => attempt,
            };
            let error = match attempt.result {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            history.ambiguous |= error.is_ambiguous();
            let error = error.with_ambiguous(history.ambiguous);
            if !call.idempotent && history.ambiguous {
                return Err(error);
            }
            let took = attempt_started.elapsed();
            let Some(delay) = self.delay(&error, &mut history, took) else {
                return Err(give_up(error, service, &history, started.elapsed()));
            };
            match error.class() {
                Class::Resign => match attempt.server_time {
                    Some(server) => self.clock.correct(server),
                    None => return Err(error),
                },
                Class::Refresh => match (keys, &attempt.credential) {
                    (Keys::Store(store), Some(used)) => store.discard(used),
                    (Keys::Store(_) | Keys::Fixed(_) | Keys::None, _) => return Err(error),
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
            let delay = error.retry_after().unwrap_or(delay);
            if Instant::now() + delay >= call.deadline {
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
                let next = since.elapsed() + delay + took;
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
        keys: Keys<'_>,
        call: &Call,
        history: &History,
        sent: &AtomicBool,
    ) -> Result<Attempt, Error> {
        let permit = match service.throttle {
            Some(throttle) => Some(throttle.acquire().await),
            None => None,
        };
        let credential = match keys {
            Keys::None => None,
            Keys::Fixed(credential) => Some(credential.clone()),
            Keys::Store(store) => Some(store.get().await?),
        };
        let request = self.request(service, credential.as_ref(), call);
        let url = request.url.clone();
        let started = Instant::now();
        sent.store(true, Ordering::Relaxed);
        let response = self.transport.send(request).await;
        let took = started.elapsed();

        let redact = |text: &str| match &credential {
            Some(credential) => credential.redact(text),
            None => text.to_owned(),
        };
        let (answer, server_time) = match &response {
            Ok(response) => {
                (answer::read(call.action, call.rules, response, &redact), answer::server_time(response))
            }
            Err(failure) => {
                let proxy = self.transport.proxy(&url);
                let error = unanswered(call.action, service.endpoint, proxy, failure);
                (Answer { result: Err(error), request_id: None, denial: None }, None)
            }
        };
        let status = response.as_ref().ok().map(|response| response.status);
        let error = answer.result.as_ref().err();
        tracing::debug!(
            action = call.action,
            attempt = history.attempts,
            status,
            code = error.map(|error| error.code().unwrap_or("none")),
            request_id = answer.request_id.as_deref(),
            ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            "called {}",
            service.product,
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
        let result = answer.result.map_err(|error| {
            let facts = Facts {
                product: service.product,
                region: service.region,
                endpoint: service.endpoint,
                credential: credential.as_ref(),
                skew: server_time.map(|server| self.clock.skew(server)),
                denial: answer.denial.as_ref(),
            };
            let advice = advice::advise(&error, &facts);
            if advice.is_some() { error.with_advice(advice) } else { error }
        });
        Ok(Attempt { result, credential, server_time })
    }

    fn request(&self, service: &Service<'_>, credential: Option<&Credential>, call: &Call) -> HttpRequest {
        let mut query = service.query.clone();
        if service.scheme == Scheme::V1 {
            query.push(("Format".to_owned(), "JSON".to_owned()));
        }
        if let (true, Some(credential)) = (service.send_secret, credential) {
            query.push(("AccessKeySecret".to_owned(), credential.access_key_secret.clone()));
        }
        // Every attempt has a nonce of its own: a nonce seen twice is refused.
        let nonce = format!("{:032x}", rand::random::<u128>());
        let headers: Vec<(&str, &str)> =
            service.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let request = sign::Request {
            method: "POST",
            host: service.endpoint.authority(),
            action: call.action,
            version: service.version,
            query: &query,
            form: &call.params,
            headers: &headers,
        };
        let signed = sign::sign(service.scheme, &request, credential, self.clock.now(), &nonce);
        let mut headers = signed.headers;
        headers.push(("accept".to_owned(), "application/json".to_owned()));
        headers.push(("user-agent".to_owned(), self.user_agent.clone()));
        let time_limit = self.read_timeout.unwrap_or(call.time_limit);
        HttpRequest {
            method: "POST",
            url: service.endpoint.url(&signed.query),
            headers,
            body: signed.body,
            time_limit: time_limit.min(call.deadline.saturating_duration_since(Instant::now())),
            link_local: false,
        }
    }
}

/// The error of a call that got no answer.
fn unanswered(action: &'static str, endpoint: &Endpoint, proxy: Option<String>, failure: &Failure) -> Error {
    let through = proxy.map(|proxy| format!(" through the proxy {proxy}")).unwrap_or_default();
    let reason = answer::one_line(&failure.reason, 500);
    let (kind, class, message) = match failure.fault {
        Fault::Unreachable => {
            (ErrorKind::Transport, Class::Unreachable, format!("cannot reach {endpoint}{through}: {reason}"))
        }
        Fault::Untrusted => (
            ErrorKind::Transport,
            Class::Fatal,
            format!("no trusted connection to {endpoint}{through}: {reason}"),
        ),
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
    let advice = match failure.fault {
        Fault::Unreachable => Some(format!(
            "Check the endpoint {endpoint}, given by {}, and the network, the proxy settings and the firewall on the way.",
            endpoint.origin()
        )),
        Fault::Untrusted => Some(format!(
            "Check that {endpoint} is the right host and speaks TLS; if its certificate is signed by an authority of \
             your own, name that authority's file in SSL_CERT_FILE or in the settings."
        )),
        Fault::Broken | Fault::TimedOut | Fault::TooLarge | Fault::Unsendable => None,
    };
    let ambiguous = match failure.fault {
        Fault::Broken | Fault::TimedOut | Fault::TooLarge => true,
        Fault::Unreachable | Fault::Untrusted | Fault::Unsendable => false,
    };
    Error::new(kind, class, action, message).with_advice(advice).with_ambiguous(ambiguous)
}

/// Adds to the last error how long and how often it was tried, where that is more than once.
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
