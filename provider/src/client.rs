//! What the resources' verbs work with: the cloud's client, and what of it differs from cloud to cloud.

use std::time::Duration;

use pulumi::Failure;
use tokio::time::Instant;

use crate::ecs::images::account::Account;
use crate::ecs::images::looks::Looks;

/// A configured connection to the cloud.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    /// The API.
    pub(crate) api: aliyun::Client,
    /// Whether the setting `region` names the region, rather than a variable or a profile.
    pub(crate) region_named: bool,
    /// Where the region comes from, for messages.
    pub(crate) region_origin: String,
    /// How often to look while waiting.
    pub(crate) pace: Pace,
    /// Looks at images.
    pub(crate) looks: Looks,
    /// The images that there were when this process made its first one.
    pub(crate) account: Account,
    /// The provider resource's id in the state, if the engine tells it.
    pub(crate) provider_id: Option<String>,
}

#[cfg(test)]
impl Client {
    /// A client in a named region, at the real cloud's pace.
    pub(crate) fn for_tests(api: aliyun::Client, provider_id: Option<&str>) -> Client {
        Client {
            looks: Looks::new(api.clone()),
            account: Account::new(api.clone()),
            region_named: true,
            region_origin: "the setting alicloud:region".to_owned(),
            pace: Pace::cloud(),
            provider_id: provider_id.map(str::to_owned),
            api,
        }
    }
}

impl Client {
    /// Refuses what is asked of an image in another region: it would look deleted here.
    pub(crate) fn check_region(&self, id: &str, recorded: Option<&str>) -> Result<(), Failure> {
        let here = self.api.region();
        match recorded.filter(|recorded| !recorded.is_empty() && *recorded != here) {
            None => Ok(()),
            Some(recorded) => Err(Failure::Refused(format!(
                "image {id} is in the region {recorded}, and the provider works in {here} (from {}). To go on with this image: \
                 pulumi config set alicloud:region {recorded}, and run the command again (refresh and destroy with \
                 --run-program, as they take the settings of the last `pulumi up` otherwise). To make it anew in {here}, run \
                 `pulumi up` with that setting first, and then change it to {here}",
                self.region_origin
            ))),
        }
    }

    /// Whether an image that is not found is gone. It may be in another region, if the state does not say where it is and the
    /// region here comes from a variable or a profile.
    pub(crate) fn prove_absence(&self, id: &str, recorded: Option<&str>) -> Result<(), Failure> {
        if recorded.is_some() || self.region_named {
            return Ok(());
        }
        let here = self.api.region();
        Err(Failure::Refused(format!(
            "image {id} is not in the region {here} (from {}), and the state does not say in which region it is. If it was in \
             {here} and is gone, name the region: pulumi config set alicloud:region {here}, and run the command again (refresh \
             and destroy with --run-program). If it is in another region, name that one",
            self.region_origin
        )))
    }
}

/// How often to look at something that changes by itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// Before the first look, and between the next ones.
    pub(crate) first: Duration,
    /// Between later looks, at most.
    pub(crate) most: Duration,
    /// How long a new image may be missing from DescribeImages before that means something.
    pub(crate) unseen: Duration,
    /// How long an image may be missing from DescribeImages before the wait for it ends.
    pub(crate) invisible: Duration,
    /// From when the instants are counted at which all waits look at once.
    pub(crate) epoch: Instant,
}

/// Looks are a fifteenth of the time waited so far apart, so that waiting costs no more than that beyond what it must.
const PATIENCE: u32 = 15;
/// Where what is left is told and never comes to an end, looks become rarer all the same, if later.
const LAST_PATIENCE: u32 = 60;

impl Pace {
    /// For the real cloud.
    pub(crate) fn cloud() -> Pace {
        Pace {
            first: Duration::from_secs(1),
            most: Duration::from_secs(10),
            unseen: Duration::from_secs(2),
            invisible: Duration::from_secs(60),
            epoch: Instant::now(),
        }
    }

    /// When to look next, after so long a wait, with so much of it left as far as the cloud tells, where a look at all
    /// that is waited for takes so many calls. All waits are told the same few instants, so that their looks go together.
    pub(crate) fn next(&self, waited: Duration, left: Option<Duration>, calls: usize) -> Instant {
        let share = |part: u32| (waited / part).clamp(self.first, self.most);
        let delay = match left {
            Some(left) => left.clamp(share(LAST_PATIENCE), share(PATIENCE)),
            None => share(PATIENCE),
        };
        // Ten calls in the time between the first looks are no burden to a cloud's quota.
        let delay = delay.max(self.first / 10 * u32::try_from(calls).unwrap_or(u32::MAX));
        self.round(Instant::now(), delay)
    }

    /// The instant nearest to `now + delay` that is a whole number of steps after the epoch; a step is the first delay,
    /// doubled as often as it stays within this one.
    fn round(&self, now: Instant, delay: Duration) -> Instant {
        let mut step = self.first.max(Duration::from_millis(1));
        while step * 2 <= delay {
            step *= 2;
        }
        let since = now.saturating_duration_since(self.epoch) + delay;
        let steps = (since.as_nanos() + step.as_nanos() / 2) / step.as_nanos();
        self.epoch + step * u32::try_from(steps).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace() -> Pace {
        Pace::cloud()
    }

    fn seconds(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    #[test]
    fn waits_that_began_apart_look_together() {
        let pace = pace();
        for delay in [1.0, 1.9, 2.0, 5.0, 10.0] {
            let step = if delay < 2.0 {
                1.0
            } else if delay < 4.0 {
                2.0
            } else if delay < 8.0 {
                4.0
            } else {
                8.0
            };
            for now in [0.0, 0.3, 0.9, 17.77] {
                let next = pace.round(pace.epoch + seconds(now), seconds(delay)) - pace.epoch;
                assert_eq!(next.as_secs_f64() % step, 0.0, "{now} + {delay}");
                assert!((next.as_secs_f64() - now - delay).abs() <= step / 2.0, "{now} + {delay}: {next:?}");
            }
        }
    }

    #[track_caller]
    fn check(waited: f64, left: Option<f64>, calls: usize, least: f64, most: f64) {
        let now = Instant::now();
        let delay = pace().next(seconds(waited), left.map(seconds), calls) - now;
        assert!(delay >= seconds(least) && delay <= seconds(most), "{delay:?}");
    }

    #[test]
    fn looks_become_rarer_the_longer_it_takes() {
        check(0.0, None, 1, 0.5, 1.6);
        check(30.0, None, 1, 1.0, 3.1);
        check(600.0, None, 1, 5.9, 14.1);
    }

    #[test]
    fn what_the_cloud_says_is_left_brings_the_next_look_forward() {
        check(100.0, None, 1, 4.6, 8.8);
        check(100.0, Some(1.0), 1, 0.9, 2.3);
        check(600.0, Some(0.0), 1, 5.9, 14.1);
    }

    #[test]
    fn a_crowd_is_looked_at_less_often() {
        check(0.0, None, 10, 0.5, 1.6);
        check(0.0, None, 100, 5.9, 14.1);
    }
}
