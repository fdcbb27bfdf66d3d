//! Looking at many images: few calls where the cloud takes lists of ids, and nothing concluded that a list leaves open.

use std::collections::HashSet;
use std::time::Duration;

use emulator::{ImageIds, Options};
use pulumi::pulumirpc as rpc;
use serde_json::{Value as Json, json};
use tokio::task::JoinSet;

use crate::harness::{World, advance, are_made, from_struct, text, to_struct, until, urn};

const EVERY_CLOUD: [ImageIds; 3] = [ImageIds::Many, ImageIds::Refuse, ImageIds::First];

fn inputs(name: &str) -> Json {
    json!({ "imageName": name, "snapshotId": "s-system" })
}

fn names(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("web-{number:03}")).collect()
}

/// Creates them all at once; what each answers, in the order of the names.
async fn create_all(world: &World, names: &[String]) -> Vec<Result<Json, tonic::Status>> {
    let creates = names.iter().map(|name| {
        let mut client = world.plugin.rpc.clone();
        let request = rpc::CreateRequest {
            urn: urn(name),
            properties: Some(to_struct(&inputs(name))),
            ..rpc::CreateRequest::default()
        };
        async move {
            let response = client.create(request).await?.into_inner();
            Ok(from_struct(&response.properties.unwrap_or_default()))
        }
    });
    in_order(creates).await
}

/// Reads them all at once; what each answers.
async fn try_read_all(world: &World, states: &[Json]) -> Vec<Result<rpc::ReadResponse, tonic::Status>> {
    let reads = states.iter().map(|state| {
        let mut client = world.plugin.rpc.clone();
        let name = text(&state["imageName"]);
        let request = rpc::ReadRequest {
            id: text(&state["id"]),
            urn: urn(&name),
            inputs: Some(to_struct(&inputs(&name))),
            properties: Some(to_struct(state)),
            ..rpc::ReadRequest::default()
        };
        async move { client.read(request).await.map(tonic::Response::into_inner) }
    });
    in_order(reads).await
}

/// Reads them all at once; each with its state, or `None` where it is gone.
async fn read_all(world: &World, states: &[Json]) -> Vec<Option<Json>> {
    let answers = try_read_all(world, states).await.into_iter();
    let state_of = |answer: Result<rpc::ReadResponse, tonic::Status>| {
        let answer = answer.expect("a read answers");
        (!answer.id.is_empty()).then(|| from_struct(&answer.properties.unwrap_or_default()))
    };
    answers.map(state_of).collect()
}

async fn delete_all(world: &World, states: &[Json]) {
    let deletes = states.iter().map(|state| {
        let mut client = world.plugin.rpc.clone();
        let request = rpc::DeleteRequest {
            id: text(&state["id"]),
            urn: urn(&text(&state["imageName"])),
            properties: Some(to_struct(state)),
            ..rpc::DeleteRequest::default()
        };
        async move { client.delete(request).await.map(drop) }
    });
    for deleted in in_order(deletes).await {
        deleted.expect("an image is deleted");
    }
}

async fn in_order<T: Send + 'static>(
    calls: impl Iterator<Item = impl Future<Output = T> + Send + 'static>,
) -> Vec<T> {
    let mut running = JoinSet::new();
    for (number, call) in calls.enumerate() {
        running.spawn(async move { (number, call.await) });
    }
    let mut answers = running.join_all().await;
    answers.sort_by_key(|(number, _)| *number);
    answers.into_iter().map(|(_, answer)| answer).collect()
}

/// How many ids each DescribeImages since the last call asked for.
async fn ids_of_looks(world: &World) -> Vec<usize> {
    let requests = world.take_requests().await;
    requests
        .iter()
        .filter(|request| request["action"] == "DescribeImages")
        .map(|request| text(&request["params"]["ImageId"]).split(',').count())
        .collect()
}

async fn world(image_ids: ImageIds, ready_after: Duration) -> World {
    let options = Options { image_ids, image_ready_after: ready_after, ..Options::default() };
    World::with(options).await
}

/// A machine that is busy lets looks go apart at times, but not each time.
#[tokio::test]
async fn waits_share_their_looks() {
    let options = Options {
        image_ids: ImageIds::Many,
        image_ready_after: Duration::from_secs(60),
        manual_clock: true,
        ..Options::default()
    };
    let world = World::with(options).await;
    let (names, address) = (names(10), world.cloud.address());
    let shared = async {
        are_made(address, names.len()).await;
        until("a look at all of them", async || ids_of_looks(&world).await.contains(&names.len())).await;
        advance(address, 60).await;
    };
    for created in tokio::join!(create_all(&world, &names), shared).0 {
        assert_eq!(created.expect("an image is made")["usable"], true);
    }
}

