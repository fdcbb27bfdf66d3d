//! `alicloud:ecs/imageImport:ImageImport`: its life, and what only an import has: files in buckets, a task, a role. Image's tests
//! hold what both share.

use std::time::Duration;

use emulator::Options;
use pulumi::pulumirpc as rpc;
use serde_json::{Value as Json, json};

use crate::harness::{
    Failed, IMAGE_IMPORT, Plan, Stack, TIME_LIMIT, UNKNOWN, World, are_made, from_struct, text, to_struct,
    urn_of, while_time_goes_on,
};

async fn imports() -> World {
    with(Options { image_ready_after: Duration::ZERO, ..Options::default() }).await
}

/// With a clock that stands still: imports take a minute.
async fn slow() -> World {
    let minute = Duration::from_secs(60);
    with(Options { image_ready_after: minute, manual_clock: true, ..Options::default() }).await
}

async fn with(options: Options) -> World {
    let mut world = World::with(options).await;
    world.plugin.resource_type = IMAGE_IMPORT;
    world
}

/// The least that a program says of an import with a name.
fn program() -> Json {
    json!({
        "imageName": "golden",
        "diskDeviceMappings": [{ "ossBucket": "b-images", "ossObject": "disk.qcow2" }],
    })
}

#[tokio::test]
async fn an_import_lives_and_leaves_nothing_behind() {
    let mut world = imports().await;
    let mut program = program();
    for (property, value) in [
        (
            "diskDeviceMappings",
            json!([{ "ossBucket": "b-images", "ossObject": "disk.qcow2", "format": "qcow2" }]),
        ),
        ("description", json!("first")),
        ("tags", json!({ "team": "web", "gone": "soon" })),
        ("resourceGroupId", json!("rg-other")),
        ("platform", json!("Ubuntu")),
        ("bootMode", json!("UEFI")),
        ("licenseType", json!("BYOL")),
        ("features", json!({ "nvmeSupport": "supported", "imdsSupport": "v1" })),
    ] {
        program[property] = value;
    }
    let mut stack = Stack::new("web");
    assert_eq!(stack.up(&mut world.plugin, &program).await.unwrap(), Plan::Create);
    let actions = world.take_actions().await;
    assert_eq!(actions, ["DescribeImages", "ImportImage", "DescribeImages", "ModifyImageAttribute"]);
    let state = stack.kept.as_ref().unwrap().state.clone();
    for (property, expected) in [
        ("imageName", json!("golden")),
        ("description", json!("first")),
        ("tags", json!({ "team": "web", "gone": "soon" })),
        ("resourceGroupId", json!("rg-other")),
        ("platform", json!("Ubuntu")),
        ("osType", json!("linux")),
        ("architecture", json!("x86_64")),
        ("bootMode", json!("UEFI")),
        ("licenseType", json!("BYOL")),
        ("features", json!({ "nvmeSupport": "supported", "imdsSupport": "v1" })),
        ("usable", json!(true)),
        ("regionId", json!("cn-hangzhou")),
    ] {
        assert_eq!(state[property], expected, "{property}");
    }
    assert!(text(&state["taskId"]).starts_with("t-"), "{state}");
    let disk = &state["diskDeviceMappings"][0];
    assert_eq!((&disk["ossBucket"], &disk["ossObject"]), (&json!("b-images"), &json!("disk.qcow2")));
    assert_eq!(disk["format"], "qcow2");
    assert!(disk["diskImageSize"].as_f64().is_some_and(|size| size >= 1.0), "{disk}");

    // The real size and the cloud's writing of the format are nothing to the program.
    assert_eq!(stack.preview(&mut world.plugin, &program).await.0, Plan::Same);
    assert!(stack.refresh(&mut world.plugin).await.unwrap());
    assert_eq!(stack.preview(&mut world.plugin, &program).await.0, Plan::Same);
    assert_eq!(stack.kept.as_ref().unwrap().state["taskId"], state["taskId"]);
    let mut other = program.clone();
    other["diskDeviceMappings"][0]["format"] = "QCOW2".into();
    other["diskDeviceMappings"][0]["diskImageSize"] = disk["diskImageSize"].clone();
    assert_eq!(stack.preview(&mut world.plugin, &other).await.0, Plan::Same);

    // Drift is seen, and repaired.
    world.change(&stack.id(), json!({ "description": "drifted" })).await;
    assert!(stack.refresh(&mut world.plugin).await.unwrap());
    let plan = stack.up(&mut world.plugin, &program).await.unwrap();
    assert!(matches!(&plan, Plan::Update(diff) if diff.detailed == ["UPDATE description"]), "{plan:?}");

    let mut edited = program.clone();
    edited["description"] = Json::Null;
    edited["imageName"] = "renamed".into();
    edited["tags"] = json!({ "team": "api" });
    edited["bootMode"] = "BIOS".into();
    edited["roleName"] = "another-role".into();
    edited["force"] = true.into();
    world.take_actions().await;
    stack.up(&mut world.plugin, &edited).await.unwrap();
    let actions = world.take_actions().await;
    assert!(!actions.contains(&"ImportImage".to_owned()), "{actions:?}");
    let images = world.images().await;
    assert_eq!(
        (images.len(), &images[0]["name"], &images[0]["tags"]),
        (1, &json!("renamed"), &json!({ "team": "api" }))
    );

    stack.destroy(&mut world.plugin).await.unwrap();
    assert_eq!(world.take_actions().await, ["DeleteImage", "DescribeImages"]);
    assert!(world.images().await.is_empty());
    let state = world.control("GET", "/_emulator/state", Json::Null).await;
    assert!(state["buckets"]["b-images"]["objects"].get("disk.qcow2").is_some(), "{}", state["buckets"]);
}

