//! An engine that plugins find and log to.

use std::sync::{Arc, Mutex};

use pulumi::pulumirpc::engine_server::{Engine, EngineServer};
use pulumi::pulumirpc::{self as rpc};
use tokio::net::TcpListener;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

use super::until;

/// An engine that only listens.
pub(crate) struct FakeEngine {
    pub(crate) address: String,
    lines: Arc<Mutex<Vec<rpc::LogRequest>>>,
    /// Of its own, so that stopping it closes its connections, as the end of a process does.
    runtime: Option<tokio::runtime::Runtime>,
}

impl FakeEngine {
    pub(crate) fn start() -> FakeEngine {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.set_nonblocking(true).expect("a listener for a runtime");
        let address = listener.local_addr().expect("an address").to_string();
        let lines = Arc::new(Mutex::new(Vec::new()));
        let service = EngineServer::new(Listening { lines: Arc::clone(&lines) });
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime");
        runtime.spawn(async move {
            let listener = TcpListener::from_std(listener).expect("a listener");
            let _ = tonic::transport::Server::builder()
                .serve_with_incoming(service, TcpIncoming::from(listener).with_nodelay(Some(true)))
                .await;
        });
        FakeEngine { address, lines, runtime: Some(runtime) }
    }

    pub(crate) fn lines(&self) -> Vec<rpc::LogRequest> {
        self.lines.lock().expect("no panic while logging").clone()
    }

    /// Ends when a line with this text has come.
    pub(crate) fn shows(&self, text: &str) -> impl Future<Output = ()> + use<> {
        let (lines, text) = (Arc::clone(&self.lines), text.to_owned());
        async move {
            let shown = async || {
                lines.lock().expect("no panic while logging").iter().any(|line| line.message.contains(&text))
            };
            until(&format!("a line with {text:?}"), shown).await;
        }
    }

    /// The texts that stay on the user's screen, of warnings.
    pub(crate) fn warnings(&self) -> Vec<String> {
        self.lines()
            .into_iter()
            .filter(|line| line.severity() == rpc::LogSeverity::Warning && !line.ephemeral)
            .map(|line| line.message)
            .collect()
    }

    pub(crate) fn stop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Drop for FakeEngine {
    fn drop(&mut self) {
        self.stop();
    }
}

struct Listening {
    lines: Arc<Mutex<Vec<rpc::LogRequest>>>,
}

#[tonic::async_trait]
impl Engine for Listening {
    async fn log(&self, request: Request<rpc::LogRequest>) -> Result<Response<()>, Status> {
        self.lines.lock().expect("no panic while logging").push(request.into_inner());
        Ok(Response::new(()))
    }

    async fn get_root_resource(
        &self,
        _: Request<rpc::GetRootResourceRequest>,
    ) -> Result<Response<rpc::GetRootResourceResponse>, Status> {
        Err(Status::unimplemented("not asked for"))
    }

    async fn set_root_resource(
        &self,
        _: Request<rpc::SetRootResourceRequest>,
    ) -> Result<Response<rpc::SetRootResourceResponse>, Status> {
        Err(Status::unimplemented("not asked for"))
    }

    async fn start_debugging(&self, _: Request<rpc::StartDebuggingRequest>) -> Result<Response<()>, Status> {
        Err(Status::unimplemented("not asked for"))
    }

    async fn require_pulumi_version(
        &self,
        _: Request<rpc::RequirePulumiVersionRequest>,
    ) -> Result<Response<rpc::RequirePulumiVersionResponse>, Status> {
        Err(Status::unimplemented("not asked for"))
    }
}
