//! The walk of a tree that is taken back.

use std::collections::{HashMap, VecDeque};
use std::ffi::CString;
use std::io;
use std::sync::mpsc::SyncSender;

use super::destination::Folder;
use super::{Job, Names, Shared};
use crate::monitor::TroubleKind;
use crate::view::{FileKind, Node};

/// Entries of a folder that are read at a time.
const BATCH: usize = 1024;

/// What is left to do when all files are there.
#[derive(Debug, Default)]
pub(super) struct Rest {
    /// The first name of each file that has several, by what the file is.
    pub(super) firsts: HashMap<u128, Names>,
    /// Its other names.
    pub(super) links: Vec<(u128, Job)>,
    /// Folders, those above before those below. Their attributes change by what is made in them.
    pub(super) folders: Vec<(Names, Node)>,
}

/// A folder that is being walked.
struct Frame {
    /// Where it is made; `None` when it would be, and is not there.
    folder: Option<Folder>,
    node: Node,
    offset: u64,
    batch: VecDeque<(CString, Node)>,
}

pub(super) struct Walk<'a> {
    pub(super) shared: &'a Shared<'a>,
    pub(super) jobs: SyncSender<Job>,
    pub(super) rest: Rest,
    frames: Vec<Frame>,
    names: Names,
}

impl<'a> Walk<'a> {
    pub(super) fn new(shared: &'a Shared<'a>, jobs: SyncSender<Job>) -> Self {
        Self { shared, jobs, rest: Rest::default(), frames: Vec::new(), names: Vec::new() }
    }

    /// Walks what is below the folder that was entered or taken last. The stack is explicit: a tree may be deeper than a thread's.
    pub(super) fn run(mut self) -> Rest {
        while let Some(frame) = self.frames.last_mut() {
            if self.shared.cancellation.is_cancelled() {
                break;
            }
            if let Some((name, node)) = frame.batch.pop_front() {
                let folder = frame.folder.clone();
                self.take(folder.as_ref(), name, node);
            } else if !self.read_on() {
                self.frames.pop();
                self.names.pop();
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
            self.shared.trouble(
                &self.names,
                TroubleKind::Incomplete,
                format!("its content cannot be read: {error}"),
            );
            return false;
        }
        if unnamed > 0 {
            self.shared.trouble(&self.names, TroubleKind::Incomplete, "names in it cannot be names here");
        }
        !self.frames.last().is_some_and(|frame| frame.batch.is_empty())
    }

    /// Takes back an entry; of a folder only the beginning.
    pub(super) fn take(&mut self, above: Option<&Folder>, name: CString, node: Node) {
        let attr = self.shared.view.attr(&node);
        self.names.push(name);
        if attr.kind == FileKind::Directory {
            match self.make_folder(above) {
                Ok((folder, made)) => {
                    if made || self.shared.options.overwrite {
                        self.rest.folders.push((self.names.clone(), node.clone()));
                    }
                    self.enter(folder, node);
                }
                Err(error) => {
                    let reason = match error.kind() {
                        io::ErrorKind::NotADirectory => "something else has its name".to_owned(),
                        _ => format!("cannot be made: {error}"),
                    };
                    self.shared.trouble(&self.names, TroubleKind::Unreadable, reason);
                    self.names.pop();
                }
            }
            return;
        }
        let job = Job { folder: above.cloned(), names: self.names.clone(), node, attr };
        self.names.pop();
        if attr.kind == FileKind::File && attr.nlink > 1 {
            let identity = job.node.identity();
            if self.rest.firsts.contains_key(&identity) {
                self.rest.links.push((identity, job));
                return;
            }
            self.rest.firsts.insert(identity, job.names.clone());
        }
        // The threads go only after this.
        let _ = self.jobs.send(job);
    }

    /// Begins with a folder that is there.
    pub(super) fn enter(&mut self, folder: Option<Folder>, node: Node) {
        self.shared.state().restored.directories += 1;
        self.frames.push(Frame { folder, node, offset: 0, batch: VecDeque::new() });
    }

    /// The last name's folder, and whether it was not there.
    fn make_folder(&self, above: Option<&Folder>) -> io::Result<(Option<Folder>, bool)> {
        let (Some(above), Some(name)) = (above, self.names.last()) else { return Ok((None, true)) };
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
