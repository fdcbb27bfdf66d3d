//! The provider's settings: what they are. What makes them wrong and how they become a client is in `client_settings.rs`.

use aliyun::{Environment, Flavour};
use pulumi::{Input, known};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

// The variables of settings that are read in `client_settings.rs` and `key_source.rs`, because it matters which one gives
// the value: messages name it, and the parts of a key belong together. The fields say `x-read-by-provider`.

pub(crate) const REGION: &[&str] =
    &["APSARASTACK_REGION", "ALIBABACLOUDSTACK_REGION", "ALICLOUD_REGION", "ALIBABA_CLOUD_REGION"];
pub(crate) const PROFILE: &[&str] =
    &["APSARASTACK_PROFILE", "ALIBABACLOUDSTACK_PROFILE", "ALICLOUD_PROFILE", "ALIBABA_CLOUD_PROFILE"];
pub(crate) const CREDENTIALS_URI: &[&str] = &["ALICLOUD_CREDENTIALS_URI", "ALIBABA_CLOUD_CREDENTIALS_URI"];
pub(crate) const OIDC_TOKEN: &[&str] = &["ALIBABA_CLOUD_OIDC_TOKEN"];
pub(crate) const OIDC_TOKEN_FILE: &[&str] = &["ALIBABA_CLOUD_OIDC_TOKEN_FILE"];
pub(crate) const OIDC_SESSION_NAME: &[&str] = &["ALIBABA_CLOUD_ROLE_SESSION_NAME"];
pub(crate) const ROLE_SESSION_NAME: &[&str] =
    &["ALICLOUD_ASSUME_ROLE_SESSION_NAME", "ALIBABA_CLOUD_ROLE_SESSION_NAME"];
pub(crate) const ROLE_SESSION_EXPIRATION: &[&str] = &["ALICLOUD_ASSUME_ROLE_SESSION_EXPIRATION"];

// No `Debug` on types that hold secrets.

