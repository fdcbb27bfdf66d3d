//! A role's keys, asked from STS with another source's key.

use futures::FutureExt as _;
use futures::future::BoxFuture;

use crate::credential::source::{Means, Provide, Source};
use crate::credential::sts::{DURATION, StsTarget, check_role};
use crate::error::Error;
use crate::key::Credential;

/// A role that another source's key may assume.
#[derive(Clone, Debug)]
pub struct AssumeRole {
    /// The source of the key that assumes the role.
    pub base: Source,
    /// `acs:ram::<account>:role/<name>`.
    pub role_arn: String,
    /// 2 to 64 characters; shown in the audit log. `aliyun-rust` if absent.
    pub session_name: Option<String>,
    /// Seconds, 900 to 43200 and no more than the role allows; 3600 if absent.
    pub duration: Option<u32>,
    /// Narrows what the keys may do. JSON, at most 2048 characters.
    pub policy: Option<String>,
    /// What the role's owner agreed on with those who assume it.
    pub external_id: Option<String>,
    /// The STS host for this role alone.
    pub sts_endpoint: Option<String>,
    /// The region whose STS is asked.
    pub sts_region: Option<String>,
    /// Asks STS from inside a VPC.
    pub vpc: bool,
}

/// What sessions are called if nobody says.
pub(crate) const SESSION_NAME: &str = "aliyun-rust";

impl AssumeRole {
    /// A role with everything else left to the defaults.
    pub fn new(base: Source, role_arn: impl Into<String>) -> AssumeRole {
        AssumeRole {
            base,
            role_arn: role_arn.into(),
            session_name: None,
            duration: None,
            policy: None,
            external_id: None,
            sts_endpoint: None,
            sts_region: None,
            vpc: false,
        }
    }

    async fn assume(&self, means: &Means) -> Result<Option<Credential>, Error> {
        let origin = self.name();
        let session_name = self.session_name.as_deref().unwrap_or(SESSION_NAME);
        let duration = self.duration.unwrap_or(DURATION);
        check_role(&origin, &self.role_arn, session_name, duration)?;
        let Some(base) = self.base.fetch(means).await? else {
            return Err(Error::credential(format!(
                "{origin}: there is no key to assume the role with: {} gives none",
                self.base.name()
            )));
        };
        let mut params = vec![
            ("RoleArn".to_owned(), self.role_arn.clone()),
            ("RoleSessionName".to_owned(), session_name.to_owned()),
            ("DurationSeconds".to_owned(), duration.to_string()),
        ];
        for (name, value) in [("Policy", &self.policy), ("ExternalId", &self.external_id)] {
            params.extend(value.iter().map(|value| (name.to_owned(), value.clone())));
        }
        let target = StsTarget {
            endpoint: self.sts_endpoint.clone(),
            region: self.sts_region.clone(),
            vpc: self.vpc,
            secure: false,
        };
        let answer = means.sts.credentials(&target, "AssumeRole", params, &base, None).await;
        let mut credential = answer.map_err(|error| error.with_note(format_args!("asked for {origin}")))?;
        credential.origin = format!("{origin}, assumed with {}", base.origin);
        Ok(Some(credential))
    }
}

impl Provide for AssumeRole {
    fn name(&self) -> String {
        format!("the role {}", self.role_arn)
    }

