//! The provider's gRPC service: one method for each of the protocol's, each handed on to `operations.rs`.

use std::future::Future;
use std::sync::Arc;
use std::vec::IntoIter;

use tokio_stream::Iter;
use tonic::{Request, Response, Status};
use tracing::Instrument;

use crate::engine::Engine;
use crate::engine::SPANS;
use crate::failure::Failure;
use crate::generated::pulumirpc as rpc;
use crate::generated::pulumirpc::resource_provider_server::ResourceProvider;
use crate::operations::{Operations, urn_type};
use crate::provider::{Provider, package_schema};
use crate::redact::Redactor;
use crate::value::{Properties, from_struct, may_hold_secrets};

/// The type of a provider begins so. What is secret of it are settings.
const PROVIDERS: &str = "pulumi:providers:";

/// The service of one plugin process.
pub struct Server<P: Provider> {
    operations: Arc<Operations<P>>,
}

impl<P: Provider> std::fmt::Debug for Server<P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("package", &self.operations.provider.name()).finish_non_exhaustive()
    }
}

impl<P: Provider> Clone for Server<P> {
    fn clone(&self) -> Self {
        Server { operations: Arc::clone(&self.operations) }
    }
}

impl<P: Provider> Server<P> {
    /// The service of `provider`, which speaks to its users through `engine`.
    pub fn new(provider: P, engine: Engine) -> Self {
        Server { operations: Arc::new(Operations::new(provider, engine)) }
    }

    /// Ends every wait, as the engine's Cancel does.
    pub fn cancel_all(&self) {
        self.operations.cancellation.cancel();
    }

    /// Runs an operation to its end, even if the engine hangs up on the call: what it learns must not be lost to a
    /// dropped future. A panic becomes an error that asks for a report.
    async fn run<Q, T, F>(
        &self,
        request: Request<Q>,
        operation: impl FnOnce(Arc<Operations<P>>, Q, Redactor) -> F,
    ) -> Result<Response<T>, Status>
    where
        Q: AboutResource,
        T: Send + 'static,
        F: Future<Output = Result<T, Failure>> + Send + 'static,
    {
        let (metadata, _, request) = request.into_parts();
        let redactor = request.redactor(|name| self.operations.is_property(name));
        let span = tracing::info_span!("resource", urn = request.urn());
        let traced = tracing::debug_span!(
            target: SPANS,
            parent: &span,
            "operation",
            otel.name = Q::NAME.trim_end_matches("Request"),
            otel.status_message = tracing::field::Empty,
            urn = request.urn(),
            traceparent = metadata.get("traceparent").and_then(|parent| parent.to_str().ok()),
        );
        let engine = &self.operations.engine;
        match urn_type(request.urn()).starts_with(PROVIDERS) {
            true => engine.hide_settings(&redactor),
            false => engine.hide(&redactor),
        }
        let operation = operation(Arc::clone(&self.operations), request, redactor.clone());
        let operation = async move {
            let result = operation.instrument(traced.clone()).await;
            if let Err(failure) = &result {
                traced.record("otel.status_message", failure.to_string());
            }
            result
        };
        let result = match tokio::spawn(operation.instrument(span)).await {
            Ok(result) => result,
            Err(error) => Err(Failure::Bug(format!("the operation ended unexpectedly ({error})"))),
        };
        engine.flush().await;
        result
            .map(Response::new)
            .map_err(|failure| failure.into_status(|text| engine.redact(&redactor, text)))
    }
}

/// A request that may be about one resource: which, and what of it is secret.
trait AboutResource {
    const NAME: &'static str;

    fn urn(&self) -> &str;
    fn redactor(&self, is_property: impl Fn(&str) -> bool) -> Redactor;
}

