//! A check from end to end: catalogues, index, references, blocks, and the paths harmed by damage.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use super::blobs::Blobs;
use super::finding::Findings;
use super::{Finding, MaintainError, Report, blocks, catalogues, harm, index, references, tags};
use crate::format::{Manifest, PackId, SnapshotId};
use crate::monitor::{Cancellation, Monitor, Phase, Work};
use crate::store::{Access, CacheSizes, Object, Reader, Repository, SnapshotRecord, StoreError};

/// Options of a check.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CheckOptions {
    /// Percentage of packs whose blocks are all read and verified, drawn at random. `None`: only the
    /// structure is read.
    pub read_data: Option<u8>,
}

/// State shared by all parts of a check.
pub(super) struct Check<'a> {
    pub(super) repository: Repository,
    pub(super) monitor: &'a dyn Monitor,
    pub(super) cancellation: &'a Cancellation,
    pub(super) findings: Findings,
    pub(super) packs: Vec<CheckedPack>,
    pub(super) blobs: Blobs,
    /// Blocks that were verified because a blob in them could not be read. The value is true for a sound
    /// block.
    pub(super) judged: HashMap<(PackId, u32), bool>,
    /// The snapshots in the index.
    pub(super) recorded: BTreeMap<SnapshotId, SnapshotRecord>,
    pub(super) snapshots: Vec<(SnapshotId, Manifest)>,
    pub(super) report: Report,
    /// Whether anything cannot be read, so that the harmed paths must be found.
    pub(super) harm: bool,
}

/// A pack whose catalogue can be read.
#[derive(Debug, Clone, Copy)]
pub(super) struct CheckedPack {
    pub(super) id: PackId,
    pub(super) size: u64,
}

/// A snapshot whose manifest cannot be read.
pub(super) struct UnreadManifest {
    pub(super) snapshot: SnapshotId,
    /// The index's record of the snapshot.
    pub(super) record: Option<SnapshotRecord>,
    pub(super) error: StoreError,
}

impl<'a> Check<'a> {
    pub(super) fn begin(
        root: &Path,
        access: Access,
        monitor: &'a dyn Monitor,
        cancellation: &'a Cancellation,
    ) -> Result<Self, MaintainError> {
        Ok(Self {
            repository: Repository::open(root, access)?,
            monitor,
            cancellation,
            findings: Findings::default(),
            packs: Vec::new(),
            blobs: Blobs::default(),
            judged: HashMap::new(),
            recorded: BTreeMap::new(),
            snapshots: Vec::new(),
            report: Report::default(),
            harm: false,
        })
    }

    /// Reports the progress of a part. Fails when cancelled.
    pub(super) fn step(&self, phase: Phase, done: u64, total: u64) -> Result<(), MaintainError> {
        self.monitor.work(&Work { phase, done, total });
        if self.cancellation.is_cancelled() { Err(MaintainError::Cancelled) } else { Ok(()) }
    }

    /// Reads the stored manifests. Returns the errors of all others: damaged ones, and those that are in the
    /// index but missing.
    pub(super) fn load_manifests(&mut self) -> Result<Vec<UnreadManifest>, MaintainError> {
        let mut recorded = std::mem::take(&mut self.recorded);
        let mut unread = Vec::new();
        for snapshot in self.repository.snapshots()? {
            let record = recorded.remove(&snapshot);
            match self.repository.manifest(&snapshot) {
                Ok(manifest) => self.snapshots.push((snapshot, manifest)),
                Err(error) => unread.push(UnreadManifest { snapshot, record, error }),
            }
        }
        self.snapshots.sort_by_key(|(id, manifest)| {
            (manifest.time.secs(), manifest.extensions.number, manifest.time, *id)
        });
        unread.extend(recorded.into_iter().map(|(snapshot, record)| {
            let error = StoreError::Missing(Object::snapshot(snapshot));
            UnreadManifest { snapshot, record: Some(record), error }
        }));
        Ok(unread)
    }

    pub(super) fn reader(&self) -> Reader {
        self.repository.reader(CacheSizes::default()).remembering_damage()
    }
}

/// Checks the repository in `root`. The structure is checked under the lock. The lock is released before all
/// data is read, so imports can run meanwhile.
pub fn check(
    root: &Path,
    options: CheckOptions,
    monitor: &dyn Monitor,
    cancellation: &Cancellation,
) -> Result<Report, MaintainError> {
    let mut check = Check::begin(root, Access::Check, monitor, cancellation)?;
    catalogues::check(&mut check)?;
    let index = index::check(&mut check)?.fault;
    references::check(&mut check)?;
    tags::check(&mut check)?;
    for foreign in check.repository.foreign() {
        check.findings.push(Finding::Foreign { reason: foreign.to_string() });
    }
    for (pack, folder) in check.repository.misplaced_packs()? {
        check.findings.push(Finding::Misplaced { pack, folder });
    }
    check.report.exposed = check.repository.exposed();
    check.repository.unlock();
    blocks::check(&mut check, options.read_data)?;
    if check.harm {
        harm::look(&mut check)?;
    }
    let in_memory = check.repository.has_index_in_memory();
    let Check { findings, packs, blobs, snapshots, mut report, .. } = check;
    (report.findings, report.more_findings) = findings.finish();
    (report.index, report.index_in_memory) = (index, in_memory);
    (report.packs, report.blobs, report.snapshots) =
        (packs.len() as u64, blobs.len(), snapshots.len() as u64);
    Ok(report)
}
