//! The life of an image around its single steps: from an image that exists to one that is as wanted, what is kept if that
//! fails, and reading.

use std::collections::{BTreeSet, HashSet};

use pulumi::{Context, Failure, Old, Read, known};

use crate::client::Client;
use crate::ecs::image::{ImageArgs, ImageState};
use crate::ecs::image_create::Made;
use crate::ecs::image_delete::{Spare, delete};
use crate::ecs::image_look::describe;
use crate::ecs::image_state::{
    AUTO, Effect, Kept, effect, imported_args, refreshed_args, state_of, unseen_state,
};
use crate::ecs::image_unfinished::is_unfinished;
use crate::ecs::image_update::{Change, Otherwise, finish, is_stranger, replace_it, still_unfinished};
use crate::ecs::image_wait::{Unusable, Wait, is_usable, progress, wait_until_usable, wait_until_visible};

/// From an image that exists to one that is as wanted: usable, with what CreateImage cannot set, and last with its own name.
pub(crate) async fn settle(
    client: &Client,
    context: &Context,
    made: Made,
    args: &ImageArgs,
    mark: String,
) -> Result<ImageState, Failure> {
    let Made { id, unfinished, seen } = made;
    let region = client.api.region();
    let kept = Kept { mark: Some(mark), unfinished, ..Kept::default() };
    let pending = || late_attributes(args, kept.unfinished.is_some());
    let seen = match wait_until_usable(client, context, &id, seen, "create").await {
        Ok(seen) => seen,
        Err(Unusable::Failed { message, seen }) => {
            let state = state_of(&seen, args, region, kept);
            let old = Old { args: args.clone(), state };
            return Err(Box::pin(give_up(client, context, &id, old, message)).await);
        }
        Err(Unusable::Stopped { failure, seen }) => {
            let unapplied = pending();
            let state = match seen {
                Some(seen) => state_of(&seen, args, region, kept),
                None => unseen_state(args, region, kept),
            };
            return Err(in_state(&id, &state, unapplied, failure));
        }
    };
    let mut state = state_of(&seen, args, region, kept);
    let given = BTreeSet::new();
    let mut changed: HashSet<String> = late_attributes(args, false).into_iter().collect();
    // What is not reported may not be set either, so it is sent all the same.
    changed.retain(|property| effect(property, args, &state, &given) != Effect::Shown);
    let change = Change {
        client,
        context,
        id: &id,
        args,
        state: &state,
        given: &given,
        changed: &changed,
        doubtful: false,
    };
    if let Some(changed) = Box::pin(change.apply(Otherwise::Lost)).await? {
        state = changed;
    }
    finish(client, context, &id, args, state).await
}

/// What of the inputs is set after CreateImage: what only ModifyImageAttribute can set, and the name of one that is made
/// under another.
pub(crate) fn late_attributes(args: &ImageArgs, unfinished: bool) -> Vec<String> {
    let nvme = known(&args.features).is_some_and(|features| features.nvme_support.is_some());
    let license = known(&args.license_type).is_some_and(|license| license != AUTO);
    [("licenseType", license), ("features", nvme), ("imageName", unfinished)]
        .into_iter()
        .filter(|(_, late)| *late)
        .map(|(property, _)| property.to_owned())
        .collect()
}

/// An image in CreateFailed is of no use and no update mends it, so it is deleted; only once it is gone, the failure is a
/// plain one.
async fn give_up(
    client: &Client,
    context: &Context,
    id: &str,
    old: Old<ImageArgs, ImageState>,
    message: String,
) -> Failure {
    match delete(client, context, id, &old, Spare::Sources).await {
        Ok(()) => Failure::Refused(format!("{message}. It has been deleted; nothing is left behind")),
        Err(failure) => {
            let text = format!("{message}. Deleting it failed as well: {failure}");
            in_state(id, &old.state, Vec::new(), Failure::Refused(text))
        }
    }
}

/// The resource exists with this state, and something about it is not as wanted.
pub(crate) fn in_state(id: &str, state: &ImageState, unapplied: Vec<String>, failure: Failure) -> Failure {
    let reason = match failure {
        Failure::Cloud(error) => pulumi::chain(&*error),
        Failure::Cancelled(_) => {
            format!("interrupted. Image {id} is in the state, and the next `pulumi up` goes on from there")
        }
        other @ (Failure::Partial { .. } | Failure::Refused(_) | Failure::Bug(_)) => other.to_string(),
    };
    let reason = if reason.contains(id) { reason } else { format!("image {id}: {reason}") };
    Failure::partial(id, state, unapplied, reason)
}

/// Reads an image for a refresh, an import or a lookup. One that is not usable, or never will be, is told as unwell, with its
/// state: so a refresh after a create that was late does not report success.
pub(crate) async fn read(
    client: &Client,
    context: &Context,
    id: &str,
    old: Option<Old<ImageArgs, ImageState>>,
) -> Result<Option<Read<ImageArgs, ImageState>>, Failure> {
    let region = client.api.region();
    let seen = match &old {
        // Nobody has seen it yet, so that it is not shown may only mean that it is new.
        Some(old) if old.state.kept.unfinished.is_some() && old.state.status.is_none() => {
            wait_until_visible(client, context, id).await?
        }
        Some(_) => match describe(client, context, id).await? {
            // One answer may lag behind; two in a row do so less.
            None => {
                Wait::begin(client, context).pause(None).await?;
                describe(client, context, id).await?
            }
            seen => seen,
        },
        None => describe(client, context, id).await?,
    };
    let Some(seen) = seen else {
        return match &old {
            Some(old) => client.prove_absence(id, old.state.region_id.as_deref()).map(|()| None),
            None => Ok(None),
        };
    };
    let (args, state) = match old {
        None => {
            if seen.image_name.as_deref().is_some_and(is_unfinished) {
                context.warn(&format!(
                    "image {id} was left unfinished by a `pulumi up` that was interrupted, and the next one of its own resource \
                     takes it up. Give it another imageName to keep it here"
                ));
            }
            let kept = Kept { imported: Some(true), ..Kept::default() };
            let state = state_of(&seen, &ImageArgs::default(), region, kept);
            (imported_args(&state), state)
        }
        Some(old) if is_stranger(&old.state, &old.args, seen.image_name.as_deref()) => {
            context.warn(&format!(
                "image {id} is called {}, so it is not the one that the create of this resource left unfinished. The entry is \
                 taken out of the state, and the image is not touched",
                seen.image_name.unwrap_or_default()
            ));
            return Ok(None);
        }
        Some(old) => {
            let kept = still_unfinished(old.state.kept, seen.image_name.as_deref());
            let state = state_of(&seen, &old.args, region, kept);
            (refreshed_args(old.args, &state), state)
        }
    };
    let status = progress(&seen);
    let unwell = match seen.status.as_deref() {
        _ if is_usable(&seen) => return Ok(Some(Read { args, state })),
        Some("CreateFailed") => format!(
            "image {id} is broken: the cloud could not make it, its status is {status}. {}",
            replace_it(context.urn(), &state)
        ),
        _ => format!("image {id} is not usable yet: it is {status}. Run `pulumi up` to wait for it"),
    };
    Err(Failure::partial(id, &state, Vec::new(), unwell).with_inputs(&args))
}
