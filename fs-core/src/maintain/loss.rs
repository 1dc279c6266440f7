use crate::format::{SnapshotId, Time};

/// What of a path cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Lost {
    /// A file's content, or a part of it.
    Content,
    /// Entries of a directory, whose names are lost with them.
    Entries {
        /// How many, if that is known.
        count: Option<u64>,
        /// The name of the last one, if that is known.
        last: Option<Box<[u8]>>,
    },
    /// What the entry is.
    Entry,
    /// Its extended attributes.
    Xattrs,
    /// Which of the snapshot's files are hard links to each other.
    Links,
    /// So many further things in the snapshot, below directories that too many paths lead to: only a tree that was forged
    /// has them.
    More(u64),
}

/// Something in a snapshot that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loss {
    /// The snapshot.
    pub snapshot: SnapshotId,
    /// Its source.
    pub source: Box<[u8]>,
    /// Its time.
    pub time: Time,
    /// Its number in its second; `None` if it was committed without.
    pub number: Option<u32>,
    /// The path in it; empty for its root.
    pub path: Vec<u8>,
    /// What of it.
    pub lost: Lost,
}
