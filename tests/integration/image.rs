//! `alicloud:ecs/image:Image`: its life, from Check to Delete.

use pulumi::pulumirpc as rpc;
use serde_json::{Value as Json, json};

use crate::harness::{UNKNOWN, World, secret, text, to_struct, urn};

fn from_snapshot() -> Json {
    json!({ "imageName": "web", "snapshotId": "s-system", "description": "first", "tags": { "team": "web", "gone": "soon" } })
}

#[track_caller]
fn check_detailed(diff: &crate::harness::Diff, expected: &[&str]) {
    assert_eq!(diff.detailed, expected);
}

#[tokio::test]
async fn up_makes_one_image_and_reports_it() {
    let mut world = World::new().await;
    let (inputs, state) = world.plugin.up("web", from_snapshot()).await;
    assert_eq!(inputs, from_snapshot());
    let images = world.images().await;
    assert_eq!(images.len(), 1);
    assert_eq!(state["id"], images[0]["id"]);
    for (property, expected) in [
        ("imageName", json!("web")),
        ("name", json!("web")),
        ("description", json!("first")),
        ("tags", json!({ "team": "web", "gone": "soon" })),
        ("snapshotId", json!("s-system")),
        ("status", json!("Available")),
        ("usable", json!(true)),
        ("platform", json!("CentOS")),
        ("architecture", json!("x86_64")),
    ] {
        assert_eq!(state[property], expected, "{property}");
    }
    assert_eq!(state["diskDeviceMappings"][0]["snapshotId"], "s-system");
    assert_eq!(state["diskDeviceMappings"][0]["size"], 40);
    // The account's images, once for all; the image; its own name as the last call.
    assert_eq!(
        world.take_actions().await,
        ["DescribeImages", "CreateImage", "DescribeImages", "ModifyImageAttribute"]
    );
}

#[tokio::test]
async fn each_source_makes_an_image() {
    let mut world = World::new().await;
    for (name, source) in [
        ("a", json!({ "instanceId": "i-running" })),
        ("b", json!({ "snapshotId": "s-system" })),
        (
            "c",
            json!({ "diskDeviceMappings": [
                { "device": "/dev/xvda", "diskType": "system", "snapshotId": "s-system", "size": 50 },
                { "device": "/dev/xvdb", "diskType": "data", "snapshotId": "s-data" },
            ] }),
        ),
    ] {
        let (inputs, state) = world.plugin.up(name, source).await;
        let diff = world.plugin.diff(name, &state, &inputs, &inputs).await;
        check_detailed(&diff, &[]);
    }
    assert_eq!(world.images().await.len(), 3);
}

#[tokio::test]
async fn what_create_image_cannot_set_is_set_afterwards() {
    let mut world = World::new().await;
    let inputs = json!({ "imageName": "web", "snapshotId": "s-system", "licenseType": "BYOL",
        "features": { "nvmeSupport": "supported", "imdsSupport": "v2" } });
    let (_, state) = world.plugin.up("web", inputs).await;
    assert_eq!(state["licenseType"], "BYOL");
    assert_eq!(state["features"], json!({ "nvmeSupport": "supported", "imdsSupport": "v2" }));
    assert_eq!(
        world.take_actions().await,
        [
            "DescribeImages",
            "CreateImage",
            "DescribeImages",
            "ModifyImageAttribute",
            "DescribeImages",
            "ModifyImageAttribute"
        ]
    );
}

#[tokio::test]
async fn a_name_left_out_is_made_from_the_resource_name_and_the_seed() {
    let mut world = World::new().await;
    let first = world.plugin.check("web", json!({ "snapshotId": "s-system" })).await.unwrap();
    let again = world.plugin.check("web", json!({ "snapshotId": "s-system" })).await.unwrap();
    let name = text(&first["imageName"]);
    let digits = name.strip_prefix("web-").unwrap();
    assert!(digits.len() == 7 && digits.chars().all(|c| c.is_ascii_hexdigit()), "{name}");
    assert_eq!(first, again);

    let other = world.plugin.check("api", json!({ "snapshotId": "s-system" })).await.unwrap();
    assert!(!text(&other["imageName"]).ends_with(digits), "another resource has other digits");
    let kept = world
        .plugin
        .check_against(
            "web",
            Some(json!({ "snapshotId": "s-system", "imageName": "web-0000000" })),
            json!({ "snapshotId": "s-system" }),
        )
        .await
        .unwrap();
    assert_eq!(kept["imageName"], "web-0000000");
}

