//! TagResources, UntagResources and ListTagResources, for images, snapshots and instances.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::action::Context;
use crate::answer::{Failure, failure, missing_text};
use crate::ecs::lookup::labels;
use crate::ecs::paging::TokenPage;
use crate::params::Params;
use crate::rules::{self, MOST_TAGS, TagFilter};

const TYPES: &[&str] = &[
    "instance",
    "disk",
    "snapshot",
    "image",
    "securitygroup",
    "volume",
    "eni",
    "ddh",
    "ddhcluster",
    "keypair",
    "launchtemplate",
    "reservedinstance",
    "snapshotpolicy",
    "elasticityassurance",
    "capacityreservation",
    "command",
    "invocation",
    "activation",
    "managedinstance",
];

pub(crate) fn tag_resources(context: &mut Context<'_>) -> Result<Value, Failure> {
    let params = context.params;
    let (kind, ids) = resources(context, true)?;
    let tags = rules::tags(params, (400, "NumberExceed.Tags"), (403, "TagKey.Duplication"))?;
    if tags.is_empty() {
        return Err(missing("Tags"));
    }
    let region = context.region()?;
    for id in &ids {
        let has = labels(region, kind, id)?.tags;
        let clashes = |key: &str| has.keys().any(|k| k != key && k.to_lowercase() == key.to_lowercase());
        if let Some(key) = tags.keys().find(|key| clashes(key)) {
            let message = format!("The resource \"{id}\" has a tag \"{key}\" already, if case is ignored.");
            return Err(failure(403, "TagKey.Duplication", message));
        }
        let new = tags.keys().filter(|key| !has.contains_key(*key)).count();
        if has.len() + new > MOST_TAGS {
            let message = format!("The resource \"{id}\" would have more than {MOST_TAGS} tags.");
            return Err(failure(403, "QuotaExceed.Tags", message));
        }
    }
    for id in &ids {
        labels(region, kind, id)?.tags.extend(tags.clone());
    }
    Ok(json!({}))
}

pub(crate) fn untag_resources(context: &mut Context<'_>) -> Result<Value, Failure> {
    let params = context.params;
    let (kind, ids) = resources(context, true)?;
    let keys = params.list("TagKey")?;
    let all = params.flag("All")?;
    if keys.len() > MOST_TAGS {
        return Err(failure(400, "NumberExceed.Tags", "At most 20 tag keys may be given."));
    }
    if all && !keys.is_empty() {
        return Err(failure(403, "Param.Conflict", "All and TagKey.N cannot be given together."));
    }
    let mut once = BTreeSet::new();
    for key in &keys {
        rules::tag_key(key)?;
        if !once.insert(key) {
            return Err(failure(400, "Duplicate.TagKey", format!("The tag key \"{key}\" is given twice.")));
        }
    }
    let region = context.region()?;
    for id in &ids {
        labels(region, kind, id)?;
    }
    for id in &ids {
        labels(region, kind, id)?.tags.retain(|key, _| !all && !keys.contains(&key.as_str()));
    }
    Ok(json!({}))
}

pub(crate) fn list_tag_resources(context: &mut Context<'_>) -> Result<Value, Failure> {
    let params = context.params;
    let (kind, ids) = resources(context, false)?;
    let filter = TagFilter::read(params)?;
    if ids.is_empty() && filter.is_empty() {
        return Err(failure(403, "BothEmpty.TagsAndResources", "Neither ResourceId.N nor Tag.N is given."));
    }
    let page = TokenPage::read_always(params, (403, "Invalid.NextToken"))?.with_most(50);
    let region = context.region()?;
    let found: Vec<(&str, &str, &str)> = region
        .all_tags(kind)
        .into_iter()
        .filter(|(id, tags)| (ids.is_empty() || ids.contains(id)) && filter.matches(tags))
        .flat_map(|(id, tags)| tags.iter().map(move |(key, value)| (id, key.as_str(), value.as_str())))
        .collect();
    Ok(page.of(
        &found,
        "TagResources",
        "TagResource",
        |(id, key, value)| json!({"ResourceId": id, "ResourceType": kind, "TagKey": key, "TagValue": value}),
    ))
}

/// These actions have codes of their own for a missing parameter, with 404.
fn missing(what: &str) -> Failure {
    failure(404, format!("MissingParameter.{what}"), missing_text(what))
}

fn resources<'a>(context: &Context<'a>, ids_are_needed: bool) -> Result<(&'a str, Vec<&'a str>), Failure> {
    let params: &'a Params = context.params;
    params.text("RegionId").ok_or_else(|| missing("RegionId"))?;
    context.region_id()?;
    let kind = params.text("ResourceType").ok_or_else(|| missing("ResourceType"))?;
    rules::one_of(kind, TYPES, (404, "InvalidResourceType.NotFound"))?;
    let ids = params.list("ResourceId")?;
    if ids.len() > 50 {
        return Err(failure(400, "NumberExceed.ResourceIds", "At most 50 resources may be given."));
    }
    if ids_are_needed && ids.is_empty() {
        return Err(missing("ResourceIds"));
    }
    Ok((kind, ids))
}

#[cfg(test)]
mod tests {
    use crate::ecs::tests::Cloud;

    fn cloud() -> (Cloud, String) {
        let mut cloud = Cloud::new();
        let id = cloud.image("mine");
        cloud.ok("TagResources", &on(&id, &[("Tag.1.Key", "a"), ("Tag.1.Value", "1"), ("Tag.2.Key", "b")]));
        (cloud, id)
    }

