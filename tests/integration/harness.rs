//! The surroundings of a test: the emulator in this process, the built plugin in its own, an engine that listens, and a
//! user's view of what came of it.

mod engine;
mod laws;
mod plugin;
mod rules;
mod wire;
mod world;

pub(crate) use engine::FakeEngine;
pub(crate) use laws::holds;
pub(crate) use plugin::{Diff, Plugin, TIME_LIMIT, told};
pub(crate) use rules::{Kept, Plan, Stack};
pub(crate) use wire::{
    Failed, IMAGE, IMAGE_COPY, IMAGE_EXPORT, IMAGE_IMPORT, IMAGE_SHARE, SIGNATURE, UNKNOWN, from_struct,
    secret, text, to_struct, urn, urn_of,
};
pub(crate) use world::{
    LONG, REGION, SOURCE_REGION, World, advance, are_made, control, ends, make_source, requests, settings,
    start, strikes, until, while_time_goes_on,
};

/// Otherwise what costs much is tried in a part of its cases.
pub(crate) fn every_test_is_asked_for() -> bool {
    std::env::var("EVERY_TEST").is_ok_and(|every| every == "true")
}