#[tokio::test]
async fn odd_resource_names_make_good_image_names() {
    let mut world = World::new().await;
    for (resource, prefix) in
        [("1 web/blue", "image-1-web-blue-"), ("aliyun-x", "image-aliyun-x-"), ("网站", "网站-")]
    {
        let inputs = world.plugin.check(resource, json!({ "snapshotId": "s-system" })).await.unwrap();
        assert!(text(&inputs["imageName"]).starts_with(prefix), "{inputs}");
    }
    let long = "x".repeat(300);
    let inputs = world.plugin.check(&long, json!({ "snapshotId": "s-system" })).await.unwrap();
    assert_eq!(text(&inputs["imageName"]).len(), 128);
}

#[tokio::test]
async fn every_mistake_is_reported_with_its_path_and_nothing_is_made() {
    let mut world = World::new().await;
    let failures = world
        .plugin
        .check(
            "web",
            json!({
                "imageName": "aliyun-web", "imageFamily": "5", "description": "http://x", "bootMode": "Legacy",
                "diskDeviceMappings": [
                    { "device": "/dev/xvda", "diskType": "system", "size": 4 },
                    { "device": "/dev/xvda", "diskType": "system", "size": "40", "progress": "1%" },
                    { "device": "/dev/sda" },
                ],
                "tags": { "x y": "acs:z", "aliyun1": "b" }, "instanceId": "i-running", "force": 1, "desription": "typo",
            }),
        )
        .await
        .unwrap_err();
    assert_eq!(
        failures,
        [
            "bootMode: must be one of \"BIOS\", \"UEFI\", \"UEFI-Preferred\", got \"Legacy\"",
            "desription: unknown property; did you mean \"description\"?",
            "diskDeviceMappings[0].size: must be a whole number from 5 to 32768, got 4",
            "diskDeviceMappings[1].progress: is read-only",
            "diskDeviceMappings[1].size: expected a whole number, got the string \"40\"",
            "force: expected a boolean, got the number 1",
            "imageFamily: must be 2 to 128 characters long, got 1: \"5\"",
            "instanceId: an image has exactly one source; of instanceId and diskDeviceMappings give only one",
            "diskDeviceMappings: an image has exactly one source; of instanceId and diskDeviceMappings give only one",
            "diskDeviceMappings[1].device: is the device of diskDeviceMappings[0] already, got \"/dev/xvda\"",
            "diskDeviceMappings[1].diskType: diskDeviceMappings[0] is the system disk already, and there is at most one",
            "diskDeviceMappings[2].device: must be /dev/xvda to /dev/xvdz, got \"/dev/sda\"",
            "imageName: must not start with aliyun, got \"aliyun-web\"",
            "description: must not start with http://, got \"http://x\"",
            "tags.aliyun1: a tag's key must not start with aliyun, got \"aliyun1\"",
            "tags[\"x y\"]: a tag's value must not start with acs:, got \"acs:z\"",
        ]
    );
    assert!(world.take_actions().await.is_empty());
}

#[tokio::test]
async fn no_source_names_all_three() {
    let mut world = World::new().await;
    let failures = world.plugin.check("web", json!({ "imageName": "web" })).await.unwrap_err();
    assert_eq!(
        failures,
        [": an image needs a source: give exactly one of instanceId, snapshotId and diskDeviceMappings"]
    );
}

#[tokio::test]
async fn an_unknown_source_counts_as_given_and_conflicts_with_nothing() {
    let mut world = World::new().await;
    let inputs = json!({ "imageName": "web", "snapshotId": UNKNOWN, "instanceId": "i-running" });
    assert_eq!(world.plugin.check("web", inputs.clone()).await.unwrap(), inputs);
    let inputs = json!({ "imageName": "web", "snapshotId": UNKNOWN });
    assert_eq!(world.plugin.check("web", inputs.clone()).await.unwrap(), inputs);
}

#[tokio::test]
async fn a_preview_makes_nothing_and_knows_what_can_be_known() {
    let mut world = World::new().await;
    let inputs = world
        .plugin
        .check("web", json!({ "imageName": "web", "snapshotId": UNKNOWN, "force": true }))
        .await
        .unwrap();
    let state = world.plugin.preview_create("web", &inputs).await;
    assert_eq!(state["imageName"], "web");
    assert_eq!(state["name"], "web");
    assert_eq!(state["force"], true);
    assert_eq!(state["snapshotId"], UNKNOWN);
    assert_eq!(state["status"], UNKNOWN);
    assert_eq!(state["platform"], UNKNOWN);
    assert!(state.get("instanceId").is_none());
    assert!(world.take_actions().await.is_empty());
}

#[tokio::test]
async fn a_preview_of_an_update_knows_what_stays() {
    let mut world = World::new().await;
    let mut inputs = from_snapshot();
    inputs["features"] = json!({ "imdsSupport": "v2" });
    let (inputs, state) = world.plugin.up("web", inputs).await;
    let mut news = inputs.clone();
    news["description"] = "second".into();
    news.as_object_mut().unwrap().remove("tags");
    let shown = world.plugin.preview_update("web", &state, &inputs, &news).await;
    assert_eq!(shown["description"], "second");
    assert_eq!(shown["tags"], UNKNOWN);
    for property in ["features", "diskDeviceMappings", "status", "id", "imageName", "name"] {
        assert_eq!(shown[property], state[property], "{property}");
    }
}

