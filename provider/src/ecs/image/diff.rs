//! What the declaration cannot tell of a difference between an image's old and new inputs. Nothing here does I/O.

use pulumi::Failure;
use pulumi::diff::{Change, ChangeKind};
use pulumi::value::{Properties, Value, quote};

use crate::ecs::images::attributes::{ANY_LICENSE, ATTRIBUTES, OLDER_IMDS};

/// Inputs that the cloud does not report, so that an import cannot fill them in.
const UNREPORTED: [&str; 3] = ["deleteAutoSnapshot", "detectionStrategy", "force"];
/// Takes out what is no difference, and returns what the user is told of that.
///
/// # Errors
/// If the cloud is known to refuse the change.
pub(crate) fn reconsider(
    state: &Properties,
    olds: &Properties,
    news: &Properties,
    changes: &mut Vec<Change>,
) -> Result<Vec<String>, Failure> {
    changes.retain(|change| !is_satisfied_by_any(change, state, news));
    let mut lines = Vec::new();
    if matches!(state.get("__imported"), Some(Value::Bool(true))) {
        changes.retain(|change| !is_believed(change, state, olds, news, &mut lines));
    }
    let replaces = changes.iter().any(|change| change.replace);
    if !replaces && imds(state) == Some("v2") && imds(news) == Some("v1") {
        return Err(Failure::Refused(format!("features.imdsSupport: {OLDER_IMDS}")));
    }
    Ok(lines)
}

fn imds(properties: &Properties) -> Option<&str> {
    match properties.get("features").map(Value::plain) {
        Some(Value::Object(features)) => features.get("imdsSupport").and_then(Value::as_str),
        _ => None,
    }
}

/// A program that begins to leave the license to the cloud is content with what the cloud has made of it.
fn is_satisfied_by_any(change: &Change, state: &Properties, news: &Properties) -> bool {
    let text =
        |properties: &Properties| properties.get("licenseType").and_then(Value::as_str).map(str::to_owned);
    change.path.first_key() == Some("licenseType")
        && change.kind == ChangeKind::Add
        && text(news).as_deref() == Some(ANY_LICENSE)
        && text(state).is_some()
}

/// Whether a change only says of an imported image what its import could not know: the cloud does not report what it was made
/// of. What contradicts the image is a change.
fn is_believed(
    change: &Change,
    state: &Properties,
    olds: &Properties,
    news: &Properties,
    lines: &mut Vec<String>,
) -> bool {
    let Some(key) = change.path.first_key() else { return false };
    match change.kind {
        ChangeKind::Add if UNREPORTED.contains(&key) => true,
        // Leaving out what the cloud cannot clear asks for nothing.
        ChangeKind::Delete
            if ATTRIBUTES.iter().any(|attribute| attribute.top() == key && !attribute.clears) =>
        {
            true
        }
        ChangeKind::Add if key == "instanceId" || key == "snapshotId" => {
            let source_known = ["instanceId", "snapshotId"].iter().any(|source| olds.contains_key(*source));
            let Some(source) = news.get(key).and_then(Value::as_str) else { return false };
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
        ChangeKind::Add | ChangeKind::Delete | ChangeKind::Update => false,
    }
}

/// The snapshot of the image's system disk, if the cloud reports one.
fn system_snapshot(state: &Properties) -> Option<&str> {
    let Some(Value::Array(mappings)) = state.get("diskDeviceMappings").map(Value::plain) else { return None };
    let text = |mapping: &'_ Value, key: &str| match mapping.plain() {
        Value::Object(mapping) => mapping.get(key).and_then(Value::as_str).map(str::to_owned),
        _ => None,
    };
    let is_system = |mapping: &&Value| {
        text(mapping, "diskType").as_deref() == Some("system")
            || (text(mapping, "diskType").is_none()
                && text(mapping, "device").as_deref() == Some("/dev/xvda"))
    };
    let Value::Object(system) = mappings.iter().find(is_system)?.plain() else { return None };
    system.get("snapshotId").and_then(Value::as_str).filter(|snapshot| !snapshot.is_empty())
}
