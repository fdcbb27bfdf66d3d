//! A role's keys, asked from STS with a token of an OIDC provider. No key of one's own is needed.

use std::fmt;

use futures::FutureExt as _;
use futures::future::BoxFuture;

use crate::call::Anonymous;
use crate::credential::assume_role::SESSION_NAME;
use crate::credential::source::{Means, Provide};
use crate::credential::sts::{DURATION, StsTarget, check_role};
use crate::error::{Error, one_line};
use crate::key::Credential;

/// A role that an OIDC provider's users may assume.
#[derive(Clone, Debug)]
pub struct Oidc {
    /// `acs:ram::<account>:role/<name>`.
    pub role_arn: String,
    /// `acs:ram::<account>:oidc-provider/<name>`.
    pub oidc_provider_arn: String,
    /// The token, or where it is.
    pub token: OidcToken,
    /// 2 to 64 characters; shown in the audit log. `aliyun-rust` if absent.
    pub session_name: Option<String>,
    /// Seconds, 900 to 43200 and no more than the role allows; 3600 if absent.
    pub duration: Option<u32>,
    /// Narrows what the keys may do. JSON, at most 2048 characters.
    pub policy: Option<String>,
    /// The STS host for this role alone.
    pub sts_endpoint: Option<String>,
    /// The region whose STS is asked.
    pub sts_region: Option<String>,
    /// Asks STS from inside a VPC.
    pub vpc: bool,
}

/// An OIDC token: a JWT of 4 to 20000 characters.
#[derive(Clone, PartialEq, Eq)]
pub enum OidcToken {
    /// The token itself.
    Text(String),
    /// A file, read each time keys are asked for: whoever writes it keeps the token fresh.
    File(String),
}

impl fmt::Debug for OidcToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OidcToken::Text(_) => f.write_str("Text([redacted])"),
            OidcToken::File(path) => f.debug_tuple("File").field(path).finish(),
        }
    }
}

impl Oidc {
    /// A role with everything else left to the defaults.
    pub fn new(role_arn: impl Into<String>, oidc_provider_arn: impl Into<String>, token: OidcToken) -> Oidc {
        Oidc {
            role_arn: role_arn.into(),
            oidc_provider_arn: oidc_provider_arn.into(),
            token,
            session_name: None,
            duration: None,
            policy: None,
            sts_endpoint: None,
            sts_region: None,
            vpc: false,
        }
    }

    async fn assume(&self, means: &Means) -> Result<Credential, Error> {
        let origin = self.name();
        let session_name = self.session_name.as_deref().unwrap_or(SESSION_NAME);
        let duration = self.duration.unwrap_or(DURATION);
        check_role(&origin, &self.role_arn, session_name, duration)?;
        let provider = self.oidc_provider_arn.strip_prefix("acs:ram::");
        if provider.is_none_or(|rest| !rest.contains(":oidc-provider/")) {
            return Err(Error::credential(format!(
                "{origin}: the provider \"{}\" is not of the form acs:ram::<account>:oidc-provider/<name>",
                one_line(&self.oidc_provider_arn, 100)
            )));
        }
        let token = self.read_token(means)?;
        let mut params = vec![
            ("RoleArn".to_owned(), self.role_arn.clone()),
            ("OIDCProviderArn".to_owned(), self.oidc_provider_arn.clone()),
            ("OIDCToken".to_owned(), token.clone()),
            ("RoleSessionName".to_owned(), session_name.to_owned()),
            ("DurationSeconds".to_owned(), duration.to_string()),
        ];
        params.extend(self.policy.iter().map(|policy| ("Policy".to_owned(), policy.clone())));
        let target = StsTarget {
            endpoint: self.sts_endpoint.clone(),
            region: self.sts_region.clone(),
            vpc: self.vpc,
            // The request carries the token and no signature.
            secure: true,
        };
        let action = "AssumeRoleWithOIDC";
        let mut credential = means.sts.credentials(&target, action, params, &Anonymous, Some(token)).await?;
        credential.origin = origin;
        Ok(credential)
    }

