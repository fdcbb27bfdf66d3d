//! DescribeTasks, DescribeTaskAttribute and CancelTask. Imports and exports run as tasks; a copy does not.

use serde_json::{Value, json};

use crate::action::Context;
use crate::answer::{Failure, failure};
use crate::clock::{Millis, minute, parse_iso};
use crate::ecs::files::region_id;
use crate::ecs::paging::Page;
use crate::state::bucket::Object;
use crate::state::image::Cancelled;
use crate::state::region::Region;
use crate::state::task::{Export, Reason, Task};

pub(crate) fn describe_tasks(context: &mut Context<'_>) -> Result<Value, Failure> {
    let region_id = region_id(context)?;
    let (params, now) = (context.params, context.now);
    let ids: Option<Vec<&str>> = params.text("TaskIds").map(|ids| ids.split(',').map(str::trim).collect());
    let resources = params.list("ResourceIds")?;
    let most = |count, name| match count {
        ..=100 => Ok(()),
        _ => Err(failure(400, "InvalidParameter", format!("More than 100 {name} are given."))),
    };
    most(ids.as_ref().map_or(0, Vec::len), "TaskIds")?;
    most(resources.len(), "ResourceIds")?;
    // The cloud ignores a status that it does not know.
    let status =
        params.text("TaskStatus").filter(|status| ["Finished", "Processing", "Failed"].contains(status));
    let action = params.text("TaskAction");
    let (from, to) = (time(context, "StartTime")?, time(context, "EndTime")?);
    let page = Page::read(params, 100, "InvalidParameter")?;
    let region = context.region()?;
    let found: Vec<&Task> = region
        .tasks
        .iter()
        .filter(|task| {
            ids.as_ref().is_none_or(|ids| ids.contains(&task.id.as_str()))
                && (resources.is_empty() || resources.contains(&task.resource.as_str()))
                && status.is_none_or(|status| status == task.status(now))
                && action.is_none_or(|action| action == task.action)
                && from.is_none_or(|from| task.created >= from)
                && to.is_none_or(|to| task.created <= to)
        })
        .collect();
    let mut answer = page.of(&found, "TaskSet", "Task", |task| {
        let mut shown = show(task, now);
        shown["ResourceId"] = task.resource.clone().into();
        shown
    });
    answer["RegionId"] = region_id.into();
    Ok(answer)
}

fn time(context: &Context<'_>, name: &str) -> Result<Option<Millis>, Failure> {
    let Some(text) = context.params.text(name) else { return Ok(None) };
    let malformed =
        || failure(400, "InvalidParameter", format!("The specified {name} is not as yyyy-MM-ddTHH:mm:ssZ."));
    parse_iso(text).map(Some).ok_or_else(malformed)
}

pub(crate) fn describe_task_attribute(context: &mut Context<'_>) -> Result<Value, Failure> {
    let region_id = region_id(context)?;
    let now = context.now;
    let id = context.params.required("TaskId")?;
    let task = find(context.region()?, id)?;
    let status = task.status(now);
    let operations = task.exports.len().max(1);
    let count_if = |wanted: &str| if status == wanted { operations } else { 0 };
    let mut answer = show(task, now);
    answer["RegionId"] = region_id.into();
    answer["TaskProcess"] = format!("{}%", task.progress(now)).into();
    answer["TotalCount"] = operations.into();
    answer["SuccessCount"] = count_if("Finished").into();
    answer["FailedCount"] = count_if("Failed").into();
    let shown: Vec<Value> = match task.exports.as_slice() {
        [] => vec![operation(task, None, now)],
        exports => exports.iter().map(|export| operation(task, Some(export), now)).collect(),
    };
    answer["OperationProgressSet"] = json!({ "OperationProgress": shown });
    Ok(answer)
}

