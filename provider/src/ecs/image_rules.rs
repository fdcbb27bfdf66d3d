//! What an image may be called and made of, beyond what the types say, and the name it gets where a program gives none.
//! Nothing here does I/O.

use std::collections::HashMap;

use pulumi::path::Path;
use pulumi::value::{Properties, Value, quote};
use pulumi::{Autonaming, CheckContext, Findings, Input, known};
use sha2::{Digest, Sha256};

use crate::ecs::image::{ImageArgs, ImageDiskDeviceMapping};

/// The most characters of a name.
const NAME_LENGTH: usize = 128;
/// Random hexadecimal digits at the end of an automatic name.
const RANDOM_DIGITS: usize = 7;
const WEB_PREFIXES: [&str; 2] = ["http://", "https://"];
/// What the cloud keeps for itself: no program can give such names and tags.
pub(crate) const RESERVED_PREFIXES: [&str; 2] = ["aliyun", "acs:"];

/// Checks everything that is known.
pub(crate) fn check(args: &ImageArgs, findings: &mut Findings) {
    check_source(args, findings);
    for (property, value) in [("imageName", &args.image_name), ("imageFamily", &args.image_family)] {
        if let Some(reason) = known(value).and_then(|name| name_mistake(name)) {
            findings.fail(Path::property(property), reason);
        }
    }
    if let Some(description) = known(&args.description)
        && let Some(prefix) = WEB_PREFIXES.iter().find(|prefix| has_prefix(description, prefix))
    {
        findings.fail(
            Path::property("description"),
            format!("must not start with {prefix}, got {}", quote(description)),
        );
    }
    if let Some(mappings) = known(&args.disk_device_mappings) {
        check_mappings(mappings, findings);
    }
    if let Some(tags) = known(&args.tags) {
        for (key, value) in tags {
            check_tag(key, value.known(), findings);
        }
    }
}

/// Checks what an update may not do, and warns of what it cannot.
pub(crate) fn check_update(olds: &ImageArgs, news: &ImageArgs, findings: &mut Findings) {
    let imds =
        |args: &ImageArgs| known(&args.features).and_then(|features| known(&features.imds_support).cloned());
    if imds(olds).as_deref() == Some("v2") && imds(news).as_deref() == Some("v1") {
        findings.fail(
            Path::property("features").key("imdsSupport"),
            "the cloud refuses to go from \"v2\" back to \"v1\"; keep \"v2\", or replace the image",
        );
    }
    let stays = |property: &str, old: Option<String>, removed: bool, findings: &mut Findings| {
        if let (Some(old), true) = (old.filter(|old| !old.is_empty()), removed) {
            findings.warn(
                Path::property(property),
                format!("cannot be cleared in the cloud: the image keeps {}", quote(&old)),
            );
        }
    };
    stays("bootMode", known(&olds.boot_mode).cloned(), news.boot_mode.is_none(), findings);
    stays("licenseType", known(&olds.license_type).cloned(), news.license_type.is_none(), findings);
    stays(
        "resourceGroupId",
        known(&olds.resource_group_id).cloned(),
        news.resource_group_id.is_none(),
        findings,
    );
    stays("features", imds(olds), news.features.is_none(), findings);
}

/// The name of an image whose program gives none: the one it has, or a new one.
pub(crate) fn autoname(context: &CheckContext<'_>, findings: &mut Findings) -> Properties {
    if let Some(olds) = context.olds {
        // An image that exists keeps its name, whoever gave it; one that an older provider left nameless stays so.
        return olds
            .get("imageName")
            .map(|name| Properties::from([("imageName".to_owned(), name.clone())]))
            .unwrap_or_default();
    }
    let name = match context.autonaming {
        Autonaming::Default => random_name(context),
        Autonaming::Propose(name) => fitting(name, NAME_LENGTH),
        Autonaming::Enforce(name) => {
            if let Some(reason) = length_mistake(name).or_else(|| name_mistake(name)) {
                findings.fail(
                    Path::property("imageName"),
                    format!("the project's autonaming demands this name, but it {reason}"),
                );
            }
            name.to_owned()
        }
        Autonaming::Disable => {
            findings.fail(
                Path::property("imageName"),
                "is required: automatic naming is disabled for this resource",
            );
            return Properties::new();
        }
    };
    Properties::from([("imageName".to_owned(), Value::String(name))])
}

