//! CreateImage: from an instance, from disk mappings or from a snapshot, in that order of precedence.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::action::Context;
use crate::answer::{Failure, failure, invalid, missing_text};
use crate::client_token::ClientToken;
use crate::clock::Millis;
use crate::ecs::disks::{check_device, disk_size, name_devices};
use crate::ecs::lookup::{check_name_is_free, check_resource_group, snapshot_not_found};
use crate::id;
use crate::params::Params;
use crate::rules::{self, ARCHITECTURES, PLATFORMS};
use crate::state::disk::{Disk, DiskKind};
use crate::state::image::Image;
use crate::state::region::Region;
use crate::state::snapshot::Snapshot;

/// One system disk and sixteen data disks.
const MOST_DISKS: usize = 17;

/// A snapshot made before this instant, the start of 16 July 2013, cannot be used.
const FIRST_USABLE_SNAPSHOT: Millis = 1_373_932_800_000;

pub(crate) fn create_image(context: &mut Context<'_>) -> Result<Value, Failure> {
    let region_id = context.region_id()?;
    let (params, now) = (context.params, context.now);
    let token = ClientToken::read(params, region_id, "CreateImage")?;
    if let Some(made) = token.replay(context.state)? {
        return Ok(json!({ "ImageId": made }));
    }
    let attributes = Attributes::read(params)?;
    let dry_run = context.check_dry_run();
    let build = context.build_time();
    let fails = context.fails_later();
    let unreported = context.options.unreported.iter().cloned().collect();
    let region = context.state.region(region_id, now);
    check_name_is_free(region, &attributes.name, None, now)?;
    if !attributes.resource_group.is_empty() {
        check_resource_group(region, &attributes.resource_group)?;
    }
    let source = find_source(region, params, now)?;
    dry_run?;

    let image_id = id::resource("m-");
    let disks = match source.disks {
        Disks::Snapshots(disks) => disks,
        Disks::Instance(instance_id) => take_snapshots(region, &instance_id, now, build),
    };
    let platform = attributes.platform.unwrap_or(source.platform.clone());
    let os_name = if platform == source.platform { source.os_name } else { format!("{platform} 64 bit") };
    let default_boot = if attributes.architecture == "arm64" { "UEFI" } else { "BIOS" };
    region.images.push(Image {
        id: image_id.clone(),
        name: attributes.name,
        description: attributes.description,
        family: attributes.family,
        version: attributes.version,
        boot_mode: attributes.boot_mode.unwrap_or_else(|| default_boot.to_owned()),
        architecture: attributes.architecture,
        platform,
        os_name,
        imds_support: attributes.imds_support,
        resource_group: attributes.resource_group,
        detection: attributes.detection,
        tags: attributes.tags,
        disks,
        created: now,
        build,
        fails,
        unreported,
        ..Image::default()
    });
    token.remember(context.state, &image_id);
    Ok(json!({ "ImageId": image_id }))
}

struct Attributes {
    name: String,
    description: String,
    family: String,
    version: String,
    architecture: String,
    platform: Option<String>,
    boot_mode: Option<String>,
    imds_support: String,
    resource_group: String,
    detection: bool,
    tags: BTreeMap<String, String>,
}

impl Attributes {
    fn read(params: &Params) -> Result<Attributes, Failure> {
        let text = |name: &str| params.text(name).unwrap_or_default().to_owned();
        if let Some(name) = params.text("ImageName") {
            rules::name(name, "InvalidImageName.Malformed")?;
        }
        if let Some(family) = params.text("ImageFamily") {
            rules::name(family, "InvalidImageFamily.Malformed")?;
        }
        if let Some(description) = params.text("Description") {
            rules::description(description)?;
        }
        if text("ImageVersion").chars().count() > 40 {
            let message = "The specified ImageVersion is not valid: it must have at most 40 characters.";
            return Err(failure(400, "InvalidImageVersion.Malformed", message));
        }
        let architecture = params.text("Architecture").unwrap_or("x86_64");
        rules::one_of(architecture, ARCHITECTURES, (400, "InvalidArchitecture.Malformed"))?;
        if let Some(platform) = params.text("Platform") {
            rules::one_of(platform, PLATFORMS, (400, "InvalidPlatform.Malformed"))?;
        }
        let boot_mode = params.text("BootMode");
        if let Some(mode) = boot_mode {
            rules::boot_mode(mode, architecture)?;
        }
        if let Some(strategy) = params.text("DetectionStrategy") {
            rules::one_of(strategy, &["Standard"], (400, "InvalidParameter"))?;
        }
        let imds_support = params.text("Features.ImdsSupport").unwrap_or("v1");
        rules::one_of(imds_support, &["v1", "v2"], (400, "InvalidParameter.FeaturesImdsSupport"))?;
        Ok(Attributes {
            name: text("ImageName"),
            description: text("Description"),
            family: text("ImageFamily"),
            version: text("ImageVersion"),
            architecture: architecture.to_owned(),
            platform: params.text("Platform").map(str::to_owned),
            boot_mode: boot_mode.map(str::to_owned),
            imds_support: imds_support.to_owned(),
            resource_group: text("ResourceGroupId"),
            detection: params.text("DetectionStrategy").is_some(),
            tags: rules::tags(params, (403, "QuotaExceed.Tags"), (400, "Duplicate.TagKey"))?,
        })
    }
}