macro_rules! about_resource {
    ($($request:ident($this:ident => $urn:expr): $($properties:ident),+;)+) => {$(
        impl AboutResource for rpc::$request {
            const NAME: &'static str = stringify!($request);

            fn urn(&self) -> &str {
                let $this = self;
                $urn
            }

            fn redactor(&self, is_property: impl Fn(&str) -> bool) -> Redactor {
                let all = [$(&self.$properties),+];
                let all: Vec<Properties> = all
                    .into_iter()
                    .flatten()
                    .filter(|wire| may_hold_secrets(wire))
                    .map(|wire| from_struct(wire.clone()))
                    .collect();
                Redactor::of(&all, is_property)
            }
        }
    )+};
}

about_resource! {
    CheckRequest(this => &this.urn): news, olds;
    DiffRequest(this => &this.urn): news, olds, old_inputs;
    CreateRequest(this => &this.urn): properties;
    ReadRequest(this => &this.urn): properties, inputs;
    UpdateRequest(this => &this.urn): news, olds, old_inputs;
    DeleteRequest(this => &this.urn): properties, old_inputs;
    InvokeRequest(_this => ""): args;
    ListRequest(_this => ""): query;
}

#[tonic::async_trait]
impl<P: Provider> ResourceProvider for Server<P> {
    async fn handshake(
        &self,
        request: Request<rpc::ProviderHandshakeRequest>,
    ) -> Result<Response<rpc::ProviderHandshakeResponse>, Status> {
        let request = request.into_inner();
        if !request.engine_address.is_empty() {
            self.operations.engine.attach(&request.engine_address);
        }
        Ok(Response::new(rpc::ProviderHandshakeResponse {
            accept_secrets: true,
            accept_resources: false,
            accept_outputs: false,
            supports_autonaming_configuration: true,
        }))
    }

    async fn parameterize(
        &self,
        _: Request<rpc::ParameterizeRequest>,
    ) -> Result<Response<rpc::ParameterizeResponse>, Status> {
        Err(Status::unimplemented("this provider takes no parameters"))
    }

    async fn get_schema(
        &self,
        request: Request<rpc::GetSchemaRequest>,
    ) -> Result<Response<rpc::GetSchemaResponse>, Status> {
        let request = request.into_inner();
        if request.version != 0 {
            return Err(Status::invalid_argument(format!(
                "schema version {} is not known here; ask for version 0",
                request.version
            )));
        }
        if !request.subpackage_name.is_empty() {
            return Err(Status::invalid_argument(format!(
                "there is no subpackage {:?}",
                request.subpackage_name
            )));
        }
        let schema = package_schema(&self.operations.provider)
            .map_err(|failure| failure.into_status(str::to_owned))?;
        Ok(Response::new(rpc::GetSchemaResponse { schema: schema.to_string() }))
    }

    async fn check_config(
        &self,
        request: Request<rpc::CheckRequest>,
    ) -> Result<Response<rpc::CheckResponse>, Status> {
        self.run(request, |operations, request, redactor| async move {
            operations.check_config(request, redactor)
        })
        .await
    }

    async fn diff_config(
        &self,
        request: Request<rpc::DiffRequest>,
    ) -> Result<Response<rpc::DiffResponse>, Status> {
        self.run(request, |operations, request, redactor| async move {
            operations.diff_config(request, &redactor)
        })
        .await
    }

    async fn configure(
        &self,
        request: Request<rpc::ConfigureRequest>,
    ) -> Result<Response<rpc::ConfigureResponse>, Status> {
        self.operations.configure(request.into_inner())?;
        Ok(Response::new(rpc::ConfigureResponse {
            accept_secrets: true,
            supports_preview: true,
            accept_resources: false,
            accept_outputs: false,
            supports_autonaming_configuration: true,
        }))
    }

    async fn invoke(
        &self,
        request: Request<rpc::InvokeRequest>,
    ) -> Result<Response<rpc::InvokeResponse>, Status> {
        self.run(request, |operations, request, redactor| async move {
            operations.invoke(request, redactor).await
        })
        .await
    }

    async fn call(&self, request: Request<rpc::CallRequest>) -> Result<Response<rpc::CallResponse>, Status> {
        Err(Status::unimplemented(format!(
            "this provider has no resource methods, so it cannot call {:?}",
            request.into_inner().tok
        )))
    }

