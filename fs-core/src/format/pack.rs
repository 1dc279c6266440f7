//! A pack consists of a header, sealed blocks, a sealed catalogue and a trailer. The catalogue lists the
//! blobs and their positions. The trailer locates the catalogue from the end of the file. The catalogue can
//! be rebuilt from the blocks.

use std::ops::Deref;

use super::codec::{Cursor, Encode};
use super::limits::{MAX_BLOB, MAX_BLOBS_PER_BLOCK, MAX_BODY, MAX_PACK};
use super::seal::{FRAME_HEADER_LEN, MAC, MAC_LEN, Sealed, open, seal};
use super::{BlobId, FormatError, Keys, PackId};

/// Bytes before the first block.
pub const PACK_HEADER_LEN: u64 = 8;
/// Bytes after the catalogue.
pub const TRAILER_LEN: u64 = 16;

const MAGIC: [u8; 8] = *b"YESTPACK";
const END: [u8; 4] = *b"YEND";
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
    blocks: Vec<StoredBlock>,
    /// Blobs in the order of their positions in the pack.
    blobs: Vec<CatalogueBlob>,
    /// Indices of `blobs`, in the order of the ids.
    by_id: Vec<u32>,
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
    mac: [u8; MAC_LEN],
    /// Whether the block is a delta.
    pub delta: bool,
    /// Index of the block's first blob in the catalogue's `blobs`.
    first: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct CatalogueBlob {
    id: BlobId,
    block: u32,
    start: u32,
    len: u32,
}

impl StoredBlock {
    /// Returns the block's bytes, after a check that its MAC is the expected one.
    pub fn check<'a>(&self, stored: &'a [u8]) -> Result<&'a [u8], FormatError> {
        if stored.get(MAC) == Some(&self.mac) { Ok(stored) } else { Err(FormatError::Checksum("block")) }
    }
}

impl Catalogue {
    /// Kind of the pack's blobs.
    pub fn kind(&self) -> PackKind {
        self.kind
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
        Some(BlockEntry { block, blobs })
    }

    /// Offset in the file where the last block ends, and where the catalogue must begin.
    pub fn blocks_end(&self) -> u64 {
        self.blocks.last().map_or(PACK_HEADER_LEN, |block| block.offset + u64::from(block.len))
    }

    /// Location of the blob `id`.
    pub fn find(&self, id: &BlobId) -> Option<Placement> {
        let at = self.by_id.binary_search_by(|at| self.blobs[*at as usize].id.cmp(id)).ok()?;
        let at = self.by_id[at];
        let blob = &self.blobs[at as usize];
        let block = self.blocks[blob.block as usize];
        Some(Placement { block, nth: at - block.first, start: blob.start, len: blob.len })
    }

    /// Bytes of the block with the index `block`: stored, and uncompressed.
    pub fn block_sizes(&self, block: u32) -> Option<(u64, u64)> {
        let block = self.block(block)?;
        Some((u64::from(block.len), block.blobs().map(|(_, len)| u64::from(len)).sum()))
    }

    /// Approximate memory use in bytes.
    pub fn weight(&self) -> usize {
        self.blobs.len() * (size_of::<CatalogueBlob>() + 4) + self.blocks.len() * size_of::<StoredBlock>()
    }

    /// Verifies and parses the sealed catalogue of the pack `name`.
    pub fn open(keys: &Keys, name: &PackId, bytes: &[u8]) -> Result<Self, FormatError> {
        let body = open(keys, Sealed::CATALOGUE, bytes)?;
        FormatError::invalid_if(keys.pack_id(body) != *name, "pack's name: it holds another pack")?;
        Self::decode(body)
    }

