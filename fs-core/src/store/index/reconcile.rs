//! Brings the index up to date with the stored packs and manifests.

use std::collections::{HashMap, HashSet};

use crate::format::{Keys, PackId, SnapshotId};
use crate::store::blobs::packs::{PackEnd, read_end};
use crate::store::index::basis::Basis;
use crate::store::index::{Index, PackRecord, SnapshotRecord};
use crate::store::{Access, Backend, Object, ObjectKind, StoreError};

/// Maximum number of catalogues in memory while the index is brought up to date.
const RECONCILE_BATCH: usize = 64;

/// Whether missing objects are probably on a file system that is not mounted, and not lost. This holds if at
/// least two, and more than half of all, are missing.
pub(crate) fn are_away(missing: u64, total: u64) -> bool {
    missing >= 2 && missing > total / 2
}

/// Fails if most packs in the index are missing.
pub(crate) fn check_present(known: &[(u32, PackRecord)], stored: &HashSet<PackId>) -> Result<(), StoreError> {
    let missing = known.iter().filter(|(_, record)| !stored.contains(&record.id)).count() as u64;
    let total = missing + stored.len() as u64;
    if are_away(missing, total) { Err(StoreError::Away { missing, total }) } else { Ok(()) }
}

/// Makes the index hold exactly the packs that are present and can be read. Fails if most packs are missing:
/// once the index had forgotten them, nothing would report them as missing. Returns whether packs in the
/// index are missing or damaged, and the errors of unindexed packs that cannot be read.
pub(crate) fn reconcile(index: &Index, basis: &Basis) -> Result<(bool, Vec<StoreError>), StoreError> {
    let (backend, keys) = (&*basis.backend, &basis.keys);
    let listed = backend.list(ObjectKind::Pack)?;
    let sizes: HashMap<PackId, Option<u64>> =
        listed.iter().filter_map(|object| Some((PackId::parse(&object.name)?, object.size))).collect();
    let stored: HashSet<PackId> = sizes.keys().copied().collect();
    let known = index.packs()?;
    if basis.access != Access::Heal {
        check_present(&known, &stored)?;
    }
    // No blob of an unreadable pack may count as stored. The next import stores it again.
    let lost = |record: &PackRecord| {
        sizes.get(&record.id).is_none_or(|size| !is_readable(backend, keys, record, *size))
    };
    let lost: HashSet<u32> =
        known.iter().filter(|(_, record)| lost(record)).map(|(number, _)| *number).collect();
    if !lost.is_empty() {
        log::warn!("{} packs of the index are gone or damaged", lost.len());
        index.remove(&lost)?;
    }
    let known: HashSet<PackId> = known.iter().map(|(_, record)| record.id).collect();
    let new = stored.difference(&known).copied().collect();
    let unreadable = add_packs(index, backend, keys, new, &mut |_| true)?;
    let unreadable = unreadable.into_iter().map(|(_, error)| error).collect();
    Ok((!lost.is_empty(), unreadable))
}

/// Whether a pack in the index has kept its size, or else its catalogue. `listed` is its size according to the
/// listing. Reading every catalogue would cost a seek a pack at each import, so only `rebuild_index` does that.
fn is_readable(backend: &dyn Backend, keys: &Keys, record: &PackRecord, listed: Option<u64>) -> bool {
    match listed.map_or_else(|| backend.size(&Object::pack(record.id)), Ok) {
        Ok(size) if size == record.size => true,
        Ok(_) => match read_end(backend, keys, record.id) {
            Err(error) if error.is_damage() => {
                log::error!("{error}");
                false
            }
            _ => true,
        },
        // A bad sector may be readable the next time.
        Err(error) => !error.is_damage(),
    }
}

/// Adds packs to the index. Returns the packs whose catalogue cannot be read; they are left out. `go_on`
/// receives the number of packs done, and returns false to stop.
pub(crate) fn add_packs(
    index: &Index,
    backend: &dyn Backend,
    keys: &Keys,
    mut new: Vec<PackId>,
    go_on: &mut dyn FnMut(usize) -> bool,
) -> Result<Vec<(PackId, StoreError)>, StoreError> {
    new.sort_unstable();
    // Indexed packs must be durable, as their blobs are not stored again.
    if !new.is_empty() && !index.is_in_memory() {
        backend.sync(ObjectKind::Pack)?;
    }
    let mut unreadable = Vec::new();
    let mut done = 0;
    for batch in new.chunks(RECONCILE_BATCH) {
        let mut packs = Vec::with_capacity(batch.len());
        for pack in batch {
            match read_end(backend, keys, *pack) {
                Ok(PackEnd { catalogue, size, .. }) => {
                    packs.push((PackRecord::new(*pack, size, &catalogue), catalogue));
                }
                // One unreadable pack must not prevent the use of the others. That holds for a damaged pack
                // as for a bad sector.
                Err(error) => {
                    log::error!("{error}");
                    unreadable.push((*pack, error));
                }
            }
        }
        index.add(&packs)?;
        done += batch.len();
        if !go_on(done) {
            break;
        }
    }
    Ok(unreadable)
}

/// Records the snapshots that the index lacks. Their writer was killed before it recorded them, or the index
/// was made again. Existing records stay, as only they show that a manifest is missing.
pub(crate) fn record_snapshots(index: &Index, basis: &Basis) -> Result<(), StoreError> {
    let known: HashSet<SnapshotId> = index.snapshots()?.iter().map(|record| record.id).collect();
    let mut listed = basis.backend.ids(ObjectKind::Snapshot, SnapshotId::parse)?;
    listed.retain(|id| !known.contains(id));
    let mut new = Vec::new();
    for id in listed {
        match basis.manifest(&id) {
            Ok(manifest) => new.push(SnapshotRecord::new(id, &manifest)),
            Err(error) => log::error!("{error}"),
        }
    }
    if new.is_empty() {
        return Ok(());
    }
    // A manifest that a power failure can still remove must not be reported as missing.
    basis.backend.sync(ObjectKind::Snapshot)?;
    index.record_snapshots(&new)
}
