//! `TagResources`: puts tags on resources, over those with the same key.

use crate::ecs::action::{Action, Params};
use crate::ecs::tag::Tag;
use crate::error::Rule;

/// Which tags to put on which resources. Safe to repeat.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TagResourcesRequest {
    /// `image`, `snapshot` …
    pub resource_type: String,
    /// 1 to 50 ids.
    pub resource_ids: Vec<String>,
    /// 1 to 20 tags.
    pub tags: Vec<Tag>,
}

impl Action for TagResourcesRequest {
    const NAME: &'static str = "TagResources";
    const RULES: &'static [Rule] = &[Rule::not_found("InvalidResourceId.NotFound")];

    type Response = ();

    fn params(&self) -> Vec<(String, String)> {
        let mut params = Params::default();
        params.text("ResourceType", Some(&self.resource_type));
        params.list("ResourceId", &self.resource_ids);
        params.tags(&self.tags);
        params.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ecs::action::check_params;

    #[test]
    fn lists_are_numbered_from_one() {
        let request = TagResourcesRequest {
            resource_type: "image".to_owned(),
            resource_ids: vec!["m-1".to_owned(), "m-2".to_owned()],
            tags: vec![Tag::new("k", "v")],
        };
        let expected =
            ["ResourceType=image", "ResourceId.1=m-1", "ResourceId.2=m-2", "Tag.1.Key=k", "Tag.1.Value=v"];
        check_params(&request, &expected);
    }
}
