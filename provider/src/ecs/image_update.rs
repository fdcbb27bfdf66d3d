//! Bringing an image that exists to what the program wants: only what differs is sent. It is read back if what the cloud
//! reports then cannot be told without.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use aliyun::ecs::{
    JoinResourceGroupRequest, ModifyImageAttributeRequest, Tag, TagResourcesRequest, UntagResourcesRequest,
};
use pulumi::{Context, Failure, Input, Update, known};
use tokio::time::{Duration, Instant};

use crate::client::Client;
use crate::ecs::image::{ImageArgs, ImageState};
use crate::ecs::image_account::owner_of;
use crate::ecs::image_create::{NAME_FREED, NAME_TAKEN, name_taken};
use crate::ecs::image_lifecycle::in_state;
use crate::ecs::image_look::describe;
use crate::ecs::image_rules::refuse_older_imds;
use crate::ecs::image_state::{Effect, Kept, effect, state_of};
use crate::ecs::image_wait::{Unusable, Wait, unless_cancelled, wait_until_usable};
use crate::failure;

/// The type of resource in tag and resource group actions. Case matters.
const RESOURCE_TYPE: &str = "image";
/// How long a changed attribute may take to be reported.
const READ_BACK: Duration = Duration::from_secs(15);
/// The properties that ModifyImageAttribute sets.
const ATTRIBUTES: [&str; 6] =
    ["imageName", "imageFamily", "description", "bootMode", "licenseType", "features"];

/// Brings an image from what the state holds to what the program wants.
pub(crate) async fn update(
    client: &Client,
    context: &Context,
    update: Update<ImageArgs, ImageState>,
) -> Result<ImageState, Failure> {
    let Update { id, old, args, mut changed, unapplied } = update;
    let mut state = old.state;
    refuse_older_imds(&state.args.features, &args.features)?;
    let region = client.api.region();
    let pending = |changed: &HashSet<String>| changed.iter().cloned().collect();
    if !is_settled(&state) {
        // An earlier operation ended before the image did.
        state = match wait_until_usable(client, context, &id, None, "update").await {
            Ok(seen) => {
                refuse_stranger(&id, context, &state, &args, seen.image_name.as_deref())?;
                let kept = still_unfinished(state.kept, seen.image_name.as_deref());
                state_of(&seen, &args, region, kept)
            }
            Err(Unusable::Failed { message, seen }) => {
                let state = state_of(&seen, &args, region, state.kept);
                let text = format!("{message}. {}", replace_it(context.urn(), &state));
                return Err(in_state(&id, &state, pending(&changed), Failure::Refused(text)));
            }
            Err(Unusable::Stopped { failure, seen }) => {
                if let Some(seen) = seen {
                    state = state_of(&seen, &args, region, state.kept);
                }
                return Err(in_state(&id, &state, pending(&changed), failure));
            }
        };
    }
    state.region_id = Some(region.to_owned());
    // What the cloud never reports is recorded, and that is all.
    state.args.delete_auto_snapshot = args.delete_auto_snapshot.clone();
    state.args.detection_strategy = args.detection_strategy.clone();
    state.args.force = args.force.clone();
    // Tags that somebody else has added are not this program's to remove, until a refresh has shown them.
    let mut given: BTreeSet<String> = texts(&old.args.tags).into_keys().collect();
    given.extend(state.kept.given_tags.take().unwrap_or_default());
    let doubtful = !unapplied.is_empty();
    if state.kept.unfinished.is_some() {
        // The name comes last.
        changed.remove("imageName");
    }
    let change = Change {
        client,
        context,
        id: &id,
        args: &args,
        state: &state,
        given: &given,
        changed: &changed,
        doubtful,
    };
    let changed = change.apply(Otherwise::OldState).await?;
    finish(client, context, &id, &args, changed.unwrap_or(state)).await
}

/// What to do about an image that is broken. One that bears its own name keeps it from its replacement.
pub(crate) fn replace_it(urn: &str, state: &ImageState) -> String {
    let option = match state.kept.unfinished {
        Some(_) => "",
        None => ", with the resource option deleteBeforeReplace if the program gives imageName",
    };
    format!("Replace it: pulumi up --replace '{urn}'{option}")
}

