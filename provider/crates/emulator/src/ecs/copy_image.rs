//! CopyImage and CancelCopyImage: an image of the same account in another region.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::action::Context;
use crate::answer::{Failure, failure};
use crate::client_token::ClientToken;
use crate::ecs::lookup::{check_name_is_free, check_resource_group, image_not_found, own_image};
use crate::id;
use crate::regions;
use crate::rules;
use crate::state::image::{Image, Owner};
use crate::state::snapshot::Snapshot;
use crate::state::task::Task;

pub(crate) fn copy_image(context: &mut Context<'_>) -> Result<Value, Failure> {
    let (params, now, flavour) = (context.params, context.now, context.options.flavour);
    let from = params.required("RegionId")?;
    let id = params.required("ImageId")?;
    let to = params.required("DestinationRegionId")?;
    for (region, code) in [(from, "SourceRegion.NotFound"), (to, "DestinationRegion.NotFound")] {
        if !regions::exists(flavour, region) {
            return Err(failure(400, code, format!("The specified region \"{region}\" does not exist.")));
        }
    }
    if from == to {
        let message = "The destination must be another region than the source.";
        return Err(failure(403, "IncorrectDestinationRegion", message));
    }
    let token = ClientToken::read(params, from, "CopyImage")?;
    if let Some(made) = token.replay(context.state)? {
        return Ok(json!({ "ImageId": made }));
    }
    let name = params.text("DestinationImageName").unwrap_or_default();
    if !name.is_empty() {
        rules::name(name, "InvalidImageName.Malformed")?;
    }
    let description = params.text("DestinationDescription").unwrap_or_default();
    if !description.is_empty() {
        rules::description(description)?;
    }
    let tags = rules::tags(params, (403, "QuotaExceed.Tags"), (400, "Duplicate.TagKey"))?;
    let dry_run = context.check_dry_run();
    let (build, fails) = (context.build_time(), context.fails_later());
    let unreported = context.options.unreported.iter().cloned().collect();

    let source_region = context.state.region(from, now);
    let source = own_image(source_region, id)?.clone();
    if source.status(now) != "Available" {
        let message = format!("The image \"{id}\" is {}, not Available.", source.status(now));
        return Err(failure(400, "IncorrectImageStatus", message));
    }
    let originals: BTreeMap<String, Snapshot> =
        source_region.snapshots.iter().map(|snapshot| (snapshot.id.clone(), snapshot.clone())).collect();

    let region = context.state.region(to, now);
    check_name_is_free(region, name, None, now)?;
    if let Some(group) = params.text("ResourceGroupId") {
        check_resource_group(region, group)?;
    }
    dry_run?;
    let mut disks = source.disks.clone();
    for disk in disks.iter_mut().filter(|disk| !disk.snapshot.is_empty()) {
        let copied = id::resource("s-");
        if let Some(original) = originals.get(&disk.snapshot) {
            let snapshot = Snapshot {
                id: copied.clone(),
                created: now,
                build,
                tags: BTreeMap::new(),
                ..original.clone()
            };
            region.snapshots.push(snapshot);
        }
        disk.snapshot = copied;
    }
    let image_id = id::resource("m-");
    region.tasks.push(Task {
        id: id::resource("t-"),
        action: "CopyImage".to_owned(),
        resource: image_id.clone(),
        created: now,
        build,
    });
    region.images.push(Image {
        id: image_id.clone(),
        name: name.to_owned(),
        description: description.to_owned(),
        owner: Owner::Own,
        resource_group: params.text("ResourceGroupId").unwrap_or_default().to_owned(),
        tags,
        shared_with: BTreeMap::new(),
        public: false,
        deprecated: false,
        used_by: BTreeSet::new(),
        disks,
        copied_from: Some((from.to_owned(), id.to_owned())),
        created: now,
        build,
        fails,
        forced_status: None,
        unreported,
        ..source
    });
    token.remember(context.state, &image_id);
    Ok(json!({ "ImageId": image_id }))
}

/// Called in the destination region. The unfinished image goes away.
pub(crate) fn cancel_copy_image(context: &mut Context<'_>) -> Result<Value, Failure> {
    context.region_id()?;
    let (now, freed_at) = (context.now, context.options.names_freed_at(context.now));
    let id = context.params.required("ImageId")?;
    let region = context.region()?;
    let image = region.image(id).ok_or_else(|| image_not_found(id))?;
    if image.copied_from.is_none() {
        let message = format!("The image \"{id}\" is not the target of a copy.");
        return Err(failure(400, "ImageCreatedNotFromCopy", message));
    }
    if !image.is_copying(now) {
        let message = format!("The copy that makes the image \"{id}\" has ended already.");
        return Err(failure(400, "IncorrectImageStatus", message));
    }
    region.remove_image(id, now, freed_at);
    region.tasks.retain(|task| task.resource != id);
    Ok(json!({}))
}

