//! Adds packs to the index and removes them. A blob of a removed pack stays findable in other packs that hold
//! it.

use std::collections::HashSet;

use redb::{ReadableTable, Table, WriteTransaction};

use super::super::StoreError;
use super::{BLOBS, COPIES, Index, PACKS, PackRecord, copies, failed, read_packs, wrong};
use crate::format::{Catalogue, PackId};

impl Index {
    /// Adds packs with their blobs, durably. Skips known packs: an index that was made again knows all stored
    /// packs. A blob that another pack holds already moves to the new pack.
    pub(crate) fn add(&self, packs: &[(PackRecord, Catalogue)]) -> Result<(), StoreError> {
        self.change(|transaction| {
            let mut records = transaction.open_table(PACKS).map_err(failed(&self.path))?;
            let mut blobs = transaction.open_table(BLOBS).map_err(failed(&self.path))?;
            let mut copies = transaction.open_table(COPIES).map_err(failed(&self.path))?;
            let known = read_packs(&records, &self.path)?;
            let free = known.last().map_or(Some(0), |(last, _)| last.checked_add(1));
            let free = free.ok_or_else(|| wrong(&self.path, "a pack's record is invalid"))?;
            let known: HashSet<PackId> = known.into_iter().map(|(_, record)| record.id).collect();
            let packs = packs.iter().filter(|(record, _)| !known.contains(&record.id));
            // Sorted keys fill the tree's pages from left to right. This takes half the time and half the
            // file size of random keys.
            let mut keys = Vec::with_capacity(packs.clone().map(|(record, _)| record.blobs as usize).sum());
            for (number, (record, catalogue)) in (free..).zip(packs) {
                records.insert(number, record.encode(number)).map_err(failed(&self.path))?;
                keys.extend(catalogue.blobs().map(|(id, _)| (id.prefix().0, number)));
            }
            keys.sort_unstable();
            keys.dedup();
            for (key, number) in keys {
                let before = blobs.insert(key, number).map_err(failed(&self.path))?;
                if let Some(before) = before.map(|before| before.value()) {
                    copies.insert((key, before), ()).map_err(failed(&self.path))?;
                }
            }
            Ok(())
        })
    }

    /// Removes packs that are missing or unreadable.
    pub(crate) fn remove(&self, numbers: &HashSet<u32>) -> Result<(), StoreError> {
        self.change(|transaction| {
            let mut records = transaction.open_table(PACKS).map_err(failed(&self.path))?;
            for number in numbers {
                records.remove(number).map_err(failed(&self.path))?;
            }
            let mut copies = transaction.open_table(COPIES).map_err(failed(&self.path))?;
            copies.retain(|(_, number), ()| !numbers.contains(&number)).map_err(failed(&self.path))?;
            let mut blobs = transaction.open_table(BLOBS).map_err(failed(&self.path))?;
            let mut moved = Vec::new();
            let mut unreadable = None;
            let keep = |blob, number| {
                let stays = !numbers.contains(&number);
                if !stays {
                    match last_copy(&copies, blob) {
                        Ok(copy) => moved.extend(copy.map(|number| (blob, number))),
                        Err(error) => unreadable = Some(error),
                    }
                }
                stays
            };
            blobs.retain(keep).map_err(failed(&self.path))?;
            if let Some(error) = unreadable {
                return Err(failed(&self.path)(error));
            }
            for (blob, number) in moved {
                blobs.insert(blob, number).map_err(failed(&self.path))?;
                copies.remove((blob, number)).map_err(failed(&self.path))?;
            }
            Ok(())
        })
    }

    /// Runs `work` in a transaction, and commits it durably.
    pub(super) fn change(
        &self,
        work: impl FnOnce(&WriteTransaction) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.fence(|| {
            let transaction = self.database()?.begin_write().map_err(failed(&self.path))?;
            work(&transaction)?;
            transaction.commit().map_err(failed(&self.path))?;
            self.refresh();
            Ok(())
        })
    }
}

/// Of the further packs that hold the blob, the one that was added last.
fn last_copy(
    table: &Table<'_, ([u8; 16], u32), ()>,
    blob: [u8; 16],
) -> Result<Option<u32>, redb::StorageError> {
    let last = table.range(copies(blob))?.next_back().transpose()?;
    Ok(last.map(|(key, _)| key.value().1))
}
