//! Open folders of a repository. Entries are named relative to an open handle. No link is followed, and only
//! regular files are opened. So a user who could once write to the repository cannot lead a later command out
//! of it. Files and folders are private to their owner from creation on, whatever the umask.
//!
//! All changes to a repository's folder are made here, one system call each. So tests can record each change
//! and simulate a crash after any of them.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use cap_fs_ext::{DirExt, FollowSymlinks, OpenOptionsFollowExt};
use cap_std::ambient_authority;
use cap_std::fs::{Dir, DirBuilder, FileType, Metadata, OpenOptions};

use crate::store::{Listed, StoreError};

#[cfg(all(test, unix))]
use crate::testing::{Operation, note};

/// Reports a change to the tests; does nothing otherwise.
#[cfg(not(all(test, unix)))]
macro_rules! note {
    ($($operation:tt)*) => {};
}
#[cfg(all(test, unix))]
macro_rules! note {
    ($path:expr, $operation:expr) => {
        note($path, $operation)
    };
}

/// An open folder of a repository.
#[derive(Debug)]
pub struct Folder {
    dir: Dir,
    /// Path of the folder, for messages.
    path: PathBuf,
}

/// A file that is being written for the first time.
#[derive(Debug)]
pub(in crate::store) struct NewFile {
    file: File,
    /// Bytes written.
    len: u64,
    #[cfg_attr(not(all(test, unix)), expect(dead_code, reason = "only tests ask for it"))]
    path: PathBuf,
}

/// Number of times that the names of a file are counted before it is changed.
#[cfg(unix)]
const LOOKS: u32 = 8;
/// A name that no file has.
#[cfg(unix)]
const NO_NAME: &str = ".yester-no-name";

/// Device and inode number of a file, or on Windows its volume and index. Not reused while the file is open.
pub(in crate::store) type FileId = (u64, u64);

