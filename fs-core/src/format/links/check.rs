use super::LinkRecord;
use crate::format::{FormatError, PathKey};

/// Checks all records of a table, shown one after the other, in little memory.
#[derive(Debug, Default)]
pub struct LinkCheck {
    last: Option<PathKey>,
    /// Every group has a ticket, a number that nobody can foresee. Its first name lays down one for each name, and
    /// each name takes one away: nothing is left when all groups have the names that they should.
    tickets: u128,
}

impl LinkCheck {
    /// The next record.
    pub fn push(&mut self, record: &LinkRecord) -> Result<(), FormatError> {
        if self.last.is_some_and(|last| last >= record.path) {
            return Err(FormatError::Invalid("order of the hard links"));
        }
        self.last = Some(record.path);
        let bytes = record.encode();
        let hash = blake3::hash(&bytes[16..]);
        let ticket = hash.as_bytes().first_chunk().map_or(0, |head| u128::from_le_bytes(*head));
        if record.path == record.group.first {
            self.tickets = self.tickets.wrapping_add(ticket.wrapping_mul(record.group.names.into()));
        }
        self.tickets = self.tickets.wrapping_sub(ticket);
        Ok(())
    }

    /// There are no more records.
    pub fn finish(self) -> Result<(), FormatError> {
        if self.tickets == 0 { Ok(()) } else { Err(FormatError::Invalid("number of names of a hard link")) }
    }
}
