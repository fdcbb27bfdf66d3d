//! Keys from `~/.aliyun/config.json`, the file of the official CLI, by the mode of one of its profiles.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use serde_json::{Map, Value};

use crate::credential::assume_role::AssumeRole;
use crate::credential::ecs_role::EcsRole;
use crate::credential::external::External;
use crate::credential::file::read_text;
use crate::credential::fixed::Fixed;
use crate::credential::oidc::{Oidc, OidcToken};
use crate::credential::source::{Means, Provide, Source};
use crate::credential::uri::Uri;
use crate::environment::Environment;
use crate::error::{Error, one_line};
use crate::key::Credential;

/// Variables that name the profile, in the CLI's order, but for the published provider's own, which comes first.
pub const PROFILE_VARIABLES: &[&str] = &["ALICLOUD_PROFILE", "ALIBABACLOUD_PROFILE", "ALIBABA_CLOUD_PROFILE"];
const FILE_VARIABLES: &[&str] = &["ALIBABA_CLOUD_CONFIG_FILE"];
/// How many profiles may build on one another.
const DEEPEST: usize = 10;

/// One profile of the CLI's file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// The file; `~/.aliyun/config.json` if absent.
    file: Option<String>,
    /// The profile; what the environment names, else the file's `current` if absent.
    name: Option<String>,
}

impl Profile {
    /// A profile that must exist. `file` is `~/.aliyun/config.json` if absent.
    pub fn named(name: impl Into<String>, file: Option<String>) -> Profile {
        Profile { file, name: Some(name.into()) }
    }

    /// The profile that the environment names ([`PROFILE_VARIABLES`]), else the file's current one; none if there is no
    /// file, or if `ALIBABA_CLOUD_CLI_PROFILE_DISABLED` says so.
    pub fn current() -> Profile {
        Profile { file: None, name: None }
    }

    /// The region that the profile names. Reads the file.
    pub fn region(&self, environment: &Environment) -> Result<Option<String>, Error> {
        let Some(found) = self.find(environment)? else { return Ok(None) };
        let entry = found.file.profile(&found.name)?;
        Ok(entry
            .get("region_id")
            .and_then(Value::as_str)
            .map(str::trim)
            .filter(|region| !region.is_empty())
            .map(ToOwned::to_owned))
    }

    /// The source that the profile describes, if there is one.
    pub(crate) fn described(&self, environment: &Environment) -> Result<Option<Source>, Error> {
        let Some(found) = self.find(environment)? else { return Ok(None) };
        if self.name.is_none() && found.file.is_blank(&found.name) {
            return Ok(None);
        }
        found.file.source(&found.name, &[]).map(Some)
    }

    fn find(&self, environment: &Environment) -> Result<Option<Found>, Error> {
        if self.name.is_none() && environment.flag("ALIBABA_CLOUD_CLI_PROFILE_DISABLED") {
            return Ok(None);
        }
        let by_variable = || environment.first(PROFILE_VARIABLES);
        let (name, origin) = match (&self.name, by_variable()) {
            (Some(name), _) => (Some(name.clone()), None),
            (None, Some((variable, name))) => (Some(name.to_owned()), Some(variable)),
            (None, None) => (None, None),
        };
        let named_file =
            self.file.as_deref().or_else(|| environment.first(FILE_VARIABLES).map(|(_, file)| file));
        let path = match named_file {
            Some(file) => environment.expand(file),
            None => match environment.home() {
                Some(home) => home.join(".aliyun").join("config.json"),
                None if name.is_none() => return Ok(None),
                None => return Err(Error::credential("the profile's file cannot be found: no home folder")),
            },
        };
        let Some(text) = read_text(environment, &path)? else {
            return match (name, named_file) {
                // The other libraries read the same variable for their ini file, so it is no proof of a CLI profile.
                (Some(_), None) if origin.is_some() => Ok(None),
                (Some(name), _) => Err(Error::credential(format!(
                    "the profile \"{name}\" is asked for, but {} does not exist",
                    path.display()
                ))),
                (None, Some(_)) => Err(Error::credential(format!("{} does not exist", path.display()))),
                (None, None) => Ok(None),
            };
        };
        let file = ProfileFile::parse(&path, &text)?;
        let name = match name {
            Some(name) => name,
            None => file.current()?,
        };
        Ok(Some(Found { file, name }))
    }
}

