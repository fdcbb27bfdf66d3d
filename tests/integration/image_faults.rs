//! `alicloud:ecs/image:Image` when things go wrong: crashes, lost answers, failures half way, interruptions.

use std::time::Duration;

use emulator::Options;
use serde_json::{Value as Json, json};

use crate::harness::{REGION, TIME_LIMIT, World, advance, are_made, control, ends, text, to_struct, urn};

fn named() -> Json {
    json!({ "imageName": "web", "snapshotId": "s-system" })
}

#[tokio::test]
async fn an_answer_that_is_lost_makes_no_second_image() {
    let mut world = World::new().await;
    world.faults(json!([{ "action": "CreateImage", "do": "reset_after" }])).await;
    world.plugin.up("web", named()).await;
    assert_eq!(world.images().await.len(), 1);
    let requests = world.take_requests().await;
    let tokens: Vec<&Json> = requests
        .iter()
        .filter(|request| request["action"] == "CreateImage")
        .map(|request| &request["params"]["ClientToken"])
        .collect();
    assert!(tokens.len() == 2 && tokens[0] == tokens[1], "{tokens:?}");
}

#[tokio::test]
async fn an_image_of_another_stack_is_never_taken_over() {
    let mut world = World::new().await;
    let auto = |name: &str| json!({ "snapshotId": "s-system", "imageName": name });
    // A resource of the same name elsewhere, with the very same inputs.
    world.plugin.create("web", &auto("web-0000001")).await.unwrap();
    let mut other = world.plugin.rpc.clone();
    let mut create = async |urn: &str, name: &str| {
        let request = pulumi::pulumirpc::CreateRequest {
            urn: urn.to_owned(),
            properties: Some(to_struct(&auto(name))),
            ..Default::default()
        };
        other.create(request).await.map(|response| response.into_inner().id)
    };
    let urn = "urn:pulumi:prod::shop::alicloud:ecs/image:Image::web";
    let first = create(urn, "web-0000002").await.unwrap();
    world.change(&first, json!({ "gone": true })).await;
    let second = create(urn, "web-0000003").await.unwrap();
    let names: Vec<String> = world.images().await.iter().map(|image| text(&image["name"])).collect();
    assert_eq!(names, ["web-0000001", "web-0000003"]);
    assert_ne!(first, second);
}

#[tokio::test]
async fn a_token_that_outlived_its_image_makes_a_new_one() {
    let mut world = World::new().await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        let (inputs, state) = world.plugin.up("web", named()).await;
        ids.push(text(&state["id"]));
        world.plugin.delete("web", &state, &inputs).await.unwrap();
        world.restart_plugin().await;
    }
    ids.dedup();
    assert_eq!(ids.len(), 3, "{ids:?}");
}

#[tokio::test]
async fn a_name_that_is_taken_says_by_whom_and_what_to_do() {
    let mut world = World::new().await;
    let (_, state) = world.plugin.up("web", named()).await;
    // Once by the process that knows of it, once by one that does not.
    for _ in 0..2 {
        let failed = world.plugin.create("other", &named()).await.unwrap_err();
        assert!(failed.partial.is_none());
        for part in [
            "InvalidImageName.Duplicated",
            &text(&state["id"]),
            "pulumi import alicloud:ecs/image:Image other",
        ] {
            assert!(failed.message.contains(part), "{part} in: {}", failed.message);
        }
        assert_eq!(world.images().await.len(), 1);
        world.restart_plugin().await;
    }
}

#[tokio::test]
async fn two_resources_of_one_program_cannot_have_one_name() {
    let mut world =
        World::with(Options { image_ready_after: Duration::from_secs(600), ..Options::default() }).await;
    let mut rpc = world.plugin.rpc.clone();
    let request = pulumi::pulumirpc::CreateRequest {
        urn: urn("first"),
        properties: Some(to_struct(&named())),
        ..Default::default()
    };
    let first = tokio::spawn(async move { rpc.create(request).await });
    world.plugin.engine.shows("Creating").await;
    let failed = world.plugin.create("second", &named()).await.unwrap_err();
    assert!(failed.message.contains(&urn("first")) && failed.partial.is_none(), "{failed:?}");
    assert_eq!(world.images().await.len(), 1);
    first.abort();
}

#[tokio::test]
async fn an_image_that_cannot_be_made_is_removed_and_the_create_fails_plainly() {
    let mut world = World::new().await;
    world.faults(json!([{ "action": "CreateImage", "do": "fail_later" }])).await;
    let inputs = world.plugin.check("web", named()).await.unwrap();
    let failed = world.plugin.create("web", &inputs).await.unwrap_err();
    assert!(failed.partial.is_none() && failed.message.contains("CreateFailed"), "{failed:?}");
    assert!(world.images().await.is_empty());
    world.plugin.create("web", &inputs).await.unwrap();
    assert_eq!(world.images().await.len(), 1);
}

