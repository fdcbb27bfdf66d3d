//! Which changes of an image count for nothing, and the one that is refused: `imdsSupport` does not go back. Nothing here
//! does I/O.

use pulumi::diff::Change;
use pulumi::{Failure, Lazy, known};

use crate::ecs::image::args::ImageArgs;
use crate::ecs::images::attributes::{OLDER_IMDS, refuse_older_imds};
use crate::ecs::images::diff;
use crate::ecs::images::entry::Entry;
use crate::ecs::images::inputs::Inputs as _;

/// Takes out what is no difference, and returns what the user is told of that.
///
/// # Errors
/// If the cloud is known to refuse the change.
pub(crate) fn reconsider(
    state: &Lazy<'_, Entry<ImageArgs>>,
    olds: &Lazy<'_, ImageArgs>,
    news: &Lazy<'_, ImageArgs>,
    changes: &mut Vec<Change>,
) -> Result<Vec<String>, Failure> {
    let lines = diff::reconsider(state, olds, news, changes)?;
    if !changes.iter().any(|change| change.replace) {
        let news = news.get()?;
        let imds = known(&news.features).and_then(|features| known(&features.imds_support));
        // No other value can be a step back, so that the state need not be read.
        if imds.is_some_and(|imds| imds == OLDER_IMDS) {
            refuse_older_imds(&state.get()?.args.attributes(), &news.attributes())?;
        }
    }
    Ok(lines)
}
