//! What images are looked for: the arguments with the users' documentation, what is sent of them, and what of a refusal is
//! about which one.

use std::collections::BTreeMap;

use aliyun::ecs::{DescribeImagesRequest, Status};
use pulumi::path::Path;
use pulumi::value::quote;
use pulumi::{Failure, Findings, Input, known};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ecs::get_images::name_regex;
use crate::ecs::images::filters;
use crate::failure;

pub(super) const TAGS: &str = "tags";

/// Declares the arguments, and their echo in the result.
macro_rules! inputs {
    ($(
        $(#[doc = $about:literal])*
        $(#[schemars($($schema:tt)*)])*
        $field:ident: $given:ty => $echoed:ty,
    )*) => {
        /// Which images.
        #[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
        #[serde(rename_all = "camelCase", default)]
        pub(crate) struct GetImagesArgs {
            $(
                $(#[doc = $about])*
                $(#[schemars($($schema)*)])*
                pub(crate) $field: Option<Input<$given>>,
            )*
        }

        /// The arguments, as they were given or are taken for granted.
        #[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
        #[serde(rename_all = "camelCase")]
        pub(crate) struct GetImagesInputs {
            $(
                $(#[doc = $about])*
                pub(crate) $field: Option<$echoed>,
            )*
        }
    };
}

inputs! {
    /// What the image is to be used for: `CreateEcs`, a new instance (the cloud's default), or `ChangeOS`, another system
    /// disk of an instance.
    action_type: String => String,

    /// The processor architecture: `i386`, `x86_64` or `arm64`.
    #[schemars(extend("enum" = ["i386", "x86_64", "arm64"]))]
    architecture: String => String,

    /// Only has the cloud check the other arguments: no image is found, and one that the cloud refuses is an error.
    dry_run: bool => bool,

    /// The family that the image belongs to.
    image_family: String => String,

    /// The image's id.
    image_id: String => String,

    /// A part of the image's name.
    image_name: String => String,

    /// The number of the account that owns the image. Only for images that others share, `owners: others`.
    image_owner_id: String => String,

    /// The instance type that is to be able to use the image, such as `ecs.g7.large`.
    instance_type: String => String,

    /// Whether cloud-init runs in the image. `false` finds those in which it does not run.
    is_support_cloud_init: bool => bool,

    /// Whether I/O optimized instances can use the image. `false` finds those that they cannot use.
    is_support_io_optimized: bool => bool,

    /// Only the newest of the images that match, by the time at which they were created. Default: `false`.
    most_recent: bool => bool,

    /// A regular expression that is to match a part of the image's name, in the syntax of Go's package `regexp` (RE2). An
    /// image without a name never matches.
    name_regex: String => String,

    /// The kind of the operating system: `linux` or `windows`.
    #[schemars(extend("enum" = ["linux", "windows"]))]
    os_type: String => String,

    /// A file to which the images are written as JSON, in place of what is there. A relative path begins in the program's
    /// folder; it is written in previews as well.
    output_file: String => String,

    /// Whose image it is: `system` (the cloud's), `self`, `others` (shared with the account) or `marketplace`. Without it, or
    /// if it is empty, the cloud takes all but the marketplace's.
    #[schemars(extend("enum" = ["system", "self", "others", "marketplace", ""]))]
    owners: String => String,

    /// The resource group that the image belongs to. The cloud finds 1000 images of it at most.
    resource_group_id: String => String,

    /// The snapshot that the image was made from.
    snapshot_id: String => String,

    /// The state: one or several of `Available`, `Creating`, `Waiting`, `UnAvailable`, `CreateFailed` and `Deprecated`, with
    /// commas between them, or `ALL`. Default: `Available`.
    status: String => String,

    /// Up to 20 tags, all of which the image carries. The cloud finds 1000 such images at most. Numbers and booleans become
    /// their text.
    #[schemars(extend("maxProperties" = 20, "x-scalars-as-text" = true))]
    tags: BTreeMap<String, Input<String>> => BTreeMap<String, String>,

    /// `instance` for images that instances have been made from, `none` for the others.
    #[schemars(extend("enum" = ["instance", "none"]))]
    usage: String => String,
}

/// The beginnings of the codes by which the cloud refuses an argument, the argument, and what to do.
const REFUSALS: [(&str, &str, &str); 15] = [
    ("InvalidImageOwnerAlias", "owners", "The owners are system, self, others and marketplace."),
    (
        "InvalidOperation.ImageOwnerIdUnsupported",
        "imageOwnerId",
        "Only images that others share have an owner to be named: give owners: others with it.",
    ),
    ("InvalidImageOwnerId", "imageOwnerId", "Give the account's number."),
    ("InvalidInstanceType", "instanceType", "Give an instance type of this region, such as ecs.g7.large."),
    ("InvalidUsage", "usage", "Give instance or none."),
    ("InvalidOSType", "osType", "Give linux or windows."),
    ("InvalidArchitecture", "architecture", "This cloud may know fewer architectures than others do."),
    ("InvalidActionType", "actionType", "Give CreateEcs or ChangeOS."),
    ("InvalidTag", TAGS, "Give at most 20 tags, each with a key and a value."),
    ("InvalidStatus", "status", "This cloud may know fewer states than others do."),
    ("InvalidResourceGroup", "resourceGroupId", "Give a resource group of this account."),
    ("InvalidSnapshotId", "snapshotId", "Give a snapshot of this region."),
    ("InvalidImageId", "imageId", "Give an image's id."),
    ("InvalidImageName", "imageName", "Give a part of an image's name."),
    ("InvalidImageFamily", "imageFamily", "Give a family's name."),
];

impl GetImagesArgs {
    /// Checks what the declaration cannot express.
    pub(super) fn check(&self, findings: &mut Findings) {
        let mut check =
            |property: &str, value: &Option<Input<String>>, of: &dyn Fn(&str) -> Result<(), String>| {
                if let Some(Err(reason)) = filters::text(value).map(|text| of(&text)) {
                    findings.fail(Path::property(property), reason);
                }
            };
        check("nameRegex", &self.name_regex, &|text| {
            name_regex::compile(text).map(drop).map_err(|reason| format!("{} {reason}", quote(text)))
        });
        check("status", &self.status, &|text| filters::states(text).map(drop));
        check("imageOwnerId", &self.image_owner_id, &|text| match text.bytes().all(|c| c.is_ascii_digit()) {
            true => Ok(()),
            false => {
                Err(format!("must be the number of an account, which is of digits only, got {}", quote(text)))
            }
        });
        check("actionType", &self.action_type, &|text| match text {
            "CreateEcs" | "ChangeOS" | CREATE_OS => Ok(()),
            other => Err(format!("must be one of \"CreateEcs\", \"ChangeOS\", got {}", quote(other))),
        });
        if known(&self.action_type).is_some_and(|text| text == CREATE_OS) {
            let reason = "is no value that the cloud documents, and is sent as it is: for another system disk give \
                          \"ChangeOS\"";
            findings.warn_got(Path::property("actionType"), reason, quote(CREATE_OS));
        }
        filters::check_tags(&self.tags, findings);
    }

    /// What is sent of them.
    ///
    /// # Errors
    /// What is wrong with `status`.
    pub(super) fn query(&self) -> Result<DescribeImagesRequest, String> {
        let status =
            filters::text(&self.status).map_or(Ok(Status::Available), |text| filters::states(&text))?;
        Ok(DescribeImagesRequest {
            image_id: filters::text(&self.image_id),
            status,
            image_name: filters::text(&self.image_name),
            image_family: filters::text(&self.image_family),
            image_owner_alias: filters::text(&self.owners),
            image_owner_id: filters::text(&self.image_owner_id),
            architecture: filters::text(&self.architecture),
            os_type: filters::text(&self.os_type),
            usage: filters::text(&self.usage),
            action_type: filters::text(&self.action_type),
            instance_type: filters::text(&self.instance_type),
            is_support_cloudinit: known(&self.is_support_cloud_init).copied(),
            is_support_io_optimized: known(&self.is_support_io_optimized).copied(),
            dry_run: known(&self.dry_run).copied(),
            snapshot_id: filters::text(&self.snapshot_id),
            resource_group_id: filters::text(&self.resource_group_id),
            tags: filters::tags(&self.tags),
            page_number: None,
            page_size: None,
        })
    }

    /// The failure by an answer of the cloud. An argument that was refused is named, with what to do.
    pub(super) fn refused(&self, error: aliyun::Error) -> Failure {
        let code = error.code().unwrap_or_default();
        if let Some((_, property, advice)) = REFUSALS.iter().find(|(start, ..)| code.starts_with(start)) {
            return Failure::Refused(format!("{property}: {}\n{advice}", failure::looked_up(error)));
        }
        // The code for every parameter that has none of its own, in both spellings.
        if code.starts_with("InvalidParam") {
            let given = self.given().join(", ");
            let told = failure::looked_up(error);
            return Failure::Refused(format!(
                "{told}\nThe cloud refuses one of the arguments without saying which. Given are {given}."
            ));
        }
        failure::looked_up(error)
    }

    /// The arguments that are sent.
    fn given(&self) -> Vec<&'static str> {
        let texts = [
            ("actionType", &self.action_type),
            ("architecture", &self.architecture),
            ("imageFamily", &self.image_family),
            ("imageId", &self.image_id),
            ("imageName", &self.image_name),
            ("imageOwnerId", &self.image_owner_id),
            ("instanceType", &self.instance_type),
            ("osType", &self.os_type),
            ("owners", &self.owners),
            ("resourceGroupId", &self.resource_group_id),
            ("snapshotId", &self.snapshot_id),
            ("status", &self.status),
            ("usage", &self.usage),
        ];
        let flags = [
            ("dryRun", self.dry_run.is_some()),
            ("isSupportCloudInit", self.is_support_cloud_init.is_some()),
            ("isSupportIoOptimized", self.is_support_io_optimized.is_some()),
            (TAGS, self.tags.is_some()),
        ];
        let texts = texts.into_iter().map(|(name, value)| (name, filters::text(value).is_some()));
        let mut given: Vec<&str> =
            texts.chain(flags).filter(|(_, is_given)| *is_given).map(|(name, _)| name).collect();
        given.sort_unstable();
        given
    }
}

/// A value of `actionType` that the Terraform provider takes and the cloud does not document.
const CREATE_OS: &str = "CreateOS";

impl GetImagesInputs {
    /// The echo of what was given. What is taken for granted is told as well.
    pub(super) fn of(args: GetImagesArgs) -> GetImagesInputs {
        fn plain<T: Clone>(value: Option<Input<T>>) -> Option<T> {
            known(&value).cloned()
        }
        let tags = known(&args.tags).map(|tags| {
            tags.iter().filter_map(|(key, value)| Some((key.clone(), value.known()?.clone()))).collect()
        });
        GetImagesInputs {
            action_type: plain(args.action_type),
            architecture: plain(args.architecture),
            dry_run: plain(args.dry_run),
            image_family: plain(args.image_family),
            image_id: plain(args.image_id),
            image_name: plain(args.image_name),
            image_owner_id: plain(args.image_owner_id),
            instance_type: plain(args.instance_type),
            is_support_cloud_init: plain(args.is_support_cloud_init),
            is_support_io_optimized: plain(args.is_support_io_optimized),
            most_recent: plain(args.most_recent).or(Some(false)),
            name_regex: plain(args.name_regex),
            os_type: plain(args.os_type),
            output_file: plain(args.output_file),
            owners: plain(args.owners),
            resource_group_id: plain(args.resource_group_id),
            snapshot_id: plain(args.snapshot_id),
            status: plain(args.status).or_else(|| Some("Available".to_owned())),
            tags,
            usage: plain(args.usage),
        }
    }
}