/// What becomes of the image or of the objects is seen a moment later.
pub(crate) fn cancel_task(context: &mut Context<'_>) -> Result<Value, Failure> {
    region_id(context)?;
    let (now, options) = (context.now, context.options);
    let id = context.params.required("TaskId")?;
    let region = context.region()?;
    let task = find(region, id)?;
    let refused = |code: &'static str, why: &str| {
        Err(failure(403, code, format!("The task \"{id}\" cannot be cancelled: {why}.")))
    };
    if !["ImportImage", "ExportImage"].contains(&task.action.as_str()) {
        return refused("InvalidTaskId.TaskActionNotSupport", "it is neither an import nor an export");
    }
    if task.is_over(now) {
        return refused("InvalidTaskId.IncorrectTaskStatus", &format!("it is {}", task.status(now)));
    }
    if !task.cancellable {
        return refused("CancelTaskFailed", "it does not support that");
    }
    let left = task.exports.first().filter(|_| options.cancelled_exports_stay).cloned();
    let reason = Reason { code: "TaskCancelled".to_owned(), message: "The task was cancelled.".to_owned() };
    if let Some(image) = region.end_task(id, reason, now) {
        let at = now + image.moment();
        if options.cancelled_imports_stay {
            image.fail_at(at);
        } else {
            image.cancelled = Some(Cancelled { gone_at: at, name_freed_at: options.names_freed_at(at) });
        }
    }
    if let Some(export) = left
        && let Some(bucket) = context.state.bucket(&export.bucket)
    {
        bucket.objects.insert(export.object, Object::of_size(export.size / 2, now));
    }
    Ok(json!({}))
}

fn find<'r>(region: &'r Region, id: &str) -> Result<&'r Task, Failure> {
    region.tasks.iter().find(|task| task.id == id).ok_or_else(|| {
        failure(400, "InvalidTaskId.NotFound", format!("The specified TaskId \"{id}\" does not exist."))
    })
}

fn show(task: &Task, now: Millis) -> Value {
    let is_over = task.is_over(now);
    json!({
        "TaskId": task.id,
        "TaskAction": task.action,
        "TaskStatus": task.status(now),
        "CreationTime": minute(task.created),
        "FinishedTime": if is_over { minute(task.ends_at()) } else { String::new() },
        "SupportCancel": (task.cancellable && !is_over).to_string(),
    })
}