    fn decode(body: &[u8]) -> Result<Self, FormatError> {
        let mut cursor = Cursor::new(body);
        let kind = PackKind::from_code(cursor.u8("pack kind")?).ok_or(FormatError::Invalid("pack kind"))?;
        let block_count = cursor.count(MAX_BLOCKS, 2 + MAC_LEN, "blocks of a pack")?;
        let mut blocks = Vec::with_capacity(block_count);
        let mut blobs = Vec::new();
        let mut offset = PACK_HEADER_LEN;
        for block in 0..block_count {
            let head = cursor.length((MAX_BODY + FRAME_HEADER_LEN) * 2 + 1, "block")?;
            let (len, delta) = (head >> 1, head & 1 == 1);
            let mac = cursor.array("block's MAC")?;
            let (number, first) = (block as u32, blobs.len() as u32);
            blocks.push(StoredBlock { number, offset, len: len as u32, mac, delta, first });
            offset = FormatError::check_limit("pack", offset + len as u64, MAX_PACK)?;
            let count = cursor.count(MAX_BLOBS_PER_BLOCK, 33, "blobs of a block")?;
            blobs.reserve(count);
            let mut start = 0u32;
            for _ in 0..count {
                let len = cursor.length(MAX_BLOB, "blob")? as u32;
                let id = BlobId(cursor.array("blob id")?);
                blobs.push(CatalogueBlob { id, block: number, start, len });
                start = start.checked_add(len).ok_or(FormatError::Invalid("length of a block"))?;
            }
        }
        cursor.end("pack catalogue")?;
        // The vector stays in memory, and has grown by doubling.
        blobs.shrink_to_fit();
        let mut by_id: Vec<u32> = (0..blobs.len() as u32).collect();
        by_id.sort_unstable_by_key(|at| blobs[*at as usize].id);
        Ok(Self { kind, blocks, blobs, by_id })
    }
}

/// A block with its blobs, as listed in its catalogue.
#[derive(Debug, Clone, Copy)]
pub struct BlockEntry<'a> {
    block: &'a StoredBlock,
    blobs: &'a [CatalogueBlob],
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
}

/// Checks that a pack may begin with these [`PACK_HEADER_LEN`] bytes.
pub fn check_pack_header(bytes: &[u8]) -> Result<(), FormatError> {
    if bytes == MAGIC { Ok(()) } else { Err(FormatError::Magic("pack")) }
}

/// Collects a pack in memory.
#[derive(Debug)]
pub struct PackBuilder {
    bytes: Vec<u8>,
    blocks: Vec<u8>,
    block_count: usize,
    kind: PackKind,
}

/// A complete pack, ready to be stored.
#[derive(Debug)]
pub struct SealedPack {
    /// Id of the pack.
    pub id: PackId,
    /// Bytes of the file.
    pub bytes: Vec<u8>,
    /// The catalogue, parsed again from `bytes`.
    pub catalogue: Catalogue,
}

impl PackBuilder {
    /// Makes an empty pack.
    pub fn new(kind: PackKind) -> Self {
        Self { bytes: MAGIC.to_vec(), blocks: Vec::new(), block_count: 0, kind }
    }

    /// Appends a sealed block and the ids and lengths of its blobs. Panics if `block` is shorter than a
    /// frame's header.
    pub fn push(&mut self, block: &[u8], delta: bool, blobs: impl ExactSizeIterator<Item = (BlobId, u32)>) {
        self.bytes.extend_from_slice(block);
        self.block_count += 1;
        self.blocks.put_varint((block.len() as u64) << 1 | u64::from(delta));
        self.blocks.extend_from_slice(&block[MAC]);
        self.blocks.put_varint(blobs.len() as u64);
        for (id, len) in blobs {
            self.blocks.put_varint(u64::from(len));
            self.blocks.extend(id.0);
        }
    }

    /// Bytes of the file so far, including the catalogue. For blobs of a few bytes that compress well, the
    /// catalogue is larger than their blocks. It has a limit, too.
    pub fn len(&self) -> usize {
        self.bytes.len() + self.blocks.len()
    }

    /// Whether no block was added.
    pub fn is_empty(&self) -> bool {
        self.block_count == 0
    }

    /// Completes the pack. Parses the encoded bytes again before anybody may rely on them.
    pub fn finish(mut self, keys: &Keys) -> Result<SealedPack, FormatError> {
        let mut body = Vec::with_capacity(self.blocks.len() + 16);
        body.push(self.kind.code());
        body.put_varint(self.block_count as u64);
        body.append(&mut self.blocks);
        let id = keys.pack_id(&body);
        let frame = seal(keys, Sealed::CATALOGUE, &body);
        let catalogue = Catalogue::open(keys, &id, &frame)?;
        let trailer = PackTrailer { offset: self.bytes.len() as u64, len: frame.len() as u32 };
        self.bytes.extend(frame);
        self.bytes.extend(trailer.encode());
        Ok(SealedPack { id, bytes: self.bytes, catalogue })
    }
}

