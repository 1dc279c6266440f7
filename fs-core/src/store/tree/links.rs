use std::sync::Arc;

use crate::format::{
    Content, FormatError, Group, LINK_RECORD_LEN, LinkCheck, LinkRecord, LinkSearch, PathKey,
};
use crate::store::blobs::reader::RunKey;
use crate::store::{FileReader, Reader, StoreError};

/// A snapshot's table of hard links. It is searched where it is stored, so no table is too large.
#[derive(Debug, Clone, Copy)]
pub struct LinkTable<'a> {
    file: FileReader<'a>,
}

const RECORD: u64 = LINK_RECORD_LEN as u64;
/// Number of records that are decoded together. The last records that a search looks at are close to each
/// other. So are the records of files in one directory.
const RUN: u64 = 128;
/// Number of runs that are read together when the whole table is read.
const RUNS: u64 = 32;

impl<'a> LinkTable<'a> {
    /// The table whose content has `size` bytes.
    pub fn new(reader: &'a Reader, content: &'a Content, size: u64) -> Self {
        Self { file: FileReader { reader, content, size } }
    }

    /// Whether there are no hard links.
    pub fn is_empty(&self) -> bool {
        self.file.size == 0
    }

    /// Returns the group of the file at `path`. `None` if the file has one name.
    pub fn group(&self, path: PathKey) -> Result<Option<Group>, StoreError> {
        let id = match self.file.content {
            // The manifest's decoder accepts only an empty table here.
            Content::Inline(_) | Content::NotRead => return Ok(None),
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

    /// Reads the whole table. Checks that its paths ascend, and that each group has as many names as it
    /// states. Does not check that the paths lead to files of the snapshot, which would need the tree of each
    /// snapshot.
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
