//! What all image-like resources share: wait until usable, read back, apply attributes, delete.

use std::collections::{BTreeMap, HashSet};

use aliyun::ecs::{
    DeleteImageRequest, DeleteSnapshotRequest, DescribeImagesRequest, Image as Described,
    JoinResourceGroupRequest, ModifyImageAttributeRequest, Tag, TagResourcesRequest, UntagResourcesRequest,
};
use pulumi::{Context, Failure, Input, Old, Read, Update, known};
use tokio::time::{Duration, Instant};

use crate::client::Client;
use crate::ecs::image::{ImageArgs, ImageDiskDeviceMapping, ImageFeatures, ImageState};
use crate::ecs::image_create::Made;
use crate::failure;

/// The type of resource in tag and resource group actions. Case matters.
const RESOURCE_TYPE: &str = "image";
/// How long a new image may be missing from DescribeImages before the wait for it ends.
const INVISIBLE: Duration = Duration::from_secs(60);
/// After how many looks without it an image that was there is gone.
const ABSENCES: u32 = 3;
/// How long a changed attribute may take to be reported.
const READ_BACK: Duration = Duration::from_secs(15);
/// Tags that the cloud itself sets; no program can.
const SYSTEM_TAG_PREFIXES: [&str; 2] = ["acs:", "aliyun"];
/// The properties that ModifyImageAttribute sets.
const ATTRIBUTES: [&str; 6] =
    ["imageName", "imageFamily", "description", "bootMode", "licenseType", "features"];

/// The image as DescribeImages has it, or `None` where the answer is that there is none.
pub(crate) async fn describe(
    client: &Client,
    context: &Context,
    id: &str,
) -> Result<Option<Described>, Failure> {
    let request = DescribeImagesRequest {
        image_id: Some(id.to_owned()),
        status: Some(client.every_status.to_owned()),
        ..DescribeImagesRequest::default()
    };
    let call = client.api.describe_images(&request, context.deadline());
    match unless_cancelled(context, call).await? {
        Ok(found) if found.images.is_empty() => Ok(None),
        Ok(found) => match found.images.into_iter().find(|image| image.image_id.as_deref() == Some(id)) {
            Some(image) => Ok(Some(image)),
            // An answer about other images says nothing about this one.
            None => Err(Failure::Refused(format!(
                "DescribeImages was asked for image {id} and answered with others"
            ))),
        },
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(failure::cloud(error)),
    }
}

/// What a call answers, unless the user interrupts the deployment first.
pub(crate) async fn unless_cancelled<T>(
    context: &Context,
    call: impl Future<Output = T>,
) -> Result<T, Failure> {
    tokio::select! {
        biased;
        answer = call => Ok(answer),
        () = context.cancelled() => Err(interrupted()),
    }
}

/// Waits, unless the user interrupts the deployment or its time is up first.
pub(crate) async fn pause(context: &Context, delay: Duration) -> Result<(), Failure> {
    let until = (Instant::now() + delay).min(context.deadline());
    unless_cancelled(context, tokio::time::sleep_until(until)).await
}

fn interrupted() -> Failure {
    Failure::Cancelled("interrupted".to_owned())
}

