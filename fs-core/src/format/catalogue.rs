//! The catalogue of a pack: its blobs and their positions, and the bases of its deltas. It can be rebuilt
//! from the pack's blocks.

use std::ops::Deref;

use super::codec::{Cursor, Encode};
use super::limits::{MAX_BLOB, MAX_BLOBS_PER_BLOCK, MAX_BODY, MAX_PACK};
use super::object::OBJECT_HEADER_LEN;
use super::parts::{decode_parts, encode_parts};
use super::seal::{FRAME_HEADER_LEN, Sealed};
use super::{BlobId, BlobPrefix, FormatError, Keys, ObjectKey, PackId, Salt, Version, v1};

/// Number of the catalogue's frame. Blocks have smaller numbers.
const NUMBER: u32 = u32::MAX;
const MAX_BLOCKS: usize = 1 << 20;

/// Kind of a pack's blobs. The kinds are stored separately, so that a walk reads little.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PackKind {
    /// Content of files.
    Data = 0,
    /// Directory nodes, chunk lists, extended attributes.
    Metadata = 1,
}

impl PackKind {
    /// Number of the kind in the format.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// Inverse of [`code`](Self::code).
    pub fn from_code(code: u8) -> Option<Self> {
        [PackKind::Data, PackKind::Metadata].into_iter().find(|kind| kind.code() == code)
    }
}

/// Location of a blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placement {
    /// The block that holds the blob.
    pub block: StoredBlock,
    /// Index of the blob in its block.
    pub nth: u32,
    /// Offset of the blob in the decompressed block.
    pub start: u32,
    /// Length of the blob in bytes.
    pub len: u32,
}

/// The blobs of a pack and their locations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Catalogue {
    kind: PackKind,
    salt: Salt,
    /// Offset in the file of the first block.
    blocks_start: u64,
    blocks: Vec<StoredBlock>,
    /// Blobs in the order of their positions in the pack.
    blobs: Vec<CatalogueBlob>,
    /// Indices of `blobs`, in the order of the ids.
    by_id: Vec<u32>,
    /// The bases of the delta blocks' blobs, in order. Catalogues of version 1 have none.
    bases: Vec<BlobPrefix>,
}

/// Location of a block, as its catalogue states it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredBlock {
    /// Index of the block in the pack.
    pub number: u32,
    /// Offset of the block in the file.
    pub offset: u64,
    /// Length of the stored block in bytes.
    pub len: u32,
    /// The block's MAC, in version 1.
    mac: Option<[u8; 16]>,
    /// Whether the block is a delta.
    pub delta: bool,
    /// Index of the block's first blob in the catalogue's `blobs`.
    first: u32,
    /// Index of the first base in the catalogue's `bases`.
    first_base: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct CatalogueBlob {
    id: BlobId,
    block: u32,
    start: u32,
    len: u32,
}

impl StoredBlock {
    /// Checks that the block's frame is the one that the catalogue knows. Version 1
    /// compares MACs. In later versions the number and key of the frame ensure this.
    pub fn check(&self, frame: &[u8]) -> Result<(), FormatError> {
        let is_known = self.mac.is_none_or(|mac| frame.get(v1::MAC) == Some(&mac));
        if is_known { Ok(()) } else { Err(FormatError::Checksum("block")) }
    }
}

impl Catalogue {
    /// Kind of the pack's blobs.
    pub fn kind(&self) -> PackKind {
        self.kind
    }

    /// Key of the pack's blocks.
    pub fn key(&self, keys: &Keys) -> ObjectKey {
        keys.object_key(self.salt)
    }

    /// The pack's salt.
    pub fn salt(&self) -> Salt {
        self.salt
    }

    /// Ids and lengths of the blobs, in the order of their positions.
    pub fn blobs(&self) -> impl ExactSizeIterator<Item = (BlobId, u32)> {
        self.blobs.iter().map(|blob| (blob.id, blob.len))
    }

