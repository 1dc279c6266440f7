//! The folder of a repository on this machine, found by its path.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use crate::store::StoreError;
use crate::store::backend::folder::Folder;
use crate::store::layout::TEMPORARY;

/// The folder that holds a repository's lock, its index and its stat caches. Its path may lead to another
/// folder later: a disk that was away comes back as another one.
#[derive(Debug)]
pub struct RepositoryFolder {
    path: PathBuf,
    current: RwLock<Arc<Folder>>,
    /// Number of pins that keep the open folder.
    pins: AtomicUsize,
}

/// Keeps the open folder until dropped, even if its path leads to another one.
#[derive(Debug)]
pub(in crate::store) struct Pin(Arc<RepositoryFolder>);

impl RepositoryFolder {
    /// Opens the folder at `path`.
    pub fn open(path: &Path) -> Result<Arc<Self>, StoreError> {
        Folder::open(path).map(Self::new)
    }

    /// The repository in an open folder.
    pub(in crate::store) fn new(folder: Folder) -> Arc<Self> {
        let path = folder.path().to_owned();
        Arc::new(Self { path, current: RwLock::new(Arc::new(folder)), pins: AtomicUsize::new(0) })
    }

    /// Path by which the folder was opened.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The open folder.
    pub(in crate::store) fn current(&self) -> Arc<Folder> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Switches to the folder that the path leads to now, unless the open one is pinned. Returns whether it
    /// is another one.
    pub(in crate::store) fn follow(&self) -> bool {
        if self.pins.load(Ordering::Relaxed) > 0 {
            return false;
        }
        let Ok(now) = Folder::open(&self.path) else { return false };
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        let is_same = now.identity().is_ok_and(|now| current.identity().is_ok_and(|used| used == now));
        if is_same || self.pins.load(Ordering::Relaxed) > 0 {
            return false;
        }
        *current = Arc::new(now);
        true
    }

    /// Pins the open folder.
    pub(in crate::store) fn pin(self: &Arc<Self>) -> Pin {
        // The folder is not switched while this is held.
        let _current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        self.pins.fetch_add(1, Ordering::Relaxed);
        Pin(Arc::clone(self))
    }

    /// Removes files that an interrupted writer left. Only the holder of the lock may call it.
    pub(in crate::store) fn clear_temporary(&self) -> Result<(), StoreError> {
        let folder = self.current().make_folder(TEMPORARY)?;
        for name in folder.names()? {
            match folder.remove(&name) {
                Err(error) if folder.entry(&name)?.is_some_and(|entry| entry.is_dir()) => {
                    log::warn!("{error}: no folder belongs there");
                }
                removed => removed?,
            }
        }
        Ok(())
    }
}

impl Drop for Pin {
    fn drop(&mut self) {
        self.0.pins.fetch_sub(1, Ordering::Relaxed);
    }
}
