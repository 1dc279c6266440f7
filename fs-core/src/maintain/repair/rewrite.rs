//! Writes the trees of snapshots again, without what is lost. They say of each lost entry that it could not
//! be read, so that it does not count as deleted. Directories shared by snapshots are written once.

use std::collections::HashMap;

use super::plan::{LossySnapshot, Plan};
use crate::format::{
    Absence, BlobId, Content, Entry, Extensions, Gaps, Item, Kind, Manifest, Node, NotRead, SnapshotId,
    Status, Totals, Xattrs,
};
use crate::maintain::blobs::{Keys, key};
use crate::maintain::loss::Lost;
use crate::maintain::tree_reader::TreeReader;
use crate::store::{DirectoryWriter, StoreError, Writer};

pub(super) struct Rewriter<'a> {
    tree: TreeReader<'a>,
    /// The directories that have losses in them or below them, each with the one that replaces it when that is
    /// written.
    new: HashMap<u128, Option<Replacement>>,
}

/// A directory that replaces one with losses.
#[derive(Debug, Clone)]
struct Replacement {
    id: BlobId,
    /// The gaps in it.
    gaps: Gaps,
}

/// Why something is missing from a repaired snapshot.
const REASON: &str = "its data was damaged in the repository";

fn lost() -> NotRead {
    NotRead::new(REASON, None)
}

impl<'a> Rewriter<'a> {
    /// Begins to write the snapshots without losses that replace those in the plan.
    pub(super) fn new(tree: TreeReader<'a>, plan: &Plan) -> Self {
        let lossy = plan.snapshots.iter().flat_map(|snapshot| &snapshot.walked.lossy);
        Self { tree, new: lossy.map(|id| (key(id), None)).collect() }
    }

    /// Stores a snapshot without its losses, and returns its id. It does not count yet. The snapshots that come
    /// before it in the plan must be stored.
    pub(super) fn snapshot(
        &mut self,
        mut writer: Writer,
        snapshot: &LossySnapshot,
    ) -> Result<SnapshotId, StoreError> {
        let LossySnapshot { manifest, walked, .. } = snapshot;
        for id in &walked.lossy {
            let new = self.directory(&mut writer, *id)?;
            self.new.insert(key(id), Some(new));
        }
        let mut root = manifest.root.clone();
        if self.tree.xattrs_are_lost(&root)? {
            root.xattrs = Xattrs::None;
            root.gaps.xattrs = true;
        }
        self.replace(&mut root);
        let troubled = manifest.totals.troubled.saturating_add(walked.sums.losses);
        let manifest = Manifest {
            status: Status::Partial,
            root,
            links_len: if walked.links_lost { 0 } else { manifest.links_len },
            links: if walked.links_lost { Content::empty() } else { manifest.links.clone() },
            totals: Totals { troubled, ..walked.sums.totals },
            // It lacks something, so it is no copy any more. The next copy stores the whole snapshot again.
            extensions: Extensions { copied_from: None, ..manifest.extensions.clone() },
            // The parent's id stays, even if the parent is replaced. A repair that continues after a crash
            // must make the same snapshot.
            ..manifest.clone()
        };
        writer.finish(&manifest)
    }

    /// Lets the entry of a directory with losses be that of its replacement. Returns false if that is not
    /// written yet.
    fn replace(&self, entry: &mut Entry) -> bool {
        let Kind::Directory(id) = &mut entry.kind else { return true };
        match self.new.get(&key(id)) {
            None => true,
            Some(None) => false,
            Some(Some(new)) => {
                *id = new.id;
                let Gaps { content, below, excluded, .. } = new.gaps.clone();
                let content = content.or(entry.gaps.content.take());
                entry.gaps = Gaps { content, below, excluded, ..entry.gaps };
                true
            }
        }
    }

    /// The entry with its losses as gaps; `None` if only its name can be kept.
    fn without_losses(&mut self, mut entry: Entry) -> Result<Option<Entry>, StoreError> {
        match self.tree.loss(&entry)? {
            None => {}
            Some(Lost::Xattrs) => {
                entry.xattrs = Xattrs::None;
                entry.gaps.xattrs = true;
            }
            Some(_) => match &mut entry.kind {
                Kind::File { holes, content, .. } => {
                    (*holes, *content) = (0, Content::NotRead);
                    entry.gaps.content = Some(lost());
                    if self.tree.xattrs_are_lost(&entry)? {
                        entry.xattrs = Xattrs::None;
                        entry.gaps.xattrs = true;
                    }
                }
                _ => return Ok(None),
            },
        }
        // Only a forged node makes a ring, in which no directory can be written first.
        Ok(self.replace(&mut entry).then_some(entry))
    }

    /// Stores a directory without its losses. The directories below it must be written.
    fn directory(&mut self, writer: &mut Writer, id: BlobId) -> Result<Replacement, StoreError> {
        let mut new = DirectoryWriter::default();
        let mut gaps = Gaps::default();
        let mut last_name: Box<[u8]> = Box::default();
        // Nodes still to visit, the next one last, each with the number of inner nodes above it.
        let mut todo = vec![(id, 0)];
        // A forged inner node may come again. All its names were written before, so it is skipped.
        let mut visited = Keys::default();
        while let Some((id, depth)) = todo.pop() {
            match self.tree.node(&id, depth)?.as_deref() {
                None => gaps.content = Some(lost()),
                Some(Node::Inner(_)) if !visited.insert(key(&id)) => {}
                Some(Node::Inner(children)) => {
                    for at in (0..children.len()).rev() {
                        if self.tree.fits(&id, children, at)? {
                            todo.push((children[at].id, depth + 1));
                        } else {
                            gaps.content = Some(lost());
                        }
                    }
                }
                Some(Node::Leaf(leaf)) => {
                    new.delta_hint(Some(id));
                    for at in 0..leaf.len() {
                        let name = leaf.name(at);
                        // Nodes out of order are forged. The writer relies on ascending names.
                        if *name <= *last_name {
                            continue;
                        }
                        let kept = match self.tree.item(&id, leaf, at)? {
                            Some(Item::Entry(entry)) => self.without_losses(entry)?.map(Item::Entry),
                            kept => kept,
                        };
                        let item = kept.unwrap_or_else(|| Item::Absent(Absence::NotRead(lost())));
                        gaps.add(&item);
                        let mut body = Vec::new();
                        item.encode(&mut body);
                        new.push(writer, name, &body)?;
                        last_name = name.into();
                    }
                }
            }
        }
        Ok(Replacement { id: new.finish(writer)?, gaps })
    }
}
