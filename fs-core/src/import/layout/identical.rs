//! Compares a tree on disk with a snapshot by names, types, sizes and times.

use std::path::Path;

use crate::format::limits::MAX_DEPTH;
use crate::format::{Entry, Kind};
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
    // The directories on the way down: their names on disk, and their entries in the snapshot.
    let mut pairs = Vec::new();
    let mut below = Some((directory, *id));
    loop {
        if let Some((directory, id)) = below.take() {
            let (names, error) = directory.names();
            if error.is_some() || pairs.len() >= MAX_DEPTH {
                return Ok(false);
            }
            pairs.push((names.into_iter(), DirectoryCursor::new(reader.clone(), id, 0), directory));
        }
        let Some((names, cursor, directory)) = pairs.last_mut() else { return Ok(true) };
        let (name, entry) = match (names.next(), cursor.next_entry()?) {
            (Some(name), Some((kept, entry))) if name.as_bytes() == &*kept => (name, entry),
            (None, None) => {
                pairs.pop();
                continue;
            }
            _ => return Ok(false),
        };
        let Ok(stat) = directory.stat(&name) else { return Ok(false) };
        let is_same = match (&entry.kind, stat.kind) {
            (Kind::Directory(id), FileType::Directory) => {
                below = directory.child(&name).ok().map(|directory| (directory, *id));
                below.is_some()
            }
            (Kind::Symlink(target), FileType::Symlink) => {
                directory.link_target(&name).is_ok_and(|found| found == *target)
            }
            (Kind::File { size, .. }, FileType::RegularFile) => stat.size == *size,
            (Kind::CharDevice { major, minor }, FileType::CharacterDevice)
            | (Kind::BlockDevice { major, minor }, FileType::BlockDevice) => stat.device == (*major, *minor),
            (Kind::Fifo, FileType::Fifo) | (Kind::Socket, FileType::Socket) => true,
            _ => false,
        };
        if !is_same || entry.gaps.is_unread() || stat.attributes.mtime != entry.attributes.mtime {
            return Ok(false);
        }
    }
}