struct Source {
    platform: String,
    os_name: String,
    disks: Disks,
}

enum Disks {
    Snapshots(Vec<Disk>),
    /// An instance whose disks are still to be snapshotted.
    Instance(String),
}

fn find_source(region: &Region, params: &Params, now: Millis) -> Result<Source, Failure> {
    if let Some(id) = params.text("InstanceId") {
        return from_instance(region, id, now);
    }
    let mappings = params.objects("DiskDeviceMapping")?;
    if mappings.iter().any(|mapping| !mapping.is_empty()) {
        return from_mappings(region, &mappings, now);
    }
    if let Some(id) = params.text("SnapshotId") {
        return from_snapshot(region, id, now);
    }
    Err(failure(400, "MissingParameter", missing_text("InstanceId, DiskDeviceMapping or SnapshotId")))
}

fn from_instance(region: &Region, id: &str, now: Millis) -> Result<Source, Failure> {
    let instance = region.instance(id).ok_or_else(|| {
        failure(
            404,
            "InvalidInstanceId.NotFound",
            format!("The specified InstanceId \"{id}\" does not exist."),
        )
    })?;
    if instance.locked {
        let message = format!("The instance \"{id}\" is locked for security reasons.");
        return Err(failure(400, "InstanceLockedForSecurity", message));
    }
    let status = instance.status(now);
    if status != "Running" && status != "Stopped" {
        let message = format!(
            "The current status of the resource does not support this operation: the instance \"{id}\" is {status}."
        );
        return Err(failure(400, "IncorrectInstanceStatus", message));
    }
    Ok(Source {
        platform: instance.platform.clone(),
        os_name: instance.os_name.clone(),
        disks: Disks::Instance(id.to_owned()),
    })
}

fn from_snapshot(region: &Region, id: &str, now: Millis) -> Result<Source, Failure> {
    let snapshot = usable_snapshot(region, id, now)?;
    if snapshot.kind != DiskKind::System {
        let message = format!("The snapshot \"{id}\" is not one of a system disk.");
        return Err(failure(403, "OperationDenied", message));
    }
    let disk = Disk {
        device: "/dev/xvda".to_owned(),
        kind: DiskKind::System,
        size: snapshot.size,
        snapshot: id.to_owned(),
        import: None,
    };
    Ok(Source {
        platform: snapshot.platform.clone(),
        os_name: snapshot.os_name.clone(),
        disks: Disks::Snapshots(vec![disk]),
    })
}

fn usable_snapshot<'r>(region: &'r Region, id: &str, now: Millis) -> Result<&'r Snapshot, Failure> {
    let snapshot = region.snapshot(id).ok_or_else(|| snapshot_not_found(id))?;
    if snapshot.created < FIRST_USABLE_SNAPSHOT {
        let message = format!("The snapshot \"{id}\" was made on or before 2013-07-15 and cannot be used.");
        return Err(failure(403, "InvalidSnapshot.TooOld", message));
    }
    if !snapshot.is_accomplished(now) {
        let message = format!("The snapshot \"{id}\" is not finished.");
        return Err(failure(403, "InvalidSnapshotId.NotReady", message));
    }
    Ok(snapshot)
}

