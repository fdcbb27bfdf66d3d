//! The status that a program gives, of images and of copies: withdrawn and offered again, a family that is rolled back, drift,
//! what the cloud refuses, and a change of status that ends half way.

use std::time::Duration;

use emulator::Options;
use serde_json::{Value as Json, json};

use crate::get_images::{GET_IMAGE_FROM_FAMILY, GET_IMAGES, get_images, invoke, names};
use crate::harness::{
    IMAGE, IMAGE_COPY, Kept, Plan, SOURCE_REGION, Stack, TIME_LIMIT, UNKNOWN, World, advance, ends,
    make_source, strikes, text, to_struct, urn_of,
};
use crate::image_share_permission::{PARTNER, behind_the_back};

/// Every resource that has a status to give.
const ALL: [&str; 2] = [IMAGE, IMAGE_COPY];
/// More often than any call is repeated.
const ALWAYS: u32 = 100_000;

/// A world that is asked about resources of this type, and the least that a program says of one with a name.
async fn scene(resource_type: &'static str) -> (World, Json) {
    let mut world = World::new().await;
    world.plugin.resource_type = resource_type;
    let program = match resource_type {
        IMAGE_COPY => json!({
            "imageName": "golden", "sourceImageId": make_source(&world.cloud, false).await,
            "sourceRegionId": SOURCE_REGION,
        }),
        _ => json!({ "imageName": "golden", "snapshotId": "s-system" }),
    };
    (world, program)
}

/// The program, and what else it says.
fn with(program: &Json, more: Json) -> Json {
    let mut program = program.clone();
    program.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    program
}

fn deprecated(program: &Json) -> Json {
    with(program, json!({ "status": "Deprecated" }))
}

fn available(program: &Json) -> Json {
    with(program, json!({ "status": "Available" }))
}

/// What each ModifyImageAttribute since the last question has set.
async fn take_changes(world: &World) -> Vec<String> {
    let requests = world.take_requests().await;
    let changes = requests.iter().filter(|request| request["action"] == "ModifyImageAttribute");
    changes
        .map(|request| {
            let set = ["ImageName", "ImageFamily", "Description", "Status"].iter();
            let set = set.filter_map(|name| Some(format!("{name}={}", request["params"][name].as_str()?)));
            set.collect::<Vec<_>>().join(" ")
        })
        .collect()
}

/// The status of the one image of the account, and whatever else a program can say of it.
async fn there(world: &World) -> Json {
    let images = world.images().await;
    assert_eq!(images.len(), 1, "{images:?}");
    images[0].clone()
}

/// The changes of an update, with their kinds.
#[track_caller]
fn updated(plan: Plan) -> Vec<String> {
    match plan {
        Plan::Update(diff) => diff.detailed,
        other => panic!("it is no update: {other:?}"),
    }
}

/// What the program says is so, in the state and in the cloud, and stays so.
async fn check_settled(world: &mut World, stack: &mut Stack, program: &Json, status: &str) {
    for when in ["after up", "after refresh"] {
        assert_eq!(there(world).await["status"], status, "{when}");
        let kept = stack.kept.clone().unwrap();
        assert_eq!((&kept.state["status"], &kept.state["usable"]), (&json!(status), &json!(true)), "{when}");
        assert_eq!(kept.inputs.get("status"), program.get("status"), "{when}");
        assert_eq!(stack.preview(&mut world.plugin, program).await.0, Plan::Same, "{when}");
        assert!(stack.refresh(&mut world.plugin).await.unwrap(), "taken for gone");
    }
}

