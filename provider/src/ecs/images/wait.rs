//! Waits: until an image is usable, until it is shown, until it is gone.

use std::time::Duration;

use aliyun::ecs::Image as Described;
use pulumi::{Context, Ended, Failure, Look};

use crate::client::Client;
use crate::ecs::images::looks::{Looks, Waiting};
use crate::ecs::images::status::{self, CREATE_FAILED, progress};
use crate::ecs::images::tasks::{self, ImportTask, Stage, Task};
use crate::failure;

/// A wait for one image, counted among those that share their looks until it is dropped.
pub(crate) struct Wait<'a> {
    wait: pulumi::Wait<'a>,
    looks: &'a Looks,
    _counted: Waiting,
}

impl<'a> Wait<'a> {
    /// A wait that may take as long as the operation may.
    pub(crate) fn begin(client: &'a Client, context: &'a Context) -> Self {
        Wait::through(&client.looks, client, context)
    }

    /// A wait whose looks go through `looks`.
    pub(crate) fn through(looks: &'a Looks, client: &'a Client, context: &'a Context) -> Self {
        Wait { wait: pulumi::Wait::begin(context, &client.pace), looks, _counted: looks.wait(0) }
    }

    /// A wait each of whose looks takes so many calls beside the look at the image.
    pub(crate) fn looking_beside(client: &'a Client, context: &'a Context, calls: usize) -> Self {
        Wait { _counted: client.looks.wait(calls), ..Wait::begin(client, context) }
    }

    /// The same, for at most so long. The last look is due at its end.
    #[must_use]
    pub(crate) fn within(mut self, patience: Duration) -> Self {
        self.wait = self.wait.within(patience);
        self
    }

    /// How long it has taken so far.
    pub(crate) fn elapsed(&self) -> Duration {
        self.wait.elapsed()
    }

    /// Pauses until the next look is due or the operation's time is up, unless the user interrupts the deployment.
    pub(crate) async fn pause(&mut self) -> Result<(), Failure> {
        self.wait.pause(None, self.looks.calls()).await
    }

    /// See [`pulumi::Wait::after`].
    pub(crate) async fn after<T>(&mut self, look: Result<Look<T>, Failure>) -> Result<Option<T>, Ended> {
        self.wait.after(look, self.looks.calls()).await
    }
}

/// Why an image that was waited for is not usable.
pub(crate) enum Unusable {
    /// The cloud could not make the image, which it may not show any more.
    Failed { message: String, seen: Option<Box<Described>> },
    /// The wait ended for a reason that says nothing about the image.
    Stopped { failure: Failure, seen: Option<Box<Described>> },
}

