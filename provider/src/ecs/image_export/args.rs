//! What a program says of an export, with the users' documentation, and what the state holds of it.

use aliyun::object::BUCKET_RULE;
use pulumi::path::Path;
use pulumi::value::quote;
use pulumi::{Failure, Findings, Input, known};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use crate::ecs::images::tasks::{Stage, Task};

/// The format of files that are exported unless the program says another.
const RAW: &str = "raw";
/// What an export shows that is complete.
pub(crate) const FINISHED: &str = "Finished";

/// What a program says of an export.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("required" = ["imageId", "ossBucket"]))]
pub(crate) struct ExportArgs {
    /// The format of the files: `raw` (the cloud's default), `vhd`, `qcow2`, `vmdk` or `vdi`. Only some regions outside the
    /// Chinese mainland offer others than `raw`. A change replaces the export.
    #[schemars(extend(
        "enum" = ["raw", "vhd", "qcow2", "vmdk", "vdi"],
        "default" = "raw",
        "x-replace" = true,
        "x-unreported" = true
    ))]
    pub(crate) image_format: Option<Input<String>>,

    /// The image to export. It must be a custom image of the provider's own account, in the provider's region; while it is
    /// being made, the export waits. A change replaces the export.
    #[schemars(length(min = 1), extend("x-replace" = true, "x-always-reported" = true))]
    pub(crate) image_id: Option<Input<String>>,

    /// The bucket that the files go to. It must be in the region of the image. A change replaces the export.
    #[schemars(length(min = 1), extend("x-replace" = true, "x-always-reported" = true))]
    pub(crate) oss_bucket: Option<Input<String>>,

    /// What the objects' names begin with, 1 to 30 letters and digits. If it is left out, they begin with the image's id. A
    /// change replaces the export.
    #[schemars(length(min = 1, max = 30), extend("x-replace" = true, "x-unreported" = true))]
    pub(crate) oss_prefix: Option<Input<String>>,

    /// The RAM role by which ECS writes to the bucket. Takes effect at creation only, so a later change is recorded and does
    /// nothing. If it is left out, the cloud takes `AliyunECSImageExportDefaultRole`, which must have been granted once for the
    /// account.
    #[schemars(length(min = 1), extend("x-unreported" = true))]
    pub(crate) role_name: Option<Input<String>>,
}

/// What the state holds of an export.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ExportEntry {
    #[serde(flatten)]
    pub(crate) args: ExportArgs,

    /// The objects in the bucket that the export writes, one for each disk of the image.
    #[schemars(extend("x-always-reported" = true))]
    pub(crate) oss_objects: Option<Vec<String>>,

    /// How far the export has come, such as `45%`.
    pub(crate) progress: Option<String>,

    /// The region that the image and the bucket are in, such as `cn-hangzhou`.
    #[schemars(extend("x-always-reported" = true))]
    pub(crate) region_id: Option<String>,

    /// How the export is, as the cloud reports it: `Processing`, `Finished` or `Failed`.
    #[schemars(extend("x-always-reported" = true))]
    pub(crate) status: Option<String>,

    /// The task that exports the image.
    #[schemars(extend("x-always-reported" = true))]
    pub(crate) task_id: Option<String>,

    /// Of this entry of the state alone, so that two entries of one export can be told apart.
    #[serde(rename = "__mark", skip_serializing_if = "Option::is_none")]
    pub(crate) mark: Option<String>,

    /// The names of the objects follow a rule of the cloud's documentation: no task has told them.
    #[serde(rename = "__guessed", skip_serializing_if = "Option::is_none")]
    pub(crate) guessed: Option<bool>,

    /// When its task began, at the latest, in seconds since 1970: what is older is not its own.
    #[serde(rename = "__began", skip_serializing_if = "Option::is_none")]
    pub(crate) began: Option<i64>,

    /// The objects as the export wrote them, as far as that was seen: whoever exports to the same place writes them anew.
    #[serde(rename = "__written", skip_serializing_if = "Vec::is_empty")]
    pub(crate) written: Vec<Written>,

    /// What earlier tasks of it, which have failed, have left in the bucket.
    #[serde(rename = "__leftovers", skip_serializing_if = "Vec::is_empty", deserialize_with = "leftovers")]
    pub(crate) leftovers: Vec<Leftover>,
}

