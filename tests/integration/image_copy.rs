//! `alicloud:ecs/imageCopy:ImageCopy`: its life, and what only a copy has: two regions, a queue, a cancellation, an import that
//! names the source. Image's tests hold what both share.

use std::time::Duration;

use emulator::Options;
use pulumi::pulumirpc as rpc;
use serde_json::{Value as Json, json};

use crate::harness::{
    Failed, IMAGE_COPY, Plan, Plugin, SOURCE_REGION, Stack, TIME_LIMIT, World, are_made, control,
    from_struct, make_source, requests, settings, text, to_struct, until, urn_of, while_time_goes_on,
};

/// A cloud with a source, and a plugin that is asked about copies.
struct Copies {
    world: World,
    source: String,
}

impl Copies {
    async fn new() -> Copies {
        Copies::with(Options { image_ready_after: Duration::ZERO, ..Options::default() }).await
    }

    /// With a clock that stands still, once the source is there: copies take a minute.
    async fn slow() -> Copies {
        let minute = Duration::from_secs(60);
        Copies::with(Options { image_ready_after: minute, manual_clock: true, ..Options::default() }).await
    }

    async fn with(options: Options) -> Copies {
        let stands_still = options.manual_clock;
        let mut world = World::with(options).await;
        world.plugin.resource_type = IMAGE_COPY;
        let source = make_source(&world.cloud, stands_still).await;
        Copies { world, source }
    }

    /// The least that a program says of a copy with a name.
    fn program(&self) -> Json {
        json!({ "imageName": "golden", "sourceImageId": self.source, "sourceRegionId": SOURCE_REGION })
    }

    /// The images of the region of the sources.
    async fn there(&self) -> Vec<Json> {
        let state = self.world.control("GET", "/_emulator/state", Json::Null).await;
        state["regions"][SOURCE_REGION]["images"].as_array().cloned().unwrap_or_default()
    }
}

#[tokio::test]
async fn a_copy_lives_and_leaves_nothing_behind() {
    let mut copies = Copies::new().await;
    let program = json!({
        "imageName": "golden", "sourceImageId": copies.source, "sourceRegionId": SOURCE_REGION,
        "description": "first", "tags": { "team": "web", "gone": "soon" }, "resourceGroupId": "rg-other",
        "encrypted": true,
    });
    let mut stack = Stack::new("web");
    assert_eq!(stack.up(&mut copies.world.plugin, &program).await.unwrap(), Plan::Create);
    let requests = copies.world.take_requests().await;
    let calls: Vec<(String, String)> = requests
        .iter()
        .map(|request| (text(&request["action"]), text(&request["params"]["RegionId"])))
        .collect();
    let here = |action: &str| (action.to_owned(), "cn-hangzhou".to_owned());
    let copied = ("CopyImage".to_owned(), SOURCE_REGION.to_owned());
    let expected = [here("DescribeImages"), copied, here("DescribeImages"), here("ModifyImageAttribute")];
    assert_eq!(calls, expected);

    let state = stack.kept.as_ref().unwrap().state.clone();
    for (property, expected) in [
        ("imageName", json!("golden")),
        ("name", json!("golden")),
        ("description", json!("first")),
        ("tags", json!({ "team": "web", "gone": "soon" })),
        ("resourceGroupId", json!("rg-other")),
        ("sourceImageId", json!(copies.source)),
        ("sourceRegionId", json!(SOURCE_REGION)),
        ("encrypted", json!(true)),
        ("isCopied", json!(true)),
        ("usable", json!(true)),
        ("regionId", json!("cn-hangzhou")),
        ("platform", json!("CentOS")),
        ("architecture", json!("x86_64")),
    ] {
        assert_eq!(state[property], expected, "{property}");
    }
    assert_eq!(state["diskDeviceMappings"][0]["size"], 40);
    let plugin = &mut copies.world.plugin;
    assert_eq!(stack.preview(plugin, &program).await.0, Plan::Same);
    assert!(stack.refresh(plugin).await.unwrap());
    assert_eq!(stack.preview(plugin, &program).await.0, Plan::Same);

    // Drift is seen, and repaired.
    copies.world.change(&stack.id(), json!({ "description": "drifted" })).await;
    assert!(stack.refresh(&mut copies.world.plugin).await.unwrap());
    let plan = stack.up(&mut copies.world.plugin, &program).await.unwrap();
    assert!(matches!(&plan, Plan::Update(diff) if diff.detailed == ["UPDATE description"]), "{plan:?}");

    let mut edited = program.clone();
    edited["description"] = Json::Null;
    edited["imageName"] = "renamed".into();
    edited["tags"] = json!({ "team": "api" });
    edited["force"] = true.into();
    copies.world.take_actions().await;
    stack.up(&mut copies.world.plugin, &edited).await.unwrap();
    let actions = copies.world.take_actions().await;
    assert!(!actions.contains(&"CopyImage".to_owned()), "{actions:?}");
    let images = copies.world.images().await;
    assert_eq!(
        (images.len(), &images[0]["name"], &images[0]["description"], &images[0]["tags"]),
        (1, &json!("renamed"), &json!(""), &json!({ "team": "api" }))
    );

    stack.destroy(&mut copies.world.plugin).await.unwrap();
    assert_eq!(copies.world.take_actions().await, ["DeleteImage", "DescribeImages"]);
    assert!(copies.world.images().await.is_empty());
    assert!(copies.there().await.iter().any(|image| image["id"] == copies.source.as_str()));
}

