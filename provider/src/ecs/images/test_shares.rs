//! For tests: a cloud in memory, as `test_cloud` has it, that knows whom its images are shared with.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use aliyun::testing::{Reply, Sent, ok, refuse};
use serde_json::{Value as Json, json};
use tokio::time::Instant;

use crate::ecs::images::test_cloud::{Cloud, State, done};

/// What a test looks at and changes. All shares are of one image.
#[derive(Default)]
pub(crate) struct ShareState {
    /// From when each account is shown, and until when one that has lost its access still is.
    pub(crate) shown_from: BTreeMap<String, Instant>,
    pub(crate) shown_until: BTreeMap<String, Instant>,
    /// How long changes stay invisible.
    pub(crate) lag: Duration,
    /// Accounts that are refused, and by which code.
    pub(crate) refused: HashMap<String, (u16, &'static str)>,
    /// How many more times an account is passed over without a word.
    pub(crate) ignored: HashMap<String, u32>,
}

/// What a test answers instead, after the change or without it.
#[derive(Clone)]
pub(crate) enum Instead {
    /// The change is made, and the answer is this one.
    OfTheAnswer(Reply),
    /// Nothing is done.
    OfTheCall(Reply),
}

/// The cloud.
pub(crate) struct ShareCloud {
    pub(crate) cloud: Cloud,
    shares: Arc<Mutex<ShareState>>,
}

impl ShareCloud {
    /// One with the image m-1, in which nothing goes wrong.
    pub(crate) fn new() -> ShareCloud {
        ShareCloud::otherwise(|_| None)
    }

    /// The same, but it answers otherwise if the closure says so.
    pub(crate) fn otherwise(
        otherwise: impl Fn(&Sent) -> Option<Instead> + Send + Sync + 'static,
    ) -> ShareCloud {
        let shares: Arc<Mutex<ShareState>> = Arc::default();
        let shared = Arc::clone(&shares);
        let cloud = Cloud::otherwise(move |sent, state| {
            let mut shares = shared.lock().unwrap();
            match otherwise(sent) {
                None => shares.answer(sent, state),
                Some(Instead::OfTheCall(reply)) => Some(reply),
                Some(Instead::OfTheAnswer(reply)) => {
                    let _ = shares.answer(sent, state);
                    Some(reply)
                }
            }
        });
        cloud.holds("m-1", "golden");
        ShareCloud { cloud, shares }
    }

    pub(crate) fn shares(&self) -> MutexGuard<'_, ShareState> {
        self.shares.lock().unwrap()
    }

    /// The accounts that have access.
    pub(crate) fn accounts(&self) -> Vec<String> {
        self.shares().shown_from.keys().cloned().collect()
    }

    /// Gives an account access.
    pub(crate) fn share_with(&self, account: &str) {
        self.shares().shown_from.insert(account.to_owned(), Instant::now());
    }

    /// How many accounts each call changed, in the order of the calls.
    pub(crate) fn batches(&self) -> Vec<usize> {
        let sent = self.cloud.stub.sent();
        let calls = sent.iter().filter(|sent| sent.action() == "ModifyImageSharePermission");
        calls.map(|sent| added(sent).len() + removed(sent).len()).collect()
    }

    /// How often whom the image is shared with was looked at.
    pub(crate) fn looks(&self) -> usize {
        self.cloud.count("DescribeImageSharePermission")
    }
}

/// The accounts that a call gives access.
pub(crate) fn added(sent: &Sent) -> Vec<&str> {
    listed(sent, "AddAccount")
}

fn removed(sent: &Sent) -> Vec<&str> {
    listed(sent, "RemoveAccount")
}

fn listed<'a>(sent: &'a Sent, name: &str) -> Vec<&'a str> {
    (1..)
        .map(|index| sent.param(&format!("{name}.{index}")))
        .take_while(|account| !account.is_empty())
        .collect()
}

impl ShareState {
    fn answer(&mut self, sent: &Sent, state: &State) -> Option<Reply> {
        let is_about_shares = sent.action().ends_with("ImageSharePermission");
        is_about_shares.then(|| {
            let image = state.images.iter().find(|image| image.id == sent.param("ImageId"));
            let Some(image) = image else { return refuse(404, "InvalidImageId.NotFound") };
            let status = if sent.at < image.ready_from { "Creating" } else { image.last_status };
            match (sent.action(), status) {
                ("DescribeImageSharePermission", _) => self.describe(sent),
                (_, "Creating") => refuse(400, "IncorrectImageStatus"),
                (_, "Available") => self.modify(sent),
                _ => refuse(403, "OperationDenied.InvalidImageStatus"),
            }
        })
    }

    fn modify(&mut self, sent: &Sent) -> Reply {
        let (added, removed) = (added(sent), removed(sent));
        assert!(added.len() <= 10 && removed.len() <= 10, "the cloud would ignore some of {sent:?}");
        let mut refusals = added.iter().chain(&removed).filter_map(|account| self.refused.get(*account));
        if let Some((status, code)) = refusals.next() {
            return refuse(*status, code);
        }
        for account in added {
            if self.is_ignored(account) {
                continue;
            }
            self.shown_until.remove(account);
            self.shown_from.entry(account.to_owned()).or_insert(sent.at + self.lag);
        }
        for account in removed {
            if !self.is_ignored(account) && self.shown_from.remove(account).is_some() {
                self.shown_until.insert(account.to_owned(), sent.at + self.lag);
            }
        }
        done()
    }

    fn is_ignored(&mut self, account: &str) -> bool {
        let Some(times) = self.ignored.get_mut(account).filter(|times| **times > 0) else { return false };
        *times -= 1;
        true
    }

    fn describe(&self, sent: &Sent) -> Reply {
        let there = self.shown_from.iter().filter(|(_, from)| **from <= sent.at);
        let gone = self.shown_until.iter().filter(|(_, until)| sent.at < **until);
        let accounts: Vec<Json> = there
            .chain(gone)
            .map(|(account, _)| json!({ "AliyunId": account, "SharedTime": "2026-11-22T01:00:00Z" }))
            .collect();
        let number = |name: &str| sent.param(name).parse::<usize>().unwrap();
        let (page, size) = (number("PageNumber"), number("PageSize"));
        assert!(size <= 100, "{sent:?}");
        let total = accounts.len();
        let page: Vec<Json> = accounts.into_iter().skip((page - 1) * size).take(size).collect();
        ok(&json!({ "RequestId": "R", "TotalCount": total, "Accounts": { "Account": page } }).to_string())
    }
}