    fn read_token(&self, means: &Means) -> Result<String, Error> {
        let (text, origin) = match &self.token {
            OidcToken::Text(text) => (text.clone(), "the OIDC token".to_owned()),
            OidcToken::File(path) => {
                let path = means.environment.expand(path);
                let origin = format!("the OIDC token file {}", path.display());
                let file = means
                    .environment
                    .read(&path)
                    .map_err(|error| Error::credential(format!("{origin} cannot be read: {error}")))?;
                let text = String::from_utf8(file.contents)
                    .map_err(|_| Error::credential(format!("{origin} is not text")))?;
                (text, origin)
            }
        };
        let token = text.trim();
        let refuse = |why: &str| Err(Error::credential(format!("{origin} {why}")));
        if token.is_empty() {
            return refuse("is empty");
        }
        if !(4..=20_000).contains(&token.len()) {
            return refuse("must have 4 to 20000 characters");
        }
        if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return refuse("contains a blank, a line break or a character outside ASCII");
        }
        let parts: Vec<&str> = token.split('.').collect();
        if parts.len() != 3 || parts.iter().any(|part| part.is_empty()) {
            return refuse(
                "is no complete JWT (three parts joined by dots): it is cut short, or something else",
            );
        }
        Ok(token.to_owned())
    }
}

impl Provide for Oidc {
    fn name(&self) -> String {
        format!("the role {} by OIDC", self.role_arn)
    }

    fn fetch<'a>(&'a self, means: &'a Means) -> BoxFuture<'a, Result<Option<Credential>, Error>> {
        async { self.assume(means).await.map(Some) }.boxed()
    }
}

/// The role that the environment names: `ALIBABA_CLOUD_ROLE_ARN`, `ALIBABA_CLOUD_OIDC_PROVIDER_ARN` and
/// `ALIBABA_CLOUD_OIDC_TOKEN_FILE` (or `ALIBABA_CLOUD_OIDC_TOKEN`) all set, as container services do for their pods.
#[derive(Clone, Copy, Debug, Default)]
pub struct EnvironmentOidc;

impl Provide for EnvironmentOidc {
    fn name(&self) -> String {
        "OIDC by the environment".to_owned()
    }

