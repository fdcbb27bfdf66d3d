//! ImportImage: an image of files in OSS. A task makes it, and it is Available a moment after the task is Finished.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::action::Context;
use crate::answer::{Failure, failure, missing};
use crate::client_token::ClientToken;
use crate::ecs::disks::{check_device, name_devices};
use crate::ecs::files::{self, needs_restore, usable_bucket};
use crate::ecs::lookup::{check_name_is_free, check_resource_group};
use crate::id;
use crate::params::Params;
use crate::rules::{self, ARCHITECTURES, PLATFORMS};
use crate::state::State;
use crate::state::disk::{Disk, DiskKind, Import};
use crate::state::image::{Image, os_type};
use crate::state::snapshot::Snapshot;
use crate::state::task::Task;

/// One system disk and sixteen data disks. What is beyond them is ignored in silence.
const MOST_DISKS: usize = 17;

/// The formats of files, which are also their suffixes. The last one is for invited accounts.
const FORMATS: &[&str] = &["RAW", "VHD", "QCOW2", "VMDK"];

const OTHER_WINDOWS: &str = "Other Windows";

pub(crate) fn import_image(context: &mut Context<'_>) -> Result<Value, Failure> {
    let region_id = files::region_id(context)?;
    let (params, now) = (context.params, context.now);
    let token = ClientToken::read(params, region_id, "ImportImage")?;
    if let Some(made) = token.replay(context.state)? {
        let tasks = &context.state.region(region_id, now).tasks;
        let task = tasks.iter().find(|task| task.action == "ImportImage" && task.resource == made);
        return Ok(answer(region_id, &made, task.map_or("", |task| &task.id)));
    }
    let attributes = Attributes::read(params)?;
    let mappings = Mapping::read_all(params)?;
    files::check_role(params, "AliyunECSImageImportDefaultRole")?;
    let is_dry_run = params.flag("DryRun")?;
    let failure_later = files::fails_later(
        context,
        "ImportImageFailed",
        "The image cannot be made of the file: a fault was asked for.",
    );
    let build = context.task_time();
    let unreported: BTreeSet<String> = context.options.unreported.iter().cloned().collect();

    let region = context.state.region(region_id, now);
    check_name_is_free(region, &attributes.name, None, now)?;
    if !attributes.resource_group.is_empty() {
        check_resource_group(region, &attributes.resource_group)?;
    }
    let mut disks = mappings
        .iter()
        .map(|mapping| mapping.disk(context.state, region_id))
        .collect::<Result<Vec<Disk>, Failure>>()?;
    if is_dry_run {
        return Err(failure(
            400,
            "DRYRUN.SUCCESS",
            "Request validation has been passed with DryRun flag set.",
        ));
    }
    let taken = disks.iter().map(|disk| disk.device.clone()).collect();
    name_devices(&mut disks, taken);

    let region = context.state.region(region_id, now);
    let (image_id, task_id) = (id::resource("m-"), id::resource("t-"));
    let os_name = format!("{} 64 bit", attributes.platform);
    for disk in disks.iter_mut().filter(|disk| disk.import.is_some()) {
        disk.snapshot = id::resource("s-");
        region.snapshots.push(Snapshot {
            id: disk.snapshot.clone(),
            name: format!("of-{image_id}"),
            description: format!("made by the import of {image_id}"),
            kind: disk.kind,
            size: disk.size,
            disk: String::new(),
            instance: String::new(),
            platform: attributes.platform.clone(),
            os_name: os_name.clone(),
            resource_group: String::new(),
            tags: BTreeMap::new(),
            encrypted: false,
            created: now,
            build,
        });
    }
    let image = Image {
        id: image_id.clone(),
        name: attributes.name,
        description: attributes.description,
        architecture: attributes.architecture,
        platform: attributes.platform,
        os_name,
        boot_mode: attributes.boot_mode,
        license_type: attributes.license_type,
        nvme_support: attributes.nvme_support,
        imds_support: attributes.imds_support,
        resource_group: attributes.resource_group,
        detection: attributes.detection,
        tags: attributes.tags,
        disks,
        created: now,
        build,
        fails: failure_later.is_some(),
        unreported: unreported.clone(),
        ..Image::default()
    };
    region.tasks.push(Task {
        id: task_id.clone(),
        action: "ImportImage".to_owned(),
        resource: image_id.clone(),
        created: now,
        build: build - image.moment(),
        failure: failure_later,
        unreported,
        ..Task::default()
    });
    region.images.push(image);
    token.remember(context.state, &image_id);
    Ok(answer(region_id, &image_id, &task_id))
}

