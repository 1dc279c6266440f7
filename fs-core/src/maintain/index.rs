//! Checks the index against the packs: it has every pack, leads to every blob in a pack that holds it, and
//! has nothing else.

use std::collections::{HashMap, HashSet};

use super::blobs::key;
use super::check::Check;
use super::{Finding, MaintainError};
use crate::format::PackId;
use crate::monitor::Phase;
use crate::store::{PackRecord, StoreError};

/// Result of examining the index.
#[derive(Debug, Default)]
pub(super) struct Examined {
    /// Why the index was not reliable.
    pub(super) fault: Option<String>,
    /// Errors of packs that could not be read when the new index was made.
    pub(super) unreadable: Vec<StoreError>,
}

/// Result of comparing the index with the packs.
#[derive(Debug, Default)]
struct Compared {
    fault: Option<String>,
    /// Whether the index lacks stored blobs, as a writer was killed, or has a missing pack.
    incomplete: bool,
    knows_gone: bool,
}

/// Compares the index with the packs. Afterwards, the check's index leads to every readable blob.
pub(super) fn check(check: &mut Check<'_>) -> Result<Examined, MaintainError> {
    // An unusable index was made again on opening. The new one is compared, too, for its records of
    // snapshots.
    let before = check.repository.index_fault().map(ToString::to_string);
    let compared = match compare(check) {
        Err(MaintainError::Store(error)) if error.is_index_fault() => {
            Compared { fault: Some(error.to_string()), ..Compared::default() }
        }
        compared => compared?,
    };
    let unreadable = if compared.fault.is_some() || compared.incomplete {
        // An index on disk must keep its records of missing packs, as only they show that packs are missing.
        check.repository.renew_index(compared.fault.is_some() || !compared.knows_gone)?
    } else {
        Vec::new()
    };
    if compared.fault.is_some() {
        let recorded = check.repository.recorded_snapshots()?;
        check.recorded = recorded.into_iter().map(|record| (record.id, record)).collect();
    }
    Ok(Examined { fault: before.or(compared.fault), unreadable })
}

fn compare(check: &mut Check<'_>) -> Result<Compared, MaintainError> {
    // The records are read before the manifests are listed. So a new snapshot is not taken for a missing one.
    let recorded = check.repository.recorded_snapshots()?;
    check.recorded = recorded.into_iter().map(|record| (record.id, record)).collect();
    let mut found = Compared::default();
    let places: HashMap<PackId, u32> = (0..).zip(&check.packs).map(|(at, pack)| (pack.id, at)).collect();
    let stored: HashSet<PackId> = check.repository.packs()?.into_iter().collect();
    let mut recorded: HashMap<u32, PackRecord> = HashMap::new();
    let mut say = |pack: PackId, reason: String| check.findings.push(Finding::IndexedPack { pack, reason });
    for (number, record) in check.repository.indexed_packs()? {
        match places.get(&record.id) {
            Some(at) if check.packs[*at as usize].size != record.size => {
                let reason = format!("it is {} bytes in the index", record.size);
                say(record.id, reason);
            }
            None if !stored.contains(&record.id) => {
                // Blobs of the pack that are still needed are reported as missing later. So the index must
                // not claim to have them.
                say(record.id, "the index knows it, but it is gone".to_owned());
                (found.incomplete, found.knows_gone) = (true, true);
            }
            // A pack that cannot be read has been reported already.
            _ => {}
        }
        recorded.insert(number, record);
    }
    let known: HashSet<PackId> = recorded.values().map(|record| record.id).collect();
    let (mut extra, mut elsewhere) = (0u64, Vec::new());
    let total = check.blobs.len();
    let mut seen = 0u64;
    let mut cancelled = Ok(());
    let mut blobs = std::mem::take(&mut check.blobs);
    let compared = check.repository.each_indexed_blob(&mut |key, number| {
        seen += 1;
        if seen.is_multiple_of(1 << 16) && cancelled.is_ok() {
            cancelled = check.step(Phase::Index, seen, total);
        }
        let pack = recorded.get(&number).map(|record| record.id);
        match (blobs.pack(key), pack) {
            (Some(at), Some(pack)) if check.packs[at as usize].id == pack => blobs.set_indexed(key),
            // The other pack may have the blob, too.
            (Some(_), Some(pack)) if places.contains_key(&pack) => elsewhere.push((pack, key)),
            // The pack in the index is missing or unreadable, which is reported for the pack. Another pack
            // has the blob.
            (Some(_), Some(_)) => {
                blobs.set_indexed(key);
                found.incomplete = true;
            }
            (Some(_), None) => {}
            // The blob's pack is missing or cannot be read.
            (None, Some(pack)) if !places.contains_key(&pack) => {}
            (None, _) => extra += 1,
        }
    });
    check.blobs = blobs;
    cancelled?;
    compared?;
    find_elsewhere(check, elsewhere)?;
    if extra > 0 {
        found.fault = Some(format!("the index has {extra} blobs that no pack has"));
    }
    for (at, lacking) in check.blobs.not_indexed() {
        let pack = check.packs[at as usize].id;
        // A writer was killed before it indexed the pack. That is no damage, and the next writer indexes the
        // pack.
        if known.contains(&pack) {
            let reason =
                format!("the index lacks {lacking} blobs of pack {pack}, or looks for them elsewhere");
            found.fault.get_or_insert(reason);
        }
    }
    found.incomplete |= check.packs.iter().any(|pack| !known.contains(&pack.id));
    Ok(found)
}

/// Accepts those blobs that are in the pack to which the index leads.
fn find_elsewhere(check: &mut Check<'_>, mut elsewhere: Vec<(PackId, u128)>) -> Result<(), MaintainError> {
    elsewhere.sort_unstable();
    let reader = check.reader();
    for group in elsewhere.chunk_by(|one, other| one.0 == other.0) {
        let (catalogue, _) = reader.pack_catalogue(group[0].0)?;
        let has: HashSet<u128> = catalogue.blobs().map(|(id, _)| key(&id)).collect();
        for (_, key) in group.iter().filter(|(_, key)| has.contains(key)) {
            check.blobs.set_indexed(*key);
        }
    }
    Ok(())
}
