//! Which source gives the key: settings, variables and files, in the order of the published provider.

use std::sync::Arc;

use aliyun::Environment;
use aliyun::credential::{self, Source};
use pulumi::{MissingKey, known};

use crate::config::{
    CREDENTIALS_URI, Config, OIDC_SESSION_NAME, OIDC_TOKEN, OIDC_TOKEN_FILE, PROFILE,
    ROLE_SESSION_EXPIRATION, ROLE_SESSION_NAME, first_variable, flavour, is_given, is_public, text,
};

/// The name of sessions if the program gives none.
const SESSION_NAME: &str = "pulumi";

/// The order of the published provider: a key pair, a profile, a credentials URI, the instance's role, OIDC; then what the
/// official libraries find in files and variables. The metadata server is asked only if a role is named: not
/// every machine has one, and a missing one answers nothing.
pub(crate) fn credentials(
    config: &Config,
    environment: &Environment,
    profile: Option<credential::Profile>,
) -> Option<Source> {
    let variables = key_variables(config);
    if is_given(&config.access_key) || is_given(&config.secret_key) {
        // A part that is not known is not to be mixed with another key's.
        if [&config.access_key, &config.secret_key].iter().any(|part| is_given(part) && text(part).is_none())
        {
            return None;
        }
        let given = credential::GivenKey {
            access_key_id: text(&config.access_key),
            access_key_secret: text(&config.secret_key),
            security_token: text(&config.security_token),
        };
        let key = variables.complete(environment, given, "the settings accessKey and secretKey");
        return key.map(|key| Arc::new(key) as Source);
    }
    if let Some(source) = before_oidc(config, environment, profile) {
        return Some(source);
    }
    if let Some(oidc) = oidc(config, environment) {
        return Some(Arc::new(oidc));
    }
    let oidc_variables = ["ALIBABA_CLOUD_ROLE_ARN", "ALIBABA_CLOUD_OIDC_PROVIDER_ARN"];
    if oidc_variables.iter().chain(OIDC_TOKEN_FILE).all(|name| environment.variable(name).is_some()) {
        return Some(Arc::new(credential::EnvironmentOidc));
    }
    if has_cli_file(environment) {
        return Some(Arc::new(credential::Profile::current()));
    }
    has_ini_file(environment).then(|| Arc::new(credential::Ini::default()) as Source)
}

/// The sources that come after the settings' own key and before OIDC.
fn before_oidc(
    config: &Config,
    environment: &Environment,
    profile: Option<credential::Profile>,
) -> Option<Source> {
    let variables = key_variables(config);
    let parts = [variables.access_key_variables(), variables.secret_key_variables()];
    if parts.iter().any(|names| environment.first(names).is_some()) {
        return Some(Arc::new(variables));
    }
    if let Some(profile) = profile {
        return Some(Arc::new(profile));
    }
    if let Some(uri) = text(&config.credentials_uri) {
        return Some(Arc::new(credential::Uri::new(uri, "the setting credentialsUri")));
    }
    if let Some((_, uri)) = first_variable(config, environment, CREDENTIALS_URI) {
        return Some(Arc::new(credential::Uri::new(uri, CREDENTIALS_URI.join(" or "))));
    }
    let role = text(&config.ecs_role_name)?;
    Some(Arc::new(credential::EcsRole::named(role)))
}

/// Whether OIDC is the source of the key, and there is no token for it.
pub(crate) fn lacks_oidc_token(config: &Config, environment: &Environment) -> bool {
    let Some(oidc) = known(&config.assume_role_with_oidc) else { return false };
    let before = [
        &config.access_key,
        &config.secret_key,
        &config.profile,
        &config.shared_credentials_file,
        &config.credentials_uri,
        &config.ecs_role_name,
    ];
    !is_given(&oidc.oidc_token)
        && !is_given(&oidc.oidc_token_file)
        && first_variable(config, environment, &[OIDC_TOKEN, OIDC_TOKEN_FILE].concat()).is_none()
        && !before.into_iter().any(is_given)
        && before_oidc(config, environment, profile(config, environment)).is_none()
}

/// The variables that give keys on this cloud.
fn key_variables(config: &Config) -> credential::EnvironmentVariables {
    flavour(config).map_or_else(Default::default, credential::EnvironmentVariables::on_stack)
}

