//! From settings to a client: which key, which endpoint, which cloud. Reads variables and files, reaches no network.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use aliyun::credential::{self, Provide as _, Source};
use aliyun::{Environment, Flavour, Protocol, Proxy, Settings, SignVersion, StackSettings};
use pulumi::{ConfigureError, Failure, Input, MissingKey, known};

use crate::client::{Client, Pace};
use crate::config::{self, Config, ProviderEndpoint};
use crate::ecs::images::account::Account;
use crate::ecs::images::looks::Looks;
use crate::failure;

const REGION_VARIABLES: [&str; 2] = ["ALICLOUD_REGION", "ALIBABA_CLOUD_REGION"];
const PROFILE_VARIABLES: [&str; 2] = ["ALICLOUD_PROFILE", "ALIBABA_CLOUD_PROFILE"];
const CREDENTIALS_FILE_VARIABLES: [&str; 1] = ["ALICLOUD_SHARED_CREDENTIALS_FILE"];
const CREDENTIALS_URI_VARIABLES: [&str; 2] = ["ALICLOUD_CREDENTIALS_URI", "ALIBABA_CLOUD_CREDENTIALS_URI"];
const ECS_ROLE_VARIABLES: [&str; 2] = ["ALICLOUD_ECS_ROLE_NAME", "ALIBABA_CLOUD_ECS_METADATA"];
const OIDC_TOKEN_VARIABLE: &str = "ALIBABA_CLOUD_OIDC_TOKEN";
const OIDC_TOKEN_FILE_VARIABLE: &str = "ALIBABA_CLOUD_OIDC_TOKEN_FILE";
/// Says how often a waiting plugin looks, in milliseconds; for tests.
const PACE_VARIABLE: &str = "PULUMI_ALICLOUD_POLL_MS";
/// And no longer than this apart.
const LONGEST_PACE: Duration = Duration::from_secs(3_600);
/// The name of sessions where the program gives none.
const SESSION_NAME: &str = "pulumi";

