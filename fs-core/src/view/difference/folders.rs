//! `@changes/@A..@B/{added,modified,deleted}` in a source's folder: trees that show only what differs.
//!
//! A directory whose content differs between the two snapshots is in all three folders. A search for what is
//! below it would read everything that differs. So the directory may turn out to hold nothing of the folder's
//! kind.
//!
//! Any other entry is in one folder. `added` holds what only B has, and `deleted` what only A has. `modified`
//! holds what both have, in the state of B. A fourth folder, `not-read`, holds an entry that one snapshot
//! lacks because its import could not read it or excluded it. It also holds an entry of which an import could
//! not read what may differ. This folder exists only if something was not read, or was excluded.
//!
//! In a view for several users, a directory excludes every user whom either of the two directories excludes.
//! Whether its parent lists it does not depend on its content (see [`shown`](super::shown)).

use std::sync::Arc;

use super::known::known_difference;
use super::pairs::Pairs;
use crate::format::{Entry, Keys, Time};
use crate::history::{Snapshot, Source, Sources, joined};
use crate::store::{self, Differing, Found, StoreError};
use crate::view::access::Access;
use crate::view::node::{Identity, Node, SnapshotRef, Tree};
use crate::view::virtual_folder::{Emit, VirtualFolder, emit_from};
use crate::view::{DirEntry, View, ViewError};

/// `@changes` of a source.
#[derive(Debug)]
pub(in crate::view) struct ChangesFolder(pub(in crate::view) Arc<[u8]>);

/// `@A..@B`.
#[derive(Debug)]
struct Between {
    before: Arc<Snapshot>,
    after: Arc<Snapshot>,
}

/// A directory that both snapshots have. It is made of two other nodes, so it is stored as it is while a kernel
/// knows it.
#[derive(Debug)]
struct Both {
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
        let all_read = before.is_whole() && after.is_whole();
        Self::ALL.into_iter().filter(move |part| *part != Part::NotRead || !all_read)
    }
}

impl VirtualFolder for ChangesFolder {
    fn identity(&self, keys: &Keys) -> Identity {
        Identity::new(keys, &[b"changes", &self.0])
    }

    /// Looks up `@A..@B`. Returns a link to it if the names are not canonical.
    fn lookup(&self, view: &View, name: &[u8]) -> Result<Node, ViewError> {
        let dots = name.windows(3).position(|window| window == b"..@").ok_or(ViewError::NotFound)?;
        let (from, to) = (&name[..dots], &name[dots + 2..]);
        let find = |source: &Source| {
            let (before, after) = (Arc::clone(source.find(from)?), Arc::clone(source.find(to)?));
            Some(Node::folder(view.keys(), Between { before, after }))
        };
        if let Some(found) = view.sources().get(&self.0).and_then(|source| find(source)) {
            return Ok(found);
        }
        // A name may be that of a snapshot just made. Taken for an expression, it would mean the snapshot
        // before.
        let sources = view.newest_sources();
        let source = sources.get(&self.0).ok_or(ViewError::NotFound)?;
        if let Some(found) = find(source) {
            return Ok(found);
        }
        let now = view.now();
        let name_of = |time: &[u8]| {
            let index = source.resolve(time, now)?;
            index.and_then(|index| source.timeline.name(index)).ok_or(ViewError::NotFound)
        };
        let target = format!("{}..{}", name_of(from)?, name_of(to)?);
        Ok(Node::alias(view.keys(), &source.name, name, target.as_bytes()))
    }

    /// Lists nothing, as there are as many entries as pairs of snapshots.
    fn list(&self, _view: &View, _offset: u64, _emit: Emit<'_>) -> Result<(), ViewError> {
        Ok(())
    }

    fn time(&self, sources: &Sources) -> Option<Time> {
        sources.time(&self.0)
    }
}

impl Between {
    /// The root of a part of the differences.
    fn part(&self, view: &View, part: Part) -> Node {
        let Self { before, after } = self;
        let parts: &[&[u8]] = &[b"changes through", part.name(), &before.id.0, &after.id.0];
        let through = Identity::new(view.keys(), parts);
        let root = |snapshot| Tree::root(SnapshotRef::through(snapshot, through));
        let roots = [before, after].map(|snapshot| view.access(snapshot, b"", &snapshot.manifest.root));
        let access = Access::of_all(roots.into_iter()).without_blind_listing();
        let entry = if part == Part::Deleted { &before.manifest.root } else { &after.manifest.root };
        let both = Both { part, before: root(before), after: root(after), entry: entry.clone(), access };
        Node::folder(view.keys(), both)
    }
}

impl VirtualFolder for Between {
    fn identity(&self, keys: &Keys) -> Identity {
        Identity::new(keys, &[b"changes between", &self.before.id.0, &self.after.id.0])
    }

