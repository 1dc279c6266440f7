//! Compares a tree on disk with a snapshot by names, types, sizes and times.

use std::ffi::CString;
use std::io;
use std::path::Path;

use crate::format::limits::MAX_DEPTH;
use crate::format::{BlobId, Entry, Kind};
use crate::import::disk::{Directory, FileType};
use crate::store::{DirectoryCursor, Reader, StoreError};

/// Whether `tree` has the names, types, sizes and modification times of the snapshot's `root`, in all
/// directories. Owners and modes may differ: if levels share files, a later run changes them in all levels.
/// An unreadable entry counts as different. The comparison stops at the first difference.
pub(in crate::import) fn is_identical(
    tree: &Path,
    root: &Entry,
    reader: &Reader,
) -> Result<bool, StoreError> {
    let opened = Directory::open(tree).and_then(|directory| Ok((directory.stat_self()?, directory)));
    let (Ok((stat, directory)), Kind::Directory(id)) = (opened, &root.kind) else { return Ok(false) };
    if stat.attributes.mtime != root.attributes.mtime {
        return Ok(false);
    }
    let mut pairs = Vec::new();
    let mut below = Some((directory, *id));
    loop {
        if let Some((directory, id)) = below.take() {
            let (Some(pair), true) = (Pair::new(directory, id, reader), pairs.len() < MAX_DEPTH) else {
                return Ok(false);
            };
            pairs.push(pair);
        }
        let Some(pair) = pairs.last_mut() else { return Ok(true) };
        match pair.step()? {
            Step::Same => {}
            Step::Below(directory, id) => below = Some((directory, id)),
            Step::End => drop(pairs.pop()),
            Step::Different => return Ok(false),
        }
    }
}

/// One directory, on disk and in the snapshot.
struct Pair {
    directory: Directory,
    names: std::vec::IntoIter<CString>,
    cursor: DirectoryCursor,
}

enum Step {
    Same,
    Below(Directory, BlobId),
    End,
    Different,
}

impl Pair {
    fn new(directory: Directory, id: BlobId, reader: &Reader) -> Option<Self> {
        let (names, error) = directory.names();
        let cursor = DirectoryCursor::new(reader.clone(), id, 0);
        error.is_none().then(|| Self { directory, names: names.into_iter(), cursor })
    }

    fn step(&mut self) -> Result<Step, StoreError> {
        let (name, entry) = match (self.names.next(), self.cursor.next_entry()?) {
            (None, None) => return Ok(Step::End),
            (Some(name), Some((kept, entry))) if name.as_bytes() == &*kept => (name, entry),
            _ => return Ok(Step::Different),
        };
        Ok(self.look(&name, &entry).unwrap_or(Step::Different))
    }

    fn look(&self, name: &CString, entry: &Entry) -> io::Result<Step> {
        let stat = self.directory.stat(name)?;
        if stat.attributes.mtime != entry.attributes.mtime {
            return Ok(Step::Different);
        }
        let is_same = match (&entry.kind, stat.kind) {
            (Kind::Directory(id), FileType::Directory) => {
                return Ok(Step::Below(self.directory.child(name)?, *id));
            }
            (Kind::Symlink(target), FileType::Symlink) => self.directory.link_target(name)? == *target,
            (Kind::File { size, .. }, FileType::RegularFile) => stat.size == *size,
            (Kind::CharDevice { major, minor }, FileType::CharacterDevice)
            | (Kind::BlockDevice { major, minor }, FileType::BlockDevice) => stat.device == (*major, *minor),
            (Kind::Fifo, FileType::Fifo) | (Kind::Socket, FileType::Socket) => true,
            _ => false,
        };
        Ok(if is_same { Step::Same } else { Step::Different })
    }
}
