//! `@versions`: a virtual folder for every path that ever existed. The folder of a path holds a folder for
//! each name that was ever below the path. It also holds each version of the path that is no directory, named
//! after the first snapshot that has it.
//!
//! The folder can be looked up beside the snapshots of a source, but is not listed. Otherwise a walk over all
//! snapshots would walk over everything twice.

use std::time::Duration;

use super::past::Past;
use crate::format::Time;
use crate::history::Source;
use crate::history::joined;
use crate::view::access::Access;
use crate::view::filesystem::{MAX_AGE, View};
use crate::view::node::Node;
use crate::view::{Attr, DirEntry, ViewError};

impl View {
    /// The `@versions` folder of a path.
    pub(in crate::view) fn versions_folder(&self, source: &[u8], path: &[u8]) -> Result<Node, ViewError> {
        let find = |age| {
            let past = self.past(source, age)?;
            past.folder(path)?.ok_or(ViewError::NotFound)
        };
        match find(MAX_AGE) {
            // The path may be in a snapshot that was just made.
            Err(ViewError::NotFound) => find(Duration::ZERO),
            found => found,
        }
    }

    /// Looks up the entry `name` in the `@versions` folder of a path.
    pub(in crate::view) fn lookup_in_versions(
        &self,
        source: &[u8],
        path: &[u8],
        name: &[u8],
    ) -> Result<Node, ViewError> {
        if let Some(found) = self.past(source, MAX_AGE)?.entry(path, name)? {
            return Ok(found);
        }
        // The name may be that of a snapshot just made. Taken for an expression, it would mean the snapshot
        // before.
        let past = self.past(source, Duration::ZERO)?;
        match past.entry(path, name)? {
            Some(found) => Ok(found),
            None => past.as_of(path, name)?.ok_or(ViewError::NotFound),
        }
    }

    /// Lists the `@versions` folder of a path.
    pub(in crate::view) fn list_versions(
        &self,
        source: &[u8],
        path: &[u8],
        offset: u64,
        emit: &mut dyn FnMut(DirEntry<'_>) -> bool,
    ) -> Result<(), ViewError> {
        let past = self.past(source, MAX_AGE)?;
        let (names, trace) = (past.names(path)?, past.trace(path)?);
        let skip = usize::try_from(offset).unwrap_or(usize::MAX);
        let mut next_offset = skip.min(names.len()) as u64;
        for name in names.iter().skip(skip) {
            next_offset += 1;
            let path = joined(path, &name.name);
            let node = Node::versions(self.keys(), &past.source.name, &path, name.access);
            if !emit(DirEntry { name: &name.name, node, next_offset }) {
                return Ok(());
            }
        }
        let skip = skip.saturating_sub(names.len());
        next_offset += skip as u64;
        for state in trace.versions().skip(skip) {
            next_offset += 1;
            let Some(name) = past.source.timeline.name(state.first).map(str::as_bytes) else { continue };
            // A real entry of that name wins.
            if names.binary_search_by(|taken| (*taken.name).cmp(name)).is_ok() {
                continue;
            }
            if !emit(DirEntry { name, node: past.version(path, state)?, next_offset }) {
                return Ok(());
            }
        }
        Ok(())
    }

    /// The attributes of a `@versions` folder, derived from the attributes of a folder that is in no
    /// snapshot.
    pub(in crate::view) fn versions_attr(&self, attr: Attr, source: &[u8], access: Access) -> Attr {
        let (uid, gid) = access.owner.unwrap_or((attr.uid, attr.gid));
        let mtime = self.sources().get(source).map_or(attr.mtime, |source| mtime(source, attr.mtime));
        Attr { mode: access.mode, uid, gid, mtime, ..attr }
    }
}

/// Returns the time of the newest snapshot, with nanoseconds derived from all snapshots. Kernels keep a
/// listing while the time of its folder stays the same. An old snapshot may come or go, too.
fn mtime(source: &Source, newest: Time) -> Time {
    let first = |id: &[u8; 32]| u64::from_le_bytes([id[0], id[1], id[2], id[3], id[4], id[5], id[6], id[7]]);
    let all = source.snapshots().fold(0, |all, (_, snapshot)| all ^ first(&snapshot.id.0));
    Time::new(newest.secs(), (all % 1_000_000_000) as u32).unwrap_or(newest)
}

impl Past<'_> {
    /// The `@versions` folder of a path; `None` if the path never existed.
    fn folder(&self, path: &[u8]) -> Result<Option<Node>, ViewError> {
        let trace = self.trace(path)?;
        if !trace.exists() {
            return Ok(None);
        }
        let access = if path.is_empty() {
            let roots = self.source.snapshots().map(|(_, snapshot)| snapshot);
            Access::of_all(roots.map(|root| self.view.access(root, path, &root.manifest.root)))
        } else {
            let states = trace.stretches().iter().filter_map(|stretch| stretch.state.as_ref());
            let directories = states.map(|state| &state.entry).filter(|entry| entry.is_directory());
            Access::of_all(directories.map(Access::of_directory))
        };
        Ok(Some(Node::versions(self.view.keys(), &self.source.name, path, access)))
    }

    fn entry(&self, path: &[u8], name: &[u8]) -> Result<Option<Node>, ViewError> {
        if let Some(folder) = self.folder(&joined(path, name))? {
            return Ok(Some(folder));
        }
        let Some(place) = self.source.timeline.find(name) else { return Ok(None) };
        let trace = self.trace(path)?;
        let state = trace.versions().find(|state| state.first == place);
        state.map(|state| self.version(path, state)).transpose()
    }

    /// A link to the version that the path had at a time.
    fn as_of(&self, path: &[u8], name: &[u8]) -> Result<Option<Node>, ViewError> {
        if !name.starts_with(b"@") {
            return Ok(None);
        }
        let (trace, timeline) = (self.trace(path)?, &self.source.timeline);
        let place = self.source.resolve(name, jiff::Timestamp::now())?;
        let state = place.and_then(|place| trace.at(place)).filter(|state| state.number.is_some());
        let target = state.and_then(|state| timeline.name(state.first));
        Ok(target.map(|target| Node::alias(self.view.keys(), &self.source.name, name, target.as_bytes())))
    }
}