#[tokio::test]
async fn what_is_made_deprecated_is_so_before_it_has_its_name() {
    for resource_type in ALL {
        let (mut world, program) = scene(resource_type).await;
        let program = with(&deprecated(&program), json!({ "description": "withdrawn" }));
        let mut stack = Stack::new("web");
        assert_eq!(stack.up(&mut world.plugin, &program).await.unwrap(), Plan::Create);
        assert_eq!(take_changes(&world).await, ["Status=Deprecated", "ImageName=golden"], "{resource_type}");
        check_settled(&mut world, &mut stack, &program, "Deprecated").await;
        stack.destroy(&mut world.plugin).await.unwrap();
        assert!(world.images().await.is_empty(), "{resource_type}");
    }
}

#[tokio::test]
async fn an_image_that_is_made_deprecated_never_shows_in_its_family() {
    let (mut world, program) = scene(IMAGE).await;
    let program = with(&deprecated(&program), json!({ "imageFamily": "fam" }));
    let mut stack = Stack::new("web");
    stack.up(&mut world.plugin, &program).await.unwrap();
    let requests = world.take_requests().await;
    let create = requests.iter().find(|request| request["action"] == "CreateImage").unwrap();
    assert!(create["params"]["ImageFamily"].is_null(), "{create}");
    let after: Vec<&Json> = requests.iter().skip_while(|request| **request != *create).skip(1).collect();
    let sets = |name: &str| after.iter().position(|request| !request["params"][name].is_null()).unwrap();
    let order = [sets("Status"), sets("ImageFamily"), sets("ImageName")];
    assert!(order.is_sorted() && order[2] == after.len() - 1, "{after:?}");
    check_settled(&mut world, &mut stack, &program, "Deprecated").await;
}

#[tokio::test]
async fn what_is_made_available_costs_no_call_for_that() {
    for resource_type in ALL {
        let (mut world, program) = scene(resource_type).await;
        let program = available(&program);
        let mut stack = Stack::new("web");
        stack.up(&mut world.plugin, &program).await.unwrap();
        assert_eq!(take_changes(&world).await, ["ImageName=golden"], "{resource_type}");
        check_settled(&mut world, &mut stack, &program, "Available").await;
    }
}

#[tokio::test]
async fn one_property_withdraws_an_image_and_offers_it_again() {
    for resource_type in ALL {
        let (mut world, program) = scene(resource_type).await;
        let mut stack = Stack::new("web");
        stack.up(&mut world.plugin, &program).await.unwrap();
        let id = stack.id();
        world.take_requests().await;
        for (status, change) in
            [("Deprecated", "ADD status"), ("Available", "UPDATE status"), ("Deprecated", "UPDATE status")]
        {
            let now = with(&program, json!({ "status": status }));
            let plan = stack.up(&mut world.plugin, &now).await.unwrap();
            assert_eq!(updated(plan), [change], "{resource_type}");
            let requests = world.take_requests().await;
            let calls: Vec<(&Json, &Json)> =
                requests.iter().map(|request| (&request["action"], &request["params"]["Status"])).collect();
            assert_eq!(calls, [(&json!("ModifyImageAttribute"), &json!(status))], "{resource_type}");
            assert_eq!(stack.id(), id);
            check_settled(&mut world, &mut stack, &now, status).await;
            world.take_requests().await;
        }
    }
}

#[tokio::test]
async fn a_status_that_is_taken_out_of_the_program_stays_and_that_is_said() {
    for resource_type in ALL {
        let (mut world, program) = scene(resource_type).await;
        let mut stack = Stack::new("web");
        stack.up(&mut world.plugin, &deprecated(&program)).await.unwrap();
        world.take_requests().await;
        let plan = stack.up(&mut world.plugin, &program).await.unwrap();
        assert_eq!(updated(plan), ["DELETE status"], "{resource_type}");
        assert_eq!(world.take_actions().await, [""; 0], "{resource_type}");
        let warnings = world.plugin.engine.warnings();
        let said = "status: is left out, and the image keeps what it has; to set it back, give \"Available\"";
        assert!(warnings.iter().any(|warning| warning.contains(said)), "{warnings:?}");
        check_settled(&mut world, &mut stack, &program, "Deprecated").await;

        // What the image would have anyway is no loss.
        stack.up(&mut world.plugin, &available(&program)).await.unwrap();
        let before = world.plugin.engine.warnings().len();
        stack.up(&mut world.plugin, &program).await.unwrap();
        assert_eq!(world.plugin.engine.warnings().len(), before, "{resource_type}");
        check_settled(&mut world, &mut stack, &program, "Available").await;
    }
}

