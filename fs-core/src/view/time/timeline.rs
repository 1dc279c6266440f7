//! A source's snapshots in order of time, and the look-up of any name among them.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::expression::{Expression, IdPrefix};
use super::names;

#[cfg(test)]
mod tests;

/// One snapshot's place in time. Ordered by time, then by id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment {
    /// The snapshot's time, to the nanosecond.
    pub time: Timestamp,
    /// The snapshot's id.
    pub id: [u8; 32],
}

/// The snapshots of one source, oldest first, with their canonical names in one zone. It never changes:
/// when a snapshot appears or goes, make a new one.
///
/// Snapshots are told by their place, from 0. A place belongs to the timeline that gave it.
#[derive(Clone, Debug)]
pub struct Timeline {
    zone: TimeZone,
    moments: Vec<Moment>,
    names: Vec<Arc<str>>,
    by_name: HashMap<Arc<str>, usize>,
    /// Ids of snapshots that cannot be shown, by their names.
    lost: HashMap<Arc<str>, [u8; 32]>,
}

impl Timeline {
    /// Sorts the snapshots and names them.
    ///
    /// Of several in one second of the clock the first has the plain name, the next `_2`, then `_3`.
    pub fn new(zone: TimeZone, moments: Vec<Moment>) -> Timeline {
        Self::with_lost(zone, moments, &[])
    }

    /// As [`new`](Self::new), where the snapshots `lost` are known to have been. No expression means one of them, but
    /// their names stay theirs, and the names of others are what they were.
    pub fn with_lost(zone: TimeZone, moments: Vec<Moment>, lost: &[Moment]) -> Timeline {
        let mut all: Vec<(Moment, bool)> = moments.into_iter().map(|moment| (moment, true)).collect();
        all.extend(lost.iter().map(|moment| (*moment, false)));
        all.sort_unstable();
        let mut timeline = Timeline {
            zone,
            moments: Vec::new(),
            names: Vec::new(),
            by_name: HashMap::new(),
            lost: HashMap::new(),
        };
        let mut previous = String::new();
        let mut nth = 0_usize;
        for (moment, there) in all {
            let second = names::canonical(&timeline.zone, moment.time);
            nth = if second == previous { nth + 1 } else { 1 };
            let mut name = numbered(&second, nth);
            // Zone data that contradicts itself must not make two snapshots share a name.
            while timeline.find(name.as_bytes()).is_some() || timeline.lost.contains_key(name.as_str()) {
                nth += 1;
                name = numbered(&second, nth);
            }
            let name: Arc<str> = name.into();
            if there {
                timeline.by_name.insert(Arc::clone(&name), timeline.moments.len());
                timeline.names.push(name);
                timeline.moments.push(moment);
            } else {
                timeline.lost.insert(name, moment.id);
            }
            previous = second;
        }
        timeline
    }

    /// The zone whose clocks the names speak of.
    pub fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// How many snapshots there are.
    pub fn len(&self) -> usize {
        self.moments.len()
    }

    /// Whether there is no snapshot at all; then no name means anything.
    pub fn is_empty(&self) -> bool {
        self.moments.is_empty()
    }

    /// The snapshot at a place.
    pub fn get(&self, place: usize) -> Option<&Moment> {
        self.moments.get(place)
    }

    /// The canonical name of the snapshot at a place, with its leading `@`.
    pub fn name(&self, place: usize) -> Option<&str> {
        self.names.get(place).map(|name| &**name)
    }

    /// Canonical names and snapshots, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&str, &Moment)> + ExactSizeIterator {
        self.names.iter().map(|name| &**name).zip(&self.moments)
    }

    /// The place of the snapshot with exactly this canonical name.
    pub fn find(&self, name: &[u8]) -> Option<usize> {
        if name.len() > Expression::MAX_LEN {
            return None;
        }
        self.by_name.get(std::str::from_utf8(name).ok()?).copied()
    }

    /// The id of the lost snapshot with this canonical name, its letters in any case.
    pub fn lost(&self, name: &[u8]) -> Option<[u8; 32]> {
        if self.lost.is_empty() || name.len() > Expression::MAX_LEN {
            return None;
        }
        self.lost.get(std::str::from_utf8(name).ok()?.to_ascii_uppercase().as_str()).copied()
    }

    /// The place of the snapshot that a name means at the time `now`: a canonical name (its letters in
    /// any case) or else any [`Expression`].
    pub fn resolve(&self, name: &[u8], now: Timestamp) -> Option<usize> {
        if name.len() > Expression::MAX_LEN {
            return None;
        }
        self.find(name)
            .or_else(|| self.find(&name.to_ascii_uppercase()))
            .or_else(|| self.select(&Expression::parse(name)?, now))
    }

    /// The place of the snapshot that an expression means at the time `now`.
    pub fn select(&self, expression: &Expression, now: Timestamp) -> Option<usize> {
        match expression {
            Expression::AsOf(period) => self.last_at(period.last_instant(&self.zone, now)?),
            Expression::Latest { back } => self.len().checked_sub(1)?.checked_sub(*back),
            Expression::First => (!self.is_empty()).then_some(0),
            Expression::GmtSecond { last } => {
                let place = self.last_at(*last)?;
                let early = last.duration_since(self.moments[place].time);
                (early < SignedDuration::from_secs(1)).then_some(place)
            }
            Expression::Id(prefix) => self.only(prefix),
        }
    }

    /// The place of the last snapshot at or before an instant.
    pub fn last_at(&self, instant: Timestamp) -> Option<usize> {
        self.moments.partition_point(|moment| moment.time <= instant).checked_sub(1)
    }

    /// The place of the one snapshot whose id starts like this.
    fn only(&self, prefix: &IdPrefix) -> Option<usize> {
        let mut matching = self.moments.iter().enumerate().filter(|(_, moment)| prefix.matches(&moment.id));
        let (place, _) = matching.next()?;
        matching.next().is_none().then_some(place)
    }
}

fn numbered(second: &str, nth: usize) -> String {
    if nth == 1 { second.to_owned() } else { format!("{second}_{nth}") }
}
