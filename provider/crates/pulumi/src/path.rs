//! Property paths, written as Pulumi writes them: `diskDeviceMappings[1].size`, `tags["x y"]`.

use std::fmt;

/// One step into a value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// A property or a map's key.
    Key(String),
    /// A list's element, counted from 0.
    Index(usize),
}

/// Where a value stands among a resource's properties.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Path(Vec<Step>);

impl Path {
    /// The properties as a whole.
    pub fn root() -> Self {
        Path::default()
    }

    /// A top-level property.
    pub fn property(name: &str) -> Self {
        Path::root().key(name)
    }

    /// One step further, into a property or key.
    #[must_use]
    pub fn key(&self, name: &str) -> Self {
        self.with(Step::Key(name.to_owned()))
    }

    /// One step further, into a list's element.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        self.with(Step::Index(index))
    }

    /// The steps from the properties to the value.
    pub fn steps(&self) -> &[Step] {
        &self.0
    }

    /// The top-level property that the path leads into.
    pub fn first_key(&self) -> Option<&str> {
        match self.0.first() {
            Some(Step::Key(key)) => Some(key),
            Some(Step::Index(_)) | None => None,
        }
    }

    /// Whether it leads to the value that the other leads to, or into it.
    pub(crate) fn leads_into(&self, other: &Path) -> bool {
        self.0.starts_with(&other.0)
    }

    /// The path as far as its first steps lead.
    #[must_use]
    pub(crate) fn first_steps(&self, number: usize) -> Path {
        Path(self.0.iter().take(number).cloned().collect())
    }

    /// The same path with another top-level property.
    #[must_use]
    pub fn with_first_key(&self, name: &str) -> Self {
        let mut steps = self.0.clone();
        if let Some(first) = steps.first_mut() {
            *first = Step::Key(name.to_owned());
        }
        Path(steps)
    }

    fn with(&self, step: Step) -> Self {
        let mut steps = self.0.clone();
        steps.push(step);
        Path(steps)
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, step) in self.0.iter().enumerate() {
            match step {
                Step::Index(index) => write!(f, "[{index}]")?,
                Step::Key(key) if is_simple(key) => {
                    if position > 0 {
                        f.write_str(".")?;
                    }
                    f.write_str(key)?;
                }
                // The engine's parser takes only \" as an escape.
                Step::Key(key) => write!(f, "[\"{}\"]", key.replace('"', "\\\""))?,
            }
        }
        Ok(())
    }
}

/// A path on the way down into a value. Nothing is copied until [`path`](Self::path) is asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Trail<'a> {
    behind: Option<&'a Trail<'a>>,
    last: Last<'a>,
}

#[derive(Debug, Clone, Copy)]
enum Last<'a> {
    Nothing,
    Key(&'a str),
    Index(usize),
}

impl<'a> Trail<'a> {
    /// The properties as a whole.
    pub(crate) const ROOT: Trail<'static> = Trail { behind: None, last: Last::Nothing };

    /// One step further, into a property or key.
    pub(crate) fn key(&'a self, key: &'a str) -> Trail<'a> {
        Trail { behind: Some(self), last: Last::Key(key) }
    }

    /// One step further, into a list's element.
    pub(crate) fn index(&'a self, index: usize) -> Trail<'a> {
        Trail { behind: Some(self), last: Last::Index(index) }
    }

    /// Whether it leads to the properties as a whole.
    pub(crate) fn is_root(&self) -> bool {
        self.behind.is_none()
    }

    /// Whether it leads to a property of the resource, and not into one.
    pub(crate) fn is_property(&self) -> bool {
        matches!(self.behind, Some(Trail { behind: None, last: Last::Nothing }))
    }

    /// The path.
    pub(crate) fn path(&self) -> Path {
        let mut steps = Vec::new();
        let mut trail = Some(self);
        while let Some(Trail { behind, last }) = trail {
            match last {
                Last::Nothing => {}
                Last::Key(key) => steps.push(Step::Key((*key).to_owned())),
                Last::Index(index) => steps.push(Step::Index(*index)),
            }
            trail = *behind;
        }
        steps.reverse();
        Path(steps)
    }
}

/// Whether a key can follow a dot.
fn is_simple(key: &str) -> bool {
    let mut characters = key.chars();
    characters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_' || first == '$')
        && characters.all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '$')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: Path, expected: &str) {
        assert_eq!(path.to_string(), expected);
    }

    #[test]
    fn a_trail_ends_in_its_path() {
        let disks = Trail::ROOT.key("diskDeviceMappings");
        assert_eq!(disks.index(1).key("size").path().to_string(), "diskDeviceMappings[1].size");
        assert_eq!(Trail::ROOT.path(), Path::root());
    }

    #[test]
    fn paths_are_written_as_the_engine_reads_them() {
        check(Path::property("imageName"), "imageName");
        check(Path::property("diskDeviceMappings").index(1).key("size"), "diskDeviceMappings[1].size");
        check(Path::property("tags").key("x y"), "tags[\"x y\"]");
        check(Path::property("tags").key("a.b"), "tags[\"a.b\"]");
        check(Path::property("tags").key("say \"hi\""), "tags[\"say \\\"hi\\\"\"]");
        check(Path::property("tags").key(""), "tags[\"\"]");
        check(Path::property("odd name"), "[\"odd name\"]");
    }
}
