//! A snapshot of a disk.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::clock::Millis;
use crate::state::disk::DiskKind;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Snapshot {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) kind: DiskKind,
    /// In GiB.
    pub(crate) size: i64,
    pub(crate) disk: String,
    /// Empty if it is not known.
    pub(crate) instance: String,
    pub(crate) platform: String,
    pub(crate) os_name: String,
    pub(crate) resource_group: String,
    pub(crate) tags: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) encrypted: bool,
    pub(crate) created: Millis,
    /// How long it is progressing.
    pub(crate) build: Millis,
}

impl Snapshot {
    pub(crate) fn is_accomplished(&self, now: Millis) -> bool {
        now >= self.created + self.build
    }

    pub(crate) fn status(&self, now: Millis) -> &'static str {
        if self.is_accomplished(now) { "accomplished" } else { "progressing" }
    }

    /// In percent.
    pub(crate) fn progress(&self, now: Millis) -> i64 {
        if self.is_accomplished(now) {
            return 100;
        }
        ((now - self.created).max(0) * 100 / self.build.max(1)).min(99)
    }

    pub(crate) fn seconds_left(&self, now: Millis) -> i64 {
        (self.created + self.build - now + 999).max(0) / 1_000
    }

    /// Everything stored of it, with what follows from the clock.
    pub(crate) fn view(&self, now: Millis) -> Value {
        let mut view = json!(self);
        view["progress"] = self.progress(now).into();
        view
    }
}
