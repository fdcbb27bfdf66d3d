//! Apsara Stack and Alibaba Cloud Stack: the same image, on private clouds that insist on their own ways.

use std::time::Duration;

use emulator::{Flavour, Options};
use serde_json::{Value as Json, json};

use crate::harness::{Plugin, World, settings, start, text};

async fn world(flavour: Flavour, name: &str, place: Json) -> World {
    let options = Options { flavour, image_ready_after: Duration::ZERO, ..Options::default() };
    let cloud = start(options).await;
    let mut settings = settings(&cloud);
    settings["cloud"] = name.into();
    settings["endpoints"] = json!([{ "ecs": cloud.url(), "ascm": cloud.url() }]).to_string().into();
    for (key, value) in place.as_object().expect("an object") {
        settings[key] = value.clone();
    }
    let mut plugin = Plugin::start().await;
    plugin.configure(settings).await.expect("Configure succeeds");
    World { cloud, plugin }
}

#[track_caller]
fn check_actions(actions: &[String], expected: &[&str]) {
    assert_eq!(actions, expected);
}

#[tokio::test]
async fn an_image_lives_on_both_stacks() {
    for (flavour, name) in
        [(Flavour::ApsaraStack, "apsarastack"), (Flavour::AlibabaCloudStack, "alibabacloudstack")]
    {
        let mut world = world(flavour, name, json!({ "department": "37", "resourceGroup": "71" })).await;
        let (inputs, state) = world
            .plugin
            .up("web", json!({ "imageName": "web", "snapshotId": "s-system", "tags": { "a": "b" } }))
            .await;
        assert_eq!((&state["status"], &state["usable"]), (&json!("Available"), &json!(true)), "{name}");
        check_actions(
            &world.take_actions().await,
            &["DescribeImages", "CreateImage", "DescribeImages", "ModifyImageAttribute"],
        );
        let (read, refreshed) =
            world.plugin.read("web", &text(&state["id"]), &inputs, &state).await.unwrap().unwrap();
        assert_eq!((&read, &refreshed), (&inputs, &state));
        let news = json!({ "imageName": "web", "snapshotId": "s-system", "tags": { "a": "c" }, "description": "second" });
        let state = world.plugin.update("web", &state, &inputs, &news).await.unwrap();
        assert_eq!((&state["description"], &state["tags"]["a"]), (&json!("second"), &json!("c")));
        for request in world.take_requests().await {
            assert!(request.get("secret_in_query").is_none(), "{name}: {request}");
        }
        world.plugin.delete("web", &state, &news).await.unwrap();
        assert!(world.images().await.is_empty());
    }
}

#[tokio::test]
async fn department_and_resource_group_are_looked_up_by_name() {
    for (flavour, name) in
        [(Flavour::ApsaraStack, "apsarastack"), (Flavour::AlibabaCloudStack, "alibabacloudstack")]
    {
        let mut world = world(flavour, name, json!({ "resourceGroupSetName": "rs-demo" })).await;
        world.plugin.up("web", json!({ "imageName": "web", "snapshotId": "s-system" })).await;
        let requests = world.take_requests().await;
        let actions: Vec<String> = requests.iter().map(|request| text(&request["action"])).collect();
        check_actions(
            &actions,
            &["ListResourceGroup", "DescribeImages", "CreateImage", "DescribeImages", "ModifyImageAttribute"],
        );
        assert_eq!(requests[1]["params"]["Department"], "37", "{name}: {}", requests[1]);
        assert_eq!(requests[1]["params"]["ResourceGroup"], "71");
    }
}

#[tokio::test]
async fn a_name_that_is_not_there_is_an_error_that_names_it() {
    let mut world =
        world(Flavour::ApsaraStack, "apsarastack", json!({ "resourceGroupSetName": "rs-absent" })).await;
    let failed = world
        .plugin
        .create("web", &json!({ "imageName": "web", "snapshotId": "s-system" }))
        .await
        .unwrap_err();
    assert!(failed.message.contains("rs-absent"), "{}", failed.message);
    assert!(world.images().await.is_empty());
}

#[tokio::test]
async fn what_a_stack_does_not_report_stays_as_the_program_says() {
    let mut world = world(
        Flavour::AlibabaCloudStack,
        "alibabacloudstack",
        json!({ "department": "37", "resourceGroup": "71" }),
    )
    .await;
    let (inputs, state) = world
        .plugin
        .up(
            "web",
            json!({ "imageName": "web", "snapshotId": "s-system", "imageFamily": "family", "bootMode": "UEFI",
                "licenseType": "BYOL", "features": { "nvmeSupport": "supported" } }),
        )
        .await;
    let (read, _) = world.plugin.read("web", &text(&state["id"]), &inputs, &state).await.unwrap().unwrap();
    assert_eq!(read, inputs);
    let mut news = inputs.clone();
    news["imageFamily"] = "other".into();
    world.plugin.update("web", &state, &inputs, &news).await.unwrap();
    assert_eq!(world.plugin.engine.warnings(), [""; 0]);
}
