//! What holds of every program with an image, whatever it says: the laws are tried on programs made at random, each for
//! some hundreds of them. A program that breaks one is kept in `regressions/`, and tried first from then on.

use proptest::prelude::*;
use proptest::test_runner::{Config, FileFailurePersistence, TestCaseError, TestRunner};
use serde_json::{Value as Json, json};
use tokio::runtime::Runtime;
use tokio::sync::Mutex;

use crate::harness::{Plan, Stack, World, secret, text};
use crate::image_programs::{
    Expected, can_be_made, can_boot, drift, edited_program, expected, is_updatable, junk_program,
    leads_somewhere, not_in_effect, program, tag_texts,
};

/// How many programs each law is tried on.
const CASES: u32 = 250;

/// Tries a law, each time in a cloud in its first state.
fn holds<S: Strategy>(
    regressions: &'static str,
    strategy: S,
    law: impl AsyncFn(&mut World, S::Value) -> Result<(), TestCaseError>,
) {
    let runtime = Runtime::new().unwrap();
    let world = Mutex::new(runtime.block_on(World::new()));
    let config = Config {
        cases: CASES,
        max_shrink_iters: 300,
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(regressions))),
        ..Config::default()
    };
    let started = std::time::Instant::now();
    let tried = std::cell::Cell::new(0);
    let outcome = TestRunner::new(config).run(&strategy, |case| {
        tried.set(tried.get() + 1);
        runtime.block_on(async {
            let mut world = world.lock().await;
            world.control("DELETE", "/_emulator/state", Json::Null).await;
            law(&mut world, case).await
        })
    });
    if let Err(broken) = outcome {
        panic!("{broken}");
    }
    assert!(tried.get() >= CASES, "only {} programs were tried", tried.get());
    eprintln!("{} cases in {} s", tried.get(), started.elapsed().as_secs());
}

macro_rules! regressions {
    ($name:literal) => {
        concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/integration/regressions/", $name, ".txt")
    };
}

/// The one image that should be there.
async fn the_image(world: &World) -> Result<Json, TestCaseError> {
    let images = world.images().await;
    prop_assert_eq!(images.len(), 1, "images: {:?}", images);
    Ok(images[0].clone())
}

async fn run<T: std::fmt::Debug>(
    what: &str,
    outcome: impl Future<Output = Result<T, crate::harness::Failed>>,
) -> Result<T, TestCaseError> {
    outcome.await.map_err(|failed| TestCaseError::fail(format!("{what} failed: {}", failed.message)))
}

#[test]
fn what_is_up_stays_as_it_is_through_preview_refresh_and_import_and_leaves_nothing_behind() {
    let strategy = (program(), any::<bool>());
    holds(regressions!("whole-life"), strategy, async |world, (mut program, hidden)| {
        let mut stack = Stack::new("web");
        let plain = program.clone();
        if hidden && let Some(description) = program.get_mut("description") {
            *description = secret(description.clone());
        }
        let plan = run("up", stack.up(&mut world.plugin, &program)).await?;
        prop_assert_eq!(plan, Plan::Create);
        let image = the_image(world).await?;
        prop_assert_eq!(text(&image["id"]), stack.id());
        let wrong = not_in_effect(&plain, &image);
        prop_assert!(wrong.is_empty(), "{:?}", wrong);
        prop_assert_eq!(stack.preview(&mut world.plugin, &program).await.0, Plan::Same, "after up");

        let before = stack.kept.clone().expect("it was made");
        prop_assert!(run("refresh", stack.refresh(&mut world.plugin)).await?, "taken for gone");
        let after = stack.kept.clone().expect("it is there");
        prop_assert_eq!(&after.inputs, &before.inputs, "inputs after refresh");
        prop_assert_eq!(&after.state, &before.state, "state after refresh");
        prop_assert_eq!(stack.preview(&mut world.plugin, &program).await.0, Plan::Same, "after refresh");

        let (id, nothing) = (stack.id(), json!({}));
        let read = world.plugin.read("imported", &id, &nothing, &nothing);
        let (inputs, state) = run("import", read).await?.expect("it is there");
        let checked = world.plugin.check("imported", inputs.clone()).await;
        prop_assert_eq!(checked.as_ref(), Ok(&inputs), "the imported program is good");
        let diff = world.plugin.diff("imported", &state, &inputs, &inputs).await;
        prop_assert!(diff.detailed.is_empty(), "after import: {:?}", diff);

        run("destroy", stack.destroy(&mut world.plugin)).await?;
        prop_assert!(world.images().await.is_empty(), "an image is left");
        let left = world.control("GET", "/_emulator/state", Json::Null).await;
        let of_instances = left["regions"][crate::harness::REGION]["snapshots"].as_array().cloned();
        let count =
            of_instances.into_iter().flatten().filter(|one| !text(&one["instance"]).is_empty()).count();
        let wanted = plain["deleteAutoSnapshot"] == true;
        prop_assert!(!wanted || count == 0, "{count} snapshots are left");
        Ok(())
    });
}

