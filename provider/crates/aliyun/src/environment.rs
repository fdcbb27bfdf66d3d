//! What the process stands in: variables, files, clock. Handed in everywhere, so that nothing here reaches the world by itself.

#![expect(clippy::disallowed_methods, reason = "the one place where the process itself is met")]

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;

type Now = dyn Fn() -> Timestamp + Send + Sync;

/// Variables, files and clock. Cheap to clone.
///
/// [`Environment::from_process`] is the real one; [`Environment::default`] has no variable, no home and no file, and
/// tests build theirs from it.
#[derive(Clone)]
pub struct Environment {
    variables: Arc<BTreeMap<String, String>>,
    home: Option<PathBuf>,
    /// `None` is the real file system.
    files: Option<Arc<HashMap<PathBuf, File>>>,
    now: Arc<Now>,
}

/// A file as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct File {
    pub(crate) contents: Vec<u8>,
    /// Unix permission bits; `None` if the system has none.
    pub(crate) mode: Option<u32>,
}

impl fmt::Debug for Environment {
    /// Names only: values hold keys.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Environment")
            .field("variables", &self.variables.keys().collect::<Vec<_>>())
            .field("home", &self.home)
            .finish_non_exhaustive()
    }
}

impl Default for Environment {
    fn default() -> Environment {
        Environment {
            variables: Arc::default(),
            home: None,
            files: Some(Arc::default()),
            now: Arc::new(Timestamp::now),
        }
    }
}

impl Environment {
    /// The process's own variables (those that are UTF-8), home folder, files and clock.
    pub fn from_process() -> Environment {
        let variables: BTreeMap<String, String> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        Environment {
            variables: Arc::new(variables),
            home: std::env::home_dir().filter(|home| !home.as_os_str().is_empty()),
            files: None,
            now: Arc::new(Timestamp::now),
        }
    }

    /// The same with one variable set.
    #[must_use]
    pub fn with_variable(mut self, name: impl Into<String>, value: impl Into<String>) -> Environment {
        Arc::make_mut(&mut self.variables).insert(name.into(), value.into());
        self
    }

    /// The same with one variable absent.
    #[must_use]
    pub fn without_variable(mut self, name: &str) -> Environment {
        Arc::make_mut(&mut self.variables).remove(name);
        self
    }

    /// The same with another home folder.
    #[must_use]
    pub fn with_home(mut self, home: impl Into<PathBuf>) -> Environment {
        self.home = Some(home.into());
        self
    }

    /// The same with a file in memory, with Unix permission bits. From then on no real file is looked at.
    #[must_use]
    pub fn with_file(
        mut self,
        path: impl Into<PathBuf>,
        contents: impl Into<Vec<u8>>,
        mode: u32,
    ) -> Environment {
        let file = File { contents: contents.into(), mode: Some(mode) };
        Arc::make_mut(self.files.get_or_insert_default()).insert(path.into(), file);
        self
    }

    /// The same with another clock.
    #[must_use]
    pub fn with_clock(mut self, now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Environment {
        self.now = Arc::new(now);
        self
    }

    /// A variable's value without the blanks around it. Set to nothing but blanks is not set.
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
    }

    /// The first of these variables that is set, with its value.
    pub fn first<'a>(&'a self, names: &[&'static str]) -> Option<(&'static str, &'a str)> {
        names.iter().find_map(|name| Some((*name, self.variable(name)?)))
    }

    /// A variable that says yes: `true`, `1`, `yes` or `on`, whatever the case.
    pub fn flag(&self, name: &str) -> bool {
        self.variable(name)
            .is_some_and(|value| ["true", "1", "yes", "on"].iter().any(|yes| value.eq_ignore_ascii_case(yes)))
    }

    /// All variables, for a command that is run in this environment.
    pub(crate) fn variables(&self) -> impl Iterator<Item = (&String, &String)> {
        self.variables.iter()
    }

    /// The home folder.
    pub fn home(&self) -> Option<&Path> {
        self.home.as_deref()
    }

    /// The time of the local clock, which can be wrong: see [`Clock`](crate::clock::Clock).
    pub fn now(&self) -> Timestamp {
        (self.now)()
    }

    /// A path with a leading `~/` spelled out.
    pub(crate) fn expand(&self, path: &str) -> PathBuf {
        match (path.strip_prefix("~/").or_else(|| path.strip_prefix("~\\")), self.home()) {
            (Some(rest), Some(home)) => home.join(rest),
            (Some(_) | None, _) => PathBuf::from(path),
        }
    }

    /// Whether there is something at this path. A leading `~/` is not spelled out.
    pub fn exists(&self, path: &Path) -> bool {
        match &self.files {
            Some(files) => files.contains_key(path),
            None => path.exists(),
        }
    }

    pub(crate) fn read(&self, path: &Path) -> io::Result<File> {
        if let Some(files) = &self.files {
            return files.get(path).cloned().ok_or_else(|| io::ErrorKind::NotFound.into());
        }
        let metadata = std::fs::metadata(path)?;
        // A key file is a page of text. Anything bigger is a mistake, and a device could go on for ever.
        if !metadata.is_file() || metadata.len() > 1 << 20 {
            return Err(io::Error::other("not a regular file of at most 1 MiB"));
        }
        #[cfg(unix)]
        let mode = Some(std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()));
        #[cfg(not(unix))]
        let mode = None;
        Ok(File { contents: std::fs::read(path)?, mode })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blank_variable_is_not_set() {
        let environment = Environment::default().with_variable("A", "  ").with_variable("B", " b\n");
        assert_eq!(environment.variable("A"), None);
        assert_eq!(environment.first(&["A", "B"]), Some(("B", "b")));
    }

    #[test]
    fn debug_shows_no_value() {
        let environment = Environment::default().with_variable("ALICLOUD_SECRET_KEY", "hush");
        assert!(!format!("{environment:?}").contains("hush"));
    }

    #[test]
    fn a_real_file_is_read_with_its_mode() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), "x").expect("written");
        let read = Environment::from_process().read(file.path()).expect("read");
        assert_eq!(read.contents, b"x");
        #[cfg(unix)]
        assert_eq!(read.mode.map(|mode| mode & 0o777), Some(0o600));
    }

    #[test]
    fn a_file_exists_where_it_can_be_read() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        assert!(Environment::from_process().exists(file.path()));
        let memory = Environment::default().with_file("/a", "x", 0o600);
        assert!(memory.exists(Path::new("/a")) && !memory.exists(file.path()));
    }

    #[test]
    fn a_folder_is_not_a_file() {
        let folder = tempfile::tempdir().expect("a folder");
        assert!(Environment::from_process().read(folder.path()).is_err());
    }
}
