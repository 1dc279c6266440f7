//! Unix: folders are file descriptors, and names are relative to them.

mod attributes;
mod existing;
mod file_system;
mod foresight;
mod leftovers;
mod model;
mod plain;
mod probe;
mod rights;
mod subject;

use std::collections::HashSet;
use std::ffi::{CStr, CString, OsStr};
use std::fs::File;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;

pub(in crate::restore) use attributes::{set_file, set_folder, set_time, set_unopened, tighten};
pub(in crate::restore) use file_system::FileSystem;
pub(in crate::restore) use foresight::{foresee, foresee_existing, foresee_link};
use rustix::fs::{AtFlags, CWD, FileType, FlockOperation, Mode, OFlags, RawDir, RenameFlags, Stat, makedev};
use rustix::io::Errno;
use rustix::path::Arg;
use subject::{Settable, Status, Subject};

use super::FileId;
use crate::format::XattrSet;
use crate::view::{Attr, FileKind};

/// An open folder of the target.
#[derive(Debug, Clone)]
pub(in crate::restore) struct Folder(Arc<OwnedFd>);

/// The key of a name. Equal keys are certainly the same name.
pub(in crate::restore) type NameKey = CString;

/// The key of `name`.
pub(in crate::restore) fn key_of(name: &CStr) -> NameKey {
    name.to_owned()
}

/// Symbolic links need not wait until their targets exist.
pub(in crate::restore) const LINKS_LAST: bool = false;

const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// Flags to open a folder in the path of the target. The folder need not be readable.
const PASSED: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// The mode of a new folder that is no copy of a folder in a snapshot. The umask applies.
const USUAL: Mode = Mode::RWXU.union(Mode::RWXG).union(Mode::RWXO);

/// The mode of a new folder until all its entries are restored, and the upper bound for a new file: until
/// then no other user has access.
const OWN: Mode = Mode::RWXU;

impl Folder {
    /// Opens the target, if it exists. Symbolic links in its path are the user's own, and are followed.
    pub(in crate::restore) fn target(path: &Path) -> io::Result<Option<Self>> {
        match rustix::fs::openat(CWD, path, FOLDER, Mode::empty()) {
            Ok(fd) => Ok(Some(Self(Arc::new(fd)))),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Creates a missing target and missing folders above it. Returns true if the target itself was created.
    /// With `closed`, a created target is private to its owner until it gets the attributes of a snapshot's
    /// folder.
    pub(in crate::restore) fn make_target(path: &Path, closed: bool) -> io::Result<(Self, bool)> {
        let mut names = path.components();
        let last = names.next_back().ok_or(io::ErrorKind::NotFound)?.as_os_str();
        let start = rustix::fs::openat(CWD, c".", PASSED, Mode::empty())?;
        let above = names.try_fold(start, |above, name| pass(&above, name.as_os_str()))?;
        let made = make_at(&above, last, if closed { OWN } else { USUAL })?;
        // The target was missing before. So a link here appeared meanwhile, and the user did not name it.
        let opened = rustix::fs::openat(&above, last, FOLDER | OFlags::NOFOLLOW, Mode::empty())?;
        let folder = Self(Arc::new(opened));
        if made && closed {
            folder.close();
        }
        Ok((folder, made))
    }

    /// Creates or enters the folder `name`; true if it was created, private to this process.
    pub(in crate::restore) fn make(&self, name: &CStr) -> io::Result<(Self, bool)> {
        let made = make_at(&self.0, name, OWN)?;
        let folder = self.enter(name)?;
        if made {
            folder.close();
        }
        Ok((folder, made))
    }

    /// Makes sure that a folder which was just created is private to this process.
    fn close(&self) {
        let subject = Subject::open(self);
        // An inherited ACL would be inherited by all new entries in it.
        subject.drop_lists();
        // In a folder of another user, that user may have replaced it: then it has another owner.
        let (user, group) = (rustix::process::geteuid(), rustix::process::getegid());
        let is_own = |status: Status| status.uid == user.as_raw() && status.mode == 0o700;
        if !subject.status().is_ok_and(is_own) {
            let _ = subject.chown(Some(user.as_raw()), Some(group.as_raw()));
            let _ = subject.chmod(0o700);
        }
    }

    pub(in crate::restore) fn enter(&self, name: &CStr) -> io::Result<Self> {
        let fd = rustix::fs::openat(&self.0, name, FOLDER | OFlags::NOFOLLOW, Mode::empty())?;
        Ok(Self(Arc::new(fd)))
    }

    /// The names in it. With `clean`, temporary files of a killed restore are removed, and not returned.
    pub(in crate::restore) fn names(&self, clean: bool) -> io::Result<HashSet<NameKey>> {
        // A new descriptor: each one reads a folder only once.
        let listed = rustix::fs::openat(&self.0, c".", FOLDER, Mode::empty())?;
        let mut buffer = vec![MaybeUninit::uninit(); 64 << 10];
        let mut entries = RawDir::new(&listed, &mut buffer);
        let mut names = HashSet::new();
        while let Some(entry) = entries.next() {
            let entry = entry?;
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") || (clean && self.remove_leftover(name)) {
                continue;
            }
            names.insert(name.to_owned());
        }
        Ok(names)
    }

    /// Creates an empty file that no other user may open, locked until it is closed.
    pub(in crate::restore) fn make_file(&self, name: &CStr, _: &XattrSet) -> io::Result<File> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file: File = rustix::fs::openat(&self.0, name, flags, Mode::RUSR | Mode::WUSR)?.into();
        Subject::open(&file).drop_lists();
        // Without locks a file in use looks left over, but then no restore can lock and remove it either.
        let locked = rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive);
        let removed = rustix::fs::fstat(&file)?.st_nlink == 0;
        if locked == Err(Errno::WOULDBLOCK) || removed {
            // Another restore removed the file before it was locked: it looked left over.
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        Ok(file)
    }

