use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::inotify::{Inotify, Scope};
use super::schedule::Schedule;
use super::{Activity, Event, Last, State, Trigger, Watched};
use crate::import::history_devices;
use crate::import::layout::{Layout, LeftOut, Plan};

/// Delay of a look that a single change or the time triggers.
const SOON: Duration = Duration::from_secs(1);

/// A watched source and its state.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) watched: Watched,
    /// The source's path, for people.
    pub(super) path: PathBuf,
    pub(super) schedule: Schedule,
    pub(super) activity: Activity,
    pub(super) last: Option<Last>,
    /// See [`State::all_read`].
    pub(super) all_read: Option<Timestamp>,
    /// Left-out runs that were reported already.
    pub(super) left_out: Vec<LeftOut>,
    /// The watched folder, its layout and its inotify.
    inotify: Option<(PathBuf, Layout, Inotify)>,
    /// Folders may exist that are not watched yet.
    grown: bool,
    /// The failure to notice changes was reported already.
    unnoticed: bool,
    /// The hint that this may be more than a tree was reported.
    pub(super) hinted: bool,
}

impl Source {
    pub(super) fn new(watched: Watched, first: Instant) -> Self {
        let path = watched.folder.root.clone().or_else(|| watched.folder.config.clone()).unwrap_or_default();
        let quiet = match &watched.trigger {
            Trigger::Quiet(quiet) => *quiet,
            Trigger::Stamp(_) | Trigger::Time => SOON,
        };
        Self {
            schedule: Schedule::new(quiet, watched.every, first),
            watched,
            path,
            activity: Activity::Idle,
            last: None,
            all_read: None,
            left_out: Vec::new(),
            inotify: None,
            grown: false,
            unnoticed: false,
            hinted: false,
        }
    }

    pub(super) fn state(&self) -> State {
        let activity = match &self.activity {
            Activity::Idle if self.schedule.is_changing() => Activity::Busy("it has just changed".to_owned()),
            activity => activity.clone(),
        };
        let is_waiting = matches!(activity, Activity::Idle | Activity::Failing(..));
        let next = is_waiting.then(|| self.schedule.due());
        State { path: self.path.clone(), activity, next, last: self.last.clone(), all_read: self.all_read }
    }

    pub(super) fn inotify(&self) -> Option<&Inotify> {
        self.inotify.as_ref().map(|(_, _, inotify)| inotify)
    }

    /// Records the changes since the last call.
    pub(super) fn take_changes(&mut self, now: Instant) {
        let changes = self.inotify().map(Inotify::take).unwrap_or_default();
        self.grown |= changes.has_new_folders;
        if changes.has_moved {
            // The source needs new watches, as another folder may be at its path.
            self.inotify = None;
        }
        if changes.any {
            self.schedule.change(now);
        }
    }

    /// Reports a source that has kept changing for too long.
    pub(super) fn report_restlessness(&mut self, now: Instant, emit: &mut dyn FnMut(Event<'_>)) {
        if let Some(lasting) = self.schedule.restlessness(now) {
            emit(Event::Restless { path: &self.path, lasting });
        }
    }

    /// Makes sure that changes of everything in the plan are noticed from now on. Returns true if some of it
    /// was not watched before, so the plan may have missed changes.
    pub(super) fn cover(&mut self, repository: &Path, plan: &Plan, emit: &mut dyn FnMut(Event<'_>)) -> bool {
        if self.watched.trigger == Trigger::Time && plan.layout == Layout::Tree {
            return false;
        }
        let same = |(root, layout, _): &(PathBuf, Layout, _)| *root == plan.root && *layout == plan.layout;
        let known = self.inotify.take().filter(same).map(|(_, _, inotify)| inotify);
        let noticed = !std::mem::take(&mut self.grown) && self.schedule.is_changing();
        let covered = match known {
            Some(inotify) if noticed => Ok((inotify, false)),
            // Without a notice, changes may have been missed: a folder was mounted, or a file system reports
            // no changes.
            known => self.extend(known, repository, plan),
        };
        match covered {
            Ok((inotify, has_more)) => {
                self.unnoticed = false;
                self.inotify = Some((plan.root.clone(), plan.layout, inotify));
                has_more
            }
            Err(error) => {
                if !std::mem::replace(&mut self.unnoticed, true) {
                    emit(Event::Unnoticed { path: &self.path, error });
                }
                false
            }
        }
    }

    /// Watches everything that exists now. Returns the inotify, and true if some of it is newly watched.
    fn extend(&self, known: Option<Inotify>, repository: &Path, plan: &Plan) -> io::Result<(Inotify, bool)> {
        let mut inotify = known.map_or_else(Inotify::new, Ok)?;
        let has_more = match (&self.watched.trigger, plan.layout) {
            (Trigger::Stamp(stamp), Layout::Tree) => inotify.cover_name(stamp)?,
            _ => inotify.cover(&plan.root, &self.scope(repository, plan))?,
        };
        Ok((inotify, has_more))
    }

    fn scope(&self, repository: &Path, plan: &Plan) -> Scope {
        let depth = match plan.layout {
            // Levels appear, and are renamed.
            Layout::Rsnapshot => 0,
            // Vaults in a bank, images in a vault, summaries in an image.
            Layout::Dirvish => 2,
            Layout::Tree | Layout::Auto => usize::MAX,
        };
        let own = fs::metadata(repository).map(|metadata| (metadata.dev(), metadata.ino()));
        Scope {
            depth,
            skip: own.into_iter().collect(),
            skip_devices: history_devices(),
            one_file_system: self.watched.options.one_file_system,
        }
    }
}
