//! `CreateImage`: an image from an instance, a snapshot, or disks.

use std::time::Duration;

use crate::ecs::action::{Action, Params};
use crate::ecs::tag::Tag;
use crate::error::{Class, ErrorKind, Rule};
use crate::lenient::record;

/// What to make an image from, and how it shall be called. Exactly one source is meant to be given; the cloud itself
/// prefers `instance_id`, then `disk_device_mappings`, then `snapshot_id`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CreateImageRequest {
    /// Makes the call safe to repeat: the same token with the same parameters gives the same image. At most 64 ASCII
    /// characters. Without one, a call whose outcome is unknown is not repeated.
    pub client_token: Option<String>,
    /// Source: an instance, `Running` or `Stopped`. Leaves a snapshot per disk.
    pub instance_id: Option<String>,
    /// Source: the snapshot of a system disk.
    pub snapshot_id: Option<String>,
    /// Source: one system disk and up to 16 data disks.
    pub disk_device_mappings: Vec<DiskDeviceMapping>,
    /// 2 to 128 characters, unique in the region.
    pub image_name: Option<String>,
    /// 2 to 128 characters.
    pub image_family: Option<String>,
    /// The image's version.
    pub image_version: Option<String>,
    /// 2 to 256 characters.
    pub description: Option<String>,
    /// `i386`, `x86_64` or `arm64`.
    pub architecture: Option<String>,
    /// The distribution, e.g. `Aliyun`.
    pub platform: Option<String>,
    /// `BIOS`, `UEFI` or `UEFI-Preferred`.
    pub boot_mode: Option<String>,
    /// `v1` or `v2`.
    pub features_imds_support: Option<String>,
    /// `Standard`, or nothing for no check.
    pub detection_strategy: Option<String>,
    /// The group the image goes into; the default group if absent.
    pub resource_group_id: Option<String>,
    /// At most 20.
    pub tags: Vec<Tag>,
}

/// One disk of the image to be made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DiskDeviceMapping {
    /// `/dev/xvda` for the system disk, `/dev/xvdb` to `/dev/xvdz` for data disks.
    pub device: Option<String>,
    /// `system` or `data`.
    pub disk_type: Option<String>,
    /// GiB; at least the snapshot's size.
    pub size: Option<i64>,
    /// The snapshot; absent for an empty data disk.
    pub snapshot_id: Option<String>,
}

record! {
    /// The new image's id; the image itself is not ready yet.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct CreateImageResponse {
        /// The image's id. Never empty: an answer without one is an error.
        pub image_id: String = "ImageId",
    }
}

impl CreateImageRequest {
    /// The parameters as they are sent, flattened. What is not given is not among them.
    pub fn parameters(&self) -> Vec<(String, String)> {
        self.params()
    }
}

impl Action for CreateImageRequest {
    const NAME: &'static str = "CreateImage";
    const TIME_LIMIT: Duration = Duration::from_secs(36);
    const RULES: &'static [Rule] = &[
        Rule::wait("IncorrectInstanceStatus"),
        Rule::wait("InvalidSnapshotId.NotReady"),
        Rule::wait("SnapshotNotReady"),
        Rule::wait("IncorrectDiskStatus"),
        Rule::wait("IncorrectDiskStatus.Transferring"),
        Rule::wait("IncorrectDiskStatus.CreatingSnapshot"),
        Rule::wait("TooManySnapshot.Unfinished"),
        Rule::wait("QuotaExceed.ConcurrentSnapshotQuota"),
        // Here a missing source is a mistake in the request, and says nothing about the image.
        Rule::new("InvalidInstanceId.NotFound", ErrorKind::InvalidRequest, Class::Fatal),
        Rule::new("InvalidSnapshotId.NotFound", ErrorKind::InvalidRequest, Class::Fatal),
        Rule::new("Forbidden.InstanceNotFound", ErrorKind::InvalidRequest, Class::Fatal),
        Rule::new("Forbidden.SnapshotNotFound", ErrorKind::InvalidRequest, Class::Fatal),
    ];

    type Response = CreateImageResponse;

    fn params(&self) -> Vec<(String, String)> {
        let mut params = Params::default();
        params.text("InstanceId", self.instance_id.as_ref());
        params.text("SnapshotId", self.snapshot_id.as_ref());
        for (index, mapping) in self.disk_device_mappings.iter().enumerate() {
            let name = |member: &str| format!("DiskDeviceMapping.{}.{member}", index + 1);
            params.text(&name("Device"), mapping.device.as_ref());
            params.text(&name("DiskType"), mapping.disk_type.as_ref());
            params.value(&name("Size"), mapping.size);
            params.text(&name("SnapshotId"), mapping.snapshot_id.as_ref());
        }
        params.text("ImageName", self.image_name.as_ref());
        params.text("ImageFamily", self.image_family.as_ref());
        params.text("ImageVersion", self.image_version.as_ref());
        params.text("Description", self.description.as_ref());
        params.text("Architecture", self.architecture.as_ref());
        params.text("Platform", self.platform.as_ref());
        params.text("BootMode", self.boot_mode.as_ref());
        params.text("Features.ImdsSupport", self.features_imds_support.as_ref());
        params.text("DetectionStrategy", self.detection_strategy.as_ref());
        params.text("ResourceGroupId", self.resource_group_id.as_ref());
        params.tags(&self.tags);
        params.text("ClientToken", self.client_token.as_ref());
        params.0
    }

    /// An id counts even if nothing else is there: lost, it would leave an image behind.
    fn lacks(
        &self,
        response: &CreateImageResponse,
        _request_id: Option<&str>,
        _text: &str,
    ) -> Option<&'static str> {
        response.image_id.is_empty().then_some("an ImageId")
    }

    fn is_idempotent(&self) -> bool {
        self.client_token.as_ref().is_some_and(|token| !token.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ecs::action::check_params;

    #[test]
    fn parameters_are_flattened_and_numbered_from_one() {
        let request = CreateImageRequest {
            disk_device_mappings: vec![
                DiskDeviceMapping {
                    device: Some("/dev/xvda".to_owned()),
                    disk_type: Some("system".to_owned()),
                    size: Some(40),
                    snapshot_id: Some("s-1".to_owned()),
                },
                DiskDeviceMapping { size: Some(100), ..DiskDeviceMapping::default() },
            ],
            description: Some(String::new()),
            features_imds_support: Some("v2".to_owned()),
            tags: vec![Tag::new("k", "v"), Tag::new("empty", "")],
            client_token: Some("token".to_owned()),
            ..CreateImageRequest::default()
        };
        check_params(
            &request,
            &[
                "DiskDeviceMapping.1.Device=/dev/xvda",
                "DiskDeviceMapping.1.DiskType=system",
                "DiskDeviceMapping.1.Size=40",
                "DiskDeviceMapping.1.SnapshotId=s-1",
                "DiskDeviceMapping.2.Size=100",
                "Description=",
                "Features.ImdsSupport=v2",
                "Tag.1.Key=k",
                "Tag.1.Value=v",
                "Tag.2.Key=empty",
                "Tag.2.Value=",
                "ClientToken=token",
            ],
        );
    }

    #[test]
    fn only_a_token_makes_it_safe_to_repeat() {
        let mut request = CreateImageRequest::default();
        assert!(!request.is_idempotent());
        request.client_token = Some("token".to_owned());
        assert!(request.is_idempotent());
    }
}