/// Waits until instances can be made from an image. `seen` is what a look just before has shown. An image that an import makes
/// is waited for together with that: its task tells how far it is, and why it failed.
pub(crate) async fn wait_until_usable(
    client: &Client,
    context: &Context,
    id: &str,
    seen: Option<Described>,
    mut import: Option<&mut ImportTask>,
) -> Result<Described, Unusable> {
    let invisible = client.patience.invisible;
    let mut wait = match import {
        Some(_) => Wait::looking_beside(client, context, 1),
        None => Wait::begin(client, context),
    };
    let mut seen = seen.map(Box::new);
    // How far into the wait a look last showed the image.
    let mut shown_at = Duration::ZERO;
    // And since when its import has failed, or shows a status that is not documented.
    let mut stalled_at = None;
    let mut looked = seen.is_some();
    // What was seen may not be shown any more.
    let mut is_shown = looked;
    loop {
        if let Some(import) = import.as_deref_mut()
            && looked
        {
            match seen.as_deref() {
                Some(image) if is_usable(image) => {}
                Some(image) if has_failed(image) => {
                    Box::pin(import.look_for_reason(client, context, id)).await
                }
                Some(_) | None => Box::pin(import.look(client, context, id)).await,
            }
        }
        looked = true;
        let task = import.as_deref().and_then(ImportTask::last);
        let status = |image| format!("image {id}: {}", progress_of(image, task));
        let why = || import.as_deref().map(ImportTask::why).unwrap_or_default();
        let is_failed = task.map(Task::stage) == Some(Stage::Failed);
        let undocumented = task.and_then(Task::undocumented);
        stalled_at = match task {
            Some(_) if !is_failed && undocumented.is_none() => None,
            Some(_) => stalled_at.or(Some(wait.elapsed())),
            None => stalled_at,
        };
        let is_stalled = stalled_at.is_some_and(|since| wait.elapsed().saturating_sub(since) >= invisible);
        let look = match seen.as_deref() {
            Some(image) if has_failed(image) => {
                context.status(&format!("image {id}: {}", progress(image)));
                let message =
                    format!("the cloud could not make image {id}: its status is {CREATE_FAILED}{}", why());
                return Err(Unusable::Failed { message, seen: Some(Box::new(image.clone())) });
            }
            Some(image) if is_usable(image) => {
                context.status(&format!("image {id}: {}", progress(image)));
                // Boxed, so that those who wait do not hold the room.
                Look::Done(Box::new(image.clone()))
            }
            // A failed import is not carried on with, and its image may not be told so.
            Some(image) if is_stalled && is_failed => {
                let message = format!("the cloud could not make image {id}{}", why());
                return Err(Unusable::Failed { message, seen: Some(Box::new(image.clone())) });
            }
            // It may be under way all the same.
            Some(image)
                if is_stalled
                    && is_shown
                    && let Some(import) = undocumented =>
            {
                let failure = Failure::Refused(format!(
                    "the import of image {id} shows {import:?}, which is no documented status, and after {} s the image \
                     is still {}. It is kept, as its import may go on: run `pulumi up` again to keep waiting. If the \
                     import has been cancelled, delete the image first: pulumi destroy --target '{}'",
                    invisible.as_secs(),
                    progress(image),
                    context.urn()
                ));
                return Err(Unusable::Stopped { failure, seen: Some(Box::new(image.clone())) });
            }
            Some(image) => {
                let percent = task.and_then(Task::progress).or(image.progress.as_deref());
                Look::Going { status: status(image), left: time_left(percent, wait.elapsed()) }
            }
            None => match task.and_then(Task::progress) {
                Some(progress) => {
                    Look::Going { status: format!("image {id}: import {progress}"), left: None }
                }
                None => Look::Nothing,
            },
        };
        let ended = match wait.after(Ok(look)).await {
            Ok(Some(usable)) => return Ok(*usable),
            Ok(None) => {
                let glances = seen.is_none() && wait.elapsed() < invisible;
                let look = match glances {
                    true => client.looks.glance(context, id).await,
                    false => client.looks.describe(context, id).await,
                };
                match look {
                    Ok(Some(image)) => {
                        shown_at = wait.elapsed();
                        is_shown = true;
                        seen = Some(Box::new(image));
                        continue;
                    }
                    Ok(None) if is_failed => {
                        let message = format!("the cloud could not make image {id}{}", why());
                        return Err(Unusable::Failed { message, seen: None });
                    }
                    // An answer may lag behind, whatever it has shown before: that it shows no image once proves nothing.
                    Ok(None) if wait.elapsed().saturating_sub(shown_at) < invisible => {
                        is_shown = false;
                        continue;
                    }
                    Ok(None) => Ended::OutOfPatience,
                    Err(failure) => match wait.after::<()>(Err(failure)).await {
                        Ok(_) => continue,
                        Err(ended) => ended,
                    },
                }
            }
            Err(ended) => ended,
        };
        let failure = match ended {
            Ended::Late => {
                let state = seen.as_ref().map_or("not visible".to_owned(), |seen| progress(seen));
                Failure::Refused(format!(
                    "image {id} is not usable after {} s: it is {state}. Run `pulumi up` again to keep waiting; \
                     customTimeouts.{} allows more time",
                    context.time_limit().as_secs(),
                    context.verb()
                ))
            }
            Ended::OutOfPatience => {
                let before = if seen.is_some() { "any more, though it did before" } else { "yet" };
                let import = undocumented.map(|status| format!(", and its import shows {status:?}"));
                Failure::Refused(format!(
                    "DescribeImages has not shown image {id} for {} s {before}{}. If somebody has deleted it, `pulumi \
                     refresh` takes it out of the state and `pulumi up` makes it anew; if not, run `pulumi up` again to \
                     keep waiting",
                    invisible.as_secs(),
                    import.unwrap_or_default()
                ))
            }
            Ended::Cancelled(failure) | Ended::LookFailed(failure) => failure,
        };
        return Err(Unusable::Stopped { failure, seen });
    }
}

