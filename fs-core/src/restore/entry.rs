//! What the walk finds, for the threads and for the end of the restore.

use std::io;

use super::claims::Claim;
use super::disk::FileId;
use super::path::RelativePath;
use crate::format::SnapshotId;
use crate::view::{Attr, FileKind, Node, ViewError};

/// An entry to be restored.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) path: RelativePath,
    pub(super) node: Node,
    pub(super) attr: Attr,
    /// An entry with exactly this name existed before the restore. Only such an entry may be replaced: a file
    /// system may treat other names as equal to those that this restore has created.
    pub(super) existed: bool,
    /// Its path, as the file system compares it.
    pub(super) claim: Claim,
    /// Its position in the walk.
    pub(super) order: u64,
}

/// Identifies a file with several names in a snapshot.
pub(super) type LinkKey = (Option<SnapshotId>, u128);

impl Entry {
    /// The file's identity, if it has other names.
    pub(super) fn link_key(&self) -> Option<LinkKey> {
        let is_shared = self.attr.kind != FileKind::Directory && self.attr.nlink > 1;
        is_shared.then(|| (self.node.snapshot_id(), self.node.identity()))
    }
}

/// A restored name of a file, to which its further names can be linked.
#[derive(Debug, Clone)]
pub(super) struct LinkTarget {
    pub(super) path: RelativePath,
    pub(super) id: Option<FileId>,
    /// Number of names that this restore has given the file.
    pub(super) links: u64,
}

/// Work that remains once all files are restored.
#[derive(Debug, Default)]
pub(super) struct Deferred {
    /// Entries to be created last: further names of hard-linked files, and names that equal an earlier name
    /// to the file system. On some platforms, symbolic links also come last.
    pub(super) entries: Vec<Entry>,
    /// Folders and their positions in the walk, parents before children. Their attributes are set last, as
    /// creating entries in a folder changes them.
    pub(super) folders: Vec<(u64, RelativePath, Node)>,
    /// The folder whose time an existing target gets. It keeps its own owner and mode.
    pub(super) top: Option<Node>,
}

/// The reason why an entry was not restored.
pub(super) enum Failure {
    /// Another entry has its name.
    Exists,
    /// Reading from history failed.
    Read(ViewError),
    /// Writing to the target failed.
    Write(io::Error),
    /// The user asked the restore to stop.
    Cancelled,
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::AlreadyExists => Failure::Exists,
            _ => Failure::Write(error),
        }
    }
}

impl From<ViewError> for Failure {
    fn from(error: ViewError) -> Self {
        Failure::Read(error)
    }
}