/// The provider type for the alicloud package: which account, region and endpoints its resources live in. By default
/// resources use package-wide configuration settings; an explicit `Provider` instance may be passed to them instead.
#[derive(Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Config {
    /// The id of the access key.
    #[schemars(extend(
        "x-secret" = true,
        "x-variables" = [
            "APSARASTACK_ACCESS_KEY", "ALIBABACLOUDSTACK_ACCESS_KEY", "ALICLOUD_ACCESS_KEY",
            "ALIBABA_CLOUD_ACCESS_KEY_ID", "ALIBABACLOUD_ACCESS_KEY_ID"
        ],
        "x-read-by-provider" = true
    ))]
    pub(crate) access_key: Option<Input<String>>,

    /// The account's id. Accepted, and not needed for images.
    #[schemars(extend("x-unused" = "has no effect on images: nothing here depends on the account's id"))]
    pub(crate) account_id: Option<Input<String>>,

    /// `Domestic` or `International`. Accepted, and not needed for images.
    #[schemars(extend("x-unused" = "has no effect on images: nothing here depends on the account's type"))]
    pub(crate) account_type: Option<Input<String>>,

    /// A RAM role to assume with the key that the other settings give.
    pub(crate) assume_role: Option<Input<ProviderAssumeRole>>,

    /// A RAM role to assume with the token of an OpenID Connect provider, without any key.
    pub(crate) assume_role_with_oidc: Option<Input<ProviderAssumeRoleWithOidc>>,

    /// A PEM file with certificate authorities to trust beside the system's own.
    pub(crate) ca_file: Option<Input<String>>,

    /// The longest time to wait for a connection, in milliseconds. Default: 8000.
    #[schemars(range(min = 1), extend("x-variables" = ["CLIENT_CONNECT_TIMEOUT"]))]
    pub(crate) client_connect_timeout: Option<Input<i64>>,

    /// The longest time for one attempt at a call, in milliseconds. Default: 10000 to 60000, depending on the action.
    #[schemars(range(min = 1), extend("x-variables" = ["CLIENT_READ_TIMEOUT"]))]
    pub(crate) client_read_timeout: Option<Input<i64>>,

    /// Which cloud: `alibabacloud`, the public one and the default, `apsarastack` or `alibabacloudstack`. Variables that
    /// begin with `APSARASTACK_` or `ALIBABACLOUDSTACK_` count only on that stack.
    #[schemars(extend("enum" = ["alibabacloud", "apsarastack", "alibabacloudstack"], "x-replace" = true))]
    pub(crate) cloud: Option<Input<String>>,

    /// Added to the `User-Agent` of every call, so that audits see what they were made for; at most 1024 characters.
    #[schemars(length(max = 1024), extend("x-variables" = ["TF_APPEND_USER_AGENT"]))]
    pub(crate) configuration_source: Option<Input<String>>,

    /// An address that answers with a temporary key.
    #[schemars(extend("x-variables" = CREDENTIALS_URI, "x-read-by-provider" = true))]
    pub(crate) credentials_uri: Option<Input<String>>,

    /// On a stack, the organization's id.
    #[schemars(extend("x-variables" = ["APSARASTACK_DEPARTMENT", "ALIBABACLOUDSTACK_DEPARTMENT"]))]
    pub(crate) department: Option<Input<String>>,

    /// On a stack, one host for every product; on Alibaba Cloud Stack that of its ASAPI gateway.
    #[schemars(extend("x-variables" = ["APSARASTACK_DOMAIN", "ALIBABACLOUDSTACK_DOMAIN"]))]
    pub(crate) domain: Option<Input<String>>,

    /// The RAM role of the ECS instance on which the program runs.
    #[schemars(extend(
        "x-environment" = ["ALICLOUD_ECS_ROLE_NAME"],
        "x-variables" = [
            "APSARASTACK_ECS_ROLE_NAME", "ALIBABACLOUDSTACK_ECS_ROLE_NAME", "ALICLOUD_ECS_ROLE_NAME",
            "ALIBABA_CLOUD_ECS_METADATA"
        ]
    ))]
    pub(crate) ecs_role_name: Option<Input<String>>,

    /// Endpoints other than the region's own.
    pub(crate) endpoints: Option<Input<Vec<Input<ProviderEndpoint>>>>,

    /// Accepted, and not needed for images.
    #[schemars(extend("x-unused" = "has no effect on images: it is of a product that this provider does not have"))]
    pub(crate) fc: Option<Input<String>>,

    /// Accepted, and not needed for images.
    #[schemars(extend("x-unused" = "has no effect on images: it is of a resource that this provider does not have"))]
    pub(crate) features: Option<Input<ProviderFeatures>>,

    /// On Alibaba Cloud Stack, goes by the ASAPI gateway (`domain`) even if `popgwDomain` is set. Default: `false`.
    pub(crate) force_use_asapi: Option<Input<bool>>,

    /// On a stack, accepts any certificate. For installations without a certificate authority, and for nothing else.
    /// Default: `false`.
    #[schemars(extend("x-variables" = ["APSARASTACK_INSECURE", "ALIBABACLOUDSTACK_INSECURE"]))]
    pub(crate) insecure: Option<Input<bool>>,

    /// On Alibaba Cloud Stack, whether the region is the centre, whose hosts under `popgwDomain` do not name the region.
    /// Default: `true`.
    #[schemars(extend("x-variables" = ["ALIBABACLOUDSTACK_CENTER_REGION"]))]
    pub(crate) is_center_region: Option<Input<bool>>,

    /// Accepted, and not needed for images.
    #[schemars(extend("x-unused" = "has no effect on images: it is of a product that this provider does not have"))]
    pub(crate) log_endpoint: Option<Input<String>>,

    /// The longest time for one call with all its repetitions, in seconds; 0 means as long as the operation may take.
    #[schemars(range(min = 0), extend("x-variables" = ["MAX_RETRY_TIMEOUT"]))]
    pub(crate) max_retry_timeout: Option<Input<i64>>,

    /// Accepted, and not needed for images.
    #[schemars(extend("x-unused" = "has no effect on images: it is of a product that this provider does not have"))]
    pub(crate) mns_endpoint: Option<Input<String>>,

    /// On a stack, the organization's id, if it differs from the department.
    pub(crate) organization_id: Option<Input<String>>,

    /// Accepted, and not needed for images.
    #[schemars(extend("x-unused" = "has no effect on images: it is of a product that this provider does not have"))]
    pub(crate) ots_instance_name: Option<Input<String>>,

    /// On Alibaba Cloud Stack, the domain below which the products have their hosts: `ecs-internal.<domain>`.
    #[schemars(extend("x-variables" = ["ALIBABACLOUDSTACK_POPGW_DOMAIN"]))]
    pub(crate) popgw_domain: Option<Input<String>>,

    /// The profile of the CLI's configuration file to take the key, and if it is not given the region, from.
    #[schemars(extend(
        "x-environment" = ["ALICLOUD_PROFILE"],
        "x-variables" = PROFILE,
        "x-read-by-provider" = true
    ))]
    pub(crate) profile: Option<Input<String>>,

    /// `HTTP` or `HTTPS`, for endpoints that do not say. Default: `HTTPS`, on a stack `HTTP`.
    #[schemars(extend("x-variables" = ["APSARASTACK_PROTOCOL", "ALIBABACLOUDSTACK_PROTOCOL"]))]
    pub(crate) protocol: Option<Input<String>>,

    /// The proxy for every call: `http://[user:password@]host:port`. Without it `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY`
    /// decide.
    #[schemars(extend("x-secret" = true, "x-variables" = ["APSARASTACK_PROXY", "ALIBABACLOUDSTACK_PROXY"]))]
    pub(crate) proxy: Option<Input<String>>,

    /// The region, such as `cn-hangzhou`. If neither the program nor a variable gives it, the profile's region counts.
    #[schemars(extend(
        "x-environment" = ["ALICLOUD_REGION", "ALIBABA_CLOUD_REGION"],
        "x-replace" = true,
        "x-variables" = REGION,
        "x-read-by-provider" = true
    ))]
    pub(crate) region: Option<Input<String>>,

    /// On a stack, the id of the resource group inside the organization.
    #[schemars(extend("x-variables" = ["APSARASTACK_RESOURCE_GROUP", "ALIBABACLOUDSTACK_RESOURCE_GROUP"]))]
    pub(crate) resource_group: Option<Input<String>>,

    /// On a stack, the name of the resource group, by which its id and the department are looked up if they are not given.
    #[schemars(extend(
        "x-variables" = ["APSARASTACK_RESOURCE_GROUP_SET", "ALIBABACLOUDSTACK_RESOURCE_GROUP_SET"]
    ))]
    pub(crate) resource_group_set_name: Option<Input<String>>,

    /// The secret of the access key.
    #[schemars(extend(
        "x-secret" = true,
        "x-variables" = [
            "APSARASTACK_SECRET_KEY", "ALIBABACLOUDSTACK_SECRET_KEY", "ALICLOUD_SECRET_KEY",
            "ALIBABA_CLOUD_ACCESS_KEY_SECRET", "ALIBABACLOUD_ACCESS_KEY_SECRET"
        ],
        "x-read-by-provider" = true
    ))]
    pub(crate) secret_key: Option<Input<String>>,

    /// Sent as `SecureTransport`: `"true"` or `"false"`.
    #[schemars(extend(
        "x-variables" = [
            "APSARASTACK_SECURE_TRANSPORT", "ALIBABACLOUDSTACK_SECURE_TRANSPORT", "ALICLOUD_SECURE_TRANSPORT",
            "ALIBABA_CLOUD_SECURE_TRANSPORT", "ALICLOUD_SECURITY_TRANSPORT",
            "ALIBABA_CLOUD_SECURITY_TRANSPORT"
        ]
    ))]
    pub(crate) secure_transport: Option<Input<String>>,

    /// The token of a temporary key.
    #[schemars(extend(
        "x-secret" = true,
        "x-variables" = [
            "APSARASTACK_SECURITY_TOKEN", "ALIBABACLOUDSTACK_SECURITY_TOKEN", "ALICLOUD_SECURITY_TOKEN",
            "ALIBABA_CLOUD_SECURITY_TOKEN", "ALIBABACLOUD_SECURITY_TOKEN"
        ],
        "x-read-by-provider" = true
    ))]
    pub(crate) security_token: Option<Input<String>>,

    /// The old name of `secureTransport`.
    #[schemars(extend("x-alias-of" = "secureTransport", "x-deprecated" = "Use `secureTransport` instead."))]
    pub(crate) security_transport: Option<Input<String>>,

    /// On Apsara Stack, sends the key's secret in every query, as some old installations demand. Whoever reads an access
    /// log on the way can then use the key. Default: `false`.
    pub(crate) send_access_key_secret: Option<Input<bool>>,

    /// The CLI's configuration file. Default: `~/.aliyun/config.json`.
    #[schemars(extend(
        "x-variables" = [
            "APSARASTACK_SHARED_CREDENTIALS_FILE", "ALIBABACLOUDSTACK_SHARED_CREDENTIALS_FILE",
            "ALICLOUD_SHARED_CREDENTIALS_FILE"
        ]
    ))]
    pub(crate) shared_credentials_file: Option<Input<String>>,

    /// How calls are signed.
    pub(crate) sign_version: Option<Input<ProviderSignVersion>>,

    /// Accepts a region that this version does not know. Default: `false`, on a stack `true`.
    #[schemars(extend("x-variables" = ["ALICLOUD_SKIP_REGION_VALIDATION"]))]
    pub(crate) skip_region_validation: Option<Input<bool>>,

    /// Sent as `SourceIp`.
    #[schemars(extend(
        "x-variables" = [
            "APSARASTACK_SOURCE_IP", "ALIBABACLOUDSTACK_SOURCE_IP", "ALICLOUD_SOURCE_IP",
            "ALIBABA_CLOUD_SOURCE_IP"
        ]
    ))]
    pub(crate) source_ip: Option<Input<String>>,

    /// Uses the endpoints that are reached from inside a VPC. Default: `false`.
    #[schemars(extend("x-variables" = ["ALIBABA_CLOUD_VPC_ENDPOINT_ENABLED"]))]
    pub(crate) vpc_endpoints: Option<Input<bool>>,
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
    #[schemars(
        range(min = 900, max = 43200),
        extend("x-variables" = ROLE_SESSION_EXPIRATION, "x-read-by-provider" = true)
    )]
    pub(crate) session_expiration: Option<Input<i64>>,

    /// The session's name in audits, 2 to 64 letters, digits, `.`, `@`, `-` or `_`. Default: `pulumi`.
    #[schemars(
        length(min = 2, max = 64),
        extend("x-variables" = ROLE_SESSION_NAME, "x-read-by-provider" = true)
    )]
    pub(crate) session_name: Option<Input<String>>,
}

