//! The index made again from the packs.

use std::path::Path;
use std::sync::Arc;

use super::folder::Folder;
use super::index::Index;
use super::local::TEMPORARY;
use super::lock::WriterLock;
use super::reconcile::{add_packs, record_snapshots};
use super::repository::{INDEX, open_config};
use super::{Backend, ObjectKind, Repository, SnapshotRecord, StoreError};
use crate::format::{Keys, PackId, RepositoryId};
use crate::monitor::{Cancellation, Monitor, Phase, Work};

/// What became of the index.
#[derive(Debug)]
pub struct Rebuilt {
    /// Packs in it.
    pub packs: u64,
    /// Packs that cannot be read, so that nothing of them is in it; and why.
    pub unreadable: Vec<(PackId, StoreError)>,
}

impl Repository {
    /// Makes the index of the repository in `root` again. It knows of no snapshot whose manifest is gone. Readers go on
    /// with the old one until they miss something in it. `None` when it was asked to stop: then the old one stays.
    pub fn rebuild_index(
        root: &Path,
        monitor: &dyn Monitor,
        cancellation: &Cancellation,
    ) -> Result<Option<Rebuilt>, StoreError> {
        let (backend, config) = open_config(root)?;
        let _lock = WriterLock::acquire(&backend.root())?;
        backend.pin();
        backend.clear_temporary()?;
        let names = backend.list(ObjectKind::Pack)?;
        let packs: Vec<PackId> = names.iter().filter_map(|name| PackId::parse(name)).collect();
        let total = packs.len() as u64;
        let keys = Keys::derive(&config.secret);
        let (index, unreadable) =
            NewIndex::make(&backend.root(), config.id, &backend, &keys, packs, &mut |done| {
                monitor.work(&Work { phase: Phase::Indexing, done: done as u64, total });
                !cancellation.is_cancelled()
            })?;
        if cancellation.is_cancelled() {
            index.discard()?;
            return Ok(None);
        }
        index.publish()?;
        Ok(Some(Rebuilt { packs: total - unreadable.len() as u64, unreadable }))
    }
}

/// An index beside the one in use, so that nobody ever finds none.
pub(super) struct NewIndex {
    root: Arc<Folder>,
    temporary: Folder,
    index: Index,
}

impl NewIndex {
    /// Makes it of these packs. Returns those that cannot be read, too.
    pub(super) fn make(
        root: &Arc<Folder>,
        id: RepositoryId,
        backend: &dyn Backend,
        keys: &Keys,
        packs: Vec<PackId>,
        go_on: &mut dyn FnMut(usize) -> bool,
    ) -> Result<(Self, Vec<(PackId, StoreError)>), StoreError> {
        let temporary = root.make_folder(TEMPORARY)?;
        let index = Index::create(&temporary.path_of(INDEX), id)?;
        let unreadable = add_packs(&index, backend, keys, packs, go_on)?;
        record_snapshots(&index, backend, keys)?;
        Ok((Self { root: Arc::clone(root), temporary, index }, unreadable))
    }

    /// Lets it know these snapshots too, whose manifests are lost.
    pub(super) fn record(&self, lost: &[SnapshotRecord]) -> Result<(), StoreError> {
        if lost.is_empty() { Ok(()) } else { self.index.record_snapshots(lost) }
    }

    fn discard(self) -> Result<(), StoreError> {
        drop(self.index);
        self.temporary.remove(INDEX)
    }

    /// Puts it in the place of the one in use.
    pub(super) fn publish(self) -> Result<(), StoreError> {
        drop(self.index);
        self.temporary.rename(INDEX, &self.root, INDEX)?;
        self.root.sync()
    }
}
