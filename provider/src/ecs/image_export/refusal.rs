//! What the cloud's refusals to export an image mean, and what to do about them.

use pulumi::Failure;

use crate::ecs::image_export::args::Target;
use crate::failure;

/// The role by which ECS writes to buckets if the program names none.
const ROLE: &str = "AliyunECSImageExportDefaultRole";
const RIGHTS: &str = "oss:GetObject, oss:PutObject, oss:DeleteObject, oss:GetBucketLocation, oss:GetBucketInfo, \
                      oss:AbortMultipartUpload, oss:ListMultipartUploads and oss:ListParts";

/// The failure that ExportImage's error comes to.
pub(crate) fn refused(error: aliyun::Error, target: &Target, role: Option<&str>, region: &str) -> Failure {
    match error.code().and_then(|code| advice(code, target, role, region)) {
        Some(advice) => Failure::Refused(format!("{}\n{advice}", failure::text(&error))),
        None => failure::cloud(error),
    }
}

/// What to do, beginning with the property that it is about.
pub(crate) fn advice(code: &str, target: &Target, role: Option<&str>, region: &str) -> Option<String> {
    let Target { image, bucket, .. } = target;
    let role = role.unwrap_or(ROLE);
    Some(match code {
        "NoSetRoletoECSServiceAcount" | "NoSetRoletoECSServiceAccount" if role == ROLE => format!(
            "ECS has no RAM role by which it may write to the bucket {bucket}. Create the role {role} and let the service \
             ecs.aliyuncs.com assume it: the ECS console offers that in one step, under Images, Export Image, Confirm \
             Authorization (Cloud Resource Access Authorization). By hand, give the role the policy \
             AliyunECSImageExportRolePolicy in the RAM console. For a role of another name, set roleName"
        ),
        "NoSetRoletoECSServiceAcount" | "NoSetRoletoECSServiceAccount" => format!(
            "roleName: ECS may not write to the bucket {bucket} by the RAM role {role}. In the RAM console, let the service \
             ecs.aliyuncs.com assume the role, and allow it {RIGHTS}; or leave roleName out for {ROLE}, which the ECS console \
             creates under Images, Export Image"
        ),
        "InvalidOSS.NotAuthorized" => format!(
            "The RAM role {role} may not write to the bucket {bucket}. In the RAM console, allow it {RIGHTS} for the bucket, \
             which must belong to the same account"
        ),
        "InvalidOSSBucket.NotFound" | "InvalidOSSBucket.NotMatched" => format!(
            "ossBucket: the bucket {bucket} is not in the region {region}, where image {image} is. Give a bucket of this region, \
             or copy the image to the region of the bucket (alicloud:ecs/imageCopy:ImageCopy) and export the copy"
        ),
        "InvalidOSSBucket.EncryptUnsupported" => format!(
            "ossBucket: the bucket {bucket} is encrypted, and the cloud exports to none of those. Give a bucket that is not"
        ),
        "InvalidOSSPrefix.Malformed" => {
            "ossPrefix: give 1 to 30 letters and digits, or leave it out".to_owned()
        }
        "InvalidOSSObject.NeedRestore" => format!(
            "ossBucket: in {bucket} there is an object of the same name in archive storage. Restore or delete it, or give \
             another ossPrefix"
        ),
        "InvalidImageId.NotFound" => format!(
            "imageId: there is no image {image} that this account may export in the region {region}. Check the id, and the \
             provider's region"
        ),
        "IncorrectImageStatus" => format!(
            "imageId: only an image that is Available can be exported, and image {image} is not. Run `pulumi up` again once it \
             is (customTimeouts.create lets it wait longer); of one that is Deprecated, set the status to Available"
        ),
        "ImageNotSupported" => format!(
            "imageId: image {image} cannot be exported, as it is from the marketplace or encrypted. Export an image of the \
             account's own that is neither"
        ),
        "InvalidImageLicense.NotSupported" => format!(
            "imageId: the license of image {image} forbids to export it. Export an image of Linux, or of Windows with a license \
             of your own (licenseType \"BYOL\")"
        ),
        "InvalidImageCategory.NotSupported" => format!(
            "imageId: image {image} is not a custom image of this account, and no other can be exported. Make an image of the \
             account's own of an instance of it, and export that"
        ),
        "InvalidImage.DiskAmountOrSize" => format!(
            "imageId: image {image} has more data disks than can be exported, 4 as documented, or one of more than 500 GiB. \
             Export an image of less"
        ),
        "OperationDenied" => format!(
            "imageId: image {image} has snapshots of data disks that cannot be exported. Export an image of the system disk alone"
        ),
        "InvalidImageFormat.Malformed" | "InvalidImageFormat.RegionNotSupported" => format!(
            "imageFormat: the region {region} exports in no such format. Leave it out for raw, which every region offers, and \
             convert the file yourself (qemu-img convert)"
        ),
        "WeeklyQuotaExceed.ExportImage" => format!(
            "The account has exported as many images in the region {region} as the cloud allows in a week. Run `pulumi up` again \
             when the week is over, or ask for a higher quota in the Quota Center of the console"
        ),
        "ConcurrentQuotaExceed.ExportImage" => format!(
            "As many exports are under way in the region {region} as the cloud allows at a time. Run `pulumi up` again once some \
             have ended (customTimeouts.create lets it wait longer), or ask for a higher quota in the Quota Center"
        ),
        "ImageIsExporting" => format!(
            "imageId: another export of image {image} is under way. Run `pulumi up` again once it has ended \
             (customTimeouts.create lets it wait longer)"
        ),
        "InvalidRegion.NotSupport" => format!(
            "The region {region} exports no images. Copy the image to another one with alicloud:ecs/imageCopy:ImageCopy, and \
             export the copy there"
        ),
        "UserNotInTheWhiteList" => {
            "The account may not export images. Apply to the cloud's support for it".to_owned()
        }
        _ => return None,
    })
}
