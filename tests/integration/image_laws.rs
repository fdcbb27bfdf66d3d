//! What holds of every program with an image, whatever it says: the laws are tried on programs made at random, each for
//! some hundreds of them. A program that breaks one is kept in `regressions/`, and tried first from then on.

use std::time::Duration;

use aliyun::ecs::CreateImageRequest;
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use serde_json::{Value as Json, json};

use crate::harness::{Kept, Plan, Stack, World, holds, secret, text};
use crate::image_programs::{
    COPIES, IMAGES, IMPORTS, Kind, Part, can_be_made, can_boot, drift, edited_program, junk_program, program,
};
use crate::image_rules::{
    Expected, expected, in_one_case, is_updatable, leads_somewhere, not_in_effect, tag_texts,
};

/// A cloud, in its first state before each case, and a plugin that is asked about one type of resource.
struct Scene {
    world: World,
    kind: &'static Kind,
    /// The ids of the kind's sources.
    sources: Vec<String>,
}

impl Scene {
    async fn new(kind: &'static Kind) -> Scene {
        let mut world = World::new().await;
        world.plugin.resource_type = kind.resource_type;
        Scene { world, kind, sources: Vec::new() }
    }

    async fn begin(&mut self) {
        self.world.control("DELETE", "/_emulator/state", Json::Null).await;
        self.sources.clear();
        for &(region, name) in self.kind.sources {
            let request = CreateImageRequest {
                client_token: Some(name.to_owned()),
                image_name: Some(name.to_owned()),
                snapshot_id: Some("s-system".to_owned()),
                ..CreateImageRequest::default()
            };
            let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
            let made = self.world.somebody_else(region).create_image(&request, deadline).await;
            self.sources.push(made.unwrap().image_id);
        }
    }

    /// The program with the ids that the cloud has given its sources.
    fn settled(&self, mut program: Json) -> Json {
        for ((_, name), id) in self.kind.sources.iter().zip(&self.sources) {
            if program["sourceImageId"] == *name {
                program["sourceImageId"] = id.as_str().into();
            }
        }
        program
    }
}

