//! The frame around every object of a repository: its kind, its length and a MAC. An encrypting seal will
//! replace the MAC; no other code needs to change.

use super::codec::Cursor;
use super::limits::MAX_BODY;
use super::{FormatError, Keys};

/// Bytes of a frame before its body: magic 4, body length 4, MAC 16.
pub const FRAME_HEADER_LEN: usize = 24;

/// Magic bytes at the start of a block's frame.
pub const BLOCK_MAGIC: [u8; 4] = *b"YBLK";

/// Byte range of the MAC in a frame.
pub(super) const MAC: std::ops::Range<usize> = 8..24;
/// Length of the MAC in bytes.
pub(super) const MAC_LEN: usize = 16;

/// Kind of a frame's content.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sealed {
    magic: [u8; 4],
    /// Name of the kind in errors.
    name: &'static str,
}

impl Sealed {
    pub(super) const BLOCK: Self = Self { magic: BLOCK_MAGIC, name: "block" };
    pub(super) const CATALOGUE: Self = Self { magic: *b"YCAT", name: "pack catalogue" };
    pub(super) const MANIFEST: Self = Self { magic: *b"YSNP", name: "snapshot manifest" };
    pub(super) const TAG: Self = Self { magic: *b"YTAG", name: "tag" };
    pub(super) const STAT_PART: Self = Self { magic: *b"YSTP", name: "part of a stat cache" };
    pub(super) const STAT_TRAILER: Self = Self { magic: *b"YSTE", name: "end of a stat cache" };
}

/// Puts `body` in a frame. Panics above [`MAX_BODY`], a size that no writer comes near.
pub(super) fn seal(keys: &Keys, kind: Sealed, body: &[u8]) -> Vec<u8> {
    assert!(body.len() <= MAX_BODY, "a {} of {} bytes", kind.name, body.len());
    let mut frame = Vec::with_capacity(FRAME_HEADER_LEN + body.len());
    frame.extend(kind.magic);
    frame.extend((body.len() as u32).to_le_bytes());
    frame.extend(keys.mac(kind.magic, body));
    frame.extend(body);
    frame
}

/// Verifies a frame and returns its body. `bytes` must be the whole frame.
pub(super) fn open<'a>(keys: &Keys, kind: Sealed, bytes: &'a [u8]) -> Result<&'a [u8], FormatError> {
    let Sealed { magic, name } = kind;
    let mut cursor = Cursor::new(bytes);
    let mut header = Cursor::new(cursor.take(FRAME_HEADER_LEN, name)?);
    if header.array(name)? != magic {
        return Err(FormatError::Magic(name));
    }
    let body = cursor.take(header.u32(name)? as usize, name)?;
    cursor.end(name)?;
    if header.rest() == keys.mac(magic, body) { Ok(body) } else { Err(FormatError::Checksum(name)) }
}

/// Length in bytes of the frame of a block that begins with this header. `None` if it is not such a header.
pub fn block_frame_len(header: &[u8]) -> Option<usize> {
    let (magic, rest) = header.split_first_chunk::<4>()?;
    let body = u32::from_le_bytes(*rest.first_chunk()?) as usize;
    (*magic == BLOCK_MAGIC && body <= MAX_BODY).then_some(FRAME_HEADER_LEN + body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::Secret;

    #[test]
    fn every_flipped_bit_and_every_truncation_is_noticed() {
        let keys = Keys::derive(&Secret([7; 32]));
        let frame = seal(&keys, Sealed::BLOCK, b"some body");
        assert_eq!(open(&keys, Sealed::BLOCK, &frame), Ok(&b"some body"[..]));
        for bit in 0..frame.len() * 8 {
            let mut damaged = frame.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(open(&keys, Sealed::BLOCK, &damaged).is_err(), "bit {bit}");
        }
        for len in 0..frame.len() {
            assert!(open(&keys, Sealed::BLOCK, &frame[..len]).is_err(), "length {len}");
        }
        assert!(open(&keys, Sealed::MANIFEST, &frame).is_err());
        assert!(open(&Keys::derive(&Secret([8; 32])), Sealed::BLOCK, &frame).is_err());
    }
}