/// The client for these settings in this environment.
pub(crate) fn configure(given: &Config, environment: Environment) -> Result<Client, ConfigureError> {
    let failed = |error: aliyun::Error| ConfigureError::Failed(failure::cloud(error));
    let refusals = config::refusals(given, &environment);
    if !refusals.is_empty() {
        let lines: Vec<String> =
            refusals.iter().map(|(path, reason)| format!("alicloud:{path}: {reason}")).collect();
        return Err(ConfigureError::Failed(Failure::Refused(lines.join("\n"))));
    }
    let config = &with_stack_variables(given, &environment);
    let profile = profile(config, &environment);
    let region = region(config, &environment, profile.as_ref()).map_err(failed)?;
    let credentials = credentials(config, &environment, profile);
    let mut missing = Vec::new();
    if region.is_none() {
        missing.push(missing_region());
    }
    if credentials.is_none() {
        missing.extend(missing_key(config, &environment));
    }
    let (Some(region), Some(credentials)) = (region, credentials) else {
        return Err(ConfigureError::Missing(missing));
    };

    let flavour = flavour(config);
    if !skips_region_validation(config, &environment) {
        aliyun::endpoint::validate_region(&region.name).map_err(|error| {
            let reason = format!("{}: {}", region.origin, pulumi::chain(&error));
            ConfigureError::Failed(Failure::Refused(reason))
        })?;
    }

    let mut settings = Settings::new(region.name, assume_role(config, &environment, credentials));
    let mut ascm_endpoint = None;
    for endpoint in known(&config.endpoints).into_iter().flatten().filter_map(Input::known) {
        let ProviderEndpoint { ascm, ecs, sts } = endpoint;
        settings.endpoint = text(ecs).or(settings.endpoint);
        settings.sts_endpoint = text(sts).or(settings.sts_endpoint);
        ascm_endpoint = text(ascm).or(ascm_endpoint);
    }
    settings.protocol = match text(&config.protocol).as_deref().and_then(parse_protocol) {
        Some(protocol) => protocol,
        None if flavour.is_some() => Protocol::Http,
        None => Protocol::Https,
    };
    settings.vpc = known(&config.vpc_endpoints)
        .copied()
        .unwrap_or_else(|| environment.flag("ALIBABA_CLOUD_VPC_ENDPOINT_ENABLED"));
    settings.connect_timeout =
        milliseconds(&config.client_connect_timeout, &environment, "CLIENT_CONNECT_TIMEOUT");
    settings.read_timeout = milliseconds(&config.client_read_timeout, &environment, "CLIENT_READ_TIMEOUT");
    settings.max_retry_timeout = number(&config.max_retry_timeout, &environment, "MAX_RETRY_TIMEOUT")
        .filter(|seconds| *seconds > 0)
        .map(Duration::from_secs);
    settings.user_agent =
        text(&config.configuration_source).or_else(|| variable(&environment, &["TF_APPEND_USER_AGENT"]));
    settings.source_ip = text(&config.source_ip)
        .or_else(|| variable(&environment, &["ALICLOUD_SOURCE_IP", "ALIBABA_CLOUD_SOURCE_IP"]));
    settings.secure_transport =
        text(&config.secure_transport).or_else(|| text(&config.security_transport)).or_else(|| {
            variable(
                &environment,
                &[
                    "ALICLOUD_SECURE_TRANSPORT",
                    "ALIBABA_CLOUD_SECURE_TRANSPORT",
                    "ALICLOUD_SECURITY_TRANSPORT",
                    "ALIBABA_CLOUD_SECURITY_TRANSPORT",
                ],
            )
        });
    if let Some(proxy) = text(&config.proxy) {
        settings.proxy = Proxy::Url(proxy);
    }
    settings.ca_file = text(&config.ca_file).map(PathBuf::from);
    if known(&config.sign_version)
        .and_then(|versions| known(&versions.ecs))
        .is_some_and(|version| version == "v1")
    {
        settings.sign_version = SignVersion::V1;
    }
    if let Some(flavour) = flavour {
        settings.insecure = known(&config.insecure).copied().unwrap_or(false);
        settings.stack = Some(StackSettings {
            department: text(&config.department),
            resource_group: text(&config.resource_group),
            resource_group_set: text(&config.resource_group_set_name),
            organization_id: text(&config.organization_id),
            ascm_endpoint,
            domain: text(&config.domain),
            popgw_domain: text(&config.popgw_domain),
            center_region: known(&config.is_center_region).copied().unwrap_or(true),
            force_asapi: known(&config.force_use_asapi).copied().unwrap_or(false),
            send_secret: known(&config.send_access_key_secret).copied().unwrap_or(false),
            ..StackSettings::new(flavour)
        });
    }
    let pace = pace(&environment);
    settings.environment = environment;
    let api = aliyun::Client::new(settings).map_err(failed)?;

    Ok(Client {
        pace,
        looks: Looks::new(api.clone()),
        region_named: region.named,
        region_origin: region.origin,
        account: Account::new(api.clone()),
        provider_id: None,
        api,
    })
}

/// The region, and who says so.
struct Region {
    name: String,
    /// By the setting of that name.
    named: bool,
    origin: String,
}

/// The region that the setting, a variable or the profile names.
fn region(
    config: &Config,
    environment: &Environment,
    profile: Option<&credential::Profile>,
) -> Result<Option<Region>, aliyun::Error> {
    if let Some(name) = text(&config.region) {
        return Ok(Some(Region { name, named: true, origin: "the setting alicloud:region".to_owned() }));
    }
    let of_stack = flavour(config).map(|flavour| format!("{}_REGION", prefix(flavour)));
    for variable in of_stack.as_deref().into_iter().chain(REGION_VARIABLES) {
        if let Some(name) = environment.variable(variable) {
            let origin = format!("the variable {variable}");
            return Ok(Some(Region { name: name.to_owned(), named: false, origin }));
        }
    }
    let Some(profile) = profile else { return Ok(None) };
    let name = profile.region(environment)?;
    Ok(name.map(|name| Region { name, named: false, origin: profile.name() }))
}

