//! What the declaration cannot tell of a difference between an image's old and new inputs. Nothing here does I/O.

use pulumi::diff::{Change, ChangeKind};
use pulumi::value::quote;
use pulumi::{Failure, Input, Lazy, known};

use crate::ecs::image::args::{ImageArgs, ImageDiskDeviceMapping};
use crate::ecs::images::attributes::{ANY_LICENSE, ATTRIBUTES, OLDER_IMDS, refuse_older_imds};
use crate::ecs::images::entry::Entry;
use crate::ecs::images::inputs::Inputs as _;

/// Inputs that the cloud does not report, so that an import cannot fill them in.
const UNREPORTED: [&str; 3] = ["deleteAutoSnapshot", "detectionStrategy", "force"];

/// Takes out what is no difference, and returns what the user is told of that.
///
/// # Errors
/// If the cloud is known to refuse the change.
pub(crate) fn reconsider(
    state: &Lazy<'_, Entry<ImageArgs>>,
    olds: &Lazy<'_, ImageArgs>,
    news: &Lazy<'_, ImageArgs>,
    changes: &mut Vec<Change>,
) -> Result<Vec<String>, Failure> {
    let mut lines = Vec::new();
    for change in std::mem::take(changes) {
        // Most changes are what they seem, and reading a state takes longer than comparing inputs.
        let is_none = may_be_none(&change) && {
            let (state, olds, news) = (state.get()?, olds.get()?, news.get()?);
            is_satisfied_by_any(&change, state, news)
                || state.kept.imported == Some(true) && is_believed(&change, state, olds, news, &mut lines)
        };
        if !is_none {
            changes.push(change);
        }
    }
    if !changes.iter().any(|change| change.replace) {
        let news = news.get()?;
        let imds = known(&news.features).and_then(|features| known(&features.imds_support));
        // No other value can be a step back, so that the state need not be read.
        if imds.is_some_and(|imds| imds == OLDER_IMDS) {
            refuse_older_imds(&state.get()?.args.attributes(), &news.attributes())?;
        }
    }
    Ok(lines)
}

/// Whether a change may turn out to be none.
fn may_be_none(change: &Change) -> bool {
    let Some(key) = change.path.first_key() else { return false };
    match change.kind {
        ChangeKind::Add => {
            UNREPORTED.contains(&key) || ["instanceId", "licenseType", "snapshotId"].contains(&key)
        }
        ChangeKind::Delete => is_not_cleared(key),
        ChangeKind::Update => false,
    }
}

/// Whether leaving out a property asks for nothing, as the cloud cannot clear it.
fn is_not_cleared(key: &str) -> bool {
    ATTRIBUTES.iter().any(|attribute| attribute.top() == key && !attribute.clears)
}

/// A program that begins to leave the license to the cloud is content with what the cloud has made of it.
fn is_satisfied_by_any(change: &Change, state: &Entry<ImageArgs>, news: &ImageArgs) -> bool {
    change.path.first_key() == Some("licenseType")
        && change.kind == ChangeKind::Add
        && known(&news.license_type).is_some_and(|license| license == ANY_LICENSE)
        && known(&state.args.license_type).is_some()
}

/// Whether a change only says of an imported image what its import could not know: the cloud does not report what it was made
/// of. What contradicts the image is a change.
fn is_believed(
    change: &Change,
    state: &Entry<ImageArgs>,
    olds: &ImageArgs,
    news: &ImageArgs,
    lines: &mut Vec<String>,
) -> bool {
    let Some(key) = change.path.first_key() else { return false };
    match change.kind {
        ChangeKind::Add if UNREPORTED.contains(&key) => true,
        // Leaving out what the cloud cannot clear asks for nothing.
        ChangeKind::Delete => ATTRIBUTES.iter().any(|attribute| attribute.top() == key && !attribute.clears),
        ChangeKind::Add if key == "instanceId" || key == "snapshotId" => {
            let source_known = olds.instance_id.is_some() || olds.snapshot_id.is_some();
            let source = if key == "instanceId" { &news.instance_id } else { &news.snapshot_id };
            let Some(source) = known(source) else { return false };
            let contradicted =
                key == "snapshotId" && system_snapshot(state).is_some_and(|system| system != source);
            if source_known || contradicted {
                return false;
            }
            lines.push(format!(
                "{key} {} is taken for what this imported image was made of, which the cloud does not report: it is recorded, \
                 and nothing is called or replaced",
                quote(source)
            ));
            true
        }
        ChangeKind::Add | ChangeKind::Update => false,
    }
}

/// The snapshot of the image's system disk, if the cloud reports one.
fn system_snapshot(state: &Entry<ImageArgs>) -> Option<&str> {
    let is_system = |mapping: &&ImageDiskDeviceMapping| match known(&mapping.disk_type) {
        Some(disk_type) => disk_type == "system",
        None => known(&mapping.device).is_some_and(|device| device == "/dev/xvda"),
    };
    let mut mappings = known(&state.args.disk_device_mappings)?.iter().filter_map(Input::known);
    let system = mappings.find(is_system)?;
    known(&system.snapshot_id).map(String::as_str).filter(|snapshot| !snapshot.is_empty())
}
