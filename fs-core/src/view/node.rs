use std::sync::Arc;

use super::Snapshot;
use crate::format::{Entry, Keys, PathKey};
use crate::store::{LinkTable, StoreError};

/// A file or directory of the view.
///
/// A directory is itself in one snapshot only. Anything else is a *version*: path, content and metadata; while it
/// does not change it is the same node, with the same inode number, in every snapshot, so that a kernel caches
/// its bytes once. Nothing about a version may depend on the snapshot through which it was reached.
#[derive(Debug)]
pub struct Node {
    pub(super) identity: u128,
    pub(super) what: What,
}

#[derive(Debug)]
pub(super) enum What {
    /// All sources.
    Root,
    /// One source: its snapshots by time.
    Source(Arc<[u8]>),
    /// A time expression: a symbolic link to the canonical name that it means.
    Alias(Box<[u8]>),
    /// A directory of a snapshot.
    Directory { snapshot: Arc<Snapshot>, key: PathKey, entry: Entry },
    /// A version of anything else, and its number of names.
    Version { entry: Entry, names: u32 },
}

/// The number that kernels expect of a mount's root.
pub(super) const ROOT_INO: u64 = 1;

impl Node {
    /// What the mount shows at its top.
    pub(super) fn top(what: What) -> Self {
        Self { identity: u128::from(ROOT_INO), what }
    }

    pub(super) fn source(keys: &Keys, name: &Arc<[u8]>) -> Self {
        Self { identity: keys.inode(&[b"source", name]), what: What::Source(Arc::clone(name)) }
    }

    pub(super) fn alias(keys: &Keys, source: &[u8], name: &[u8], target: &[u8]) -> Self {
        Self { identity: keys.inode(&[b"alias", source, name, target]), what: What::Alias(target.into()) }
    }

    /// The root directory of a snapshot.
    pub(super) fn snapshot(keys: &Keys, snapshot: &Arc<Snapshot>) -> Self {
        Self::directory(keys, Arc::clone(snapshot), PathKey::ROOT, snapshot.manifest.root.clone())
    }

    fn directory(keys: &Keys, snapshot: Arc<Snapshot>, key: PathKey, entry: Entry) -> Self {
        let identity = keys.inode(&[b"directory", &snapshot.id.0, &key.0]);
        Self { identity, what: What::Directory { snapshot, key, entry } }
    }

    /// The entry `name`, encoded as `body`, of the directory `parent` in a snapshot with these hard links.
    pub(super) fn child(
        keys: &Keys,
        snapshot: &Arc<Snapshot>,
        links: LinkTable<'_>,
        parent: PathKey,
        name: &[u8],
        body: &[u8],
        entry: Entry,
    ) -> Result<Self, StoreError> {
        if entry.is_directory() {
            return Ok(Self::directory(keys, Arc::clone(snapshot), keys.path_key(parent, name), entry));
        }
        let group = if links.is_empty() { None } else { links.group(keys.path_key(parent, name))? };
        let (identity, names) = match group {
            None => (keys.inode(&[b"version", &parent.0, name, body]), 1),
            Some(group) => {
                let names = group.names.to_le_bytes();
                (keys.inode(&[b"linked version", &group.first.0, &names, body]), group.names)
            }
        };
        Ok(Self { identity, what: What::Version { entry, names } })
    }

    /// Its inode number, but for a clash of numbers, which [`super::Inodes`] settles.
    pub fn ino(&self) -> u64 {
        // 0 means "none" to many programs, 1 is the root's.
        match self.identity as u64 {
            0 => 2,
            1 if self.identity != u128::from(ROOT_INO) => 3,
            ino => ino,
        }
    }

    /// Whether what it is never changes: true for all but the folders in which new snapshots appear, and the
    /// expressions whose meaning depends on now.
    pub fn is_immutable(&self) -> bool {
        matches!(self.what, What::Directory { .. } | What::Version { .. })
    }
}
