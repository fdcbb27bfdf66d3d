//! The list of requests, for tests to read. Nothing secret gets in.

use std::collections::{BTreeMap, VecDeque};

use serde::Serialize;

use crate::clock::Millis;
use crate::params::Params;

/// How many entries are kept; the oldest go first.
const KEPT: usize = 200_000;

#[derive(Debug, Clone, Serialize)]
pub(crate) struct Entry {
    pub(crate) action: String,
    pub(crate) params: BTreeMap<String, String>,
    /// `None` if no answer was given.
    pub(crate) status: Option<u16>,
    /// The refusal's code, or the fault that took the answer's place.
    pub(crate) code: Option<String>,
    pub(crate) at_ms: Millis,
    pub(crate) method: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) signature: Option<&'static str>,
    /// Whether the caller sent the secret itself.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) secret_in_query: bool,
    /// Only the stacks look at headers, so only theirs are kept.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) headers: BTreeMap<String, String>,
}

#[derive(Debug, Default, Serialize)]
#[serde(transparent)]
pub(crate) struct Journal(VecDeque<Entry>);

impl Journal {
    pub(crate) fn push(&mut self, entry: Entry) {
        if self.0.len() == KEPT {
            self.0.pop_front();
        }
        self.0.push_back(entry);
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}

/// The parameters without those that are worth stealing.
pub(crate) fn without_secrets(params: &Params) -> BTreeMap<String, String> {
    let is_secret = |name: &str| {
        let name = name.to_ascii_lowercase();
        (name.contains("token") && name != "clienttoken" && name != "nexttoken")
            || name.contains("secret")
            || name.contains("password")
    };
    params
        .map()
        .iter()
        .filter(|(name, _)| !is_secret(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, is_kept: bool) {
        assert_eq!(without_secrets(&Params::of(&[(name, "v")])).len() == 1, is_kept, "{name}");
    }

    #[test]
    fn secrets_are_left_out() {
        check("ClientToken", true);
        check("NextToken", true);
        check("ImageId", true);
        check("OIDCToken", false);
        check("SecurityToken", false);
        check("AccessKeySecret", false);
        check("Password", false);
    }
}