#[tokio::test]
async fn drift_is_seen_by_refresh_and_repaired_by_up() {
    for resource_type in ALL {
        for (wanted, drifted) in [("Deprecated", "Available"), ("Available", "Deprecated")] {
            let (mut world, program) = scene(resource_type).await;
            let program = with(&program, json!({ "status": wanted }));
            let mut stack = Stack::new("web");
            stack.up(&mut world.plugin, &program).await.unwrap();
            world.change(&stack.id(), json!({ "status": drifted })).await;
            assert!(stack.refresh(&mut world.plugin).await.unwrap(), "taken for gone");
            let kept = stack.kept.clone().unwrap();
            assert_eq!((&kept.inputs["status"], &kept.state["status"]), (&json!(drifted), &json!(drifted)));
            world.take_requests().await;
            let plan = stack.up(&mut world.plugin, &program).await.unwrap();
            assert_eq!(updated(plan), ["UPDATE status"], "{resource_type}");
            assert_eq!(take_changes(&world).await, [format!("Status={wanted}")], "{resource_type}");
            check_settled(&mut world, &mut stack, &program, wanted).await;
        }
    }
}

#[tokio::test]
async fn a_program_that_says_nothing_of_the_status_leaves_it_to_others() {
    for resource_type in ALL {
        let (mut world, program) = scene(resource_type).await;
        let mut stack = Stack::new("web");
        stack.up(&mut world.plugin, &program).await.unwrap();
        world.change(&stack.id(), json!({ "status": "Deprecated" })).await;
        assert!(stack.refresh(&mut world.plugin).await.unwrap(), "taken for gone");
        check_settled(&mut world, &mut stack, &program, "Deprecated").await;
        // Nor does any other change touch it.
        let described = with(&program, json!({ "description": "of a deprecated one" }));
        stack.up(&mut world.plugin, &described).await.unwrap();
        check_settled(&mut world, &mut stack, &described, "Deprecated").await;
    }
}

#[tokio::test]
async fn a_family_is_rolled_back_and_forward_again_by_one_property() {
    let clock = Options { image_ready_after: Duration::ZERO, manual_clock: true, ..Options::default() };
    let mut world = World::with(clock).await;
    let mut versions = Vec::new();
    for version in ["web-1", "web-2"] {
        let program = json!({ "imageName": version, "snapshotId": "s-system", "imageFamily": "fam" });
        let mut stack = Stack::new(version);
        stack.up(&mut world.plugin, &program).await.unwrap();
        versions.push((stack, program));
        advance(world.cloud.address(), 60).await;
    }
    let (old, new) = (versions[0].0.id(), versions[1].0.id());
    let newest = async |world: &mut World| {
        invoke(world, GET_IMAGE_FROM_FAMILY, json!({ "imageFamily": "fam" })).await.map(|found| {
            assert_eq!(found["id"], found["imageId"]);
            text(&found["id"])
        })
    };
    let by_default = async |world: &mut World| {
        let mut found = names(&get_images(world, json!({ "imageFamily": "fam" })).await);
        found.sort();
        found
    };
    assert_eq!(newest(&mut world).await, Ok(new.clone()));
    assert_eq!(by_default(&mut world).await, ["web-1", "web-2"]);

    let (stack, program) = &mut versions[1];
    stack.up(&mut world.plugin, &deprecated(program)).await.unwrap();
    assert_eq!(newest(&mut world).await, Ok(old));
    assert_eq!(by_default(&mut world).await, ["web-1"]);
    let every = invoke(&mut world, GET_IMAGES, json!({ "imageFamily": "fam", "status": "Deprecated" })).await;
    assert_eq!(names(&every.unwrap()), ["web-2"]);

    stack.up(&mut world.plugin, &available(program)).await.unwrap();
    assert_eq!(newest(&mut world).await, Ok(new.clone()));
    assert_eq!(stack.id(), new);

    for (stack, program) in &mut versions {
        stack.up(&mut world.plugin, &deprecated(program)).await.unwrap();
    }
    let nothing = newest(&mut world).await.unwrap_err();
    assert!(
        nothing.starts_with("imageFamily: the family \"fam\" has no image that is Available"),
        "{nothing}"
    );
}

