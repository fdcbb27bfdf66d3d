//! Which host serves a product in a region, and what a user may give instead. No I/O.

use std::fmt;

use crate::environment::Environment;
use crate::error::Error;

/// The scheme of endpoints that do not name one themselves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// HTTPS, the default.
    #[default]
    Https,
    /// Plain HTTP. ECS accepts it; private clouds often speak nothing else.
    Http,
}

impl Protocol {
    fn scheme(self) -> &'static str {
        match self {
            Protocol::Https => "https",
            Protocol::Http => "http",
        }
    }
}

/// Products this crate calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Product {
    Ecs,
    /// Objects in buckets, which are hosts of their own.
    Oss,
    Sts,
    /// What private clouds are administered with. The public cloud has none.
    Ascm,
}

impl Product {
    /// The product's name in hosts, in RAM's actions and in what private clouds are sent.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Product::Ecs => "ecs",
            Product::Oss => "oss",
            Product::Sts => "sts",
            Product::Ascm => "ascm",
        }
    }
}

/// What the settings say of the hosts to call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Hosts {
    pub(crate) ecs: Option<String>,
    pub(crate) oss: Option<String>,
    pub(crate) sts: Option<String>,
    pub(crate) protocol: Protocol,
    pub(crate) vpc: bool,
    pub(crate) region: String,
}

/// The address of a product.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    scheme: &'static str,
    /// Host, with the port if it is not the scheme's own: what the `Host` header carries and V3 signs.
    authority: String,
    path: &'static str,
    /// Which setting or rule gave it, for messages.
    origin: String,
}

impl Endpoint {
    /// A host, host:port or URL as a user gives it. `origin` names the setting or variable.
    pub(crate) fn parse(text: &str, protocol: Protocol, origin: &str) -> Result<Endpoint, Error> {
        let refuse = |why: &str| {
            // Never the text itself if it may hold a password, nor a query, which may hold a key.
            let shown = match text.split_once(['?', '#']) {
                _ if text.contains('@') => "the value".to_owned(),
                Some((address, _)) => format!("\"{address}…\""),
                None => format!("\"{text}\""),
            };
            Err(Error::settings(format!(
                "{origin}: {shown} is no endpoint: {why}; give a host, host:port, or http(s)://host[:port]"
            )))
        };
        let trimmed = text.trim();
        let (scheme, rest) = match trimmed.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => ("https", rest),
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => ("http", rest),
            Some(_) => return refuse("the scheme must be http or https"),
            None => (protocol.scheme(), trimmed),
        };
        if rest.chars().any(|character| character.is_whitespace() || character.is_control()) {
            return refuse("it contains a blank");
        }
        if rest.contains('@') {
            return refuse("it contains a user name");
        }
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        if authority.contains(['/', '?', '#', '\\']) {
            return refuse("it contains a path");
        }
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, Some(port)),
            Some(_) | None => (authority, None),
        };
        let bracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let valid = match bracketed {
            Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
            None => {
                !host.starts_with('.')
                    && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
            }
        };
        if host.is_empty() {
            return refuse("the host is missing");
        }
        if !valid {
            return refuse("the host may contain letters, digits, '-', '.' and '_' only");
        }
        let host = host.to_ascii_lowercase();
        let authority = match port.map(str::parse::<u16>) {
            None => host,
            Some(Ok(0) | Err(_)) => return refuse("the port must be a number from 1 to 65535"),
            Some(Ok(port)) if port == default_port(scheme) => host,
            Some(Ok(port)) => format!("{host}:{port}"),
        };
        Ok(Endpoint { scheme, authority, path: "/", origin: origin.to_owned() })
    }

    /// The host of a product in a region: the setting, the environment, the SDKs' exceptions, the rule.
    pub(crate) fn resolve(
        product: Product,
        region: &str,
        setting: Option<&str>,
        protocol: Protocol,
        vpc: bool,
        environment: &Environment,
    ) -> Result<Endpoint, Error> {
        let name = product.name();
        let (variables, exceptions): (&[&str], _) = match product {
            Product::Ecs => (&["ALIBABA_CLOUD_ENDPOINT_ECS", "ECS_ENDPOINT"], ECS_EXCEPTIONS),
            Product::Oss => (&["ALIBABA_CLOUD_ENDPOINT_OSS", "OSS_ENDPOINT"], &[]),
            Product::Sts => (&["ALIBABA_CLOUD_ENDPOINT_STS", "STS_ENDPOINT"], STS_EXCEPTIONS),
            Product::Ascm => (&[], &[]),
        };
        if let Some(setting) = setting {
            return Endpoint::parse(setting, protocol, &format!("the {name} endpoint setting"));
        }
        if let Some((variable, value)) = environment.first(variables) {
            return Endpoint::parse(value, protocol, variable);
        }
        let exception = exceptions.iter().find(|(exception, _)| *exception == region).map(|(_, host)| *host);
        // The SDKs return the public host of an exceptional region even if the VPC network is asked for, which cannot be
        // reached from a VPC without internet access. If a VPC host is known to exist, the user's word counts.
        let vpc = vpc && (exception.is_none() || ECS_VPC_REGIONS.contains(&region));
        let host = match exception {
            _ if product == Product::Oss => {
                format!("oss-{region}{}.aliyuncs.com", if vpc { "-internal" } else { "" })
            }
            _ if vpc => format!("{name}-vpc.{region}.aliyuncs.com"),
            Some(host) => host.to_owned(),
            None => format!("{name}.{region}.aliyuncs.com"),
        };
        Endpoint::parse(&host, protocol, &format!("the region \"{region}\""))
    }

    /// The same host, by this protocol whatever else was said.
    pub(crate) fn with_protocol(mut self, protocol: Protocol) -> Endpoint {
        self.scheme = protocol.scheme();
        self
    }

    /// The same host behind another path. Only private clouds have one.
    pub(crate) fn with_path(mut self, path: &'static str) -> Endpoint {
        self.path = path;
        self
    }

    pub(crate) fn authority(&self) -> &str {
        &self.authority
    }

    /// What gave this endpoint.
    pub(crate) fn origin(&self) -> &str {
        &self.origin
    }

    /// The address of an object, whose path is escaped. A bucket is a host below the endpoint's, unless that is an address or
    /// a name that can have none below it.
    pub(crate) fn url_of_object(&self, bucket: &str, path: &str) -> String {
        let host = match self.authority.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => host,
            Some(_) | None => &self.authority,
        };
        let is_address = host.starts_with('[') || host.parse::<std::net::Ipv4Addr>().is_ok();
        match is_address || !host.contains('.') {
            true => format!("{}://{}/{bucket}/{path}", self.scheme, self.authority),
            false => format!("{}://{bucket}.{}/{path}", self.scheme, self.authority),
        }
    }

    pub(crate) fn url(&self, query: &str) -> String {
        let mark = if query.is_empty() { "" } else { "?" };
        format!("{}://{}{}{mark}{query}", self.scheme, self.authority, self.path)
    }
}

