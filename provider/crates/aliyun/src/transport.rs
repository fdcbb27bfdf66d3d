//! One HTTP exchange: a request out, an answer of bounded size back, inside a time limit. Knows neither signatures nor codes.
//!
//! [`Transport`] is the seam: the real one is [`Http`], tests put their own in its place.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::error::Error as StdError;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use crate::environment::Environment;
use crate::error::Error;
use crate::proxy::{Proxies, Proxy, without_userinfo};
use crate::tls;

/// No answer of the API comes near this: a page of a hundred images with seventeen disks each is under 1 MiB.
pub(crate) const MAX_BODY: usize = 8 << 20;
/// How long a connection may take if the settings do not say.
const CONNECT: Duration = Duration::from_secs(8);

#[derive(Clone)]
pub(crate) struct HttpRequest {
    pub(crate) method: &'static str,
    pub(crate) url: String,
    pub(crate) headers: Vec<(Cow<'static, str>, String)>,
    pub(crate) body: String,
    /// From the request to the last byte of the answer. A new connection has its own time besides.
    pub(crate) time_limit: Duration,
    /// Straight to a link-local address: no proxy, a second to connect.
    pub(crate) link_local: bool,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct HttpResponse {
    pub(crate) status: u16,
    /// Names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Bytes,
}

impl HttpResponse {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }
}

/// What kept an exchange from its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// No connection: nothing was sent.
    Unreachable,
    /// The other side's certificate is not trusted, or it does not speak TLS: nothing was sent.
    Untrusted,
    /// The proxy does not let the request through: it did not get any further.
    Blocked,
    /// The connection broke after the request, or a part of it, went out.
    Broken,
    /// No complete answer inside the time limit.
    TimedOut,
    /// The answer is larger than [`MAX_BODY`].
    TooLarge,
    /// The request cannot be built, or the settings for it are wrong: nothing was sent.
    Unsendable,
}

/// An exchange without an answer.
#[derive(Clone, Debug)]
pub(crate) struct TransportError {
    pub(crate) fault: Fault,
    /// The innermost reason, in the system's words, without address and without secrets.
    pub(crate) reason: String,
}

pub(crate) trait Transport: Send + Sync {
    fn send(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, TransportError>>;

    /// The proxy that requests to this URL go through, as it may be shown.
    fn proxy(&self, _url: &str) -> Option<String> {
        None
    }
}

/// Settings of the real transport.
#[derive(Clone, Debug, Default)]
pub(crate) struct HttpSettings {
    pub(crate) connect_timeout: Option<Duration>,
    pub(crate) proxy: Proxy,
    pub(crate) insecure: bool,
    pub(crate) ca_file: Option<PathBuf>,
}

/// HTTP/1.1 with connections kept alive, over TCP or TLS. Built at the first request: reading the system's certificates
/// takes longer than a client may take to be made.
pub(crate) struct Http {
    environment: Environment,
    settings: HttpSettings,
    proxies: Proxies,
    clients: [OnceLock<Result<reqwest::Client, TransportError>>; 3],
}

/// The connections that requests need: the system's certificates are read only if some request needs TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Need {
    LinkLocal,
    Plain,
    Tls,
}

impl Http {
    pub(crate) fn new(environment: &Environment, settings: HttpSettings) -> Result<Http, Error> {
        let proxies = Proxies::new(&settings.proxy, environment)?;
        Ok(Http { environment: environment.clone(), settings, proxies, clients: Default::default() })
    }

    fn client(&self, request: &HttpRequest) -> Result<&reqwest::Client, TransportError> {
        let tls = request.url.starts_with("https:") || self.proxies.need_tls();
        let need = match (request.link_local, tls) {
            (true, _) => Need::LinkLocal,
            (false, false) => Need::Plain,
            (false, true) => Need::Tls,
        };
        self.clients[need as usize].get_or_init(|| self.build(need)).as_ref().map_err(Clone::clone)
    }

    fn connect_timeout(&self, link_local: bool) -> Duration {
        if link_local { Duration::from_secs(1) } else { self.settings.connect_timeout.unwrap_or(CONNECT) }
    }

