//! Packs that stay open, so that a block costs one system call.

use std::fs::File;
use std::io;
use std::num::NonZero;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lru::LruCache;

/// Maximum number of open packs. A process may have 1024 open files by default on Linux.
const MAX_OPEN: NonZero<usize> = NonZero::new(64).expect("it is not zero");

/// The packs that were read last, by name. What is read of them is verified by the caller. A pack
/// that another process has replaced or removed is read as it was, and keeps its room on the disk, until it is closed.
#[derive(Debug)]
pub(super) struct OpenPacks(Mutex<LruCache<String, Arc<File>>>);

impl Default for OpenPacks {
    fn default() -> Self {
        Self(Mutex::new(LruCache::new(MAX_OPEN)))
    }
}

impl OpenPacks {
    /// Reads `len` bytes at `offset` of an open pack. `None` if it is not open or cannot be read; then it is
    /// closed, so that the caller opens the file that is there now and learns the reason.
    pub(super) fn read(&self, pack: &str, offset: u64, len: usize) -> Option<Vec<u8>> {
        let file = self.packs().get(pack).map(Arc::clone)?;
        let read = read_range(&file, offset, len).ok();
        if read.is_none() {
            self.close(pack);
        }
        read
    }

    /// Keeps a pack open.
    pub(super) fn keep(&self, pack: &str, file: File) {
        self.packs().put(pack.to_owned(), Arc::new(file));
    }

    pub(super) fn close(&self, pack: &str) {
        self.packs().pop(pack);
    }

    pub(super) fn close_all(&self) {
        self.packs().clear();
    }

    fn packs(&self) -> MutexGuard<'_, LruCache<String, Arc<File>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads `len` bytes at `offset`, whatever the position in the file.
///
/// # Errors
/// `UnexpectedEof` if the file ends before.
pub(super) fn read_range(file: &File, offset: u64, len: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; len];
    #[cfg(unix)]
    std::os::unix::fs::FileExt::read_exact_at(file, &mut bytes, offset)?;
    #[cfg(windows)]
    {
        let mut filled = 0;
        while filled < len {
            match std::os::windows::fs::FileExt::seek_read(file, &mut bytes[filled..], offset + filled as u64)
            {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn few_stay_open() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("pack");
        fs::write(&path, b"0123456789").unwrap();
        let (packs, open) = (OpenPacks::default(), || File::open(&path).unwrap());
        assert_eq!(packs.read("a", 0, 1), None);
        packs.keep("a", open());
        for number in 1..MAX_OPEN.get() {
            packs.keep(&number.to_string(), open());
            assert_eq!(packs.read("a", 2, 3).unwrap(), b"234");
        }
        packs.keep("another", open());
        assert_eq!(packs.packs().len(), MAX_OPEN.get());
        assert_eq!((packs.read("1", 0, 1), packs.read("a", 9, 1).unwrap()), (None, b"9".to_vec()));
        packs.close("a");
        assert_eq!(packs.read("a", 0, 1), None);
        packs.close_all();
        assert!(packs.packs().is_empty());
    }

    #[test]
    fn a_pack_that_is_too_short_is_closed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("pack");
        fs::write(&path, b"0123456789").unwrap();
        let packs = OpenPacks::default();
        packs.keep("a", File::open(&path).unwrap());
        assert_eq!(packs.read("a", 8, 3), None);
        assert!(packs.packs().is_empty());
    }
}
