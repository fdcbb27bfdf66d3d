//! `alicloud:ecs/imageCopy:ImageCopy`, made by CopyImage. What it takes is in `image_copy/args.rs`; what it shares with other
//! resources that are images is in `images/`.

pub(crate) mod args;
mod making;

use pulumi::diff::Change;
use pulumi::path::Path;
use pulumi::{
    CheckContext, Context, Failure, Findings, Lazy, Old, Read, Resource, Timeouts, Unlisted, Update, known,
};
use tokio::time::Duration;

use crate::client::Client;
use crate::ecs::image_copy::args::ImageCopyArgs;
use crate::ecs::image_copy::making::CopyImage;
use crate::ecs::images;
use crate::ecs::images::diff::deletes_before_replacing;
use crate::ecs::images::entry::{Entry, Identity};
use crate::ecs::images::memory::Memory;
use crate::ecs::images::verbs::Verbs;

/// What the state holds of a copy.
pub(crate) type ImageCopyState = Entry<ImageCopyArgs>;

/// The resource.
#[derive(Debug)]
pub(crate) struct ImageCopy {
    memory: Memory,
}

impl ImageCopy {
    /// With the memory that it shares with other resources that are images.
    pub(crate) fn new(memory: Memory) -> ImageCopy {
        ImageCopy { memory }
    }

    fn verbs<'a>(&'a self, client: &'a Client, context: &'a Context) -> Verbs<'a> {
        Verbs { client, context, memory: &self.memory }
    }
}

impl Resource<Client> for ImageCopy {
    type Args = ImageCopyArgs;
    type State = ImageCopyState;
    type Identity = Identity;
    type ListArgs = Unlisted;

    const TOKEN: &'static str = "alicloud:ecs/imageCopy:ImageCopy";
    const ALIASES: &'static [&'static str] = &["alicloud:ecs/copyImage:CopyImage"];
    const DESCRIPTION: &'static str = include_str!("image_copy.md");
    const TIMEOUTS: Timeouts =
        Timeouts { create: Duration::from_secs(3_600), ..Timeouts::all(Duration::from_secs(600)) };

    fn check(
        &self,
        args: &ImageCopyArgs,
        olds: Option<&ImageCopyArgs>,
        context: &CheckContext<'_>,
        findings: &mut Findings,
    ) -> ImageCopyArgs {
        let encrypts = args.encrypted.as_ref().is_some_and(|encrypted| encrypted.known() != Some(&false));
        if known(&args.kms_key_id).is_some() && !encrypts {
            let reason =
                "is the key of an encrypted copy: set encrypted: true as well, or leave kmsKeyId out";
            findings.fail(Path::property("kmsKeyId"), reason);
        }
        images::rules::check(args, olds, context, findings)
    }

    fn check_for(&self, client: &Client, args: &ImageCopyArgs, findings: &mut Findings) {
        if let Some(mistake) = known(&args.source_region_id).and_then(|region| client.region_mistake(region))
        {
            findings.fail(Path::property("sourceRegionId"), mistake);
        }
    }

    fn check_update(&self, olds: &ImageCopyArgs, news: &ImageCopyArgs, findings: &mut Findings) {
        images::rules::check_update(olds, news, findings);
    }

    fn reconsider(
        &self,
        state: &Lazy<'_, ImageCopyState>,
        olds: &Lazy<'_, ImageCopyArgs>,
        news: &Lazy<'_, ImageCopyArgs>,
        changes: &mut Vec<Change>,
    ) -> Result<Vec<String>, Failure> {
        images::diff::reconsider(state, olds, news, changes)
    }

    fn delete_before_replace(&self, olds: &ImageCopyArgs, news: &ImageCopyArgs) -> bool {
        deletes_before_replacing(olds, news)
    }

    fn observe(&self, urn: &str, id: &str, identity: &Identity) {
        self.memory.hold(urn, id, identity.mark.clone());
    }

    /// A copy is in one region, and not to be found in another.
    fn admit(&self, client: &Client, id: &str, identity: &Identity) -> Result<(), Failure> {
        client.check_region(id, identity.region_id.as_deref())
    }

    async fn create(
        &self,
        client: &Client,
        context: &Context,
        args: ImageCopyArgs,
    ) -> Result<(String, ImageCopyState), Failure> {
        let making = CopyImage::of(&args, client)?;
        self.verbs(client, context).create(&args, &making).await
    }

    async fn read(
        &self,
        client: &Client,
        context: &Context,
        id: &str,
        old: Option<Old<ImageCopyArgs, ImageCopyState>>,
    ) -> Result<Option<Read<ImageCopyArgs, ImageCopyState>>, Failure> {
        if old.is_some() {
            return self.verbs(client, context).read(id, old).await;
        }
        let (id, told) = imported(id)?;
        self.verbs(client, context).import(id, &told).await
    }

    async fn update(
        &self,
        client: &Client,
        context: &Context,
        update: Update<ImageCopyArgs, ImageCopyState>,
    ) -> Result<ImageCopyState, Failure> {
        self.verbs(client, context).update(update).await
    }

    async fn delete(
        &self,
        client: &Client,
        context: &Context,
        id: &str,
        old: Old<ImageCopyArgs, ImageCopyState>,
    ) -> Result<(), Failure> {
        self.verbs(client, context).delete(id, &old).await
    }
}

/// The copy's id and the inputs that the id of an import tells, which names the source as well or leaves it open.
fn imported(id: &str) -> Result<(&str, ImageCopyArgs), Failure> {
    let parts: Vec<&str> = id.split('/').collect();
    match parts[..] {
        [id] => Ok((id, ImageCopyArgs::default())),
        [region, image, id] if [region, image, id].iter().all(|part| !part.is_empty()) => {
            let told = ImageCopyArgs {
                source_image_id: Some(image.to_owned().into()),
                source_region_id: Some(region.to_owned().into()),
                ..ImageCopyArgs::default()
            };
            Ok((id, told))
        }
        _ => Err(Failure::Refused(format!(
            "{id:?} is no id of a copy: give the id of the image, m-…, or with what it was copied from \
             <sourceRegionId>/<sourceImageId>/<id of the image>"
        ))),
    }
}
