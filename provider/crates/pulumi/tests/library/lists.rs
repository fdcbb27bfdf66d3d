//! List: a page at a time, narrowed by what the resource declares.

use pulumi::pulumirpc::ListRequest;
use serde_json::{Value as Json, json};
use tonic::Code;

use crate::world::{BOOK, SHELF, UNKNOWN, World, wire};

fn books(query: Json) -> ListRequest {
    ListRequest { token: BOOK.to_owned(), query: wire(&query), ..ListRequest::default() }
}

async fn with_five_books() -> World {
    let mut world = World::new().await;
    for number in 1..=5 {
        let author = if number == 3 { "Woolf" } else { "Melville" };
        let inputs = json!({ "title": format!("Book {number}"), "author": author });
        world.create(BOOK, inputs, 0.0).await.unwrap();
    }
    world
}

#[tokio::test]
async fn a_list_comes_in_pages() {
    let mut world = with_five_books().await;
    assert_eq!(world.list(books(json!({}))).await.unwrap(), ["b-1 Book 1", "b-2 Book 2", "next 2"]);
    assert_eq!(world.cloud.heard(), ["list within 30 s"]);
    let last = ListRequest { continuation_token: "4".to_owned(), ..books(json!({})) };
    assert_eq!(world.list(last).await.unwrap(), ["b-5 Book 5"]);
}

#[tokio::test]
async fn a_list_is_narrowed() {
    let mut world = with_five_books().await;
    assert_eq!(world.list(books(json!({ "author": "Woolf" }))).await.unwrap(), ["b-3 Book 3"]);
    assert_eq!(world.list(books(json!({ "author": "Nobody" }))).await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn a_limit_ends_a_list_and_less_than_one_is_none() {
    let mut world = with_five_books().await;
    let mut listed = async |limit, page_size| {
        world.list(ListRequest { limit, page_size, ..books(json!({})) }).await.unwrap()
    };
    assert_eq!(listed(1, 0).await, ["b-1 Book 1"]);
    assert_eq!(listed(2, 0).await, ["b-1 Book 1", "b-2 Book 2"]);
    assert_eq!(listed(3, 0).await, ["b-1 Book 1", "b-2 Book 2", "next 2"]);
    assert_eq!(listed(0, 4).await.len(), 5);
    assert_eq!(listed(-1, -1).await.len(), 3);
    assert_eq!(listed(0, 9).await.len(), 5);
}

#[tokio::test]
async fn a_query_that_is_not_known_yet_is_not_asked() {
    let mut world = with_five_books().await;
    assert_eq!(world.list(books(json!({ "author": UNKNOWN }))).await.unwrap(), ["computed"]);
    assert_eq!(world.cloud.heard(), Vec::<String>::new());
}

#[tokio::test]
async fn mistakes_in_a_query_are_told_together() {
    let mut world = with_five_books().await;
    let failed = world.list(books(json!({ "author": "W", "colour": "red" }))).await.unwrap_err();
    assert_eq!(failed.code(), Code::InvalidArgument);
    assert_eq!(
        failed.message(),
        "author: must be at least 2 characters long, got 1: \"W\"; colour: unknown property; the properties are author"
    );
}

#[tokio::test]
async fn what_cannot_be_listed_says_so() {
    let mut world = with_five_books().await;
    let failed = world.list(ListRequest { token: SHELF.to_owned(), ..books(json!({})) }).await.unwrap_err();
    assert_eq!(failed.code(), Code::Unimplemented);
    assert_eq!(failed.message(), format!("resources of type \"{SHELF}\" cannot be listed"));
    let unknown = ListRequest { token: "library:index/map:Map".to_owned(), ..books(json!({})) };
    assert_eq!(world.list(unknown).await.unwrap_err().code(), Code::InvalidArgument);
}

#[tokio::test]
async fn without_settings_there_is_no_list() {
    let mut world = World::unconfigured(&[]).await;
    let failed = world.list(books(json!({}))).await.unwrap_err();
    assert!(failed.message().starts_with("the provider is not configured"), "{failed:?}");
}
