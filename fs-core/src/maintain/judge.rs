//! Decides what of an entry can be read.

use std::cell::RefCell;
use std::collections::HashSet;
use std::sync::Arc;

use super::Lost;
use super::blobs::Blobs;
use super::bounds::AllBounds;
use crate::format::{BlobId, Child, Content, Entry, ExtentKind, Kind, Manifest, Node, Xattrs};
use crate::store::{LinkTable, Reader, StoreError};

pub(super) struct Judge<'a> {
    reader: Reader,
    witness: Witness<'a>,
    bounds: RefCell<AllBounds>,
}

/// The source of knowledge about which blobs can be read.
enum Witness<'a> {
    /// The findings of a check. For a check, every failed read counts, even if it may pass.
    Check(&'a Blobs),
    /// The index. Every block to which it leads was verified.
    Index,
}

impl<'a> Judge<'a> {
    pub(super) fn of_check(reader: Reader, blobs: &'a Blobs) -> Self {
        Self { reader, witness: Witness::Check(blobs), bounds: RefCell::default() }
    }

    pub(super) fn of_repair(reader: Reader) -> Self {
        Self { reader, witness: Witness::Index, bounds: RefCell::default() }
    }

    /// Reads a directory node. `None` if it is lost.
    pub(super) fn node(&self, id: &BlobId) -> Result<Option<Arc<Node>>, StoreError> {
        self.unless_bad(id, Reader::node)
    }

    /// Whether child `at` of an inner node matches what that node says. True if it cannot be read.
    pub(super) fn fits(&self, children: &[Child], at: usize) -> Result<bool, StoreError> {
        self.bounds.borrow_mut().fits(children, at, &|id| self.node(id))
    }

    /// Returns the loss of the entry itself, without anything below it.
    pub(super) fn loss(&self, entry: &Entry) -> Result<Option<Lost>, StoreError> {
        if let Kind::File { size, content, .. } = &entry.kind
            && self.content_is_bad(content, *size)?
        {
            return Ok(Some(Lost::Content));
        }
        Ok(self.xattrs_are_bad(entry)?.then_some(Lost::Xattrs))
    }

    pub(super) fn xattrs_are_bad(&self, entry: &Entry) -> Result<bool, StoreError> {
        match &entry.xattrs {
            Xattrs::Blob(id) => Ok(self.unless_bad(id, Reader::xattrs)?.is_none()),
            Xattrs::None | Xattrs::Inline(_) => Ok(false),
        }
    }

    pub(super) fn links_are_bad(&self, manifest: &Manifest) -> Result<bool, StoreError> {
        let (links, len) = (&manifest.links, manifest.links_len);
        Ok(self.content_is_bad(links, len)?
            || self.unless_lost(LinkTable::new(&self.reader, links, len).check())?.is_none())
    }

    fn content_is_bad(&self, content: &Content, size: u64) -> Result<bool, StoreError> {
        let mut lists = match content {
            Content::Inline(_) => return Ok(false),
            Content::Blob(id) => return self.is_bad(id),
            Content::Chunks(id) => vec![(*id, size, None)],
        };
        // A forged list may name the same list below it many times.
        let mut seen = HashSet::new();
        while let Some((id, len, level)) = lists.pop() {
            if !seen.insert((id, len, level)) {
                continue;
            }
            let Some(list) = self.unless_bad(&id, Reader::chunk_list)? else { return Ok(true) };
            if list.len() != len || level.is_some_and(|level| level != list.level()) {
                return Ok(true);
            }
            for extent in list.extents() {
                match extent.kind {
                    ExtentKind::Data(id) if self.is_bad(&id)? => return Ok(true),
                    ExtentKind::List(id) => lists.push((id, extent.len, list.level().checked_sub(1))),
                    ExtentKind::Data(_) | ExtentKind::Hole => {}
                }
            }
        }
        Ok(false)
    }

    fn is_bad(&self, id: &BlobId) -> Result<bool, StoreError> {
        match self.witness {
            Witness::Check(blobs) => Ok(blobs.is_bad(id)),
            Witness::Index => Ok(!self.reader.is_indexed(id)?),
        }
    }

    fn unless_bad<T>(
        &self,
        id: &BlobId,
        read: impl FnOnce(&Reader, &BlobId) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        if self.is_bad(id)? { Ok(None) } else { self.unless_lost(read(&self.reader, id)) }
    }

    fn is_of_check(&self) -> bool {
        matches!(self.witness, Witness::Check(_))
    }

    fn unless_lost<T>(&self, result: Result<T, StoreError>) -> Result<Option<T>, StoreError> {
        match result {
            // A repair has read every block to which the index leads. So the pack of this blob was present a
            // moment ago.
            Err(error @ (StoreError::Missing(_) | StoreError::Unreadable { .. })) if !self.is_of_check() => {
                Err(error)
            }
            Err(error) if self.is_of_check() || error.is_loss() => Ok(None),
            result => result.map(Some),
        }
    }
}
