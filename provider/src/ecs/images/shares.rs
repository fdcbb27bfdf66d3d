//! Whom an image is shared with. Looks that are wanted of one image within a few milliseconds are one, however many accounts
//! they are for: page by page, until every account is found or the last page is read.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use aliyun::ecs::DescribeImageSharePermissionRequest;
use pulumi::{Context, Failure};
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::ecs::images::gather;
use crate::failure;

/// The most accounts that one page holds.
pub(crate) const PAGE: u32 = 100;
/// A cloud that never comes to a last page is not followed for ever.
const MOST_PAGES: u32 = 1_000;

/// An account that an image is shared with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Share {
    /// The account's number.
    pub(crate) account: String,
    /// Since when, in UTC. Older answers do not say.
    pub(crate) since: Option<String>,
}

/// What a look shows of an image and an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Seen {
    /// The image is shared with the account.
    Shared(Share),
    /// It is not, or that does not show yet.
    NotShared,
    /// The cloud knows no such image of its own account here.
    NoImage,
}

/// One page of the accounts that an image is shared with.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) shares: Vec<Share>,
    /// How many accounts there are on all pages, if the cloud says.
    pub(crate) total: Option<usize>,
    /// Whether groups of accounts are told as well, which the total may count.
    has_groups: bool,
}

/// What all looks of a client share. Clones are one.
#[derive(Debug, Clone)]
pub(crate) struct Shares(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    api: aliyun::Client,
    /// By image.
    queue: Mutex<HashMap<String, Vec<Wanted>>>,
}

/// A look that is wanted.
#[derive(Debug)]
struct Wanted {
    account: String,
    deadline: Instant,
    answer: oneshot::Sender<Result<Seen, aliyun::Error>>,
}

impl Shares {
    /// Looks through `api`.
    pub(crate) fn new(api: aliyun::Client) -> Shares {
        Shares(Arc::new(Inner { api, queue: Mutex::default() }))
    }

    /// Whether an image is shared with an account, as the cloud shows it now.
    ///
    /// # Errors
    /// What the cloud answers instead, no answer within the operation's time, or an interruption.
    pub(crate) async fn look(&self, context: &Context, image: &str, account: &str) -> Result<Seen, Failure> {
        match context.unless_cancelled(self.join_queue(image, account, context.deadline())).await? {
            Some(look) => look.map_err(failure::cloud),
            None => Err(Failure::Refused(format!(
                "DescribeImageSharePermission did not answer about image {image} within the {} s of this operation",
                context.time_limit().as_secs()
            ))),
        }
    }

    /// All accounts that an image is shared with, in the cloud's order.
    ///
    /// # Errors
    /// What the cloud answers instead, or an interruption.
    pub(crate) async fn all(&self, context: &Context, image: &str) -> Result<Vec<Share>, Failure> {
        let (mut all, mut told) = (Vec::new(), Told::default());
        for number in 1..=MOST_PAGES {
            let Page { shares, total, .. } =
                self.page(context, image, number, PAGE).await?.map_err(failure::cloud)?;
            let is_last = told.ends_with(&shares, total);
            for share in shares {
                if !all.iter().any(|other: &Share| other.account == share.account) {
                    all.push(share);
                }
            }
            if is_last {
                break;
            }
        }
        Ok(all)
    }

    /// One page, counted from 1, of so many accounts, 100 at most.
    ///
    /// # Errors
    /// An interruption; within, what the cloud answers instead.
    pub(crate) async fn page(
        &self,
        context: &Context,
        image: &str,
        number: u32,
        size: u32,
    ) -> Result<Result<Page, aliyun::Error>, Failure> {
        context.unless_cancelled(self.0.page(image, number, size, context.deadline())).await
    }

    /// `None` if there is no answer in time.
    async fn join_queue(
        &self,
        image: &str,
        account: &str,
        deadline: Instant,
    ) -> Option<Result<Seen, aliyun::Error>> {
        let (answer, answered) = oneshot::channel();
        let begins = {
            let mut queue = self.0.queue.lock().unwrap_or_else(PoisonError::into_inner);
            let wanted = queue.entry(image.to_owned()).or_default();
            wanted.push(Wanted { account: account.to_owned(), deadline, answer });
            wanted.len() == 1
        };
        if begins {
            let (inner, image) = (Arc::clone(&self.0), image.to_owned());
            gather::begin(async move {
                let wanted = inner.queue.lock().unwrap_or_else(PoisonError::into_inner).remove(&image);
                inner.answer(&image, wanted.unwrap_or_default()).await;
            });
        }
        gather::answer(answered, deadline).await
    }
}

