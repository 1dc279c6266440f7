//! All sources as of a time: `/@2024-06-01/web1/…` where the whole repository is mounted.
//!
//! The snapshots of all sources are one timeline. Between two of them nothing changes, so every expression means the
//! state as of one of them. It has a folder, which is called after its day if it is the last one of that day. Snapshots
//! of several sources with the same second and number share a folder: that of `@…_2` shows each source's last snapshot
//! that is not after the second one of that second, so its name, too, means the same whatever is imported later.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;

use super::node::{Identity, Node, What};
use super::time::{Expression, Moment, Ordinal, Timeline};
use super::{Change, DirEntry, Snapshot, Source, Sources, View, ViewError};
use crate::format::{Keys, Time};

/// The days that have a snapshot, by name, and the last one of each.
type Days = BTreeMap<Box<str>, Ordinal>;

/// All sources' snapshots in order.
#[derive(Debug)]
pub(super) struct Calendar {
    /// One for each position that a snapshot has, with the time of the latest one there.
    timeline: Timeline,
    days: Days,
}

impl Calendar {
    /// `None` when there is no snapshot.
    pub(super) fn of(sources: &Sources) -> Option<Self> {
        let zone = sources.iter().next()?.timeline.zone().clone();
        let mut positions: BTreeMap<Ordinal, Moment> = BTreeMap::new();
        for (ordinal, moment) in all(sources) {
            let numbered = Moment { number: Some(ordinal.number()), ..*moment };
            let latest = positions.entry(ordinal).or_insert(numbered);
            latest.time = latest.time.max(moment.time);
        }
        let timeline = Timeline::new(zone, positions.into_values().collect());
        let days = (0..timeline.len())
            .filter_map(|place| Some((day(timeline.name(place)?).into(), timeline.ordinal(place)?)))
            .collect();
        Some(Self { timeline, days })
    }

    /// The position that a folder of this name is as of.
    fn position(&self, name: &str) -> Option<Ordinal> {
        let place = || self.timeline.ordinal(self.timeline.find(name.as_bytes())?);
        self.days.get(name).copied().or_else(place)
    }

    /// The folder that an expression means, or a tag: then the last snapshot's of all that have it.
    fn resolve(&self, sources: &Sources, name: &[u8]) -> Option<&str> {
        let place = match Expression::parse(name) {
            Some(Expression::Id(prefix)) => {
                let mut matching = all(sources).filter(|(_, moment)| prefix.matches(&moment.id));
                let (ordinal, _) = matching.next().filter(|_| matching.next().is_none())?;
                self.timeline.last_until(ordinal)?
            }
            _ => self.timeline.resolve(name, Timestamp::now()).or_else(|| {
                let of = |source: &Arc<Source>| source.timeline.ordinal(source.tagged(name)?);
                self.timeline.last_until(sources.iter().filter_map(of).max()?)
            })?,
        };
        let (name, position) = (self.timeline.name(place)?, self.timeline.ordinal(place)?);
        let last = self.days.get_key_value(day(name)).filter(|(_, last)| **last == position);
        Some(last.map_or(name, |(day, _)| day))
    }

    /// The names of all folders that are as of this position or later.
    fn names_since(&self, position: Ordinal) -> impl Iterator<Item = &str> {
        let days = self.days.iter().filter(move |(_, last)| **last >= position).map(|(day, _)| &**day);
        let first = self.timeline.last_until(position).unwrap_or(0);
        days.chain((first..self.timeline.len()).filter_map(|place| self.timeline.name(place)))
    }
}

/// The snapshots of all sources, each with its position.
fn all(sources: &Sources) -> impl Iterator<Item = (Ordinal, &Moment)> {
    sources.iter().flat_map(|source| {
        let timeline = &source.timeline;
        (0..timeline.len()).filter_map(|place| Some((timeline.ordinal(place)?, timeline.get(place)?)))
    })
}

/// The day in a canonical name.
fn day(name: &str) -> &str {
    name.split_once('T').map_or(name, |(day, _)| day)
}

impl Sources {
    /// Each source's last snapshot as of the time that a folder of this name means.
    fn as_of(&self, name: &str) -> impl Iterator<Item = (&Arc<Source>, &Arc<Snapshot>)> {
        let until = self.calendar().and_then(|calendar| calendar.position(name));
        self.iter()
            .filter_map(move |source| Some((source, source.snapshot(source.timeline.last_until(until?)?)?)))
    }
}

impl Node {
    pub(super) fn as_of(keys: &Keys, name: &str) -> Self {
        let identity = Identity::new(keys, &[b"as of", name.as_bytes()]);
        Self { identity, what: What::AsOf(name.into()), place: None }
    }
}

impl View {
    /// An expression at the top of a repository.
    pub(super) fn lookup_as_of(&self, sources: &Sources, name: &[u8]) -> Result<Node, ViewError> {
        let calendar = sources.calendar().ok_or(ViewError::NotFound)?;
        let text = str::from_utf8(name).ok();
        if let Some(text) = text.filter(|text| calendar.position(text).is_some()) {
            return Ok(Node::as_of(self.keys(), text));
        }
        let target = calendar.resolve(sources, name).ok_or(ViewError::NotFound)?;
        Ok(Node::alias(self.keys(), b"", name, target.as_bytes()))
    }

    /// A source's folder in that of a time.
    pub(super) fn lookup_in_as_of(&self, name: &str, source: &[u8]) -> Result<Node, ViewError> {
        let sources = self.sources();
        let found = sources.as_of(name).find(|(known, _)| *known.name == *source);
        found.map(|(_, snapshot)| self.in_as_of(name, snapshot)).ok_or(ViewError::NotFound)
    }

    /// The snapshot as it is seen there: a kernel knows a directory in one place only.
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

    /// Lists the days, as entries of the top from number `from` on.
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

    /// The time of the folder: of its newest snapshot.
    pub(super) fn time_as_of(sources: &Sources, name: &str) -> Option<Time> {
        sources.as_of(name).map(|(_, snapshot)| snapshot.manifest.time).max()
    }
}

/// The position and the id of every snapshot.
fn identified(sources: &Sources) -> impl Iterator<Item = (Ordinal, [u8; 32])> {
    all(sources).map(|(ordinal, moment)| (ordinal, moment.id))
}

/// The folders of times that changed.
pub(super) fn changes(view: &View, then: &Sources, now: &Sources, changes: &mut Vec<Change>) {
    let (old, new): (BTreeSet<_>, BTreeSet<_>) = (identified(then).collect(), identified(now).collect());
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
