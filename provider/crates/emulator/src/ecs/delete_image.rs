//! DeleteImage: what keeps an image alive. Its snapshots stay.

use serde_json::{Value, json};

use crate::action::Context;
use crate::answer::{Failure, failure};
use crate::ecs::lookup::own_image;

pub(crate) fn delete_image(context: &mut Context<'_>) -> Result<Value, Failure> {
    let region_id = context.region_id()?;
    let (params, now) = (context.params, context.now);
    let freed_at = context.options.names_freed_at(now);
    let id = params.required("ImageId")?;
    let force = params.flag("Force")?;
    let dry_run = context.check_dry_run();
    let is_copy_source = context.state.regions.values().flat_map(|region| &region.images).any(|copy| {
        copy.is_copying(now)
            && copy.cancelled.is_none()
            && copy.copied_from.as_ref().is_some_and(|(region, image)| region == region_id && image == id)
    });
    let region = context.region()?;
    let image = own_image(region, id)?;
    let refused = |code: &'static str, message: &str| Err(failure(403, code, message));
    if is_copy_source || image.is_copying(now) {
        return refused("OperationDenied.ImageCopying", "The image is being copied; cancel the copy first.");
    }
    if image.is_importing(now) {
        return refused("ImageIsImporting", "The image is being imported; cancel the task first.");
    }
    if region.is_exporting(id, now) {
        return refused("ImageIsExporting", "The image is being exported; cancel the task first.");
    }
    if !image.shared_with.is_empty() {
        return refused("ImageUseShared", "The image is shared with other accounts.");
    }
    if image.public {
        return refused("ImageIsPublic", "The image is published as a community image.");
    }
    if !force && !image.used_by.is_empty() {
        return refused(
            "ImageUsingByInstance",
            "The image is used by instances; Force deletes it all the same.",
        );
    }
    dry_run?;
    region.remove_image(id, now, freed_at);
    Ok(json!({}))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ecs::tests::Cloud;

    #[track_caller]
    fn check(cloud: &mut Cloud, id: &str, force: &str, expect: Result<(), (u16, &str)>) {
        let params = [("ImageId", id), ("Force", force)];
        match expect {
            Ok(()) => {
                cloud.ok("DeleteImage", &params);
                assert_eq!(cloud.describe(id), Value::Null);
            }
            Err(refusal) => cloud.refused("DeleteImage", &params, refusal),
        }
    }

    #[test]
    fn an_image_goes_and_its_snapshots_stay() {
        let mut cloud = Cloud::new();
        let answer = cloud.ok("CreateImage", &[("InstanceId", "i-running")]);
        let id = answer["ImageId"].as_str().expect("an id");
        assert_eq!(cloud.state.regions["cn-hangzhou"].snapshots.len(), 5);
        check(&mut cloud, id, "", Ok(()));
        assert_eq!(cloud.state.regions["cn-hangzhou"].snapshots.len(), 5);
        check(&mut cloud, id, "", Err((404, "InvalidImageId.NotFound")));
    }

    #[test]
    fn an_image_in_use_goes_by_force() {
        let mut cloud = Cloud::new();
        let id = cloud.image("mine");
        let region = cloud.state.region("cn-hangzhou", 0);
        region.image_mut(&id).expect("there").used_by.insert("i-running".into());
        check(&mut cloud, &id, "false", Err((403, "ImageUsingByInstance")));
        check(&mut cloud, &id, "True", Ok(()));
    }

    #[test]
    fn a_shared_image_does_not_even_go_by_force() {
        let mut cloud = Cloud::new();
        let id = cloud.image("mine");
        cloud.ok("ModifyImageSharePermission", &[("ImageId", &id), ("AddAccount.1", "1111222233334444")]);
        check(&mut cloud, &id, "true", Err((403, "ImageUseShared")));
        cloud.ok("ModifyImageSharePermission", &[("ImageId", &id), ("RemoveAccount.1", "1111222233334444")]);
        cloud.ok("ModifyImageSharePermission", &[("ImageId", &id), ("IsPublic", "true")]);
        check(&mut cloud, &id, "true", Err((403, "ImageIsPublic")));
    }

    #[test]
    fn neither_end_of_a_copy_goes_before_it_is_done() {
        let mut cloud = Cloud::new();
        let id = cloud.image("mine");
        let copy = cloud.ok("CopyImage", &[("ImageId", &id), ("DestinationRegionId", "eu-central-1")]);
        let copy = copy["ImageId"].as_str().expect("an id");
        check(&mut cloud, &id, "true", Err((403, "OperationDenied.ImageCopying")));
        let there = [("RegionId", "eu-central-1"), ("ImageId", copy)];
        cloud.refused("DeleteImage", &there, (403, "OperationDenied.ImageCopying"));
        cloud.now += 10_000;
        cloud.ok("DeleteImage", &there);
        let copy = cloud.ok("CopyImage", &[("ImageId", &id), ("DestinationRegionId", "eu-central-1")]);
        let copy = copy["ImageId"].as_str().expect("an id");
        cloud.ok("CancelCopyImage", &[("RegionId", "eu-central-1"), ("ImageId", copy)]);
        check(&mut cloud, &id, "", Ok(()));
    }

    #[test]
    fn images_of_others_stay() {
        let mut cloud = Cloud::new();
        check(&mut cloud, "m-system", "true", Err((403, "Forbidden")));
        check(&mut cloud, "m-foreign", "true", Err((403, "Forbidden")));
        cloud.refused("DeleteImage", &[], (400, "MissingParameter"));
    }

    #[test]
    fn an_image_that_is_not_visible_yet_can_be_deleted() {
        let mut cloud = Cloud::new();
        let answer = cloud.ok("CreateImage", &[("SnapshotId", "s-system")]);
        check(&mut cloud, answer["ImageId"].as_str().expect("an id"), "", Ok(()));
    }
}
