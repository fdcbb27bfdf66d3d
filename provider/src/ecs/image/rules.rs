//! What an image may be made of, beyond what the types say. Nothing here does I/O.

use std::collections::HashMap;

use pulumi::path::Path;
use pulumi::value::quote;
use pulumi::{CheckContext, Findings, Input, known};

use crate::ecs::image::args::ImageArgs;
use crate::ecs::images::disks::ImageDiskDeviceMapping;
use crate::ecs::images::rules;

/// Checks everything that is known. The inputs that are filled in.
pub(crate) fn check(
    args: &ImageArgs,
    olds: Option<&ImageArgs>,
    context: &CheckContext<'_>,
    findings: &mut Findings,
) -> ImageArgs {
    check_source(args, olds, context, findings);
    if let Some(mappings) = known(&args.disk_device_mappings) {
        check_mappings(mappings, findings);
    }
    rules::check(args, olds, context, findings)
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
