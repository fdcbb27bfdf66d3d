//! The provider's settings: what they are. What makes them wrong and how they become a client is in `client_settings.rs`.

use aliyun::{Environment, Flavour};
use pulumi::{Input, known};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

// No `Debug` on types that hold secrets.

/// The provider type for the alicloud package: which account, region and endpoints its resources live in. By default
/// resources use package-wide configuration settings; an explicit `Provider` instance may be passed to them instead.
#[derive(Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Config {
    /// The id of the access key. Also read from `ALICLOUD_ACCESS_KEY`, `ALIBABA_CLOUD_ACCESS_KEY_ID` or
    /// `ALIBABACLOUD_ACCESS_KEY_ID`.
    #[schemars(extend("x-secret" = true))]
    pub(crate) access_key: Option<Input<String>>,

    /// The account's id. Accepted, and not needed for images.
    #[schemars(extend("x-unused" = "has no effect: nothing here depends on the account's id"))]
    pub(crate) account_id: Option<Input<String>>,

    /// `Domestic` or `International`. Accepted, and not needed for images.
    #[schemars(extend("x-unused" = "has no effect: nothing here depends on the account's type"))]
    pub(crate) account_type: Option<Input<String>>,

    /// A RAM role to assume with the key that the other settings give.
    pub(crate) assume_role: Option<Input<ProviderAssumeRole>>,

    /// A RAM role to assume with the token of an OpenID Connect provider, without any key.
    pub(crate) assume_role_with_oidc: Option<Input<ProviderAssumeRoleWithOidc>>,

    /// A PEM file with certificate authorities to trust beside the system's own.
    pub(crate) ca_file: Option<Input<String>>,

    /// The longest time to wait for a connection, in milliseconds. Also read from `CLIENT_CONNECT_TIMEOUT`. Default: 8000.
    #[schemars(range(min = 1))]
    pub(crate) client_connect_timeout: Option<Input<i64>>,

    /// The longest time for one attempt at a call, in milliseconds. Also read from `CLIENT_READ_TIMEOUT`. Default: 10000 to
    /// 38000, depending on the action.
    #[schemars(range(min = 1))]
    pub(crate) client_read_timeout: Option<Input<i64>>,

    /// Which cloud: `alibabacloud`, the public one and the default, `apsarastack` or `alibabacloudstack`.
    #[schemars(extend("enum" = ["alibabacloud", "apsarastack", "alibabacloudstack"], "x-replace" = true))]
    pub(crate) cloud: Option<Input<String>>,

    /// Added to the `User-Agent` of every call, so that audits see what they were made for; at most 1024 characters. Also
    /// read from `TF_APPEND_USER_AGENT`.
    #[schemars(length(max = 1024))]
    pub(crate) configuration_source: Option<Input<String>>,

    /// An address that answers with a temporary key. Also read from `ALICLOUD_CREDENTIALS_URI` or
    /// `ALIBABA_CLOUD_CREDENTIALS_URI`.
    pub(crate) credentials_uri: Option<Input<String>>,

    /// On a stack, the organization's id. Also read from `APSARASTACK_DEPARTMENT` or `ALIBABACLOUDSTACK_DEPARTMENT`.
    pub(crate) department: Option<Input<String>>,

    /// On a stack, one host for every product; on Alibaba Cloud Stack that of its ASAPI gateway. Also read from
    /// `APSARASTACK_DOMAIN` or `ALIBABACLOUDSTACK_DOMAIN`.
    pub(crate) domain: Option<Input<String>>,

    /// The RAM role of the ECS instance on which the program runs. Also read from `ALICLOUD_ECS_ROLE_NAME` or
    /// `ALIBABA_CLOUD_ECS_METADATA`.
    #[schemars(extend("x-environment" = ["ALICLOUD_ECS_ROLE_NAME"]))]
    pub(crate) ecs_role_name: Option<Input<String>>,

    /// Endpoints other than the region's own.
    pub(crate) endpoints: Option<Input<Vec<Input<ProviderEndpoint>>>>,

    /// Accepted, and not needed for images.
    #[schemars(extend("x-unused" = "has no effect: it is of a product that this provider does not have"))]
    pub(crate) fc: Option<Input<String>>,

    /// Accepted, and not needed for images.
    #[schemars(extend("x-unused" = "has no effect: it is of a resource that this provider does not have"))]
    pub(crate) features: Option<Input<ProviderFeatures>>,

    /// On Alibaba Cloud Stack, goes by the ASAPI gateway (`domain`) even if `popgwDomain` is set. Default: `false`.
    pub(crate) force_use_asapi: Option<Input<bool>>,

    /// On a stack, accepts any certificate. For installations without a certificate authority, and for nothing else. Also
    /// read from `APSARASTACK_INSECURE` or `ALIBABACLOUDSTACK_INSECURE`. Default: `false`.
    pub(crate) insecure: Option<Input<bool>>,

    /// On Alibaba Cloud Stack, whether the region is the centre, whose hosts under `popgwDomain` do not name the region. Also
    /// read from `ALIBABACLOUDSTACK_CENTER_REGION`. Default: `true`.
    pub(crate) is_center_region: Option<Input<bool>>,

    /// Accepted, and not needed for images.
    #[schemars(extend("x-unused" = "has no effect: it is of a product that this provider does not have"))]
    pub(crate) log_endpoint: Option<Input<String>>,

    /// The longest time for one call with all its repetitions, in seconds; 0 means as long as the operation may take. Also
    /// read from `MAX_RETRY_TIMEOUT`.
    #[schemars(range(min = 0))]
    pub(crate) max_retry_timeout: Option<Input<i64>>,

    /// Accepted, and not needed for images.
    #[schemars(extend("x-unused" = "has no effect: it is of a product that this provider does not have"))]
    pub(crate) mns_endpoint: Option<Input<String>>,

    /// On a stack, the organization's id, if it differs from the department.
    pub(crate) organization_id: Option<Input<String>>,

    /// Accepted, and not needed for images.
    #[schemars(extend("x-unused" = "has no effect: it is of a product that this provider does not have"))]
    pub(crate) ots_instance_name: Option<Input<String>>,

    /// On Alibaba Cloud Stack, the domain below which the products have their hosts: `ecs-internal.<domain>`. Also read from
    /// `ALIBABACLOUDSTACK_POPGW_DOMAIN`.
    pub(crate) popgw_domain: Option<Input<String>>,

    /// The profile of the CLI's configuration file to take the key, and where it is not given the region, from. Also read
    /// from `ALICLOUD_PROFILE` or `ALIBABA_CLOUD_PROFILE`.
    #[schemars(extend("x-environment" = ["ALICLOUD_PROFILE"]))]
    pub(crate) profile: Option<Input<String>>,

    /// `HTTP` or `HTTPS`, for endpoints that do not say. Default: `HTTPS`, on a stack `HTTP`.
    pub(crate) protocol: Option<Input<String>>,

    /// The proxy for every call: `http://[user:password@]host:port`. Without it `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY`
    /// decide.
    #[schemars(extend("x-secret" = true))]
    pub(crate) proxy: Option<Input<String>>,

    /// The region, such as `cn-hangzhou`. Also read from `ALICLOUD_REGION` or `ALIBABA_CLOUD_REGION`, then from the profile.
    #[schemars(extend("x-environment" = ["ALICLOUD_REGION", "ALIBABA_CLOUD_REGION"], "x-replace" = true))]
    pub(crate) region: Option<Input<String>>,

    /// On a stack, the id of the resource group inside the organization. Also read from `APSARASTACK_RESOURCE_GROUP` or
    /// `ALIBABACLOUDSTACK_RESOURCE_GROUP`.
    pub(crate) resource_group: Option<Input<String>>,

    /// On a stack, the name of the resource group, by which its id and the department are looked up if they are not
    /// given. Also read from `APSARASTACK_RESOURCE_GROUP_SET` or `ALIBABACLOUDSTACK_RESOURCE_GROUP_SET`.
    pub(crate) resource_group_set_name: Option<Input<String>>,

    /// The secret of the access key. Also read from `ALICLOUD_SECRET_KEY`, `ALIBABA_CLOUD_ACCESS_KEY_SECRET` or
    /// `ALIBABACLOUD_ACCESS_KEY_SECRET`.
    #[schemars(extend("x-secret" = true))]
    pub(crate) secret_key: Option<Input<String>>,

    /// Sent as `SecureTransport`: `"true"` or `"false"`. Also read from `ALICLOUD_SECURE_TRANSPORT` or
    /// `ALIBABA_CLOUD_SECURE_TRANSPORT`.
    pub(crate) secure_transport: Option<Input<String>>,

    /// The token of a temporary key. Also read from `ALICLOUD_SECURITY_TOKEN`, `ALIBABA_CLOUD_SECURITY_TOKEN` or
    /// `ALIBABACLOUD_SECURITY_TOKEN`.
    #[schemars(extend("x-secret" = true))]
    pub(crate) security_token: Option<Input<String>>,

    /// The old name of `secureTransport`. Also read from `ALICLOUD_SECURITY_TRANSPORT` or
    /// `ALIBABA_CLOUD_SECURITY_TRANSPORT`.
    #[schemars(extend("x-alias-of" = "secureTransport", "x-deprecated" = "Use `secureTransport` instead."))]
    pub(crate) security_transport: Option<Input<String>>,

    /// On Apsara Stack, sends the key's secret in every query, as some old installations demand. Whoever reads an access
    /// log on the way can then use the key. Default: `false`.
    pub(crate) send_access_key_secret: Option<Input<bool>>,

    /// The CLI's configuration file. Also read from `ALICLOUD_SHARED_CREDENTIALS_FILE`. Default: `~/.aliyun/config.json`.
    pub(crate) shared_credentials_file: Option<Input<String>>,

    /// How calls are signed.
    pub(crate) sign_version: Option<Input<ProviderSignVersion>>,

    /// Accepts a region that this version does not know. Also read from `ALICLOUD_SKIP_REGION_VALIDATION`. Default:
    /// `false`, on a stack `true`.
    pub(crate) skip_region_validation: Option<Input<bool>>,

    /// Sent as `SourceIp`. Also read from `ALICLOUD_SOURCE_IP` or `ALIBABA_CLOUD_SOURCE_IP`.
    pub(crate) source_ip: Option<Input<String>>,

    /// Uses the endpoints that are reached from inside a VPC. Also read from `ALIBABA_CLOUD_VPC_ENDPOINT_ENABLED`. Default:
    /// `false`.
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
    #[schemars(range(min = 900, max = 43200))]
    pub(crate) session_expiration: Option<Input<i64>>,

    /// The session's name in audits, 2 to 64 letters, digits, `.`, `@`, `-` or `_`. Default: `pulumi`.
    #[schemars(length(min = 2, max = 64))]
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

    /// The token itself, 4 to 20000 characters. Also read from `ALIBABA_CLOUD_OIDC_TOKEN`.
    #[schemars(length(min = 4, max = 20000), extend("x-secret" = true))]
    pub(crate) oidc_token: Option<Input<String>>,

    /// A file with the token, read each time it is needed. Also read from `ALIBABA_CLOUD_OIDC_TOKEN_FILE`.
    pub(crate) oidc_token_file: Option<Input<String>>,

    /// A RAM policy that narrows what the role allows.
    #[schemars(length(min = 1, max = 2048))]
    pub(crate) policy: Option<Input<String>>,

    /// The role's ARN: `acs:ram::<account>:role/<name>`.
    pub(crate) role_arn: Option<Input<String>>,

    /// The session's name in audits, 2 to 64 letters, digits, `.`, `@`, `-` or `_`. Default: `pulumi`.
    #[schemars(length(min = 2, max = 64))]
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
    "x-other-properties" = "has no effect: only the endpoints ecs, sts and ascm are used here"
))]
pub(crate) struct ProviderEndpoint {
    /// On a stack, the endpoint of ASCM, which knows organizations and resource groups.
    pub(crate) ascm: Option<Input<String>>,

