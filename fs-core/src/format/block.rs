use std::cell::RefCell;
use std::{fmt, io};

use zstd::bulk::Compressor;
use zstd::zstd_safe::{CParameter, DCtx, ErrorCode, MAGIC_DICTIONARY, compress_bound};

use super::codec::{Cursor, Encode};
use super::limits::{MAX_BLOB, MAX_BLOBS_PER_BLOCK, MAX_BLOCK_RAW};
use super::seal::{Body, ObjectKey, Sealed};
use super::{BlobId, BlobPrefix, FormatError, Version};

const STORED: u8 = 0;
const ZSTD: u8 = 1;
/// Codec of a delta: the prefix is the blobs' bases, one after the other.
const DELTA: u8 = 2;

/// Base-2 logarithm of the largest window. It covers both ends of a delta: twice the largest block.
const MAX_WINDOW_LOG: u32 = 25;

/// Maximum size of zstd's own blocks, in bytes: for random access, and zstd's default.
pub(super) const STEP: u32 = 32 << 10;
const DEFAULT_STEP: u32 = 128 << 10;

/// Collects blobs that are compressed together.
#[derive(Debug, Default)]
pub struct BlockBuilder {
    raw: Vec<u8>,
    lengths: Vec<u32>,
    random_access: bool,
}

impl BlockBuilder {
    /// A block of which parts will be read. It is compressed in small steps, so that little more than a part is
    /// decompressed.
    pub fn for_random_access() -> Self {
        Self { random_access: true, ..Self::default() }
    }

    /// Appends a blob. Panics above [`MAX_BLOB`].
    pub fn push(&mut self, blob: &[u8]) {
        assert!(blob.len() <= MAX_BLOB, "a blob of {} bytes", blob.len());
        self.raw.extend_from_slice(blob);
        self.lengths.push(blob.len() as u32);
    }

    /// The blobs, in order.
    pub fn blobs(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = self.raw.as_slice();
        self.lengths.iter().map(move |len| {
            let (blob, tail) = rest.split_at(*len as usize);
            rest = tail;
            blob
        })
    }

    /// Uncompressed bytes so far.
    pub fn raw_len(&self) -> usize {
        self.raw.len()
    }

    /// Whether no blob was added.
    pub fn is_empty(&self) -> bool {
        self.lengths.is_empty()
    }

    /// Lengths of the blobs in bytes, in order.
    pub fn lengths(&self) -> &[u32] {
        &self.lengths
    }

    fn step(&self) -> CParameter {
        CParameter::MaxBlockSize(if self.random_access { STEP } else { DEFAULT_STEP })
    }

    fn body(&self, codec: u8, bases: &[BlobPrefix], payload: &[u8]) -> Vec<u8> {
        let mut body = Vec::with_capacity(payload.len() + self.lengths.len() * 3 + bases.len() * 16 + 16);
        body.push(codec);
        body.put_varint(self.lengths.len() as u64);
        self.lengths.iter().for_each(|len| body.put_varint(u64::from(*len)));
        bases.iter().for_each(|base| body.extend(base.0));
        body.extend_from_slice(payload);
        body
    }
}

/// Compresses blocks. Reuse it for many blocks, as it keeps its context and its buffer.
pub struct BlockEncoder {
    compressor: Compressor<'static>,
    level: i32,
    buffer: Vec<u8>,
}

impl BlockEncoder {
    /// Makes an encoder for zstd's `level`.
    ///
    /// # Errors
    /// zstd fails if memory is short, here and in later calls.
    pub fn new(level: i32) -> io::Result<Self> {
        Ok(Self { compressor: Compressor::new(level)?, level, buffer: Vec::new() })
    }

    /// Makes the body of a full block. Bytes that zstd cannot shrink are stored uncompressed.
    pub fn full(&mut self, block: &BlockBuilder) -> io::Result<Vec<u8>> {
        self.reserve(block.raw.len());
        self.compressor.set_parameter(block.step())?;
        self.compressor.compress_to_buffer(&block.raw, &mut self.buffer)?;
        let (codec, payload) =
            if self.buffer.len() < block.raw.len() { (ZSTD, &self.buffer) } else { (STORED, &block.raw) };
        Ok(block.body(codec, &[], payload))
    }

