//! Decides when a source is looked at.

use std::time::{Duration, Instant};

/// Delay after the first failure; doubled by each further one …
const BACK_OFF: Duration = Duration::from_secs(10);
/// … up to this delay.
const LONGEST_BACK_OFF: Duration = Duration::from_secs(3600);
/// Upper bound on the retry delay for a busy source, if nothing announces its end.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// The result of a look at a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Everything that was ready is imported.
    Done,
    /// A program is at work there, and nothing announces its end.
    AtWork,
    /// Something has changed just now.
    NotQuiescent,
    /// The import failed.
    Failed,
}

/// The schedule of looks at one source.
#[derive(Debug)]
pub(super) struct Schedule {
    quiet: Duration,
    every: Duration,
    /// Time of the last change that no look has seen.
    last_change: Option<Instant>,
    /// Time of the next look, if nothing changes.
    pub(super) next: Instant,
    /// Failed looks in a row.
    pub(super) failures: u32,
    /// Looks in a row that found the source not quiescent.
    waits: u32,
    /// Time since when writers have prevented an import.
    restless_since: Option<Instant>,
}

impl Schedule {
    /// Looks at `first`, at least once within `every`, and once nothing has changed for `quiet`.
    pub(super) fn new(quiet: Duration, every: Duration, first: Instant) -> Self {
        Self { quiet, every, last_change: None, next: first, failures: 0, waits: 0, restless_since: None }
    }

    /// Records a change.
    pub(super) fn change(&mut self, now: Instant) {
        self.last_change = Some(now);
        self.restless_since.get_or_insert(now);
    }

    /// The duration of changes without an import, if it exceeds `every`. The count then restarts.
    pub(super) fn restlessness(&mut self, now: Instant) -> Option<Duration> {
        let lasting = now.saturating_duration_since(self.restless_since?);
        (lasting > self.every).then(|| {
            self.restless_since = Some(now);
            lasting
        })
    }

    /// Whether there are changes that no look has seen.
    pub(super) fn is_changing(&self) -> bool {
        self.last_change.is_some()
    }

    /// Time of the next look. A change does not hasten the retry after a failure. A changing source waits
    /// until it is quiet, however long that takes: an earlier look would be given up.
    pub(super) fn due(&self) -> Instant {
        match self.last_change {
            Some(at) if self.failures == 0 => at + self.quiet,
            _ => self.next,
        }
    }

    /// Marks the beginning of a look, which may miss later changes.
    pub(super) fn begin(&mut self) {
        self.last_change = None;
    }

    /// Records the result of a look.
    pub(super) fn end(&mut self, outcome: Outcome, now: Instant) {
        self.failures = if outcome == Outcome::Failed { self.failures + 1 } else { 0 };
        self.waits = if outcome == Outcome::NotQuiescent { self.waits + 1 } else { 0 };
        match outcome {
            // Changes during the look count from now.
            Outcome::Done | Outcome::Failed => self.restless_since = self.last_change.map(|_| now),
            Outcome::AtWork | Outcome::NotQuiescent => drop(self.restless_since.get_or_insert(now)),
        }
        self.next = now
            + match outcome {
                Outcome::Done => self.every,
                Outcome::AtWork => self.quiet,
                Outcome::NotQuiescent => doubled(self.quiet, self.waits).min(LONGEST_WAIT.max(self.quiet)),
                Outcome::Failed => doubled(BACK_OFF, self.failures).min(LONGEST_BACK_OFF),
            };
    }
}

fn doubled(first: Duration, times: u32) -> Duration {
    first.saturating_mul(1_u32.checked_shl(times.saturating_sub(1)).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUIET: Duration = Duration::from_secs(5);
    const EVERY: Duration = Duration::from_secs(1000);

    fn second(number: u64, start: Instant) -> Instant {
        start + Duration::from_secs(number)
    }

    #[test]
    fn quiet_is_waited_for() {
        let start = Instant::now();
        let at = |number| second(number, start);
        let mut schedule = Schedule::new(QUIET, EVERY, start);
        assert_eq!(schedule.due(), start);
        schedule.begin();
        schedule.end(Outcome::Done, at(1));
        assert_eq!(schedule.due(), at(1001));
        schedule.change(at(10));
        schedule.change(at(13));
        assert_eq!(schedule.due(), at(18));
        schedule.begin();
        // A change during the look.
        schedule.change(at(19));
        schedule.end(Outcome::Done, at(20));
        assert_eq!(schedule.due(), at(24));
    }

    #[test]
    fn a_source_that_is_not_quiescent_is_checked_ever_less_often() {
        let start = Instant::now();
        let at = |number| second(number, start);
        let mut schedule = Schedule::new(QUIET, EVERY, start);
        for wait in [5, 10, 20, 40, 60, 60] {
            schedule.begin();
            schedule.end(Outcome::NotQuiescent, start);
            assert_eq!(schedule.due(), at(wait));
        }
        for _ in 0..3 {
            schedule.end(Outcome::AtWork, start);
            assert_eq!(schedule.due(), at(5));
        }
        schedule.change(at(2));
        assert_eq!(schedule.due(), at(7));
    }

    #[test]
    fn restlessness_is_reported_once_in_a_while() {
        let start = Instant::now();
        let at = |number| second(number, start);
        let mut schedule = Schedule::new(QUIET, EVERY, start);
        (0..2500).for_each(|number| schedule.change(at(number)));
        assert_eq!(schedule.restlessness(at(1000)), None);
        assert_eq!(schedule.restlessness(at(1001)), Some(Duration::from_secs(1001)));
        assert_eq!(schedule.restlessness(at(1002)), None);
        schedule.begin();
        schedule.end(Outcome::NotQuiescent, at(2000));
        assert!(schedule.restlessness(at(2100)).is_some());
        schedule.begin();
        schedule.end(Outcome::Done, at(2200));
        assert_eq!(schedule.restlessness(at(9000)), None);
    }

    #[test]
    fn failures_are_not_repeated_at_once() {
        let start = Instant::now();
        let at = |number| second(number, start);
        let mut schedule = Schedule::new(QUIET, EVERY, start);
        for wait in [10, 20, 40] {
            schedule.end(Outcome::Failed, start);
            schedule.change(at(1));
            assert_eq!(schedule.due(), at(wait));
        }
        (0..100).for_each(|_| schedule.end(Outcome::Failed, start));
        assert_eq!(schedule.due(), at(3600));
        schedule.begin();
        schedule.end(Outcome::Done, start);
        assert_eq!((schedule.due(), schedule.failures), (at(1000), 0));
    }
}