/// Whether a name is one that [`autoname`] gives to a resource of this name.
pub(crate) fn is_autoname(resource_name: &str, image_name: &str) -> bool {
    let Some((stem, digits)) = image_name.rsplit_once('-') else { return false };
    digits.len() == RANDOM_DIGITS
        && digits.chars().all(|c| c.is_ascii_digit() || ('a'..='f').contains(&c))
        && stem == stem_of(resource_name)
}

/// What all automatic names of a resource start with, the last `-` included.
pub(crate) fn autoname_prefix(resource_name: &str) -> String {
    format!("{}-", stem_of(resource_name))
}

fn stem_of(resource_name: &str) -> String {
    fitting(resource_name, NAME_LENGTH - RANDOM_DIGITS - 1)
}

fn random_name(context: &CheckContext<'_>) -> String {
    let digest = if context.random_seed.is_empty() {
        Sha256::digest(uuid::Uuid::new_v4())
    } else {
        Sha256::new().chain_update(context.random_seed).chain_update(context.urn).finalize()
    };
    let digits: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}{}", autoname_prefix(context.name), &digits[..RANDOM_DIGITS])
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

fn check_source(args: &ImageArgs, findings: &mut Findings) {
    let given: Vec<(&str, bool)> = [
        ("instanceId", args.instance_id.as_ref().map(|value| value.known().is_some())),
        ("snapshotId", args.snapshot_id.as_ref().map(|value| value.known().is_some())),
        ("diskDeviceMappings", args.disk_device_mappings.as_ref().map(|value| value.known().is_some())),
    ]
    .into_iter()
    .filter_map(|(property, known)| known.map(|known| (property, known)))
    .collect();
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
                findings.fail(
                    path.key("device"),
                    format!("must be /dev/xvda to /dev/xvdz, got {}", quote(device)),
                );
            } else if let Some(first) = devices.insert(device, index) {
                devices.insert(device, first);
                findings.fail(
                    path.key("device"),
                    format!("{device} is the device of diskDeviceMappings[{first}] already"),
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
    let mut fail = |reason: String| findings.fail(path.clone(), reason);
    let length = key.chars().count();
    if !KEY_LENGTH.contains(&length) {
        fail(format!("a tag's key must be 1 to 128 characters long, got {length}"));
    }
    if let Some(prefix) = RESERVED_PREFIXES.iter().find(|prefix| has_prefix(key, prefix)) {
        fail(format!("a tag's key must not start with {prefix}, got {}", quote(key)));
    }
    if let Some(part) = WEB_PREFIXES.iter().find(|part| contains(key, part)) {
        fail(format!("a tag's key must not contain {part}, got {}", quote(key)));
    }
    let Some(value) = value else { return };
    let length = value.chars().count();
    if length > VALUE_LENGTH {
        fail(format!("a tag's value must be at most 128 characters long, got {length}: {}", quote(value)));
    }
    if has_prefix(value, "acs:") {
        fail(format!("a tag's value must not start with acs:, got {}", quote(value)));
    }
    if let Some(part) = WEB_PREFIXES.iter().find(|part| contains(value, part)) {
        fail(format!("a tag's value must not contain {part}, got {}", quote(value)));
    }
}

/// What is wrong with a name's characters; its length the declaration knows.
fn name_mistake(name: &str) -> Option<String> {
    let got = quote(name);
    if let Some(prefix) = RESERVED_PREFIXES.iter().find(|prefix| has_prefix(name, prefix)) {
        return Some(format!("must not start with {prefix}, got {got}"));
    }
    if let Some(part) = WEB_PREFIXES.iter().find(|part| contains(name, part)) {
        return Some(format!("must not contain {part}, got {got}"));
    }
    match name.chars().next() {
        Some(first) if !is_first_character(first) => {
            return Some(format!("must start with a letter or a Chinese character, got {got}"));
        }
        _ => {}
    }
    let wrong = name.chars().find(|c| !is_name_character(*c))?;
    Some(format!(
        "may have only letters, Chinese characters, digits, and . : _ - but has {wrong:?}, got {got}"
    ))
}

fn length_mistake(name: &str) -> Option<String> {
    let length = name.chars().count();
    (!(2..=NAME_LENGTH).contains(&length)).then(|| format!("must be 2 to 128 characters long, got {length}"))
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
