//! The images that the account had when this process made its first one.
//!
//! What an earlier process left behind, and who has a name already, is asked for once, and not for each image: a hundred
//! creates would be a hundred calls. The list may be out of date, so nothing that it says of an image counts before a look
//! at that image has confirmed it. A name that is taken meanwhile is refused by the cloud when it is given.

use std::sync::Arc;

use aliyun::ecs::{DescribeImagesRequest, Image, Status};
use pulumi::{Context, Failure};
use tokio::sync::OnceCell;

use crate::ecs::images::{gather, pages};
use crate::failure;

/// An image of the account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Owned {
    pub(crate) id: String,
    pub(crate) name: String,
}

/// The account's images in one region. Clones share the list.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    api: aliyun::Client,
    listed: Arc<OnceCell<Vec<Owned>>>,
}

impl Account {
    /// Asks through `api`.
    pub(crate) fn new(api: aliyun::Client) -> Account {
        Account { api, listed: Arc::default() }
    }

    /// The images that there were when this was first asked.
    ///
    /// # Errors
    /// What the cloud answers instead. Nothing is made by somebody who cannot look.
    pub(crate) async fn images(&self, context: &Context) -> Result<&[Owned], Failure> {
        // Boxed, as each create has this future in its own and one of them uses it. That one may have more time than the others.
        let images = Box::pin(self.listed.get_or_try_init(|| self.read(context, None)));
        match context.unless_cancelled(gather::in_time(images, context.deadline())).await? {
            Some(images) => Ok(images?),
            None => Err(Failure::Refused(format!(
                "DescribeImages did not list the account's images within the {} s of this operation",
                context.time_limit().as_secs()
            ))),
        }
    }

    /// The image that has a name now.
    ///
    /// # Errors
    /// What the cloud answers instead.
    pub(crate) async fn owner_of(&self, context: &Context, name: &str) -> Result<Option<Owned>, Failure> {
        let found = self.read(context, Some(name)).await?;
        Ok(found.into_iter().find(|image| image.name == name))
    }

    /// The images whose name contains `part`, but for those of other accounts that are shared with this one.
    async fn read(&self, context: &Context, part: Option<&str>) -> Result<Vec<Owned>, Failure> {
        let query = DescribeImagesRequest {
            image_name: part.map(ToOwned::to_owned),
            image_owner_alias: Some("self".to_owned()),
            status: Status::Every,
            ..DescribeImagesRequest::default()
        };
        let found = pages::all(&self.api, context, &query, failure::cloud).await?;
        let own = found.into_iter().filter(is_own);
        Ok(own.filter_map(|image| Some(Owned { id: image.image_id?, name: image.image_name? })).collect())
    }
}

/// Whether the account itself has made an image that it sees.
pub(crate) fn is_own(image: &Image) -> bool {
    image.image_owner_alias.as_deref().is_none_or(|owner| owner == "self")
}

#[cfg(test)]
mod tests {
    use aliyun::testing::hang;
    use tokio::time::Instant;

    use crate::ecs::images::test_cloud::{Cloud, within};

    #[tokio::test(start_paused = true)]
    async fn a_list_that_another_create_has_more_time_for_is_not_waited_for_longer() {
        let cloud = Cloud::otherwise(|_, _| Some(hang()));
        let (began, long, short) = (Instant::now(), within(3_600), within(30));
        let account = &cloud.client.account;
        let waits = async {
            let failed = account.images(&short).await.unwrap_err().to_string();
            (failed, began.elapsed().as_secs())
        };
        let (failed, waited) = tokio::select! {
            biased;
            _ = account.images(&long) => panic!("there is no answer"),
            ended = waits => ended,
        };
        assert_eq!(
            failed,
            "DescribeImages did not list the account's images within the 30 s of this operation"
        );
        assert_eq!(waited, 30);
    }
}
