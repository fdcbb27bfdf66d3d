//! `alicloud:ecs/image:Image`, made by CreateImage. What it takes is in `image/args.rs`; what it shares with other resources
//! that are images is in `images/`.

pub(crate) mod args;
mod diff;
pub(crate) mod making;
mod rules;

use pulumi::diff::Change;
use pulumi::{
    CheckContext, Context, Failure, Findings, Lazy, ListPage, ListQuery, Old, Read, Resource, Update,
};

use crate::client::Client;
use crate::ecs::image::args::ImageArgs;
use crate::ecs::image::making::CreateImage;
use crate::ecs::images::diff::deletes_before_replacing;
use crate::ecs::images::entry::{Entry, Identity};
use crate::ecs::images::list::{self, ImageListArgs};
use crate::ecs::images::memory::Memory;
use crate::ecs::images::rules::check_update;
use crate::ecs::images::verbs::Verbs;

/// What the state holds of an image.
pub(crate) type ImageState = Entry<ImageArgs>;

/// The resource.
#[derive(Debug)]
pub(crate) struct Image {
    memory: Memory,
}

impl Image {
    /// With the memory that it shares with other resources that are images.
    pub(crate) fn new(memory: Memory) -> Image {
        Image { memory }
    }

    fn verbs<'a>(&'a self, client: &'a Client, context: &'a Context) -> Verbs<'a> {
        Verbs { client, context, memory: &self.memory }
    }
}

impl Resource<Client> for Image {
    type Args = ImageArgs;
    type State = ImageState;
    type Identity = Identity;
    type ListArgs = ImageListArgs;

    const TOKEN: &'static str = "alicloud:ecs/image:Image";
    const DESCRIPTION: &'static str = include_str!("image.md");

    fn check(
        &self,
        args: &ImageArgs,
        olds: Option<&ImageArgs>,
        context: &CheckContext<'_>,
        findings: &mut Findings,
    ) -> ImageArgs {
        rules::check(args, olds, context, findings)
    }

    fn check_update(&self, olds: &ImageArgs, news: &ImageArgs, findings: &mut Findings) {
        check_update(olds, news, findings);
    }

    fn reconsider(
        &self,
        state: &Lazy<'_, ImageState>,
        olds: &Lazy<'_, ImageArgs>,
        news: &Lazy<'_, ImageArgs>,
        changes: &mut Vec<Change>,
    ) -> Result<Vec<String>, Failure> {
        diff::reconsider(state, olds, news, changes)
    }

    fn delete_before_replace(&self, olds: &ImageArgs, news: &ImageArgs) -> bool {
        deletes_before_replacing(olds, news)
    }

    fn observe(&self, urn: &str, id: &str, identity: &Identity, managed: bool) {
        self.memory.observe(urn, id, identity.mark.clone(), managed);
    }

    /// An image is in one region, and not to be found in another.
    fn admit(&self, client: &Client, id: &str, identity: &Identity) -> Result<(), Failure> {
        client.check_region(id, identity.region_id.as_deref())
    }

    async fn create(
        &self,
        client: &Client,
        context: &Context,
        args: ImageArgs,
    ) -> Result<(String, ImageState), Failure> {
        let making = CreateImage::of(&args)?;
        self.verbs(client, context).create(&args, &making).await
    }

    async fn read(
        &self,
        client: &Client,
        context: &Context,
        id: &str,
        old: Option<Old<ImageArgs, ImageState>>,
    ) -> Result<Option<Read<ImageArgs, ImageState>>, Failure> {
        self.verbs(client, context).read(id, old).await
    }

    async fn update(
        &self,
        client: &Client,
        context: &Context,
        update: Update<ImageArgs, ImageState>,
    ) -> Result<ImageState, Failure> {
        self.verbs(client, context).update(update).await
    }

    async fn delete(
        &self,
        client: &Client,
        context: &Context,
        id: &str,
        old: Old<ImageArgs, ImageState>,
    ) -> Result<(), Failure> {
        self.verbs(client, context).delete(id, &old).await
    }

    async fn list(
        &self,
        client: &Client,
        context: &Context,
        query: ListQuery<ImageListArgs>,
    ) -> Result<ListPage, Failure> {
        list::page(client, context, query, |_| true).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ecs::images::attributes::ATTRIBUTES;
    use crate::ecs::images::laws;

    #[test]
    fn every_property_that_can_be_updated_is_an_attribute_or_is_recorded() {
        laws::check_updates::<ImageArgs>();
    }

    #[test]
    fn every_attribute_is_an_input_and_is_sent_by_the_call_that_makes_the_image_or_after_it() {
        let given = ImageArgs { snapshot_id: Some("s-1".to_owned().into()), ..ImageArgs::default() };
        let sent = laws::check_attributes(&given, |args| CreateImage::of(args).unwrap());
        assert_eq!(sent.len(), ATTRIBUTES.len(), "{sent:?}");
    }
}
