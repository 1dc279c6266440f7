//! Visits all of a content: its chunk lists and its chunks.

use std::collections::HashMap;
use std::sync::Arc;

use crate::format::{BlobId, ChunkList, Content, ExtentKind, FormatError};
use crate::store::{Reader, StoreError};

/// Receives the blobs of contents. Its errors end the walk, so it also decides about cancellation.
pub trait ContentVisitor {
    /// Reads a chunk list. `None` if it is lost.
    fn list(&mut self, id: &BlobId) -> Result<Option<Arc<ChunkList>>, StoreError>;

    /// Visits a chunk, or the only blob of a content. Returns false if it is lost.
    fn chunk(&mut self, id: &BlobId) -> Result<bool, StoreError>;

    /// Receives a chunk list that differs in length or level from what refers to it. It counts as lost.
    fn mismatch(&mut self, _id: &BlobId, _error: StoreError) -> Result<(), StoreError> {
        Ok(())
    }
}

/// Visits contents in full, in the order of their bytes.
///
/// Each readable chunk list is visited once, however many files and lists refer to it. So forged lists cost
/// no more than the lists themselves. Lists nest in as many levels as the format allows. Memory: some 60
/// bytes for each list.
#[derive(Debug, Default)]
pub struct ContentWalk {
    known: HashMap<BlobId, Visited>,
}

#[derive(Debug, Clone, Copy)]
struct Visited {
    len: u64,
    level: u8,
    is_whole: bool,
}

impl ContentWalk {
    /// Visits a content of `size` bytes. Returns false if anything of it is lost.
    pub fn visit(
        &mut self,
        content: &Content,
        size: u64,
        visitor: &mut dyn ContentVisitor,
    ) -> Result<bool, StoreError> {
        match content {
            Content::Inline(_) | Content::NotRead => Ok(true),
            Content::Blob(id) => visitor.chunk(id),
            Content::Chunks(id) => self.list(id, size, None, visitor),
        }
    }

    fn list(
        &mut self,
        id: &BlobId,
        len: u64,
        level: Option<u8>,
        visitor: &mut dyn ContentVisitor,
    ) -> Result<bool, StoreError> {
        let (visited, list) = match self.known.get(id) {
            Some(visited) => (*visited, None),
            None => match visitor.list(id)? {
                Some(list) => (Visited { len: list.len(), level: list.level(), is_whole: true }, Some(list)),
                None => return Ok(false),
            },
        };
        // Levels fall by one, so no list can contain itself.
        if visited.len != len || level.is_some_and(|level| level != visited.level) {
            let reason = FormatError::Invalid("length or level of a chunk list");
            visitor.mismatch(id, StoreError::damaged(|| format!("chunk list {id}"))(reason))?;
            return Ok(false);
        }
        let Some(list) = list else { return Ok(visited.is_whole) };
        let mut is_whole = true;
        for extent in list.extents() {
            is_whole &= match extent.kind {
                ExtentKind::Hole => true,
                ExtentKind::Data(id) => visitor.chunk(&id)?,
                ExtentKind::List(id) => self.list(&id, extent.len, visited.level.checked_sub(1), visitor)?,
            };
        }
        self.known.insert(*id, Visited { is_whole, ..visited });
        Ok(is_whole)
    }
}

/// Reads every blob. The first failure ends the walk.
impl ContentVisitor for &Reader {
    fn list(&mut self, id: &BlobId) -> Result<Option<Arc<ChunkList>>, StoreError> {
        self.chunk_list(id).map(Some)
    }

    fn chunk(&mut self, id: &BlobId) -> Result<bool, StoreError> {
        self.blob(id).map(|_| true)
    }
}

impl Reader {
    /// Whether all of a content of `size` bytes can be read.
    pub fn has_content(&self, content: &Content, size: u64) -> bool {
        ContentWalk::default().visit(content, size, &mut &*self).unwrap_or(false)
    }
}
