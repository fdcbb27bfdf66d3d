//! `alicloud:ecs/image:Image`: what it takes, what it reports, and which step does what. The steps themselves are in the
//! files beside this one.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use pulumi::diff::Change;
use pulumi::{
    CheckContext, Context, Failure, Findings, Input, Lazy, Old, Read, Resource, Unlisted, Update, known,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::client::Client;
use crate::ecs::image_delete::Spare;
use crate::ecs::image_state::Kept;
use crate::ecs::{image_create, image_delete, image_diff, image_lifecycle, image_rules, image_update};

/// What a program says of an image.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ImageArgs {
    /// The processor architecture: `i386`, `x86_64` (the cloud's default) or `arm64`. Only meaningful where a data disk's
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
    /// digits, `.`, `:`, `_` or `-`; it may not start with `aliyun` or `acs:` nor contain `http://` or `https://`. Where it
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
    /// value is sent as it is, with a warning. Where it is left out, that of the source. A change replaces the image.
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

    /// Up to 20 tags. A key has 1 to 128 characters and may not start with `aliyun` or `acs:`, a value has up to 128 and
    /// may not start with `acs:`; neither may contain `http://` or `https://`. Numbers and booleans become their text.
    #[schemars(extend("maxProperties" = 20, "x-scalars-as-text" = true))]
    pub(crate) tags: Option<Input<BTreeMap<String, Input<String>>>>,

    /// The inputs that the program does not give and Check has filled in, as engines keep them between calls.
    #[serde(rename = "__defaults", skip_serializing_if = "Option::is_none")]
    #[schemars(skip)]
    pub(crate) filled_in: Option<Vec<String>>,
}

impl ImageArgs {
    /// Whether the program does not give this input, and Check has filled it in.
    pub(crate) fn is_filled_in(&self, property: &str) -> bool {
        self.filled_in.iter().flatten().any(|name| name == property)
    }
}

/// One disk of an image.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-token" = "alicloud:ecs/ImageDiskDeviceMapping:ImageDiskDeviceMapping"))]
pub(crate) struct ImageDiskDeviceMapping {
    /// The device name, `/dev/xvda` (the system disk) to `/dev/xvdz`, each at most once.
    pub(crate) device: Option<Input<String>>,

    /// `system` or `data`; at most one disk is the system disk. Where it is left out, the kind of the snapshot's source
    /// disk.
    #[schemars(extend("enum" = ["system", "data"]))]
    pub(crate) disk_type: Option<Input<String>>,

    /// The disk's format, reported by the cloud.
    #[schemars(extend("x-output-only" = true))]
    pub(crate) format: Option<Input<String>>,

    /// The OSS bucket from which the disk was imported, reported by the cloud.
    #[schemars(extend("x-output-only" = true))]
    pub(crate) import_oss_bucket: Option<Input<String>>,

    /// The OSS object from which the disk was imported, reported by the cloud.
    #[schemars(extend("x-output-only" = true))]
    pub(crate) import_oss_object: Option<Input<String>>,

    /// How much of the disk has been copied, such as `45%`, reported by the cloud.
    #[schemars(extend("x-output-only" = true))]
    pub(crate) progress: Option<Input<String>>,

    /// How long copying the disk will still take, in seconds, reported by the cloud.
    #[schemars(extend("x-output-only" = true))]
    pub(crate) remain_time: Option<Input<i64>>,

    /// The size in GiB, 5 to 32768, and not less than the snapshot's; where it is left out, the snapshot's.
    #[schemars(range(min = 5, max = 32768))]
    pub(crate) size: Option<Input<i64>>,

    /// The snapshot that the disk is made from. A data disk without one is blank.
    #[schemars(extend("x-absence-says" = true))]
    pub(crate) snapshot_id: Option<Input<String>>,
}

/// What instances made from an image can do.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-token" = "alicloud:ecs/ImageFeatures:ImageFeatures"))]
pub(crate) struct ImageFeatures {
    /// Which access modes of the instance metadata service instances are made with: `v1` (normal and security hardening) or
    /// `v2` (security hardening only). The cloud never goes back from `v2` to `v1`.
    #[schemars(extend("enum" = ["v1", "v2"]))]
    pub(crate) imds_support: Option<Input<String>>,

    /// Whether instances can use NVMe disks: `supported` or `unsupported`.
    #[schemars(extend("enum" = ["supported", "unsupported"]))]
    pub(crate) nvme_support: Option<Input<String>>,
}