/// Whether the CLI's configuration file is in one of its usual places.
fn has_cli_file(environment: &Environment) -> bool {
    environment.variable("ALIBABA_CLOUD_CONFIG_FILE").is_some()
        || has_file(environment, &[".aliyun/config.json"])
}

/// Whether the credentials ini is in one of its usual places.
fn has_ini_file(environment: &Environment) -> bool {
    environment.variable("ALIBABA_CLOUD_CREDENTIALS_FILE").is_some()
        || has_file(environment, &[".alibabacloud/credentials", ".alibabacloud/credentials.ini"])
}

fn has_file(environment: &Environment, files: &[&str]) -> bool {
    environment.home().is_some_and(|home| files.iter().any(|file| environment.exists(&home.join(file))))
}

/// The profile that a setting or variable names.
pub(crate) fn profile(config: &Config, environment: &Environment) -> Option<credential::Profile> {
    const DEFAULT: &str = "default";
    let file = text(&config.shared_credentials_file);
    let (name, public) = match (text(&config.profile), first_variable(config, environment, PROFILE)) {
        (Some(name), _) => (Some(name), false),
        (None, Some((variable, name))) => (Some(name), is_public(variable)),
        (None, None) => (None, false),
    };
    // The libraries name a section of the ini by the public cloud's variable.
    let of_ini = public && file.is_none();
    match (name, file) {
        (None, None) => None,
        _ if of_ini && !has_cli_file(environment) && has_ini_file(environment) => None,
        (name, file) => Some(credential::Profile::named(name.unwrap_or_else(|| DEFAULT.to_owned()), file)),
    }
}

fn oidc(config: &Config, environment: &Environment) -> Option<credential::Oidc> {
    let settings = known(&config.assume_role_with_oidc)?;
    let variable = |names| first_variable(config, environment, names).map(|(_, value)| value);
    let token = text(&settings.oidc_token)
        .or_else(|| variable(OIDC_TOKEN))
        .map(credential::OidcToken::Text)
        .or_else(|| {
            let file = text(&settings.oidc_token_file).or_else(|| variable(OIDC_TOKEN_FILE));
            file.map(credential::OidcToken::File)
        })?;
    let mut oidc =
        credential::Oidc::new(text(&settings.role_arn)?, text(&settings.oidc_provider_arn)?, token);
    oidc.session_name = Some(
        text(&settings.role_session_name)
            .or_else(|| variable(OIDC_SESSION_NAME))
            .unwrap_or_else(|| SESSION_NAME.to_owned()),
    );
    oidc.policy = text(&settings.policy);
    oidc.duration = known(&settings.session_expiration).and_then(|seconds| u32::try_from(*seconds).ok());
    Some(oidc)
}

/// The role on top of whatever key there is.
pub(crate) fn assume_role(config: &Config, environment: &Environment, base: Source) -> Source {
    let Some(settings) = known(&config.assume_role) else { return base };
    let Some(role_arn) = text(&settings.role_arn) else { return base };
    let variable = |names| first_variable(config, environment, names).map(|(_, value)| value);
    let mut role = credential::AssumeRole::new(base, role_arn);
    role.session_name = Some(
        text(&settings.session_name)
            .or_else(|| variable(ROLE_SESSION_NAME))
            .unwrap_or_else(|| SESSION_NAME.to_owned()),
    );
    role.policy = text(&settings.policy);
    role.external_id = text(&settings.external_id);
    role.duration = match known(&settings.session_expiration) {
        Some(seconds) => u32::try_from(*seconds).ok(),
        None => variable(ROLE_SESSION_EXPIRATION).and_then(|seconds| seconds.parse().ok()),
    };
    Arc::new(role)
}

/// A setting without which there is no client.
pub(crate) struct Missing {
    pub(crate) name: &'static str,
    pub(crate) what: &'static str,
    /// The command that gives it to a stack.
    pub(crate) command: &'static str,
    pub(crate) variables: Vec<&'static str>,
    /// The settings that give it as well.
    pub(crate) instead: &'static [&'static str],
}

impl Missing {
    /// As a setting of the stack.
    pub(crate) fn of_stack(&self) -> MissingKey {
        let setting = |name: &str| format!("alicloud:{name}");
        let way = format!("set it with `{}` or", self.command);
        MissingKey { name: setting(self.name), description: self.told(&way, setting) }
    }

    /// As an argument of a provider that the program makes.
    pub(crate) fn of_provider(&self) -> String {
        let way = format!("give it as the argument `{}` or set", self.name);
        format!("{}: {}", self.name, self.told(&way, |name| format!("`{name}`")))
    }

