//! Which paths of which snapshots damage harms. Subtrees without harm are entered once, whoever shares them.

use std::sync::Arc;

use super::blobs::{Keys, key};
use super::check::Check;
use super::{Harmed, MaintainError};
use crate::format::{BlobId, Content, Entry, ExtentKind, Kind, Manifest, Node, SnapshotId, Xattrs};
use crate::monitor::Phase;
use crate::store::Reader;

/// Paths that are kept: enough to see what it is about.
const MOST: usize = 100;

pub(super) fn look(check: &mut Check<'_>) -> Result<(), MaintainError> {
    let snapshots = std::mem::take(&mut check.snapshots);
    let mut search = Search { reader: check.reader(), sound: Keys::default() };
    let total = snapshots.len() as u64;
    for (done, (id, manifest)) in (0..).zip(&snapshots) {
        check.step(Phase::Harm, done, total)?;
        let before = (check.report.harmed.len(), check.report.more_harmed);
        if search.content_is_bad(check, &manifest.links) || xattrs_are_bad(check, &manifest.root) {
            tell(check, id, manifest, &[]);
        }
        search.directory(check, id, manifest)?;
        if before != (check.report.harmed.len(), check.report.more_harmed) {
            check.report.harmed_snapshots += 1;
        }
    }
    check.snapshots = snapshots;
    Ok(())
}

struct Search {
    reader: Reader,
    /// Directory nodes below which nothing is harmed.
    sound: Keys,
}

/// A node that is being walked.
struct Open {
    id: BlobId,
    node: Arc<Node>,
    at: usize,
    /// Length of its directory's path.
    path_len: usize,
    /// Paths told of before it was entered.
    told: u64,
}

impl Search {
    fn directory(
        &mut self,
        check: &mut Check<'_>,
        snapshot: &SnapshotId,
        manifest: &Manifest,
    ) -> Result<(), MaintainError> {
        let Kind::Directory(root) = manifest.root.kind else { return Ok(()) };
        let mut path = Vec::new();
        let mut open = Vec::new();
        self.enter(check, snapshot, manifest, root, &path, &mut open);
        while let Some(top) = open.last_mut() {
            path.truncate(top.path_len);
            let at = top.at;
            top.at += 1;
            match &*Arc::clone(&top.node) {
                Node::Inner(children) => match children.get(at) {
                    Some(child) => self.enter(check, snapshot, manifest, child.id, &path, &mut open),
                    None => self.leave(check, &mut open),
                },
                Node::Leaf(leaf) if at < leaf.len() => {
                    if !path.is_empty() {
                        path.push(b'/');
                    }
                    path.extend_from_slice(leaf.name(at));
                    let Ok(entry) = leaf.entry(at) else { continue };
                    if xattrs_are_bad(check, &entry) || self.file_is_bad(check, &entry) {
                        tell(check, snapshot, manifest, &path);
                    }
                    if let Kind::Directory(id) = entry.kind {
                        self.enter(check, snapshot, manifest, id, &path, &mut open);
                    }
                }
                Node::Leaf(_) => self.leave(check, &mut open),
            }
            if check.cancellation.is_cancelled() {
                return Err(MaintainError::Cancelled);
            }
        }
        Ok(())
    }

    fn enter(
        &self,
        check: &mut Check<'_>,
        snapshot: &SnapshotId,
        manifest: &Manifest,
        id: BlobId,
        path: &[u8],
        open: &mut Vec<Open>,
    ) {
        // Hashes cannot form a ring, but a hash that is damaged and a node that is forged might.
        if self.sound.contains(&key(&id)) || open.iter().any(|open| open.id == id) {
            return;
        }
        match self.reader.node(&id) {
            Ok(node) if !check.blobs.is_bad(&id) => {
                open.push(Open { id, node, at: 0, path_len: path.len(), told: told(check) });
            }
            _ => tell(check, snapshot, manifest, path),
        }
    }

    fn leave(&mut self, check: &Check<'_>, open: &mut Vec<Open>) {
        if let Some(left) = open.pop()
            && left.told == told(check)
        {
            self.sound.insert(key(&left.id));
        }
    }

    fn file_is_bad(&self, check: &Check<'_>, entry: &Entry) -> bool {
        matches!(&entry.kind, Kind::File { content, .. } if self.content_is_bad(check, content))
    }

    fn content_is_bad(&self, check: &Check<'_>, content: &Content) -> bool {
        match content {
            Content::Inline(_) => false,
            Content::Blob(id) => check.blobs.is_bad(id),
            Content::Chunks(id) => {
                let mut lists = vec![(*id, None)];
                while let Some((id, level)) = lists.pop() {
                    if check.blobs.is_bad(&id) {
                        return true;
                    }
                    let Ok(list) = self.reader.chunk_list(&id) else { return true };
                    if level.is_some_and(|level| level != list.level()) {
                        return true;
                    }
                    for extent in list.extents() {
                        match extent.kind {
                            ExtentKind::Data(id) if check.blobs.is_bad(&id) => return true,
                            ExtentKind::List(id) => lists.push((id, list.level().checked_sub(1))),
                            _ => {}
                        }
                    }
                }
                false
            }
        }
    }
}

fn xattrs_are_bad(check: &Check<'_>, entry: &Entry) -> bool {
    matches!(&entry.xattrs, Xattrs::Blob(id) if check.blobs.is_bad(id))
}

fn told(check: &Check<'_>) -> u64 {
    check.report.harmed.len() as u64 + check.report.more_harmed
}

fn tell(check: &mut Check<'_>, snapshot: &SnapshotId, manifest: &Manifest, path: &[u8]) {
    if check.report.harmed.len() < MOST {
        check.report.harmed.push(Harmed {
            snapshot: *snapshot,
            source: manifest.source.clone(),
            time: manifest.time,
            path: path.to_vec(),
        });
    } else {
        check.report.more_harmed += 1;
    }
}
