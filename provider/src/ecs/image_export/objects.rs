//! The objects that an export has written: which they are, whether they are there, and their end.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use aliyun::ErrorKind;
use aliyun::object::ObjectVersion;
use pulumi::{Context, Failure};
use tokio::time::Instant;

use crate::client::Client;
use crate::ecs::image_export::args::{Leftover, Target, Written};
use crate::ecs::images::tasks::{self, Action, Stage};
use crate::failure;

/// For how long a look that only adds to what is known may hold up an operation.
const GLANCE: Duration = Duration::from_secs(10);

/// What looks at all objects of an export show.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) there: BTreeMap<String, ObjectVersion>,
    pub(crate) absent: Vec<String>,
    pub(crate) unknown: Vec<Unseen>,
}

/// An object of which nobody knows.
#[derive(Debug)]
pub(crate) struct Unseen {
    pub(crate) object: String,
    pub(crate) reason: String,
    /// Whether that is for want of a right.
    pub(crate) is_denied: bool,
}

impl Seen {
    /// Those of which nobody knows, with the reasons.
    pub(crate) fn reasons(&self) -> Vec<(String, String)> {
        self.unknown.iter().map(|unseen| (unseen.object.clone(), unseen.reason.clone())).collect()
    }
}

/// Looks whether objects are there.
///
/// # Errors
/// Only [`Failure::Cancelled`].
pub(crate) async fn look(
    client: &Client,
    context: &Context,
    bucket: &str,
    objects: &[String],
) -> Result<Seen, Failure> {
    look_until(client, context, bucket, objects, context.deadline()).await
}

/// The same, if it does not take long: who cannot look goes on without.
///
/// # Errors
/// Only [`Failure::Cancelled`].
pub(crate) async fn glance(
    client: &Client,
    context: &Context,
    bucket: &str,
    objects: &[String],
) -> Result<Seen, Failure> {
    let deadline = context.deadline().min(Instant::now() + GLANCE);
    look_until(client, context, bucket, objects, deadline).await
}

async fn look_until(
    client: &Client,
    context: &Context,
    bucket: &str,
    objects: &[String],
    deadline: Instant,
) -> Result<Seen, Failure> {
    let mut seen = Seen::default();
    for object in objects {
        let call = client.api.head_object(bucket, object, deadline);
        match context.unless_cancelled(call).await? {
            Ok(Some(version)) => _ = seen.there.insert(object.clone(), version),
            Ok(None) => seen.absent.push(object.clone()),
            Err(error) => seen.unknown.push(Unseen {
                object: object.clone(),
                reason: failure::text(&error),
                is_denied: error.kind() == ErrorKind::Denied,
            }),
        }
    }
    Ok(seen)
}

/// Whose objects are.
#[derive(Debug, Default)]
pub(crate) struct Ownership {
    /// As the export wrote them, where that was seen.
    pub(crate) written: Vec<Written>,
    /// When the export began, in seconds since 1970: older objects are not its own.
    pub(crate) began: Option<i64>,
    /// What its earlier tasks have left, which is judged by their beginnings.
    pub(crate) leftovers: Vec<Leftover>,
    /// What other exports write, with the last second in which the last of them can have begun. If that is not before this one
    /// began, the object is theirs.
    pub(crate) of_others: HashMap<String, i64>,
}

impl Ownership {
    /// Whether nothing tells whose an object is. Then it is the export's.
    pub(crate) fn is_unknown(&self) -> bool {
        self.written.is_empty() && self.began.is_none() && self.of_others.is_empty()
    }

    pub(crate) fn is_own(&self, object: &str, version: &ObjectVersion) -> bool {
        if let Some(written) = self.written.iter().find(|written| written.object == object) {
            return is_as_written(written, version);
        }
        let leftover = self.leftovers.iter().find(|leftover| leftover.object == object);
        let Some(began) = leftover.and_then(|leftover| leftover.began).or(self.began) else {
            return !self.of_others.contains_key(object);
        };
        let is_old = version.last_modified.is_some_and(|written| written < began);
        !is_old && self.of_others.get(object).is_none_or(|latest| *latest < began)
    }
}

/// How a state keeps by what one writing of an object is told from the next. An ETag alone does not tell, as the same content
/// has the same one.
pub(crate) fn text(version: &ObjectVersion) -> Option<String> {
    let etag = version.etag.trim_start_matches("W/").trim_matches('"').to_ascii_uppercase();
    Some(format!("{etag} {}", version.last_modified?))
}

/// Whether an object is still as an export has written it.
pub(crate) fn is_as_written(written: &Written, found: &ObjectVersion) -> bool {
    text(found).is_some_and(|version| version == written.version)
}

/// What has come of the deletion of objects.
#[derive(Debug, Default)]
pub(crate) struct Deleted {
    /// Those that are still there, or may be, each with the reason.
    pub(crate) left: Vec<(String, String)>,
    /// Those that are there and are not the export's.
    pub(crate) of_others: Vec<String>,
}