impl fmt::Display for Endpoint {
    /// As it is shown in messages: with scheme and port, without query.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.authority)
    }
}

fn default_port(scheme: &str) -> u16 {
    if scheme == "https" { 443 } else { 80 }
}

/// Checks that a text is an endpoint: host, host:port, or `http(s)://host[:port]`.
pub fn validate_endpoint(endpoint: &str) -> Result<(), Error> {
    Endpoint::parse(endpoint, Protocol::Https, "endpoint").map(|_| ())
}

/// Checks that a region is one of [`REGIONS`]; the error names the nearest ones.
pub fn validate_region(region: &str) -> Result<(), Error> {
    if REGIONS.contains(&region) {
        return Ok(());
    }
    let mut near: Vec<_> = REGIONS.iter().map(|known| (distance(region, known), *known)).collect();
    near.sort_unstable();
    let near: Vec<_> =
        near.iter().take_while(|(distance, _)| *distance <= 4).take(3).map(|(_, near)| *near).collect();
    let hint = if near.is_empty() {
        format!("known are {}", REGIONS.join(", "))
    } else {
        format!("did you mean {}?", near.join(" or "))
    };
    Err(Error::settings(format!("\"{region}\" is not a known region; {hint}")))
}

/// Whether a region can stand in a host name and a request at all.
pub(crate) fn check_region_syntax(region: &str) -> Result<(), Error> {
    let valid = region.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    if region.is_empty() || region.len() > 64 || !valid {
        return Err(Error::settings(format!(
            "\"{region}\" cannot be a region: 1 to 64 letters, digits, '-' and '_' are allowed, e.g. cn-hangzhou"
        )));
    }
    Ok(())
}

/// Edits between two words (Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (line, byte) in one.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = line + 1;
        for (column, other) in other.bytes().enumerate() {
            let replaced = diagonal + usize::from(byte != other);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[other.len()]
}

