//! The package schema: from the Rust types to the JSON that documents the provider and from which the SDKs are made.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value as Json, json};

use crate::check::is_internal;
use crate::model::{Kind, ModelError, ObjectType, Property};
use crate::settings;

/// A resource, as the schema sees it.
#[derive(Debug)]
pub struct ResourceTypes {
    /// The type token.
    pub token: &'static str,
    /// Other tokens that states may hold it under.
    pub aliases: &'static [&'static str],
    /// Its documentation.
    pub description: &'static str,
    /// Its inputs.
    pub args: Arc<ObjectType>,
    /// Its outputs.
    pub state: Arc<ObjectType>,
    /// What a list of it can be narrowed by; `None` if it cannot be listed.
    pub list: Option<Arc<ObjectType>>,
}

/// A function, as the schema sees it.
#[derive(Debug)]
pub struct Function {
    /// The token.
    pub token: &'static str,
    /// Its documentation.
    pub description: &'static str,
    /// Why not to use it, and what instead.
    pub deprecated: Option<&'static str>,
    /// Its arguments.
    pub args: Arc<ObjectType>,
    /// Its result.
    pub output: Arc<ObjectType>,
}

/// Writes the package schema. `metadata` is the head of the document: name, version, description, language settings.
///
/// # Errors
/// If a nested type has no token.
pub fn package(
    metadata: Map<String, Json>,
    config: &ObjectType,
    resources: &[ResourceTypes],
    functions: &[Function],
) -> Result<Json, ModelError> {
    let mut package = metadata;

    let mut types = BTreeMap::new();
    let mut collect = |object: &ObjectType, reported: bool| {
        for nested in object.nested() {
            if let Some(token) = &nested.token {
                types.entry(token.clone()).or_insert_with(|| object_type(&nested, reported));
            }
        }
    };
    collect(config, false);
    for resource in resources {
        collect(&resource.state, true);
        collect(&resource.args, false);
        if let Some(list) = &resource.list {
            collect(list, false);
        }
    }
    for function in functions {
        // What is not required there may be absent.
        collect(&function.output, false);
        collect(&function.args, false);
    }

    let inputs = properties(config, Side::Setting);
    package.insert("config".to_owned(), json!({ "variables": inputs.clone() }));
    package.insert("types".to_owned(), json!(types));
    let outputs: Map<String, Json> = config
        .properties
        .iter()
        .filter(|(_, property)| matches!(property.kind, Kind::String { .. }))
        .map(|(name, declared)| (name.clone(), property(declared, Side::Output)))
        .collect();
    package.insert(
        "provider".to_owned(),
        json!({
            "description": config.description,
            "properties": outputs,
            "inputProperties": inputs,
            "requiredInputs": required(config),
        }),
    );
    let resources: Map<String, Json> =
        resources.iter().map(|types| (types.token.to_owned(), resource(types))).collect();
    package.insert("resources".to_owned(), Json::Object(resources));
    if !functions.is_empty() {
        let functions: Map<String, Json> =
            functions.iter().map(|declared| (declared.token.to_owned(), function(declared))).collect();
        package.insert("functions".to_owned(), Json::Object(functions));
    }
    Ok(Json::Object(package))
}

/// On which side of a resource a property stands.
#[derive(Clone, Copy, PartialEq)]
enum Side {
    Input,
    Output,
    Nested,
    Setting,
    /// Of a function or a list.
    Bag,
}

fn resource(types: &ResourceTypes) -> Json {
    let outputs = properties(&types.state, Side::Output);
    let mut json = json!({
        "description": types.description,
        "properties": outputs,
        "required": always_reported(&types.state),
        "inputProperties": properties(&types.args, Side::Input),
        "requiredInputs": required(&types.args),
        "stateInputs": {
            "description": format!("Input properties used for looking up and filtering {} resources.\n", name(types.token)),
            "properties": properties(&types.state, Side::Input),
            "type": "object",
        },
    });
    if !types.aliases.is_empty() {
        let aliases: Vec<Json> = types.aliases.iter().map(|token| json!({ "type": token })).collect();
        json["aliases"] = aliases.into();
    }
    if let Some(list) = &types.list {
        json["listInputs"] =
            bag(list, format!("What a list of {} resources can be narrowed by.\n", name(types.token)));
    }
    json
}

