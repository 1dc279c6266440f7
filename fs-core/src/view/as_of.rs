//! As-of views: all sources at one time, as in `/@2024-06-01/web1/…` where the whole repository is mounted.
//!
//! The snapshots of all sources form one timeline. Nothing changes between two of them, so every expression
//! means the state as of one snapshot. This state has a folder. The folder is named after its day if the
//! snapshot is the last one of that day.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;

use super::node::{Identity, Node, SnapshotRef, What};
use super::{Change, DirEntry, View, ViewError};
use crate::format::{Keys, Time};
use crate::history::{Snapshot, Sources};

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
        let target = calendar.resolve(sources, name, Timestamp::now()).ok_or(ViewError::NotFound)?;
        Ok(Node::alias(self.keys(), b"", name, target.as_bytes()))
    }

    /// Looks up a source's folder in the as-of view `name`.
    pub(super) fn lookup_in_as_of(&self, name: &str, source: &[u8]) -> Result<Node, ViewError> {
        let sources = self.sources();
        let found = sources.as_of(name).find(|(known, _)| *known.name == *source);
        found.map(|(_, snapshot)| self.in_as_of(name, snapshot)).ok_or(ViewError::NotFound)
    }

    /// The root of a snapshot in the as-of view `name`.
    fn in_as_of(&self, name: &str, snapshot: &Arc<Snapshot>) -> Node {
        let through = Node::as_of(self.keys(), name).identity;
        Node::snapshot(self.keys(), SnapshotRef::through(snapshot, through))
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
        for (day, number) in calendar.days().zip(from..).skip(skip) {
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
    let (old, new) = (then.positions(), now.positions());
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
        sources.calendar().map(|calendar| calendar.days().map(Into::into).collect()).unwrap_or_default()
    };
    let (was, is) = (days(then), days(now));
    if was != is {
        let gone = was.difference(&is).map(|day| day.as_bytes().into()).collect();
        changes.push(Change { ino: view.top().ino(), gone });
    }
}

#[cfg(all(test, unix))]
mod tests;
