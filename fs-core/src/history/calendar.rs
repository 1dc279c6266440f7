//! The snapshots of all sources in one order, and the names of their times.
//!
//! Nothing changes between two snapshots, so every time expression means the state as of one snapshot. The
//! state is named after its day if the snapshot is the last one of that day, else after its second.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;

use super::source::{Snapshot, Source};
use super::time::{Expression, Moment, Timeline};
use crate::format::{SnapshotId, Time};
use crate::store::StoreError;

/// A snapshot's position among those of all sources. Snapshots of one time and number share it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The latest time up to this snapshot in its second. Numbers need not follow the times within a second.
    time: Timestamp,
    /// Number within its second and source.
    number: u32,
}

/// The snapshots of all sources in order.
#[derive(Debug)]
pub struct Calendar {
    /// One entry for each position.
    timeline: Timeline,
    /// The positions, in the timeline's order.
    positions: Vec<Position>,
    /// The sources, ordered by name, and the positions of their snapshots, by index.
    sources: Vec<(Arc<Source>, Vec<Position>)>,
    /// The last position of each day that has a snapshot, by the day's name.
    days: BTreeMap<Box<str>, Position>,
}

impl Calendar {
    /// The calendar of these sources. `gone` are the timelines of sources whose snapshots are all lost. Returns
    /// `None` if there is no snapshot.
    pub(super) fn of<'a>(
        all_sources: impl Iterator<Item = &'a Arc<Source>>,
        gone: impl Iterator<Item = &'a Timeline>,
    ) -> Option<Self> {
        // Lost snapshots are included, so that no other snapshot gets their names. Each position has the id of
        // a snapshot, and whether any of its snapshots exists.
        let mut all: BTreeMap<Position, ([u8; 32], bool)> = BTreeMap::new();
        let mut sources = Vec::new();
        let there = all_sources.map(|source| (Some(source), &source.timeline));
        for (source, timeline) in there.chain(gone.map(|timeline| (None, timeline))) {
            let (mut own, mut time) = (Vec::new(), Timestamp::MIN);
            for (ordinal, moment, is_there) in timeline.with_positions() {
                time = time.max(moment.time);
                let position = Position { time, number: ordinal.number };
                all.entry(position).or_insert((moment.id, false)).1 |= is_there;
                own.extend(is_there.then_some(position));
            }
            sources.extend(source.map(|source| (Arc::clone(source), own)));
        }
        let zone = sources.first()?.0.timeline.zone().clone();
        let (mut there, mut lost, mut second, mut number) = (Vec::new(), Vec::new(), None, 0);
        for (position, (id, is_there)) in &all {
            let own = Time::from(position.time).secs();
            number = if second == Some(own) { number + 1 } else { 1 };
            second = Some(own);
            let moment = Moment { time: position.time, id: *id, number: Some(number) };
            if *is_there { there.push(moment) } else { lost.push(moment) }
        }
        let timeline = Timeline::with_lost(zone, there, &lost);
        let positions: Vec<_> =
            all.into_iter().filter_map(|(position, (_, is_there))| is_there.then_some(position)).collect();
        let named = timeline.iter().map(|(name, _)| name).zip(&positions);
        let days = named.map(|(name, position)| (day(name).into(), *position)).collect();
        Some(Self { timeline, positions, sources, days })
    }

    /// The position that the folder `name` shows.
    pub fn position(&self, name: &str) -> Option<Position> {
        let of_second = || self.positions.get(self.timeline.find(name.as_bytes())?).copied();
        self.days.get(name).copied().or_else(of_second)
    }

    /// Each source's last snapshot as of the time that the folder `name` means.
    pub(super) fn as_of(&self, name: &str) -> impl Iterator<Item = (&Arc<Source>, &Arc<Snapshot>)> {
        let until = self.position(name);
        self.sources.iter().filter_map(move |(source, positions)| {
            let end = until.map(|until| positions.partition_point(|position| *position <= until))?;
            Some((source, source.snapshot(end.checked_sub(1)?)?))
        })
    }

    /// The positions and ids of all snapshots.
    pub(super) fn snapshots(&self) -> BTreeSet<(Position, SnapshotId)> {
        let all = self.sources.iter().flat_map(|(source, positions)| {
            let ids = source.snapshots().map(|(_, snapshot)| snapshot.id);
            positions.iter().copied().zip(ids)
        });
        all.collect()
    }

    /// The folder that a time expression or a tag means; `None` if there is none. A tag means the folder of
    /// the last snapshot that has it.
    ///
    /// # Errors
    ///
    /// Those of [`Source::resolve`]: a lost snapshot's name does not mean the snapshot before it.
    pub fn resolve(&self, name: &[u8], now: Timestamp) -> Result<Option<&str>, StoreError> {
        match self.timeline.lost(name) {
            Some(id) => Err(StoreError::LostSnapshot(SnapshotId(id))),
            None => Ok(self.folder(name, now)),
        }
    }

    fn folder(&self, name: &[u8], now: Timestamp) -> Option<&str> {
        let tagged =
            |(source, positions): &(Arc<Source>, Vec<Position>)| positions.get(source.tagged(name)?).copied();
        let position = match Expression::parse(name) {
            Some(Expression::Id(prefix)) => {
                let mut matching = self.sources.iter().flat_map(|(source, positions)| {
                    let ids = source.timeline.iter().map(|(_, moment)| moment.id).zip(positions);
                    ids.filter(|(id, _)| prefix.matches(id)).map(|(_, position)| *position)
                });
                matching.next().filter(|_| matching.next().is_none())?
            }
            _ => match self.timeline.resolve(name, now) {
                Some(index) => *self.positions.get(index)?,
                None => self.sources.iter().filter_map(tagged).max()?,
            },
        };
        let index = self.positions.binary_search(&position).ok()?;
        let name = self.timeline.name(index)?;
        let last = self.days.get_key_value(day(name)).filter(|(_, last)| **last == position);
        Some(last.map_or(name, |(day, _)| day))
    }

    /// Names of the days that have a snapshot.
    pub fn days(&self) -> impl ExactSizeIterator<Item = &str> {
        self.days.keys().map(|day| &**day)
    }

    /// Names of all folders for the position `first` or later.
    pub fn names_since(&self, first: Position) -> impl Iterator<Item = &str> {
        let days = self.days.iter().filter(move |(_, last)| **last >= first).map(|(day, _)| &**day);
        let index = self.positions.partition_point(|position| *position < first);
        days.chain((index..self.positions.len()).filter_map(|index| self.timeline.name(index)))
    }
}

/// The day in a canonical name.
fn day(name: &str) -> &str {
    name.split_once('T').map_or(name, |(day, _)| day)
}