#[cfg(test)]
mod tests {
    use crate::ecs::tests::Cloud;
    use std::time::Duration;

    const TO: (&str, &str) = ("DestinationRegionId", "eu-central-1");
    const THERE: (&str, &str) = ("RegionId", "eu-central-1");

    #[track_caller]
    fn check(change: &[(&str, &str)], expect: (u16, &str)) {
        let mut cloud = Cloud::new();
        let id = cloud.image("mine");
        let mut params = vec![("ImageId", id.as_str()), TO];
        params.extend_from_slice(change);
        cloud.refused("CopyImage", &params, expect);
    }

    #[test]
    fn a_cancelled_copy_leaves_its_name_behind_as_a_deleted_image_does() {
        let mut cloud = Cloud::new();
        cloud.options.names_freed_after = Duration::from_secs(60);
        let id = cloud.image("mine");
        let params = [("ImageId", id.as_str()), TO, ("DestinationImageName", "copy")];
        let copy = cloud.ok("CopyImage", &params);
        cloud.ok("CancelCopyImage", &[THERE, ("ImageId", copy["ImageId"].as_str().expect("an id"))]);
        cloud.refused("CopyImage", &params, (400, "InvalidImageName.Duplicated"));
        cloud.now += 60_000;
        cloud.ok("CopyImage", &params);
    }

    #[test]
    fn a_copy_appears_in_the_other_region_with_snapshots_of_its_own() {
        let mut cloud = Cloud::new();
        let id = cloud.image("mine");
        let params = [("ImageId", id.as_str()), TO, ("DestinationImageName", "copy"), ("ClientToken", "t")];
        let copy = cloud.ok("CopyImage", &params);
        assert_eq!(cloud.ok("CopyImage", &params), copy);
        let find = [THERE, ("ImageId", copy["ImageId"].as_str().expect("an id")), ("Status", "ALL")];
        cloud.now += 200;
        let image = cloud.ok("DescribeImages", &find)["Images"]["Image"][0].clone();
        assert_eq!(
            (&image["ImageName"], &image["Status"], &image["IsCopied"]),
            (&"copy".into(), &"Creating".into(), &true.into())
        );
        let snapshot =
            image["DiskDeviceMappings"]["DiskDeviceMapping"][0]["SnapshotId"].as_str().expect("an id");
        assert!(cloud.state.regions["eu-central-1"].snapshot(snapshot).is_some());
        cloud.now += 2_000;
        assert_eq!(cloud.ok("DescribeImages", &find)["Images"]["Image"][0]["Status"], "Available");
    }

    #[test]
    fn what_cannot_be_copied_is_refused() {
        check(&[("DestinationRegionId", "cn-hangzhou")], (403, "IncorrectDestinationRegion"));
        check(&[("DestinationRegionId", "cn-nowhere")], (400, "DestinationRegion.NotFound"));
        check(&[("RegionId", "cn-nowhere")], (400, "SourceRegion.NotFound"));
        check(&[("ImageId", "m-none")], (404, "InvalidImageId.NotFound"));
        check(&[("DestinationImageName", "1")], (400, "InvalidImageName.Malformed"));
        check(&[("DestinationDescription", "1")], (400, "InvalidDescription.Malformed"));
        check(&[("ResourceGroupId", "rg-none")], (404, "InvalidResourceGroup.NotFound"));
        let mut cloud = Cloud::new();
        let fresh = cloud.ok("CreateImage", &[("SnapshotId", "s-system")]);
        let params = [("ImageId", fresh["ImageId"].as_str().expect("an id")), TO];
        cloud.refused("CopyImage", &params, (400, "IncorrectImageStatus"));
    }

    #[test]
    fn a_copy_can_be_cancelled_until_it_is_done() {
        let mut cloud = Cloud::new();
        let id = cloud.image("mine");
        let copy = |cloud: &mut Cloud| {
            let made = cloud.ok("CopyImage", &[("ImageId", &id), TO]);
            made["ImageId"].as_str().expect("an id").to_owned()
        };
        let first = copy(&mut cloud);
        cloud.ok("CancelCopyImage", &[THERE, ("ImageId", &first)]);
        cloud.refused("CancelCopyImage", &[THERE, ("ImageId", &first)], (404, "InvalidImageId.NotFound"));
        let second = copy(&mut cloud);
        cloud.now += 10_000;
        cloud.refused("CancelCopyImage", &[THERE, ("ImageId", &second)], (400, "IncorrectImageStatus"));
        cloud.refused("CancelCopyImage", &[("ImageId", &id)], (400, "ImageCreatedNotFromCopy"));
    }
}
