//! Rust types to property values, for serde.

use serde::ser::{
    Error as _, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant,
};
use serde::{Serialize, Serializer};

use crate::value::{Properties, Value, is_unknown_sentinel};

/// What went wrong; its text says it all.
pub(crate) type Error = serde::de::value::Error;

/// Writes any Rust type as a value. In structs and maps what is absent is left out, in lists it is [`Value::Null`].
pub(crate) struct Writer;

impl Serializer for Writer {
    type Ok = Value;
    type Error = Error;
    type SerializeSeq = Items;
    type SerializeTuple = Items;
    type SerializeTupleStruct = Items;
    type SerializeTupleVariant = Items;
    type SerializeMap = Entries;
    type SerializeStruct = Entries;
    type SerializeStructVariant = Entries;

    fn serialize_bool(self, value: bool) -> Result<Value, Error> {
        Ok(Value::Bool(value))
    }

    fn serialize_i8(self, value: i8) -> Result<Value, Error> {
        self.serialize_f64(value.into())
    }

    fn serialize_i16(self, value: i16) -> Result<Value, Error> {
        self.serialize_f64(value.into())
    }

    fn serialize_i32(self, value: i32) -> Result<Value, Error> {
        self.serialize_f64(value.into())
    }

    #[expect(clippy::cast_precision_loss, reason = "the wire knows only doubles")]
    fn serialize_i64(self, value: i64) -> Result<Value, Error> {
        self.serialize_f64(value as f64)
    }

    fn serialize_u8(self, value: u8) -> Result<Value, Error> {
        self.serialize_f64(value.into())
    }

    fn serialize_u16(self, value: u16) -> Result<Value, Error> {
        self.serialize_f64(value.into())
    }

    fn serialize_u32(self, value: u32) -> Result<Value, Error> {
        self.serialize_f64(value.into())
    }

    #[expect(clippy::cast_precision_loss, reason = "the wire knows only doubles")]
    fn serialize_u64(self, value: u64) -> Result<Value, Error> {
        self.serialize_f64(value as f64)
    }

    fn serialize_f32(self, value: f32) -> Result<Value, Error> {
        self.serialize_f64(value.into())
    }

    /// What is no number is nothing, as in JSON.
    fn serialize_f64(self, value: f64) -> Result<Value, Error> {
        Ok(if value.is_finite() { Value::Number(value) } else { Value::Null })
    }

    fn serialize_char(self, value: char) -> Result<Value, Error> {
        Ok(Value::String(value.into()))
    }

    fn serialize_str(self, text: &str) -> Result<Value, Error> {
        Ok(if is_unknown_sentinel(text) { Value::Unknown } else { Value::String(text.to_owned()) })
    }

    fn serialize_bytes(self, _: &[u8]) -> Result<Value, Error> {
        Err(Error::custom("bytes are no property value"))
    }

