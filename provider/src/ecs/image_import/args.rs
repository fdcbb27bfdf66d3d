//! What a program says of an import, with the users' documentation, what the cloud reports beside that, and what the shared
//! steps need to know of it.

use std::collections::BTreeMap;

use aliyun::ecs::{Image as Described, ImageDiskDeviceMapping as Disk};
use pulumi::{Input, known};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ecs::image_import::refusal::{self, Asked};
use crate::ecs::images::attributes::Attributes;
use crate::ecs::images::inputs::{Inputs, MadeBy, Options, names_or_none};

/// What a program says of an import.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["diskDeviceMappings"]))]
pub(crate) struct ImageImportArgs {
    /// The processor architecture: `i386`, `x86_64` (the cloud's default) or `arm64`. A change replaces the image.
    #[schemars(extend("enum" = ["i386", "x86_64", "arm64"], "default" = "x86_64", "x-replace" = true))]
    pub(crate) architecture: Option<Input<String>>,

    /// How instances made from the image start: `BIOS` or `UEFI`; an image for `arm64` starts by `UEFI` only. The cloud refuses
    /// a change while instances use the image. Once set it cannot be cleared, only changed.
    #[schemars(extend("enum" = ["BIOS", "UEFI"], "x-always-reported" = true))]
    pub(crate) boot_mode: Option<Input<String>>,

    /// Whether deleting the image also deletes the snapshots of its disks. Takes effect at deletion only; snapshots that could
    /// not be deleted are reported. Default: `false`.
    #[schemars(extend("x-unreported" = true))]
    pub(crate) delete_auto_snapshot: Option<Input<bool>>,

    /// What the image is for, in 2 to 256 characters that do not start with `http://` or `https://`.
    #[schemars(length(min = 2, max = 256))]
    pub(crate) description: Option<Input<String>>,

    /// Checks the new image against the cloud's requirements: `Standard`. Takes effect at creation only, so a later
    /// change is recorded and does nothing. Without it there is no check.
    #[schemars(extend("enum" = ["Standard"], "x-unreported" = true))]
    pub(crate) detection_strategy: Option<Input<String>>,

    /// The files that become the disks of the image, 1 to 17 of them: the first one is the system disk, the others are data
    /// disks. A change replaces the image.
    #[schemars(length(min = 1, max = 17), extend("x-replace" = true, "x-always-reported" = true))]
    pub(crate) disk_device_mappings: Option<Input<Vec<Input<ImageImportDiskDeviceMapping>>>>,

    /// What instances made from the image can do.
    #[schemars(extend("x-always-reported" = true))]
    pub(crate) features: Option<Input<ImageImportFeatures>>,

    /// Deletes the image also while instances use it. Takes effect at deletion only. Default: `false`.
    #[schemars(extend("x-unreported" = true))]
    pub(crate) force: Option<Input<bool>>,

    /// The name, unique for the account in its region: 2 to 128 characters, the first a letter, the others letters,
    /// digits, `.`, `:`, `_` or `-`; it may not start with `aliyun` or `acs:` nor contain `http://` or `https://`. If it
    /// is left out, the resource's name followed by `-` and seven random hexadecimal digits.
    #[schemars(length(min = 2, max = 128), extend("x-always-reported" = true))]
    pub(crate) image_name: Option<Input<String>>,

    /// How the operating system is licensed: `Auto` (the cloud's default), `Aliyun` or `BYOL`. Once set it cannot be cleared,
    /// only changed.
    #[schemars(extend("enum" = ["Auto", "Aliyun", "BYOL"]))]
    pub(crate) license_type: Option<Input<String>>,

    /// The operating system: `linux` (the cloud's default) or `windows`. A change replaces the image.
    #[schemars(extend("enum" = ["linux", "windows"], "default" = "linux", "x-replace" = true))]
    pub(crate) os_type: Option<Input<String>>,