fn function(declared: &Function) -> Json {
    let called = name(declared.token);
    let mut json = json!({
        "description": declared.description,
        "inputs": bag(&declared.args, format!("The arguments of {called}.\n")),
        "outputs": bag(&declared.output, format!("The result of {called}.\n")),
    });
    if let Some(text) = declared.deprecated {
        json["deprecationMessage"] = text.into();
    }
    json
}

/// An object that has no type token of its own.
fn bag(object: &ObjectType, description: String) -> Json {
    let mut json = json!({
        "description": description,
        "properties": properties(object, Side::Bag),
        "type": "object",
    });
    let required = required(object);
    if !required.is_empty() {
        json["required"] = json!(required);
    }
    json
}

fn name(token: &str) -> &str {
    token.rsplit(':').next().unwrap_or(token)
}

/// A nested type. What the cloud reports has every property, which TypeScript's output types can say.
fn object_type(object: &ObjectType, reported: bool) -> Json {
    let mut json = Map::from_iter([
        ("description".to_owned(), object.description.clone().into()),
        ("properties".to_owned(), Json::Object(properties(object, Side::Nested))),
        ("type".to_owned(), "object".into()),
    ]);
    let required = required(object);
    if !required.is_empty() {
        json.insert("required".to_owned(), json!(required));
    }
    if reported {
        let all: Vec<&String> = object.properties.keys().collect();
        json.insert("language".to_owned(), json!({ "nodejs": { "requiredOutputs": all } }));
    }
    Json::Object(json)
}

fn required(object: &ObjectType) -> Vec<&String> {
    object.properties.iter().filter(|(_, property)| property.required).map(|(name, _)| name).collect()
}

fn always_reported(object: &ObjectType) -> Vec<&String> {
    object.properties.iter().filter(|(_, property)| property.always_reported).map(|(name, _)| name).collect()
}

fn properties(object: &ObjectType, side: Side) -> Map<String, Json> {
    object
        .properties
        .iter()
        // The engine has a resource's id already; a schema may not declare it.
        .filter(|(name, _)| name.as_str() != "id" || !matches!(side, Side::Input | Side::Output))
        .filter(|(name, _)| !is_internal(name))
        .map(|(name, declared)| (name.clone(), property(declared, side)))
        .collect()
}

fn property(declared: &Property, side: Side) -> Json {
    let mut json = kind(&declared.kind);
    let mut description = declared.description.clone();
    if let (Side::Setting | Side::Nested, Some(sentence)) = (side, settings::sentence(&declared.variables)) {
        description = format!("{description} {sentence}");
    }
    json.insert("description".to_owned(), description.into());
    if let Some(text) = &declared.deprecated {
        json.insert("deprecationMessage".to_owned(), text.clone().into());
    }
    if declared.secret {
        json.insert("secret".to_owned(), true.into());
    }
    if declared.replace && matches!(side, Side::Input | Side::Output) {
        json.insert("replaceOnChanges".to_owned(), true.into());
        json.insert("willReplaceOnChanges".to_owned(), true.into());
    }
    if !declared.environment.is_empty() && side == Side::Setting {
        json.insert("defaultInfo".to_owned(), json!({ "environment": declared.environment }));
    }
    Json::Object(json)
}

fn kind(kind_: &Kind) -> Map<String, Json> {
    let json = match kind_ {
        Kind::String { .. } => json!({ "type": "string" }),
        Kind::Integer { .. } => json!({ "type": "integer" }),
        Kind::Boolean => json!({ "type": "boolean" }),
        Kind::List { item, .. } => json!({ "type": "array", "items": kind(item) }),
        Kind::Map { item, .. } => json!({ "type": "object", "additionalProperties": kind(item) }),
        Kind::Object(object) => match &object.token {
            // The slash of a token is an escape in a JSON pointer's fragment.
            Some(token) => json!({ "$ref": format!("#/types/{}", token.replace('/', "%2F")) }),
            None => json!({ "type": "object" }),
        },
    };
    match json {
        Json::Object(map) => map,
        _ => Map::new(),
    }
}
