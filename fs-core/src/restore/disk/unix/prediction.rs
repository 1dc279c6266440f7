//! Predicts the attributes that a restore cannot keep, for dry runs. They are set as in a restore, but on a
//! stand-in for the entry.

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{Access, AtFlags};
use rustix::io::Errno;
use rustix::process::geteuid;

use super::attributes::{lost_time, set, set_mtime, set_rights};
use super::handle::{Handle, SetAttributes};
use super::model::{Model, UnownedFolder};
use super::probe::Probe;
use super::{Folder, is_device};
use crate::format::XattrSet;
use crate::platform::credentials::{CAP_MKNOD, Credentials};
use crate::restore::disk::{Created, LostAttribute, Site};
use crate::view::{Attr, FileKind};

/// Predicts the attributes that an entry created here will lack, and makes up a file id for it. Fails if it
/// cannot be created.
pub(crate) fn predict(site: &Site, attr: &Attr, xattrs: &XattrSet) -> io::Result<Created> {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let is_whiteout = attr.kind == FileKind::CharDevice && attr.rdev == (0, 0);
    if is_device(attr.kind) && !is_whiteout && !Credentials::own().may_for_all(CAP_MKNOD) {
        return Err(Errno::PERM.into());
    }
    let fat = site.file_system().fat;
    if let Some(fat) = fat {
        fat.check(attr.kind, attr.size)?;
    }
    let lost = match probe(site, attr, xattrs)? {
        Some(lost) => lost,
        None => set(&Model::new(&site.nearest, fat), attr, xattrs),
    };
    Ok((lost, Some((u64::MAX, NUMBER.fetch_add(1, Ordering::Relaxed)))))
}

/// Results of trials on unnamed files, which are slow to make: so each result is kept. Almost every entry has
/// another time, so times are set on a few files that are kept open.
#[derive(Debug, Default)]
pub(super) struct Trials {
    /// The lost attributes, and the reason why the time cannot be set at all.
    results: HashMap<Trial, (Vec<LostAttribute>, Option<Errno>)>,
    /// Idle files for setting times; at most one for each thread.
    clocks: Vec<Probe>,
}

/// Everything that decides which attributes are kept, except for the time: the type, whether the folder is
/// planned, owner, group, mode and extended attributes.
type Trial = (FileKind, bool, u32, u32, u16, XattrSet);

/// Maximum number of results that are kept.
const MAX_RESULTS: usize = 10_000;

/// Sets attributes on an unnamed file; `None` if the file system has none. Fails if no entry can be created.
fn probe(site: &Site, attr: &Attr, xattrs: &XattrSet) -> io::Result<Option<Vec<LostAttribute>>> {
    let new = || Probe::new(&site.nearest, attr, site.planned);
    let trial = (attr.kind, site.planned, attr.uid, attr.gid, attr.mode, xattrs.clone());
    // Not locked while attributes are set: threads would wait for each other.
    let (known, clock) = {
        let mut trials = site.file_system().trials();
        (trials.results.get(&trial).cloned(), trials.clocks.pop())
    };
    let (mut lost, time_error) = if let Some(known) = known.filter(|_| !Probe::is_long(attr)) {
        known
    } else {
        let Some(probe) = new()? else { return Ok(None) };
        let result = (set_rights(&probe, attr, xattrs), probe.set_mtime(attr.mtime).err());
        let mut trials = site.file_system().trials();
        if trials.results.len() >= MAX_RESULTS {
            trials.results.clear();
        }
        trials.results.insert(trial, result.clone());
        result
    };
    let clock = clock.map_or_else(new, |clock| Ok(Some(clock)))?;
    match time_error {
        Some(error) => lost.push(lost_time(Err(error))),
        None => lost.extend(clock.as_ref().and_then(|clock| set_mtime(clock, attr))),
    }
    site.file_system().trials().clocks.extend(clock);
    Ok(Some(lost))
}

/// Predicts the attributes that an existing folder will lack after they are set.
pub(crate) fn predict_existing(
    folder: &Folder,
    site: &Site,
    attr: &Attr,
    xattrs: &XattrSet,
) -> Vec<LostAttribute> {
    let is_own = Handle::open(folder).status().is_ok_and(|status| Credentials::own().owns(status.uid));
    if !is_own {
        return set(&UnownedFolder(folder), attr, xattrs);
    }
    match Probe::new(folder, attr, false) {
        Ok(Some(probe)) => {
            probe.imitate(folder);
            set(&probe, attr, xattrs)
        }
        _ => set(&Model::of(folder, site.file_system().fat), attr, xattrs),
    }
}

/// Fails if no further hard link can be made here to a file there that already has `links` names.
pub(crate) fn predict_link(first: &Site, site: &Site, links: u64) -> io::Result<()> {
    let (there, here) = (first.file_system(), site.file_system());
    if there.mount != here.mount {
        return Err(Errno::XDEV.into());
    }
    if here.fat.is_some() {
        return Err(Errno::PERM.into());
    }
    if here.most_links > 0 && links >= here.most_links {
        return Err(Errno::MLINK.into());
    }
    Ok(())
}

impl Folder {
    /// Fails if no entry can be created in this folder, even after a change of its mode if `may_change`.
    pub(crate) fn check_writable(&self, may_change: bool) -> io::Result<()> {
        let wanted = Access::WRITE_OK | Access::EXEC_OK;
        let is_own = || rustix::fs::fstat(self).is_ok_and(|stat| stat.st_uid == geteuid().as_raw());
        match rustix::fs::accessat(self, c".", wanted, AtFlags::EACCESS) {
            Err(Errno::ACCESS) if may_change && is_own() => Ok(()),
            checked => Ok(checked?),
        }
    }
}
