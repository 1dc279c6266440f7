//! The plan of a repair. Making it changes nothing but a faulty index.

use std::sync::Arc;

use super::missing::{self, MissingPacks};
use super::packs::{self, ExaminedPacks};
use super::report::{LostManifest, Repaired, RepairedSnapshot};
use crate::format::{Manifest, SnapshotId};
use crate::maintain::error::MaintainError;
use crate::maintain::finding::Findings;
use crate::maintain::index;
use crate::maintain::inventory::Inventory;
use crate::maintain::loss::{DamagedPath, Lost};
use crate::maintain::objects;
use crate::maintain::steps::Steps;
use crate::maintain::tree_reader::{IndexEvidence, TreeReader};
use crate::maintain::tree_walk::{TreeWalk, Walked};
use crate::monitor::Phase;
use crate::store::{CacheSizes, Repository, SnapshotRecord, StoreError};

/// What a repair will do.
pub(super) struct Plan {
    /// Sound and damaged packs, and those that will replace the damaged ones.
    pub(super) packs: ExaminedPacks,
    /// Snapshots that will be rewritten, as in [`Repaired::repaired_snapshots`].
    pub(super) snapshots: Vec<LossySnapshot>,
}

/// A snapshot with losses.
pub(super) struct LossySnapshot {
    record: Arc<SnapshotRecord>,
    pub(super) manifest: Manifest,
    pub(super) walked: Walked,
}

impl Plan {
    /// Examines the repository, and calls `on_loss` for each loss of a snapshot. Also returns the report of
    /// the planned repair. Fails if most packs or manifests are missing, unless `really` is set.
    pub(super) fn make(
        repository: &mut Repository,
        really: bool,
        steps: Steps<'_>,
        on_loss: &mut dyn FnMut(&DamagedPath),
    ) -> Result<(Self, Repaired), MaintainError> {
        let missing = (!really).then(|| MissingPacks::count(repository)).transpose()?;
        let refuse = |unreadable| missing.as_ref().map_or(Ok(()), |missing| missing.refuse(unreadable));
        refuse(0)?;
        let (index, recorded) = examine_index(repository, steps)?;
        let index_in_memory = repository.has_index_in_memory();
        let mut packs = packs::examine(repository, steps)?;
        refuse(packs.unreadable)?;
        let (readable, unreadable) = objects::snapshots(repository, recorded)?;
        let snapshots = (readable.len() + unreadable.len()) as u64;
        let is_missing = |error: &StoreError| matches!(error, StoreError::Missing(_));
        let missing_manifests = unreadable.iter().filter(|(_, _, error)| is_missing(error)).count();
        let mut lost_manifests = Vec::with_capacity(unreadable.len());
        for (snapshot, record, error) in unreadable {
            lost_manifests.push(LostManifest { snapshot, record, reason: loss(error)?, quarantined: None });
        }
        lost_manifests.sort_by_key(|lost| lost.snapshot);
        if !really {
            missing::refuse_manifests(missing_manifests as u64, snapshots)?;
        }
        let lossy = find_losses(repository, readable, steps, on_loss)?;
        missing::check_present(repository, &packs.names.sound)?;
        let planned = |snapshot: &LossySnapshot| RepairedSnapshot {
            old: Arc::clone(&snapshot.record),
            new: None,
            losses: snapshot.walked.sums.losses,
            quarantined: None,
        };
        let repaired = Repaired {
            packs: (packs.names.sound.len() + packs.names.damaged.len()) as u64,
            snapshots,
            damaged_packs: std::mem::take(&mut packs.damaged),
            misplaced: repository.misplaced_packs()?,
            index,
            index_in_memory,
            lost_manifests,
            lost_records: repository.lost_records(),
            repaired_snapshots: lossy.iter().map(planned).collect(),
        };
        Ok((Self { packs, snapshots: lossy }, repaired))
    }
}

/// Returns why the index is not reliable, and the snapshots in it. An index that only lacks packs is
/// reliable, as the next writer adds them.
fn examine_index(
    repository: &mut Repository,
    steps: Steps<'_>,
) -> Result<(Option<String>, Vec<SnapshotRecord>), MaintainError> {
    let reader = repository.reader(CacheSizes::default()).remembering_damage();
    // The packs are verified later.
    let mut inventory = Inventory::read(repository, &reader, &mut Findings::default(), steps)?;
    let index = index::examine(repository, &mut inventory, steps)?;
    index.unreadable.into_iter().try_for_each(|error| loss(error).map(drop))?;
    let wrong = index.wrong_packs.into_iter().next().map(|(pack, reason)| format!("pack {pack}: {reason}"));
    Ok((index.fault.or(wrong), index.recorded))
}

/// Returns the text of an error that is a loss. An error that may pass fails the repair.
fn loss(error: StoreError) -> Result<String, StoreError> {
    if error.is_loss() { Ok(error.to_string()) } else { Err(error) }
}

/// Returns the snapshots with losses.
fn find_losses(
    repository: &Repository,
    snapshots: Vec<(SnapshotId, Manifest)>,
    steps: Steps<'_>,
    on_loss: &mut dyn FnMut(&DamagedPath),
) -> Result<Vec<LossySnapshot>, MaintainError> {
    let reader = repository.reader(CacheSizes::default()).remembering_damage();
    let mut evidence = IndexEvidence(reader.clone());
    let on_step = |_| steps.go_on();
    let mut walk = TreeWalk::of_all_paths(TreeReader::new(reader, &mut evidence), &on_step);
    let mut lossy = Vec::new();
    let total = snapshots.len() as u64;
    for (done, (id, manifest)) in (0..).zip(snapshots) {
        steps.report(Phase::DamagedPaths, done, total)?;
        let record = Arc::new(SnapshotRecord::new(id, &manifest));
        let mut report = |path: &[u8], lost| {
            on_loss(&DamagedPath { snapshot: Arc::clone(&record), path: path.to_vec(), lost });
        };
        let walked = walk.snapshot(&manifest, &mut report)?;
        if walked.unreported > 0 {
            report(&[], Lost::More(walked.unreported));
        }
        if walked.sums.losses > 0 {
            lossy.push(LossySnapshot { record, manifest, walked });
        }
    }
    Ok(lossy)
}
