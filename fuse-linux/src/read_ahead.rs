use std::fs;
use std::path::Path;

use fs_core::service::mounted;

/// More than the kernel's 128 KiB: a request costs two changes of process, and a block is decompressed whole.
const KIBIBYTES: u32 = 1024;

/// Raises how far the kernel reads ahead in the mount at `path`, where that is permitted: it is only faster.
pub(crate) fn raise(path: &Path) {
    let device = mounted()
        .ok()
        .and_then(|mounts| mounts.into_iter().rev().find(|mount| mount.path == path))
        .map(|mount| mount.device);
    let Some(device) = device else { return };
    let (major, minor) = (rustix::fs::major(device), rustix::fs::minor(device));
    let file = format!("/sys/class/bdi/{major}:{minor}/read_ahead_kb");
    if let Err(error) = fs::write(&file, KIBIBYTES.to_string()) {
        log::debug!("{file}: {error}");
    }
}
