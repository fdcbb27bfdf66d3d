//! DescribeTasks and DescribeTaskAttribute. Nothing that is emulated runs as a task; a copy does not either.

use serde_json::{Value, json};

use crate::action::Context;
use crate::answer::{Failure, failure};
use crate::clock::{Millis, iso};
use crate::ecs::paging::Page;
use crate::state::task::Task;

pub(crate) fn describe_tasks(context: &mut Context<'_>) -> Result<Value, Failure> {
    let region_id = region_id(context)?;
    let (params, now) = (context.params, context.now);
    let ids: Option<Vec<&str>> = params.text("TaskIds").map(|ids| ids.split(',').map(str::trim).collect());
    let resources = params.list("ResourceIds")?;
    // The cloud ignores a status that it does not know.
    let status =
        params.text("TaskStatus").filter(|status| ["Finished", "Processing", "Failed"].contains(status));
    let action = params.text("TaskAction");
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

pub(crate) fn describe_task_attribute(context: &mut Context<'_>) -> Result<Value, Failure> {
    let region_id = region_id(context)?;
    let now = context.now;
    let id = context.params.required("TaskId")?;
    let region = context.region()?;
    let task = region.tasks.iter().find(|task| task.id == id).ok_or_else(|| {
        failure(400, "InvalidTaskId.NotFound", format!("The specified TaskId \"{id}\" does not exist."))
    })?;
    let is_finished = task.is_finished(now);
    let mut answer = show(task, now);
    answer["RegionId"] = region_id.into();
    answer["TaskProcess"] = format!("{}%", task.progress(now)).into();
    answer["TotalCount"] = 1.into();
    answer["SuccessCount"] = i32::from(is_finished).into();
    answer["FailedCount"] = 0.into();
    answer["OperationProgressSet"] = json!({ "OperationProgress": [] });
    Ok(answer)
}

/// These two actions say 400; others say 404.
fn region_id<'a>(context: &Context<'a>) -> Result<&'a str, Failure> {
    context.region_id().map_err(|failure| Failure { status: 400, ..failure })
}

fn show(task: &Task, now: Millis) -> Value {
    let finished = if task.is_finished(now) { iso(task.created + task.build) } else { String::new() };
    json!({
        "TaskId": task.id,
        "TaskAction": task.action,
        "TaskStatus": task.status(now),
        "CreationTime": iso(task.created),
        "FinishedTime": finished,
        "SupportCancel": "true",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ecs::tests::Cloud;

    const THERE: (&str, &str) = ("RegionId", "eu-central-1");

    #[track_caller]
    fn check(cloud: &mut Cloud, filter: &[(&str, &str)], expect: usize) -> Value {
        let mut params = vec![THERE];
        params.extend_from_slice(filter);
        let answer = cloud.ok("DescribeTasks", &params);
        assert_eq!(answer["TotalCount"], expect, "{filter:?}");
        answer["TaskSet"]["Task"][0].clone()
    }

    #[test]
    fn a_task_is_shown_while_it_runs_and_after() {
        let mut cloud = Cloud::new();
        let task = Task {
            id: "t-0".to_owned(),
            action: "ExportImage".to_owned(),
            resource: "m-1".to_owned(),
            created: cloud.now,
            build: 2_000,
        };
        cloud.state.region(THERE.1, 0).tasks.push(task);
        let task = check(&mut cloud, &[("TaskStatus", "Processing")], 1);
        let task_id = task["TaskId"].as_str().expect("an id");
        check(&mut cloud, &[("TaskIds", task_id)], 1);
        check(&mut cloud, &[("TaskIds", "t-1,t-2")], 0);
        check(&mut cloud, &[("TaskAction", "ImportImage")], 0);
        cloud.now += 2_000;
        check(&mut cloud, &[("TaskStatus", "Processing")], 0);
        let attribute = cloud.ok("DescribeTaskAttribute", &[THERE, ("TaskId", task_id)]);
        assert_eq!(
            (&attribute["TaskStatus"], &attribute["TaskProcess"]),
            (&"Finished".into(), &"100%".into())
        );
        cloud.refused("DescribeTaskAttribute", &[THERE, ("TaskId", "t-1")], (400, "InvalidTaskId.NotFound"));
        cloud.refused("DescribeTasks", &[("RegionId", "x")], (400, "InvalidRegionId.NotFound"));
    }
}
