//! The index's records of snapshots. They show that a manifest is missing.

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::{Arc, PoisonError};

use redb::{ReadableTable, TableDefinition};

use super::super::StoreError;
use super::{Ascending, CHECKSUM_LEN, Index, checksum, failed, wrong};
use crate::format::{Keys, Manifest, SnapshotId, Time, Version, is_source_name};

/// A snapshot's id → its time, its source, its manifest, and a checksum.
pub(super) const SNAPSHOTS: TableDefinition<'_, [u8; 32], &[u8]> = TableDefinition::new("snapshots");

/// The index's record of a snapshot. It names the snapshot even if the manifest is missing. A list of
/// thousands of snapshots need not read their manifests. A clone shares the record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotRecord(Arc<Record>);

/// The fields of a [`SnapshotRecord`].
#[derive(Debug, PartialEq, Eq)]
pub struct Record {
    /// Id of the snapshot.
    pub id: SnapshotId,
    /// Name of its source.
    pub source: Box<[u8]>,
    /// Time of the snapshot.
    pub time: Time,
    /// The manifest's bytes, without the seal around them in the file.
    manifest: Box<[u8]>,
}

/// Decoded records by id, with the checksums of their bytes. After a commit, only the new record is decoded.
pub(super) type Decoded = HashMap<SnapshotId, ([u8; CHECKSUM_LEN], SnapshotRecord)>;

impl Deref for SnapshotRecord {
    type Target = Record;

    fn deref(&self) -> &Record {
        &self.0
    }
}

impl SnapshotRecord {
    /// Makes the record of the snapshot `id`.
    pub fn new(id: SnapshotId, manifest: &Manifest) -> Self {
        let (source, time) = (manifest.source.clone(), manifest.time);
        Self(Arc::new(Record { id, source, time, manifest: manifest.encode().into() }))
    }

    /// The snapshot's number in its second; `None` if it was committed without one.
    pub fn number(&self) -> Option<u32> {
        Manifest::decode(&self.manifest, Version::of_manifest(&self.manifest)).ok()?.extensions.number
    }

    /// Decodes the manifest. `None` if the record's bytes do not match the snapshot's id. A record of a snapshot of
    /// version 1 may hold the manifest as version 2 encodes it, and then has its checksum only.
    pub(in crate::store) fn manifest(&self, keys: &Keys) -> Option<Manifest> {
        let matches = keys.version() == Version::One || keys.snapshot_id(&self.manifest) == self.id;
        let decode = || Manifest::decode(&self.manifest, Version::of_manifest(&self.manifest)).ok();
        matches.then(decode).flatten()
    }

    fn encode(&self) -> Vec<u8> {
        let mut bytes = self.time.secs().to_le_bytes().to_vec();
        bytes.extend(self.time.nanos().to_le_bytes());
        // A source's name has 255 bytes at most.
        bytes.push(self.source.len() as u8);
        bytes.extend(&self.source);
        bytes.extend(&self.manifest);
        bytes.extend(checksum(&self.id.0, &bytes));
        bytes
    }

    fn decode(id: SnapshotId, bytes: &[u8]) -> Option<Self> {
        let (bytes, found) = bytes.split_last_chunk::<CHECKSUM_LEN>()?;
        if *found != checksum(&id.0, bytes) {
            return None;
        }
        let (secs, bytes) = bytes.split_first_chunk()?;
        let (nanos, bytes) = bytes.split_first_chunk()?;
        let time = Time::new(i64::from_le_bytes(*secs), u32::from_le_bytes(*nanos))?;
        let (len, bytes) = bytes.split_first()?;
        let (source, manifest) = bytes.split_at_checked(usize::from(*len))?;
        let record = || Record { id, source: source.into(), time, manifest: manifest.into() };
        is_source_name(source).then(|| Self(Arc::new(record())))
    }
}

impl Index {
    /// Returns every recorded snapshot, in the order of ids.
    pub(in crate::store) fn snapshots(&self) -> Result<Vec<SnapshotRecord>, StoreError> {
        self.fence(|| {
            let tables = self.tables()?;
            let mut decoded = self.decoded.lock().unwrap_or_else(PoisonError::into_inner);
            let mut before = std::mem::take(&mut *decoded);
            let mut records = Vec::new();
            let mut order = Ascending::default();
            for item in tables.snapshots.iter().map_err(failed(&self.path))? {
                let (id, bytes) = item.map_err(failed(&self.path))?;
                order.check(id.value(), &self.path)?;
                let (id, bytes) = (SnapshotId(id.value()), bytes.value());
                let known = before.remove(&id).filter(|(checksum, _)| bytes.ends_with(checksum));
                let entry = match (known, bytes.last_chunk()) {
                    (Some(known), _) => Some(known),
                    (None, Some(checksum)) => {
                        SnapshotRecord::decode(id, bytes).map(|record| (*checksum, record))
                    }
                    (None, None) => None,
                };
                let entry = entry.ok_or_else(|| wrong(&self.path, "a snapshot's record is invalid"))?;
                records.push(entry.1.clone());
                decoded.insert(id, entry);
            }
            Ok(records)
        })
    }

