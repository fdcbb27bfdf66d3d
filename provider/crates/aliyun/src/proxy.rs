//! Which requests go through which proxy: by the settings, or by the variables that everybody knows. No I/O.

use std::fmt;
use std::net::IpAddr;

use reqwest::Url;

use crate::environment::Environment;
use crate::error::Error;

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

impl Proxy {
    /// Checks that a proxy given as a URL is one. Says nothing about those of the environment.
    pub fn validate(&self) -> Result<(), Error> {
        match self {
            Proxy::Url(url) => parse(url, "proxy").map(|_| ()),
            Proxy::Environment | Proxy::None => Ok(()),
        }
    }
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
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let rest = match rest[..end].rfind('@') {
        Some(at) => &rest[at + 1..],
        None => rest,
    };
    if scheme.is_empty() { rest.to_owned() } else { format!("{scheme}://{rest}") }
}

/// The proxies in force.
#[derive(Clone, Default)]
pub(crate) struct Proxies {
    http: Option<Url>,
    https: Option<Url>,
    direct: Vec<Direct>,
}

/// What is reached without a proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Direct {
    Everything,
    /// A host and all hosts below it.
    Domain {
        name: String,
        port: Option<u16>,
    },
    Address {
        address: IpAddr,
        port: Option<u16>,
    },
    /// Addresses that share so many leading bits.
    Network {
        address: IpAddr,
        bits: u8,
    },
}

impl Proxies {
    pub(crate) fn new(setting: &Proxy, environment: &Environment) -> Result<Proxies, Error> {
        match setting {
            Proxy::None => Ok(Proxies::default()),
            Proxy::Url(url) => {
                let url = parse(url, "the proxy setting")?;
                Ok(Proxies { http: Some(url.clone()), https: Some(url), direct: Vec::new() })
            }
            Proxy::Environment => Proxies::from_environment(environment),
        }
    }

    fn from_environment(environment: &Environment) -> Result<Proxies, Error> {
        let first = |names: &[&'static str]| -> Result<Option<Url>, Error> {
            environment.first(names).map(|(name, value)| parse(value, name)).transpose()
        };
        let no_proxy = environment.first(&["no_proxy", "NO_PROXY"]).map_or("", |(_, value)| value);
        Ok(Proxies {
            http: first(&["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"])?,
            https: first(&["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"])?,
            direct: no_proxy.split([',', ' ']).filter_map(read_direct).collect(),
        })
    }

    /// The proxy that a request goes through.
    pub(crate) fn proxy(&self, url: &Url) -> Option<&Url> {
        let proxy = if url.scheme() == "https" { &self.https } else { &self.http };
        proxy.as_ref().filter(|_| !self.direct.iter().any(|direct| direct.covers(url)))
    }

    /// Whether some proxy is itself spoken to by TLS.
    pub(crate) fn need_tls(&self) -> bool {
        [&self.http, &self.https].into_iter().flatten().any(|proxy| proxy.scheme() == "https")
    }
}

impl Direct {
    fn covers(&self, url: &Url) -> bool {
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_ascii_lowercase();
        let at = |port: &Option<u16>| port.is_none() || *port == url.port_or_known_default();
        match self {
            Direct::Everything => true,
            Direct::Domain { name, port } => {
                let below = host.strip_suffix(name.as_str()).is_some_and(|rest| rest.ends_with('.'));
                (host == *name || below) && at(port)
            }
            Direct::Address { address, port } => host.parse() == Ok(*address) && at(port),
            Direct::Network { address, bits } => {
                host.parse().is_ok_and(|host| same_network(host, *address, *bits))
            }
        }
    }
}

fn read_direct(text: &str) -> Option<Direct> {
    let text = text.trim().to_ascii_lowercase();
    if text.is_empty() {
        return None;
    }
    if text == "*" {
        return Some(Direct::Everything);
    }
    if let Some((address, bits)) = text.split_once('/') {
        return Some(Direct::Network { address: address.parse().ok()?, bits: bits.parse().ok()? });
    }
    if let Ok(address) = text.trim_matches(['[', ']']).parse() {
        return Some(Direct::Address { address, port: None });
    }
    let (name, port) = match text.rsplit_once(':') {
        Some((name, port)) => (name.to_owned(), Some(port.parse().ok()?)),
        None => (text, None),
    };
    if let Ok(address) = name.trim_matches(['[', ']']).parse() {
        return Some(Direct::Address { address, port });
    }
    let name = name.trim_start_matches("*.").trim_start_matches('.').to_owned();
    Some(Direct::Domain { name, port })
}

fn same_network(one: IpAddr, other: IpAddr, bits: u8) -> bool {
    let same = |one: u128, other: u128, width: u8| {
        bits <= width && (bits == 0 || (one ^ other) >> (width - bits) == 0)
    };
    match (one, other) {
        (IpAddr::V4(one), IpAddr::V4(other)) => same(one.to_bits().into(), other.to_bits().into(), 32),
        (IpAddr::V6(one), IpAddr::V6(other)) => same(one.to_bits(), other.to_bits(), 128),
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
    }
}

