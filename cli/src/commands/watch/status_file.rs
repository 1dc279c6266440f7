//! The status file of a watch, for `yester status`. It is in the repository and is replaced on every change.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;
use fs_core::clock::Clock;
use fs_core::monitor::{Monitor, Progress, Trouble};
use fs_core::watch::{self, Activity, State, WatchLock};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::json::text_and_bytes;
use crate::progress;

/// Minimum time between two writes of the counts of a running import.
const PACE: Duration = Duration::from_secs(2);

/// The writer of the status file.
#[derive(Debug)]
pub struct StatusFile {
    /// The lock, which owns the file; `None` if this watch has no status file.
    lock: Option<WatchLock>,
    /// The status, and when it was written.
    status: Mutex<(Status, Instant)>,
    clock: Arc<dyn Clock>,
}

/// The content of the status file.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Status {
    pub pid: u32,
    pub since: Timestamp,
    pub sources: Vec<SourceStatus>,
}

/// A watched source.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SourceStatus {
    pub path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path_bytes: Option<String>,
    /// Activity: `idle`, `busy`, `importing` or `failing`.
    pub activity: String,
    /// The reason, if the source is busy or failing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failures: Option<u32>,
    /// When the running import began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Number of entries that the running import has walked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entries: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes_read: Option<u64>,
    /// When the source is checked next if nothing changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<Timestamp>,
    /// The last snapshot that this watch has made of the source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<Last>,
    /// When an import last read every file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub all_read: Option<Timestamp>,
}

/// A source's last snapshot.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Last {
    pub source: String,
    pub name: String,
}

impl StatusFile {
    /// The status of the watch that holds this lock. Dropping it removes the status file. Without a lock there
    /// is no file.
    pub fn new(lock: Option<WatchLock>, clock: &Arc<dyn Clock>) -> Self {
        let since = clock.now().round(jiff::Unit::Second).unwrap_or_default();
        let status = Status { pid: std::process::id(), since, sources: Vec::new() };
        Self { lock, status: Mutex::new((status, clock.instant())), clock: Arc::clone(clock) }
    }

    /// Reads the status file of a repository.
    pub fn read(repository: &Path) -> Result<Status> {
        Ok(serde_json::from_slice(&WatchLock::read_report(repository)?)?)
    }

    pub fn show(&self, states: &[State]) {
        let mut status = self.status.lock().unwrap_or_else(PoisonError::into_inner);
        status.0.sources = states.iter().map(|state| SourceStatus::of(state, &*self.clock)).collect();
        self.write(&status.0);
    }

    /// Replaces the file atomically, so a reader finds the old or the new content. A failure is ignored: the
    /// import matters more.
    fn write(&self, status: &Status) {
        let Some(lock) = &self.lock else { return };
        let write = || anyhow::Ok(lock.write_report(&serde_json::to_vec(status)?)?);
        if let Err(error) = write() {
            log::debug!("{error}");
        }
    }
}

impl Monitor for StatusFile {
    fn progress(&self, progress: &Progress) {
        let mut status = self.status.lock().unwrap_or_else(PoisonError::into_inner);
        let (status, written) = &mut *status;
        let now = self.clock.instant();
        if now.saturating_duration_since(*written) < PACE {
            return;
        }
        *written = now;
        for source in status.sources.iter_mut().filter(|source| source.activity == "importing") {
            (source.entries, source.bytes_read) = (Some(progress.entries), Some(progress.bytes_read));
        }
        self.write(status);
    }

    fn trouble(&self, trouble: &Trouble) {
        progress::report_trouble(trouble);
    }
}

impl SourceStatus {
    fn of(state: &State, clock: &dyn Clock) -> Self {
        let (path, path_bytes) = text_and_bytes(state.path.as_os_str().as_encoded_bytes());
        let (activity, reason, failures, since) = match &state.activity {
            Activity::Idle => ("idle", None, None, None),
            Activity::Busy(reason) => ("busy", Some(reason), None, None),
            Activity::Importing(since) => ("importing", None, None, Some(*since)),
            Activity::Failing(reason, failures) => ("failing", Some(reason), Some(*failures), None),
        };
        let time_of = |at: Instant| clock.now().checked_add(at.saturating_duration_since(clock.instant()));
        let last = |last: &watch::Last| Last {
            source: String::from_utf8_lossy(&last.source).into_owned(),
            name: last.name.clone(),
        };
        Self {
            path: path.into_owned(),
            path_bytes,
            activity: activity.to_owned(),
            reason: reason.cloned(),
            failures,
            since,
            entries: None,
            bytes_read: None,
            next: state.next.and_then(|at| time_of(at).ok()),
            last: state.last.as_ref().map(last),
            all_read: state.all_read.map(|read| read.round(jiff::Unit::Second).unwrap_or(read)),
        }
    }
}
