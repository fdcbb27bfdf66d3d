//! The `--state` file, in which the state survives a restart.

use std::fs::{File, TryLockError};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::clock::{END, Millis};
use crate::error::Error;
use crate::state::State;
use crate::state::image::LONGEST_BUILD;

/// The version that marks a state file as ours.
const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
struct StateFile<S> {
    version: u32,
    now: Millis,
    state: S,
}

/// How many links lead from one to another before the system gives up.
const MOST_LINKS: usize = 40;

/// A state file that no other process uses as long as this lives.
#[derive(Debug)]
pub(crate) struct Claim {
    /// Where a symbolic link leads, since what is written there replaces what is there.
    pub(crate) path: PathBuf,
    _lock: File,
}

impl Claim {
    /// The lock is on a file beside it, as the state file is another one after each change. The file beside it stays: if
    /// it went, two processes could each have a lock on one of its name.
    pub(crate) fn new(path: &Path) -> Result<Claim, Error> {
        let path = followed(path);
        let beside = beside(&path, ".lock");
        let failed = |source| Error::WriteState { path: beside.clone(), source };
        let lock = private().open(&beside).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => Ok(Claim { path, _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(Error::StateInUse { path }),
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }
}

/// Where the path leads, also if there is nothing yet.
fn followed(path: &Path) -> PathBuf {
    let mut path = path.to_owned();
    for _ in 0..MOST_LINKS {
        match std::fs::read_link(&path) {
            Ok(target) => path = path.parent().unwrap_or(Path::new("")).join(target),
            Err(_) => break,
        }
    }
    path
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut beside = path.as_os_str().to_owned();
    beside.push(suffix);
    beside.into()
}

/// What the file holds and the time it was written at, or `None` if there is no file yet, or an empty one.
pub(crate) fn load(path: &Path) -> Result<Option<(State, Millis)>, Error> {
    let text = match std::fs::read(path) {
        Ok(text) if text.is_empty() => return Ok(None),
        Ok(text) => text,
        Err(source) if source.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(Error::ReadState { path: path.to_owned(), source }),
    };
    let malformed = |source| Error::MalformedState { path: path.to_owned(), source };
    let file: StateFile<State> = serde_json::from_slice(&text).map_err(malformed)?;
    if file.version != VERSION {
        let why = format!("it has version {}, not {VERSION}", file.version);
        return Err(malformed(serde::de::Error::custom(why)));
    }
    if !times_are_possible(&file.state) || !(0..=END).contains(&file.now) {
        return Err(malformed(serde::de::Error::custom("a time in it is out of range")));
    }
    Ok(Some((file.state, file.now)))
}

/// Whether every time can be reckoned with.
fn times_are_possible(state: &State) -> bool {
    let mut times = state.regions.values().flat_map(|region| region.times());
    times.all(|(created, build)| (0..=END).contains(&created) && (0..=LONGEST_BUILD).contains(&build))
}

/// Written beside the file and moved over it, so that a reader finds the old state or the new one, never half of one.
pub(crate) fn save(path: &Path, state: &State, now: Millis) -> Result<(), Error> {
    let failed = |source| Error::WriteState { path: path.to_owned(), source };
    let text = serde_json::to_vec(&StateFile { version: VERSION, now, state })
        .map_err(|error| failed(std::io::Error::other(error)))?;
    let beside = beside(path, &format!(".{}.new", std::process::id()));
    let written = private().truncate(true).open(&beside).and_then(|mut file| file.write_all(&text));
    written.and_then(|()| std::fs::rename(&beside, path)).map_err(|source| {
        drop(std::fs::remove_file(&beside));
        failed(source)
    })
}

/// Opens a file to be written, for its owner alone, since there are credentials in it.
fn private() -> std::fs::OpenOptions {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

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
    fn an_empty_file_is_a_new_one() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        assert!(load(file.path()).expect("no error").is_none());
    }

    #[test]
    fn a_state_file_is_claimed_once_at_a_time_by_whatever_path() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("state.json");
        let claim = Claim::new(&path).expect("claimed");
        save(&claim.path, &State::default(), 0).expect("saved");
        let error = Claim::new(&folder.path().join("./state.json")).expect_err("refused");
        assert!(matches!(error, Error::StateInUse { .. }), "{error:?}");
        drop(claim);
        Claim::new(&path).expect("claimed again");
    }

    #[cfg(unix)]
    #[test]
    fn a_link_is_followed_even_to_where_nothing_is_yet() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        std::os::unix::fs::symlink("inner", at("outer")).expect("linked");
        std::os::unix::fs::symlink(at("state.json"), at("inner")).expect("linked");
        let claim = Claim::new(&at("outer")).expect("claimed");
        assert_eq!(claim.path, at("state.json"));
        assert!(matches!(Claim::new(&at("state.json")), Err(Error::StateInUse { .. })));
        std::os::unix::fs::symlink("round", at("round")).expect("linked");
        assert!(Claim::new(&at("round")).is_ok_and(|claim| load(&claim.path).is_err()), "it leads nowhere");
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
        for newer in [
            "unreported",
            "queued",
            "waited",
            "cancelled",
            "cancellable",
            "encrypted",
            "kms_key",
            "cloud_init",
            "io_optimized",
        ] {
            image.shift_remove(newer).expect("there");
        }
        image["disks"][0].as_object_mut().expect("an object").shift_remove("import").expect("there");
        let region = file["state"]["regions"]["r"].as_object_mut().expect("an object");
        region.shift_remove("held_names").expect("there");
        region["snapshots"][0].as_object_mut().expect("an object").shift_remove("encrypted").expect("there");
        for newer in ["buckets", "copies", "settled_at", "closed_accounts"] {
            file["state"].as_object_mut().expect("an object").shift_remove(newer).expect("there");
        }
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
        for (created, build, waited) in
            [(i64::MAX, 0, 0), (-1, 0, 0), (0, i64::MAX, 0), (0, -1, 0), (0, 0, i64::MAX), (0, 0, -1)]
        {
            let mut state = State::default();
            let image = &mut state.region("r", 0).images[0];
            (image.created, image.build, image.waited) = (created, build, waited);
            save(&path, &state, 0).expect("saved");
            assert!(matches!(load(&path), Err(Error::MalformedState { .. })), "{created} {build} {waited}");
        }
    }

    #[test]
    fn a_damaged_state_file_is_an_error_that_names_it() {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, text) in
            [("blank", "\n"), ("half", r#"{"version":1,"#), ("later", LATER), ("never", NEVER)]
        {
            let path = folder.path().join(name);
            std::fs::write(&path, text).expect("written");
            let error = load(&path).expect_err(name);
            assert!(matches!(error, Error::MalformedState { .. }), "{error:?}");
            assert!(error.to_string().contains(name), "{error}");
        }
    }
}
