//! Spans of operations, waits and calls, for the collector that the engine names if the user asks for traces
//! (`pulumi up --otel-traces …`): OTLP over gRPC. Without a collector no span is made.
//!
//! A span is a `tracing` span of the target [`SPANS`], by its name and fields. The field `otel.name` stands for a name that is
//! not known at compile time, and one with `otel.status_message` has failed. Its parent is the span around it; that of an
//! operation is the engine's, which the call carries as `traceparent`.

use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use prost::Message;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Duration, timeout};
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::Endpoint;
use tracing::Subscriber;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::LookupSpan;

use crate::engine::{Engine, SPANS};

/// The field that names the parent which another process has made.
const PARENT_FIELD: &str = "traceparent";
const NAME_FIELD: &str = "otel.name";
const FAILURE_FIELD: &str = "otel.status_message";
const EXPORT: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
/// How many spans go out at once, at most.
const BATCH: usize = 512;
/// How long spans are gathered, and how long the process waits at its end for the collector to take the last ones.
const GATHER: Duration = Duration::from_millis(200);
const LAST_WORD: Duration = Duration::from_secs(1);

/// Where spans go, and what tells the time.
pub struct Collector {
    /// Host and port, also behind `http://`.
    pub address: String,
    /// The name of this process among the sources of spans.
    pub service: &'static str,
    /// The time, in nanoseconds since 1970.
    pub now: Box<dyn Fn() -> u64 + Send + Sync>,
}

impl fmt::Debug for Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Collector").field("address", &self.address).finish_non_exhaustive()
    }
}

/// A handle on the spans that are on their way.
#[derive(Debug)]
pub(crate) struct Spans {
    queue: mpsc::UnboundedSender<Sent>,
}

enum Sent {
    Span(Span),
    Flushed(oneshot::Sender<()>),
}

impl Spans {
    /// Waits until the spans so far have reached the collector, but not for long.
    pub(crate) async fn flush(&self) {
        let (flushed, answer) = oneshot::channel();
        if self.queue.send(Sent::Flushed(flushed)).is_ok() {
            let _ = timeout(LAST_WORD, answer).await;
        }
    }
}

/// The layer that makes spans, and the handle on them. Must be called on a runtime. Texts go through `engine`, which strikes
/// secrets out. `None`, if the address is none.
pub(crate) fn collect(collector: Collector, engine: Engine) -> Option<(SpanLayer, Spans)> {
    let address = collector.address.strip_prefix("http://").unwrap_or(&collector.address);
    // Another scheme, such as https, is none that is spoken here.
    let endpoint = Endpoint::from_shared(format!("http://{address}")).ok();
    let channel = endpoint.filter(|_| !address.contains("://"))?.connect_lazy();
    let (queue, sent) = mpsc::unbounded_channel();
    tokio::spawn(export(tonic::client::Grpc::new(channel), sent, collector.service));
    let layer = SpanLayer { queue: queue.clone(), engine, now: collector.now, ids: Ids::default() };
    Some((layer, Spans { queue }))
}

async fn export(
    mut grpc: tonic::client::Grpc<tonic::transport::Channel>,
    mut sent: mpsc::UnboundedReceiver<Sent>,
    service: &'static str,
) {
    let mut spans = Vec::new();
    loop {
        let next = match spans.is_empty() {
            true => sent.recv().await.map(Some),
            false => timeout(GATHER, sent.recv()).await.map_or(Some(None), |next| next.map(Some)),
        };
        let flushed = match next {
            None => return,
            Some(Some(Sent::Span(span))) => {
                spans.push(span);
                if spans.len() < BATCH {
                    continue;
                }
                None
            }
            Some(Some(Sent::Flushed(flushed))) => Some(flushed),
            Some(None) => None,
        };
        if !spans.is_empty() {
            let request = ExportTraceServiceRequest::of(service, std::mem::take(&mut spans));
            // A collector that takes no spans loses them: nothing else depends on it.
            if grpc.ready().await.is_ok() {
                let codec = tonic_prost::ProstCodec::<_, ExportTraceServiceResponse>::default();
                let path = PathAndQuery::from_static(EXPORT);
                let _ = grpc.unary(tonic::Request::new(request), path, codec).await;
            }
        }
        if let Some(flushed) = flushed {
            let _ = flushed.send(());
        }
    }
}

/// Makes spans of `tracing`'s.
pub(crate) struct SpanLayer {
    queue: mpsc::UnboundedSender<Sent>,
    engine: Engine,
    now: Box<dyn Fn() -> u64 + Send + Sync>,
    ids: Ids,
}

/// Ids that no other process makes.
#[derive(Default)]
struct Ids {
    random: RandomState,
    next: Arc<AtomicU64>,
}

impl Ids {
    fn eight(&self) -> [u8; 8] {
        let mut hasher = self.random.build_hasher();
        hasher.write_u64(self.next.fetch_add(1, Ordering::Relaxed));
        hasher.finish().to_be_bytes()
    }
}

