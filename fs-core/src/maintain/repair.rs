//! A repair from end to end. It salvages the readable blocks of damaged packs, and finds the losses of
//! snapshots. Then it replaces packs, index and snapshots, in this order, and quarantines damaged objects.

mod away;
mod packs;
mod report;
mod trees;

use std::path::Path;

pub use report::{DamagedPack, DamagedTag, LostManifest, RepairOptions, Repaired, RepairedSnapshot};

use super::check::{Check, UnreadManifest};
use super::judge::Judge;
use super::search::{Search, Searched};
use super::{Finding, Loss, Lost, MaintainError, catalogues, index, tags};
use crate::format::{Manifest, PackId, SnapshotId, Tag};
use crate::maintain::blobs::{Blobs, Keys};
use crate::monitor::{Cancellation, Monitor, Phase};
use crate::store::{Access, CacheSizes, Repository, StoreError};

/// A snapshot with losses.
struct HarmedSnapshot {
    id: SnapshotId,
    manifest: Manifest,
    searched: Searched,
}

/// Repairs the repository in `root`, and calls `tell` for each loss of a snapshot. Nothing is destroyed:
/// damaged objects are quarantined.
pub fn repair(
    root: &Path,
    options: RepairOptions,
    monitor: &dyn Monitor,
    cancellation: &Cancellation,
    tell: &mut dyn FnMut(&Loss),
) -> Result<Repaired, MaintainError> {
    Repository::check_config(root).map_err(|error| match error {
        error if error.is_loss() => MaintainError::Config(error),
        error => error.into(),
    })?;
    let access = if options.dry_run { Access::Survey } else { Access::Check };
    let mut check = Check::begin(root, access, monitor, cancellation)?;
    if !options.dry_run {
        check.repository.lock()?;
    }
    let away = (!options.really).then(|| away::Away::look(&check)).transpose()?;
    let refuse = |unreadable| away.as_ref().map_or(Ok(()), |away| away.refuse(unreadable));
    refuse(0)?;
    let mut repaired = Repaired { index: check_index(&mut check)?, ..Repaired::default() };
    repaired.index_in_memory = check.repository.has_index_in_memory();
    let survey = packs::survey(&mut check)?;
    refuse(survey.unreadable)?;
    repaired.packs = (survey.names.sound.len() + survey.names.damaged.len()) as u64;
    let gone = load_manifests(&mut check, &mut repaired)?;
    away.as_ref().map_or(Ok(()), |_| away::refuse_manifests(gone, repaired.snapshots))?;
    let (tags, damaged_tags) = tags::survey(&check.repository)?;
    repaired.damaged_tags = damaged_tags;
    let (harmed, directories) = find_losses(&mut check, tell)?;
    away::check_present(&check, &survey.names.sound)?;
    repaired.misplaced = check.repository.misplaced_packs()?;
    if !options.dry_run {
        // A pack that cannot be moved can be read where it is.
        let moved = |(pack, _): &(PackId, String)| {
            check.repository.move_to_own_folder(*pack).inspect_err(|error| log::warn!("{error}")).is_ok()
        };
        repaired.misplaced.retain(moved);
    }
    repaired.damaged_packs = survey.damaged;
    repaired.repaired_snapshots.extend(harmed.iter().map(|harmed| RepairedSnapshot {
        old: harmed.id,
        new: None,
        source: harmed.manifest.source.clone(),
        time: harmed.manifest.time,
        number: harmed.manifest.extensions.number,
        losses: harmed.searched.found.losses,
        place: None,
    }));
    if options.dry_run || repaired.is_clean() {
        return Ok(repaired);
    }
    let new_index = repaired.index.is_some() && repaired.index_in_memory;
    let lost: Vec<_> = repaired.lost_manifests.iter().filter_map(|lost| lost.record.clone()).collect();
    let (repository, aside) =
        check.repository.replace_packs(&survey.names, &survey.salvages, new_index, options.really, &lost)?;
    for (pack, place) in aside {
        let damaged = repaired.damaged_packs.iter_mut().find(|damaged| damaged.pack == pack);
        damaged.into_iter().for_each(|damaged| damaged.place = Some(place.clone()));
    }
    // Damaged tags are quarantined before new tags can take their names.
    for damaged in &mut repaired.damaged_tags {
        damaged.place = repository.quarantine_tag(&damaged.tag)?;
    }
    let judge = Judge::of_repair(repository.reader(CacheSizes::default()));
    let mut mender = trees::Mender::new(judge, directories);
    for (harmed, told) in harmed.iter().zip(&mut repaired.repaired_snapshots) {
        if cancellation.is_cancelled() {
            return Err(MaintainError::Halfway);
        }
        let new = mender.mend(repository.writer()?, harmed)?;
        told.new = Some(new);
        if new != harmed.id {
            // Tags are moved first: after a crash in between, one of the two snapshots still has them.
            for tag in tags.iter().filter(|tag| tag.snapshot == harmed.id) {
                repository.put_tag(&Tag { snapshot: new, ..tag.clone() })?;
            }
            told.place = repository.quarantine_snapshot(&harmed.id)?;
        }
    }
    for lost in &mut repaired.lost_manifests {
        lost.place = repository.quarantine_snapshot(&lost.snapshot)?;
    }
    Ok(repaired)
}

