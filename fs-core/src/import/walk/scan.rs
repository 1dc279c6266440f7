//! Threads that examine entries ahead of the walk. An unchanged tree spends nearly all of its time in the
//! kernel, and a disk with many pending requests answers sooner.

use std::collections::VecDeque;
use std::ffi::{CStr, CString};
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use crate::import::disk::{Directory, FileType, ReadXattrs, Stat, WorkingDirectory};

/// Number of entries examined together.
const BATCH: usize = 256;
/// Number of batches of one directory that are examined ahead.
const BATCHES: usize = 3;
/// Number of subdirectories of one directory that are opened ahead.
const AHEAD: usize = 8;
/// Upper bound on subdirectories opened ahead, over all directories on the way down. It limits memory and
/// open files.
const MAX_AHEAD: usize = 64;
/// Upper bound on names in a directory that is opened ahead. It limits memory.
const MAX_NAMES_AHEAD: usize = 1 << 14;
/// Upper bound on bytes of one entry's extended attributes that are read ahead. It limits memory.
const MAX_XATTRS_AHEAD: usize = 1 << 10;

/// An entry that was examined.
#[derive(Debug)]
pub(super) struct ScannedEntry {
    pub(super) name: CString,
    pub(super) facts: io::Result<Facts>,
}

/// What was read of an entry, other than its content.
#[derive(Debug)]
pub(super) struct Facts {
    pub(super) stat: Stat,
    /// `None` if the walk must read them: for a directory, or if they are large.
    pub(super) xattrs: Option<io::Result<ReadXattrs>>,
    /// Target of a symbolic link; empty for other entries.
    pub(super) target: io::Result<Box<[u8]>>,
}

/// A directory that was opened.
#[derive(Debug)]
pub(super) struct OpenedDirectory {
    pub(super) directory: Arc<Directory>,
    pub(super) stat: Stat,
    /// `None` if the walk must read them, as they are large.
    pub(super) xattrs: Option<io::Result<ReadXattrs>>,
    pub(super) entries: Entries,
    /// The error if the list of entries is incomplete.
    pub(super) lacking: Option<io::Error>,
    /// Whether everything in it is excluded.
    pub(super) left_out: bool,
}

/// The entries of a directory in the order of their names, examined some batches ahead.
#[derive(Debug)]
pub(super) struct Entries {
    directory: Arc<Directory>,
    ready: std::vec::IntoIter<ScannedEntry>,
    coming: VecDeque<Receiver<Vec<ScannedEntry>>>,
    /// Names that no thread examines yet.
    names: std::vec::IntoIter<CString>,
    /// Subdirectories in `ready` that no thread opens yet, in order.
    below: VecDeque<CString>,
    /// Subdirectories that a thread opens or has opened.
    opening: VecDeque<Opening>,
}

/// The directories that a walk does not enter.
#[derive(Debug, Clone, Default)]
pub(crate) struct Exclusions {
    /// Directories to leave out, by device and inode number.
    pub(crate) directories: Vec<(u64, u64)>,
    /// File systems to leave out, by device number.
    pub(crate) devices: Vec<u64>,
    /// The only device whose directories are listed. Directories of other devices stay empty.
    pub(crate) only_device: Option<u64>,
}

impl Exclusions {
    /// Whether the directory is left out.
    pub(super) fn covers(&self, stat: &Stat) -> bool {
        self.directories.contains(&stat.id) || self.devices.contains(&stat.id.0)
    }

    fn keeps_empty(&self, stat: &Stat) -> bool {
        self.only_device.is_some_and(|device| device != stat.id.0)
    }
}

/// The threads of a walk.
#[derive(Debug)]
pub(super) struct Scanner {
    pub(super) exclusions: Arc<Exclusions>,
    requests: Option<Sender<Request>>,
    threads: Vec<JoinHandle<()>>,
    /// True once the walk has ended and pending requests are not needed.
    ended: Arc<AtomicBool>,
    /// Counter of the subdirectories opened ahead: each holds a further reference.
    ahead: Arc<()>,
}

/// Work for a thread, which sends its reply.
type Request = Box<dyn FnOnce(&mut Thread) + Send>;

