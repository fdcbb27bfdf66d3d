//! `alicloud:ecs/getImages:getImages`, `alicloud:ecs/getImageFromFamily:getImageFromFamily`, and lists of images.

use std::time::Duration;

use aliyun::ecs::CreateImageRequest;
use emulator::Options;
use pulumi::pulumirpc::list_response::Response;
use pulumi::pulumirpc::{InvokeRequest, ListRequest};
use serde_json::{Value as Json, json};
use tokio::time::Instant;

use crate::harness::{REGION, UNKNOWN, World, from_struct, secret, text, to_struct, told};

pub(crate) const GET_IMAGES: &str = "alicloud:ecs/getImages:getImages";
pub(crate) const GET_IMAGE_FROM_FAMILY: &str = "alicloud:ecs/getImageFromFamily:getImageFromFamily";
const IMAGE: &str = "alicloud:ecs/image:Image";

/// The result, or the failures as `path: reason`, or the text of the error.
pub(crate) async fn invoke(world: &mut World, token: &str, args: Json) -> Result<Json, String> {
    let request =
        InvokeRequest { tok: token.to_owned(), args: Some(to_struct(&args)), ..InvokeRequest::default() };
    let answer =
        world.plugin.rpc.invoke(request).await.map_err(|status| status.message().to_owned())?.into_inner();
    if answer.failures.is_empty() {
        return Ok(from_struct(&answer.r#return.expect("a result")));
    }
    let failures = answer.failures.iter().map(told);
    Err(failures.collect::<Vec<_>>().join("\n"))
}

pub(crate) async fn get_images(world: &mut World, args: Json) -> Json {
    invoke(world, GET_IMAGES, args).await.expect("images")
}

pub(crate) fn names(result: &Json) -> Vec<String> {
    result["images"].as_array().unwrap().iter().map(|image| text(&image["name"])).collect()
}

/// The ids and names of a page, `computed`, or the token that leads to the next one.
async fn list(world: &mut World, request: ListRequest) -> Result<(Vec<(String, String)>, String), String> {
    let request = ListRequest { token: IMAGE.to_owned(), ..request };
    let answer = world.plugin.rpc.list(request).await.map_err(|status| status.message().to_owned())?;
    let mut stream = answer.into_inner();
    let (mut found, mut next) = (Vec::new(), String::new());
    while let Some(answer) = stream.message().await.map_err(|status| status.message().to_owned())? {
        match answer.response.expect("a response") {
            Response::Result(listed) => found.push((listed.id, listed.name)),
            Response::Continuation(continuation) => next = continuation.continuation_token,
            Response::Computed(_) => next = "computed".to_owned(),
        }
    }
    Ok((found, next))
}

/// Images that the account has made without Pulumi.
async fn make(world: &World, images: impl IntoIterator<Item = (String, Option<&str>)>) -> Vec<String> {
    let api = world.somebody_else(REGION);
    let mut ids = Vec::new();
    for (name, family) in images {
        let request = CreateImageRequest {
            client_token: Some(name.clone()),
            image_name: Some(name),
            image_family: family.map(ToOwned::to_owned),
            snapshot_id: Some("s-system".to_owned()),
            ..CreateImageRequest::default()
        };
        let deadline = Instant::now() + Duration::from_secs(60);
        ids.push(api.create_image(&request, deadline).await.unwrap().image_id);
    }
    world.take_actions().await;
    ids
}

#[tokio::test]
async fn an_image_is_found_with_all_that_the_cloud_says_of_it() {
    let mut world = World::new().await;
    let inputs = json!({ "imageName": "web-1", "snapshotId": "s-system", "description": "first", "imageVersion": "2",
        "tags": { "team": "web" } });
    let (_, state) = world.plugin.up("web", inputs).await;
    world.take_actions().await;
    // `tags: null` and the like are what SDKs send of arguments that are not given.
    let given = json!({ "owners": "self", "nameRegex": "^web", "tags": null, "mostRecent": true });
    let result = get_images(&mut world, given).await;
    let image = &result["images"][0];
    for (property, expected) in [
        ("id", state["id"].clone()),
        ("imageId", state["id"].clone()),
        ("name", json!("web-1")),
        ("description", json!("first")),
        ("imageVersion", json!("2")),
        ("imageOwnerAlias", json!("self")),
        ("status", json!("Available")),
        ("state", json!("Available")),
        ("size", json!(40)),
        ("isCopied", json!(false)),
        ("tags", json!({ "team": "web" })),
        ("creationTime", state["createTime"].clone()),
    ] {
        assert_eq!(image[property], expected, "{property}");
    }
    assert_eq!(image["diskDeviceMappings"][0]["size"], "40");
    assert_eq!((&result["ids"], result["images"].as_array().unwrap().len()), (&json!([state["id"]]), 1));
    assert_eq!((&result["mostRecent"], &result["status"]), (&json!(true), &json!("Available")));
    assert_eq!((&result["owners"], result.get("tags")), (&json!("self"), None));
    // The tags cost no call.
    assert_eq!(world.take_actions().await, ["DescribeImages"]);
    assert_eq!(get_images(&mut world, json!({ "owners": "self" })).await["id"], result["id"]);
}

#[tokio::test]
async fn without_a_filter_everything_available_is_found() {
    let mut world = World::new().await;
    make(&world, [("mine".to_owned(), None)]).await;
    let all = get_images(&mut world, json!({})).await;
    assert!(names(&all).contains(&"mine".to_owned()), "{all}");
    let owners: Vec<String> =
        all["images"].as_array().unwrap().iter().map(|image| text(&image["imageOwnerAlias"])).collect();
    assert!(owners.contains(&"system".to_owned()) && owners.contains(&"self".to_owned()), "{owners:?}");
    for owner in ["self", "system", "others"] {
        let found = get_images(&mut world, json!({ "owners": owner })).await;
        let images = found["images"].as_array().unwrap();
        assert!(images.iter().all(|image| image["imageOwnerAlias"] == owner), "{found}");
    }
    let none = get_images(&mut world, json!({ "imageName": "no such name" })).await;
    assert_eq!((&none["images"], &none["ids"], &none["id"]), (&json!([]), &json!([]), &json!("0")));
}

#[tokio::test]
async fn two_hundred_and_fifty_images_cost_three_calls_in_a_function_and_in_a_list() {
    let mut world = World::new().await;
    let ids = make(&world, (0..250).map(|number| (format!("web-{number:03}"), None))).await;
    let result = get_images(&mut world, json!({ "owners": "self" })).await;
    let mut found: Vec<String> = result["ids"].as_array().unwrap().iter().map(text).collect();
    let mut expected = ids.clone();
    found.sort_unstable();
    expected.sort_unstable();
    assert_eq!(found, expected);
    assert_eq!(world.take_actions().await, ["DescribeImages"; 3]);

    let (mut listed, mut next) = (Vec::new(), String::new());
    loop {
        let request = ListRequest { continuation_token: next, ..ListRequest::default() };
        let (page, token) = list(&mut world, request).await.unwrap();
        listed.extend(page);
        assert!(listed.len() <= ids.len(), "it does not come to an end");
        next = token;
        if next.is_empty() {
            break;
        }
    }
    let mut found: Vec<String> = listed.iter().map(|(id, _)| id.clone()).collect();
    found.sort_unstable();
    assert_eq!(found, expected);
    assert_eq!(world.take_actions().await, ["DescribeImages"; 3]);

    let request = ListRequest { limit: 7, ..ListRequest::default() };
    let (page, next) = list(&mut world, request).await.unwrap();
    assert_eq!((page.len(), next.as_str()), (7, ""));
    assert_eq!(world.take_actions().await, ["DescribeImages"]);
}

#[tokio::test]
async fn a_list_is_narrowed_and_shows_the_accounts_own_images_in_every_state() {
    let mut world = World::new().await;
    let ids = make(&world, [("web-1".to_owned(), Some("fam")), ("api-1".to_owned(), None)]).await;
    world.change(&ids[1], json!({ "status": "Deprecated" })).await;
    let query = |query: Json| ListRequest { query: Some(to_struct(&query)), ..ListRequest::default() };
    let (mut all, _) = list(&mut world, query(json!({}))).await.unwrap();
    all.sort_by_key(|(_, name)| name.clone());
    assert_eq!(all, [(ids[1].clone(), "api-1".to_owned()), (ids[0].clone(), "web-1".to_owned())]);
    for (narrowed, name) in [
        (json!({ "imageName": "web" }), "web-1"),
        (json!({ "imageFamily": "fam" }), "web-1"),
        (json!({ "status": "Deprecated" }), "api-1"),
        (json!({ "status": "Available" }), "web-1"),
    ] {
        let (found, _) = list(&mut world, query(narrowed.clone())).await.unwrap();
        assert_eq!(found.iter().map(|(_, name)| name.as_str()).collect::<Vec<_>>(), [name], "{narrowed}");
    }
    assert_eq!(list(&mut world, query(json!({ "imageName": UNKNOWN }))).await.unwrap().1, "computed");
    let failed = list(&mut world, query(json!({ "osType": "macos", "colour": "red" }))).await.unwrap_err();
    assert!(failed.contains("osType: must be one of \"linux\", \"windows\", got \"macos\""), "{failed}");
    assert!(failed.contains("colour: unknown property"), "{failed}");
}

#[tokio::test]
async fn mistakes_name_the_argument_and_what_is_allowed() {
    let mut world = World::new().await;
    let given = json!({ "owners": "me", "nameRegex": "[", "status": "Ready", "mostRecent": "yes", "nameRegexp": "x" });
    let failed = invoke(&mut world, GET_IMAGES, given).await.unwrap_err();
    for expected in [
        "owners: must be one of \"system\", \"self\", \"others\", \"marketplace\", \"\", got \"me\"",
        "nameRegex: \"[\" has a [ without its ]",
        "status: must be ALL, or one or several of Available",
        "mostRecent: expected a boolean, got the string \"yes\"",
        "nameRegexp: unknown property; did you mean \"nameRegex\"?",
    ] {
        assert!(failed.contains(expected), "{expected} not in {failed}");
    }
    assert_eq!(world.take_actions().await, Vec::<String>::new());
    // What only the cloud refuses is named as well.
    let given = json!({ "owners": "self", "imageOwnerId": "1234567890123456" });
    let failed = invoke(&mut world, GET_IMAGES, given).await.unwrap_err();
    assert!(
        failed.starts_with("imageOwnerId: DescribeImages: InvalidOperation.ImageOwnerIdUnsupported"),
        "{failed}"
    );
    assert!(failed.contains("give owners: others with it"), "{failed}");
}

#[tokio::test]
async fn what_is_not_known_yet_is_not_asked_and_what_is_secret_makes_the_result_so() {
    let mut world = World::new().await;
    let unknown = get_images(&mut world, json!({ "owners": "self", "nameRegex": UNKNOWN })).await;
    assert_eq!(unknown, json!({}));
    assert_eq!(world.take_actions().await, Vec::<String>::new());
    let result = get_images(&mut world, json!({ "nameRegex": secret("web".into()) })).await;
    assert_eq!(result["ids"], secret(json!([])));
}

#[tokio::test]
async fn a_dry_run_finds_nothing() {
    let mut world = World::new().await;
    let result = get_images(&mut world, json!({ "dryRun": true })).await;
    assert_eq!((&result["images"], &result["id"]), (&json!([]), &json!("0")));
    let result = get_images(&mut world, json!({ "dryRun": false, "isSupportCloudInit": false })).await;
    assert_eq!(result["images"], json!([]), "false is sent: cloud-init runs in every image there");
}

#[tokio::test]
async fn the_newest_image_of_a_family_is_found_and_deprecated_ones_are_passed_over() {
    let mut world = World::with(emulator::Options {
        image_ready_after: Duration::ZERO,
        manual_clock: true,
        ..emulator::Options::default()
    })
    .await;
    let mut ids = Vec::new();
    for number in 1..=3 {
        ids.extend(make(&world, [(format!("web-{number}"), Some("fam"))]).await);
        crate::harness::advance(world.cloud.address(), 60).await;
    }
    world.change(&ids[2], json!({ "status": "Deprecated" })).await;
    let result = invoke(&mut world, GET_IMAGE_FROM_FAMILY, json!({ "imageFamily": "fam" })).await.unwrap();
    assert_eq!(
        (&result["id"], &result["imageId"], &result["name"]),
        (&json!(ids[1]), &json!(ids[1]), &json!("web-2"))
    );
    assert_eq!((&result["imageFamily"], &result["status"]), (&json!("fam"), &json!("Available")));
    assert_eq!(world.take_actions().await, ["DescribeImageFromFamily"]);

    let failed =
        invoke(&mut world, GET_IMAGE_FROM_FAMILY, json!({ "imageFamily": "other" })).await.unwrap_err();
    assert!(
        failed.starts_with(
            "imageFamily: the family \"other\" has no image that is Available in the region cn-hangzhou"
        ),
        "{failed}"
    );
    let failed = invoke(&mut world, GET_IMAGE_FROM_FAMILY, json!({})).await.unwrap_err();
    assert_eq!(failed, "imageFamily: is required");
    let failed = invoke(&mut world, GET_IMAGE_FROM_FAMILY, json!({ "imageFamily": "" })).await.unwrap_err();
    assert_eq!(failed, "imageFamily: must be 1 to 128 characters long, got 0: \"\"");
}

#[tokio::test]
async fn public_images_are_found_by_owner_pattern_and_family() {
    let options = Options { image_ready_after: Duration::ZERO, public_images: true, ..Options::default() };
    let mut world = World::with(options).await;
    let found = get_images(&mut world, json!({ "owners": "system" })).await;
    assert_eq!(names(&found).len(), 10);
    let newest = json!({ "owners": "system", "nameRegex": "^aliyun_3_x64", "mostRecent": true });
    assert_eq!(names(&get_images(&mut world, newest).await), ["aliyun_3_x64_20G_alibase_20240528.vhd"]);
    let arm = json!({ "owners": "system", "architecture": "arm64", "nameRegex": "^ubuntu_[0-9]+_" });
    assert_eq!(names(&get_images(&mut world, arm).await), ["ubuntu_22_04_arm64_20G_alibase_20240508.vhd"]);
    let family = json!({ "imageFamily": "acs:ubuntu_22_04_x64" });
    let image = invoke(&mut world, GET_IMAGE_FROM_FAMILY, family).await.expect("an image");
    assert_eq!(image["imageId"], "ubuntu_22_04_x64_20G_alibase_20240322.vhd");
}