#[test]
fn the_plan_for_an_edited_program_is_what_the_rules_say_and_carrying_it_out_makes_it_so() {
    holds(regressions!("edits"), edited_program(), async |world, (old, new)| {
        let mut stack = Stack::new("web");
        run("up", stack.up(&mut world.plugin, &old)).await?;
        let image = the_image(world).await?;
        // Where the program gives no name, the one that was made for it is among the inputs.
        let inputs = stack.kept.clone().expect("it was made").inputs;
        let expected = expected(&inputs, &new, &image);
        let (plan, _) = stack.preview(&mut world.plugin, &new).await;
        prop_assert_eq!(as_expected(&plan), Some(expected));
        // An image that is not replaced keeps the architecture that it was made for.
        let bootable = matches!(plan, Plan::Replace(_)) || can_boot(&image["architecture"], &new["bootMode"]);
        if !can_be_made(&new) || !bootable || matches!(plan, Plan::Refused(_)) {
            return Ok(());
        }
        let id = stack.id();
        let done = run("the second up", stack.up(&mut world.plugin, &new)).await?;
        let now = the_image(world).await?;
        prop_assert_eq!(matches!(done, Plan::Replace(_)), text(&now["id"]) != id, "replaced");
        prop_assert_eq!(text(&now["id"]), stack.id());
        let wrong = not_in_effect(&new, &now);
        prop_assert!(wrong.is_empty(), "{:?}", wrong);
        prop_assert_eq!(stack.preview(&mut world.plugin, &new).await.0, Plan::Same, "after the edit");
        let state = stack.kept.clone().expect("it is up").state;
        prop_assert!(run("refresh", stack.refresh(&mut world.plugin)).await?, "taken for gone");
        let refreshed = stack.kept.clone().expect("it is up").state;
        prop_assert_eq!(refreshed, state, "what the cloud reports of the edited image");
        prop_assert_eq!(stack.preview(&mut world.plugin, &new).await.0, Plan::Same, "after refresh");
        Ok(())
    });
}

#[test]
fn what_others_change_is_seen_by_refresh_shown_by_preview_and_repaired_by_up() {
    // Any way to start is known to this architecture alone.
    let program = program().prop_filter("architecture", |program| {
        program.get("architecture").is_none_or(|architecture| architecture == "x86_64")
    });
    holds(regressions!("drift"), (program, drift()), async |world, (program, (drifted, change))| {
        let mut stack = Stack::new("web");
        run("up", stack.up(&mut world.plugin, &program)).await?;
        let inputs = stack.kept.clone().expect("it was made").inputs;
        world.change(&stack.id(), Json::Object(change)).await;
        prop_assert!(run("refresh", stack.refresh(&mut world.plugin)).await?, "taken for gone");

        // What a program does not give is not its business.
        let mut now = inputs.clone();
        for (property, value) in drifted {
            assert!(is_updatable(&property));
            let given = if property == "imageName" && now.get("name").is_some() { "name" } else { &property };
            let Some(there) = now.get_mut(given) else { continue };
            match value {
                Json::Object(fields) if property == "features" => {
                    for (feature, value) in fields {
                        if let Some(there) = there.get_mut(&feature) {
                            *there = value;
                        }
                    }
                }
                value if property == "tags" => *there = tag_texts(&value),
                _ if property == "licenseType" && *there == "Auto" => {}
                value => *there = value,
            }
        }
        let expected = expected(&now, &program, &the_image(world).await?);
        let (plan, _) = stack.preview(&mut world.plugin, &program).await;
        let is_refused = matches!(plan, Plan::Refused(_));
        prop_assert_eq!(as_expected(&plan), Some(expected));
        if is_refused {
            return Ok(());
        }
        run("up", stack.up(&mut world.plugin, &program)).await?;
        let image = the_image(world).await?;
        let mut wrong = not_in_effect(&program, &image);
        wrong.retain(|text| !text.contains("should be cleared"));
        prop_assert!(wrong.is_empty(), "{:?}", wrong);
        prop_assert_eq!(stack.preview(&mut world.plugin, &program).await.0, Plan::Same, "after the repair");
        Ok(())
    });
}

#[test]
fn whatever_a_program_says_check_answers_and_what_it_lets_through_goes_on() {
    holds(regressions!("junk"), junk_program(), async |world, program| {
        let inputs = match world.plugin.check("web", program.clone()).await {
            Ok(inputs) => inputs,
            Err(failures) => {
                for failure in failures {
                    let (path, reason) = failure.split_once(": ").unwrap_or_default();
                    prop_assert!(!reason.is_empty(), "no reason: {}", failure);
                    // That no source is given is nobody's mistake but the program's.
                    let is_whole =
                        path.is_empty() && reason.contains("exactly one of instanceId, snapshotId and");
                    prop_assert!(is_whole || leads_somewhere(path, &program), "no path: {}", failure);
                }
                return Ok(());
            }
        };
        let state = world.plugin.preview_create("web", &inputs).await;
        prop_assert!(state.get("status").is_some(), "{}", state);
        let old = json!({ "imageName": "old", "snapshotId": "s-system" });
        let kept = json!({ "id": "m-1", "imageName": "old" });
        world.plugin.diff("web", &kept, &old, &inputs).await;
        world.plugin.diff("web", &kept, &inputs, &old).await;
        world.plugin.preview_update("web", &kept, &old, &inputs).await;
        let again = world.plugin.check_against("web", Some(inputs.clone()), program).await;
        prop_assert!(again.is_ok(), "good once, refused then: {:?}", again);
        Ok(())
    });
}

/// A plan as the rules put it. A new image is never one.
fn as_expected(plan: &Plan) -> Option<Expected> {
    match plan {
        Plan::Create => None,
        Plan::Same => Some(Expected::Same),
        Plan::Update(diff) | Plan::Replace(diff) => Some(Expected::Changes {
            detailed: diff.detailed.clone(),
            replaces: diff.replaces.clone(),
            delete_first: diff.delete_before_replace,
        }),
        Plan::Refused(failures) => {
            let paths =
                failures.iter().map(|failure| failure.split(": ").next().unwrap_or_default().to_owned());
            Some(Expected::Refused(paths.collect()))
        }
    }
}
