//! What a watch tells of itself, for `yester status`: a file in the repository.

use std::path::Path;
use std::sync::Arc;

use super::WatchLock;
use crate::service::ServiceError;
use crate::store::Folder;

const NAME: &str = "watch.json";
/// Longer than a report of any number of sources that one machine watches.
const MAX_LEN: u64 = 16 << 20;

/// The report of the watch that holds the lock. Its text is the frontend's.
#[derive(Debug)]
pub struct ReportFile(Arc<Folder>);

impl ReportFile {
    /// Of the watch that holds this lock.
    pub fn of(lock: &WatchLock) -> Self {
        Self(Arc::clone(&lock.folder))
    }

    /// Replaces the report. Whoever reads it finds the old one or the new one.
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
        // A report that is left behind is told by the lock, which is free then.
        let _ = self.0.remove(NAME);
    }
}
