//! What look-ups and lists of images are narrowed by.

use std::collections::BTreeMap;

use aliyun::ecs::{Status, Tag};
use pulumi::path::Path;
use pulumi::value::quote;
use pulumi::{Findings, Input, known};

const STATES: [&str; 6] = ["Available", "Creating", "Waiting", "UnAvailable", "CreateFailed", "Deprecated"];
const EVERY: &str = "ALL";

/// The text, if it is known. A filter that is empty counts as absent.
pub(crate) fn text(value: &Option<Input<String>>) -> Option<String> {
    known(value).filter(|text| !text.is_empty()).cloned()
}

/// The tags, as they are sent.
pub(crate) fn tags(value: &Option<Input<BTreeMap<String, Input<String>>>>) -> Vec<Tag> {
    let tags = known(value).into_iter().flatten();
    tags.filter_map(|(key, value)| Some(Tag::new(key.clone(), value.known()?.clone()))).collect()
}

/// Checks keys of tags that are looked for. Tags that the cloud itself sets may be among them.
pub(crate) fn check_tags(value: &Option<Input<BTreeMap<String, Input<String>>>>, findings: &mut Findings) {
    for key in known(value).into_iter().flat_map(BTreeMap::keys) {
        let length = key.chars().count();
        if !(1..=128).contains(&length) {
            let reason = "a tag's key must be 1 to 128 characters long";
            findings.fail_got(Path::property("tags").key(key), reason, length.to_string());
        }
    }
}

/// The states that a text asks for: one of six, several with commas between them, or `ALL`.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn states(text: &str) -> Result<Status, String> {
    let states: Vec<&str> = text.split(',').map(str::trim).collect();
    match states.as_slice() {
        [EVERY] => Ok(Status::Every),
        ["Available"] => Ok(Status::Available),
        states if states.iter().all(|state| STATES.contains(state)) => Ok(Status::Only(states.join(","))),
        _ => Err(format!(
            "must be {EVERY}, or one or several of {} with commas between them, got {}",
            STATES.join(", "),
            quote(text)
        )),
    }
}