    /// The ECS endpoint. Also read from `ALIBABA_CLOUD_ENDPOINT_ECS` or `ECS_ENDPOINT`.
    pub(crate) ecs: Option<Input<String>>,

    /// The STS endpoint. Also read from `ALIBABA_CLOUD_ENDPOINT_STS` or `STS_ENDPOINT`.
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
    #[schemars(extend("x-unused" = "has no effect: it is of a product that this provider does not have"))]
    pub(crate) oss: Option<Input<String>>,

    /// Accepted, and not needed for images.
    #[schemars(extend("x-unused" = "has no effect: it is of a product that this provider does not have"))]
    pub(crate) sls: Option<Input<String>>,
}

/// The private cloud that the settings name, if any.
pub(crate) fn flavour(config: &Config) -> Option<Flavour> {
    match text(&config.cloud)?.as_str() {
        "apsarastack" => Some(Flavour::ApsaraStack),
        "alibabacloudstack" => Some(Flavour::AlibabaCloudStack),
        _ => None,
    }
}

/// What the variables of a private cloud begin with.
pub(crate) fn stack_prefix(flavour: Flavour) -> &'static str {
    match flavour {
        Flavour::ApsaraStack => "APSARASTACK",
        Flavour::AlibabaCloudStack => "ALIBABACLOUDSTACK",
    }
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

/// What the first of these variables that is set says.
pub(crate) fn variable(environment: &Environment, names: &[&'static str]) -> Option<String> {
    environment.first(names).map(|(_, value)| value.to_owned())
}

/// A number that a setting or a variable gives.
pub(crate) fn number(setting: &Option<Input<i64>>, environment: &Environment, variable: &str) -> Option<u64> {
    match known(setting) {
        Some(number) => u64::try_from(*number).ok(),
        None => environment.variable(variable).and_then(|text| text.parse().ok()),
    }
}
