//! Waits for other processes: with regular messages, and with an optional bound.

use std::time::{Duration, Instant};

use super::ServiceError;
use super::session::pause;
use crate::monitor::Cancellation;

/// Time before the first message; doubled for each further one …
const FIRST_WORD: Duration = Duration::from_secs(10);
/// … up to this time.
const LONGEST_SILENCE: Duration = Duration::from_secs(1800);

/// A wait in progress.
#[derive(Debug)]
pub(super) struct Waiting {
    since: Instant,
    words: Words,
    limit: Option<Duration>,
}

impl Waiting {
    /// A wait that begins now, and ends after `limit`.
    pub(super) fn new(limit: Option<Duration>) -> Self {
        Self { since: Instant::now(), words: Words { next: FIRST_WORD, silence: FIRST_WORD }, limit }
    }

    /// Waits for `step`; then the caller checks its condition again. `what` is the text of the message: the
    /// reason for the wait, and a possible remedy. Returns false once the limit is reached.
    pub(super) fn step(
        &mut self,
        step: Duration,
        what: &str,
        cancellation: &Cancellation,
    ) -> Result<bool, ServiceError> {
        let waited = self.since.elapsed();
        if self.limit.is_some_and(|limit| waited >= limit) {
            return Ok(false);
        }
        if self.words.are_due(waited) {
            log::warn!("waiting for {} s so far: {what}", waited.as_secs());
        }
        pause(step, cancellation)?;
        Ok(true)
    }
}

/// The schedule of the messages.
#[derive(Debug)]
struct Words {
    next: Duration,
    silence: Duration,
}

impl Words {
    /// Whether a message is due after this time.
    fn are_due(&mut self, waited: Duration) -> bool {
        if waited < self.next {
            return false;
        }
        self.silence = (self.silence * 2).min(LONGEST_SILENCE);
        self.next = waited + self.silence;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_told_less_and_less_often() {
        let mut words = Words { next: FIRST_WORD, silence: FIRST_WORD };
        let told: Vec<u64> =
            (0..10_000).filter(|second| words.are_due(Duration::from_secs(*second))).collect();
        assert_eq!(told, [10, 30, 70, 150, 310, 630, 1270, 2550, 4350, 6150, 7950, 9750]);
    }

    #[test]
    fn a_wait_with_a_limit_ends() {
        let mut waiting = Waiting::new(Some(Duration::ZERO));
        assert!(!waiting.step(Duration::ZERO, "for nothing", &Cancellation::default()).unwrap());
        let mut waiting = Waiting::new(None);
        assert!(waiting.step(Duration::ZERO, "for nothing", &Cancellation::default()).unwrap());
        let cancelled = Cancellation::default();
        cancelled.cancel();
        assert!(waiting.step(Duration::ZERO, "for nothing", &cancelled).is_err());
    }
}
