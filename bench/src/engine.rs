//! As much of an engine as a plugin meets: something that starts it, takes its log lines and calls it.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use pulumi::pulumirpc as rpc;
use pulumi::pulumirpc::engine_server::{Engine, EngineServer};
use pulumi::pulumirpc::resource_provider_client::ResourceProviderClient;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::Channel;
use tonic::{Request, Response, Status};

/// A plugin process, ended when this is dropped.
#[derive(Debug)]
pub struct Plugin {
    child: Child,
    port: u16,
    /// From just before the process was started to the line that says its port.
    pub port_line: Duration,
}

impl Plugin {
    /// Starts a plugin as an engine at `engine` does.
    ///
    /// # Errors
    /// It does not start, or its first line is no port.
    pub fn start(binary: &Path, arguments: &[String], engine: &str) -> anyhow::Result<Plugin> {
        let mut command = Command::new(binary);
        command.args(arguments).arg(engine).stdout(Stdio::piped()).stdin(Stdio::null()).stderr(Stdio::null());
        let started = Instant::now();
        let mut child = command.spawn().with_context(|| format!("cannot start {}", binary.display()))?;
        let mut line = String::new();
        let stdout = child.stdout.as_mut().context("no standard output")?;
        let read = BufReader::new(stdout).read_line(&mut line);
        let port_line = started.elapsed();
        let mut plugin = Plugin { child, port: 0, port_line };
        read?;
        plugin.port = line.trim().parse().with_context(|| format!("the first line is {line:?}"))?;
        Ok(plugin)
    }

    /// A connection of its own to the plugin.
    ///
    /// # Errors
    /// Nobody listens.
    pub async fn connect(&self) -> anyhow::Result<ResourceProviderClient<Channel>> {
        let channel = Channel::from_shared(format!("http://127.0.0.1:{}", self.port))?.connect().await?;
        Ok(ResourceProviderClient::new(channel).max_decoding_message_size(usize::MAX))
    }

    /// Kilobytes of a line of the process's status, as `VmRSS` or `VmHWM`.
    pub fn kib(&self, field: &str) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))?;
        line.split_whitespace().next()?.parse().ok()
    }

    /// The processor time that the process has used, to the hundredth of a second that the system counts in.
    pub fn processor_time(&self) -> Option<Duration> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).ok()?;
        let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
        let user: u64 = fields.next()?.parse().ok()?;
        let system: u64 = fields.next()?.parse().ok()?;
        Some(Duration::from_millis((user + system) * 10))
    }
}

impl Drop for Plugin {
    fn drop(&mut self) {
        // Where it has ended already there is nothing to do.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Takes log lines at the address returned, as long as the runtime lives.
///
/// # Errors
/// No port can be had.
pub async fn listen() -> anyhow::Result<String> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?.to_string();
    tokio::spawn(async move {
        let server = tonic::transport::Server::builder().add_service(EngineServer::new(Silent));
        // Whatever goes wrong here shows in the plugin.
        let _ = server.serve_with_incoming(TcpListenerStream::new(listener)).await;
    });
    Ok(address)
}

struct Silent;

fn not_here<T>() -> Result<Response<T>, Status> {
    Err(Status::unimplemented("this engine takes log lines only"))
}

#[tonic::async_trait]
impl Engine for Silent {
    async fn log(&self, _: Request<rpc::LogRequest>) -> Result<Response<()>, Status> {
        Ok(Response::new(()))
    }

    async fn get_root_resource(
        &self,
        _: Request<rpc::GetRootResourceRequest>,
    ) -> Result<Response<rpc::GetRootResourceResponse>, Status> {
        not_here()
    }

    async fn set_root_resource(
        &self,
        _: Request<rpc::SetRootResourceRequest>,
    ) -> Result<Response<rpc::SetRootResourceResponse>, Status> {
        not_here()
    }

    async fn start_debugging(&self, _: Request<rpc::StartDebuggingRequest>) -> Result<Response<()>, Status> {
        not_here()
    }

    async fn require_pulumi_version(
        &self,
        _: Request<rpc::RequirePulumiVersionRequest>,
    ) -> Result<Response<rpc::RequirePulumiVersionResponse>, Status> {
        not_here()
    }
}
