//! Property values as the engine sends them: JSON-like, with secrets and unknowns.
//!
//! The sentinel strings of the wire format live only in this file. Facts: the Pulumi SDKs' property marshaller
//! (`sdk/v3/go/common/resource/plugin/rpc.go` and its siblings in the other languages).

use std::collections::BTreeMap;
use std::fmt;

use prost_types::value::Kind;
use prost_types::{ListValue, Struct};

use crate::path::{Path, Step, Trail};

/// Key under which a structure says which special kind of value it is.
const SIGNATURE_KEY: &str = "4dabf18193072939515e22adb298388d";
const SECRET: &str = "1b47061264138c4ac30d75fd1eb44270";
const OUTPUT: &str = "d0e6a833031e9bbcd3f4e8bde6ca49a4";
/// The other special kinds, which no property of ours takes, and what to call them in an error.
const FOREIGN: [(&str, &str); 3] = [
    ("c44067f5952c0a294b673a41bacd8c17", "an asset"),
    ("0def7320c3a5731c473e5ecbe6d01bc7", "an archive"),
    ("5cf8f73096256a8f31e491e813e4eb8e", "a resource"),
];
/// What stands for a value that is not known in a preview: the one we send, then the others that are understood
/// (older SDKs have one for each type).
const UNKNOWN: &str = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";
const TYPED_UNKNOWNS: [&str; 6] = [
    "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
    "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
    "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
    "030794c1-ac77-496b-92df-f27374a8bd58",
    "e48ece36-62e2-4504-bad9-02848725956a",
    "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
];
/// How deep a value may nest before the rest is cut off, so that hostile input cannot exhaust the stack. Protobuf's own
/// decoder stops at 100 messages, two for each level here.
const MAX_DEPTH: usize = 64;

/// The largest whole number up to which the wire's doubles are exact: 2^53.
pub(crate) const LARGEST_WHOLE: f64 = 9_007_199_254_740_992.0;

/// The properties of a resource, a provider or a nested object.
pub type Properties = BTreeMap<String, Value>;

/// One property value.
#[derive(Clone, PartialEq)]
pub enum Value {
    /// Absent, or JSON's null.
    Null,
    /// A boolean.
    Bool(bool),
    /// Any number; the wire knows only doubles.
    Number(f64),
    /// Text.
    String(String),
    /// A list.
    Array(Vec<Value>),
    /// A nested object or a map.
    Object(Properties),
    /// A value that must not be shown and is kept encrypted in the state.
    Secret(Box<Value>),
    /// A value that only the deployment will know.
    Unknown,
    /// A kind of value that no property here takes, by its English name, with what it held.
    Foreign(&'static str, Box<Properties>),
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Null => f.write_str("null"),
            Value::Bool(value) => value.fmt(f),
            Value::Number(value) => value.fmt(f),
            Value::String(value) => value.fmt(f),
            Value::Array(values) => values.fmt(f),
            Value::Object(values) => values.fmt(f),
            Value::Secret(_) => f.write_str("[secret]"),
            Value::Unknown => f.write_str("[unknown]"),
            Value::Foreign(kind, _) => write!(f, "[{kind}]"),
        }
    }
}