impl Folder {
    /// Opens the folder at `path`. Links in this path are the user's own, and are followed.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let dir = Dir::open_ambient_dir(path, ambient_authority()).map_err(StoreError::io("open", path))?;
        Ok(Self { dir, path: path.to_owned() })
    }

    /// Creates the folder at `path`, and missing folders above it. Returns `None` if it exists. If another
    /// user owns the folder above, that user may have replaced the new folder by another one, but not by a
    /// link.
    pub(in crate::store) fn create(path: &Path) -> Result<Option<Self>, StoreError> {
        let above = path.parent().filter(|above| !above.as_os_str().is_empty());
        if let Some(above) = above {
            let mut builder = std::fs::DirBuilder::new();
            // Anyone who can write to a folder above can replace the repository, so no umask may allow it.
            #[cfg(unix)]
            std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o755);
            builder.recursive(true).create(above).map_err(StoreError::io("create", above))?;
        }
        // A path such as `a/..` ends without a name, and leads to an existing folder.
        let Some(name) = path.file_name() else { return Ok(None) };
        let above = Self::open(above.unwrap_or(Path::new(".")))?;
        match above.create_private(name) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(None),
            Err(error) => Err(StoreError::io("create", path)(error)),
            Ok(()) => {
                let dir = above.dir.open_dir_nofollow(name).map_err(StoreError::io("open", path))?;
                Ok(Some(Self { dir, path: path.to_owned() }))
            }
        }
    }

    /// Path of the folder, for messages.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The path of an entry, for messages.
    pub(in crate::store) fn path_of(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Device and inode number of the folder. They stay the same when it is moved.
    pub(in crate::store) fn identity(&self) -> Result<FileId, StoreError> {
        let metadata = self.dir.try_clone().and_then(|dir| identity_of(&dir.into_std_file()));
        metadata.map_err(StoreError::io("read", &self.path))
    }

    /// Time of the last change to its list of names.
    pub(in crate::store) fn modified(&self) -> Result<SystemTime, StoreError> {
        let metadata = self.dir.dir_metadata().and_then(|metadata| metadata.modified());
        Ok(metadata.map_err(StoreError::io("read", &self.path))?.into_std())
    }

    /// Opens the folder `name` in this folder.
    pub(in crate::store) fn folder(&self, name: &str) -> Result<Self, StoreError> {
        let path = self.path_of(name);
        let refused = |error| match self.dir.symlink_metadata(name) {
            Ok(found) if !found.is_dir() => {
                StoreError::Foreign { path: path.clone(), found: what(found.file_type()), wanted: "a folder" }
            }
            _ => StoreError::io("open", &path)(error),
        };
        let dir = self.dir.open_dir_nofollow(name).map_err(refused)?;
        Ok(Self { dir, path })
    }

    /// Opens the folder `name` in this folder, and creates it if it is missing.
    pub(in crate::store) fn make_folder(&self, name: &str) -> Result<Self, StoreError> {
        match self.create_private(name) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(StoreError::io("create", self.path_of(name))(error)),
            Ok(()) => {
                note!(&self.path_of(name), Operation::CreateDirectory);
                let folder = self.folder(name)?;
                // Another user's folder could have replaced it by now. Giving away an empty folder does no
                // harm.
                #[cfg(unix)]
                if folder.names()?.is_empty()
                    && let Ok(handle) = folder.itself()
                {
                    self.give_to_owner(&handle);
                }
                return Ok(folder);
            }
        }
        self.folder(name)
    }

    /// Opens a file to read it.
    pub(in crate::store) fn file(&self, name: &str) -> Result<File, StoreError> {
        self.open_file(name, OpenOptions::new().read(true))
    }

    /// Opens a file to read and change it. Refuses a file that has another name, as somebody else's file
    /// could have been linked here.
    pub(in crate::store) fn file_to_change(&self, name: &str) -> Result<File, StoreError> {
        loop {
            let file = self.open_file(name, OpenOptions::new().read(true).write(true))?;
            if self.is_only_name(name, &file)? {
                return Ok(file);
            }
        }
    }

    /// Opens a file to lock it. Over NFS, a lock needs the right to write. The file may have other names.
    pub(in crate::store) fn file_to_lock(&self, name: &str) -> Result<File, StoreError> {
        self.open_file(name, OpenOptions::new().read(true).write(true))
    }

    /// Fails if the open file has a name besides `name`. Returns false if it no longer has `name`.
    pub(in crate::store) fn is_only_name(&self, name: &str, file: &File) -> Result<bool, StoreError> {
        let links = links_at(&self.dir, name, file).map_err(StoreError::io("read", self.path_of(name)))?;
        if links.is_some_and(|links| links > 1) {
            return Err(StoreError::Foreign {
                path: self.path_of(name),
                found: "a hard link to a file that has another name, too",
                wanted: "a file of its own",
            });
        }
        Ok(links.is_some())
    }

    /// Opens a file to lock it, and creates it if it is missing.
    pub(in crate::store) fn make_file_to_lock(&self, name: &str) -> Result<File, StoreError> {
        let mut new = OpenOptions::new();
        new.read(true).write(true).create_new(true);
        loop {
            match self.file_to_lock(name) {
                Err(error) if error.is_not_found() => {}
                opened => return opened,
            }
            match self.create_file(name, &mut new) {
                // Another process has created it meanwhile.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                created => return created.map_err(StoreError::io("create", self.path_of(name))),
            }
        }
    }

    /// Creates a file, replacing whatever has this name.
    pub(in crate::store) fn new_file(&self, name: &str) -> Result<NewFile, StoreError> {
        let path = self.path_of(name);
        let mut new = OpenOptions::new();
        new.write(true).create_new(true);
        let file = match self.create_file(name, &mut new) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                self.remove(name)?;
                self.create_file(name, &mut new)
            }
            created => created,
        };
        let file = file.map_err(StoreError::io("create", &path))?;
        note!(&path, Operation::CreateFile);
        Ok(NewFile { file, len: 0, path })
    }

    /// Creates a file that must not exist, to read and write it.
    pub(in crate::store) fn create_new(&self, name: &str) -> Result<File, StoreError> {
        let file = self.create_file(name, OpenOptions::new().read(true).write(true).create_new(true));
        let file = file.map_err(StoreError::io("create", self.path_of(name)))?;
        note!(&self.path_of(name), Operation::CreateFile);
        Ok(file)
    }

    /// FileId of the entry with this name, without following links; `None` if there is none.
    #[cfg(unix)]
    pub(in crate::store) fn identity_at(&self, name: &str) -> Option<FileId> {
        use cap_std::fs::MetadataExt;
        self.dir.symlink_metadata(name).ok().map(|metadata| (metadata.dev(), metadata.ino()))
    }

    /// FileId of the file with this name; `None` if there is none.
    #[cfg(windows)]
    pub(in crate::store) fn identity_at(&self, name: &str) -> Option<FileId> {
        identity_of(&self.file(name).ok()?).ok()
    }

    /// Reads the first bytes of a file, at most `limit`.
    #[cfg_attr(windows, expect(dead_code, reason = "there is no watch on Windows"))]
    pub(crate) fn read(&self, name: &str, limit: u64) -> Result<Vec<u8>, StoreError> {
        let mut bytes = Vec::new();
        let read = self.file(name)?.take(limit).read_to_end(&mut bytes);
        read.map_err(StoreError::io("read", self.path_of(name)))?;
        Ok(bytes)
    }

    /// Replaces a file's content atomically: a reader finds the old or the new one. Does not make it durable.
    #[cfg_attr(windows, expect(dead_code, reason = "there is no watch on Windows"))]
    pub(crate) fn replace(&self, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        let temporary = format!("{name}.new");
        let mut file = self.new_file(&temporary)?;
        file.write(bytes).map_err(StoreError::io("write", self.path_of(&temporary)))?;
        drop(file);
        self.rename(&temporary, self, name)
    }

    /// Returns the names in the folder, in any order. Names that are not UTF-8 are left out: a repository
    /// uses only ASCII.
    pub(in crate::store) fn names(&self) -> Result<Vec<String>, StoreError> {
        let mut names = Vec::new();
        for entry in self.dir.entries().map_err(StoreError::io("list", &self.path))? {
            let entry = entry.map_err(StoreError::io("list", &self.path))?;
            names.extend(entry.file_name().into_string().ok());
        }
        Ok(names)
    }

    /// Lists the entries in the folder with the sizes of regular files, in any order. Names that are not UTF-8
    /// are left out.
    pub(in crate::store) fn listed(&self) -> Result<Vec<Listed>, StoreError> {
        let mut listed = Vec::new();
        for entry in self.dir.entries().map_err(StoreError::io("list", &self.path))? {
            let entry = entry.map_err(StoreError::io("list", &self.path))?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            let metadata = entry.metadata().ok().filter(Metadata::is_file);
            listed.push(Listed { name, size: metadata.map(|metadata| metadata.len()) });
        }
        Ok(listed)
    }

    /// Metadata of the entry with this name, without following links; `None` if there is none.
    pub(in crate::store) fn entry(&self, name: &str) -> Result<Option<Metadata>, StoreError> {
        match self.dir.symlink_metadata(name) {
            Ok(metadata) => Ok(Some(metadata)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(StoreError::io("read", self.path_of(name))(error)),
        }
    }

    /// Returns a file's length in bytes.
    pub(in crate::store) fn size(&self, name: &str) -> Result<u64, StoreError> {
        let metadata = self.dir.symlink_metadata(name).map_err(StoreError::io("read", self.path_of(name)))?;
        self.check_file(name, metadata.file_type())?;
        Ok(metadata.len())
    }

    /// Whether the open file still has this name.
    pub(in crate::store) fn is_at(&self, name: &str, file: &File) -> Result<bool, StoreError> {
        let Some(there) = StoreError::if_there(self.file(name))? else { return Ok(false) };
        let same = identity_of(&there).and_then(|there| Ok(there == identity_of(file)?));
        same.map_err(StoreError::io("read", self.path_of(name)))
    }

    /// Renames an entry, replacing whatever has the new name.
    pub(in crate::store) fn rename(&self, name: &str, to: &Folder, new: &str) -> Result<(), StoreError> {
        self.dir.rename(name, &to.dir, new).map_err(StoreError::io("rename", self.path_of(name)))?;
        note!(&self.path_of(name), Operation::Rename { to: to.path_of(new) });
        Ok(())
    }

    /// Gives a file a further name, unless something has that name. Returns false then.
    pub(in crate::store) fn link(&self, name: &str, to: &Folder, new: &str) -> io::Result<bool> {
        match self.dir.hard_link(name, &to.dir, new) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(false),
            linked => linked?,
        }
        note!(&self.path_of(name), Operation::Link { to: to.path_of(new) });
        Ok(true)
    }

    /// Removes an entry that is not a folder.
    pub(crate) fn remove(&self, name: &str) -> Result<(), StoreError> {
        self.dir.remove_file_or_symlink(name).map_err(StoreError::io("remove", self.path_of(name)))?;
        note!(&self.path_of(name), Operation::Remove);
        Ok(())
    }

    /// Makes the names in the folder durable. Windows has no call for that. But NTFS logs changes of names in
    /// order, so a name never becomes durable before one that it relies on.
    pub(in crate::store) fn sync(&self) -> Result<(), StoreError> {
        if cfg!(unix) {
            self.itself().and_then(|folder| folder.sync_all()).map_err(StoreError::io("sync", &self.path))?;
            note!(&self.path, Operation::SyncDirectory);
        }
        Ok(())
    }

    /// A handle that can do more than look up entries, such as syncing.
    fn itself(&self) -> io::Result<File> {
        Ok(self.dir.open(".")?.into_std())
    }

    fn open_file(&self, name: &str, options: &mut OpenOptions) -> Result<File, StoreError> {
        let path = || self.path_of(name);
        // The type is checked first, as merely opening a device or a pipe can do harm.
        let metadata = self.dir.symlink_metadata(name).map_err(StoreError::io("open", path()))?;
        self.check_file(name, metadata.file_type())?;
        options.follow(FollowSymlinks::No);
        // If a pipe replaced the file meanwhile, opening it must not block.
        #[cfg(unix)]
        cap_std::fs::OpenOptionsExt::custom_flags(options, rustix::fs::OFlags::NONBLOCK.bits().cast_signed());
        let file = self.dir.open_with(name, options).map_err(StoreError::io("open", path()))?;
        self.check_file(name, file.metadata().map_err(StoreError::io("read", path()))?.file_type())?;
        Ok(file.into_std())
    }

    fn create_private(&self, name: impl AsRef<Path>) -> io::Result<()> {
        #[cfg_attr(windows, expect(unused_mut, reason = "Windows has no modes"))]
        let mut builder = DirBuilder::new();
        #[cfg(unix)]
        cap_std::fs::DirBuilderExt::mode(&mut builder, 0o700);
        self.dir.create_dir_with(name, &builder)
    }

    fn create_file(&self, name: &str, options: &mut OpenOptions) -> io::Result<File> {
        options.follow(FollowSymlinks::No);
        #[cfg(unix)]
        cap_std::fs::OpenOptionsExt::mode(options, 0o600);
        let file = self.dir.open_with(name, options)?.into_std();
        #[cfg(unix)]
        self.give_to_owner(&file);
        Ok(file)
    }

    fn check_file(&self, name: &str, found: FileType) -> Result<(), StoreError> {
        if found.is_file() {
            return Ok(());
        }
        Err(StoreError::Foreign { path: self.path_of(name), found: what(found), wanted: "a file" })
    }
}

