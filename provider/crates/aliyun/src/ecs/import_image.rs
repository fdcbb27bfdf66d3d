//! `ImportImage`: an image from files of disks in OSS.

use std::time::Duration;

use crate::ecs::action::{Action, Params};
use crate::ecs::tag::Tag;
use crate::error::{Class, ErrorKind, Rule};
use crate::lenient::record;

/// Which files to make an image from, and how it shall be called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImportImageRequest {
    /// Makes the call safe to repeat: the same token with the same parameters gives the same image. At most 64 ASCII
    /// characters. Without one, a call whose outcome is unknown is not repeated.
    pub client_token: Option<String>,
    /// The files: the system disk first, then up to 16 data disks.
    pub disk_device_mappings: Vec<ImportedDisk>,
    /// 2 to 128 characters, unique in the region.
    pub image_name: Option<String>,
    /// 2 to 256 characters.
    pub description: Option<String>,
    /// `i386`, `x86_64` or `arm64`; `x86_64` if absent.
    pub architecture: Option<String>,
    /// `linux` or `windows`; `linux` if absent.
    pub os_type: Option<String>,
    /// The distribution, e.g. `Aliyun`; `Others Linux` if absent.
    pub platform: Option<String>,
    /// `BIOS` or `UEFI`.
    pub boot_mode: Option<String>,
    /// `Auto`, `Aliyun` or `BYOL`.
    pub license_type: Option<String>,
    /// `supported` or `unsupported`.
    pub features_nvme_support: Option<String>,
    /// `v1` or `v2`.
    pub features_imds_support: Option<String>,
    /// `Standard`, or nothing for no check.
    pub detection_strategy: Option<String>,
    /// The RAM role by which ECS reads the bucket; `AliyunECSImageImportDefaultRole` if absent.
    pub role_name: Option<String>,
    /// The group the image goes into; the default group if absent.
    pub resource_group_id: Option<String>,
    /// At most 20.
    pub tags: Vec<Tag>,
}

/// One file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImportedDisk {
    /// `/dev/xvda` to `/dev/xvdz`. The cloud retires it.
    pub device: Option<String>,
    /// `RAW`, `VHD`, `QCOW2` or `VMDK`; found out by the cloud if absent.
    pub format: Option<String>,
    /// The bucket, in the region of the image.
    pub oss_bucket: Option<String>,
    /// The object.
    pub oss_object: Option<String>,
    /// GiB of the disk that is made, 1 to 2048; as large as the file needs if absent.
    pub disk_image_size: Option<i64>,
}

record! {
    /// The new image's id; the image itself is not ready yet.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct ImportImageResponse {
        /// The image's id. Never empty: an answer without one is an error.
        pub image_id: String = "ImageId",
        /// The task that imports. Private clouds may have none.
        pub task_id: Option<String> = "TaskId",
    }
}

impl ImportImageRequest {
    /// The parameters as they are sent, flattened. What is not given is not among them.
    pub fn parameters(&self) -> Vec<(String, String)> {
        self.params()
    }
}

impl Action for ImportImageRequest {
    const NAME: &'static str = "ImportImage";
    const TIME_LIMIT: Duration = Duration::from_secs(60);
    const RULES: &'static [Rule] = &[
        Rule::wait("ImageIsImporting"),
        Rule::new("InvalidOSSBucket.FlowLimit", ErrorKind::Throttled, Class::Backoff),
        // Here a missing file is a mistake in the request, and says nothing about the image.
        Rule::new("InvalidOSSBucket.NotFound", ErrorKind::InvalidRequest, Class::Fatal),
        Rule::new("InvalidOSSObject.NotFound", ErrorKind::InvalidRequest, Class::Fatal),
        Rule::new("NoSetRoletoECSServiceAcount", ErrorKind::InvalidRequest, Class::Fatal),
        Rule::new("NoSetRoletoECSServiceAccount", ErrorKind::InvalidRequest, Class::Fatal),
    ];

    type Response = ImportImageResponse;

    fn params(&self) -> Vec<(String, String)> {
        let mut params = Params::default();
        for (index, disk) in self.disk_device_mappings.iter().enumerate() {
            let name = |member: &str| format!("DiskDeviceMapping.{}.{member}", index + 1);
            params.text(&name("Device"), disk.device.as_ref());
            params.text(&name("Format"), disk.format.as_ref());
            params.text(&name("OSSBucket"), disk.oss_bucket.as_ref());
            params.text(&name("OSSObject"), disk.oss_object.as_ref());
            params.value(&name("DiskImageSize"), disk.disk_image_size);
        }
        params.text("ImageName", self.image_name.as_ref());
        params.text("Description", self.description.as_ref());
        params.text("Architecture", self.architecture.as_ref());
        params.text("OSType", self.os_type.as_ref());
        params.text("Platform", self.platform.as_ref());
        params.text("BootMode", self.boot_mode.as_ref());
        params.text("LicenseType", self.license_type.as_ref());
        params.text("Features.NvmeSupport", self.features_nvme_support.as_ref());
        params.text("Features.ImdsSupport", self.features_imds_support.as_ref());
        params.text("DetectionStrategy", self.detection_strategy.as_ref());
        params.text("RoleName", self.role_name.as_ref());
        params.text("ResourceGroupId", self.resource_group_id.as_ref());
        params.tags(&self.tags);
        params.text("ClientToken", self.client_token.as_ref());
        params.0
    }

    /// An id counts even if nothing else is there: lost, it would leave an image behind.
    fn lacks(
        &self,
        response: &ImportImageResponse,
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
    fn files_are_numbered_from_one() {
        let request = ImportImageRequest {
            disk_device_mappings: vec![
                ImportedDisk {
                    device: Some("/dev/xvda".to_owned()),
                    format: Some("RAW".to_owned()),
                    oss_bucket: Some("b".to_owned()),
                    oss_object: Some("o".to_owned()),
                    disk_image_size: Some(40),
                },
                ImportedDisk { oss_object: Some("p".to_owned()), ..ImportedDisk::default() },
            ],
            os_type: Some("linux".to_owned()),
            features_nvme_support: Some("supported".to_owned()),
            role_name: Some("role".to_owned()),
            tags: vec![Tag::new("k", "v")],
            client_token: Some("token".to_owned()),
            ..ImportImageRequest::default()
        };
        check_params(
            &request,
            &[
                "DiskDeviceMapping.1.Device=/dev/xvda",
                "DiskDeviceMapping.1.Format=RAW",
                "DiskDeviceMapping.1.OSSBucket=b",
                "DiskDeviceMapping.1.OSSObject=o",
                "DiskDeviceMapping.1.DiskImageSize=40",
                "DiskDeviceMapping.2.OSSObject=p",
                "OSType=linux",
                "Features.NvmeSupport=supported",
                "RoleName=role",
                "Tag.1.Key=k",
                "Tag.1.Value=v",
                "ClientToken=token",
            ],
        );
        assert!(request.is_idempotent());
        check_params(&ImportImageRequest::default(), &[]);
        assert!(!ImportImageRequest::default().is_idempotent());
    }
}
