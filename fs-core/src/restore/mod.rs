//! Restores a tree of a snapshot to disk.
//!
//! One thread walks the tree and creates folders; other threads create files. Each file appears under its
//! name only when it is complete, with all attributes. Hard links and the attributes of folders come last:
//! they rely on the files.
//!
//! Content comes first: a file is restored even if an attribute cannot be set. Nothing is ever more open than
//! in the snapshot: a new entry is private to this process until it has its owner, its ACLs and its mode.

mod claims;
mod content;
mod disk;
mod losses;
mod names;
mod one;
mod target;
mod walk;

use std::collections::{HashMap, HashSet};
use std::ffi::{CStr, CString};
use std::fmt::Display;
use std::io;
use std::path::{MAIN_SEPARATOR, Path, PathBuf};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use claims::{Claim, Claims, Holder};
use disk::{FileId, Folder, Lacking, Site};
use losses::Losses;
use names::Names;
use one::{Deed, Made, Reason};
pub use target::Shape;
use target::Target;
use thiserror::Error;
use walk::{Rest, Walk};

use crate::format::SnapshotId;
use crate::monitor::{Cancellation, Monitor, Progress, Trouble, TroubleKind};
use crate::view::{Attr, FileKind, Node, View};

/// Bound of the files that wait for a thread.
const WAITING: usize = 64;

/// The reason why a restore stopped.
#[derive(Debug, Error)]
pub enum RestoreError {
    /// The target cannot be opened or created.
    #[error("cannot restore to {}: {reason}", path.display())]
    Target {
        /// The folder.
        path: PathBuf,
        /// The reason.
        reason: io::Error,
    },
    /// The user asked the restore to stop.
    #[error("interrupted: what was already restored stays")]
    Cancelled,
}

/// Options of a restore.
#[derive(Debug, Clone, Copy, Default)]
pub struct RestoreOptions {
    /// Replace existing files that differ. Folders are merged in any case.
    pub overwrite: bool,
    /// Only predict the result of the restore.
    pub dry_run: bool,
}

/// The result of a restore.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Restored {
    /// Regular files created, each hard link counted.
    pub files: u64,
    /// Folders, including those that existed.
    pub directories: u64,
    /// Other entries created, except folders.
    pub others: u64,
    /// Bytes of the files.
    pub bytes: u64,
    /// Existing entries that are identical in everything, except folders.
    pub kept: u64,
    /// Existing entries that were replaced.
    pub replaced: u64,
    /// Entries that were not restored completely, as reported to the monitor.
    pub troubled: u64,
}

/// Identifies a file with several names in a snapshot.
type LinkKey = (Option<SnapshotId>, u128);

/// An entry to be created.
#[derive(Debug)]
struct Entry {
    names: Names,
    node: Node,
    attr: Attr,
    /// An entry with exactly this name existed before the restore. Only such an entry may be replaced: a file
    /// system may treat other names as equal to those that this restore has created.
    there: bool,
    /// Its path, as the file system compares it.
    claim: Claim,
    /// Its position in the walk.
    order: u64,
}

impl Entry {
    /// The file's identity, if it has other names.
    fn shared(&self) -> Option<LinkKey> {
        let is_shared = self.attr.kind != FileKind::Directory && self.attr.nlink > 1;
        is_shared.then(|| (self.node.snapshot_id(), self.node.identity()))
    }
}

/// A restored name that further names can be linked to.
#[derive(Debug, Clone)]
struct First {
    names: Names,
    id: Option<FileId>,
    /// Number of names that this restore has given the file.
    links: u64,
}

/// If an entry is a further name of a file: the restored names of that file.
#[derive(Debug, Default)]
struct Links<'a> {
    target: Option<&'a Site>,
    firsts: &'a [First],
    /// Whether an earlier entry is known to hold the name.
    is_taken: bool,
}

impl Links<'_> {
    /// The file's identity, if known.
    fn id(&self) -> Option<FileId> {
        self.firsts.last().and_then(|first| first.id)
    }

    /// The existing target.
    fn target(&self) -> Option<&Folder> {
        self.target.and_then(Site::existing)
    }
}

/// Restored files with several names: for each its first name, and the names where a link was impossible.
type Firsts = HashMap<LinkKey, Vec<First>>;