/// Regions whose ECS host does not follow the rule; identical in the official Python SDK 7.11.8, the core Python SDK 4.24.83 and
/// the Go core SDK.
const ECS_EXCEPTIONS: &[(&str, &str)] = &[
    ("cn-hangzhou", "ecs-cn-hangzhou.aliyuncs.com"),
    ("cn-shanghai-finance-1", "ecs-cn-hangzhou.aliyuncs.com"),
    ("cn-shenzhen-finance-1", "ecs-cn-hangzhou.aliyuncs.com"),
    ("cn-north-2-gov-1", "ecs.aliyuncs.com"),
    ("ap-northeast-2-pop", "ecs.aliyuncs.com"),
    ("cn-beijing-finance-pop", "ecs.aliyuncs.com"),
    ("cn-beijing-gov-1", "ecs.aliyuncs.com"),
    ("cn-beijing-nu16-b01", "ecs-cn-hangzhou.aliyuncs.com"),
    ("cn-edge-1", "ecs.cn-qingdao-nebula.aliyuncs.com"),
    ("cn-fujian", "ecs-cn-hangzhou.aliyuncs.com"),
    ("cn-haidian-cm12-c01", "ecs-cn-hangzhou.aliyuncs.com"),
    ("cn-hangzhou-bj-b01", "ecs-cn-hangzhou.aliyuncs.com"),
    ("cn-hangzhou-finance", "ecs.aliyuncs.com"),
    ("cn-hangzhou-internal-prod-1", "ecs-cn-hangzhou.aliyuncs.com"),
    ("cn-hangzhou-internal-test-1", "ecs-cn-hangzhou.aliyuncs.com"),
    ("cn-hangzhou-internal-test-2", "ecs-cn-hangzhou.aliyuncs.com"),
    ("cn-hangzhou-internal-test-3", "ecs-cn-hangzhou.aliyuncs.com"),
    ("cn-hangzhou-test-306", "ecs-cn-hangzhou.aliyuncs.com"),
    ("cn-hongkong-finance-pop", "ecs.aliyuncs.com"),
    ("cn-huhehaote-nebula-1", "ecs.cn-qingdao-nebula.aliyuncs.com"),
    ("cn-shanghai-et15-b01", "ecs-cn-hangzhou.aliyuncs.com"),
    ("cn-shanghai-et2-b01", "ecs-cn-hangzhou.aliyuncs.com"),
    ("cn-shanghai-inner", "ecs.aliyuncs.com"),
    ("cn-shanghai-internal-test-1", "ecs-cn-hangzhou.aliyuncs.com"),
    ("cn-shenzhen-inner", "ecs.aliyuncs.com"),
    ("cn-shenzhen-st4-d01", "ecs-cn-hangzhou.aliyuncs.com"),
    ("cn-shenzhen-su18-b01", "ecs-cn-hangzhou.aliyuncs.com"),
    ("cn-wuhan", "ecs.aliyuncs.com"),
    ("cn-yushanfang", "ecs.aliyuncs.com"),
    ("cn-zhangbei", "ecs.aliyuncs.com"),
    ("cn-zhangbei-na61-b01", "ecs-cn-hangzhou.aliyuncs.com"),
    ("cn-zhangjiakou-na62-a01", "ecs.cn-zhangjiakou.aliyuncs.com"),
    ("cn-zhengzhou-nebula-1", "ecs.cn-qingdao-nebula.aliyuncs.com"),
    ("eu-west-1-oxs", "ecs.cn-shenzhen-cloudstone.aliyuncs.com"),
    ("rus-west-1-pop", "ecs.aliyuncs.com"),
];

