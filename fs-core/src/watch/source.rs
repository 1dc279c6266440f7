use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::notices::{Notices, Reach};
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
    /// The watched folder, its layout and its notices.
    notices: Option<(PathBuf, Layout, Notices)>,
    /// Folders may exist that are not watched yet.
    grown: bool,
    /// The failure to notice changes was reported already.
    unnoticed: bool,
    /// The hint that this may be more than a tree was reported.
    pub(super) hinted: bool,
}

impl Source {
    pub(super) fn new(watched: Watched, first: Instant) -> Self {
        let path = watched.place.root.clone().or_else(|| watched.place.config.clone()).unwrap_or_default();
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
            notices: None,
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
        let told = matches!(activity, Activity::Idle | Activity::Failing(..));
        let next = told.then(|| self.schedule.due());
        State { path: self.path.clone(), activity, next, last: self.last.clone(), all_read: self.all_read }
    }

    pub(super) fn notices(&self) -> Option<&Notices> {
        self.notices.as_ref().map(|(_, _, notices)| notices)
    }

    /// Takes the notices, and records changes.
    pub(super) fn take_notice(&mut self) {
        let noticed = self.notices().map(Notices::take).unwrap_or_default();
        self.grown |= noticed.growth;
        if noticed.departure {
            // The source needs new watches, as another folder may be at its path.
            self.notices = None;
        }
        if noticed.change {
            self.schedule.change(Instant::now());
        }
    }

    pub(super) fn tell_restlessness(&mut self, tell: &mut dyn FnMut(Event<'_>)) {
        if let Some(lasting) = self.schedule.restlessness(Instant::now()) {
            tell(Event::Restless { place: &self.path, lasting });
        }
    }

    /// Makes sure that changes of everything in the plan are noticed from now on. Returns true if some of it
    /// was not watched before, so the plan may have missed changes.
    pub(super) fn cover(&mut self, repository: &Path, plan: &Plan, tell: &mut dyn FnMut(Event<'_>)) -> bool {
        if self.watched.trigger == Trigger::Time && plan.layout == Layout::Tree {
            return false;
        }
        let same = |(root, layout, _): &(PathBuf, Layout, _)| *root == plan.root && *layout == plan.layout;
        let known = self.notices.take().filter(same).map(|(_, _, notices)| notices);
        let noticed = !std::mem::take(&mut self.grown) && self.schedule.is_changing();
        let covered = match known {
            Some(notices) if noticed => Ok((notices, false)),
            // Without a notice, changes may have been missed: a folder was mounted, or a file system reports
            // no changes.
            known => self.extend(known, repository, plan),
        };
        match covered {
            Ok((notices, has_more)) => {
                self.unnoticed = false;
                self.notices = Some((plan.root.clone(), plan.layout, notices));
                has_more
            }
            Err(error) => {
                if !std::mem::replace(&mut self.unnoticed, true) {
                    tell(Event::Unnoticed { place: &self.path, error });
                }
                false
            }
        }
    }

    /// Watches everything that exists now. Returns the notices, and true if some of it is newly watched.
    fn extend(&self, known: Option<Notices>, repository: &Path, plan: &Plan) -> io::Result<(Notices, bool)> {
        let mut notices = known.map_or_else(Notices::new, Ok)?;
        let has_more = match (&self.watched.trigger, plan.layout) {
            (Trigger::Stamp(stamp), Layout::Tree) => notices.cover_name(stamp)?,
            _ => notices.cover(&plan.root, &self.reach(repository, plan))?,
        };
        Ok((notices, has_more))
    }

    fn reach(&self, repository: &Path, plan: &Plan) -> Reach {
        let depth = match plan.layout {
            // Levels appear, and are renamed.
            Layout::Rsnapshot => 0,
            // Vaults in a bank, images in a vault, summaries in an image.
            Layout::Dirvish => 2,
            Layout::Tree | Layout::Auto => usize::MAX,
        };
        let own = fs::metadata(repository).map(|metadata| (metadata.dev(), metadata.ino()));
        Reach {
            depth,
            skip: own.into_iter().collect(),
            skip_devices: history_devices(),
            one_file_system: self.watched.options.one_file_system,
        }
    }
}
