//! What is secret is told nowhere: the engine prints the value of a property that a mistake names, and paths have keys.

use pulumi::pulumirpc as rpc;
use serde_json::{Value as Json, json};

use crate::world::{BOOK, FIND_BOOKS, SHELF, World, partial, read, secret, wire};

fn hush() -> Json {
    secret("hunter2".into())
}

#[tokio::test]
async fn a_mistake_names_no_property_that_is_or_holds_a_secret() {
    let mut world = World::new().await;
    let shelf = |name: &str, value: Json| {
        let mut shelf = json!({ "label": "a" });
        shelf[name] = value;
        shelf
    };
    for (inputs, reason) in [
        (shelf("lable", hush()), "lable: unknown property; did you mean \"label\"?"),
        (shelf("lable", json!({ "a": [hush()] })), "lable: unknown property; did you mean \"label\"?"),
        (shelf("boards", json!({ "a": hush() })), "boards: expected a whole number, got an object"),
        (shelf("boards", json!([hush()])), "boards: expected a whole number, got a list of 1"),
        (shelf("parts", json!({ "wood": hush() })), "parts: expected a list, got an object"),
        (shelf("parts", json!([{}, { "wood": hush() }, {}])), "parts: must have at most 2 elements, got 3"),
        (shelf("parts", json!([{ "wood": hush() }, { "age": 5 }])), "parts[1].age: is read-only"),
        (shelf("parts", json!([{ "age": secret(5.into()) }])), "parts[0].age: is read-only"),
        (
            shelf("parts", json!([{ "wood": "w" }, { "width": secret(5.into()) }])),
            "parts[0].wood: must be at least 2 characters long, got 1: \"w\"",
        ),
        (
            shelf("stickers", json!({ "a": hush(), "b": "c", "d": "e" })),
            "stickers: must have at most 2 entries, got 3",
        ),
        // A secret tells no more of its shape than the declaration does.
        (
            shelf("parts", secret(json!([{ "hidden": 1 }]))),
            "parts[0]: unknown property; the properties are width, wood (the value is secret)",
        ),
        (
            shelf("stickers", secret(json!({ "hidden": [] }))),
            "stickers: expected a string (the value is secret)",
        ),
        // A rule may quote what lies within.
        (
            shelf("parts", json!([{ "width": secret(7.into()) }, { "width": 100 }])),
            "parts: must not be wider than a wall (the value is secret)",
        ),
        (
            shelf(
                "label",
                json!({ "4dabf18193072939515e22adb298388d": "0def7320c3a5731c473e5ecbe6d01bc7",
                "assets": { "a": hush() } }),
            ),
            "label: expected a string, got an archive",
        ),
    ] {
        let told = world.failures_of(SHELF, inputs.clone()).await;
        assert_eq!(told, [(String::new(), reason.to_owned())], "{inputs}");
    }
    // What holds no secret is named, whatever else does.
    let told = world.failures_of(BOOK, json!({ "title": hush(), "pages": 0 })).await;
    assert_eq!(told, [("pages".to_owned(), "must be a whole number of at least 1, got 0".to_owned())]);
}

#[tokio::test]
async fn of_two_names_with_two_values_the_secret_one_is_not_named() {
    let mut world = World::new().await;
    let (secret_one, plain) = (secret(json!({ "a": "hunter2" })), json!({ "a": "b" }));
    for (stickers, decals, named) in [
        (&secret_one, &plain, ["", "decals"]),
        (&plain, &secret_one, ["stickers", ""]),
        (&json!({ "a": hush() }), &plain, ["", "decals"]),
        (&json!({ "a": hush() }), &secret(json!({ "a": "hunter3" })), ["", ""]),
    ] {
        let inputs = json!({ "label": "a", "stickers": stickers, "decals": decals });
        let told = world.failures_of(SHELF, inputs.clone()).await;
        assert_eq!(told.iter().map(|(property, _)| property.as_str()).collect::<Vec<_>>(), named, "{inputs}");
        assert!(!format!("{told:?}").contains("hunter"), "{told:?}");
    }
}

#[tokio::test]
async fn a_function_s_mistake_names_no_argument_that_is_or_holds_a_secret() {
    let mut world = World::new().await;
    for (args, reason) in [
        (json!({ "author": "Woolf", "authr": hush() }), "authr: unknown property; did you mean \"author\"?"),
        (json!({ "author": [hush()] }), "author: expected a string, got a list of 1"),
    ] {
        let [failure] = world.invoke(FIND_BOOKS, args).await.unwrap().failures.try_into().unwrap();
        assert_eq!((failure.property.as_str(), failure.reason.as_str()), ("", reason));
    }
}

async fn wrong_settings(settings: Json) -> Vec<(String, String)> {
    let mut world = World::unconfigured(&[]).await;
    let request = rpc::CheckRequest { news: wire(&settings), ..rpc::CheckRequest::default() };
    let answer = world.plugin.check_config(request).await.unwrap().into_inner();
    let told = answer.failures.into_iter().map(|failure| (failure.property, failure.reason)).collect();
    let failed = world.configure(settings).await.unwrap_err();
    assert!(!failed.message().contains("hunter2"), "{failed:?}");
    assert!(!format!("{told:?}").contains("hunter2"), "{told:?}");
    told
}

#[tokio::test]
async fn an_unknown_setting_is_not_named_whether_it_is_secret_or_not() {
    let unknown = "unknown property; did you mean \"password\"?";
    for value in [json!("hunter2"), hush(), json!({ "a": "hunter2" })] {
        let told = wrong_settings(json!({ "city": "Ghent", "passwrd": value })).await;
        assert_eq!(told, [(String::new(), format!("passwrd: {unknown}"))]);
    }
    let told = wrong_settings(json!({ "city": "G" })).await;
    assert_eq!(told[0].0, "city");
}

