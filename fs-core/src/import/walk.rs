//! Walks a tree in step with the parent snapshot. Both advance in the order of names, and a file that is
//! proven unchanged (`walk/unchanged.rs`) is taken over without being read.

mod directory;
mod fake_super;
mod file;
mod file_systems;
mod leaf;
mod links;
mod parent;
mod quiescent;
mod scan;
mod seen;
mod troubles;
mod unchanged;
mod unread;

use std::ffi::{CStr, CString};
use std::io;
use std::path::{MAIN_SEPARATOR, Path};
use std::sync::Arc;

use file::ReadError;
use file_systems::FileSystems;
use links::LinkTracker;
use parent::{ParentDirectory, ParentEntry, ParentItem, has_slot};
pub(crate) use quiescent::Quiescence;
pub(crate) use scan::Exclusions;
use scan::{Entries, Facts, OpenedDirectory, ScannedEntry, Scanner};
pub(crate) use seen::SeenFiles;
use troubles::Troubles;

use super::disk::{Directory, FileType, Stat, is_gone, path_of};
use super::{ImportError, ImportOptions};
use crate::format::limits::MAX_NAME;
use crate::format::{
    Absence, Content, Entry, Extensions, FileStat, Item, Kind, Manifest, NotRead, Origin, PathKey, Slot,
    SnapshotId, StatTrailer, Time, Totals,
};
use crate::history::Snapshot;
use crate::monitor::{Cancellation, Monitor, Progress, TroubleKind};
use crate::store::{
    ContentWriter, DirectoryWriter, Reader, StatCache, StatCacheWriter, StatCursor, StoreError, Writer,
};

/// What a walk needs in addition to the options of its import, and the earlier import to compare with.
#[derive(Debug, Default)]
pub(crate) struct Options<'a> {
    /// A snapshot that the tree is likely to resemble.
    pub(crate) parent: Option<&'a Snapshot>,
    /// The stat cache of that snapshot's import. Without it every file is read.
    pub(crate) stat_cache: Option<StatCache>,
    /// Read every file, even one that is proven unchanged.
    pub(crate) checksum: bool,
    /// The repository itself, and mounts of history. The options of the import decide on other devices.
    pub(crate) exclusions: Exclusions,
    /// Files read by walks over other levels of the same hard-link farm. In a farm the ctime proves nothing,
    /// as each new link changes it.
    pub(crate) seen: Option<&'a SeenFiles>,
    /// The part of the tree that must be quiescent.
    pub(crate) quiescence: Quiescence,
    /// Accept a tree that has become empty. Otherwise it counts as a file system that is not mounted.
    pub(crate) allow_empty: bool,
}

/// A tree that was walked; not a snapshot yet.
#[derive(Debug)]
pub(crate) struct Walked {
    /// The manifest of a snapshot of the tree. It lacks what only the caller knows: source, time and origin.
    pub(crate) manifest: Manifest,
    /// Final counts.
    pub(crate) progress: Progress,
    /// The end of the new stat cache. It lacks the snapshot.
    pub(crate) stat_trailer: StatTrailer,
}

/// Walks the tree at `path`. Stores the tree in `writer`, and the inode numbers and ctimes of its files in
/// `stat_cache`.
///
/// # Errors
///
/// If the root cannot be read, or has become empty, or if the tree is not as quiescent as it must be. Other
/// entries that cannot be read are reported to the monitor.
pub(crate) fn walk(
    path: &Path,
    import: &ImportOptions,
    options: &Options<'_>,
    writer: &mut Writer,
    stat_cache: &mut StatCacheWriter,
    monitor: &dyn Monitor,
    cancellation: &Cancellation,
) -> Result<Walked, ImportError> {
    let started = import.clock.now().into();
    let directory = Directory::open(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotADirectory => ImportError::NotADirectory(path.to_owned()),
        _ => ImportError::read(path)(error),
    })?;
    let stat = directory.stat_self().map_err(ImportError::read(path))?;
    if options.exclusions.directories.contains(&stat.id) {
        return Err(ImportError::InsideRepository(path.to_owned()));
    }
    let only_device = import.one_file_system.then_some(stat.id.0);
    let exclusions = Exclusions { only_device, ..options.exclusions.clone() };
    // One shared reader, so that its caches exist once.
    let reader = writer.reader().clone();
    let walk = Walk {
        import,
        options,
        reader,
        writer,
        stat_cache,
        file_systems: FileSystems::new(import.origin.as_deref(), &*import.clock),
        monitor,
        cancellation,
        base: path,
        started,
        scanner: Scanner::start(exclusions).map_err(ImportError::read(path))?,
        content: ContentWriter::default(),
        links: LinkTracker::default(),
        progress: Progress::default(),
        totals: Totals::default(),
        troubles: Troubles::default(),
        last_slot: None,
        depth: 0,
    };
    walk.run(directory, stat.id.1)
}

