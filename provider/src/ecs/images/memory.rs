//! What this process has been told or has done with images. None of it is needed to be right after a restart: it only keeps
//! the process from making the same mistake or saying the same thing twice.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The memory that the resources of one process share. Clones are one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Memory(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    /// The entries that states hold, by the resource's id: the mark of each, and its URN. An import and an older version's entry
    /// have no mark. Of these, only the one seen last is known, as one that is renamed is seen under both of its URNs.
    marks: HashMap<String, HashMap<Option<String>, Holder>>,
    /// Which resource has a name, or is about to.
    names: HashMap<String, String>,
}

/// The resource of an entry.
#[derive(Debug)]
struct Holder {
    urn: String,
    /// Whether it is more than what a program looks up, which a read does not tell.
    managed: bool,
}

impl Memory {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a state is known to hold the image.
    pub(crate) fn is_held(&self, id: &str) -> bool {
        self.known().marks.contains_key(id)
    }

    /// Notes that a resource makes an image of this name; the resource that has it already, if that is another one.
    pub(crate) fn claim_name(&self, name: &str, urn: &str) -> Option<String> {
        let mut known = self.known();
        let owner = known.names.entry(name.to_owned()).or_insert_with(|| urn.to_owned());
        (owner != urn).then(|| owner.clone())
    }

    /// Notes that a resource has no image any more.
    pub(crate) fn release_names(&self, urn: &str) {
        self.known().names.retain(|_, owner| owner != urn);
    }

    /// Another resource that is known to hold the image: one that has imported it, or that the entry was renamed to.
    pub(crate) fn other_holder(&self, id: &str, urn: &str) -> Option<String> {
        let known = self.known();
        known.marks.get(id)?.values().map(|holder| &holder.urn).find(|holder| *holder != urn).cloned()
    }

    /// Notes that an entry of a state holds the image.
    pub(crate) fn hold(&self, urn: &str, id: &str, mark: Option<String>) {
        self.observe(urn, id, mark, true);
    }

    /// Notes that an entry of a state holds the image, or may only look it up if it is not `managed`.
    pub(crate) fn observe(&self, urn: &str, id: &str, mark: Option<String>, managed: bool) {
        let mut known = self.known();
        let marks = known.marks.entry(id.to_owned()).or_default();
        // A read takes nothing back that a diff has told.
        let known_before = marks.get(&mark).is_some_and(|holder| holder.managed && holder.urn == urn);
        marks.insert(mark, Holder { urn: urn.to_owned(), managed: managed || known_before });
    }

    /// Notes that an entry is gone from the state. Whether another one is known to hold the same image.
    pub(crate) fn let_go(&self, urn: &str, id: &str, mark: &Option<String>) -> bool {
        let mut known = self.known();
        let Some(marks) = known.marks.get_mut(id) else { return false };
        // What a create has made or taken up has a mark. An entry without one is another only if its URN is.
        marks.retain(|held, holder| match held {
            Some(_) => held != mark,
            None => holder.urn != urn,
        });
        let others = marks.iter().any(|(mark, holder)| mark.is_some() || holder.managed);
        if !others {
            known.marks.remove(id);
        }
        others
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(mark: &str) -> Option<String> {
        Some(mark.to_owned())
    }

    #[test]
    fn an_entry_with_a_mark_keeps_the_image_and_one_without_does_not() {
        for (other, expected) in [(mark("newer"), true), (None, false)] {
            let memory = Memory::default();
            memory.hold("urn", "m-1", mark("older"));
            memory.hold("urn", "m-1", other.clone());
            assert_eq!(memory.let_go("urn", "m-1", &mark("older")), expected, "{other:?}");
            assert_eq!(memory.is_held("m-1"), expected);
        }
    }

    #[test]
    fn an_entry_of_another_resource_keeps_the_image_with_or_without_a_mark_and_the_last_one_does_not() {
        for (older, newer) in [(mark("older"), mark("newer")), (mark("older"), None), (None, None)] {
            let memory = Memory::default();
            memory.hold("one", "m-1", older.clone());
            memory.hold("two", "m-1", newer.clone());
            assert!(memory.let_go("one", "m-1", &older), "{older:?} {newer:?}");
            assert!(!memory.let_go("two", "m-1", &newer), "{older:?} {newer:?}");
            assert!(!memory.is_held("m-1"));
        }
    }

    #[test]
    fn what_a_program_looks_up_keeps_no_image() {
        let memory = Memory::default();
        memory.hold("one", "m-1", mark("mark"));
        memory.observe("two", "m-1", None, false);
        assert!(!memory.let_go("one", "m-1", &mark("mark")));
        // What is told of an entry by a diff is not taken back by a read.
        for (diffed, managed) in [(true, false), (false, true)] {
            memory.hold("one", "m-1", mark("mark"));
            memory.observe("two", "m-1", None, diffed);
            memory.observe("two", "m-1", None, managed);
            assert!(memory.let_go("one", "m-1", &mark("mark")));
            assert!(!memory.let_go("two", "m-1", &None));
        }
    }

    #[test]
    fn an_entry_that_is_renamed_is_one() {
        for mark in [mark("mark"), None] {
            let memory = Memory::default();
            memory.hold("before", "m-1", mark.clone());
            memory.hold("after", "m-1", mark.clone());
            assert!(!memory.let_go("after", "m-1", &mark), "{mark:?}");
        }
    }

    #[test]
    fn a_name_is_the_first_resources_until_it_lets_go() {
        let memory = Memory::default();
        assert_eq!(memory.claim_name("golden", "one"), None);
        assert_eq!(memory.claim_name("golden", "one"), None);
        assert_eq!(memory.claim_name("golden", "two").as_deref(), Some("one"));
        memory.release_names("one");
        assert_eq!(memory.claim_name("golden", "two"), None);
    }

    #[test]
    fn another_resource_that_holds_the_image_is_known() {
        let memory = Memory::default();
        memory.hold("one", "m-1", None);
        assert_eq!(memory.other_holder("m-1", "one"), None);
        assert_eq!(memory.other_holder("m-1", "two").as_deref(), Some("one"));
    }
}
