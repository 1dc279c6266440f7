//! dirvish: a bank holds vaults. Each vault has a folder for every image, with its `summary` and its `tree`.

mod summary;

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use jiff::tz::TimeZone;
use summary::{NoRun, Summary, instants, later};

use super::folder::{EntryKind, FolderState, leads_inside, names, small_file};
use super::lock::{self, Lock};
use super::{Plan, PlannedRun};
use crate::format::limits::MAX_RUN_IDENTITY;
use crate::format::{Run, is_source_name};
use crate::import::ImportError;

/// Upper bound on a summary in bytes, enough for thousands of exclude patterns.
const MAX_SUMMARY: u64 = 4 << 20;

/// The folder in a vault that dirvish uses for itself.
pub(super) const OWN: &str = "dirvish";

/// Whether `path` is a vault, or a link to one.
pub(super) fn is_vault(path: &Path) -> bool {
    path.join(OWN).is_dir()
}

/// Plans the images of the vault that is the plan's root, or of all vaults of the bank.
pub(super) fn plan(plan: &mut Plan, zone: &TimeZone) -> Result<(), ImportError> {
    let root = plan.root.clone();
    if is_vault(&root) {
        return vault(plan, &root, zone);
    }
    let mut vaults = 0;
    for (name, kind) in names(&root)? {
        let path = root.join(&name);
        match kind {
            _ if name == "lost+found" => {}
            EntryKind::Folder if is_vault(&path) => {
                vaults += 1;
                // This user cannot read the vault, but other vaults may be readable.
                if let Err(error) = vault(plan, &path, zone) {
                    plan.miss(path, error.to_string());
                }
            }
            EntryKind::Link if leads_inside(&path, &root) => plan.leave_out(path, "it is a symbolic link"),
            _ => {
                vaults += u32::from(kind == EntryKind::Link && is_vault(&path));
                plan.leave_out_beside(path, kind, &root, "it is no vault");
            }
        }
    }
    if vaults == 0 {
        let what = "folder named dirvish, as a vault has, and no vault in it";
        return Err(ImportError::NoRuns { path: root, what });
    }
    Ok(())
}

fn vault(plan: &mut Plan, path: &Path, zone: &TimeZone) -> Result<(), ImportError> {
    let running = match lock::examine(&path.join(OWN).join("lock_file"))? {
        Lock::Held(pid) => Some(pid),
        Lock::Free | Lock::Abandoned(_) => None,
    };
    plan.running = plan.running.or(running);
    let first = plan.runs.len();
    for (name, kind) in names(path)? {
        let folder = path.join(&name);
        match kind {
            _ if name == OWN || name == "lost+found" => continue,
            // For example, a link to the last image.
            EntryKind::Link if leads_inside(&folder, path) => continue,
            EntryKind::Link | EntryKind::Other => {
                plan.leave_out_beside(folder, kind, path, "it is no image");
                continue;
            }
            EntryKind::Folder => {}
        }
        match image(plan, path, &name, zone) {
            Ok(run) => plan.runs.push(run),
            Err(NoRun::Failed(status)) => plan.leave_out(folder, format!("its run failed: {status}")),
            Err(NoRun::Gone) => plan.leave_out(folder, "its tree is gone"),
            Err(NoRun::Unclear(reason)) => plan.miss(folder, reason),
            Err(NoRun::NoSummary) if running.is_none() => {
                plan.miss(folder, "it has no summary, as an image has");
            }
            // The run made the folder, and will write a summary.
            Err(NoRun::Unfinished | NoRun::NoSummary) => {
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

fn image(plan: &mut Plan, vault: &Path, name: &OsStr, zone: &TimeZone) -> Result<PlannedRun, NoRun> {
    let folder = vault.join(name);
    let unclear = |reason: &str| NoRun::Unclear(reason.to_owned());
    let (text, written) =
        small_file(&folder.join("summary"), MAX_SUMMARY).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => NoRun::NoSummary,
            _ => NoRun::Unclear(format!("its summary cannot be read: {error}")),
        })?;
    let summary = Summary::parse(&text);
    let status = summary.outcome()?;
    let (Some(began), Some(completed)) = (summary.began, summary.completed) else {
        return Err(unclear("its summary does not tell when its run began (Backup-begin)"));
    };
    let (start, end) = instants(began, completed, written, zone)
        .ok_or_else(|| unclear("its summary tells an impossible time"))?;
    let tree = folder.join("tree");
    let mark = match FolderState::of(tree.clone()) {
        Ok(Some(mark)) => mark,
        Ok(None) => return Err(no_tree(&tree)),
        Err(error) => return Err(NoRun::Unclear(format!("its tree cannot be looked at: {error}"))),
    };
    let vault = summary.vault.or_else(|| Some(vault.file_name()?.as_bytes().into())).unwrap_or_default();
    let branch = summary.branch.unwrap_or_else(|| b"default"[..].into());
    let image = summary.image.unwrap_or_else(|| name.as_bytes().into());
    let source = source(&vault, &branch);
    if !is_source_name(&source) {
        return Err(unclear("its vault and branch cannot name a source"));
    }
    let mut identity = [b"dirvish ", &vault[..], b":", &branch, b":", &image, b" "].concat();
    // The time as written, independent of the time zone at the time of reading.
    identity.extend(began.strftime("%Y-%m-%dT%H:%M:%S").to_string().bytes());
    if identity.len() > MAX_RUN_IDENTITY {
        return Err(unclear("its names are too long"));
    }
    Ok(PlannedRun {
        source,
        tree: mark.path.clone(),
        time: start,
        run: Run {
            identity: identity.into(),
            began: Some(start),
            completed: Some(end),
            expires: summary.expires.and_then(|time| later(time, zone)),
        },
        run_folder: plan.run_folder(&mark, name),
        level: None,
        // At first the image's name. Its identity replaces it once all images are known.
        reference: summary.reference,
        status,
        newer: None,
        mark,
    })
}

/// Reason why there is no folder at `tree`.
fn no_tree(tree: &Path) -> NoRun {
    NoRun::Unclear(match fs::symlink_metadata(tree) {
        Ok(metadata) if metadata.is_symlink() => {
            "its tree is a symbolic link, which is not followed: import what it leads to with --layout tree and --at"
                .to_owned()
        }
        Ok(_) => "its tree is no folder".to_owned(),
        // dirvish-expire has removed everything except the summary.
        Err(_) => return NoRun::Gone,
    })
}

/// The vault's name, followed by the branch if it is not dirvish's default. A folder's name contains no `/`.
fn source(vault: &[u8], branch: &[u8]) -> Box<[u8]> {
    if branch == b"default" { vault.into() } else { [vault, b"+", branch].concat().into() }
}

/// Replaces the name of each run's reference by its identity. An image names its reference by its folder. A
/// branch may begin from an image of another branch.
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
