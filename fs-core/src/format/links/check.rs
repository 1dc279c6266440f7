use super::LinkRecord;
use crate::format::codec::head;
use crate::format::{FormatError, PathKey};

/// Checks all records of a table, passed one after the other, in little memory.
#[derive(Debug, Default)]
pub struct LinkCheck {
    last: Option<PathKey>,
    /// Sum that must be 0 at the end. Every group has a ticket, a number that nobody can predict. The group's
    /// first name adds one ticket for each name, and each name subtracts one. The sum is 0 if all groups are
    /// complete.
    tickets: u128,
}

impl LinkCheck {
    /// Checks the next record.
    pub fn push(&mut self, record: &LinkRecord) -> Result<(), FormatError> {
        let follows = self.last.is_none_or(|last| last < record.path);
        FormatError::invalid_if(!follows, "order of the hard links")?;
        self.last = Some(record.path);
        let bytes = record.encode();
        let ticket = u128::from_le_bytes(head(&blake3::hash(&bytes[16..])));
        if record.path == record.group.first {
            self.tickets = self.tickets.wrapping_add(ticket.wrapping_mul(record.group.names.into()));
        }
        self.tickets = self.tickets.wrapping_sub(ticket);
        Ok(())
    }

    /// Ends the check after the last record.
    pub fn finish(self) -> Result<(), FormatError> {
        if self.tickets == 0 { Ok(()) } else { Err(FormatError::Invalid("number of names of a hard link")) }
    }
}
