//! Predicts what a restore cannot keep, for dry runs. Attributes are set as in a restore, but on what stands
//! for the entry.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{Access, AtFlags};
use rustix::io::Errno;
use rustix::process::geteuid;

use super::attributes::set;
use super::model::{Foreign, Model};
use super::probe::Probe;
use super::rights::{CAP_MKNOD, Rights};
use super::subject::{Settable, Subject};
use super::{Folder, is_device};
use crate::format::XattrSet;
use crate::service::restore::disk::{FileId, Lacking, Site};
use crate::view::{Attr, FileKind};

/// Predicts what an entry created here will lack, and gives it a number of its own. Fails if it cannot be
/// created at all.
pub(in crate::service::restore) fn foresee(
    site: &Site,
    attr: &Attr,
    xattrs: &XattrSet,
) -> io::Result<(Lacking, Option<FileId>)> {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let is_whiteout = attr.kind == FileKind::CharDevice && attr.rdev == (0, 0);
    if is_device(attr.kind) && !is_whiteout && !Rights::own().may_for_all(CAP_MKNOD) {
        return Err(Errno::PERM.into());
    }
    let plain = site.file_system().plain;
    if let Some(plain) = plain {
        plain.check(attr.kind, attr.size)?;
    }
    let lacking = match Probe::new(&site.nearest, attr, site.planned)? {
        Some(probe) => set(&probe, attr, xattrs),
        None => set(&Model::new(&site.nearest, plain), attr, xattrs),
    };
    Ok((lacking, Some((u64::MAX, NUMBER.fetch_add(1, Ordering::Relaxed)))))
}

/// Predicts what an existing folder will lack that gets attributes.
pub(in crate::service::restore) fn foresee_existing(
    folder: &Folder,
    site: &Site,
    attr: &Attr,
    xattrs: &XattrSet,
) -> Lacking {
    let is_own = Subject::open(folder).status().is_ok_and(|status| Rights::own().owns(status.uid));
    if !is_own {
        return set(&Foreign(folder), attr, xattrs);
    }
    match Probe::new(folder, attr, false) {
        Ok(Some(probe)) => {
            probe.imitate(folder);
            set(&probe, attr, xattrs)
        }
        _ => set(&Model::of(folder, site.file_system().plain), attr, xattrs),
    }
}

/// Fails if no hard link can be made here to a file there that has so many names.
pub(in crate::service::restore) fn foresee_link(first: &Site, site: &Site, links: u64) -> io::Result<()> {
    let (there, here) = (first.file_system(), site.file_system());
    if there.mount != here.mount {
        return Err(Errno::XDEV.into());
    }
    if here.plain.is_some() {
        return Err(Errno::PERM.into());
    }
    if here.most_links > 0 && links >= here.most_links {
        return Err(Errno::MLINK.into());
    }
    Ok(())
}

impl Folder {
    /// Fails if no entry can be created in it, even after a change of its mode if `may_change`.
    pub(in crate::service::restore) fn check_writable(&self, may_change: bool) -> io::Result<()> {
        let wanted = Access::WRITE_OK | Access::EXEC_OK;
        let is_own = || rustix::fs::fstat(self).is_ok_and(|stat| stat.st_uid == geteuid().as_raw());
        match rustix::fs::accessat(self, c".", wanted, AtFlags::EACCESS) {
            Err(Errno::ACCESS) if may_change && is_own() => Ok(()),
            checked => Ok(checked?),
        }
    }
}
