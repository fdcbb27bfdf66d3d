//! Sockets: accepting connections, reading bounded requests, answering or cutting the line.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{self, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Limited};
use hyper::body::{Body as _, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use crate::answer::Answer;
use crate::error::Error;
use crate::gateway::{self, Shared};
use crate::options::Options;
use crate::request::Request;
use crate::world::World;

/// Larger bodies are refused.
const LARGEST_BODY: usize = 1024 * 1024;
/// How long a caller may take over its head, or over its body.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long a stop waits for answers under way.
const GRACE: Duration = Duration::from_millis(500);

/// A running emulator. It stops when this is dropped.
#[derive(Debug)]
pub struct Emulator {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Emulator {
    /// Binds the address, reads the state file, and serves in the background.
    ///
    /// # Errors
    /// [`Error::Listen`], and what is wrong with the `--state` file: [`Error::StateInUse`], [`Error::ReadState`],
    /// [`Error::MalformedState`] or [`Error::WriteState`].
    pub async fn start(options: Options) -> Result<Emulator, Error> {
        let failed = |source| Error::Listen { address: options.listen, source };
        let listener = TcpListener::bind(options.listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let world = Arc::new(Mutex::new(World::new(options)?));
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(accept(listener, world, stopped));
        Ok(Emulator { address, stop, task })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it listens, as `http://127.0.0.1:4711`; an address that means "all" becomes the loopback.
    pub fn url(&self) -> String {
        let mut address = self.address;
        match address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(IpAddr::from([127, 0, 0, 1])),
            IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1])),
            _ => {}
        }
        format!("http://{address}")
    }

    /// Takes no more calls and waits half a second at most for answers under way.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        // A task that panicked has stopped as well.
        drop((&mut self.task).await);
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, world: Shared, mut stopped: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    let theirs = stopped.clone();
    loop {
        tokio::select! {
            () = stop_told(&mut stopped) => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    connections.spawn(connection(stream, peer, Arc::clone(&world), theirs.clone()));
                }
                // Out of file descriptors, most likely: those of calls that end will do.
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            },
        }
    }
    drop(listener);
    let finished = async { while connections.join_next().await.is_some() {} };
    // Whatever hangs is ended with the set.
    drop(tokio::time::timeout(GRACE, finished).await);
}

async fn connection(stream: TcpStream, peer: SocketAddr, world: Shared, mut stopped: watch::Receiver<bool>) {
    drop(stream.set_nodelay(true));
    let cut = Arc::new(AtomicBool::new(false));
    let line = Line { stream, cut: Arc::clone(&cut) };
    let service = service_fn(move |request| {
        let (world, cut) = (Arc::clone(&world), Arc::clone(&cut));
        async move {
            match serve(&world, request, peer.ip()).await {
                Some(answer) => Ok::<_, Cut>(answer.into_http(gateway::callers_now(&world))),
                None => {
                    cut.store(true, Ordering::Relaxed);
                    Err(Cut)
                }
            }
        }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .serve_connection(TokioIo::new(line), service);
    let mut served = pin!(served);
    tokio::select! {
        // An error here is the caller gone, or cut off by us.
        _ = served.as_mut() => return,
        () = stop_told(&mut stopped) => served.as_mut().graceful_shutdown(),
    }
    drop(served.await);
}

/// Ends when the emulator is told to stop, or is gone.
async fn stop_told(stopped: &mut watch::Receiver<bool>) {
    drop(stopped.wait_for(|stop| *stop).await);
}

/// The error that makes hyper let go of a connection.
#[derive(Debug, thiserror::Error)]
#[error("cut by a fault")]
struct Cut;

/// `None` cuts the connection.
async fn serve(world: &Shared, request: hyper::Request<Incoming>, peer: IpAddr) -> Option<Answer> {
    let (head, body) = request.into_parts();
    let too_large = || Answer::text(413, "a request may have a body of 1 MiB at most\n");
    if body.size_hint().lower() > LARGEST_BODY as u64 {
        return Some(too_large());
    }
    let read = tokio::time::timeout(PATIENCE, Limited::new(body, LARGEST_BODY).collect()).await;
    let body: Bytes = match read {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => {
            return Some(too_large());
        }
        Ok(Err(_)) | Err(_) => return None,
    };
    let request = Request {
        method: head.method.as_str().to_owned(),
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        headers: head.headers,
        body,
        peer,
    };
    gateway::serve(world, request).await
}

/// A connection that, when cut, ends in a reset rather than in a polite close.
struct Line {
    stream: TcpStream,
    cut: Arc<AtomicBool>,
}

impl Drop for Line {
    fn drop(&mut self) {
        if self.cut.load(Ordering::Relaxed) {
            drop(self.stream.set_zero_linger());
        }
    }
}

impl AsyncRead for Line {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut task::Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Line {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut task::Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
