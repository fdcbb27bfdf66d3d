//! Deleting an image, and with it the snapshots that it names.

use std::time::Duration;

use aliyun::ErrorKind;
use aliyun::ecs::{
    CancelCopyImageRequest, DeleteImageRequest, DeleteSnapshotRequest, DescribeImagesRequest, Status,
};
use pulumi::{Context, Failure};
use tokio::time::Instant;

use crate::client::Client;
use crate::ecs::images::entry::Entry;
use crate::ecs::images::inputs::{Inputs, MadeBy};
use crate::ecs::images::status;
use crate::ecs::images::tasks::{self, Action, Cancellation, Stage, Task};
use crate::ecs::images::wait::{
    Wait, look_twice, wait_until_cancelled, wait_until_ended, wait_until_gone, wait_until_made,
};
use crate::failure;

/// The code of an image that is being copied, or is the source of a copy under way.
const COPYING: &str = "OperationDenied.ImageCopying";
/// The code of an image that is being imported.
const IMPORTING: &str = "ImageIsImporting";
/// The code of an image that is being exported, which is waited for.
const EXPORTING: &str = "ImageIsExporting";
/// For how long a snapshot is taken to be still in use by the image that has just been deleted.
const STILL_IN_USE: Duration = Duration::from_secs(5);

/// An image that is to go, and what of it goes with it.
#[derive(Debug)]
pub(crate) struct Deletion<'a> {
    pub(crate) id: &'a str,
    /// The region that the state names.
    pub(crate) region: Option<&'a str>,
    /// Whether it goes even if instances use it.
    pub(crate) force: bool,
    /// By what it is made.
    pub(crate) made_by: MadeBy,
    /// The task that makes it, if the state knows one.
    pub(crate) task: Option<&'a str>,
    /// How far that is.
    pub(crate) phase: Phase,
    /// The snapshots of its disks, if they go with it.
    pub(crate) snapshots: Option<Snapshots>,
}

/// How far the copy or the import is that makes an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Under way when it was last seen, or not seen since it was asked for: it is cancelled first.
    UnderWay,
    /// Not known to be under way: it is cancelled if the image's deletion is refused.
    Ended,
}

/// The snapshots of an image's disks.
#[derive(Debug)]
pub(crate) struct Snapshots {
    /// Those that the state knows.
    recorded: Vec<String>,
    /// Whether those are all: the state of an image that was not finished knows none, and older providers do not record those
    /// of an instance.
    complete: bool,
    /// Those that stay.
    spared: Vec<String>,
}

impl<'a> Deletion<'a> {
    /// Of an image that the state holds, as `args` or else the state say.
    pub(crate) fn of<A: Inputs>(id: &'a str, entry: &'a Entry<A>, args: &A) -> Self {
        let options = entry.args.options().or(args.options());
        let recorded = entry.args.snapshots(&entry.outputs);
        let complete = entry.is_settled() && !recorded.is_empty();
        let snapshots = Snapshots { recorded, complete, spared: Vec::new() };
        Deletion {
            id,
            region: entry.report.region_id.as_deref(),
            force: options.force.unwrap_or(false),
            made_by: A::MADE_BY,
            task: entry.kept.task.as_deref(),
            phase: match entry.status().as_deref() {
                status if status::is_being_made(status) => Phase::UnderWay,
                // Other providers keep no status, nor do they mark what they make.
                None if entry.kept.mark.is_some() => Phase::UnderWay,
                Some(_) | None => Phase::Ended,
            },
            snapshots: options.delete_auto_snapshot.unwrap_or(false).then_some(snapshots),
        }
    }

    /// The same, but the snapshots that the program names as the image's source stay: an image that could not be made is made
    /// of them again.
    #[must_use]
    pub(crate) fn sparing_sources<A: Inputs>(mut self, args: &A) -> Self {
        if let Some(snapshots) = &mut self.snapshots {
            snapshots.spared = args.sources();
        }
        self
    }

