//! Begins the walk of a directory.

use std::ffi::CStr;
use std::io;

use super::file::ReadError;
use super::parent::{ParentDirectory, ParentEntry};
use super::{Frame, Walk, push};
use crate::format::limits::MAX_DEPTH;
use crate::format::{Attributes, BlobId, Entry, Kind, Slot, Time, Xattrs};
use crate::import::disk::{PrivateMount, Stat, is_gone};
use crate::monitor::TroubleKind;
use crate::store::{DirectoryWriter, StoreError};

const SKIPPED: &str = "left out: it is this repository, or a mount of history";
const PRIVATE: &str = "left out: it is a private mount of another user";

impl Walk<'_> {
    /// Begins a subdirectory. A directory that cannot be listed is kept as an empty one.
    pub(super) fn enter(
        &mut self,
        above: &mut Frame,
        name: &CStr,
        stat: &Stat,
        parent: Option<&ParentEntry>,
        depth: usize,
    ) -> Result<Option<Frame>, ReadError> {
        if self.scanner.exclusions().covers(stat) {
            self.troubles.note(TroubleKind::Skipped, SKIPPED);
            return Ok(None);
        }
        if depth >= MAX_DEPTH {
            return Err(ReadError::unreadable("it is nested too deeply"));
        }
        let mut opened = match above.entries.open(name, &self.scanner) {
            Ok(opened) => opened,
            Err(error) if is_gone(&error) => return Err(error.into()),
            Err(error) => {
                if self.keep_private_mount(above, name, parent, &error)? {
                    return Ok(None);
                }
                self.troubles.note_unlisted(format!("its content cannot be read: {error}"));
                return self.keep_empty(above, name, stat).map(|()| None);
            }
        };
        if let Some(error) = opened.lacking {
            self.troubles.note_unlisted(format!("its content cannot be read: {error}"));
        }
        // A file system may have been mounted here since the entry was examined.
        if self.scanner.exclusions().covers(&opened.stat) {
            self.troubles.note(TroubleKind::Skipped, SKIPPED);
            return Ok(None);
        }
        self.check_quiescence(&opened.stat)?;
        let mut xattrs = opened.xattrs.unwrap_or_else(|| opened.directory.xattrs_self());
        self.reveal(&mut opened.stat, &mut xattrs);
        let xattrs = self.xattrs(xattrs)?;
        let file_system = self.file_system(&opened.directory, &opened.stat);
        let seen_before = self.seen_before(above, parent, file_system);
        Ok(Some(Frame {
            name: name.to_owned(),
            key: self.reader.keys().path_key(above.key, name.to_bytes()),
            directory: opened.directory,
            entries: opened.entries,
            parent: self.parent_directory(parent.map(|parent| &parent.entry)),
            entry: unwalked(&opened.stat, xattrs),
            out: DirectoryWriter::default(),
            file_system,
            seen_before,
            slots: Vec::new(),
        }))
    }

    /// Keeps a directory that cannot be opened, as its attributes are known.
    fn keep_empty(&mut self, above: &mut Frame, name: &CStr, stat: &Stat) -> Result<(), ReadError> {
        let (mut stat, mut xattrs) = (*stat, above.directory.xattrs(name));
        self.reveal(&mut stat, &mut xattrs);
        let xattrs = self.xattrs(xattrs)?;
        Ok(self.push_empty(above, name, unwalked(&stat, xattrs))?)
    }

    /// Stores an empty directory with these attributes.
    fn push_empty(&mut self, above: &mut Frame, name: &CStr, entry: Entry) -> Result<(), StoreError> {
        let id = DirectoryWriter::default().finish(self.writer)?;
        self.totals.directories += 1;
        push(above, self.writer, name, &Entry { kind: Kind::Directory(id), ..entry }, Slot::UNKNOWN)
    }

    /// Keeps a mount that only its owner may enter as an empty directory. Returns false if the entry is no
    /// such mount. The mounted tree is not part of the walked tree, as with a mount of history.
    pub(super) fn keep_private_mount(
        &mut self,
        above: &mut Frame,
        name: &CStr,
        parent: Option<&ParentEntry>,
        error: &io::Error,
    ) -> Result<bool, ReadError> {
        let refused = error.kind() == io::ErrorKind::PermissionDenied;
        let Some(mount) = refused.then(|| above.directory.private_mount(name)).flatten() else {
            return Ok(false);
        };
        self.troubles.note(TroubleKind::Skipped, PRIVATE);
        if mount.is_directory {
            let entry = match parent.map(|parent| &parent.entry).filter(|entry| entry.is_directory()) {
                // The mount hides the directory, so the directory counts as unchanged.
                Some(hidden) => hidden.clone(),
                None => mount_point(&mount, above.entry.attributes.mtime),
            };
            self.push_empty(above, name, entry)?;
        }
        Ok(true)
    }

    pub(super) fn parent_directory(&self, parent: Option<&Entry>) -> Option<ParentDirectory> {
        match parent?.kind {
            Kind::Directory(id) => Some(ParentDirectory::new(&self.reader, id)),
            _ => None,
        }
    }
}

/// Entry of a directory that a mount hides, and of which nothing else is known.
fn mount_point(mount: &PrivateMount, mtime: Time) -> Entry {
    let (uid, gid) = mount.owner;
    let attributes = Attributes { mode: 0o700, uid, gid, mtime };
    Entry {
        attributes,
        kind: Kind::Directory(BlobId([0; 32])),
        xattrs: Xattrs::None,
        changed_while_read: false,
    }
}

/// A directory's entry, still without its id.
pub(super) fn unwalked(stat: &Stat, xattrs: Xattrs) -> Entry {
    let kind = Kind::Directory(BlobId([0; 32]));
    Entry { attributes: stat.attributes, kind, xattrs, changed_while_read: false }
}
