//! The surroundings of a test: the emulator in this process, the built plugin in its own, an engine that listens, and a
//! user's view of what came of it.

use std::io::{BufRead, BufReader, Read as _};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use emulator::{Emulator, ImageIds, Options};
use prost::Message as _;
use prost_types::value::Kind;
use prost_types::{ListValue, Struct};
use pulumi::google_rpc;
use pulumi::pulumirpc::engine_server::{Engine, EngineServer};
use pulumi::pulumirpc::resource_provider_client::ResourceProviderClient;
use pulumi::pulumirpc::{self as rpc};
use serde_json::{Value as Json, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tonic::transport::Channel;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

pub(crate) const IMAGE: &str = "alicloud:ecs/image:Image";
pub(crate) const REGION: &str = "cn-hangzhou";
/// The id of the provider resource in the state that tests have unless they have several.
pub(crate) const PROVIDER_ID: &str = "6f7fbdb4-9e4c-4dc8-a7f4-2a3f0f4f6a5b";
pub(crate) const UNKNOWN: &str = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";
pub(crate) const SIGNATURE: &str = "4dabf18193072939515e22adb298388d";
const SECRET: &str = "1b47061264138c4ac30d75fd1eb44270";

pub(crate) fn urn(name: &str) -> String {
    format!("urn:pulumi:test::shop::{IMAGE}::{name}")
}

pub(crate) fn secret(value: Json) -> Json {
    json!({ SIGNATURE: SECRET, "value": value })
}

/// A cloud. `TEST_IMAGE_IDS` says what it makes of lists of ids, `many`, `refuse` or `first`, as nothing but the number of
/// calls may depend on it.
pub(crate) async fn start(mut options: Options) -> Emulator {
    #[expect(clippy::disallowed_methods, reason = "for the whole run of the tests")]
    let image_ids = std::env::var("TEST_IMAGE_IDS");
    options.image_ids = match image_ids.as_deref() {
        Ok("refuse") => ImageIds::Refuse,
        Ok("first") => ImageIds::First,
        Ok("many") | Err(_) => ImageIds::Many,
        Ok(other) => panic!("TEST_IMAGE_IDS is {other}"),
    };
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
        self.plugin = Plugin::configured(&self.cloud).await;
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
        let requests = self.control("GET", "/_emulator/requests", Json::Null).await;
        self.control("DELETE", "/_emulator/requests", Json::Null).await;
        requests.as_array().expect("a list of requests").clone()
    }

    /// The images of the account, by the names they have, in the order of the names.
    pub(crate) async fn images(&self) -> Vec<Json> {
        let state = self.control("GET", "/_emulator/state", Json::Null).await;
        let mut images: Vec<Json> = state["regions"][REGION]["images"]
            .as_object()
            .map(|images| images.values().cloned().collect())
            .or_else(|| state["regions"][REGION]["images"].as_array().cloned())
            .unwrap_or_default();
        images.retain(|image| !["m-system", "m-foreign"].contains(&text(&image["id"]).as_str()));
        images.sort_by_key(|image| text(&image["name"]));
        images
    }
}

pub(crate) fn text(json: &Json) -> String {
    json.as_str().unwrap_or_default().to_owned()
}

