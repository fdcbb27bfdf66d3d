//! `name`, the deprecated old name of `imageName`: every old state, with every old and new spelling.

use serde_json::{Value as Json, json};

use crate::harness::{World, text};

const OLD: &str = "old-name";
const NEW: &str = "new-name";

/// What a program may say of the name.
const SAID: [(&str, Option<&str>, Option<&str>); 9] = [
    ("name old", Some(OLD), None),
    ("imageName old", None, Some(OLD)),
    ("both old", Some(OLD), Some(OLD)),
    ("name new", Some(NEW), None),
    ("imageName new", None, Some(NEW)),
    ("both new", Some(NEW), Some(NEW)),
    ("old and new", Some(OLD), Some(NEW)),
    ("new and old", Some(NEW), Some(OLD)),
    ("nothing", None, None),
];

/// What comes of it, by what the program said before, whichever names the state has. `made`: with the name given; `auto`:
/// with one of the provider's making; `same`: nothing to do; `renamed`: the new name in place; `refused`: both are named.
#[rustfmt::skip]
const OUTCOMES: [(&str, [&str; 9]); 5] = [
    // said now:           name old   imageName  both old   name new   imageName  both new   old & new  new & old  nothing
    ("no resource",       ["made",    "made",    "made",    "made",    "made",    "made",    "refused", "refused", "auto"]),
    ("name old",          ["same",    "same",    "same",    "renamed", "renamed", "renamed", "refused", "refused", "same"]),
    ("imageName old",     ["same",    "same",    "same",    "renamed", "renamed", "renamed", "refused", "refused", "same"]),
    ("both old",          ["same",    "same",    "same",    "renamed", "renamed", "renamed", "refused", "refused", "same"]),
    ("nothing",           ["same",    "same",    "same",    "renamed", "renamed", "renamed", "refused", "refused", "same"]),
];

/// Which of the names a state has. What an older provider left may have one of them alone.
const STATES: [(&str, &[&str]); 3] =
    [("name", &["name"]), ("imageName", &["imageName"]), ("both", &["name", "imageName"])];

fn program(said: &str) -> Json {
    let (_, name, image_name) = SAID.iter().find(|(says, ..)| *says == said).unwrap();
    let mut program = json!({ "snapshotId": "s-system" });
    for (property, value) in [("name", name), ("imageName", image_name)] {
        if let Some(value) = value {
            program[property] = (*value).into();
        }
    }
    program
}

fn outcomes() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    OUTCOMES
        .iter()
        .flat_map(|(before, row)| row.iter().zip(SAID).map(|(outcome, (now, ..))| (*before, now, *outcome)))
}

/// Refused with a failure at each of the two names, which names both and both values.
#[track_caller]
fn check_refused(checked: Result<Json, Vec<String>>, what: &str) {
    let failures = checked.expect_err(what);
    assert_eq!(failures.len(), 2, "{what}: {failures:?}");
    for (failure, path) in failures.iter().zip(["imageName: ", "name: "]) {
        assert!(failure.starts_with(path), "{what}: {failures:?}");
        for told in ["imageName", "name", OLD, NEW] {
            assert!(failure.contains(told), "{what}: {failures:?}");
        }
    }
}

#[tokio::test]
async fn a_new_image_has_the_name_under_either_spelling() {
    for (before, now, outcome) in outcomes().filter(|(before, ..)| *before == "no resource") {
        let mut world = World::new().await;
        let what = format!("{before}, then {now}");
        let checked = world.plugin.check("web", program(now)).await;
        if outcome == "refused" {
            check_refused(checked, &what);
            continue;
        }
        let checked = checked.expect(&what);
        let (_, state) = world.plugin.create("web", &checked).await.expect(&what);
        let name = text(&world.images().await[0]["name"]);
        assert_eq!((text(&state["name"]), text(&state["imageName"])), (name.clone(), name.clone()), "{what}");
        match outcome {
            "made" => {
                assert_eq!(checked, program(now), "{what}: the program's spelling stays");
                assert!(
                    program(now).as_object().unwrap().values().any(|given| *given == name.as_str()),
                    "{what}"
                );
            }
            _ => assert!(name.starts_with("web-"), "{what}: {name}"),
        }
    }
}

#[tokio::test]
async fn an_image_that_exists_is_renamed_only_to_another_name() {
    let mut world = World::new().await;
    let (_, made) = world.plugin.up("web", json!({ "imageName": OLD, "snapshotId": "s-system" })).await;
    let mut wrong = Vec::new();
    for (before, now, outcome) in outcomes().filter(|(before, ..)| *before != "no resource") {
        for (has, names) in STATES {
            let what = format!("a state with {has}, {before}, then {now}");
            let mut state = made.clone();
            for name in ["name", "imageName"].into_iter().filter(|name| !names.contains(name)) {
                state.as_object_mut().unwrap().remove(name);
            }
            let olds = program(before);
            let checked = world.plugin.check_against("web", Some(olds.clone()), program(now)).await;
            if outcome == "refused" {
                check_refused(checked, &what);
                continue;
            }
            let checked = checked.expect(&what);
            let diff = world.plugin.diff("web", &state, &olds, &checked).await;
            let written = if now == "name new" { "name" } else { "imageName" };
            let right = match (outcome, diff.detailed.as_slice()) {
                ("same", changes) => changes.is_empty(),
                ("renamed", [change]) => change.ends_with(&format!(" {written}")) && diff.replaces.is_empty(),
                _ => false,
            };
            if !right {
                wrong.push(format!("{what}: {outcome}, not {diff:?}"));
            }
        }
    }
    assert_eq!(wrong, [""; 0]);
}

#[tokio::test]
async fn a_new_name_goes_to_the_cloud_and_into_both_outputs() {
    let mut world = World::new().await;
    let (mut inputs, mut state) = world.plugin.up("web", program("name old")).await;
    for now in ["imageName new", "name old", "both new", "imageName old"] {
        let news = world.plugin.check_against("web", Some(inputs.clone()), program(now)).await.unwrap();
        world.take_actions().await;
        state = world.plugin.update("web", &state, &inputs, &news).await.unwrap();
        let name = if now.ends_with("new") { NEW } else { OLD };
        let requests = world.take_requests().await;
        assert_eq!(
            (&requests[0]["action"], &requests[0]["params"]["ImageName"]),
            (&json!("ModifyImageAttribute"), &json!(name))
        );
        assert_eq!((&state["name"], &state["imageName"]), (&json!(name), &json!(name)), "{now}");
        assert_eq!(text(&world.images().await[0]["name"]), name);
        inputs = news;
    }
}
