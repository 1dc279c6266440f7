//! Windows: a folder is a path and an open handle. While the handle is open, nobody can rename or remove the
//! folder or those above it. So the path always leads to the same folder.

mod attributes;
mod existing;

use std::collections::{HashMap, HashSet};
use std::ffi::{CStr, OsString};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::windows::ffi::{OsStrExt, OsStringExt};
use std::os::windows::fs::{FileTypeExt, OpenOptionsExt, symlink_dir, symlink_file};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

pub(in crate::restore) use attributes::{
    foresee, foresee_existing, foresee_link, seal, set_file, set_folder, set_time, set_unopened, tighten,
};

use super::FileId;
use crate::format::XattrSet;
use crate::view::Attr;
use crate::windows::fold::fold;
use crate::windows::names::to_windows;
use crate::windows::paths::to_target;

const ERROR_PRIVILEGE_NOT_HELD: i32 = 1314;
const FILE_SHARE_READ: u32 = 1;
const FILE_SHARE_WRITE: u32 = 2;
const FILE_FLAG_BACKUP_SEMANTICS: u32 = 0x0200_0000;
const FILE_FLAG_OPEN_REPARSE_POINT: u32 = 0x0020_0000;

/// An open folder of the target.
#[derive(Debug, Clone)]
pub(in crate::restore) struct Folder(Arc<Open>);

#[derive(Debug)]
struct Open {
    path: PathBuf,
    _held: File,
    /// Kept open as well: some file systems hold a folder in place only by its own handle, not by handles
    /// below it.
    _above: Option<Folder>,
    /// Paths created by this restore, as Windows compares them, and whether they are folders. Of two equal
    /// paths the second must not replace the first, even if threads create them at once.
    given: Arc<Mutex<HashMap<Vec<u16>, bool>>>,
}

/// A name as Windows compares it.
pub(in crate::restore) type NameKey = Vec<u16>;

/// The key of `name`.
pub(in crate::restore) fn key_of(name: &CStr) -> NameKey {
    fold(&to_windows(name.to_bytes()))
}

/// How names are compared.
#[derive(Debug)]
pub(in crate::restore) struct FileSystem;

impl FileSystem {
    /// Names are compared without case.
    #[expect(clippy::unused_self, reason = "on other platforms file systems differ")]
    pub(in crate::restore) fn folds(&self) -> bool {
        true
    }

    /// The form in which names are compared: equal forms are one name.
    #[expect(clippy::unused_self, reason = "on other platforms file systems differ")]
    pub(in crate::restore) fn fold(&self, name: &CStr) -> NameKey {
        key_of(name)
    }

    /// Always succeeds: every name can be translated.
    #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "other platforms know")]
    pub(in crate::restore) fn check_name(&self, _: &CStr) -> io::Result<()> {
        Ok(())
    }
}

/// The type of a symbolic link's target, folder or not, must be known when the link is created.
pub(in crate::restore) const LINKS_LAST: bool = true;