#[tokio::test]
async fn every_mistake_is_reported_with_its_path_and_nothing_is_made() {
    let mut world = imports().await;
    let program = json!({
        "imageName": "aliyun-web", "architecture": "arm64", "bootMode": "BIOS", "osType": "plan9",
        "diskDeviceMappings": [{ "format": "iso", "diskImageSize": 4096 }],
    });
    let failures = world.plugin.check("web", program).await.unwrap_err();
    let starts = [
        "diskDeviceMappings[0].diskImageSize: must be a whole number from 1 to 2048",
        "osType: must be one of",
        "diskDeviceMappings[0].ossBucket: is required of the first disk",
        "diskDeviceMappings[0].ossObject: is required of the first disk",
        "diskDeviceMappings[0].format: must be one of RAW, VHD, QCOW2, VMDK",
        "bootMode: an image for arm64 starts by \"UEFI\" only",
        "imageName: must not start with aliyun",
    ];
    assert_eq!(failures.len(), starts.len(), "{failures:#?}");
    for (failure, start) in failures.iter().zip(starts) {
        assert!(failure.starts_with(start), "{failure} is not {start}");
    }
    let failures = world.plugin.check("web", json!({ "imageName": "golden" })).await.unwrap_err();
    assert_eq!(failures, ["diskDeviceMappings: is required"]);
    assert!(world.take_actions().await.is_empty());
    let unknown =
        json!({ "diskDeviceMappings": [{ "ossBucket": UNKNOWN, "ossObject": UNKNOWN, "format": UNKNOWN }] });
    let inputs = world.plugin.check("web", unknown).await.unwrap();
    let state = world.plugin.preview_create("web", &inputs).await;
    assert_eq!((&state["diskDeviceMappings"], &state["taskId"]), (&json!(UNKNOWN), &json!(UNKNOWN)));
}

#[tokio::test]
async fn what_the_cloud_refuses_names_the_input_and_makes_nothing() {
    let mut world = imports().await;
    world.control("POST", "/_emulator/change", json!([
        { "region": "cn-hangzhou", "bucket": "b-private" },
        { "region": "cn-hangzhou", "bucket": "b-private", "object": "disk.raw", "size": 1_073_741_824 },
        { "region": "cn-hangzhou", "bucket": "b-private", "forbidden": true },
    ])).await;
    for (bucket, object, said) in [
        (
            "b-images-eu-central-1",
            "disk.raw",
            "the bucket b-images-eu-central-1 is not in the region cn-hangzhou",
        ),
        ("b-images", "nowhere.raw", "b-images/nowhere.raw there is one that is not in its bucket"),
        ("b-private", "disk.raw", "may not read b-private/disk.raw"),
    ] {
        let mut program = program();
        program["diskDeviceMappings"] = json!([{ "ossBucket": bucket, "ossObject": object }]);
        let inputs = world.plugin.check("web", program).await.unwrap();
        let failed = world.plugin.create("web", &inputs).await.unwrap_err();
        assert!(failed.partial.is_none() && failed.message.contains(said), "{failed:?}");
    }
    world.faults(json!([{ "do": "error", "action": "ImportImage", "code": "NoSetRoletoECSServiceAcount", "status": 403 }])).await;
    let inputs = world.plugin.check("web", program()).await.unwrap();
    let failed = world.plugin.create("web", &inputs).await.unwrap_err();
    assert!(failed.message.contains("Create the role AliyunECSImageImportDefaultRole"), "{failed:?}");
    assert!(world.images().await.is_empty());
}

