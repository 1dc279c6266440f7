//! `@versions`: a folder for every path that ever existed. In that of a path is a folder for each name that was ever below
//! it, and each of its own versions that is no directory, named by the first snapshot that has it.

use std::time::Duration;

use super::past::Past;
use crate::format::Time;
use crate::view::access::Access;
use crate::view::filesystem::{MAX_AGE, View};
use crate::view::node::Node;
use crate::view::path::joined;
use crate::view::{Attr, DirEntry, Source, ViewError};

/// Found beside the snapshots of a source, but not listed: who walks over all of them would walk over everything twice.
pub(in crate::view) const VERSIONS: &[u8] = b"@versions";

impl View {
    /// The folder of a path.
    pub(in crate::view) fn versions_folder(&self, source: &[u8], path: &[u8]) -> Result<Node, ViewError> {
        let find = |age| {
            let past = self.past(source, age)?;
            past.folder(path)?.ok_or(ViewError::NotFound)
        };
        match find(MAX_AGE) {
            // It may be of a snapshot just made.
            Err(ViewError::NotFound) => find(Duration::ZERO),
            found => found,
        }
    }

    /// The entry `name` of the folder of a path.
    pub(in crate::view) fn lookup_in_versions(
        &self,
        source: &[u8],
        path: &[u8],
        name: &[u8],
    ) -> Result<Node, ViewError> {
        if let Some(found) = self.past(source, MAX_AGE)?.entry(path, name)? {
            return Ok(found);
        }
        // It may be of a snapshot just made: taken for an expression, its name would mean the one before.
        let past = self.past(source, Duration::ZERO)?;
        match past.entry(path, name)? {
            Some(found) => Ok(found),
            None => past.as_of(path, name)?.ok_or(ViewError::NotFound),
        }
    }

    /// Lists the folder of a path.
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

    /// What `stat` tells of such a folder, when it tells `attr` of the folder of the source.
    pub(in crate::view) fn versions_attr(&self, attr: Attr, source: &[u8], access: Access) -> Attr {
        let (uid, gid) = access.owner.unwrap_or((attr.uid, attr.gid));
        let mtime = self.sources().get(source).map_or(attr.mtime, |source| mtime(source, attr.mtime));
        Attr { mode: access.mode, uid, gid, mtime, ..attr }
    }
}

/// The time of the newest snapshot, its nanoseconds made of all that there are: kernels keep a listing as long as the time of
/// its folder stays what it was, and an old snapshot, too, may come or go.
fn mtime(source: &Source, newest: Time) -> Time {
    let first = |id: &[u8; 32]| u64::from_le_bytes([id[0], id[1], id[2], id[3], id[4], id[5], id[6], id[7]]);
    let all = source.snapshots().fold(0, |all, (_, snapshot)| all ^ first(&snapshot.id.0));
    Time::new(newest.secs(), (all % 1_000_000_000) as u32).unwrap_or(newest)
}

impl Past<'_> {
    /// The folder of a path that ever existed.
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

    /// A link to the version that the path was at a time.
    fn as_of(&self, path: &[u8], name: &[u8]) -> Result<Option<Node>, ViewError> {
        if !name.starts_with(b"@") {
            return Ok(None);
        }
        self.source.check_lost(name)?;
        let (trace, timeline) = (self.trace(path)?, &self.source.timeline);
        let place = self.source.resolve(name, jiff::Timestamp::now());
        let state = place.and_then(|place| trace.at(place)).filter(|state| state.number.is_some());
        let target = state.and_then(|state| timeline.name(state.first));
        Ok(target.map(|target| Node::alias(self.view.keys(), &self.source.name, name, target.as_bytes())))
    }
}
