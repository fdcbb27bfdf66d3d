//! Properties to and from Rust types.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::failure::Failure;
use crate::value::{Properties, Value, from_json, to_json};

/// Reads a Rust type out of properties. Secret wrappings are taken off; keys that the type does not know are left out.
///
/// # Errors
/// [`Failure::Bug`]: what passed the check fits the type.
pub fn decode<T: DeserializeOwned>(properties: &Properties) -> Result<T, Failure> {
    serde_json::from_value(to_json(properties))
        .map_err(|error| Failure::Bug(format!("cannot read properties: {error}")))
}

/// Reads a Rust type out of properties that a state holds, which may be another provider's or an older version's:
/// what does not fit its field is left out.
///
/// # Errors
/// [`Failure::Bug`], where the type does not take absent fields.
pub(crate) fn decode_old<T: DeserializeOwned>(mut properties: Properties) -> Result<T, Failure> {
    if let Ok(decoded) = decode(&properties) {
        return Ok(decoded);
    }
    properties.retain(|key, value| decode::<T>(&Properties::from([(key.clone(), value.clone())])).is_ok());
    decode(&properties)
}

/// Writes a Rust type as properties; what is `None` is absent.
///
/// # Errors
/// [`Failure::Bug`]: every args and state type is an object.
pub fn encode<T: Serialize>(value: &T) -> Result<Properties, Failure> {
    let json = serde_json::to_value(value)
        .map_err(|error| Failure::Bug(format!("cannot write properties: {error}")))?;
    match without_nulls(from_json(json)) {
        Value::Object(map) => Ok(map),
        other => Err(Failure::Bug(format!("properties are {}", other.describe()))),
    }
}

fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(map) => Value::Object(
            map.into_iter()
                .filter(|(_, item)| !item.is_null())
                .map(|(key, item)| (key, without_nulls(item)))
                .collect(),
        ),
        Value::Array(items) => Value::Array(items.into_iter().map(without_nulls).collect()),
        other => other,
    }
}