    async fn check(
        &self,
        request: Request<rpc::CheckRequest>,
    ) -> Result<Response<rpc::CheckResponse>, Status> {
        self.run(request, |operations, request, redactor| async move { operations.check(request, &redactor) })
            .await
    }

    async fn diff(&self, request: Request<rpc::DiffRequest>) -> Result<Response<rpc::DiffResponse>, Status> {
        self.run(request, |operations, request, redactor| async move { operations.diff(request, &redactor) })
            .await
    }

    async fn create(
        &self,
        request: Request<rpc::CreateRequest>,
    ) -> Result<Response<rpc::CreateResponse>, Status> {
        self.run(request, |operations, request, redactor| async move {
            operations.create(request, redactor).await
        })
        .await
    }

    async fn read(&self, request: Request<rpc::ReadRequest>) -> Result<Response<rpc::ReadResponse>, Status> {
        self.run(
            request,
            |operations, request, redactor| async move { operations.read(request, redactor).await },
        )
        .await
    }

    type ListStream = Iter<IntoIter<Result<rpc::ListResponse, Status>>>;

    async fn list(&self, request: Request<rpc::ListRequest>) -> Result<Response<Self::ListStream>, Status> {
        let token = &request.get_ref().token;
        let can_list = self.operations.can_list(token);
        if !can_list.map_err(|failure| failure.into_status(str::to_owned))? {
            return Err(Status::unimplemented(format!("resources of type {token:?} cannot be listed")));
        }
        let listed = self.run(request, |operations, request, redactor| async move {
            operations.list(request, redactor).await
        });
        let listed: Vec<_> = listed.await?.into_inner().into_iter().map(Ok).collect();
        Ok(Response::new(tokio_stream::iter(listed)))
    }

    async fn update(
        &self,
        request: Request<rpc::UpdateRequest>,
    ) -> Result<Response<rpc::UpdateResponse>, Status> {
        self.run(request, |operations, request, redactor| async move {
            operations.update(request, redactor).await
        })
        .await
    }

    async fn delete(&self, request: Request<rpc::DeleteRequest>) -> Result<Response<()>, Status> {
        self.run(request, |operations, request, redactor| async move {
            operations.delete(request, redactor).await
        })
        .await
    }

    async fn construct(
        &self,
        request: Request<rpc::ConstructRequest>,
    ) -> Result<Response<rpc::ConstructResponse>, Status> {
        Err(Status::unimplemented(format!(
            "this provider has no components, so it cannot construct {:?}",
            request.into_inner().r#type
        )))
    }

    async fn cancel(&self, _: Request<()>) -> Result<Response<()>, Status> {
        self.cancel_all();
        Ok(Response::new(()))
    }

    async fn get_plugin_info(&self, _: Request<()>) -> Result<Response<rpc::PluginInfo>, Status> {
        Ok(Response::new(rpc::PluginInfo { version: self.operations.provider.version().to_owned() }))
    }

    async fn attach(&self, request: Request<rpc::PluginAttach>) -> Result<Response<()>, Status> {
        self.operations.engine.attach(&request.into_inner().address);
        Ok(Response::new(()))
    }

    async fn get_mapping(
        &self,
        request: Request<rpc::GetMappingRequest>,
    ) -> Result<Response<rpc::GetMappingResponse>, Status> {
        let request = request.into_inner();
        let (provider, data) =
            self.operations.provider.mapping(&request.key, &request.provider).unwrap_or_default();
        Ok(Response::new(rpc::GetMappingResponse { provider, data }))
    }

    async fn get_mappings(
        &self,
        request: Request<rpc::GetMappingsRequest>,
    ) -> Result<Response<rpc::GetMappingsResponse>, Status> {
        let providers = self.operations.provider.mappings(&request.into_inner().key);
        Ok(Response::new(rpc::GetMappingsResponse { providers }))
    }
}
