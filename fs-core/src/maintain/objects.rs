//! Reads all manifests of a repository.

use std::collections::BTreeMap;

use crate::format::{Manifest, SnapshotId};
use crate::store::{Object, Repository, SnapshotRecord, StoreError};

/// Snapshots whose manifest can be read, in the order of their times.
pub(super) type Readable = Vec<(SnapshotId, Manifest)>;

/// Snapshots whose manifest is damaged or missing. Each comes with its record in the index, and with the error
/// of reading.
pub(super) type Unreadable = Vec<(SnapshotId, Option<SnapshotRecord>, StoreError)>;

/// Reads the stored manifests. `recorded` are the snapshots in the index.
pub(super) fn snapshots(
    repository: &Repository,
    recorded: Vec<SnapshotRecord>,
) -> Result<(Readable, Unreadable), StoreError> {
    let mut recorded: BTreeMap<SnapshotId, SnapshotRecord> =
        recorded.into_iter().map(|record| (record.id, record)).collect();
    let (mut readable, mut unreadable) = (Readable::new(), Unreadable::new());
    for id in repository.snapshots()? {
        let record = recorded.remove(&id);
        match repository.manifest(&id) {
            Ok(manifest) => readable.push((id, manifest)),
            Err(error) => unreadable.push((id, record, error)),
        }
    }
    readable
        .sort_by_key(|(id, manifest)| (manifest.time.secs(), manifest.extensions.number, manifest.time, *id));
    let missing = |(id, record)| (id, Some(record), StoreError::Missing(Object::snapshot(id)));
    unreadable.extend(recorded.into_iter().map(missing));
    Ok((readable, unreadable))
}