struct Found {
    file: ProfileFile,
    name: String,
}

struct ProfileFile {
    path: PathBuf,
    root: Map<String, Value>,
}

impl ProfileFile {
    fn parse(path: &Path, text: &str) -> Result<ProfileFile, Error> {
        let broken = |why: &str| Error::credential(format!("{} {why}", path.display()));
        let root: Value = serde_json::from_str(text).map_err(|error| {
            let why = if error.is_eof() { "is cut short" } else { "is not valid JSON" };
            broken(&format!("{why}: line {}, column {}", error.line(), error.column()))
        })?;
        match root {
            Value::Object(root) if root.get("profiles").is_some_and(Value::is_array) => {
                Ok(ProfileFile { path: path.to_owned(), root })
            }
            Value::Object(_) => Err(broken("has no list \"profiles\"")),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                Err(broken("is no JSON object"))
            }
        }
    }

    fn current(&self) -> Result<String, Error> {
        let current = self.root.get("current").and_then(Value::as_str).filter(|current| !current.is_empty());
        current.map(ToOwned::to_owned).ok_or_else(|| {
            Error::credential(format!("{} names no current profile; name one", self.path.display()))
        })
    }

    fn profile(&self, name: &str) -> Result<&Map<String, Value>, Error> {
        let profiles = self.root.get("profiles").and_then(Value::as_array);
        let profiles: Vec<&Map<String, Value>> =
            profiles.into_iter().flatten().filter_map(Value::as_object).collect();
        let name_of = |profile: &Map<String, Value>| {
            profile.get("name").and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        profiles.iter().find(|profile| name_of(profile) == name).copied().ok_or_else(|| {
            let names: Vec<_> = profiles.iter().map(|profile| one_line(&name_of(profile), 60)).collect();
            Error::credential(format!(
                "{} has no profile \"{}\"; it has {}",
                self.path.display(),
                one_line(name, 60),
                names.join(", ")
            ))
        })
    }

    /// Whether a profile is the one that the CLI writes before anything is configured.
    fn is_blank(&self, name: &str) -> bool {
        let blank = |profile: &Map<String, Value>, key: &str| {
            profile.get(key).and_then(Value::as_str).unwrap_or_default().trim().is_empty()
        };
        self.profile(name).is_ok_and(|profile| {
            let mode = profile.get("mode").and_then(Value::as_str).unwrap_or_default();
            matches!(mode, "" | "AK")
                && blank(profile, "access_key_id")
                && blank(profile, "access_key_secret")
        })
    }

    /// The source that a profile describes. `above` are the profiles that build on it.
    fn source(&self, name: &str, above: &[&str]) -> Result<Source, Error> {
        let origin = format!("the profile \"{}\" of {}", one_line(name, 60), self.path.display());
        if above.contains(&name) || above.len() >= DEEPEST {
            let path = [above, &[name]].concat().join(" → ");
            return Err(Error::credential(format!("{origin} builds on itself: {path}")));
        }
        let entry = self.profile(name)?;
        let optional = |key: &str| {
            let value = entry.get(key).and_then(Value::as_str).map(str::trim);
            value.filter(|value| !value.is_empty()).map(ToOwned::to_owned)
        };
        let mode = optional("mode").unwrap_or_else(|| "AK".to_owned());
        let required = |key: &str| {
            optional(key).ok_or_else(|| Error::credential(format!("{origin}, of mode {mode}, has no {key}")))
        };
        let duration = || -> Result<Option<u32>, Error> {
            let Some(value) = entry.get("expired_seconds").filter(|value| !value.is_null()) else {
                return Ok(None);
            };
            let number = value.as_u64().or_else(|| value.as_str()?.trim().parse().ok());
            let number = number.and_then(|number| u32::try_from(number).ok());
            // The CLI writes 0 if nothing was configured.
            number.map(|number| Some(number).filter(|number| *number > 0)).ok_or_else(|| {
                Error::credential(format!("{origin}: expired_seconds is no number of seconds"))
            })
        };
        let key = |token: Option<String>| -> Result<Source, Error> {
            Ok(Arc::new(Fixed::new(
                required("access_key_id")?,
                required("access_key_secret")?,
                token,
                origin.as_str(),
            )))
        };
        let role = |base: Source| -> Result<Source, Error> {
            let mut role = AssumeRole::new(base, required("ram_role_arn")?);
            role.session_name = optional("ram_session_name");
            role.duration = duration()?;
            role.policy = optional("policy");
            role.external_id = optional("external_id");
            role.sts_endpoint = optional("sts_endpoint");
            role.sts_region = optional("sts_region");
            role.vpc = entry.get("enable_vpc").and_then(Value::as_bool).unwrap_or_default();
            Ok(Arc::new(role))
        };
        match mode.as_str() {
            "AK" => key(None),
            "StsToken" => key(Some(required("sts_token")?)),
            "RamRoleArn" => role(key(optional("sts_token"))?),
            "ChainableRamRoleArn" => {
                let base = required("source_profile")?;
                role(self.source(&base, &[above, &[name]].concat())?)
            }
            "EcsRamRole" => Ok(Arc::new(optional("ram_role_name").map_or_else(EcsRole::any, EcsRole::named))),
            "OIDC" => {
                let token = OidcToken::File(required("oidc_token_file")?);
                let mut oidc = Oidc::new(required("ram_role_arn")?, required("oidc_provider_arn")?, token);
                // The Python library spells it role_session_name, the CLI and the Go library as everywhere.
                oidc.session_name = optional("ram_session_name").or_else(|| optional("role_session_name"));
                oidc.duration = duration()?;
                oidc.policy = optional("policy");
                oidc.sts_endpoint = optional("sts_endpoint");
                oidc.sts_region = optional("sts_region");
                oidc.vpc = entry.get("enable_vpc").and_then(Value::as_bool).unwrap_or_default();
                Ok(Arc::new(oidc))
            }
            "CredentialsURI" => Ok(Arc::new(Uri::new(required("credentials_uri")?, origin.as_str()))),
            "External" => Ok(Arc::new(External::new(required("process_command")?, origin.as_str()))),
            other => Err(Error::credential(format!(
                "{origin} has the mode \"{}\", which is not supported; AK, StsToken, RamRoleArn, ChainableRamRoleArn, \
                 EcsRamRole, OIDC, CredentialsURI and External are",
                one_line(other, 40)
            ))),
        }
    }
}

