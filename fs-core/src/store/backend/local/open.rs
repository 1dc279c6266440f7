//! Handles of packs that stay open, so that a block costs one system call.

use std::fs::File;
use std::num::NonZero;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lru::LruCache;

use crate::store::StoreError;

/// Maximum number of open packs. A pack that was removed needs its room on the disk until it is closed.
const KEPT: NonZero<usize> = NonZero::new(64).expect("it is not zero");

/// An open pack, and its path for messages.
pub(super) type OpenPack = (File, PathBuf);

/// The packs read last, by name.
#[derive(Debug)]
pub(super) struct OpenPacks(Mutex<LruCache<String, Arc<OpenPack>>>);

impl Default for OpenPacks {
    fn default() -> Self {
        Self(Mutex::new(LruCache::new(KEPT)))
    }
}

impl OpenPacks {
    /// Returns the pack that is kept, or else the one that `open` returns, and keeps it.
    pub(super) fn get(
        &self,
        name: &str,
        open: impl FnOnce() -> Result<OpenPack, StoreError>,
    ) -> Result<Arc<OpenPack>, StoreError> {
        if let Some(kept) = self.packs().get(name) {
            return Ok(Arc::clone(kept));
        }
        open().map(|pack| self.keep(name, pack))
    }

    /// Keeps an open pack.
    pub(super) fn keep(&self, name: &str, pack: OpenPack) -> Arc<OpenPack> {
        let pack = Arc::new(pack);
        self.packs().put(name.to_owned(), Arc::clone(&pack));
        pack
    }

    /// Closes a pack, or all. Returns whether any was open.
    pub(super) fn close(&self, name: Option<&str>) -> bool {
        let mut packs = self.packs();
        match name {
            Some(name) => packs.pop(name).is_some(),
            None => {
                let any = !packs.is_empty();
                packs.clear();
                any
            }
        }
    }

    fn packs(&self) -> MutexGuard<'_, LruCache<String, Arc<OpenPack>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pack_is_opened_once_and_few_stay_open() {
        let (packs, mut opened) = (OpenPacks::default(), 0);
        let mut open = |name: &str| {
            let pack = packs.get(name, || {
                opened += 1;
                Ok((tempfile::tempfile().unwrap(), PathBuf::new()))
            });
            pack.unwrap();
            opened
        };
        assert_eq!([open("a"), open("a"), open("b"), open("a")], [1, 1, 2, 2]);
        for number in 0..KEPT.get() {
            open(&number.to_string());
        }
        assert_eq!(packs.packs().len(), KEPT.get());
        assert!(!packs.close(Some("a")) && packs.close(Some("0")) && packs.close(None));
        assert_eq!(packs.packs().len(), 0);
    }
}
