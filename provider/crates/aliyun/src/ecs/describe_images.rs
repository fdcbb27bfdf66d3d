//! `DescribeImages`: what images there are, and how they do.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::{Action, Params, REQUEST_ID, Tag};
use crate::error::{Error, ErrorKind};
use crate::transport::HttpResponse;
use crate::{answer, lenient};

/// Which images to describe.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DescribeImagesRequest {
    /// One id, or several joined by commas (documented on an older help page only: verify an id that is missing from an
    /// answer alone). An id that does not exist gives an empty list, not an error.
    pub image_id: Option<String>,
    /// In which states.
    pub status: Status,
    /// Part of a name.
    pub image_name: Option<String>,
    /// A family.
    pub image_family: Option<String>,
    /// `system`, `self`, `others` or `marketplace`.
    pub image_owner_alias: Option<String>,
    /// Images made from this snapshot.
    pub snapshot_id: Option<String>,
    /// A resource group.
    pub resource_group_id: Option<String>,
    /// Images that carry all of these.
    pub tags: Vec<Tag>,
    /// From 1; 1 if absent.
    pub page_number: Option<u32>,
    /// 1 to 100; 10 if absent.
    pub page_size: Option<u32>,
}

/// The states of images that are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Status {
    /// `Available` only, which is what the cloud takes for granted: nothing is sent.
    #[default]
    Available,
    /// All there are. [`Client::describe_images`](crate::Client::describe_images) finds out how this cloud wants it said.
    Every,
    /// Sent as it is: states joined by commas, of `Creating`, `Waiting`, `Available`, `UnAvailable`, `CreateFailed` and
    /// `Deprecated`.
    Only(String),
}

/// How every state is asked for, the best way first. The public cloud takes `ALL`, which its help page does not mention;
/// private clouds' own providers list the states, without `Deprecated`.
pub(crate) const EVERY_STATUS: [&str; 3] = [
    "ALL",
    "Creating,Waiting,Available,UnAvailable,CreateFailed,Deprecated",
    "Creating,Waiting,Available,UnAvailable,CreateFailed",
];

/// Whether the cloud may have refused the states that were asked for. `InvalidParamter`, spelt like that, is its code for
/// any parameter that DescribeImages has no code of its own for.
pub(crate) fn refuses_status(error: &Error) -> bool {
    let code = error.code().unwrap_or_default();
    match error.kind() {
        ErrorKind::InvalidRequest => code.starts_with("InvalidParam") || code.contains("Status"),
        ErrorKind::Conflict => code.starts_with("InvalidStatus"),
        ErrorKind::NotFound
        | ErrorKind::Denied
        | ErrorKind::Quota
        | ErrorKind::Credential
        | ErrorKind::Throttled
        | ErrorKind::Unavailable
        | ErrorKind::Transport
        | ErrorKind::TimedOut
        | ErrorKind::UnexpectedResponse
        | ErrorKind::Settings => false,
    }
}

/// One page of images.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default, rename_all = "PascalCase")]
pub struct DescribeImagesResponse {
    /// The images.
    #[serde(deserialize_with = "lenient::list")]
    pub images: Vec<Image>,
    /// How many there are on all pages.
    #[serde(deserialize_with = "lenient::number")]
    pub total_count: Option<i64>,
    /// This page's number.
    #[serde(deserialize_with = "lenient::number")]
    pub page_number: Option<i64>,
    /// How many go on a page.
    #[serde(deserialize_with = "lenient::number")]
    pub page_size: Option<i64>,
    /// For the cloud's support.
    #[serde(deserialize_with = "lenient::text")]
    pub request_id: Option<String>,
}

impl DescribeImagesResponse {
    /// What an answer of this HTTP status with this body comes to, if it was the first page that was asked for. Without
    /// images it must have a `RequestId`, and a `TotalCount` of 0.
    ///
    /// # Errors
    /// If the cloud refuses, or something else than the cloud has answered.
    pub fn of_answer(status: u16, body: &[u8]) -> Result<DescribeImagesResponse, Error> {
        let response = HttpResponse { status, body: body.to_vec().into(), ..HttpResponse::default() };
        let answer = answer::read(
            DescribeImagesRequest::NAME,
            DescribeImagesRequest::RULES,
            &response,
            &|answer, request_id| DescribeImagesRequest::default().lacks(answer, request_id),
            &str::to_owned,
        );
        super::decode::<DescribeImagesRequest>(answer.result?)
    }
}

