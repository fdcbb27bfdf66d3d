//! `UntagResources`: takes tags off resources.

use serde::Deserialize;

use super::{Action, Params};
use crate::error::Rule;
use crate::lenient;

/// Which tags to take off where. Safe to repeat.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UntagResourcesRequest {
    /// `image`, `snapshot` …
    pub resource_type: String,
    /// 1 to 50 ids.
    pub resource_ids: Vec<String>,
    /// Up to 20 keys.
    pub tag_keys: Vec<String>,
    /// All tags; looked at only without `tag_keys`.
    pub all: Option<bool>,
}

/// Nothing but the request's id.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default, rename_all = "PascalCase")]
pub struct UntagResourcesResponse {
    /// For the cloud's support.
    #[serde(deserialize_with = "lenient::text")]
    pub request_id: Option<String>,
}

impl Action for UntagResourcesRequest {
    const NAME: &'static str = "UntagResources";
    const RULES: &'static [Rule] = &[Rule::not_found("InvalidResourceId.NotFound")];

    type Response = UntagResourcesResponse;

    fn params(&self) -> Vec<(String, String)> {
        let mut params = Params::default();
        params.text("ResourceType", Some(&self.resource_type));
        params.list("ResourceId", &self.resource_ids);
        params.list("TagKey", &self.tag_keys);
        params.value("All", self.all);
        params.0
    }
}
