//! The built plugin, spoken to over gRPC, against the emulator over HTTP. A file for each resource, and one for the
//! provider itself.

mod harness;
mod image;
mod image_faults;
mod provider;