    /// The blocks, in order.
    pub fn blocks(&self) -> impl Iterator<Item = BlockEntry<'_>> {
        (0..self.blocks.len() as u32).filter_map(|number| self.block(number))
    }

    /// The block with the index `number`.
    pub fn block(&self, number: u32) -> Option<BlockEntry<'_>> {
        let block = self.blocks.get(number as usize)?;
        let end = self.blocks.get(number as usize + 1).map_or(self.blobs.len(), |next| next.first as usize);
        let blobs = &self.blobs[block.first as usize..end];
        let bases = self.bases.get(block.first_base as usize..).and_then(|bases| bases.get(..blobs.len()));
        Some(BlockEntry { block, blobs, bases: bases.filter(|_| block.delta).unwrap_or_default() })
    }

    /// Offset in the file where the last block ends, and where the catalogue must begin.
    pub fn blocks_end(&self) -> u64 {
        self.blocks.last().map_or(self.blocks_start, |block| block.offset + u64::from(block.len))
    }

    /// Location of the blob `id`.
    pub fn find(&self, id: &BlobId) -> Option<Placement> {
        let at = self.by_id.binary_search_by(|at| self.blobs[*at as usize].id.cmp(id)).ok()?;
        let at = self.by_id[at];
        let blob = &self.blobs[at as usize];
        let block = self.blocks[blob.block as usize];
        Some(Placement { block, nth: at - block.first, start: blob.start, len: blob.len })
    }

    /// Id and location of the blob whose id begins with `prefix`.
    pub fn find_prefix(&self, prefix: &BlobPrefix) -> Option<(BlobId, Placement)> {
        let at = self.by_id.partition_point(|at| self.blobs[*at as usize].id.prefix() < *prefix);
        let id = self.blobs[*self.by_id.get(at)? as usize].id;
        (id.prefix() == *prefix).then(|| self.find(&id).map(|place| (id, place)))?
    }

    /// Bytes of the block with the index `block`: stored, and uncompressed.
    pub fn block_sizes(&self, block: u32) -> Option<(u64, u64)> {
        let block = self.block(block)?;
        Some((u64::from(block.len), block.blobs().map(|(_, len)| u64::from(len)).sum()))
    }

    /// Approximate memory use in bytes.
    pub fn weight(&self) -> usize {
        self.blobs.len() * (size_of::<CatalogueBlob>() + 4)
            + self.blocks.len() * size_of::<StoredBlock>()
            + self.bases.len() * size_of::<BlobPrefix>()
    }

    /// Verifies and parses the catalogue of the pack `name`; `frame` is the whole frame, and `salt` the pack's.
    pub fn open(keys: &Keys, name: &PackId, salt: Salt, frame: Vec<u8>) -> Result<Self, FormatError> {
        let body = keys.object_key(salt).open(Sealed::CATALOGUE, NUMBER, frame)?;
        FormatError::invalid_if(keys.pack_id(salt, &body) != *name, "pack's name: it holds another pack")?;
        Self::decode(salt, &body, keys.version())
    }

    /// Parses a catalogue's body.
    pub(super) fn decode(salt: Salt, body: &[u8], version: Version) -> Result<Self, FormatError> {
        let is_v1 = version == Version::One;
        let blocks_start = if is_v1 { v1::PACK_HEADER_LEN } else { OBJECT_HEADER_LEN as u64 };
        let mut cursor = Cursor::new(body);
        let kind = PackKind::from_code(cursor.u8("pack kind")?).ok_or(FormatError::Invalid("pack kind"))?;
        let least = if is_v1 { 2 + v1::MAC_LEN } else { 2 };
        let block_count = cursor.count(MAX_BLOCKS, least, "blocks of a pack")?;
        let mut blocks = Vec::with_capacity(block_count);
        let (mut blobs, mut bases) = (Vec::new(), Vec::new());
        let mut offset = blocks_start;
        for block in 0..block_count {
            let head = cursor.length((MAX_BODY + FRAME_HEADER_LEN) * 2 + 1, "block")?;
            let (len, delta) = (head >> 1, head & 1 == 1);
            let mac = if is_v1 { Some(cursor.array("block's MAC")?) } else { None };
            let has_bases = delta && !is_v1;
            let number = block as u32;
            let (first, first_base) = (blobs.len() as u32, bases.len() as u32);
            blocks.push(StoredBlock { number, offset, len: len as u32, mac, delta, first, first_base });
            offset = FormatError::check_limit("pack", offset + len as u64, MAX_PACK)?;
            let count = cursor.count(MAX_BLOBS_PER_BLOCK, 33, "blobs of a block")?;
            blobs.reserve(count);
            let mut start = 0u32;
            for _ in 0..count {
                let len = cursor.length(MAX_BLOB, "blob")? as u32;
                let id = BlobId(cursor.array("blob id")?);
                blobs.push(CatalogueBlob { id, block: number, start, len });
                start = start.checked_add(len).ok_or(FormatError::Invalid("length of a block"))?;
                if has_bases {
                    bases.push(BlobPrefix(cursor.array("base of a blob")?));
                }
            }
        }
        if !is_v1 {
            decode_parts(&mut cursor, "pack catalogue", |_, _| Ok(false))?;
        }
        cursor.end("pack catalogue")?;
        // The vector stays in memory, and has grown by doubling.
        blobs.shrink_to_fit();
        bases.shrink_to_fit();
        let mut by_id: Vec<u32> = (0..blobs.len() as u32).collect();
        by_id.sort_unstable_by_key(|at| blobs[*at as usize].id);
        Ok(Self { kind, salt, blocks_start, blocks, blobs, by_id, bases })
    }
}

