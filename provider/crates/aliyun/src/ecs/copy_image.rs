//! `CopyImage`: a copy of an image in another region. It goes to the region of the source, by [`Client::in_region`].
//!
//! [`Client::in_region`]: crate::Client::in_region

use std::time::Duration;

use crate::ecs::action::{Action, Params};
use crate::ecs::tag::Tag;
use crate::error::{Class, ErrorKind, Rule};
use crate::lenient::record;

/// What to copy, where to, and how the copy shall be called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CopyImageRequest {
    /// Makes the call safe to repeat: the same token with the same parameters gives the same copy. At most 64 ASCII
    /// characters. Without one, a call whose outcome is unknown is not repeated.
    pub client_token: Option<String>,
    /// The source, in the region of the client.
    pub image_id: String,
    /// The region of the copy.
    pub destination_region_id: String,
    /// 2 to 128 characters, unique in the region of the copy.
    pub destination_image_name: Option<String>,
    /// 2 to 256 characters.
    pub destination_description: Option<String>,
    /// Whether the copy is encrypted. If it is absent, the account's setting for that region decides.
    pub encrypted: Option<bool>,
    /// The key in the region of the copy that encrypts it. The cloud refuses one without `encrypted`.
    pub kms_key_id: Option<String>,
    /// The group the copy goes into; the default group if absent.
    pub resource_group_id: Option<String>,
    /// At most 20.
    pub tags: Vec<Tag>,
}

record! {
    /// The copy's id; the copy itself is not ready yet, and may have to wait for others.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct CopyImageResponse {
        /// The copy's id. Never empty: an answer without one is an error.
        pub image_id: String = "ImageId",
    }
}

impl CopyImageRequest {
    /// The parameters as they are sent, flattened, but for the region of the source. What is not given is not among them.
    pub fn parameters(&self) -> Vec<(String, String)> {
        self.params()
    }
}

impl Action for CopyImageRequest {
    const NAME: &'static str = "CopyImage";
    /// Clients that waited for 10 s, as the core SDK does, have given up on answers that came.
    const TIME_LIMIT: Duration = Duration::from_secs(60);
    const RULES: &'static [Rule] = &[
        // Whether the source may become available by itself its status tells.
        Rule::conflict("IncorrectImageStatus"),
        Rule::wait("OperationDenied.ImageCopyConflict"),
        Rule::wait("OperationDenied.ImageCopying"),
        // Here a missing source is a mistake in the request, and says nothing about the copy.
        Rule::new("InvalidImageId.NotFound", ErrorKind::InvalidRequest, Class::Fatal),
        Rule::new("InvalidSnapshotId.NotFound", ErrorKind::InvalidRequest, Class::Fatal),
        Rule::new("InvalidParameter.KMSKeyId.NotFound", ErrorKind::InvalidRequest, Class::Fatal),
    ];

    type Response = CopyImageResponse;

    fn params(&self) -> Vec<(String, String)> {
        let mut params = Params::default();
        params.text("ImageId", Some(&self.image_id));
        params.text("DestinationRegionId", Some(&self.destination_region_id));
        params.text("DestinationImageName", self.destination_image_name.as_ref());
        params.text("DestinationDescription", self.destination_description.as_ref());
        params.value("Encrypted", self.encrypted);
        params.text("KMSKeyId", self.kms_key_id.as_ref());
        params.text("ResourceGroupId", self.resource_group_id.as_ref());
        params.tags(&self.tags);
        params.text("ClientToken", self.client_token.as_ref());
        params.0
    }

    /// An id counts even if nothing else is there: lost, it would leave a copy behind.
    fn lacks(
        &self,
        response: &CopyImageResponse,
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
    fn what_is_not_given_is_not_sent() {
        let least = CopyImageRequest {
            image_id: "m-1".to_owned(),
            destination_region_id: "cn-beijing".to_owned(),
            ..CopyImageRequest::default()
        };
        check_params(&least, &["ImageId=m-1", "DestinationRegionId=cn-beijing"]);
        assert!(!least.is_idempotent());
        let most = CopyImageRequest {
            client_token: Some("token".to_owned()),
            destination_image_name: Some("copy".to_owned()),
            destination_description: Some("a text".to_owned()),
            encrypted: Some(true),
            kms_key_id: Some("k-1".to_owned()),
            resource_group_id: Some("rg-1".to_owned()),
            tags: vec![Tag::new("k", "v")],
            ..least
        };
        check_params(
            &most,
            &[
                "ImageId=m-1",
                "DestinationRegionId=cn-beijing",
                "DestinationImageName=copy",
                "DestinationDescription=a text",
                "Encrypted=true",
                "KMSKeyId=k-1",
                "ResourceGroupId=rg-1",
                "Tag.1.Key=k",
                "Tag.1.Value=v",
                "ClientToken=token",
            ],
        );
        assert!(most.is_idempotent());
    }
}
