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
/// Only [`Failure::Cancelled`].
pub(crate) async fn find(
    client: &Client,
    context: &Context,
    target: &Target,
) -> Result<(Vec<String>, bool), Failure> {
    let deadline = context.deadline();
    let listed = tasks::of_image(client, context, Action::Export, &target.image, deadline).await?;
    let finished = listed.unwrap_or_default().into_iter().filter_map(|task| {
        (Stage::of(task.task_status.as_deref()) == Stage::Finished).then_some(task.task_id).flatten()
    });
    for id in finished {
        if let Ok(Some(task)) = tasks::describe(client, context, &id, deadline).await?
            && target.is_of(&task)
        {
            return Ok((task.objects(), false));
        }
    }
    Ok((guess(client, context, target).await?, true))
}

/// The objects by the rule, with one for each data disk that the image shows.
///
/// # Errors
/// Only [`Failure::Cancelled`].
pub(crate) async fn guess(
    client: &Client,
    context: &Context,
    target: &Target,
) -> Result<Vec<String>, Failure> {
    let disks = match client.looks.describe(context, &target.image).await {
        Ok(Some(image)) => image.disk_device_mappings,
        Err(cancelled @ Failure::Cancelled(_)) => return Err(cancelled),
        // An image that is gone, or cannot be seen, shows no data disks.
        Ok(None) | Err(_) => Vec::new(),
    };
    let data = disks.iter().filter(|disk| disk.disk_type.as_deref() == Some("data"));
    Ok(target.guess(data.filter_map(|disk| disk.device.as_deref())))
}

/// Objects with their reasons, a line each.
pub(crate) fn lines(bucket: &str, objects: &[(String, String)]) -> String {
    let lines = objects.iter().map(|(object, reason)| format!("{bucket}/{object}: {reason}"));
    lines.collect::<Vec<_>>().join("\n")
}
