//! The world of a test: the emulator in this process, what it is told and asked beside the plugin, and the plugin.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use emulator::{Emulator, Options};
use serde_json::{Value as Json, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{Plugin, secret, text};

/// Longer than anything takes that is to happen at once, also on a machine that is busy.
pub(crate) const LONG: Duration = Duration::from_secs(60);
pub(crate) const REGION: &str = "cn-hangzhou";
/// From which copies are made.
pub(crate) const SOURCE_REGION: &str = "cn-beijing";

pub(crate) async fn start(options: Options) -> Emulator {
    Emulator::start(options).await.expect("the emulator starts")
}

/// One cloud, one engine, one plugin.
pub(crate) struct World {
    pub(crate) cloud: Emulator,
    pub(crate) plugin: Plugin,
}

impl World {
    /// A cloud whose images are ready at once, and a configured plugin.
    pub(crate) async fn new() -> World {
        World::with(Options { image_ready_after: Duration::ZERO, ..Options::default() }).await
    }

    /// A cloud whose images take a minute of its clock, which stands still.
    pub(crate) async fn slow() -> World {
        let minute = Duration::from_secs(60);
        World::with(Options { image_ready_after: minute, manual_clock: true, ..Options::default() }).await
    }

    pub(crate) async fn with(options: Options) -> World {
        World::of(start(options).await).await
    }

    /// A plugin that is configured for this cloud.
    pub(crate) async fn of(cloud: Emulator) -> World {
        let plugin = Plugin::configured(&cloud).await;
        World { cloud, plugin }
    }

    /// As if the engine had been killed: a new plugin, the same cloud.
    pub(crate) async fn restart_plugin(&mut self) {
        let resource_type = self.plugin.resource_type;
        self.plugin = Plugin::configured(&self.cloud).await;
        self.plugin.resource_type = resource_type;
    }

    /// Somebody else with the same account, in a region.
    pub(crate) fn somebody_else(&self, region: &str) -> aliyun::Client {
        let key = Arc::new(aliyun::credential::Fixed::new("emulator", "emulator", None, "the test"));
        let settings =
            aliyun::Settings { endpoint: Some(self.cloud.url()), ..aliyun::Settings::new(region, key) };
        aliyun::Client::new(settings).expect("good settings")
    }

    pub(crate) async fn control(&self, method: &str, path: &str, body: Json) -> Json {
        control(self.cloud.address(), method, path, body).await
    }

    pub(crate) async fn faults(&self, faults: Json) {
        self.control("POST", "/_emulator/faults", faults).await;
    }

    /// A change behind Pulumi's back.
    pub(crate) async fn change(&self, image: &str, mut change: Json) {
        change["region"] = REGION.into();
        change["image"] = image.into();
        self.control("POST", "/_emulator/change", json!([change])).await;
    }

    /// The names of the actions called so far, and forgets them.
    pub(crate) async fn take_actions(&self) -> Vec<String> {
        self.take_requests().await.iter().map(|request| text(&request["action"])).collect()
    }

    pub(crate) async fn take_requests(&self) -> Vec<Json> {
        let requests = requests(self.cloud.address()).await;
        self.control("DELETE", "/_emulator/requests", Json::Null).await;
        requests
    }

    /// The images of the account, in the order of their names.
    pub(crate) async fn images(&self) -> Vec<Json> {
        images(self.cloud.address()).await
    }
}

async fn images(address: SocketAddr) -> Vec<Json> {
    let state = control(address, "GET", "/_emulator/state", Json::Null).await;
    let mut images: Vec<Json> = state["regions"][REGION]["images"].as_array().cloned().unwrap_or_default();
    images.retain(|image| !["m-system", "m-foreign"].contains(&text(&image["id"]).as_str()));
    images.sort_by_key(|image| text(&image["name"]));
    images
}

/// Moves a clock that stands still otherwise.
pub(crate) async fn advance(address: SocketAddr, seconds: u64) {
    control(address, "POST", "/_emulator/clock", json!({ "advance_ms": seconds * 1000 })).await;
}

/// Ends when the account has so many images. Those of a clock that stands still are visible then.
pub(crate) async fn are_made(address: SocketAddr, count: usize) {
    until(&format!("{count} images"), async || images(address).await.len() >= count).await;
    advance(address, 1).await;
}

/// The calls so far, without forgetting them.
pub(crate) async fn requests(address: SocketAddr) -> Vec<Json> {
    let requests = control(address, "GET", "/_emulator/requests", Json::Null).await;
    requests.as_array().expect("a list of requests").clone()
}

pub(crate) async fn control(address: SocketAddr, method: &str, path: &str, body: Json) -> Json {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let mut stream = TcpStream::connect(address).await.expect("the emulator listens");
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.expect("the emulator reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("the emulator answers");
    let (head, body) = answer.split_once("\r\n\r\n").expect("an HTTP answer");
    assert!(head.starts_with("HTTP/1.1 2"), "{method} {path}: {answer}");
    if body.trim().is_empty() { Json::Null } else { serde_json::from_str(body).expect("JSON") }
}

/// Lets a clock that stands still otherwise go on, by so many seconds at a time, while something is done.
pub(crate) async fn while_time_goes_on<T>(
    address: SocketAddr,
    seconds: u64,
    what: impl Future<Output = T>,
) -> T {
    let ticks = async {
        loop {
            advance(address, seconds).await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::select! {
        done = ends(what) => done,
        () = ticks => unreachable!("it never ends"),
    }
}

/// Makes an image in [`SOURCE_REGION`] for copies to be made of; its id. A clock that stands still goes on meanwhile.
pub(crate) async fn make_source(cloud: &Emulator, stands_still: bool) -> String {
    let mut there = settings(cloud);
    there["region"] = SOURCE_REGION.into();
    let mut plugin = Plugin::configured_with(there).await;
    let address = cloud.address();
    let up = plugin.up("source", json!({ "imageName": "source", "snapshotId": "s-system" }));
    let (_, state) = if stands_still { while_time_goes_on(address, 70, up).await } else { up.await };
    control(address, "DELETE", "/_emulator/requests", Json::Null).await;
    text(&state["id"])
}

pub(crate) fn settings(cloud: &Emulator) -> Json {
    json!({
        "region": REGION,
        "accessKey": "emulator",
        "secretKey": secret("emulator".into()),
        "endpoints": json!([{ "ecs": cloud.url(), "oss": cloud.url(), "sts": cloud.url() }]).to_string(),
    })
}

/// Ends when a fault that does this and was to strike so many times has struck.
pub(crate) async fn strikes(address: SocketAddr, what: &str, times: u32) {
    let has_struck = async || {
        let faults = control(address, "GET", "/_emulator/faults", Json::Null).await;
        let mut faults = faults.as_array().into_iter().flatten();
        faults.any(|fault| fault["do"] == what && fault["times"] != times)
    };
    until(&format!("a call that meets {what}"), has_struck).await;
}

/// Ends when this is so; fails if that takes longer than anything should.
pub(crate) async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let waits = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let waited = tokio::time::timeout(LONG, waits).await;
    assert!(waited.is_ok(), "still not after {LONG:?}: {what}");
}

/// What comes of something that is to end soon.
pub(crate) async fn ends<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(LONG, what).await.expect("it ends long before it would by itself")
}
