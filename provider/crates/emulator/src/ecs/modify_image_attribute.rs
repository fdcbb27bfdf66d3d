//! ModifyImageAttribute: everything is checked before anything is changed.

use serde_json::{Value, json};

use crate::action::Context;
use crate::answer::{Failure, failure};
use crate::ecs::lookup::{check_name_is_free, own_image};
use crate::params::Params;
use crate::rules;
use crate::state::image::Image;

pub(crate) fn modify_image_attribute(context: &mut Context<'_>) -> Result<Value, Failure> {
    context.region_id()?;
    let (params, now) = (context.params, context.now);
    let id = params.required("ImageId")?;
    check_shape(params)?;
    let dry_run = context.check_dry_run();
    let region = context.region()?;
    let image = own_image(region, id)?;
    if image.is_being_made(now) {
        let message = format!("The image \"{id}\" is being created.");
        return Err(failure(403, "InvalidStatus.ImageIsCreating", message));
    }
    if let Some(name) = params.raw("ImageName") {
        check_name_is_free(region, name, Some(id), now)?;
    }
    check_change(params, image, image.status(now))?;
    dry_run?;
    if let Some(image) = region.image_mut(id) {
        apply(params, image);
    }
    Ok(json!({}))
}

/// What is wrong with the call whatever the image is.
fn check_shape(params: &Params) -> Result<(), Failure> {
    if let Some(name) = params.raw("ImageName") {
        rules::name(name, "InvalidImageName.Malformed")?;
    }
    if let Some(description) = params.text("Description") {
        rules::description(description)?;
    }
    if let Some(family) = params.text("ImageFamily") {
        rules::name(family, "InvalidImageFamily.Malformed")?;
    }
    if let Some(license) = params.text("LicenseType") {
        rules::one_of(license, &["Auto", "Aliyun", "BYOL"], (400, "InvalidLicenseType.NotSupported"))?;
    }
    if let Some(support) = params.text("Features.NvmeSupport") {
        rules::one_of(support, &["supported", "unsupported"], (400, "InvalidParameter"))?;
    }
    if let Some(support) = params.text("Features.ImdsSupport") {
        rules::one_of(support, &["v1", "v2"], (400, "InvalidParameter.FeaturesImdsSupport"))?;
    }
    if let Some(status) = params.text("Status") {
        rules::one_of(status, &["Deprecated", "Available"], (400, "InvalidParameter"))?;
    }
    Ok(())
}

/// What the image itself does not allow.
fn check_change(params: &Params, image: &Image, status: &str) -> Result<(), Failure> {
    if let Some(mode) = params.text("BootMode") {
        rules::boot_mode(mode, &image.architecture)?;
        if mode != image.boot_mode && !image.used_by.is_empty() {
            let message = "The boot mode cannot be changed while instances use the image.";
            return Err(failure(403, "OperationDeined.ImageUsingByInstance", message));
        }
    }
    if params.text("Features.ImdsSupport") == Some("v1") && image.imds_support == "v2" {
        let message = "Features.ImdsSupport cannot be changed from v2 to v1.";
        return Err(failure(403, "InvalidOperation.FeaturesImdsSupportNotMatch", message));
    }
    match params.text("Status") {
        Some("Deprecated") if !image.shared_with.is_empty() || image.public => {
            Err(failure(403, "ImageUseShared", "The image is shared, so it cannot be deprecated."))
        }
        Some("Deprecated") if status != "Available" => {
            Err(failure(403, "ImageStatus.NotAvailable", format!("The image is {status}, not Available.")))
        }
        Some("Available") if status != "Deprecated" => {
            Err(failure(403, "ImageStatus.NotDeprecated", format!("The image is {status}, not Deprecated.")))
        }
        _ => Ok(()),
    }
}

