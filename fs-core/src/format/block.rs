use super::codec::{Cursor, Encode};
use super::limits::{MAX_BLOB, MAX_BLOBS_PER_BLOCK, MAX_BLOCK_RAW};
use super::seal::{Sealed, open, seal};
use super::{FormatError, Keys};

const STORED: u8 = 0;
const ZSTD: u8 = 1;

/// Collects blobs that are compressed together.
#[derive(Debug, Default)]
pub struct BlockBuilder {
    raw: Vec<u8>,
    lengths: Vec<u32>,
}

impl BlockBuilder {
    /// Appends a blob. Panics above [`MAX_BLOB`].
    pub fn push(&mut self, blob: &[u8]) {
        assert!(blob.len() <= MAX_BLOB, "a blob of {} bytes", blob.len());
        self.raw.extend_from_slice(blob);
        self.lengths.push(blob.len() as u32);
    }

    /// Uncompressed bytes so far.
    pub fn raw_len(&self) -> usize {
        self.raw.len()
    }

    /// Whether no blob was added.
    pub fn is_empty(&self) -> bool {
        self.lengths.is_empty()
    }

    /// The lengths of its blobs, in order.
    pub fn lengths(&self) -> &[u32] {
        &self.lengths
    }

    /// The block as it is stored. What zstd cannot shrink is stored as it is.
    ///
    /// # Errors
    /// When zstd fails, which means that memory is short.
    pub fn finish(&self, keys: &Keys, level: i32) -> std::io::Result<Vec<u8>> {
        let compressed = zstd::bulk::compress(&self.raw, level)?;
        let (codec, payload) =
            if compressed.len() < self.raw.len() { (ZSTD, &compressed) } else { (STORED, &self.raw) };
        let mut body = Vec::with_capacity(payload.len() + self.lengths.len() * 3 + 16);
        body.push(codec);
        body.put_varint(self.lengths.len() as u64);
        self.lengths.iter().for_each(|len| body.put_varint(u64::from(*len)));
        body.extend_from_slice(payload);
        Ok(seal(keys, Sealed::Block, &body))
    }
}

/// A block whose checksum was right, not yet decompressed.
#[derive(Debug)]
pub struct Block<'a> {
    codec: u8,
    lengths: Vec<u32>,
    raw_len: usize,
    payload: &'a [u8],
}

impl<'a> Block<'a> {
    /// Verifies and parses the block that `bytes` are, all of them.
    pub fn open(keys: &Keys, bytes: &'a [u8]) -> Result<Self, FormatError> {
        let mut cursor = Cursor::new(open(keys, Sealed::Block, bytes)?);
        let codec = cursor.u8("block codec")?;
        if codec != STORED && codec != ZSTD {
            return Err(FormatError::Invalid("block codec"));
        }
        let count = cursor.count(MAX_BLOBS_PER_BLOCK, 1, "blobs of a block")?;
        let mut lengths = Vec::with_capacity(count);
        let mut raw_len = 0;
        for _ in 0..count {
            let len = cursor.length(MAX_BLOB, "blob")?;
            lengths.push(len as u32);
            raw_len += len;
            if raw_len > MAX_BLOCK_RAW {
                return Err(FormatError::Limit {
                    what: "block",
                    value: raw_len as u64,
                    limit: MAX_BLOCK_RAW as u64,
                });
            }
        }
        Ok(Self { codec, lengths, raw_len, payload: cursor.rest() })
    }

    /// The lengths of its blobs, in order.
    pub fn lengths(&self) -> &[u32] {
        &self.lengths
    }

    /// The blobs' bytes, one after the other.
    pub fn decompress(&self) -> Result<Vec<u8>, FormatError> {
        let raw = if self.codec == STORED {
            self.payload.to_vec()
        } else {
            zstd::bulk::decompress(self.payload, self.raw_len)
                .map_err(|_| FormatError::Invalid("compressed data of a block"))?
        };
        if raw.len() == self.raw_len { Ok(raw) } else { Err(FormatError::Invalid("length of a block")) }
    }
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
            let bytes = builder.finish(&keys, 3).unwrap();
            let block = Block::open(&keys, &bytes).unwrap();
            prop_assert_eq!(block.decompress().unwrap(), blobs.concat());
            let lengths: Vec<_> = blobs.iter().map(|blob| blob.len() as u32).collect();
            prop_assert_eq!(block.lengths(), lengths);
        }
    }

    #[test]
    fn a_frame_that_would_expand_beyond_its_blobs_is_refused() {
        let keys = Keys::derive(&Secret([3; 32]));
        let mut body = vec![ZSTD, 1, 10];
        body.extend(zstd::bulk::compress(&[0; 5000], 3).unwrap());
        let bytes = seal(&keys, Sealed::Block, &body);
        assert!(Block::open(&keys, &bytes).unwrap().decompress().is_err());
    }
}
