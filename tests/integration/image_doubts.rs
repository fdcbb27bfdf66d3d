//! `alicloud:ecs/image:Image` when the cloud's answers lag behind, leave things out or say them in other words: nothing that
//! exists is forgotten, and nothing is concluded from a doubt.

use std::time::Duration;

use emulator::Options;
use serde_json::{Value as Json, json};
use tokio::task::JoinSet;

use crate::harness::{
    Plan, Plugin, REGION, Stack, TIME_LIMIT, World, advance, are_made, control, ends, secret, settings,
    start, strikes, text, until,
};

fn named() -> Json {
    json!({ "imageName": "web", "snapshotId": "s-system" })
}

async fn ready_with(options: Options) -> World {
    World::with(Options { image_ready_after: Duration::ZERO, ..options }).await
}

/// A plugin that gives up no call by itself.
async fn patient_world() -> World {
    let mut world = World::new().await;
    let mut patient = settings(&world.cloud);
    patient["clientReadTimeout"] = 600_000.into();
    world.plugin = Plugin::configured_with(patient).await;
    world
}

#[tokio::test]
async fn an_id_that_is_known_is_kept_whatever_becomes_of_the_next_call() {
    let mut cases = JoinSet::new();
    for (mut fault, says) in [
        (json!({ "do": "error", "code": "QuotaExceed.Image", "status": 403 }), "QuotaExceed.Image"),
        (
            json!({ "do": "error", "code": "InvalidSnapshotId.NotReady", "status": 403, "times": 9999 }),
            "NotReady",
        ),
        (json!({ "do": "error", "code": "Forbidden.RAM", "status": 403 }), "Forbidden.RAM"),
    ] {
        cases.spawn(async move {
            let mut world = World::new().await;
            // The first CreateImage is carried out, and its image not shown, so that a second one is sent.
            fault["action"] = "CreateImage".into();
            fault["after"] = 1.into();
            world.faults(json!([{ "action": "DescribeImages", "do": "omit", "times": 9999 }, fault])).await;
            let inputs = world.plugin.check("web", named()).await.unwrap();
            // Most of it passes until the second call is sent.
            world.plugin.time_limit = 2.0 * TIME_LIMIT;
            let failed = world.plugin.create("web", &inputs).await.unwrap_err();
            let (id, state) = failed.partial.expect("the id is known");
            assert!(failed.message.contains(says), "{}", failed.message);
            assert_eq!(text(&world.images().await[0]["id"]), id);

            world.control("DELETE", "/_emulator/faults", Json::Null).await;
            world.plugin.time_limit = 0.0;
            let state = world.plugin.update("web", &state, &inputs, &inputs).await.unwrap();
            assert_eq!((&state["imageName"], &state["usable"]), (&json!("web"), &json!(true)));
            assert_eq!(world.images().await.len(), 1);
        });
    }
    cases.join_all().await;
}

#[tokio::test]
async fn an_interrupt_while_an_image_is_not_shown_keeps_its_id() {
    let mut world = patient_world().await;
    world
        .faults(json!([
            { "action": "DescribeImages", "do": "omit", "times": 9999 },
            { "action": "CreateImage", "after": 1, "do": "hang", "times": 9999 },
        ]))
        .await;
    let inputs = world.plugin.check("web", named()).await.unwrap();
    let (mut rpc, address) = (world.plugin.rpc.clone(), world.cloud.address());
    let cancel = async {
        strikes(address, "hang", 9999).await;
        rpc.cancel(()).await.unwrap();
    };
    let (created, ()) = ends(async { tokio::join!(world.plugin.create("web", &inputs), cancel) }).await;
    assert!(created.unwrap_err().partial.is_some(), "the first answer said which image it is");
}

