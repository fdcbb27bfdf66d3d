//! `alicloud:ecs/imageExport:ImageExport`: an image's disks as files in a bucket. It is no image, and its id is that of the image
//! which it exports.

pub(crate) mod args;
mod exporting;
mod objects;
mod refusal;
#[cfg(test)]
mod tests;

use std::time::Duration;

use aliyun::ecs::ExportImageRequest;
use pulumi::{
    CheckContext, Context, Failure, Findings, Old, Read, Resource, Timeouts, Unlisted, Update, known,
};

use crate::client::Client;
use crate::ecs::image_export::args::{ExportArgs, ExportEntry, ExportIdentity, FINISHED, Target};
use crate::ecs::image_export::exporting::{Exporting, Outcome, wait_until_ended};
use crate::ecs::images::memory::Memory;
use crate::ecs::images::tasks::{self, Cancellation, Stage, Task};
use crate::failure;

/// The resource.
#[derive(Debug)]
pub(crate) struct ImageExport {
    memory: Memory,
}

impl ImageExport {
    /// With the memory that it shares with resources that are images.
    pub(crate) fn new(memory: Memory) -> ImageExport {
        ImageExport { memory }
    }
}

impl Resource<Client> for ImageExport {
    type Args = ExportArgs;
    type State = ExportEntry;
    type Identity = ExportIdentity;
    type ListArgs = Unlisted;

    const TOKEN: &'static str = "alicloud:ecs/imageExport:ImageExport";
    const DESCRIPTION: &'static str = include_str!("image_export.md");
    /// An update goes on with what a create has left.
    const TIMEOUTS: Timeouts = Timeouts {
        read: Duration::from_secs(600),
        delete: Duration::from_secs(1_200),
        ..Timeouts::all(Duration::from_secs(3_600))
    };

    fn check(
        &self,
        args: &ExportArgs,
        _olds: Option<&ExportArgs>,
        _context: &CheckContext<'_>,
        findings: &mut Findings,
    ) -> ExportArgs {
        args::check(args, findings);
        ExportArgs::default()
    }

    /// Always: deleting the old one last could delete the objects that the new one has just written.
    fn delete_before_replace(&self, _olds: &ExportArgs, _news: &ExportArgs) -> bool {
        true
    }

    fn observe(&self, urn: &str, _id: &str, identity: &ExportIdentity) {
        if let Some(target) = identity.target() {
            self.memory.hold(urn, &target.key(), identity.mark.clone());
        }
    }

    fn admit(&self, client: &Client, id: &str, identity: &ExportIdentity) -> Result<(), Failure> {
        client.check_region(id, identity.region_id.as_deref())
    }

    async fn create(
        &self,
        client: &Client,
        context: &Context,
        args: ExportArgs,
    ) -> Result<(String, ExportEntry), Failure> {
        let target = Target::of(&args)?;
        let mark = Some(uuid::Uuid::new_v4().simple().to_string());
        let work = Work { client, context, target: &target, args: &args };
        let task = work.begin().await?;
        let entry = ExportEntry::begun(&args, client.api.region(), mark.clone(), &task);
        self.memory.hold(context.urn(), &target.key(), mark.clone());
        match work.complete(entry, &task).await {
            Ok(entry) => Ok((target.image, entry)),
            Err(Incomplete { failure, entry, may_be_dropped }) => {
                if may_be_dropped {
                    self.memory.let_go(&target.key(), &mark);
                    return Err(failure);
                }
                Err(in_state(&target, &entry, failure))
            }
        }
    }

    async fn read(
        &self,
        client: &Client,
        context: &Context,
        id: &str,
        old: Option<Old<ExportArgs, ExportEntry>>,
    ) -> Result<Option<Read<ExportArgs, ExportEntry>>, Failure> {
        let Some(Old { args, state: mut entry }) = old else {
            return Err(Failure::Refused(format!(
                "an export cannot be imported, as the cloud does not tell where image {id} has been exported to. Leave the \
                 files that there are as they are, and let `pulumi up` export the image to a place of its own"
            )));
        };
        let target = Target::of(&entry.args)?;
        let work = Work { client, context, target: &target, args: &args };
        if let Some(unwell) = work.look(&mut entry).await? {
            return Err(Failure::partial(id, &entry, Vec::new(), unwell).with_inputs(&args));
        }
        match work.objects_are_there(&mut entry).await? {
            true => Ok(Some(Read { id: id.to_owned(), args, state: entry })),
            false => {
                self.memory.let_go(&target.key(), &entry.mark);
                Ok(None)
            }
        }
    }

