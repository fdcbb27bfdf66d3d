//! A task: work of the cloud that can be asked about.

use serde::{Deserialize, Serialize};

use crate::clock::Millis;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Task {
    pub(crate) id: String,
    pub(crate) action: String,
    pub(crate) resource: String,
    pub(crate) created: Millis,
    /// How long it is Processing.
    pub(crate) build: Millis,
}

impl Task {
    pub(crate) fn is_finished(&self, now: Millis) -> bool {
        now >= self.created + self.build
    }

    pub(crate) fn status(&self, now: Millis) -> &'static str {
        if self.is_finished(now) { "Finished" } else { "Processing" }
    }

    /// In percent.
    pub(crate) fn progress(&self, now: Millis) -> i64 {
        ((now - self.created) * 100 / self.build.max(1)).clamp(0, 100)
    }
}
