//! Checks the index against the packs: it has every pack, leads to every blob in a pack that holds it, and
//! has nothing else.

use std::collections::{HashMap, HashSet};

use super::blobs::key;
use super::error::MaintainError;
use super::inventory::Inventory;
use super::steps::Steps;
use crate::format::PackId;
use crate::monitor::Phase;
use crate::store::{CacheSizes, PackRecord, Repository, SnapshotRecord, StoreError};

/// Result of examining the index.
#[derive(Debug, Default)]
pub(super) struct Examined {
    /// Why the index was not reliable.
    pub(super) fault: Option<String>,
    /// Packs in the index that are missing, or that differ from the index's record, with the reason.
    pub(super) wrong_packs: Vec<(PackId, String)>,
    /// Errors of packs that could not be read when the new index was made.
    pub(super) unreadable: Vec<StoreError>,
    /// The snapshots in the index.
    pub(super) recorded: Vec<SnapshotRecord>,
    /// Whether the index lacks stored blobs, as a writer was killed, or has a missing pack.
    incomplete: bool,
    /// Whether the index has a missing pack.
    knows_gone: bool,
}

/// Compares the index with the packs. Afterwards, the repository's index leads to every readable blob.
pub(super) fn examine(
    repository: &mut Repository,
    inventory: &mut Inventory,
    steps: Steps<'_>,
) -> Result<Examined, MaintainError> {
    // An unusable index was made again on opening. The new one is compared, too, for its records of
    // snapshots.
    let before = repository.index_fault().map(ToString::to_string);
    let mut found = Examined::default();
    match compare(repository, inventory, &mut found, steps) {
        Err(MaintainError::Store(error)) if error.is_index_fault() => found.fault = Some(error.to_string()),
        compared => compared?,
    }
    if found.fault.is_some() || found.incomplete {
        // An index on disk must keep its records of missing packs, as only they show that packs are missing.
        found.unreadable = repository.renew_index(found.fault.is_some() || !found.knows_gone)?;
    }
    if found.fault.is_some() {
        found.recorded = repository.recorded_snapshots()?;
    }
    found.fault = before.or(found.fault);
    Ok(found)
}

/// Compares the index with the packs. What was found before an error counts, too.
fn compare(
    repository: &Repository,
    inventory: &mut Inventory,
    found: &mut Examined,
    steps: Steps<'_>,
) -> Result<(), MaintainError> {
    // The records are read before the manifests are listed. So a new snapshot is not taken for a missing one.
    found.recorded = repository.recorded_snapshots()?;
    let Inventory { packs, blobs } = inventory;
    let positions: HashMap<PackId, usize> =
        packs.iter().enumerate().map(|(at, pack)| (pack.id, at)).collect();
    let stored: HashSet<PackId> = repository.packs()?.into_iter().collect();
    let mut recorded: HashMap<u32, PackRecord> = HashMap::new();
    for (number, record) in repository.indexed_packs()? {
        match positions.get(&record.id) {
            Some(at) if packs[*at].size != record.size => {
                found.wrong_packs.push((record.id, format!("it is {} bytes in the index", record.size)));
            }
            None if !stored.contains(&record.id) => {
                // Blobs of the pack that are still needed are reported as missing later. So the index must
                // not claim to have them.
                found.wrong_packs.push((record.id, "the index knows it, but it is gone".to_owned()));
                (found.incomplete, found.knows_gone) = (true, true);
            }
            // A pack that cannot be read has been reported already.
            _ => {}
        }
        recorded.insert(number, record);
    }
    let known: HashSet<PackId> = recorded.values().map(|record| record.id).collect();
    let (mut extra, mut elsewhere) = (0u64, Vec::new());
    let total = blobs.len();
    let mut seen = 0u64;
    let mut cancelled = Ok(());
    repository.each_indexed_blob(&mut |key, number| {
        seen += 1;
        if seen.is_multiple_of(1 << 16) && cancelled.is_ok() {
            cancelled = steps.report(Phase::Index, seen, total);
        }
        let pack = recorded.get(&number).map(|record| record.id);
        match (blobs.pack(key), pack) {
            (Some(at), Some(pack)) if packs[at as usize].id == pack => blobs.set_indexed(key),
            // The other pack may have the blob, too.
            (Some(_), Some(pack)) if positions.contains_key(&pack) => elsewhere.push((pack, key)),
            // The pack in the index is missing or unreadable, which is reported for the pack. Another pack
            // has the blob.
            (Some(_), Some(_)) => {
                blobs.set_indexed(key);
                found.incomplete = true;
            }
            (Some(_), None) => {}
            // The blob's pack is missing or cannot be read.
            (None, Some(pack)) if !positions.contains_key(&pack) => {}
            (None, _) => extra += 1,
        }
    })?;
    cancelled?;
    // Those blobs are accepted that are in the pack to which the index leads.
    elsewhere.sort_unstable();
    let reader = repository.reader(CacheSizes::default());
    for group in elsewhere.chunk_by(|one, other| one.0 == other.0) {
        let catalogue = reader.pack_end(group[0].0)?.catalogue;
        let has: HashSet<u128> = catalogue.blobs().map(|(id, _)| key(&id)).collect();
        group.iter().filter(|(_, key)| has.contains(key)).for_each(|(_, key)| blobs.set_indexed(*key));
    }
    if extra > 0 {
        found.fault = Some(format!("the index has {extra} blobs that no pack has"));
    }
    for (at, lacking) in blobs.unindexed() {
        let pack = packs[at as usize].id;
        // A writer was killed before it indexed the pack. That is no damage, and the next writer indexes the
        // pack.
        if known.contains(&pack) {
            let reason =
                format!("the index lacks {lacking} blobs of pack {pack}, or looks for them elsewhere");
            found.fault.get_or_insert(reason);
        }
    }
    found.incomplete |= packs.iter().any(|pack| !known.contains(&pack.id));
    Ok(())
}
