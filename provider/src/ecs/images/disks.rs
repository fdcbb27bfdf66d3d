//! The disks of an image, as its inputs or its outputs have them.

use aliyun::ecs::Image as Described;
use pulumi::{Input, known};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One disk of an image.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-token" = "alicloud:ecs/ImageDiskDeviceMapping:ImageDiskDeviceMapping"))]
pub(crate) struct ImageDiskDeviceMapping {
    /// The device name, `/dev/xvda` (the system disk) to `/dev/xvdz`, each at most once.
    pub(crate) device: Option<Input<String>>,

    /// `system` or `data`; at most one disk is the system disk. If it is left out, the kind of the snapshot's source
    /// disk.
    #[schemars(extend("enum" = ["system", "data"]))]
    pub(crate) disk_type: Option<Input<String>>,

    /// The disk's format, reported by the cloud.
    #[schemars(extend("x-output-only" = true))]
    pub(crate) format: Option<Input<String>>,

    /// The OSS bucket from which the disk was imported, reported by the cloud.
    #[schemars(extend("x-output-only" = true))]
    pub(crate) import_oss_bucket: Option<Input<String>>,

    /// The OSS object from which the disk was imported, reported by the cloud.
    #[schemars(extend("x-output-only" = true))]
    pub(crate) import_oss_object: Option<Input<String>>,

    /// How much of the disk has been copied, such as `45%`, reported by the cloud.
    #[schemars(extend("x-output-only" = true))]
    pub(crate) progress: Option<Input<String>>,

    /// How long copying the disk will still take, in seconds, reported by the cloud.
    #[schemars(extend("x-output-only" = true))]
    pub(crate) remain_time: Option<Input<i64>>,

    /// The size in GiB, 5 to 32768, and not less than the snapshot's; if it is left out, the snapshot's.
    #[schemars(range(min = 5, max = 32768))]
    pub(crate) size: Option<Input<i64>>,

    /// The snapshot that the disk is made from. A data disk without one is blank.
    #[schemars(extend("x-absence-says" = true))]
    pub(crate) snapshot_id: Option<Input<String>>,
}

/// The disks of an image as DescribeImages shows them.
pub(crate) fn seen(seen: &Described) -> Vec<Input<ImageDiskDeviceMapping>> {
    let text = |value: &Option<String>| value.clone().map(Input::Known);
    let disks = seen.disk_device_mappings.iter().map(|mapping| {
        Input::Known(ImageDiskDeviceMapping {
            device: text(&mapping.device),
            disk_type: text(&mapping.disk_type),
            format: text(&mapping.format),
            import_oss_bucket: text(&mapping.import_oss_bucket),
            import_oss_object: text(&mapping.import_oss_object),
            progress: text(&mapping.progress),
            remain_time: mapping.remain_time.map(Input::Known),
            size: mapping.size.map(Input::Known),
            snapshot_id: text(&mapping.snapshot_id),
        })
    });
    disks.collect()
}

/// The snapshots that disks name.
pub(crate) fn snapshots(disks: &Option<Input<Vec<Input<ImageDiskDeviceMapping>>>>) -> Vec<String> {
    let disks = known(disks).into_iter().flatten().filter_map(Input::known);
    disks.filter_map(|disk| known(&disk.snapshot_id)).cloned().collect()
}
