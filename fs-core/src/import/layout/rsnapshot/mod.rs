//! rsnapshot: a folder of levels `<interval>.<N>`. Each level has a folder for every backup point.
//!
//! Rotation renames levels. So a level is identified by its folder and by the modification time that its
//! completed run set. `service` assigns folders to runs, because it knows which runs were imported.

mod config;

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

pub(super) use config::Config;
use config::is_interval;

use super::folder::{EntryKind, FolderState, names};
use super::lock::{self, Lock};
use super::{LeftOut, LevelName, Plan, PlannedRun, Retention};
use crate::format::{Run, Status, Time, is_source_name};
use crate::import::ImportError;

struct Level {
    mark: FolderState,
    name: LevelName,
    /// The folders of the level's backup points, by name.
    points: Vec<(Box<[u8]>, PathBuf)>,
    /// The reason for leaving the level out, and whether it may hold history.
    left_out: Option<(String, bool)>,
}

/// Splits a level's name: `daily.0` is `daily` and 0.
pub(super) fn level_name(name: &OsStr) -> Option<(&str, u64)> {
    let (interval, number) = name.to_str()?.rsplit_once('.')?;
    let plain = number == "0" || !number.starts_with('0') && number.bytes().all(|byte| byte.is_ascii_digit());
    let number = number.parse().ok().filter(|_| plain)?;
    is_interval(interval.as_bytes()).then_some((interval, number))
}

/// Whether rsnapshot, or a file system, keeps an entry of this name beside the levels.
pub(super) fn is_expected(name: &OsStr) -> bool {
    let name = name.as_bytes();
    name == b".sync" || name == b"lost+found" || name.starts_with(b"_delete.")
}

/// Plans the levels below the plan's root.
pub(super) fn plan(plan: &mut Plan, config: Option<Config>) -> Result<(), ImportError> {
    // Read the lock before the levels. A run that starts later is noticed by its changes.
    let lock = match config.as_ref().and_then(|config| config.lock.as_deref()) {
        Some(path) => lock::examine(path)?,
        None => Lock::Free,
    };
    plan.retention = config.map(|config| config.retention).unwrap_or_default();
    let mut levels = levels(plan)?;
    if levels.is_empty() {
        return Err(ImportError::NoRuns { path: plan.root.clone(), what: "level such as daily.0" });
    }
    match lock {
        Lock::Held(pid) => plan.running = Some(pid),
        // Since then the run may have deleted parts of levels.
        Lock::Abandoned(began) => plan.quiescent_since = plan.quiescent_since.min(began),
        Lock::Free => {}
    }
    sort(&mut levels, plan);
    leave_copies(&mut levels);
    leave_unfinished(&mut levels, &plan.retention, lock);
    add(plan, &levels);
    Ok(())
}

fn levels(plan: &mut Plan) -> Result<Vec<Level>, ImportError> {
    let mut levels = Vec::new();
    let root = plan.root.clone();
    for (name, kind) in names(&root)? {
        if is_expected(&name) {
            continue;
        }
        let path = root.join(&name);
        let Some((interval, number)) = level_name(&name).filter(|_| kind == EntryKind::Folder) else {
            plan.leave_out_beside(path, kind, &root, "it is no level");
            continue;
        };
        let is_known =
            plan.retention.is_empty() || plan.retention.iter().any(|retain| retain.interval == interval);
        if !is_known {
            plan.miss(path, format!("the config has no interval {interval}"));
            continue;
        }
        let name = LevelName { interval: interval.to_owned(), number };
        // The level was rotated since the root was listed, or this user cannot read it. Other levels may be
        // readable.
        let (mark, names) = match (FolderState::of(path.clone()), names(&path)) {
            (Ok(Some(mark)), Ok(names)) => (mark, names),
            (_, Err(error)) => {
                plan.miss(path, error.to_string());
                continue;
            }
            (_, Ok(_)) => continue,
        };
        let mut points = Vec::new();
        for (name, kind) in names {
            let tree = path.join(&name);
            match kind {
                EntryKind::Folder if is_source_name(name.as_bytes()) => {
                    points.push((name.as_bytes().into(), tree));
                }
                EntryKind::Other => plan.miss(tree, NO_POINT),
                _ => plan.miss(tree, "it is no folder of a backup point"),
            }
        }
        levels.push(Level { mark, name, points, left_out: None });
    }
    Ok(levels)
}

