//! The call that imports an image from files in OSS.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use aliyun::ecs::{ImportImageRequest, ImportedDisk};
use pulumi::{Context, Failure, known};

use crate::client::Client;
use crate::ecs::image_import::args::ImageImportArgs;
use crate::ecs::images::claim::Making;
use crate::ecs::images::inputs::Inputs as _;
use crate::ecs::images::tags;

/// ImportImage, for an image whose name and token are given when it is sent.
#[derive(Debug)]
pub(crate) struct ImportImage {
    request: ImportImageRequest,
    args: ImageImportArgs,
    region: String,
    /// The task of each image that an answer has told.
    tasks: Mutex<HashMap<String, String>>,
}

impl ImportImage {
    /// Of the inputs of a program, for an image in the client's region.
    ///
    /// # Errors
    /// If they name no file: some SDKs look up a resource without a single input.
    pub(crate) fn of(args: &ImageImportArgs, client: &Client) -> Result<ImportImage, Failure> {
        let disks: Vec<ImportedDisk> = args
            .disks()
            .map(|disk| ImportedDisk {
                device: known(&disk.device).cloned(),
                format: known(&disk.format).map(|format| format.to_ascii_uppercase()),
                oss_bucket: known(&disk.oss_bucket).cloned(),
                oss_object: known(&disk.oss_object).cloned(),
                disk_image_size: known(&disk.disk_image_size).copied(),
            })
            .collect();
        if disks.is_empty() {
            return Err(Failure::Refused(
                "an import needs a file: give diskDeviceMappings, the system disk first".to_owned(),
            ));
        }
        let attributes = args.attributes();
        let request = ImportImageRequest {
            client_token: None,
            disk_device_mappings: disks,
            image_name: None,
            description: attributes.description,
            architecture: known(&args.architecture).cloned(),
            os_type: known(&args.os_type).cloned(),
            platform: known(&args.platform).cloned(),
            boot_mode: attributes.boot_mode,
            license_type: attributes.license_type,
            features_nvme_support: attributes.nvme,
            features_imds_support: attributes.imds,
            detection_strategy: known(&args.detection_strategy).cloned(),
            role_name: known(&args.role_name).cloned(),
            resource_group_id: attributes.resource_group,
            tags: tags::sent(attributes.tags.as_ref()),
        };
        Ok(ImportImage {
            request,
            args: args.clone(),
            region: client.api.region().to_owned(),
            tasks: Mutex::default(),
        })
    }
}

impl Making for ImportImage {
    const ACTION: &'static str = "ImportImage";

    fn parameters(&self) -> Vec<(String, String)> {
        self.request.parameters()
    }

    async fn send(
        &self,
        client: &Client,
        context: &Context,
        name: Option<&str>,
        token: &str,
    ) -> Result<String, aliyun::Error> {
        let request = ImportImageRequest {
            client_token: Some(token.to_owned()),
            image_name: name.map(str::to_owned),
            ..self.request.clone()
        };
        let made = client.api.import_image(&request, context.deadline()).await?;
        if let Some(task) = made.task_id.filter(|task| !task.is_empty()) {
            let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
            tasks.insert(made.image_id.clone(), task);
        }
        Ok(made.image_id)
    }

    fn task_of(&self, image: &str) -> Option<String> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner).get(image).cloned()
    }

    fn advice(&self, code: &str) -> Option<String> {
        self.args.advice(code, &self.region)
    }
}
