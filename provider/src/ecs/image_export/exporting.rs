//! From an export that is wanted to one that has ended. The cloud knows no token for it, so that tasks are looked at before
//! anything is asked for: nothing is exported twice because an answer was lost.

use std::collections::HashSet;
use std::time::Duration;

use aliyun::ErrorKind;
use aliyun::ecs::ExportImageRequest;
use pulumi::{Context, Ended, Failure, Look, Wait};
use tokio::time::Instant;

use crate::client::Client;
use crate::ecs::image_export::args::{Begun, Target};
use crate::ecs::image_export::refusal::refused;
use crate::ecs::images::status::{self, progress};
use crate::ecs::images::tasks::{self, Action, Stage, Task};
use crate::ecs::images::wait::time_left;
use crate::failure;

/// How long an interrupted call may take to say which task it has begun, before the operation ends without knowing.
const LAST_WORD: Duration = Duration::from_millis(1500);

/// An export, and what works on it.
#[derive(Clone, Copy)]
pub(crate) struct Exporting<'a> {
    pub(crate) client: &'a Client,
    pub(crate) context: &'a Context,
    pub(crate) target: &'a Target,
    pub(crate) request: &'a ExportImageRequest,
}

/// How an export has ended, as far as it has.
pub(crate) enum Outcome {
    Finished(Task),
    /// Failed, or ended in a way that is not documented.
    Failed(Task),
    /// The cloud does not know the task, or not any more, and what the last look showed.
    Forgotten(Option<Task>),
    /// The wait has ended, and what the last look showed.
    Stopped(Failure, Option<Task>),
}

/// A call whose outcome is not known.
struct Doubt {
    /// Since when.
    since: Instant,
    /// The second, since 1970, before it was sent.
    sent: i64,
    error: aliyun::Error,
}

/// What is found of exports of the image.
enum Found {
    /// One to the very place. `is_new` says that it has begun since a call whose outcome is not known.
    Ours {
        task: Task,
        is_new: bool,
    },
    /// Another one that is under way.
    Others(Task),
    Nothing,
}