    fn build(&self, need: Need) -> Result<reqwest::Client, TransportError> {
        let connect = self.connect_timeout(need == Need::LinkLocal);
        let settings = &self.settings;
        let tls = match need {
            Need::Tls => tls::trusting(&self.environment, settings.insecure, settings.ca_file.as_deref()),
            Need::LinkLocal | Need::Plain => tls::trusting_nobody(),
        };
        let tls = tls.map_err(unsendable)?;
        let mut builder = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .http1_only()
            .tcp_nodelay(true)
            .tcp_keepalive(Duration::from_secs(30))
            .pool_idle_timeout(Duration::from_secs(30))
            .connect_timeout(connect)
            .tls_backend_preconfigured(tls);
        if need != Need::LinkLocal {
            let proxies = self.proxies.clone();
            builder = builder.proxy(reqwest::Proxy::custom(move |url| proxies.proxy(url).cloned()));
        }
        builder.build().map_err(|error| unsendable(reason(&error)))
    }

    async fn exchange(&self, request: HttpRequest) -> Result<HttpResponse, TransportError> {
        let client = self.client(&request)?;
        let method = match request.method {
            "GET" => reqwest::Method::GET,
            "PUT" => reqwest::Method::PUT,
            "HEAD" => reqwest::Method::HEAD,
            "DELETE" => reqwest::Method::DELETE,
            _ => reqwest::Method::POST,
        };
        let mut headers = HeaderMap::with_capacity(request.headers.len());
        for (name, value) in &request.headers {
            let name = HeaderName::from_bytes(name.as_bytes())
                .map_err(|_| unsendable(format!("the header name \"{name}\" is not valid")))?;
            let mut value = HeaderValue::from_str(value)
                .map_err(|_| unsendable(format!("the header {name} has a value that cannot be sent")))?;
            value.set_sensitive(matches!(
                name.as_str(),
                "authorization" | "x-acs-security-token" | "x-oss-security-token"
            ));
            headers.insert(name, value);
        }
        let url = reqwest::Url::parse(&request.url)
            .map_err(|error| unsendable(format!("the address is not valid: {error}")))?;
        let mut response = client
            .request(method, url)
            .headers(headers)
            .body(request.body)
            .send()
            .await
            .map_err(|error| failed(&error))?;
        let mut body = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| failed(&error))? {
            if body.len() + chunk.len() > MAX_BODY {
                let limit = MAX_BODY >> 20;
                let reason = format!("the answer (status {}) is larger than {limit} MiB", response.status());
                return Err(TransportError { fault: Fault::TooLarge, reason });
            }
            body.extend_from_slice(&chunk);
        }
        let headers = response.headers().iter().map(|(name, value)| {
            (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        });
        Ok(HttpResponse {
            status: response.status().as_u16(),
            headers: headers.collect(),
            body: body.freeze(),
        })
    }
}

impl Transport for Http {
    fn send(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, TransportError>> {
        // Shorter, a connection that takes too long would look like a request that does.
        let limit = request.time_limit.saturating_add(self.connect_timeout(request.link_local));
        async move {
            match tokio::time::timeout(limit, self.exchange(request)).await {
                Ok(result) => result,
                Err(_) => Err(TransportError {
                    fault: Fault::TimedOut,
                    reason: format!("no complete answer within {:.1} s", limit.as_secs_f64()),
                }),
            }
        }
        .boxed()
    }

    fn proxy(&self, url: &str) -> Option<String> {
        let url = reqwest::Url::parse(url).ok()?;
        self.proxies.proxy(&url).map(|proxy| without_userinfo(proxy.as_str().trim_end_matches('/')))
    }
}

fn unsendable(reason: impl Into<String>) -> TransportError {
    TransportError { fault: Fault::Unsendable, reason: reason.into() }
}

fn failed(error: &reqwest::Error) -> TransportError {
    let reason = reason(error);
    let fault = if untrusted(error) {
        Fault::Untrusted
    } else if reason.contains("tunnel error: proxy authorization required")
        || reason.contains("tunnel error: unsuccessful")
    {
        Fault::Blocked
    } else if error.is_connect() {
        Fault::Unreachable
    } else if error.is_builder() {
        Fault::Unsendable
    } else if error.is_timeout() {
        Fault::TimedOut
    } else {
        Fault::Broken
    };
    TransportError { fault, reason }
}

/// The causes, from the outermost that says more than "error sending request" to the innermost, without repetitions.
fn reason(error: &reqwest::Error) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut next = error.source();
    while let Some(cause) = next {
        let text = cause.to_string();
        // Wrappers that say what their cause says, or nothing.
        if !text.starts_with("client error") && !parts.iter().any(|part| part.contains(&text)) {
            parts.retain(|part| !text.contains(part.as_str()));
            parts.push(text);
        }
        next = cause.source();
    }
    if parts.is_empty() {
        // The text of the error itself would hold the URL.
        return if error.is_timeout() { "timed out".to_owned() } else { "the exchange failed".to_owned() };
    }
    parts.join(": ").replace(['\n', '\r'], " ")
}