pub(crate) async fn control(address: std::net::SocketAddr, method: &str, path: &str, body: Json) -> Json {
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

/// A plugin process with the engine it speaks to.
pub(crate) struct Plugin {
    pub(crate) rpc: ResourceProviderClient<Channel>,
    pub(crate) child: Child,
    pub(crate) engine: FakeEngine,
    /// The provider resource's id in the state; older engines do not tell it.
    pub(crate) provider_id: Option<String>,
    /// In seconds, for each operation; 0 is the plugin's own.
    pub(crate) time_limit: f64,
    /// What automatic names are made from, of which an engine gives each resource that it makes another.
    pub(crate) seed: String,
}

impl Plugin {
    pub(crate) async fn start() -> Plugin {
        Plugin::start_with(&[]).await
    }

    /// Starts the built plugin with no environment but these variables and the pace of tests, as an engine does.
    pub(crate) async fn start_with(variables: &[(&str, &str)]) -> Plugin {
        let engine = FakeEngine::start();
        let mut child = Command::new(env!("CARGO_BIN_EXE_pulumi-resource-alicloud"))
            .arg(&engine.address)
            .env_clear()
            .env("PULUMI_ALICLOUD_POLL_MS", "20")
            .envs(variables.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the plugin starts");
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().expect("a pipe")).read_line(&mut line).expect("a port line");
        let port: u16 = line.trim().parse().expect("a port");
        let endpoint = Channel::from_shared(format!("http://127.0.0.1:{port}")).expect("an address");
        let mut rpc = ResourceProviderClient::new(endpoint.connect().await.expect("the plugin serves"));
        // An engine says once more where it is.
        let handshake = rpc::ProviderHandshakeRequest {
            engine_address: engine.address.clone(),
            ..rpc::ProviderHandshakeRequest::default()
        };
        rpc.handshake(handshake).await.expect("the handshake succeeds");
        let provider_id = Some(PROVIDER_ID.to_owned());
        Plugin { rpc, child, engine, provider_id, time_limit: 0.0, seed: "seed".to_owned() }
    }

    pub(crate) async fn configured(cloud: &Emulator) -> Plugin {
        Plugin::configured_with(settings(cloud)).await
    }

    pub(crate) async fn configured_with(settings: Json) -> Plugin {
        let mut plugin = Plugin::start().await;
        plugin.configure(settings).await.expect("Configure succeeds");
        plugin
    }

    pub(crate) async fn configure(&mut self, settings: Json) -> Result<(), Status> {
        let request = rpc::ConfigureRequest {
            args: Some(to_struct(&settings)),
            accept_secrets: true,
            sends_old_inputs: true,
            sends_old_inputs_to_delete: true,
            id: self.provider_id.clone(),
            ..rpc::ConfigureRequest::default()
        };
        self.rpc.configure(request).await.map(drop)
    }

    /// Checked inputs, or the failures as `path: reason`.
    pub(crate) async fn check(&mut self, name: &str, news: Json) -> Result<Json, Vec<String>> {
        self.check_against(name, None, news).await
    }

    pub(crate) async fn check_against(
        &mut self,
        name: &str,
        olds: Option<Json>,
        news: Json,
    ) -> Result<Json, Vec<String>> {
        let request = rpc::CheckRequest {
            urn: urn(name),
            olds: olds.as_ref().map(to_struct),
            news: Some(to_struct(&news)),
            random_seed: self.seed.clone().into_bytes(),
            ..rpc::CheckRequest::default()
        };
        let response = self.rpc.check(request).await.expect("Check answers").into_inner();
        if response.failures.is_empty() {
            return Ok(from_struct(&response.inputs.unwrap_or_default()));
        }
        Err(response
            .failures
            .into_iter()
            .map(|failure| format!("{}: {}", failure.property, failure.reason))
            .collect())
    }

    pub(crate) async fn diff(&mut self, name: &str, state: &Json, olds: &Json, news: &Json) -> Diff {
        let request = rpc::DiffRequest {
            id: text(&state["id"]),
            urn: urn(name),
            olds: Some(to_struct(state)),
            old_inputs: Some(to_struct(olds)),
            news: Some(to_struct(news)),
            ..rpc::DiffRequest::default()
        };
        let response = self.rpc.diff(request).await.expect("Diff answers").into_inner();
        let mut detailed: Vec<String> = response
            .detailed_diff
            .iter()
            .map(|(path, diff)| format!("{} {path}", diff.kind().as_str_name()))
            .collect();
        detailed.sort_unstable();
        assert_eq!(response.changes == 1, detailed.is_empty(), "changes and the detailed diff agree");
        Diff { detailed, replaces: response.replaces, delete_before_replace: response.delete_before_replace }
    }

    pub(crate) async fn create(&mut self, name: &str, inputs: &Json) -> Result<(String, Json), Failed> {
        let request = rpc::CreateRequest {
            urn: urn(name),
            properties: Some(to_struct(inputs)),
            timeout: self.time_limit,
            ..rpc::CreateRequest::default()
        };
        match self.rpc.create(request).await {
            Ok(response) => {
                let response = response.into_inner();
                Ok((response.id, from_struct(&response.properties.unwrap_or_default())))
            }
            Err(status) => Err(Failed::from(status)),
        }
    }

    pub(crate) async fn preview_create(&mut self, name: &str, inputs: &Json) -> Json {
        let request = rpc::CreateRequest {
            urn: urn(name),
            properties: Some(to_struct(inputs)),
            preview: true,
            ..rpc::CreateRequest::default()
        };
        let response = self.rpc.create(request).await.expect("a preview succeeds").into_inner();
        assert_eq!(response.id, "", "a preview has no id");
        from_struct(&response.properties.unwrap_or_default())
    }

    /// The inputs and the state, or `None` where the resource is gone.
    pub(crate) async fn read(
        &mut self,
        name: &str,
        id: &str,
        inputs: &Json,
        state: &Json,
    ) -> Result<Option<(Json, Json)>, Failed> {
        let request = rpc::ReadRequest {
            id: id.to_owned(),
            urn: urn(name),
            inputs: Some(to_struct(inputs)),
            properties: Some(to_struct(state)),
            timeout: self.time_limit,
            ..rpc::ReadRequest::default()
        };
        let response = self.rpc.read(request).await.map_err(Failed::from)?.into_inner();
        if response.id.is_empty() {
            return Ok(None);
        }
        let read = |wire: Option<Struct>| from_struct(&wire.unwrap_or_default());
        Ok(Some((read(response.inputs), read(response.properties))))
    }

    pub(crate) async fn update(
        &mut self,
        name: &str,
        state: &Json,
        olds: &Json,
        news: &Json,
    ) -> Result<Json, Failed> {
        let request = rpc::UpdateRequest {
            id: text(&state["id"]),
            urn: urn(name),
            olds: Some(to_struct(state)),
            old_inputs: Some(to_struct(olds)),
            news: Some(to_struct(news)),
            timeout: self.time_limit,
            ..rpc::UpdateRequest::default()
        };
        let response = self.rpc.update(request).await.map_err(Failed::from)?.into_inner();
        Ok(from_struct(&response.properties.unwrap_or_default()))
    }

    pub(crate) async fn preview_update(
        &mut self,
        name: &str,
        state: &Json,
        olds: &Json,
        news: &Json,
    ) -> Json {
        let request = rpc::UpdateRequest {
            id: text(&state["id"]),
            urn: urn(name),
            olds: Some(to_struct(state)),
            old_inputs: Some(to_struct(olds)),
            news: Some(to_struct(news)),
            preview: true,
            ..rpc::UpdateRequest::default()
        };
        let response = self.rpc.update(request).await.expect("a preview succeeds").into_inner();
        from_struct(&response.properties.unwrap_or_default())
    }

    pub(crate) async fn delete(&mut self, name: &str, state: &Json, inputs: &Json) -> Result<(), Failed> {
        let request = rpc::DeleteRequest {
            id: text(&state["id"]),
            urn: urn(name),
            properties: Some(to_struct(state)),
            old_inputs: Some(to_struct(inputs)),
            timeout: self.time_limit,
            ..rpc::DeleteRequest::default()
        };
        self.rpc.delete(request).await.map(drop).map_err(Failed::from)
    }

    /// Checks, then creates.
    pub(crate) async fn up(&mut self, name: &str, inputs: Json) -> (Json, Json) {
        let inputs = self.check(name, inputs).await.expect("the inputs are good");
        let (_, state) = self.create(name, &inputs).await.expect("the image is made");
        (inputs, state)
    }

    /// What the plugin wrote where nothing should be.
    pub(crate) fn stop_and_read_output(mut self) -> (String, String) {
        let _ = self.child.kill();
        let (mut stdout, mut stderr) = (String::new(), String::new());
        let _ = self.child.stdout.take().expect("a pipe").read_to_string(&mut stdout);
        let _ = self.child.stderr.take().expect("a pipe").read_to_string(&mut stderr);
        let _ = self.child.wait();
        (stdout, stderr)
    }
}

impl Drop for Plugin {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let mut stderr = String::new();
            if let Some(mut pipe) = self.child.stderr.take() {
                let _ = pipe.read_to_string(&mut stderr);
            }
            eprintln!("plugin's standard error: {stderr}\nengine's log: {:#?}", self.engine.lines());
        }
    }
}

