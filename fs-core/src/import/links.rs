use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

use hashbrown::HashTable;

use crate::format::limits::MAX_INLINE;
use crate::format::{BlobId, Content, Entry, Kind, LinkTableBuilder, PathKey, Time};

/// Where the operating system keeps a file: device and inode number.
pub(super) type FileId = (u64, u64);

/// Files that have other names, met so far on the walk.
///
/// In a farm of hard links every file has some, nearly all of them outside of the walked tree: what is kept of a file
/// met once is little, and what few files have is kept apart.
#[derive(Debug, Default)]
pub(super) struct LinkTracker {
    files: Vec<Linked>,
    /// Unused places in `files`.
    free: Vec<u32>,
    /// Places in `files`, by device and inode number.
    places: HashTable<u32>,
    hasher: RandomState,
    devices: Vec<u64>,
    /// All paths of the files that were met more than once.
    paths: HashMap<u32, Vec<PathKey>>,
    /// Bytes in holes of the files that have any.
    holes: HashMap<u32, u64>,
    finished: LinkTableBuilder,
}

/// A file by the first of its names that was met.
#[derive(Debug)]
struct Linked {
    inode: u64,
    /// Its place in [`LinkTracker::devices`].
    device: u16,
    path: PathKey,
    /// What `bytes` are: so many of an inline content, or an id.
    content: u8,
    bytes: [u8; MAX_INLINE],
    print: Print,
}

/// In few bytes what tells whether a file changed between two of its names: a hash of its size and times, with a key that
/// nobody can foresee.
type Print = [u8; 5];

const BLOB: u8 = MAX_INLINE as u8 + 1;
const CHUNKS: u8 = MAX_INLINE as u8 + 2;
const UNKNOWN: u8 = MAX_INLINE as u8 + 3;

impl LinkTracker {
    /// The content under which another name of this file was imported, if its size and times are unchanged
    /// since.
    pub(super) fn known(&self, id: FileId, size: u64, mtime: Time, ctime: Time) -> Option<Kind> {
        let place = self.find(id, self.hasher.hash_one(id))?;
        let linked = &self.files[place as usize];
        if linked.print != self.print(size, mtime, ctime) {
            return None;
        }
        let content = match linked.content {
            BLOB => Content::Blob(BlobId(linked.bytes)),
            CHUNKS => Content::Chunks(BlobId(linked.bytes)),
            UNKNOWN => return None,
            len => Content::Inline(linked.bytes[..len.into()].into()),
        };
        let holes = self.holes.get(&place).copied().unwrap_or(0);
        Some(Kind::File { size, holes, content })
    }

    /// Notes that `path` is a name of the file `id`, which has `names` names in all, here or elsewhere.
    pub(super) fn add(&mut self, id: FileId, names: u64, ctime: Time, path: PathKey, entry: &Entry) {
        let hash = self.hasher.hash_one(id);
        let Some(place) = self.find(id, hash) else { return self.insert(id, hash, ctime, path, entry) };
        let print = self.print(entry.size(), entry.attributes.mtime, ctime);
        if self.files[place as usize].print != print {
            // It was changed, or linked anew, and read again: its next name must be like this one.
            let (content, bytes, holes) = remembered(entry);
            let linked = &mut self.files[place as usize];
            (linked.content, linked.bytes, linked.print) = (content, bytes, print);
            self.holes.remove(&place);
            if holes > 0 {
                self.holes.insert(place, holes);
            }
        }
        let first = self.files[place as usize].path;
        let paths = self.paths.entry(place).or_insert_with(|| vec![first]);
        paths.push(path);
        if paths.len() as u64 >= names {
            self.finished.push(paths);
            self.paths.remove(&place);
            self.holes.remove(&place);
            if let Ok(occupied) = self.places.find_entry(hash, |other| *other == place) {
                occupied.remove();
                self.free.push(place);
            }
        }
    }

    /// The bytes of the snapshot's link table.
    pub(super) fn finish(mut self) -> Vec<u8> {
        // Sorting needs the memory.
        (self.files, self.places) = Default::default();
        for paths in self.paths.into_values() {
            self.finished.push(&paths);
        }
        self.finished.finish()
    }

    fn find(&self, (device, inode): FileId, hash: u64) -> Option<u32> {
        let same = |place: &u32| {
            let linked = &self.files[*place as usize];
            linked.inode == inode && self.devices[usize::from(linked.device)] == device
        };
        self.places.find(hash, same).copied()
    }

    fn insert(&mut self, (device, inode): FileId, hash: u64, ctime: Time, path: PathKey, entry: &Entry) {
        let known = self.devices.iter().position(|known| *known == device);
        let nth = known.unwrap_or(self.devices.len());
        let place = self.free.pop().or_else(|| u32::try_from(self.files.len()).ok());
        // More devices than a kernel mounts, or more files than fit in memory.
        let (Ok(nth), Some(place)) = (u16::try_from(nth), place) else { return };
        if known.is_none() {
            self.devices.push(device);
        }
        let (content, bytes, holes) = remembered(entry);
        let print = self.print(entry.size(), entry.attributes.mtime, ctime);
        let linked = Linked { inode, device: nth, path, content, bytes, print };
        match self.files.get_mut(place as usize) {
            Some(unused) => *unused = linked,
            None => self.files.push(linked),
        }
        if holes > 0 {
            self.holes.insert(place, holes);
        }
        let Self { files, devices, hasher, .. } = self;
        let rehash = |place: &u32| {
            let linked = &files[*place as usize];
            hasher.hash_one((devices[usize::from(linked.device)], linked.inode))
        };
        self.places.insert_unique(hash, place, rehash);
    }

    fn print(&self, size: u64, mtime: Time, ctime: Time) -> Print {
        let hash = self.hasher.hash_one((size, mtime, ctime)).to_le_bytes();
        [hash[0], hash[1], hash[2], hash[3], hash[4]]
    }
}

/// What is kept of a content: what its bytes are, these, and how many bytes are in holes.
fn remembered(entry: &Entry) -> (u8, [u8; MAX_INLINE], u64) {
    let mut bytes = [0; MAX_INLINE];
    match &entry.kind {
        Kind::File { holes, content, .. } if !entry.unsettled => match content {
            Content::Inline(inline) => {
                bytes[..inline.len()].copy_from_slice(inline);
                (inline.len() as u8, bytes, *holes)
            }
            Content::Blob(id) => (BLOB, id.0, *holes),
            Content::Chunks(id) => (CHUNKS, id.0, *holes),
        },
        _ => (UNKNOWN, bytes, 0),
    }
}

#[cfg(test)]
mod tests;
