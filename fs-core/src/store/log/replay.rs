//! What a record does to the state of a log, and when it may.

use std::collections::btree_map::Entry;

use super::refused::Refused;
use crate::format::log::{Label, LogState, LoggedSnapshot, Operation, Record};
use crate::format::{FormatError, RecordHash, SnapshotId, Time};
use crate::store::{Object, StoreError};

impl LogState {
    /// Whether an operation is allowed in this state.
    pub(crate) fn check(&self, operation: &Operation) -> Result<(), Refused> {
        match operation {
            // A snapshot that is published again announces more packs.
            Operation::Commit { snapshot, label, .. } => match self.snapshots.get(snapshot) {
                Some(published) => require(published.label == *label, Refused::LabelTaken),
                None => require(!self.is_taken(label), Refused::LabelTaken),
            },
            Operation::Tag { snapshot, name } => {
                self.snapshot(snapshot)?;
                require(!self.tags.contains_key(&(*snapshot, name.clone())), Refused::Tagged)
            }
            Operation::Untag { snapshot, name } => {
                self.snapshot(snapshot)?;
                require(self.tags.contains_key(&(*snapshot, name.clone())), Refused::NotTagged)
            }
            Operation::Amend { snapshot, before, after } => {
                let now = self.snapshot(snapshot)?;
                require(now.label == *before, Refused::Amended(*snapshot))?;
                let is_own = now.label == *after || now.before.contains(after);
                require(is_own || !self.is_taken(after), Refused::LabelTaken)
            }
            Operation::Rename { before, after } => {
                require(self.has_source(before), Refused::NoSource)?;
                require(!self.has_source(after), Refused::SourceExists)?;
                let of_it = self.snapshots.values().filter(|snapshot| snapshot.label.source == *before);
                let mut new = of_it.map(|snapshot| snapshot.label.with_source(after));
                // A source that was renamed once may have had the name.
                require(!new.any(|label| self.is_taken(&label)), Refused::LabelTaken)
            }
            Operation::Reset { .. } => Ok(()),
            Operation::Void => Err(Refused::Void),
        }
    }

    /// Applies a record whose bytes have this hash. It must be the next one.
    pub(crate) fn apply(&mut self, record: &Record, hash: RecordHash) -> Result<(), StoreError> {
        let invalid =
            |what| StoreError::damaged(|| Object::record(record.number))(FormatError::Invalid(what));
        if record.number != self.number + 1 {
            return Err(invalid("record's number"));
        }
        if let Operation::Reset { state, .. } = &record.operation {
            if state.number != self.number {
                return Err(invalid("number of a reset"));
            }
            *self = state.after_reset(record.number, hash);
            return Ok(());
        }
        if record.before != self.hash {
            return Err(invalid("hash of the record before"));
        }
        if record.last_prune != self.last_prune {
            return Err(invalid("number of the last prune"));
        }
        self.check(&record.operation).map_err(|refused| {
            log::debug!("record {}: {refused}", record.number);
            invalid("change")
        })?;
        self.change(&record.operation, record.made);
        (self.number, self.hash) = (record.number, hash);
        Ok(())
    }

    /// Changes the state, in which the operation must be allowed.
    pub(super) fn change(&mut self, operation: &Operation, made: Time) {
        match operation {
            Operation::Commit { snapshot, label, packs } => {
                self.packs.extend(packs);
                let new = || LoggedSnapshot { label: label.clone(), before: Vec::new() };
                self.snapshots.entry(*snapshot).or_insert_with(new);
            }
            Operation::Tag { snapshot, name } => drop(self.tags.insert((*snapshot, name.clone()), made)),
            Operation::Untag { snapshot, name } => drop(self.tags.remove(&(*snapshot, name.clone()))),
            Operation::Amend { snapshot, after, .. } => {
                if let Entry::Occupied(mut snapshot) = self.snapshots.entry(*snapshot) {
                    snapshot.get_mut().relabel(after.clone());
                }
            }
            Operation::Rename { before, after } => {
                let of_it = self.snapshots.values_mut().filter(|snapshot| snapshot.label.source == *before);
                of_it.for_each(|snapshot| snapshot.relabel(snapshot.label.with_source(after)));
            }
            Operation::Reset { .. } | Operation::Void => {}
        }
    }

    /// The label of a new snapshot. Its number is the one that is `wanted` if that is free, else the next one. No
    /// number is used twice, so no name ever means another snapshot.
    pub(crate) fn new_label(&self, source: &[u8], time: Time, wanted: Option<u32>) -> Result<Label, Refused> {
        let mut label = Label { source: source.into(), time, number: wanted.unwrap_or(0) };
        if label.number == 0 || self.is_taken(&label) {
            let of_second = self.labels().filter(|taken| taken.source == label.source);
            let of_second = of_second.filter(|taken| taken.time.secs() == time.secs());
            let last = of_second.map(|taken| taken.number).max().unwrap_or(0);
            label.number = last.checked_add(1).ok_or(Refused::LabelTaken)?;
        }
        Ok(label)
    }

    /// The state after the record `number` has reset the log to this one.
    pub(super) fn after_reset(&self, number: u64, hash: RecordHash) -> Self {
        Self { number, hash, last_prune: number, ..self.clone() }
    }

    fn snapshot(&self, id: &SnapshotId) -> Result<&LoggedSnapshot, Refused> {
        self.snapshots.get(id).ok_or(Refused::NoSnapshot(*id))
    }

    fn has_source(&self, source: &[u8]) -> bool {
        self.snapshots.values().any(|snapshot| *snapshot.label.source == *source)
    }

    /// Whether a snapshot has or had this label's name.
    fn is_taken(&self, label: &Label) -> bool {
        let name = |label: &Label| (label.time.secs(), label.number);
        self.labels().any(|taken| taken.source == label.source && name(taken) == name(label))
    }

    /// All labels, present and earlier.
    fn labels(&self) -> impl Iterator<Item = &Label> {
        self.snapshots.values().flat_map(|snapshot| snapshot.before.iter().chain([&snapshot.label]))
    }
}

impl LoggedSnapshot {
    fn relabel(&mut self, label: Label) {
        let before = std::mem::replace(&mut self.label, label);
        self.before.retain(|earlier| *earlier != self.label);
        if before != self.label {
            self.before.push(before);
        }
    }
}

fn require(holds: bool, refused: Refused) -> Result<(), Refused> {
    if holds { Ok(()) } else { Err(refused) }
}
