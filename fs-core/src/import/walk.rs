//! The lock-step walk.

use std::ffi::{CStr, CString};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::FileType;
use rustix::io::Errno;

use super::ImportError;
use super::disk::{Directory, Stat};
use super::file::{self, FileContext, ReadError};
use super::links::LinkTracker;
use super::parent::{ParentDirectory, may_have_changed_since};
use super::seen::SeenFiles;
use crate::format::limits::{MAX_INLINE_XATTRS, MAX_NAME, MAX_TARGET};
use crate::format::{
    BlobId, Content, Entry, Kind, Manifest, PackKind, PathKey, Status, Time, Totals, XattrSet, Xattrs,
};
use crate::monitor::{Cancellation, Monitor, Progress, Trouble, TroubleKind};
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
    let walk = Walk {
        options,
        parent_started: options.parent.map(|parent| parent.started),
        reader,
        writer,
        monitor,
        cancellation,
        base: path.as_os_str().as_bytes(),
        started: now,
        at_rest_since: options.at_rest_since.unwrap_or(now),
        unsteady: false,
        root_device: 0,
        content: ContentWriter::default(),
        links: LinkTracker::default(),
        progress: Progress::default(),
        totals: Totals::default(),
        vanished: false,
        incomplete: false,
    };
    walk.run(path, now)
}

struct Walk<'a> {
    options: &'a Options<'a>,
    parent_started: Option<Time>,
    reader: &'a Reader,
    writer: &'a mut Writer,
    monitor: &'a dyn Monitor,
    cancellation: &'a Cancellation,
    base: &'a [u8],
    started: Time,
    at_rest_since: Time,
    unsteady: bool,
    root_device: u64,
    content: ContentWriter,
    links: LinkTracker,
    progress: Progress,
    totals: Totals,
    vanished: bool,
    incomplete: bool,
}

/// A directory that is being walked.
struct Frame {
    name: CString,
    key: PathKey,
    directory: Directory,
    names: std::vec::IntoIter<CString>,
    parent: Option<ParentDirectory>,
    /// All of its entry but for the directory's id, which its content decides.
    entry: Entry,
    out: DirectoryWriter,
}

