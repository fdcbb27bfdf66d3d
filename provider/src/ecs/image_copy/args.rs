//! What a program says of a copy, with the users' documentation, what the cloud reports beside that, and what the shared steps
//! need to know of it.

use std::collections::BTreeMap;

use aliyun::ecs::Image as Described;
use pulumi::value::quote;
use pulumi::{Input, known};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ecs::images::attributes::Attributes;
use crate::ecs::images::disks::{self, ImageDiskDeviceMapping};
use crate::ecs::images::features::ImageFeatures;
use crate::ecs::images::inputs::{Inputs, MadeBy, Options, names_or_none};

/// What a program says of a copy.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["sourceImageId", "sourceRegionId"]))]
pub(crate) struct ImageCopyArgs {
    /// Whether deleting the copy also deletes the snapshots of its disks. Takes effect at deletion only; snapshots that could
    /// not be deleted are reported. Default: `false`.
    #[schemars(extend("x-unreported" = true))]
    pub(crate) delete_auto_snapshot: Option<Input<bool>>,

    /// What the copy is for, in 2 to 256 characters that do not start with `http://` or `https://`.
    #[schemars(length(min = 2, max = 256))]
    pub(crate) description: Option<Input<String>>,

    /// Whether the copy is encrypted. If it is left out, nothing is said, and the account's setting for the region of the copy
    /// decides. A change replaces the copy.
    #[schemars(extend("x-replace" = true, "x-unreported" = true))]
    pub(crate) encrypted: Option<Input<bool>>,

    /// Deletes the copy also while instances use it. Takes effect at deletion only. Default: `false`.
    #[schemars(extend("x-unreported" = true))]
    pub(crate) force: Option<Input<bool>>,

    /// The name of the copy, unique for the account in the region of the copy: 2 to 128 characters, the first a letter, the
    /// others letters, digits, `.`, `:`, `_` or `-`; it may not start with `aliyun` or `acs:` nor contain `http://` or
    /// `https://`. If it is left out, the resource's name followed by `-` and seven random hexadecimal digits.
    #[schemars(length(min = 2, max = 128), extend("x-always-reported" = true))]
    pub(crate) image_name: Option<Input<String>>,

    /// The key of the Key Management Service, in the region of the copy, that encrypts it. Needs `encrypted: true`. A change
    /// replaces the copy.
    #[schemars(length(min = 1), extend("x-replace" = true, "x-unreported" = true))]
    pub(crate) kms_key_id: Option<Input<String>>,

    /// The old name of `imageName`.
    #[schemars(extend(
        "x-alias-of" = "imageName",
        "x-deprecated" = "Attribute 'name' has been deprecated from version 1.69.0. Use `imageName` instead.",
        "x-always-reported" = true
    ))]
    pub(crate) name: Option<Input<String>>,

    /// The resource group that the copy belongs to; it does not take over that of its source. Once set it cannot be cleared,
    /// only changed.
    #[schemars(length(min = 1), extend("x-always-reported" = true))]
    pub(crate) resource_group_id: Option<Input<String>>,

    /// The image to copy. It must be `Available` in `sourceRegionId`; one that is still being made there is waited for. The
    /// cloud does not report what a copy was made of, so that a deleted source changes nothing. A change replaces the copy.
    #[schemars(
        length(min = 1),
        extend("x-replace" = true, "x-unreported" = true, "x-always-reported" = true)
    )]
    pub(crate) source_image_id: Option<Input<String>>,

    /// The region of the image to copy, such as `cn-hangzhou`. The copy is made in the provider's region. A change replaces the
    /// copy.
    #[schemars(
        length(min = 1),
        extend("x-replace" = true, "x-unreported" = true, "x-always-reported" = true)
    )]
    pub(crate) source_region_id: Option<Input<String>>,

    /// `Available` or `Deprecated`. A deprecated image stays usable by its id, but its family and default look-ups pass over
    /// it. The cloud deprecates only an image that is shared with nobody. If it is left out, the copy keeps the status that it
    /// has. As an output it is what the cloud reports, which can also be `Waiting` (as many copies as a region makes at a time
    /// are under way before this one), `Creating`, `UnAvailable` or `CreateFailed`.
    #[schemars(extend("enum" = ["Available", "Deprecated"], "x-always-reported" = true))]
    pub(crate) status: Option<Input<String>>,

    /// Up to 20 tags; a copy does not take over those of its source. A key has 1 to 128 characters and may not start with
    /// `aliyun` or `acs:`, a value has up to 128 and may not start with `acs:`; neither may contain `http://` or `https://`.
    /// Numbers and booleans become their text.
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

/// What the cloud reports of a copy that comes from its source, or that no program can say of a copy.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ImageCopyOutputs {
    /// The processor architecture: `i386`, `x86_64` or `arm64`.
    pub(crate) architecture: Option<String>,

    /// How instances made from the copy start: `BIOS`, `UEFI` or `UEFI-Preferred`.
    pub(crate) boot_mode: Option<String>,

    /// The disks of the copy, with its own snapshots. While it is being made, how far each has come.
    #[schemars(extend("x-always-reported" = true))]
    pub(crate) disk_device_mappings: Option<Input<Vec<Input<ImageDiskDeviceMapping>>>>,

    /// What instances made from the copy can do.
    pub(crate) features: Option<ImageFeatures>,

    /// The image family that the copy belongs to; it does not take over that of its source.
    pub(crate) image_family: Option<String>,

    /// The version of the image.
    pub(crate) image_version: Option<String>,

    /// How the operating system is licensed.
    pub(crate) license_type: Option<String>,

    /// `linux` or `windows`.
    pub(crate) os_type: Option<String>,

    /// The operating system's distribution.
    pub(crate) platform: Option<String>,
}