pub(crate) fn settings(cloud: &Emulator) -> Json {
    json!({
        "region": REGION,
        "accessKey": "emulator",
        "secretKey": secret("emulator".into()),
        "endpoints": json!([{ "ecs": cloud.url(), "sts": cloud.url() }]).to_string(),
    })
}

/// What a diff says.
#[derive(Debug, PartialEq)]
pub(crate) struct Diff {
    pub(crate) detailed: Vec<String>,
    pub(crate) replaces: Vec<String>,
    pub(crate) delete_before_replace: bool,
}

/// What an engine keeps of one resource.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    pub(crate) inputs: Json,
    pub(crate) state: Json,
    /// The last operation failed after the resource was there.
    pub(crate) incomplete: bool,
}

/// A stack of one image: what an engine keeps of it and how it goes from call to call.
#[derive(Debug, Default)]
pub(crate) struct Stack {
    pub(crate) name: String,
    pub(crate) kept: Option<Kept>,
}

/// What an engine would do for a program.
#[derive(Debug, PartialEq)]
pub(crate) enum Plan {
    Create,
    Same,
    Update(Diff),
    Replace(Diff),
    /// Check refuses the program, with these failures.
    Refused(Vec<String>),
}

impl Stack {
    pub(crate) fn new(name: &str) -> Stack {
        Stack { name: name.to_owned(), kept: None }
    }

