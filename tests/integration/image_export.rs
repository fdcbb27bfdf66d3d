//! `alicloud:ecs/imageExport:ImageExport`: an image's disks as files in a bucket, by a task that no token protects.

use std::time::Duration;

use emulator::Options;
use pulumi::pulumirpc as rpc;
use serde_json::{Value as Json, json};

use crate::harness::{
    Failed, IMAGE_EXPORT, Plan, Stack, TIME_LIMIT, World, requests, secret, text, to_struct, until, urn_of,
    while_time_goes_on,
};

/// A cloud with an image, and a plugin that is asked about exports.
struct Exports {
    world: World,
    image: String,
}

impl Exports {
    async fn new() -> Exports {
        Exports::with(Options { image_ready_after: Duration::ZERO, ..Options::default() }).await
    }

    /// With a clock that stands still, once the image is there: exports take a minute.
    async fn slow() -> Exports {
        let minute = Duration::from_secs(60);
        Exports::with(Options { image_ready_after: minute, manual_clock: true, ..Options::default() }).await
    }

    async fn with(options: Options) -> Exports {
        let stands_still = options.manual_clock;
        let mut world = World::with(options).await;
        let address = world.cloud.address();
        let up = world.plugin.up("image", json!({ "imageName": "golden", "instanceId": "i-running" }));
        let (_, state) = if stands_still { while_time_goes_on(address, 70, up).await } else { up.await };
        world.take_actions().await;
        world.plugin.resource_type = IMAGE_EXPORT;
        Exports { world, image: text(&state["id"]) }
    }

    fn program(&self) -> Json {
        json!({ "imageId": self.image, "ossBucket": "b-images", "ossPrefix": "web" })
    }

    /// The objects of the export, as the emulator has them: of the system disk and of a data disk.
    fn names(&self) -> Vec<String> {
        ["data_xvdb", "system"].map(|disk| format!("web_{}_{disk}.raw.tar.gz", self.image)).into()
    }

    /// The objects that were not in the bucket at first.
    async fn objects(&self) -> Vec<String> {
        let state = self.world.control("GET", "/_emulator/state", Json::Null).await;
        let objects = state["buckets"]["b-images"]["objects"].as_object().cloned().unwrap_or_default();
        let mut names: Vec<String> =
            objects.keys().filter(|name| !name.starts_with("disk.")).cloned().collect();
        names.sort_unstable();
        names
    }

    /// Ends when a plugin has looked at a task.
    async fn task_is_looked_at(&self) {
        let is_look = |request: &Json| request["action"] == "DescribeTaskAttribute";
        let address = self.world.cloud.address();
        until("a look at the task", async || requests(address).await.iter().any(is_look)).await;
    }

    async fn change(&self, mut change: Json) {
        change["region"] = "cn-hangzhou".into();
        self.world.control("POST", "/_emulator/change", json!([change])).await;
    }
}

fn sorted(objects: &Json) -> Vec<String> {
    let mut names: Vec<String> = objects.as_array().unwrap().iter().map(text).collect();
    names.sort_unstable();
    names
}

#[tokio::test]
async fn an_export_lives_and_leaves_nothing_behind() {
    let mut exports = Exports::new().await;
    let mut stack = Stack::new("web");
    let program = exports.program();
    assert_eq!(stack.up(&mut exports.world.plugin, &program).await.unwrap(), Plan::Create);
    let actions = exports.world.take_actions().await;
    assert_eq!(actions[..3], ["DescribeTasks", "ExportImage", "DescribeTaskAttribute"]);
    assert_eq!(actions[3..], ["HeadObject", "HeadObject"]);
    let state = stack.kept.as_ref().unwrap().state.clone();
    assert_eq!((&state["id"], &state["status"]), (&json!(exports.image), &json!("Finished")));
    assert_eq!((&state["progress"], &state["regionId"]), (&json!("100%"), &json!("cn-hangzhou")));
    assert_eq!(sorted(&state["ossObjects"]), exports.names());
    assert_eq!(exports.objects().await, exports.names());

    let plugin = &mut exports.world.plugin;
    assert_eq!(stack.preview(plugin, &program).await.0, Plan::Same);
    assert!(stack.refresh(plugin).await.unwrap());
    assert_eq!(stack.preview(plugin, &program).await.0, Plan::Same);
    assert_eq!(stack.kept.as_ref().unwrap().state, state);
    assert_eq!(exports.world.take_actions().await, ["HeadObject", "HeadObject"]);

    // The name of a role is recorded, and nothing is called.
    let mut edited = program.clone();
    edited["roleName"] = "another-role".into();
    let plan = stack.up(&mut exports.world.plugin, &edited).await.unwrap();
    assert!(matches!(&plan, Plan::Update(_)), "{plan:?}");
    assert_eq!(exports.world.take_actions().await, [""; 0]);

    // An image that is gone leaves its files.
    exports.world.change(&exports.image, json!({ "gone": true })).await;
    assert!(stack.refresh(&mut exports.world.plugin).await.unwrap());
    stack.destroy(&mut exports.world.plugin).await.unwrap();
    assert_eq!(exports.objects().await, [""; 0]);
}

