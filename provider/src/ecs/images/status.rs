//! The statuses of an image, and what follows from them.

use aliyun::ecs::Image as Described;

/// The status of an image that is offered.
pub(crate) const AVAILABLE: &str = "Available";
/// The status of an image that is there and usable, and that its family and default look-ups pass over.
pub(crate) const DEPRECATED: &str = "Deprecated";
/// The status of an image that the cloud could not make.
pub(crate) const CREATE_FAILED: &str = "CreateFailed";

/// Whether an image with this status is still being made.
pub(crate) fn is_being_made(status: Option<&str>) -> bool {
    matches!(status, Some("Creating" | "Waiting"))
}

/// Whether an image with this status never becomes available by itself.
pub(crate) fn is_final(status: Option<&str>) -> bool {
    matches!(status, Some(DEPRECATED | "UnAvailable" | CREATE_FAILED))
}

/// Whether an image can be used. Older installations do not report `Usable`; there the status has to do. A deprecated image is
/// there and usable, whoever deprecated it.
pub(crate) fn is_usable(status: Option<&str>, usable: Option<bool>) -> bool {
    status == Some(DEPRECATED) || usable.unwrap_or(status == Some(AVAILABLE))
}

/// State and progress, for messages.
pub(crate) fn progress(image: &Described) -> String {
    let status = image.status.as_deref().unwrap_or("in an unknown state");
    match image.progress.as_deref() {
        Some(progress) if !progress.is_empty() => format!("{status} ({progress})"),
        _ => status.to_owned(),
    }
}
