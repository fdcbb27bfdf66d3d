//! An ECS to try programs on: images, their sources and their neighbours behind real HTTP with real signatures.
//!
//! It is written from the cloud's documentation alone and shares no type with any client, so a field that a
//! client misspells stays misspelt. [`run`] is the `emulator` subcommand; [`Emulator::start`] is the same thing
//! inside a test.
//!
//! # What it serves
//! - ECS 2014-05-26 and STS 2015-04-01 over RPC at `/`, GET and POST, query and form, signature v1 (HMAC-SHA1)
//!   and ACS3-HMAC-SHA256. Only AssumeRoleWithOIDC may be anonymous.
//! - OSS for the buckets that images are imported from and exported to, on the same port (module `oss`): objects at
//!   `/<bucket>/<object>`, or at `/<object>` of the host `<bucket>.oss-<region>.…`, with signature version 1.
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
//! - A call is first authenticated, then counted against `--calls-per-second`, then meets its fault: one that was posted, or
//!   else one of the profile's.
//! - A profile that lags answers a read from what was there before the changes of its last moments, with statuses of now.
//! - Every region has its own stock, made when the region is first named; `i-starting` runs 5 s after that.
//! - The bucket `b-images` is one of every region, with one set of objects for all of them. `b-images-<region>` is one of that
//!   region alone, and ImportImage and ExportImage do not find it from elsewhere. Each starts with `disk.raw` (4.5 GiB) and
//!   `disk.qcow2` (1.2 GiB).
//! - ECS may assume every role but the one named `missing-role`.
//! - The task of an import is Finished a quarter of `--image-ready-after`, at most 1 s, before the image is Available. The
//!   image is never Waiting. There is a snapshot for each of its files.
//! - A disk has the size of its object in whole GiB, unless a larger one is asked for. Its Format comes from the suffix of the
//!   object, or is sent if there is none that is known; it is reported in another case than it is sent in. A data disk
//!   without an object is blank. VMDK is for invited accounts, of which this is none.
//! - An export takes `--image-ready-after`. Its objects are `[<prefix>_]<image>_system.<format>.tar.gz` and
//!   `…_data_xvdb.<format>.tar.gz`, of the size of their disks, and RelatedItemSet tells them from the start. Images of Windows
//!   can be exported only under a license of one's own.
//! - A task that was cancelled is Failed at once, with the code `TaskCancelled`. A moment later, which is a quarter of
//!   `--image-ready-after` and at most 1 s, the image of an import is gone. Tasks can be asked about for ever.
//! - `Features.NvmeSupport` is no parameter of CreateImage and has no effect there.
//! - A copy needs another region as its destination. Without DestinationImageName it has no name. One image may be
//!   copied several times at once, also to one region: `OperationDenied.ImageCopyConflict` comes from a fault only.
//! - A copy counts among those that run at a time where it comes from and where it goes to. CancelCopyImage makes room at
//!   once; the image goes as much later as images are usable after they are Available, and is never Available.
//! - Sharing with who has it already, and taking away from who has it not, is no failure. Every account of 12 to 20 digits
//!   exists until a change says otherwise.
//! - DescribeImageFromFamily looks at own, shared, community and public images, of which the latter three have families
//!   named `acs:<account>:<family>` and `acs:<family>`. Without an image its answer has no `Image`.
//! - ResourceGroupId of DescribeImages finds the images of that group alone, the default one included.
//! - KMS keys are all there and good but those named `missing`, `disabled` and `forbidden`. Nothing is encrypted unless
//!   CopyImage or `--encrypt-by-default` says so.
//! - In STS every role exists but the one named `missing`, and may be assumed but the one named `forbidden`.
//!
//! # Limits
//! Every action not listed in `ecs.rs` answers `InvalidApi.NotFound`; of OSS, `oss.rs` lists what is served. There are no
//! quotas but 20 tags, 50 shares, `--copies-at-once` and those of exports, no RAM policies, no share groups but `all`, and
//! no marketplace. Instances can neither be made nor changed, except through `/_emulator/change`. TLS is not spoken.
//!
//! # Control
//! - `GET /_emulator/requests` lists what was called, without secrets; `DELETE` empties it.
//! - `GET /_emulator/state` shows every image, snapshot, tag, share, task, bucket and object; `DELETE` goes back to the stock.
//! - `POST /_emulator/faults` appends faults (see [`Fault`]); `GET` lists what is left, `DELETE` clears.
//! - `POST /_emulator/clock {"advance_ms":60000}` moves a clock started with `--manual-clock`. A caller that
//!   keeps to the real time is soon more than 15 minutes off; with `"callers_too":true` the callers' clocks count as
//!   moved too, so that credentials expire although their holders take them for good.
//! - `POST /_emulator/change` alters an image, instance, snapshot, task, bucket or object behind the caller's back, or makes
//!   the cloud forget ClientTokens (module `change`).
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
mod flaky;
mod gateway;
mod id;
mod journal;
mod metadata;
mod metadata_server;
mod options;
mod oss;
mod params;
mod profile;
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
pub use profile::Profile;
pub use server::Emulator;

/// Serves until `shutdown` ends. The first line on standard output says at which address, the next ones what is served.
///
/// # Errors
/// As [`Emulator::start`], and [`Error::Announce`].
pub async fn run(options: Options, shutdown: impl Future<Output = ()> + Send) -> Result<(), Error> {
    let listen = options.listen;
    let told = told(&options);
    let emulator = Emulator::start(options).await?;
    if !listen.ip().is_loopback() {
        warn_of_open_address(listen);
    }
    announce(&emulator, &told)?;
    shutdown.await;
    emulator.stop().await;
    Ok(())
}

/// Not by `println!`, which panics if nobody reads.
fn announce(emulator: &Emulator, told: &str) -> Result<(), Error> {
    let mut out = std::io::stdout().lock();
    write!(out, "listening on {}\n{told}", emulator.url()).and_then(|()| out.flush()).map_err(Error::Announce)
}

/// What a person wants to know who starts it.
fn told(options: &Options) -> String {
    let default = Options::default();
    let secret = match options.access_key_secret == default.access_key_secret {
        true => default.access_key_secret.reveal(),
        false => "as given",
    };
    format!(
        "{}\nevery region starts with {}\naccess key {}, secret {secret}\n",
        options.told(),
        state::stock_told(options.public_images),
        options.access_key_id
    )
}

fn warn_of_open_address(listen: SocketAddr) {
    let warning = "can be reached from other machines; whoever can reach it can call the emulator";
    // A warning that nobody can read is no reason to stop.
    drop(writeln!(std::io::stderr(), "warning: {listen} {warning}"));
}
