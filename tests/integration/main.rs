//! The built plugin, spoken to over gRPC, against the emulator over HTTP. A file for each subject.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a test ends where something unexpected happens, tells what it saw, and measures real time"
)]

mod alias;
mod code_map;
mod fault_matrix;
mod get_images;
mod harness;
mod house_rules;
mod image;
mod image_copy;
mod image_doubts;
mod image_export;
mod image_faults;
mod image_import;
mod image_laws;
mod image_looks;
mod image_programs;
mod image_rules;
mod image_share_laws;
mod image_share_permission;
mod image_status;
mod layers;
mod provider;
mod recording;
mod stack;
mod whose_image;
