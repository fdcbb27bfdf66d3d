//! `alicloud:ecs/imageSharePermission:ImageSharePermission` as an engine uses it.

use pulumi::pulumirpc as rpc;
use serde_json::{Value as Json, json};

use crate::harness::{
    Failed, IMAGE_SHARE, Plan, Plugin, REGION, Stack, TIME_LIMIT, UNKNOWN, World, advance, are_made, ends,
    requests, secret, settings, strikes, text, to_struct, until, urn_of,
};

pub(crate) const PARTNER: &str = "1111222233334400";
/// The account that the emulator's images belong to.
const OWN: &str = "1234567890123456";

/// The URN of a share.
fn urn(name: &str) -> String {
    urn_of(IMAGE_SHARE, name)
}

fn account(index: usize) -> String {
    format!("11112222333344{index:02}")
}

fn share(image: &str, account: &str) -> Json {
    json!({ "imageId": image, "accountId": account })
}

/// A world with an image, and its id.
async fn world() -> (World, String) {
    let mut world = World::new().await;
    let (_, image) = world.plugin.up("web", json!({ "imageName": "web", "snapshotId": "s-system" })).await;
    world.take_actions().await;
    (world, text(&image["id"]))
}

/// The accounts that an image is shared with.
async fn accounts(world: &World, image: &str) -> Vec<String> {
    let images = world.images().await;
    let image = images.iter().find(|has| has["id"] == image).expect("the image is there");
    image["shared_with"].as_object().expect("a map of accounts").keys().cloned().collect()
}

/// Changes whom an image is shared with behind the plugin's back: through another one.
pub(crate) async fn behind_the_back(world: &World, image: &str, account: &str, shared: bool) {
    let mut other = Plugin::configured(&world.cloud).await;
    let (name, inputs) = (urn("behind"), share(image, account));
    if shared {
        other.create(&name, &inputs).await.unwrap();
    } else {
        let state = json!({ "id": format!("{image}:{account}"), "imageId": image, "accountId": account, "regionId": REGION });
        other.delete(&name, &state, &inputs).await.unwrap();
    }
}

#[tokio::test]
async fn a_share_is_made_read_replaced_and_ended() {
    let (mut world, image) = world().await;
    let mut stack = Stack::new(&urn("partner"));
    assert_eq!(stack.up(&mut world.plugin, &share(&image, PARTNER)).await.unwrap(), Plan::Create);
    assert_eq!(stack.id(), format!("{image}:{PARTNER}"));
    let state = stack.kept.as_ref().unwrap().state.clone();
    assert_eq!(
        (&state["imageId"], &state["accountId"], &state["regionId"]),
        (&json!(image), &json!(PARTNER), &json!(REGION))
    );
    assert!(text(&state["sharedTime"]).ends_with('Z'), "{state}");
    assert_eq!(accounts(&world, &image).await, [PARTNER]);
    assert_eq!(world.take_actions().await, ["ModifyImageSharePermission", "DescribeImageSharePermission"]);

    assert_eq!(stack.up(&mut world.plugin, &share(&image, PARTNER)).await.unwrap(), Plan::Same);
    assert!(stack.refresh(&mut world.plugin).await.unwrap());
    assert_eq!(stack.kept.as_ref().unwrap().state, state);
    assert_eq!(world.take_actions().await, ["DescribeImageSharePermission"]);
    assert_eq!(stack.up(&mut world.plugin, &share(&image, PARTNER)).await.unwrap(), Plan::Same);

    let Plan::Replace(diff) = stack.up(&mut world.plugin, &share(&image, &account(1))).await.unwrap() else {
        panic!("another account is another share")
    };
    assert_eq!((diff.replaces, diff.delete_before_replace), (vec!["accountId".to_owned()], true));
    assert_eq!(accounts(&world, &image).await, [account(1)]);
    stack.destroy(&mut world.plugin).await.unwrap();
    assert_eq!(accounts(&world, &image).await, [""; 0]);
    assert_eq!(world.plugin.engine.warnings(), [""; 0]);
}