    /// Deletes the image, waits until it is gone, then deletes its snapshots.
    ///
    /// # Errors
    /// If the image or a snapshot stays.
    pub(crate) async fn carry_out(&self, client: &Client, context: &Context) -> Result<(), Failure> {
        let mut snapshots = self.snapshots(client, context).await?;
        if !(self.phase == Phase::UnderWay && self.cancel(client, context).await?) {
            self.delete_image(client, context, &mut snapshots).await?;
        }
        delete_snapshots(client, context, self.id, without_repeats(snapshots)).await
    }

    /// Cancels what makes the image. Whether the image is gone.
    async fn cancel(&self, client: &Client, context: &Context) -> Result<bool, Failure> {
        match self.made_by {
            MadeBy::Creation => Ok(false),
            MadeBy::Copy => self.cancel_copy(client, context).await,
            MadeBy::Import => self.cancel_import(client, context).await.map(|()| false),
        }
    }

    /// Cancels the import that makes the image, and waits until it has ended. What the cloud then leaves of the image is not
    /// documented.
    async fn cancel_import(&self, client: &Client, context: &Context) -> Result<(), Failure> {
        let Some(task) = self.task_under_way(client, context).await? else { return Ok(()) };
        match tasks::cancel(client, context, &task).await? {
            Cancellation::Accepted => {}
            Cancellation::Refused => context.info(&format!(
                "image {}: the cloud cannot cancel the import that makes it, so it is deleted when that has ended",
                self.id
            )),
            // It has ended.
            Cancellation::Unknown => return Ok(()),
        }
        wait_until_ended(client, context, self.id, task.id()).await
    }

    /// The task that imports the image, unless it is known to have ended: the one that the state knows, or else one
    /// that the cloud finds by the image. A cloud that tells of none leaves it to DeleteImage.
    async fn task_under_way(&self, client: &Client, context: &Context) -> Result<Option<Task>, Failure> {
        let deadline = context.deadline();
        let told = |error: &aliyun::Error| tracing::debug!(image = self.id, "no import is found: {error}");
        if let Some(id) = self.task {
            match tasks::describe(client, context, id, deadline).await? {
                Ok(Some(task)) => return Ok(Some(task).filter(Task::may_be_under_way)),
                Ok(None) => {}
                Err(error) => told(&error),
            }
        }
        let tasks = match tasks::of_image(client, context, Action::Import, self.id, deadline).await? {
            Ok(tasks) => tasks,
            Err(error) => {
                told(&error);
                return Ok(None);
            }
        };
        let newest = tasks.into_iter().find(|task| Stage::of(task.task_status.as_deref()).may_be_under_way());
        let Some(id) = newest.and_then(|task| task.task_id) else { return Ok(None) };
        match tasks::describe(client, context, &id, deadline).await? {
            Ok(task) => Ok(task.filter(Task::may_be_under_way)),
            Err(error) => {
                told(&error);
                Ok(None)
            }
        }
    }

    /// Cancels the copy that makes the image, of which the cloud then leaves nothing. Whether the image is gone.
    async fn cancel_copy(&self, client: &Client, context: &Context) -> Result<bool, Failure> {
        let id = self.id;
        let request = CancelCopyImageRequest { image_id: id.to_owned() };
        let call = client.api.cancel_copy_image(&request, context.deadline());
        let Err(error) = context.unless_cancelled(call).await? else {
            return wait_until_cancelled(client, context, id).await;
        };
        match error.code() {
            _ if error.is_image_not_found() => client.prove_absence(id, self.region).map(|()| true),
            // The copy has ended.
            Some("IncorrectImageStatus" | "ImageCreatedNotFromCopy") => Ok(false),
            Some("CancelNotSupported") => {
                context.info(&format!(
                    "image {id}: the cloud cannot cancel the copy that makes it, so it is deleted when that has ended"
                ));
                wait_until_made(client, context, id, "copied").await.map(|()| false)
            }
            _ => Err(failure::cloud(error)),
        }
    }

