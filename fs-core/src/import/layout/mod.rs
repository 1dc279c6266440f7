//! The runs that other programs keep on disk: rsnapshot's levels and dirvish's images.
//!
//! A layout is read into a [`Plan`] before anything is imported. What is found on disk decides nothing but which trees
//! are walked; no program is run, and no config is executed.

mod alike;
mod detect;
mod dirvish;
mod error;
mod file_system;
mod folder;
mod lock;
mod rsnapshot;
mod shared;

use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use jiff::tz::TimeZone;

pub use alike::is_alike;
pub use error::LayoutError;
use file_system::FileSystems;
pub(crate) use file_system::are_two;
use folder::Mark;

use crate::format::{Run, RunFolder, Status, Time};

/// How a folder holds history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Layout {
    /// As it looks.
    #[default]
    Auto,
    /// A plain tree, without any.
    Tree,
    /// rsnapshot's: `daily.0`, `daily.1` and so on.
    Rsnapshot,
    /// dirvish's: a vault of images, or a bank of vaults.
    Dirvish,
}

impl Layout {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Layout::Auto => "auto",
            Layout::Tree => "tree",
            Layout::Rsnapshot => "rsnapshot",
            Layout::Dirvish => "dirvish",
        }
    }
}

/// Where runs are looked for.
#[derive(Debug, Clone, Default)]
pub struct Place {
    /// rsnapshot's root, dirvish's vault or bank. May be left to the config.
    pub root: Option<PathBuf>,
    /// How it holds them.
    pub layout: Layout,
    /// rsnapshot's config.
    pub config: Option<PathBuf>,
}

/// What can be imported from a folder.
#[derive(Debug)]
pub struct Plan {
    /// Its layout; never [`Layout::Auto`].
    pub layout: Layout,
    /// Its absolute path.
    pub root: PathBuf,
    /// Runs that are complete have been at rest since: when the plan was begun, or what made them was killed.
    pub at_rest_since: Time,
    /// The runs, oldest first. Of a plain tree there are none.
    pub runs: Vec<PlannedRun>,
    /// What else is there, and why it is no run.
    pub left_out: Vec<LeftOut>,
    /// How many of its levels rsnapshot keeps, by its config.
    pub retention: Vec<Retention>,
    /// The program that makes runs is at work, as this process.
    pub running: Option<u32>,
    /// For a plain tree: why it may hold runs, and the next step.
    pub hint: Option<String>,
    file_systems: FileSystems,
}

/// An rsnapshot level's name, such as `daily.0`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LevelName {
    /// `daily`.
    pub interval: String,
    /// 0 is the newest.
    pub number: u64,
}

impl fmt::Display for LevelName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}.{}", self.interval, self.number)
    }
}

/// A run that can be imported.
#[derive(Debug)]
pub struct PlannedRun {
    /// The source that it belongs to.
    pub source: Box<[u8]>,
    /// Its tree.
    pub tree: PathBuf,
    /// The time of its snapshot.
    pub time: Time,
    /// What the snapshot will tell of it.
    pub run: Run,
    /// Its folder, by which it is recognised after a change of the folder's time.
    pub run_folder: RunFolder,
    /// Its level, for rsnapshot.
    pub level: Option<LevelName>,
    /// The identity of the run that it was made against, in whatever source.
    pub reference: Option<Box<[u8]>>,
    status: Status,
    /// The same backup point one level later, which may share its files.
    newer: Option<PathBuf>,
    /// The folder that marks the run, as it was when it was planned.
    mark: Mark,
}

/// Something that is not imported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// Its path.
    pub path: PathBuf,
    /// Why.
    pub reason: String,
    /// It may hold history, so the import is incomplete without it.
    pub may_be_history: bool,
}

/// A line `retain` of rsnapshot's config.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retention {
    /// The interval's name.
    pub interval: String,
    /// How many of its levels are kept.
    pub keep: u64,
}

impl Plan {
    /// Looks for runs. `zone` is that of the times that dirvish writes down.
    pub fn make(place: &Place, zone: &TimeZone) -> Result<Self, LayoutError> {
        if let Some(config) = &place.config {
            return match place.layout {
                Layout::Auto | Layout::Rsnapshot => {
                    let config = rsnapshot::Config::read(config)?;
                    rsnapshot::plan(&config.root_at(place.root.as_deref())?, Some(&config))
                }
                Layout::Tree | Layout::Dirvish => Err(LayoutError::ConfigOf(config.clone())),
            };
        }
        let given = place.root.as_deref().unwrap_or(Path::new("."));
        let root = folder::absolute(given)?;
        let (layout, hint) = match place.layout {
            Layout::Auto => detect::layout(&root)?,
            layout => (layout, None),
        };
        match layout {
            Layout::Rsnapshot => rsnapshot::plan(&root, None),
            Layout::Dirvish => dirvish::plan(&root, zone),
            Layout::Auto | Layout::Tree => Ok(Self { hint, ..Self::empty(Layout::Tree, root) }),
        }
    }

    fn empty(layout: Layout, root: PathBuf) -> Self {
        Self {
            layout,
            root,
            at_rest_since: jiff::Timestamp::now().into(),
            runs: Vec::new(),
            left_out: Vec::new(),
            retention: Vec::new(),
            running: None,
            hint: None,
            file_systems: FileSystems::default(),
        }
    }

    fn leave_out(&mut self, path: PathBuf, reason: impl Into<String>) {
        self.left_out.push(LeftOut { path, reason: reason.into(), may_be_history: false });
    }

    /// Leaves out an entry that may hold history: it is reported as an error, not as a note.
    fn miss(&mut self, path: PathBuf, reason: impl Into<String>) {
        self.left_out.push(LeftOut { path, reason: reason.into(), may_be_history: true });
    }

    /// The record of a run's folder, with the level's or image's `name`.
    fn run_folder(&mut self, mark: &Mark, name: &OsStr) -> RunFolder {
        RunFolder {
            file_system: self.file_systems.identity(&mark.path, mark.id.0),
            inode: mark.id.1,
            born: mark.born,
            name: name.as_bytes().into(),
        }
    }

    /// Oldest first. Runs of equal times keep the order in which they were found.
    fn sort(&mut self) {
        self.runs.sort_by_key(|run| run.time);
    }

    /// The group and the rank of an interval, by the config or by its usual name. Within a group, the levels
    /// of an interval come from those of the interval one rank below.
    pub fn rank(&self, interval: &str) -> Option<(usize, usize)> {
        if self.retention.is_empty() {
            return detect::usual_rank(interval);
        }
        let at = self.retention.iter().position(|retain| retain.interval == interval)?;
        Some((0, at))
    }

    /// The names of its sources, each once, in order.
    pub fn sources(&self) -> Vec<&[u8]> {
        let mut names: Vec<_> = self.runs.iter().map(|run| &*run.source).collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

impl PlannedRun {
    /// How the run went, as far as anything on disk tells. This reads a few directories.
    pub fn status(&self) -> Status {
        match &self.newer {
            Some(newer) if shared::any_file(&self.tree, newer) => Status::Approximate,
            _ => self.status,
        }
    }

    /// Whether its time was set by a program, and not by a change of its folder.
    pub fn is_stamped(&self) -> bool {
        self.mark.is_stamped
    }

    /// The folder whose presence means that the run is there.
    pub fn folder(&self) -> &Path {
        &self.mark.path
    }

    /// Why what was read of it since it was planned must not be kept, if it must not.
    pub fn change(&self) -> Option<&'static str> {
        self.mark.change()
    }
}
