//! [`Input`]: a property of an args type, known or not yet known.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::value;

/// A property's value as a program gives it. In an args type a field is `Option<Input<T>>`, so that absent, not yet
/// known (in a preview) and known stay three things.
#[derive(Debug, Clone, PartialEq)]
pub enum Input<T> {
    /// The value.
    Known(T),
    /// Only the deployment will know it.
    Unknown,
}

impl<T> Input<T> {
    /// The value, if it is known.
    pub fn known(&self) -> Option<&T> {
        match self {
            Input::Known(value) => Some(value),
            Input::Unknown => None,
        }
    }
}

impl<T> From<T> for Input<T> {
    fn from(value: T) -> Self {
        Input::Known(value)
    }
}

/// The value of an optional field, if it is given and known.
pub fn known<T>(field: &Option<Input<T>>) -> Option<&T> {
    field.as_ref().and_then(Input::known)
}

/// By this name the reader of properties knows that it may answer with a unit: an unknown value.
pub(crate) const INPUT: &str = "$pulumi::Input";

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Input<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InputVisitor<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for InputVisitor<T> {
            type Value = Input<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value, known or not")
            }

            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Input::Unknown)
            }

            fn visit_newtype_struct<D: Deserializer<'de>>(self, known: D) -> Result<Self::Value, D::Error> {
                T::deserialize(known).map(Input::Known)
            }
        }

        deserializer.deserialize_newtype_struct(INPUT, InputVisitor(PhantomData))
    }
}

impl<T: Serialize> Serialize for Input<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Input::Known(value) => value.serialize(serializer),
            Input::Unknown => serializer.serialize_str(value::unknown_sentinel()),
        }
    }
}

impl<T: JsonSchema> JsonSchema for Input<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}
