//! How STS is reached, and what its answers hold. The calls themselves are in the sources that make them.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use tokio::time::Instant;

use crate::answer::Expected;
use crate::call::{Call, Caller, Keys, Layout, Service};
use crate::endpoint::{self, Endpoint, Hosts, Product, Protocol};
use crate::environment::Environment;
use crate::error::{Class, Error, ErrorKind, Rule, one_line};
use crate::key::Credential;
use crate::lenient::record;
use crate::proxy::Proxy;
use crate::sign::Scheme;
use crate::stack::{self, StackSettings};

const VERSION: &str = "2015-04-01";
/// The default duration of a role's key, and the least and the most a role may allow, in seconds.
pub(crate) const DURATION: u32 = 3600;
const DURATIONS: std::ops::RangeInclusive<u32> = 900..=43_200;

const RULES: &[Rule] = &[
    Rule::new("EntityNotExist.Role", ErrorKind::Credential, Class::Fatal),
    Rule::new("InvalidParameter.RoleArn", ErrorKind::Credential, Class::Fatal),
];

/// How STS is reached.
#[derive(Clone)]
pub(crate) struct Sts {
    caller: Caller,
    environment: Environment,
    hosts: Hosts,
    scheme: Scheme,
    /// A private cloud, with the host of its STS.
    stack: Option<(StackSettings, Option<Endpoint>)>,
}

impl fmt::Debug for Sts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sts").field("hosts", &self.hosts).finish_non_exhaustive()
    }
}

/// Which STS a source wants to call, if it wants a special one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct StsTarget {
    pub(crate) endpoint: Option<String>,
    pub(crate) region: Option<String>,
    pub(crate) vpc: bool,
    /// HTTPS whatever the protocol setting says, unless the endpoint itself says `http://`.
    pub(crate) secure: bool,
}

impl Sts {
    pub(crate) fn new(
        hosts: Hosts,
        scheme: Scheme,
        stack: Option<&StackSettings>,
        proxy: &Proxy,
        environment: Environment,
        caller: Caller,
    ) -> Result<Sts, Error> {
        let stack =
            stack.map(|stack| (stack.clone(), stack::endpoint(stack, &hosts, proxy, Product::Sts).ok()));
        let sts = Sts { caller, environment, hosts, scheme, stack };
        // A wrong setting is reported when the client is made, not when the first key is needed.
        sts.endpoint(&StsTarget::default())?;
        Ok(sts)
    }

    /// The host: what the source, the settings or the environment name, else by region, else the central one.
    fn endpoint(&self, target: &StsTarget) -> Result<Endpoint, Error> {
        let environment = &self.environment;
        // Both private clouds' providers call STS by HTTPS only.
        let secure = target.secure || self.stack.is_some();
        let protocol = if secure { Protocol::Https } else { self.hosts.protocol };
        let named = target.endpoint.as_deref().or(self.hosts.sts.as_deref());
        let region = target.region.as_deref().or_else(|| environment.variable("ALIBABA_CLOUD_STS_REGION"));
        let vpc = self.hosts.vpc || target.vpc || environment.flag("ALIBABA_CLOUD_VPC_ENDPOINT_ENABLED");
        if let (None, Some((_, Some(endpoint)))) = (named, &self.stack) {
            return Ok(endpoint.clone());
        }
        match region {
            Some(region) => {
                endpoint::check_region_syntax(region)?;
                Endpoint::resolve(Product::Sts, region, named, protocol, vpc, environment)
            }
            None => match (named, environment.first(&["ALIBABA_CLOUD_ENDPOINT_STS", "STS_ENDPOINT"])) {
                (None, None) => Endpoint::parse("sts.aliyuncs.com", protocol, "the default"),
                (Some(_), _) | (None, Some(_)) => {
                    Endpoint::resolve(Product::Sts, &self.hosts.region, named, protocol, vpc, environment)
                }
            },
        }
    }