/// What became of one entry.
enum Step {
    Done,
    /// It is a directory, to be walked first.
    Below(Box<Frame>),
    Troubled(TroubleKind, &'static str),
}

impl Walk<'_> {
    fn run(mut self, path: &Path, now: Time) -> Result<Outcome, ImportError> {
        let root_error = |source| ImportError::Root { path: path.to_owned(), source };
        let directory = Directory::open(path).map_err(|error| {
            match error.raw_os_error().map(Errno::from_raw_os_error) {
                Some(Errno::NOTDIR) => ImportError::NotADirectory(path.to_owned()),
                _ => root_error(error),
            }
        })?;
        let stat = directory.stat_self().map_err(root_error)?;
        if self.options.skip.contains(&stat.id) {
            return Err(ImportError::InsideRepository(path.to_owned()));
        }
        self.root_device = stat.id.0;
        self.unsteady = stat.ctime >= self.at_rest_since;
        let names = directory.names().map_err(root_error)?;
        let parent_root = self.options.parent.map(|parent| &parent.root);
        let xattrs = self.xattrs(&directory, c"").map_err(|error| match error {
            // The directory is open, so it is the way to its attributes that is not there.
            ReadError::File(source) if source.kind() == io::ErrorKind::NotFound => root_error(
                io::Error::other("extended attributes are read through /proc, which is not mounted"),
            ),
            ReadError::File(source) => root_error(source),
            ReadError::Import(error) => error,
        })?;
        let entry = Entry {
            attributes: stat.attributes,
            kind: Kind::Directory(BlobId([0; 32])),
            xattrs,
            unsettled: false,
        };
        let parent = self.parent_directory(parent_root);
        let root = Frame {
            name: CString::default(),
            key: PathKey::ROOT,
            directory,
            names: names.into_iter(),
            parent,
            entry,
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
                    crate::store::CopyError::Read(source) => root_error(source),
                })
                .and_then(|_| Ok(self.content.finish(self.writer)?))?
        };
        let status = match (self.incomplete, self.vanished) {
            (true, _) => Status::Partial,
            (false, true) => Status::Vanished,
            (false, false) => Status::Complete,
        };
        let taken = Taken {
            started: now,
            root,
            links_len,
            links,
            totals: self.totals,
            status,
            unsteady: self.unsteady,
        };
        Ok(Outcome { taken, progress: self.progress })
    }

    /// Walks everything below `root`. The stack is explicit: a tree may be deeper than a thread's stack.
    fn walk(&mut self, root: Frame) -> Result<Entry, ImportError> {
        let mut frames = vec![root];
        loop {
            if self.cancellation.is_cancelled() {
                return Err(ImportError::Cancelled);
            }
            let Some(frame) = frames.last_mut() else { unreachable!("the root's frame returns") };
            if let Some(name) = frame.names.next() {
                let below = self.entry(&mut frames, &name)?;
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

    /// Takes the entry `name` of the last frame; of a directory only the beginning: its frame.
    fn entry(&mut self, frames: &mut [Frame], name: &CStr) -> Result<Option<Frame>, ImportError> {
        let depth = frames.len();
        let result = match frames.last_mut() {
            Some(frame) => self.take(frame, name, depth),
            None => return Ok(None),
        };
        self.progress.entries += 1;
        self.monitor.progress(&self.progress);
        let (kind, reason) = match result {
            Ok(Step::Done) => return Ok(None),
            Ok(Step::Below(frame)) => return Ok(Some(*frame)),
            Ok(Step::Troubled(kind, reason)) => (kind, reason.to_owned()),
            Err(ReadError::Import(error)) => return Err(error),
            Err(ReadError::File(error)) => match error.raw_os_error().map(Errno::from_raw_os_error) {
                Some(Errno::NOENT) => (TroubleKind::Vanished, "vanished before it was read".to_owned()),
                _ => (TroubleKind::Unreadable, format!("cannot be read: {error}")),
            },
        };
        self.trouble(frames, name, kind, reason);
        Ok(None)
    }

    fn take(&mut self, frame: &mut Frame, name: &CStr, depth: usize) -> Result<Step, ReadError> {
        let bytes = name.to_bytes();
        // Some file systems count characters instead of bytes (NTFS, CIFS).
        if bytes.len() > MAX_NAME {
            return Err(ReadError::File(io::Error::other("its name is longer than 255 bytes")));
        }
        let stat = frame.directory.stat(name).map_err(ReadError::File)?;
        let parent = match frame.parent.as_mut().map_or(Ok(None), |parent| parent.take(bytes)) {
            // Damage to an old snapshot must not keep anybody from taking new ones.
            Err(error) if error.is_damage() => {
                log::error!("{error}: reading as if the last snapshot had no such directory");
                frame.parent = None;
                None
            }
            parent => parent.map_err(|error| ReadError::Import(error.into()))?,
        };
        if stat.kind == FileType::Directory {
            return self.enter(frame, name, &stat, parent.as_ref(), depth);
        }
        let (entry, stat) = self.leaf(frame, name, &stat, parent.as_ref())?;
        if stat.links > 1 {
            let key = self.reader.keys().path_key(frame.key, bytes);
            self.links.add(stat.id, stat.links, key, &entry);
        }
        match &entry.kind {
            Kind::File { size, .. } => {
                self.totals.files += 1;
                self.totals.bytes += size;
            }
            _ => self.totals.others += 1,
        }
        push(frame, self.writer, name, &entry).map_err(|error| ReadError::Import(error.into()))?;
        if entry.unsettled {
            return Ok(Step::Troubled(TroubleKind::Unsettled, "kept changing while it was read"));
        }
        Ok(Step::Done)
    }

    /// Anything but a directory, and what was told of it when it was taken.
    fn leaf(
        &mut self,
        frame: &Frame,
        name: &CStr,
        stat: &Stat,
        parent: Option<&Entry>,
    ) -> Result<(Entry, Stat), ReadError> {
        let (major, minor) = stat.device;
        let mut stat = *stat;
        let mut unsettled = false;
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
                    (stat, unsettled) = (read.stat, read.unsettled);
                    if let (Some(seen), false) = (self.options.seen, unsettled) {
                        seen.add(&stat, &read.kind, self.started);
                    }
                    read.kind
                }
            }
            FileType::Symlink => {
                let target = frame.directory.link_target(name).map_err(ReadError::File)?;
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
        let xattrs = self.xattrs(&frame.directory, name)?;
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
            && let Some(entry) = self.links.known(stat.id).filter(|entry| same(entry))
        {
            return Some(entry.kind.clone());
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

    /// Extended attributes. They are always asked for: when a directory was moved here, or another mounted over it, an
    /// entry with an old ctime is none that the parent snapshot tells of.
    fn xattrs(&mut self, directory: &Directory, name: &CStr) -> Result<Xattrs, ReadError> {
        let set = directory.xattrs(name).map_err(ReadError::File)?;
        self.store_xattrs(set).map_err(|error| ReadError::Import(error.into()))
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

    /// Begins a subdirectory.
    fn enter(
        &mut self,
        above: &Frame,
        name: &CStr,
        stat: &Stat,
        parent: Option<&Entry>,
        depth: usize,
    ) -> Result<Step, ReadError> {
        if self.options.skip.contains(&stat.id) || self.options.skip_devices.contains(&stat.id.0) {
            let reason = "left out: it is this repository, or a mount of history";
            return Ok(Step::Troubled(TroubleKind::Skipped, reason));
        }
        if depth >= MAX_DEPTH {
            return Err(ReadError::File(io::Error::other("it is nested too deeply")));
        }
        let directory = above.directory.child(name).map_err(ReadError::File)?;
        let stat = directory.stat_self().map_err(ReadError::File)?;
        self.unsteady |= stat.ctime >= self.at_rest_since;
        let foreign = self.options.one_file_system && stat.id.0 != self.root_device;
        let names = if foreign { Vec::new() } else { directory.names().map_err(ReadError::File)? };
        let xattrs = self.xattrs(&directory, c"")?;
        Ok(Step::Below(Box::new(Frame {
            name: name.to_owned(),
            key: self.reader.keys().path_key(above.key, name.to_bytes()),
            directory,
            names: names.into_iter(),
            parent: self.parent_directory(parent),
            entry: Entry {
                attributes: stat.attributes,
                kind: Kind::Directory(BlobId([0; 32])),
                xattrs,
                unsettled: false,
            },
            out: DirectoryWriter::default(),
        })))
    }

    fn parent_directory(&self, parent: Option<&Entry>) -> Option<ParentDirectory> {
        match parent?.kind {
            Kind::Directory(id) => Some(ParentDirectory::new(self.reader, id)),
            _ => None,
        }
    }

    fn trouble(&mut self, frames: &[Frame], name: &CStr, kind: TroubleKind, reason: String) {
        match kind {
            TroubleKind::Skipped => {}
            TroubleKind::Vanished => self.vanished = true,
            TroubleKind::Unreadable | TroubleKind::Unsettled => self.incomplete = true,
        }
        self.unsteady |= matches!(kind, TroubleKind::Vanished | TroubleKind::Unsettled);
        if kind != TroubleKind::Skipped {
            self.totals.troubled += 1;
        }
        let mut path = self.base.to_vec();
        let names = frames.iter().map(|frame| frame.name.as_c_str()).chain([name]);
        for name in names.filter(|name| !name.is_empty()) {
            if path.last() != Some(&b'/') {
                path.push(b'/');
            }
            path.extend(name.to_bytes());
        }
        self.monitor.trouble(&Trouble { path, kind, reason });
    }
}

fn push(frame: &mut Frame, writer: &mut Writer, name: &CStr, entry: &Entry) -> Result<(), StoreError> {
    let mut body = Vec::with_capacity(96);
    entry.encode(&mut body);
    frame.out.resemble(frame.parent.as_ref().and_then(ParentDirectory::leaf_id));
    frame.out.push(writer, name.to_bytes(), &body)
}
