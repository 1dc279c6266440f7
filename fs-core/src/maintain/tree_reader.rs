//! Reads what can be read of trees, and decides what is lost.

use std::collections::HashMap;
use std::sync::Arc;

use super::blobs::{Keys, key};
use super::loss::Lost;
use crate::format::limits::MAX_LEVELS;
use crate::format::{
    BlobId, Child, ChunkList, Content, Entry, FormatError, Item, Kind, Leaf, Manifest, Node, Xattrs,
};
use crate::store::{ContentVisitor, ContentWalk, LinkTable, Reader, StoreError};

/// Decides which blobs are lost. `role` names what a reference expects of a blob, for people.
pub(super) trait Evidence {
    /// Whether a blob is known to be lost, before it is read.
    fn is_lost(&mut self, id: &BlobId, role: &'static str) -> Result<bool, StoreError>;

    /// Receives the error of a blob that could not be read, or that does not match the reference to it.
    /// Returns an error if this is no proof of a loss.
    fn failed(&mut self, id: &BlobId, role: &'static str, error: StoreError) -> Result<(), StoreError>;
}

/// The evidence of a repair: every block to which the index leads was verified.
pub(super) struct IndexEvidence(pub(super) Reader);

impl Evidence for IndexEvidence {
    fn is_lost(&mut self, id: &BlobId, _: &'static str) -> Result<bool, StoreError> {
        Ok(!self.0.is_indexed(id.prefix())?)
    }

    fn failed(&mut self, _: &BlobId, _: &'static str, error: StoreError) -> Result<(), StoreError> {
        // The pack of this blob was present a moment ago.
        let is_away = matches!(error, StoreError::Missing(_) | StoreError::Unreadable { .. });
        if error.is_loss() && !is_away { Ok(()) } else { Err(error) }
    }
}

/// Reads nodes, entries and contents. A lost one is reported to the evidence, and the reading continues.
pub(super) struct TreeReader<'a> {
    source: Source<'a>,
    contents: ContentWalk,
    /// Extended attributes that can be read.
    xattrs: Keys,
    /// What nodes below inner nodes hold: snapshots share most of them. `None` if it cannot be read.
    extents: HashMap<u128, Option<Extent>>,
}

/// Reads blobs that are not known to be lost.
struct Source<'a> {
    reader: Reader,
    evidence: &'a mut dyn Evidence,
}

/// The names in a node and below it.
#[derive(Debug, Clone)]
struct Extent {
    /// The first name in the leftmost leaf; `None` if that leaf cannot be read.
    first: Option<Box<[u8]>>,
    last: Box<[u8]>,
    entries: u64,
}

impl<'a> TreeReader<'a> {
    pub(super) fn new(reader: Reader, evidence: &'a mut dyn Evidence) -> Self {
        let source = Source { reader, evidence };
        Self { source, contents: ContentWalk::default(), xattrs: Keys::new(), extents: HashMap::new() }
    }

    /// Reads a directory node with `depth` inner nodes above it in its directory. `None` if it is lost.
    pub(super) fn node(&mut self, id: &BlobId, depth: u8) -> Result<Option<Arc<Node>>, StoreError> {
        let node = self.source.read(id, DIRECTORY, Reader::node)?;
        match node.as_deref() {
            Some(Node::Inner(_)) if depth >= MAX_LEVELS => self.source.invalid(id, "depth").map(|()| None),
            _ => Ok(node),
        }
    }

    /// Decodes item `at` of the leaf `id`. `None` if it is lost.
    pub(super) fn item(&mut self, id: &BlobId, leaf: &Leaf, at: usize) -> Result<Option<Item>, StoreError> {
        match leaf.item(at) {
            Ok(item) => Ok(Some(item)),
            Err(reason) => self.source.damaged(id, reason).map(|()| None),
        }
    }

    /// Whether child `at` of the inner node `parent` has the last name and the number of entries that its
    /// parent states, and only names after those of the previous child. Only a forged node does not. True if
    /// the child cannot be read.
    pub(super) fn fits(
        &mut self,
        parent: &BlobId,
        children: &[Child],
        at: usize,
    ) -> Result<bool, StoreError> {
        let child = &children[at];
        let before = at.checked_sub(1).map_or(&b""[..], |before| &children[before].last_name);
        let Some(extent) = self.extent(&child.id, 1) else { return Ok(true) };
        let follows = extent.first.as_ref().is_none_or(|first| **first > *before);
        if follows && extent.last == child.last_name && extent.entries == child.entries {
            return Ok(true);
        }
        self.source.invalid(parent, "bounds of a node below it").map(|()| false)
    }

