//! `ModifyImageSharePermission`: shares an image with accounts, and ends sharing it.

use std::time::Duration;

use crate::ecs::action::{Action, Params};
use crate::error::Rule;

/// Which accounts may use an image from now on, and which may not any more. Safe to repeat. Only an image that the caller
/// made, and that is `Available`, can be shared, with at most 50 accounts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModifyImageSharePermissionRequest {
    /// The image.
    pub image_id: String,
    /// Numbers of up to 10 accounts to share it with. The cloud passes over those behind the tenth without a word.
    pub add_accounts: Vec<String>,
    /// Numbers of up to 10 accounts to share it with no longer, limited as `add_accounts` is.
    pub remove_accounts: Vec<String>,
}

impl Action for ModifyImageSharePermissionRequest {
    const NAME: &'static str = "ModifyImageSharePermission";
    const TIME_LIMIT: Duration = Duration::from_secs(16);
    // Codes of an image that is not to be shared as it is. Whether that passes only the image's status tells.
    const RULES: &'static [Rule] = &[
        Rule::conflict("IncorrectImageStatus"),
        Rule::conflict("InvalidStatus.ImageIsCreating"),
        Rule::conflict("OperationDenied.InvalidImageStatus"),
    ];

    type Response = ();

    fn params(&self) -> Vec<(String, String)> {
        let mut params = Params::default();
        params.text("ImageId", Some(&self.image_id));
        params.list("AddAccount", &self.add_accounts);
        params.list("RemoveAccount", &self.remove_accounts);
        params.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;
    use crate::ecs::action::check_params;
    use crate::testing::{Stub, broken, client, in_seconds, ok, refuse};

    fn request() -> ModifyImageSharePermissionRequest {
        ModifyImageSharePermissionRequest {
            image_id: "m-1".to_owned(),
            add_accounts: vec!["1".to_owned(), "2".to_owned()],
            remove_accounts: vec!["3".to_owned()],
        }
    }

    #[test]
    fn accounts_are_numbered_from_one() {
        check_params(&request(), &["ImageId=m-1", "AddAccount.1=1", "AddAccount.2=2", "RemoveAccount.1=3"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_lost_answer_is_followed_by_another_call() {
        let stub = Stub::script(vec![broken(), ok(r#"{"RequestId":"R"}"#)]);
        client(&stub).modify_image_share_permission(&request(), in_seconds(60)).await.expect("shared");
        assert_eq!(stub.actions(), ["ModifyImageSharePermission"; 2]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_is_final() {
        for (status, code, kind) in [
            (400, "IncorrectImageStatus", ErrorKind::Conflict),
            (403, "InvalidStatus.ImageIsCreating", ErrorKind::Conflict),
            (403, "OperationDenied.InvalidImageStatus", ErrorKind::Conflict),
            (403, "QuotaExceed.ShareImageUser", ErrorKind::Quota),
            (404, "InvalidImageId.NotFound", ErrorKind::NotFound),
            (404, "InvalidAccount.NotFound", ErrorKind::InvalidRequest),
            (404, "InvalidAccount.Forbbiden", ErrorKind::InvalidRequest),
        ] {
            let stub = Stub::script(vec![refuse(status, code)]);
            let answer = client(&stub).modify_image_share_permission(&request(), in_seconds(60)).await;
            let error = answer.expect_err(code);
            assert_eq!((error.kind(), stub.sent().len()), (kind, 1), "{code}");
        }
    }
}
