//! The protocol's messages and services, from `proto/` by `make generate`.
#![allow(
    missing_docs,
    unreachable_pub,
    unused_qualifications,
    clippy::all,
    clippy::pedantic,
    clippy::allow_attributes_without_reason,
    reason = "generated code"
)]

/// Errors with details.
pub mod google_rpc {
    include!("generated/google.rpc.rs");
}

/// The provider protocol.
pub mod pulumirpc {
    include!("generated/pulumirpc.rs");
}