/// An object that an earlier task of an export may have left.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Leftover {
    pub(crate) object: String,
    /// When that task began, as [`ExportEntry::began`]; `None` if it began then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) began: Option<i64>,
}

/// Leftovers, of which earlier versions have kept names alone.
fn leftovers<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Leftover>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Kept {
        Name(String),
        Leftover(Leftover),
    }
    let kept: Vec<Kept> = Deserialize::deserialize(deserializer)?;
    let leftover = |kept| match kept {
        Kept::Name(object) => Leftover { object, began: None },
        Kept::Leftover(leftover) => leftover,
    };
    Ok(kept.into_iter().map(leftover).collect())
}

/// An object as an export has written it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Written {
    /// Its name. It stands in no key, as a prefix may be a secret.
    pub(crate) object: String,
    /// By what this writing is told from the next.
    pub(crate) version: String,
}

/// An export that has begun.
#[derive(Debug)]
pub(crate) struct Begun {
    /// The task's id.
    pub(crate) id: String,
    /// Since when what it writes can be in the bucket, in seconds since 1970.
    pub(crate) since: i64,
    /// What the task shows, if it was looked for.
    pub(crate) seen: Option<Task>,
}

/// By what an entry of a state is known again.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ExportIdentity {
    #[serde(rename = "__mark")]
    pub(crate) mark: Option<String>,
    pub(crate) region_id: Option<String>,
    image_id: Option<String>,
    image_format: Option<String>,
    oss_bucket: Option<String>,
    oss_prefix: Option<String>,
}

impl ExportIdentity {
    /// What is exported, if the state says it.
    pub(crate) fn target(&self) -> Option<Target> {
        Some(Target {
            image: self.image_id.clone()?,
            bucket: self.oss_bucket.clone()?,
            prefix: self.oss_prefix.clone().filter(|prefix| !prefix.is_empty()),
            format: self.image_format.clone(),
        })
    }
}

/// Which image goes where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) image: String,
    pub(crate) bucket: String,
    pub(crate) prefix: Option<String>,
    format: Option<String>,
}

impl Target {
    /// Of what a program gives.
    ///
    /// # Errors
    /// If it gives nothing: programs of some SDKs look up a resource that way while its id is not known yet.
    pub(crate) fn of(args: &ExportArgs) -> Result<Target, Failure> {
        let (Some(image), Some(bucket)) = (known(&args.image_id), known(&args.oss_bucket)) else {
            return Err(Failure::Refused("an export needs both imageId and ossBucket".to_owned()));
        };
        Ok(Target {
            image: image.clone(),
            bucket: bucket.clone(),
            prefix: known(&args.oss_prefix).filter(|prefix| !prefix.is_empty()).cloned(),
            format: known(&args.image_format).cloned(),
        })
    }

    /// For messages.
    pub(crate) fn place(&self) -> String {
        match &self.prefix {
            Some(prefix) => format!("bucket {} (ossPrefix {prefix})", self.bucket),
            None => format!("bucket {}", self.bucket),
        }
    }

    /// By what a process remembers it.
    pub(crate) fn key(&self) -> String {
        let prefix = self.prefix.as_deref().unwrap_or_default();
        format!("export of {} to {}/{prefix} as {}", self.image, self.bucket, self.format())
    }

    /// What the names of its objects begin with.
    pub(crate) fn stem(&self) -> String {
        match &self.prefix {
            Some(prefix) => format!("{prefix}_{}", self.image),
            None => self.image.clone(),
        }
    }

    fn format(&self) -> &str {
        self.format.as_deref().unwrap_or(RAW)
    }

    /// Whether a task exports the image to this place: what it names says so, and says nothing else.
    pub(crate) fn is_of(&self, task: &Task) -> bool {
        let stem = self.stem();
        let objects = task.objects();
        task.bucket() == Some(self.bucket.as_str())
            && !objects.is_empty()
            && objects.iter().all(|object| object.starts_with(&stem))
            && task.format().is_none_or(|format| format.eq_ignore_ascii_case(self.format()))
    }

