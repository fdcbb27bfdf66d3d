//! `DescribeImages`: what images there are, and how they do.

use std::time::Duration;

use bytes::Bytes;

use crate::answer::{Exchange, Expected};
use crate::ecs::action::{Action, List, Params};
use crate::ecs::tag::Tag;
use crate::error::{Class, Error, ErrorKind, Rule};
use crate::lenient::record;
use crate::transport::HttpResponse;

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
    /// `system`, `self`, `others` or `marketplace`. If absent, the cloud takes all but `marketplace`.
    pub image_owner_alias: Option<String>,
    /// The number of the account that owns the images. Only for images that others share or publish.
    pub image_owner_id: Option<String>,
    /// `i386`, `x86_64` or `arm64`.
    pub architecture: Option<String>,
    /// `linux` or `windows`.
    pub os_type: Option<String>,
    /// `instance`: images that instances have been made from. `none`: the others.
    pub usage: Option<String>,
    /// What the images are to be used for: `CreateEcs`, a new instance, or `ChangeOS`, another system disk.
    pub action_type: Option<String>,
    /// Images that can be used with this instance type.
    pub instance_type: Option<String>,
    /// Images that cloud-init runs in, or those that it does not run in.
    pub is_support_cloudinit: Option<bool>,
    /// Images that I/O optimized instances can use, or those that they cannot use.
    pub is_support_io_optimized: Option<bool>,
    /// Only checks the request. The cloud then answers with the error `DryRunOperation` if it would be carried out.
    pub dry_run: Option<bool>,
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

record! {
    /// One page of images.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct DescribeImagesResponse {
        /// The images.
        pub images: Vec<Image> = "Images",
        /// How many there are on all pages.
        pub total_count: Option<i64> = "TotalCount",
        /// The region that they are in.
        pub region_id: Option<String> = "RegionId",
        /// Which page this is.
        pub page_number: Option<i64> = "PageNumber",
    }
}

impl DescribeImagesResponse {
    /// What an answer of this HTTP status with this body comes to, if it was the first page that was asked for. Without
    /// images it must have a `RequestId`, a `TotalCount` of 0, no other `PageNumber` than 1, and under `Images` nothing or
    /// an empty list. Its `RegionId` may be any.
    ///
    /// # Errors
    /// If the cloud refuses, or something else than the cloud has answered.
    pub fn of_answer(status: u16, body: impl Into<Bytes>) -> Result<DescribeImagesResponse, Error> {
        let response = HttpResponse { status, body: body.into(), ..HttpResponse::default() };
        let request = DescribeImagesRequest::default();
        let mut expected = Expected::new(|images: &_, request_id: Option<&str>, text: &str| {
            request.lacks(images, request_id, text)
        });
        Exchange {
            action: DescribeImagesRequest::NAME,
            rules: DescribeImagesRequest::RULES,
            response: &response,
            redact: &str::to_owned,
        }
        .read(&mut expected)
        .result?;
        Ok(expected.response)
    }
}

