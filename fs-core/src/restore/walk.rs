//! The walk of a tree that is restored.

use std::collections::HashSet;
use std::ffi::CString;
use std::io;
use std::sync::mpsc::SyncSender;

use super::claims::{Claim, Claims, Holder};
use super::disk::{self, Folder, LINKS_LAST, LostAttribute, NameKey, Site};
use super::entry::{Deferred, Entry, LinkKey};
use super::path::RelativePath;
use super::restorer::{Job, Restorer};
use crate::format::limits::MAX_DEPTH;
use crate::monitor::TroubleKind;
use crate::view::{FileKind, Listing, Node, Unlisted, ViewError};

/// A folder that is being walked.
struct Frame {
    site: Site,
    claim: Claim,
    path: RelativePath,
    listing: Listing,
    /// Names that existed before, and that this restore has not used.
    unclaimed: HashSet<NameKey>,
}

impl Frame {
    /// Reports what could not be listed of the folder.
    fn report_unlisted(&self, restorer: &Restorer<'_>, error: &ViewError) {
        let unread = match error {
            ViewError::NotRead(_) => self.listing.unread(restorer.view).unwrap_or_default(),
            _ => Vec::new(),
        };
        if unread.is_empty() {
            let reason = format!("its content cannot be read: {error}");
            restorer.report_trouble(&self.path, TroubleKind::Incomplete, reason);
        }
        for Unlisted { name, not_read } in unread {
            let reason = &not_read.reason;
            match CString::new(Vec::from(name)) {
                Ok(name) if !name.is_empty() => {
                    restorer.report_not_read(&self.path.join(name), TroubleKind::Unreadable, reason);
                }
                _ => restorer.report_not_read(&self.path, TroubleKind::Incomplete, reason),
            }
        }
    }
}

/// The walk of a tree that is restored.
pub(super) struct Walk<'a> {
    restorer: &'a Restorer<'a>,
    jobs: SyncSender<Job>,
    deferred: Deferred,
    /// Files with several names that were sent to the threads.
    begun: HashSet<LinkKey>,
    frames: Vec<Frame>,
    claims: &'a mut Claims,
    /// The number of entries so far.
    order: u64,
}

impl<'a> Walk<'a> {
    pub(super) fn new(restorer: &'a Restorer<'a>, jobs: SyncSender<Job>, claims: &'a mut Claims) -> Self {
        let (deferred, begun, frames) = (Deferred::default(), HashSet::new(), Vec::new());
        Self { restorer, jobs, deferred, begun, frames, claims, order: 0 }
    }

    /// Walks everything below the folder that was entered or taken last. The stack is explicit: a tree may be
    /// deeper than a thread's stack. Returns the unused names of the top folder in `unclaimed`.
    pub(super) fn run(mut self, unclaimed: &mut HashSet<NameKey>) -> Deferred {
        while let Some(frame) = self.frames.last_mut() {
            if self.restorer.cancellation.is_cancelled() {
                break;
            }
            match frame.listing.next(self.restorer.view) {
                Ok(Some((name, node))) => {
                    if let Ok(name) = CString::new(name) {
                        let existed = frame.unclaimed.remove(&disk::key_of(&name));
                        let (site, claim, path) = (frame.site.clone(), frame.claim, frame.path.join(name));
                        self.take(&site, claim, path, node, existed);
                    } else {
                        let reason = "a name in it cannot be a name here";
                        self.restorer.report_trouble(&frame.path, TroubleKind::Incomplete, reason);
                    }
                    continue;
                }
                Ok(None) => {}
                Err(error) => frame.report_unlisted(self.restorer, &error),
            }
            if let Some(frame) = self.frames.pop()
                && frame.path.split().is_none()
            {
                *unclaimed = frame.unclaimed;
            }
        }
        self.deferred
    }

    /// Restores an entry, or begins a folder. `above` is the claim of its parent folder. `existed` is true if
    /// an entry with exactly this name existed before.
    pub(super) fn take(&mut self, site: &Site, above: Claim, path: RelativePath, node: Node, existed: bool) {
        let Some((_, name)) = path.split() else { return };
        let claim = above.below(self.claims, site, name);
        let view = self.restorer.view;
        let attr = view.attr(&node);
        // An empty file would look like the content.
        if attr.kind != FileKind::Directory
            && let Some(not_read) = view.not_read(&node)
        {
            return self.restorer.report_not_read(&path, TroubleKind::Unreadable, &not_read.reason);
        }
        if view.lacks_xattrs(&node) {
            self.restorer.report_lacking_xattrs(&path);
        }
        self.order += 1;
        let entry = Entry { path, node, attr, existed, claim, order: self.order };
        if attr.kind == FileKind::Directory {
            if let Err(error) = self.enter(site, &entry) {
                let reason = match error.kind() {
                    io::ErrorKind::NotADirectory => "something else has its name".to_owned(),
                    _ => format!("cannot be made: {error}"),
                };
                self.restorer.report_trouble(&entry.path, TroubleKind::Unreadable, reason);
            }
            return;
        }
        let waits = LINKS_LAST && attr.kind == FileKind::Symlink;
        let is_begun = |key| self.restorer.state().link_groups.contains_key(&key) || !self.begun.insert(key);
        let waits = waits || entry.link_key().is_some_and(is_begun);
        // An entry whose name an earlier entry may hold waits until the earlier one is restored.
        if waits || (!existed && self.claims.contains_key(&claim)) {
            self.deferred.entries.push(entry);
        } else {
            self.claim(site, claim, Holder::Entry);
            // The send never fails: the threads outlive this walk.
            let _ = self.jobs.send((site.clone(), entry));
        }
    }