#[tokio::test]
async fn tags_take_numbers_and_booleans_as_their_text() {
    let mut world = World::new().await;
    let inputs =
        json!({ "imageName": "web", "snapshotId": "s-system", "tags": { "n": 5, "b": true, "f": 1.5 } });
    let (checked, state) = world.plugin.up("web", inputs).await;
    assert_eq!(checked["tags"], json!({ "n": "5", "b": "true", "f": "1.5" }));
    assert_eq!(state["tags"], checked["tags"]);
}

#[tokio::test]
async fn an_unknown_platform_is_a_warning() {
    let mut world = World::new().await;
    let inputs = json!({ "imageName": "web", "snapshotId": "s-system", "platform": "Centos" });
    world.plugin.check("web", inputs).await.unwrap();
    assert_eq!(
        world.plugin.engine.warnings(),
        [
            "platform: is not one of the values known here and is sent as it is, got \"Centos\" (did you mean \"CentOS\"?)"
        ]
    );
}

#[tokio::test]
async fn the_old_name_works_with_one_warning() {
    let mut world = World::new().await;
    let (inputs, state) = world.plugin.up("web", json!({ "name": "web", "snapshotId": "s-system" })).await;
    assert_eq!(inputs, json!({ "name": "web", "snapshotId": "s-system" }));
    assert_eq!((&state["name"], &state["imageName"]), (&json!("web"), &json!("web")));
    world.plugin.check("web", inputs.clone()).await.unwrap();
    let warnings = world.plugin.engine.warnings();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains("Use `imageName` instead"), "{warnings:?}");
    assert_eq!(
        world.plugin.engine.lines().iter().find(|line| line.message == warnings[0]).unwrap().urn,
        crate::harness::urn("web")
    );
}

#[tokio::test]
async fn both_names_must_agree() {
    let mut world = World::new().await;
    let both = |old: &str| json!({ "imageName": "web", "name": old, "snapshotId": "s-system" });
    world.plugin.check("web", both("web")).await.unwrap();
    let failures = world.plugin.check("web", both("other")).await.unwrap_err();
    let reason = "imageName is \"web\" and name, its deprecated old name, is \"other\"; give only imageName";
    assert_eq!(failures, [format!("imageName: {reason}"), format!("name: {reason}")]);
}

#[tokio::test]
async fn moving_between_the_names_is_no_change() {
    let mut world = World::new().await;
    let old = json!({ "name": "web", "snapshotId": "s-system" });
    let new = json!({ "imageName": "web", "snapshotId": "s-system" });
    let state = json!({ "id": "m-1", "name": "web", "imageName": "web" });
    let diff = world.plugin.diff("web", &state, &old, &new).await;
    check_detailed(&diff, &[]);
    let diff = world.plugin.diff("web", &state, &new, &old).await;
    check_detailed(&diff, &[]);
    let renamed = json!({ "name": "other", "snapshotId": "s-system" });
    let diff = world.plugin.diff("web", &state, &new, &renamed).await;
    check_detailed(&diff, &["UPDATE name"]);
}

#[tokio::test]
async fn an_update_sends_only_what_changed() {
    let mut world = World::new().await;
    let (inputs, state) = world.plugin.up("web", from_snapshot()).await;
    world.take_actions().await;
    let mut news = inputs.clone();
    news["description"] = "second".into();
    news["tags"] = json!({ "team": "api", "new": "1" });
    let diff = world.plugin.diff("web", &state, &inputs, &news).await;
    check_detailed(&diff, &["ADD tags.new", "DELETE tags.gone", "UPDATE description", "UPDATE tags.team"]);
    assert!(diff.replaces.is_empty());

    let updated = world.plugin.update("web", &state, &inputs, &news).await.unwrap();
    assert_eq!(updated["description"], "second");
    assert_eq!(updated["tags"], news["tags"]);
    let requests = world.take_requests().await;
    let sent: Vec<(String, Json)> =
        requests.iter().map(|request| (text(&request["action"]), request["params"].clone())).collect();
    let names: Vec<&str> = sent.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["ModifyImageAttribute", "UntagResources", "TagResources"]);
    assert_eq!(sent[0].1["Description"], "second");
    assert!(sent[0].1.get("ImageName").is_none() && sent[0].1.get("BootMode").is_none());
    assert_eq!(sent[1].1["TagKey.1"], "gone");
    assert!(sent[1].1.get("TagKey.2").is_none());
    assert_eq!((&sent[2].1["Tag.1.Key"], &sent[2].1["Tag.2.Key"]), (&json!("new"), &json!("team")));
}

