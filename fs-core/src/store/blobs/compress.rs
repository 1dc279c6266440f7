//! Compresses blocks between the walk and the packs.

use crate::format::{BlobId, BlobPrefix, BlockBuilder, BlockEncoder, PackKind};
use crate::store::blobs::delta::DeltaGroup;
use crate::store::{Reader, StoreError};

/// Uncompressed bytes at which a block is closed.
const BLOCK_TARGET: usize = 1 << 20;
/// Compression level. This value and the next one were measured: docs/decisions/0001-delta-blocks.md.
const LEVEL: i32 = 3;
/// Maximum size of a delta that is kept, in hundredths of the size of its blobs in a full block.
const DELTA_PAYS: u64 = 50;

/// A block that is being filled.
#[derive(Debug, Default)]
pub(crate) struct OpenBlock {
    builder: BlockBuilder,
    ids: Vec<BlobId>,
}

impl OpenBlock {
    /// A block for a single blob of which parts will be read.
    pub(crate) fn alone(id: BlobId, blob: &[u8]) -> Self {
        let mut block = Self { builder: BlockBuilder::for_random_access(), ids: Vec::new() };
        block.push(id, blob);
        block
    }

    pub(crate) fn push(&mut self, id: BlobId, blob: &[u8]) {
        self.builder.push(blob);
        self.ids.push(id);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.builder.is_empty()
    }

    /// Whether the block must be closed before `blob` is added.
    pub(crate) fn is_full_for(&self, blob: &[u8]) -> bool {
        !self.is_empty() && self.builder.raw_len() + blob.len() > BLOCK_TARGET
    }
}

/// A block to be compressed.
#[derive(Debug)]
pub(crate) enum Job {
    Block(PackKind, OpenBlock),
    Delta(PackKind, DeltaGroup),
}

/// Result of a job.
#[derive(Debug)]
pub(crate) enum Compressed {
    Block(PackKind, CompressedBlock),
    /// A delta that does not pay. Its blobs are stored in full, so that later versions have a closer base.
    InFull(PackKind, DeltaGroup),
}

/// A block as it is stored.
#[derive(Debug)]
pub(crate) struct CompressedBlock {
    pub(crate) body: Vec<u8>,
    /// The base of each blob of a delta; empty for a full block.
    pub(crate) bases: Vec<BlobPrefix>,
    /// The blobs of the block and their lengths, in order.
    pub(crate) blobs: Vec<(BlobId, u32)>,
}

/// Compresses blocks. Each compressing thread has its own.
#[derive(Debug)]
pub(crate) struct Compressor {
    encoder: BlockEncoder,
    /// Reads the bases.
    reader: Reader,
}

impl Compressor {
    pub(crate) fn new(reader: Reader) -> Result<Self, StoreError> {
        let encoder = BlockEncoder::new(LEVEL).map_err(StoreError::io("compress", "a block"))?;
        Ok(Self { encoder, reader })
    }

    pub(crate) fn run(&mut self, job: Job) -> Result<Compressed, StoreError> {
        match job {
            Job::Block(kind, block) => Ok(Compressed::Block(kind, self.full(&block)?)),
            Job::Delta(kind, group) => Ok(match self.delta(&group)? {
                Some(block) => Compressed::Block(kind, block),
                None => Compressed::InFull(kind, group),
            }),
        }
    }

    pub(crate) fn full(&mut self, block: &OpenBlock) -> Result<CompressedBlock, StoreError> {
        let body = self.encoder.full(&block.builder).map_err(StoreError::io("compress", "a block"))?;
        let blobs = with_lengths(&block.ids, &block.builder);
        Ok(CompressedBlock { body, bases: Vec::new(), blobs })
    }

    /// Compresses a delta. `None` if it saves too little, or if its bases are damaged.
    fn delta(&mut self, group: &DeltaGroup) -> Result<Option<CompressedBlock>, StoreError> {
        let Some(prefix) = StoreError::unless_lost(self.reader.prefix(&group.bases, 0).map(Some))? else {
            return Ok(None);
        };
        let body = self.encoder.delta(&group.builder, &group.bases, &prefix);
        let body = body.map_err(StoreError::io("compress", "a block"))?;
        let (pack, block) = group.block;
        let sizes = self.reader.cached_catalogue(pack).map(|catalogue| catalogue.block_sizes(block));
        let Some((stored, raw)) = StoreError::unless_lost(sizes)? else { return Ok(None) };
        // Size of the blobs in a full block, if they compress as well as their bases did.
        let full = group.builder.raw_len() as u64 * stored / raw.max(1);
        let pays = body.len() as u64 * 100 <= full * DELTA_PAYS;
        let blobs = with_lengths(&group.ids, &group.builder);
        Ok(pays.then_some(CompressedBlock { body, bases: group.bases.clone(), blobs }))
    }
}

fn with_lengths(ids: &[BlobId], builder: &BlockBuilder) -> Vec<(BlobId, u32)> {
    ids.iter().copied().zip(builder.lengths().iter().copied()).collect()
}
