//! `DeleteSnapshot`: removes a snapshot.

use std::time::Duration;

use crate::ecs::action::{Action, Params};
use crate::error::{Class, ErrorKind, Rule};

/// Which snapshot to delete. Safe to repeat: ids are never used again, and one that is gone is `NotFound`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeleteSnapshotRequest {
    /// The snapshot.
    pub snapshot_id: String,
    /// Also if disks were made from it. One that an image still uses is refused all the same.
    pub force: Option<bool>,
}

impl Action for DeleteSnapshotRequest {
    const NAME: &'static str = "DeleteSnapshot";
    const TIME_LIMIT: Duration = Duration::from_secs(17);
    const RULES: &'static [Rule] = &[
        // Its image is being deleted; the code is left for a while after the image is gone.
        Rule::wait("SnapshotCreatedImage"),
        Rule::wait("IncorrectDiskStatus.CreatingSnapshot"),
        Rule::wait("InvalidOperation.RelatedSnapshotNotFinished"),
        Rule::new("Operation.Conflict", ErrorKind::Conflict, Class::Backoff),
        Rule::conflict("SnapshotCreatedDisk"),
    ];
    /// The model has none: the endpoint decides.
    const HAS_REGION: bool = false;

    type Response = ();

    fn params(&self) -> Vec<(String, String)> {
        let mut params = Params::default();
        params.text("SnapshotId", Some(&self.snapshot_id));
        params.value("Force", self.force);
        params.0
    }
}
