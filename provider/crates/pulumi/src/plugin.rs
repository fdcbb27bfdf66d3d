//! A plugin process: where it listens, what it prints, when it ends.

use std::io::Write;
use std::net::Ipv4Addr;

use tokio::net::TcpListener;
use tokio::time::Duration;
use tokio_util::sync::CancellationToken;
use tonic::transport::server::TcpIncoming;
use tracing_subscriber::layer::SubscriberExt;

use crate::engine::Engine;
use crate::failure::BoxError;
use crate::generated::pulumirpc::resource_provider_server::ResourceProviderServer;
use crate::provider::Provider;
use crate::server::Server;
use crate::spans::{self, Collector};

/// The largest message taken, as the engine's own limit: bytes.
const LARGEST_MESSAGE: usize = 400 * 1024 * 1024;

/// How long operations have to end after a signal.
const GRACE: Duration = Duration::from_secs(3);

/// Serves `provider` to the engine at `engine_address` (host and port; absent if the engine attaches later) until the
/// engine goes away or `shutdown` ends. `collector` gets spans, if there is one. The port, alone on a line, is the one thing that standard output ever carries.
///
/// # Errors
/// If no port can be had, or serving fails.
pub async fn serve<P: Provider>(
    provider: P,
    engine_address: Option<&str>,
    collector: Option<Collector>,
    shutdown: impl Future<Output = ()>,
) -> Result<(), BoxError> {
    let engine = Engine::new();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let port = listener.local_addr()?.port();
    let mut stdout = std::io::stdout();
    writeln!(stdout, "{port}")?;
    stdout.flush()?;

    if let Some(address) = engine_address {
        engine.attach(address);
    }
    // If a subscriber is set already (tests), events stay there.
    let traced = collector.is_some();
    let spans = match collector.and_then(|collector| spans::collect(collector, engine.clone())) {
        None => {
            let _ =
                tracing::subscriber::set_global_default(tracing_subscriber::registry().with(engine.layer()));
            None
        }
        Some((layer, spans)) => {
            let registry = tracing_subscriber::registry().with(engine.layer().with_spans()).with(layer);
            let _ = tracing::subscriber::set_global_default(registry);
            Some(spans)
        }
    };
    if traced && spans.is_none() {
        tracing::warn!(
            "No spans go out: PULUMI_OTEL_EXPORTER_OTLP_ENDPOINT is no collector's address, which is host:port, also behind http://"
        );
    }
    let server = Server::new(provider, engine.clone());

    let stop = CancellationToken::new();
    let service = ResourceProviderServer::new(server.clone())
        .max_decoding_message_size(LARGEST_MESSAGE)
        .max_encoding_message_size(LARGEST_MESSAGE);
    // The one service finds its methods by itself; a router before it would only look at each path twice.
    let serving = tonic::transport::Server::builder().serve_with_incoming_shutdown(
        service,
        // Without it an answer of several packets waits for the engine's acknowledgement of the first: 40 ms.
        TcpIncoming::from(listener).with_nodelay(Some(true)),
        stop.cancelled(),
    );
    tokio::pin!(serving);
    let served = tokio::select! {
        served = &mut serving => served.map_err(Into::into),
        () = engine.gone() => Ok(()),
        () = shutdown => {
            server.cancel_all();
            stop.cancel();
            // Operations end soon after a cancel, each with what it knows.
            tokio::time::timeout(GRACE, serving).await.map_or(Ok(()), |served| served.map_err(Into::into))
        }
    };
    if let Some(spans) = spans {
        spans.flush().await;
    }
    served
}