    /// Records a used name, if another name may be one with it or a dry run needs it.
    fn claim(&mut self, site: &Site, claim: Claim, holder: Holder) {
        if self.restorer.options.dry_run || site.file_system().folds() {
            self.claims.insert(claim, holder);
        }
    }

    /// Begins with the target itself. It keeps its attributes if it existed. `unclaimed` are the names in it.
    pub(super) fn enter_target(&mut self, is_new: bool, node: Node, unclaimed: HashSet<NameKey>) {
        let (site, top, options) = (self.restorer.target, RelativePath::default(), self.restorer.options);
        if !is_new && options.overwrite {
            self.deferred.top = Some(node.clone());
        }
        if is_new && options.dry_run {
            match self.predict(site, None, &node) {
                Ok(lost) => self.restorer.report_lost(0, &top, lost),
                Err(error) => self.restorer.report_trouble(&top, TroubleKind::Unreadable, error),
            }
        }
        let (claim, listing) = (Claim::default(), Listing::new(node.clone()));
        let frame = Frame { site: site.clone(), claim, path: top, listing, unclaimed };
        self.push(frame, is_new.then_some(node));
    }

    /// Creates or enters a folder in the folder `above`, and begins with its entries.
    fn enter(&mut self, above: &Site, entry: &Entry) -> io::Result<()> {
        let Entry { path, node, attr, existed, claim, .. } = entry;
        let options = self.restorer.options;
        let (site, is_new) = self.make_folder(above, entry)?;
        let existing = site.existing().filter(|_| !is_new);
        // A folder that this restore created earlier, maybe under an equivalent name, keeps its attributes.
        let is_set = is_new || (*existed && options.overwrite);
        let unclaimed = match existing.filter(|_| *existed) {
            Some(folder) => folder.names(!options.dry_run)?,
            None => HashSet::new(),
        };
        if is_set && options.dry_run {
            let lost = self.predict(&site, existing, node)?;
            self.restorer.report_lost(self.order, path, lost);
        } else if let Some(folder) = existing.filter(|_| is_set) {
            let xattrs = self.restorer.view.xattrs(node).unwrap_or_default();
            disk::tighten(folder, attr, &xattrs);
        }
        self.claim(&site, *claim, Holder::Folder);
        let listing = Listing::new(node.clone());
        let frame = Frame { site, claim: *claim, path: path.clone(), listing, unclaimed };
        self.push(frame, is_set.then(|| node.clone()));
        Ok(())
    }

    /// Predicts the attributes that an existing or a planned folder will lose.
    fn predict(&self, site: &Site, existing: Option<&Folder>, node: &Node) -> io::Result<Vec<LostAttribute>> {
        let attr = self.restorer.view.attr(node);
        let xattrs = self.restorer.view.xattrs(node).unwrap_or_default();
        match existing {
            Some(folder) => Ok(disk::predict_existing(folder, site, &attr, &xattrs)),
            None => Ok(disk::predict(site, &attr, &xattrs)?.0),
        }
    }

    /// Begins with the entries of a folder. It gets the attributes of the node `set` at the end.
    fn push(&mut self, frame: Frame, set: Option<Node>) {
        self.deferred.folders.extend(set.map(|node| (self.order, frame.path.clone(), node)));
        self.restorer.state().restored.directories += 1;
        self.frames.push(frame);
    }

    /// Creates or enters a folder; true if it was created.
    fn make_folder(&self, above: &Site, entry: &Entry) -> io::Result<(Site, bool)> {
        if self.frames.len() >= MAX_DEPTH {
            return Err(io::Error::other("it is nested too deeply"));
        }
        let Some((upper, name)) = entry.path.split() else { return Ok((above.clone(), true)) };
        let holder = self.claims.get(&entry.claim).copied();
        if holder == Some(Holder::Entry) && !entry.existed {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        match above.existing() {
            Some(folder) if !self.restorer.options.dry_run => {
                let (made, is_new) = folder.make(name)?;
                return Ok((Site::at(made), is_new));
            }
            Some(folder) => match folder.enter(name) {
                Err(error) if error.kind() == io::ErrorKind::NotFound && !entry.existed => {
                    folder.check_writable(self.restorer.options.overwrite && upper.split().is_some())?;
                }
                entered => return Ok((Site::at(entered?), false)),
            },
            None => {}
        }
        above.check_name(name, false)?;
        Ok((above.planned(), holder.is_none()))
    }
}
