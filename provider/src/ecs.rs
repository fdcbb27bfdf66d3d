//! The `ecs` module: a file for each resource and each function, and a folder for what several share.

pub(crate) mod get_image_from_family;
pub(crate) mod get_images;
pub(crate) mod image;
pub(crate) mod image_copy;
pub(crate) mod image_export;
pub(crate) mod image_import;
pub(crate) mod image_share_permission;
pub(crate) mod images;