impl Exporting<'_> {
    /// Begins the export, or finds the one that is under way.
    ///
    /// # Errors
    /// If none has begun. If nobody knows, the text says so.
    pub(crate) async fn begin(&self) -> Result<Begun, Failure> {
        let mut doubt = None;
        let begun = self.begin_or_doubt(&mut doubt).await;
        begun.map_err(|failure| in_doubt(failure, doubt.map(|doubt| doubt.error)))
    }

    async fn begin_or_doubt(&self, doubt: &mut Option<Doubt>) -> Result<Begun, Failure> {
        let Exporting { client, context, target, .. } = *self;
        let image = &target.image;
        let mut wait = Wait::begin(context, &client.pace);
        // The tasks that there were before the call.
        let mut before: Option<HashSet<String>> = None;
        loop {
            let mut status = None;
            match self.look(&mut before, doubt.is_some()).await? {
                Found::Ours { task, is_new } => {
                    let text =
                        format!("image {image}: task {} exports it to {} already", task.id(), target.place());
                    if doubt.is_none() {
                        context.info(&format!("{text}, and is waited for"));
                    }
                    let since = match doubt {
                        Some(doubt) if is_new => doubt.sent,
                        // Under way: what is written from now on is its own.
                        _ => {
                            let now = client.api.cloud_time();
                            task.began().map_or(now, |began| now.min(*began.end()))
                        }
                    };
                    return Ok(Begun { id: task.id().to_owned(), since, seen: Some(task) });
                }
                Found::Others(task) => {
                    let progress = task.progress().unwrap_or_default();
                    let elsewhere = if task.objects().is_empty() { "" } else { " elsewhere" };
                    status = Some(format!(
                        "image {image}: waits for task {}, which exports it{elsewhere} {progress}",
                        task.id()
                    ));
                }
                // A task may show late.
                Found::Nothing
                    if doubt
                        .as_ref()
                        .is_some_and(|doubt| doubt.since.elapsed() < client.patience.invisible / 4) =>
                {
                    status = Some(format!("image {image}: whether its export has begun does not show yet"));
                }
                Found::Nothing => {}
            }
            let mut refusal = None;
            if status.is_none() {
                let sent = client.api.cloud_time();
                let error = match self.send().await? {
                    Ok(id) => return Ok(Begun { id, since: sent, seen: None }),
                    Err(error) => error,
                };
                let is_ambiguous = error.is_ambiguous();
                status = Some(match error.code() {
                    _ if is_ambiguous => {
                        let text = format!("image {image}: whether its export has begun does not show yet");
                        *doubt = Some(Doubt { since: Instant::now(), sent, error });
                        text
                    }
                    _ if error.kind() == ErrorKind::TimedOut => return Err(self.refused(error)),
                    Some("ImageIsExporting") => {
                        refusal = Some(error);
                        format!("image {image}: waits for another export of it")
                    }
                    Some("ConcurrentQuotaExceed.ExportImage") => {
                        refusal = Some(error);
                        format!(
                            "image {image}: waits, as the cloud has as many exports under way as it allows"
                        )
                    }
                    Some("IncorrectImageStatus") => match self.look_at_image().await? {
                        Some((_, false)) => return Err(self.refused(error)),
                        seen => {
                            refusal = Some(error);
                            let seen = seen.map_or("not to be seen".to_owned(), |(status, _)| status);
                            format!("image {image}: its export waits while it is {seen}")
                        }
                    },
                    Some(_) | None => return Err(self.refused(error)),
                });
            }
            let status = status.unwrap_or_default();
            match wait.after::<()>(Ok(Look::Going { status: status.clone(), left: None }), 1).await {
                Ok(_) => {}
                Err(Ended::Cancelled(failure)) => return Err(failure),
                Err(Ended::Late | Ended::OutOfPatience | Ended::LookFailed(_)) => {
                    return Err(match refusal {
                        Some(error) => self.refused(error),
                        None => Failure::Refused(format!(
                            "image {image} is not being exported to {} after {} s. {status}. Run `pulumi up` again to go on; \
                             customTimeouts.{} allows more time",
                            target.place(),
                            context.time_limit().as_secs(),
                            context.verb()
                        )),
                    });
                }
            }
        }
    }

    /// Looks at the exports of the image. One to the very place is this one's if it is under way; after a call whose outcome
    /// is not known, also if it has begun since.
    async fn look(&self, before: &mut Option<HashSet<String>>, in_doubt: bool) -> Result<Found, Failure> {
        let Exporting { client, context, target, .. } = *self;
        let deadline = context.deadline();
        let listed = match tasks::of_image(client, context, Action::Export, &target.image, deadline).await? {
            Ok(tasks) => tasks,
            // Then it cannot be known.
            Err(error) if tasks::has_no_tasks(&error) => Vec::new(),
            Err(error) => return Err(failure::cloud(error)),
        };
        let is_first = before.is_none();
        let before =
            before.get_or_insert_with(|| listed.iter().filter_map(|task| task.task_id.clone()).collect());
        let mut others = None;
        for task in &listed {
            let Some(id) = &task.task_id else { continue };
            let is_new = !is_first && in_doubt && !before.contains(id);
            let has_ended = matches!(Stage::of(task.task_status.as_deref()), Stage::Finished | Stage::Failed);
            if has_ended && !is_new {
                continue;
            }
            let Some(task) = tasks::describe(client, context, id, deadline).await?.map_err(failure::cloud)?
            else {
                continue;
            };
            // One that has begun since the call and says of itself nothing at all is most likely what the call has begun.
            let is_silent = task.bucket().is_none() && task.objects().is_empty();
            match (target.is_of(&task) || is_new && is_silent, task.stage()) {
                (true, Stage::Running) => return Ok(Found::Ours { task, is_new }),
                (true, Stage::Finished | Stage::Failed) if is_new => return Ok(Found::Ours { task, is_new }),
                (false, Stage::Running) => others = Some(task),
                (_, Stage::Finished | Stage::Failed | Stage::Unknown) => {}
            }
        }
        Ok(others.map_or(Found::Nothing, Found::Others))
    }

    /// What the image is like: status and progress, and whether it may become available by itself.
    async fn look_at_image(&self) -> Result<Option<(String, bool)>, Failure> {
        let seen = self.client.looks.describe(self.context, &self.target.image).await?;
        Ok(seen.map(|seen| {
            let is_final = status::is_final(seen.status.as_deref());
            (progress(&seen), !is_final)
        }))
    }

    /// Asks for the export once. The task's id, or why there is none as far as is known.
    async fn send(&self) -> Result<Result<String, aliyun::Error>, Failure> {
        let call = self.client.api.export_image(self.request, self.context.deadline());
        let interrupted = async {
            self.context.cancelled().await;
            tokio::time::sleep(LAST_WORD).await;
        };
        tokio::select! {
            answer = call => Ok(answer.map(|begun| begun.task_id)),
            () = interrupted => Err(Failure::Cancelled(format!(
                "interrupted while ExportImage was under way, so the export of image {} may or may not have begun; the next \
                 `pulumi up` of this program finds out and begins no second one",
                self.target.image
            ))),
        }
    }

    fn refused(&self, error: aliyun::Error) -> Failure {
        refused(error, self.target, self.request.role_name.as_deref(), self.client.api.region())
    }
}

