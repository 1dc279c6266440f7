//! The operations that change a repository's directory, one system call each. All go through here, so that tests see
//! each in its place and can try every crash between them.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use redb::{Builder, Database, DatabaseError};

#[cfg(all(test, unix))]
use crate::testing::{Operation, note, recorded_database};

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

/// Opens or makes the database in a file, to write to it.
pub(super) fn database(builder: &Builder, path: &Path) -> Result<Database, DatabaseError> {
    #[cfg(all(test, unix))]
    if let Some(file) = recorded_database(path)? {
        return builder.create_with_backend(file);
    }
    builder.create(path)
}
