//! All that exists: the regions with what they hold, the ClientTokens that were used, and temporary credentials.

pub(crate) mod bucket;
pub(crate) mod disk;
mod exports;
pub(crate) mod image;
pub(crate) mod instance;
mod queue;
pub(crate) mod region;
pub(crate) mod snapshot;
mod stock;
pub(crate) mod task;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::clock::Millis;
use crate::id;
use crate::regions;
use crate::session::Session;
use crate::state::bucket::Bucket;
use crate::state::image::Image;
use crate::state::region::Region;

/// The bucket that every region has. With a region's id behind it, one of that region alone.
const STOCK_BUCKET: &str = "b-images";

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct State {
    pub(crate) regions: BTreeMap<String, Region>,
    /// By region, action and ClientToken.
    pub(crate) client_tokens: BTreeMap<String, UsedToken>,
    /// By access key id.
    pub(crate) sessions: BTreeMap<String, Session>,
    /// The accounts that do not exist, though their numbers look like those of accounts.
    #[serde(default)]
    pub(crate) closed_accounts: BTreeSet<String>,
    /// By name, those that are gone included.
    #[serde(default)]
    buckets: BTreeMap<String, Bucket>,
    /// The number of the last copy that was asked for.
    #[serde(default)]
    copies: u64,
    /// The instant that the queue of copies has come to.
    #[serde(default)]
    settled_at: Millis,
    /// Whether regions are stocked with more public images than one. An option decides it at every start.
    #[serde(skip)]
    has_public_images: bool,
}

/// What every region starts with, by name.
pub(crate) fn stock_told(has_public_images: bool) -> String {
    stock::told(has_public_images)
}

/// What a ClientToken was used for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct UsedToken {
    /// A digest of the parameters.
    pub(crate) fingerprint: String,
    pub(crate) image_id: String,
}

impl State {
    /// A region that was never named before gets its stock now.
    pub(crate) fn region(&mut self, name: &str, now: Millis) -> &mut Region {
        let has_public_images = self.has_public_images;
        self.regions.entry(name.to_owned()).or_insert_with(|| {
            let mut region = stock::region(now);
            if has_public_images {
                region.images.extend(stock::public_images());
            }
            region
        })
    }

    /// Every region has the public images from now on. One that was named before gets those that it lacks.
    pub(crate) fn stock_public_images(&mut self) {
        self.has_public_images = true;
        for region in self.regions.values_mut() {
            let lacking = stock::public_images().filter(|image| region.image(&image.id).is_none());
            let lacking: Vec<Image> = lacking.collect();
            region.images.extend(lacking);
        }
    }

    /// The bucket of that name, unless it is gone. Those of the stock are made when they are first named: `b-images`, which
    /// is one of every region, and `b-images-<region>`.
    pub(crate) fn bucket(&mut self, name: &str) -> Option<&mut Bucket> {
        if !self.buckets.contains_key(name) {
            let rest = name.strip_prefix(STOCK_BUCKET)?;
            let region = rest.strip_prefix('-').unwrap_or_default();
            let exists = self.regions.contains_key(region) || regions::all().contains(&region);
            if !rest.is_empty() && !exists {
                return None;
            }
            self.buckets.insert(name.to_owned(), stock::bucket(region));
        }
        self.buckets.get_mut(name).filter(|bucket| !bucket.gone)
    }

    /// Makes the bucket, unless it is there.
    pub(crate) fn make_bucket(&mut self, name: &str, region: &str) -> &mut Bucket {
        if self.bucket(name).is_none() {
            let bucket = Bucket { region: region.to_owned(), ..Bucket::default() };
            self.buckets.insert(name.to_owned(), bucket);
        }
        self.buckets.entry(name.to_owned()).or_default()
    }

    /// Goes back to the stock. Credentials stay good, so that a client goes on working.
    pub(crate) fn reset(&mut self) {
        self.regions.clear();
        self.buckets.clear();
        self.client_tokens.clear();
        self.closed_accounts.clear();
    }

