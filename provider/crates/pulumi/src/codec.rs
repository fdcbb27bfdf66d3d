//! Properties to and from Rust types.

use std::cell::OnceCell;

use serde::de::value::{Error, MapDeserializer, SeqDeserializer};
use serde::de::{DeserializeOwned, Deserializer, IntoDeserializer, Visitor};
use serde::{Serialize, forward_to_deserialize_any};

use crate::input::INPUT;
use crate::serializer::Writer;
use crate::value::{LARGEST_WHOLE, Properties, Value, unknown_sentinel};

/// A Rust type and properties that do not fit each other.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct CodecError(String);

/// Reads a Rust type out of properties. Secret wrappings are taken off; keys that the type does not know are left out.
///
/// # Errors
/// If they do not fit, though what passed the check does.
pub fn decode<T: DeserializeOwned>(properties: &Properties) -> Result<T, CodecError> {
    T::deserialize(Reader::Object(properties))
        .map_err(|error| CodecError(format!("cannot read properties: {error}")))
}

/// Reads a Rust type out of properties that a state holds, which may be another provider's or an older version's:
/// what does not fit its field is left out.
///
/// # Errors
/// If the type does not take absent fields.
pub(crate) fn decode_old<T: DeserializeOwned>(properties: &Properties) -> Result<T, CodecError> {
    if let Ok(decoded) = decode(properties) {
        return Ok(decoded);
    }
    let mut fitting = properties.clone();
    fitting.retain(|key, value| decode::<T>(&Properties::from([(key.clone(), value.clone())])).is_ok());
    decode(&fitting)
}

/// A Rust type that is read out of a state's properties when somebody asks for it.
#[derive(Debug)]
pub struct Lazy<'a, T> {
    properties: &'a Properties,
    read: OnceCell<Result<T, CodecError>>,
}

impl<'a, T: DeserializeOwned> Lazy<'a, T> {
    pub(crate) fn new(properties: &'a Properties) -> Self {
        Lazy { properties, read: OnceCell::new() }
    }

    /// Whether the properties have this one, without reading the type.
    pub fn has(&self, property: &str) -> bool {
        self.properties.contains_key(property)
    }

    /// The type; what does not fit its field is absent.
    ///
    /// # Errors
    /// If the type does not take absent fields.
    pub fn get(&self) -> Result<&T, CodecError> {
        self.read.get_or_init(|| decode_old(self.properties)).as_ref().map_err(Clone::clone)
    }
}

/// Writes a Rust type as properties; what is `None` is absent.
///
/// # Errors
/// If the type is no object, or holds what no property can.
pub fn encode<T: Serialize + ?Sized>(value: &T) -> Result<Properties, CodecError> {
    let written =
        value.serialize(Writer).map_err(|error| CodecError(format!("cannot write properties: {error}")))?;
    match written {
        Value::Object(map) => Ok(map),
        other => Err(CodecError(format!("properties are {}", other.describe()))),
    }
}

/// What serde reads from.
#[derive(Clone, Copy)]
enum Reader<'a> {
    Object(&'a Properties),
    Value(&'a Value),
}

impl<'a> IntoDeserializer<'a> for Reader<'a> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for Reader<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let value = match self {
            Reader::Object(map) => return visit_map(map, visitor),
            Reader::Value(value) => value.plain(),
        };
        match value {
            Value::Null | Value::Secret(_) => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Number(number) => match whole(*number) {
                Some(whole) => visitor.visit_i64(whole),
                None => visitor.visit_f64(*number),
            },
            Value::String(text) => visitor.visit_borrowed_str(text),
            Value::Array(items) => visitor.visit_seq(SeqDeserializer::new(items.iter().map(Reader::Value))),
            Value::Object(map) => visit_map(map, visitor),
            Value::Foreign(_, map) => visit_map(map, visitor),
            Value::Unknown => visitor.visit_borrowed_str(unknown_sentinel()),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self {
            Reader::Value(value) if value.is_null() => visitor.visit_none(),
            present => visitor.visit_some(present),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self {
            Reader::Value(value) if name == INPUT && matches!(value.plain(), Value::Unknown) => {
                visitor.visit_unit()
            }
            known => visitor.visit_newtype_struct(known),
        }
    }

    /// The few fields of a type are looked up in a map of many.
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let map = match self {
            Reader::Object(map) if fields.len() * 2 < map.len() => map,
            other => return other.deserialize_any(visitor),
        };
        let wanted = fields.iter().filter_map(|field| Some((*field, Reader::Value(map.get(*field)?))));
        visitor.visit_map(MapDeserializer::new(wanted))
    }

    /// What nobody wants is not gone through.
    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map enum identifier
    }
}