    /// The objects that a task names, if they are in the bucket. A path that leads out of it is none.
    pub(crate) fn objects_of(&self, task: &Task) -> Vec<String> {
        let objects = task.objects();
        let leads_out = |object: &String| object.split('/').any(|folder| folder == ".." || folder.is_empty());
        match task.bucket() == Some(self.bucket.as_str()) && !objects.iter().any(leads_out) {
            true => objects,
            false => Vec::new(),
        }
    }

    /// The objects that the export writes, by the rule of the cloud's documentation. `devices` are those of the data disks.
    pub(crate) fn guess<'d>(&self, devices: impl Iterator<Item = &'d str>) -> Vec<String> {
        let object = |disk: &str| format!("{}_{disk}.{}.tar.gz", self.stem(), self.format());
        let data =
            devices.map(|device| object(&format!("data_{}", device.rsplit('/').next().unwrap_or(device))));
        std::iter::once(object("system")).chain(data).collect()
    }
}

impl ExportEntry {
    /// Of an export that has begun.
    pub(crate) fn begun(args: &ExportArgs, region: &str, mark: Option<String>, begun: &Begun) -> ExportEntry {
        ExportEntry { args: args.clone(), mark, ..ExportEntry::default() }.begun_anew(region, begun)
    }

    /// The same entry with another task, as the one that it has came to nothing.
    pub(crate) fn begun_anew(self, region: &str, begun: &Begun) -> ExportEntry {
        let names = self.oss_objects.into_iter().flatten();
        let mut leftovers = self.leftovers;
        leftovers.extend(names.map(|object| Leftover { object, began: None }));
        for leftover in &mut leftovers {
            leftover.began = leftover.began.or(self.began);
        }
        let mut entry = ExportEntry {
            oss_objects: None,
            guessed: None,
            progress: None,
            region_id: Some(region.to_owned()),
            task_id: Some(begun.id.clone()),
            status: Some("Processing".to_owned()),
            began: Some(begun.since),
            leftovers,
            ..self
        };
        if let Some(task) = &begun.seen {
            entry.see(task);
        }
        entry
    }

    /// Takes over what a look at the task shows.
    pub(crate) fn see(&mut self, task: &Task) {
        self.task_id = Some(task.id().to_owned());
        self.status = task.status().map(str::to_owned);
        self.progress = task.progress().map(str::to_owned);
        if let Some(began) = task.began() {
            // Calls may be held up on their way.
            self.began = Some(self.began.unwrap_or(*began.end()).max(*began.start()));
        }
        let mut objects = Target::of(&self.args).map(|target| target.objects_of(task)).unwrap_or_default();
        if objects.is_empty() {
            return;
        }
        // Before its end a task may name one after the other.
        if task.stage() != Stage::Finished && self.guessed.is_none() {
            let earlier = self.oss_objects.iter().flatten();
            let missing: Vec<String> = earlier.filter(|object| !objects.contains(object)).cloned().collect();
            objects.extend(missing);
        }
        self.name_objects(objects, false);
    }

    pub(crate) fn name_objects(&mut self, objects: Vec<String>, guessed: bool) {
        self.leftovers.retain(|left| !objects.contains(&left.object));
        self.oss_objects = Some(objects);
        self.guessed = guessed.then_some(true);
    }

    /// Whether it is known how the export has written an object.
    pub(crate) fn has_seen(&self, object: &str) -> bool {
        self.written.iter().any(|written| written.object == object)
    }

    /// Whether it was complete when it was last looked at.
    pub(crate) fn is_complete(&self) -> bool {
        self.status.as_deref() == Some(FINISHED)
    }

    /// Whether it is the published provider's, which keeps no task. That provider also keeps one that it has not seen the end of.
    pub(crate) fn is_published(&self) -> bool {
        self.task_id.is_none()
    }
}

/// Checks what is known.
pub(crate) fn check(args: &ExportArgs, findings: &mut Findings) {
    let is_alphanumeric = |text: &&String| text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if let Some(prefix) = known(&args.oss_prefix).filter(|prefix| !is_alphanumeric(prefix)) {
        findings.fail_got(Path::property("ossPrefix"), "must be letters and digits only", quote(prefix));
    }
    if let Some(bucket) = known(&args.oss_bucket).filter(|bucket| !aliyun::object::is_bucket(bucket)) {
        let reason = format!("must be {BUCKET_RULE}");
        findings.fail_got(Path::property("ossBucket"), reason, quote(bucket));
    }
}
