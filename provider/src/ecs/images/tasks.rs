//! Tasks, by which the cloud imports and exports images: found by the image that they are about, and looked at.

use std::ops::RangeInclusive;
use std::time::Duration;

use aliyun::ErrorKind;
use aliyun::ecs::{
    CancelTaskRequest, DescribeTaskAttributeRequest, DescribeTaskAttributeResponse, DescribeTasksRequest,
    Task as Listed,
};
use pulumi::{Context, Failure};
use tokio::time::Instant;

use crate::client::Client;
use crate::failure;

/// The most tasks that one DescribeTasks answers with.
const PAGE: u32 = 100;
/// For how long a look at an import may hold up the look at its image.
const LOOK: Duration = Duration::from_secs(10);
/// The least time between two looks at a task that does not show.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// What a task does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    Import,
    Export,
}

impl Action {
    fn name(self) -> &'static str {
        match self {
            Action::Import => "ImportImage",
            Action::Export => "ExportImage",
        }
    }
}

/// How far a task is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    Running,
    Finished,
    Failed,
    /// What it shows is not documented; that of a cancelled task may be so.
    Unknown,
}

impl Stage {
    /// Of a task that shows this status. Private clouds have been seen to show what the task does instead.
    pub(crate) fn of(status: Option<&str>) -> Stage {
        match status {
            Some("Processing" | "Waiting" | "ImportImage" | "ExportImage") => Stage::Running,
            Some("Finished") => Stage::Finished,
            Some("Failed") => Stage::Failed,
            Some(_) | None => Stage::Unknown,
        }
    }

    /// Whether it is not known to have ended.
    pub(crate) fn may_be_under_way(self) -> bool {
        matches!(self, Stage::Running | Stage::Unknown)
    }
}

/// A task as a look at it shows it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Task(DescribeTaskAttributeResponse);

impl Task {
    pub(crate) fn id(&self) -> &str {
        &self.0.task_id
    }

    pub(crate) fn stage(&self) -> Stage {
        Stage::of(self.status())
    }

    pub(crate) fn status(&self) -> Option<&str> {
        self.0.task_status.as_deref()
    }

    /// The first and the last second, since 1970, in which it can have begun.
    pub(crate) fn began(&self) -> Option<RangeInclusive<i64>> {
        self.0.began()
    }

    /// Such as `45%`.
    pub(crate) fn progress(&self) -> Option<&str> {
        self.0.task_process.as_deref().filter(|progress| !progress.is_empty())
    }

    /// Whether it is not known to have ended.
    pub(crate) fn may_be_under_way(&self) -> bool {
        self.stage().may_be_under_way()
    }

    /// The status that it shows if that is not documented. One that shows none says nothing.
    pub(crate) fn undocumented(&self) -> Option<&str> {
        self.status().filter(|_| self.stage() == Stage::Unknown)
    }

    /// Whether it shows that it was cancelled, and is over. The word is not documented.
    pub(crate) fn is_cancelled(&self) -> bool {
        self.status().is_some_and(|status| ["Cancelled", "Canceled"].contains(&status))
    }

    /// This task with what another look at it has shown of what it is about.
    pub(crate) fn about(mut self, earlier: Task) -> Task {
        self.0.operations.extend(earlier.0.operations);
        self
    }

    /// Whether CancelTask is worth a try.
    fn may_be_cancelled(&self) -> bool {
        self.0.support_cancel != Some(false)
    }

    /// Why it failed, if it says so.
    pub(crate) fn reason(&self) -> Option<String> {
        self.0.reason()
    }

    /// What has gone wrong, though it may have finished.
    pub(crate) fn trouble(&self) -> Option<String> {
        let failed = self.0.failed_count.filter(|count| *count > 0);
        self.reason().or_else(|| failed.map(|count| format!("{count} of its steps failed")))
    }

    /// The bucket that it is about, if it names one.
    pub(crate) fn bucket(&self) -> Option<&str> {
        self.0.related("OSSBucket").find(|bucket| !bucket.is_empty())
    }

    /// The format that it writes, if it names one.
    pub(crate) fn format(&self) -> Option<&str> {
        self.0.related("ImageFormat").find(|format| !format.is_empty())
    }

    /// The objects that it is about, each once.
    pub(crate) fn objects(&self) -> Vec<String> {
        let mut objects: Vec<String> = Vec::new();
        for object in self.0.related("OSSObject").filter(|object| !object.is_empty()) {
            if !objects.iter().any(|known| known == object) {
                objects.push(object.to_owned());
            }
        }
        objects
    }
}

