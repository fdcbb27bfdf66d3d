//! What a program says of an image, with the users' documentation, and what the shared steps need to know of it.

use std::collections::BTreeMap;

use aliyun::ecs::Image as Described;
use pulumi::value::quote;
use pulumi::{Input, known};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ecs::images::attributes::Attributes;
use crate::ecs::images::disks::{self, ImageDiskDeviceMapping};
use crate::ecs::images::features::ImageFeatures;
use crate::ecs::images::inputs::{Inputs, Options, names_or_none};

/// What a program says of an image.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ImageArgs {
    /// The processor architecture: `i386`, `x86_64` (the cloud's default) or `arm64`. Only meaningful if a data disk's
    /// snapshot becomes the system disk. A change replaces the image.
    #[schemars(extend("enum" = ["i386", "x86_64", "arm64"], "default" = "x86_64", "x-replace" = true))]
    pub(crate) architecture: Option<Input<String>>,

    /// How instances made from the image start: `BIOS`, `UEFI` or `UEFI-Preferred`. The cloud refuses a change while
    /// instances use the image. Once set it cannot be cleared, only changed.
    #[schemars(extend("enum" = ["BIOS", "UEFI", "UEFI-Preferred"], "x-always-reported" = true))]
    pub(crate) boot_mode: Option<Input<String>>,

    /// Whether deleting the image also deletes the snapshots that its disk device mappings name. Takes effect at deletion
    /// only; snapshots that could not be deleted are reported. Default: `false`.
    #[schemars(extend("x-unreported" = true))]
    pub(crate) delete_auto_snapshot: Option<Input<bool>>,

    /// What the image is for, in 2 to 256 characters that do not start with `http://` or `https://`.
    #[schemars(length(min = 2, max = 256))]
    pub(crate) description: Option<Input<String>>,

    /// Checks the new image against the cloud's requirements: `Standard`. Takes effect at creation only, so a later
    /// change is recorded and does nothing. Without it there is no check.
    #[schemars(extend("enum" = ["Standard"], "x-unreported" = true))]
    pub(crate) detection_strategy: Option<Input<String>>,

    /// The disks of the image, 1 to 17 of them, at most one of which is the system disk: one of the three sources of an
    /// image, beside `instanceId` and `snapshotId`. A change replaces the image.
    #[schemars(length(min = 1, max = 17), extend("x-replace" = true, "x-always-reported" = true))]
    pub(crate) disk_device_mappings: Option<Input<Vec<Input<ImageDiskDeviceMapping>>>>,

    /// What instances made from the image can do.
    #[schemars(extend("x-always-reported" = true))]
    pub(crate) features: Option<Input<ImageFeatures>>,

    /// Deletes the image also while instances use it. Takes effect at deletion only. Default: `false`.
    #[schemars(extend("x-unreported" = true))]
    pub(crate) force: Option<Input<bool>>,

    /// The image family that the image belongs to: 2 to 128 characters, the first a letter, the others letters, digits,
    /// `.`, `:`, `_` or `-`; it may not start with `aliyun` or `acs:` nor contain `http://` or `https://`.
    #[schemars(length(min = 2, max = 128))]
    pub(crate) image_family: Option<Input<String>>,

    /// The name, unique for the account in its region: 2 to 128 characters, the first a letter, the others letters,
    /// digits, `.`, `:`, `_` or `-`; it may not start with `aliyun` or `acs:` nor contain `http://` or `https://`. If it
    /// is left out, the resource's name followed by `-` and seven random hexadecimal digits.
    #[schemars(length(min = 2, max = 128), extend("x-always-reported" = true))]
    pub(crate) image_name: Option<Input<String>>,

    /// The version of the image, 1 to 40 characters. A change replaces the image.
    #[schemars(length(min = 1, max = 40), extend("x-replace" = true))]
    pub(crate) image_version: Option<Input<String>>,

    /// The instance whose disks become the image; it must be running or stopped. One of the three sources of an image,
    /// beside `snapshotId` and `diskDeviceMappings`. A change replaces the image.
    #[schemars(length(min = 1), extend("x-replace" = true, "x-unreported" = true))]
    pub(crate) instance_id: Option<Input<String>>,

    /// How the operating system is licensed: `Auto`, `Aliyun` or `BYOL`. Once set it cannot be cleared, only changed.
    #[schemars(extend("enum" = ["Auto", "Aliyun", "BYOL"]))]
    pub(crate) license_type: Option<Input<String>>,

    /// The old name of `imageName`.
    #[schemars(extend(
        "x-alias-of" = "imageName",
        "x-deprecated" = "Field `name` has been deprecated since version 1.69.0 of the Terraform provider. Use `imageName` instead.",
        "x-always-reported" = true
    ))]
    pub(crate) name: Option<Input<String>>,

    /// The operating system's distribution. Known today: `Aliyun`, `Anolis`, `CentOS`, `Ubuntu`, `CoreOS`, `SUSE`,
    /// `Debian`, `OpenSUSE`, `FreeBSD`, `RedHat`, `Kylin`, `UOS`, `Fedora`, `Fedora CoreOS`, `CentOS Stream`, `AlmaLinux`,
    /// `Rocky Linux`, `Gentoo`, `Customized Linux`, `Others Linux`, `Windows Server 2022`, `Windows Server 2019`,
    /// `Windows Server 2016`, `Windows Server 2012`, `Windows Server 2008`, `Windows Server 2003`, `Other Windows`; another
    /// value is sent as it is, with a warning. If it is left out, that of the source. A change replaces the image.
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

    /// The snapshot of a system disk that becomes the image; it must be from 16 July 2013 or later. One of the three sources
    /// of an image, beside `instanceId` and `diskDeviceMappings`. A change replaces the image.
    #[schemars(length(min = 1), extend("x-replace" = true, "x-unreported" = true))]
    pub(crate) snapshot_id: Option<Input<String>>,

    /// `Available` or `Deprecated`. A deprecated image stays usable by its id, but its family and default look-ups pass over
    /// it, so `Deprecated` takes an image out of its family and `Available` puts it back. The cloud deprecates only an image
    /// that is shared with nobody. If it is left out, the image keeps the status that it has. As an output it is what the
    /// cloud reports, which can also be `Creating`, `Waiting`, `UnAvailable` or `CreateFailed`.
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

