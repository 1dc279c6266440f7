//! An unnamed file in the target. Nobody can see it, and it is gone when closed. Attributes that it keeps, an
//! entry will keep.

use std::cell::Cell;
use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::OwnedFd;

use rustix::fs::{Mode, OFlags};
use rustix::io::{Errno, Result};
use rustix::process::{getegid, geteuid};

use super::Folder;
use super::attributes::REMOVABLE;
use super::handle::{Handle, SetAttributes, Status};
use crate::format::acl;
use crate::platform::credentials::Credentials;
use crate::view::{Attr, FileKind};

const SET_GROUP: u16 = 0o2000;

/// Every file system with unnamed files can hold files shorter than this, in bytes.
const LONG: u64 = 1 << 31;

/// Stands for an entry of any type.
#[derive(Debug)]
pub(super) struct Probe {
    file: OwnedFd,
    kind: FileKind,
    /// Owner and group of the folder that it stands for, if it cannot have them itself.
    owners: Cell<Option<(u32, u32)>>,
}

impl Probe {
    /// For a new entry in this folder, or with `planned`, in a new folder below it. `None` if the file system
    /// has no unnamed files. Fails if no entry can be created.
    pub(super) fn new(folder: &Folder, attr: &Attr, planned: bool) -> io::Result<Option<Self>> {
        let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
        let file = match rustix::fs::openat(folder, c".", flags, Mode::RUSR | Mode::WUSR) {
            // ACCESS: the restore will change the folder's mode before it creates the entry.
            Err(
                Errno::NOTSUP | Errno::ISDIR | Errno::INVAL | Errno::NOENT | Errno::NOSYS | Errno::ACCESS,
            ) => {
                return Ok(None);
            }
            file => file?,
        };
        let handle = Handle::open(&file);
        handle.drop_lists();
        if Self::is_long(attr) {
            rustix::fs::ftruncate(&file, attr.size)?;
        }
        // A restored folder first gets the group of the process, not the one inherited by set-group-ID.
        let is_inherited = Handle::open(folder).status().is_ok_and(|status| status.mode & SET_GROUP != 0);
        if is_inherited && (planned || attr.kind == FileKind::Directory) {
            let _ = handle.chown(Some(geteuid().as_raw()), Some(getegid().as_raw()));
        }
        Ok(Some(Self { file, kind: attr.kind, owners: Cell::new(None) }))
    }

    /// Whether an entry may be too long for the file system to hold.
    pub(super) fn is_long(attr: &Attr) -> bool {
        attr.kind == FileKind::File && attr.size >= LONG
    }

    /// Gives the file the attributes of an existing folder.
    pub(super) fn imitate(&self, folder: &Folder) {
        let (from, to) = (Handle::open(folder), self.handle());
        let Ok(status) = from.status() else { return };
        if to.chown(Some(status.uid), Some(status.gid)).is_err() {
            self.owners.set(Some((status.uid, status.gid)));
        }
        for name in from.xattr_names().unwrap_or_default() {
            let is_removable = REMOVABLE.iter().any(|kind| name.to_bytes().starts_with(kind));
            if let (true, Ok(Some(value))) = (is_removable, from.xattr(&name)) {
                let _ = to.set_xattr(&name, &value);
            }
        }
        let _ = to.chmod(status.mode);
    }
}

impl SetAttributes for Probe {
    fn handle(&self) -> Handle<'_> {
        Handle::open(&self.file)
    }

    fn status(&self) -> Result<Status> {
        let status = self.handle().status()?;
        let (uid, gid) = self.owners.get().unwrap_or((status.uid, status.gid));
        Ok(Status { uid, gid, ..status })
    }

    fn chown(&self, owner: Option<u32>, group: Option<u32>) -> Result<()> {
        self.handle().chown(owner, group)?;
        self.owners.set(None);
        Ok(())
    }

    fn chmod(&self, mode: u16) -> Result<()> {
        // A user who is not in the group cannot set set-group-ID.
        let is_foreign =
            self.owners.get().is_some_and(|(_, gid)| Credentials::own().check_group(gid).is_err());
        self.handle().chmod(if is_foreign { mode & !SET_GROUP } else { mode })
    }

    fn set_xattr(&self, name: &CStr, value: &[u8]) -> Result<()> {
        if name.to_bytes().starts_with(b"user.") && !matches!(self.kind, FileKind::File | FileKind::Directory)
        {
            return Err(Errno::PERM);
        }
        if name.to_bytes() == acl::DEFAULT {
            // A file cannot have a default ACL. The same ACL is tried as its access ACL, which is set later.
            let access = CString::new(acl::ACCESS).map_err(|_| Errno::INVAL)?;
            return self.handle().set_xattr(&access, value);
        }
        self.handle().set_xattr(name, value)
    }
}