/// A span that has not ended.
struct Open(Span);

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for SpanLayer {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let metadata = attributes.metadata();
        let Some(span) = context.span(id).filter(|_| metadata.target() == SPANS) else { return };
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        let around = span.scope().skip(1).find_map(|around| {
            around.extensions().get::<Open>().map(|Open(open)| (open.trace_id.clone(), open.span_id.clone()))
        });
        let parent = around.or_else(|| fields.parent.as_deref().and_then(parse_parent));
        let (trace_id, parent_span_id) =
            parent.unwrap_or_else(|| ([self.ids.eight(), self.ids.eight()].concat(), Vec::new()));
        let open = Span {
            trace_id,
            span_id: self.ids.eight().to_vec(),
            parent_span_id,
            name: fields.name.unwrap_or_else(|| metadata.name().to_owned()),
            kind: 1,
            start_time_unix_nano: (self.now)(),
            end_time_unix_nano: 0,
            attributes: fields.attributes,
            status: fields.failure.map(OtlpStatus::failed),
        };
        span.extensions_mut().insert(Open(open));
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if let Some(Open(open)) = span.extensions_mut().get_mut::<Open>() {
            let mut fields = Fields::default();
            values.record(&mut fields);
            for new in fields.attributes {
                open.attributes.retain(|old| old.key != new.key);
                open.attributes.push(new);
            }
            if let Some(failure) = fields.failure {
                open.status = Some(OtlpStatus::failed(failure));
            }
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let Some(span) = context.span(&id) else { return };
        let Some(Open(mut ended)) = span.extensions_mut().remove::<Open>() else { return };
        ended.end_time_unix_nano = (self.now)();
        let attributes =
            ended.attributes.iter_mut().filter_map(|attribute| attribute.value.as_mut()?.text.as_mut());
        for text in attributes.chain(ended.status.as_mut().map(|status| &mut status.message)) {
            *text = self.engine.redact_all(text);
        }
        // After the last flush nobody listens.
        let _ = self.queue.send(Sent::Span(ended));
    }
}

/// The ids of trace and span in a W3C `traceparent`: `00-<trace>-<span>-<flags>`.
fn parse_parent(text: &str) -> Option<(Vec<u8>, Vec<u8>)> {
    let bytes = |hex: &str, length: usize| {
        if hex.len() != 2 * length || !hex.is_ascii() {
            return None;
        }
        (0..length)
            .map(|index| u8::from_str_radix(&hex[2 * index..2 * index + 2], 16).ok())
            .collect::<Option<Vec<_>>>()
    };
    let mut parts = text.split('-');
    let _version = parts.next()?;
    Some((bytes(parts.next()?, 16)?, bytes(parts.next()?, 8)?))
}

#[derive(Default)]
struct Fields {
    parent: Option<String>,
    name: Option<String>,
    failure: Option<String>,
    attributes: Vec<KeyValue>,
}

impl Fields {
    fn add(&mut self, field: &Field, text: String) {
        match field.name() {
            PARENT_FIELD => self.parent = Some(text),
            NAME_FIELD => self.name = Some(text),
            FAILURE_FIELD => self.failure = Some(text),
            name => {
                let value = Some(AnyValue { text: Some(text) });
                self.attributes.push(KeyValue { key: name.to_owned(), value });
            }
        }
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.add(field, format!("{value:?}"));
    }
}

