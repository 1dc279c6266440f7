//! Taking back: a tree of a snapshot is made anew on disk.
//!
//! One thread walks the tree and makes folders, others make files. Each file appears whole, under its name, with all that it
//! had. Hard links and the attributes of folders come last: they rely on the files.

mod attributes;
mod content;
mod destination;
mod one;
mod walk;

use std::collections::HashSet;
use std::ffi::{CString, OsStr};
use std::fmt::Display;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use destination::Folder;
use one::Reason;
use rustix::fs::AtFlags;
use walk::{Rest, Walk};

use super::ServiceError;
use crate::monitor::{Cancellation, Monitor, Progress, Trouble, TroubleKind};
use crate::view::{Attr, FileKind, Node, View};

/// Files that wait for a thread.
const WAITING: usize = 64;

/// How things are taken back.
#[derive(Debug, Clone, Copy, Default)]
pub struct RestoreOptions {
    /// Replace files that are in the way. Folders are merged in any case.
    pub overwrite: bool,
    /// Only find out what would be done.
    pub dry_run: bool,
}

/// What was taken back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Restored {
    /// Names of regular files.
    pub files: u64,
    /// Folders, also those that were there.
    pub directories: u64,
    /// Names of anything else.
    pub others: u64,
    /// Bytes of the files.
    pub bytes: u64,
    /// Entries that were not taken back as they should have been; the monitor was told of each.
    pub troubled: u64,
}

/// An entry's path below the target.
type Names = Vec<CString>;

/// An entry that is to be made.
#[derive(Debug)]
struct Job {
    /// Where; `None` when that would be made, and is not there.
    folder: Option<Folder>,
    names: Names,
    node: Node,
    attr: Attr,
}

/// What all threads have.
struct Shared<'a> {
    view: &'a View,
    target: &'a Path,
    options: RestoreOptions,
    monitor: &'a dyn Monitor,
    cancellation: &'a Cancellation,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    restored: Restored,
    progress: Progress,
    /// Files with several names whose first could not be made.
    failed: HashSet<u128>,
}

/// Takes back `node` of `view` into the folder `target`, which is made when it is missing: as `name`, or without one its entries.
/// Links in the target are not followed. What cannot be taken back is told to the monitor, and the rest is.
pub fn restore(
    view: &View,
    node: Node,
    name: Option<&[u8]>,
    target: &Path,
    options: RestoreOptions,
    monitor: &dyn Monitor,
    cancellation: &Cancellation,
) -> Result<Restored, ServiceError> {
    let (folder, made) = Folder::target(target, options.dry_run)
        .map_err(|reason| ServiceError::Target { path: target.to_owned(), reason })?;
    let shared = Shared { view, target, options, monitor, cancellation, state: Mutex::default() };
    let rest = thread::scope(|scope| {
        let (sender, jobs) = sync_channel(WAITING);
        let jobs = Arc::new(Mutex::new(jobs));
        let shared = &shared;
        for _ in 0..thread::available_parallelism().map_or(2, usize::from).clamp(2, 8) {
            let jobs = Arc::clone(&jobs);
            scope.spawn(move || shared.work(&jobs));
        }
        let mut walk = Walk::new(shared, sender);
        match name.map(CString::new) {
            None => {
                if made || options.overwrite {
                    walk.rest.folders.push((Names::new(), node.clone()));
                }
                walk.enter(folder.clone(), node);
            }
            Some(Ok(name)) => walk.take(folder.as_ref(), name, node),
            Some(Err(_)) => shared.trouble(&[], TroubleKind::Unreadable, "its name cannot be one here"),
        }
        walk.run()
    });
    if let Some(folder) = folder.filter(|_| !options.dry_run) {
        shared.finish(&folder, rest);
    }
    if cancellation.is_cancelled() {
        return Err(ServiceError::RestoreCancelled);
    }
    Ok(shared.state().restored)
}

