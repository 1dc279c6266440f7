//! What of snapshots' trees cannot be read. Subtrees without harm are entered once, whoever shares them.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::sync::Arc;

use super::blobs::{Keys, OwnBits, key};
use super::judge::Judge;
use super::{Lost, MaintainError};
use crate::format::limits::MAX_LEVELS;
use crate::format::{BlobId, Content, Entry, Kind, Manifest, Node, Totals};
use crate::monitor::Cancellation;

/// Hears of what is lost, with its path.
pub(super) type Tell<'a> = &'a mut dyn FnMut(&[u8], Lost);

pub(super) struct Search<'a> {
    pub(super) judge: Judge<'a>,
    cancellation: &'a Cancellation,
    /// Nodes below which nothing is harmed, and what is there.
    sound: HashMap<u128, Totals, BuildHasherDefault<OwnBits>>,
    /// The topmost nodes of directories in which, or below which, something is harmed.
    harmed: Keys,
    /// Hard-link tables that were judged: snapshots share them.
    links: HashMap<Content, bool>,
    told: u64,
}

/// A node that is being walked.
struct Open {
    id: BlobId,
    node: Arc<Node>,
    at: usize,
    /// Inner nodes above it in its directory.
    depth: u8,
    /// Length of its directory's path.
    path_len: usize,
    /// Losses told of before it was entered.
    told: u64,
    totals: Totals,
}

impl<'a> Search<'a> {
    pub(super) fn new(judge: Judge<'a>, cancellation: &'a Cancellation) -> Self {
        Self {
            judge,
            cancellation,
            sound: HashMap::default(),
            harmed: Keys::default(),
            links: HashMap::new(),
            told: 0,
        }
    }

    /// The topmost nodes of directories in which, or below which, something was found harmed.
    pub(super) fn into_harmed(self) -> Keys {
        self.harmed
    }

    /// Whether a snapshot's hard-link table is lost.
    pub(super) fn links_are_bad(&mut self, manifest: &Manifest) -> Result<bool, MaintainError> {
        if let Some(bad) = self.links.get(&manifest.links) {
            return Ok(*bad);
        }
        let bad = self.judge.links_are_bad(manifest)?;
        self.links.insert(manifest.links.clone(), bad);
        Ok(bad)
    }

    /// Tells of everything that is lost in the tree of `root`, and counts what is not.
    pub(super) fn tree(&mut self, root: &Entry, tell: Tell<'_>) -> Result<Totals, MaintainError> {
        let mut open: Vec<Open> = Vec::new();
        let mut path = Vec::new();
        let mut totals = Totals { directories: 1, ..Totals::default() };
        let Kind::Directory(id) = root.kind else { return Ok(totals) };
        if self.judge.xattrs_are_bad(root)? {
            self.lost(tell, &path, Lost::Xattrs);
        }
        if !self.enter(id, 0, 0, &mut open, &mut totals)? {
            self.lost(tell, &path, Lost::Entries { count: None, last: None });
        }
        while let Some(top) = open.last_mut() {
            path.truncate(top.path_len);
            let (at, depth) = (top.at, top.depth);
            top.at += 1;
            match &*Arc::clone(&top.node) {
                Node::Inner(children) if at < children.len() => {
                    let child = &children[at];
                    if !self.enter(child.id, depth + 1, path.len(), &mut open, &mut totals)? {
                        let last = Some(child.last_name.clone());
                        self.lost(tell, &path, Lost::Entries { count: Some(child.entries), last });
                    }
                }
                Node::Leaf(leaf) if at < leaf.len() => {
                    if !path.is_empty() {
                        path.push(b'/');
                    }
                    path.extend_from_slice(leaf.name(at));
                    let Ok(entry) = leaf.entry(at) else {
                        self.lost(tell, &path, Lost::Entry);
                        continue;
                    };
                    let loss = self.judge.loss(&entry)?;
                    if loss != Some(Lost::Content) {
                        count(&mut top.totals, &entry);
                    }
                    if let Some(loss) = loss {
                        self.lost(tell, &path, loss);
                    }
                    if let Kind::Directory(id) = entry.kind
                        && !self.enter(id, 0, path.len(), &mut open, &mut totals)?
                    {
                        self.lost(tell, &path, Lost::Entries { count: None, last: None });
                    }
                }
                _ => self.leave(&mut open, &mut totals),
            }
            if self.cancellation.is_cancelled() {
                return Err(MaintainError::Cancelled);
            }
        }
        Ok(totals)
    }

    fn lost(&mut self, tell: Tell<'_>, path: &[u8], lost: Lost) {
        self.told += 1;
        tell(path, lost);
    }

    /// False when the node is lost.
    fn enter(
        &mut self,
        id: BlobId,
        depth: u8,
        path_len: usize,
        open: &mut Vec<Open>,
        all: &mut Totals,
    ) -> Result<bool, MaintainError> {
        if let Some(totals) = self.sound.get(&key(&id)) {
            add(open.last_mut().map_or(all, |above| &mut above.totals), totals);
            return Ok(true);
        }
        // Hashes cannot form a ring, but a hash that is damaged and a node that is forged might.
        let ring = open.iter().any(|open| open.id == id);
        let node = if ring { None } else { self.judge.node(&id)? };
        let node = node.filter(|node| depth < MAX_LEVELS || matches!(**node, Node::Leaf(_)));
        let Some(node) = node else {
            if depth == 0 {
                self.harmed.insert(key(&id));
            }
            return Ok(false);
        };
        let totals = Totals::default();
        open.push(Open { id, node, at: 0, depth, path_len, told: self.told, totals });
        Ok(true)
    }

    fn leave(&mut self, open: &mut Vec<Open>, all: &mut Totals) {
        let Some(left) = open.pop() else { return };
        add(open.last_mut().map_or(all, |above| &mut above.totals), &left.totals);
        if left.told == self.told {
            self.sound.insert(key(&left.id), left.totals);
        } else if left.depth == 0 {
            self.harmed.insert(key(&left.id));
        }
    }
}

fn count(totals: &mut Totals, entry: &Entry) {
    match entry.kind {
        Kind::File { size, .. } => {
            totals.files += 1;
            totals.bytes = totals.bytes.saturating_add(size);
        }
        Kind::Directory(_) => totals.directories += 1,
        _ => totals.others += 1,
    }
}

fn add(totals: &mut Totals, more: &Totals) {
    // A forged tree may have more of them than can be counted.
    totals.files = totals.files.saturating_add(more.files);
    totals.directories = totals.directories.saturating_add(more.directories);
    totals.others = totals.others.saturating_add(more.others);
    totals.bytes = totals.bytes.saturating_add(more.bytes);
}
