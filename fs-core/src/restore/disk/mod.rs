//! Restored files on disk: names in open folders, never reached through a symbolic link. So nothing in the
//! target can lead out of it.
//!
//! Each platform provides a [`Folder`] that creates entries, and functions that set attributes.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

use std::ffi::{CStr, CString};
use std::fs::File;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

#[cfg(unix)]
use unix as platform;
#[cfg(windows)]
use windows as platform;

pub(super) use platform::{
    FileSystem, Folder, LINKS_LAST, NameKey, key_of, predict, predict_existing, predict_link, seal, set_file,
    set_folder, set_time, set_unopened, tighten,
};

use super::path::RelativePath;

/// Identity of a file in the operating system: device and inode number.
pub(super) type FileId = (u64, u64);

/// The lost attributes of a created entry, and the identity of the file unless it is a hard link.
pub(super) type Created = (Vec<LostAttribute>, Option<FileId>);

/// An attribute that could not be set, or is not kept.
#[derive(Debug, Clone, Default)]
pub(super) struct LostAttribute {
    /// The attribute's kind, for people.
    pub(super) name: String,
    pub(super) reason: String,
    /// Only root can set it, so the user does not expect it.
    pub(super) expected: bool,
}

impl LostAttribute {
    /// An attribute that the user expects.
    pub(super) fn new(name: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { name: name.into(), reason: reason.into(), expected: false }
    }
}

/// The existing entry under the name of an entry that is no folder.
#[derive(Debug)]
pub(super) enum Existing {
    /// The name is free.
    Nothing,
    /// The existing entry is a folder.
    Folder,
    /// The existing entry has another type or other attributes.
    Different(Option<FileId>),
    /// The existing entry has the same type and attributes. The content of a file is yet to be compared.
    Identical(Option<FileId>, Option<File>),
}

/// A folder for new entries: an existing one, or in a dry run also one that a restore would create.
#[derive(Debug, Clone)]
pub(super) struct Site {
    /// The folder, or the nearest existing one above a planned folder.
    nearest: Folder,
    planned: bool,
    /// Looked up at first use.
    file_system: Arc<OnceLock<FileSystem>>,
}

impl Site {
    /// An existing folder.
    pub(super) fn at(folder: Folder) -> Self {
        Self { nearest: folder, planned: false, file_system: Arc::default() }
    }

    /// A folder that would be created here.
    pub(super) fn planned(&self) -> Self {
        Self { planned: true, ..self.clone() }
    }

    /// The existing folder; `None` if it is planned.
    pub(super) fn existing(&self) -> Option<&Folder> {
        (!self.planned).then_some(&self.nearest)
    }

    /// Known properties of the file system of its entries.
    pub(super) fn file_system(&self) -> &FileSystem {
        self.file_system.get_or_init(|| self.nearest.file_system())
    }

    /// Fails if a new entry cannot get this name. With `replace`, fails if the existing entry cannot be
    /// replaced.
    pub(super) fn check_name(&self, name: &CStr, replace: bool) -> io::Result<()> {
        if let Some(folder) = self.existing().filter(|_| replace) {
            return folder.check_replaceable(name);
        }
        self.file_system().check_name(name)?;
        if self.nearest.has(name)? && !self.planned {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        Ok(())
    }

    /// The folder at this path below; planned if it does not exist.
    pub(super) fn below(&self, path: &RelativePath) -> io::Result<Self> {
        if self.planned || path.split().is_none() {
            return Ok(self.clone());
        }
        let mut at = self.nearest.clone();
        for name in path.names() {
            match at.enter(name) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::at(at).planned()),
                entered => at = entered?,
            }
        }
        Ok(Self::at(at))
    }
}

const TEMPORARY: &str = ".yester-";

/// The process that created this temporary name; `None` for other names.
#[cfg(unix)]
fn owner_of_temporary(name: &CStr) -> Option<i32> {
    let (process, number) = name.to_str().ok()?.strip_prefix(TEMPORARY)?.split_once('-')?;
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_number(process) && is_number(number) { process.parse().ok() } else { None }
}

impl Folder {
    /// The folder at this path below.
    pub(super) fn below(&self, path: &RelativePath) -> io::Result<Self> {
        path.names().try_fold(self.clone(), |folder, name| folder.enter(name))
    }

    /// Creates an entry under a temporary name, until [`TemporaryEntry::finish`] renames it.
    pub(super) fn begin<T>(
        &self,
        make: impl Fn(&Folder, &CStr) -> io::Result<T>,
    ) -> io::Result<(TemporaryEntry, T)> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        loop {
            let number = NUMBER.fetch_add(1, Ordering::Relaxed);
            let name = CString::new(format!("{TEMPORARY}{}-{number}", std::process::id()))?;
            match make(self, &name) {
                // A killed process with the same number has left this name.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
                Ok(made) => return Ok((TemporaryEntry { folder: self.clone(), name, gone: false }, made)),
            }
        }
    }
}

/// An entry under a temporary name. Dropping it removes the entry.
#[derive(Debug)]
pub(super) struct TemporaryEntry {
    folder: Folder,
    /// The temporary name.
    name: CString,
    /// Whether the temporary name no longer exists.
    gone: bool,
}

impl TemporaryEntry {
    /// Gives the entry its final name. With `replace`, replaces an existing entry of that name.
    pub(super) fn finish(mut self, name: &CStr, replace: bool) -> io::Result<()> {
        if replace {
            // A rename to another name of the same file does nothing. Then drop removes the temporary name.
            return self.folder.rename(&self.name, name);
        }
        self.gone = self.folder.rename_new(&self.name, name)?;
        Ok(())
    }
}

impl Drop for TemporaryEntry {
    fn drop(&mut self) {
        if !self.gone {
            let _ = self.folder.remove(&self.name);
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn only_own_names_are_temporary() {
        assert_eq!(owner_of_temporary(c".yester-17-3"), Some(17));
        for other in [c".yester-17", c".yester--3", c".yester-17-3x", c"yester-17-3", c".yester-+7-3", c"x"] {
            assert_eq!(owner_of_temporary(other), None);
        }
    }
}
