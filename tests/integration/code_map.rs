//! The code map in ARCHITECTURE.md: each file of Rust that is written by hand has a row there, or its folder has.

use std::collections::{BTreeMap, BTreeSet};

use crate::layers::{read_sources, root};

#[test]
fn every_file_has_its_row_or_its_folders() {
    let text = std::fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let map = text.split("\n## Code map\n").nth(1).unwrap().split("\n## ").next().unwrap();
    let named = named(map);
    let absent: Vec<&String> = named.iter().filter(|path| !root().join(path).exists()).collect();
    assert!(absent.is_empty(), "the code map names what is not there: {absent:?}");
    let mut files = BTreeMap::new();
    read_sources(&root().join("provider"), "provider", &mut files);
    assert!(files.len() > 200, "{}", files.len());
    let files = files.keys().map(|file| format!("{file}.rs"));
    let unnamed: Vec<String> = files.filter(|file| !has_row(file, &named)).collect();
    assert!(unnamed.is_empty(), "the code map has no row for {unnamed:#?}");
}

/// The paths that the rows of a map name, those of folders with a slash at the end. A row with a dot before its name goes on
/// from the last folder of the row above it that has one dot less, and its other names stand beside its first.
fn named(map: &str) -> BTreeSet<String> {
    let mut named = BTreeSet::new();
    // By dots, from where a row goes on.
    let mut folders = vec![String::new()];
    for row in map.lines().filter(|line| line.starts_with("| `")) {
        let cell = row.split('|').nth(1).unwrap_or_default();
        let names: Vec<&str> = cell.split('`').skip(1).step_by(2).collect();
        let dots = names[0].matches("· ").count();
        folders.truncate(dots + 1);
        let first = format!("{}{}", folders[dots], names[0].replace("· ", ""));
        let beside = match first.trim_end_matches('/').rsplit_once('/') {
            Some((folder, _)) if dots > 0 => format!("{folder}/"),
            _ => String::new(),
        };
        let others = names[1..].iter().map(|name| format!("{beside}{name}"));
        let paths: Vec<String> = [first].into_iter().chain(others).collect();
        let folder = paths.iter().rev().find(|path| path.ends_with('/'));
        folders.push(folder.unwrap_or(&folders[dots]).clone());
        named.extend(paths);
    }
    named
}

/// A folder of which something has a row of its own does not stand for the rest.
fn has_row(file: &str, named: &BTreeSet<String>) -> bool {
    let is_whole =
        |folder: &str| named.iter().all(|path| path.as_str() == folder || !path.starts_with(folder));
    let mut folders = named.iter().filter(|path| path.ends_with('/') && file.starts_with(path.as_str()));
    named.contains(file) || folders.any(|folder| is_whole(folder))
}

#[test]
fn rows_go_on_from_those_above_them() {
    let named = named(
        "| where | what |\n|---|---|\n| `a/`, `b/` | `no/name.rs` |\n| `c/` | |\n| `· src/d.rs`, `e.rs` | |\n\
         | `· src/f.rs`, `f/` | |\n| `· · g.rs`, `h/` | |\n| `· i.rs` | |\n| `j/` | |\n",
    );
    let expected = ["a/", "b/", "c/", "c/i.rs", "c/src/d.rs", "c/src/e.rs", "c/src/f.rs", "c/src/f/"];
    let inside = ["c/src/f/g.rs", "c/src/f/h/", "j/"];
    assert_eq!(named, expected.into_iter().chain(inside).map(str::to_owned).collect());
    for (file, expected) in [
        ("a/x/y.rs", true),
        ("c/src/d.rs", true),
        ("c/src/f/h/x.rs", true),
        ("c/src/f/x.rs", false),
        ("c/x.rs", false),
        ("x.rs", false),
    ] {
        assert_eq!(has_row(file, &named), expected, "{file}");
    }
}