    /// Deletes the image and waits until it is gone. Adds to its snapshots those that it has got in the meantime.
    async fn delete_image(
        &self,
        client: &Client,
        context: &Context,
        snapshots: &mut Vec<String>,
    ) -> Result<(), Failure> {
        let id = self.id;
        let request = DeleteImageRequest { image_id: id.to_owned(), force: self.force.then_some(true) };
        let mut phase = (self.made_by != MadeBy::Creation).then_some(self.phase);
        // What makes the image may have come to its end since the last look at its snapshots.
        let mut may_have_ended = phase == Some(Phase::UnderWay);
        let mut wait = None;
        loop {
            if may_have_ended {
                self.look_for_snapshots(client, context, snapshots).await?;
            }
            may_have_ended = true;
            let call = client.api.delete_image(&request, context.deadline());
            let error = match context.unless_cancelled(call).await? {
                Ok(_) => return wait_until_gone(client, context, id).await,
                Err(error) if error.is_image_not_found() => return client.prove_absence(id, self.region),
                Err(error) if error.kind() == ErrorKind::TimedOut => return Err(refused_deletion(id, error)),
                Err(error) => error,
            };
            match (error.code(), self.made_by) {
                (Some(COPYING), MadeBy::Copy) => match phase.take() {
                    // It was called ended, and is about to.
                    Some(Phase::UnderWay) => wait_until_made(client, context, id, "copied").await?,
                    Some(Phase::Ended) => {
                        if self.cancel_copy(client, context).await? {
                            return Ok(());
                        }
                    }
                    // Then it is the source of another copy.
                    None => return Err(refused_deletion(id, error)),
                },
                (Some(IMPORTING), MadeBy::Import) if phase == Some(Phase::Ended) => {
                    phase = None;
                    self.cancel_import(client, context).await?;
                }
                (Some(IMPORTING), _) => {
                    wait_until_made(client, context, id, "imported").await?;
                    // The import may end a little after the image is made.
                    wait.get_or_insert_with(|| Wait::begin(client, context)).pause().await?;
                    if Instant::now() >= context.deadline() {
                        return Err(refused_deletion(id, error));
                    }
                }
                (Some("ImageUseShared"), _) => return Err(shared_with(client, context, id, error).await),
                _ => return Err(refused_deletion(id, error)),
            }
        }
    }

    /// The snapshots to delete: those that the state knows, and those that the image itself tells while it is there.
    async fn snapshots(&self, client: &Client, context: &Context) -> Result<Vec<String>, Failure> {
        let Some(Snapshots { recorded, spared, .. }) = &self.snapshots else { return Ok(Vec::new()) };
        let mut snapshots = recorded.clone();
        snapshots.retain(|snapshot| !spared.contains(snapshot));
        let is_there = self.look_for_snapshots(client, context, &mut snapshots).await?;
        if !is_there && recorded.is_empty() {
            context.warn(&format!(
                "image {} is gone already, and the state does not say which snapshots it had: deleteAutoSnapshot deletes none",
                self.id
            ));
        }
        Ok(snapshots)
    }

    /// Adds the snapshots that the image itself tells, unless none are wanted or the state knows them all. Whether the
    /// image is there, as far as that is looked at.
    async fn look_for_snapshots(
        &self,
        client: &Client,
        context: &Context,
        snapshots: &mut Vec<String>,
    ) -> Result<bool, Failure> {
        let Some(Snapshots { complete: false, spared, .. }) = &self.snapshots else { return Ok(true) };
        let Some(seen) = look_twice(client, context, self.id).await? else { return Ok(false) };
        let told = seen.disk_device_mappings.into_iter().filter_map(|disk| disk.snapshot_id);
        snapshots.extend(told.filter(|snapshot| !spared.contains(snapshot)));
        Ok(true)
    }
}