    /// Brings about what the clock alone does: copies leave the queue, cancelled ones go, and exports write their objects.
    /// Due before and after every call. `at_once` is how many copies run at a time in a region.
    pub(crate) fn settle(&mut self, now: Millis, at_once: usize) {
        for region in self.regions.values_mut() {
            region.remove_cancelled(now);
        }
        queue::advance(&mut self.regions, self.settled_at, now, at_once);
        self.settled_at = now;
        self.bucket(STOCK_BUCKET);
        exports::write(&mut self.regions, &mut self.buckets, now);
    }

    /// A place at the end of the queue of copies.
    pub(crate) fn last_in_queue(&mut self) -> u64 {
        self.copies += 1;
        self.copies
    }

    /// The account exists no more, and nothing is shared with it.
    pub(crate) fn close_account(&mut self, account: &str) {
        self.closed_accounts.insert(account.to_owned());
        for image in self.regions.values_mut().flat_map(|region| &mut region.images) {
            image.shared_with.remove(account);
        }
    }

    /// From now on no call in the region had a ClientToken.
    pub(crate) fn forget_tokens(&mut self, region: &str) {
        self.client_tokens.retain(|key, _| key.split('/').next() != Some(region));
    }

    /// New credentials for a role.
    pub(crate) fn issue(&mut self, role_arn: &str, name: &str, expires: Millis) -> Session {
        let session = Session {
            key_id: format!("STS.{}", id::opaque(24)),
            secret: id::opaque(44),
            token: id::opaque(120),
            role_arn: role_arn.to_owned(),
            name: name.to_owned(),
            expires,
        };
        self.sessions.insert(session.key_id.clone(), session.clone());
        session
    }

    /// For `GET /_emulator/state`: what is stored, with what follows from the clock. Without secrets.
    pub(crate) fn view(&self, now: Millis) -> Value {
        let regions: Map<String, Value> =
            self.regions.iter().map(|(name, region)| (name.clone(), region.view(now))).collect();
        let there = self.buckets.iter().filter(|(_, bucket)| !bucket.gone);
        let buckets: Map<String, Value> = there.map(|(name, bucket)| (name.clone(), bucket.view())).collect();
        let tokens: Vec<Value> = self
            .client_tokens
            .iter()
            .map(|(key, used)| json!({"token": key, "image_id": used.image_id}))
            .collect();
        json!({
            "now_ms": now,
            "regions": regions,
            "buckets": buckets,
            "client_tokens": tokens,
            "closed_accounts": self.closed_accounts,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(state: &mut State, name: &str, expect: Option<&str>) {
        assert_eq!(state.bucket(name).map(|bucket| bucket.region.as_str()), expect, "{name}");
    }

    #[test]
    fn buckets_of_the_stock_are_made_once() {
        let mut state = State::default();
        state.region("cn-stack-1", 0);
        check(&mut state, "b-images", Some(""));
        check(&mut state, "b-images-eu-central-1", Some("eu-central-1"));
        check(&mut state, "b-images-cn-stack-1", Some("cn-stack-1"));
        for other in ["b-images-", "b-images-cn-nowhere", "b-imageseu-central-1", "b", ""] {
            check(&mut state, other, None);
        }
        state.bucket("b-images").expect("there").gone = true;
        check(&mut state, "b-images", None);
        state.settle(0, 1);
        check(&mut state, "b-images", None);
        assert!(state.make_bucket("b-images", "r").objects.is_empty());
        check(&mut state, "b-images", Some("r"));
        state.make_bucket("b-images", "other");
        check(&mut state, "b-images", Some("r"));
        state.reset();
        check(&mut state, "b-images", Some(""));
    }

    #[test]
    fn the_view_has_no_secrets() {
        let mut state = State::default();
        let session = state.issue("acs:ram::1:role/r", "n", 99);
        let view = state.view(0).to_string();
        assert!(!view.contains(&session.secret) && !view.contains(&session.token));
    }

    #[test]
    fn every_region_has_the_public_images_once() {
        let mut state = State::default();
        let count = |state: &mut State, region| state.region(region, 0).images.len();
        assert_eq!(count(&mut state, "before"), 2);
        state.region("before", 0).images.extend(stock::public_images().take(3));
        state.stock_public_images();
        assert_eq!((count(&mut state, "before"), count(&mut state, "after")), (12, 12));
    }
}