    fn fetch<'a>(&'a self, means: &'a Means) -> BoxFuture<'a, Result<Option<Credential>, Error>> {
        self.assume(means).boxed()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::credential::Fixed;
    use crate::error::ErrorKind;
    use crate::testing::{KEY_ID, STS, Stub, environment, fetch, ok, refuse};

    const ROLE: &str = "acs:ram::123456:role/tester";

    fn role() -> AssumeRole {
        let base = Fixed::new(KEY_ID, "base-secret", None, "the settings");
        AssumeRole::new(Arc::new(base), ROLE)
    }

    #[tokio::test(start_paused = true)]
    async fn the_role_is_assumed_with_the_base_key_and_all_that_is_set() {
        let stub = Stub::script(vec![ok(STS)]);
        let role = AssumeRole {
            session_name: Some("deploy".to_owned()),
            duration: Some(900),
            policy: Some(r#"{"Version":"1"}"#.to_owned()),
            external_id: Some("ext/+= 1".to_owned()),
            ..role()
        };
        let key = fetch(&role, environment(), &stub).await.expect("no error").expect("a key");
        assert_eq!(key.access_key_id, "STS.NUexample0001");
        assert_eq!(key.security_token.as_deref(), Some("sts-token"));
        assert_eq!(key.expiration, Some("2026-11-22T02:00:00Z".parse().expect("a time")));
        assert!(key.origin.contains(ROLE) && key.origin.contains("the settings"), "{}", key.origin);
        let sent = &stub.sent()[0];
        assert_eq!(sent.request.url, "https://sts.aliyuncs.com/");
        assert_eq!((sent.action(), sent.header("x-acs-version")), ("AssumeRole", Some("2015-04-01")));
        assert!(sent.header("authorization").is_some_and(|value| value.contains(KEY_ID)));
        for (name, value) in [
            ("RoleArn", ROLE),
            ("RoleSessionName", "deploy"),
            ("DurationSeconds", "900"),
            ("Policy", r#"{"Version":"1"}"#),
            ("ExternalId", "ext/+= 1"),
        ] {
            assert_eq!(sent.param(name), value);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_sts_host_is_the_roles_then_the_regions_then_the_central_one() {
        let host = async |role: AssumeRole, environment| {
            let stub = Stub::script(vec![ok(STS)]);
            fetch(&role, environment, &stub).await.expect("no error");
            stub.sent()[0].request.url.clone()
        };
        let named = AssumeRole { sts_endpoint: Some("sts.test:8443".to_owned()), ..role() };
        assert_eq!(host(named, environment()).await, "https://sts.test:8443/");
        let region = AssumeRole { sts_region: Some("cn-beijing".to_owned()), vpc: true, ..role() };
        assert_eq!(host(region, environment()).await, "https://sts-vpc.cn-beijing.aliyuncs.com/");
        let variable = environment().with_variable("ALIBABA_CLOUD_STS_REGION", "eu-central-1");
        assert_eq!(host(role(), variable).await, "https://sts.eu-central-1.aliyuncs.com/");
        let variable = environment().with_variable("STS_ENDPOINT", "http://127.0.0.1:5000");
        assert_eq!(host(role(), variable).await, "http://127.0.0.1:5000/");
    }

    #[tokio::test(start_paused = true)]
    async fn what_sts_refuses_is_an_error_of_the_action() {
        let stub = Stub::script(vec![refuse(403, "NoPermission")]);
        let error = fetch(&role(), environment(), &stub).await.expect_err("refused");
        assert_eq!((error.kind(), error.action()), (ErrorKind::Denied, "AssumeRole"));
        assert!(error.advice().is_some_and(|advice| advice.contains("sts:AssumeRole")));
        let stub = Stub::script(vec![refuse(404, "EntityNotExist.Role")]);
        let error = fetch(&role(), environment(), &stub).await.expect_err("refused");
        assert!(!error.is_not_found(), "nothing but an image may look like a missing image");
    }

    #[tokio::test(start_paused = true)]
    async fn throttled_sts_calls_are_repeated() {
        let stub = Stub::script(vec![refuse(400, "Throttling.User"), ok(STS)]);
        fetch(&role(), environment(), &stub).await.expect("no error").expect("a key");
    }

    #[tokio::test(start_paused = true)]
    async fn what_cannot_be_a_role_is_refused_before_any_call() {
        for (role, reason) in [
            (AssumeRole { role_arn: "tester".to_owned(), ..role() }, "acs:ram::<account>:role/<name>"),
            (AssumeRole { session_name: Some("a b".to_owned()), ..role() }, "session name"),
            (AssumeRole { duration: Some(600), ..role() }, "not from 900 to 43200"),
        ] {
            let stub = Stub::script(vec![ok(STS)]);
            let error = fetch(&role, environment(), &stub).await.expect_err("refused").to_string();
            assert!(error.contains(reason), "{error}");
            assert!(stub.sent().is_empty());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_role_without_a_base_key_says_what_is_missing() {
        let role = AssumeRole::new(Arc::new(crate::credential::EnvironmentVariables::default()), ROLE);
        let stub = Stub::script(vec![ok(STS)]);
        let error = fetch(&role, environment(), &stub).await.expect_err("no key").to_string();
        assert!(error.contains("no key to assume the role with: the environment gives none"), "{error}");
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_with_a_part_missing_names_the_part() {
        let stub = Stub::script(vec![ok(&STS.replace("SecurityToken", "Other"))]);
        let error = fetch(&role(), environment(), &stub).await.expect_err("incomplete").to_string();
        assert!(error.contains("no SecurityToken"), "{error}");
        let stub = Stub::script(vec![ok(&STS.replace("2026-11-22T02", "tomorrow"))]);
        let error = fetch(&role(), environment(), &stub).await.expect_err("no time").to_string();
        assert!(error.contains("the expiration \"tomorrow:00:00Z\""), "{error}");
    }
}
