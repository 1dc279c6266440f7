//! Contents of files: written to the target, or compared with an existing file.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};

use super::entry::{Entry, Failure};
use super::restorer::Restorer;
use crate::store::Bytes;

/// Bytes that are read at a time.
const STEP: usize = 1 << 20;

impl Restorer<'_> {
    /// Writes the bytes of a file. Its holes become holes again.
    pub(super) fn write_content(&self, entry: &Entry, file: &mut File) -> Result<(), Failure> {
        let Entry { node, attr, .. } = entry;
        let has_holes = attr.blocks.saturating_mul(512) < attr.size;
        let mut at = 0;
        while at < attr.size {
            let mut end = attr.size;
            if has_holes {
                let Some(data) = self.view.seek(node, at, false)? else { break };
                end = self.view.seek(node, data, true)?.unwrap_or(end);
                at = data;
                file.seek(SeekFrom::Start(at))?;
            }
            while at < end {
                let bytes = self.read(entry, at, end)?;
                if bytes.is_empty() {
                    return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
                }
                file.write_all(&bytes)?;
                at += bytes.len() as u64;
            }
        }
        if has_holes {
            // A file that ends with a hole still ends at its last data.
            file.set_len(attr.size)?;
        }
        Ok(())
    }

    /// Whether an open file of the same length has the same content.
    pub(super) fn has_content(&self, entry: &Entry, file: &mut File) -> Result<bool, Failure> {
        let mut existing = Vec::new();
        let mut at = 0;
        while at < entry.attr.size {
            let bytes = self.read(entry, at, entry.attr.size)?;
            existing.resize(bytes.len(), 0);
            // A file that cannot be read, or was truncated, is different.
            if bytes.is_empty() || file.read_exact(&mut existing).is_err() || existing != *bytes {
                return Ok(false);
            }
            at += bytes.len() as u64;
        }
        Ok(true)
    }

    /// Reads some bytes of an entry between two offsets.
    fn read(&self, entry: &Entry, from: u64, to: u64) -> Result<Bytes, Failure> {
        if self.cancellation.is_cancelled() {
            return Err(Failure::Cancelled);
        }
        let len = usize::try_from(to - from).unwrap_or(STEP).min(STEP);
        Ok(self.view.read(&entry.node, from, len)?)
    }
}
