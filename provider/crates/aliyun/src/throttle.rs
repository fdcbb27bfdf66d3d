//! One limiter for all calls of a client: it lets them run freely until the cloud says they are too many, then paces them.
//!
//! Calls in flight are few at first and grow with every success (as TCP starts slowly), so that a thousand calls made at
//! once do not all run into a limit that one of them could have found out about. From the first throttled answer on, a
//! rate is kept: it falls to a fraction of what the server was seen to carry, and rises again along a cubic curve that
//! is flat near the rate at which it was throttled last and steep beyond (the AWS SDKs' adaptive mode does alike).

use std::collections::VecDeque;
use std::sync::{Arc, Mutex as Lock, MutexGuard};
use std::time::Duration;

use tokio::sync::{Mutex, Notify};
use tokio::time::{Instant, sleep_until};

/// Calls in flight before anything is known.
const FIRST_WINDOW: usize = 16;
/// Calls in flight at most: every one is a connection, and some systems allow 256 open files.
const LAST_WINDOW: usize = 200;
/// What remains of the rate when the server throttles.
const CUT: f64 = 0.8;
/// How fast the rate rises again, in calls per second per cubic second.
const RISE: f64 = 0.02;
/// The rate never falls below one call in five seconds.
const LEAST_RATE: f64 = 0.2;
/// Over how long the server's rate is measured.
const MEASURE: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub(crate) struct Throttle {
    /// Held by the one call that waits for its turn; the others queue behind it, first come first served.
    turn: Mutex<()>,
    state: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Lock<State>,
    freed: Notify,
}

#[derive(Debug)]
struct State {
    in_flight: usize,
    window: usize,
    /// When the last second's successes came in.
    carried: VecDeque<Instant>,
    pace: Option<Pace>,
}

/// The rate after a cut.
#[derive(Clone, Copy, Debug)]
struct Pace {
    cut_at: Instant,
    /// The rate at the cut, to which the curve rises back.
    last: f64,
    /// No call starts before this.
    next: Instant,
}

impl Default for State {
    fn default() -> State {
        State { in_flight: 0, window: FIRST_WINDOW, carried: VecDeque::new(), pace: None }
    }
}

impl Pace {
    fn rate(&self, now: Instant) -> f64 {
        let back = (self.last * (1.0 - CUT) / RISE).cbrt();
        let time = now.duration_since(self.cut_at).as_secs_f64();
        (RISE * (time - back).powi(3) + self.last).max(LEAST_RATE)
    }
}

/// The right to make one call. The call counts as in flight until this is dropped.
#[derive(Debug)]
pub(crate) struct Permit {
    shared: Arc<Shared>,
    started: Instant,
}

impl Throttle {
    /// Waits for a turn. Dropping the future gives up the place in the queue.
    pub(crate) async fn acquire(&self) -> Permit {
        let _turn = self.turn.lock().await;
        loop {
            let freed = self.state.freed.notified();
            let wait = {
                let mut state = self.state.lock();
                let now = Instant::now();
                match state.pace {
                    _ if state.in_flight >= state.window => None,
                    Some(pace) if pace.next > now => Some(pace.next),
                    pace => {
                        if let Some(pace) = pace {
                            let next = now + Duration::from_secs_f64(1.0 / pace.rate(now));
                            state.pace = Some(Pace { next, ..pace });
                        }
                        state.in_flight += 1;
                        return Permit { shared: Arc::clone(&self.state), started: now };
                    }
                }
            };
            match wait {
                Some(next) => sleep_until(next).await,
                None => freed.await,
            }
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl State {
    /// Successes per second of late, over a whole second even if there were fewer: a burst says nothing about the rate.
    fn measured(&mut self, now: Instant) -> f64 {
        while self.carried.front().is_some_and(|at| now.duration_since(*at) > MEASURE) {
            self.carried.pop_front();
        }
        u32::try_from(self.carried.len()).map_or(f64::MAX, f64::from)
    }
}

impl Permit {
    /// The server took the call, whatever else it said about it.
    pub(crate) fn carried(&self) {
        let mut state = self.shared.lock();
        let now = Instant::now();
        state.carried.push_back(now);
        state.measured(now);
        state.window = (state.window + 1).min(LAST_WINDOW);
    }

    /// The server refused the call as one too many. Returns the new rate in calls per second if this changed it.
    pub(crate) fn throttled(&self) -> Option<f64> {
        let mut state = self.shared.lock();
        let now = Instant::now();
        // Calls under way when the rate was cut say nothing about the new rate.
        if state.pace.is_some_and(|pace| self.started <= pace.cut_at) {
            return None;
        }
        let measured = state.measured(now);
        let last = match state.pace {
            Some(pace) => pace.rate(now).min(measured.max(pace.last * CUT)),
            None => measured,
        };
        let last = last.max(LEAST_RATE / CUT);
        // Half a second's rest lets a server refill that counts per second.
        state.pace = Some(Pace { cut_at: now, last, next: now + Duration::from_millis(500) });
        Some(last * CUT)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.shared.lock().in_flight -= 1;
        self.shared.freed.notify_one();
    }
}
