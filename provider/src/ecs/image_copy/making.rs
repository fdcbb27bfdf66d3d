//! The call that copies an image from another region.

use std::time::Duration;

use aliyun::ErrorKind;
use aliyun::ecs::CopyImageRequest;
use pulumi::{Context, Failure, known};
use tokio::time::Instant;

use crate::client::Client;
use crate::ecs::image_copy::args::ImageCopyArgs;
use crate::ecs::images::claim::Making;
use crate::ecs::images::inputs::Inputs as _;
use crate::ecs::images::looks::Looks;
use crate::ecs::images::status::{self, progress};
use crate::ecs::images::tags;
use crate::ecs::images::wait::Wait;
use crate::failure;

/// How long a look at the source may take. CopyImage tells as well whether it can be copied.
const LOOK: Duration = Duration::from_secs(5);
/// How long a source is waited for by looks alone, which may lag behind.
const TRUST: Duration = Duration::from_secs(60);
/// The code of a source that cannot be copied as it is.
const NOT_AVAILABLE: &str = "IncorrectImageStatus";

/// CopyImage, for a copy whose name and token are given when it is sent.
#[derive(Debug)]
pub(crate) struct CopyImage {
    request: CopyImageRequest,
    /// The region of the source, which is asked.
    source: aliyun::Client,
    looks: Looks,
}

/// What becomes of a source by itself.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Outlook {
    /// It is there, or its status says nothing of what will become of it.
    Available,
    OnItsWay,
    /// It will never be available.
    Final,
}

impl CopyImage {
    /// Of the inputs of a program, for a copy in the client's region.
    ///
    /// # Errors
    /// If they name no source, or a region that there cannot be.
    pub(crate) fn of(args: &ImageCopyArgs, client: &Client) -> Result<CopyImage, Failure> {
        let (Some(image), Some(region)) = (known(&args.source_image_id), known(&args.source_region_id))
        else {
            return Err(Failure::Refused(
                "a copy needs a source: give sourceImageId and sourceRegionId".to_owned(),
            ));
        };
        let attributes = args.attributes();
        let request = CopyImageRequest {
            client_token: None,
            image_id: image.clone(),
            destination_region_id: client.api.region().to_owned(),
            destination_image_name: None,
            destination_description: attributes.description,
            encrypted: known(&args.encrypted).copied(),
            kms_key_id: known(&args.kms_key_id).cloned(),
            resource_group_id: attributes.resource_group,
            tags: tags::sent(attributes.tags.as_ref()),
        };
        let source = client.api.in_region(region).map_err(failure::cloud)?;
        Ok(CopyImage { request, source, looks: client.looks.in_region(region).map_err(failure::cloud)? })
    }

    /// The source's status and progress, if it can be seen, and what they promise.
    async fn look(&self, context: &Context) -> Option<(String, Outlook)> {
        let seen = self.looks.describe_within(context, &self.request.image_id, LOOK).await.ok()??;
        let outlook = match seen.status.as_deref() {
            status if status::is_final(status) => Outlook::Final,
            status if status::is_being_made(status) => Outlook::OnItsWay,
            _ => Outlook::Available,
        };
        Some((progress(&seen), outlook))
    }

    /// Pauses after a refusal until the copy may be asked for again, or it never may. Whether it may.
    async fn wait_for_source(&self, context: &Context, wait: &mut Wait<'_>) -> bool {
        let (began, mut has_paused) = (Instant::now(), false);
        loop {
            let mut outlook = Outlook::Available;
            if let Some((status, seen)) = self.look(context).await {
                let (image, region) = (&self.request.image_id, self.source.region());
                context.status(&format!("waits for image {image} in {region}: {status}"));
                outlook = seen;
            }
            match outlook {
                Outlook::Final => return false,
                Outlook::Available if has_paused => return true,
                Outlook::Available | Outlook::OnItsWay => {}
            }
            if wait.pause().await.is_err() || Instant::now() >= context.deadline() {
                return false;
            }
            // It was refused although it is available, or cannot be seen.
            if outlook == Outlook::Available || began.elapsed() >= TRUST {
                return true;
            }
            has_paused = true;
        }
    }
}

