//! Where files are put back: names in open folders, never through a symbolic link, so that nothing that lies in the target
//! can lead out of it.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, RenameFlags};
use rustix::io::Errno;

use super::names::Names;

/// An open folder of the target.
#[derive(Debug, Clone)]
pub(super) struct Folder(pub(super) Arc<OwnedFd>);

const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// What is made has this mode until it is complete: nobody else may look into it before.
const OWN: Mode = Mode::RWXU;

impl Folder {
    /// The target itself, made when it is missing, and whether it was; when it is only looked at, `None` then. Here symbolic links
    /// are the user's own.
    pub(super) fn target(path: &Path, look: bool) -> io::Result<(Option<Self>, bool)> {
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
    pub(super) fn make(&self, name: &CStr) -> io::Result<(Self, bool)> {
        let made = match rustix::fs::mkdirat(&self.0, name, OWN) {
            Ok(()) => true,
            Err(Errno::EXIST) => false,
            Err(error) => return Err(error.into()),
        };
        Ok((self.enter(name)?, made))
    }

    pub(super) fn enter(&self, name: &CStr) -> io::Result<Self> {
        let fd = rustix::fs::openat(&self.0, name, FOLDER | OFlags::NOFOLLOW, Mode::empty())?;
        Ok(Self(Arc::new(fd)))
    }

    /// The folder at this path below.
    pub(super) fn below(&self, names: &Names) -> io::Result<Self> {
        names.down().try_fold(self.clone(), |folder, name| folder.enter(name))
    }

    pub(super) fn has(&self, name: &CStr) -> bool {
        rustix::fs::statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW).is_ok()
    }

    /// Makes what will be `name` under another name, which it loses by [`Unfinished::finish`].
    pub(super) fn begin(
        &self,
        mut make: impl FnMut(&Folder, &CStr) -> rustix::io::Result<()>,
    ) -> io::Result<Unfinished> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        loop {
            let number = NUMBER.fetch_add(1, Ordering::Relaxed);
            let name = CString::new(format!(".yester-{}-{number}", std::process::id()))?;
            match make(self, &name) {
                // Left by a process that was killed, and had this number.
                Err(Errno::EXIST) => {}
                Err(error) => return Err(error.into()),
                Ok(()) => return Ok(Unfinished { folder: self.clone(), name, gone: false }),
            }
        }
    }
}

impl AsFd for Folder {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Something that has no name of its own yet; dropped, it goes.
#[derive(Debug)]
pub(super) struct Unfinished {
    pub(super) folder: Folder,
    /// What it is called meanwhile.
    pub(super) name: CString,
    /// Whether that name is gone.
    gone: bool,
}

impl Unfinished {
    /// Gives it its name, in the place of what has it if `replace` says so.
    pub(super) fn finish(mut self, name: &CStr, replace: bool) -> io::Result<()> {
        let (folder, own) = (&self.folder.0, &self.name);
        if replace {
            // A rename to another name of the same file does nothing: then it is still there to be removed.
            return Ok(rustix::fs::renameat(folder, own, folder, name)?);
        }
        match rustix::fs::renameat_with(folder, own, folder, name, RenameFlags::NOREPLACE) {
            // File systems that cannot rename so can link.
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {
                Ok(rustix::fs::linkat(folder, own, folder, name, AtFlags::empty())?)
            }
            renamed => {
                self.gone = renamed.is_ok();
                Ok(renamed?)
            }
        }
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if !self.gone {
            let _ = rustix::fs::unlinkat(&self.folder.0, &self.name, AtFlags::empty());
        }
    }
}