    /// The operating system's distribution. Known today: `Aliyun`, `Anolis`, `CentOS`, `Ubuntu`, `CoreOS`, `SUSE`,
    /// `Debian`, `OpenSUSE`, `FreeBSD`, `RedHat`, `Kylin`, `UOS`, `Fedora`, `Fedora CoreOS`, `CentOS Stream`, `AlmaLinux`,
    /// `Rocky Linux`, `Gentoo`, `Customized Linux`, `Others Linux`, `Windows Server 2022`, `Windows Server 2019`,
    /// `Windows Server 2016`, `Windows Server 2012`, `Windows Server 2008`, `Windows Server 2003`, `Other Windows`; another
    /// value is sent as it is, with a warning. If it is left out, the cloud takes `Others Linux`. A change replaces the image.
    #[schemars(extend(
        "x-known-values" = [
            "Aliyun", "Anolis", "CentOS", "Ubuntu", "CoreOS", "SUSE", "Debian", "OpenSUSE", "FreeBSD", "RedHat", "Kylin",
            "UOS", "Fedora", "Fedora CoreOS", "CentOS Stream", "AlmaLinux", "Rocky Linux", "Gentoo", "Customized Linux",
            "Others Linux", "Windows Server 2022", "Windows Server 2019", "Windows Server 2016", "Windows Server 2012",
            "Windows Server 2008", "Windows Server 2003", "Other Windows"
        ],
        "x-replace" = true,
        "x-always-reported" = true
    ))]
    #[schemars(length(min = 1))]
    pub(crate) platform: Option<Input<String>>,

    /// The resource group that the image belongs to. Once set it cannot be cleared, only changed.
    #[schemars(length(min = 1), extend("x-always-reported" = true))]
    pub(crate) resource_group_id: Option<Input<String>>,

    /// The RAM role by which ECS reads the bucket. Takes effect at creation only, so a later change is recorded and does
    /// nothing. If it is left out, the cloud takes `AliyunECSImageImportDefaultRole`, which must have been granted once for the
    /// account.
    #[schemars(length(min = 1), extend("x-unreported" = true))]
    pub(crate) role_name: Option<Input<String>>,

    /// `Available` or `Deprecated`. A deprecated image stays usable by its id, but its family and default look-ups pass over
    /// it. The cloud deprecates only an image that is shared with nobody. If it is left out, the image keeps the status that it
    /// has. As an output it is what the cloud reports, which can also be `Waiting`, `Creating`, `UnAvailable` or
    /// `CreateFailed`.
    #[schemars(extend("enum" = ["Available", "Deprecated"], "x-always-reported" = true))]
    pub(crate) status: Option<Input<String>>,

    /// Up to 20 tags. A key has 1 to 128 characters and may not start with `aliyun` or `acs:`, a value has up to 128 and
    /// may not start with `acs:`; neither may contain `http://` or `https://`. Numbers and booleans become their text.
    #[schemars(extend("maxProperties" = 20, "x-scalars-as-text" = true))]
    pub(crate) tags: Option<Input<BTreeMap<String, Input<String>>>>,

    /// The inputs that the program does not give and Check has filled in, as engines keep them between calls.
    #[serde(
        rename = "__defaults",
        deserialize_with = "names_or_none",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(skip)]
    pub(crate) filled_in: Option<Vec<String>>,
}

/// A file in OSS that becomes a disk of an image.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-token" = "alicloud:ecs/ImageImportDiskDeviceMapping:ImageImportDiskDeviceMapping"))]
pub(crate) struct ImageImportDiskDeviceMapping {
    /// The device name, `/dev/xvda` to `/dev/xvdz`. The cloud is retiring it: better leave it out.
    pub(crate) device: Option<Input<String>>,

    /// The size of the disk in GiB, 1 to 2048, and not less than the file needs; if it is left out, what the file needs. As an
    /// output it is the size that the disk has.
    #[schemars(range(min = 1, max = 2048))]
    pub(crate) disk_image_size: Option<Input<i64>>,

    /// Whether it is the `system` disk or a `data` disk, reported by the cloud.
    #[schemars(extend("x-output-only" = true))]
    pub(crate) disk_type: Option<Input<String>>,

    /// The format of the file: `RAW`, `VHD`, `QCOW2` or, by invitation of the cloud, `VMDK`, in whatever case. If it is left
    /// out, the cloud finds out.
    #[schemars(extend("x-ignores-case" = true))]
    pub(crate) format: Option<Input<String>>,

    /// The bucket that the file is in. It must be in the provider's region. The system disk needs a file; a data disk
    /// without one is blank.
    #[schemars(length(min = 1), extend("x-absence-says" = true))]
    pub(crate) oss_bucket: Option<Input<String>>,

    /// The file: an object of the bucket.
    #[schemars(length(min = 1), extend("x-absence-says" = true))]
    pub(crate) oss_object: Option<Input<String>>,

    /// The snapshot of the disk, reported by the cloud.
    #[schemars(extend("x-output-only" = true))]
    pub(crate) snapshot_id: Option<Input<String>>,

    /// What the published provider has filled in, as it notes it in its states.
    #[serde(
        rename = "__defaults",
        deserialize_with = "names_or_none",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(skip)]
    pub(crate) filled_in: Option<Vec<String>>,
}

