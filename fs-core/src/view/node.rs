use std::ops::Deref;
use std::sync::Arc;

use super::virtual_folder::VirtualFolder;
use super::{View, ViewError};
use crate::format::{BlobId, Entry, Keys, Kind, PathKey, SnapshotId};
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
    pub(super) kind: NodeKind,
    /// Position at which the node can be read again; `None` for a node that is in no directory of a snapshot.
    pub(super) entry_ref: Option<EntryRef>,
}

#[derive(Debug, Clone)]
pub(super) enum NodeKind {
    /// A folder made of snapshots.
    Virtual(Arc<dyn VirtualFolder>),
    /// A symbolic link from a time expression to the canonical name that it means.
    Alias(Box<[u8]>),
    /// A directory of a snapshot.
    Directory { tree: Tree, entry: Entry },
    /// A version of anything but a directory, and its number of names.
    Version { entry: Entry, names: u32 },
}

/// A directory of a snapshot, without its attributes.
#[derive(Debug, Clone)]
pub(super) struct Tree {
    pub(super) snapshot: SnapshotRef,
    pub(super) key: PathKey,
    pub(super) path: Arc<[u8]>,
    pub(super) id: BlobId,
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
pub(super) struct LeafRef {
    pub(super) snapshot: SnapshotRef,
    pub(super) directory: PathKey,
    /// Path of the directory.
    pub(super) path: Arc<[u8]>,
    pub(super) id: BlobId,
}

/// The position of an entry in a leaf.
#[derive(Debug, Clone)]
pub(super) struct EntryRef {
    pub(super) leaf: LeafRef,
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

    fn directory(keys: &Keys, tree: &Tree) -> Self {
        let (id, key) = (&tree.snapshot.id.0, &tree.key.0);
        match tree.snapshot.through {
            None => Self::new(keys, &[b"directory", id, key]),
            Some(Identity { ino, check }) => {
                let folder = [&ino.to_le_bytes()[..], &check.to_le_bytes()].concat();
                Self::new(keys, &[b"directory through", id, key, &folder])
            }
        }
    }
}

impl LeafRef {
    pub(super) fn is(&self, other: &LeafRef) -> bool {
        self.id == other.id
            && self.directory == other.directory
            && self.snapshot.through == other.snapshot.through
            && Arc::ptr_eq(&self.snapshot.snapshot, &other.snapshot.snapshot)
    }
}

impl Tree {
    /// The root of a snapshot.
    pub(super) fn root(snapshot: SnapshotRef) -> Self {
        let Kind::Directory(id) = snapshot.manifest.root.kind else {
            unreachable!("a decoded manifest's root is a directory")
        };
        Self { snapshot, key: PathKey::ROOT, path: Arc::from([]), id }
    }

    /// The directory that a node is.
    pub(super) fn of(node: &Node) -> Option<&Self> {
        match &node.kind {
            NodeKind::Directory { tree, .. } => Some(tree),
            _ => None,
        }
    }

    /// The position of an entry in the directory's leaf `id`.
    pub(super) fn entry_ref(&self, id: BlobId, at: usize) -> EntryRef {
        let (snapshot, path) = (self.snapshot.clone(), Arc::clone(&self.path));
        EntryRef { leaf: LeafRef { snapshot, directory: self.key, path, id }, at: at as u32 }
    }
}

impl Node {
    /// A node that is in no directory of a snapshot.
    fn outside(identity: Identity, kind: NodeKind) -> Self {
        Self { identity, kind, entry_ref: None }
    }

    /// The folder at the top of a mount.
    pub(super) fn top(folder: impl VirtualFolder + 'static) -> Self {
        Self::outside(ROOT, NodeKind::Virtual(Arc::new(folder)))
    }

    pub(super) fn folder(keys: &Keys, folder: impl VirtualFolder + 'static) -> Self {
        Self::outside(folder.identity(keys), NodeKind::Virtual(Arc::new(folder)))
    }

