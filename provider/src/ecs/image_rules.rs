//! What an image may be called and made of, beyond what the types say, and the name it gets where a program gives none.
//! Nothing here does I/O.

use std::collections::HashMap;

use pulumi::path::Path;
use pulumi::value::quote;
use pulumi::{Autonaming, CheckContext, Failure, Findings, Input, known};
use sha2::{Digest, Sha256};

use crate::ecs::image::{ImageArgs, ImageDiskDeviceMapping, ImageFeatures};

/// The most characters of a name.
pub(crate) const NAME_LENGTH: usize = 128;
/// Random hexadecimal digits at the end of an automatic name.
const RANDOM_DIGITS: usize = 7;
const WEB_PREFIXES: [&str; 2] = ["http://", "https://"];
/// What the cloud keeps for itself: no program can give such names and tags.
pub(crate) const RESERVED_PREFIXES: [&str; 2] = ["aliyun", "acs:"];

/// Checks everything that is known.
pub(crate) fn check(
    args: &ImageArgs,
    olds: Option<&ImageArgs>,
    context: &CheckContext<'_>,
    findings: &mut Findings,
) {
    check_source(args, olds, context, findings);
    for (property, value) in [("imageName", &args.image_name), ("imageFamily", &args.image_family)] {
        if let Some(name) = known(value)
            && let Some(reason) = name_mistake(name)
        {
            findings.fail_got(Path::property(property), reason, quote(name));
        }
    }
    if let Some(description) = known(&args.description)
        && let Some(prefix) = WEB_PREFIXES.iter().find(|prefix| has_prefix(description, prefix))
    {
        let reason = format!("must not start with {prefix}");
        findings.fail_got(Path::property("description"), reason, quote(description));
    }
    if let Some(mappings) = known(&args.disk_device_mappings) {
        check_mappings(mappings, findings);
    }
    if let Some(tags) = known(&args.tags) {
        for (key, value) in tags {
            check_tag(key, value.known(), findings);
        }
        check_tag_cases(tags.keys(), findings);
    }
}

