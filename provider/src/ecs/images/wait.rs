//! Waits: until an image is usable, until it is gone, until the next look.

use std::time::Duration;

use aliyun::ecs::Image as Described;
use pulumi::{Context, Failure};
use tokio::time::Instant;

use crate::client::Client;
use crate::ecs::images::looks::Waiting;

/// A wait for one image, counted among those that share their looks until it is dropped.
pub(crate) struct Wait<'a> {
    client: &'a Client,
    context: &'a Context,
    began: Instant,
    _counted: Waiting,
}

impl Wait<'_> {
    pub(crate) fn begin<'a>(client: &'a Client, context: &'a Context) -> Wait<'a> {
        Wait { client, context, began: Instant::now(), _counted: client.looks.wait() }
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// Pauses until the next look is due or the operation's time is up, unless the user interrupts the deployment.
    pub(crate) async fn pause(&self, left: Option<Duration>) -> Result<(), Failure> {
        self.pause_until(self.next(left)).await
    }

    /// As [`pause`](Self::pause), but no longer than until the wait has lasted for `patience`.
    pub(crate) async fn pause_within(&self, patience: Duration) -> Result<(), Failure> {
        self.pause_until(self.next(None).min(self.began + patience)).await
    }

    fn next(&self, left: Option<Duration>) -> Instant {
        self.client.pace.next(self.elapsed(), left, self.client.looks.calls())
    }

    async fn pause_until(&self, next: Instant) -> Result<(), Failure> {
        let until = next.min(self.context.deadline());
        self.context.unless_cancelled(tokio::time::sleep_until(until)).await
    }
}

/// Why an image that was waited for is not usable.
pub(crate) enum Unusable {
    /// The cloud could not make the image.
    Failed { message: String, seen: Box<Described> },
    /// The wait ended for a reason that says nothing about the image.
    Stopped { failure: Failure, seen: Option<Box<Described>> },
}

/// Waits until instances can be made from an image. `seen` is what a look just before has shown.
pub(crate) async fn wait_until_usable(
    client: &Client,
    context: &Context,
    id: &str,
    seen: Option<Described>,
) -> Result<Described, Unusable> {
    let wait = Wait::begin(client, context);
    let mut seen = seen.map(Box::new);
    let mut shown = String::new();
    // Of the wait, when a look last showed the image.
    let mut shown_at = Duration::ZERO;
    loop {
        let mut left = None;
        if let Some(image) = &seen {
            let text = progress(image);
            if text != shown {
                context.status(&format!("image {id}: {text}"));
                shown = text;
            }
            if image.status.as_deref() == Some("CreateFailed") {
                let message = format!("the cloud could not make image {id}: its status is CreateFailed");
                return Err(Unusable::Failed { message, seen: image.clone() });
            }
            if is_usable(image) {
                return Ok(image.as_ref().clone());
            }
            left = time_left(image, wait.elapsed());
        }
        let stopped = |failure| Unusable::Stopped { failure, seen: seen.clone() };
        wait.pause(left).await.map_err(stopped)?;
        let late = Instant::now() >= context.deadline();
        let look = match &seen {
            _ if late => Ok(None),
            None if wait.elapsed() < client.pace.invisible => client.looks.glance(context, id).await,
            _ => client.looks.describe(context, id).await,
        };
        match look {
            Ok(Some(image)) => {
                shown_at = wait.elapsed();
                seen = Some(Box::new(image));
            }
            Ok(None) if !late => {
                // An answer may lag behind, whatever it has shown before: that it shows no image once proves nothing.
                if wait.elapsed().saturating_sub(shown_at) >= client.pace.invisible {
                    let before = if seen.is_some() { "any more, though it did before" } else { "yet" };
                    let text = format!(
                        "DescribeImages has not shown image {id} for {} s {before}. If somebody has deleted it, `pulumi refresh` \
                         takes it out of the state and `pulumi up` makes it anew; if not, run `pulumi up` again to keep waiting",
                        client.pace.invisible.as_secs()
                    );
                    return Err(stopped(Failure::Refused(text)));
                }
            }
            _ if Instant::now() >= context.deadline() => {
                let seconds = context.time_limit().as_secs();
                let state = seen.as_ref().map_or("not visible".to_owned(), |seen| progress(seen));
                return Err(stopped(Failure::Refused(format!(
                    "image {id} is not usable after {seconds} s: it is {state}. Run `pulumi up` again to keep waiting; \
                     customTimeouts.{} allows more time",
                    context.verb()
                ))));
            }
            Ok(None) => {}
            Err(failure) => return Err(stopped(failure)),
        }
    }
}

/// A new image, as soon as it is visible; `None` if it is still not shown when a new one would be.
pub(crate) async fn wait_until_visible(
    client: &Client,
    context: &Context,
    id: &str,
) -> Result<Option<Described>, Failure> {
    let wait = Wait::begin(client, context);
    loop {
        let last = wait.elapsed() >= client.pace.invisible;
        let seen = client.looks.describe(context, id).await?;
        if seen.is_some() || last {
            return Ok(seen);
        }
        wait.pause_within(client.pace.invisible).await?;
    }
}

/// Older installations do not report `Usable`; there the status has to do. An image that somebody has deprecated was usable
/// once, and is waited for no more.
pub(crate) fn is_usable(image: &Described) -> bool {
    match image.status.as_deref() {
        Some("Deprecated") => true,
        status => image.usable.unwrap_or(status == Some("Available")),
    }
}

/// State and progress, for messages.
pub(crate) fn progress(image: &Described) -> String {
    let status = image.status.as_deref().unwrap_or("in an unknown state");
    match image.progress.as_deref() {
        Some(progress) if !progress.is_empty() => format!("{status} ({progress})"),
        _ => status.to_owned(),
    }
}

/// How long an image will still take if it goes on as it did so far.
fn time_left(image: &Described, waited: Duration) -> Option<Duration> {
    let percent: u32 = image.progress.as_deref()?.trim_end_matches('%').parse().ok()?;
    match percent {
        0 => None,
        1..100 => Some(waited * (100 - percent) / percent),
        _ => Some(Duration::ZERO),
    }
}

/// Waits until an image that is being deleted is gone.
pub(crate) async fn wait_until_gone(client: &Client, context: &Context, id: &str) -> Result<(), Failure> {
    let wait = Wait::begin(client, context);
    loop {
        let look = client.looks.describe(context, id).await;
        let late = Instant::now() >= context.deadline();
        match look {
            Ok(None) => return Ok(()),
            Ok(Some(_)) if !late => {}
            Err(failure) if !late => return Err(failure),
            // A look that has no time left fails, and says less than the limit does.
            Ok(Some(_)) | Err(_) => break,
        }
        context.status(&format!("image {id}: being deleted"));
        wait.pause(None).await?;
    }
    let limit = context.time_limit().as_secs();
    Err(Failure::Refused(format!(
        "image {id} is still there {limit} s after the cloud accepted its deletion. Run the command again to keep waiting; \
         customTimeouts.delete allows more time"
    )))
}