impl Inner {
    async fn answer(&self, image: &str, mut wanted: Vec<Wanted>) {
        let mut told = Told::default();
        // How many more there are than any page has told.
        let mut missing = 0;
        let mut groups = false;
        for number in 1..=MOST_PAGES {
            wanted.retain(|wanted| !wanted.answer.is_closed());
            let Some(deadline) = wanted.iter().map(|wanted| wanted.deadline).max() else { return };
            match self.page(image, number, PAGE, deadline).await {
                Ok(Page { shares, total, has_groups }) => {
                    let is_last = told.ends_with(&shares, total);
                    groups |= has_groups;
                    missing = total.filter(|_| !groups).unwrap_or_default().saturating_sub(told.0.len());
                    for share in shares {
                        let found = wanted.extract_if(.., |wanted| wanted.account == share.account);
                        reply(found, &Ok(Seen::Shared(share.clone())));
                    }
                    if is_last {
                        break;
                    }
                }
                Err(error) if error.is_image_not_found() => return reply(wanted, &Ok(Seen::NoImage)),
                Err(error) => return reply(wanted, &Err(error)),
            }
        }
        if missing == 0 {
            return reply(wanted, &Ok(Seen::NotShared));
        }
        let text = format!("the pages leave out {missing} of the accounts that image {image} is shared with");
        reply(wanted, &Err(aliyun::Error::contradiction("DescribeImageSharePermission", text)));
    }

    async fn page(
        &self,
        image: &str,
        number: u32,
        size: u32,
        deadline: Instant,
    ) -> Result<Page, aliyun::Error> {
        let request = DescribeImageSharePermissionRequest {
            image_id: image.to_owned(),
            page_number: Some(number),
            page_size: Some(size),
        };
        let answer = self.api.describe_image_share_permission(&request, deadline).await?;
        let shares = answer.accounts.into_iter().filter_map(|account| {
            Some(Share {
                account: account.aliyun_id?,
                since: account.shared_time.filter(|time| !time.is_empty()),
            })
        });
        Ok(Page {
            has_groups: !answer.share_groups.is_empty(),
            shares: shares.collect(),
            total: answer.total_count.and_then(|total| usize::try_from(total).ok()),
        })
    }
}

/// The accounts on the pages so far.
#[derive(Default)]
struct Told(HashSet<String>);

impl Told {
    /// Takes in a page. Whether it is the last: it tells no new account, or all that are counted have been told. It may be
    /// shorter than was asked for, so one that is not full is no end.
    fn ends_with(&mut self, shares: &[Share], total: Option<usize>) -> bool {
        let before = self.0.len();
        self.0.extend(shares.iter().map(|share| share.account.clone()));
        self.0.len() == before || total.is_some_and(|total| self.0.len() >= total)
    }
}