#[tokio::test]
async fn a_preview_knows_both_inputs_and_an_unknown_image_is_no_mistake() {
    let (mut world, image) = world().await;
    let name = urn("partner");
    let inputs = world.plugin.check(&name, share(&image, PARTNER)).await.unwrap();
    let preview = world.plugin.preview_create(&name, &inputs).await;
    assert_eq!(
        (&preview["imageId"], &preview["accountId"], &preview["sharedTime"]),
        (&json!(image), &json!(PARTNER), &json!(UNKNOWN))
    );
    let unknown = share(UNKNOWN, PARTNER);
    assert_eq!(world.plugin.check(&name, unknown.clone()).await.unwrap(), unknown);
    // A replacement of the image replaces the share.
    let (inputs, state) = world.plugin.up(&name, inputs).await;
    let diff = world.plugin.diff(&name, &state, &inputs, &unknown).await;
    assert_eq!(diff.replaces, ["imageId"]);
}

#[tokio::test]
async fn every_mistake_is_told_with_its_property() {
    let (mut world, _) = world().await;
    let digits = "must be the id of an account, which has digits only, such as 1234567890123456";
    for (inputs, failures) in [
        (json!({ "imageId": "m-1" }), vec!["accountId: is required".to_owned()]),
        (
            json!({ "imageId": "", "accountId": "partner" }),
            vec![
                "imageId: must be at least 1 character long, got 0: \"\"".to_owned(),
                format!("accountId: {digits}, got \"partner\""),
            ],
        ),
        (json!({ "imageId": "m-1", "accountId": true }), vec![format!("accountId: {digits}, got \"true\"")]),
        (json!({ "imageId": "m-1", "accountId": "12 34" }), vec![format!("accountId: {digits}, got \"12 34\"")]),
        (
            json!({ "imageId": "m-1", "accountId": 12345678901234567_i64 }),
            vec![
                "accountId: a number that is not less than 9007199254740992 loses digits; write it as text, in quotes"
                    .to_owned(),
            ],
        ),
        (
            json!({ "imageId": "m-1", "acountId": "1" }),
            vec![
                "acountId: unknown property; did you mean \"accountId\"?".to_owned(),
                "accountId: is required".to_owned(),
            ],
        ),
        (
            json!({ "imageId": "m-1", "accountId": secret("partner".into()) }),
            vec![format!("accountId: {digits} (the value is secret)")],
        ),
    ] {
        let found = world.plugin.check(&urn("partner"), inputs.clone()).await.unwrap_err();
        assert_eq!(found, failures, "{inputs}");
    }
    let number = json!({ "imageId": "m-1", "accountId": 1_111_222_233_334_400_i64 });
    assert_eq!(world.plugin.check(&urn("partner"), number).await.unwrap()["accountId"], PARTNER);
    // Some C# SDKs register a resource that is looked up without a single input, while its id is not known yet.
    let inputs = world.plugin.check(&urn("partner"), json!({})).await.unwrap();
    let failed = world.plugin.create(&urn("partner"), &inputs).await.unwrap_err();
    assert_eq!((failed.message.as_str(), failed.partial), ("a share needs both imageId and accountId", None));
    assert_eq!(world.take_actions().await, [""; 0]);
}

#[tokio::test]
async fn what_the_cloud_refuses_names_the_property_and_what_to_do() {
    let (mut world, image) = world().await;
    for (inputs, parts) in [
        (
            share(&image, OWN),
            ["accountId: ModifyImageSharePermission: InvalidAccount.Forbbiden", "is the one that image"],
        ),
        (
            share(&image, "12"),
            ["accountId: ModifyImageSharePermission: InvalidAccount.NotFound", "There is no account 12"],
        ),
        (
            share("m-none", PARTNER),
            ["imageId: ModifyImageSharePermission: InvalidImageId.NotFound", "Check imageId"],
        ),
        (
            share("m-system", PARTNER),
            ["imageId: ModifyImageSharePermission: Forbidden", "is one of the cloud's own"],
        ),
    ] {
        let failed = world.plugin.create(&urn("partner"), &inputs).await.unwrap_err();
        assert!(failed.partial.is_none(), "{failed:?}");
        for part in parts {
            assert!(failed.message.contains(part), "{part} in: {}", failed.message);
        }
    }
    assert_eq!(accounts(&world, &image).await, [""; 0]);
}

/// Creates that an engine asks for at the same time.
async fn create_all(world: &World, image: &str, count: usize) -> Vec<Result<String, Failed>> {
    let creates = (0..count).map(|index| {
        let mut plugin = world.plugin.rpc.clone();
        let request = rpc::CreateRequest {
            urn: urn(&format!("partner-{index}")),
            properties: Some(to_struct(&share(image, &account(index)))),
            ..rpc::CreateRequest::default()
        };
        async move { plugin.create(request).await.map(|made| made.into_inner().id).map_err(Failed::from) }
    });
    futures::future::join_all(creates).await
}

