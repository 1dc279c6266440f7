//! Distinguishes paths that an import could not read from deleted ones.

use super::Snapshot;
use crate::format::Status;

/// Whether an import could read a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reading {
    /// The import could read the path. If the snapshot lacks it, it did not exist.
    #[default]
    Read,
    /// The import could not read the path, or not completely.
    NotRead,
    /// Unknown: the import did not read everything, and did not record every path.
    PerhapsNotRead,
}

impl Reading {
    /// The words for a path missing for this reason.
    pub fn of_missing(self) -> &'static str {
        match self {
            Reading::Read => "deleted",
            Reading::NotRead => "not read",
            Reading::PerhapsNotRead => "perhaps not read",
        }
    }

    /// Whether a missing path certainly did not exist.
    pub fn is_certain(self) -> bool {
        self == Reading::Read
    }
}

impl Snapshot {
    /// Whether the import could read `path`, which the snapshot lacks.
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

    /// Whether the import could read all of the directory `path` of the snapshot.
    pub fn reading_of_directory(&self, path: &[u8]) -> Reading {
        let unread = &self.manifest.extensions.unread;
        if unread.covers(path) || unread.has_below(path) { Reading::NotRead } else { Reading::Read }
    }

    /// Whether no path is known that the import could not read.
    pub fn was_read_whole(&self) -> bool {
        let manifest = &self.manifest;
        // Imports of earlier versions record that something was not read, but not what. A partial run of
        // rsync counts no troubled entries, as the import read everything that was copied.
        let is_unrecorded = manifest.status == Status::Partial && manifest.totals.troubled > 0;
        manifest.extensions.unread.is_empty() && !is_unrecorded
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
        Snapshot { id: SnapshotId([0; 32]), manifest }
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
        // An earlier version of the program recorded this.
        assert_eq!(snapshot(&[], 0, 1).reading(b"d"), Reading::PerhapsNotRead);
        // This is a run of another program.
        assert_eq!(snapshot(&[], 0, 0).reading(b"d"), Reading::Read);
    }
}
