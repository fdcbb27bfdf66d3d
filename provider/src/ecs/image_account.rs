//! The images that the account had when this process made its first one.
//!
//! What an earlier process left behind, and who has a name already, is asked for once, and not for each image: a hundred
//! creates would be a hundred calls. The list may be out of date, so nothing that it says of an image counts before a look
//! at that image has confirmed it. A name that is taken meanwhile is refused by the cloud when it is given.

use std::sync::Arc;

use aliyun::ecs::{DescribeImagesRequest, Status};
use pulumi::{Context, Failure};
use tokio::sync::OnceCell;

use crate::client::Client;
use crate::ecs::image_wait::unless_cancelled;
use crate::failure;

/// The most that one page holds.
const PAGE: u32 = 100;
/// A cloud that never comes to a last page is not followed for ever.
const MOST_PAGES: u32 = 1_000;

/// An image of the account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Owned {
    pub(crate) id: String,
    pub(crate) name: String,
}

/// The account's images, once they have been asked for. Clones are one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Account(Arc<OnceCell<Vec<Owned>>>);

impl Account {
    /// The images that there were.
    ///
    /// # Errors
    /// What the cloud answers instead. Nothing is made by somebody who cannot look.
    pub(crate) async fn images(&self, client: &Client, context: &Context) -> Result<&[Owned], Failure> {
        let images = self.0.get_or_try_init(|| read(client, context, None));
        Ok(unless_cancelled(context, images).await??)
    }
}

/// The image of the account that has a name now.
pub(crate) async fn owner_of(
    client: &Client,
    context: &Context,
    name: &str,
) -> Result<Option<Owned>, Failure> {
    let found = read(client, context, Some(name)).await?;
    Ok(found.into_iter().find(|image| image.name == name))
}

/// The account's images, those of other accounts that are shared with it left out; those whose name has a part in it.
async fn read(client: &Client, context: &Context, part: Option<&str>) -> Result<Vec<Owned>, Failure> {
    let (mut images, mut count) = (Vec::new(), 0);
    for page in 1..=MOST_PAGES {
        let query = DescribeImagesRequest {
            image_name: part.map(ToOwned::to_owned),
            image_owner_alias: Some("self".to_owned()),
            status: Status::Every,
            page_number: Some(page),
            page_size: Some(PAGE),
            ..DescribeImagesRequest::default()
        };
        let call = client.api.describe_images(&query, context.deadline());
        let answer = unless_cancelled(context, call).await?.map_err(failure::cloud)?;
        let found = answer.images;
        count += found.len();
        // A page may be shorter than was asked for.
        let is_last = match answer.total_count.and_then(|total| usize::try_from(total).ok()) {
            Some(total) => count >= total || found.is_empty(),
            None => found.len() < PAGE as usize,
        };
        images.extend(found.into_iter().filter_map(|image| {
            let owner = image.image_owner_alias.as_deref();
            let own = owner.is_none_or(|owner| owner == "self");
            Some(Owned { id: image.image_id?, name: image.image_name? }).filter(|_| own)
        }));
        if is_last {
            break;
        }
    }
    Ok(images)
}
