//! As-of views: all sources at one time, as in `/@2024-06-01/web1/…` where the whole repository is mounted.
//!
//! The snapshots of all sources form one timeline. Nothing changes between two of them, so every expression
//! means the state as of one snapshot. This state has a folder. The folder is named after its day if the
//! snapshot is the last one of that day.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;

use super::node::{Identity, Node, What};
use super::time::{Expression, Moment, Timeline};
use super::{Change, DirEntry, Snapshot, Source, Sources, View, ViewError};
use crate::format::{Keys, Time};

/// A snapshot's position among those of all sources. Snapshots of one time and number share it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Position {
    /// The latest time up to this snapshot in its second. Numbers need not follow the times within a second.
    time: Timestamp,
    /// Number within its second and source.
    number: u32,
}

/// The snapshots of all sources in order.
#[derive(Debug)]
pub(super) struct Calendar {
    /// One entry for each position.
    timeline: Timeline,
    /// The positions, in the timeline's order.
    positions: Vec<Position>,
    /// The positions of each source's snapshots, by index.
    of_source: BTreeMap<Arc<[u8]>, Vec<Position>>,
    /// The last position of each day that has a snapshot, by the day's name.
    days: BTreeMap<Box<str>, Position>,
}

impl Calendar {
    /// Returns `None` if there is no snapshot.
    pub(super) fn of(sources: &Sources) -> Option<Self> {
        let zone = sources.iter().next()?.timeline.zone().clone();
        // Lost snapshots are included, so that no other snapshot gets their names.
        let mut all: BTreeMap<Position, bool> = BTreeMap::new();
        let mut of_source: BTreeMap<Arc<[u8]>, Vec<Position>> = BTreeMap::new();
        for source in sources.iter() {
            for (position, is_there) in positions(&source.timeline) {
                *all.entry(position).or_default() |= is_there;
                if is_there {
                    of_source.entry(Arc::clone(&source.name)).or_default().push(position);
                }
            }
        }
        let (mut there, mut lost, mut second, mut number) = (Vec::new(), Vec::new(), None, 0);
        for (position, is_there) in &all {
            let own = Time::from(position.time).secs();
            number = if second == Some(own) { number + 1 } else { 1 };
            second = Some(own);
            let moment = Moment { time: position.time, id: [0; 32], number: Some(number) };
            if *is_there { there.push(moment) } else { lost.push(moment) }
        }
        let timeline = Timeline::with_lost(zone, there, &lost);
        let positions: Vec<_> =
            all.into_iter().filter_map(|(position, is_there)| is_there.then_some(position)).collect();
        let named = timeline.iter().map(|(name, _)| name).zip(&positions);
        let days = named.map(|(name, position)| (day(name).into(), *position)).collect();
        Some(Self { timeline, positions, of_source, days })
    }

    /// The position that the folder `name` shows.
    fn position(&self, name: &str) -> Option<Position> {
        let of_second = || self.positions.get(self.timeline.find(name.as_bytes())?).copied();
        self.days.get(name).copied().or_else(of_second)
    }

    /// Index of the source's last snapshot up to the position `until`.
    fn last(&self, source: &Source, until: Position) -> Option<usize> {
        let positions = self.of_source.get(&source.name)?;
        positions.partition_point(|position| *position <= until).checked_sub(1)
    }

    /// The folder that a time expression or a tag means. A tag means the folder of the last snapshot that has
    /// it.
    fn resolve(&self, sources: &Sources, name: &[u8]) -> Option<&str> {
        let of = |source: &Source, place: usize| self.of_source.get(&source.name)?.get(place).copied();
        let tagged = || sources.iter().filter_map(|source| of(source, source.tagged(name)?)).max();
        let position = match Expression::parse(name) {
            Some(Expression::Id(prefix)) => {
                let mut matching = sources.iter().flat_map(|source| {
                    let ids = source.timeline.iter().map(|(_, moment)| moment.id).enumerate();
                    ids.filter(|(_, id)| prefix.matches(id)).map(move |(place, _)| (source, place))
                });
                let (source, place) = matching.next()?;
                if matching.next().is_some() {
                    return None;
                }
                of(source, place)?
            }
            _ => match self.timeline.resolve(name, Timestamp::now()) {
                Some(place) => *self.positions.get(place)?,
                None => tagged()?,
            },
        };
        let place = self.positions.binary_search(&position).ok()?;
        let name = self.timeline.name(place)?;
        let last = self.days.get_key_value(day(name)).filter(|(_, last)| **last == position);
        Some(last.map_or(name, |(day, _)| day))
    }

    /// Names of all folders for the position `first` or later.
    fn names_since(&self, first: Position) -> impl Iterator<Item = &str> {
        let days = self.days.iter().filter(move |(_, last)| **last >= first).map(|(day, _)| &**day);
        let place = self.positions.partition_point(|position| *position < first);
        days.chain((place..self.positions.len()).filter_map(|place| self.timeline.name(place)))
    }
}

/// Positions of a source's snapshots, oldest first, and whether each exists or is lost.
fn positions(timeline: &Timeline) -> Vec<(Position, bool)> {
    let mut latest: Option<Timestamp> = None;
    let mut all = Vec::new();
    for (ordinal, moment, is_there) in timeline.with_positions() {
        let time = latest.map_or(moment.time, |latest| latest.max(moment.time));
        latest = Some(time);
        all.push((Position { time, number: ordinal.number() }, is_there));
    }
    all
}

/// The day in a canonical name.
fn day(name: &str) -> &str {
    name.split_once('T').map_or(name, |(day, _)| day)
}