/// Whether an image that the state calls unfinished may have been finished under another entry, as it bears another name:
/// `pulumi up --replace` of an image whose create was late takes that image up again, and the entry before then has no image
/// any more. `own_name` is a name that no other entry can give.
pub(crate) async fn was_taken_up(
    client: &Client,
    context: &Context,
    id: &str,
    unfinished: Option<&str>,
    own_name: Option<&str>,
) -> Result<bool, Failure> {
    let Some(unfinished) = unfinished else { return Ok(false) };
    // Otherwise the image of another entry is deleted.
    let Some(seen) = look_twice(client, context, id).await? else { return Ok(false) };
    let name = seen.image_name.unwrap_or_default();
    Ok(name != unfinished && own_name != Some(&name))
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
        Some(COPYING) => "wait until copying has ended, or cancel it",
        Some(IMPORTING) => "wait until its import has ended, or cancel it",
        Some(EXPORTING) => {
            "wait until its export has ended, or cancel it by destroying its resource of type \
             alicloud:ecs/imageExport:ImageExport"
        }
        Some("ImageIsPublic") => "withdraw it from the community images first",
        _ => return failure::cloud(error),
    };
    let text = failure::text(&error);
    Failure::Refused(format!("{text}\nimage {id}: {advice}"))
}

/// An image goes only once it is shared with nobody, and no `force` helps. Others than this program may have shared it.
async fn shared_with(client: &Client, context: &Context, id: &str, error: aliyun::Error) -> Failure {
    let accounts = match client.shares.all(context, id).await {
        Ok(shares) => shares.into_iter().map(|share| share.account).collect::<Vec<_>>(),
        Err(_) => Vec::new(),
    };
    let (with, what) = match accounts.as_slice() {
        [] => ("other accounts".to_owned(), "that"),
        [account] => (format!("account {account}"), "that"),
        several => (format!("the accounts {}", several.join(", ")), "all of that"),
    };
    let text = failure::text(&error);
    Failure::Refused(format!(
        "{text}\nimage {id} is shared with {with}. End {what} first: destroy the resources of type \
         alicloud:ecs/imageSharePermission:ImageSharePermission that have made it, in whichever stack they are, or end it in the \
         console; then run the command again"
    ))
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
            context.unless_cancelled(client.api.delete_snapshot(&request, soon)).await?.map(drop);
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
            outcome = context.unless_cancelled(call).await?.map(drop);
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
    let found = context.unless_cancelled(call).await?.map_err(failure::cloud)?.images;
    Ok(found.into_iter().filter_map(|image| image.image_id).find(|id| id != deleted))
}

#[cfg(test)]
mod tests {
    use aliyun::testing::{Reply, Sent, ok, refuse};
    use serde_json::{Value as Json, json};

    use super::*;
    use crate::ecs::images::test_cloud::{Cloud, State, done, no_images, within};

