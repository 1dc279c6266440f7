//! A check's state of each blob. It takes 40 to 75 bytes of memory a blob.

use std::collections::{HashMap, HashSet};

use crate::format::{BlobId, BlobPrefix};

/// A blob's key: the first half of its id, as in the index.
pub(super) fn key(id: &BlobId) -> u128 {
    key_of(id.prefix())
}

fn key_of(blob: BlobPrefix) -> u128 {
    u128::from_le_bytes(blob.0)
}

/// A set of [`key`]s.
pub(super) type Keys = HashSet<u128>;

/// The blobs of all packs that can be read.
#[derive(Debug, Default)]
pub(super) struct Blobs {
    states: HashMap<u128, State>,
}

/// A blob's pack, and the findings about the blob.
#[derive(Debug, Clone, Copy)]
struct State {
    /// Position of the pack in the list of packs.
    pack: u32,
    /// Whether the blob is in a delta, and in no full block.
    delta: bool,
    /// Whether the index leads to the blob.
    indexed: bool,
    /// Whether the blob cannot be read.
    lost: bool,
}

impl Blobs {
    /// Adds a blob of the pack at position `pack`. A blob of two packs counts as a delta only if it is one in
    /// both.
    pub(super) fn add(&mut self, id: &BlobId, pack: u32, delta: bool) {
        let new = State { pack, delta, indexed: false, lost: false };
        self.states.entry(key(id)).or_insert(new).delta &= delta;
    }

    pub(super) fn len(&self) -> u64 {
        self.states.len() as u64
    }

    /// Position of the pack that has the blob.
    pub(super) fn pack(&self, key: u128) -> Option<u32> {
        self.states.get(&key).map(|state| state.pack)
    }

    /// Whether the blob is only in a delta. `None` if it is missing.
    pub(super) fn is_delta(&self, blob: BlobPrefix) -> Option<bool> {
        self.states.get(&key_of(blob)).map(|state| state.delta)
    }

    pub(super) fn set_indexed(&mut self, key: u128) {
        self.states.entry(key).and_modify(|state| state.indexed = true);
    }

    /// Number of blobs that the index lacks, by the position of their pack.
    pub(super) fn unindexed(&self) -> HashMap<u32, u64> {
        let mut lacking = HashMap::new();
        for state in self.states.values().filter(|state| !state.indexed) {
            *lacking.entry(state.pack).or_default() += 1;
        }
        lacking
    }

    /// Marks a blob that cannot be read. Returns false if it was marked before, or if it is missing.
    pub(super) fn set_lost(&mut self, id: &BlobId) -> bool {
        self.states.get_mut(&key(id)).is_some_and(|state| !std::mem::replace(&mut state.lost, true))
    }

    /// Whether the blob is missing or known to be unreadable.
    pub(super) fn is_lost(&self, id: &BlobId) -> bool {
        self.states.get(&key(id)).is_none_or(|state| state.lost)
    }
}
