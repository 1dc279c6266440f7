//! Stat caches: inode numbers and ctimes of a tree's files at its last import. They are derived data: if one
//! is missing or damaged, the next import takes longer, as it reads the files. `format/stat_cache.rs` is the
//! layout.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::format::{
    BlobId, DirectoryStats, Keys, MAX_TRAILER, PART_SLOTS, Slot, SnapshotId, StatPart, StatTrailer, Time,
};
use crate::store::backend::folder::{Folder, NewFile};
use crate::store::layout::{STAT_CACHE, TEMPORARY};
use crate::store::{Repository, StoreError};

/// Capacity of the write buffer, in bytes.
const BUFFER: usize = 256 << 10;
/// Maximum number of file systems in one tree.
const MAX_FILE_SYSTEMS: usize = 4096;
/// Age at which a stat cache that was not renewed is removed.
const UNUSED: Duration = Duration::from_secs(400 * 86_400);
/// Length in bytes of the length field at the end of the file.
const LENGTH: u64 = 4;

/// The stat cache of a tree, open for reading.
#[derive(Debug, Clone)]
pub struct StatCache(Arc<Opened>);

#[derive(Debug)]
struct Opened {
    file: File,
    path: PathBuf,
    keys: Keys,
    trailer: StatTrailer,
    /// Whether damage was reported already.
    reported: AtomicBool,
}

/// The slots of one directory, for positions in ascending order.
#[derive(Debug)]
pub struct StatCursor {
    cache: Arc<Opened>,
    stats: DirectoryStats,
    node: BlobId,
    /// The part read last, and its number.
    part: Option<(u64, StatPart)>,
    /// Number and offset of the next part.
    next: (u64, u64),
}

/// A stat cache that an import is writing.
#[derive(Debug)]
pub struct StatCacheWriter {
    keys: Keys,
    name: String,
    /// The open file, or the first error.
    file: Result<Unfinished, StoreError>,
    buffer: Vec<u8>,
    /// Bytes written, those in the buffer included.
    len: u64,
}

/// A new file in the folder of temporary files.
#[derive(Debug)]
struct Unfinished {
    file: NewFile,
    temporary: Folder,
    root: Arc<Folder>,
}

impl Repository {
    /// Opens the stat cache of this source and tree; `tree` is the tree's key. `None` if none can be read.
    pub fn stat_cache(&self, source: &[u8], tree: &[u8]) -> Option<StatCache> {
        let keys = self.keys();
        let opened = self.basis.folder().and_then(|root| root.folder(STAT_CACHE));
        let name = keys.stat_cache_name(source, tree);
        let opened = opened.and_then(|folder| StatCache::open(&folder, &name, keys));
        StoreError::if_there(opened).unwrap_or_else(|error| {
            log::info!("{error}: it is made again by the next import");
            None
        })
    }

    /// Begins the stat cache of an import. The repository must be open for writing; only one can be written
    /// at a time.
    pub fn stat_cache_writer(&self, source: &[u8], tree: &[u8]) -> StatCacheWriter {
        let name = self.keys().stat_cache_name(source, tree);
        let file = self.basis.folder().and_then(|root| {
            let temporary = root.make_folder(TEMPORARY)?;
            Ok(Unfinished { file: temporary.new_file(&name)?, temporary, root })
        });
        StatCacheWriter { keys: self.keys().clone(), name, file, buffer: Vec::new(), len: 0 }
    }
}

impl StatCache {
    fn open(folder: &Folder, name: &str, keys: &Keys) -> Result<Self, StoreError> {
        let mut file = folder.file(name)?;
        let path = folder.path_of(name);
        let bytes = read_end(&mut file).map_err(StoreError::io("read", &path))?;
        let trailer = StatTrailer::open(keys, &bytes)
            .map_err(StoreError::damaged(|| format!("the stat cache {}", path.display())))?;
        Ok(Self(Arc::new(Opened {
            file,
            path,
            keys: keys.clone(),
            trailer,
            reported: AtomicBool::new(false),
        })))
    }

    /// The snapshot of the tree's last import.
    pub fn snapshot(&self) -> SnapshotId {
        self.0.trailer.snapshot
    }

    /// Start time of the last import that read every file.
    pub fn all_read(&self) -> Time {
        self.0.trailer.all_read
    }

    /// The identity of the root's file system, and the inode number of the root.
    pub fn root_identity(&self) -> (Option<&[u8]>, u64) {
        let trailer = &self.0.trailer;
        (trailer.file_systems.first().map(|known| &*known.identity), trailer.root_inode)
    }

    /// A time that the clock of this file system has passed, if the tree was on it.
    pub fn clock(&self, identity: &[u8]) -> Option<Time> {
        let file_systems = &self.0.trailer.file_systems;
        file_systems.iter().find(|known| *known.identity == *identity).map(|known| known.clock)
    }

    /// Returns the slots of the root directory, if its node is `node`.
    pub fn root(&self, node: BlobId) -> Option<StatCursor> {
        Some(StatCursor::new(&self.0, self.0.trailer.root?, node))
    }
}

/// Reads the bytes of the trailer.
fn read_end(file: &mut File) -> io::Result<Vec<u8>> {
    let damaged = || io::Error::new(io::ErrorKind::InvalidData, "it has no end");
    let size = file.seek(SeekFrom::End(0))?;
    let mut len = [0; LENGTH as usize];
    file.seek(SeekFrom::Start(size.checked_sub(LENGTH).ok_or_else(damaged)?))?;
    file.read_exact(&mut len)?;
    let len = u32::from_le_bytes(len);
    let start = size.checked_sub(LENGTH + u64::from(len)).filter(|_| len <= MAX_TRAILER);
    file.seek(SeekFrom::Start(start.ok_or_else(damaged)?))?;
    let mut bytes = vec![0; len as usize];
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}

