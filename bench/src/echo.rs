//! A plugin that does nothing: it answers each call with what the call brought. The least that a plugin can cost.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;

use pulumi::pulumirpc as rpc;
use pulumi::pulumirpc::resource_provider_server::{ResourceProvider, ResourceProviderServer};
use tokio::net::TcpListener;
use tokio_stream::Empty;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

/// Serves until the process is told to end. What the file `reported` holds, a JSON object, is in every create's answer.
///
/// # Errors
/// If the file is not one, no port can be had, or serving fails.
pub async fn serve(reported: Option<&Path>) -> anyhow::Result<()> {
    let reported = match reported {
        Some(file) => {
            let reported: serde_json::Value = serde_json::from_slice(&std::fs::read(file)?)?;
            pulumi::value::to_struct(pulumi::encode(&reported)?).fields
        }
        None => BTreeMap::new(),
    };
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let mut stdout = std::io::stdout();
    writeln!(stdout, "{}", listener.local_addr()?.port())?;
    stdout.flush()?;
    tonic::transport::Server::builder()
        .add_service(ResourceProviderServer::new(Echo { reported }).max_decoding_message_size(usize::MAX))
        .serve_with_incoming(TcpIncoming::from(listener).with_nodelay(Some(true)))
        .await?;
    Ok(())
}

struct Echo {
    /// What a create answers beside what it was sent.
    reported: BTreeMap<String, prost_types::Value>,
}

type Answer<T> = Result<Response<T>, Status>;

fn not_here<T>() -> Answer<T> {
    Err(Status::unimplemented("the echo has no such call"))
}

#[tonic::async_trait]
impl ResourceProvider for Echo {
    async fn handshake(
        &self,
        _: Request<rpc::ProviderHandshakeRequest>,
    ) -> Answer<rpc::ProviderHandshakeResponse> {
        Ok(Response::new(rpc::ProviderHandshakeResponse {
            accept_secrets: true,
            ..rpc::ProviderHandshakeResponse::default()
        }))
    }

    async fn parameterize(&self, _: Request<rpc::ParameterizeRequest>) -> Answer<rpc::ParameterizeResponse> {
        not_here()
    }

    async fn get_schema(&self, _: Request<rpc::GetSchemaRequest>) -> Answer<rpc::GetSchemaResponse> {
        Ok(Response::new(rpc::GetSchemaResponse { schema: r#"{"name":"alicloud"}"#.to_owned() }))
    }

    async fn check_config(&self, request: Request<rpc::CheckRequest>) -> Answer<rpc::CheckResponse> {
        self.check(request).await
    }

    async fn diff_config(&self, _: Request<rpc::DiffRequest>) -> Answer<rpc::DiffResponse> {
        Ok(Response::new(unchanged()))
    }

    async fn configure(&self, _: Request<rpc::ConfigureRequest>) -> Answer<rpc::ConfigureResponse> {
        Ok(Response::new(rpc::ConfigureResponse {
            accept_secrets: true,
            supports_preview: true,
            ..rpc::ConfigureResponse::default()
        }))
    }

    async fn invoke(&self, _: Request<rpc::InvokeRequest>) -> Answer<rpc::InvokeResponse> {
        not_here()
    }

    async fn call(&self, _: Request<rpc::CallRequest>) -> Answer<rpc::CallResponse> {
        not_here()
    }

    async fn check(&self, request: Request<rpc::CheckRequest>) -> Answer<rpc::CheckResponse> {
        let inputs = request.into_inner().news;
        Ok(Response::new(rpc::CheckResponse { inputs, failures: Vec::new() }))
    }

    async fn diff(&self, _: Request<rpc::DiffRequest>) -> Answer<rpc::DiffResponse> {
        Ok(Response::new(unchanged()))
    }

    async fn create(&self, request: Request<rpc::CreateRequest>) -> Answer<rpc::CreateResponse> {
        let request = request.into_inner();
        let id = if request.preview { String::new() } else { request.urn };
        let mut properties = request.properties;
        if let Some(properties) = properties.as_mut().filter(|_| !request.preview) {
            properties.fields.extend(self.reported.clone());
        }
        Ok(Response::new(rpc::CreateResponse { id, properties, refresh_before_update: false }))
    }

    async fn read(&self, request: Request<rpc::ReadRequest>) -> Answer<rpc::ReadResponse> {
        let rpc::ReadRequest { id, properties, inputs, .. } = request.into_inner();
        Ok(Response::new(rpc::ReadResponse { id, properties, inputs, refresh_before_update: false }))
    }

    type ListStream = Empty<Result<rpc::ListResponse, Status>>;

    async fn list(&self, _: Request<rpc::ListRequest>) -> Answer<Self::ListStream> {
        not_here()
    }

    async fn update(&self, request: Request<rpc::UpdateRequest>) -> Answer<rpc::UpdateResponse> {
        let properties = request.into_inner().news;
        Ok(Response::new(rpc::UpdateResponse { properties, refresh_before_update: false }))
    }

    async fn delete(&self, _: Request<rpc::DeleteRequest>) -> Answer<()> {
        Ok(Response::new(()))
    }

    async fn construct(&self, _: Request<rpc::ConstructRequest>) -> Answer<rpc::ConstructResponse> {
        not_here()
    }

    async fn cancel(&self, _: Request<()>) -> Answer<()> {
        Ok(Response::new(()))
    }

    async fn get_plugin_info(&self, _: Request<()>) -> Answer<rpc::PluginInfo> {
        Ok(Response::new(rpc::PluginInfo { version: env!("CARGO_PKG_VERSION").to_owned() }))
    }

    async fn attach(&self, _: Request<rpc::PluginAttach>) -> Answer<()> {
        Ok(Response::new(()))
    }

    async fn get_mapping(&self, _: Request<rpc::GetMappingRequest>) -> Answer<rpc::GetMappingResponse> {
        Ok(Response::new(rpc::GetMappingResponse::default()))
    }

    async fn get_mappings(&self, _: Request<rpc::GetMappingsRequest>) -> Answer<rpc::GetMappingsResponse> {
        Ok(Response::new(rpc::GetMappingsResponse::default()))
    }
}

fn unchanged() -> rpc::DiffResponse {
    rpc::DiffResponse {
        changes: rpc::diff_response::DiffChanges::DiffNone.into(),
        ..rpc::DiffResponse::default()
    }
}
