//! Targets of attribute changes. A file is held by a handle, so no name is looked up again and no link is
//! followed.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use rustix::fs::{AtFlags, FileType, Gid, Mode, OFlags, Stat, Timespec, Timestamps, Uid, XattrFlags};
use rustix::io::Errno;

use super::{Folder, file_type, id_of, is_device};
use crate::format::{Time, acl};
use crate::platform::xattrs::read_growing;
use crate::restore::disk::FileId;
use crate::view::{Attr, FileKind};

/// Owner, group, permissions and time of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Status {
    pub(super) uid: u32,
    pub(super) gid: u32,
    /// Permission bits.
    pub(super) mode: u16,
    /// `None` for an invalid time.
    pub(super) mtime: Option<Time>,
}

impl Status {
    // Field types differ between architectures.
    #[allow(clippy::unnecessary_cast, clippy::cast_lossless)]
    pub(super) fn of(stat: &Stat) -> Self {
        Self {
            uid: stat.st_uid,
            gid: stat.st_gid,
            mode: (stat.st_mode & 0o7777) as u16,
            mtime: Time::new(stat.st_mtime as i64, stat.st_mtime_nsec as u32),
        }
    }
}

/// An entry whose attributes can be set: a real one, or a stand-in for one in a dry run.
pub(super) trait SetAttributes {
    /// The real entry; methods that a stand-in does not define act on it.
    fn handle(&self) -> Handle<'_>;

    fn status(&self) -> rustix::io::Result<Status> {
        Ok(Status::of(&self.handle().stat()?))
    }

    fn chown(&self, owner: Option<u32>, group: Option<u32>) -> rustix::io::Result<()> {
        // This number means "leave it", so no file has it.
        if owner == Some(u32::MAX) || group == Some(u32::MAX) {
            return Err(Errno::INVAL);
        }
        let (owner, group) = (owner.map(Uid::from_raw), group.map(Gid::from_raw));
        rustix::fs::chownat(self.handle().fd, c"", owner, group, AtFlags::EMPTY_PATH)
    }

    fn chmod(&self, mode: u16) -> rustix::io::Result<()> {
        let mode = Mode::from_raw_mode(u32::from(mode));
        match self.handle() {
            Handle { fd, path: None } => rustix::fs::fchmod(fd, mode),
            Handle { path: Some(path), .. } => rustix::fs::chmod(path, mode),
        }
    }

    fn set_mtime(&self, mtime: Time) -> rustix::io::Result<()> {
        let time = Timespec { tv_sec: mtime.secs(), tv_nsec: mtime.nanos().into() };
        let times = Timestamps { last_access: time, last_modification: time };
        match self.handle() {
            Handle { fd, path: None } => rustix::fs::futimens(fd, &times),
            Handle { path: Some(path), .. } => {
                rustix::fs::utimensat(rustix::fs::CWD, path, &times, AtFlags::empty())
            }
        }
    }

    fn set_xattr(&self, name: &CStr, value: &[u8]) -> rustix::io::Result<()> {
        match self.handle() {
            Handle { fd, path: None } => rustix::fs::fsetxattr(fd, name, value, XattrFlags::empty()),
            Handle { path: Some(path), .. } => rustix::fs::setxattr(path, name, value, XattrFlags::empty()),
        }
    }

    fn remove_xattr(&self, name: &CStr) -> rustix::io::Result<()> {
        match self.handle() {
            Handle { fd, path: None } => rustix::fs::fremovexattr(fd, name),
            Handle { path: Some(path), .. } => rustix::fs::removexattr(path, name),
        }
    }

    /// The value of an extended attribute; `None` if it is absent.
    fn xattr(&self, name: &CStr) -> rustix::io::Result<Option<Vec<u8>>> {
        let Handle { fd, path } = self.handle();
        let read = |buffer: &mut [u8]| match &path {
            None => rustix::fs::fgetxattr(fd, name, buffer),
            Some(path) => rustix::fs::getxattr(path, name, buffer),
        };
        match read_growing(read) {
            Err(Errno::NODATA | Errno::NOTSUP) => Ok(None),
            value => value.map(Some),
        }
    }

