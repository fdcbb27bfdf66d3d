//! The Pulumi provider protocol: what a provider is to the engine. It knows no cloud.
//!
//! A provider's author writes a [`Provider`] and, for each resource type, a [`Resource`]; [`serve`] does the rest.

mod alias;
pub mod check;
mod codec;
mod context;
pub mod diff;
mod engine;
mod failure;
mod function;
mod generated;
mod input;
mod lookup;
pub mod model;
mod operations;
pub mod path;
mod plugin;
mod provider;
mod redact;
mod resource;
pub mod schema;
mod secrets;
mod serializer;
mod server;
mod settings;
mod spans;
mod state;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod value;
mod wait;

pub use check::{CheckFailure, Findings};
pub use codec::{CodecError, Lazy, decode, encode};
pub use context::{BoxFuture, Context, Verb};
pub use engine::{Engine, EngineLayer};
pub use failure::{BoxError, Failure, MissingKey, chain};
pub use function::{AnyFunction, Function, FunctionTypes, function};
pub use generated::{google_rpc, pulumirpc};
pub use input::{Input, known};
pub use operations::{urn_name, urn_type};
pub use plugin::serve;
pub use provider::{
    AnyResource, AnyUpdate, Asked, ConfigureError, OldInputs, Provider, Reconsidered, Types, package_schema,
    resource,
};
pub use redact::Redactor;
pub use resource::{
    Autonaming, CheckContext, ListPage, ListQuery, Listed, Old, Read, ReadResult, Resource, Timeouts,
    Unlisted, Update,
};
pub use server::Server;
pub use spans::Collector;
pub use wait::{Ended, Look, Pace, Wait};