/// A new image, as soon as it is visible; `None` if it is still not shown when a new one would be.
pub(crate) async fn wait_until_visible(
    client: &Client,
    context: &Context,
    id: &str,
) -> Result<Option<Described>, Failure> {
    let mut wait = Wait::begin(client, context).within(client.patience.invisible);
    loop {
        let look = client.looks.describe(context, id).await;
        match wait.after(look.map(|seen| seen.map_or(Look::Nothing, Look::Done))).await {
            Ok(Some(seen)) => return Ok(Some(seen)),
            Err(Ended::OutOfPatience) => return Ok(None),
            // A look that has no time left fails, and says so.
            Err(Ended::Late) => return client.looks.describe(context, id).await,
            Ok(None) => {}
            Err(Ended::Cancelled(failure) | Ended::LookFailed(failure)) => return Err(failure),
        }
    }
}

/// Looks at an image that was there until the answer can be relied on: one that shows none may lag behind; two in a row, some time
/// apart, do so less.
pub(crate) async fn look_twice(
    client: &Client,
    context: &Context,
    id: &str,
) -> Result<Option<Described>, Failure> {
    if let Some(seen) = client.looks.describe(context, id).await? {
        return Ok(Some(seen));
    }
    context.unless_cancelled(tokio::time::sleep(client.patience.again)).await?;
    client.looks.describe(context, id).await
}

/// Whether the cloud shows that an image can be used.
pub(crate) fn is_usable(image: &Described) -> bool {
    status::is_usable(image.status.as_deref(), image.usable)
}

/// Whether the cloud could not make an image.
fn has_failed(image: &Described) -> bool {
    image.status.as_deref() == Some(CREATE_FAILED)
}

/// State and progress, with how far the import is that makes the image.
fn progress_of(image: &Described, task: Option<&Task>) -> String {
    match (image.status.as_deref(), task.and_then(Task::progress)) {
        (Some(status), Some(imported)) => format!("{status} (import {imported})"),
        _ => progress(image),
    }
}

/// How long it will still take from this percentage on if it goes on as it did so far.
pub(crate) fn time_left(percent: Option<&str>, waited: Duration) -> Option<Duration> {
    let percent: u32 = percent?.trim_end_matches('%').parse().ok()?;
    match percent {
        0 => None,
        1..100 => Some(waited * (100 - percent) / percent),
        _ => Some(Duration::ZERO),
    }
}

/// Waits until what makes an image has ended, however it ends. `being` says what is done with the image meanwhile.
pub(crate) async fn wait_until_made(
    client: &Client,
    context: &Context,
    id: &str,
    being: &str,
) -> Result<(), Failure> {
    let mut wait = Wait::begin(client, context);
    let mut last = String::new();
    loop {
        let look = look_twice(client, context, id).await.map(|seen| match seen {
            Some(seen) if status::is_being_made(seen.status.as_deref()) => {
                last = progress(&seen);
                let left = time_left(seen.progress.as_deref(), wait.elapsed());
                Look::Going { status: format!("image {id}: {last}"), left }
            }
            Some(_) | None => Look::Done(()),
        });
        match wait.after(look).await {
            Ok(Some(())) => return Ok(()),
            Ok(None) => {}
            Err(ended) => return Err(ended.into_failure(|| format!(
                    "image {id} is still being {being} after {} s: {last}. Run the command again to keep waiting; \
                     customTimeouts.{} allows more time",
                    context.time_limit().as_secs(),
                    context.verb()
                ))),
        }
    }
}