/// From an image that exists to one that is as wanted: usable, and with what CreateImage cannot set.
pub(crate) async fn settle(
    client: &Client,
    context: &Context,
    made: Made,
    args: &ImageArgs,
) -> Result<ImageState, Failure> {
    let id = &made.id;
    let mut state = ImageState { recovered: made.recovered.clone(), ..ImageState::default() };
    let late = late_attributes(args);
    let seen = match wait_until_usable(client, context, id, made.seen, "create").await {
        Ok(seen) => seen,
        Err(Unusable::Failed { message, seen }) => {
            return Err(give_up(client, context, id, args, state, message, &seen).await);
        }
        Err(Unusable::Gone) => {
            let text = format!(
                "image {id} was deleted by somebody else while it was being made; nothing is left behind"
            );
            return Err(Failure::Refused(text));
        }
        Err(Unusable::Stopped { failure, seen }) => {
            if let Some(seen) = seen {
                state = state_of(&seen, args, made.recovered.clone());
            } else {
                state.args = args.clone();
            }
            let name_pending = made.recovered.is_some().then(|| "imageName".to_owned());
            return Err(partial(id, state, late.into_iter().chain(name_pending).collect(), failure));
        }
    };
    let state = state_of(&seen, args, made.recovered.clone());
    let mut wanted: HashSet<String> = late.into_iter().collect();
    if made.recovered.is_some() {
        wanted.insert("imageName".to_owned());
    }
    wanted.retain(|property| !is_in_effect(property, args, &state));
    let applied = apply(client, context, id, args, &state, &wanted, Kept::Nothing).await?;
    Ok(applied.unwrap_or(state))
}

/// What only ModifyImageAttribute can set.
fn late_attributes(args: &ImageArgs) -> Vec<String> {
    let nvme = known(&args.features).is_some_and(|features| features.nvme_support.is_some());
    [("licenseType", args.license_type.is_some()), ("features", nvme)]
        .into_iter()
        .filter(|(_, given)| *given)
        .map(|(property, _)| property.to_owned())
        .collect()
}

enum Unusable {
    /// The cloud could not make the image.
    Failed { message: String, seen: Box<Described> },
    /// The image was there, and somebody has deleted it.
    Gone,
    /// The wait ended for a reason that says nothing about the image.
    Stopped { failure: Failure, seen: Option<Box<Described>> },
}

/// `seen` is what a look just before has shown; `limit` is which of the custom time-outs applies.
async fn wait_until_usable(
    client: &Client,
    context: &Context,
    id: &str,
    seen: Option<Described>,
    limit: &str,
) -> Result<Described, Unusable> {
    let started = Instant::now();
    let mut seen = seen.map(Box::new);
    let mut shown = String::new();
    let mut absences = 0;
    for looks in 1.. {
        if let Some(image) = &seen {
            let text = progress(image);
            if text != shown {
                context.status(&format!("image {id}: {text}"));
                shown = text;
            }
            if image.status.as_deref() == Some("CreateFailed") {
                let message = format!("the cloud could not make image {id}: its status is CreateFailed");
                return Err(Unusable::Failed { message, seen: image.clone() });
            }
            if is_usable(image) {
                return Ok(image.as_ref().clone());
            }
        }
        let stopped = |failure| Unusable::Stopped { failure, seen: seen.clone() };
        pause(context, client.pace.delay(looks)).await.map_err(stopped)?;
        let late = Instant::now() >= context.deadline();
        let look = if late { Ok(None) } else { describe(client, context, id).await };
        match look {
            Ok(Some(image)) => {
                absences = 0;
                seen = Some(Box::new(image));
            }
            Ok(None) if !late => {
                absences += 1;
                if seen.is_some() && absences >= ABSENCES {
                    return Err(Unusable::Gone);
                }
                if seen.is_none() && started.elapsed() >= INVISIBLE {
                    let text = format!(
                        "the cloud answered with image {id}, but DescribeImages has not shown it for {} s. `pulumi refresh` tells \
                         whether it exists",
                        INVISIBLE.as_secs()
                    );
                    return Err(stopped(Failure::Refused(text)));
                }
            }
            _ if Instant::now() >= context.deadline() => {
                let seconds = context.time_limit().as_secs();
                let state = seen.as_ref().map_or("not visible".to_owned(), |seen| progress(seen));
                return Err(stopped(Failure::Refused(format!(
                    "image {id} is not usable after {seconds} s: it is {state}. `pulumi up` waits on; \
                     customTimeouts.{limit} allows more time"
                ))));
            }
            Ok(None) => {}
            Err(failure) => return Err(stopped(failure)),
        }
    }
    Err(Unusable::Stopped { failure: Failure::Bug("endless waiting ended".to_owned()), seen })
}

