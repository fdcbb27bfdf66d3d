//! What must hold of the inputs of every resource that is an image, for its tests.

use pulumi::model::ObjectType;
use serde_json::{Value, json};

use crate::ecs::images::attributes::{ATTRIBUTES, Attributes, NAME, TAGS};
use crate::ecs::images::claim::Making;
use crate::ecs::images::inputs::Inputs;

/// Every property that can be updated is an attribute, or is recorded and sent nowhere.
#[track_caller]
pub(crate) fn check_updates<A: Inputs>() {
    let args = ObjectType::of::<A>().unwrap();
    let updated: Vec<&String> = args
        .properties
        .iter()
        .filter(|(_, property)| !property.replace && property.alias_of.is_none())
        .map(|(name, _)| name)
        .collect();
    assert!(updated.len() > 5, "{updated:?}");
    for name in updated {
        let is_attribute = name == TAGS || ATTRIBUTES.iter().any(|attribute| attribute.top() == name);
        let is_recorded = A::RECORDED.contains(&name.as_str());
        assert!(is_attribute != is_recorded, "{name}: attribute {is_attribute}, recorded {is_recorded}");
    }
    for name in A::RECORDED.iter().chain(A::SOURCES) {
        let property = args.properties.get(*name).unwrap_or_else(|| panic!("{name} is no input"));
        assert!(property.unreported, "{name}");
    }
    for name in A::SOURCES {
        check_is_kept::<A>(name);
    }
}

/// A source that a program ceases to name is known on, and one that it names counts.
#[track_caller]
fn check_is_kept<A: Inputs>(source: &str) {
    let naming = |values: [Value; 2]| {
        let inputs =
            values.into_iter().find_map(|value| serde_json::from_value::<A>(json!({ source: value })).ok());
        inputs.unwrap_or_else(|| panic!("{source} is neither a text nor a boolean"))
    };
    let of = |args: &A| serde_json::to_value(args).unwrap()[source].clone();
    let (before, after) = (naming(["one".into(), true.into()]), naming(["two".into(), false.into()]));
    assert_ne!(of(&before), of(&after));
    let (mut silent, mut named) = (A::default(), after.clone());
    silent.keep_sources(&before);
    named.keep_sources(&before);
    assert_eq!((of(&silent), of(&named)), (of(&before), of(&after)), "{source}");
}

/// Every attribute that is an input is read, is set, and is sent either by the call that makes the image or after it. Returns
/// the paths of these. `given` are the inputs without which there is no call.
#[track_caller]
pub(crate) fn check_attributes<A: Inputs, M: Making>(
    given: &A,
    making: impl Fn(&A) -> M,
) -> Vec<&'static str> {
    let args = ObjectType::of::<A>().unwrap();
    let inputs = ATTRIBUTES.iter().filter(|attribute| args.properties.contains_key(attribute.top()));
    let mut found = Vec::new();
    for (index, attribute) in inputs.enumerate() {
        let text = format!("text-{index}");
        let mut attributes = Attributes::default();
        *(attribute.of_mut)(&mut attributes) = Some(text.clone());
        let mut given = given.clone();
        given.set_attributes(attributes.clone());
        assert_eq!(given.attributes(), attributes, "{}", attribute.property);
        let sent = making(&given).parameters();
        let is_sent = sent.iter().any(|(_, value)| *value == text);
        // The name is given when the call is sent.
        let is_late = A::LATE.contains(&attribute.property) || attribute.property == NAME;
        assert!(is_sent != is_late, "{}: sent {is_sent}, late {is_late}", attribute.property);
        found.push(attribute.property);
    }
    found
}
