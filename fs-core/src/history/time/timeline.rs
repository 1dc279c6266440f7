//! A source's snapshots in order of time, and the look-up of any name among them.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::expression::{Expression, IdPrefix};
use super::names;

#[cfg(test)]
mod tests;

/// Time and identity of a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Moment {
    /// Time of the snapshot, to the nanosecond.
    pub time: Timestamp,
    /// Snapshot id.
    pub id: [u8; 32],
    /// Number among the snapshots of the source in the same second, from 1; `None` if the snapshot was
    /// committed without one.
    pub number: Option<u32>,
}

/// A snapshot's position in the order of its source: by second, then by number. Numbers are assigned in the
/// order of commits. So within a second the later import is the later snapshot, whatever the fractions of the
/// times are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ordinal {
    /// Second in UTC, rounded towards the past.
    second: i64,
    /// Number among the snapshots of the source in this second, from 1.
    pub number: u32,
}

/// The snapshots of one source, oldest first, with their canonical names in one zone. A timeline never
/// changes. When a snapshot appears or goes, make a new timeline.
///
/// An index, from 0, identifies a snapshot. It is valid only for the timeline that returned it.
#[derive(Clone, Debug)]
pub struct Timeline {
    zone: TimeZone,
    moments: Vec<Moment>,
    ordinals: Vec<Ordinal>,
    names: Vec<Arc<str>>,
    by_name: HashMap<Arc<str>, usize>,
    /// The lost snapshots, by their names.
    lost: HashMap<Arc<str>, (Ordinal, Moment)>,
}

impl Timeline {
    /// Sorts the snapshots and names them. The snapshots `lost` are known to have existed. No expression means
    /// one of them. Their names stay reserved, so the names of other snapshots do not change.
    ///
    /// Within a second, number 1 has the plain name. The others have `_` and their number behind it.
    /// Snapshots without a number take the free ones, in the order of time, then of id.
    pub fn with_lost(zone: TimeZone, moments: Vec<Moment>, lost: &[Moment]) -> Timeline {
        let mut all: Vec<(Moment, bool)> = moments.into_iter().map(|moment| (moment, true)).collect();
        all.extend(lost.iter().map(|moment| (*moment, false)));
        all.sort_unstable_by_key(|(moment, there)| (moment.time, moment.id, !there));
        let mut timeline = Timeline {
            zone,
            moments: Vec::new(),
            ordinals: Vec::new(),
            names: Vec::new(),
            by_name: HashMap::new(),
            lost: HashMap::new(),
        };
        for of_second in all.chunk_by(|(one, _), (next, _)| second_of(one.time) == second_of(next.time)) {
            let second = names::canonical(&timeline.zone, of_second[0].0.time);
            for (number, (moment, there)) in in_order(of_second) {
                timeline.push(&second, number, *moment, *there);
            }
        }
        timeline
    }

    /// Adds a snapshot that follows all others.
    fn push(&mut self, second: &str, number: u32, moment: Moment, there: bool) {
        let mut nth = u64::from(number);
        let mut name = names::numbered(second, nth);
        // Even with contradictory zone data, no two snapshots share a name.
        while self.find(name.as_bytes()).is_some() || self.lost.contains_key(name.as_str()) {
            nth += 1;
            name = names::numbered(second, nth);
        }
        let (name, ordinal) = (Arc::from(name), Ordinal { second: second_of(moment.time), number });
        if there {
            self.by_name.insert(Arc::clone(&name), self.moments.len());
            self.names.push(name);
            self.ordinals.push(ordinal);
            self.moments.push(moment);
        } else {
            self.lost.insert(name, (ordinal, moment));
        }
    }

    /// The zone whose clocks the names show.
    pub fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// Number of snapshots.
    pub fn len(&self) -> usize {
        self.moments.len()
    }

    /// Whether there is no snapshot. Then no name means anything.
    pub fn is_empty(&self) -> bool {
        self.moments.is_empty()
    }

    /// The snapshot at an index.
    pub fn get(&self, index: usize) -> Option<&Moment> {
        self.moments.get(index)
    }

    /// Positions and moments of all snapshots in order, and whether each exists or is lost.
    pub fn with_positions(&self) -> Vec<(Ordinal, &Moment, bool)> {
        let there = self.ordinals.iter().zip(&self.moments).map(|(ordinal, moment)| (*ordinal, moment, true));
        let lost = self.lost.values().map(|(ordinal, moment)| (*ordinal, moment, false));
        let mut all: Vec<_> = there.chain(lost).collect();
        all.sort_by_key(|(ordinal, ..)| *ordinal);
        all
    }