/// A RAM role to assume with the token of an OpenID Connect provider.
#[derive(Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend(
    "x-token" = "alicloud:index/ProviderAssumeRoleWithOidc:ProviderAssumeRoleWithOidc",
    "required" = ["oidcProviderArn", "roleArn"]
))]
pub(crate) struct ProviderAssumeRoleWithOidc {
    /// The provider's ARN: `acs:ram::<account>:oidc-provider/<name>`.
    pub(crate) oidc_provider_arn: Option<Input<String>>,

    /// The token itself, 4 to 20000 characters.
    #[schemars(
        length(min = 4, max = 20000),
        extend("x-secret" = true, "x-variables" = OIDC_TOKEN, "x-read-by-provider" = true)
    )]
    pub(crate) oidc_token: Option<Input<String>>,

    /// A file with the token, read each time it is needed.
    #[schemars(extend("x-variables" = OIDC_TOKEN_FILE, "x-read-by-provider" = true))]
    pub(crate) oidc_token_file: Option<Input<String>>,

    /// A RAM policy that narrows what the role allows.
    #[schemars(length(min = 1, max = 2048))]
    pub(crate) policy: Option<Input<String>>,

    /// The role's ARN: `acs:ram::<account>:role/<name>`.
    pub(crate) role_arn: Option<Input<String>>,

    /// The session's name in audits, 2 to 64 letters, digits, `.`, `@`, `-` or `_`. Default: `pulumi`.
    #[schemars(
        length(min = 2, max = 64),
        extend("x-variables" = OIDC_SESSION_NAME, "x-read-by-provider" = true)
    )]
    pub(crate) role_session_name: Option<Input<String>>,

    /// How long the role's temporary key lives, 900 to 43200 seconds; it is renewed in time. Default: 3600.
    #[schemars(range(min = 900, max = 43200))]
    pub(crate) session_expiration: Option<Input<i64>>,
}

