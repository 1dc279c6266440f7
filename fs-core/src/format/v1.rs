//! The versions of the format, and what differs in version 1. Version 1 is only read; `docs/format-1.md` describes it.
//!
//! Its objects have no header and no salt. Frames have no number. Catalogues have the MAC of each block, and no
//! bases; deltas name their bases by whole ids. In place of parts, it has feature bits and extensions.

use super::FormatError;
use super::codec::Cursor;
use super::limits::{MAX_NODE_ITEMS, MAX_ORIGIN};
use super::parts::{MAX_PART, UnknownPart};

/// A version of the format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// Is only read. This file has what differs.
    One = 1,
    /// The present version.
    Two = 2,
}

impl Version {
    /// The version of a manifest's body. Version 1 begins with feature bits, of which there are none; later versions
    /// begin with the length of the source's name.
    pub(crate) fn of_manifest(body: &[u8]) -> Self {
        if body.first() == Some(&0) { Version::One } else { Version::Two }
    }
}

/// Bytes of a frame before its body: magic, length of the body, MAC.
pub(super) const FRAME_HEADER_LEN: usize = 24;
/// Position and length of a frame's MAC in the frame.
pub(super) const MAC: std::ops::Range<usize> = 8..24;
pub(super) const MAC_LEN: usize = 16;
/// Bytes of a pack's header, which is its magic.
pub(super) const PACK_HEADER_LEN: u64 = 8;
/// Bytes of a pack's trailer: offset and length of the catalogue, magic.
pub(super) const TRAILER_LEN: u64 = 16;

/// Refuses feature bits. Version 1 never had any.
pub(super) fn no_features(bits: u64) -> Result<(), FormatError> {
    FormatError::check_features(bits, 0)
}

/// Takes extensions: numbers and bytes. Numbers beyond those that a part can have never had a meaning, and are
/// left out.
pub(super) fn extensions(cursor: &mut Cursor<'_>) -> Result<Vec<UnknownPart>, FormatError> {
    let count = cursor.count(MAX_NODE_ITEMS, 2, "extensions")?;
    let mut seen = 0_u64;
    let extension = |_| {
        let number = cursor.varint("extension")?;
        if number < 64 {
            FormatError::invalid_if(seen & 1 << number != 0, "extension: it is there twice")?;
            seen |= 1 << number;
        }
        Ok((number, cursor.bytes(MAX_ORIGIN, "extension")?.into()))
    };
    let mut all = (0..count).map(extension).collect::<Result<Vec<_>, _>>()?;
    all.retain(|(number, _): &UnknownPart| *number <= MAX_PART);
    Ok(all)
}
