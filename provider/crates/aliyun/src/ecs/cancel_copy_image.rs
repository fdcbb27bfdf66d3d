//! `CancelCopyImage`: ends a copy that is under way. The cloud then deletes the unfinished image.

use crate::ecs::action::{Action, Params};

/// Which copy to cancel. Safe to repeat: one that has been cancelled is refused, and the image is gone before long.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CancelCopyImageRequest {
    /// The copy, not its source. The call goes to the copy's region.
    pub image_id: String,
}

impl Action for CancelCopyImageRequest {
    const NAME: &'static str = "CancelCopyImage";

    type Response = ();

    fn params(&self) -> Vec<(String, String)> {
        let mut params = Params::default();
        params.text("ImageId", Some(&self.image_id));
        params.0
    }
}
