//! The walk of a tree that is restored.

use std::collections::{HashSet, VecDeque};
use std::ffi::CString;
use std::io;
use std::sync::mpsc::SyncSender;

use super::claims::{Claim, Claims, Holder};
use super::disk::{self, LINKS_LAST, Lacking, NameKey, Site};
use super::names::Names;
use super::{Entry, Job, LinkKey, Shared};
use crate::format::limits::MAX_DEPTH;
use crate::monitor::TroubleKind;
use crate::view::{FileKind, Node};

/// Entries of a folder that are read at a time.
const BATCH: usize = 1024;

/// Work that remains once all files are restored.
#[derive(Debug, Default)]
pub(super) struct Rest {
    /// Entries to be created last: further names of hard-linked files, and names that equal an earlier name
    /// to the file system. On some platforms, symbolic links also come last.
    pub(super) links: Vec<Entry>,
    /// Folders and their positions in the walk, parents before children. Their attributes are set last, as
    /// creating entries in a folder changes them.
    pub(super) folders: Vec<(u64, Names, Node)>,
    /// The folder whose time an existing target gets. It keeps its own owner and mode.
    pub(super) top: Option<Node>,
}

/// A folder that is being walked.
struct Frame {
    site: Site,
    claim: Claim,
    names: Names,
    node: Node,
    offset: u64,
    batch: VecDeque<(CString, Node)>,
    /// Names that existed before, and that this restore has not used.
    there: HashSet<NameKey>,
}

/// A folder at the start of its walk.
struct Begun {
    site: Site,
    /// Whether this restore created it.
    made: bool,
    /// See [`Entry::there`].
    there: bool,
}

pub(super) struct Walk<'a> {
    shared: &'a Shared<'a>,
    jobs: SyncSender<Job>,
    rest: Rest,
    /// Files with several names that were sent to the threads.
    begun: HashSet<LinkKey>,
    frames: Vec<Frame>,
    claims: &'a mut Claims,
    /// The number of entries so far.
    order: u64,
}

impl<'a> Walk<'a> {
    pub(super) fn new(shared: &'a Shared<'a>, jobs: SyncSender<Job>, claims: &'a mut Claims) -> Self {
        let (rest, begun, frames) = (Rest::default(), HashSet::new(), Vec::new());
        Self { shared, jobs, rest, begun, frames, claims, order: 0 }
    }

    /// Walks everything below the folder that was entered or taken last. The stack is explicit: a tree may be
    /// deeper than a thread's stack. Returns the unused names of the top folder in `there`.
    pub(super) fn run(mut self, there: &mut HashSet<NameKey>) -> Rest {
        while let Some(frame) = self.frames.last_mut() {
            if self.shared.cancellation.is_cancelled() {
                break;
            }
            if let Some((name, node)) = frame.batch.pop_front() {
                let was_there = frame.there.remove(&disk::key_of(&name));
                let (site, claim, names) = (frame.site.clone(), frame.claim, frame.names.with(name));
                self.take(&site, claim, names, node, was_there);
            } else if !self.read_on()
                && let Some(frame) = self.frames.pop()
                && frame.names.split().is_none()
            {
                *there = frame.there;
            }
        }
        self.rest
    }

    /// Reads more entries of the last folder; false if there are none.
    fn read_on(&mut self) -> bool {
        let Some(frame) = self.frames.last_mut() else { return false };
        let (batch, offset) = (&mut frame.batch, &mut frame.offset);
        let mut unnamed = 0;
        let read = self.shared.view.read_directory(&frame.node, *offset, &mut |entry| {
            match CString::new(entry.name) {
                Ok(name) => batch.push_back((name, entry.node)),
                Err(_) => unnamed += 1,
            }
            *offset = entry.next_offset;
            batch.len() < BATCH
        });
        if let Err(error) = read {
            let reason = format!("its content cannot be read: {error}");
            self.shared.trouble(&frame.names, TroubleKind::Incomplete, reason);
            return false;
        }
        if unnamed > 0 {
            self.shared.trouble(&frame.names, TroubleKind::Incomplete, "names in it cannot be names here");
        }
        !batch.is_empty()
    }