impl Making for CopyImage {
    const ACTION: &'static str = "CopyImage";

    fn parameters(&self) -> Vec<(String, String)> {
        let mut parameters = self.request.parameters();
        parameters.push(("RegionId".to_owned(), self.source.region().to_owned()));
        parameters
    }

    /// A source that is still being made is waited for; one that will never be available is not.
    async fn send(
        &self,
        client: &Client,
        context: &Context,
        name: Option<&str>,
        token: &str,
    ) -> Result<String, aliyun::Error> {
        let request = CopyImageRequest {
            client_token: Some(token.to_owned()),
            destination_image_name: name.map(str::to_owned),
            ..self.request.clone()
        };
        let deadline = context.deadline();
        let mut wait = Wait::through(&self.looks, client, context);
        loop {
            let error = match self.source.copy_image(&request, deadline).await {
                Ok(made) if made.image_id == request.image_id => {
                    let text = format!("the answer names the source, {}, as the copy", made.image_id);
                    return Err(aliyun::Error::contradiction(Self::ACTION, text));
                }
                Ok(made) => return Ok(made.image_id),
                Err(error) => error,
            };
            if error.code() != Some(NOT_AVAILABLE) || error.kind() == ErrorKind::TimedOut {
                return Err(error);
            }
            // Nothing has been made, so that the refusal is the last word.
            if !self.wait_for_source(context, &mut wait).await {
                return Err(error);
            }
        }
    }

    fn advice(&self, code: &str) -> Option<String> {
        let (image, source) = (&self.request.image_id, self.source.region());
        let here = &self.request.destination_region_id;
        Some(match code {
            NOT_AVAILABLE => format!(
                "sourceImageId: only an image that is Available can be copied, and image {image} in {source} is not. Run \
                 `pulumi up` again once it is (customTimeouts.create lets it wait longer); of one that is Deprecated, set \
                 the status to Available"
            ),
            "InvalidImageId.NotFound" => format!(
                "sourceImageId: there is no image {image} in the region {source} (sourceRegionId) that this account may use; give \
                 the id of one, and the region that it is in"
            ),
            "SourceRegion.NotFound" => {
                format!(
                    "sourceRegionId: the cloud knows no region {source}; give the region of image {image}"
                )
            }
            "DestinationRegion.NotFound" => {
                format!(
                    "The cloud knows no region {here}, which is the provider's: correct its setting `region`"
                )
            }
            "IncorrectDestinationRegion" | "RegionNotSupportCopy" => format!(
                "sourceRegionId: the cloud does not copy from {source} to {here}. A copy is made in the provider's region: give the \
                 resource a provider of another one"
            ),
            "OperationDenied.CommunityImage"
            | "OperationDenied.SameRegionOnly"
            | "OperationDenied.NotPublished"
            | "OperationDenied.NotAuthorized"
            | "SizeExceed.Image"
            | "InvalidOperation.VhdImageUnsupported"
            | "InvalidOperation.CloudBoxImageCopyUnsupported" => {
                format!("sourceImageId: image {image} cannot be copied to {here}; give another one")
            }
            "OperationDeined.EncryptedSnapshot"
            | "OperationDenied.EncryptSnapshotAcrossRegion"
            | "InvalidEncrypted.NotMatchDiskDefaultEncryption" => format!(
                "encrypted: the cloud does not copy image {image} like that; give another value for it, or leave it out"
            ),
            _ if code.contains("KMS") || code.contains("Kms") => format!(
                "kmsKeyId: give a key of the region {here} that is enabled and that ECS may use, or leave it out"
            ),
            _ => return None,
        })
    }
}
