//! Estimates the rate of an import and its remaining time. All times are relative to its start: nothing here
//! reads a clock.

use std::time::Duration;

use fs_core::monitor::Progress;

/// Minimum age of a walk for an estimate. A walk that has seen less than a hundredth gives no estimate,
/// either.
const SETTLED: Duration = Duration::from_secs(2);
/// Period over which a rate is measured. The period may grow to twice this time.
const RECENT: Duration = Duration::from_secs(5);

/// The state of an import of one tree or of several runs.
#[derive(Debug, Default)]
pub(super) struct Estimate {
    now: Duration,
    walk: Option<Walk>,
    /// Number of runs after this one.
    runs_left: u64,
    finished: Finished,
    recent: Recent,
}

/// The current walk.
#[derive(Debug, Clone, Copy)]
struct Walk {
    began: Duration,
    expected: Option<u64>,
    seen: Progress,
}

/// Sums over the finished walks whose number of entries was expected. A source's first walk reads everything,
/// so it says nothing about later ones.
#[derive(Debug, Clone, Copy, Default)]
struct Finished {
    walks: u64,
    entries: u64,
    took: Duration,
}

/// Two earlier states of the import, from which the recent rate follows.
#[derive(Debug, Clone, Copy, Default)]
struct Recent {
    older: Passed,
    newer: Passed,
    /// Totals of the finished walks.
    before: Passed,
}

/// The state of an import at one time.
#[derive(Debug, Clone, Copy, Default)]
struct Passed {
    at: Duration,
    files: u64,
    bytes: u64,
}

/// The rate of an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rate {
    /// Bytes read per second.
    Bytes(u64),
    /// Files per second, if no bytes are read.
    Files(u64),
}

impl Estimate {
    /// Begins a run, with `left` runs after it.
    pub(super) fn run(&mut self, now: Duration, left: u64) {
        self.close(now);
        self.runs_left = left;
    }

    /// Begins the walk of a tree. `expected` is its number of entries at its last import.
    pub(super) fn walk(&mut self, now: Duration, expected: Option<u64>) {
        self.close(now);
        self.walk = Some(Walk { began: now, expected, seen: Progress::default() });
    }

    /// Records the progress of the walk.
    pub(super) fn advance(&mut self, now: Duration, seen: &Progress) {
        self.now = now;
        if let Some(walk) = &mut self.walk {
            walk.seen = *seen;
        }
        let passed = self.passed();
        let Recent { older, newer, .. } = &mut self.recent;
        if now.saturating_sub(newer.at) >= RECENT {
            (*older, *newer) = (*newer, passed);
        }
    }

    fn passed(&self) -> Passed {
        let seen = self.walk.map(|walk| walk.seen).unwrap_or_default();
        let Passed { files, bytes, .. } = self.recent.before;
        Passed {
            at: self.now,
            files: files.saturating_add(seen.files),
            bytes: bytes.saturating_add(seen.bytes_read),
        }
    }

    fn close(&mut self, now: Duration) {
        self.now = now;
        self.recent.before = self.passed();
        let Some(walk) = self.walk.take() else { return };
        if let Some(expected) = walk.expected {
            self.finished.walks += 1;
            self.finished.entries = self.finished.entries.saturating_add(expected);
            self.finished.took = self.finished.took.saturating_add(now.saturating_sub(walk.began));
        }
    }

    /// The rate of the last seconds; `None` at the beginning.
    pub(super) fn rate(&self) -> Option<Rate> {
        let (older, now) = (self.recent.older, self.passed());
        let took = now.at.saturating_sub(older.at);
        if took < Duration::from_secs(1) {
            return None;
        }
        let a_second = |count: u64| {
            u64::try_from(u128::from(count) * 1000 / took.as_millis().max(1)).unwrap_or(u64::MAX)
        };
        let bytes = a_second(now.bytes.saturating_sub(older.bytes));
        match (bytes, a_second(now.files.saturating_sub(older.files))) {
            (0, 0) => None,
            (0, files) => Some(Rate::Files(files)),
            (bytes, _) => Some(Rate::Bytes(bytes)),
        }
    }

