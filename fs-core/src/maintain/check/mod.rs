//! A check from end to end: catalogues, index, references, tags, blocks, and the damaged paths.

mod blocks;
mod references;

use std::path::Path;

use super::error::MaintainError;
use super::finding::{Defect, Findings, Report};
use super::index;
use super::inventory::Inventory;
use super::objects;
use super::steps::Steps;
use crate::monitor::{Cancellation, Monitor};
use crate::store::{Access, CacheSizes, Repository};

/// Options of a check.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CheckOptions {
    /// Percentage of packs whose blocks are all read and verified, drawn at random. `None`: only the
    /// structure is read.
    pub read_data: Option<u8>,
}

/// Checks the repository in `root`. The structure is checked under the lock. The lock is released before all
/// data is read, so imports can run meanwhile.
pub fn check(
    root: &Path,
    options: CheckOptions,
    monitor: &dyn Monitor,
    cancellation: &Cancellation,
) -> Result<Report, MaintainError> {
    let steps = Steps { monitor, cancellation };
    let mut findings = Findings::default();
    let mut repository = Repository::open(root, Access::Check)?;
    let reader = |repository: &Repository| repository.reader(CacheSizes::default()).remembering_damage();
    let mut inventory = Inventory::read(&repository, &reader(&repository), &mut findings, steps)?;
    let index = index::examine(&mut repository, &mut inventory, steps)?;
    for (pack, reason) in index.wrong_packs {
        findings.push(Defect::IndexedPack(pack), reason);
    }
    let (snapshots, unreadable) = objects::snapshots(&repository, index.recorded)?;
    for (snapshot, record, error) in unreadable {
        findings.push(Defect::Manifest { snapshot, record }, error);
    }
    let reader = reader(&repository);
    references::follow(&reader, &snapshots, &mut inventory, &mut findings, steps)?;
    for (tag, error) in objects::tags(&repository)?.1 {
        findings.push(Defect::Tag(tag), error);
    }
    for foreign in repository.foreign() {
        findings.push(Defect::Foreign, foreign);
    }
    for (pack, folder) in repository.misplaced_packs()? {
        findings.push(Defect::Misplaced { pack, folder }, "it is outside of its folder");
    }
    let exposed = repository.exposed();
    repository.unlock();
    let (blocks_read, bytes_read) =
        blocks::check(&reader, options.read_data, &mut inventory, &mut findings, steps)?;
    let mut report = Report {
        findings: findings.kept,
        more_findings: findings.more,
        index: index.fault,
        index_in_memory: repository.has_index_in_memory(),
        packs: inventory.packs.len() as u64,
        blobs: inventory.blobs.len(),
        snapshots: snapshots.len() as u64,
        blocks_read,
        bytes_read,
        exposed,
        ..Report::default()
    };
    if findings.affect_paths {
        references::find_damaged_paths(&reader, &snapshots, &mut inventory, &mut report, steps)?;
    }
    Ok(report)
}
