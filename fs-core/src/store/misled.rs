//! An index that does not lead to a blob, though a pack has it. Redb does not notice when a bit of a key or a value flips;
//! what is stored must be readable all the same.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::reader::Reader;
use super::{ObjectKind, StoreError};
use crate::format::{BlobId, PackId};

/// When a search found the index right last.
#[derive(Default)]
pub(super) struct Searches {
    found_right: Mutex<Option<Instant>>,
}

/// A search reads every catalogue, so that one must do for a while.
const PAUSE: Duration = Duration::from_secs(600);

impl Reader {
    /// Has the index made again if it misleads.
    pub(super) fn search(&self) {
        // Whoever else needs one waits, instead of searching too.
        let mut found_right = self.shared.searches.found_right.lock().unwrap_or_else(PoisonError::into_inner);
        if found_right.is_some_and(|at| at.elapsed() < PAUSE) {
            return;
        }
        log::info!("the index does not lead to a blob: looking through the packs");
        // A repository that is away for a moment is asked again.
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

    /// Whether there was a search.
    #[cfg(test)]
    pub(crate) fn has_searched(&self) -> bool {
        self.shared.searches.found_right.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// The first blob found to which the index does not lead.
    fn misled(&self) -> Result<Option<BlobId>, StoreError> {
        let index = &self.shared.index;
        for name in self.shared.backend.list(ObjectKind::Pack)? {
            let Some(pack) = PackId::parse(&name) else { continue };
            // What cannot be read is told when something in it is wanted.
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
