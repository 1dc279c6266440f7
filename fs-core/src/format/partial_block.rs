use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use zstd::zstd_safe::{DCtx, DParameter, ErrorCode, InBuffer, OutBuffer, ResetDirective};

use super::block::{BAD_DATA, BAD_LENGTH};
use super::{Block, FormatError};

/// A full block that is decompressed as far as it is read, and no byte of it twice.
pub struct PartialBlock {
    block: Block,
    raw: Vec<u8>,
    decoder: Decoder,
    /// zstd must not go on after an error.
    is_broken: bool,
}

impl PartialBlock {
    /// Begins to decompress a full block.
    pub fn new(block: Block) -> Self {
        assert!(block.bases().is_empty(), "a delta is decompressed in full");
        Self { raw: Vec::with_capacity(block.raw_len()), block, decoder: Decoder::new(), is_broken: false }
    }

    /// Decompresses until there are at least `len` bytes, or all of them.
    ///
    /// # Errors
    /// If the block holds other than its number of bytes. Then every later call for more bytes fails, too.
    pub fn extend_to(&mut self, len: usize) -> Result<(), FormatError> {
        let whole = self.block.raw_len();
        if self.raw.len() >= len.min(whole) {
            return Ok(());
        }
        if self.raw.is_empty() && (len >= whole || !self.block.is_compressed()) {
            self.raw = self.block.decompress(&[])?;
            return Ok(());
        }
        if self.is_broken {
            return Err(BAD_DATA);
        }
        let done = self.decoder.extend(&mut self.raw, self.block.payload(), len);
        self.is_broken = done.is_err() || self.raw.len() < len.min(whole);
        done.map_err(|_| BAD_DATA)?;
        if self.is_broken { Err(BAD_LENGTH) } else { Ok(()) }
    }

    /// The first bytes of the block, as far as it is decompressed.
    pub fn bytes(&self) -> &[u8] {
        &self.raw
    }

    /// Whether the block is decompressed in full.
    pub fn is_whole(&self) -> bool {
        self.raw.len() == self.block.raw_len()
    }

    /// The first bytes of the block, as far as it is decompressed.
    pub fn into_bytes(self) -> Vec<u8> {
        self.raw
    }

    /// Approximate memory that it holds until it is whole, in bytes.
    pub fn weight(&self) -> usize {
        self.block.raw_len() + self.block.body().len() + CONTEXT_WEIGHT
    }
}

impl fmt::Debug for PartialBlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PartialBlock").field("len", &self.raw.len()).finish_non_exhaustive()
    }
}

/// About what zstd keeps to decompress a frame step by step, in bytes.
const CONTEXT_WEIGHT: usize = 100 << 10;

/// Decompresses a zstd frame, zstd block by zstd block, into a buffer that stays where it is.
struct Decoder {
    /// `None` only while it is dropped.
    context: Option<DCtx<'static>>,
    /// Bytes of the frame that were decompressed.
    taken: usize,
    /// Number of bytes that zstd wants next: the rest of its current block. 0 at the end of the frame.
    wanted: usize,
}

impl Decoder {
    fn new() -> Self {
        /// Bytes of a frame that tell how long its header is.
        const HEADER_START: usize = 5;
        let spare = spare_contexts().pop();
        let context = spare.unwrap_or_else(|| {
            let mut context = DCtx::create();
            context.set_parameter(DParameter::StableOutBuffer(true)).expect("zstd knows the parameter");
            context
        });
        Self { context: Some(context), taken: 0, wanted: HEADER_START }
    }

    /// Decompresses into the capacity of `raw`, until it has `len` bytes or the frame ends.
    fn extend(&mut self, raw: &mut Vec<u8>, frame: &[u8], len: usize) -> Result<(), ErrorCode> {
        let done = raw.len();
        let mut output = OutBuffer::around_pos(raw, done);
        let context = self.context.as_mut().expect("it is not dropped");
        while self.wanted > 0 && output.pos() < len {
            // No more than zstd asks for: it decompresses all that it gets.
            let rest = &frame[self.taken..];
            let mut input = InBuffer::around(&rest[..rest.len().min(self.wanted)]);
            self.wanted = context.decompress_stream(&mut output, &mut input)?;
            if rest.is_empty() {
                break;
            }
            self.taken += input.pos();
        }
        Ok(())
    }
}