    /// Calls an action that answers with `Credentials`.
    pub(crate) async fn credentials(
        &self,
        target: &StsTarget,
        action: &'static str,
        params: Vec<(String, String)>,
        keys: &dyn Keys,
        secret: Option<String>,
    ) -> Result<Credential, Error> {
        let endpoint = self.endpoint(target)?;
        let mut service = Service {
            product: Product::Sts,
            layout: Layout::Form,
            version: VERSION,
            region: target.region.as_deref().unwrap_or(&self.hosts.region),
            endpoint: &endpoint,
            scheme: self.scheme,
            query: Vec::new(),
            headers: Vec::new(),
            send_secret: self.stack.as_ref().is_some_and(|(stack, _)| stack.send_secret),
            throttle: None,
        };
        if let Some((stack, _)) = &self.stack {
            let extras = stack::extras(stack, &stack::given(stack), Product::Sts, &self.hosts.region);
            service.query.extend(extras.query);
            service.query.push(("RegionId".to_owned(), self.hosts.region.clone()));
            service.headers.extend(extras.headers);
        }
        let call = Call {
            action,
            params,
            time_limit: Duration::from_secs(10),
            rules: RULES,
            // A second key does no harm.
            idempotent: true,
            object: None,
            secret,
            deadline: Instant::now() + Duration::from_secs(60),
        };
        let mut expected = Expected::<Issued>::anything();
        self.caller.call(&service, keys, &call, &mut expected).await?;
        read_key(action, &expected.response.credentials)
    }
}

record! {
    /// What STS answers.
    #[derive(Default)]
    struct Issued {
        credentials: Value = "Credentials",
    }
}

/// Reads `AccessKeyId`, `AccessKeySecret`, `SecurityToken` and `Expiration`, which STS, the metadata service and
/// credentials URIs all spell alike.
pub(crate) fn read_key(origin: &str, value: &Value) -> Result<Credential, Error> {
    let field = |name: &str| {
        let text = value.get(name).and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty());
        text.map(ToOwned::to_owned)
            .ok_or_else(|| Error::credential(format!("{origin}: the answer has no {name}")))
    };
    let expiration = field("Expiration")?;
    let credential = Credential {
        access_key_id: field("AccessKeyId")?,
        access_key_secret: field("AccessKeySecret")?,
        security_token: Some(field("SecurityToken")?),
        expiration: Some(read_time(origin, &expiration)?),
        origin: origin.to_owned(),
    };
    credential.check()?;
    Ok(credential)
}

pub(crate) fn read_time(origin: &str, text: &str) -> Result<Timestamp, Error> {
    text.parse().map_err(|_| {
        let shown = one_line(text, 40);
        Error::credential(format!(
            "{origin}: the expiration \"{shown}\" is no time like 2026-01-02T03:04:05Z"
        ))
    })
}

/// Checks what a role is assumed with, before any call.
pub(crate) fn check_role(
    origin: &str,
    role_arn: &str,
    session_name: &str,
    duration: u32,
) -> Result<(), Error> {
    let refuse = |why: String| Err(Error::credential(format!("{origin}: {why}")));
    let valid = role_arn.strip_prefix("acs:ram::").and_then(|rest| rest.split_once(":role/"));
    if valid.is_none_or(|(account, role)| account.is_empty() || role.is_empty()) {
        return refuse(format!(
            "the role \"{}\" is not of the form acs:ram::<account>:role/<name>",
            one_line(role_arn, 100)
        ));
    }
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".@-_".contains(&byte);
    if !(2..=64).contains(&session_name.len()) || !session_name.bytes().all(allowed) {
        return refuse(format!(
            "the session name \"{}\" must have 2 to 64 letters, digits, '.', '@', '-' or '_'",
            one_line(session_name, 100)
        ));
    }
    if !DURATIONS.contains(&duration) {
        return refuse(format!(
            "the session's duration of {duration} s is not from {} to {}",
            DURATIONS.start(),
            DURATIONS.end()
        ));
    }
    Ok(())
}