fn answer(region: &str, image: &str, task: &str) -> Value {
    json!({"ImageId": image, "TaskId": task, "RegionId": region})
}

struct Attributes {
    name: String,
    description: String,
    architecture: String,
    platform: String,
    boot_mode: String,
    license_type: String,
    nvme_support: String,
    imds_support: String,
    resource_group: String,
    detection: bool,
    tags: BTreeMap<String, String>,
}

impl Attributes {
    fn read(params: &Params) -> Result<Attributes, Failure> {
        let text = |name: &str, default: &str| params.text(name).unwrap_or(default).to_owned();
        if let Some(name) = params.text("ImageName") {
            rules::name(name, "InvalidImageName.Malformed")?;
        }
        if let Some(description) = params.text("Description") {
            rules::description(description)?;
        }
        let architecture = text("Architecture", "x86_64");
        rules::one_of(&architecture, ARCHITECTURES, (400, "InvalidArchitecture.Malformed"))?;
        let os = text("OSType", "linux");
        rules::one_of(&os, &["windows", "linux"], (400, "InvalidOSType.Malformed"))?;
        let platform = text("Platform", if os == "windows" { OTHER_WINDOWS } else { "Others Linux" });
        if platform != OTHER_WINDOWS {
            rules::one_of(&platform, PLATFORMS, (400, "InvalidPlatform.Malformed"))?;
        }
        let is_windows = os_type(&platform) == "windows";
        if is_windows && architecture == "arm64" {
            let message = format!("The platform \"{platform}\" does not run on {architecture}.");
            return Err(failure(403, "InvalidArchitecture.PlatformUnsupported", message));
        }
        let boot_mode = text("BootMode", if architecture == "arm64" { "UEFI" } else { "BIOS" });
        rules::one_of(&boot_mode, &["BIOS", "UEFI"], (400, "InvalidBootMode.Malformed"))?;
        rules::boot_mode(&boot_mode, &architecture)?;
        let license_type = text("LicenseType", "Auto");
        rules::one_of(&license_type, &["Auto", "Aliyun", "BYOL"], (400, "InvalidLicenseType.NotSupported"))?;
        if let Some(strategy) = params.text("DetectionStrategy") {
            rules::one_of(strategy, &["Standard"], (400, "InvalidParameter.DetectionStrategy"))?;
            if is_windows {
                let message = "Images of Windows cannot be checked.";
                return Err(failure(403, "ImageCheckUnsupported.WindowsImage", message));
            }
        }
        let imds_support = text("Features.ImdsSupport", "v1");
        rules::one_of(&imds_support, &["v1", "v2"], (400, "InvalidParameter.FeaturesImdsSupport"))?;
        let nvme_support = text("Features.NvmeSupport", "unsupported");
        rules::one_of(&nvme_support, &["supported", "unsupported"], (400, "InvalidParameter"))?;
        if let Some(location) = params.text("StorageLocationArn") {
            let message = format!("The specified StorageLocationArn \"{location}\" does not exist.");
            return Err(failure(403, "InvalidStorageLocation.NotFound", message));
        }
        Ok(Attributes {
            name: text("ImageName", ""),
            description: text("Description", ""),
            architecture,
            platform,
            boot_mode,
            license_type,
            nvme_support,
            imds_support,
            resource_group: text("ResourceGroupId", ""),
            detection: params.text("DetectionStrategy").is_some(),
            tags: rules::tags(params, (403, "QuotaExceed.Tags"), (403, "TagKey.Duplication"))?,
        })
    }
}

