//! dirvish: a bank of vaults, in each of them a folder for every image, with its `summary` and its `tree`.

mod summary;

use std::collections::HashMap;
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use jiff::tz::TimeZone;
use summary::{Summary, Times, later};

use super::folder::{Mark, names, small_file};
use super::lock::{self, Lock};
use super::{Layout, LayoutError, Plan, PlannedRun};
use crate::format::limits::MAX_RUN_IDENTITY;
use crate::format::{Run, is_source_name};

/// Longer summaries are none, even with thousands of patterns to exclude.
const MAX_SUMMARY: u64 = 4 << 20;

/// A vault's folder for dirvish itself.
pub(super) const OWN: &str = "dirvish";

/// Whether this is a vault.
pub(super) fn is_vault(path: &Path) -> bool {
    path.join(OWN).is_dir()
}

/// The images of the vault `root`, or of all vaults of the bank `root`.
pub(super) fn plan(root: &Path, zone: &TimeZone) -> Result<Plan, LayoutError> {
    let mut plan = Plan::empty(Layout::Dirvish, root.to_owned());
    if is_vault(root) {
        vault(&mut plan, root, zone)?;
    } else {
        let mut vaults = 0;
        for (name, is_dir) in names(root)? {
            let path = root.join(&name);
            if is_dir && is_vault(&path) {
                vaults += 1;
                // Not readable for this user: others may be.
                if let Err(error) = vault(&mut plan, &path, zone) {
                    plan.leave_unreadable(path, &error);
                }
            } else if name != "lost+found" {
                plan.leave_out(path, "it is no vault");
            }
        }
        if vaults == 0 {
            let what = "folder named dirvish, as a vault has, and no vault in it";
            return Err(LayoutError::Nothing { path: root.to_owned(), what });
        }
    }
    plan.sort();
    Ok(plan)
}

fn vault(plan: &mut Plan, path: &Path, zone: &TimeZone) -> Result<(), LayoutError> {
    let lock_path = path.join(OWN).join("lock_file");
    let lock =
        lock::look(&lock_path).map_err(|source| LayoutError::Read { path: lock_path.clone(), source })?;
    let running = match lock {
        Lock::Held(pid) => Some(pid),
        Lock::Free | Lock::Abandoned(_) => None,
    };
    plan.running = plan.running.or(running);
    let first = plan.runs.len();
    for (name, is_dir) in names(path)? {
        if !is_dir || name == OWN {
            continue;
        }
        let folder = path.join(&name);
        match image(path, &folder, &name, zone) {
            Ok(run) => plan.runs.push(run),
            Err(Reason::Other(reason)) => plan.leave_out(folder, reason),
            Err(Reason::Unfinished) => {
                let reason = match running {
                    Some(pid) => format!("its run has not completed: dirvish is running (process {pid})"),
                    None => "its run did not complete".to_owned(),
                };
                plan.leave_out(folder, reason);
            }
        }
    }
    name_references(&mut plan.runs[first..]);
    Ok(())
}

/// Why a folder is no image to be imported.
enum Reason {
    Unfinished,
    Other(String),
}

impl From<&str> for Reason {
    fn from(reason: &str) -> Self {
        Reason::Other(reason.to_owned())
    }
}

fn image(vault: &Path, folder: &Path, name: &OsStr, zone: &TimeZone) -> Result<PlannedRun, Reason> {
    let (text, written) = small_file(&folder.join("summary"), MAX_SUMMARY).map_err(|error| {
        Reason::Other(match error.kind() {
            io::ErrorKind::NotFound => "it has no summary, as an image has".to_owned(),
            _ => format!("its summary cannot be read: {error}"),
        })
    })?;
    let summary = Summary::parse(&text);
    if summary.status.is_none() {
        return Err(Reason::Unfinished);
    }
    let status = summary.outcome().map_err(Reason::Other)?;
    let (Some(began), Some(completed)) = (summary.began, summary.completed) else {
        return Err("its summary does not tell when it began and completed".into());
    };
    let times = Times::of(began, completed, written, zone).ok_or("its summary tells an impossible time")?;
    let Some(mark) = Mark::of(folder.join("tree")).map_err(|error| Reason::Other(error.to_string()))? else {
        return Err("its tree is gone".into());
    };
    let vault = summary.vault.or_else(|| Some(vault.file_name()?.as_bytes().into())).unwrap_or_default();
    let branch = summary.branch.unwrap_or_else(|| b"default"[..].into());
    let image = summary.image.unwrap_or_else(|| name.as_bytes().into());
    let source = source(&vault, &branch);
    if !is_source_name(&source) {
        return Err("its vault and branch cannot name a source".into());
    }
    let mut identity = [b"dirvish ", &vault[..], b":", &branch, b":", &image, b" "].concat();
    // As it was written, whatever the zone is when it is read.
    identity.extend(began.strftime("%Y-%m-%dT%H:%M:%S").to_string().bytes());
    if identity.len() > MAX_RUN_IDENTITY {
        return Err("its names are too long".into());
    }
    Ok(PlannedRun {
        source,
        tree: mark.path.clone(),
        time: times.began,
        run: Run {
            identity: identity.into(),
            began: Some(times.began),
            completed: Some(times.completed),
            expires: summary.expires.and_then(|time| later(time, zone)),
        },
        // For now the image's name; its identity once all are known.
        reference: summary.reference,
        status,
        newer: None,
        mark,
    })
}

/// The vault's name; with the branch where it is another than dirvish's default. A folder's name holds no `/`.
fn source(vault: &[u8], branch: &[u8]) -> Box<[u8]> {
    if branch == b"default" { vault.into() } else { [vault, b"+", branch].concat().into() }
}

/// Images name their reference by its folder; a branch may begin from an image of another one.
fn name_references(runs: &mut [PlannedRun]) {
    let folder = |run: &PlannedRun| -> Option<PathBuf> { Some(run.tree.parent()?.file_name()?.into()) };
    let known: HashMap<_, _> =
        runs.iter().filter_map(|run| Some((folder(run)?, run.run.identity.clone()))).collect();
    for run in runs {
        let name = run.reference.take();
        run.reference = name.and_then(|name| known.get(Path::new(OsStr::from_bytes(&name))).cloned());
    }
}

#[cfg(test)]
mod tests;
