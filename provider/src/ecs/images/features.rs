//! What instances made from an image can do, as its inputs or its outputs have it.

use aliyun::ecs::ImageFeatures as Described;
use pulumi::Input;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What instances made from an image can do.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-token" = "alicloud:ecs/ImageFeatures:ImageFeatures"))]
pub(crate) struct ImageFeatures {
    /// Which access modes of the instance metadata service instances are made with: `v1` (normal and security hardening) or
    /// `v2` (security hardening only). The cloud never goes back from `v2` to `v1`.
    #[schemars(extend("enum" = ["v1", "v2"]))]
    pub(crate) imds_support: Option<Input<String>>,

    /// Whether instances can use NVMe disks: `supported` or `unsupported`.
    #[schemars(extend("enum" = ["supported", "unsupported"]))]
    pub(crate) nvme_support: Option<Input<String>>,
}

impl ImageFeatures {
    /// As DescribeImages shows them.
    pub(crate) fn seen(seen: &Described) -> ImageFeatures {
        ImageFeatures {
            imds_support: seen.imds_support.clone().map(Input::Known),
            nvme_support: seen.nvme_support.clone().map(Input::Known),
        }
    }
}