impl NewFile {
    pub(in crate::store) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        note!(&self.path, Operation::Write { offset: self.len, bytes: bytes.to_vec() });
        self.len += bytes.len() as u64;
        Ok(())
    }

    /// Makes the file's bytes durable. Its name becomes durable when its folder is synced.
    pub(in crate::store) fn sync(&self) -> io::Result<()> {
        self.file.sync_all()?;
        note!(&self.path, Operation::SyncFile);
        Ok(())
    }
}

/// Identity of the open file.
#[cfg(unix)]
pub(in crate::store) fn identity_of(file: &File) -> io::Result<FileId> {
    use std::os::unix::fs::MetadataExt;
    let metadata = file.metadata()?;
    Ok((metadata.dev(), metadata.ino()))
}

/// Identity of the open file.
#[cfg(windows)]
pub(in crate::store) fn identity_of(file: &File) -> io::Result<FileId> {
    let metadata = winapi_util::file::information(file)?;
    Ok((metadata.volume_serial_number(), metadata.file_index()))
}

/// Number of names of the open file; `None` if `name` is another file's.
#[cfg(unix)]
fn links_at(dir: &Dir, name: &str, file: &File) -> io::Result<Option<u64>> {
    use cap_std::fs::MetadataExt;
    let mut links = 1;
    // While Linux removes a name, it still finds the name, but no longer counts it. Removing a name that does
    // not exist waits until any other removal in this folder has ended. So only a name that is created and
    // removed again at every look would escape.
    for _ in 0..LOOKS {
        let _ = dir.remove_file(NO_NAME);
        let metadata = dir.symlink_metadata(name)?;
        if (metadata.dev(), metadata.ino()) != identity_of(file)? {
            return Ok(None);
        }
        links = links.max(metadata.nlink());
    }
    Ok(Some(links))
}

/// Number of names of the open file.
#[cfg(windows)]
fn links_at(_: &Dir, _: &str, file: &File) -> io::Result<Option<u64>> {
    Ok(Some(winapi_util::file::information(file)?.number_of_links()))
}

/// The type of an entry, for messages.
fn what(found: FileType) -> &'static str {
    #[cfg(unix)]
    {
        use cap_std::fs::FileTypeExt;
        if found.is_fifo() {
            return "a pipe";
        }
        if found.is_socket() {
            return "a socket";
        }
        if found.is_block_device() || found.is_char_device() {
            return "a device";
        }
    }
    if found.is_symlink() {
        "a symbolic link"
    } else if found.is_dir() {
        "a folder"
    } else if found.is_file() {
        "a file"
    } else {
        "something else"
    }
}

#[cfg(unix)]
mod access;
#[cfg(unix)]
pub(in crate::store) use access::Exposure;
#[cfg(all(test, unix))]
mod tests;
