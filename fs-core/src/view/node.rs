use std::ops::Deref;
use std::sync::Arc;

use super::access::Access;
use super::difference::Changes;
use crate::format::{BlobId, Entry, Keys, PathKey, SnapshotId};
use crate::history::{Snapshot, joined};
use crate::store::{LinkTable, StoreError};

/// A file or directory of the view.
///
/// A directory belongs to one snapshot only. Anything else is a *version*: path, content and metadata. While
/// a version does not change, it is the same node, with the same inode number, in every snapshot. So a kernel
/// caches its bytes once. Nothing about a version may depend on the snapshot through which it was reached.
#[derive(Debug, Clone)]
pub struct Node {
    pub(super) identity: Identity,
    pub(super) what: What,
    /// Position at which the node can be read again; `None` for a node that is in no directory of a snapshot.
    pub(super) place: Option<Place>,
}

#[derive(Debug, Clone)]
pub(super) enum What {
    /// All sources.
    Root,
    /// One source: its snapshots by time.
    Source(Arc<[u8]>),
    /// A symbolic link from a time expression to the canonical name that it means.
    Alias(Box<[u8]>),
    /// A directory of a snapshot.
    Directory { snapshot: SnapshotRef, key: PathKey, path: Arc<[u8]>, entry: Entry },
    /// The as-of view of a time, by its name.
    AsOf(Arc<str>),
    /// Differences between snapshots.
    Changes(Arc<Changes>),
    /// A path of a source across all snapshots: its versions, and everything that was ever below it.
    Versions { source: Arc<[u8]>, path: Arc<[u8]>, access: Access },
    /// A version of anything but a directory, and its number of names.
    Version { entry: Entry, names: u32 },
}

/// A snapshot, as it is seen in one folder.
#[derive(Debug, Clone)]
pub(super) struct SnapshotRef {
    snapshot: Arc<Snapshot>,
    /// Virtual folder through which the directories are seen; `None` for the snapshot's own folder. Each
    /// folder gives the directories other identities, because a kernel knows a directory in one place only.
    /// Files stay the same.
    through: Option<Identity>,
}

impl SnapshotRef {
    /// The snapshot with its directories seen through `folder`.
    pub(super) fn through(snapshot: &Arc<Snapshot>, folder: Identity) -> Self {
        Self { snapshot: Arc::clone(snapshot), through: Some(folder) }
    }
}

impl From<&Arc<Snapshot>> for SnapshotRef {
    fn from(snapshot: &Arc<Snapshot>) -> Self {
        Self { snapshot: Arc::clone(snapshot), through: None }
    }
}

impl Deref for SnapshotRef {
    type Target = Snapshot;

    fn deref(&self) -> &Snapshot {
        &self.snapshot
    }
}

/// Distinguishes nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Identity {
    /// The inode number, unless it clashes with another node's. [`super::Inodes`] resolves a clash.
    pub(super) ino: u64,
    /// Distinguishes nodes whose `ino` is equal.
    pub(super) check: u32,
}

/// A leaf of a directory of a snapshot.
#[derive(Debug, Clone)]
pub(super) struct Home {
    pub(super) snapshot: SnapshotRef,
    pub(super) directory: PathKey,
    /// Path of the directory.
    pub(super) path: Arc<[u8]>,
    pub(super) leaf: BlobId,
}

/// The position of an entry in a leaf.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) home: Home,
    pub(super) at: u32,
}

/// The inode number that kernels expect of a mount's root.
const ROOT_INO: u64 = 1;
/// Identity of a view's root.
pub(super) const ROOT: Identity = Identity { ino: ROOT_INO, check: 0 };

impl Identity {
    pub(super) fn new(keys: &Keys, parts: &[&[u8]]) -> Self {
        let bits = keys.inode(parts);
        let ino = match bits as u64 {
            // Many programs take 0 for "none", and 1 is the root's number.
            0 | ROOT_INO => 2,
            ino => ino,
        };
        Self { ino, check: (bits >> 64) as u32 }
    }

    fn directory(keys: &Keys, snapshot: &SnapshotRef, key: PathKey) -> Self {
        let (id, key) = (&snapshot.id.0, &key.0);
        match snapshot.through {
            None => Self::new(keys, &[b"directory", id, key]),
            Some(Identity { ino, check }) => {
                let folder = [&ino.to_le_bytes()[..], &check.to_le_bytes()].concat();
                Self::new(keys, &[b"directory through", id, key, &folder])
            }
        }
    }
}

