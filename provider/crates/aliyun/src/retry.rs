//! When to send again: delays, and nothing else. Pure but for the dice.

use std::time::Duration;

/// How a client repeats calls. Times are wall-clock times; the defaults suit the public cloud.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// The first delay's upper bound; it doubles with every failure. 500 ms.
    pub base: Duration,
    /// No delay is longer than this, unless the server asks for it. 20 s.
    pub cap: Duration,
    /// The pace at which a call is repeated that waits for something else to finish (an instance to stop, a snapshot to be
    /// ready); the first few looks are faster. 5 s.
    pub wait: Duration,
    /// How long an endpoint may be unreachable before the call fails. 25 s: a person gets an answer within half a minute.
    pub unreachable: Duration,
    /// How many answers in a row may be something else than this API's before the call fails. 3.
    pub unexpected: u32,
    /// How many times in a row a connection may break or an attempt run out of time before the call fails. 10.
    pub broken: u32,
}

impl Default for RetryPolicy {
    fn default() -> RetryPolicy {
        RetryPolicy {
            base: Duration::from_millis(500),
            cap: Duration::from_secs(20),
            wait: Duration::from_secs(5),
            unreachable: Duration::from_secs(25),
            unexpected: 3,
            broken: 10,
        }
    }
}

impl RetryPolicy {
    /// Full jitter: anything from nothing to the bound, which doubles with each of `failures` (the first is 0).
    pub(crate) fn backoff(&self, failures: u32) -> Duration {
        jittered(doubled(self.base, failures, self.cap))
    }

    /// A steady pace, reached after some faster looks, up to a quarter early so that a thousand waits drift apart.
    pub(crate) fn pace(&self, looks: u32) -> Duration {
        let pace = doubled(self.wait / 5, looks, self.wait);
        pace - jittered(pace / 4)
    }
}

fn doubled(base: Duration, times: u32, cap: Duration) -> Duration {
    base.saturating_mul(1_u32.checked_shl(times).unwrap_or(u32::MAX).max(1)).min(cap)
}

fn jittered(bound: Duration) -> Duration {
    bound.mul_f64(rand::random::<f64>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_the_cap_however_many_failures() {
        let policy = RetryPolicy::default();
        for (failures, bound) in
            [(0, 500), (1, 1_000), (5, 16_000), (6, 20_000), (31, 20_000), (4_000, 20_000)]
        {
            let longest = (0..200).map(|_| policy.backoff(failures)).max().expect("some");
            assert!(longest <= Duration::from_millis(bound), "{failures}: {longest:?}");
            assert!(longest > Duration::from_millis(bound * 8 / 10), "{failures}: {longest:?}");
        }
    }

    #[test]
    fn a_wait_looks_early_and_settles_at_the_pace() {
        let policy = RetryPolicy::default();
        assert!(policy.pace(0) <= Duration::from_secs(1));
        for looks in [5, 50, 500] {
            let pace = policy.pace(looks);
            assert!(pace <= policy.wait && pace >= policy.wait * 3 / 4, "{pace:?}");
        }
    }
}
