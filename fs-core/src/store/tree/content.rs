//! Contents of files. A writer cuts them into chunks, and a reader joins the chunks.

use std::io::{self, Read};
use std::ops::{Deref, Range};

use crate::format::limits::MAX_INLINE;
use crate::format::{BlobId, ChunkList, Content, Extent, ExtentKind, FormatError, PackKind};
use crate::store::blobs::cutter::CHUNK;
use crate::store::{Blob, Reader, StoreError, Writer};

/// Size in bytes from which on a file is large: the size of a block. Programs read parts of large files.
const LARGE: u64 = 1 << 20;
/// Maximum number of bytes that wait to be cut. The buffer holds several chunks, so few bytes are moved to
/// its front.
const BUFFER: usize = 4 << 20;

/// Why a content could not be stored.
#[derive(Debug)]
pub enum CopyError {
    /// The source could not be read.
    Read(io::Error),
    /// The repository could not be written.
    Store(StoreError),
}

impl From<StoreError> for CopyError {
    fn from(error: StoreError) -> Self {
        CopyError::Store(error)
    }
}

/// Receives a file's content in order, as runs of data and holes. It is reused for the next file, as it keeps
/// its buffer.
#[derive(Debug, Default)]
pub struct ContentWriter {
    buffer: Vec<u8>,
    /// Number of bytes in `buffer` that are data not yet cut.
    filled: usize,
    levels: Vec<ChunkList>,
    size: u64,
    holes: u64,
    /// The file's earlier content, as a delta hint.
    hint: Option<Content>,
}

impl ContentWriter {
    /// Sets the delta hint of the file that begins now: its earlier content.
    pub fn delta_hint(&mut self, hint: Content) {
        self.hint = Some(hint);
    }

    /// Appends at most `limit` bytes of `source`, fewer if `source` ends before. Returns the number of bytes.
    pub fn data(&mut self, writer: &mut Writer, source: &mut dyn Read, limit: u64) -> Result<u64, CopyError> {
        let mut taken = 0;
        while taken < limit {
            // A small file needs no large buffer. The buffer grows only once it is full.
            if self.filled == self.buffer.len() {
                let len = (self.buffer.len() * 2).clamp(CHUNK.0 + 1, BUFFER);
                self.buffer.resize(len, 0);
            }
            let room =
                (self.buffer.len() - self.filled).min(usize::try_from(limit - taken).unwrap_or(usize::MAX));
            let read = match source.read(&mut self.buffer[self.filled..self.filled + room]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                result => result.map_err(CopyError::Read)?,
            };
            if read == 0 {
                break;
            }
            self.filled += read;
            taken += read as u64;
            self.size += read as u64;
            if self.filled == BUFFER {
                self.cut(writer, false)?;
            }
        }
        Ok(taken)
    }

    /// Appends a hole of `len` bytes. A length of zero does not count as a hole.
    pub fn hole(&mut self, writer: &mut Writer, len: u64) -> Result<(), StoreError> {
        if len == 0 {
            return Ok(());
        }
        self.cut(writer, true)?;
        self.size += len;
        self.holes += len;
        self.push(writer, 0, len, ExtentKind::Hole)
    }

    /// Ends the file and returns its size, the bytes in its holes, and its content. The writer is ready for
    /// the next file.
    pub fn finish(&mut self, writer: &mut Writer) -> Result<(u64, u64, Content), StoreError> {
        let whole = self.levels.is_empty();
        let content = if whole && self.filled <= MAX_INLINE {
            Content::Inline(self.buffer[..self.filled].into())
        } else if whole && self.filled <= CHUNK.0 {
            let hint = StoreError::unless_lost(self.hint_at(writer, 0))?;
            Content::Blob(writer.put(PackKind::Data, &self.buffer[..self.filled], hint)?)
        } else {
            self.cut(writer, true)?;
            self.finish_lists(writer)?
        };
        let result = (self.size, self.holes, content);
        self.reset();
        Ok(result)
    }

    /// Discards the file that was begun.
    pub fn reset(&mut self) {
        (self.filled, self.size, self.holes, self.hint) = (0, 0, 0, None);
        self.levels.clear();
    }

    /// Cuts chunks off the buffer. Unless `all` is set, it keeps the bytes that more data may extend.
    fn cut(&mut self, writer: &mut Writer, all: bool) -> Result<(), StoreError> {
        let buffer = std::mem::take(&mut self.buffer);
        let offset = self.size - self.filled as u64;
        let is_large = self.size > LARGE;
        let mut start = 0;
        let result = loop {
            let rest = self.filled - start;
            if rest == 0 || (!all && rest < CHUNK.2) {
                break Ok(());
            }
            let end = start + writer.cutter().first_chunk(&buffer[start..self.filled]);
            let chunk = &buffer[start..end];
            let middle = offset + (start + chunk.len() / 2) as u64;
            start = end;
            let pushed = StoreError::unless_lost(self.hint_at(writer, middle))
                .and_then(|hint| {
                    if is_large {
                        writer.put_chunk(chunk, hint)
                    } else {
                        writer.put(PackKind::Data, chunk, hint)
                    }
                })
                .and_then(|id| self.push(writer, 0, chunk.len() as u64, ExtentKind::Data(id)));
            if pushed.is_err() {
                break pushed;
            }
        };
        self.buffer = buffer;
        self.buffer.copy_within(start..self.filled, 0);
        self.filled -= start;
        result
    }