    /// Restores an entry, or begins a folder. `above` is the claim of its parent folder. `there` is true if
    /// an entry with exactly this name existed before.
    pub(super) fn take(&mut self, site: &Site, above: Claim, names: Names, node: Node, there: bool) {
        let Some((_, name)) = names.split() else { return };
        let claim = self.claims.of(above, site, name);
        let attr = self.shared.view.attr(&node);
        self.order += 1;
        if attr.kind == FileKind::Directory {
            let entered = self.make_folder(site, claim, &names, there).and_then(|(inside, made)| {
                let begun = Begun { site: inside, made, there };
                self.enter(begun, claim, names.clone(), node)
            });
            if let Err(error) = entered {
                let reason = match error.kind() {
                    io::ErrorKind::NotADirectory => "something else has its name".to_owned(),
                    _ => format!("cannot be made: {error}"),
                };
                self.shared.trouble(&names, TroubleKind::Unreadable, reason);
            }
            return;
        }
        let entry = Entry { names, node, attr, there, claim, order: self.order };
        let waits = LINKS_LAST && attr.kind == FileKind::Symlink;
        let is_begun = |key| self.shared.state().firsts.contains_key(&key) || !self.begun.insert(key);
        let waits = waits || entry.shared().is_some_and(is_begun);
        // An entry whose name an earlier entry may hold waits until the earlier one is restored.
        if waits || (!there && self.claims.holder(claim).is_some()) {
            self.rest.links.push(entry);
        } else {
            self.claim(site, claim, Holder::Entry);
            // The send never fails: the threads outlive this walk.
            let _ = self.jobs.send((site.clone(), entry));
        }
    }

    /// Records a used name, if another name may be one with it or a dry run needs it.
    fn claim(&mut self, site: &Site, claim: Claim, holder: Holder) {
        if self.shared.options.dry_run || site.file_system().folds() {
            self.claims.give(claim, holder);
        }
    }

    /// Begins with the target itself. It keeps its attributes if it existed.
    pub(super) fn enter_top(&mut self, site: Site, made: bool, node: Node, there: HashSet<NameKey>) {
        if !made && self.shared.options.overwrite {
            self.rest.top = Some(node.clone());
        }
        if made && self.shared.options.dry_run {
            let foreseen = self.foresee(&site, &node, false);
            if let Err(error) = foreseen.map(|lacking| self.shared.lacks(0, &Names::default(), lacking)) {
                self.shared.trouble(&Names::default(), TroubleKind::Unreadable, error);
            }
        }
        self.push(site, Claim::default(), Names::default(), node, made, there);
    }

    /// Begins with a folder that exists, or that a restore would create.
    fn enter(&mut self, begun: Begun, claim: Claim, names: Names, node: Node) -> io::Result<()> {
        let options = self.shared.options;
        let Begun { site, made, there } = begun;
        // A folder that this restore created earlier, maybe under an equivalent name, keeps its attributes.
        let is_set = made || (there && options.overwrite);
        let mut inside = HashSet::new();
        if let Some(folder) = site.existing().filter(|_| there && !made) {
            inside = folder.names(!options.dry_run)?;
        }
        if is_set {
            if options.dry_run {
                let lacking = self.foresee(&site, &node, !made)?;
                self.shared.lacks(self.order, &names, lacking);
            } else if let Some(folder) = site.existing().filter(|_| !made) {
                let xattrs = self.shared.view.xattrs(&node).unwrap_or_default();
                disk::tighten(folder, &self.shared.view.attr(&node), &xattrs);
            }
        }
        self.claim(&site, claim, Holder::Folder);
        self.push(site, claim, names, node, is_set, inside);
        Ok(())
    }

    /// Predicts the attributes that an existing or planned folder will lack.
    fn foresee(&self, site: &Site, node: &Node, exists: bool) -> io::Result<Lacking> {
        let attr = self.shared.view.attr(node);
        let xattrs = self.shared.view.xattrs(node).unwrap_or_default();
        match site.existing().filter(|_| exists) {
            Some(folder) => Ok(disk::foresee_existing(folder, site, &attr, &xattrs)),
            None => Ok(disk::foresee(site, &attr, &xattrs)?.0),
        }
    }

    fn push(
        &mut self,
        site: Site,
        claim: Claim,
        names: Names,
        node: Node,
        is_set: bool,
        there: HashSet<NameKey>,
    ) {
        if is_set {
            self.rest.folders.push((self.order, names.clone(), node.clone()));
        }
        self.shared.state().restored.directories += 1;
        self.frames.push(Frame { site, claim, names, node, offset: 0, batch: VecDeque::new(), there });
    }

    /// Creates or enters a folder; true if it was created.
    fn make_folder(
        &self,
        above: &Site,
        claim: Claim,
        names: &Names,
        there: bool,
    ) -> io::Result<(Site, bool)> {
        if self.frames.len() >= MAX_DEPTH {
            return Err(io::Error::other("it is nested too deeply"));
        }
        let Some((upper, name)) = names.split() else { return Ok((above.clone(), true)) };
        let holder = self.claims.holder(claim);
        if holder == Some(Holder::Entry) && !there {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        match above.existing() {
            Some(folder) if !self.shared.options.dry_run => {
                let (made, is_new) = folder.make(name)?;
                return Ok((Site::at(made), is_new));
            }
            Some(folder) => match folder.enter(name) {
                Err(error) if error.kind() == io::ErrorKind::NotFound && !there => {
                    folder.check_writable(self.shared.options.overwrite && upper.split().is_some())?;
                }
                entered => return Ok((Site::at(entered?), false)),
            },
            None => {}
        }
        above.check_name(name)?;
        Ok((above.planned(), holder.is_none()))
    }
}