#[tokio::test]
async fn a_shared_image_is_refused_with_what_to_do_and_stays_as_it_was() {
    for resource_type in ALL {
        let (mut world, program) = scene(resource_type).await;
        let mut stack = Stack::new("web");
        stack.up(&mut world.plugin, &program).await.unwrap();
        let before = stack.kept.clone().unwrap();
        behind_the_back(&world, &stack.id(), PARTNER, true).await;
        let withdrawn = with(&deprecated(&program), json!({ "description": "withdrawn" }));
        let failed = stack.up(&mut world.plugin, &withdrawn).await.unwrap_err();
        for part in [
            "ImageUseShared",
            &format!(
                "status: image {} is shared, and the cloud deprecates only an image that is",
                stack.id()
            ),
            "Take the shares away first, in a `pulumi up` of its own",
            "then set status to \"Deprecated\"",
        ] {
            assert!(failed.message.contains(part), "{part} in: {}", failed.message);
        }
        // Nothing was carried out, so the state is the one before.
        assert!(failed.partial.is_none(), "{failed:?}");
        assert_eq!(stack.kept.clone().unwrap().state, before.state);
        let image = there(&world).await;
        assert_eq!((&image["status"], &image["description"]), (&json!("Available"), &json!("")));

        behind_the_back(&world, &stack.id(), PARTNER, false).await;
        stack.up(&mut world.plugin, &withdrawn).await.unwrap();
        check_settled(&mut world, &mut stack, &withdrawn, "Deprecated").await;
    }
}

#[tokio::test]
async fn a_status_that_no_program_can_give_is_refused_with_its_path() {
    for resource_type in ALL {
        let (mut world, program) = scene(resource_type).await;
        for (status, got) in [
            (json!("Retired"), "\"Retired\""),
            (json!("deprecated"), "\"deprecated\""),
            // What the cloud reports is not what it can be asked for.
            (json!("UnAvailable"), "\"UnAvailable\""),
            (json!(""), "\"\""),
        ] {
            let refused = with(&program, json!({ "status": status }));
            let failures = world.plugin.check("web", refused).await.unwrap_err();
            let expected = format!("status: must be one of \"Available\", \"Deprecated\", got {got}");
            assert_eq!(failures, [expected], "{resource_type}");
        }
        for status in [json!(true), json!(["Deprecated"])] {
            let refused = with(&program, json!({ "status": status }));
            let failures = world.plugin.check("web", refused).await.unwrap_err();
            assert!(failures.len() == 1 && failures[0].starts_with("status: "), "{failures:?}");
        }
        let unknown = with(&program, json!({ "status": UNKNOWN }));
        let inputs = world.plugin.check("web", unknown).await.unwrap();
        assert_eq!(world.plugin.preview_create("web", &inputs).await["status"], UNKNOWN);
        assert_eq!(world.take_actions().await, [""; 0]);
    }
}

