//! The key in use: fetched when it is first needed, kept, and fetched again before it expires, once for all who wait.

use std::fmt;
use std::sync::{Mutex as Lock, MutexGuard};
use std::time::Duration;

use futures::future::BoxFuture;
use futures::{FutureExt as _, TryFutureExt as _};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use crate::call::Keys;
use crate::credential::source::{Means, Source};
use crate::error::Error;
use crate::key::Credential;

/// A temporary key is replaced this long before it expires, or at a quarter of its life if that is shorter: the official
/// SDKs take 15 minutes, which for a role's shortest duration would be all of it.
const EARLY: SignedDuration = SignedDuration::from_secs(15 * 60);
/// Getting a key takes no longer than this, whatever the source.
const LONGEST_FETCH: Duration = Duration::from_secs(90);
/// After a failed early refresh the key in hand is used this long before the next try.
const REST: Duration = Duration::from_secs(30);

/// One source's key, shared by all calls of a client.
pub(crate) struct KeyCache {
    source: Source,
    means: Means,
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

impl fmt::Debug for KeyCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyCache").field("source", &self.source).finish_non_exhaustive()
    }
}

impl Keys for KeyCache {
    fn key(&self) -> BoxFuture<'_, Result<Option<Credential>, Error>> {
        self.get().map_ok(Some).boxed()
    }

    /// Forgets the key, unless it has been replaced already.
    fn refused(&self, key: &Credential) -> bool {
        let mut state = self.lock();
        if state.held.as_ref().is_some_and(|held| held.credential == *key) {
            state.held = None;
        }
        true
    }
}