/// Older installations do not report `Usable`; there the status has to do.
fn is_usable(image: &Described) -> bool {
    let done = matches!(image.status.as_deref(), Some("Available" | "Deprecated"));
    image.usable.unwrap_or(done)
}

fn progress(image: &Described) -> String {
    let status = image.status.as_deref().unwrap_or("in an unknown state");
    match image.progress.as_deref() {
        Some(progress) if !progress.is_empty() => format!("{status} ({progress})"),
        _ => status.to_owned(),
    }
}

/// An image in CreateFailed is of no use and no update mends it, so it is deleted; only once it is gone, the failure is a
/// plain one.
async fn give_up(
    client: &Client,
    context: &Context,
    id: &str,
    args: &ImageArgs,
    state: ImageState,
    message: String,
    seen: &Described,
) -> Failure {
    let old = Old { args: args.clone(), state: state_of(seen, args, state.recovered.clone()) };
    match delete(client, context, id, &old).await {
        Ok(()) => Failure::Refused(format!("{message}. It has been deleted; nothing is left behind")),
        Err(failure) => {
            let text = format!("{message}. Deleting it failed as well: {failure}");
            partial(id, old.state, Vec::new(), Failure::Refused(text))
        }
    }
}

/// The resource exists, and something about it is not as wanted.
fn partial(id: &str, state: ImageState, unapplied: Vec<String>, failure: Failure) -> Failure {
    let reason = match failure {
        Failure::Cloud(error) => pulumi::chain(&*error),
        Failure::Cancelled(_) => {
            format!("interrupted while image {id} was being made; the next `pulumi up` goes on from there")
        }
        other @ (Failure::Partial { .. } | Failure::Refused(_) | Failure::Bug(_)) => other.to_string(),
    };
    let state = pulumi::encode(&state).unwrap_or_default();
    Failure::Partial { id: id.to_owned(), state, unapplied, reasons: vec![reason] }
}

/// As [`partial`], where nothing is known of the image but what was asked for.
pub(crate) fn partial_unseen(id: &str, args: &ImageArgs, failure: Failure) -> Failure {
    let state = ImageState { args: args.clone(), ..ImageState::default() };
    partial(id, state, late_attributes(args), failure)
}

/// Reads an image for a refresh, an import or a lookup.
pub(crate) async fn read(
    client: &Client,
    context: &Context,
    id: &str,
    old: Option<Old<ImageArgs, ImageState>>,
) -> Result<Option<Read<ImageArgs, ImageState>>, Failure> {
    let Some(seen) = describe(client, context, id).await? else { return Ok(None) };
    let (args, state) = match old {
        None => {
            let state = state_of(&seen, &ImageArgs::default(), None);
            (imported_args(&state), state)
        }
        Some(old) => {
            let state = state_of(&seen, &old.args, old.state.recovered);
            (refreshed_args(old.args, &state), state)
        }
    };
    Ok(Some(Read { args, state }))
}

/// The inputs of a resource as the cloud now has them. What the program does not give is not invented; what is gone in the
/// cloud stays as an empty text, so that it is remembered as given.
fn refreshed_args(old: ImageArgs, state: &ImageState) -> ImageArgs {
    let text = |old: Option<Input<String>>, now: &Option<Input<String>>| {
        old.map(|_| Input::Known(known(now).cloned().unwrap_or_default()))
    };
    let now = &state.args;
    ImageArgs {
        architecture: reported(old.architecture, &now.architecture),
        boot_mode: reported(old.boot_mode, &now.boot_mode),
        description: text(old.description, &now.description),
        features: old.features.map(|features| match (features, known(&now.features)) {
            (Input::Known(features), Some(now)) => Input::Known(ImageFeatures {
                imds_support: reported(features.imds_support, &now.imds_support),
                nvme_support: reported(features.nvme_support, &now.nvme_support),
            }),
            (features, _) => features,
        }),
        image_family: text(old.image_family, &now.image_family),
        image_name: reported(old.image_name, &now.image_name),
        image_version: text(old.image_version, &now.image_version),
        license_type: reported(old.license_type, &now.license_type),
        platform: reported(old.platform, &now.platform),
        resource_group_id: reported(old.resource_group_id, &now.resource_group_id),
        tags: old.tags.map(|_| now.tags.clone().unwrap_or(Input::Known(BTreeMap::new()))),
        ..old
    }
}