#[tokio::test]
async fn an_answer_about_the_status_that_is_lost_changes_nothing() {
    for resource_type in ALL {
        for lost in ["reset_before", "reset_after"] {
            let fault = json!([{
                "do": lost, "action": "ModifyImageAttribute", "match": { "Status": "Deprecated" },
            }]);
            let (mut world, program) = scene(resource_type).await;
            world.faults(fault.clone()).await;
            let mut stack = Stack::new("web");
            stack.up(&mut world.plugin, &deprecated(&program)).await.unwrap();
            check_settled(&mut world, &mut stack, &deprecated(&program), "Deprecated").await;

            // The same for an update.
            stack.up(&mut world.plugin, &available(&program)).await.unwrap();
            world.faults(fault).await;
            world.take_requests().await;
            stack.up(&mut world.plugin, &deprecated(&program)).await.unwrap();
            let tried = ["Status=Deprecated", "Status=Deprecated"];
            assert_eq!(take_changes(&world).await, tried, "{resource_type} {lost}");
            check_settled(&mut world, &mut stack, &deprecated(&program), "Deprecated").await;
        }
    }
}

#[tokio::test]
async fn a_status_whose_call_is_never_answered_is_set_by_the_next_up() {
    for resource_type in ALL {
        let (mut world, program) = scene(resource_type).await;
        let mut stack = Stack::new("web");
        stack.up(&mut world.plugin, &program).await.unwrap();
        let matches = json!({ "Status": "Deprecated" });
        world
            .faults(json!([{
                "do": "reset_after", "action": "ModifyImageAttribute", "match": matches, "times": ALWAYS,
            }]))
            .await;
        // Whether the call was carried out nobody knows, and a look does not say what is still to come.
        world.faults(json!([{ "do": "hang", "action": "DescribeImages", "times": ALWAYS }])).await;
        world.plugin.time_limit = TIME_LIMIT;
        let failed = stack.up(&mut world.plugin, &deprecated(&program)).await.unwrap_err();
        world.plugin.time_limit = 0.0;
        let (id, state) = failed.partial.expect("the change may have been made");
        assert_eq!((id, &state["__unapplied"]), (stack.id(), &json!(["status"])), "{resource_type}");

        world.control("DELETE", "/_emulator/faults", Json::Null).await;
        world.restart_plugin().await;
        let plan = stack.up(&mut world.plugin, &deprecated(&program)).await.unwrap();
        assert!(matches!(plan, Plan::Update(_)), "{plan:?}");
        check_settled(&mut world, &mut stack, &deprecated(&program), "Deprecated").await;
    }
}

#[tokio::test]
async fn a_status_that_is_denied_keeps_what_was_made_and_names_the_permission() {
    let denied = json!([{
        "do": "error", "code": "Forbidden.RAM", "status": 403, "action": "ModifyImageAttribute",
        "match": { "Status": "Deprecated" }, "times": ALWAYS,
    }]);
    for resource_type in ALL {
        let (mut world, program) = scene(resource_type).await;
        let program = deprecated(&program);
        world.faults(denied.clone()).await;
        let mut stack = Stack::new("web");
        let failed = stack.up(&mut world.plugin, &program).await.unwrap_err();
        assert!(failed.message.contains("ecs:ModifyImageAttribute"), "{}", failed.message);
        let (id, state) = failed.partial.expect("the image is there");
        let mut unapplied: Vec<String> = state["__unapplied"].as_array().unwrap().iter().map(text).collect();
        unapplied.sort();
        assert_eq!(unapplied, ["imageName", "status"], "{resource_type}");
        let image = there(&world).await;
        assert_eq!((&image["id"], &image["status"]), (&json!(id), &json!("Available")));
        assert!(text(&image["name"]).starts_with("golden-unfinished-"), "{image}");

        world.control("DELETE", "/_emulator/faults", Json::Null).await;
        world.take_requests().await;
        stack.up(&mut world.plugin, &program).await.unwrap();
        assert_eq!(take_changes(&world).await, ["Status=Deprecated", "ImageName=golden"], "{resource_type}");
        assert_eq!(stack.id(), id);
        check_settled(&mut world, &mut stack, &program, "Deprecated").await;

        // An update that is refused as a whole leaves the state as it was.
        stack.up(&mut world.plugin, &available(&program)).await.unwrap();
        let before = stack.kept.clone().unwrap();
        world.faults(denied.clone()).await;
        let failed = stack.up(&mut world.plugin, &program).await.unwrap_err();
        assert!(failed.partial.is_none(), "{failed:?}");
        assert_eq!(stack.kept.unwrap().state, before.state);
        assert_eq!(there(&world).await["status"], "Available");
    }
}

