//! What `getImages` tells of an image.

use aliyun::ecs::Image;
use schemars::JsonSchema;
use serde::Serialize;

use crate::ecs::images::result::{DiskResult, ImageResult};

/// An image that was found.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-token" = "alicloud:ecs/getImagesImage:getImagesImage"))]
pub(crate) struct GetImagesImage {
    /// The image's id, as `imageId`.
    pub(super) id: String,

    /// The operating system's name in English.
    os_name_en: String,

    /// The state, as `status`.
    state: String,

    #[serde(flatten)]
    image: ImageResult<GetImagesImageDiskDeviceMapping>,
}

/// A disk of an image that was found.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
#[schemars(extend("x-token" = "alicloud:ecs/getImagesImageDiskDeviceMapping:getImagesImageDiskDeviceMapping"))]
pub(crate) struct GetImagesImageDiskDeviceMapping {
    #[serde(flatten)]
    disk: DiskResult,
}

impl From<DiskResult> for GetImagesImageDiskDeviceMapping {
    fn from(disk: DiskResult) -> Self {
        GetImagesImageDiskDeviceMapping { disk }
    }
}

impl From<&Image> for GetImagesImage {
    fn from(image: &Image) -> Self {
        GetImagesImage {
            id: image.image_id.clone().unwrap_or_default(),
            os_name_en: image.os_name_en.clone().unwrap_or_default(),
            state: image.status.clone().unwrap_or_default(),
            image: ImageResult::from(image),
        }
    }
}
