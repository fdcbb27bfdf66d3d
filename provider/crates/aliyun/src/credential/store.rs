//! The key in use: fetched when it is first needed, kept, and fetched again before it expires, once for all who wait.

use std::fmt;
use std::sync::{Mutex as Lock, MutexGuard};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use super::{Context, Credential, Source};
use crate::error::Error;

/// A temporary key is replaced this long before it expires, or at a quarter of its life if that is shorter: the official
/// SDKs take 15 minutes, which for a role's shortest duration would be all of it.
const EARLY: SignedDuration = SignedDuration::from_secs(15 * 60);
/// Getting a key takes no longer than this, whatever the source.
const LONGEST_FETCH: Duration = Duration::from_secs(90);
/// After a failed early refresh the key in hand is used this long before the next try.
const REST: Duration = Duration::from_secs(30);

/// One source's key, shared by all calls of a client.
pub(crate) struct Store {
    source: Source,
    context: Context,
    /// Held while a key is being fetched.
    fetching: Mutex<()>,
    state: Lock<State>,
}

#[derive(Default)]
struct State {
    held: Option<Held>,
    /// Counts fetches, so that those who waited for one share its failure.
    fetches: u64,
    failure: Option<Error>,
    /// No early refresh before this.
    rest_until: Option<Instant>,
}

#[derive(Clone)]
struct Held {
    credential: Credential,
    /// When to look for the next one; `None` for a key that does not expire.
    renew_at: Option<Timestamp>,
}

enum Use {
    Held(Credential),
    /// The key is still valid, but it is time for the next.
    Aging(Credential),
    Nothing {
        fetches: u64,
    },
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("source", &self.source).finish_non_exhaustive()
    }
}

impl Store {
    pub(crate) fn new(source: Source, context: Context) -> Store {
        Store { source, context, fetching: Mutex::new(()), state: Lock::default() }
    }

    /// A key that is valid now.
    pub(crate) async fn get(&self) -> Result<Credential, Error> {
        let (seen, spare) = match self.look() {
            Use::Held(credential) => return Ok(credential),
            Use::Aging(credential) => (None, Some(credential)),
            Use::Nothing { fetches } => (Some(fetches), None),
        };
        let _fetching = match &spare {
            // Somebody else is at it, and there is a key to go on with.
            Some(spare) => match self.fetching.try_lock() {
                Ok(guard) => guard,
                Err(_) => return Ok(spare.clone()),
            },
            None => self.fetching.lock().await,
        };
        match self.look() {
            Use::Held(credential) => return Ok(credential),
            Use::Aging(_) => {}
            Use::Nothing { fetches } => {
                // The fetch that this call waited for has failed: so has this call.
                let failure = self.lock().failure.clone();
                if let (Some(failure), true) = (failure, seen.is_some_and(|seen| seen < fetches)) {
                    return Err(failure);
                }
            }
        }
        let fetched = match timeout(LONGEST_FETCH, self.source.fetch(&self.context)).await {
            Ok(Ok(Some(credential))) => Ok(credential),
            Ok(Ok(None)) => Err(Error::credential(format!("{} gives no key", self.source.name()))),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(Error::credential(format!(
                "{} gave no answer within {} s",
                self.source.name(),
                LONGEST_FETCH.as_secs()
            ))),
        };
        let now = self.context.now();
        let mut state = self.lock();
        state.fetches += 1;
        match fetched {
            Ok(credential) => {
                let renew_at = credential.expiration.map(|expiration| renew_at(now, expiration));
                tracing::debug!(origin = credential.origin, "got a key: {}", credential.masked_id());
                state.held = Some(Held { credential: credential.clone(), renew_at });
                state.failure = None;
                state.rest_until = None;
                Ok(credential)
            }
            Err(error) => match spare {
                Some(spare) => {
                    tracing::warn!("the key could not be renewed, going on with the one in hand: {error}");
                    state.rest_until = Some(Instant::now() + REST);
                    Ok(spare)
                }
                None => {
                    state.failure = Some(error.clone());
                    Err(error)
                }
            },
        }
    }

    /// Forgets a key that the cloud calls expired, unless it has been replaced already.
    pub(crate) fn discard(&self, used: &Credential) {
        let mut state = self.lock();
        if state.held.as_ref().is_some_and(|held| held.credential == *used) {
            state.held = None;
        }
    }

    fn look(&self) -> Use {
        let state = self.lock();
        let now = self.context.now();
        match &state.held {
            Some(held) if held.credential.expiration.is_some_and(|expiration| expiration <= now) => {
                Use::Nothing { fetches: state.fetches }
            }
            Some(held) if held.renew_at.is_none_or(|renew_at| now < renew_at) => {
                Use::Held(held.credential.clone())
            }
            Some(held) if state.rest_until.is_some_and(|until| Instant::now() < until) => {
                Use::Held(held.credential.clone())
            }
            Some(held) => Use::Aging(held.credential.clone()),
            None => Use::Nothing { fetches: state.fetches },
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

fn renew_at(now: Timestamp, expiration: Timestamp) -> Timestamp {
    let life = expiration.duration_since(now);
    let early = EARLY.min(life / 4).max(SignedDuration::ZERO);
    expiration.checked_sub(early).unwrap_or(expiration)
}