fn reply(looks: impl IntoIterator<Item = Wanted>, seen: &Result<Seen, aliyun::Error>) {
    for wanted in looks {
        // Who has been interrupted no longer listens.
        let _ = wanted.answer.send(seen.clone());
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use aliyun::testing::{hang, ok, refuse};
    use futures::future::join_all;
    use tokio::time::sleep;

    use super::*;
    use crate::ecs::images::test_cloud::within;
    use crate::ecs::images::test_shares::{Instead, ShareCloud};

    /// A cloud whose image is shared with so many accounts, 1000 being the first.
    fn shared_with(count: usize) -> ShareCloud {
        let cloud = ShareCloud::new();
        (0..count).for_each(|index| cloud.share_with(&format!("{}", 1000 + index)));
        cloud
    }

    async fn look(cloud: &ShareCloud, accounts: &[&str]) -> Vec<Result<Seen, String>> {
        let context = within(60);
        let looks = accounts.iter().map(async |account| {
            let seen = cloud.cloud.client.shares.look(&context, "m-1", account).await;
            seen.map_err(|failure| failure.to_string())
        });
        join_all(looks).await
    }

    fn are_shared(seen: &[Result<Seen, String>]) -> Vec<bool> {
        seen.iter().map(|seen| matches!(seen, Ok(Seen::Shared(_)))).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn looks_of_one_moment_are_one_call() {
        let cloud = shared_with(3);
        let seen = look(&cloud, &["1000", "1001", "1001", "2000"]).await;
        assert_eq!(are_shared(&seen), [true, true, true, false]);
        let since = Some("2026-11-22T01:00:00Z".to_owned());
        assert_eq!(seen[1], Ok(Seen::Shared(Share { account: "1001".to_owned(), since })));
        assert_eq!(seen[3], Ok(Seen::NotShared));
        assert_eq!(cloud.looks(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn pages_are_read_until_every_account_is_found_or_there_are_no_more() {
        for (account, is_shared, calls) in
            [("1099", true, 1), ("1100", true, 2), ("1249", true, 3), ("9", false, 3)]
        {
            let cloud = shared_with(250);
            assert_eq!(are_shared(&look(&cloud, &[account]).await), [is_shared], "{account}");
            assert_eq!(cloud.looks(), calls, "{account}");
        }
        let cloud = shared_with(250);
        let all = cloud.cloud.client.shares.all(&within(60), "m-1").await.unwrap();
        assert_eq!((all.len(), cloud.looks()), (250, 3));
        let cloud = shared_with(200);
        assert_eq!(look(&cloud, &["9"]).await, [Ok(Seen::NotShared)]);
        assert_eq!(cloud.looks(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_page_may_be_shorter_than_was_asked_for_and_what_no_page_tells_is_in_doubt() {
        for (total, groups, expected) in [
            (2, "", Ok(Seen::NotShared)),
            (5, r#","ShareGroups":{"ShareGroup":[{"Group":"g"}]}"#, Ok(Seen::NotShared)),
            (
                5,
                "",
                Err("DescribeImageSharePermission: the pages leave out 3 of the accounts that image m-1 is shared with"
                    .to_owned()),
            ),
        ] {
            let cloud = ShareCloud::otherwise(move |sent| {
                let accounts = match sent.param("PageNumber") {
                    "1" => r#"{"AliyunId":1000}"#,
                    "2" => r#"{"AliyunId":"1001"}"#,
                    _ => "",
                };
                let answer = format!(
                    r#"{{"RequestId":"R","TotalCount":{total},"Accounts":{{"Account":[{accounts}]}}{groups}}}"#
                );
                Some(Instead::OfTheCall(ok(&answer)))
            });
            assert_eq!(are_shared(&look(&cloud, &["1001"]).await), [true]);
            assert_eq!(look(&cloud, &["1002"]).await, [expected]);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_total_pages_are_read_until_one_tells_nothing_new() {
        for total in ["", r#","TotalCount":"x""#] {
            for last in ["", r#"{"AliyunId":1002}"#] {
                let cloud = ShareCloud::otherwise(move |sent| {
                    let accounts = match sent.param("PageNumber") {
                        "1" => r#"{"AliyunId":1000},{"AliyunId":1001}"#,
                        "2" => r#"{"AliyunId":1002}"#,
                        _ => last,
                    };
                    let accounts = format!(r#""Accounts":{{"Account":[{accounts}]}}"#);
                    Some(Instead::OfTheCall(ok(&format!(r#"{{"RequestId":"R",{accounts}{total}}}"#))))
                });
                let seen = look(&cloud, &["1002", "1003"]).await;
                assert_eq!((are_shared(&seen), cloud.looks()), (vec![true, false], 3), "{total}");
                assert_eq!(seen[1], Ok(Seen::NotShared), "{total}");
                assert_eq!(cloud.cloud.client.shares.all(&within(60), "m-1").await.unwrap().len(), 3);
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_not_found_code_is_an_absence_and_any_other_error_is_everybodys() {
        let cloud = shared_with(1);
        cloud.cloud.state().images.clear();
        assert_eq!(look(&cloud, &["1000", "1001"]).await, [Ok(Seen::NoImage), Ok(Seen::NoImage)]);
        let cloud = ShareCloud::otherwise(|_| Some(Instead::OfTheCall(refuse(403, "Forbidden.RAM"))));
        let seen = look(&cloud, &["1000", "1001"]).await;
        let denied =
            |seen: &Result<Seen, String>| seen.as_ref().is_err_and(|text| text.contains("Forbidden.RAM"));
        assert!(seen.iter().all(denied), "{seen:?}");
        assert_eq!(cloud.looks(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_look_ends_with_the_time_of_its_operation_or_with_an_interruption() {
        let cloud = ShareCloud::otherwise(|_| Some(Instead::OfTheCall(hang())));
        let (began, short, long) = (Instant::now(), within(30), within(600));
        let shares = &cloud.cloud.client.shares;
        let interrupted = async {
            sleep(Duration::from_secs(40)).await;
            long.cancel();
        };
        let late = async { (shares.look(&short, "m-1", "1000").await, began.elapsed().as_secs()) };
        let (late, cancelled, ()) = tokio::join!(late, shares.look(&long, "m-1", "1001"), interrupted);
        assert_eq!(late.1, 30);
        assert_eq!(
            late.0.unwrap_err().to_string(),
            "DescribeImageSharePermission did not answer about image m-1 within the 30 s of this operation"
        );
        assert!(matches!(cancelled, Err(Failure::Cancelled(_))), "{cancelled:?}");
        assert_eq!(began.elapsed().as_secs(), 40);
    }
}