/// Deletes those of the objects that are the export's own, by a look at them; without one, all of them.
///
/// # Errors
/// Only [`Failure::Cancelled`].
pub(crate) async fn delete(
    client: &Client,
    context: &Context,
    bucket: &str,
    objects: Vec<String>,
    seen: Option<Seen>,
    ownership: &Ownership,
) -> Result<Deleted, Failure> {
    let mut deleted = Deleted::default();
    let mut own = objects;
    if let Some(seen) = seen {
        let unseen = seen.unknown.into_iter().map(|Unseen { object, reason, is_denied }| {
            let then = match is_denied {
                true => "the key needs oss:GetObject and oss:DeleteObject",
                false => "it is not deleted",
            };
            (object, format!("{reason}\nWhose it is cannot be told without a look, so {then}"))
        });
        deleted.left = unseen.collect();
        let (mine, others): (Vec<_>, Vec<_>) =
            seen.there.into_iter().partition(|(object, version)| ownership.is_own(object, version));
        own = mine.into_iter().map(|(object, _)| object).collect();
        deleted.of_others = others.into_iter().map(|(object, _)| object).collect();
    }
    for object in own {
        context.status(&format!("deleting {bucket}/{object}"));
        let call = client.api.delete_object(bucket, &object, context.deadline());
        if let Err(error) = context.unless_cancelled(call).await? {
            deleted.left.push((object, failure::text(&error)));
        }
    }
    Ok(deleted)
}

/// Names of objects, and how they are known.
#[derive(Debug, Default)]
pub(crate) struct Named {
    pub(crate) names: Vec<String>,
    /// By the rule of the cloud's documentation: no task has told them.
    pub(crate) guessed: bool,
    /// A guess without the image: whether it has data disks is not known.
    pub(crate) may_lack_data: bool,
}

/// The objects of an export whose state does not name them: as a task tells that has exported the image to this place, or by
/// the rule of the cloud's documentation.
///
/// # Errors
/// If tasks or image cannot be looked at.
pub(crate) async fn find(client: &Client, context: &Context, target: &Target) -> Result<Named, Failure> {
    let deadline = context.deadline();
    let listed = tasks::of_image(client, context, Action::Export, &target.image, deadline).await?;
    let listed = match listed {
        Ok(listed) => listed,
        Err(error) if tasks::has_no_tasks(&error) => Vec::new(),
        Err(error) => return Err(failure::cloud(error)),
    };
    let finished = listed.into_iter().filter_map(|task| {
        (Stage::of(task.task_status.as_deref()) == Stage::Finished).then_some(task.task_id).flatten()
    });
    for id in finished {
        if let Some(task) = tasks::describe(client, context, &id, deadline).await?.map_err(failure::cloud)?
            && target.is_of(&task)
        {
            return Ok(Named { names: task.objects(), ..Named::default() });
        }
    }
    guess(client, context, target).await
}

/// The objects that other exports of the image to the same bucket write, which end with their own entries only; with the last
/// second, since 1970, in which the last of them can have begun.
///
/// # Errors
/// If the tasks cannot be looked at.
pub(crate) async fn of_others(
    client: &Client,
    context: &Context,
    target: &Target,
    own_task: &str,
) -> Result<HashMap<String, i64>, Failure> {
    let deadline = context.deadline();
    let listed = tasks::of_image(client, context, Action::Export, &target.image, deadline).await?;
    let listed = match listed {
        Ok(listed) => listed,
        Err(error) if tasks::has_no_tasks(&error) => Vec::new(),
        Err(error) => return Err(failure::cloud(error)),
    };
    let mut objects = HashMap::new();
    for listed in listed {
        let Some(id) = listed.task_id.filter(|id| id != own_task) else { continue };
        if Stage::of(listed.task_status.as_deref()) == Stage::Failed {
            continue;
        }
        let task = tasks::describe(client, context, &id, deadline).await?.map_err(failure::cloud)?;
        let Some(task) = task else { continue };
        let began = task.began().map_or(i64::MAX, |began| *began.end());
        for object in target.objects_of(&task) {
            let latest = objects.entry(object).or_insert(began);
            *latest = began.max(*latest);
        }
    }
    Ok(objects)
}

/// The objects by the rule, with one for each data disk that the image shows.
///
/// # Errors
/// If the image cannot be looked at: its data disks are files as well.
pub(crate) async fn guess(client: &Client, context: &Context, target: &Target) -> Result<Named, Failure> {
    let image = client.looks.describe(context, &target.image).await?;
    let may_lack_data = image.is_none();
    let disks = image.map(|image| image.disk_device_mappings).unwrap_or_default();
    let data = disks.iter().filter(|disk| disk.disk_type.as_deref() == Some("data"));
    let names = target.guess(data.filter_map(|disk| disk.device.as_deref()));
    Ok(Named { names, guessed: true, may_lack_data })
}

/// Objects with their reasons, a line each.
pub(crate) fn lines(bucket: &str, objects: &[(String, String)]) -> String {
    let lines = objects.iter().map(|(object, reason)| format!("{bucket}/{object}: {reason}"));
    lines.collect::<Vec<_>>().join("\n")
}
