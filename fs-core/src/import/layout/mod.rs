//! The runs that other programs keep on disk: rsnapshot's levels and dirvish's images.
//!
//! A layout is read into a [`Plan`] before anything is imported. The data on disk decide only which trees are
//! walked. No program is run, and no config is executed.

mod detect;
mod dirvish;
mod folder;
mod identical;
mod lock;
mod rsnapshot;
mod shared;

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use folder::{EntryKind, FolderState, leads_inside};
pub(super) use identical::is_identical;

use crate::format::{Run, RunFolder, Status, Time};
use crate::import::ImportError;
use crate::import::disk::lasting_identity;

/// How a folder holds history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Layout {
    /// Detected from the folder's contents.
    #[default]
    Auto,
    /// A plain tree, without runs.
    Tree,
    /// rsnapshot's layout: `daily.0`, `daily.1` and so on.
    Rsnapshot,
    /// dirvish's layout: a vault of images, or a bank of vaults.
    Dirvish,
}

impl Layout {
    /// Name of the layout, such as `tree`.
    pub fn name(self) -> &'static str {
        match self {
            Layout::Auto => "auto",
            Layout::Tree => "tree",
            Layout::Rsnapshot => "rsnapshot",
            Layout::Dirvish => "dirvish",
        }
    }
}

/// The root of a folder of runs, with its layout and config.
#[derive(Debug, Clone, Default)]
pub struct BackupRoot {
    /// rsnapshot's root, or dirvish's vault or bank. A config may name it instead.
    pub root: Option<PathBuf>,
    /// Layout of the folder.
    pub layout: Layout,
    /// Path of rsnapshot's config.
    pub config: Option<PathBuf>,
}

/// The runs that can be imported from a folder.
#[derive(Debug, Default)]
pub struct Plan {
    /// Layout of the folder; never [`Layout::Auto`].
    pub layout: Layout,
    /// Absolute path of the folder.
    pub root: PathBuf,
    /// Complete runs have been quiescent since this time: the start of the plan, or of a killed run of the
    /// program that makes them.
    pub quiescent_since: Time,
    /// The runs, oldest first. Those of one time have the order of their levels or images. Empty for a plain
    /// tree.
    pub runs: Vec<PlannedRun>,
    /// Everything else in the folder, with the reason why it is no run.
    pub left_out: Vec<LeftOut>,
    /// Number of levels that rsnapshot keeps, from its config.
    pub retention: Vec<Retention>,
    /// Process id of the program that makes runs, if it is running.
    pub running: Option<u32>,
    /// For a plain tree: the reason why it may hold runs, and the next step.
    pub hint: Option<String>,
    /// Identities of file systems by device number. Each is looked up once.
    file_systems: HashMap<u64, Box<[u8]>>,
}

/// Name of an rsnapshot level, such as `daily.0`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LevelName {
    /// The interval, such as `daily`.
    pub interval: String,
    /// The number; 0 is the newest.
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
    /// Name of the run's source.
    pub source: Box<[u8]>,
    /// Path of the run's tree.
    pub tree: PathBuf,
    /// Time of the snapshot.
    pub time: Time,
    /// The record of the run in the snapshot's manifest.
    pub run: Run,
    /// The run's folder. It identifies the run even if the folder's time changes.
    pub run_folder: RunFolder,
    /// The run's level, for rsnapshot.
    pub level: Option<LevelName>,
    /// Identity of the run that this run was made against, in any source.
    pub reference: Option<Box<[u8]>>,
    status: Status,
    /// The same backup point in the next later level, which may share its files.
    newer: Option<PathBuf>,
    /// The folder whose presence means that the run exists, as it was when the plan was made. If it has changed
    /// since, the data read since must not be kept.
    pub(in crate::import) mark: FolderState,
}

/// An entry that is not imported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// Path of the entry.
    pub path: PathBuf,
    /// Reason.
    pub reason: String,
    /// The entry may hold history, so the import is incomplete without it.
    pub may_be_history: bool,
}

/// A line `retain` of rsnapshot's config.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retention {
    /// Name of the interval.
    pub interval: String,
    /// Number of levels that are kept.
    pub keep: u64,
}

