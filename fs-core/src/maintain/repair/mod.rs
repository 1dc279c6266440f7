//! A repair from end to end. A plan says what is to be done: it salvages the readable blocks of damaged
//! packs, and finds the losses of snapshots. Its execution replaces packs, index and snapshots, in this
//! order, and quarantines damaged objects.

mod missing;
mod packs;
mod plan;
mod report;
mod rewrite;

use std::collections::BTreeMap;
use std::path::Path;

pub use report::{DamagedPack, LostManifest, RepairOptions, Repaired, RepairedSnapshot};

use self::packs::ExaminedPacks;
use self::plan::Plan;
use self::rewrite::Rewriter;
use super::error::MaintainError;
use super::loss::DamagedPath;
use super::steps::Steps;
use super::tree_reader::{IndexEvidence, TreeReader};
use crate::format::PackId;
use crate::monitor::{Cancellation, Monitor};
use crate::store::{Access, CacheSizes, Repository};

/// Repairs the repository in `root`, and calls `on_loss` for each loss of a snapshot. Nothing is destroyed:
/// damaged objects are quarantined.
///
/// # Errors
///
/// [`MaintainError::MostMissing`] if most packs or manifests are missing, unless [`RepairOptions::really`] is
/// set. A read that failed for a reason that may pass ends the repair, too: it proves no loss.
pub fn repair(
    root: &Path,
    options: RepairOptions,
    monitor: &dyn Monitor,
    cancellation: &Cancellation,
    on_loss: &mut dyn FnMut(&DamagedPath),
) -> Result<Repaired, MaintainError> {
    Repository::check_config(root)
        .map_err(|error| if error.is_loss() { MaintainError::Config(error) } else { error.into() })?;
    let access = if options.dry_run { Access::Preview } else { Access::Check };
    let mut repository = Repository::open(root, access)?;
    repository.check_version()?;
    if !options.dry_run {
        repository.lock()?;
    }
    let steps = Steps { monitor, cancellation };
    let (plan, mut repaired) = Plan::make(&mut repository, options.really, steps, on_loss)?;
    if options.dry_run {
        return Ok(repaired);
    }
    // A pack that cannot be moved can be read where it is.
    let moved = |(pack, _): &(PackId, String)| {
        repository.move_to_own_folder(*pack).inspect_err(|error| log::warn!("{error}")).is_ok()
    };
    repaired.misplaced.retain(moved);
    if !repaired.is_clean() {
        execute(repository, &plan, options.really, &mut repaired, cancellation)?;
    }
    Ok(repaired)
}

/// Executes the plan, and completes its report.
fn execute(
    repository: Repository,
    plan: &Plan,
    really: bool,
    repaired: &mut Repaired,
    cancellation: &Cancellation,
) -> Result<(), MaintainError> {
    if !repaired.lost_records.is_empty() {
        repository.reset(&BTreeMap::new())?;
    }
    let lost: Vec<_> = repaired.lost_manifests.iter().filter_map(|lost| lost.record.clone()).collect();
    let new_index = repaired.index.is_some() && repaired.index_in_memory;
    let ExaminedPacks { names, salvages, .. } = &plan.packs;
    let (repository, quarantined) = repository.replace_packs(names, salvages, new_index, really, &lost)?;
    for (pack, path) in quarantined {
        let damaged = repaired.damaged_packs.iter_mut().find(|damaged| damaged.pack == pack);
        damaged.into_iter().for_each(|damaged| damaged.quarantined = Some(path.clone()));
    }
    let reader = repository.reader(CacheSizes::default());
    let mut evidence = IndexEvidence(reader.clone());
    let mut rewriter = Rewriter::new(TreeReader::new(reader, &mut evidence), plan);
    for (snapshot, report) in plan.snapshots.iter().zip(&mut repaired.repaired_snapshots) {
        if cancellation.is_cancelled() {
            return Err(MaintainError::Halfway);
        }
        report.new = Some(rewriter.snapshot(repository.writer()?, snapshot)?);
    }
    let mut replaced = BTreeMap::new();
    let mut gone = Vec::new();
    for report in &mut repaired.repaired_snapshots {
        if report.new != Some(report.old.id) {
            replaced.insert(report.old.id, report.new);
            gone.push((report.old.id, &mut report.quarantined));
        }
    }
    for lost in &mut repaired.lost_manifests {
        replaced.insert(lost.snapshot, None);
        gone.push((lost.snapshot, &mut lost.quarantined));
    }
    // One record replaces all of them, before any manifest is moved.
    repository.reset(&replaced)?;
    for (id, quarantined) in gone {
        *quarantined = repository.quarantine_snapshot(&id)?;
    }
    Ok(())
}
