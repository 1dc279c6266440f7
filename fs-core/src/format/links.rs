//! The table of a snapshot's hard links: the paths that are names of one file. It is kept beside the tree,
//! not in it. The number of a file's names is known only after the whole tree was walked. It would also
//! change directories whose own entries did not change.
//!
//! The table may be larger than the memory. So it is searched where it is stored, one record at a time.

use super::codec::Cursor;
use super::{FormatError, PathKey};

mod check;
mod search;

pub use check::LinkCheck;
pub use search::LinkSearch;

/// Bytes of a [`LinkRecord`].
pub const LINK_RECORD_LEN: usize = 36;

/// The names of one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Group {
    /// The smallest key of its paths. It identifies the group.
    pub first: PathKey,
    /// Number of names, at least 2.
    pub names: u32,
}

/// One path of a snapshot that is not the only name of its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinkRecord {
    /// Key of the path.
    pub path: PathKey,
    /// All names of the file, including this one.
    pub group: Group,
}

impl LinkRecord {
    /// Decodes a record. `bytes` must be the whole record.
    pub fn decode(bytes: &[u8]) -> Result<Self, FormatError> {
        let mut cursor = Cursor::new(bytes);
        let path = PathKey(cursor.array("path key")?);
        let first = PathKey(cursor.array("first name of a hard link")?);
        let names = cursor.u32("names of a hard link")?;
        cursor.end("record of a hard link")?;
        FormatError::invalid_if(first > path, "first name of a hard link")?;
        FormatError::invalid_if(names < 2, "names of a hard link")?;
        Ok(Self { path, group: Group { first, names } })
    }

    fn encode(&self) -> [u8; LINK_RECORD_LEN] {
        let mut bytes = [0; LINK_RECORD_LEN];
        bytes[..16].copy_from_slice(&self.path.0);
        bytes[16..32].copy_from_slice(&self.group.first.0);
        bytes[32..].copy_from_slice(&self.group.names.to_le_bytes());
        bytes
    }
}

/// Collects the groups of a snapshot.
#[derive(Debug, Default)]
pub struct LinkTableBuilder {
    records: Vec<[u8; LINK_RECORD_LEN]>,
}

impl LinkTableBuilder {
    /// Adds the paths of one file. A single path is not a group, and is ignored.
    pub fn push(&mut self, paths: &[PathKey]) {
        let names = paths.len() as u32;
        if let Some(first) = paths.iter().min().copied().filter(|_| names > 1) {
            let group = Group { first, names };
            self.records.extend(paths.iter().map(|path| LinkRecord { path: *path, group }.encode()));
        }
    }

    /// Encodes the table: all records, in the order of their paths. Empty if there is no group.
    pub fn finish(mut self) -> Vec<u8> {
        // A record begins with its path.
        self.records.sort_unstable();
        self.records.into_flattened()
    }
}

#[cfg(test)]
mod tests;
