//! Handles an index that does not lead to a blob although a pack has it. redb does not notice a flipped bit
//! in a key or a value; stored blobs must be readable all the same.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::reader::Reader;
use super::{ObjectKind, StoreError};
use crate::format::{BlobId, PackId};

/// Time of the last search after which the index was right.
#[derive(Default)]
pub(super) struct Searches {
    found_right: Mutex<Option<Instant>>,
}

/// Minimum time between searches, as each reads every catalogue.
const PAUSE: Duration = Duration::from_secs(600);

impl Reader {
    /// Searches all packs, and has the index made again if it lacks a stored blob.
    pub(super) fn search(&self) {
        // Other threads that need a search wait for this one.
        let mut found_right = self.shared.searches.found_right.lock().unwrap_or_else(PoisonError::into_inner);
        if found_right.is_some_and(|at| at.elapsed() < PAUSE) {
            return;
        }
        log::info!("the index does not lead to a blob: looking through the packs");
        // A failed search does not count: a repository that is away for a moment is searched again.
        let right = self.misled().and_then(|misled| match misled {
            None => Ok(()),
            Some(blob) => {
                self.shared.index.distrust(format!("it does not lead to blob {blob}, which is stored"))
            }
        });
        match right {
            Ok(()) => *found_right = Some(Instant::now()),
            Err(error) => log::error!("{error}"),
        }
    }

    /// Whether a search has completed.
    #[cfg(test)]
    pub(crate) fn has_searched(&self) -> bool {
        self.shared.searches.found_right.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// The first blob found that the index does not lead to.
    fn misled(&self) -> Result<Option<BlobId>, StoreError> {
        let index = &self.shared.index;
        for name in self.shared.backend.list(ObjectKind::Pack)? {
            let Some(pack) = PackId::parse(&name) else { continue };
            // A catalogue that cannot be read is reported when a blob in it is wanted.
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
