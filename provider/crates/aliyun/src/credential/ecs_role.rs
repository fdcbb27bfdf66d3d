//! Keys of the RAM role of the instance that the program runs on, from the metadata service.

use futures::FutureExt as _;
use futures::future::BoxFuture;
use serde_json::Value;

use super::{Context, Credential, Provide, sts, uri};
use crate::answer::one_line;
use crate::error::Error;
use crate::transport::{Failure, Fault, HttpResponse};

const ADDRESS: &str = "http://100.100.100.200";
/// Another address for the metadata service: ours, for tests and for relays. The official clients have none.
const ADDRESS_VARIABLE: &str = "ALICLOUD_ECS_METADATA_ENDPOINT";
const ROLES: &str = "/latest/meta-data/ram/security-credentials/";
/// Seconds, the longest allowed.
const TOKEN_LIFE: &str = "21600";

/// The RAM role of this ECS instance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EcsRole {
    role: Option<String>,
}

impl EcsRole {
    /// A role by name; a metadata service that cannot be reached is then an error.
    pub fn named(role: impl Into<String>) -> EcsRole {
        EcsRole { role: Some(role.into().trim().to_owned()) }
    }

    /// Whatever role the instance has: what `ALIBABA_CLOUD_ECS_METADATA` names, else what the metadata service says. Not on
    /// an instance, or on one without a role, there is none.
    pub fn any() -> EcsRole {
        EcsRole { role: None }
    }

    async fn get(&self, context: &Context) -> Result<Option<Credential>, Error> {
        let environment = &context.environment;
        let role = match &self.role {
            Some(role) => Some(role.clone()),
            None if environment.flag("ALIBABA_CLOUD_ECS_METADATA_DISABLED") => return Ok(None),
            None => environment.variable("ALIBABA_CLOUD_ECS_METADATA").map(ToOwned::to_owned),
        };
        let name = match &role {
            Some(role) => format!("the ECS RAM role {role}"),
            None => self.name(),
        };
        let service = Metadata::reach(context).await;
        let service = match (service, &role) {
            (Ok(service), _) => service,
            // Not on an instance.
            (Err(failure), None) if is_elsewhere(&failure) => return Ok(None),
            (Err(failure), _) => {
                return Err(Error::credential(format!(
                    "{name}: the metadata service cannot be used: {}; is this an ECS instance?",
                    failure.reason
                )));
            }
        };
        let role = match role {
            Some(role) => role,
            None => match service.get("").await {
                Ok(response) if response.status == 404 => return Ok(None),
                Ok(response) if response.status == 200 => {
                    let role = String::from_utf8_lossy(&response.body).trim().to_owned();
                    if role.is_empty() {
                        return Ok(None);
                    }
                    role
                }
                Ok(response) => return Err(refused(&name, "the role's name", &response)),
                Err(failure) if is_elsewhere(&failure) => return Ok(None),
                Err(failure) => {
                    return Err(Error::credential(format!(
                        "{name}: the metadata service: {}",
                        failure.reason
                    )));
                }
            },
        };
        if !role.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)) {
            // Some other service answers at the address, with a page.
            return Err(Error::credential(format!("{name}: \"{}\" is no role's name", one_line(&role, 60))));
        }
        let name = format!("the ECS RAM role {role}");
        let response = service.get(&role).await.map_err(|failure| {
            Error::credential(format!("{name}: the metadata service: {}", failure.reason))
        })?;
        if response.status == 404 {
            return Err(Error::credential(format!("{name} is not attached to this instance")));
        }
        if response.status != 200 {
            return Err(refused(&name, "the keys", &response));
        }
        let value: Value = serde_json::from_slice(&response.body)
            .map_err(|error| Error::credential(format!("{name}: the metadata service's answer: {error}")))?;
        uri::check_code(&name, &value)?;
        sts::read(&name, &value).map(Some)
    }
}

fn is_elsewhere(failure: &Failure) -> bool {
    match failure.fault {
        Fault::Unreachable | Fault::TimedOut => true,
        Fault::Untrusted | Fault::Broken | Fault::TooLarge | Fault::Unsendable => false,
    }
}

fn refused(name: &str, what: &str, response: &HttpResponse) -> Error {
    Error::credential(format!("{name}: asked for {what}, the metadata service said {}", response.status))
}

/// The metadata service, with a session token if it gives any.
struct Metadata<'a> {
    context: &'a Context,
    address: String,
    token: Option<String>,
}

impl<'a> Metadata<'a> {
    async fn reach(context: &'a Context) -> Result<Metadata<'a>, Failure> {
        let address = context.environment.variable(ADDRESS_VARIABLE).unwrap_or(ADDRESS);
        let address = address.trim_end_matches('/').to_owned();
        let ttl = [("x-aliyun-ecs-metadata-token-ttl-seconds", TOKEN_LIFE)];
        let token = context.fetch("PUT", format!("{address}/latest/api/token"), &ttl, true).await?;
        let text = String::from_utf8_lossy(&token.body).trim().to_owned();
        let usable =
            token.status == 200 && !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        if usable {
            return Ok(Metadata { context, address, token: Some(text) });
        }
        if context.environment.flag("ALIBABA_CLOUD_IMDSV1_DISABLED") {
            return Err(Failure {
                fault: Fault::Broken,
                reason: format!(
                    "it gives no session token (HTTP status {}), and ALIBABA_CLOUD_IMDSV1_DISABLED forbids going without",
                    token.status
                ),
            });
        }
        Ok(Metadata { context, address, token: None })
    }

    async fn get(&self, role: &str) -> Result<HttpResponse, Failure> {
        let header = self.token.as_ref().map(|token| ("x-aliyun-ecs-metadata-token", token.as_str()));
        self.context.fetch("GET", format!("{}{ROLES}{role}", self.address), header.as_slice(), true).await
    }
}

impl Provide for EcsRole {
    fn name(&self) -> String {
        match &self.role {
            Some(role) => format!("the ECS RAM role {role}"),
            None => "the RAM role of this ECS instance".to_owned(),
        }
    }

    fn fetch<'a>(&'a self, context: &'a Context) -> BoxFuture<'a, Result<Option<Credential>, Error>> {
        self.get(context).boxed()
    }
}
