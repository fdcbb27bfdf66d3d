//! What the profile makes go wrong by itself: calls in a fixed order, and reads that lag behind.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::clock::Millis;
use crate::fault::Fault;
use crate::faults::{Posted, Then};
use crate::profile::{Cycle, Flaw, Profile, ROUND};
use crate::state::State;

/// How late a late answer is.
const LATE_MS: u64 = 1_500;

#[derive(Debug)]
pub(crate) struct Flaky {
    cycle: &'static Cycle,
    /// The calls to ECS so far.
    calls: u64,
    /// What was there before each of the last changes, and when that was made. The oldest first.
    past: VecDeque<(Millis, State)>,
}

impl Flaky {
    pub(crate) fn new(profile: Profile) -> Flaky {
        Flaky { cycle: profile.cycle(), calls: 0, past: VecDeque::new() }
    }

    /// Counts a call to ECS. What goes wrong with it, if anything does.
    pub(crate) fn take(&mut self, action: &str, is_read: bool, now: Millis) -> Option<Posted> {
        let place = self.calls % ROUND + 1;
        self.calls += 1;
        if let Some((_, flaw)) = self.cycle.flaws.iter().find(|(call, _)| *call == place) {
            return Some(Posted { fault: flaw.on(action), then: None });
        }
        self.drop_old(now);
        let (_, state) = self.past.front().filter(|_| is_read)?;
        let then = Then { state: state.clone(), now };
        Some(Posted { fault: Fault::on(action).stale(), then: Some(Arc::new(then)) })
    }

    /// To be told before every change.
    pub(crate) fn keep(&mut self, state: &State, now: Millis) {
        self.drop_old(now);
        if !self.cycle.lag.is_zero() {
            self.past.push_back((now, state.clone()));
        }
    }

    /// From now on reads show what is there.
    pub(crate) fn forget(&mut self) {
        self.past.clear();
    }

    fn drop_old(&mut self, now: Millis) {
        let lag = Millis::try_from(self.cycle.lag.as_millis()).unwrap_or(Millis::MAX);
        while self.past.front().is_some_and(|(changed, _)| changed.saturating_add(lag) <= now) {
            self.past.pop_front();
        }
    }
}

impl Flaw {
    fn on(self, action: &str) -> Fault {
        let fault = Fault::on(action);
        match self {
            Flaw::Throttled => fault.throttle(),
            Flaw::Unavailable => fault.http().status(503),
            Flaw::InternalError => fault.error("InternalError").status(500),
            Flaw::Lost => fault.reset_before(),
            Flaw::AnswerLost => fault.reset_after(),
            Flaw::Late => fault.delay_ms(LATE_MS),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// The kinds of what goes wrong with so many calls, by the number of the call.
    fn kinds(profile: Profile, calls: u64) -> Vec<(u64, String)> {
        let mut flaky = Flaky::new(profile);
        let met = |call| flaky.take("A", false, 0).map(|posted| (call, json!(posted.fault.kind).to_string()));
        (1..=calls).filter_map(met).collect()
    }

    #[test]
    fn the_same_calls_of_every_round_go_wrong() {
        let first = kinds(Profile::Flaky, ROUND);
        let expect = ["reset_after", "error", "delay", "http", "reset_before", "throttle"];
        let seen: Vec<String> = first.iter().map(|(_, kind)| kind.replace('"', "")).collect();
        assert_eq!(seen, expect);
        let again = first.iter().map(|(call, kind)| (call + ROUND, kind.clone()));
        assert_eq!(kinds(Profile::Flaky, 2 * ROUND), first.iter().cloned().chain(again).collect::<Vec<_>>());
    }

    #[test]
    fn nothing_goes_wrong_in_the_other_profiles() {
        for profile in [Profile::Fast, Profile::Real, Profile::Slow] {
            assert_eq!(kinds(profile, 3 * ROUND), []);
            let mut flaky = Flaky::new(profile);
            flaky.keep(&State::default(), 0);
            assert!(flaky.take("A", true, 0).is_none(), "{profile:?}");
        }
    }

    /// How many regions a read at that time sees; `None` if it sees what is there.
    #[track_caller]
    fn check(flaky: &mut Flaky, is_read: bool, now: Millis, expect: Option<usize>) {
        flaky.calls = 0;
        let seen = flaky.take("A", is_read, now).and_then(|posted| posted.then);
        assert_eq!(seen.map(|then| then.state.regions.len()), expect, "at {now}");
    }

    #[test]
    fn a_read_shows_what_was_there_before_the_changes_of_the_last_moments() {
        let (mut flaky, mut state) = (Flaky::new(Profile::Flaky), State::default());
        for (region, now) in [("a", 0), ("b", 300)] {
            flaky.keep(&state, now);
            state.region(region, now);
        }
        check(&mut flaky, true, 350, Some(0));
        check(&mut flaky, false, 350, None);
        check(&mut flaky, true, 500, Some(1));
        check(&mut flaky, true, 800, None);
        flaky.keep(&state, 2_000);
        flaky.forget();
        check(&mut flaky, true, 2_000, None);
    }
}
