//! Directories on disk. Each is opened relative to its parent without following symbolic links, so nothing
//! that moves during the walk can lead it out of the tree.
//!
//! Each platform provides the same: [`Directory`], [`WorkingDirectory`], and functions on open files.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

use std::ffi::{CStr, CString};
use std::io::{self, Read};

pub(crate) use system::path_of;
pub(super) use system::{
    Directory, WorkingDirectory, is_gone, is_memory, next_data, next_hole, stat_file, xattrs_of,
};
#[cfg(unix)]
use unix as system;
#[cfg(unix)]
pub(super) use unix::lasting_identity;
#[cfg(windows)]
use windows as system;

use crate::format::{Attributes, Time, XattrSet};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FileType {
    RegularFile,
    Directory,
    Symlink,
    CharacterDevice,
    BlockDevice,
    Fifo,
    Socket,
    Unknown,
}

impl FileType {
    /// Type encoded in a Unix mode.
    pub(super) fn from_mode(mode: u32) -> Self {
        match mode & 0o170_000 {
            0o100_000 => FileType::RegularFile,
            0o040_000 => FileType::Directory,
            0o120_000 => FileType::Symlink,
            0o020_000 => FileType::CharacterDevice,
            0o060_000 => FileType::BlockDevice,
            0o010_000 => FileType::Fifo,
            0o140_000 => FileType::Socket,
            _ => FileType::Unknown,
        }
    }
}

/// Attributes of an entry, as reported by the operating system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stat {
    pub(super) kind: FileType,
    pub(super) id: (u64, u64),
    pub(super) links: u64,
    pub(super) attributes: Attributes,
    pub(super) ctime: Time,
    pub(super) size: u64,
    /// Allocated bytes.
    pub(super) allocated: u64,
    pub(super) device: (u32, u32),
    /// Attributes stored as an extended attribute.
    #[cfg(windows)]
    pub(super) dos: crate::windows::attributes::DosAttributes,
}

/// A mount that only its owner may enter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PrivateMount {
    /// True if a directory is mounted, false if a file is.
    pub(super) is_directory: bool,
    /// User and group that mounted it.
    pub(super) owner: (u32, u32),
}

/// The extended attributes that could be read, and the error if some could not.
pub(super) type ReadXattrs = (XattrSet, Option<io::Error>);

impl Directory {
    /// Reads the file `name` up to `limit` bytes, plus one byte that shows a longer file.
    pub(super) fn text(&self, name: &CStr, limit: usize) -> io::Result<Box<[u8]>> {
        let mut bytes = Vec::new();
        self.file(name)?.take(limit as u64 + 1).read_to_end(&mut bytes)?;
        Ok(bytes.into())
    }
}

/// Sorts the names and removes duplicates. A file system may list a name twice if it is replaced during the
/// listing.
fn sorted(mut names: Vec<CString>) -> Vec<CString> {
    names.sort_unstable();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_listed_twice_counts_once() {
        let names = [c"b", c"a", c"b"].map(CString::from).to_vec();
        assert_eq!(sorted(names), [c"a", c"b"].map(CString::from));
    }
}