record! {
    /// An image as the cloud describes it. Older installations leave out much of it.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct Image {
        /// The id; `m-…` for custom images.
        pub image_id: Option<String> = "ImageId",
        /// The name.
        pub image_name: Option<String> = "ImageName",
        /// The family.
        pub image_family: Option<String> = "ImageFamily",
        /// The version.
        pub image_version: Option<String> = "ImageVersion",
        /// The description.
        pub description: Option<String> = "Description",
        /// `i386`, `x86_64` or `arm64`.
        pub architecture: Option<String> = "Architecture",
        /// The distribution.
        pub platform: Option<String> = "Platform",
        /// `BIOS`, `UEFI` or `UEFI-Preferred`.
        pub boot_mode: Option<String> = "BootMode",
        /// What the image's system supports.
        pub features: Option<ImageFeatures> = "Features",
        /// `Auto`, `Aliyun` or `BYOL`.
        pub license_type: Option<String> = "LicenseType",
        /// The resource group.
        pub resource_group_id: Option<String> = "ResourceGroupId",
        /// The tags.
        pub tags: Vec<Tag> = "Tags",
        /// `Creating`, `Waiting`, `Available`, `UnAvailable`, `CreateFailed` or `Deprecated`.
        pub status: Option<String> = "Status",
        /// Whether instances can be made from it, which can be a little after it is `Available`.
        pub usable: Option<bool> = "Usable",
        /// Percent as text: `45%`.
        pub progress: Option<String> = "Progress",
        /// `yyyy-MM-ddTHH:mm:ssZ`, UTC.
        pub creation_time: Option<String> = "CreationTime",
        /// `system`, `self`, `others` or `marketplace`.
        pub image_owner_alias: Option<String> = "ImageOwnerAlias",
        /// The number of the account that owns it. A number in some answers, text in others.
        pub image_owner_id: Option<String> = "ImageOwnerId",
        /// The system's name in the local language.
        pub os_name: Option<String> = "OSName",
        /// The system's name in English.
        pub os_name_en: Option<String> = "OSNameEn",
        /// `linux` or `windows`.
        pub os_type: Option<String> = "OSType",
        /// GiB of the system disk.
        pub size: Option<i64> = "Size",
        /// The marketplace's product.
        pub product_code: Option<String> = "ProductCode",
        /// Whether I/O optimized instances can use it.
        pub is_support_io_optimized: Option<bool> = "IsSupportIoOptimized",
        /// Whether cloud-init runs in it.
        pub is_support_cloudinit: Option<bool> = "IsSupportCloudinit",
        /// Whether it has been shared with other accounts. Text in some answers, a boolean in others.
        pub is_self_shared: Option<String> = "IsSelfShared",
        /// Whether it is a copy.
        pub is_copied: Option<bool> = "IsCopied",
        /// Whether the product's terms have been accepted.
        pub is_subscribed: Option<bool> = "IsSubscribed",
        /// `instance` if instances have been made from it, else `none`.
        pub usage: Option<String> = "Usage",
        /// The disks.
        pub disk_device_mappings: Vec<ImageDiskDeviceMapping> = "DiskDeviceMappings",
    }
}

record! {
    /// What an image's system supports.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct ImageFeatures {
        /// `supported` or `unsupported`.
        pub nvme_support: Option<String> = "NvmeSupport",
        /// `v1` or `v2`.
        pub imds_support: Option<String> = "ImdsSupport",
    }
}

record! {
    /// One disk of an image.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct ImageDiskDeviceMapping {
        /// The device's name.
        pub device: Option<String> = "Device",
        /// `system` or `data`.
        pub disk_type: Option<String> = "Type" | "DiskType",
        /// GiB.
        pub size: Option<i64> = "Size",
        /// The snapshot.
        pub snapshot_id: Option<String> = "SnapshotId",
        /// The format of an imported disk.
        pub format: Option<String> = "Format",
        /// Percent as text, of a copy or an import.
        pub progress: Option<String> = "Progress",
        /// Seconds, of a copy.
        pub remain_time: Option<i64> = "RemainTime",
        /// The bucket an imported disk came from.
        pub import_oss_bucket: Option<String> = "ImportOSSBucket",
        /// The object an imported disk came from.
        pub import_oss_object: Option<String> = "ImportOSSObject",
    }
}

const LIST: List = List {
    names: ["Images", "Image"],
    list: "a list of images",
    counted: "the images that its TotalCount counts",
};

