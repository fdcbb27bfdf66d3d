//! `ExportImage`: an image's disks as files in OSS.

use crate::ecs::action::{Action, Params};
use crate::error::{Class, ErrorKind, Rule};
use crate::lenient::record;

/// Which image to export, and where to. The action knows no ClientToken: a call whose outcome is unknown is not repeated.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExportImageRequest {
    /// The image.
    pub image_id: String,
    /// The bucket, in the image's region.
    pub oss_bucket: String,
    /// What the objects' names begin with: 1 to 30 letters and digits.
    pub oss_prefix: Option<String>,
    /// `raw`, `vhd`, `qcow2`, `vmdk` or `vdi`; `raw` if absent. Only some regions take it.
    pub image_format: Option<String>,
    /// The RAM role by which ECS writes to the bucket; `AliyunECSImageExportDefaultRole` if absent.
    pub role_name: Option<String>,
}

record! {
    /// The task that exports.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct ExportImageResponse {
        /// The task's id. Never empty: an answer without one is an error.
        pub task_id: String = "TaskId",
    }
}

impl Action for ExportImageRequest {
    const NAME: &'static str = "ExportImage";
    const RULES: &'static [Rule] = &[
        // What is to be waited for, and whether it passes at all, the caller finds out.
        Rule::conflict("IncorrectImageStatus"),
        Rule::conflict("ImageIsExporting"),
        Rule::new("ConcurrentQuotaExceed.ExportImage", ErrorKind::Quota, Class::Fatal),
        Rule::new("WeeklyQuotaExceed.ExportImage", ErrorKind::Quota, Class::Fatal),
        Rule::new("InvalidOSSBucket.NotFound", ErrorKind::InvalidRequest, Class::Fatal),
        // Here a missing image is a mistake in the request, and says nothing about the export.
        Rule::new("InvalidImageId.NotFound", ErrorKind::InvalidRequest, Class::Fatal),
        Rule::new("NoSetRoletoECSServiceAcount", ErrorKind::InvalidRequest, Class::Fatal),
        Rule::new("NoSetRoletoECSServiceAccount", ErrorKind::InvalidRequest, Class::Fatal),
    ];

    type Response = ExportImageResponse;

    fn params(&self) -> Vec<(String, String)> {
        let mut params = Params::default();
        params.text("ImageId", Some(&self.image_id));
        params.text("OSSBucket", Some(&self.oss_bucket));
        params.text("OSSPrefix", self.oss_prefix.as_ref());
        params.text("ImageFormat", self.image_format.as_ref());
        params.text("RoleName", self.role_name.as_ref());
        params.0
    }

    fn lacks(
        &self,
        response: &ExportImageResponse,
        _request_id: Option<&str>,
        _text: &str,
    ) -> Option<&'static str> {
        response.task_id.is_empty().then_some("a TaskId")
    }

    fn is_idempotent(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ecs::action::check_params;

    #[test]
    fn what_is_not_given_is_not_sent() {
        let least = ExportImageRequest {
            image_id: "m-1".to_owned(),
            oss_bucket: "b".to_owned(),
            ..ExportImageRequest::default()
        };
        check_params(&least, &["ImageId=m-1", "OSSBucket=b"]);
        let most = ExportImageRequest {
            oss_prefix: Some("p".to_owned()),
            image_format: Some("qcow2".to_owned()),
            role_name: Some("role".to_owned()),
            ..least
        };
        check_params(
            &most,
            &["ImageId=m-1", "OSSBucket=b", "OSSPrefix=p", "ImageFormat=qcow2", "RoleName=role"],
        );
        assert!(!most.is_idempotent());
    }
}