    fn fetch<'a>(&'a self, means: &'a Means) -> BoxFuture<'a, Result<Option<Credential>, Error>> {
        async {
            let variable = |name| means.environment.variable(name).map(ToOwned::to_owned);
            let text = variable("ALIBABA_CLOUD_OIDC_TOKEN").map(OidcToken::Text);
            let token = text.or_else(|| variable("ALIBABA_CLOUD_OIDC_TOKEN_FILE").map(OidcToken::File));
            // The role alone is set for other purposes too.
            let (Some(role), Some(provider), Some(token)) =
                (variable("ALIBABA_CLOUD_ROLE_ARN"), variable("ALIBABA_CLOUD_OIDC_PROVIDER_ARN"), token)
            else {
                return Ok(None);
            };
            let mut oidc = Oidc::new(role, provider, token);
            oidc.session_name = variable("ALIBABA_CLOUD_ROLE_SESSION_NAME");
            oidc.assume(means).await.map(Some)
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::Environment;
    use crate::testing::{STS, Stub, environment, fetch, json, ok};

    const ROLE: &str = "acs:ram::123456:role/tester";
    const PROVIDER: &str = "acs:ram::123456:oidc-provider/idp";
    const TOKEN: &str = "eyJhbGciOi.J9payload.sig-_nature";

    fn oidc(token: OidcToken) -> Oidc {
        Oidc::new(ROLE, PROVIDER, token)
    }

    #[tokio::test(start_paused = true)]
    async fn the_call_is_anonymous_and_by_https() {
        let stub = Stub::script(vec![ok(STS)]);
        let oidc = oidc(OidcToken::Text(format!(" {TOKEN}\n")));
        let key = fetch(&oidc, environment(), &stub).await.expect("no error").expect("a key");
        assert_eq!(key.access_key_id, "STS.NUexample0001");
        let sent = &stub.sent()[0];
        assert_eq!(sent.request.url, "https://sts.aliyuncs.com/");
        assert_eq!((sent.action(), sent.header("authorization")), ("AssumeRoleWithOIDC", None));
        assert_eq!(sent.param("OIDCToken"), TOKEN);
        assert_eq!(sent.param("OIDCProviderArn"), PROVIDER);
        assert!(!sent.request.url.contains("Token"));
    }

    #[tokio::test(start_paused = true)]
    async fn plain_http_takes_an_endpoint_that_says_so() {
        for (endpoint, url) in [("sts.test", "https://sts.test/"), ("http://sts.test", "http://sts.test/")] {
            let stub = Stub::script(vec![ok(STS)]);
            let settings = crate::Settings {
                protocol: crate::Protocol::Http,
                sts_endpoint: Some(endpoint.to_owned()),
                ..crate::testing::settings()
            };
            let oidc = oidc(OidcToken::Text(TOKEN.to_owned()));
            let means = crate::testing::means_of(&settings, &stub);
            oidc.fetch(&means).await.expect("no error").expect("a key");
            assert_eq!(stub.sent()[0].request.url, url);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_file_is_read_and_its_faults_are_named() {
        let with = |contents: &str| environment().with_file("/run/token", contents, 0o644);
        for (environment, reason) in [
            (with(""), "is empty"),
            (with("eyJhbGciOi.J9payload"), "cut short"),
            (with("eyJhbGciOi.J9payload."), "cut short"),
            (with("a b.c.d"), "contains a blank"),
            (with(&"x".repeat(20_001)), "4 to 20000"),
            (environment(), "cannot be read"),
        ] {
            let stub = Stub::script(vec![ok(STS)]);
            let oidc = oidc(OidcToken::File("/run/token".to_owned()));
            let error = fetch(&oidc, environment, &stub).await.expect_err(reason).to_string();
            assert!(error.contains(reason) && error.contains("/run/token"), "{error}");
            assert!(stub.sent().is_empty());
        }
        let stub = Stub::script(vec![ok(STS)]);
        let oidc = oidc(OidcToken::File("/run/token".to_owned()));
        fetch(&oidc, with(TOKEN), &stub).await.expect("no error").expect("a key");
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_that_an_answer_repeats_is_not_shown() {
        let body = format!(r#"{{"Code":"InvalidParameter.OIDCToken","Message":"bad token {TOKEN}"}}"#);
        let stub = Stub::script(vec![json(400, &body)]);
        let result = fetch(&oidc(OidcToken::Text(TOKEN.to_owned())), environment(), &stub).await;
        let error = result.expect_err("refused").to_string();
        assert!(error.contains("bad token [redacted]"), "{error}");
    }

    #[tokio::test(start_paused = true)]
    async fn the_environment_counts_only_if_it_names_all_three() {
        let names = [
            ("ALIBABA_CLOUD_ROLE_ARN", ROLE),
            ("ALIBABA_CLOUD_OIDC_PROVIDER_ARN", PROVIDER),
            ("ALIBABA_CLOUD_OIDC_TOKEN_FILE", "/run/token"),
        ];
        let all: Environment = names
            .iter()
            .fold(environment(), |environment, (name, value)| environment.with_variable(*name, *value))
            .with_file("/run/token", TOKEN, 0o644);
        let stub = Stub::script(vec![ok(STS)]);
        fetch(&EnvironmentOidc, all.clone(), &stub).await.expect("no error").expect("a key");
        for (name, _) in names {
            let stub = Stub::script(vec![ok(STS)]);
            let fewer = all.clone().without_variable(name);
            assert!(fetch(&EnvironmentOidc, fewer, &stub).await.expect("no error").is_none(), "{name}");
        }
    }

    #[test]
    fn debug_does_not_show_the_token() {
        assert!(!format!("{:?}", oidc(OidcToken::Text(TOKEN.to_owned()))).contains(TOKEN));
    }
}
