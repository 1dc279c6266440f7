use std::collections::{BTreeSet, HashMap, HashSet};

use crate::format::SnapshotId;
use crate::history::{Snapshot, Sources};
use crate::store::{Repository, SnapshotRecord, StoreError};

/// The snapshots to copy. The default is all of them.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Names of the sources; empty for all of them.
    pub sources: BTreeSet<Box<[u8]>>,
    /// The snapshots; `None` for all snapshots of the sources.
    pub snapshots: Option<HashSet<SnapshotId>>,
}

impl Selection {
    /// Whether a snapshot is selected.
    pub(super) fn has(&self, snapshot: &Snapshot) -> bool {
        match &self.snapshots {
            Some(snapshots) => snapshots.contains(&snapshot.id),
            None => self.has_source(&snapshot.manifest.source),
        }
    }

    /// Whether a lost snapshot of this source would be selected. The source may be unknown.
    pub(super) fn has_lost(&self, source: Option<&[u8]>) -> bool {
        self.snapshots.is_none() && source.map_or(self.sources.is_empty(), |source| self.has_source(source))
    }

    fn has_source(&self, source: &[u8]) -> bool {
        self.sources.is_empty() || self.sources.contains(source)
    }
}

/// The snapshots that exist or that the index records, but whose manifests cannot be read. `sources` has
/// those that could be read. The record is `None` if the index has none.
pub(super) fn lost(
    repository: &Repository,
    sources: &Sources,
) -> Result<Vec<(SnapshotId, Option<SnapshotRecord>)>, StoreError> {
    let known = sources.iter().flat_map(|source| source.snapshots());
    let known: HashSet<SnapshotId> = known.map(|(_, snapshot)| snapshot.id).collect();
    let recorded = repository.recorded_snapshots()?.into_iter().map(|record| (record.id, Some(record)));
    let mut lost: HashMap<SnapshotId, Option<SnapshotRecord>> =
        repository.snapshots()?.into_iter().map(|id| (id, None)).collect();
    lost.extend(recorded);
    // A snapshot that another process has just added can be read. It is left to the next copy.
    let is_new = |id: &SnapshotId| !sources.is_incomplete() && repository.manifest(id).is_ok();
    let is_lost = |id: &SnapshotId| !known.contains(id) && !is_new(id);
    let mut lost: Vec<_> = lost.into_iter().filter(|(id, _)| is_lost(id)).collect();
    lost.sort_unstable_by_key(|(id, record)| (record.as_ref().map(|record| record.time), *id));
    Ok(lost)
}
