//! Waiting for what changes by itself: [`Pace`] says when to look, [`Wait`] what follows from a look.
//!
//! All waits of a pace look at the same few instants, so that what looks together can go out as one call.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::time::{Duration, Instant};

use crate::context::Context;
use crate::engine::SPANS;
use crate::failure::Failure;

/// Later looks are about a twelfth of the time waited apart, so that waiting costs little more than that beyond what it must.
const PATIENCE: u32 = 12;
/// If what is left is told and never comes to an end, looks become rarer all the same, but later.
const LAST_PATIENCE: u32 = 60;
/// The first look comes after this part of the first delay, if things are ready at once here.
const EARLY: u32 = 10;
/// The second look comes after so many of those parts.
const SECOND: u32 = 3;

/// When to look at things that change by themselves. Clones are one pace.
///
/// A pace is *eager* at first: a wait looks after a tenth and three tenths of the first delay, and then at the delay itself.
/// An early look that finds something unready ends that for the waits that begin from then on: their first look comes after
/// the first delay. Something that is ready at its first look makes the pace eager again. So things that are ready at once
/// are seen at once, and those that take long cost hardly a look more.
#[derive(Debug, Clone)]
pub struct Pace {
    /// Before the first look, and between the next ones.
    first: Duration,
    /// Between later looks.
    most: Duration,
    /// From when the shared instants are counted.
    epoch: Instant,
    eager: Arc<AtomicBool>,
}

impl Pace {
    /// A pace whose looks are at least `first` apart, the early ones left out, and at most `most`. A wait of an hour makes no
    /// more than one look in ten seconds on average if `most` is 12 seconds.
    pub fn new(first: Duration, most: Duration) -> Pace {
        let first = first.max(Duration::from_millis(1));
        let eager = Arc::new(AtomicBool::new(true));
        Pace { first, most: most.max(first), epoch: Instant::now(), eager }
    }

    /// When to look next after so long a wait, during which nothing was ready, with so much of it left as far as is known. A
    /// look at all that is waited for takes so many calls.
    pub fn next(&self, waited: Duration, left: Option<Duration>, calls: usize) -> Instant {
        // Ten calls in the time of the first delay are no burden to a cloud's quota.
        let crowd = self.first / 10 * u32::try_from(calls).unwrap_or(u32::MAX);
        if let Some(early) = self.early(waited, crowd) {
            return early;
        }
        let share = |part: u32| (waited / part).clamp(self.first, self.most);
        let delay = match left {
            Some(left) => left.clamp(share(LAST_PATIENCE), share(PATIENCE)),
            None => share(PATIENCE),
        };
        let delay = delay.max(crowd);
        self.nearest(delay, self.step(delay))
    }

    /// The looks up to the end of the first delay, if there are any.
    fn early(&self, waited: Duration, crowd: Duration) -> Option<Instant> {
        let part = self.first / EARLY;
        if waited.is_zero() {
            let delay = part.max(crowd);
            return (self.eager.load(Ordering::Relaxed) && delay < self.first)
                .then(|| self.nearest(delay, part));
        }
        if waited >= self.first {
            return None;
        }
        self.eager.store(false, Ordering::Relaxed);
        let second = part * SECOND;
        if waited < part * 2 && crowd <= second {
            return Some(self.nearest(second - waited, second));
        }
        Some(self.nearest((self.first - waited).max(crowd), self.first))
    }

    /// Notes that something was ready at its first look.
    fn ready_at_once(&self) {
        self.eager.store(true, Ordering::Relaxed);
    }

    /// How far apart the shared instants are for looks after `delay`: the first delay, doubled as long as that is nearer.
    fn step(&self, delay: Duration) -> Duration {
        let mut step = self.first;
        while step * 4 <= delay * 3 {
            step *= 2;
        }
        step.min(self.most)
    }

    /// The instant nearest to `delay` from now that is a whole number of steps after the epoch, and not past.
    fn nearest(&self, delay: Duration, step: Duration) -> Instant {
        let now = self.epoch.elapsed();
        let steps = (now + delay + step / 2).as_nanos() / step.as_nanos();
        let steps = steps.max(now.as_nanos() / step.as_nanos() + 1);
        self.epoch + step * u32::try_from(steps).unwrap_or(u32::MAX)
    }
}