/// Whether a region is taken that this version does not know.
pub(crate) fn skips_region_validation(config: &Config, environment: &Environment) -> bool {
    known(&config.skip_region_validation)
        .copied()
        .unwrap_or_else(|| flavour(config).is_some() || environment.flag("ALICLOUD_SKIP_REGION_VALIDATION"))
}

/// The same settings, with what the variables of a private cloud say of those that are not given, but for the key and the
/// region.
pub(crate) fn with_stack_variables(config: &Config, environment: &Environment) -> Config {
    let mut config = config.clone();
    let Some(flavour) = flavour(&config) else { return config };
    let variable =
        |name: &str| environment.variable(&format!("{}_{name}", prefix(flavour))).map(ToOwned::to_owned);
    for (setting, name) in [
        (&mut config.ecs_role_name, "ECS_ROLE_NAME"),
        (&mut config.profile, "PROFILE"),
        (&mut config.shared_credentials_file, "SHARED_CREDENTIALS_FILE"),
        (&mut config.protocol, "PROTOCOL"),
        (&mut config.proxy, "PROXY"),
        (&mut config.domain, "DOMAIN"),
        (&mut config.popgw_domain, "POPGW_DOMAIN"),
        (&mut config.department, "DEPARTMENT"),
        (&mut config.resource_group, "RESOURCE_GROUP"),
        (&mut config.resource_group_set_name, "RESOURCE_GROUP_SET"),
        (&mut config.source_ip, "SOURCE_IP"),
        (&mut config.secure_transport, "SECURE_TRANSPORT"),
    ] {
        if !is_given(setting) {
            *setting = variable(name).map(Input::Known);
        }
    }
    for (setting, name) in
        [(&mut config.insecure, "INSECURE"), (&mut config.is_center_region, "CENTER_REGION")]
    {
        if setting.is_none() {
            *setting =
                variable(name).map(|text| Input::Known(text.eq_ignore_ascii_case("true") || text == "1"));
        }
    }
    config
}