/// Endpoints other than the region's own, for each product: host, `host:port`, or `http(s)://host[:port]`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend(
    "x-token" = "alicloud:index/ProviderEndpoint:ProviderEndpoint",
    "x-other-properties" = "has no effect on images: only the endpoints ecs, oss, sts and ascm are used here"
))]
pub(crate) struct ProviderEndpoint {
    /// On a stack, the endpoint of ASCM, which knows organizations and resource groups.
    pub(crate) ascm: Option<Input<String>>,

    /// The ECS endpoint.
    #[schemars(extend(
        "x-variables" = ["ALIBABA_CLOUD_ENDPOINT_ECS", "ECS_ENDPOINT"],
        "x-read-by-provider" = true
    ))]
    pub(crate) ecs: Option<Input<String>>,

    /// The OSS endpoint, without a bucket. Exports look at and delete objects there.
    #[schemars(extend(
        "x-variables" = ["ALIBABA_CLOUD_ENDPOINT_OSS", "OSS_ENDPOINT"],
        "x-read-by-provider" = true
    ))]
    pub(crate) oss: Option<Input<String>>,

    /// The STS endpoint.
    #[schemars(extend(
        "x-variables" = ["ALIBABA_CLOUD_ENDPOINT_STS", "STS_ENDPOINT"],
        "x-read-by-provider" = true
    ))]
    pub(crate) sts: Option<Input<String>>,
}

