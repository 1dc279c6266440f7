use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

use hashbrown::HashTable;

use crate::format::limits::MAX_INLINE;
use crate::format::{BlobId, Content, Entry, Kind, LinkTableBuilder, PathKey, Time};

/// Identity of a file for the operating system: device and inode number.
pub(super) type FileId = (u64, u64);

/// The files met so far on the walk that have several names.
///
/// In a farm of hard links every file has several names, nearly all of them outside of the walked tree. So
/// the record of a file met once is small. Data that only few files need are kept in separate maps.
#[derive(Debug, Default)]
pub(super) struct LinkTracker {
    files: Vec<Linked>,
    /// Unused indices of `files`.
    free: Vec<u32>,
    /// Indices of `files`, by device and inode number.
    indices: HashTable<u32>,
    hasher: RandomState,
    devices: Vec<u64>,
    /// All paths of the files that were met more than once.
    paths: HashMap<u32, Vec<PathKey>>,
    /// Bytes in holes, for files that have holes.
    holes: HashMap<u32, u64>,
    finished: LinkTableBuilder,
}

/// A file, with the first of its names that was met.
#[derive(Debug)]
struct Linked {
    inode: u64,
    /// Index into [`LinkTracker::devices`].
    device: u16,
    path: PathKey,
    /// Meaning of `bytes`: the length of an inline content, or the kind of an id.
    content: u8,
    bytes: [u8; MAX_INLINE],
    fingerprint: Fingerprint,
}

/// A short keyed hash of a file's size and times. It shows whether the file changed between two of its names.
/// Nobody can predict the key.
type Fingerprint = [u8; 5];

const BLOB: u8 = MAX_INLINE as u8 + 1;
const CHUNKS: u8 = MAX_INLINE as u8 + 2;
const UNKNOWN: u8 = MAX_INLINE as u8 + 3;

impl LinkTracker {
    /// The content under which another name of this file was imported. `None` if its size or times have
    /// changed since.
    pub(super) fn known(&self, id: FileId, size: u64, mtime: Time, ctime: Time) -> Option<Kind> {
        let index = self.find(id, self.hasher.hash_one(id))?;
        let linked = &self.files[index as usize];
        if linked.fingerprint != self.fingerprint(size, mtime, ctime) {
            return None;
        }
        let content = match linked.content {
            BLOB => Content::Blob(BlobId(linked.bytes)),
            CHUNKS => Content::Chunks(BlobId(linked.bytes)),
            UNKNOWN => return None,
            len => Content::Inline(linked.bytes[..len.into()].into()),
        };
        let holes = self.holes.get(&index).copied().unwrap_or(0);
        Some(Kind::File { size, holes, content })
    }

    /// Records `path` as a name of the file `id`. The file has `names` names in total, inside and outside of
    /// the tree.
    pub(super) fn add(&mut self, id: FileId, names: u64, ctime: Time, path: PathKey, entry: &Entry) {
        let hash = self.hasher.hash_one(id);
        let Some(index) = self.find(id, hash) else { return self.insert(id, hash, ctime, path, entry) };
        let fingerprint = self.fingerprint(entry.size(), entry.attributes.mtime, ctime);
        if self.files[index as usize].fingerprint != fingerprint {
            // The file was changed or linked again, and then read again. Its next name must match this
            // reading.
            let (content, bytes, holes) = remembered(entry);
            let linked = &mut self.files[index as usize];
            (linked.content, linked.bytes, linked.fingerprint) = (content, bytes, fingerprint);
            self.holes.remove(&index);
            if holes > 0 {
                self.holes.insert(index, holes);
            }
        }
        let first = self.files[index as usize].path;
        let paths = self.paths.entry(index).or_insert_with(|| vec![first]);
        paths.push(path);
        if paths.len() as u64 >= names {
            self.finished.push(paths);
            self.paths.remove(&index);
            self.holes.remove(&index);
            if let Ok(occupied) = self.indices.find_entry(hash, |other| *other == index) {
                occupied.remove();
                self.free.push(index);
            }
        }
    }

    /// Encodes the snapshot's link table.
    pub(super) fn finish(mut self) -> Vec<u8> {
        // Sorting needs the memory.
        (self.files, self.indices) = Default::default();
        for paths in self.paths.into_values() {
            self.finished.push(&paths);
        }
        self.finished.finish()
    }

    fn find(&self, (device, inode): FileId, hash: u64) -> Option<u32> {
        let same = |index: &u32| {
            let linked = &self.files[*index as usize];
            linked.inode == inode && self.devices[usize::from(linked.device)] == device
        };
        self.indices.find(hash, same).copied()
    }

    fn insert(&mut self, (device, inode): FileId, hash: u64, ctime: Time, path: PathKey, entry: &Entry) {
        let known = self.devices.iter().position(|known| *known == device);
        let nth = known.unwrap_or(self.devices.len());
        let index = self.free.pop().or_else(|| u32::try_from(self.files.len()).ok());
        // There are more devices than a kernel mounts, or more files than fit in memory.
        let (Ok(nth), Some(index)) = (u16::try_from(nth), index) else { return };
        if known.is_none() {
            self.devices.push(device);
        }
        let (content, bytes, holes) = remembered(entry);
        let fingerprint = self.fingerprint(entry.size(), entry.attributes.mtime, ctime);
        let linked = Linked { inode, device: nth, path, content, bytes, fingerprint };
        match self.files.get_mut(index as usize) {
            Some(unused) => *unused = linked,
            None => self.files.push(linked),
        }
        if holes > 0 {
            self.holes.insert(index, holes);
        }
        let Self { files, devices, hasher, .. } = self;
        let rehash = |index: &u32| {
            let linked = &files[*index as usize];
            hasher.hash_one((devices[usize::from(linked.device)], linked.inode))
        };
        self.indices.insert_unique(hash, index, rehash);
    }

    fn fingerprint(&self, size: u64, mtime: Time, ctime: Time) -> Fingerprint {
        let hash = self.hasher.hash_one((size, mtime, ctime)).to_le_bytes();
        [hash[0], hash[1], hash[2], hash[3], hash[4]]
    }
}

/// The remembered parts of a content: the meaning of its bytes, the bytes, and the number of bytes in holes.
fn remembered(entry: &Entry) -> (u8, [u8; MAX_INLINE], u64) {
    let mut bytes = [0; MAX_INLINE];
    match &entry.kind {
        Kind::File { holes, content, .. } if !entry.changed_while_read => match content {
            Content::Inline(inline) => {
                bytes[..inline.len()].copy_from_slice(inline);
                (inline.len() as u8, bytes, *holes)
            }
            Content::Blob(id) => (BLOB, id.0, *holes),
            Content::Chunks(id) => (CHUNKS, id.0, *holes),
            Content::NotRead => (UNKNOWN, bytes, 0),
        },
        _ => (UNKNOWN, bytes, 0),
    }
}

#[cfg(test)]
mod tests;