/// Tries a law of one kind, each time in a cloud in its first state.
fn is_law<S: Strategy>(
    name: &str,
    kind: &'static Kind,
    strategy: S,
    law: impl AsyncFn(&mut Scene, S::Value) -> Result<(), TestCaseError>,
) {
    holds(name, kind.cases, Scene::new(kind), &strategy, async |scene: &mut Scene, case| {
        scene.begin().await;
        law(scene, case).await
    });
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

/// The laws, and what each is tried on: of images, of copies and of imports.
macro_rules! laws {
    ($($law:ident on $strategy:expr => $($kind:ident $holds:ident $name:literal),+;)+) => {
        $($(
            #[test]
            fn $holds() {
                is_law($name, &$kind, $strategy(&$kind), $law);
            }
        )+)+
    };
}

laws! {
    whole_life on whole_lives =>
        IMAGES an_image_that_is_up_stays_as_it_is_through_preview_refresh_and_import_and_leaves_nothing_behind
            "whole-life",
        COPIES a_copy_that_is_up_stays_as_it_is_through_preview_refresh_and_import_and_leaves_nothing_behind
            "whole-life-of-a-copy",
        IMPORTS an_import_that_is_up_stays_as_it_is_through_preview_refresh_and_import_and_leaves_nothing_behind
            "whole-life-of-an-import";
    edit on edited_program =>
        IMAGES the_plan_for_an_edited_image_is_what_the_rules_say_and_carrying_it_out_makes_it_so "edits",
        COPIES the_plan_for_an_edited_copy_is_what_the_rules_say_and_carrying_it_out_makes_it_so "edits-of-a-copy",
        IMPORTS the_plan_for_an_edited_import_is_what_the_rules_say_and_carrying_it_out_makes_it_so
            "edits-of-an-import";
    drifts on drifted_programs =>
        IMAGES what_others_change_of_an_image_is_seen_by_refresh_shown_by_preview_and_repaired_by_up "drift",
        COPIES what_others_change_of_a_copy_is_seen_by_refresh_shown_by_preview_and_repaired_by_up
            "drift-of-a-copy",
        IMPORTS what_others_change_of_an_import_is_seen_by_refresh_shown_by_preview_and_repaired_by_up
            "drift-of-an-import";
    junk on junk_program =>
        IMAGES whatever_a_program_says_of_an_image_check_answers_and_what_it_lets_through_goes_on "junk",
        COPIES whatever_a_program_says_of_a_copy_check_answers_and_what_it_lets_through_goes_on "junk-of-a-copy",
        IMPORTS whatever_a_program_says_of_an_import_check_answers_and_what_it_lets_through_goes_on
            "junk-of-an-import";
}

fn whole_lives(kind: &Kind) -> impl Strategy<Value = (Json, bool)> + use<> {
    (program(kind), any::<bool>())
}

fn drifted_programs(kind: &Kind) -> impl Strategy<Value = (Json, (Part, Part))> + use<> {
    // Any way to start is known to this architecture alone.
    let program = program(kind).prop_filter("architecture", |program| {
        program.get("architecture").is_none_or(|architecture| architecture == "x86_64")
    });
    (program, drift())
}

async fn whole_life(scene: &mut Scene, (program, hidden): (Json, bool)) -> Result<(), TestCaseError> {
    let plain = scene.settled(program);
    let mut program = plain.clone();
    let mut stack = Stack::new("web");
    if hidden && let Some(description) = program.get_mut("description") {
        *description = secret(description.clone());
    }
    let plan = run("up", stack.up(&mut scene.world.plugin, &program)).await?;
    prop_assert_eq!(plan, Plan::Create);
    let image = the_image(&scene.world).await?;
    prop_assert_eq!(text(&image["id"]), stack.id());
    let wrong = not_in_effect(&plain, &image);
    prop_assert!(wrong.is_empty(), "{:?}", wrong);
    prop_assert_eq!(stack.preview(&mut scene.world.plugin, &program).await.0, Plan::Same, "after up");

    let before = stack.kept.clone().expect("it was made");
    prop_assert!(run("refresh", stack.refresh(&mut scene.world.plugin)).await?, "taken for gone");
    let after = stack.kept.clone().expect("it is there");
    prop_assert_eq!(&after.inputs, &before.inputs, "inputs after refresh");
    prop_assert_eq!(&after.state, &before.state, "state after refresh");
    prop_assert_eq!(stack.preview(&mut scene.world.plugin, &program).await.0, Plan::Same, "after refresh");

    let (id, nothing) = ((scene.kind.import_id)(&stack.id(), &plain), json!({}));
    let plugin = &mut scene.world.plugin;
    let (inputs, state) =
        run("import", plugin.read("imported", &id, &nothing, &nothing)).await?.expect("it is there");
    let checked = plugin.check("imported", inputs.clone()).await;
    prop_assert_eq!(checked.as_ref(), Ok(&inputs), "the imported program is good");
    let wrong = not_in_effect(&inputs, &image);
    prop_assert!(wrong.is_empty(), "imported: {:?}", wrong);
    let kept = Some(Kept { inputs: inputs.clone(), state, incomplete: false });
    let imported = Stack { kept, ..Stack::new("imported") };
    prop_assert_eq!(imported.preview(plugin, &inputs).await.0, Plan::Same, "after import");
    // So does the program that it was made by: what the cloud does not tell is only recorded.
    prop_assert_eq!(imported.preview(plugin, &plain).await.0, Plan::Same, "the first program after import");

    // A process of its own: the one that imports knows that another entry holds the image.
    scene.world.restart_plugin().await;
    run("destroy", stack.destroy(&mut scene.world.plugin)).await?;
    prop_assert!(scene.world.images().await.is_empty(), "an image is left");
    let left = scene.world.control("GET", "/_emulator/state", Json::Null).await;
    let snapshots = left["regions"][crate::harness::REGION]["snapshots"].as_array().cloned();
    let stock = |snapshot: &Json| ["s-system", "s-data", "s-2013"].contains(&text(&snapshot["id"]).as_str());
    let count = snapshots.into_iter().flatten().filter(|snapshot| !stock(snapshot)).count();
    let wanted = plain["deleteAutoSnapshot"] == true;
    prop_assert!(!wanted || count == 0, "{count} snapshots are left");
    Ok(())
}

async fn edit(scene: &mut Scene, (old, new): (Json, Json)) -> Result<(), TestCaseError> {
    let (old, new) = (scene.settled(old), scene.settled(new));
    let (world, kind) = (&mut scene.world, scene.kind);
    let mut stack = Stack::new("web");
    run("up", stack.up(&mut world.plugin, &old)).await?;
    let image = the_image(world).await?;
    // Where the program gives no name, the one that was made for it is among the inputs.
    let inputs = stack.kept.clone().expect("it was made").inputs;
    let expected = expected(kind.properties, &inputs, &new, &image);
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
    // A state has formats as the program writes them.
    prop_assert_eq!(in_one_case(refreshed), in_one_case(state), "what the cloud reports of the edited image");
    prop_assert_eq!(stack.preview(&mut world.plugin, &new).await.0, Plan::Same, "after refresh");
    Ok(())
}

async fn drifts(
    scene: &mut Scene,
    (program, (drifted, change)): (Json, (Part, Part)),
) -> Result<(), TestCaseError> {
    let program = scene.settled(program);
    let (world, kind) = (&mut scene.world, scene.kind);
    let mut stack = Stack::new("web");
    run("up", stack.up(&mut world.plugin, &program)).await?;
    let inputs = stack.kept.clone().expect("it was made").inputs;
    world.change(&stack.id(), Json::Object(change)).await;
    prop_assert!(run("refresh", stack.refresh(&mut world.plugin)).await?, "taken for gone");

    // What a program does not give is not its business.
    let mut now = inputs.clone();
    for (property, value) in drifted {
        let given = if property == "imageName" && now.get("name").is_some() { "name" } else { &property };
        let Some(there) = now.get_mut(given) else { continue };
        assert!(is_updatable(kind.properties, &property));
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
    let expected = expected(kind.properties, &now, &program, &the_image(world).await?);
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
}

async fn junk(scene: &mut Scene, program: Json) -> Result<(), TestCaseError> {
    let (plugin, kind) = (&mut scene.world.plugin, scene.kind);
    let inputs = match plugin.check("web", program.clone()).await {
        Ok(inputs) => inputs,
        Err(failures) => {
            for failure in failures {
                let (path, reason) = failure.split_once(": ").unwrap_or_default();
                prop_assert!(!reason.is_empty(), "no reason: {}", failure);
                // That no source is given is nobody's mistake but the program's.
                let is_whole =
                    path.is_empty() && reason.contains("exactly one of instanceId, snapshotId and");
                let leads = leads_somewhere(kind.properties, path, &program);
                prop_assert!(is_whole || leads, "no path: {}", failure);
            }
            return Ok(());
        }
    };
    let state = plugin.preview_create("web", &inputs).await;
    prop_assert!(state.get("status").is_some(), "{}", state);
    let mut old = (kind.least)();
    old["imageName"] = "old".into();
    let kept = json!({ "id": "m-1", "imageName": "old" });
    plugin.diff("web", &kept, &old, &inputs).await;
    plugin.diff("web", &kept, &inputs, &old).await;
    plugin.preview_update("web", &kept, &old, &inputs).await;
    let again = plugin.check_against("web", Some(inputs.clone()), program).await;
    prop_assert!(again.is_ok(), "good once, refused then: {:?}", again);
    Ok(())
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
