//! The life of an image, the same for every resource that is one: from an image that exists to one that is as wanted, and
//! what reading, changing and deleting it come to.

use std::collections::{BTreeSet, HashSet};

use aliyun::ecs::Image as Described;
use pulumi::{Context, Failure, Old, Read, Update};

use crate::client::Client;
use crate::ecs::images::attributes::{Attributes, Effect, NAME, TAGS, refuse_older_imds};
use crate::ecs::images::change::{Change, Changed, Halt, Unnamed, give_name};
use crate::ecs::images::claim::{Made, Making, claim};
use crate::ecs::images::delete::{Deletion, was_taken_up};
use crate::ecs::images::entry::{Entry, Kept};
use crate::ecs::images::inputs::{Inputs, MadeBy};
use crate::ecs::images::memory::Memory;
use crate::ecs::images::partial::{in_state, late_properties};
use crate::ecs::images::status::{CREATE_FAILED, progress};
use crate::ecs::images::tasks::ImportTask;
use crate::ecs::images::unfinished::is_unfinished;
use crate::ecs::images::wait::{
    Unusable, Wait, is_usable, look_twice, wait_until_usable, wait_until_visible,
};

/// What every verb works with.
#[derive(Clone, Copy)]
pub(crate) struct Verbs<'a> {
    pub(crate) client: &'a Client,
    pub(crate) context: &'a Context,
    pub(crate) memory: &'a Memory,
}

