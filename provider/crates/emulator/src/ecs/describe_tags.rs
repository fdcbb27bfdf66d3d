//! DescribeTags: which tags are in use, and by how many resources of each type. TagResources and its kin are newer.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::action::Context;
use crate::answer::Failure;
use crate::ecs::paging::Page;
use crate::rules::{self, TagFilter};

/// The types that this action knows, each with the name that its count has in the answer.
const TYPES: &[(&str, &str)] = &[
    ("instance", "Instance"),
    ("disk", "Disk"),
    ("snapshot", "Snapshot"),
    ("image", "Image"),
    ("securitygroup", "Securitygroup"),
    ("volume", "Volume"),
    ("eni", "Eni"),
    ("ddh", "Ddh"),
    ("keypair", "KeyPair"),
    ("launchtemplate", "LaunchTemplate"),
    ("reservedinstance", "ReservedInstance"),
    ("snapshotpolicy", "SnapshotPolicy"),
];

/// A key with a value, and how many resources of each type have it.
type Count<'r> = ((&'r str, &'r str), BTreeMap<&'static str, usize>);

/// A resource that is not there has no tags, and that is no failure.
pub(crate) fn describe_tags(context: &mut Context<'_>) -> Result<Value, Failure> {
    context.region_id()?;
    let params = context.params;
    let kind = params.text("ResourceType");
    if let Some(kind) = kind {
        let known: Vec<&str> = TYPES.iter().map(|(name, _)| *name).collect();
        rules::one_of(kind, &known, (404, "InvalidResourceType.NotFound"))?;
    }
    let id = params.text("ResourceId");
    let filter = TagFilter::read(params)?;
    let page = Page::read_with(params, 50, 100, "InvalidParameter")?;
    let region = context.region()?;
    let mut counts: BTreeMap<(&str, &str), BTreeMap<&'static str, usize>> = BTreeMap::new();
    for (name, shown) in TYPES.iter().filter(|(name, _)| kind.is_none_or(|kind| kind == *name)) {
        for (_, tags) in region.all_tags(name).into_iter().filter(|(has, _)| id.is_none_or(|id| id == *has)) {
            for (key, value) in tags.iter().filter(|_| filter.matches(tags)) {
                if filter.is_empty() || filter.names(key) {
                    *counts.entry((key, value)).or_default().entry(shown).or_default() += 1;
                }
            }
        }
    }
    let counts: Vec<Count<'_>> = counts.into_iter().collect();
    Ok(page.of(&counts, "Tags", "Tag", |((key, value), by_type)| {
        let count = |shown: &str| Value::from(by_type.get(shown).copied().unwrap_or(0));
        let counted: Map<String, Value> =
            TYPES.iter().map(|(_, shown)| ((*shown).to_owned(), count(shown))).collect();
        json!({"TagKey": key, "TagValue": value, "ResourceTypeCount": counted})
    }))
}

#[cfg(test)]
mod tests {
    use crate::ecs::tests::Cloud;

    const ACTION: &str = "DescribeTags";

    /// Two images and a snapshot with tags.
    fn cloud() -> (Cloud, String) {
        let mut cloud = Cloud::new();
        let (one, two) = (cloud.image("one"), cloud.image("two"));
        for (kind, id, tags) in [
            ("image", one.as_str(), &[("a", "1"), ("b", "")][..]),
            ("image", &two, &[("a", "1"), ("c", "3")]),
            ("snapshot", "s-data", &[("a", "1")]),
        ] {
            for (key, value) in tags {
                let tag = [
                    ("ResourceType", kind),
                    ("ResourceId.1", id),
                    ("Tag.1.Key", *key),
                    ("Tag.1.Value", *value),
                ];
                cloud.ok("TagResources", &tag);
            }
        }
        (cloud, one)
    }

    /// The tags found, each with how many images and snapshots have it.
    #[track_caller]
    fn check(params: &[(&str, &str)], expect: &[&str]) {
        let (mut cloud, id) = cloud();
        let params: Vec<(&str, &str)> =
            params.iter().map(|(name, value)| (*name, if *value == "ONE" { &*id } else { *value })).collect();
        let answer = cloud.ok(ACTION, &params);
        let seen: Vec<String> = answer["Tags"]["Tag"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|tag| {
                let (key, value) = (tag["TagKey"].as_str().expect("a key"), tag["TagValue"].as_str());
                let count = &tag["ResourceTypeCount"];
                format!("{key}={} {} {}", value.expect("a value"), count["Image"], count["Snapshot"])
            })
            .collect();
        assert_eq!(seen, expect, "{params:?}");
    }

    #[test]
    fn tags_are_counted_by_the_type_of_what_has_them() {
        check(&[], &["a=1 2 1", "b= 1 0", "c=3 1 0"]);
        check(&[("ResourceType", "image")], &["a=1 2 0", "b= 1 0", "c=3 1 0"]);
        check(&[("ResourceType", "image"), ("ResourceId", "ONE")], &["a=1 1 0", "b= 1 0"]);
        check(&[("ResourceId", "s-data")], &["a=1 0 1"]);
        check(&[("ResourceType", "disk")], &[]);
        check(&[("ResourceType", "image"), ("ResourceId", "m-none")], &[]);
        check(&[("ResourceType", "image"), ("ResourceId", "m-foreign")], &[]);
        check(&[("RegionId", "eu-central-1")], &[]);
    }

    #[test]
    fn tags_can_be_asked_for_by_key_or_by_pair() {
        check(&[("Tag.1.Key", "a")], &["a=1 2 1"]);
        check(&[("Tag.1.Key", "a"), ("Tag.1.Value", "2")], &[]);
        check(&[("Tag.1.Key", "a"), ("Tag.2.Key", "c")], &["a=1 1 0", "c=3 1 0"]);
        check(&[("Tag.1.Key", "A")], &[]);
    }

    #[test]
    fn tags_are_paged_by_fifty() {
        let mut cloud = Cloud::new();
        let snapshot = &mut cloud.state.region("cn-hangzhou", 0).snapshots[0];
        snapshot.tags = (0..120).map(|number| (format!("k{number:03}"), String::new())).collect();
        let mut page = |params: &[(&str, &str)]| {
            let answer = cloud.ok(ACTION, params);
            assert_eq!(answer["TotalCount"], 120);
            answer["Tags"]["Tag"].as_array().map(Vec::len)
        };
        assert_eq!(page(&[]), Some(50));
        assert_eq!(page(&[("PageNumber", "3")]), Some(20));
        assert_eq!(page(&[("PageSize", "100")]), Some(100));
        cloud.refused(ACTION, &[("PageSize", "101")], (400, "InvalidParameter"));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let (mut cloud, _) = cloud();
        cloud.refused(ACTION, &[("ResourceType", "car")], (404, "InvalidResourceType.NotFound"));
        cloud.refused(ACTION, &[("Tag.1.Value", "1")], (400, "InvalidTag.Mismatch"));
        cloud.refused(ACTION, &[("RegionId", "x")], (404, "InvalidRegionId.NotFound"));
        cloud.refused(ACTION, &[("RegionId", "")], (400, "MissingParameter"));
    }
}
