//! All sources as of a time: `/@2024-06-01/web1/…` where the whole repository is mounted.
//!
//! The snapshots of all sources are one timeline. Between two of them nothing changes, so every expression means the
//! state as of one of them. It has a folder, which is called after its day if it is the last one of that day.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;

use super::node::{Identity, Node, What};
use super::time::{Moment, Timeline};
use super::{Change, DirEntry, Snapshot, Source, Sources, View, ViewError};
use crate::format::{Keys, Time};

/// The days that have a snapshot, by name, and the last one of each.
type Days = BTreeMap<Box<str>, Timestamp>;

/// All sources' snapshots in order.
#[derive(Debug)]
pub(super) struct Calendar {
    timeline: Timeline,
    days: Days,
}

impl Calendar {
    /// `None` when there is no snapshot.
    pub(super) fn of(sources: &Sources) -> Option<Self> {
        let zone = sources.iter().next()?.timeline.zone().clone();
        let moments = sources.iter().flat_map(|source| source.timeline.iter().map(|(_, moment)| *moment));
        let timeline = Timeline::new(zone, moments.collect());
        let days = timeline.iter().map(|(name, moment)| (day(name).into(), moment.time)).collect();
        Some(Self { timeline, days })
    }

    /// The time that a folder of this name is as of.
    fn moment(&self, name: &str) -> Option<Timestamp> {
        let place = || Some(self.timeline.get(self.timeline.find(name.as_bytes())?)?.time);
        self.days.get(name).copied().or_else(place)
    }

    /// The folder that an expression means, or a tag: then the last snapshot's of all that have it.
    fn resolve(&self, sources: &Sources, name: &[u8]) -> Option<&str> {
        let tagged = || {
            let of = |source: &Arc<Source>| Some(source.timeline.get(source.tagged(name)?)?.time);
            self.timeline.last_at(sources.iter().filter_map(of).max()?)
        };
        let place = self.timeline.resolve(name, Timestamp::now()).or_else(tagged)?;
        let (name, moment) = (self.timeline.name(place)?, self.timeline.get(place)?);
        let last = self.days.get_key_value(day(name)).filter(|(_, last)| **last == moment.time);
        Some(last.map_or(name, |(day, _)| day))
    }

    /// The names of all folders that are as of this time or later.
    fn names_since(&self, time: Timestamp) -> impl Iterator<Item = &str> {
        let days = self.days.iter().filter(move |(_, last)| **last >= time).map(|(day, _)| &**day);
        let after = self.timeline.iter().rev().take_while(move |(_, moment)| moment.time >= time);
        days.chain(after.map(|(name, _)| name))
    }
}

/// The day in a canonical name.
fn day(name: &str) -> &str {
    name.split_once('T').map_or(name, |(day, _)| day)
}

impl Sources {
    /// Each source's last snapshot as of the time that a folder of this name means.
    fn as_of(&self, name: &str) -> impl Iterator<Item = (&Arc<Source>, &Arc<Snapshot>)> {
        let until = self.calendar().and_then(|calendar| calendar.moment(name));
        self.iter()
            .filter_map(move |source| Some((source, source.snapshot(source.timeline.last_at(until?)?)?)))
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
        if let Some(text) = text.filter(|text| calendar.moment(text).is_some()) {
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

/// The folders of times that changed.
pub(super) fn changes(view: &View, then: &Sources, now: &Sources, changes: &mut Vec<Change>) {
    let moments = |sources: &Sources| -> BTreeSet<Moment> {
        let calendar = sources.calendar().into_iter();
        calendar.flat_map(|calendar| calendar.timeline.iter()).map(|(_, moment)| *moment).collect()
    };
    let (old, new) = (moments(then), moments(now));
    let Some(first) = old.symmetric_difference(&new).next() else { return };
    let names = |sources: &Sources| -> BTreeSet<Box<str>> {
        let calendar = sources.calendar().into_iter();
        calendar.flat_map(|calendar| calendar.names_since(first.time)).map(Into::into).collect()
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
