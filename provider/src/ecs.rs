//! The `ecs` module's resources.

pub(crate) mod image;
mod image_create;
mod image_lifecycle;
mod image_rules;
