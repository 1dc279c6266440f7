//! A check from end to end: catalogues, index, references, tags, blocks, and the damaged paths.

mod blocks;
mod references;

use std::collections::HashMap;
use std::path::Path;

use super::error::MaintainError;
use super::finding::{Defect, Findings, Report};
use super::index;
use super::inventory::Inventory;
use super::objects;
use super::steps::Steps;
use crate::format::PackId;
use crate::monitor::{Cancellation, Monitor};
use crate::store::{Access, CacheSizes, Reader, Repository};

/// Options of a check.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CheckOptions {
    /// Percentage of packs whose blocks are all read and verified, drawn at random. `None`: only the
    /// structure is read.
    pub read_data: Option<u8>,
}

/// A check in progress.
struct Check<'a> {
    reader: Reader,
    inventory: Inventory,
    findings: Findings,
    steps: Steps<'a>,
    /// Blocks that were verified because a blob in them could not be read. The value is true for a sound
    /// block.
    verified: HashMap<(PackId, u32), bool>,
}

/// Checks the repository in `root`. The structure is checked under the lock. The lock is released before all
/// data is read, so imports can run meanwhile.
///
/// # Errors
///
/// If the repository cannot be opened or listed, or on cancellation. Damage is a finding, not an error.
///
/// ```
/// use fs_core::maintain::{CheckOptions, check};
/// # use fs_core::import::{ImportOptions, import_tree};
/// # use fs_core::monitor::{Cancellation, Silent};
/// # let folder = tempfile::tempdir()?;
/// # let (root, tree) = (folder.path().join("repository"), folder.path().join("tree"));
/// # fs_core::service::init(&root)?;
/// # std::fs::create_dir(&tree)?;
/// # std::fs::write(tree.join("file"), "content")?;
/// # import_tree(&root, &tree, &ImportOptions::default(), &Silent, &Cancellation::default())?;
/// let options = CheckOptions { read_data: Some(100) };
/// let report = check(&root, options, &Silent, &Cancellation::default())?;
/// assert!(report.is_clean());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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
    let mut check = Check { reader, inventory, findings, steps, verified: HashMap::new() };
    check.follow_references(&snapshots)?;
    for (number, reason) in repository.lost_records() {
        check.findings.push(Defect::Record(number), reason);
    }
    for (tag, error) in repository.tags()?.1 {
        check.findings.push(Defect::Tag(tag), error);
    }
    for foreign in repository.foreign() {
        check.findings.push(Defect::Foreign, foreign);
    }
    for (pack, folder) in repository.misplaced_packs()? {
        check.findings.push(Defect::Misplaced { pack, folder }, "it is outside of its folder");
    }
    let exposed = repository.exposed();
    repository.unlock();
    let (blocks_read, bytes_read) = check.check_blocks(options.read_data.unwrap_or(0))?;
    // The damaged paths have the same findings again.
    let findings = std::mem::take(&mut check.findings);
    let mut report = Report {
        findings: findings.kept,
        more_findings: findings.more,
        index: index.fault,
        index_in_memory: repository.has_index_in_memory(),
        packs: check.inventory.packs.len() as u64,
        blobs: check.inventory.blobs.len(),
        snapshots: snapshots.len() as u64,
        blocks_read,
        bytes_read,
        exposed,
        ..Report::default()
    };
    if findings.affect_paths {
        check.find_damaged_paths(&snapshots, &mut report)?;
    }
    Ok(report)
}
