//! `alicloud:ecs/getImageFromFamily:getImageFromFamily`: the newest image of a family.

use std::time::Duration;

use aliyun::ecs::DescribeImageFromFamilyRequest;
use pulumi::value::quote;
use pulumi::{Context, Failure, Function, Input, known};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::client::Client;
use crate::ecs::images::result::{DiskResult, ImageResult};
use crate::failure;

/// Which family.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["imageFamily"]))]
pub(crate) struct GetImageFromFamilyArgs {
    /// The family, 1 to 128 characters. Another account's family is `acs:<number of the account>:<family>`.
    #[schemars(length(min = 1, max = 128))]
    pub(crate) image_family: Option<Input<String>>,
}

/// The newest image of a family.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GetImageFromFamilyResult {
    /// The image's id, as `imageId`.
    id: String,

    /// The family that was asked for.
    image_family: String,

    /// Whether cloud-init runs in the image.
    is_support_cloud_init: bool,

    #[serde(flatten)]
    image: ImageResult<GetImageFromFamilyDiskDeviceMapping>,
}

/// A disk of the newest image of a family.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
#[schemars(extend(
    "x-token" = "alicloud:ecs/getImageFromFamilyDiskDeviceMapping:getImageFromFamilyDiskDeviceMapping"
))]
pub(crate) struct GetImageFromFamilyDiskDeviceMapping {
    #[serde(flatten)]
    disk: DiskResult,
}

impl From<DiskResult> for GetImageFromFamilyDiskDeviceMapping {
    fn from(disk: DiskResult) -> Self {
        GetImageFromFamilyDiskDeviceMapping { disk }
    }
}

/// The function.
#[derive(Debug)]
pub(crate) struct GetImageFromFamily;

impl Function<Client> for GetImageFromFamily {
    type Args = GetImageFromFamilyArgs;
    type Output = GetImageFromFamilyResult;

    const TOKEN: &'static str = "alicloud:ecs/getImageFromFamily:getImageFromFamily";
    const DESCRIPTION: &'static str = include_str!("get_image_from_family.md");
    const TIMEOUT: Duration = Duration::from_secs(60);

    async fn call(
        &self,
        client: &Client,
        context: &Context,
        args: GetImageFromFamilyArgs,
    ) -> Result<GetImageFromFamilyResult, Failure> {
        let image_family = known(&args.image_family).cloned().unwrap_or_default();
        let request = DescribeImageFromFamilyRequest { image_family: image_family.clone() };
        let call = client.api.describe_image_from_family(&request, context.deadline());
        let answer = context.unless_cancelled(call).await?.map_err(failure::looked_up)?;
        let image = answer.image.filter(|image| image.image_id.as_ref().is_some_and(|id| !id.is_empty()));
        let Some(image) = image else {
            return Err(Failure::Refused(format!(
                "imageFamily: the family {} has no image that is Available in the region {} (from {}). Check the family's name \
                 and the region, and that one of its images there is neither deprecated nor still being made; another account's \
                 family is named acs:<number of the account>:<family>",
                quote(&image_family),
                client.api.region(),
                client.region_origin
            )));
        };
        Ok(GetImageFromFamilyResult {
            id: image.image_id.clone().unwrap_or_default(),
            image_family,
            is_support_cloud_init: image.is_support_cloudinit.unwrap_or_default(),
            image: ImageResult::from(&image),
        })
    }
}

#[cfg(test)]
mod tests {
    use aliyun::testing::{self, Reply, Stub, hang, ok, refuse};
    use pulumi::Verb;
    use pulumi::testing::TestContext;
    use serde_json::json;

    use super::*;

    async fn call(reply: Reply) -> Result<serde_json::Value, String> {
        let stub = Stub::script(vec![reply]);
        let client = Client::for_tests(testing::client(&stub), None);
        let context = TestContext::new(Verb::Invoke, "", GetImageFromFamily::TIMEOUT);
        let args = GetImageFromFamilyArgs { image_family: Some("acs:1234:web".to_owned().into()) };
        let result = GetImageFromFamily.call(&client, &context, args).await;
        assert_eq!(stub.sent()[0].param("ImageFamily"), "acs:1234:web");
        result.map(|result| serde_json::to_value(result).unwrap()).map_err(|failure| failure.to_string())
    }

    #[tokio::test(start_paused = true)]
    async fn everything_that_the_cloud_says_is_told() {
        let json = json!({ "RequestId": "R", "Image": {
            "ImageId": "m-1", "ImageName": "web-2", "ImageFamily": "web", "Architecture": "x86_64", "Size": 40,
            "IsSelfShared": true, "IsSupportCloudinit": true, "Status": "Available", "ImageVersion": 2,
            "Tags": { "Tag": [{ "TagKey": "team", "TagValue": "web" }] },
            "DiskDeviceMappings": { "DiskDeviceMapping": [{ "Device": "/dev/xvda", "Size": "40", "SnapshotId": "s-1" }] }
        }});
        let expected = json!({
            "architecture": "x86_64", "creationTime": "", "description": "",
            "diskDeviceMappings": [{ "device": "/dev/xvda", "size": "40", "snapshotId": "s-1" }],
            "id": "m-1", "imageFamily": "acs:1234:web", "imageId": "m-1", "imageOwnerAlias": "", "imageVersion": "2",
            "isCopied": false, "isSelfShared": "true", "isSubscribed": false, "isSupportCloudInit": true,
            "isSupportIoOptimized": false, "name": "web-2", "osName": "", "osType": "", "platform": "", "productCode": "",
            "progress": "", "size": 40, "status": "Available", "tags": { "team": "web" }, "usage": ""
        });
        assert_eq!(call(ok(&json.to_string())).await.unwrap(), expected);
    }

    #[tokio::test(start_paused = true)]
    async fn a_family_without_images_is_an_error_that_names_it_and_the_region() {
        for image in ["", r#","Image":{}"#, r#","Image":{"ImageId":""}"#] {
            let failed = call(ok(&format!(r#"{{"RequestId":"R"{image}}}"#))).await.unwrap_err();
            assert!(
                failed.starts_with(
                    "imageFamily: the family \"acs:1234:web\" has no image that is Available in the region cn-test (from the \
                     setting alicloud:region). Check the family's name and the region"
                ),
                "{failed}"
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_the_cloud_says_instead_is_told_with_what_to_do() {
        let failed = call(refuse(403, "InvalidUser.Unauthorized")).await.unwrap_err();
        assert!(failed.contains("InvalidUser.Unauthorized"), "{failed}");
        assert!(failed.contains("Allow ecs:DescribeImageFromFamily"), "{failed}");
        let failed = call(hang()).await.unwrap_err();
        assert!(failed.contains("time ran out after "), "{failed}");
        assert!(failed.ends_with("Run the command again."), "{failed}");
    }
}