    /// The chunk at `offset` of the earlier content.
    fn hint_at(&self, writer: &Writer, offset: u64) -> Result<Option<BlobId>, StoreError> {
        let list = match self.hint {
            None | Some(Content::Inline(_) | Content::NotRead) => return Ok(None),
            Some(Content::Blob(id)) => return Ok((offset < CHUNK.2 as u64).then_some(id)),
            Some(Content::Chunks(id)) => writer.reader().chunk_list(&id)?,
        };
        let found = find_extent(writer.reader(), &list, 0, offset..u64::MAX, &mut |_, _, id| Ok(Some(id)))?;
        Ok(found.flatten())
    }

    /// The topmost chunk list of the earlier content.
    fn hint_list(&self) -> Option<BlobId> {
        match self.hint {
            Some(Content::Chunks(id)) => Some(id),
            _ => None,
        }
    }

    fn push(
        &mut self,
        writer: &mut Writer,
        level: usize,
        len: u64,
        kind: ExtentKind,
    ) -> Result<(), StoreError> {
        if level == self.levels.len() {
            self.levels.push(ChunkList::new(level as u8));
        }
        if self.levels[level].push(len, kind) { self.end_list(writer, level) } else { Ok(()) }
    }

    fn end_list(&mut self, writer: &mut Writer, level: usize) -> Result<(), StoreError> {
        let list = std::mem::replace(&mut self.levels[level], ChunkList::new(level as u8));
        let id = writer.put(PackKind::Metadata, &list.encode(), None)?;
        self.push(writer, level + 1, list.len(), ExtentKind::List(id))
    }

    fn finish_lists(&mut self, writer: &mut Writer) -> Result<Content, StoreError> {
        let mut level = 0;
        loop {
            let top = level + 1 == self.levels.len();
            let list = &self.levels[level];
            match list.extents() {
                // A single chunk or list needs no list above it.
                [Extent { kind: ExtentKind::Data(id), .. }] if top => return Ok(Content::Blob(*id)),
                [Extent { kind: ExtentKind::List(id), .. }] if top => return Ok(Content::Chunks(*id)),
                [] => {}
                _ if top => {
                    let id = writer.put(PackKind::Metadata, &list.encode(), self.hint_list())?;
                    return Ok(Content::Chunks(id));
                }
                _ => self.end_list(writer, level)?,
            }
            level += 1;
        }
    }
}

/// Number of bytes of a read from which on it is taken to be one of many: whoever reads so much at a time reads on.
const LARGE_READ: usize = 64 << 10;

/// Reads a file's content at any offset.
#[derive(Debug, Clone, Copy)]
pub struct FileReader<'a> {
    /// Reads the blobs.
    pub reader: &'a Reader,
    /// The content.
    pub content: &'a Content,
    /// The file's size in bytes.
    pub size: u64,
}

/// Bytes of a file.
#[derive(Debug)]
pub enum Bytes {
    /// A part of one blob, not copied.
    Within(Blob),
    /// Bytes of several extents, joined.
    Own(Vec<u8>),
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Bytes::Within(blob) => blob,
            Bytes::Own(bytes) => bytes,
        }
    }
}

