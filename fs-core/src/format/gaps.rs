//! What a snapshot says of what it does not hold.

use super::codec::{Cursor, Encode};
use super::{BlobId, FormatError};

/// Maximum length of a reason in bytes.
pub const MAX_REASON: usize = 255;

/// A content that an import could not read.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct NotRead {
    /// The error: text of at most [`MAX_REASON`] bytes.
    pub reason: Box<str>,
    /// Id of the content when it was last read: of the blob, the chunk list or the topmost node. A content in
    /// the entry itself has the id that a blob of these bytes would have. It may be in no snapshot any more.
    pub before: Option<BlobId>,
}

/// What the import could not read of an entry.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
#[allow(clippy::struct_excessive_bools, reason = "each is a bit of the format")]
pub struct Gaps {
    /// The content is missing. A directory may have some of its entries.
    pub content: Option<NotRead>,
    /// Extended attributes are missing.
    pub xattrs: bool,
    /// Some entry below the directory has gaps, or only its name is known.
    pub below: bool,
    /// Some entry in or below the directory was excluded.
    pub excluded: bool,
    /// The directory was kept, and everything in it was excluded.
    pub left_out: bool,
}

const CONTENT: u8 = 1;
const XATTRS: u8 = 2;
const BELOW: u8 = 4;
const EXCLUDED: u8 = 8;
const LEFT_OUT: u8 = 16;

impl NotRead {
    /// A reason, cut if it is too long.
    pub fn new(reason: &str, before: Option<BlobId>) -> Self {
        let ends = reason.char_indices().map(|(at, char)| at + char.len_utf8());
        let end = ends.take_while(|end| *end <= MAX_REASON).last().unwrap_or(0);
        Self { reason: reason[..end].into(), before }
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        out.put_bytes(self.reason.as_bytes());
        out.push(u8::from(self.before.is_some()));
        out.extend(self.before.iter().flat_map(|id| id.0));
    }

    pub(super) fn decode(cursor: &mut Cursor<'_>) -> Result<Self, FormatError> {
        let reason = cursor.bytes(MAX_REASON, "reason")?;
        let reason = str::from_utf8(reason).map_err(|_| FormatError::Invalid("reason"))?.into();
        let before = match cursor.u8("content before")? {
            0 => None,
            1 => Some(BlobId(cursor.array("content before")?)),
            _ => return Err(FormatError::Invalid("content before")),
        };
        Ok(Self { reason, before })
    }
}

impl Gaps {
    /// Whether it has gaps that only a directory can have.
    pub(super) fn are_of_directory(&self) -> bool {
        self.below || self.excluded || self.left_out
    }

    /// Whether nothing is known to be missing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether something of the entry, or of an entry below it, could not be read.
    pub fn is_unread(&self) -> bool {
        self.content.is_some() || self.xattrs || self.below
    }

    /// Whether gaps with this first byte are in the content.
    pub(super) fn lack_content(bits: u8) -> bool {
        bits & CONTENT != 0
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        let content = if self.content.is_some() { CONTENT } else { 0 };
        let bit = |set: bool, bit: u8| if set { bit } else { 0 };
        let below = bit(self.below, BELOW) | bit(self.excluded, EXCLUDED) | bit(self.left_out, LEFT_OUT);
        out.push(content | bit(self.xattrs, XATTRS) | below);
        self.content.iter().for_each(|content| content.encode(out));
    }

    pub(super) fn decode(cursor: &mut Cursor<'_>) -> Result<Self, FormatError> {
        let bits = cursor.u8("gaps")?;
        FormatError::invalid_if(bits == 0 || bits >= 2 * LEFT_OUT, "gaps")?;
        let content = if bits & CONTENT != 0 { Some(NotRead::decode(cursor)?) } else { None };
        let bit = |bit| bits & bit != 0;
        Ok(Self {
            content,
            xattrs: bit(XATTRS),
            below: bit(BELOW),
            excluded: bit(EXCLUDED),
            left_out: bit(LEFT_OUT),
        })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(in crate::format) fn not_read() -> impl Strategy<Value = NotRead> {
        (".{0,60}", any::<Option<[u8; 32]>>())
            .prop_map(|(reason, before)| NotRead { reason: reason.into(), before: before.map(BlobId) })
    }

    #[test]
    fn a_long_reason_is_cut_between_characters() {
        let reason = NotRead::new(&"ä".repeat(200), None).reason;
        assert_eq!(reason.as_ref(), "ä".repeat(127));
    }
}
