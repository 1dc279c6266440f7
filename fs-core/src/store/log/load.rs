//! Reads the state of a log: a checkpoint, and the records after it.

use std::sync::Arc;

use crate::format::limits::MAX_RECORD;
use crate::format::log::{LogState, Operation, Record};
use crate::format::{FormatError, Keys, RecordHash};
use crate::store::{Backend, Object, ObjectKind, StoreError};

/// Reads the newest checkpoint that can be read, and the records after it. The log had once reached the number
/// `known`.
pub(super) fn load(backend: &dyn Backend, keys: &Keys, known: u64) -> Result<LogState, StoreError> {
    let mut state = Arc::new(newest_checkpoint(backend, keys, u64::MAX)?);
    advance(backend, keys, &mut state)?;
    if state.number < known {
        return Err(StoreError::MissingRecord(known));
    }
    Ok(Arc::unwrap_or_clone(state))
}

/// Applies the records after a state.
///
/// # Errors
/// If a record is missing or damaged, and no later record resets the state.
pub(super) fn advance(
    backend: &dyn Backend,
    keys: &Keys,
    state: &mut Arc<LogState>,
) -> Result<(), StoreError> {
    let numbers = numbers(backend, ObjectKind::Record)?;
    let head = numbers.last().copied().unwrap_or(0);
    let mut next = state.number + 1;
    while next <= head {
        let read = match numbers.binary_search(&next) {
            Ok(_) => read(backend, keys, next),
            Err(_) => Err(StoreError::MissingRecord(next)),
        };
        let applied = read.and_then(|(record, hash)| Arc::make_mut(state).apply(&record, hash));
        match applied {
            Ok(()) => next += 1,
            Err(fault) if fault.is_loss() => {
                let reset = newest_reset(backend, keys, &numbers, next)?.ok_or(fault)?;
                next = reset.number + 1;
                *state = Arc::new(reset);
            }
            Err(error) => return Err(error),
        }
    }
    // A process that has read a later record must not continue without it.
    if head < state.number { Err(StoreError::MissingRecord(state.number)) } else { Ok(()) }
}

/// Reads a record, and returns the hash of its bytes, too.
pub(super) fn read(
    backend: &dyn Backend,
    keys: &Keys,
    number: u64,
) -> Result<(Record, RecordHash), StoreError> {
    let object = Object::record(number);
    let bytes = backend.get(&object, MAX_RECORD)?;
    let hash = keys.record_hash(&bytes);
    let record = Record::open(keys, number, bytes).map_err(StoreError::damaged(|| &object))?;
    Ok((record, hash))
}

/// Numbers of the stored objects of this kind, in order.
pub(super) fn numbers(backend: &dyn Backend, kind: ObjectKind) -> Result<Vec<u64>, StoreError> {
    let mut numbers = backend.ids(kind, |name| name.parse::<u64>().ok())?;
    numbers.sort_unstable();
    Ok(numbers)
}

/// The state of the newest checkpoint that can be read, up to the record `last`; the empty state if there is
/// none.
pub(super) fn newest_checkpoint(
    backend: &dyn Backend,
    keys: &Keys,
    last: u64,
) -> Result<LogState, StoreError> {
    let numbers = numbers(backend, ObjectKind::Checkpoint)?;
    for number in numbers.into_iter().rev().filter(|number| *number <= last) {
        let object = Object::checkpoint(number);
        let opened = backend
            .get(&object, MAX_RECORD)
            .and_then(|bytes| LogState::open(keys, number, bytes).map_err(StoreError::damaged(|| &object)))
            .and_then(|state| is_of_record(backend, keys, &state).map(|()| state));
        match opened {
            // Another writer has removed it meanwhile, for a newer one.
            Err(StoreError::Missing(_)) => {}
            Err(error) if error.is_loss() => {
                log::warn!("{error}; an older checkpoint or the records are used");
            }
            opened => return opened,
        }
    }
    Ok(LogState::default())
}

/// Fails if the last record of a checkpoint differs from the stored one: the log was replaced, or damaged.
fn is_of_record(backend: &dyn Backend, keys: &Keys, state: &LogState) -> Result<(), StoreError> {
    match backend.get(&Object::record(state.number), MAX_RECORD) {
        // The end of the log is lost, which is noticed later.
        Err(StoreError::Missing(_)) => Ok(()),
        Ok(bytes) if keys.record_hash(&bytes) != state.hash => {
            let reason = FormatError::Invalid("checkpoint's hash");
            Err(StoreError::damaged(|| Object::checkpoint(state.number))(reason))
        }
        read => read.map(drop),
    }
}

/// The state after the newest record, from `first` on, that resets the state.
fn newest_reset(
    backend: &dyn Backend,
    keys: &Keys,
    numbers: &[u64],
    first: u64,
) -> Result<Option<LogState>, StoreError> {
    for number in numbers.iter().rev().take_while(|number| **number >= first) {
        match read(backend, keys, *number) {
            Ok((Record { operation: Operation::Reset { state, .. }, .. }, hash)) => {
                if state.number + 1 != *number {
                    let reason = FormatError::Invalid("number of a reset");
                    return Err(StoreError::damaged(|| Object::record(*number))(reason));
                }
                return Ok(Some(state.after_reset(*number, hash)));
            }
            Ok(_) => {}
            Err(error) if error.is_loss() => log::debug!("{error}"),
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}
