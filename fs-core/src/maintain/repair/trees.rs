//! Writes snapshots' trees without what is lost. Directories shared by snapshots are written once.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;

use super::HarmedSnapshot;
use crate::format::limits::MAX_LEVELS;
use crate::format::{BlobId, Content, Entry, Kind, Manifest, Node, SnapshotId, Status, Totals, Xattrs};
use crate::maintain::blobs::{Keys, OwnBits, key};
use crate::maintain::judge::Judge;
use crate::maintain::search::Searched;
use crate::maintain::{Lost, MaintainError};
use crate::store::{DirectoryWriter, NamedEntry, StoreError, Writer};

pub(super) struct Mender<'a> {
    judge: Judge<'a>,
    /// Directories that have losses in them or below them.
    harmed: Keys,
    /// Directories whose writing has begun.
    opened: Keys,
    /// The new directories of finished ones.
    mended: HashMap<u128, BlobId, BuildHasherDefault<OwnBits>>,
}

/// A directory that is being written again.
struct Open {
    id: BlobId,
    /// Nodes still to visit, the next one last, each with the number of inner nodes above it.
    todo: Vec<(BlobId, u8)>,
    /// Inner nodes that were visited. A forged node may come again. All its names were written before, so it
    /// is skipped.
    taken: Keys,
    /// The remaining entries of the last leaf, in reverse.
    entries: Vec<NamedEntry>,
    written: DirectoryWriter,
    last_name: Box<[u8]>,
}

impl<'a> Mender<'a> {
    pub(super) fn new(judge: Judge<'a>, harmed: Keys) -> Self {
        Self { judge, harmed, opened: Keys::default(), mended: HashMap::default() }
    }

    /// Stores a snapshot without its losses, and returns its id.
    pub(super) fn mend(
        &mut self,
        mut writer: Writer,
        harmed: &HarmedSnapshot,
    ) -> Result<SnapshotId, MaintainError> {
        let HarmedSnapshot { manifest, searched: Searched { links_lost, found, .. }, .. } = harmed;
        let troubled = manifest.totals.troubled.saturating_add(found.losses);
        let mut root = manifest.root.clone();
        if let Kind::Directory(id) = &mut root.kind {
            *id = self.directory(&mut writer, *id)?;
        }
        if self.judge.xattrs_are_bad(&root)? {
            root.xattrs = Xattrs::None;
        }
        let manifest = Manifest {
            status: Status::Partial,
            root,
            links_len: if *links_lost { 0 } else { manifest.links_len },
            links: if *links_lost { Content::empty() } else { manifest.links.clone() },
            totals: Totals { troubled, ..found.totals },
            // The parent's id stays, even if the parent is replaced. A repair that continues after a crash
            // must make the same snapshot.
            ..manifest.clone()
        };
        Ok(writer.commit(&manifest)?.0)
    }

    fn directory(&mut self, writer: &mut Writer, root: BlobId) -> Result<BlobId, MaintainError> {
        let mut open = Vec::new();
        if self.done(&root).is_none() {
            self.opened.insert(key(&root));
            open.push(Open::new(root));
        }
        while let Some(top) = open.last_mut() {
            let Some((name, mut entry)) = self.next(top)? else {
                if let Some(top) = open.pop() {
                    let mended = top.written.finish(writer)?;
                    self.mended.insert(key(&top.id), mended);
                }
                continue;
            };
            if let Kind::Directory(id) = &mut entry.kind {
                let Some(done) = self.done(id) else {
                    // A directory that was begun and is not finished is above this one. Only a forged node
                    // makes such a ring.
                    let below = *id;
                    if self.opened.insert(key(&below)) {
                        // The entry is visited again when the directory is finished.
                        top.entries.push((name, entry));
                        open.push(Open::new(below));
                    }
                    continue;
                };
                *id = done;
            }
            top.push(writer, name, &entry)?;
        }
        Ok(self.done(&root).unwrap_or(root))
    }

    /// Returns the directory that replaces `id`, or `id` itself if it has no losses. `None` if the new
    /// directory is not finished.
    fn done(&self, id: &BlobId) -> Option<BlobId> {
        if self.harmed.contains(&key(id)) { self.mended.get(&key(id)).copied() } else { Some(*id) }
    }

    /// Returns the directory's next readable entry, without its lost attributes.
    fn next(&self, open: &mut Open) -> Result<Option<NamedEntry>, StoreError> {
        loop {
            if let Some((name, mut entry)) = open.entries.pop() {
                match self.judge.loss(&entry)? {
                    None => {}
                    Some(Lost::Xattrs) => entry.xattrs = Xattrs::None,
                    Some(_) => continue,
                }
                return Ok(Some((name, entry)));
            }
            let Some((id, depth)) = open.todo.pop() else { return Ok(None) };
            let Some(node) = self.judge.node(&id)? else { continue };
            match &*node {
                Node::Leaf(leaf) => {
                    open.written.delta_hint(Some(id));
                    let entries = (0..leaf.len()).rev();
                    open.entries
                        .extend(entries.filter_map(|at| Some((leaf.name(at).into(), leaf.entry(at).ok()?))));
                }
                Node::Inner(_) if depth >= MAX_LEVELS || !open.taken.insert(key(&id)) => {}
                Node::Inner(children) => {
                    for at in (0..children.len()).rev() {
                        if self.judge.fits(children, at)? {
                            open.todo.push((children[at].id, depth + 1));
                        }
                    }
                }
            }
        }
    }
}

impl Open {
    fn new(id: BlobId) -> Self {
        Self {
            id,
            todo: vec![(id, 0)],
            taken: Keys::default(),
            entries: Vec::new(),
            written: DirectoryWriter::default(),
            last_name: Box::default(),
        }
    }

    fn push(&mut self, writer: &mut Writer, name: Box<[u8]>, entry: &Entry) -> Result<(), StoreError> {
        // Nodes out of order are forged. The writer relies on ascending names.
        if name <= self.last_name {
            return Ok(());
        }
        let mut body = Vec::new();
        entry.encode(&mut body);
        self.written.push(writer, &name, &body)?;
        self.last_name = name;
        Ok(())
    }
}
