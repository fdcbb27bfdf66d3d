//! Deleting an image, and with it the snapshots that it names.

use std::time::Duration;

use aliyun::ErrorKind;
use aliyun::ecs::{DeleteImageRequest, DeleteSnapshotRequest, DescribeImagesRequest};
use pulumi::{Context, Failure, Input, Old, known};
use tokio::time::Instant;

use crate::client::Client;
use crate::ecs::image::{ImageArgs, ImageState};
use crate::ecs::image_look::describe;
use crate::ecs::image_state::state_of;
use crate::ecs::image_wait::{unless_cancelled, wait_until_gone};
use crate::failure;

/// For how long a snapshot is taken to be still in use by the image that has just been deleted.
const STILL_IN_USE: Duration = Duration::from_secs(5);

/// Deletes an image, waits until it is gone, then deletes the snapshots that it named where the program wants that.
pub(crate) async fn delete(
    client: &Client,
    context: &Context,
    id: &str,
    old: &Old<ImageArgs, ImageState>,
) -> Result<(), Failure> {
    let option = |state: &Option<Input<bool>>, args: &Option<Input<bool>>| {
        known(state).or_else(|| known(args)).copied().unwrap_or(false)
    };
    let force = option(&old.state.args.force, &old.args.force);
    let snapshots = match option(&old.state.args.delete_auto_snapshot, &old.args.delete_auto_snapshot) {
        true => snapshots_of(client, context, id, &old.state).await?,
        false => Vec::new(),
    };
    let request = DeleteImageRequest { image_id: id.to_owned(), force: force.then_some(true) };
    let call = client.api.delete_image(&request, context.deadline());
    match unless_cancelled(context, call).await? {
        Ok(_) => wait_until_gone(client, context, id).await?,
        Err(error) if error.is_not_found() => {}
        Err(error) => return Err(refused_deletion(id, error)),
    }
    delete_snapshots(client, context, id, snapshots).await
}

/// The snapshots that an image names. Older providers do not record those of an image made of an instance; then the image
/// itself tells, while it is there.
async fn snapshots_of(
    client: &Client,
    context: &Context,
    id: &str,
    state: &ImageState,
) -> Result<Vec<String>, Failure> {
    let mut mappings = state.args.disk_device_mappings.clone();
    if mappings.is_none() {
        match describe(client, context, id).await? {
            Some(seen) => mappings = state_of(&seen, &state.args, None).args.disk_device_mappings,
            None => context.warn(&format!(
                "image {id} is gone already, and the state does not say which snapshots it had: deleteAutoSnapshot deletes none"
            )),
        }
    }
    Ok(known(&mappings)
        .into_iter()
        .flatten()
        .filter_map(Input::known)
        .filter_map(|mapping| known(&mapping.snapshot_id))
        .filter(|snapshot| !snapshot.is_empty())
        .cloned()
        .collect())
}

fn refused_deletion(id: &str, error: aliyun::Error) -> Failure {
    let advice = match error.code() {
        Some("ImageUsingByInstance") => {
            "set force: true and run `pulumi up` before deleting, to delete it all the same"
        }
        Some("ImageUseShared") => "stop sharing it with other accounts first",
        Some("OperationDenied.ImageCopying") => "wait until copying has ended, or cancel it",
        Some("ImageIsPublic") => "withdraw it from the community images first",
        _ => return failure::cloud(error),
    };
    let text = failure::text(&error);
    Failure::Refused(format!("{text}\nimage {id}: {advice}"))
}

/// The snapshots cannot go before their image. One that is gone already is as wanted, and one from which another image is
/// made is that image's.
async fn delete_snapshots(
    client: &Client,
    context: &Context,
    id: &str,
    snapshots: Vec<String>,
) -> Result<(), Failure> {
    let mut failed = Vec::new();
    for snapshot in snapshots {
        context.status(&format!("image {id}: deleting snapshot {snapshot}"));
        let request = DeleteSnapshotRequest { snapshot_id: snapshot.clone(), force: Some(true) };
        let soon = (Instant::now() + STILL_IN_USE).min(context.deadline());
        let mut outcome =
            unless_cancelled(context, client.api.delete_snapshot(&request, soon)).await?.map(drop);
        if outcome.as_ref().is_err_and(|error| error.kind() == ErrorKind::TimedOut) {
            if let Some(user) = image_made_from(client, context, &snapshot).await {
                context.warn(&format!(
                    "snapshot {snapshot} of image {id} is kept, as image {user} is made from it (deleteAutoSnapshot)"
                ));
                continue;
            }
            let call = client.api.delete_snapshot(&request, context.deadline());
            outcome = unless_cancelled(context, call).await?.map(drop);
        }
        match outcome {
            Ok(()) => {}
            Err(error) if error.is_not_found() => {}
            Err(error) => failed.push(format!("{snapshot}: {}", failure::text(&error))),
        }
    }
    if failed.is_empty() {
        return Ok(());
    }
    Err(Failure::Refused(format!(
        "image {id} is deleted, but of its snapshots (deleteAutoSnapshot) these are not; run the command again to try once \
         more, or delete them by hand and then run it again:\n{}",
        failed.join("\n")
    )))
}

/// An image that is made from a snapshot, where there is one and that can be found out.
async fn image_made_from(client: &Client, context: &Context, snapshot: &str) -> Option<String> {
    let query = DescribeImagesRequest {
        snapshot_id: Some(snapshot.to_owned()),
        status: aliyun::ecs::Status::Every,
        ..DescribeImagesRequest::default()
    };
    let found = client.api.describe_images(&query, context.deadline()).await.ok()?;
    found.images.into_iter().find_map(|image| image.image_id)
}