    /// Of what a program says nothing can be updated but the name of a role. What else comes here is an export that an earlier
    /// operation has not seen the end of.
    async fn update(
        &self,
        client: &Client,
        context: &Context,
        update: Update<ExportArgs, ExportEntry>,
    ) -> Result<ExportEntry, Failure> {
        let Update { old, args, .. } = update;
        let mut entry = old.state;
        let target = Target::of(&entry.args)?;
        entry.args.role_name.clone_from(&args.role_name);
        if entry.is_complete() {
            return Ok(entry);
        }
        let work = Work { client, context, target: &target, args: &args };
        let task = match work.look(&mut entry).await {
            Ok(_) if entry.is_complete() => return work.with_objects(entry).await,
            // One that has failed, or that the cloud has forgotten, is begun anew.
            Ok(_) if !entry.is_running() => match work.begin().await {
                Ok(task) => task,
                Err(failure) => return Err(in_state(&target, &entry, failure)),
            },
            Ok(_) => entry.task_id.clone().unwrap_or_default(),
            Err(failure) => return Err(in_state(&target, &entry, failure)),
        };
        let begun = ExportEntry::begun(&args, client.api.region(), entry.mark.clone(), &task);
        let begun = ExportEntry { args: entry.args, ..begun };
        work.complete(begun, &task).await.map_err(|stop| in_state(&target, &stop.entry, stop.failure))
    }

    /// A program that gives a resource another name exports anew, and then deletes the older entry. That must not delete what
    /// the newer one has written.
    async fn delete(
        &self,
        client: &Client,
        context: &Context,
        _id: &str,
        old: Old<ExportArgs, ExportEntry>,
    ) -> Result<(), Failure> {
        let Old { args, state: entry } = old;
        let target = Target::of(&entry.args)?;
        if self.memory.let_go(&target.key(), &entry.mark) {
            context.warn(&format!(
                "the export of image {} to {} stays: another entry of the state holds the same one",
                target.image,
                target.place()
            ));
            return Ok(());
        }
        let mark = entry.mark.clone();
        let deleted = (Work { client, context, target: &target, args: &args }).delete(entry).await;
        if deleted.is_err() {
            self.memory.hold(context.urn(), &target.key(), mark);
        }
        deleted
    }
}

impl ExportEntry {
    fn is_running(&self) -> bool {
        Stage::of(self.status.as_deref()) == Stage::Running
    }
}

/// An export of a state, and what works on it.
struct Work<'a> {
    client: &'a Client,
    context: &'a Context,
    target: &'a Target,
    args: &'a ExportArgs,
}

/// An export that is not complete.
struct Incomplete {
    failure: Failure,
    entry: Box<ExportEntry>,
    /// Whether nothing is left of it.
    may_be_dropped: bool,
}

