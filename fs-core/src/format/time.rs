use super::FormatError;
use super::codec::{Cursor, Encode};

/// A point in time: seconds since 1970-01-01T00:00:00Z, and nanoseconds (below 10⁹) after that second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Time {
    secs: i64,
    nanos: u32,
}

impl Time {
    /// `None` when `nanos` is not below 10⁹.
    pub fn new(secs: i64, nanos: u32) -> Option<Self> {
        (nanos < 1_000_000_000).then_some(Self { secs, nanos })
    }

    /// Whole seconds, rounded down.
    pub fn secs(self) -> i64 {
        self.secs
    }

    /// Nanoseconds after [`secs`](Self::secs).
    pub fn nanos(self) -> u32 {
        self.nanos
    }

    pub(super) fn encode(self, out: &mut Vec<u8>) {
        out.put_zigzag(self.secs);
        out.put_varint(u64::from(self.nanos));
    }

    pub(super) fn decode(cursor: &mut Cursor<'_>) -> Result<Self, FormatError> {
        let secs = cursor.zigzag("time")?;
        let nanos = cursor.bounded(999_999_999, "nanoseconds")? as u32;
        Ok(Self { secs, nanos })
    }
}