#[tokio::test]
async fn a_time_out_after_create_keeps_the_id_and_the_next_up_waits_on() {
    let mut world = World::slow().await;
    let inputs = world.plugin.check("web", named()).await.unwrap();
    world.plugin.time_limit = TIME_LIMIT;
    let failed = world.plugin.create("web", &inputs).await.unwrap_err();
    world.plugin.time_limit = 0.0;
    assert!(
        failed.message.contains(&format!("after {TIME_LIMIT} s"))
            && failed.message.contains("customTimeouts.create"),
        "{}",
        failed.message
    );
    let (id, state) = failed.partial.expect("the image exists, so its id is kept");
    assert_eq!(state["id"], id);
    advance(world.cloud.address(), 120).await;
    let updated = world.plugin.update("web", &state, &inputs, &inputs).await.unwrap();
    assert_eq!(updated["usable"], true);
    assert_eq!(world.images().await.len(), 1);
}

/// A world in which an image was made and its license type could not be set: with the inputs and the kept state.
async fn half_done() -> (World, Json, Json) {
    let mut world = World::new().await;
    let inputs = json!({ "imageName": "web", "snapshotId": "s-system", "licenseType": "BYOL" });
    world
        .faults(json!([{ "action": "ModifyImageAttribute", "do": "error", "code": "Forbidden.RAM", "status": 403 }]))
        .await;
    let failed = world.plugin.create("web", &inputs).await.unwrap_err();
    let (_, state) = failed.partial.expect("the image exists");
    (world, inputs, state)
}

#[tokio::test]
async fn what_could_not_be_set_is_set_by_the_next_up() {
    let (mut world, inputs, state) = half_done().await;
    let updated = world.plugin.update("web", &state, &inputs, &inputs).await.unwrap();
    assert_eq!(updated["licenseType"], "BYOL");
    assert!(updated.get("__unapplied").is_none(), "{updated}");
}

#[tokio::test]
async fn a_create_whose_first_look_fails_is_finished_by_the_next_up() {
    let mut world = World::new().await;
    let inputs = json!({ "imageName": "web", "snapshotId": "s-system", "licenseType": "BYOL",
        "features": { "nvmeSupport": "supported" } });
    world
        .faults(
            json!([{ "action": "DescribeImages", "after": 1, "do": "error", "code": "Forbidden.RAM", "status": 403 }]),
        )
        .await;
    let failed = world.plugin.create("web", &inputs).await.unwrap_err();
    let (_, state) = failed.partial.expect("the image exists");
    let updated = world.plugin.update("web", &state, &inputs, &inputs).await.unwrap();
    assert_eq!(
        (&updated["licenseType"], &updated["features"]["nvmeSupport"]),
        (&json!("BYOL"), &json!("supported"))
    );
}

#[tokio::test]
async fn an_update_that_could_not_look_at_what_it_did_is_looked_at_by_the_next_up() {
    let mut world = World::new().await;
    let (inputs, state) = world.plugin.up("web", named()).await;
    let mut news = inputs.clone();
    news["licenseType"] = "BYOL".into();
    world
        .faults(
            json!([{ "action": "DescribeImages", "do": "error", "code": "Forbidden.RAM", "status": 403 }]),
        )
        .await;
    let failed = world.plugin.update("web", &state, &inputs, &news).await.unwrap_err();
    let (_, state) = failed.partial.expect("part of it was done");
    let updated = world.plugin.update("web", &state, &news, &news).await.unwrap();
    assert_eq!(updated["licenseType"], "BYOL");
}

#[tokio::test]
async fn an_update_that_stops_half_way_keeps_what_it_did() {
    let mut world = World::new().await;
    let (inputs, state) = world.plugin.up("web", named()).await;
    let mut news = inputs.clone();
    news["description"] = "second".into();
    news["tags"] = json!({ "a": "b" });
    world
        .faults(json!([{ "action": "TagResources", "do": "error", "code": "Forbidden.RAM", "status": 403 }]))
        .await;
    let failed = world.plugin.update("web", &state, &inputs, &news).await.unwrap_err();
    let (_, state) = failed.partial.expect("part of it was done");
    let updated = world.plugin.update("web", &state, &news, &news).await.unwrap();
    assert_eq!((&updated["description"], &updated["tags"]), (&json!("second"), &json!({ "a": "b" })));
}

#[tokio::test]
async fn an_interrupted_wait_ends_at_once_and_keeps_the_id() {
    let mut world =
        World::with(Options { image_ready_after: Duration::from_secs(600), ..Options::default() }).await;
    let inputs = world.plugin.check("web", named()).await.unwrap();
    let (mut rpc, seen) = (world.plugin.rpc.clone(), world.plugin.engine.shows("Creating"));
    let address = world.cloud.address();
    let calls = async || {
        let requests = control(address, "GET", "/_emulator/requests", Json::Null).await;
        requests.as_array().expect("a list of requests").len()
    };
    let cancel = async {
        seen.await;
        rpc.cancel(()).await.unwrap();
        calls().await
    };
    let (created, called) = ends(async { tokio::join!(world.plugin.create("web", &inputs), cancel) }).await;
    // One may have been under way.
    assert!(calls().await <= called + 1, "it went on looking");
    let failed = created.unwrap_err();
    assert!(failed.message.contains("interrupted"), "{}", failed.message);
    assert!(failed.partial.is_some(), "{failed:?}");
}

