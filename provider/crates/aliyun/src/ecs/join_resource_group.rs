//! `JoinResourceGroup`: moves a resource into a resource group.

use serde::Deserialize;

use super::{Action, Params};
use crate::error::{Class, ErrorKind, Rule};
use crate::lenient;

/// What to move where. Safe to repeat: a resource that is in the group already counts as moved.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JoinResourceGroupRequest {
    /// `image`, `snapshot` …
    pub resource_type: String,
    /// The resource.
    pub resource_id: String,
    /// The group.
    pub resource_group_id: String,
}

/// Nothing but the request's id.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default, rename_all = "PascalCase")]
pub struct JoinResourceGroupResponse {
    /// For the cloud's support.
    #[serde(deserialize_with = "lenient::text")]
    pub request_id: Option<String>,
}

impl Action for JoinResourceGroupRequest {
    const NAME: &'static str = "JoinResourceGroup";
    const RULES: &'static [Rule] = &[
        Rule::not_found("InvalidResourceId.NotFound"),
        Rule::wait("InvalidStatus.ResourceGroup"),
        Rule::new("EntityExists.AssociatedTransferTasks", ErrorKind::Conflict, Class::Backoff),
    ];
    const DONE_ALREADY: Option<&'static str> = Some("InvalidResourceGroup.Duplicate");

    type Response = JoinResourceGroupResponse;

    fn params(&self) -> Vec<(String, String)> {
        let mut params = Params::default();
        params.text("ResourceType", Some(&self.resource_type));
        params.text("ResourceId", Some(&self.resource_id));
        params.text("ResourceGroupId", Some(&self.resource_group_id));
        params.0
    }
}
