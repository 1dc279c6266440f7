use std::collections::HashMap;

use jiff::tz::TimeZone;

use super::CopyFailed;
use super::numbers::Numbers;
use crate::format::{CopiedFrom, SnapshotId, Time};
use crate::history::{Snapshot, Sources};
use crate::store::Repository;

/// The snapshots of the repository that is copied to, by their originals. Memory: some 100 bytes a snapshot.
#[derive(Debug)]
pub(super) struct Present {
    copies: HashMap<CopiedFrom, SnapshotId>,
    numbers: Numbers,
}

impl Present {
    pub(super) fn load(repository: &Repository, zone: &TimeZone) -> Result<Self, CopyFailed> {
        let sources = Sources::load(repository, zone, &Sources::default());
        let root = || repository.root().to_owned();
        let sources = sources.map_err(|error| CopyFailed::To { root: root(), error })?;
        if sources.is_incomplete() {
            return Err(CopyFailed::Unreadable(root()));
        }
        let all = sources.iter().flat_map(|source| source.snapshots());
        let copies = all.map(|(_, snapshot)| (original(repository, snapshot), snapshot.id)).collect();
        Ok(Self { copies, numbers: Numbers::of(&sources) })
    }

    /// The snapshot that is a copy of this original, or the original itself.
    pub(super) fn copy(&self, original: &CopiedFrom) -> Option<SnapshotId> {
        self.copies.get(original).copied()
    }

    /// The number of a copy in its second: that of its original, unless another snapshot has it.
    pub(super) fn number_for(&self, source: &[u8], time: Time, wanted: Option<u32>) -> Option<u32> {
        self.numbers.assign(source, time, wanted)
    }

    /// Adds a snapshot that was copied.
    pub(super) fn add(
        &mut self,
        original: CopiedFrom,
        copy: SnapshotId,
        source: &[u8],
        time: Time,
        number: Option<u32>,
    ) {
        self.copies.insert(original, copy);
        self.numbers.add(source, time, number);
    }
}

/// The originals of all snapshots, by their ids.
pub(crate) fn originals(repository: &Repository, sources: &Sources) -> HashMap<SnapshotId, CopiedFrom> {
    let all = sources.iter().flat_map(|source| source.snapshots());
    all.map(|(_, snapshot)| (snapshot.id, original(repository, snapshot))).collect()
}

/// The original of a snapshot: itself, unless it is a copy.
pub(super) fn original(repository: &Repository, snapshot: &Snapshot) -> CopiedFrom {
    let itself = CopiedFrom { repository: repository.id(), snapshot: snapshot.id };
    snapshot.manifest.extensions.copied_from.unwrap_or(itself)
}
