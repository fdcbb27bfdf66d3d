//! The engine's side of the conversation: log and status lines go to it, and its end is ours.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tonic::transport::{Channel, Endpoint, Uri};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context as LayerContext, Layer};
use tracing_subscriber::registry::LookupSpan;

use crate::generated::pulumirpc::engine_client::EngineClient;
use crate::generated::pulumirpc::{LogRequest, LogSeverity};
use crate::redact::Redactor;

/// How long a finished operation waits for its log lines to reach the engine.
const FLUSH: Duration = Duration::from_secs(2);
/// How many lines are kept for an engine that attaches later.
const KEPT: usize = 1_000;
/// The span field from which a line takes its resource.
const URN_FIELD: &str = "urn";
/// What the engine is told at most.
const LEVEL: Level = Level::DEBUG;
/// The target of spans that go to a collector, if there is one.
pub(crate) const SPANS: &str = "telemetry";
/// The crates whose events are for users; the rest is plumbing.
const OURS: [&str; 3] = ["aliyun", "pulumi", "provider"];

/// A handle on the engine, cheap to clone.
#[derive(Debug, Clone)]
pub struct Engine {
    lines: mpsc::UnboundedSender<Line>,
    /// How many log lines are on their way to the engine.
    under_way: Arc<AtomicUsize>,
    gone: CancellationToken,
    secrets: Arc<Mutex<Secrets>>,
}

/// The secrets of the process so far. What crates below log knows nothing of secrets, and operations share answers of the
/// cloud, so that a message about one resource may quote the secret of another, even after that operation has ended.
#[derive(Debug, Default)]
struct Secrets {
    /// Those of resources, for texts about other ones.
    of_resources: Redactor,
    /// Those among the settings as well, for log lines alone: the key of an emulator may be an ordinary word, which would
    /// vanish from every message.
    all: Redactor,
}

#[derive(Debug)]
enum Line {
    Log(LogRequest),
    Attach(String),
    Flushed(oneshot::Sender<()>),
}

/// The lines of an engine that is none.
#[cfg(any(test, feature = "testing"))]
#[derive(Debug)]
pub(crate) struct Record(mpsc::UnboundedReceiver<Line>);

#[cfg(any(test, feature = "testing"))]
impl Record {
    /// The log lines since the last time.
    pub(crate) fn take(&mut self) -> Vec<LogRequest> {
        let lines = std::iter::from_fn(|| self.0.try_recv().ok());
        lines
            .filter_map(|line| match line {
                Line::Log(request) => Some(request),
                Line::Attach(_) | Line::Flushed(_) => None,
            })
            .collect()
    }
}

impl Engine {
    /// A handle that keeps lines until [`attach`](Self::attach) says where the engine is. Must be called on a runtime, and
    /// before the port is told: whoever waits for the port is still there then.
    pub fn new() -> Self {
        let (lines, queue) = mpsc::unbounded_channel();
        let under_way = Arc::new(AtomicUsize::new(0));
        let gone = CancellationToken::new();
        tokio::spawn(forward(queue, Arc::clone(&under_way), gone.clone(), Parent::now()));
        Engine { lines, under_way, gone, secrets: Arc::default() }
    }

    /// A handle that no engine will be behind, and the record of its lines.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn recorded() -> (Self, Record) {
        let (lines, queue) = mpsc::unbounded_channel();
        let engine = Engine {
            lines,
            under_way: Arc::default(),
            gone: CancellationToken::new(),
            secrets: Arc::default(),
        };
        (engine, Record(queue))
    }

    /// Connects to the engine at `address` (host and port).
    pub fn attach(&self, address: &str) {
        self.send(Line::Attach(address.to_owned()));
    }

    /// Ends when the engine that was attached to has gone away.
    pub async fn gone(&self) {
        self.gone.cancelled().await;
    }

    /// Strikes the secrets of a resource out of texts about others, and out of what crates below log, from now on.
    pub(crate) fn hide(&self, secrets: &Redactor) {
        if secrets.is_empty() {
            return;
        }
        let mut hidden = self.secrets();
        hidden.of_resources.add_anothers(secrets);
        hidden.all.add(secrets);
    }

    /// Strikes the secrets among the settings out of what crates below log from now on.
    pub(crate) fn hide_settings(&self, secrets: &Redactor) {
        self.secrets().all.add(secrets);
    }

    /// A text about a resource with these secrets, without them and those of other resources.
    pub(crate) fn redact(&self, own: &Redactor, text: &str) -> String {
        own.redact_with(&self.secrets().of_resources, text)
    }

    /// A text of crates below without any secret.
    pub(crate) fn redact_all(&self, text: &str) -> String {
        self.secrets().all.redact(text)
    }

    fn secrets(&self) -> MutexGuard<'_, Secrets> {
        self.secrets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends one line, without secrets, to the engine's display. Ephemeral ones show as the resource's status and are not kept.
    pub(crate) fn log(&self, severity: LogSeverity, urn: &str, message: String, ephemeral: bool) {
        self.under_way.fetch_add(1, Ordering::SeqCst);
        self.send(Line::Log(LogRequest {
            severity: i32::from(severity),
            message,
            urn: urn.to_owned(),
            stream_id: 0,
            ephemeral,
        }));
    }

    /// Waits until the lines so far have reached the engine, but not for long.
    pub(crate) async fn flush(&self) {
        if self.under_way.load(Ordering::SeqCst) == 0 {
            return;
        }
        let (done, flushed) = oneshot::channel();
        self.send(Line::Flushed(done));
        let _ = tokio::time::timeout(FLUSH, flushed).await;
    }

    /// The layer that carries `tracing` events to the engine: warnings as status lines, the rest as debug lines.
    pub fn layer(&self) -> EngineLayer {
        EngineLayer { engine: self.clone(), spans: false }
    }

    fn send(&self, line: Line) {
        // The queue is read as long as the process lives; after that nobody is left to tell.
        let _ = self.lines.send(line);
    }
}