struct Walk<'a> {
    import: &'a ImportOptions,
    options: &'a Options<'a>,
    reader: Reader,
    writer: &'a mut Writer,
    stat_cache: &'a mut StatCacheWriter,
    file_systems: FileSystems<'a>,
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
    /// The slot that was made last.
    last_slot: Option<(FileStat, Slot)>,
    /// Number of directories from the root to the current one.
    depth: usize,
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
    fn run(mut self, directory: Directory, root_inode: u64) -> Result<Walked, ImportError> {
        let frame = self.root(directory).map_err(|error| self.root_error(error))?;
        self.report_troubles(&[], c"");
        let ancestors = frame.directory.ancestors();
        let (root, slot) = self.walk(frame)?;
        let (links_len, links) = self.store_links().map_err(|error| self.root_error(error))?;
        let all_read = match &self.options.stat_cache {
            Some(cache) if !self.options.checksum => cache.all_read(),
            _ => self.started,
        };
        let manifest = Manifest {
            source: Box::default(),
            time: self.started,
            started: self.started,
            status: self.troubles.status(),
            root,
            links_len,
            links,
            totals: Totals { troubled: self.troubles.entries, ..self.totals },
            origin: Origin::default(),
            parent: None,
            extensions: Extensions { ancestors, ..Extensions::default() },
        };
        let stat_trailer = StatTrailer {
            snapshot: SnapshotId([0; 32]),
            all_read,
            file_systems: self.file_systems.known(),
            root_inode,
            root: slot.directory(),
        };
        Ok(Walked { manifest, progress: self.progress, stat_trailer })
    }

    /// The frame of the root.
    fn root(&mut self, directory: Directory) -> Result<Frame, ReadError> {
        let (names, lacking) = directory.names();
        if let Some(error) = lacking {
            return Err(error.into());
        }
        let is_empty = names.iter().all(|name| name.as_bytes() == b"lost+found");
        let was_empty = self.options.parent.is_none_or(|parent| parent.manifest.totals.is_empty());
        if is_empty && !was_empty && !self.options.allow_empty {
            return Err(ReadError::Import(ImportError::Emptied(self.base.to_owned())));
        }
        // After the listing: a removal meanwhile shows in the times.
        let stat = directory.stat_self()?;
        let directory = Arc::new(directory);
        let entries = self.scanner.root(Arc::clone(&directory), names);
        let opened =
            OpenedDirectory { directory, stat, xattrs: None, entries, lacking: None, left_out: false };
        let parent = self.options.parent.map(|parent| &parent.manifest.root);
        let seen_before = match (parent, &self.options.stat_cache) {
            (Some(Entry { kind: Kind::Directory(node), .. }), Some(cache)) => cache.root(*node),
            _ => None,
        };
        self.frame(c"", PathKey::ROOT, opened, parent, seen_before)
    }

    /// Stores the table of hard links. Returns its length and its content.
    fn store_links(&mut self) -> Result<(u64, Content), ReadError> {
        let links = std::mem::take(&mut self.links).finish();
        if let Some(parent) = self.options.parent {
            self.content.delta_hint(parent.manifest.links.clone());
        }
        self.content.data(self.writer, &mut links.as_slice(), u64::MAX)?;
        let (len, _, content) = self.content.finish(self.writer)?;
        Ok((len, content))
    }

    /// The error of an import whose root fails.
    fn root_error(&self, error: ReadError) -> ImportError {
        match error {
            ReadError::File(error) => ImportError::read(self.base)(error),
            ReadError::Import(error) => error,
            ReadError::NotQuiescent(sign) => self.not_quiescent(&[], c"", sign),
        }
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
            if let Some(scanned) = next.map_err(|error| self.root_error(error.into()))? {
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
                Some(above) => push(above, self.writer, &done.name, entry, slot)?,
                None => return Ok((entry, slot)),
            }
        }
    }

    /// Takes an entry of the last frame. For a directory, returns its new frame.
    fn entry(&mut self, frames: &mut [Frame], scanned: ScannedEntry) -> Result<Option<Frame>, ImportError> {
        self.depth = frames.len();
        let ScannedEntry { name, facts } = scanned;
        let Some(frame) = frames.last_mut() else { return Ok(None) };
        let parent = in_parent(frame, name.to_bytes())?;
        let stat = facts.as_ref().ok().map(|facts| facts.stat);
        let entry = parent.as_ref().and_then(|parent| parent.entry.as_ref());
        let mut result = match facts {
            Ok(facts) => self.take(frame, &name, facts, entry),
            Err(error) => self.refused(frame, &name, error, entry),
        };
        if let Err(ReadError::File(error)) = &result
            && !is_gone(error)
        {
            let not_read = NotRead::new(
                &error.to_string(),
                parent.and_then(|parent| parent.content_id(self.reader.keys())),
            );
            self.troubles.note(TroubleKind::Unreadable, format!("cannot be read: {error}"));
            result = self.keep_unread(frame, &name, stat, not_read).map(|()| None);
        }
        self.progress.entries += 1;
        self.monitor.progress(&self.progress);
        let below = match result {
            Ok(below) => below,
            Err(ReadError::Import(error)) => return Err(error),
            Err(ReadError::NotQuiescent(sign)) => return Err(self.not_quiescent(frames, &name, sign)),
            Err(ReadError::File(_)) => {
                if self.options.quiescence.is_required() {
                    return Err(self.not_quiescent(frames, &name, "it has vanished"));
                }
                self.troubles.note(TroubleKind::Vanished, "vanished before it was read");
                None
            }
        };
        self.report_troubles(frames, &name);
        Ok(below)
    }

    fn not_quiescent(&self, frames: &[Frame], name: &CStr, sign: &'static str) -> ImportError {
        let path = path_of(&path(self.base, frames, name));
        ImportError::NotQuiescent { path, sign: sign.to_owned() }
    }

    fn check_quiescence(&self, stat: &Stat) -> Result<(), ReadError> {
        let sign = self.options.quiescence.disturbance(stat, &*self.import.clock);
        sign.map_or(Ok(()), |sign| Err(ReadError::NotQuiescent(sign)))
    }

    fn take(
        &mut self,
        frame: &mut Frame,
        name: &CStr,
        facts: Facts,
        parent: Option<&ParentEntry>,
    ) -> Result<Option<Frame>, ReadError> {
        let bytes = name.to_bytes();
        // Some file systems count characters instead of bytes (NTFS, CIFS).
        if bytes.len() > MAX_NAME {
            return Err(ReadError::unreadable("its name is longer than 255 bytes"));
        }
        if self.options.quiescence.is_written_by_rsync(bytes, &facts.stat, &*self.import.clock) {
            if self.options.quiescence.is_required() {
                return Err(ReadError::NotQuiescent("rsync is writing it"));
            }
            self.troubles.note(TroubleKind::ChangedWhileRead, "it looks as if rsync were still writing it");
        }
        if facts.stat.kind == FileType::Directory {
            return self.enter(frame, name, &facts.stat, parent);
        }
        // Check before the read, which may take long.
        self.check_quiescence(&facts.stat)?;
        let (entry, stat) = self.leaf(frame, name, facts, parent)?;
        self.check_quiescence(&stat)?;
        let slot = self.slot_of(frame.file_system, &stat, &entry);
        if entry.changed_while_read {
            if self.options.quiescence.is_required() {
                return Err(ReadError::NotQuiescent("it has kept changing"));
            }
            self.troubles.note(TroubleKind::ChangedWhileRead, "kept changing while it was read");
        }
        if stat.links > 1 {
            let key = self.reader.keys().path_key(frame.key, bytes);
            self.links.add(stat.id, stat.links, stat.ctime, key, &entry);
        }
        self.push_leaf(frame, name, entry, slot)?;
        Ok(None)
    }

    /// Counts an entry that is not a directory, and adds it to its directory.
    fn push_leaf(
        &mut self,
        frame: &mut Frame,
        name: &CStr,
        entry: Entry,
        slot: Slot,
    ) -> Result<(), StoreError> {
        match &entry.kind {
            Kind::File { size, .. } => {
                self.totals.files += 1;
                self.progress.files += 1;
                self.totals.bytes += size;
            }
            _ => self.totals.others += 1,
        }
        push(frame, self.writer, name, entry, slot)
    }

    /// Handles an entry that could not be examined.
    fn refused(
        &mut self,
        frame: &mut Frame,
        name: &CStr,
        error: io::Error,
        parent: Option<&ParentEntry>,
    ) -> Result<Option<Frame>, ReadError> {
        let kept = self.keep_private_mount(frame, name, parent, &error)?;
        if kept { Ok(None) } else { Err(ReadError::File(error)) }
    }

    /// Reports the problems of the entry `name` of the last frame.
    fn report_troubles(&mut self, frames: &[Frame], name: &CStr) {
        self.troubles.report(self.monitor, || path(self.base, frames, name));
    }
}

