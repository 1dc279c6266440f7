//! Reads ahead in a thread of its own. A program that reads the files of a directory in order will want the
//! next files. A program that reads a large file will want its next bytes. The thread decompresses their
//! blocks meanwhile.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread::{self, JoinHandle};

use super::node::EntryRef;
use crate::format::{BlobId, Content, Kind};
use crate::store::{FileReader, Found, Reader, StoreError};

/// Number of files in a row that counts as reading in order.
const STREAK: u32 = 4;
/// Largest distance, in entries, of two files that are read in order. Directories and entries without content
/// lie between them.
const GAP: u32 = 2;
/// Upper bounds of a request: entries looked at, and blocks decompressed for them.
const ENTRIES: u32 = 64;
const BLOCKS: u32 = 16;
/// Bytes read ahead in a large file.
const BYTES: u64 = 1 << 20;
/// Upper bound of the directories, and of the large files, that are tracked at the same time.
const AT_ONCE: usize = 8;
/// Number of requests that may wait. Further requests are dropped.
const WAITING: usize = 4;

/// Watches reads, and reads ahead.
#[derive(Debug, Default)]
pub(super) struct ReadAhead {
    seen: Mutex<Seen>,
    worker: OnceLock<Worker>,
}

/// The thread that reads. Dropping this ends the thread, and waits for it.
#[derive(Debug)]
struct Worker(Option<(SyncSender<Request>, JoinHandle<()>)>);

#[derive(Debug, Default)]
struct Seen {
    /// Leaves, the last one read first. `files` has the same order.
    leaves: VecDeque<SeenLeaf>,
    /// Number of files that were read in a row.
    streak: u32,
    files: VecDeque<SeenFile>,
}

/// A leaf of a directory.
#[derive(Debug)]
struct SeenLeaf {
    id: BlobId,
    /// Position of the entry that was read last.
    at: u32,
    /// End of the entries that were read ahead, exclusive.
    ahead: u32,
}

/// A file of several chunks.
#[derive(Debug)]
struct SeenFile {
    list: BlobId,
    /// Offset at which the last read ended, in bytes.
    end: u64,
    /// End of the bytes that were read ahead, exclusive.
    ahead: u64,
}

#[derive(Debug, PartialEq, Eq)]
enum Request {
    /// Entries of a leaf, `to` excluded.
    Entries { leaf: BlobId, from: u32, to: u32 },
    /// Bytes of a file, `to` excluded.
    Bytes { list: BlobId, size: u64, from: u64, to: u64 },
}

impl ReadAhead {
    /// Notes a read of `len` bytes of a file at `entry_ref`, and requests what is likely to follow.
    pub(super) fn note(&self, file: &FileReader<'_>, entry_ref: Option<&EntryRef>, offset: u64, len: usize) {
        let request = {
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            match (file.content, entry_ref) {
                (Content::Chunks(list), _) => seen.bytes(*list, file.size, offset, offset + len as u64),
                (_, Some(entry_ref)) => seen.entry(entry_ref.leaf.id, entry_ref.at),
                _ => None,
            }
        };
        let Some(request) = request else { return };
        let worker = self.worker.get_or_init(|| Worker::start(file.reader.clone()));
        // If the thread is behind or absent, the read itself continues.
        let _ = worker.0.as_ref().map(|(requests, _)| requests.try_send(request));
    }
}

impl Worker {
    fn start(reader: Reader) -> Self {
        let (sender, receiver) = sync_channel(WAITING);
        let thread = thread::Builder::new().name("read-ahead".into());
        let thread = thread.spawn(move || serve(&reader, &receiver));
        // Without the thread, everything is read when it is requested.
        let thread = thread.inspect_err(|error| log::warn!("cannot read ahead: {error}")).ok();
        Self(thread.map(|thread| (sender, thread)))
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let Some((requests, thread)) = self.0.take() else { return };
        drop(requests);
        let _ = thread.join();
    }
}

impl Seen {
    /// Returns what to read ahead after entry `at` of a leaf was read.
    fn entry(&mut self, id: BlobId, at: u32) -> Option<Request> {
        let known = self.leaves.iter().position(|leaf| leaf.id == id);
        let seen = known.and_then(|index| self.leaves.remove(index));
        let (last, ahead) = seen.map_or((None, at + 1), |leaf| (Some(leaf.at), leaf.ahead));
        let follows = match last {
            Some(last) => (last..=last.saturating_add(GAP)).contains(&at),
            // A read at the beginning of another directory continues the streak.
            None => at < GAP,
        };
        self.streak = if follows { self.streak + u32::from(last.is_some()) } else { 0 };
        // The longer the streak, the further the window extends.
        let window = (self.streak / 2).min(ENTRIES);
        let request = (self.streak >= STREAK && at + window / 2 >= ahead).then(|| Request::Entries {
            leaf: id,
            from: ahead.max(at + 1),
            to: at + window,
        });
        let ahead = if request.is_some() { at + window } else { ahead };
        keep(&mut self.leaves, SeenLeaf { id, at, ahead });
        request
    }