impl Folder {
    /// Opens the target, if it exists. Links in its path are the user's own, and are followed.
    pub(in crate::restore) fn target(path: &Path) -> io::Result<Option<Self>> {
        // A canonical path may have any length.
        match fs::canonicalize(path) {
            Ok(path) => Self::at(path, None).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Creates a missing target and missing folders above it; true if the target itself was created.
    pub(in crate::restore) fn make_target(path: &Path, _closed: bool) -> io::Result<(Self, bool)> {
        if let Some(above) = path.parent().filter(|above| !above.as_os_str().is_empty()) {
            fs::create_dir_all(above)?;
        }
        let made = make_at(path)?;
        Ok((Self::at(fs::canonicalize(path)?, None)?, made))
    }

    fn at(path: PathBuf, above: Option<Self>) -> io::Result<Self> {
        let held = OpenOptions::new()
            .read(true)
            .share_mode(FILE_SHARE_READ | FILE_SHARE_WRITE)
            .custom_flags(FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_REPARSE_POINT)
            .open(&path)?;
        if !held.metadata()?.is_dir() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        let given = above.as_ref().map(|above| Arc::clone(&above.0.given)).unwrap_or_default();
        Ok(Self(Arc::new(Open { path, _held: held, _above: above, given })))
    }

    /// Creates or enters the folder `name`; true if it was created. Folders with equal names are merged.
    pub(in crate::restore) fn make(&self, name: &CStr) -> io::Result<(Self, bool)> {
        self.give(name, true)?;
        let made = make_at(&self.entry(name))?;
        Ok((self.enter(name)?, made))
    }

    pub(in crate::restore) fn enter(&self, name: &CStr) -> io::Result<Self> {
        Self::at(self.entry(name), Some(self.clone()))
    }

    /// The names in it. Nothing is removed: temporary files of a killed restore cannot be distinguished from
    /// those of a running one.
    pub(in crate::restore) fn names(&self, _clean: bool) -> io::Result<HashSet<NameKey>> {
        let key = |name: OsString| fold(&name.encode_wide().collect::<Vec<u16>>());
        fs::read_dir(&self.0.path)?.map(|entry| Ok(key(entry?.file_name()))).collect()
    }

    /// Always succeeds: only an attempt shows whether entries can be created in it.
    #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "other platforms know")]
    pub(in crate::restore) fn check_writable(&self, _may_change: bool) -> io::Result<()> {
        Ok(())
    }

    #[expect(clippy::unused_self, reason = "other platforms ask the folder")]
    pub(super) fn file_system(&self) -> FileSystem {
        FileSystem
    }

    /// Whether anything has this name, as Windows compares names.
    pub(super) fn has(&self, name: &CStr) -> io::Result<bool> {
        match fs::symlink_metadata(self.entry(name)) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Always succeeds: only an attempt shows whether an entry can be replaced.
    #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "other platforms know")]
    pub(super) fn check_replaceable(&self, _: &CStr) -> io::Result<()> {
        Ok(())
    }

    /// Creates an empty file, hidden if the snapshot's file was hidden.
    pub(in crate::restore) fn make_file(&self, name: &CStr, xattrs: &XattrSet) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).attributes(attributes::of_new_file(xattrs));
        options.open(self.entry(name))
    }

    pub(in crate::restore) fn make_symlink(
        &self,
        name: &CStr,
        target: &[u8],
        xattrs: &XattrSet,
    ) -> io::Result<()> {
        let target = PathBuf::from(OsString::from_wide(&to_target(target)));
        let there = || fs::metadata(self.0.path.join(&target)).is_ok_and(|found| found.is_dir());
        let made = if attributes::leads_to_folder(xattrs).unwrap_or_else(there) {
            symlink_dir(&target, self.entry(name))
        } else {
            symlink_file(&target, self.entry(name))
        };
        made.map_err(|error| match error.raw_os_error() {
            Some(ERROR_PRIVILEGE_NOT_HELD) => io::Error::other(
                "it is a link, and making links takes the developer mode or an administrator",
            ),
            _ => error,
        })
    }

    /// Always fails: Windows has no entries other than files, folders and symbolic links.
    #[expect(clippy::unused_self, reason = "other platforms can")]
    pub(in crate::restore) fn make_special(&self, _: &CStr, _: &Attr) -> io::Result<()> {
        Err(no_special())
    }

    /// Creates a hard link to the file `first` of the folder `above`.
    pub(in crate::restore) fn make_link(
        &self,
        name: &CStr,
        above: &Folder,
        first: &CStr,
        _id: Option<FileId>,
    ) -> io::Result<()> {
        fs::hard_link(above.entry(first), self.entry(name))
    }

    /// Renames an entry of this folder, and replaces an existing entry of the new name.
    pub(super) fn rename(&self, from: &CStr, to: &CStr) -> io::Result<()> {
        self.give(to, false)?;
        let (from, to) = (self.entry(from), self.entry(to));
        match fs::rename(&from, &to) {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                // A read-only file cannot be replaced either.
                attributes::make_writable(&to)?;
                fs::rename(&from, &to).map_err(|_| error)
            }
            renamed => renamed,
        }
    }

    /// Like [`Self::rename`], for a free name. Returns false if the old name still has to be removed.
    pub(super) fn rename_new(&self, from: &CStr, to: &CStr) -> io::Result<bool> {
        // This comes first: Wine looks for a name that differs only in case, and creates a link, in two
        // separate steps.
        self.give(to, false)?;
        let (old, new) = (self.entry(from), self.entry(to));
        match fs::hard_link(&old, &new) {
            Ok(()) => Ok(false),
            Err(_) if self.has(to).is_ok_and(|has| has) => Err(io::ErrorKind::AlreadyExists.into()),
            // A symbolic link, or a file system without hard links. This restore has not created this name.
            Err(_) => fs::rename(&old, &new).map(|()| true),
        }
    }

    pub(super) fn remove(&self, name: &CStr) -> io::Result<()> {
        let path = self.entry(name);
        let is_folder_link = fs::symlink_metadata(&path)?.file_type().is_symlink_dir();
        if is_folder_link {
            return fs::remove_dir(path);
        }
        match fs::remove_file(&path) {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                attributes::remove_read_only(&path).map_err(|_| error)
            }
            removed => removed,
        }
    }

    /// The path of the entry `name`.
    fn entry(&self, name: &CStr) -> PathBuf {
        self.0.path.join(OsString::from_wide(&to_windows(name.to_bytes())))
    }

    /// Records that this restore uses the name. Fails if it has used an equal name, as Windows compares
    /// names. Folders with equal names are merged.
    fn give(&self, name: &CStr, is_folder: bool) -> io::Result<()> {
        let path: Vec<u16> = self.entry(name).as_os_str().encode_wide().collect();
        let mut given = self.0.given.lock().unwrap_or_else(PoisonError::into_inner);
        match given.insert(fold(&path), is_folder) {
            None => Ok(()),
            Some(true) if is_folder => Ok(()),
            Some(before) => {
                given.insert(fold(&path), before);
                Err(io::Error::other("its name is one here with that of another file"))
            }
        }
    }
}

/// Creates a folder; false if something has its name.
fn make_at(path: &Path) -> io::Result<bool> {
    match fs::create_dir(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    }
}

fn no_special() -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, "Windows has no devices, pipes and sockets in folders")
}
