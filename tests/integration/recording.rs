//! What a real engine asked in the life of the Python example (`tests/data/engine-traffic.json`), asked again: the answers
//! are the recorded ones, but for ids and times. `tests/e2e/record.py` makes the recording anew.

use std::collections::BTreeMap;

use base64::Engine as _;
use emulator::Emulator;
use pulumi::pulumirpc as rpc;
use serde_json::{Map, Value as Json, json};

use crate::harness::{Plugin, World, from_struct, text, to_struct};

/// What stands for the emulator's address.
const CLOUD: &str = "http://cloud.example";

/// Recorded ids of images and snapshots, and what stands for them now.
type Ids = BTreeMap<String, String>;

#[tokio::test]
async fn what_an_engine_asked_once_is_answered_as_it_was() {
    let recording: Vec<Json> =
        serde_json::from_str(include_str!("../data/engine-traffic.json")).expect("a recording");
    let mut world = World::new().await;
    let mut ids = Ids::new();
    let mut command = String::new();
    let mut commands = Vec::new();
    for (line, recorded) in recording.iter().enumerate() {
        if recorded["command"] != command.as_str() {
            // Each command has a plugin of its own.
            world.plugin = Plugin::start().await;
            command = text(&recorded["command"]);
            commands.push(command.clone());
        }
        let method = text(&recorded["method"]);
        let request = now(&recorded["request"], &ids, &world.cloud);
        let answer = call(&mut world.plugin, &method, &request).await;
        let place = format!("line {} of the recording, {command}: {method}", line + 2);
        compare(&recorded["response"], &answer, &place, &mut ids, &world.cloud);
    }
    assert_eq!(commands, ["up", "refresh", "update", "replace", "destroy"]);
    assert!(world.images().await.is_empty());
}

/// A recorded value with the ids and the address that hold now.
fn now(recorded: &Json, ids: &Ids, cloud: &Emulator) -> Json {
    serde_json::from_str(
        &ids.iter().fold(recorded.to_string().replace(CLOUD, &cloud.url()), |said, (old, new)| {
            said.replace(old, new)
        }),
    )
    .expect("still JSON")
}