impl Plan {
    /// Searches for runs at the time `now`. `zone` is the time zone of the times that dirvish writes.
    ///
    /// # Errors
    ///
    /// If the folder or the config cannot be read or does not fit the layout.
    pub fn make(root: &BackupRoot, zone: &TimeZone, now: Timestamp) -> Result<Self, ImportError> {
        let mut plan = Self { layout: root.layout, quiescent_since: now.into(), ..Self::default() };
        let config = match (&root.config, root.layout) {
            (None, _) => None,
            (Some(config), Layout::Auto | Layout::Rsnapshot) => Some(rsnapshot::Config::read(config)?),
            (Some(config), Layout::Tree | Layout::Dirvish) => {
                return Err(ImportError::ConfigOf(config.clone()));
            }
        };
        plan.root = match &config {
            Some(config) => config.root_at(root.root.as_deref())?,
            None => folder::absolute(root.root.as_deref().unwrap_or(Path::new(".")))?,
        };
        if config.is_some() {
            plan.layout = Layout::Rsnapshot;
        } else if root.layout == Layout::Auto {
            (plan.layout, plan.hint) = detect::layout(&plan.root)?;
        }
        match plan.layout {
            Layout::Rsnapshot => rsnapshot::plan(&mut plan, config)?,
            Layout::Dirvish => dirvish::plan(&mut plan, zone)?,
            Layout::Auto | Layout::Tree => {}
        }
        plan.runs.sort_by_key(|run| run.time);
        Ok(plan)
    }

    fn leave_out(&mut self, path: PathBuf, reason: impl Into<String>) {
        self.left_out.push(LeftOut { path, reason: reason.into(), may_be_history: false });
    }

    /// Leaves out an entry that may hold history. It is reported as an error, not as a note.
    fn miss(&mut self, path: PathBuf, reason: impl Into<String>) {
        self.left_out.push(LeftOut { path, reason: reason.into(), may_be_history: true });
    }

    /// Leaves out an entry beside runs for this `reason`. A file, or a link that leads inside `root`, holds
    /// no history.
    fn leave_out_beside(&mut self, path: PathBuf, kind: EntryKind, root: &Path, reason: &str) {
        match kind {
            EntryKind::Folder => self.miss(path, reason),
            // If links were followed, a user who may write here could lead the import anywhere.
            EntryKind::Link if !leads_inside(&path, root) => {
                self.miss(path, "it is a symbolic link, which is not followed: import what it leads to");
            }
            EntryKind::Link | EntryKind::Other => self.leave_out(path, reason),
        }
    }

    /// The record of a run's folder, with the level's or image's `name`. A device number is no identity of a
    /// file system: after a reboot another one may have it. Without a lasting identity, it is empty.
    fn run_folder(&mut self, mark: &FolderState, name: &OsStr) -> RunFolder {
        let device = mark.id.0;
        let find = || {
            let fsid = rustix::fs::statvfs(&mark.path).ok().map(|stats| stats.f_fsid);
            lasting_identity(device, fsid).unwrap_or_default()
        };
        RunFolder {
            file_system: self.file_systems.entry(device).or_insert_with(find).clone(),
            inode: mark.id.1,
            born: mark.born,
            name: name.as_bytes().into(),
        }
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

    /// Names of the sources, sorted, each once.
    pub fn sources(&self) -> Vec<&[u8]> {
        let mut names: Vec<_> = self.runs.iter().map(|run| &*run.source).collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

impl PlannedRun {
    /// Status of the run, as far as the disk shows it. Reads a few directories.
    pub fn status(&self) -> Status {
        match &self.newer {
            Some(newer) if shared::any_file(&self.tree, newer) => Status::Approximate,
            _ => self.status,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_system_has_one_identity() {
        let directory = tempfile::tempdir().unwrap();
        let root = BackupRoot { root: Some(directory.path().to_owned()), layout: Layout::Tree, config: None };
        let plan = || Plan::make(&root, &TimeZone::UTC, Timestamp::UNIX_EPOCH).unwrap();
        let mark = FolderState::of(directory.path().to_owned()).unwrap().unwrap();
        let identity = |plan: &mut Plan| plan.run_folder(&mark, OsStr::new("run")).file_system;
        let mut known = plan();
        let first = identity(&mut known);
        assert_eq!(identity(&mut known), first);
        assert_eq!(identity(&mut plan()), first);
        assert!(first.len() <= 64);
    }
}