/// A block with its blobs, as listed in its catalogue.
#[derive(Debug, Clone, Copy)]
pub struct BlockEntry<'a> {
    block: &'a StoredBlock,
    blobs: &'a [CatalogueBlob],
    bases: &'a [BlobPrefix],
}

impl Deref for BlockEntry<'_> {
    type Target = StoredBlock;

    fn deref(&self) -> &StoredBlock {
        self.block
    }
}

impl<'a> BlockEntry<'a> {
    /// Ids and lengths of the blobs, in order.
    pub fn blobs(self) -> impl ExactSizeIterator<Item = (BlobId, u32)> + 'a {
        self.blobs.iter().map(|blob| (blob.id, blob.len))
    }

    /// The base of each blob of a delta block, in order. Empty in version 1, where only the block names them.
    pub fn bases(self) -> &'a [BlobPrefix] {
        self.bases
    }
}

/// Collects the body of a catalogue.
#[derive(Debug, Default)]
pub(super) struct CatalogueBuilder {
    blocks: Vec<u8>,
    count: u32,
}

impl CatalogueBuilder {
    /// Appends a block with a frame of `len` bytes. `bases` has the base of each blob; it is empty for a full block.
    pub(super) fn push(
        &mut self,
        len: usize,
        bases: &[BlobPrefix],
        blobs: impl ExactSizeIterator<Item = (BlobId, u32)>,
    ) {
        assert!(bases.is_empty() || bases.len() == blobs.len(), "a base for each blob");
        self.count += 1;
        self.blocks.put_varint((len as u64) << 1 | u64::from(!bases.is_empty()));
        self.blocks.put_varint(blobs.len() as u64);
        for (at, (id, len)) in blobs.enumerate() {
            self.blocks.put_varint(u64::from(len));
            self.blocks.extend(id.0);
            self.blocks.extend(bases.get(at).iter().flat_map(|base| base.0));
        }
    }

    /// Number of blocks.
    pub(super) fn count(&self) -> u32 {
        self.count
    }

    /// Size of the body in bytes, about.
    pub(super) fn len(&self) -> usize {
        self.blocks.len()
    }

    /// Returns the pack's id and the catalogue's frame.
    pub(super) fn seal(mut self, keys: &Keys, kind: PackKind, salt: Salt) -> (PackId, Vec<u8>) {
        let mut body = Vec::with_capacity(self.blocks.len() + 16);
        body.push(kind.code());
        body.put_varint(u64::from(self.count));
        body.append(&mut self.blocks);
        encode_parts(&[], &mut body);
        (keys.pack_id(salt, &body), keys.object_key(salt).seal(Sealed::CATALOGUE, NUMBER, &body))
    }
}