    /// Number of the next snapshot in the second of `time`: one above the highest so far. `None` if there is
    /// no higher number.
    pub fn next_number(&self, time: Timestamp) -> Option<u32> {
        let second = second_of(time);
        let all = self.of_second(second).map(|index| self.ordinals[index]);
        let lost = self.lost.values().map(|(ordinal, _)| *ordinal);
        let all = all.chain(lost.filter(|lost| lost.second == second));
        all.map(|ordinal| ordinal.number).max().unwrap_or(0).checked_add(1)
    }

    /// Canonical name of the snapshot at an index, with its leading `@`.
    pub fn name(&self, index: usize) -> Option<&str> {
        self.names.get(index).map(|name| &**name)
    }

    /// Canonical names and snapshots, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&str, &Moment)> + ExactSizeIterator {
        self.names.iter().map(|name| &**name).zip(&self.moments)
    }

    /// Index of the snapshot with exactly this canonical name.
    pub fn find(&self, name: &[u8]) -> Option<usize> {
        if name.len() > Expression::MAX_LEN {
            return None;
        }
        self.by_name.get(std::str::from_utf8(name).ok()?).copied()
    }

    /// Id of the lost snapshot with this canonical name, its letters in any case.
    pub fn lost(&self, name: &[u8]) -> Option<[u8; 32]> {
        if self.lost.is_empty() || name.len() > Expression::MAX_LEN {
            return None;
        }
        let name = std::str::from_utf8(name).ok()?.to_ascii_uppercase();
        self.lost.get(name.as_str()).map(|(_, moment)| moment.id)
    }

    /// Index of the snapshot that `name` means at the time `now`. The name is a canonical name (its letters
    /// in any case) or else any [`Expression`].
    pub fn resolve(&self, name: &[u8], now: Timestamp) -> Option<usize> {
        if name.len() > Expression::MAX_LEN {
            return None;
        }
        self.find(name)
            .or_else(|| self.find(&name.to_ascii_uppercase()))
            .or_else(|| self.select(&Expression::parse(name)?, now))
    }

    /// Index of the snapshot that an expression means at the time `now`.
    pub fn select(&self, expression: &Expression, now: Timestamp) -> Option<usize> {
        match expression {
            Expression::AsOf(period) => self.last_at(period.last_instant(&self.zone, now)?),
            Expression::Latest { back } => self.len().checked_sub(1)?.checked_sub(*back),
            Expression::First => (!self.is_empty()).then_some(0),
            Expression::GmtSecond { last } => self.of_second(second_of(*last)).next_back(),
            Expression::Id(prefix) => self.only(prefix),
        }
    }

    /// Index of the last snapshot at or before an instant.
    pub fn last_at(&self, instant: Timestamp) -> Option<usize> {
        let of_second = self.of_second(second_of(instant));
        let before = of_second.start.checked_sub(1);
        // Within a second, the snapshots are not in the order of time.
        of_second.rev().find(|index| self.moments[*index].time <= instant).or(before)
    }

    /// Indexes of the snapshots in a second.
    fn of_second(&self, second: i64) -> Range<usize> {
        let start = self.ordinals.partition_point(|ordinal| ordinal.second < second);
        start..self.ordinals.partition_point(|ordinal| ordinal.second <= second)
    }

    /// Index of the only snapshot whose id starts with `prefix`.
    fn only(&self, prefix: &IdPrefix) -> Option<usize> {
        let mut matching = self.moments.iter().enumerate().filter(|(_, moment)| prefix.matches(&moment.id));
        let (index, _) = matching.next()?;
        matching.next().is_none().then_some(index)
    }
}

/// The snapshots of one second, by number. If two have the same number, the one that exists keeps it, else
/// the earlier one. The other takes a free number, as do snapshots without a number.
fn in_order(of_second: &[(Moment, bool)]) -> BTreeMap<u32, &(Moment, bool)> {
    let mut by_number = BTreeMap::new();
    let mut rest = Vec::new();
    for (index, one) in of_second.iter().enumerate() {
        match one.0.number.map(|number| by_number.entry(number)) {
            Some(Entry::Vacant(entry)) => drop(entry.insert((index, one))),
            Some(Entry::Occupied(mut entry)) if one.1 && !entry.get().1.1 => {
                rest.push(entry.insert((index, one)));
            }
            _ => rest.push((index, one)),
        }
    }
    rest.sort_unstable_by_key(|(index, _)| *index);
    let mut number = 0;
    for one in rest {
        number += 1;
        while by_number.contains_key(&number) {
            number += 1;
        }
        by_number.insert(number, one);
    }
    by_number.into_iter().map(|(number, (_, one))| (number, one)).collect()
}

/// The second of an instant, in UTC.
fn second_of(time: Timestamp) -> i64 {
    time.as_second() - i64::from(time.subsec_nanosecond() < 0)
}
