//! What a function tells of an image. What the cloud leaves out is empty and never absent, but for tags.

use std::collections::BTreeMap;

use aliyun::ecs::{Image, ImageDiskDeviceMapping};
use schemars::JsonSchema;
use serde::Serialize;

/// An image that was looked up. `D` is a disk.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ImageResult<D> {
    /// The processor architecture: `i386`, `x86_64` or `arm64`.
    pub(crate) architecture: String,

    /// When the image was created, in UTC, such as `2026-01-31T08:15:30Z`.
    pub(crate) creation_time: String,

    /// The description.
    pub(crate) description: String,

    /// The disks of the image.
    pub(crate) disk_device_mappings: Vec<D>,

    /// The image's id.
    pub(crate) image_id: String,

    /// Whose image it is: `system` (the cloud's), `self`, `others` or `marketplace`.
    pub(crate) image_owner_alias: String,

    /// The version.
    pub(crate) image_version: String,

    /// Whether the image is a copy.
    pub(crate) is_copied: bool,

    /// Whether the account shares the image with others, as text: `true` or `false`.
    pub(crate) is_self_shared: String,

    /// Whether the account has subscribed to the marketplace product that the image belongs to.
    pub(crate) is_subscribed: bool,

    /// Whether I/O optimized instances can use the image.
    pub(crate) is_support_io_optimized: bool,

    /// The name.
    pub(crate) name: String,

    /// The operating system's name in Chinese.
    pub(crate) os_name: String,

    /// The kind of the operating system: `linux` or `windows`.
    pub(crate) os_type: String,

    /// The operating system's distribution.
    pub(crate) platform: String,

    /// The marketplace's code of the product that the image belongs to.
    pub(crate) product_code: String,

    /// How much of the image has been made, such as `45%`.
    pub(crate) progress: String,

    /// The size of the system disk in GiB.
    pub(crate) size: i64,

    /// The state: `Available`, `Creating`, `Waiting`, `UnAvailable`, `CreateFailed` or `Deprecated`.
    pub(crate) status: String,

    /// The tags; absent if there are none.
    pub(crate) tags: Option<BTreeMap<String, String>>,

    /// `instance` if instances have been made from the image, else `none`.
    pub(crate) usage: String,
}

/// A disk of an image that was looked up.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DiskResult {
    /// The device name, such as `/dev/xvda`.
    pub(crate) device: String,

    /// The size in GiB, as text.
    pub(crate) size: String,

    /// The snapshot that the disk is made from; empty if there is none.
    pub(crate) snapshot_id: String,
}

impl<D: From<DiskResult>> From<&Image> for ImageResult<D> {
    fn from(image: &Image) -> Self {
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        let tags: BTreeMap<String, String> =
            image.tags.iter().map(|tag| (tag.key.clone(), tag.value.clone())).collect();
        ImageResult {
            architecture: text(&image.architecture),
            creation_time: text(&image.creation_time),
            description: text(&image.description),
            disk_device_mappings: image
                .disk_device_mappings
                .iter()
                .map(|disk| D::from(DiskResult::from(disk)))
                .collect(),
            image_id: text(&image.image_id),
            image_owner_alias: text(&image.image_owner_alias),
            image_version: text(&image.image_version),
            is_copied: image.is_copied.unwrap_or_default(),
            is_self_shared: text(&image.is_self_shared),
            is_subscribed: image.is_subscribed.unwrap_or_default(),
            is_support_io_optimized: image.is_support_io_optimized.unwrap_or_default(),
            name: text(&image.image_name),
            os_name: text(&image.os_name),
            os_type: text(&image.os_type),
            platform: text(&image.platform),
            product_code: text(&image.product_code),
            progress: text(&image.progress),
            size: image.size.unwrap_or_default(),
            status: text(&image.status),
            tags: (!tags.is_empty()).then_some(tags),
            usage: text(&image.usage),
        }
    }
}

impl From<&ImageDiskDeviceMapping> for DiskResult {
    fn from(disk: &ImageDiskDeviceMapping) -> Self {
        DiskResult {
            device: disk.device.clone().unwrap_or_default(),
            size: disk.size.map_or_else(String::new, |size| size.to_string()),
            snapshot_id: disk.snapshot_id.clone().unwrap_or_default(),
        }
    }
}