/// What a look shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Look<T> {
    /// The wait is over.
    Done(T),
    /// It goes on.
    Going {
        /// What the user is shown, with the time that it will still take, if it is not what was shown last.
        status: String,
        /// How long it will still take, if anybody knows.
        left: Option<Duration>,
    },
    /// There is nothing to see.
    Nothing,
}

/// Why a wait ended with nothing done.
#[derive(Debug)]
pub enum Ended {
    /// The operation's time is up.
    Late,
    /// The wait's own patience is at an end. The last look came after that.
    OutOfPatience,
    /// The user has interrupted the deployment: [`Failure::Cancelled`].
    Cancelled(Failure),
    /// A look failed before its time was up. That says nothing of what was waited for.
    LookFailed(Failure),
}

impl Ended {
    /// The failure that it is. `late` says what to tell if the time is up.
    pub fn into_failure(self, late: impl FnOnce() -> String) -> Failure {
        match self {
            Ended::Late | Ended::OutOfPatience => Failure::Refused(late()),
            Ended::Cancelled(failure) | Ended::LookFailed(failure) => failure,
        }
    }
}

/// A wait for one thing:
///
/// ```
/// # use pulumi::{Context, Ended, Failure, Look, Pace, Wait};
/// # async fn look() -> Result<Look<u8>, Failure> { Ok(Look::Done(1)) }
/// async fn wait(context: &Context, pace: &Pace) -> Result<u8, Ended> {
///     let mut wait = Wait::begin(context, pace);
///     loop {
///         if let Some(done) = wait.after(look().await, 1).await? {
///             return Ok(done);
///         }
///     }
/// }
/// ```
#[derive(Debug)]
pub struct Wait<'a> {
    context: &'a Context,
    pace: &'a Pace,
    began: Instant,
    patience: Option<Duration>,
    pauses: u32,
    /// When the last pause ended, from the beginning.
    paused_until: Duration,
    shown: String,
    /// Of the whole wait, from its first pause on.
    span: Option<tracing::Span>,
    /// When it was first seen how much is done, and how much that was, from 0 to 1.
    first_share: Option<(Duration, f64)>,
}

impl<'a> Wait<'a> {
    /// A wait that begins now and may take as long as the operation may.
    pub fn begin(context: &'a Context, pace: &'a Pace) -> Self {
        Wait {
            context,
            pace,
            began: Instant::now(),
            patience: None,
            pauses: 0,
            paused_until: Duration::ZERO,
            shown: String::new(),
            span: None,
            first_share: None,
        }
    }

    /// The same, for at most so long. The last look is due at its end.
    #[must_use]
    pub fn within(mut self, patience: Duration) -> Self {
        self.patience = Some(patience);
        self
    }

    /// How long it has taken so far.
    pub fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// Takes in what a look shows, or that it failed, and tells the user if that is news. What is done comes back; `None`
    /// comes after a pause, when the next look is due. A look at all that is waited for takes so many calls.
    ///
    /// # Errors
    /// Why the wait ended.
    pub async fn after<T>(
        &mut self,
        look: Result<Look<T>, Failure>,
        calls: usize,
    ) -> Result<Option<T>, Ended> {
        let left = match look {
            Ok(Look::Done(done)) => {
                if self.pauses == 1 {
                    self.pace.ready_at_once();
                }
                return Ok(Some(done));
            }
            Ok(Look::Going { status, left }) => {
                let expected = self.expected(left);
                if status != self.shown {
                    let expected = expected.map(|left| format!(", {}", in_words(left))).unwrap_or_default();
                    self.context.status(&format!("{status}{expected}"));
                    self.shown = status;
                    if let Some(span) = &self.span {
                        span.record("status", self.shown.as_str());
                    }
                }
                left
            }
            Ok(Look::Nothing) => None,
            Err(cancelled @ Failure::Cancelled(_)) => return Err(Ended::Cancelled(cancelled)),
            // A look that has no time left fails, and says less than the limit does.
            Err(_) if self.is_late() => return Err(Ended::Late),
            Err(failure) => return Err(Ended::LookFailed(failure)),
        };
        if self.patience.is_some_and(|patience| self.paused_until >= patience) {
            return Err(Ended::OutOfPatience);
        }
        self.pause(left, calls).await.map_err(Ended::Cancelled)?;
        if self.is_late() { Err(Ended::Late) } else { Ok(None) }
    }

