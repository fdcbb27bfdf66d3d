//! `ModifyImageAttribute`: changes an image's name and other attributes.

use crate::ecs::action::{Action, Params};
use crate::error::Rule;

/// What to change. Safe to repeat, but for a status: the cloud refuses the one that the image has already, and with it the
/// whole call. What is absent stays as it is; whether an empty text clears an attribute is not documented.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModifyImageAttributeRequest {
    /// The image.
    pub image_id: String,
    /// 2 to 128 characters, unique in the region.
    pub image_name: Option<String>,
    /// 2 to 128 characters.
    pub image_family: Option<String>,
    /// 2 to 256 characters.
    pub description: Option<String>,
    /// `BIOS`, `UEFI` or `UEFI-Preferred`.
    pub boot_mode: Option<String>,
    /// `Auto`, `Aliyun` or `BYOL`.
    pub license_type: Option<String>,
    /// `supported` or `unsupported`.
    pub features_nvme_support: Option<String>,
    /// `v1` or `v2`; from `v2` there is no way back.
    pub features_imds_support: Option<String>,
    /// `Deprecated` or `Available`. Only an image that is `Available` and shared with nobody becomes `Deprecated`, and only
    /// one that is `Deprecated` becomes `Available`.
    pub status: Option<String>,
}

impl Action for ModifyImageAttributeRequest {
    const NAME: &'static str = "ModifyImageAttribute";
    const RULES: &'static [Rule] = &[
        Rule::wait("InvalidStatus.ImageIsCreating"),
        Rule::conflict("OperationDeined.ImageUsingByInstance"),
        Rule::conflict("ImageStatus.NotAvailable"),
        Rule::conflict("ImageStatus.NotDeprecated"),
        Rule::conflict("ImageUseShared"),
    ];

    type Response = ();

    fn params(&self) -> Vec<(String, String)> {
        let mut params = Params::default();
        params.text("ImageId", Some(&self.image_id));
        params.text("ImageName", self.image_name.as_ref());
        params.text("ImageFamily", self.image_family.as_ref());
        params.text("Description", self.description.as_ref());
        params.text("BootMode", self.boot_mode.as_ref());
        params.text("LicenseType", self.license_type.as_ref());
        params.text("Features.NvmeSupport", self.features_nvme_support.as_ref());
        params.text("Features.ImdsSupport", self.features_imds_support.as_ref());
        params.text("Status", self.status.as_ref());
        params.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ecs::action::check_params;

    #[test]
    fn empty_text_is_sent() {
        let request = ModifyImageAttributeRequest {
            image_id: "m-1".to_owned(),
            description: Some(String::new()),
            ..ModifyImageAttributeRequest::default()
        };
        check_params(&request, &["ImageId=m-1", "Description="]);
    }
}