/// Regions whose STS host does not follow the rule; from the same SDKs.
const STS_EXCEPTIONS: &[(&str, &str)] = &[
    ("ap-northeast-2-pop", "sts.aliyuncs.com"),
    ("ap-south-1", "sts.aliyuncs.com"),
    ("ap-southeast-2", "sts.aliyuncs.com"),
    ("cn-beijing-finance-pop", "sts.aliyuncs.com"),
    ("cn-beijing-gov-1", "sts.aliyuncs.com"),
    ("cn-beijing-nu16-b01", "sts.aliyuncs.com"),
    ("cn-edge-1", "sts.aliyuncs.com"),
    ("cn-fujian", "sts.aliyuncs.com"),
    ("cn-haidian-cm12-c01", "sts.aliyuncs.com"),
    ("cn-hangzhou-bj-b01", "sts.aliyuncs.com"),
    ("cn-hangzhou-internal-prod-1", "sts.aliyuncs.com"),
    ("cn-hangzhou-internal-test-1", "sts.aliyuncs.com"),
    ("cn-hangzhou-internal-test-2", "sts.aliyuncs.com"),
    ("cn-hangzhou-internal-test-3", "sts.aliyuncs.com"),
    ("cn-hangzhou-test-306", "sts.aliyuncs.com"),
    ("cn-hongkong-finance-pop", "sts.aliyuncs.com"),
    ("cn-huhehaote-nebula-1", "sts.aliyuncs.com"),
    ("cn-shanghai-et15-b01", "sts.aliyuncs.com"),
    ("cn-shanghai-et2-b01", "sts.aliyuncs.com"),
    ("cn-shanghai-inner", "sts.aliyuncs.com"),
    ("cn-shanghai-internal-test-1", "sts.aliyuncs.com"),
    ("cn-shenzhen-inner", "sts.aliyuncs.com"),
    ("cn-shenzhen-st4-d01", "sts.aliyuncs.com"),
    ("cn-shenzhen-su18-b01", "sts.aliyuncs.com"),
    ("cn-wuhan", "sts.aliyuncs.com"),
    ("cn-yushanfang", "sts.aliyuncs.com"),
    ("cn-zhangbei", "sts.aliyuncs.com"),
    ("cn-zhangbei-na61-b01", "sts.aliyuncs.com"),
    ("cn-zhangjiakou-na62-a01", "sts.aliyuncs.com"),
    ("cn-zhengzhou-nebula-1", "sts.aliyuncs.com"),
    ("eu-west-1-oxs", "sts.aliyuncs.com"),
    ("rus-west-1-pop", "sts.aliyuncs.com"),
];

/// Regions that have an ECS host inside VPCs, by the official CLI's metadata.
const ECS_VPC_REGIONS: &[&str] = &[
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-southeast-3",
    "ap-southeast-5",
    "ap-southeast-6",
    "ap-southeast-7",
    "ap-southeast-8",
    "cn-beijing",
    "cn-beijing-finance-1",
    "cn-chengdu",
    "cn-fuzhou",
    "cn-guangzhou",
    "cn-hangzhou",
    "cn-heyuan",
    "cn-heyuan-acdr-1",
    "cn-hongkong",
    "cn-huhehaote",
    "cn-nanjing",
    "cn-north-2-gov-1",
    "cn-qingdao",
    "cn-shanghai",
    "cn-shanghai-finance-1",
    "cn-shenzhen",
    "cn-shenzhen-finance-1",
    "cn-wuhan-lr",
    "cn-wulanchabu",
    "cn-zhangjiakou",
    "cn-zhengzhou-jva",
    "cn-zhongwei",
    "eu-central-1",
    "eu-west-1",
    "me-central-1",
    "me-east-1",
    "na-south-1",
    "us-east-1",
    "us-southeast-1",
    "us-west-1",
];

