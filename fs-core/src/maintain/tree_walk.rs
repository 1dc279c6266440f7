//! Walks the trees of snapshots and finds what is lost. A node without losses is entered once, even if many
//! trees share it. A node with losses may be entered for each of its paths, within a bound: a forged tree of
//! few nodes can have more paths than anybody can walk.

use std::collections::HashMap;
use std::sync::Arc;

use super::blobs::{Keys, key};
use super::error::MaintainError;
use super::loss::Lost;
use super::tree_reader::TreeReader;
use crate::format::{BlobId, Content, Entry, Item, Kind, Manifest, Node, Totals};

/// Receives a loss and its path.
pub(super) type OnLoss<'a> = &'a mut dyn FnMut(&[u8], Lost);

/// Receives the number of nodes read so far. Its error ends the walk.
pub(super) type OnStep<'a> = &'a dyn Fn(u64) -> Result<(), MaintainError>;

/// Minimum bound on revisits of nodes with losses, for each snapshot. The bound rises to the number of known
/// nodes. A tree made from files hardly needs more revisits. Beyond the bound, losses are counted without
/// their paths.
const REVISITS: u64 = 10_000;

pub(super) struct TreeWalk<'a> {
    tree: TreeReader<'a>,
    on_step: OnStep<'a>,
    /// Minimum bound on revisits; `None` if no node is entered again.
    revisits: Option<u64>,
    /// Number of nodes read.
    nodes: u64,
    /// Nodes that were walked, with the sums of each node and everything below it.
    known: HashMap<u128, Sums>,
    /// The topmost nodes of directories that have losses in them or below them.
    lossy: Keys,
    /// Results for hard-link tables, as snapshots share them.
    links: HashMap<Content, bool>,
}

/// Sums over a tree.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sums {
    /// Totals of the readable entries.
    pub(super) totals: Totals,
    /// Number of losses, whether reported with a path or not.
    pub(super) losses: u64,
}

/// Result of the walk of a snapshot.
#[derive(Debug, Default)]
pub(super) struct Walked {
    /// Whether the hard-link table is lost. It counts as one of the losses.
    pub(super) links_lost: bool,
    pub(super) sums: Sums,
    /// Number of losses that were not reported with a path.
    pub(super) unreported: u64,
    /// Directories with losses in them or below them that no earlier walk found. Each comes after those below
    /// it.
    pub(super) lossy: Vec<BlobId>,
}

/// A node that is being walked.
struct Open {
    id: BlobId,
    node: Arc<Node>,
    at: usize,
    /// Number of inner nodes above it in its directory.
    depth: u8,
    /// Length of its directory's path in bytes.
    path_len: usize,
    sums: Sums,
}

/// The state of the walk of a snapshot.
struct Walk<'a> {
    on_loss: OnLoss<'a>,
    /// The nodes from the root to the current one.
    open: Vec<Open>,
    /// Keys of these nodes. A set finds a node fast, as a forged tree may be deep.
    entered: Keys,
    revisits: u64,
    /// Number of losses reported with a path.
    reported: u64,
    found: Walked,
}

impl<'a> TreeWalk<'a> {
    /// Makes a walk that enters each node once. So it reports only one path of each loss.
    pub(super) fn once(tree: TreeReader<'a>, on_step: OnStep<'a>) -> Self {
        Self {
            tree,
            on_step,
            revisits: None,
            nodes: 0,
            known: HashMap::new(),
            lossy: Keys::default(),
            links: HashMap::new(),
        }
    }

    /// Makes a walk that reports all paths of each loss, within a bound.
    pub(super) fn of_all_paths(tree: TreeReader<'a>, on_step: OnStep<'a>) -> Self {
        Self { revisits: Some(REVISITS), ..Self::once(tree, on_step) }
    }

    /// Reports the losses of a snapshot, and counts all entries and losses.
    pub(super) fn snapshot(
        &mut self,
        manifest: &Manifest,
        on_loss: OnLoss<'_>,
    ) -> Result<Walked, MaintainError> {
        let (open, entered, found) = (Vec::new(), Keys::new(), Walked::default());
        let mut walk = Walk { on_loss, open, entered, revisits: 0, reported: 0, found };
        if self.links_are_lost(manifest)? {
            walk.found.links_lost = true;
            walk.lose(&[], Lost::Links);
        }
        self.tree(&manifest.root, &mut walk)?;
        walk.found.unreported = walk.found.sums.losses - walk.reported;
        Ok(walk.found)
    }

    fn links_are_lost(&mut self, manifest: &Manifest) -> Result<bool, MaintainError> {
        if let Some(lost) = self.links.get(&manifest.links) {
            return Ok(*lost);
        }
        let lost = self.tree.links_are_lost(manifest)?;
        self.links.insert(manifest.links.clone(), lost);
        Ok(lost)
    }

