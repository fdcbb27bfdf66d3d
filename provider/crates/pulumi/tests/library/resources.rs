//! A resource's verbs see its own types; the wire stays outside.

use pulumi::pulumirpc as rpc;
use serde_json::json;
use tonic::Code;

use crate::world::{BOOK, Kind, SHELF, UNKNOWN, World, partial, read, secret, urn, wire};

#[tokio::test]
async fn what_a_resource_fills_in_is_noted() {
    let mut world = World::new().await;
    let inputs = world.check(json!({}), json!({ "pages": 10 })).await.unwrap();
    assert_eq!(inputs, json!({ "title": "moby, a novel", "pages": 10, "__defaults": ["title"] }));
}

#[tokio::test]
async fn what_was_filled_in_before_stays_secret_or_not() {
    let mut world = World::new().await;
    let olds = json!({ "title": secret(json!("Old")), "__defaults": ["title"] });
    let inputs = world.check(olds, json!({})).await.unwrap();
    assert_eq!(inputs, json!({ "title": secret(json!("Old")), "__defaults": ["title"] }));
    let inputs = world.check(json!({ "title": "Old" }), json!({})).await.unwrap();
    assert_eq!(inputs, json!({ "title": "Old", "__defaults": ["title"] }));
}

#[tokio::test]
async fn old_inputs_that_do_not_fit_are_absent() {
    let mut world = World::new().await;
    let olds = json!({ "title": 5, "pages": "ten", "publisher": "us" });
    let inputs = world.check(olds, json!({ "pages": 3 })).await.unwrap();
    assert_eq!(inputs, json!({ "pages": 3 }));
}

#[tokio::test]
async fn a_rule_s_mistakes_come_with_those_of_the_declaration() {
    let mut world = World::new().await;
    let failures = world.check(json!({}), json!({ "title": "Whale!", "pages": 0 })).await.unwrap_err();
    assert_eq!(
        failures,
        ["pages: must be a whole number of at least 1, got 0", "title: must not shout, got \"Whale!\""]
    );
    let failures = world.check(json!({}), json!({ "title": secret(json!("Whale!")) })).await.unwrap_err();
    assert_eq!(failures, ["title: must not shout (the value is secret)"]);
}

#[tokio::test]
async fn an_update_is_judged_and_a_replacement_is_not() {
    let mut world = World::new().await;
    let olds = json!({ "title": "Whale", "author": "Melville", "pages": 10 });
    let news = json!({ "title": "Whale", "author": "Melville", "pages": 9 });
    assert_eq!(world.check(olds.clone(), news).await.unwrap_err(), ["pages: never fewer than 10, got 9"]);
    let another = json!({ "title": "Whale", "author": "Ishmael", "pages": 9 });
    assert!(world.check(olds, another).await.is_ok());
}

#[tokio::test]
async fn what_is_required_may_be_what_it_was_and_only_a_look_up_leaves_it_out() {
    let mut world = World::new().await;
    let required = ["label: is required"];
    let olds = json!({ "label": "a", "boards": 1 });
    for (olds, news, failures) in [
        (olds.clone(), json!({ "label": "a", "boards": 2 }), &[][..]),
        (olds.clone(), json!({ "label": "a", "boards": 1 }), &[]),
        (olds.clone(), json!({ "label": "b", "boards": 1 }), &[]),
        (olds.clone(), json!({ "boards": 1 }), &required),
        (olds.clone(), json!({ "boards": 2 }), &required),
        (olds, json!({}), &required),
        (json!({}), json!({ "boards": 2 }), &required),
        (json!({}), json!({ "label": UNKNOWN }), &[]),
        (json!({}), json!({}), &[]),
    ] {
        match world.check_of(SHELF, olds.clone(), news.clone()).await {
            Ok(inputs) => assert_eq!((&inputs, failures), (&news, &[][..]), "{olds}"),
            Err(found) => assert_eq!(found, failures, "{olds} {news}"),
        }
    }
}

#[tokio::test]
async fn unknown_values_reach_the_rules_as_unknown() {
    let mut world = World::new().await;
    let inputs = world.check(json!({}), json!({ "title": UNKNOWN, "pages": UNKNOWN })).await.unwrap();
    assert_eq!(inputs, json!({ "title": UNKNOWN, "pages": UNKNOWN }));
}

