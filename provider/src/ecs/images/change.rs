//! Bringing an image that exists to what a program wants: only what differs is sent, and it is read back only if what the
//! cloud then reports cannot be foretold. The image's own name is the last call of a create.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use aliyun::ecs::{
    Image as Described, JoinResourceGroupRequest, ModifyImageAttributeRequest, Tag, TagResourcesRequest,
    UntagResourcesRequest,
};
use pulumi::{Context, Failure};
use tokio::time::{Duration, Instant};

use crate::client::Client;
use crate::ecs::images::attributes::{ATTRIBUTES, Attribute, Attributes, Call, Effect, TAGS};
use crate::ecs::images::status::{AVAILABLE, DEPRECATED};
use crate::ecs::images::taken::{Holder, NAME_TAKEN, holder_of, name_taken};
use crate::ecs::images::wait::{Wait, look_twice};
use crate::failure;

/// The type of resource in tag and resource group actions. Case matters.
const RESOURCE_TYPE: &str = "image";
/// The code of tag and resource group actions for an image that is not there.
const RESOURCE_NOT_FOUND: &str = "InvalidResourceId.NotFound";
/// The codes with which a status is refused for the image's sake: it is shared, it is not Available, it is not Deprecated.
/// Source: the action's error table.
const STATUS_REFUSED: [&str; 3] = [SHARED, "ImageStatus.NotAvailable", "ImageStatus.NotDeprecated"];
const SHARED: &str = "ImageUseShared";
/// How long a changed attribute may take to be reported.
const READ_BACK: Duration = Duration::from_secs(15);

/// An image that exists, and what of it is to change.
pub(crate) struct Change<'a> {
    pub(crate) client: &'a Client,
    pub(crate) context: &'a Context,
    pub(crate) id: &'a str,
    /// What the program wants.
    pub(crate) wanted: Attributes,
    /// What the image is like before.
    pub(crate) now: Attributes,
    /// Whether that is what the cloud reports of a usable image, so that what it will report can be foretold.
    pub(crate) foreseeable: bool,
    /// The keys of the tags that the program has given it so far.
    pub(crate) given: &'a BTreeSet<String>,
    /// The properties that differ.
    pub(crate) changed: &'a HashSet<String>,
    /// Whether an earlier operation may have changed more than `now` shows.
    pub(crate) doubtful: bool,
}

/// What a change came to.
#[derive(Debug)]
pub(crate) enum Changed {
    /// There was nothing to send.
    Nothing,
    /// The image now has these attributes.
    Foretold(Box<Attributes>),
    /// A look has shown the image.
    Seen(Box<Described>),
}

/// Why a change is not complete.
#[derive(Debug)]
pub(crate) struct Halt {
    pub(crate) failure: Failure,
    /// The properties that are not in effect for certain.
    pub(crate) pending: Vec<String>,
    /// Whether nothing was carried out.
    pub(crate) untouched: bool,
    /// What the image is like as far as the change was carried out.
    pub(crate) now: Box<Attributes>,
    /// What a look after the change has shown.
    pub(crate) seen: Option<Box<Described>>,
}

/// Why a call that changes the image ended otherwise than well.
struct Stop {
    failure: Failure,
    /// Whether it may have been carried out all the same.
    ambiguous: bool,
}

/// What one or two calls change together, in the order in which they are sent.
#[derive(Debug, Clone, Copy)]
enum Group {
    Attributes,
    Membership,
    Tags,
    Status,
}

/// An image that is withdrawn is withdrawn first.
const WITHDRAWN: [Group; 4] = [Group::Status, Group::Attributes, Group::Membership, Group::Tags];
/// An image that is offered again is offered last.
const OFFERED: [Group; 4] = [Group::Attributes, Group::Membership, Group::Tags, Group::Status];

impl Group {
    fn has(self, property: &str) -> bool {
        let calls = |attribute: &Attribute| {
            matches!(
                (self, attribute.call),
                (Group::Attributes, Call::Modify(_))
                    | (Group::Membership, Call::Join)
                    | (Group::Status, Call::ModifyAlone(_))
            )
        };
        match self {
            Group::Tags => property == TAGS,
            Group::Attributes | Group::Membership | Group::Status => {
                ATTRIBUTES.iter().any(|attribute| attribute.top() == property && calls(attribute))
            }
        }
    }
}