/// What [`Value::visit_secrets`] meets.
pub(crate) enum Held<'a> {
    Secret,
    Key(&'a str),
    Text(&'a str),
}

impl Value {
    /// The value itself, out of any number of secret wrappings.
    pub fn plain(&self) -> &Value {
        match self {
            Value::Secret(inner) => inner.plain(),
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_)
            | Value::Object(_)
            | Value::Unknown
            | Value::Foreign(..) => self,
        }
    }

    /// The text, if it is known text, secret or not.
    pub fn as_str(&self) -> Option<&str> {
        match self.plain() {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// Whether nothing is there: null, secret or not.
    pub fn is_null(&self) -> bool {
        matches!(self.plain(), Value::Null)
    }

    /// Whether the value or anything in it is unknown.
    pub fn has_unknowns(&self) -> bool {
        match self {
            Value::Unknown => true,
            Value::Secret(inner) => inner.has_unknowns(),
            Value::Array(items) => items.iter().any(Value::has_unknowns),
            Value::Object(map) => map.values().any(Value::has_unknowns),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Foreign(..) => false,
        }
    }

    /// Whether the value or anything in it is secret.
    pub fn has_secrets(&self) -> bool {
        match self {
            Value::Secret(_) => true,
            Value::Array(items) => items.iter().any(Value::has_secrets),
            Value::Object(map) => map.values().any(Value::has_secrets),
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Unknown
            | Value::Foreign(..) => false,
        }
    }

    /// Visits each secret, and each key and each text within one. `secret` says that the value is within one.
    pub(crate) fn visit_secrets<'a>(&'a self, secret: bool, visit: &mut impl FnMut(Held<'a>)) {
        match self {
            Value::Secret(inner) => {
                visit(Held::Secret);
                inner.visit_secrets(true, visit);
            }
            Value::Array(items) => items.iter().for_each(|item| item.visit_secrets(secret, visit)),
            Value::Object(map) => {
                for (key, item) in map {
                    if secret {
                        visit(Held::Key(key));
                    }
                    item.visit_secrets(secret, visit);
                }
            }
            Value::String(text) if secret => visit(Held::Text(text)),
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Unknown
            | Value::Foreign(..) => {}
        }
    }

    /// Whether a secret is shown by whoever prints the value, whatever the value is.
    pub(crate) fn shows_secrets(&self) -> bool {
        match self {
            Value::Secret(_) => true,
            Value::Array(items) => items.iter().any(Value::shows_secrets),
            Value::Object(map) => map.values().any(Value::shows_secrets),
            // Of what nests too deeply nothing has been read.
            Value::Foreign(_, held) => held.is_empty() || held.values().any(Value::shows_secrets),
            // JSON, in which settings come.
            Value::String(text) => text.contains(SECRET),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Unknown => false,
        }
    }

    /// The same value with every secret wrapping taken off.
    pub fn reveal(self) -> Value {
        match self {
            Value::Secret(inner) => inner.reveal(),
            Value::Array(items) => Value::Array(items.into_iter().map(Value::reveal).collect()),
            Value::Object(map) => Value::Object(reveal(map)),
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Unknown
            | Value::Foreign(..) => self,
        }
    }

    /// What to call it in an error: its type, and for short plain values the value.
    pub fn describe(&self) -> String {
        match self {
            Value::Null => "nothing".to_owned(),
            Value::Bool(value) => format!("the boolean {value}"),
            Value::Number(value) => format!("the number {value}"),
            Value::String(text) => format!("the string {}", quote(text)),
            Value::Array(items) => format!("a list of {}", items.len()),
            Value::Object(_) => "an object".to_owned(),
            Value::Secret(inner) => format!("a secret {}", inner.type_name()),
            Value::Unknown => "a value not known yet".to_owned(),
            Value::Foreign(kind, _) => (*kind).to_owned(),
        }
    }

    fn type_name(&self) -> &'static str {
        match self.plain() {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Number(_) => "number",
            Value::String(_) => "string",
            Value::Array(_) => "list",
            Value::Object(_) => "object",
            Value::Secret(_) | Value::Unknown => "value",
            Value::Foreign(..) => "asset, archive or resource",
        }
    }
}

/// Text in quotes for a message, cut if it is long.
pub fn quote(text: &str) -> String {
    const MOST: usize = 80;
    if text.chars().count() <= MOST {
        return format!("{text:?}");
    }
    let cut: String = text.chars().take(MOST).collect();
    format!("{cut:?}… ({} characters)", text.chars().count())
}

/// The same properties with every secret wrapping taken off.
pub fn reveal(properties: Properties) -> Properties {
    // Nearly all: nothing to take apart and put together again.
    if !properties.values().any(Value::has_secrets) {
        return properties;
    }
    properties.into_iter().map(|(key, value)| (key, value.reveal())).collect()
}

/// The paths of what is secret. What lies within a secret needs no path of its own.
pub fn secret_paths(properties: &Properties) -> Vec<Path> {
    fn collect(value: &Value, at: Trail<'_>, paths: &mut Vec<Path>) {
        match value {
            Value::Secret(_) => paths.push(at.path()),
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    collect(item, at.index(index), paths);
                }
            }
            Value::Object(map) => {
                for (key, item) in map {
                    collect(item, at.key(key), paths);
                }
            }
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Unknown
            | Value::Foreign(..) => {}
        }
    }
    let mut paths = Vec::new();
    for (key, value) in properties {
        collect(value, Trail::ROOT.key(key), &mut paths);
    }
    paths
}

/// Wraps the property at `path` as secret, or the deepest value on the way there if the path ends early. Nothing
/// happens if the first step leads nowhere.
pub fn conceal(properties: &mut Properties, path: &Path) {
    if let Some((Step::Key(first), rest)) = path.steps().split_first()
        && let Some(value) = properties.get_mut(first)
    {
        conceal_value(value, rest);
    }
}

