//! Reads all manifests and tags of a repository.

use std::collections::BTreeMap;

use crate::format::{Manifest, SnapshotId, Tag, TagId};
use crate::store::{Object, Repository, SnapshotRecord, StoreError};

/// The snapshots of a repository.
#[derive(Debug, Default)]
pub(super) struct Snapshots {
    /// Snapshots whose manifest can be read, in the order of their times.
    pub(super) readable: Vec<(SnapshotId, Manifest)>,
    /// Snapshots whose manifest is damaged, or missing though the index records it.
    pub(super) unreadable: Vec<UnreadableManifest>,
}

/// A snapshot whose manifest cannot be read.
#[derive(Debug)]
pub(super) struct UnreadableManifest {
    pub(super) snapshot: SnapshotId,
    /// The index's record of the snapshot.
    pub(super) record: Option<SnapshotRecord>,
    pub(super) error: StoreError,
}

/// Reads the stored manifests. `recorded` are the snapshots in the index.
pub(super) fn snapshots(
    repository: &Repository,
    recorded: Vec<SnapshotRecord>,
) -> Result<Snapshots, StoreError> {
    let mut recorded: BTreeMap<SnapshotId, SnapshotRecord> =
        recorded.into_iter().map(|record| (record.id, record)).collect();
    let mut found = Snapshots::default();
    for snapshot in repository.snapshots()? {
        let record = recorded.remove(&snapshot);
        match repository.manifest(&snapshot) {
            Ok(manifest) => found.readable.push((snapshot, manifest)),
            Err(error) => found.unreadable.push(UnreadableManifest { snapshot, record, error }),
        }
    }
    found
        .readable
        .sort_by_key(|(id, manifest)| (manifest.time.secs(), manifest.extensions.number, manifest.time, *id));
    found.unreadable.extend(recorded.into_iter().map(|(snapshot, record)| {
        let error = StoreError::Missing(Object::snapshot(snapshot));
        UnreadableManifest { snapshot, record: Some(record), error }
    }));
    Ok(found)
}

/// The readable tags, and the unreadable ones.
pub(super) type Tags = (Vec<Tag>, Vec<(TagId, StoreError)>);

/// Returns the readable tags, and the errors of the others. Nothing refers to a tag, so a missing one is not
/// noticed.
pub(super) fn tags(repository: &Repository) -> Result<Tags, StoreError> {
    let (mut readable, mut unreadable) = (Vec::new(), Vec::new());
    let mut ids = repository.tags()?;
    ids.sort_unstable();
    for id in ids {
        match repository.tag(&id) {
            Ok(tag) => readable.push(tag),
            // The tag was removed meanwhile, as the lock may not be held.
            Err(StoreError::Missing(_)) => {}
            Err(error) => unreadable.push((id, error)),
        }
    }
    Ok((readable, unreadable))
}