#[tokio::test]
async fn an_image_that_is_not_shown_for_a_while_is_waited_for() {
    let mut world = World::slow().await;
    let inputs = world.plugin.check("web", named()).await.unwrap();
    let (address, seen) = (world.cloud.address(), world.plugin.engine.shows("Creating"));
    let hide = async {
        are_made(address, 1).await;
        seen.await;
        let faults = json!([{ "action": "DescribeImages", "do": "omit", "times": 5 }]);
        control(address, "POST", "/_emulator/faults", faults).await;
        let is_over = async || control(address, "GET", "/_emulator/faults", Json::Null).await == json!([]);
        until("five looks that show nothing", is_over).await;
        advance(address, 120).await;
    };
    let (created, ()) = tokio::join!(world.plugin.create("web", &inputs), hide);
    assert_eq!(created.unwrap().1["usable"], true);
}

#[tokio::test]
async fn what_is_not_reported_before_it_is_set_is_set() {
    let unreported = ["LicenseType", "Features.NvmeSupport", "BootMode"].map(str::to_owned).to_vec();
    let mut world = ready_with(Options { unreported, ..Options::default() }).await;
    let program = json!({ "imageName": "web", "snapshotId": "s-system", "licenseType": "BYOL",
        "features": { "nvmeSupport": "supported" }, "bootMode": "UEFI" });
    let (inputs, state) = world.plugin.up("web", program).await;
    let image = &world.images().await[0];
    assert_eq!((&image["license_type"], &image["nvme_support"]), (&json!("BYOL"), &json!("supported")));
    assert_eq!(state["licenseType"], "BYOL");
    let diff = world.plugin.diff("web", &state, &inputs, &inputs).await;
    assert!(diff.detailed.is_empty(), "{diff:?}");
}

#[tokio::test]
async fn the_clouds_own_words_are_no_drift() {
    let mut world = ready_with(Options { normalise: true, ..Options::default() }).await;
    let program = json!({ "imageName": "web", "snapshotId": "s-system", "platform": "CentOS", "architecture": "i386",
        "imageVersion": "7", "licenseType": "Auto", "bootMode": "BIOS" });
    let mut stack = Stack::new("web");
    stack.up(&mut world.plugin, &program).await.unwrap();
    for _ in 0..2 {
        assert_eq!(stack.preview(&mut world.plugin, &program).await.0, Plan::Same);
        assert!(stack.refresh(&mut world.plugin).await.unwrap());
    }
    assert_eq!(stack.kept.as_ref().unwrap().inputs, program);
}

#[tokio::test]
async fn an_answer_of_another_shape_is_no_proof_that_an_image_is_gone() {
    let mut world = World::new().await;
    let (inputs, state) = world.plugin.up("web", named()).await;
    let id = text(&state["id"]);
    for body in [
        json!({}),
        json!({ "status": "ok" }),
        json!({ "RequestId": "R", "Images": { "Image": [] } }),
        json!({ "RequestId": "R", "TotalCount": 1, "Images": { "Image": [] } }),
        json!({ "TotalCount": 0, "Images": { "Image": [] } }),
        json!({ "RequestId": "R", "TotalCount": 0, "Images": { "Image": { "Image": { "Image": [] } } } }),
        json!({ "RequestId": "R", "TotalCount": 0, "Images": { "Image": [[{ "ImageId": id }]] } }),
        json!({ "RequestId": "R", "TotalCount": 0, "Images": [[]] }),
        json!({ "RequestId": "R", "TotalCount": 0, "Images": "" }),
        json!({ "RequestId": "R", "TotalCount": 0, "Images": { "Image": [] }, "RegionId": "cn-elsewhere" }),
        json!({ "RequestId": "R", "TotalCount": 0, "Images": { "Image": [] }, "PageNumber": 2 }),
    ] {
        let fault = json!([{ "action": "DescribeImages", "do": "json", "body": body, "times": 99 }]);
        world.faults(fault).await;
        let failed = world.plugin.read("web", &id, &inputs, &state).await.unwrap_err();
        assert!(failed.message.contains("DescribeImages"), "{body}: {}", failed.message);
        world.control("DELETE", "/_emulator/faults", Json::Null).await;
    }
    world
        .faults(json!([{ "action": "DescribeImages", "do": "omit", "count_them": true, "times": 99 }]))
        .await;
    world.plugin.read("web", &id, &inputs, &state).await.unwrap_err();
}

