//! The background importer: it notices new levels, images and completed runs, and takes them in, one at a time.

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

use super::{ImportOptions, Imported, ServiceError, require_repository};
use crate::import::layout::{LeftOut, Place};
use crate::monitor::{Cancellation, Monitor};
use crate::store::{FileLock, Folder};

/// A source of history, or a folder of several, that is kept an eye on.
#[derive(Debug, Clone)]
pub struct Watched {
    /// Where it is.
    pub place: Place,
    /// How it is imported. Of a plain tree only what has changed is.
    pub options: ImportOptions,
    /// What makes it be imported.
    pub trigger: Trigger,
    /// It is looked at this often even when nothing is noticed.
    pub every: Duration,
}

/// What makes a source be imported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trigger {
    /// Nothing in it has changed for so long, and no rsync works on it: a run has ended. Of a plain tree nobody knows how, of
    /// levels and images it is known.
    Quiet(Duration),
    /// This file was touched: a run is complete. For plain trees.
    Stamp(PathBuf),
    /// Time: a live tree is taken as it is. For plain trees.
    Time,
}

/// What a watch has to tell.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// There is a new snapshot.
    Imported {
        /// The snapshot.
        imported: &'a Imported,
        /// Of a level or image: its tree, as seen from the watched folder.
        run: Option<&'a Path>,
        /// How long it took.
        took: Duration,
    },
    /// Something is not imported, and was not left out before.
    LeftOut(&'a LeftOut),
    /// A source is imported as one tree, but may hold runs.
    Hint {
        /// The source's place.
        place: &'a Path,
        /// The reason, and the next step.
        hint: &'a str,
    },
    /// A source could not be imported.
    Failed {
        /// The source's place.
        place: &'a Path,
        /// Why.
        error: ServiceError,
        /// It is tried again after this.
        again: Duration,
    },
    /// A source's changes are not noticed; it is looked at from time to time all the same.
    Unnoticed {
        /// The source's place.
        place: &'a Path,
        /// Why.
        error: io::Error,
    },
    /// A source has kept changing for so long that it was never imported meanwhile.
    Restless {
        /// The source's place.
        place: &'a Path,
        /// For how long.
        lasting: Duration,
    },
    /// Something about the sources is different now.
    States(Vec<State>),
}

/// How a watched source is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// Its place.
    pub path: PathBuf,
    /// What goes on there.
    pub activity: Activity,
    /// When it will be looked at, if nothing changes; `None` when that changes by the moment.
    pub next: Option<Instant>,
    /// Its last snapshot.
    pub last: Option<Last>,
    /// When the last import that read every file began, with `checksum-every`.
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

/// What goes on with a watched source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Activity {
    /// Nothing.
    Idle,
    /// Somebody writes there; this is why it is not imported yet.
    Busy(String),
    /// It is being imported, since.
    Importing(Timestamp),
    /// It could not be imported the last time, or so many times.
    Failing(String, u32),
}

/// The background importer of one repository.
#[derive(Debug)]
pub struct Watch {
    root: PathBuf,
    sources: Vec<Source>,
    waker: Waker,
}

/// The right to watch for a repository, until dropped: a second watch would do all twice.
#[derive(Debug)]
pub struct WatchLock {
    folder: Arc<Folder>,
    _lock: FileLock,
}

impl WatchLock {
    /// Takes it, or tells who has it.
    pub fn acquire(root: &Path) -> Result<Self, ServiceError> {
        // Else this would leave a lock where no repository is.
        require_repository(root)?;
        let folder = Folder::open(root)?;
        match FileLock::acquire(&folder, LOCK)? {
            Ok(lock) => Ok(Self { folder: Arc::new(folder), _lock: lock }),
            Err(holder) => Err(ServiceError::Watched { path: root.to_owned(), holder }),
        }
    }

    /// Who watches for the repository, if somebody does.
    pub fn holder(root: &Path) -> Result<Option<String>, ServiceError> {
        Ok(FileLock::holder(&Folder::open(root)?, LOCK)?)
    }
}

/// Changes come in crowds: they are taken notice of together.
const CROWD: Duration = Duration::from_millis(200);

/// The name of the lock in a repository.
const LOCK: &str = "watch.lock";

impl Watch {
    /// A watch that imports into the repository in `root`; first at once.
    pub fn new(root: &Path, watched: Vec<Watched>) -> Result<Self, ServiceError> {
        let waker = Waker::new().map_err(|reason| ServiceError::Tree { path: root.to_owned(), reason })?;
        let now = Instant::now();
        let sources = watched.into_iter().map(|watched| Source::new(watched, now)).collect();
        Ok(Self { root: root.to_owned(), sources, waker })
    }

    /// Looks at each source for the first time when its `every` has passed.
    pub fn begin_later(&mut self) {
        for source in &mut self.sources {
            let first = Instant::now() + source.watched.every;
            *source = Source::new(source.watched.clone(), first);
        }
    }

    /// What makes it look at its cancellation at once.
    pub fn waker(&self) -> Waker {
        self.waker.clone()
    }

    /// Imports what comes, on this thread, until it is cancelled. An import that goes on then leaves nothing half-made.
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

    /// Waits for changes, at most so long.
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

/// Waits at most so long; true when there was something.
fn poll_for(fds: &mut [PollFd<'_>], limit: Duration) -> bool {
    match poll(fds, Timespec::try_from(limit).ok().as_ref()) {
        Ok(ready) => ready > 0,
        Err(Errno::INTR) => false,
        Err(_) => {
            // Nothing is noticed, then; the looks from time to time go on.
            thread::sleep(limit.min(Duration::from_secs(1)));
            false
        }
    }
}