/// The order of the published provider: a key pair, a profile, a credentials URI, the instance's role, OIDC; then what the
/// official libraries find in files and variables. The metadata server is asked only where a role is named: elsewhere
/// nothing answers at its address.
fn credentials(
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
    let oidc_variables =
        ["ALIBABA_CLOUD_ROLE_ARN", "ALIBABA_CLOUD_OIDC_PROVIDER_ARN", OIDC_TOKEN_FILE_VARIABLE];
    if oidc_variables.iter().all(|name| environment.variable(name).is_some()) {
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
    if let Some(uri) = variable(environment, &CREDENTIALS_URI_VARIABLES) {
        return Some(Arc::new(credential::Uri::new(uri, CREDENTIALS_URI_VARIABLES.join(" or "))));
    }
    let role = text(&config.ecs_role_name).or_else(|| variable(environment, &ECS_ROLE_VARIABLES))?;
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
        && variable(environment, &[OIDC_TOKEN_VARIABLE, OIDC_TOKEN_FILE_VARIABLE]).is_none()
        && !before.into_iter().any(is_given)
        && before_oidc(config, environment, profile(config, environment)).is_none()
}

/// The variables that give keys on this cloud.
fn key_variables(config: &Config) -> credential::EnvironmentVariables {
    flavour(config).map_or_else(Default::default, credential::EnvironmentVariables::on_stack)
}

/// Whether there is a configuration file of the CLI where one is looked for.
fn has_cli_file(environment: &Environment) -> bool {
    environment.variable("ALIBABA_CLOUD_CONFIG_FILE").is_some()
        || has_file(environment, &[".aliyun/config.json"])
}

/// Whether there is a credentials ini where one is looked for.
fn has_ini_file(environment: &Environment) -> bool {
    environment.variable("ALIBABA_CLOUD_CREDENTIALS_FILE").is_some()
        || has_file(environment, &[".alibabacloud/credentials", ".alibabacloud/credentials.ini"])
}

fn has_file(environment: &Environment, files: &[&str]) -> bool {
    environment.home().is_some_and(|home| files.iter().any(|file| environment.exists(&home.join(file))))
}

/// The profile that a setting or variable names.
fn profile(config: &Config, environment: &Environment) -> Option<credential::Profile> {
    const DEFAULT: &str = "default";
    let file =
        text(&config.shared_credentials_file).or_else(|| variable(environment, &CREDENTIALS_FILE_VARIABLES));
    let name = text(&config.profile).or_else(|| variable(environment, &PROFILE_VARIABLES));
    // The libraries name a section of the ini by the same variable.
    let of_ini = text(&config.profile).is_none() && file.is_none();
    match (name, file) {
        (None, None) => None,
        _ if of_ini && !has_cli_file(environment) && has_ini_file(environment) => None,
        (name, file) => Some(credential::Profile::named(name.unwrap_or_else(|| DEFAULT.to_owned()), file)),
    }
}

fn oidc(config: &Config, environment: &Environment) -> Option<credential::Oidc> {
    let settings = known(&config.assume_role_with_oidc)?;
    let token = text(&settings.oidc_token)
        .or_else(|| variable(environment, &[OIDC_TOKEN_VARIABLE]))
        .map(credential::OidcToken::Text)
        .or_else(|| {
            let file = text(&settings.oidc_token_file);
            file.or_else(|| variable(environment, &[OIDC_TOKEN_FILE_VARIABLE]))
                .map(credential::OidcToken::File)
        })?;
    let mut oidc =
        credential::Oidc::new(text(&settings.role_arn)?, text(&settings.oidc_provider_arn)?, token);
    oidc.session_name = Some(
        text(&settings.role_session_name)
            .or_else(|| variable(environment, &["ALIBABA_CLOUD_ROLE_SESSION_NAME"]))
            .unwrap_or_else(|| SESSION_NAME.to_owned()),
    );
    oidc.policy = text(&settings.policy);
    oidc.duration = known(&settings.session_expiration).and_then(|seconds| u32::try_from(*seconds).ok());
    Some(oidc)
}

/// The role on top of whatever key there is.
fn assume_role(config: &Config, environment: &Environment, base: Source) -> Source {
    let Some(settings) = known(&config.assume_role) else { return base };
    let Some(role_arn) = text(&settings.role_arn) else { return base };
    let mut role = credential::AssumeRole::new(base, role_arn);
    role.session_name = Some(
        text(&settings.session_name)
            .or_else(|| {
                variable(
                    environment,
                    &["ALICLOUD_ASSUME_ROLE_SESSION_NAME", "ALIBABA_CLOUD_ROLE_SESSION_NAME"],
                )
            })
            .unwrap_or_else(|| SESSION_NAME.to_owned()),
    );
    role.policy = text(&settings.policy);
    role.external_id = text(&settings.external_id);
    role.duration =
        number(&settings.session_expiration, environment, "ALICLOUD_ASSUME_ROLE_SESSION_EXPIRATION")
            .and_then(|seconds| u32::try_from(seconds).ok());
    Arc::new(role)
}

fn missing_region() -> MissingKey {
    MissingKey {
        name: "alicloud:region".to_owned(),
        description: format!(
            "the region, such as cn-hangzhou; set it with `pulumi config set alicloud:region cn-hangzhou` or one of the \
             environment variables {}",
            REGION_VARIABLES.join(", ")
        ),
    }
}

/// The parts of a key that neither a setting nor a variable gives.
fn missing_key(config: &Config, environment: &Environment) -> Vec<MissingKey> {
    let variables = key_variables(config);
    [
        ("accessKey", "the access key's id", &config.access_key, variables.access_key_variables()),
        ("secretKey", "the access key's secret", &config.secret_key, variables.secret_key_variables()),
    ]
    .into_iter()
    .filter(|(_, _, setting, variables)| text(setting).is_none() && environment.first(variables).is_none())
    .map(|(name, what, _, variables)| MissingKey {
        name: format!("alicloud:{name}"),
        description: format!(
            "{what}; set it with `pulumi config set --secret alicloud:{name}` or one of the environment variables {}; or give \
             alicloud:profile, alicloud:ecsRoleName, alicloud:credentialsUri or alicloud:assumeRoleWithOidc",
            variables.join(", ")
        ),
    })
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

fn flavour(config: &Config) -> Option<Flavour> {
    match text(&config.cloud)?.as_str() {
        "apsarastack" => Some(Flavour::ApsaraStack),
        "alibabacloudstack" => Some(Flavour::AlibabaCloudStack),
        _ => None,
    }
}

fn prefix(flavour: Flavour) -> &'static str {
    match flavour {
        Flavour::ApsaraStack => "APSARASTACK",
        Flavour::AlibabaCloudStack => "ALIBABACLOUDSTACK",
    }
}

pub(crate) fn parse_protocol(text: &str) -> Option<Protocol> {
    match text.trim().to_ascii_uppercase().as_str() {
        "HTTP" => Some(Protocol::Http),
        "HTTPS" => Some(Protocol::Https),
        _ => None,
    }
}

fn variable(environment: &Environment, names: &[&'static str]) -> Option<String> {
    environment.first(names).map(|(_, value)| value.to_owned())
}

/// A setting's text without the blanks around it; an empty one is absent.
pub(crate) fn text(setting: &Option<Input<String>>) -> Option<String> {
    known(setting).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}

/// Whether a setting is there, be it not known yet. An empty text is not.
fn is_given(setting: &Option<Input<String>>) -> bool {
    match setting {
        None => false,
        Some(Input::Unknown) => true,
        Some(Input::Known(text)) => !text.trim().is_empty(),
    }
}

fn number(setting: &Option<Input<i64>>, environment: &Environment, variable: &str) -> Option<u64> {
    match known(setting) {
        Some(number) => u64::try_from(*number).ok(),
        None => environment.variable(variable).and_then(|text| text.parse().ok()),
    }
}

fn milliseconds(setting: &Option<Input<i64>>, environment: &Environment, variable: &str) -> Option<Duration> {
    number(setting, environment, variable).filter(|ms| *ms > 0).map(Duration::from_millis)
}

fn pace(environment: &Environment) -> Pace {
    match environment.variable(PACE_VARIABLE).and_then(|text| text.parse().ok()) {
        None => Pace::cloud(),
        Some(milliseconds) => {
            let interval = Duration::from_millis(milliseconds).min(LONGEST_PACE);
            Pace { first: interval, most: interval, invisible: interval * 150, ..Pace::cloud() }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn config(settings: serde_json::Value) -> Config {
        serde_json::from_value(settings).unwrap()
    }

    fn environment(variables: &[(&'static str, &str)]) -> Environment {
        variables.iter().fold(Environment::default().with_home("/nowhere"), |all, (name, value)| {
            all.with_variable(*name, *value)
        })
    }

    /// Which source gives the key, in the words of its name.
    #[track_caller]
    fn check_source(settings: serde_json::Value, variables: &[(&'static str, &str)], expected: Option<&str>) {
        let (config, environment) = (config(settings), environment(variables));
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
        let source = credentials(&config(settings), &environment(variables), None).unwrap();
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
    fn the_region_says_where_it_comes_from() {
        let profile = r#"{"profiles":[{"name":"p","mode":"AK","access_key_id":"a","access_key_secret":"b",
            "region_id":"cn-shanghai"}]}"#;
        let with_profile =
            || environment(&KEY).with_home("/h").with_file("/h/.aliyun/config.json", profile, 0o600);
        let stack = json!({ "cloud": "apsarastack", "endpoints": [{ "ecs": "ecs.stack.local" }] });
        let public = [("ALIBABA_CLOUD_REGION", "cn-beijing")];
        for (settings, variables, named, origin) in [
            (json!({ "region": " cn-hangzhou " }), &public, true, "the setting alicloud:region"),
            (json!({}), &public, false, "the variable ALIBABA_CLOUD_REGION"),
            (stack.clone(), &[("APSARASTACK_REGION", "x")], false, "the variable APSARASTACK_REGION"),
            (stack, &public, false, "the variable ALIBABA_CLOUD_REGION"),
            (json!({ "profile": "p" }), &[("X", "")], false, "the profile \"p\""),
        ] {
            let environment =
                variables.iter().fold(with_profile(), |all, (name, value)| all.with_variable(*name, *value));
            let client = configure(&config(settings), environment).unwrap();
            assert_eq!(client.region_named, named, "{origin}");
            assert!(client.region_origin.starts_with(origin), "{}", client.region_origin);
        }
    }

    #[test]
    fn an_unknown_region_is_refused_with_its_origin() {
        let environment = environment(&KEY).with_variable("ALICLOUD_REGION", "cn-nowhere-1");
        let error = format!("{:?}", configure(&Config::default(), environment).unwrap_err());
        assert!(error.contains("the variable ALICLOUD_REGION"), "{error}");
    }

    #[test]
    fn a_role_is_assumed_on_top_of_any_key() {
        let config = config(json!({ "assumeRole": { "roleArn": "acs:ram::1:role/builder" } }));
        let base = credentials(&config, &environment(&KEY), None).unwrap();
        let name = assume_role(&config, &environment(&KEY), base).name();
        assert!(name.contains("acs:ram::1:role/builder"), "{name}");
    }

    #[test]
    fn the_region_is_the_settings_then_the_variables_then_the_profiles() {
        let profile = r#"{"current":"p","profiles":[{"name":"p","mode":"AK","access_key_id":"a","access_key_secret":"b",
            "region_id":"cn-shanghai"}]}"#;
        let environment = || {
            Environment::default().with_home("/home").with_file("/home/.aliyun/config.json", profile, 0o600)
        };
        let region = |settings, environment| {
            configure(&config(settings), environment).unwrap().api.region().to_owned()
        };
        assert_eq!(region(json!({ "profile": "p" }), environment()), "cn-shanghai");
        let variable = environment().with_variable("ALIBABA_CLOUD_REGION", "cn-beijing");
        assert_eq!(region(json!({ "profile": "p" }), variable.clone()), "cn-beijing");
        assert_eq!(region(json!({ "profile": "p", "region": "cn-hangzhou" }), variable), "cn-hangzhou");
    }

    #[test]
    fn a_region_that_is_not_known_is_refused_unless_told_otherwise() {
        let connect = |settings| configure(&config(settings), environment(&KEY));
        assert!(matches!(connect(json!({ "region": "cn-nowhere-1" })), Err(ConfigureError::Failed(_))));
        assert!(connect(json!({ "region": "cn-nowhere-1", "skipRegionValidation": true })).is_ok());
        let stack = json!({ "region": "cn-nowhere-1", "cloud": "apsarastack", "endpoints": [{ "ecs": "ecs.stack.local" }] });
        let client = connect(stack).unwrap();
        assert!(client.api.endpoint().starts_with("http://ecs.stack.local"), "{}", client.api.endpoint());
    }

    #[test]
    fn a_private_clouds_variables_come_before_the_public_ones() {
        let environment = environment(&KEY)
            .with_variable("ALIBABACLOUDSTACK_ACCESS_KEY", "stack-id")
            .with_variable("ALIBABACLOUDSTACK_SECRET_KEY", "stack-secret")
            .with_variable("ALIBABACLOUDSTACK_REGION", "cn-private-1")
            .with_variable("ALIBABACLOUDSTACK_POPGW_DOMAIN", "stack.local")
            .with_variable("ALIBABACLOUDSTACK_CENTER_REGION", "false");
        let client = configure(&config(json!({ "cloud": "alibabacloudstack" })), environment).unwrap();
        assert_eq!(client.api.region(), "cn-private-1");
        assert!(
            client.api.endpoint().contains("ecs-internal.cn-private-1.stack.local"),
            "{}",
            client.api.endpoint()
        );
    }

    #[test]
    fn debug_of_a_client_shows_no_secret() {
        let settings =
            json!({ "region": "cn-hangzhou", "accessKey": "LTAIvery-known", "secretKey": "very-secret" });
        let client = configure(&config(settings), environment(&[])).unwrap();
        let shown = format!("{client:?}");
        assert!(!shown.contains("very-secret") && !shown.contains("very-known"), "{shown}");
    }
}