#[tokio::test]
async fn a_deletion_that_is_answered_with_another_shape_has_not_succeeded() {
    let mut world = World::new().await;
    let (inputs, state) = world.plugin.up("web", named()).await;
    world.faults(json!([{ "action": "DeleteImage", "do": "json", "times": 99 }])).await;
    world.plugin.delete("web", &state, &inputs).await.unwrap_err();
    assert_eq!(world.images().await.len(), 1);
}

#[tokio::test]
async fn an_image_of_another_region_is_refused_by_every_verb() {
    let mut world = World::new().await;
    let (inputs, state) = world.plugin.up("web", named()).await;
    assert_eq!(state["regionId"], REGION);
    let mut elsewhere = settings(&world.cloud);
    elsewhere["region"] = "cn-beijing".into();
    world.plugin = Plugin::configured_with(elsewhere).await;
    let mut news = inputs.clone();
    news["description"] = "second".into();
    let id = text(&state["id"]);
    let request = pulumi::pulumirpc::DiffRequest {
        id: id.clone(),
        urn: crate::harness::urn("web"),
        olds: Some(crate::harness::to_struct(&state)),
        old_inputs: Some(crate::harness::to_struct(&inputs)),
        news: Some(crate::harness::to_struct(&news)),
        ..Default::default()
    };
    let messages = [
        world.plugin.rpc.diff(request).await.unwrap_err().message().to_owned(),
        world.plugin.read("web", &id, &inputs, &state).await.unwrap_err().message,
        world.plugin.update("web", &state, &inputs, &news).await.unwrap_err().message,
        world.plugin.delete("web", &state, &inputs).await.unwrap_err().message,
    ];
    for message in messages {
        for part in ["cn-hangzhou", "cn-beijing", "pulumi config set alicloud:region"] {
            assert!(message.contains(part), "{part} in {message}");
        }
    }
    assert_eq!(world.images().await.len(), 1);
}

#[tokio::test]
async fn a_state_that_does_not_say_its_region_gets_it_and_loses_nothing_in_a_region_that_nobody_named() {
    let mut world = World::new().await;
    let (inputs, mut state) = world.plugin.up("web", named()).await;
    let id = text(&state["id"]);
    state.as_object_mut().unwrap().remove("regionId");
    let (_, read) = world.plugin.read("web", &id, &inputs, &state).await.unwrap().unwrap();
    assert_eq!(read["regionId"], REGION);

    let mut unnamed = settings(&world.cloud);
    unnamed.as_object_mut().unwrap().remove("region");
    world.plugin = Plugin::start_with(&[("ALICLOUD_REGION", "cn-beijing")]).await;
    world.plugin.configure(unnamed).await.unwrap();
    for message in [
        world.plugin.read("web", &id, &inputs, &state).await.unwrap_err().message,
        world.plugin.delete("web", &state, &inputs).await.unwrap_err().message,
    ] {
        assert!(message.contains("cn-beijing") && message.contains("ALICLOUD_REGION"), "{message}");
    }
}

