//! `alicloud:ecs/imageImport:ImageImport`, made by ImportImage. What it takes is in `image_import/args.rs`; what it shares with
//! other resources that are images is in `images/`.

pub(crate) mod args;
mod making;
mod refusal;
mod rules;
#[cfg(test)]
mod tests;

use pulumi::diff::Change;
use pulumi::{
    CheckContext, Context, Failure, Findings, Lazy, ListPage, ListQuery, Old, Read, Resource, Timeouts,
    Update,
};
use tokio::time::Duration;

use crate::client::Client;
use crate::ecs::image_import::args::{ImageImportArgs, is_from_oss};
use crate::ecs::image_import::making::ImportImage;
use crate::ecs::images::diff::deletes_before_replacing;
use crate::ecs::images::entry::{Entry, Identity};
use crate::ecs::images::list::{self, ImageListArgs};
use crate::ecs::images::memory::Memory;
use crate::ecs::images::rules::check_update;
use crate::ecs::images::verbs::Verbs;

/// What the state holds of an import.
pub(crate) type ImageImportState = Entry<ImageImportArgs>;

/// The resource.
#[derive(Debug)]
pub(crate) struct ImageImport {
    memory: Memory,
}

impl ImageImport {
    /// With the memory that it shares with other resources that are images.
    pub(crate) fn new(memory: Memory) -> ImageImport {
        ImageImport { memory }
    }

    fn verbs<'a>(&'a self, client: &'a Client, context: &'a Context) -> Verbs<'a> {
        Verbs { client, context, memory: &self.memory }
    }
}

impl Resource<Client> for ImageImport {
    type Args = ImageImportArgs;
    type State = ImageImportState;
    type Identity = Identity;
    type ListArgs = ImageListArgs;

    const TOKEN: &'static str = "alicloud:ecs/imageImport:ImageImport";
    const DESCRIPTION: &'static str = include_str!("image_import.md");
    const TIMEOUTS: Timeouts = Timeouts {
        create: Duration::from_secs(3_600),
        delete: Duration::from_secs(1_200),
        ..Timeouts::all(Duration::from_secs(600))
    };

    fn check(
        &self,
        args: &ImageImportArgs,
        olds: Option<&ImageImportArgs>,
        context: &CheckContext<'_>,
        findings: &mut Findings,
    ) -> ImageImportArgs {
        rules::check(args, olds, context, findings)
    }

    fn check_update(&self, olds: &ImageImportArgs, news: &ImageImportArgs, findings: &mut Findings) {
        check_update(olds, news, findings);
    }

    fn reconsider(
        &self,
        state: &Lazy<'_, ImageImportState>,
        olds: &Lazy<'_, ImageImportArgs>,
        news: &Lazy<'_, ImageImportArgs>,
        changes: &mut Vec<Change>,
    ) -> Result<Vec<String>, Failure> {
        rules::reconsider(state, olds, news, changes)
    }

    fn delete_before_replace(&self, olds: &ImageImportArgs, news: &ImageImportArgs) -> bool {
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
        args: ImageImportArgs,
    ) -> Result<(String, ImageImportState), Failure> {
        let making = ImportImage::of(&args, client)?;
        self.verbs(client, context).create(&args, &making).await
    }

    async fn read(
        &self,
        client: &Client,
        context: &Context,
        id: &str,
        old: Option<Old<ImageImportArgs, ImageImportState>>,
    ) -> Result<Option<Read<ImageImportArgs, ImageImportState>>, Failure> {
        self.verbs(client, context).read(id, old).await
    }

    async fn update(
        &self,
        client: &Client,
        context: &Context,
        update: Update<ImageImportArgs, ImageImportState>,
    ) -> Result<ImageImportState, Failure> {
        self.verbs(client, context).update(update).await
    }

    async fn delete(
        &self,
        client: &Client,
        context: &Context,
        id: &str,
        old: Old<ImageImportArgs, ImageImportState>,
    ) -> Result<(), Failure> {
        self.verbs(client, context).delete(id, &old).await
    }

    /// Of all images those that were imported, as the cloud has no filter for them.
    async fn list(
        &self,
        client: &Client,
        context: &Context,
        query: ListQuery<ImageListArgs>,
    ) -> Result<ListPage, Failure> {
        list::page(client, context, query, is_from_oss).await
    }
}