/// The regions that the published Terraform provider 1.289.0 accepts. A newer region is reached with region validation skipped.
pub const REGIONS: &[&str] = &[
    "cn-hangzhou",
    "cn-qingdao",
    "cn-beijing",
    "cn-hongkong",
    "cn-shenzhen",
    "cn-shanghai",
    "cn-zhangjiakou",
    "cn-huhehaote",
    "cn-chengdu",
    "cn-heyuan",
    "cn-wulanchabu",
    "cn-guangzhou",
    "cn-nanjing",
    "cn-fuzhou",
    "cn-zhongwei",
    "ap-southeast-1",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-southeast-2",
    "ap-southeast-3",
    "ap-southeast-5",
    "ap-southeast-6",
    "ap-southeast-7",
    "ap-southeast-8",
    "ap-south-1",
    "us-west-1",
    "us-east-1",
    "us-southeast-1",
    "na-south-1",
    "me-east-1",
    "me-central-1",
    "eu-central-1",
    "eu-west-1",
    "rus-west-1",
    "cn-hangzhou-finance",
    "cn-hzfinance",
    "cn-hzjbp",
    "cn-beijing-finance-1",
    "cn-beijing-finance-1-pub",
    "cn-shanghai-finance-1",
    "cn-shanghai-finance-1-pub",
    "cn-shenzhen-finance-1",
    "cn-szfinance",
    "cn-shenzhen-finance",
    "cn-north-2-gov-1",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(product: Product, region: &str, vpc: bool, url: &str) {
        let environment = Environment::default();
        let endpoint = Endpoint::resolve(product, region, None, Protocol::Https, vpc, &environment);
        assert_eq!(endpoint.expect("an endpoint").url(""), url);
    }

    #[test]
    fn hosts_follow_the_rule_but_for_the_exceptions() {
        check(Product::Ecs, "eu-central-1", false, "https://ecs.eu-central-1.aliyuncs.com/");
        check(Product::Ecs, "cn-hangzhou", false, "https://ecs-cn-hangzhou.aliyuncs.com/");
        check(Product::Ecs, "cn-north-2-gov-1", false, "https://ecs.aliyuncs.com/");
        check(Product::Sts, "eu-central-1", false, "https://sts.eu-central-1.aliyuncs.com/");
        check(Product::Sts, "ap-south-1", false, "https://sts.aliyuncs.com/");
    }

    #[test]
    fn a_vpc_host_is_used_where_one_exists() {
        check(Product::Ecs, "cn-beijing", true, "https://ecs-vpc.cn-beijing.aliyuncs.com/");
        check(Product::Ecs, "cn-hangzhou", true, "https://ecs-vpc.cn-hangzhou.aliyuncs.com/");
        check(Product::Ecs, "cn-wuhan", true, "https://ecs.aliyuncs.com/");
        check(Product::Sts, "cn-beijing", true, "https://sts-vpc.cn-beijing.aliyuncs.com/");
    }

    #[test]
    fn the_setting_wins_over_the_environment_and_that_over_the_rule() {
        let environment = Environment::default()
            .with_variable("ALIBABA_CLOUD_ENDPOINT_ECS", "one.test")
            .with_variable("ECS_ENDPOINT", "two.test");
        let resolve = |setting, environment: &Environment| {
            let endpoint =
                Endpoint::resolve(Product::Ecs, "cn-hangzhou", setting, Protocol::Http, true, environment);
            endpoint.expect("an endpoint").url("")
        };
        assert_eq!(resolve(Some("three.test:8080"), &environment), "http://three.test:8080/");
        assert_eq!(resolve(None, &environment), "http://one.test/");
        let fewer = environment.clone().without_variable("ALIBABA_CLOUD_ENDPOINT_ECS");
        assert_eq!(resolve(None, &fewer), "http://two.test/");
    }

    #[test]
    fn hosts_ports_and_urls_are_accepted() {
        for (given, url) in [
            ("ecs.test", "https://ecs.test/"),
            (" ecs.test\n", "https://ecs.test/"),
            ("ECS.Test:443", "https://ecs.test/"),
            ("ecs.test:8443", "https://ecs.test:8443/"),
            ("http://127.0.0.1:80", "http://127.0.0.1/"),
            ("HTTP://127.0.0.1:5000/", "http://127.0.0.1:5000/"),
            ("https://[::1]:5000", "https://[::1]:5000/"),
            ("[::1]", "https://[::1]/"),
        ] {
            let endpoint = Endpoint::parse(given, Protocol::Https, "the setting");
            assert_eq!(endpoint.expect(given).url(""), url, "{given}");
        }
    }

    #[test]
    fn what_is_no_endpoint_is_refused_with_the_reason() {
        assert!(validate_endpoint("ecs.test:8443").is_ok() && validate_endpoint("a b").is_err());
        for (given, reason) in [
            ("", "host is missing"),
            ("https://", "host is missing"),
            ("ecs.test/path", "a path"),
            ("ecs.test?AccessKeySecret=password", "a path"),
            ("ecs test", "a blank"),
            ("user:password@ecs.test", "a user name"),
            ("ftp://ecs.test", "http or https"),
            ("ecs.test:0", "port"),
            ("ecs.test:70000", "port"),
            ("ecs.test:http", "port"),
            ("ecs,test", "letters, digits"),
            ("[::x]", "letters, digits"),
        ] {
            let error = Endpoint::parse(given, Protocol::Https, "ECS_ENDPOINT").expect_err(given).to_string();
            assert!(error.contains(reason) && error.contains("ECS_ENDPOINT"), "{given}: {error}");
            assert!(!error.contains("password"), "{error}");
        }
    }

    #[test]
    fn an_unknown_region_gets_the_nearest_names() {
        assert!(validate_region("cn-hangzhou").is_ok());
        let error = validate_region("cn-hangzou").expect_err("unknown").to_string();
        assert!(error.contains("did you mean cn-hangzhou"), "{error}");
        let error = validate_region("mars-north-of-the-pole-1").expect_err("unknown").to_string();
        assert!(error.contains("known are cn-hangzhou, cn-qingdao"), "{error}");
    }

    #[test]
    fn a_region_must_fit_into_a_host_name() {
        assert!(check_region_syntax("cn-stack-env-d01").is_ok());
        for region in ["", "cn hangzhou", "cn-hangzhou/x", "a.b"] {
            assert!(check_region_syntax(region).is_err(), "{region}");
        }
    }
}