/// What the cloud reports in place of what the program gave; where the cloud reports nothing, what the program gave.
fn reported(old: Option<Input<String>>, now: &Option<Input<String>>) -> Option<Input<String>> {
    let now = known(now).filter(|now| !now.is_empty()).cloned();
    old.map(|old| now.map_or(old, Input::Known))
}

/// The inputs of an image that no program has described yet. Only what a program may say is said.
fn imported_args(state: &ImageState) -> ImageArgs {
    let given = |value: &Option<Input<String>>| {
        value.clone().filter(|value| value.known().is_some_and(|text| !text.is_empty()))
    };
    let now = &state.args;
    let mappings = known(&now.disk_device_mappings).map(|mappings| {
        let inputs = mappings.iter().filter_map(Input::known).map(|mapping| {
            Input::Known(ImageDiskDeviceMapping {
                device: given(&mapping.device),
                disk_type: given(&mapping.disk_type),
                size: mapping.size.clone(),
                snapshot_id: given(&mapping.snapshot_id),
                ..ImageDiskDeviceMapping::default()
            })
        });
        Input::Known(inputs.collect())
    });
    ImageArgs {
        architecture: given(&now.architecture),
        boot_mode: given(&now.boot_mode),
        description: given(&now.description),
        disk_device_mappings: mappings,
        features: now.features.clone(),
        image_family: given(&now.image_family),
        image_name: given(&now.image_name),
        image_version: given(&now.image_version),
        license_type: given(&now.license_type),
        platform: given(&now.platform),
        resource_group_id: given(&now.resource_group_id),
        tags: now.tags.clone().filter(|tags| tags.known().is_some_and(|tags| !tags.is_empty())),
        ..ImageArgs::default()
    }
}

/// The state of an image: what the cloud reports, and of `args` what it never does.
pub(crate) fn state_of(seen: &Described, args: &ImageArgs, recovered: Option<String>) -> ImageState {
    let text = |value: &Option<String>| value.clone().map(Input::Known);
    let tags: BTreeMap<String, Input<String>> = seen
        .tags
        .iter()
        .filter(|tag| !SYSTEM_TAG_PREFIXES.iter().any(|prefix| tag.key.starts_with(prefix)))
        .map(|tag| (tag.key.clone(), Input::Known(tag.value.clone())))
        .collect();
    let mappings = seen.disk_device_mappings.iter().map(|mapping| {
        Input::Known(ImageDiskDeviceMapping {
            device: text(&mapping.device),
            disk_type: text(&mapping.disk_type),
            format: text(&mapping.format),
            import_oss_bucket: text(&mapping.import_oss_bucket),
            import_oss_object: text(&mapping.import_oss_object),
            progress: text(&mapping.progress),
            remain_time: mapping.remain_time.map(Input::Known),
            size: mapping.size.map(Input::Known),
            snapshot_id: text(&mapping.snapshot_id),
        })
    });
    ImageState {
        args: ImageArgs {
            architecture: text(&seen.architecture),
            boot_mode: text(&seen.boot_mode),
            delete_auto_snapshot: args.delete_auto_snapshot.clone(),
            description: text(&seen.description),
            detection_strategy: args.detection_strategy.clone(),
            disk_device_mappings: Some(Input::Known(mappings.collect())),
            features: seen.features.as_ref().map(|features| {
                Input::Known(ImageFeatures {
                    imds_support: text(&features.imds_support),
                    nvme_support: text(&features.nvme_support),
                })
            }),
            force: args.force.clone(),
            image_family: text(&seen.image_family),
            image_name: text(&seen.image_name),
            image_version: text(&seen.image_version),
            instance_id: args.instance_id.clone(),
            license_type: text(&seen.license_type),
            name: None,
            platform: text(&seen.platform),
            resource_group_id: text(&seen.resource_group_id),
            snapshot_id: args.snapshot_id.clone(),
            tags: Some(Input::Known(tags)),
        },
        create_time: seen.creation_time.clone(),
        image_owner_alias: seen.image_owner_alias.clone(),
        is_copied: seen.is_copied,
        is_self_shared: seen.is_self_shared.clone(),
        is_subscribed: seen.is_subscribed,
        is_support_cloudinit: seen.is_support_cloudinit,
        is_support_io_optimized: seen.is_support_io_optimized,
        os_name: seen.os_name.clone(),
        os_name_en: seen.os_name_en.clone(),
        os_type: seen.os_type.clone(),
        product_code: seen.product_code.clone(),
        progress: seen.progress.clone(),
        size: seen.size,
        status: seen.status.clone(),
        usable: Some(is_usable(seen)),
        recovered,
    }
}

