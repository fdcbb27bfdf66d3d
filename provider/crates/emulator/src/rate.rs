//! `--calls-per-second`: a bucket that holds one second's worth of calls and refills evenly, on the emulator's clock.

use std::num::NonZeroU32;

use crate::clock::Millis;

#[derive(Debug)]
pub(crate) struct Rate {
    per_second: i64,
    /// In thousandths of a call.
    left: i64,
    at: Millis,
}

impl Rate {
    pub(crate) fn new(limit: NonZeroU32, now: Millis) -> Rate {
        let per_second = i64::from(limit.get());
        Rate { per_second, left: per_second * 1_000, at: now }
    }

    /// Counts a call, unless it is one too many.
    pub(crate) fn allows(&mut self, now: Millis) -> bool {
        let gained = (now - self.at).clamp(0, 1_000) * self.per_second;
        self.left = (self.left + gained).min(self.per_second * 1_000);
        self.at = now;
        if self.left < 1_000 {
            return false;
        }
        self.left -= 1_000;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_kept_over_any_time() {
        let mut rate = Rate::new(NonZeroU32::new(20).expect("not zero"), 0);
        let allowed = (0..10_000).filter(|ms| rate.allows(*ms)).count();
        assert_eq!(allowed, 20 + 199);
    }

    #[test]
    fn what_was_not_used_is_lost_after_a_second() {
        let mut rate = Rate::new(NonZeroU32::new(2).expect("not zero"), 0);
        let allowed = (0..10).filter(|_| rate.allows(3_600_000)).count();
        assert_eq!(allowed, 2);
    }
}