/// What a call came to: the cloud's answer, unless the user interrupts the deployment.
pub(crate) type Answered<T> = Result<Result<T, aliyun::Error>, Failure>;

/// The tasks of one kind that an image has or had, the newest first.
///
/// # Errors
/// [`Failure::Cancelled`], or within that what the cloud says instead.
pub(crate) async fn of_image(
    client: &Client,
    context: &Context,
    action: Action,
    image: &str,
    deadline: Instant,
) -> Answered<Vec<Listed>> {
    let mut found: Vec<Listed> = Vec::new();
    let mut read = 0;
    for number in 1.. {
        let request = DescribeTasksRequest {
            task_action: Some(action.name().to_owned()),
            resource_ids: vec![image.to_owned()],
            page_number: (number > 1).then_some(number),
            page_size: Some(PAGE),
            ..DescribeTasksRequest::default()
        };
        let page = match context.unless_cancelled(client.api.describe_tasks(&request, deadline)).await? {
            Ok(page) => page,
            Err(error) => return Ok(Err(error)),
        };
        read += page.tasks.len();
        let is_last = page.tasks.is_empty()
            || page.total_count.is_none_or(|total| usize::try_from(total).is_ok_and(|total| read >= total));
        // A cloud that passes over a filter answers with the tasks of others.
        let is_wanted = |task: &Listed| {
            task.resource_id.as_deref().is_none_or(|id| id == image)
                && task.task_action.as_deref().is_none_or(|name| name == action.name())
                && task.task_id.as_deref().is_some_and(|id| !id.is_empty())
        };
        found.extend(page.tasks.into_iter().filter(is_wanted));
        if is_last {
            break;
        }
    }
    // Whether a time has seconds or not, its beginning is the same.
    found.sort_by(|one, other| other.creation_time.cmp(&one.creation_time));
    Ok(Ok(found))
}

/// A task; `None` if the cloud does not know it, or not any more.
///
/// # Errors
/// As of [`of_image`].
pub(crate) async fn describe(
    client: &Client,
    context: &Context,
    id: &str,
    deadline: Instant,
) -> Answered<Option<Task>> {
    let request = DescribeTaskAttributeRequest { task_id: id.to_owned() };
    let call = client.api.describe_task_attribute(&request, deadline);
    Ok(match context.unless_cancelled(call).await? {
        Ok(task) if task.task_id != id => {
            let text = format!("it was asked for task {id} and answered with {}", task.task_id);
            Err(aliyun::Error::contradiction("DescribeTaskAttribute", text))
        }
        Ok(task) => Ok(Some(Task(task))),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    })
}

/// Whether an error says that this cloud has no such action. Private clouds may know no tasks.
pub(crate) fn has_no_tasks(error: &aliyun::Error) -> bool {
    let code = error.code().unwrap_or_default();
    ["InvalidApi.NotFound", "InvalidAction.NotFound", "UnsupportedApi", "InvalidVersion"].contains(&code)
        || code.starts_with("NoSuchAction")
}

/// What came of the wish to cancel a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cancellation {
    Accepted,
    /// The task goes on to its end.
    Refused,
    /// The cloud does not know the task any more.
    Unknown,
}

/// Asks the cloud to cancel a task.
///
/// # Errors
/// What the cloud answers that says nothing of the task, or an interruption.
pub(crate) async fn cancel(client: &Client, context: &Context, task: &Task) -> Result<Cancellation, Failure> {
    if !task.may_be_cancelled() {
        return Ok(Cancellation::Refused);
    }
    let request = CancelTaskRequest { task_id: task.id().to_owned() };
    let call = client.api.cancel_task(&request, context.deadline());
    match context.unless_cancelled(call).await? {
        Ok(()) => Ok(Cancellation::Accepted),
        Err(error) if error.is_not_found() => Ok(Cancellation::Unknown),
        Err(error) if refuses_cancellation(&error) => Ok(Cancellation::Refused),
        Err(error) => Err(failure::cloud(error)),
    }
}

/// Whether the cloud refuses to cancel this task, which then goes on or has ended. Older clouds have other codes for it.
fn refuses_cancellation(error: &aliyun::Error) -> bool {
    let codes = [
        "InvalidTaskId.TaskActionNotSupport",
        "TaskActionNotSupport",
        "CancelTaskFailed",
        "IncorrectTaskStatus",
    ];
    error.code().is_some_and(|code| codes.contains(&code))
}

/// The task of ImportImage that makes an image, followed while the image is waited for. The image alone decides when it
/// can be used: what cannot be seen of its task changes nothing.
#[derive(Debug, Default)]
pub(crate) struct ImportTask {
    id: Option<String>,
    last: Option<Task>,
    /// Since when looks show nothing.
    fruitless: Option<Fruitless>,
    /// Whether the cloud does not let this key look, or has no tasks.
    is_refused: bool,
    /// Why the last look showed nothing, if the cloud has said so.
    error: Option<aliyun::Error>,
}