#[tokio::test]
async fn every_mistake_is_reported_with_its_path_and_nothing_is_made() {
    let mut copies = Copies::new().await;
    let program = json!({
        "imageName": "aliyun-web", "sourceRegionId": "cn-hangzou", "kmsKeyId": "k-1", "encrypted": false,
        "imageFamily": "web", "tags": { "acs:k": "v" }, "description": "x",
    });
    let failures = copies.world.plugin.check("web", program).await.unwrap_err();
    let starts = [
        "description: must be 2 to 256 characters long, got 1",
        "imageFamily: unknown property",
        "sourceImageId: is required",
        "kmsKeyId: is the key of an encrypted copy: set encrypted: true as well, or leave kmsKeyId out",
        "imageName: must not start with aliyun",
        "tags[\"acs:k\"]: a tag's key must not start with acs:",
        "sourceRegionId: \"cn-hangzou\" is not a known region; did you mean cn-hangzhou",
    ];
    assert_eq!(failures.len(), starts.len(), "{failures:#?}");
    for (failure, start) in failures.iter().zip(starts) {
        assert!(failure.starts_with(start), "{failure} is not {start}");
    }
    assert!(copies.world.take_actions().await.is_empty());
}

#[tokio::test]
async fn what_is_not_known_yet_conflicts_with_nothing() {
    let mut copies = Copies::new().await;
    let unknown = crate::harness::UNKNOWN;
    let program = json!({
        "sourceImageId": unknown, "sourceRegionId": unknown, "kmsKeyId": unknown, "encrypted": unknown,
    });
    let inputs = copies.world.plugin.check("web", program).await.unwrap();
    let state = copies.world.plugin.preview_create("web", &inputs).await;
    assert_eq!(state["sourceImageId"], unknown);
    assert_eq!((&state["status"], &state["diskDeviceMappings"]), (&json!(unknown), &json!(unknown)));
}

#[tokio::test]
async fn another_source_replaces_and_a_name_that_stays_deletes_first() {
    let mut copies = Copies::new().await;
    let mut stack = Stack::new("web");
    let program = copies.program();
    stack.up(&mut copies.world.plugin, &program).await.unwrap();
    let mut other = copies.program();
    other["sourceImageId"] = "m-other".into();
    let (plan, _) = stack.preview(&mut copies.world.plugin, &other).await;
    let Plan::Replace(diff) = plan else { panic!("{plan:?}") };
    assert_eq!((diff.replaces, diff.delete_before_replace), (vec!["sourceImageId".to_owned()], true));
    other["imageName"] = Json::Null;
    let (plan, inputs) = stack.preview(&mut copies.world.plugin, &other).await;
    let Plan::Replace(diff) = plan else { panic!("{plan:?}") };
    assert!(!diff.delete_before_replace);
    assert!(text(&inputs["imageName"]).starts_with("web-"), "{inputs}");
}