    pub(crate) fn id(&self) -> String {
        self.kept.as_ref().map(|kept| text(&kept.state["id"])).unwrap_or_default()
    }

    /// The plan for a program, and the inputs that it is made from.
    pub(crate) async fn preview(&self, plugin: &mut Plugin, program: &Json) -> (Plan, Json) {
        let olds = self.kept.as_ref().map(|kept| kept.inputs.clone());
        let inputs = match plugin.check_against(&self.name, olds, program.clone()).await {
            Ok(inputs) => inputs,
            Err(failures) => return (Plan::Refused(failures), Json::Null),
        };
        let Some(kept) = &self.kept else { return (Plan::Create, inputs) };
        let diff = plugin.diff(&self.name, &kept.state, &kept.inputs, &inputs).await;
        if !diff.replaces.is_empty() {
            // The replacement is a new resource, so what was filled in for the old one is filled in anew.
            plugin.seed.push('+');
            let inputs = plugin.check(&self.name, program.clone()).await.expect("good inputs stay good");
            return (Plan::Replace(diff), inputs);
        }
        let same = diff.detailed.is_empty() && !kept.incomplete;
        (if same { Plan::Same } else { Plan::Update(diff) }, inputs)
    }

    /// What was done, unless it failed; what is kept then is what an engine would keep.
    pub(crate) async fn up(&mut self, plugin: &mut Plugin, program: &Json) -> Result<Plan, Failed> {
        let (plan, inputs) = self.preview(plugin, program).await;
        match (&plan, self.kept.clone()) {
            (Plan::Create, _) | (_, None) => self.create(plugin, inputs).await?,
            (Plan::Refused(failures), _) => panic!("Check refuses {program}: {failures:?}"),
            // Inputs that say the same in other words are kept all the same.
            (Plan::Same, Some(kept)) => self.kept = Some(Kept { inputs, ..kept }),
            (Plan::Update(_), Some(kept)) => {
                let updated = plugin.update(&self.name, &kept.state, &kept.inputs, &inputs).await;
                let (state, failed) = match updated {
                    Ok(state) => (state, None),
                    Err(Failed { message, partial: Some((id, state)), inputs }) => {
                        (state.clone(), Some(Failed { message, partial: Some((id, state)), inputs }))
                    }
                    Err(failed) => return Err(failed),
                };
                self.kept = Some(Kept { inputs, state, incomplete: failed.is_some() });
                if let Some(failed) = failed {
                    return Err(failed);
                }
            }
            (Plan::Replace(diff), Some(old)) => {
                if diff.delete_before_replace {
                    self.destroy(plugin).await?;
                    self.create(plugin, inputs).await?;
                } else {
                    self.create(plugin, inputs).await?;
                    plugin.delete(&self.name, &old.state, &old.inputs).await?;
                }
            }
        }
        Ok(plan)
    }