#[tokio::test]
async fn reads_of_one_moment_are_one_call() {
    let world = world(ImageIds::Many, Duration::ZERO).await;
    let created = create_all(&world, &names(10)).await;
    let states: Vec<Json> = created.into_iter().map(|state| state.expect("an image is made")).collect();
    let is_one_call = async || {
        world.take_requests().await;
        let read = read_all(&world, &states).await;
        assert_eq!(read.into_iter().flatten().collect::<Vec<_>>(), states);
        let looks = ids_of_looks(&world).await;
        assert_eq!(looks.iter().sum::<usize>(), states.len());
        looks.len() == 1
    };
    until("reads that are one call", is_one_call).await;
}

#[tokio::test]
async fn an_image_missing_from_a_list_is_asked_for_alone() {
    let world = world(ImageIds::Many, Duration::ZERO).await;
    let created = create_all(&world, &names(10)).await;
    let states: Vec<Json> = created.into_iter().map(|state| state.expect("an image is made")).collect();
    let gone = text(&states[4]["id"]);
    world.change(&gone, json!({ "gone": true })).await;
    let is_in_a_list = async || {
        world.take_requests().await;
        let read = read_all(&world, &states).await;
        let absent: Vec<usize> = (0..10).filter(|number| read[*number].is_none()).collect();
        assert_eq!(absent, [4]);
        let requests = world.take_requests().await;
        let asked = requests.iter().map(|request| text(&request["params"]["ImageId"]));
        let about_it: Vec<String> = asked.filter(|ids| ids.split(',').any(|id| id == gone)).collect();
        // A read takes two looks for an absence, and a list is none.
        assert_eq!(about_it.iter().filter(|ids| **ids == gone).count(), 2, "{about_it:?}");
        about_it.iter().any(|ids| ids.contains(','))
    };
    until("a list with the image in it", is_in_a_list).await;
}

#[tokio::test]
async fn whether_the_cloud_takes_lists_or_not_nothing_is_lost() {
    for image_ids in EVERY_CLOUD {
        let world = world(image_ids, Duration::from_millis(300)).await;
        world.faults(json!([{ "action": "CreateImage", "do": "fail_later", "times": 2 }])).await;
        let (made, failed): (Vec<_>, Vec<_>) =
            create_all(&world, &names(12)).await.into_iter().partition(Result::is_ok);
        assert_eq!((made.len(), failed.len()), (10, 2), "{image_ids:?}: {failed:?}");
        let states: Vec<Json> = made.into_iter().flatten().collect();
        assert!(states.iter().all(|state| state["usable"] == true), "{image_ids:?}");
        let ids: HashSet<String> = states.iter().map(|state| text(&state["id"])).collect();
        let there: HashSet<String> = world.images().await.iter().map(|image| text(&image["id"])).collect();
        assert_eq!(ids, there, "{image_ids:?}");

        assert!(read_all(&world, &states).await.iter().all(Option::is_some), "{image_ids:?}");
        delete_all(&world, &states).await;
        assert!(world.images().await.is_empty(), "{image_ids:?}");
        assert!(read_all(&world, &states).await.iter().all(Option::is_none), "{image_ids:?}");
    }
}

#[tokio::test]
async fn a_cloud_that_takes_no_lists_is_sent_none_once_that_is_known() {
    for image_ids in [ImageIds::Refuse, ImageIds::First] {
        let world = world(image_ids, Duration::ZERO).await;
        let created = create_all(&world, &names(20)).await;
        let states: Vec<Json> = created.into_iter().map(|state| state.expect("an image is made")).collect();
        // Two lists, and one after each, are needed to find out. The reads do not wait for the latter.
        let is_known = async || {
            world.take_requests().await;
            read_all(&world, &states).await;
            let lines = world.plugin.engine.lines();
            let is_said = lines.iter().any(|line| line.message.contains("images are looked at one by one"));
            is_said && ids_of_looks(&world).await == [1; 20]
        };
        until("a plugin that sends no lists", is_known).await;
        assert!(read_all(&world, &states).await.iter().all(Option::is_some), "{image_ids:?}");
        assert_eq!(ids_of_looks(&world).await, [1; 20], "{image_ids:?}");
    }
}

#[tokio::test]
async fn a_list_that_cannot_be_answered_fails_each_of_its_looks() {
    let world = world(ImageIds::Many, Duration::ZERO).await;
    let created = create_all(&world, &names(5)).await;
    let states: Vec<Json> = created.into_iter().map(|state| state.expect("an image is made")).collect();
    let denied = json!([{ "action": "DescribeImages", "do": "error", "code": "Forbidden.RAM", "status": 403, "times": 100 }]);
    world.faults(denied).await;
    for read in try_read_all(&world, &states).await {
        let status = read.expect_err("access is denied");
        assert!(status.message().contains("Forbidden.RAM"), "{}", status.message());
    }
}
