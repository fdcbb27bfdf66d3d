//! One HTTP exchange: a request out, an answer of bounded size back, inside a time limit. Knows neither signatures nor codes.
//!
//! [`Transport`] is the seam: the real one is [`Http`], tests put their own in its place.

use std::collections::BTreeMap;
use std::error::Error as StdError;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls_platform_verifier::Verifier;

use crate::environment::Environment;
use crate::error::Error;

/// No answer of the API comes near this: a page of a hundred images with seventeen disks each is under 1 MiB.
pub(crate) const MAX_BODY: usize = 8 << 20;
/// How long a connection may take if the settings do not say.
const CONNECT: Duration = Duration::from_secs(8);

#[derive(Clone)]
pub(crate) struct HttpRequest {
    pub(crate) method: &'static str,
    pub(crate) url: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
    /// For the whole exchange, from the connection to the last byte of the answer.
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

/// What went wrong on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// No connection: nothing was sent.
    Unreachable,
    /// The other side's certificate is not trusted, or it does not speak TLS: nothing was sent.
    Untrusted,
    /// The connection broke after the request, or a part of it, went out.
    Broken,
    /// No complete answer inside the time limit.
    TimedOut,
    /// The answer is larger than [`MAX_BODY`].
    TooLarge,
    /// The request cannot be built, or the settings for it are wrong: nothing was sent.
    Unsendable,
}

#[derive(Clone)]
pub(crate) struct Failure {
    pub(crate) fault: Fault,
    /// The innermost reason, in the system's words, without address and without secrets.
    pub(crate) reason: String,
}

pub(crate) trait Transport: Send + Sync {
    fn send(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, Failure>>;

    /// The proxy that requests to this URL go through, as it may be shown.
    fn proxy(&self, _url: &str) -> Option<String> {
        None
    }
}

/// Which proxy to use.
#[derive(Clone, Default, PartialEq, Eq)]
pub enum Proxy {
    /// `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`, in capitals or not. The default.
    #[default]
    Environment,
    /// None, whatever the environment says.
    None,
    /// This one, for HTTP and HTTPS alike: `http://[user:password@]host:port`.
    Url(String),
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Proxy::Environment => f.write_str("Environment"),
            Proxy::None => f.write_str("None"),
            Proxy::Url(url) => write!(f, "Url({})", without_userinfo(url)),
        }
    }
}

/// A URL without the user name and password it may hold.
pub(crate) fn without_userinfo(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").map_or(("", url), |(scheme, rest)| (scheme, rest));
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let rest = match rest[..end].rfind('@') {
        Some(at) => &rest[at + 1..],
        None => rest,
    };
    if scheme.is_empty() { rest.to_owned() } else { format!("{scheme}://{rest}") }
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
    proxies: Vec<(Scope, String)>,
    no_proxy: String,
    clients: [OnceLock<Result<reqwest::Client, Failure>>; 3],
}

/// The connections that requests need: reading the system's certificates is left out where nobody asks for TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Need {
    LinkLocal,
    Plain,
    Tls,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scope {
    Http,
    Https,
}

impl Http {
    pub(crate) fn new(environment: &Environment, settings: HttpSettings) -> Result<Http, Error> {
        let both = |url: &str| vec![(Scope::Http, url.to_owned()), (Scope::Https, url.to_owned())];
        let (proxies, no_proxy) = match &settings.proxy {
            Proxy::None => (Vec::new(), String::new()),
            Proxy::Url(url) => (both(&check_proxy(url, "the proxy setting")?), String::new()),
            Proxy::Environment => from_environment(environment)?,
        };
        Ok(Http {
            environment: environment.clone(),
            settings,
            proxies,
            no_proxy,
            clients: Default::default(),
        })
    }

    fn client(&self, request: &HttpRequest) -> Result<&reqwest::Client, Failure> {
        let tls = request.url.starts_with("https:")
            || self.proxies.iter().any(|(_, url)| url.starts_with("https:"));
        let need = match (request.link_local, tls) {
            (true, _) => Need::LinkLocal,
            (false, false) => Need::Plain,
            (false, true) => Need::Tls,
        };
        self.clients[need as usize].get_or_init(|| self.build(need)).as_ref().map_err(Clone::clone)
    }

