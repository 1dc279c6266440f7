//! The walk of a tree that is taken back.

use std::collections::{HashSet, VecDeque};
use std::ffi::CString;
use std::io;
use std::sync::mpsc::SyncSender;

use super::disk::{Folder, LINKS_LAST};
use super::names::Names;
use super::{Entry, Job, Shared};
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
}

/// A folder that is being walked.
struct Frame {
    /// Where it is made; `None` when it would be, and is not there.
    folder: Option<Folder>,
    names: Names,
    node: Node,
    offset: u64,
    batch: VecDeque<(CString, Node)>,
}

pub(super) struct Walk<'a> {
    shared: &'a Shared<'a>,
    jobs: SyncSender<Job>,
    rest: Rest,
    /// Files with several names that were sent to be made.
    begun: HashSet<u128>,
    frames: Vec<Frame>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(shared: &'a Shared<'a>, jobs: SyncSender<Job>) -> Self {
        Self { shared, jobs, rest: Rest::default(), begun: HashSet::new(), frames: Vec::new() }
    }

    /// Walks what is below the folder that was entered or taken last. The stack is explicit: a tree may be deeper than a thread's.
    pub(super) fn run(mut self) -> Rest {
        while let Some(frame) = self.frames.last_mut() {
            if self.shared.cancellation.is_cancelled() {
                break;
            }
            if let Some((name, node)) = frame.batch.pop_front() {
                let (folder, names) = (frame.folder.clone(), frame.names.with(name));
                self.take(folder, names, node);
            } else if !self.read_on() {
                self.frames.pop();
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

    /// Takes back an entry; of a folder only the beginning.
    pub(super) fn take(&mut self, above: Option<Folder>, names: Names, node: Node) {
        let attr = self.shared.view.attr(&node);
        if attr.kind == FileKind::Directory {
            match self.make_folder(above.as_ref(), &names) {
                Ok((folder, made)) => self.enter(folder, made, names, node),
                Err(error) => {
                    let reason = match error.kind() {
                        io::ErrorKind::NotADirectory => "something else has its name".to_owned(),
                        _ => format!("cannot be made: {error}"),
                    };
                    self.shared.trouble(&names, TroubleKind::Unreadable, reason);
                }
            }
            return;
        }
        let entry = Entry { names, node, attr };
        let waits = LINKS_LAST && attr.kind == FileKind::Symlink;
        if waits || entry.shared().is_some_and(|file| !self.begun.insert(file)) {
            self.rest.links.push(entry);
        } else {
            // The threads go only after this.
            let _ = self.jobs.send((above, entry));
        }
    }

    /// Begins with a folder that is there, or would be made.
    pub(super) fn enter(&mut self, folder: Option<Folder>, made: bool, names: Names, node: Node) {
        if made || self.shared.options.overwrite {
            self.rest.folders.push((names.clone(), node.clone()));
        }
        self.shared.state().restored.directories += 1;
        self.frames.push(Frame { folder, names, node, offset: 0, batch: VecDeque::new() });
    }

    /// The folder itself, and whether it was not there.
    fn make_folder(&self, above: Option<&Folder>, names: &Names) -> io::Result<(Option<Folder>, bool)> {
        if self.frames.len() >= MAX_DEPTH {
            return Err(io::Error::other("it is nested too deeply"));
        }
        let (Some(above), Some((_, name))) = (above, names.split()) else { return Ok((None, true)) };
        if !self.shared.options.dry_run {
            let (folder, made) = above.make(name)?;
            return Ok((Some(folder), made));
        }
        match above.enter(name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok((None, true)),
            result => Ok((Some(result?), false)),
        }
    }
}
