//! Whose an image is, whatever happened before: the rows of the specification's table, each for an image that the program
//! names and for one that it does not. A process that is killed is really killed; an engine that saves nothing is played by
//! a test that forgets the answer.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use emulator::Options;
use pulumi::pulumirpc as rpc;
use serde_json::{Value as Json, json};

use crate::harness::{
    Failed, Plugin, TIME_LIMIT, World, advance, are_made, settings, text, to_struct, urn, while_time_goes_on,
};

static SEEDS: AtomicU32 = AtomicU32::new(0);
const OTHER_PROVIDER: &str = "0d2c51b4-3f0f-4a5e-9d9e-3f9f6c1d2e4b";

#[derive(Debug, Clone, Copy, PartialEq)]
enum Naming {
    Given,
    Automatic,
}

const NAMINGS: [Naming; 2] = [Naming::Given, Naming::Automatic];

impl Naming {
    fn program(self) -> Json {
        match self {
            Naming::Given => {
                json!({ "imageName": "golden", "snapshotId": "s-system", "description": "tier 1" })
            }
            Naming::Automatic => json!({ "snapshotId": "s-system", "description": "tier 1" }),
        }
    }
}

/// The inputs as an engine asks for them in a new deployment: another seed each time.
async fn inputs(world: &mut World, program: &Json) -> Json {
    world.plugin.seed = format!("seed {}", SEEDS.fetch_add(1, Ordering::Relaxed));
    world.plugin.check("web", program.clone()).await.expect("the program is good")
}

/// A deployment that is killed while the cloud makes the image: nothing is saved.
async fn killed_while_it_is_made(world: &mut World, program: &Json) {
    let inputs = inputs(world, program).await;
    let before = world.images().await.len();
    let request = rpc::CreateRequest {
        urn: urn("web"),
        properties: Some(to_struct(&inputs)),
        ..rpc::CreateRequest::default()
    };
    let mut client = world.plugin.rpc.clone();
    let create = tokio::spawn(async move { client.create(request).await });
    are_made(world.cloud.address(), before + 1).await;
    world.plugin.engine.shows("Creating").await;
    world.restart_plugin().await;
    create.await.expect("the task ends").expect_err("its process is killed");
}

/// The next deployment, in a process of its own; the clock goes on while it waits.
async fn up(world: &mut World, program: &Json) -> Result<(Json, Json), Failed> {
    world.restart_plugin().await;
    let inputs = inputs(world, program).await;
    create(world, &inputs).await.map(|state| (inputs, state))
}

async fn create(world: &mut World, inputs: &Json) -> Result<Json, Failed> {
    let address = world.cloud.address();
    let created = while_time_goes_on(address, 5, world.plugin.create("web", inputs)).await;
    created.map(|(_, state)| state)
}

async fn ids(world: &World) -> Vec<String> {
    world.images().await.iter().map(|image| text(&image["id"])).collect()
}

fn name_of(images: &[Json], id: &str) -> String {
    images.iter().find(|image| image["id"] == id).map(|image| text(&image["name"])).unwrap_or_default()
}

/// The one image there is, as its deployment left it.
async fn check_one(world: &World, id: &str, inputs: &Json, state: &Json) {
    let images = world.images().await;
    assert_eq!(images.len(), 1, "{images:?}");
    assert_eq!((text(&images[0]["id"]), text(&state["id"])), (id.to_owned(), id.to_owned()));
    assert_eq!(images[0]["name"], inputs["imageName"]);
    assert_eq!((&state["imageName"], &state["usable"]), (&inputs["imageName"], &json!(true)));
    assert!(state.get("__unfinished").is_none() && state.get("__unapplied").is_none(), "{state}");
}

#[tokio::test]
async fn an_interrupted_create_is_taken_up_again_whether_its_image_is_finished_since_or_not() {
    for naming in NAMINGS {
        for (days, remembered) in [(0, true), (3, true), (3, false)] {
            let mut world = World::slow().await;
            killed_while_it_is_made(&mut world, &naming.program()).await;
            let made = ids(&world).await;
            advance(world.cloud.address(), days * 86_400).await;
            if !remembered {
                let change = json!({ "region": crate::harness::REGION, "tokens": "forget" });
                world.control("POST", "/_emulator/change", change).await;
            }
            let (inputs, state) = up(&mut world, &naming.program()).await.expect("it is taken up again");
            check_one(&world, &made[0], &inputs, &state).await;
            assert_eq!(world.plugin.engine.warnings(), [""; 0], "{naming:?}");
        }
    }
}