#[tokio::test]
async fn settings_that_begin_to_be_written_replace_nothing() {
    let mut plugin = Plugin::start().await;
    let mut diff = async |olds: Json, news: Json| {
        let request = pulumi::pulumirpc::DiffRequest {
            urn: "urn:pulumi:test::shop::pulumi:providers:alicloud::default".to_owned(),
            old_inputs: Some(crate::harness::to_struct(&olds)),
            olds: Some(crate::harness::to_struct(&olds)),
            news: Some(crate::harness::to_struct(&news)),
            ..Default::default()
        };
        plugin.rpc.diff_config(request).await.unwrap().into_inner().replaces
    };
    for setting in ["region", "cloud"] {
        let (one, other) =
            if setting == "region" { ("cn-hangzhou", "cn-beijing") } else { ("alibabacloud", "apsarastack") };
        assert_eq!(diff(json!({}), json!({ setting: one })).await, [""; 0], "{setting} begins");
        assert_eq!(diff(json!({ setting: one }), json!({})).await, [""; 0], "{setting} ceases");
        assert_eq!(
            diff(json!({ setting: "" }), json!({ setting: one })).await,
            [""; 0],
            "{setting} was empty"
        );
        assert_eq!(diff(json!({ setting: one }), json!({ setting: format!(" {one} ") })).await, [""; 0]);
        assert_eq!(diff(json!({ setting: one }), json!({ setting: other })).await, [setting]);
    }
    assert!(plugin.engine.warnings().iter().any(|line| line.contains("\"cn-hangzhou\" to \"cn-beijing\"")));
}

#[tokio::test]
async fn a_resource_without_a_single_input_is_previewed_and_never_made() {
    let mut world = World::new().await;
    let inputs = world.plugin.check("web", json!({})).await.unwrap();
    assert_eq!(inputs, json!({}));
    world.plugin.preview_create("web", &inputs).await;
    let failed = world.plugin.create("web", &inputs).await.unwrap_err();
    assert!(failed.message.contains("an image needs a source"), "{}", failed.message);
    // One that exists was made of something.
    let failures = world.plugin.check_against("web", Some(named()), json!({})).await.unwrap_err();
    assert!(failures[0].contains("an image needs a source"), "{failures:?}");
    assert!(world.take_actions().await.is_empty());
}

#[tokio::test]
async fn what_replaces_and_is_left_out_is_whatever_it_is() {
    let mut world = World::new().await;
    let state = json!({ "id": "m-1", "platform": "CentOS", "architecture": "arm64", "imageVersion": "2" });
    let full = json!({ "imageName": "web", "snapshotId": "s-system", "platform": "CentOS", "architecture": "arm64", "imageVersion": "2" });
    let diff = world.plugin.diff("web", &state, &full, &named()).await;
    assert!(diff.detailed.is_empty(), "{diff:?}");
    let diff = world.plugin.diff("web", &state, &named(), &full).await;
    assert!(diff.detailed.is_empty(), "beginning to name what the cloud reports: {diff:?}");
    let mut other = full.clone();
    other["architecture"] = "x86_64".into();
    let diff = world.plugin.diff("web", &state, &named(), &other).await;
    assert_eq!(diff.replaces, ["architecture"]);
}

#[tokio::test]
async fn an_imported_image_leaves_open_what_its_import_could_not_know() {
    let mut world = World::new().await;
    let (_, made) = world.plugin.up("web", json!({ "instanceId": "i-running", "imageName": "web" })).await;
    let (inputs, state) =
        world.plugin.read("in", &text(&made["id"]), &json!({}), &json!({})).await.unwrap().unwrap();
    let snapshots: Vec<&Json> =
        state["diskDeviceMappings"].as_array().unwrap().iter().map(|disk| &disk["snapshotId"]).collect();
    for program in [
        json!({ "imageName": "web", "instanceId": "i-running" }),
        json!({ "imageName": "web", "instanceId": "i-running", "force": true, "deleteAutoSnapshot": true }),
        json!({ "imageName": "web", "snapshotId": snapshots[0] }),
        json!({ "imageName": "web", "diskDeviceMappings": snapshots.iter().map(|id| json!({ "snapshotId": id })).collect::<Json>() }),
        json!({ "imageName": "web", "diskDeviceMappings": inputs["diskDeviceMappings"] }),
    ] {
        let checked = world.plugin.check_against("in", Some(inputs.clone()), program.clone()).await.unwrap();
        let diff = world.plugin.diff("in", &state, &inputs, &checked).await;
        assert!(diff.detailed.is_empty(), "{program}: {diff:?}");
    }
    let lines = world.plugin.engine.lines();
    assert_eq!(
        lines.iter().filter(|line| line.message.contains("is taken for what")).count(),
        2,
        "one for each source"
    );
}

