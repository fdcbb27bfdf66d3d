//! Properties as an engine may send them: read, written back, checked, and decoded if the check finds nothing wrong.

#![no_main]

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use libfuzzer_sys::fuzz_target;
use prost::Message;
use pulumi::model::ObjectType;
use pulumi::value::{Properties, from_struct, reveal, secret_paths, to_struct};
use pulumi::{Findings, Input, check, decode};
use schemars::JsonSchema;
use serde::Deserialize;

/// One property of each kind that the model knows.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
struct Args {
    #[schemars(length(min = 2, max = 10))]
    name: Option<Input<String>>,
    #[schemars(extend("enum" = ["a", "b"], "default" = "a", "x-replace" = true))]
    choice: Option<Input<String>>,
    #[schemars(range(min = 5, max = 99))]
    size: Option<Input<i64>>,
    force: Option<Input<bool>>,
    #[schemars(length(max = 3))]
    disks: Option<Input<Vec<Input<Disk>>>>,
    #[schemars(extend("maxProperties" = 3, "x-scalars-as-text" = true))]
    tags: Option<Input<BTreeMap<String, Input<String>>>>,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
struct Disk {
    size: Option<Input<i64>>,
    kind: Option<Input<String>>,
}

static ARGS: LazyLock<Arc<ObjectType>> = LazyLock::new(|| ObjectType::of::<Args>().expect("a model"));

fuzz_target!(|bytes: &[u8]| {
    let Ok(wire) = prost_types::Struct::decode(bytes) else { return };
    let properties = from_struct(wire);
    let plain = reveal(properties.clone());
    assert!(secret_paths(&properties).is_empty() || format!("{properties:?}").contains("[secret]"));
    assert!(secret_paths(&plain).is_empty(), "a secret is left");
    drop(from_struct(to_struct(properties.clone())));

    let mut findings = Findings::default();
    let checked = check::check(&ARGS, properties, &mut findings);
    assert!(findings.failures.iter().all(|failure| !failure.path.steps().is_empty()));
    for change in pulumi::diff::compare(&ARGS, &plain, &checked) {
        assert!(change.path.first_key().is_some());
    }
    if findings.failures.is_empty() {
        let own: Properties = checked.into_iter().filter(|(key, _)| !check::is_internal(key)).collect();
        let _: Args = decode(&own).expect("what passes the check fits the type");
    }
});