    fn told(&self, way: &str, named: impl Fn(&str) -> String) -> String {
        let told =
            format!("{}; {way} one of the environment variables {}", self.what, self.variables.join(", "));
        let instead: Vec<String> = self.instead.iter().map(|name| named(name)).collect();
        match instead.split_last() {
            None => told,
            Some((last, others)) => format!("{told}; or give {} or {last}", others.join(", ")),
        }
    }
}

/// The parts of a key that neither a setting nor a variable gives.
pub(crate) fn missing_key(config: &Config, environment: &Environment) -> Vec<Missing> {
    const INSTEAD: &[&str] = &["profile", "ecsRoleName", "credentialsUri", "assumeRoleWithOidc"];
    let variables = key_variables(config);
    let id = Missing {
        name: "accessKey",
        what: "the access key's id",
        command: "pulumi config set --secret alicloud:accessKey",
        variables: variables.access_key_variables(),
        instead: INSTEAD,
    };
    let secret = Missing {
        name: "secretKey",
        what: "the access key's secret",
        command: "pulumi config set --secret alicloud:secretKey",
        variables: variables.secret_key_variables(),
        instead: INSTEAD,
    };
    [(id, &config.access_key), (secret, &config.secret_key)]
        .into_iter()
        .filter(|(part, setting)| text(setting).is_none() && environment.first(&part.variables).is_none())
        .map(|(part, _)| part)
        .collect()
}