/// One entry of `DiskDeviceMapping.N`.
struct Mapping<'a> {
    kind: DiskKind,
    device: &'a str,
    /// The bucket and the object. A data disk without them is blank.
    file: Option<(&'a str, &'a str)>,
    /// In GiB.
    size: Option<i64>,
    /// As it was sent.
    format: Option<&'a str>,
}

impl<'a> Mapping<'a> {
    fn read_all(params: &'a Params) -> Result<Vec<Mapping<'a>>, Failure> {
        let entries = params.objects("DiskDeviceMapping")?;
        if entries.is_empty() {
            let message = "The input parameter \"DiskDeviceMapping\" is not supplied.";
            return Err(failure(403, "MissingParameter.DiskDeviceMapping", message));
        }
        let kinds = std::iter::once(DiskKind::System).chain(std::iter::repeat(DiskKind::Data));
        let mappings = entries.iter().take(MOST_DISKS).zip(kinds).enumerate();
        let mappings: Vec<Mapping<'a>> = mappings
            .map(|(at, (entry, kind))| Mapping::read(at + 1, entry, kind))
            .collect::<Result<_, _>>()?;
        let mut devices = BTreeSet::new();
        match mappings
            .iter()
            .map(|mapping| mapping.device)
            .find(|device| !device.is_empty() && !devices.insert(*device))
        {
            Some(twice) => Err(bad_device(twice, "it is given to two disks")),
            None => Ok(mappings),
        }
    }

    fn read(
        number: usize,
        entry: &BTreeMap<&'a str, &'a str>,
        kind: DiskKind,
    ) -> Result<Mapping<'a>, Failure> {
        let member = |name: &str| entry.get(name).copied();
        let file = match (member("OSSBucket"), member("OSSObject")) {
            (Some(bucket), Some(object)) => Some((bucket, object)),
            (None, None) if kind == DiskKind::Data => None,
            (None, _) => return Err(missing(&format!("DiskDeviceMapping.{number}.OSSBucket"))),
            (Some(_), None) => return Err(missing(&format!("DiskDeviceMapping.{number}.OSSObject"))),
        };
        if let Some((bucket, object)) = file {
            check_names(bucket, object)?;
        }
        let format = member("Format");
        match format.map(str::to_ascii_uppercase).as_deref() {
            None | Some("RAW" | "VHD" | "QCOW2") => {}
            Some("VMDK") => return Err(not_invited()),
            Some(_) => return Err(bad_format(400, "it is none of RAW, VHD, QCOW2 and VMDK")),
        }
        let device = member("Device").unwrap_or_default();
        if !device.is_empty() && check_device(device, kind).is_err() {
            return Err(bad_device(device, "it is not one of that kind of disk"));
        }
        // The second name is old and still sent by some.
        let size = member("DiskImageSize").or(member("DiskImSize")).map(str::parse::<i64>);
        let size = match size {
            None => None,
            Some(Ok(size @ 1..=2048)) => Some(size),
            Some(_) => return Err(bad_size(kind, "it is not from 1 to 2048 GiB")),
        };
        Ok(Mapping { kind, device, file, size, format })
    }

    fn disk(&self, state: &mut State, region: &str) -> Result<Disk, Failure> {
        let disk = |size, import| Disk {
            device: self.device.to_owned(),
            kind: self.kind,
            size,
            snapshot: String::new(),
            import,
        };
        let Some((bucket, object)) = self.file else {
            let size = self.size.ok_or_else(|| bad_size(self.kind, "a blank disk needs one"))?;
            return Ok(disk(size, None));
        };
        let format = self.format(object)?;
        let file = usable_bucket(state, bucket, region)?.objects.get(object).ok_or_else(|| {
            let message = format!("The specified OSSObject \"{object}\" does not exist in \"{bucket}\".");
            failure(400, "InvalidOSSObject.NotFound", message)
        })?;
        if file.is_archived() {
            return Err(needs_restore(bucket, object));
        }
        if file.size == 0 {
            let message = format!("The specified OSSObject \"{object}\" is empty.");
            return Err(failure(400, "InvalidOSSObject.Size", message));
        }
        let needed = file.gib();
        let size = self.size.unwrap_or(needed);
        if size < needed {
            return Err(bad_size(self.kind, &format!("the object \"{object}\" needs {needed} GiB")));
        }
        if size > 2048 {
            return Err(bad_size(self.kind, &format!("the object \"{object}\" has more than 2048 GiB")));
        }
        let import = Import { bucket: bucket.to_owned(), object: object.to_owned(), format };
        Ok(disk(size, Some(import)))
    }