#[tokio::test]
async fn a_resource_takes_out_what_is_no_difference() {
    let mut world = World::new().await;
    let state = json!({ "title": "Whale", "author": "MELVILLE", "pages": 10, "status": "printed" });
    let olds = json!({ "title": "Whale" });
    let diff =
        world.diff(state.clone(), olds.clone(), json!({ "title": "Whale", "author": "Melville" })).await;
    assert_eq!(diff.unwrap().changes(), rpc::diff_response::DiffChanges::DiffNone);
    assert_eq!(world.lines(Kind::Info), ["the author is the same"]);
    assert_eq!(world.cloud.heard(), ["moby is b-1, printed in no city"]);

    let refused = world.diff(state, olds, json!({ "title": "Whale", "author": "Anonymous" })).await;
    assert_eq!(refused.unwrap_err().message(), "nobody becomes anonymous");
}

#[tokio::test]
async fn a_replacement_that_keeps_a_name_deletes_first() {
    let mut world = World::new().await;
    let book = |author: &str, title: &str| json!({ "title": title, "author": author });
    for (title, first) in [("Whale", true), ("Squid", false)] {
        let diff = world.diff(book("A", "Whale"), book("A", "Whale"), book("B", title)).await.unwrap();
        assert_eq!((diff.replaces, diff.delete_before_replace), (vec!["author".to_owned()], first));
    }
    // Without a replacement there is nothing to delete.
    let longer = json!({ "title": "Whale", "author": "A", "pages": 9 });
    let diff = world.diff(book("A", "Whale"), book("A", "Whale"), longer).await.unwrap();
    assert!(!diff.delete_before_replace);
}

#[tokio::test]
async fn an_entry_is_known_again_whatever_else_it_holds() {
    let mut world = World::new().await;
    let state = json!({ "status": 7, "city": "Lisbon", "pages": { "of": "another shape" } });
    let refused = world.diff(state, json!({}), json!({ "title": "Whale" })).await.unwrap_err();
    assert_eq!((refused.code(), refused.message()), (Code::InvalidArgument, "b-1 is in Lisbon"));
    assert_eq!(world.cloud.heard(), ["moby is b-1, unseen in Lisbon"]);
}

#[tokio::test]
async fn a_book_s_whole_life() {
    let mut world = World::new().await;
    let inputs = json!({ "title": secret(json!("Whale")), "author": "Melville", "pages": 10 });
    let (id, state) = world.create(BOOK, inputs.clone(), 0.0).await.unwrap();
    assert_eq!(id, "b-1");
    let whole = json!({ "id": "b-1", "title": secret(json!("Whale")), "author": "Melville", "pages": 10,
        "city": "Ghent", "status": "printed" });
    assert_eq!(state, whole);
    assert_eq!(world.lines(Kind::Info), ["[secret] is sent to the printer"]);

    let request = rpc::UpdateRequest {
        id: id.clone(),
        urn: urn(BOOK, "moby"),
        olds: wire(&state),
        old_inputs: wire(&inputs),
        news: wire(&json!({ "title": "Whale", "author": "Melville", "pages": 12 })),
        ..rpc::UpdateRequest::default()
    };
    let state = read(world.plugin.update(request).await.unwrap().into_inner().properties);
    assert_eq!((&state["pages"], &state["title"]), (&json!(12), &json!("Whale")));
    assert_eq!(world.cloud.heard(), ["moby is b-1, printed in Ghent", "changed pages"]);

    let request = rpc::ReadRequest { id: id.clone(), urn: urn(BOOK, "moby"), ..rpc::ReadRequest::default() };
    let answer = world.plugin.read(request).await.unwrap().into_inner();
    assert_eq!(read(answer.inputs), json!({ "title": "Whale", "author": "Melville", "pages": 12 }));

    let request = rpc::DeleteRequest {
        id,
        urn: urn(BOOK, "moby"),
        properties: wire(&state),
        ..rpc::DeleteRequest::default()
    };
    world.plugin.delete(request).await.unwrap();
    assert!(world.cloud.books().is_empty());
}

