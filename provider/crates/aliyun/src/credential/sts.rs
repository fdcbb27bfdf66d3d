//! How STS is reached, and what its answers hold. The calls themselves are in the sources that make them.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use tokio::time::Instant;

use super::{Context, Credential};
use crate::answer::{Expected, one_line};
use crate::call::{Call, Keys, Method, Service};
use crate::endpoint::{self, Endpoint, Product, Protocol};
use crate::environment::Environment;
use crate::error::{Class, Error, ErrorKind, Rule};
use crate::lenient::record;
use crate::settings::Settings;
use crate::sign::Scheme;
use crate::stack::{self, StackSettings};

const VERSION: &str = "2015-04-01";
/// The default duration of a role's key, and the least and the most a role may allow, in seconds.
pub(super) const DURATION: u32 = 3600;
const DURATIONS: std::ops::RangeInclusive<u32> = 900..=43_200;

const RULES: &[Rule] = &[
    Rule::new("EntityNotExist.Role", ErrorKind::Credential, Class::Fatal),
    Rule::new("InvalidParameter.RoleArn", ErrorKind::Credential, Class::Fatal),
];

/// How STS is reached.
#[derive(Clone)]
pub(crate) struct Sts {
    /// What the settings name.
    endpoint: Option<String>,
    protocol: Protocol,
    vpc: bool,
    scheme: Scheme,
    /// A private cloud, with the host of its STS.
    stack: Option<(StackSettings, Option<Endpoint>)>,
    region: String,
}

impl fmt::Debug for Sts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sts").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

/// Where a source wants to call STS, if it wants anything special.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) endpoint: Option<String>,
    pub(super) region: Option<String>,
    pub(super) vpc: bool,
    /// HTTPS whatever the protocol setting says, unless the endpoint itself says `http://`.
    pub(super) secure: bool,
}

impl Sts {
    pub(crate) fn new(settings: &Settings) -> Result<Sts, Error> {
        let sts = Sts {
            endpoint: settings.sts_endpoint.clone(),
            protocol: settings.protocol,
            vpc: settings.vpc,
            scheme: if settings.stack.is_some() { Scheme::V1 } else { settings.sign_version },
            stack: settings
                .stack
                .as_ref()
                .map(|stack| (stack.clone(), stack::endpoint(stack, settings, stack::Product::Sts).ok())),
            region: settings.region.clone(),
        };
        // A wrong setting is reported when the client is made, not when the first key is needed.
        sts.endpoint(&Place::default(), &settings.environment)?;
        Ok(sts)
    }

    /// The host: what the source, the settings or the environment name, else by region, else the central one.
    fn endpoint(&self, place: &Place, environment: &Environment) -> Result<Endpoint, Error> {
        // Both private clouds' providers call STS by HTTPS only.
        let secure = place.secure || self.stack.is_some();
        let protocol = if secure { Protocol::Https } else { self.protocol };
        let named = place.endpoint.as_deref().or(self.endpoint.as_deref());
        let region = place.region.as_deref().or_else(|| environment.variable("ALIBABA_CLOUD_STS_REGION"));
        let vpc = self.vpc || place.vpc || environment.flag("ALIBABA_CLOUD_VPC_ENDPOINT_ENABLED");
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
                    Endpoint::resolve(Product::Sts, &self.region, named, protocol, vpc, environment)
                }
            },
        }
    }

    /// Calls an action that answers with `Credentials`.
    pub(super) async fn credentials(
        &self,
        context: &Context,
        place: &Place,
        action: &'static str,
        params: Vec<(String, String)>,
        keys: Keys<'_>,
        secret: Option<String>,
    ) -> Result<Credential, Error> {
        let endpoint = self.endpoint(place, &context.environment)?;
        let mut service = Service {
            product: "sts",
            method: Method::Form,
            version: VERSION,
            region: place.region.as_deref().unwrap_or(&self.region),
            endpoint: &endpoint,
            scheme: self.scheme,
            query: Vec::new(),
            headers: Vec::new(),
            send_secret: self.stack.as_ref().is_some_and(|(stack, _)| stack.send_secret),
            throttle: None,
        };
        if let Some((stack, _)) = &self.stack {
            let extras = stack::extras(stack, &stack::given(stack), "sts", &self.region);
            service.query.extend(extras.query);
            service.query.push(("RegionId".to_owned(), self.region.clone()));
            service.headers.extend(extras.headers);
        }
        let call = Call {
            action,
            params,
            time_limit: Duration::from_secs(10),
            rules: RULES,
            // A second key does no harm.
            idempotent: true,
            secret,
            deadline: Instant::now() + Duration::from_secs(60),
        };
        let mut expected = Expected::<Answer>::anything();
        context.caller.call(&service, keys, &call, &mut expected).await?;
        read(action, &expected.response.credentials)
    }
}

record! {
    /// What STS answers.
    #[derive(Default)]
    struct Answer {
        credentials: Value = "Credentials",
    }
}

/// Reads `AccessKeyId`, `AccessKeySecret`, `SecurityToken` and `Expiration`, which STS, the metadata service and
/// credentials URIs all spell alike.
pub(super) fn read(origin: &str, value: &Value) -> Result<Credential, Error> {
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
    super::fixed::check(&credential)?;
    Ok(credential)
}

pub(super) fn read_time(origin: &str, text: &str) -> Result<Timestamp, Error> {
    text.parse().map_err(|_| {
        let shown = one_line(text, 40);
        Error::credential(format!(
            "{origin}: the expiration \"{shown}\" is no time like 2026-01-02T03:04:05Z"
        ))
    })
}

/// Checks what a role is assumed with, before any call.
pub(super) fn check_role(
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