    fn lookup(&self, view: &View, name: &[u8]) -> Result<Node, ViewError> {
        let part = Part::all(&self.before, &self.after).find(|part| part.name() == name);
        part.map(|part| self.part(view, part)).ok_or(ViewError::NotFound)
    }

    fn list(&self, view: &View, offset: u64, emit: Emit<'_>) -> Result<(), ViewError> {
        let parts: Vec<Part> = Part::all(&self.before, &self.after).collect();
        emit_from(offset, parts.len(), emit, |at| Ok(Some((parts[at].name(), self.part(view, parts[at])))))
    }

    fn time(&self, _sources: &Sources) -> Option<Time> {
        Some(self.before.manifest.time.max(self.after.manifest.time))
    }

    fn is_immutable(&self) -> bool {
        true
    }
}

impl VirtualFolder for Both {
    fn identity(&self, keys: &Keys) -> Identity {
        let (before, after) = (&self.before.snapshot.id.0, &self.after.snapshot.id.0);
        Identity::new(keys, &[b"changes below", self.part.name(), before, after, &self.after.key.0])
    }

    fn lookup(&self, view: &View, name: &[u8]) -> Result<Node, ViewError> {
        let find = |tree: &Tree| store::find(view.reader(), &tree.id, name);
        let differing = Differing { before: find(&self.before)?, after: find(&self.after)?, not_read: None };
        self.shown(view, &differing)?.ok_or(ViewError::NotFound)
    }

    fn list(&self, view: &View, offset: u64, emit: Emit<'_>) -> Result<(), ViewError> {
        let mut pairs = Pairs::new(view.reader(), self.before.id, self.after.id, view.is_shared)?;
        let mut next_offset = 0;
        while let Some(differing) = pairs.advance()? {
            next_offset += 1;
            if next_offset <= offset {
                continue;
            }
            let Some(node) = self.shown(view, &differing)? else { continue };
            if !emit(DirEntry { name: differing.name(), node, next_offset }) {
                break;
            }
        }
        Ok(())
    }

    fn time(&self, _sources: &Sources) -> Option<Time> {
        Some(self.entry.attributes.mtime)
    }

    fn entry(&self) -> Option<&Entry> {
        Some(&self.entry)
    }

    fn access(&self, view: &View) -> Option<Access> {
        view.is_shared.then_some(self.access)
    }

    fn is_immutable(&self) -> bool {
        true
    }
}

impl Both {
    /// The node that a part shows for a name that differs, or may differ.
    fn shown(&self, view: &View, differing: &Differing) -> Result<Option<Node>, StoreError> {
        let Self { part, before, after, .. } = self;
        let whole = |tree: &Tree, found: &Option<Found>| {
            found.as_ref().map(|found| view.child(tree, found)).transpose()
        };
        if let (Some(old), Some(new)) = (&differing.before, &differing.after) {
            let (old_entry, new_entry) = (old.entry()?, new.entry()?);
            if old_entry.is_directory() == new_entry.is_directory() {
                let belongs = known_difference(&old_entry, &new_entry).is_some_and(|(_, reading)| {
                    *part == if reading.is_certain() { Part::Modified } else { Part::NotRead }
                });
                if !new_entry.is_directory() {
                    return if belongs { whole(after, &differing.after) } else { Ok(None) };
                }
                let trees = (view.child(before, old)?, view.child(after, new)?);
                let (Some(before), Some(after)) = (Tree::of(&trees.0), Tree::of(&trees.1)) else {
                    return Ok(None);
                };
                let (before, after) = (before.clone(), after.clone());
                let access = Access::of_directory(&old_entry).and(Access::of_directory(&new_entry));
                if before.id == after.id && !belongs && !view.hides_differences(access, &after.id)? {
                    return Ok(None);
                }
                let entry = if *part == Part::Deleted { old_entry } else { new_entry };
                let access = access.without_blind_listing();
                let both = Both { part: *part, before, after, entry, access };
                return Ok(Some(Node::folder(view.keys(), both)));
            }
            return match part {
                Part::Added => whole(after, &differing.after),
                Part::Deleted => whole(before, &differing.before),
                Part::Modified | Part::NotRead => Ok(None),
            };
        }
        let (there, missing_in, gone) = match (&differing.before, &differing.after) {
            (_, Some(_)) => (whole(after, &differing.after), before, Part::Added),
            (Some(_), None) => (whole(before, &differing.before), after, Part::Deleted),
            // There is nothing to show.
            (None, None) => return Ok(None),
        };
        let path = joined(&missing_in.path, differing.name());
        let was_read = missing_in.snapshot.reading(view.reader(), &path)?.is_certain();
        let belongs = if was_read { gone } else { Part::NotRead };
        if *part == belongs { there } else { Ok(None) }
    }
}

#[cfg(all(test, unix))]
mod tests;
