//! What the declaration cannot tell of a difference between an image's old and new inputs. Nothing here does I/O.

use pulumi::diff::{Change, ChangeKind};
use pulumi::value::quote;
use pulumi::{Failure, Input, Lazy, known};

use crate::ecs::image::{ImageArgs, ImageDiskDeviceMapping, ImageState};
use crate::ecs::image_rules::{OLDER_IMDS, imds};
use crate::ecs::image_state::AUTO;

/// Inputs that the cloud does not report, so that an import cannot fill them in.
const UNREPORTED: [&str; 3] = ["deleteAutoSnapshot", "detectionStrategy", "force"];
/// Inputs that the cloud cannot clear, so that leaving them out asks for nothing.
const UNCLEARED: [&str; 4] = ["bootMode", "features", "licenseType", "resourceGroupId"];

/// Takes out what is no difference, and returns what the user is told of that.
///
/// # Errors
/// If the cloud is known to refuse the change.
pub(crate) fn reconsider(
    state: &Lazy<'_, ImageState>,
    olds: &Lazy<'_, ImageArgs>,
    news: &Lazy<'_, ImageArgs>,
    changes: &mut Vec<Change>,
) -> Result<Vec<String>, Failure> {
    let mut lines = Vec::new();
    let mut left = Vec::new();
    for change in changes.drain(..) {
        let satisfied = may_be_satisfied(&change) && is_satisfied_by_any(state.get()?, news.get()?);
        if satisfied
            || may_be_believed(&change)
                && state.get()?.kept.imported == Some(true)
                && is_believed(&change, state.get()?, olds.get()?, news.get()?, &mut lines)
        {
            continue;
        }
        left.push(change);
    }
    *changes = left;
    let replaces = changes.iter().any(|change| change.replace);
    if !replaces
        && imds(&news.get()?.features) == Some("v1")
        && imds(&state.get()?.args.features) == Some("v2")
    {
        return Err(Failure::Refused(format!("features.imdsSupport: {OLDER_IMDS}")));
    }
    Ok(lines)
}

fn may_be_satisfied(change: &Change) -> bool {
    change.path.first_key() == Some("licenseType") && change.kind == ChangeKind::Add
}

/// A program that begins to leave the license to the cloud is content with what the cloud has made of it.
fn is_satisfied_by_any(state: &ImageState, news: &ImageArgs) -> bool {
    known(&news.license_type).is_some_and(|license| license == AUTO)
        && known(&state.args.license_type).is_some()
}

/// Whether a change may only say of an imported image what its import could not know.
fn may_be_believed(change: &Change) -> bool {
    let Some(key) = change.path.first_key() else { return false };
    match change.kind {
        ChangeKind::Add => UNREPORTED.contains(&key) || key == "instanceId" || key == "snapshotId",
        ChangeKind::Delete => UNCLEARED.contains(&key),
        ChangeKind::Update => false,
    }
}

/// Whether such a change does so: the cloud does not report what an image was made of. What contradicts the image is a change.
fn is_believed(
    change: &Change,
    state: &ImageState,
    olds: &ImageArgs,
    news: &ImageArgs,
    lines: &mut Vec<String>,
) -> bool {
    let source = match change.path.first_key() {
        Some("instanceId") => &news.instance_id,
        Some("snapshotId") => &news.snapshot_id,
        _ => return true,
    };
    let key = change.path.first_key().unwrap_or_default();
    let source_known = olds.instance_id.is_some() || olds.snapshot_id.is_some();
    let Some(source) = known(source) else { return false };
    let contradicted = key == "snapshotId" && system_snapshot(state).is_some_and(|system| system != source);
    if source_known || contradicted {
        return false;
    }
    lines.push(format!(
        "{key} {} is taken for what this imported image was made of, which the cloud does not report: it is recorded, and \
         nothing is called or replaced",
        quote(source)
    ));
    true
}

/// The snapshot of the image's system disk, if the cloud reports one.
fn system_snapshot(state: &ImageState) -> Option<&str> {
    let is_system = |mapping: &&ImageDiskDeviceMapping| match known(&mapping.disk_type) {
        Some(disk_type) => disk_type == "system",
        None => known(&mapping.device).is_some_and(|device| device == "/dev/xvda"),
    };
    let mut mappings = known(&state.args.disk_device_mappings)?.iter().filter_map(Input::known);
    let system = mappings.find(is_system)?;
    known(&system.snapshot_id).map(String::as_str).filter(|snapshot| !snapshot.is_empty())
}