/// An image as the cloud describes it. Older installations leave out much of it.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default, rename_all = "PascalCase")]
pub struct Image {
    /// The id; `m-…` for custom images.
    #[serde(deserialize_with = "lenient::text")]
    pub image_id: Option<String>,
    /// The name.
    #[serde(deserialize_with = "lenient::text")]
    pub image_name: Option<String>,
    /// The family.
    #[serde(deserialize_with = "lenient::text")]
    pub image_family: Option<String>,
    /// The version.
    #[serde(deserialize_with = "lenient::text")]
    pub image_version: Option<String>,
    /// The description.
    #[serde(deserialize_with = "lenient::text")]
    pub description: Option<String>,
    /// `i386`, `x86_64` or `arm64`.
    #[serde(deserialize_with = "lenient::text")]
    pub architecture: Option<String>,
    /// The distribution.
    #[serde(deserialize_with = "lenient::text")]
    pub platform: Option<String>,
    /// `BIOS`, `UEFI` or `UEFI-Preferred`.
    #[serde(deserialize_with = "lenient::text")]
    pub boot_mode: Option<String>,
    /// What the image's system supports.
    #[serde(deserialize_with = "lenient::object")]
    pub features: Option<ImageFeatures>,
    /// `Auto`, `Aliyun` or `BYOL`.
    #[serde(deserialize_with = "lenient::text")]
    pub license_type: Option<String>,
    /// The resource group.
    #[serde(deserialize_with = "lenient::text")]
    pub resource_group_id: Option<String>,
    /// The tags.
    #[serde(deserialize_with = "lenient::list")]
    pub tags: Vec<Tag>,
    /// `Creating`, `Waiting`, `Available`, `UnAvailable`, `CreateFailed` or `Deprecated`.
    #[serde(deserialize_with = "lenient::text")]
    pub status: Option<String>,
    /// Whether instances can be made from it, which can be a little after it is `Available`.
    #[serde(deserialize_with = "lenient::boolean")]
    pub usable: Option<bool>,
    /// Percent as text: `45%`.
    #[serde(deserialize_with = "lenient::text")]
    pub progress: Option<String>,
    /// `yyyy-MM-ddTHH:mm:ssZ`, UTC.
    #[serde(deserialize_with = "lenient::text")]
    pub creation_time: Option<String>,
    /// `system`, `self`, `others` or `marketplace`.
    #[serde(deserialize_with = "lenient::text")]
    pub image_owner_alias: Option<String>,
    /// The system's name in the local language.
    #[serde(rename = "OSName", deserialize_with = "lenient::text")]
    pub os_name: Option<String>,
    /// The system's name in English.
    #[serde(rename = "OSNameEn", deserialize_with = "lenient::text")]
    pub os_name_en: Option<String>,
    /// `linux` or `windows`.
    #[serde(rename = "OSType", deserialize_with = "lenient::text")]
    pub os_type: Option<String>,
    /// GiB of the system disk.
    #[serde(deserialize_with = "lenient::number")]
    pub size: Option<i64>,
    /// The marketplace's product.
    #[serde(deserialize_with = "lenient::text")]
    pub product_code: Option<String>,
    /// Whether I/O optimized instances can use it.
    #[serde(deserialize_with = "lenient::boolean")]
    pub is_support_io_optimized: Option<bool>,
    /// Whether cloud-init runs in it.
    #[serde(deserialize_with = "lenient::boolean")]
    pub is_support_cloudinit: Option<bool>,
    /// Whether it has been shared with other accounts. Text in some answers, a boolean in others.
    #[serde(deserialize_with = "lenient::text")]
    pub is_self_shared: Option<String>,
    /// Whether it is a copy.
    #[serde(deserialize_with = "lenient::boolean")]
    pub is_copied: Option<bool>,
    /// Whether the product's terms have been accepted.
    #[serde(deserialize_with = "lenient::boolean")]
    pub is_subscribed: Option<bool>,
    /// The disks.
    #[serde(deserialize_with = "lenient::list")]
    pub disk_device_mappings: Vec<ImageDiskDeviceMapping>,
}

/// What an image's system supports.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default, rename_all = "PascalCase")]
pub struct ImageFeatures {
    /// `supported` or `unsupported`.
    #[serde(deserialize_with = "lenient::text")]
    pub nvme_support: Option<String>,
    /// `v1` or `v2`.
    #[serde(deserialize_with = "lenient::text")]
    pub imds_support: Option<String>,
}

/// One disk of an image.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default, rename_all = "PascalCase")]
pub struct ImageDiskDeviceMapping {
    /// The device's name.
    #[serde(deserialize_with = "lenient::text")]
    pub device: Option<String>,
    /// `system` or `data`.
    #[serde(rename = "Type", alias = "DiskType", deserialize_with = "lenient::text")]
    pub disk_type: Option<String>,
    /// GiB.
    #[serde(deserialize_with = "lenient::number")]
    pub size: Option<i64>,
    /// The snapshot.
    #[serde(deserialize_with = "lenient::text")]
    pub snapshot_id: Option<String>,
    /// The format of an imported disk.
    #[serde(deserialize_with = "lenient::text")]
    pub format: Option<String>,
    /// Percent as text, of a copy or an import.
    #[serde(deserialize_with = "lenient::text")]
    pub progress: Option<String>,
    /// Seconds, of a copy.
    #[serde(deserialize_with = "lenient::number")]
    pub remain_time: Option<i64>,
    /// The bucket an imported disk came from.
    #[serde(rename = "ImportOSSBucket", deserialize_with = "lenient::text")]
    pub import_oss_bucket: Option<String>,
    /// The object an imported disk came from.
    #[serde(rename = "ImportOSSObject", deserialize_with = "lenient::text")]
    pub import_oss_object: Option<String>,
}

