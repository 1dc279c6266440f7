//! Handles an index that does not lead to a blob although a pack has it. redb does not notice a flipped bit
//! in a key or a value. Stored blobs must be readable nevertheless.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::reader::Reader;
use super::{ObjectKind, StoreError};
use crate::format::{BlobId, PackId};

/// The searches of a reader and its clones, one at a time.
#[derive(Default)]
pub(super) struct Searches {
    /// Whether other threads that miss a blob wait no longer than [`WAIT`].
    pub(super) waits_limited: AtomicBool,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    running: bool,
    /// Time of the last search after which the index was right.
    found_right: Option<Instant>,
}

/// Minimum time between searches, as each reads every catalogue.
const PAUSE: Duration = Duration::from_secs(600);

/// Maximum time for which other threads of a mount wait for a running search. A mount has few threads,
/// and a search of a large repository takes minutes.
const WAIT: Duration = Duration::from_secs(2);

impl Searches {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns true if the caller must search, and then call [`end`](Self::end).
    pub(super) fn begin(&self) -> bool {
        let mut state = self.state();
        if state.running {
            if self.waits_limited.load(Ordering::Relaxed) {
                drop(self.changed.wait_timeout_while(state, WAIT, |state| state.running));
            } else {
                drop(self.changed.wait_while(state, |state| state.running));
            }
            return false;
        }
        if state.found_right.is_some_and(|at| at.elapsed() < PAUSE) {
            return false;
        }
        state.running = true;
        true
    }

    pub(super) fn end(&self, found_right: bool) {
        let mut state = self.state();
        state.running = false;
        if found_right {
            state.found_right = Some(Instant::now());
        }
        self.changed.notify_all();
    }
}

impl Reader {
    /// Searches all packs, and has the index made again if it lacks a stored blob.
    pub(super) fn search(&self) {
        if !self.shared.searches.begin() {
            return;
        }
        log::info!("the index does not lead to a blob: looking through the packs");
        if let Err(error) = self.shared.index.add_missing_packs() {
            log::warn!("{error}");
        }
        // A failed search does not count: a repository that is away for a moment is searched again later.
        let right = self.unindexed_blob().and_then(|blob| match blob {
            None => Ok(()),
            Some(blob) => {
                self.shared.index.distrust(format!("it does not lead to blob {blob}, which is stored"))
            }
        });
        if let Err(error) = &right {
            log::error!("{error}");
        }
        self.shared.searches.end(right.is_ok());
    }

    /// From now on, threads that miss a blob wait only a moment for the search of another thread.
    pub(crate) fn limit_search_waits(&self) {
        self.shared.searches.waits_limited.store(true, Ordering::Relaxed);
    }

    /// Whether a search has completed.
    #[cfg(test)]
    pub(crate) fn has_searched(&self) -> bool {
        self.shared.searches.state().found_right.is_some()
    }

    /// Returns the first blob that the index does not lead to. Only packs in the index are searched, as a
    /// writer stores packs before it adds them to the index.
    fn unindexed_blob(&self) -> Result<Option<BlobId>, StoreError> {
        let index = &self.shared.index;
        let known: HashSet<PackId> = index.packs()?.into_iter().map(|(_, record)| record.id).collect();
        for name in self.shared.backend.list(ObjectKind::Pack)? {
            let Some(pack) = PackId::parse(&name).filter(|pack| known.contains(pack)) else { continue };
            // A catalogue that cannot be read is reported when a blob in it is needed.
            let Ok(catalogue) = self.catalogue(pack) else { continue };
            for (id, _) in catalogue.blobs() {
                let leads = match index.pack_of(&id)? {
                    Some(known) if known == pack => true,
                    Some(known) => {
                        self.catalogue(known).is_ok_and(|known| known.find(&id).is_some())
                            || index.copies_of(&id)?.contains(&pack)
                    }
                    None => false,
                };
                if !leads {
                    return Ok(Some(id));
                }
            }
        }
        Ok(None)
    }
}
