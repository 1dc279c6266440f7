//! As-of views: all sources at one time, as in `/@2024-06-01/web1/…` where the whole repository is mounted.
//!
//! The snapshots of all sources form one timeline. Nothing changes between two of them, so every expression
//! means the state as of one snapshot. This state has a folder. The folder is named after its day if the
//! snapshot is the last one of that day.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::filesystem::View;
use super::node::{Identity, Node, SnapshotRef};
use super::virtual_folder::{Emit, VirtualFolder, emit_from};
use super::{Invalidation, ViewError};
use crate::format::{Keys, Time};
use crate::history::{Snapshot, Sources};

/// The as-of view of a time, by its name.
#[derive(Debug)]
pub(super) struct AsOf(Arc<str>);

impl AsOf {
    pub(super) fn new(name: &str) -> Self {
        Self(name.into())
    }

    /// The as-of view that `name` means. Returns a link to it if the name is not canonical.
    pub(super) fn find(view: &View, sources: &Sources, name: &[u8]) -> Result<Node, ViewError> {
        let calendar = sources.calendar().ok_or(ViewError::NotFound)?;
        let text = str::from_utf8(name).ok();
        if let Some(text) = text.filter(|text| calendar.position(text).is_some()) {
            return Ok(Node::folder(view.keys(), Self::new(text)));
        }
        let target = calendar.resolve(name, view.now())?.ok_or(ViewError::NotFound)?;
        Ok(Node::alias(view.keys(), b"", name, target.as_bytes()))
    }

    fn snapshot(&self, view: &View, snapshot: &Arc<Snapshot>) -> Node {
        Node::snapshot(view.keys(), SnapshotRef::through(snapshot, self.identity(view.keys())))
    }
}

impl VirtualFolder for AsOf {
    fn identity(&self, keys: &Keys) -> Identity {
        Identity::new(keys, &[b"as of", self.0.as_bytes()])
    }

    fn lookup(&self, view: &View, name: &[u8]) -> Result<Node, ViewError> {
        let sources = view.sources();
        let found = sources.as_of(&self.0).find(|(source, _)| *source.name == *name);
        found.map(|(_, snapshot)| self.snapshot(view, snapshot)).ok_or(ViewError::NotFound)
    }

    fn list(&self, view: &View, offset: u64, emit: Emit<'_>) -> Result<(), ViewError> {
        let sources = view.sources();
        let shown: Vec<_> = sources.as_of(&self.0).collect();
        emit_from(offset, shown.len(), emit, |at| {
            let (source, snapshot) = shown[at];
            Ok(Some((&source.name, self.snapshot(view, snapshot))))
        })
    }

    fn time(&self, sources: &Sources) -> Option<Time> {
        sources.as_of(&self.0).map(|(_, snapshot)| snapshot.manifest.time).max()
    }
}

/// Adds the invalidations of as-of views and of the top to `all`.
pub(super) fn invalidate(view: &View, then: &Sources, now: &Sources, all: &mut Vec<Invalidation>) {
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
            let ino = AsOf::new(&name).identity(view.keys()).ino;
            all.push(Invalidation { ino, gone: gone.collect() });
        }
    }
    let days = |sources: &Sources| -> BTreeSet<Box<str>> {
        sources.calendar().map(|calendar| calendar.days().map(Into::into).collect()).unwrap_or_default()
    };
    let (was, is) = (days(then), days(now));
    if was != is {
        let gone = was.difference(&is).map(|day| day.as_bytes().into()).collect();
        all.push(Invalidation { ino: view.top().ino(), gone });
    }
}

#[cfg(all(test, unix))]
mod tests;
