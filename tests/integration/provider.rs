//! The provider as a whole: its settings, its schema, what it lacks, and when it ends.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use emulator::Emulator;
use pulumi::pulumirpc as rpc;
use serde_json::{Value as Json, json};
use tonic::Code;

use crate::harness::{IMAGE, LONG, Plugin, World, from_struct, secret, settings, text, to_struct, told, urn};

fn plugin_command<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pulumi-resource-alicloud"));
    command.args(arguments).stdout(Stdio::piped());
    command
}

/// Whether the process ends by itself.
async fn ends(process: &mut Child) -> bool {
    let started = Instant::now();
    while started.elapsed() < LONG {
        if process.try_wait().unwrap().is_some() {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    process.kill().unwrap();
    process.wait().unwrap();
    false
}

async fn check_config(plugin: &mut Plugin, news: Json) -> Result<Json, Vec<String>> {
    let request = rpc::CheckRequest {
        urn: "urn:pulumi:test::shop::pulumi:providers:alicloud::p".to_owned(),
        news: Some(to_struct(&news)),
        ..rpc::CheckRequest::default()
    };
    let response = plugin.rpc.check_config(request).await.unwrap().into_inner();
    if response.failures.is_empty() {
        return Ok(from_struct(&response.inputs.unwrap()));
    }
    Err(response.failures.iter().map(told).collect())
}

#[tokio::test]
async fn missing_settings_are_all_named_with_what_gives_them() {
    let mut plugin = Plugin::start().await;
    let status = plugin.configure(json!({})).await.unwrap_err();
    for part in [
        "alicloud:region",
        "ALICLOUD_REGION",
        "alicloud:accessKey",
        "ALICLOUD_ACCESS_KEY",
        "alicloud:secretKey",
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET",
    ] {
        assert!(status.message().contains(part), "{part} in: {}", status.message());
    }
    assert!(!status.details().is_empty(), "the engine lists missing keys from the details");
}

#[tokio::test]
async fn settings_come_from_the_environment_too() {
    let cloud = Emulator::start(emulator::Options::default()).await.unwrap();
    let url = cloud.url();
    let mut plugin = Plugin::start_with(&[
        ("ALICLOUD_ACCESS_KEY", "emulator"),
        ("ALICLOUD_SECRET_KEY", "emulator"),
        ("ALICLOUD_REGION", "cn-hangzhou"),
        ("ALIBABA_CLOUD_ENDPOINT_ECS", &url),
    ])
    .await;
    plugin.configure(json!({})).await.unwrap();
    assert!(plugin.read("x", "m-system", &json!({}), &json!({})).await.unwrap().is_some());
}

#[tokio::test]
async fn wrong_settings_are_reported_with_their_paths() {
    let mut plugin = Plugin::start().await;
    let failures = check_config(
        &mut plugin,
        json!({
            "region": "cn-hangzou", "protocol": "FTP", "accessKey": "id", "clientReadTimeout": "soon",
            "endpoints": "[{\"ecs\":\"http://host/path\"}]", "reigon": "x",
        }),
    )
    .await
    .unwrap_err();
    let paths: Vec<&str> = failures.iter().filter_map(|failure| failure.split(": ").next()).collect();
    assert_eq!(
        paths,
        ["clientReadTimeout", "reigon", "protocol", "region", "endpoints[0].ecs", "secretKey"],
        "{failures:#?}"
    );
    assert!(failures[3].contains("cn-hangzhou"), "the nearest region is named: {}", failures[3]);
}

#[tokio::test]
async fn a_setting_whose_name_is_misspelled_is_told_without_its_value() {
    let mut plugin = Plugin::start().await;
    for (settings, reason) in [
        (json!({ "secretKy": "hush-hush" }), "secretKy: unknown property; did you mean \"secretKey\"?"),
        (
            json!({ "assumeRole": "{\"roleArn\":\"acs:ram::1:role/r\",\"externalID\":\"hush-hush\"}" }),
            "assumeRole.externalID: unknown property; did you mean \"externalId\"?",
        ),
        (
            json!({ "endpoints": secret("[{\"ecs\":\"http://hush-hush/path\"}]".into()) }),
            "endpoints[0].ecs: ",
        ),
    ] {
        let request = rpc::CheckRequest { news: Some(to_struct(&settings)), ..rpc::CheckRequest::default() };
        let failures = plugin.rpc.check_config(request).await.unwrap().into_inner().failures;
        let [failure] = failures.as_slice() else { panic!("{failures:#?}") };
        assert!(failure.property.is_empty() && failure.reason.starts_with(reason), "{failure:?}");
        assert!(!failure.reason.contains("hush"), "{failure:?}");
        let failed = plugin.configure(settings).await.unwrap_err();
        assert!(!failed.message().contains("hush"), "{}", failed.message());
    }
}

#[tokio::test]
async fn settings_of_other_products_are_accepted_with_one_warning_each() {
    let mut plugin = Plugin::start().await;
    let news = json!({ "fc": "x", "accountId": "1", "endpoints": "[{\"vpc\":\"host\"}]", "signVersion": "{\"oss\":\"v4\"}",
        "features": "{\"ecsInstance\":{\"replaceOnImageUpdate\":true}}" });
    for _ in 0..2 {
        assert_eq!(check_config(&mut plugin, news.clone()).await.unwrap(), news);
    }
    let warnings = plugin.engine.warnings();
    // The published plugin, beside this one, may heed them.
    assert!(warnings.iter().all(|line| line.contains("has no effect on images: ")), "{warnings:#?}");
    let warned: Vec<String> =
        warnings.iter().map(|line| line.split(": ").next().unwrap_or_default().to_owned()).collect();
    assert_eq!(warned, ["accountId", "endpoints[0].vpc", "fc", "features", "signVersion.oss"]);
}

#[tokio::test]
async fn secret_settings_become_secret_and_the_others_keep_their_form() {
    let mut plugin = Plugin::start().await;
    let news = json!({
        "region": "cn-hangzhou", "accessKey": "id", "secretKey": "key", "endpoints": "[{\"ecs\":\"localhost:1\"}]",
        "skipRegionValidation": "true", "version": "0.1.0",
    });
    let mut expected = news.clone();
    expected["accessKey"] = secret("id".into());
    expected["secretKey"] = secret("key".into());
    assert_eq!(check_config(&mut plugin, news).await.unwrap(), expected);
}

#[tokio::test]
async fn another_region_replaces_and_another_key_does_not() {
    let mut plugin = Plugin::start().await;
    let old = json!({ "region": "cn-hangzhou", "accessKey": "a", "endpoints": "[{\"ecs\": \"h\"}]" });
    let mut diff = async |news: Json| {
        let request = rpc::DiffRequest {
            olds: Some(to_struct(&old)),
            old_inputs: Some(to_struct(&old)),
            news: Some(to_struct(&news)),
            ..rpc::DiffRequest::default()
        };
        let response = plugin.rpc.diff_config(request).await.unwrap().into_inner();
        (response.changes, response.replaces)
    };
    assert_eq!(
        diff(json!({ "region": "cn-hangzhou", "accessKey": "b", "endpoints": [{ "ecs": "h" }] })).await,
        (2, vec![])
    );
    assert_eq!(
        diff(json!({ "region": "cn-hangzhou", "accessKey": "a", "endpoints": [{ "ecs": "h" }] })).await,
        (1, vec![])
    );
    assert_eq!(
        diff(json!({ "region": "cn-beijing", "accessKey": "a", "endpoints": [{ "ecs": "h" }] })).await,
        (2, vec!["region".to_owned()])
    );
}

/// An address that refuses connections, and what keeps others from taking it.
fn closed_port() -> (tokio::net::TcpSocket, SocketAddr) {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind((std::net::Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

#[tokio::test]
async fn an_endpoint_that_is_not_there_is_named_with_the_reason() {
    let mut plugin = Plugin::start().await;
    let (_kept, nobody) = closed_port();
    plugin
        .configure(json!({ "region": "cn-hangzhou", "accessKey": "a", "secretKey": "b",
            "endpoints": [{ "ecs": format!("http://{nobody}") }] }))
        .await
        .unwrap();
    let nothing = json!({});
    let read = plugin.read("x", "m-1", &nothing, &nothing);
    let failed = tokio::time::timeout(LONG, read).await.expect("it is not tried for long").unwrap_err();
    assert!(
        failed.message.contains(&nobody.to_string()) && failed.message.contains("refused"),
        "{}",
        failed.message
    );
}

#[tokio::test]
async fn a_wrong_key_and_a_wrong_secret_are_told_apart() {
    let world = World::new().await;
    for (key, value, code) in [
        ("accessKey", "nobody", "InvalidAccessKeyId.NotFound"),
        ("secretKey", "wrong-secret", "SignatureDoesNotMatch"),
    ] {
        let mut plugin = Plugin::start().await;
        let mut settings = settings(&world.cloud);
        settings[key] = value.into();
        plugin.configure(settings).await.unwrap();
        let failed = plugin.read("x", "m-1", &json!({}), &json!({})).await.unwrap_err();
        assert!(failed.message.contains(code), "{}", failed.message);
        assert!(!failed.message.contains("wrong-secret"), "{}", failed.message);
    }
}

#[tokio::test]
async fn what_is_not_known_is_named() {
    let mut world = World::new().await;
    let request = rpc::CheckRequest {
        urn: urn("x").replace(IMAGE, "alicloud:ecs/instance:Instance"),
        ..rpc::CheckRequest::default()
    };
    let status = world.plugin.rpc.check(request).await.unwrap_err();
    let message = status.message();
    assert!(
        message.starts_with(
            "unknown resource type \"alicloud:ecs/instance:Instance\": this provider has alicloud:ecs/image:Image, "
        ),
        "{message}"
    );
    let status = world
        .plugin
        .rpc
        .invoke(rpc::InvokeRequest {
            tok: "alicloud:ecs/getZones:getZones".to_owned(),
            ..rpc::InvokeRequest::default()
        })
        .await
        .unwrap_err();
    let message = status.message();
    assert!(
        message.starts_with(
            "unknown function \"alicloud:ecs/getZones:getZones\": this provider has alicloud:ecs/getImages:getImages, \
             alicloud:ecs/getImageFromFamily:getImageFromFamily. No version of the plugin was asked for"
        ),
        "{message}"
    );
    let status = world.plugin.rpc.construct(rpc::ConstructRequest::default()).await.unwrap_err();
    assert_eq!(status.code(), Code::Unimplemented);
    let status = world.plugin.rpc.call(rpc::CallRequest::default()).await.unwrap_err();
    assert_eq!(status.code(), Code::Unimplemented);
    let status = world.plugin.rpc.parameterize(rpc::ParameterizeRequest::default()).await.unwrap_err();
    assert_eq!(status.code(), Code::Unimplemented);
}

#[tokio::test]
async fn what_is_not_known_is_told_by_how_the_plugin_was_chosen() {
    let mut world = World::new().await;
    let own = env!("CARGO_PKG_VERSION");
    for (version, provider, wanted) in [
        ("4.0.0", "default_4_0_0", "Version 4.0.0 of the plugin was asked for"),
        (own, "default_0_1_0", "Version 0.1.0 was asked for, which is this plugin"),
        (own, "images", "The provider \"images\" has the option `version: \""),
    ] {
        let mut settings = settings(&world.cloud);
        settings["version"] = version.into();
        let urn = format!("urn:pulumi:test::test::pulumi:providers:alicloud::{provider}");
        for name in [Some(provider.to_owned()), None] {
            let args = Some(to_struct(&settings));
            let request = rpc::ConfigureRequest { args, name, urn: Some(urn.clone()), ..Default::default() };
            world.plugin.rpc.configure(request).await.unwrap();
            let tok = "alicloud:ecs/getZones:getZones".to_owned();
            let request = rpc::InvokeRequest { tok, ..Default::default() };
            let status = world.plugin.rpc.invoke(request).await.unwrap_err();
            assert!(status.message().contains(wanted), "{version} of {provider}: {}", status.message());
        }
    }
}

#[tokio::test]
async fn a_preview_with_settings_not_known_yet_needs_no_cloud() {
    let mut plugin = Plugin::start().await;
    plugin.configure(json!({ "region": crate::harness::UNKNOWN })).await.unwrap();
    let inputs = plugin.check("web", json!({ "snapshotId": "s-system", "imageName": "web" })).await.unwrap();
    assert_eq!(plugin.preview_create("web", &inputs).await["imageName"], "web");
}

#[tokio::test]
async fn the_plugin_ends_when_the_engine_goes_away() {
    let mut plugin = Plugin::start().await;
    plugin.configure(json!({ "region": "cn-hangzhou", "accessKey": "a", "secretKey": "b" })).await.unwrap();
    // A warning has arrived when the answer does: plugin and engine are connected.
    plugin.check("web", json!({ "snapshotId": "s-system", "name": "web" })).await.unwrap();
    assert_eq!(plugin.engine.warnings().len(), 1);
    plugin.engine.stop();
    assert!(ends(&mut plugin.child).await, "the plugin still runs");
}

/// As an engine that is killed before it has taken the plugin's connection.
#[tokio::test]
async fn the_plugin_ends_when_the_engine_resets_the_connection() {
    let engine = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut plugin = plugin_command([engine.local_addr().unwrap().to_string().as_str()]).spawn().unwrap();
    let (connection, _) = engine.accept().await.unwrap();
    connection.set_zero_linger().unwrap();
    drop(connection);
    assert!(ends(&mut plugin).await, "the plugin still runs");
}

/// There is no connection whose end could be seen where the engine's port is closed.
#[cfg(unix)]
#[tokio::test]
async fn a_plugin_without_a_connection_ends_with_the_process_that_started_it() {
    use std::os::unix::process::CommandExt as _;

    let (_kept, closed) = closed_port();
    let plugin = plugin_command([closed.to_string().as_str()]);
    let mut shell = Command::new("sh")
        // The shell ends when it has read its input to the end.
        .args(["-c", "\"$0\" \"$1\" <&- & read -r _"])
        .arg(plugin.get_program())
        .args(plugin.get_args())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .unwrap();
    let mut stdout = BufReader::new(shell.stdout.take().unwrap());
    stdout.read_line(&mut String::new()).unwrap();
    let (sender, over) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || sender.send(stdout.read_to_string(&mut String::new())));
    tokio::pin!(over);
    let early = tokio::time::timeout(Duration::from_secs(2), &mut over).await;
    drop(shell.stdin.take());
    shell.wait().unwrap();
    let ended = early.is_ok() || tokio::time::timeout(LONG, over).await.is_ok();
    // A plugin that still runs would outlive the test.
    Command::new("kill")
        .args(["-KILL", "--", &format!("-{}", shell.id())])
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert!(early.is_err(), "the plugin ended before the shell");
    assert!(ended, "the plugin still runs");
}

#[tokio::test]
async fn standard_output_carries_the_port_and_nothing_else() {
    let mut world = World::new().await;
    world.plugin.up("web", json!({ "snapshotId": "s-system" })).await;
    let World { plugin, .. } = world;
    assert_eq!(plugin.stop_and_read_output(), (String::new(), String::new()));
}

/// The network's stack holds small writes back for 40 ms, unless it is told not to.
const HELD_BACK: Duration = Duration::from_millis(35);

#[tokio::test]
async fn no_call_waits_for_an_acknowledgement() {
    let mut world = World::new().await;
    let nothing = json!({});
    let mut quickest = LONG;
    // A machine that is busy is slow at times, but a call that waits does so each time.
    for _ in 0..1_000 {
        let started = Instant::now();
        world.plugin.read("web", "m-system", &nothing, &nothing).await.unwrap().unwrap();
        quickest = quickest.min(started.elapsed());
        if quickest < HELD_BACK {
            return;
        }
    }
    panic!("{quickest:?}");
}

#[tokio::test]
async fn handshake_and_plugin_info_say_what_this_is() {
    let mut plugin = Plugin::start().await;
    let response = plugin.rpc.handshake(rpc::ProviderHandshakeRequest::default()).await.unwrap().into_inner();
    assert!(response.accept_secrets && response.supports_autonaming_configuration);
    let info = plugin.rpc.get_plugin_info(()).await.unwrap().into_inner();
    assert_eq!(info.version, env!("CARGO_PKG_VERSION"));
    let schema = plugin.rpc.get_schema(rpc::GetSchemaRequest::default()).await.unwrap().into_inner().schema;
    let schema: Json = serde_json::from_str(&schema).unwrap();
    assert_eq!(schema["name"], "alicloud");
    let mapping = rpc::GetMappingRequest { key: "terraform".to_owned(), provider: "alicloud".to_owned() };
    assert_eq!(plugin.rpc.get_mapping(mapping).await.unwrap().into_inner().provider, "alicloud");
}

#[cfg(unix)]
#[tokio::test]
async fn a_signal_right_after_the_first_line_ends_the_process_cleanly() {
    for argument in [Some("emulator"), None] {
        let mut child = plugin_command(argument).spawn().unwrap();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut String::new()).unwrap();
        let kill = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
        assert!(kill.success() && child.wait().unwrap().success(), "{argument:?}");
    }
}

/// Engines from before 2023 send outputs alone.
#[tokio::test]
async fn an_engine_that_sends_no_old_inputs_is_shown_no_change_that_nobody_made() {
    let mut world = World::new().await;
    let mut diff = async |name: &str, inputs: Json, news: Json| {
        let (_, state) = world.plugin.up(name, inputs).await;
        let request = rpc::DiffRequest {
            id: text(&state["id"]),
            urn: urn(name),
            olds: Some(to_struct(&state)),
            news: Some(to_struct(&news)),
            ..rpc::DiffRequest::default()
        };
        let answer = world.plugin.rpc.diff(request).await.unwrap().into_inner();
        let mut changed: Vec<String> = answer.detailed_diff.into_keys().collect();
        changed.sort_unstable();
        (changed, answer.replaces)
    };
    let disks = json!({ "imageName": "disks", "features": { "imdsSupport": "v2" }, "tags": { "a": "b" },
        "diskDeviceMappings": [{ "snapshotId": "s-system" }, { "snapshotId": "s-data", "size": 200 }] });
    assert_eq!(diff("disks", disks.clone(), disks.clone()).await, (vec![], vec![]));

    let mut larger = disks.clone();
    larger["imageName"] = "larger".into();
    larger["diskDeviceMappings"][1]["size"] = 300.into();
    larger["tags"] = json!({});
    let mut smaller = disks;
    smaller["imageName"] = "larger".into();
    let replaces = vec!["diskDeviceMappings".to_owned()];
    let changed = vec!["diskDeviceMappings[1].size".to_owned(), "tags.a".to_owned()];
    assert_eq!(diff("larger", smaller, larger).await, (changed, replaces));

    let system = json!({ "snapshotId": "s-system", "imageName": "system" });
    let instance = json!({ "instanceId": "i-running", "imageName": "system" });
    let changed = ["instanceId", "snapshotId"].map(str::to_owned).to_vec();
    let replaces = ["instanceId", "snapshotId"].map(str::to_owned).to_vec();
    assert_eq!(diff("system", system, instance).await, (changed, replaces));
}
