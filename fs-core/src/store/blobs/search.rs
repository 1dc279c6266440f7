//! Handles an index that does not lead to a blob although a pack has it. redb does not notice a flipped bit
//! in a key or a value. Stored blobs must be readable nevertheless.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The searches of a reader and its clones, one at a time.
#[derive(Default)]
pub(crate) struct Searches {
    /// Whether other threads that miss a blob wait no longer than [`WAIT`].
    pub(crate) waits_limited: AtomicBool,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    running: bool,
    /// Time of the last search after which the index was right.
    found_right: Option<Instant>,
}

/// Minimum time between searches, as each reads every catalogue.
const PAUSE: Duration = Duration::from_secs(600);

/// Maximum time for which other threads of a mount wait for a running search. A mount has few threads,
/// and a search of a large repository takes minutes.
const WAIT: Duration = Duration::from_secs(2);

impl Searches {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns true if the caller must search, and then call [`end`](Self::end).
    pub(crate) fn begin(&self) -> bool {
        let mut state = self.state();
        if state.running {
            if self.waits_limited.load(Ordering::Relaxed) {
                drop(self.changed.wait_timeout_while(state, WAIT, |state| state.running));
            } else {
                drop(self.changed.wait_while(state, |state| state.running));
            }
            return false;
        }
        if state.found_right.is_some_and(|at| at.elapsed() < PAUSE) {
            return false;
        }
        state.running = true;
        true
    }

    /// Whether a search has completed.
    #[cfg(test)]
    pub(crate) fn has_completed(&self) -> bool {
        self.state().found_right.is_some()
    }

    pub(crate) fn end(&self, found_right: bool) {
        let mut state = self.state();
        state.running = false;
        if found_right {
            state.found_right = Some(Instant::now());
        }
        self.changed.notify_all();
    }
}
