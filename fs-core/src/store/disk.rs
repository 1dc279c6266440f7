//! The operations that change a repository's directory, one system call each. All go through here, so that tests see
//! each in its place and can try every crash between them.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use redb::backends::FileBackend;
use redb::{Builder, Database, DatabaseError};

#[cfg(all(test, unix))]
use crate::testing::{Operation, RecordedFile, is_recorded, note};

/// What [`note`] is told of; nobody listens outside of tests.
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

/// A file that is being written for the first time.
#[derive(Debug)]
pub(super) struct NewFile {
    file: File,
    /// Bytes written.
    len: u64,
    #[cfg_attr(not(all(test, unix)), expect(dead_code, reason = "only tests ask for it"))]
    path: PathBuf,
}

impl NewFile {
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        let file = File::create(path)?;
        note!(path, Operation::CreateFile);
        Ok(Self { file, len: 0, path: path.to_owned() })
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        note!(&self.path, Operation::Write { offset: self.len, bytes: bytes.to_vec() });
        self.len += bytes.len() as u64;
        Ok(())
    }

    /// Makes its bytes durable; its name is durable when its directory is.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_all()?;
        note!(&self.path, Operation::SyncFile);
        Ok(())
    }
}

/// Makes a directory unless it is there.
pub(super) fn create_directory(path: &Path) -> io::Result<()> {
    match fs::create_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        Err(error) => Err(error),
        Ok(()) => {
            note!(path, Operation::CreateDirectory);
            Ok(())
        }
    }
}

pub(super) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)?;
    note!(from, Operation::Rename { to: to.to_owned() });
    Ok(())
}

pub(super) fn remove(path: &Path) -> io::Result<()> {
    fs::remove_file(path)?;
    note!(path, Operation::Remove);
    Ok(())
}

/// Makes names in a directory durable. Windows lets nobody do that; NTFS logs changes of names in their order, so that none
/// is durable before another that it relies on.
pub(super) fn sync_directory(path: &Path) -> io::Result<()> {
    if cfg!(unix) {
        File::open(path)?.sync_all()?;
        note!(path, Operation::SyncDirectory);
    }
    Ok(())
}

/// Makes a database's file, which must not be there.
pub(super) fn create_database_file(path: &Path) -> io::Result<File> {
    let file = open_regular(path, OpenOptions::new().read(true).write(true).create_new(true))?;
    note!(path, Operation::CreateFile);
    Ok(file)
}

/// Opens a database's file, to write only if asked.
pub(super) fn open_database_file(path: &Path, write: bool) -> io::Result<File> {
    // To open a device or a fifo would do something already, or wait.
    if !fs::symlink_metadata(path)?.is_file() {
        return Err(not_regular());
    }
    open_regular(path, OpenOptions::new().read(true).write(write))
}

/// The database in an open file, to write to it.
pub(super) fn database(builder: &Builder, path: &Path, file: File) -> Result<Database, DatabaseError> {
    let backend = FileBackend::new(file)?;
    #[cfg(all(test, unix))]
    if is_recorded(path) {
        return builder.create_with_backend(RecordedFile::new(backend, path));
    }
    #[cfg(not(all(test, unix)))]
    let _ = path;
    builder.create_with_backend(backend)
}

/// Opens a file that is no link, and neither a device nor a folder, whatever was put in its place meanwhile.
fn open_regular(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;

        use rustix::fs::OFlags;
        let flags = OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        options.custom_flags(flags.bits().cast_signed()).mode(0o600);
    }
    #[cfg(windows)]
    {
        use std::os::windows::fs::OpenOptionsExt;
        /// FILE_FLAG_OPEN_REPARSE_POINT: the link itself, which is no file.
        const NO_FOLLOW: u32 = 0x0020_0000;
        options.custom_flags(NO_FOLLOW);
    }
    let file = match options.open(path) {
        #[cfg(unix)]
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) => {
            return Err(not_regular());
        }
        opened => opened?,
    };
    if file.metadata()?.is_file() { Ok(file) } else { Err(not_regular()) }
}

fn not_regular() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "it is not a regular file")
}