#[tokio::test]
async fn a_source_that_is_not_there_names_the_input() {
    let mut copies = Copies::new().await;
    let mut program = copies.program();
    program["sourceImageId"] = "m-nowhere".into();
    let inputs = copies.world.plugin.check("web", program).await.unwrap();
    let failed = copies.world.plugin.create("web", &inputs).await.unwrap_err();
    assert!(failed.partial.is_none());
    let said = "sourceImageId: there is no image m-nowhere in the region cn-beijing (sourceRegionId)";
    assert!(
        failed.message.contains("InvalidImageId.NotFound") && failed.message.contains(said),
        "{failed:?}"
    );
    // Here the provider's region is the source's.
    program = copies.program();
    program["sourceRegionId"] = "cn-hangzhou".into();
    program["sourceImageId"] = "m-system".into();
    let inputs = copies.world.plugin.check("web", program).await.unwrap();
    let failed = copies.world.plugin.create("web", &inputs).await.unwrap_err();
    assert!(failed.message.contains("sourceRegionId: the cloud does not copy from"), "{failed:?}");
}

#[tokio::test]
async fn an_import_with_the_source_is_clean() {
    let mut copies = Copies::new().await;
    let mut stack = Stack::new("web");
    let program = copies.program();
    stack.up(&mut copies.world.plugin, &program).await.unwrap();
    let id = stack.id();
    for (asked, expected) in [
        (format!("{SOURCE_REGION}/{}/{id}", copies.source), copies.program()),
        (id.clone(), json!({ "imageName": "golden" })),
    ] {
        let request =
            rpc::ReadRequest { id: asked.clone(), urn: urn_of(IMAGE_COPY, "web"), ..Default::default() };
        let answer = copies.world.plugin.rpc.read(request).await.unwrap().into_inner();
        let (inputs, state) =
            (from_struct(&answer.inputs.unwrap()), from_struct(&answer.properties.unwrap()));
        assert_eq!((&answer.id, &state["id"]), (&id, &json!(id)), "{asked}");
        assert_eq!(inputs["imageName"], "golden");
        assert_eq!(inputs.get("sourceImageId"), expected.get("sourceImageId"), "{asked}");
        // The program names the source, which the state may or may not.
        let diff = copies.world.plugin.diff("web", &state, &inputs, &program).await;
        let mut imported = inputs.clone();
        imported["sourceImageId"] = copies.source.clone().into();
        imported["sourceRegionId"] = SOURCE_REGION.into();
        let same = copies.world.plugin.diff("web", &state, &inputs, &imported).await;
        assert_eq!(same.detailed, [""; 0], "{asked}");
        assert!(diff.replaces.is_empty(), "{asked}: {diff:?}");
    }
}

/// The cloud does not report any of these, so that nobody else knows on.
#[tokio::test]
async fn what_a_copy_is_made_with_is_known_on_when_the_program_ceases_to_name_it() {
    let mut copies = Copies::new().await;
    let mut stack = Stack::new("web");
    let mut named = copies.program();
    named["encrypted"] = true.into();
    named["kmsKeyId"] = "k-1".into();
    stack.up(&mut copies.world.plugin, &named).await.unwrap();
    let mut silent = copies.program();
    assert_eq!(stack.up(&mut copies.world.plugin, &silent).await.unwrap(), Plan::Same);
    // A refresh, and an update that changes something else.
    for description in [None, Some("changed")] {
        if let Some(description) = description {
            silent["description"] = description.into();
            named["description"] = description.into();
            stack.up(&mut copies.world.plugin, &silent).await.unwrap();
        }
        assert!(stack.refresh(&mut copies.world.plugin).await.unwrap());
        let kept = stack.kept.clone().unwrap();
        assert_eq!((&kept.state["encrypted"], &kept.state["kmsKeyId"]), (&json!(true), &json!("k-1")));
        assert_eq!(kept.inputs.get("encrypted"), None, "nothing is invented");
        assert_eq!(stack.preview(&mut copies.world.plugin, &silent).await.0, Plan::Same);
        assert_eq!(stack.preview(&mut copies.world.plugin, &named).await.0, Plan::Same);
        let mut other = named.clone();
        other["kmsKeyId"] = "k-2".into();
        let (plan, _) = stack.preview(&mut copies.world.plugin, &other).await;
        assert!(matches!(&plan, Plan::Replace(diff) if diff.replaces == ["kmsKeyId"]), "{plan:?}");
    }
}

