//! Retries reads at which the medium failed. Data is given up only after repeated failures.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crate::store::StoreError;
use crate::store::error::is_of_medium;

/// Pauses between the attempts of a read.
const PAUSES: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(1)];

/// Upper bound on the time spent in pauses that did not help. A dead disk fails at every read; beyond the
/// bound, attempts follow at once.
const MOST_IN_VAIN: Duration = Duration::from_secs(10);

/// Part of that time that a successful read gives back. So one bad zone of a disk does not prevent pauses
/// after later errors.
const GIVEN_BACK: Duration = Duration::from_millis(10);

/// The bound is shared by all reads of the process.
pub(crate) static PATIENCE: Patience = Patience::new(thread::sleep);

/// Retries reads.
pub(crate) struct Patience {
    wait: fn(Duration),
    in_vain: Mutex<Duration>,
}

impl Patience {
    const fn new(wait: fn(Duration)) -> Self {
        Self { wait, in_vain: Mutex::new(Duration::ZERO) }
    }

    /// Runs `read`, up to three times while the medium fails. The last such error becomes
    /// [`StoreError::Unreadable`].
    pub(crate) fn read<T>(&self, mut read: impl FnMut() -> Result<T, StoreError>) -> Result<T, StoreError> {
        let mut waited = Duration::ZERO;
        let mut pauses = PAUSES.into_iter();
        loop {
            let (object, source) = match read() {
                Err(StoreError::Io { object, source, .. }) if is_of_medium(&source) => (object, source),
                result => {
                    // These pauses helped, so they do not count.
                    let mut in_vain = self.in_vain();
                    *in_vain = in_vain.saturating_sub(waited + GIVEN_BACK);
                    return result;
                }
            };
            let Some(pause) = pauses.next() else {
                return Err(StoreError::Unreadable { object, tries: PAUSES.len() + 1, source });
            };
            log::warn!("cannot read {object}: {source}; trying again");
            if self.spend(pause) {
                (self.wait)(pause);
                waited += pause;
            }
        }
    }

    /// Counts one more pause. Returns false if the bound leaves no time for it.
    fn spend(&self, pause: Duration) -> bool {
        let mut in_vain = self.in_vain();
        let enough = *in_vain + pause <= MOST_IN_VAIN;
        if enough {
            *in_vain += pause;
        }
        enough
    }

    fn in_vain(&self) -> MutexGuard<'_, Duration> {
        self.in_vain.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::cell::RefCell;
    use std::io;

    use super::*;

    thread_local! {
        static WAITED: RefCell<Vec<Duration>> = const { RefCell::new(Vec::new()) };
    }

    fn patience() -> Patience {
        WAITED.take();
        Patience::new(|pause| WAITED.with_borrow_mut(|waited| waited.push(pause)))
    }

    fn failure(code: i32) -> StoreError {
        StoreError::io("read", "/r/packs/ab")(io::Error::from_raw_os_error(code))
    }

    /// The result of a read whose first attempts fail with this code.
    fn after(patience: &Patience, failures: usize, code: i32) -> Result<usize, StoreError> {
        let mut tries = 0;
        patience.read(|| {
            tries += 1;
            if tries <= failures { Err(failure(code)) } else { Ok(tries) }
        })
    }

    #[test]
    fn what_can_be_read_later_is_no_loss() {
        for code in [5, 6, 61, 74, 117, 121] {
            let patience = patience();
            assert_eq!(after(&patience, 0, code).unwrap(), 1);
            assert_eq!(after(&patience, 2, code).unwrap(), 3);
            assert_eq!(WAITED.take(), PAUSES);
            let error = after(&patience, 3, code).unwrap_err();
            assert!(error.is_loss() && !error.is_damage(), "{error}");
            let text = error.to_string();
            assert!(text.starts_with("/r/packs/ab could not be read (an error of the medium"), "{text}");
        }
    }

    #[test]
    fn one_failure_is_no_loss_and_other_errors_are_told_at_once() {
        assert!(!failure(5).is_loss());
        let patience = patience();
        for code in [2, 13, 24] {
            let mut tries = 0;
            let result: Result<(), _> = patience.read(|| {
                tries += 1;
                Err(failure(code))
            });
            assert!(result.is_err_and(|error| !error.is_loss()));
            assert_eq!(tries, 1);
        }
        assert_eq!(WAITED.take(), []);
    }

    #[test]
    fn a_bad_zone_leaves_patience_for_later() {
        let patience = patience();
        for _ in 0..100 {
            assert!(after(&patience, usize::MAX, 5).is_err());
        }
        for _ in 0..1000 {
            assert!(after(&patience, 0, 5).is_ok());
        }
        WAITED.take();
        assert!(after(&patience, 2, 5).is_ok());
        assert_eq!(WAITED.take(), PAUSES);
    }

    #[test]
    fn a_dead_disk_is_not_waited_for_without_end() {
        let patience = patience();
        for _ in 0..1000 {
            assert!(after(&patience, 2, 5).is_ok(), "these are not in vain");
        }
        WAITED.take();
        for _ in 0..1000 {
            assert!(after(&patience, usize::MAX, 5).unwrap_err().is_loss());
        }
        let waited: Duration = WAITED.take().iter().sum();
        assert!(waited <= MOST_IN_VAIN && waited + PAUSES[1] > MOST_IN_VAIN, "{waited:?}");
    }
}
