//! The top of a mount of the whole repository, and the folder of a source.

use std::sync::Arc;

use super::ViewError;
use super::as_of::AsOf;
use super::difference::ChangesFolder;
use super::filesystem::View;
use super::node::{Identity, Node, ROOT};
use super::versions::VersionsFolder;
use super::virtual_folder::{Emit, VirtualFolder, emit_from};
use crate::format::{Keys, Time};
use crate::history::{CHANGES, Calendar, Source, Sources, VERSIONS};

/// All sources, and the days that have snapshots.
#[derive(Debug)]
pub(super) struct Root;

/// The snapshots of a source by time.
#[derive(Debug)]
pub(super) struct SourceFolder(pub(super) Arc<[u8]>);

impl VirtualFolder for Root {
    fn identity(&self, _keys: &Keys) -> Identity {
        ROOT
    }

    fn lookup(&self, view: &View, name: &[u8]) -> Result<Node, ViewError> {
        let source = |sources: &Sources| {
            let source = sources.get(name)?;
            Some(Node::folder(view.keys(), SourceFolder(Arc::clone(&source.name))))
        };
        // An unknown name may be a source whose first snapshot was just made, so the newest sources are
        // searched next.
        if let Some(found) = source(&view.sources()) {
            return Ok(found);
        }
        let sources = view.newest_sources();
        source(&sources).map_or_else(|| AsOf::find(view, &sources, name), Ok)
    }

    fn list(&self, view: &View, offset: u64, emit: Emit<'_>) -> Result<(), ViewError> {
        let known = view.sources();
        let sources: Vec<&Arc<Source>> = known.iter().collect();
        let days: Vec<&str> = known.calendar().into_iter().flat_map(Calendar::days).collect();
        emit_from(offset, sources.len() + days.len(), emit, |at| {
            let Some(source) = sources.get(at) else {
                let day = days[at - sources.len()];
                return Ok(Some((day.as_bytes(), Node::folder(view.keys(), AsOf::new(day)))));
            };
            Ok(Some((&*source.name, Node::folder(view.keys(), SourceFolder(Arc::clone(&source.name))))))
        })
    }

    fn time(&self, sources: &Sources) -> Option<Time> {
        sources.iter().filter_map(|source| sources.time(&source.name)).max()
    }
}

/// The only time expression that is listed beside the canonical names.
const LATEST: &[u8] = b"@latest";

impl VirtualFolder for SourceFolder {
    fn identity(&self, keys: &Keys) -> Identity {
        Identity::new(keys, &[b"source", &self.0])
    }

    fn lookup(&self, view: &View, name: &[u8]) -> Result<Node, ViewError> {
        match name {
            CHANGES => return Ok(Node::folder(view.keys(), ChangesFolder(Arc::clone(&self.0)))),
            VERSIONS => return VersionsFolder::find(view, &self.0, b""),
            _ => {}
        }
        if let Some(snapshot) = view.sources().get(&self.0).and_then(|source| source.find(name)) {
            return Ok(Node::snapshot(view.keys(), snapshot));
        }
        // The name may be that of a snapshot just made. Taken for an expression, it would mean the snapshot
        // before.
        let sources = view.newest_sources();
        let source = sources.get(&self.0).ok_or(ViewError::NotFound)?;
        if let Some(snapshot) = source.find(name) {
            return Ok(Node::snapshot(view.keys(), snapshot));
        }
        let index = source.resolve(name, view.now())?.ok_or(ViewError::NotFound)?;
        let target = source.timeline.name(index).ok_or(ViewError::NotFound)?;
        Ok(Node::alias(view.keys(), &source.name, name, target.as_bytes()))
    }

    fn list(&self, view: &View, offset: u64, emit: Emit<'_>) -> Result<(), ViewError> {
        let sources = view.sources();
        // A mounted source may not have a snapshot yet.
        let Some((target, latest)) = sources.last(&self.0) else { return Ok(()) };
        let Some(source) = sources.get(&self.0) else { return Ok(()) };
        // `@latest` comes first, then one entry for each index of the timeline.
        emit_from(offset, 1 + source.timeline.len(), emit, |at| {
            let Some(index) = at.checked_sub(1) else {
                let node = if view.resolves_times {
                    Node::snapshot(view.keys(), latest)
                } else {
                    Node::alias(view.keys(), &source.name, LATEST, target.as_bytes())
                };
                return Ok(Some((LATEST, node)));
            };
            let found = source.timeline.name(index).zip(source.snapshot(index));
            Ok(found.map(|(name, snapshot)| (name.as_bytes(), Node::snapshot(view.keys(), snapshot))))
        })
    }

    fn time(&self, sources: &Sources) -> Option<Time> {
        sources.time(&self.0)
    }

    fn source(&self) -> Option<&[u8]> {
        Some(&self.0)
    }
}