impl Sources {
    /// Each source's last snapshot as of the time that the folder `name` means.
    fn as_of(&self, name: &str) -> impl Iterator<Item = (&Arc<Source>, &Arc<Snapshot>)> {
        let calendar = self.calendar();
        let until = calendar.and_then(|calendar| calendar.position(name));
        self.iter()
            .filter_map(move |source| Some((source, source.snapshot(calendar?.last(source, until?)?)?)))
    }
}

impl Node {
    pub(super) fn as_of(keys: &Keys, name: &str) -> Self {
        let identity = Identity::new(keys, &[b"as of", name.as_bytes()]);
        Self { identity, what: What::AsOf(name.into()), place: None }
    }
}

impl View {
    /// Looks up a time expression at the top of a repository.
    pub(super) fn lookup_as_of(&self, sources: &Sources, name: &[u8]) -> Result<Node, ViewError> {
        let calendar = sources.calendar().ok_or(ViewError::NotFound)?;
        let text = str::from_utf8(name).ok();
        if let Some(text) = text.filter(|text| calendar.position(text).is_some()) {
            return Ok(Node::as_of(self.keys(), text));
        }
        let target = calendar.resolve(sources, name).ok_or(ViewError::NotFound)?;
        Ok(Node::alias(self.keys(), b"", name, target.as_bytes()))
    }

    /// Looks up a source's folder in the as-of view `name`.
    pub(super) fn lookup_in_as_of(&self, name: &str, source: &[u8]) -> Result<Node, ViewError> {
        let sources = self.sources();
        let found = sources.as_of(name).find(|(known, _)| *known.name == *source);
        found.map(|(_, snapshot)| self.in_as_of(name, snapshot)).ok_or(ViewError::NotFound)
    }

    /// The root of a snapshot in the as-of view `name`. Its directories have identities of their own, because
    /// a kernel knows a directory in one place only.
    fn in_as_of(&self, name: &str, snapshot: &Snapshot) -> Node {
        let through = Node::as_of(self.keys(), name).identity;
        Node::snapshot(self.keys(), &Arc::new(snapshot.seen_through(through)))
    }

    pub(super) fn list_as_of(&self, name: &str, offset: u64, emit: &mut dyn FnMut(DirEntry<'_>) -> bool) {
        let sources = self.sources();
        let shown = sources.as_of(name).zip(1..).skip(usize::try_from(offset).unwrap_or(usize::MAX));
        for ((source, snapshot), next_offset) in shown {
            let node = self.in_as_of(name, snapshot);
            if !emit(DirEntry { name: &source.name, node, next_offset }) {
                return;
            }
        }
    }

    /// Lists the day folders, as entries of the top from number `from` on.
    pub(super) fn list_days(
        &self,
        sources: &Sources,
        from: u64,
        offset: u64,
        emit: &mut dyn FnMut(DirEntry<'_>) -> bool,
    ) {
        let Some(calendar) = sources.calendar() else { return };
        let skip = usize::try_from(offset.saturating_sub(from)).unwrap_or(usize::MAX);
        for (day, number) in calendar.days.keys().zip(from..).skip(skip) {
            let node = Node::as_of(self.keys(), day);
            if !emit(DirEntry { name: day.as_bytes(), node, next_offset: number + 1 }) {
                return;
            }
        }
    }

    /// Time of an as-of view: that of its newest snapshot.
    pub(super) fn time_as_of(sources: &Sources, name: &str) -> Option<Time> {
        sources.as_of(name).map(|(_, snapshot)| snapshot.manifest.time).max()
    }
}

/// Adds the invalidations of as-of views and of the top to `changes`.
pub(super) fn changes(view: &View, then: &Sources, now: &Sources, changes: &mut Vec<Change>) {
    // The ids are compared, too, as another snapshot may have the same position now.
    let identified = |sources: &Sources| -> BTreeSet<(Position, [u8; 32])> {
        let of = |source: &Arc<Source>| {
            let there = positions(&source.timeline).into_iter().filter(|(_, is_there)| *is_there);
            let ids = source.timeline.iter().map(|(_, moment)| moment.id);
            there.map(|(position, _)| position).zip(ids).collect::<Vec<_>>()
        };
        sources.iter().flat_map(of).collect()
    };
    let (old, new) = (identified(then), identified(now));
    let Some((first, _)) = old.symmetric_difference(&new).next() else { return };
    let names = |sources: &Sources| -> BTreeSet<Box<str>> {
        let calendar = sources.calendar().into_iter();
        calendar.flat_map(|calendar| calendar.names_since(*first)).map(Into::into).collect()
    };
    let shown = |sources: &Sources, name: &str| -> Vec<_> {
        sources.as_of(name).map(|(source, snapshot)| (Arc::clone(&source.name), snapshot.id)).collect()
    };
    for name in &names(then) | &names(now) {
        let (was, is) = (shown(then, &name), shown(now, &name));
        if was != is {
            let gone = was.iter().filter(|entry| !is.contains(entry)).map(|(source, _)| (**source).into());
            changes.push(Change { ino: Node::as_of(view.keys(), &name).ino(), gone: gone.collect() });
        }
    }
    let days = |sources: &Sources| -> BTreeSet<Box<str>> {
        sources.calendar().map(|calendar| calendar.days.keys().cloned().collect()).unwrap_or_default()
    };
    let (was, is) = (days(then), days(now));
    if was != is {
        let gone = was.difference(&is).map(|day| day.as_bytes().into()).collect();
        changes.push(Change { ino: view.top().ino(), gone });
    }
}

#[cfg(all(test, unix))]
mod tests;