/// Whether an image is not the one that a create left unfinished. The id of an image that nobody has seen yet came from the
/// cloud's memory of a request; if the image then turns out to be called otherwise, another create has made it.
pub(crate) fn is_stranger(state: &ImageState, args: &ImageArgs, name: Option<&str>) -> bool {
    let Some(unfinished) = &state.kept.unfinished else { return false };
    let expected = [Some(unfinished.as_str()), known(&args.image_name).map(String::as_str)];
    state.status.is_none() && name.is_some() && !expected.contains(&name)
}

fn refuse_stranger(
    id: &str,
    context: &Context,
    state: &ImageState,
    args: &ImageArgs,
    name: Option<&str>,
) -> Result<(), Failure> {
    if !is_stranger(state, args, name) {
        return Ok(());
    }
    Err(Failure::Refused(format!(
        "image {id} is called {}, so it is not the one that the create of this resource left unfinished; nothing is changed. Take \
         this entry out of the state (pulumi refresh, or pulumi state delete '{}'), and `pulumi up` makes the image",
        name.unwrap_or_default(),
        context.urn()
    )))
}

/// An image that bears another name than the unfinished one has been finished, by whomever.
pub(crate) fn still_unfinished(mut kept: Kept, name: Option<&str>) -> Kept {
    kept.unfinished = kept.unfinished.filter(|unfinished| name.is_none_or(|name| name == unfinished));
    kept
}

/// Gives an unfinished image its own name: the last call of a create. An image that has it already is as it should be.
pub(crate) async fn finish(
    client: &Client,
    context: &Context,
    id: &str,
    args: &ImageArgs,
    mut state: ImageState,
) -> Result<ImageState, Failure> {
    let (Some(unfinished), Some(name)) = (state.kept.unfinished.clone(), known(&args.image_name)) else {
        return Ok(state);
    };
    let request = ModifyImageAttributeRequest {
        image_id: id.to_owned(),
        image_name: Some(name.clone()),
        ..Default::default()
    };
    let pending = || vec!["imageName".to_owned()];
    let wait = Wait::begin(client, context);
    loop {
        let call = client.api.modify_image_attribute(&request, context.deadline());
        let error = match unless_cancelled(context, call).await {
            Ok(Ok(_)) => break,
            Ok(Err(error)) => error,
            Err(failure) => {
                // The call may have been carried out, so nobody can say any more which name the image has.
                state.kept.unfinished = None;
                return Err(in_state(id, &state, pending(), failure));
            }
        };
        if error.code() == Some(NAME_TAKEN) {
            let owner = owner_of(client, context, name).await;
            let owner = owner.map_err(|failure| in_state(id, &state, pending(), failure))?;
            if owner.as_ref().is_some_and(|owner| owner.id == id) {
                break;
            }
            // The name of an image that has just been deleted is not free at once.
            if owner.is_none() && wait.elapsed() < NAME_FREED {
                wait.pause(None).await.map_err(|failure| in_state(id, &state, pending(), failure))?;
                continue;
            }
            let text = format!(
                "{}\n{}\nImage {id} is made, and called {unfinished} until it can have its name",
                failure::text(&error),
                name_taken(context, name, owner.as_ref().map(|owner| owner.id.as_str()))
            );
            return Err(in_state(id, &state, pending(), Failure::Refused(text)));
        }
        if error.is_ambiguous() {
            match describe(client, context, id).await {
                Ok(Some(seen)) if seen.image_name.as_ref() == Some(name) => break,
                Ok(Some(seen)) if seen.image_name.as_ref() == Some(&unfinished) => {}
                _ => state.kept.unfinished = None,
            }
        }
        return Err(in_state(id, &state, pending(), failure::cloud(error)));
    }
    state.kept.unfinished = None;
    state.args.image_name = Some(Input::Known(name.clone()));
    Ok(state)
}