#[tokio::test]
async fn what_acts_at_deletion_only_is_recorded_without_a_call() {
    let mut world = World::new().await;
    let (inputs, state) = world.plugin.up("web", from_snapshot()).await;
    world.take_actions().await;
    let mut news = inputs.clone();
    news["force"] = true.into();
    news["deleteAutoSnapshot"] = true.into();
    news["detectionStrategy"] = "Standard".into();
    let diff = world.plugin.diff("web", &state, &inputs, &news).await;
    check_detailed(&diff, &["ADD deleteAutoSnapshot", "ADD detectionStrategy", "ADD force"]);
    let updated = world.plugin.update("web", &state, &inputs, &news).await.unwrap();
    assert_eq!((&updated["force"], &updated["deleteAutoSnapshot"]), (&json!(true), &json!(true)));
    assert!(world.take_actions().await.is_empty());
}

#[tokio::test]
async fn an_optional_text_that_is_taken_out_is_cleared_in_the_cloud() {
    let mut world = World::new().await;
    let mut inputs = from_snapshot();
    inputs["imageFamily"] = "family".into();
    let (inputs, state) = world.plugin.up("web", inputs).await;
    let news = json!({ "imageName": "web", "snapshotId": "s-system" });
    let updated = world.plugin.update("web", &state, &inputs, &news).await.unwrap();
    assert_eq!(
        (&updated["description"], &updated["imageFamily"], &updated["tags"]),
        (&json!(""), &json!(""), &json!({}))
    );
}

#[tokio::test]
async fn what_the_cloud_cannot_clear_is_said_at_preview() {
    let mut world = World::new().await;
    let olds = json!({ "imageName": "web", "snapshotId": "s-system", "bootMode": "UEFI", "resourceGroupId": "rg-other" });
    let news = json!({ "imageName": "web", "snapshotId": "s-system" });
    world.plugin.check_against("web", Some(olds), news).await.unwrap();
    assert_eq!(
        world.plugin.engine.warnings(),
        [
            "bootMode: cannot be cleared in the cloud: the image keeps what it has, got \"UEFI\"",
            "resourceGroupId: cannot be cleared in the cloud: the image keeps what it has, got \"rg-other\"",
        ]
    );
}

#[tokio::test]
async fn the_resource_group_is_joined() {
    let mut world = World::new().await;
    let (inputs, state) = world.plugin.up("web", from_snapshot()).await;
    world.take_actions().await;
    let mut news = inputs.clone();
    news["resourceGroupId"] = "rg-other".into();
    let updated = world.plugin.update("web", &state, &inputs, &news).await.unwrap();
    assert_eq!(updated["resourceGroupId"], "rg-other");
    assert_eq!(world.take_actions().await, ["JoinResourceGroup"]);
}

#[tokio::test]
async fn imds_v2_never_goes_back_to_v1() {
    let mut world = World::new().await;
    let with = |imds: &str, source: &str| json!({ "imageName": "web", "snapshotId": source, "features": { "imdsSupport": imds } });
    let failures = world
        .plugin
        .check_against("web", Some(with("v2", "s-system")), with("v1", "s-system"))
        .await
        .unwrap_err();
    assert_eq!(
        failures,
        [
            "features.imdsSupport: the cloud refuses to go from \"v2\" back to \"v1\"; keep \"v2\", or replace the image"
        ]
    );
    world.plugin.check_against("web", Some(with("v2", "s-old")), with("v1", "s-system")).await.unwrap();
    assert!(world.take_actions().await.is_empty());
}

#[tokio::test]
async fn another_source_replaces_and_a_kept_name_is_freed_first() {
    let mut world = World::new().await;
    let state = json!({ "id": "m-1" });
    let with = |name: &str, snapshot: &str| json!({ "imageName": name, "snapshotId": snapshot });
    world.plugin.check("web", with("fixed", "s-other")).await.unwrap();
    let diff = world.plugin.diff("web", &state, &with("fixed", "s-system"), &with("fixed", "s-other")).await;
    assert_eq!(diff.replaces, ["snapshotId"]);
    assert!(diff.delete_before_replace);
    let diff = world.plugin.diff("web", &state, &with("fixed", "s-system"), &with("new", "s-other")).await;
    assert!(!diff.delete_before_replace, "the new name is free");
    let given = with("web-0a1b2c3", "s-system");
    let diff = world.plugin.diff("web", &state, &given, &with("web-0a1b2c3", "s-other")).await;
    assert!(diff.delete_before_replace, "a name that looks like an automatic one is given all the same");
    let left_out = json!({ "snapshotId": "s-other" });
    let filled_in = world.plugin.check_against("web", Some(given.clone()), left_out).await.unwrap();
    assert_eq!(filled_in["imageName"], "web-0a1b2c3");
    let diff = world.plugin.diff("web", &state, &given, &filled_in).await;
    assert!(!diff.delete_before_replace, "an automatic name is a new one in the replacement");
}

