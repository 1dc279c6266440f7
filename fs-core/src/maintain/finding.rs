use std::collections::HashSet;

use crate::format::{BlobId, PackId, SnapshotId, TagId, Time};
use crate::store::{Exposed, SnapshotRecord};

/// One thing that is wrong with a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Finding {
    /// A snapshot's manifest is gone or cannot be read: nothing of this snapshot can.
    Manifest {
        /// The snapshot.
        snapshot: SnapshotId,
        /// Its source and time, when the index knows them.
        record: Option<SnapshotRecord>,
        /// What is wrong.
        reason: String,
    },
    /// A pack's header is not what it should be; its blobs can be read all the same.
    PackHeader {
        /// The pack.
        pack: PackId,
        /// What is wrong.
        reason: String,
    },
    /// A pack's catalogue or trailer cannot be read: nothing in this pack can.
    Pack {
        /// The pack.
        pack: PackId,
        /// What is wrong.
        reason: String,
    },
    /// A block of a pack cannot be read, and none of its blobs.
    Block {
        /// The pack.
        pack: PackId,
        /// The block's number in the pack.
        block: u32,
        /// Its first byte in the file.
        offset: u64,
        /// Blobs in it.
        blobs: u64,
        /// What is wrong.
        reason: String,
    },
    /// A delta's base is missing, or a delta itself: the blobs of the block cannot be read.
    Base {
        /// The delta's pack.
        pack: PackId,
        /// The delta's number in the pack.
        block: u32,
        /// The base.
        base: BlobId,
        /// What is wrong.
        reason: String,
    },
    /// Something that is referred to is in no pack, or is not what it should be.
    Blob {
        /// Its id.
        blob: BlobId,
        /// What it is referred to as.
        what: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// A name that a snapshot was given cannot be read: the snapshot can.
    Tag {
        /// The name's object.
        tag: TagId,
        /// What is wrong.
        reason: String,
    },
    /// An entry that has the name of a file or folder of the repository but is of another type. It was not
    /// opened.
    Foreign {
        /// What it is.
        reason: String,
    },
    /// A misplaced pack: it is not in the folder of its first two digits. It can be read all the same.
    Misplaced {
        /// The pack.
        pack: PackId,
        /// The folder that it is in, below the repository.
        folder: String,
    },
    /// A pack in the index is missing, or is not the one that the index describes.
    IndexedPack {
        /// The pack.
        pack: PackId,
        /// What is wrong.
        reason: String,
    },
}

/// A path that cannot be read in full.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Harmed {
    /// The snapshot.
    pub snapshot: SnapshotId,
    /// Its source.
    pub source: Box<[u8]>,
    /// Its time.
    pub time: Time,
    /// Its number in its second; `None` if it was committed without.
    pub number: Option<u32>,
    /// The path in it; empty for the whole snapshot's root.
    pub path: Vec<u8>,
}

/// What a check found, and how much it looked at.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// What is wrong, the first of it.
    pub findings: Vec<Finding>,
    /// Further findings, which are not kept.
    pub more_findings: u64,
    /// Paths that damage harms, the first of them.
    pub harmed: Vec<Harmed>,
    /// Further paths, which are not kept.
    pub more_harmed: u64,
    /// Snapshots with such a path.
    pub harmed_snapshots: u64,
    /// Why the index could not be used. The index is derived, so this is not damage of stored data.
    pub index: Option<String>,
    /// The new index exists only in memory, as it could not be written to disk.
    pub index_in_memory: bool,
    /// Packs looked at.
    pub packs: u64,
    /// Blobs in them.
    pub blobs: u64,
    /// Snapshots looked at.
    pub snapshots: u64,
    /// Blocks of which every byte was verified.
    pub blocks_read: u64,
    /// Their bytes.
    pub bytes_read: u64,
    /// What other users can read or change; not a finding.
    pub exposed: Exposed,
}

impl Report {
    /// Whether nothing is wrong.
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty()
    }

    /// Whether something of snapshots is wrong that is not derived.
    pub fn has_data_damage(&self) -> bool {
        let other = |finding: &_| {
            matches!(
                finding,
                Finding::IndexedPack { .. }
                    | Finding::Misplaced { .. }
                    | Finding::Tag { .. }
                    | Finding::Foreign { .. }
            )
        };
        !self.findings.iter().all(other)
    }
}

/// Keeps findings, within bounds: a lost disk must not fill the memory.
#[derive(Debug, Default)]
pub(super) struct Findings {
    kept: Vec<Finding>,
    more: u64,
    /// Missing blobs kept: one pack that is gone may lack thousands.
    blobs: usize,
    blocks: HashSet<(PackId, u32)>,
}

const MOST: usize = 1000;
const MOST_BLOBS: usize = 20;

impl Findings {
    pub(super) fn push(&mut self, finding: Finding) {
        match finding {
            Finding::Block { pack, block, .. } | Finding::Base { pack, block, .. }
                if !self.blocks.insert((pack, block)) =>
            {
                return;
            }
            Finding::Blob { .. } => self.blobs += 1,
            _ => {}
        }
        let room =
            self.kept.len() < MOST && (self.blobs <= MOST_BLOBS || !matches!(finding, Finding::Blob { .. }));
        if room {
            self.kept.push(finding);
        } else {
            self.more += 1;
        }
    }

    /// Those kept, and the number of the others.
    pub(super) fn finish(self) -> (Vec<Finding>, u64) {
        (self.kept, self.more)
    }
}
