use std::collections::HashSet;
use std::fmt::Display;

use super::loss::DamagedPath;
use crate::format::{BlobId, BlobPrefix, BlockEntry, PackId, SnapshotId, TagId};
use crate::store::{Exposed, SnapshotRecord};

/// A defect of a repository, with its reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The defect.
    pub defect: Defect,
    /// Why this is a defect, for people; mostly the error of reading.
    pub reason: String,
}

/// Kinds of defects, with the affected object.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Defect {
    /// A snapshot's manifest is missing or cannot be read, so the whole snapshot is lost.
    Manifest {
        /// Id of the snapshot.
        snapshot: SnapshotId,
        /// Source and time of the snapshot, if the index has them.
        record: Option<SnapshotRecord>,
    },
    /// A pack's header is invalid. Its blobs can be read nevertheless.
    PackHeader(PackId),
    /// A pack's catalogue or trailer cannot be read, so none of its blobs can.
    Pack(PackId),
    /// A block cannot be read, so none of its blobs can.
    Block {
        /// Id of the pack.
        pack: PackId,
        /// The block's number in the pack.
        block: u32,
        /// Offset of the block in the pack's file.
        offset: u64,
        /// Number of blobs in the block.
        blobs: u64,
    },
    /// A delta's base is missing, or a delta itself. The blobs of the block cannot be read.
    Base {
        /// Id of the delta's pack.
        pack: PackId,
        /// The delta's number in the pack.
        block: u32,
        /// Id of the base.
        base: BlobPrefix,
    },
    /// A reference leads to a blob that is in no pack, or that is invalid.
    Blob {
        /// Id of the blob.
        blob: BlobId,
        /// What the reference expects, such as a directory.
        role: &'static str,
    },
    /// A tag cannot be read. Its snapshot can.
    Tag(TagId),
    /// A record of the log, by its number.
    Record(u64),
    /// An entry that has the name of a file or folder of the repository but is of another type. It was not
    /// opened. The reason has its path, its type, and the type that belongs there.
    Foreign,
    /// A misplaced pack. It can be read nevertheless.
    Misplaced {
        /// Id of the pack.
        pack: PackId,
        /// The folder that holds it, below the repository.
        folder: String,
    },
    /// A pack in the index is missing, or differs from the index's record.
    IndexedPack(PackId),
}

impl Defect {
    pub(super) fn block(pack: PackId, block: BlockEntry<'_>) -> Self {
        let blobs = block.blobs().len() as u64;
        Defect::Block { pack, block: block.number, offset: block.offset, blobs }
    }

    /// Whether data of snapshots is damaged that cannot be derived.
    fn is_data_damage(&self) -> bool {
        !matches!(
            self,
            Self::IndexedPack(_) | Self::Misplaced { .. } | Self::Tag(_) | Self::Record(_) | Self::Foreign
        )
    }

    /// Whether paths of readable snapshots may be damaged.
    fn affects_paths(&self) -> bool {
        matches!(self, Self::Pack(_) | Self::Block { .. } | Self::Base { .. } | Self::Blob { .. })
    }
}

/// Result of a check.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// The first findings.
    pub findings: Vec<Finding>,
    /// Number of further findings, which are not kept.
    pub more_findings: u64,
    /// The first paths that cannot be read in full.
    pub damaged_paths: Vec<DamagedPath>,
    /// Number of further paths, which are not kept.
    pub more_damaged_paths: u64,
    /// Number of snapshots with such a path.
    pub damaged_snapshots: u64,
    /// Why the index could not be used. The index is derived, so this is not damage of stored data.
    pub index: Option<String>,
    /// Whether the new index exists only in memory, as it could not be written to disk.
    pub index_in_memory: bool,
    /// Number of packs whose catalogue was read.
    pub packs: u64,
    /// Number of blobs in them.
    pub blobs: u64,
    /// Number of snapshots whose manifest was read.
    pub snapshots: u64,
    /// Number of blocks of which every byte was verified.
    pub blocks_read: u64,
    /// Size of these blocks in bytes.
    pub bytes_read: u64,
    /// Entries that other users can read or change. They are not findings.
    pub exposed: Exposed,
}

impl Report {
    /// Whether there are no findings.
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty()
    }

    /// Whether data of snapshots is damaged that cannot be derived.
    pub fn has_data_damage(&self) -> bool {
        self.findings.iter().any(|finding| finding.defect.is_data_damage())
    }
}

/// Collects a limited number of findings: a lost disk must not fill the memory.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) kept: Vec<Finding>,
    /// Number of findings that are not kept.
    pub(super) more: u64,
    /// Number of missing blobs kept. They are limited, as a single missing pack may hold thousands.
    blobs: usize,
    blocks: HashSet<(PackId, u32)>,
    /// Whether paths of snapshots may be damaged.
    pub(super) affect_paths: bool,
}

const MAX_FINDINGS: usize = 1000;
const MAX_BLOBS: usize = 20;

impl Findings {
    /// Adds a finding. Ignores further findings of a block.
    pub(super) fn push(&mut self, defect: Defect, reason: impl Display) {
        self.affect_paths |= defect.affects_paths();
        if let Defect::Block { pack, block, .. } | Defect::Base { pack, block, .. } = defect
            && !self.blocks.insert((pack, block))
        {
            return;
        }
        let is_blob = matches!(defect, Defect::Blob { .. });
        self.blobs += usize::from(is_blob);
        let too_many = is_blob && self.blobs > MAX_BLOBS;
        if self.kept.len() < MAX_FINDINGS && !too_many {
            self.kept.push(Finding { defect, reason: reason.to_string() });
        } else {
            self.more += 1;
        }
    }
}