impl Change<'_> {
    /// Sends what differs, group by group.
    ///
    /// # Errors
    /// What a failure after the first group leaves of the groups before it.
    pub(crate) async fn apply(&self) -> Result<Changed, Halt> {
        let mut pending: Vec<String> = self.changed.iter().cloned().collect();
        pending.sort_unstable();
        let mut sent = false;
        let order = if self.wanted.is_withdrawn() { WITHDRAWN } else { OFFERED };
        for (done, group) in order.into_iter().enumerate() {
            match self.send(group).await {
                Ok(did) => sent |= did,
                Err(stop) => {
                    let untouched = !sent && !stop.ambiguous;
                    let now = self.after(&order[..done]);
                    return Err(Halt { failure: stop.failure, pending, untouched, now, seen: None });
                }
            }
            pending.retain(|property| !group.has(property));
        }
        match self.foretold() {
            _ if !sent => Ok(Changed::Nothing),
            Some(attributes) => Ok(Changed::Foretold(Box::new(attributes))),
            None => self.read_back().await.map(Changed::Seen),
        }
    }

    /// Whether anything was sent.
    async fn send(&self, group: Group) -> Result<bool, Stop> {
        if !self.changed.iter().any(|property| group.has(property)) {
            return Ok(false);
        }
        match group {
            Group::Attributes => self.send_attributes().await,
            Group::Membership => self.send_resource_group().await,
            Group::Tags => self.send_tags().await,
            Group::Status => self.send_status().await,
        }
    }

    /// What is to be sent of an attribute, if its property differs.
    fn to_send(&self, attribute: &Attribute) -> Option<String> {
        let differs = self.changed.contains(attribute.top());
        differs.then(|| attribute.to_send(&self.wanted, &self.now, self.doubtful)).flatten()
    }

    async fn send_attributes(&self) -> Result<bool, Stop> {
        let unchanged = || ModifyImageAttributeRequest { image_id: self.id.to_owned(), ..Default::default() };
        let mut request = unchanged();
        for attribute in ATTRIBUTES {
            if let (Call::Modify(field), Some(text)) = (attribute.call, self.to_send(attribute)) {
                *field(&mut request) = Some(text);
            }
        }
        if request == unchanged() {
            return Ok(false);
        }
        self.call(self.client.api.modify_image_attribute(&request, self.context.deadline())).await?;
        Ok(true)
    }

    /// The cloud refuses to set a status that the image has already, also if it was a call without an answer that set it. So
    /// such a refusal says nothing before a look has shown which one it has.
    async fn send_status(&self) -> Result<bool, Stop> {
        let found = ATTRIBUTES.iter().find_map(|attribute| match attribute.call {
            Call::ModifyAlone(field) => Some((field, self.to_send(attribute)?)),
            Call::Modify(_) | Call::Join => None,
        });
        let Some((field, wanted)) = found else { return Ok(false) };
        let mut request = ModifyImageAttributeRequest { image_id: self.id.to_owned(), ..Default::default() };
        *field(&mut request) = Some(wanted.clone());
        let call = self.client.api.modify_image_attribute(&request, self.context.deadline());
        let error = match self.context.unless_cancelled(call).await {
            Ok(Err(error)) if error.code().is_some_and(|code| STATUS_REFUSED.contains(&code)) => error,
            other => return self.told(other).map(|()| true),
        };
        let ambiguous = error.is_ambiguous();
        let stop = |failure| Stop { failure, ambiguous };
        let seen = match error.code() {
            Some(SHARED) => None,
            _ => Some(self.look_for_status(&wanted).await.map_err(stop)?),
        };
        if seen.as_ref().is_some_and(|seen| *seen == wanted) {
            return Ok(true);
        }
        Err(stop(Failure::Refused(refused_status(self.id, &wanted, &error, seen.as_deref()))))
    }

    /// The status that a look shows; an answer that is late to show the one that is wanted is waited for.
    async fn look_for_status(&self, wanted: &str) -> Result<String, Failure> {
        let mut wait = Wait::begin(self.client, self.context);
        let until = (Instant::now() + READ_BACK).min(self.context.deadline());
        loop {
            let Some(seen) = look_twice(self.client, self.context, self.id).await? else {
                return Err(Failure::Refused(gone(self.id)));
            };
            let status = seen.status.unwrap_or_default();
            let may_lag = [AVAILABLE, DEPRECATED].contains(&status.as_str());
            if status == wanted || !may_lag || Instant::now() >= until {
                return Ok(status);
            }
            wait.pause().await?;
        }
    }

    async fn send_resource_group(&self) -> Result<bool, Stop> {
        let joins = |attribute: &&Attribute| matches!(attribute.call, Call::Join);
        let Some(group) = ATTRIBUTES.iter().find(joins).and_then(|attribute| self.to_send(attribute)) else {
            return Ok(false);
        };
        let request = JoinResourceGroupRequest {
            resource_group_id: group,
            resource_id: self.id.to_owned(),
            resource_type: RESOURCE_TYPE.to_owned(),
        };
        self.call(self.client.api.join_resource_group(&request, self.context.deadline())).await?;
        Ok(true)
    }

    async fn send_tags(&self) -> Result<bool, Stop> {
        let none = BTreeMap::new();
        let (now, wanted) =
            (self.now.tags.as_ref().unwrap_or(&none), self.wanted.tags.as_ref().unwrap_or(&none));
        let removed: Vec<String> =
            self.given.iter().filter(|key| !wanted.contains_key(*key)).cloned().collect();
        let added: Vec<Tag> = wanted
            .iter()
            .filter(|(key, value)| self.doubtful || now.get(*key) != Some(value))
            .map(|(key, value)| Tag::new(key, value))
            .collect();
        let untags = !removed.is_empty();
        let sends = untags || !added.is_empty();
        if untags {
            let request = UntagResourcesRequest {
                resource_type: RESOURCE_TYPE.to_owned(),
                resource_ids: vec![self.id.to_owned()],
                tag_keys: removed,
                ..Default::default()
            };
            self.call(self.client.api.untag_resources(&request, self.context.deadline())).await?;
        }
        if !added.is_empty() {
            let request = TagResourcesRequest {
                resource_type: RESOURCE_TYPE.to_owned(),
                resource_ids: vec![self.id.to_owned()],
                tags: added,
            };
            let tagged = self.call(self.client.api.tag_resources(&request, self.context.deadline())).await;
            // Others may be taken away already.
            tagged.map_err(|stop| Stop { ambiguous: stop.ambiguous || untags, ..stop })?;
        }
        Ok(sends)
    }

    /// What these groups have asked for. What the cloud makes of it a look shows.
    fn after(&self, groups: &[Group]) -> Box<Attributes> {
        let mut now = Box::new(self.now.clone());
        let changed = |property: &str| {
            self.changed.contains(property) && groups.iter().any(|group| group.has(property))
        };
        for attribute in ATTRIBUTES.iter().filter(|attribute| changed(attribute.top())) {
            match (attribute.of)(&self.wanted) {
                Some(wanted) => *(attribute.of_mut)(&mut now) = Some(wanted.clone()),
                None if attribute.clears => *(attribute.of_mut)(&mut now) = Some(String::new()),
                None => {}
            }
        }
        if changed(TAGS) {
            self.note_tags(now.tags.get_or_insert_default());
        }
        now
    }

    fn note_tags(&self, tags: &mut BTreeMap<String, String>) {
        let wanted = self.wanted.tags.clone().unwrap_or_default();
        tags.retain(|key, _| wanted.contains_key(key) || !self.given.contains(key));
        tags.extend(wanted);
    }

    /// Awaits a call that changes the image. One that does not find it says that somebody else has deleted it.
    async fn call<T>(&self, call: impl Future<Output = Result<T, aliyun::Error>>) -> Result<(), Stop> {
        self.told(self.context.unless_cancelled(call).await)
    }

    /// What a call that changes the image has come to.
    fn told<T>(&self, answer: Result<Result<T, aliyun::Error>, Failure>) -> Result<(), Stop> {
        match answer {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) if error.is_image_not_found() || error.code() == Some(RESOURCE_NOT_FOUND) => {
                let failure = Failure::Refused(format!("{}\n{}", failure::text(&error), gone(self.id)));
                Err(Stop { failure, ambiguous: false })
            }
            Ok(Err(error)) => Err(Stop { ambiguous: error.is_ambiguous(), failure: failure::cloud(error) }),
            Err(failure) => Err(Stop { failure, ambiguous: true }),
        }
    }

    /// What the cloud will report now that it took the changes, if that needs no look.
    fn foretold(&self) -> Option<Attributes> {
        if self.doubtful || !self.foreseeable {
            return None;
        }
        let mut now = self.now.clone();
        for attribute in ATTRIBUTES.iter().filter(|attribute| self.changed.contains(attribute.top())) {
            attribute.foretell(&self.wanted, &mut now)?;
        }
        if self.changed.contains(TAGS) {
            self.note_tags(now.tags.as_mut()?);
        }
        Some(now)
    }

    /// Reads until the changes are reported. A value that the cloud took and does not report is no failure.
    async fn read_back(&self) -> Result<Box<Described>, Halt> {
        let mut wait = Wait::begin(self.client, self.context);
        let until = (Instant::now() + READ_BACK).min(self.context.deadline());
        let all = || self.changed.iter().cloned().collect();
        let halt = |failure, pending, seen| Halt {
            failure,
            pending,
            untouched: false,
            now: self.after(&OFFERED),
            seen,
        };
        loop {
            let is_last = Instant::now() >= until;
            let look = match is_last {
                true => look_twice(self.client, self.context, self.id).await,
                false => self.client.looks.describe(self.context, self.id).await,
            };
            let seen = match look {
                Ok(Some(seen)) => seen,
                Ok(None) if !is_last => {
                    wait.pause().await.map_err(|interrupted| halt(interrupted, all(), None))?;
                    continue;
                }
                Ok(None) => return Err(halt(Failure::Refused(gone(self.id)), all(), None)),
                // What was sent is in effect, but the state does not show it yet: the next update sends it again and looks.
                Err(failure) => return Err(halt(failure, all(), None)),
            };
            let now = Attributes::seen(&seen);
            let missing =
                |property: &&String| self.wanted.effect(property, &now, self.given) == Effect::Missing;
            let late: Vec<&String> = self.changed.iter().filter(missing).collect();
            if late.is_empty() {
                return Ok(Box::new(seen));
            }
            if Instant::now() >= until {
                for property in late {
                    self.context.warn(&format!(
                        "the cloud accepted the change of {property} of image {}, but does not report it",
                        self.id
                    ));
                }
                return Ok(Box::new(seen));
            }
            if let Err(failure) = wait.pause().await {
                let late = late.into_iter().cloned().collect();
                return Err(halt(failure, late, Some(Box::new(seen))));
            }
        }
    }
}