impl Provide for Profile {
    fn name(&self) -> String {
        let file = self.file.as_deref().unwrap_or("~/.aliyun/config.json");
        match &self.name {
            Some(name) => format!("the profile \"{}\" of {file}", one_line(name, 60)),
            None => format!("the current profile of {file}"),
        }
    }

    fn fetch<'a>(&'a self, means: &'a Means) -> BoxFuture<'a, Result<Option<Credential>, Error>> {
        async {
            let Some(source) = self.described(&means.environment)? else { return Ok(None) };
            let credential = source.fetch(means).await?;
            // The profile is there: it has to give a key.
            credential
                .map(Some)
                .ok_or_else(|| Error::credential(format!("{}: {} gives no key", self.name(), source.name())))
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{STS, Stub, environment, fault, fetch, ok};
    use crate::transport::Fault;

    const PATH: &str = "/home/me/.aliyun/config.json";

    fn with(text: &str) -> Environment {
        environment().with_home("/home/me").with_file(PATH, text, 0o600)
    }

    fn with_profile(profile: &str) -> Environment {
        with(&format!(r#"{{"current":"p","profiles":[{{"name":"p",{profile}}}]}}"#))
    }

    const KEY: &str = r#""access_key_id":"a","access_key_secret":"s""#;

    async fn check(profile: &str, expected: &str) -> Vec<crate::testing::Sent> {
        let stub = Stub::script(vec![ok(STS)]);
        let key = fetch(&Profile::current(), with_profile(profile), &stub).await.expect("no error");
        assert_eq!(key.expect("a key").access_key_id, expected);
        stub.sent()
    }

    #[tokio::test(start_paused = true)]
    async fn every_mode_is_understood() {
        let sts = "STS.NUexample0001";
        check(&format!(r#""mode":"AK",{KEY}"#), "a").await;
        check(KEY, "a").await;
        check(&format!(r#""mode":"StsToken","sts_token":"t",{KEY}"#), "a").await;
        let role = r#""ram_role_arn":"acs:ram::1:role/r","ram_session_name":"ss","expired_seconds":900,
            "external_id":"x","policy":"{}","sts_region":"cn-beijing""#;
        let sent = check(&format!(r#""mode":"RamRoleArn",{role},{KEY}"#), sts).await;
        assert_eq!(sent[0].request.url, "https://sts.cn-beijing.aliyuncs.com/");
        assert_eq!((sent[0].param("DurationSeconds"), sent[0].param("ExternalId")), ("900", "x"));
        let uri = r#""mode":"CredentialsURI","credentials_uri":"http://localhost/keys""#;
        let answer = r#"{"Code":"Success","AccessKeyId":"STS.u","AccessKeySecret":"s","SecurityToken":"t",
            "Expiration":"2026-11-22T02:00:00Z"}"#;
        let stub = Stub::script(vec![ok(answer)]);
        let key = fetch(&Profile::current(), with_profile(uri), &stub).await.expect("no error");
        assert_eq!(key.expect("a key").access_key_id, "STS.u");
        let oidc = r#""mode":"OIDC","oidc_provider_arn":"acs:ram::1:oidc-provider/p","oidc_token_file":"/t",
            "ram_role_arn":"acs:ram::1:role/r","role_session_name":"by-python""#;
        let stub = Stub::script(vec![ok(STS)]);
        let environment = with_profile(oidc).with_file("/t", "a.b.c", 0o600);
        fetch(&Profile::current(), environment, &stub).await.expect("no error").expect("a key");
        assert_eq!(stub.sent()[0].param("RoleSessionName"), "by-python");
    }

    #[tokio::test(start_paused = true)]
    async fn an_ecs_profile_asks_the_metadata_service_and_must_get_a_key() {
        let stub = Stub::script(vec![fault(Fault::Unreachable, "no route to host")]);
        let environment = with_profile(r#""mode":"EcsRamRole""#);
        let error = fetch(&Profile::current(), environment, &stub).await.expect_err("elsewhere").to_string();
        assert!(error.contains("gives no key"), "{error}");
        assert!(stub.sent()[0].request.link_local);
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn an_external_profile_runs_its_command() {
        let command =
            r#"echo '{\"mode\":\"AK\",\"access_key_id\":\"from-command\",\"access_key_secret\":\"s\"}'"#;
        let profile = format!(r#""mode":"External","process_command":"{command}""#);
        let stub = Stub::script(vec![ok("{}")]);
        let key = fetch(&Profile::current(), with_profile(&profile), &stub).await.expect("no error");
        assert_eq!(key.expect("a key").access_key_id, "from-command");
    }

    const CHAIN: &str = r#"{"current":"top","profiles":[
        {"name":"top","mode":"ChainableRamRoleArn","source_profile":"middle","ram_role_arn":"acs:ram::2:role/top"},
        {"name":"middle","mode":"RamRoleArn","access_key_id":"a","access_key_secret":"s",
         "ram_role_arn":"acs:ram::1:role/middle"},
        {"name":"loop","mode":"ChainableRamRoleArn","source_profile":"pool","ram_role_arn":"acs:ram::2:role/l"},
        {"name":"pool","mode":"ChainableRamRoleArn","source_profile":"loop","ram_role_arn":"acs:ram::2:role/p"}]}"#;

    #[tokio::test(start_paused = true)]
    async fn roles_are_assumed_one_after_another() {
        let stub = Stub::script(vec![ok(STS)]);
        fetch(&Profile::current(), with(CHAIN), &stub).await.expect("no error").expect("a key");
        let sent = stub.sent();
        assert_eq!(sent[0].param("RoleArn"), "acs:ram::1:role/middle");
        assert_eq!(sent[1].param("RoleArn"), "acs:ram::2:role/top");
        assert_eq!(sent[1].header("x-acs-security-token"), Some("sts-token"));
    }

    #[tokio::test(start_paused = true)]
    async fn profiles_that_build_on_themselves_are_an_error() {
        let stub = Stub::script(vec![ok(STS)]);
        let result = fetch(&Profile::named("loop", None), with(CHAIN), &stub).await;
        let error = result.expect_err("a loop").to_string();
        assert!(error.ends_with(": loop → pool → loop"), "{error}");
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_wrong_is_named_with_file_and_place() {
        let one = |profile: &str| with_profile(profile);
        for (environment, reason) in [
            (with("{\n  \"current\": \"p\",\n  oops}"), "is not valid JSON: line 3, column 3"),
            (with("{\"profiles\": [{\"access_key_secret\": \"hus"), "is cut short: line 1"),
            (with("[]"), "is no JSON object"),
            (with("{}"), "has no list \"profiles\""),
            (with(r#"{"profiles":[]}"#), "names no current profile"),
            (with(r#"{"current":"x","profiles":[{"name":"y"}]}"#), "no profile \"x\"; it has y"),
            (one(r#""mode":"AK","access_key_id":"a""#), "of mode AK, has no access_key_secret"),
            (one(&format!(r#""mode":"StsToken",{KEY}"#)), "has no sts_token"),
            (one(r#""mode":"ChainableRamRoleArn""#), "has no source_profile"),
            (one(r#""mode":"CloudSSO""#), "mode \"CloudSSO\", which is not supported"),
            (
                one(&format!(
                    r#""mode":"RamRoleArn","ram_role_arn":"acs:ram::1:role/r","expired_seconds":"x",{KEY}"#
                )),
                "expired_seconds",
            ),
            (environment().with_home("/home/me").with_file(PATH, "{}", 0o666), "chmod 600"),
        ] {
            let stub = Stub::script(vec![ok(STS)]);
            let error = fetch(&Profile::current(), environment, &stub).await.expect_err(reason).to_string();
            assert!(error.contains(reason) && error.contains(PATH), "{error}");
            assert!(!error.contains("hus\""), "{error}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_profile_asked_for_must_exist_and_the_current_one_need_not() {
        let stub = Stub::script(vec![ok(STS)]);
        let home = || environment().with_home("/home/me");
        assert!(fetch(&Profile::current(), home(), &stub).await.expect("no error").is_none());
        let blank = with_profile(r#""mode":"AK","access_key_id":"","access_key_secret":"""#);
        assert!(fetch(&Profile::current(), blank, &stub).await.expect("no error").is_none());
        let disabled = with("{").with_variable("ALIBABA_CLOUD_CLI_PROFILE_DISABLED", "true");
        assert!(fetch(&Profile::current(), disabled, &stub).await.expect("no error").is_none());
        let error = fetch(&Profile::named("p", None), home(), &stub).await.expect_err("no file").to_string();
        assert!(
            error.contains("the profile \"p\" is asked for, but /home/me/.aliyun/config.json"),
            "{error}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn the_variables_name_the_profile_and_the_file() {
        let text = format!(r#"{{"current":"a","profiles":[{{"name":"b","region_id":"cn-beijing",{KEY}}}]}}"#);
        let environment = environment()
            .with_file("/else", text, 0o600)
            .with_variable("ALIBABA_CLOUD_CONFIG_FILE", "/else")
            .with_variable("ALIBABA_CLOUD_PROFILE", "b");
        let stub = Stub::script(vec![ok(STS)]);
        let key = fetch(&Profile::current(), environment.clone(), &stub).await.expect("no error");
        assert_eq!(key.expect("a key").access_key_id, "a");
        assert_eq!(Profile::current().region(&environment).expect("no error").as_deref(), Some("cn-beijing"));
    }
}
