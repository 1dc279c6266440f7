//! The state of a restore that all its threads share, and its reports.

use std::collections::{HashMap, HashSet};
use std::fmt::Display;
use std::path::{MAIN_SEPARATOR, Path};
use std::sync::mpsc::Receiver;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::claims::{Claim, Claims, Holder};
use super::disk::{self, FileId, LostAttribute, Site};
use super::entry::{Deferred, Entry, Failure, LinkKey, LinkTarget};
use super::losses::Losses;
use super::path::RelativePath;
use super::{RestoreOptions, Restored};
use crate::history::joined;
use crate::monitor::{Cancellation, Monitor, Progress, Trouble, TroubleKind};
use crate::view::{FileKind, View};

/// Restored files with several names: for each its first name, and the names where a link was impossible.
pub(super) type LinkGroups = HashMap<LinkKey, Vec<LinkTarget>>;

/// An entry for the threads, and its folder.
pub(super) type Job = (Site, Entry);

/// State shared by all threads.
pub(super) struct Restorer<'a> {
    pub(super) view: &'a View,
    pub(super) from: Origin,
    /// The target, and its path.
    pub(super) target: &'a Site,
    pub(super) path: &'a Path,
    pub(super) options: RestoreOptions,
    pub(super) monitor: &'a dyn Monitor,
    pub(super) cancellation: &'a Cancellation,
    pub(super) state: Mutex<State>,
}

/// The restored node in its snapshot.
pub(super) struct Origin {
    pub(super) path: Vec<u8>,
    /// Whether the first name below the target is that of the node itself.
    pub(super) is_named: bool,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) restored: Restored,
    pub(super) progress: Progress,
    pub(super) link_groups: LinkGroups,
    pub(super) losses: Losses,
    /// Claims of entries that could not be restored.
    pub(super) freed: HashSet<Claim>,
    /// Entries whose extended attributes the import could not read, by the addresses of their paths. They
    /// are reported and counted already.
    pub(super) lacking: HashMap<usize, RelativePath>,
}

