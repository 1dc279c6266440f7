use std::sync::Arc;

use crate::format::{PackId, SnapshotId};
use crate::store::SnapshotRecord;

/// Options of a repair.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RepairOptions {
    /// Only report what the repair would do.
    pub dry_run: bool,
    /// Treat missing packs as lost even if they are most of the packs.
    pub really: bool,
}

/// A damaged pack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DamagedPack {
    /// Id of the pack.
    pub pack: PackId,
    /// The first failure.
    pub reason: String,
    /// Number of salvaged blobs. Some of them may be stored elsewhere, too.
    pub salvaged: u64,
    /// Number of these blobs that an earlier, interrupted repair had stored already.
    pub stored_before: u64,
    /// Whether all blocks of the pack were intact. The pack is then written again in its place.
    pub restored: bool,
    /// Path of the quarantined pack, below the repository.
    pub quarantined: Option<String>,
}

/// A lost snapshot: its manifest cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LostManifest {
    /// Id of the snapshot.
    pub snapshot: SnapshotId,
    /// Source and time of the snapshot, if the index has them.
    pub record: Option<SnapshotRecord>,
    /// Reason of the failure.
    pub reason: String,
    /// Path of the quarantined manifest, below the repository; `None` also if the manifest was missing.
    pub quarantined: Option<String>,
}

/// A snapshot without its losses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepairedSnapshot {
    /// The original snapshot.
    pub old: Arc<SnapshotRecord>,
    /// Id of the snapshot that replaces it.
    pub new: Option<SnapshotId>,
    /// Number of losses, including those without a reported path.
    pub losses: u64,
    /// Path of the quarantined original manifest, below the repository.
    pub quarantined: Option<String>,
}

/// Result of a repair, or of its dry run.
#[derive(Debug, Clone, Default)]
pub struct Repaired {
    /// Number of packs examined.
    pub packs: u64,
    /// Number of snapshots examined, including those with a lost manifest.
    pub snapshots: u64,
    /// Damaged packs.
    pub damaged_packs: Vec<DamagedPack>,
    /// Misplaced packs that were moved into their own folder. Each comes with its earlier folder, below the
    /// repository. A misplaced pack is not damaged.
    pub misplaced: Vec<(PackId, String)>,
    /// Why the index was made again, if it was faulty itself.
    pub index: Option<String>,
    /// Whether the new index exists only in memory: it cannot be written to disk, or must not be written yet.
    pub index_in_memory: bool,
    /// Lost snapshots.
    pub lost_manifests: Vec<LostManifest>,
    /// Records of the log that are lost, each with the reason.
    pub lost_records: Vec<(u64, String)>,
    /// Snapshots that were replaced, without their losses.
    pub repaired_snapshots: Vec<RepairedSnapshot>,
}

impl Repaired {
    /// Whether nothing was damaged.
    pub fn is_clean(&self) -> bool {
        self.damaged_packs.is_empty()
            && self.index.is_none()
            && self.lost_records.is_empty()
            && !self.has_losses()
    }

    /// Whether anything of a snapshot is lost.
    pub fn has_losses(&self) -> bool {
        !self.lost_manifests.is_empty() || !self.repaired_snapshots.is_empty()
    }

    /// Number of losses in all replaced snapshots.
    pub fn losses(&self) -> u64 {
        self.repaired_snapshots.iter().fold(0, |sum, snapshot| sum.saturating_add(snapshot.losses))
    }
}