    async fn create(&mut self, plugin: &mut Plugin, inputs: Json) -> Result<(), Failed> {
        match plugin.create(&self.name, &inputs).await {
            Ok((_, state)) => {
                self.kept = Some(Kept { inputs, state, incomplete: false });
                Ok(())
            }
            Err(failed) => {
                if let Some((_, state)) = failed.partial.clone() {
                    self.kept = Some(Kept { inputs, state, incomplete: true });
                }
                Err(failed)
            }
        }
    }

    /// Whether the resource is still there.
    pub(crate) async fn refresh(&mut self, plugin: &mut Plugin) -> Result<bool, Failed> {
        let Some(kept) = self.kept.clone() else { return Ok(false) };
        let read = match plugin.read(&self.name, &self.id(), &kept.inputs, &kept.state).await {
            // An engine warns, and keeps the resource as one that is not complete.
            Err(Failed { partial: Some((_, state)), inputs: Some(inputs), .. }) => {
                self.kept = Some(Kept { inputs, state, incomplete: true });
                return Ok(true);
            }
            read => read?,
        };
        self.kept = read.map(|(inputs, state)| Kept { inputs, state, incomplete: false });
        Ok(self.kept.is_some())
    }

    pub(crate) async fn destroy(&mut self, plugin: &mut Plugin) -> Result<(), Failed> {
        if let Some(kept) = &self.kept {
            plugin.delete(&self.name, &kept.state, &kept.inputs).await?;
            self.kept = None;
        }
        Ok(())
    }
}

/// A failure as an engine sees it.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) message: String,
    /// Of a resource that exists all the same: its id and state.
    pub(crate) partial: Option<(String, Json)>,
    /// Its inputs as the cloud has them, if it was read.
    pub(crate) inputs: Option<Json>,
}

impl From<Status> for Failed {
    fn from(status: Status) -> Self {
        let detail = google_rpc::Status::decode(status.details())
            .ok()
            .and_then(|payload| payload.details.into_iter().next());
        let detail = detail.filter(|any| any.type_url.ends_with("ErrorResourceInitFailed")).map(|any| {
            rpc::ErrorResourceInitFailed::decode(any.value.as_slice()).expect("the detail's type")
        });
        let inputs = detail.as_ref().and_then(|detail| detail.inputs.as_ref()).map(from_struct);
        let partial = detail.map(|detail| (detail.id, from_struct(&detail.properties.unwrap_or_default())));
        Failed { message: status.message().to_owned(), partial, inputs }
    }
}

/// An engine that only listens.
pub(crate) struct FakeEngine {
    pub(crate) address: String,
    lines: Arc<Mutex<Vec<rpc::LogRequest>>>,
    /// Of its own, so that stopping it closes its connections, as the end of a process does.
    runtime: Option<tokio::runtime::Runtime>,
}

impl FakeEngine {
    fn start() -> FakeEngine {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.set_nonblocking(true).expect("a listener for a runtime");
        let address = listener.local_addr().expect("an address").to_string();
        let lines = Arc::new(Mutex::new(Vec::new()));
        let service = EngineServer::new(Listening { lines: Arc::clone(&lines) });
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime");
        runtime.spawn(async move {
            let listener = TcpListener::from_std(listener).expect("a listener");
            let _ = tonic::transport::Server::builder()
                .serve_with_incoming(service, TcpIncoming::from(listener).with_nodelay(Some(true)))
                .await;
        });
        FakeEngine { address, lines, runtime: Some(runtime) }
    }