    fn tree(&mut self, root: &Entry, walk: &mut Walk<'_>) -> Result<(), MaintainError> {
        let mut path = Vec::new();
        walk.found.sums.totals.directories = 1;
        let Kind::Directory(id) = root.kind else { return Ok(()) };
        if self.tree.xattrs_are_lost(root)? {
            walk.lose(&path, Lost::Xattrs);
        }
        if !self.enter(id, 0, 0, walk)? {
            walk.lose(&path, Lost::Entries { count: None, last: None });
        }
        while let Some(top) = walk.open.last_mut() {
            (self.on_step)(self.nodes)?;
            path.truncate(top.path_len);
            let (id, at, depth) = (top.id, top.at, top.depth);
            top.at += 1;
            match &*Arc::clone(&top.node) {
                Node::Inner(children) if at < children.len() => {
                    let child = &children[at];
                    let fits = self.tree.fits(&id, children, at)?;
                    if !fits || !self.enter(child.id, depth + 1, path.len(), walk)? {
                        let last = Some(child.last_name.clone());
                        walk.lose(&path, Lost::Entries { count: Some(child.entries), last });
                    }
                }
                Node::Leaf(leaf) if at < leaf.len() => {
                    if !path.is_empty() {
                        path.push(b'/');
                    }
                    path.extend_from_slice(leaf.name(at));
                    let entry = match self.tree.item(&id, leaf, at)? {
                        Some(Item::Entry(entry)) => entry,
                        // What an import could not read, or excluded, is not lost.
                        Some(Item::Absent(_)) => continue,
                        None => {
                            walk.lose(&path, Lost::Entry);
                            continue;
                        }
                    };
                    let loss = self.tree.loss(&entry)?;
                    if loss != Some(Lost::Content) {
                        top.sums.add(&Sums::of(&entry));
                    }
                    if let Some(loss) = loss {
                        walk.lose(&path, loss);
                    }
                    if let Kind::Directory(id) = entry.kind
                        && !self.enter(id, 0, path.len(), walk)?
                    {
                        walk.lose(&path, Lost::Entries { count: None, last: None });
                    }
                }
                _ => self.leave(walk),
            }
        }
        Ok(())
    }

    /// Enters a node. Returns false if it is lost.
    fn enter(
        &mut self,
        id: BlobId,
        depth: u8,
        path_len: usize,
        walk: &mut Walk<'_>,
    ) -> Result<bool, MaintainError> {
        if let Some(sums) = self.known.get(&key(&id)).copied() {
            let again = self.revisits.is_some_and(|least| walk.revisits < least.max(self.known.len() as u64));
            if sums.losses == 0 || !again {
                walk.top().add(&sums);
                self.note_lossy(id, depth, sums.losses, walk);
                return Ok(true);
            }
            walk.revisits += 1;
        }
        // Hashes cannot form a ring. But a damaged hash and a forged node together might.
        if walk.entered.contains(&key(&id)) {
            return Ok(false);
        }
        self.nodes += 1;
        let Some(node) = self.tree.node(&id, depth)? else {
            self.note_lossy(id, depth, 1, walk);
            return Ok(false);
        };
        walk.entered.insert(key(&id));
        walk.open.push(Open { id, node, at: 0, depth, path_len, sums: Sums::default() });
        Ok(true)
    }

    fn leave(&mut self, walk: &mut Walk<'_>) {
        let Some(left) = walk.open.pop() else { return };
        walk.entered.remove(&key(&left.id));
        walk.top().add(&left.sums);
        self.known.insert(key(&left.id), left.sums);
        self.note_lossy(left.id, left.depth, left.sums.losses, walk);
    }

    fn note_lossy(&mut self, id: BlobId, depth: u8, losses: u64, walk: &mut Walk<'_>) {
        if depth == 0 && losses > 0 && self.lossy.insert(key(&id)) {
            walk.found.lossy.push(id);
        }
    }
}

impl Walk<'_> {
    /// Sums of the current node.
    fn top(&mut self) -> &mut Sums {
        self.open.last_mut().map_or(&mut self.found.sums, |top| &mut top.sums)
    }

    fn lose(&mut self, path: &[u8], lost: Lost) {
        self.reported += 1;
        self.top().add(&Sums { losses: 1, ..Sums::default() });
        (self.on_loss)(path, lost);
    }
}

impl Sums {
    /// Sums of one readable entry.
    fn of(entry: &Entry) -> Self {
        let mut totals = Totals::default();
        match entry.kind {
            Kind::File { size, .. } => (totals.files, totals.bytes) = (1, size),
            Kind::Directory(_) => totals.directories = 1,
            _ => totals.others = 1,
        }
        Self { totals, losses: 0 }
    }

    /// Adds without overflow, as a forged tree may have more entries than a number can hold.
    fn add(&mut self, more: &Sums) {
        let (totals, new) = (&mut self.totals, &more.totals);
        totals.files = totals.files.saturating_add(new.files);
        totals.directories = totals.directories.saturating_add(new.directories);
        totals.others = totals.others.saturating_add(new.others);
        totals.bytes = totals.bytes.saturating_add(new.bytes);
        self.losses = self.losses.saturating_add(more.losses);
    }
}