#[tokio::test]
async fn refresh_changes_nothing_where_nothing_changed() {
    let mut world = World::new().await;
    for (name, inputs) in [("a", from_snapshot()), ("b", json!({ "instanceId": "i-stopped", "name": "old" }))]
    {
        let (inputs, state) = world.plugin.up(name, inputs).await;
        let (read, refreshed) =
            world.plugin.read(name, &text(&state["id"]), &inputs, &state).await.unwrap().unwrap();
        assert_eq!(read, inputs);
        assert_eq!(refreshed, state);
        let diff = world.plugin.diff(name, &refreshed, &read, &inputs).await;
        check_detailed(&diff, &[]);
    }
}

#[tokio::test]
async fn drift_is_seen_and_repaired() {
    let mut world = World::new().await;
    let mut inputs = from_snapshot();
    inputs["imageFamily"] = "family".into();
    let (inputs, state) = world.plugin.up("web", inputs).await;
    let id = text(&state["id"]);
    world.change(&id, json!({ "description": "mine now", "family": "", "tags": { "team": "web", "extra": "1" }, "name": "renamed" })).await;
    let (read, refreshed) = world.plugin.read("web", &id, &inputs, &state).await.unwrap().unwrap();
    assert_eq!(refreshed["description"], "mine now");
    let diff = world.plugin.diff("web", &refreshed, &read, &inputs).await;
    check_detailed(
        &diff,
        &[
            "ADD tags.gone",
            "DELETE tags.extra",
            "UPDATE description",
            "UPDATE imageFamily",
            "UPDATE imageName",
        ],
    );
    let repaired = world.plugin.update("web", &refreshed, &read, &inputs).await.unwrap();
    for property in ["description", "imageFamily", "imageName", "tags"] {
        assert_eq!(repaired[property], inputs[property], "{property}");
    }
}

#[tokio::test]
async fn an_image_that_is_gone_is_gone_and_any_other_failure_is_an_error() {
    let mut world = World::new().await;
    let (inputs, state) = world.plugin.up("web", from_snapshot()).await;
    let id = text(&state["id"]);
    world
        .faults(
            json!([{ "action": "DescribeImages", "do": "error", "code": "Forbidden.RAM", "status": 403 }]),
        )
        .await;
    let failed = world.plugin.read("web", &id, &inputs, &state).await.unwrap_err();
    assert!(
        failed.message.contains("Forbidden.RAM") && failed.message.contains("ecs:DescribeImages"),
        "{}",
        failed.message
    );
    world.change(&id, json!({ "gone": true })).await;
    assert!(world.plugin.read("web", &id, &inputs, &state).await.unwrap().is_none());
}

#[tokio::test]
async fn an_import_yields_inputs_whose_preview_is_empty() {
    let mut world = World::new().await;
    let (_, made) = world
        .plugin
        .up("web", json!({ "instanceId": "i-running", "imageName": "web", "tags": { "a": "b" } }))
        .await;
    let id = text(&made["id"]);
    let (inputs, state) = world.plugin.read("imported", &id, &json!({}), &json!({})).await.unwrap().unwrap();
    assert!(
        inputs.get("instanceId").is_none() && inputs["diskDeviceMappings"][0]["snapshotId"].is_string(),
        "{inputs}"
    );
    assert!(inputs["diskDeviceMappings"][0].get("progress").is_none());
    assert_eq!((&inputs["imageName"], &inputs["tags"]), (&json!("web"), &json!({ "a": "b" })));
    assert!(inputs.get("description").is_none(), "nothing is said of what is empty");
    let checked = world.plugin.check_against("imported", Some(inputs.clone()), inputs.clone()).await.unwrap();
    let diff = world.plugin.diff("imported", &state, &inputs, &checked).await;
    check_detailed(&diff, &[]);

    // What the image was made of nobody reports, so a program that says it is believed.
    let named = json!({ "imageName": "web", "instanceId": "i-running", "tags": { "a": "b" } });
    let checked = world.plugin.check_against("imported", Some(inputs.clone()), named).await.unwrap();
    check_detailed(&world.plugin.diff("imported", &state, &inputs, &checked).await, &[]);
    let other = json!({ "imageName": "web", "instanceId": "i-stopped", "tags": { "a": "b" } });
    let diff = world.plugin.diff("imported", &state, &checked, &other).await;
    assert_eq!(diff.replaces, ["instanceId"], "what has been recorded is known");
    let other = json!({ "imageName": "web", "snapshotId": "s-system", "tags": { "a": "b" } });
    let diff = world.plugin.diff("imported", &state, &inputs, &other).await;
    assert!(diff.replaces.contains(&"snapshotId".to_owned()), "the system disk is of another snapshot");
}

