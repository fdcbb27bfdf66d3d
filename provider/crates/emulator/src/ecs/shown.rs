//! How images and tags are shown, which several actions have in common.

use serde_json::{Map, Value, json};

use crate::clock::{Millis, iso};
use crate::options::Options;
use crate::state::disk::Disk;
use crate::state::image::{Image, Owner};

pub(super) fn tags<'t>(tags: impl IntoIterator<Item = (&'t String, &'t String)>) -> Value {
    let tags: Vec<_> = tags.into_iter().map(|(k, v)| json!({"TagKey": k, "TagValue": v})).collect();
    json!({ "Tag": tags })
}

pub(super) fn owner_alias(image: &Image) -> &'static str {
    match image.owner {
        Owner::Own => "self",
        Owner::System => "system",
        Owner::Others => "others",
        Owner::Marketplace => "marketplace",
    }
}

/// An image as the public cloud shows it; the stacks lack what is newer than they are.
pub(super) fn image(image: &Image, options: &Options, now: Millis) -> Value {
    let disks: Vec<Value> = image.disks.iter().map(|one| disk(image, one, now)).collect();
    let mut shown = json!({
        "ImageId": image.id,
        "ImageName": image.name,
        "Description": image.description,
        "ImageFamily": image.family_as_seen(),
        "ImageVersion": image.version,
        "ImageOwnerAlias": owner_alias(image),
        "ImageOwnerId": image.owner_id().parse::<i64>().unwrap_or(0),
        "Status": image.status(now),
        "Progress": format!("{}%", image.progress(now)),
        "Usable": image.is_usable(now),
        "CreationTime": iso(image.created),
        "Architecture": image.architecture,
        "Platform": image.platform,
        "OSType": image.os_type(),
        "OSName": image.os_name,
        "OSNameEn": image.os_name,
        "BootMode": image.boot_mode,
        "LicenseType": image.license_type,
        "Features": {"NvmeSupport": image.nvme_support, "ImdsSupport": image.imds_support},
        "ResourceGroupId": image.resource_group,
        "Size": image.size(),
        "DiskDeviceMappings": { "DiskDeviceMapping": disks },
        "Tags": tags(&image.tags),
        "Usage": if image.used_by.is_empty() { "none" } else { "instance" },
        "IsSupportIoOptimized": image.io_optimized,
        "IsSupportCloudinit": image.cloud_init,
        "IsCopied": image.copied_from.is_some(),
        "IsSubscribed": false,
        "IsPublic": image.public,
        "IsSelfShared": if image.shared_with.is_empty() { "false" } else { "true" },
        "ProductCode": "",
        "SupplierName": "",
        "LoginAsNonRootSupported": false,
    });
    let Value::Object(members) = &mut shown else { return shown };
    if image.detection {
        let status = if image.status(now) == "Creating" { "Processing" } else { "Finished" };
        members.insert("DetectionOptions".into(), json!({"Status": status, "Items": {"Item": []}}));
    }
    if options.normalise {
        normalise(members, image);
    }
    if options.flavour.is_stack() {
        for newer in [
            "Usable",
            "BootMode",
            "Features",
            "ImageFamily",
            "LicenseType",
            "DetectionOptions",
            "IsPublic",
            "SupplierName",
            "LoginAsNonRootSupported",
            "OSNameEn",
        ] {
            members.shift_remove(newer);
        }
    }
    for unreported in &image.unreported {
        match unreported.split_once('.') {
            Some((object, member)) => {
                members.get_mut(object).and_then(Value::as_object_mut).map(|o| o.shift_remove(member))
            }
            None => Some(members.shift_remove(unreported)),
        };
    }
    shown
}

/// Replaces what was given with what a cloud may make of it.
fn normalise(members: &mut Map<String, Value>, image: &Image) {
    let platform = match image.platform.as_str() {
        "CentOS" => "CentOS Linux",
        "Aliyun" => "Alibaba Cloud Linux",
        "RedHat" => "Red Hat Enterprise Linux",
        "SUSE" => "SUSE Linux Enterprise Server",
        "OpenSUSE" => "openSUSE",
        other => other,
    };
    members.insert("Platform".into(), platform.into());
    if image.architecture == "i386" {
        members.insert("Architecture".into(), "x86_64".into());
    }
    if !image.version.is_empty() && !image.version.contains('.') {
        members.insert("ImageVersion".into(), format!("{}.0", image.version).into());
    }
    if image.license_type == "Auto" {
        members.insert("LicenseType".into(), "Aliyun".into());
    }
}

fn disk(image: &Image, disk: &Disk, now: Millis) -> Value {
    let is_building = image.is_being_made(now);
    // What a copy was made of is not in its region.
    let import = disk.import.as_ref().filter(|_| image.copied_from.is_none());
    json!({
        "Device": disk.device,
        "Type": disk.kind.text(),
        "Size": disk.size.to_string(),
        "SnapshotId": disk.snapshot,
        "Format": import.map_or("", |import| &import.format),
        "ImportOSSBucket": import.map_or("", |import| &import.bucket),
        "ImportOSSObject": import.map_or("", |import| &import.object),
        "Progress": if is_building { format!("{}%", image.progress(now)) } else { String::new() },
        "RemainTime": if is_building { image.seconds_left(now) } else { 0 },
        "Encrypted": image.encrypted,
    })
}