/// What the state holds of an image.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ImageState {
    #[serde(flatten)]
    pub(crate) args: ImageArgs,

    /// When the image was created, in UTC, as RFC 3339 has it.
    #[schemars(extend("x-always-reported" = true))]
    pub(crate) create_time: Option<String>,

    /// Who owns the image: `self`, `system`, `others` or `marketplace`.
    pub(crate) image_owner_alias: Option<String>,

    /// Whether the image is a copy of another.
    pub(crate) is_copied: Option<bool>,

    /// Whether the image has been shared with other accounts.
    pub(crate) is_self_shared: Option<String>,

    /// Whether the image's terms in the marketplace have been subscribed to.
    pub(crate) is_subscribed: Option<bool>,

    /// Whether cloud-init works in instances made from the image.
    pub(crate) is_support_cloudinit: Option<bool>,

    /// Whether the image can be used for I/O optimized instances.
    pub(crate) is_support_io_optimized: Option<bool>,

    /// The operating system's name, in Chinese.
    pub(crate) os_name: Option<String>,

    /// The operating system's name, in English.
    pub(crate) os_name_en: Option<String>,

    /// `linux` or `windows`.
    pub(crate) os_type: Option<String>,

    /// The product code of an image from the marketplace.
    pub(crate) product_code: Option<String>,

    /// How far the image's creation has come, such as `45%`.
    pub(crate) progress: Option<String>,

    /// The region that the image is in, such as `cn-hangzhou`.
    #[schemars(extend("x-always-reported" = true))]
    pub(crate) region_id: Option<String>,

    /// The size in GiB; of the system disk alone where there are data disks.
    pub(crate) size: Option<i64>,

    /// `Creating`, `Waiting`, `Available`, `UnAvailable`, `CreateFailed` or `Deprecated`.
    #[schemars(extend("x-always-reported" = true))]
    pub(crate) status: Option<String>,

    /// Whether instances can be made from the image.
    #[schemars(extend("x-always-reported" = true))]
    pub(crate) usable: Option<bool>,

    #[serde(flatten)]
    pub(crate) kept: Kept,
}

/// By what an entry of a state is known again.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Identity {
    /// Of this state alone; absent in an import and in an older version's entry.
    #[serde(rename = "__mark")]
    mark: Option<String>,
    /// The region that the image is in.
    region_id: Option<String>,
}

/// The resource. What it remembers is only of this process.
#[derive(Debug, Default)]
pub(crate) struct Image {
    memory: Mutex<Memory>,
}

/// What this process has been told or has done. None of it is needed to be right after a restart.
#[derive(Debug, Default)]
struct Memory {
    /// The entries that states hold, by the image's id: the mark of each, and its URN. An import and an older version's entry
    /// have no mark.
    marks: HashMap<String, HashMap<Option<String>, String>>,
    /// Which resource has a name, or is about to.
    names: HashMap<String, String>,
}

impl Image {
    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a state is known to hold the image.
    pub(crate) fn is_held(&self, id: &str) -> bool {
        self.memory().marks.contains_key(id)
    }

    /// Notes that a resource makes an image of this name; the resource that has it already, if that is another one.
    pub(crate) fn claim_name(&self, name: &str, urn: &str) -> Option<String> {
        let mut memory = self.memory();
        let owner = memory.names.entry(name.to_owned()).or_insert_with(|| urn.to_owned());
        (owner != urn).then(|| owner.clone())
    }

    /// Notes that a resource has no image any more.
    fn release_name(&self, urn: &str) {
        self.memory().names.retain(|_, owner| owner != urn);
    }

    /// Another resource that is known to hold the image: one that has imported it, or that the entry was renamed to.
    pub(crate) fn other_holder(&self, id: &str, urn: &str) -> Option<String> {
        let memory = self.memory();
        memory.marks.get(id)?.values().find(|holder| *holder != urn).cloned()
    }

    fn hold(&self, urn: &str, id: &str, mark: Option<String>) {
        self.memory().marks.entry(id.to_owned()).or_default().insert(mark, urn.to_owned());
    }

    /// Notes that an entry is gone from the state. Whether another one is known to hold the same image.
    fn is_held_by_another(&self, id: &str, mark: &Option<String>) -> bool {
        let mut memory = self.memory();
        let Some(marks) = memory.marks.get_mut(id) else { return false };
        marks.remove(mark);
        // What a create has made or taken up has a mark; without one, an import may hold what another entry holds as well.
        let others = marks.keys().any(Option::is_some);
        if !others {
            memory.marks.remove(id);
        }
        others
    }
}

