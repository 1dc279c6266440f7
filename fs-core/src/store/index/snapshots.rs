//! The index's records of snapshots. They show that a manifest is missing.

use redb::{ReadableTable, TableDefinition};

use super::super::StoreError;
use super::{Ascending, CHECKSUM_LEN, Index, checksum, failed, wrong};
use crate::format::{Keys, Manifest, SnapshotId, Time, is_source_name};

/// A snapshot's id → its time, its source, its manifest, and a checksum.
pub(super) const SNAPSHOTS: TableDefinition<'_, [u8; 32], &[u8]> = TableDefinition::new("snapshots");

/// The index's record of a snapshot. It names the snapshot even if the manifest is missing. A list of
/// thousands of snapshots need not read their manifests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotRecord {
    /// Id of the snapshot.
    pub id: SnapshotId,
    /// Name of its source.
    pub source: Box<[u8]>,
    /// Time of the snapshot.
    pub time: Time,
    /// The manifest's bytes, without the seal around them in the file.
    manifest: Box<[u8]>,
}

impl SnapshotRecord {
    /// Makes the record of the snapshot `id`.
    pub fn new(id: SnapshotId, manifest: &Manifest) -> Self {
        Self { id, source: manifest.source.clone(), time: manifest.time, manifest: manifest.encode().into() }
    }

    /// The snapshot's number in its second; `None` if it was committed without one.
    pub fn number(&self) -> Option<u32> {
        Manifest::decode(&self.manifest).ok()?.extensions.number
    }

    /// Decodes the manifest. `None` if the record's bytes do not match the snapshot's id.
    pub(in crate::store) fn manifest(&self, keys: &Keys) -> Option<Manifest> {
        (keys.snapshot_id(&self.manifest) == self.id).then(|| Manifest::decode(&self.manifest).ok()).flatten()
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
        is_source_name(source).then(|| Self { id, source: source.into(), time, manifest: manifest.into() })
    }
}

impl Index {
    /// Returns every recorded snapshot, in the order of ids.
    pub(in crate::store) fn snapshots(&self) -> Result<Vec<SnapshotRecord>, StoreError> {
        self.fence(|| {
            let tables = self.tables()?;
            let mut records = Vec::new();
            let mut order = Ascending::default();
            for item in tables.snapshots.iter().map_err(failed(&self.path))? {
                let (id, bytes) = item.map_err(failed(&self.path))?;
                order.check(id.value(), &self.path)?;
                let record = SnapshotRecord::decode(SnapshotId(id.value()), bytes.value());
                records.push(record.ok_or_else(|| wrong(&self.path, "a snapshot's record is invalid"))?);
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
        self.fence(|| {
            let transaction = self.database()?.begin_write().map_err(failed(&self.path))?;
            {
                let mut table = transaction.open_table(SNAPSHOTS).map_err(failed(&self.path))?;
                for record in snapshots {
                    table.insert(record.id.0, &*record.encode()).map_err(failed(&self.path))?;
                }
            }
            transaction.commit().map_err(failed(&self.path))?;
            self.refresh();
            Ok(())
        })
    }

    /// Removes the record of a snapshot whose manifest was removed on purpose.
    pub(in crate::store) fn forget_snapshot(&self, id: SnapshotId) -> Result<(), StoreError> {
        self.fence(|| {
            let transaction = self.database()?.begin_write().map_err(failed(&self.path))?;
            transaction
                .open_table(SNAPSHOTS)
                .map_err(failed(&self.path))?
                .remove(id.0)
                .map_err(failed(&self.path))?;
            transaction.commit().map_err(failed(&self.path))?;
            self.refresh();
            Ok(())
        })
    }
}

#[cfg(test)]
impl SnapshotRecord {
    /// A sample record. `id` is every byte of its id.
    pub(super) fn sample(id: u8) -> Self {
        let manifest = (*b"a manifest").into();
        Self { id: SnapshotId([id; 32]), source: b"web1".as_slice().into(), time: Time::default(), manifest }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_with_a_flipped_bit_is_none() {
        let time = Time::new(-5, 7).unwrap();
        let mut record = SnapshotRecord::sample(3);
        record.time = time;
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
