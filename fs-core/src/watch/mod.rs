//! The background importer: it notices new levels, images and completed runs, and imports them one at a time.

mod look;
mod notices;
mod report;
mod schedule;
mod source;
mod waker;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use jiff::Timestamp;
pub use report::ReportFile;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use schedule::Look;
use source::Source;
pub use waker::Waker;

use crate::import::layout::{BackupRoot, LeftOut};
use crate::import::{ImportError, ImportOptions, Imported};
use crate::monitor::{Cancellation, Monitor};
use crate::service::{ServiceError, require_repository};
use crate::store::{FileLock, Folder};

/// A watched source, or a watched folder of several sources.
#[derive(Debug, Clone)]
pub struct Watched {
    /// The folder, with its layout.
    pub place: BackupRoot,
    /// Import options. A plain tree is imported only if it has changed, unless a stamp triggers the import.
    pub options: ImportOptions,
    /// The trigger of imports.
    pub trigger: Trigger,
    /// Maximum time between two looks, even if no change is noticed.
    pub every: Duration,
}

/// The trigger of a source's imports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trigger {
    /// A period without any change in the source and without an rsync that works on it: a run has ended. The
    /// run's result is known for levels and images, but not for a plain tree.
    Quiet(Duration),
    /// A touch of this file: a run is complete. For plain trees.
    Stamp(PathBuf),
    /// Time alone: a live tree is imported as it is. For plain trees.
    Time,
}

/// Events that a watch reports.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A new snapshot exists.
    Imported {
        /// The new snapshot.
        imported: &'a Imported,
        /// The tree of a level or image, relative to the watched folder.
        run: Option<&'a Path>,
        /// Duration of the import.
        took: Duration,
    },
    /// A run is not imported, and was not left out before.
    LeftOut(&'a LeftOut),
    /// A source is imported as one tree, but may hold runs.
    Hint {
        /// The source's path.
        place: &'a Path,
        /// The reason, and the next step.
        hint: &'a str,
    },
    /// A source could not be imported.
    Failed {
        /// The source's path.
        place: &'a Path,
        /// The reason.
        error: ServiceError,
        /// Time until the next attempt.
        again: Duration,
    },
    /// The watch cannot notice a source's changes. It still looks at the source from time to time.
    Unnoticed {
        /// The source's path.
        place: &'a Path,
        /// The reason.
        error: io::Error,
    },
    /// A source has kept changing for so long that it was never imported meanwhile.
    Restless {
        /// The source's path.
        place: &'a Path,
        /// Duration of the changes.
        lasting: Duration,
    },
    /// The new states of the sources, after a change.
    States(Vec<State>),
}

/// The state of a watched source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// The source's path.
    pub path: PathBuf,
    /// The current activity.
    pub activity: Activity,
    /// Time of the next look, if nothing changes; `None` if it moves all the time.
    pub next: Option<Instant>,
    /// The source's last snapshot.
    pub last: Option<Last>,
    /// Beginning of the last import that read every file, with `checksum-every`.
    pub all_read: Option<Timestamp>,
}

/// A source's last snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Last {
    /// The source's name in the repository.
    pub source: Box<[u8]>,
    /// The snapshot's canonical name.
    pub name: String,
}

/// The activity of a watched source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Activity {
    /// Nothing happens.
    Idle,
    /// A program writes to the source; the text is the reason why the import waits.
    Busy(String),
    /// An import has been running since this time.
    Importing(Timestamp),
    /// The last imports failed: the last error, and the number of failures in a row.
    Failing(String, u32),
}

/// The background importer of one repository.
#[derive(Debug)]
pub struct Watch {
    root: PathBuf,
    sources: Vec<Source>,
    waker: Waker,
}

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

/// Period in which changes are gathered, as they come in groups.
const CROWD: Duration = Duration::from_millis(200);

/// The name of the lock in a repository.
const LOCK: &str = "watch.lock";

