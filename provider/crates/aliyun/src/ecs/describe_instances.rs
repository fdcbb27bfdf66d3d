//! `DescribeInstances`: what instances there are.

use serde::Deserialize;

use super::{Action, Params};
use crate::lenient;

/// Which instances to describe.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DescribeInstancesRequest {
    /// Up to 100 ids.
    pub instance_ids: Vec<String>,
    /// `Pending`, `Running`, `Starting`, `Stopping` or `Stopped`.
    pub status: Option<String>,
    /// How many to a page, 10 to 100; 10 if absent.
    pub max_results: Option<u32>,
    /// Where to go on, from the page before.
    pub next_token: Option<String>,
}

/// One page of instances.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default, rename_all = "PascalCase")]
pub struct DescribeInstancesResponse {
    /// The instances.
    #[serde(deserialize_with = "lenient::list")]
    pub instances: Vec<Instance>,
    /// Where the next page starts; absent or empty on the last.
    #[serde(deserialize_with = "lenient::text")]
    pub next_token: Option<String>,
    /// How many there are; not meaningful where paging goes by token.
    #[serde(deserialize_with = "lenient::number")]
    pub total_count: Option<i64>,
    /// For the cloud's support.
    #[serde(deserialize_with = "lenient::text")]
    pub request_id: Option<String>,
}

/// An instance, as far as images are concerned.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default, rename_all = "PascalCase")]
pub struct Instance {
    /// The id.
    #[serde(deserialize_with = "lenient::text")]
    pub instance_id: Option<String>,
    /// The name.
    #[serde(deserialize_with = "lenient::text")]
    pub instance_name: Option<String>,
    /// `Pending`, `Running`, `Starting`, `Stopping` or `Stopped`.
    #[serde(deserialize_with = "lenient::text")]
    pub status: Option<String>,
    /// The image it was made from.
    #[serde(deserialize_with = "lenient::text")]
    pub image_id: Option<String>,
    /// The zone.
    #[serde(deserialize_with = "lenient::text")]
    pub zone_id: Option<String>,
}

impl Action for DescribeInstancesRequest {
    const NAME: &'static str = "DescribeInstances";

    type Response = DescribeInstancesResponse;

    fn params(&self) -> Vec<(String, String)> {
        let mut params = Params::default();
        params.json("InstanceIds", &self.instance_ids);
        params.text("Status", self.status.as_ref());
        params.value("MaxResults", self.max_results);
        params.text("NextToken", self.next_token.as_ref());
        params.0
    }
}