/// Returns why the index is not reliable. An index that only lacks packs is reliable, as the next writer adds
/// them.
fn check_index(check: &mut Check<'_>) -> Result<Option<String>, MaintainError> {
    catalogues::check(check)?;
    let index::Examined { fault, unreadable } = index::check(check)?;
    // An error that may pass is not a loss.
    if let Some(error) = unreadable.into_iter().find(|error| !error.is_loss()) {
        return Err(error.into());
    }
    (check.blobs, check.packs) = (Blobs::default(), Vec::new());
    let (findings, _) = std::mem::take(&mut check.findings).finish();
    let gone = findings.into_iter().find_map(|finding| match finding {
        Finding::IndexedPack { pack, reason } => Some(format!("pack {pack}: {reason}")),
        _ => None,
    });
    Ok(fault.or(gone))
}

/// Reads the manifests. Returns the number of missing ones.
fn load_manifests(check: &mut Check<'_>, repaired: &mut Repaired) -> Result<u64, MaintainError> {
    let mut missing = 0;
    for UnreadManifest { snapshot, record, error } in check.load_manifests()? {
        if !error.is_loss() {
            return Err(error.into());
        }
        missing += u64::from(matches!(error, StoreError::Missing(_)));
        let reason = error.to_string();
        repaired.lost_manifests.push(LostManifest { snapshot, record, reason, place: None });
    }
    repaired.snapshots = (check.snapshots.len() + repaired.lost_manifests.len()) as u64;
    repaired.lost_manifests.sort_by_key(|lost| lost.snapshot);
    Ok(missing)
}

/// Returns the snapshots with losses, and the directories that have losses in them or below them.
fn find_losses(
    check: &mut Check<'_>,
    tell: &mut dyn FnMut(&Loss),
) -> Result<(Vec<HarmedSnapshot>, Keys), MaintainError> {
    let mut search = Search::new(Judge::of_repair(check.reader()), check.cancellation);
    let mut harmed = Vec::new();
    let snapshots = std::mem::take(&mut check.snapshots);
    let total = snapshots.len() as u64;
    for (done, (id, manifest)) in (0..).zip(snapshots) {
        check.step(Phase::Harm, done, total)?;
        let mut tell_one = |path: &[u8], lost| {
            let (source, time) = (manifest.source.clone(), manifest.time);
            let number = manifest.extensions.number;
            tell(&Loss { snapshot: id, source, time, number, path: path.to_vec(), lost });
        };
        let searched = search.snapshot(&manifest, &mut tell_one)?;
        if searched.untold > 0 {
            tell_one(&[], Lost::More(searched.untold));
        }
        if searched.found.losses > 0 {
            harmed.push(HarmedSnapshot { id, manifest, searched });
        }
    }
    Ok((harmed, search.into_harmed()))
}
