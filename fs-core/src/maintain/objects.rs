//! Reads all manifests and tags of a repository.

use std::collections::BTreeMap;

use crate::format::{Manifest, SnapshotId, Tag, TagId};
use crate::store::{Object, Repository, SnapshotRecord, StoreError};

/// Snapshots whose manifest can be read, in the order of their times.
pub(super) type Readable = Vec<(SnapshotId, Manifest)>;

/// Snapshots whose manifest is damaged, or missing though the index records it. Each comes with its record in
/// the index, and with the error of reading.
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