/// The half of a key that neither a setting nor a variable gives although the other half is a setting: what is given,
/// and what is missing.
pub(crate) fn half_key(config: &Config, environment: &Environment) -> Option<(&'static str, &'static str)> {
    let variables = key_variables(config);
    let (given, missing, names) = if text(&config.access_key).is_some() && !is_given(&config.secret_key) {
        ("accessKey", "secretKey", variables.secret_key_variables())
    } else if text(&config.secret_key).is_some() && !is_given(&config.access_key) {
        ("secretKey", "accessKey", variables.access_key_variables())
    } else {
        return None;
    };
    environment.first(&names).is_none().then_some((given, missing))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::config::variable;

    /// The settings as they arrive in this environment.
    fn config(settings: serde_json::Value, environment: &Environment) -> Config {
        pulumi::testing::settings(settings, |given, name| variable(given, environment, name)).unwrap()
    }

    fn environment(variables: &[(&'static str, &str)]) -> Environment {
        variables.iter().fold(Environment::default().with_home("/nowhere"), |all, (name, value)| {
            all.with_variable(*name, *value)
        })
    }

    /// Which source gives the key, in the words of its name.
    #[track_caller]
    fn check_source(settings: serde_json::Value, variables: &[(&'static str, &str)], expected: Option<&str>) {
        let environment = environment(variables);
        let config = config(settings, &environment);
        let source = credentials(&config, &environment, profile(&config, &environment));
        let name = source.map(|source| source.name());
        match (expected, &name) {
            (None, None) => {}
            (Some(expected), Some(name)) if name.contains(expected) => {}
            _ => panic!("expected {expected:?}, got {name:?}"),
        }
    }

    const KEY: [(&str, &str); 2] = [("ALICLOUD_ACCESS_KEY", "id"), ("ALICLOUD_SECRET_KEY", "secret")];

    #[test]
    fn keys_are_looked_for_in_the_published_order() {
        check_source(json!({}), &[], None);
        check_source(
            json!({ "accessKey": "a", "secretKey": "b", "profile": "p" }),
            &KEY,
            Some("accessKey and secretKey"),
        );
        check_source(json!({ "profile": "p" }), &KEY, Some("environment"));
        check_source(json!({ "profile": "p", "credentialsUri": "http://u" }), &[], Some("profile"));
        check_source(json!({}), &[("ALIBABA_CLOUD_PROFILE", "p")], Some("profile"));
        check_source(
            json!({ "credentialsUri": "http://u", "ecsRoleName": "r" }),
            &[],
            Some("credentialsUri"),
        );
        check_source(json!({}), &[("ALIBABA_CLOUD_CREDENTIALS_URI", "http://u")], Some("URI"));
        check_source(json!({ "ecsRoleName": "r" }), &[], Some("RAM role r"));
        let oidc = json!({ "assumeRoleWithOidc": { "roleArn": "acs:ram::1:role/r", "oidcProviderArn": "acs:ram::1:oidc-provider/p",
            "oidcToken": "token" } });
        check_source(oidc, &[], Some("OIDC"));
    }

    #[test]
    fn half_a_key_in_the_settings_is_completed_by_the_environment() {
        check_source(json!({ "accessKey": "a" }), &KEY, Some("accessKey and secretKey"));
        check_source(json!({ "accessKey": "a" }), &[], None);
    }

    /// Whether the key has a token, as far as its `Debug` tells.
    #[track_caller]
    fn check_token(settings: serde_json::Value, variables: &[(&'static str, &str)], expected: bool) {
        let environment = environment(variables);
        let source = credentials(&config(settings, &environment), &environment, None).unwrap();
        let shown = format!("{source:?}");
        assert_eq!(shown.contains("security_token: Some"), expected, "{shown}");
    }

    #[test]
    fn a_key_in_the_settings_takes_no_other_keys_token() {
        let token = [("ALICLOUD_SECURITY_TOKEN", "token")];
        check_token(json!({ "accessKey": "LTAI", "secretKey": "s" }), &token, false);
        check_token(json!({ "accessKey": "LTAI", "secretKey": "s", "securityToken": "t" }), &token, true);
        check_token(json!({ "accessKey": "STS.a", "secretKey": "s" }), &token, true);
        let stack_s = [("APSARASTACK_SECURITY_TOKEN", "token")];
        let key = |id| json!({ "cloud": "apsarastack", "accessKey": id, "secretKey": "s" });
        check_token(key("LTAI"), &stack_s, false);
        check_token(key("STS.a"), &stack_s, true);
    }

    #[test]
    fn half_a_key_in_the_settings_takes_the_token_of_the_family_that_completes_it() {
        let secret = ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "s");
        let half = || json!({ "accessKey": "LTAI" });
        check_token(half(), &[secret, ("ALIBABA_CLOUD_SECURITY_TOKEN", "token")], true);
        check_token(half(), &[secret, ("ALICLOUD_SECURITY_TOKEN", "token")], false);
    }

    #[test]
    fn a_blank_key_is_none() {
        check_source(json!({ "accessKey": " ", "secretKey": "" }), &KEY, Some("environment"));
    }

    #[test]
    fn a_file_is_looked_for_in_the_environment_that_is_handed_in() {
        let environment = Environment::default().with_home("/home").with_file(
            "/home/.alibabacloud/credentials",
            "[default]",
            0o600,
        );
        let source = credentials(&Config::default(), &environment, None).unwrap();
        assert!(source.name().contains(".alibabacloud"), "{}", source.name());
    }

    #[test]
    fn the_public_clouds_profile_variable_may_name_a_section_of_the_ini() {
        let source = |settings: serde_json::Value, variable: &str| {
            let environment = Environment::default()
                .with_home("/home")
                .with_file("/home/.alibabacloud/credentials", "[p]", 0o600)
                .with_variable(variable, "p");
            let config = config(settings, &environment);
            credentials(&config, &environment, profile(&config, &environment)).unwrap().name()
        };
        let stack = || json!({ "cloud": "apsarastack" });
        for (settings, variable, expected) in [
            (json!({}), "ALIBABA_CLOUD_PROFILE", ".alibabacloud"),
            (stack(), "ALIBABA_CLOUD_PROFILE", ".alibabacloud"),
            (json!({}), "APSARASTACK_PROFILE", ".alibabacloud"),
            (stack(), "APSARASTACK_PROFILE", "the profile \"p\""),
            (json!({ "profile": "p" }), "ALIBABA_CLOUD_PROFILE", "the profile \"p\""),
            (json!({ "sharedCredentialsFile": "/f" }), "ALIBABA_CLOUD_PROFILE", "the profile \"p\""),
            (json!({}), "ALICLOUD_SHARED_CREDENTIALS_FILE", "the profile \"default\""),
        ] {
            let name = source(settings, variable);
            assert!(name.contains(expected), "{variable}: {name}");
        }
    }

    #[test]
    fn a_role_is_assumed_on_top_of_any_key() {
        let environment = environment(&KEY);
        let config = config(json!({ "assumeRole": { "roleArn": "acs:ram::1:role/builder" } }), &environment);
        let base = credentials(&config, &environment, None).unwrap();
        let name = assume_role(&config, &environment, base).name();
        assert!(name.contains("acs:ram::1:role/builder"), "{name}");
    }
}
