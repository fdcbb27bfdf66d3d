//! The provider's settings: what they are, what makes them wrong, and how they become a client.

use std::sync::Arc;
use std::time::Duration;

use aliyun::credential::{self, Source};
use aliyun::{Environment, Protocol, Settings};
use pulumi::path::Path;
use pulumi::value::quote;
use pulumi::{ConfigureError, Findings, Input, MissingKey, known};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::client::{Client, Pace};

/// Variables that give the region, in order.
const REGION_VARIABLES: [&str; 3] = ["ALICLOUD_REGION", "ALIBABA_CLOUD_REGION", "ALIBABA_CLOUD_REGION_ID"];
/// Says how a waiting plugin paces itself; for tests, in milliseconds.
const PACE_VARIABLE: &str = "PULUMI_ALICLOUD_POLL_MS";

/// The provider type for the alicloud package: which account, region and endpoints its resources live in. By default
/// resources use package-wide configuration settings; an explicit `Provider` instance may be passed to them instead.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Config {
    /// The id of the access key. Also read from `ALICLOUD_ACCESS_KEY`, `ALIBABA_CLOUD_ACCESS_KEY_ID` or
    /// `ALIBABACLOUD_ACCESS_KEY_ID`.
    #[schemars(extend("x-secret" = true))]
    pub(crate) access_key: Option<Input<String>>,

    /// A RAM role to assume with the key.
    pub(crate) assume_role: Option<Input<ProviderAssumeRole>>,

    /// The longest time to wait for a connection, in milliseconds. Default: 8000.
    #[schemars(range(min = 1))]
    pub(crate) client_connect_timeout: Option<Input<i64>>,

    /// The longest time for one attempt at a call, in milliseconds. Default: 10000 to 38000, depending on the action.
    #[schemars(range(min = 1))]
    pub(crate) client_read_timeout: Option<Input<i64>>,

    /// Added to the `User-Agent` of every call, so that audits see what they were made for; at most 1024 characters.
    #[schemars(length(max = 1024))]
    pub(crate) configuration_source: Option<Input<String>>,

    /// Endpoints other than the region's own.
    pub(crate) endpoints: Option<Input<Vec<Input<ProviderEndpoint>>>>,

    /// The longest time for one call with all its repetitions, in seconds; 0 means as long as the operation may take.
    #[schemars(range(min = 0))]
    pub(crate) max_retry_timeout: Option<Input<i64>>,

    /// `HTTP` or `HTTPS`, for endpoints that do not say. Default: `HTTPS`.
    pub(crate) protocol: Option<Input<String>>,

    /// The region, such as `cn-hangzhou`. Also read from `ALICLOUD_REGION` or `ALIBABA_CLOUD_REGION`.
    #[schemars(extend("x-environment" = ["ALICLOUD_REGION", "ALIBABA_CLOUD_REGION"], "x-replace" = true))]
    pub(crate) region: Option<Input<String>>,

    /// The secret of the access key. Also read from `ALICLOUD_SECRET_KEY`, `ALIBABA_CLOUD_ACCESS_KEY_SECRET` or
    /// `ALIBABACLOUD_ACCESS_KEY_SECRET`.
    #[schemars(extend("x-secret" = true))]
    pub(crate) secret_key: Option<Input<String>>,

    /// The token of a temporary key. Also read from `ALICLOUD_SECURITY_TOKEN`, `ALIBABA_CLOUD_SECURITY_TOKEN` or
    /// `ALIBABACLOUD_SECURITY_TOKEN`.
    #[schemars(extend("x-secret" = true))]
    pub(crate) security_token: Option<Input<String>>,

    /// Accepts a region that this version does not know. Default: `false`.
    pub(crate) skip_region_validation: Option<Input<bool>>,
}

/// A RAM role to assume.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-token" = "alicloud:index/ProviderAssumeRole:ProviderAssumeRole", "required" = ["roleArn"]))]
pub(crate) struct ProviderAssumeRole {
    /// The identifier that a role of another account may demand.
    #[schemars(length(min = 2, max = 1224))]
    pub(crate) external_id: Option<Input<String>>,