#[tokio::test]
async fn images_of_others_can_be_looked_up() {
    let mut world = World::new().await;
    for id in ["m-system", "m-foreign"] {
        let (_, state) = world.plugin.read("other", id, &json!({}), &json!({})).await.unwrap().unwrap();
        assert_eq!(state["id"], id);
    }
    assert!(world.plugin.read("other", "m-absent", &json!({}), &json!({})).await.unwrap().is_none());
}

#[tokio::test]
async fn delete_waits_until_the_image_is_gone_and_a_missing_one_is_a_success() {
    let mut world = World::new().await;
    let (inputs, state) = world.plugin.up("web", from_snapshot()).await;
    world.plugin.delete("web", &state, &inputs).await.unwrap();
    assert!(world.images().await.is_empty());
    world.plugin.delete("web", &state, &inputs).await.unwrap();
}

#[tokio::test]
async fn an_image_in_use_needs_force() {
    let mut world = World::new().await;
    let (inputs, state) = world.plugin.up("web", from_snapshot()).await;
    let id = text(&state["id"]);
    world.change(&id, json!({ "used_by": ["i-running"] })).await;
    let failed = world.plugin.delete("web", &state, &inputs).await.unwrap_err();
    assert!(
        failed.message.contains("ImageUsingByInstance") && failed.message.contains("force: true"),
        "{}",
        failed.message
    );
    assert_eq!(world.images().await.len(), 1);
    let mut forced = inputs.clone();
    forced["force"] = true.into();
    let state = world.plugin.update("web", &state, &inputs, &forced).await.unwrap();
    world.plugin.delete("web", &state, &forced).await.unwrap();
    assert!(world.images().await.is_empty());
}

#[tokio::test]
async fn snapshots_go_with_the_image_where_that_is_wanted() {
    let mut world = World::new().await;
    let inputs = json!({ "imageName": "web", "instanceId": "i-running", "deleteAutoSnapshot": true });
    let (inputs, state) = world.plugin.up("web", inputs).await;
    world.take_actions().await;
    world.plugin.delete("web", &state, &inputs).await.unwrap();
    let requests = world.take_requests().await;
    let deleted: Vec<String> = requests
        .iter()
        .filter(|request| request["action"] == "DeleteSnapshot")
        .map(|request| text(&request["params"]["SnapshotId"]))
        .collect();
    let named: Vec<String> = state["diskDeviceMappings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|mapping| text(&mapping["snapshotId"]))
        .collect();
    assert_eq!(deleted, named);
}

#[tokio::test]
async fn snapshots_that_stay_are_all_reported() {
    let mut world = World::new().await;
    let inputs = json!({ "imageName": "web", "instanceId": "i-running", "deleteAutoSnapshot": true });
    let (inputs, state) = world.plugin.up("web", inputs).await;
    world
        .faults(json!([{ "action": "DeleteSnapshot", "times": 9, "do": "error", "code": "SnapshotCreatedDisk", "status": 403 }]))
        .await;
    let failed = world.plugin.delete("web", &state, &inputs).await.unwrap_err();
    for mapping in state["diskDeviceMappings"].as_array().unwrap() {
        assert!(failed.message.contains(&text(&mapping["snapshotId"])), "{}", failed.message);
    }
    world.control("DELETE", "/_emulator/faults", Json::Null).await;
    world.plugin.delete("web", &state, &inputs).await.unwrap();
}

#[tokio::test]
async fn a_snapshot_from_which_another_image_is_made_is_kept_with_a_warning() {
    let mut world = World::new().await;
    let inputs =
        |name: &str| json!({ "imageName": name, "snapshotId": "s-system", "deleteAutoSnapshot": true });
    let (first, old) = world.plugin.up("first", inputs("first")).await;
    let (second, new) = world.plugin.up("second", inputs("second")).await;
    world.plugin.delete("first", &old, &first).await.unwrap();
    let warnings = world.plugin.engine.warnings();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains("s-system") && warnings[0].contains(&text(&new["id"])), "{warnings:?}");
    world.plugin.delete("second", &new, &second).await.unwrap();
    let state = world.control("GET", "/_emulator/state", Json::Null).await;
    let snapshots = state["regions"][crate::harness::REGION]["snapshots"].to_string();
    assert!(!snapshots.contains("\"s-system\""), "{snapshots}");
}

