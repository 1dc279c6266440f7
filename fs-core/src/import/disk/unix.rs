//! Linux: a directory is a file descriptor, and its entries are opened relative to it.

mod above;
mod file_system;
mod mounted;
mod xattrs;

use std::ffi::{CStr, CString, OsStr};
use std::fs::File;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

pub(in crate::import) use file_system::lasting_identity;
use rustix::fs::{AtFlags, Mode, OFlags, RawDir, SeekFrom};
use rustix::io::Errno;
pub(in crate::import) use xattrs::{WorkingDirectory, xattrs_of};

use super::{FileType, Stat, sorted};
use crate::format::{Attributes, Time};

/// An open directory.
#[derive(Debug)]
pub(in crate::import) struct Directory(OwnedFd);

const DIRECTORY: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
// NONBLOCK: a fifo that replaced a file must not block the walk.
const FILE: OFlags = OFlags::RDONLY.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC).union(OFlags::NONBLOCK);

impl Directory {
    /// Opens the root of a tree. Only here a symbolic link is followed.
    pub(in crate::import) fn open(path: &Path) -> io::Result<Self> {
        let flags = DIRECTORY.difference(OFlags::NOFOLLOW);
        Ok(Self(rustix::fs::open(path, flags, Mode::empty())?))
    }

    /// Opens the subdirectory `name`.
    pub(in crate::import) fn child(&self, name: &CStr) -> io::Result<Self> {
        Ok(Self(rustix::fs::openat(&self.0, name, DIRECTORY, Mode::empty())?))
    }

    /// Names in the directory, sorted by bytes, each once, and the error if the list is incomplete.
    pub(in crate::import) fn names(&self) -> (Vec<CString>, Option<io::Error>) {
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

    /// Attributes of the directory itself.
    pub(in crate::import) fn stat_self(&self) -> io::Result<Stat> {
        Ok(convert(&rustix::fs::fstat(&self.0)?))
    }

    /// Attributes of the entry `name`.
    pub(in crate::import) fn stat(&self, name: &CStr) -> io::Result<Stat> {
        Ok(convert(&rustix::fs::statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW)?))
    }

    /// Target of the symbolic link `name`.
    pub(in crate::import) fn link_target(&self, name: &CStr) -> io::Result<Box<[u8]>> {
        Ok(rustix::fs::readlinkat(&self.0, name, Vec::new())?.into_bytes().into())
    }

    /// Opens the file `name`. Leaves its access time unchanged where that is permitted.
    pub(in crate::import) fn file(&self, name: &CStr) -> io::Result<File> {
        match rustix::fs::openat(&self.0, name, FILE | OFlags::NOATIME, Mode::empty()) {
            Err(Errno::PERM) => Ok(File::from(rustix::fs::openat(&self.0, name, FILE, Mode::empty())?)),
            result => Ok(File::from(result?)),
        }
    }
}

/// Attributes of an open file.
pub(in crate::import) fn stat_file(file: &File) -> io::Result<Stat> {
    Ok(convert(&rustix::fs::fstat(file.as_fd())?))
}

/// Whether the file is `/proc/kcore`, whose size is that of the whole address space.
pub(in crate::import) fn is_memory(file: &File, stat: &Stat) -> bool {
    const PROC: u64 = 0x9fa0;
    // The field's type differs between architectures.
    #[allow(clippy::unnecessary_cast, clippy::cast_lossless, clippy::cast_sign_loss)]
    let magic = || rustix::fs::fstatfs(file).map(|stats| stats.f_type as u64 & 0xffff_ffff);
    stat.allocated == 0 && stat.size > 1 << 40 && magic() == Ok(PROC)
}

/// Start of the next data at or after `at`; `None` if there are none.
pub(in crate::import) fn next_data(file: &File, at: u64) -> io::Result<Option<u64>> {
    match rustix::fs::seek(file, SeekFrom::Data(at)) {
        Err(Errno::NXIO) => Ok(None),
        // This file system does not support holes.
        Err(Errno::INVAL) => Ok(Some(at)),
        found => Ok(Some(found?)),
    }
}

/// Start of the next hole after the data at `at`; `None` if there is none.
pub(in crate::import) fn next_hole(file: &File, at: u64) -> io::Result<Option<u64>> {
    match rustix::fs::seek(file, SeekFrom::Hole(at)) {
        Err(Errno::NXIO | Errno::INVAL) => Ok(None),
        found => Ok(Some(found?)),
    }
}

/// Whether a listed entry is gone since, or replaced by one of another type.
pub(in crate::import) fn is_gone(error: &io::Error) -> bool {
    let errno = error.raw_os_error().map(Errno::from_raw_os_error);
    matches!(errno, Some(Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::STALE))
}

/// Path made of these bytes.
pub(crate) fn path_of(bytes: &[u8]) -> PathBuf {
    OsStr::from_bytes(bytes).into()
}

// Field types differ between architectures.
#[allow(clippy::unnecessary_cast, clippy::cast_lossless, clippy::cast_sign_loss)]
fn convert(stat: &rustix::fs::Stat) -> Stat {
    let time = |secs, nanos: u64| Time::new(secs, nanos as u32).unwrap_or_default();
    Stat {
        kind: FileType::from_mode(stat.st_mode as u32),
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
}
