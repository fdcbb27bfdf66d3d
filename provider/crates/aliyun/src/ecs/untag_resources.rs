//! `UntagResources`: takes tags off resources.

use crate::ecs::action::{Action, Params};
use crate::error::Rule;

/// Which tags to take off which resources. Safe to repeat.
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

impl Action for UntagResourcesRequest {
    const NAME: &'static str = "UntagResources";
    const RULES: &'static [Rule] = &[Rule::not_found("InvalidResourceId.NotFound")];

    type Response = ();

    fn params(&self) -> Vec<(String, String)> {
        let mut params = Params::default();
        params.text("ResourceType", Some(&self.resource_type));
        params.list("ResourceId", &self.resource_ids);
        params.list("TagKey", &self.tag_keys);
        params.value("All", self.all);
        params.0
    }
}
