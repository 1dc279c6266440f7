//! rsnapshot: a folder of levels `<interval>.<N>`, in each of them a folder for every backup point.
//!
//! Rotation renames levels, so a level is known by the modification time that its completed run gave it.

mod config;

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

pub(super) use config::Config;
use config::is_interval;

use super::folder::{Mark, names};
use super::lock::{self, Lock};
use super::{Layout, LayoutError, Plan, PlannedRun, Retention};
use crate::format::{Run, Status, Time, is_source_name};

/// A level's folder.
struct Level {
    mark: Mark,
    interval: String,
    number: u64,
    /// The folders of its backup points, by name.
    points: Vec<(Box<[u8]>, PathBuf)>,
    /// Why it is no run.
    left_out: Option<String>,
}

/// A level's name in two: `daily.0` is `daily` and 0.
pub(super) fn level_name(name: &OsStr) -> Option<(&str, u64)> {
    let (interval, number) = name.to_str()?.rsplit_once('.')?;
    let plain = number == "0" || !number.starts_with('0') && number.bytes().all(|byte| byte.is_ascii_digit());
    let number = number.parse().ok().filter(|_| plain)?;
    is_interval(interval.as_bytes()).then_some((interval, number))
}

/// What rsnapshot, or a file system, keeps beside the levels.
pub(super) fn is_expected(name: &OsStr) -> bool {
    let name = name.as_bytes();
    name == b".sync" || name == b"lost+found" || name.starts_with(b"_delete.")
}

/// The levels below `root`, an absolute path.
pub(super) fn plan(root: &Path, config: Option<&Config>) -> Result<Plan, LayoutError> {
    let mut plan = Plan::empty(Layout::Rsnapshot, root.to_owned());
    // Before the levels are looked at: who begins after that is noticed by what changes.
    let lock = match config.and_then(|config| config.lock.as_deref()) {
        Some(path) => {
            lock::look(path).map_err(|source| LayoutError::Read { path: path.to_owned(), source })?
        }
        None => Lock::Free,
    };
    let mut levels = levels(&mut plan, config)?;
    if levels.is_empty() {
        return Err(LayoutError::Nothing { path: root.to_owned(), what: "level such as daily.0" });
    }
    plan.retention = config.map(|config| config.retention.clone()).unwrap_or_default();
    match lock {
        Lock::Held(pid) => plan.running = Some(pid),
        // Since then it may have deleted parts of levels.
        Lock::Abandoned(began) => plan.at_rest_since = plan.at_rest_since.min(began),
        Lock::Free => {}
    }
    sort(&mut levels, &plan);
    leave_copies(&mut levels);
    leave_unfinished(&mut levels, &plan.retention, lock);
    add(&mut plan, &levels);
    Ok(plan)
}

fn levels(plan: &mut Plan, config: Option<&Config>) -> Result<Vec<Level>, LayoutError> {
    let mut levels = Vec::new();
    for (name, is_dir) in names(&plan.root)? {
        if is_expected(&name) {
            continue;
        }
        let path = plan.root.join(&name);
        let Some((interval, number)) = level_name(&name).filter(|_| is_dir) else {
            plan.leave_out(path, "it is no level");
            continue;
        };
        let known = config.is_none_or(|config| {
            config.retention.is_empty() || config.retention.iter().any(|retain| retain.interval == interval)
        });
        if !known {
            plan.leave_out(path, format!("the config has no interval {interval}"));
            continue;
        }
        // Rotated since the root was listed, or not readable for this user: others may be.
        let (mark, names) = match (Mark::of(path.clone()), names(&path)) {
            (Ok(Some(mark)), Ok(names)) => (mark, names),
            (_, Err(error)) => {
                plan.leave_unreadable(path, &error);
                continue;
            }
            (_, Ok(_)) => continue,
        };
        let mut points = Vec::new();
        for (name, is_dir) in names {
            if is_dir && is_source_name(name.as_bytes()) {
                points.push((name.as_bytes().into(), path.join(&name)));
            } else {
                plan.leave_out(path.join(&name), "it is no folder of a backup point");
            }
        }
        levels.push(Level { mark, interval: interval.to_owned(), number, points, left_out: None });
    }
    Ok(levels)
}

/// Oldest first. Of equal times the one with the older name is first.
fn sort(levels: &mut [Level], plan: &Plan) {
    let rank = |interval: &str| plan.retention.iter().position(|retain| retain.interval == interval);
    levels.sort_by(|a, b| {
        let later = |level: &Level| (rank(&level.interval), level.number);
        a.mark.mtime.cmp(&b.mark.mtime).then_with(|| later(b).cmp(&later(a)))
    });
}

/// Two levels have one time when a run copied the last level, to make the next one of it, and has not completed:
/// the one with the older name is the level that was there before.
fn leave_copies(levels: &mut [Level]) {
    for at in 1..levels.len() {
        let (before, level) = (&levels[at - 1], &levels[at]);
        if before.mark.mtime == level.mark.mtime {
            let older = format!("{}.{}", before.interval, before.number);
            levels[at].left_out = Some(format!("its time is that of {older}: its run has not completed"));
        }
    }
}

/// While rsnapshot works, the newest level may be half-made and the last of an interval half-deleted; when it
/// was killed, the newest may be.
fn leave_unfinished(levels: &mut [Level], retention: &[Retention], lock: Lock) {
    let newest = levels.iter().map(|level| level.mark.mtime).max();
    let is_last = |level: &Level| {
        let retain = retention.iter().find(|retain| retain.interval == level.interval);
        retain.is_some_and(|retain| level.number.saturating_add(1) >= retain.keep)
    };
    for level in levels.iter_mut().filter(|level| level.left_out.is_none()) {
        let is_newest = Some(level.mark.mtime) == newest;
        level.left_out = match lock {
            Lock::Held(pid) if is_newest || is_last(level) => {
                Some(format!("rsnapshot is running (process {pid})"))
            }
            Lock::Abandoned(began) if is_newest && level.mark.mtime.secs() >= began.secs() => {
                Some("the run that made it did not complete: its lock file is still there".to_owned())
            }
            _ => None,
        };
    }
}

fn add(plan: &mut Plan, levels: &[Level]) {
    for (at, level) in levels.iter().enumerate() {
        if let Some(reason) = &level.left_out {
            plan.leave_out(level.mark.path.clone(), reason.clone());
            continue;
        }
        for (source, tree) in &level.points {
            // Also one that is left out: it is there, and shares files.
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
                reference: None,
                // Nothing in a level tells whether rsync could read everything.
                status: Status::Unknown,
                newer,
                mark: level.mark.clone(),
            });
        }
    }
    plan.sort();
}

fn identity(time: Time, source: &[u8]) -> Box<[u8]> {
    let mut identity = format!("rsnapshot {}.{:09} ", time.secs(), time.nanos()).into_bytes();
    identity.extend(source);
    identity.into()
}

#[cfg(test)]
mod tests;