/// What instances made from an imported image can do.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-token" = "alicloud:ecs/ImageImportFeatures:ImageImportFeatures"))]
pub(crate) struct ImageImportFeatures {
    /// Which access modes of the instance metadata service instances are made with: `v1` (normal and security hardening) or
    /// `v2` (security hardening only). The cloud never goes back from `v2` to `v1`.
    #[schemars(extend("enum" = ["v1", "v2"]))]
    pub(crate) imds_support: Option<Input<String>>,

    /// Whether instances can use NVMe disks: `supported` or `unsupported`.
    #[schemars(extend("enum" = ["supported", "unsupported"]))]
    pub(crate) nvme_support: Option<Input<String>>,
}

/// What the cloud reports of an imported image that no program can say of it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ImageImportOutputs {
    /// The image family that the image belongs to.
    pub(crate) image_family: Option<String>,

    /// The version of the image.
    pub(crate) image_version: Option<String>,

    /// The task that has imported the image. It is not known of an image that this provider has not imported itself.
    pub(crate) task_id: Option<String>,
}

impl ImageImportArgs {
    /// The disks that are known.
    pub(crate) fn disks(&self) -> impl Iterator<Item = &ImageImportDiskDeviceMapping> {
        known(&self.disk_device_mappings).into_iter().flatten().filter_map(Input::known)
    }
}

impl ImageImportDiskDeviceMapping {
    /// As DescribeImages shows it. A format that the program writes in another case stays in that.
    fn seen(disk: &Disk, given: Option<&ImageImportDiskDeviceMapping>) -> ImageImportDiskDeviceMapping {
        let text = |value: &Option<String>| value.clone().map(Input::Known);
        let written = given.and_then(|given| known(&given.format)).filter(|written| {
            disk.format.as_ref().is_some_and(|format| format.eq_ignore_ascii_case(written))
        });
        ImageImportDiskDeviceMapping {
            device: text(&disk.device),
            disk_image_size: disk.size.map(Input::Known),
            disk_type: text(&disk.disk_type),
            format: written.cloned().map(Input::Known).or_else(|| text(&disk.format)),
            oss_bucket: text(&disk.import_oss_bucket),
            oss_object: text(&disk.import_oss_object),
            snapshot_id: text(&disk.snapshot_id),
            filled_in: None,
        }
    }

    /// Whether both are about one file.
    fn is_of(&self, disk: &Disk) -> bool {
        disk.import_oss_object.is_some()
            && known(&self.oss_object) == disk.import_oss_object.as_ref()
            && known(&self.oss_bucket) == disk.import_oss_bucket.as_ref()
    }
}

impl Inputs for ImageImportArgs {
    type Outputs = ImageImportOutputs;