fn conceal_value(value: &mut Value, steps: &[Step]) {
    if matches!(value, Value::Secret(_)) {
        return;
    }
    let next = match (value as &mut Value, steps.first()) {
        (Value::Object(map), Some(Step::Key(key))) => map.get_mut(key),
        (Value::Array(items), Some(Step::Index(index))) => items.get_mut(*index),
        _ => None,
    };
    match next {
        Some(next) => conceal_value(next, &steps[1..]),
        None => *value = Value::Secret(Box::new(std::mem::replace(value, Value::Null))),
    }
}

/// Reads properties off the wire. Nulls at the top are dropped: absent and null are one.
pub fn from_struct(wire: Struct) -> Properties {
    let mut properties: Properties =
        wire.fields.into_iter().map(|(key, value)| (key, from_wire(value, 0))).collect();
    properties.retain(|_, value| !matches!(value, Value::Null));
    properties
}

/// Writes properties for the wire.
pub fn to_struct(properties: Properties) -> Struct {
    Struct { fields: properties.into_iter().map(|(key, value)| (key, to_wire(value))).collect() }
}

/// Whether a text stands for a value that is not known yet.
pub(crate) fn is_unknown(text: &str) -> bool {
    text == UNKNOWN || TYPED_UNKNOWNS.contains(&text)
}

/// Whether there may be a secret in properties on the wire, told without reading them.
pub(crate) fn may_hold_secrets(wire: &Struct) -> bool {
    fn holds(value: &prost_types::Value) -> bool {
        match &value.kind {
            Some(Kind::StructValue(fields)) => may_hold_secrets(fields),
            Some(Kind::ListValue(list)) => list.values.iter().any(holds),
            _ => false,
        }
    }
    wire.fields.contains_key(SIGNATURE_KEY) || wire.fields.values().any(holds)
}

fn from_wire(wire: prost_types::Value, depth: usize) -> Value {
    if depth > MAX_DEPTH {
        return Value::Foreign("a value nested too deeply", Box::default());
    }
    match wire.kind {
        None | Some(Kind::NullValue(_)) => Value::Null,
        Some(Kind::BoolValue(value)) => Value::Bool(value),
        Some(Kind::NumberValue(value)) => Value::Number(value),
        Some(Kind::StringValue(text)) if is_unknown(&text) => Value::Unknown,
        Some(Kind::StringValue(text)) => Value::String(text),
        Some(Kind::ListValue(list)) => {
            Value::Array(list.values.into_iter().map(|value| from_wire(value, depth + 1)).collect())
        }
        Some(Kind::StructValue(fields)) => object_from_wire(fields, depth),
    }
}

fn object_from_wire(wire: Struct, depth: usize) -> Value {
    let mut map: Properties =
        wire.fields.into_iter().map(|(key, value)| (key, from_wire(value, depth + 1))).collect();
    let signature = match map.get(SIGNATURE_KEY) {
        Some(Value::String(signature)) => signature.clone(),
        _ => return Value::Object(map),
    };
    match signature.as_str() {
        SECRET => Value::Secret(Box::new(map.remove("value").unwrap_or(Value::Null))),
        OUTPUT => {
            let secret = matches!(map.get("secret"), Some(Value::Bool(true)));
            let value = map.remove("value").unwrap_or(Value::Unknown);
            if secret { Value::Secret(Box::new(value)) } else { value }
        }
        _ => match FOREIGN.iter().find(|(foreign, _)| *foreign == signature) {
            Some((_, kind)) => Value::Foreign(kind, Box::new(map)),
            None => Value::Object(map),
        },
    }
}

fn to_wire(value: Value) -> prost_types::Value {
    let kind = match value {
        Value::Null => Kind::NullValue(0),
        Value::Bool(value) => Kind::BoolValue(value),
        Value::Number(value) => Kind::NumberValue(value),
        Value::String(text) => Kind::StringValue(text),
        Value::Unknown => Kind::StringValue(UNKNOWN.to_owned()),
        Value::Array(items) => {
            Kind::ListValue(ListValue { values: items.into_iter().map(to_wire).collect() })
        }
        Value::Object(map) => Kind::StructValue(to_struct(map)),
        Value::Foreign(_, map) => Kind::StructValue(to_struct(*map)),
        Value::Secret(inner) => Kind::StructValue(to_struct(Properties::from([
            (SIGNATURE_KEY.to_owned(), Value::String(SECRET.to_owned())),
            ("value".to_owned(), *inner),
        ]))),
    };
    prost_types::Value { kind: Some(kind) }
}

