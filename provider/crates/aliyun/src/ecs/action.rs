//! What an action is, and how its parameters are put together.

use std::time::Duration;

use crate::ecs::tag::Tag;
use crate::error::Rule;
use crate::lenient::{Record, is_empty_list};

/// ECS's API version.
pub(crate) const VERSION: &str = "2014-05-26";
/// What every answer has, in the words of [`Action::lacks`].
const REQUEST_ID: &str = "a RequestId";

/// One action of the API.
pub(crate) trait Action {
    const NAME: &'static str;
    /// For one attempt. From the read time-outs of the official core SDK, which takes 10 s for those it does not list.
    const TIME_LIMIT: Duration = Duration::from_secs(10);
    /// The codes that this action gives another meaning than the others do.
    const RULES: &'static [Rule] = &[];
    /// Whether the action declares `RegionId`. The host alone does not choose the region.
    const HAS_REGION: bool = true;
    /// The code of a refusal that means that there was nothing left to do.
    const DONE_ALREADY: Option<&'static str> = None;

    /// What is read of a success; nothing if the request's id is all that it holds.
    type Response: Record + Send;

    fn params(&self) -> Vec<(String, String)>;

    /// What a success lacks to be an answer of this action, in words such as "a RequestId". Whatever lacks something was
    /// not answered by the cloud, so it proves nothing. `request_id` is never empty; `text` is the whole answer.
    fn lacks(
        &self,
        _response: &Self::Response,
        request_id: Option<&str>,
        _text: &str,
    ) -> Option<&'static str> {
        request_id.is_none().then_some(REQUEST_ID)
    }

    /// What a success lacks to be about this region, in the same words. Asked only if it lacks nothing else.
    fn lacks_of_region(&self, _response: &Self::Response, _region: &str) -> Option<&'static str> {
        None
    }

    /// Whether carrying it out twice is as good as once.
    fn is_idempotent(&self) -> bool {
        true
    }
}

/// A list that an answer may be without. That it has no entry is believed only from an answer that counts them, and that has
/// the shape of its action's answers.
pub(crate) struct List {
    /// The wrapper and, within it, the list.
    pub(crate) names: [&'static str; 2],
    /// What lacks if there is something else, in the words of [`Action::lacks`].
    pub(crate) list: &'static str,
    /// What lacks if there is less than is counted.
    pub(crate) counted: &'static str,
}

impl List {
    /// Whether an answer has the list, with nothing in it.
    pub(crate) fn is_empty(&self, text: &str) -> bool {
        let [wrapper, list] = self.names;
        is_empty_list(text, wrapper, list)
    }

    /// What an answer without a single entry lacks. `are_missing` says whether so many, on all pages, should have shown.
    pub(crate) fn lacks(
        &self,
        request_id: Option<&str>,
        total_count: Option<i64>,
        text: &str,
        are_missing: impl FnOnce(i64) -> bool,
    ) -> Option<&'static str> {
        match (request_id, total_count) {
            (None, _) => Some(REQUEST_ID),
            (Some(_), None) => Some("a TotalCount"),
            (Some(_), Some(0)) => (!self.is_empty(text)).then_some(self.list),
            (Some(_), Some(count)) => (count < 0 || are_missing(count)).then_some(self.counted),
        }
    }
}

/// Flattened parameters being put together.
#[derive(Debug, Default)]
pub(crate) struct Params(pub(crate) Vec<(String, String)>);

impl Params {
    pub(crate) fn text(&mut self, name: &str, value: Option<&String>) {
        if let Some(value) = value {
            self.0.push((name.to_owned(), value.clone()));
        }
    }

    pub(crate) fn value(&mut self, name: &str, value: Option<impl ToString>) {
        if let Some(value) = value {
            self.0.push((name.to_owned(), value.to_string()));
        }
    }

    pub(crate) fn list(&mut self, name: &str, values: &[String]) {
        for (index, value) in values.iter().enumerate() {
            self.0.push((format!("{name}.{}", index + 1), value.clone()));
        }
    }

    pub(crate) fn tags(&mut self, tags: &[Tag]) {
        for (index, tag) in tags.iter().enumerate() {
            self.0.push((format!("Tag.{}.Key", index + 1), tag.key.clone()));
            self.0.push((format!("Tag.{}.Value", index + 1), tag.value.clone()));
        }
    }
}

/// Checks a request's parameters, as `Key=Value` lines in the order in which they are made.
#[cfg(test)]
#[track_caller]
pub(crate) fn check_params(request: &impl Action, expected: &[&str]) {
    let params: Vec<_> =
        request.params().into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(params, expected);
}
