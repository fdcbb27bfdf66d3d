//! Keys from `~/.alibabacloud/credentials`, the ini file of the official SDKs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures::FutureExt as _;
use futures::future::BoxFuture;

use crate::credential::assume_role::AssumeRole;
use crate::credential::ecs_role::EcsRole;
use crate::credential::file::read_text;
use crate::credential::fixed::Fixed;
use crate::credential::oidc::{Oidc, OidcToken};
use crate::credential::source::{Means, Provide, Source};
use crate::environment::Environment;
use crate::error::{Error, one_line};
use crate::key::Credential;

/// The ini file that `ALIBABA_CLOUD_CREDENTIALS_FILE` names, else `~/.alibabacloud/credentials` or
/// `~/.alibabacloud/credentials.ini`; the section that `ALIBABA_CLOUD_PROFILE` names, else `default`.
#[derive(Clone, Debug, Default)]
pub struct Ini {
    /// Another file.
    pub file: Option<PathBuf>,
    /// Another section.
    pub section: Option<String>,
}

type Section = BTreeMap<String, String>;

impl Ini {
    /// The source that the section describes, if there is one.
    pub(crate) fn described(&self, environment: &Environment) -> Result<Option<Source>, Error> {
        let named = environment.variable("ALIBABA_CLOUD_CREDENTIALS_FILE");
        let explicit = self.file.clone().or_else(|| named.map(|path| environment.expand(path)));
        let usual = || {
            let home = environment.home()?.join(".alibabacloud");
            // The Go and Node libraries read the one, the Python library the other.
            Some(vec![home.join("credentials"), home.join("credentials.ini")])
        };
        let paths = explicit.clone().map_or_else(|| usual().unwrap_or_default(), |path| vec![path]);
        let mut found = None;
        for path in &paths {
            if let Some(text) = read_text(environment, path)? {
                found = Some((path, text));
                break;
            }
        }
        let Some((path, text)) = found else {
            return match explicit {
                Some(path) => Err(Error::credential(format!("{} does not exist", path.display()))),
                None => Ok(None),
            };
        };
        let wanted = self.section.as_deref().or_else(|| environment.variable("ALIBABA_CLOUD_PROFILE"));
        let name = wanted.unwrap_or("default");
        let sections = parse(path, &text)?;
        let Some(section) = sections.get(name) else {
            return match wanted.is_some() || explicit.is_some() {
                true => Err(Error::credential(format!(
                    "{} has no section [{name}]; it has {}",
                    path.display(),
                    sections.keys().map(|name| format!("[{name}]")).collect::<Vec<_>>().join(", ")
                ))),
                false => Ok(None),
            };
        };
        source(section, &format!("the section [{name}] of {}", path.display())).map(Some)
    }
}

fn source(section: &Section, origin: &str) -> Result<Source, Error> {
    let optional = |key: &str| section.get(key).filter(|value| !value.is_empty()).cloned();
    let required =
        |key: &str| optional(key).ok_or_else(|| Error::credential(format!("{origin} has no {key}")));
    let key = || -> Result<Source, Error> {
        let (id, secret) = (required("access_key_id")?, required("access_key_secret")?);
        Ok(Arc::new(Fixed::new(id, secret, optional("security_token"), origin)))
    };
    match required("type")?.as_str() {
        "access_key" => key(),
        "ecs_ram_role" => Ok(Arc::new(optional("role_name").map_or_else(EcsRole::any, EcsRole::named))),
        "ram_role_arn" => {
            let mut role = AssumeRole::new(key()?, required("role_arn")?);
            role.session_name = optional("role_session_name");
            role.policy = optional("policy");
            Ok(Arc::new(role))
        }
        "oidc_role_arn" => {
            let token = OidcToken::File(required("oidc_token_file_path")?);
            let mut oidc = Oidc::new(required("role_arn")?, required("oidc_provider_arn")?, token);
            oidc.session_name = optional("role_session_name");
            oidc.policy = optional("policy");
            Ok(Arc::new(oidc))
        }
        other => Err(Error::credential(format!(
            "{origin} has the type \"{}\"; known are access_key, ecs_ram_role, ram_role_arn and oidc_role_arn",
            one_line(other, 40)
        ))),
    }
}

