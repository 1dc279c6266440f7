//! Removes temporary files of killed restores.

use std::ffi::CStr;

use rustix::fs::{AtFlags, FileType, FlockOperation, Mode, OFlags};
use rustix::process::{Pid, geteuid, test_kill_process};

use super::Folder;
use crate::restore::disk::owner_of_temporary;

impl Folder {
    /// Removes `name` if it is the temporary name of a restore that has ended; true if it is gone. A file
    /// that is being written is locked. Links and special files have such a name only while their process
    /// runs.
    pub(super) fn remove_leftover(&self, name: &CStr) -> bool {
        let Some(process) = owner_of_temporary(name) else { return false };
        let Ok(stat) = rustix::fs::statat(self, name, AtFlags::SYMLINK_NOFOLLOW) else { return false };
        let is_file = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
        let may_run = Pid::from_raw(process).is_none_or(|pid| test_kill_process(pid).is_ok());
        let is_left =
            if is_file { (stat.st_nlink == 1 || !may_run) && !self.is_locked(name) } else { !may_run };
        stat.st_uid == geteuid().as_raw() && is_left && self.remove(name).is_ok()
    }

    fn is_locked(&self, name: &CStr) -> bool {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        rustix::fs::openat(self, name, flags, Mode::empty())
            .and_then(|file| rustix::fs::flock(file, FlockOperation::NonBlockingLockExclusive))
            .is_err()
    }
}
