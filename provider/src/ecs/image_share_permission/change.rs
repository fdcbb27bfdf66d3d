//! From a share that is wanted, or is not any more, to one that the cloud shows or shows no more.

use std::time::Duration;

use pulumi::{Context, Ended, Failure, Look, Wait};
use tokio::time::{Instant, sleep};

use crate::client::Client;
use crate::ecs::image_share_permission::args::Pair;
use crate::ecs::image_share_permission::refusal::{is_about_status, not_own, refused};
use crate::ecs::images::share_changes::{Access, Undone, Why};
use crate::ecs::images::shares::{Seen, Share};
use crate::ecs::images::status;
use crate::ecs::images::wait::{Unusable, wait_until_usable};

/// One share, and what works on it.
#[derive(Clone, Copy)]
pub(crate) struct Sharing<'a> {
    pub(crate) client: &'a Client,
    pub(crate) context: &'a Context,
    pub(crate) pair: Pair<'a>,
}

/// A share that is not known to be there.
pub(crate) struct Ungranted {
    pub(crate) failure: Failure,
    /// Whether it may be there all the same, or come to be.
    pub(crate) in_doubt: bool,
}

/// What came of asking the cloud for a change.
enum Asked {
    Accepted,
    /// A look has shown that nothing is left to do.
    IsSo(Seen),
}

/// When to ask for a change once more that the cloud has accepted and does not show.
struct Repetition {
    asked: Instant,
    after: Duration,
}

impl Repetition {
    fn is_due(&mut self) -> bool {
        let is_due = self.asked.elapsed() >= self.after;
        if is_due {
            *self = Repetition { asked: Instant::now(), after: self.after * 2 };
        }
        is_due
    }
}

impl<'a> Sharing<'a> {
    /// Shares the image with the account, and waits until that shows.
    ///
    /// # Errors
    /// Why the share is not known to be there, and whether it may be all the same.
    pub(crate) async fn grant(&self) -> Result<Share, Ungranted> {
        let mut in_doubt = false;
        let granted = self.granted(&mut in_doubt).await;
        granted.map_err(|failure| Ungranted { failure, in_doubt })
    }

    async fn granted(&self, in_doubt: &mut bool) -> Result<Share, Failure> {
        let Pair { image, account } = self.pair;
        let mut wait = Wait::begin(self.context, &self.client.pace);
        if let Asked::IsSo(Seen::Shared(share)) = self.ask(Access::Granted, in_doubt).await? {
            return Ok(share);
        }
        let mut repetition = self.repetition();
        loop {
            let look = self.look().await.map(|seen| match seen {
                Seen::Shared(share) => Look::Done(share),
                Seen::NotShared | Seen::NoImage => Look::Going {
                    status: format!(
                        "image {image}: that it is shared with account {account} does not show yet"
                    ),
                    left: None,
                },
            });
            match wait.after(look, 1).await {
                Ok(Some(share)) => return Ok(share),
                Ok(None) => {}
                Err(ended) => return Err(self.unseen(ended, "is shared", "does not show")),
            }
            if repetition.is_due() {
                self.ask(Access::Granted, in_doubt).await?;
            }
        }
    }

    /// Ends sharing the image with the account, and waits until that shows. What is not shared is done. `region` is the one
    /// that the state names.
    ///
    /// # Errors
    /// If the image is shared with the account still, or may be.
    pub(crate) async fn withdraw(&self, region: Option<&str>) -> Result<(), Failure> {
        let Pair { image, account } = self.pair;
        let mut wait = Wait::begin(self.context, &self.client.pace);
        let mut in_doubt = false;
        let mut asked = self.ask(Access::Withdrawn, &mut in_doubt).await?;
        let mut repetition = self.repetition();
        loop {
            match asked {
                Asked::Accepted => {}
                Asked::IsSo(Seen::NoImage) => return self.client.prove_absence(image, region),
                Asked::IsSo(_) => return Ok(()),
            }
            let look = self.look().await.map(|seen| match seen {
                // The image was there when the cloud accepted the change.
                Seen::NotShared | Seen::NoImage => Look::Done(()),
                Seen::Shared(_) => Look::Going {
                    status: format!(
                        "image {image}: that it is not shared with account {account} does not show yet"
                    ),
                    left: None,
                },
            });
            match wait.after(look, 1).await {
                Ok(Some(())) => return Ok(()),
                Ok(None) => {}
                Err(ended) => return Err(self.unseen(ended, "is no longer shared", "still shows the share")),
            }
            if repetition.is_due() {
                asked = self.ask(Access::Withdrawn, &mut in_doubt).await?;
            }
        }
    }

