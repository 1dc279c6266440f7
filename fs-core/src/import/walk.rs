//! The lock-step walk.

mod directory;
mod leaf;
mod unchanged;

use std::ffi::{CStr, CString};
use std::io;
use std::path::{MAIN_SEPARATOR, Path};
use std::sync::Arc;

use directory::unwalked;

use super::ImportError;
use super::at_rest::{AtRest, rsync_writes};
use super::disk::{Directory, FileType, Stat, is_gone, path_of};
use super::file::ReadError;
use super::file_systems::FileSystems;
use super::links::LinkTracker;
use super::parent::{ParentDirectory, Previous, has_slot};
use super::scan::{Bounds, Entries, Found, Scanned, Scanner};
use super::seen::SeenFiles;
use super::troubles::Troubles;
use crate::format::limits::MAX_NAME;
use crate::format::{
    Ancestor, Content, Entry, Kind, KnownFileSystem, Manifest, PathKey, Slot, SnapshotId, StatTrailer,
    Status, Time, Totals, Unread,
};
use crate::monitor::{Cancellation, Monitor, Progress, TroubleKind};
use crate::store::{
    ContentWriter, CopyError, DirectoryWriter, Reader, StatCache, StatCacheWriter, StatCursor, StoreError,
    Writer,
};

/// Options of a walk, and the earlier import to compare with.
#[derive(Debug, Default)]
#[allow(clippy::struct_excessive_bools, reason = "each is a choice of its own, named where it is made")]
pub struct Options<'a> {
    /// A snapshot that the tree is likely to resemble.
    pub parent: Option<&'a Manifest>,
    /// The stat cache of that snapshot's import. Without it every file is read.
    pub stat_cache: Option<StatCache>,
    /// Read every file, even one that is proven unchanged.
    pub checksum: bool,
    /// Ignore inode numbers, because they change from one walk to the next.
    pub ignore_inode: bool,
    /// Name of the tree of which this one is a frozen copy, whatever its device.
    pub origin: Option<&'a [u8]>,
    /// Time of the file systems' clocks, in tests.
    pub file_clock: Option<Time>,
    /// Leave out the content of other file systems.
    pub one_file_system: bool,
    /// Directories to leave out, by device and inode number: the repository itself.
    pub skip: Vec<(u64, u64)>,
    /// File systems to leave out, by device number: mounts of history.
    pub skip_devices: Vec<u64>,
    /// Files read by walks over other levels of the same hard-link farm. In a farm the ctime proves nothing,
    /// as each new link changes it.
    pub seen: Option<&'a SeenFiles>,
    /// The part of the tree that must be quiescent.
    pub at_rest: AtRest,
    /// Accept a tree that has become empty. Otherwise it counts as a file system that is not mounted.
    pub allow_empty: bool,
    /// Take owners, modes and special files from the attributes in which `rsync --fake-super` stores them.
    pub fake_super: bool,
}

/// A tree that was walked; not a snapshot yet.
#[derive(Debug)]
pub struct Taken {
    /// Time at which the walk began.
    pub started: Time,
    /// Entry of the root directory.
    pub root: Entry,
    /// Length of the link table, in bytes.
    pub links_len: u64,
    /// Content of the link table.
    pub links: Content,
    /// Counts over the tree.
    pub totals: Totals,
    /// Complete, vanished or partial.
    pub status: Status,
    /// Paths that could not be read.
    pub unread: Unread,
    /// The directories above the tree, the root of the file system first.
    pub ancestors: Vec<Ancestor>,
}

/// The result of a walk.
#[derive(Debug)]
pub struct Outcome {
    /// The tree.
    pub taken: Taken,
    /// Final counts.
    pub progress: Progress,
    /// Data for the end of the new stat cache.
    pub stats: Stats,
}

/// Data for the end of a stat cache.
#[derive(Debug, Clone)]
pub struct Stats {
    /// Slot of the root directory.
    pub root: Slot,
    /// Inode number of the root directory.
    pub root_inode: u64,
    /// The file systems that hold the tree.
    pub file_systems: Vec<KnownFileSystem>,
    /// Start of the last walk that read every file.
    pub all_read: Time,
}

