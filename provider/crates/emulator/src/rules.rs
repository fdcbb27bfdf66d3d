//! What names, descriptions, tags and other values may look like, with the code for each rule that is broken.

use std::collections::{BTreeMap, BTreeSet};

use crate::answer::{Failure, failure};
use crate::params::Params;

/// The most tags that one resource may have.
pub(crate) const MOST_TAGS: usize = 20;

pub(crate) const ARCHITECTURES: &[&str] = &["i386", "x86_64", "arm64"];

pub(crate) const PLATFORMS: &[&str] = &[
    "Aliyun",
    "Anolis",
    "CentOS",
    "Ubuntu",
    "CoreOS",
    "SUSE",
    "Debian",
    "OpenSUSE",
    "FreeBSD",
    "RedHat",
    "Kylin",
    "UOS",
    "Fedora",
    "Fedora CoreOS",
    "CentOS Stream",
    "AlmaLinux",
    "Rocky Linux",
    "Gentoo",
    "Customized Linux",
    "Others Linux",
    "Windows Server 2022",
    "Windows Server 2019",
    "Windows Server 2016",
    "Windows Server 2012",
    "Windows Server 2008",
    "Windows Server 2003",
];

/// The rule that image names and families share.
pub(crate) fn name(value: &str, code: &'static str) -> Result<(), Failure> {
    let broken =
        |why: &str| Err(failure(400, code, format!("The specified name \"{value}\" is not valid: {why}.")));
    let length = value.chars().count();
    if !(2..=128).contains(&length) {
        return broken("it must have 2 to 128 characters");
    }
    if !value.starts_with(char::is_alphabetic) {
        return broken("it must start with a letter");
    }
    if value.starts_with("aliyun") || value.starts_with("acs:") {
        return broken("it must not start with aliyun or acs:");
    }
    if value.contains("http://") || value.contains("https://") {
        return broken("it must not contain http:// or https://");
    }
    match value.chars().find(|c| !c.is_alphanumeric() && !".:_-".contains(*c)) {
        Some(c) => broken(&format!("it must not contain {c:?}")),
        None => Ok(()),
    }
}

pub(crate) fn description(value: &str) -> Result<(), Failure> {
    let broken = |why: &str| {
        let message = format!("The specified description is not valid: {why}.");
        Err(failure(400, "InvalidDescription.Malformed", message))
    };
    let length = value.chars().count();
    if !(2..=256).contains(&length) {
        return broken("it must have 2 to 256 characters");
    }
    if value.starts_with("http://") || value.starts_with("https://") {
        return broken("it must not start with http:// or https://");
    }
    Ok(())
}

/// A 32-bit machine boots by BIOS only, an ARM machine by UEFI only.
pub(crate) fn boot_mode(mode: &str, architecture: &str) -> Result<(), Failure> {
    const REFUSAL: (u16, &str) = (400, "InvalidBootMode.NotSupport");
    one_of(mode, &["BIOS", "UEFI", "UEFI-Preferred"], REFUSAL)?;
    match architecture {
        "i386" => one_of(mode, &["BIOS"], REFUSAL),
        "arm64" => one_of(mode, &["UEFI"], REFUSAL),
        _ => Ok(()),
    }
}

