//! Sharing images with accounts, and ending it: what is wanted of one image goes out in calls of up to ten accounts, one call
//! after the other, as the cloud passes over further accounts without a word.
//!
//! A call that is refused may be so because of one account. Each account is then asked for alone, so that every operation gets
//! its own outcome.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aliyun::ErrorKind;
use aliyun::ecs::ModifyImageSharePermissionRequest;
use pulumi::{Context, Failure};
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::ecs::images::gather;

/// The most accounts that one call looks at.
const MOST_ACCOUNTS: usize = 10;

/// Refusals that are about the image or the caller, and so the same for every account.
const OF_THE_IMAGE: [&str; 14] = [
    "AssumeRoleError",
    "Image.Public",
    "IncorrectImageStatus",
    "InvalidImageId.NotFound",
    "InvalidOperation.ServiceKeyEncryptedImageUnsupported",
    "InvalidParameter.KMSKeyId.CMKNotEnabled",
    "InvalidParameter.KMSKeyId.CMKUnauthorized",
    "InvalidStatus.ImageIsCreating",
    "MissingParameter",
    "OperationDeined.EncryptedSnapshot",
    "OperationDeined.FullImage",
    "OperationDenied.ImageIsCreating",
    "OperationDenied.InvalidImageStatus",
    "QuotaExceed.ShareImage",
];

/// What is to become of an account's access to an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Access {
    Granted,
    Withdrawn,
}

/// A change that is not known to be made.
#[derive(Debug)]
pub(crate) struct Undone {
    pub(crate) why: Why,
    /// Whether it may have been made all the same, or may still be.
    pub(crate) in_doubt: bool,
}

/// Why a change is not known to be made.
#[derive(Debug)]
pub(crate) enum Why {
    /// What the cloud or the way to it says.
    Error(aliyun::Error),
    /// The user has interrupted the deployment.
    Interrupted(Failure),
    /// There was no answer in time.
    Late,
}

/// What all changes of a client share. Clones are one.
#[derive(Debug, Clone)]
pub(crate) struct ShareChanges(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    api: aliyun::Client,
    /// By image. An image that is here has somebody who sends its changes, also if there are none at the moment.
    images: Mutex<HashMap<String, Vec<Wanted>>>,
    next: AtomicU64,
}

/// A change that is wanted.
#[derive(Debug)]
struct Wanted {
    number: u64,
    access: Access,
    account: String,
    deadline: Instant,
    answer: oneshot::Sender<Result<(), Refused>>,
}

/// A call that failed.
#[derive(Debug, Clone)]
struct Refused {
    error: aliyun::Error,
    /// Whether a call before it may have been carried out.
    in_doubt: bool,
}

impl ShareChanges {
    /// Sends changes through `api`.
    pub(crate) fn new(api: aliyun::Client) -> ShareChanges {
        ShareChanges(Arc::new(Inner { api, images: Mutex::default(), next: AtomicU64::new(0) }))
    }

    /// Changes an account's access to an image. That the cloud has accepted it is no proof that it is in effect.
    ///
    /// # Errors
    /// Why it is not known to be made, and whether it may be all the same.
    pub(crate) async fn change(
        &self,
        context: &Context,
        image: &str,
        account: &str,
        access: Access,
    ) -> Result<(), Undone> {
        let (answer, answered) = oneshot::channel();
        let number = self.0.next.fetch_add(1, Ordering::Relaxed);
        let deadline = context.deadline();
        let begins = {
            let mut images = self.0.images();
            let begins = !images.contains_key(image);
            let wanted = Wanted { number, access, account: account.to_owned(), deadline, answer };
            images.entry(image.to_owned()).or_default().push(wanted);
            begins
        };
        if begins {
            let (inner, image) = (Arc::clone(&self.0), image.to_owned());
            gather::begin(async move {
                while let Some(batch) = inner.take(&image) {
                    inner.send(&image, batch).await;
                }
            });
        }
        let why = match context.unless_cancelled(gather::answer(answered, deadline)).await {
            Ok(Some(Ok(()))) => return Ok(()),
            Ok(Some(Err(Refused { error, in_doubt }))) => {
                return Err(Undone { in_doubt: in_doubt || error.is_ambiguous(), why: Why::Error(error) });
            }
            Ok(None) => Why::Late,
            Err(interrupted) => Why::Interrupted(interrupted),
        };
        // What was not taken by then never is.
        Err(Undone { why, in_doubt: !self.0.take_back(image, number) })
    }
}

impl Inner {
    fn images(&self) -> MutexGuard<'_, HashMap<String, Vec<Wanted>>> {
        self.images.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the change was still to be sent.
    fn take_back(&self, image: &str, number: u64) -> bool {
        let mut images = self.images();
        let Some(wanted) = images.get_mut(image) else { return false };
        let before = wanted.len();
        wanted.retain(|wanted| wanted.number != number);
        wanted.len() < before
    }