/// The resource as the official provider leaves it in a state.
fn official(copies: &Copies, id: &str) -> (Json, Json) {
    let inputs = json!({
        "__defaults": [], "imageName": "golden", "description": "a text", "sourceImageId": copies.source,
        "sourceRegionId": SOURCE_REGION, "tags": { "a": "b" },
    });
    let outputs = json!({
        "__meta": "{\"e2bfb730-ecaa-11e6-8f88-34363bc7c4c0\":{\"create\":600000000000,\"delete\":600000000000}}",
        "description": "a text", "force": false, "id": id, "imageName": "golden", "name": "golden",
        "sourceImageId": copies.source, "sourceRegionId": SOURCE_REGION, "tags": { "a": "b" },
    });
    (inputs, outputs)
}

#[tokio::test]
async fn a_stack_of_the_official_provider_is_taken_over_without_a_change() {
    let mut copies = Copies::new().await;
    let program = json!({
        "imageName": "golden", "description": "a text", "sourceImageId": copies.source,
        "sourceRegionId": SOURCE_REGION, "tags": { "a": "b" },
    });
    let (_, made) = copies.world.plugin.up("web", program.clone()).await;
    let id = text(&made["id"]);
    // Another process: this one has made the copy, and knows its own entry of the state.
    copies.world.restart_plugin().await;
    for type_ in [IMAGE_COPY, "alicloud:ecs/copyImage:CopyImage"] {
        copies.world.plugin.resource_type = type_;
        let (olds, state) = official(&copies, &id);
        for program in [program.clone(), {
            let mut old_name = program.clone();
            old_name["imageName"] = Json::Null;
            old_name["name"] = "golden".into();
            old_name
        }] {
            let inputs =
                copies.world.plugin.check_against("web", Some(olds.clone()), program).await.expect("good");
            let diff = copies.world.plugin.diff("web", &state, &olds, &inputs).await;
            assert_eq!(diff.detailed, [""; 0], "{type_}");
            let (read, fresh) = copies.world.plugin.read("web", &id, &olds, &state).await.unwrap().unwrap();
            let diff = copies.world.plugin.diff("web", &fresh, &read, &inputs).await;
            assert_eq!(diff.detailed, [""; 0], "{type_} after a refresh");
        }
    }
    // Under its old type it can be deleted as well.
    let (olds, state) = official(&copies, &id);
    copies.world.plugin.delete("web", &state, &olds).await.unwrap();
    assert!(copies.world.images().await.is_empty());
}

#[tokio::test]
async fn copies_that_wait_for_their_turn_are_made() {
    let options = Options {
        image_ready_after: Duration::from_millis(300),
        copies_at_once: std::num::NonZeroU32::MIN,
        ..Options::default()
    };
    let copies = Copies::with(options).await;
    let began = std::time::Instant::now();
    let creates = (0..4).map(|index| {
        let mut plugin = copies.world.plugin.rpc.clone();
        let program = json!({
            "imageName": format!("golden-{index}"), "sourceImageId": copies.source,
            "sourceRegionId": SOURCE_REGION,
        });
        async move {
            let request = rpc::CreateRequest {
                urn: urn_of(IMAGE_COPY, &format!("web-{index}")),
                properties: Some(to_struct(&program)),
                ..rpc::CreateRequest::default()
            };
            plugin.create(request).await.expect("it is made").into_inner().id
        }
    });
    let ids = futures::future::join_all(creates).await;
    assert!(began.elapsed() >= Duration::from_millis(1_200), "{:?}", began.elapsed());
    assert_eq!(copies.world.images().await.len(), 4);
    let lines: Vec<String> =
        copies.world.plugin.engine.lines().into_iter().map(|line| line.message).collect();
    assert!(lines.iter().any(|line| line.contains("Waiting")), "{lines:?}");
    for id in ids {
        assert!(lines.contains(&format!("image {id}: Available (100%)")), "{id}: {lines:?}");
    }
}

