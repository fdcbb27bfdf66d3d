//! What is secret by its declaration, whether whoever gives it says so or not, and what tells a secret without quoting it.

use crate::model::{ObjectType, Property};
use crate::path::Path;
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

/// Whether an engine shows a secret that is told of a mistake at `path`: it prints what the inputs have under that name.
pub(crate) fn shows_secret(inputs: &Properties, path: &Path) -> bool {
    // A program may have given a property the name that a path is written as.
    let written = path.to_string();
    let names = path.first_key().into_iter().chain([written.as_str()]);
    names.filter_map(|name| inputs.get(name)).any(Value::shows_secrets)
}

/// Whether what a path leads to is secret, or lies in a secret, or holds one.
pub(crate) fn meets_secret(secrets: &[Path], path: &Path) -> bool {
    secrets.iter().any(|secret| path.leads_into(secret) || secret.leads_into(path))
}

/// The path as far as it may be told: the keys of a secret map are secret too, as is what a secret has beyond its
/// declaration.
pub(crate) fn told(object: &ObjectType, secrets: &[Path], path: &Path) -> Path {
    let around = secrets.iter().filter(|secret| path.leads_into(secret)).map(|secret| secret.steps().len());
    match around.min() {
        Some(steps) => path.first_steps(steps.max(object.declared_steps(path.steps()))),
        None => path.clone(),
    }
}