#[tokio::test]
async fn objects_that_are_gone_are_seen() {
    let mut exports = Exports::new().await;
    let mut stack = Stack::new("web");
    let program = exports.program();
    stack.up(&mut exports.world.plugin, &program).await.unwrap();
    let names = exports.names();
    exports.change(json!({ "bucket": "b-images", "object": names[0], "gone": true })).await;
    assert!(stack.refresh(&mut exports.world.plugin).await.unwrap());
    let warnings = exports.world.plugin.engine.warnings();
    assert!(warnings.iter().any(|warning| warning.contains(&names[0])), "{warnings:?}");
    // Nobody may look: that proves nothing.
    exports.change(json!({ "bucket": "b-images", "forbidden": true })).await;
    assert!(stack.refresh(&mut exports.world.plugin).await.unwrap());
    let warnings = exports.world.plugin.engine.warnings();
    assert!(warnings.iter().any(|warning| warning.contains("oss:GetObject")), "{warnings:?}");
    let failed = stack.destroy(&mut exports.world.plugin).await.unwrap_err();
    assert!(failed.message.contains(&names[1]) && failed.message.contains("oss:DeleteObject"), "{failed:?}");
    assert!(stack.kept.is_some());
    exports.change(json!({ "bucket": "b-images", "forbidden": false })).await;
    exports.change(json!({ "bucket": "b-images", "object": names[1], "gone": true })).await;
    assert!(!stack.refresh(&mut exports.world.plugin).await.unwrap());
    assert_eq!(stack.preview(&mut exports.world.plugin, &program).await.0, Plan::Create);
}

#[tokio::test]
async fn what_the_cloud_refuses_names_the_input() {
    let mut exports = Exports::new().await;
    for (property, value, said) in [
        (
            "ossBucket",
            "b-images-eu-central-1",
            "ossBucket: the bucket b-images-eu-central-1 is not in the region cn-hangzhou",
        ),
        ("ossBucket", "b-nowhere", "ossBucket: the bucket b-nowhere is not in the region cn-hangzhou"),
        ("imageId", "m-nowhere", "imageId: there is no image m-nowhere that this account may export"),
        ("imageId", "m-system", "imageId: image m-system is not a custom image of this account"),
        ("imageFormat", "vhd", "imageFormat: the region cn-hangzhou exports in no such format"),
    ] {
        let mut program = exports.program();
        program[property] = value.into();
        let inputs = exports.world.plugin.check("web", program).await.unwrap();
        let failed = exports.world.plugin.create("web", &inputs).await.unwrap_err();
        assert!(failed.partial.is_none() && failed.message.contains(said), "{failed:?}");
    }
    let mut program = exports.program();
    program["ossPrefix"] = "web-1".into();
    program["ossBucket"] = "B_images".into();
    program["imageFormat"] = "iso".into();
    let failures = exports.world.plugin.check("web", program).await.unwrap_err();
    let paths: Vec<&str> = failures.iter().filter_map(|failure| failure.split(": ").next()).collect();
    assert_eq!(paths, ["imageFormat", "ossPrefix", "ossBucket"], "{failures:?}");
    assert_eq!(exports.objects().await, [""; 0]);
}

#[tokio::test]
async fn the_quota_of_the_week_fails_and_what_it_was_is_said() {
    let options = Options {
        image_ready_after: Duration::ZERO,
        exports_a_week: Some(std::num::NonZeroU32::MIN),
        ..Options::default()
    };
    let mut exports = Exports::with(options).await;
    let mut stack = Stack::new("web");
    let mut program = exports.program();
    stack.up(&mut exports.world.plugin, &program).await.unwrap();
    program["ossPrefix"] = "other".into();
    let failed = stack.up(&mut exports.world.plugin, &program).await.unwrap_err();
    assert!(failed.message.contains("when the week is over"), "{failed:?}");
    // A replacement deletes first.
    assert_eq!(exports.objects().await, [""; 0]);
}

