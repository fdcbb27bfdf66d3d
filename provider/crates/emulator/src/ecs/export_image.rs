//! ExportImage: one object for each disk, written into a bucket by a task.

use serde_json::{Value, json};

use crate::action::Context;
use crate::answer::{Failure, failure};
use crate::clock::Millis;
use crate::ecs::files::{self, needs_restore, usable_bucket};
use crate::ecs::lookup::image_not_found;
use crate::id;
use crate::rules;
use crate::state::bucket::GIB;
use crate::state::disk::{Disk, DiskKind};
use crate::state::image::{Image, Owner};
use crate::state::region::Region;
use crate::state::task::{Export, Task};

const FORMATS: &[&str] = &["raw", "vhd", "qcow2", "vmdk", "vdi"];

/// Where other formats than raw are offered.
const REGIONS_WITH_FORMATS: &[&str] = &[
    "ap-northeast-1",
    "ap-southeast-1",
    "ap-southeast-3",
    "ap-southeast-5",
    "eu-central-1",
    "eu-west-1",
    "me-east-1",
    "us-east-1",
    "us-west-1",
];

const MOST_DATA_DISKS: usize = 4;
/// In GiB.
const LARGEST_DATA_DISK: i64 = 500;
const WEEK: Millis = 7 * 86_400_000;

pub(crate) fn export_image(context: &mut Context<'_>) -> Result<Value, Failure> {
    let region_id = files::region_id(context)?;
    let (params, now, options) = (context.params, context.now, context.options);
    let image_id = params.required("ImageId")?;
    let bucket = params.required("OSSBucket")?;
    let prefix = params.text("OSSPrefix");
    if prefix.is_some_and(|prefix| prefix.len() > 30 || !prefix.chars().all(|c| c.is_ascii_alphanumeric())) {
        let message = "The specified OSSPrefix is not valid: it must have 1 to 30 letters and digits.";
        return Err(failure(400, "InvalidOSSPrefix.Malformed", message));
    }
    let format = params.text("ImageFormat").unwrap_or("raw");
    rules::one_of(format, FORMATS, (400, "InvalidImageFormat.Malformed"))?;
    if format != "raw" && !REGIONS_WITH_FORMATS.contains(&region_id) {
        let message = format!("The format {format} is not offered in the region {region_id}.");
        return Err(failure(400, "InvalidImageFormat.RegionNotSupported", message));
    }
    files::check_role(params, "AliyunECSImageExportDefaultRole")?;
    let dry_run = context.check_dry_run();
    let failure_later = files::fails_later(
        context,
        "ExportImageFailed",
        "The image cannot be written to the bucket: a fault was asked for.",
    );
    let build = context.task_time();

    let region = context.state.region(region_id, now);
    let image = region.image(image_id).ok_or_else(|| image_not_found(image_id))?;
    check_image(region, image, now)?;
    let exports: Vec<Export> = image
        .disks
        .iter()
        .map(|disk| Export {
            bucket: bucket.to_owned(),
            object: object_name(prefix, image_id, disk, format),
            format: format.to_owned(),
            size: u64::try_from(disk.size).unwrap_or(0).saturating_mul(GIB),
        })
        .collect();
    let limit = |limit: Option<std::num::NonZeroU32>| {
        limit.map_or(usize::MAX, |limit| usize::try_from(limit.get()).unwrap_or(usize::MAX))
    };
    let exporting = region.tasks.iter().filter(|task| task.action == "ExportImage");
    let running = exporting.clone().filter(|task| !task.is_over(now)).count();
    let this_week = exporting.filter(|task| now - task.created < WEEK).count();
    let (at_once, a_week) = (limit(options.exports_at_once), limit(options.exports_a_week));
    let there = usable_bucket(context.state, bucket, region_id)?;
    let archived = |export: &&Export| there.objects.get(&export.object).is_some_and(|o| o.is_archived());
    if let Some(export) = exports.iter().find(archived) {
        return Err(needs_restore(bucket, &export.object));
    }
    if running >= at_once {
        let message = format!("{at_once} images are being exported in the region {region_id} already.");
        return Err(failure(403, "ConcurrentQuotaExceed.ExportImage", message));
    }
    if this_week >= a_week {
        let message = format!("{a_week} images were exported in the region {region_id} this week.");
        return Err(failure(403, "WeeklyQuotaExceed.ExportImage", message));
    }
    dry_run?;
    let task_id = id::resource("t-");
    context.state.region(region_id, now).tasks.push(Task {
        id: task_id.clone(),
        action: "ExportImage".to_owned(),
        resource: image_id.to_owned(),
        created: now,
        build,
        failure: failure_later,
        exports,
        unreported: options.unreported.iter().cloned().collect(),
        ..Task::default()
    });
    Ok(json!({"TaskId": task_id, "RegionId": region_id}))
}