/// Making a context takes a few per cent of the time of a block.
fn spare_contexts() -> MutexGuard<'static, Vec<DCtx<'static>>> {
    static SPARE: Mutex<Vec<DCtx<'static>>> = Mutex::new(Vec::new());
    SPARE.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for Decoder {
    fn drop(&mut self) {
        const MAX_SPARE: usize = 8;
        let Some(mut context) = self.context.take() else { return };
        let mut spare = spare_contexts();
        if spare.len() < MAX_SPARE && context.reset(ResetDirective::SessionOnly).is_ok() {
            spare.push(context);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::block::STEP;
    use super::super::codec::Encode;
    use super::super::seal::Sealed;
    use super::super::{BlockBuilder, BlockEncoder, Keys, Salt, Secret};
    use super::*;

    /// The block with this body, sealed and opened.
    fn stored(body: &[u8]) -> Block {
        let key = Keys::derive(&Secret([3; 32])).object_key(Salt([4; 32]));
        Block::open(&key, 5, key.seal(Sealed::BLOCK, 5, body)).unwrap()
    }

    proptest! {
        #[test]
        fn a_block_read_in_steps_has_its_bytes(
            seed in prop::collection::vec(any::<u8>(), 1..300),
            repeats in 1u32..3000,
            reads in prop::collection::vec(any::<prop::sample::Index>(), 1..6),
            random_access: bool,
        ) {
            // Some of it can be compressed, some of it cannot.
            let piece = |at: u32| {
                let noise = blake3::hash(&at.to_le_bytes());
                [&seed[..], &noise.as_bytes()[..at as usize % 32]].concat()
            };
            let blob: Vec<u8> = (0..repeats).flat_map(piece).collect();
            let mut builder =
                if random_access { BlockBuilder::for_random_access() } else { BlockBuilder::default() };
            builder.push(&blob);
            let mut encoder = BlockEncoder::new(3).unwrap();
            let block = stored(&encoder.full(&builder).unwrap());
            let is_compressed = block.is_compressed();
            let mut partial = PartialBlock::new(block);
            let mut furthest = 0;
            for len in reads {
                let len = len.index(blob.len() + 1);
                furthest = furthest.max(len);
                partial.extend_to(len).unwrap();
                let done = partial.bytes();
                prop_assert!(done.len() >= furthest && blob.starts_with(done));
                prop_assert!(!random_access || done.len() < furthest + 2 * STEP as usize || !is_compressed);
                prop_assert_eq!(partial.is_whole(), partial.bytes().len() == blob.len());
            }
            partial.extend_to(usize::MAX).unwrap();
            prop_assert!(partial.is_whole());
            prop_assert_eq!(partial.into_bytes(), blob);
        }

        #[test]
        fn a_damaged_frame_is_an_error_or_some_bytes(
            damage in any::<u8>(),
            at in any::<prop::sample::Index>(),
            len in 0usize..300_000,
        ) {
            let mut builder = BlockBuilder::default();
            (0..10_000u32).for_each(|number| builder.push(&number.to_le_bytes().repeat(8)));
            let mut body = BlockEncoder::new(3).unwrap().full(&builder).unwrap();
            let payload = body.len() - at.index(body.len() / 2) - 1;
            body[payload] ^= damage;
            let mut partial = PartialBlock::new(stored(&body));
            if partial.extend_to(len).is_err() {
                prop_assert!(partial.extend_to(usize::MAX).is_err());
            }
        }
    }

    #[test]
    fn a_frame_of_another_length_than_its_blobs_is_refused() {
        for (len, real) in [(10, 5000), (5000, 10)] {
            let mut body = vec![1, 1];
            body.put_varint(len);
            body.extend(zstd::bulk::compress(&vec![0; real], 3).unwrap());
            let mut partial = PartialBlock::new(stored(&body));
            assert!(partial.extend_to(1).and_then(|()| partial.extend_to(usize::MAX)).is_err());
        }
    }
}