#[tokio::test]
async fn the_snapshots_of_an_image_that_its_create_never_saw_go_with_it() {
    let mut world =
        World::with(Options { image_ready_after: Duration::from_secs(600), ..Options::default() }).await;
    let program = json!({ "imageName": "web", "instanceId": "i-running", "deleteAutoSnapshot": true });
    let inputs = world.plugin.check("web", program).await.unwrap();
    // Nobody has seen what it is made of.
    world.faults(json!([{ "action": "DescribeImages", "do": "omit", "times": 9999 }])).await;
    let failed = world.plugin.create("web", &inputs).await.unwrap_err();
    world.control("DELETE", "/_emulator/faults", Json::Null).await;
    let (_, state) = failed.partial.unwrap();
    world.plugin.delete("web", &state, &inputs).await.unwrap();
    let state = world.control("GET", "/_emulator/state", Json::Null).await;
    let snapshots = state["regions"][REGION]["snapshots"].as_array().unwrap();
    assert!(snapshots.iter().all(|one| text(&one["instance"]).is_empty()), "{snapshots:?}");
}

#[tokio::test]
async fn an_image_that_is_still_listed_is_no_user_of_its_own_snapshot() {
    let mut world = World::new().await;
    let program = json!({ "imageName": "web", "instanceId": "i-stopped", "deleteAutoSnapshot": true });
    let (inputs, state) = world.plugin.up("web", program).await;
    let snapshot = text(&state["diskDeviceMappings"][0]["snapshotId"]);
    world
        .faults(json!([
            { "action": "DescribeImages", "match": { "SnapshotId": snapshot }, "do": "stale", "times": 99 },
            { "action": "DeleteSnapshot", "do": "error", "code": "SnapshotCreatedImage", "status": 403, "times": 3 },
        ]))
        .await;
    world.plugin.delete("web", &state, &inputs).await.unwrap();
    assert_eq!(world.plugin.engine.warnings(), [""; 0]);
    let state = world.control("GET", "/_emulator/state", Json::Null).await;
    assert!(!state.to_string().contains(&snapshot), "the snapshot is left");
}

#[tokio::test]
async fn the_owner_of_a_name_is_found_on_whatever_page() {
    let mut world = World::new().await;
    for number in 0..105 {
        let inputs = json!({ "imageName": format!("web-{number}"), "snapshotId": "s-system" });
        let name = format!("r{number}");
        let mut rpc = world.plugin.rpc.clone();
        let request = pulumi::pulumirpc::CreateRequest {
            urn: crate::harness::urn(&name),
            properties: Some(crate::harness::to_struct(&inputs)),
            ..Default::default()
        };
        rpc.create(request).await.unwrap();
    }
    let (_, last) = world.plugin.up("last", named()).await;
    world.restart_plugin().await;
    let failed = world.plugin.create("other", &named()).await.unwrap_err();
    assert!(failed.message.contains(&text(&last["id"])), "{}", failed.message);
    // An image of another account is in nobody's way.
    let shared = json!({ "imageName": "somebody-elses-image", "snapshotId": "s-system" });
    world.plugin.create("shared", &shared).await.unwrap();
}

#[tokio::test]
async fn a_name_that_is_freed_late_is_tried_again() {
    let mut world =
        ready_with(Options { names_freed_after: Duration::from_secs(2), ..Options::default() }).await;
    let (inputs, state) = world.plugin.up("web", named()).await;
    world.plugin.delete("web", &state, &inputs).await.unwrap();
    let (_, again) = world.plugin.up("web", named()).await;
    assert_ne!(again["id"], state["id"]);
    assert_eq!(world.images().await[0]["name"], "web");
}

