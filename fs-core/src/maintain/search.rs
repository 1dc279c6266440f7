//! Finds the losses in snapshots' trees. A subtree without losses is entered once, even if many trees share
//! it. A subtree with losses is entered for each path, within a bound. A forged tree of few nodes can have
//! more paths than anybody can walk.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::sync::Arc;

use super::blobs::{Keys, OwnBits, key};
use super::judge::Judge;
use super::{Lost, MaintainError};
use crate::format::limits::MAX_LEVELS;
use crate::format::{BlobId, Content, Entry, Kind, Manifest, Node, Totals};
use crate::monitor::Cancellation;

/// Receives a loss and its path.
pub(super) type Tell<'a> = &'a mut dyn FnMut(&[u8], Lost);

/// Minimum bound on revisits of nodes with losses, for each snapshot. The bound rises to the number of known
/// nodes. A tree made from files hardly needs more revisits. Beyond the bound, losses are counted without
/// their paths.
const REVISITS: u64 = 10_000;

pub(super) struct Search<'a> {
    judge: Judge<'a>,
    cancellation: &'a Cancellation,
    /// Nodes that were searched, with the result for each node and everything below it.
    known: HashMap<u128, Found, BuildHasherDefault<OwnBits>>,
    /// The topmost nodes of directories that have losses in them or below them.
    harmed: Keys,
    /// Results for hard-link tables, as snapshots share them.
    links: HashMap<Content, bool>,
    revisits: u64,
}

/// Sums over a tree.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Found {
    /// Totals of the readable entries.
    pub(super) totals: Totals,
    /// Number of losses, whether reported with a path or not.
    pub(super) losses: u64,
}

/// Result of searching a snapshot.
pub(super) struct Searched {
    /// Whether the hard-link table is lost. It counts as one of the losses.
    pub(super) links_lost: bool,
    pub(super) found: Found,
    /// Number of losses that were not reported with a path.
    pub(super) untold: u64,
}

/// A node that is being searched.
struct Open {
    id: BlobId,
    node: Arc<Node>,
    at: usize,
    /// Number of inner nodes above it in its directory.
    depth: u8,
    /// Length of its directory's path in bytes.
    path_len: usize,
    found: Found,
}

/// The nodes from the root to the one that is being searched.
#[derive(Default)]
struct Stack {
    open: Vec<Open>,
    /// Keys of these nodes. A set finds a node fast, as a forged tree may be deep.
    entered: Keys,
    all: Found,
    /// Number of losses reported with a path.
    told: u64,
}

impl<'a> Search<'a> {
    pub(super) fn new(judge: Judge<'a>, cancellation: &'a Cancellation) -> Self {
        Self {
            judge,
            cancellation,
            known: HashMap::default(),
            harmed: Keys::default(),
            links: HashMap::new(),
            revisits: 0,
        }
    }

    /// Returns the topmost nodes of directories that have losses in them or below them.
    pub(super) fn into_harmed(self) -> Keys {
        self.harmed
    }

    /// Calls `tell` for the losses of a snapshot, and counts all entries and losses.
    pub(super) fn snapshot(
        &mut self,
        manifest: &Manifest,
        tell: Tell<'_>,
    ) -> Result<Searched, MaintainError> {
        self.revisits = 0;
        let mut stack = Stack::default();
        let links_lost = self.links_are_bad(manifest)?;
        if links_lost {
            stack.lose(tell, &[], Lost::Links);
        }
        self.tree(&manifest.root, &mut stack, tell)?;
        Ok(Searched { links_lost, found: stack.all, untold: stack.all.losses - stack.told })
    }

    fn links_are_bad(&mut self, manifest: &Manifest) -> Result<bool, MaintainError> {
        if let Some(bad) = self.links.get(&manifest.links) {
            return Ok(*bad);
        }
        let bad = self.judge.links_are_bad(manifest)?;
        self.links.insert(manifest.links.clone(), bad);
        Ok(bad)
    }

