use std::sync::Arc;

use super::ViewError;
use super::filesystem::View;
use super::node::{Home, Node, Place, SnapshotRef, What};
use crate::format::{Entry, Kind, PathKey};
use crate::history::Source;
use crate::store::{DirectoryCursor, StoreError};

/// One entry of a listing.
#[derive(Debug)]
pub struct DirEntry<'a> {
    /// Name of the entry.
    pub name: &'a [u8],
    /// Node of the entry.
    pub node: Node,
    /// Offset at which a listing that ends here continues.
    pub next_offset: u64,
}

/// The only time expression that is listed beside the canonical names.
pub(super) const LATEST: &str = "@latest";

impl View {
    /// Lists a directory, without `.` and `..`. The listing starts at `offset`: 0, or the `next_offset` of an
    /// entry. It continues until the end, or until `emit` returns false.
    pub fn read_directory(
        &self,
        node: &Node,
        offset: u64,
        emit: &mut dyn FnMut(DirEntry<'_>) -> bool,
    ) -> Result<(), ViewError> {
        match &node.what {
            What::Root => {
                let known = self.sources();
                let sources: Vec<_> = known.iter().cloned().collect();
                let goes_on = emit_from(offset, sources.len(), emit, |at| {
                    Some((&*sources[at].name, Node::source(self.keys(), &sources[at].name)))
                });
                if goes_on {
                    self.list_days(&known, sources.len() as u64, offset, emit);
                }
                Ok(())
            }
            What::AsOf(name) => {
                self.list_as_of(name, offset, emit);
                Ok(())
            }
            What::Changes(changes) => self.list_changes(changes, offset, emit),
            What::Source(name) => {
                let sources = self.sources();
                // A mounted source may not have a snapshot yet.
                if let Some(source) = sources.get(name) {
                    self.list_source(source, offset, emit);
                }
                Ok(())
            }
            What::Directory { snapshot, key, path, entry } => {
                self.list_directory(snapshot, *key, path, entry, offset, emit)
            }
            What::Versions { source, path, .. } => self.list_versions(source, path, offset, emit),
            What::Alias(_) | What::Version { .. } => Err(ViewError::NotADirectory),
        }
    }

    fn list_source(&self, source: &Source, offset: u64, emit: &mut dyn FnMut(DirEntry<'_>) -> bool) {
        let latest = source.snapshots().next_back();
        // `@latest` comes first, then one entry for each position of the timeline.
        let (folders, snapshots) = (usize::from(latest.is_some()), source.timeline.len());
        emit_from(offset, folders + snapshots, emit, |at| {
            if let (0, Some((target, snapshot))) = (at, latest) {
                let node = if self.resolves_times() {
                    Node::snapshot(self.keys(), snapshot)
                } else {
                    Node::alias(self.keys(), &source.name, LATEST.as_bytes(), target.as_bytes())
                };
                return Some((LATEST.as_bytes(), node));
            }
            let place = at - folders;
            let (name, snapshot) = (source.timeline.name(place)?, source.snapshot(place)?);
            Some((name.as_bytes(), Node::snapshot(self.keys(), snapshot)))
        });
    }

    fn list_directory(
        &self,
        snapshot: &SnapshotRef,
        key: PathKey,
        path: &Arc<[u8]>,
        entry: &Entry,
        offset: u64,
        emit: &mut dyn FnMut(DirEntry<'_>) -> bool,
    ) -> Result<(), ViewError> {
        let Kind::Directory(id) = entry.kind else { return Err(ViewError::NotADirectory) };
        let links = self.links(snapshot);
        let mut cursor = DirectoryCursor::new(self.reader().clone(), id, offset);
        let mut next_offset = offset;
        while let Some((leaf, leaf_id, at)) = cursor.advance()? {
            next_offset += 1;
            let (name, body) = (leaf.name(at), leaf.body(at));
            let child =
                leaf.entry(at).map_err(StoreError::damaged(|| format!("directory node {leaf_id}")))?;
            let path = Arc::clone(path);
            let home = Home { snapshot: snapshot.clone(), directory: key, path, leaf: leaf_id };
            let node = Node::child(self.keys(), links, Place { home, at: at as u32 }, name, body, child)?;
            if !emit(DirEntry { name, node, next_offset }) {
                return Ok(());
            }
        }
        if self.lists_versions() {
            self.list_numbered(snapshot, path, &id, next_offset, emit)?;
        }
        Ok(())
    }
}

/// Emits the entries from number `offset` up to `count`. Returns false once `emit` returned false.
fn emit_from<'a>(
    offset: u64,
    count: usize,
    emit: &mut dyn FnMut(DirEntry<'_>) -> bool,
    entry: impl Fn(usize) -> Option<(&'a [u8], Node)>,
) -> bool {
    for at in usize::try_from(offset).unwrap_or(usize::MAX)..count {
        let Some((name, node)) = entry(at) else { continue };
        if !emit(DirEntry { name, node, next_offset: at as u64 + 1 }) {
            return false;
        }
    }
    true
}
