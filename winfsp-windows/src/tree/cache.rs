use std::sync::Arc;

use fs_core::history::Sources;
use fs_core::store::WeightedCache;
use fs_core::view::{Node, View, ViewError};

use crate::listed::Listed;

/// Maximum number of entries of directories in the cache, about 32 MB.
const MOST_ENTRIES: usize = 2_000_000;
/// Cost of a directory without entries, in entries.
const EMPTY: usize = 10;

/// The names of the directories that were used last.
pub(super) struct Cache(WeightedCache<u128, Names>);

struct Names {
    listed: Arc<Listed>,
    /// The names are valid as long as the sources are these.
    until: Option<Arc<Sources>>,
}

impl Default for Cache {
    fn default() -> Self {
        Self(WeightedCache::new(MOST_ENTRIES))
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
        if let Some(names) = self.0.get(&key)
            && names.until.as_ref().map(Arc::as_ptr) == now.as_ref().map(Arc::as_ptr)
        {
            return Ok(Arc::clone(&names.listed));
        }
        let (listed, all) = list()?;
        let weight = listed.entries() + EMPTY;
        let listed = Arc::new(listed);
        if all {
            self.0.insert(key, Names { listed: Arc::clone(&listed), until: now }, weight);
        }
        Ok(listed)
    }
}
