//! Finding the blocks of a damaged pack without its catalogue: they are sealed, tell their own length, and their blobs'
//! ids follow from their bytes.

use super::{Backend, Object, Reader, StoreError};
use crate::format::limits::MAX_PACK;
use crate::format::{
    BLOCK_MAGIC, BlobId, Block, ChunkList, FRAME_HEADER_LEN, Node, PackId, XattrSet, block_frame_len,
};

/// Read at a time while looking for a block's beginning; a page that the medium cannot read is passed over.
const PAGE: u64 = 4096;
const MAGIC_LEN: u64 = BLOCK_MAGIC.len() as u64;

/// A block that verifies, and what a catalogue says of one.
#[derive(Debug)]
pub(super) struct FoundBlock {
    pub(super) offset: u64,
    pub(super) len: u64,
    pub(super) delta: bool,
    pub(super) blobs: Vec<(BlobId, u32)>,
    /// All its blobs look like directory nodes, chunk lists or extended attributes.
    pub(super) metadata: bool,
}

/// Looks through packs as they are, and reads bases where the index has them.
pub(super) struct Scanner<'a> {
    pub(super) packs: &'a dyn Backend,
    pub(super) reader: &'a Reader,
}

impl Scanner<'_> {
    /// Every block of a pack that verifies, wherever it begins; deltas only when that is asked: their bases must be
    /// readable, too.
    pub(super) fn scan(&self, pack: PackId, deltas: bool) -> Result<Vec<FoundBlock>, StoreError> {
        let object = Object::pack(pack);
        let end = self.packs.size(&object)?.min(MAX_PACK);
        let mut found = Vec::new();
        let mut at = 0;
        while at + FRAME_HEADER_LEN as u64 <= end {
            match self.block_at(&object, at, end, deltas)? {
                Found::Block(block) => {
                    at += block.len;
                    found.push(block);
                }
                Found::Other(len) => at += len,
                Found::Nothing => at = self.next_magic(&object, at + 1, end)?,
            }
        }
        Ok(found)
    }

    fn block_at(&self, object: &Object, at: u64, end: u64, deltas: bool) -> Result<Found, StoreError> {
        let read = |len| unless_lost(self.packs.get_range(object, at, len));
        let Some(header) = read(FRAME_HEADER_LEN)? else { return Ok(Found::Nothing) };
        let Some(len) = block_frame_len(&header) else { return Ok(Found::Nothing) };
        if at + len as u64 > end {
            return Ok(Found::Nothing);
        }
        let Some(frame) = read(len)? else { return Ok(Found::Nothing) };
        let Ok(block) = Block::open(self.reader.keys(), &frame) else { return Ok(Found::Nothing) };
        let delta = !block.bases().is_empty();
        // Its tag is right: nothing begins within it.
        let other = Found::Other(len as u64);
        if delta && !deltas {
            return Ok(other);
        }
        let Some(prefix) = unless_lost(self.reader.prefix(block.bases()))? else { return Ok(other) };
        let Ok(raw) = block.decompress(&prefix) else { return Ok(other) };
        let mut rest = raw.as_slice();
        let mut blobs = Vec::with_capacity(block.lengths().len());
        let mut metadata = true;
        for len in block.lengths() {
            let Some((blob, tail)) = rest.split_at_checked(*len as usize) else { return Ok(other) };
            blobs.push((self.reader.keys().blob_id(blob), *len));
            metadata &= is_metadata(blob);
            rest = tail;
        }
        Ok(Found::Block(FoundBlock { offset: at, len: len as u64, delta, blobs, metadata }))
    }

    /// Where the next block may begin, at `at` or later; `end` when nowhere.
    fn next_magic(&self, object: &Object, mut at: u64, end: u64) -> Result<u64, StoreError> {
        while at + MAGIC_LEN <= end {
            let read = |len: u64| unless_lost(self.packs.get_range(object, at, len.min(end - at) as usize));
            let rest = PAGE - at % PAGE;
            // Into the next page, unless that is the one that cannot be read.
            let page = match read(rest + MAGIC_LEN - 1)? {
                None => read(rest)?,
                page => page,
            };
            if let Some(page) = page
                && let Some(place) = page.windows(MAGIC_LEN as usize).position(|bytes| bytes == BLOCK_MAGIC)
            {
                return Ok(at + place as u64);
            }
            at += rest;
        }
        Ok(end)
    }
}

enum Found {
    Block(FoundBlock),
    /// A block of so many bytes that cannot be decompressed.
    Other(u64),
    Nothing,
}

fn is_metadata(blob: &[u8]) -> bool {
    Node::decode(blob).is_ok() || ChunkList::decode(blob).is_ok() || XattrSet::decode(blob).is_ok()
}

fn unless_lost<T>(result: Result<T, StoreError>) -> Result<Option<T>, StoreError> {
    match result {
        Err(error) if error.is_loss() => Ok(None),
        result => result.map(Some),
    }
}