#[tokio::test]
async fn an_instance_that_is_starting_is_waited_for() {
    let mut world = World::new().await;
    world.plugin.up("web", json!({ "imageName": "web", "instanceId": "i-starting" })).await;
    assert_eq!(world.images().await.len(), 1);
}

#[tokio::test]
async fn a_missing_source_is_an_error_that_names_it() {
    let mut world = World::new().await;
    for (inputs, code) in [
        (json!({ "imageName": "web", "instanceId": "i-absent" }), "InvalidInstanceId.NotFound"),
        (json!({ "imageName": "web", "snapshotId": "s-2013" }), "InvalidSnapshot.TooOld"),
    ] {
        let failed = world.plugin.create("web", &inputs).await.unwrap_err();
        assert!(failed.partial.is_none() && failed.message.contains(code), "{failed:?}");
    }
    assert!(world.images().await.is_empty());
}

#[tokio::test]
async fn progress_is_shown_as_status() {
    let mut world = World::slow().await;
    let (address, shown) = (world.cloud.address(), world.plugin.engine.shows("Creating ("));
    let passes = async {
        are_made(address, 1).await;
        shown.await;
        advance(address, 120).await;
    };
    tokio::join!(world.plugin.up("web", named()), passes);
    let lines = world.plugin.engine.lines();
    let shown: Vec<&String> = lines.iter().filter(|line| line.ephemeral).map(|line| &line.message).collect();
    assert!(shown.iter().any(|line| line.contains("Creating (")), "{shown:?}");
    assert!(lines.iter().filter(|line| line.ephemeral).all(|line| line.urn == urn("web")));
}

#[tokio::test]
async fn a_refresh_after_a_half_done_create_still_shows_what_is_missing() {
    let (mut world, inputs, state) = half_done().await;
    let (read, state) =
        world.plugin.read("web", &text(&state["id"]), &inputs, &state).await.unwrap().unwrap();
    let diff = world.plugin.diff("web", &state, &read, &inputs).await;
    assert_eq!(diff.detailed, ["UPDATE imageName", "UPDATE licenseType"]);
    let state = world.plugin.update("web", &state, &read, &inputs).await.unwrap();
    let diff = world.plugin.diff("web", &state, &inputs, &inputs).await;
    assert!(diff.detailed.is_empty(), "{diff:?}");
}

#[tokio::test]
async fn tags_of_others_are_not_removed_before_a_refresh_shows_them() {
    let mut world = World::new().await;
    let (inputs, state) = world.plugin.up("web", named()).await;
    world.change(&text(&state["id"]), json!({ "tags": { "theirs": "1" } })).await;
    let news = json!({ "imageName": "web", "snapshotId": "s-system", "tags": { "ours": "1" } });
    let state = world.plugin.update("web", &state, &inputs, &news).await.unwrap();
    assert_eq!(state["tags"], json!({ "ours": "1" }));
    let (read, state) = world.plugin.read("web", &text(&state["id"]), &news, &state).await.unwrap().unwrap();
    let diff = world.plugin.diff("web", &state, &read, &news).await;
    assert_eq!(diff.detailed, ["DELETE tags.theirs"]);
}

#[tokio::test]
async fn an_image_that_is_shown_no_more_while_it_is_made_is_kept_until_a_refresh_tells() {
    let mut world =
        World::with(Options { image_ready_after: Duration::from_secs(600), ..Options::default() }).await;
    let inputs = world.plugin.check("web", named()).await.unwrap();
    let (address, seen) = (world.cloud.address(), world.plugin.engine.shows("Creating"));
    let image = async {
        let state = control(address, "GET", "/_emulator/state", Json::Null).await;
        let images = state["regions"][REGION]["images"].as_array().expect("a list").clone();
        let made = |image: &&Json| text(&image["name"]).starts_with("web-unfinished-");
        text(&images.iter().find(made).expect("it is being made")["id"])
    };
    let delete = async {
        seen.await;
        control(
            address,
            "POST",
            "/_emulator/change",
            json!([{ "region": REGION, "image": image.await, "gone": true }]),
        )
        .await;
    };
    let (created, ()) = tokio::join!(world.plugin.create("web", &inputs), delete);
    let failed = created.unwrap_err();
    assert!(failed.message.contains("though it did before. If somebody has deleted it"), "{failed:?}");
    let (id, state) = failed.partial.expect("an answer may lag behind");
    assert!(
        world.plugin.read("web", &id, &inputs, &state).await.unwrap().is_none(),
        "a refresh takes it out"
    );
}

#[tokio::test]
async fn an_update_of_an_image_that_is_gone_says_what_to_do() {
    let mut world = World::new().await;
    let (inputs, state) = world.plugin.up("web", named()).await;
    world.change(&text(&state["id"]), json!({ "gone": true })).await;
    let news = json!({ "imageName": "web", "snapshotId": "s-system", "description": "second" });
    let failed = world.plugin.update("web", &state, &inputs, &news).await.unwrap_err();
    assert!(failed.message.contains("pulumi refresh"), "{}", failed.message);
}