    /// What one call can carry of the changes of an image; `None`, once there are none, ends the sending of its changes.
    fn take(&self, image: &str) -> Option<Vec<Wanted>> {
        let mut images = self.images();
        let queue = images.get_mut(image)?;
        // Who has been interrupted no longer listens.
        queue.retain(|wanted| !wanted.answer.is_closed());
        let Some(access) = queue.first().map(|wanted| wanted.access) else {
            images.remove(image);
            return None;
        };
        let (mut accounts, mut later) = (HashSet::new(), HashSet::new());
        let batch = queue.extract_if(.., |wanted| {
            // The changes of one account stay in their order.
            let fits = wanted.access == access
                && !later.contains(&wanted.account)
                && (accounts.len() < MOST_ACCOUNTS || accounts.contains(&wanted.account));
            let met = if fits { &mut accounts } else { &mut later };
            met.insert(wanted.account.clone());
            fits
        });
        Some(batch.collect())
    }

    async fn send(&self, image: &str, batch: Vec<Wanted>) {
        let mut accounts: Vec<Vec<Wanted>> = Vec::new();
        for wanted in batch {
            match accounts.iter_mut().find(|others| others[0].account == wanted.account) {
                Some(others) => others.push(wanted),
                None => accounts.push(vec![wanted]),
            }
        }
        let Err(error) = self.call(image, accounts.iter().flatten()).await else {
            return accounts.into_iter().for_each(|wanted| reply(wanted, &Ok(())));
        };
        if accounts.len() == 1 || !may_be_about_one(&error) {
            let refused = Err(Refused { error, in_doubt: false });
            return accounts.into_iter().for_each(|wanted| reply(wanted, &refused));
        }
        tracing::debug!(
            "{} accounts are refused together, so each is asked for alone: {error}",
            accounts.len()
        );
        for mut wanted in accounts {
            wanted.retain(|wanted| !wanted.answer.is_closed());
            if !wanted.is_empty() {
                let alone = self.call(image, wanted.iter()).await;
                let alone = alone.map_err(|alone| Refused { error: alone, in_doubt: error.is_ambiguous() });
                reply(wanted, &alone);
            }
        }
    }

    async fn call<'a>(
        &self,
        image: &str,
        batch: impl Iterator<Item = &'a Wanted> + Clone,
    ) -> Result<(), aliyun::Error> {
        let (mut deadline, mut accounts) = (Instant::now(), Vec::new());
        let mut request =
            ModifyImageSharePermissionRequest { image_id: image.to_owned(), ..Default::default() };
        for wanted in batch {
            deadline = deadline.max(wanted.deadline);
            if !accounts.contains(&wanted.account) {
                accounts.push(wanted.account.clone());
            }
            match wanted.access {
                Access::Granted => request.add_accounts.clone_from(&accounts),
                Access::Withdrawn => request.remove_accounts.clone_from(&accounts),
            }
        }
        self.api.modify_image_share_permission(&request, deadline).await.map(drop)
    }
}

/// Whether a refusal of several accounts may be about one of them only.
fn may_be_about_one(error: &aliyun::Error) -> bool {
    let is_refusal = matches!(
        error.kind(),
        ErrorKind::NotFound | ErrorKind::Conflict | ErrorKind::InvalidRequest | ErrorKind::Quota
    );
    is_refusal && error.code().is_some_and(|code| !OF_THE_IMAGE.contains(&code))
}