/// `None` for a directory too large to be opened before it is needed.
type OpenReply = io::Result<Option<OpenedDirectory>>;

/// A subdirectory that is opened ahead.
#[derive(Debug)]
struct Opening {
    name: CString,
    reply: Receiver<OpenReply>,
    /// See [`Scanner::ahead`].
    _counted: Arc<()>,
}

impl Scanner {
    pub(super) fn start(exclusions: Exclusions) -> io::Result<Self> {
        let (requests, queue) = channel();
        let queue = Arc::new(Mutex::new(queue));
        let mut scanner = Self {
            exclusions: Arc::new(exclusions),
            requests: Some(requests),
            threads: Vec::new(),
            ended: Arc::default(),
            ahead: Arc::default(),
        };
        for _ in 0..thread::available_parallelism().map_or(1, usize::from).clamp(2, 4) {
            let (exclusions, ended) = (Arc::clone(&scanner.exclusions), Arc::clone(&scanner.ended));
            let queue = Arc::clone(&queue);
            let run = move || {
                Thread { exclusions, ended, working_directory: WorkingDirectory::new() }.run(&queue);
            };
            scanner.threads.push(thread::Builder::new().name("scanner".into()).spawn(run)?);
        }
        Ok(scanner)
    }

    pub(super) fn root(&self, directory: Arc<Directory>, names: Vec<CString>) -> Entries {
        let mut entries = Entries::new(directory, Vec::new(), names.into_iter());
        entries.request(self);
        entries
    }

    /// Lets a thread do this work. Returns the receiver of the result.
    fn ask<T: Send + 'static>(&self, work: impl FnOnce(&mut Thread) -> T + Send + 'static) -> Receiver<T> {
        let (reply, receiver) = sync_channel(1);
        // Sending fails only if every thread has panicked. Then the missing reply reports it.
        if let Some(requests) = &self.requests {
            let _ = requests.send(Box::new(move |thread: &mut Thread| {
                let _ = reply.send(work(thread));
            }));
        }
        receiver
    }
}

impl Drop for Scanner {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        self.requests = None;
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

impl Entries {
    fn new(directory: Arc<Directory>, ready: Vec<ScannedEntry>, names: std::vec::IntoIter<CString>) -> Self {
        Self {
            directory,
            ready: ready.into_iter(),
            coming: VecDeque::new(),
            names,
            below: VecDeque::new(),
            opening: VecDeque::new(),
        }
    }

    pub(super) fn next(&mut self, scanner: &Scanner) -> io::Result<Option<ScannedEntry>> {
        loop {
            if let Some(scanned) = self.ready.next() {
                return Ok(Some(scanned));
            }
            let Some(coming) = self.coming.pop_front() else { return Ok(None) };
            self.ready = coming.recv().map_err(|_| stopped())?.into_iter();
            self.proceed(scanner);
        }
    }

    /// Opens the subdirectory `name`, the entry that [`next`](Self::next) returned last.
    pub(super) fn open(&mut self, name: &CStr, scanner: &Scanner) -> io::Result<OpenedDirectory> {
        // Skip the subdirectories that the walk leaves out.
        while self.below.front().is_some_and(|other| other.as_c_str() <= name) {
            self.below.pop_front();
        }
        while self.opening.front().is_some_and(|other| other.name.as_c_str() < name) {
            self.opening.pop_front();
        }
        let ahead = match self.opening.front() {
            Some(opening) if opening.name.as_c_str() == name => self.opening.pop_front(),
            _ => None,
        };
        let ask = || self.ask(name.to_owned(), true, scanner);
        let reply = ahead.map_or_else(ask, |opening| opening.reply);
        self.open_ahead(scanner);
        let wait = |reply: &Receiver<OpenReply>| reply.recv().unwrap_or_else(|_| Err(stopped()));
        let mut opened = match wait(&reply)? {
            Some(opened) => opened,
            None => wait(&self.ask(name.to_owned(), true, scanner))?.ok_or_else(stopped)?,
        };
        opened.entries.proceed(scanner);
        Ok(opened)
    }

