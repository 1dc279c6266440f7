//! `@versions`: a virtual folder for every path that ever existed. The folder of a path holds a folder for
//! each name that was ever below the path. It also holds each version of the path that is no directory, named
//! after the first snapshot that has it.
//!
//! The folder can be looked up beside the snapshots of a source, but is not listed. Otherwise a walk over all
//! snapshots would walk over everything twice.

use std::sync::Arc;
use std::time::Duration;

use super::past::Past;
use crate::format::{Keys, Time};
use crate::history::{Sources, joined};
use crate::view::ViewError;
use crate::view::access::Access;
use crate::view::filesystem::{MAX_AGE, View};
use crate::view::node::{Identity, Node};
use crate::view::virtual_folder::{Emit, VirtualFolder, emit_from};

/// A path of a source across all snapshots: its versions, and everything that was ever below it.
#[derive(Debug)]
pub(in crate::view) struct VersionsFolder {
    source: Arc<[u8]>,
    path: Arc<[u8]>,
    access: Access,
}

impl VersionsFolder {
    /// The `@versions` folder of a path.
    pub(in crate::view) fn find(view: &View, source: &[u8], path: &[u8]) -> Result<Node, ViewError> {
        let find = |age| view.past(source, age)?.folder(path)?.ok_or(ViewError::NotFound);
        match find(MAX_AGE) {
            // The path may be in a snapshot that was just made.
            Err(ViewError::NotFound) => find(Duration::ZERO),
            found => found,
        }
    }

    fn node(past: &Past<'_>, path: &[u8], access: Access) -> Node {
        let source = Arc::clone(&past.source.name);
        Node::folder(past.view.keys(), Self { source, path: path.into(), access })
    }
}

impl VirtualFolder for VersionsFolder {
    fn identity(&self, keys: &Keys) -> Identity {
        Identity::new(keys, &[b"versions", &self.source, &self.path])
    }

    fn lookup(&self, view: &View, name: &[u8]) -> Result<Node, ViewError> {
        if let Some(found) = view.past(&self.source, MAX_AGE)?.entry(&self.path, name)? {
            return Ok(found);
        }
        // The name may be that of a snapshot just made. Taken for an expression, it would mean the snapshot
        // before.
        let past = view.past(&self.source, Duration::ZERO)?;
        match past.entry(&self.path, name)? {
            Some(found) => Ok(found),
            None => past.as_of(&self.path, name)?.ok_or(ViewError::NotFound),
        }
    }

    fn list(&self, view: &View, offset: u64, emit: Emit<'_>) -> Result<(), ViewError> {
        let past = view.past(&self.source, MAX_AGE)?;
        let (names, history) = (past.names(&self.path)?, past.history(&self.path)?);
        let versions: Vec<_> = history.versions().collect();
        emit_from(offset, names.len() + versions.len(), emit, |at| {
            if let Some(name) = names.get(at) {
                let node = Self::node(&past, &joined(&self.path, &name.name), name.access);
                return Ok(Some((&*name.name, node)));
            }
            let state = versions[at - names.len()];
            let name = past.source.timeline.name(state.first).map(str::as_bytes);
            // A real entry of that name wins.
            let is_free = |name: &&[u8]| names.binary_search_by(|taken| (*taken.name).cmp(name)).is_err();
            let Some(name) = name.filter(is_free) else { return Ok(None) };
            Ok(Some((name, past.version(&self.path, state)?)))
        })
    }

    /// The time of the newest snapshot, with nanoseconds derived from all snapshots. Kernels keep a listing
    /// while the time of its folder stays the same. An old snapshot may come or go, too.
    fn time(&self, sources: &Sources) -> Option<Time> {
        let newest = sources.time(&self.source)?;
        let ids = sources.get(&self.source)?.snapshots().map(|(_, snapshot)| snapshot.id.0);
        let first = |id: [u8; 32]| id.first_chunk().map_or(0, |id| u64::from_le_bytes(*id));
        let all = ids.fold(0, |all, id| all ^ first(id));
        Time::new(newest.secs(), (all % 1_000_000_000) as u32).or(Some(newest))
    }

    fn source(&self) -> Option<&[u8]> {
        Some(&self.source)
    }

    fn access(&self, _view: &View) -> Option<Access> {
        Some(self.access)
    }

    /// The access to the folder depends on the snapshots that exist now.
    fn renewed(&self, view: &View) -> Option<Result<Node, ViewError>> {
        Some(Self::find(view, &self.source, &self.path))
    }
}

impl Past<'_> {
    /// The `@versions` folder of a path; `None` if the path never existed.
    fn folder(&self, path: &[u8]) -> Result<Option<Node>, ViewError> {
        let history = self.history(path)?;
        if !history.exists() {
            return Ok(None);
        }
        let access = if path.is_empty() {
            let roots = self.source.snapshots().map(|(_, snapshot)| snapshot);
            Access::of_all(roots.map(|root| self.view.access(root, path, &root.manifest.root)))
        } else {
            let states = history.intervals().iter().filter_map(|interval| interval.state.as_ref());
            let directories = states.map(|state| &state.entry).filter(|entry| entry.is_directory());
            Access::of_all(directories.map(Access::of_directory))
        };
        Ok(Some(VersionsFolder::node(self, path, access)))
    }

    fn entry(&self, path: &[u8], name: &[u8]) -> Result<Option<Node>, ViewError> {
        if let Some(folder) = self.folder(&joined(path, name))? {
            return Ok(Some(folder));
        }
        let Some(index) = self.source.timeline.find(name) else { return Ok(None) };
        let history = self.history(path)?;
        let state = history.versions().find(|state| state.first == index);
        state.map(|state| self.version(path, state)).transpose()
    }

    /// A link to the version that the path had at a time.
    fn as_of(&self, path: &[u8], name: &[u8]) -> Result<Option<Node>, ViewError> {
        if !name.starts_with(b"@") {
            return Ok(None);
        }
        let (history, timeline) = (self.history(path)?, &self.source.timeline);
        let index = self.source.resolve(name, self.view.now())?;
        let state = index.and_then(|index| history.at(index)).filter(|state| state.number.is_some());
        let target = state.and_then(|state| timeline.name(state.first));
        Ok(target.map(|target| Node::alias(self.view.keys(), &self.source.name, name, target.as_bytes())))
    }
}
