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

    fn ready_at(&self) -> Millis {
        self.created + self.build
    }

    pub(crate) fn status(&self, now: Millis) -> &str {
        if let Some(status) = &self.forced_status {
            return status;
        }
        match (now >= self.ready_at(), self.fails, self.deprecated) {
            (false, ..) => "Creating",
            (true, true, _) => "CreateFailed",
            (true, false, true) => "Deprecated",
            (true, false, false) => "Available",
        }
    }

    pub(crate) fn is_usable(&self, now: Millis) -> bool {
        self.status(now) == "Available" && now >= self.ready_at() + (self.build / 4).min(1_000)
    }

    /// In percent. A failed image stops half way.
    pub(crate) fn progress(&self, now: Millis) -> i64 {
        let whole = if self.fails { 50 } else { 100 };
        if now >= self.ready_at() {
            return whole;
        }
        ((now - self.created).max(0) * whole / self.build.max(1)).min(99)
    }

    pub(crate) fn seconds_left(&self, now: Millis) -> i64 {
        (self.ready_at() - now + 999).max(0) / 1_000
    }

    pub(crate) fn is_copying(&self, now: Millis) -> bool {
        self.copied_from.is_some() && self.status(now) == "Creating"
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
        }
    }

    /// Everything stored of it, with what follows from the clock.
    pub(crate) fn view(&self, now: Millis) -> Value {
        let mut view = json!(self);
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
