//! What an import could not read is not deleted: it may have been there.

use super::Snapshot;
use crate::format::Status;

/// Whether an import has read what would be at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reading {
    /// It has: what the snapshot does not have was not there.
    #[default]
    Read,
    /// It has not, or not all of it.
    NotRead,
    /// Not everything was read, and nothing tells whether that was.
    PerhapsNotRead,
}

impl Reading {
    /// The words for what is missing for this reason.
    pub fn of_missing(self) -> &'static str {
        match self {
            Reading::Read => "deleted",
            Reading::NotRead => "not read",
            Reading::PerhapsNotRead => "perhaps not read",
        }
    }

    /// Whether what is missing was certainly not there.
    pub fn is_certain(self) -> bool {
        self == Reading::Read
    }
}

impl Snapshot {
    /// Whether what would be at `path`, which the snapshot does not have, was read.
    pub fn reading(&self, path: &[u8]) -> Reading {
        if self.was_read_whole() {
            return Reading::Read;
        }
        let unread = &self.manifest.extensions.unread;
        if unread.covers(path) {
            Reading::NotRead
        } else if unread.more > 0 || unread.is_empty() {
            Reading::PerhapsNotRead
        } else {
            Reading::Read
        }
    }

    /// Whether all of the directory `path`, which the snapshot has, was read.
    pub fn reading_of_directory(&self, path: &[u8]) -> Reading {
        let unread = &self.manifest.extensions.unread;
        if unread.covers(path) || unread.has_below(path) { Reading::NotRead } else { Reading::Read }
    }

    /// Whether nothing is known that was not read.
    pub(super) fn was_read_whole(&self) -> bool {
        let manifest = &self.manifest;
        // Imports of earlier versions tell that there was something, and not what it was. A run that did not copy all
        // files has troubled nobody who read what it did copy.
        let untold = manifest.status == Status::Partial && manifest.totals.troubled > 0;
        manifest.extensions.unread.is_empty() && !untold
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::{BlobId, SnapshotId, Unread};
    use crate::testing::samples;

    fn snapshot(paths: &[&str], more: u64, troubled: u64) -> Snapshot {
        let mut manifest = samples::manifest(BlobId([1; 32]));
        manifest.status = Status::Partial;
        manifest.totals.troubled = troubled;
        let paths = paths.iter().map(|path| path.as_bytes().into()).collect();
        manifest.extensions.unread = Unread { paths, more };
        Snapshot { id: SnapshotId([0; 32]), manifest, through: None }
    }

    #[test]
    fn only_what_was_not_read_counts() {
        let told = snapshot(&["a/b", "c"], 0, 2);
        for (path, reading) in [
            ("a/b", Reading::NotRead),
            ("a/b/below", Reading::NotRead),
            ("c", Reading::NotRead),
            ("a", Reading::Read),
            ("a/bb", Reading::Read),
            ("cc", Reading::Read),
            ("", Reading::Read),
        ] {
            assert_eq!(told.reading(path.as_bytes()), reading, "{path}");
        }
        assert_eq!(told.reading_of_directory(b"a"), Reading::NotRead);
        assert_eq!(told.reading_of_directory(b""), Reading::NotRead);
        assert_eq!(told.reading_of_directory(b"a/bb"), Reading::Read);
    }

    #[test]
    fn what_is_not_listed_is_in_doubt() {
        let some = snapshot(&["c"], 3, 4);
        assert_eq!((some.reading(b"c"), some.reading(b"d")), (Reading::NotRead, Reading::PerhapsNotRead));
        // Of an earlier version.
        assert_eq!(snapshot(&[], 0, 1).reading(b"d"), Reading::PerhapsNotRead);
        // The run of another program.
        assert_eq!(snapshot(&[], 0, 0).reading(b"d"), Reading::Read);
    }
}