/// The reason for leaving out a file in a level.
const NO_POINT: &str = "it is no folder of a backup point; if `backup … ./` wrote it, keep it by importing the level with --layout tree";

/// Sorts the levels, oldest first. Among equal times, the level with the older name is first.
fn sort(levels: &mut [Level], plan: &Plan) {
    let rank = |interval: &str| plan.retention.iter().position(|retain| retain.interval == interval);
    levels.sort_by(|a, b| {
        let later = |level: &Level| (rank(&level.name.interval), level.name.number);
        a.mark.mtime.cmp(&b.mark.mtime).then_with(|| later(b).cmp(&later(a)))
    });
}

/// Leaves out copies. A run copies the last level to make the next one. Until it completes, both have the
/// same time, and the level with the older name is the original. More than two levels with one time are no
/// such pair, nor are two that are not consecutive. They stay for the check of their order. So do levels
/// changed at the same moment, as their time is not that of a run.
fn leave_copies(levels: &mut [Level]) {
    for same in levels.chunk_by_mut(|a, b| a.mark.mtime == b.mark.mtime) {
        let [before, level] = same else { continue };
        // Within an interval `cp -al` creates the older level from the newer one.
        let is_copied = before.name.interval != level.name.interval || before.mark.born >= level.mark.born;
        if !before.mark.is_stamped || !level.mark.is_stamped || !is_copied {
            continue;
        }
        let older = &before.name;
        if older.interval != level.name.interval {
            let reason =
                format!("its time is that of {older}: it is a copy of it, or a run that did not complete");
            level.left_out = Some((reason, true));
        } else if older.number == level.name.number.saturating_add(1) {
            level.left_out = Some((format!("its time is that of {older}: its run has not completed"), false));
        }
    }
}

/// Leaves out unfinished levels. While rsnapshot runs, the newest level may be half-made and the last of an
/// interval half-deleted. After rsnapshot was killed, the newest may be half-made.
fn leave_unfinished(levels: &mut [Level], retention: &[Retention], lock: Lock) {
    let newest = levels.iter().map(|level| level.mark.mtime).max();
    let first = retention.first().map(|retain| &*retain.interval);
    let is_last = |level: &Level| {
        let retain = retention.iter().find(|retain| retain.interval == level.name.interval);
        retain.is_some_and(|retain| level.name.number.saturating_add(1) >= retain.keep)
    };
    for level in levels.iter_mut().filter(|level| level.left_out.is_none()) {
        // Check the name, too: the times of older levels may have been changed.
        let is_first = level.name.number == 0 && first == Some(&*level.name.interval);
        let is_newest = Some(level.mark.mtime) == newest;
        level.left_out = match lock {
            Lock::Held(pid) if is_newest || is_first || is_last(level) => {
                Some((format!("rsnapshot is running (process {pid})"), false))
            }
            Lock::Abandoned(began) if is_newest && level.mark.mtime.secs() >= began.secs() => {
                let reason = "the run that made it did not complete: its lock file is still there";
                Some((reason.to_owned(), false))
            }
            _ => None,
        };
    }
}

fn add(plan: &mut Plan, levels: &[Level]) {
    for (at, level) in levels.iter().enumerate() {
        if let Some((reason, may_be_history)) = level.left_out.clone() {
            plan.left_out.push(LeftOut { path: level.mark.path.clone(), reason, may_be_history });
            continue;
        }
        let run_folder = plan.run_folder(&level.mark, OsStr::new(&level.name.to_string()));
        for (source, tree) in &level.points {
            // A level that is left out counts, too: it exists and shares files.
            let newer = levels[at + 1..].iter().flat_map(|level| &level.points);
            let newer = newer.filter(|(name, _)| name == source).map(|(_, tree)| tree.clone()).next();
            let time = level.mark.mtime;
            plan.runs.push(PlannedRun {
                source: source.clone(),
                tree: tree.clone(),
                time,
                run: Run {
                    identity: identity(time, source),
                    began: None,
                    completed: Some(time),
                    expires: None,
                },
                run_folder: run_folder.clone(),
                level: Some(level.name.clone()),
                reference: None,
                // Nothing in a level shows whether rsync could read everything.
                status: Status::Unknown,
                newer,
                mark: level.mark.clone(),
            });
        }
    }
}

fn identity(time: Time, source: &[u8]) -> Box<[u8]> {
    let mut identity = format!("rsnapshot {}.{:09} ", time.secs(), time.nanos()).into_bytes();
    identity.extend(source);
    identity.into()
}

#[cfg(test)]
mod tests;
