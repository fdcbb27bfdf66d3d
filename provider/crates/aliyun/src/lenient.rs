//! Reading answers that disagree with their own documentation: numbers, booleans and text stand for one another, wrappers
//! and fields go missing. What cannot be read counts as absent; nothing here fails.

use serde::de::{Deserialize, DeserializeOwned, Deserializer};
use serde_json::Value;

/// Text, or what a number or a boolean is as text. Empty text stays.
pub(crate) fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::String(text) => Some(text),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    })
}

/// Text as [`text()`] reads it, empty where there is none.
pub(crate) fn plain<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    text(deserializer).map(Option::unwrap_or_default)
}

/// A whole number, also as text.
pub(crate) fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::Number(number) => number.as_i64().or_else(|| whole(number.as_f64()?)),
        Value::String(text) => {
            let text = text.trim();
            text.parse().ok().or_else(|| whole(text.parse().ok()?))
        }
        Value::Bool(_) | Value::Null | Value::Array(_) | Value::Object(_) => None,
    })
}

fn whole(number: f64) -> Option<i64> {
    // Well inside the range, so that the conversion is exact.
    (number.fract() == 0.0 && number.abs() < 1e15).then_some(number as i64)
}

/// A truth value, also as text of any case, 0 or 1.
pub(crate) fn boolean<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::Bool(value) => Some(value),
        Value::Number(number) => number.as_i64().map(|number| number != 0),
        Value::String(text) => match text.trim().to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" => Some(true),
            "false" | "0" | "no" => Some(false),
            _ => None,
        },
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    })
}

/// A list in its wrapper (`Tags.Tag[]`), without it, or missing. A lone object counts as a list of one; what does not
/// read as an entry is left out.
pub(crate) fn list<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    let value = Value::deserialize(deserializer)?;
    Ok(entries(&value).iter().filter_map(|entry| T::deserialize(entry).ok()).collect())
}

/// What [`list()`] finds in a value, unread.
pub(crate) fn entries(value: &Value) -> &[Value] {
    let inner = match value {
        Value::Object(wrapper) if wrapper.len() == 1 => wrapper.values().next().unwrap_or(value),
        Value::Object(_)
        | Value::Array(_)
        | Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_) => value,
    };
    match inner {
        Value::Array(entries) => entries,
        Value::Object(object) if object.is_empty() => &[],
        Value::Object(object) => object
            .values()
            .find_map(|value| value.as_array().map(Vec::as_slice))
            .unwrap_or_else(|| std::slice::from_ref(inner)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => &[],
    }
}

/// An object, or nothing where something else stands.
pub(crate) fn object<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    let value = Value::deserialize(deserializer)?;
    Ok(if value.is_object() { serde_json::from_value(value).ok() } else { None })
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    #[derive(Debug, Default, Deserialize, PartialEq)]
    #[serde(default)]
    struct Sample {
        #[serde(deserialize_with = "super::text")]
        text: Option<String>,
        #[serde(deserialize_with = "super::number")]
        number: Option<i64>,
        #[serde(deserialize_with = "super::boolean")]
        boolean: Option<bool>,
        #[serde(deserialize_with = "super::list")]
        list: Vec<Entry>,
        #[serde(deserialize_with = "super::object")]
        object: Option<Entry>,
    }

    #[derive(Debug, Default, Deserialize, PartialEq)]
    #[serde(default)]
    struct Entry {
        #[serde(deserialize_with = "super::text")]
        name: Option<String>,
    }

    fn read(json: &str) -> Sample {
        serde_json::from_str(json).expect("lenient")
    }

    #[test]
    fn scalars_stand_for_one_another() {
        assert_eq!(read(r#"{"text":1}"#).text.as_deref(), Some("1"));
        assert_eq!(read(r#"{"text":true}"#).text.as_deref(), Some("true"));
        assert_eq!(read(r#"{"text":""}"#).text.as_deref(), Some(""));
        assert_eq!(read(r#"{"number":"40"}"#).number, Some(40));
        assert_eq!(read(r#"{"number":40.0}"#).number, Some(40));
        assert_eq!(read(r#"{"boolean":"True"}"#).boolean, Some(true));
        assert_eq!(read(r#"{"boolean":0}"#).boolean, Some(false));
    }

    #[test]
    fn what_cannot_be_read_is_absent() {
        let sample = read(r#"{"text":{},"number":"x","boolean":"perhaps","list":"","object":[]}"#);
        assert_eq!(sample, Sample::default());
        assert_eq!(read(r#"{"number":null}"#).number, None);
        assert_eq!(read(r#"{"number":1.5}"#).number, None);
    }

    #[test]
    fn lists_come_with_their_wrapper_or_without() {
        for json in [
            r#"{"list":{"Entry":[{"name":"a"}]}}"#,
            r#"{"list":[{"name":"a"}]}"#,
            r#"{"list":{"Entry":{"name":"a"}}}"#,
            r#"{"list":{"Entry":[{"name":"a"},7]}}"#,
        ] {
            let names: Vec<_> = read(json).list.into_iter().filter_map(|entry| entry.name).collect();
            assert_eq!(names, ["a"], "{json}");
        }
        for json in [r#"{"list":{"Entry":[]}}"#, r#"{"list":{}}"#, r#"{"list":null}"#, "{}"] {
            assert!(read(json).list.is_empty(), "{json}");
        }
    }
}
