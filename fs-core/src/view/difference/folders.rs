//! `@changes/@A..@B/{added,modified,deleted}` in a source's folder: trees that show only what differs.
//!
//! A directory whose content differs between the two snapshots is in all three folders. A search for what is
//! below it would read everything that differs. So the directory may turn out to hold nothing of the folder's
//! kind.
//!
//! Any other entry is in one folder. `added` holds what only B has, and `deleted` what only A has. `modified`
//! holds what both have, in the state of B. A fourth folder, `not-read`, holds an entry that one snapshot
//! lacks because its import could not read it. This folder exists only if something was not read.
//!
//! In a view for several users, a directory excludes every user whom either of the two directories excludes.
//! Whether its parent lists it does not depend on its content (see [`shown`](super::shown)).

use std::sync::Arc;

use jiff::Timestamp;

use super::pairs::{Pairs, name};
use super::walk::Tree;
use crate::format::{Entry, Keys};
use crate::history::Snapshot;
use crate::history::joined;
use crate::store::{self, Differing, Found, StoreError};
use crate::view::access::Access;
use crate::view::node::{Identity, Node, SnapshotRef, What};
use crate::view::{Aspects, DirEntry, View, ViewError};

/// A node in `@changes`. It is made of two other nodes, so it is stored as it is while a kernel knows it.
#[derive(Debug)]
pub(in crate::view) enum Changes {
    /// `@changes` of this source.
    Top(Arc<[u8]>),
    /// `@A..@B`.
    Between(Arc<Snapshot>, Arc<Snapshot>),
    /// A directory that both snapshots have.
    Both(Box<Both>),
}

#[derive(Debug)]
pub(in crate::view) struct Both {
    part: Part,
    before: Tree,
    after: Tree,
    /// The entry whose attributes are shown.
    entry: Entry,
    /// Access that both directories allow.
    access: Access,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Added,
    Deleted,
    Modified,
    NotRead,
}

impl Part {
    const ALL: [Part; 4] = [Part::Added, Part::Deleted, Part::Modified, Part::NotRead];

    fn name(self) -> &'static [u8] {
        match self {
            Part::Added => b"added",
            Part::Deleted => b"deleted",
            Part::Modified => b"modified",
            Part::NotRead => b"not-read",
        }
    }

    /// The parts of the differences between two snapshots.
    fn all(before: &Snapshot, after: &Snapshot) -> impl Iterator<Item = Part> {
        let all_read = before.was_read_whole() && after.was_read_whole();
        Self::ALL.into_iter().filter(move |part| *part != Part::NotRead || !all_read)
    }
}

impl Changes {
    /// The entry of a directory that both snapshots have.
    pub(in crate::view) fn entry(&self) -> Option<&Entry> {
        match self {
            Changes::Both(both) => Some(both.entry()),
            Changes::Top(_) | Changes::Between(..) => None,
        }
    }

    /// Access to a directory that both snapshots have.
    pub(in crate::view) fn access(&self) -> Option<Access> {
        match self {
            Changes::Both(both) => Some(both.access),
            Changes::Top(_) | Changes::Between(..) => None,
        }
    }
}

impl Both {
    pub(in crate::view) fn entry(&self) -> &Entry {
        &self.entry
    }
}

impl Node {
    fn changes(identity: Identity, changes: Changes) -> Self {
        Self { identity, what: What::Changes(Arc::new(changes)), place: None }
    }

    /// `@changes` of a source.
    pub(in crate::view) fn changes_of(keys: &Keys, source: &Arc<[u8]>) -> Self {
        let identity = Identity::new(keys, &[b"changes", source]);
        Self::changes(identity, Changes::Top(Arc::clone(source)))
    }

    fn between(keys: &Keys, before: &Arc<Snapshot>, after: &Arc<Snapshot>) -> Self {
        let identity = Identity::new(keys, &[b"changes between", &before.id.0, &after.id.0]);
        Self::changes(identity, Changes::Between(Arc::clone(before), Arc::clone(after)))
    }

    fn both(keys: &Keys, both: Both) -> Self {
        let (before, after) = (&both.before.snapshot.id.0, &both.after.snapshot.id.0);
        let parts: &[&[u8]] = &[b"changes below", both.part.name(), before, after, &both.after.key.0];
        Self::changes(Identity::new(keys, parts), Changes::Both(Box::new(both)))
    }
}

impl View {
    pub(in crate::view) fn lookup_changes(&self, changes: &Changes, name: &[u8]) -> Result<Node, ViewError> {
        match changes {
            Changes::Top(source) => self.lookup_between(source, name),
            Changes::Between(before, after) => {
                let part = Part::all(before, after).find(|part| part.name() == name);
                self.part(part.ok_or(ViewError::NotFound)?, before, after)
            }
            Changes::Both(both) => {
                let find = |tree: &Tree| store::find(self.reader(), &tree.id, name);
                let differing = Differing { before: find(&both.before)?, after: find(&both.after)? };
                self.in_both(both, &differing)?.ok_or(ViewError::NotFound)
            }
        }
    }

