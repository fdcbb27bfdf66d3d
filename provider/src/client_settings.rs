//! From settings to a client: what makes them wrong, which region, which endpoints, which cloud. Reads variables and files,
//! reaches no network.

use std::path::PathBuf;
use std::time::Duration;

use aliyun::credential::{Profile, Provide as _};
use aliyun::{Environment, Protocol, Proxy, Settings, SignVersion, StackSettings};
use pulumi::path::Path;
use pulumi::value::quote;
use pulumi::{Asked, ConfigureError, Failure, Findings, Input, Pace, known};

use crate::client::{Client, Patience, cloud_pace};
use crate::config::{Config, ProviderEndpoint, REGION, first_variable, flavour, is_public, text};
use crate::ecs::images::account::Account;
use crate::ecs::images::looks::Looks;
use crate::ecs::images::share_changes::ShareChanges;
use crate::ecs::images::shares::Shares;
use crate::failure;
use crate::key_source::{self, Missing, assume_role, credentials, missing_key, profile};

/// Says how often a waiting plugin looks, in milliseconds; for tests.
const PACE_VARIABLE: &str = "PULUMI_ALICLOUD_POLL_MS";
/// And no longer than this apart.
const LONGEST_PACE: Duration = Duration::from_secs(3_600);

/// Notes what the types do not say and [`configure`] refuses. Of settings that are not known yet nothing is said.
pub(crate) fn check(config: &Config, environment: &Environment, findings: &mut Findings) {
    for (path, reason) in refusals(config, environment) {
        findings.fail(path, reason);
    }
    // Configure names it among the settings that are missing.
    let unknown_cloud = matches!(config.cloud, Some(Input::Unknown));
    if let Some((given, missing)) = key_source::half_key(config, environment).filter(|_| !unknown_cloud) {
        findings.fail(Path::property(missing), format!("is required if {given} is given"));
    }
}

/// What is wrong, setting by setting, in this environment.
pub(crate) fn refusals(config: &Config, environment: &Environment) -> Vec<(Path, String)> {
    let mut refusals = Vec::new();
    if let Some(protocol) = text(&config.protocol)
        && parse_protocol(&protocol).is_none()
    {
        let reason = format!("must be \"HTTP\" or \"HTTPS\", got {}", quote(&protocol));
        refusals.push((Path::property("protocol"), reason));
    }
    let undecided = matches!(config.cloud, Some(Input::Unknown))
        || matches!(config.skip_region_validation, Some(Input::Unknown));
    if let Some(region) = text(&config.region)
        && !undecided
        && !skips_region_validation(config)
        && let Err(error) = aliyun::endpoint::validate_region(&region)
    {
        refusals.push((Path::property("region"), pulumi::chain(&error)));
    }
    for (index, endpoint) in known(&config.endpoints).into_iter().flatten().enumerate() {
        let Some(endpoint) = endpoint.known() else { continue };
        let hosts = [
            ("ascm", &endpoint.ascm),
            ("ecs", &endpoint.ecs),
            ("oss", &endpoint.oss),
            ("sts", &endpoint.sts),
        ];
        for (product, host) in hosts {
            if let Some(host) = text(host)
                && let Err(error) = aliyun::endpoint::validate_endpoint(&host)
            {
                let path = Path::property("endpoints").index(index).key(product);
                refusals.push((path, pulumi::chain(&error)));
            }
        }
    }
    if let Some(proxy) = text(&config.proxy)
        && let Err(error) = aliyun::Proxy::Url(proxy).validate()
    {
        refusals.push((Path::property("proxy"), pulumi::chain(&error)));
    }
    if key_source::lacks_oidc_token(config, environment) {
        refusals.push((
            Path::property("assumeRoleWithOidc").key("oidcToken"),
            "give oidcToken or oidcTokenFile, or set ALIBABA_CLOUD_OIDC_TOKEN or ALIBABA_CLOUD_OIDC_TOKEN_FILE"
                .to_owned(),
        ));
    }
    refusals
}