    /// Returns the records that can still be read from a damaged index. Their manifests must verify with
    /// these keys.
    pub(in crate::store) fn surviving_snapshots(&self, keys: &Keys) -> Vec<SnapshotRecord> {
        let mut records = Vec::new();
        let read = self.fence(|| {
            let mut order = Ascending::default();
            for item in self.tables()?.snapshots.iter().map_err(failed(&self.path))? {
                let (id, bytes) = item.map_err(failed(&self.path))?;
                order.check(id.value(), &self.path)?;
                let record = SnapshotRecord::decode(SnapshotId(id.value()), bytes.value());
                records.extend(record.filter(|record| record.manifest(keys).is_some()));
            }
            Ok(())
        });
        if let Err(error) = read {
            log::debug!("{error}");
        }
        records
    }

    /// Records snapshots. Their manifests must be durable: a manifest that a crash can still remove must not
    /// be reported as missing.
    pub(in crate::store) fn record_snapshots(&self, snapshots: &[SnapshotRecord]) -> Result<(), StoreError> {
        self.change(|transaction| {
            let mut table = transaction.open_table(SNAPSHOTS).map_err(failed(&self.path))?;
            for record in snapshots {
                table.insert(record.id.0, &*record.encode()).map_err(failed(&self.path))?;
            }
            Ok(())
        })
    }

    /// Records a snapshot that the log's record `number` has published.
    pub(in crate::store) fn record_commit(
        &self,
        snapshot: &SnapshotRecord,
        number: u64,
    ) -> Result<(), StoreError> {
        self.change(|transaction| {
            let mut table = transaction.open_table(SNAPSHOTS).map_err(failed(&self.path))?;
            table.insert(snapshot.id.0, &*snapshot.encode()).map_err(failed(&self.path))?;
            self.note_log_in(transaction, number)
        })
    }

    /// Removes the record of a snapshot whose manifest was removed on purpose.
    pub(in crate::store) fn forget_snapshot(&self, id: SnapshotId) -> Result<(), StoreError> {
        self.change(|transaction| {
            let mut table = transaction.open_table(SNAPSHOTS).map_err(failed(&self.path))?;
            table.remove(id.0).map_err(failed(&self.path))?;
            Ok(())
        })
    }
}

#[cfg(test)]
impl SnapshotRecord {
    /// A sample record. `id` is every byte of its id.
    pub(super) fn sample(id: u8) -> Self {
        Self::sample_at(id, Time::default())
    }

    fn sample_at(id: u8, time: Time) -> Self {
        let (source, manifest) = (b"web1".as_slice().into(), (*b"a manifest").into());
        Self(Arc::new(Record { id: SnapshotId([id; 32]), source, time, manifest }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::RepositoryId;

    #[test]
    fn after_a_commit_only_the_new_record_is_decoded() {
        let index = Index::in_memory(RepositoryId([1; 16])).unwrap();
        let shared = |one: &[SnapshotRecord], two: &[SnapshotRecord]| {
            two.iter().filter(|record| one.iter().any(|other| Arc::ptr_eq(&record.0, &other.0))).count()
        };
        let mut before = index.snapshots().unwrap();
        for id in 0..10 {
            index.record_snapshots(&[SnapshotRecord::sample(id)]).unwrap();
            let after = index.snapshots().unwrap();
            assert_eq!((after.len(), shared(&before, &after)), (usize::from(id) + 1, usize::from(id)));
            before = after;
        }
        // A record with other bytes is decoded again, and a forgotten one is gone.
        index.record_snapshots(&[SnapshotRecord::sample_at(4, Time::new(7, 0).unwrap())]).unwrap();
        index.forget_snapshot(SnapshotId([5; 32])).unwrap();
        let after = index.snapshots().unwrap();
        assert_eq!((after.len(), shared(&before, &after)), (9, 8));
        assert_eq!(after[4].time.secs(), 7);
    }

    #[test]
    fn a_record_with_a_flipped_bit_is_none() {
        let record = SnapshotRecord::sample_at(3, Time::new(-5, 7).unwrap());
        let mut bytes = record.encode();
        assert_eq!(SnapshotRecord::decode(record.id, &bytes), Some(record.clone()));
        assert_eq!(SnapshotRecord::decode(SnapshotId([4; 32]), &bytes), None);
        for at in 0..bytes.len() {
            bytes[at] ^= 8;
            assert_eq!(SnapshotRecord::decode(record.id, &bytes), None);
            bytes[at] ^= 8;
        }
        for len in 0..bytes.len() {
            assert_eq!(SnapshotRecord::decode(record.id, &bytes[..len]), None);
        }
    }
}