/// Whether the state is of an image that was usable. Older providers do not keep `usable`.
pub(crate) fn is_settled(state: &ImageState) -> bool {
    match state.status.as_deref() {
        Some("Deprecated") => true,
        status => state.usable.unwrap_or(status == Some("Available")),
    }
}

/// An image that exists, and what of it is to change.
pub(crate) struct Change<'a> {
    pub(crate) client: &'a Client,
    pub(crate) context: &'a Context,
    pub(crate) id: &'a str,
    /// What the program wants.
    pub(crate) args: &'a ImageArgs,
    /// What the image is like before.
    pub(crate) state: &'a ImageState,
    /// The keys of the tags that the program has given it so far.
    pub(crate) given: &'a BTreeSet<String>,
    /// The properties that differ.
    pub(crate) changed: &'a HashSet<String>,
    /// Whether an earlier operation may have changed more than the state shows.
    pub(crate) doubtful: bool,
}

/// What the engine is left with if an operation fails plainly.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Otherwise {
    /// Nothing: a plain failure of a create would lose the image.
    Lost,
    /// The state before the update.
    OldState,
}

/// Why a call that changes the image ended otherwise than well.
struct Stop {
    failure: Failure,
    /// Whether it may have been carried out all the same.
    ambiguous: bool,
}

/// What one or two calls change together.
#[derive(Clone, Copy)]
enum Group {
    Attributes,
    Membership,
    Tags,
}

impl Group {
    fn has(self, property: &str) -> bool {
        match self {
            Group::Attributes => ATTRIBUTES.contains(&property),
            Group::Membership => property == "resourceGroupId",
            Group::Tags => property == "tags",
        }
    }
}