    /// Returns what to read ahead after the bytes from `offset` to `end` of a file were read.
    fn bytes(&mut self, list: BlobId, size: u64, offset: u64, end: u64) -> Option<Request> {
        let known = self.files.iter().position(|file| file.list == list);
        let Some(mut file) = known.and_then(|index| self.files.remove(index)) else {
            keep(&mut self.files, SeenFile { list, end, ahead: end });
            return None;
        };
        // A kernel that reads ahead itself may send several reads in any order.
        let follows = offset.abs_diff(file.end) <= BYTES;
        if !follows {
            file.ahead = end;
        }
        file.end = end;
        let (from, to) = (file.ahead.max(end), size.min(end + BYTES));
        let request = (follows && from < to && file.ahead <= end + BYTES / 2).then_some(Request::Bytes {
            list,
            size,
            from,
            to,
        });
        if request.is_some() {
            file.ahead = to;
        }
        keep(&mut self.files, file);
        request
    }
}

fn keep<T>(seen: &mut VecDeque<T>, last: T) {
    seen.push_front(last);
    seen.truncate(AT_ONCE);
}

fn serve(reader: &Reader, requests: &Receiver<Request>) {
    for request in requests {
        // A later read of the same data reports the error.
        let _ = match request {
            Request::Entries { leaf, from, to } => read_entries(reader, leaf, from..to),
            Request::Bytes { list, size, from, to } => {
                FileReader { reader, content: &Content::Chunks(list), size }.prefetch(from, to)
            }
        };
    }
}

fn read_entries(reader: &Reader, leaf: BlobId, entries: Range<u32>) -> Result<(), StoreError> {
    let mut made = 0;
    for at in entries {
        // For a large file this would be a small part. The bytes of such a file are read ahead while it is
        // read.
        if let Kind::File { content: Content::Blob(id), .. } =
            Found::read(reader, leaf, at as usize)?.entry()?.kind
        {
            made += u32::from(reader.prefetch(&id)?);
        }
        if made == BLOCKS {
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAF: BlobId = BlobId([1; 32]);
    const OTHER: BlobId = BlobId([2; 32]);

    fn entries(seen: &mut Seen, leaf: BlobId, at: impl IntoIterator<Item = u32>) -> Vec<(u32, u32)> {
        let told = at.into_iter().filter_map(|at| seen.entry(leaf, at));
        let pair = |request| match request {
            Request::Entries { from, to, .. } => (from, to),
            Request::Bytes { .. } => panic!("{request:?}"),
        };
        told.map(pair).collect()
    }

    #[test]
    fn a_walk_is_ahead_of_its_reads_and_asks_for_nothing_twice() {
        let mut seen = Seen::default();
        let told = entries(&mut seen, LEAF, 0..250);
        assert!(told.windows(2).all(|pair| pair[0].1 <= pair[1].0), "{told:?}");
        assert!(told.iter().all(|(from, to)| from < to && to - from <= ENTRIES), "{told:?}");
        assert!(told.last().unwrap().1 > 250, "{told:?}");
        // The next directory begins with the window that this one has reached.
        assert_eq!(entries(&mut seen, OTHER, [0]), [(1, ENTRIES)]);
    }

    #[test]
    fn scattered_files_are_not_read_ahead() {
        let mut seen = Seen::default();
        assert_eq!(entries(&mut seen, LEAF, [5, 9, 14, 20, 25, 3, 2, 1, 0]), []);
        for at in 0..200 {
            assert_eq!(entries(&mut seen, BlobId([at; 32]), [u32::from(at)]), []);
        }
        assert_eq!(seen.leaves.len(), AT_ONCE);
    }

    #[test]
    fn the_bytes_of_a_large_file_come_before_they_are_asked_for() {
        let (mut seen, size, step) = (Seen::default(), 10 * BYTES + 5, 128 << 10);
        let mut ahead = 0;
        for offset in (0..size).step_by(step) {
            let end = size.min(offset + step as u64);
            if let Some(Request::Bytes { from, to, .. }) = seen.bytes(LEAF, size, offset, end) {
                assert!(from >= ahead && from < to && to <= size, "{from} {to}");
                ahead = to;
            }
            assert!(offset == 0 || ahead >= size.min(end + BYTES / 2), "{offset}: {ahead}");
        }
        assert_eq!(ahead, size);
    }

    #[test]
    fn scattered_bytes_are_not_read_ahead() {
        let mut seen = Seen::default();
        for offset in [0, 30, 5, 100, 50, 9] {
            assert_eq!(seen.bytes(LEAF, 200 * BYTES, offset * BYTES, offset * BYTES + 4096), None);
        }
    }
}
