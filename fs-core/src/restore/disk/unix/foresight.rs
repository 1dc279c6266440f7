//! Predicts the attributes that a restore cannot keep, for dry runs. They are set as in a restore, but on a
//! stand-in for the entry.

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{Access, AtFlags};
use rustix::io::Errno;
use rustix::process::geteuid;

use super::attributes::{lost_time, set, set_mtime, set_rights};
use super::model::{Foreign, Model};
use super::probe::Probe;
use super::rights::{CAP_MKNOD, Rights};
use super::subject::{Settable, Subject};
use super::{Folder, is_device};
use crate::format::XattrSet;
use crate::restore::disk::{FileId, Lacking, Site};
use crate::view::{Attr, FileKind};

/// Predicts the attributes that an entry created here will lack, and makes up a file id for it. Fails if it
/// cannot be created.
pub(in crate::restore) fn foresee(
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
    let lacking = match probed(site, attr, xattrs)? {
        Some(lacking) => lacking,
        None => set(&Model::new(&site.nearest, plain), attr, xattrs),
    };
    Ok((lacking, Some((u64::MAX, NUMBER.fetch_add(1, Ordering::Relaxed)))))
}

/// Unnamed files are slow to make. So each result is cached by value. Almost every entry has another time, so
/// times are set on a few files that are kept open.
#[derive(Debug, Default)]
pub(super) struct Shown {
    lost: HashMap<Value, Lost>,
    /// Idle files for setting times; at most one for each thread.
    clocks: Vec<Probe>,
}

/// Everything that decides which attributes are kept, except for the time.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Value {
    kind: (bool, bool, bool),
    planned: bool,
    owners: (u32, u32),
    mode: u16,
    xattrs: Vec<u8>,
}

/// Attributes that an entry will lack, and the reason why its time cannot be set at all.
#[derive(Debug, Clone)]
struct Lost {
    lacking: Lacking,
    time: Option<Errno>,
}

/// Maximum number of cached values.
const MAX_SHOWN: usize = 10_000;

impl Value {
    fn of(site: &Site, attr: &Attr, xattrs: &XattrSet) -> Self {
        let is = |kind| attr.kind == kind;
        let kind = (is(FileKind::File), is(FileKind::Directory), is(FileKind::Symlink));
        let mut bytes = Vec::new();
        for name in xattrs.names() {
            let value = xattrs.get(name).unwrap_or_default();
            bytes.extend([name.len() as u64, value.len() as u64].into_iter().flat_map(u64::to_le_bytes));
            bytes.extend(name.iter().chain(value));
        }
        let owners = (attr.uid, attr.gid);
        Self { kind, planned: site.planned, owners, mode: attr.mode, xattrs: bytes }
    }
}

/// Sets attributes on an unnamed file; `None` if the file system has none. Fails if no entry can be created.
fn probed(site: &Site, attr: &Attr, xattrs: &XattrSet) -> io::Result<Option<Lacking>> {
    let new = || Probe::new(&site.nearest, attr, site.planned);
    let value = Value::of(site, attr, xattrs);
    // Not locked while attributes are set: threads would wait for each other.
    let (known, clock) = {
        let mut shown = site.file_system().shown();
        (shown.lost.get(&value).cloned(), shown.clocks.pop())
    };
    let mut lost = if let Some(lost) = known.filter(|_| !Probe::is_long(attr)) {
        lost
    } else {
        let Some(probe) = new()? else { return Ok(None) };
        let lacking = set_rights(&probe, attr, xattrs);
        let lost = Lost { lacking, time: probe.set_mtime(attr.mtime).err() };
        let mut shown = site.file_system().shown();
        if shown.lost.len() >= MAX_SHOWN {
            shown.lost.clear();
        }
        shown.lost.insert(value, lost.clone());
        lost
    };
    if let Some(error) = lost.time {
        lost.lacking.push(lost_time(Err(error)));
    }
    let clock = clock.map_or_else(new, |clock| Ok(Some(clock)))?;
    if let Some(clock) = clock {
        if lost.time.is_none() {
            lost.lacking.extend(set_mtime(&clock, attr));
        }
        site.file_system().shown().clocks.push(clock);
    }
    Ok(Some(lost.lacking))
}

/// Predicts the attributes that an existing folder will lack after they are set.
pub(in crate::restore) fn foresee_existing(
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

/// Fails if no further hard link can be made here to a file there that already has `links` names.
pub(in crate::restore) fn foresee_link(first: &Site, site: &Site, links: u64) -> io::Result<()> {
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
    /// Fails if no entry can be created in this folder, even after a change of its mode if `may_change`.
    pub(in crate::restore) fn check_writable(&self, may_change: bool) -> io::Result<()> {
        let wanted = Access::WRITE_OK | Access::EXEC_OK;
        let is_own = || rustix::fs::fstat(self).is_ok_and(|stat| stat.st_uid == geteuid().as_raw());
        match rustix::fs::accessat(self, c".", wanted, AtFlags::EACCESS) {
            Err(Errno::ACCESS) if may_change && is_own() => Ok(()),
            checked => Ok(checked?),
        }
    }
}