impl Restorer<'_> {
    /// Restores entries until there are no more.
    pub(super) fn work(&self, jobs: &Mutex<Receiver<Job>>) {
        loop {
            let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
            let Ok((site, entry)) = job else { return };
            if !self.cancellation.is_cancelled() {
                self.restore(&site, &entry, &[], false);
            }
        }
    }

    /// Completes the restore when all files exist: creates their other names, and sets the attributes of
    /// folders.
    pub(super) fn finish(&self, deferred: &Deferred, claims: &mut Claims) {
        for entry in &deferred.entries {
            if self.cancellation.is_cancelled() {
                return;
            }
            let Some((above, _)) = entry.path.split() else { continue };
            // The folder was closed after the walk: there may be more folders than a process can keep open.
            let site = match self.target.below(above) {
                Ok(site) => site,
                Err(error) => {
                    self.report_failure(entry, error.into());
                    continue;
                }
            };
            let is_taken = claims.contains_key(&entry.claim) && !self.state().freed.remove(&entry.claim);
            if self.options.dry_run || site.file_system().folds() {
                claims.insert(entry.claim, Holder::Entry);
            }
            let group = entry.link_key().and_then(|key| self.state().link_groups.get(&key).cloned());
            self.restore(&site, entry, &group.unwrap_or_default(), is_taken);
        }
        for claim in self.state().freed.drain() {
            claims.remove(&claim);
        }
        if !self.options.dry_run {
            self.set_folders(deferred);
        }
        let losses = std::mem::take(&mut self.state().losses);
        for (path, text, expected) in losses.messages() {
            let kind = if expected { TroubleKind::Unkept } else { TroubleKind::Incomplete };
            self.report(&path, kind, text);
        }
    }

    /// Sets the attributes of folders, the deepest first.
    fn set_folders(&self, deferred: &Deferred) {
        let Some(target) = self.target.existing() else { return };
        if let Some(node) = &deferred.top {
            disk::set_time(target, &self.view.attr(node));
        }
        for (order, path, node) in deferred.folders.iter().rev() {
            let set = || -> Result<_, Failure> {
                let xattrs = self.view.xattrs(node)?;
                Ok(disk::set_folder(&target.below(path)?, &self.view.attr(node), &xattrs))
            };
            let reason = match set() {
                Ok(lost) => {
                    self.report_lost(*order, path, lost);
                    continue;
                }
                Err(Failure::Read(error)) => format!("its attributes cannot be read from history: {error}"),
                Err(Failure::Write(error)) => format!("its attributes cannot be set: {error}"),
                Err(Failure::Exists | Failure::Cancelled) => continue,
            };
            self.report_trouble(path, TroubleKind::Incomplete, reason);
        }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a created entry. `id` identifies the file, unless the entry is a hard link.
    pub(super) fn count_created(&self, entry: &Entry, replaced: bool, id: Option<FileId>) {
        let mut state = self.state();
        if entry.attr.kind == FileKind::File {
            state.restored.files += 1;
            state.restored.bytes += entry.attr.size;
            state.progress.bytes_read += entry.attr.size;
        } else {
            state.restored.others += 1;
        }
        state.restored.replaced += u64::from(replaced);
        if let Some(key) = entry.link_key() {
            let group = state.link_groups.entry(key).or_default();
            if id.is_some() || group.is_empty() {
                group.push(LinkTarget { path: entry.path.clone(), id, links: 1 });
            }
        }
        self.progress(state);
    }

    /// Counts an entry that exists as this file.
    pub(super) fn count_kept(&self, entry: &Entry, id: Option<FileId>) {
        let mut state = self.state();
        state.restored.kept += 1;
        if let Some(key) = entry.link_key() {
            let group = state.link_groups.entry(key).or_default();
            if group.is_empty() {
                group.push(LinkTarget { path: entry.path.clone(), id, links: 0 });
            }
            if let Some(first) = group.iter_mut().find(|first| first.id == id) {
                first.links += 1;
            }
        }
        self.progress(state);
    }

    /// Counts one more name of a file, for dry runs. It is linked to the `nth` of its restored names.
    pub(super) fn count_link(&self, entry: &Entry, nth: usize) {
        let mut state = self.state();
        let group = entry.link_key().and_then(|key| state.link_groups.get_mut(&key));
        if let Some(first) = group.and_then(|group| group.get_mut(nth)) {
            first.links += 1;
        }
    }

    fn progress(&self, mut state: MutexGuard<'_, State>) {
        state.progress.entries += 1;
        self.monitor.progress(&state.progress);
    }

    /// Records attributes that an entry lost. `order` is the entry's position in the walk.
    pub(super) fn report_lost(&self, order: u64, path: &RelativePath, lost: Vec<LostAttribute>) {
        let mut state = self.state();
        let is_counted = state.lacking.contains_key(&path.address());
        let is_troubled = lost.iter().any(|attribute| !attribute.expected);
        state.restored.troubled += u64::from(is_troubled && !is_counted);
        for attribute in lost {
            state.losses.add(order, path, attribute);
        }
    }

    /// Reports the reason why an entry was not restored.
    pub(super) fn report_failure(&self, entry: &Entry, failure: Failure) {
        let reason = match failure {
            Failure::Exists if entry.existed => {
                let reason = "exists, and was left as it is";
                return self.report_trouble(&entry.path, TroubleKind::Exists, reason);
            }
            Failure::Exists => "cannot be written: its name is one here with that of another file".to_owned(),
            Failure::Read(error) => format!("cannot be read from history: {error}"),
            Failure::Write(error) => format!("cannot be written: {error}"),
            Failure::Cancelled => return,
        };
        self.report_trouble(&entry.path, TroubleKind::Unreadable, reason);
    }

    /// Reports an entry that was not restored completely.
    pub(super) fn report_trouble(&self, path: &RelativePath, kind: TroubleKind, reason: impl Display) {
        let mut state = self.state();
        state.restored.troubled += u64::from(!state.lacking.contains_key(&path.address()));
        drop(state);
        self.report(path, kind, reason);
    }

    /// Reports an entry whose content the import could not read, or not completely.
    pub(super) fn report_not_read(&self, path: &RelativePath, kind: TroubleKind, reason: &str) {
        let from = self.from(path);
        self.report_trouble(path, kind, format!("{from} could not be read into the snapshot: {reason}"));
    }

    /// Reports an entry of which the import could not read all extended attributes.
    pub(super) fn report_lacking_xattrs(&self, path: &RelativePath) {
        let from = self.from(path);
        let reason = format!("some extended attributes of {from} could not be read into the snapshot");
        self.report_trouble(path, TroubleKind::Incomplete, reason);
        self.state().lacking.insert(path.address(), path.clone());
    }

    /// An entry's path in the snapshot, for messages.
    fn from(&self, relative: &RelativePath) -> String {
        let Origin { path, is_named } = &self.from;
        let names = relative.names().skip(usize::from(*is_named));
        let path = names.fold(path.clone(), |path, name| joined(&path, name.to_bytes()));
        if path.is_empty() { "its root".to_owned() } else { String::from_utf8_lossy(&path).into_owned() }
    }

    fn report(&self, path: &RelativePath, kind: TroubleKind, reason: impl Display) {
        self.monitor.trouble(&Trouble { path: self.path_of(path), kind, reason: reason.to_string() });
    }

    /// An entry's path, as the user would name it.
    pub(super) fn path_of(&self, relative: &RelativePath) -> Vec<u8> {
        let separator = MAIN_SEPARATOR as u8;
        let mut path = self.path.as_os_str().as_encoded_bytes().to_vec();
        for name in relative.names() {
            if path.last().is_some_and(|last| *last != separator) {
                path.push(separator);
            }
            path.extend(name.to_bytes());
        }
        path
    }
}