/// What other resources do in their own way.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-token" = "alicloud:index/ProviderFeatures:ProviderFeatures"))]
pub(crate) struct ProviderFeatures {
    /// Accepted, and not needed for images.
    pub(crate) ecs_instance: Option<Input<ProviderFeaturesEcsInstance>>,
}

/// What instances do in their own way.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-token" = "alicloud:index/ProviderFeaturesEcsInstance:ProviderFeaturesEcsInstance"))]
pub(crate) struct ProviderFeaturesEcsInstance {
    /// Accepted, and not needed for images.
    pub(crate) replace_on_image_update: Option<Input<bool>>,
}

/// How calls are signed, for each product.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-token" = "alicloud:index/ProviderSignVersion:ProviderSignVersion"))]
pub(crate) struct ProviderSignVersion {
    /// For ECS and STS: `v3` (ACS3-HMAC-SHA256, the default) or `v1` (HMAC-SHA1, and always so on a stack).
    #[schemars(extend("enum" = ["v1", "v3"]))]
    pub(crate) ecs: Option<Input<String>>,

    /// Accepted, and not needed for images.
    #[schemars(extend("x-unused" = "has no effect on images: it is of a product that this provider does not have"))]
    pub(crate) oss: Option<Input<String>>,

    /// Accepted, and not needed for images.
    #[schemars(extend("x-unused" = "has no effect on images: it is of a product that this provider does not have"))]
    pub(crate) sls: Option<Input<String>>,
}

/// The longest time limit that a setting can say, as numbers on the wire are exact.
const LONGEST_LIMIT: u64 = 1 << 53;

/// The private cloud that the settings name, if any.
pub(crate) fn flavour(config: &Config) -> Option<Flavour> {
    match text(&config.cloud)?.as_str() {
        "apsarastack" => Some(Flavour::ApsaraStack),
        "alibabacloudstack" => Some(Flavour::AlibabaCloudStack),
        _ => None,
    }
}

/// The private cloud whose variable this is.
fn stack_of(variable: &str) -> Option<Flavour> {
    if variable.starts_with("APSARASTACK_") {
        Some(Flavour::ApsaraStack)
    } else if variable.starts_with("ALIBABACLOUDSTACK_") {
        Some(Flavour::AlibabaCloudStack)
    } else {
        None
    }
}

