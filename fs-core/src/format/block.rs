use std::cell::RefCell;
use std::{fmt, io};

use zstd::bulk::Compressor;
use zstd::zstd_safe::{
    CParameter, DCtx, DParameter, InBuffer, MAGIC_DICTIONARY, OutBuffer, ResetDirective, SafeResult,
    compress_bound,
};

use super::codec::{Cursor, Encode};
use super::limits::{MAX_BLOB, MAX_BLOBS_PER_BLOCK, MAX_BLOCK_RAW};
use super::seal::{Sealed, open, seal};
use super::{BlobId, FormatError, Keys};

const STORED: u8 = 0;
const ZSTD: u8 = 1;
/// Codec of a delta: the prefix is the blobs' bases, one after the other.
const DELTA: u8 = 2;

/// Base-2 logarithm of the largest window. It covers both ends of a delta: twice the largest block.
const MAX_WINDOW_LOG: u32 = 25;

/// Maximum size of zstd's own blocks, in bytes: for random access, and zstd's default.
const STEP: u32 = 32 << 10;
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

    fn seal(&self, keys: &Keys, codec: u8, bases: &[BlobId], payload: &[u8]) -> Vec<u8> {
        let mut body = Vec::with_capacity(payload.len() + self.lengths.len() * 3 + bases.len() * 32 + 16);
        body.push(codec);
        body.put_varint(self.lengths.len() as u64);
        self.lengths.iter().for_each(|len| body.put_varint(u64::from(*len)));
        bases.iter().for_each(|base| body.extend(base.0));
        body.extend_from_slice(payload);
        seal(keys, Sealed::BLOCK, &body)
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

    /// Encodes a full block. Bytes that zstd cannot shrink are stored uncompressed.
    pub fn full(&mut self, keys: &Keys, block: &BlockBuilder) -> io::Result<Vec<u8>> {
        self.reserve(block.raw.len());
        self.compressor.set_parameter(block.step())?;
        self.compressor.compress_to_buffer(&block.raw, &mut self.buffer)?;
        let (codec, payload) =
            if self.buffer.len() < block.raw.len() { (ZSTD, &self.buffer) } else { (STORED, &block.raw) };
        Ok(block.seal(keys, codec, &[], payload))
    }

    /// Encodes the block as a delta. `bases` has a base for each blob. `prefix` is the bases' bytes, one
    /// after the other.
    pub fn delta(
        &mut self,
        keys: &Keys,
        block: &BlockBuilder,
        bases: &[BlobId],
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
        Ok(block.seal(keys, DELTA, bases, &self.buffer))
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
pub struct Block<'a> {
    codec: u8,
    lengths: Vec<u32>,
    bases: Vec<BlobId>,
    raw_len: usize,
    payload: &'a [u8],
}

impl<'a> Block<'a> {
    /// Verifies and parses a block. `bytes` must be the whole block.
    pub fn open(keys: &Keys, bytes: &'a [u8]) -> Result<Self, FormatError> {
        let mut cursor = Cursor::new(open(keys, Sealed::BLOCK, bytes)?);
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
        let base = |_| cursor.array("base of a blob").map(BlobId);
        let bases = (0..deltas).map(base).collect::<Result<_, _>>()?;
        Ok(Self { codec, lengths, bases, raw_len, payload: cursor.rest() })
    }

    /// Lengths of the blobs in bytes, in order.
    pub fn lengths(&self) -> &[u32] {
        &self.lengths
    }

    /// The base of each blob; empty for a full block. A base is never in a delta itself.
    pub fn bases(&self) -> &[BlobId] {
        &self.bases
    }

    /// Number of bytes of all blobs.
    pub fn raw_len(&self) -> usize {
        self.raw_len
    }

    /// Decompresses the blobs' bytes, one after the other: at least the first `len` bytes, if there are as many.
    /// `prefix` is the bases' bytes, one after the other.
    pub fn decompress(&self, prefix: &[u8], len: usize) -> Result<Vec<u8>, FormatError> {
        let mut raw = Vec::with_capacity(self.raw_len);
        let done = if self.codec == STORED {
            raw.extend_from_slice(self.payload);
            Ok(raw.len())
        } else if len < self.raw_len {
            decompress_up_to(&mut raw, self.payload, prefix, len)
        } else {
            decompress(&mut raw, self.payload, prefix)
        };
        done.map_err(|_| FormatError::Invalid("compressed data of a block"))?;
        let is_right = raw.len() == self.raw_len || (len..self.raw_len).contains(&raw.len());
        if is_right { Ok(raw) } else { Err(FormatError::Invalid("length of a block")) }
    }
}

/// Decompresses a frame with `prefix` into the capacity of `raw`.
fn decompress(raw: &mut Vec<u8>, frame: &[u8], prefix: &[u8]) -> SafeResult {
    // A context borrows its prefix for as long as it lives, but not a dictionary. Bytes that are not a
    // dictionary in zstd's own format have the same effect as a prefix.
    if prefix.starts_with(&MAGIC_DICTIONARY.to_le_bytes()) {
        let mut context = DCtx::create();
        context.ref_prefix(prefix)?;
        return context.decompress(raw, frame);
    }
    CONTEXT.with_borrow_mut(|context| context.decompress_using_dict(raw, frame, prefix))
}

/// Decompresses a frame into the capacity of `raw`, part by part (zstd: block by block), until `raw` has at least
/// `len` bytes or the frame ends.
fn decompress_up_to(raw: &mut Vec<u8>, frame: &[u8], prefix: &[u8], len: usize) -> SafeResult {
    if prefix.is_empty() {
        return STREAMS.with_borrow_mut(|context| {
            context.reset(ResetDirective::SessionOnly)?;
            stream(context, raw, frame, len)
        });
    }
    let mut context = streaming_context();
    context.ref_prefix(prefix)?;
    stream(&mut context, raw, frame, len)
}

fn stream(context: &mut DCtx<'_>, raw: &mut Vec<u8>, frame: &[u8], len: usize) -> SafeResult {
    /// Bytes of a frame that tell how long its header is.
    const HEADER_START: usize = 5;
    let mut output = OutBuffer::around(raw);
    let (mut taken, mut wanted) = (0, HEADER_START);
    while wanted > 0 && output.pos() < len {
        // No more than zstd asks for: it decompresses all that it gets.
        let end = frame.len().min(taken + wanted);
        let mut input = InBuffer::around(&frame[taken..end]);
        wanted = context.decompress_stream(&mut output, &mut input)?;
        if taken == frame.len() {
            break;
        }
        taken += input.pos();
    }
    Ok(output.pos())
}

/// A context that decompresses straight into the caller's buffer.
fn streaming_context<'a>() -> DCtx<'a> {
    let mut context = DCtx::create();
    context.set_parameter(DParameter::StableOutBuffer(true)).expect("zstd knows the parameter");
    context
}

thread_local! {
    /// Making a context costs about as much as a small block.
    static CONTEXT: RefCell<DCtx<'static>> = RefCell::new(DCtx::create());
    static STREAMS: RefCell<DCtx<'static>> = RefCell::new(streaming_context());
}

fn zstd_error(code: usize) -> io::Error {
    io::Error::other(zstd::zstd_safe::get_error_name(code))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::format::Secret;

    proptest! {
        #[test]
        fn blocks_survive(blobs in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..20)) {
            let keys = Keys::derive(&Secret([3; 32]));
            let mut builder = BlockBuilder::default();
            blobs.iter().for_each(|blob| builder.push(blob));
            let bytes = BlockEncoder::new(3).unwrap().full(&keys, &builder).unwrap();
            let block = Block::open(&keys, &bytes).unwrap();
            prop_assert_eq!(block.decompress(&[], usize::MAX).unwrap(), blobs.concat());
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
            let ids: Vec<_> = bases.iter().map(|base| keys.blob_id(base)).collect();
            let mut builder = BlockBuilder::default();
            let mut blobs = bases.clone();
            for (blob, (at, byte)) in blobs.iter_mut().zip(edits) {
                let at = at.index(blob.len() + 1);
                blob.insert(at, byte);
                builder.push(blob);
            }
            let bytes = BlockEncoder::new(3).unwrap().delta(&keys, &builder, &ids, &bases.concat()).unwrap();
            let block = Block::open(&keys, &bytes).unwrap();
            prop_assert_eq!(block.bases(), ids);
            prop_assert_eq!(block.decompress(&bases.concat(), usize::MAX).unwrap(), blobs.concat());
        }
    }

    #[test]
    fn a_base_may_look_like_a_dictionary() {
        let keys = Keys::derive(&Secret([3; 32]));
        let base = [&MAGIC_DICTIONARY.to_le_bytes(), [7; 500].as_slice()].concat();
        let blob = [&base[..], b"more"].concat();
        let mut builder = BlockBuilder::default();
        builder.push(&blob);
        let ids = [keys.blob_id(&base)];
        let bytes = BlockEncoder::new(3).unwrap().delta(&keys, &builder, &ids, &base).unwrap();
        assert_eq!(Block::open(&keys, &bytes).unwrap().decompress(&base, usize::MAX).unwrap(), blob);
    }

    #[test]
    fn a_frame_that_would_expand_beyond_its_blobs_is_refused() {
        let keys = Keys::derive(&Secret([3; 32]));
        let mut body = vec![ZSTD, 1, 10];
        body.extend(zstd::bulk::compress(&[0; 5000], 3).unwrap());
        let bytes = seal(&keys, Sealed::BLOCK, &body);
        assert!(Block::open(&keys, &bytes).unwrap().decompress(&[], usize::MAX).is_err());
    }
}
