//! Which snapshots there are, so that it is noticed when a manifest is gone.

use redb::{ReadableTable, TableDefinition};

use super::super::StoreError;
use super::{Index, failed, wrong};
use crate::format::{Manifest, SnapshotId, Time, is_source_name};

/// A snapshot's id → its time, its source and a tag. Redb does not notice a flipped bit, which must not pass for a
/// snapshot that is gone.
pub(super) const SNAPSHOTS: TableDefinition<'_, [u8; 32], &[u8]> = TableDefinition::new("snapshots");

const TAG_LEN: usize = 16;

/// What the index knows of a snapshot: enough to name it when its manifest is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotRecord {
    /// Its id.
    pub id: SnapshotId,
    /// Its source.
    pub source: Box<[u8]>,
    /// Its time.
    pub time: Time,
}

impl SnapshotRecord {
    /// Of the snapshot `id`.
    pub fn new(id: SnapshotId, manifest: &Manifest) -> Self {
        Self { id, source: manifest.source.clone(), time: manifest.time }
    }

    fn encode(&self) -> Vec<u8> {
        let mut bytes = self.time.secs().to_le_bytes().to_vec();
        bytes.extend(self.time.nanos().to_le_bytes());
        bytes.extend(&self.source);
        let tag = tag(self.id, &bytes);
        bytes.extend(tag);
        bytes
    }

    fn decode(id: SnapshotId, bytes: &[u8]) -> Option<Self> {
        let (bytes, found) = bytes.split_last_chunk::<TAG_LEN>()?;
        if *found != tag(id, bytes) {
            return None;
        }
        let (secs, bytes) = bytes.split_first_chunk()?;
        let (nanos, source) = bytes.split_first_chunk()?;
        let time = Time::new(i64::from_le_bytes(*secs), u32::from_le_bytes(*nanos))?;
        is_source_name(source).then(|| Self { id, source: source.into(), time })
    }
}

fn tag(id: SnapshotId, bytes: &[u8]) -> [u8; TAG_LEN] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&id.0).update(bytes);
    let mut tag = [0; TAG_LEN];
    hasher.finalize_xof().fill(&mut tag);
    tag
}

impl Index {
    /// Every snapshot that was recorded, in the order of ids.
    pub(in crate::store) fn snapshots(&self) -> Result<Vec<SnapshotRecord>, StoreError> {
        self.fence(|| {
            let tables = self.tables()?;
            let mut records = Vec::new();
            for item in tables.snapshots.iter().map_err(failed(&self.path))? {
                let (id, bytes) = item.map_err(failed(&self.path))?;
                let record = SnapshotRecord::decode(SnapshotId(id.value()), bytes.value());
                records.push(record.ok_or_else(|| wrong(&self.path, "a snapshot's record is invalid"))?);
            }
            Ok(records)
        })
    }

    /// Records a snapshot that was just published. When that fails the snapshot is there all the same, and the next
    /// writer records it.
    pub(in crate::store) fn note_snapshot(&self, id: SnapshotId, manifest: &Manifest) {
        if let Err(error) = self.record_snapshots(&[SnapshotRecord::new(id, manifest)]) {
            log::warn!("{error}");
        }
    }

    /// Records snapshots whose manifests are durable: what a crash may still take must not be missed.
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

    /// Forgets a snapshot whose manifest is not there any more, on purpose.
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
mod tests {
    use super::*;

    #[test]
    fn a_record_with_a_flipped_bit_is_none() {
        let time = Time::new(-5, 7).unwrap();
        let record = SnapshotRecord { id: SnapshotId([3; 32]), source: b"web1".as_slice().into(), time };
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