fn reply(changes: Vec<Wanted>, outcome: &Result<(), Refused>) {
    for wanted in changes {
        let _ = wanted.answer.send(outcome.clone());
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use aliyun::testing::{broken, hang, refuse, unreachable};
    use futures::future::join_all;
    use pulumi::testing::TestContext;
    use tokio::time::sleep;

    use super::*;
    use crate::ecs::images::test_cloud::within;
    use crate::ecs::images::test_shares::{Instead, ShareCloud, added};

    fn accounts(count: usize) -> Vec<String> {
        (0..count).map(|index| format!("10{index:02}")).collect()
    }

    async fn change(
        cloud: &ShareCloud,
        context: &TestContext,
        account: &str,
        access: Access,
    ) -> Result<(), Undone> {
        cloud.cloud.client.share_changes.change(context, "m-1", account, access).await
    }

    /// What comes of changes that are wanted at once: of each that is not made, the code and whether it is in doubt.
    async fn all(cloud: &ShareCloud, accounts: &[String], access: Access) -> Vec<(String, String, bool)> {
        let context = within(60);
        let changes = accounts.iter().map(async |account| {
            let Err(Undone { why, in_doubt }) = change(cloud, &context, account, access).await else {
                return None;
            };
            let code = match why {
                Why::Error(error) => error.code().unwrap_or_default().to_owned(),
                other => format!("{other:?}"),
            };
            Some((account.clone(), code, in_doubt))
        });
        join_all(changes).await.into_iter().flatten().collect()
    }

    fn undone(account: &str, code: &str, in_doubt: bool) -> (String, String, bool) {
        (account.to_owned(), code.to_owned(), in_doubt)
    }

    #[tokio::test(start_paused = true)]
    async fn changes_of_one_moment_go_out_by_ten() {
        for (count, batches) in [(1, vec![1]), (10, vec![10]), (11, vec![10, 1]), (30, vec![10, 10, 10])] {
            let cloud = ShareCloud::new();
            let accounts = accounts(count);
            assert_eq!(all(&cloud, &accounts, Access::Granted).await, []);
            assert_eq!(cloud.accounts(), accounts);
            assert_eq!(cloud.batches(), batches);
            assert_eq!(all(&cloud, &accounts, Access::Withdrawn).await, []);
            assert_eq!((cloud.accounts(), cloud.batches().len()), (vec![], batches.len() * 2));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_change_waits_a_moment_for_others_and_then_for_the_call_before_it() {
        let cloud = ShareCloud::otherwise(|_| {
            let slowly = aliyun::testing::ok(r#"{"RequestId":"R"}"#).after(Duration::from_secs(2));
            Some(Instead::OfTheAnswer(slowly))
        });
        let context = within(60);
        let began = Instant::now();
        let changes = [0, 2, 10, 500, 1900].map(|millis| {
            let (cloud, context) = (&cloud, &context);
            async move {
                sleep(Duration::from_millis(millis)).await;
                change(cloud, context, &format!("1{millis}"), Access::Granted).await.unwrap();
            }
        });
        join_all(changes).await;
        assert_eq!(cloud.batches(), [2, 3]);
        assert_eq!(began.elapsed().as_secs(), 4);
    }

    #[tokio::test(start_paused = true)]
    async fn a_bad_account_fails_alone() {
        for access in [Access::Granted, Access::Withdrawn] {
            let cloud = ShareCloud::new();
            let accounts = accounts(30);
            cloud.shares().refused.insert("1013".to_owned(), (404, "InvalidAccount.NotFound"));
            let outcome = all(&cloud, &accounts, access).await;
            assert_eq!(outcome, [undone("1013", "InvalidAccount.NotFound", false)]);
            assert_eq!(cloud.batches(), [vec![10, 10], vec![1; 10], vec![10]].concat());
            assert_eq!(cloud.accounts().len(), if access == Access::Granted { 29 } else { 0 });
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_quota_that_has_room_for_some_is_filled() {
        let cloud = ShareCloud::otherwise(|sent| {
            let beyond = added(sent).iter().any(|account| *account >= "1003");
            beyond.then(|| Instead::OfTheCall(refuse(403, "QuotaExceed.ShareImageUser")))
        });
        let outcome = all(&cloud, &accounts(5), Access::Granted).await;
        let full = "QuotaExceed.ShareImageUser";
        assert_eq!(outcome, [undone("1003", full, false), undone("1004", full, false)]);
        assert_eq!(cloud.accounts(), accounts(3));
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_of_the_image_or_of_the_caller_is_everybodys() {
        for (status, code) in
            [(403, "AssumeRoleError"), (404, "InvalidImageId.NotFound"), (403, "Forbidden.RAM")]
        {
            let cloud = ShareCloud::otherwise(move |_| Some(Instead::OfTheCall(refuse(status, code))));
            let outcome = all(&cloud, &accounts(10), Access::Granted).await;
            assert!(
                outcome.len() == 10 && outcome.iter().all(|(_, said, doubt)| said == code && !doubt),
                "{outcome:?}"
            );
            assert_eq!(cloud.batches(), [10]);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_lost_answer_is_asked_for_again_and_is_in_doubt_only_if_there_is_none() {
        let cloud = ShareCloud::otherwise(|sent| (sent.index == 0).then(|| Instead::OfTheAnswer(broken())));
        assert_eq!(all(&cloud, &accounts(10), Access::Granted).await, []);
        assert_eq!(cloud.batches(), [10, 10]);
        for (reply, in_doubt) in [(broken(), true), (unreachable(), false)] {
            let cloud = ShareCloud::otherwise(move |_| Some(Instead::OfTheCall(reply.clone())));
            let outcome = all(&cloud, &accounts(2), Access::Granted).await;
            assert_eq!(outcome, [undone("1000", "", in_doubt), undone("1001", "", in_doubt)]);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_after_a_lost_answer_leaves_a_doubt() {
        let cloud = ShareCloud::otherwise(|sent| match sent.index {
            0 => Some(Instead::OfTheAnswer(broken())),
            _ => Some(Instead::OfTheCall(refuse(403, "QuotaExceed.ShareImageUser"))),
        });
        let outcome = all(&cloud, &accounts(2), Access::Granted).await;
        let full = "QuotaExceed.ShareImageUser";
        assert_eq!(outcome, [undone("1000", full, true), undone("1001", full, true)]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_interrupted_before_it_is_sent_never_is() {
        let cloud = ShareCloud::new();
        let (one, other) = (within(60), within(60));
        let interrupted = async {
            sleep(Duration::from_millis(2)).await;
            one.cancel();
        };
        let (first, second, ()) = tokio::join!(
            change(&cloud, &one, "1000", Access::Granted),
            change(&cloud, &other, "1001", Access::Granted),
            interrupted
        );
        assert!(matches!(first, Err(Undone { why: Why::Interrupted(_), in_doubt: false })), "{first:?}");
        second.unwrap();
        assert_eq!(cloud.accounts(), ["1001"]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_interrupted_or_late_after_that_is_in_doubt_and_the_others_go_on() {
        let slow = Duration::from_secs(10);
        let cloud = ShareCloud::otherwise(move |_| {
            Some(Instead::OfTheAnswer(aliyun::testing::ok(r#"{"RequestId":"R"}"#).after(slow)))
        });
        let (one, short, long) = (within(60), within(5), within(60));
        let began = Instant::now();
        let interrupted = async {
            sleep(Duration::from_secs(2)).await;
            one.cancel();
        };
        let (first, second, third, ()) = tokio::join!(
            async { (change(&cloud, &one, "1000", Access::Granted).await, began.elapsed().as_secs()) },
            async { (change(&cloud, &short, "1001", Access::Granted).await, began.elapsed().as_secs()) },
            change(&cloud, &long, "1002", Access::Granted),
            interrupted
        );
        assert!(matches!(first, (Err(Undone { why: Why::Interrupted(_), in_doubt: true }), 2)), "{first:?}");
        assert!(matches!(second, (Err(Undone { why: Why::Late, in_doubt: true }), 5)), "{second:?}");
        third.unwrap();
        assert_eq!(cloud.batches(), [3]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_waits_behind_a_call_that_hangs_ends_in_time_and_without_a_doubt() {
        let cloud = ShareCloud::otherwise(|_| Some(Instead::OfTheCall(hang())));
        let (long, short) = (within(60), within(5));
        let behind = async {
            sleep(Duration::from_secs(1)).await;
            change(&cloud, &short, "1001", Access::Granted).await
        };
        let first = change(&cloud, &long, "1000", Access::Granted);
        let (first, second) = tokio::join!(first, behind);
        assert!(matches!(first, Err(Undone { in_doubt: true, .. })), "{first:?}");
        assert!(matches!(second, Err(Undone { why: Why::Late, in_doubt: false })), "{second:?}");
        assert!(cloud.cloud.stub.sent().iter().all(|sent| added(sent) == ["1000"]));
    }

    #[tokio::test(start_paused = true)]
    async fn an_account_that_is_wanted_twice_is_sent_once() {
        let cloud = ShareCloud::new();
        let twice = ["1000".to_owned(), "1000".to_owned()];
        assert_eq!(all(&cloud, &twice, Access::Granted).await, []);
        assert_eq!(cloud.batches(), [1]);
    }

    #[tokio::test(start_paused = true)]
    async fn the_changes_of_one_account_keep_their_order() {
        let cloud = ShareCloud::new();
        let context = within(60);
        let (a, b) = (Access::Granted, Access::Withdrawn);
        let wanted = [("1000", a), ("1000", b), ("1001", a), ("1000", a), ("1002", b)];
        join_all(wanted.map(|(account, access)| change(&cloud, &context, account, access))).await;
        assert_eq!(cloud.accounts(), ["1000", "1001"]);
        assert_eq!(cloud.batches(), [2, 2, 1]);
    }

    #[tokio::test(start_paused = true)]
    async fn images_do_not_wait_for_each_other() {
        let cloud = ShareCloud::otherwise(|sent| {
            (sent.param("ImageId") == "m-1").then(|| Instead::OfTheCall(hang()))
        });
        cloud.cloud.holds("m-2", "another");
        let context = within(60);
        let began = Instant::now();
        let other = async {
            let changes = &cloud.cloud.client.share_changes;
            changes.change(&context, "m-2", "1000", Access::Granted).await.unwrap();
            began.elapsed()
        };
        let (_, took) = tokio::join!(change(&cloud, &context, "1000", Access::Granted), other);
        assert!(took < Duration::from_secs(1), "{took:?}");
    }
}