    fn tree(&mut self, root: &Entry, stack: &mut Stack, tell: Tell<'_>) -> Result<(), MaintainError> {
        let mut path = Vec::new();
        stack.all.totals.directories = 1;
        let Kind::Directory(id) = root.kind else { return Ok(()) };
        if self.judge.xattrs_are_bad(root)? {
            stack.lose(tell, &path, Lost::Xattrs);
        }
        if !self.enter(id, 0, 0, stack)? {
            stack.lose(tell, &path, Lost::Entries { count: None, last: None });
        }
        while let Some(top) = stack.open.last_mut() {
            path.truncate(top.path_len);
            let (at, depth) = (top.at, top.depth);
            top.at += 1;
            match &*Arc::clone(&top.node) {
                Node::Inner(children) if at < children.len() => {
                    let child = &children[at];
                    let lost = !self.judge.fits(children, at)?;
                    if lost || !self.enter(child.id, depth + 1, path.len(), stack)? {
                        let last = Some(child.last_name.clone());
                        stack.lose(tell, &path, Lost::Entries { count: Some(child.entries), last });
                    }
                }
                Node::Leaf(leaf) if at < leaf.len() => {
                    if !path.is_empty() {
                        path.push(b'/');
                    }
                    path.extend_from_slice(leaf.name(at));
                    let Ok(entry) = leaf.entry(at) else {
                        stack.lose(tell, &path, Lost::Entry);
                        continue;
                    };
                    let loss = self.judge.loss(&entry)?;
                    if loss != Some(Lost::Content) {
                        top.found.add(&Found::one(&entry));
                    }
                    if let Some(loss) = loss {
                        stack.lose(tell, &path, loss);
                    }
                    if let Kind::Directory(id) = entry.kind
                        && !self.enter(id, 0, path.len(), stack)?
                    {
                        stack.lose(tell, &path, Lost::Entries { count: None, last: None });
                    }
                }
                _ => self.leave(stack),
            }
            if self.cancellation.is_cancelled() {
                return Err(MaintainError::Cancelled);
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
        stack: &mut Stack,
    ) -> Result<bool, MaintainError> {
        if let Some(found) = self.known.get(&key(&id)) {
            let again = self.revisits < REVISITS.max(self.known.len() as u64);
            if found.losses == 0 || !again {
                if found.losses > 0 && depth == 0 {
                    self.harmed.insert(key(&id));
                }
                stack.top().add(found);
                return Ok(true);
            }
            self.revisits += 1;
        }
        // Hashes cannot form a ring. But a damaged hash and a forged node together might.
        let ring = stack.entered.contains(&key(&id));
        let node = if ring { None } else { self.judge.node(&id)? };
        let node = node.filter(|node| depth < MAX_LEVELS || matches!(**node, Node::Leaf(_)));
        let Some(node) = node else {
            if depth == 0 {
                self.harmed.insert(key(&id));
            }
            return Ok(false);
        };
        stack.entered.insert(key(&id));
        stack.open.push(Open { id, node, at: 0, depth, path_len, found: Found::default() });
        Ok(true)
    }

    fn leave(&mut self, stack: &mut Stack) {
        let Some(left) = stack.open.pop() else { return };
        stack.entered.remove(&key(&left.id));
        stack.top().add(&left.found);
        self.known.insert(key(&left.id), left.found);
        if left.found.losses > 0 && left.depth == 0 {
            self.harmed.insert(key(&left.id));
        }
    }
}

impl Stack {
    /// Sums of the node that is being searched.
    fn top(&mut self) -> &mut Found {
        self.open.last_mut().map_or(&mut self.all, |top| &mut top.found)
    }

    fn lose(&mut self, tell: Tell<'_>, path: &[u8], lost: Lost) {
        self.told += 1;
        self.top().add(&Found { losses: 1, ..Found::default() });
        tell(path, lost);
    }
}

impl Found {
    /// Sums of one readable entry.
    fn one(entry: &Entry) -> Self {
        let mut totals = Totals::default();
        match entry.kind {
            Kind::File { size, .. } => (totals.files, totals.bytes) = (1, size),
            Kind::Directory(_) => totals.directories = 1,
            _ => totals.others = 1,
        }
        Self { totals, losses: 0 }
    }

    /// Adds without overflow, as a forged tree may have more entries than a number can hold.
    fn add(&mut self, more: &Found) {
        let (totals, new) = (&mut self.totals, &more.totals);
        totals.files = totals.files.saturating_add(new.files);
        totals.directories = totals.directories.saturating_add(new.directories);
        totals.others = totals.others.saturating_add(new.others);
        totals.bytes = totals.bytes.saturating_add(new.bytes);
        self.losses = self.losses.saturating_add(more.losses);
    }
}