    /// Makes the body of a delta block. `bases` has a base for each blob. `prefix` is the bases' bytes, one
    /// after the other.
    pub fn delta(
        &mut self,
        block: &BlockBuilder,
        bases: &[BlobPrefix],
        prefix: &[u8],
    ) -> io::Result<Vec<u8>> {
        assert_eq!(bases.len(), block.lengths.len(), "a base for each blob");
        // A context borrows its prefix for as long as it lives, so each delta needs its own context.
        let mut compressor = Compressor::new(self.level)?;
        // The window must reach from the last byte back to the prefix's first byte.
        let window = usize::BITS - (prefix.len() + block.raw.len()).leading_zeros();
        compressor.set_parameter(CParameter::WindowLog(window.clamp(10, MAX_WINDOW_LOG)))?;
        // Finds matches in the prefix that the level's small tables no longer hold: 6 % smaller, at no cost
        // in time.
        compressor.set_parameter(CParameter::EnableLongDistanceMatching(true))?;
        compressor.set_parameter(block.step())?;
        compressor.context_mut().ref_prefix(prefix).map_err(zstd_error)?;
        self.reserve(block.raw.len());
        compressor.compress_to_buffer(&block.raw, &mut self.buffer)?;
        Ok(block.body(DELTA, bases, &self.buffer))
    }

    fn reserve(&mut self, raw_len: usize) {
        self.buffer.clear();
        self.buffer.reserve(compress_bound(raw_len));
    }
}

impl fmt::Debug for BlockEncoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlockEncoder").field("level", &self.level).finish_non_exhaustive()
    }
}

/// A block whose MAC was verified, not yet decompressed.
#[derive(Debug)]
pub struct Block {
    codec: u8,
    lengths: Vec<u32>,
    bases: Vec<BlobPrefix>,
    raw_len: usize,
    body: Body,
    /// Position of the compressed bytes in the body.
    payload: usize,
}

impl Block {
    /// Verifies and parses the block `number` of a pack. `frame` must be the whole frame.
    pub fn open(key: &ObjectKey, number: u32, frame: Vec<u8>) -> Result<Self, FormatError> {
        let body = key.open(Sealed::BLOCK, number, frame)?;
        let mut cursor = Cursor::new(&body);
        let codec = cursor.u8("block codec")?;
        FormatError::invalid_if(codec > DELTA, "block codec")?;
        let count = cursor.count(MAX_BLOBS_PER_BLOCK, 1, "blobs of a block")?;
        let mut lengths = Vec::with_capacity(count);
        let mut raw_len = 0;
        for _ in 0..count {
            let len = cursor.length(MAX_BLOB, "blob")?;
            lengths.push(len as u32);
            raw_len += len;
            FormatError::check_limit("block", raw_len as u64, MAX_BLOCK_RAW as u64)?;
        }
        let deltas = if codec == DELTA { count } else { 0 };
        let base = |_| match key.version() {
            Version::One => cursor.array("base of a blob").map(|id| BlobId(id).prefix()),
            Version::Two => cursor.array("base of a blob").map(BlobPrefix),
        };
        let bases = (0..deltas).map(base).collect::<Result<_, _>>()?;
        let payload = body.len() - cursor.remaining();
        Ok(Self { codec, lengths, bases, raw_len, body, payload })
    }

    /// The block's body, as it was sealed.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// Lengths of the blobs in bytes, in order.
    pub fn lengths(&self) -> &[u32] {
        &self.lengths
    }

    /// The base of each blob; empty for a full block. A base is never in a delta itself.
    pub fn bases(&self) -> &[BlobPrefix] {
        &self.bases
    }

    /// Number of bytes of all blobs.
    pub fn raw_len(&self) -> usize {
        self.raw_len
    }

    /// Decompresses the blobs' bytes, one after the other. `prefix` is the bases' bytes, one after the other.
    pub fn decompress(&self, prefix: &[u8]) -> Result<Vec<u8>, FormatError> {
        let mut raw = Vec::with_capacity(self.raw_len);
        if self.is_compressed() {
            decompress(&mut raw, self.payload(), prefix).map_err(|_| BAD_DATA)?;
        } else {
            raw.extend_from_slice(self.payload());
        }
        if raw.len() == self.raw_len { Ok(raw) } else { Err(BAD_LENGTH) }
    }

