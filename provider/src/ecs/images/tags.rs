//! Tags of an image: what a program may give, and whose they are. Tags of others are none of a program's business.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use aliyun::ecs::Tag;
use pulumi::path::Path;
use pulumi::value::quote;
use pulumi::{Findings, Input};

use crate::ecs::images::names::{RESERVED_PREFIXES, WEB_PREFIXES, contains, has_prefix};

/// The tags, as a call that makes an image sends them.
pub(crate) fn sent(tags: Option<&BTreeMap<String, String>>) -> Vec<Tag> {
    tags.into_iter().flatten().map(|(key, value)| Tag::new(key, value)).collect()
}

/// Checks keys and values.
pub(crate) fn check(tags: &BTreeMap<String, Input<String>>, findings: &mut Findings) {
    for (key, value) in tags {
        check_tag(key, value.known(), findings);
    }
    check_cases(tags.keys(), findings);
}

/// The cloud takes keys that differ in case only for one (`Duplicate.TagKey`).
fn check_cases<'a>(keys: impl Iterator<Item = &'a String>, findings: &mut Findings) {
    let mut seen: HashMap<String, &str> = HashMap::new();
    for key in keys {
        if let Some(first) = seen.insert(key.to_lowercase(), key) {
            findings.fail(
                Path::property("tags").key(key),
                format!(
                    "differs from the key {} in case only, and the cloud takes both for one",
                    quote(first)
                ),
            );
        }
    }
}

fn check_tag(key: &str, value: Option<&String>, findings: &mut Findings) {
    const KEY_LENGTH: std::ops::RangeInclusive<usize> = 1..=128;
    const VALUE_LENGTH: usize = 128;
    let path = Path::property("tags").key(key);
    let mut fail = |reason: String, got: String| findings.fail_got(path.clone(), reason, got);
    let length = key.chars().count();
    if !KEY_LENGTH.contains(&length) {
        fail("a tag's key must be 1 to 128 characters long".to_owned(), length.to_string());
    }
    if let Some(prefix) = RESERVED_PREFIXES.iter().find(|prefix| has_prefix(key, prefix)) {
        fail(format!("a tag's key must not start with {prefix}"), quote(key));
    }
    if let Some(part) = WEB_PREFIXES.iter().find(|part| contains(key, part)) {
        fail(format!("a tag's key must not contain {part}"), quote(key));
    }
    let Some(value) = value else { return };
    let length = value.chars().count();
    if length > VALUE_LENGTH {
        let got = format!("{length}: {}", quote(value));
        fail("a tag's value must be at most 128 characters long".to_owned(), got);
    }
    if has_prefix(value, "acs:") {
        fail("a tag's value must not start with acs:".to_owned(), quote(value));
    }
    if let Some(part) = WEB_PREFIXES.iter().find(|part| contains(value, part)) {
        fail(format!("a tag's value must not contain {part}"), quote(value));
    }
}

/// The tags that a program can have given: those whose keys the cloud does not keep for itself.
pub(crate) fn of_program(tags: &[Tag]) -> BTreeMap<String, String> {
    tags.iter()
        .filter(|tag| !RESERVED_PREFIXES.iter().any(|prefix| tag.key.starts_with(prefix)))
        .map(|tag| (tag.key.clone(), tag.value.clone()))
        .collect()
}

/// Whether every wanted tag is there and none that the program has given before is left over.
pub(crate) fn are_shown(
    wanted: Option<&BTreeMap<String, String>>,
    now: Option<&BTreeMap<String, String>>,
    given: &BTreeSet<String>,
) -> bool {
    let none = BTreeMap::new();
    let (wanted, now) = (wanted.unwrap_or(&none), now.unwrap_or(&none));
    wanted.iter().all(|(key, value)| now.get(key) == Some(value))
        && given.iter().all(|key| wanted.contains_key(key) || !now.contains_key(key))
}