fn visit_map<'a, V: Visitor<'a>>(map: &'a Properties, visitor: V) -> Result<V::Value, Error> {
    visitor
        .visit_map(MapDeserializer::new(map.iter().map(|(key, value)| (key.as_str(), Reader::Value(value)))))
}

/// The wire knows only doubles; fields are integers.
fn whole(number: f64) -> Option<i64> {
    if number.fract() != 0.0 || number.abs() > LARGEST_WHOLE {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "whole and within 2^53, checked above")]
    Some(number as i64)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::*;
    use crate::Input;
    use crate::value::from_json;

    #[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
    #[serde(default)]
    struct Disk {
        size: Option<Input<i64>>,
        kind: Option<Input<String>>,
    }

    #[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
    #[serde(default)]
    struct Args {
        name: Option<Input<String>>,
        force: Option<Input<bool>>,
        disks: Option<Input<Vec<Input<Disk>>>>,
        tags: Option<Input<BTreeMap<String, Input<String>>>>,
    }

    #[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
    #[serde(default)]
    struct State {
        #[serde(flatten)]
        args: Args,
        size: Option<i64>,
    }

    fn properties(json: serde_json::Value) -> Properties {
        match from_json(json) {
            Value::Object(map) => map,
            other => panic!("{other:?}"),
        }
    }

    fn full() -> Properties {
        properties(serde_json::json!({
            "name": "web",
            "force": true,
            "disks": [{ "size": 40, "kind": "system" }, { "size": 5 }],
            "tags": { "a": "b" },
            "size": 40,
        }))
    }

    #[test]
    fn what_is_read_is_written_the_same() {
        let state: State = decode(&full()).unwrap();
        assert_eq!(encode(&state).unwrap(), full());
        let args: Args = decode(&full()).unwrap();
        assert_eq!(args, state.args);
    }

    #[test]
    fn a_few_fields_are_read_whatever_else_there_is() {
        #[derive(Debug, Default, PartialEq, Deserialize)]
        #[serde(default)]
        struct Few {
            size: Option<i64>,
            kind: Option<String>,
        }
        assert_eq!(decode::<Few>(&full()).unwrap(), Few { size: Some(40), kind: None });
        let wrong = Properties::from_iter(full().into_keys().map(|key| (key, Value::Bool(true))));
        assert!(decode::<Few>(&wrong).is_err());
        assert_eq!(Lazy::<Few>::new(&wrong).get().unwrap(), &Few::default());
    }

    #[test]
    fn unknown_absent_and_known_are_three_things() {
        let mut given = full();
        given.insert("name".to_owned(), Value::Unknown);
        given.insert("disks".to_owned(), Value::Array(vec![Value::Unknown]));
        given.insert("tags".to_owned(), Value::Object(Properties::from([("a".to_owned(), Value::Unknown)])));
        given.remove("force");
        let args: Args = decode(&given).unwrap();
        assert_eq!(args.name, Some(Input::Unknown));
        assert_eq!(args.disks, Some(Input::Known(vec![Input::Unknown])));
        assert_eq!(args.tags, Some(Input::Known(BTreeMap::from([("a".to_owned(), Input::Unknown)]))));
        assert_eq!(args.force, None);
        given.remove("size");
        assert_eq!(encode(&args).unwrap(), given);
    }

    #[test]
    fn secrets_are_read_as_what_they_hold() {
        let secret = |value: Value| Value::Secret(Box::new(value));
        let args: Args = decode(&Properties::from([
            ("name".to_owned(), secret(Value::String("web".to_owned()))),
            ("force".to_owned(), secret(Value::Unknown)),
            ("tags".to_owned(), secret(Value::Null)),
        ]))
        .unwrap();
        assert_eq!(
            (args.name, args.force, args.tags),
            (Some("web".to_owned().into()), Some(Input::Unknown), None)
        );
    }

    #[test]
    fn what_does_not_fit_is_an_error_and_left_out_of_old_states() {
        for wrong in [Value::Number(0.5), Value::Number(1e300), Value::Number(f64::NAN), Value::Bool(true)] {
            let mut given = full();
            given.insert("size".to_owned(), wrong);
            assert!(decode::<State>(&given).is_err());
            let state: State = decode_old(&given).unwrap();
            assert_eq!((state.size, state.args.force), (None, Some(true.into())));
        }
    }
}
