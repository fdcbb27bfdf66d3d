//! A wait shows how it goes, and ends with its time, with the user, or with what is waited for.

use serde_json::json;
use tokio::time::{Duration, Instant};

use crate::world::{BOOK, Kind, World, partial, read};

#[tokio::test]
async fn a_create_waits_and_shows_how_it_goes() {
    let mut world = World::configured(json!({ "city": "Ghent", "printing": 50 })).await;
    let began = Instant::now();
    let (_, state) = world.create(BOOK, json!({ "title": "Whale" }), 0.0).await.unwrap();
    assert_eq!(state["status"], "printed");
    assert!(began.elapsed() >= Duration::from_millis(50));
    // The same text is shown once.
    assert_eq!(world.lines(Kind::Status), ["b-1: printing"]);
}

#[tokio::test]
async fn a_create_that_is_late_is_kept() {
    let mut world = World::configured(json!({ "city": "Ghent", "printing": 600_000 })).await;
    let failed = world.create(BOOK, json!({ "title": "Whale", "pages": 3 }), 0.1).await.unwrap_err();
    let detail = partial(&failed);
    assert_eq!(detail.reasons, ["b-1 is late; customTimeouts.create allows more time"]);
    let state = read(detail.properties);
    assert_eq!(state, json!({ "id": "b-1", "city": "Ghent", "__unapplied": ["pages"] }));
}

#[tokio::test]
async fn a_user_s_interruption_ends_a_create_at_once() {
    let mut world = World::configured(json!({ "city": "Ghent", "printing": 600_000 })).await;
    let mut plugin = world.plugin.clone();
    let cloud = std::sync::Arc::clone(&world.cloud);
    let interrupt = tokio::spawn(async move {
        while cloud.books().is_empty() {
            tokio::task::yield_now().await;
        }
        plugin.cancel(()).await.unwrap();
    });
    let failed = world.create(BOOK, json!({ "title": "Whale" }), 0.0).await.unwrap_err();
    interrupt.await.unwrap();
    assert_eq!(partial(&failed).reasons, ["b-1: interrupted"]);
}

#[tokio::test]
async fn a_look_that_fails_keeps_what_was_made() {
    let mut world = World::configured(json!({ "city": "Ghent", "printing": 600_000 })).await;
    let cloud = std::sync::Arc::clone(&world.cloud);
    let fire = tokio::spawn(async move {
        while cloud.books().is_empty() {
            tokio::task::yield_now().await;
        }
        cloud.books().clear();
    });
    let failed = world.create(BOOK, json!({ "title": "Whale" }), 0.0).await.unwrap_err();
    fire.await.unwrap();
    assert_eq!(partial(&failed).reasons, ["b-1 cannot be seen: the library is on fire"]);
}