// Of OTLP 1, what is sent here. Source: opentelemetry/proto, trace.proto and its neighbours.

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ExportTraceServiceRequest {
    #[prost(message, repeated, tag = "1")]
    pub(crate) resource_spans: Vec<ResourceSpans>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ExportTraceServiceResponse {}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ResourceSpans {
    #[prost(message, optional, tag = "1")]
    resource: Option<Source>,
    #[prost(message, repeated, tag = "2")]
    pub(crate) scope_spans: Vec<ScopeSpans>,
}

#[derive(Clone, PartialEq, Message)]
struct Source {
    #[prost(message, repeated, tag = "1")]
    attributes: Vec<KeyValue>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ScopeSpans {
    #[prost(message, repeated, tag = "2")]
    pub(crate) spans: Vec<Span>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Span {
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) trace_id: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) span_id: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    pub(crate) parent_span_id: Vec<u8>,
    #[prost(string, tag = "5")]
    pub(crate) name: String,
    #[prost(int32, tag = "6")]
    kind: i32,
    #[prost(fixed64, tag = "7")]
    start_time_unix_nano: u64,
    #[prost(fixed64, tag = "8")]
    end_time_unix_nano: u64,
    #[prost(message, repeated, tag = "9")]
    pub(crate) attributes: Vec<KeyValue>,
    #[prost(message, optional, tag = "15")]
    status: Option<OtlpStatus>,
}

#[derive(Clone, PartialEq, Message)]
struct OtlpStatus {
    #[prost(string, tag = "2")]
    message: String,
    #[prost(int32, tag = "3")]
    code: i32,
}

impl OtlpStatus {
    fn failed(message: String) -> OtlpStatus {
        OtlpStatus { message, code: 2 }
    }
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct KeyValue {
    #[prost(string, tag = "1")]
    pub(crate) key: String,
    #[prost(message, optional, tag = "2")]
    value: Option<AnyValue>,
}

#[derive(Clone, PartialEq, Message)]
struct AnyValue {
    #[prost(string, optional, tag = "1")]
    text: Option<String>,
}

impl ExportTraceServiceRequest {
    fn of(service: &str, spans: Vec<Span>) -> ExportTraceServiceRequest {
        let value = Some(AnyValue { text: Some(service.to_owned()) });
        let source = Source { attributes: vec![KeyValue { key: "service.name".to_owned(), value }] };
        let scope_spans = vec![ScopeSpans { spans }];
        ExportTraceServiceRequest {
            resource_spans: vec![ResourceSpans { resource: Some(source), scope_spans }],
        }
    }
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;
    use crate::redact::Redactor;
    use crate::value::{Properties, Value};

    /// What a collector gets of what `work` does.
    fn spans_of(engine: &Engine, work: impl FnOnce()) -> Vec<Span> {
        let (queue, mut sent) = mpsc::unbounded_channel();
        let ticks = AtomicU64::new(1);
        let now = Box::new(move || ticks.fetch_add(1, Ordering::Relaxed));
        let layer = SpanLayer { queue, engine: engine.clone(), now, ids: Ids::default() };
        let subscriber = tracing_subscriber::registry().with(engine.layer().with_spans()).with(layer);
        tracing::subscriber::with_default(subscriber, work);
        let spans = std::iter::from_fn(|| sent.try_recv().ok());
        spans
            .filter_map(|sent| match sent {
                Sent::Span(span) => Some(span),
                Sent::Flushed(_) => None,
            })
            .collect()
    }

    fn attribute<'a>(span: &'a Span, key: &str) -> &'a str {
        let found = span.attributes.iter().find(|attribute| attribute.key == key);
        found.and_then(|found| found.value.as_ref()?.text.as_deref()).unwrap_or_default()
    }

    #[test]
    fn spans_lie_in_one_another_and_in_the_engine_s() {
        let (engine, _record) = Engine::recorded();
        let spans = spans_of(&engine, || {
            let parent = "00-0102030405060708090a0b0c0d0e0f10-1112131415161718-01";
            let operation = tracing::debug_span!(
                target: SPANS,
                "operation",
                otel.name = "Create",
                otel.status_message = tracing::field::Empty,
                urn = "u",
                traceparent = parent
            );
            operation.record("otel.status_message", "no");
            let _operation = operation.enter();
            let call = tracing::debug_span!(target: SPANS, "call", action = "CreateImage", code = tracing::field::Empty);
            call.record("code", "Unavailable");
            call.record("code", "Throttling");
            call.in_scope(|| {});
        });
        let [call, operation] = spans.as_slice() else { panic!("{spans:?}") };
        assert_eq!((operation.name.as_str(), call.name.as_str()), ("Create", "call"));
        assert_eq!(operation.trace_id, (1..=16).collect::<Vec<u8>>());
        assert_eq!(operation.parent_span_id, (0x11..=0x18).collect::<Vec<u8>>());
        assert_eq!((&call.trace_id, &call.parent_span_id), (&operation.trace_id, &operation.span_id));
        assert!(operation.start_time_unix_nano < call.start_time_unix_nano);
        assert!(call.end_time_unix_nano < operation.end_time_unix_nano);
        assert_eq!((attribute(call, "action"), attribute(call, "code")), ("CreateImage", "Throttling"));
        assert_eq!(attribute(operation, "urn"), "u");
        assert_eq!(
            (operation.status.clone(), &call.status),
            (Some(OtlpStatus::failed("no".to_owned())), &None)
        );
        assert_eq!((operation.attributes.len(), call.attributes.len()), (1, 2));
    }

    #[test]
    fn other_spans_and_secrets_stay_here() {
        let (engine, _record) = Engine::recorded();
        let secret: Properties =
            [("key".to_owned(), Value::Secret(Box::new(Value::String("hunter2".to_owned()))))].into();
        engine.hide(&Redactor::of([&secret], |_| true));
        let spans = spans_of(&engine, || {
            drop(tracing::info_span!(target: "pulumi::server", "resource", urn = "u"));
            let failure = "not hunter2";
            drop(
                tracing::debug_span!(target: SPANS, "call", action = "is hunter2", otel.status_message = failure),
            );
        });
        assert_eq!(spans.len(), 1, "{spans:?}");
        assert_eq!(attribute(&spans[0], "action"), "is [secret]");
        assert_eq!(spans[0].status.as_ref().unwrap().message, "not [secret]");
        assert_eq!((spans[0].trace_id.len(), spans[0].parent_span_id.len()), (16, 0));
    }

    #[test]
    fn what_is_no_parent_is_none() {
        for text in
            ["", "00", "00-01-02-01", "00-é102030405060708090a0b0c0d0e0f1-1112131415161718-01", "----"]
        {
            assert_eq!(parse_parent(text), None, "{text}");
        }
    }
}
