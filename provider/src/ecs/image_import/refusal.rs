//! What it means that an image cannot be imported, and what to do about it: the call is refused, or its task fails.

use aliyun::object::BUCKET_RULE;

/// The role by which ECS reads buckets if the program names none.
const ROLE: &str = "AliyunECSImageImportDefaultRole";
const RIGHTS: &str = "oss:GetObject, oss:GetBucketLocation and oss:GetBucketInfo";

/// What an import asks for, as far as the advice names it.
#[derive(Debug)]
pub(crate) struct Asked<'a> {
    /// Bucket and object of each file.
    pub(crate) files: Vec<(&'a str, &'a str)>,
    pub(crate) role: Option<&'a str>,
    pub(crate) region: &'a str,
}

impl Asked<'_> {
    fn files(&self) -> String {
        let files: Vec<String> =
            self.files.iter().map(|(bucket, object)| format!("{bucket}/{object}")).collect();
        files.join(", ")
    }

    fn buckets(&self) -> String {
        let mut buckets: Vec<&str> = Vec::new();
        for (bucket, _) in &self.files {
            if !buckets.contains(bucket) {
                buckets.push(bucket);
            }
        }
        buckets.join(", ")
    }
}

/// What to do, beginning with the property that it is about.
pub(crate) fn advice(code: &str, asked: &Asked<'_>) -> Option<String> {
    let (files, buckets, region) = (asked.files(), asked.buckets(), asked.region);
    let role = asked.role.unwrap_or(ROLE);
    Some(match code {
        "NoSetRoletoECSServiceAcount" | "NoSetRoletoECSServiceAccount" if role == ROLE => format!(
            "ECS has no RAM role by which it may read the bucket {buckets}. Create the role {role} and let the service \
             ecs.aliyuncs.com assume it: the ECS console offers that in one step, under Images, Import Image, Confirm \
             Authorization (Cloud Resource Access Authorization). By hand, give the role the policy \
             AliyunECSImageImportRolePolicy in the RAM console. For a role of another name, set roleName"
        ),
        "NoSetRoletoECSServiceAcount" | "NoSetRoletoECSServiceAccount" => format!(
            "roleName: ECS may not read the bucket {buckets} by the RAM role {role}. In the RAM console, let the service \
             ecs.aliyuncs.com assume the role, and allow it {RIGHTS}; or leave roleName out for {ROLE}, which the ECS console \
             creates under Images, Import Image"
        ),
        "InvalidOSS.NotAuthorized" => format!(
            "The RAM role {role} may not read {files}. In the RAM console, allow it {RIGHTS} for the bucket; the bucket must \
             belong to the same account"
        ),
        "InvalidOSSBucket.Malformed" => format!(
            "diskDeviceMappings: the cloud does not take {buckets} for {BUCKET_RULE}. Give ossBucket the bare name, without \
             oss:// and without a host"
        ),
        "InvalidOSSBucket.NotFound" | "InvalidOSSBucket.NotMatched" => format!(
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
