use std::cmp::Ordering;

use super::{Group, LinkRecord};
use crate::format::{FormatError, PathKey};

/// Looks for a path in a table of hard links: says which record to read next, until that is the path's or there is
/// none left. Trusts nothing that it is shown: each record leaves fewer to look at, or is refused.
#[derive(Debug)]
pub struct LinkSearch {
    path: u128,
    /// The records that may be the path's …
    from: u64,
    to: u64,
    /// … and the least and the greatest key that those may have.
    least: u128,
    greatest: u128,
    seen: u32,
    /// The record to look at next, if there is one left.
    at: u64,
}

impl LinkSearch {
    /// Begins to look for `path` in a table of so many records.
    pub fn new(path: PathKey, records: u64) -> Self {
        let (path, greatest) = (number(path), u128::MAX);
        let mut search = Self { path, from: 0, to: records, least: 0, greatest, seen: 0, at: 0 };
        search.aim();
        search
    }

    /// The number of the record to read next; `None` when the path is not in the table.
    pub fn next(&self) -> Option<u64> {
        (self.from < self.to).then_some(self.at)
    }

    fn aim(&mut self) {
        let len = self.to - self.from;
        // Keys are hashes, so a key tells about where it is. But those of one directory are close to each other, and
        // a table may be made to mislead: every third step halves what is left, whatever the keys.
        if self.seen % 3 == 2 {
            self.at = self.from + len / 2;
            return;
        }
        let (span, ahead) = (self.greatest - self.least, self.path - self.least);
        let excess = 64u32.saturating_sub(span.leading_zeros());
        let (span, ahead) = (span >> excess, ahead >> excess);
        self.at = self.from + (ahead * u128::from(len) / (span + 1)) as u64;
    }

    /// Takes the record that [`next`](Self::next) asked for; the group when it is the path's.
    pub fn see(&mut self, record: &LinkRecord) -> Result<Option<Group>, FormatError> {
        let Some(at) = self.next() else { return Ok(None) };
        let key = number(record.path);
        if key < self.least || key > self.greatest {
            return Err(FormatError::Invalid("order of the hard links"));
        }
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

/// Keys ascend as these numbers do.
fn number(path: PathKey) -> u128 {
    u128::from_be_bytes(path.0)
}