#[tokio::test]
async fn secrets_stay_secret_in_the_state_and_in_errors() {
    let mut world = World::new().await;
    let inputs = json!({ "name": secret("classified-name".into()), "snapshotId": "s-system", "tags": { "k": secret("hush-hush".into()) } });
    let (checked, state) = world.plugin.up("web", inputs.clone()).await;
    assert_eq!(checked, inputs);
    assert_eq!(state["imageName"], secret("classified-name".into()));
    assert_eq!(state["name"], secret("classified-name".into()));
    assert_eq!(state["tags"]["k"], secret("hush-hush".into()));
    let (read, _) = world.plugin.read("web", &text(&state["id"]), &checked, &state).await.unwrap().unwrap();
    assert_eq!(read, checked);

    let again = json!({ "imageName": secret("classified-name".into()), "snapshotId": "s-system" });
    let failed = world.plugin.create("other", &again).await.unwrap_err();
    assert!(
        failed.message.contains("[secret]") && !failed.message.contains("classified"),
        "{}",
        failed.message
    );
    let bad = json!({ "imageName": secret("aliyun-classified".into()), "snapshotId": "s-system" });
    assert_eq!(
        world.plugin.check("web", bad.clone()).await.unwrap_err(),
        ["imageName: must not start with aliyun (the value is secret)"]
    );
    let tags = json!({ "imageName": "web", "snapshotId": "s-system", "tags": secret(json!({ "acs:classified": "v" })) });
    assert_eq!(
        world.plugin.check("web", tags).await.unwrap_err(),
        ["tags: a tag's key must not start with acs: (the value is secret)"]
    );
    // An engine prints the value of the property that a failure names, secret or not.
    let request =
        rpc::CheckRequest { urn: urn("web"), news: Some(to_struct(&bad)), ..rpc::CheckRequest::default() };
    let failures = world.plugin.rpc.check(request).await.unwrap().into_inner().failures;
    assert_eq!(failures.iter().map(|failure| failure.property.as_str()).collect::<Vec<_>>(), [""]);
    for line in world.plugin.engine.lines() {
        assert!(!line.message.contains("classified") && !line.message.contains("hush"), "{}", line.message);
    }
}

#[tokio::test]
async fn a_mistake_names_no_property_whose_value_is_or_holds_a_secret() {
    let mut world = World::new().await;
    let hush = || secret("hush-hush".into());
    let tags: Json = (0..21).map(|tag| (format!("k{tag}"), hush())).collect::<serde_json::Map<_, _>>().into();
    let disks: Json =
        (0..18).map(|_| json!({ "snapshotId": "s-data" })).chain([json!({ "snapshotId": hush() })]).collect();
    for (given, paths) in [
        (json!({ "descripton": hush() }), vec!["descripton"]),
        (json!({ "osName": hush() }), vec!["osName"]),
        (json!({ "description": { "a": hush() } }), vec!["description"]),
        (json!({ "features": [hush()] }), vec!["features"]),
        (json!({ "tags": tags }), vec!["tags"]),
        (json!({ "snapshotId": null, "diskDeviceMappings": disks }), vec!["diskDeviceMappings"]),
        (
            json!({ "snapshotId": null, "diskDeviceMappings": { "snapshotId": hush() } }),
            vec!["diskDeviceMappings"],
        ),
        (json!({ "snapshotId": hush(), "instanceId": hush() }), vec!["instanceId", "snapshotId"]),
        (
            json!({ "snapshotId": hush(), "diskDeviceMappings": [{ "snapshotId": hush() }] }),
            vec!["snapshotId", "diskDeviceMappings"],
        ),
        (json!({ "imageName": hush(), "name": secret("hush".into()) }), vec!["imageName", "name"]),
    ] {
        let mut program = json!({ "imageName": "web", "snapshotId": "s-system" });
        for (name, value) in given.as_object().unwrap() {
            program[name] = value.clone();
        }
        let request = rpc::CheckRequest {
            urn: urn("web"),
            news: Some(to_struct(&program)),
            ..rpc::CheckRequest::default()
        };
        let failures = world.plugin.rpc.check(request).await.unwrap().into_inner().failures;
        let named = failures.iter().map(|failure| failure.property.as_str());
        assert!(named.clone().all(str::is_empty), "{failures:#?}");
        let told = failures.iter().filter_map(|failure| failure.reason.split(": ").next());
        assert_eq!(told.collect::<Vec<_>>(), paths, "{failures:#?}");
        assert!(failures.iter().all(|failure| !failure.reason.contains("hush")), "{failures:#?}");
    }
}

