//! What DescribeImages reports, as a state and as inputs, and what a state keeps besides.

use std::collections::{BTreeMap, BTreeSet};

use aliyun::ecs::Image as Described;
use pulumi::{Input, known};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ecs::image::{ImageArgs, ImageDiskDeviceMapping, ImageFeatures, ImageState};
use crate::ecs::image_rules::RESERVED_PREFIXES;
use crate::ecs::image_unfinished::is_unfinished;
use crate::ecs::image_wait::is_usable;

/// What a state keeps that no cloud reports and no user reads.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct Kept {
    /// Of this state alone, so that two entries with one id can be told apart.
    #[serde(rename = "__mark", skip_serializing_if = "Option::is_none")]
    pub(crate) mark: Option<String>,

    /// The name that the image bears until the last call of its create, which has not been made.
    #[serde(rename = "__unfinished", skip_serializing_if = "Option::is_none")]
    pub(crate) unfinished: Option<String>,

    /// An import filled in the inputs: what the image was made from is not known.
    #[serde(rename = "__imported", skip_serializing_if = "Option::is_none")]
    pub(crate) imported: Option<bool>,

    /// The keys of tags that a program gave before an update that went half way.
    #[serde(rename = "__givenTags", skip_serializing_if = "Option::is_none")]
    pub(crate) given_tags: Option<Vec<String>>,
}

/// The inputs of a resource as the cloud now has them. What the program does not give is not invented; what is gone in the
/// cloud stays as an empty text, so that it is remembered as given. What the image was made of cannot change, but the cloud
/// has its own words for it, so it stays in the program's.
pub(crate) fn refreshed_args(old: ImageArgs, state: &ImageState) -> ImageArgs {
    let text = |old: Option<Input<String>>, now: &Option<Input<String>>| {
        old.map(|_| Input::Known(known(now).cloned().unwrap_or_default()))
    };
    // What a stack does not know, it does not report either, not even as an empty text.
    let newer =
        |old: Option<Input<String>>, now: &Option<Input<String>>| old.map(|old| now.clone().unwrap_or(old));
    let now = &state.args;
    ImageArgs {
        boot_mode: reported(old.boot_mode, &now.boot_mode),
        description: text(old.description, &now.description),
        features: old.features.map(|features| match (features, known(&now.features)) {
            (Input::Known(features), Some(now)) => Input::Known(ImageFeatures {
                imds_support: reported(features.imds_support, &now.imds_support),
                nvme_support: reported(features.nvme_support, &now.nvme_support),
            }),
            (features, _) => features,
        }),
        image_family: newer(old.image_family, &now.image_family),
        // The name of an image that is not finished is nobody's drift, nor one that the cloud has not forgotten yet.
        image_name: match known(&now.image_name).is_some_and(|name| is_unfinished(name)) {
            true => old.image_name,
            false => reported(old.image_name, &now.image_name),
        },
        license_type: match known(&old.license_type).is_some_and(|license| license == AUTO) {
            true => old.license_type,
            false => reported(old.license_type, &now.license_type),
        },
        resource_group_id: reported(old.resource_group_id, &now.resource_group_id),
        tags: old.tags.map(|_| now.tags.clone().unwrap_or(Input::Known(BTreeMap::new()))),
        ..old
    }
}

/// What the cloud reports in place of what the program gave; where the cloud reports nothing, what the program gave.
fn reported(old: Option<Input<String>>, now: &Option<Input<String>>) -> Option<Input<String>> {
    let now = known(now).filter(|now| !now.is_empty()).cloned();
    old.map(|old| now.map_or(old, Input::Known))
}

