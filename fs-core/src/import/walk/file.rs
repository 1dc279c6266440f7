//! Reads one file, with data and holes, and detects changes during the read.

use std::ffi::CStr;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use super::Walk;
use crate::format::limits::MAX_FILE;
use crate::format::{Entry, Kind};
use crate::import::ImportError;
use crate::import::disk::{
    Directory, FileType, ReadXattrs, Stat, is_memory, next_data, next_hole, stat_file, xattrs_of,
};
use crate::monitor::{Cancellation, Monitor, Progress};
use crate::store::{CopyError, StoreError};

pub(super) struct ReadFile {
    /// Attributes at the start of the read.
    pub(super) stat: Stat,
    pub(super) kind: Kind,
    pub(super) xattrs: io::Result<ReadXattrs>,
    /// True if the file changed during each attempt to read it.
    pub(super) changed_while_read: bool,
}

/// Reason why a file was not read.
pub(super) enum ReadError {
    /// This file could not be read.
    File(io::Error),
    /// The import must stop.
    Import(ImportError),
    /// The import must stop: a program is writing to a tree that must be quiescent.
    NotQuiescent(&'static str),
}

impl ReadError {
    /// The error for a file that cannot be read for this `reason`.
    pub(super) fn unreadable(reason: &'static str) -> Self {
        io::Error::other(reason).into()
    }
}

impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> Self {
        ReadError::File(error)
    }
}

impl From<StoreError> for ReadError {
    fn from(error: StoreError) -> Self {
        ReadError::Import(error.into())
    }
}

impl From<CopyError> for ReadError {
    fn from(error: CopyError) -> Self {
        match error {
            CopyError::Store(error) => error.into(),
            CopyError::Read(error) => error.into(),
        }
    }
}

/// A second attempt catches nearly every file that was just being saved. A file that changes all the time
/// would not be caught by the tenth attempt either.
const ATTEMPTS: u32 = 2;

/// Maximum bytes read beyond the end that a file's size states.
const MAX_BEYOND_SIZE: u64 = 1 << 20;

impl Walk<'_> {
    /// Reads the file `name`, and once more if it changed during the read. `previous` is the entry of the
    /// parent snapshot at this path.
    pub(super) fn read(
        &mut self,
        directory: &Directory,
        name: &CStr,
        previous: Option<&Entry>,
    ) -> Result<ReadFile, ReadError> {
        let mut attempt = 0;
        loop {
            attempt += 1;
            let mut file = directory.file(name)?;
            let before = stat_file(&file)?;
            if before.kind != FileType::RegularFile {
                return Err(ReadError::unreadable("it was replaced while it was read"));
            }
            if before.size > MAX_FILE {
                return Err(ReadError::unreadable("it has more than 4 EiB"));
            }
            if is_memory(&file, &before) {
                return Err(ReadError::unreadable("it is the kernel's memory, and no file"));
            }
            let result = self.read_once(&mut file, &before, previous);
            self.content.reset();
            let kind = result?;
            let after = stat_file(&file)?;
            // Sizes are wrong only where nothing is allocated, as in /proc and /sys.
            let is_whole = match kind {
                Kind::File { size, .. } => size == before.size || before.allocated == 0,
                _ => false,
            };
            let still = is_whole
                && (before.size, before.attributes.mtime, before.ctime)
                    == (after.size, after.attributes.mtime, after.ctime);
            if still || attempt == ATTEMPTS {
                self.progress.files_read += 1;
                let xattrs = xattrs_of(&file);
                return Ok(ReadFile { stat: before, kind, xattrs, changed_while_read: !still });
            }
        }
    }

    fn read_once(
        &mut self,
        file: &mut File,
        stat: &Stat,
        previous: Option<&Entry>,
    ) -> Result<Kind, ReadError> {
        if let Some(Entry { kind: Kind::File { content, .. }, .. }) = previous {
            self.content.delta_hint(content.clone());
        }
        let is_whole = if stat.allocated < stat.size {
            self.read_sparse(file, stat.size)?
        } else {
            // Reads no more than the initial size: a file may grow faster than it is read.
            self.copy(file, stat.size)? == stat.size
        };
        // In /proc and the like, sizes mean nothing. The content is everything that can be read.
        if is_whole && stat_file(file)?.size == stat.size {
            let more = self.copy(file, MAX_BEYOND_SIZE)?;
            if more == MAX_BEYOND_SIZE && stat_file(file)?.size == stat.size {
                return Err(ReadError::unreadable("it has far more content than its size tells"));
            }
        }
        let (size, holes, content) = self.content.finish(self.writer)?;
        Ok(Kind::File { size, holes, content })
    }

    /// Reads `size` bytes, keeping holes. Returns false if the file has fewer bytes.
    fn read_sparse(&mut self, file: &mut File, size: u64) -> Result<bool, ReadError> {
        let mut at = 0;
        while at < size {
            // A wrong answer from a file system must not lead backwards.
            let data = next_data(file, at)?.map_or(size, |data| data.clamp(at, size));
            self.content.hole(self.writer, data - at)?;
            if data == size {
                file.seek(SeekFrom::Start(size))?;
                return Ok(true);
            }
            let end = next_hole(file, data)?;
            let end = end.filter(|end| *end > data).map_or(size, |end| end.min(size));
            file.seek(SeekFrom::Start(data))?;
            let taken = self.copy(file, end - data)?;
            if taken < end - data {
                return Ok(false);
            }
            at = end;
        }
        Ok(true)
    }

    fn copy(&mut self, file: &mut File, limit: u64) -> Result<u64, ReadError> {
        let mut source = Watched {
            file,
            progress: &mut self.progress,
            monitor: self.monitor,
            cancellation: self.cancellation,
        };
        match self.content.data(self.writer, &mut source, limit) {
            Ok(taken) => Ok(taken),
            Err(CopyError::Read(_)) if self.cancellation.is_cancelled() => {
                Err(ReadError::Import(ImportError::Cancelled))
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// Counts the bytes read, and stops on cancellation: one file may be larger than all others.
struct Watched<'a> {
    file: &'a mut File,
    progress: &'a mut Progress,
    monitor: &'a dyn Monitor,
    cancellation: &'a Cancellation,
}

impl Read for Watched<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.cancellation.is_cancelled() {
            return Err(io::Error::other("cancelled"));
        }
        let len = self.file.read(buffer)?;
        self.progress.bytes_read += len as u64;
        self.monitor.progress(self.progress);
        Ok(len)
    }
}
