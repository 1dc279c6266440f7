use std::collections::{BTreeMap, BTreeSet};

use super::fields::{decode_packs, decode_tag};
use super::label::Label;
use crate::format::codec::{Cursor, Encode};
use crate::format::limits::MAX_RECORD;
use crate::format::object::SingleFrame;
use crate::format::parts::{decode_parts, encode_parts};
use crate::format::{FormatError, Keys, PackId, RecordHash, Salt, SnapshotId, Time};

/// What the records of a log amount to, up to one of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogState {
    /// Number of the last record; 0 before the first.
    pub number: u64,
    /// Hash of that record; zeros before the first.
    pub hash: RecordHash,
    /// Number of the last record that pruned; 0 if there is none.
    pub last_prune: u64,
    /// The packs that count.
    pub packs: BTreeSet<PackId>,
    /// The snapshots that count.
    pub snapshots: BTreeMap<SnapshotId, LoggedSnapshot>,
    /// The tags of each snapshot, with the times when they were given.
    pub tags: BTreeMap<(SnapshotId, Box<str>), Time>,
}

/// A snapshot that the log has published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedSnapshot {
    /// What it is known by.
    pub label: Label,
    /// What it was known by earlier, the oldest first.
    pub before: Vec<Label>,
}

impl LogState {
    /// Bytes of the checkpoint's object.
    pub fn seal(&self, keys: &Keys, salt: Salt) -> Vec<u8> {
        let mut body = Vec::new();
        self.encode(&mut body);
        SingleFrame::CHECKPOINT.seal(keys, salt, &body)
    }

    /// Verifies and parses the checkpoint with this number.
    pub fn open(keys: &Keys, number: u64, bytes: Vec<u8>) -> Result<Self, FormatError> {
        let state = Self::decode(&SingleFrame::CHECKPOINT.open(keys, bytes)?)?;
        FormatError::invalid_if(state.number != number, "checkpoint's number")?;
        Ok(state)
    }

    /// Decodes the body within the frame.
    pub fn decode(body: &[u8]) -> Result<Self, FormatError> {
        let mut cursor = Cursor::new(body);
        let state = Self::take(&mut cursor)?;
        cursor.end("checkpoint")?;
        Ok(state)
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        out.put_varint(self.number);
        out.extend(self.hash.0);
        out.put_varint(self.last_prune);
        out.put_varint(self.packs.len() as u64);
        self.packs.iter().for_each(|pack| out.extend(pack.0));
        out.put_varint(self.snapshots.len() as u64);
        for (id, snapshot) in &self.snapshots {
            out.extend(id.0);
            snapshot.label.encode(out);
            out.put_varint(snapshot.before.len() as u64);
            snapshot.before.iter().for_each(|label| label.encode(out));
        }
        out.put_varint(self.tags.len() as u64);
        for ((snapshot, name), given) in &self.tags {
            out.extend(snapshot.0);
            out.put_bytes(name.as_bytes());
            given.encode(out);
        }
        encode_parts(&[], out);
    }

    pub(super) fn take(cursor: &mut Cursor<'_>) -> Result<Self, FormatError> {
        let number = cursor.varint("state's number")?;
        let hash = RecordHash(cursor.array("state's hash")?);
        let last_prune = cursor.bounded(number, "number of the last prune")?;
        let packs = decode_packs(cursor)?;
        FormatError::invalid_if(!packs.is_sorted_by(|one, other| one < other), "order of packs")?;
        let count = cursor.count(MAX_RECORD, 32, "snapshots")?;
        let snapshots = ascending(count, "order of snapshots", || {
            let id = SnapshotId(cursor.array("snapshot")?);
            let label = Label::decode(cursor)?;
            let count = cursor.count(MAX_RECORD, 4, "earlier labels")?;
            let before = (0..count).map(|_| Label::decode(cursor)).collect::<Result<_, _>>()?;
            Ok((id, LoggedSnapshot { label, before }))
        })?;
        let count = cursor.count(MAX_RECORD, 32, "tags")?;
        let tags = ascending(count, "order of tags", || Ok((decode_tag(cursor)?, Time::decode(cursor)?)))?;
        let is_of_none = |(snapshot, _): &(SnapshotId, _)| !snapshots.contains_key(snapshot);
        FormatError::invalid_if(tags.keys().any(is_of_none), "tag's snapshot")?;
        decode_parts(cursor, "state of the log", |_, _| Ok(false))?;
        Ok(Self { number, hash, last_prune, packs: packs.into_iter().collect(), snapshots, tags })
    }
}

/// Takes entries whose keys ascend.
fn ascending<K: Ord, V>(
    count: usize,
    what: &'static str,
    mut next: impl FnMut() -> Result<(K, V), FormatError>,
) -> Result<BTreeMap<K, V>, FormatError> {
    let mut all = BTreeMap::new();
    for _ in 0..count {
        let (key, value) = next()?;
        FormatError::invalid_if(all.last_key_value().is_some_and(|(last, _)| *last >= key), what)?;
        all.insert(key, value);
    }
    Ok(all)
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::format::Secret;
    use crate::format::log::record::tests::{labels, tag_names};

    pub(in crate::format::log) fn states() -> impl Strategy<Value = LogState> {
        let ids = || prop::collection::btree_set(any::<[u8; 32]>(), 0..5);
        let snapshot = (labels(), prop::collection::vec(labels(), 0..3));
        let snapshots =
            prop::collection::vec((any::<[u8; 32]>(), snapshot, tag_names(), any::<bool>()), 0..5);
        (any::<u64>(), any::<[u8; 32]>(), ids(), snapshots).prop_map(|(number, hash, packs, snapshots)| {
            let mut state =
                LogState { number, hash: RecordHash(hash), last_prune: number / 2, ..LogState::default() };
            state.packs = packs.into_iter().map(PackId).collect();
            for (id, (label, before), tag, is_tagged) in snapshots {
                let id = SnapshotId(id);
                state.snapshots.insert(id, LoggedSnapshot { label: label.clone(), before });
                if is_tagged {
                    state.tags.insert((id, tag.into()), label.time);
                }
            }
            state
        })
    }

    proptest! {
        #[test]
        fn checkpoints_survive(state in states()) {
            let keys = Keys::derive(&Secret([9; 32]));
            let bytes = state.seal(&keys, Salt([1; 32]));
            prop_assert!(LogState::open(&keys, state.number ^ 1, bytes.clone()).is_err());
            prop_assert_eq!(LogState::open(&keys, state.number, bytes), Ok(state));
        }

        #[test]
        fn accepted_bytes_are_canonical(bytes in prop::collection::vec(prop_oneof![Just(0u8), Just(1), any::<u8>()], 0..300)) {
            let mut cursor = Cursor::new(&bytes);
            if let Ok(state) = LogState::take(&mut cursor) {
                let mut again = Vec::new();
                state.encode(&mut again);
                let taken = bytes.len() - cursor.remaining();
                // Optional parts that are not known are not kept.
                prop_assert_eq!(&again[..again.len() - 1], &bytes[..again.len() - 1]);
                prop_assert!(taken >= again.len());
            }
        }
    }
}