impl Verbs<'_> {
    /// Makes an image and brings it to what the program wants. Its id, and its entry of the state.
    ///
    /// # Errors
    /// Plain, if no image is left behind; otherwise partial.
    pub(crate) async fn create<A: Inputs>(
        &self,
        args: &A,
        making: &impl Making,
    ) -> Result<(String, Entry<A>), Failure> {
        let mark = uuid::Uuid::new_v4().simple().to_string();
        let made = async {
            let made = claim(self.client, self.context, self.memory, args, making, &mark).await?;
            let id = made.id.clone();
            self.memory.hold(self.context.urn(), &id, Some(mark.clone()));
            let task = making.task_of(&id);
            Ok((id, self.settle(made, args, mark.clone(), task).await?))
        };
        let made = made.await;
        if matches!(&made, Err(failure) if !matches!(failure, Failure::Partial { .. })) {
            self.memory.release_names(self.context.urn());
        }
        made
    }

    /// From an image that exists to one that is as wanted: usable, with what its making cannot set, and last with its own name.
    async fn settle<A: Inputs>(
        &self,
        made: Made,
        args: &A,
        mark: String,
        task: Option<String>,
    ) -> Result<Entry<A>, Failure> {
        let Verbs { client, context, .. } = *self;
        let Made { id, unfinished, seen } = made;
        let mut import = import_task_of::<A>(&task);
        let waited = wait_until_usable(client, context, &id, seen, import.as_mut()).await;
        let advice = self.advice(args, import.as_ref());
        let task = import.and_then(|import| import.id().map(str::to_owned)).or(task);
        let kept = Kept { mark: Some(mark), unfinished, task, ..Kept::default() };
        let seen = match waited {
            Ok(seen) => seen,
            Err(Unusable::Failed { message, seen }) => {
                let entry = match seen {
                    Some(seen) => self.seen(&seen, args, kept),
                    None => Entry::unseen(args, client.api.region(), kept),
                };
                return Err(Box::pin(self.give_up(&id, &entry, args, message, &advice)).await);
            }
            Err(Unusable::Stopped { failure, seen }) => {
                let unapplied = late_properties(args, kept.unfinished.is_some());
                let entry = match seen {
                    Some(seen) => self.seen(&seen, args, kept),
                    None => Entry::unseen(args, client.api.region(), kept),
                };
                return Err(in_state(&id, &entry, unapplied, failure));
            }
        };
        let entry = self.seen(&seen, args, kept);
        let (wanted, now) = (args.attributes(), entry.args.attributes());
        let given = BTreeSet::new();
        let mut changed: HashSet<String> = late_properties(args, false).into_iter().collect();
        // What is not reported may not be set either, so it is sent all the same.
        changed.retain(|property| wanted.effect(property, &now, &given) != Effect::Shown);
        let entry = match Box::pin(self.change(&id, args, entry, &given, &changed, false)).await {
            Ok(entry) => entry,
            Err(halted) => return Err(halted.partial(&id)),
        };
        let entry = Box::pin(self.settled_again(&id, entry, args)).await?;
        // Boxed, so that an image that is waited for does not hold the room.
        Box::pin(self.finish(&id, args, entry)).await
    }

    /// An image in CreateFailed is of no use and no update mends it, so it is deleted; only once it is gone, the failure is a
    /// plain one.
    async fn give_up<A: Inputs>(
        &self,
        id: &str,
        entry: &Entry<A>,
        args: &A,
        message: String,
        advice: &str,
    ) -> Failure {
        let deletion = Deletion::of(id, entry, args).sparing_sources(args);
        match deletion.carry_out(self.client, self.context).await {
            Ok(()) => {
                Failure::Refused(format!("{message}. It has been deleted; nothing is left behind{advice}"))
            }
            Err(failure) => {
                let text = format!("{message}. Deleting it failed as well: {failure}{advice}");
                in_state(id, entry, Vec::new(), Failure::Refused(text))
            }
        }
    }

    /// What to do about the import that could not make an image, as a line of its own; nothing if it does not say why.
    fn advice<A: Inputs>(&self, args: &A, import: Option<&ImportTask>) -> String {
        let advice =
            import.and_then(ImportTask::code).and_then(|code| args.advice(&code, self.client.api.region()));
        advice.map(|advice| format!("\n{advice}")).unwrap_or_default()
    }

    /// Reads an image for a refresh, an import or a look-up. One that is not usable, or never will be, is told as unwell, with
    /// its state: so a refresh after a create that was late does not report success.
    ///
    /// # Errors
    /// If the image cannot be seen, and it is not proven that there is none.
    pub(crate) async fn read<A: Inputs>(
        &self,
        id: &str,
        old: Option<Old<A, Entry<A>>>,
    ) -> Result<Option<Read<A, Entry<A>>>, Failure> {
        self.read_told(id, old, &A::default()).await
    }

    /// Reads an image for a `pulumi import` that tells these inputs beside its id.
    ///
    /// # Errors
    /// As [`read`](Verbs::read).
    pub(crate) async fn adopt<A: Inputs>(
        &self,
        id: &str,
        told: &A,
    ) -> Result<Option<Read<A, Entry<A>>>, Failure> {
        self.read_told(id, None, told).await
    }

    async fn read_told<A: Inputs>(
        &self,
        id: &str,
        old: Option<Old<A, Entry<A>>>,
        told: &A,
    ) -> Result<Option<Read<A, Entry<A>>>, Failure> {
        let Verbs { client, context, .. } = *self;
        let Some(mut seen) = self.look(id, old.as_ref().map(|old| &old.state)).await? else {
            return match &old {
                Some(old) => client.prove_absence(id, old.state.report.region_id.as_deref()).map(|()| None),
                None => Ok(None),
            };
        };
        let is_held = self.memory.other_holder(id, context.urn()).is_some();
        if old.is_none() && is_held {
            seen = self.once_named(id, seen).await?;
        }
        let name = seen.image_name.as_deref();
        let (args, state) = match old {
            None => {
                if name.is_some_and(is_unfinished) && !is_held {
                    context.warn(&format!(
                        "image {id} was left unfinished by a `pulumi up` that was interrupted, and the next one of its own \
                         resource takes it up. Give it another imageName to keep it here"
                    ));
                }
                let kept = Kept { adopted: Some(true), ..Kept::default() };
                if let Some(doubt) = A::doubt(&seen) {
                    context.warn(&format!(
                        "image {id} {doubt}, as the cloud reports it. It is imported all the same"
                    ));
                }
                let state = self.seen(&seen, told, kept);
                (A::adopted(&state.args), state)
            }
            Some(old) if old.state.is_of_another(old.args.attributes().name.as_deref(), name) => {
                context.warn(&format!(
                    "image {id} is called {}, so it is not the one that the create of this resource left unfinished. The entry \
                     is taken out of the state, and the image is not touched",
                    name.unwrap_or_default()
                ));
                return Ok(None);
            }
            Some(old) => {
                let mut given = old.args.clone();
                given.keep_sources(&old.state.args);
                let state = self.seen(&seen, &given, old.state.kept.once_seen(name));
                let mut now = state.args.attributes();
                // The name of an image that is not finished is nobody's drift, nor one that the cloud has not forgotten yet.
                now.name = now.name.filter(|name| !is_unfinished(name));
                let mut args = old.args;
                args.set_attributes(args.attributes().refreshed(&now));
                (args, state)
            }
        };
        let status = progress(&seen);
        let unwell = match seen.status.as_deref() {
            _ if is_usable(&seen) => return Ok(Some(Read { id: id.to_owned(), args, state })),
            Some(CREATE_FAILED) => {
                let mut import = import_task_of::<A>(&state.kept.task);
                if let Some(import) = &mut import {
                    import.look_for_reason(client, context, id).await;
                }
                format!(
                    "image {id} is broken: the cloud could not make it, its status is {status}{}. {}{}",
                    import.as_ref().map(ImportTask::why).unwrap_or_default(),
                    replace_it(context.urn(), &state.kept),
                    self.advice(&args, import.as_ref())
                )
            }
            _ => format!("image {id} is not usable yet: it is {status}. Run `pulumi up` to wait for it"),
        };
        Err(Failure::partial(id, &state, Vec::new(), unwell).with_inputs(&args))
    }

    /// What is shown of an image that a resource of this deployment has finished, and that a read may show as it was before.
    async fn once_named(&self, id: &str, mut seen: Described) -> Result<Described, Failure> {
        let Verbs { client, context, .. } = *self;
        let mut wait = Wait::begin(client, context).within(client.patience.unseen);
        while seen.image_name.as_deref().is_some_and(is_unfinished) && wait.elapsed() < client.patience.unseen
        {
            wait.pause().await?;
            seen = client.looks.describe(context, id).await?.unwrap_or(seen);
        }
        Ok(seen)
    }

    /// Looks at an image that a state holds, or that none holds yet, until the answer can be relied on.
    async fn look<A: Inputs>(
        &self,
        id: &str,
        entry: Option<&Entry<A>>,
    ) -> Result<Option<Described>, Failure> {
        let Verbs { client, context, .. } = *self;
        let Some(entry) = entry else { return client.looks.describe(context, id).await };
        if entry.kept.unfinished.is_some() && entry.status().is_none() {
            // Nobody has seen it yet, so that it is not shown may only mean that it is new.
            return wait_until_visible(client, context, id).await;
        }
        look_twice(client, context, id).await
    }

    /// Brings an image from what the state holds to what the program wants.
    ///
    /// # Errors
    /// Plain, if nothing was carried out; otherwise partial.
    pub(crate) async fn update<A: Inputs>(&self, update: Update<A, Entry<A>>) -> Result<Entry<A>, Failure> {
        let Update { id, old, mut args, mut changed, unapplied } = update;
        let mut entry = old.state;
        args.keep_sources(&entry.args);
        refuse_older_imds(&entry.args.attributes(), &args.attributes())?;
        if !entry.is_settled() {
            // An earlier operation ended before the image did.
            entry = self.settled(&id, entry, &args, &changed).await?;
        }
        entry.report.region_id = Some(self.client.api.region().to_owned());
        entry.args.record(&args);
        // Tags that somebody else has added are not this program's to remove, until a refresh has shown them.
        let given = entry.kept.tags_given_with(&old.args);
        entry.kept.given_tags = None;
        if entry.kept.unfinished.is_some() {
            // The name comes last.
            changed.remove(NAME);
        }
        // Until this update is complete, the engine keeps the inputs from before it.
        let note = |kept: &mut Kept, pending: &[String]| {
            let before = kept.carried_out.take().unwrap_or_default().into_iter();
            let carried_out = changed.iter().filter(|property| !pending.contains(property)).cloned();
            let all: BTreeSet<String> = before.chain(carried_out).collect();
            if changed.contains(TAGS) || all.contains(TAGS) {
                let wanted = args.attributes().tags.unwrap_or_default().into_keys();
                kept.given_tags = Some(given.iter().cloned().chain(wanted).collect());
            }
            kept.carried_out = Some(all.into_iter().collect()).filter(|all: &Vec<String>| !all.is_empty());
        };
        let changing = self.change(&id, &args, entry, &given, &changed, !unapplied.is_empty());
        match changing.await {
            Ok(mut entry) => {
                note(&mut entry.kept, &[]);
                let entry = self.settled_again(&id, entry, &args).await?;
                let mut entry = self.finish(&id, &args, entry).await?;
                (entry.kept.carried_out, entry.kept.given_tags) = (None, None);
                Ok(entry)
            }
            // Before anything was carried out the old state is the true one.
            Err(Halted { untouched: true, failure, .. }) => Err(failure),
            Err(mut halted) => {
                note(&mut halted.entry.kept, &halted.pending);
                Err(halted.partial(&id))
            }
        }
    }

    /// The entry of an image that has been changed. If reading the change back has shown it unusable, it is waited for again.
    async fn settled_again<A: Inputs>(
        &self,
        id: &str,
        entry: Entry<A>,
        args: &A,
    ) -> Result<Entry<A>, Failure> {
        if entry.is_settled() {
            return Ok(entry);
        }
        let left = entry.kept.unfinished.iter().map(|_| NAME.to_owned()).collect();
        self.settled(id, entry, args, &left).await
    }

    /// The entry of an image that was not usable when it was last seen, once it is.
    async fn settled<A: Inputs>(
        &self,
        id: &str,
        mut entry: Entry<A>,
        args: &A,
        changed: &HashSet<String>,
    ) -> Result<Entry<A>, Failure> {
        let pending = || changed.iter().cloned().collect();
        let mut import = import_task_of::<A>(&entry.kept.task);
        let waited = wait_until_usable(self.client, self.context, id, None, import.as_mut()).await;
        if let Some(task) = import.as_ref().and_then(ImportTask::id) {
            entry.kept.task = Some(task.to_owned());
        }
        match waited {
            Ok(seen) => {
                let name = seen.image_name.as_deref();
                if entry.is_of_another(args.attributes().name.as_deref(), name) {
                    return Err(Failure::Refused(format!(
                        "image {id} is called {}, so it is not the one that the create of this resource left unfinished; nothing \
                         is changed. Take this entry out of the state (pulumi refresh, or pulumi state delete '{}'), and \
                         `pulumi up` makes the image",
                        name.unwrap_or_default(),
                        self.context.urn()
                    )));
                }
                Ok(self.seen(&seen, args, entry.kept.once_seen(name)))
            }
            Err(Unusable::Failed { message, seen }) => {
                let entry = match seen {
                    Some(seen) => self.seen(&seen, args, entry.kept),
                    None => entry,
                };
                let advice = self.advice(args, import.as_ref());
                let text = format!("{message}. {}{advice}", replace_it(self.context.urn(), &entry.kept));
                Err(in_state(id, &entry, pending(), Failure::Refused(text)))
            }
            Err(Unusable::Stopped { failure, seen }) => {
                let entry = match seen {
                    Some(seen) => self.seen(&seen, args, entry.kept),
                    None => entry,
                };
                Err(in_state(id, &entry, pending(), failure))
            }
        }
    }

    /// Sends what differs.
    async fn change<A: Inputs>(
        &self,
        id: &str,
        args: &A,
        mut entry: Entry<A>,
        given: &BTreeSet<String>,
        changed: &HashSet<String>,
        doubtful: bool,
    ) -> Result<Entry<A>, Halted<A>> {
        let change = Change {
            client: self.client,
            context: self.context,
            id,
            wanted: args.attributes(),
            now: entry.args.attributes(),
            foreseeable: entry.report.usable == Some(true),
            given,
            changed,
            doubtful,
        };
        match change.apply().await {
            Ok(Changed::Nothing) => Ok(entry),
            Ok(Changed::Foretold(attributes)) => {
                entry.args.set_attributes(*attributes);
                Ok(entry)
            }
            Ok(Changed::Seen(seen)) => Ok(self.seen(&seen, args, entry.kept)),
            Err(Halt { failure, mut pending, untouched, now, seen }) => {
                match seen {
                    Some(seen) => entry = self.seen(&seen, args, entry.kept),
                    None => entry.args.set_attributes(*now),
                }
                if entry.kept.unfinished.is_some() {
                    pending.push(NAME.to_owned());
                }
                Err(Halted { entry: Box::new(entry), pending, untouched, failure })
            }
        }
    }

    /// Gives an image its own name, if it bears the unfinished one still.
    async fn finish<A: Inputs>(&self, id: &str, args: &A, mut entry: Entry<A>) -> Result<Entry<A>, Failure> {
        let (Some(unfinished), Some(name)) = (&entry.kept.unfinished, args.attributes().name) else {
            return Ok(entry);
        };
        match give_name(self.client, self.context, id, unfinished, &name).await {
            Ok(()) => {
                entry.kept.unfinished = None;
                entry.args.set_attributes(Attributes { name: Some(name), ..entry.args.attributes() });
                Ok(entry)
            }
            Err(Unnamed { failure, bears }) => {
                entry.kept.unfinished = bears;
                Err(in_state(id, &entry, vec![NAME.to_owned()], failure))
            }
        }
    }

    /// Deletes an image, and its snapshots if the program wants that. One that is gone already is deleted.
    ///
    /// A state may hold one image twice: `pulumi up --replace` of an image whose create was late takes it up again. Deleting
    /// the older entry must not delete the newer one's image. Within a process the marks tell the two apart; in any process
    /// the older entry says that the image is unfinished, and the image bears another name.
    ///
    /// # Errors
    /// If the image or a snapshot stays.
    pub(crate) async fn delete<A: Inputs>(&self, id: &str, old: &Old<A, Entry<A>>) -> Result<(), Failure> {
        let Verbs { context, memory, .. } = *self;
        let mark = &old.state.kept.mark;
        let is_held = memory.let_go(context.urn(), id, mark);
        let deleted = self.delete_unless(is_held, id, old).await;
        match &deleted {
            Ok(true) => memory.release_names(context.urn()),
            Ok(false) => context.warn(&format!(
                "image {id} stays: another entry of the state holds it, or may have taken it up, as this one left it under \
                 another name. If no entry holds it, delete it in the cloud"
            )),
            // The entry is still in the state.
            Err(_) => memory.hold(context.urn(), id, mark.clone()),
        }
        deleted.map(drop)
    }

    /// Deletes the image of an entry unless another one holds it, as far as is known or the name tells. Whether it has.
    async fn delete_unless<A: Inputs>(
        &self,
        is_held: bool,
        id: &str,
        old: &Old<A, Entry<A>>,
    ) -> Result<bool, Failure> {
        let Verbs { client, context, .. } = *self;
        let unfinished = old.state.kept.unfinished.as_deref();
        let automatic = old.args.is_filled_in(NAME).then(|| old.args.attributes().name).flatten();
        if is_held || was_taken_up(client, context, id, unfinished, automatic.as_deref()).await? {
            return Ok(false);
        }
        Deletion::of(id, &old.state, &old.args).carry_out(client, context).await?;
        Ok(true)
    }

    fn seen<A: Inputs>(&self, seen: &Described, args: &A, kept: Kept) -> Entry<A> {
        Entry::seen(seen, args, self.client.api.region(), kept)
    }
}