/// An image is withdrawn before anything else changes and offered after it, so that nobody finds what is neither the old nor
/// the new one.
#[tokio::test]
async fn a_change_that_ends_half_way_goes_on_where_it_ended() {
    let (first, second) = (json!({ "description": "first" }), json!({ "description": "second" }));
    for (from, to, carried_out, left) in [
        ("Available", "Deprecated", "Status", "Description=second"),
        ("Deprecated", "Available", "Description", "Status=Available"),
    ] {
        for resource_type in ALL {
            let (mut world, program) = scene(resource_type).await;
            let program =
                |status: &str, more: &Json| with(&with(&program, json!({ "status": status })), more.clone());
            let (before, after) = (program(from, &first), program(to, &second));
            let mut stack = Stack::new("web");
            stack.up(&mut world.plugin, &before).await.unwrap();
            world
                .faults(json!([{
                    "do": "error", "code": "Forbidden.RAM", "status": 403, "action": "ModifyImageAttribute",
                    "after": 1, "times": ALWAYS,
                }]))
                .await;
            let failed = stack.up(&mut world.plugin, &after).await.unwrap_err();
            let (_, state) = failed.partial.expect("one of two changes is made");
            let pending = if carried_out == "Status" { "description" } else { "status" };
            assert_eq!(state["__unapplied"], json!([pending]), "{resource_type}");
            let image = there(&world).await;
            assert_eq!(image["status"], "Deprecated", "nobody finds what is half changed");

            world.control("DELETE", "/_emulator/faults", Json::Null).await;
            world.restart_plugin().await;
            world.take_requests().await;
            stack.up(&mut world.plugin, &after).await.unwrap();
            assert_eq!(take_changes(&world).await, [left], "{resource_type}");
            assert_eq!(there(&world).await["description"], "second");
            check_settled(&mut world, &mut stack, &after, to).await;
        }
    }
}

/// The engine keeps the inputs from before an update that went half way, so that they tell nothing of what was carried out.
#[tokio::test]
async fn what_an_update_carried_out_before_it_failed_goes_back_with_the_program() {
    let everything = json!({
        "description": "two", "imageFamily": "prod", "licenseType": "BYOL", "status": "Deprecated",
        "tags": { "team": "web" },
    });
    for after in [everything, json!({ "tags": { "team": "web" } })] {
        for (refreshes, resource_type) in [(false, IMAGE), (true, IMAGE), (false, IMAGE_COPY)] {
            let mut after = after.clone();
            if resource_type == IMAGE_COPY {
                after
                    .as_object_mut()
                    .unwrap()
                    .retain(|key, _| !["imageFamily", "licenseType"].contains(&key.as_str()));
            }
            let case = format!("{after} {refreshes} {resource_type}");
            let (mut world, program) = scene(resource_type).await;
            let mut before =
                with(&available(&program), json!({ "description": "one", "tags": { "owner": "ops" } }));
            if resource_type == IMAGE {
                before["licenseType"] = "Auto".into();
            }
            let mut stack = Stack::new("web");
            stack.up(&mut world.plugin, &before).await.unwrap();
            let told = |image: &Json| {
                ["description", "family", "license_type", "status", "tags"].map(|key| image[key].clone())
            };
            let made = told(&there(&world).await);
            let denied =
                json!([{ "do": "error", "code": "Forbidden.RAM", "status": 403, "action": "TagResources" }]);
            world.faults(denied).await;
            let failed = stack.up(&mut world.plugin, &with(&before, after)).await.unwrap_err();
            assert!(
                failed.partial.is_some() && failed.message.contains("ecs:TagResources"),
                "{case}: {failed:?}"
            );
            assert_ne!(told(&there(&world).await), made, "{case}");

            world.restart_plugin().await;
            if refreshes {
                assert!(stack.refresh(&mut world.plugin).await.unwrap(), "{case}");
            }
            let plan = stack.up(&mut world.plugin, &before).await.unwrap();
            assert!(matches!(plan, Plan::Update(_)), "{case}: {plan:?}");
            assert_eq!(told(&there(&world).await), made, "{case}");
            let state = &stack.kept.as_ref().unwrap().state;
            assert!(
                state.get("__carriedOut").is_none() && state.get("__givenTags").is_none(),
                "{case}: {state}"
            );
            assert_eq!(stack.preview(&mut world.plugin, &before).await.0, Plan::Same, "{case}");
        }
    }
}

