//! Why the emulator cannot start or go on.

use std::net::SocketAddr;
use std::path::PathBuf;

/// Why the emulator could not start or go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The address is taken, not ours, or not allowed: choose another `--listen`.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address that was asked for.
        address: SocketAddr,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The `--state` file cannot be read: mend its permissions or name another.
    #[error("cannot read the state file {}", path.display())]
    ReadState {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The `--state` file is not one of ours, or is damaged: remove it or name another.
    #[error("the state file {} is malformed", path.display())]
    MalformedState {
        /// The file.
        path: PathBuf,
        /// The first thing that is wrong with it.
        source: serde_json::Error,
    },
    /// Another emulator keeps its state in the `--state` file: stop that one, or name another file.
    #[error("another emulator uses the state file {}: stop that one, or name another file", path.display())]
    StateInUse {
        /// The file.
        path: PathBuf,
    },
    /// The `--state` file cannot be written: mend its folder's permissions or name another.
    #[error("cannot write the state file {}", path.display())]
    WriteState {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// Standard output is closed, so nobody would learn the address.
    #[error("cannot say on standard output where the emulator listens")]
    Announce(#[source] std::io::Error),
}
