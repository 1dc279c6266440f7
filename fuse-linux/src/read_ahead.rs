use std::fs;
use std::path::Path;

use fs_core::platform::mounts;

/// Read-ahead of the mount, in KiB. The kernel's default is 128. A larger one pays: a request costs two
/// context switches, and a block is always decompressed whole.
const KIBIBYTES: u32 = 1024;

/// Raises the kernel's read-ahead for the mount at `path`. A failure is ignored, because this only affects
/// speed.
pub(crate) fn raise(path: &Path) {
    let device = mounts()
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