    pub(in crate::restore) fn make_symlink(
        &self,
        name: &CStr,
        target: &[u8],
        _: &XattrSet,
    ) -> io::Result<()> {
        Ok(rustix::fs::symlinkat(target, &self.0, name)?)
    }

    /// Creates an entry that is neither a file nor a symbolic link.
    pub(in crate::restore) fn make_special(&self, name: &CStr, attr: &Attr) -> io::Result<()> {
        let device = makedev(attr.rdev.0, attr.rdev.1);
        let made = rustix::fs::mknodat(&self.0, name, file_type(attr.kind), Mode::RUSR | Mode::WUSR, device);
        if made == Err(Errno::IO) {
            // exFAT by FUSE creates a regular file, which the kernel refuses.
            let _ = self.remove(name);
        }
        Ok(made?)
    }

    /// Creates a hard link to `first` in the folder `above`, which must be the given file.
    pub(in crate::restore) fn make_link(
        &self,
        name: &CStr,
        above: &Folder,
        first: &CStr,
        id: Option<FileId>,
    ) -> io::Result<()> {
        rustix::fs::linkat(&above.0, first, &self.0, name, AtFlags::empty())?;
        let linked = rustix::fs::statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW)?;
        if id.is_some_and(|id| id != id_of(&linked)) {
            let _ = self.remove(name);
            return Err(io::Error::other("its first name has been given to something else"));
        }
        Ok(())
    }

    /// Renames an entry of this folder, and replaces an existing entry of the new name.
    pub(super) fn rename(&self, from: &CStr, to: &CStr) -> io::Result<()> {
        Ok(rustix::fs::renameat(&self.0, from, &self.0, to)?)
    }

    /// Like [`Self::rename`], for a free name. Returns false if the old name still has to be removed.
    /// Concurrent calls never replace each other's files, even if the file system treats their names as
    /// equal.
    pub(super) fn rename_new(&self, from: &CStr, to: &CStr) -> io::Result<bool> {
        let folder = &self.0;
        match rustix::fs::renameat_with(folder, from, folder, to, RenameFlags::NOREPLACE) {
            // File systems without this kind of rename may have links …
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {}
            renamed => return Ok(renamed.map(|()| true)?),
        }
        match rustix::fs::linkat(folder, from, folder, to, AtFlags::empty()) {
            Err(Errno::EXIST) => return Err(Errno::EXIST.into()),
            Err(_) => {}
            Ok(()) => return Ok(false),
        }
        // … and all can create a file exclusively: its creator has the name.
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        drop(rustix::fs::openat(folder, to, flags, Mode::RUSR | Mode::WUSR)?);
        rustix::fs::renameat(folder, from, folder, to).inspect_err(|_| {
            let _ = self.remove(to);
        })?;
        Ok(true)
    }

    pub(super) fn remove(&self, name: &CStr) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(&self.0, name, AtFlags::empty())?)
    }
}

/// Creates a folder; false if something has its name.
fn make_at(above: &OwnedFd, name: impl Arg, mode: Mode) -> io::Result<bool> {
    match rustix::fs::mkdirat(above, name, mode) {
        Ok(()) => Ok(true),
        // Also the result for `..`.
        Err(Errno::EXIST) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Opens the folder `name` in the path of the target, and creates it if it is missing. A link is followed
/// only if it was there before.
fn pass(above: &OwnedFd, name: &OsStr) -> io::Result<OwnedFd> {
    match rustix::fs::openat(above, name, PASSED, Mode::empty()) {
        Err(Errno::NOENT) => {}
        opened => return Ok(opened?),
    }
    make_at(above, name, USUAL)?;
    Ok(rustix::fs::openat(above, name, PASSED | OFlags::NOFOLLOW, Mode::empty())?)
}

/// Sets the attributes that need the file's final name: none on Unix.
#[expect(clippy::unnecessary_wraps, reason = "on other platforms it fails")]
pub(in crate::restore) fn seal(_: &File, _: &Attr) -> io::Result<()> {
    Ok(())
}

impl AsFd for Folder {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

fn file_type(kind: FileKind) -> FileType {
    match kind {
        FileKind::File => FileType::RegularFile,
        FileKind::Directory => FileType::Directory,
        FileKind::Symlink => FileType::Symlink,
        FileKind::CharDevice => FileType::CharacterDevice,
        FileKind::BlockDevice => FileType::BlockDevice,
        FileKind::Fifo => FileType::Fifo,
        FileKind::Socket => FileType::Socket,
    }
}

fn is_device(kind: FileKind) -> bool {
    matches!(kind, FileKind::CharDevice | FileKind::BlockDevice)
}

// Field types differ between architectures.
#[allow(clippy::unnecessary_cast, clippy::cast_lossless, clippy::cast_sign_loss)]
fn id_of(stat: &Stat) -> FileId {
    (stat.st_dev as u64, stat.st_ino as u64)
}

#[cfg(test)]
mod tests;