    /// Looks up `@A..@B`. Returns a link to it if the names are not canonical.
    fn lookup_between(&self, source: &[u8], name: &[u8]) -> Result<Node, ViewError> {
        let dots = name.windows(3).position(|window| window == b"..@").ok_or(ViewError::NotFound)?;
        let (from, to) = (&name[..dots], &name[dots + 2..]);
        let known = self.sources();
        if let Some(source) = known.get(source)
            && let (Some(before), Some(after)) = (source.find(from), source.find(to))
        {
            return Ok(Node::between(self.keys(), before, after));
        }
        // A name may be that of a snapshot just made. Taken for an expression, it would mean the snapshot
        // before.
        let sources = self.newest_sources();
        let source = sources.get(source).ok_or(ViewError::NotFound)?;
        let now = Timestamp::now();
        let resolve = |time: &[u8]| source.resolve(time, now)?.ok_or(ViewError::NotFound);
        let (before, after) = (resolve(from)?, resolve(to)?);
        let names = source.timeline.name(before).zip(source.timeline.name(after));
        let target = names.map(|(before, after)| format!("{before}..{after}")).ok_or(ViewError::NotFound)?;
        if target.as_bytes() == name
            && let Some((before, after)) = source.snapshot(before).zip(source.snapshot(after))
        {
            return Ok(Node::between(self.keys(), before, after));
        }
        Ok(Node::alias(self.keys(), &source.name, name, target.as_bytes()))
    }

    /// The root of a part of the differences.
    fn part(&self, part: Part, before: &Arc<Snapshot>, after: &Arc<Snapshot>) -> Result<Node, ViewError> {
        let parts: &[&[u8]] = &[b"changes through", part.name(), &before.id.0, &after.id.0];
        let through = Identity::new(self.keys(), parts);
        let root = |snapshot: &Arc<Snapshot>| {
            let seen = SnapshotRef::through(snapshot, through);
            Tree::of(&Node::snapshot(self.keys(), seen)).ok_or(ViewError::NotADirectory)
        };
        let roots = [before, after].map(|snapshot| self.access(snapshot, b"", &snapshot.manifest.root));
        let access = Access::of_all(roots.into_iter()).without_blind_listing();
        let entry = if part == Part::Deleted { &before.manifest.root } else { &after.manifest.root };
        let both = Both { part, before: root(before)?, after: root(after)?, entry: entry.clone(), access };
        Ok(Node::both(self.keys(), both))
    }

    pub(in crate::view) fn list_changes(
        &self,
        changes: &Changes,
        offset: u64,
        emit: &mut dyn FnMut(DirEntry<'_>) -> bool,
    ) -> Result<(), ViewError> {
        let both = match changes {
            // `@changes` has as many entries as there are pairs of snapshots, so it lists none.
            Changes::Top(_) => return Ok(()),
            Changes::Between(before, after) => {
                let skip = usize::try_from(offset).unwrap_or(usize::MAX);
                for (number, part) in (0..).zip(Part::all(before, after)).skip(skip) {
                    let node = self.part(part, before, after)?;
                    if !emit(DirEntry { name: part.name(), node, next_offset: number + 1 }) {
                        break;
                    }
                }
                return Ok(());
            }
            Changes::Both(both) => both,
        };
        let mut pairs = Pairs::new(self.reader(), both.before.id, both.after.id, self.is_shared())?;
        let mut next_offset = 0;
        while let Some(differing) = pairs.advance()? {
            next_offset += 1;
            if next_offset <= offset {
                continue;
            }
            let Some(node) = self.in_both(both, &differing)? else { continue };
            if !emit(DirEntry { name: name(&differing), node, next_offset }) {
                break;
            }
        }
        Ok(())
    }

    /// The node that a part shows for a name that differs, or may differ.
    fn in_both(&self, both: &Both, differing: &Differing) -> Result<Option<Node>, StoreError> {
        let Both { part, before, after, .. } = both;
        let whole = |tree: &Tree, found: &Option<Found>| {
            found.as_ref().map(|found| self.child(tree, found)).transpose()
        };
        if let (Some(old), Some(new)) = (&differing.before, &differing.after) {
            let (old_entry, new_entry) = (old.entry()?, new.entry()?);
            if old_entry.is_directory() == new_entry.is_directory() {
                let aspects = Aspects::of(&old_entry, &new_entry);
                let modified = *part == Part::Modified && !aspects.is_empty();
                if !new_entry.is_directory() {
                    return if modified { whole(after, &differing.after) } else { Ok(None) };
                }
                let trees = (self.child(before, old)?, self.child(after, new)?);
                let (Some(before), Some(after)) = (Tree::of(&trees.0), Tree::of(&trees.1)) else {
                    return Ok(None);
                };
                let access = Access::of_directory(&old_entry).and(Access::of_directory(&new_entry));
                if before.id == after.id && !modified && !self.hides_differences(access, &after.id)? {
                    return Ok(None);
                }
                let entry = if *part == Part::Deleted { old_entry } else { new_entry };
                let access = access.without_blind_listing();
                return Ok(Some(Node::both(self.keys(), Both { part: *part, before, after, entry, access })));
            }
            return match part {
                Part::Added => whole(after, &differing.after),
                Part::Deleted => whole(before, &differing.before),
                Part::Modified | Part::NotRead => Ok(None),
            };
        }
        let (there, missing_in, gone) = match &differing.after {
            Some(_) => (whole(after, &differing.after), before, Part::Added),
            None => (whole(before, &differing.before), after, Part::Deleted),
        };
        let was_read = missing_in.snapshot.reading(&joined(&missing_in.path, name(differing))).is_certain();
        let belongs = if was_read { gone } else { Part::NotRead };
        if *part == belongs { there } else { Ok(None) }
    }
}

#[cfg(all(test, unix))]
mod tests;
