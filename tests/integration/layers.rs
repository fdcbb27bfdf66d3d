//! The layers of each crate: which file may use which. `tests/data/layers/CRATE.txt` has a line for each layer, the lowest
//! first; a file may use the files of lower layers only, and so none of its own. That leaves no room for a circle.
//!
//! What counts as use is a path in the code, in a `use` or anywhere else: `crate::a::b`, `super::a`, `self::a`, the name of
//! a module that the file declares, a name that it imports, and in a binary the name of its library. Names that `*` imports
//! are not followed. Test code may use anything.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The folder of each crate that can have a list.
const CRATES: [(&str, &str); 4] = [
    ("aliyun", "provider/crates/aliyun/src"),
    ("emulator", "provider/crates/emulator/src"),
    ("provider", "provider/src"),
    ("pulumi", "provider/crates/pulumi/src"),
];

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn lists() -> BTreeMap<String, String> {
    let folder = root().join("tests/data/layers");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files
        .map(|path| {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            (name, std::fs::read_to_string(&path).unwrap())
        })
        .collect()
}

#[test]
fn files_use_only_files_of_lower_layers() {
    let lists = lists();
    assert!(lists.contains_key("emulator"), "{lists:?}");
    let mut complaints = Vec::new();
    for (name, list) in lists {
        let (_, folder) =
            CRATES.into_iter().find(|(known, _)| *known == name).expect("a list is named for its crate");
        let mut files = BTreeMap::new();
        read_sources(&root().join(folder), "", &mut files);
        assert!(files.len() > 5, "{name}: {files:?}");
        complaints.extend(complaints_about(&name, folder, &list, &files));
    }
    assert!(complaints.is_empty(), "{}\n", complaints.join("\n"));
}

/// The hand-written sources by their place in the crate: `ecs/image` for ecs/image.rs.
pub(crate) fn read_sources(folder: &Path, place: &str, files: &mut BTreeMap<String, String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let place = if place.is_empty() { name.clone() } else { format!("{place}/{name}") };
        if path.is_dir() && name != "generated" {
            read_sources(&path, &place, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.insert(place, std::fs::read_to_string(&path).unwrap());
        }
    }
}

/// The layer of each file. A line that starts with a blank goes on with the layer before it.
fn layers(list: &str) -> Result<BTreeMap<&str, usize>, String> {
    let (mut layers, mut layer) = (BTreeMap::new(), 0);
    for line in list.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')) {
        layer += usize::from(!line.starts_with(' '));
        for file in line.split_whitespace() {
            if layers.insert(file, layer).is_some() {
                return Err(format!("{file} is listed twice"));
            }
        }
    }
    Ok(layers)
}

fn complaints_about(krate: &str, folder: &str, list: &str, files: &BTreeMap<String, String>) -> Vec<String> {
    let listed_in = format!("tests/data/layers/{krate}.txt");
    let layers = match layers(list) {
        Ok(layers) => layers,
        Err(twice) => return vec![format!("{listed_in}: {twice}")],
    };
    let known: BTreeSet<&str> = files.keys().map(String::as_str).collect();
    let mut complaints = Vec::new();
    for file in layers.keys().filter(|file| !known.contains(*file)) {
        complaints.push(format!("{listed_in}: there is no {folder}/{file}.rs"));
    }
    for (file, text) in files {
        let Some(layer) = layers.get(file.as_str()) else {
            complaints.push(format!("{folder}/{file}.rs is not listed in {listed_in}"));
            continue;
        };
        for (line, used) in uses(krate, file, text, &known) {
            if layers.get(used.as_str()).is_some_and(|below| below >= layer) {
                let shown = text.lines().nth(line - 1).unwrap_or_default().trim();
                complaints.push(format!("{folder}/{file}.rs:{line}: {shown}: it may not use {used}"));
            }
        }
    }
    complaints
}

/// The other files of the crate that a file uses, with the line of each use.
fn uses(krate: &str, file: &str, text: &str, files: &BTreeSet<&str>) -> BTreeSet<(usize, String)> {
    let written = Written::read(file, &without_tests(tokens(text)));
    let names = written.names((file == "main").then_some(krate));
    let mut found = BTreeSet::new();
    for mention in written.imports.iter().chain(&written.paths) {
        for place in names.places(&mention.module, &mention.path) {
            // `use crate as c` alone uses nothing.
            let is_root = place.is_empty() && mention.path.last().is_some_and(|name| name != "*");
            let used = file_of(&place, files);
            if used != file && !is_root {
                found.insert((mention.line, used));
            }
        }
    }
    found
}

/// The full path of a module or of what is in one.
type Place = Vec<String>;