/// Brings an image from what the state holds to what the program wants.
pub(crate) async fn update(
    client: &Client,
    context: &Context,
    update: Update<ImageArgs, ImageState>,
) -> Result<ImageState, Failure> {
    let Update { id, old, args, changed, unapplied } = update;
    let mut state = old.state;
    if !is_settled(&state) {
        // An earlier operation ended before the image did.
        state = match wait_until_usable(client, context, &id, None, "update").await {
            Ok(seen) => state_of(&seen, &args, state.recovered),
            Err(Unusable::Failed { message, seen }) => {
                let state = state_of(&seen, &args, state.recovered);
                let text = format!("{message}. Replace it: pulumi up --replace '{}'", context.urn());
                return Err(partial(&id, state, changed.into_iter().collect(), Failure::Refused(text)));
            }
            Err(Unusable::Gone) => return Err(Failure::Refused(gone(&id))),
            Err(Unusable::Stopped { failure, seen }) => {
                if let Some(seen) = seen {
                    state = state_of(&seen, &args, state.recovered);
                }
                return Err(partial(&id, state, changed.into_iter().collect(), failure));
            }
        };
    }
    // What the cloud never reports is recorded, and that is all.
    state.args.delete_auto_snapshot = args.delete_auto_snapshot.clone();
    state.args.detection_strategy = args.detection_strategy.clone();
    state.args.force = args.force.clone();
    warn_of_what_stays(context, &id, &old.args, &args);
    let mut from = state.clone();
    if !unapplied.contains("tags") {
        // Tags that somebody else has added are not this program's to remove, until a refresh has shown them.
        from.args.tags = old.args.tags;
    }
    let applied = apply(client, context, &id, &args, &from, &changed, Kept::OldState).await?;
    Ok(applied.unwrap_or(state))
}

/// Whether the state is of an image that was usable. Older providers do not keep `usable`.
fn is_settled(state: &ImageState) -> bool {
    state.usable.unwrap_or(state.status.as_deref() == Some("Available"))
}

fn warn_of_what_stays(context: &Context, id: &str, olds: &ImageArgs, news: &ImageArgs) {
    for (property, removed) in [
        ("bootMode", olds.boot_mode.is_some() && news.boot_mode.is_none()),
        ("licenseType", olds.license_type.is_some() && news.license_type.is_none()),
        ("resourceGroupId", olds.resource_group_id.is_some() && news.resource_group_id.is_none()),
    ] {
        if removed {
            context.info(&format!("image {id} keeps its {property}: the cloud cannot clear it"));
        }
    }
}