/// Waits until an import has ended, however it ends.
pub(crate) async fn wait_until_ended(
    client: &Client,
    context: &Context,
    id: &str,
    task: &str,
) -> Result<(), Failure> {
    let mut wait = Wait::looking_beside(client, context, 1);
    loop {
        let look = tasks::describe(client, context, task, context.deadline()).await;
        let look = match look {
            Ok(Ok(Some(seen))) if seen.stage() == Stage::Running => {
                Ok(Look::Going { status: format!("image {id}: its import has not ended yet"), left: None })
            }
            Ok(Ok(_)) => Ok(Look::Done(())),
            Ok(Err(error)) => Err(failure::cloud(error)),
            Err(failure) => Err(failure),
        };
        match wait.after(look).await {
            Ok(Some(())) => return Ok(()),
            Ok(None) => {}
            Err(ended) => return Err(ended.into_failure(|| format!(
                    "the import of image {id} has not ended after {} s. Run the command again to keep waiting; \
                     customTimeouts.{} allows more time",
                    context.time_limit().as_secs(),
                    context.verb()
                ))),
        }
    }
}

/// Waits until a copy that is being cancelled is gone, or turns out to have come to its end before. Whether it is gone.
pub(crate) async fn wait_until_cancelled(
    client: &Client,
    context: &Context,
    id: &str,
) -> Result<bool, Failure> {
    let is_on_its_way =
        |seen: &Described| seen.status.is_none() || status::is_being_made(seen.status.as_deref());
    // That it was cancelled does not say that it is gone, so one empty answer does not either.
    let look = || look_twice(client, context, id);
    let words = ["cancelled", "the cancellation of its copy"];
    wait_for_the_end(client, context, id, words, look, is_on_its_way).await
}

/// Waits until an image that is being deleted is gone.
pub(crate) async fn wait_until_gone(client: &Client, context: &Context, id: &str) -> Result<(), Failure> {
    let look = || client.looks.describe(context, id);
    wait_for_the_end(client, context, id, ["deleted", "its deletion"], look, |_| true).await.map(drop)
}