impl Default for Engine {
    fn default() -> Self {
        Engine::new()
    }
}

/// Lines go out one after another, so that they arrive in their order.
async fn forward(
    mut queue: mpsc::UnboundedReceiver<Line>,
    under_way: Arc<AtomicUsize>,
    gone: CancellationToken,
    parent: Parent,
) {
    let mut client: Option<EngineClient<Channel>> = None;
    let mut attached = String::new();
    let mut waiting = Vec::new();
    while let Some(line) = queue.recv().await {
        match line {
            // An engine says where it is by the argument and once more by the handshake.
            Line::Attach(address) if client.is_some() && address == attached => {}
            Line::Attach(address) => {
                client = connect(&address, gone.clone()).await;
                if client.is_none() {
                    tokio::spawn(parent.watch(gone.clone()));
                }
                for request in waiting.drain(..) {
                    send(&mut client, request).await;
                }
                attached = address;
            }
            Line::Log(request) => {
                if client.is_some() {
                    send(&mut client, request).await;
                } else if waiting.len() < KEPT {
                    waiting.push(request);
                }
                under_way.fetch_sub(1, Ordering::SeqCst);
            }
            Line::Flushed(done) => {
                let _ = done.send(());
            }
        }
    }
}

/// The process that started this one. If there is no connection whose end could be seen, its end is the engine's.
#[derive(Debug, Clone, Copy)]
struct Parent {
    #[cfg(unix)]
    id: u32,
}

impl Parent {
    fn now() -> Self {
        Parent {
            #[cfg(unix)]
            id: std::os::unix::process::parent_id(),
        }
    }

    async fn watch(self, gone: CancellationToken) {
        #[cfg(unix)]
        {
            const INTERVAL: Duration = Duration::from_secs(1);
            while std::os::unix::process::parent_id() == self.id {
                tokio::time::sleep(INTERVAL).await;
            }
            gone.cancel();
        }
        #[cfg(not(unix))]
        drop(gone);
    }
}

async fn send(client: &mut Option<EngineClient<Channel>>, request: LogRequest) {
    if let Some(client) = client {
        // A line that does not arrive is no reason to fail an operation.
        let _ = tokio::time::timeout(FLUSH, client.log(request)).await;
    }
}

async fn connect(address: &str, gone: CancellationToken) -> Option<EngineClient<Channel>> {
    let endpoint =
        Endpoint::try_from(format!("http://{address}")).ok()?.connect_timeout(Duration::from_secs(10));
    let address = address.to_owned();
    let connector = tower::service_fn(move |_: Uri| {
        let (address, gone) = (address.clone(), gone.clone());
        async move { watched::Watched::connect(&address, gone).await.map(hyper_util::rt::TokioIo::new) }
    });
    let channel = endpoint.connect_with_connector(connector).await.ok()?;
    Some(EngineClient::new(channel))
}

/// A connection that tells when its other end has closed it, whether a read or a write meets that first. The operating
/// system closes it whichever way the engine ends, SIGKILL included.
mod watched {
    use std::io;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
    use tokio::net::TcpStream;
    use tokio_util::sync::CancellationToken;

    #[derive(Debug)]
    pub(super) struct Watched {
        stream: TcpStream,
        gone: CancellationToken,
    }

