//! Restores one entry that is no folder.

use std::ffi::CStr;
use std::io;

use super::content::{self, ContentError};
use super::disk::{self, Existing, FileId, Folder, Lack, Lacking, Site};
use super::{Entry, First, Links, Shared};
use crate::store::StoreError;
use crate::view::{FileKind, ViewError};

/// The reason why an entry was not restored.
pub(super) enum Reason {
    /// Another entry has its name.
    Exists,
    /// Reading from history failed.
    Read(ViewError),
    /// Writing to the target failed.
    Write(io::Error),
    /// The user asked the restore to stop.
    Cancelled,
}

impl From<io::Error> for Reason {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::AlreadyExists => Reason::Exists,
            _ => Reason::Write(error),
        }
    }
}

impl From<ContentError> for Reason {
    fn from(error: ContentError) -> Self {
        match error {
            ContentError::Read(error) => Reason::Read(error),
            ContentError::Write(error) => error.into(),
            ContentError::Cancelled => Reason::Cancelled,
        }
    }
}

impl From<ViewError> for Reason {
    fn from(error: ViewError) -> Self {
        Reason::Read(error)
    }
}

impl From<StoreError> for Reason {
    fn from(error: StoreError) -> Self {
        Reason::Read(error.into())
    }
}

/// A created entry.
#[derive(Debug, Default)]
pub(super) struct Made {
    /// Attributes that could not be set.
    pub(super) lacking: Lacking,
    /// Identifies the file, unless the entry is a hard link.
    pub(super) id: Option<FileId>,
}

impl Made {
    /// Notes that the entry is a copy because a hard link failed.
    pub(super) fn is_copy(&mut self, failed: Option<io::Error>) {
        let reason = failed.map_or_else(String::new, |error| error.to_string());
        let reason = format!("it is a copy, as it cannot be linked: {reason}");
        self.lacking.push(Lack { what: "hard link".into(), reason, expected: false });
    }
}

/// How to restore an entry.
pub(super) enum Deed {
    /// Create it: its name is free.
    Make,
    /// Replace an existing entry.
    Replace,
    /// Keep the existing entry.
    Keep(Option<FileId>),
}

/// Creates the entry as `name` in `folder`.
pub(super) fn make(
    shared: &Shared<'_>,
    folder: &Folder,
    name: &CStr,
    entry: &Entry,
    replace: bool,
) -> Result<Made, Reason> {
    let Entry { node, attr, .. } = entry;
    let xattrs = shared.view.xattrs(node)?;
    if attr.kind == FileKind::File {
        let (unfinished, mut file) = folder.begin(|folder, name| folder.make_file(name, &xattrs))?;
        content::write(shared.view, node, attr, &mut file, shared.cancellation)?;
        let (lacking, id) = disk::set_file(&file, attr, &xattrs);
        unfinished.finish(name, replace)?;
        disk::seal(&file, attr)?;
        return Ok(Made { lacking, id });
    }
    let (unfinished, ()) = if attr.kind == FileKind::Symlink {
        let target = shared.view.read_link(node)?;
        folder.begin(|folder, name| folder.make_symlink(name, target, &xattrs))?
    } else {
        folder.begin(|folder, name| folder.make_special(name, attr))?
    };
    let (lacking, id) = disk::set_unopened(&unfinished, attr, &xattrs)?;
    unfinished.finish(name, replace)?;
    Ok(Made { lacking, id })
}

/// Predicts the result of creating an entry in this folder. With `may_change`, the restore changes the
/// folder's mode first.
pub(super) fn foresee(
    shared: &Shared<'_>,
    site: &Site,
    entry: &Entry,
    links: &Links<'_>,
    replace: bool,
    may_change: bool,
) -> Result<Made, Reason> {
    if let Some(folder) = site.existing() {
        folder.check_writable(may_change)?;
    }
    let mut failed = None;
    for (nth, First { names, links: count, .. }) in links.firsts.iter().enumerate().rev() {
        let (Some((above, _)), Some(target)) = (names.split(), links.target) else { continue };
        match target.below(above).and_then(|first| disk::foresee_link(&first, site, *count)) {
            Ok(()) => {
                check_given(site, entry, links, replace)?;
                shared.linked(entry, nth);
                return Ok(Made::default());
            }
            Err(error) => failed = Some(error),
        }
    }
    let (lacking, id) = disk::foresee(site, &entry.attr, &shared.view.xattrs(&entry.node)?)?;
    let mut made = Made { lacking, id };
    if failed.is_some() {
        made.is_copy(failed);
    }
    check_given(site, entry, links, replace)?;
    Ok(made)
}

/// Fails if a new entry cannot get its name.
fn check_given(site: &Site, entry: &Entry, links: &Links<'_>, replace: bool) -> Result<(), Reason> {
    let Some((_, name)) = entry.names.split() else { return Ok(()) };
    site.check_given(name, replace)?;
    if links.is_taken && !entry.there { Err(Reason::Exists) } else { Ok(()) }
}

/// Decides how to restore an entry whose name existed before. `first` is the file that it is a hard link to.
pub(super) fn decide(
    shared: &Shared<'_>,
    folder: &Folder,
    name: &CStr,
    entry: &Entry,
    first: Option<FileId>,
) -> Result<Deed, Reason> {
    let Entry { node, attr, .. } = entry;
    let overwrite = shared.options.overwrite;
    let target = match attr.kind {
        FileKind::Symlink => shared.view.read_link(node)?,
        _ => &[],
    };
    let xattrs = shared.view.xattrs(node)?;
    match folder.existing(name, attr, &xattrs, target)? {
        Existing::Nothing => return Ok(Deed::Make),
        Existing::Folder if overwrite => return Err(Reason::Write(io::ErrorKind::IsADirectory.into())),
        Existing::Folder => return Err(Reason::Exists),
        Existing::Different(id) | Existing::Alike(id, _) if first.is_some() && first == id => {
            return Ok(Deed::Keep(id));
        }
        Existing::Alike(id, file) if first.is_none() || !overwrite => {
            let is_same = match file {
                Some(mut file) => content::is_same(shared.view, node, attr, &mut file, shared.cancellation)?,
                None => true,
            };
            if is_same {
                return Ok(Deed::Keep(id));
            }
        }
        Existing::Alike(..) | Existing::Different(_) => {}
    }
    if overwrite { Ok(Deed::Replace) } else { Err(Reason::Exists) }
}
