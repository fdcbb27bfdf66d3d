//! What the cloud's refusals to share an image mean, and what to do about them.

use pulumi::Failure;

use crate::ecs::image_share_permission::args::Pair;
use crate::failure;

/// Refusals that may be about an image that is still being made. Only the image's status tells.
const STATUS: [&str; 4] = [
    "IncorrectImageStatus",
    "InvalidStatus.ImageIsCreating",
    "OperationDenied.ImageIsCreating",
    "OperationDenied.InvalidImageStatus",
];

/// Whether a refusal is about the image's status.
pub(crate) fn is_about_status(error: &aliyun::Error) -> bool {
    error.code().is_some_and(|code| STATUS.contains(&code))
}

/// The failure that a call's error comes to. `status` is the image's, if a look has shown it.
pub(crate) fn refused(error: aliyun::Error, pair: Pair<'_>, region: &str, status: Option<&str>) -> Failure {
    let code = error.code().filter(|_| error.kind() != aliyun::ErrorKind::TimedOut).unwrap_or_default();
    let Some((path, advice)) = advice(code, pair, region, status) else { return failure::cloud(error) };
    Failure::Refused(format!("{path}: {}\n{advice}", pulumi::chain(&error)))
}

/// The failure that the refusal to share an image of somebody else comes to. `owner` is as DescribeImages has it.
pub(crate) fn not_own(error: &aliyun::Error, image: &str, owner: &str) -> Failure {
    let of_whom = match owner {
        "system" => "one of the cloud's own",
        "marketplace" => "from the marketplace",
        _ => "another account's",
    };
    Failure::Refused(format!(
        "imageId: {}\nImage {image} is {of_whom}, and an account shares its own custom images only. Make an image of the account's \
         own and share that.",
        pulumi::chain(error)
    ))
}

/// The property that a refusal is about, and what to do.
fn advice(code: &str, pair: Pair<'_>, region: &str, status: Option<&str>) -> Option<(&'static str, String)> {
    let Pair { image, account } = pair;
    let text = match code {
        "QuotaExceed.ShareImageUser" => format!(
            "Image {image} is shared with as many accounts as the cloud allows, 50 unless a quota says otherwise, so account \
             {account} is not added. End sharing it with another account, or ask for a higher quota in the Quota Center of the \
             console."
        ),
        "InvalidAccount.Forbbiden" => format!(
            "Account {account} is the one that image {image} belongs to, and can use it anyway. Give another account, or take \
             this resource out of the program."
        ),
        "InvalidAccount.NotFound" => format!(
            "There is no account {account}, or it has been closed. Give the account's own id, which its owner sees in the \
             console under Security Settings; the id of a RAM user is none."
        ),
        "InvalidImageId.BidMismatch" => format!(
            "Account {account} and the account of image {image} are of different sites, the China site and the international \
             one, and images are shared within one site only. Give an account of the same site."
        ),
        "AssumeRoleError" => format!(
            "Image {image} is encrypted, and the service may not use its key for other accounts. Create the RAM role \
             AliyunECSShareEncryptImageDefaultRole and let ECS assume it, as the console offers when an encrypted image is \
             shared there, then run the command again."
        ),
        "InvalidOperation.ServiceKeyEncryptedImageUnsupported" => format!(
            "Image {image} is encrypted with the service's own key, and such an image cannot be shared. Make a copy that is \
             encrypted with a key of the account's own in KMS, or one that is not encrypted, and share that."
        ),
        "OperationDeined.FullImage" => format!(
            "Image {image} is encrypted and has data disks, and such an image cannot be shared. Share an image of the system \
             disk alone, or one that is not encrypted."
        ),
        "OperationDeined.EncryptedSnapshot" => format!(
            "Image {image} is made of encrypted snapshots, which cannot be shared. Share an image that is not encrypted."
        ),
        "Image.Public" => format!(
            "Image {image} is a community image, which every account can use and which is shared with no single one. Withdraw it \
             from the community images, or take this resource out of the program."
        ),
        "InvalidParameter.KMSKeyId.CMKUnauthorized" => format!(
            "The key in KMS that image {image} is encrypted with may not be used for sharing. Allow it in KMS, and run the \
             command again."
        ),
        "InvalidParameter.KMSKeyId.CMKNotEnabled" => format!(
            "The key in KMS that image {image} is encrypted with is not enabled. Enable it in KMS, and run the command again."
        ),
        "InvalidImageId.NotFound" => format!(
            "There is no image {image} that this account has made in the region {region}. An account shares its own custom \
             images only, and each in the region that it is in. Check imageId and the provider's region."
        ),
        code if STATUS.contains(&code) => match status {
            Some("Deprecated") => format!(
                "Image {image} is Deprecated, and such an image cannot be shared. Set its status back to Available, and run the \
                 command again."
            ),
            Some("Available") => format!(
                "Image {image} is Available, and the cloud refuses all the same. Run the command again; if it is refused again, \
                 tell the cloud's support the request id."
            ),
            Some(status) if !status.is_empty() => format!(
                "Image {image} is {status}. Whom an image is shared with can be changed while it is Available. Run the command \
                 again once it is."
            ),
            Some(_) | None => format!(
                "Whom image {image} is shared with can be changed while it is Available. Run the command again once it is."
            ),
        },
        _ => return None,
    };
    let is_about_account = code.starts_with("InvalidAccount.")
        || ["QuotaExceed.ShareImageUser", "InvalidImageId.BidMismatch"].contains(&code);
    Some((if is_about_account { "accountId" } else { "imageId" }, text))
}