/// What to do about a status that the cloud refuses. `seen` is the one that the image has, if a look was taken.
fn refused_status(id: &str, wanted: &str, error: &aliyun::Error, seen: Option<&str>) -> String {
    let text = failure::text(error);
    match seen {
        None => format!(
            "{text}\nstatus: image {id} is shared, and the cloud deprecates only an image that is shared with nobody. Take \
             the shares away first, in a `pulumi up` of its own (pulumi destroys what a program leaves out only after it has \
             updated the rest), then set status to {DEPRECATED:?}"
        ),
        Some(seen) => format!(
            "{text}\nstatus: image {id} is {seen:?} and cannot become {wanted:?}: the cloud changes only {AVAILABLE:?} to \
             {DEPRECATED:?} and back. Run `pulumi up` again when the image is {AVAILABLE:?} or {DEPRECATED:?}, or leave status \
             out"
        ),
    }
}

fn gone(id: &str) -> String {
    format!("image {id} no longer exists: run `pulumi refresh`, and then `pulumi up` to make it anew")
}

/// Why an image does not have its own name yet.
pub(crate) struct Unnamed {
    pub(crate) failure: Failure,
    /// The name that it is known to bear, if any.
    pub(crate) bears: Option<String>,
}

/// Gives an unfinished image its own name: the last call of a create. An image that has it already is as it should be.
pub(crate) async fn give_name(
    client: &Client,
    context: &Context,
    id: &str,
    unfinished: &str,
    name: &str,
) -> Result<(), Unnamed> {
    let request = ModifyImageAttributeRequest {
        image_id: id.to_owned(),
        image_name: Some(name.to_owned()),
        ..Default::default()
    };
    let still = |failure| Unnamed { failure, bears: Some(unfinished.to_owned()) };
    let mut wait = Wait::begin(client, context);
    loop {
        let call = client.api.modify_image_attribute(&request, context.deadline());
        let error = match context.unless_cancelled(call).await {
            Ok(Ok(_)) => return Ok(()),
            Ok(Err(error)) => error,
            // The call may have been carried out, so nobody can say any more which name the image has.
            Err(failure) => return Err(Unnamed { failure, bears: None }),
        };
        if error.code() == Some(NAME_TAKEN) {
            let owner = match holder_of(client, context, name, &wait).await.map_err(still)? {
                Holder::Image(owner) if owner.id == id => return Ok(()),
                Holder::Leaving => {
                    wait.pause().await.map_err(still)?;
                    continue;
                }
                Holder::Image(owner) => Some(owner.id),
                Holder::Nobody => None,
            };
            let text = format!(
                "{}\n{}\nImage {id} is made, and called {unfinished} until it can have its name",
                failure::text(&error),
                name_taken(context, name, owner.as_deref())
            );
            return Err(still(Failure::Refused(text)));
        }
        let mut bears = Some(unfinished.to_owned());
        if error.is_ambiguous() {
            match client.looks.describe(context, id).await {
                Ok(Some(seen)) if seen.image_name.as_deref() == Some(name) => return Ok(()),
                Ok(Some(seen)) if seen.image_name.as_deref() == Some(unfinished) => {}
                _ => bears = None,
            }
        }
        return Err(Unnamed { failure: failure::cloud(error), bears });
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    use aliyun::testing::{Reply, Sent, broken, hang, refuse};
    use pulumi::testing::TestContext;
    use pulumi::{Input, Old, Update};

    use super::*;
    use crate::ecs::image::ImageState;
    use crate::ecs::image::args::ImageArgs;
    use crate::ecs::images::claim::Making as _;
    use crate::ecs::images::entry::Kept;
    use crate::ecs::images::inputs::Inputs as _;
    use crate::ecs::images::partial::late_properties;
    use crate::ecs::images::test_cloud::{Cloud, State, done, golden, making, no_images, partial, within};

    fn tags(tags: &[(&str, &str)]) -> Option<Input<BTreeMap<String, Input<String>>>> {
        let tags = tags.iter().map(|(key, value)| ((*key).to_owned(), Input::Known((*value).to_owned())));
        Some(Input::Known(tags.collect()))
    }

    fn text(text: &str) -> Option<Input<String>> {
        Some(Input::Known(text.to_owned()))
    }

    fn before() -> ImageArgs {
        ImageArgs { description: text("one"), tags: tags(&[("a", "1"), ("b", "1")]), ..golden() }
    }

    /// Every kind of call is needed.
    fn after() -> ImageArgs {
        ImageArgs {
            description: text("two"),
            resource_group_id: text("rg-2"),
            tags: tags(&[("a", "2")]),
            ..golden()
        }
    }

    /// The golden image in a cloud that answers otherwise to changes.
    fn cloud(otherwise: impl Fn(&Sent, &mut State) -> Option<Reply> + Send + Sync + 'static) -> Cloud {
        let cloud = Cloud::otherwise(otherwise);
        cloud.holds("m-1", "golden");
        let mut state = cloud.state();
        let image = &mut state.images[0];
        image.reported.insert("Description".to_owned(), "one".to_owned());
        image.reported.insert("ResourceGroupId".to_owned(), "rg-1".to_owned());
        image.tags = [("a", "1"), ("b", "1"), ("of others", "x")]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into();
        drop(state);
        cloud
    }

    /// What the state holds of it.
    async fn state(cloud: &Cloud) -> ImageState {
        let seen = cloud.client.looks.describe(&within(60), "m-1").await.unwrap().unwrap();
        ImageState::seen(&seen, &before(), "cn-test", Kept::default())
    }

    /// An update to `args`, and the actions that it sent.
    async fn update(
        cloud: &Cloud,
        context: &TestContext,
        args: ImageArgs,
        changed: &[&str],
    ) -> (Result<ImageState, Failure>, Vec<String>) {
        let state = state(cloud).await;
        let sent = cloud.stub.actions().len();
        let update = Update {
            id: "m-1".to_owned(),
            old: Old { args: before(), state },
            args,
            changed: changed.iter().map(|property| (*property).to_owned()).collect(),
            unapplied: HashSet::new(),
        };
        let updated = cloud.verbs(context).update(update).await;
        (updated, cloud.stub.actions().split_off(sent))
    }

    const ALL: [&str; 3] = ["description", "resourceGroupId", "tags"];

    #[tokio::test(start_paused = true)]
    async fn what_differs_is_sent_and_not_read_back() {
        let cloud = cloud(|_, _| None);
        let (updated, actions) = update(&cloud, &within(600), after(), &ALL).await;
        let attributes = updated.unwrap().args.attributes();
        assert_eq!(actions, ["ModifyImageAttribute", "JoinResourceGroup", "UntagResources", "TagResources"]);
        assert_eq!(attributes.description.as_deref(), Some("two"));
        assert_eq!(attributes.resource_group.as_deref(), Some("rg-2"));
        // The foretold state is what a look shows.
        assert_eq!(state(&cloud).await.args.attributes(), attributes);
        let tags = cloud.state().images[0].tags.clone();
        assert_eq!(tags.keys().collect::<Vec<_>>(), ["a", "of others"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_first_call_that_is_refused_leaves_the_old_state() {
        let cloud =
            cloud(|sent, _| (sent.action() == "ModifyImageAttribute").then(|| refuse(403, "Forbidden.RAM")));
        let (updated, actions) = update(&cloud, &within(600), after(), &ALL).await;
        let failure = updated.unwrap_err();
        assert!(!matches!(failure, Failure::Partial { .. }), "{failure:?}");
        assert_eq!(actions, ["ModifyImageAttribute"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_later_call_that_is_refused_says_what_is_not_in_effect() {
        let cloud =
            cloud(|sent, _| (sent.action() == "UntagResources").then(|| refuse(403, "Forbidden.RAM")));
        let (updated, _) = update(&cloud, &within(600), after(), &ALL).await;
        let (id, state, unapplied, _) = partial(updated.unwrap_err());
        assert_eq!((id.as_str(), unapplied), ("m-1", vec!["tags".to_owned()]));
        // The keys that the program gave before and gives now: none of them may stay behind.
        let given = format!("{:?}", state["__givenTags"]);
        assert!(given.contains("\"a\"") && given.contains("\"b\""), "{given}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_first_call_that_may_have_been_carried_out_is_in_doubt() {
        let cloud = cloud(|sent, _| (sent.action() == "ModifyImageAttribute").then(broken));
        let (updated, _) = update(&cloud, &within(20), after(), &ALL).await;
        let (_, _, unapplied, _) = partial(updated.unwrap_err());
        assert_eq!(unapplied, ALL);
    }

    #[tokio::test(start_paused = true)]
    async fn one_answer_without_the_image_after_a_change_is_looked_at_again() {
        let hides = Arc::new(AtomicBool::new(false));
        let cloud = cloud(move |sent, _| match sent.action() {
            "DescribeImages" if hides.swap(false, Ordering::Relaxed) => Some(no_images()),
            "DescribeImages" => None,
            _ => {
                hides.store(true, Ordering::Relaxed);
                None
            }
        });
        let (updated, actions) = update(&cloud, &within(600), licensed(), &["licenseType"]).await;
        assert_eq!(updated.unwrap().args.attributes().license_type.as_deref(), Some("BYOL"));
        assert_eq!(actions, ["ModifyImageAttribute", "DescribeImages", "DescribeImages"]);
    }

    #[tokio::test(start_paused = true)]
    async fn an_empty_answer_at_the_end_of_the_time_for_reading_back_is_looked_at_again() {
        let (began, hidden) = (Instant::now(), Arc::new(AtomicUsize::new(0)));
        let hides = Arc::clone(&hidden);
        let cloud = cloud(move |sent, state| {
            let reported = &mut state.images[0].reported;
            reported.insert("LicenseType".to_owned(), "Aliyun".to_owned());
            match sent.action() {
                "ModifyImageAttribute" => Some(done()),
                // The look during which the time ends, and the first of the last two.
                "DescribeImages"
                    if began.elapsed() >= READ_BACK && hides.fetch_add(1, Ordering::Relaxed) < 2 =>
                {
                    Some(no_images())
                }
                _ => None,
            }
        });
        let context = within(600);
        update(&cloud, &context, licensed(), &["licenseType"]).await.0.unwrap();
        assert_eq!((context.warnings().len(), hidden.load(Ordering::Relaxed)), (1, 3));
    }

    #[tokio::test(start_paused = true)]
    async fn an_image_that_somebody_deleted_says_what_to_do() {
        for (action, code) in [
            ("ModifyImageAttribute", "InvalidImageId.NotFound"),
            ("JoinResourceGroup", "InvalidResourceId.NotFound"),
            ("TagResources", "InvalidResourceId.NotFound"),
        ] {
            let cloud = cloud(move |sent, _| (sent.action() == action).then(|| refuse(404, code)));
            let text = update(&cloud, &within(600), after(), &ALL).await.0.unwrap_err().to_string();
            let advice =
                "image m-1 no longer exists: run `pulumi refresh`, and then `pulumi up` to make it anew";
            assert!(text.ends_with(advice), "{action}: {text}");
        }
    }

    fn licensed() -> ImageArgs {
        ImageArgs { license_type: text("BYOL"), ..before() }
    }

    #[tokio::test(start_paused = true)]
    async fn a_license_is_looked_at() {
        let cloud = cloud(|_, _| None);
        let (updated, actions) = update(&cloud, &within(600), licensed(), &["licenseType"]).await;
        assert_eq!(updated.unwrap().args.attributes().license_type.as_deref(), Some("BYOL"));
        assert_eq!(actions, ["ModifyImageAttribute", "DescribeImages"]);
    }

    /// A cloud that accepts a license and goes on reporting another.
    fn stubborn() -> Cloud {
        cloud(|sent, state| {
            let reported = &mut state.images[0].reported;
            reported.insert("LicenseType".to_owned(), "Aliyun".to_owned());
            (sent.action() == "ModifyImageAttribute").then(done)
        })
    }

    #[tokio::test(start_paused = true)]
    async fn a_value_that_is_never_reported_is_a_warning_after_a_while() {
        let (cloud, context, began) = (stubborn(), within(600), Instant::now());
        update(&cloud, &context, licensed(), &["licenseType"]).await.0.unwrap();
        assert_eq!(
            context.warnings(),
            ["the cloud accepted the change of licenseType of image m-1, but does not report it"]
        );
        assert!((15..=18).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn an_interruption_of_the_reading_back_says_what_is_not_shown() {
        let (cloud, context) = (stubborn(), within(600));
        let interrupted = async {
            tokio::time::sleep(Duration::from_secs(5)).await;
            context.cancel();
        };
        let ((updated, _), ()) =
            tokio::join!(update(&cloud, &context, licensed(), &["licenseType"]), interrupted);
        let (_, _, unapplied, text) = partial(updated.unwrap_err());
        assert_eq!(unapplied, ["licenseType"]);
        assert!(text.starts_with("interrupted. Image m-1 is in the state"), "{text}");
    }

    fn with_status(status: &str) -> ImageArgs {
        ImageArgs { status: text(status), ..before() }
    }

    fn sets_status(sent: &Sent) -> bool {
        sent.action() == "ModifyImageAttribute" && !sent.param("Status").is_empty()
    }

    /// The attributes with which ModifyImageAttribute was sent, call by call.
    fn modified(cloud: &Cloud) -> Vec<String> {
        let sent = cloud.stub.sent();
        let calls = sent.iter().filter(|sent| sent.action() == "ModifyImageAttribute");
        let named = calls.map(|sent| {
            let is_attribute = |name: &&String| {
                ["Description", "ImageFamily", "ImageName", "LicenseType", "Status"].contains(&name.as_str())
            };
            let named: Vec<String> = sent
                .params
                .keys()
                .filter(is_attribute)
                .map(|name| format!("{name}={}", sent.param(name)))
                .collect();
            named.join(" ")
        });
        named.collect()
    }

    #[tokio::test(start_paused = true)]
    async fn an_image_is_withdrawn_first_and_offered_last_each_in_a_call_of_its_own() {
        let cloud = cloud(|_, _| None);
        let context = within(600);
        let changed = ["description", "status", "tags"];
        let withdrawn = ImageArgs { status: text("Deprecated"), ..after() };
        let (updated, actions) = update(&cloud, &context, withdrawn, &changed).await;
        let entry = updated.unwrap();
        assert_eq!(
            actions,
            ["ModifyImageAttribute", "ModifyImageAttribute", "UntagResources", "TagResources"]
        );
        assert_eq!((entry.status().as_deref(), entry.is_settled()), (Some("Deprecated"), true));
        // The foretold state is what a look shows.
        assert_eq!(state(&cloud).await, entry);

        let offered = ImageArgs { status: text("Available"), ..after() };
        let (updated, actions) = update(&cloud, &context, offered, &["description", "status"]).await;
        assert_eq!(actions, ["ModifyImageAttribute", "ModifyImageAttribute"]);
        assert_eq!(updated.unwrap().status().as_deref(), Some("Available"));
        assert_eq!(
            modified(&cloud),
            ["Status=Deprecated", "Description=two", "Description=two", "Status=Available"]
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_status_that_is_left_out_is_not_touched() {
        let cloud = cloud(|_, _| None);
        cloud.state().images[0].last_status = "Deprecated";
        let (updated, actions) = update(&cloud, &within(600), before(), &["status"]).await;
        assert_eq!((updated.unwrap().status().as_deref(), actions.len()), (Some("Deprecated"), 0));
    }

    /// The call was carried out and its answer lost, so its repetition is refused.
    #[tokio::test(start_paused = true)]
    async fn a_status_that_the_image_has_already_is_in_effect() {
        for (from, to) in [("Available", "Deprecated"), ("Deprecated", "Available")] {
            let cloud = cloud(|sent, state| {
                let wanted = match sent.param("Status") {
                    _ if !sets_status(sent) => return None,
                    "Available" => "Available",
                    _ => "Deprecated",
                };
                let lost = state.images[0].last_status != wanted;
                state.images[0].last_status = wanted;
                lost.then(broken)
            });
            cloud.state().images[0].last_status = from;
            let (updated, actions) = update(&cloud, &within(600), with_status(to), &["status"]).await;
            assert_eq!(updated.unwrap().status().as_deref(), Some(to));
            assert_eq!(actions, ["ModifyImageAttribute", "ModifyImageAttribute", "DescribeImages"]);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_is_late_to_show_the_status_is_waited_for() {
        let began = Instant::now();
        let cloud = cloud(move |sent, state| {
            let late = began.elapsed() > Duration::from_secs(5);
            state.images[0].last_status = if late { "Deprecated" } else { "Available" };
            sets_status(sent).then(|| refuse(403, "ImageStatus.NotAvailable"))
        });
        let (updated, _) = update(&cloud, &within(600), with_status("Deprecated"), &["status"]).await;
        assert_eq!(updated.unwrap().status().as_deref(), Some("Deprecated"));
        assert!((5..=10).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn a_shared_image_that_is_to_be_deprecated_says_what_to_do_and_stays_as_it_was() {
        let cloud = cloud(|sent, _| sets_status(sent).then(|| refuse(403, "ImageUseShared")));
        let args = ImageArgs { status: text("Deprecated"), ..after() };
        let (updated, actions) = update(&cloud, &within(600), args, &["description", "status"]).await;
        let failure = updated.unwrap_err();
        assert!(!matches!(failure, Failure::Partial { .. }), "{failure:?}");
        assert_eq!(actions, ["ModifyImageAttribute"]);
        let text = failure.to_string();
        assert!(text.contains("ImageUseShared"), "{text}");
        assert!(
            text.contains("\nstatus: image m-1 is shared, and the cloud deprecates only an image"),
            "{text}"
        );
        assert!(text.contains("in a `pulumi up` of its own"), "{text}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_status_that_the_image_cannot_have_now_says_which_it_has() {
        let cloud = cloud(|_, state| {
            state.images[0].last_status = "UnAvailable";
            None
        });
        let (updated, actions) = update_usable(&cloud, with_status("Deprecated")).await;
        let text = updated.unwrap_err().to_string();
        assert_eq!(actions, ["ModifyImageAttribute", "DescribeImages"]);
        assert!(
            text.contains(
                "\nstatus: image m-1 is \"UnAvailable\" and cannot become \"Deprecated\": the cloud"
            ),
            "{text}"
        );
    }

    /// An update of the status in a state that calls the image usable.
    async fn update_usable(cloud: &Cloud, args: ImageArgs) -> (Result<ImageState, Failure>, Vec<String>) {
        let mut state = state(cloud).await;
        state.report.usable = Some(true);
        let sent = cloud.stub.actions().len();
        let changed = std::iter::once("status".to_owned()).collect();
        let old = Old { args: before(), state };
        let update = Update { id: "m-1".to_owned(), old, args, changed, unapplied: HashSet::new() };
        let updated = cloud.verbs(&within(600)).update(update).await;
        (updated, cloud.stub.actions().split_off(sent))
    }

    fn deprecated() -> ImageArgs {
        ImageArgs { license_type: text("BYOL"), status: text("Deprecated"), ..golden() }
    }

    #[tokio::test(start_paused = true)]
    async fn a_new_image_is_deprecated_before_it_has_its_name() {
        let cloud = Cloud::new();
        let (id, entry) =
            cloud.verbs(&within(600)).create(&deprecated(), &making(&deprecated())).await.unwrap();
        assert_eq!(modified(&cloud), ["Status=Deprecated", "LicenseType=BYOL", "ImageName=golden"]);
        assert_eq!((id.as_str(), entry.status().as_deref()), ("m-1", Some("Deprecated")));
        assert!(entry.is_settled() && entry.kept.unfinished.is_none());
    }

    /// From the moment that it is there until it is deprecated no look-up by the family finds it.
    #[tokio::test(start_paused = true)]
    async fn a_new_image_is_deprecated_before_it_joins_its_family() {
        let cloud = Cloud::new();
        let args = ImageArgs { image_family: text("fam"), status: text("Deprecated"), ..golden() };
        let (_, entry) = cloud.verbs(&within(600)).create(&args, &making(&args)).await.unwrap();
        let sent = cloud.stub.sent();
        let create = sent.iter().find(|sent| sent.action() == "CreateImage").unwrap();
        assert_eq!(create.params.get("ImageFamily"), None);
        assert_eq!(modified(&cloud), ["Status=Deprecated", "ImageFamily=fam", "ImageName=golden"]);
        let attributes = entry.args.attributes();
        assert_eq!((attributes.family.as_deref(), attributes.is_withdrawn()), (Some("fam"), true));

        let offered = ImageArgs { image_family: text("fam"), ..golden() };
        assert!(making(&offered).parameters().contains(&("ImageFamily".to_owned(), "fam".to_owned())));
        assert_eq!(late_properties(&offered, false), [""; 0]);
        assert_eq!(late_properties(&args, false), ["imageFamily", "status"]);
    }

    /// The process dies before each of the calls after the one that makes the image: the next create takes it up.
    #[tokio::test(start_paused = true)]
    async fn a_create_that_dies_around_the_status_is_taken_up() {
        for dies_before in 1..=3 {
            let dead = Arc::new(AtomicBool::new(true));
            let (still, count) = (Arc::clone(&dead), AtomicUsize::new(0));
            let cloud = Cloud::otherwise(move |sent, _| {
                let is_change = sent.action() == "ModifyImageAttribute" && still.load(Ordering::Relaxed);
                let dies = is_change && count.fetch_add(1, Ordering::Relaxed) + 1 == dies_before;
                dies.then(hang)
            });
            let (context, args) = (within(600), deprecated());
            let (verbs, call) = (cloud.verbs(&context), making(&args));
            let created = verbs.create(&args, &call);
            tokio::time::timeout(Duration::from_secs(5), created).await.unwrap_err();
            dead.store(false, Ordering::Relaxed);
            let before = modified(&cloud).len();
            // Another process: nothing of the first one's memory, nor of its list of images.
            let cloud = cloud.of_another_process();
            let (id, entry) = cloud.verbs(&context).create(&args, &call).await.unwrap();
            assert_eq!((id.as_str(), entry.status().as_deref()), ("m-1", Some("Deprecated")));
            assert_eq!(cloud.names(), [("m-1".to_owned(), "golden".to_owned())]);
            assert_eq!(cloud.state().images[0].last_status, "Deprecated");
            // What is in effect is not sent again.
            let sent = ["Status=Deprecated", "LicenseType=BYOL", "ImageName=golden"];
            assert_eq!(modified(&cloud)[before..], sent[dies_before - 1..], "{dies_before}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_status_that_is_refused_keeps_the_image_and_says_what_is_not_in_effect() {
        let cloud = Cloud::otherwise(|sent, _| sets_status(sent).then(|| refuse(403, "Forbidden.RAM")));
        let created = cloud.verbs(&within(600)).create(&deprecated(), &making(&deprecated())).await;
        let (id, state, mut unapplied, _) = partial(created.unwrap_err());
        unapplied.sort_unstable();
        assert_eq!(
            (id.as_str(), unapplied.as_slice()),
            ("m-1", &["imageName", "licenseType", "status"].map(str::to_owned)[..])
        );
        assert_eq!(state["status"].as_str(), Some("Available"));
    }

    /// The wish for a status is not taken for what the cloud says of an image that nobody has seen.
    #[tokio::test(start_paused = true)]
    async fn an_image_that_nobody_has_seen_has_no_status() {
        let cloud = Cloud::new();
        cloud.state().shown_after = Duration::from_secs(100_000);
        let created = cloud.verbs(&within(600)).create(&deprecated(), &making(&deprecated())).await;
        let (_, state, unapplied, _) = partial(created.unwrap_err());
        assert!(state.get("status").is_none_or(|status| status.as_str().is_none()), "{state:?}");
        assert!(unapplied.contains(&"status".to_owned()), "{unapplied:?}");
        let entry = ImageState::unseen(&deprecated(), "cn-test", Kept::default());
        assert!(!entry.is_settled());
    }

    #[tokio::test(start_paused = true)]
    async fn a_refresh_finds_a_deprecated_image_well_and_takes_its_status_over_if_the_program_gives_one() {
        for (given, expected) in [(None, None), (Some("Available"), Some("Deprecated"))] {
            let cloud = cloud(|_, _| None);
            let old = Old {
                args: ImageArgs { status: given.and_then(text), ..golden() },
                state: state(&cloud).await,
            };
            cloud.state().images[0].last_status = "Deprecated";
            let read = cloud.verbs(&within(60)).read("m-1", Some(old)).await.unwrap().unwrap();
            assert_eq!(read.args.attributes().status.as_deref(), expected);
            assert_eq!(read.state.status().as_deref(), Some("Deprecated"));
            assert_eq!(read.state.report.usable, Some(true));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_import_writes_the_status_of_a_deprecated_image_alone() {
        for (status, expected) in [("Available", None), ("Deprecated", Some("Deprecated"))] {
            let cloud = cloud(|_, _| None);
            cloud.state().images[0].last_status = status;
            let read = cloud.verbs(&within(60)).read::<ImageArgs>("m-1", None).await.unwrap().unwrap();
            assert_eq!(read.args.attributes().status.as_deref(), expected);
            assert_eq!(read.state.status().as_deref(), Some(status));
        }
    }
}
