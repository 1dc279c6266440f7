//! Blobs that the index does not lead to, though a pack has them. Redb does not notice when a bit of a key or a value
//! flips; what is stored must be readable all the same.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use super::reader::Reader;
use super::{ObjectKind, StoreError};
use crate::format::{BlobId, PackId, Placement};

/// By the first half of their ids, the packs that have them.
type PackOf = HashMap<[u8; 16], PackId>;

/// What a search for strays has found, and when.
#[derive(Default)]
pub(super) struct Strays {
    /// Held for a moment only.
    found: Mutex<Option<(Instant, Arc<PackOf>)>>,
    /// Held by whoever searches.
    turn: Mutex<()>,
}

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
        self.found().is_some()
    }

    /// What was found last, and whether that is long ago.
    fn found(&self) -> Option<(Arc<PackOf>, bool)> {
        let found = self.shared.strays.found.lock().unwrap_or_else(PoisonError::into_inner);
        found.as_ref().map(|(at, packs)| (Arc::clone(packs), at.elapsed() >= PAUSE))
    }

    fn strays(&self) -> Option<Arc<PackOf>> {
        let known = self.found();
        if let Some((packs, false)) = known {
            return Some(packs);
        }
        let turn = &self.shared.strays.turn;
        let _turn = match turn.try_lock() {
            Ok(turn) => turn,
            Err(TryLockError::Poisoned(turn)) => turn.into_inner(),
            // Who needs one while another searches takes what is old, or waits.
            Err(TryLockError::WouldBlock) if known.is_some() => return known.map(|(packs, _)| packs),
            Err(TryLockError::WouldBlock) => turn.lock().unwrap_or_else(PoisonError::into_inner),
        };
        if let Some((packs, false)) = self.found() {
            return Some(packs);
        }
        log::warn!("the index does not lead to all that is stored: looking through the packs");
        // A repository that is away for a moment is asked again.
        let packs = self.search().inspect_err(|error| log::error!("{error}")).ok()?;
        if !packs.is_empty() {
            log::warn!("the index misses {} blobs; make it again with `yester rebuild-index`", packs.len());
        }
        let packs = Arc::new(packs);
        let found = Some((Instant::now(), Arc::clone(&packs)));
        *self.shared.strays.found.lock().unwrap_or_else(PoisonError::into_inner) = found;
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
