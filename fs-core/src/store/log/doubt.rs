//! What a damaged log still tells. In doubt, a snapshot counts (section 7 of `docs/log/protocol.md`).

use std::collections::{BTreeMap, BTreeSet};

use super::load::{newest_checkpoint, numbers, read};
use super::refused::Refused;
use crate::format::limits::MAX_MANIFEST;
use crate::format::log::{LogState, Operation, Record};
use crate::format::{Keys, Manifest, PackId, RecordHash, SnapshotId, Time};
use crate::store::{Backend, Object, ObjectKind, SnapshotRecord, StoreError};

/// What a damaged log amounts to, as far as it can be known.
#[derive(Debug, Clone)]
pub(crate) struct Doubtful {
    /// The state. Its number is the highest one that is known, and its hash is not that of a record.
    pub(crate) state: LogState,
    /// The records that are missing or damaged, with the reasons.
    pub(crate) lost: Vec<(u64, String)>,
}

/// Reads what can be read of a damaged log. All stored packs count, and all snapshots that are stored or in the
/// index. `known` is the highest number of a record that the index knows, and `recorded` are the snapshots in
/// the index.
pub(super) fn doubtful(
    backend: &dyn Backend,
    keys: &Keys,
    known: u64,
    recorded: &[SnapshotRecord],
) -> Result<Doubtful, StoreError> {
    let stored = numbers(backend, ObjectKind::Record)?;
    let head = stored.last().copied().unwrap_or(0).max(known);
    let (mut state, mut lost) = (newest_checkpoint(backend, keys, head)?, Vec::new());
    let unlogged = Unlogged::find(backend, keys, recorded)?;
    // Records about snapshots whose commit is lost. They are applied last.
    let mut early = Vec::new();
    for number in state.number + 1..=head {
        let found = match stored.binary_search(&number) {
            Ok(_) => read(backend, keys, number),
            Err(_) => Err(StoreError::MissingRecord(number)),
        };
        match found {
            Ok((Record { operation: Operation::Void, .. }, _)) => {
                lost.push((number, format!("record {number} of the log is lost")));
            }
            Ok((record, hash)) => {
                if matches!(record.operation, Operation::Reset { .. }) {
                    lost.clear();
                }
                if matches!(state.check(&record.operation), Err(Refused::NoSnapshot(_))) {
                    early.push(record);
                } else {
                    apply(&mut state, &record, hash);
                }
            }
            Err(error) if error.is_loss() => lost.push((number, error.to_string())),
            Err(error) => return Err(error),
        }
    }
    state.packs = backend.ids(ObjectKind::Pack, PackId::parse)?.into_iter().collect::<BTreeSet<_>>();
    for id in unlogged.in_order() {
        unlogged.add(&mut state, id)?;
    }
    for record in early {
        apply(&mut state, &record, RecordHash::default());
    }
    state.number = head;
    Ok(Doubtful { state, lost })
}

/// Applies what a record changes, as far as the state allows it.
fn apply(state: &mut LogState, record: &Record, hash: RecordHash) {
    if let Operation::Reset { state: reset, .. } = &record.operation {
        *state = reset.after_reset(record.number, hash);
    } else if let Err(refused) = state.check(&record.operation) {
        log::warn!("record {} of the log is passed over: {refused}", record.number);
    } else {
        state.change(&record.operation, record.made);
    }
    (state.number, state.hash) = (record.number, hash);
}

/// Source and time of all snapshots that are stored or in the index, whether or not a record names them.
struct Unlogged(BTreeMap<SnapshotId, (Box<[u8]>, Time)>);

impl Unlogged {
    fn find(backend: &dyn Backend, keys: &Keys, recorded: &[SnapshotRecord]) -> Result<Self, StoreError> {
        let recorded = recorded.iter().map(|record| (record.id, (record.source.clone(), record.time)));
        let mut all: BTreeMap<_, _> = recorded.collect();
        for id in backend.ids(ObjectKind::Snapshot, SnapshotId::parse)? {
            let object = Object::snapshot(id);
            let read = backend.get(&object, MAX_MANIFEST);
            let open = |bytes| Manifest::open(keys, &id, bytes).map_err(StoreError::damaged(|| &object));
            match read.and_then(open) {
                Ok(manifest) => drop(all.insert(id, (manifest.source, manifest.time))),
                Err(error) if error.is_loss() => log::info!("{error}"),
                Err(error) => return Err(error),
            }
        }
        Ok(Self(all))
    }

    fn in_order(&self) -> impl Iterator<Item = SnapshotId> {
        let mut all: Vec<_> = self.0.iter().map(|(id, (_, time))| (*time, *id)).collect();
        all.sort_unstable();
        all.into_iter().map(|(_, id)| id)
    }

    /// Adds a snapshot whose commit is lost. It takes the lowest free number, which most likely was its own.
    fn add(&self, state: &mut LogState, id: SnapshotId) -> Result<(), StoreError> {
        let Some((source, time)) = self.0.get(&id).filter(|_| !state.snapshots.contains_key(&id)) else {
            return Ok(());
        };
        let free = (1..).find_map(|number| {
            let label = state.new_label(source, *time, Some(number));
            label.map(|label| (label.number == number).then_some(label)).transpose()
        });
        let label = free.ok_or(Refused::LabelTaken)??;
        state.change(&Operation::Commit { snapshot: id, label, packs: Vec::new() }, *time);
        Ok(())
    }
}
