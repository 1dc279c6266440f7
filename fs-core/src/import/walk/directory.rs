//! Begins the walk of a directory.

use std::ffi::CStr;
use std::io;

use super::file::ReadError;
use super::parent::{ParentDirectory, ParentEntry};
use super::scan::OpenedDirectory;
use super::{Frame, Walk, push, push_absence};
use crate::format::limits::MAX_DEPTH;
use crate::format::{Absence, Attributes, BlobId, Entry, Gaps, Kind, NotRead, PathKey, Slot, Time, Xattrs};
use crate::import::disk::{PrivateMount, Stat, is_gone};
use crate::monitor::TroubleKind;
use crate::store::{DirectoryWriter, StatCursor, StoreError};

const SKIPPED: &str = "left out: it is this repository, or a mount of history";
const MOUNTED: &str = "its content is left out: another file system is mounted there";
const PRIVATE: &str = "left out: it is a private mount of another user";

impl Walk<'_> {
    /// Begins a subdirectory. Of one that cannot be opened, only the attributes are kept.
    pub(super) fn enter(
        &mut self,
        above: &mut Frame,
        name: &CStr,
        stat: &Stat,
        parent: Option<&ParentEntry>,
    ) -> Result<Option<Frame>, ReadError> {
        if self.scanner.exclusions.covers(stat) {
            return self.exclude(above, name, SKIPPED).map(|()| None);
        }
        if self.depth >= MAX_DEPTH {
            return Err(ReadError::unreadable("it is nested too deeply"));
        }
        let opened = match above.entries.open(name, &self.scanner) {
            Ok(opened) => opened,
            Err(error) if is_gone(&error) => return Err(error.into()),
            Err(error) => {
                if self.keep_private_mount(above, name, parent, &error)? {
                    return Ok(None);
                }
                return Err(error.into());
            }
        };
        // A file system may have been mounted here since the entry was examined.
        if self.scanner.exclusions.covers(&opened.stat) {
            return self.exclude(above, name, SKIPPED).map(|()| None);
        }
        let seen_before = seen_before(above, parent);
        let key = self.reader.keys().path_key(above.key, name.to_bytes());
        self.frame(name, key, opened, parent.map(|parent| &parent.entry), seen_before).map(Some)
    }

    /// The frame of an opened directory. `parent` is its entry in the parent snapshot, and `seen_before` has
    /// the slots of that one's stat cache.
    pub(super) fn frame(
        &mut self,
        name: &CStr,
        key: PathKey,
        opened: OpenedDirectory,
        parent: Option<&Entry>,
        seen_before: Option<StatCursor>,
    ) -> Result<Frame, ReadError> {
        let OpenedDirectory { directory, mut stat, xattrs, entries, lacking, left_out } = opened;
        self.check_quiescence(&stat)?;
        let mut xattrs = xattrs.unwrap_or_else(|| directory.xattrs_self());
        self.reveal(&mut stat, &mut xattrs);
        let (xattrs, gaps) = self.xattrs(xattrs)?;
        let mut gaps = Gaps { left_out, ..gaps };
        if left_out {
            self.troubles.note(TroubleKind::Skipped, MOUNTED);
        }
        gaps.content = lacking.map(|error| {
            self.troubles.note(TroubleKind::Incomplete, format!("its content cannot be read: {error}"));
            NotRead::new(&error.to_string(), parent.and_then(|parent| parent.content_id(self.reader.keys())))
        });
        let entry = Entry { gaps, ..unwalked(stat.attributes, xattrs) };
        let file_system = self.file_system(&directory, &stat);
        let parent = match parent {
            Some(Entry { kind: Kind::Directory(id), .. }) => Some(ParentDirectory::new(&self.reader, *id)),
            _ => None,
        };
        Ok(Frame {
            name: name.to_owned(),
            key,
            directory,
            entries,
            parent,
            entry,
            out: DirectoryWriter::default(),
            file_system,
            seen_before: seen_before.and_then(|seen| self.if_on(file_system, seen)),
            slots: Vec::new(),
        })
    }

    /// Stores an empty directory with these attributes.
    pub(super) fn push_empty(
        &mut self,
        above: &mut Frame,
        name: &CStr,
        entry: Entry,
    ) -> Result<(), StoreError> {
        let id = DirectoryWriter::default().finish(self.writer)?;
        self.totals.directories += 1;
        push(above, self.writer, name, Entry { kind: Kind::Directory(id), ..entry }, Slot::UNKNOWN)
    }

    /// Leaves an entry out on purpose.
    fn exclude(&mut self, above: &mut Frame, name: &CStr, reason: &str) -> Result<(), ReadError> {
        self.troubles.note(TroubleKind::Skipped, reason);
        Ok(push_absence(above, self.writer, name, Absence::Excluded)?)
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
        if mount.is_directory {
            self.troubles.note(TroubleKind::Skipped, PRIVATE);
            let entry = match parent.map(|parent| &parent.entry).filter(|entry| entry.is_directory()) {
                // The mount hides the directory, so its attributes count as unchanged.
                Some(hidden) => hidden.clone(),
                None => mount_point(&mount, above.entry.attributes.mtime),
            };
            let gaps = Gaps { xattrs: entry.gaps.xattrs, left_out: true, ..Gaps::default() };
            self.push_empty(above, name, Entry { gaps, ..entry })?;
        } else {
            self.exclude(above, name, PRIVATE)?;
        }
        Ok(true)
    }
}

/// The slots of a directory of the frame in the parent's stat cache.
fn seen_before(above: &mut Frame, parent: Option<&ParentEntry>) -> Option<StatCursor> {
    let ParentEntry { entry, slot } = parent?;
    let Kind::Directory(node) = entry.kind else { return None };
    above.seen_before.as_mut()?.directory(*slot, node)
}

/// Entry of a directory that a mount hides, and of which nothing else is known.
fn mount_point(mount: &PrivateMount, mtime: Time) -> Entry {
    let (uid, gid) = mount.owner;
    unwalked(Attributes { mode: 0o700, uid, gid, mtime }, Xattrs::None)
}

/// A directory's entry, still without its id.
pub(super) fn unwalked(attributes: Attributes, xattrs: Xattrs) -> Entry {
    Entry {
        attributes,
        kind: Kind::Directory(BlobId([0; 32])),
        xattrs,
        changed_while_read: false,
        gaps: Gaps::default(),
    }
}
