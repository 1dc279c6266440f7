//! The lock-step walk.

use std::ffi::{CStr, CString};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

use rustix::fs::FileType;
use rustix::io::Errno;

use super::ImportError;
use super::disk::{Directory, Stat};
use super::fake_super::FakeStat;
use super::file::{self, FileContext, ReadError};
use super::links::LinkTracker;
use super::parent::{ParentDirectory, may_have_changed_since};
use super::scan::{Bounds, Entries, Found, Scanned, Scanner};
use super::seen::SeenFiles;
use super::troubles::Troubles;
use super::xattrs::ReadXattrs;
use crate::format::limits::{MAX_INLINE_XATTRS, MAX_NAME, MAX_TARGET};
use crate::format::{
    BlobId, Content, Entry, Kind, Manifest, PackKind, PathKey, Status, Time, Totals, XattrSet, Xattrs,
};
use crate::monitor::{Cancellation, Monitor, Progress, TroubleKind};
use crate::store::{ContentWriter, DirectoryWriter, Reader, StoreError, Writer};

/// What to take, and against what.
#[derive(Debug, Default)]
pub struct Options<'a> {
    /// The source's last snapshot.
    pub parent: Option<&'a Manifest>,
    /// Leave the content of other file systems out.
    pub one_file_system: bool,
    /// Directories to leave out, by device and inode number: the repository itself.
    pub skip: Vec<(u64, u64)>,
    /// File systems to leave out, by device number: mounts of history.
    pub skip_devices: Vec<u64>,
    /// Files that walks over other levels of the same hard-link farm have read, for this one to know.
    pub seen: Option<&'a SeenFiles>,
    /// The tree is finished, and has been at rest since; else since the walk began. See [`Taken::unsteady`].
    pub at_rest_since: Option<Time>,
    /// Take owners, modes and special files from where `rsync --fake-super` keeps them.
    pub fake_super: bool,
}

/// A tree that was taken; not a snapshot yet.
#[derive(Debug)]
pub struct Taken {
    /// When the walk began.
    pub started: Time,
    /// The root directory.
    pub root: Entry,
    /// Length of the link table.
    pub links_len: u64,
    /// The link table.
    pub links: Content,
    /// Counts.
    pub totals: Totals,
    /// Complete, vanished or partial.
    pub status: Status,
    /// It was not at rest: an entry vanished, a file did not stand still, a directory was changed lately. That is to be
    /// expected of a live tree; what is finished is being taken away.
    pub unsteady: bool,
}

/// What a walk leads to.
#[derive(Debug)]
pub struct Outcome {
    /// The tree.
    pub taken: Taken,
    /// Final counts.
    pub progress: Progress,
}

const SKIPPED: &str = "left out: it is this repository, or a mount of history";

/// Paths below which nobody can name a file any more (`PATH_MAX` of one-letter names), and a bound on open files.
const MAX_DEPTH: usize = 2048;

/// Walks the tree at `path` into `writer`. `now` is the time at which the walk begins.
pub fn run(
    path: &Path,
    options: &Options<'_>,
    reader: &Reader,
    writer: &mut Writer,
    now: Time,
    monitor: &dyn Monitor,
    cancellation: &Cancellation,
) -> Result<Outcome, ImportError> {
    let directory = open_root(path)?;
    let failed = |source| ImportError::Root { path: path.to_owned(), source };
    let stat = directory.stat_self().map_err(failed)?;
    if options.skip.contains(&stat.id) {
        return Err(ImportError::InsideRepository(path.to_owned()));
    }
    let bounds = Bounds {
        skip: options.skip.clone(),
        skip_devices: options.skip_devices.clone(),
        only_device: options.one_file_system.then_some(stat.id.0),
    };
    let walk = Walk {
        options,
        parent_started: options.parent.map(|parent| parent.started),
        reader,
        writer,
        monitor,
        cancellation,
        base: path,
        started: now,
        at_rest_since: options.at_rest_since.unwrap_or(now),
        unsteady: false,
        scanner: Scanner::start(bounds).map_err(failed)?,
        content: ContentWriter::default(),
        links: LinkTracker::default(),
        progress: Progress::default(),
        totals: Totals::default(),
        troubles: Troubles::default(),
    };
    walk.run(directory, &stat, now)
}

