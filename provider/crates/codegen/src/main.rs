//! Developer tool: compiles `proto/` without protoc, and writes the protocol crate's `src/generated/`.
//!
//! `codegen` rewrites the generated code; `codegen descriptors FILE` writes the compiled descriptor set instead, for the
//! test that compares it with the published one.

use std::path::Path;

use anyhow::{Context, bail};
use prost::Message;
use prost_types::FileDescriptorSet;

/// Files that hold a service or are named by one; what they import comes along.
const FILES: [&str; 4] =
    ["pulumi/provider.proto", "pulumi/engine.proto", "pulumi/errors.proto", "google/protobuf/status.proto"];

fn main() -> anyhow::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..");
    let proto = root.join("proto");
    let descriptors =
        protox::compile(FILES.map(|file| proto.join(file)), [&proto]).context("compile proto/")?;

    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => generate(descriptors, &root.join("provider/crates/pulumi/src/generated")),
        ["descriptors", file] => {
            std::fs::write(file, descriptors.encode_to_vec()).with_context(|| format!("write {file}"))
        }
        _ => bail!("usage: codegen [descriptors FILE]"),
    }
}

fn generate(descriptors: FileDescriptorSet, out: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(out).with_context(|| format!("create {}", out.display()))?;
    tonic_prost_build::configure()
        .out_dir(out)
        .build_transport(false)
        .compile_fds(descriptors)
        .context("generate Rust code")
}
