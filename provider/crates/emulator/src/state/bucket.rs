//! A bucket of OSS, and its objects.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::clock::Millis;

/// A GiB in bytes.
pub(crate) const GIB: u64 = 1 << 30;

/// The classes of storage.
pub(crate) const CLASSES: &[&str] = &["Standard", "IA", "Archive", "ColdArchive", "DeepColdArchive"];
/// How the names of those end whose objects must be restored before they can be read.
const ARCHIVE: &str = "Archive";

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Bucket {
    /// Empty for one that counts as a bucket of every region.
    pub(crate) region: String,
    /// Whether the account, and so ECS as well, has no right to it.
    pub(crate) forbidden: bool,
    pub(crate) encrypted: bool,
    /// Whether it exists no more. One of the stock would come back if it were forgotten.
    pub(crate) gone: bool,
    pub(crate) objects: BTreeMap<String, Object>,
}

impl Bucket {
    pub(crate) fn is_in(&self, region: &str) -> bool {
        self.region.is_empty() || self.region == region
    }

    /// Everything stored of it, but for the bytes of its objects.
    pub(crate) fn view(&self) -> Value {
        let mut view = json!(self);
        for (name, object) in &self.objects {
            view["objects"][name] = object.view();
        }
        view
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Object {
    /// In bytes.
    pub(crate) size: u64,
    /// Its class of storage.
    pub(crate) class: String,
    pub(crate) modified: Millis,
    /// Its bytes, in base64. `None` if only its size is known: nobody put it there.
    pub(crate) content: Option<String>,
}

impl Object {
    /// One of which only the size is known.
    pub(crate) fn of_size(size: u64, modified: Millis) -> Object {
        Object { size, class: "Standard".to_owned(), modified, content: None }
    }

    pub(crate) fn holding(bytes: &[u8], class: &str, modified: Millis) -> Object {
        let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        Object { size, class: class.to_owned(), modified, content: Some(STANDARD.encode(bytes)) }
    }

    pub(crate) fn bytes(&self) -> Option<Vec<u8>> {
        STANDARD.decode(self.content.as_ref()?).ok()
    }

    pub(crate) fn is_archived(&self) -> bool {
        self.class.ends_with(ARCHIVE)
    }

    /// The GiB that a disk needs to hold it.
    pub(crate) fn gib(&self) -> i64 {
        i64::try_from(self.size.div_ceil(GIB)).unwrap_or(i64::MAX)
    }

    /// Thirty-two hexadecimal digits that another content would not have.
    pub(crate) fn etag(&self) -> String {
        let known = self.content.clone().unwrap_or_else(|| format!("{} at {}", self.size, self.modified));
        hex::encode_upper(&Sha256::digest(known)[..16])
    }

    fn view(&self) -> Value {
        json!({"size": self.size, "class": self.class, "modified": self.modified, "has_content": self.content.is_some()})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(size: u64, expect: i64) {
        assert_eq!(Object::of_size(size, 0).gib(), expect, "{size}");
    }

    #[test]
    fn a_disk_holds_a_whole_object() {
        check(0, 0);
        check(1, 1);
        check(GIB, 1);
        check(GIB + 1, 2);
        check(u64::MAX, 17_179_869_184);
    }

    #[test]
    fn what_was_put_there_can_be_taken_out() {
        let object = Object::holding(b"\0\xff", "Standard", 7);
        assert_eq!((object.size, object.bytes().as_deref()), (2, Some(b"\0\xff".as_slice())));
        assert_ne!(object.etag(), Object::holding(b"\0\xfe", "Standard", 7).etag());
        assert_eq!(object.etag().len(), 32);
        let bucket = Bucket { objects: [("a".to_owned(), object)].into(), ..Bucket::default() };
        assert!(!bucket.view().to_string().contains("AP8="), "{}", bucket.view());
    }
}
