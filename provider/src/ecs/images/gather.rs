//! Calls that are wanted within a few milliseconds go out together: how long the first waits for others, and for how long each
//! is answered.

use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, timeout_at};
use tracing::{Instrument, Span};

/// For how long a call waits for others to go with it.
const GATHER: Duration = Duration::from_millis(4);
/// By how much an answer for several operations may outlast the time of one of them.
const GRACE: Duration = Duration::from_millis(50);

/// Runs `round` once others had the time to join it, in the span of the resource that was first. It goes on if that resource is
/// interrupted.
pub(crate) fn begin(round: impl Future<Output = ()> + Send + 'static) {
    spawn(GATHER, round);
}

/// Runs `round` without waiting for others.
pub(crate) fn hasten(round: impl Future<Output = ()> + Send + 'static) {
    spawn(Duration::ZERO, round);
}

fn spawn(gather: Duration, round: impl Future<Output = ()> + Send + 'static) {
    let round = async move {
        sleep(gather).await;
        round.await;
    };
    tokio::spawn(round.instrument(Span::current()));
}

/// What a round answers to an operation that has until `deadline`; `None` if it does not.
pub(crate) async fn answer<T>(answered: oneshot::Receiver<T>, deadline: Instant) -> Option<T> {
    in_time(answered, deadline).await?.ok()
}

/// What comes of something that several operations wait for and one of them does, if it comes within the time of this one.
pub(crate) async fn in_time<T>(shared: impl Future<Output = T>, deadline: Instant) -> Option<T> {
    timeout_at(deadline + GRACE, shared).await.ok()
}
