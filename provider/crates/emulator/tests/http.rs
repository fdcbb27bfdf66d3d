//! The emulator over real sockets: what only a connection can show. Actions are tested in their own files.

use std::time::Duration;

use base64::Engine as _;
use emulator::{Emulator, Fault, Options};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Nothing here takes long; a test that does hangs.
const SOON: Duration = Duration::from_secs(30);

async fn start(options: Options) -> Emulator {
    Emulator::start(options).await.expect("started")
}

fn options() -> Options {
    Options { manual_clock: true, ..Options::default() }
}

async fn connect(emulator: &Emulator) -> TcpStream {
    TcpStream::connect(emulator.address()).await.expect("connected")
}

/// Sends bytes as they are and reads until the other side closes.
async fn raw(emulator: &Emulator, request: &[u8]) -> std::io::Result<String> {
    let mut line = connect(emulator).await;
    let exchange = async {
        line.write_all(request).await?;
        let mut answer = Vec::new();
        line.read_to_end(&mut answer).await?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    };
    timeout(SOON, exchange).await.expect("an end")
}

fn http(method: &str, target: &str, body: &str) -> String {
    format!(
        "{method} {target} HTTP/1.1\r\nHost: emulator\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

async fn exchange(emulator: &Emulator, method: &str, target: &str, body: &str) -> (u16, String) {
    let answer = raw(emulator, http(method, target, body).as_bytes()).await.expect("an answer");
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    (status, answer.split_once("\r\n\r\n").expect("a body").1.to_owned())
}

async fn control(emulator: &Emulator, method: &str, what: &str, body: Value) -> Value {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let (status, answer) = exchange(emulator, method, &format!("/_emulator/{what}"), &body).await;
    assert_eq!(status, 200, "{answer}");
    serde_json::from_str(&answer).expect("JSON")
}

fn escape(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.~".contains(&b);
    text.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

#[expect(clippy::disallowed_methods, reason = "a nonce must only be new, over runs of the test too")]
/// A query signed by version 1 at the emulator's own time.
async fn signed(emulator: &Emulator, action: &str, params: &[(&str, &str)]) -> String {
    let now =
        control(emulator, "GET", "clock", Value::Null).await["now"].as_str().expect("a time").to_owned();
    let nonce = format!("{:?}-{action}-{params:?}", std::time::SystemTime::now());
    let mut all = vec![
        ("Action", action),
        ("Version", "2014-05-26"),
        ("Format", "JSON"),
        ("AccessKeyId", "emulator"),
        ("SignatureMethod", "HMAC-SHA1"),
        ("SignatureVersion", "1.0"),
        ("SignatureNonce", &nonce),
        ("Timestamp", &now),
        ("RegionId", "cn-hangzhou"),
    ];
    all.extend_from_slice(params);
    all.sort();
    let query: Vec<String> = all.iter().map(|(k, v)| format!("{}={}", escape(k), escape(v))).collect();
    let query = query.join("&");
    let mut mac = Hmac::<sha1::Sha1>::new_from_slice(b"emulator&").expect("a key");
    mac.update(format!("GET&%2F&{}", escape(&query)).as_bytes());
    let signature = base64::engine::general_purpose::STANDARD.encode(mac.finalize().into_bytes());
    format!("/?{query}&Signature={}", escape(&signature))
}

async fn call(emulator: &Emulator, action: &str, params: &[(&str, &str)]) -> (u16, String) {
    let target = signed(emulator, action, params).await;
    exchange(emulator, "GET", &target, "").await
}

async fn entries(emulator: &Emulator, action: &str) -> Vec<Value> {
    let all = control(emulator, "GET", "requests", Value::Null).await;
    all.as_array().expect("a list").iter().filter(|entry| entry["action"] == action).cloned().collect()
}

#[tokio::test]
async fn a_signed_call_is_answered_and_recorded() {
    let emulator = start(options()).await;
    let (status, answer) = call(&emulator, "DescribeImages", &[("ImageId", "m-system")]).await;
    assert_eq!(status, 200, "{answer}");
    let entries = entries(&emulator, "DescribeImages").await;
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0]["params"], json!({"ImageId": "m-system", "RegionId": "cn-hangzhou"}));
    assert_eq!((&entries[0]["status"], &entries[0]["code"]), (&json!(200), &Value::Null));
}

#[tokio::test]
async fn one_connection_serves_many_requests() {
    let emulator = start(options()).await;
    let mut line = connect(&emulator).await;
    for _ in 0..3 {
        line.write_all(b"GET /nothing HTTP/1.1\r\nHost: e\r\n\r\n").await.expect("sent");
        let mut answer = [0; 512];
        let length = timeout(SOON, line.read(&mut answer)).await.expect("soon").expect("read");
        assert!(answer[..length].starts_with(b"HTTP/1.1 404"));
    }
}

/// A request to OSS on `b-images`, signed by version 1 at the emulator's own time.
async fn to_oss(emulator: &Emulator, method: &str, object: &str, body: &str) -> String {
    let told = raw(emulator, http("GET", "/nothing", "").as_bytes()).await.expect("an answer");
    let date = told.lines().find_map(|line| line.strip_prefix("date: ")).expect("a date");
    let mut mac = Hmac::<sha1::Sha1>::new_from_slice(b"emulator").expect("a key");
    mac.update(format!("{method}\n\n\n{date}\n/b-images/{object}").as_bytes());
    let signature = base64::engine::general_purpose::STANDARD.encode(mac.finalize().into_bytes());
    format!(
        "{method} /b-images/{object} HTTP/1.1\r\nHost: 127.0.0.1\r\nDate: {date}\r\nAuthorization: OSS \
         emulator:{signature}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[tokio::test]
async fn one_connection_serves_objects_too() {
    let emulator = start(options()).await;
    let mut line = connect(&emulator).await;
    for (method, object, body, status, says) in [
        ("HEAD", "disk.raw", "", 200, "\r\ncontent-length: 4831838208\r\n"),
        ("HEAD", "none", "", 404, "\r\nx-oss-err: "),
        ("PUT", "new", "bytes", 200, "\r\netag: "),
        ("GET", "new", "", 200, "\r\n\r\nbytes"),
        ("DELETE", "new", "", 204, "\r\nx-oss-request-id: "),
        ("GET", "new", "", 404, "<Code>NoSuchKey</Code>"),
    ] {
        let request = to_oss(&emulator, method, object, body).await;
        line.write_all(request.as_bytes()).await.expect("sent");
        let mut answer = [0; 4_096];
        let length = timeout(SOON, line.read(&mut answer)).await.expect("soon").expect("read");
        let answer = String::from_utf8_lossy(&answer[..length]);
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")) && answer.contains(says),
            "{method}: {answer}"
        );
    }
    let entries = entries(&emulator, "PutObject").await;
    assert_eq!(entries[0]["params"], json!({"Bucket": "b-images", "Object": "new"}));
    // Unsigned, it is denied; where there is no bucket, there is nothing.
    assert_eq!(exchange(&emulator, "GET", "/b-images/disk.raw", "").await.0, 403);
    assert_eq!(exchange(&emulator, "GET", "/b-none/disk.raw", "").await.0, 404);
}

/// What the caller sees of a fault, and what is recorded.
async fn check_cut(fault: Fault, code: &str, images: usize) {
    let emulator = start(options()).await;
    control(&emulator, "POST", "faults", json!([fault])).await;
    let target = signed(&emulator, "CreateImage", &[("SnapshotId", "s-system")]).await;
    let error = raw(&emulator, http("GET", &target, "").as_bytes()).await.expect_err("cut");
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "{error}");
    let entries = entries(&emulator, "CreateImage").await;
    assert_eq!((&entries[0]["status"], &entries[0]["code"]), (&Value::Null, &json!(code)));
    let state = control(&emulator, "GET", "state", Value::Null).await;
    let made = state["regions"]["cn-hangzhou"]["images"]
        .as_array()
        .map_or(0, |all| all.iter().filter(|image| image["owner"] == "own").count());
    assert_eq!(made, images);
}

#[tokio::test]
async fn a_cut_before_carries_nothing_out() {
    check_cut(Fault::on("CreateImage").reset_before(), "reset_before", 0).await;
}

#[tokio::test]
async fn a_cut_after_carries_the_call_out() {
    check_cut(Fault::on("CreateImage").reset_after(), "reset_after", 1).await;
}

#[tokio::test]
async fn a_hanging_call_is_cut_when_its_time_is_over() {
    check_cut(Fault::on("CreateImage").hang_ms(20), "hang", 0).await;
}

#[tokio::test]
async fn garbage_and_plain_errors_come_as_asked_for() {
    let emulator = start(options()).await;
    let faults = json!([
        {"action": "DescribeRegions", "do": "garbage"},
        {"action": "DescribeRegions", "do": "http", "status": 502},
        {"action": "DescribeRegions", "do": "throttle", "retry_after_ms": 1500},
        {"action": "DescribeRegions", "do": "delay", "ms": 1},
    ]);
    control(&emulator, "POST", "faults", faults).await;
    let (status, body) = call(&emulator, "DescribeRegions", &[]).await;
    assert!(status == 200 && body.starts_with("<!DOCTYPE html>"), "{status} {body}");
    let (status, body) = call(&emulator, "DescribeRegions", &[]).await;
    assert!(status == 502 && !body.starts_with('{'), "{status} {body}");
    let target = signed(&emulator, "DescribeRegions", &[]).await;
    let answer = raw(&emulator, http("GET", &target, "").as_bytes()).await.expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("x-acs-retry-after: 1500\r\n"), "{answer}");
    assert_eq!(call(&emulator, "DescribeRegions", &[]).await.0, 200);
}

