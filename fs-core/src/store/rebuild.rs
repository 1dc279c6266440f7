//! Makes the index again from the packs.

use std::path::Path;
use std::sync::Arc;

use super::folder::Folder;
use super::index::{Index, Unreadable};
use super::local::{DAMAGED, TEMPORARY, in_folder};
use super::lock::WriterLock;
use super::reconcile::{add_packs, check_present, record_snapshots};
use super::repository::Access;
use super::repository_folder::RepositoryFolder;
use super::{Backend, ObjectKind, Repository, SnapshotRecord, StoreError};
use crate::format::{Config, Keys, PackId, RepositoryId};
use crate::monitor::{Cancellation, Monitor, Phase, Work};

/// File name of the index. Whenever the way of locking changes, the name must change, too: processes that
/// lock the file differently may not notice each other.
pub(crate) const INDEX: &str = "index-2.redb";
/// File name of an index that is locked in an older way.
pub(super) const OLD_INDEX: &str = "index.redb";

/// Result of making the index again.
#[derive(Debug)]
pub struct Rebuilt {
    /// Number of packs in the index.
    pub packs: u64,
    /// Packs that cannot be read, with the reason. The index holds nothing of them.
    pub unreadable: Vec<(PackId, StoreError)>,
}

impl Repository {
    /// Makes the index of the repository in `root` again. The new index has no record of a snapshot whose
    /// manifest is missing. Readers use the old index until they miss something in it. `None` when cancelled:
    /// then the old index stays.
    pub fn rebuild_index(
        root: &Path,
        monitor: &dyn Monitor,
        cancellation: &Cancellation,
    ) -> Result<Option<Rebuilt>, StoreError> {
        let basis = in_folder(root, Access::Write)?;
        let _lock = basis.lock()?;
        basis.state()?.clear_temporary()?;
        let packs = basis.stored_packs()?;
        if let Ok(index) = basis.open_reader() {
            check_present(&index.packs()?, &packs.iter().copied().collect())?;
        }
        let total = packs.len() as u64;
        let (index, unreadable) = NewIndex::make(&basis, packs, &mut |done| {
            monitor.work(&Work { phase: Phase::Indexing, done: done as u64, total });
            !cancellation.is_cancelled()
        })?;
        if cancellation.is_cancelled() {
            index.discard()?;
            return Ok(None);
        }
        index.publish(&basis)?;
        Ok(Some(Rebuilt { packs: total - unreadable.len() as u64, unreadable }))
    }
}

/// The data that the index is made from, and where it is stored.
#[derive(Debug, Clone)]
pub(super) struct Basis {
    pub(super) backend: Arc<dyn Backend>,
    /// The folder of the index and the lock. If there is none, the index is in memory.
    pub(super) state: Option<Arc<RepositoryFolder>>,
    pub(super) repository: RepositoryId,
    pub(super) keys: Keys,
    pub(super) access: Access,
}

impl Basis {
    pub(super) fn new(
        backend: Arc<dyn Backend>,
        state: Option<Arc<RepositoryFolder>>,
        config: &Config,
        access: Access,
    ) -> Self {
        Self { backend, state, repository: config.id, keys: Keys::derive(&config.secret), access }
    }

    /// The repository's path, for messages.
    pub(super) fn root(&self) -> &Path {
        self.state.as_ref().map_or(Path::new(""), |state| state.path())
    }

    /// The folder of the index and the lock.
    pub(super) fn state(&self) -> Result<&Arc<RepositoryFolder>, StoreError> {
        let none = || StoreError::io("open", "the repository's folder")(std::io::ErrorKind::NotFound.into());
        self.state.as_ref().ok_or_else(none)
    }

    /// That folder, open.
    pub(super) fn folder(&self) -> Result<Arc<Folder>, StoreError> {
        self.state().map(|state| state.current())
    }

    /// Takes the lock. The repository stays with the locked folder while the lock is held.
    pub(super) fn lock(&self) -> Result<WriterLock, StoreError> {
        self.state().and_then(WriterLock::acquire)
    }

    /// Takes the lock without writing a note.
    pub(super) fn lock_silently(&self) -> Result<WriterLock, StoreError> {
        self.state().and_then(WriterLock::acquire_silently)
    }

    /// Whether the index may forget missing packs even if most packs are missing.
    pub(super) fn forgets_most(&self) -> bool {
        self.access == Access::Heal
    }

    /// Opens the index for writing.
    pub(super) fn open_writer(&self) -> Result<Index, StoreError> {
        if self.state.is_none() {
            return Index::in_memory(self.repository);
        }
        Index::open_writer(&self.folder()?, INDEX, self.repository)
    }

    /// Opens the index for reading.
    pub(super) fn open_reader(&self) -> Result<Index, Unreadable> {
        let folder = self.folder().map_err(Unreadable::Unusable)?;
        Index::open_reader(&folder, INDEX, self.repository)
    }

    /// Returns the records of snapshots that survive in a failed index, or else in the one on disk. Only
    /// these records show that a manifest is missing.
    pub(super) fn surviving_snapshots(&self, failed: Option<&Index>) -> Vec<SnapshotRecord> {
        match failed {
            Some(index) => index.surviving_snapshots(&self.keys),
            None => {
                self.open_reader().map_or_else(|_| Vec::new(), |index| index.surviving_snapshots(&self.keys))
            }
        }
    }

