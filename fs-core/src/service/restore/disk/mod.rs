//! Where files are put back: names in open folders, never through a symbolic link, so that nothing that lies in the target
//! can lead out of it.
//!
//! Each platform gives the same: a [`Folder`] that makes things, and functions that set attributes.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

use std::ffi::{CStr, CString};
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

#[cfg(unix)]
pub(super) use unix::{Folder, LINKS_LAST, seal, set_file, set_folder, set_unopened};
#[cfg(windows)]
pub(super) use windows::{Folder, LINKS_LAST, seal, set_file, set_folder, set_unopened};

use super::names::Names;

/// What could not be set.
pub(super) type Lacking = Vec<String>;

impl Folder {
    /// The folder at this path below.
    pub(super) fn below(&self, names: &Names) -> io::Result<Self> {
        names.down().try_fold(self.clone(), |folder, name| folder.enter(name))
    }

    /// Makes what will be something else under another name, which it loses by [`Unfinished::finish`].
    pub(super) fn begin<T>(
        &self,
        make: impl Fn(&Folder, &CStr) -> io::Result<T>,
    ) -> io::Result<(Unfinished, T)> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        loop {
            let number = NUMBER.fetch_add(1, Ordering::Relaxed);
            let name = CString::new(format!(".yester-{}-{number}", std::process::id()))?;
            match make(self, &name) {
                // Left by a process that was killed, and had this number.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
                Ok(made) => return Ok((Unfinished { folder: self.clone(), name, gone: false }, made)),
            }
        }
    }
}

/// Something that has no name of its own yet; dropped, it goes.
#[derive(Debug)]
pub(super) struct Unfinished {
    folder: Folder,
    /// What it is called meanwhile.
    name: CString,
    /// Whether that name is gone.
    gone: bool,
}

impl Unfinished {
    /// Gives it its name, in the place of what has it if `replace` says so.
    pub(super) fn finish(mut self, name: &CStr, replace: bool) -> io::Result<()> {
        if replace {
            // A rename to another name of the same file does nothing: then it is still there to be removed.
            return self.folder.rename(&self.name, name);
        }
        self.gone = self.folder.rename_new(&self.name, name)?;
        Ok(())
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if !self.gone {
            let _ = self.folder.remove(&self.name);
        }
    }
}