/// An entry for the threads, and its folder.
type Job = (Site, Entry);

/// Restores several entries of history into one folder. Hard links between them are kept. No entry replaces
/// an entry that this restore has created.
#[derive(Debug)]
pub struct Restore {
    target: Target,
    options: RestoreOptions,
    firsts: Firsts,
    claims: Claims,
}

/// State shared by all threads.
struct Shared<'a> {
    view: &'a View,
    /// The path of the target.
    path: &'a Path,
    options: RestoreOptions,
    monitor: &'a dyn Monitor,
    cancellation: &'a Cancellation,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    restored: Restored,
    progress: Progress,
    firsts: Firsts,
    losses: Losses,
    /// Claims of entries that could not be restored.
    freed: HashSet<Claim>,
}

impl Restore {
    /// Begins to restore entries of this shape to `to`, which is created if it is missing.
    pub fn begin(to: &Path, shape: Shape, options: RestoreOptions) -> Result<Self, RestoreError> {
        let target = Target::open(to, shape, options.dry_run)
            .map_err(|reason| RestoreError::Target { path: to.to_owned(), reason })?;
        Ok(Self { target, options, firsts: Firsts::default(), claims: Claims::default() })
    }

    /// Restores `node` of `view` as `name`, or its entries if there is no name. Links in the target are not
    /// followed. Entries that cannot be restored are reported to the monitor, and the others are restored.
    pub fn take_back(
        &mut self,
        view: &View,
        node: Node,
        name: Option<&[u8]>,
        monitor: &dyn Monitor,
        cancellation: &Cancellation,
    ) -> Result<Restored, RestoreError> {
        let state = State { firsts: std::mem::take(&mut self.firsts), ..State::default() };
        let Target { path, site, made, there, name: named } = &mut self.target;
        let claims = &mut self.claims;
        let shared =
            Shared { view, path, options: self.options, monitor, cancellation, state: Mutex::new(state) };
        let rest = thread::scope(|scope| {
            let (sender, jobs) = sync_channel(WAITING);
            let jobs = Arc::new(Mutex::new(jobs));
            let shared = &shared;
            for _ in 0..thread::available_parallelism().map_or(2, usize::from).clamp(2, 8) {
                let jobs = Arc::clone(&jobs);
                scope.spawn(move || shared.work(&jobs));
            }
            let mut walk = Walk::new(shared, sender, claims);
            let top = Names::default();
            let name = name.map(|name| named.clone().map_or_else(|| CString::new(name), Ok));
            match name {
                // The target keeps its owner and mode, unless it was created as this folder.
                None => walk.enter_top(site.clone(), std::mem::take(made), node, std::mem::take(there)),
                Some(Ok(name)) => {
                    let was_there = there.remove(&disk::key_of(&name));
                    walk.take(site, Claim::default(), top.with(name), node, was_there);
                }
                Some(Err(_)) => shared.trouble(&top, TroubleKind::Unreadable, "its name cannot be one here"),
            }
            walk.run(there)
        });
        shared.finish(site, &rest, &mut self.claims);
        let state = shared.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        self.firsts = state.firsts;
        if cancellation.is_cancelled() {
            return Err(RestoreError::Cancelled);
        }
        Ok(state.restored)
    }
}