    /// The share as the cloud shows it. One that nobody has seen yet may be new, so it is waited for. An absence is looked at
    /// twice, as one answer may lag behind.
    ///
    /// # Errors
    /// If the cloud cannot be asked.
    pub(crate) async fn find(&self, is_new: bool) -> Result<Seen, Failure> {
        let patience = self.client.patience;
        if !is_new {
            let seen = self.look().await?;
            if matches!(seen, Seen::Shared(_)) {
                return Ok(seen);
            }
            self.context.unless_cancelled(sleep(patience.again)).await?;
            return self.look().await;
        }
        let mut wait = Wait::begin(self.context, &self.client.pace).within(patience.invisible);
        loop {
            let seen = self.look().await?;
            let look = match &seen {
                Seen::Shared(_) => Look::Done(()),
                Seen::NotShared | Seen::NoImage => Look::Nothing,
            };
            match wait.after(Ok(look), 1).await {
                Ok(None) => {}
                Ok(Some(())) | Err(Ended::OutOfPatience) => return Ok(seen),
                // A look that has no time left fails, and says so.
                Err(Ended::Late) => return self.look().await,
                Err(Ended::Cancelled(failure) | Ended::LookFailed(failure)) => return Err(failure),
            }
        }
    }

    async fn look(&self) -> Result<Seen, Failure> {
        self.client.shares.look(self.context, self.pair.image, self.pair.account).await
    }

    fn repetition(&self) -> Repetition {
        Repetition { asked: Instant::now(), after: self.client.patience.unseen }
    }

    /// Asks for a change until the cloud accepts it, or until a look shows that it is made. Notes in `in_doubt` if it may be
    /// made whatever comes of it.
    async fn ask(&self, access: Access, in_doubt: &mut bool) -> Result<Asked, Failure> {
        let Sharing { client, context, pair: Pair { image, account } } = *self;
        let mut lag: Option<Wait<'_>> = None;
        loop {
            let change = client.share_changes.change(context, image, account, access).await;
            let Err(Undone { why, in_doubt: doubt }) = change else {
                *in_doubt = true;
                return Ok(Asked::Accepted);
            };
            *in_doubt |= doubt;
            let error = match why {
                Why::Error(error) => error,
                Why::Interrupted(failure) => return Err(failure),
                Why::Late => {
                    return Err(Failure::Refused(format!(
                        "ModifyImageSharePermission did not answer about image {image} and account {account} within the {} s of \
                         this operation",
                        context.time_limit().as_secs()
                    )));
                }
            };
            if let Some(seen) = self.is_so(access, &error, *in_doubt).await? {
                return Ok(Asked::IsSo(seen));
            }
            self.may_change(error, &mut lag).await?;
        }
    }

    /// After a refusal: what a look shows if nothing is left to do. Ending what is not shared may be refused, and so may what
    /// an answer that was lost has told of already. `None` also if there is no telling.
    async fn is_so(
        &self,
        access: Access,
        error: &aliyun::Error,
        in_doubt: bool,
    ) -> Result<Option<Seen>, Failure> {
        if error.kind() == aliyun::ErrorKind::TimedOut || error.code().is_none() {
            return Ok(None);
        }
        let seen = match access {
            Access::Withdrawn if error.is_image_not_found() => return Ok(Some(Seen::NoImage)),
            Access::Withdrawn => self.find(false).await,
            Access::Granted if in_doubt => self.look().await,
            Access::Granted => return Ok(None),
        };
        match (access, seen) {
            (_, Err(cancelled @ Failure::Cancelled(_))) => Err(cancelled),
            (Access::Withdrawn, Ok(seen @ (Seen::NotShared | Seen::NoImage)))
            | (Access::Granted, Ok(seen @ Seen::Shared(_))) => Ok(Some(seen)),
            (_, Ok(_) | Err(_)) => Ok(None),
        }
    }