    /// The remaining time of all runs. `None` if it is unknown: the tree was never imported, or is larger
    /// than before.
    pub(super) fn left(&self) -> Option<Duration> {
        let walk = self.walk?;
        let expected = walk.expected?;
        let ahead = expected.checked_sub(walk.seen.entries)?;
        let took = self.now.saturating_sub(walk.began);
        let is_settled = took >= SETTLED && walk.seen.entries.saturating_mul(100) >= expected;
        let (took, entries) = if is_settled && walk.seen.entries > 0 {
            (took, walk.seen.entries)
        } else {
            (self.finished.took, self.finished.entries)
        };
        // Nanoseconds that a number of entries takes.
        let pace = |count: u64| took.as_nanos().saturating_mul(count.into()).checked_div(entries.into());
        let each = match self.finished.walks {
            0 => pace(expected)?,
            walks => self.finished.took.as_nanos() / u128::from(walks),
        };
        let nanos = pace(ahead)?.saturating_add(each.saturating_mul(self.runs_left.into()));
        Some(Duration::from_secs(u64::try_from(nanos.div_ceil(1_000_000_000)).ok()?))
    }

    /// Time since the start.
    pub(super) fn spent(&self) -> Duration {
        self.now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    fn seen(entries: u64, bytes_read: u64) -> Progress {
        Progress { entries, files: entries, bytes_read, ..Progress::default() }
    }

    #[test]
    fn nothing_is_known_of_a_new_tree() {
        let mut estimate = Estimate::default();
        assert_eq!((estimate.left(), estimate.rate()), (None, None));
        estimate.walk(secs(0), None);
        estimate.advance(secs(100), &seen(1_000_000, 0));
        assert_eq!(estimate.left(), None);
        // Nor does it say anything about the runs after it.
        estimate.run(secs(200), 10);
        estimate.walk(secs(200), Some(1000));
        estimate.advance(secs(201), &seen(500, 0));
        assert_eq!(estimate.left(), None, "too early");
        estimate.advance(secs(202), &seen(500, 0));
        assert_eq!(estimate.left(), Some(secs(2 + 10 * 4)));
    }

    #[test]
    fn a_tree_is_compared_with_what_it_was() {
        let mut estimate = Estimate::default();
        estimate.walk(secs(5), Some(1000));
        estimate.advance(secs(15), &seen(9, 0));
        assert_eq!(estimate.left(), None, "less than a hundredth");
        estimate.advance(secs(15), &seen(100, 0));
        assert_eq!(estimate.left(), Some(secs(90)));
        estimate.advance(secs(105), &seen(1000, 0));
        assert_eq!(estimate.left(), Some(secs(0)));
        estimate.advance(secs(106), &seen(1001, 0));
        assert_eq!(estimate.left(), None, "it has grown, nobody knows how much");
    }

    #[test]
    fn finished_runs_give_the_estimate_for_later_ones() {
        let mut estimate = Estimate::default();
        estimate.run(secs(0), 3);
        estimate.walk(secs(0), None);
        estimate.run(secs(1000), 2);
        estimate.walk(secs(1000), Some(100));
        estimate.run(secs(1010), 1);
        estimate.walk(secs(1010), Some(200));
        // The run before took 0.1 s an entry, which is all that is known at first. The next run adds 10 s.
        assert_eq!(estimate.left(), Some(secs(20 + 10)));
        // This run is slower.
        estimate.advance(secs(1030), &seen(50, 0));
        assert_eq!(estimate.left(), Some(secs(60 + 10)));
        // A run that is left out is not walked.
        estimate.run(secs(1090), 0);
        assert_eq!(estimate.left(), None);
    }

    #[test]
    fn the_rate_is_that_of_the_last_seconds() {
        let mut estimate = Estimate::default();
        estimate.walk(secs(0), None);
        estimate.advance(Duration::from_millis(500), &seen(10, 1 << 20));
        assert_eq!(estimate.rate(), None);
        estimate.advance(secs(2), &seen(20, 40_000));
        assert_eq!(estimate.rate(), Some(Rate::Bytes(20_000)));
        for second in 3..60 {
            estimate.advance(secs(second), &seen(20 + 7 * (second - 2), 40_000));
        }
        assert_eq!(estimate.rate(), Some(Rate::Files(7)), "nothing is read any more");
        // Counting again from zero for the next run is no step back.
        estimate.run(secs(60), 0);
        estimate.walk(secs(60), None);
        estimate.advance(secs(61), &seen(0, 0));
        assert!(matches!(estimate.rate(), Some(Rate::Files(1..=7))), "{:?}", estimate.rate());
    }

    #[test]
    fn nonsense_is_no_panic() {
        let mut estimate = Estimate::default();
        estimate.run(secs(u64::MAX), u64::MAX);
        for _ in 0..2 {
            estimate.walk(secs(0), Some(u64::MAX));
            estimate.advance(secs(u64::MAX), &seen(1, u64::MAX / 4));
            estimate.advance(secs(0), &seen(u64::MAX / 4, 0));
            let _ = (estimate.left(), estimate.rate());
        }
    }
}