    pub(crate) fn lines(&self) -> Vec<rpc::LogRequest> {
        self.lines.lock().expect("no panic while logging").clone()
    }

    /// Ends when a line with this text has come.
    pub(crate) fn shows(&self, text: &str) -> impl Future<Output = ()> + use<> {
        let (lines, text) = (Arc::clone(&self.lines), text.to_owned());
        async move {
            let shown = || {
                lines.lock().expect("no panic while logging").iter().any(|line| line.message.contains(&text))
            };
            while !shown() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    }

    /// The texts that stay on the user's screen, of warnings.
    pub(crate) fn warnings(&self) -> Vec<String> {
        self.lines()
            .into_iter()
            .filter(|line| line.severity() == rpc::LogSeverity::Warning && !line.ephemeral)
            .map(|line| line.message)
            .collect()
    }

    pub(crate) fn stop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Drop for FakeEngine {
    fn drop(&mut self) {
        self.stop();
    }
}

struct Listening {
    lines: Arc<Mutex<Vec<rpc::LogRequest>>>,
}

#[tonic::async_trait]
impl Engine for Listening {
    async fn log(&self, request: Request<rpc::LogRequest>) -> Result<Response<()>, Status> {
        self.lines.lock().expect("no panic while logging").push(request.into_inner());
        Ok(Response::new(()))
    }

    async fn get_root_resource(
        &self,
        _: Request<rpc::GetRootResourceRequest>,
    ) -> Result<Response<rpc::GetRootResourceResponse>, Status> {
        Err(Status::unimplemented("not asked for"))
    }

    async fn set_root_resource(
        &self,
        _: Request<rpc::SetRootResourceRequest>,
    ) -> Result<Response<rpc::SetRootResourceResponse>, Status> {
        Err(Status::unimplemented("not asked for"))
    }

    async fn start_debugging(&self, _: Request<rpc::StartDebuggingRequest>) -> Result<Response<()>, Status> {
        Err(Status::unimplemented("not asked for"))
    }

    async fn require_pulumi_version(
        &self,
        _: Request<rpc::RequirePulumiVersionRequest>,
    ) -> Result<Response<rpc::RequirePulumiVersionResponse>, Status> {
        Err(Status::unimplemented("not asked for"))
    }
}

pub(crate) fn to_struct(json: &Json) -> Struct {
    match json {
        Json::Object(map) => {
            Struct { fields: map.iter().map(|(key, value)| (key.clone(), to_wire(value))).collect() }
        }
        _ => Struct::default(),
    }
}

fn to_wire(json: &Json) -> prost_types::Value {
    let kind = match json {
        Json::Null => Kind::NullValue(0),
        Json::Bool(value) => Kind::BoolValue(*value),
        Json::Number(number) => Kind::NumberValue(number.as_f64().expect("a double")),
        Json::String(text) => Kind::StringValue(text.clone()),
        Json::Array(items) => Kind::ListValue(ListValue { values: items.iter().map(to_wire).collect() }),
        Json::Object(_) => Kind::StructValue(to_struct(json)),
    };
    prost_types::Value { kind: Some(kind) }
}

pub(crate) fn from_struct(wire: &Struct) -> Json {
    Json::Object(wire.fields.iter().map(|(key, value)| (key.clone(), from_wire(value))).collect())
}

fn from_wire(wire: &prost_types::Value) -> Json {
    match &wire.kind {
        None | Some(Kind::NullValue(_)) => Json::Null,
        Some(Kind::BoolValue(value)) => (*value).into(),
        // Whole numbers as such, so that tests can be written with them.
        Some(Kind::NumberValue(number)) if number.fract() == 0.0 => json!(*number as i64),
        Some(Kind::NumberValue(number)) => json!(number),
        Some(Kind::StringValue(text)) => text.as_str().into(),
        Some(Kind::ListValue(list)) => list.values.iter().map(from_wire).collect(),
        Some(Kind::StructValue(fields)) => from_struct(fields),
    }
}
