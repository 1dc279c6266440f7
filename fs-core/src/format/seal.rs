//! The frame around every object of a repository: its kind, its length and a MAC. An encrypting seal will
//! replace the MAC; no other code needs to change.

use super::{FormatError, Keys, limits::MAX_BODY};

/// Bytes of a frame before its body: magic 4, body length 4, MAC 16.
pub const FRAME_HEADER_LEN: usize = 24;

/// Magic bytes at the start of a block's frame.
pub const BLOCK_MAGIC: [u8; 4] = *b"YBLK";

/// Byte range of the MAC in a frame.
pub(super) const MAC: std::ops::Range<usize> = 8..24;
/// Length of the MAC in bytes.
pub(super) const MAC_LEN: usize = 16;

/// Kind of a frame's content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sealed {
    Block,
    Catalogue,
    Manifest,
    Tag,
    StatPart,
    StatTrailer,
}

impl Sealed {
    /// Magic bytes of the frame, and name in messages.
    fn magic_and_name(self) -> ([u8; 4], &'static str) {
        match self {
            Sealed::Block => (BLOCK_MAGIC, "block"),
            Sealed::Catalogue => (*b"YCAT", "pack catalogue"),
            Sealed::Manifest => (*b"YSNP", "snapshot manifest"),
            Sealed::Tag => (*b"YTAG", "tag"),
            Sealed::StatPart => (*b"YSTP", "part of a stat cache"),
            Sealed::StatTrailer => (*b"YSTE", "end of a stat cache"),
        }
    }
}

/// Puts `body` in a frame. Panics above [`MAX_BODY`], a size that no writer comes near.
pub(super) fn seal(keys: &Keys, kind: Sealed, body: &[u8]) -> Vec<u8> {
    let (magic, name) = kind.magic_and_name();
    assert!(body.len() <= MAX_BODY, "a {name} of {} bytes", body.len());
    let mut frame = Vec::with_capacity(FRAME_HEADER_LEN + body.len());
    frame.extend(magic);
    frame.extend((body.len() as u32).to_le_bytes());
    frame.extend(keys.mac(magic, body));
    frame.extend(body);
    frame
}

/// Verifies a frame and returns its body. `bytes` must be the whole frame.
pub(super) fn open<'a>(keys: &Keys, kind: Sealed, bytes: &'a [u8]) -> Result<&'a [u8], FormatError> {
    let (magic, name) = kind.magic_and_name();
    let (header, body) = bytes.split_at_checked(FRAME_HEADER_LEN).ok_or(FormatError::Truncated(name))?;
    if header[..4] != magic {
        return Err(FormatError::Magic(name));
    }
    let stated = u32::from_le_bytes([header[4], header[5], header[6], header[7]]) as usize;
    if stated > body.len() {
        return Err(FormatError::Truncated(name));
    }
    if stated < body.len() {
        return Err(FormatError::Trailing(name));
    }
    if header[MAC] != keys.mac(magic, body) {
        return Err(FormatError::Checksum(name));
    }
    Ok(body)
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
        let frame = seal(&keys, Sealed::Block, b"some body");
        assert_eq!(open(&keys, Sealed::Block, &frame), Ok(&b"some body"[..]));
        for bit in 0..frame.len() * 8 {
            let mut damaged = frame.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(open(&keys, Sealed::Block, &damaged).is_err(), "bit {bit}");
        }
        for len in 0..frame.len() {
            assert!(open(&keys, Sealed::Block, &frame[..len]).is_err(), "length {len}");
        }
        assert!(open(&keys, Sealed::Manifest, &frame).is_err());
        assert!(open(&Keys::derive(&Secret([8; 32])), Sealed::Block, &frame).is_err());
    }
}
