//! Taking back: a tree of a snapshot is made anew on disk.
//!
//! One thread walks the tree and makes folders, others make files. Each file appears whole, under its name, with all that it
//! had. Hard links and the attributes of folders come last: they rely on the files.

mod content;
mod disk;
mod names;
mod one;
mod walk;

use std::collections::HashMap;
use std::ffi::{CStr, CString};
use std::fmt::Display;
use std::io;
use std::path::{MAIN_SEPARATOR, Path};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use disk::{Folder, Lacking};
use names::Names;
use one::Reason;
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

/// An entry that is to be made.
#[derive(Debug)]
struct Entry {
    names: Names,
    node: Node,
    attr: Attr,
}

impl Entry {
    /// What the file is, if it has other names.
    fn shared(&self) -> Option<u128> {
        (self.attr.kind == FileKind::File && self.attr.nlink > 1).then(|| self.node.identity())
    }
}

/// An entry for the threads, and the folder that it belongs in; `None` when that would be made, and is not there.
type Job = (Option<Folder>, Entry);

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
    /// Of files with several names the one that was made.
    firsts: HashMap<u128, Names>,
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
        let top = Names::default();
        match name.map(CString::new) {
            None => walk.enter(folder.clone(), made, top, node),
            Some(Ok(name)) => walk.take(folder.clone(), top.with(name), node),
            Some(Err(_)) => shared.trouble(&top, TroubleKind::Unreadable, "its name cannot be one here"),
        }
        walk.run()
    });
    shared.finish(folder.as_ref(), &rest);
    if cancellation.is_cancelled() {
        return Err(ServiceError::RestoreCancelled);
    }
    Ok(shared.state().restored)
}

impl Shared<'_> {
    fn work(&self, jobs: &Mutex<Receiver<Job>>) {
        loop {
            let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
            let Ok((folder, entry)) = job else { return };
            if !self.cancellation.is_cancelled() {
                self.make(folder.as_ref(), &entry);
            }
        }
    }

    /// Makes an entry with all that it had.
    fn make(&self, folder: Option<&Folder>, entry: &Entry) {
        self.put(folder, entry, "cannot be written", |folder, name| one::make(self, folder, name, entry));
    }

    /// Gives a file another name.
    fn link(&self, target: Option<&Folder>, first: &Names, folder: Option<&Folder>, entry: &Entry) {
        self.put(folder, entry, "cannot be linked", |folder, name| {
            let (Some(target), Some((above, first))) = (target, first.split()) else {
                return Ok(Lacking::new());
            };
            let above = target.below(above)?;
            let (link, ()) = folder.begin(|folder, name| folder.make_link(name, &above, first))?;
            link.finish(name, self.options.overwrite)?;
            Ok(Lacking::new())
        });
    }

    /// Lets `make` make an entry, unless something is in its way or nothing is to be made, and tells what was wrong.
    fn put(
        &self,
        folder: Option<&Folder>,
        entry: &Entry,
        cannot: &str,
        make: impl FnOnce(&Folder, &CStr) -> Result<Lacking, Reason>,
    ) {
        let Some((_, name)) = entry.names.split() else { return };
        let made = match folder {
            Some(folder) if !self.options.overwrite && folder.has(name) => Err(Reason::Exists),
            Some(folder) if !self.options.dry_run => make(folder, name),
            _ => Ok(Lacking::new()),
        };
        if made.is_ok() {
            self.made(entry);
        }
        self.tell(&entry.names, TroubleKind::Unreadable, cannot, made);
    }

    /// Makes what relies on the files: their other names, and the attributes of the folders that they are in.
    fn finish(&self, target: Option<&Folder>, rest: &Rest) {
        for entry in &rest.links {
            if self.cancellation.is_cancelled() {
                return;
            }
            // Not kept open since it was walked: there may be more folders than a process may have open.
            let folder = match self.folder(target, entry) {
                Ok(folder) => folder,
                Err(error) => {
                    self.tell(&entry.names, TroubleKind::Unreadable, "cannot be written", Err(error.into()));
                    continue;
                }
            };
            let first = entry.shared().and_then(|file| self.state().firsts.get(&file).cloned());
            match first {
                Some(first) => self.link(target, &first, folder.as_ref(), entry),
                None => self.make(folder.as_ref(), entry),
            }
        }
        let Some(target) = target.filter(|_| !self.options.dry_run) else { return };
        for (names, node) in rest.folders.iter().rev() {
            let set = || {
                let xattrs = self.view.xattrs(node)?;
                Ok(disk::set_folder(&target.below(names)?, &self.view.attr(node), &xattrs)?)
            };
            self.tell(names, TroubleKind::Incomplete, "its attributes cannot be set", set());
        }
    }

    /// The folder that an entry belongs in.
    fn folder(&self, target: Option<&Folder>, entry: &Entry) -> io::Result<Option<Folder>> {
        let (Some(target), Some((above, _))) = (target, entry.names.split()) else { return Ok(None) };
        match target.below(above) {
            Err(error) if self.options.dry_run && error.kind() == io::ErrorKind::NotFound => Ok(None),
            folder => folder.map(Some),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn made(&self, entry: &Entry) {
        let mut state = self.state();
        if entry.attr.kind == FileKind::File {
            state.restored.files += 1;
            state.restored.bytes += entry.attr.size;
            state.progress.bytes_read += entry.attr.size;
        } else {
            state.restored.others += 1;
        }
        if let Some(file) = entry.shared() {
            state.firsts.entry(file).or_insert_with(|| entry.names.clone());
        }
        state.progress.entries += 1;
        self.monitor.progress(&state.progress);
    }

    /// Tells what an entry lacks, or as a trouble of this kind why it is not what it was; `cannot` is what the target
    /// may not let be done.
    fn tell(&self, names: &Names, kind: TroubleKind, cannot: &str, result: Result<Lacking, Reason>) {
        match result {
            Ok(lacking) => {
                lacking.iter().for_each(|reason| self.trouble(names, TroubleKind::Incomplete, reason));
            }
            Err(Reason::Exists) => {
                self.trouble(names, TroubleKind::Exists, "exists, and was left as it is");
            }
            Err(Reason::Read(error)) => {
                self.trouble(names, kind, format!("cannot be read from history: {error}"));
            }
            Err(Reason::Write(error)) => self.trouble(names, kind, format!("{cannot}: {error}")),
            Err(Reason::Cancelled) => {}
        }
    }

    fn trouble(&self, names: &Names, kind: TroubleKind, reason: impl Display) {
        self.state().restored.troubled += 1;
        let separator = MAIN_SEPARATOR as u8;
        let mut path = self.target.as_os_str().as_encoded_bytes().to_vec();
        for name in names.down() {
            if path.last() != Some(&separator) {
                path.push(separator);
            }
            path.extend(name.to_bytes());
        }
        self.monitor.trouble(&Trouble { path, kind, reason: reason.to_string() });
    }
}

#[cfg(test)]
mod tests;