/// A machine that is busy lets them go apart at times, but not each time.
#[tokio::test]
async fn shares_of_one_image_go_out_together() {
    let mut world = World::new().await;
    let mut images = 0;
    let go_together = async || {
        images += 1;
        let program = json!({ "imageName": format!("web-{images}"), "snapshotId": "s-system" });
        let (_, image) = world.plugin.up(&format!("web-{images}"), program).await;
        let image = text(&image["id"]);
        world.take_requests().await;
        for made in create_all(&world, &image, 10).await {
            made.unwrap();
        }
        assert_eq!(accounts(&world, &image).await.len(), 10);
        let actions = world.take_actions().await;
        actions.iter().filter(|action| *action == "ModifyImageSharePermission").count() == 1
    };
    until("ten shares by one change", go_together).await;
}

#[tokio::test]
async fn a_limit_that_has_room_for_some_refuses_the_others_only() {
    let (world, image) = world().await;
    let made = create_all(&world, &image, 53).await;
    let refused: Vec<Failed> = made.into_iter().filter_map(Result::err).collect();
    assert_eq!((refused.len(), accounts(&world, &image).await.len()), (3, 50));
    for failed in refused {
        assert!(
            failed.partial.is_none() && failed.message.contains("QuotaExceed.ShareImageUser"),
            "{failed:?}"
        );
    }
}

#[tokio::test]
async fn a_share_that_somebody_ended_is_gone_and_one_with_others_is_none() {
    let (mut world, image) = world().await;
    let mut stack = Stack::new(&urn("partner"));
    stack.up(&mut world.plugin, &share(&image, PARTNER)).await.unwrap();
    behind_the_back(&world, &image, &account(1), true).await;
    behind_the_back(&world, &image, PARTNER, false).await;
    assert!(!stack.refresh(&mut world.plugin).await.unwrap());
    assert_eq!(stack.up(&mut world.plugin, &share(&image, PARTNER)).await.unwrap(), Plan::Create);
    assert_eq!(accounts(&world, &image).await, [PARTNER.to_owned(), account(1)]);
    // What finds nothing is done.
    behind_the_back(&world, &image, PARTNER, false).await;
    stack.destroy(&mut world.plugin).await.unwrap();
    assert_eq!(accounts(&world, &image).await, [account(1)]);
}

#[tokio::test]
async fn a_share_goes_with_its_image() {
    let (mut world, image) = world().await;
    let mut stack = Stack::new(&urn("partner"));
    stack.up(&mut world.plugin, &share(&image, PARTNER)).await.unwrap();
    let kept = stack.kept.clone();
    world.change(&image, json!({ "gone": true })).await;
    assert!(!stack.refresh(&mut world.plugin).await.unwrap());
    stack.kept = kept;
    stack.destroy(&mut world.plugin).await.unwrap();
}

#[tokio::test]
async fn a_share_is_imported_by_its_id() {
    let (mut world, image) = world().await;
    behind_the_back(&world, &image, PARTNER, true).await;
    let (name, id) = (urn("partner"), format!("{image}:{PARTNER}"));
    let (inputs, state) = world.plugin.read(&name, &id, &json!({}), &json!({})).await.unwrap().unwrap();
    assert_eq!(inputs, share(&image, PARTNER));
    assert_eq!(state["id"], id);
    let mut stack = Stack::new(&name);
    stack.kept = Some(crate::harness::Kept { inputs, state, incomplete: false });
    assert_eq!(stack.preview(&mut world.plugin, &share(&image, PARTNER)).await.0, Plan::Same);
    let absent = format!("{image}:{}", account(7));
    assert!(world.plugin.read(&name, &absent, &json!({}), &json!({})).await.unwrap().is_none());
    let failed = world.plugin.read(&name, &image, &json!({}), &json!({})).await.unwrap_err();
    assert!(failed.message.contains("does not have the form <imageId>:<accountId>"), "{}", failed.message);
}

