//! The background importer: it notices new levels, images and completed runs, and imports them one at a time.

mod event;
mod inotify;
mod lock;
mod look;
mod schedule;
mod source;
mod waker;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

pub use event::{Activity, Event, Last, State};
pub use lock::{AlreadyWatched, WatchLock};
use look::Context;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use schedule::Outcome;
use source::Source;
pub use waker::Waker;

use crate::clock::Clock;
use crate::import::layout::BackupRoot;
use crate::import::{ImportError, ImportOptions};
use crate::monitor::{Cancellation, Monitor};

/// A watched source, or a watched folder of several sources.
#[derive(Debug, Clone)]
pub struct Watched {
    /// The folder, with its layout.
    pub folder: BackupRoot,
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

/// The background importer of one repository.
#[derive(Debug)]
pub struct Watch {
    root: PathBuf,
    sources: Vec<Source>,
    waker: Waker,
    clock: Arc<dyn Clock>,
}

/// Period in which changes are gathered, as they come in groups.
const CROWD: Duration = Duration::from_millis(200);

impl Watch {
    /// Creates a watch that imports into the repository in `root`, at first immediately.
    pub fn new(root: &Path, watched: Vec<Watched>, clock: Arc<dyn Clock>) -> Result<Self, ImportError> {
        let waker = Waker::new().map_err(|reason| ImportError::Tree { path: root.to_owned(), reason })?;
        let now = clock.instant();
        let sources = watched.into_iter().map(|watched| Source::new(watched, now)).collect();
        Ok(Self { root: root.to_owned(), sources, waker, clock })
    }

    /// Delays the first look at each source by its `every`.
    pub fn begin_later(&mut self) {
        for source in &mut self.sources {
            source.schedule.next = self.clock.instant() + source.watched.every;
        }
    }

    /// The waker that makes this watch check its cancellation at once.
    pub fn waker(&self) -> Waker {
        self.waker.clone()
    }

    /// Imports new data on this thread until cancelled. An import that is cancelled leaves nothing half-made.
    /// `emit` receives all events.
    pub fn run(
        &mut self,
        monitor: &dyn Monitor,
        emit: &mut dyn FnMut(Event<'_>),
        cancellation: &Cancellation,
    ) {
        let (root, clock) = (self.root.clone(), Arc::clone(&self.clock));
        let mut context = Context { repository: &root, clock: &*clock, monitor, emit, cancellation };
        let mut reported = Vec::new();
        while !cancellation.is_cancelled() {
            self.report_states(&mut reported, context.emit);
            self.sources
                .iter_mut()
                .for_each(|source| source.report_restlessness(clock.instant(), context.emit));
            let Some(at) = (0..self.sources.len()).min_by_key(|at| self.sources[*at].schedule.due()) else {
                return;
            };
            let wait = self.sources[at].schedule.due().saturating_duration_since(self.clock.instant());
            if wait.is_zero() {
                self.sources[at].activity = Activity::Importing(self.clock.now());
                self.report_states(&mut reported, context.emit);
                self.look(at, &mut context);
            } else {
                self.wait(wait);
            }
        }
    }

    /// Reports the states of the sources, unless they were reported last.
    fn report_states(&self, reported: &mut Vec<State>, emit: &mut dyn FnMut(Event<'_>)) {
        let states: Vec<_> = self.sources.iter().map(Source::state).collect();
        if states != *reported {
            reported.clone_from(&states);
            emit(Event::States(states));
        }
    }

    /// Waits for changes, at most for `limit`.
    fn wait(&mut self, limit: Duration) {
        let fds = self.sources.iter().filter_map(|source| source.inotify());
        let mut fds: Vec<_> = fds.map(|inotify| PollFd::new(inotify, PollFlags::IN)).collect();
        fds.push(PollFd::new(&self.waker, PollFlags::IN));
        if self.poll(&mut fds, limit) {
            self.poll(&mut [PollFd::new(&self.waker, PollFlags::IN)], CROWD);
        }
        let now = self.clock.instant();
        self.sources.iter_mut().for_each(|source| source.take_changes(now));
    }

    /// Looks at the source of this index, and schedules its next look.
    fn look(&mut self, at: usize, context: &mut Context<'_>) {
        let source = &mut self.sources[at];
        let result = look::look(source, context);
        if context.cancellation.is_cancelled() {
            return;
        }
        match result {
            Ok((outcome, activity)) => {
                source.activity = activity;
                source.schedule.end(outcome, self.clock.instant());
            }
            Err(error) => {
                source.schedule.end(Outcome::Failed, self.clock.instant());
                source.activity = Activity::Failing(error.to_string(), source.schedule.failures);
                let again = source.schedule.due().saturating_duration_since(self.clock.instant());
                (context.emit)(Event::Failed { path: &source.path, error, again });
            }
        }
    }

    /// Waits at most for `limit`; true if a descriptor is ready.
    fn poll(&self, fds: &mut [PollFd<'_>], limit: Duration) -> bool {
        match poll(fds, Timespec::try_from(limit).ok().as_ref()) {
            Ok(ready) => ready > 0,
            Err(Errno::INTR) => false,
            Err(_) => {
                // No change is noticed then; the regular looks continue.
                self.clock.sleep(limit.min(Duration::from_secs(1)));
                false
            }
        }
    }
}
