//! Rules of the house that no lint knows.

use std::path::{Path, PathBuf};

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && !["target", "generated"].contains(&name.as_str()) {
            rust_files(&path, found);
        } else if name.ends_with(".rs") {
            found.push(path);
        }
    }
}

#[test]
fn every_file_says_first_what_it_holds() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut files = Vec::new();
    for folder in ["bench", "provider", "tests"] {
        rust_files(&root.join(folder), &mut files);
    }
    assert!(files.len() > 80, "{}", files.len());
    let silent: Vec<PathBuf> = files
        .into_iter()
        .filter(|file| !std::fs::read_to_string(file).unwrap().starts_with("//! "))
        .collect();
    assert!(silent.is_empty(), "the first line is no //! comment: {silent:?}");
}

#[test]
fn the_crates_know_only_what_they_may() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("crates");
    for (krate, strangers) in [
        ("pulumi", &["aliyun", "emulator", "provider"][..]),
        ("aliyun", &["pulumi", "emulator", "provider"]),
        ("emulator", &["aliyun", "pulumi", "provider"]),
    ] {
        let manifest = std::fs::read_to_string(root.join(krate).join("Cargo.toml")).unwrap();
        for stranger in strangers {
            assert!(!manifest.contains(&format!("\n{stranger}")), "{krate} depends on {stranger}");
        }
    }
}

#[test]
fn what_users_copy_names_this_version() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let own = env!("CARGO_PKG_VERSION");
    for (file, said) in [
        ("README.md", format!("version: \"{own}\"")),
        ("README.md", format!("version=\"{own}\"")),
        ("README.md", format!("alicloud v{own}")),
        ("README.md", format!("pulumi.Version(\"{own}\")")),
        ("README.md", format!("Version = \"{own}\"")),
        ("README.md", format!("version: {own} }}")),
        ("docs/installation-configuration.md", format!("alicloud v{own}")),
        ("docs/guides/moving-from-the-published-provider.md", format!("version: \"{own}\"")),
        ("docs/guides/getting-started.md", format!("resource-alicloud-v{own}")),
        ("examples/csharp/CustomImages.csproj", format!("\"Pulumi.AliCloud\" Version=\"{own}\"")),
        ("examples/files-csharp/CustomImages.csproj", format!("\"Pulumi.AliCloud\" Version=\"{own}\"")),
        ("examples/files-yaml/Pulumi.yaml", format!("version: {own}\n")),
        ("examples/pipeline-csharp/CustomImages.csproj", format!("\"Pulumi.AliCloud\" Version=\"{own}\"")),
        ("examples/pipeline-yaml/Pulumi.yaml", format!("version: {own}\n")),
        ("examples/yaml/Pulumi.yaml", format!("version: {own}\n")),
    ] {
        let text = std::fs::read_to_string(root.join(file)).unwrap();
        assert!(text.contains(&said), "{file} does not say {said}");
    }
}