/// The client for these settings, which have what variables give, in this environment.
pub(crate) fn configure(
    config: &Config,
    asked: &Asked,
    environment: Environment,
) -> Result<Client, ConfigureError> {
    let failed = |error: aliyun::Error| ConfigureError::Failed(failure::cloud(error));
    let refusals = refusals(config, &environment);
    if !refusals.is_empty() {
        let lines: Vec<String> =
            refusals.iter().map(|(path, reason)| format!("alicloud:{path}: {reason}")).collect();
        return Err(ConfigureError::Failed(Failure::Refused(lines.join("\n"))));
    }
    let profile = profile(config, &environment);
    let region = region(config, asked, &environment, profile.as_ref()).map_err(failed)?;
    let credentials = credentials(config, &environment, profile);
    let mut missing = Vec::new();
    if region.is_none() {
        missing.push(missing_region());
    }
    if credentials.is_none() {
        missing.extend(missing_key(config, &environment));
    }
    let (Some(region), Some(credentials)) = (region, credentials) else {
        return Err(lacks(asked, &missing));
    };

    // Without `..`, so that a setting that nobody reads does not compile.
    let Config {
        // Where the key comes from: `key_source.rs`.
        access_key: _,
        secret_key: _,
        security_token: _,
        profile: _,
        shared_credentials_file: _,
        credentials_uri: _,
        ecs_role_name: _,
        assume_role: _,
        assume_role_with_oidc: _,
        // Which region, and which cloud: `region`, `skips_region_validation` and `flavour`.
        region: _,
        skip_region_validation: _,
        cloud: _,
        // Accepted, and without effect.
        account_id: _,
        account_type: _,
        fc: _,
        features: _,
        log_endpoint: _,
        mns_endpoint: _,
        ots_instance_name: _,
        ca_file,
        client_connect_timeout,
        client_read_timeout,
        configuration_source,
        department,
        domain,
        endpoints,
        force_use_asapi,
        insecure,
        is_center_region,
        max_retry_timeout,
        organization_id,
        popgw_domain,
        protocol,
        proxy,
        resource_group,
        resource_group_set_name,
        secure_transport,
        security_transport,
        send_access_key_secret,
        sign_version,
        source_ip,
        vpc_endpoints,
    } = config;
    let flavour = flavour(config);
    if !skips_region_validation(config) {
        aliyun::endpoint::validate_region(&region.name).map_err(|error| {
            let reason = format!("{}: {}", region.origin, pulumi::chain(&error));
            ConfigureError::Failed(Failure::Refused(reason))
        })?;
    }

    let mut settings = Settings::new(region.name, assume_role(config, &environment, credentials));
    let mut ascm_endpoint = None;
    for endpoint in known(endpoints).into_iter().flatten().filter_map(Input::known) {
        let ProviderEndpoint { ascm, ecs, oss, sts } = endpoint;
        settings.endpoint = text(ecs).or(settings.endpoint);
        settings.oss_endpoint = text(oss).or(settings.oss_endpoint);
        settings.sts_endpoint = text(sts).or(settings.sts_endpoint);
        ascm_endpoint = text(ascm).or(ascm_endpoint);
    }
    settings.protocol = match text(protocol).as_deref().and_then(parse_protocol) {
        Some(protocol) => protocol,
        None if flavour.is_some() => Protocol::Http,
        None => Protocol::Https,
    };
    settings.vpc = is_on(vpc_endpoints);
    settings.connect_timeout = limit(client_connect_timeout).map(Duration::from_millis);
    settings.read_timeout = limit(client_read_timeout).map(Duration::from_millis);
    settings.max_retry_timeout = limit(max_retry_timeout).map(Duration::from_secs);
    settings.user_agent = text(configuration_source);
    settings.source_ip = text(source_ip);
    settings.secure_transport = text(secure_transport).or_else(|| text(security_transport));
    if let Some(proxy) = text(proxy) {
        settings.proxy = Proxy::Url(proxy);
    }
    settings.ca_file = text(ca_file).map(PathBuf::from);
    if known(sign_version).and_then(|versions| known(&versions.ecs)).is_some_and(|version| version == "v1") {
        settings.sign_version = SignVersion::V1;
    }
    if let Some(flavour) = flavour {
        settings.insecure = is_on(insecure);
        settings.stack = Some(StackSettings {
            department: text(department),
            resource_group: text(resource_group),
            resource_group_set: text(resource_group_set_name),
            organization_id: text(organization_id),
            ascm_endpoint,
            domain: text(domain),
            popgw_domain: text(popgw_domain),
            center_region: known(is_center_region).copied().unwrap_or(true),
            force_asapi: is_on(force_use_asapi),
            send_secret: is_on(send_access_key_secret),
            ..StackSettings::new(flavour)
        });
    }
    let (pace, patience) = pace(&environment);
    settings.environment = environment;
    let api = aliyun::Client::new(settings).map_err(failed)?;

    Ok(Client {
        pace,
        patience,
        looks: Looks::new(api.clone()),
        shares: Shares::new(api.clone()),
        share_changes: ShareChanges::new(api.clone()),
        region_named: region.named,
        any_region: skips_region_validation(config),
        region_origin: region.origin,
        explicit: asked.explicit().map(str::to_owned),
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
    asked: &Asked,
    environment: &Environment,
    profile: Option<&Profile>,
) -> Result<Option<Region>, aliyun::Error> {
    if let Some(name) = text(&config.region) {
        let origin = match asked.explicit() {
            Some(provider) => format!("the argument region of the provider {}", quote(provider)),
            None => "the setting alicloud:region".to_owned(),
        };
        return Ok(Some(Region { name, named: true, origin }));
    }
    if let Some((variable, name)) = first_variable(config, environment, REGION) {
        return Ok(Some(Region { name, named: false, origin: format!("the variable {variable}") }));
    }
    let Some(profile) = profile else { return Ok(None) };
    let name = profile.region(environment)?;
    Ok(name.map(|name| Region { name, named: false, origin: profile.name() }))
}

/// Whether a region is taken that this version does not know.
fn skips_region_validation(config: &Config) -> bool {
    known(&config.skip_region_validation).copied().unwrap_or_else(|| flavour(config).is_some())
}

fn missing_region() -> Missing {
    Missing {
        name: "region",
        what: "the region, such as cn-hangzhou",
        command: "pulumi config set alicloud:region cn-hangzhou",
        variables: REGION.iter().copied().filter(|variable| is_public(variable)).collect(),
        instead: &[],
    }
}

/// What the provider cannot do without. The stack's settings are those of providers that the engine makes.
fn lacks(asked: &Asked, missing: &[Missing]) -> ConfigureError {
    let Some(provider) = asked.explicit() else {
        return ConfigureError::Missing(missing.iter().map(Missing::of_stack).collect());
    };
    let arguments: Vec<String> = missing.iter().map(Missing::of_provider).collect();
    ConfigureError::Failed(Failure::Refused(format!(
        "The provider {} lacks arguments, and as the program makes it, the stack's `alicloud:` settings are none of its \
         own:\n{}",
        quote(provider),
        arguments.join("\n")
    )))
}

pub(crate) fn parse_protocol(text: &str) -> Option<Protocol> {
    match text.trim().to_ascii_uppercase().as_str() {
        "HTTP" => Some(Protocol::Http),
        "HTTPS" => Some(Protocol::Https),
        _ => None,
    }
}

fn is_on(setting: &Option<Input<bool>>) -> bool {
    known(setting).copied().unwrap_or(false)
}

/// A limit of so many units; 0 is none.
fn limit(setting: &Option<Input<i64>>) -> Option<u64> {
    known(setting).and_then(|limit| u64::try_from(*limit).ok()).filter(|limit| *limit > 0)
}

fn pace(environment: &Environment) -> (Pace, Patience) {
    match environment.variable(PACE_VARIABLE).and_then(|text| text.parse().ok()) {
        None => (cloud_pace(), Patience::default()),
        Some(milliseconds) => {
            let interval = Duration::from_millis(milliseconds).min(LONGEST_PACE);
            let patience = Patience { again: interval, invisible: interval * 150, ..Patience::default() };
            (Pace::new(interval, interval), patience)
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;
    use crate::config::variable;

    /// The settings as they arrive in this environment.
    fn config(settings: Json, environment: &Environment) -> Config {
        pulumi::testing::settings(settings, |given, name| variable(given, environment, name)).unwrap()
    }

    fn connect(settings: Json, environment: Environment) -> Result<Client, ConfigureError> {
        configure(&config(settings, &environment), &Asked::default(), environment)
    }

    fn environment(variables: &[(&'static str, &str)]) -> Environment {
        variables.iter().fold(Environment::default().with_home("/nowhere"), |all, (name, value)| {
            all.with_variable(*name, *value)
        })
    }

    const KEY: [(&str, &str); 2] = [("ALICLOUD_ACCESS_KEY", "id"), ("ALICLOUD_SECRET_KEY", "secret")];

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
            let client = connect(settings, environment).unwrap();
            assert_eq!(client.region_named, named, "{origin}");
            assert!(client.region_origin.starts_with(origin), "{}", client.region_origin);
        }
    }

    #[test]
    fn who_is_to_name_another_region_is_who_gives_the_provider_its_settings() {
        let said = |provider: &str, settings: Json| {
            let environment = environment(&KEY).with_variable("ALICLOUD_REGION", "cn-beijing");
            let asked = Asked { provider: provider.to_owned(), version: None };
            let client = configure(&config(settings, &environment), &asked, environment).unwrap();
            let elsewhere = client.check_region("m-1", Some("cn-shanghai")).unwrap_err().to_string();
            (elsewhere, client.prove_absence("m-1", None).map_err(|failure| failure.to_string()))
        };
        let (elsewhere, absent) = said("default_0_1_0", json!({ "region": "cn-hangzhou" }));
        let goes_on = "To go on with this image: pulumi config set alicloud:region cn-shanghai, and";
        assert!(elsewhere.contains("cn-hangzhou (from the setting alicloud:region)"), "{elsewhere}");
        assert!(elsewhere.contains(goes_on), "{elsewhere}");
        assert_eq!(absent, Ok(()));

        let (elsewhere, _) = said("images", json!({ "region": "cn-hangzhou" }));
        let from = "cn-hangzhou (from the argument region of the provider \"images\")";
        let gives = "give the provider \"images\" the argument region:";
        assert!(elsewhere.contains(from), "{elsewhere}");
        assert!(elsewhere.contains(&format!("this image: {gives} \"cn-shanghai\", and")), "{elsewhere}");

        let (elsewhere, absent) = said("images", json!({}));
        assert!(elsewhere.contains("cn-beijing (from the variable ALICLOUD_REGION)"), "{elsewhere}");
        let absent = absent.unwrap_err();
        assert!(absent.contains(&format!("name the region: {gives} \"cn-beijing\", and")), "{absent}");
        assert!(!absent.contains("alicloud:region"), "{absent}");
    }

    #[test]
    fn what_is_missing_is_to_be_given_to_the_provider_that_lacks_it() {
        let said = |provider: &str, settings: Json| {
            let environment = environment(&[]);
            let asked = Asked { provider: provider.to_owned(), version: None };
            format!("{:?}", configure(&config(settings, &environment), &asked, environment).unwrap_err())
        };
        for engines in ["", "default", "default_0_1_0"] {
            let said = said(engines, json!({}));
            assert!(said.contains("pulumi config set alicloud:region cn-hangzhou"), "{said}");
            assert!(said.contains("pulumi config set --secret alicloud:accessKey"), "{said}");
        }
        let said = said("images", json!({ "region": "cn-hangzhou", "accessKey": "LTAI" }));
        for part in
            ["The provider \\\"images\\\"", "argument `secretKey`", "ALICLOUD_SECRET_KEY", "`ecsRoleName`"]
        {
            assert!(said.contains(part), "{part} in {said}");
        }
        for other in ["pulumi config", "alicloud:s", "`region`", "`accessKey`", "Missing"] {
            assert!(!said.contains(other), "{other} in {said}");
        }
    }

    #[test]
    fn an_unknown_region_is_refused_with_its_origin() {
        let environment = environment(&KEY).with_variable("ALICLOUD_REGION", "cn-nowhere-1");
        let error = format!("{:?}", connect(json!({}), environment).unwrap_err());
        assert!(error.contains("the variable ALICLOUD_REGION"), "{error}");
    }

    #[test]
    fn the_region_is_the_settings_then_the_variables_then_the_profiles() {
        let profile = r#"{"current":"p","profiles":[{"name":"p","mode":"AK","access_key_id":"a","access_key_secret":"b",
            "region_id":"cn-shanghai"}]}"#;
        let environment = || {
            Environment::default().with_home("/home").with_file("/home/.aliyun/config.json", profile, 0o600)
        };
        let region = |settings, environment| connect(settings, environment).unwrap().api.region().to_owned();
        assert_eq!(region(json!({ "profile": "p" }), environment()), "cn-shanghai");
        let variable = environment().with_variable("ALIBABA_CLOUD_REGION", "cn-beijing");
        assert_eq!(region(json!({ "profile": "p" }), variable.clone()), "cn-beijing");
        assert_eq!(region(json!({ "profile": "p", "region": "cn-hangzhou" }), variable), "cn-hangzhou");
    }

    #[test]
    fn a_region_that_is_not_known_is_refused_unless_told_otherwise() {
        let connect = |settings| connect(settings, environment(&KEY));
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
        let client = connect(json!({ "cloud": "alibabacloudstack" }), environment).unwrap();
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
        let client = connect(settings, environment(&[])).unwrap();
        let shown = format!("{client:?}");
        assert!(!shown.contains("very-secret") && !shown.contains("very-known"), "{shown}");
    }

    fn findings(settings: &Json, environment: &Environment) -> Vec<String> {
        let mut findings = Findings::default();
        check(&config(settings.clone(), environment), environment, &mut findings);
        findings.failures.iter().map(|failure| format!("{}: {}", failure.path, failure.reason)).collect()
    }

    fn environments() -> Vec<Environment> {
        let none = Environment::default();
        let key = none
            .clone()
            .with_variable("ALICLOUD_ACCESS_KEY", "id")
            .with_variable("ALICLOUD_SECRET_KEY", "secret");
        vec![
            none.clone(),
            key.clone(),
            key.with_variable("ALICLOUD_SKIP_REGION_VALIDATION", "true"),
            none.clone()
                .with_variable("APSARASTACK_SECRET_KEY", "secret")
                .with_variable("APSARASTACK_DOMAIN", "stack.local"),
            none.clone()
                .with_variable("APSARASTACK_PROTOCOL", "gopher")
                .with_variable("ECS_ENDPOINT", "e.local"),
            none.clone().with_variable("ALIBABA_CLOUD_OIDC_TOKEN", "token"),
            none.with_variable("ALICLOUD_ECS_ROLE_NAME", "role"),
        ]
    }

    #[test]
    fn configure_refuses_whatever_check_config_refuses() {
        let oidc = json!({ "roleArn": "acs:ram::1:role/r", "oidcProviderArn": "acs:ram::1:oidc-provider/p" });
        let settings = [
            json!({}),
            json!({ "region": " cn-hangzhou\n" }),
            json!({ "region": "cn-nowhere-1" }),
            json!({ "region": "cn-nowhere-1", "skipRegionValidation": true }),
            json!({ "protocol": "" }),
            json!({ "protocol": " http " }),
            json!({ "protocol": "gopher" }),
            json!({ "proxy": " " }),
            json!({ "proxy": "gopher://proxy" }),
            json!({ "endpoints": [{ "ecs": " " }] }),
            json!({ "endpoints": [{ "ecs": "a b" }, { "ecs": "ecs.local" }] }),
            json!({ "endpoints": [{ "ascm": "a b" }] }),
            json!({ "endpoints": [{ "sts": "a b" }] }),
            json!({ "accessKey": "a" }),
            json!({ "accessKey": "a", "secretKey": "" }),
            json!({ "accessKey": "", "secretKey": "s" }),
            json!({ "accessKey": "a", "secretKey": "s" }),
            json!({ "assumeRoleWithOidc": oidc }),
            json!({ "assumeRoleWithOidc": oidc, "accessKey": "a", "secretKey": "s" }),
        ];
        let mut refused = 0;
        for settings in settings {
            for cloud in ["alibabacloud", "apsarastack", "alibabacloudstack"] {
                for environment in environments() {
                    let mut settings = settings.clone();
                    settings["cloud"] = cloud.into();
                    if settings.get("region").is_none() {
                        settings["region"] = "cn-hangzhou".into();
                    }
                    let findings = findings(&settings, &environment);
                    let configured = connect(settings.clone(), environment.clone());
                    if !findings.is_empty() {
                        refused += 1;
                        assert!(configured.is_err(), "{settings} in {environment:?}: {findings:?}");
                    }
                }
            }
        }
        assert!(refused > 50, "{refused}");
    }

    #[track_caller]
    fn check_fine(settings: Json, variables: &[(&str, &str)]) {
        let environment = variables
            .iter()
            .fold(Environment::default(), |all, (name, value)| all.with_variable(*name, *value));
        assert_eq!(findings(&settings, &environment), [""; 0], "{settings}");
    }

    #[test]
    fn check_config_takes_what_configure_takes() {
        check_fine(json!({ "region": " cn-hangzhou " }), &[]);
        check_fine(json!({ "region": "cn-nowhere-1" }), &[("ALICLOUD_SKIP_REGION_VALIDATION", "1")]);
        check_fine(json!({ "protocol": "" }), &[]);
        check_fine(json!({ "accessKey": "a", "cloud": "apsarastack" }), &[("APSARASTACK_SECRET_KEY", "s")]);
        check_fine(json!({ "accessKey": "a" }), &[("ALIBABACLOUD_ACCESS_KEY_SECRET", "s")]);
        check_fine(json!({ "accessKey": "", "secretKey": " " }), &[]);
        let oidc = json!({ "roleArn": "acs:ram::1:role/r", "oidcProviderArn": "acs:ram::1:oidc-provider/p" });
        check_fine(json!({ "assumeRoleWithOidc": oidc, "profile": "p" }), &[]);
        check_fine(json!({ "assumeRoleWithOidc": oidc }), &[("ALICLOUD_ECS_ROLE_NAME", "role")]);
    }

    #[test]
    fn a_stacks_variables_count_only_on_that_stack() {
        let environment = Environment::default()
            .with_variable("APSARASTACK_SECRET_KEY", "s")
            .with_variable("APSARASTACK_PROTOCOL", "gopher");
        let found = findings(&json!({ "accessKey": "a" }), &environment);
        assert_eq!(found, ["secretKey: is required if accessKey is given"]);
        let found = findings(&json!({ "accessKey": "a", "cloud": "apsarastack" }), &environment);
        assert_eq!(found, ["protocol: must be \"HTTP\" or \"HTTPS\", got \"gopher\""]);
    }

    #[test]
    fn of_settings_that_are_not_known_yet_nothing_is_said() {
        let unknown = || Some(Input::Unknown);
        let known = |text: &str| Some(Input::Known(text.to_owned()));
        let region = known("cn-nowhere-1");
        for config in [
            Config { cloud: unknown(), region: region.clone(), access_key: known("a"), ..Config::default() },
            Config { skip_region_validation: Some(Input::Unknown), region, ..Config::default() },
            Config { access_key: unknown(), ..Config::default() },
            Config { access_key: known("a"), secret_key: unknown(), ..Config::default() },
        ] {
            let mut findings = Findings::default();
            check(&config, &Environment::default(), &mut findings);
            assert!(findings.failures.is_empty(), "{:?}", findings.failures);
        }
    }
}
