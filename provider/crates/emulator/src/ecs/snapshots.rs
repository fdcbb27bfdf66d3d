//! DescribeSnapshots and DeleteSnapshot.

use serde_json::{Value, json};

use crate::action::Context;
use crate::answer::{Failure, failure, invalid};
use crate::clock::{Millis, iso};
use crate::ecs::lookup::snapshot_not_found;
use crate::ecs::paging::{Page, TokenPage};
use crate::ecs::shown;
use crate::regions;
use crate::rules::{self, TagFilter};
use crate::state::region::Region;
use crate::state::snapshot::Snapshot;

pub(crate) fn describe_snapshots(context: &mut Context<'_>) -> Result<Value, Failure> {
    let region_id = context.region_id()?;
    let (params, now) = (context.params, context.now);
    let ids = params.ids("SnapshotIds", (403, "InvalidSnapshotIds.Malformed"))?;
    let status = params.text("Status").unwrap_or("all");
    rules::one_of(
        status,
        &["progressing", "accomplished", "failed", "all"],
        (404, "InvalidStatus.NotFound"),
    )?;
    let kind = params.text("SourceDiskType").map(str::to_ascii_lowercase);
    if let Some(kind) = &kind {
        rules::one_of(kind, &["system", "data"], (404, "InvalidSourceDiskType"))?;
    }
    let usage = params.text("Usage");
    if let Some(usage) = usage {
        rules::one_of(usage, &["image", "disk", "image_disk", "none"], (404, "InvalidUsage"))?;
    }
    let made_by = params.text("SnapshotType").unwrap_or("all");
    rules::one_of(made_by, &["auto", "user", "all"], (404, "InvalidSnapshotType.NotFound"))?;
    let tags = TagFilter::read(params)?;
    let token_page = TokenPage::read(params, (400, "InvalidParameter"))?;
    let page = Page::read(params, 100, "InvalidParameter")?;
    context.check_dry_run()?;

    let region = context.region()?;
    let is = |name: &str, has: &str| params.text(name).is_none_or(|wanted| wanted == has);
    let found: Vec<&Snapshot> = region
        .snapshots
        .iter()
        .filter(|snapshot| {
            ids.as_ref().is_none_or(|ids| ids.contains(&snapshot.id))
                && (status == "all" || status == snapshot.status(now))
                && kind.as_ref().is_none_or(|kind| kind == snapshot.kind.text())
                && usage.is_none_or(|usage| usage == usage_of(region, snapshot))
                && made_by != "auto"
                && is("DiskId", &snapshot.disk)
                && is("InstanceId", &snapshot.instance)
                && is("SnapshotName", &snapshot.name)
                && is("ResourceGroupId", &snapshot.resource_group)
                && tags.matches(&snapshot.tags)
        })
        .collect();
    let show_one = |snapshot: &&Snapshot| show(region, snapshot, region_id, now);
    Ok(match token_page {
        Some(token_page) => token_page.of(&found, "Snapshots", "Snapshot", show_one),
        None => page.of(&found, "Snapshots", "Snapshot", show_one),
    })
}

fn usage_of(region: &Region, snapshot: &Snapshot) -> &'static str {
    if region.own_images().any(|image| image.uses_snapshot(&snapshot.id)) { "image" } else { "none" }
}

fn show(region: &Region, snapshot: &Snapshot, region_id: &str, now: Millis) -> Value {
    json!({
        "SnapshotId": snapshot.id,
        "SnapshotName": snapshot.name,
        "Description": snapshot.description,
        "Status": snapshot.status(now),
        "Available": snapshot.is_accomplished(now),
        "Progress": format!("{}%", snapshot.progress(now)),
        "RemainTime": snapshot.seconds_left(now),
        "CreationTime": iso(snapshot.created),
        "LastModifiedTime": iso(snapshot.created),
        "RegionId": region_id,
        "SourceDiskId": snapshot.disk,
        "SourceDiskSize": snapshot.size.to_string(),
        "SourceDiskType": snapshot.kind.text(),
        "SourceStorageType": "disk",
        "SnapshotType": "user",
        "Usage": usage_of(region, snapshot),
        "Category": "standard",
        "Encrypted": snapshot.encrypted,
        "InstantAccess": false,
        "ProductCode": "",
        "ResourceGroupId": snapshot.resource_group,
        "Tags": shown::tags(&snapshot.tags),
    })
}