/// The inputs of an image that no program has described yet. Only what a program may say is said.
pub(crate) fn imported_args(state: &ImageState) -> ImageArgs {
    let given = |value: &Option<Input<String>>| {
        value.clone().filter(|value| value.known().is_some_and(|text| !text.is_empty()))
    };
    let now = &state.args;
    let mappings = known(&now.disk_device_mappings).map(|mappings| {
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
    ImageArgs {
        architecture: given(&now.architecture),
        boot_mode: given(&now.boot_mode),
        description: given(&now.description),
        disk_device_mappings: mappings,
        features: now.features.clone(),
        image_family: given(&now.image_family),
        image_name: given(&now.image_name),
        image_version: given(&now.image_version),
        license_type: given(&now.license_type),
        platform: given(&now.platform),
        resource_group_id: given(&now.resource_group_id),
        tags: now.tags.clone().filter(|tags| tags.known().is_some_and(|tags| !tags.is_empty())),
        ..ImageArgs::default()
    }
}

/// The state of an image of which nothing is known but what was asked for.
pub(crate) fn unseen_state(args: &ImageArgs, region: &str, kept: Kept) -> ImageState {
    let args = ImageArgs { filled_in: None, ..args.clone() };
    ImageState { args, region_id: Some(region.to_owned()), kept, ..ImageState::default() }
}

/// The state of an image: what the cloud reports, and of `args` what it never does.
pub(crate) fn state_of(seen: &Described, args: &ImageArgs, region: &str, kept: Kept) -> ImageState {
    let text = |value: &Option<String>| value.clone().map(Input::Known);
    let tags: BTreeMap<String, Input<String>> = seen
        .tags
        .iter()
        .filter(|tag| !RESERVED_PREFIXES.iter().any(|prefix| tag.key.starts_with(prefix)))
        .map(|tag| (tag.key.clone(), Input::Known(tag.value.clone())))
        .collect();
    let mappings = seen.disk_device_mappings.iter().map(|mapping| {
        Input::Known(ImageDiskDeviceMapping {
            device: text(&mapping.device),
            disk_type: text(&mapping.disk_type),
            format: text(&mapping.format),
            import_oss_bucket: text(&mapping.import_oss_bucket),
            import_oss_object: text(&mapping.import_oss_object),
            progress: text(&mapping.progress),
            remain_time: mapping.remain_time.map(Input::Known),
            size: mapping.size.map(Input::Known),
            snapshot_id: text(&mapping.snapshot_id),
        })
    });
    ImageState {
        args: ImageArgs {
            architecture: text(&seen.architecture),
            boot_mode: text(&seen.boot_mode),
            delete_auto_snapshot: args.delete_auto_snapshot.clone(),
            description: text(&seen.description),
            detection_strategy: args.detection_strategy.clone(),
            disk_device_mappings: Some(Input::Known(mappings.collect())),
            features: seen.features.as_ref().map(|features| {
                Input::Known(ImageFeatures {
                    imds_support: text(&features.imds_support),
                    nvme_support: text(&features.nvme_support),
                })
            }),
            force: args.force.clone(),
            image_family: text(&seen.image_family),
            image_name: text(&seen.image_name),
            image_version: text(&seen.image_version),
            instance_id: args.instance_id.clone(),
            license_type: text(&seen.license_type),
            name: None,
            platform: text(&seen.platform),
            resource_group_id: text(&seen.resource_group_id),
            snapshot_id: args.snapshot_id.clone(),
            tags: Some(Input::Known(tags)),
            filled_in: None,
        },
        create_time: seen.creation_time.clone(),
        image_owner_alias: seen.image_owner_alias.clone(),
        is_copied: seen.is_copied,
        is_self_shared: seen.is_self_shared.clone(),
        is_subscribed: seen.is_subscribed,
        is_support_cloudinit: seen.is_support_cloudinit,
        is_support_io_optimized: seen.is_support_io_optimized,
        os_name: seen.os_name.clone(),
        os_name_en: seen.os_name_en.clone(),
        os_type: seen.os_type.clone(),
        product_code: seen.product_code.clone(),
        progress: seen.progress.clone(),
        region_id: Some(region.to_owned()),
        size: seen.size,
        status: seen.status.clone(),
        usable: Some(is_usable(seen)),
        kept,
    }
}

/// The license type that any other one satisfies.
pub(crate) const AUTO: &str = "Auto";

/// What the cloud reports of a property, compared with what the program says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// The same.
    Shown,
    /// Something else.
    Missing,
    /// Nothing at all: a property may be reported only once it has been set, or never.
    Silent,
}

/// Whether the cloud reports of a property what the program says. `given` are the keys of the tags that the program has
/// given so far; tags of others are none of its business.
pub(crate) fn effect(
    property: &str,
    args: &ImageArgs,
    state: &ImageState,
    given: &BTreeSet<String>,
) -> Effect {
    let now = &state.args;
    let silent = match property {
        "licenseType" => now.license_type.is_none(),
        "bootMode" => now.boot_mode.is_none(),
        "imageFamily" => now.image_family.is_none(),
        "features" => match (known(&args.features), known(&now.features)) {
            (Some(_), None) => true,
            (Some(wanted), Some(now)) => {
                let silent = |wanted: &Option<Input<String>>, now: &Option<Input<String>>| {
                    known(wanted).is_some() && now.is_none()
                };
                silent(&wanted.imds_support, &now.imds_support)
                    || silent(&wanted.nvme_support, &now.nvme_support)
            }
            (None, _) => false,
        },
        _ => false,
    };
    match (is_shown(property, args, state, given), silent) {
        (false, _) => Effect::Missing,
        (true, true) => Effect::Silent,
        (true, false) => Effect::Shown,
    }
}

/// As [`effect`]. What the cloud does not report at all counts as shown.
fn is_shown(property: &str, args: &ImageArgs, state: &ImageState, given: &BTreeSet<String>) -> bool {
    let now = &state.args;
    let same = |wanted: &Option<Input<String>>, now: &Option<Input<String>>| match (known(wanted), known(now))
    {
        (Some(wanted), Some(now)) => wanted == now,
        (Some(wanted), None) => wanted.is_empty(),
        (None, _) => true,
    };
    let cleared = |wanted: &Option<Input<String>>, now: &Option<Input<String>>| {
        same(wanted, now) && (wanted.is_some() || known(now).is_none_or(String::is_empty))
    };
    match property {
        "imageName" => same(&args.image_name, &now.image_name),
        "imageFamily" => now.image_family.is_none() || cleared(&args.image_family, &now.image_family),
        "description" => cleared(&args.description, &now.description),
        "bootMode" => now.boot_mode.is_none() || same(&args.boot_mode, &now.boot_mode),
        "licenseType" => {
            now.license_type.is_none()
                || known(&args.license_type).is_some_and(|license| license == AUTO)
                || same(&args.license_type, &now.license_type)
        }
        "resourceGroupId" => same(&args.resource_group_id, &now.resource_group_id),
        "tags" => {
            let (none, wanted) = (BTreeMap::new(), known(&args.tags));
            let (wanted, now) = (wanted.unwrap_or(&none), known(&now.tags).unwrap_or(&none));
            wanted.iter().all(|(key, value)| now.get(key) == Some(value))
                && given.iter().all(|key| wanted.contains_key(key) || !now.contains_key(key))
        }
        "features" => match (known(&args.features), known(&now.features)) {
            (Some(wanted), Some(now)) => {
                (now.imds_support.is_none() || same(&wanted.imds_support, &now.imds_support))
                    && (now.nvme_support.is_none() || same(&wanted.nvme_support, &now.nvme_support))
            }
            _ => true,
        },
        _ => true,
    }
}