/// Whether the public cloud has this variable.
pub(crate) fn is_public(variable: &str) -> bool {
    stack_of(variable).is_none()
}

/// A setting's text without the blanks around it; an empty one is absent.
pub(crate) fn text(setting: &Option<Input<String>>) -> Option<String> {
    known(setting).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}

/// Whether a setting is there, be it not known yet. An empty text is not.
pub(crate) fn is_given(setting: &Option<Input<String>>) -> bool {
    match setting {
        None => false,
        Some(Input::Unknown) => true,
        Some(Input::Known(text)) => !text.trim().is_empty(),
    }
}

/// What a variable gives. `None` if it is not set, or is of another cloud than the settings name. Variables are taken more
/// leniently than settings: a time limit that is no positive number is ignored, and the public cloud's switches also take
/// `yes` and `on`.
pub(crate) fn variable(given: &Config, environment: &Environment, name: &str) -> Option<String> {
    if stack_of(name).is_some_and(|stack| flavour(given) != Some(stack)) {
        return None;
    }
    let text = environment.variable(name)?;
    match name {
        "CLIENT_CONNECT_TIMEOUT" | "CLIENT_READ_TIMEOUT" | "MAX_RETRY_TIMEOUT" => {
            let limit: u64 = text.parse().ok().filter(|limit| *limit > 0)?;
            Some(limit.min(LONGEST_LIMIT).to_string())
        }
        // "No" says nothing: the default depends on the cloud.
        "ALICLOUD_SKIP_REGION_VALIDATION" | "ALIBABA_CLOUD_VPC_ENDPOINT_ENABLED" => {
            environment.flag(name).then(|| true.to_string())
        }
        _ => Some(text.to_owned()),
    }
}

