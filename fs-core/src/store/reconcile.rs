//! Brings the index up to date with the stored packs and manifests.

use std::collections::HashSet;

use super::index::{Index, PackRecord, SnapshotRecord};
use super::packs::read_catalogue;
use super::rebuild::{Basis, NewIndex};
use super::repository::read_manifest;
use super::{Backend, Object, ObjectKind, StoreError};
use crate::format::{Keys, PackId, SnapshotId};

/// Maximum number of catalogues in memory while the index is brought up to date.
const RECONCILE_BATCH: usize = 64;

/// Findings about packs while the index was brought up to date.
#[derive(Debug)]
pub(super) struct Reconciled {
    /// Whether packs in the index are missing or damaged.
    gone: bool,
    /// Errors of unindexed packs that cannot be read.
    pub(super) unreadable: Vec<StoreError>,
}

/// Opens the index for writing and brings it up to date. Makes it again if it is unusable. Also returns
/// whether packs are missing or unreadable. The lock must be held.
pub(super) fn open_up_to_date(basis: &Basis) -> Result<(Index, bool), StoreError> {
    let opened = basis.open_writer().and_then(|index| {
        let reconciled = reconcile(&index, basis)?;
        record_snapshots(&index, &*basis.backend, &basis.keys)?;
        Ok((index, reconciled.gone || !reconciled.unreadable.is_empty()))
    });
    match opened {
        Err(fault) if fault.is_index_fault() => {
            log::info!("{fault}: making it again");
            let (new, unreadable) = NewIndex::replacing(basis, None)?;
            new.publish(basis)?;
            Ok((basis.open_writer()?, !unreadable.is_empty()))
        }
        opened => opened,
    }
}

/// Whether missing objects are probably on a file system that is not mounted, and not lost. This holds if at
/// least two, and more than half of all, are missing.
pub(crate) fn are_away(missing: u64, total: u64) -> bool {
    missing >= 2 && missing > total / 2
}

/// Fails if most packs in the index are missing.
pub(super) fn check_present(known: &[(u32, PackRecord)], stored: &HashSet<PackId>) -> Result<(), StoreError> {
    let missing = known.iter().filter(|(_, record)| !stored.contains(&record.id)).count() as u64;
    let total = missing + stored.len() as u64;
    if are_away(missing, total) { Err(StoreError::Away { missing, total }) } else { Ok(()) }
}

/// Makes the index hold exactly the packs that are present and can be read. Fails if most packs are missing:
/// once the index had forgotten them, nothing would report them as missing.
pub(super) fn reconcile(index: &Index, basis: &Basis) -> Result<Reconciled, StoreError> {
    let (backend, keys) = (&*basis.backend, &basis.keys);
    let names = backend.list(ObjectKind::Pack)?;
    let stored: HashSet<PackId> = names.iter().filter_map(|name| PackId::parse(name)).collect();
    let known = index.packs()?;
    if !basis.forgets_most {
        check_present(&known, &stored)?;
    }
    // No blob of an unreadable pack may count as stored. The next import stores it again.
    let lost = |record: &PackRecord| !stored.contains(&record.id) || !is_readable(backend, keys, record);
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
    Ok(Reconciled { gone: !lost.is_empty(), unreadable })
}

/// Whether a pack in the index has kept its size, or else its catalogue. Reading every catalogue would cost a
/// seek a pack at each import, so only `rebuild_index` does that.
fn is_readable(backend: &dyn Backend, keys: &Keys, record: &PackRecord) -> bool {
    match backend.size(&Object::pack(record.id)) {
        Ok(size) if size == record.size => true,
        Ok(_) => match read_catalogue(backend, keys, record.id) {
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
pub(super) fn add_packs(
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
            match read_catalogue(backend, keys, *pack) {
                Ok((catalogue, size)) => packs.push((PackRecord::new(*pack, size, &catalogue), catalogue)),
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
pub(super) fn record_snapshots(index: &Index, backend: &dyn Backend, keys: &Keys) -> Result<(), StoreError> {
    let known: HashSet<SnapshotId> = index.snapshots()?.iter().map(|record| record.id).collect();
    let names = backend.list(ObjectKind::Snapshot)?;
    let listed = names.iter().filter_map(|name| SnapshotId::parse(name));
    let mut new = Vec::new();
    for id in listed.filter(|id| !known.contains(id)) {
        match read_manifest(backend, keys, &id) {
            Ok(manifest) => new.push(SnapshotRecord::new(id, &manifest)),
            Err(error) => log::error!("{error}"),
        }
    }
    if new.is_empty() {
        return Ok(());
    }
    // A manifest that a power failure can still remove must not be reported as missing.
    backend.sync(ObjectKind::Snapshot)?;
    index.record_snapshots(&new)
}
