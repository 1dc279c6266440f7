//! The index brought up to date with the packs and manifests that there are.

use std::collections::HashSet;

use super::index::{Index, PackRecord, SnapshotRecord};
use super::packs::read_catalogue;
use super::rebuild::{Basis, NewIndex};
use super::repository::read_manifest;
use super::{Backend, Object, ObjectKind, StoreError};
use crate::format::{Keys, PackId, SnapshotId};

/// Catalogues held in memory while the index is brought up to date.
const RECONCILE_BATCH: usize = 64;

/// What was found of packs while the index was brought up to date.
#[derive(Debug)]
pub(super) struct Reconciled {
    /// Packs that the index knew are gone or damaged.
    gone: bool,
    /// Why others cannot be read.
    pub(super) unreadable: Vec<StoreError>,
}

/// Opens the index for writing and brings it up to date. Makes it again if it is unusable. Also returns
/// whether packs are gone or unreadable. The lock must be held.
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

/// Whether missing objects are probably on a file system that is not mounted, and not lost: if at least two,
/// and more than half of all, are missing.
pub(crate) fn are_away(missing: u64, total: u64) -> bool {
    missing >= 2 && missing > total / 2
}

/// Fails if most of the packs that an index knows are missing.
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
    // Of a pack that cannot be read nothing may count as stored: the next import stores it again.
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

/// Whether a pack that the index knows has kept its size, or else its catalogue. To read each catalogue would cost a
/// seek a pack at each import; `rebuild_index` does.
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
        // A bad sector may be read the next time.
        Err(error) => !error.is_damage(),
    }
}

/// Adds packs to the index; those whose catalogue cannot be read are left out and returned. `go_on` hears how many are
/// done, and stops it.
pub(super) fn add_packs(
    index: &Index,
    backend: &dyn Backend,
    keys: &Keys,
    mut new: Vec<PackId>,
    go_on: &mut dyn FnMut(usize) -> bool,
) -> Result<Vec<(PackId, StoreError)>, StoreError> {
    new.sort_unstable();
    // What the index knows must last: blobs in it are not stored again.
    if !new.is_empty() && !index.is_in_memory() {
        backend.settle(ObjectKind::Pack)?;
    }
    let mut unreadable = Vec::new();
    let mut done = 0;
    for batch in new.chunks(RECONCILE_BATCH) {
        let mut packs = Vec::with_capacity(batch.len());
        for pack in batch {
            match read_catalogue(backend, keys, *pack) {
                Ok((catalogue, size)) => packs.push((PackRecord::new(*pack, size, &catalogue), catalogue)),
                // One bad pack must not keep anybody from the others, nor must one in a bad sector.
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

/// Records the snapshots that the index does not know: their writer was killed before it did, or the index was made
/// again. Those that are recorded stay so, or nobody would miss a manifest that is gone.
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
    // What may still vanish when the power fails must not be missed then.
    backend.settle(ObjectKind::Snapshot)?;
    index.record_snapshots(&new)
}
