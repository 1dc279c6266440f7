//! The files of a watch in the repository: its lock, and its status report for `yester status`.

use std::path::Path;
use std::sync::Arc;

use crate::service::{ServiceError, require_repository};
use crate::store::{FileLock, Folder};

const LOCK: &str = "watch.lock";
const REPORT: &str = "watch.json";
/// Upper bound on the size of a report, in bytes: enough for any number of sources that one machine watches.
const MAX_LEN: u64 = 16 << 20;

/// The right to watch for a repository, until dropped. A second watch would import everything twice.
#[derive(Debug)]
pub struct WatchLock {
    folder: Arc<Folder>,
    _lock: FileLock,
}

impl WatchLock {
    /// Takes the lock, or fails with its holder.
    pub fn acquire(root: &Path) -> Result<Self, ServiceError> {
        // Otherwise this would leave a lock in a folder that is no repository.
        require_repository(root)?;
        let folder = Folder::open(root)?;
        match FileLock::acquire(&folder, LOCK)? {
            Ok(lock) => Ok(Self { folder: Arc::new(folder), _lock: lock }),
            Err(holder) => Err(ServiceError::Watched { path: root.to_owned(), holder }),
        }
    }

    /// The holder of the lock, if any.
    pub fn holder(root: &Path) -> Result<Option<String>, ServiceError> {
        Ok(FileLock::holder(&Folder::open(root)?, LOCK)?)
    }
}

/// The report file of the watch that holds the lock. The frontend writes its text.
#[derive(Debug)]
pub struct ReportFile(Arc<Folder>);

impl ReportFile {
    /// The report of the watch that holds this lock.
    pub fn of(lock: &WatchLock) -> Self {
        Self(Arc::clone(&lock.folder))
    }

    /// Replaces the report atomically: a reader finds the old one or the new one.
    pub fn write(&self, text: &[u8]) -> Result<(), ServiceError> {
        Ok(self.0.replace(REPORT, text)?)
    }

    /// The report of a repository.
    pub fn read(repository: &Path) -> Result<Vec<u8>, ServiceError> {
        Ok(Folder::open(repository)?.read(REPORT, MAX_LEN)?)
    }
}

impl Drop for ReportFile {
    fn drop(&mut self) {
        // A stale report is recognised by the lock, which is free then.
        let _ = self.0.remove(REPORT);
    }
}