/// The cloud takes keys that differ in case only for one (`Duplicate.TagKey`).
fn check_tag_cases<'a>(keys: impl Iterator<Item = &'a String>, findings: &mut Findings) {
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

/// The cloud never goes back from `v2` to `v1`, whoever has set it.
pub(crate) fn refuse_older_imds(
    now: &Option<Input<ImageFeatures>>,
    wanted: &Option<Input<ImageFeatures>>,
) -> Result<(), Failure> {
    match (imds(now), imds(wanted)) {
        (Some("v2"), Some("v1")) => Err(Failure::Refused(format!("features.imdsSupport: {OLDER_IMDS}"))),
        _ => Ok(()),
    }
}

pub(crate) const OLDER_IMDS: &str =
    "the cloud refuses to go from \"v2\" back to \"v1\"; keep \"v2\", or replace the image";

pub(crate) fn imds(features: &Option<Input<ImageFeatures>>) -> Option<&str> {
    known(features).and_then(|features| known(&features.imds_support)).map(String::as_str)
}

/// Checks what an update may not do, and warns of what it cannot.
pub(crate) fn check_update(olds: &ImageArgs, news: &ImageArgs, findings: &mut Findings) {
    let features = Path::property("features");
    if imds(&olds.features) == Some("v2") && imds(&news.features) == Some("v1") {
        findings.fail(features.key("imdsSupport"), OLDER_IMDS);
    }
    // Features that are not known yet may hold anything.
    let feature = |args: &ImageArgs, of: fn(&ImageFeatures) -> &Option<Input<String>>| match &args.features {
        Some(Input::Known(features)) => of(features).clone(),
        Some(Input::Unknown) => Some(Input::Unknown),
        None => None,
    };
    let both = |of: fn(&ImageFeatures) -> &Option<Input<String>>| (feature(olds, of), feature(news, of));
    let pair = |old: &Option<Input<String>>, new: &Option<Input<String>>| (old.clone(), new.clone());
    for (path, (old, new)) in [
        (Path::property("bootMode"), pair(&olds.boot_mode, &news.boot_mode)),
        (Path::property("licenseType"), pair(&olds.license_type, &news.license_type)),
        (Path::property("resourceGroupId"), pair(&olds.resource_group_id, &news.resource_group_id)),
        (features.key("imdsSupport"), both(|features| &features.imds_support)),
        (features.key("nvmeSupport"), both(|features| &features.nvme_support)),
    ] {
        if let (Some(old), None) = (known(&old).filter(|old| !old.is_empty()), new) {
            findings.warn_got(
                path,
                "cannot be cleared in the cloud: the image keeps what it has",
                quote(old),
            );
        }
    }
}

/// The name of an image whose program gives none: the one it has, or a new one.
pub(crate) fn autoname(
    olds: Option<&ImageArgs>,
    context: &CheckContext<'_>,
    findings: &mut Findings,
) -> Option<Input<String>> {
    if let Some(olds) = olds {
        // An image that exists keeps its name, whoever gave it; one that an older provider left nameless stays so.
        return olds.image_name.clone();
    }
    if context.is_empty {
        return None;
    }
    let name = match context.autonaming {
        Autonaming::Default => random_name(context),
        Autonaming::Propose(name) => fitting(name, NAME_LENGTH),
        Autonaming::Enforce(name) => {
            if let Some(reason) = length_mistake(name).or_else(|| name_mistake(name)) {
                let reason = format!("the project's autonaming demands this name, but it {reason}");
                findings.fail_got(Path::property("imageName"), reason, quote(name));
            }
            name.to_owned()
        }
        Autonaming::Disable => {
            findings.fail(
                Path::property("imageName"),
                "is required: automatic naming is disabled for this resource",
            );
            return None;
        }
    };
    Some(Input::Known(name))
}

/// What the automatic names of a resource start with.
pub(crate) fn stem_of(resource_name: &str) -> String {
    fitting(resource_name, NAME_LENGTH - RANDOM_DIGITS - 1)
}

fn random_name(context: &CheckContext<'_>) -> String {
    let digest = if context.random_seed.is_empty() {
        Sha256::digest(uuid::Uuid::new_v4())
    } else {
        Sha256::new().chain_update(context.random_seed).chain_update(context.urn).finalize()
    };
    let digits: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{}", stem_of(context.name), &digits[..RANDOM_DIGITS])
}

/// The name with what the rules forbid replaced, of at most so many characters. A name that is good already stays.
fn fitting(name: &str, most: usize) -> String {
    let mut fitted: String = name.chars().map(|c| if is_name_character(c) { c } else { '-' }).collect();
    let reserved = RESERVED_PREFIXES.iter().any(|prefix| has_prefix(&fitted, prefix));
    if reserved || !fitted.chars().next().is_some_and(is_first_character) {
        fitted = format!("image-{fitted}");
    }
    fitted.chars().take(most).collect()
}

fn check_source(
    args: &ImageArgs,
    olds: Option<&ImageArgs>,
    context: &CheckContext<'_>,
    findings: &mut Findings,
) {
    let given: Vec<(&str, bool)> = [
        ("instanceId", args.instance_id.as_ref().map(|value| value.known().is_some())),
        ("snapshotId", args.snapshot_id.as_ref().map(|value| value.known().is_some())),
        ("diskDeviceMappings", args.disk_device_mappings.as_ref().map(|value| value.known().is_some())),
    ]
    .into_iter()
    .filter_map(|(property, known)| known.map(|known| (property, known)))
    .collect();
    // An image that exists has been made of something. And some C# SDKs register an image that is only looked up without a
    // single input, while its id is not known yet; the create itself refuses such a one.
    let made_of_disks = olds.is_some_and(|olds| olds.instance_id.is_none() && olds.snapshot_id.is_none());
    let only_looked_up = context.is_empty && olds.is_none();
    if given.is_empty() && (made_of_disks || only_looked_up) {
        return;
    }
    if given.is_empty() {
        findings.fail(
            Path::root(),
            "an image needs a source: give exactly one of instanceId, snapshotId and diskDeviceMappings",
        );
        return;
    }
    // A value that is not known yet may turn out to be absent.
    let known: Vec<&str> = given.iter().filter(|(_, known)| *known).map(|(property, _)| *property).collect();
    if known.len() > 1 {
        for property in &known {
            let reason = format!("an image has exactly one source; of {} give only one", known.join(" and "));
            findings.fail(Path::property(property), reason);
        }
    }
}

fn check_mappings(mappings: &[Input<ImageDiskDeviceMapping>], findings: &mut Findings) {
    let list = Path::property("diskDeviceMappings");
    let mut devices: HashMap<&str, usize> = HashMap::new();
    let mut system = None;
    for (index, mapping) in mappings.iter().enumerate() {
        let Some(mapping) = mapping.known() else { continue };
        let path = list.index(index);
        if let Some(device) = known(&mapping.device) {
            if !is_device(device) {
                findings.fail_got(path.key("device"), "must be /dev/xvda to /dev/xvdz", quote(device));
            } else if let Some(first) = devices.insert(device, index) {
                devices.insert(device, first);
                findings.fail_got(
                    path.key("device"),
                    format!("is the device of diskDeviceMappings[{first}] already"),
                    quote(device),
                );
            }
        }
        if known(&mapping.disk_type).is_some_and(|disk_type| disk_type == "system") {
            match system {
                None => system = Some(index),
                Some(first) => findings.fail(
                    path.key("diskType"),
                    format!(
                        "diskDeviceMappings[{first}] is the system disk already, and there is at most one"
                    ),
                ),
            }
        }
        if known(&mapping.snapshot_id).is_some_and(String::is_empty) {
            findings.fail(path.key("snapshotId"), "must not be empty; leave it out for a blank data disk");
        }
    }
}

fn is_device(device: &str) -> bool {
    let mut letters = device.strip_prefix("/dev/xvd").unwrap_or_default().chars();
    letters.next().is_some_and(|letter| letter.is_ascii_lowercase()) && letters.next().is_none()
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

/// What is wrong with a name's characters; its length the declaration knows.
fn name_mistake(name: &str) -> Option<String> {
    if let Some(prefix) = RESERVED_PREFIXES.iter().find(|prefix| has_prefix(name, prefix)) {
        return Some(format!("must not start with {prefix}"));
    }
    if let Some(part) = WEB_PREFIXES.iter().find(|part| contains(name, part)) {
        return Some(format!("must not contain {part}"));
    }
    match name.chars().next() {
        Some(first) if !is_first_character(first) => {
            return Some("must start with a letter or a Chinese character".to_owned());
        }
        _ => {}
    }
    let wrong = name.chars().any(|c| !is_name_character(c));
    wrong.then(|| "may have only letters, Chinese characters, digits, and . : _ -".to_owned())
}

fn length_mistake(name: &str) -> Option<String> {
    let length = name.chars().count();
    (!(2..=NAME_LENGTH).contains(&length)).then(|| "must be 2 to 128 characters long".to_owned())
}

fn is_first_character(c: char) -> bool {
    c.is_ascii_alphabetic() || is_cjk(c)
}

fn is_name_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | ':' | '_' | '-') || is_cjk(c)
}

/// Chinese, Japanese and Korean characters: the ideographs with their extensions, kana and hangul.
fn is_cjk(c: char) -> bool {
    matches!(c,
        '\u{3005}'..='\u{3007}' | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}'
        | '\u{ac00}'..='\u{d7af}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{323af}')
}

/// The cloud ignores case in what it forbids.
fn has_prefix(text: &str, prefix: &str) -> bool {
    text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

fn contains(text: &str, part: &str) -> bool {
    text.to_ascii_lowercase().contains(part)
}
