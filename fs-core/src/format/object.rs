//! Objects: a header with a salt, and frames.

use super::codec::Cursor;
use super::seal::{Body, Salt, Sealed};
use super::{FormatError, Keys, Version};

/// Bytes of an object's header.
pub const OBJECT_HEADER_LEN: usize = 64;
/// The algorithm that keeps bodies as they are, with MACs of keyed BLAKE3.
const PLAIN: u8 = 0;
/// Bytes of an object's header that its MAC covers.
const HEADER_COVERED: usize = 48;

/// The header of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ObjectHeader {
    /// The object's salt.
    pub salt: Salt,
    /// Bytes of parity data in the object. They are skipped. Nothing writes any yet.
    pub parity_len: u32,
}

impl ObjectHeader {
    /// A header without parity data.
    pub(super) fn new(salt: Salt) -> Self {
        Self { salt, parity_len: 0 }
    }

    pub(super) fn encode(self, keys: &Keys, magic: [u8; 8]) -> [u8; OBJECT_HEADER_LEN] {
        let mut bytes = [0; OBJECT_HEADER_LEN];
        bytes[..8].copy_from_slice(&magic);
        bytes[8] = PLAIN;
        bytes[12..16].copy_from_slice(&self.parity_len.to_le_bytes());
        bytes[16..HEADER_COVERED].copy_from_slice(&self.salt.0);
        let mac = Self::mac(keys, self.salt, &bytes[..HEADER_COVERED]);
        bytes[HEADER_COVERED..].copy_from_slice(&mac);
        bytes
    }

    /// Verifies and parses the header at the beginning of `bytes`, of an object called `name`.
    pub(super) fn decode(
        keys: &Keys,
        magic: [u8; 8],
        name: &'static str,
        bytes: &[u8],
    ) -> Result<Self, FormatError> {
        let mut cursor = Cursor::new(bytes);
        if cursor.array(name)? != magic {
            return Err(FormatError::Magic(name));
        }
        let (algorithm, required, _optional) = (cursor.u8(name)?, cursor.u8(name)?, cursor.array::<2>(name)?);
        let parity_len = cursor.u32(name)?;
        let salt = Salt(cursor.array(name)?);
        let covered = bytes.get(..HEADER_COVERED).unwrap_or_default();
        if cursor.array(name)? != Self::mac(keys, salt, covered) {
            return Err(FormatError::Checksum(name));
        }
        // Checked after the MAC, so a flipped bit counts as damage, not as a newer feature.
        if algorithm != PLAIN {
            return Err(FormatError::Algorithm(algorithm));
        }
        FormatError::check_features(required.into(), 0)?;
        Ok(Self { salt, parity_len })
    }

    fn mac(keys: &Keys, salt: Salt, covered: &[u8]) -> [u8; 16] {
        keys.object_key(salt).header_mac(covered)
    }
}

/// A kind of object with a single frame: its own magic, and its frame.
#[derive(Debug, Clone, Copy)]
pub(super) struct SingleFrame {
    magic: [u8; 8],
    frame: Sealed,
}

impl SingleFrame {
    pub(super) const MANIFEST: Self = Self { magic: *b"YESTSNAP", frame: Sealed::MANIFEST };
    pub(super) const TAG: Self = Self { magic: *b"YESTTAGS", frame: Sealed::TAG };
    pub(super) const RECORD: Self = Self { magic: *b"YESTRECS", frame: Sealed::RECORD };
    pub(super) const CHECKPOINT: Self = Self { magic: *b"YESTSTAT", frame: Sealed::CHECKPOINT };

    /// Makes an object.
    pub(super) fn seal(self, keys: &Keys, salt: Salt, body: &[u8]) -> Vec<u8> {
        let mut object = ObjectHeader::new(salt).encode(keys, self.magic).to_vec();
        object.extend(keys.object_key(salt).seal(self.frame, 0, body));
        object
    }

    /// Verifies an object and returns its body.
    pub(super) fn open(self, keys: &Keys, mut object: Vec<u8>) -> Result<Body, FormatError> {
        let name = self.frame.name();
        if keys.version() == Version::One {
            return keys.object_key(Salt([0; 32])).open(self.frame, 0, object);
        }
        let header = ObjectHeader::decode(keys, self.magic, name, &object)?;
        let end = object.len().checked_sub(header.parity_len as usize).ok_or(FormatError::Truncated(name))?;
        object.truncate(end);
        let frame = object.split_off(OBJECT_HEADER_LEN.min(object.len()));
        keys.object_key(header.salt).open(self.frame, 0, frame)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::Secret;

    fn keys() -> Keys {
        Keys::derive(&Secret([7; 32]))
    }

    #[test]
    fn every_flipped_bit_and_every_truncation_of_an_object_is_noticed() {
        let object = SingleFrame::TAG.seal(&keys(), Salt([1; 32]), b"body");
        assert_eq!(&*SingleFrame::TAG.open(&keys(), object.clone()).unwrap(), b"body");
        assert!(SingleFrame::MANIFEST.open(&keys(), object.clone()).is_err());
        for bit in 0..object.len() * 8 {
            let mut damaged = object.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(SingleFrame::TAG.open(&keys(), damaged).is_err(), "bit {bit}");
        }
        for len in 0..object.len() {
            assert!(SingleFrame::TAG.open(&keys(), object[..len].to_vec()).is_err(), "length {len}");
        }
    }

    /// An object with these bytes in its header, sealed again.
    fn with_header(change: impl FnOnce(&mut [u8]), after: &[u8]) -> Vec<u8> {
        let salt = Salt([1; 32]);
        let mut object = SingleFrame::TAG.seal(&keys(), salt, b"body");
        change(&mut object[..HEADER_COVERED]);
        let mac = ObjectHeader::mac(&keys(), salt, &object[..HEADER_COVERED]);
        object[HEADER_COVERED..OBJECT_HEADER_LEN].copy_from_slice(&mac);
        object.extend(after);
        object
    }

    #[test]
    fn what_a_header_may_hold_is_skipped_and_what_it_must_not_is_refused() {
        let open = |object| SingleFrame::TAG.open(&keys(), object).map(|body| body.to_vec());
        let parity = |len: u32| move |header: &mut [u8]| header[12..16].copy_from_slice(&len.to_le_bytes());
        assert_eq!(open(with_header(parity(6), b"parity")), Ok(b"body".to_vec()));
        assert!(open(with_header(parity(5), b"parity")).is_err());
        assert!(open(with_header(parity(u32::MAX), b"parity")).is_err());
        assert_eq!(open(with_header(|header| header[11] = 0x80, b"")), Ok(b"body".to_vec()));
        assert_eq!(open(with_header(|header| header[9] = 2, b"")), Err(FormatError::Features(2)));
        assert_eq!(open(with_header(|header| header[8] = 1, b"")), Err(FormatError::Algorithm(1)));
    }
}