    fn deletion(snapshots: &[&str]) -> Deletion<'static> {
        let recorded = snapshots.iter().map(|snapshot| (*snapshot).to_owned()).collect();
        let snapshots = Snapshots { recorded, complete: true, spared: Vec::new() };
        Deletion {
            id: "m-1",
            region: Some("cn-test"),
            force: false,
            made_by: MadeBy::Creation,
            task: None,
            phase: Phase::Ended,
            snapshots: Some(snapshots),
        }
    }

    fn cloud() -> Cloud {
        let cloud = Cloud::new();
        cloud.holds("m-1", "golden");
        cloud.state().images[0].snapshots = vec!["s-1".to_owned(), "s-2".to_owned()];
        cloud
    }

    /// The snapshots that were deleted, in order.
    fn deleted(cloud: &Cloud) -> Vec<String> {
        let sent = cloud.stub.sent();
        let deletions = sent.iter().filter(|sent| sent.action() == "DeleteSnapshot");
        deletions.map(|sent| sent.param("SnapshotId").to_owned()).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn the_snapshots_go_after_the_image_each_once() {
        let cloud = cloud();
        let deletion = deletion(&["s-1", "s-2", "s-1"]);
        deletion.carry_out(&cloud.client, &within(600)).await.unwrap();
        assert_eq!(
            cloud.stub.actions(),
            ["DeleteImage", "DescribeImages", "DeleteSnapshot", "DeleteSnapshot"]
        );
        assert_eq!(deleted(&cloud), ["s-1", "s-2"]);
    }

    #[tokio::test(start_paused = true)]
    async fn snapshots_that_the_state_does_not_know_are_asked_for_first() {
        let cloud = cloud();
        let mut deletion = deletion(&[]);
        deletion.snapshots.as_mut().unwrap().complete = false;
        deletion.snapshots.as_mut().unwrap().spared = vec!["s-1".to_owned()];
        deletion.carry_out(&cloud.client, &within(600)).await.unwrap();
        assert_eq!(cloud.stub.actions()[..2], ["DescribeImages", "DeleteImage"]);
        assert_eq!(deleted(&cloud), ["s-2"]);
    }

    #[tokio::test(start_paused = true)]
    async fn an_image_that_is_gone_is_deleted_but_not_if_it_may_be_in_another_region() {
        let mut cloud = Cloud::new();
        let mut deletion = deletion(&["s-1"]);
        deletion.carry_out(&cloud.client, &within(600)).await.unwrap();
        assert_eq!(deleted(&cloud), ["s-1"]);
        deletion.region = None;
        cloud.client.region_named = false;
        let text = deletion.carry_out(&cloud.client, &within(600)).await.unwrap_err().to_string();
        assert!(text.starts_with("image m-1 is not in the region cn-test"), "{text}");
        assert_eq!(deleted(&cloud), ["s-1"]);
    }

    /// A copy that takes so many seconds more, in a cloud that answers a cancellation so.
    fn copying(
        seconds: u64,
        cancel: impl Fn(&Sent, &mut State) -> Option<Reply> + Send + Sync + 'static,
    ) -> (Cloud, Deletion<'static>) {
        let began = Instant::now();
        let cloud = Cloud::otherwise(move |sent, state| match sent.action() {
            "CancelCopyImage" => cancel(sent, state),
            "DeleteImage" if began.elapsed() < Duration::from_secs(seconds) => Some(refuse(403, COPYING)),
            _ => None,
        });
        cloud.holds("m-1", "golden");
        cloud.state().images[0].ready_from += Duration::from_secs(seconds);
        (cloud, Deletion { made_by: MadeBy::Copy, phase: Phase::UnderWay, snapshots: None, ..deletion(&[]) })
    }

    #[tokio::test(start_paused = true)]
    async fn a_copy_under_way_is_cancelled_and_that_deletes_it() {
        let (cloud, deletion) = copying(1_000, |_, _| None);
        deletion.carry_out(&cloud.client, &within(600)).await.unwrap();
        assert_eq!(cloud.stub.actions(), ["CancelCopyImage", "DescribeImages", "DescribeImages"]);
        assert_eq!(cloud.stub.sent()[0].param("RegionId"), "cn-test");
        assert!(cloud.names().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_copy_that_is_gone_needs_no_cancellation() {
        let (mut cloud, mut deletion) = copying(0, |_, _| None);
        cloud.state().images.clear();
        deletion.carry_out(&cloud.client, &within(600)).await.unwrap();
        assert_eq!(cloud.stub.actions(), ["CancelCopyImage"]);
        // It may be in another region.
        cloud.client.region_named = false;
        deletion.region = None;
        let text = deletion.carry_out(&cloud.client, &within(600)).await.unwrap_err().to_string();
        assert!(text.starts_with("image m-1 is not in the region cn-test"), "{text}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_copy_that_has_ended_is_deleted() {
        for code in ["IncorrectImageStatus", "ImageCreatedNotFromCopy"] {
            let (cloud, mut deletion) = copying(0, |_, _| None);
            let cancel = move |sent: &Sent, _: &mut State| {
                (sent.action() == "CancelCopyImage").then(|| refuse(400, code))
            };
            let ended = Cloud::otherwise(cancel);
            ended.state().images.clone_from(&cloud.state().images);
            deletion.force = true;
            deletion.carry_out(&ended.client, &within(600)).await.unwrap();
            assert_eq!(ended.stub.actions(), ["CancelCopyImage", "DeleteImage", "DescribeImages"], "{code}");
            assert_eq!(ended.stub.sent()[1].param("Force"), "true");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_copy_that_cannot_be_cancelled_is_deleted_when_it_has_ended() {
        let (cloud, deletion) = copying(40, |_, _| Some(refuse(400, "CancelNotSupported")));
        let (began, context) = (Instant::now(), within(600));
        deletion.carry_out(&cloud.client, &context).await.unwrap();
        assert!((40..=52).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
        assert_eq!(cloud.count("DeleteImage"), 1);
        assert!(context.infos()[0].contains("the cloud cannot cancel the copy"), "{:?}", context.infos());
        assert!(cloud.names().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_copy_that_ends_although_it_is_cancelled_is_deleted() {
        let (cloud, deletion) = copying(3, |_, _| Some(done()));
        let began = Instant::now();
        deletion.carry_out(&cloud.client, &within(600)).await.unwrap();
        assert!((3..=6).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
        assert_eq!((cloud.count("CancelCopyImage"), cloud.count("DeleteImage")), (1, 1));
        assert!(cloud.names().is_empty());
    }

    /// A copy that comes to its end while it is being deleted has snapshots only then.
    #[tokio::test(start_paused = true)]
    async fn the_snapshots_that_a_copy_gets_during_its_deletion_go_as_well() {
        for (phase, code) in [
            (Phase::UnderWay, "CancelNotSupported"),
            (Phase::UnderWay, "IncorrectImageStatus"),
            (Phase::Ended, "CancelNotSupported"),
        ] {
            let cancel = match code {
                "CancelNotSupported" => |_: &Sent, _: &mut State| Some(refuse(400, "CancelNotSupported")),
                _ => |_: &Sent, _: &mut State| Some(refuse(400, "IncorrectImageStatus")),
            };
            let (cloud, mut deletion) = copying(40, cancel);
            deletion.phase = phase;
            let spared = vec!["s-8".to_owned()];
            deletion.snapshots = Some(Snapshots { recorded: Vec::new(), complete: false, spared });
            let ends = async {
                tokio::time::sleep(Duration::from_secs(39)).await;
                cloud.state().images[0].snapshots = vec!["s-8".to_owned(), "s-9".to_owned()];
            };
            let context = within(600);
            let (outcome, ()) = tokio::join!(deletion.carry_out(&cloud.client, &context), ends);
            outcome.unwrap();
            assert_eq!(deleted(&cloud), ["s-9"], "{phase:?} {code}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_copy_that_can_neither_be_cancelled_nor_ends_says_what_to_do() {
        let (cloud, deletion) = copying(1_000, |_, _| Some(refuse(400, "CancelNotSupported")));
        let text = deletion.carry_out(&cloud.client, &within(60)).await.unwrap_err().to_string();
        assert_eq!(
            text,
            "image m-1 is still being copied after 60 s: Creating (50%). Run the command again to keep waiting; \
             customTimeouts.create allows more time"
        );
        assert_eq!((cloud.count("DeleteImage"), cloud.names().len()), (0, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn empty_answers_of_one_moment_are_no_proof_that_a_copy_has_ended_or_is_gone() {
        for answer in [done, || refuse(400, "CancelNotSupported")] {
            let (cloud, deletion) = hiding(Duration::from_millis(900), move |sent| {
                (sent.action() == "CancelCopyImage").then(answer)
            });
            cloud.state().images[0].ready_from += Duration::from_secs(3);
            let deletion = Deletion { made_by: MadeBy::Copy, phase: Phase::UnderWay, ..deletion };
            let began = Instant::now();
            deletion.carry_out(&cloud.client, &within(600)).await.unwrap();
            assert_eq!((cloud.count("DeleteImage"), cloud.names().len()), (1, 0));
            assert!((3..=6).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_empty_answer_does_not_hide_that_an_image_was_taken_up() {
        let (cloud, _) = hiding(Duration::from_millis(900), |_| None);
        let unfinished = Some("golden-unfinished-1-2");
        assert!(was_taken_up(&cloud.client, &within(600), "m-1", unfinished, None).await.unwrap());
    }

    /// A cloud that does not show its image at first.
    fn hiding(
        time: Duration,
        otherwise: impl Fn(&Sent) -> Option<Reply> + Send + Sync + 'static,
    ) -> (Cloud, Deletion<'static>) {
        let began = Instant::now();
        let cloud = Cloud::otherwise(move |sent, _| {
            let hides = sent.action() == "DescribeImages" && began.elapsed() < time;
            otherwise(sent).or(hides.then(no_images))
        });
        cloud.holds("m-1", "golden");
        (cloud, Deletion { snapshots: None, ..deletion(&[]) })
    }

    #[tokio::test(start_paused = true)]
    async fn one_empty_answer_does_not_hide_the_snapshots_of_an_image() {
        let cloud = Cloud::otherwise(|sent, state| {
            let hides = sent.action() == "DescribeImages" && !std::mem::replace(&mut state.was_asked, true);
            hides.then(no_images)
        });
        cloud.holds("m-1", "golden");
        cloud.state().images[0].snapshots = vec!["s-1".to_owned()];
        let snapshots = Snapshots { recorded: Vec::new(), complete: false, spared: Vec::new() };
        let deletion = Deletion { snapshots: Some(snapshots), ..deletion(&[]) };
        deletion.carry_out(&cloud.client, &within(600)).await.unwrap();
        assert_eq!((cloud.count("DeleteImage"), cloud.count("DeleteSnapshot")), (1, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn that_something_else_is_not_there_does_not_delete_an_image() {
        for code in ["InvalidSnapshotId.NotFound", "InvalidInstanceId.NotFound", "Forbidden.SnapshotNotFound"]
        {
            let cloud =
                Cloud::otherwise(move |sent, _| (sent.action() == "DeleteImage").then(|| refuse(404, code)));
            cloud.holds("m-1", "golden");
            let failed = deletion(&[]).carry_out(&cloud.client, &within(60)).await.unwrap_err().to_string();
            assert!(failed.contains(code), "{failed}");
        }
    }

    /// The state may be another provider's, or out of date.
    #[tokio::test(start_paused = true)]
    async fn a_copy_that_is_not_known_to_be_under_way_is_cancelled_if_it_is() {
        let (cloud, mut deletion) = copying(1_000, |_, _| None);
        deletion.phase = Phase::Ended;
        deletion.carry_out(&cloud.client, &within(600)).await.unwrap();
        let looks = ["DescribeImages", "DescribeImages"];
        assert_eq!(cloud.stub.actions(), [&["DeleteImage", "CancelCopyImage"], &looks[..]].concat());
        assert!(cloud.names().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_copy_that_is_being_copied_itself_says_what_to_do() {
        let (cloud, mut deletion) = copying(1_000, |_, _| Some(refuse(400, "IncorrectImageStatus")));
        deletion.phase = Phase::Ended;
        let text = deletion.carry_out(&cloud.client, &within(600)).await.unwrap_err().to_string();
        assert!(text.ends_with("image m-1: wait until copying has ended, or cancel it"), "{text}");
        assert_eq!(cloud.stub.actions(), ["DeleteImage", "CancelCopyImage", "DeleteImage"]);
    }

    /// The answer to the first cancellation was lost, and the second finds no copy to cancel.
    #[tokio::test(start_paused = true)]
    async fn a_copy_that_is_called_ended_too_early_is_waited_for() {
        let (cloud, deletion) = copying(20, |_, _| Some(refuse(400, "IncorrectImageStatus")));
        deletion.carry_out(&cloud.client, &within(600)).await.unwrap();
        assert_eq!(cloud.count("DeleteImage"), 2);
        assert!(cloud.names().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_cancellation_that_is_refused_leaves_the_copy() {
        let (cloud, deletion) = copying(1_000, |_, _| Some(refuse(403, "Forbidden.RAM")));
        let text = deletion.carry_out(&cloud.client, &within(60)).await.unwrap_err().to_string();
        assert!(text.contains("ecs:CancelCopyImage"), "{text}");
        assert_eq!(cloud.names().len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_says_what_to_do_and_no_snapshot_goes() {
        let cloud = Cloud::otherwise(|sent, _| {
            (sent.action() == "DeleteImage").then(|| refuse(403, "ImageUsingByInstance"))
        });
        let failed = deletion(&["s-1"]).carry_out(&cloud.client, &within(600)).await;
        let text = failed.unwrap_err().to_string();
        assert!(text.ends_with(
            "image m-1: set force: true and run `pulumi up` before deleting, to delete it all the same"
        ));
        assert_eq!(deleted(&cloud), [""; 0]);
    }

    /// What is said of an image that is shared, if this is the answer to whom it is shared with.
    async fn refusal_of_shared(answer: Reply) -> String {
        let cloud = Cloud::otherwise(move |sent, _| match sent.action() {
            "DeleteImage" => Some(refuse(403, "ImageUseShared")),
            "DescribeImageSharePermission" => Some(answer.clone()),
            _ => None,
        });
        cloud.holds("m-1", "golden");
        let failure = deletion(&["s-1"]).carry_out(&cloud.client, &within(600)).await.unwrap_err();
        assert_eq!(cloud.stub.actions(), ["DeleteImage", "DescribeImageSharePermission"]);
        failure.to_string()
    }

    #[tokio::test(start_paused = true)]
    async fn an_image_that_is_shared_says_with_whom() {
        let shared_with = |accounts: &[&str]| {
            let accounts: Vec<Json> = accounts.iter().map(|account| json!({ "AliyunId": account })).collect();
            ok(&json!({ "RequestId": "R", "TotalCount": accounts.len(), "Accounts": { "Account": accounts } }).to_string())
        };
        for (answer, expected) in [
            (
                shared_with(&["11", "12"]),
                "image m-1 is shared with the accounts 11, 12. End all of that first: destroy",
            ),
            (shared_with(&["11"]), "image m-1 is shared with account 11. End that first: destroy"),
            (
                refuse(403, "Forbidden.RAM"),
                "image m-1 is shared with other accounts. End that first: destroy",
            ),
        ] {
            let text = refusal_of_shared(answer).await;
            assert!(text.starts_with("DeleteImage: ImageUseShared: ") && text.contains(expected), "{text}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_snapshot_from_which_another_image_is_made_stays() {
        let cloud = Cloud::otherwise(|sent, _| {
            (sent.param("SnapshotId") == "s-1" && sent.action() == "DeleteSnapshot")
                .then(|| refuse(403, "SnapshotCreatedImage"))
        });
        cloud.holds("m-1", "golden");
        cloud.holds("m-2", "another");
        cloud.state().images[1].snapshots = vec!["s-1".to_owned()];
        let context = within(600);
        deletion(&["s-1", "s-2"]).carry_out(&cloud.client, &context).await.unwrap();
        assert!(context.warnings()[0].contains("snapshot s-1 of image m-1 is kept, as image m-2"));
        assert_eq!(deleted(&cloud).last().unwrap(), "s-2");
    }

    #[tokio::test(start_paused = true)]
    async fn a_snapshot_that_stays_for_another_reason_is_named() {
        let cloud = Cloud::otherwise(|sent, _| {
            (sent.action() == "DeleteSnapshot").then(|| refuse(403, "Forbidden.RAM"))
        });
        let failed = deletion(&["s-1", "s-2"]).carry_out(&cloud.client, &within(600)).await;
        let text = failed.unwrap_err().to_string();
        assert!(text.starts_with("image m-1 is deleted, but of its snapshots"), "{text}");
        assert!(text.contains("s-1: ") && text.contains("s-2: "), "{text}");
    }

    #[tokio::test(start_paused = true)]
    async fn an_unfinished_image_that_bears_another_name_was_taken_up() {
        let cloud = cloud();
        for (unfinished, own_name, expected) in [
            (None, None, false),
            (Some("golden"), None, false),
            (Some("golden-unfinished-1-2"), None, true),
            (Some("golden-unfinished-1-2"), Some("golden"), false),
        ] {
            let taken = was_taken_up(&cloud.client, &within(600), "m-1", unfinished, own_name).await;
            assert_eq!(taken.unwrap(), expected, "{unfinished:?} {own_name:?}");
        }
    }
}
