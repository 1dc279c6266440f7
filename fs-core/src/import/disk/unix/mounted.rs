//! Mounts that only their owner may enter: without `allow_other`, FUSE refuses everybody else, even root.

use std::ffi::CStr;
use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use rustix::fs::{Mode, OFlags};

use super::Directory;
use crate::import::disk::PrivateMount;
use crate::platform::mounts;

impl Directory {
    /// The mount at the entry `name`, if only its owner may enter it.
    pub(in crate::import) fn private_mount(&self, name: &CStr) -> Option<PrivateMount> {
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        // `O_PATH` needs no permission to enter the mount.
        let there = rustix::fs::openat(&self.0, name, flags, Mode::empty()).ok()?;
        let id = mount_id(there.as_fd()).ok()?;
        if mount_id(self.0.as_fd()).ok()? == id {
            return None;
        }
        let mount = mounts().ok()?.into_iter().find(|mount| mount.id == id && mount.is_private())?;
        let is_directory =
            rustix::fs::openat(&self.0, name, flags | OFlags::DIRECTORY, Mode::empty()).is_ok();
        Some(PrivateMount { is_directory, owner: mount.owner()? })
    }
}

/// The mount's id in mountinfo.
fn mount_id(file: BorrowedFd<'_>) -> io::Result<u64> {
    let fields = fs::read_to_string(format!("/proc/self/fdinfo/{}", file.as_raw_fd()))?;
    let id = fields.lines().find_map(|line| line.strip_prefix("mnt_id:")?.trim().parse().ok());
    id.ok_or_else(|| io::ErrorKind::InvalidData.into())
}
