//! Leaves out repeated lines: a broken disk or a hostile repository must not fill the log.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::time::{Duration, Instant};

/// Minimum time between two writes of the same line.
const WINDOW: Duration = Duration::from_secs(60);
/// Maximum number of different lines written in that time. This also bounds the memory.
const MOST: usize = 256;

/// The lines of the last minute.
#[derive(Debug, Default)]
pub(super) struct Repeats {
    /// Keyed by a hash of the text. The hash has a random key, so nobody can choose two texts with one hash.
    lately: HashMap<u64, Line>,
    hasher: RandomState,
    /// Number of lines left out that no entry of `lately` counts.
    forgotten: u64,
}

#[derive(Debug)]
struct Line {
    written: Instant,
    left_out: u64,
}

impl Repeats {
    /// The line to write for `text`; `None` if it is left out. The line says how many were left out before.
    pub(super) fn admit(&mut self, text: String, now: Instant) -> Option<String> {
        let key = self.hasher.hash_one(&text);
        if let Some(line) = self.lately.get_mut(&key)
            && !line.is_over(now)
        {
            line.left_out += 1;
            return None;
        }
        if self.lately.len() >= MOST && !self.lately.contains_key(&key) {
            self.forget(now);
            if self.lately.len() >= MOST {
                self.forgotten += 1;
                return None;
            }
        }
        let line = Line { written: now, left_out: 0 };
        let same = self.lately.insert(key, line).map_or(0, |before| before.left_out);
        let others = std::mem::take(&mut self.forgotten);
        Some(match (same, others) {
            (0, 0) => text,
            (same, 0) => format!("{text} (repeats left out: {same})"),
            (0, others) => format!("{text} (other lines left out: {others})"),
            (same, others) => format!("{text} (repeats left out: {same}, other lines: {others})"),
        })
    }

    /// Makes room: drops the lines whose time is over.
    fn forget(&mut self, now: Instant) {
        let over = self.lately.extract_if(|_, line| line.is_over(now));
        self.forgotten += over.map(|(_, line)| line.left_out).sum::<u64>();
    }
}

impl Line {
    fn is_over(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.written) >= WINDOW
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admit(repeats: &mut Repeats, text: &str, now: Instant) -> Option<String> {
        repeats.admit(text.to_owned(), now)
    }

    #[test]
    fn a_line_is_written_once_a_minute() {
        let (mut repeats, begin) = (Repeats::default(), Instant::now());
        let at = |seconds| begin + Duration::from_secs(seconds);
        assert_eq!(admit(&mut repeats, "a", at(0)).as_deref(), Some("a"));
        assert_eq!(admit(&mut repeats, "a", at(1)), None);
        assert_eq!(admit(&mut repeats, "b", at(2)).as_deref(), Some("b"));
        assert_eq!(admit(&mut repeats, "a", at(59)), None);
        let expected = "a (repeats left out: 2)";
        assert_eq!(admit(&mut repeats, "a", at(60)).as_deref(), Some(expected));
        // The minute and the count begin again.
        assert_eq!(admit(&mut repeats, "a", at(119)), None);
        assert_eq!(admit(&mut repeats, "a", at(120)).as_deref(), Some("a (repeats left out: 1)"));
        assert_eq!(admit(&mut repeats, "a", at(180)).as_deref(), Some("a"));
    }

    #[test]
    fn endless_different_lines_are_bounded_and_counted() {
        let (mut repeats, begin) = (Repeats::default(), Instant::now());
        let written = |repeats: &mut Repeats, from: usize, now| {
            (from..from + 10_000).filter_map(|line| admit(repeats, &format!("line {line}"), now)).count()
        };
        assert_eq!(written(&mut repeats, 0, begin), MOST);
        assert_eq!(repeats.lately.len(), MOST);
        assert_eq!(admit(&mut repeats, "line 0", begin), None);
        // A minute later there is room again, and all lines left out are reported once.
        let later = begin + WINDOW;
        let left_out = 10_000 - MOST + 1;
        assert_eq!(
            admit(&mut repeats, "new", later),
            Some(format!("new (other lines left out: {left_out})"))
        );
        assert_eq!(admit(&mut repeats, "newer", later).as_deref(), Some("newer"));
        assert_eq!(written(&mut repeats, 20_000, later), MOST - 2);
        assert_eq!(repeats.lately.len(), MOST);
    }

    #[test]
    fn a_line_counts_its_own_repeats_and_other_lines() {
        let (mut repeats, begin) = (Repeats::default(), Instant::now());
        for line in 0..MOST {
            assert!(admit(&mut repeats, &line.to_string(), begin).is_some());
        }
        for line in ["0", "other"] {
            assert_eq!(admit(&mut repeats, line, begin), None);
        }
        let expected = "0 (repeats left out: 1, other lines: 1)";
        assert_eq!(admit(&mut repeats, "0", begin + WINDOW).as_deref(), Some(expected));
    }
}
