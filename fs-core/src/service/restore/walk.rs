//! The walk of a tree that is taken back.

use std::collections::{HashSet, VecDeque};
use std::ffi::CString;
use std::io;
use std::sync::mpsc::SyncSender;

use super::disk::{self, Folder, LINKS_LAST, NameKey};
use super::names::Names;
use super::{Entry, Job, LinkKey, Shared};
use crate::import::MAX_DEPTH;
use crate::monitor::TroubleKind;
use crate::view::{FileKind, Node};

/// Entries of a folder that are read at a time.
const BATCH: usize = 1024;

/// What is left to do when all files are there.
#[derive(Debug, Default)]
pub(super) struct Rest {
    /// Further names of files that have several, and where they wait, symbolic links.
    pub(super) links: Vec<Entry>,
    /// Folders, those above before those below. Their attributes change by what is made in them.
    pub(super) folders: Vec<(Names, Node)>,
    /// The folder whose time an existing target gets. It keeps its own owner and mode.
    pub(super) top: Option<Node>,
}

/// A folder that is being walked.
struct Frame {
    /// Where it is made; `None` when it would be, and is not there.
    folder: Option<Folder>,
    names: Names,
    node: Node,
    offset: u64,
    batch: VecDeque<(CString, Node)>,
    /// Names that existed before, and that this restore has not used.
    there: HashSet<NameKey>,
}

pub(super) struct Walk<'a> {
    shared: &'a Shared<'a>,
    jobs: SyncSender<Job>,
    rest: Rest,
    /// Files with several names that were sent to be made.
    begun: HashSet<LinkKey>,
    frames: Vec<Frame>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(shared: &'a Shared<'a>, jobs: SyncSender<Job>) -> Self {
        Self { shared, jobs, rest: Rest::default(), begun: HashSet::new(), frames: Vec::new() }
    }

    /// Walks what is below the folder that was entered or taken last. The stack is explicit: a tree may be deeper than a thread's.
    /// Returns the unused names of the top folder in `there`.
    pub(super) fn run(mut self, there: &mut HashSet<NameKey>) -> Rest {
        while let Some(frame) = self.frames.last_mut() {
            if self.shared.cancellation.is_cancelled() {
                break;
            }
            if let Some((name, node)) = frame.batch.pop_front() {
                let was_there = frame.there.remove(&disk::key_of(&name));
                let (folder, names) = (frame.folder.clone(), frame.names.with(name));
                self.take(folder, names, node, was_there);
            } else if !self.read_on()
                && let Some(frame) = self.frames.pop()
                && frame.names.split().is_none()
            {
                *there = frame.there;
            }
        }
        self.rest
    }

    /// Reads more entries of the last folder; false when there are none.
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

    /// Restores an entry, or begins a folder. `there`: an entry with exactly this name existed before.
    pub(super) fn take(&mut self, above: Option<Folder>, names: Names, node: Node, there: bool) {
        let attr = self.shared.view.attr(&node);
        if attr.kind == FileKind::Directory {
            let entered = self.make_folder(above.as_ref(), &names, there).and_then(|(folder, made)| {
                self.enter(above.as_ref(), folder, names.clone(), node, made, there)
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
        let entry = Entry { names, node, attr, there };
        let waits = LINKS_LAST && attr.kind == FileKind::Symlink;
        let is_begun = |key| self.shared.state().firsts.contains_key(&key) || !self.begun.insert(key);
        if waits || entry.shared().is_some_and(is_begun) {
            self.rest.links.push(entry);
        } else {
            // The threads go only after this.
            let _ = self.jobs.send((above, entry));
        }
    }

    /// Begins with the target itself. It keeps its attributes if it existed.
    pub(super) fn enter_top(
        &mut self,
        folder: Option<Folder>,
        made: bool,
        node: Node,
        there: HashSet<NameKey>,
    ) {
        if !made && self.shared.options.overwrite {
            self.rest.top = Some(node.clone());
        }
        self.push(folder, Names::default(), node, made, there);
    }

    /// Begins with a folder that is there, or would be made.
    fn enter(
        &mut self,
        above: Option<&Folder>,
        folder: Option<Folder>,
        names: Names,
        node: Node,
        made: bool,
        there: bool,
    ) -> io::Result<()> {
        let options = self.shared.options;
        // A folder that this restore created earlier, maybe under an equivalent name, keeps its attributes.
        let is_set = made || (there && options.overwrite);
        let mut inside = HashSet::new();
        if let Some(folder) = folder.as_ref().filter(|_| there && !made) {
            inside = folder.names(!options.dry_run)?;
        }
        if is_set {
            let attr = self.shared.view.attr(&node);
            let xattrs = self.shared.view.xattrs(&node).unwrap_or_default();
            if options.dry_run {
                let lacking = disk::foresee(folder.as_ref().or(above), &attr, &xattrs)?;
                self.shared.lacks(&names, lacking);
            } else if let Some(folder) = folder.as_ref().filter(|_| !made) {
                disk::tighten(folder, &attr, &xattrs);
            }
        }
        self.push(folder, names, node, is_set, inside);
        Ok(())
    }

    fn push(
        &mut self,
        folder: Option<Folder>,
        names: Names,
        node: Node,
        is_set: bool,
        there: HashSet<NameKey>,
    ) {
        if is_set {
            self.rest.folders.push((names.clone(), node.clone()));
        }
        self.shared.state().restored.directories += 1;
        self.frames.push(Frame { folder, names, node, offset: 0, batch: VecDeque::new(), there });
    }

    /// The folder itself, and whether it was not there.
    fn make_folder(
        &self,
        above: Option<&Folder>,
        names: &Names,
        there: bool,
    ) -> io::Result<(Option<Folder>, bool)> {
        if self.frames.len() >= MAX_DEPTH {
            return Err(io::Error::other("it is nested too deeply"));
        }
        let (Some(above), Some((upper, name))) = (above, names.split()) else { return Ok((None, true)) };
        if !self.shared.options.dry_run {
            let (folder, made) = above.make(name)?;
            return Ok((Some(folder), made));
        }
        if there {
            return Ok((Some(above.enter(name)?), false));
        }
        match above.enter(name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                above.check_writable(self.shared.options.overwrite && upper.split().is_some())?;
                Ok((None, true))
            }
            result => Ok((Some(result?), false)),
        }
    }
}