/// Waits until looks show that an image is gone, or not on its way any more. Whether it is gone. `being` and `accepted` say in
/// messages what is done with it, and what the cloud has accepted.
async fn wait_for_the_end<F: Future<Output = Result<Option<Described>, Failure>>>(
    client: &Client,
    context: &Context,
    id: &str,
    [being, accepted]: [&str; 2],
    look: impl Fn() -> F,
    is_on_its_way: impl Fn(&Described) -> bool,
) -> Result<bool, Failure> {
    let mut wait = Wait::begin(client, context);
    loop {
        let look = look().await.map(|seen| match seen {
            None => Look::Done(true),
            Some(seen) if !is_on_its_way(&seen) => Look::Done(false),
            Some(_) => Look::Going { status: format!("image {id}: being {being}"), left: None },
        });
        match wait.after(look).await {
            Ok(Some(is_gone)) => return Ok(is_gone),
            Ok(None) => {}
            Err(ended) => return Err(ended.into_failure(|| format!(
                    "image {id} is still there {} s after the cloud accepted {accepted}. Run the command again to keep \
                     waiting; customTimeouts.{} allows more time",
                    context.time_limit().as_secs(),
                    context.verb()
                ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use aliyun::testing::refuse;
    use futures::future::join_all;
    use tokio::time::Instant;

    use super::*;
    use crate::ecs::images::test_cloud::{Cloud, within};

    /// A cloud whose only image is shown and usable after so many seconds.
    fn cloud(shown_after: u64, ready_after: u64) -> Cloud {
        let cloud = Cloud::new();
        cloud.holds("m-1", "golden");
        let mut state = cloud.state();
        state.images[0].shown_from += Duration::from_secs(shown_after);
        state.images[0].ready_from += Duration::from_secs(ready_after);
        drop(state);
        cloud
    }

    async fn wait(cloud: &Cloud, context: &Context) -> (Result<String, String>, Duration) {
        let began = Instant::now();
        let waited = wait_until_usable(&cloud.client, context, "m-1", None, None).await;
        let outcome = match waited {
            Ok(seen) => Ok(seen.image_id.unwrap()),
            Err(Unusable::Failed { message, .. }) => Err(message),
            Err(Unusable::Stopped { failure, .. }) => Err(failure.to_string()),
        };
        (outcome, began.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn an_image_may_stay_invisible_for_a_minute() {
        let (outcome, took) = wait(&cloud(55, 0), &within(600)).await;
        assert_eq!(outcome.unwrap(), "m-1");
        assert!((55..=60).contains(&took.as_secs()), "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn an_image_that_is_not_shown_for_a_minute_ends_the_wait() {
        let (outcome, took) = wait(&cloud(100_000, 0), &within(600)).await;
        let text = outcome.unwrap_err();
        assert!(text.starts_with("DescribeImages has not shown image m-1 for 60 s yet."), "{text}");
        assert!((60..=65).contains(&took.as_secs()), "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn an_image_that_is_shown_no_more_is_waited_for_another_minute() {
        let cloud = cloud(0, 100_000);
        let context = within(600);
        let vanishes = async {
            tokio::time::sleep(Duration::from_secs(30)).await;
            cloud.state().images.clear();
        };
        let ((outcome, took), ()) = tokio::join!(wait(&cloud, &context), vanishes);
        let text = outcome.unwrap_err();
        assert!(text.contains("m-1 for 60 s any more, though it did before. "), "{text}");
        assert!((85..=98).contains(&took.as_secs()), "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn an_image_that_failed_is_waited_for_no_more() {
        let cloud = cloud(0, 5);
        cloud.state().images[0].last_status = "CreateFailed";
        let (outcome, took) = wait(&cloud, &within(600)).await;
        assert_eq!(outcome.unwrap_err(), "the cloud could not make image m-1: its status is CreateFailed");
        assert!(took.as_secs() <= 7, "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_of_the_time_names_the_limit_and_what_the_image_is() {
        let (outcome, took) = wait(&cloud(0, 100_000), &within(45)).await;
        assert_eq!(
            outcome.unwrap_err(),
            "image m-1 is not usable after 45 s: it is Creating (50%). Run `pulumi up` again to keep waiting; \
             customTimeouts.create allows more time"
        );
        assert_eq!(took.as_secs(), 45);
    }

    #[tokio::test(start_paused = true)]
    async fn an_interruption_ends_the_wait_at_once_with_what_was_seen() {
        let cloud = cloud(0, 100_000);
        let (began, context) = (Instant::now(), within(600));
        let interrupted = async {
            tokio::time::sleep(Duration::from_millis(20_300)).await;
            context.cancel();
        };
        let (waited, ()) =
            tokio::join!(wait_until_usable(&cloud.client, &context, "m-1", None, None), interrupted);
        let Err(Unusable::Stopped { failure: Failure::Cancelled(_), seen }) = waited else { panic!() };
        assert_eq!(seen.unwrap().status.as_deref(), Some("Creating"));
        assert_eq!(began.elapsed(), Duration::from_millis(20_300));
    }

    #[tokio::test(start_paused = true)]
    async fn a_look_that_is_refused_ends_the_wait_with_what_was_seen() {
        let began = Instant::now();
        let cloud = Cloud::otherwise(move |_, _| {
            (began.elapsed() > Duration::from_secs(10)).then(|| refuse(403, "Forbidden.RAM"))
        });
        cloud.holds("m-1", "golden");
        cloud.state().images[0].ready_from += Duration::from_secs(60);
        let context = within(600);
        let waited = wait_until_usable(&cloud.client, &context, "m-1", None, None).await;
        let Err(Unusable::Stopped { failure, seen: Some(_) }) = waited else { panic!() };
        assert!(failure.to_string().contains("Forbidden.RAM"), "{failure}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_state_is_shown_once() {
        let cloud = cloud(0, 40);
        let context = within(600);
        wait(&cloud, &context).await.0.unwrap();
        assert_eq!(context.statuses(), ["image m-1: Creating (50%)", "image m-1: Available (100%)"]);
    }

    #[tokio::test(start_paused = true)]
    async fn an_image_that_takes_an_hour_is_looked_at_every_ten_seconds_at_most() {
        let cloud = cloud(0, 3_600);
        let (outcome, took) = wait(&cloud, &within(7_200)).await;
        outcome.unwrap();
        assert!((3_600..3_611).contains(&took.as_secs()), "{took:?}");
        assert!(cloud.count("DescribeImages") <= 360, "{}", cloud.count("DescribeImages"));
    }

    /// The creates of one `pulumi up` begin one after another, and share their looks all the same.
    #[tokio::test(start_paused = true)]
    async fn a_hundred_images_of_half_a_minute_take_35_looks() {
        let cloud = Cloud::new();
        let waits = (0..100).map(|index| {
            let cloud = &cloud;
            async move {
                tokio::time::sleep(Duration::from_millis(30 * index)).await;
                let id = format!("m-{index}");
                cloud.holds(&id, &format!("name-{index}"));
                cloud.state().images.last_mut().unwrap().ready_from += Duration::from_secs(30);
                let context = within(600);
                wait_until_usable(&cloud.client, &context, &id, None, None).await.map(drop).map_err(|_| id)
            }
        });
        for waited in join_all(waits).await {
            waited.unwrap();
        }
        assert!(cloud.count("DescribeImages") <= 35, "{}", cloud.count("DescribeImages"));
    }

    /// A thousand new images are not a thousand calls.
    #[tokio::test(start_paused = true)]
    async fn images_that_are_not_visible_yet_are_not_asked_for_one_by_one() {
        let cloud = Cloud::new();
        let context = within(600);
        let ids: Vec<String> = (0..20).map(|index| format!("m-{index}")).collect();
        for id in &ids {
            cloud.holds(id, id);
            cloud.state().images.last_mut().unwrap().shown_from += Duration::from_secs(10);
        }
        let waits = ids.iter().map(|id| wait_until_usable(&cloud.client, &context, id, None, None));
        assert!(join_all(waits).await.iter().all(Result::is_ok));
        let sent = cloud.stub.sent();
        let lists = sent.iter().filter(|sent| sent.param("ImageId").contains(',')).count();
        assert!(sent.len() <= 2 * lists, "{} calls, {lists} of them lists", sent.len());
    }

    #[tokio::test(start_paused = true)]
    async fn an_image_that_is_ready_at_once_is_seen_at_once() {
        let (outcome, took) = wait(&cloud(0, 0), &within(600)).await;
        outcome.unwrap();
        assert!(took <= Duration::from_millis(250), "{took:?}");
    }

    #[test]
    fn a_deprecated_image_is_usable_and_an_older_cloud_says_it_by_the_status() {
        let image = |status: &str, usable| Described {
            status: Some(status.to_owned()),
            usable,
            ..Described::default()
        };
        for (status, usable, expected) in [
            ("Available", None, true),
            ("Available", Some(false), false),
            ("Creating", None, false),
            ("Deprecated", Some(false), true),
        ] {
            assert_eq!(is_usable(&image(status, usable)), expected, "{status} {usable:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_of_a_deletion_is_waited_for_as_long_as_it_may_take() {
        let cloud = cloud(0, 0);
        let context = within(30);
        let text = wait_until_gone(&cloud.client, &context, "m-1").await.unwrap_err().to_string();
        assert_eq!(
            text,
            "image m-1 is still there 30 s after the cloud accepted its deletion. Run the command again to keep waiting; \
             customTimeouts.create allows more time"
        );
        let (copying, context) = (self::cloud(0, 600), within(30));
        let text = wait_until_cancelled(&copying.client, &context, "m-1").await.unwrap_err().to_string();
        assert!(text.starts_with(
            "image m-1 is still there 30 s after the cloud accepted the cancellation of its copy."
        ));
        let gone = async {
            tokio::time::sleep(Duration::from_secs(5)).await;
            cloud.state().images.clear();
        };
        let context = within(30);
        tokio::join!(wait_until_gone(&cloud.client, &context, "m-1"), gone).0.unwrap();
    }
}
