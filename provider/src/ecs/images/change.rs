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
use crate::ecs::images::taken::{Holder, NAME_TAKEN, holder_of, name_taken};
use crate::ecs::images::wait::Wait;
use crate::failure;

/// The type of resource in tag and resource group actions. Case matters.
const RESOURCE_TYPE: &str = "image";
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
}

impl Group {
    fn has(self, property: &str) -> bool {
        let calls = |attribute: &Attribute| {
            matches!(
                (self, attribute.call),
                (Group::Attributes, Call::Modify(_)) | (Group::Membership, Call::Join)
            )
        };
        match self {
            Group::Tags => property == TAGS,
            Group::Attributes | Group::Membership => {
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
        for group in [Group::Attributes, Group::Membership, Group::Tags] {
            match self.send(group).await {
                Ok(did) => sent |= did,
                Err(stop) => {
                    let untouched = !sent && !stop.ambiguous;
                    return Err(Halt { failure: stop.failure, pending, untouched, seen: None });
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
        for attribute in &ATTRIBUTES {
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
        let sends = !removed.is_empty() || !added.is_empty();
        if !removed.is_empty() {
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
            self.call(self.client.api.tag_resources(&request, self.context.deadline())).await?;
        }
        Ok(sends)
    }

    /// Awaits a call that changes the image. One that does not find it says that somebody else has deleted it.
    async fn call<T>(&self, call: impl Future<Output = Result<T, aliyun::Error>>) -> Result<(), Stop> {
        match self.context.unless_cancelled(call).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) if error.is_not_found() => {
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
            let wanted = self.wanted.tags.clone().unwrap_or_default();
            let tags = now.tags.as_mut()?;
            tags.retain(|key, _| wanted.contains_key(key) || !self.given.contains(key));
            tags.extend(wanted);
        }
        Some(now)
    }

    /// Reads until the changes are reported. A value that the cloud took and does not report is no failure.
    async fn read_back(&self) -> Result<Box<Described>, Halt> {
        let mut wait = Wait::begin(self.client, self.context);
        let until = (Instant::now() + READ_BACK).min(self.context.deadline());
        let all = || self.changed.iter().cloned().collect();
        let halt = |failure, pending, seen| Halt { failure, pending, untouched: false, seen };
        loop {
            let seen = match self.client.looks.describe(self.context, self.id).await {
                Ok(Some(seen)) => seen,
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

fn gone(id: &str) -> String {
    format!("image {id} no longer exists: `pulumi refresh`, then `pulumi up` makes it anew")
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

    use aliyun::testing::{Reply, Sent, broken, refuse};
    use pulumi::testing::TestContext;
    use pulumi::{Input, Old, Update};

    use super::*;
    use crate::ecs::image::ImageState;
    use crate::ecs::image::args::ImageArgs;
    use crate::ecs::images::entry::Kept;
    use crate::ecs::images::inputs::Inputs as _;
    use crate::ecs::images::test_cloud::{Cloud, State, done, golden, partial, within};

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
    fn cloud(otherwise: fn(&Sent, &mut State) -> Option<Reply>) -> Cloud {
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
    async fn an_image_that_somebody_deleted_says_what_to_do() {
        let cloud = cloud(|sent, _| {
            (sent.action() == "ModifyImageAttribute").then(|| refuse(404, "InvalidImageId.NotFound"))
        });
        let text = update(&cloud, &within(600), after(), &ALL).await.0.unwrap_err().to_string();
        let advice = "image m-1 no longer exists: `pulumi refresh`, then `pulumi up` makes it anew";
        assert!(text.ends_with(advice), "{text}");
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
}
