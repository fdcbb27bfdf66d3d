//! An instance, which only serves as a source of images.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::clock::Millis;
use crate::state::disk::DiskKind;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Instance {
    pub(crate) id: String,
    pub(crate) status: String,
    /// The instant at which a Starting instance is Running.
    pub(crate) running_from: Option<Millis>,
    pub(crate) locked: bool,
    pub(crate) image: String,
    pub(crate) platform: String,
    pub(crate) os_name: String,
    pub(crate) disks: Vec<InstanceDisk>,
    pub(crate) resource_group: String,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) created: Millis,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct InstanceDisk {
    pub(crate) id: String,
    pub(crate) kind: DiskKind,
    /// In GiB.
    pub(crate) size: i64,
}

impl Instance {
    pub(crate) fn status(&self, now: Millis) -> &str {
        match self.running_from {
            Some(from) if now >= from => "Running",
            Some(_) | None => &self.status,
        }
    }

    /// Everything stored of it, with what follows from the clock.
    pub(crate) fn view(&self, now: Millis) -> Value {
        let mut view = json!(self);
        view["status"] = self.status(now).into();
        view
    }
}
