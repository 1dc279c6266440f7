use crate::format::{PackId, SnapshotId, TagId, Time};
use crate::store::SnapshotRecord;

/// How a repair is done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RepairOptions {
    /// Only tell what would be done.
    pub dry_run: bool,
    /// Treat missing packs as lost even if they are most of the packs.
    pub really: bool,
}

/// A pack of which not every byte is as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DamagedPack {
    /// The pack.
    pub pack: PackId,
    /// The first thing that is wrong.
    pub reason: String,
    /// Blobs that were salvaged. Some of them may be stored elsewhere, too.
    pub salvaged: u64,
    /// Of these, blobs that an earlier repair had stored already, which was interrupted then.
    pub stored_before: u64,
    /// The pack was complete but for its frame, and is written again in its place.
    pub restored: bool,
    /// Where it was set aside, below the repository.
    pub place: Option<String>,
}

/// A manifest that cannot be read: its snapshot is lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LostManifest {
    /// The snapshot.
    pub snapshot: SnapshotId,
    /// Its source and time, when the index knows them.
    pub record: Option<SnapshotRecord>,
    /// What is wrong.
    pub reason: String,
    /// Where it was set aside, below the repository; `None` too when it was gone.
    pub place: Option<String>,
}

/// A name of a snapshot that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DamagedTag {
    /// The name's object.
    pub tag: TagId,
    /// What is wrong.
    pub reason: String,
    /// Where it was set aside, below the repository.
    pub place: Option<String>,
}

/// A snapshot from which something is left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepairedSnapshot {
    /// The snapshot as it was.
    pub old: SnapshotId,
    /// The one in its place.
    pub new: Option<SnapshotId>,
    /// Its source.
    pub source: Box<[u8]>,
    /// Its time.
    pub time: Time,
    /// Its number in its second; `None` if it was committed without.
    pub number: Option<u32>,
    /// Losses, with those that were told of only by their number.
    pub losses: u64,
    /// Where the old manifest was set aside, below the repository.
    pub place: Option<String>,
}

/// What a repair found and did; when it was only to tell, what it would do.
#[derive(Debug, Clone, Default)]
pub struct Repaired {
    /// Packs looked at.
    pub packs: u64,
    /// Snapshots looked at, those with a lost manifest included.
    pub snapshots: u64,
    /// Damaged packs.
    pub damaged_packs: Vec<DamagedPack>,
    /// Misplaced packs that were moved into their own folder, each with the folder that it was in, below the
    /// repository. Being misplaced is no damage.
    pub misplaced: Vec<(PackId, String)>,
    /// Why the index was made again on its own account.
    pub index: Option<String>,
    /// The new index is only in memory: it cannot be written to disk, or must not be yet.
    pub index_in_memory: bool,
    /// Lost snapshots.
    pub lost_manifests: Vec<LostManifest>,
    /// Snapshots from which something is left out.
    pub repaired_snapshots: Vec<RepairedSnapshot>,
    /// Lost names of snapshots.
    pub damaged_tags: Vec<DamagedTag>,
}

impl Repaired {
    /// Whether nothing was damaged.
    pub fn is_clean(&self) -> bool {
        self.damaged_packs.is_empty()
            && self.index.is_none()
            && self.damaged_tags.is_empty()
            && !self.has_losses()
    }

    /// Whether something of a snapshot is lost.
    pub fn has_losses(&self) -> bool {
        !self.lost_manifests.is_empty() || !self.repaired_snapshots.is_empty()
    }

    /// Losses of all snapshots.
    pub fn losses(&self) -> u64 {
        self.repaired_snapshots.iter().fold(0, |sum, snapshot| sum.saturating_add(snapshot.losses))
    }
}
