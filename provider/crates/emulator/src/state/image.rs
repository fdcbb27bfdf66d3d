//! An image. Its status is computed from the clock whenever someone asks; nothing here runs by itself.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::clock::Millis;
use crate::session::ACCOUNT;
use crate::state::disk::{Disk, DiskKind};

/// The account that `m-foreign` belongs to.
const OTHER_ACCOUNT: &str = "6543210987654321";
/// The account that system images belong to.
const SYSTEM_ACCOUNT: &str = "1000000000000000";
/// The account that images of the marketplace belong to.
const SELLER: &str = "2000000000000000";

/// The longest that an image may take to be made: a day.
pub(crate) const LONGEST_BUILD: Millis = 86_400_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Owner {
    /// This account.
    Own,
    System,
    /// Another account.
    Others,
    /// A seller on the marketplace.
    Marketplace,
}

fn yes() -> bool {
    true
}

/// The end of a copy that was cancelled.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Cancelled {
    /// When the unfinished image goes.
    pub(crate) gone_at: Millis,
    /// When its name is free again.
    pub(crate) name_freed_at: Millis,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Image {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) family: String,
    pub(crate) version: String,
    pub(crate) owner: Owner,
    pub(crate) architecture: String,
    pub(crate) platform: String,
    pub(crate) os_name: String,
    pub(crate) boot_mode: String,
    pub(crate) license_type: String,
    pub(crate) nvme_support: String,
    pub(crate) imds_support: String,
    pub(crate) resource_group: String,
    pub(crate) detection: bool,
    pub(crate) tags: BTreeMap<String, String>,
    /// The accounts that the image is shared with, and since when.
    pub(crate) shared_with: BTreeMap<String, Millis>,
    pub(crate) public: bool,
    pub(crate) deprecated: bool,
    /// The instances made from the image.
    pub(crate) used_by: BTreeSet<String>,
    pub(crate) disks: Vec<Disk>,
    /// The region and image that this one is copied from.
    pub(crate) copied_from: Option<(String, String)>,
    /// Its place in the queue of copies, while it is Waiting there.
    #[serde(default)]
    pub(crate) queued: Option<u64>,
    /// How long it was Waiting before it was Creating.
    #[serde(default)]
    pub(crate) waited: Millis,
    #[serde(default)]
    pub(crate) cancelled: Option<Cancelled>,
    /// Whether the copy that makes it can be cancelled.
    #[serde(default = "yes")]
    pub(crate) cancellable: bool,
    #[serde(default)]
    pub(crate) encrypted: bool,
    /// The customer's key that it is encrypted with. Empty for ECS's own.
    #[serde(default)]
    pub(crate) kms_key: String,
    #[serde(default = "yes")]
    pub(crate) cloud_init: bool,
    #[serde(default = "yes")]
    pub(crate) io_optimized: bool,
    pub(crate) created: Millis,
    /// How long Creating lasts.
    pub(crate) build: Millis,
    /// Whether Creating ends in CreateFailed.
    pub(crate) fails: bool,
    /// A status set from outside, which overrules the clock.
    pub(crate) forced_status: Option<String>,
    /// The members that are not shown until they are set. `Features` stands for that whole object.
    #[serde(default)]
    pub(crate) unreported: BTreeSet<String>,
}

/// An image of this account of which nothing was said: ready since 1970, with no name and no disk.
impl Default for Image {
    fn default() -> Self {
        Image {
            id: String::new(),
            name: String::new(),
            description: String::new(),
            family: String::new(),
            version: String::new(),
            owner: Owner::Own,
            architecture: "x86_64".to_owned(),
            platform: String::new(),
            os_name: String::new(),
            boot_mode: "BIOS".to_owned(),
            license_type: "Auto".to_owned(),
            nvme_support: "unsupported".to_owned(),
            imds_support: "v1".to_owned(),
            resource_group: String::new(),
            detection: false,
            tags: BTreeMap::new(),
            shared_with: BTreeMap::new(),
            public: false,
            deprecated: false,
            used_by: BTreeSet::new(),
            disks: vec![],
            copied_from: None,
            queued: None,
            waited: 0,
            cancelled: None,
            cancellable: true,
            encrypted: false,
            kms_key: String::new(),
            cloud_init: true,
            io_optimized: true,
            created: 0,
            build: 0,
            fails: false,
            forced_status: None,
            unreported: BTreeSet::new(),
        }
    }
}

impl Image {
    pub(crate) fn is_visible(&self, now: Millis) -> bool {
        now >= self.created + (self.build / 10).min(300)
    }

    /// `None` while it is in the queue.
    pub(crate) fn ready_at(&self) -> Option<Millis> {
        self.queued.is_none().then_some(self.created + self.waited + self.build)
    }

    fn is_ready(&self, now: Millis) -> bool {
        self.cancelled.is_none() && self.ready_at().is_some_and(|at| now >= at)
    }

    pub(crate) fn status(&self, now: Millis) -> &str {
        if let Some(status) = &self.forced_status {
            return status;
        }
        match (self.is_ready(now), self.fails, self.deprecated) {
            (false, ..) if self.queued.is_some() => "Waiting",
            (false, ..) => "Creating",
            (true, true, _) => "CreateFailed",
            (true, false, true) => "Deprecated",
            (true, false, false) => "Available",
        }
    }

    pub(crate) fn is_usable(&self, now: Millis) -> bool {
        self.status(now) == "Available" && self.ready_at().is_some_and(|at| now >= at + self.moment())
    }

    /// How long the cloud takes for what it does a moment later: a quarter of the time of making, at most a second.
    pub(crate) fn moment(&self) -> Millis {
        (self.build / 4).min(1_000)
    }

