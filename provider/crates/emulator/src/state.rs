//! What exists: images, snapshots, instances and groups per region, tokens and sessions per account, and the stock
//! they start from. Every status is computed from the clock when asked for; nothing here runs by itself.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::Error;
use crate::clock::{self, Millis};
use crate::id;

/// The account that the access key belongs to.
pub(crate) const ACCOUNT: &str = "1234567890123456";
/// The account that `m-foreign` belongs to.
pub(crate) const OTHER_ACCOUNT: &str = "6543210987654321";
/// The account that system images belong to.
pub(crate) const SYSTEM_ACCOUNT: &str = "1000000000000000";

/// An image takes a day at most.
pub(crate) const LONGEST_BUILD: Millis = 86_400_000;

/// Marks a state file as ours.
const FILE_VERSION: u32 = 1;

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct State {
    pub(crate) regions: BTreeMap<String, Region>,
    /// By region, action and ClientToken.
    pub(crate) client_tokens: BTreeMap<String, UsedToken>,
    /// Temporary credentials by their access key id.
    pub(crate) sessions: BTreeMap<String, Session>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Region {
    pub(crate) images: Vec<Image>,
    pub(crate) snapshots: Vec<Snapshot>,
    pub(crate) instances: Vec<Instance>,
    pub(crate) resource_groups: BTreeSet<String>,
    pub(crate) tasks: Vec<Task>,
    /// Names of images that are gone, and until when they are taken all the same.
    #[serde(default)]
    pub(crate) held_names: BTreeMap<String, Millis>,
}

/// What a ClientToken was used for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct UsedToken {
    /// Digest of the parameters.
    pub(crate) fingerprint: String,
    pub(crate) image_id: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Session {
    pub(crate) key_id: String,
    pub(crate) secret: String,
    pub(crate) token: String,
    pub(crate) role_arn: String,
    pub(crate) name: String,
    pub(crate) expires: Millis,
}

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
    /// Accounts that the image is shared with, and since when.
    pub(crate) shared_with: BTreeMap<String, Millis>,
    pub(crate) public: bool,
    pub(crate) deprecated: bool,
    /// Instances made from the image.
    pub(crate) used_by: BTreeSet<String>,
    pub(crate) disks: Vec<Disk>,
    /// The region and image that this one is copied from.
    pub(crate) copied_from: Option<(String, String)>,
    pub(crate) created: Millis,
    /// How long Creating lasts.
    pub(crate) build: Millis,
    /// Whether Creating ends in CreateFailed.
    pub(crate) fails: bool,
    /// Set from outside, instead of what the clock says.
    pub(crate) forced_status: Option<String>,
    /// Members that are not shown until they are set. `Features` is that whole object.
    #[serde(default)]
    pub(crate) unreported: BTreeSet<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Disk {
    pub(crate) device: String,
    pub(crate) kind: DiskKind,
    pub(crate) size: i64,
    /// Empty for a blank disk.
    pub(crate) snapshot: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum DiskKind {
    System,
    Data,
}

impl DiskKind {
    pub(crate) fn text(self) -> &'static str {
        match self {
            DiskKind::System => "system",
            DiskKind::Data => "data",
        }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Snapshot {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) kind: DiskKind,
    pub(crate) size: i64,
    pub(crate) disk: String,
    /// Empty if it is not known.
    pub(crate) instance: String,
    pub(crate) platform: String,
    pub(crate) os_name: String,
    pub(crate) resource_group: String,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) created: Millis,
    /// How long it is progressing.
    pub(crate) build: Millis,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Instance {
    pub(crate) id: String,
    pub(crate) status: String,
    /// When a Starting instance is Running.
    pub(crate) running_from: Option<Millis>,
    pub(crate) locked: bool,
    pub(crate) image: String,
    pub(crate) platform: String,
    pub(crate) os_name: String,
    pub(crate) disks: Vec<InstanceDisk>,
    pub(crate) resource_group: String,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) created: Millis,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct InstanceDisk {
    pub(crate) id: String,
    pub(crate) kind: DiskKind,
    pub(crate) size: i64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Task {
    pub(crate) id: String,
    pub(crate) action: String,
    pub(crate) resource: String,
    pub(crate) created: Millis,
    pub(crate) build: Millis,
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

    /// In percent; a failed image stops half way.
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

    /// From now on `member` is reported; of a `Features` that was not, this part alone.
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
}

pub(crate) fn os_type(platform: &str) -> &'static str {
    if platform.contains("Windows") { "windows" } else { "linux" }
}

impl Snapshot {
    pub(crate) fn is_accomplished(&self, now: Millis) -> bool {
        now >= self.created + self.build
    }

    pub(crate) fn progress(&self, now: Millis) -> i64 {
        if self.is_accomplished(now) {
            return 100;
        }
        ((now - self.created).max(0) * 100 / self.build.max(1)).min(99)
    }
}

impl Instance {
    pub(crate) fn status(&self, now: Millis) -> &str {
        match self.running_from {
            Some(from) if now >= from => "Running",
            Some(_) | None => &self.status,
        }
    }
}

impl Task {
    pub(crate) fn is_finished(&self, now: Millis) -> bool {
        now >= self.created + self.build
    }
}

impl Region {
    /// Images of this account that are there, visible or not.
    pub(crate) fn own_images(&self) -> impl Iterator<Item = &Image> {
        self.images.iter().filter(|image| image.owner == Owner::Own)
    }

    pub(crate) fn image(&self, id: &str) -> Option<&Image> {
        self.images.iter().find(|image| image.id == id)
    }

    pub(crate) fn image_mut(&mut self, id: &str) -> Option<&mut Image> {
        self.images.iter_mut().find(|image| image.id == id)
    }

    /// Takes the image away. Its name is free from `freed_at` on.
    pub(crate) fn remove_image(&mut self, id: &str, now: Millis, freed_at: Millis) {
        self.held_names.retain(|_, until| now < *until);
        for image in self.images.extract_if(.., |image| image.id == id) {
            if image.owner == Owner::Own && !image.name.is_empty() && now < freed_at {
                self.held_names.insert(image.name, freed_at);
            }
        }
    }

    pub(crate) fn snapshot(&self, id: &str) -> Option<&Snapshot> {
        self.snapshots.iter().find(|snapshot| snapshot.id == id)
    }

    pub(crate) fn instance(&self, id: &str) -> Option<&Instance> {
        self.instances.iter().find(|instance| instance.id == id)
    }

    /// What every region starts with.
    fn stock(now: Millis) -> Region {
        let made = |text: &str| clock::parse_iso(text).unwrap_or(0);
        let instance = |id: &str, status: &str, disks: &[(DiskKind, i64)]| Instance {
            id: id.to_owned(),
            status: status.to_owned(),
            running_from: (status == "Starting").then_some(now + 5_000),
            locked: id == "i-locked",
            image: "m-system".to_owned(),
            platform: "CentOS".to_owned(),
            os_name: CENTOS.to_owned(),
            disks: disks
                .iter()
                .zip(1..)
                .map(|((kind, size), number)| InstanceDisk {
                    id: format!("d-{}-{number}", &id[2..]),
                    kind: *kind,
                    size: *size,
                })
                .collect(),
            resource_group: "rg-default".to_owned(),
            tags: BTreeMap::new(),
            created: made("2020-01-02T03:04:05Z"),
        };
        let snapshot = |id: &str, kind, size, created: &str| Snapshot {
            id: id.to_owned(),
            name: id.to_owned(),
            description: String::new(),
            kind,
            size,
            disk: format!("d-of-{id}"),
            instance: String::new(),
            platform: "CentOS".to_owned(),
            os_name: CENTOS.to_owned(),
            resource_group: "rg-default".to_owned(),
            tags: BTreeMap::new(),
            created: made(created),
            build: 0,
        };
        let image = |id: &str, name: &str, owner| Image {
            id: id.to_owned(),
            name: name.to_owned(),
            description: String::new(),
            family: String::new(),
            version: String::new(),
            owner,
            architecture: "x86_64".to_owned(),
            platform: "CentOS".to_owned(),
            os_name: CENTOS.to_owned(),
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
            disks: vec![Disk {
                device: "/dev/xvda".to_owned(),
                kind: DiskKind::System,
                size: 40,
                snapshot: String::new(),
            }],
            copied_from: None,
            created: made("2020-01-01T00:00:00Z"),
            build: 0,
            fails: false,
            forced_status: None,
            unreported: BTreeSet::new(),
        };
        let system = (DiskKind::System, 40);
        let mut region = Region {
            images: vec![
                image("m-system", "centos_7_9_x64_20G_alibase_20200101.vhd", Owner::System),
                image("m-foreign", "somebody-elses-image", Owner::Others),
            ],
            snapshots: vec![
                snapshot("s-system", DiskKind::System, 40, "2020-02-03T04:05:06Z"),
                snapshot("s-data", DiskKind::Data, 100, "2020-02-03T04:05:07Z"),
                snapshot("s-2013", DiskKind::System, 40, "2013-07-01T00:00:00Z"),
            ],
            instances: vec![
                instance("i-running", "Running", &[system, (DiskKind::Data, 100)]),
                instance("i-stopped", "Stopped", &[system]),
                instance("i-starting", "Starting", &[system]),
                instance("i-locked", "Stopped", &[system]),
            ],
            resource_groups: ["rg-default", "rg-other"].map(str::to_owned).into(),
            tasks: vec![],
            held_names: BTreeMap::new(),
        };
        if let Some(image) = region.image_mut("m-system") {
            image.used_by = ["i-running", "i-stopped", "i-starting", "i-locked"].map(str::to_owned).into();
        }
        region
    }
}

/// What the source's system is called in answers.
const CENTOS: &str = "CentOS  7.9 64 bit";

impl State {
    /// A region that was never named before gets its stock now.
    pub(crate) fn region(&mut self, name: &str, now: Millis) -> &mut Region {
        self.regions.entry(name.to_owned()).or_insert_with(|| Region::stock(now))
    }

    /// As if no call in the region had had a ClientToken.
    pub(crate) fn forget_tokens(&mut self, region: &str) {
        self.client_tokens.retain(|key, _| key.split('/').next() != Some(region));
    }

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

    /// Whether every time can be reckoned with.
    fn times_are_possible(&self) -> bool {
        let is_possible = |(created, build): (Millis, Millis)| {
            (0..=clock::END).contains(&created) && (0..=LONGEST_BUILD).contains(&build)
        };
        self.regions.values().all(|region| {
            region.images.iter().map(|image| (image.created, image.build)).all(is_possible)
                && region.snapshots.iter().map(|snapshot| (snapshot.created, snapshot.build)).all(is_possible)
                && region.tasks.iter().map(|task| (task.created, task.build)).all(is_possible)
        })
    }

    /// For `GET /_emulator/state`: what is stored, with what follows from the clock. Without secrets.
    pub(crate) fn view(&self, now: Millis) -> Value {
        let regions: serde_json::Map<String, Value> = self
            .regions
            .iter()
            .map(|(name, region)| {
                let images: Vec<Value> = region
                    .images
                    .iter()
                    .map(|image| {
                        let mut view = json!(image);
                        view["status"] = image.status(now).into();
                        view["progress"] = image.progress(now).into();
                        view["usable"] = image.is_usable(now).into();
                        view["visible"] = image.is_visible(now).into();
                        view
                    })
                    .collect();
                let snapshots: Vec<Value> = region
                    .snapshots
                    .iter()
                    .map(|snapshot| {
                        let mut view = json!(snapshot);
                        view["progress"] = snapshot.progress(now).into();
                        view
                    })
                    .collect();
                let instances: Vec<Value> = region
                    .instances
                    .iter()
                    .map(|instance| {
                        let mut view = json!(instance);
                        view["status"] = instance.status(now).into();
                        view
                    })
                    .collect();
                let view = json!({
                    "images": images,
                    "snapshots": snapshots,
                    "instances": instances,
                    "resource_groups": region.resource_groups,
                    "tasks": region.tasks,
                    "held_names": region.held_names,
                });
                (name.clone(), view)
            })
            .collect();
        let tokens: Vec<Value> = self
            .client_tokens
            .iter()
            .map(|(key, used)| json!({"token": key, "image_id": used.image_id}))
            .collect();
        json!({"now_ms": now, "regions": regions, "client_tokens": tokens})
    }
}

#[derive(Serialize, Deserialize)]
struct StateFile<S> {
    version: u32,
    now: Millis,
    state: S,
}

/// What the file holds and the time it was written at, or `None` if there is no file yet.
pub(crate) fn load(path: &Path) -> Result<Option<(State, Millis)>, Error> {
    let text = match std::fs::read(path) {
        Ok(text) => text,
        Err(source) if source.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(Error::ReadState { path: path.to_owned(), source }),
    };
    let malformed = |source| Error::MalformedState { path: path.to_owned(), source };
    let file: StateFile<State> = serde_json::from_slice(&text).map_err(malformed)?;
    if file.version != FILE_VERSION {
        let why = format!("it has version {}, not {FILE_VERSION}", file.version);
        return Err(malformed(serde::de::Error::custom(why)));
    }
    if !file.state.times_are_possible() || !(0..=clock::END).contains(&file.now) {
        return Err(malformed(serde::de::Error::custom("a time in it is out of range")));
    }
    Ok(Some((file.state, file.now)))
}

/// Written beside the file and moved over it, so that a reader finds the old state or the new one, never half of one.
pub(crate) fn save(path: &Path, state: &State, now: Millis) -> Result<(), Error> {
    let failed = |source| Error::WriteState { path: path.to_owned(), source };
    let text = serde_json::to_vec(&StateFile { version: FILE_VERSION, now, state })
        .map_err(|error| failed(std::io::Error::other(error)))?;
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}.new", std::process::id()));
    write_private(Path::new(&beside), &text).and_then(|()| std::fs::rename(&beside, path)).map_err(|source| {
        drop(std::fs::remove_file(&beside));
        failed(source)
    })
}

/// For its owner alone, since there are credentials in it.
fn write_private(path: &Path, text: &[u8]) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(build: Millis) -> Image {
        let mut image = Region::stock(0).images.remove(0);
        image.created = 10_000;
        image.build = build;
        image
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

    #[test]
    fn a_state_file_survives_a_round_trip() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("state.json");
        assert!(load(&path).expect("no file is no error").is_none());
        let mut state = State::default();
        state.region("cn-hangzhou", 7).images[0].tags.insert("a".into(), "b".into());
        state.region("cn-hangzhou", 7).held_names.insert("old".into(), 99);
        state.issue("acs:ram::1:role/r", "n", 99);
        save(&path, &state, 7).expect("saved");
        let (loaded, now) = load(&path).expect("loaded").expect("there");
        assert_eq!(json!(loaded), json!(state));
        assert_eq!(now, 7);
        assert_eq!(std::fs::read_dir(folder.path()).expect("listed").count(), 1, "nothing is left beside it");
    }

    #[test]
    fn a_state_file_of_an_earlier_release_is_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("state.json");
        let mut state = State::default();
        state.region("r", 0);
        save(&path, &state, 0).expect("saved");
        let mut file: Value =
            serde_json::from_slice(&std::fs::read(&path).expect("read")).expect("what was written");
        let image = file["state"]["regions"]["r"]["images"][0].as_object_mut().expect("an object");
        image.shift_remove("unreported").expect("there");
        let region = file["state"]["regions"]["r"].as_object_mut().expect("an object");
        region.shift_remove("held_names").expect("there");
        std::fs::write(&path, file.to_string()).expect("written");
        let (loaded, _) = load(&path).expect("loaded").expect("there");
        assert_eq!(json!(loaded), json!(state));
    }

    const LATER: &str = r#"{"version":2,"now":0,"state":{"regions":{},"client_tokens":{},"sessions":{}}}"#;
    const NEVER: &str = r#"{"version":1,"now":-1,"state":{"regions":{},"client_tokens":{},"sessions":{}}}"#;

    #[test]
    fn a_state_file_with_impossible_times_is_an_error() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("state.json");
        for (created, build) in [(i64::MAX, 0), (-1, 0), (0, i64::MAX), (0, -1)] {
            let mut state = State::default();
            let image = &mut state.region("r", 0).images[0];
            (image.created, image.build) = (created, build);
            save(&path, &state, 0).expect("saved");
            assert!(matches!(load(&path), Err(Error::MalformedState { .. })), "{created} {build}");
        }
    }

    #[test]
    fn a_damaged_state_file_is_an_error_that_names_it() {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, text) in [("empty", ""), ("half", r#"{"version":1,"#), ("later", LATER), ("never", NEVER)]
        {
            let path = folder.path().join(name);
            std::fs::write(&path, text).expect("written");
            let error = load(&path).expect_err(name);
            assert!(matches!(error, Error::MalformedState { .. }), "{error:?}");
            assert!(error.to_string().contains(name), "{error}");
        }
    }

    #[test]
    fn the_view_has_no_secrets() {
        let mut state = State::default();
        let session = state.issue("acs:ram::1:role/r", "n", 99);
        let view = state.view(0).to_string();
        assert!(!view.contains(&session.secret) && !view.contains(&session.token));
    }
}