impl KeyCache {
    pub(crate) fn new(source: Source, means: Means) -> KeyCache {
        KeyCache { source, means, fetching: Mutex::new(()), state: Lock::default() }
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
        let fetched = match timeout(LONGEST_FETCH, self.source.fetch(&self.means)).await {
            Ok(Ok(Some(credential))) => Ok(credential),
            Ok(Ok(None)) => Err(Error::credential(format!("no key was found in {}", self.source.name())).with_advice(Some(
                "Set ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET, or run `aliyun configure`.".to_owned(),
            ))),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(Error::credential(format!(
                "{} gave no answer within {} s",
                self.source.name(),
                LONGEST_FETCH.as_secs()
            ))),
        };
        let now = self.means.now();
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

    fn look(&self) -> Use {
        let state = self.lock();
        let now = self.means.now();
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::time::{advance, sleep};

    use super::*;
    use crate::credential::source::Provide;
    use crate::testing::{means, start};

    /// Hands out keys that live so long, one after another, or fails.
    #[derive(Debug, Default)]
    struct Mint {
        fetches: AtomicUsize,
        life: Option<i64>,
        /// The fetches from this one on fail.
        fails_from: Option<usize>,
    }

    impl Provide for Mint {
        fn name(&self) -> String {
            "the mint".to_owned()
        }

        fn fetch<'a>(&'a self, means: &'a Means) -> BoxFuture<'a, Result<Option<Credential>, Error>> {
            async {
                let fetch = self.fetches.fetch_add(1, Ordering::Relaxed);
                sleep(Duration::from_secs(1)).await;
                if self.fails_from.is_some_and(|from| fetch >= from) {
                    return Err(Error::credential("the mint is closed"));
                }
                let life = self.life.map(SignedDuration::from_secs);
                Ok(Some(Credential {
                    access_key_id: format!("key-{fetch}"),
                    access_key_secret: "secret".to_owned(),
                    expiration: life.map(|life| means.now().checked_add(life).expect("a time")),
                    ..Credential::default()
                }))
            }
            .boxed()
        }
    }

    fn store(life: Option<i64>, fails_from: Option<usize>) -> (Arc<Mint>, Arc<KeyCache>) {
        let mint = Arc::new(Mint { life, fails_from, ..Mint::default() });
        (Arc::clone(&mint), Arc::new(KeyCache::new(mint, means())))
    }

    async fn id(store: &KeyCache) -> String {
        store.get().await.expect("a key").access_key_id
    }

    #[tokio::test(start_paused = true)]
    async fn any_number_of_waiting_calls_make_one_fetch() {
        let (mint, store) = store(Some(3_600), None);
        let ids = futures::future::join_all((0..1_000).map(|_| id(&store))).await;
        assert!(ids.iter().all(|id| id == "key-0"));
        assert_eq!(mint.fetches.load(Ordering::Relaxed), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn any_number_of_waiting_calls_share_one_failure_and_a_later_one_tries_again() {
        let (mint, store) = store(None, Some(0));
        let results = futures::future::join_all((0..1_000).map(|_| store.get())).await;
        assert!(results.iter().all(Result::is_err));
        assert_eq!(mint.fetches.load(Ordering::Relaxed), 1);
        assert!(store.get().await.is_err());
        assert_eq!(mint.fetches.load(Ordering::Relaxed), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_is_renewed_before_it_expires() {
        let (_, store) = store(Some(3_600), None);
        assert_eq!(id(&store).await, "key-0");
        advance(Duration::from_secs(2_600)).await;
        assert_eq!(id(&store).await, "key-0");
        advance(Duration::from_secs(150)).await;
        assert_eq!(id(&store).await, "key-1");
    }

    #[tokio::test(start_paused = true)]
    async fn the_shortest_session_is_not_renewed_at_every_call() {
        let (mint, store) = store(Some(900), None);
        for _ in 0..6 {
            id(&store).await;
            advance(Duration::from_secs(100)).await;
        }
        assert_eq!(mint.fetches.load(Ordering::Relaxed), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn calls_go_on_with_the_old_key_while_the_new_one_is_fetched() {
        let (_, store) = store(Some(3_600), None);
        id(&store).await;
        advance(Duration::from_secs(3_000)).await;
        let renewing = Arc::clone(&store);
        let renewing = tokio::spawn(async move { id(&renewing).await });
        sleep(Duration::from_millis(500)).await;
        assert_eq!(store.get().now_or_never().expect("at once").expect("a key").access_key_id, "key-0");
        assert_eq!(renewing.await.expect("no panic"), "key-1");
    }

    #[tokio::test(start_paused = true)]
    async fn a_failed_renewal_uses_the_key_in_hand_until_it_expires() {
        let (mint, store) = store(Some(3_600), Some(1));
        id(&store).await;
        advance(Duration::from_secs(3_000)).await;
        for _ in 0..10 {
            assert_eq!(id(&store).await, "key-0");
        }
        assert_eq!(mint.fetches.load(Ordering::Relaxed), 2, "not at every call");
        advance(Duration::from_secs(60)).await;
        assert_eq!(id(&store).await, "key-0");
        assert_eq!(mint.fetches.load(Ordering::Relaxed), 3);
        advance(Duration::from_secs(600)).await;
        let error = store.get().await.expect_err("expired").to_string();
        assert!(error.contains("the mint is closed"), "{error}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_discarded_key_is_replaced_once() {
        let (mint, store) = store(None, None);
        let key = store.get().await.expect("a key");
        store.refused(&key);
        assert_eq!(id(&store).await, "key-1");
        store.refused(&key);
        assert_eq!(id(&store).await, "key-1");
        assert_eq!(mint.fetches.load(Ordering::Relaxed), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_dropped_fetch_is_taken_over_by_the_next_in_line() {
        let (mint, store) = store(None, None);
        let first = timeout(Duration::from_millis(500), store.get());
        let (first, second) = futures::future::join(first, id(&store)).await;
        assert!(first.is_err());
        assert_eq!(second, "key-1");
        assert_eq!(mint.fetches.load(Ordering::Relaxed), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_source_that_never_answers_is_an_error() {
        #[derive(Debug)]
        struct Mute;
        impl Provide for Mute {
            fn name(&self) -> String {
                "the mute".to_owned()
            }
            fn fetch<'a>(&'a self, _: &'a Means) -> BoxFuture<'a, Result<Option<Credential>, Error>> {
                futures::future::pending().boxed()
            }
        }
        let store = KeyCache::new(Arc::new(Mute), means());
        let error = store.get().await.expect_err("no answer").to_string();
        assert!(error.contains("the mute gave no answer within 90 s"), "{error}");
    }

    #[test]
    fn a_quarter_of_a_short_life_is_left_when_a_key_is_renewed() {
        let hours = |hours| start().checked_add(SignedDuration::from_hours(hours)).expect("a time");
        assert_eq!(hours(6).duration_since(renew_at(start(), hours(6))), SignedDuration::from_mins(15));
        let soon = start().checked_add(SignedDuration::from_secs(100)).expect("a time");
        assert_eq!(soon.duration_since(renew_at(start(), soon)), SignedDuration::from_secs(25));
    }
}