/// What the parent snapshot has of this name.
fn in_parent(frame: &mut Frame, name: &[u8]) -> Result<Option<ParentItem>, StoreError> {
    match frame.parent.as_mut().map_or(Ok(None), |parent| parent.take(name)) {
        // Damage to an old snapshot must not prevent new ones.
        Err(error) if error.is_loss() => {
            log::error!("{error}: every file in this directory is read");
            frame.parent = None;
            Ok(None)
        }
        parent => parent,
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
    entry: Entry,
    slot: Slot,
) -> Result<(), StoreError> {
    if has_slot(&entry) {
        frame.slots.push(slot);
    }
    push_item(frame, writer, name, &Item::Entry(entry))
}

fn push_item(frame: &mut Frame, writer: &mut Writer, name: &CStr, item: &Item) -> Result<(), StoreError> {
    frame.entry.gaps.add(item);
    let mut body = Vec::with_capacity(96);
    item.encode(&mut body);
    frame.out.delta_hint(frame.parent.as_ref().and_then(ParentDirectory::leaf_id));
    frame.out.push(writer, name.to_bytes(), &body)
}

/// Records that a directory has no entry of this name, and why.
fn push_absence(
    frame: &mut Frame,
    writer: &mut Writer,
    name: &CStr,
    absence: Absence,
) -> Result<(), StoreError> {
    push_item(frame, writer, name, &Item::Absent(absence))
}
