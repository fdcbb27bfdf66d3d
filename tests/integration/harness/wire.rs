//! What goes over the wire, as JSON: properties, secrets, failures.

use prost::Message as _;
use prost_types::value::Kind;
use prost_types::{ListValue, Struct};
use pulumi::google_rpc;
use pulumi::pulumirpc as rpc;
use serde_json::{Value as Json, json};
use tonic::Status;

pub(crate) const IMAGE: &str = "alicloud:ecs/image:Image";
pub(crate) const IMAGE_COPY: &str = "alicloud:ecs/imageCopy:ImageCopy";
pub(crate) const IMAGE_EXPORT: &str = "alicloud:ecs/imageExport:ImageExport";
pub(crate) const IMAGE_IMPORT: &str = "alicloud:ecs/imageImport:ImageImport";
pub(crate) const IMAGE_SHARE: &str = "alicloud:ecs/imageSharePermission:ImageSharePermission";
pub(crate) const UNKNOWN: &str = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";
pub(crate) const SIGNATURE: &str = "4dabf18193072939515e22adb298388d";
const SECRET: &str = "1b47061264138c4ac30d75fd1eb44270";

/// The URN of an image.
pub(crate) fn urn(name: &str) -> String {
    urn_of(IMAGE, name)
}

/// The URN of a resource of this type. A name that is a URN stands for itself, so that a plugin can be asked about several types.
pub(crate) fn urn_of(resource_type: &str, name: &str) -> String {
    if name.starts_with("urn:") {
        return name.to_owned();
    }
    format!("urn:pulumi:test::shop::{resource_type}::{name}")
}

pub(crate) fn secret(value: Json) -> Json {
    json!({ SIGNATURE: SECRET, "value": value })
}

pub(crate) fn text(json: &Json) -> String {
    json.as_str().unwrap_or_default().to_owned()
}

/// A failure as an engine sees it.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) message: String,
    /// Of a resource that exists all the same: its id and state.
    pub(crate) partial: Option<(String, Json)>,
    /// Its inputs as the cloud has them, if it was read.
    pub(crate) inputs: Option<Json>,
}

impl From<Status> for Failed {
    fn from(status: Status) -> Self {
        let detail = google_rpc::Status::decode(status.details())
            .ok()
            .and_then(|payload| payload.details.into_iter().next());
        let detail = detail.filter(|any| any.type_url.ends_with("ErrorResourceInitFailed")).map(|any| {
            rpc::ErrorResourceInitFailed::decode(any.value.as_slice()).expect("the detail's type")
        });
        let inputs = detail.as_ref().and_then(|detail| detail.inputs.as_ref()).map(from_struct);
        let partial = detail.map(|detail| (detail.id, from_struct(&detail.properties.unwrap_or_default())));
        Failed { message: status.message().to_owned(), partial, inputs }
    }
}

pub(crate) fn to_struct(json: &Json) -> Struct {
    match json {
        Json::Object(map) => {
            Struct { fields: map.iter().map(|(key, value)| (key.clone(), to_wire(value))).collect() }
        }
        _ => Struct::default(),
    }
}

fn to_wire(json: &Json) -> prost_types::Value {
    let kind = match json {
        Json::Null => Kind::NullValue(0),
        Json::Bool(value) => Kind::BoolValue(*value),
        Json::Number(number) => Kind::NumberValue(number.as_f64().expect("a double")),
        Json::String(text) => Kind::StringValue(text.clone()),
        Json::Array(items) => Kind::ListValue(ListValue { values: items.iter().map(to_wire).collect() }),
        Json::Object(_) => Kind::StructValue(to_struct(json)),
    };
    prost_types::Value { kind: Some(kind) }
}

pub(crate) fn from_struct(wire: &Struct) -> Json {
    Json::Object(wire.fields.iter().map(|(key, value)| (key.clone(), from_wire(value))).collect())
}

fn from_wire(wire: &prost_types::Value) -> Json {
    match &wire.kind {
        None | Some(Kind::NullValue(_)) => Json::Null,
        Some(Kind::BoolValue(value)) => (*value).into(),
        // Whole numbers as such, so that tests can be written with them.
        Some(Kind::NumberValue(number)) if number.fract() == 0.0 => json!(*number as i64),
        Some(Kind::NumberValue(number)) => json!(number),
        Some(Kind::StringValue(text)) => text.as_str().into(),
        Some(Kind::ListValue(list)) => list.values.iter().map(from_wire).collect(),
        Some(Kind::StructValue(fields)) => from_struct(fields),
    }
}
