//! Changed blobs wait here for others whose bases are in the same block: they are compressed together, after these
//! bases, so that one block is read to read them all.

use std::collections::HashMap;

use super::reader::BlockKey;
use crate::format::{BlobId, BlockBuilder, PackKind};

/// Uncompressed bytes that may wait in all groups: bounds memory.
const WAITING_LIMIT: usize = 32 << 20;

/// What a changed blob is a delta against.
#[derive(Debug, Clone, Copy)]
pub(super) struct Base {
    pub(super) id: BlobId,
    pub(super) len: u32,
    /// The block that holds it.
    pub(super) block: BlockKey,
}

/// Blobs to be stored in one delta block.
#[derive(Debug)]
pub(super) struct DeltaGroup {
    pub(super) block: BlockKey,
    pub(super) builder: BlockBuilder,
    pub(super) ids: Vec<BlobId>,
    pub(super) bases: Vec<BlobId>,
    bases_len: usize,
    /// Groups are stored in the order in which they were begun.
    number: u64,
}

impl DeltaGroup {
    /// Its blobs, in order.
    pub(super) fn blobs(&self) -> impl Iterator<Item = (BlobId, &[u8])> {
        self.ids.iter().copied().zip(self.builder.blobs())
    }
}

/// Groups that are still open.
#[derive(Debug)]
pub(super) struct DeltaGroups {
    /// Uncompressed bytes at which a group is closed, of its blobs or of their bases.
    target: usize,
    open: HashMap<BlockKey, DeltaGroup>,
    waiting: usize,
    begun: u64,
}

impl DeltaGroups {
    /// For blobs of this kind. What a blob's neighbours could give is nothing against what its base gives, so groups are
    /// small (docs/decisions/0001-delta-blocks.md): who follows a path through time reads one node of each snapshot, and
    /// who reads a file a part of it.
    pub(super) fn new(kind: PackKind) -> Self {
        let target = match kind {
            PackKind::Data => 256 << 10,
            PackKind::Metadata => 32 << 10,
        };
        Self { target, open: HashMap::new(), waiting: 0, begun: 0 }
    }

    /// Adds a blob; returns a group that must be stored now.
    pub(super) fn push(&mut self, id: BlobId, bytes: &[u8], base: Base) -> Option<DeltaGroup> {
        let number = self.begun;
        let group = self.open.entry(base.block).or_insert_with(|| {
            self.begun += 1;
            DeltaGroup {
                block: base.block,
                builder: BlockBuilder::default(),
                ids: Vec::new(),
                bases: Vec::new(),
                bases_len: 0,
                number,
            }
        });
        group.builder.push(bytes);
        group.ids.push(id);
        group.bases.push(base.id);
        group.bases_len += base.len as usize;
        self.waiting += bytes.len();
        if group.builder.raw_len() >= self.target || group.bases_len >= self.target {
            return self.close(base.block);
        }
        if self.waiting > WAITING_LIMIT {
            let oldest = self.open.values().min_by_key(|group| group.number).map(|group| group.block);
            return oldest.and_then(|block| self.close(block));
        }
        None
    }

    /// Closes the group that was begun first; `None` when there is none left.
    pub(super) fn pop(&mut self) -> Option<DeltaGroup> {
        let oldest = self.open.values().min_by_key(|group| group.number).map(|group| group.block)?;
        self.close(oldest)
    }

    fn close(&mut self, block: BlockKey) -> Option<DeltaGroup> {
        let group = self.open.remove(&block)?;
        self.waiting -= group.builder.raw_len();
        Some(group)
    }
}
