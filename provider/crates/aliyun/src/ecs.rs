//! The actions of ECS 2014-05-26 that this crate calls, a file each: request, response, time limit, and the codes that
//! only this action may wait for.
//!
//! Parameters are flattened as the cloud wants them: lists are numbered from 1 (`Tag.1.Key`), what is `None` is left out,
//! empty text is sent as it is.

mod action;
mod cancel_copy_image;
mod cancel_task;
mod copy_image;
mod create_image;
mod delete_image;
mod delete_snapshot;
mod describe_image_from_family;
mod describe_image_share_permission;
mod describe_images;
mod describe_task_attribute;
mod describe_tasks;
mod export_image;
mod import_image;
mod join_resource_group;
mod modify_image_attribute;
mod modify_image_share_permission;
mod tag;
mod tag_resources;
mod untag_resources;

pub(crate) use self::action::{Action, VERSION};
pub use self::cancel_copy_image::CancelCopyImageRequest;
pub use self::cancel_task::CancelTaskRequest;
pub use self::copy_image::{CopyImageRequest, CopyImageResponse};
pub use self::create_image::{CreateImageRequest, CreateImageResponse, DiskDeviceMapping};
pub use self::delete_image::DeleteImageRequest;
pub use self::delete_snapshot::DeleteSnapshotRequest;
pub use self::describe_image_from_family::{DescribeImageFromFamilyRequest, DescribeImageFromFamilyResponse};
pub use self::describe_image_share_permission::{
    DescribeImageSharePermissionRequest, DescribeImageSharePermissionResponse, ShareAccount, ShareGroup,
};
pub use self::describe_images::{
    DescribeImagesRequest, DescribeImagesResponse, Image, ImageDiskDeviceMapping, ImageFeatures, Status,
};
pub(crate) use self::describe_images::{EVERY_STATUS, refuses_status};
pub use self::describe_task_attribute::{
    DescribeTaskAttributeRequest, DescribeTaskAttributeResponse, RelatedItem, TaskOperation,
};
pub use self::describe_tasks::{DescribeTasksRequest, DescribeTasksResponse, Task};
pub use self::export_image::{ExportImageRequest, ExportImageResponse};
pub use self::import_image::{ImportImageRequest, ImportImageResponse, ImportedDisk};
pub use self::join_resource_group::JoinResourceGroupRequest;
pub use self::modify_image_attribute::ModifyImageAttributeRequest;
pub use self::modify_image_share_permission::ModifyImageSharePermissionRequest;
pub use self::tag::Tag;
pub use self::tag_resources::TagResourcesRequest;
pub use self::untag_resources::UntagResourcesRequest;