fn check_image(region: &Region, image: &Image, now: Millis) -> Result<(), Failure> {
    let id = &image.id;
    let refused = |status, code: &'static str, why: &str| {
        Err(failure(status, code, format!("The image \"{id}\" cannot be exported: {why}.")))
    };
    match image.owner {
        Owner::Own if image.public => {
            return refused(403, "InvalidImageCategory.NotSupported", "it is a community image");
        }
        Owner::Own => {}
        Owner::Marketplace => return refused(403, "ImageNotSupported", "it is of the marketplace"),
        Owner::System => return refused(403, "InvalidImageCategory.NotSupported", "it is a public image"),
        Owner::Others => {
            return refused(403, "InvalidImageCategory.NotSupported", "it belongs to another account");
        }
    }
    if region.is_exporting(id, now) {
        return refused(403, "ImageIsExporting", "it is being exported already");
    }
    let status = image.status(now);
    if status != "Available" {
        return refused(400, "IncorrectImageStatus", &format!("it is {status}, not Available"));
    }
    if image.encrypted {
        return refused(400, "ImageNotSupported", "it is encrypted");
    }
    if image.os_type() == "windows" && image.license_type != "BYOL" {
        return refused(403, "InvalidImageLicense.NotSupported", "its license is of Alibaba Cloud");
    }
    let data: Vec<&Disk> = image.disks.iter().filter(|disk| disk.kind == DiskKind::Data).collect();
    if data.len() > MOST_DATA_DISKS || data.iter().any(|disk| disk.size > LARGEST_DATA_DISK) {
        let why = "it has more than 4 data disks, or one of more than 500 GiB";
        return refused(400, "InvalidImage.DiskAmountOrSize", why);
    }
    Ok(())
}

/// `web_m-1_system.raw.tar.gz`, `m-1_data_xvdb.raw.tar.gz`
fn object_name(prefix: Option<&str>, image: &str, disk: &Disk, format: &str) -> String {
    let prefix = prefix.map_or_else(String::new, |prefix| format!("{prefix}_"));
    let disk = match disk.kind {
        DiskKind::System => "system".to_owned(),
        DiskKind::Data => format!("data_{}", disk.device.rsplit('/').next().unwrap_or_default()),
    };
    format!("{prefix}{image}_{disk}.{format}.tar.gz")
}

#[cfg(test)]
mod tests {
    use crate::ecs::tests::Cloud;
    use crate::fault::Fault;
    use crate::state::bucket::{GIB, Object};
    use crate::state::image::{Image, Owner};
    use serde_json::{Value, json};
    use std::num::NonZeroU32;