impl Action for DescribeImagesRequest {
    const NAME: &'static str = "DescribeImages";
    const TIME_LIMIT: Duration = Duration::from_secs(38);

    type Response = DescribeImagesResponse;

    fn params(&self) -> Vec<(String, String)> {
        let mut params = Params::default();
        params.text("ImageId", self.image_id.as_ref());
        match &self.status {
            Status::Available => {}
            Status::Every => params.value("Status", Some(EVERY_STATUS[0])),
            Status::Only(states) => params.text("Status", Some(states)),
        }
        params.text("ImageName", self.image_name.as_ref());
        params.text("ImageFamily", self.image_family.as_ref());
        params.text("ImageOwnerAlias", self.image_owner_alias.as_ref());
        params.text("SnapshotId", self.snapshot_id.as_ref());
        params.text("ResourceGroupId", self.resource_group_id.as_ref());
        params.tags(&self.tags);
        params.value("PageNumber", self.page_number);
        params.value("PageSize", self.page_size);
        params.0
    }

    /// Images speak for themselves; that there are none is believed only from an answer that counts them.
    fn lacks(&self, answer: &Value, request_id: Option<&str>) -> Option<&'static str> {
        if lenient::entries(&answer["Images"]).iter().any(Value::is_object) {
            return None;
        }
        let first_page = self.page_number.is_none_or(|page| page <= 1);
        match (request_id, lenient::number(&answer["TotalCount"]).unwrap_or_default()) {
            (None, _) => Some(REQUEST_ID),
            (Some(_), None) => Some("a TotalCount"),
            (Some(_), Some(0)) => None,
            (Some(_), Some(count)) => {
                (first_page || count < 0).then_some("the images that its TotalCount counts")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::check_params;
    use super::*;

    #[test]
    fn nothing_is_sent_that_is_not_set() {
        check_params(&DescribeImagesRequest::default(), &[]);
        let request = DescribeImagesRequest {
            image_id: Some("m-1".to_owned()),
            status: Status::Only("Creating,Waiting".to_owned()),
            page_size: Some(100),
            ..DescribeImagesRequest::default()
        };
        check_params(&request, &["ImageId=m-1", "Status=Creating,Waiting", "PageSize=100"]);
    }

    #[test]
    fn a_full_answer_is_read_whatever_types_it_uses() {
        let json = r#"{
            "TotalCount": "1", "PageNumber": 1, "PageSize": 10, "RequestId": "R",
            "Images": {"Image": [{
                "ImageId": "m-1", "ImageName": "name", "ImageVersion": 1, "Usable": "true", "Size": "40",
                "IsSelfShared": false, "OSName": "x", "OSNameEn": "y", "OSType": "linux", "Progress": "100%",
                "IsSupportIoOptimized": true, "Features": {"NvmeSupport": "supported", "ImdsSupport": "v2"},
                "Tags": {"Tag": [{"TagKey": "k", "TagValue": "v"}]}, "Unknown": {"Field": []},
                "DiskDeviceMappings": {"DiskDeviceMapping": [{
                    "Device": "/dev/xvda", "Type": "system", "Size": "40", "SnapshotId": "s-1", "RemainTime": 0,
                    "ImportOSSBucket": "b", "ImportOSSObject": "o"
                }]}
            }]}
        }"#;
        let response: DescribeImagesResponse = serde_json::from_str(json).expect("an answer");
        assert_eq!(response.total_count, Some(1));
        let image = &response.images[0];
        assert_eq!(image.image_version.as_deref(), Some("1"));
        assert_eq!((image.usable, image.size), (Some(true), Some(40)));
        assert_eq!(image.is_self_shared.as_deref(), Some("false"));
        assert_eq!(image.os_name_en.as_deref(), Some("y"));
        assert_eq!(image.tags, [Tag::new("k", "v")]);
        let features = image.features.as_ref().expect("features");
        assert_eq!(features.imds_support.as_deref(), Some("v2"));
        let disk = &image.disk_device_mappings[0];
        assert_eq!((disk.size, disk.remain_time), (Some(40), Some(0)));
        assert_eq!(disk.disk_type.as_deref(), Some("system"));
        assert_eq!(disk.import_oss_bucket.as_deref(), Some("b"));
    }

    #[test]
    fn an_answer_without_the_wrapper_is_an_empty_list_if_it_counts_none() {
        for images in ["", r#","Images":null"#, r#","Images":{}"#, r#","Images":{"Image":[]}"#] {
            let json = format!(r#"{{"RequestId":"R","TotalCount":0{images}}}"#);
            let response = DescribeImagesResponse::of_answer(200, json.as_bytes()).expect(&json);
            assert!(response.images.is_empty(), "{json}");
            let json = json.replace("\"TotalCount\":0", "\"PageNumber\":1");
            let error = DescribeImagesResponse::of_answer(200, json.as_bytes()).expect_err(&json);
            assert!(error.to_string().contains("without a TotalCount"), "{error}");
        }
    }
}
