use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::ImportError;
use crate::clock::{Clock, SystemClock};
use crate::format::{Status, is_source_name};

/// Options for the import of trees and runs.
#[derive(Debug, Clone)]
#[allow(clippy::struct_excessive_bools, reason = "each is a choice of its own, named where it is made")]
pub struct ImportOptions {
    /// The source's name. If `None`, the name of the tree's folder, or the run's source.
    pub source: Option<Vec<u8>>,
    /// Leave out the content of other file systems.
    pub one_file_system: bool,
    /// Read every file, even one that is proven unchanged …
    pub checksum: bool,
    /// … but only if the last such import is at least this long ago.
    pub checksum_every: Option<Duration>,
    /// Ignore inode numbers: they change from one import to the next.
    pub ignore_inode: bool,
    /// The tree is a frozen copy of the tree with this name, such as a snapshot of its file system.
    pub origin: Option<Vec<u8>>,
    /// Read stored data before relying on it, and store again all data that cannot be read. This is implied
    /// if packs are lost.
    pub heal: bool,
    /// Add no snapshot if the tree equals the last snapshot. Add no first snapshot of an empty tree: it may
    /// not be mounted yet.
    pub only_if_changed: bool,
    /// Wait while another process writes to the repository, or rsync to the tree.
    pub wait: bool,
    /// Bound of the wait; none if `None`. After it, a tree is imported as it is and counts as partial. A
    /// repository that is still locked is then an error.
    pub wait_limit: Option<Duration>,
    /// Give up if rsync is writing to the tree, or anything in it was changed within this time.
    pub quiescent_for: Option<Duration>,
    /// Take owners, modes and special files from the attributes of `rsync --fake-super`.
    pub fake_super: bool,
    /// Accept an empty tree, though the last snapshot was not empty.
    pub allow_empty: bool,
    /// Continue a source's history even if it is that of another tree.
    pub allow_other_tree: bool,
    /// The status of the run that made the tree.
    pub run_status: Status,
    /// The time of the tree's state; now if `None`. Ignored for runs, which have their own times.
    pub time: Option<Timestamp>,
    /// The folder to read the tree from, if it is a frozen copy.
    pub read_from: Option<PathBuf>,
    /// The zone of the new snapshot's name. Nothing that is stored depends on it.
    pub zone: TimeZone,
    /// The zone of the times in dirvish's summaries.
    pub dirvish_zone: TimeZone,
    /// The clock of snapshots' times and of all waiting.
    pub clock: Arc<dyn Clock>,
}

impl Default for ImportOptions {
    fn default() -> Self {
        Self {
            source: None,
            one_file_system: false,
            checksum: false,
            checksum_every: None,
            ignore_inode: false,
            origin: None,
            heal: false,
            only_if_changed: false,
            wait: false,
            wait_limit: None,
            quiescent_for: None,
            fake_super: false,
            allow_empty: false,
            allow_other_tree: false,
            run_status: Status::Complete,
            time: None,
            read_from: None,
            zone: TimeZone::UTC,
            dirvish_zone: TimeZone::UTC,
            clock: Arc::new(SystemClock),
        }
    }
}

impl ImportOptions {
    /// The given source name, if any. Fails if no source can have it.
    pub(super) fn given_source(&self) -> Result<Option<&[u8]>, ImportError> {
        match self.source.as_deref() {
            Some(name) if !is_source_name(name) => {
                Err(ImportError::BadSourceName(String::from_utf8_lossy(name).into_owned()))
            }
            name => Ok(name),
        }
    }
}