impl ImageArgs {
    /// The snapshot of the image's system disk, if the cloud reports one.
    fn system_snapshot(&self) -> Option<&str> {
        let is_system = |mapping: &&ImageDiskDeviceMapping| match known(&mapping.disk_type) {
            Some(disk_type) => disk_type == "system",
            None => known(&mapping.device).is_some_and(|device| device == "/dev/xvda"),
        };
        let mut mappings = known(&self.disk_device_mappings)?.iter().filter_map(Input::known);
        let system = mappings.find(is_system)?;
        known(&system.snapshot_id).map(String::as_str).filter(|snapshot| !snapshot.is_empty())
    }
}

/// What the cloud reports of an image that no program can say of it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ImageOutputs {
    /// `linux` or `windows`.
    pub(crate) os_type: Option<String>,
}

impl Inputs for ImageArgs {
    type Outputs = ImageOutputs;

    const LATE: &'static [&'static str] = &["licenseType", "features.nvmeSupport", "status"];
    const RECORDED: &'static [&'static str] = &["deleteAutoSnapshot", "detectionStrategy", "force"];
    const SOURCES: &'static [&'static str] = &["instanceId", "snapshotId"];

    fn attributes_with(&self, unknown: Option<&str>) -> Attributes {
        let text = |value: &Option<Input<String>>| match value {
            Some(Input::Known(text)) => Some(text.clone()),
            Some(Input::Unknown) => unknown.map(str::to_owned),
            None => None,
        };
        let feature = |of: fn(&ImageFeatures) -> &Option<Input<String>>| match &self.features {
            Some(Input::Known(features)) => text(of(features)),
            Some(Input::Unknown) => unknown.map(str::to_owned),
            None => None,
        };
        Attributes {
            name: text(&self.image_name),
            family: text(&self.image_family),
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
            family,
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
        self.image_family = text(family);
        self.description = text(description);
        self.boot_mode = text(boot_mode);
        self.license_type = text(license_type);
        self.features = has_features
            .then(|| Input::Known(ImageFeatures { imds_support: text(imds), nvme_support: text(nvme) }));
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

    fn sources(&self) -> Vec<String> {
        let mut sources = disks::snapshots(&self.disk_device_mappings);
        sources.extend(known(&self.snapshot_id).cloned());
        sources
    }

    fn snapshots(&self, _outputs: &ImageOutputs) -> Vec<String> {
        disks::snapshots(&self.disk_device_mappings)
    }

    /// An imported image can have been made of whatever does not contradict its system disk.
    fn source_taken_on_trust(
        &self,
        source: &str,
        state: &Self,
        olds: &Self,
        adopted: bool,
    ) -> Option<String> {
        let mut olds = olds.clone();
        olds.keep_sources(state);
        let source_known = olds.instance_id.is_some() || olds.snapshot_id.is_some();
        if source_known || !adopted {
            return None;
        }
        if source == "instanceId" {
            return known(&self.instance_id).map(|instance| quote(instance));
        }
        let snapshot = known(&self.snapshot_id)?;
        let contradicted = state.system_snapshot().is_some_and(|system| system != snapshot);
        (!contradicted).then(|| quote(snapshot))
    }

    fn keep_sources(&mut self, known: &Self) {
        self.instance_id = self.instance_id.take().or_else(|| known.instance_id.clone());
        self.snapshot_id = self.snapshot_id.take().or_else(|| known.snapshot_id.clone());
    }

    fn record(&mut self, given: &Self) {
        self.delete_auto_snapshot = given.delete_auto_snapshot.clone();
        self.detection_strategy = given.detection_strategy.clone();
        self.force = given.force.clone();
    }

    fn reported(seen: &Described, given: &Self) -> Self {
        let text = |value: &Option<String>| value.clone().map(Input::Known);
        let mut reported = ImageArgs {
            architecture: text(&seen.architecture),
            disk_device_mappings: Some(Input::Known(disks::seen(seen))),
            features: seen.features.as_ref().map(|_| Input::Known(ImageFeatures::default())),
            image_version: text(&seen.image_version),
            instance_id: given.instance_id.clone(),
            platform: text(&seen.platform),
            snapshot_id: given.snapshot_id.clone(),
            ..ImageArgs::default()
        };
        reported.record(given);
        reported.set_attributes(Attributes::seen(seen));
        reported
    }

    fn outputs(seen: &Described) -> ImageOutputs {
        ImageOutputs { os_type: seen.os_type.clone() }
    }

    fn of_unseen(&self) -> Self {
        ImageArgs { filled_in: None, ..self.clone() }
    }

    fn adopted(reported: &Self) -> Self {
        let given = |value: &Option<Input<String>>| {
            value.clone().filter(|value| value.known().is_some_and(|text| !text.is_empty()))
        };
        let mappings = known(&reported.disk_device_mappings).map(|mappings| {
            let inputs = mappings.iter().filter_map(Input::known).map(|mapping| {
                Input::Known(ImageDiskDeviceMapping {
                    device: given(&mapping.device),
                    disk_type: given(&mapping.disk_type),
                    size: mapping.size.clone(),
                    snapshot_id: given(&mapping.snapshot_id),
                    ..ImageDiskDeviceMapping::default()
                })
            });
            Input::Known(inputs.collect())
        });
        let mut adopted = ImageArgs {
            architecture: given(&reported.architecture),
            disk_device_mappings: mappings,
            features: reported.features.clone(),
            image_version: given(&reported.image_version),
            platform: given(&reported.platform),
            ..ImageArgs::default()
        };
        adopted.set_attributes(reported.attributes().adopted());
        adopted
    }
}
