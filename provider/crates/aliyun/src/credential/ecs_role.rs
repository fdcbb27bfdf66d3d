//! Keys of the RAM role of the instance that the program runs on, from the metadata service.

use futures::FutureExt as _;
use futures::future::BoxFuture;
use serde_json::Value;

use crate::credential::source::{Means, Provide};
use crate::credential::sts::read_key;
use crate::credential::uri::check_code;
use crate::error::{Error, one_line};
use crate::key::Credential;
use crate::transport::{Fault, HttpResponse, TransportError};

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

    async fn get(&self, means: &Means) -> Result<Option<Credential>, Error> {
        let environment = &means.environment;
        let role = match &self.role {
            Some(role) => Some(role.clone()),
            None if environment.flag("ALIBABA_CLOUD_ECS_METADATA_DISABLED") => return Ok(None),
            None => environment.variable("ALIBABA_CLOUD_ECS_METADATA").map(ToOwned::to_owned),
        };
        let name = match &role {
            Some(role) => format!("the ECS RAM role {role}"),
            None => self.name(),
        };
        let service = Metadata::reach(means).await;
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
        check_code(&name, &value)?;
        read_key(&name, &value).map(Some)
    }
}

fn is_elsewhere(failure: &TransportError) -> bool {
    match failure.fault {
        Fault::Unreachable | Fault::TimedOut => true,
        Fault::Untrusted | Fault::Blocked | Fault::Broken | Fault::TooLarge | Fault::Unsendable => false,
    }
}

fn refused(name: &str, what: &str, response: &HttpResponse) -> Error {
    Error::credential(format!("{name}: asked for {what}, the metadata service said {}", response.status))
}

/// The metadata service, with a session token if it gives any.
struct Metadata<'a> {
    means: &'a Means,
    address: String,
    token: Option<String>,
}

impl<'a> Metadata<'a> {
    async fn reach(means: &'a Means) -> Result<Metadata<'a>, TransportError> {
        let address = means.environment.variable(ADDRESS_VARIABLE).unwrap_or(ADDRESS);
        let address = address.trim_end_matches('/').to_owned();
        let ttl = [("x-aliyun-ecs-metadata-token-ttl-seconds", TOKEN_LIFE)];
        let token = means.fetch("PUT", format!("{address}/latest/api/token"), &ttl, true).await?;
        let text = String::from_utf8_lossy(&token.body).trim().to_owned();
        let usable =
            token.status == 200 && !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        if usable {
            return Ok(Metadata { means, address, token: Some(text) });
        }
        if means.environment.flag("ALIBABA_CLOUD_IMDSV1_DISABLED") {
            return Err(TransportError {
                fault: Fault::Broken,
                reason: format!(
                    "it gives no session token (HTTP status {}), and ALIBABA_CLOUD_IMDSV1_DISABLED forbids going without",
                    token.status
                ),
            });
        }
        Ok(Metadata { means, address, token: None })
    }

    async fn get(&self, role: &str) -> Result<HttpResponse, TransportError> {
        let header = self.token.as_ref().map(|token| ("x-aliyun-ecs-metadata-token", token.as_str()));
        self.means.fetch("GET", format!("{}{ROLES}{role}", self.address), header.as_slice(), true).await
    }
}

impl Provide for EcsRole {
    fn name(&self) -> String {
        match &self.role {
            Some(role) => format!("the ECS RAM role {role}"),
            None => "the RAM role of this ECS instance".to_owned(),
        }
    }

    fn fetch<'a>(&'a self, means: &'a Means) -> BoxFuture<'a, Result<Option<Credential>, Error>> {
        self.get(means).boxed()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::testing::{Reply, Stub, environment, fault, fetch, json, ok};

    const KEYS: &str = r#"{"Code":"Success","AccessKeyId":"STS.NUexample0001","AccessKeySecret":"s",
        "SecurityToken":"t","Expiration":"2026-11-22T07:00:00Z","LastUpdated":"2026-11-22T01:00:00Z"}"#;

    /// A metadata service: its answers to the token, the role's name, and the keys.
    fn metadata(token: Reply, name: Reply, keys: Reply) -> Arc<Stub> {
        Stub::new(move |sent| match sent.request.url.rsplit('/').next() {
            Some("token") => token.clone(),
            Some("") => name.clone(),
            _ => keys.clone(),
        })
    }

