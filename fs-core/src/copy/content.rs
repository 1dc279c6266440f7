//! Contents of files. Chunks end at other bytes in each repository, so a content is read and cut again.

use std::fmt;

use super::fault::Fault;
use crate::format::{BlobId, Content, FormatError, Kind, PackKind, Xattrs};
use crate::monitor::{Cancellation, Monitor, Progress};
use crate::store::{ContentWriter, FileReader, Reader, StoreError, WeightedCache, Writer};

/// Bytes that are read at a time.
const STEP: u64 = 1 << 20;
/// Number of contents of one snapshot that are remembered: other names of a file are not read again. Some
/// 200 bytes each.
const REMEMBERED: usize = 1 << 16;

/// Copies contents and extended attributes of one snapshot.
pub(super) struct Contents<'a> {
    from: &'a Reader,
    monitor: &'a dyn Monitor,
    cancellation: &'a Cancellation,
    writer: ContentWriter,
    /// Copies of contents, by the original: whether it is a chunk list (which may have the bytes of a file), its
    /// id, and the size and holes that its entry states, which were found right.
    known: WeightedCache<(bool, BlobId, u64, u64), Content>,
    pub(super) progress: Progress,
}

impl fmt::Debug for Contents<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Contents").field("progress", &self.progress).finish_non_exhaustive()
    }
}

/// A file to copy.
#[derive(Debug, Clone, Copy)]
struct File<'a> {
    size: u64,
    holes: u64,
    content: &'a Content,
}

impl<'a> Contents<'a> {
    pub(super) fn new(from: &'a Reader, monitor: &'a dyn Monitor, cancellation: &'a Cancellation) -> Self {
        Self {
            from,
            monitor,
            cancellation,
            writer: ContentWriter::default(),
            known: WeightedCache::new(REMEMBERED),
            progress: Progress::default(),
        }
    }

    /// Copies the type and the content of an entry that is no directory. `hint` is the copy of what was at
    /// its path before.
    pub(super) fn kind(
        &mut self,
        writer: &mut Writer,
        kind: &Kind,
        hint: Option<&Kind>,
    ) -> Result<Kind, Fault> {
        let Kind::File { size, holes, content } = kind else { return Ok(kind.clone()) };
        let key = match content {
            // Every repository keeps these bytes in the entry.
            Content::Inline(_) | Content::NotRead => return Ok(kind.clone()),
            Content::Blob(id) => (false, *id, *size, *holes),
            Content::Chunks(id) => (true, *id, *size, *holes),
        };
        if let Some(known) = self.known.get(&key) {
            return Ok(Kind::File { size: *size, holes: *holes, content: (*known).clone() });
        }
        if let Some(Kind::File { content, .. }) = hint {
            self.writer.delta_hint(content.clone());
        }
        let file = File { size: *size, holes: *holes, content };
        let copied = self.copy(writer, file);
        // After a failure, the next file begins anew.
        self.writer.reset();
        let content = copied?;
        self.known.insert(key, content.clone(), 1);
        self.progress.files_read += 1;
        Ok(Kind::File { size: *size, holes: *holes, content })
    }

    fn copy(&mut self, writer: &mut Writer, file: File<'_>) -> Result<Content, Fault> {
        let File { size, holes, content } = file;
        let reader = FileReader { reader: self.from, content, size };
        let mut at = 0;
        while at < size {
            let mut end = size;
            if holes > 0 {
                let data = reader.seek(at, false).map_err(Fault::of_source)?.unwrap_or(size);
                self.writer.hole(writer, data - at).map_err(Fault::Target)?;
                at = data;
                end = reader.seek(at, true).map_err(Fault::of_source)?.unwrap_or(size);
            }
            while at < end {
                at += self.data(writer, reader, at, end)?;
            }
        }
        let (copied, hollow, content) = self.writer.finish(writer).map_err(Fault::Target)?;
        if (copied, hollow) == (size, holes) { Ok(content) } else { Err(wrong(file.content)) }
    }

    /// Copies some bytes between two offsets, and returns their number.
    fn data(
        &mut self,
        writer: &mut Writer,
        reader: FileReader<'_>,
        from: u64,
        to: u64,
    ) -> Result<u64, Fault> {
        if self.cancellation.is_cancelled() {
            return Err(Fault::Cancelled);
        }
        let bytes = reader.bytes(from, (to - from).min(STEP) as usize).map_err(Fault::of_source)?;
        let len = bytes.len() as u64;
        if len == 0 {
            return Err(wrong(reader.content));
        }
        self.writer.data(writer, &mut &*bytes, len).map_err(Fault::of_content)?;
        self.progress.bytes_read += len;
        self.show_progress();
        Ok(len)
    }

    pub(super) fn show_progress(&self) {
        self.monitor.progress(&self.progress);
    }

    /// Copies extended attributes. Long sets are blobs.
    pub(super) fn xattrs(&self, writer: &mut Writer, xattrs: &Xattrs) -> Result<Xattrs, Fault> {
        let Xattrs::Blob(id) = xattrs else { return Ok(xattrs.clone()) };
        let set = self.from.xattrs(id).map_err(Fault::of_source)?;
        let id = writer.put(PackKind::Metadata, &set.encode(), None).map_err(Fault::Target)?;
        Ok(Xattrs::Blob(id))
    }
}

fn wrong(content: &Content) -> Fault {
    let reason = FormatError::Invalid("content: it has another length or other holes than its file");
    Fault::of_source(StoreError::damaged(|| format!("content {content:?}"))(reason))
}
