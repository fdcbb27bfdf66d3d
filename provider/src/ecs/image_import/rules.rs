//! What an image may be imported from, beyond what the types say, and what of a difference is none. Nothing here does I/O.

use aliyun::object::BUCKET_RULE;
use pulumi::diff::{Change, ChangeKind};
use pulumi::path::{Path, Step};
use pulumi::value::quote;
use pulumi::{CheckContext, Failure, Findings, Input, Lazy, known};

use crate::ecs::image_import::args::{ImageImportArgs, ImageImportDiskDeviceMapping};
use crate::ecs::images::attributes::{OLDER_IMDS, refuse_older_imds};
use crate::ecs::images::diff;
use crate::ecs::images::entry::Entry;
use crate::ecs::images::inputs::Inputs as _;
use crate::ecs::images::rules;

const DISKS: &str = "diskDeviceMappings";
const SIZE: &str = "diskImageSize";
/// The formats of files that the cloud takes.
const FORMATS: [&str; 4] = ["RAW", "VHD", "QCOW2", "VMDK"];

/// Checks everything that is known. The inputs that are filled in.
pub(crate) fn check(
    args: &ImageImportArgs,
    olds: Option<&ImageImportArgs>,
    context: &CheckContext<'_>,
    findings: &mut Findings,
) -> ImageImportArgs {
    for (index, disk) in known(&args.disk_device_mappings).into_iter().flatten().enumerate() {
        if let Some(disk) = disk.known() {
            check_disk(disk, index, findings);
        }
    }
    if known(&args.architecture).is_some_and(|architecture| architecture == "arm64")
        && let Some(mode) = known(&args.boot_mode).filter(|mode| *mode != "UEFI")
    {
        let reason = "an image for arm64 starts by \"UEFI\" only: give that, or leave bootMode out";
        findings.fail_got(Path::property("bootMode"), reason, quote(mode));
    }
    rules::check(args, olds, context, findings)
}

fn check_disk(disk: &ImageImportDiskDeviceMapping, index: usize, findings: &mut Findings) {
    let path = Path::property(DISKS).index(index);
    if index == 0 {
        for (property, value) in [("ossBucket", &disk.oss_bucket), ("ossObject", &disk.oss_object)] {
            if value.is_none() {
                findings.fail(
                    path.key(property),
                    "is required of the first disk, the system disk: give bucket and object of its file",
                );
            }
        }
    }
    if let Some(bucket) = known(&disk.oss_bucket).filter(|bucket| !aliyun::object::is_bucket(bucket)) {
        findings.fail_got(path.key("ossBucket"), format!("must be {BUCKET_RULE}"), quote(bucket));
    }
    if let Some(format) = known(&disk.format)
        && !FORMATS.iter().any(|known| known.eq_ignore_ascii_case(format))
    {
        let reason = format!("must be one of {}, in whatever case, or be left out", FORMATS.join(", "));
        findings.fail_got(path.key("format"), reason, quote(format));
    }
    if let Some(device) = known(&disk.device) {
        let mut letters = device.strip_prefix("/dev/xvd").unwrap_or_default().chars();
        let is_device =
            letters.next().is_some_and(|letter| letter.is_ascii_lowercase()) && letters.next().is_none();
        if !is_device {
            findings.fail_got(path.key("device"), "must be /dev/xvda to /dev/xvdz", quote(device));
        }
    }
}

/// Takes out what is no difference, and returns what the user is told of that.
///
/// # Errors
/// If the cloud is known to refuse the change.
pub(crate) fn reconsider(
    state: &Lazy<'_, Entry<ImageImportArgs>>,
    olds: &Lazy<'_, ImageImportArgs>,
    news: &Lazy<'_, ImageImportArgs>,
    changes: &mut Vec<Change>,
) -> Result<Vec<String>, Failure> {
    let mut lines = diff::reconsider(state, olds, news, changes)?;
    // What is told of sizes holds only if the image is not replaced.
    let mut of_sizes = Vec::new();
    for change in std::mem::take(changes) {
        let is_none = match member(&change.path) {
            Some((index, member)) if change.kind != ChangeKind::Delete => {
                let disks = Disks {
                    state: state.get()?,
                    old: disk(olds.get()?, index),
                    new: disk(news.get()?, index),
                    index,
                };
                let lines = if member == SIZE { &mut of_sizes } else { &mut lines };
                disks.is_no_change(member, change.kind, lines)
            }
            _ => false,
        };
        if !is_none {
            changes.push(change);
        }
    }
    if !changes.iter().any(|change| change.replace) {
        lines.append(&mut of_sizes);
        let news = news.get()?;
        let imds = known(&news.features).and_then(|features| known(&features.imds_support));
        // No other value can be a step back, so that the state need not be read.
        if imds.is_some_and(|imds| imds == OLDER_IMDS) {
            refuse_older_imds(&state.get()?.args.attributes(), &news.attributes())?;
        }
    }
    Ok(lines)
}