    /// Pauses until the next look is due or the operation's time is up. See [`Pace::next`].
    ///
    /// # Errors
    /// [`Failure::Cancelled`] if the user interrupts the deployment.
    pub async fn pause(&mut self, left: Option<Duration>, calls: usize) -> Result<(), Failure> {
        // The first pause has nothing behind it, however long a look before it took.
        let waited = if self.pauses == 0 { Duration::ZERO } else { self.elapsed() };
        self.pauses += 1;
        let next = self.pace.next(waited, left, calls);
        let next = self.patience.map_or(next, |patience| next.min(self.began + patience));
        let until = next.min(self.context.deadline());
        let shown = self.shown.as_str();
        self.span.get_or_insert_with(|| tracing::debug_span!(target: SPANS, "wait", status = shown));
        let paused = self.context.unless_cancelled(tokio::time::sleep_until(until)).await;
        self.paused_until = self.elapsed();
        paused
    }

    /// How long it will still take at the pace since the first look. What was done before this wait began tells nothing of
    /// the pace.
    fn expected(&mut self, left: Option<Duration>) -> Option<Duration> {
        let (elapsed, left) = (self.elapsed(), left?);
        if elapsed.is_zero() {
            return None;
        }
        let share = elapsed.as_secs_f64() / (elapsed + left).as_secs_f64();
        let (since, first) = *self.first_share.get_or_insert((elapsed, share));
        let seconds = (elapsed - since).as_secs_f64() * (1.0 - share) / (share - first);
        Duration::try_from_secs_f64(seconds).ok().filter(|left| *left < LONGEST)
    }

    fn is_late(&self) -> bool {
        Instant::now() >= self.context.deadline()
    }
}

/// An expectation of more is none.
const LONGEST: Duration = Duration::from_secs(86_400);