    pub(super) fn is_compressed(&self) -> bool {
        self.codec != STORED
    }

    /// The compressed bytes.
    pub(super) fn payload(&self) -> &[u8] {
        &self.body[self.payload..]
    }
}

pub(super) const BAD_DATA: FormatError = FormatError::Invalid("compressed data of a block");
pub(super) const BAD_LENGTH: FormatError = FormatError::Invalid("length of a block");

/// Decompresses a frame with `prefix` into the capacity of `raw`.
fn decompress(raw: &mut Vec<u8>, frame: &[u8], prefix: &[u8]) -> Result<(), ErrorCode> {
    // A context borrows its prefix for as long as it lives, but not a dictionary. Bytes that are not a
    // dictionary in zstd's own format have the same effect as a prefix.
    if prefix.starts_with(&MAGIC_DICTIONARY.to_le_bytes()) {
        let mut context = DCtx::create();
        context.ref_prefix(prefix)?;
        return context.decompress(raw, frame).map(drop);
    }
    CONTEXT.with_borrow_mut(|context| context.decompress_using_dict(raw, frame, prefix)).map(drop)
}

thread_local! {
    /// Making a context costs about as much as a small block.
    static CONTEXT: RefCell<DCtx<'static>> = RefCell::new(DCtx::create());
}

fn zstd_error(code: usize) -> io::Error {
    io::Error::other(zstd::zstd_safe::get_error_name(code))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::format::{Keys, Salt, Secret};

    /// The block with this body, sealed and opened.
    fn stored(body: &[u8]) -> Block {
        let key = Keys::derive(&Secret([3; 32])).object_key(Salt([4; 32]));
        Block::open(&key, 5, key.seal(Sealed::BLOCK, 5, body)).unwrap()
    }

    proptest! {
        #[test]
        fn blocks_survive(blobs in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..20)) {
            let mut builder = BlockBuilder::default();
            blobs.iter().for_each(|blob| builder.push(blob));
            let block = stored(&BlockEncoder::new(3).unwrap().full(&builder).unwrap());
            prop_assert_eq!(block.decompress(&[]).unwrap(), blobs.concat());
            let lengths: Vec<_> = blobs.iter().map(|blob| blob.len() as u32).collect();
            prop_assert_eq!(block.lengths(), lengths);
        }
    }

    proptest! {
        #[test]
        fn deltas_survive(
            bases in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..2000), 1..8),
            edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 8),
        ) {
            let keys = Keys::derive(&Secret([3; 32]));
            let ids: Vec<_> = bases.iter().map(|base| keys.blob_id(base).prefix()).collect();
            let mut builder = BlockBuilder::default();
            let mut blobs = bases.clone();
            for (blob, (at, byte)) in blobs.iter_mut().zip(edits) {
                let at = at.index(blob.len() + 1);
                blob.insert(at, byte);
                builder.push(blob);
            }
            let block = stored(&BlockEncoder::new(3).unwrap().delta(&builder, &ids, &bases.concat()).unwrap());
            prop_assert_eq!(block.bases(), ids);
            prop_assert_eq!(block.decompress(&bases.concat()).unwrap(), blobs.concat());
        }
    }

    #[test]
    fn a_base_may_look_like_a_dictionary() {
        let base = [&MAGIC_DICTIONARY.to_le_bytes(), [7; 500].as_slice()].concat();
        let blob = [&base[..], b"more"].concat();
        let mut builder = BlockBuilder::default();
        builder.push(&blob);
        let body = BlockEncoder::new(3).unwrap().delta(&builder, &[BlobPrefix([1; 16])], &base).unwrap();
        assert_eq!(stored(&body).decompress(&base).unwrap(), blob);
    }

    #[test]
    fn a_frame_that_would_expand_beyond_its_blobs_is_refused() {
        let mut body = vec![ZSTD, 1, 10];
        body.extend(zstd::bulk::compress(&[0; 5000], 3).unwrap());
        assert!(stored(&body).decompress(&[]).is_err());
    }
}
