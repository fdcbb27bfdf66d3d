//! A disk of an image.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Disk {
    pub(crate) device: String,
    pub(crate) kind: DiskKind,
    /// In GiB.
    pub(crate) size: i64,
    /// Empty for a blank disk.
    pub(crate) snapshot: String,
    #[serde(default)]
    pub(crate) import: Option<Import>,
}

/// The object that a disk was imported from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Import {
    pub(crate) bucket: String,
    pub(crate) object: String,
    /// As it is reported.
    pub(crate) format: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum DiskKind {
    System,
    Data,
}

impl DiskKind {
    pub(crate) fn text(self) -> &'static str {
        match self {
            DiskKind::System => "system",
            DiskKind::Data => "data",
        }
    }
}