impl Work<'_> {
    async fn begin(&self) -> Result<String, Failure> {
        let request = ExportImageRequest {
            image_id: self.target.image.clone(),
            oss_bucket: self.target.bucket.clone(),
            oss_prefix: self.target.prefix.clone(),
            image_format: known(&self.args.image_format).cloned(),
            role_name: known(&self.args.role_name).cloned(),
        };
        let Work { client, context, target, .. } = *self;
        Exporting { client, context, target, request: &request }.begin().await
    }

    /// Waits for the end of an export that has begun.
    async fn complete(&self, mut entry: ExportEntry, task: &str) -> Result<ExportEntry, Incomplete> {
        let Work { client, context, target, .. } = *self;
        let image = &target.image;
        let stop = |failure, entry, may_be_dropped| {
            Err(Incomplete { failure, entry: Box::new(entry), may_be_dropped })
        };
        match wait_until_ended(client, context, image, task, "exporting").await {
            Outcome::Finished(task) => {
                entry.see(&task);
                let kept = entry.clone();
                match self.with_objects(entry).await {
                    Ok(entry) => Ok(entry),
                    Err(failure) => stop(failure, kept, false),
                }
            }
            Outcome::Failed(task) => {
                entry.see(&task);
                let text =
                    format!("the export of image {image} to {} failed{}", target.place(), self.why(&task));
                let mut written = match task.bucket() {
                    Some(bucket) if bucket == target.bucket => task.objects(),
                    _ => Vec::new(),
                };
                if task.stage() != Stage::Failed {
                    // What this means is not documented, so that the task may go on.
                    let text =
                        format!("{text}\nNothing of it is deleted. Run `pulumi up` to look at it again");
                    return stop(Failure::Refused(text), entry, false);
                }
                if !written.is_empty() {
                    match objects::of_others(client, context, target, task.id()).await {
                        Ok(others) => written.retain(|object| !others.contains(object)),
                        Err(failure) => return stop(failure, entry, false),
                    }
                }
                match objects::delete(client, context, &target.bucket, &written).await {
                    Ok(left) if left.is_empty() => {
                        let text = format!("{text}\nNo files of it are left behind");
                        stop(Failure::Refused(text), entry, true)
                    }
                    Ok(left) => {
                        entry.name_objects(left.iter().map(|(object, _)| object.clone()).collect(), false);
                        let lines = objects::lines(&target.bucket, &left);
                        let text = format!("{text}\nOf its files these could not be deleted:\n{lines}");
                        stop(Failure::Refused(text), entry, false)
                    }
                    Err(failure) => {
                        entry.name_objects(written, false);
                        stop(failure, entry, false)
                    }
                }
            }
            Outcome::Forgotten => {
                entry.status = None;
                let text = format!(
                    "the cloud does not know the task {task} that exports image {image} to {}. Run `pulumi up` again, which \
                     exports the image anew if no task of it is under way",
                    target.place()
                );
                stop(Failure::Refused(text), entry, false)
            }
            Outcome::Stopped(failure, task) => {
                if let Some(task) = &task {
                    entry.see(task);
                }
                stop(failure, entry, false)
            }
        }
    }

    /// Why a task failed, and what to do about it.
    fn why(&self, task: &Task) -> String {
        let Some(reason) = task.reason() else {
            return format!(": its task is {}", task.status().unwrap_or("in an unknown state"));
        };
        let role = known(&self.args.role_name).map(String::as_str);
        let code = reason.split(':').next().unwrap_or_default();
        match refusal::advice(code, self.target, role, self.client.api.region()) {
            Some(advice) => format!(": {reason}\n{advice}"),
            None => format!(": {reason}"),
        }
    }

    /// Names the objects of a finished export that its task does not name.
    async fn with_objects(&self, mut entry: ExportEntry) -> Result<ExportEntry, Failure> {
        if entry.oss_objects.is_none() {
            let guessed = objects::guess(self.client, self.context, self.target).await?;
            self.context.warn(&format!(
                "the task that has exported image {} does not name its files, so that their names follow the cloud's \
                 documentation: {}",
                self.target.image,
                guessed.join(", ")
            ));
            entry.name_objects(guessed, true);
        }
        Ok(entry)
    }

    /// Looks at the task of an export that is not known to be complete. What is to be told of one that is not.
    async fn look(&self, entry: &mut ExportEntry) -> Result<Option<String>, Failure> {
        let Work { client, context, target, .. } = *self;
        let Some(id) = entry.task_id.clone().filter(|_| !entry.is_complete()) else { return Ok(None) };
        let image = &target.image;
        let task =
            tasks::describe(client, context, &id, context.deadline()).await?.map_err(failure::cloud)?;
        let Some(task) = task else {
            entry.status = None;
            return Ok(Some(format!(
                "the cloud does not know the task {id} that exports image {image} any more, and nobody has seen its end. Run \
                 `pulumi up` to export the image anew"
            )));
        };
        entry.see(&task);
        Ok(match task.stage() {
            Stage::Finished => None,
            Stage::Running => Some(format!(
                "image {image} is still being exported to {}: {}. Run `pulumi up` to wait for it",
                target.place(),
                task.progress().or(task.status()).unwrap_or_default()
            )),
            Stage::Failed | Stage::Unknown => Some(format!(
                "the export of image {image} to {} failed{}\nRun `pulumi up` to export it anew",
                target.place(),
                self.why(&task)
            )),
        })
    }

    /// Whether there is an object of the export, as far as is known. Only a proven absence of all of them says that there is
    /// none.
    async fn objects_are_there(&self, entry: &mut ExportEntry) -> Result<bool, Failure> {
        let Work { client, context, target, .. } = *self;
        let image = &target.image;
        if entry.oss_objects.is_none() {
            let (found, guessed) = objects::find(client, context, target).await?;
            entry.name_objects(found, guessed);
        }
        let names = entry.oss_objects.clone().unwrap_or_default();
        let seen = objects::look(client, context, &target.bucket, &names).await?;
        if !seen.unknown.is_empty() {
            context.warn(&format!(
                "whether the files are there that image {image} was exported to is not known, and the export stays in the \
                 state:\n{}",
                objects::lines(&target.bucket, &seen.unknown)
            ));
            return Ok(true);
        }
        let absent = seen.absent.join(", ");
        match (seen.there.is_empty(), seen.absent.is_empty()) {
            (true, false) if entry.guessed == Some(true) => {
                context.warn(&format!(
                    "image {image} was exported to {}, and no file is there by the name that the cloud's documentation gives it: \
                     {absent}. As no task has told the name, the export stays in the state. If its files are gone, take it out: \
                     pulumi state delete '{}'",
                    target.place(),
                    context.urn()
                ));
                Ok(true)
            }
            (true, _) => Ok(false),
            (false, false) => {
                context.warn(&format!(
                    "of the files that image {image} was exported to, these are not in the bucket {} any more: {absent}. To \
                     export the image anew: pulumi up --replace '{}'",
                    target.bucket,
                    context.urn()
                ));
                Ok(true)
            }
            (false, true) => Ok(true),
        }
    }

    /// Cancels the export if it is under way, and deletes its objects.
    async fn delete(&self, mut entry: ExportEntry) -> Result<(), Failure> {
        let Work { client, context, target, .. } = *self;
        let image = &target.image;
        let mut names = entry.oss_objects.take().unwrap_or_default();
        if let Some(id) = entry.task_id.clone().filter(|_| entry.status.as_deref() != Some(FINISHED))
            && let Some(task) = self.end(&id).await?
        {
            for object in task.objects() {
                if !names.contains(&object) {
                    names.push(object);
                }
            }
        }
        if names.is_empty() {
            names = match entry.is_complete() {
                true => objects::find(client, context, target).await?.0,
                false => objects::guess(client, context, target).await?,
            };
        }
        let left = objects::delete(client, context, &target.bucket, &names).await?;
        if left.is_empty() {
            return Ok(());
        }
        Err(Failure::Refused(format!(
            "of the files that image {image} was exported to, these could not be deleted, and the export stays in the state. \
             Run the command again to try once more, or delete them by hand and then run it again:\n{}",
            objects::lines(&target.bucket, &left)
        )))
    }

    /// Ends the task if it is running. What it shows at its end; `None` if the cloud does not know it.
    async fn end(&self, id: &str) -> Result<Option<Task>, Failure> {
        let Work { client, context, target, .. } = *self;
        let task = tasks::describe(client, context, id, context.deadline()).await?.map_err(failure::cloud)?;
        let Some(task) = task else { return Ok(None) };
        if matches!(task.stage(), Stage::Finished | Stage::Failed) {
            return Ok(Some(task));
        }
        match tasks::cancel(client, context, &task).await? {
            Cancellation::Accepted => {}
            Cancellation::Refused => context.info(&format!(
                "image {}: the cloud cannot cancel its export, so that the files are deleted when it has ended",
                target.image
            )),
            Cancellation::Unknown => return Ok(Some(task)),
        }
        match wait_until_ended(client, context, &target.image, id, "its export ends").await {
            Outcome::Finished(ended) | Outcome::Failed(ended) => {
                // What it was about may show at its beginning only.
                Ok(Some(if ended.objects().is_empty() { task } else { ended }))
            }
            Outcome::Forgotten => Ok(Some(task)),
            Outcome::Stopped(failure, _) => Err(failure),
        }
    }
}

/// The export has begun, so the state keeps it.
fn in_state(target: &Target, entry: &ExportEntry, failure: Failure) -> Failure {
    let image = &target.image;
    let reason = match failure {
        Failure::Cloud(error) => pulumi::chain(&*error),
        Failure::Cancelled(_) => {
            format!(
                "interrupted. The export of image {image} is in the state, and the next `pulumi up` goes on from there"
            )
        }
        other @ (Failure::Partial { .. } | Failure::Refused(_) | Failure::Bug(_)) => other.to_string(),
    };
    Failure::partial(image, entry, Vec::new(), reason)
}