/// A path in the code.
struct Mention {
    line: usize,
    /// The module that it stands in.
    module: Place,
    /// As it is written: `super`, `a`, `b`.
    path: Vec<String>,
    /// Its last name, or the one after `as`.
    alias: String,
}

/// What stands in a file, by its module.
#[derive(Default)]
struct Written {
    declared: BTreeSet<Place>,
    imports: Vec<Mention>,
    paths: Vec<Mention>,
}

impl Written {
    fn read(file: &str, tokens: &[Token]) -> Written {
        let mut written = Written::default();
        let mut module: Place = if ["lib", "main"].contains(&file) {
            vec![]
        } else {
            file.split('/').map(str::to_owned).collect()
        };
        // The depths of braces at which the modules within the file end.
        let (mut ends, mut depth, mut at) = (Vec::new(), 0_usize, 0);
        while at < tokens.len() {
            let is =
                |offset: usize, text: &str| tokens.get(at + offset).is_some_and(|token| token.text == text);
            match tokens[at].text.as_str() {
                "{" => depth += 1,
                "}" => {
                    depth = depth.saturating_sub(1);
                    if ends.last() == Some(&depth) {
                        ends.pop();
                        module.pop();
                    }
                }
                "mod" if is(2, ";") => {
                    written.declared.insert(within(&module, &tokens[at + 1].text));
                }
                "mod" if is(2, "{") => {
                    module.push(tokens[at + 1].text.clone());
                    written.declared.insert(module.clone());
                    ends.push(depth);
                }
                "use" if !is(1, "<") => {
                    at = follow(tokens, at + 1, &module, &[], &mut written.imports);
                    continue;
                }
                _ if is(1, "::") && (at == 0 || tokens[at - 1].text != "::") => {
                    follow(tokens, at, &module, &[], &mut written.paths);
                }
                _ => {}
            }
            at += 1;
        }
        written
    }

    /// `library` is what a binary calls its library.
    fn names<'a>(&self, library: Option<&'a str>) -> Names<'a> {
        let known = self.declared.iter().map(|place| (place.clone(), place.clone())).collect();
        let mut names = Names { library, known };
        let mut imports: Vec<&Mention> = self.imports.iter().collect();
        // One import may go on from the name of another.
        while let Some(at) =
            imports.iter().position(|import| !names.places(&import.module, &import.path).is_empty())
        {
            let import = imports.remove(at);
            let name = within(&import.module, &import.alias);
            let places = names.places(&import.module, &import.path);
            names.known.extend(places.into_iter().map(|place| (name.clone(), place)));
        }
        names
    }
}

fn within(module: &[String], name: &str) -> Place {
    [module, &[name.to_owned()]].concat()
}

/// What the names in a file lead to, as far as that is in the crate.
struct Names<'a> {
    library: Option<&'a str>,
    /// Of each name, with the module that knows it, a place.
    known: BTreeSet<(Place, Place)>,
}

impl Names<'_> {
    fn known(&self, name: &Place) -> impl Iterator<Item = Place> {
        self.known.iter().filter(move |(known, _)| known == name).map(|(_, place)| place.clone())
    }

    /// Where a path in a module may lead to: nowhere if that is in another crate, and to several places if functions import
    /// different things under one name.
    fn places(&self, module: &[String], path: &[String]) -> BTreeSet<Place> {
        let (first, rest) = path.split_first().expect("a path has a name");
        let mut places: BTreeSet<Place> = match first.as_str() {
            "crate" => [vec![]].into(),
            "super" => [module[..module.len().saturating_sub(1)].to_vec()].into(),
            "self" => [module.to_vec()].into(),
            name if self.library == Some(name) => [vec!["lib".to_owned()]].into(),
            name => self.known(&within(module, name)).collect(),
        };
        for name in rest {
            let step = |mut place: Place| match name.as_str() {
                "super" => {
                    place.pop();
                    vec![place]
                }
                "self" | "*" => vec![place],
                name => {
                    let place = within(&place, name);
                    self.known(&place).chain([place.clone()]).collect()
                }
            };
            places = places.into_iter().flat_map(step).collect();
        }
        places
    }
}

