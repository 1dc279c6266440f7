use super::fields::decode_source;
use crate::format::codec::{Cursor, Encode};
use crate::format::{FormatError, Time};

/// What a snapshot is known by: its source, its time, and its number among the snapshots of that source in the
/// same second.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Label {
    /// Name of the source.
    pub source: Box<[u8]>,
    /// Time of the snapshot.
    pub time: Time,
    /// Number of the snapshot among those of its source in the same second, from 1.
    pub number: u32,
}

impl Label {
    /// The same label in another source.
    #[must_use]
    pub fn with_source(&self, source: &[u8]) -> Self {
        Self { source: source.into(), ..self.clone() }
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        out.put_bytes(&self.source);
        self.time.encode(out);
        out.put_varint(self.number.into());
    }

    pub(super) fn decode(cursor: &mut Cursor<'_>) -> Result<Self, FormatError> {
        let source = decode_source(cursor)?;
        let time = Time::decode(cursor)?;
        let number = cursor.bounded(u32::MAX.into(), "snapshot's number")? as u32;
        FormatError::invalid_if(number == 0, "snapshot's number")?;
        Ok(Self { source, time, number })
    }
}