    /// Requests the entries and subdirectories that will be needed after `ready`.
    fn proceed(&mut self, scanner: &Scanner) {
        self.request(scanner);
        let goes_below = |scanned: &&ScannedEntry| {
            scanned.facts.as_ref().is_ok_and(|facts| {
                let (stat, exclusions) = (&facts.stat, &scanner.exclusions);
                stat.kind == FileType::Directory && !exclusions.covers(stat) && !exclusions.keeps_empty(stat)
            })
        };
        let ready = self.ready.as_slice().iter();
        self.below.extend(ready.filter(goes_below).map(|scanned| scanned.name.clone()));
        self.open_ahead(scanner);
    }

    /// Requests the subdirectories that will be needed soon.
    fn open_ahead(&mut self, scanner: &Scanner) {
        while self.opening.len() < AHEAD && Arc::strong_count(&scanner.ahead) <= MAX_AHEAD {
            let Some(name) = self.below.pop_front() else { return };
            let reply = self.ask(name.clone(), false, scanner);
            self.opening.push_back(Opening { name, reply, _counted: Arc::clone(&scanner.ahead) });
        }
    }

    fn ask(&self, name: CString, needed: bool, scanner: &Scanner) -> Receiver<OpenReply> {
        let above = Arc::clone(&self.directory);
        scanner.ask(move |thread| thread.open(&above, &name, needed))
    }

    /// Requests the next batches.
    fn request(&mut self, scanner: &Scanner) {
        while self.coming.len() < BATCHES {
            let names: Vec<_> = self.names.by_ref().take(BATCH).collect();
            if names.is_empty() {
                return;
            }
            let directory = Arc::clone(&self.directory);
            self.coming.push_back(scanner.ask(move |thread| thread.examine(&directory, names)));
        }
    }
}

fn stopped() -> io::Error {
    io::Error::other("a thread that looks at entries ahead has stopped")
}

/// State of one thread.
struct Thread {
    exclusions: Arc<Exclusions>,
    ended: Arc<AtomicBool>,
    working_directory: WorkingDirectory,
}

impl Thread {
    fn run(mut self, queue: &Mutex<Receiver<Request>>) {
        loop {
            let request = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
            match request {
                Ok(work) if !self.ended.load(Ordering::Relaxed) => work(&mut self),
                _ => return,
            }
        }
    }

    fn open(&mut self, above: &Directory, name: &CStr, needed: bool) -> OpenReply {
        let directory = Arc::new(above.child(name)?);
        let left_out = self.exclusions.keeps_empty(&directory.stat_self()?);
        let (names, lacking) = if left_out { Default::default() } else { directory.names() };
        if !needed && names.len() > MAX_NAMES_AHEAD {
            return Ok(None);
        }
        // After the listing: a removal during it shows in the directory's times.
        let stat = directory.stat_self()?;
        let mut names = names.into_iter();
        let first = names.by_ref().take(BATCH).collect();
        let entries = Entries::new(Arc::clone(&directory), self.examine(&directory, first), names);
        let xattrs = unless_large(directory.xattrs_self());
        Ok(Some(OpenedDirectory { directory, stat, xattrs, entries, lacking, left_out }))
    }

    fn examine(&mut self, directory: &Directory, names: Vec<CString>) -> Vec<ScannedEntry> {
        let ended = Arc::clone(&self.ended);
        let xattrs = self.working_directory.enter(directory);
        let examine = |name: CString| {
            let facts = directory.stat(&name).map(|stat| Facts {
                stat,
                xattrs: match stat.kind {
                    FileType::Directory => None,
                    _ => unless_large(xattrs(&name, &stat)),
                },
                target: match stat.kind {
                    FileType::Symlink => directory.link_target(&name),
                    _ => Ok([].into()),
                },
            });
            ScannedEntry { name, facts }
        };
        names.into_iter().take_while(|_| !ended.load(Ordering::Relaxed)).map(examine).collect()
    }
}

/// Drops large attributes, as data that wait for the walk must be small. The walk reads large ones when it
/// needs them.
fn unless_large(read: io::Result<ReadXattrs>) -> Option<io::Result<ReadXattrs>> {
    let large = read.as_ref().is_ok_and(|(set, _)| set.weight() > MAX_XATTRS_AHEAD);
    (!large).then_some(read)
}
