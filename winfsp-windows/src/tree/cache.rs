use std::sync::{Arc, Mutex, PoisonError};

use fs_core::history::Sources;
use fs_core::view::{Node, View, ViewError};
use lru::LruCache;

use crate::listed::Listed;

/// Maximum number of entries of directories in the cache, about 32 MB.
const MOST_ENTRIES: usize = 2_000_000;
/// Cost of a directory without entries, in entries.
const EMPTY: usize = 10;

/// The names of the directories that were used last.
#[derive(Debug)]
pub(super) struct Cache(Mutex<Kept>);

#[derive(Debug)]
struct Kept {
    directories: LruCache<u128, Names>,
    entries: usize,
}

#[derive(Debug)]
struct Names {
    listed: Arc<Listed>,
    /// The names are valid as long as the sources are these.
    until: Option<Arc<Sources>>,
}

impl Default for Cache {
    fn default() -> Self {
        Self(Mutex::new(Kept { directories: LruCache::unbounded(), entries: 0 }))
    }
}

impl Cache {
    /// The names of the directory. `list` reads them if they are not cached, and returns whether they are
    /// complete.
    pub(super) fn get(
        &self,
        view: &View,
        directory: &Node,
        list: impl FnOnce() -> Result<(Listed, bool), ViewError>,
    ) -> Result<Arc<Listed>, ViewError> {
        let is_fixed = directory.is_immutable() && !view.lists_versions;
        let now = (!is_fixed).then(|| view.sources());
        let key = directory.identity();
        if let Some(names) = self.lock().directories.get(&key)
            && names.until.as_ref().map(Arc::as_ptr) == now.as_ref().map(Arc::as_ptr)
        {
            return Ok(Arc::clone(&names.listed));
        }
        let (listed, all) = list()?;
        let listed = Arc::new(listed);
        if all {
            self.lock().put(key, Names { listed: Arc::clone(&listed), until: now });
        }
        Ok(listed)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn put(&mut self, key: u128, names: Names) {
        let weight = |names: &Names| names.listed.entries() + EMPTY;
        self.entries += weight(&names);
        if let Some(old) = self.directories.put(key, names) {
            self.entries -= weight(&old);
        }
        // The entry just added stays, however large it is.
        while self.entries > MOST_ENTRIES && self.directories.len() > 1 {
            let Some((_, old)) = self.directories.pop_lru() else { break };
            self.entries -= weight(&old);
        }
    }
}
