//! An ECS to try programs on: images, their sources and their neighbours behind real HTTP with real signatures.
//!
//! It is written from the cloud's documentation alone and shares no type with any client, so a field that a
//! client misspells stays misspelt. [`run`] is the `emulator` subcommand; [`Emulator::start`] is the same thing
//! inside a test.
//!
//! # What it serves
//! - ECS 2014-05-26 and STS 2015-04-01 over RPC at `/`, GET and POST, query and form, signature v1 (HMAC-SHA1)
//!   and ACS3-HMAC-SHA256. Only AssumeRoleWithOIDC may be anonymous.
//! - The ECS metadata server at `/latest/…` and a credentials URI at `/_emulator/credentials`.
//! - Control at `/_emulator/…` (see below), to loopback peers only.
//! - With a stack [`Flavour`], ASCM's ListResourceGroup.
//!
//! # Decisions on what the documentation leaves open
//! - A fresh image is absent from DescribeImages for a tenth of `--image-ready-after`, at most 300 ms; it becomes
//!   `Usable` a quarter of that time, at most 1 s, after it is Available. With `0s` it is there and usable at once.
//! - An empty `Description` or `ImageFamily` in ModifyImageAttribute clears it; an absent one keeps it. In
//!   CreateImage an empty text, and a mapping's size of 0, count as absent.
//! - What was not given reads back as an empty text (family, version, resource group), `BIOS` (`UEFI` on arm64),
//!   `Auto`, `v1`, `unsupported`; the platform is the source's.
//! - Nothing but images of this account can be changed or deleted: others answer `Forbidden`.
//! - `ImageName` of DescribeImages matches any part of the name.
//! - A ClientToken is remembered until a change says otherwise, per region and action, also after its image is gone.
//! - With `--names-freed-after` a name stays taken after DeleteImage, CancelCopyImage and a change to `gone`; a name that
//!   an image was renamed from is free at once.
//! - A manual clock starts at the real time, or at the time of the `--state` file, if that is later.
//! - A call is first authenticated, then counted against `--calls-per-second`, then meets its fault.
//! - Every region has its own stock, made when the region is first named; `i-starting` runs 5 s after that.
//! - `Features.NvmeSupport` is no parameter of CreateImage and has no effect there.
//! - In STS every role exists but the one named `missing`, and may be assumed but the one named `forbidden`.
//!
//! # Limits
//! ImportImage, ExportImage and every action not listed in `ecs.rs` answer `InvalidApi.NotFound`. There are no
//! quotas, no RAM policies, no encryption, no marketplace, and instances can neither be made nor changed, except
//! through `/_emulator/change`. TLS is not spoken.
//!
//! # Control
//! - `GET /_emulator/requests` lists what was called, without secrets; `DELETE` empties it.
//! - `GET /_emulator/state` shows every image, snapshot, tag, share and task; `DELETE` goes back to the stock.
//! - `POST /_emulator/faults` appends faults (see [`Fault`]); `GET` lists what is left, `DELETE` clears.
//! - `POST /_emulator/clock {"advance_ms":60000}` moves a clock started with `--manual-clock`. A caller that
//!   keeps to the real time is soon more than 15 minutes off; with `"callers_too":true` the callers' clocks count as
//!   moved too, so that credentials expire although their holders take them for good.
//! - `POST /_emulator/change` alters an image, instance or snapshot behind the caller's back, or makes the cloud forget
//!   ClientTokens (module `change`).
//! - `POST /_emulator/metadata {"v1":false,"role":null,"region":"…","lifetime_s":900}` sets the metadata server up.

mod access;
mod action;
mod answer;
mod ascm;
mod change;
mod client_token;
mod clock;
mod control;
mod ecs;
mod error;
mod fault;
mod faults;
mod file;
mod gateway;
mod id;
mod journal;
mod metadata;
mod metadata_server;
mod options;
mod oss;
mod params;
mod rate;
mod regions;
mod request;
mod rules;
mod server;
mod session;
mod sign;
mod stack;
mod state;
mod sts;
mod world;

use std::future::Future;
use std::io::Write as _;
use std::net::SocketAddr;

pub use error::Error;
pub use fault::Fault;
pub use options::{Flavour, ImageIds, Options, Secret};
pub use server::Emulator;

/// Serves until `shutdown` ends. The first line on standard output says at which address.
///
/// # Errors
/// As [`Emulator::start`], and [`Error::Announce`].
pub async fn run(options: Options, shutdown: impl Future<Output = ()> + Send) -> Result<(), Error> {
    let listen = options.listen;
    let emulator = Emulator::start(options).await?;
    if !listen.ip().is_loopback() {
        warn_of_open_address(listen);
    }
    announce(&emulator)?;
    shutdown.await;
    emulator.stop().await;
    Ok(())
}

/// Not by `println!`, which panics if nobody reads.
fn announce(emulator: &Emulator) -> Result<(), Error> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "listening on {}", emulator.url()).and_then(|()| out.flush()).map_err(Error::Announce)
}

fn warn_of_open_address(listen: SocketAddr) {
    let warning = "can be reached from other machines; whoever can reach it can call the emulator";
    // A warning that nobody can read is no reason to stop.
    drop(writeln!(std::io::stderr(), "warning: {listen} {warning}"));
}
