use super::error::MaintainError;
use crate::monitor::{Cancellation, Monitor, Phase, Work};

/// Reports the steps of a check or repair, and ends it between two steps when it is cancelled.
#[derive(Clone, Copy)]
pub(super) struct Steps<'a> {
    pub(super) monitor: &'a dyn Monitor,
    pub(super) cancellation: &'a Cancellation,
}

impl Steps<'_> {
    /// Reports that `done` of `total` units are done. Fails when cancelled.
    pub(super) fn report(&self, phase: Phase, done: u64, total: u64) -> Result<(), MaintainError> {
        self.monitor.work(&Work { phase, done, total });
        self.go_on()
    }

    /// Fails when cancelled.
    pub(super) fn go_on(&self) -> Result<(), MaintainError> {
        if self.cancellation.is_cancelled() { Err(MaintainError::Cancelled) } else { Ok(()) }
    }
}
