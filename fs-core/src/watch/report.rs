//! The status report of a watch, for `yester status`: a file in the repository.

use std::path::Path;
use std::sync::Arc;

use super::WatchLock;
use crate::service::ServiceError;
use crate::store::Folder;

const NAME: &str = "watch.json";
/// Upper bound on the size of a report, in bytes: enough for any number of sources that one machine watches.
const MAX_LEN: u64 = 16 << 20;

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
        Ok(self.0.replace(NAME, text)?)
    }

    /// The report of a repository.
    pub fn read(repository: &Path) -> Result<Vec<u8>, ServiceError> {
        Ok(Folder::open(repository)?.read(NAME, MAX_LEN)?)
    }
}

impl Drop for ReportFile {
    fn drop(&mut self) {
        // A stale report is recognised by the lock, which is free then.
        let _ = self.0.remove(NAME);
    }
}