fn operation(task: &Task, export: Option<&Export>, now: Millis) -> Value {
    let status = match task.status(now) {
        "Finished" => "Success",
        other => other,
    };
    let reason = task.failure.as_ref().filter(|_| status == "Failed");
    let mut shown = json!({
        "OperationStatus": status,
        "ErrorCode": reason.map_or("", |reason| &reason.code),
        "ErrorMsg": reason.map_or("", |reason| &reason.message),
    });
    if !task.unreported.contains("RelatedItemSet") {
        let items = export.map_or_else(Vec::new, |export| {
            [("OSSBucket", &export.bucket), ("OSSObject", &export.object), ("ImageFormat", &export.format)]
                .map(|(name, value)| json!({"Name": name, "Value": value}))
                .to_vec()
        });
        shown["RelatedItemSet"] = json!({ "RelatedItem": items });
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ecs::tests::Cloud;

    const THERE: (&str, &str) = ("RegionId", "eu-central-1");
    const NOT_RUNNING: (u16, &str) = (403, "InvalidTaskId.IncorrectTaskStatus");

    #[track_caller]
    fn check(cloud: &mut Cloud, filter: &[(&str, &str)], expect: usize) -> Value {
        let mut params = vec![THERE];
        params.extend_from_slice(filter);
        let answer = cloud.ok("DescribeTasks", &params);
        assert_eq!(answer["TotalCount"], expect, "{filter:?}");
        answer["TaskSet"]["Task"][0].clone()
    }

    /// One task of `action` for `m-1`, that takes two seconds.
    fn cloud(action: &str) -> Cloud {
        let mut cloud = Cloud::new();
        let task = Task {
            id: "t-0".to_owned(),
            action: action.to_owned(),
            resource: "m-1".to_owned(),
            created: cloud.now,
            build: 2_000,
            ..Task::default()
        };
        cloud.state.region(THERE.1, 0).tasks.push(task);
        cloud
    }

    #[test]
    fn a_task_is_shown_while_it_runs_and_after() {
        let mut cloud = cloud("ExportImage");
        let task = check(&mut cloud, &[("TaskStatus", "Processing")], 1);
        let task_id = task["TaskId"].as_str().expect("an id");
        assert_eq!((&task["ResourceId"], &task["FinishedTime"]), (&"m-1".into(), &"".into()));
        cloud.now += 2_000;
        check(&mut cloud, &[("TaskStatus", "Processing")], 0);
        let attribute = cloud.ok("DescribeTaskAttribute", &[THERE, ("TaskId", task_id)]);
        assert_eq!(
            (&attribute["TaskStatus"], &attribute["TaskProcess"]),
            (&"Finished".into(), &"100%".into())
        );
        // Times are told to the minute.
        assert_eq!(attribute["FinishedTime"], "2023-11-14T22:13Z");
        assert_eq!(attribute["CreationTime"], "2023-11-14T22:13Z");
        cloud.refused("DescribeTaskAttribute", &[THERE, ("TaskId", "t-1")], (400, "InvalidTaskId.NotFound"));
        cloud.refused("DescribeTasks", &[("RegionId", "x")], (400, "InvalidRegionId.NotFound"));
    }

    #[test]
    fn tasks_are_found_by_what_they_are() {
        let mut cloud = cloud("ExportImage");
        for (name, value, expect) in [
            ("TaskIds", "t-1, t-0", 1),
            ("TaskIds", "t-1,t-2", 0),
            ("TaskAction", "ExportImage", 1),
            ("TaskAction", "ImportImage", 0),
            ("ResourceIds.1", "m-1", 1),
            ("ResourceIds.1", "m-2", 0),
            ("TaskStatus", "Failed", 0),
            ("TaskStatus", "Cancelled", 1),
            ("StartTime", "2023-11-14T22:13:20Z", 1),
            ("StartTime", "2023-11-14T22:13:21Z", 0),
            ("EndTime", "2023-11-14T22:13:20Z", 1),
            ("EndTime", "2023-11-14T22:13:19Z", 0),
        ] {
            check(&mut cloud, &[(name, value)], expect);
        }
        cloud.refused("DescribeTasks", &[THERE, ("StartTime", "today")], (400, "InvalidParameter"));
        let many = vec!["t"; 101].join(",");
        cloud.refused("DescribeTasks", &[THERE, ("TaskIds", &many)], (400, "InvalidParameter"));
        for number in 1..=10 {
            let task = Task { id: format!("t-{number}"), ..Task::default() };
            cloud.state.region(THERE.1, 0).tasks.push(task);
        }
        let second = cloud.ok("DescribeTasks", &[THERE, ("PageNumber", "2")]);
        assert_eq!(
            (&second["TotalCount"], &second["TaskSet"]["Task"][0]["TaskId"]),
            (&11.into(), &"t-10".into())
        );
    }

    #[test]
    fn only_a_running_import_or_export_can_be_cancelled() {
        let cancel = [THERE, ("TaskId", "t-0")];
        let mut late = cloud("ExportImage");
        late.now += 2_000;
        late.refused("CancelTask", &cancel, NOT_RUNNING);
        let mut other = cloud("ArchiveSnapshot");
        other.refused("CancelTask", &cancel, (403, "InvalidTaskId.TaskActionNotSupport"));
        let mut firm = cloud("ExportImage");
        firm.state.region(THERE.1, 0).tasks[0].cancellable = false;
        firm.refused("CancelTask", &cancel, (403, "CancelTaskFailed"));
        assert_eq!(check(&mut firm, &[], 1)["SupportCancel"], "false");
        firm.refused("CancelTask", &[THERE, ("TaskId", "t-1")], (400, "InvalidTaskId.NotFound"));
        firm.refused("CancelTask", &[THERE], (400, "MissingParameter"));
        firm.refused("CancelTask", &[("RegionId", "x")], (400, "InvalidRegionId.NotFound"));
    }

    /// An import, cancelled half way: the cloud, the image and the task.
    fn cancelled_import(stays: bool) -> (Cloud, String, String) {
        let mut cloud = Cloud::new();
        cloud.options.cancelled_imports_stay = stays;
        let params = [
            ("ImageName", "mine"),
            ("DiskDeviceMapping.1.OSSBucket", "b-images"),
            ("DiskDeviceMapping.1.OSSObject", "disk.raw"),
        ];
        let made = cloud.ok("ImportImage", &params);
        let id = |name: &str| made[name].as_str().expect("an id").to_owned();
        let (image, task) = (id("ImageId"), id("TaskId"));
        cloud.now += 1_000;
        cloud.ok("CancelTask", &[("TaskId", &task)]);
        cloud.refused("CancelTask", &[("TaskId", &task)], NOT_RUNNING);
        let shown = cloud.ok("DescribeTaskAttribute", &[("TaskId", &task)]);
        assert_eq!((&shown["TaskStatus"], &shown["SupportCancel"]), (&"Failed".into(), &"false".into()));
        assert_eq!(cloud.describe(&image)["Status"], "Creating");
        cloud.refused("DeleteImage", &[("ImageId", &image)], (403, "ImageIsImporting"));
        (cloud, image, task)
    }

    #[test]
    fn the_image_of_a_cancelled_import_goes_a_moment_later() {
        let (mut cloud, image, _) = cancelled_import(false);
        cloud.now += 500;
        assert_eq!(cloud.describe(&image), Value::Null);
        assert_eq!(cloud.state.region("cn-hangzhou", 0).snapshots.len(), 3);
        cloud.image("mine");
    }

    #[test]
    fn the_image_of_a_cancelled_import_may_stay_and_be_of_no_use() {
        let (mut cloud, image, _) = cancelled_import(true);
        cloud.now += 500;
        assert_eq!(cloud.describe(&image)["Status"], "CreateFailed");
        cloud.ok("DeleteImage", &[("ImageId", &image)]);
    }

    /// The objects that an export, cancelled at once, leaves.
    fn left_by_export(stay: bool) -> Vec<String> {
        let mut cloud = Cloud::new();
        cloud.options.cancelled_exports_stay = stay;
        let image = cloud.image("mine");
        let made = cloud.ok("ExportImage", &[("ImageId", &image), ("OSSBucket", "b-images")]);
        let task = made["TaskId"].as_str().expect("an id");
        cloud.ok("CancelTask", &[("TaskId", task)]);
        cloud.ok("DeleteImage", &[("ImageId", &image)]);
        cloud.now += 10_000;
        cloud.ok("DescribeTasks", &[]);
        let bucket = cloud.state.bucket("b-images").expect("there");
        bucket.objects.keys().map(|name| name.replace(&image, "<image>")).collect()
    }

    #[test]
    fn a_cancelled_export_leaves_nothing_unless_it_is_told_to() {
        assert_eq!(left_by_export(false), ["disk.qcow2", "disk.raw"]);
        assert_eq!(left_by_export(true), ["disk.qcow2", "disk.raw", "<image>_system.raw.tar.gz"]);
    }

    #[test]
    fn related_items_may_go_unreported() {
        let mut cloud = Cloud::new();
        cloud.options.unreported = vec!["RelatedItemSet".to_owned()];
        let image = cloud.image("mine");
        let made = cloud.ok("ExportImage", &[("ImageId", &image), ("OSSBucket", "b-images")]);
        let task = made["TaskId"].as_str().expect("an id");
        let shown = cloud.ok("DescribeTaskAttribute", &[("TaskId", task)]);
        let operation = &shown["OperationProgressSet"]["OperationProgress"][0];
        assert_eq!(
            (&operation["OperationStatus"], &operation["RelatedItemSet"]),
            (&"Processing".into(), &Value::Null)
        );
    }
}