    pub(super) fn alias(keys: &Keys, source: &[u8], name: &[u8], target: &[u8]) -> Self {
        let identity = Identity::new(keys, &[b"alias", source, name, target]);
        Self::outside(identity, NodeKind::Alias(target.into()))
    }

    /// The root directory of a snapshot.
    pub(super) fn snapshot(keys: &Keys, snapshot: impl Into<SnapshotRef>) -> Self {
        let tree = Tree::root(snapshot.into());
        let (identity, entry) = (Identity::directory(keys, &tree), tree.snapshot.manifest.root.clone());
        Self::outside(identity, NodeKind::Directory { tree, entry })
    }

    /// The node of the entry `name`, encoded as `body`.
    pub(super) fn child(
        view: &View,
        entry_ref: EntryRef,
        name: &[u8],
        body: &[u8],
        entry: Entry,
    ) -> Result<Self, StoreError> {
        let keys = view.keys();
        let LeafRef { snapshot, directory, path, .. } = &entry_ref.leaf;
        let (identity, kind) = if let Kind::Directory(id) = entry.kind {
            let (key, path) = (keys.path_key(*directory, name), joined(path, name).into());
            let tree = Tree { snapshot: snapshot.clone(), key, path, id };
            (Identity::directory(keys, &tree), NodeKind::Directory { tree, entry })
        } else {
            let manifest = &snapshot.manifest;
            let links = LinkTable::new(view.reader(), &manifest.links, manifest.links_len);
            let group = if links.is_empty() { None } else { links.group(keys.path_key(*directory, name))? };
            let (identity, names) = match group {
                None => (Identity::new(keys, &[b"version", &directory.0, name, body]), 1),
                Some(group) => {
                    let names = group.names.to_le_bytes();
                    (Identity::new(keys, &[b"linked version", &group.first.0, &names, body]), group.names)
                }
            };
            (identity, NodeKind::Version { entry, names })
        };
        Ok(Self { identity, kind, entry_ref: Some(entry_ref) })
    }

    /// The same node, as the present snapshots make it; `None` if it does not depend on them.
    pub(super) fn renewed(&self, view: &View) -> Option<Result<Self, ViewError>> {
        match &self.kind {
            NodeKind::Virtual(folder) => folder.renewed(view),
            _ => None,
        }
    }

    /// The recorded entry of a node in a snapshot, or of the directory for which a virtual folder stands.
    pub(super) fn entry(&self) -> Option<&Entry> {
        match &self.kind {
            NodeKind::Directory { entry, .. } | NodeKind::Version { entry, .. } => Some(entry),
            NodeKind::Virtual(folder) => folder.entry(),
            NodeKind::Alias(_) => None,
        }
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
        let of_entry = || Some(self.entry_ref.as_ref()?.leaf.snapshot.id);
        Tree::of(self).map(|tree| tree.snapshot.id).or_else(of_entry)
    }

    /// Path in its snapshot of a node that was looked up as `name`. Empty for the snapshot itself.
    pub fn path(&self, name: &[u8]) -> Vec<u8> {
        match (Tree::of(self), &self.entry_ref) {
            (Some(tree), _) => tree.path.to_vec(),
            (None, Some(entry_ref)) => joined(&entry_ref.leaf.path, name),
            (None, None) => name.to_vec(),
        }
    }

    /// Whether the node is a directory in a snapshot, or the snapshot itself.
    pub fn is_in_snapshot(&self) -> bool {
        Tree::of(self).is_some()
    }

    /// Whether the node never changes. This is true for all nodes but two kinds: folders in which new
    /// snapshots appear, and expressions whose meaning depends on the present time.
    pub fn is_immutable(&self) -> bool {
        match &self.kind {
            NodeKind::Directory { .. } | NodeKind::Version { .. } => true,
            NodeKind::Virtual(folder) => folder.is_immutable(),
            NodeKind::Alias(_) => false,
        }
    }
}
