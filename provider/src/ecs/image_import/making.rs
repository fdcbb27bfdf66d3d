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

/// The role by which ECS reads buckets if the program names none.
const ROLE: &str = "AliyunECSImageImportDefaultRole";

/// ImportImage, for an image whose name and token are given when it is sent.
#[derive(Debug)]
pub(crate) struct ImportImage {
    request: ImportImageRequest,
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
        Ok(ImportImage { request, region: client.api.region().to_owned(), tasks: Mutex::default() })
    }

    /// The files, for messages: `bucket/object`.
    fn files(&self) -> String {
        let disks = self.request.disk_device_mappings.iter();
        let files: Vec<String> = disks
            .map(|disk| {
                let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "?".to_owned());
                format!("{}/{}", text(&disk.oss_bucket), text(&disk.oss_object))
            })
            .collect();
        files.join(", ")
    }

    fn buckets(&self) -> String {
        let mut buckets: Vec<&str> = Vec::new();
        for bucket in self.request.disk_device_mappings.iter().filter_map(|disk| disk.oss_bucket.as_deref()) {
            if !buckets.contains(&bucket) {
                buckets.push(bucket);
            }
        }
        buckets.join(", ")
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
        let (files, buckets, region) = (self.files(), self.buckets(), &self.region);
        let role = self.request.role_name.as_deref().unwrap_or(ROLE);
        let is_default = role == ROLE;
        Some(match code {
            "NoSetRoletoECSServiceAcount" | "NoSetRoletoECSServiceAccount" => match is_default {
                true => format!(
                    "ECS has no RAM role by which it may read the bucket {buckets}. Create the role {role} and let the service \
                     ecs.aliyuncs.com assume it: the ECS console offers that in one step, under Images, Import Image, Confirm \
                     Authorization (Cloud Resource Access Authorization). By hand, give the role the policy \
                     AliyunECSImageImportRolePolicy in the RAM console. For a role of another name, set roleName"
                ),
                false => format!(
                    "roleName: ECS may not read the bucket {buckets} by the RAM role {role}. In the RAM console, let the service \
                     ecs.aliyuncs.com assume the role, and allow it oss:GetObject, oss:GetBucketLocation and oss:GetBucketInfo; \
                     or leave roleName out for {ROLE}, which the ECS console creates under Images, Import Image"
                ),
            },
            "InvalidOSS.NotAuthorized" => format!(
                "The RAM role {role} may not read {files}. In the RAM console, allow it oss:GetObject, oss:GetBucketLocation and \
                 oss:GetBucketInfo for the bucket; the bucket must belong to the same account"
            ),
            "InvalidOSSBucket.NotFound" | "InvalidOSSBucket.NotMatched" | "InvalidOSSBucket.Malformed" => format!(
                "diskDeviceMappings: the bucket {buckets} is not in the region {region}, where the image is made. Give a bucket \
                 of this region and copy the file there, or give the resource a provider of the bucket's region"
            ),
            "InvalidOSSObject.NotFound" => format!(
                "diskDeviceMappings: of {files} there is one that is not in its bucket. Check ossObject, which is the whole name \
                 in the bucket without a leading /, and upload the file first"
            ),
            "InvalidOSSObject.Malformed" | "UnsupportedSuffix.OSSObject" => format!(
                "diskDeviceMappings: of {files} there is one whose name the cloud does not take for the name of a disk's file. \
                 Give ossObject with the ending of its format, such as .raw, .vhd or .qcow2"
            ),
            "InvalidOSSObject.Size" => {
                format!("diskDeviceMappings: of {files} there is a file that is empty. Upload it again")
            }
            "InvalidOSSObject.NeedRestore" => format!(
                "diskDeviceMappings: of {files} there is a file in archive storage. Restore it in OSS, and run the command again \
                 once that is done"
            ),
            "InvalidOSSBucket.EncryptUnsupported" => format!(
                "diskDeviceMappings: the bucket {buckets} is encrypted, and the cloud imports from none of those. Give a bucket \
                 that is not"
            ),
            "InvalidImageFormat.Malformed" | "InvalidBlockSize.NotSupport" | "InvalidVHDImage.IncorrectSize" => format!(
                "diskDeviceMappings: of {files} there is one that the cloud cannot read in its format. Leave format out for the \
                 cloud to find out, or convert the file to RAW or QCOW2 (qemu-img convert -O qcow2)"
            ),
            "InvalidImageFormat.RegionNotSupported" => format!(
                "diskDeviceMappings: the region {region} does not take this format. Convert the file to RAW or QCOW2 (qemu-img \
                 convert -O qcow2), or import in another region and copy the image"
            ),
            "InvalidImageSize" | "InvalidDataDiskSize" => "diskDeviceMappings: a diskImageSize is less than its file needs, or \
                                                           out of the range of 1 to 2048 GiB. Leave it out for the size that \
                                                           the file needs, or give a greater one"
                .to_owned(),
            "InvalidRegion.NotSupport" => format!(
                "The region {region} imports no images. Import in another one, and copy the image with \
                 alicloud:ecs/imageCopy:ImageCopy"
            ),
            "UserNotInTheWhiteList" => {
                "The account may not import images. Apply to the cloud's support for it".to_owned()
            }
            "InvalidAccountStatus.OSSDisabled" => {
                "OSS is not activated for the account, or payment is overdue. Activate it in the console".to_owned()
            }
            "InvalidLicenseType.NotSupported" | "InvalidLicenseType.BYOLOnly" => {
                "licenseType: the cloud does not take it for this platform. Give \"BYOL\", or leave it out".to_owned()
            }
            "InvalidBootMode.NotSupport" | "InvalidBootMode.Malformed" => {
                "bootMode: this architecture does not start like that. Give \"UEFI\" for arm64, or leave it out".to_owned()
            }
            "InvalidArchitecture.PlatformUnsupported" => {
                "platform: there is none of this architecture. Give another platform or architecture".to_owned()
            }
            "ImageCheckUnsupported.WindowsImage" => {
                "detectionStrategy: the cloud checks no images of Windows. Leave it out".to_owned()
            }
            "InvalidResourceGroup.NotFound" => {
                "resourceGroupId: there is no such resource group. Check its id, rg-…, or leave it out".to_owned()
            }
            _ => return None,
        })
    }
}
