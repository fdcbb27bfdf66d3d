//! JoinResourceGroup, for images, snapshots and instances.

use serde_json::{Value, json};

use crate::action::Context;
use crate::answer::{Failure, failure, missing_text};
use crate::ecs::lookup::{check_resource_group, labels};
use crate::rules;

const TYPES: &[&str] = &[
    "instance",
    "disk",
    "snapshot",
    "image",
    "securitygroup",
    "ddh",
    "ddhcluster",
    "eni",
    "keypair",
    "launchtemplate",
    "command",
    "activation",
    "managedinstance",
];

pub(crate) fn join_resource_group(context: &mut Context<'_>) -> Result<Value, Failure> {
    let params = context.params;
    // This action says 403; others say 400.
    let needed =
        |name: &str| params.text(name).ok_or_else(|| failure(403, "MissingParameter", missing_text(name)));
    needed("RegionId")?;
    context.region_id()?;
    let group = needed("ResourceGroupId")?;
    let id = needed("ResourceId")?;
    let kind = needed("ResourceType")?;
    rules::one_of(kind, TYPES, (404, "InvalidResourceType.NotFound"))?;
    let region = context.region()?;
    check_resource_group(region, group)?;
    let current = labels(region, kind, id)?.resource_group;
    if current == group {
        let message = format!("The resource \"{id}\" is in the resource group \"{group}\" already.");
        return Err(failure(403, "InvalidResourceGroup.Duplicate", message));
    }
    group.clone_into(current);
    if let Some(image) = region.image_mut(id).filter(|_| kind == "image") {
        image.report("ResourceGroupId");
    }
    Ok(json!({}))
}

#[cfg(test)]
mod tests {
    use crate::ecs::tests::Cloud;

    #[track_caller]
    fn check(kind: &str, id: &str, group: &str, expect: (u16, &str)) {
        let params = [("ResourceType", kind), ("ResourceId", id), ("ResourceGroupId", group)];
        Cloud::new().refused("JoinResourceGroup", &params, expect);
    }

    #[test]
    fn an_image_moves_between_groups() {
        let mut cloud = Cloud::new();
        let id = cloud.image("mine");
        let to = |group| [("ResourceType", "image"), ("ResourceId", id.as_str()), ("ResourceGroupId", group)];
        cloud.ok("JoinResourceGroup", &to("rg-default"));
        cloud.ok("JoinResourceGroup", &to("rg-other"));
        assert_eq!(cloud.describe(&id)["ResourceGroupId"], "rg-other");
        cloud.refused("JoinResourceGroup", &to("rg-other"), (403, "InvalidResourceGroup.Duplicate"));
    }

    #[test]
    fn a_group_that_is_not_reported_is_reported_once_it_is_joined() {
        let mut cloud = Cloud::new();
        cloud.options.unreported = vec!["ResourceGroupId".to_owned()];
        let id = cloud.image("mine");
        assert!(cloud.describe(&id).get("ResourceGroupId").is_none());
        let join = [("ResourceType", "image"), ("ResourceId", &id), ("ResourceGroupId", "rg-other")];
        cloud.ok("JoinResourceGroup", &join);
        assert_eq!(cloud.describe(&id)["ResourceGroupId"], "rg-other");
    }

    #[test]
    fn everything_named_must_exist() {
        check("image", "m-none", "rg-other", (404, "InvalidResourceId.NotFound"));
        check("image", "m-system", "rg-other", (404, "InvalidResourceId.NotFound"));
        check("image", "m-none", "rg-none", (404, "InvalidResourceGroup.NotFound"));
        check("Image", "m-none", "rg-other", (404, "InvalidResourceType.NotFound"));
        check("image", "", "rg-other", (403, "MissingParameter"));
        check("image", "m-none", "", (403, "MissingParameter"));
        check("", "m-none", "rg-other", (403, "MissingParameter"));
    }
}