impl Action for DescribeImagesRequest {
    const NAME: &'static str = "DescribeImages";
    const TIME_LIMIT: Duration = Duration::from_secs(38);
    const RULES: &'static [Rule] = &[Rule::new("DryRunOperation", ErrorKind::InvalidRequest, Class::Fatal)];

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
        params.text("ImageOwnerId", self.image_owner_id.as_ref());
        params.text("Architecture", self.architecture.as_ref());
        params.text("OSType", self.os_type.as_ref());
        params.text("Usage", self.usage.as_ref());
        params.text("ActionType", self.action_type.as_ref());
        params.text("InstanceType", self.instance_type.as_ref());
        params.value("IsSupportCloudinit", self.is_support_cloudinit);
        params.value("IsSupportIoOptimized", self.is_support_io_optimized);
        params.value("DryRun", self.dry_run);
        params.text("SnapshotId", self.snapshot_id.as_ref());
        params.text("ResourceGroupId", self.resource_group_id.as_ref());
        params.tags(&self.tags);
        params.value("PageNumber", self.page_number);
        params.value("PageSize", self.page_size);
        params.0
    }

    /// Images speak for themselves; that there are none is believed only from an answer that counts them, that has the
    /// shape of this action's answers, and that is about no other page.
    fn lacks(
        &self,
        response: &DescribeImagesResponse,
        request_id: Option<&str>,
        text: &str,
    ) -> Option<&'static str> {
        if !response.images.is_empty() {
            return None;
        }
        let asked = self.page_number.unwrap_or(1).max(1);
        if response.page_number.is_some_and(|page| page > 0 && page != i64::from(asked)) {
            return Some("the page that was asked for");
        }
        LIST.lacks(request_id, response.total_count, text, |_| asked == 1)
    }

    fn lacks_of_region(&self, response: &DescribeImagesResponse, region: &str) -> Option<&'static str> {
        let told = response.region_id.as_deref().unwrap_or_default().trim();
        let is_elsewhere = !told.is_empty() && !told.eq_ignore_ascii_case(region.trim());
        (response.images.is_empty() && is_elsewhere).then_some("the images of the region that was asked")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ecs::action::check_params;
    use crate::testing::{Stub, client, in_seconds, ok};

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
    fn every_filter_is_sent_under_the_clouds_name_and_false_is_sent_too() {
        let text = |text: &str| Some(text.to_owned());
        let request = DescribeImagesRequest {
            image_id: None,
            status: Status::Every,
            image_name: text("name"),
            image_family: text("family"),
            image_owner_alias: text("others"),
            image_owner_id: text("1234567890123456"),
            architecture: text("arm64"),
            os_type: text("linux"),
            usage: text("none"),
            action_type: text("ChangeOS"),
            instance_type: text("ecs.g7.large"),
            is_support_cloudinit: Some(false),
            is_support_io_optimized: Some(false),
            dry_run: Some(true),
            snapshot_id: text("s-1"),
            resource_group_id: text("rg-1"),
            tags: vec![Tag::new("k", "v")],
            page_number: Some(2),
            page_size: Some(100),
        };
        let expected = [
            "Status=ALL",
            "ImageName=name",
            "ImageFamily=family",
            "ImageOwnerAlias=others",
            "ImageOwnerId=1234567890123456",
            "Architecture=arm64",
            "OSType=linux",
            "Usage=none",
            "ActionType=ChangeOS",
            "InstanceType=ecs.g7.large",
            "IsSupportCloudinit=false",
            "IsSupportIoOptimized=false",
            "DryRun=true",
            "SnapshotId=s-1",
            "ResourceGroupId=rg-1",
            "Tag.1.Key=k",
            "Tag.1.Value=v",
            "PageNumber=2",
            "PageSize=100",
        ];
        check_params(&request, &expected);
    }

    #[test]
    fn a_full_answer_is_read_whatever_types_it_uses() {
        let json = r#"{
            "TotalCount": "1", "PageNumber": 1, "PageSize": 10, "RequestId": "R",
            "Images": {"Image": [{
                "ImageId": "m-1", "ImageName": "name", "ImageVersion": 1, "Usable": "true", "Size": "40",
                "IsSelfShared": false, "OSName": "x", "OSNameEn": "y", "OSType": "linux", "Progress": "100%",
                "ImageOwnerAlias": "others", "ImageOwnerId": 1234567890123456, "Usage": "none", "ProductCode": 7,
                "IsSubscribed": "false", "IsCopied": 1, "IsSupportCloudinit": "True",
                "IsSupportIoOptimized": true, "Features": {"NvmeSupport": "supported", "ImdsSupport": "v2"},
                "Tags": {"Tag": [{"TagKey": "k", "TagValue": "v"}]}, "Unknown": {"Field": []},
                "DiskDeviceMappings": {"DiskDeviceMapping": [{
                    "Device": "/dev/xvda", "Type": "system", "Size": "40", "SnapshotId": "s-1", "RemainTime": 0,
                    "ImportOSSBucket": "b", "ImportOSSObject": "o"
                }]}
            }]}
        }"#;
        let response = DescribeImagesResponse::of_answer(200, json.to_owned()).expect("an answer");
        assert_eq!(response.total_count, Some(1));
        let image = &response.images[0];
        assert_eq!(image.image_version.as_deref(), Some("1"));
        assert_eq!((image.usable, image.size), (Some(true), Some(40)));
        assert_eq!(image.is_self_shared.as_deref(), Some("false"));
        assert_eq!(image.os_name_en.as_deref(), Some("y"));
        assert_eq!(image.image_owner_alias.as_deref(), Some("others"));
        assert_eq!(image.image_owner_id.as_deref(), Some("1234567890123456"));
        assert_eq!((image.usage.as_deref(), image.product_code.as_deref()), (Some("none"), Some("7")));
        assert_eq!((image.is_subscribed, image.is_copied), (Some(false), Some(true)));
        assert_eq!((image.is_support_cloudinit, image.is_support_io_optimized), (Some(true), Some(true)));
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
            let response = DescribeImagesResponse::of_answer(200, json.clone()).expect(&json);
            assert!(response.images.is_empty(), "{json}");
            let json = json.replace("\"TotalCount\":0", "\"PageNumber\":1");
            let error = DescribeImagesResponse::of_answer(200, json.clone()).expect_err(&json);
            assert!(error.to_string().contains("without a TotalCount"), "{error}");
        }
    }

    #[test]
    fn an_answer_of_another_shape_is_no_empty_list() {
        for images in [
            "0",
            "false",
            "\"\"",
            "[[]]",
            "[[[]]]",
            "[null]",
            r#"["m-1"]"#,
            r#"{"Image":""}"#,
            r#"{"Image":0}"#,
            r#"{"Image":[[]]}"#,
            r#"{"Image":[[],[]]}"#,
            r#"{"Image":[[{"ImageId":"m-1"}]]}"#,
            r#"{"Image":{"Image":[]}}"#,
            r#"{"Image":{"Image":{"Image":[]}}}"#,
            r#"{"Image":{"Image":{"Image":[{"ImageId":"m-1"}]}}}"#,
            r#"{"Image":{"Code":"x"}}"#,
            r#"{"Image":[],"Error":"x"}"#,
            r#"{"Item":[]}"#,
            r#"{"Item":{"Image":{"ImageId":{}}}}"#,
        ] {
            let json = format!(r#"{{"RequestId":"R","TotalCount":0,"Images":{images}}}"#);
            match DescribeImagesResponse::of_answer(200, json.clone()) {
                Err(error) => assert!(error.to_string().contains("without a list of images"), "{error}"),
                Ok(answer) => assert!(!answer.images.is_empty(), "{json}"),
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_empty_answer_of_another_region_or_page_proves_nothing() {
        let describe = async |page_number, told: &str, images: &str| {
            let json = format!(r#"{{"RequestId":"R",{told}"TotalCount":0,"Images":{{"Image":[{images}]}}}}"#);
            let request = DescribeImagesRequest { page_number, ..DescribeImagesRequest::default() };
            client(&Stub::script(vec![ok(&json)])).describe_images(&request, in_seconds(600)).await
        };
        let (region, page) = ("the images of the region that was asked", "the page that was asked for");
        for (page_number, told, lack) in [
            (None, r#""RegionId":"cn-beijing","#, region),
            (None, r#""RegionId":"cn-test","PageNumber":2,"#, page),
            (Some(3), r#""RegionId":"cn-test","PageNumber":"2","#, page),
        ] {
            let error = describe(page_number, told, "").await.expect_err(told);
            assert_eq!(error.kind(), ErrorKind::UnexpectedResponse, "{error}");
            assert!(error.to_string().contains(&format!("an answer without {lack}: {{")), "{error}");
            let answer = describe(page_number, told, r#"{"ImageId":"m-1"}"#).await.expect(told);
            assert_eq!(answer.images.len(), 1, "{told}");
        }
        for (page_number, told) in [
            (None, ""),
            (None, r#""RegionId":"","PageNumber":1,"#),
            (None, r#""RegionId":null,"PageNumber":null,"#),
            (Some(3), r#""RegionId":" CN-Test ","PageNumber":"3","#),
        ] {
            describe(page_number, told, "").await.expect(told);
        }
    }
}
