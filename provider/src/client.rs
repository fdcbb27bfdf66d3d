//! What the resources' verbs work with: the cloud's client, and what of it differs from cloud to cloud.

use std::time::Duration;

/// A configured connection to the cloud.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    /// The API.
    pub(crate) api: aliyun::Client,
    /// What to ask DescribeImages for, so that images in every state are seen.
    pub(crate) every_status: &'static str,
    /// How often to look while waiting.
    pub(crate) pace: Pace,
}

/// How often to look at something that changes by itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// Before the first look.
    pub(crate) first: Duration,
    /// Between later looks, at most.
    pub(crate) most: Duration,
    /// How long a new image may be missing from DescribeImages before that means something.
    pub(crate) unseen: Duration,
}

impl Pace {
    /// For the real cloud.
    pub(crate) const CLOUD: Pace = Pace {
        first: Duration::from_millis(1000),
        most: Duration::from_secs(5),
        unseen: Duration::from_secs(2),
    };

    /// How long to wait before the next look, after `looks` of them: half as long again each time.
    pub(crate) fn delay(&self, looks: u32) -> Duration {
        let factor = 1.5_f64.powi(i32::try_from(looks.saturating_sub(1)).unwrap_or(i32::MAX).min(64));
        self.first.mul_f64(factor).min(self.most)
    }
}
