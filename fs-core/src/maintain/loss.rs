use std::sync::Arc;

use crate::store::SnapshotRecord;

/// The lost part of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Lost {
    /// The file's content, or a part of it.
    Content,
    /// Entries of a directory, with their names.
    Entries {
        /// Number of lost entries, if known.
        count: Option<u64>,
        /// Name of the last lost entry, if known.
        last: Option<Box<[u8]>>,
    },
    /// The type, content and attributes of the entry.
    Entry,
    /// The extended attributes.
    Xattrs,
    /// The snapshot's table of hard links.
    Links,
    /// Number of further losses in the snapshot, below directories to which too many paths lead. Only a
    /// forged tree has them.
    More(u64),
}

/// A path of a snapshot that cannot be read in full.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DamagedPath {
    /// The snapshot.
    pub snapshot: Arc<SnapshotRecord>,
    /// Path in the snapshot; empty for the root.
    pub path: Vec<u8>,
    /// The lost part of the path.
    pub lost: Lost,
}
