//! Unix: folders are file descriptors, and what is in them is named relative to these.

mod attributes;

use std::ffi::CStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;

pub(in crate::service::restore) use attributes::{set_file, set_folder, set_unopened};
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, RenameFlags, makedev};
use rustix::io::Errno;

use crate::format::XattrSet;
use crate::view::{Attr, FileKind};

/// An open folder of the target.
#[derive(Debug, Clone)]
pub(in crate::service::restore) struct Folder(Arc<OwnedFd>);

/// Symbolic links need not wait for what they lead to.
pub(in crate::service::restore) const LINKS_LAST: bool = false;

const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// What is made has this mode until it is complete: nobody else may look into it before.
const OWN: Mode = Mode::RWXU;

impl Folder {
    /// The target itself, made when it is missing, and whether it was; when it is only looked at, `None` then. Here symbolic links
    /// are the user's own.
    pub(in crate::service::restore) fn target(path: &Path, look: bool) -> io::Result<(Option<Self>, bool)> {
        let open = || rustix::fs::openat(CWD, path, FOLDER, Mode::empty()).map(|fd| Self(Arc::new(fd)));
        match open() {
            Ok(folder) => Ok((Some(folder), false)),
            Err(Errno::NOENT) if look => Ok((None, true)),
            Err(Errno::NOENT) => {
                std::fs::create_dir_all(path)?;
                Ok((Some(open()?), true))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Makes or enters the folder `name`; true when it was made.
    pub(in crate::service::restore) fn make(&self, name: &CStr) -> io::Result<(Self, bool)> {
        let made = match rustix::fs::mkdirat(&self.0, name, OWN) {
            Ok(()) => true,
            Err(Errno::EXIST) => false,
            Err(error) => return Err(error.into()),
        };
        Ok((self.enter(name)?, made))
    }

    pub(in crate::service::restore) fn enter(&self, name: &CStr) -> io::Result<Self> {
        let fd = rustix::fs::openat(&self.0, name, FOLDER | OFlags::NOFOLLOW, Mode::empty())?;
        Ok(Self(Arc::new(fd)))
    }

    pub(in crate::service::restore) fn has(&self, name: &CStr) -> bool {
        rustix::fs::statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW).is_ok()
    }

    /// Makes an empty file.
    pub(in crate::service::restore) fn make_file(&self, name: &CStr, _: &XattrSet) -> io::Result<File> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(rustix::fs::openat(&self.0, name, flags, Mode::RUSR | Mode::WUSR)?.into())
    }

    pub(in crate::service::restore) fn make_symlink(
        &self,
        name: &CStr,
        target: &[u8],
        _: &XattrSet,
    ) -> io::Result<()> {
        Ok(rustix::fs::symlinkat(target, &self.0, name)?)
    }

    /// Makes what is neither a file nor a symbolic link.
    pub(in crate::service::restore) fn make_special(&self, name: &CStr, attr: &Attr) -> io::Result<()> {
        let kind = match attr.kind {
            FileKind::CharDevice => FileType::CharacterDevice,
            FileKind::BlockDevice => FileType::BlockDevice,
            FileKind::Fifo => FileType::Fifo,
            FileKind::Socket => FileType::Socket,
            FileKind::File | FileKind::Directory | FileKind::Symlink => FileType::RegularFile,
        };
        let device = makedev(attr.rdev.0, attr.rdev.1);
        Ok(rustix::fs::mknodat(&self.0, name, kind, Mode::RUSR | Mode::WUSR, device)?)
    }

    /// Gives the file `first` of the folder `above` another name.
    pub(in crate::service::restore) fn make_link(
        &self,
        name: &CStr,
        above: &Folder,
        first: &CStr,
    ) -> io::Result<()> {
        Ok(rustix::fs::linkat(&above.0, first, &self.0, name, AtFlags::empty())?)
    }

    /// Renames what is in this folder, in the place of what has the new name.
    pub(super) fn rename(&self, from: &CStr, to: &CStr) -> io::Result<()> {
        Ok(rustix::fs::renameat(&self.0, from, &self.0, to)?)
    }

    /// The same when nothing has it; false when the old name still is there to be removed.
    pub(super) fn rename_new(&self, from: &CStr, to: &CStr) -> io::Result<bool> {
        let folder = &self.0;
        match rustix::fs::renameat_with(folder, from, folder, to, RenameFlags::NOREPLACE) {
            // File systems that cannot rename so can link.
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {
                rustix::fs::linkat(folder, from, folder, to, AtFlags::empty())?;
                Ok(false)
            }
            renamed => Ok(renamed.map(|()| true)?),
        }
    }

    pub(super) fn remove(&self, name: &CStr) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(&self.0, name, AtFlags::empty())?)
    }
}

/// What can only be set when a file has its name: nothing.
#[expect(clippy::unnecessary_wraps, reason = "on other platforms it fails")]
pub(in crate::service::restore) fn seal(_: &File, _: &Attr) -> io::Result<()> {
    Ok(())
}

impl AsFd for Folder {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.0.as_fd()
    }
}