fn apply(params: &Params, image: &mut Image) {
    let set = |field: &mut String, value: Option<&str>| {
        if let Some(value) = value {
            value.clone_into(field);
        }
    };
    set(&mut image.name, params.raw("ImageName"));
    // Sent but empty: cleared.
    set(&mut image.description, params.raw("Description"));
    set(&mut image.family, params.raw("ImageFamily"));
    set(&mut image.boot_mode, params.text("BootMode"));
    set(&mut image.license_type, params.text("LicenseType"));
    set(&mut image.nvme_support, params.text("Features.NvmeSupport"));
    set(&mut image.imds_support, params.text("Features.ImdsSupport"));
    for cleared_or_set in ["Description", "ImageFamily"] {
        if params.raw(cleared_or_set).is_some() {
            image.report(cleared_or_set);
        }
    }
    for set in ["BootMode", "LicenseType", "Features.NvmeSupport", "Features.ImdsSupport"] {
        if params.text(set).is_some() {
            image.report(set);
        }
    }
    if let Some(status) = params.text("Status") {
        image.deprecated = status == "Deprecated";
        // One that a test has set ends with the next that the account sets.
        image.forced_status = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ecs::tests::Cloud;

    const ACTION: &str = "ModifyImageAttribute";

    fn cloud() -> (Cloud, String) {
        let mut cloud = Cloud::new();
        let params = [("SnapshotId", "s-system"), ("ImageName", "first"), ("Description", "before")];
        let id = cloud.ok("CreateImage", &params)["ImageId"].as_str().expect("an id").to_owned();
        cloud.now += 10_000;
        (cloud, id)
    }

    /// After the change, `name` must show `expect`.
    #[track_caller]
    fn check(change: &[(&str, &str)], name: &str, expect: Value) {
        let (mut cloud, id) = cloud();
        let mut params = vec![("ImageId", id.as_str())];
        params.extend_from_slice(change);
        cloud.ok(ACTION, &params);
        assert_eq!(cloud.describe(&id)[name], expect);
    }

    #[track_caller]
    fn refused(change: &[(&str, &str)], expect: (u16, &str)) {
        let (mut cloud, id) = cloud();
        let mut params = vec![("ImageId", id.as_str())];
        params.extend_from_slice(change);
        let before = cloud.describe(&id);
        cloud.refused(ACTION, &params, expect);
        assert_eq!(cloud.describe(&id), before, "a refused change changes nothing");
    }

    #[test]
    fn what_is_sent_changes_and_nothing_else() {
        check(&[("ImageName", "second")], "ImageName", json!("second"));
        check(&[("ImageName", "second")], "Description", json!("before"));
        check(&[("Description", "after")], "Description", json!("after"));
        check(&[("ImageFamily", "fam")], "ImageFamily", json!("fam"));
        check(&[("BootMode", "UEFI")], "BootMode", json!("UEFI"));
        check(&[("LicenseType", "BYOL")], "LicenseType", json!("BYOL"));
        let features = json!({"NvmeSupport": "supported", "ImdsSupport": "v1"});
        check(&[("Features.NvmeSupport", "supported")], "Features", features);
        check(&[("ImageName", "first")], "ImageName", json!("first"));
    }

    #[test]
    fn an_empty_description_or_family_clears_it() {
        check(&[("Description", "")], "Description", json!(""));
        check(&[("ImageFamily", "")], "ImageFamily", json!(""));
    }

    #[test]
    fn bad_values_are_refused_whole() {
        let good = ("Description", "after");
        refused(&[good, ("ImageName", "")], (400, "InvalidImageName.Malformed"));
        refused(&[good, ("ImageName", "1")], (400, "InvalidImageName.Malformed"));
        refused(&[good, ("ImageFamily", "1")], (400, "InvalidImageFamily.Malformed"));
        refused(&[("Description", "http://x")], (400, "InvalidDescription.Malformed"));
        refused(&[good, ("BootMode", "LILO")], (400, "InvalidBootMode.NotSupport"));
        refused(&[good, ("LicenseType", "GPL")], (400, "InvalidLicenseType.NotSupported"));
        refused(&[good, ("Features.NvmeSupport", "yes")], (400, "InvalidParameter"));
        refused(&[good, ("Features.ImdsSupport", "v3")], (400, "InvalidParameter.FeaturesImdsSupport"));
        refused(&[good, ("Status", "Gone")], (400, "InvalidParameter"));
        refused(&[good, ("Status", "Available")], (403, "ImageStatus.NotDeprecated"));
        refused(&[good, ("DryRun", "true")], (412, "DryRunOperation"));
    }

    #[test]
    fn metadata_support_goes_up_but_not_down() {
        let (mut cloud, id) = cloud();
        let to = |version| [("ImageId", id.as_str()), ("Features.ImdsSupport", version)];
        cloud.ok(ACTION, &to("v2"));
        cloud.ok(ACTION, &to("v2"));
        cloud.refused(ACTION, &to("v1"), (403, "InvalidOperation.FeaturesImdsSupportNotMatch"));
        cloud.ok(ACTION, &[("ImageId", &id), ("Description", "after")]);
        assert_eq!(cloud.describe(&id)["Features"]["ImdsSupport"], "v2", "absent keeps");
    }

    /// With all of these unreported, the change makes `name` reported as `expect` and nothing else.
    #[track_caller]
    fn check_reported(unreported: &[&str], change: &[(&str, &str)], name: &str, expect: Value) {
        let mut cloud = Cloud::new();
        cloud.options.unreported = unreported.iter().map(|&member| member.to_owned()).collect();
        let id = cloud.image("mine");
        let before = cloud.describe(&id);
        let mut params = vec![("ImageId", id.as_str())];
        params.extend_from_slice(change);
        cloud.ok(ACTION, &params);
        let mut after = cloud.describe(&id);
        assert_eq!(after[name], expect);
        assert_ne!(before.get(name), after.get(name));
        let Value::Object(members) = &mut after else { panic!("{after}") };
        match before.get(name) {
            Some(had) => members.insert(name.to_owned(), had.clone()),
            None => members.shift_remove(name),
        };
        assert_eq!(after, before);
    }

    #[test]
    fn what_is_not_reported_is_reported_once_it_is_set() {
        let plain = ["LicenseType", "BootMode", "ImageFamily", "Description"];
        check_reported(&plain, &[("LicenseType", "Auto")], "LicenseType", json!("Auto"));
        check_reported(&plain, &[("BootMode", "BIOS")], "BootMode", json!("BIOS"));
        check_reported(&plain, &[("ImageFamily", "")], "ImageFamily", json!(""));
        check_reported(&plain, &[("Description", "after")], "Description", json!("after"));
        let nvme = [("Features.NvmeSupport", "unsupported")];
        let imds = [("Features.ImdsSupport", "v2")];
        let each = ["Features.NvmeSupport", "Features.ImdsSupport"];
        check_reported(&each, &nvme, "Features", json!({"NvmeSupport": "unsupported"}));
        check_reported(&each, &imds, "Features", json!({"ImdsSupport": "v2"}));
        check_reported(&["Features"], &nvme, "Features", json!({"NvmeSupport": "unsupported"}));
        let both = json!({"NvmeSupport": "unsupported", "ImdsSupport": "v2"});
        check_reported(&["Features"], &[nvme[0], imds[0]], "Features", both);
    }

    #[test]
    fn a_name_in_use_is_refused() {
        let (mut cloud, id) = cloud();
        cloud.image("other");
        cloud.refused(
            ACTION,
            &[("ImageId", &id), ("ImageName", "other")],
            (400, "InvalidImageName.Duplicated"),
        );
    }

    #[test]
    fn an_image_under_way_or_of_others_is_left_alone() {
        let mut cloud = Cloud::new();
        let id = cloud.ok("CreateImage", &[("SnapshotId", "s-system")])["ImageId"]
            .as_str()
            .expect("an id")
            .to_owned();
        let change = ("Description", "after");
        cloud.refused(ACTION, &[("ImageId", &id), change], (403, "InvalidStatus.ImageIsCreating"));
        cloud.now += 10_000;
        let made = cloud.state.region("cn-hangzhou", 0).image_mut(&id).expect("there");
        made.forced_status = Some("Waiting".to_owned());
        cloud.refused(ACTION, &[("ImageId", &id), change], (403, "InvalidStatus.ImageIsCreating"));
        cloud.refused(ACTION, &[("ImageId", "m-none"), change], (404, "InvalidImageId.NotFound"));
        cloud.refused(ACTION, &[("ImageId", "m-system"), change], (403, "Forbidden"));
        cloud.refused(ACTION, &[("ImageId", "m-foreign"), change], (403, "Forbidden"));
        cloud.refused(ACTION, &[change], (400, "MissingParameter"));
    }

    #[test]
    fn a_shared_image_is_not_deprecated() {
        let (mut cloud, id) = cloud();
        let share = |name| [("ImageId", id.as_str()), (name, "1111222233334444")];
        cloud.ok("ModifyImageSharePermission", &share("AddAccount.1"));
        let to = |status| [("ImageId", id.as_str()), ("Status", status)];
        cloud.refused(ACTION, &to("Deprecated"), (403, "ImageUseShared"));
        cloud.ok("ModifyImageSharePermission", &share("RemoveAccount.1"));
        cloud.ok(ACTION, &to("Deprecated"));
        assert_eq!(cloud.describe(&id)["Status"], "Deprecated");
        cloud.refused(ACTION, &to("Deprecated"), (403, "ImageStatus.NotAvailable"));
        cloud.ok(ACTION, &to("Available"));
        assert_eq!(cloud.describe(&id)["Status"], "Available");
    }

    #[test]
    fn what_somebody_else_deprecated_is_made_available_again() {
        let (mut cloud, id) = cloud();
        let force = |cloud: &mut Cloud, status: &str| {
            let image = cloud.state.region("cn-hangzhou", 0).image_mut(&id).expect("there");
            image.forced_status = Some(status.to_owned());
        };
        force(&mut cloud, "Deprecated");
        cloud.ok(ACTION, &[("ImageId", &id), ("Description", "while deprecated")]);
        cloud.ok(ACTION, &[("ImageId", &id), ("Status", "Available")]);
        assert_eq!(cloud.describe(&id)["Status"], "Available");
        for status in ["UnAvailable", "CreateFailed"] {
            force(&mut cloud, status);
            let to = |status| [("ImageId", id.as_str()), ("Status", status)];
            cloud.refused(ACTION, &to("Deprecated"), (403, "ImageStatus.NotAvailable"));
            cloud.refused(ACTION, &to("Available"), (403, "ImageStatus.NotDeprecated"));
        }
    }

    #[test]
    fn the_boot_mode_of_an_image_in_use_stays() {
        let (mut cloud, id) = cloud();
        let region = cloud.state.region("cn-hangzhou", 0);
        region.image_mut(&id).expect("there").used_by.insert("i-running".into());
        let mode = |mode| [("ImageId", id.as_str()), ("BootMode", mode)];
        cloud.refused(ACTION, &mode("UEFI"), (403, "OperationDeined.ImageUsingByInstance"));
        cloud.ok(ACTION, &mode("BIOS"));
    }
}
