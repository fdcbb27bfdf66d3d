//! The built plugin in a process of its own, asked as an engine asks.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};

use emulator::Emulator;
use prost_types::Struct;
use pulumi::pulumirpc::resource_provider_client::ResourceProviderClient;
use pulumi::pulumirpc::{self as rpc};
use serde_json::Value as Json;
use tonic::Status;
use tonic::transport::Channel;

use super::{Failed, FakeEngine, IMAGE, from_struct, settings, text, to_struct, urn_of};

/// For an operation that is to run out of time, in seconds: enough to get where it waits on a machine that is busy, and
/// less than the plugin of the tests waits for an image that it is never shown.
pub(crate) const TIME_LIMIT: f64 = 4.0;
/// The id of the provider resource in the state that tests have unless they have several.
pub(crate) const PROVIDER_ID: &str = "6f7fbdb4-9e4c-4dc8-a7f4-2a3f0f4f6a5b";

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
    /// The type of the resources that it is asked about.
    pub(crate) resource_type: &'static str,
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
        Plugin {
            rpc,
            child,
            engine,
            provider_id,
            time_limit: 0.0,
            seed: "seed".to_owned(),
            resource_type: IMAGE,
        }
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

    fn urn(&self, name: &str) -> String {
        urn_of(self.resource_type, name)
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
            urn: self.urn(name),
            olds: olds.as_ref().map(to_struct),
            news: Some(to_struct(&news)),
            random_seed: self.seed.clone().into_bytes(),
            ..rpc::CheckRequest::default()
        };
        let response = self.rpc.check(request).await.expect("Check answers").into_inner();
        if response.failures.is_empty() {
            return Ok(from_struct(&response.inputs.unwrap_or_default()));
        }
        Err(response.failures.iter().map(told).collect())
    }

    pub(crate) async fn diff(&mut self, name: &str, state: &Json, olds: &Json, news: &Json) -> Diff {
        self.try_diff(name, state, olds, news).await.expect("Diff answers")
    }

    /// The difference, or why there cannot be this one.
    pub(crate) async fn try_diff(
        &mut self,
        name: &str,
        state: &Json,
        olds: &Json,
        news: &Json,
    ) -> Result<Diff, Failed> {
        let request = rpc::DiffRequest {
            id: text(&state["id"]),
            urn: self.urn(name),
            olds: Some(to_struct(state)),
            old_inputs: Some(to_struct(olds)),
            news: Some(to_struct(news)),
            ..rpc::DiffRequest::default()
        };
        let response = self.rpc.diff(request).await.map_err(Failed::from)?.into_inner();
        let mut detailed: Vec<String> = response
            .detailed_diff
            .iter()
            .map(|(path, diff)| format!("{} {path}", diff.kind().as_str_name()))
            .collect();
        detailed.sort_unstable();
        assert_eq!(response.changes == 1, detailed.is_empty(), "changes and the detailed diff agree");
        let delete_before_replace = response.delete_before_replace;
        Ok(Diff { detailed, replaces: response.replaces, delete_before_replace })
    }

    pub(crate) async fn create(&mut self, name: &str, inputs: &Json) -> Result<(String, Json), Failed> {
        let request = rpc::CreateRequest {
            urn: self.urn(name),
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
            urn: self.urn(name),
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
            urn: self.urn(name),
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
            urn: self.urn(name),
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
            urn: self.urn(name),
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
            urn: self.urn(name),
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

/// What a diff says.
#[derive(Debug, PartialEq)]
pub(crate) struct Diff {
    pub(crate) detailed: Vec<String>,
    pub(crate) replaces: Vec<String>,
    pub(crate) delete_before_replace: bool,
}

/// A failure of a check as users read it. One about a property that holds a secret has its path in the reason alone.
pub(crate) fn told(failure: &rpc::CheckFailure) -> String {
    // What is about no property at all begins with words.
    let is_path = |beginning: &str| !beginning.contains(' ') || beginning.contains("[\"");
    let begins = failure.reason.split_once(": ").is_some_and(|(beginning, _)| is_path(beginning));
    match failure.property.is_empty() && begins {
        true => failure.reason.clone(),
        false => format!("{}: {}", failure.property, failure.reason),
    }
}