    fn on<'a>(id: &'a str, rest: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
        let mut params = vec![("ResourceType", "image"), ("ResourceId.1", id)];
        params.extend_from_slice(rest);
        params
    }

    #[track_caller]
    fn check(action: &str, change: &[(&str, &str)], expect: &str) {
        let (mut cloud, id) = cloud();
        cloud.ok(action, &on(&id, change));
        let tags = cloud.describe(&id)["Tags"]["Tag"].clone();
        let seen: Vec<String> = tags
            .as_array()
            .expect("a list")
            .iter()
            .map(|tag| {
                format!(
                    "{}={}",
                    tag["TagKey"].as_str().unwrap_or("?"),
                    tag["TagValue"].as_str().unwrap_or("?")
                )
            })
            .collect();
        assert_eq!(seen.join(" "), expect);
    }

    #[track_caller]
    fn refused(action: &str, change: &[(&str, &str)], expect: (u16, &str)) {
        let (mut cloud, id) = cloud();
        cloud.refused(action, &on(&id, change), expect);
    }

    #[test]
    fn tags_are_added_and_overwritten() {
        check("TagResources", &[("Tag.1.Key", "c"), ("Tag.1.Value", "3")], "a=1 b= c=3");
        check("TagResources", &[("Tag.1.Key", "a"), ("Tag.1.Value", "2")], "a=2 b=");
        refused("TagResources", &[("Tag.1.Key", "A")], (403, "TagKey.Duplication"));
        refused("TagResources", &[("Tag.1.Key", "c"), ("Tag.2.Key", "c")], (400, "Duplicate.TagKey"));
        refused("TagResources", &[("Tag.1.Key", "c"), ("Tag.2.Key", "C")], (403, "TagKey.Duplication"));
        refused("TagResources", &[("Tag.1.Key", "acs:c")], (400, "InvalidTagKey.Malformed"));
    }

    #[test]
    fn tags_are_removed_by_key_or_all_at_once() {
        check("UntagResources", &[("TagKey.1", "a"), ("TagKey.2", "z")], "b=");
        check("UntagResources", &[("All", "true")], "");
        check("UntagResources", &[], "a=1 b=");
        refused("UntagResources", &[("All", "true"), ("TagKey.1", "a")], (403, "Param.Conflict"));
        refused("UntagResources", &[("TagKey.1", "a"), ("TagKey.2", "a")], (400, "Duplicate.TagKey"));
        refused("UntagResources", &[("TagKey.1", "acs:a")], (400, "InvalidTagKey.Malformed"));
    }

    #[test]
    fn a_resource_has_twenty_tags_at_most() {
        let keys: Vec<(String, String)> =
            (1..=19).map(|n| (format!("Tag.{n}.Key"), format!("k{n}"))).collect();
        let keys: Vec<(&str, &str)> = keys.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
        refused("TagResources", &keys, (403, "QuotaExceed.Tags"));
        let (mut cloud, id) = cloud();
        cloud.ok("TagResources", &on(&id, &keys[..18]));
    }

    #[test]
    fn what_is_missing_has_a_code_of_its_own() {
        let (mut cloud, id) = cloud();
        let mut refused = |params: &[(&str, &str)], code| cloud.refused("TagResources", params, (404, code));
        refused(&[("RegionId", "")], "MissingParameter.RegionId");
        refused(&[], "MissingParameter.ResourceType");
        refused(&[("ResourceType", "image")], "MissingParameter.ResourceIds");
        refused(&on(&id, &[]), "MissingParameter.Tags");
        refused(&[("ResourceType", "car"), ("ResourceId.1", "x")], "InvalidResourceType.NotFound");
        for other in ["m-none", "m-system", "m-foreign"] {
            refused(&on(other, &[("Tag.1.Key", "a")]), "InvalidResourceId.NotFound");
        }
    }

    #[test]
    fn one_missing_resource_leaves_the_others_untouched() {
        let (mut cloud, id) = cloud();
        let params = on(&id, &[("ResourceId.2", "m-none"), ("Tag.1.Key", "new")]);
        cloud.refused("TagResources", &params, (404, "InvalidResourceId.NotFound"));
        cloud.refused(
            "UntagResources",
            &on(&id, &[("ResourceId.2", "m-none"), ("All", "true")]),
            (404, "InvalidResourceId.NotFound"),
        );
        assert_eq!(cloud.describe(&id)["Tags"]["Tag"].as_array().map(Vec::len), Some(2));
    }

    #[test]
    fn tags_are_listed_by_resource_or_by_tag() {
        let (mut cloud, id) = cloud();
        let mut list = |params: &[(&str, &str)]| {
            cloud.ok("ListTagResources", params)["TagResources"]["TagResource"].as_array().map_or(0, Vec::len)
        };
        assert_eq!(list(&on(&id, &[])), 2);
        assert_eq!(list(&[("ResourceType", "image"), ("Tag.1.Key", "a"), ("Tag.1.Value", "1")]), 2);
        assert_eq!(list(&[("ResourceType", "image"), ("Tag.1.Key", "z")]), 0);
        assert_eq!(list(&[("ResourceType", "disk"), ("Tag.1.Key", "z")]), 0);
        cloud.refused("ListTagResources", &[("ResourceType", "image")], (403, "BothEmpty.TagsAndResources"));
    }
}
