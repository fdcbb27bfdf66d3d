//! Failures that keep an image in the state.

use pulumi::Failure;
use serde::Serialize;

use crate::ecs::images::attributes::{ATTRIBUTES, NAME};
use crate::ecs::images::inputs::Inputs;

/// The image exists with this state, and something about it is not as wanted.
pub(crate) fn in_state(
    id: &str,
    state: &impl Serialize,
    unapplied: Vec<String>,
    failure: Failure,
) -> Failure {
    let reason = match failure {
        Failure::Cancelled(text) => {
            // A last answer says more than that there was an interruption.
            let more = text.strip_prefix("interrupted. ").map(|more| format!("\n{more}")).unwrap_or_default();
            format!(
                "interrupted. Image {id} is in the state, and the next `pulumi up` goes on from there{more}"
            )
        }
        other => other.reason(),
    };
    let reason = if reason.contains(id) { reason } else { format!("image {id}: {reason}") };
    Failure::partial(id, state, unapplied, reason)
}

/// The properties that are set after the call which makes the image: those that it cannot or must not set, and the name of an
/// image that is made under another.
pub(crate) fn late_properties<A: Inputs>(args: &A, unfinished: bool) -> Vec<String> {
    let wanted = args.attributes();
    let late = ATTRIBUTES
        .iter()
        .filter(|attribute| A::LATE.contains(&attribute.property) || attribute.is_held_back(&wanted))
        .filter(|attribute| attribute.is_asked_for(&wanted))
        .map(|attribute| attribute.top());
    late.chain(unfinished.then_some(NAME)).map(str::to_owned).collect()
}
