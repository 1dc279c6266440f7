use std::cmp::Ordering;

use super::{Group, LinkRecord};
use crate::format::{FormatError, PathKey};

/// Searches a table of hard links for a path. It requests one record after the other, until it finds the
/// path's record or none is left. It trusts no record: each one reduces the remaining range, or is refused.
#[derive(Debug)]
pub struct LinkSearch {
    path: u128,
    /// The range of records that may be the path's, without `to`.
    from: u64,
    to: u64,
    /// The smallest and the greatest key that these records may have.
    least: u128,
    greatest: u128,
    seen: u32,
    /// Index of the next record to read, if one is left.
    at: u64,
}

impl LinkSearch {
    /// Starts a search for `path` in a table of `records` records.
    pub fn new(path: PathKey, records: u64) -> Self {
        let (path, greatest) = (number(path), u128::MAX);
        let mut search = Self { path, from: 0, to: records, least: 0, greatest, seen: 0, at: 0 };
        search.aim();
        search
    }

    /// Index of the record to read next; `None` if the path is not in the table.
    pub fn next(&self) -> Option<u64> {
        (self.from < self.to).then_some(self.at)
    }

    fn aim(&mut self) {
        let len = self.to - self.from;
        // Keys are hashes, so a key indicates its position. But the keys of one directory are close to each
        // other, and a table may be forged. So every third step halves the range, whatever the keys.
        if self.seen % 3 == 2 {
            self.at = self.from + len / 2;
            return;
        }
        let (span, ahead) = (self.greatest - self.least, self.path - self.least);
        let excess = 64u32.saturating_sub(span.leading_zeros());
        let (span, ahead) = (span >> excess, ahead >> excess);
        self.at = self.from + (ahead * u128::from(len) / (span + 1)) as u64;
    }

    /// Takes the record that [`next`](Self::next) requested. Returns the group if it is the path's record.
    pub fn see(&mut self, record: &LinkRecord) -> Result<Option<Group>, FormatError> {
        let Some(at) = self.next() else { return Ok(None) };
        let key = number(record.path);
        FormatError::invalid_if(key < self.least || key > self.greatest, "order of the hard links")?;
        self.seen += 1;
        match self.path.cmp(&key) {
            Ordering::Equal => return Ok(Some(record.group)),
            Ordering::Less => (self.to, self.greatest) = (at, key - 1),
            Ordering::Greater => (self.from, self.least) = (at + 1, key + 1),
        }
        self.aim();
        Ok(None)
    }
}

/// Converts a key to a number of the same order.
fn number(path: PathKey) -> u128 {
    u128::from_be_bytes(path.0)
}