/// As the published provider leaves one in a state: neither defaults nor time-outs, and the two properties.
#[tokio::test]
async fn a_stack_of_the_official_provider_is_taken_over_without_a_change() {
    let (mut world, image) = world().await;
    behind_the_back(&world, &image, PARTNER, true).await;
    let mut inputs = share(&image, PARTNER);
    inputs["__defaults"] = json!([]);
    let mut state = share(&image, PARTNER);
    state["id"] = format!("{image}:{PARTNER}").into();
    let mut stack = Stack::new(&urn("partner"));
    stack.kept = Some(crate::harness::Kept { inputs, state, incomplete: false });
    assert_eq!(stack.up(&mut world.plugin, &share(&image, PARTNER)).await.unwrap(), Plan::Same);
    assert!(stack.refresh(&mut world.plugin).await.unwrap());
    assert_eq!(stack.up(&mut world.plugin, &share(&image, PARTNER)).await.unwrap(), Plan::Same);
    stack.destroy(&mut world.plugin).await.unwrap();
    assert_eq!(accounts(&world, &image).await, [""; 0]);
}

#[tokio::test]
async fn the_deletion_of_an_image_that_is_shared_says_with_whom() {
    let mut world = World::new().await;
    let (inputs, state) =
        world.plugin.up("web", json!({ "imageName": "web", "snapshotId": "s-system", "force": true })).await;
    let image = text(&state["id"]);
    for index in [3, 5] {
        behind_the_back(&world, &image, &account(index), true).await;
    }
    let failed = world.plugin.delete("web", &state, &inputs).await.unwrap_err();
    let expected = format!("image {image} is shared with the accounts {}, {}.", account(3), account(5));
    assert!(
        failed.message.contains("ImageUseShared") && failed.message.contains(&expected),
        "{}",
        failed.message
    );
    for index in [3, 5] {
        behind_the_back(&world, &image, &account(index), false).await;
    }
    world.plugin.delete("web", &state, &inputs).await.unwrap();
}

#[tokio::test]
async fn lost_answers_lose_no_share() {
    let (mut world, image) = world().await;
    let mut stack = Stack::new(&urn("partner"));
    world.faults(json!([{ "action": "ModifyImageSharePermission", "do": "reset_after" }])).await;
    stack.up(&mut world.plugin, &share(&image, PARTNER)).await.unwrap();
    stack.destroy(&mut world.plugin).await.unwrap();

    // No answer at all, though the share is made.
    world
        .faults(json!([{ "action": "ModifyImageSharePermission", "do": "reset_after", "times": 100 }]))
        .await;
    world.plugin.time_limit = TIME_LIMIT;
    let failed = stack.up(&mut world.plugin, &share(&image, PARTNER)).await.unwrap_err();
    world.plugin.time_limit = 0.0;
    assert!(failed.partial.is_some(), "{failed:?}");
    assert!(failed.message.contains("may be shared with account"), "{}", failed.message);
    world.control("DELETE", "/_emulator/faults", Json::Null).await;
    assert!(matches!(stack.up(&mut world.plugin, &share(&image, PARTNER)).await.unwrap(), Plan::Update(_)));
    assert_eq!(stack.up(&mut world.plugin, &share(&image, PARTNER)).await.unwrap(), Plan::Same);
    assert_eq!(accounts(&world, &image).await, [PARTNER]);
    stack.destroy(&mut world.plugin).await.unwrap();
    assert_eq!(accounts(&world, &image).await, [""; 0]);
}

#[tokio::test]
async fn a_plugin_that_is_killed_after_the_call_makes_no_difference() {
    let (mut world, image) = world().await;
    world.faults(json!([{ "action": "DescribeImageSharePermission", "do": "hang" }])).await;
    let mut rpc = world.plugin.rpc.clone();
    let request = rpc::CreateRequest {
        urn: urn("partner"),
        properties: Some(to_struct(&share(&image, PARTNER))),
        ..rpc::CreateRequest::default()
    };
    let killed = tokio::spawn(async move { rpc.create(request).await });
    until("a share", async || !accounts(&world, &image).await.is_empty()).await;
    world.restart_plugin().await;
    assert!(killed.await.unwrap().is_err());
    // The engine has no id, so it creates again.
    let mut stack = Stack::new(&urn("partner"));
    stack.up(&mut world.plugin, &share(&image, PARTNER)).await.unwrap();
    stack.destroy(&mut world.plugin).await.unwrap();
    assert_eq!(accounts(&world, &image).await, [""; 0]);
}

/// A cloud whose clock stands still while an image is made, and the image's id.
async fn being_made() -> (World, String, tokio::task::JoinHandle<()>) {
    let world = World::slow().await;
    let mut rpc = world.plugin.rpc.clone();
    let request = rpc::CreateRequest {
        urn: crate::harness::urn("web"),
        properties: Some(to_struct(&json!({ "imageName": "web", "snapshotId": "s-system" }))),
        ..rpc::CreateRequest::default()
    };
    let made = tokio::spawn(async move { drop(rpc.create(request).await) });
    are_made(world.cloud.address(), 1).await;
    let image = text(&world.images().await[0]["id"]);
    (world, image, made)
}

