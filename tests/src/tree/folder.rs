//! Folders by descriptor, to reach paths that are longer than the kernel accepts.

use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, openat};

/// An open folder.
#[derive(Debug)]
pub struct Folder(OwnedFd);

impl Folder {
    /// Opens the folder at a path, which may be a symbolic link to it.
    pub fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Self(openat(CWD, path, flags, Mode::empty())?))
    }

    /// Opens a folder in this one.
    pub fn enter(&self, name: &[u8]) -> io::Result<Self> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(Self(openat(&self.0, name, flags, Mode::empty())?))
    }

    /// The folder that contains the last component of a path below this folder, and that component; `.` for
    /// the root.
    pub fn reach<'p>(&self, path: &'p [u8]) -> io::Result<(Self, &'p [u8])> {
        let mut folder = Self(self.0.try_clone()?);
        let mut components = path.split(|&byte| byte == b'/');
        let last = components.next_back().filter(|last| !last.is_empty()).unwrap_or(b".");
        for name in components {
            folder = folder.enter(name)?;
        }
        Ok((folder, last))
    }

    /// A short path to a name in this folder, valid while the folder is open.
    pub fn path(&self, name: &[u8]) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}", self.0.as_raw_fd())).join(OsStr::from_bytes(name))
    }

    /// The names in this folder.
    pub fn names(&self) -> io::Result<Vec<Vec<u8>>> {
        std::fs::read_dir(self.path(b"."))?.map(|entry| Ok(entry?.file_name().as_bytes().to_vec())).collect()
    }
}
