//! Opens repositories, and waits for other processes: with regular messages, and with an optional bound.

use std::path::Path;
use std::time::{Duration, Instant};

use super::ImportError;
use crate::clock::Clock;
use crate::monitor::Cancellation;
use crate::store::{Access, Repository, StoreError};

/// Interval at which a waiting process asks for the lock.
const LOCK: Duration = Duration::from_millis(200);
/// Interval at which a waiting process looks for programs that still write to the tree.
pub(super) const WRITERS: Duration = Duration::from_secs(1);

/// Time before the first message; doubled for each further one …
const FIRST_MESSAGE: Duration = Duration::from_secs(10);
/// … up to this time.
const LONGEST_SILENCE: Duration = Duration::from_secs(1800);

/// Opens the repository in `root` for reading; `None` if there is none.
pub(super) fn open_existing(root: &Path) -> Result<Option<Repository>, StoreError> {
    match Repository::open(root, Access::Read) {
        Err(StoreError::NotARepository(_)) => Ok(None),
        result => result.map(Some),
    }
}

/// Opens the repository in `root` for writing. With `wait`, waits for another writer, up to the limit.
///
/// # Errors
///
/// [`StoreError::Locked`] if another process writes to the repository, and still does after the wait.
pub fn open_for_writing(
    root: &Path,
    access: Access,
    wait: bool,
    limit: Option<Duration>,
    clock: &dyn Clock,
    cancellation: &Cancellation,
) -> Result<Repository, ImportError> {
    let mut waiting = Waiting::new(clock, limit);
    loop {
        match Repository::open(root, access) {
            Err(locked @ StoreError::Locked { .. }) if wait => {
                if !waiting.step(LOCK, &locked.to_string(), cancellation)? {
                    return Err(locked.into());
                }
            }
            result => return Ok(result?),
        }
    }
}

/// A wait in progress.
#[derive(Debug)]
pub(super) struct Waiting<'a> {
    clock: &'a dyn Clock,
    since: Instant,
    limit: Option<Duration>,
    /// Duration of the wait after which the next message is due.
    next_message: Duration,
    silence: Duration,
}

impl<'a> Waiting<'a> {
    /// A wait that begins now, and ends after `limit`.
    pub(super) fn new(clock: &'a dyn Clock, limit: Option<Duration>) -> Self {
        Self { clock, since: clock.instant(), limit, next_message: FIRST_MESSAGE, silence: FIRST_MESSAGE }
    }

    /// Waits for `step`; then the caller checks its condition again. `what` is the text of the message: the
    /// reason for the wait, and a possible remedy. Returns false once the limit is reached.
    pub(super) fn step(
        &mut self,
        step: Duration,
        what: &str,
        cancellation: &Cancellation,
    ) -> Result<bool, ImportError> {
        let waited = self.clock.instant() - self.since;
        if self.limit.is_some_and(|limit| waited >= limit) {
            return Ok(false);
        }
        if self.is_message_due(waited) {
            log::warn!("waiting for {} s so far: {what}", waited.as_secs());
        }
        if cancellation.is_cancelled() {
            return Err(ImportError::Cancelled);
        }
        self.clock.sleep(step);
        Ok(true)
    }

    fn is_message_due(&mut self, waited: Duration) -> bool {
        let is_due = waited >= self.next_message;
        if is_due {
            self.silence = (self.silence * 2).min(LONGEST_SILENCE);
            self.next_message = waited + self.silence;
        }
        is_due
    }
}

#[cfg(all(test, unix))]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::testing::clock::ManualClock;

    #[test]
    fn messages_about_a_wait_become_rarer() {
        let clock = ManualClock::new(Timestamp::UNIX_EPOCH);
        let mut waiting = Waiting::new(&clock, None);
        let due: Vec<u64> =
            (0..10_000).filter(|second| waiting.is_message_due(Duration::from_secs(*second))).collect();
        assert_eq!(due, [10, 30, 70, 150, 310, 630, 1270, 2550, 4350, 6150, 7950, 9750]);
    }

    #[test]
    fn a_wait_with_a_limit_ends() {
        let clock = ManualClock::new(Timestamp::UNIX_EPOCH);
        let mut waiting = Waiting::new(&clock, Some(3 * WRITERS));
        let mut step = || waiting.step(WRITERS, "for nothing", &Cancellation::default()).unwrap();
        assert_eq!([step(), step(), step(), step()], [true, true, true, false]);
        assert_eq!(clock.now(), Timestamp::from_second(3).unwrap());
        let cancelled = Cancellation::default();
        cancelled.cancel();
        assert!(Waiting::new(&clock, None).step(WRITERS, "for nothing", &cancelled).is_err());
    }
}