impl Resource<Client> for Image {
    type Args = ImageArgs;
    type State = ImageState;
    type Identity = Identity;
    type ListArgs = Unlisted;

    const TOKEN: &'static str = "alicloud:ecs/image:Image";
    const DESCRIPTION: &'static str = include_str!("image.md");

    fn check(
        &self,
        args: &ImageArgs,
        olds: Option<&ImageArgs>,
        context: &CheckContext<'_>,
        findings: &mut Findings,
    ) -> ImageArgs {
        image_rules::check(args, olds, context, findings);
        let image_name = match &args.image_name {
            Some(_) => None,
            None => image_rules::autoname(olds, context, findings),
        };
        ImageArgs { image_name, ..ImageArgs::default() }
    }

    fn check_update(&self, olds: &ImageArgs, news: &ImageArgs, findings: &mut Findings) {
        image_rules::check_update(olds, news, findings);
    }

    fn reconsider(
        &self,
        state: &Lazy<'_, ImageState>,
        olds: &Lazy<'_, ImageArgs>,
        news: &Lazy<'_, ImageArgs>,
        changes: &mut Vec<Change>,
    ) -> Result<Vec<String>, Failure> {
        image_diff::reconsider(state, olds, news, changes)
    }

    /// Names are unique, so a name that the program keeps must be free before the replacement can have it. An automatic one
    /// is another in the replacement.
    fn delete_before_replace(&self, olds: &ImageArgs, news: &ImageArgs) -> bool {
        match (known(&olds.image_name), known(&news.image_name)) {
            (Some(old), Some(new)) => old == new && !news.is_filled_in("imageName"),
            _ => false,
        }
    }

    fn observe(&self, urn: &str, id: &str, identity: &Identity) {
        self.hold(urn, id, identity.mark.clone());
    }

    /// An image is in one region, and not to be found in another.
    fn admit(&self, client: &Client, id: &str, identity: &Identity) -> Result<(), Failure> {
        client.check_region(id, identity.region_id.as_deref())
    }

    async fn create(
        &self,
        client: &Client,
        context: &Context,
        args: ImageArgs,
    ) -> Result<(String, ImageState), Failure> {
        let mark = uuid::Uuid::new_v4().simple().to_string();
        let made = async {
            let made = image_create::create(self, client, context, &args, &mark).await?;
            let id = made.id.clone();
            self.hold(context.urn(), &id, Some(mark.clone()));
            let state = image_lifecycle::settle(client, context, made, &args, mark.clone()).await?;
            Ok((id, state))
        };
        let made = made.await;
        if matches!(&made, Err(failure) if !matches!(failure, Failure::Partial { .. })) {
            self.release_name(context.urn());
        }
        made
    }

    async fn read(
        &self,
        client: &Client,
        context: &Context,
        id: &str,
        old: Option<Old<ImageArgs, ImageState>>,
    ) -> Result<Option<Read<ImageArgs, ImageState>>, Failure> {
        image_lifecycle::read(client, context, id, old).await
    }

    async fn update(
        &self,
        client: &Client,
        context: &Context,
        update: Update<ImageArgs, ImageState>,
    ) -> Result<ImageState, Failure> {
        image_update::update(client, context, update).await
    }

    /// A state may hold one image twice: `pulumi up --replace` of an image whose create was late takes it up again. Deleting
    /// the older entry must not delete the newer one's image. Within a process the marks tell the two apart; in any process the
    /// older entry says that the image is unfinished, and the image bears another name.
    async fn delete(
        &self,
        client: &Client,
        context: &Context,
        id: &str,
        old: Old<ImageArgs, ImageState>,
    ) -> Result<(), Failure> {
        let taken_up = self.is_held_by_another(id, &old.state.kept.mark)
            || image_delete::was_taken_up(client, context, id, &old).await?;
        if taken_up {
            context.warn(&format!(
                "image {id} stays: another entry of the state holds it, or may have taken it up, as this one left it under \
                 another name. If no entry holds it, delete it in the cloud"
            ));
            return Ok(());
        }
        image_delete::delete(client, context, id, &old, Spare::Nothing).await?;
        self.release_name(context.urn());
        Ok(())
    }
}