/// For the status line, as rough as it is known.
fn in_words(left: Duration) -> String {
    match left.as_secs() {
        0..120 => format!("about {} s left", left.as_secs().div_ceil(10).max(1) * 10),
        seconds => format!("about {} min left", seconds.div_ceil(60)),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Mutex;

    use super::*;
    use crate::context::Verb;
    use crate::testing::TestContext;

    const FIRST: Duration = Duration::from_secs(1);
    const MOST: Duration = Duration::from_secs(12);
    const HOUR: Duration = Duration::from_secs(3600);

    fn pace() -> Pace {
        Pace::new(FIRST, MOST)
    }

    fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn context(limit: Duration) -> Arc<TestContext> {
        Arc::new(TestContext::new(Verb::Create, "urn:pulumi:dev::shop::a:b:C::web", limit))
    }

    /// Something to wait for.
    #[derive(Debug, Clone, Copy)]
    struct Thing {
        /// When the wait begins, from the start of the test.
        begins: Duration,
        /// How long after that it is ready.
        takes: Duration,
        /// Whether it tells how long it still takes.
        tells: bool,
    }

    /// What came of waiting for many things.
    #[derive(Debug)]
    struct Outcome {
        /// How many instants saw a look: those at the same instant are one call.
        calls: usize,
        /// How many of them showed nothing that was ready.
        idle: usize,
        /// The longest that something was ready before a look showed it.
        latest: Duration,
        took: Duration,
    }

    /// Waits for all things, so many at a time, where a look takes `latency`.
    async fn wait_for(things: Vec<Thing>, at_a_time: usize, latency: Duration) -> Outcome {
        let (pace, context, start) = (pace(), context(HOUR * 2), Instant::now());
        let things = Arc::new(Mutex::new(things.into_iter()));
        let calls: Arc<Mutex<BTreeMap<Instant, bool>>> = Arc::default();
        let latest: Arc<Mutex<Duration>> = Arc::default();
        let workers: Vec<_> = (0..at_a_time)
            .map(|_| {
                let (pace, context, things) = (pace.clone(), Arc::clone(&context), Arc::clone(&things));
                let (calls, latest) = (Arc::clone(&calls), Arc::clone(&latest));
                tokio::spawn(async move {
                    loop {
                        let Some(thing) = things.lock().unwrap().next() else { break };
                        tokio::time::sleep_until(start + thing.begins).await;
                        let began = Instant::now();
                        let mut wait = Wait::begin(&context, &pace);
                        wait.pause(None, 1).await.unwrap();
                        let mut seen;
                        loop {
                            seen = began.elapsed();
                            let left = thing.takes.saturating_sub(seen);
                            *calls.lock().unwrap().entry(Instant::now()).or_default() |= left.is_zero();
                            tokio::time::sleep(latency).await;
                            let look = match left.is_zero() {
                                true => Look::Done(()),
                                false => Look::Going {
                                    status: "going".to_owned(),
                                    left: thing.tells.then_some(left),
                                },
                            };
                            if wait.after(Ok(look), 1).await.unwrap().is_some() {
                                break;
                            }
                        }
                        let mut latest = latest.lock().unwrap();
                        *latest = (*latest).max(seen - thing.takes);
                    }
                })
            })
            .collect();
        for worker in workers {
            worker.await.unwrap();
        }
        let (calls, latest) = (calls.lock().unwrap(), *latest.lock().unwrap());
        let idle = calls.values().filter(|found| !**found).count();
        Outcome { calls: calls.len(), idle, latest, took: start.elapsed() }
    }

    /// So many alike, which begin one after another.
    fn alike(count: u32, apart: Duration, takes: Duration, tells: bool) -> Vec<Thing> {
        (0..count).map(|index| Thing { begins: apart * index, takes, tells }).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_ready_at_once_is_seen_by_one_call_after_a_tenth() {
        let outcome = wait_for(alike(100, millis(0), millis(0), false), 100, millis(20)).await;
        assert_eq!((outcome.calls, outcome.latest), (1, millis(100)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_long_run_of_what_is_ready_at_once_stays_fast() {
        for (at_a_time, calls, took) in [(16, 63, 6_320), (8, 125, 12_520)] {
            let outcome = wait_for(alike(1_000, millis(0), millis(0), false), at_a_time, millis(20)).await;
            assert_eq!((outcome.calls, outcome.latest), (calls, millis(100)));
            assert_eq!(outcome.took, millis(took));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_takes_long_makes_a_pace_patient_and_what_is_ready_at_once_eager_again() {
        let (pace, context) = (pace(), context(HOUR));
        let mut firsts = Vec::new();
        for takes in [5_000, 5_000, 0, 0] {
            let mut wait = Wait::begin(&context, &pace);
            wait.pause(None, 1).await.unwrap();
            firsts.push(wait.elapsed());
            while wait.elapsed() < millis(takes) {
                assert_eq!(wait.after(Ok(Look::Nothing), 1).await.unwrap(), None::<()>);
            }
            wait.after(Ok(Look::Done(())), 1).await.unwrap();
        }
        assert_eq!(firsts, [100, 1_000, 1_000, 100].map(millis));
    }

    #[tokio::test(start_paused = true)]
    async fn a_hundred_that_take_half_a_minute_cost_thirty_five_calls_at_most() {
        let half_a_minute = Duration::from_secs(30);
        for (apart, tells, latency, calls) in [
            (30, false, 0, 30),
            (30, false, 50, 30),
            (30, true, 0, 31),
            (30, true, 50, 31),
            (30, true, 300, 33),
            (50, true, 50, 34),
        ] {
            let things = alike(100, millis(apart), half_a_minute, tells);
            let outcome = wait_for(things, 100, millis(latency)).await;
            assert_eq!(outcome.calls, calls, "{apart}, {tells}, {latency}");
            assert!(outcome.latest <= half_a_minute / PATIENCE, "{outcome:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn when_the_first_of_them_begins_makes_no_difference() {
        for offset in (0..12_000).step_by(370) {
            let things = alike(100, millis(30), Duration::from_secs(30), true);
            let later = |thing: Thing| Thing { begins: thing.begins + millis(offset), ..thing };
            let outcome = wait_for(things.into_iter().map(later).collect(), 100, millis(20)).await;
            assert!(outcome.calls <= 35, "{offset}: {outcome:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_hour_costs_one_call_in_ten_seconds() {
        for tells in [false, true] {
            let outcome = wait_for(alike(1, millis(0), HOUR, tells), 1, millis(20)).await;
            assert!(outcome.calls <= 360, "{outcome:?}");
            assert!(outcome.latest <= MOST, "{outcome:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn in_a_mixture_few_calls_show_nothing_ready() {
        for (slow, of, idle) in [(1, 100, 17), (1, 10, 163), (1, 2, 827), (9, 10, 1_428), (99, 100, 1_498)] {
            let mut things = alike(1_000, millis(0), millis(0), false);
            for (index, thing) in things.iter_mut().enumerate() {
                // Spread evenly, but with no regard to how many go at a time.
                if index * 7 % of < slow {
                    thing.takes = Duration::from_secs(30);
                }
            }
            let outcome = wait_for(things, 16, millis(20)).await;
            assert_eq!(outcome.idle, idle, "{slow} of {of}: {outcome:?}");
            // Fewer than one in a second, whatever is early among them.
            assert!(outcome.idle < usize::try_from(outcome.took.as_secs()).unwrap(), "{outcome:?}");
            assert!(outcome.latest <= Duration::from_secs(2), "{slow} of {of}: {outcome:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_takes_a_part_of_the_first_delay_is_seen_within_it() {
        for takes in [50, 100, 200, 500, 900] {
            let outcome = wait_for(alike(1_000, millis(0), millis(takes), false), 16, millis(20)).await;
            // At most three looks each at sixteen, and every second sixteen need one only.
            assert!(outcome.calls <= 127, "{takes}: {outcome:?}");
            assert!(outcome.latest <= FIRST, "{takes}: {outcome:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn waits_that_began_apart_look_together() {
        let pace = pace();
        for (delay, step) in
            [(1.0, 1.0), (1.3, 1.0), (1.4, 2.0), (2.0, 2.0), (5.0, 4.0), (10.0, 8.0), (12.0, 12.0)]
        {
            for now in [0.0, 0.3, 0.9, 17.77] {
                tokio::time::sleep_until(pace.epoch + Duration::from_secs_f64(now)).await;
                let now = pace.epoch.elapsed();
                let delay = Duration::from_secs_f64(delay);
                let next = pace.nearest(delay, pace.step(delay)) - pace.epoch;
                assert!((next.as_secs_f64() % step).abs() < 1e-6, "{now:?} + {delay:?}: {next:?}");
                let off = (next.as_secs_f64() - now.as_secs_f64() - delay.as_secs_f64()).abs();
                assert!(off <= step / 2.0 + 1e-6, "{now:?} + {delay:?}: {next:?}");
            }
        }
    }

    #[track_caller]
    fn check(waited: f64, left: Option<f64>, calls: usize, least: f64, most: f64) {
        let pace = pace();
        pace.eager.store(false, Ordering::Relaxed);
        let seconds = Duration::from_secs_f64;
        let delay = pace.next(seconds(waited), left.map(seconds), calls) - Instant::now();
        assert!(delay >= seconds(least) && delay <= seconds(most), "{delay:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn looks_become_rarer_the_longer_it_takes() {
        check(0.0, None, 1, 0.5, 1.6);
        check(30.0, None, 1, 1.0, 3.1);
        check(600.0, None, 1, 5.9, 14.1);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_said_to_be_left_brings_the_next_look_forward() {
        check(100.0, None, 1, 4.6, 8.8);
        check(100.0, Some(1.0), 1, 0.9, 2.3);
        check(600.0, Some(0.0), 1, 5.9, 14.1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_crowd_is_looked_at_less_often() {
        check(0.0, None, 10, 0.5, 1.6);
        check(0.0, None, 100, 5.9, 14.1);
        // Also by those who would look early.
        let pace = pace();
        assert_eq!(pace.next(Duration::ZERO, None, 3) - Instant::now(), millis(300));
        assert!(pace.next(Duration::ZERO, None, 20) - Instant::now() >= FIRST * 2);
    }

    #[tokio::test(start_paused = true)]
    async fn changed_statuses_are_shown_until_it_is_done() {
        let (pace, context) = (pace(), context(HOUR));
        let mut wait = Wait::begin(&context, &pace);
        for status in ["", "1%", "1%", "2%"] {
            let look = match status {
                "" => Look::Nothing,
                status => Look::Going { status: status.to_owned(), left: None },
            };
            assert_eq!(wait.after(Ok(look), 1).await.unwrap(), None::<u8>);
        }
        assert_eq!(wait.after(Ok(Look::Done(7)), 1).await.unwrap(), Some(7));
        assert_eq!(context.statuses(), ["1%", "2%"]);
    }

    /// A wait that began when a tenth was done goes on at the pace that it has seen, not at that of the whole.
    #[tokio::test(start_paused = true)]
    async fn the_time_that_is_left_is_shown_once_the_pace_is_known() {
        let (pace, context) = (pace(), context(HOUR));
        let mut wait = Wait::begin(&context, &pace);
        // Each percent takes ten seconds.
        for (at, percent) in [(10, 10), (10, 10), (60, 15), (510, 60), (820, 91), (900, 99)] {
            tokio::time::advance(Duration::from_secs(at).saturating_sub(wait.elapsed())).await;
            let left = wait.elapsed() * (100 - percent) / percent;
            let look = Look::Going { status: format!("{percent}%"), left: Some(left) };
            let done: Option<u8> = wait.after(Ok(look), 1).await.unwrap();
            assert_eq!(done, None);
        }
        assert_eq!(
            context.statuses(),
            [
                "10%",
                "15%, about 15 min left",
                "60%, about 7 min left",
                "91%, about 90 s left",
                "99%, about 10 s left"
            ]
        );
    }

    /// How a wait ends whose looks, which take 40 ms, show nothing until something happens to them.
    async fn ended(context: &TestContext, patience: Option<Duration>, fails: bool) -> (Ended, Duration) {
        let pace = pace();
        let mut wait = Wait::begin(context, &pace);
        wait.patience = patience;
        loop {
            tokio::time::sleep(millis(40)).await;
            let failed = fails || Instant::now() >= context.deadline();
            let look = match failed {
                true => Err(Failure::Refused("unreachable".to_owned())),
                false => Ok(Look::<()>::Nothing),
            };
            match wait.after(look, 1).await {
                Ok(done) => assert_eq!(done, None),
                Err(ended) => return (ended, wait.elapsed()),
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_ends_with_the_time_of_its_operation() {
        let (ended, after) = ended(&context(millis(9_500)), None, false).await;
        assert!(matches!(ended, Ended::Late), "{ended:?}");
        assert_eq!(after, millis(9_500));
    }

    #[tokio::test(start_paused = true)]
    async fn a_look_that_fails_as_the_time_is_up_is_late() {
        let (ended, after) = ended(&context(millis(30)), None, false).await;
        assert!(matches!(ended, Ended::Late), "{ended:?}");
        assert_eq!(after, millis(40));
    }

    #[tokio::test(start_paused = true)]
    async fn a_look_that_fails_is_told_from_a_wait_that_does() {
        let (ended, after) = ended(&context(HOUR), None, true).await;
        assert!(
            matches!(&ended, Ended::LookFailed(Failure::Refused(text)) if text == "unreachable"),
            "{ended:?}"
        );
        assert_eq!(after, millis(40));
    }

    #[tokio::test(start_paused = true)]
    async fn patience_ends_with_a_last_look() {
        let (ended, after) = ended(&context(HOUR), Some(millis(2_500)), false).await;
        assert!(matches!(ended, Ended::OutOfPatience), "{ended:?}");
        assert_eq!(after, millis(2_540));
    }

    #[tokio::test(start_paused = true)]
    async fn the_user_ends_a_wait_at_once() {
        let context = context(HOUR);
        let interrupt = {
            let context = Arc::clone(&context);
            tokio::spawn(async move {
                tokio::time::sleep(millis(1_234)).await;
                context.cancel();
            })
        };
        let (ended, after) = ended(&context, None, false).await;
        interrupt.await.unwrap();
        assert!(matches!(ended, Ended::Cancelled(Failure::Cancelled(_))), "{ended:?}");
        assert_eq!(after, millis(1_234));
    }
}
