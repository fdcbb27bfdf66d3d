//! The actions of ECS 2014-05-26 that this crate calls, a file each: request, response, time limit, and the codes that
//! only this action may wait for.
//!
//! Parameters are flattened as the cloud wants them: lists are numbered from 1 (`Tag.1.Key`), what is `None` is left out,
//! empty text is sent as it is.

mod create_image;
mod delete_image;
mod delete_snapshot;
mod describe_images;
mod join_resource_group;
mod modify_image_attribute;
mod tag_resources;
mod untag_resources;

use std::time::Duration;

use serde::de::MapAccess;

pub use self::create_image::{CreateImageRequest, CreateImageResponse, DiskDeviceMapping};
pub use self::delete_image::DeleteImageRequest;
pub use self::delete_snapshot::DeleteSnapshotRequest;
pub use self::describe_images::{
    DescribeImagesRequest, DescribeImagesResponse, Image, ImageDiskDeviceMapping, ImageFeatures, Status,
};
pub(crate) use self::describe_images::{EVERY_STATUS, refuses_status};
pub use self::join_resource_group::JoinResourceGroupRequest;
pub use self::modify_image_attribute::ModifyImageAttributeRequest;
pub use self::tag_resources::TagResourcesRequest;
pub use self::untag_resources::UntagResourcesRequest;
use crate::error::Rule;
use crate::lenient::{self, Record};

/// ECS's API version.
pub(crate) const VERSION: &str = "2014-05-26";
/// What every answer has, in the words of [`Action::lacks`].
const REQUEST_ID: &str = "a RequestId";

/// One action of the API.
pub(crate) trait Action {
    const NAME: &'static str;
    /// For one attempt. From the read time-outs of the official core SDK, which says 10 s where it lists nothing.
    const TIME_LIMIT: Duration = Duration::from_secs(10);
    /// What this action's codes mean where they mean something else, or more, than elsewhere.
    const RULES: &'static [Rule] = &[];
    /// Whether the action declares `RegionId`; the host alone does not choose the region.
    const HAS_REGION: bool = true;
    /// A code that says that what was asked for is so already.
    const DONE_ALREADY: Option<&'static str> = None;

    /// What is read of a success; nothing if the request's id is all that it holds.
    type Response: Record + Send;

    fn params(&self) -> Vec<(String, String)>;

    /// What a success lacks to be an answer of this action, in words such as "a RequestId". Whatever lacks something was
    /// not answered by the cloud, so it proves nothing. `request_id` is never empty.
    fn lacks(&self, _response: &Self::Response, request_id: Option<&str>) -> Option<&'static str> {
        request_id.is_none().then_some(REQUEST_ID)
    }

    /// Whether carrying it out twice is as good as once.
    fn is_idempotent(&self) -> bool {
        true
    }
}

/// A tag.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tag {
    /// 1 to 128 characters, unique on a resource whatever the case.
    pub key: String,
    /// Up to 128 characters.
    pub value: String,
}

impl Tag {
    /// A tag.
    pub fn new(key: impl Into<String>, value: impl Into<String>) -> Tag {
        Tag { key: key.into(), value: value.into() }
    }
}

/// Reads `TagKey`/`TagValue`, and the spellings of other actions.
impl Record for Tag {
    fn read<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "TagKey" | "Key" => lenient::value(map, &mut self.key)?,
            "TagValue" | "Value" => lenient::value(map, &mut self.value)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn is_entry(&self) -> bool {
        !self.key.is_empty()
    }
}

/// Flattened parameters being put together.
#[derive(Debug, Default)]
struct Params(Vec<(String, String)>);

impl Params {
    fn text(&mut self, name: &str, value: Option<&String>) {
        if let Some(value) = value {
            self.0.push((name.to_owned(), value.clone()));
        }
    }

    fn value(&mut self, name: &str, value: Option<impl ToString>) {
        if let Some(value) = value {
            self.0.push((name.to_owned(), value.to_string()));
        }
    }

    fn list(&mut self, name: &str, values: &[String]) {
        for (index, value) in values.iter().enumerate() {
            self.0.push((format!("{name}.{}", index + 1), value.clone()));
        }
    }

    fn tags(&mut self, tags: &[Tag]) {
        for (index, tag) in tags.iter().enumerate() {
            self.0.push((format!("Tag.{}.Key", index + 1), tag.key.clone()));
            self.0.push((format!("Tag.{}.Value", index + 1), tag.value.clone()));
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The parameters of a request, as `Key=Value` lines in the order they are made.
    #[track_caller]
    pub(crate) fn check_params(request: &impl Action, expected: &[&str]) {
        let params: Vec<_> =
            request.params().into_iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(params, expected);
    }

    #[test]
    fn tags_are_read_in_every_spelling() {
        for json in [r#"{"TagKey":"a","TagValue":1}"#, r#"{"Key":"a","Value":"1"}"#] {
            assert_eq!(lenient::from_str::<Tag>(json).expect(json), Tag::new("a", "1"));
        }
        assert_eq!(lenient::from_str::<Tag>(r#"{"TagKey":"a"}"#).expect("no value"), Tag::new("a", ""));
        assert!(!lenient::from_str::<Tag>(r#"{"TagValue":"a"}"#).expect("no key").is_entry());
    }
}