/// Which disk a path is about, and which of its properties.
fn member(path: &Path) -> Option<(usize, &str)> {
    match path.steps() {
        [Step::Key(list), Step::Index(index), Step::Key(member)] if list == DISKS => Some((*index, member)),
        _ => None,
    }
}

fn disk(args: &ImageImportArgs, index: usize) -> Option<&ImageImportDiskDeviceMapping> {
    known(&args.disk_device_mappings)?.get(index)?.known()
}

/// One disk as the inputs have it, and the state that it is looked up in.
struct Disks<'a> {
    state: &'a Entry<ImageImportArgs>,
    old: Option<&'a ImageImportDiskDeviceMapping>,
    new: Option<&'a ImageImportDiskDeviceMapping>,
    index: usize,
}

impl Disks<'_> {
    /// Whether another value for this property leaves the disk what it is.
    fn is_no_change(&self, member: &str, kind: ChangeKind, lines: &mut Vec<String>) -> bool {
        let (Some(_), Some(new)) = (self.old, self.new) else { return false };
        match (member, kind) {
            (SIZE, ChangeKind::Update) => known(&new.disk_image_size).is_some_and(|size| {
                let real = self.now().and_then(|now| known(&now.disk_image_size));
                real == Some(size) || self.is_filled_in(member, *size, lines)
            }),
            ("format", ChangeKind::Add) => self.takes_on_trust(member, |disk| &disk.format, lines),
            ("ossBucket", ChangeKind::Add) => self.takes_on_trust(member, |disk| &disk.oss_bucket, lines),
            ("ossObject", ChangeKind::Add) => self.takes_on_trust(member, |disk| &disk.oss_object, lines),
            _ => false,
        }
    }

    /// The disk as the cloud reports it: of the same file, and of several such of the same size or in the same place.
    fn now(&self) -> Option<&ImageImportDiskDeviceMapping> {
        let old = self.old?;
        let disks = || self.state.args.disks().enumerate();
        let of_the_file = disks().filter(|(_, disk)| {
            known(&disk.oss_object).is_some()
                && known(&disk.oss_object) == known(&old.oss_object)
                && known(&disk.oss_bucket) == known(&old.oss_bucket)
        });
        of_the_file
            .max_by_key(|(place, disk)| {
                (known(&disk.disk_image_size) == known(&old.disk_image_size), *place == self.index)
            })
            .or_else(|| disks().nth(self.index))
            .map(|(_, disk)| disk)
    }

    /// The published provider fills in a size whatever the file is. A program that names one after that has never given
    /// another.
    fn is_filled_in(&self, member: &str, size: i64, lines: &mut Vec<String>) -> bool {
        let filled_in = self.old.and_then(|old| old.filled_in.as_ref());
        if !filled_in.is_some_and(|names| names.iter().any(|name| name == member)) {
            return false;
        }
        lines.push(format!(
            "{DISKS}[{}].{member} {size} is recorded, and nothing is called or replaced: the disk keeps the size that it \
             has, as no program gave the one in the state, which the published provider had filled in. For a disk of \
             {size} GiB make the image anew: pulumi up --replace",
            self.index
        ));
        true
    }

    /// What `pulumi import` left open, as the cloud does not report it, is taken as the program says it.
    fn takes_on_trust(
        &self,
        member: &str,
        of: fn(&ImageImportDiskDeviceMapping) -> &Option<Input<String>>,
        lines: &mut Vec<String>,
    ) -> bool {
        let is_open =
            self.state.kept.adopted == Some(true) && self.now().is_none_or(|now| known(of(now)).is_none());
        let Some(value) = self.new.and_then(|new| known(of(new))).filter(|_| is_open) else { return false };
        lines.push(format!(
            "{DISKS}[{}].{member} {} is taken for what this imported image was made of, which the cloud does not report: it \
             is recorded, and nothing is called or replaced",
            self.index,
            quote(value)
        ));
        true
    }
}