    /// The format as it is reported: never in the case in which it was sent.
    fn format(&self, object: &str) -> Result<String, Failure> {
        let suffix = object.rsplit_once('.').map(|(_, suffix)| suffix.to_ascii_uppercase());
        let detected = suffix.filter(|suffix| FORMATS.contains(&suffix.as_str()));
        let sent = self.format.map(str::to_ascii_uppercase);
        let format = match (&sent, &detected) {
            (Some(sent), Some(detected)) if sent != detected => {
                return Err(bad_format(403, &format!("the object \"{object}\" is not readable as such")));
            }
            (None, None) => {
                let message = format!("The suffix of the specified OSSObject \"{object}\" is not supported.");
                return Err(failure(400, "UnsupportedSuffix.OSSObject", message));
            }
            (Some(format), _) | (None, Some(format)) => format,
        };
        if format == "VMDK" {
            return Err(not_invited());
        }
        match self.format {
            Some(sent) if sent != format => Ok(format.clone()),
            Some(_) | None => Ok(format.to_ascii_lowercase()),
        }
    }
}

fn check_names(bucket: &str, object: &str) -> Result<(), Failure> {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let is_good = (3..=63).contains(&bucket.len())
        && bucket.starts_with(is_plain)
        && bucket.ends_with(is_plain)
        && bucket.chars().all(|c| is_plain(c) || c == '-');
    if !is_good {
        let message = format!("The specified OSSBucket \"{bucket}\" is not valid.");
        return Err(failure(400, "InvalidOSSBucket.Malformed", message));
    }
    if object.len() > 1023 || object.starts_with(['/', '\\']) {
        let message = format!("The specified OSSObject \"{object}\" is not valid.");
        return Err(failure(400, "InvalidOSSObject.Malformed", message));
    }
    Ok(())
}

fn bad_device(device: &str, why: &str) -> Failure {
    let message = format!("The specified Device \"{device}\" is not valid: {why}.");
    failure(403, "InvalidParameter.Malformed", message)
}

fn bad_format(status: u16, why: &str) -> Failure {
    failure(status, "InvalidImageFormat.Malformed", format!("The specified Format is not valid: {why}."))
}

fn bad_size(kind: DiskKind, why: &str) -> Failure {
    let code = match kind {
        DiskKind::System => "InvalidImageSize",
        DiskKind::Data => "InvalidDataDiskSize",
    };
    failure(400, code, format!("The specified DiskImageSize is not valid: {why}."))
}

