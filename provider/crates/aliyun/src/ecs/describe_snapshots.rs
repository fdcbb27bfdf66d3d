//! `DescribeSnapshots`: what snapshots there are.

use std::time::Duration;

use serde::Deserialize;

use super::{Action, Params};
use crate::lenient;

/// Which snapshots to describe.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DescribeSnapshotsRequest {
    /// Up to 100 ids.
    pub snapshot_ids: Vec<String>,
    /// `progressing`, `accomplished`, `failed` or `all`.
    pub status: Option<String>,
    /// How many to a page, up to 100; 10 if absent.
    pub max_results: Option<u32>,
    /// Where to go on, from the page before.
    pub next_token: Option<String>,
}

/// One page of snapshots.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default, rename_all = "PascalCase")]
pub struct DescribeSnapshotsResponse {
    /// The snapshots.
    #[serde(deserialize_with = "lenient::list")]
    pub snapshots: Vec<Snapshot>,
    /// Where the next page starts; absent or empty on the last.
    #[serde(deserialize_with = "lenient::text")]
    pub next_token: Option<String>,
    /// How many there are.
    #[serde(deserialize_with = "lenient::number")]
    pub total_count: Option<i64>,
    /// For the cloud's support.
    #[serde(deserialize_with = "lenient::text")]
    pub request_id: Option<String>,
}

/// A snapshot.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default, rename_all = "PascalCase")]
pub struct Snapshot {
    /// The id.
    #[serde(deserialize_with = "lenient::text")]
    pub snapshot_id: Option<String>,
    /// The name.
    #[serde(deserialize_with = "lenient::text")]
    pub snapshot_name: Option<String>,
    /// `progressing`, `accomplished` or `failed`.
    #[serde(deserialize_with = "lenient::text")]
    pub status: Option<String>,
    /// Percent as text.
    #[serde(deserialize_with = "lenient::text")]
    pub progress: Option<String>,
    /// `yyyy-MM-ddTHH:mm:ssZ`, UTC.
    #[serde(deserialize_with = "lenient::text")]
    pub creation_time: Option<String>,
    /// GiB of the disk it was made of.
    #[serde(deserialize_with = "lenient::number")]
    pub source_disk_size: Option<i64>,
    /// `system` or `data`.
    #[serde(deserialize_with = "lenient::text")]
    pub source_disk_type: Option<String>,
    /// The disk it was made of.
    #[serde(deserialize_with = "lenient::text")]
    pub source_disk_id: Option<String>,
    /// `image`, `disk`, `image_disk` or `none`.
    #[serde(deserialize_with = "lenient::text")]
    pub usage: Option<String>,
}

impl Action for DescribeSnapshotsRequest {
    const NAME: &'static str = "DescribeSnapshots";
    const TIME_LIMIT: Duration = Duration::from_secs(26);

    type Response = DescribeSnapshotsResponse;

    fn params(&self) -> Vec<(String, String)> {
        let mut params = Params::default();
        params.json("SnapshotIds", &self.snapshot_ids);
        params.text("Status", self.status.as_ref());
        params.value("MaxResults", self.max_results);
        params.text("NextToken", self.next_token.as_ref());
        params.0
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::check_params;
    use super::*;

    #[test]
    fn ids_travel_as_a_json_array_in_one_text() {
        let request = DescribeSnapshotsRequest {
            snapshot_ids: vec!["s-1".to_owned(), "s-2".to_owned()],
            ..DescribeSnapshotsRequest::default()
        };
        check_params(&request, &[r#"SnapshotIds=["s-1","s-2"]"#]);
    }
}