/// The first of these variables that gives something, and what.
pub(crate) fn first_variable(
    config: &Config,
    environment: &Environment,
    names: &[&'static str],
) -> Option<(&'static str, String)> {
    names.iter().find_map(|name| Some((*name, variable(config, environment, name)?)))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use aliyun::credential::EnvironmentVariables;
    use pulumi::model::{Kind, ObjectType, Property};
    use serde_json::json;

    use super::*;

    fn environment(variables: &[(&str, &str)]) -> Environment {
        variables.iter().fold(Environment::default(), |all, (name, value)| all.with_variable(*name, *value))
    }

    fn filled(settings: serde_json::Value, variables: &[(&str, &str)]) -> Config {
        let environment = environment(variables);
        pulumi::testing::settings(settings, |given, name| variable(given, &environment, name)).unwrap()
    }

    /// The properties of a setting's nested types.
    fn nested(kind: &Kind) -> Vec<&Property> {
        match kind {
            Kind::String { .. } | Kind::Integer { .. } | Kind::Boolean => Vec::new(),
            Kind::List { item, .. } | Kind::Map { item, .. } => nested(item),
            Kind::Object(object) => object
                .properties
                .values()
                .flat_map(|property| [vec![property], nested(&property.kind)].concat())
                .collect(),
        }
    }

    /// Texts in backticks.
    fn code(markdown: &str) -> Vec<&str> {
        markdown.split('`').skip(1).step_by(2).collect()
    }

    #[test]
    fn the_readme_names_every_setting_with_its_variables() {
        let readme = include_str!("../../README.md");
        let table = readme
            .split("| setting | what it is | environment variables, in order |\n|---|---|---|\n")
            .nth(1);
        let object = ObjectType::of::<Config>().unwrap();
        let mut named = BTreeSet::new();
        for row in table.expect("the table").lines().take_while(|line| line.starts_with('|')) {
            let [_, settings, _, variables, _] = row.split('|').collect::<Vec<_>>()[..] else {
                panic!("not three columns: {row}");
            };
            let mut expected = Vec::new();
            for name in code(settings) {
                let property =
                    object.properties.get(name).unwrap_or_else(|| panic!("there is no setting {name}"));
                assert!(named.insert(name), "{name} is in two rows");
                for property in [vec![property], nested(&property.kind)].concat() {
                    expected.extend(property.variables.iter().map(String::as_str));
                }
            }
            assert_eq!(code(variables), expected, "{settings}");
        }
        let used = object.properties.iter().filter(|(_, property)| property.unused.is_none());
        assert_eq!(named, used.map(|(name, _)| name.as_str()).collect());
    }

    #[test]
    fn variables_of_nested_settings_are_read_here() {
        let object = ObjectType::of::<Config>().unwrap();
        let read_nowhere = object
            .properties
            .values()
            .flat_map(|property| nested(&property.kind))
            .filter(|property| !property.variables.is_empty() && !property.read_by_provider);
        assert_eq!(read_nowhere.count(), 0);
    }

    #[test]
    fn the_variables_of_keys_are_those_that_the_client_reads() {
        let object = ObjectType::of::<Config>().unwrap();
        for stack in [Flavour::ApsaraStack, Flavour::AlibabaCloudStack] {
            let read = EnvironmentVariables::on_stack(stack);
            for (name, expected) in
                [("accessKey", read.access_key_variables()), ("secretKey", read.secret_key_variables())]
            {
                let said = object.properties[name].variables.iter().map(String::as_str);
                let said: Vec<&str> =
                    said.filter(|variable| stack_of(variable).is_none_or(|of| of == stack)).collect();
                assert_eq!(said, expected, "{name}");
            }
        }
    }

    #[test]
    fn a_limit_that_is_no_positive_number_is_ignored_in_a_variable() {
        let limits = |text: &str| {
            let names = ["CLIENT_CONNECT_TIMEOUT", "CLIENT_READ_TIMEOUT", "MAX_RETRY_TIMEOUT"];
            let config = filled(json!({}), &names.map(|name| (name, text)));
            [config.client_connect_timeout, config.client_read_timeout, config.max_retry_timeout]
                .map(|limit| limit.and_then(|limit| limit.known().copied()))
        };
        for text in ["0", "-5", "soon", "1.5", "1e3", "null", " ", "99999999999999999999"] {
            assert_eq!(limits(text), [None; 3], "{text}");
        }
        assert_eq!(limits(" 1500 "), [Some(1500); 3]);
        assert_eq!(limits("+007"), [Some(7); 3]);
        assert_eq!(limits(&u64::MAX.to_string()), [Some(1 << 53); 3]);
    }

    #[test]
    fn switches_in_variables() {
        let switches = |cloud: &str, text: &str| {
            let variables = [
                ("ALICLOUD_SKIP_REGION_VALIDATION", text),
                ("ALIBABA_CLOUD_VPC_ENDPOINT_ENABLED", text),
                ("APSARASTACK_INSECURE", text),
            ];
            let config = filled(json!({ "cloud": cloud }), &variables);
            [config.skip_region_validation, config.vpc_endpoints, config.insecure]
                .map(|switch| switch.and_then(|switch| switch.known().copied()))
        };
        assert_eq!(switches("alibabacloud", "Yes"), [Some(true), Some(true), None]);
        assert_eq!(switches("apsarastack", "TRUE"), [Some(true); 3]);
        assert_eq!(switches("apsarastack", "on"), [Some(true), Some(true), Some(false)]);
        assert_eq!(switches("apsarastack", "false"), [None, None, Some(false)]);
        assert_eq!(switches("alibabacloudstack", " "), [None; 3]);
    }

    #[test]
    fn secure_transport_is_the_programs_then_that_of_either_name_of_variables() {
        let of = |settings, variables: &[(&str, &str)]| text(&filled(settings, variables).secure_transport);
        let both = [("ALICLOUD_SECURITY_TRANSPORT", "old"), ("ALIBABA_CLOUD_SECURE_TRANSPORT", "new")];
        assert_eq!(of(json!({ "secureTransport": "program" }), &both).unwrap(), "program");
        assert_eq!(of(json!({ "securityTransport": "program" }), &both), None);
        assert_eq!(of(json!({}), &both).unwrap(), "new");
        assert_eq!(of(json!({}), &both[..1]).unwrap(), "old");
    }
}