#[tokio::test]
async fn a_create_that_was_killed_before_it_was_saved_is_named_and_not_touched() {
    for naming in NAMINGS {
        let mut world = World::slow().await;
        let (_, lost) = up(&mut world, &naming.program()).await.expect("it is made");
        let (id, before) = (text(&lost["id"]), world.images().await);
        let again = up(&mut world, &naming.program()).await;
        let images = world.images().await;
        match naming {
            Naming::Given => {
                let failed = again.expect_err("the name is taken");
                assert!(failed.partial.is_none(), "{failed:?}");
                let import = format!("pulumi import alicloud:ecs/image:Image web {id}");
                assert!(failed.message.contains(&import), "{}", failed.message);
                assert_eq!(images, before);
            }
            Naming::Automatic => {
                let (_, state) = again.expect("another one is made");
                assert_ne!(text(&state["id"]), id);
                assert_eq!(images.len(), 2);
                assert_eq!(name_of(&images, &id), name_of(&before, &id), "it is not renamed");
                let warnings = world.plugin.engine.warnings();
                assert!(warnings.len() == 1 && warnings[0].contains(&id), "{warnings:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_forced_replacement_of_a_healthy_image_makes_another_or_says_why_not() {
    for naming in NAMINGS {
        for days in [0, 30] {
            let mut world = World::slow().await;
            let (old_inputs, old) = up(&mut world, &naming.program()).await.expect("it is made");
            advance(world.cloud.address(), days * 86_400).await;
            // No old inputs, no Diff: a create, then the deletion of the old entry.
            let replaced = up(&mut world, &naming.program()).await;
            match naming {
                Naming::Given => {
                    let failed = replaced.expect_err("names are unique");
                    assert!(failed.partial.is_none(), "{failed:?}");
                    for part in ["names are unique", "deleteBeforeReplace", &text(&old["id"])] {
                        assert!(failed.message.contains(part), "{part} in {}", failed.message);
                    }
                }
                Naming::Automatic => {
                    let (_, new) = replaced.expect("another one is made");
                    assert_ne!(new["id"], old["id"]);
                    world.plugin.delete("web", &old, &old_inputs).await.expect("the old one is deleted");
                    assert_eq!(ids(&world).await, [text(&new["id"])]);
                }
            }
            if naming == Naming::Given {
                assert_eq!(ids(&world).await, [text(&old["id"])], "it stays");
            }
        }
    }
}

#[tokio::test]
async fn replacing_again_and_again_makes_one_each_time() {
    let mut world = World::slow().await;
    let (mut inputs, mut state) = up(&mut world, &Naming::Automatic.program()).await.expect("it is made");
    let mut seen = vec![text(&state["id"])];
    for _ in 0..3 {
        let (new_inputs, new) = up(&mut world, &Naming::Automatic.program()).await.expect("another one");
        world.plugin.delete("web", &state, &inputs).await.expect("the old one is deleted");
        (inputs, state) = (new_inputs, new);
        seen.push(text(&state["id"]));
        assert_eq!(ids(&world).await, seen[seen.len() - 1..], "one is left");
    }
    // Interrupted in the middle of the next one.
    killed_while_it_is_made(&mut world, &Naming::Automatic.program()).await;
    let (_, new) = up(&mut world, &Naming::Automatic.program()).await.expect("it is taken up");
    world.plugin.delete("web", &state, &inputs).await.expect("the old one is deleted");
    assert_eq!(ids(&world).await, [text(&new["id"])]);
    assert!(!seen.contains(&text(&new["id"])));
}

#[tokio::test]
async fn a_replaced_provider_makes_its_own_image_and_the_old_process_deletes_the_old_one() {
    let mut world = World::slow().await;
    let (old_inputs, old) = up(&mut world, &Naming::Automatic.program()).await.expect("it is made");
    let mut old_plugin = Plugin::configured(&world.cloud).await;
    let mut plugin = Plugin::start().await;
    plugin.provider_id = Some(OTHER_PROVIDER.to_owned());
    plugin.configure(settings(&world.cloud)).await.expect("Configure succeeds");
    world.plugin = plugin;
    let inputs = inputs(&mut world, &Naming::Automatic.program()).await;
    let new = create(&mut world, &inputs).await.expect("it is made");
    old_plugin.delete("web", &old, &old_inputs).await.expect("the old one is deleted");
    assert_eq!(ids(&world).await, [text(&new["id"])]);
    assert_ne!(new["id"], old["id"]);
}

#[tokio::test]
async fn a_retained_image_is_not_taken_over() {
    for naming in NAMINGS {
        let mut world = World::slow().await;
        let (_, retained) = up(&mut world, &naming.program()).await.expect("it is made");
        let (id, before) = (text(&retained["id"]), world.images().await);
        advance(world.cloud.address(), 40 * 86_400).await;
        let again = up(&mut world, &naming.program()).await;
        let images = world.images().await;
        assert_eq!(name_of(&images, &id), name_of(&before, &id), "it keeps its name");
        match naming {
            Naming::Given => {
                let failed = again.expect_err("the name is taken");
                assert!(failed.message.contains("pulumi import"), "{}", failed.message);
                assert_eq!(images.len(), 1);
            }
            Naming::Automatic => {
                assert_ne!(text(&again.expect("another one").1["id"]), id);
                assert_eq!(images.len(), 2);
            }
        }
    }
}

#[tokio::test]
async fn another_state_with_the_same_program_has_its_own_image() {
    for naming in NAMINGS {
        let mut world = World::slow().await;
        let (inputs, first) = up(&mut world, &naming.program()).await.expect("it is made");
        let mut plugin = Plugin::start().await;
        plugin.provider_id = Some(OTHER_PROVIDER.to_owned());
        plugin.configure(settings(&world.cloud)).await.expect("Configure succeeds");
        let mut own = std::mem::replace(&mut world.plugin, plugin);
        let other_inputs = super::whose_image::inputs(&mut world, &naming.program()).await;
        let other = create(&mut world, &other_inputs).await;
        match naming {
            Naming::Given => {
                let failed = other.expect_err("the name is taken");
                assert!(failed.message.contains("InvalidImageName.Duplicated"), "{}", failed.message);
            }
            Naming::Automatic => {
                let other = other.expect("it has its own");
                assert_ne!(other["id"], first["id"]);
                assert_eq!(world.plugin.engine.warnings(), [""; 0]);
                world.plugin.delete("web", &other, &other_inputs).await.expect("it is deleted");
            }
        }
        assert_eq!(ids(&world).await, [text(&first["id"])], "the first state's image is untouched");
        own.delete("web", &first, &inputs).await.expect("it is deleted");
    }
}

#[tokio::test]
async fn two_states_at_once_with_unfinished_images_do_not_meet() {
    for naming in NAMINGS {
        let mut world = World::slow().await;
        killed_while_it_is_made(&mut world, &naming.program()).await;
        let left = ids(&world).await;
        world.plugin = Plugin::start().await;
        world.plugin.provider_id = Some(OTHER_PROVIDER.to_owned());
        world.plugin.configure(settings(&world.cloud)).await.expect("Configure succeeds");
        let inputs = inputs(&mut world, &naming.program()).await;
        let other = create(&mut world, &inputs).await.expect("it has its own");
        assert_ne!(text(&other["id"]), left[0]);
        assert_eq!(world.images().await.len(), 2);
    }
}

#[tokio::test]
async fn an_interrupted_image_that_the_program_wants_no_more_is_named_and_never_renamed() {
    for changed in [
        json!({ "imageName": "golden-2", "snapshotId": "s-system", "description": "tier 1" }),
        json!({ "imageName": "golden", "snapshotId": "s-system", "description": "tier 2" }),
    ] {
        let mut world = World::slow().await;
        killed_while_it_is_made(&mut world, &Naming::Given.program()).await;
        let before = world.images().await;
        let id = text(&before[0]["id"]);
        let (_, state) = up(&mut world, &changed).await.expect("what the program asks for is made");
        assert_ne!(text(&state["id"]), id);
        let images = world.images().await;
        assert_eq!(name_of(&images, &id), text(&before[0]["name"]));
        let warnings = world.plugin.engine.warnings();
        assert!(warnings.len() == 1 && warnings[0].contains(&id), "{warnings:?}");
        assert!(warnings[0].contains("pulumi import"), "{warnings:?}");
    }
}

/// A create whose time runs out: the engine saves an entry that is not complete.
async fn late(world: &mut World, program: &Json) -> (Json, Json) {
    world.restart_plugin().await;
    let inputs = inputs(world, program).await;
    world.plugin.time_limit = TIME_LIMIT;
    let failed = world.plugin.create("web", &inputs).await.expect_err("there is no time");
    world.plugin.time_limit = 0.0;
    let (_, state) = failed.partial.expect("the id is known");
    (inputs, state)
}

#[tokio::test]
async fn a_late_create_is_finished_by_the_next_up_under_its_own_name() {
    for naming in NAMINGS {
        let mut world = World::slow().await;
        let (inputs, state) = late(&mut world, &naming.program()).await;
        let id = text(&state["id"]);
        // With a refresh before it, which does not report success.
        advance(world.cloud.address(), 1).await;
        let failed = world.plugin.read("web", &id, &inputs, &state).await.expect_err("it is not usable yet");
        assert!(failed.message.contains("not usable yet: it is Creating"), "{}", failed.message);
        assert_eq!(failed.inputs.as_ref(), Some(&inputs));
        let (_, state) = failed.partial.expect("it exists");
        advance(world.cloud.address(), 120).await;
        let diff = world.plugin.diff("web", &state, &inputs, &inputs).await;
        assert_eq!(diff.detailed, ["UPDATE imageName"]);
        let state = world.plugin.update("web", &state, &inputs, &inputs).await.expect("it is finished");
        check_one(&world, &id, &inputs, &state).await;
    }
}

#[tokio::test]
async fn a_forced_replacement_of_a_late_create_takes_it_up_and_the_older_entry_deletes_nothing() {
    for naming in NAMINGS {
        for same_process in [true, false] {
            let mut world = World::slow().await;
            let (old_inputs, old) = late(&mut world, &naming.program()).await;
            let (inputs, new) = up(&mut world, &naming.program()).await.expect("it is taken up");
            assert_eq!(new["id"], old["id"]);
            assert_ne!(new["__mark"], old["__mark"]);
            if !same_process {
                world.restart_plugin().await;
            }
            world.plugin.delete("web", &old, &old_inputs).await.expect("the older entry goes");
            check_one(&world, &text(&new["id"]), &inputs, &new).await;
            let warnings = world.plugin.engine.warnings();
            assert!(warnings.iter().any(|line| line.contains("stays")), "{warnings:?}");
            world.plugin.delete("web", &new, &inputs).await.expect("the newer entry goes with its image");
            assert!(world.images().await.is_empty());
        }
    }
}

#[tokio::test]
async fn a_late_create_that_is_destroyed_leaves_nothing() {
    for naming in NAMINGS {
        let mut world = World::slow().await;
        let (inputs, state) = late(&mut world, &naming.program()).await;
        world.restart_plugin().await;
        world.plugin.delete("web", &state, &inputs).await.expect("it is deleted");
        assert!(world.images().await.is_empty(), "{naming:?}");
    }
}

#[tokio::test]
async fn a_broken_image_in_the_state_is_replaced_when_the_user_forces_it() {
    for naming in NAMINGS {
        let mut world = World::slow().await;
        world.faults(json!([{ "action": "CreateImage", "do": "fail_later" }])).await;
        let (old_inputs, old) = late(&mut world, &naming.program()).await;
        advance(world.cloud.address(), 120).await;
        let id = text(&old["id"]);
        let failed = world.plugin.read("web", &id, &old_inputs, &old).await.expect_err("it is broken");
        assert!(failed.message.contains("broken") && failed.message.contains("--replace"), "{failed:?}");
        let failed =
            world.plugin.update("web", &old, &old_inputs, &old_inputs).await.expect_err("it is broken");
        assert!(failed.message.contains("pulumi up --replace"), "{}", failed.message);
        // The advice is good.
        let (_, new) = up(&mut world, &naming.program()).await.expect("another one is made");
        assert_ne!(new["id"], old["id"]);
        world.plugin.delete("web", &old, &old_inputs).await.expect("the broken one is gone");
        assert_eq!(ids(&world).await, [text(&new["id"])]);
    }
}

#[tokio::test]
async fn an_engine_that_does_not_tell_the_provider_adopts_nothing() {
    for naming in NAMINGS {
        let mut world = World::slow().await;
        world.plugin = older(&world).await;
        let inputs = inputs(&mut world, &naming.program()).await;
        let first = create(&mut world, &inputs).await.expect("it is made");
        world.plugin = older(&world).await;
        let inputs = super::whose_image::inputs(&mut world, &naming.program()).await;
        match (naming, create(&mut world, &inputs).await) {
            (Naming::Given, Err(failed)) => {
                assert!(
                    failed.message.contains(&format!("web {}", text(&first["id"]))),
                    "{}",
                    failed.message
                );
            }
            (Naming::Automatic, Ok(second)) => assert_ne!(second["id"], first["id"]),
            (_, other) => panic!("{naming:?}: {other:?}"),
        }
    }
}

async fn older(world: &World) -> Plugin {
    let mut plugin = Plugin::start().await;
    plugin.provider_id = None;
    plugin.configure(settings(&world.cloud)).await.expect("Configure succeeds");
    plugin
}

#[tokio::test]
async fn an_image_of_an_earlier_create_does_not_come_into_the_state_when_a_look_at_it_fails() {
    for lag in [false, true] {
        let mut world = World::slow().await;
        let (_, retained) = up(&mut world, &Naming::Automatic.program()).await.expect("it is made");
        let (id, before) = (text(&retained["id"]), world.images().await);
        let mut faults = vec![json!({ "action": "DescribeImages", "match": { "ImageId": id }, "do": "error",
            "code": "Forbidden.RAM", "status": 403, "times": 99 })];
        if lag {
            // The list does not show it.
            faults.push(json!({ "action": "DescribeImages", "do": "omit", "times": 1 }));
        }
        world.restart_plugin().await;
        world.faults(faults.into()).await;
        let inputs = inputs(&mut world, &Naming::Automatic.program()).await;
        let again = create(&mut world, &inputs).await;
        world.control("DELETE", "/_emulator/faults", Json::Null).await;
        if !lag {
            assert_ne!(text(&again.expect("another one is made")["id"]), id);
            assert_eq!(name_of(&world.images().await, &id), name_of(&before, &id));
            continue;
        }
        // Nobody could tell what it is; neither the next `up` nor its end touches it, and a refresh settles it.
        let (_, state) = again.expect_err("nobody can look").partial.expect("it may be new");
        let read = world.plugin.read("web", &id, &inputs, &state).await.expect("it can be looked at now");
        assert!(read.is_none(), "{read:?}");
        assert!(world.plugin.engine.warnings().iter().any(|line| line.contains("not touched")));
        let failed =
            world.plugin.update("web", &state, &inputs, &inputs).await.expect_err("it is a stranger");
        assert!(failed.message.contains("pulumi state delete"), "{}", failed.message);
        world.plugin.delete("web", &state, &inputs).await.expect("the entry goes");
        assert_eq!(world.images().await, before);
    }
}

#[tokio::test]
async fn an_image_that_the_stack_has_imported_is_not_taken_up_under_another_name() {
    let mut world = World::slow().await;
    killed_while_it_is_made(&mut world, &Naming::Given.program()).await;
    let id = ids(&world).await.remove(0);
    advance(world.cloud.address(), 120).await;
    let read = world.plugin.read("web-old", &id, &json!({}), &json!({})).await.expect("it is there");
    let (inputs, state) = read.expect("it is there");
    assert!(world.plugin.engine.warnings()[0].contains("left unfinished"), "the import warns");
    world.plugin.diff("web-old", &state, &inputs, &inputs).await;
    let wanted = super::whose_image::inputs(&mut world, &Naming::Given.program()).await;
    let failed = create(&mut world, &wanted).await.expect_err("it is another resource's");
    assert!(
        failed.message.contains("Image::web-old in the state holds it") && failed.partial.is_none(),
        "{failed:?}"
    );
    assert_eq!(ids(&world).await, [id]);
}

/// The resource option `import` of an image whose older entry the program has no more.
#[tokio::test]
async fn an_image_that_another_entry_has_imported_stays_when_the_older_one_is_deleted() {
    for is_import in [false, true] {
        let (mut world, nothing) = (World::new().await, json!({}));
        let (mut inputs, mut state) = world.plugin.up("web", Naming::Given.program()).await;
        let id = text(&state["id"]);
        if is_import {
            (inputs, state) = world.plugin.read("web", &id, &nothing, &nothing).await.unwrap().unwrap();
        }
        world.restart_plugin().await;
        assert!(world.plugin.read("web", &id, &inputs, &state).await.unwrap().is_some());
        let (newer, newer_state) =
            world.plugin.read("newer", &id, &nothing, &nothing).await.unwrap().unwrap();
        let checked = world.plugin.check_against("newer", Some(newer.clone()), newer.clone()).await.unwrap();
        world.plugin.diff("newer", &newer_state, &newer, &checked).await;
        world.plugin.delete("web", &state, &inputs).await.expect("the entry goes");
        assert_eq!(ids(&world).await, [id.as_str()], "{is_import}");
        let warnings = world.plugin.engine.warnings();
        let stays = format!("image {id} stays: another entry of the state holds it");
        assert!(warnings.iter().any(|line| line.starts_with(&stays)), "{warnings:?}");
        world.plugin.delete("newer", &newer_state, &newer).await.expect("it is deleted");
        assert_eq!(ids(&world).await, [""; 0], "{is_import}");
    }
}

#[tokio::test]
async fn a_broken_image_takes_its_own_snapshots_with_it_and_not_its_source() {
    let snapshots = async |world: &World| -> Vec<String> {
        let state = world.control("GET", "/_emulator/state", Json::Null).await;
        let snapshots =
            state["regions"][crate::harness::REGION]["snapshots"].as_array().expect("a list").clone();
        snapshots.iter().map(|snapshot| text(&snapshot["id"])).collect()
    };
    for source in [json!({ "snapshotId": "s-system" }), json!({ "instanceId": "i-running" })] {
        for late_first in [false, true] {
            let mut world = World::slow().await;
            world.images().await;
            let mut program = source.clone();
            program["deleteAutoSnapshot"] = true.into();
            world.faults(json!([{ "action": "CreateImage", "do": "fail_later" }])).await;
            if late_first {
                let (old_inputs, old) = late(&mut world, &program).await;
                advance(world.cloud.address(), 120).await;
                let (inputs, new) = up(&mut world, &program).await.expect("it is made anew");
                world.plugin.delete("web", &old, &old_inputs).await.expect("the broken one is gone");
                assert!(snapshots(&world).await.contains(&"s-system".to_owned()));
                if source.get("instanceId").is_some() {
                    world.plugin.delete("web", &new, &inputs).await.expect("it is deleted");
                    assert_eq!(snapshots(&world).await, ["s-system", "s-data", "s-2013"]);
                }
            } else {
                up(&mut world, &program).await.expect_err("the cloud cannot make it");
                assert_eq!(snapshots(&world).await, ["s-system", "s-data", "s-2013"]);
            }
        }
    }
}

#[tokio::test]
async fn another_version_of_the_sdk_names_what_the_one_before_left_unfinished() {
    let mut world = World::slow().await;
    killed_while_it_is_made(&mut world, &Naming::Automatic.program()).await;
    let id = ids(&world).await.remove(0);
    // A default provider has another id with each version.
    world.plugin = Plugin::start().await;
    world.plugin.provider_id = Some(OTHER_PROVIDER.to_owned());
    world.plugin.configure(settings(&world.cloud)).await.expect("Configure succeeds");
    let inputs = inputs(&mut world, &Naming::Automatic.program()).await;
    create(&mut world, &inputs).await.expect("it has its own");
    let warnings = world.plugin.engine.warnings();
    assert!(warnings.len() == 1 && warnings[0].contains(&id), "{warnings:?}");
}

#[tokio::test]
async fn a_name_that_is_freed_late_brings_no_dead_image_into_the_state() {
    for (naming, provider) in [(Naming::Given, true), (Naming::Automatic, true), (Naming::Given, false)] {
        let options = Options {
            image_ready_after: Duration::ZERO,
            names_freed_after: Duration::from_millis(1_500),
            ..Options::default()
        };
        let mut world = World::with(options).await;
        if !provider {
            world.plugin = older(&world).await;
        }
        let inputs = inputs(&mut world, &naming.program()).await;
        world.faults(json!([{ "action": "ModifyImageAttribute", "do": "error", "code": "Forbidden.RAM", "status": 403 }])).await;
        let created = world.plugin.create("web", &inputs).await;
        assert_eq!(created.is_err(), provider, "{created:?}");
        let state = match created {
            Ok((_, state)) => state,
            Err(failed) => failed.partial.expect("it exists").1,
        };
        world.control("DELETE", "/_emulator/faults", Json::Null).await;
        world.plugin.delete("web", &state, &inputs).await.expect("it is deleted");
        let (_, again) = world.plugin.create("web", &inputs).await.expect("it is made anew");
        assert_ne!(again["id"], state["id"]);
        assert_eq!(ids(&world).await, [text(&again["id"])]);
    }
}
