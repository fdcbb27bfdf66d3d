//! A task: work of the cloud that can be asked about and, while it runs, cancelled.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::clock::Millis;

/// Why a task fails.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Reason {
    pub(crate) code: String,
    pub(crate) message: String,
}

/// An object that an export writes when it is done.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Export {
    pub(crate) bucket: String,
    pub(crate) object: String,
    pub(crate) format: String,
    /// In bytes.
    pub(crate) size: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Task {
    pub(crate) id: String,
    pub(crate) action: String,
    pub(crate) resource: String,
    pub(crate) created: Millis,
    /// How long it is Processing.
    pub(crate) build: Millis,
    /// Why it ends in Failed, if it does.
    #[serde(default)]
    pub(crate) failure: Option<Reason>,
    #[serde(default = "yes")]
    pub(crate) cancellable: bool,
    /// What it writes into buckets.
    #[serde(default)]
    pub(crate) exports: Vec<Export>,
    #[serde(default)]
    pub(crate) is_written: bool,
    /// The members that are not shown.
    #[serde(default)]
    pub(crate) unreported: BTreeSet<String>,
}

fn yes() -> bool {
    true
}

/// A task of which nothing was said: done since 1970.
impl Default for Task {
    fn default() -> Self {
        Task {
            id: String::new(),
            action: String::new(),
            resource: String::new(),
            created: 0,
            build: 0,
            failure: None,
            cancellable: true,
            exports: vec![],
            is_written: false,
            unreported: BTreeSet::new(),
        }
    }
}

impl Task {
    pub(crate) fn ends_at(&self) -> Millis {
        self.created + self.build
    }

    pub(crate) fn is_over(&self, now: Millis) -> bool {
        now >= self.ends_at()
    }

    pub(crate) fn status(&self, now: Millis) -> &'static str {
        match (self.is_over(now), &self.failure) {
            (false, _) => "Processing",
            (true, None) => "Finished",
            (true, Some(_)) => "Failed",
        }
    }

    /// In percent. A task that fails stops half way.
    pub(crate) fn progress(&self, now: Millis) -> i64 {
        let whole = if self.failure.is_some() { 50 } else { 100 };
        if self.is_over(now) {
            return whole;
        }
        ((now - self.created).max(0) * whole / self.build.max(1)).min(99)
    }

    /// Ends it now, for that reason. One that is over stays as it is.
    pub(crate) fn fail(&mut self, reason: Reason, now: Millis) {
        if !self.is_over(now) {
            self.build = (now - self.created).max(0);
            self.failure = Some(reason);
        }
    }

    /// Everything stored of it, with what follows from the clock.
    pub(crate) fn view(&self, now: Millis) -> Value {
        let mut view = json!(self);
        view["status"] = self.status(now).into();
        view["progress"] = self.progress(now).into();
        view
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(task: &Task, now: Millis, expect: (&str, i64)) {
        assert_eq!((task.status(now), task.progress(now)), expect, "at {now}");
    }

    #[test]
    fn a_task_runs_and_is_over() {
        let mut task = Task { created: 1_000, build: 2_000, ..Task::default() };
        check(&task, 1_000, ("Processing", 0));
        check(&task, 2_999, ("Processing", 99));
        check(&task, 3_000, ("Finished", 100));
        task.fail(Reason { code: "A".to_owned(), message: String::new() }, 3_000);
        check(&task, 3_000, ("Finished", 100));
        task.fail(Reason { code: "A".to_owned(), message: String::new() }, 2_500);
        check(&task, 2_499, ("Processing", 49));
        check(&task, 2_500, ("Failed", 50));
    }

    #[test]
    fn a_task_that_takes_no_time_is_over_at_once() {
        check(&Task::default(), 0, ("Finished", 100));
    }
}