impl Shared<'_> {
    fn work(&self, jobs: &Mutex<Receiver<Job>>) {
        loop {
            let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
            let Ok(job) = job else { return };
            if self.cancellation.is_cancelled() {
                continue;
            }
            if !self.make(&job) && job.attr.nlink > 1 {
                self.state().failed.insert(job.node.identity());
            }
        }
    }

    /// Makes an entry, and tells what was wrong; true when it is there.
    fn make(&self, job: &Job) -> bool {
        let Some(name) = job.names.last() else { return false };
        let made = match &job.folder {
            Some(folder) if !self.options.dry_run => one::make(self, folder, name, &job.node, &job.attr),
            Some(folder) if folder.has(name) && !self.options.overwrite => Err(Reason::Exists),
            _ => Ok(Vec::new()),
        };
        match made {
            Ok(lacking) => {
                for reason in lacking {
                    self.trouble(&job.names, TroubleKind::Incomplete, reason);
                }
                self.made(&job.attr);
                return true;
            }
            Err(Reason::Exists) => {
                self.trouble(&job.names, TroubleKind::Exists, "exists, and was left as it is");
            }
            Err(Reason::Read(error)) => {
                self.trouble(
                    &job.names,
                    TroubleKind::Unreadable,
                    format!("cannot be read from history: {error}"),
                );
            }
            Err(Reason::Write(error)) => {
                self.trouble(&job.names, TroubleKind::Unreadable, format!("cannot be written: {error}"));
            }
            Err(Reason::Cancelled) => {}
        }
        false
    }

    /// Makes what relies on the files.
    fn finish(&self, target: &Folder, mut rest: Rest) {
        for (identity, job) in rest.links {
            if self.cancellation.is_cancelled() {
                return;
            }
            if self.state().failed.contains(&identity) {
                if self.make(&job) {
                    self.state().failed.remove(&identity);
                    rest.firsts.insert(identity, job.names);
                }
            } else if let Some(first) = rest.firsts.get(&identity) {
                match self.link(target, first, &job) {
                    Ok(()) => self.made(&job.attr),
                    Err(Reason::Exists) => {
                        self.trouble(&job.names, TroubleKind::Exists, "exists, and was left as it is");
                    }
                    Err(Reason::Write(error)) => {
                        self.trouble(
                            &job.names,
                            TroubleKind::Unreadable,
                            format!("cannot be linked: {error}"),
                        );
                    }
                    Err(Reason::Read(_) | Reason::Cancelled) => {}
                }
            }
        }
        for (names, node) in rest.folders.iter().rev() {
            let set = || {
                let xattrs = self.view.xattrs(node)?;
                Ok::<_, Reason>(attributes::set(target.below(names)?, &self.view.attr(node), &xattrs)?)
            };
            match set() {
                Ok(lacking) => {
                    lacking
                        .into_iter()
                        .for_each(|reason| self.trouble(names, TroubleKind::Incomplete, reason));
                }
                Err(Reason::Read(error)) => self.trouble(names, TroubleKind::Incomplete, error),
                Err(Reason::Write(error)) => {
                    let reason = format!("its attributes cannot be set: {error}");
                    self.trouble(names, TroubleKind::Incomplete, reason);
                }
                Err(Reason::Exists | Reason::Cancelled) => {}
            }
        }
    }

    fn link(&self, target: &Folder, first: &[CString], job: &Job) -> Result<(), Reason> {
        let (Some((first, above)), Some(folder), Some(name)) =
            (first.split_last(), &job.folder, job.names.last())
        else {
            return Ok(());
        };
        let replace = self.options.overwrite;
        if !replace && folder.has(name) {
            return Err(Reason::Exists);
        }
        let above = target.below(above)?;
        let link =
            folder.begin(|folder, name| rustix::fs::linkat(&above, first, folder, name, AtFlags::empty()))?;
        Ok(link.finish(name, replace)?)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn made(&self, attr: &Attr) {
        let mut state = self.state();
        if attr.kind == FileKind::File {
            state.restored.files += 1;
            state.restored.bytes += attr.size;
            state.progress.bytes_read += attr.size;
        } else {
            state.restored.others += 1;
        }
        state.progress.entries += 1;
        self.monitor.progress(&state.progress);
    }

    fn trouble(&self, names: &[CString], kind: TroubleKind, reason: impl Display) {
        self.state().restored.troubled += 1;
        let mut path = self.target.to_owned();
        path.extend(names.iter().map(|name| OsStr::from_bytes(name.as_bytes())));
        let path = path.into_os_string().into_encoded_bytes();
        self.monitor.trouble(&Trouble { path, kind, reason: reason.to_string() });
    }
}
