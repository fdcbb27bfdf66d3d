//! The parameters of an action as they travel: one flat map of texts, with the cloud's ways of packing lists into it.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::answer::{Failure, failure, invalid, missing};

/// The parameters that belong to the request itself rather than to the action.
const PUBLIC: &[&str] = &[
    "Action",
    "Version",
    "Format",
    "AccessKeyId",
    "AccessKeySecret",
    "SecurityToken",
    "Signature",
    "SignatureMethod",
    "SignatureNonce",
    "SignatureType",
    "SignatureVersion",
    "Timestamp",
];

/// The largest number that a list entry may carry, so that no call makes the emulator count for long.
const LARGEST_INDEX: usize = 1_000;

#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub(crate) struct Params(BTreeMap<String, String>);

impl Params {
    /// Keeps the action's own parameters among all that were sent.
    pub(crate) fn business<'a>(pairs: impl IntoIterator<Item = &'a (String, String)>) -> Params {
        Params(pairs.into_iter().filter(|(name, _)| !PUBLIC.contains(&name.as_str())).cloned().collect())
    }

    pub(crate) fn map(&self) -> &BTreeMap<String, String> {
        &self.0
    }

    /// The value as sent, which may be empty.
    pub(crate) fn raw<'a>(&'a self, name: &str) -> Option<&'a str> {
        self.0.get(name).map(String::as_str)
    }

    /// The value, unless it is empty.
    pub(crate) fn text<'a>(&'a self, name: &str) -> Option<&'a str> {
        self.raw(name).filter(|value| !value.is_empty())
    }

    pub(crate) fn required<'a>(&'a self, name: &str) -> Result<&'a str, Failure> {
        self.text(name).ok_or_else(|| missing(name))
    }

    pub(crate) fn boolean(&self, name: &str) -> Result<Option<bool>, Failure> {
        self.text(name)
            .map(|value| match value {
                "true" | "True" | "TRUE" => Ok(true),
                "false" | "False" | "FALSE" => Ok(false),
                _ => Err(invalid(name, "it is neither true nor false")),
            })
            .transpose()
    }

    pub(crate) fn flag(&self, name: &str) -> Result<bool, Failure> {
        Ok(self.boolean(name)?.unwrap_or(false))
    }

    pub(crate) fn number(&self, name: &str) -> Result<Option<i64>, Failure> {
        self.text(name)
            .map(|value| value.parse().map_err(|_| invalid(name, "it is not a whole number")))
            .transpose()
    }

    /// `Name.1`, `Name.2` … in order.
    pub(crate) fn list<'a>(&'a self, name: &str) -> Result<Vec<&'a str>, Failure> {
        let mut entries = BTreeMap::new();
        for (suffix, value) in self.under(name) {
            entries.insert(index(name, suffix)?, value);
        }
        Ok(entries.into_values().collect())
    }

    /// `Name.1.Member`, `Name.2.Member` … in order, one map of members each. Empty members count as absent.
    pub(crate) fn objects<'a>(&'a self, name: &str) -> Result<Vec<BTreeMap<&'a str, &'a str>>, Failure> {
        let mut entries: BTreeMap<usize, BTreeMap<&str, &str>> = BTreeMap::new();
        for (suffix, value) in self.under(name) {
            let (number, member) =
                suffix.split_once('.').ok_or_else(|| invalid(name, "an entry has no member name"))?;
            let entry = entries.entry(index(name, number)?).or_default();
            if !value.is_empty() {
                entry.insert(member, value);
            }
        }
        Ok(entries.into_values().collect())
    }

    /// A JSON list of at most a hundred ids in one text.
    pub(crate) fn ids(
        &self,
        name: &str,
        refusal: (u16, &'static str),
    ) -> Result<Option<Vec<String>>, Failure> {
        let Some(text) = self.text(name) else { return Ok(None) };
        match serde_json::from_str::<Vec<String>>(text) {
            Ok(ids) if ids.len() <= 100 => Ok(Some(ids)),
            _ => Err(failure(refusal.0, refusal.1, "The ids are not a JSON list of at most 100 texts.")),
        }
    }

    fn under<'a>(&'a self, name: &str) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        let start = format!("{name}.");
        self.0.iter().filter_map(move |(key, value)| Some((key.strip_prefix(&start)?, value.as_str())))
    }
}

fn index(name: &str, text: &str) -> Result<usize, Failure> {
    match text.parse() {
        Ok(number @ 1..=LARGEST_INDEX) => Ok(number),
        _ => Err(invalid(name, "its entries are not numbered from 1")),
    }
}

#[cfg(test)]
impl Params {
    pub(crate) fn of(pairs: &[(&str, &str)]) -> Params {
        Params(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pairs: &[(&str, &str)], expect: &[&str]) {
        assert_eq!(Params::of(pairs).list("Id").expect("a list"), expect);
    }

    #[test]
    fn lists_are_in_numeric_order() {
        check(&[("Id.10", "ten"), ("Id.2", "two"), ("Id.1", "one"), ("Idle", "x")], &["one", "two", "ten"]);
        check(&[], &[]);
    }

    #[test]
    fn lists_are_numbered_from_one() {
        for wrong in ["Id.0", "Id.x", "Id.", "Id.1001", "Id.-1", "Id.99999999999999999999999"] {
            let failure = Params::of(&[(wrong, "v")]).list("Id").expect_err(wrong);
            assert_eq!(failure.code, "InvalidParameter");
            assert!(failure.message.contains("Id"), "{}", failure.message);
        }
        assert!(Params::of(&[("Tag.1", "v")]).objects("Tag").is_err());
    }

    #[test]
    fn public_parameters_are_not_business() {
        let pairs = [("Action", "A"), ("AccessKeySecret", "s"), ("RegionId", "r")]
            .map(|(a, b)| (a.to_owned(), b.to_owned()));
        assert_eq!(Params::business(&pairs), Params::of(&[("RegionId", "r")]));
    }

    #[test]
    fn booleans_are_those_of_any_sdk() {
        let params = Params::of(&[("a", "True"), ("b", "false"), ("c", "yes"), ("d", "")]);
        assert_eq!(params.boolean("a").ok(), Some(Some(true)));
        assert_eq!(params.boolean("b").ok(), Some(Some(false)));
        assert_eq!(params.boolean("c").map_err(|f| f.code.into_owned()), Err("InvalidParameter".into()));
        assert_eq!(params.boolean("d").ok(), Some(None));
    }
}