#[tokio::test]
async fn a_copy_under_way_is_cancelled_by_its_deletion() {
    let mut copies = Copies::slow().await;
    let mut stack = Stack::new("web");
    let address = copies.world.cloud.address();
    copies.world.plugin.time_limit = TIME_LIMIT;
    let program = copies.program();
    let (failed, ()) = tokio::join!(stack.up(&mut copies.world.plugin, &program), are_made(address, 1));
    let Failed { message, partial, .. } = failed.unwrap_err();
    assert!(partial.is_some() && message.contains("customTimeouts.create allows more time"), "{message}");
    let actions = copies.world.take_actions().await;
    assert!(!actions.iter().any(|action| action == "CancelCopyImage"), "{actions:?}");

    copies.world.plugin.time_limit = 0.0;
    while_time_goes_on(address, 1, stack.destroy(&mut copies.world.plugin)).await.unwrap();
    let actions = copies.world.take_actions().await;
    // Whether another entry has taken it up, then the cancellation and what comes of it.
    assert_eq!(actions[..3], ["DescribeImages", "CancelCopyImage", "DescribeImages"], "{actions:?}");
    assert!(!actions.contains(&"DeleteImage".to_owned()), "{actions:?}");
    assert!(copies.world.images().await.is_empty());
    assert!(copies.there().await.iter().any(|image| image["id"] == copies.source.as_str()));
}

#[tokio::test]
async fn a_copy_whose_process_was_killed_is_taken_up() {
    for program in [json!({ "imageName": "golden" }), json!({})] {
        let mut copies = Copies::slow().await;
        let address = copies.world.cloud.address();
        let mut program = program;
        program["sourceImageId"] = copies.source.clone().into();
        program["sourceRegionId"] = SOURCE_REGION.into();
        let inputs = copies.world.plugin.check("web", program.clone()).await.unwrap();
        let request = rpc::CreateRequest {
            urn: urn_of(IMAGE_COPY, "web"),
            properties: Some(to_struct(&inputs)),
            ..rpc::CreateRequest::default()
        };
        let mut client = copies.world.plugin.rpc.clone();
        let create = tokio::spawn(async move { client.create(request).await });
        are_made(address, 1).await;
        copies.world.restart_plugin().await;
        create.await.expect("the task ends").expect_err("its process is killed");

        // An automatic name is another one in the next deployment.
        copies.world.plugin.seed = "another seed".to_owned();
        let inputs = copies.world.plugin.check("web", program).await.unwrap();
        let create = copies.world.plugin.create("web", &inputs);
        let (id, state) = while_time_goes_on(address, 5, create).await.unwrap();
        let images = copies.world.images().await;
        assert_eq!((images.len(), &images[0]["id"]), (1, &json!(id)), "{images:?}");
        assert_eq!((&images[0]["name"], &state["imageName"]), (&inputs["imageName"], &inputs["imageName"]));
    }
}

#[tokio::test]
async fn an_answer_that_never_comes_makes_no_second_copy() {
    for fault in ["reset_after", "reset_before"] {
        let mut copies = Copies::new().await;
        copies.world.faults(json!([{ "do": fault, "action": "CopyImage", "times": 2 }])).await;
        let program = copies.program();
        copies.world.plugin.up("web", program).await;
        assert_eq!(copies.world.images().await.len(), 1, "{fault}");
    }
}

#[tokio::test]
async fn a_source_that_is_still_being_made_is_waited_for() {
    let mut copies = Copies::new().await;
    let (address, source) = (copies.world.cloud.address(), copies.source.clone());
    let source_is = async |status: Json| {
        let change = json!({ "region": SOURCE_REGION, "image": source, "status": status });
        control(address, "POST", "/_emulator/change", change).await;
    };
    source_is("Creating".into()).await;
    let made = async {
        let is_refused = |request: &Json| request["code"] == "IncorrectImageStatus";
        until("a copy that is refused", async || requests(address).await.iter().any(is_refused)).await;
        source_is(Json::Null).await;
    };
    let program = copies.program();
    let ((_, state), ()) = tokio::join!(copies.world.plugin.up("web", program), made);
    assert_eq!(state["usable"], true);
    assert_eq!(copies.world.images().await.len(), 1);
}

