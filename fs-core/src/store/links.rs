use std::sync::Arc;

use super::{FileReader, Reader, StoreError};
use crate::format::{
    BlobId, Content, FormatError, Group, LINK_RECORD_LEN, LinkCheck, LinkRecord, LinkSearch, PathKey,
};

/// A snapshot's hard links, searched where they are stored: no table is too large.
#[derive(Debug, Clone, Copy)]
pub struct LinkTable<'a> {
    file: FileReader<'a>,
}

/// Which records of which table: so many from a multiple of [`RUN`] on.
pub(super) type RunKey = (BlobId, u64);

const RECORD: u64 = LINK_RECORD_LEN as u64;
/// Records that are decoded together: the last ones that a search looks at are close to each other, and so are those
/// of the files of one directory.
const RUN: u64 = 128;
/// Runs that are read together when all are.
const RUNS: u64 = 32;

impl<'a> LinkTable<'a> {
    /// The table that is stored as a content of `size` bytes.
    pub fn new(reader: &'a Reader, content: &'a Content, size: u64) -> Self {
        Self { file: FileReader { reader, content, size } }
    }

    /// Whether there are no hard links.
    pub fn is_empty(&self) -> bool {
        self.file.size == 0
    }

    /// The group that the file at `path` belongs to; `None` when it has one name.
    pub fn group(&self, path: PathKey) -> Result<Option<Group>, StoreError> {
        let id = match self.file.content {
            // The manifest's decoder sees to it that this is empty.
            Content::Inline(_) => return Ok(None),
            Content::Blob(id) | Content::Chunks(id) => *id,
        };
        let mut search = LinkSearch::new(path, self.file.size / RECORD);
        let (mut number, mut run) = (u64::MAX, Arc::default());
        while let Some(at) = search.next() {
            if at / RUN != number {
                number = at / RUN;
                run = self.run((id, number))?;
            }
            let record: Option<&LinkRecord> = run.get((at % RUN) as usize);
            let record = record.ok_or(FormatError::Truncated("record of a hard link"));
            if let Some(group) = record.and_then(|record| search.see(record)).map_err(damaged)? {
                return Ok(Some(group));
            }
        }
        Ok(None)
    }

    fn run(&self, key: RunKey) -> Result<Arc<Vec<LinkRecord>>, StoreError> {
        let cache = &self.file.reader.shared.links;
        if let Some(run) = cache.get(&key) {
            return Ok(run);
        }
        let records = self.records(key.1 * RUN, RUN)?;
        let weight = records.len() * size_of::<LinkRecord>();
        Ok(cache.insert(key, records, weight))
    }

    fn records(&self, first: u64, count: u64) -> Result<Vec<LinkRecord>, StoreError> {
        let mut bytes = Vec::new();
        self.file.read(first * RECORD, (count * RECORD) as usize, &mut bytes)?;
        bytes.chunks(LINK_RECORD_LEN).map(LinkRecord::decode).collect::<Result<_, _>>().map_err(damaged)
    }

    /// Reads the whole table: whether its paths ascend, and its groups have the names that they should. That the paths
    /// are those of files of the snapshot is not checked: it would take the tree of each snapshot.
    pub fn check(&self) -> Result<(), StoreError> {
        let mut check = LinkCheck::default();
        for first in (0..self.file.size / RECORD).step_by((RUN * RUNS) as usize) {
            let records = self.records(first, RUN * RUNS)?;
            records.iter().try_for_each(|record| check.push(record)).map_err(damaged)?;
        }
        check.finish().map_err(damaged)
    }
}

fn damaged(reason: FormatError) -> StoreError {
    StoreError::damaged(|| "the table of hard links")(reason)
}

#[cfg(test)]
mod tests;