#[tokio::test]
async fn the_keys_of_secret_tags_are_told_nowhere() {
    let mut world = World::new().await;
    let program = |tags: Json| json!({ "imageName": "web", "snapshotId": "s-system", "tags": secret(tags) });
    assert_eq!(
        world.plugin.check("web", program(json!({ "HiddenKey": "1", "hiddenkey": "2" }))).await.unwrap_err(),
        [
            "tags: differs from the key \"[secret]\" in case only, and the cloud takes both for one (the value is secret)"
        ]
    );
    let (inputs, state) = world.plugin.up("web", program(json!({ "firstkey": "1", "size": "1" }))).await;
    let mut news = program(json!({ "secondkey": "1", "size": "2" }));
    news["description"] = "second".into();
    let diff = world.plugin.diff("web", &state, &inputs, &news).await;
    assert_eq!(diff.detailed, ["ADD description", "UPDATE tags"]);
    for action in ["UntagResources", "TagResources"] {
        world
            .faults(json!([{ "action": action, "do": "error", "code": "Forbidden.RAM", "status": 403 }]))
            .await;
        let failed = world.plugin.update("web", &state, &inputs, &news).await.unwrap_err();
        let (_, state) = failed.partial.expect("part of it was done");
        let given = state["__givenTags"].as_array().expect("a list of keys");
        assert!(!given.is_empty() && given.iter().all(Json::is_object), "{given:?}");
        let (_, read) = world.plugin.read("web", &text(&state["id"]), &news, &state).await.unwrap().unwrap();
        assert!(
            !read["__givenTags"].as_array().is_some_and(|keys| keys.iter().any(Json::is_string)),
            "{read}"
        );
        world.control("DELETE", "/_emulator/faults", Json::Null).await;
    }
}

#[tokio::test]
async fn a_stack_of_the_official_provider_is_taken_over_without_a_change() {
    let mut world = World::new().await;
    let official: Json = serde_json::from_str(include_str!("../data/official-state.json")).unwrap();
    let programs = [
        json!({ "name": "b", "description": "bb", "snapshotId": "s-1" }),
        json!({ "imageName": "a", "description": "golden image", "instanceId": "i-1", "architecture": "x86_64", "platform": "CentOS",
            "resourceGroupId": "rg-1", "force": true, "deleteAutoSnapshot": true, "tags": { "a": "b" } }),
        json!({ "imageName": "c", "bootMode": "UEFI", "features": { "nvmeSupport": "supported" }, "diskDeviceMappings": [
            { "device": "/dev/xvda", "diskType": "system", "size": 40, "snapshotId": "s-1" },
            { "device": "/dev/xvdb", "diskType": "data", "size": 100 },
        ] }),
    ];
    for (resource, program) in official["resources"].as_array().unwrap().iter().zip(programs) {
        let (inputs, state) = (&resource["inputs"], &resource["outputs"]);
        let checked = world.plugin.check_against("x", Some(inputs.clone()), program).await.unwrap();
        let diff = world.plugin.diff("x", state, inputs, &checked).await;
        check_detailed(&diff, &[]);
    }
}

#[tokio::test]
async fn snapshots_that_an_older_provider_did_not_record_go_with_their_image_too() {
    let mut world = World::new().await;
    let (inputs, mut state) = world
        .plugin
        .up("web", json!({ "imageName": "web", "instanceId": "i-running", "deleteAutoSnapshot": true }))
        .await;
    let snapshot = text(&state["diskDeviceMappings"][0]["snapshotId"]);
    state.as_object_mut().unwrap().remove("diskDeviceMappings");
    world.take_actions().await;
    world.plugin.delete("web", &state, &inputs).await.unwrap();
    let deleted: Vec<String> = world
        .take_requests()
        .await
        .iter()
        .filter(|request| request["action"] == "DeleteSnapshot")
        .map(|request| text(&request["params"]["SnapshotId"]))
        .collect();
    assert!(deleted.contains(&snapshot), "{deleted:?}");
    assert_eq!(world.plugin.engine.warnings(), [""; 0]);

    // Where the image is gone, nobody knows them any more, and the user is told so.
    world.plugin.delete("web", &state, &inputs).await.unwrap();
    let warnings = world.plugin.engine.warnings();
    assert!(warnings.len() == 1 && warnings[0].contains("gone already"), "{warnings:?}");
}

#[tokio::test]
async fn beginning_to_say_what_the_cloud_has_anyway_is_no_change_and_sent_to_nobody() {
    let mut world = World::new().await;
    let (_, state) = world.plugin.up("web", from_snapshot()).await;
    let olds = json!({ "imageName": "web", "snapshotId": "s-system", "tags": from_snapshot()["tags"] });
    let mut news = olds.clone();
    news["description"] = state["description"].clone();
    news["bootMode"] = state["bootMode"].clone();
    news["platform"] = state["platform"].clone();
    check_detailed(&world.plugin.diff("web", &state, &olds, &news).await, &[]);

    // Nor along with a change of something else.
    news["licenseType"] = "BYOL".into();
    world.take_actions().await;
    world.plugin.update("web", &state, &olds, &news).await.unwrap();
    let requests = world.take_requests().await;
    let sent = &requests[0]["params"];
    assert_eq!(
        (&requests[0]["action"], &sent["LicenseType"]),
        (&json!("ModifyImageAttribute"), &json!("BYOL"))
    );
    assert!(sent.get("Description").is_none() && sent.get("BootMode").is_none(), "{sent}");
}
