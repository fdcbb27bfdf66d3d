//! The disks of an image: their devices, sizes and kinds, as DiskDeviceMapping names them.

use std::collections::BTreeSet;

use crate::answer::{Failure, failure};
use crate::state::disk::{Disk, DiskKind};
use crate::state::snapshot::Snapshot;

pub(super) fn check_device(device: &str, kind: DiskKind) -> Result<(), Failure> {
    let letter = device.strip_prefix("/dev/xvd").map(str::as_bytes);
    let is_good = match (kind, letter) {
        (DiskKind::System, Some([b'a'])) => true,
        (DiskKind::Data, Some([letter])) => (b'b'..=b'z').contains(letter),
        _ => false,
    };
    if is_good {
        return Ok(());
    }
    let message = format!(
        "The specified device \"{device}\" is not valid: a system disk is /dev/xvda, data disks are /dev/xvdb to \
         /dev/xvdz."
    );
    Err(failure(400, "InvalidDevice.Malformed", message))
}

pub(super) fn disk_size(given: Option<&str>, snapshot: Option<&Snapshot>) -> Result<i64, Failure> {
    let refused = |why: String| Err(failure(400, "InvalidSize.ValueNotSupported", why));
    let size = match given.map(str::parse::<i64>) {
        // Some callers send 0 for a size that their user left out.
        None | Some(Ok(0)) => return Ok(snapshot.map_or(20, |snapshot| snapshot.size)),
        Some(Ok(size)) => size,
        Some(Err(_)) => return refused("The specified Size is not a whole number.".to_owned()),
    };
    if !(5..=32_768).contains(&size) {
        return refused(format!("The specified Size {size} is not from 5 to 32768 GiB."));
    }
    match snapshot {
        Some(snapshot) if size < snapshot.size => refused(format!(
            "The specified Size {size} is less than the {} GiB of the snapshot \"{}\".",
            snapshot.size, snapshot.id
        )),
        _ => Ok(size),
    }
}

/// Disks without a device get the next one that is free.
pub(super) fn name_devices(disks: &mut [Disk], mut taken: BTreeSet<String>) {
    for disk in disks.iter_mut().filter(|disk| disk.device.is_empty()) {
        let letters = match disk.kind {
            DiskKind::System => 'a'..='a',
            DiskKind::Data => 'b'..='z',
        };
        let free = letters.map(|letter| format!("/dev/xvd{letter}")).find(|device| !taken.contains(device));
        disk.device = free.unwrap_or_default();
        taken.insert(disk.device.clone());
    }
}
