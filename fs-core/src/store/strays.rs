//! Blobs that the index does not lead to, though a pack has them. Redb does not notice when a bit of a key or a value
//! flips; what is stored must be readable all the same.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::reader::Reader;
use super::{ObjectKind, StoreError};
use crate::format::{BlobId, PackId, Placement};

/// By the first half of their ids, the packs that have them.
type PackOf = HashMap<[u8; 16], PackId>;

/// What a search for strays has found, and when.
#[derive(Default)]
pub(super) struct Strays(Mutex<Option<(Instant, Arc<PackOf>)>>);

/// A search reads every catalogue, so that one must do for a while.
const PAUSE: Duration = Duration::from_secs(600);
/// An index that misses more is to be made again, rather than held in memory: some 50 MB.
const MAX_STRAYS: usize = 1 << 20;

impl Reader {
    /// Where the blob is, when that is not where the index leads.
    pub(super) fn stray(&self, id: &BlobId) -> Option<(PackId, Placement)> {
        let pack = *self.strays()?.get(&id.prefix())?;
        Some((pack, self.catalogue(pack).ok()?.find(id)?))
    }

    /// Whether there was a search.
    #[cfg(test)]
    pub(crate) fn has_searched(&self) -> bool {
        self.shared.strays.0.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    fn strays(&self) -> Option<Arc<PackOf>> {
        // Whoever else needs one waits, instead of searching too.
        let mut found = self.shared.strays.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, packs)) = &*found
            && at.elapsed() < PAUSE
        {
            return Some(Arc::clone(packs));
        }
        log::warn!("the index does not lead to all that is stored: looking through the packs");
        // A repository that is away for a moment is asked again.
        let packs = self.search().inspect_err(|error| log::error!("{error}")).ok()?;
        if !packs.is_empty() {
            log::warn!("the index misses {} blobs; make it again with `yester rebuild-index`", packs.len());
        }
        let packs = Arc::new(packs);
        *found = Some((Instant::now(), Arc::clone(&packs)));
        Some(packs)
    }

    fn search(&self) -> Result<PackOf, StoreError> {
        let mut packs = PackOf::new();
        for name in self.shared.backend.list(ObjectKind::Pack)? {
            let Some(pack) = PackId::parse(&name) else { continue };
            // What cannot be read is told when something in it is wanted.
            let Ok(catalogue) = self.catalogue(pack) else { continue };
            for (id, _) in catalogue.blobs() {
                if packs.len() < MAX_STRAYS
                    && !matches!(self.shared.index.pack_of(&id), Ok(Some(known)) if known == pack)
                {
                    packs.insert(id.prefix(), pack);
                }
            }
        }
        Ok(packs)
    }
}