impl Change<'_> {
    /// Sends what differs, group by group. `None` where there was nothing to send. A failure after the first group keeps
    /// what the groups before it did.
    pub(crate) async fn apply(&self, otherwise: Otherwise) -> Result<Option<ImageState>, Failure> {
        let mut pending: Vec<String> = self.changed.iter().cloned().collect();
        pending.sort_unstable();
        let mut sent = false;
        for group in [Group::Attributes, Group::Membership, Group::Tags] {
            match self.send(group).await {
                Ok(did) => sent |= did,
                // Before anything was carried out the old state is the true one, if there is an old state.
                Err(stop) if !sent && !stop.ambiguous && otherwise == Otherwise::OldState => {
                    return Err(stop.failure);
                }
                Err(stop) => return Err(self.partial(pending, stop.failure)),
            }
            pending.retain(|property| !group.has(property));
        }
        if !sent {
            return Ok(None);
        }
        match self.foretold() {
            Some(state) => Ok(Some(state)),
            None => self.read_back().await.map(Some),
        }
    }

    fn partial(&self, unapplied: Vec<String>, failure: Failure) -> Failure {
        self.partial_with(self.state.clone(), unapplied, failure)
    }

    fn partial_with(&self, mut state: ImageState, mut unapplied: Vec<String>, failure: Failure) -> Failure {
        if unapplied.iter().any(|property| property == "tags") {
            let given = self.given.iter().cloned().chain(texts(&self.args.tags).into_keys());
            state.kept.given_tags = Some(given.collect());
        }
        if state.kept.unfinished.is_some() {
            unapplied.push("imageName".to_owned());
        }
        in_state(self.id, &state, unapplied, failure)
    }

    /// Whether anything was sent.
    async fn send(&self, group: Group) -> Result<bool, Stop> {
        if !self.changed.iter().any(|property| group.has(property)) {
            return Ok(false);
        }
        match group {
            Group::Attributes => self.send_attributes().await,
            Group::Membership => self.send_membership().await,
            Group::Tags => self.send_tags().await,
        }
    }

    async fn send_attributes(&self) -> Result<bool, Stop> {
        let request = self.modify_request();
        let unchanged = ModifyImageAttributeRequest { image_id: self.id.to_owned(), ..Default::default() };
        if request == unchanged {
            return Ok(false);
        }
        self.call(self.client.api.modify_image_attribute(&request, self.context.deadline())).await?;
        Ok(true)
    }

    async fn send_membership(&self) -> Result<bool, Stop> {
        let Some(group) = known(&self.args.resource_group_id) else { return Ok(false) };
        let request = JoinResourceGroupRequest {
            resource_group_id: group.clone(),
            resource_id: self.id.to_owned(),
            resource_type: RESOURCE_TYPE.to_owned(),
        };
        self.call(self.client.api.join_resource_group(&request, self.context.deadline())).await?;
        Ok(true)
    }

    async fn send_tags(&self) -> Result<bool, Stop> {
        let (now, wanted) = (texts(&self.state.args.tags), texts(&self.args.tags));
        let removed: Vec<String> =
            self.given.iter().filter(|key| !wanted.contains_key(*key)).cloned().collect();
        let added: Vec<Tag> = wanted
            .iter()
            .filter(|(key, value)| self.doubtful || now.get(*key) != Some(value))
            .map(|(key, value)| Tag::new(key, value))
            .collect();
        let mut sent = false;
        if !removed.is_empty() {
            let request = UntagResourcesRequest {
                resource_type: RESOURCE_TYPE.to_owned(),
                resource_ids: vec![self.id.to_owned()],
                tag_keys: removed,
                ..Default::default()
            };
            self.call(self.client.api.untag_resources(&request, self.context.deadline())).await?;
            sent = true;
        }
        if !added.is_empty() {
            let request = TagResourcesRequest {
                resource_type: RESOURCE_TYPE.to_owned(),
                resource_ids: vec![self.id.to_owned()],
                tags: added,
            };
            self.call(self.client.api.tag_resources(&request, self.context.deadline())).await?;
            sent = true;
        }
        Ok(sent)
    }

    /// Only what changed. An empty text clears a description or a family.
    fn modify_request(&self) -> ModifyImageAttributeRequest {
        let (args, old) = (self.args, &self.state.args);
        let has = |property: &str| self.changed.contains(property);
        let given =
            |property: &str, value: &Option<Input<String>>| known(value).filter(|_| has(property)).cloned();
        let cleared = |property: &str, value: &Option<Input<String>>, old: &Option<Input<String>>| {
            if !has(property) {
                return None;
            }
            match known(value) {
                Some(value) => Some(value.clone()),
                // An earlier call may have set what the state does not show.
                None => (self.doubtful || known(old).is_some_and(|old| !old.is_empty())).then(String::new),
            }
        };
        let features = known(&args.features).filter(|_| has("features"));
        let old_features = known(&old.features);
        let differing = |new: &Option<Input<String>>, old: Option<&String>| {
            known(new).filter(|new| self.doubtful || Some(*new) != old).cloned()
        };
        ModifyImageAttributeRequest {
            image_id: self.id.to_owned(),
            image_name: given("imageName", &args.image_name),
            image_family: cleared("imageFamily", &args.image_family, &old.image_family),
            description: cleared("description", &args.description, &old.description),
            boot_mode: given("bootMode", &args.boot_mode),
            license_type: given("licenseType", &args.license_type),
            features_imds_support: features.and_then(|features| {
                differing(&features.imds_support, old_features.and_then(|old| known(&old.imds_support)))
            }),
            features_nvme_support: features.and_then(|features| {
                differing(&features.nvme_support, old_features.and_then(|old| known(&old.nvme_support)))
            }),
            ..Default::default()
        }
    }

    /// Awaits a call that changes the image. One that does not find it says that somebody else has deleted it.
    async fn call<T>(&self, call: impl Future<Output = Result<T, aliyun::Error>>) -> Result<(), Stop> {
        match unless_cancelled(self.context, call).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) if error.is_not_found() => {
                let failure = Failure::Refused(format!("{}\n{}", failure::text(&error), gone(self.id)));
                Err(Stop { failure, ambiguous: false })
            }
            Ok(Err(error)) => Err(Stop { ambiguous: error.is_ambiguous(), failure: failure::cloud(error) }),
            Err(failure) => Err(Stop { failure, ambiguous: true }),
        }
    }

    /// What the cloud will report now that it took the changes, where that needs no look: what it reported before, it
    /// reports as it was sent.
    fn foretold(&self) -> Option<ImageState> {
        if self.doubtful || self.state.usable != Some(true) {
            return None;
        }
        let mut state = self.state.clone();
        let (now, args) = (&mut state.args, self.args);
        for property in self.changed {
            match property.as_str() {
                "imageName" => follow(&mut now.image_name, &args.image_name)?,
                "bootMode" => follow(&mut now.boot_mode, &args.boot_mode)?,
                "resourceGroupId" => follow(&mut now.resource_group_id, &args.resource_group_id)?,
                // Whether a cleared text is reported as empty or not at all differs.
                "description" if args.description.is_some() => {
                    follow(&mut now.description, &args.description)?
                }
                "imageFamily" if args.image_family.is_some() => {
                    follow(&mut now.image_family, &args.image_family)?
                }
                "features" => {
                    if let Some(wanted) = known(&args.features) {
                        let now = known_mut(&mut now.features)?;
                        follow(&mut now.imds_support, &wanted.imds_support)?;
                        follow(&mut now.nvme_support, &wanted.nvme_support)?;
                    }
                }
                "tags" => {
                    let tags = known_mut(&mut now.tags)?;
                    let wanted = texts(&args.tags);
                    tags.retain(|key, _| wanted.contains_key(key) || !self.given.contains(key));
                    tags.extend(wanted.into_iter().map(|(key, value)| (key, Input::Known(value))));
                }
                "deleteAutoSnapshot" | "detectionStrategy" | "force" => {}
                // The cloud makes something of its own of a license type.
                _ => return None,
            }
        }
        Some(state)
    }

    fn all(&self) -> Vec<String> {
        self.changed.iter().cloned().collect()
    }

    /// Reads until the changes are reported. A value that the cloud took and does not report is no failure.
    async fn read_back(&self) -> Result<ImageState, Failure> {
        let wait = Wait::begin(self.client, self.context);
        let until = (Instant::now() + READ_BACK).min(self.context.deadline());
        loop {
            let now = match describe(self.client, self.context, self.id).await {
                Ok(Some(seen)) => {
                    state_of(&seen, self.args, self.client.api.region(), self.state.kept.clone())
                }
                Ok(None) => return Err(self.partial(self.all(), Failure::Refused(gone(self.id)))),
                // What was sent is in effect, but the state does not show it yet: the next update sends it again and looks.
                Err(failure) => return Err(self.partial(self.all(), failure)),
            };
            let missing =
                |property: &String| effect(property, self.args, &now, self.given) == Effect::Missing;
            let late: Vec<&String> = self.changed.iter().filter(|property| missing(property)).collect();
            if late.is_empty() {
                return Ok(now);
            }
            if Instant::now() >= until {
                for property in late {
                    self.context.warn(&format!(
                        "the cloud accepted the change of {property} of image {}, but does not report it",
                        self.id
                    ));
                }
                return Ok(now);
            }
            if let Err(failure) = wait.pause(None).await {
                return Err(self.partial_with(now, late.into_iter().cloned().collect(), failure));
            }
        }
    }
}

fn gone(id: &str) -> String {
    format!("image {id} no longer exists: `pulumi refresh`, then `pulumi up` makes it anew")
}

/// Takes over a text that was sent; one that was not given was not. `None` where the cloud has reported none so far.
fn follow(now: &mut Option<Input<String>>, sent: &Option<Input<String>>) -> Option<()> {
    if let Some(sent) = known(sent) {
        known_mut(now)?.clone_from(sent);
    }
    Some(())
}

fn known_mut<T>(field: &mut Option<Input<T>>) -> Option<&mut T> {
    match field {
        Some(Input::Known(value)) => Some(value),
        Some(Input::Unknown) | None => None,
    }
}

/// Tags that are known.
fn texts(tags: &Option<Input<BTreeMap<String, Input<String>>>>) -> BTreeMap<String, String> {
    known(tags)
        .into_iter()
        .flatten()
        .filter_map(|(key, value)| value.known().map(|value| (key.clone(), value.clone())))
        .collect()
}