#[tokio::test]
async fn an_import_that_fails_says_why_and_leaves_nothing() {
    let mut world = imports().await;
    world.faults(json!([{
        "do": "fail_later", "action": "ImportImage", "code": "InvalidFile", "message": "no system was found",
    }])).await;
    let inputs = world.plugin.check("web", program()).await.unwrap();
    let failed = world.plugin.create("web", &inputs).await.unwrap_err();
    let said = "as its import has failed: InvalidFile: no system was found. It has been deleted; nothing is left behind";
    assert!(failed.partial.is_none() && failed.message.contains(said), "{failed:?}");
    assert!(world.images().await.is_empty());
}

#[tokio::test]
async fn another_file_replaces_and_a_name_that_stays_deletes_first() {
    let mut world = imports().await;
    let mut stack = Stack::new("web");
    stack.up(&mut world.plugin, &program()).await.unwrap();
    let mut other = program();
    other["diskDeviceMappings"][0]["ossObject"] = "disk.raw".into();
    let (plan, _) = stack.preview(&mut world.plugin, &other).await;
    let Plan::Replace(diff) = plan else { panic!("{plan:?}") };
    assert_eq!((diff.replaces.len(), diff.delete_before_replace), (1, true), "{:?}", diff.replaces);
    stack.up(&mut world.plugin, &other).await.unwrap();
    assert_eq!(world.images().await.len(), 1);
}

#[tokio::test]
async fn an_import_into_a_stack_is_clean() {
    let mut world = imports().await;
    let mut stack = Stack::new("web");
    stack.up(&mut world.plugin, &program()).await.unwrap();
    let id = stack.id();
    world.restart_plugin().await;
    let request = rpc::ReadRequest { id: id.clone(), urn: urn_of(IMAGE_IMPORT, "web"), ..Default::default() };
    let answer = world.plugin.rpc.read(request).await.unwrap().into_inner();
    let (inputs, state) = (from_struct(&answer.inputs.unwrap()), from_struct(&answer.properties.unwrap()));
    let disk = &inputs["diskDeviceMappings"][0];
    assert_eq!((&disk["ossBucket"], &disk["ossObject"]), (&json!("b-images"), &json!("disk.qcow2")));
    // What the command writes into a program, and what its author keeps of that.
    for program in [inputs.clone(), program()] {
        let checked = world.plugin.check_against("web", Some(inputs.clone()), program.clone()).await.unwrap();
        let diff = world.plugin.diff("web", &state, &inputs, &checked).await;
        assert_eq!(diff.detailed, [""; 0], "{program}");
    }
}

/// The resource as the official provider leaves it in a state. It fills in a size, and reads the real one.
fn official(id: &str, size: i64) -> (Json, Json) {
    let inputs = json!({
        "__defaults": ["architecture", "licenseType", "osType"],
        "architecture": "x86_64", "licenseType": "Auto", "osType": "linux", "imageName": "golden", "description": "a text",
        "diskDeviceMappings": [{
            "__defaults": ["diskImageSize"], "diskImageSize": 5, "ossBucket": "b-images", "ossObject": "disk.qcow2",
        }],
    });
    let outputs = json!({
        "__meta": "{\"e2bfb730-ecaa-11e6-8f88-34363bc7c4c0\":{\"create\":1200000000000,\"delete\":1200000000000}}",
        "architecture": "x86_64", "bootMode": "BIOS", "description": "a text", "id": id, "imageName": "golden",
        "licenseType": "Auto", "osType": "linux", "platform": "Others Linux",
        "features": { "nvmeSupport": "unsupported" },
        "diskDeviceMappings": [{
            "device": "/dev/xvda", "diskImageSize": size, "format": "QCOW2", "ossBucket": "b-images", "ossObject": "disk.qcow2",
        }],
    });
    (inputs, outputs)
}