#[tokio::test]
async fn a_name_that_is_taken_while_the_image_is_made_keeps_the_image() {
    let mut world = World::slow().await;
    let inputs = world.plugin.check("web", named()).await.unwrap();
    let (address, seen) = (world.cloud.address(), world.plugin.engine.shows("Creating"));
    let take = async {
        are_made(address, 2).await;
        seen.await;
        let change = json!([{ "region": REGION, "image": "m-foreign", "name": "unrelated" }]);
        control(address, "POST", "/_emulator/change", change).await;
        advance(address, 120).await;
    };
    let mut other = Plugin::start().await;
    other.provider_id = Some("another".to_owned());
    other.configure(settings(&world.cloud)).await.unwrap();
    let theirs = async {
        let created = other.create("theirs", &named()).await;
        created.map(|(id, _)| id)
    };
    let (ours, theirs, ()) = tokio::join!(world.plugin.create("web", &inputs), theirs, take);
    let (winner, loser) = match (ours, theirs) {
        (Ok((id, _)), Err(failed)) => (id, failed),
        (Err(failed), Ok(id)) => (id, failed),
        other => panic!("one name, two images: {other:?}"),
    };
    assert!(
        loser.message.contains(&winner) && loser.message.contains("InvalidImageName.Duplicated"),
        "{loser:?}"
    );
    let (id, _) = loser.partial.expect("its image is made");
    assert_eq!(world.images().await.len(), 2);
    assert_ne!(id, winner);
}

#[tokio::test]
async fn a_deployment_that_is_interrupted_ends_while_names_are_looked_up() {
    let mut world = patient_world().await;
    let inputs = world.plugin.check("web", named()).await.unwrap();
    world.faults(json!([{ "action": "DescribeImages", "do": "hang", "times": 99 }])).await;
    let (mut rpc, address) = (world.plugin.rpc.clone(), world.cloud.address());
    let cancel = async {
        strikes(address, "hang", 99).await;
        rpc.cancel(()).await.unwrap();
    };
    let (created, ()) = ends(async { tokio::join!(world.plugin.create("web", &inputs), cancel) }).await;
    created.unwrap_err();
}

#[tokio::test]
async fn an_update_that_went_half_way_leaves_the_tags_of_others() {
    let mut world = World::new().await;
    let program =
        json!({ "imageName": "web", "snapshotId": "s-system", "tags": { "old": "1", "kept": "1" } });
    let (inputs, state) = world.plugin.up("web", program).await;
    let id = text(&state["id"]);
    world.change(&id, json!({ "tags": { "old": "1", "kept": "1", "theirs": "1" } })).await;
    let news = json!({ "imageName": "web", "snapshotId": "s-system", "description": "second", "tags": { "kept": "1", "new": "1" } });
    world
        .faults(
            json!([{ "action": "UntagResources", "do": "error", "code": "Forbidden.RAM", "status": 403 }]),
        )
        .await;
    let failed = world.plugin.update("web", &state, &inputs, &news).await.unwrap_err();
    let (_, state) = failed.partial.expect("part of it was done");
    world.plugin.update("web", &state, &news, &news).await.unwrap();
    assert_eq!(world.images().await[0]["tags"], json!({ "kept": "1", "new": "1", "theirs": "1" }));
}

#[tokio::test]
async fn a_call_that_may_have_been_carried_out_is_not_forgotten() {
    let mut world = World::new().await;
    let (inputs, state) = world.plugin.up("web", named()).await;
    let mut news = inputs.clone();
    news["description"] = "second".into();
    world.faults(json!([{ "action": "ModifyImageAttribute", "do": "reset_after", "times": 9999 }])).await;
    world.plugin.time_limit = TIME_LIMIT;
    let failed = world.plugin.update("web", &state, &inputs, &news).await.unwrap_err();
    let (_, state) = failed.partial.expect("nobody knows whether it was carried out");
    world.control("DELETE", "/_emulator/faults", Json::Null).await;
    // The program goes back to what it was.
    let diff = world.plugin.diff("web", &state, &news, &inputs).await;
    assert_eq!(diff.detailed, ["DELETE description"]);
    world.plugin.time_limit = 0.0;
    world.plugin.update("web", &state, &news, &inputs).await.unwrap();
    assert_eq!(world.images().await[0]["description"], "");
}

