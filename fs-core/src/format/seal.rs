//! How the bytes of objects are protected. A pack, manifest or tag is a header and frames. A frame holds a body and
//! its MAC. The MAC key derives from the header's salt, so a frame of one object never verifies in another.
//! `docs/format.md` tells how encryption will fit in.

use std::ops::Deref;

use super::codec::{Cursor, head};
use super::limits::MAX_BODY;
use super::{FormatError, Version};

/// Bytes of a frame before its body: magic, number of the frame, length of the body, MAC.
pub const FRAME_HEADER_LEN: usize = 28;
/// First bytes of a block's frame.
pub const BLOCK_MAGIC: [u8; 4] = *b"YBLK";

/// The random number of an object, from which its key derives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Salt(pub [u8; 32]);

/// A kind of frame: its magic, and its name in errors.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sealed {
    magic: [u8; 4],
    name: &'static str,
}

impl Sealed {
    pub(super) const BLOCK: Self = Self { magic: BLOCK_MAGIC, name: "block" };
    pub(super) const CATALOGUE: Self = Self { magic: *b"YCAT", name: "pack catalogue" };
    pub(super) const MANIFEST: Self = Self { magic: *b"YSNP", name: "snapshot manifest" };
    pub(super) const TAG: Self = Self { magic: *b"YTAG", name: "tag" };
    pub(super) const RECORD: Self = Self { magic: *b"YREC", name: "record of the log" };
    pub(super) const CHECKPOINT: Self = Self { magic: *b"YCHK", name: "checkpoint" };
    pub(super) const STAT_PART: Self = Self { magic: *b"YSTP", name: "part of a stat cache" };
    pub(super) const STAT_TRAILER: Self = Self { magic: *b"YSTE", name: "end of a stat cache" };
}

impl Sealed {
    /// Name of the kind, in errors.
    pub(super) fn name(self) -> &'static str {
        self.name
    }
}

/// The body of a frame that was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Body {
    frame: Vec<u8>,
    start: usize,
}

impl Deref for Body {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.frame[self.start..]
    }
}

/// The key of one object. It seals and opens the object's frames.
#[derive(Clone)]
pub struct ObjectKey {
    key: [u8; 32],
    version: Version,
}

impl ObjectKey {
    pub(super) fn new(key: [u8; 32], version: Version) -> Self {
        Self { key, version }
    }

    pub(super) fn version(&self) -> Version {
        self.version
    }

    /// Makes the frame of block `number` of a pack.
    pub fn seal_block(&self, number: u32, body: &[u8]) -> Vec<u8> {
        self.seal(Sealed::BLOCK, number, body)
    }

    /// Bytes of a frame before its body; depends on the version.
    pub(super) fn frame_header_len(&self) -> usize {
        match self.version {
            Version::One => super::v1::FRAME_HEADER_LEN,
            Version::Two => FRAME_HEADER_LEN,
        }
    }

    /// Makes the frame `number` of the object.
    pub(super) fn seal(&self, kind: Sealed, number: u32, body: &[u8]) -> Vec<u8> {
        assert!(body.len() <= MAX_BODY, "a {} of {} bytes", kind.name, body.len());
        let mut frame = Vec::with_capacity(FRAME_HEADER_LEN + body.len());
        frame.extend(kind.magic);
        frame.extend(number.to_le_bytes());
        frame.extend((body.len() as u32).to_le_bytes());
        frame.extend(self.mac(kind, number, body));
        frame.extend(body);
        frame
    }

    /// Verifies the frame `number` of the object and returns its body. `frame` must be the whole frame.
    pub(super) fn open(&self, kind: Sealed, number: u32, frame: Vec<u8>) -> Result<Body, FormatError> {
        let Sealed { magic, name } = kind;
        let mut cursor = Cursor::new(&frame);
        if cursor.array(name)? != magic {
            return Err(FormatError::Magic(name));
        }
        if self.version == Version::Two && cursor.u32(name)? != number {
            return Err(FormatError::Invalid("number of a frame: another frame is in its place"));
        }
        let len = cursor.u32(name)? as usize;
        let mac: [u8; 16] = cursor.array(name)?;
        let body = cursor.take(len, name)?;
        cursor.end(name)?;
        if mac != self.mac(kind, number, body) {
            return Err(FormatError::Checksum(name));
        }
        Ok(Body { start: self.frame_header_len(), frame })
    }

    /// MAC of an object's header.
    pub(super) fn header_mac(&self, covered: &[u8]) -> [u8; 16] {
        head(&blake3::keyed_hash(&self.key, covered))
    }

    fn mac(&self, kind: Sealed, number: u32, body: &[u8]) -> [u8; 16] {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(&kind.magic);
        if self.version == Version::Two {
            hasher.update(&number.to_le_bytes());
        }
        hasher.update(&(body.len() as u64).to_le_bytes()).update(body);
        head(&hasher.finalize())
    }
}

/// If `header` begins like a block's frame of version 2, returns the frame's number and its length in bytes. Used
/// to search for blocks.
pub fn block_frame(header: &[u8]) -> Option<(u32, usize)> {
    let mut cursor = Cursor::new(header);
    let magic: [u8; 4] = cursor.array("block").ok()?;
    let (number, body) = (cursor.u32("block").ok()?, cursor.u32("block").ok()? as usize);
    (magic == BLOCK_MAGIC && body <= MAX_BODY).then_some((number, FRAME_HEADER_LEN + body))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::{Keys, Secret};

    fn keys() -> Keys {
        Keys::derive(&Secret([7; 32]))
    }

    #[test]
    fn every_flipped_bit_and_every_truncation_of_a_frame_is_noticed() {
        let key = keys().object_key(Salt([1; 32]));
        let frame = key.seal(Sealed::BLOCK, 3, b"some body");
        assert_eq!(&*key.open(Sealed::BLOCK, 3, frame.clone()).unwrap(), b"some body");
        for bit in 0..frame.len() * 8 {
            let mut damaged = frame.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(key.open(Sealed::BLOCK, 3, damaged).is_err(), "bit {bit}");
        }
        for len in 0..frame.len() {
            assert!(key.open(Sealed::BLOCK, 3, frame[..len].to_vec()).is_err(), "length {len}");
        }
    }

    #[test]
    fn a_frame_is_refused_in_another_place() {
        let key = keys().object_key(Salt([1; 32]));
        let frame = || key.seal(Sealed::BLOCK, 3, b"some body");
        assert!(key.open(Sealed::MANIFEST, 3, frame()).is_err());
        assert!(key.open(Sealed::BLOCK, 4, frame()).is_err());
        assert!(keys().object_key(Salt([2; 32])).open(Sealed::BLOCK, 3, frame()).is_err());
        let other = Keys::derive(&Secret([8; 32]));
        assert!(other.object_key(Salt([1; 32])).open(Sealed::BLOCK, 3, frame()).is_err());
    }
}