impl Stats {
    /// Makes the end of the stat cache, once the tree has a snapshot.
    pub fn of(self, snapshot: SnapshotId) -> StatTrailer {
        let Self { root, root_inode, file_systems, all_read } = self;
        StatTrailer { snapshot, all_read, file_systems, root_inode, root: root.directory() }
    }
}

/// Walks the tree at `path`. Stores the tree in `writer`, and the inode numbers and ctimes of its files in
/// `stat_cache`. The walk begins at the time `now`.
pub fn run(
    path: &Path,
    options: &Options<'_>,
    writer: &mut Writer,
    stat_cache: &mut StatCacheWriter,
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
    // One shared reader, so that its caches exist once.
    let reader = writer.reader().clone();
    let walk = Walk {
        options,
        parent_started: options.parent.map(|parent| parent.started),
        reader,
        writer,
        stat_cache,
        file_systems: FileSystems::new(options.origin, options.file_clock),
        monitor,
        cancellation,
        base: path,
        started: now,
        scanner: Scanner::start(bounds).map_err(failed)?,
        content: ContentWriter::default(),
        links: LinkTracker::default(),
        progress: Progress::default(),
        totals: Totals::default(),
        troubles: Troubles::default(),
    };
    walk.run(directory)
}

fn open_root(path: &Path) -> Result<Directory, ImportError> {
    Directory::open(path).map_err(|source| match source.kind() {
        io::ErrorKind::NotADirectory => ImportError::NotADirectory(path.to_owned()),
        _ => ImportError::Root { path: path.to_owned(), source },
    })
}

struct Walk<'a> {
    options: &'a Options<'a>,
    parent_started: Option<Time>,
    reader: Reader,
    writer: &'a mut Writer,
    stat_cache: &'a mut StatCacheWriter,
    file_systems: FileSystems,
    monitor: &'a dyn Monitor,
    cancellation: &'a Cancellation,
    base: &'a Path,
    started: Time,
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
    /// The directory's entry. Its id is still missing, as the content decides it.
    entry: Entry,
    out: DirectoryWriter,
    /// Index of the directory's file system.
    file_system: usize,
    /// Slots of the parent's stat cache for this directory.
    seen_before: Option<StatCursor>,
    /// New slots of the directory's regular files and subdirectories.
    slots: Vec<Slot>,
}

