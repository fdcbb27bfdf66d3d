//! Names that somebody has: who, for how long, and what to do.

use std::time::Duration;

use pulumi::{Context, Failure, urn_type};

use crate::client::Client;
use crate::ecs::images::account::Owned;
use crate::ecs::images::wait::Wait;
use crate::failure;

/// The code of a name that another image of the account has in the region.
pub(crate) const NAME_TAKEN: &str = "InvalidImageName.Duplicated";
/// How long the name of an image that is gone may stay taken.
const NAME_FREED: Duration = Duration::from_secs(30);

/// Who has a name that the cloud calls taken.
pub(crate) enum Holder {
    Image(Owned),
    /// An image that has just been deleted: the name is not free at once.
    Leaving,
    /// No image that the account shows.
    Nobody,
}

/// Who has a name that the cloud calls taken, after such a wait for it.
pub(crate) async fn holder_of(
    client: &Client,
    context: &Context,
    name: &str,
    wait: &Wait<'_>,
) -> Result<Holder, Failure> {
    Ok(match client.account.owner_of(context, name).await? {
        Some(owner) => Holder::Image(owner),
        None if wait.elapsed() < NAME_FREED => Holder::Leaving,
        None => Holder::Nobody,
    })
}

/// The cloud's refusal of a name, and what to do about it.
pub(crate) fn refused_name(
    context: &Context,
    name: &str,
    owner: Option<&Owned>,
    error: &aliyun::Error,
) -> Failure {
    let text = name_taken(context, name, owner.map(|owner| owner.id.as_str()));
    Failure::Refused(format!("{}\n{text}", failure::text(error)))
}

/// What to do about a name that somebody has.
pub(crate) fn name_taken(context: &Context, name: &str, owner: Option<&str>) -> String {
    match owner {
        Some(id) => format!(
            "imageName: image {id} has the name {name:?} already, and names are unique in an account and region. If the stack \
             holds that image (--replace), set the resource option deleteBeforeReplace, or give another imageName. If it does \
             not, give another imageName or leave it out, delete that image, or take it into the stack: {}",
            import_command(context, id)
        ),
        None => format!("imageName: the name {name:?} is taken; give another one, or leave it out"),
    }
}

/// The command that takes an image into the stack. An entry that a broken-off replacement has left must go first.
pub(crate) fn import_command(context: &Context, id: &str) -> String {
    format!(
        "pulumi import {} {} {id} (if that says that the resource exists already: pulumi state delete '{}' first)",
        urn_type(context.urn()),
        context.name(),
        context.urn()
    )
}