/// The most looks at a task that show nothing before the cloud counts as not knowing it. A task may show late, and one look of
/// many may miss it.
const MISSES: u32 = 4;

/// A task, unless several looks say that the cloud does not know it.
pub(crate) async fn seen_for_sure(
    client: &Client,
    context: &Context,
    id: &str,
) -> Result<Option<Task>, Failure> {
    let mut wait = Wait::begin(context, &client.pace);
    let mut misses = 0;
    loop {
        let task = tasks::describe(client, context, id, context.deadline()).await?.map_err(failure::cloud)?;
        misses += 1;
        if task.is_some() || misses == MISSES {
            return Ok(task);
        }
        wait.pause(None, 1).await?;
    }
}

/// Waits until an export has ended.
pub(crate) async fn wait_until_ended(
    client: &Client,
    context: &Context,
    image: &str,
    id: &str,
    doing: &str,
) -> Outcome {
    let mut wait = Wait::begin(context, &client.pace);
    let mut last: Option<Task> = None;
    let mut misses = 0;
    loop {
        let look = match tasks::describe(client, context, id, context.deadline()).await {
            Ok(Ok(Some(task))) => match task.stage() {
                Stage::Finished => return Outcome::Finished(with_earlier(task, last)),
                Stage::Failed | Stage::Unknown => return Outcome::Failed(with_earlier(task, last)),
                Stage::Running => {
                    let shown = task.progress().unwrap_or_default().to_owned();
                    (last, misses) = (Some(task), 0);
                    let left = time_left(Some(&shown), wait.elapsed());
                    Ok(Look::Going { status: format!("image {image}: {doing} {shown}"), left })
                }
            },
            // A new task may show late.
            Ok(Ok(None)) if last.is_none() && wait.elapsed() < client.patience.invisible => Ok(Look::Nothing),
            Ok(Ok(None)) if last.is_some() && misses < MISSES => {
                misses += 1;
                Ok(Look::Nothing)
            }
            Ok(Ok(None)) => return Outcome::Forgotten(last),
            Ok(Err(error)) => Err(failure::cloud(error)),
            Err(failure) => Err(failure),
        };
        match wait.after::<()>(look, 1).await {
            Ok(_) => {}
            Err(Ended::Cancelled(failure) | Ended::LookFailed(failure)) => {
                return Outcome::Stopped(failure, last);
            }
            Err(Ended::Late | Ended::OutOfPatience) => {
                let shown = last.as_ref().and_then(Task::progress).unwrap_or("not to be seen").to_owned();
                let failure = Failure::Refused(format!(
                    "the export of image {image} has not ended after {} s: it is {shown}. Run the command again to keep \
                     waiting; customTimeouts.{} allows more time",
                    context.time_limit().as_secs(),
                    context.verb()
                ));
                return Outcome::Stopped(failure, last);
            }
        }
    }
}

/// A task with what an earlier look has shown of what it is about, if it says nothing of that itself.
pub(crate) fn with_earlier(task: Task, earlier: Option<Task>) -> Task {
    match earlier {
        Some(earlier) if task.objects().is_empty() => task.about(earlier),
        _ => task,
    }
}

/// A failure that comes after a call whose outcome is not known.
fn in_doubt(failure: Failure, error: Option<aliyun::Error>) -> Failure {
    let Some(error) = error else { return failure };
    let text = format!(
        "{}\n{} Whether the export has begun is not known; the next `pulumi up` finds out and begins no second one",
        failure.reason(),
        failure::text(&error)
    );
    match failure {
        Failure::Cancelled(_) => Failure::Cancelled(text),
        _ => Failure::Refused(text),
    }
}
