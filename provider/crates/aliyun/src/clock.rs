//! The time that requests are dated with.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::{SignedDuration, Timestamp};

use crate::environment::Environment;

/// The server's time as far as it is known: for signatures the local clock, corrected once a server has refused it.
#[derive(Clone)]
pub(crate) struct Clock {
    environment: Environment,
    /// Seconds that the server is ahead, by which requests are dated.
    offset: Arc<AtomicI64>,
    /// Milliseconds that the server is ahead by the last answer that told its time.
    ahead: Arc<AtomicI64>,
}

impl Clock {
    pub(crate) fn new(environment: Environment) -> Clock {
        Clock { environment, offset: Arc::default(), ahead: Arc::default() }
    }

    pub(crate) fn now(&self) -> Timestamp {
        let offset = SignedDuration::from_secs(self.offset.load(Ordering::Relaxed));
        let local = self.local();
        local.checked_add(offset).unwrap_or(local)
    }

    /// How far a server's time is ahead of the local clock.
    pub(crate) fn skew(&self, server: Timestamp) -> SignedDuration {
        server.duration_since(self.local())
    }

    /// Goes by this server's time from now on.
    pub(crate) fn correct(&self, server: Timestamp) {
        self.offset.store(self.skew(server).as_secs(), Ordering::Relaxed);
    }

    /// The local time, uncorrected.
    pub(crate) fn local(&self) -> Timestamp {
        self.environment.now()
    }

    /// Takes note of the time that a server has told in its answer to a request of that local time.
    pub(crate) fn hear(&self, server: Timestamp, asked: Timestamp) {
        self.ahead.store(server.as_millisecond() - asked.as_millisecond(), Ordering::Relaxed);
    }

    /// The time that a server would tell now, in seconds since 1970.
    pub(crate) fn server_second(&self) -> i64 {
        (self.local().as_millisecond() + self.ahead.load(Ordering::Relaxed)).div_euclid(1000)
    }
}