fn not_invited() -> Failure {
    failure(403, "UserNotInTheWhiteList", "The account is not allowed to import files of the format VMDK.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ecs::tests::Cloud;
    use crate::fault::Fault;
    use crate::state::bucket::{GIB, Object};

    const FILE: [(&str, &str); 2] =
        [("DiskDeviceMapping.1.OSSBucket", "b-images"), ("DiskDeviceMapping.1.OSSObject", "disk.raw")];

    fn with<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
        [&FILE, more].concat()
    }

    /// The image and the task.
    #[track_caller]
    fn import(cloud: &mut Cloud, more: &[(&str, &str)]) -> (String, String) {
        let answer = cloud.ok("ImportImage", &with(more));
        let id = |name: &str| answer[name].as_str().expect("an id").to_owned();
        (id("ImageId"), id("TaskId"))
    }

    #[track_caller]
    fn refused(more: &[(&str, &str)], expect: (u16, &str)) {
        let mut cloud = Cloud::new();
        cloud.refused("ImportImage", &with(more), expect);
        assert!(cloud.state.region("cn-hangzhou", 0).tasks.is_empty());
    }

    fn task(cloud: &mut Cloud, id: &str) -> Value {
        cloud.ok("DescribeTaskAttribute", &[("TaskId", id)])
    }

    fn first_disk(cloud: &mut Cloud, id: &str) -> Value {
        cloud.describe(id)["DiskDeviceMappings"]["DiskDeviceMapping"][0].clone()
    }

    #[test]
    fn an_image_is_available_a_moment_after_its_task_is_finished() {
        let mut cloud = Cloud::new();
        let (image, task_id) = import(&mut cloud, &[]);
        let start = cloud.now;
        for (after, status, progress, image_status, usable) in [
            (750, "Processing", "50%", "Creating", false),
            (1_499, "Processing", "99%", "Creating", false),
            (1_500, "Finished", "100%", "Creating", false),
            (2_000, "Finished", "100%", "Available", false),
            (2_500, "Finished", "100%", "Available", true),
        ] {
            cloud.now = start + after;
            let (task, seen) = (task(&mut cloud, &task_id), cloud.describe(&image));
            assert_eq!((&task["TaskStatus"], &task["TaskProcess"]), (&json!(status), &json!(progress)));
            assert_eq!((&seen["Status"], &seen["Usable"]), (&json!(image_status), &json!(usable)), "{after}");
        }
    }

    #[test]
    fn with_no_time_to_take_an_import_is_done_at_once() {
        let mut cloud = Cloud::new();
        cloud.options.image_ready_after = std::time::Duration::ZERO;
        let (image, task_id) = import(&mut cloud, &[]);
        assert_eq!(task(&mut cloud, &task_id)["TaskStatus"], "Finished");
        assert_eq!(cloud.describe(&image)["Usable"], true);
    }

    #[test]
    fn what_was_asked_for_is_what_there_is() {
        let mut cloud = Cloud::new();
        let (image, _) = import(
            &mut cloud,
            &[
                ("ImageName", "imported"),
                ("Description", "of a file"),
                ("Architecture", "arm64"),
                ("Platform", "Ubuntu"),
                ("LicenseType", "BYOL"),
                ("Features.NvmeSupport", "supported"),
                ("Features.ImdsSupport", "v2"),
                ("ResourceGroupId", "rg-other"),
                ("Tag.1.Key", "a"),
                ("DiskDeviceMapping.1.Format", "RAW"),
                ("DiskDeviceMapping.1.DiskImageSize", "40"),
                ("DiskDeviceMapping.2.OSSBucket", "b-images-cn-hangzhou"),
                ("DiskDeviceMapping.2.OSSObject", "disk.qcow2"),
                ("DiskDeviceMapping.2.Format", "qcow2"),
                ("DiskDeviceMapping.2.Device", "/dev/xvdz"),
                ("DiskDeviceMapping.3.DiskImSize", "7"),
            ],
        );
        cloud.now += 10_000;
        let seen = cloud.describe(&image);
        for (name, expect) in [
            ("ImageName", "imported"),
            ("Description", "of a file"),
            ("Architecture", "arm64"),
            ("Platform", "Ubuntu"),
            ("OSType", "linux"),
            ("BootMode", "UEFI"),
            ("LicenseType", "BYOL"),
            ("ResourceGroupId", "rg-other"),
            ("Status", "Available"),
        ] {
            assert_eq!(seen[name], expect, "{name}");
        }
        assert_eq!(seen["Features"], json!({"NvmeSupport": "supported", "ImdsSupport": "v2"}));
        assert_eq!(seen["IsCopied"], false);
        let disks = seen["DiskDeviceMappings"]["DiskDeviceMapping"].as_array().expect("a list");
        let members = ["Device", "Type", "Size", "Format", "ImportOSSBucket", "ImportOSSObject"];
        let seen: Vec<Vec<&str>> = disks
            .iter()
            .map(|disk| members.map(|member| disk[member].as_str().expect("a text")).to_vec())
            .collect();
        let expect = [
            ["/dev/xvda", "system", "40", "raw", "b-images", "disk.raw"],
            ["/dev/xvdz", "data", "2", "QCOW2", "b-images-cn-hangzhou", "disk.qcow2"],
            ["/dev/xvdb", "data", "7", "", "", ""],
        ];
        assert_eq!(seen, expect.map(|disk| disk.to_vec()));
    }

    #[test]
    fn a_disk_has_the_size_of_its_object_unless_more_is_asked_for() {
        let mut cloud = Cloud::new();
        let (image, _) = import(&mut cloud, &[]);
        cloud.now += 1_000;
        let disk = first_disk(&mut cloud, &image);
        assert_eq!(
            (&disk["Size"], &disk["Format"], &disk["Progress"]),
            (&json!("5"), &json!("raw"), &json!("50%"))
        );
        refused(&[("DiskDeviceMapping.1.DiskImageSize", "4")], (400, "InvalidImageSize"));
        refused(&[("DiskDeviceMapping.1.DiskImageSize", "0")], (400, "InvalidImageSize"));
        refused(&[("DiskDeviceMapping.1.DiskImageSize", "2049")], (400, "InvalidImageSize"));
        refused(&[("DiskDeviceMapping.2.DiskImageSize", "2049")], (400, "InvalidDataDiskSize"));
        refused(&[("DiskDeviceMapping.2.Device", "/dev/xvdb")], (400, "InvalidDataDiskSize"));
    }

    #[test]
    fn a_replay_answers_both_ids() {
        let mut cloud = Cloud::new();
        let token = [("ClientToken", "t"), ("ImageName", "one")];
        let made = import(&mut cloud, &token);
        assert_eq!(import(&mut cloud, &token), made);
        cloud.now += 10_000;
        cloud.ok("DeleteImage", &[("ImageId", &made.0)]);
        assert_eq!(import(&mut cloud, &token), made);
        let other = with(&[("ClientToken", "t"), ("ImageName", "two")]);
        cloud.refused("ImportImage", &other, (400, "IdempotenceParamNotMatch"));
        refused(&[("ClientToken", &"x".repeat(65))], (400, "InvalidClientToken.Malformed"));
    }

    #[test]
    fn a_fault_makes_the_task_say_why_and_the_image_fail() {
        let mut cloud = Cloud::new();
        cloud.fault = Some(Fault::on("ImportImage").fail_later());
        let (image, task_id) = import(&mut cloud, &[]);
        cloud.fault = Some(Fault::on("ImportImage").fail_later().code("X").message("because"));
        let (_, other) = import(&mut cloud, &[]);
        cloud.fault = None;
        cloud.now += 1_500;
        let failed = task(&mut cloud, &task_id);
        assert_eq!((&failed["TaskStatus"], &failed["FailedCount"]), (&json!("Failed"), &json!(1)));
        let operation = &failed["OperationProgressSet"]["OperationProgress"][0];
        assert_eq!(
            (&operation["ErrorCode"], &operation["OperationStatus"]),
            (&json!("ImportImageFailed"), &json!("Failed"))
        );
        assert_eq!(cloud.describe(&image)["Status"], "Creating");
        let operation = &task(&mut cloud, &other)["OperationProgressSet"]["OperationProgress"][0];
        assert_eq!((&operation["ErrorCode"], &operation["ErrorMsg"]), (&json!("X"), &json!("because")));
        cloud.now += 500;
        assert_eq!(cloud.describe(&image)["Status"], "CreateFailed");
        cloud.ok("DeleteImage", &[("ImageId", &image)]);
    }

    #[test]
    fn an_image_being_imported_cannot_be_deleted() {
        let mut cloud = Cloud::new();
        let (image, _) = import(&mut cloud, &[]);
        cloud.refused("DeleteImage", &[("ImageId", &image), ("Force", "true")], (403, "ImageIsImporting"));
        cloud.now += 1_999;
        cloud.refused("DeleteImage", &[("ImageId", &image)], (403, "ImageIsImporting"));
        cloud.now += 1;
        let snapshot = first_disk(&mut cloud, &image)["SnapshotId"].as_str().expect("an id").to_owned();
        cloud.refused("DeleteSnapshot", &[("SnapshotId", &snapshot)], (403, "SnapshotCreatedImage"));
        cloud.ok("DeleteImage", &[("ImageId", &image)]);
        cloud.ok("DeleteSnapshot", &[("SnapshotId", &snapshot)]);
        assert!(cloud.state.bucket("b-images").expect("there").objects.contains_key("disk.raw"));
    }

    #[test]
    fn a_copy_tells_nothing_of_files() {
        let mut cloud = Cloud::new();
        let (image, _) = import(&mut cloud, &[]);
        cloud.now += 10_000;
        let there = [("DestinationRegionId", "eu-central-1"), ("ImageId", image.as_str())];
        let copy = cloud.ok("CopyImage", &there)["ImageId"].as_str().expect("an id").to_owned();
        cloud.now += 1_000;
        let params = [("RegionId", "eu-central-1"), ("ImageId", copy.as_str()), ("Status", "ALL")];
        let seen = cloud.ok("DescribeImages", &params)["Images"]["Image"][0].clone();
        let disk = &seen["DiskDeviceMappings"]["DiskDeviceMapping"][0];
        assert_eq!((&disk["ImportOSSBucket"], &disk["Format"]), (&json!(""), &json!("")));
        cloud.refused("DeleteImage", &params[..2], (403, "OperationDenied.ImageCopying"));
    }

    #[test]
    fn disks_beyond_seventeen_are_ignored() {
        let numbers: Vec<(String, String)> = (2..=18)
            .map(|number| (format!("DiskDeviceMapping.{number}.DiskImageSize"), format!("{number}")))
            .collect();
        let disks: Vec<(&str, &str)> = numbers.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
        let mut cloud = Cloud::new();
        let (image, _) = import(&mut cloud, &disks);
        cloud.now += 10_000;
        let disks = cloud.describe(&image)["DiskDeviceMappings"]["DiskDeviceMapping"].clone();
        assert_eq!(disks.as_array().map(Vec::len), Some(17));
    }

    #[test]
    fn values_out_of_their_sets_are_refused() {
        for (name, value, status, code) in [
            ("ImageName", "http://x", 400, "InvalidImageName.Malformed"),
            ("Description", "x", 400, "InvalidDescription.Malformed"),
            ("Architecture", "sparc", 400, "InvalidArchitecture.Malformed"),
            ("Platform", "BeOS", 400, "InvalidPlatform.Malformed"),
            ("OSType", "os2", 400, "InvalidOSType.Malformed"),
            ("BootMode", "LILO", 400, "InvalidBootMode.Malformed"),
            ("LicenseType", "Free", 400, "InvalidLicenseType.NotSupported"),
            ("DetectionStrategy", "Nonstandard", 400, "InvalidParameter.DetectionStrategy"),
            ("Features.ImdsSupport", "v3", 400, "InvalidParameter.FeaturesImdsSupport"),
            ("Features.NvmeSupport", "maybe", 400, "InvalidParameter"),
            ("StorageLocationArn", "arn:acs:cloudbox:x", 403, "InvalidStorageLocation.NotFound"),
            ("ResourceGroupId", "rg-none", 404, "InvalidResourceGroup.NotFound"),
            ("RoleName", "missing-role", 403, "NoSetRoletoECSServiceAcount"),
            ("RegionId", "cn-nowhere", 400, "InvalidRegionId.NotFound"),
            ("DryRun", "true", 400, "DRYRUN.SUCCESS"),
            ("DiskDeviceMapping.1.Format", "ISO", 400, "InvalidImageFormat.Malformed"),
            ("DiskDeviceMapping.1.Format", "VHD", 403, "InvalidImageFormat.Malformed"),
            ("DiskDeviceMapping.1.Format", "VMDK", 403, "UserNotInTheWhiteList"),
            ("DiskDeviceMapping.1.Device", "/dev/xvdb", 403, "InvalidParameter.Malformed"),
            ("DiskDeviceMapping.1.OSSBucket", "B", 400, "InvalidOSSBucket.Malformed"),
            ("DiskDeviceMapping.1.OSSBucket", "nobodys", 400, "InvalidOSSBucket.NotFound"),
            ("DiskDeviceMapping.1.OSSBucket", "b-images-eu-central-1", 400, "InvalidOSSBucket.NotFound"),
            ("DiskDeviceMapping.1.OSSObject", "/disk.raw", 400, "InvalidOSSObject.Malformed"),
            ("DiskDeviceMapping.1.OSSObject", "other.raw", 400, "InvalidOSSObject.NotFound"),
            ("DiskDeviceMapping.1.OSSObject", "disk.vmdk", 403, "UserNotInTheWhiteList"),
            ("DiskDeviceMapping.1.OSSObject", "disk.raw.tar.gz", 400, "UnsupportedSuffix.OSSObject"),
            ("DiskDeviceMapping.1.OSSObject", "disk", 400, "UnsupportedSuffix.OSSObject"),
            ("DiskDeviceMapping.1.OSSBucket", "", 400, "MissingParameter"),
            ("DiskDeviceMapping.1.OSSObject", "", 400, "MissingParameter"),
            ("DiskDeviceMapping.2.OSSObject", "disk.raw", 400, "MissingParameter"),
        ] {
            refused(&[(name, value)], (status, code));
        }
        let windows = ("OSType", "windows");
        refused(&[windows, ("Architecture", "arm64")], (403, "InvalidArchitecture.PlatformUnsupported"));
        refused(&[windows, ("DetectionStrategy", "Standard")], (403, "ImageCheckUnsupported.WindowsImage"));
        refused(&[("Architecture", "arm64"), ("BootMode", "BIOS")], (400, "InvalidBootMode.NotSupport"));
        refused(&[("Tag.1.Key", "a"), ("Tag.2.Key", "A")], (403, "TagKey.Duplication"));
        Cloud::new().refused("ImportImage", &[], (403, "MissingParameter.DiskDeviceMapping"));
        let mut cloud = Cloud::new();
        cloud.image("taken");
        cloud.refused("ImportImage", &with(&[("ImageName", "taken")]), (400, "InvalidImageName.Duplicated"));
    }

    #[track_caller]
    fn refused_file(object: Object, expect: (u16, &str)) {
        let mut cloud = Cloud::new();
        cloud.state.bucket("b-images").expect("there").objects.insert("disk.raw".to_owned(), object);
        cloud.refused("ImportImage", &FILE, expect);
    }

    #[test]
    fn the_object_must_be_there_to_be_read() {
        let archived = Object { class: "Archive".to_owned(), ..Object::of_size(1, 0) };
        refused_file(archived, (400, "InvalidOSSObject.NeedRestore"));
        refused_file(Object::of_size(0, 0), (400, "InvalidOSSObject.Size"));
        refused_file(Object::of_size(2_049 * GIB, 0), (400, "InvalidImageSize"));
        let mut cloud = Cloud::new();
        cloud.state.bucket("b-images").expect("there").forbidden = true;
        cloud.refused("ImportImage", &FILE, (403, "InvalidOSS.NotAuthorized"));
        let bucket = cloud.state.bucket("b-images").expect("there");
        (bucket.forbidden, bucket.encrypted) = (false, true);
        cloud.refused("ImportImage", &FILE, (403, "InvalidOSSBucket.EncryptUnsupported"));
    }

    #[test]
    fn an_object_without_a_suffix_needs_a_format() {
        let mut cloud = Cloud::new();
        let file = Object::of_size(1, 0);
        cloud.state.bucket("b-images").expect("there").objects.insert("disk".to_owned(), file);
        let more = [("DiskDeviceMapping.1.OSSObject", "disk"), ("DiskDeviceMapping.1.Format", "VHD")];
        let (image, _) = import(&mut cloud, &more);
        cloud.now += 1_000;
        assert_eq!(first_disk(&mut cloud, &image)["Format"], "vhd");
    }
}
