//! The index made again from the packs.

use std::path::Path;

use super::disk;
use super::index::Index;
use super::local::sync_directory;
use super::lock::WriterLock;
use super::reconcile::{add_packs, record_snapshots};
use super::repository::{INDEX, read_config};
use super::{Backend, LocalBackend, ObjectKind, Repository, StoreError};
use crate::format::{Keys, PackId};
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
    /// Makes the index of the repository in `root` again. It knows of no snapshot whose manifest is gone. Readers go on with the old one until they miss something in
    /// it. `None` when it was asked to stop: then the old one stays.
    pub fn rebuild_index(
        root: &Path,
        monitor: &dyn Monitor,
        cancellation: &Cancellation,
    ) -> Result<Option<Rebuilt>, StoreError> {
        let backend = LocalBackend::new(root);
        let config = read_config(root, &backend)?;
        let _lock = WriterLock::acquire(root)?;
        backend.clear_temporary()?;
        let names = backend.list(ObjectKind::Pack)?;
        let packs: Vec<PackId> = names.iter().filter_map(|name| PackId::parse(name)).collect();
        let total = packs.len() as u64;
        // Beside the old one, so that nobody ever finds none.
        let (temporary, path) = (root.join("tmp").join(INDEX), root.join(INDEX));
        let index = Index::create(&temporary, config.id)?;
        let keys = Keys::derive(&config.secret);
        let unreadable = add_packs(&index, &backend, &keys, packs, &mut |done| {
            monitor.work(&Work { phase: Phase::Indexing, done: done as u64, total });
            !cancellation.is_cancelled()
        })?;
        if !cancellation.is_cancelled() {
            record_snapshots(&index, &backend, &keys)?;
        }
        drop(index);
        if cancellation.is_cancelled() {
            disk::remove(&temporary).map_err(StoreError::io("remove", &temporary))?;
            return Ok(None);
        }
        disk::rename(&temporary, &path).map_err(StoreError::io("replace", &path))?;
        sync_directory(root)?;
        Ok(Some(Rebuilt { packs: total - unreadable.len() as u64, unreadable }))
    }
}
