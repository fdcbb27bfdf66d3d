//! The `ecs` module's resources.

pub(crate) mod image;
pub(crate) mod image_account;
mod image_create;
mod image_delete;
mod image_diff;
mod image_lifecycle;
pub(crate) mod image_look;
mod image_rules;
mod image_state;
mod image_unfinished;
mod image_update;
mod image_wait;
