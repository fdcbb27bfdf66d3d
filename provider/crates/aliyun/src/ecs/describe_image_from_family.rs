//! `DescribeImageFromFamily`: the newest image of a family.

use crate::ecs::action::{Action, Params};
use crate::ecs::describe_images::Image;
use crate::error::{Class, ErrorKind, Rule};
use crate::lenient::record;

/// Which family to look at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DescribeImageFromFamilyRequest {
    /// 1 to 128 characters. Another account's family is `acs:<number of the account>:<family>`.
    pub image_family: String,
}

record! {
    /// The newest image of a family.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct DescribeImageFromFamilyResponse {
        /// The image that is `Available` and was made last; nothing, or an image without an id, if the family has none in
        /// the region. The cloud leaves out what only DescribeImages reports, such as `OSNameEn` and `BootMode`.
        pub image: Option<Image> = "Image",
    }
}

impl Action for DescribeImageFromFamilyRequest {
    const NAME: &'static str = "DescribeImageFromFamily";
    const RULES: &'static [Rule] = &[Rule::new("InvalidUser.Unauthorized", ErrorKind::Denied, Class::Fatal)];

    type Response = DescribeImageFromFamilyResponse;

    fn params(&self) -> Vec<(String, String)> {
        let mut params = Params::default();
        params.text("ImageFamily", Some(&self.image_family));
        params.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ecs::action::check_params;
    use crate::testing::{Stub, client, in_seconds, ok, refuse};

    async fn describe(reply: crate::testing::Reply) -> Result<Option<Image>, crate::Error> {
        let request = DescribeImageFromFamilyRequest { image_family: "acs:1:web".to_owned() };
        check_params(&request, &["ImageFamily=acs:1:web"]);
        let stub = Stub::script(vec![reply]);
        let answer = client(&stub).describe_image_from_family(&request, in_seconds(60)).await;
        assert_eq!(stub.actions(), ["DescribeImageFromFamily"]);
        answer.map(|answer| answer.image)
    }

    #[tokio::test(start_paused = true)]
    async fn the_image_is_read_as_those_of_a_list_are() {
        let json = r#"{"RequestId":"R","Image":{"ImageId":"m-1","ImageVersion":2,"IsSelfShared":true,"Size":"40",
            "Tags":{"Tag":[{"TagKey":"k","TagValue":"v"}]},
            "DiskDeviceMappings":{"DiskDeviceMapping":[{"Device":"/dev/xvda","Size":"40"}]}}}"#;
        let image = describe(ok(json)).await.expect("described").expect("an image");
        assert_eq!((image.image_id.as_deref(), image.size), (Some("m-1"), Some(40)));
        assert_eq!(
            (image.image_version.as_deref(), image.is_self_shared.as_deref()),
            (Some("2"), Some("true"))
        );
        assert_eq!((image.tags.len(), image.disk_device_mappings[0].size), (1, Some(40)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_family_without_images_has_no_id() {
        for image in ["", r#","Image":null"#, r#","Image":"""#, r#","Image":[]"#, r#","Image":{}"#] {
            let json = format!(r#"{{"RequestId":"R"{image}}}"#);
            let image = describe(ok(&json)).await.expect(&json);
            assert_eq!(image.unwrap_or_default(), Image::default(), "{json}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_account_without_the_right_is_told_which() {
        let error = describe(refuse(403, "InvalidUser.Unauthorized")).await.expect_err("refused");
        assert_eq!(error.kind(), ErrorKind::Denied);
        let advice = error.advice().expect("advice");
        assert!(advice.contains("Allow ecs:DescribeImageFromFamily"), "{advice}");
    }
}