fn untrusted(error: &reqwest::Error) -> bool {
    let mut next: Option<&(dyn StdError + 'static)> = error.source();
    while let Some(cause) = next {
        if cause.is::<rustls::Error>() {
            return true;
        }
        // An I/O error's source is not what it wraps, but the source of that.
        next = match cause.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
            Some(wrapped) => Some(wrapped),
            None => cause.source(),
        };
    }
    false
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use rustls::pki_types::pem::PemObject as _;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpStream};
    use tokio::time::{Instant, sleep};

    use super::*;

    const OK: &str = "HTTP/1.1 200 OK\r\ndate: Sun, 22 Nov 2026 01:02:03 GMT\r\ncontent-length: 2\r\n\r\n{}";

    /// A server on a free port: what it does with each connection is the closure's business.
    async fn server<F>(serve: impl Fn(TcpStream) -> F + Send + Sync + 'static) -> SocketAddr
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream));
            }
        });
        address
    }

    /// Reads one request: its head, and a body as long as the head says.
    async fn read_request(stream: &mut TcpStream) -> Option<String> {
        let mut text = String::new();
        loop {
            let mut buffer = [0; 4096];
            let count = stream.read(&mut buffer).await.ok().filter(|count| *count > 0)?;
            text.push_str(&String::from_utf8_lossy(&buffer[..count]));
            if let Some((head, body)) = text.split_once("\r\n\r\n") {
                let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
                if body.len() >= length.and_then(|length| length.parse().ok()).unwrap_or(0) {
                    return Some(text);
                }
            }
        }
    }

    fn post(url: impl Into<String>) -> HttpRequest {
        HttpRequest {
            method: "POST",
            url: url.into(),
            headers: vec![("content-type".into(), "text/plain".to_owned())],
            body: "the body".to_owned(),
            time_limit: Duration::from_secs(5),
            link_local: false,
        }
    }

    fn http(settings: HttpSettings) -> Http {
        Http::new(&Environment::default(), settings).expect("a transport")
    }

    fn plain() -> Http {
        http(HttpSettings::default())
    }

    #[track_caller]
    fn failed(result: Result<HttpResponse, TransportError>, fault: Fault, reason: &str) -> TransportError {
        let failure = result.expect_err("a failure");
        assert_eq!(failure.fault, fault, "{}", failure.reason);
        assert!(failure.reason.contains(reason), "{}", failure.reason);
        failure
    }

    #[tokio::test]
    async fn a_connection_is_kept_for_the_next_request() {
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&connections);
        let address = server(move |mut stream| {
            counted.fetch_add(1, Ordering::Relaxed);
            async move {
                while let Some(request) = read_request(&mut stream).await {
                    assert!(request.starts_with("POST /path?a=b HTTP/1.1\r\n"), "{request}");
                    assert!(request.ends_with("the body"), "{request}");
                    stream.write_all(OK.as_bytes()).await.expect("written");
                }
            }
        })
        .await;
        let http = plain();
        for _ in 0..3 {
            let response = http.send(post(format!("http://{address}/path?a=b"))).await.expect("an answer");
            assert_eq!((response.status, &*response.body), (200, b"{}".as_slice()));
            assert_eq!(response.header("date"), Some("Sun, 22 Nov 2026 01:02:03 GMT"));
        }
        assert_eq!(connections.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn a_refused_connection_is_unreachable_and_says_why() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        drop(listener);
        failed(plain().send(post(format!("http://{address}/"))).await, Fault::Unreachable, "refused");
    }

    #[tokio::test]
    async fn a_connection_that_nobody_accepts_is_unreachable_in_time() {
        // Addresses set aside for documentation; nothing answers there. Some networks say so at once.
        let settings =
            HttpSettings { connect_timeout: Some(Duration::from_millis(300)), ..Default::default() };
        let started = Instant::now();
        failed(http(settings).send(post("http://192.0.2.1/")).await, Fault::Unreachable, "");
        assert!(started.elapsed() < Duration::from_secs(3));
    }

    #[tokio::test]
    async fn a_connection_that_breaks_is_told_from_one_that_never_was() {
        for answer in ["", "HTTP/1.1 200 OK\r\ncontent-le", "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{"]
        {
            let address = server(move |mut stream| async move {
                read_request(&mut stream).await;
                stream.write_all(answer.as_bytes()).await.expect("written");
            })
            .await;
            failed(plain().send(post(format!("http://{address}/"))).await, Fault::Broken, "");
        }
    }

    #[tokio::test]
    async fn an_answer_that_trickles_in_ends_at_the_time_limit() {
        let address = server(|mut stream| async move {
            read_request(&mut stream).await;
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n").await;
            while stream.write_all(b"x").await.is_ok() {
                sleep(Duration::from_millis(20)).await;
            }
        })
        .await;
        let request =
            HttpRequest { time_limit: Duration::from_millis(300), ..post(format!("http://{address}/")) };
        let started = Instant::now();
        let settings =
            HttpSettings { connect_timeout: Some(Duration::from_millis(200)), ..HttpSettings::default() };
        failed(http(settings).send(request).await, Fault::TimedOut, "no complete answer within 0.5 s");
        assert!(started.elapsed() < Duration::from_secs(2));
    }

    #[tokio::test]
    async fn a_body_without_end_is_cut_off_and_not_kept() {
        for head in ["content-length: 52428800\r\n\r\n", "transfer-encoding: chunked\r\n\r\n"] {
            let written = Arc::new(AtomicUsize::new(0));
            let counted = Arc::clone(&written);
            let address = server(move |mut stream| {
                let counted = Arc::clone(&counted);
                async move {
                    read_request(&mut stream).await;
                    let _ = stream.write_all(format!("HTTP/1.1 200 OK\r\n{head}").as_bytes()).await;
                    let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
                    while counted.load(Ordering::Relaxed) < 50 << 20
                        && stream.write_all(chunk.as_bytes()).await.is_ok()
                    {
                        counted.fetch_add(chunk.len(), Ordering::Relaxed);
                    }
                }
            })
            .await;
            let result = plain().send(post(format!("http://{address}/"))).await;
            failed(result, Fault::TooLarge, "larger than 8 MiB");
            sleep(Duration::from_millis(100)).await;
            assert!(written.load(Ordering::Relaxed) < 30 << 20, "the sockets' buffers at most");
        }
    }

    #[tokio::test]
    async fn redirects_are_not_followed() {
        let address = server(|mut stream| async move {
            read_request(&mut stream).await;
            let answer =
                "HTTP/1.1 302 Found\r\nlocation: http://elsewhere.test/\r\ncontent-length: 0\r\n\r\n";
            stream.write_all(answer.as_bytes()).await.expect("written");
        })
        .await;
        let response = plain().send(post(format!("http://{address}/"))).await.expect("an answer");
        assert_eq!(response.status, 302);
    }

    #[tokio::test]
    async fn a_proxy_gets_the_request_with_its_own_password_and_messages_do_not() {
        let address = server(|mut stream| async move {
            let request = read_request(&mut stream).await.expect("a request").to_ascii_lowercase();
            // me:hush
            let known = request.contains("proxy-authorization: basic bwu6ahvzaa==");
            let absolute = request.starts_with("post http://ecs.test/ http/1.1\r\n");
            let answer = if known && absolute { OK } else { "HTTP/1.1 500 no\r\ncontent-length: 0\r\n\r\n" };
            stream.write_all(answer.as_bytes()).await.expect("written");
        })
        .await;
        let proxy = Proxy::Url(format!("http://me:hush@{address}"));
        let http = http(HttpSettings { proxy, ..HttpSettings::default() });
        let response = http.send(post("http://ecs.test/")).await.expect("an answer");
        assert_eq!(response.status, 200);
        assert_eq!(http.proxy("http://ecs.test/").as_deref(), Some(&*format!("http://{address}")));
    }

    #[tokio::test]
    async fn a_proxy_that_lets_nobody_through_is_told_from_one_that_is_not_there() {
        for status in ["407 Proxy Authentication Required", "403 Forbidden"] {
            let address = server(move |mut stream| async move {
                let request = read_request(&mut stream).await.expect("a request");
                assert!(request.starts_with("CONNECT ecs.test:443 HTTP/1.1\r\n"), "{request}");
                let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
                stream.write_all(answer.as_bytes()).await.expect("written");
            })
            .await;
            let http = tls(HttpSettings {
                proxy: Proxy::Url(format!("http://{address}")),
                ..HttpSettings::default()
            });
            failed(http.send(post("https://ecs.test/")).await, Fault::Blocked, "tunnel");
        }
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let proxy = Proxy::Url(format!("http://{}", listener.local_addr().expect("an address")));
        drop(listener);
        let http = tls(HttpSettings { proxy, ..HttpSettings::default() });
        failed(http.send(post("https://ecs.test/")).await, Fault::Unreachable, "refused");
    }

    fn testdata(file: &str) -> PathBuf {
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("testdata/tls").join(file)
    }

    /// A transport that sees real files, as the system's certificates are.
    fn tls(settings: HttpSettings) -> Http {
        Http::new(&Environment::from_process(), settings).expect("a transport")
    }

    /// A TLS server valid for `localhost` and `ecs.test`, answering one request per connection.
    fn tls_server() -> SocketAddr {
        let certificates = CertificateDer::pem_file_iter(testdata("server.pem")).expect("a file");
        let certificates: Vec<_> = certificates.collect::<Result<_, _>>().expect("certificates");
        let key = PrivateKeyDer::from_pem_file(testdata("server.key")).expect("a key");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(certificates, key)
            .expect("a configuration");
        let config = Arc::new(config);
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                use std::io::{Read as _, Write as _};
                let mut connection =
                    rustls::ServerConnection::new(Arc::clone(&config)).expect("a connection");
                let mut stream = stream.expect("a stream");
                let mut tls = rustls::Stream::new(&mut connection, &mut stream);
                if tls.read(&mut [0; 4096]).is_ok() {
                    let _ = tls.write_all(OK.as_bytes());
                }
            }
        });
        address
    }

    #[tokio::test]
    async fn a_certificate_is_trusted_if_its_authority_and_its_name_are_right() {
        let port = tls_server().port();
        let direct = HttpSettings { proxy: Proxy::None, ..HttpSettings::default() };
        let local = || post(format!("https://localhost:{port}/"));
        failed(tls(direct.clone()).send(local()).await, Fault::Untrusted, "UnknownIssuer");

        let known = HttpSettings { ca_file: Some(testdata("ca.pem")), ..direct.clone() };
        assert!(tls(known.clone()).send(local()).await.is_ok());
        let by_address = post(format!("https://127.0.0.1:{port}/"));
        failed(tls(known).send(by_address).await, Fault::Untrusted, "not valid for name");

        let careless = HttpSettings { insecure: true, ..direct.clone() };
        assert!(tls(careless).send(local()).await.is_ok());

        let file = testdata("ca.pem").to_string_lossy().into_owned();
        let environment = Environment::from_process().with_variable("SSL_CERT_FILE", file);
        assert!(Http::new(&environment, direct).expect("a transport").send(local()).await.is_ok());
    }

    #[tokio::test]
    async fn a_server_that_speaks_no_tls_is_not_trusted() {
        let address = server(|mut stream| async move {
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await;
        })
        .await;
        let http = tls(HttpSettings { proxy: Proxy::None, insecure: true, ..HttpSettings::default() });
        let url = format!("https://localhost:{}/", address.port());
        failed(http.send(post(url)).await, Fault::Untrusted, "corrupt message");
    }

    #[tokio::test]
    async fn a_ca_file_that_cannot_be_used_is_named() {
        let environment = Environment::default().with_file("/empty.pem", "nothing", 0o644);
        for (path, reason) in [("/gone.pem", "cannot be read"), ("/empty.pem", "holds no certificate")] {
            let settings = HttpSettings { ca_file: Some(path.into()), ..HttpSettings::default() };
            let http = Http::new(&environment, settings).expect("read at the first request");
            let failure = failed(http.send(post("https://ecs.test/")).await, Fault::Unsendable, reason);
            assert!(failure.reason.contains("the CA file") && failure.reason.contains(path));
            let http =
                Http::new(&environment.clone().with_variable("SSL_CERT_FILE", path), HttpSettings::default());
            let result = http.expect("a transport").send(post("https://ecs.test/")).await;
            assert!(failed(result, Fault::Unsendable, reason).reason.contains("SSL_CERT_FILE"));
        }
    }
}