/// JSON from serde as a value.
pub(crate) fn from_json(json: serde_json::Value) -> Value {
    match json {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::Bool(value) => Value::Bool(value),
        serde_json::Value::Number(number) => Value::Number(number.as_f64().unwrap_or(f64::NAN)),
        serde_json::Value::String(text) if text == UNKNOWN => Value::Unknown,
        serde_json::Value::String(text) => Value::String(text),
        serde_json::Value::Array(items) => Value::Array(items.into_iter().map(from_json).collect()),
        serde_json::Value::Object(map) => {
            Value::Object(map.into_iter().map(|(key, item)| (key, from_json(item))).collect())
        }
    }
}

/// Whether a text is the sentinel that serde writes for an unknown value.
pub(crate) fn is_unknown_sentinel(text: &str) -> bool {
    text == UNKNOWN
}

/// The sentinel that serde writes for an unknown value.
pub(crate) fn unknown_sentinel() -> &'static str {
    UNKNOWN
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Value {
        Value::String(text.to_owned())
    }

    fn object<const N: usize>(fields: [(&str, Value); N]) -> Value {
        Value::Object(fields.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
    }

    #[track_caller]
    fn check_round_trip(value: Value) {
        let wire = to_struct(Properties::from([("p".to_owned(), value.clone())]));
        assert_eq!(from_struct(wire).get("p"), Some(&value));
    }

    #[test]
    fn every_kind_of_value_survives_the_wire() {
        check_round_trip(Value::Bool(true));
        check_round_trip(Value::Number(40.5));
        check_round_trip(text("中文 \u{1F600}"));
        check_round_trip(Value::Array(vec![text("a"), Value::Null, Value::Unknown]));
        check_round_trip(object([("a", Value::Secret(Box::new(object([("b", Value::Unknown)]))))]));
        check_round_trip(Value::Secret(Box::new(Value::Number(1.0))));
    }

    #[test]
    fn a_null_property_is_an_absent_one() {
        let wire = to_struct(Properties::from([("p".to_owned(), Value::Null)]));
        assert!(from_struct(wire).is_empty());
    }

    #[test]
    fn an_output_value_is_its_value_or_unknown_and_may_be_secret() {
        let output = |fields: Vec<(&str, Value)>| {
            let mut map: Properties =
                fields.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
            map.insert(SIGNATURE_KEY.to_owned(), text(OUTPUT));
            from_wire(to_wire(Value::Object(map)), 0)
        };
        assert_eq!(output(vec![("value", text("a"))]), text("a"));
        assert_eq!(output(vec![]), Value::Unknown);
        assert_eq!(
            output(vec![("value", text("a")), ("secret", Value::Bool(true))]),
            Value::Secret(Box::new(text("a")))
        );
    }

    #[test]
    fn an_asset_is_named_in_an_error() {
        let asset = object([(SIGNATURE_KEY, text(FOREIGN[0].0)), ("text", text("x"))]);
        assert_eq!(from_wire(to_wire(asset), 0).describe(), "an asset");
    }

    #[test]
    fn a_secret_shows_neither_in_debug_nor_in_a_description() {
        let secret = Value::Secret(Box::new(text("hunter2")));
        assert_eq!(format!("{secret:?}"), "[secret]");
        assert_eq!(secret.describe(), "a secret string");
    }

    #[test]
    fn revealing_and_concealing_are_inverse() {
        let value = object([
            ("list", Value::Array(vec![text("a"), Value::Secret(Box::new(text("b")))])),
            ("map", object([("k", Value::Secret(Box::new(text("c"))))])),
        ]);
        let Value::Object(properties) = value else { panic!("an object") };
        let secrets = secret_paths(&properties);
        assert_eq!(secrets.len(), 2);
        let mut plain = reveal(properties.clone());
        assert!(!plain.values().any(Value::has_secrets));
        for path in &secrets {
            conceal(&mut plain, path);
        }
        assert_eq!(plain, properties);
    }

    #[test]
    fn a_secret_path_that_ends_early_conceals_what_is_there() {
        let mut properties = Properties::from([("tags".to_owned(), text("only text"))]);
        conceal(&mut properties, &Path::property("tags").key("a"));
        let expected = Properties::from([("tags".to_owned(), Value::Secret(Box::new(text("only text"))))]);
        assert_eq!(properties, expected);
        conceal(&mut properties, &Path::property("absent"));
        assert_eq!(properties, expected);
    }

    use proptest::collection::{btree_map, vec};
    use proptest::prelude::*;

    fn key() -> impl Strategy<Value = String> {
        prop_oneof![
            3 => "[a-z]{0,3}",
            1 => Just(SIGNATURE_KEY.to_owned()),
            1 => Just("value".to_owned()),
            1 => Just("secret".to_owned()),
        ]
    }

    /// Anything that the wire can carry, special values and half of them in the first place.
    fn wire() -> impl Strategy<Value = prost_types::Value> {
        let known = [SECRET, OUTPUT, FOREIGN[0].0, FOREIGN[1].0, FOREIGN[2].0, UNKNOWN, TYPED_UNKNOWNS[0]];
        let leaf = prop_oneof![
            Just(None),
            Just(Some(Kind::NullValue(0))),
            any::<bool>().prop_map(|value| Some(Kind::BoolValue(value))),
            // Not what is no number: it equals nothing.
            any::<f64>()
                .prop_filter("NaN", |value| !value.is_nan())
                .prop_map(|value| Some(Kind::NumberValue(value))),
            ".{0,8}".prop_map(|text| Some(Kind::StringValue(text))),
            proptest::sample::select(known.to_vec())
                .prop_map(|text| Some(Kind::StringValue(text.to_owned()))),
        ];
        let leaf = leaf.prop_map(|kind| prost_types::Value { kind });
        leaf.prop_recursive(8, 64, 5, |inner| {
            prop_oneof![
                vec(inner.clone(), 0..5).prop_map(|values| Kind::ListValue(ListValue { values })),
                btree_map(key(), inner, 0..5)
                    .prop_map(|fields| Kind::StructValue(Struct { fields: fields.into_iter().collect() })),
            ]
            .prop_map(|kind| prost_types::Value { kind: Some(kind) })
        })
    }

    /// Any value as it is inside.
    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Unknown),
            any::<bool>().prop_map(Value::Bool),
            any::<f64>().prop_filter("NaN", |value| !value.is_nan()).prop_map(Value::Number),
            ".{0,8}".prop_map(Value::String),
        ];
        leaf.prop_recursive(8, 64, 5, |inner| {
            prop_oneof![
                vec(prop_oneof![1 => Just(Value::Null), 5 => inner.clone()], 0..5).prop_map(Value::Array),
                btree_map(".{0,5}", inner.clone(), 0..5).prop_map(Value::Object),
                inner.prop_map(|inner| Value::Secret(Box::new(inner))),
            ]
        })
    }

    fn nested(levels: usize, inside: &prost_types::Value) -> prost_types::Value {
        (0..levels).fold(inside.clone(), |inner, level| {
            let kind = match level % 3 {
                0 => Kind::ListValue(ListValue { values: vec![inner] }),
                1 => Kind::StructValue(Struct { fields: [("k".to_owned(), inner)].into() }),
                _ => {
                    let signature = prost_types::Value { kind: Some(Kind::StringValue(SECRET.to_owned())) };
                    let fields = [(SIGNATURE_KEY.to_owned(), signature), ("value".to_owned(), inner)];
                    Kind::StructValue(Struct { fields: fields.into() })
                }
            };
            prost_types::Value { kind: Some(kind) }
        })
    }

    proptest! {
        #[test]
        fn values_survive_the_wire(value in value()) {
            check_round_trip(value);
        }

        #[test]
        fn whatever_is_on_the_wire_is_read_and_means_the_same_when_it_comes_back(wire in wire()) {
            let read = from_struct(Struct { fields: [("p".to_owned(), wire)].into() });
            prop_assert_eq!(from_struct(to_struct(read.clone())), read);
        }

        #[test]
        fn no_depth_is_too_much(wire in wire(), levels in 0..400_usize) {
            let read = from_struct(Struct { fields: [("p".to_owned(), nested(levels, &wire))].into() });
            prop_assert!(levels < 3 || !secret_paths(&read).is_empty(), "no secret is marked");
            let plain = reveal(read);
            prop_assert!(!plain.values().any(Value::has_secrets));
            prop_assert!(crate::codec::decode::<std::collections::HashMap<String, serde_json::Value>>(&plain).is_ok());
        }
    }
}