/// A change that is not complete, and the entry as far as it is known.
struct Halted<A: Inputs> {
    entry: Box<Entry<A>>,
    pending: Vec<String>,
    /// Whether nothing was carried out.
    untouched: bool,
    failure: Failure,
}

impl<A: Inputs> Halted<A> {
    fn partial(self, id: &str) -> Failure {
        in_state(id, &self.entry, self.pending, self.failure)
    }
}

/// The import that makes an image, if it is one that makes it.
fn import_task_of<A: Inputs>(task: &Option<String>) -> Option<ImportTask> {
    (A::MADE_BY == MadeBy::Import).then(|| ImportTask::of(task.clone()))
}

/// What to do about an image that is broken. One that bears its own name keeps it from its replacement.
fn replace_it(urn: &str, kept: &Kept) -> String {
    let option = match kept.unfinished {
        Some(_) => "",
        None => ", with the resource option deleteBeforeReplace if the program gives imageName",
    };
    format!("Replace it: pulumi up --replace '{urn}'{option}")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use aliyun::testing::refuse;
    use pulumi::testing::TestContext;
    use pulumi::{Input, Verb};
    use tokio::time::Instant;

    use super::*;
    use crate::ecs::image::ImageState;
    use crate::ecs::image::args::ImageArgs;
    use crate::ecs::images::test_cloud::{Cloud, URN, golden, making, partial, within};

    fn old(state: ImageState) -> Option<Old<ImageArgs, ImageState>> {
        Some(Old { args: golden(), state })
    }

    fn entry(kept: Kept, status: Option<&str>) -> ImageState {
        let mut entry = Entry::unseen(&golden(), "cn-test", kept);
        let attributes = entry.args.attributes();
        entry.args.set_attributes(Attributes { status: status.map(str::to_owned), ..attributes });
        entry
    }

    fn unfinished() -> Kept {
        Kept { unfinished: Some("golden-unfinished-0123456789ab-0123456789ab".to_owned()), ..Kept::default() }
    }

    async fn create(cloud: &Cloud, args: &ImageArgs, seconds: u64) -> Result<String, Failure> {
        let context = within(seconds);
        cloud.verbs(&context).create(args, &making(args)).await.map(|(id, _)| id)
    }

    /// A look-up of the image after its create, of whose last call the first reads show nothing.
    async fn look_up_late(shown: bool) -> (Cloud, Vec<String>, String) {
        let cloud = Cloud::otherwise(move |sent, state| {
            if sent.action() == "DescribeImages" && state.last_status == "of the past" {
                match state.was_asked {
                    true if shown => "golden".clone_into(&mut state.images[0].name),
                    _ => state.was_asked = true,
                }
            }
            None
        });
        create(&cloud, &golden(), 600).await.unwrap();
        {
            let mut state = cloud.state();
            state.last_status = "of the past";
            state.was_asked = false;
            state.images[0].name = unfinished().unfinished.unwrap();
        }
        let existing = format!("{URN}-that-is-looked-up");
        let context = TestContext::new(Verb::Read, &existing, Duration::from_secs(600));
        let read = cloud.verbs(&context).read::<ImageArgs>("m-1", None).await.unwrap().unwrap();
        let name = read.state.args.attributes().name.unwrap();
        (cloud, context.warnings(), name)
    }

    #[tokio::test(start_paused = true)]
    async fn an_image_of_this_deployment_is_looked_up_until_its_name_is_shown() {
        let (_, warnings, name) = look_up_late(true).await;
        assert_eq!((warnings, name.as_str()), (vec![], "golden"));
        let (cloud, warnings, name) = look_up_late(false).await;
        assert_eq!((warnings, name.contains("-unfinished-")), (vec![], true));
        // To another process it is an image that nobody is known to finish.
        let cloud = cloud.of_another_process();
        let context = within(600);
        cloud.verbs(&context).read::<ImageArgs>("m-1", None).await.unwrap().unwrap();
        assert_eq!(context.warnings().len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn an_image_that_a_change_makes_unusable_is_waited_for_again() {
        for seconds in [20, 10_000] {
            let cloud = Cloud::otherwise(move |sent, state| {
                if sent.action() == "ModifyImageAttribute" && !sent.param("LicenseType").is_empty() {
                    state.images[0].ready_from = Instant::now() + Duration::from_secs(seconds);
                }
                None
            });
            let args = ImageArgs { license_type: Some(Input::Known("BYOL".to_owned())), ..golden() };
            let (began, made) = (Instant::now(), create(&cloud, &args, 600).await);
            match made {
                Ok(_) => assert!((20..=30).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed()),
                Err(failed) => {
                    let (id, state, unapplied, _) = partial(failed);
                    assert_eq!(
                        (seconds, id.as_str(), &unapplied[..]),
                        (10_000, "m-1", &[NAME.to_owned()][..])
                    );
                    assert_eq!(state["usable"], pulumi::value::Value::Bool(false));
                }
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_image_that_could_not_be_made_is_deleted_and_the_failure_is_plain() {
        let cloud = Cloud::new();
        cloud.state().last_status = "CreateFailed";
        let args = ImageArgs { delete_auto_snapshot: Some(Input::Known(true)), ..golden() };
        let failure = create(&cloud, &args, 600).await.unwrap_err();
        assert_eq!(
            failure.to_string(),
            "the cloud could not make image m-1: its status is CreateFailed. It has been deleted; nothing is left behind"
        );
        assert!(!matches!(failure, Failure::Partial { .. }));
        // The program's own source is none of the image's disks.
        assert_eq!(cloud.count("DeleteSnapshot"), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn an_image_that_can_neither_be_made_nor_deleted_stays_in_the_state() {
        let cloud = Cloud::otherwise(|sent, _| {
            (sent.action() == "DeleteImage").then(|| refuse(403, "Forbidden.RAM"))
        });
        cloud.state().last_status = "CreateFailed";
        let (id, state, _, text) = partial(create(&cloud, &golden(), 600).await.unwrap_err());
        assert_eq!((id.as_str(), state["status"].as_str()), ("m-1", Some("CreateFailed")));
        assert!(text.contains("Deleting it failed as well"), "{text}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_create_whose_time_runs_out_keeps_what_it_knows() {
        let cloud = Cloud::new();
        cloud.state().ready_after = Duration::from_secs(1_000);
        let args = ImageArgs { license_type: Some("BYOL".to_owned().into()), ..golden() };
        let (id, state, unapplied, text) = partial(create(&cloud, &args, 60).await.unwrap_err());
        assert_eq!((id.as_str(), state["status"].as_str()), ("m-1", Some("Creating")));
        assert_eq!(unapplied, ["licenseType", "imageName"]);
        assert!(text.contains("is not usable after 60 s"), "{text}");
        let held = cloud.memory.is_held("m-1");
        assert!(held, "the entry is in the state from now on");
    }

    #[tokio::test(start_paused = true)]
    async fn an_image_that_never_shows_up_keeps_its_id() {
        let cloud = Cloud::new();
        cloud.state().shown_after = Duration::from_secs(100_000);
        let (id, state, unapplied, _) = partial(create(&cloud, &golden(), 600).await.unwrap_err());
        assert_eq!((id.as_str(), unapplied), ("m-1", vec!["imageName".to_owned()]));
        assert_eq!(state["regionId"].as_str(), Some("cn-test"));
        assert_eq!(cloud.state().images.len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn what_creation_cannot_set_is_set_before_the_name() {
        let cloud = Cloud::new();
        let args = ImageArgs { license_type: Some("BYOL".to_owned().into()), ..golden() };
        create(&cloud, &args, 600).await.unwrap();
        let sent = cloud.stub.sent();
        let modified: Vec<&str> = sent
            .iter()
            .filter(|sent| sent.action() == "ModifyImageAttribute")
            .flat_map(|sent| ["LicenseType", "ImageName"].map(|name| sent.param(name)))
            .filter(|text| !text.is_empty())
            .collect();
        assert_eq!(modified, ["BYOL", "golden"]);
    }

    #[tokio::test(start_paused = true)]
    async fn an_image_whose_license_is_refused_stays_in_the_state() {
        let cloud = Cloud::otherwise(|sent, _| {
            (!sent.param("LicenseType").is_empty()).then(|| refuse(403, "Forbidden.RAM"))
        });
        let args = ImageArgs { license_type: Some("BYOL".to_owned().into()), ..golden() };
        let (id, _, unapplied, text) = partial(create(&cloud, &args, 600).await.unwrap_err());
        assert_eq!((id.as_str(), unapplied), ("m-1", vec!["licenseType".to_owned(), NAME.to_owned()]));
        assert!(text.starts_with("image m-1: ") && text.contains("Forbidden.RAM"), "{text}");
    }

    #[tokio::test(start_paused = true)]
    async fn an_image_that_was_seen_and_has_another_name_since_is_no_others() {
        let cloud = Cloud::new();
        cloud.holds("m-1", "renamed-by-hand");
        let context = within(600);
        let state = entry(unfinished(), Some("Creating"));
        let read = cloud.verbs(&context).read("m-1", old(state)).await.unwrap().unwrap();
        assert_eq!(read.args.attributes().name.as_deref(), Some("renamed-by-hand"));
        assert!(read.state.kept.unfinished.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_refresh_takes_two_looks_for_an_absence() {
        let cloud = Cloud::new();
        let context = within(600);
        let state = entry(Kept::default(), Some("Available"));
        let read = cloud.verbs(&context).read("m-1", old(state)).await.unwrap();
        assert!(read.is_none());
        let looks = cloud.stub.sent();
        assert_eq!(looks.len(), 2);
        assert!(looks[1].at - looks[0].at >= Duration::from_secs(1), "{:?}", looks[1].at - looks[0].at);
    }

    #[tokio::test(start_paused = true)]
    async fn an_image_that_nobody_has_seen_is_looked_for_as_long_as_a_new_one() {
        let cloud = Cloud::new();
        cloud.holds("m-1", "golden-unfinished-0123456789ab-0123456789ab");
        cloud.state().images[0].shown_from += Duration::from_secs(50);
        let context = within(600);
        let read = cloud.verbs(&context).read("m-1", old(entry(unfinished(), None))).await.unwrap().unwrap();
        // The name of an unfinished image is nobody's drift.
        assert_eq!(read.args.attributes().name.as_deref(), Some("golden"));
        assert!(read.state.kept.unfinished.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn an_image_that_nobody_has_ever_seen_is_gone_after_a_minute() {
        let (cloud, context, began) = (Cloud::new(), within(600), tokio::time::Instant::now());
        let read = cloud.verbs(&context).read("m-1", old(entry(unfinished(), None))).await.unwrap();
        assert!(read.is_none());
        assert!((60..=65).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn a_refresh_whose_time_runs_out_ends() {
        let (cloud, context, began) = (Cloud::new(), within(30), tokio::time::Instant::now());
        let verbs = cloud.verbs(&context);
        let read = verbs.read("m-1", old(entry(unfinished(), None)));
        let ended = tokio::time::timeout(Duration::from_secs(60), read).await.expect("it ends");
        assert!(ended.is_err());
        assert!((30..=31).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn an_interruption_ends_a_refresh_at_once() {
        let (cloud, context, began) = (Cloud::new(), within(600), tokio::time::Instant::now());
        let interrupted = async {
            tokio::time::sleep(Duration::from_secs(7)).await;
            context.cancel();
        };
        let verbs = cloud.verbs(&context);
        let read = verbs.read("m-1", old(entry(unfinished(), None)));
        let (read, ()) = tokio::join!(read, interrupted);
        assert!(matches!(read, Err(Failure::Cancelled(_))));
        assert_eq!(began.elapsed().as_secs(), 7);
    }

    #[tokio::test(start_paused = true)]
    async fn an_image_that_turns_out_to_be_anothers_leaves_the_state() {
        let cloud = Cloud::new();
        cloud.holds("m-1", "of-somebody-else");
        let context = within(600);
        let read = cloud.verbs(&context).read("m-1", old(entry(unfinished(), None))).await.unwrap();
        assert!(read.is_none());
        assert!(context.warnings()[0].contains("image m-1 is called of-somebody-else"));
        assert_eq!(cloud.names().len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_refresh_tells_of_an_image_that_is_not_usable() {
        for (status, expected) in [
            (
                "Creating",
                "image m-1 is not usable yet: it is Creating (100%). Run `pulumi up` to wait for it",
            ),
            (
                "CreateFailed",
                "image m-1 is broken: the cloud could not make it, its status is CreateFailed (100%).",
            ),
        ] {
            let cloud = Cloud::new();
            cloud.holds("m-1", "golden");
            cloud.state().images[0].last_status = status;
            let context = within(600);
            let state = entry(Kept::default(), Some("Creating"));
            let read = cloud.verbs(&context).read("m-1", old(state)).await;
            let (_, state, _, text) = partial(read.unwrap_err());
            assert!(text.starts_with(expected), "{text}");
            assert_eq!(state["status"].as_str(), Some(status));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_image_whose_deletion_fails_is_still_held_and_keeps_its_name() {
        let cloud = Cloud::otherwise(|sent, _| {
            (sent.action() == "DeleteImage").then(|| refuse(403, "ImageUsingByInstance"))
        });
        cloud.holds("m-1", "golden");
        let kept = Kept { mark: Some("mark".to_owned()), ..Kept::default() };
        cloud.memory.hold("urn", "m-1", kept.mark.clone());
        cloud.memory.claim_name("golden", URN);
        let context = within(600);
        let old = Old { args: golden(), state: entry(kept.clone(), Some("Available")) };
        cloud.verbs(&context).delete("m-1", &old).await.unwrap_err();
        assert!(cloud.memory.is_held("m-1"));
        assert_eq!(cloud.memory.claim_name("golden", "urn of another").as_deref(), Some(URN));
        // Its own entry does not keep it the next time.
        assert!(!cloud.memory.let_go("urn", "m-1", &kept.mark));
    }

    #[tokio::test(start_paused = true)]
    async fn the_older_of_two_entries_does_not_delete_the_newer_ones_image() {
        let cloud = Cloud::new();
        cloud.holds("m-1", "golden");
        let mark = |mark: &str| Some(mark.to_owned());
        cloud.memory.hold("urn", "m-1", mark("old"));
        cloud.memory.hold("urn", "m-1", mark("new"));
        let delete = async |kept: Kept| {
            let context = within(600);
            let old = Old { args: golden(), state: entry(kept, Some("Available")) };
            cloud.verbs(&context).delete("m-1", &old).await.unwrap();
            cloud.names().len()
        };
        assert_eq!(delete(Kept { mark: mark("old"), ..Kept::default() }).await, 1);
        // Another process knows no marks, but what the older entry calls unfinished has a name of its own.
        assert_eq!(delete(unfinished()).await, 1);
        assert_eq!(delete(Kept { mark: mark("new"), ..Kept::default() }).await, 0);
    }
}
