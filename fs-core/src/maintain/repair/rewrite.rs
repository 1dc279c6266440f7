//! Writes the trees of snapshots again, without what is lost. Directories shared by snapshots are written
//! once.

use std::collections::HashMap;

use super::plan::{LossySnapshot, Plan};
use crate::format::{BlobId, Content, Extensions, Kind, Manifest, Node, SnapshotId, Status, Totals, Xattrs};
use crate::maintain::blobs::{Keys, key};
use crate::maintain::loss::Lost;
use crate::maintain::tree_reader::TreeReader;
use crate::store::{DirectoryWriter, StoreError, Writer};

pub(super) struct Rewriter<'a> {
    tree: TreeReader<'a>,
    /// The directories that have losses in them or below them, each with the one that replaces it when that is
    /// written.
    new: HashMap<u128, Option<BlobId>>,
}

impl<'a> Rewriter<'a> {
    /// Begins to write the snapshots without losses that replace those in the plan.
    pub(super) fn new(tree: TreeReader<'a>, plan: &Plan) -> Self {
        let lossy = plan.snapshots.iter().flat_map(|snapshot| &snapshot.walked.lossy);
        Self { tree, new: lossy.map(|id| (key(id), None)).collect() }
    }

    /// Stores a snapshot without its losses, and returns its id. The snapshots that come before it in the plan
    /// must be stored.
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
        if let Kind::Directory(id) = &mut root.kind {
            *id = self.replacement(id).unwrap_or(*id);
        }
        if self.tree.xattrs_are_lost(&root)? {
            root.xattrs = Xattrs::None;
        }
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
        Ok(writer.commit(&manifest)?.0)
    }

    /// Returns the directory that replaces `id`, or `id` itself if it has no losses. `None` if the new
    /// directory is not written yet.
    fn replacement(&self, id: &BlobId) -> Option<BlobId> {
        self.new.get(&key(id)).copied().unwrap_or(Some(*id))
    }

    /// Stores a directory without its losses. The directories below it must be written.
    fn directory(&mut self, writer: &mut Writer, id: BlobId) -> Result<BlobId, StoreError> {
        let mut new = DirectoryWriter::default();
        let mut last_name: Box<[u8]> = Box::default();
        // Nodes still to visit, the next one last, each with the number of inner nodes above it.
        let mut todo = vec![(id, 0)];
        // A forged inner node may come again. All its names were written before, so it is skipped.
        let mut visited = Keys::default();
        while let Some((id, depth)) = todo.pop() {
            match self.tree.node(&id, depth)?.as_deref() {
                None => {}
                Some(Node::Inner(_)) if !visited.insert(key(&id)) => {}
                Some(Node::Inner(children)) => {
                    for at in (0..children.len()).rev() {
                        if self.tree.fits(&id, children, at)? {
                            todo.push((children[at].id, depth + 1));
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
                        let Some(mut entry) = self.tree.entry(&id, leaf, at)? else { continue };
                        match self.tree.loss(&entry)? {
                            None => {}
                            Some(Lost::Xattrs) => entry.xattrs = Xattrs::None,
                            Some(_) => continue,
                        }
                        if let Kind::Directory(below) = &mut entry.kind {
                            // Only a forged node makes a ring, in which no directory can be written first.
                            let Some(new) = self.replacement(below) else { continue };
                            *below = new;
                        }
                        let mut body = Vec::new();
                        entry.encode(&mut body);
                        new.push(writer, name, &body)?;
                        last_name = name.into();
                    }
                }
            }
        }
        new.finish(writer)
    }
}