#[tokio::test]
async fn an_export_that_fails_says_why_and_leaves_nothing() {
    let mut exports = Exports::new().await;
    exports
        .world
        .faults(
            json!([{ "do": "fail_later", "action": "ExportImage", "code": "E.Full", "message": "no space" }]),
        )
        .await;
    let program = exports.program();
    let inputs = exports.world.plugin.check("web", program).await.unwrap();
    let failed = exports.world.plugin.create("web", &inputs).await.unwrap_err();
    assert!(failed.partial.is_none() && failed.message.contains("failed: E.Full: no space"), "{failed:?}");
    assert_eq!(exports.objects().await, [""; 0]);
}

#[tokio::test]
async fn an_answer_that_never_comes_begins_no_second_export() {
    for (fault, calls) in [("reset_after", 1), ("reset_before", 2)] {
        let mut exports = Exports::new().await;
        exports.world.faults(json!([{ "do": fault, "action": "ExportImage" }])).await;
        let program = exports.program();
        let (_, state) = exports.world.plugin.up("web", program).await;
        assert_eq!(sorted(&state["ossObjects"]), exports.names(), "{fault}");
        let actions = exports.world.take_actions().await;
        let sent = actions.iter().filter(|action| *action == "ExportImage").count();
        let state = exports.world.control("GET", "/_emulator/state", Json::Null).await;
        let tasks = state["regions"]["cn-hangzhou"]["tasks"].as_array().unwrap().len();
        assert_eq!((sent, tasks), (calls, 1), "{fault}: {actions:?}");
    }
}

#[tokio::test]
async fn an_export_whose_process_was_killed_is_adopted() {
    let mut exports = Exports::slow().await;
    let address = exports.world.cloud.address();
    let program = exports.program();
    let inputs = exports.world.plugin.check("web", program).await.unwrap();
    let request = rpc::CreateRequest {
        urn: urn_of(IMAGE_EXPORT, "web"),
        properties: Some(to_struct(&inputs)),
        ..rpc::CreateRequest::default()
    };
    let mut client = exports.world.plugin.rpc.clone();
    let create = tokio::spawn(async move { client.create(request).await });
    exports.task_is_looked_at().await;
    exports.world.restart_plugin().await;
    create.await.expect("the task ends").expect_err("its process is killed");
    exports.world.take_actions().await;
    let made = while_time_goes_on(address, 5, exports.world.plugin.create("web", &inputs)).await;
    let (id, state) = made.unwrap();
    assert_eq!((&id, sorted(&state["ossObjects"])), (&exports.image, exports.names()));
    assert!(!exports.world.take_actions().await.contains(&"ExportImage".to_owned()));
}

#[tokio::test]
async fn a_late_export_is_gone_on_with_and_one_under_way_is_cancelled_by_its_deletion() {
    for (destroy, stays) in [(false, false), (true, false), (true, true)] {
        let options = Options {
            image_ready_after: Duration::from_secs(60),
            manual_clock: true,
            cancelled_exports_stay: stays,
            ..Options::default()
        };
        let mut exports = Exports::with(options).await;
        let address = exports.world.cloud.address();
        let mut stack = Stack::new("web");
        let program = exports.program();
        exports.world.plugin.time_limit = TIME_LIMIT;
        let failed = stack.up(&mut exports.world.plugin, &program).await;
        let Failed { message, partial, .. } = failed.unwrap_err();
        assert!(partial.is_some() && message.contains("customTimeouts.create allows more time"), "{message}");
        exports.world.plugin.time_limit = 0.0;
        exports.world.take_actions().await;
        if destroy {
            while_time_goes_on(address, 5, stack.destroy(&mut exports.world.plugin)).await.unwrap();
            assert!(exports.world.take_actions().await.contains(&"CancelTask".to_owned()));
            assert_eq!(exports.objects().await, [""; 0], "{stays}");
        } else {
            let up = stack.up(&mut exports.world.plugin, &program);
            while_time_goes_on(address, 5, up).await.unwrap();
            assert_eq!(exports.objects().await, exports.names());
            let actions = exports.world.take_actions().await;
            assert!(!actions.contains(&"ExportImage".to_owned()), "{actions:?}");
        }
    }
}