/// Its documented form has no RegionId: then the host says where, or the only region that has the snapshot.
pub(crate) fn delete_snapshot(context: &mut Context<'_>) -> Result<Value, Failure> {
    let (params, now) = (context.params, context.now);
    let id = params.required("SnapshotId")?;
    params.flag("Force")?;
    let region = match (params.text("RegionId"), regions::of_host(context.host)) {
        (Some(_), _) => context.region()?,
        (None, Some(name)) => context.state.region(name, now),
        (None, None) => {
            let mut having =
                context.state.regions.values_mut().filter(|region| region.snapshot(id).is_some());
            match (having.next(), having.next()) {
                (Some(region), None) => region,
                (Some(_), Some(_)) => {
                    return Err(invalid(
                        "RegionId",
                        "several regions have such a snapshot, so one must be named",
                    ));
                }
                (None, _) => return Err(snapshot_not_found(id)),
            }
        }
    };
    if region.snapshot(id).is_none() {
        return Err(snapshot_not_found(id));
    }
    if region.own_images().any(|image| image.uses_snapshot(id)) {
        let message =
            format!("The snapshot \"{id}\" has been used to create an image; delete the image first.");
        return Err(failure(403, "SnapshotCreatedImage", message));
    }
    region.snapshots.retain(|snapshot| snapshot.id != id);
    Ok(json!({}))
}

#[cfg(test)]
mod tests {
    use crate::ecs::tests::Cloud;

    #[track_caller]
    fn check(params: &[(&str, &str)], expect: &[&str]) {
        let answer = Cloud::new().ok("DescribeSnapshots", params);
        let list = answer["Snapshots"]["Snapshot"].as_array().expect("a list").clone();
        let ids: Vec<&str> = list.iter().filter_map(|snapshot| snapshot["SnapshotId"].as_str()).collect();
        assert_eq!(ids, expect, "{params:?}");
    }

    #[test]
    fn snapshots_are_filtered() {
        check(&[], &["s-system", "s-data", "s-2013"]);
        check(&[("SnapshotIds", r#"["s-data","s-none"]"#)], &["s-data"]);
        check(&[("SourceDiskType", "Data")], &["s-data"]);
        check(&[("Status", "progressing")], &[]);
        check(&[("MaxResults", "1")], &["s-system"]);
        check(&[("PageSize", "2"), ("PageNumber", "2")], &["s-2013"]);
        let mut cloud = Cloud::new();
        cloud.refused("DescribeSnapshots", &[("SnapshotIds", "s-1")], (403, "InvalidSnapshotIds.Malformed"));
        cloud.refused("DescribeSnapshots", &[("Status", "lost")], (404, "InvalidStatus.NotFound"));
        cloud.refused("DescribeSnapshots", &[("Usage", "x")], (404, "InvalidUsage"));
    }

    #[test]
    fn the_snapshot_of_2013_says_so() {
        let answer = Cloud::new().ok("DescribeSnapshots", &[("SnapshotIds", r#"["s-2013"]"#)]);
        let snapshot = &answer["Snapshots"]["Snapshot"][0];
        assert_eq!(snapshot["CreationTime"], "2013-07-01T00:00:00Z");
        assert_eq!(snapshot["SourceDiskSize"], "40");
    }

    #[test]
    fn a_snapshot_cannot_go_before_its_image() {
        let mut cloud = Cloud::new();
        let id = cloud.image("mine");
        let params = [("SnapshotId", "s-system"), ("Force", "true")];
        cloud.refused("DeleteSnapshot", &params, (403, "SnapshotCreatedImage"));
        cloud.ok("DeleteImage", &[("ImageId", &id)]);
        cloud.ok("DeleteSnapshot", &params);
        cloud.refused("DeleteSnapshot", &params, (404, "InvalidSnapshotId.NotFound"));
    }

    #[test]
    fn without_a_region_the_snapshot_itself_tells_where_it_is() {
        let mut cloud = Cloud::new();
        cloud.ok("DescribeSnapshots", &[]);
        cloud.ok("DescribeSnapshots", &[("RegionId", "cn-beijing")]);
        let nowhere = [("RegionId", ""), ("SnapshotId", "s-data")];
        cloud.refused("DeleteSnapshot", &nowhere, (400, "InvalidParameter"));
        cloud.ok("DeleteSnapshot", &[("SnapshotId", "s-data")]);
        cloud.ok("DeleteSnapshot", &nowhere);
        cloud.refused("DeleteSnapshot", &nowhere, (404, "InvalidSnapshotId.NotFound"));
    }
}
