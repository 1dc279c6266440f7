//! Numbers of snapshots in their seconds. They decide the names of snapshots, so copies keep them.

use std::collections::{BTreeSet, HashMap};

use crate::format::{SnapshotId, Time};
use crate::history::{Source, Sources};

/// The numbers of a source's snapshots, also of those that were committed without one.
pub(super) fn of(source: &Source) -> HashMap<SnapshotId, u32> {
    let all = source.timeline.with_positions().into_iter();
    all.map(|(ordinal, moment, _)| (SnapshotId(moment.id), ordinal.number)).collect()
}

/// The numbers that the snapshots of a repository have, by source and second.
#[derive(Debug, Default)]
pub(super) struct Numbers(HashMap<Box<[u8]>, HashMap<i64, BTreeSet<u32>>>);

impl Numbers {
    /// The numbers of all snapshots. Those of lost snapshots stay theirs.
    pub(super) fn of(sources: &Sources) -> Self {
        let mut numbers = Self::default();
        for source in sources.iter() {
            for (ordinal, moment, _) in source.timeline.with_positions() {
                numbers.add(&source.name, moment.time.into(), Some(ordinal.number));
            }
        }
        numbers
    }

    /// The wanted number if it is free, else one above the highest. `None` if there is no higher number.
    pub(super) fn assign(&self, source: &[u8], time: Time, wanted: Option<u32>) -> Option<u32> {
        let taken = self.0.get(source).and_then(|seconds| seconds.get(&time.secs()));
        match (taken, wanted) {
            (None, wanted) => wanted.or(Some(1)),
            (Some(taken), Some(wanted)) if !taken.contains(&wanted) => Some(wanted),
            (Some(taken), _) => taken.last().map_or(Some(1), |last| last.checked_add(1)),
        }
    }

    /// Records that a snapshot has a number.
    pub(super) fn add(&mut self, source: &[u8], time: Time, number: Option<u32>) {
        if !self.0.contains_key(source) {
            self.0.insert(source.into(), HashMap::new());
        }
        let seconds = self.0.get_mut(source);
        seconds.into_iter().for_each(|seconds| seconds.entry(time.secs()).or_default().extend(number));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_kept_unless_it_is_taken() {
        let mut numbers = Numbers::default();
        let (now, later) = (Time::new(7, 5).unwrap(), Time::new(8, 0).unwrap());
        assert_eq!(numbers.assign(b"web1", now, Some(3)), Some(3));
        assert_eq!(numbers.assign(b"web1", now, None), Some(1));
        numbers.add(b"web1", Time::new(7, 9).unwrap(), Some(3));
        assert_eq!(numbers.assign(b"web1", now, Some(3)), Some(4));
        assert_eq!(numbers.assign(b"web1", now, Some(1)), Some(1));
        assert_eq!(numbers.assign(b"web1", later, Some(3)), Some(3));
        assert_eq!(numbers.assign(b"web2", now, Some(3)), Some(3));
        numbers.add(b"web1", now, Some(u32::MAX));
        assert_eq!(numbers.assign(b"web1", now, Some(3)), None);
    }
}
