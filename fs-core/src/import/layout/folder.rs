//! Folders on disk as the layouts see them. Symbolic links are never followed.

use std::ffi::OsString;
use std::fs::{self, DirEntry, File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rustix::fs::OFlags;

use crate::format::Time;
use crate::import::ImportError;

/// A folder, with the facts that must still hold after its run was read.
#[derive(Debug, Clone)]
pub(in crate::import) struct FolderState {
    pub(in crate::import) path: PathBuf,
    pub(super) id: (u64, u64),
    pub(super) mtime: Time,
    /// Creation time, if the file system records it.
    pub(super) born: Option<Time>,
    /// True if a program set the modification time: it is a whole second on a file system with finer times.
    pub(in crate::import) is_stamped: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum EntryKind {
    Folder,
    Link,
    Other,
}

impl FolderState {
    /// Examines the folder at `path`. `None` if there is nothing, or something other than a folder.
    pub(super) fn of(path: PathBuf) -> io::Result<Option<Self>> {
        let metadata = match fs::symlink_metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            result => result?,
        };
        let mtime = mtime(&metadata);
        let born = metadata.created().ok().and_then(|time| Timestamp::try_from(time).ok());
        let mark = Self {
            path,
            id: (metadata.dev(), metadata.ino()),
            mtime,
            born: born.map(Time::from),
            is_stamped: mtime.nanos() == 0 && metadata.ctime_nsec() != 0,
        };
        Ok(metadata.is_dir().then_some(mark))
    }

    /// Returns how the folder has changed since, if it has.
    pub(in crate::import) fn change(&self) -> Option<&'static str> {
        match Self::of(self.path.clone()) {
            Ok(Some(now)) if now.id != self.id => Some("another folder has its name now"),
            Ok(Some(now)) if now.mtime != self.mtime => Some("it has changed meanwhile"),
            Ok(Some(_)) => None,
            Ok(None) => Some("it was removed or renamed meanwhile"),
            Err(_) => Some("it cannot be looked at any more"),
        }
    }
}

pub(super) fn mtime(metadata: &Metadata) -> Time {
    Time::new(metadata.mtime(), u32::try_from(metadata.mtime_nsec()).unwrap_or_default()).unwrap_or_default()
}

/// Absolute path of a folder, without symbolic links.
pub(super) fn absolute(path: &Path) -> Result<PathBuf, ImportError> {
    fs::canonicalize(path).map_err(ImportError::read(path))
}

/// Type of an entry. A vanished entry is not a folder.
pub(super) fn kind_of(entry: &DirEntry) -> EntryKind {
    match entry.file_type() {
        Ok(kind) if kind.is_dir() => EntryKind::Folder,
        Ok(kind) if kind.is_symlink() => EntryKind::Link,
        _ => EntryKind::Other,
    }
}

/// Whether the symbolic link at `path` leads to something inside `root`, an absolute path without links.
pub(super) fn leads_inside(path: &Path, root: &Path) -> bool {
    fs::canonicalize(path).is_ok_and(|target| target.starts_with(root))
}

/// The names in a folder, sorted, with their types.
pub(super) fn names(path: &Path) -> Result<Vec<(OsString, EntryKind)>, ImportError> {
    let read = || {
        let named = |entry: DirEntry| (entry.file_name(), kind_of(&entry));
        let mut names: Vec<_> =
            fs::read_dir(path)?.map(|entry| entry.map(named)).collect::<Result<_, _>>()?;
        names.sort_unstable();
        Ok(names)
    };
    read().map_err(ImportError::read(path))
}

/// Reads a file of at most `limit` bytes; returns its bytes and its modification time. Anything but a regular
/// file is an error: reading a fifo would never end.
pub(super) fn small_file(path: &Path, limit: u64) -> io::Result<(Vec<u8>, Time)> {
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    let file = File::options().read(true).custom_flags(flags).open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let mut bytes = Vec::new();
    file.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(io::Error::other("it is too long to be what it should be"));
    }
    Ok((bytes, mtime(&metadata)))
}
