//! Deleting an image, and with it the snapshots that it names.

use std::time::Duration;

use aliyun::ErrorKind;
use aliyun::ecs::{DeleteImageRequest, DeleteSnapshotRequest, DescribeImagesRequest, Status};
use pulumi::{Context, Failure, Input, Old, known};
use tokio::time::Instant;

use crate::client::Client;
use crate::ecs::image::{ImageArgs, ImageState};
use crate::ecs::image_look::describe;
use crate::ecs::image_update::is_settled;
use crate::ecs::image_wait::{unless_cancelled, wait_until_gone};
use crate::failure;

/// For how long a snapshot is taken to be still in use by the image that has just been deleted.
const STILL_IN_USE: Duration = Duration::from_secs(5);

/// Which of the snapshots that an image names stay.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Spare {
    /// None of them.
    Nothing,
    /// Those that the program names as its source: an image that could not be made is made of them again.
    Sources,
}

/// Deletes an image, waits until it is gone, then deletes the snapshots that it named if the program wants that.
pub(crate) async fn delete(
    client: &Client,
    context: &Context,
    id: &str,
    old: &Old<ImageArgs, ImageState>,
    spare: Spare,
) -> Result<(), Failure> {
    let option = |state: &Option<Input<bool>>, args: &Option<Input<bool>>| {
        known(state).or_else(|| known(args)).copied().unwrap_or(false)
    };
    let force = option(&old.state.args.force, &old.args.force);
    let mut snapshots = match option(&old.state.args.delete_auto_snapshot, &old.args.delete_auto_snapshot) {
        true => snapshots_of(client, context, id, &old.state).await?,
        false => Vec::new(),
    };
    if spare == Spare::Sources {
        let mappings = known(&old.args.disk_device_mappings).into_iter().flatten().filter_map(Input::known);
        let sources: Vec<&String> = mappings
            .filter_map(|mapping| known(&mapping.snapshot_id))
            .chain(known(&old.args.snapshot_id))
            .collect();
        snapshots.retain(|snapshot| !sources.contains(&snapshot));
    }
    let request = DeleteImageRequest { image_id: id.to_owned(), force: force.then_some(true) };
    let call = client.api.delete_image(&request, context.deadline());
    match unless_cancelled(context, call).await? {
        Ok(_) => wait_until_gone(client, context, id).await?,
        Err(error) if error.is_not_found() => client.prove_absence(id, old.state.region_id.as_deref())?,
        Err(error) => return Err(refused_deletion(id, error)),
    }
    delete_snapshots(client, context, id, snapshots).await
}

/// Whether an image that the state calls unfinished may have been finished under another entry, as it bears another name: `pulumi up --replace` of an image
/// whose create was late takes that image up again, and the entry before then has no image any more.
pub(crate) async fn was_taken_up(
    client: &Client,
    context: &Context,
    id: &str,
    old: &Old<ImageArgs, ImageState>,
) -> Result<bool, Failure> {
    let Some(unfinished) = &old.state.kept.unfinished else { return Ok(false) };
    let Some(seen) = describe(client, context, id).await? else { return Ok(false) };
    let name = seen.image_name.unwrap_or_default();
    // An automatic name is this entry's alone.
    let own = old.args.is_filled_in("imageName") && known(&old.args.image_name) == Some(&name);
    Ok(name != *unfinished && !own)
}

/// The snapshots that an image names: those that the state knows, and those that the image itself tells while it is there.
/// The state of an image that was not finished knows none, and older providers do not record those of an instance.
async fn snapshots_of(
    client: &Client,
    context: &Context,
    id: &str,
    state: &ImageState,
) -> Result<Vec<String>, Failure> {
    let recorded = known(&state.args.disk_device_mappings).into_iter().flatten().filter_map(Input::known);
    let mut snapshots: Vec<String> =
        recorded.filter_map(|mapping| known(&mapping.snapshot_id)).cloned().collect();
    if is_settled(state) && !snapshots.is_empty() {
        return Ok(without_repeats(snapshots));
    }
    match describe(client, context, id).await? {
        Some(seen) => {
            snapshots.extend(seen.disk_device_mappings.into_iter().filter_map(|mapping| mapping.snapshot_id));
        }
        None if snapshots.is_empty() => context.warn(&format!(
            "image {id} is gone already, and the state does not say which snapshots it had: deleteAutoSnapshot deletes none"
        )),
        None => {}
    }
    Ok(without_repeats(snapshots))
}

fn without_repeats(snapshots: Vec<String>) -> Vec<String> {
    let mut found = Vec::new();
    for snapshot in snapshots.into_iter().filter(|snapshot| !snapshot.is_empty()) {
        if !found.contains(&snapshot) {
            found.push(snapshot);
        }
    }
    found
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
            let user = match image_made_from(client, context, &snapshot, id).await {
                Ok(user) => user,
                Err(Failure::Cloud(error)) => {
                    failed.push(format!("{snapshot}: {}", pulumi::chain(&*error)));
                    continue;
                }
                Err(failure) => return Err(failure),
            };
            if let Some(user) = user {
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

/// An image other than `deleted` that is made from a snapshot, if there is one and that can be found out. What is deleted may
/// be listed for a while.
async fn image_made_from(
    client: &Client,
    context: &Context,
    snapshot: &str,
    deleted: &str,
) -> Result<Option<String>, Failure> {
    let query = DescribeImagesRequest {
        snapshot_id: Some(snapshot.to_owned()),
        status: Status::Every,
        ..DescribeImagesRequest::default()
    };
    let call = client.api.describe_images(&query, context.deadline());
    let found = unless_cancelled(context, call).await?.map_err(failure::cloud)?.images;
    Ok(found.into_iter().filter_map(|image| image.image_id).find(|id| id != deleted))
}