    /// Returns once there is sense in asking again after a refusal.
    ///
    /// # Errors
    /// If there is none.
    async fn may_change(&self, error: aliyun::Error, lag: &mut Option<Wait<'a>>) -> Result<(), Failure> {
        let Sharing { client, context, pair } = *self;
        let image = pair.image;
        let region = client.api.region();
        let is_denied = error.kind() == aliyun::ErrorKind::Denied;
        if error.kind() == aliyun::ErrorKind::TimedOut
            || !(is_denied || error.is_not_found() || is_about_status(&error))
        {
            return Err(refused(error, pair, region, None));
        }
        let seen = match client.looks.describe(context, image).await {
            Ok(seen) => seen,
            Err(cancelled @ Failure::Cancelled(_)) => return Err(cancelled),
            Err(_) => return Err(refused(error, pair, region, None)),
        };
        let owner = seen.as_ref().and_then(|seen| seen.image_owner_alias.as_deref());
        if let Some(owner) = owner.filter(|owner| *owner != "self") {
            return Err(not_own(&error, image, owner));
        }
        if is_denied {
            return Err(refused(error, pair, region, None));
        }
        let status = seen.as_ref().and_then(|seen| seen.status.clone()).unwrap_or_default();
        match (status.as_str(), seen) {
            (being_made, seen @ Some(_)) if status::is_being_made(Some(being_made)) => {
                *lag = None;
                match wait_until_usable(client, context, image, seen, None).await {
                    Ok(_) => Ok(()),
                    Err(Unusable::Failed { message, .. }) => {
                        Err(Failure::Refused(format!("imageId: {message}, so it cannot be shared")))
                    }
                    Err(Unusable::Stopped { failure, .. }) => Err(failure),
                }
            }
            // Two parts of the cloud that do not know the same of a new image yet.
            ("" | "Available", seen) => {
                let patience = match seen {
                    Some(_) => client.patience.invisible,
                    None => client.patience.unseen,
                };
                let wait = Wait::begin(context, &client.pace);
                let lag = lag.get_or_insert(wait.within(patience));
                let code = error.code().unwrap_or_default();
                let shown = format!("image {image}: whom it is shared with cannot be changed yet ({code})");
                match lag.after::<()>(Ok(Look::Going { status: shown, left: None }), 1).await {
                    Ok(_) => Ok(()),
                    Err(Ended::Cancelled(failure)) => Err(failure),
                    Err(Ended::Late | Ended::OutOfPatience | Ended::LookFailed(_)) => {
                        Err(refused(error, pair, region, Some(&status)))
                    }
                }
            }
            (status, _) => Err(refused(error, pair, region, Some(status))),
        }
    }

    /// Why a change that the cloud has accepted is not known to be in effect.
    fn unseen(&self, ended: Ended, accepted: &str, shows: &str) -> Failure {
        let Pair { image, account } = self.pair;
        let (limit, verb) = (self.context.time_limit().as_secs(), self.context.verb());
        match ended {
            Ended::Cancelled(failure) => failure,
            Ended::Late | Ended::OutOfPatience => Failure::Refused(format!(
                "the cloud has accepted that image {image} {accepted} with account {account}, and DescribeImageSharePermission \
                 {shows} after {limit} s. Run the command again to keep waiting; customTimeouts.{verb} allows more time"
            )),
            Ended::LookFailed(failure) => Failure::Refused(format!(
                "the cloud has accepted that image {image} {accepted} with account {account}, and whether it is so could not be \
                 seen: {failure}"
            )),
        }
    }
}
