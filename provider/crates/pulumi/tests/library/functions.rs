//! Invoke: a function is checked, called, and answered as engines expect.

use pulumi::pulumirpc as rpc;
use serde_json::json;
use tonic::Code;

use crate::world::{BOOK, FIND_BOOKS, Kind, UNKNOWN, World, read, secret, told, urn, wire};

async fn with_books() -> World {
    let mut world = World::new().await;
    for title in ["Whale", "Squid"] {
        world.create(BOOK, json!({ "title": title, "author": "Melville" }), 0.0).await.unwrap();
    }
    world
}

#[tokio::test]
async fn a_function_answers() {
    let mut world = with_books().await;
    let answer = world.invoke(FIND_BOOKS, json!({ "author": "Melville", "most": 1 })).await.unwrap();
    assert!(answer.failures.is_empty());
    let whale = json!({ "id": "b-1", "title": "Whale" });
    assert_eq!(
        read(answer.r#return),
        json!({ "books": [whale], "best": whale, "card": secret(json!("card of Melville")) })
    );
    assert_eq!(world.cloud.heard(), ["invoke within 5 s"]);
}

#[tokio::test]
async fn nothing_found_is_an_answer() {
    let mut world = with_books().await;
    let answer = world.invoke(FIND_BOOKS, json!({ "author": "Woolf" })).await.unwrap();
    assert_eq!(read(answer.r#return), json!({ "books": [], "card": secret(json!("card of Woolf")) }));
}

#[tokio::test]
async fn what_is_made_of_a_secret_is_secret() {
    let mut world = with_books().await;
    let answer = world.invoke(FIND_BOOKS, json!({ "author": secret(json!("Woolf")) })).await.unwrap();
    assert_eq!(
        read(answer.r#return),
        json!({ "books": secret(json!([])), "card": secret(json!("card of Woolf")) })
    );
}

#[tokio::test]
async fn mistakes_in_arguments_are_told_with_their_paths() {
    let mut world = with_books().await;
    let mut failures = async |args| {
        let answer = world.invoke(FIND_BOOKS, args).await.unwrap();
        assert_eq!(answer.r#return, None);
        let told = answer.failures.iter().map(told);
        told.collect::<Vec<_>>()
    };
    assert_eq!(
        failures(json!({ "author": "melville", "most": 0, "authr": "x" })).await,
        [
            "authr: unknown property; did you mean \"author\"?",
            "most: must be a whole number of at least 1, got 0",
            "author: must begin with a capital, got \"melville\""
        ]
    );
    assert_eq!(
        failures(json!({ "author": secret(json!("melville")) })).await,
        ["author: must begin with a capital (the value is secret)"]
    );
    // A mistake is told under the name that the program uses.
    assert!(
        failures(json!({ "writer": "melville" }))
            .await
            .contains(&"writer: must begin with a capital, got \"melville\"".to_owned())
    );
    assert_eq!(failures(json!({})).await, ["author: is required"]);
}

#[tokio::test]
async fn warnings_do_not_keep_a_function_from_being_called() {
    let mut world = with_books().await;
    let answer = world.invoke(FIND_BOOKS, json!({ "author": "Melville", "most": 5_000 })).await.unwrap();
    assert_eq!(read(answer.r#return)["books"].as_array().unwrap().len(), 2);
    assert_eq!(world.lines(Kind::Warning), ["most: takes long"]);
}

#[tokio::test]
async fn an_argument_that_is_not_known_yet_gives_an_empty_answer() {
    let mut world = with_books().await;
    let answer = world.invoke(FIND_BOOKS, json!({ "author": UNKNOWN })).await.unwrap();
    assert_eq!((read(answer.r#return), answer.failures.len()), (json!({}), 0));
    assert_eq!(world.cloud.heard(), Vec::<String>::new());
    // What is wrong already is told all the same.
    let answer = world.invoke(FIND_BOOKS, json!({ "author": UNKNOWN, "most": 0 })).await.unwrap();
    assert_eq!(answer.failures.len(), 1);
}

#[tokio::test]
async fn a_function_that_fails_says_why_and_tells_no_secret() {
    let mut world = with_books().await;
    let failed = world.invoke(FIND_BOOKS, json!({ "author": "Nobody" })).await.unwrap_err();
    assert_eq!((failed.code(), failed.message()), (Code::InvalidArgument, "Nobody has written nothing"));
    let failed = world.invoke(FIND_BOOKS, json!({ "author": secret(json!("Nobody")) })).await.unwrap_err();
    assert_eq!(failed.message(), "[secret] has written nothing");
}

#[tokio::test]
async fn a_secret_is_told_in_no_later_message_either_unless_it_is_a_mere_word() {
    let mut world = with_books().await;
    for (author, told) in
        [("Nobody", "Nobody has written nothing"), ("Nobody at all", "[secret] has written nothing")]
    {
        world.invoke(FIND_BOOKS, json!({ "author": secret(json!(author)) })).await.unwrap_err();
        // What several have asked for together may tell the secrets of others.
        let failed = world.invoke(FIND_BOOKS, json!({ "author": author })).await.unwrap_err();
        assert_eq!(failed.message(), told);
    }
}

#[tokio::test]
async fn words_that_are_a_password_as_well_stay_in_what_is_told_of_resources() {
    let mut world = World::unconfigured(&[("LIBRARY_CITY", "Ghent")]).await;
    let settings = wire(&json!({ "password": secret(json!("Nobody at all")) }));
    let urn = urn("pulumi:providers:library", "own");
    let check = rpc::CheckRequest { urn, news: settings, ..rpc::CheckRequest::default() };
    world.plugin.check_config(check).await.unwrap();
    world.configure(json!({ "password": "Nobody at all" })).await.unwrap();
    let failed = world.invoke(FIND_BOOKS, json!({ "author": "Nobody at all" })).await.unwrap_err();
    assert_eq!(failed.message(), "Nobody at all has written nothing");
}

#[tokio::test]
async fn a_function_that_is_not_there_is_told_with_those_that_are() {
    let mut world = with_books().await;
    let failed = world.invoke("library:index/burnBooks:burnBooks", json!({})).await.unwrap_err();
    assert_eq!(
        failed.message(),
        format!("unknown function \"library:index/burnBooks:burnBooks\": this provider has {FIND_BOOKS}")
    );
}

#[tokio::test]
async fn without_settings_there_is_no_call() {
    let mut world = World::unconfigured(&[]).await;
    let failed = world.invoke(FIND_BOOKS, json!({ "author": "Melville" })).await.unwrap_err();
    assert!(failed.message().starts_with("the provider is not configured"), "{failed:?}");
}

#[tokio::test]
async fn a_user_s_interruption_ends_a_call() {
    let mut world = World::new().await;
    let mut plugin = world.plugin.clone();
    let cloud = std::sync::Arc::clone(&world.cloud);
    let interrupt = tokio::spawn(async move {
        while cloud.heard().is_empty() {
            tokio::task::yield_now().await;
        }
        plugin.cancel(()).await.unwrap();
    });
    let failed = world.invoke(FIND_BOOKS, json!({ "author": "Never" })).await.unwrap_err();
    interrupt.await.unwrap();
    assert_eq!((failed.code(), failed.message()), (Code::Cancelled, "interrupted"));
}