    /// The names of all extended attributes.
    fn xattr_names(&self) -> rustix::io::Result<Vec<CString>> {
        let Handle { fd, path } = self.handle();
        let read = |buffer: &mut [u8]| match &path {
            None => rustix::fs::flistxattr(fd, buffer),
            Some(path) => rustix::fs::listxattr(path, buffer),
        };
        let names = match read_growing(read) {
            Err(Errno::NOTSUP) => return Ok(Vec::new()),
            names => names?,
        };
        let names = names.split(|byte| *byte == 0).filter(|name| !name.is_empty());
        Ok(names.filter_map(|name| CString::new(name).ok()).collect())
    }
}

/// A file, folder, link or special file.
#[derive(Clone)]
pub(super) struct Handle<'a> {
    fd: BorrowedFd<'a>,
    /// The `/proc` path of an `O_PATH` handle, which cannot be used itself.
    path: Option<CString>,
}

/// An `O_PATH` handle of an entry that cannot be opened.
pub(super) fn hold(folder: &Folder, name: &CStr) -> io::Result<std::os::fd::OwnedFd> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(rustix::fs::openat(folder, name, flags, Mode::empty())?)
}

impl<'a> Handle<'a> {
    /// The handle of an open file or folder.
    pub(super) fn open(file: &'a impl AsFd) -> Self {
        Self { fd: file.as_fd(), path: None }
    }

    /// The handle of an `O_PATH` handle.
    pub(super) fn held(file: &'a impl AsFd) -> io::Result<Self> {
        let fd = file.as_fd();
        Ok(Self { fd, path: Some(CString::new(format!("/proc/self/fd/{}", fd.as_raw_fd()))?) })
    }

    /// Fails if this is not the entry that the process has just created: another user who owns the folder may
    /// have replaced it.
    pub(super) fn check_made(&self, attr: &Attr) -> io::Result<()> {
        let stat = self.stat()?;
        if stat.st_nlink == 1 && has_type(&stat, attr) {
            return Ok(());
        }
        Err(io::Error::other("another user has replaced it during the restore"))
    }

    pub(super) fn stat(&self) -> rustix::io::Result<Stat> {
        rustix::fs::fstat(self.fd)
    }

    /// The file's identity; `None` if it cannot be read.
    pub(super) fn id(&self) -> Option<FileId> {
        self.stat().ok().map(|stat| id_of(&stat))
    }

    /// Removes the ACLs inherited from its folder. Errors do not matter: without ACLs nothing is inherited.
    pub(super) fn drop_lists(&self) {
        for name in [acl::DEFAULT, acl::ACCESS] {
            if let Ok(name) = CString::new(name) {
                let _ = self.remove_xattr(&name);
            }
        }
    }
}

impl SetAttributes for Handle<'_> {
    fn handle(&self) -> Handle<'_> {
        self.clone()
    }
}

/// Whether a file has the type of an entry, and the numbers if that is a device.
pub(super) fn has_type(stat: &Stat, attr: &Attr) -> bool {
    let device = (rustix::fs::major(stat.st_rdev), rustix::fs::minor(stat.st_rdev));
    FileType::from_raw_mode(stat.st_mode) == file_type(attr.kind)
        && (!is_device(attr.kind) || device == attr.rdev)
}

/// Whether entries of this type have a mode and ACLs.
pub(super) fn has_mode(kind: FileKind) -> bool {
    kind != FileKind::Symlink
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use super::*;

    /// Only a forged snapshot names it.
    #[test]
    fn an_owner_that_no_file_has_is_refused() {
        let file = tempfile::tempfile().unwrap();
        let handle = Handle { fd: file.as_fd(), path: None };
        assert_eq!(handle.chown(Some(u32::MAX), None), Err(Errno::INVAL));
        assert_eq!(handle.chown(None, Some(u32::MAX)), Err(Errno::INVAL));
        assert_eq!(handle.chown(None, None), Ok(()));
    }
}