#[tokio::test]
async fn an_export_waits_for_another_one_and_the_image_s_deletion_for_both() {
    let mut exports = Exports::slow().await;
    let address = exports.world.cloud.address();
    let mut first = exports.program();
    first["ossPrefix"] = "first".into();
    let inputs = exports.world.plugin.check("first", first).await.unwrap();
    let request = rpc::CreateRequest {
        urn: urn_of(IMAGE_EXPORT, "first"),
        properties: Some(to_struct(&inputs)),
        ..rpc::CreateRequest::default()
    };
    let mut client = exports.world.plugin.rpc.clone();
    let earlier = tokio::spawn(async move { client.create(request).await });
    exports.task_is_looked_at().await;
    let program = exports.program();
    while_time_goes_on(address, 5, exports.world.plugin.up("web", program)).await;
    earlier.await.unwrap().unwrap();
    assert_eq!(exports.objects().await.len(), 4);
}

#[tokio::test]
async fn names_that_no_task_tells_are_guessed() {
    let options = Options {
        image_ready_after: Duration::ZERO,
        unreported: vec!["RelatedItemSet".to_owned()],
        ..Options::default()
    };
    let mut exports = Exports::with(options).await;
    let mut stack = Stack::new("web");
    let program = exports.program();
    stack.up(&mut exports.world.plugin, &program).await.unwrap();
    assert_eq!(sorted(&stack.kept.as_ref().unwrap().state["ossObjects"]), exports.names());
    assert!(stack.refresh(&mut exports.world.plugin).await.unwrap());
    stack.destroy(&mut exports.world.plugin).await.unwrap();
    assert_eq!(exports.objects().await, [""; 0]);
}

#[tokio::test]
async fn a_stack_of_the_official_provider_is_taken_over_without_a_change() {
    let mut exports = Exports::new().await;
    let program = exports.program();
    let (_, made) = exports.world.plugin.up("web", program.clone()).await;
    exports.world.restart_plugin().await;
    let mut olds = program.clone();
    olds["__defaults"] = json!([]);
    let mut state = program.clone();
    state["id"] = made["id"].clone();
    state["__meta"] = "{\"e2bfb730-ecaa-11e6-8f88-34363bc7c4c0\":{\"create\":1200000000000}}".into();
    let inputs = exports.world.plugin.check_against("web", Some(olds.clone()), program).await.unwrap();
    let diff = exports.world.plugin.diff("web", &state, &olds, &inputs).await;
    assert_eq!(diff.detailed, [""; 0]);
    let id = exports.image.clone();
    let (read, fresh) = exports.world.plugin.read("web", &id, &olds, &state).await.unwrap().unwrap();
    assert_eq!(exports.world.plugin.diff("web", &fresh, &read, &inputs).await.detailed, [""; 0]);
    assert_eq!(sorted(&fresh["ossObjects"]), exports.names());
    // Also a state that no refresh has seen leads to the objects.
    exports.world.plugin.delete("web", &state, &olds).await.unwrap();
    assert_eq!(exports.objects().await, [""; 0]);
    // An export cannot be imported.
    let request = rpc::ReadRequest { id, urn: urn_of(IMAGE_EXPORT, "web"), ..Default::default() };
    let refused = exports.world.plugin.rpc.read(request).await.unwrap_err();
    assert!(refused.message().contains("an export cannot be imported"), "{refused:?}");
}

/// The names of the objects hold the prefix.
#[tokio::test]
async fn what_holds_a_secret_is_one() {
    let mut exports = Exports::new().await;
    let mut program = exports.program();
    program["ossPrefix"] = secret("classified".into());
    let mut stack = Stack::new("web");
    stack.up(&mut exports.world.plugin, &program).await.unwrap();
    let state = stack.kept.as_ref().unwrap().state.clone();
    let names = state["ossObjects"].as_array().unwrap();
    assert_eq!(names.len(), 2);
    for name in names {
        let name = text(&name["value"]);
        assert!(name.starts_with("classified_"), "{state}");
    }
    stack.destroy(&mut exports.world.plugin).await.unwrap();
    assert!(exports.objects().await.is_empty());
}

/// `pulumi up --replace` makes the new one first, and has another process delete the older one.
#[tokio::test]
async fn the_older_of_two_entries_leaves_what_the_newer_has_written() {
    let mut exports = Exports::new().await;
    let program = exports.program();
    let (mut older, mut newer) = (Stack::new("web"), Stack::new("web"));
    older.up(&mut exports.world.plugin, &program).await.unwrap();
    tokio::time::sleep(Duration::from_millis(5)).await;
    newer.up(&mut exports.world.plugin, &program).await.unwrap();
    exports.world.restart_plugin().await;
    older.destroy(&mut exports.world.plugin).await.unwrap();
    assert_eq!(exports.objects().await, exports.names());
    assert!(newer.refresh(&mut exports.world.plugin).await.unwrap());
    newer.destroy(&mut exports.world.plugin).await.unwrap();
    assert!(exports.objects().await.is_empty());
}