impl Walk<'_> {
    fn run(mut self, directory: Directory) -> Result<Outcome, ImportError> {
        let (names, lacking) = directory.names();
        if let Some(error) = lacking {
            return Err(self.root_error(error));
        }
        self.check_not_emptied(&names)?;
        // After the listing: a removal meanwhile shows in the times.
        let mut stat = directory.stat_self().map_err(|error| self.root_error(error))?;
        let mut xattrs = directory.xattrs_self();
        self.reveal(&mut stat, &mut xattrs);
        let xattrs = self.check_rest(&stat).and_then(|()| self.xattrs(xattrs));
        let xattrs = xattrs.map_err(|error| match error {
            ReadError::File(source) => self.root_error(source),
            ReadError::Import(error) => error,
            ReadError::NotAtRest(sign) => self.not_at_rest(&[], c"", sign),
        })?;
        self.tell(&[], c"");
        let file_system = self.file_system(&directory, &stat);
        let root_inode = stat.id.1;
        let parent = self.options.parent.map(|parent| &parent.root);
        let seen_before = self.root_seen_before(parent, file_system);
        let directory = Arc::new(directory);
        let root = Frame {
            name: CString::default(),
            key: PathKey::ROOT,
            entries: self.scanner.root(Arc::clone(&directory), names),
            directory,
            parent: self.parent_directory(parent),
            entry: unwalked(&stat, xattrs),
            out: DirectoryWriter::default(),
            file_system,
            seen_before,
            slots: Vec::new(),
        };
        let ancestors = root.directory.ancestors();
        let (root, slot) = self.walk(root)?;
        let (links_len, links) = self.store_links()?;
        let taken = Taken {
            started: self.started,
            root,
            links_len,
            links,
            totals: Totals { troubled: self.troubles.entries(), ..self.totals },
            status: self.troubles.status(),
            unread: self.troubles.take_unread(),
            ancestors,
        };
        let all_read = match &self.options.stat_cache {
            Some(cache) if !self.options.checksum => cache.all_read(),
            _ => self.started,
        };
        let stats = Stats { root: slot, root_inode, file_systems: self.file_systems.known(), all_read };
        Ok(Outcome { taken, progress: self.progress, stats })
    }

    fn check_not_emptied(&self, names: &[CString]) -> Result<(), ImportError> {
        let is_empty = names.iter().all(|name| name.as_bytes() == b"lost+found");
        let was_empty = self.options.parent.is_none_or(|parent| parent.totals.is_empty());
        if is_empty && !was_empty && !self.options.allow_empty {
            return Err(ImportError::Emptied(self.base.to_owned()));
        }
        Ok(())
    }

    /// Stores the table of hard links. Returns its length and its content.
    fn store_links(&mut self) -> Result<(u64, Content), ImportError> {
        let links = std::mem::take(&mut self.links).finish();
        if let Some(parent) = self.options.parent {
            self.content.delta_hint(parent.links.clone());
        }
        self.content.data(self.writer, &mut links.as_slice(), u64::MAX).map_err(|error| match error {
            CopyError::Store(error) => ImportError::Store(error),
            CopyError::Read(source) => self.root_error(source),
        })?;
        let (len, _, content) = self.content.finish(self.writer)?;
        Ok((len, content))
    }

    fn root_error(&self, source: io::Error) -> ImportError {
        ImportError::Root { path: self.base.to_owned(), source }
    }

    /// Walks everything below `root`. The stack is explicit, because a tree may be deeper than a thread's
    /// stack.
    fn walk(&mut self, root: Frame) -> Result<(Entry, Slot), ImportError> {
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
            let slot = self.stat_cache.add(&id, done.file_system as u32, &done.slots);
            self.totals.directories += 1;
            match frames.last_mut() {
                Some(above) => push(above, self.writer, &done.name, &entry, slot)?,
                None => return Ok((entry, slot)),
            }
        }
    }

    /// Takes an entry of the last frame. For a directory, returns its new frame.
    fn entry(&mut self, frames: &mut [Frame], scanned: Scanned) -> Result<Option<Frame>, ImportError> {
        let depth = frames.len();
        let Scanned { name, found } = scanned;
        let result = match (frames.last_mut(), found) {
            (Some(frame), Ok(found)) => self.take(frame, &name, found, depth),
            (Some(frame), Err(error)) => self.refused(frame, &name, error),
            (None, _) => return Ok(None),
        };
        self.progress.entries += 1;
        self.monitor.progress(&self.progress);
        let below = match result {
            Ok(below) => below,
            Err(ReadError::Import(error)) => return Err(error),
            Err(ReadError::NotAtRest(sign)) => return Err(self.not_at_rest(frames, &name, sign)),
            Err(ReadError::File(error)) if is_gone(&error) => {
                if self.options.at_rest.is_demanded() {
                    return Err(self.not_at_rest(frames, &name, "it has vanished"));
                }
                self.troubles.note(TroubleKind::Vanished, "vanished before it was read");
                None
            }
            Err(ReadError::File(error)) => {
                self.troubles.note(TroubleKind::Unreadable, format!("cannot be read: {error}"));
                None
            }
        };
        self.tell(frames, &name);
        Ok(below)
    }

    fn not_at_rest(&self, frames: &[Frame], name: &CStr, sign: &'static str) -> ImportError {
        let path = path_of(&path(self.base, frames, name));
        ImportError::NotAtRest { path, sign: sign.to_owned() }
    }

    fn check_rest(&self, stat: &Stat) -> Result<(), ReadError> {
        self.options.at_rest.disturbance(stat).map_or(Ok(()), |sign| Err(ReadError::NotAtRest(sign)))
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
        if rsync_writes(bytes, &found.stat, self.options.at_rest) {
            if self.options.at_rest.is_demanded() {
                return Err(ReadError::NotAtRest("rsync is writing it"));
            }
            self.troubles.note(TroubleKind::Unsettled, "it looks as if rsync were still writing it");
        }
        let parent = in_parent(frame, bytes)?;
        if found.stat.kind == FileType::Directory {
            return self.enter(frame, name, &found.stat, parent.as_ref(), depth);
        }
        // Check before the read, which may take long.
        self.check_rest(&found.stat)?;
        let (entry, stat) = self.leaf(frame, name, found, parent.as_ref())?;
        self.check_rest(&stat)?;
        let slot = self.slot_of(frame.file_system, &stat, &entry);
        if entry.unsettled {
            if self.options.at_rest.is_demanded() {
                return Err(ReadError::NotAtRest("it has kept changing"));
            }
            self.troubles.note(TroubleKind::Unsettled, "kept changing while it was read");
        }
        if stat.links > 1 {
            let key = self.reader.keys().path_key(frame.key, bytes);
            self.links.add(stat.id, stat.links, stat.ctime, key, &entry);
        }
        match &entry.kind {
            Kind::File { size, .. } => {
                self.totals.files += 1;
                self.progress.files += 1;
                self.totals.bytes += size;
            }
            _ => self.totals.others += 1,
        }
        push(frame, self.writer, name, &entry, slot).map_err(|error| ReadError::Import(error.into()))?;
        Ok(None)
    }

    /// Handles an entry that could not be examined.
    fn refused(
        &mut self,
        frame: &mut Frame,
        name: &CStr,
        error: io::Error,
    ) -> Result<Option<Frame>, ReadError> {
        let parent = in_parent(frame, name.to_bytes())?;
        let kept = self.keep_private_mount(frame, name, parent.as_ref(), &error)?;
        if kept { Ok(None) } else { Err(ReadError::File(error)) }
    }

    /// Reports the problems of the entry `name` of the last frame.
    fn tell(&mut self, frames: &[Frame], name: &CStr) {
        let below_root = || names(frames, name).collect::<Vec<_>>().join(&b'/');
        self.troubles.tell(self.monitor, || path(self.base, frames, name), below_root);
    }
}

