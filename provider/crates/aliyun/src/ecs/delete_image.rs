//! `DeleteImage`: removes an image; its snapshots stay.

use std::time::Duration;

use crate::ecs::action::{Action, Params};
use crate::error::Rule;

/// Which image to delete. Safe to repeat: an image that is gone is `NotFound`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeleteImageRequest {
    /// The image.
    pub image_id: String,
    /// Also if instances still use it. A shared, copied, imported or published one is refused all the same.
    pub force: Option<bool>,
}

impl Action for DeleteImageRequest {
    const NAME: &'static str = "DeleteImage";
    const TIME_LIMIT: Duration = Duration::from_secs(36);
    // What to do about an import the caller knows.
    const RULES: &'static [Rule] = &[Rule::conflict("ImageIsImporting"), Rule::wait("ImageIsExporting")];

    type Response = ();

    fn params(&self) -> Vec<(String, String)> {
        let mut params = Params::default();
        params.text("ImageId", Some(&self.image_id));
        params.value("Force", self.force);
        params.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ecs::action::check_params;

    #[test]
    fn booleans_travel_as_words() {
        let request = DeleteImageRequest { image_id: "m-1".to_owned(), force: Some(true) };
        check_params(&request, &["ImageId=m-1", "Force=true"]);
    }
}
