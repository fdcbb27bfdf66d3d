//! `JoinResourceGroup`: moves a resource into a resource group.

use crate::ecs::action::{Action, Params};
use crate::error::{Class, ErrorKind, Rule};

/// Which resource to move into which group. Safe to repeat: a resource that is in the group already counts as moved.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JoinResourceGroupRequest {
    /// `image`, `snapshot` …
    pub resource_type: String,
    /// The resource.
    pub resource_id: String,
    /// The group.
    pub resource_group_id: String,
}

impl Action for JoinResourceGroupRequest {
    const NAME: &'static str = "JoinResourceGroup";
    const RULES: &'static [Rule] = &[
        Rule::not_found("InvalidResourceId.NotFound"),
        Rule::wait("InvalidStatus.ResourceGroup"),
        Rule::new("EntityExists.AssociatedTransferTasks", ErrorKind::Conflict, Class::Backoff),
    ];
    const DONE_ALREADY: Option<&'static str> = Some("InvalidResourceGroup.Duplicate");

    type Response = ();

    fn params(&self) -> Vec<(String, String)> {
        let mut params = Params::default();
        params.text("ResourceType", Some(&self.resource_type));
        params.text("ResourceId", Some(&self.resource_id));
        params.text("ResourceGroupId", Some(&self.resource_group_id));
        params.0
    }
}