    fn build(&self, need: Need) -> Result<reqwest::Client, Failure> {
        let connect = match need {
            Need::LinkLocal => Duration::from_secs(1),
            Need::Plain | Need::Tls => self.settings.connect_timeout.unwrap_or(CONNECT),
        };
        let mut builder = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .http1_only()
            .tcp_nodelay(true)
            .tcp_keepalive(Duration::from_secs(30))
            .pool_idle_timeout(Duration::from_secs(30))
            .connect_timeout(connect)
            .tls_backend_preconfigured(self.tls(need)?);
        if need != Need::LinkLocal {
            for (scope, url) in &self.proxies {
                let proxy = match scope {
                    Scope::Http => reqwest::Proxy::http(url),
                    Scope::Https => reqwest::Proxy::https(url),
                };
                let proxy = proxy.map_err(|_| unsendable("the proxy's address cannot be used"))?;
                builder = builder.proxy(proxy.no_proxy(reqwest::NoProxy::from_string(&self.no_proxy)));
            }
        }
        builder.build().map_err(|error| unsendable(reason(&error)))
    }

    fn tls(&self, need: Need) -> Result<rustls::ClientConfig, Failure> {
        // The provider is named here and not installed for the process, which may hold other users of TLS.
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = rustls::ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| unsendable(error.to_string()))?;
        if need != Need::Tls {
            // An empty store trusts nobody.
            return Ok(builder.with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth());
        }
        let verifier: Arc<dyn rustls::client::danger::ServerCertVerifier> = if self.settings.insecure {
            Arc::new(TrustAnyone(provider))
        } else {
            let extra = match &self.settings.ca_file {
                Some(path) => self.certificates(path, "the CA file")?,
                None => Vec::new(),
            };
            let own = match self.environment.variable("SSL_CERT_FILE") {
                // Read here although the verifier would: it passes over a file that it cannot read.
                Some(path) => self.certificates(&PathBuf::from(path), "SSL_CERT_FILE")?,
                None => Vec::new(),
            };
            let verifier = Verifier::new_with_extra_roots(extra.into_iter().chain(own), provider)
                .map_err(|error| unsendable(format!("no certificate authorities to trust: {error}")))?;
            Arc::new(verifier)
        };
        Ok(builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth())
    }

    fn certificates(
        &self,
        path: &std::path::Path,
        what: &str,
    ) -> Result<Vec<CertificateDer<'static>>, Failure> {
        let file = self
            .environment
            .read(path)
            .map_err(|error| unsendable(format!("{what} {} cannot be read: {error}", path.display())))?;
        let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&file.contents).collect();
        match certificates {
            Ok(certificates) if certificates.is_empty() => {
                Err(unsendable(format!("{what} {} holds no certificate in PEM form", path.display())))
            }
            Ok(certificates) => Ok(certificates),
            Err(error) => Err(unsendable(format!("{what} {} is damaged: {error}", path.display()))),
        }
    }

    async fn exchange(&self, request: HttpRequest) -> Result<HttpResponse, Failure> {
        let client = self.client(&request)?;
        let method = match request.method {
            "GET" => reqwest::Method::GET,
            "PUT" => reqwest::Method::PUT,
            _ => reqwest::Method::POST,
        };
        let mut headers = HeaderMap::with_capacity(request.headers.len());
        for (name, value) in &request.headers {
            let name = HeaderName::from_bytes(name.as_bytes())
                .map_err(|_| unsendable(format!("the header name \"{name}\" is not valid")))?;
            let mut value = HeaderValue::from_str(value)
                .map_err(|_| unsendable(format!("the header {name} has a value that cannot be sent")))?;
            value.set_sensitive(matches!(name.as_str(), "authorization" | "x-acs-security-token"));
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
            .map_err(|error| failure(&error))?;
        let mut body = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| failure(&error))? {
            if body.len() + chunk.len() > MAX_BODY {
                let limit = MAX_BODY >> 20;
                let reason = format!("the answer (status {}) is larger than {limit} MiB", response.status());
                return Err(Failure { fault: Fault::TooLarge, reason });
            }
            body.extend_from_slice(&chunk);
        }
        let headers = response.headers().iter().filter_map(|(name, value)| {
            Some((name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        });
        Ok(HttpResponse {
            status: response.status().as_u16(),
            headers: headers.collect(),
            body: body.freeze(),
        })
    }
}

impl Transport for Http {
    fn send(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, Failure>> {
        let limit = request.time_limit;
        async move {
            match tokio::time::timeout(limit, self.exchange(request)).await {
                Ok(result) => result,
                Err(_) => Err(Failure {
                    fault: Fault::TimedOut,
                    reason: format!("no complete answer within {:.1} s", limit.as_secs_f64()),
                }),
            }
        }
        .boxed()
    }

    fn proxy(&self, url: &str) -> Option<String> {
        let scope = if url.starts_with("https:") { Scope::Https } else { Scope::Http };
        let (_, proxy) = self.proxies.iter().find(|(proxied, _)| *proxied == scope)?;
        Some(without_userinfo(proxy))
    }
}

fn from_environment(environment: &Environment) -> Result<(Vec<(Scope, String)>, String), Error> {
    let mut proxies = Vec::new();
    for (scope, names) in [
        (Scope::Http, &["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"]),
        (Scope::Https, &["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]),
    ] {
        // In a CGI program HTTP_PROXY is the request's header Proxy, which anybody can send.
        let cgi = environment.variable("REQUEST_METHOD").is_some();
        let mut names = names.iter().filter(|name| !(cgi && **name == "HTTP_PROXY"));
        if let Some((name, value)) = names.find_map(|name| Some((name, environment.variable(name)?))) {
            proxies.push((scope, check_proxy(value, name)?));
        }
    }
    let no_proxy = environment.first(&["no_proxy", "NO_PROXY"]).map_or("", |(_, value)| value);
    Ok((proxies, no_proxy.to_owned()))
}

/// A proxy's URL; a bare `host:port` is taken for an HTTP proxy, as other tools do.
fn check_proxy(value: &str, origin: &str) -> Result<String, Error> {
    let value = value.trim();
    let url = if value.contains("://") { value.to_owned() } else { format!("http://{value}") };
    let refuse = |why: &str| {
        let shown = without_userinfo(&url);
        Error::settings(format!(
            "{origin}: \"{shown}\" is no proxy: {why}; give http://[user:password@]host:port"
        ))
    };
    let parsed = reqwest::Url::parse(&url).map_err(|error| refuse(&error.to_string()))?;
    if !matches!(parsed.scheme(), "http" | "https") {
        return Err(refuse("the scheme must be http or https"));
    }
    if parsed.host_str().is_none_or(str::is_empty) {
        return Err(refuse("the host is missing"));
    }
    Ok(url)
}

fn unsendable(reason: impl Into<String>) -> Failure {
    Failure { fault: Fault::Unsendable, reason: reason.into() }
}

fn failure(error: &reqwest::Error) -> Failure {
    let reason = reason(error);
    let fault = if untrusted(error) {
        Fault::Untrusted
    } else if error.is_connect() {
        Fault::Unreachable
    } else if error.is_builder() {
        Fault::Unsendable
    } else if error.is_timeout() {
        Fault::TimedOut
    } else {
        Fault::Broken
    };
    Failure { fault, reason }
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
        if let Some(io) = cause.downcast_ref::<std::io::Error>() {
            if io.get_ref().is_some_and(|inner| inner.is::<rustls::Error>()) {
                return true;
            }
        }
        next = cause.source();
    }
    false
}

/// For `insecure`: signatures are still checked, so that a broken handshake is noticed; certificates are not.
#[derive(Debug)]
struct TrustAnyone(Arc<rustls::crypto::CryptoProvider>);

impl rustls::client::danger::ServerCertVerifier for TrustAnyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &rustls::pki_types::ServerName<'_>,
        _: &[u8],
        _: rustls::pki_types::UnixTime,
    ) -> Result<rustls::client::danger::ServerCertVerified, rustls::Error> {
        Ok(rustls::client::danger::ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