fn open_root(path: &Path) -> Result<Directory, ImportError> {
    Directory::open(path).map_err(|source| match errno(&source) {
        Some(Errno::NOTDIR) => ImportError::NotADirectory(path.to_owned()),
        _ => ImportError::Root { path: path.to_owned(), source },
    })
}

struct Walk<'a> {
    options: &'a Options<'a>,
    parent_started: Option<Time>,
    reader: &'a Reader,
    writer: &'a mut Writer,
    monitor: &'a dyn Monitor,
    cancellation: &'a Cancellation,
    base: &'a Path,
    started: Time,
    at_rest_since: Time,
    unsteady: bool,
    scanner: Scanner,
    content: ContentWriter,
    links: LinkTracker,
    progress: Progress,
    totals: Totals,
    troubles: Troubles,
}

/// A directory that is being walked.
struct Frame {
    name: CString,
    key: PathKey,
    directory: Arc<Directory>,
    entries: Entries,
    parent: Option<ParentDirectory>,
    /// All of its entry but for the directory's id, which its content decides.
    entry: Entry,
    out: DirectoryWriter,
}

impl Walk<'_> {
    fn run(mut self, directory: Directory, stat: &Stat, now: Time) -> Result<Outcome, ImportError> {
        let (names, lacking) = directory.names();
        if let Some(error) = lacking {
            return Err(self.root_error(error));
        }
        self.unsteady = stat.ctime >= self.at_rest_since;
        let (mut stat, mut xattrs) = (*stat, directory.xattrs_self());
        if let Some(fake) = self.fake_stat(&mut xattrs) {
            fake.apply(&mut stat);
        }
        let xattrs = self.xattrs(xattrs).map_err(|error| match error {
            ReadError::File(source) => self.root_error(source),
            ReadError::Import(error) => error,
        })?;
        self.tell(&[], c"");
        let directory = Arc::new(directory);
        let root = Frame {
            name: CString::default(),
            key: PathKey::ROOT,
            entries: self.scanner.root(Arc::clone(&directory), names),
            directory,
            parent: self.parent_directory(self.options.parent.map(|parent| &parent.root)),
            entry: unwalked(&stat, xattrs),
            out: DirectoryWriter::default(),
        };
        let root = self.walk(root)?;
        let links = std::mem::take(&mut self.links).finish();
        let (links_len, _, links) = {
            if let Some(parent) = self.options.parent {
                self.content.resemble(parent.links.clone());
            }
            let mut source = links.as_slice();
            self.content
                .data(self.writer, &mut source, u64::MAX)
                .map_err(|error| match error {
                    crate::store::CopyError::Store(error) => ImportError::Store(error),
                    crate::store::CopyError::Read(source) => {
                        ImportError::Root { path: self.base.to_owned(), source }
                    }
                })
                .and_then(|_| Ok(self.content.finish(self.writer)?))?
        };
        let taken = Taken {
            started: now,
            root,
            links_len,
            links,
            totals: Totals { troubled: self.troubles.entries(), ..self.totals },
            status: self.troubles.status(),
            unsteady: self.unsteady || self.troubles.unsteady(),
        };
        Ok(Outcome { taken, progress: self.progress })
    }

    fn root_error(&self, source: io::Error) -> ImportError {
        ImportError::Root { path: self.base.to_owned(), source }
    }

    /// Walks everything below `root`. The stack is explicit: a tree may be deeper than a thread's stack.
    fn walk(&mut self, root: Frame) -> Result<Entry, ImportError> {
        let mut frames = vec![root];
        loop {
            if self.cancellation.is_cancelled() {
                return Err(ImportError::Cancelled);
            }
            let Some(frame) = frames.last_mut() else { unreachable!("the root's frame returns") };
            let next = frame.entries.next(&self.scanner);
            if let Some(scanned) = next.map_err(|error| self.root_error(error))? {
                let below = self.entry(&mut frames, scanned)?;
                frames.extend(below);
                continue;
            }
            let Some(done) = frames.pop() else { unreachable!("there was a last frame") };
            let id = done.out.finish(self.writer)?;
            let entry = Entry { kind: Kind::Directory(id), ..done.entry };
            self.totals.directories += 1;
            match frames.last_mut() {
                Some(above) => push(above, self.writer, &done.name, &entry)?,
                None => return Ok(entry),
            }
        }
    }

    /// Takes an entry of the last frame; of a directory only the beginning: its frame.
    fn entry(&mut self, frames: &mut [Frame], scanned: Scanned) -> Result<Option<Frame>, ImportError> {
        let depth = frames.len();
        let Scanned { name, found } = scanned;
        let result = match (frames.last_mut(), found) {
            (Some(frame), Ok(found)) => self.take(frame, &name, found, depth),
            (_, Err(error)) => Err(ReadError::File(error)),
            (None, _) => return Ok(None),
        };
        self.progress.entries += 1;
        self.monitor.progress(&self.progress);
        let below = match result {
            Ok(below) => below,
            Err(ReadError::Import(error)) => return Err(error),
            Err(ReadError::File(error)) => {
                if is_gone(&error) {
                    self.troubles.note(TroubleKind::Vanished, "vanished before it was read");
                } else {
                    self.troubles.note(TroubleKind::Unreadable, format!("cannot be read: {error}"));
                }
                None
            }
        };
        self.tell(frames, &name);
        Ok(below)
    }

    fn take(
        &mut self,
        frame: &mut Frame,
        name: &CStr,
        found: Found,
        depth: usize,
    ) -> Result<Option<Frame>, ReadError> {
        let bytes = name.to_bytes();
        // Some file systems count characters instead of bytes (NTFS, CIFS).
        if bytes.len() > MAX_NAME {
            return Err(ReadError::File(io::Error::other("its name is longer than 255 bytes")));
        }
        let parent = match frame.parent.as_mut().map_or(Ok(None), |parent| parent.take(bytes)) {
            // Damage to an old snapshot must not keep anybody from taking new ones.
            Err(error) if error.is_loss() => {
                log::error!("{error}: reading as if the last snapshot had no such directory");
                frame.parent = None;
                None
            }
            parent => parent.map_err(|error| ReadError::Import(error.into()))?,
        };
        if found.stat.kind == FileType::Directory {
            return self.enter(frame, name, &found.stat, parent.as_ref(), depth);
        }
        let (entry, stat) = self.leaf(frame, name, found, parent.as_ref())?;
        if stat.links > 1 {
            let key = self.reader.keys().path_key(frame.key, bytes);
            self.links.add(stat.id, stat.links, key, &entry);
        }
        match &entry.kind {
            Kind::File { size, .. } => {
                self.totals.files += 1;
                self.progress.files += 1;
                self.totals.bytes += size;
            }
            _ => self.totals.others += 1,
        }
        push(frame, self.writer, name, &entry).map_err(|error| ReadError::Import(error.into()))?;
        if entry.unsettled {
            self.troubles.note(TroubleKind::Unsettled, "kept changing while it was read");
        }
        Ok(None)
    }

    /// Anything but a directory, and what was told of it when it was taken.
    fn leaf(
        &mut self,
        frame: &Frame,
        name: &CStr,
        found: Found,
        parent: Option<&Entry>,
    ) -> Result<(Entry, Stat), ReadError> {
        let Found { mut stat, xattrs, mut target } = found;
        let mut xattrs = xattrs.unwrap_or_else(|| frame.directory.xattrs(name));
        let mut unsettled = false;
        if let Some(fake) = self.fake_stat(&mut xattrs) {
            let real = stat.kind;
            fake.apply(&mut stat);
            if (real, stat.kind) == (FileType::RegularFile, FileType::Symlink) {
                target = frame.directory.text(name, MAX_TARGET);
            }
        }
        let (major, minor) = stat.device;
        let kind = match stat.kind {
            FileType::RegularFile => {
                if let Some(kind) = self.known_content(&stat, parent) {
                    self.progress.unchanged += 1;
                    kind
                } else {
                    let read = file::read(
                        &frame.directory,
                        name,
                        &mut FileContext {
                            writer: self.writer,
                            content: &mut self.content,
                            previous: parent,
                            progress: &mut self.progress,
                            monitor: self.monitor,
                            cancellation: self.cancellation,
                        },
                    )?;
                    (stat, xattrs, unsettled) = (read.stat, read.xattrs, read.unsettled);
                    if let Some(fake) = self.fake_stat(&mut xattrs) {
                        fake.apply(&mut stat);
                    }
                    if let (Some(seen), false) = (self.options.seen, unsettled) {
                        seen.add(&stat, &read.kind, self.started);
                    }
                    read.kind
                }
            }
            FileType::Symlink => {
                let target = target.map_err(ReadError::File)?;
                if target.is_empty() || target.len() > MAX_TARGET {
                    return Err(ReadError::File(io::Error::other("its target is too long")));
                }
                Kind::Symlink(target)
            }
            FileType::CharacterDevice => Kind::CharDevice { major, minor },
            FileType::BlockDevice => Kind::BlockDevice { major, minor },
            FileType::Fifo => Kind::Fifo,
            FileType::Socket => Kind::Socket,
            _ => return Err(ReadError::File(io::Error::other("its type is unknown"))),
        };
        let xattrs = self.xattrs(xattrs)?;
        Ok((Entry { attributes: stat.attributes, kind, xattrs, unsettled }, stat))
    }

    /// The content of a file that need not be read: another name of it was, or it is as the parent has it.
    fn known_content(&self, stat: &Stat, parent: Option<&Entry>) -> Option<Kind> {
        let same = |entry: &Entry| {
            matches!(&entry.kind, Kind::File { size, .. } if *size == stat.size)
                && entry.attributes.mtime == stat.attributes.mtime
                && !entry.unsettled
        };
        if stat.links > 1
            && let Some(kind) = self.links.known(stat.id, stat.size, stat.attributes.mtime)
        {
            return Some(kind);
        }
        if let Some(kind) = self.options.seen.and_then(|seen| seen.content(stat)) {
            return Some(kind);
        }
        let entry = parent.filter(|entry| same(entry))?;
        let settled = !may_have_changed_since(stat.attributes.mtime, self.parent_started?);
        let there = || match &entry.kind {
            Kind::File { content, .. } if self.writer.verifies() => self.reader.has_content(content),
            _ => true,
        };
        (settled && there()).then(|| entry.kind.clone())
    }

    /// Extended attributes as they were read. They are always asked for: when a directory was moved here, or another
    /// mounted over it, an entry with an old ctime is none that the parent snapshot tells of.
    fn xattrs(&mut self, read: io::Result<ReadXattrs>) -> Result<Xattrs, ReadError> {
        let (set, lacking) = read.map_err(ReadError::File)?;
        if let Some(error) = lacking {
            let reason = format!("extended attributes of it cannot be read: {error}");
            self.troubles.note(TroubleKind::Incomplete, reason);
        }
        self.store_xattrs(set).map_err(|error| ReadError::Import(error.into()))
    }

    fn fake_stat(&self, xattrs: &mut io::Result<ReadXattrs>) -> Option<FakeStat> {
        self.options.fake_super.then(|| FakeStat::take(xattrs)).flatten()
    }

    fn store_xattrs(&mut self, set: XattrSet) -> Result<Xattrs, StoreError> {
        if set.is_empty() {
            return Ok(Xattrs::None);
        }
        let bytes = set.encode();
        if bytes.len() <= MAX_INLINE_XATTRS {
            Ok(Xattrs::Inline(set))
        } else {
            Ok(Xattrs::Blob(self.writer.put(PackKind::Metadata, &bytes, None)?))
        }
    }

    /// Begins a subdirectory. One that cannot be listed is kept as an empty one.
    fn enter(
        &mut self,
        above: &mut Frame,
        name: &CStr,
        stat: &Stat,
        parent: Option<&Entry>,
        depth: usize,
    ) -> Result<Option<Frame>, ReadError> {
        if self.scanner.bounds().skip(stat) {
            self.troubles.note(TroubleKind::Skipped, SKIPPED);
            return Ok(None);
        }
        if depth >= MAX_DEPTH {
            return Err(ReadError::File(io::Error::other("it is nested too deeply")));
        }
        let mut opened = match above.entries.open(name, &self.scanner) {
            Ok(opened) => opened,
            Err(error) if is_gone(&error) => return Err(ReadError::File(error)),
            Err(error) => {
                self.troubles.note(TroubleKind::Incomplete, format!("its content cannot be read: {error}"));
                return self.keep_empty(above, name, stat).map(|()| None);
            }
        };
        if let Some(error) = opened.lacking {
            self.troubles.note(TroubleKind::Incomplete, format!("its content cannot be read: {error}"));
        }
        self.unsteady |= opened.stat.ctime >= self.at_rest_since;
        // Something may have been mounted here since it was looked at.
        if self.scanner.bounds().skip(&opened.stat) {
            self.troubles.note(TroubleKind::Skipped, SKIPPED);
            return Ok(None);
        }
        let mut xattrs = opened.xattrs.unwrap_or_else(|| opened.directory.xattrs_self());
        if let Some(fake) = self.fake_stat(&mut xattrs) {
            fake.apply(&mut opened.stat);
        }
        let xattrs = self.xattrs(xattrs)?;
        Ok(Some(Frame {
            name: name.to_owned(),
            key: self.reader.keys().path_key(above.key, name.to_bytes()),
            directory: opened.directory,
            entries: opened.entries,
            parent: self.parent_directory(parent),
            entry: unwalked(&opened.stat, xattrs),
            out: DirectoryWriter::default(),
        }))
    }

    /// Takes a directory that cannot be opened: its attributes are known all the same.
    fn keep_empty(&mut self, above: &mut Frame, name: &CStr, stat: &Stat) -> Result<(), ReadError> {
        let xattrs = self.xattrs(above.directory.xattrs(name))?;
        let id = DirectoryWriter::default().finish(self.writer);
        let stored = id.and_then(|id| {
            let entry = Entry { kind: Kind::Directory(id), ..unwalked(stat, xattrs) };
            push(above, self.writer, name, &entry)
        });
        self.totals.directories += 1;
        stored.map_err(|error| ReadError::Import(error.into()))
    }

    fn parent_directory(&self, parent: Option<&Entry>) -> Option<ParentDirectory> {
        match parent?.kind {
            Kind::Directory(id) => Some(ParentDirectory::new(self.reader, id)),
            _ => None,
        }
    }

    /// Tells the troubles of the entry `name` of the last frame.
    fn tell(&mut self, frames: &[Frame], name: &CStr) {
        self.troubles.tell(self.monitor, || {
            let mut path = self.base.as_os_str().as_bytes().to_vec();
            let names = frames.iter().map(|frame| frame.name.as_c_str()).chain([name]);
            for name in names.filter(|name| !name.is_empty()) {
                if path.last() != Some(&b'/') {
                    path.push(b'/');
                }
                path.extend(name.to_bytes());
            }
            path
        });
    }
}

/// A directory's entry, but for its id.
fn unwalked(stat: &Stat, xattrs: Xattrs) -> Entry {
    let kind = Kind::Directory(BlobId([0; 32]));
    Entry { attributes: stat.attributes, kind, xattrs, unsettled: false }
}

fn errno(error: &io::Error) -> Option<Errno> {
    error.raw_os_error().map(Errno::from_raw_os_error)
}

fn push(frame: &mut Frame, writer: &mut Writer, name: &CStr, entry: &Entry) -> Result<(), StoreError> {
    let mut body = Vec::with_capacity(96);
    entry.encode(&mut body);
    frame.out.resemble(frame.parent.as_ref().and_then(ParentDirectory::leaf_id));
    frame.out.push(writer, name.to_bytes(), &body)
}

/// Whether it is gone since it was listed, or something else has taken its place.
fn is_gone(error: &io::Error) -> bool {
    matches!(errno(error), Some(Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::STALE))
}