/// Sends what `changed` names, group by group, then reads the image back. `None` where there was nothing to send. A
/// failure after the first group keeps what the groups before it did.
async fn apply(
    client: &Client,
    context: &Context,
    id: &str,
    args: &ImageArgs,
    state: &ImageState,
    changed: &HashSet<String>,
    kept: Kept,
) -> Result<Option<ImageState>, Failure> {
    let mut pending: Vec<String> = changed.iter().cloned().collect();
    pending.sort_unstable();
    let mut sent = false;
    for group in [Group::Attributes, Group::Membership, Group::Tags] {
        let outcome = group.send(client, context, id, args, state, changed).await;
        match outcome {
            Ok(did) => sent |= did,
            // Before anything was sent the old state is the true one, where there is an old state.
            Err(failure) if !sent && kept == Kept::OldState => return Err(failure),
            Err(failure) => return Err(partial(id, state.clone(), pending, failure)),
        }
        pending.retain(|property| !group.has(property));
    }
    if !sent {
        return Ok(None);
    }
    read_back(client, context, id, args, state, changed).await.map(Some)
}

/// What the engine keeps of a resource whose operation fails plainly.
#[derive(Clone, Copy, PartialEq)]
enum Kept {
    /// Nothing: a plain failure of a create would lose the image.
    Nothing,
    /// The state before the update.
    OldState,
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

    /// Whether anything was sent.
    async fn send(
        self,
        client: &Client,
        context: &Context,
        id: &str,
        args: &ImageArgs,
        state: &ImageState,
        changed: &HashSet<String>,
    ) -> Result<bool, Failure> {
        if !changed.iter().any(|property| self.has(property)) {
            return Ok(false);
        }
        let deadline = context.deadline();
        match self {
            Group::Attributes => {
                let request = modify_request(id, args, state, changed);
                let unchanged = ModifyImageAttributeRequest { image_id: id.to_owned(), ..Default::default() };
                if request == unchanged {
                    return Ok(false);
                }
                let call = client.api.modify_image_attribute(&request, deadline);
                unless_cancelled(context, call).await?.map_err(|error| missing(id, error))?;
                Ok(true)
            }
            Group::Membership => {
                let Some(group) = known(&args.resource_group_id) else { return Ok(false) };
                let request = JoinResourceGroupRequest {
                    resource_group_id: group.clone(),
                    resource_id: id.to_owned(),
                    resource_type: RESOURCE_TYPE.to_owned(),
                };
                let call = client.api.join_resource_group(&request, deadline);
                match unless_cancelled(context, call).await? {
                    Ok(_) => Ok(true),
                    Err(error) if error.code() == Some("InvalidResourceGroup.Duplicate") => Ok(true),
                    Err(error) => Err(missing(id, error)),
                }
            }
            Group::Tags => send_tags(client, context, id, args, state).await,
        }
    }
}

async fn send_tags(
    client: &Client,
    context: &Context,
    id: &str,
    args: &ImageArgs,
    state: &ImageState,
) -> Result<bool, Failure> {
    let texts = |args: &ImageArgs| -> BTreeMap<String, String> {
        known(&args.tags)
            .into_iter()
            .flatten()
            .filter_map(|(key, value)| value.known().map(|value| (key.clone(), value.clone())))
            .collect()
    };
    let (old, new) = (texts(&state.args), texts(args));
    let removed: Vec<String> = old.keys().filter(|key| !new.contains_key(*key)).cloned().collect();
    let added: Vec<Tag> = new
        .iter()
        .filter(|(key, value)| old.get(*key) != Some(value))
        .map(|(key, value)| Tag::new(key, value))
        .collect();
    let mut sent = false;
    if !removed.is_empty() {
        let request = UntagResourcesRequest {
            resource_type: RESOURCE_TYPE.to_owned(),
            resource_ids: vec![id.to_owned()],
            tag_keys: removed,
            ..Default::default()
        };
        let call = client.api.untag_resources(&request, context.deadline());
        unless_cancelled(context, call).await?.map_err(|error| missing(id, error))?;
        sent = true;
    }
    if !added.is_empty() {
        let request = TagResourcesRequest {
            resource_type: RESOURCE_TYPE.to_owned(),
            resource_ids: vec![id.to_owned()],
            tags: added,
        };
        let call = client.api.tag_resources(&request, context.deadline());
        unless_cancelled(context, call).await?.map_err(|error| missing(id, error))?;
        sent = true;
    }
    Ok(sent)
}