    const LATE: &'static [&'static str] = &["status"];
    const RECORDED: &'static [&'static str] =
        &["deleteAutoSnapshot", "detectionStrategy", "force", "roleName"];
    const SOURCES: &'static [&'static str] = &[];
    const MADE_BY: MadeBy = MadeBy::Import;

    fn attributes_with(&self, unknown: Option<&str>) -> Attributes {
        let text = |value: &Option<Input<String>>| match value {
            Some(Input::Known(text)) => Some(text.clone()),
            Some(Input::Unknown) => unknown.map(str::to_owned),
            None => None,
        };
        let feature = |of: fn(&ImageImportFeatures) -> &Option<Input<String>>| match &self.features {
            Some(Input::Known(features)) => text(of(features)),
            Some(Input::Unknown) => unknown.map(str::to_owned),
            None => None,
        };
        Attributes {
            name: text(&self.image_name),
            family: None,
            description: text(&self.description),
            boot_mode: text(&self.boot_mode),
            license_type: text(&self.license_type),
            imds: feature(|features| &features.imds_support),
            nvme: feature(|features| &features.nvme_support),
            resource_group: text(&self.resource_group_id),
            status: text(&self.status),
            tags: known(&self.tags).map(|tags| {
                tags.iter().filter_map(|(key, value)| Some((key.clone(), value.known()?.clone()))).collect()
            }),
        }
    }

    fn tags(&self) -> Option<&BTreeMap<String, Input<String>>> {
        known(&self.tags)
    }

    fn set_attributes(&mut self, attributes: Attributes) {
        let Attributes {
            name,
            family: _,
            description,
            boot_mode,
            license_type,
            imds,
            nvme,
            resource_group,
            status,
            tags,
        } = attributes;
        let text = |value: Option<String>| value.map(Input::Known);
        let has_features = imds.is_some() || nvme.is_some() || matches!(self.features, Some(Input::Known(_)));
        self.image_name = text(name);
        self.description = text(description);
        self.boot_mode = text(boot_mode);
        self.license_type = text(license_type);
        self.features = has_features.then(|| {
            Input::Known(ImageImportFeatures { imds_support: text(imds), nvme_support: text(nvme) })
        });
        self.resource_group_id = text(resource_group);
        self.status = text(status);
        self.tags = tags.map(|tags| {
            Input::Known(tags.into_iter().map(|(key, value)| (key, Input::Known(value))).collect())
        });
    }

    fn is_filled_in(&self, property: &str) -> bool {
        self.filled_in.iter().flatten().any(|name| name == property)
    }

    fn options(&self) -> Options {
        Options {
            force: known(&self.force).copied(),
            delete_auto_snapshot: known(&self.delete_auto_snapshot).copied(),
        }
    }

    /// The snapshots of an imported image are its own.
    fn sources(&self) -> Vec<String> {
        Vec::new()
    }

    fn snapshots(&self, _outputs: &ImageImportOutputs) -> Vec<String> {
        self.disks().filter_map(|disk| known(&disk.snapshot_id)).cloned().collect()
    }

    fn source_taken_on_trust(
        &self,
        _source: &str,
        _state: &Self,
        _olds: &Self,
        _adopted: bool,
    ) -> Option<String> {
        None
    }

    /// The cloud reports what an image was imported from.
    fn keep_sources(&mut self, _known: &Self) {}

    fn record(&mut self, given: &Self) {
        self.delete_auto_snapshot.clone_from(&given.delete_auto_snapshot);
        self.detection_strategy.clone_from(&given.detection_strategy);
        self.force.clone_from(&given.force);
        self.role_name.clone_from(&given.role_name);
    }

    fn reported(seen: &Described, given: &Self) -> Self {
        let text = |value: &Option<String>| value.clone().map(Input::Known);
        let disks = seen.disk_device_mappings.iter().map(|disk| {
            let given = given.disks().find(|given| given.is_of(disk));
            Input::Known(ImageImportDiskDeviceMapping::seen(disk, given))
        });
        let mut reported = ImageImportArgs {
            architecture: text(&seen.architecture),
            disk_device_mappings: Some(Input::Known(disks.collect())),
            features: seen.features.as_ref().map(|_| Input::Known(ImageImportFeatures::default())),
            os_type: text(&seen.os_type),
            platform: text(&seen.platform),
            ..ImageImportArgs::default()
        };
        reported.record(given);
        reported.set_attributes(Attributes::seen(seen));
        reported
    }

    fn outputs(seen: &Described) -> ImageImportOutputs {
        ImageImportOutputs {
            image_family: seen.image_family.clone(),
            image_version: seen.image_version.clone(),
            task_id: None,
        }
    }

    fn name_task(outputs: &mut ImageImportOutputs, task: &str) {
        outputs.task_id = Some(task.to_owned());
    }

    fn doubt(seen: &Described) -> Option<&'static str> {
        (!is_from_oss(seen)).then_some("was not imported from OSS")
    }

    fn advice(&self, code: &str, region: &str) -> Option<String> {
        let files =
            self.disks().filter_map(|disk| match (known(&disk.oss_bucket), known(&disk.oss_object)) {
                (None, None) => None,
                (bucket, object) => {
                    Some((bucket.map_or("?", String::as_str), object.map_or("?", String::as_str)))
                }
            });
        let role = known(&self.role_name).map(String::as_str);
        refusal::advice(code, &Asked { files: files.collect(), role, region })
    }

    fn of_unseen(&self) -> Self {
        ImageImportArgs { filled_in: None, ..self.clone() }
    }

    fn adopted(reported: &Self) -> Self {
        let given = |value: &Option<Input<String>>| {
            value.clone().filter(|value| value.known().is_some_and(|text| !text.is_empty()))
        };
        let disks = reported.disks().map(|disk| {
            Input::Known(ImageImportDiskDeviceMapping {
                device: given(&disk.device),
                disk_image_size: disk.disk_image_size.clone(),
                oss_bucket: given(&disk.oss_bucket),
                oss_object: given(&disk.oss_object),
                ..ImageImportDiskDeviceMapping::default()
            })
        });
        let mut adopted = ImageImportArgs {
            architecture: given(&reported.architecture),
            disk_device_mappings: Some(Input::Known(disks.collect())),
            features: reported.features.clone(),
            os_type: given(&reported.os_type),
            platform: given(&reported.platform),
            ..ImageImportArgs::default()
        };
        adopted.set_attributes(reported.attributes().adopted());
        adopted
    }
}

/// Whether the cloud reports of an image that it was imported.
pub(crate) fn is_from_oss(seen: &Described) -> bool {
    seen.disk_device_mappings
        .iter()
        .any(|disk| disk.import_oss_bucket.as_ref().is_some_and(|bucket| !bucket.is_empty()))
}
