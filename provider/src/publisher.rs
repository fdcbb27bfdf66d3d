//! Who publishes this plugin, and where. Whoever publishes it fills in this file, and nothing else: schema.json and the
//! SDKs take it from here by `make generate`. What is empty is left out of them.

use serde_json::{Map, Value as Json};

/// As the schema names them.
const FILLED_IN: [(&str, &str); 4] = [
    // Who answers for it: a name. Without one, the generator of the C# SDK puts in one that is not ours.
    ("publisher", "unpublished"),
    // What it is: a page to read.
    ("homepage", ""),
    // Where its source is.
    ("repository", ""),
    // Where the archives of `make dist` are: the engine appends `/pulumi-resource-alicloud-vX.Y.Z-OS-ARCH.tar.gz`.
    // `github://api.github.com/OWNER/REPOSITORY` stands for the releases of a repository.
    ("pluginDownloadURL", ""),
];

/// What the head of the schema says of it.
pub(crate) fn publisher() -> Map<String, Json> {
    head(&FILLED_IN)
}

fn head(entries: &[(&str, &str)]) -> Map<String, Json> {
    let filled_in = entries.iter().filter(|(_, value)| !value.is_empty());
    filled_in.map(|(name, value)| ((*name).to_owned(), (*value).into())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_empty_is_left_out() {
        let head = head(&[("publisher", "Somebody"), ("homepage", "")]);
        assert_eq!(Json::Object(head), serde_json::json!({ "publisher": "Somebody" }));
    }

    #[test]
    fn what_is_filled_in_can_be_used() {
        for (name, value) in FILLED_IN.iter().filter(|(_, value)| !value.is_empty()) {
            assert!(
                !value.contains("pulumi/pulumi-alicloud"),
                "{name}: that is the published package's: {value}"
            );
            assert_eq!(value.trim().trim_end_matches('/'), *value, "{name}");
            if *name != "publisher" {
                let is_address =
                    value.starts_with("https://") || value.starts_with("github://api.github.com/");
                assert!(is_address, "{name}: {value}");
            }
        }
    }
}