    #[tokio::test(start_paused = true)]
    async fn the_token_is_asked_for_first_and_goes_with_every_request() {
        let stub = metadata(ok("the-token"), ok("worker\n"), ok(KEYS));
        let key = fetch(&EcsRole::any(), environment(), &stub).await.expect("no error").expect("a key");
        assert_eq!(
            (key.access_key_id.as_str(), key.origin.as_str()),
            ("STS.NUexample0001", "the ECS RAM role worker")
        );
        let sent = stub.sent();
        let asked: Vec<_> =
            sent.iter().map(|sent| format!("{} {}", sent.request.method, sent.request.url)).collect();
        assert_eq!(
            asked,
            [
                "PUT http://100.100.100.200/latest/api/token",
                "GET http://100.100.100.200/latest/meta-data/ram/security-credentials/",
                "GET http://100.100.100.200/latest/meta-data/ram/security-credentials/worker",
            ]
        );
        assert_eq!(sent[0].header("x-aliyun-ecs-metadata-token-ttl-seconds"), Some("21600"));
        assert_eq!(sent[2].header("x-aliyun-ecs-metadata-token"), Some("the-token"));
        assert!(sent.iter().all(|sent| sent.request.link_local), "no proxy");
    }

    #[tokio::test(start_paused = true)]
    async fn a_named_role_is_not_asked_for() {
        let stub = metadata(ok("the-token"), json(404, ""), ok(KEYS));
        fetch(&EcsRole::named("worker"), environment(), &stub).await.expect("no error").expect("a key");
        assert_eq!(stub.sent().len(), 2);
        let stub = metadata(ok("the-token"), json(404, ""), ok(KEYS));
        let variable = environment().with_variable("ALIBABA_CLOUD_ECS_METADATA", "worker");
        fetch(&EcsRole::any(), variable, &stub).await.expect("no error").expect("a key");
        assert_eq!(stub.sent().len(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_token_the_old_way_is_taken_unless_forbidden() {
        let stub = || metadata(json(404, "no such path"), ok("worker"), ok(KEYS));
        let old = stub();
        fetch(&EcsRole::any(), environment(), &old).await.expect("no error").expect("a key");
        assert_eq!(old.sent()[1].header("x-aliyun-ecs-metadata-token"), None);
        let strict = environment().with_variable("ALIBABA_CLOUD_IMDSV1_DISABLED", "true");
        let error = fetch(&EcsRole::any(), strict, &stub()).await.expect_err("forbidden").to_string();
        assert!(error.contains("ALIBABA_CLOUD_IMDSV1_DISABLED"), "{error}");
    }

    #[tokio::test(start_paused = true)]
    async fn elsewhere_there_is_no_role_but_a_named_one_is_an_error() {
        let away = || Stub::script(vec![fault(Fault::Unreachable, "timed out")]);
        assert!(fetch(&EcsRole::any(), environment(), &away()).await.expect("no error").is_none());
        let error = fetch(&EcsRole::named("worker"), environment(), &away()).await.expect_err("named");
        assert!(error.to_string().contains("is this an ECS instance?"), "{error}");
        let disabled = environment().with_variable("ALIBABA_CLOUD_ECS_METADATA_DISABLED", "true");
        let stub = away();
        assert!(fetch(&EcsRole::any(), disabled, &stub).await.expect("no error").is_none());
        assert!(stub.sent().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn an_instance_without_a_role_gives_none() {
        let stub = metadata(ok("the-token"), json(404, ""), json(404, ""));
        assert!(fetch(&EcsRole::any(), environment(), &stub).await.expect("no error").is_none());
        let error = fetch(&EcsRole::named("worker"), environment(), &stub).await.expect_err("named");
        assert!(error.to_string().contains("worker is not attached"), "{error}");
    }

    #[tokio::test(start_paused = true)]
    async fn answers_that_make_no_sense_are_errors() {
        for (name, keys, reason) in [
            (ok("<html>a portal</html>"), ok(KEYS), "is no role's name"),
            (json(500, ""), ok(KEYS), "said 500"),
            (ok("worker"), ok("<html>"), "the metadata service's answer"),
            (ok("worker"), ok(r#"{"Code":"Failed"}"#), "answered Failed"),
            (ok("worker"), ok(&KEYS.replace("SecurityToken", "Other")), "no SecurityToken"),
        ] {
            let stub = metadata(ok("the-token"), name, keys);
            let error = fetch(&EcsRole::any(), environment(), &stub).await.expect_err(reason).to_string();
            assert!(error.contains(reason), "{error}");
        }
    }
}