/// Notes every path that goes on from `path` at a token: one, or as many as its braces hold. Returns where it ends.
fn follow(
    tokens: &[Token],
    mut at: usize,
    module: &[String],
    path: &[String],
    found: &mut Vec<Mention>,
) -> usize {
    let text = |at: usize| tokens.get(at).map(|token| token.text.as_str());
    let mut path = path.to_vec();
    loop {
        match text(at) {
            Some("{") => {
                at += 1;
                while text(at).is_some_and(|text| text != "}") {
                    at = follow(tokens, at, module, &path, found);
                    at += usize::from(text(at) == Some(","));
                }
                return at + 1;
            }
            // The path begins with the name of another crate.
            Some("::") => path.push(String::new()),
            Some(name) => {
                path.push(name.to_owned());
                at += 1;
                if text(at) != Some("::") {
                    break;
                }
            }
            None => return at,
        }
        at += 1;
    }
    let line = tokens[at - 1].line;
    let own = path.iter().rev().find(|name| *name != "self").cloned();
    let renamed = tokens.get(at + 1).filter(|_| text(at) == Some("as")).map(|token| token.text.clone());
    at += if renamed.is_some() { 2 } else { 0 };
    let alias = renamed.or(own).unwrap_or_default();
    found.push(Mention { line, module: module.to_vec(), path, alias });
    at
}

/// The file that holds what a path leads to: the longest beginning that is one.
fn file_of(path: &[String], files: &BTreeSet<&str>) -> String {
    let beginnings = (1..=path.len()).rev().map(|length| path[..length].join("/"));
    beginnings.into_iter().find(|place| files.contains(place.as_str())).unwrap_or_else(|| "lib".to_owned())
}

#[derive(Debug, Clone)]
struct Token {
    line: usize,
    text: String,
}

/// Words, `::`, and single signs. Comments and what quotes hold are left out.
fn tokens(text: &str) -> Vec<Token> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let (mut tokens, mut rest, mut line) = (Vec::new(), text, 1);
    while let Some(first) = rest.chars().next() {
        let second = rest[first.len_utf8()..].chars().next();
        let raw = ["r\"", "r#", "br\"", "br#"].iter().any(|start| rest.starts_with(start));
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if raw && rest.trim_start_matches(['b', 'r']).trim_start_matches('#').starts_with('"') {
            let start = rest.find('"').unwrap();
            let end = format!("\"{}", "#".repeat(rest[..start].matches('#').count()));
            rest[start + 1..].find(&end).map_or(rest.len(), |at| start + 1 + at + end.len())
        } else if first == '"' {
            quoted(rest, '"')
        } else if first == '\'' && (second == Some('\\') || rest.chars().nth(2) == Some('\'')) {
            quoted(rest, '\'')
        } else {
            let length = if is_word(first) {
                rest.find(|c| !is_word(c)).unwrap_or(rest.len())
            } else if rest.starts_with("::") {
                2
            } else {
                first.len_utf8()
            };
            if !first.is_whitespace() {
                tokens.push(Token { line, text: rest[..length].to_owned() });
            }
            length
        };
        line += rest[..length].matches('\n').count();
        rest = &rest[length..];
    }
    tokens
}