    fn serialize_none(self) -> Result<Value, Error> {
        Ok(Value::Null)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Value, Error> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<Value, Error> {
        Ok(Value::Null)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<Value, Error> {
        Ok(Value::Null)
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<Value, Error> {
        Ok(Value::String(variant.to_owned()))
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<Value, Error> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<Value, Error> {
        Ok(within(Some(variant), value.serialize(self)?))
    }

    fn serialize_seq(self, length: Option<usize>) -> Result<Items, Error> {
        Ok(Items { variant: None, items: Vec::with_capacity(length.unwrap_or_default()) })
    }

    fn serialize_tuple(self, length: usize) -> Result<Items, Error> {
        self.serialize_seq(Some(length))
    }

    fn serialize_tuple_struct(self, _: &'static str, length: usize) -> Result<Items, Error> {
        self.serialize_seq(Some(length))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        length: usize,
    ) -> Result<Items, Error> {
        Ok(Items { variant: Some(variant), items: Vec::with_capacity(length) })
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Entries, Error> {
        Ok(Entries { variant: None, map: Properties::new(), key: String::new() })
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Entries, Error> {
        self.serialize_map(None)
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Entries, Error> {
        Ok(Entries { variant: Some(variant), map: Properties::new(), key: String::new() })
    }
}

/// A variant's content under its name, or the content itself.
fn within(variant: Option<&'static str>, value: Value) -> Value {
    match variant {
        Some(variant) => Value::Object(Properties::from([(variant.to_owned(), value)])),
        None => value,
    }
}

/// A list in the making.
pub(crate) struct Items {
    variant: Option<&'static str>,
    items: Vec<Value>,
}

impl SerializeSeq for Items {
    type Ok = Value;
    type Error = Error;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.items.push(value.serialize(Writer)?);
        Ok(())
    }

    fn end(self) -> Result<Value, Error> {
        Ok(within(self.variant, Value::Array(self.items)))
    }
}

macro_rules! as_items {
    ($($kind:ident: $method:ident;)+) => {$(
        impl $kind for Items {
            type Ok = Value;
            type Error = Error;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
                SerializeSeq::serialize_element(self, value)
            }

            fn end(self) -> Result<Value, Error> {
                SerializeSeq::end(self)
            }
        }
    )+};
}

as_items! {
    SerializeTuple: serialize_element;
    SerializeTupleStruct: serialize_field;
    SerializeTupleVariant: serialize_field;
}

/// An object or a map in the making.
pub(crate) struct Entries {
    variant: Option<&'static str>,
    map: Properties,
    /// The key whose value comes next.
    key: String,
}

impl Entries {
    /// Most fields are absent, and need no key.
    fn insert<T: Serialize + ?Sized>(&mut self, key: impl Into<String>, value: &T) -> Result<(), Error> {
        let value = value.serialize(Writer)?;
        if !value.is_null() {
            self.map.insert(key.into(), value);
        }
        Ok(())
    }
}

impl SerializeMap for Entries {
    type Ok = Value;
    type Error = Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Error> {
        self.key = match key.serialize(Writer)? {
            Value::String(text) => text,
            other => return Err(Error::custom(format!("the key of a map is {}", other.describe()))),
        };
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        let key = std::mem::take(&mut self.key);
        self.insert(key, value)
    }

    fn end(self) -> Result<Value, Error> {
        Ok(within(self.variant, Value::Object(self.map)))
    }
}

macro_rules! as_entries {
    ($($kind:ident;)+) => {$(
        impl $kind for Entries {
            type Ok = Value;
            type Error = Error;

            fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), Error> {
                self.insert(key, value)
            }

            fn end(self) -> Result<Value, Error> {
                SerializeMap::end(self)
            }
        }
    )+};
}

as_entries! {
    SerializeStruct;
    SerializeStructVariant;
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::{Value as Json, json};

    use super::*;
    use crate::value::from_json;

    #[derive(Serialize)]
    enum Shape {
        Empty,
        Named(&'static str),
        Pair(i8, u64),
        Field { width: f32 },
    }

    #[derive(Serialize)]
    struct Wrapped(u16);

    #[derive(Serialize)]
    struct Unit;

    #[track_caller]
    fn check(value: impl Serialize, expected: Json) {
        assert_eq!(value.serialize(Writer).unwrap(), from_json(expected));
    }

    #[test]
    fn every_kind_of_type_is_written_as_in_json() {
        check(true, json!(true));
        check((-1_i8, -2_i16, -3_i32, -4_i64), json!([-1, -2, -3, -4]));
        check((1_u8, 2_u16, 3_u32, 4_u64, 0.5_f32, 0.25_f64), json!([1, 2, 3, 4, 0.5, 0.25]));
        check(('镜', "text"), json!(["镜", "text"]));
        check(f64::NAN, json!(null));
        check((Unit, ()), json!([null, null]));
        check(Wrapped(7), json!(7));
        check(
            [Shape::Empty, Shape::Named("a"), Shape::Pair(-1, 2), Shape::Field { width: 1.5 }],
            json!(["Empty", { "Named": "a" }, { "Pair": [-1, 2] }, { "Field": { "width": 1.5 } }]),
        );
    }

    #[test]
    fn what_is_absent_is_left_out_of_maps_and_stays_in_lists() {
        check(BTreeMap::from([("a", Some(1)), ("b", None)]), json!({ "a": 1 }));
        check([Some(1), None], json!([1, null]));
        check(Some(BTreeMap::from([('c', [BTreeMap::from([("d", None::<u8>)])])])), json!({ "c": [{}] }));
    }

    #[test]
    fn only_text_is_a_key() {
        #[derive(Serialize, PartialEq, Eq, PartialOrd, Ord)]
        struct Name(&'static str);
        check(BTreeMap::from([(Name("a"), 1)]), json!({ "a": 1 }));
        assert!(BTreeMap::from([(1, 2)]).serialize(Writer).is_err());
        assert!(BTreeMap::from([(vec!["a"], 2)]).serialize(Writer).is_err());
        assert!(serde_json::json!({ "a": 1 }).serialize(Writer).is_ok());
    }
}