impl Watch {
    /// Creates a watch that imports into the repository in `root`, at first immediately.
    pub fn new(root: &Path, watched: Vec<Watched>) -> Result<Self, ServiceError> {
        let waker = Waker::new().map_err(|reason| ImportError::Tree { path: root.to_owned(), reason })?;
        let now = Instant::now();
        let sources = watched.into_iter().map(|watched| Source::new(watched, now)).collect();
        Ok(Self { root: root.to_owned(), sources, waker })
    }

    /// Delays the first look at each source by its `every`.
    pub fn begin_later(&mut self) {
        for source in &mut self.sources {
            let first = Instant::now() + source.watched.every;
            *source = Source::new(source.watched.clone(), first);
        }
    }

    /// The waker that makes this watch check its cancellation at once.
    pub fn waker(&self) -> Waker {
        self.waker.clone()
    }

    /// Imports new data on this thread until cancelled. An import that is cancelled leaves nothing half-made.
    pub fn run(
        &mut self,
        monitor: &dyn Monitor,
        tell: &mut dyn FnMut(Event<'_>),
        cancellation: &Cancellation,
    ) {
        let mut told = Vec::new();
        while !cancellation.is_cancelled() {
            self.tell_states(&mut told, tell);
            self.sources.iter_mut().for_each(|source| source.tell_restlessness(tell));
            let Some(at) = (0..self.sources.len()).min_by_key(|at| self.sources[*at].schedule.due()) else {
                return;
            };
            let wait = self.sources[at].schedule.due().saturating_duration_since(Instant::now());
            if wait.is_zero() {
                self.sources[at].activity = Activity::Importing(Timestamp::now());
                self.tell_states(&mut told, tell);
                self.look(at, monitor, tell, cancellation);
            } else {
                self.wait(wait);
            }
        }
    }

    fn tell_states(&self, told: &mut Vec<State>, tell: &mut dyn FnMut(Event<'_>)) {
        let states: Vec<_> = self.sources.iter().map(Source::state).collect();
        if states != *told {
            told.clone_from(&states);
            tell(Event::States(states));
        }
    }

    /// Waits for changes, at most for `limit`.
    fn wait(&mut self, limit: Duration) {
        let fds = self.sources.iter().filter_map(|source| source.notices());
        let mut fds: Vec<_> = fds.map(|notices| PollFd::new(notices, PollFlags::IN)).collect();
        fds.push(PollFd::new(&self.waker, PollFlags::IN));
        if poll_for(&mut fds, limit) {
            poll_for(&mut [PollFd::new(&self.waker, PollFlags::IN)], CROWD);
        }
        self.sources.iter_mut().for_each(Source::take_notice);
    }

    fn look(
        &mut self,
        at: usize,
        monitor: &dyn Monitor,
        tell: &mut dyn FnMut(Event<'_>),
        cancellation: &Cancellation,
    ) {
        let source = &mut self.sources[at];
        let result = look::look(&self.root, source, monitor, tell, cancellation);
        if cancellation.is_cancelled() {
            return;
        }
        match result {
            Ok((look, activity)) => {
                source.activity = activity;
                source.schedule.end(look, Instant::now());
            }
            Err(error) => {
                source.schedule.end(Look::Failed, Instant::now());
                source.activity = Activity::Failing(error.to_string(), source.schedule.failures());
                let again = source.schedule.due().saturating_duration_since(Instant::now());
                tell(Event::Failed { place: &source.path, error, again });
            }
        }
    }
}

/// Waits at most for `limit`; true if a descriptor is ready.
fn poll_for(fds: &mut [PollFd<'_>], limit: Duration) -> bool {
    match poll(fds, Timespec::try_from(limit).ok().as_ref()) {
        Ok(ready) => ready > 0,
        Err(Errno::INTR) => false,
        Err(_) => {
            // No change is noticed then; the regular looks continue.
            thread::sleep(limit.min(Duration::from_secs(1)));
            false
        }
    }
}
