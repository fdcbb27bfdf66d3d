//! The time that requests are dated with.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::{SignedDuration, Timestamp};

use crate::environment::Environment;

/// The server's time as far as it is known: the local clock, corrected once a server has refused it.
#[derive(Clone)]
pub(crate) struct Clock {
    environment: Environment,
    /// Seconds that the server is ahead, by which requests are dated.
    offset: Arc<AtomicI64>,
}

impl Clock {
    pub(crate) fn new(environment: Environment) -> Clock {
        Clock { environment, offset: Arc::default() }
    }

    pub(crate) fn now(&self) -> Timestamp {
        let offset = SignedDuration::from_secs(self.offset.load(Ordering::Relaxed));
        let local = self.environment.now();
        local.checked_add(offset).unwrap_or(local)
    }

    /// How far a server's time is ahead of the local clock.
    pub(crate) fn skew(&self, server: Timestamp) -> SignedDuration {
        server.duration_since(self.environment.now())
    }

    /// Goes by this server's time from now on.
    pub(crate) fn correct(&self, server: Timestamp) {
        self.offset.store(self.skew(server).as_secs(), Ordering::Relaxed);
    }
}