fn from_mappings(region: &Region, mappings: &[BTreeMap<&str, &str>], now: Millis) -> Result<Source, Failure> {
    if mappings.len() > MOST_DISKS {
        return Err(invalid("DiskDeviceMapping", "an image has 17 disks at most"));
    }
    let mut disks: Vec<Disk> = Vec::new();
    let mut system: Option<&Snapshot> = None;
    let mut devices = BTreeSet::new();
    for mapping in mappings {
        let member = |name: &str| mapping.get(name).copied();
        let snapshot = member("SnapshotId").map(|id| usable_snapshot(region, id, now)).transpose()?;
        let kind = match member("DiskType") {
            Some("system") => DiskKind::System,
            Some("data") => DiskKind::Data,
            Some(other) => {
                let message = format!("The specified DiskType \"{other}\" is neither system nor data.");
                return Err(failure(400, "InvalidDiskType.ValueNotSupported", message));
            }
            None => snapshot.map_or(DiskKind::Data, |snapshot| snapshot.kind),
        };
        if kind == DiskKind::System {
            if system.is_some() {
                let message = "The disk mappings hold more than one snapshot of a system disk.";
                return Err(failure(400, "OperationDenied", message));
            }
            system = snapshot;
            if system.is_none() {
                return Err(no_system_snapshot());
            }
        }
        let device = member("Device").unwrap_or_default().to_owned();
        if !device.is_empty() {
            check_device(&device, kind)?;
            if !devices.insert(device.clone()) {
                let message = format!("The device \"{device}\" is given to two disks.");
                return Err(failure(400, "InvalidDevice.InUse", message));
            }
        }
        let size = disk_size(member("Size"), snapshot)?;
        disks.push(Disk {
            device,
            kind,
            size,
            snapshot: snapshot.map_or_else(String::new, |s| s.id.clone()),
            import: None,
        });
    }
    let system = system.ok_or_else(no_system_snapshot)?;
    name_devices(&mut disks, devices);
    Ok(Source {
        platform: system.platform.clone(),
        os_name: system.os_name.clone(),
        disks: Disks::Snapshots(disks),
    })
}

fn no_system_snapshot() -> Failure {
    failure(400, "OperationDenied", "The disk mappings hold no snapshot of a system disk.")
}

