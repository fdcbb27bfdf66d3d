//! The call that makes an image of an instance, a snapshot or disks.

use aliyun::ecs::{CreateImageRequest, DiskDeviceMapping};
use pulumi::{Context, Failure, Input, known};

use crate::client::Client;
use crate::ecs::image::args::ImageArgs;
use crate::ecs::images::claim::Making;
use crate::ecs::images::inputs::Inputs as _;
use crate::ecs::images::tags;

/// CreateImage, for an image whose name and token are given when it is sent.
#[derive(Debug)]
pub(crate) struct CreateImage(CreateImageRequest);

impl CreateImage {
    /// Of the inputs of a program.
    ///
    /// # Errors
    /// If they name no source: Check lets an image without any input pass, as it may only be looked up.
    pub(crate) fn of(args: &ImageArgs) -> Result<CreateImage, Failure> {
        if args.instance_id.is_none() && args.snapshot_id.is_none() && args.disk_device_mappings.is_none() {
            return Err(Failure::Refused(
                "an image needs a source: give exactly one of instanceId, snapshotId and diskDeviceMappings"
                    .to_owned(),
            ));
        }
        let attributes = args.attributes();
        // An image that is made deprecated joins its family once it is.
        let is_withdrawn = attributes.is_withdrawn();
        Ok(CreateImage(CreateImageRequest {
            client_token: None,
            instance_id: known(&args.instance_id).cloned(),
            snapshot_id: known(&args.snapshot_id).cloned(),
            disk_device_mappings: known(&args.disk_device_mappings)
                .into_iter()
                .flatten()
                .filter_map(Input::known)
                .map(|mapping| DiskDeviceMapping {
                    device: known(&mapping.device).cloned(),
                    disk_type: known(&mapping.disk_type).cloned(),
                    size: known(&mapping.size).copied(),
                    snapshot_id: known(&mapping.snapshot_id).cloned(),
                })
                .collect(),
            image_name: None,
            image_family: attributes.family.filter(|_| !is_withdrawn),
            image_version: known(&args.image_version).cloned(),
            description: attributes.description,
            architecture: known(&args.architecture).cloned(),
            platform: known(&args.platform).cloned(),
            boot_mode: attributes.boot_mode,
            features_imds_support: attributes.imds,
            detection_strategy: known(&args.detection_strategy).cloned(),
            resource_group_id: attributes.resource_group,
            tags: tags::sent(attributes.tags.as_ref()),
        }))
    }
}

impl Making for CreateImage {
    const ACTION: &'static str = "CreateImage";

    fn parameters(&self) -> Vec<(String, String)> {
        self.0.parameters()
    }

    async fn send(
        &self,
        client: &Client,
        context: &Context,
        name: Option<&str>,
        token: &str,
    ) -> Result<String, aliyun::Error> {
        let request = CreateImageRequest {
            client_token: Some(token.to_owned()),
            image_name: name.map(str::to_owned),
            ..self.0.clone()
        };
        client.api.create_image(&request, context.deadline()).await.map(|made| made.image_id)
    }
}