/// The length of a quoted text, its quotes included.
fn quoted(text: &str, quote: char) -> usize {
    let mut is_escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            c if c == quote => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// Without what `#[cfg(test)]` stands before: an item up to its semicolon or the end of its braces.
fn without_tests(tokens: Vec<Token>) -> Vec<Token> {
    let (mut kept, mut at): (Vec<Token>, usize) = (Vec::new(), 0);
    while at < tokens.len() {
        let attribute = ["#", "[", "cfg", "(", "test", ")", "]"];
        if !attribute.iter().enumerate().all(|(n, text)| tokens.get(at + n).is_some_and(|t| t.text == *text))
        {
            kept.push(tokens[at].clone());
            at += 1;
            continue;
        }
        let mut depth = 0;
        at += attribute.len();
        while let Some(token) = tokens.get(at) {
            at += 1;
            match token.text.as_str() {
                "{" | "(" | "[" => depth += 1,
                ")" | "]" => depth -= 1,
                "}" => {
                    depth -= 1;
                    if depth <= 0 {
                        break;
                    }
                }
                ";" if depth == 0 => break,
                _ => {}
            }
        }
    }
    kept
}

/// What is said about a crate of four files and this text in `two.rs`.
#[track_caller]
fn check(two: &str, expect: &[&str]) {
    let texts = [("lib", "mod one;"), ("one", ""), ("two", two), ("two/child", ""), ("three", "")];
    let files = texts.into_iter().map(|(file, text)| (file.to_owned(), text.to_owned())).collect();
    let list = "# from the bottom\none\ntwo/child\ntwo\nthree\n  lib\n";
    assert_eq!(complaints_about("four", "src", list, &files), expect, "{two}");
}

#[test]
fn a_use_of_a_higher_layer_is_told_with_its_line() {
    check("use crate::one::A;\nuse crate::one;\n", &[]);
    check("\nuse crate::three::A;\n", &["src/two.rs:2: use crate::three::A;: it may not use three"]);
    check("use crate::{one, three};", &["src/two.rs:1: use crate::{one, three};: it may not use three"]);
    check(
        "use crate::{\n    one::{A, B as C},\n    three::{self, D},\n};",
        &["src/two.rs:3: three::{self, D},: it may not use three"],
    );
    check(
        "fn f() { crate::three::g() }",
        &["src/two.rs:1: fn f() { crate::three::g() }: it may not use three"],
    );
    check("use super::three;", &["src/two.rs:1: use super::three;: it may not use three"]);
    check("use crate::Error;", &["src/two.rs:1: use crate::Error;: it may not use lib"]);
    check(
        "mod inner { use super::super::three::A; }",
        &["src/two.rs:1: mod inner { use super::super::three::A; }: it may not use three"],
    );
    check("mod inner { use super::A; } use super::one::B;", &[]);
}

#[test]
fn a_path_may_go_on_from_a_name_that_is_imported() {
    let one_line = |code: &str| check(code, &[&format!("src/two.rs:1: {code}: it may not use three")]);
    one_line("use crate as c; type A = c::three::A;");
    one_line("use crate::{self as c}; type A = c::three::A;");
    one_line("type A = c::three::A; use crate as c;");
    one_line("use super as up; use up as c; type A = c::three::A;");
    one_line("mod inner { use crate as c; } type A = inner::c::three::A;");
    one_line("use crate as c; mod inner { type A = super::c::three::A; }");
    one_line("fn f() { use crate as c; c::three::g() } fn g() { use std as c; c::three::g() }");
    check("use crate as c; type A = c::one::A;", &[]);
    check("mod inner { use crate as c; } type A = c::three::A;", &[]);
    check("use ::c::three; use anyhow::anyhow; type A = anyhow::three::A; type B = c::three::B;", &[]);
    check("use crate as c; use std::{c::three::A, fmt}; type B = std::c::three::B;", &[]);

    let files: BTreeSet<&str> = ["lib", "three", "two", "two/child"].into();
    let uses = |text| uses("four", "three", text, &files).into_iter().collect::<Vec<_>>();
    let both = [(1, "two".to_owned()), (2, "two/child".to_owned())];
    assert_eq!(uses("use crate::two;\nfn f() { two::child::g() }"), both);
    assert_eq!(uses("use crate::two as other;\nfn f() { other::child::g() }"), both);
    assert_eq!(uses("use crate::{two::{self}};\nfn f() { two::child::g() }"), both);
    assert_eq!(uses("use crate::two;\nuse two::child;"), both);
    assert_eq!(uses("pub use crate::two;\nfn f() { self::two::child::g() }"), both);
}

#[test]
fn a_parent_and_its_children_are_layers_too() {
    check("mod child; use child::A; fn f() { child::g() }", &[]);
    let files: BTreeSet<&str> = ["lib", "two", "two/child"].into();
    let uses =
        |file, text| uses("four", file, text, &files).into_iter().map(|(_, used)| used).collect::<Vec<_>>();
    assert_eq!(uses("two", "mod child;\nuse child::A;"), ["two/child"]);
    assert_eq!(uses("two", "mod child;\nuse self::child::A;"), ["two/child"]);
    assert_eq!(uses("two/child", "use super::A;"), ["two"]);
    assert_eq!(uses("two/child", "use crate::two::child::B;"), [""; 0]);
    assert_eq!(uses("main", "use four::run;"), ["lib"]);
}

#[test]
fn what_is_no_code_and_what_is_test_code_may_name_anything() {
    check("// use crate::three;\n/* crate::three::A */\nconst A: &str = \"crate::three::A\";", &[]);
    check("const A: &str = r#\"\"crate::three::A\"#; const B: char = '\"'; const C: char = '\\'';", &[]);
    check(
        "#[cfg(test)]\nmod tests {\n    use crate::three::A;\n    fn f() {}\n}\n#[cfg(test)] use crate::three;",
        &[],
    );
    let after = "#[cfg(test)]\nmod tests { fn f() {} }\nuse crate::three;";
    check(after, &["src/two.rs:3: use crate::three;: it may not use three"]);
    let lifetime = "fn f<'a>(a: &'a str) -> crate::three::A<'a> {}";
    check(lifetime, &[&format!("src/two.rs:1: {lifetime}: it may not use three")]);
}

#[test]
fn the_list_and_the_files_must_agree() {
    let files: BTreeMap<String, String> = [("one".to_owned(), String::new())].into();
    let complaints = |list| complaints_about("four", "src", list, &files);
    assert_eq!(complaints("one two"), ["tests/data/layers/four.txt: there is no src/two.rs"]);
    assert_eq!(complaints(""), ["src/one.rs is not listed in tests/data/layers/four.txt"]);
    assert_eq!(complaints("one\none"), ["tests/data/layers/four.txt: one is listed twice"]);
}