/// The parent snapshot's entry of this name.
fn in_parent(frame: &mut Frame, name: &[u8]) -> Result<Option<Previous>, ReadError> {
    match frame.parent.as_mut().map_or(Ok(None), |parent| parent.take(name)) {
        // Damage to an old snapshot must not prevent new ones.
        Err(error) if error.is_loss() => {
            log::error!("{error}: every file in this directory is read");
            frame.parent = None;
            Ok(None)
        }
        parent => parent.map_err(|error| ReadError::Import(error.into())),
    }
}

/// Path of the entry `name` of the last frame, as the user would name it.
fn path(base: &Path, frames: &[Frame], name: &CStr) -> Vec<u8> {
    let separator = MAIN_SEPARATOR as u8;
    let mut path = base.as_os_str().as_encoded_bytes().to_vec();
    for name in names(frames, name) {
        if path.last() != Some(&separator) {
            path.push(separator);
        }
        path.extend(name);
    }
    path
}

/// The names that lead from the root to the entry `name` of the last frame.
fn names<'a>(frames: &'a [Frame], name: &'a CStr) -> impl Iterator<Item = &'a [u8]> {
    let names = frames.iter().map(|frame| frame.name.as_c_str()).chain([name]);
    names.map(CStr::to_bytes).filter(|name| !name.is_empty())
}

/// Adds an entry to its directory, and the `slot` of a regular file or directory.
fn push(
    frame: &mut Frame,
    writer: &mut Writer,
    name: &CStr,
    entry: &Entry,
    slot: Slot,
) -> Result<(), StoreError> {
    if has_slot(entry) {
        frame.slots.push(slot);
    }
    let mut body = Vec::with_capacity(96);
    entry.encode(&mut body);
    frame.out.delta_hint(frame.parent.as_ref().and_then(ParentDirectory::leaf_id));
    frame.out.push(writer, name.to_bytes(), &body)
}
