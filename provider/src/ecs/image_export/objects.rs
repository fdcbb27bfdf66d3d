//! The objects that an export has written: which they are, whether they are there, and their end.

use pulumi::{Context, Failure};

use crate::client::Client;
use crate::ecs::image_export::args::Target;
use crate::ecs::images::tasks::{self, Action, Stage};
use crate::failure;

/// What looks at all objects of an export show.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) there: Vec<String>,
    pub(crate) absent: Vec<String>,
    /// Those of which nobody knows, and why.
    pub(crate) unknown: Vec<(String, String)>,
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
    let mut seen = Seen::default();
    for object in objects {
        let call = client.api.object_exists(bucket, object, context.deadline());
        match context.unless_cancelled(call).await? {
            Ok(true) => seen.there.push(object.clone()),
            Ok(false) => seen.absent.push(object.clone()),
            Err(error) => seen.unknown.push((object.clone(), failure::text(&error))),
        }
    }
    Ok(seen)
}

/// Deletes objects. Those that stay, each with the reason.
///
/// # Errors
/// Only [`Failure::Cancelled`].
pub(crate) async fn delete(
    client: &Client,
    context: &Context,
    bucket: &str,
    objects: &[String],
) -> Result<Vec<(String, String)>, Failure> {
    let mut left = Vec::new();
    for object in objects {
        context.status(&format!("deleting {bucket}/{object}"));
        let call = client.api.delete_object(bucket, object, context.deadline());
        if let Err(error) = context.unless_cancelled(call).await? {
            left.push((object.clone(), failure::text(&error)));
        }
    }
    Ok(left)
}

/// The objects of an export whose state does not name them: as a task tells that has exported the image to this place, or by
/// the rule of the cloud's documentation. Whether they are guessed.
///
/// # Errors
/// If tasks or image cannot be looked at.
pub(crate) async fn find(
    client: &Client,
    context: &Context,
    target: &Target,
) -> Result<(Vec<String>, bool), Failure> {
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
            return Ok((task.objects(), false));
        }
    }
    Ok((guess(client, context, target).await?, true))
}

/// The objects that earlier exports of the image to the same place have written, which end with their own entries only.
///
/// # Errors
/// If the tasks cannot be looked at.
pub(crate) async fn of_others(
    client: &Client,
    context: &Context,
    target: &Target,
    own_task: &str,
) -> Result<Vec<String>, Failure> {
    let deadline = context.deadline();
    let listed = tasks::of_image(client, context, Action::Export, &target.image, deadline).await?;
    let mut objects = Vec::new();
    for listed in listed.map_err(failure::cloud)? {
        let Some(id) = listed.task_id.filter(|id| id != own_task) else { continue };
        if Stage::of(listed.task_status.as_deref()) == Stage::Failed {
            continue;
        }
        let task = tasks::describe(client, context, &id, deadline).await?.map_err(failure::cloud)?;
        if let Some(task) = task.filter(|task| task.bucket() == Some(target.bucket.as_str())) {
            objects.extend(task.objects());
        }
    }
    Ok(objects)
}

/// The objects by the rule, with one for each data disk that the image shows.
///
/// # Errors
/// If the image cannot be looked at: its data disks are files as well.
pub(crate) async fn guess(
    client: &Client,
    context: &Context,
    target: &Target,
) -> Result<Vec<String>, Failure> {
    let disks = match client.looks.describe(context, &target.image).await {
        Ok(Some(image)) => image.disk_device_mappings,
        // An image that is gone shows no data disks.
        Ok(None) => Vec::new(),
        Err(failure) => return Err(failure),
    };
    let data = disks.iter().filter(|disk| disk.disk_type.as_deref() == Some("data"));
    Ok(target.guess(data.filter_map(|disk| disk.device.as_deref())))
}

/// Objects with their reasons, a line each.
pub(crate) fn lines(bucket: &str, objects: &[(String, String)]) -> String {
    let lines = objects.iter().map(|(object, reason)| format!("{bucket}/{object}: {reason}"));
    lines.collect::<Vec<_>>().join("\n")
}