#[tokio::test]
async fn what_several_updates_carried_out_before_they_failed_goes_back_with_the_program() {
    let (mut world, program) = scene(IMAGE).await;
    let before = with(&deprecated(&program), json!({ "description": "one", "tags": { "owner": "ops" } }));
    let mut stack = Stack::new("web");
    stack.up(&mut world.plugin, &before).await.unwrap();
    let denied = json!([{
        "do": "error", "code": "Forbidden.RAM", "status": 403, "action": "ModifyImageAttribute",
        "match": { "Status": "Available" }, "times": ALWAYS,
    }]);
    world.faults(denied).await;
    // The status comes last, so that each of these carries out what is before it.
    let tagged = with(&available(&before), json!({ "tags": { "team": "web" } }));
    for after in [tagged.clone(), with(&tagged, json!({ "description": "two" }))] {
        let failed = stack.up(&mut world.plugin, &after).await.unwrap_err();
        assert!(failed.partial.is_some(), "{failed:?}");
        world.restart_plugin().await;
    }
    let image = there(&world).await;
    assert_eq!((&image["description"], &image["tags"]), (&json!("two"), &json!({ "team": "web" })));

    world.control("DELETE", "/_emulator/faults", Json::Null).await;
    stack.up(&mut world.plugin, &before).await.unwrap();
    let image = there(&world).await;
    assert_eq!((&image["description"], &image["tags"]), (&json!("one"), &json!({ "owner": "ops" })));
    check_settled(&mut world, &mut stack, &before, "Deprecated").await;
}

#[tokio::test]
async fn a_create_that_is_killed_around_the_status_is_taken_up() {
    for resource_type in ALL {
        for (hangs, left) in [("Status", 2), ("ImageName", 1)] {
            let (mut world, program) = scene(resource_type).await;
            let program = deprecated(&program);
            let value = if hangs == "Status" { "Deprecated" } else { "golden" };
            world
                .faults(json!([{
                    "do": "hang", "action": "ModifyImageAttribute", "match": { hangs: value }, "times": 9,
                }]))
                .await;
            let inputs = world.plugin.check("web", program.clone()).await.unwrap();
            let request = pulumi::pulumirpc::CreateRequest {
                urn: urn_of(resource_type, "web"),
                properties: Some(to_struct(&inputs)),
                ..Default::default()
            };
            let mut rpc = world.plugin.rpc.clone();
            let killed = tokio::spawn(async move { rpc.create(request).await });
            ends(strikes(world.cloud.address(), "hang", 9)).await;
            let made = there(&world).await;
            assert!(text(&made["name"]).starts_with("golden-unfinished-"), "{made}");
            world.restart_plugin().await;
            killed.await.unwrap().expect_err("its process is killed");

            world.control("DELETE", "/_emulator/faults", Json::Null).await;
            world.take_requests().await;
            let mut stack = Stack::new("web");
            assert_eq!(stack.up(&mut world.plugin, &program).await.unwrap(), Plan::Create);
            let changes = take_changes(&world).await;
            let all = ["Status=Deprecated", "ImageName=golden"];
            assert_eq!(changes, all[all.len() - left..], "{resource_type}");
            assert_eq!(there(&world).await["id"], made["id"]);
            check_settled(&mut world, &mut stack, &program, "Deprecated").await;
        }
    }
}