/// One snapshot for each disk of the instance.
fn take_snapshots(region: &mut Region, instance_id: &str, now: Millis, build: Millis) -> Vec<Disk> {
    let Some(instance) = region.instance(instance_id).cloned() else { return vec![] };
    let mut disks = Vec::new();
    for disk in &instance.disks {
        let snapshot = id::resource("s-");
        region.snapshots.push(Snapshot {
            id: snapshot.clone(),
            name: format!("of-{instance_id}"),
            description: format!("made with an image of {instance_id}"),
            kind: disk.kind,
            size: disk.size,
            disk: disk.id.clone(),
            instance: instance_id.to_owned(),
            platform: instance.platform.clone(),
            os_name: instance.os_name.clone(),
            resource_group: String::new(),
            tags: BTreeMap::new(),
            encrypted: false,
            created: now,
            build,
        });
        disks.push(Disk { device: String::new(), kind: disk.kind, size: disk.size, snapshot, import: None });
    }
    name_devices(&mut disks, BTreeSet::new());
    disks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ecs::tests::Cloud;
    use std::time::Duration;

    #[track_caller]
    fn check(params: &[(&str, &str)], expect: (u16, &str)) {
        Cloud::new().refused("CreateImage", params, expect);
    }

    /// One refusal for a parameter beside a good source.
    #[track_caller]
    fn check_one(name: &str, value: &str, expect: (u16, &str)) {
        check(&[("SnapshotId", "s-system"), (name, value)], expect);
    }

    #[track_caller]
    fn check_mapping(mappings: &[&[(&str, &str)]], expect: Result<Value, (u16, &str)>) {
        let mut pairs = Vec::new();
        for (number, mapping) in (1..).zip(mappings) {
            for (name, value) in *mapping {
                pairs.push((format!("DiskDeviceMapping.{number}.{name}"), *value));
            }
        }
        let pairs: Vec<(&str, &str)> = pairs.iter().map(|(a, b)| (a.as_str(), *b)).collect();
        match expect {
            Err(refusal) => check(&pairs, refusal),
            Ok(expect) => {
                let mut cloud = Cloud::new();
                cloud.ok("CreateImage", &pairs);
                let disks = &cloud.state.regions["cn-hangzhou"].images[2].disks;
                let seen: Vec<Value> =
                    disks.iter().map(|d| json!([d.device, d.kind.text(), d.size, d.snapshot])).collect();
                assert_eq!(json!(seen), expect);
            }
        }
    }

    #[test]
    fn a_source_is_needed() {
        check(&[], (400, "MissingParameter"));
        check(&[("InstanceId", ""), ("SnapshotId", "")], (400, "MissingParameter"));
        let unset = [("DiskDeviceMapping.1.SnapshotId", ""), ("DiskDeviceMapping.1.Device", "")];
        check(&unset, (400, "MissingParameter"));
    }

    #[test]
    fn an_instance_wins_over_mappings_and_they_over_a_snapshot() {
        let all = [
            ("InstanceId", "i-none"),
            ("DiskDeviceMapping.1.SnapshotId", "s-2013"),
            ("SnapshotId", "s-none"),
        ];
        check(&all, (404, "InvalidInstanceId.NotFound"));
        check(&all[1..], (403, "InvalidSnapshot.TooOld"));
        check(&all[2..], (404, "InvalidSnapshotId.NotFound"));
    }

    #[test]
    fn an_instance_must_be_running_or_stopped_and_not_locked() {
        let mut cloud = Cloud::new();
        let starting = [("InstanceId", "i-starting")];
        cloud.refused("CreateImage", &starting, (400, "IncorrectInstanceStatus"));
        cloud.now += 4_999;
        cloud.refused("CreateImage", &starting, (400, "IncorrectInstanceStatus"));
        cloud.now += 1;
        cloud.ok("CreateImage", &starting);
        cloud.ok("CreateImage", &[("InstanceId", "i-stopped")]);
        cloud.refused("CreateImage", &[("InstanceId", "i-locked")], (400, "InstanceLockedForSecurity"));
    }

    #[test]
    fn an_image_of_an_instance_leaves_a_snapshot_for_each_disk() {
        let mut cloud = Cloud::new();
        cloud.ok("CreateImage", &[("InstanceId", "i-running")]);
        let region = &cloud.state.regions["cn-hangzhou"];
        let image = &region.images[2];
        assert_eq!(image.disks.len(), 2);
        for disk in &image.disks {
            let snapshot = region.snapshot(&disk.snapshot).expect("a snapshot");
            assert_eq!((snapshot.size, snapshot.kind), (disk.size, disk.kind));
            assert_eq!(snapshot.instance, "i-running");
        }
        let devices: Vec<&str> = image.disks.iter().map(|disk| disk.device.as_str()).collect();
        assert_eq!(devices, ["/dev/xvda", "/dev/xvdb"]);
    }

    #[test]
    fn a_snapshot_must_be_of_a_system_disk_and_young_enough() {
        check(&[("SnapshotId", "s-data")], (403, "OperationDenied"));
        check(&[("SnapshotId", "s-2013")], (403, "InvalidSnapshot.TooOld"));
        assert_eq!(crate::clock::parse_iso("2013-07-16T00:00:00Z"), Some(FIRST_USABLE_SNAPSHOT));
    }

    #[test]
    fn a_snapshot_must_be_finished() {
        let mut cloud = Cloud::new();
        cloud.ok("CreateImage", &[("InstanceId", "i-running")]);
        let snapshot = cloud.state.regions["cn-hangzhou"].snapshots[3].id.clone();
        cloud.refused("CreateImage", &[("SnapshotId", &snapshot)], (403, "InvalidSnapshotId.NotReady"));
        cloud.now += 2_000;
        cloud.ok("CreateImage", &[("SnapshotId", &snapshot)]);
    }

    #[test]
    fn mappings_fill_in_what_is_left_out() {
        check_mapping(
            &[&[("SnapshotId", "s-data"), ("Size", "0")], &[("SnapshotId", "s-system")], &[("Size", "30")]],
            Ok(json!([
                ["/dev/xvdb", "data", 100, "s-data"],
                ["/dev/xvda", "system", 40, "s-system"],
                ["/dev/xvdc", "data", 30, ""],
            ])),
        );
        check_mapping(
            &[
                &[("SnapshotId", "s-data"), ("DiskType", "system"), ("Size", "200")],
                &[("Device", "/dev/xvdz")],
            ],
            Ok(json!([["/dev/xvda", "system", 200, "s-data"], ["/dev/xvdz", "data", 20, ""]])),
        );
    }

    #[test]
    fn a_disk_may_be_as_large_as_its_snapshot_or_as_the_limits_are() {
        let sizes = |system, data| {
            let mappings: [&[(&str, &str)]; 2] =
                [&[("SnapshotId", "s-system"), ("Size", system)], &[("Size", data)]];
            let expect = json!([
                ["/dev/xvda", "system", system.parse::<i64>().expect("a size"), "s-system"],
                ["/dev/xvdb", "data", data.parse::<i64>().expect("a size"), ""],
            ]);
            check_mapping(&mappings, Ok(expect));
        };
        sizes("40", "5");
        sizes("32768", "32768");
    }

    #[test]
    fn mappings_need_exactly_one_system_snapshot() {
        let denied = Err((400, "OperationDenied"));
        check_mapping(&[&[("SnapshotId", "s-data")]], denied.clone());
        check_mapping(&[&[("DiskType", "system"), ("Size", "40")]], denied.clone());
        check_mapping(&[&[("SnapshotId", "s-system")], &[("SnapshotId", "s-system")]], denied);
    }

    #[test]
    fn mappings_are_checked_member_by_member() {
        let system: &[(&str, &str)] = &[("SnapshotId", "s-system")];
        let second = |name, value, code| check_mapping(&[system, &[(name, value)]], Err((400, code)));
        second("Device", "/dev/sda", "InvalidDevice.Malformed");
        second("Device", "/dev/xvda", "InvalidDevice.Malformed");
        second("Device", "/dev/xvdB", "InvalidDevice.Malformed");
        second("Device", "/dev/xvdbb", "InvalidDevice.Malformed");
        second("DiskType", "floppy", "InvalidDiskType.ValueNotSupported");
        second("Size", "4", "InvalidSize.ValueNotSupported");
        second("Size", "32769", "InvalidSize.ValueNotSupported");
        second("Size", "big", "InvalidSize.ValueNotSupported");
        check_mapping(
            &[&[("SnapshotId", "s-system"), ("Size", "39")]],
            Err((400, "InvalidSize.ValueNotSupported")),
        );
        check_mapping(&[&[("SnapshotId", "s-none")]], Err((404, "InvalidSnapshotId.NotFound")));
        let twice: &[(&str, &str)] = &[("Device", "/dev/xvdb")];
        check_mapping(&[system, twice, twice], Err((400, "InvalidDevice.InUse")));
        let blank: &[(&str, &str)] = &[("Size", "20")];
        check_mapping(&[blank; 18], Err((400, "InvalidParameter")));
    }

    #[test]
    fn attributes_are_checked_one_by_one() {
        check_one("ImageName", "1", (400, "InvalidImageName.Malformed"));
        check_one("ImageFamily", "acs:x", (400, "InvalidImageFamily.Malformed"));
        check_one("Description", "x", (400, "InvalidDescription.Malformed"));
        check_one("ImageVersion", &"1".repeat(41), (400, "InvalidImageVersion.Malformed"));
        check_one("Architecture", "sparc", (400, "InvalidArchitecture.Malformed"));
        check_one("Platform", "BeOS", (400, "InvalidPlatform.Malformed"));
        check_one("BootMode", "LILO", (400, "InvalidBootMode.NotSupport"));
        check_one("DetectionStrategy", "Lax", (400, "InvalidParameter"));
        check_one("Features.ImdsSupport", "v3", (400, "InvalidParameter.FeaturesImdsSupport"));
        check_one("ResourceGroupId", "rg-none", (404, "InvalidResourceGroup.NotFound"));
        let twice = |again| [("SnapshotId", "s-system"), ("Tag.1.Key", "env"), ("Tag.2.Key", again)];
        check(&twice("env"), (400, "Duplicate.TagKey"));
        check(&twice("Env"), (400, "Duplicate.TagKey"));
        check_one("ClientToken", &"x".repeat(65), (400, "InvalidClientToken.Malformed"));
        check_one("ClientToken", "é", (400, "InvalidClientToken.Malformed"));
        check_one("DryRun", "true", (412, "DryRunOperation"));
        check_one("DryRun", "maybe", (400, "InvalidParameter"));
    }

    #[test]
    fn boot_modes_depend_on_the_machine() {
        let arm = |mode, expect| {
            let params = [("SnapshotId", "s-system"), ("Architecture", "arm64"), ("BootMode", mode)];
            assert_eq!(Cloud::new().call("CreateImage", &params).is_ok(), expect, "{mode}");
        };
        arm("UEFI", true);
        arm("BIOS", false);
        let old = [("SnapshotId", "s-system"), ("Architecture", "i386"), ("BootMode", "UEFI")];
        check(&old, (400, "InvalidBootMode.NotSupport"));
    }

    #[test]
    fn names_are_unique_even_while_an_image_is_not_visible() {
        let mut cloud = Cloud::new();
        let params = [("SnapshotId", "s-system"), ("ImageName", "one")];
        cloud.ok("CreateImage", &params);
        cloud.refused("CreateImage", &params, (400, "InvalidImageName.Duplicated"));
        let unnamed = [("SnapshotId", "s-system")];
        cloud.ok("CreateImage", &unnamed);
        cloud.ok("CreateImage", &unnamed);
    }

    #[test]
    fn the_name_of_a_deleted_image_is_free_at_once_unless_it_is_held() {
        let mut cloud = Cloud::new();
        let params = [("SnapshotId", "s-system"), ("ImageName", "one")];
        let id = cloud.image("one");
        cloud.ok("DeleteImage", &[("ImageId", &id)]);
        let id = cloud.image("one");
        cloud.options.names_freed_after = Duration::from_secs(60);
        let other = cloud.image("two");
        cloud.ok("DeleteImage", &[("ImageId", &id)]);
        assert_eq!(cloud.describe(&id), Value::Null);
        let refusal = (400, "InvalidImageName.Duplicated");
        let rename = [("ImageId", other.as_str()), ("ImageName", "one")];
        cloud.now += 59_999;
        cloud.refused("CreateImage", &params, refusal);
        cloud.refused("ModifyImageAttribute", &rename, refusal);
        cloud.ok("CreateImage", &[("RegionId", "cn-beijing"), params[0], params[1]]);
        cloud.now += 1;
        cloud.ok("CreateImage", &params);
    }

    #[test]
    fn an_image_keeps_the_name_that_another_one_left_behind() {
        let mut cloud = Cloud::new();
        cloud.options.names_freed_after = Duration::from_secs(60);
        let (gone, kept) = (cloud.image("one"), cloud.image("two"));
        cloud.ok("DeleteImage", &[("ImageId", &gone)]);
        let region = cloud.state.region("cn-hangzhou", 0);
        region.image_mut(&kept).expect("there").name = "one".to_owned();
        cloud.ok("ModifyImageAttribute", &[("ImageId", &kept), ("ImageName", "one")]);
    }

    #[test]
    fn a_token_makes_one_image_however_often_it_is_sent() {
        let mut cloud = Cloud::new();
        let params = [("SnapshotId", "s-system"), ("ImageName", "one"), ("ClientToken", "t")];
        let first = cloud.ok("CreateImage", &params);
        assert_eq!(cloud.ok("CreateImage", &params), first);
        assert_eq!(cloud.state.regions["cn-hangzhou"].own_images().count(), 1);
        let id = first["ImageId"].as_str().expect("an id");
        cloud.ok("DeleteImage", &[("ImageId", id)]);
        assert_eq!(cloud.ok("CreateImage", &params), first, "a stale token names the image that was");
        assert_eq!(cloud.state.regions["cn-hangzhou"].own_images().count(), 0);
    }

    #[test]
    fn a_forgotten_token_makes_another_image() {
        let mut cloud = Cloud::new();
        let params = [("SnapshotId", "s-system"), ("ClientToken", "t")];
        let first = cloud.ok("CreateImage", &params);
        cloud.state.forget_tokens("cn-hangzhou");
        assert_ne!(cloud.ok("CreateImage", &params), first);
    }

    #[test]
    fn a_token_is_for_one_set_of_parameters() {
        let mut cloud = Cloud::new();
        cloud.ok("CreateImage", &[("SnapshotId", "s-system"), ("ClientToken", "t")]);
        let other = [("InstanceId", "i-running"), ("ClientToken", "t")];
        cloud.refused("CreateImage", &other, (400, "IdempotenceParamNotMatch"));
        cloud.ok("CreateImage", &[("SnapshotId", "s-system"), ("ClientToken", "T")]);
        let elsewhere = [("RegionId", "cn-beijing"), ("InstanceId", "i-running"), ("ClientToken", "t")];
        cloud.ok("CreateImage", &elsewhere);
    }

    #[test]
    fn a_refused_create_does_not_use_its_token_up() {
        let mut cloud = Cloud::new();
        let params = [("InstanceId", "i-starting"), ("ClientToken", "t")];
        cloud.refused("CreateImage", &params, (400, "IncorrectInstanceStatus"));
        cloud.now += 5_000;
        cloud.ok("CreateImage", &params);
    }

    #[test]
    fn a_dry_run_makes_nothing() {
        let mut cloud = Cloud::new();
        cloud.refused(
            "CreateImage",
            &[("InstanceId", "i-running"), ("DryRun", "true")],
            (412, "DryRunOperation"),
        );
        let region = &cloud.state.regions["cn-hangzhou"];
        assert_eq!((region.own_images().count(), region.snapshots.len()), (0, 3));
    }
}