impl Home {
    pub(super) fn is(&self, other: &Home) -> bool {
        self.leaf == other.leaf
            && self.directory == other.directory
            && self.snapshot.through == other.snapshot.through
            && Arc::ptr_eq(&self.snapshot.snapshot, &other.snapshot.snapshot)
    }
}

impl Node {
    /// The node at the top of a mount.
    pub(super) fn top(what: What) -> Self {
        Self { identity: ROOT, what, place: None }
    }

    pub(super) fn source(keys: &Keys, name: &Arc<[u8]>) -> Self {
        let identity = Identity::new(keys, &[b"source", name]);
        Self { identity, what: What::Source(Arc::clone(name)), place: None }
    }

    pub(super) fn alias(keys: &Keys, source: &[u8], name: &[u8], target: &[u8]) -> Self {
        let identity = Identity::new(keys, &[b"alias", source, name, target]);
        Self { identity, what: What::Alias(target.into()), place: None }
    }

    /// The root directory of a snapshot.
    pub(super) fn snapshot(keys: &Keys, snapshot: impl Into<SnapshotRef>) -> Self {
        let (key, snapshot) = (PathKey::ROOT, snapshot.into());
        let identity = Identity::directory(keys, &snapshot, key);
        let entry = snapshot.manifest.root.clone();
        let what = What::Directory { snapshot, key, path: Arc::from([]), entry };
        Self { identity, what, place: None }
    }

    pub(super) fn versions(keys: &Keys, source: &Arc<[u8]>, path: &[u8], access: Access) -> Self {
        let identity = Identity::new(keys, &[b"versions", source, path]);
        let what = What::Versions { source: Arc::clone(source), path: path.into(), access };
        Self { identity, what, place: None }
    }

    /// The node of the entry `name`, encoded as `body`, at `place` in a snapshot with the hard links `links`.
    pub(super) fn child(
        keys: &Keys,
        links: LinkTable<'_>,
        place: Place,
        name: &[u8],
        body: &[u8],
        entry: Entry,
    ) -> Result<Self, StoreError> {
        let Home { snapshot, directory, path, .. } = &place.home;
        if entry.is_directory() {
            let key = keys.path_key(*directory, name);
            let identity = Identity::directory(keys, snapshot, key);
            let path = joined(path, name).into();
            let what = What::Directory { snapshot: snapshot.clone(), key, path, entry };
            return Ok(Self { identity, what, place: Some(place) });
        }
        let group = if links.is_empty() { None } else { links.group(keys.path_key(*directory, name))? };
        let (identity, names) = match group {
            None => (Identity::new(keys, &[b"version", &directory.0, name, body]), 1),
            Some(group) => {
                let names = group.names.to_le_bytes();
                (Identity::new(keys, &[b"linked version", &group.first.0, &names, body]), group.names)
            }
        };
        Ok(Self { identity, what: What::Version { entry, names }, place: Some(place) })
    }

    /// The inode number, unless it clashes with another node's. [`super::Inodes`] resolves a clash.
    pub fn ino(&self) -> u64 {
        self.identity.ino
    }

    /// A number that is equal for the names of one file in a snapshot, and unequal for all else.
    pub fn identity(&self) -> u128 {
        u128::from(self.identity.check) << 64 | u128::from(self.identity.ino)
    }

    /// Id of the snapshot through which the node was reached; `None` for a node outside of all snapshots.
    pub fn snapshot_id(&self) -> Option<SnapshotId> {
        match &self.what {
            What::Directory { snapshot, .. } => Some(snapshot.id),
            _ => self.place.as_ref().map(|place| place.home.snapshot.id),
        }
    }

    /// Whether the node is a directory in a snapshot, or the snapshot itself.
    pub fn is_in_snapshot(&self) -> bool {
        matches!(self.what, What::Directory { .. })
    }

    /// Whether the node never changes. This is true for all nodes but two kinds: folders in which new
    /// snapshots appear, and expressions whose meaning depends on the present time.
    pub fn is_immutable(&self) -> bool {
        match &self.what {
            What::Directory { .. } | What::Version { .. } => true,
            What::Changes(changes) => !matches!(**changes, Changes::Top(_)),
            What::Root | What::Source(_) | What::AsOf(_) | What::Versions { .. } | What::Alias(_) => false,
        }
    }
}