#[tokio::test]
async fn a_status_that_the_image_cannot_leave_is_named() {
    for resource_type in ALL {
        let (mut world, program) = scene(resource_type).await;
        let mut stack = Stack::new("web");
        stack.up(&mut world.plugin, &program).await.unwrap();
        world.change(&stack.id(), json!({ "status": "UnAvailable" })).await;
        let failed = stack.up(&mut world.plugin, &deprecated(&program)).await.unwrap_err();
        let said = format!(
            "status: image {} is \"UnAvailable\" and cannot become \"Deprecated\": the cloud changes only \"Available\" to",
            stack.id()
        );
        assert!(failed.message.contains(&said), "{}", failed.message);
        world.change(&stack.id(), json!({ "status": null })).await;
        stack.up(&mut world.plugin, &deprecated(&program)).await.unwrap();
        check_settled(&mut world, &mut stack, &deprecated(&program), "Deprecated").await;
    }
}

#[tokio::test]
async fn the_import_of_a_deprecated_image_is_clean() {
    for resource_type in ALL {
        for status in ["Deprecated", "Available"] {
            let (mut world, program) = scene(resource_type).await;
            let mut stack = Stack::new("web");
            stack.up(&mut world.plugin, &program).await.unwrap();
            world.change(&stack.id(), json!({ "status": status })).await;
            let (id, nothing) = (stack.id(), json!({}));
            let asked = match resource_type {
                IMAGE_COPY => format!("{SOURCE_REGION}/{}/{id}", text(&program["sourceImageId"])),
                _ => id.clone(),
            };
            world.restart_plugin().await;
            let read = world.plugin.read("web", &asked, &nothing, &nothing).await.unwrap();
            let (inputs, state) = read.expect("it is there");
            // What every image has unless somebody changes it is not written into programs.
            let written = (status == "Deprecated").then(|| json!(status));
            assert_eq!((inputs.get("status"), &state["status"]), (written.as_ref(), &json!(status)));
            assert_eq!(world.plugin.check("web", inputs.clone()).await.as_ref(), Ok(&inputs));
            let program = inputs.clone();
            let mut imported = Stack::new("web");
            imported.kept = Some(Kept { inputs, state, incomplete: false });
            check_settled(&mut world, &mut imported, &program, status).await;
            // And the imported image can be given another one.
            let (other, now) = match status {
                "Deprecated" => ("Available", available(&program)),
                _ => ("Deprecated", deprecated(&program)),
            };
            imported.up(&mut world.plugin, &now).await.unwrap();
            check_settled(&mut world, &mut imported, &now, other).await;
        }
    }
}

#[tokio::test]
async fn a_copy_of_what_is_deprecated_is_refused_and_says_why() {
    let (mut world, program) = scene(IMAGE_COPY).await;
    let withdraw =
        json!([{ "region": SOURCE_REGION, "image": program["sourceImageId"], "status": "Deprecated" }]);
    world.control("POST", "/_emulator/change", withdraw).await;
    let inputs = world.plugin.check("web", program).await.unwrap();
    let failed = world.plugin.create("web", &inputs).await.unwrap_err();
    assert!(failed.partial.is_none(), "{failed:?}");
    let said = "of one that is Deprecated, set the status to Available";
    assert!(
        failed.message.contains("sourceImageId: ") && failed.message.contains(said),
        "{}",
        failed.message
    );
    assert!(world.images().await.is_empty());
}