#[tokio::test]
async fn each_operation_has_its_own_limit_of_time() {
    let mut world = World::new().await;
    let inputs = json!({ "title": "Whale", "author": "Melville", "pages": 10 });
    let (id, state) = world.create(BOOK, inputs.clone(), 0.0).await.unwrap();
    let about = rpc::ReadRequest { id: id.clone(), urn: urn(BOOK, "moby"), ..rpc::ReadRequest::default() };
    world.plugin.read(about).await.unwrap();
    let longer = rpc::UpdateRequest {
        id: id.clone(),
        urn: urn(BOOK, "moby"),
        olds: wire(&state),
        old_inputs: wire(&inputs),
        news: wire(&json!({ "title": "Whale", "author": "Melville", "pages": 12 })),
        ..rpc::UpdateRequest::default()
    };
    world.plugin.update(longer).await.unwrap();
    let last =
        rpc::DeleteRequest { id, urn: urn(BOOK, "moby"), timeout: 7.0, ..rpc::DeleteRequest::default() };
    world.plugin.delete(last).await.unwrap();
    let limits = ["create within 60 s", "read within 30 s", "update within 40 s", "delete within 7 s"];
    assert_eq!(world.cloud.limits(), limits);
    let last = rpc::DeleteRequest { urn: urn(BOOK, "moby"), ..rpc::DeleteRequest::default() };
    world.plugin.delete(last).await.unwrap();
    assert_eq!(world.cloud.limits()[4], "delete within 50 s");
}

#[tokio::test]
async fn an_import_may_end_in_another_id_than_was_asked_for() {
    let mut world = World::new().await;
    world.create(BOOK, json!({ "title": "Whale" }), 0.0).await.unwrap();
    let id = "upper floor/b-1".to_owned();
    let request = rpc::ReadRequest { id, urn: urn(BOOK, "moby"), ..rpc::ReadRequest::default() };
    let answer = world.plugin.read(request).await.unwrap().into_inner();
    assert_eq!((answer.id.as_str(), read(answer.properties)["id"].as_str()), ("b-1", Some("b-1")));
}

#[tokio::test]
async fn an_entry_under_another_token_is_the_resource_s() {
    let mut world = World::new().await;
    let (id, state) = world.create(BOOK, json!({ "title": "Whale" }), 0.0).await.unwrap();
    let tome = urn("library:index/tome:Tome", "moby");
    let request =
        rpc::DeleteRequest { id, urn: tome, properties: wire(&state), ..rpc::DeleteRequest::default() };
    world.plugin.delete(request).await.unwrap();
    assert!(world.cloud.books().is_empty());
}

#[tokio::test]
async fn a_rule_that_settings_decide_counts_once_they_are_known() {
    let thick = json!({ "title": "Whale", "pages": 900 });
    let mut world = World::configured(json!({ "city": "Bruges" })).await;
    let failures = world.check(json!({}), thick.clone()).await.unwrap_err();
    assert_eq!(failures, ["pages: is too much for the printers of Bruges"]);
    for mut world in [World::new().await, World::unconfigured(&[]).await] {
        assert!(world.check(json!({}), thick.clone()).await.is_ok());
    }
}

#[tokio::test]
async fn what_an_operation_left_undone_is_done_by_the_next_update() {
    let mut world = World::new().await;
    let inputs = json!({ "label": "wobbly", "boards": 5 });
    let failed = world.create(SHELF, inputs.clone(), 0.0).await.unwrap_err();
    let detail = partial(&failed);
    assert_eq!(
        (detail.id.as_str(), detail.reasons.as_slice()),
        ("s-1", &["s-1 has no boards".to_owned()][..])
    );
    let state = read(detail.properties);
    assert_eq!(state["__unapplied"], json!(["boards"]));

    let state = world.update_shelf(&state, &inputs, &inputs).await;
    assert_eq!(state, json!({ "id": "s-1", "label": "wobbly", "boards": 5, "city": "Ghent" }));
    assert_eq!(world.cloud.heard(), ["changed {\"boards\"}, unapplied {\"boards\"}"]);
}

#[tokio::test]
async fn a_type_that_is_not_there_is_told_with_those_that_are() {
    let mut world = World::new().await;
    let refused = world.create("library:index/map:Map", json!({}), 0.0).await.unwrap_err();
    assert_eq!(
        refused.message(),
        format!("unknown resource type \"library:index/map:Map\": this provider has {BOOK}, {SHELF}")
    );
}
