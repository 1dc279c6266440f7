//! Refuses a repair when many objects are missing at once. A file system that is not mounted is more likely
//! than a loss.

use std::collections::HashSet;

use crate::format::PackId;
use crate::maintain::error::MaintainError;
use crate::store::{Repository, StoreError, are_away};

/// Numbers of packs, according to the index and the repository.
#[derive(Debug)]
pub(super) struct MissingPacks {
    missing: u64,
    /// Number of packs that are present or missing.
    total: u64,
    /// Whether there are snapshots but no packs.
    all: bool,
}

impl MissingPacks {
    /// Counts the missing packs. Must be called before the index is made again.
    pub(super) fn count(repository: &Repository) -> Result<Self, StoreError> {
        let stored: HashSet<PackId> = repository.packs()?.into_iter().collect();
        let indexed = match repository.indexed_packs() {
            // An unusable index cannot show which packs are missing.
            Err(StoreError::Index { .. }) => Vec::new(),
            indexed => indexed?,
        };
        let missing = indexed.iter().filter(|(_, record)| !stored.contains(&record.id)).count() as u64;
        let total = missing + stored.len() as u64;
        Ok(Self { missing, total, all: stored.is_empty() && !repository.snapshots()?.is_empty() })
    }

    /// Fails if no pack is present though there are snapshots, or if more than half of the packs, and at
    /// least two, are missing. `unreadable` packs were present when they were counted, and count as missing.
    pub(super) fn refuse(&self, unreadable: u64) -> Result<(), MaintainError> {
        if !self.all && !are_away(self.missing + unreadable, self.total) {
            return Ok(());
        }
        let missing = match (self.missing, self.total) {
            (0, 0) => "all packs are missing".to_owned(),
            (missing, total) => format!("{missing} of {total} packs are missing"),
        };
        let unreadable = match unreadable {
            0 => String::new(),
            packs => format!(", and {packs} could not be read"),
        };
        Err(MaintainError::MostMissing(missing + &unreadable))
    }
}

/// Fails if more than half of the manifests, and at least two, are missing.
pub(super) fn refuse_manifests(missing: u64, total: u64) -> Result<(), MaintainError> {
    if !are_away(missing, total) {
        return Ok(());
    }
    Err(MaintainError::MostMissing(format!("{missing} of {total} snapshots' manifests are missing")))
}

/// Fails if any of these packs is missing now. All of them were read in full before, so blobs that could not
/// be read since then are not lost.
pub(super) fn check_present(repository: &Repository, packs: &HashSet<PackId>) -> Result<(), MaintainError> {
    let present: HashSet<PackId> = repository.packs()?.into_iter().collect();
    match packs.difference(&present).count() {
        0 => Ok(()),
        gone => Err(MaintainError::Vanished(gone)),
    }
}