/// Only what changed. An empty text clears a description or a family.
fn modify_request(
    id: &str,
    args: &ImageArgs,
    state: &ImageState,
    changed: &HashSet<String>,
) -> ModifyImageAttributeRequest {
    let has = |property: &str| changed.contains(property);
    let given =
        |property: &str, value: &Option<Input<String>>| known(value).filter(|_| has(property)).cloned();
    let cleared = |property: &str, value: &Option<Input<String>>, old: &Option<Input<String>>| {
        if !has(property) {
            return None;
        }
        match known(value) {
            Some(value) => Some(value.clone()),
            None => known(old).filter(|old| !old.is_empty()).map(|_| String::new()),
        }
    };
    let features = known(&args.features).filter(|_| has("features"));
    let old_features = known(&state.args.features);
    let differing = |new: &Option<Input<String>>, old: Option<&String>| {
        known(new).filter(|new| Some(*new) != old).cloned()
    };
    ModifyImageAttributeRequest {
        image_id: id.to_owned(),
        image_name: given("imageName", &args.image_name),
        image_family: cleared("imageFamily", &args.image_family, &state.args.image_family),
        description: cleared("description", &args.description, &state.args.description),
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

fn gone(id: &str) -> String {
    format!("image {id} no longer exists: `pulumi refresh`, then `pulumi up` makes it anew")
}

/// An image that an update does not find has been deleted by somebody else.
fn missing(id: &str, error: aliyun::Error) -> Failure {
    if error.is_not_found() {
        return Failure::Refused(format!("{}\n{}", failure::text(&error), gone(id)));
    }
    failure::cloud(error)
}

/// Reads until the changes are reported. A value that the cloud took and does not report is no failure.
async fn read_back(
    client: &Client,
    context: &Context,
    id: &str,
    args: &ImageArgs,
    state: &ImageState,
    changed: &HashSet<String>,
) -> Result<ImageState, Failure> {
    let until = (Instant::now() + READ_BACK).min(context.deadline());
    for looks in 1.. {
        let now = match describe(client, context, id).await {
            Ok(Some(seen)) => state_of(&seen, args, state.recovered.clone()),
            Ok(None) => {
                let text = format!(
                    "image {id} was changed and is gone now: `pulumi refresh`, then `pulumi up` makes it anew"
                );
                return Err(partial(id, state.clone(), Vec::new(), Failure::Refused(text)));
            }
            Err(failure) => return Err(partial(id, state.clone(), Vec::new(), failure)),
        };
        let late: Vec<&String> =
            changed.iter().filter(|property| !is_in_effect(property, args, &now)).collect();
        if late.is_empty() {
            return Ok(now);
        }
        if Instant::now() >= until {
            for property in late {
                context.warn(&format!(
                    "the cloud accepted the change of {property} of image {id}, but does not report it"
                ));
            }
            return Ok(now);
        }
        if let Err(failure) = pause(context, client.pace.delay(looks)).await {
            return Err(partial(id, now, Vec::new(), failure));
        }
    }
    Err(Failure::Bug("endless reading ended".to_owned()))
}

/// Whether the cloud reports of a property what the program says. What it does not report at all counts as in effect.
fn is_in_effect(property: &str, args: &ImageArgs, state: &ImageState) -> bool {
    let now = &state.args;
    let same = |wanted: &Option<Input<String>>, now: &Option<Input<String>>| match (known(wanted), known(now))
    {
        (Some(wanted), Some(now)) => wanted == now,
        (Some(wanted), None) => wanted.is_empty(),
        (None, _) => true,
    };
    let cleared = |wanted: &Option<Input<String>>, now: &Option<Input<String>>| {
        same(wanted, now) && (wanted.is_some() || known(now).is_none_or(String::is_empty))
    };
    match property {
        "imageName" => same(&args.image_name, &now.image_name),
        "imageFamily" => cleared(&args.image_family, &now.image_family),
        "description" => cleared(&args.description, &now.description),
        "bootMode" => now.boot_mode.is_none() || same(&args.boot_mode, &now.boot_mode),
        "licenseType" => now.license_type.is_none() || same(&args.license_type, &now.license_type),
        "resourceGroupId" => same(&args.resource_group_id, &now.resource_group_id),
        "tags" => known(&args.tags).is_none_or(|tags| Some(tags) == known(&now.tags)),
        "features" => match (known(&args.features), known(&now.features)) {
            (Some(wanted), Some(now)) => {
                (now.imds_support.is_none() || same(&wanted.imds_support, &now.imds_support))
                    && (now.nvme_support.is_none() || same(&wanted.nvme_support, &now.nvme_support))
            }
            _ => true,
        },
        _ => true,
    }
}

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
    let request = DeleteImageRequest { image_id: id.to_owned(), force: force.then_some(true) };
    let call = client.api.delete_image(&request, context.deadline());
    match unless_cancelled(context, call).await? {
        Ok(_) => wait_until_gone(client, context, id).await?,
        Err(error) if error.is_not_found() => {}
        Err(error) => return Err(refused_deletion(id, error)),
    }
    if option(&old.state.args.delete_auto_snapshot, &old.args.delete_auto_snapshot) {
        delete_snapshots(client, context, id, &old.state).await?;
    }
    Ok(())
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

async fn wait_until_gone(client: &Client, context: &Context, id: &str) -> Result<(), Failure> {
    for looks in 1.. {
        let look = describe(client, context, id).await;
        let late = Instant::now() >= context.deadline();
        match look {
            Ok(None) => return Ok(()),
            Ok(Some(_)) if !late => {}
            Err(failure) if !late => return Err(failure),
            // A look that has no time left fails, and says less than the limit does.
            Ok(Some(_)) | Err(_) => break,
        }
        if looks == 1 {
            context.status(&format!("image {id}: being deleted"));
        }
        pause(context, client.pace.delay(looks)).await?;
    }
    let limit = context.time_limit().as_secs();
    Err(Failure::Refused(format!(
        "image {id} is still there {limit} s after the cloud accepted its deletion. Run the command again to wait on; \
         customTimeouts.delete allows more time"
    )))
}

/// The snapshots cannot go before their image. One that is gone already is as wanted.
async fn delete_snapshots(
    client: &Client,
    context: &Context,
    id: &str,
    state: &ImageState,
) -> Result<(), Failure> {
    let snapshots: Vec<String> = known(&state.args.disk_device_mappings)
        .into_iter()
        .flatten()
        .filter_map(Input::known)
        .filter_map(|mapping| known(&mapping.snapshot_id))
        .filter(|snapshot| !snapshot.is_empty())
        .cloned()
        .collect();
    let mut failed = Vec::new();
    for snapshot in snapshots {
        context.status(&format!("image {id}: deleting snapshot {snapshot}"));
        let request = DeleteSnapshotRequest { snapshot_id: snapshot.clone(), force: Some(true) };
        let call = client.api.delete_snapshot(&request, context.deadline());
        match unless_cancelled(context, call).await? {
            Ok(_) => {}
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
