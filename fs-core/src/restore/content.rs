use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};

use crate::monitor::Cancellation;
use crate::view::{Attr, Node, View, ViewError};

/// Bytes that are read at a time.
const STEP: usize = 1 << 20;

/// The reason why a file's content is incomplete.
pub(super) enum ContentError {
    /// Reading from history failed.
    Read(ViewError),
    /// Writing to the target failed.
    Write(io::Error),
    /// The user asked the restore to stop.
    Cancelled,
}

/// Writes the bytes of a file. Its holes become holes again.
pub(super) fn write(
    view: &View,
    node: &Node,
    attr: &Attr,
    file: &mut File,
    cancellation: &Cancellation,
) -> Result<(), ContentError> {
    let has_holes = attr.blocks.saturating_mul(512) < attr.size;
    let mut at = 0;
    while at < attr.size {
        let mut end = attr.size;
        if has_holes {
            let Some(data) = view.seek(node, at, false).map_err(ContentError::Read)? else { break };
            end = view.seek(node, data, true).map_err(ContentError::Read)?.unwrap_or(end);
            at = data;
            file.seek(SeekFrom::Start(at)).map_err(ContentError::Write)?;
        }
        while at < end {
            if cancellation.is_cancelled() {
                return Err(ContentError::Cancelled);
            }
            let len = usize::try_from(end - at).unwrap_or(STEP).min(STEP);
            let bytes = view.read(node, at, len).map_err(ContentError::Read)?;
            if bytes.is_empty() {
                return Err(ContentError::Write(io::ErrorKind::UnexpectedEof.into()));
            }
            file.write_all(&bytes).map_err(ContentError::Write)?;
            at += bytes.len() as u64;
        }
    }
    if has_holes {
        // A file that ends with a hole still ends at its last data.
        file.set_len(attr.size).map_err(ContentError::Write)?;
    }
    Ok(())
}

/// Whether an open file of the same length has the same content.
pub(super) fn is_same(
    view: &View,
    node: &Node,
    attr: &Attr,
    file: &mut File,
    cancellation: &Cancellation,
) -> Result<bool, ContentError> {
    let mut there = Vec::new();
    let mut at = 0;
    while at < attr.size {
        if cancellation.is_cancelled() {
            return Err(ContentError::Cancelled);
        }
        let len = usize::try_from(attr.size - at).unwrap_or(STEP).min(STEP);
        let bytes = view.read(node, at, len).map_err(ContentError::Read)?;
        there.resize(bytes.len(), 0);
        // A file that cannot be read, or was truncated, is different.
        if bytes.is_empty() || file.read_exact(&mut there).is_err() || there != *bytes {
            return Ok(false);
        }
        at += bytes.len() as u64;
    }
    Ok(true)
}