    /// A RAM policy that narrows what the role allows.
    #[schemars(length(min = 1, max = 2048))]
    pub(crate) policy: Option<Input<String>>,

    /// The role's ARN: `acs:ram::<account>:role/<name>`.
    pub(crate) role_arn: Option<Input<String>>,

    /// How long the role's temporary key lives, 900 to 43200 seconds; it is renewed in time. Default: 3600.
    #[schemars(range(min = 900, max = 43200))]
    pub(crate) session_expiration: Option<Input<i64>>,

    /// The session's name in audits, 2 to 64 letters, digits, `.`, `@`, `-` or `_`. Default: `pulumi`.
    #[schemars(length(min = 2, max = 64))]
    pub(crate) session_name: Option<Input<String>>,
}

/// Hosts other than the region's own, for each product.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-token" = "alicloud:index/ProviderEndpoint:ProviderEndpoint"))]
pub(crate) struct ProviderEndpoint {
    /// The ECS endpoint: host, `host:port`, or `http(s)://host[:port]`. Also read from `ALIBABA_CLOUD_ENDPOINT_ECS` or
    /// `ECS_ENDPOINT`.
    pub(crate) ecs: Option<Input<String>>,

    /// The STS endpoint, in the same forms. Also read from `ALIBABA_CLOUD_ENDPOINT_STS` or `STS_ENDPOINT`.
    pub(crate) sts: Option<Input<String>>,
}

/// The rules that the types do not say.
pub(crate) fn check(config: &Config, findings: &mut Findings) {
    if let Some(protocol) = known(&config.protocol)
        && parse_protocol(protocol).is_none()
    {
        findings.fail(
            Path::property("protocol"),
            format!("must be \"HTTP\" or \"HTTPS\", got {}", quote(protocol)),
        );
    }
    let skip = known(&config.skip_region_validation).copied().unwrap_or(false);
    if let Some(region) = known(&config.region).filter(|region| !skip && !region.is_empty())
        && let Err(error) = aliyun::endpoint::validate_region(region)
    {
        findings.fail(Path::property("region"), pulumi::chain(&error));
    }
    for (index, endpoint) in known(&config.endpoints).into_iter().flatten().enumerate() {
        let Some(endpoint) = endpoint.known() else { continue };
        for (product, host) in [("ecs", &endpoint.ecs), ("sts", &endpoint.sts)] {
            if let Some(host) = known(host).filter(|host| !host.trim().is_empty())
                && let Err(error) = endpoint_works(host)
            {
                findings.fail(Path::property("endpoints").index(index).key(product), pulumi::chain(&error));
            }
        }
    }
    if known(&config.access_key).is_some() != known(&config.secret_key).is_some()
        && config.access_key.as_ref().is_none_or(|value| value.known().is_some())
        && config.secret_key.as_ref().is_none_or(|value| value.known().is_some())
    {
        let (given, absent) =
            if config.access_key.is_some() { ("accessKey", "secretKey") } else { ("secretKey", "accessKey") };
        findings.fail(Path::property(absent), format!("is required where {given} is given"));
    }
}

/// The client takes any endpoint apart when it is made, and reaches nothing then.
fn endpoint_works(endpoint: &str) -> Result<(), aliyun::Error> {
    let nobody = credential::Fixed::new("none", "none", None, "nothing");
    let mut settings = Settings::new("cn-hangzhou", Arc::new(nobody));
    settings.environment = Environment::default();
    settings.endpoint = Some(endpoint.to_owned());
    aliyun::Client::new(settings).map(drop)
}