/// `m-` or `s-` and twenty letters and digits: an id that the emulator made up.
fn is_made_up(word: &str) -> bool {
    let rest = word.strip_prefix("m-").or_else(|| word.strip_prefix("s-"));
    rest.is_some_and(|rest| rest.len() == 20 && rest.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

fn compare(recorded: &Json, answer: &Json, place: &str, ids: &mut Ids, cloud: &Emulator) {
    match (recorded, answer) {
        (Json::Object(old), Json::Object(new)) => {
            let names = |fields: &Map<String, Json>| {
                let mut names: Vec<String> = fields.keys().cloned().collect();
                names.sort_unstable();
                names
            };
            assert_eq!(names(new), names(old), "{place}");
            for (name, old) in old {
                if name == "__mark" {
                    assert_eq!(text(&new[name]).len(), 32, "{place}.{name}");
                    continue;
                }
                if name == "createTime" {
                    assert_eq!(text(&new[name]).len(), text(old).len(), "{place}.{name}");
                    continue;
                }
                compare(old, &new[name], &format!("{place}.{name}"), ids, cloud);
            }
        }
        (Json::Array(old), Json::Array(new)) => {
            assert_eq!(new.len(), old.len(), "{place}");
            for (index, (old, new)) in old.iter().zip(new).enumerate() {
                compare(old, new, &format!("{place}[{index}]"), ids, cloud);
            }
        }
        (Json::String(old), Json::String(new)) if is_made_up(old) => {
            assert!(is_made_up(new), "{place}: {new} is no id");
            assert_eq!(ids.entry(old.clone()).or_insert_with(|| new.clone()), new, "{place}");
        }
        (Json::Number(old), Json::Number(new)) => assert_eq!(new.as_f64(), old.as_f64(), "{place}"),
        _ => assert_eq!(*answer, now(recorded, ids, cloud), "{place}"),
    }
}

async fn call(plugin: &mut Plugin, method: &str, request: &Json) -> Json {
    let word = |name: &str| text(&request[name]);
    let fields = |name: &str| request.get(name).map(to_struct);
    let grpc = &mut plugin.rpc;
    match method {
        "CheckConfig" | "Check" => {
            let seed = base64::engine::general_purpose::STANDARD.decode(word("randomSeed")).expect("base64");
            let request = rpc::CheckRequest {
                urn: word("urn"),
                olds: fields("olds"),
                news: fields("news"),
                random_seed: seed,
                name: word("name"),
                r#type: word("type"),
                ..rpc::CheckRequest::default()
            };
            let called =
                if method == "Check" { grpc.check(request).await } else { grpc.check_config(request).await };
            let answer = called.expect(method).into_inner();
            assert!(answer.failures.is_empty(), "{:?}", answer.failures);
            json!({ "inputs": answer.inputs.as_ref().map(from_struct) })
        }
        "DiffConfig" | "Diff" => {
            let request = rpc::DiffRequest {
                id: word("id"),
                urn: word("urn"),
                olds: fields("olds"),
                news: fields("news"),
                old_inputs: fields("oldInputs"),
                name: word("name"),
                r#type: word("type"),
                ..rpc::DiffRequest::default()
            };
            let called =
                if method == "Diff" { grpc.diff(request).await } else { grpc.diff_config(request).await };
            diff_json(&called.expect(method).into_inner())
        }
        "Configure" => {
            let request = rpc::ConfigureRequest {
                args: fields("args"),
                accept_secrets: request["acceptSecrets"] == true,
                accept_resources: request["acceptResources"] == true,
                sends_old_inputs: request["sendsOldInputs"] == true,
                sends_old_inputs_to_delete: request["sendsOldInputsToDelete"] == true,
                id: request["id"].as_str().map(str::to_owned),
                ..rpc::ConfigureRequest::default()
            };
            let answer = grpc.configure(request).await.expect(method).into_inner();
            without_defaults(json!({
                "acceptSecrets": answer.accept_secrets,
                "acceptResources": answer.accept_resources,
                "acceptOutputs": answer.accept_outputs,
                "supportsPreview": answer.supports_preview,
                "supportsAutonamingConfiguration": answer.supports_autonaming_configuration,
            }))
        }
        "Create" => {
            let request = rpc::CreateRequest {
                urn: word("urn"),
                properties: fields("properties"),
                name: word("name"),
                r#type: word("type"),
                ..rpc::CreateRequest::default()
            };
            let answer = grpc.create(request).await.expect(method).into_inner();
            json!({ "id": answer.id, "properties": answer.properties.as_ref().map(from_struct) })
        }
        "Read" => {
            let request = rpc::ReadRequest {
                id: word("id"),
                urn: word("urn"),
                properties: fields("properties"),
                inputs: fields("inputs"),
                name: word("name"),
                r#type: word("type"),
                ..rpc::ReadRequest::default()
            };
            let answer = grpc.read(request).await.expect(method).into_inner();
            let (inputs, properties) = (answer.inputs.as_ref(), answer.properties.as_ref());
            json!({ "id": answer.id, "inputs": inputs.map(from_struct), "properties": properties.map(from_struct) })
        }
        "Update" => {
            let request = rpc::UpdateRequest {
                id: word("id"),
                urn: word("urn"),
                olds: fields("olds"),
                news: fields("news"),
                old_inputs: fields("oldInputs"),
                name: word("name"),
                r#type: word("type"),
                ..rpc::UpdateRequest::default()
            };
            let answer = grpc.update(request).await.expect(method).into_inner();
            json!({ "properties": answer.properties.as_ref().map(from_struct) })
        }
        "Delete" => {
            let request = rpc::DeleteRequest {
                id: word("id"),
                urn: word("urn"),
                properties: fields("properties"),
                old_inputs: fields("oldInputs"),
                name: word("name"),
                r#type: word("type"),
                ..rpc::DeleteRequest::default()
            };
            grpc.delete(request).await.expect(method);
            json!({})
        }
        other => panic!("{other} is recorded and not played"),
    }
}

fn diff_json(answer: &rpc::DiffResponse) -> Json {
    let detailed: Map<String, Json> = answer
        .detailed_diff
        .iter()
        .map(|(path, diff)| {
            let kind = Some(diff.kind().as_str_name()).filter(|kind| *kind != "ADD");
            (path.clone(), without_defaults(json!({ "kind": kind, "inputDiff": diff.input_diff })))
        })
        .collect();
    without_defaults(json!({
        "replaces": answer.replaces,
        "stables": answer.stables,
        "deleteBeforeReplace": answer.delete_before_replace,
        "changes": answer.changes().as_str_name(),
        "diffs": answer.diffs,
        "detailedDiff": detailed,
        "hasDetailedDiff": answer.has_detailed_diff,
    }))
}

/// Recorders leave out what is as it is by default.
fn without_defaults(mut answer: Json) -> Json {
    let fields = answer.as_object_mut().expect("an object");
    fields.retain(|_, value| ![json!(null), json!(false), json!([]), json!({})].contains(value));
    answer
}
