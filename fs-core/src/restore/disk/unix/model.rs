//! Stand-ins for entries that a dry run cannot try: they follow known rules.

use std::cell::Cell;
use std::ffi::{CStr, CString};

use rustix::fs::{Access, AtFlags};
use rustix::io::{Errno, Result};
use rustix::process::{getegid, geteuid};

use super::Folder;
use super::fat::Fat;
use super::handle::{Handle, SetAttributes, Status};
use crate::format::Time;
use crate::format::acl::{self, Acl, Tag};
use crate::platform::credentials::{CAP_SETFCAP, CAP_SYS_ADMIN, Credentials};

const SPECIAL: u16 = 0o7000;

/// A new entry of a file system that has no unnamed files.
#[derive(Debug)]
pub(super) struct Model<'a> {
    folder: &'a Folder,
    fat: Option<Fat>,
    credentials: &'static Credentials,
    status: Cell<Status>,
}

impl<'a> Model<'a> {
    /// An entry in this folder, or below it.
    pub(super) fn new(folder: &'a Folder, fat: Option<Fat>) -> Self {
        let own = Status { uid: geteuid().as_raw(), gid: getegid().as_raw(), mode: 0o600, mtime: None };
        let status = match fat.and_then(|_| Handle::open(folder).status().ok()) {
            // All entries of such a file system have the same owner and mode.
            Some(status) => Status { mode: status.mode & 0o777, ..status },
            None => own,
        };
        Self { folder, fat, credentials: Credentials::own(), status: Cell::new(status) }
    }

    /// An existing folder.
    pub(super) fn of(folder: &'a Folder, fat: Option<Fat>) -> Self {
        let model = Self::new(folder, fat);
        if let Ok(status) = Handle::open(folder).status() {
            model.status.set(status);
        }
        model
    }
}

impl SetAttributes for Model<'_> {
    fn handle(&self) -> Handle<'_> {
        Handle::open(self.folder)
    }

    fn status(&self) -> Result<Status> {
        Ok(self.status.get())
    }

    fn chown(&self, owner: Option<u32>, group: Option<u32>) -> Result<()> {
        let had = self.status.get();
        let (uid, gid) = (owner.unwrap_or(had.uid), group.unwrap_or(had.gid));
        if self.fat.is_some() && (uid, gid) != (had.uid, had.gid) {
            return Err(Errno::PERM);
        }
        let is_known = self.credentials.knows_user(uid) && self.credentials.knows_group(gid);
        if !is_known {
            return Err(Errno::INVAL);
        }
        if uid != had.uid {
            self.credentials.check_user(uid)?;
        }
        if gid != had.gid {
            self.credentials.check_group(gid)?;
        }
        self.status.set(Status { uid, gid, ..had });
        Ok(())
    }

    fn chmod(&self, mode: u16) -> Result<()> {
        match self.fat {
            Some(_) if mode & SPECIAL != 0 => Err(Errno::PERM),
            Some(_) => Ok(()),
            None => {
                self.status.set(Status { mode, ..self.status.get() });
                Ok(())
            }
        }
    }

    fn set_mtime(&self, mtime: Time) -> Result<()> {
        let mtime = self.fat.map_or(Some(mtime), |fat| fat.kept(mtime));
        self.status.set(Status { mtime, ..self.status.get() });
        Ok(())
    }

    fn set_xattr(&self, name: &CStr, value: &[u8]) -> Result<()> {
        let bytes = name.to_bytes();
        let is_list = bytes == acl::ACCESS || bytes == acl::DEFAULT;
        let is_known = |tag| match tag {
            Tag::User(id) => self.credentials.knows_user(id),
            Tag::Group(id) => self.credentials.knows_group(id),
            _ => true,
        };
        if is_list
            && let Some(list) = Acl::decode(value)
            && !list.entries().all(|(tag, _)| is_known(tag))
        {
            return Err(Errno::INVAL);
        }
        if bytes.starts_with(b"trusted.") && !self.credentials.may_for_all(CAP_SYS_ADMIN)
            || bytes == b"security.capability" && !self.credentials.may(CAP_SETFCAP)
        {
            return Err(Errno::PERM);
        }
        match rustix::fs::fgetxattr(self.folder, name, &mut [0; 1]) {
            _ if self.fat.is_some() => Err(Errno::NOTSUP),
            Err(Errno::NOTSUP) => Err(Errno::NOTSUP),
            _ => Ok(()),
        }
    }

    fn remove_xattr(&self, _: &CStr) -> Result<()> {
        Ok(())
    }

    fn xattr(&self, _: &CStr) -> Result<Option<Vec<u8>>> {
        Ok(None)
    }

    fn xattr_names(&self) -> Result<Vec<CString>> {
        Ok(Vec::new())
    }
}

/// An existing folder of another user: it keeps almost everything as it is.
pub(super) struct UnownedFolder<'a>(pub(super) &'a Folder);

impl SetAttributes for UnownedFolder<'_> {
    fn handle(&self) -> Handle<'_> {
        Handle::open(self.0)
    }

    fn chown(&self, owner: Option<u32>, group: Option<u32>) -> Result<()> {
        let rights = Credentials::own();
        let is_known =
            owner.is_none_or(|id| rights.knows_user(id)) && group.is_none_or(|id| rights.knows_group(id));
        Err(if is_known { Errno::PERM } else { Errno::INVAL })
    }

    fn chmod(&self, _: u16) -> Result<()> {
        Err(Errno::PERM)
    }

    fn set_mtime(&self, _: Time) -> Result<()> {
        Err(Errno::PERM)
    }

    fn set_xattr(&self, name: &CStr, _: &[u8]) -> Result<()> {
        // Of a sticky folder, the kernel lets only the owner change them.
        let is_sticky = rustix::fs::fstat(self.0)?.st_mode & 0o1000 != 0;
        if is_sticky || !name.to_bytes().starts_with(b"user.") {
            return Err(Errno::PERM);
        }
        rustix::fs::accessat(self.0, c".", Access::WRITE_OK, AtFlags::EACCESS)
    }

    fn remove_xattr(&self, name: &CStr) -> Result<()> {
        self.set_xattr(name, &[])
    }
}