    fn with<'a>(id: &'a str, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
        [&[("ImageId", id), ("OSSBucket", "b-images")], more].concat()
    }

    /// The task.
    #[track_caller]
    fn export(cloud: &mut Cloud, id: &str, more: &[(&str, &str)]) -> String {
        cloud.ok("ExportImage", &with(id, more))["TaskId"].as_str().expect("an id").to_owned()
    }

    fn task(cloud: &mut Cloud, id: &str) -> Value {
        cloud.ok("DescribeTaskAttribute", &[("TaskId", id)])
    }

    /// The objects in `b-images` that were not there at first, with their sizes in GiB.
    fn exported(cloud: &mut Cloud) -> Vec<(String, u64)> {
        let bucket = cloud.state.bucket("b-images").expect("there");
        let new = bucket.objects.iter().filter(|(name, _)| !name.starts_with("disk."));
        new.map(|(name, object)| (name.clone(), object.size / GIB)).collect()
    }

    #[test]
    fn the_objects_are_there_once_the_task_is_finished() {
        let mut cloud = Cloud::new();
        let made = cloud.ok("CreateImage", &[("InstanceId", "i-running")]);
        let id = made["ImageId"].as_str().expect("an id").to_owned();
        cloud.now += 10_000;
        let task_id = export(&mut cloud, &id, &[("OSSPrefix", "web")]);
        let running = task(&mut cloud, &task_id);
        assert_eq!(
            (&running["TaskStatus"], &running["SupportCancel"]),
            (&json!("Processing"), &json!("true"))
        );
        cloud.now += 1_999;
        assert_eq!(task(&mut cloud, &task_id)["TaskStatus"], "Processing");
        assert_eq!(exported(&mut cloud), []);
        cloud.now += 1;
        let names = [format!("web_{id}_data_xvdb.raw.tar.gz"), format!("web_{id}_system.raw.tar.gz")];
        let done = task(&mut cloud, &task_id);
        assert_eq!((&done["TaskStatus"], &done["SupportCancel"]), (&json!("Finished"), &json!("false")));
        assert_eq!((&done["SuccessCount"], &done["TotalCount"]), (&json!(2), &json!(2)));
        assert_eq!(exported(&mut cloud), [(names[0].clone(), 100), (names[1].clone(), 40)]);
        let operation = &done["OperationProgressSet"]["OperationProgress"][1];
        assert_eq!(
            operation["RelatedItemSet"]["RelatedItem"],
            json!([
                {"Name": "OSSBucket", "Value": "b-images"},
                {"Name": "OSSObject", "Value": names[0]},
                {"Name": "ImageFormat", "Value": "raw"},
            ])
        );
        assert_eq!(operation["OperationStatus"], "Success");
    }

    #[test]
    fn without_a_prefix_an_objects_name_begins_with_the_image() {
        let mut cloud = Cloud::new();
        let id = cloud.image("mine");
        export(&mut cloud, &id, &[]);
        cloud.now += 2_000;
        cloud.ok("DescribeTasks", &[]);
        assert_eq!(exported(&mut cloud), [(format!("{id}_system.raw.tar.gz"), 40)]);
    }

    #[test]
    fn other_formats_are_for_some_regions() {
        let mut cloud = Cloud::new();
        let id = cloud.image("mine");
        let vhd = with(&id, &[("ImageFormat", "vhd")]);
        cloud.refused("ExportImage", &vhd, (400, "InvalidImageFormat.RegionNotSupported"));
        let malformed = with(&id, &[("ImageFormat", "iso")]);
        cloud.refused("ExportImage", &malformed, (400, "InvalidImageFormat.Malformed"));
        let there = ("RegionId", "eu-central-1");
        let made = cloud.ok("CreateImage", &[there, ("SnapshotId", "s-system")]);
        let id = made["ImageId"].as_str().expect("an id").to_owned();
        cloud.now += 10_000;
        export(&mut cloud, &id, &[there, ("ImageFormat", "vhd")]);
        cloud.now += 2_000;
        cloud.ok("DescribeTasks", &[]);
        assert_eq!(exported(&mut cloud), [(format!("{id}_system.vhd.tar.gz"), 40)]);
    }

    #[test]
    fn an_image_is_exported_once_at_a_time_and_not_deleted_meanwhile() {
        let mut cloud = Cloud::new();
        let id = cloud.image("mine");
        export(&mut cloud, &id, &[]);
        cloud.refused("ExportImage", &with(&id, &[("OSSPrefix", "x")]), (403, "ImageIsExporting"));
        cloud.refused("DeleteImage", &[("ImageId", &id), ("Force", "true")], (403, "ImageIsExporting"));
        cloud.now += 2_000;
        export(&mut cloud, &id, &[]);
        cloud.now += 2_000;
        cloud.ok("DeleteImage", &[("ImageId", &id)]);
        assert_eq!(exported(&mut cloud).len(), 1);
    }

    #[test]
    fn a_fault_makes_the_task_say_why_and_leaves_no_object() {
        let mut cloud = Cloud::new();
        let id = cloud.image("mine");
        cloud.fault = Some(Fault::on("ExportImage").fail_later());
        let task_id = export(&mut cloud, &id, &[]);
        cloud.now += 2_000;
        let failed = task(&mut cloud, &task_id);
        assert_eq!((&failed["TaskStatus"], &failed["TaskProcess"]), (&json!("Failed"), &json!("50%")));
        let operation = &failed["OperationProgressSet"]["OperationProgress"][0];
        assert_eq!(operation["ErrorCode"], "ExportImageFailed");
        assert!(operation["ErrorMsg"].as_str().is_some_and(|text| !text.is_empty()));
        assert_eq!(exported(&mut cloud), []);
    }

    #[track_caller]
    fn refused(more: &[(&str, &str)], expect: (u16, &str)) {
        let mut cloud = Cloud::new();
        let id = cloud.image("mine");
        cloud.refused("ExportImage", &with(&id, more), expect);
        assert!(cloud.state.region("cn-hangzhou", 0).tasks.is_empty());
    }

    #[test]
    fn what_is_asked_for_must_make_sense() {
        refused(&[("OSSPrefix", "a-b")], (400, "InvalidOSSPrefix.Malformed"));
        refused(&[("OSSPrefix", &"a".repeat(31))], (400, "InvalidOSSPrefix.Malformed"));
        refused(&[("ImageId", "")], (400, "MissingParameter"));
        refused(&[("OSSBucket", "")], (400, "MissingParameter"));
        refused(&[("ImageId", "m-none")], (404, "InvalidImageId.NotFound"));
        refused(&[("OSSBucket", "nobodys")], (400, "InvalidOSSBucket.NotFound"));
        refused(&[("OSSBucket", "b-images-eu-central-1")], (400, "InvalidOSSBucket.NotFound"));
        refused(&[("RoleName", "missing-role")], (403, "NoSetRoletoECSServiceAcount"));
        refused(&[("RegionId", "cn-nowhere")], (400, "InvalidRegionId.NotFound"));
        refused(&[("DryRun", "true")], (412, "DryRunOperation"));
        refused(&[("ImageId", "m-system")], (403, "InvalidImageCategory.NotSupported"));
        refused(&[("ImageId", "m-foreign")], (403, "InvalidImageCategory.NotSupported"));
    }

    #[track_caller]
    fn refused_image(change: impl Fn(&mut Image), expect: (u16, &str)) {
        let mut cloud = Cloud::new();
        let id = cloud.image("mine");
        change(cloud.state.region("cn-hangzhou", 0).image_mut(&id).expect("there"));
        cloud.refused("ExportImage", &with(&id, &[]), expect);
    }

    #[test]
    fn not_every_image_can_be_exported() {
        refused_image(|image| image.owner = Owner::Marketplace, (403, "ImageNotSupported"));
        refused_image(|image| image.public = true, (403, "InvalidImageCategory.NotSupported"));
        refused_image(|image| image.build = 1_000_000, (400, "IncorrectImageStatus"));
        refused_image(|image| image.deprecated = true, (400, "IncorrectImageStatus"));
        refused_image(|image| image.encrypted = true, (400, "ImageNotSupported"));
        let windows = |image: &mut Image| image.platform = "Windows Server 2022".to_owned();
        refused_image(windows, (403, "InvalidImageLicense.NotSupported"));
        let with_data = |count, size| {
            move |image: &mut Image| {
                let mut disk = image.disks[0].clone();
                (disk.kind, disk.size) = (crate::state::disk::DiskKind::Data, size);
                image.disks.extend(std::iter::repeat_n(disk, count));
            }
        };
        refused_image(with_data(5, 1), (400, "InvalidImage.DiskAmountOrSize"));
        refused_image(with_data(1, 501), (400, "InvalidImage.DiskAmountOrSize"));
    }

    #[test]
    fn an_archived_object_is_not_overwritten() {
        let mut cloud = Cloud::new();
        let id = cloud.image("mine");
        let archived = Object { class: "Archive".to_owned(), ..Object::of_size(1, 0) };
        let objects = &mut cloud.state.bucket("b-images").expect("there").objects;
        objects.insert(format!("{id}_system.raw.tar.gz"), archived);
        cloud.refused("ExportImage", &with(&id, &[]), (400, "InvalidOSSObject.NeedRestore"));
        export(&mut cloud, &id, &[("OSSPrefix", "x")]);
    }

    #[test]
    fn exports_are_limited_at_a_time_and_by_the_week() {
        let mut cloud = Cloud::new();
        (cloud.options.exports_at_once, cloud.options.exports_a_week) =
            (NonZeroU32::new(1), NonZeroU32::new(2));
        let (one, other) = (cloud.image("one"), cloud.image("other"));
        export(&mut cloud, &one, &[]);
        cloud.refused("ExportImage", &with(&other, &[]), (403, "ConcurrentQuotaExceed.ExportImage"));
        cloud.now += 2_000;
        export(&mut cloud, &other, &[]);
        cloud.now += 2_000;
        cloud.refused("ExportImage", &with(&other, &[]), (403, "WeeklyQuotaExceed.ExportImage"));
        cloud.now += super::WEEK;
        export(&mut cloud, &other, &[]);
    }
}
