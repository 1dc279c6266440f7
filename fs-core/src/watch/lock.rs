//! The files of a watch in the repository: its lock, and its status report for `yester status`.

use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::store::{Access, FileLock, Folder, Repository, StoreError};

const LOCK: &str = "watch.lock";
const REPORT: &str = "watch.json";
/// Upper bound on the size of a report, in bytes: enough for any number of sources that one machine watches.
const MAX_LEN: u64 = 16 << 20;

/// The right to watch for a repository and to write its report, until dropped. A second watch would import
/// everything twice.
#[derive(Debug)]
pub struct WatchLock {
    folder: Folder,
    _lock: FileLock,
}

/// Another process already watches for the repository.
#[derive(Debug, Error)]
#[error("a watch of {} is already running ({holder})", .path.display())]
pub struct AlreadyWatched {
    /// The repository's folder.
    pub path: PathBuf,
    /// The process that watches.
    pub holder: String,
}

impl WatchLock {
    /// Takes the lock, or returns its holder.
    ///
    /// # Errors
    /// Fails if there is no repository in `root`, or if it cannot be read or locked.
    pub fn acquire(root: &Path) -> Result<Result<Self, AlreadyWatched>, StoreError> {
        // Otherwise this would leave a lock in a folder that is no repository.
        Repository::open(root, Access::Read)?;
        let folder = Folder::open(root)?;
        Ok(match FileLock::acquire(&folder, LOCK)? {
            Ok(lock) => Ok(Self { folder, _lock: lock }),
            Err(holder) => Err(AlreadyWatched { path: root.to_owned(), holder }),
        })
    }

    /// The holder of the lock, if any.
    pub fn holder(root: &Path) -> Result<Option<String>, StoreError> {
        FileLock::holder(&Folder::open(root)?, LOCK)
    }

    /// Replaces the report atomically: a reader finds the old one or the new one. The frontend writes its
    /// text.
    pub fn write_report(&self, text: &[u8]) -> Result<(), StoreError> {
        self.folder.replace(REPORT, text)
    }

    /// The report of the watch of a repository.
    pub fn read_report(root: &Path) -> Result<Vec<u8>, StoreError> {
        Folder::open(root)?.read(REPORT, MAX_LEN)
    }
}

impl Drop for WatchLock {
    fn drop(&mut self) {
        // A stale report is recognised by the lock, which is free then.
        let _ = self.folder.remove(REPORT);
    }
}