/// A proxy's URL; a bare `host:port` is taken for an HTTP proxy, as other tools do.
fn parse(value: &str, origin: &str) -> Result<Url, Error> {
    let value = value.trim();
    let text = if value.contains("://") { value.to_owned() } else { format!("http://{value}") };
    let refuse = |why: &str| {
        let shown = without_userinfo(&text);
        Error::settings(format!(
            "{origin}: \"{shown}\" is no proxy: {why}; give http://[user:password@]host:port"
        ))
    };
    let url = Url::parse(&text).map_err(|error| refuse(&error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(refuse("the scheme must be http or https"));
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err(refuse("the host is missing"));
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(variables: &[(&str, &str)]) -> Environment {
        variables.iter().fold(Environment::default(), |environment, (name, value)| {
            environment.with_variable(*name, *value)
        })
    }

    #[track_caller]
    fn check(variables: &[(&str, &str)], url: &str, expected: Option<&str>) {
        let proxies = Proxies::new(&Proxy::Environment, &environment(variables)).expect("proxies");
        let url = Url::parse(url).expect("a URL");
        assert_eq!(proxies.proxy(&url).map(Url::as_str), expected, "{variables:?} {url}");
    }

    #[test]
    fn the_variables_are_read_in_both_cases_by_scheme() {
        let both = [("HTTP_PROXY", "http://a:1"), ("https_proxy", "b:2")];
        check(&both, "http://ecs.test/", Some("http://a:1/"));
        check(&both, "https://ecs.test/", Some("http://b:2/"));
        check(&[("ALL_PROXY", "http://c:3")], "https://ecs.test/", Some("http://c:3/"));
        check(
            &[("http_proxy", "http://a:1"), ("HTTP_PROXY", "http://d:4")],
            "http://x/",
            Some("http://a:1/"),
        );
        check(&[], "https://ecs.test/", None);
    }

    #[test]
    fn no_proxy_knows_hosts_domains_ports_addresses_and_networks() {
        for (no_proxy, url, direct) in [
            ("*", "https://ecs.test/", true),
            ("ecs.test", "https://ecs.test/", true),
            ("test", "https://ecs.test/", true),
            (".test", "https://ecs.test/", true),
            ("*.test", "https://ecs.test/", true),
            ("cs.test", "https://ecs.test/", false),
            ("a, ECS.test ,b", "https://ecs.test/", true),
            ("ecs.test:443", "https://ecs.test/", true),
            ("ecs.test:8443", "https://ecs.test/", false),
            ("127.0.0.1", "https://127.0.0.1:5000/", true),
            ("10.0.0.0/8", "https://10.1.2.3/", true),
            ("10.0.0.0/8", "https://11.1.2.3/", false),
            ("::1", "https://[::1]:5000/", true),
            ("fd00::/8", "https://[fd00::7]/", true),
            ("0.0.0.0/0", "https://ecs.test/", false),
        ] {
            let expected = (!direct).then_some("http://a:1/");
            check(&[("HTTPS_PROXY", "http://a:1"), ("NO_PROXY", no_proxy)], url, expected);
        }
    }

    #[test]
    fn the_setting_is_for_everything_and_none_is_for_nothing() {
        let all = environment(&[("HTTPS_PROXY", "http://a:1"), ("NO_PROXY", "*")]);
        let url = Url::parse("https://ecs.test/").expect("a URL");
        let proxies = Proxies::new(&Proxy::Url("http://b:2".to_owned()), &all).expect("proxies");
        assert_eq!(proxies.proxy(&url).map(Url::as_str), Some("http://b:2/"));
        assert_eq!(Proxies::new(&Proxy::None, &all).expect("none").proxy(&url), None);
    }

    #[test]
    fn what_is_no_proxy_is_refused_without_its_password() {
        for (value, reason) in [
            ("socks5://me:hush@a:1", "http or https"),
            ("http://me:hush@", "host"),
            ("http://me:hush@a b:1", "a b:1"),
            ("http://me:hush@a:port", "port"),
        ] {
            let environment = environment(&[("HTTPS_PROXY", value)]);
            let error =
                Proxies::new(&Proxy::Environment, &environment).map(|_| ()).expect_err("refused").to_string();
            assert!(error.contains("HTTPS_PROXY") && error.contains(reason), "{error}");
            assert!(!error.contains("hush"), "{error}");
        }
        assert!(Proxy::Url("ftp://a".to_owned()).validate().is_err());
        let shown = format!("{:?}", Proxy::Url("http://me:hush@a:1".to_owned()));
        assert_eq!(shown, "Url(http://a:1)");
    }
}