impl Inputs for ImageCopyArgs {
    type Outputs = ImageCopyOutputs;

    const LATE: &'static [&'static str] = &["status"];
    const RECORDED: &'static [&'static str] = &["deleteAutoSnapshot", "force"];
    const SOURCES: &'static [&'static str] = &["encrypted", "kmsKeyId", "sourceImageId", "sourceRegionId"];
    const MADE_BY: MadeBy = MadeBy::Copy;

    fn attributes_with(&self, unknown: Option<&str>) -> Attributes {
        let text = |value: &Option<Input<String>>| match value {
            Some(Input::Known(text)) => Some(text.clone()),
            Some(Input::Unknown) => unknown.map(str::to_owned),
            None => None,
        };
        Attributes {
            name: text(&self.image_name),
            description: text(&self.description),
            resource_group: text(&self.resource_group_id),
            status: text(&self.status),
            tags: known(&self.tags).map(|tags| {
                tags.iter().filter_map(|(key, value)| Some((key.clone(), value.known()?.clone()))).collect()
            }),
            ..Attributes::default()
        }
    }

    fn tags(&self) -> Option<&BTreeMap<String, Input<String>>> {
        known(&self.tags)
    }

    fn set_attributes(&mut self, attributes: Attributes) {
        let Attributes { name, description, resource_group, status, tags, .. } = attributes;
        let text = |value: Option<String>| value.map(Input::Known);
        self.image_name = text(name);
        self.description = text(description);
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

    /// The snapshots of a copy are its own.
    fn sources(&self) -> Vec<String> {
        Vec::new()
    }

    fn snapshots(&self, outputs: &ImageCopyOutputs) -> Vec<String> {
        disks::snapshots(&outputs.disk_device_mappings)
    }

    /// No copy is made without its source, so that only an import can have left it open: ours, or another provider's, which
    /// leaves no sign of it.
    fn source_taken_on_trust(
        &self,
        source: &str,
        state: &Self,
        olds: &Self,
        adopted: bool,
    ) -> Option<String> {
        let mut olds = olds.clone();
        olds.keep_sources(state);
        let unsaid = |old: &Option<Input<String>>| known(old).is_none_or(String::is_empty);
        let text = |value: &Option<Input<String>>| shown(value, |text| quote(text));
        match source {
            "sourceImageId" if unsaid(&olds.source_image_id) => text(&self.source_image_id),
            "sourceRegionId" if unsaid(&olds.source_region_id) => text(&self.source_region_id),
            "kmsKeyId" if adopted && unsaid(&olds.kms_key_id) => text(&self.kms_key_id),
            "encrypted" if adopted && olds.encrypted.is_none() => shown(&self.encrypted, bool::to_string),
            _ => None,
        }
    }

    fn keep_sources(&mut self, known: &Self) {
        self.encrypted = self.encrypted.take().or(known.encrypted.clone());
        self.kms_key_id = self.kms_key_id.take().or_else(|| known.kms_key_id.clone());
        self.source_image_id = self.source_image_id.take().or_else(|| known.source_image_id.clone());
        self.source_region_id = self.source_region_id.take().or_else(|| known.source_region_id.clone());
    }

    fn record(&mut self, given: &Self) {
        self.delete_auto_snapshot.clone_from(&given.delete_auto_snapshot);
        self.encrypted.clone_from(&given.encrypted);
        self.force.clone_from(&given.force);
        self.kms_key_id.clone_from(&given.kms_key_id);
        self.source_image_id.clone_from(&given.source_image_id);
        self.source_region_id.clone_from(&given.source_region_id);
    }

    fn reported(seen: &Described, given: &Self) -> Self {
        let mut reported = ImageCopyArgs::default();
        reported.record(given);
        reported.set_attributes(Attributes::seen(seen));
        reported
    }

    fn outputs(seen: &Described) -> ImageCopyOutputs {
        ImageCopyOutputs {
            architecture: seen.architecture.clone(),
            boot_mode: seen.boot_mode.clone(),
            disk_device_mappings: Some(Input::Known(disks::seen(seen))),
            features: seen.features.as_ref().map(ImageFeatures::seen),
            image_family: seen.image_family.clone(),
            image_version: seen.image_version.clone(),
            license_type: seen.license_type.clone(),
            os_type: seen.os_type.clone(),
            platform: seen.platform.clone(),
        }
    }

    fn doubt(seen: &Described) -> Option<&'static str> {
        (seen.is_copied == Some(false)).then_some("is no copy of another")
    }

    fn of_unseen(&self) -> Self {
        ImageCopyArgs { filled_in: None, ..self.clone() }
    }

    fn adopted(reported: &Self) -> Self {
        let mut adopted = ImageCopyArgs {
            source_image_id: reported.source_image_id.clone(),
            source_region_id: reported.source_region_id.clone(),
            ..ImageCopyArgs::default()
        };
        adopted.set_attributes(reported.attributes().adopted());
        adopted
    }
}

/// A value that is given, for a message.
fn shown<T>(value: &Option<Input<T>>, text: impl Fn(&T) -> String) -> Option<String> {
    value.as_ref().map(|value| value.known().map_or_else(|| "(not known yet)".to_owned(), text))
}