/// Location of the catalogue. The trailer is not sealed, but the catalogue is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PackTrailer {
    /// Offset of the catalogue in the file.
    pub offset: u64,
    /// Length of the catalogue in bytes.
    pub len: u32,
}

impl PackTrailer {
    fn encode(self) -> Vec<u8> {
        [&self.offset.to_le_bytes()[..], &self.len.to_le_bytes(), &END].concat()
    }

    /// Decodes the trailer of a pack file of `size` bytes from its last [`TRAILER_LEN`] bytes.
    pub fn decode(bytes: &[u8], size: u64) -> Result<Self, FormatError> {
        let mut cursor = Cursor::new(bytes);
        let trailer = Self { offset: cursor.u64("pack trailer")?, len: cursor.u32("pack trailer")? };
        if cursor.array("pack trailer")? != END {
            return Err(FormatError::Magic("pack trailer"));
        }
        cursor.end("pack trailer")?;
        let end = trailer.offset.checked_add(u64::from(trailer.len) + TRAILER_LEN);
        let fits = end == Some(size) && size <= MAX_PACK && trailer.offset >= PACK_HEADER_LEN;
        FormatError::invalid_if(!fits, "pack trailer")?;
        Ok(trailer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::{BlockBuilder, BlockEncoder, Secret};

    #[test]
    fn every_blob_is_found_again() {
        let keys = Keys::derive(&Secret([5; 32]));
        let mut pack = PackBuilder::new(PackKind::Metadata);
        for block in 0..3u8 {
            let mut builder = BlockBuilder::default();
            let blobs: Vec<_> = (0..10u8).map(|blob| vec![block * 10 + blob; usize::from(blob)]).collect();
            blobs.iter().for_each(|blob| builder.push(blob));
            let ids = blobs.iter().map(|blob| (keys.blob_id(blob), blob.len() as u32));
            pack.push(&BlockEncoder::new(3).unwrap().full(&keys, &builder).unwrap(), block == 1, ids);
        }
        let SealedPack { id, bytes, catalogue } = pack.finish(&keys).unwrap();
        let trailer =
            PackTrailer::decode(&bytes[bytes.len() - TRAILER_LEN as usize..], bytes.len() as u64).unwrap();
        let frame = &bytes[trailer.offset as usize..][..trailer.len as usize];
        assert_eq!(Catalogue::open(&keys, &id, frame).unwrap(), catalogue);
        assert!(Catalogue::open(&keys, &PackId([0; 32]), frame).is_err());
        for block in 0..3u8 {
            for blob in 1..10u8 {
                let wanted = vec![block * 10 + blob; usize::from(blob)];
                let place = catalogue.find(&keys.blob_id(&wanted)).unwrap();
                let stored = &bytes[place.block.offset as usize..][..place.block.len as usize];
                let stored = place.block.check(stored).unwrap();
                let raw =
                    super::super::Block::open(&keys, stored).unwrap().decompress(&[], usize::MAX).unwrap();
                assert_eq!(raw[place.start as usize..][..place.len as usize], wanted);
            }
        }
        assert_eq!(catalogue.find(&keys.blob_id(b"absent")), None);
    }

    #[test]
    fn a_pack_is_as_long_as_its_blocks_and_its_catalogue() {
        let keys = Keys::derive(&Secret([5; 32]));
        let mut pack = PackBuilder::new(PackKind::Data);
        pack.push(&[0; FRAME_HEADER_LEN], false, (0..1000u32).map(|n| (keys.blob_id(&n.to_le_bytes()), 40)));
        let len = pack.len();
        assert!(len.abs_diff(pack.finish(&keys).unwrap().bytes.len()) < 100, "{len}");
    }

    #[test]
    fn a_trailer_must_fit_its_file() {
        let trailer = PackTrailer { offset: 100, len: 50 };
        assert_eq!(PackTrailer::decode(&trailer.encode(), 166), Ok(trailer));
        for size in [0, 165, 167, u64::MAX] {
            assert!(PackTrailer::decode(&trailer.encode(), size).is_err());
        }
        let hostile = PackTrailer { offset: u64::MAX - 3, len: u32::MAX };
        assert!(PackTrailer::decode(&hostile.encode(), 100).is_err());
    }
}
