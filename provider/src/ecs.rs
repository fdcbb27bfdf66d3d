//! The `ecs` module: a file for each resource, and a folder for what several share.

pub(crate) mod image;
pub(crate) mod image_share_permission;
pub(crate) mod images;