/// The client for these settings.
pub(crate) fn configure(config: Config) -> Result<Client, ConfigureError> {
    let environment = Environment::from_process();
    let failed = |error: aliyun::Error| ConfigureError::Failed(crate::failure::cloud(error));
    let mut missing = Vec::new();

    let region = text(&config.region)
        .or_else(|| environment.first(&REGION_VARIABLES).map(|(_, region)| region.to_owned()));
    if region.is_none() {
        missing.push(MissingKey {
            name: "alicloud:region".to_owned(),
            description: format!(
                "the region, such as cn-hangzhou; set it with `pulumi config set alicloud:region cn-hangzhou` or one of the \
                 environment variables {}",
                REGION_VARIABLES[..2].join(", ")
            ),
        });
    }
    let credentials = credentials(&config, &environment);
    if credentials.is_none() {
        for (name, what, variables) in [
            ("accessKey", "the access key's id", credential::ACCESS_KEY_VARIABLES),
            ("secretKey", "the access key's secret", credential::SECRET_KEY_VARIABLES),
        ] {
            missing.push(MissingKey {
                name: format!("alicloud:{name}"),
                description: format!(
                    "{what}; set it with `pulumi config set --secret alicloud:{name}` or one of the environment variables {}",
                    variables.join(", ")
                ),
            });
        }
    }
    let (Some(region), Some(credentials)) = (region, credentials) else {
        return Err(ConfigureError::Missing(missing));
    };
    if !known(&config.skip_region_validation).copied().unwrap_or(false) {
        aliyun::endpoint::validate_region(&region).map_err(failed)?;
    }

    let mut settings = Settings::new(region, credentials);
    for endpoint in known(&config.endpoints).into_iter().flatten().filter_map(Input::known) {
        settings.endpoint = text(&endpoint.ecs).or(settings.endpoint);
        settings.sts_endpoint = text(&endpoint.sts).or(settings.sts_endpoint);
    }
    if let Some(protocol) = text(&config.protocol).as_deref().and_then(parse_protocol) {
        settings.protocol = protocol;
    }
    settings.connect_timeout = milliseconds(&config.client_connect_timeout);
    settings.read_timeout = milliseconds(&config.client_read_timeout);
    settings.max_retry_timeout = known(&config.max_retry_timeout)
        .and_then(|seconds| u64::try_from(*seconds).ok())
        .filter(|seconds| *seconds > 0)
        .map(Duration::from_secs);
    settings.user_agent = text(&config.configuration_source);
    let pace = pace(&environment);
    let api = aliyun::Client::new(settings).map_err(failed)?;
    Ok(Client { api, every_status: "ALL", pace })
}

fn credentials(config: &Config, environment: &Environment) -> Option<Source> {
    if let (Some(id), Some(secret)) = (text(&config.access_key), text(&config.secret_key)) {
        let token = text(&config.security_token);
        let fixed = credential::Fixed::new(id, secret, token, "the settings accessKey and secretKey");
        return Some(Arc::new(fixed));
    }
    let set = credential::ACCESS_KEY_VARIABLES.iter().chain(credential::SECRET_KEY_VARIABLES);
    if environment.first(&set.copied().collect::<Vec<_>>()).is_some() {
        return Some(Arc::new(credential::EnvironmentVariables));
    }
    None
}

/// A setting's text without the blanks around it; an empty one is absent.
fn text(setting: &Option<Input<String>>) -> Option<String> {
    known(setting).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}

fn milliseconds(setting: &Option<Input<i64>>) -> Option<Duration> {
    known(setting).and_then(|ms| u64::try_from(*ms).ok()).map(Duration::from_millis)
}

fn parse_protocol(text: &str) -> Option<Protocol> {
    match text.to_ascii_uppercase().as_str() {
        "HTTP" => Some(Protocol::Http),
        "HTTPS" => Some(Protocol::Https),
        _ => None,
    }
}

fn pace(environment: &Environment) -> Pace {
    match environment.variable(PACE_VARIABLE).and_then(|text| text.parse().ok()) {
        None => Pace::CLOUD,
        Some(milliseconds) => {
            let interval = Duration::from_millis(milliseconds);
            Pace { first: interval, most: interval, unseen: Pace::CLOUD.unseen }
        }
    }
}
