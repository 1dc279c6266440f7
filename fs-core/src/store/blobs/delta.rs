//! Collects changed blobs whose bases are in the same block. They are compressed together, after these bases.
//! So a reader of all of them reads one block of bases.

use std::collections::HashMap;

use crate::format::{BlobId, BlobPrefix, BlockBuilder, PackKind};
use crate::store::blobs::packs::BlockKey;

/// Maximum of uncompressed bytes in all open groups. It bounds the memory.
const WAITING_LIMIT: usize = 32 << 20;

/// The base of a changed blob.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Base {
    pub(crate) id: BlobId,
    pub(crate) len: u32,
    /// The block that holds the base.
    pub(crate) block: BlockKey,
}

/// Blobs to be stored in one delta block.
#[derive(Debug)]
pub(crate) struct DeltaGroup {
    pub(crate) block: BlockKey,
    pub(crate) builder: BlockBuilder,
    pub(crate) ids: Vec<BlobId>,
    pub(crate) bases: Vec<BlobPrefix>,
    /// Whether parts of its single blob will be read.
    pub(crate) alone: bool,
    bases_len: usize,
    /// Position in the order in which groups were begun. Groups are stored in this order.
    number: u64,
}

impl DeltaGroup {
    /// A group for a single blob of which parts will be read.
    pub(crate) fn alone(id: BlobId, blob: &[u8], base: Base) -> Self {
        let mut group =
            Self { builder: BlockBuilder::for_random_access(), alone: true, ..Self::new(base.block, 0) };
        group.push(id, blob, base);
        group
    }

    fn new(block: BlockKey, number: u64) -> Self {
        Self {
            block,
            builder: BlockBuilder::default(),
            ids: Vec::new(),
            bases: Vec::new(),
            alone: false,
            bases_len: 0,
            number,
        }
    }

    fn push(&mut self, id: BlobId, blob: &[u8], base: Base) {
        self.builder.push(blob);
        self.ids.push(id);
        self.bases.push(base.id.prefix());
        self.bases_len += base.len as usize;
    }

    /// The blobs of the group, in order.
    pub(crate) fn blobs(&self) -> impl Iterator<Item = (BlobId, &[u8])> {
        self.ids.iter().copied().zip(self.builder.blobs())
    }
}

/// The open groups.
#[derive(Debug)]
pub(crate) struct DeltaGroups {
    /// Uncompressed size at which a group is closed, in bytes. It counts for the blobs and for their bases
    /// separately.
    target: usize,
    open: HashMap<BlockKey, DeltaGroup>,
    waiting: usize,
    begun: u64,
}

impl DeltaGroups {
    /// Groups for blobs of this kind. A base saves far more than neighbours in the same block could, so
    /// groups are small (docs/decisions/0001-delta-blocks.md). Small groups suit readers. The history of a
    /// path needs one node of each snapshot, and a read of a file needs a part of the file.
    pub(crate) fn new(kind: PackKind) -> Self {
        let target = match kind {
            PackKind::Data => 256 << 10,
            PackKind::Metadata => 32 << 10,
        };
        Self { target, open: HashMap::new(), waiting: 0, begun: 0 }
    }

    /// Adds a blob. Returns a group that must be stored now.
    pub(crate) fn push(&mut self, id: BlobId, bytes: &[u8], base: Base) -> Option<DeltaGroup> {
        let number = self.begun;
        let group = self.open.entry(base.block).or_insert_with(|| {
            self.begun += 1;
            DeltaGroup::new(base.block, number)
        });
        group.push(id, bytes, base);
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

    /// Closes the oldest group and returns it. `None` if no group is open.
    pub(crate) fn pop(&mut self) -> Option<DeltaGroup> {
        let oldest = self.open.values().min_by_key(|group| group.number).map(|group| group.block)?;
        self.close(oldest)
    }

    fn close(&mut self, block: BlockKey) -> Option<DeltaGroup> {
        let group = self.open.remove(&block)?;
        self.waiting -= group.builder.raw_len();
        Some(group)
    }
}
