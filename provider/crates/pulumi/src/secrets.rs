//! What is secret by its declaration, whether whoever gives it says so or not.

use crate::model::{ObjectType, Property};
use crate::value::{Properties, Value};

/// The same properties, with those that are or hold secrets as secrets.
pub(crate) fn with_secrets(object: &ObjectType, properties: Properties) -> Properties {
    properties
        .into_iter()
        .map(|(name, value)| {
            let secret = object.properties.get(&name).is_some_and(Property::holds_secret);
            let wrap = secret && !matches!(value, Value::Secret(_));
            (name, if wrap { Value::Secret(Box::new(value)) } else { value })
        })
        .collect()
}