#[tokio::test]
async fn a_stack_of_the_official_provider_is_taken_over_without_a_change() {
    let mut world = imports().await;
    let mut program = program();
    program["description"] = "a text".into();
    let (_, made) = world.plugin.up("web", program.clone()).await;
    let id = text(&made["id"]);
    let real = made["diskDeviceMappings"][0]["diskImageSize"].clone();
    // Another process: this one has made the image, and knows its own entry of the state.
    world.restart_plugin().await;
    let with_size = |size: Json| {
        let mut program = program.clone();
        program["diskDeviceMappings"][0]["diskImageSize"] = size;
        program
    };
    let mut in_full = program.clone();
    in_full["architecture"] = "x86_64".into();
    in_full["licenseType"] = "Auto".into();
    in_full["osType"] = "linux".into();
    for size in [5, 40] {
        let (olds, state) = official(&id, size);
        for program in [
            program.clone(),
            in_full.clone(),
            with_size(5.into()),
            with_size(real.clone()),
            with_size(64.into()),
        ] {
            let inputs =
                world.plugin.check_against("web", Some(olds.clone()), program.clone()).await.expect("good");
            let diff = world.plugin.diff("web", &state, &olds, &inputs).await;
            assert_eq!(diff.detailed, [""; 0], "{size} {program}");
            let (read, fresh) = world.plugin.read("web", &id, &olds, &state).await.unwrap().unwrap();
            let diff = world.plugin.diff("web", &fresh, &read, &inputs).await;
            assert_eq!(diff.detailed, [""; 0], "{size} {program} after a refresh");
        }
    }
    let (olds, state) = official(&id, 5);
    world.plugin.delete("web", &state, &olds).await.unwrap();
    assert!(world.images().await.is_empty());
}

#[tokio::test]
async fn an_import_under_way_is_cancelled_by_its_deletion() {
    for stays in [false, true] {
        let minute = Duration::from_secs(60);
        let options = Options {
            image_ready_after: minute,
            manual_clock: true,
            cancelled_imports_stay: stays,
            ..Options::default()
        };
        let mut world = with(options).await;
        let mut stack = Stack::new("web");
        let address = world.cloud.address();
        world.plugin.time_limit = TIME_LIMIT;
        let program = program();
        let (failed, ()) = tokio::join!(stack.up(&mut world.plugin, &program), are_made(address, 1));
        let Failed { message, partial, .. } = failed.unwrap_err();
        assert!(partial.is_some() && message.contains("customTimeouts.create allows more time"), "{message}");
        let lines: Vec<String> = world.plugin.engine.lines().into_iter().map(|line| line.message).collect();
        assert!(lines.iter().any(|line| line.contains("(import ")), "{lines:?}");
        assert!(!world.take_actions().await.contains(&"CancelTask".to_owned()));

        world.plugin.time_limit = 0.0;
        while_time_goes_on(address, 5, stack.destroy(&mut world.plugin)).await.unwrap();
        let actions = world.take_actions().await;
        assert!(actions.contains(&"CancelTask".to_owned()), "{actions:?}");
        assert!(world.images().await.is_empty());
    }
}

#[tokio::test]
async fn an_import_whose_process_was_killed_is_taken_up() {
    for name in [json!("golden"), Json::Null] {
        let mut world = slow().await;
        let address = world.cloud.address();
        let mut program = program();
        program["imageName"] = name;
        let inputs = world.plugin.check("web", program.clone()).await.unwrap();
        let request = rpc::CreateRequest {
            urn: urn_of(IMAGE_IMPORT, "web"),
            properties: Some(to_struct(&inputs)),
            ..rpc::CreateRequest::default()
        };
        let mut client = world.plugin.rpc.clone();
        let create = tokio::spawn(async move { client.create(request).await });
        are_made(address, 1).await;
        world.restart_plugin().await;
        create.await.expect("the task ends").expect_err("its process is killed");

        // An automatic name is another one in the next deployment.
        world.plugin.seed = "another seed".to_owned();
        let inputs = world.plugin.check("web", program).await.unwrap();
        let (id, state) = while_time_goes_on(address, 5, world.plugin.create("web", &inputs))
            .await
            .expect("it is taken up");
        let images = world.images().await;
        assert_eq!((images.len(), &images[0]["id"]), (1, &json!(id)), "{images:?}");
        assert!(text(&state["taskId"]).starts_with("t-"), "{state}");
    }
}

#[tokio::test]
async fn an_answer_that_never_comes_makes_no_second_image() {
    for fault in ["reset_after", "reset_before"] {
        let mut world = imports().await;
        world.faults(json!([{ "do": fault, "action": "ImportImage", "times": 2 }])).await;
        world.plugin.up("web", program()).await;
        assert_eq!(world.images().await.len(), 1, "{fault}");
    }
}
