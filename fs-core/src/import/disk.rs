//! Directories on disk, opened one below the other without following symbolic links, so that nothing that moves
//! during the walk can lead it out of the tree.

use std::ffi::{CStr, CString};
use std::fs::File;
use std::io::{self, Read};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, FileType, Mode, OFlags, RawDir};
use rustix::io::Errno;

use crate::format::{Attributes, Time};

/// An open directory.
#[derive(Debug)]
pub(super) struct Directory(pub(super) OwnedFd);

/// What the operating system tells of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stat {
    pub(super) kind: FileType,
    pub(super) id: (u64, u64),
    pub(super) links: u64,
    pub(super) attributes: Attributes,
    pub(super) ctime: Time,
    pub(super) size: u64,
    /// Bytes allocated.
    pub(super) allocated: u64,
    pub(super) device: (u32, u32),
}

const DIRECTORY: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
// NONBLOCK: a fifo that took a file's place must not stop the walk.
const FILE: OFlags = OFlags::RDONLY.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC).union(OFlags::NONBLOCK);

impl Directory {
    /// Opens the root of a tree; here a symbolic link is followed.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let flags = DIRECTORY.difference(OFlags::NOFOLLOW);
        Ok(Self(rustix::fs::open(path, flags, Mode::empty())?))
    }

    /// Opens the subdirectory `name`.
    pub(super) fn child(&self, name: &CStr) -> io::Result<Self> {
        Ok(Self(rustix::fs::openat(&self.0, name, DIRECTORY, Mode::empty())?))
    }

    /// The names in it, sorted by their bytes, each once; and why they are not all.
    pub(super) fn names(&self) -> (Vec<CString>, Option<io::Error>) {
        let mut buffer = vec![MaybeUninit::uninit(); 64 << 10];
        let mut entries = RawDir::new(&self.0, &mut buffer);
        let (mut names, mut error) = (Vec::new(), None);
        while let Some(entry) = entries.next() {
            match entry {
                Ok(entry) if matches!(entry.file_name().to_bytes(), b"." | b"..") => {}
                Ok(entry) => names.push(entry.file_name().to_owned()),
                Err(reason) => {
                    error = Some(reason.into());
                    break;
                }
            }
        }
        (sorted(names), error)
    }

    /// Itself.
    pub(super) fn stat_self(&self) -> io::Result<Stat> {
        Ok(convert(&rustix::fs::fstat(&self.0)?))
    }

    /// The entry `name`.
    pub(super) fn stat(&self, name: &CStr) -> io::Result<Stat> {
        Ok(convert(&rustix::fs::statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW)?))
    }

    /// The target of the symbolic link `name`.
    pub(super) fn link_target(&self, name: &CStr) -> io::Result<Box<[u8]>> {
        Ok(rustix::fs::readlinkat(&self.0, name, Vec::new())?.into_bytes().into())
    }

    /// The bytes of the file `name`, of which there may be at most `limit`.
    pub(super) fn text(&self, name: &CStr, limit: usize) -> io::Result<Box<[u8]>> {
        let mut bytes = Vec::new();
        self.file(name)?.take(limit as u64 + 1).read_to_end(&mut bytes)?;
        Ok(bytes.into())
    }

    /// Opens the file `name`, without marking it as accessed where that is permitted.
    pub(super) fn file(&self, name: &CStr) -> io::Result<File> {
        match rustix::fs::openat(&self.0, name, FILE | OFlags::NOATIME, Mode::empty()) {
            Err(Errno::PERM) => Ok(File::from(rustix::fs::openat(&self.0, name, FILE, Mode::empty())?)),
            result => Ok(File::from(result?)),
        }
    }
}

/// A file system may tell a name twice when it is replaced during the listing.
fn sorted(mut names: Vec<CString>) -> Vec<CString> {
    names.sort_unstable();
    names.dedup();
    names
}

/// What the operating system tells of an open file.
pub(super) fn stat_file(file: &File) -> io::Result<Stat> {
    Ok(convert(&rustix::fs::fstat(file.as_fd())?))
}

// Field types differ between architectures.
#[allow(clippy::unnecessary_cast, clippy::cast_lossless, clippy::cast_sign_loss)]
fn convert(stat: &rustix::fs::Stat) -> Stat {
    let time = |secs, nanos: u64| Time::new(secs, nanos as u32).unwrap_or_default();
    Stat {
        kind: FileType::from_raw_mode(stat.st_mode),
        id: (stat.st_dev as u64, stat.st_ino as u64),
        links: stat.st_nlink as u64,
        attributes: Attributes {
            mode: (stat.st_mode & 0o7777) as u16,
            uid: stat.st_uid,
            gid: stat.st_gid,
            mtime: time(stat.st_mtime as i64, stat.st_mtime_nsec as u64),
        },
        ctime: time(stat.st_ctime as i64, stat.st_ctime_nsec as u64),
        size: stat.st_size as u64,
        allocated: (stat.st_blocks as u64).saturating_mul(512),
        device: (rustix::fs::major(stat.st_rdev), rustix::fs::minor(stat.st_rdev)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_that_takes_a_directorys_place_is_not_followed() {
        let directory = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/etc", directory.path().join("link")).unwrap();
        let root = Directory::open(directory.path()).unwrap();
        assert!(root.child(c"link").is_err());
        assert!(root.file(c"link").is_err());
        assert_eq!(&*root.link_target(c"link").unwrap(), b"/etc");
        assert_eq!(root.names().0, [CString::from(c"link")]);
    }

    #[test]
    fn a_name_that_is_told_twice_counts_once() {
        let names = [c"b", c"a", c"b"].map(CString::from).to_vec();
        assert_eq!(sorted(names), [c"a", c"b"].map(CString::from));
    }
}
