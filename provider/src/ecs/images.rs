//! What resources that are images share, however an image is made: it knows no resource's own types.

pub(crate) mod account;
pub(crate) mod attributes;
pub(crate) mod change;
pub(crate) mod claim;
pub(crate) mod delete;
pub(crate) mod diff;
pub(crate) mod disks;
pub(crate) mod entry;
pub(crate) mod features;
pub(crate) mod filters;
pub(crate) mod gather;
pub(crate) mod inputs;
#[cfg(test)]
pub(crate) mod laws;
pub(crate) mod list;
pub(crate) mod looks;
pub(crate) mod memory;
pub(crate) mod names;
pub(crate) mod pages;
pub(crate) mod partial;
pub(crate) mod result;
pub(crate) mod rules;
pub(crate) mod share_changes;
pub(crate) mod shares;
pub(crate) mod status;
pub(crate) mod tags;
pub(crate) mod taken;
pub(crate) mod tasks;
#[cfg(test)]
pub(crate) mod test_cloud;
#[cfg(test)]
pub(crate) mod test_shares;
pub(crate) mod unfinished;
pub(crate) mod verbs;
pub(crate) mod wait;
