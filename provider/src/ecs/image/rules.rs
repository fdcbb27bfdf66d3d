//! What an image may be made of, and what an update of it may not do, beyond what the types say. Nothing here does I/O.

use std::collections::HashMap;

use pulumi::path::Path;
use pulumi::value::quote;
use pulumi::{CheckContext, Findings, Input, known};

use crate::ecs::image::args::{ImageArgs, ImageDiskDeviceMapping};
use crate::ecs::images::attributes::{ATTRIBUTES, Attribute, NAME, NO_WAY_BACK, goes_back_in_imds};
use crate::ecs::images::inputs::Inputs as _;
use crate::ecs::images::names::{self, WEB_PREFIXES, has_prefix};
use crate::ecs::images::tags;

/// Checks everything that is known.
pub(crate) fn check(
    args: &ImageArgs,
    olds: Option<&ImageArgs>,
    context: &CheckContext<'_>,
    findings: &mut Findings,
) {
    check_source(args, olds, context, findings);
    for (property, value) in [("imageName", &args.image_name), ("imageFamily", &args.image_family)] {
        if let Some(name) = known(value) {
            names::check(property, name, findings);
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
    if let Some(given) = known(&args.tags) {
        tags::check(given, findings);
    }
}

/// Checks what an update may not do, and warns of what it cannot.
pub(crate) fn check_update(olds: &ImageArgs, news: &ImageArgs, findings: &mut Findings) {
    let olds = olds.attributes();
    if goes_back_in_imds(&olds, &news.attributes()) {
        findings.fail(path_of("features.imdsSupport"), NO_WAY_BACK);
    }
    // What is not known yet may turn out to be given.
    let news = news.attributes_with(Some("unknown"));
    // A name that is left out is filled in with the one that the image has.
    let kept = |attribute: &&Attribute| !attribute.clears && attribute.property != NAME;
    for attribute in ATTRIBUTES.iter().filter(kept) {
        let old = (attribute.of)(&olds).as_ref().filter(|old| !old.is_empty());
        if let (Some(old), None) = (old, (attribute.of)(&news)) {
            let reason = match attribute.usual {
                Some(usual) if usual == old => continue,
                Some(usual) => format!(
                    "is left out, and the image keeps what it has; to set it back, give {} instead",
                    quote(usual)
                ),
                None => "cannot be cleared in the cloud: the image keeps what it has".to_owned(),
            };
            findings.warn_got(path_of(attribute.property), reason, quote(old));
        }
    }
}

fn path_of(property: &str) -> Path {
    property.split('.').fold(Path::root(), |path, key| path.key(key))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Option<Input<String>> {
        Some(Input::Known(text.to_owned()))
    }

    fn warned(olds: &ImageArgs, news: &ImageArgs) -> Vec<String> {
        let mut findings = Findings::default();
        check_update(olds, news, &mut findings);
        assert!(findings.failures.is_empty());
        findings.warnings.iter().map(|warning| warning.path.to_string()).collect()
    }

    #[test]
    fn what_cannot_be_cleared_is_warned_of_and_a_name_can_be_left_out() {
        let olds = ImageArgs {
            boot_mode: text("UEFI"),
            description: text("a text"),
            image_name: text("golden"),
            license_type: text("BYOL"),
            status: text("Deprecated"),
            ..ImageArgs::default()
        };
        assert_eq!(warned(&olds, &ImageArgs::default()), ["bootMode", "licenseType", "status"]);
        let unknown = ImageArgs {
            boot_mode: Some(Input::Unknown),
            license_type: Some(Input::Unknown),
            status: Some(Input::Unknown),
            ..ImageArgs::default()
        };
        assert_eq!(warned(&olds, &unknown), [""; 0]);
        assert_eq!(warned(&olds, &olds), [""; 0]);
    }

    #[test]
    fn an_image_that_stays_deprecated_says_how_it_comes_back() {
        let of = |status| ImageArgs { status: text(status), ..ImageArgs::default() };
        let mut findings = Findings::default();
        check_update(&of("Deprecated"), &ImageArgs::default(), &mut findings);
        let text = findings.warnings[0].text();
        assert_eq!(findings.warnings[0].path.to_string(), "status");
        assert!(
            text.contains("the image keeps what it has; to set it back, give \"Available\" instead"),
            "{text}"
        );
        assert_eq!(warned(&of("Available"), &ImageArgs::default()), [""; 0]);
    }
}
