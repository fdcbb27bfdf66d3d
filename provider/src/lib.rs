//! The provider, as the plugin's process and the tools that measure it see it.

mod client;
mod client_settings;
mod config;
mod ecs;
mod elsewhere;
mod failure;
mod key_source;
mod mapping;
mod package;
mod publisher;

use aliyun::Environment;
use pulumi::pulumirpc::resource_provider_server::ResourceProvider;
use pulumi::{BoxError, Collector, Engine, Failure, Provider as _, Server};

use crate::package::Alicloud;

/// Serves the provider to the engine at that address until the engine goes away or `shutdown` ends.
///
/// # Errors
/// If no port can be had, or serving fails.
pub async fn serve(engine: Option<&str>, shutdown: impl Future<Output = ()>) -> Result<(), BoxError> {
    let provider = Alicloud::new();
    let collector = collector(provider.environment().clone());
    pulumi::serve(provider, engine, collector, shutdown).await
}

/// The collector of spans that the engine names, if the user asks for traces.
fn collector(environment: Environment) -> Option<Collector> {
    let address = environment.variable("PULUMI_OTEL_EXPORTER_OTLP_ENDPOINT")?.to_owned();
    let now = move || u64::try_from(environment.now().as_nanosecond()).unwrap_or_default();
    Some(Collector { address, service: "pulumi-resource-alicloud", now: Box::new(now) })
}

/// The provider's service without a process or a connection. Must be called on a runtime.
pub fn service() -> impl ResourceProvider {
    Server::new(Alicloud::new(), Engine::new())
}

/// schema.json, as it is committed.
///
/// # Errors
/// If a Rust type uses a construct that the schema has no word for.
pub fn schema_text() -> Result<String, Failure> {
    Alicloud::new().schema_text()
}

/// What the names of a Terraform provider stand for, as the plugin answers `pulumi convert`. `None` for any other provider.
pub fn mapping_text(provider: &str) -> Option<Vec<u8>> {
    // Without a name the engine means the first one.
    let named = !provider.is_empty();
    named.then(|| Alicloud::new().mapping("terraform", provider))?.map(|(_, text)| text)
}
