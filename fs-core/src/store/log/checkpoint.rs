//! Writes checkpoints, so that a reader need not read all records.

use super::load::numbers;
use crate::format::Keys;
use crate::format::log::LogState;
use crate::store::random::new_salt;
use crate::store::{Backend, Object, ObjectKind, StoreError};

/// Number of records between checkpoints.
const EVERY: u64 = 100;
/// Number of checkpoints that are kept.
const KEPT: usize = 3;

/// Writes a checkpoint if one is due. A failure costs time only.
pub(super) fn write_if_due(backend: &dyn Backend, keys: &Keys, state: &LogState) {
    if state.number.is_multiple_of(EVERY)
        && let Err(error) = write(backend, keys, state)
    {
        log::warn!("{error}");
    }
}

/// Writes a checkpoint, and removes old ones.
pub(super) fn write(backend: &dyn Backend, keys: &Keys, state: &LogState) -> Result<(), StoreError> {
    backend.put(&Object::checkpoint(state.number), &state.seal(keys, new_salt()?))?;
    let stored = numbers(backend, ObjectKind::Checkpoint)?;
    let mut old = stored.iter().rev().skip(KEPT);
    old.try_for_each(|number| backend.delete(&Object::checkpoint(*number)))
}