#[tokio::test]
async fn what_nested_settings_hold_is_not_told() {
    let told = |property: &str, reason: &str| [(property.to_owned(), reason.to_owned())];
    let unknown = "unknown property; did you mean \"host\"?";
    for mirror in [json!({ "hots": "hunter2" }), json!("{\"hots\": \"hunter2\"}")] {
        let found = wrong_settings(json!({ "city": "Ghent", "mirror": mirror })).await;
        assert_eq!(found, told("", &format!("mirror.hots: {unknown}")));
    }
    // A key is secret with all that is around it.
    let mirror = secret("{\"hunter2\": 1}".into());
    let found = wrong_settings(json!({ "city": "Ghent", "mirror": mirror })).await;
    assert_eq!(found, told("", "mirror: unknown property; the properties are host (the value is secret)"));
    // A rule sees the host in plain.
    for mirror in [
        secret(json!({ "host": "hunter2!" })),
        secret("{\"host\":\"hunter2!\"}".into()),
        json!({ "host": secret("hunter2!".into()) }),
    ] {
        let mut world = World::unconfigured(&[]).await;
        let request = rpc::CheckRequest {
            news: wire(&json!({ "city": "Ghent", "mirror": mirror })),
            ..rpc::CheckRequest::default()
        };
        let failures = world.plugin.check_config(request).await.unwrap().into_inner().failures;
        let [failure] = failures.try_into().unwrap();
        let reason = "mirror.host: is no host: [secret] (the value is secret)";
        assert_eq!((failure.property.as_str(), failure.reason.as_str()), ("", reason), "{mirror}");
    }
}

#[tokio::test]
async fn the_keys_of_a_secret_map_are_in_no_reason() {
    let mut world = World::new().await;
    let alike = |stickers| json!({ "label": "a", "stickers": stickers });
    for [first, second] in [["HiddenKey", "hiddenkey"], ["Ab", "ab"], ["Width", "width"], ["width", "widtH"]]
    {
        let stickers = secret(json!({ first: "1", second: "2" }));
        let told = world.failures_of(SHELF, alike(stickers)).await;
        let reason = "stickers: looks like \"[secret]\" (the value is secret)".to_owned();
        assert_eq!(told, [(String::new(), reason)]);
    }
    let told = world.failures_of(SHELF, alike(json!({ "Ab": "1", "ab": "2" }))).await;
    assert_eq!(told, [("stickers.ab".to_owned(), "looks like \"Ab\"".to_owned())]);
}

#[tokio::test]
async fn an_output_that_repeats_the_keys_of_a_secret_map_is_secret() {
    let mut world = World::new().await;
    let stickers = secret(json!({ "ab": "1", "hiddenkey": "2" }));
    let inputs = json!({ "label": "wobbly", "boards": 5, "stickers": stickers });
    let failed = world.create(SHELF, inputs.clone(), 0.0).await.unwrap_err();
    let state = read(partial(&failed).properties);
    assert_eq!(state["__stuck"], json!([secret("ab".into()), secret("hiddenkey".into())]));
    assert_eq!(state["stickers"], stickers);

    // So it stays, whatever becomes of the map.
    for (news, now) in
        [(json!({ "width": "3" }), json!("width")), (secret(json!({ "width": "3" })), secret("width".into()))]
    {
        let news = json!({ "label": "firm", "stickers": news });
        let state = world.update_shelf(&state, &inputs, &news).await;
        assert_eq!(state["__stuck"], json!([secret("ab".into()), secret("hiddenkey".into()), now]));
    }
}

#[tokio::test]
async fn a_change_in_a_secret_map_is_told_without_its_keys() {
    let mut world = World::new().await;
    let mut differing = async |old: Json, new: Json| {
        let answer = world.diff_of(SHELF, "s-1", old.clone(), old, new).await.unwrap();
        let kinds = answer.detailed_diff.iter().map(|(path, diff)| format!("{:?} {path}", diff.kind()));
        let mut kinds: Vec<String> = kinds.collect();
        kinds.sort();
        kinds
    };
    let (old, new) = (json!({ "a": "1", "b": "2" }), json!({ "b": "3", "c": "4" }));
    let shelf = |name: &str, stickers: &Json| {
        let mut shelf = json!({ "label": "a", "city": "Ghent" });
        shelf[name] = stickers.clone();
        shelf
    };
    for (old, new) in [(&secret(old.clone()), &new), (&old, &secret(new.clone()))] {
        let told = differing(shelf("stickers", old), shelf("stickers", new)).await;
        assert_eq!(told, ["Update stickers"]);
        let told = differing(shelf("stickers", old), shelf("decals", new)).await;
        assert_eq!(told, ["Update decals"]);
    }
    let told = differing(shelf("stickers", &json!({})), shelf("stickers", &secret(new.clone()))).await;
    assert_eq!(told, ["Update stickers"]);
    let told = differing(shelf("stickers", &Json::Null), shelf("stickers", &secret(new.clone()))).await;
    assert_eq!(told, ["Add stickers"]);
    // The keys of a map that is not secret as a whole, and the names of properties, are no secret.
    let told = differing(shelf("stickers", &old), shelf("stickers", &json!({ "b": hush(), "c": "4" }))).await;
    assert_eq!(told, ["Add stickers.c", "Delete stickers.a", "Update stickers.b"]);
    let parts = |wood: &str| secret(json!([{ "wood": wood }]));
    let told = differing(shelf("parts", &parts("oak")), shelf("parts", &parts("ash"))).await;
    assert_eq!(told, ["Update parts[0].wood"]);
}