#[tokio::test]
async fn an_answer_can_be_any_json() {
    let emulator = start(options()).await;
    let faults = json!([
        {"action": "CreateImage", "do": "json"},
        Fault::on("CreateImage").json(json!(["x"])).status(502),
        Fault::on("GET /latest/meta-data/region-id").json(Value::Null),
    ]);
    control(&emulator, "POST", "faults", faults).await;
    let create = [("SnapshotId", "s-system")];
    assert_eq!(call(&emulator, "CreateImage", &create).await, (200, "{}".to_owned()));
    assert_eq!(call(&emulator, "CreateImage", &create).await, (502, r#"["x"]"#.to_owned()));
    let plain = exchange(&emulator, "GET", "/latest/meta-data/region-id", "").await;
    assert_eq!(plain, (200, "null".to_owned()));
    let entries = entries(&emulator, "CreateImage").await;
    let seen: Vec<_> = entries.iter().map(|entry| (&entry["status"], &entry["code"])).collect();
    assert_eq!(seen, [(&json!(200), &json!("json")), (&json!(502), &json!("json"))]);
    let state = control(&emulator, "GET", "state", Value::Null).await;
    assert_eq!(state["regions"], json!({}), "nothing is carried out");
}

#[tokio::test]
async fn a_stale_answer_is_from_when_the_fault_was_posted() {
    let emulator = start(options()).await;
    let (_, made) =
        call(&emulator, "CreateImage", &[("SnapshotId", "s-system"), ("ImageName", "mine")]).await;
    let made: Value = serde_json::from_str(&made).expect("JSON");
    let id = made["ImageId"].as_str().expect("an id").to_owned();
    control(&emulator, "POST", "clock", json!({"advance_ms": 1_000})).await;
    let fault = json!([{"action": "DescribeImages", "times": 2, "do": "stale"}]);
    assert_eq!(control(&emulator, "POST", "faults", fault.clone()).await, fault);
    control(&emulator, "POST", "clock", json!({"advance_ms": 9_000})).await;
    call(&emulator, "ModifyImageAttribute", &[("ImageId", &id), ("Description", "after")]).await;
    let look = async || {
        let own = [("ImageOwnerAlias", "self"), ("Status", "ALL")];
        let (status, answer) = call(&emulator, "DescribeImages", &own).await;
        assert_eq!(status, 200, "{answer}");
        let answer: Value = serde_json::from_str(&answer).expect("JSON");
        let image = &answer["Images"]["Image"][0];
        [image["Status"].clone(), image["Progress"].clone(), image["Description"].clone()]
    };
    assert_eq!(look().await, ["Creating", "50%", ""]);
    call(&emulator, "DeleteImage", &[("ImageId", &id)]).await;
    assert_eq!(look().await, ["Creating", "50%", ""]);
    assert_eq!(look().await, [Value::Null, Value::Null, Value::Null], "the fault is used up");
}

#[tokio::test]
async fn a_delayed_call_is_carried_out_although_its_caller_has_left() {
    let emulator = start(options()).await;
    control(&emulator, "POST", "faults", json!([Fault::on("CreateImage").delay_ms(50)])).await;
    let target = signed(&emulator, "CreateImage", &[("SnapshotId", "s-system")]).await;
    let mut line = connect(&emulator).await;
    line.write_all(http("GET", &target, "").as_bytes()).await.expect("sent");
    // Gone once the fault is used up, that is, once the call is being delayed.
    let used_up = async {
        while control(&emulator, "GET", "faults", Value::Null).await != json!([]) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(SOON, used_up).await.expect("the fault strikes");
    drop(line);
    let carried_out = async {
        while entries(&emulator, "CreateImage").await.is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(SOON, carried_out).await.expect("carried out");
}

#[tokio::test]
async fn a_stop_waits_for_neither_idle_nor_hanging_connections() {
    let emulator = start(options()).await;
    control(&emulator, "POST", "faults", json!([Fault::on("*").hang()])).await;
    let target = signed(&emulator, "DescribeRegions", &[]).await;
    let silent = connect(&emulator).await;
    let mut idle = connect(&emulator).await;
    idle.write_all(b"GET /nothing HTTP/1.1\r\nHost: e\r\n\r\n").await.expect("sent");
    idle.read_exact(&mut [0; 12]).await.expect("answered");
    let mut hanging = connect(&emulator).await;
    hanging.write_all(http("GET", &target, "").as_bytes()).await.expect("sent");
    let hangs = async {
        while entries(&emulator, "DescribeRegions").await.is_empty() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(SOON, hangs).await.expect("the fault strikes");
    let address = emulator.address();
    timeout(SOON, emulator.stop()).await.expect("stopped");
    assert!(TcpStream::connect(address).await.is_err(), "nobody listens any more");
    drop((silent, idle, hanging));
}

#[tokio::test]
async fn run_ends_with_its_shutdown() {
    timeout(SOON, emulator::run(options(), async {})).await.expect("soon").expect("well");
}

#[tokio::test]
async fn bytes_of_any_kind_are_survived() {
    let emulator = start(options()).await;
    let large =
        format!("POST / HTTP/1.1\r\nHost: e\r\nContent-Length: 2000000\r\n\r\n{}", "x".repeat(1_200_000));
    let v3 = "Authorization: ACS3-HMAC-SHA256 Credential=emulator,SignedHeaders=;;,Signature=\r\n";
    for request in [
        "\0\0\0\0\r\n\r\n".to_owned(),
        "GET\r\n\r\n".to_owned(),
        "GET /?Action=%FF&Tag.99999999999999999999.Key=x HTTP/1.1\r\nHost: e\r\nConnection: close\r\n\r\n"
            .to_owned(),
        "GET /?%&=&&== HTTP/1.1\r\nConnection: close\r\n\r\n".to_owned(),
        "PATCH / HTTP/1.1\r\nHost: e\r\nConnection: close\r\n\r\n".to_owned(),
        format!("GET / HTTP/1.1\r\nHost: e\r\n{v3}Connection: close\r\n\r\n"),
        format!(
            "GET / HTTP/1.1\r\nHost: e\r\n{v3}x-acs-action: A\r\nx-acs-version: B\r\nConnection: close\r\n\r\n"
        ),
        http("POST", "/_emulator/faults", "\u{0}"),
        http("POST", "/_emulator/change", "[[[["),
        http("GET", "/latest/meta-data/ram/security-credentials/%00", ""),
        large,
    ] {
        // Some end in an answer and some in a cut line; the next exchange shows that the emulator lives.
        drop(raw(&emulator, request.as_bytes()).await);
        assert_eq!(exchange(&emulator, "GET", "/nothing", "").await.0, 404);
    }
}

#[tokio::test]
async fn a_body_of_more_than_a_mebibyte_is_refused() {
    let emulator = start(options()).await;
    let (status, _) = exchange(&emulator, "POST", "/", &"x".repeat(1024 * 1024)).await;
    assert_eq!(status, 400, "it was read, and is no call");
    let head = "POST / HTTP/1.1\r\nHost: e\r\nConnection: close\r\nContent-Length: 1048577\r\n\r\n";
    let answer = raw(&emulator, head.as_bytes()).await.expect("an answer before the body is sent");
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
}

#[tokio::test]
async fn a_thousand_connections_are_served_at_once() {
    let emulator = start(options()).await;
    let mut lines = Vec::new();
    for _ in 0..1_000 {
        lines.push(connect(&emulator).await);
    }
    for line in &mut lines {
        line.write_all(b"GET /nothing HTTP/1.1\r\nHost: e\r\n\r\n").await.expect("sent");
    }
    for line in &mut lines {
        let mut answer = [0; 512];
        let length = timeout(SOON, line.read(&mut answer)).await.expect("soon").expect("read");
        assert!(answer[..length].starts_with(b"HTTP/1.1 404"));
    }
}

#[tokio::test]
async fn a_damaged_state_file_is_an_error_at_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("state.json");
    std::fs::write(&path, "{").expect("written");
    let error = Emulator::start(Options { state: Some(path), ..options() }).await.expect_err("refused");
    assert!(error.to_string().contains("state.json"), "{error}");
    let taken = start(options()).await;
    let error = Emulator::start(Options { listen: taken.address(), ..options() }).await.expect_err("refused");
    assert!(error.to_string().contains(&taken.address().to_string()), "{error}");
}

#[tokio::test]
async fn the_state_is_on_disk_after_each_change() {
    let folder = tempfile::tempdir().expect("a folder");
    let options = Options { state: Some(folder.path().join("state.json")), ..options() };
    let first = start(options.clone()).await;
    let create = [("SnapshotId", "s-system"), ("ImageName", "kept"), ("ClientToken", "t")];
    let (_, made) = call(&first, "CreateImage", &create).await;
    first.stop().await;
    let second = start(options).await;
    let state = control(&second, "GET", "state", Value::Null).await;
    assert_eq!(state["regions"]["cn-hangzhou"]["images"][2]["name"], "kept");
    let (_, again) = call(&second, "CreateImage", &create).await;
    let id = |answer: &str| serde_json::from_str::<Value>(answer).expect("JSON")["ImageId"].clone();
    assert_eq!(id(&made), id(&again), "tokens are kept too");
}

#[tokio::test]
async fn an_old_style_call_that_asks_for_no_format_gets_xml() {
    let emulator = start(options()).await;
    let (status, body) = exchange(&emulator, "GET", "/?Action=DescribeRegions&Version=2014-05-26", "").await;
    assert_eq!(status, 400);
    assert!(body.starts_with("<?xml") && body.contains("<Code>MissingParameter</Code>"), "{body}");
}
