//! DescribeInstances and DescribeInstanceStatus: the stock instances, which only serve as sources.

use serde_json::{Value, json};

use crate::action::Context;
use crate::answer::{Failure, failure};
use crate::clock::{Millis, iso};
use crate::ecs::paging::{Page, TokenPage};
use crate::ecs::shown;
use crate::rules::{self, TagFilter};
use crate::state::image::os_type;
use crate::state::instance::Instance;

const STATES: &[&str] = &["Pending", "Running", "Starting", "Stopping", "Stopped"];

pub(crate) fn describe_instances(context: &mut Context<'_>) -> Result<Value, Failure> {
    let region_id = context.region_id()?;
    let (params, now) = (context.params, context.now);
    let ids = params.ids("InstanceIds", (400, "InvalidInstanceIds.Malformed"))?;
    let status = params.text("Status");
    if let Some(status) = status {
        rules::one_of(status, STATES, (404, "InvalidStatus.NotFound"))?;
    }
    let tags = TagFilter::read(params)?;
    let token_page = TokenPage::read(params, (400, "InvalidParameter"))?;
    let page = Page::read(params, 100, "InvalidParameter")?;
    context.check_dry_run()?;
    let region = context.region()?;
    let is = |name: &str, has: &str| params.text(name).is_none_or(|wanted| wanted == has);
    let found: Vec<&Instance> = region
        .instances
        .iter()
        .filter(|instance| {
            ids.as_ref().is_none_or(|ids| ids.contains(&instance.id))
                && status.is_none_or(|status| status == instance.status(now))
                && is("ImageId", &instance.image)
                && is("InstanceName", &instance.id)
                && is("ResourceGroupId", &instance.resource_group)
                && tags.matches(&instance.tags)
        })
        .collect();
    let show_one = |instance: &&Instance| show(instance, region_id, now);
    Ok(match token_page {
        Some(token_page) => token_page.of(&found, "Instances", "Instance", show_one),
        None => page.of(&found, "Instances", "Instance", show_one),
    })
}

pub(crate) fn describe_instance_status(context: &mut Context<'_>) -> Result<Value, Failure> {
    context.region_id()?;
    let (params, now) = (context.params, context.now);
    let ids = params.list("InstanceId")?;
    if ids.len() > 100 {
        let message = "At most 100 instances may be given.";
        return Err(failure(403, "InvalidParameter.TooManyInstanceIds", message));
    }
    let page = Page::read(params, 50, "InvalidParameter")?;
    let region = context.region()?;
    let wanted = |instance: &&Instance| ids.is_empty() || ids.contains(&instance.id.as_str());
    let found: Vec<&Instance> = region.instances.iter().filter(wanted).collect();
    Ok(page.of(
        &found,
        "InstanceStatuses",
        "InstanceStatus",
        |instance| json!({"InstanceId": instance.id, "Status": instance.status(now)}),
    ))
}

fn show(instance: &Instance, region_id: &str, now: Millis) -> Value {
    let locks: Vec<Value> = instance.locked.then(|| json!({"LockReason": "security"})).into_iter().collect();
    json!({
        "InstanceId": instance.id,
        "InstanceName": instance.id,
        "HostName": instance.id,
        "Description": "",
        "Status": instance.status(now),
        "RegionId": region_id,
        "ZoneId": format!("{region_id}-a"),
        "ImageId": instance.image,
        "InstanceType": "ecs.g6.large",
        "InstanceTypeFamily": "ecs.g6",
        "InstanceChargeType": "PostPaid",
        "InstanceNetworkType": "vpc",
        "Cpu": 2,
        "Memory": 8192,
        "OSType": os_type(&instance.platform),
        "OSName": instance.os_name,
        "OSNameEn": instance.os_name,
        "IoOptimized": true,
        "DeviceAvailable": true,
        "DeletionProtection": false,
        "CreationTime": iso(instance.created),
        "StartTime": iso(instance.created),
        "ResourceGroupId": instance.resource_group,
        "OperationLocks": { "LockReason": locks },
        "Tags": shown::tags(&instance.tags),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ecs::tests::Cloud;

    #[track_caller]
    fn check(cloud: &mut Cloud, params: &[(&str, &str)], expect: &str) {
        let answer = cloud.ok("DescribeInstances", params);
        let list = answer["Instances"]["Instance"].as_array().expect("a list").clone();
        let text = |value: &Value| value.as_str().unwrap_or("?").to_owned();
        let seen: Vec<String> =
            list.iter().map(|i| format!("{} {}", text(&i["InstanceId"]), text(&i["Status"]))).collect();
        assert_eq!(seen.join(", "), expect, "{params:?}");
    }

    #[test]
    fn the_stock_is_there_and_one_starts_in_five_seconds() {
        let mut cloud = Cloud::new();
        let all = "i-running Running, i-stopped Stopped, i-starting Starting, i-locked Stopped";
        check(&mut cloud, &[], all);
        cloud.now += 5_000;
        check(&mut cloud, &[("InstanceIds", r#"["i-starting"]"#)], "i-starting Running");
        check(&mut cloud, &[("Status", "Running"), ("MaxResults", "1")], "i-running Running");
        check(&mut cloud, &[("InstanceIds", "[]")], "");
    }

    #[test]
    fn filters_are_checked() {
        let mut cloud = Cloud::new();
        let mut refused = |name, value, expect| cloud.refused("DescribeInstances", &[(name, value)], expect);
        refused("InstanceIds", "i-1,i-2", (400, "InvalidInstanceIds.Malformed"));
        refused("Status", "Flying", (404, "InvalidStatus.NotFound"));
        refused("PageSize", "0", (400, "InvalidParameter"));
    }

    #[test]
    fn states_alone_are_shown_for_the_ids_given() {
        let mut cloud = Cloud::new();
        let answer =
            cloud.ok("DescribeInstanceStatus", &[("InstanceId.1", "i-stopped"), ("InstanceId.2", "i-none")]);
        let expect = json!([{"InstanceId": "i-stopped", "Status": "Stopped"}]);
        assert_eq!(answer["InstanceStatuses"]["InstanceStatus"], expect);
    }
}