    impl Watched {
        pub(super) async fn connect(address: &str, gone: CancellationToken) -> io::Result<Self> {
            let connected = TcpStream::connect(address).await;
            // Somebody was there: nobody resets what was never taken.
            if connected.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::ConnectionReset) {
                gone.cancel();
            }
            let watched = Watched { stream: connected?, gone };
            watched.told(watched.stream.set_nodelay(true))?;
            Ok(watched)
        }

        fn told<T>(&self, result: io::Result<T>) -> io::Result<T> {
            if result.is_err() {
                self.gone.cancel();
            }
            result
        }
    }

    impl AsyncRead for Watched {
        fn poll_read(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buf: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            let before = buf.filled().len();
            let read = Pin::new(&mut self.stream).poll_read(cx, buf);
            if read.is_ready() && buf.filled().len() == before && buf.remaining() > 0 {
                self.gone.cancel();
            }
            read
        }
    }

    impl AsyncWrite for Watched {
        fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
            Pin::new(&mut self.stream).poll_write(cx, buf).map(|written| self.told(written))
        }

        fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Pin::new(&mut self.stream).poll_flush(cx)
        }

        fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Pin::new(&mut self.stream).poll_shutdown(cx)
        }
    }
}

/// Carries `tracing` events to the engine, each on the resource whose span it was in.
#[derive(Debug)]
pub struct EngineLayer {
    engine: Engine,
    /// Whether another layer wants spans for a collector.
    spans: bool,
}

impl EngineLayer {
    /// The same, beside a layer that wants spans for a collector.
    pub(crate) fn with_spans(self) -> EngineLayer {
        EngineLayer { spans: true, ..self }
    }
}

struct Urn(String);

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for EngineLayer {
    // The servers' and clients' own spans, several a call, would cost more than what the call is for.
    fn enabled(&self, metadata: &tracing::Metadata<'_>, _: LayerContext<'_, S>) -> bool {
        let target = metadata.target().split("::").next();
        *metadata.level() <= LEVEL
            && (OURS.iter().any(|ours| target == Some(ours)) || self.spans && target == Some(SPANS))
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::from_level(LEVEL))
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: LayerContext<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        if let (Some(urn), Some(span)) = (fields.urn, context.span(id)) {
            span.extensions_mut().insert(Urn(urn));
        }
    }

    fn on_event(&self, event: &Event<'_>, context: LayerContext<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let urn = context
            .event_scope(event)
            .into_iter()
            .flatten()
            .find_map(|span| span.extensions().get::<Urn>().map(|urn| urn.0.clone()))
            .unwrap_or_default();
        let (severity, ephemeral) = match *event.metadata().level() {
            Level::ERROR | Level::WARN | Level::INFO => (LogSeverity::Info, true),
            Level::DEBUG | Level::TRACE => (LogSeverity::Debug, false),
        };
        self.engine.log(severity, &urn, self.engine.redact_all(&fields.text), ephemeral);
    }
}

/// An event's message, then its other fields as `name=value`.
#[derive(Default)]
struct Fields {
    urn: Option<String>,
    text: String,
}

impl Fields {
    fn add(&mut self, field: &Field, value: &dyn std::fmt::Display) {
        use std::fmt::Write;
        let separator = if self.text.is_empty() { "" } else { " " };
        // Writing into a String cannot fail.
        let _ = match field.name() {
            "message" => write!(self.text, "{separator}{value}"),
            name => write!(self.text, "{separator}{name}={value}"),
        };
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == URN_FIELD {
            self.urn = Some(value.to_owned());
        } else {
            self.add(field, &value);
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.add(field, &format_args!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    #[tokio::test]
    async fn an_engine_that_says_its_address_twice_is_connected_to_once() {
        let first = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        first.set_nonblocking(true).unwrap();
        let second = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = first.local_addr().unwrap().to_string();
        let engine = Engine::new();
        engine.attach(&address);
        engine.attach(&address);
        engine.attach(&second.local_addr().unwrap().to_string());
        // Each address is taken up in its turn, so that the first one's connections are there.
        second.accept().await.unwrap();
        assert!(first.accept().is_ok());
        assert!(first.accept().is_err());
    }

    #[tokio::test]
    async fn only_our_own_spans_are_kept() {
        let subscriber = tracing_subscriber::registry().with(Engine::new().layer());
        tracing::subscriber::with_default(subscriber, || {
            assert!(tracing::info_span!(target: "h2::proto", "a stream").is_disabled());
            assert!(tracing::info_span!(target: "providers", "another crate").is_disabled());
            assert!(!tracing::info_span!(target: "pulumi::server", "resource", urn = "u").is_disabled());
        });
    }
}
