//! `alicloud:ecs/imageExport:ImageExport`: an image's disks as files in a bucket. It is no image, and its id is that of the image
//! which it exports.

pub(crate) mod args;
mod exporting;
mod objects;
mod refusal;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use aliyun::ecs::ExportImageRequest;
use aliyun::object::ObjectVersion;
use pulumi::{
    CheckContext, Context, Failure, Findings, Look, Old, Read, Resource, Timeouts, Unlisted, Update, Wait,
    known,
};

use crate::client::Client;
use crate::ecs::image_export::args::{Begun, ExportArgs, ExportEntry, ExportIdentity, Target, Written};
use crate::ecs::image_export::exporting::{
    Exporting, Outcome, seen_for_sure, wait_until_ended, with_earlier,
};
use crate::ecs::image_export::objects::{Deleted, Named, Ownership, Seen};
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

    fn observe(&self, urn: &str, _id: &str, identity: &ExportIdentity, managed: bool) {
        if let Some(target) = identity.target() {
            self.memory.observe(urn, &target.key(), identity.mark.clone(), managed);
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
        let begun = work.begin().await?;
        let entry = ExportEntry::begun(&args, client.api.region(), mark.clone(), &begun);
        self.memory.hold(context.urn(), &target.key(), mark.clone());
        match work.complete(entry, &begun.id).await {
            Ok(entry) => Ok((target.image, entry)),
            Err(Incomplete { failure, entry, may_be_dropped }) => {
                if may_be_dropped {
                    self.memory.let_go(context.urn(), &target.key(), &mark);
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
                self.memory.let_go(context.urn(), &target.key(), &entry.mark);
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
        let Update { old, args, changed, .. } = update;
        let mut entry = old.state;
        let target = Target::of(&entry.args)?;
        entry.args.role_name.clone_from(&args.role_name);
        if entry.is_complete() || entry.is_published() && !changed.is_empty() {
            return Ok(entry);
        }
        let work = Work { client, context, target: &target, args: &args };
        let looked = match entry.is_published() {
            true => match work.was_written(&mut entry).await {
                Ok(true) => return Ok(entry),
                Ok(false) => Ok(None),
                Err(failure) => Err(failure),
            },
            false => work.look(&mut entry).await,
        };
        let (entry, task) = match looked {
            Ok(_) if entry.is_complete() => return work.with_objects(entry, false).await,
            // One that has failed, or that the cloud has forgotten, is begun anew.
            Ok(_) if !entry.is_running() => match work.begin().await {
                Ok(begun) if entry.task_id.as_ref() == Some(&begun.id) => (entry, begun.id),
                Ok(begun) => (entry.begun_anew(client.api.region(), &begun), begun.id),
                Err(failure) => return Err(in_state(&target, &entry, failure)),
            },
            Ok(_) => {
                let task = entry.task_id.clone().unwrap_or_default();
                (entry, task)
            }
            Err(failure) => return Err(in_state(&target, &entry, failure)),
        };
        work.complete(entry, &task).await.map_err(|stop| in_state(&target, &stop.entry, stop.failure))
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
        if self.memory.let_go(context.urn(), &target.key(), &entry.mark) {
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
    async fn begin(&self) -> Result<Begun, Failure> {
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
                self.tell_of_trouble(&task);
                let kept = entry.clone();
                match self.with_objects(entry, true).await {
                    Ok(entry) => Ok(entry),
                    Err(failure) => stop(failure, kept, false),
                }
            }
            Outcome::Failed(task) => {
                entry.see(&task);
                let text =
                    format!("the export of image {image} to {} failed{}", target.place(), self.why(&task));
                if task.stage() != Stage::Failed {
                    // What this means is not documented, so that the task may go on.
                    let text = format!(
                        "{text}\nNothing of it is deleted. Run `pulumi up` to look at it again, and to export the image anew if it is over"
                    );
                    return stop(Failure::Refused(text), entry, false);
                }
                let left = match self.clean_up(&mut entry).await {
                    Ok(Deleted { left, of_others }) if left.is_empty() => {
                        let others = match of_others.is_empty() {
                            true => String::new(),
                            false => format!(
                                ". These have the names of its files, and are older or of another export, so they stay in the \
                                 bucket {}: {}",
                                target.bucket,
                                of_others.join(", ")
                            ),
                        };
                        let text = format!("{text}\nNo files of it are left behind{others}");
                        return stop(Failure::Refused(text), entry, true);
                    }
                    Ok(Deleted { left, .. }) => {
                        let lines = objects::lines(&target.bucket, &left);
                        format!("Of its files these could not be deleted:\n{lines}")
                    }
                    Err(cancelled @ Failure::Cancelled(_)) => return stop(cancelled, entry, false),
                    Err(failure) => format!("Whether it has left files is not known: {}", failure.reason()),
                };
                stop(Failure::Refused(format!("{text}\n{left}")), entry, false)
            }
            Outcome::Forgotten(seen) => {
                if let Some(task) = &seen {
                    entry.see(task);
                }
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

    /// Deletes what an export has written that has failed. What stays is in the entry, each with the reason.
    async fn clean_up(&self, entry: &mut ExportEntry) -> Result<Deleted, Failure> {
        let Work { client, context, target, .. } = *self;
        if entry.oss_objects.is_none() {
            entry.name_objects(objects::guess(client, context, target).await?.names, true);
        }
        let written = entry.oss_objects.clone().unwrap_or_default();
        let ownership = self.ownership(entry, &written).await?;
        let seen = match ownership.is_unknown() {
            true => None,
            false => Some(objects::look(client, context, &target.bucket, &written).await?),
        };
        let deleted = objects::delete(client, context, &target.bucket, written, seen, &ownership).await?;
        entry.oss_objects = Some(deleted.left.iter().map(|(object, _)| object.clone()).collect());
        Ok(deleted)
    }

    /// Whose the objects are that have the names of this export's.
    async fn ownership(&self, entry: &ExportEntry, objects: &[String]) -> Result<Ownership, Failure> {
        let Work { client, context, target, .. } = *self;
        let mut ownership = Ownership {
            written: entry.written.clone(),
            began: entry.began,
            leftovers: entry.leftovers.clone(),
            ..Ownership::default()
        };
        if let (Some(task), Some(_)) = (&entry.task_id, entry.began)
            && objects.iter().any(|object| !entry.has_seen(object))
        {
            ownership.of_others = objects::of_others(client, context, target, task).await?;
        }
        Ok(ownership)
    }

    /// Keeps how the objects are that the export has written. `just_now` says that it has ended within this operation, so that
    /// no later one can have written them anew.
    async fn keep_written(
        &self,
        entry: &mut ExportEntry,
        there: &BTreeMap<String, ObjectVersion>,
        just_now: bool,
    ) -> Result<(), Failure> {
        let unseen: Vec<String> = there.keys().filter(|object| !entry.has_seen(object)).cloned().collect();
        if unseen.is_empty() {
            return Ok(());
        }
        let ownership = match just_now {
            true => Ownership { began: entry.began, ..Ownership::default() },
            false => self.ownership(entry, &unseen).await?,
        };
        for object in unseen {
            let found = &there[&object];
            if let Some(version) = objects::text(found).filter(|_| ownership.is_own(&object, found)) {
                entry.written.push(Written { object, version });
            }
        }
        Ok(())
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

    /// Names the objects of a finished export that its task does not name, and keeps how they are now.
    async fn with_objects(&self, mut entry: ExportEntry, just_now: bool) -> Result<ExportEntry, Failure> {
        let Work { client, context, target, .. } = *self;
        if entry.oss_objects.is_none() {
            let guessed = objects::guess(client, context, target).await?.names;
            context.warn(&format!(
                "the task that has exported image {} does not name its files, so that their names follow the cloud's \
                 documentation: {}",
                target.image,
                guessed.join(", ")
            ));
            entry.name_objects(guessed, true);
        }
        let names = entry.oss_objects.clone().unwrap_or_default();
        let seen = objects::glance(client, context, &target.bucket, &names).await?;
        if !seen.absent.is_empty() {
            let which = match seen.there.is_empty() && seen.unknown.is_empty() {
                true => "none of its files is",
                false => "these of its files are not",
            };
            context.warn(&format!(
                "the export of image {} has finished, and {which} in the bucket {}: {}. To export it anew: pulumi up --replace '{}'",
                target.image,
                target.bucket,
                seen.absent.join(", "),
                context.urn()
            ));
        }
        if !seen.unknown.is_empty() {
            let then = match seen.unknown.iter().any(|unseen| unseen.is_denied) {
                true => {
                    "`pulumi destroy` looks at each file before it deletes it, so it will need oss:GetObject as well as \
                     oss:DeleteObject"
                }
                false => "`pulumi refresh` looks again",
            };
            context.warn(&format!(
                "the export of image {} to {} has finished, and whether its files are there is not known:\n{}\n{then}",
                target.image,
                target.place(),
                objects::lines(&target.bucket, &seen.reasons())
            ));
        }
        self.keep_written(&mut entry, &seen.there, just_now).await?;
        Ok(entry)
    }

    /// A task may be Finished and have steps that failed.
    fn tell_of_trouble(&self, task: &Task) {
        if let Some(trouble) = task.trouble() {
            self.context.warn(&format!(
                "the export of image {} to {} has finished, and its task {} says of an error: {trouble}. Look whether each disk has \
                 a file that is whole",
                self.target.image,
                self.target.place(),
                task.id()
            ));
        }
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
            Stage::Finished => {
                self.tell_of_trouble(&task);
                None
            }
            Stage::Running => Some(format!(
                "image {image} is still being exported to {}: {}. Run `pulumi up` to wait for it",
                target.place(),
                task.progress().or(task.status()).unwrap_or_default()
            )),
            Stage::Failed => Some(format!(
                "the export of image {image} to {} failed{}\nRun `pulumi up` to export it anew",
                target.place(),
                self.why(&task)
            )),
            Stage::Unknown => Some(format!(
                "the task {id} that exports image {image} to {} is in the state {}, which is not documented. If it is over, run \
                 `pulumi up` to export the image anew",
                target.place(),
                task.status().unwrap_or_default()
            )),
        })
    }

    /// Whether there is an object of the export, as far as is known. Only a proven absence of all of them says that there is
    /// none.
    async fn objects_are_there(&self, entry: &mut ExportEntry) -> Result<bool, Failure> {
        let Work { client, context, target, .. } = *self;
        let image = &target.image;
        if entry.oss_objects.is_none() {
            let found = objects::find(client, context, target).await?;
            entry.name_objects(found.names, found.guessed);
        }
        let names = entry.oss_objects.clone().unwrap_or_default();
        let seen = objects::glance(client, context, &target.bucket, &names).await?;
        if !seen.unknown.is_empty() {
            context.warn(&format!(
                "whether the files are there that image {image} was exported to is not known, and the export stays in the \
                 state:\n{}",
                objects::lines(&target.bucket, &seen.reasons())
            ));
            return Ok(true);
        }
        if entry.is_complete() {
            self.keep_written(entry, &seen.there, false).await?;
        }
        let is_anew = |(object, found): &(&String, &ObjectVersion)| {
            let written = entry.written.iter().find(|written| written.object == **object);
            written.is_some_and(|written| !objects::is_as_written(written, found))
        };
        let anew: Vec<&str> = seen.there.iter().filter(is_anew).map(|(object, _)| object.as_str()).collect();
        if !anew.is_empty() {
            context.warn(&format!(
                "of the files that image {image} was exported to, these have been written anew since, by somebody else or by \
                 another export; the deletion of this one leaves them: {}",
                anew.join(", ")
            ));
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

    /// Whether the published provider's export has written anything. Unlike a refresh, an update can do something about it if
    /// not, and doing it once more does no harm.
    async fn was_written(&self, entry: &mut ExportEntry) -> Result<bool, Failure> {
        let Work { client, context, target, .. } = *self;
        let found = objects::find(client, context, target).await?;
        let seen = objects::look(client, context, &target.bucket, &found.names).await?;
        if seen.there.is_empty() && seen.unknown.is_empty() {
            return Ok(false);
        }
        entry.name_objects(found.names, found.guessed);
        Ok(true)
    }

    /// Cancels the export if it is under way, and deletes its objects.
    async fn delete(&self, mut entry: ExportEntry) -> Result<(), Failure> {
        let Work { client, context, target, .. } = *self;
        if let Some(id) = entry.task_id.clone().filter(|_| !entry.is_complete())
            && let Some(task) = self.end(&id).await?
        {
            entry.see(&task);
        }
        let mut named = Named {
            names: entry.oss_objects.clone().unwrap_or_default(),
            guessed: entry.guessed == Some(true),
            may_lack_data: false,
        };
        if named.names.is_empty() {
            named = match entry.is_complete() || entry.is_published() {
                true => objects::find(client, context, target).await?,
                false => objects::guess(client, context, target).await?,
            };
            entry.name_objects(named.names.clone(), named.guessed);
        }
        let mut names = named.names.clone();
        names.extend(entry.leftovers.iter().map(|leftover| leftover.object.clone()));
        names.sort_unstable();
        names.dedup();
        let ownership = self.ownership(&entry, &names).await?;
        let seen = match named.guessed || !ownership.is_unknown() {
            true => Some(objects::look(client, context, &target.bucket, &names).await?),
            false => None,
        };
        if let Some(seen) = seen.as_ref().filter(|_| named.guessed) {
            self.tell_of_guess(&named, seen);
        }
        let seen = seen.filter(|_| !ownership.is_unknown());
        let deleted = objects::delete(client, context, &target.bucket, names, seen, &ownership).await?;
        if !deleted.of_others.is_empty() {
            context.warn(&format!(
                "these files have the names of those that image {image} was exported to, and were not written by that export. They \
                 stay in the bucket {}: {}",
                target.bucket,
                deleted.of_others.join(", "),
                image = target.image
            ));
        }
        if deleted.left.is_empty() {
            return Ok(());
        }
        Err(Failure::Refused(format!(
            "of the files that image {} was exported to, these could not be deleted, and the export stays in the state. \
             Run the command again to try once more, or delete them by hand and then run it again:\n{}",
            target.image,
            objects::lines(&target.bucket, &deleted.left)
        )))
    }

    /// What a guess of the names may have missed. OSS says of an absent object, too, that it is deleted.
    fn tell_of_guess(&self, named: &Named, seen: &Seen) {
        let Work { context, target, .. } = *self;
        if named.names.iter().all(|object| seen.absent.contains(object)) {
            context.warn(&format!(
                "image {}: no task has named the files that it was exported to, and the bucket {} has none of the names that the \
                 cloud's documentation gives them: {}. If there are others, whose names begin with {}, delete them by hand",
                target.image,
                target.bucket,
                named.names.join(", "),
                target.stem()
            ));
        } else if named.may_lack_data {
            context.warn(&format!(
                "image {}: no task has named the files that it was exported to, and as the image is gone, nothing tells whether it \
                 had data disks. If there are files in the bucket {} whose names begin with {}_data, delete them by hand",
                target.image,
                target.bucket,
                target.stem()
            ));
        }
    }

    /// Ends the task if it is running. What it shows at its end; `None` if the cloud does not know it.
    async fn end(&self, id: &str) -> Result<Option<Task>, Failure> {
        let Work { client, context, target, .. } = *self;
        let Some(task) = seen_for_sure(client, context, id).await? else { return Ok(None) };
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
        let mut wait = Wait::begin(context, &client.pace).within(client.patience.invisible);
        loop {
            match wait_until_ended(client, context, &target.image, id, "its export ends").await {
                // A cancelled one may pass through states that are not documented, and so may one that goes on.
                Outcome::Failed(seen) if seen.stage() == Stage::Unknown && !seen.is_cancelled() => {
                    let shown = seen.status().unwrap_or_default();
                    let look = Look::Going {
                        status: format!("image {}: its export is {shown}", target.image),
                        left: None,
                    };
                    let stays = || {
                        format!(
                            "the task {id} that exports image {} is in the state {shown}, which is not documented, so that it may go \
                             on and write files. The export stays in the state. Run the command again once it has ended",
                            target.image
                        )
                    };
                    wait.after::<()>(Ok(look), 1).await.map_err(|ended| ended.into_failure(stays))?;
                }
                // What it was about may show at its beginning only.
                Outcome::Finished(ended) | Outcome::Failed(ended) => {
                    return Ok(Some(with_earlier(ended, Some(task))));
                }
                Outcome::Forgotten(seen) => return Ok(Some(seen.unwrap_or(task))),
                Outcome::Stopped(failure, _) => return Err(failure),
            }
        }
    }
}

/// The export has begun, so the state keeps it.
fn in_state(target: &Target, entry: &ExportEntry, failure: Failure) -> Failure {
    let image = &target.image;
    let reason = match failure {
        Failure::Cancelled(_) => {
            format!(
                "interrupted. The export of image {image} is in the state, and the next `pulumi up` goes on from there"
            )
        }
        other => other.reason(),
    };
    Failure::partial(image, entry, Vec::new(), reason)
}
