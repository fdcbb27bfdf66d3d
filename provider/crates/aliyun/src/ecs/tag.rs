//! A tag, as most actions send or answer it.

use serde::de::MapAccess;

use crate::lenient::{self, Record};

/// A tag.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tag {
    /// 1 to 128 characters, unique on a resource whatever the case.
    pub key: String,
    /// Up to 128 characters.
    pub value: String,
}

impl Tag {
    /// A tag.
    pub fn new(key: impl Into<String>, value: impl Into<String>) -> Tag {
        Tag { key: key.into(), value: value.into() }
    }
}

/// Reads `TagKey`/`TagValue`, and the spellings of other actions.
impl Record for Tag {
    fn read<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        match key {
            "TagKey" | "Key" => lenient::value(map, &mut self.key)?,
            "TagValue" | "Value" => lenient::value(map, &mut self.value)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn is_entry(&self) -> bool {
        !self.key.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_read_in_every_spelling() {
        for json in [r#"{"TagKey":"a","TagValue":1}"#, r#"{"Key":"a","Value":"1"}"#] {
            assert_eq!(lenient::from_str::<Tag>(json).expect(json), Tag::new("a", "1"));
        }
        assert_eq!(lenient::from_str::<Tag>(r#"{"TagKey":"a"}"#).expect("no value"), Tag::new("a", ""));
        assert!(!lenient::from_str::<Tag>(r#"{"TagValue":"a"}"#).expect("no key").is_entry());
    }
}