    pub(super) fn stored_packs(&self) -> Result<Vec<PackId>, StoreError> {
        let listed = self.backend.list(ObjectKind::Pack)?;
        Ok(listed.iter().filter_map(|object| PackId::parse(&object.name)).collect())
    }
}

#[cfg(test)]
impl Basis {
    /// Objects without a folder.
    pub(super) fn of_test(backend: Arc<dyn Backend>, keys: Keys) -> Self {
        Self { backend, state: None, repository: RepositoryId([0; 16]), keys, access: Access::Survey }
    }
}

/// A new index beside the one in use, so that a process finds an index at any time.
pub(super) struct NewIndex {
    temporary: Arc<Folder>,
    index: Index,
}

impl NewIndex {
    /// Makes an index of these packs. Also returns packs that cannot be read. The lock must be held.
    pub(super) fn make(
        basis: &Basis,
        packs: Vec<PackId>,
        go_on: &mut dyn FnMut(usize) -> bool,
    ) -> Result<(Self, Vec<(PackId, StoreError)>), StoreError> {
        Self::of(basis, packs, &[], go_on)
    }

    /// Makes an index of all readable packs, to replace an unusable one. Also returns the errors of
    /// unreadable packs. The lock must be held.
    pub(super) fn replacing(
        basis: &Basis,
        failed: Option<&Index>,
    ) -> Result<(Self, Vec<StoreError>), StoreError> {
        let surviving = basis.surviving_snapshots(failed);
        let packs = basis.stored_packs()?;
        if packs.is_empty() && !basis.forgets_most() && !basis.backend.list(ObjectKind::Snapshot)?.is_empty()
        {
            return Err(StoreError::NoPacks);
        }
        let (new, unreadable) = Self::of(basis, packs, &surviving, &mut |_| true)?;
        Ok((new, unreadable.into_iter().map(|(_, error)| error).collect()))
    }

    fn of(
        basis: &Basis,
        packs: Vec<PackId>,
        recorded: &[SnapshotRecord],
        go_on: &mut dyn FnMut(usize) -> bool,
    ) -> Result<(Self, Vec<(PackId, StoreError)>), StoreError> {
        let temporary = Arc::new(basis.folder()?.make_folder(TEMPORARY)?);
        remove_if_there(&temporary, INDEX)?;
        let new = Self { index: Index::create(&temporary, INDEX, basis.repository)?, temporary };
        let fill = || {
            let unreadable = add_packs(&new.index, &*basis.backend, &basis.keys, packs, go_on)?;
            new.record(recorded)?;
            record_snapshots(&new.index, &*basis.backend, &basis.keys)?;
            Ok(unreadable)
        };
        match fill() {
            Ok(unreadable) => Ok((new, unreadable)),
            Err(error) => {
                // Frees the space, in case the disk is full.
                let _ = new.discard();
                Err(error)
            }
        }
    }

    /// Records these snapshots, too, whose manifests are lost.
    pub(super) fn record(&self, lost: &[SnapshotRecord]) -> Result<(), StoreError> {
        if lost.is_empty() { Ok(()) } else { self.index.record_snapshots(lost) }
    }

    pub(super) fn discard(self) -> Result<(), StoreError> {
        drop(self.index);
        self.temporary.remove(INDEX)
    }

    /// Renames the new index over the one in use, or over any other entry of that name.
    pub(super) fn publish(self, basis: &Basis) -> Result<(), StoreError> {
        let Self { temporary, index } = self;
        drop(index);
        let published = basis.folder().and_then(|folder| take_place(basis, &temporary, &folder));
        published.inspect_err(|_| {
            let _ = temporary.remove(INDEX);
        })
    }
}

/// Renames the new index into the repository's folder.
fn take_place(basis: &Basis, temporary: &Folder, folder: &Folder) -> Result<(), StoreError> {
    if folder.entry(INDEX)?.is_some_and(|there| there.is_dir()) {
        if !basis.access.is_write() {
            let path = folder.path_of(INDEX);
            return Err(StoreError::Foreign { path, found: "a folder", wanted: "a file" });
        }
        move_away(folder)?;
    }
    temporary.rename(INDEX, folder, INDEX)?;
    if let Err(error) = remove_if_there(folder, OLD_INDEX) {
        log::info!("{error}");
    }
    folder.sync()
}

/// Moves a folder that has the index's name into `damaged/`. Its content is not ours to remove.
fn move_away(folder: &Folder) -> Result<(), StoreError> {
    let damaged = folder.make_folder(DAMAGED)?;
    let mut number = 1;
    while damaged.entry(&format!("{INDEX}.{number}"))?.is_some() {
        number += 1;
    }
    let aside = format!("{INDEX}.{number}");
    folder.rename(INDEX, &damaged, &aside)?;
    log::warn!("a folder is in the place of the index: moved to {}", damaged.path_of(&aside).display());
    Ok(())
}

fn remove_if_there(folder: &Folder, name: &str) -> Result<(), StoreError> {
    match folder.remove(name) {
        Err(error) if error.is_not_found() => Ok(()),
        removed => removed,
    }
}