impl Shared<'_> {
    fn work(&self, jobs: &Mutex<Receiver<Job>>) {
        loop {
            let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
            let Ok((site, entry)) = job else { return };
            if !self.cancellation.is_cancelled() {
                self.make(&site, &entry);
            }
        }
    }

    /// Creates an entry with all its attributes.
    fn make(&self, site: &Site, entry: &Entry) {
        self.put(site, entry, &Links::default(), |folder, name, replace| {
            one::make(self, folder, name, entry, replace)
        });
    }

    /// Creates a hard link to the first of these names that allows one, else a copy. Without such names,
    /// creates the entry.
    fn link(&self, links: &Links<'_>, site: &Site, entry: &Entry) {
        self.put(site, entry, links, |folder, name, replace| {
            let mut failed = None;
            for First { names, id, .. } in links.firsts.iter().rev() {
                let (Some((above, first)), Some(target)) = (names.split(), links.target()) else { continue };
                let begun = target.below(above).and_then(|above| {
                    folder.begin(|folder, name| folder.make_link(name, &above, first, *id))
                });
                match begun {
                    Ok((link, ())) => {
                        link.finish(name, replace)?;
                        return Ok(Made::default());
                    }
                    Err(error) => failed = Some(error),
                }
            }
            let mut made = one::make(self, folder, name, entry, replace)?;
            if !links.firsts.is_empty() {
                made.is_copy(failed);
            }
            Ok(made)
        });
    }

    /// Creates an entry by `make`, unless it exists or this is a dry run. Reports errors. `links` are the
    /// restored names of the same file.
    fn put(
        &self,
        site: &Site,
        entry: &Entry,
        links: &Links<'_>,
        make: impl FnOnce(&Folder, &CStr, bool) -> Result<Made, Reason>,
    ) {
        let Some((above, name)) = entry.names.split() else { return };
        let deed = match site.existing() {
            Some(folder) if entry.there => one::decide(self, folder, name, entry, links.id()),
            _ => Ok(Deed::Make),
        };
        let replace = matches!(deed, Ok(Deed::Replace));
        let made = match (deed, site.existing()) {
            (Err(reason), _) => Err(reason),
            (Ok(Deed::Keep(id)), _) => return self.kept(entry, id),
            (Ok(Deed::Make | Deed::Replace), Some(folder)) if !self.options.dry_run => {
                make(folder, name, replace)
            }
            (Ok(Deed::Make | Deed::Replace), _) => {
                let may_change = self.options.overwrite && above.split().is_some();
                one::foresee(self, site, entry, links, replace, may_change)
            }
        };
        match made {
            Ok(Made { lacking, id }) => {
                if replace && self.options.dry_run {
                    self.monitor.replaces(&self.path_of(&entry.names));
                }
                self.made(entry, replace, id);
                self.lacks(entry.order, &entry.names, lacking);
            }
            Err(reason) => {
                if !links.is_taken && !matches!(reason, Reason::Exists) {
                    self.state().freed.insert(entry.claim);
                }
                self.tell(entry, reason);
            }
        }
    }

    /// Completes the restore when all files exist: creates their other names, and sets the attributes of
    /// folders.
    fn finish(&self, target: &Site, rest: &Rest, claims: &mut Claims) {
        for entry in &rest.links {
            if self.cancellation.is_cancelled() {
                return;
            }
            let Some((above, _)) = entry.names.split() else { continue };
            // The folder was closed after the walk: there may be more folders than a process can keep open.
            let site = match target.below(above) {
                Ok(site) => site,
                Err(error) => {
                    self.tell(entry, error.into());
                    continue;
                }
            };
            let is_taken = claims.holder(entry.claim).is_some() && !self.state().freed.remove(&entry.claim);
            if self.options.dry_run || site.file_system().folds() {
                claims.give(entry.claim, Holder::Entry);
            }
            let firsts = entry.shared().and_then(|key| self.state().firsts.get(&key).cloned());
            let links =
                Links { target: Some(target), firsts: firsts.as_deref().unwrap_or_default(), is_taken };
            self.link(&links, &site, entry);
        }
        for claim in self.state().freed.drain() {
            claims.free(claim);
        }
        if let Some(folder) = target.existing().filter(|_| !self.options.dry_run) {
            self.set_folders(folder, rest);
        }
        let losses = std::mem::take(&mut self.state().losses);
        for loss in losses.tell() {
            let kind = if loss.expected { TroubleKind::Unkept } else { TroubleKind::Incomplete };
            self.say(&loss.names, kind, loss.text);
        }
    }

    /// Sets the attributes of folders, the deepest first.
    fn set_folders(&self, target: &Folder, rest: &Rest) {
        if let Some(node) = &rest.top {
            disk::set_time(target, &self.view.attr(node));
        }
        for (order, names, node) in rest.folders.iter().rev() {
            let set = || -> Result<Lacking, Reason> {
                let xattrs = self.view.xattrs(node)?;
                Ok(disk::set_folder(&target.below(names)?, &self.view.attr(node), &xattrs))
            };
            match set() {
                Ok(lacking) => self.lacks(*order, names, lacking),
                Err(Reason::Read(error)) => {
                    let reason = format!("its attributes cannot be read from history: {error}");
                    self.trouble(names, TroubleKind::Incomplete, reason);
                }
                Err(Reason::Write(error)) => {
                    let reason = format!("its attributes cannot be set: {error}");
                    self.trouble(names, TroubleKind::Incomplete, reason);
                }
                Err(Reason::Exists | Reason::Cancelled) => {}
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a created entry. `id` identifies the file, unless the entry is a hard link.
    fn made(&self, entry: &Entry, replaced: bool, id: Option<FileId>) {
        let mut state = self.state();
        if entry.attr.kind == FileKind::File {
            state.restored.files += 1;
            state.restored.bytes += entry.attr.size;
            state.progress.bytes_read += entry.attr.size;
        } else {
            state.restored.others += 1;
        }
        state.restored.replaced += u64::from(replaced);
        if let Some(key) = entry.shared() {
            let firsts = state.firsts.entry(key).or_default();
            if id.is_some() || firsts.is_empty() {
                firsts.push(First { names: entry.names.clone(), id, links: 1 });
            }
        }
        state.progress.entries += 1;
        self.monitor.progress(&state.progress);
    }

    /// Counts one more name of a file, for dry runs.
    fn linked(&self, entry: &Entry, nth: usize) {
        let mut state = self.state();
        let firsts = entry.shared().and_then(|key| state.firsts.get_mut(&key));
        if let Some(first) = firsts.and_then(|firsts| firsts.get_mut(nth)) {
            first.links += 1;
        }
    }

    /// Counts an entry that exists as this file.
    fn kept(&self, entry: &Entry, id: Option<FileId>) {
        let mut state = self.state();
        state.restored.kept += 1;
        if let Some(key) = entry.shared() {
            let firsts = state.firsts.entry(key).or_default();
            if firsts.is_empty() {
                firsts.push(First { names: entry.names.clone(), id, links: 0 });
            }
            if let Some(first) = firsts.iter_mut().find(|first| first.id == id) {
                first.links += 1;
            }
        }
        state.progress.entries += 1;
        self.monitor.progress(&state.progress);
    }

    /// Records attributes that an entry lacks. `order` is the entry's position in the walk.
    fn lacks(&self, order: u64, names: &Names, lacking: Lacking) {
        let mut state = self.state();
        state.restored.troubled += u64::from(lacking.iter().any(|lack| !lack.expected));
        for lack in lacking {
            state.losses.add(order, names, lack);
        }
    }

    /// Reports the reason why an entry was not restored.
    fn tell(&self, entry: &Entry, reason: Reason) {
        let names = &entry.names;
        match reason {
            Reason::Exists if entry.there => {
                self.trouble(names, TroubleKind::Exists, "exists, and was left as it is");
            }
            Reason::Exists => {
                let reason = "cannot be written: its name is one here with that of another file";
                self.trouble(names, TroubleKind::Unreadable, reason);
            }
            Reason::Read(error) => {
                self.trouble(names, TroubleKind::Unreadable, format!("cannot be read from history: {error}"));
            }
            Reason::Write(error) => {
                self.trouble(names, TroubleKind::Unreadable, format!("cannot be written: {error}"));
            }
            Reason::Cancelled => {}
        }
    }

    /// Reports an entry that was not restored completely.
    fn trouble(&self, names: &Names, kind: TroubleKind, reason: impl Display) {
        self.state().restored.troubled += 1;
        self.say(names, kind, reason);
    }

    fn say(&self, names: &Names, kind: TroubleKind, reason: impl Display) {
        self.monitor.trouble(&Trouble { path: self.path_of(names), kind, reason: reason.to_string() });
    }

    /// An entry's path, as the user would name it.
    fn path_of(&self, names: &Names) -> Vec<u8> {
        let separator = MAIN_SEPARATOR as u8;
        let mut path = self.path.as_os_str().as_encoded_bytes().to_vec();
        for name in names.down() {
            if path.last().is_some_and(|last| *last != separator) {
                path.push(separator);
            }
            path.extend(name.to_bytes());
        }
        path
    }
}

#[cfg(test)]
mod tests;