fn parse(path: &Path, text: &str) -> Result<BTreeMap<String, Section>, Error> {
    let mut sections: BTreeMap<String, Section> = BTreeMap::new();
    let mut current: Option<String> = None;
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        let broken = |why: &str| Error::credential(format!("{}, line {}: {why}", path.display(), index + 1));
        if let Some(name) = line.strip_prefix('[') {
            let name = name.split_once(']').ok_or_else(|| broken("the section's ] is missing"))?.0.trim();
            sections.entry(name.to_owned()).or_default();
            current = Some(name.to_owned());
            continue;
        }
        let (key, value) = line.split_once('=').ok_or_else(|| broken("neither [section] nor key = value"))?;
        let section = current.as_ref().and_then(|name| sections.get_mut(name));
        let section = section.ok_or_else(|| broken("a key stands before the first [section]"))?;
        // The Python library cuts values at '#'; no key, token or ARN contains one.
        let value = value.split_once('#').map_or(value, |(value, _)| value);
        section.insert(key.trim().to_ascii_lowercase(), value.trim().to_owned());
    }
    Ok(sections)
}

impl Provide for Ini {
    fn name(&self) -> String {
        "the credentials file ~/.alibabacloud/credentials".to_owned()
    }

    fn fetch<'a>(&'a self, means: &'a Means) -> BoxFuture<'a, Result<Option<Credential>, Error>> {
        async {
            match self.described(&means.environment)? {
                Some(source) => source.fetch(means).await,
                None => Ok(None),
            }
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Stub, environment, fetch, ok};

    fn with(text: &str) -> Environment {
        environment().with_home("/home/me").with_file("/home/me/.alibabacloud/credentials", text, 0o600)
    }

    const KEY: &str = "access_key_id = a\naccess_key_secret = s # a remark\n";

    async fn id(environment: Environment) -> String {
        let stub = Stub::script(vec![ok(crate::testing::STS)]);
        let key = fetch(&Ini::default(), environment, &stub).await.expect("no error");
        key.map_or_else(|| "none".to_owned(), |key| key.access_key_id)
    }

    #[tokio::test(start_paused = true)]
    async fn every_type_is_understood() {
        assert_eq!(id(with(&format!("[default]\ntype = access_key\n{KEY}"))).await, "a");
        let role =
            format!("[default]\ntype=ram_role_arn\n{KEY}role_arn=acs:ram::1:role/r\nrole_session_name=ss");
        assert_eq!(id(with(&role)).await, "STS.NUexample0001");
        let oidc = "[default]\ntype=oidc_role_arn\nrole_arn=acs:ram::1:role/r\noidc_token_file_path=/t\n\
                    oidc_provider_arn=acs:ram::1:oidc-provider/p";
        assert_eq!(id(with(oidc).with_file("/t", "a.b.c", 0o600)).await, "STS.NUexample0001");
    }

    #[tokio::test(start_paused = true)]
    async fn values_end_at_a_hash() {
        let stub = Stub::script(vec![ok("{}")]);
        let environment = with(&format!("; remark\n[default]\ntype=access_key\n{KEY}"));
        let key = fetch(&Ini::default(), environment, &stub).await.expect("no error").expect("a key");
        assert_eq!(key.access_key_secret, "s");
    }

    #[tokio::test(start_paused = true)]
    async fn file_and_section_follow_their_variables() {
        let environment = environment()
            .with_file("/else", format!("[ci]\ntype=access_key\n{KEY}"), 0o600)
            .with_variable("ALIBABA_CLOUD_CREDENTIALS_FILE", "/else");
        assert_eq!(id(environment.clone().with_variable("ALIBABA_CLOUD_PROFILE", "ci")).await, "a");
        let python = crate::testing::environment().with_home("/home/me").with_file(
            "/home/me/.alibabacloud/credentials.ini",
            format!("[default]\ntype=access_key\n{KEY}"),
            0o600,
        );
        assert_eq!(id(python).await, "a");
        assert_eq!(id(crate::testing::environment().with_home("/home/me")).await, "none");
        assert_eq!(id(with("[other]\ntype=access_key")).await, "none");
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_wrong_is_named_with_its_line_or_key() {
        for (environment, reason) in [
            (with("[default]\nnonsense"), "credentials, line 2: neither"),
            (with("[default\n"), "line 1: the section's ]"),
            (with("key = value"), "line 1: a key stands before"),
            (with("[default]\naccess_key_id=a"), "has no type"),
            (with("[default]\ntype=access_key\naccess_key_id=a"), "has no access_key_secret"),
            (with("[default]\ntype=rsa_key_pair"), "the type \"rsa_key_pair\""),
            (with("[a]\n[b]").with_variable("ALIBABA_CLOUD_PROFILE", "c"), "no section [c]; it has [a], [b]"),
            (environment().with_variable("ALIBABA_CLOUD_CREDENTIALS_FILE", "/gone"), "/gone does not exist"),
        ] {
            let stub = Stub::script(vec![ok("{}")]);
            let error = fetch(&Ini::default(), environment, &stub).await.expect_err(reason).to_string();
            assert!(error.contains(reason), "{error}");
        }
    }
}
