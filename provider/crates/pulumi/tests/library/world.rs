//! The provider behind its gRPC service, the engine that it logs to, and what a call's answer is in JSON.

use std::sync::{Arc, Mutex};

use prost::Message as _;
use pulumi::pulumirpc::engine_server::{Engine as EngineService, EngineServer};
use pulumi::pulumirpc::resource_provider_client::ResourceProviderClient;
use pulumi::pulumirpc::resource_provider_server::ResourceProviderServer;
use pulumi::value::{Properties, Value, from_struct, to_struct};
use pulumi::{Engine, Server, google_rpc, pulumirpc as rpc};
use serde_json::{Value as Json, json};
use tokio::net::TcpListener;
use tokio_stream::StreamExt as _;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Response, Status};

use crate::library::{Cloud, Library};

pub(crate) const BOOK: &str = "library:index/book:Book";
pub(crate) const SHELF: &str = "library:index/shelf:Shelf";
pub(crate) const FIND_BOOKS: &str = "library:index/findBooks:findBooks";
/// What stands for an unknown value on the wire.
pub(crate) const UNKNOWN: &str = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

/// A secret value on the wire.
pub(crate) fn secret(value: Json) -> Json {
    json!({ "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "value": value })
}

pub(crate) fn wire(json: &Json) -> Option<prost_types::Struct> {
    Some(to_struct(pulumi::encode(json).unwrap()))
}

/// Properties in JSON, where a secret is written as [`secret`] has it.
pub(crate) fn read(wire: Option<prost_types::Struct>) -> Json {
    fn json_of(value: Value) -> Json {
        match value {
            Value::Null => Json::Null,
            Value::Bool(value) => value.into(),
            Value::Number(number) if number.fract() == 0.0 => {
                json!(number.to_string().parse::<i64>().unwrap())
            }
            Value::Number(number) => number.into(),
            Value::String(text) => text.into(),
            Value::Array(items) => items.into_iter().map(json_of).collect(),
            Value::Object(map) => object_of(map),
            Value::Secret(inner) => secret(json_of(*inner)),
            Value::Unknown => UNKNOWN.into(),
            Value::Foreign(..) => panic!("{value:?}"),
        }
    }
    fn object_of(map: Properties) -> Json {
        Json::Object(map.into_iter().map(|(key, value)| (key, json_of(value))).collect())
    }
    object_of(from_struct(wire.expect("properties")))
}

/// A plugin with an engine.
pub(crate) struct World {
    pub(crate) cloud: Arc<Cloud>,
    pub(crate) plugin: ResourceProviderClient<Channel>,
    lines: Arc<Mutex<Vec<rpc::LogRequest>>>,
}

impl World {
    /// A plugin that nobody has configured yet.
    pub(crate) async fn unconfigured(variables: &[(&str, &str)]) -> World {
        let (cloud, lines) = (Arc::<Cloud>::default(), Arc::default());
        let engine = Engine::new();
        let log = EngineServer::new(Listening { lines: Arc::clone(&lines) });
        let (address, incoming) = listen().await;
        tokio::spawn(tonic::transport::Server::builder().serve_with_incoming(log, incoming));
        engine.attach(&address);
        let service = ResourceProviderServer::new(Server::new(Library::new(&cloud, variables), engine));
        let (address, incoming) = listen().await;
        tokio::spawn(tonic::transport::Server::builder().serve_with_incoming(service, incoming));
        let channel = Endpoint::try_from(format!("http://{address}")).unwrap().connect().await.unwrap();
        let plugin = ResourceProviderClient::new(channel);
        World { cloud, plugin, lines }
    }

    pub(crate) async fn configured(settings: Json) -> World {
        let mut world = World::unconfigured(&[]).await;
        world.configure(settings).await.unwrap();
        world.cloud.heard();
        world
    }

    /// A library in Ghent, where books are printed at once.
    pub(crate) async fn new() -> World {
        World::configured(json!({ "city": "Ghent" })).await
    }

    pub(crate) async fn configure(&mut self, settings: Json) -> Result<(), Status> {
        let request = rpc::ConfigureRequest { args: wire(&settings), ..rpc::ConfigureRequest::default() };
        self.plugin.configure(request).await.map(drop)
    }

    /// The inputs of a book as checked, or each mistake with its path.
    pub(crate) async fn check(&mut self, olds: Json, news: Json) -> Result<Json, Vec<String>> {
        self.check_of(BOOK, olds, news).await
    }

    pub(crate) async fn check_of(
        &mut self,
        type_: &str,
        olds: Json,
        news: Json,
    ) -> Result<Json, Vec<String>> {
        let request = rpc::CheckRequest {
            urn: urn(type_, "moby"),
            olds: wire(&olds),
            news: wire(&news),
            ..rpc::CheckRequest::default()
        };
        let answer = self.plugin.check(request).await.unwrap().into_inner();
        let failures: Vec<String> = answer.failures.iter().map(told).collect();
        if failures.is_empty() { Ok(read(answer.inputs)) } else { Err(failures) }
    }

    /// The mistakes in a resource's inputs, each with the property that it names.
    pub(crate) async fn failures_of(&mut self, type_: &str, news: Json) -> Vec<(String, String)> {
        let request =
            rpc::CheckRequest { urn: urn(type_, "moby"), news: wire(&news), ..rpc::CheckRequest::default() };
        let answer = self.plugin.check(request).await.unwrap().into_inner();
        let failures = answer.failures.into_iter();
        failures.map(|failure| (failure.property, failure.reason)).collect()
    }

    pub(crate) async fn create(
        &mut self,
        type_: &str,
        inputs: Json,
        timeout: f64,
    ) -> Result<(String, Json), Status> {
        let request = rpc::CreateRequest {
            urn: urn(type_, "moby"),
            properties: wire(&inputs),
            timeout,
            ..rpc::CreateRequest::default()
        };
        let answer = self.plugin.create(request).await?.into_inner();
        Ok((answer.id, read(answer.properties)))
    }

    pub(crate) async fn diff(
        &mut self,
        state: Json,
        old_inputs: Json,
        news: Json,
    ) -> Result<rpc::DiffResponse, Status> {
        self.diff_of(BOOK, "b-1", state, old_inputs, news).await
    }

    pub(crate) async fn diff_of(
        &mut self,
        type_: &str,
        id: &str,
        state: Json,
        old_inputs: Json,
        news: Json,
    ) -> Result<rpc::DiffResponse, Status> {
        let request = rpc::DiffRequest {
            id: id.to_owned(),
            urn: urn(type_, "moby"),
            olds: wire(&state),
            old_inputs: wire(&old_inputs),
            news: wire(&news),
            ..rpc::DiffRequest::default()
        };
        Ok(self.plugin.diff(request).await?.into_inner())
    }

    /// The state of a shelf once it is what `news` say.
    pub(crate) async fn update_shelf(&mut self, state: &Json, old_inputs: &Json, news: &Json) -> Json {
        let request = rpc::UpdateRequest {
            id: "s-1".to_owned(),
            urn: urn(SHELF, "moby"),
            olds: wire(state),
            old_inputs: wire(old_inputs),
            news: wire(news),
            ..rpc::UpdateRequest::default()
        };
        read(self.plugin.update(request).await.unwrap().into_inner().properties)
    }

    pub(crate) async fn invoke(&mut self, token: &str, args: Json) -> Result<rpc::InvokeResponse, Status> {
        let request =
            rpc::InvokeRequest { tok: token.to_owned(), args: wire(&args), ..rpc::InvokeRequest::default() };
        Ok(self.plugin.invoke(request).await?.into_inner())
    }

    /// What a list answers, a line each.
    pub(crate) async fn list(&mut self, request: rpc::ListRequest) -> Result<Vec<String>, Status> {
        use rpc::list_response::Response;
        let mut answers = self.plugin.list(request).await?.into_inner();
        let mut lines = Vec::new();
        while let Some(answer) = answers.next().await {
            lines.push(match answer?.response.unwrap() {
                Response::Computed(_) => "computed".to_owned(),
                Response::Result(found) => format!("{} {}", found.id, found.name),
                Response::Continuation(next) => format!("next {}", next.continuation_token),
            });
        }
        Ok(lines)
    }

    /// The lines that the engine has been told, by kind.
    pub(crate) fn lines(&self, kind: Kind) -> Vec<String> {
        let severity = if kind == Kind::Warning { rpc::LogSeverity::Warning } else { rpc::LogSeverity::Info };
        let lines = self.lines.lock().unwrap();
        let wanted = lines
            .iter()
            .filter(|line| line.severity() == severity && line.ephemeral == (kind == Kind::Status));
        wanted.map(|line| line.message.clone()).collect()
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    Status,
    Info,
    Warning,
}

pub(crate) fn urn(type_: &str, name: &str) -> String {
    format!("urn:pulumi:dev::reading::{type_}::{name}")
}

/// The partial failure that a status carries.
pub(crate) fn partial(status: &Status) -> rpc::ErrorResourceInitFailed {
    let details = google_rpc::Status::decode(status.details()).unwrap().details;
    let [detail] = details.as_slice() else { panic!("{status:?}") };
    assert_eq!(detail.type_url, "type.googleapis.com/pulumirpc.ErrorResourceInitFailed");
    rpc::ErrorResourceInitFailed::decode(detail.value.as_slice()).unwrap()
}

/// A port of its own.
async fn listen() -> (String, TcpIncoming) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    (address, TcpIncoming::from(listener).with_nodelay(Some(true)))
}

struct Listening {
    lines: Arc<Mutex<Vec<rpc::LogRequest>>>,
}

#[tonic::async_trait]
impl EngineService for Listening {
    async fn log(&self, request: Request<rpc::LogRequest>) -> Result<Response<()>, Status> {
        self.lines.lock().unwrap().push(request.into_inner());
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

/// A mistake as users read it. One about a property that holds a secret has its path in the reason alone.
pub(crate) fn told(found: &rpc::CheckFailure) -> String {
    match found.property.is_empty() {
        true => found.reason.clone(),
        false => format!("{}: {}", found.property, found.reason),
    }
}