    /// In percent. A failed image stops half way.
    pub(crate) fn progress(&self, now: Millis) -> i64 {
        let whole = if self.fails { 50 } else { 100 };
        match self.ready_at() {
            None => 0,
            Some(_) if self.is_ready(now) => whole,
            Some(at) => ((now + self.build - at).max(0) * whole / self.build.max(1)).min(99),
        }
    }

    pub(crate) fn seconds_left(&self, now: Millis) -> i64 {
        self.ready_at().map_or(self.build, |at| at - now).saturating_add(999).max(0) / 1_000
    }

    pub(crate) fn is_being_made(&self, now: Millis) -> bool {
        ["Creating", "Waiting"].contains(&self.status(now))
    }

    pub(crate) fn is_copying(&self, now: Millis) -> bool {
        self.copied_from.is_some() && self.is_being_made(now)
    }

    pub(crate) fn is_importing(&self, now: Millis) -> bool {
        let is_imported = self.copied_from.is_none() && self.disks.iter().any(|disk| disk.import.is_some());
        is_imported && self.is_being_made(now)
    }

    /// It is CreateFailed at that instant, and not before.
    pub(crate) fn fail_at(&mut self, at: Millis) {
        self.fails = true;
        self.build = (at - self.created - self.waited).max(0);
    }

    /// Whether it is in the queue of copies and may leave it.
    pub(crate) fn waits_its_turn(&self) -> bool {
        self.queued.is_some() && self.cancelled.is_none() && self.is_left_to_the_queue()
    }

    /// Whether its copy counts among those that run at a time.
    pub(crate) fn is_being_copied(&self, now: Millis) -> bool {
        self.copied_from.is_some()
            && self.queued.is_none()
            && self.cancelled.is_none()
            && !self.is_ready(now)
            && self.is_left_to_the_queue()
    }

    /// Whether no status from outside ends the copy.
    fn is_left_to_the_queue(&self) -> bool {
        self.forced_status.as_ref().is_none_or(|status| ["Creating", "Waiting"].contains(&status.as_str()))
    }

    pub(crate) fn uses_snapshot(&self, id: &str) -> bool {
        self.disks.iter().any(|disk| disk.snapshot == id)
    }

    /// The system disk's size in GiB.
    pub(crate) fn size(&self) -> i64 {
        self.disks.iter().find(|disk| disk.kind == DiskKind::System).map_or(0, |disk| disk.size)
    }

    pub(crate) fn os_type(&self) -> &'static str {
        os_type(&self.platform)
    }

    /// From now on `member` is reported. If the whole of `Features` was not, its other member stays unreported.
    pub(crate) fn report(&mut self, member: &str) {
        self.unreported.remove(member);
        if member.starts_with("Features.") && self.unreported.remove("Features") {
            let others =
                ["Features.NvmeSupport", "Features.ImdsSupport"].into_iter().filter(|m| *m != member);
            self.unreported.extend(others.map(str::to_owned));
        }
    }

    pub(crate) fn owner_id(&self) -> &'static str {
        match self.owner {
            Owner::Own => ACCOUNT,
            Owner::System => SYSTEM_ACCOUNT,
            Owner::Others => OTHER_ACCOUNT,
            Owner::Marketplace => SELLER,
        }
    }

    /// The family as this account sees it: that of another account bears its number, that of a public image only `acs:`.
    pub(crate) fn family_as_seen(&self) -> String {
        match self.owner {
            _ if self.family.is_empty() => String::new(),
            Owner::Own => self.family.clone(),
            Owner::System => format!("acs:{}", self.family),
            Owner::Others | Owner::Marketplace => format!("acs:{}:{}", self.owner_id(), self.family),
        }
    }

    /// Everything stored of it, with what follows from that and from the clock.
    pub(crate) fn view(&self, now: Millis) -> Value {
        let mut view = json!(self);
        view["os_type"] = self.os_type().into();
        view["status"] = self.status(now).into();
        view["progress"] = self.progress(now).into();
        view["usable"] = self.is_usable(now).into();
        view["visible"] = self.is_visible(now).into();
        view
    }
}

pub(crate) fn os_type(platform: &str) -> &'static str {
    if platform.contains("Windows") { "windows" } else { "linux" }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(build: Millis) -> Image {
        Image { created: 10_000, build, ..Image::default() }
    }

    #[track_caller]
    fn check(image: &Image, at: Millis, expect: (bool, &str, i64, bool)) {
        let now = image.created + at;
        let seen = (image.is_visible(now), image.status(now), image.progress(now), image.is_usable(now));
        assert_eq!(seen, expect, "{at} ms after it was made");
    }

    #[test]
    fn an_image_appears_then_is_available_then_usable() {
        let image = image(2_000);
        check(&image, 0, (false, "Creating", 0, false));
        check(&image, 199, (false, "Creating", 9, false));
        check(&image, 200, (true, "Creating", 10, false));
        check(&image, 1_999, (true, "Creating", 99, false));
        check(&image, 2_000, (true, "Available", 100, false));
        check(&image, 2_499, (true, "Available", 100, false));
        check(&image, 2_500, (true, "Available", 100, true));
    }

    #[test]
    fn with_no_time_to_take_an_image_is_usable_at_once() {
        check(&image(0), 0, (true, "Available", 100, true));
    }

    #[test]
    fn an_image_that_fails_stops_half_way() {
        let mut image = image(2_000);
        image.fails = true;
        check(&image, 1_000, (true, "Creating", 25, false));
        check(&image, 9_000, (true, "CreateFailed", 50, false));
    }
}