#[tokio::test]
async fn tags_may_begin_with_underscores_and_may_not_differ_in_case_only() {
    let mut world = World::new().await;
    let program = json!({ "imageName": "web", "snapshotId": "s-system", "tags": { "__owner": "a", "__meta": "b", "__defaults": "c" } });
    let (inputs, state) = world.plugin.up("web", program.clone()).await;
    assert_eq!((&inputs["tags"], &state["tags"]), (&program["tags"], &program["tags"]));
    assert_eq!(world.images().await[0]["tags"], program["tags"]);
    let mut news = inputs.clone();
    news["tags"]["__owner"] = "d".into();
    let diff = world.plugin.diff("web", &state, &inputs, &news).await;
    assert_eq!(diff.detailed, ["UPDATE tags.__owner"]);
    let twice = json!({ "imageName": "web", "snapshotId": "s-system", "tags": { "Team": "a", "team": "b" } });
    assert_eq!(
        world.plugin.check("other", twice).await.unwrap_err(),
        ["tags.team: differs from the key \"Team\" in case only, and the cloud takes both for one"]
    );
}

#[tokio::test]
async fn features_that_are_taken_out_one_by_one_are_warned_of_and_v2_from_the_cloud_alone_stays() {
    let mut world = World::new().await;
    let with = |features: Json| json!({ "imageName": "web", "snapshotId": "s-system", "features": features });
    let olds = with(json!({ "imdsSupport": "v2", "nvmeSupport": "supported" }));
    world.plugin.check_against("web", Some(olds), with(json!({ "imdsSupport": "v2" }))).await.unwrap();
    let warnings = world.plugin.engine.warnings();
    assert!(warnings.len() == 1 && warnings[0].starts_with("features.nvmeSupport: "), "{warnings:?}");
    let olds = with(json!({ "imdsSupport": "v2", "nvmeSupport": "supported" }));
    world.plugin.check_against("web", Some(olds), with(json!({ "nvmeSupport": "supported" }))).await.unwrap();
    assert!(world.plugin.engine.warnings()[1].starts_with("features.imdsSupport: "));

    let (inputs, state) = world.plugin.up("web", named()).await;
    let id = text(&state["id"]);
    world.change(&id, json!({ "imds_support": "v2" })).await;
    let (inputs, state) = world.plugin.read("web", &id, &inputs, &state).await.unwrap().unwrap();
    world.take_actions().await;
    let news = with(json!({ "imdsSupport": "v1" }));
    let failed = world.plugin.update("web", &state, &inputs, &news).await.unwrap_err();
    assert!(failed.message.contains("features.imdsSupport: the cloud refuses"), "{}", failed.message);
    assert!(world.take_actions().await.is_empty());
}

#[tokio::test]
async fn an_input_of_a_wrong_type_that_a_state_holds_is_no_defect_of_ours() {
    let mut world = World::new().await;
    let held = json!({ "imageName": "web", "snapshotId": "s-system", "force": "true", "diskDeviceMappings": "none" });
    let checked = world.plugin.check_against("web", Some(held.clone()), held.clone()).await.unwrap();
    assert_eq!(checked, held);
    let failed = world.plugin.create("web", &checked).await.unwrap_err();
    assert!(failed.message.contains("force: expected a boolean"), "{}", failed.message);
    assert!(!failed.message.contains("defect"), "{}", failed.message);
}