impl FileReader<'_> {
    /// Returns `len` bytes at `offset`, or fewer if the file ends before. Bytes of a single blob are not
    /// copied.
    pub fn bytes(&self, offset: u64, len: usize) -> Result<Bytes, StoreError> {
        let len = (len as u64).min(self.size.saturating_sub(offset)) as usize;
        if let Some(blob) = self.part_of_one_blob(offset, len)? {
            return Ok(Bytes::Within(blob));
        }
        let mut out = Vec::with_capacity(len);
        self.read(offset, len, &mut out)?;
        Ok(Bytes::Own(out))
    }

    /// Returns these bytes if one blob holds all of them. `None` also if the bytes must be read to find out.
    fn part_of_one_blob(&self, offset: u64, len: usize) -> Result<Option<Blob>, StoreError> {
        let (id, start, size) = match self.content {
            _ if len == 0 => return Ok(None),
            Content::Inline(_) => return Ok(None),
            Content::NotRead => return Err(StoreError::NotRead),
            Content::Blob(id) => (*id, 0, self.size),
            Content::Chunks(id) => {
                let list = self.reader.chunk_list(id)?;
                let extent = list.extents().get(list.position(offset)).filter(|_| list.len() == self.size);
                match extent {
                    Some(Extent { start, len: size, kind: ExtentKind::Data(id) })
                        if offset + len as u64 <= start + size =>
                    {
                        (*id, *start, *size)
                    }
                    _ => return Ok(None),
                }
            }
        };
        let start = (offset - start) as usize;
        let part = self.part(&id, start..start + len, len)?;
        Ok((part.blob_len() == size).then_some(part))
    }

    /// Returns a part of a blob, for a read of `len` bytes.
    fn part(&self, id: &BlobId, range: Range<usize>, len: usize) -> Result<Blob, StoreError> {
        self.reader.blob_part(id, range, len >= LARGE_READ)
    }

    /// Returns the position of the first data at or after `offset`, or of the first hole if `hole` is set.
    /// The end of the file counts as a hole. `None` at or after the end, and if no data follow.
    pub fn seek(&self, offset: u64, hole: bool) -> Result<Option<u64>, StoreError> {
        if offset >= self.size {
            return Ok(None);
        }
        match self.content {
            Content::NotRead => Err(StoreError::NotRead),
            Content::Inline(_) | Content::Blob(_) => Ok(Some(if hole { self.size } else { offset })),
            Content::Chunks(id) => {
                let list = self.reader.chunk_list(id)?;
                let found = find_extent(self.reader, &list, 0, offset..self.size, &mut |start, _, chunk| {
                    Ok((chunk.is_none() == hole).then_some(start.max(offset)))
                })?;
                Ok(found.or(hole.then_some(self.size)))
            }
        }
    }

    /// Decompresses the blocks that hold the bytes from `from` to `to`, so that later reads do not wait.
    pub fn prefetch(&self, from: u64, to: u64) -> Result<(), StoreError> {
        match self.content {
            Content::Inline(_) | Content::NotRead => Ok(()),
            Content::Blob(id) => self.reader.prefetch(id).map(drop),
            Content::Chunks(id) => {
                let list = self.reader.chunk_list(id)?;
                find_extent(self.reader, &list, 0, from..to, &mut |_, _, chunk| {
                    chunk.map_or(Ok(false), |id| self.reader.prefetch(&id))?;
                    Ok(None::<()>)
                })
                .map(drop)
            }
        }
    }

    /// Appends `len` bytes at `offset` to `out`, or fewer if the file ends before.
    pub fn read(&self, offset: u64, len: usize, out: &mut Vec<u8>) -> Result<(), StoreError> {
        if offset >= self.size {
            return Ok(());
        }
        let len = (len as u64).min(self.size - offset) as usize;
        let damaged = |what: &'static str, reason| {
            StoreError::damaged(|| format!("{what} {:?}", self.content))(FormatError::Invalid(reason))
        };
        let wrong_size = || damaged("content", "content: it has another length than its file");
        match self.content {
            Content::NotRead => return Err(StoreError::NotRead),
            Content::Inline(bytes) => {
                let bytes = bytes.get(offset as usize..offset as usize + len).ok_or_else(wrong_size)?;
                out.extend_from_slice(bytes);
            }
            Content::Blob(id) => {
                let part = self.part(id, offset as usize..offset as usize + len, len)?;
                if part.blob_len() != self.size {
                    return Err(wrong_size());
                }
                out.extend_from_slice(&part);
            }
            Content::Chunks(id) => {
                let list = self.reader.chunk_list(id)?;
                if list.len() != self.size {
                    return Err(wrong_size());
                }
                let end = offset + len as u64;
                find_extent(self.reader, &list, 0, offset..end, &mut |start, len, chunk| {
                    let range = (offset.max(start) - start) as usize..(end.min(start + len) - start) as usize;
                    let Some(id) = chunk else {
                        out.resize(out.len() + range.len(), 0);
                        return Ok(None::<()>);
                    };
                    let part = self.part(&id, range, (end - offset) as usize)?;
                    if part.blob_len() != len {
                        return Err(list_damaged("length of a chunk"));
                    }
                    out.extend_from_slice(&part);
                    Ok(None)
                })?;
            }
        }
        Ok(())
    }
}

/// Calls `visit` with the chunks and holes of `list` that hold bytes of `range`, in order, until it returns a
/// value. It receives the offset in the content, the length, and the chunk's blob; `None` for a hole. `base`
/// is the list's offset in the content, and `range` is relative to the list.
fn find_extent<T>(
    reader: &Reader,
    list: &ChunkList,
    base: u64,
    range: Range<u64>,
    visit: &mut dyn FnMut(u64, u64, Option<BlobId>) -> Result<Option<T>, StoreError>,
) -> Result<Option<T>, StoreError> {
    for extent in &list.extents()[list.position(range.start)..] {
        if extent.start >= range.end {
            break;
        }
        let start = base + extent.start;
        let found = match extent.kind {
            ExtentKind::Hole => visit(start, extent.len, None)?,
            ExtentKind::Data(id) => visit(start, extent.len, Some(id))?,
            ExtentKind::List(id) => {
                let below = reader.chunk_list(&id)?;
                // Levels fall by one, so no list can contain itself.
                if below.len() != extent.len || below.level() + 1 != list.level() {
                    return Err(list_damaged("chunk list"));
                }
                let within = |at: u64| at.saturating_sub(extent.start);
                find_extent(reader, &below, start, within(range.start)..within(range.end), visit)?
            }
        };
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

fn list_damaged(what: &'static str) -> StoreError {
    StoreError::damaged(|| "a chunk list")(FormatError::Invalid(what))
}