#[tokio::test]
async fn an_image_that_is_being_made_is_shared_once_it_is() {
    let (mut world, image, made) = being_made().await;
    let name = urn("partner");
    let program = share(&image, PARTNER);
    let address = world.cloud.address();
    let is_refused = async || {
        requests(address).await.iter().any(|request| {
            request["action"] == "ModifyImageSharePermission" && request["code"] == "IncorrectImageStatus"
        })
    };
    // Out of time before it is ready: nothing was shared, so nothing is kept.
    world.plugin.time_limit = TIME_LIMIT;
    let early = world.plugin.create(&name, &program).await.unwrap_err();
    world.plugin.time_limit = 0.0;
    assert!(early.partial.is_none() && early.message.contains("customTimeouts.create"), "{early:?}");
    assert_eq!(accounts(&world, &image).await, [""; 0]);
    assert!(is_refused().await, "it was not asked for");

    world.take_requests().await;
    let later = async {
        until("a share that is refused", is_refused).await;
        advance(address, 120).await;
    };
    let (created, ()) = ends(async { tokio::join!(world.plugin.create(&name, &program), later) }).await;
    created.unwrap();
    assert_eq!(accounts(&world, &image).await, [PARTNER]);
    made.abort();
}

#[tokio::test]
async fn an_interruption_ends_a_create_at_once_and_keeps_what_was_sent() {
    let (mut world, image) = world().await;
    // Without the interruption the look is waited for ten minutes.
    let mut patient = settings(&world.cloud);
    patient["clientReadTimeout"] = 600_000.into();
    world.plugin = Plugin::configured_with(patient).await;
    world.faults(json!([{ "action": "DescribeImageSharePermission", "do": "hang", "times": 9999 }])).await;
    let (mut rpc, address) = (world.plugin.rpc.clone(), world.cloud.address());
    let name = urn("partner");
    let program = share(&image, PARTNER);
    let create = async {
        let mut create = std::pin::pin!(world.plugin.create(&name, &program));
        tokio::select! {
            early = &mut create => panic!("it ends before it is interrupted: {early:?}"),
            () = strikes(address, "hang", 9999) => {}
        }
        rpc.cancel(()).await.unwrap();
        create.await
    };
    let failed = ends(create).await.unwrap_err();
    assert!(failed.message.contains("interrupted"), "{}", failed.message);
    let (id, state) = failed.partial.expect("the share was sent");
    assert_eq!((id, &state["accountId"]), (format!("{image}:{PARTNER}"), &json!(PARTNER)));
    // The next run of the engine finds out.
    world.control("DELETE", "/_emulator/faults", Json::Null).await;
    world.restart_plugin().await;
    let updated = world.plugin.update(&name, &state, &program, &program).await.unwrap();
    assert!(updated.get("__unseen").is_none(), "{updated}");
}

#[tokio::test]
async fn the_shares_of_an_image_are_listed_page_by_page() {
    let (mut world, image) = world().await;
    for made in create_all(&world, &image, 12).await {
        made.unwrap();
    }
    let (mut found, mut token, mut pages) = (Vec::new(), String::new(), 0);
    loop {
        let request = rpc::ListRequest {
            token: IMAGE_SHARE.to_owned(),
            query: Some(to_struct(&json!({ "imageId": image }))),
            page_size: 5,
            continuation_token: token.clone(),
            ..rpc::ListRequest::default()
        };
        let mut answers = world.plugin.rpc.list(request).await.unwrap().into_inner();
        token.clear();
        pages += 1;
        assert!(pages <= 3, "{found:?}");
        while let Some(answer) = answers.message().await.unwrap() {
            match answer.response.unwrap() {
                rpc::list_response::Response::Result(result) => found.push(result.id),
                rpc::list_response::Response::Continuation(more) => token = more.continuation_token,
                rpc::list_response::Response::Computed(_) => panic!("everything is known"),
            }
        }
        if token.is_empty() {
            break;
        }
    }
    let expected: Vec<String> = (0..12).map(|index| format!("{image}:{}", account(index))).collect();
    assert_eq!((found, pages), (expected, 3));
}