    fn extent(&mut self, id: &BlobId, depth: u8) -> Option<Extent> {
        if let Some(known) = self.extents.get(&key(id)) {
            return known.clone();
        }
        // Whoever enters the node reports why it cannot be read.
        let node = if depth > MAX_LEVELS { None } else { self.source.reader.node(id).ok() };
        let extent = node.map(|node| Extent {
            first: match &*node {
                Node::Leaf(_) => node.first_name().map(Into::into),
                Node::Inner(children) => {
                    self.extent(&children[0].id, depth + 1).and_then(|below| below.first)
                }
            },
            // An empty leaf matches no child, as a child has a last name.
            last: node.last_name().unwrap_or_default().into(),
            entries: node.entries(),
        });
        self.extents.insert(key(id), extent.clone());
        extent
    }

    /// Returns the loss of the entry itself, without anything below it. Reads no chunks.
    pub(super) fn loss(&mut self, entry: &Entry) -> Result<Option<Lost>, StoreError> {
        let has_content = match &entry.kind {
            Kind::File { size, content, .. } => self.contents.visit(content, *size, &mut self.source)?,
            _ => true,
        };
        let lacks_xattrs = self.xattrs_are_lost(entry)?;
        Ok(if has_content { lacks_xattrs.then_some(Lost::Xattrs) } else { Some(Lost::Content) })
    }

    pub(super) fn xattrs_are_lost(&mut self, entry: &Entry) -> Result<bool, StoreError> {
        let Xattrs::Blob(id) = &entry.xattrs else { return Ok(false) };
        if self.xattrs.contains(&key(id)) {
            return Ok(false);
        }
        let read = self.source.read(id, "extended attributes", Reader::xattrs)?;
        read.is_some().then(|| self.xattrs.insert(key(id)));
        Ok(read.is_none())
    }

    /// Whether the table of hard links is lost.
    pub(super) fn links_are_lost(&mut self, manifest: &Manifest) -> Result<bool, StoreError> {
        let (links, len) = (&manifest.links, manifest.links_len);
        let (Content::Blob(id) | Content::Chunks(id)) = links else { return Ok(false) };
        let is_whole = self.contents.visit(links, len, &mut self.source)?;
        let check = |reader: &Reader, _: &BlobId| LinkTable::new(reader, links, len).check();
        Ok(!is_whole || self.source.read(id, "hard-link table", check)?.is_none())
    }
}

const DIRECTORY: &str = "directory";
const CHUNK_LIST: &str = "chunk list";

impl Source<'_> {
    fn read<T>(
        &mut self,
        id: &BlobId,
        role: &'static str,
        read: impl FnOnce(&Reader, &BlobId) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        if self.evidence.is_lost(id, role)? {
            return Ok(None);
        }
        match read(&self.reader, id) {
            Ok(found) => Ok(Some(found)),
            Err(error) => self.evidence.failed(id, role, error).map(|()| None),
        }
    }

    fn invalid(&mut self, id: &BlobId, part: &'static str) -> Result<(), StoreError> {
        self.damaged(id, FormatError::Invalid(part))
    }

    fn damaged(&mut self, id: &BlobId, reason: FormatError) -> Result<(), StoreError> {
        self.evidence.failed(id, DIRECTORY, StoreError::damaged(|| format!("{DIRECTORY} {id}"))(reason))
    }
}

impl ContentVisitor for Source<'_> {
    fn list(&mut self, id: &BlobId) -> Result<Option<Arc<ChunkList>>, StoreError> {
        self.read(id, CHUNK_LIST, Reader::chunk_list)
    }

    fn chunk(&mut self, id: &BlobId) -> Result<bool, StoreError> {
        Ok(!self.evidence.is_lost(id, "content")?)
    }

    fn mismatch(&mut self, id: &BlobId, error: StoreError) -> Result<(), StoreError> {
        self.evidence.failed(id, CHUNK_LIST, error)
    }
}