/// Looks at a task that show nothing.
#[derive(Debug, Clone, Copy)]
struct Fruitless {
    since: Instant,
    /// When the next one is due; `None` if none is.
    next: Option<Instant>,
}

impl ImportTask {
    /// Of this id, or of one that is yet to be found.
    pub(crate) fn of(id: Option<String>) -> ImportTask {
        ImportTask { id, ..ImportTask::default() }
    }

    /// Its id, if it is known.
    pub(crate) fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// Looks at the task if that is due, which takes one call once its id is known. A new task may show late, so looks
    /// that show nothing become rarer and go on for as long as a new image may be missing. None is made of a task that
    /// has ended.
    pub(crate) async fn look(&mut self, client: &Client, context: &Context, image: &str) {
        let has_ended = self.last.as_ref().is_some_and(|task| !task.may_be_under_way());
        let is_due =
            self.fruitless.is_none_or(|fruitless| fruitless.next.is_some_and(|next| Instant::now() >= next));
        if is_due && !has_ended && !self.is_refused {
            self.look_now(client, context, image).await;
        }
    }

    /// Looks at the task of an image that could not be made, unless it has said why already.
    pub(crate) async fn look_for_reason(&mut self, client: &Client, context: &Context, image: &str) {
        let is_known = self.last.as_ref().and_then(Task::reason).is_some();
        if !is_known && !self.is_refused {
            self.look_now(client, context, image).await;
        }
    }

    async fn look_now(&mut self, client: &Client, context: &Context, image: &str) {
        let seen = self.seen(client, context, image).await;
        (self.last, self.error) = match seen {
            Ok(Some(task)) => {
                self.id = Some(task.id().to_owned());
                self.fruitless = None;
                (Some(task), None)
            }
            Ok(None) => {
                self.fruitless = Some(Fruitless::after(self.fruitless, client.patience.invisible));
                (None, None)
            }
            Err(error) => {
                tracing::debug!(image, "the import cannot be looked at: {error}");
                self.fruitless = Some(Fruitless::after(self.fruitless, client.patience.invisible));
                self.is_refused = !matches!(
                    error.kind(),
                    ErrorKind::Throttled
                        | ErrorKind::Unavailable
                        | ErrorKind::Transport
                        | ErrorKind::TimedOut
                        | ErrorKind::UnexpectedResponse
                );
                (None, Some(error))
            }
        };
    }

    async fn seen(
        &self,
        client: &Client,
        context: &Context,
        image: &str,
    ) -> Result<Option<Task>, aliyun::Error> {
        let deadline = (Instant::now() + LOOK).min(context.deadline());
        let id = match &self.id {
            Some(id) => id.clone(),
            // An interruption ends the wait for the image itself.
            None => match of_image(client, context, Action::Import, image, deadline).await {
                Ok(tasks) => match tasks?.into_iter().find_map(|task| task.task_id) {
                    Some(id) => id,
                    None => return Ok(None),
                },
                Err(_) => return Ok(None),
            },
        };
        match describe(client, context, &id, deadline).await {
            Ok(task) => task,
            Err(_) => Ok(None),
        }
    }

    /// What the last look showed.
    pub(crate) fn last(&self) -> Option<&Task> {
        self.last.as_ref()
    }

    /// Why the image could not be made, for the end of a sentence.
    pub(crate) fn why(&self) -> String {
        match (self.last.as_ref().and_then(Task::reason), &self.error) {
            (Some(reason), _) => format!(", as its import has failed: {reason}"),
            (None, Some(error)) => format!(
                " (its import, which would say why, could not be looked at: {})",
                crate::failure::text(error).replace('\n', ". ")
            ),
            (None, None) => String::new(),
        }
    }

    /// The code with which it has failed, if it says why.
    pub(crate) fn code(&self) -> Option<String> {
        let reason = self.last.as_ref().and_then(Task::reason)?;
        reason.split(':').next().map(str::to_owned)
    }
}

impl Fruitless {
    /// One more, now. The next pause is as long as all before it together.
    fn after(before: Option<Fruitless>, patience: Duration) -> Fruitless {
        let now = Instant::now();
        let since = before.map_or(now, |before| before.since);
        let end = since + patience;
        let pause = now.duration_since(since).max(FIRST_PAUSE);
        Fruitless { since, next: (now < end).then(|| (now + pause).min(end)) }
    }
}