/// The value must be one of a fixed set.
pub(crate) fn one_of(value: &str, allowed: &[&str], refusal: (u16, &'static str)) -> Result<(), Failure> {
    if allowed.contains(&value) {
        return Ok(());
    }
    let message = format!("The specified value \"{value}\" is not one of {}.", allowed.join(", "));
    Err(failure(refusal.0, refusal.1, message))
}

/// `Tag.N.Key` and `Tag.N.Value` of an action that sets tags. `too_many` is its code for more than 20 tags, `case_only`
/// its code for two keys that differ in nothing but their case.
pub(crate) fn tags(
    params: &Params,
    too_many: (u16, &'static str),
    case_only: (u16, &'static str),
) -> Result<BTreeMap<String, String>, Failure> {
    let mut tags = BTreeMap::new();
    let mut folded = BTreeSet::new();
    let entries = params.objects("Tag")?;
    if entries.len() > MOST_TAGS {
        return Err(failure(too_many.0, too_many.1, "A resource may have 20 tags at most."));
    }
    for entry in entries {
        // The lower-case spelling is old and still sent by some.
        let member = |name: &str, old: &str| entry.get(name).or_else(|| entry.get(old)).copied();
        let key = member("Key", "key").unwrap_or_default();
        let value = member("Value", "value").unwrap_or_default();
        tag_key(key)?;
        tag_value(value)?;
        if tags.insert(key.to_owned(), value.to_owned()).is_some() {
            return Err(failure(400, "Duplicate.TagKey", format!("The tag key \"{key}\" is given twice.")));
        }
        if !folded.insert(key.to_lowercase()) {
            let message = format!("The tag key \"{key}\" is given twice, if case is ignored.");
            return Err(failure(case_only.0, case_only.1, message));
        }
    }
    Ok(tags)
}

pub(crate) fn tag_key(key: &str) -> Result<(), Failure> {
    let length = key.chars().count();
    let is_good = (1..=128).contains(&length)
        && !key.starts_with("aliyun")
        && !key.starts_with("acs:")
        && !key.contains("http://")
        && !key.contains("https://");
    if is_good {
        return Ok(());
    }
    let message = format!(
        "The specified tag key \"{key}\" is not valid: it must have 1 to 128 characters, not start with aliyun or \
         acs:, and not contain http:// or https://."
    );
    Err(failure(400, "InvalidTagKey.Malformed", message))
}

fn tag_value(value: &str) -> Result<(), Failure> {
    let is_good = value.chars().count() <= 128
        && !value.starts_with("acs:")
        && !value.contains("http://")
        && !value.contains("https://");
    if is_good {
        return Ok(());
    }
    let message = format!(
        "The specified tag value \"{value}\" is not valid: it must have 128 characters at most, not start with acs:, \
         and not contain http:// or https://."
    );
    Err(failure(400, "InvalidTagValue.Malformed", message))
}

/// `Tag.N` as a filter: every pair must be there; without a value the key is enough.
#[derive(Debug)]
pub(crate) struct TagFilter<'a>(Vec<(&'a str, Option<&'a str>)>);

impl<'a> TagFilter<'a> {
    pub(crate) fn read(params: &'a Params) -> Result<TagFilter<'a>, Failure> {
        let entries = params.objects("Tag")?;
        if entries.len() > MOST_TAGS {
            return Err(failure(400, "InvalidTagCount", "The specified tags are beyond the limit of 20."));
        }
        let pairs = entries.iter().map(|entry| {
            let member = |name: &str, old: &str| entry.get(name).or_else(|| entry.get(old)).copied();
            let key = member("Key", "key").ok_or_else(|| {
                failure(400, "InvalidTag.Mismatch", "The specified tag keys and values do not pair up.")
            })?;
            Ok((key, member("Value", "value")))
        });
        pairs.collect::<Result<_, _>>().map(TagFilter)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether one of its pairs has that key.
    pub(crate) fn names(&self, wanted: &str) -> bool {
        self.0.iter().any(|(key, _)| *key == wanted)
    }

    pub(crate) fn matches(&self, tags: &BTreeMap<String, String>) -> bool {
        self.0.iter().all(|(key, value)| match (tags.get(*key), value) {
            (Some(has), Some(wanted)) => has == wanted,
            (has, None) => has.is_some(),
            (None, Some(_)) => false,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(value: &str, is_good: bool) {
        assert_eq!(name(value, "InvalidImageName.Malformed").is_ok(), is_good, "{value:?}");
    }

    #[test]
    fn names_start_with_a_letter_and_have_few_signs() {
        check("ab", true);
        check("镜像.1:2_3-4", true);
        check(&"x".repeat(128), true);
        check(&"像".repeat(128), true);
        check("", false);
        check("a", false);
        check(&"x".repeat(129), false);
        check("1a", false);
        check("-a", false);
        check("a b", false);
        check("a/b", false);
        check("aliyun-x", false);
        check("acs:x", false);
        check("my-http://x", false);
        check("a\u{0}", false);
    }

    #[test]
    fn descriptions_may_hold_anything_but_a_link_in_front() {
        for (value, is_good) in [
            ("ab", true),
            ("see https://x", true),
            (&*"像".repeat(256), true),
            ("a", false),
            ("https://x", false),
            (&*"x".repeat(257), false),
        ] {
            assert_eq!(description(value).is_ok(), is_good, "{value:?}");
        }
    }

    #[track_caller]
    fn check_tags(pairs: &[(&str, &str)], expect: &str) {
        let mut flat = Vec::new();
        for (number, (key, value)) in (1..).zip(pairs) {
            flat.push((format!("Tag.{number}.Key"), (*key).to_owned()));
            flat.push((format!("Tag.{number}.Value"), (*value).to_owned()));
        }
        let seen = tags(&Params::business(&flat), (403, "QuotaExceed.Tags"), (403, "TagKey.Duplication"));
        assert_eq!(seen.map_or_else(|f| f.code.into_owned(), |tags| tags.len().to_string()), expect);
    }

    #[test]
    fn tags_are_checked_one_by_one() {
        check_tags(&[("a", "1"), ("b", "")], "2");
        check_tags(&[("a", "1"), ("a", "2")], "Duplicate.TagKey");
        check_tags(&[("a", "1"), ("A", "2")], "TagKey.Duplication");
        check_tags(&[("", "1")], "InvalidTagKey.Malformed");
        check_tags(&[("acs:a", "1")], "InvalidTagKey.Malformed");
        check_tags(&[("aliyun", "1")], "InvalidTagKey.Malformed");
        check_tags(&[("a", "acs:1")], "InvalidTagValue.Malformed");
        check_tags(&[("a", "a http://")], "InvalidTagValue.Malformed");
        check_tags(&[("a", &"x".repeat(129))], "InvalidTagValue.Malformed");
        let many: Vec<(String, String)> = (0..21).map(|n| (format!("k{n}"), String::new())).collect();
        let many: Vec<(&str, &str)> = many.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
        check_tags(&many, "QuotaExceed.Tags");
        check_tags(&many[..20], "20");
    }

    #[test]
    fn tag_filters_want_every_pair() {
        let params = Params::of(&[("Tag.1.Key", "a"), ("Tag.1.Value", "1"), ("Tag.2.Key", "b")]);
        let filter = TagFilter::read(&params).expect("a filter");
        let tags = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
            pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
        };
        assert!(filter.matches(&tags(&[("a", "1"), ("b", "x"), ("c", "")])));
        assert!(!filter.matches(&tags(&[("a", "2"), ("b", "x")])));
        assert!(!filter.matches(&tags(&[("a", "1")])));
        let unpaired = Params::of(&[("Tag.1.Value", "1")]);
        let refused = TagFilter::read(&unpaired).map(|_| ()).map_err(|f| f.code.into_owned());
        assert_eq!(refused, Err("InvalidTag.Mismatch".into()));
    }
}
