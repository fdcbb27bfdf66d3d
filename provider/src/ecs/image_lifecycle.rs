//! The life of an image-like resource around its single steps: from an image that exists to one that is as wanted, what is
//! kept where that fails, and reading.

use std::collections::HashSet;

use pulumi::{Context, Failure, Old, Read, known};

use crate::client::Client;
use crate::ecs::image::{ImageArgs, ImageState};
use crate::ecs::image_create::Made;
use crate::ecs::image_delete::delete;
use crate::ecs::image_look::describe;
use crate::ecs::image_state::{imported_args, is_in_effect, refreshed_args, state_of};
use crate::ecs::image_update::{Change, Kept};
use crate::ecs::image_wait::{Unusable, wait_until_usable};

/// From an image that exists to one that is as wanted: usable, and with what CreateImage cannot set.
pub(crate) async fn settle(
    client: &Client,
    context: &Context,
    made: Made,
    args: &ImageArgs,
) -> Result<ImageState, Failure> {
    let id = &made.id;
    let late = late_attributes(args);
    let seen = match wait_until_usable(client, context, id, made.seen, "create").await {
        Ok(seen) => seen,
        Err(Unusable::Failed { message, seen }) => {
            let state = state_of(&seen, args, made.recovered);
            let old = Old { args: args.clone(), state };
            return Err(Box::pin(give_up(client, context, id, old, message)).await);
        }
        Err(Unusable::Gone) => {
            let text = format!(
                "image {id} was deleted by somebody else while it was being made; nothing is left behind"
            );
            return Err(Failure::Refused(text));
        }
        Err(Unusable::Stopped { failure, seen }) => {
            let name_pending = made.recovered.is_some().then(|| "imageName".to_owned());
            let state = match seen {
                Some(seen) => state_of(&seen, args, made.recovered),
                None => ImageState { args: args.clone(), recovered: made.recovered, ..ImageState::default() },
            };
            return Err(partial(id, state, late.into_iter().chain(name_pending).collect(), failure));
        }
    };
    let state = state_of(&seen, args, made.recovered.clone());
    let mut wanted: HashSet<String> = late.into_iter().collect();
    if made.recovered.is_some() {
        wanted.insert("imageName".to_owned());
    }
    wanted.retain(|property| !is_in_effect(property, args, &state));
    let tags = &state.args.tags;
    let change = Change { client, context, id, args, state: &state, tags, changed: &wanted, doubtful: false };
    let applied = Box::pin(change.apply(Kept::Nothing)).await?;
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

/// An image in CreateFailed is of no use and no update mends it, so it is deleted; only once it is gone, the failure is a
/// plain one.
async fn give_up(
    client: &Client,
    context: &Context,
    id: &str,
    old: Old<ImageArgs, ImageState>,
    message: String,
) -> Failure {
    match delete(client, context, id, &old).await {
        Ok(()) => Failure::Refused(format!("{message}. It has been deleted; nothing is left behind")),
        Err(failure) => {
            let text = format!("{message}. Deleting it failed as well: {failure}");
            partial(id, old.state, Vec::new(), Failure::Refused(text))
        }
    }
}

/// The resource exists, and something about it is not as wanted.
pub(crate) fn partial(id: &str, state: ImageState, unapplied: Vec<String>, failure: Failure) -> Failure {
    let reason = match failure {
        Failure::Cloud(error) => pulumi::chain(&*error),
        Failure::Cancelled(_) => {
            format!("interrupted. Image {id} is in the state, and the next `pulumi up` goes on from there")
        }
        other @ (Failure::Partial { .. } | Failure::Refused(_) | Failure::Bug(_)) => other.to_string(),
    };
    let state = pulumi::encode(&state).unwrap_or_default();
    Failure::Partial { id: id.to_owned(), state, unapplied, reasons: vec![reason] }
}

/// As [`partial`], where nothing is known of the image but what was asked for.
pub(crate) fn partial_without_state(id: &str, args: &ImageArgs, failure: Failure) -> Failure {
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