#[tokio::test]
async fn a_status_that_a_cloud_does_not_know_is_asked_for_in_other_words() {
    for (refuse_all_status, refuse_deprecated_status) in [(true, false), (true, true)] {
        let mut world =
            ready_with(Options { refuse_all_status, refuse_deprecated_status, ..Options::default() }).await;
        let (inputs, state) = world.plugin.up("web", named()).await;
        world.plugin.delete("web", &state, &inputs).await.unwrap();
        assert!(world.images().await.is_empty());
    }
}

#[tokio::test]
async fn what_is_secret_is_secret_wherever_the_cloud_repeats_it() {
    let mut world = World::new().await;
    let program =
        json!({ "imageName": secret("classified".into()), "snapshotId": secret("s-system".into()) });
    let (checked, state) = world.plugin.up("web", program.clone()).await;
    assert_eq!(state["diskDeviceMappings"][0]["snapshotId"], secret("s-system".into()));
    let id = text(&state["id"]);
    let (_, read) = world.plugin.read("web", &id, &checked, &state).await.unwrap().unwrap();
    assert_eq!(read["diskDeviceMappings"], state["diskDeviceMappings"]);

    // Nor does an entry that is not complete show it.
    world.faults(json!([{ "action": "ModifyImageAttribute", "do": "error", "code": "Forbidden.RAM", "status": 403 }])).await;
    let hidden = json!({ "imageName": secret("classified-too".into()), "snapshotId": "s-system" });
    let failed = world.plugin.create("hidden", &hidden).await.unwrap_err();
    let (_, partial) = failed.partial.unwrap();
    assert!(
        !partial.to_string().replace(&secret("classified-too".into()).to_string(), "").contains("classified")
    );
    let state = world.plugin.update("hidden", &partial, &hidden, &hidden).await.unwrap();
    assert_eq!(state["imageName"], secret("classified-too".into()));

    // A name that is taken out stays, and stays secret.
    let left_out = json!({ "snapshotId": secret("s-system".into()) });
    let filled_in = world.plugin.check_against("web", Some(checked), left_out).await.unwrap();
    assert_eq!(filled_in["imageName"], secret("classified".into()));

    // The cloud lists disks in an order of its own, so a list with a secret in it is secret.
    let disks = json!({ "imageName": "disks", "diskDeviceMappings": [
        { "snapshotId": "s-data" }, { "snapshotId": "s-system", "size": secret(50.into()) } ] });
    let (_, state) = world.plugin.up("disks", disks).await;
    assert!(state["diskDeviceMappings"][crate::harness::SIGNATURE].is_string(), "{state}");
}

#[tokio::test]
async fn no_line_on_the_way_to_the_engine_shows_a_secret() {
    let mut world = World::with(Options { image_ready_after: Duration::ZERO, ..Options::default() }).await;
    let program = json!({ "imageName": "web", "instanceId": secret("i-starting".into()) });
    let inputs = world.plugin.check("web", program).await.unwrap();
    world.plugin.create("web", &inputs).await.unwrap();
    let lines = world.plugin.engine.lines();
    assert!(lines.iter().any(|line| line.message.contains("waiting")), "the wait was told");
    for line in lines {
        assert!(!line.message.contains("i-starting"), "{}", line.message);
    }
}

#[tokio::test]
async fn a_key_that_a_refusal_repeats_is_not_shown() {
    let cloud =
        start(Options { access_key_id: "LTAI5tExampleExample1234".to_owned(), ..Options::default() }).await;
    let mut settings = settings(&cloud);
    settings["accessKey"] = "LTAI5tExampleExample1234".into();
    settings["secretKey"] = "not-the-secret-of-it".into();
    let mut plugin = Plugin::configured_with(settings).await;
    let inputs = plugin.check("web", named()).await.unwrap();
    let failed = plugin.create("web", &inputs).await.unwrap_err();
    assert!(failed.message.contains("SignatureDoesNotMatch"), "{}", failed.message);
    assert!(!failed.message.contains("LTAI5tExampleExample1234"), "{}", failed.message);
    assert!(!failed.message.contains("not-the-secret"), "{}", failed.message);
}