/// Copies into as many regions at once as a golden image goes to, each by a plugin of its own, against the queue of five. Of one
/// of them the first call is carried out long after its caller has given up, and the next two are never answered.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_is_copied_into_many_regions_at_once() {
    const MANY: usize = 23;
    /// In milliseconds.
    const TAKES: u64 = 600;
    /// To connect, and as much again for the answer, in milliseconds.
    const PATIENCE: u64 = 1_000;
    /// When the call is carried out whose caller has given up, in milliseconds.
    const LATE: u64 = 5_500;
    let copies =
        Copies::with(Options { image_ready_after: Duration::from_millis(TAKES), ..Options::default() }).await;
    let regions: Vec<&str> = aliyun::endpoint::REGIONS
        .iter()
        .copied()
        .filter(|region| *region != SOURCE_REGION)
        .take(MANY)
        .collect();
    let spoilt = regions[7];
    let about = json!({ "DestinationRegionId": spoilt });
    copies
        .world
        .faults(json!([
            { "do": "delay", "ms": LATE, "action": "CopyImage", "match": about },
            { "do": "hang", "action": "CopyImage", "match": about, "times": 2 },
        ]))
        .await;
    let plugins = regions.iter().map(async |region| {
        let mut settings = settings(&copies.world.cloud);
        settings["region"] = (*region).into();
        if *region == spoilt {
            settings["clientConnectTimeout"] = PATIENCE.into();
            settings["clientReadTimeout"] = PATIENCE.into();
        }
        let mut plugin = Plugin::configured_with(settings).await;
        plugin.resource_type = IMAGE_COPY;
        plugin
    });
    let plugins = futures::future::join_all(plugins).await;
    let creates = plugins.into_iter().map(async |mut plugin| {
        let (_, state) = plugin.up("web", copies.program()).await;
        (text(&state["regionId"]), text(&state["id"]))
    });
    let made = futures::future::join_all(creates).await;
    let about_the_spoilt = |request: &&Json| {
        request["action"] == "CopyImage" && request["params"]["DestinationRegionId"] == spoilt
    };
    // Those that hang are noted as they come, the others as they are carried out.
    let is_carried_out = async || {
        let address = copies.world.cloud.address();
        requests(address).await.iter().filter(about_the_spoilt).count() >= 4
    };
    until("the late call", is_carried_out).await;
    let state = copies.world.control("GET", "/_emulator/state", Json::Null).await;
    for (region, (created, id)) in regions.iter().zip(&made) {
        let images = state["regions"][region]["images"].as_array().unwrap();
        let copied: Vec<&Json> = images.iter().filter(|image| !image["copied_from"].is_null()).collect();
        assert_eq!(copied.len(), 1, "{region}: {copied:?}");
        assert_eq!((created.as_str(), &copied[0]["id"]), (*region, &json!(id)));
        assert_eq!((&copied[0]["name"], &copied[0]["status"]), (&json!("golden"), &json!("Available")));
    }

    let left = copies.world.control("GET", "/_emulator/faults", Json::Null).await;
    assert_eq!(left, json!([]), "both faults have struck");
    let requests = copies.world.take_requests().await;
    let at = |request: &Json| request["at_ms"].as_u64().unwrap();
    let calls_of = |region: &str, action: &str| {
        let of_region = if action == "CopyImage" { "DestinationRegionId" } else { "RegionId" };
        let calls =
            requests.iter().filter(|call| call["action"] == action && call["params"][of_region] == region);
        calls.collect::<Vec<_>>()
    };
    // No more than five are made at a time.
    let begin = requests.iter().filter(|call| call["action"] == "CopyImage").map(at).min().unwrap();
    let named = regions.iter().map(|region| at(calls_of(region, "ModifyImageAttribute")[0]));
    let mut ends: Vec<u64> = named.collect();
    ends.sort_unstable();
    for (index, end) in ends.into_iter().enumerate() {
        let rounds = index as u64 / 5 + 1;
        assert!(end - begin >= rounds * TAKES, "copy {index} has its name after {} ms", end - begin);
    }
    for region in &regions {
        let (copying, naming) = (calls_of(region, "CopyImage"), calls_of(region, "ModifyImageAttribute"));
        // With so little patience a machine that is slow repeats what is answered as well.
        if *region != spoilt {
            assert_eq!((copying.len(), naming.len()), (1, 1), "{region}");
        }
        let token = |call: &&Json| text(&call["params"]["ClientToken"]);
        let tokens: std::collections::BTreeSet<String> = copying.iter().map(token).collect();
        assert_eq!(tokens.len(), 1, "{tokens:?}");
    }
    let others = ["CopyImage", "ModifyImageAttribute", "DescribeImages"];
    assert!(requests.iter().all(|call| others.contains(&text(&call["action"]).as_str())), "{requests:?}");
}
