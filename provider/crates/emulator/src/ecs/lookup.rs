//! What a call names in a region: found, or refused with the cloud's code.

use crate::answer::{Failure, failure};
use crate::clock::Millis;
use crate::state::image::{Image, Owner};
use crate::state::region::{Labels, Region};

/// An image of this account, visible or not.
pub(super) fn own_image<'r>(region: &'r Region, id: &str) -> Result<&'r Image, Failure> {
    let image = region.image(id).ok_or_else(|| image_not_found(id))?;
    match image.owner {
        Owner::Own => Ok(image),
        Owner::System | Owner::Others | Owner::Marketplace => {
            let message =
                format!("The image \"{id}\" belongs to another account, so this operation is not permitted.");
            Err(failure(403, "Forbidden", message))
        }
    }
}

pub(super) fn image_not_found(id: &str) -> Failure {
    failure(404, "InvalidImageId.NotFound", format!("The specified ImageId \"{id}\" does not exist."))
}

pub(super) fn snapshot_not_found(id: &str) -> Failure {
    failure(404, "InvalidSnapshotId.NotFound", format!("The specified SnapshotId \"{id}\" does not exist."))
}

/// The tags and the group of a resource of any type.
pub(super) fn labels<'r>(region: &'r mut Region, kind: &str, id: &str) -> Result<Labels<'r>, Failure> {
    region.labels_mut(kind, id).ok_or_else(|| {
        let message = format!("The specified ResourceId \"{id}\" does not exist as a {kind}.");
        failure(404, "InvalidResourceId.NotFound", message)
    })
}

pub(super) fn check_resource_group(region: &Region, id: &str) -> Result<(), Failure> {
    if region.resource_groups.contains(id) {
        return Ok(());
    }
    let message = format!("The specified ResourceGroupId \"{id}\" does not exist.");
    Err(failure(404, "InvalidResourceGroup.NotFound", message))
}

/// Image names are unique in a region. Images that are not visible yet count, and so do those that are just gone.
/// `but_for` is the image that may have the name already.
pub(super) fn check_name_is_free(
    region: &Region,
    name: &str,
    but_for: Option<&str>,
    now: Millis,
) -> Result<(), Failure> {
    let bearers: Vec<&str> =
        region.own_images().filter(|image| image.name == name).map(|image| image.id.as_str()).collect();
    let is_kept = but_for.is_some_and(|id| bearers.contains(&id));
    let is_held = region.held_names.get(name).is_some_and(|until| now < *until);
    let is_taken = if is_kept { bearers.len() > 1 } else { !bearers.is_empty() || is_held };
    if is_taken && !name.is_empty() {
        let message = format!("The specified Image name \"{name}\" has already been used.");
        return Err(failure(400, "InvalidImageName.Duplicated", message));
    }
    Ok(())
}