impl StatCursor {
    fn new(cache: &Arc<Opened>, stats: DirectoryStats, node: BlobId) -> Self {
        Self { cache: Arc::clone(cache), stats, node, part: None, next: (0, stats.offset) }
    }

    /// Returns the identity of the directory's file system.
    pub fn file_system(&mut self) -> Option<&[u8]> {
        if self.part.is_none() {
            self.advance();
        }
        let index = self.part.as_ref()?.1.file_system as usize;
        self.cache.trailer.file_systems.get(index).map(|known| &*known.identity)
    }

    /// Returns the slot at this position among the directory's regular files and directories. Positions must
    /// ascend.
    pub fn get(&mut self, position: u64) -> Option<Slot> {
        let number = position / PART_SLOTS;
        while self.part.as_ref().is_none_or(|(read, _)| *read < number) {
            self.advance()?;
        }
        let (read, part) = self.part.as_ref()?;
        if *read == number { part.get(position % PART_SLOTS) } else { None }
    }

    /// Returns the slots of the directory at this position, if its node is `node`.
    pub fn directory(&mut self, position: u64, node: BlobId) -> Option<StatCursor> {
        let stats = self.get(position)?.directory()?;
        Some(Self::new(&self.cache, stats, node))
    }

    /// Reads the next part.
    fn advance(&mut self) -> Option<()> {
        let (number, offset) = self.next;
        let len = StatPart::stored_len(self.stats.slots, number)?;
        match self.cache.part(number, offset, len) {
            Ok(part) if part.node == self.node.prefix() => {
                self.part = Some((number, part));
                self.next = (number + 1, offset + len as u64);
                Some(())
            }
            result => {
                if let Err(error) = result
                    && !self.cache.reported.swap(true, Ordering::Relaxed)
                {
                    log::warn!("{error}: the files in that part are read");
                }
                // The parts after it cannot be read either.
                self.stats.slots = 0;
                None
            }
        }
    }
}

impl Opened {
    fn part(&self, number: u64, offset: u64, len: usize) -> Result<StatPart, StoreError> {
        let mut bytes = vec![0; len];
        (&self.file)
            .seek(SeekFrom::Start(offset))
            .and_then(|_| (&self.file).read_exact(&mut bytes))
            .map_err(StoreError::io("read", &self.path))?;
        StatPart::open(&self.keys, number, &bytes)
            .map_err(StoreError::damaged(|| format!("the stat cache {}", self.path.display())))
    }
}

impl StatCacheWriter {
    /// Adds the directory whose node is `node`, on the file system with this index, and returns its slot.
    pub fn add(&mut self, node: &BlobId, file_system: u32, slots: &[Slot]) -> Slot {
        if slots.iter().all(|slot| *slot == Slot::UNKNOWN) {
            return Slot::UNKNOWN;
        }
        let stats = DirectoryStats { offset: self.len, slots: slots.len() as u64 };
        for part in StatPart::seal_all(&self.keys, node, file_system, slots) {
            self.push(&part);
        }
        Slot::of_directory(stats)
    }

    /// Replaces the previous stat cache. The new one is not synced: a power loss may damage it, and its MACs
    /// show that.
    pub fn finish(mut self, end: &StatTrailer) -> Result<(), StoreError> {
        if end.file_systems.len() > MAX_FILE_SYSTEMS {
            let reason = io::Error::other("the tree is on too many file systems");
            return Err(StoreError::io("write", "the stat cache")(reason));
        }
        self.push(&end.seal(&self.keys));
        self.flush();
        let unfinished = StoreError::WriterStopped;
        let Unfinished { file, temporary, root } = std::mem::replace(&mut self.file, Err(unfinished))?;
        // Windows does not rename open files.
        drop(file);
        let folder = root.make_folder(STAT_CACHE)?;
        temporary.rename(&self.name, &folder, &self.name).inspect_err(|_| {
            let _ = temporary.remove(&self.name);
        })?;
        remove_unused(&folder);
        Ok(())
    }

    fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend(bytes);
        self.len += bytes.len() as u64;
        if self.buffer.len() >= BUFFER {
            self.flush();
        }
    }

    fn flush(&mut self) {
        let buffer = std::mem::take(&mut self.buffer);
        if let Ok(Unfinished { file, temporary, .. }) = &mut self.file
            && let Err(error) = file.write(&buffer)
        {
            let error = StoreError::io("write", temporary.path_of(&self.name))(error);
            // Frees the space, in case the disk is full.
            let _ = temporary.remove(&self.name);
            self.file = Err(error);
        }
        self.buffer = buffer;
        self.buffer.clear();
    }
}

/// Removes stat caches that no import has renewed for [`UNUSED`], as their trees will hardly be imported
/// again. A failure only costs space.
fn remove_unused(folder: &Folder) {
    let is_unused = |name: &str| {
        let entry = folder.entry(name).ok().flatten();
        let time = entry.and_then(|entry| entry.modified().ok());
        time.and_then(|time| time.into_std().elapsed().ok()).is_some_and(|age| age > UNUSED)
    };
    for name in folder.names().unwrap_or_default().iter().filter(|name| is_unused(name)) {
        let _ = folder.remove(name);
    }
}

impl Drop for StatCacheWriter {
    fn drop(&mut self) {
        if let Ok(Unfinished { temporary, .. }) = &self.file {
            // Frees the space, in case the disk is full. If that fails, the next writer removes the file.
            let _ = temporary.remove(&self.name);
        }
    }
}

#[cfg(test)]
mod tests;
