//! The log of a repository. Its records decide which packs, snapshots and tags count. `docs/log.md` explains it.

mod append;
mod checkpoint;
mod doubt;
mod load;
mod refused;
mod replay;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub(crate) use doubt::Doubtful;
pub use refused::Refused;

use super::{Backend, SnapshotRecord, StoreError};
use crate::format::Keys;
use crate::format::log::LogState;

/// The log, as far as this process has read it.
pub(crate) struct Log {
    backend: Arc<dyn Backend>,
    keys: Keys,
    /// The highest number of a record that the index knows.
    known: u64,
    state: Mutex<Arc<LogState>>,
    /// What is known of the log if it is damaged. Nothing can be published then, except by a repair.
    doubtful: Mutex<Option<Arc<Doubtful>>>,
}

impl Log {
    /// Reads the log. `known` is a number that it had once reached. `recorded` returns the snapshots in the index,
    /// if a damaged log is to be read as far as possible.
    ///
    /// # Errors
    /// [`StoreError::DamagedLog`] without `recorded`.
    pub(crate) fn open(
        backend: Arc<dyn Backend>,
        keys: Keys,
        known: u64,
        recorded: Option<&dyn Fn() -> Vec<SnapshotRecord>>,
    ) -> Result<Self, StoreError> {
        let (state, doubtful) = match load::load(&*backend, &keys, known) {
            Err(fault) if fault.is_loss() => {
                let recorded = recorded.ok_or_else(|| StoreError::DamagedLog(Box::new(fault)))?;
                let doubtful = doubt::doubtful(&*backend, &keys, known, &recorded())?;
                (doubtful.state.clone(), Some(Arc::new(doubtful)))
            }
            state => (state?, None),
        };
        let (state, doubtful) = (Mutex::new(Arc::new(state)), Mutex::new(doubtful));
        Ok(Self { backend, keys, known, state, doubtful })
    }

    /// What is known of the log if it is damaged.
    pub(crate) fn lost(&self) -> Option<Arc<Doubtful>> {
        self.doubtful.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads what was published since the last read, and returns the state.
    pub(crate) fn refresh(&self) -> Result<Arc<LogState>, StoreError> {
        let mut held = self.held();
        let mut doubtful = self.doubtful.lock().unwrap_or_else(PoisonError::into_inner);
        if doubtful.is_some() {
            // A repair may have reset the log.
            match load::load(&*self.backend, &self.keys, self.known) {
                Ok(state) => (*held, *doubtful) = (Arc::new(state), None),
                Err(error) if error.is_loss() => {}
                Err(error) => return Err(error),
            }
        } else {
            load::advance(&*self.backend, &self.keys, &mut held)?;
        }
        Ok(Arc::clone(&held))
    }

    fn held(&self) -> MutexGuard<'_, Arc<LogState>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log").field("number", &self.held().number).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
