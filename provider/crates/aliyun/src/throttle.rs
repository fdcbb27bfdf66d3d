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
/// Calls in flight at most: every one is a connection with its buffers, and at a fifth of a second each these are 160 a
/// second, which is more than quotas allow.
const LAST_WINDOW: usize = 32;
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
    recovery: Option<Recovery>,
}

/// The rate after a cut, and its recovery.
#[derive(Clone, Copy, Debug)]
struct Recovery {
    cut_at: Instant,
    /// The rate at the cut, to which the curve rises back.
    last: f64,
    /// No call starts before this.
    next: Instant,
}

impl Default for State {
    fn default() -> State {
        State { in_flight: 0, window: FIRST_WINDOW, carried: VecDeque::new(), recovery: None }
    }
}

impl Recovery {
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
                match state.recovery {
                    _ if state.in_flight >= state.window => None,
                    Some(recovery) if recovery.next > now => Some(recovery.next),
                    recovery => {
                        if let Some(recovery) = recovery {
                            let next = now + Duration::from_secs_f64(1.0 / recovery.rate(now));
                            state.recovery = Some(Recovery { next, ..recovery });
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
        if state.recovery.is_some_and(|recovery| self.started <= recovery.cut_at) {
            return None;
        }
        let measured = state.measured(now);
        let last = match state.recovery {
            Some(recovery) => recovery.rate(now).min(measured.max(recovery.last * CUT)),
            None => measured,
        };
        let last = last.max(LEAST_RATE / CUT);
        // Half a second's rest lets a server refill that counts per second.
        state.recovery = Some(Recovery { cut_at: now, last, next: now + Duration::from_millis(500) });
        Some(last * CUT)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.shared.lock().in_flight -= 1;
        self.shared.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex as Lock;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures::FutureExt as _;
    use tokio::task::JoinSet;
    use tokio::time::sleep;

    use super::*;
    use crate::ecs::{CreateImageRequest, DescribeImagesRequest};
    use crate::testing::{Reply, Stub, client, in_seconds, ok, refuse};

    /// A server's own idea of too many calls: true if one more may come in.
    type Limit = Box<dyn Fn(Instant) -> bool + Send + Sync>;

    /// So many calls per second, with as many in reserve.
    fn bucket(rate: f64, reserve: f64) -> Limit {
        let state = Lock::new((reserve, Instant::now()));
        Box::new(move |now| {
            let mut state = state.lock().expect("no panic");
            let gained = now.duration_since(state.1).as_secs_f64() * rate;
            *state = ((state.0 + gained).min(reserve), now);
            let allowed = state.0 >= 1.0;
            if allowed {
                state.0 -= 1.0;
            }
            allowed
        })
    }

    /// So many calls in every second of the clock.
    fn window(rate: usize) -> Limit {
        let began = Instant::now();
        let state = Lock::new((0, 0));
        Box::new(move |now| {
            let second = now.duration_since(began).as_secs();
            let mut state = state.lock().expect("no panic");
            if state.0 != second {
                *state = (second, 0);
            }
            state.1 += 1;
            state.1 <= rate
        })
    }

    struct Outcome {
        calls: usize,
        throttled: usize,
        seconds: f64,
    }

    /// A thousand images made at once, each polled until it is ready 40 s later, against a server with a limit.
    async fn thousand_images(latency: u64, limit: Limit) -> Outcome {
        let throttled = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&throttled);
        let ready = Lock::new(std::collections::HashMap::new());
        let limit = Arc::new(limit);
        let ready = Arc::new(ready);
        let stub = Stub::slow(move |sent| {
            let (limit, ready, counted) = (Arc::clone(&limit), Arc::clone(&ready), Arc::clone(&counted));
            async move {
                sleep(Duration::from_millis(latency / 2)).await;
                let now = Instant::now();
                let reply: Reply = if !limit(now) {
                    counted.fetch_add(1, Ordering::Relaxed);
                    refuse(400, "Throttling.User")
                } else if sent.action() == "CreateImage" {
                    let id = sent.param("ImageName").to_owned();
                    ready.lock().expect("no panic").insert(id.clone(), now + Duration::from_secs(40));
                    ok(&format!(r#"{{"ImageId":"{id}"}}"#))
                } else {
                    let done = ready.lock().expect("no panic")[sent.param("ImageId")] <= now;
                    ok(&format!(r#"{{"Images":{{"Image":[{{"Usable":{done}}}]}}}}"#))
                };
                sleep(Duration::from_millis(latency - latency / 2)).await;
                reply
            }
            .boxed()
        });
        let client = client(&stub);
        let started = Instant::now();
        let mut images = JoinSet::new();
        for index in 0..1_000 {
            let client = client.clone();
            images.spawn(async move {
                let request = CreateImageRequest {
                    image_name: Some(format!("m-{index}")),
                    client_token: Some(format!("token-{index}")),
                    ..CreateImageRequest::default()
                };
                let made = client.create_image(&request, in_seconds(1_800)).await.expect("made");
                let request = DescribeImagesRequest {
                    image_id: Some(made.image_id),
                    ..DescribeImagesRequest::default()
                };
                // Each up to a quarter early, so that the polls drift apart.
                let mut delay = Duration::from_secs(2);
                loop {
                    sleep(delay.mul_f64(1.0 - rand::random::<f64>() / 4.0)).await;
                    delay = (delay * 2).min(Duration::from_secs(30));
                    let page = client.describe_images(&request, in_seconds(1_800)).await.expect("described");
                    if page.images[0].usable == Some(true) {
                        return;
                    }
                }
            });
        }
        while let Some(image) = images.join_next().await {
            image.expect("no panic");
        }
        Outcome {
            calls: stub.sent().len(),
            throttled: throttled.load(Ordering::Relaxed),
            seconds: started.elapsed().as_secs_f64(),
        }
    }

    #[track_caller]
    fn check(outcome: &Outcome, name: &str) {
        let share = outcome.throttled as f64 / outcome.calls as f64;
        let shown = format!(
            "{name}: {} calls in {:.0} s, {} throttled ({:.2} %)",
            outcome.calls,
            outcome.seconds,
            outcome.throttled,
            share * 100.0
        );
        // 2,000 calls take 100 s at the limit; the last images' polls come up to 30 s late.
        assert!(share < 0.05 && outcome.seconds < 200.0, "{shown}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_thousand_images_against_twenty_calls_a_second_are_hardly_throttled() {
        check(&thousand_images(2, bucket(20.0, 20.0)).await, "near, bucket");
        check(&thousand_images(60, bucket(20.0, 20.0)).await, "far, bucket");
        check(&thousand_images(60, bucket(20.0, 1.0)).await, "no reserve");
        check(&thousand_images(60, window(20)).await, "window");
        check(&thousand_images(60, bucket(20.0, 100.0)).await, "large reserve");
        check(&thousand_images(800, bucket(20.0, 20.0)).await, "slow");
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_limit_calls_run_freely() {
        let outcome = thousand_images(60, Box::new(|_| true)).await;
        assert_eq!(outcome.throttled, 0);
        // Creation, waiting for 40 s, and the last poll's delay.
        assert!(outcome.seconds < 75.0, "{}", outcome.seconds);
    }

    #[tokio::test(start_paused = true)]
    async fn a_waiting_call_that_is_dropped_gives_up_its_place() {
        let throttle = Throttle::default();
        let permits: Vec<_> = futures::future::join_all((0..FIRST_WINDOW).map(|_| throttle.acquire())).await;
        assert!(throttle.acquire().now_or_never().is_none());
        drop(permits);
        assert!(throttle.acquire().now_or_never().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn the_pace_recovers_once_the_limit_is_gone() {
        let throttle = Throttle::default();
        let permit = throttle.acquire().await;
        sleep(Duration::from_millis(1)).await;
        assert!(permit.throttled().is_some());
        drop(permit);
        sleep(Duration::from_secs(120)).await;
        let started = Instant::now();
        for _ in 0..1_000 {
            throttle.acquire().await;
        }
        assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn calls_under_way_when_the_rate_was_cut_do_not_cut_it_again() {
        let throttle = Throttle::default();
        let permits: Vec<_> = futures::future::join_all((0..FIRST_WINDOW).map(|_| throttle.acquire())).await;
        sleep(Duration::from_millis(50)).await;
        let cuts = permits.iter().filter(|permit| permit.throttled().is_some()).count();
        assert_eq!(cuts, 1);
    }
}
