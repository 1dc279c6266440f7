use std::path::Path;
use std::sync::Arc;

use super::backend::local::in_folder;
use super::backend::lock::WriterLock;
use super::backend::repository_folder::{Pin, RepositoryFolder};
use super::index::basis::{Access, Basis, read_config};
use super::index::live::LiveIndex;
use super::index::rebuild::NewIndex;
use super::index::reconcile::check_present;
use super::index::{Index, PackRecord, SnapshotRecord};
use super::layout::INDEX;
use super::log::Log;
use super::{Backend, CacheSizes, Exposed, LocalStore, ObjectKind, Reader, StoreError, Writer};
use crate::format::log::LogState;
use crate::format::{Keys, Manifest, PackId, PackKind, RepositoryId, SnapshotId, Version};
use crate::monitor::{Cancellation, Monitor, Phase, Work};

/// An open repository.
///
/// ```no_run
/// # fn main() -> Result<(), fs_core::store::StoreError> {
/// use fs_core::store::{Access, CacheSizes, Repository};
///
/// let repository = Repository::open("/srv/history".as_ref(), Access::Read)?;
/// let reader = repository.reader(CacheSizes::default());
/// for id in repository.snapshots()? {
///     println!("{:?}", repository.manifest(&id)?.source);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Repository {
    pub(super) basis: Basis,
    /// The source of objects: the basis's, or their state as it will be after a repair.
    pub(super) backend: Arc<dyn Backend>,
    pub(super) index: Arc<LiveIndex>,
    /// The log; `None` for a repository of version 1, in which whatever is stored counts.
    pub(super) log: Option<Arc<Log>>,
    /// Whether packs are missing or cannot be read.
    lost_packs: bool,
    /// Why the index on disk could not be used.
    index_fault: Option<StoreError>,
    pub(super) lock: Option<WriterLock>,
    /// Stays with the folder after the lock was released.
    pin: Option<Pin>,
}

/// Result of making the index again.
#[derive(Debug)]
pub struct Rebuilt {
    /// Number of packs in the index.
    pub packs: u64,
    /// Packs that cannot be read, with the reason. The index holds nothing of them.
    pub unreadable: Vec<(PackId, StoreError)>,
}

/// Sums over the packs of one kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PackTotals {
    /// Number of packs.
    pub packs: u64,
    /// Size of their files in bytes.
    pub stored_bytes: u64,
    /// Number of blobs in them.
    pub blobs: u64,
    /// Uncompressed size of the blobs in bytes.
    pub raw_bytes: u64,
}

impl Repository {
    /// Opens the repository in the folder `root`.
    pub fn open(root: &Path, access: Access) -> Result<Self, StoreError> {
        Self::of(in_folder(root, access)?)
    }

    /// Opens the repository in `backend`. `state` is the folder on this machine that holds the lock, the index
    /// and the stat caches. Without one, nothing is locked, and the index is in memory.
    pub fn open_on(
        backend: Arc<dyn Backend>,
        state: Option<Arc<RepositoryFolder>>,
        access: Access,
    ) -> Result<Self, StoreError> {
        let config = read_config(&*backend, &"in this store")?;
        Self::of(Basis::new(backend, state, &config, access))
    }

    fn of(basis: Basis) -> Result<Self, StoreError> {
        if basis.access.is_write() {
            basis.check_version()?;
        }
        let lock = match basis.access {
            _ if basis.state.is_none() => None,
            Access::Read => None,
            Access::Write | Access::Heal => Some(basis.lock()?),
            Access::Check | Access::Preview => match basis.lock_silently() {
                Ok(lock) => Some(lock),
                Err(locked @ StoreError::Locked { .. }) => return Err(locked),
                Err(refused) => {
                    log::info!("{refused}: checking without the lock");
                    None
                }
            },
        };
        if basis.access.is_write() {
            basis.state.as_ref().map_or(Ok(()), |state| state.clear_temporary())?;
            basis.backend.sync(ObjectKind::Config)?;
            basis.backend.sync(ObjectKind::Snapshot)?;
            basis.backend.sync(ObjectKind::Record)?;
        }
        Self::locked(basis, lock)
    }

    /// Opens the repository under this lock.
    pub(super) fn locked(basis: Basis, lock: Option<WriterLock>) -> Result<Self, StoreError> {
        let (index, index_fault, lost_packs) = LiveIndex::open(basis.clone(), lock.is_some())?;
        let log = match basis.keys.version() {
            Version::One => None,
            Version::Two => {
                let (backend, keys) = (Arc::clone(&basis.backend), basis.keys.clone());
                let recorded = || index.run(Index::snapshots).unwrap_or_default();
                let recorded = (!basis.access.is_write()).then_some(&recorded as &dyn Fn() -> _);
                let log = Log::open(backend, keys, index.log_number(), recorded)?;
                if basis.access == Access::Read
                    && let Some((_, reason)) = log.lost().and_then(|lost| lost.lost.first().cloned())
                {
                    log::warn!("{reason}: every stored snapshot is shown until `yester repair` has run");
                }
                let number = log.refresh()?.number;
                if basis.access.is_write() && number > index.log_number() {
                    index.note_log(number);
                }
                Some(Arc::new(log))
            }
        };
        Ok(Self {
            backend: Arc::clone(&basis.backend),
            basis,
            index: Arc::new(index),
            log,
            lost_packs,
            index_fault,
            lock,
            pin: None,
        })
    }

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
        let (index, unreadable) = NewIndex::make(&basis, packs, &[], &mut |done| {
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

    /// Checks that the config of the repository in `root` can be read. Nothing else can be read without it.
    pub fn check_config(root: &Path) -> Result<(), StoreError> {
        in_folder(root, Access::Read).map(drop)
    }

    /// Path of the repository's folder on this machine; empty if there is none.
    pub fn root(&self) -> &Path {
        self.basis.root()
    }

    /// Id of the repository.
    pub fn id(&self) -> RepositoryId {
        self.basis.repository
    }

    /// Fails if the repository's version is one that is only read.
    ///
    /// # Errors
    /// [`StoreError::OldVersion`] says what to do.
    pub fn check_version(&self) -> Result<(), StoreError> {
        self.basis.check_version()
    }

    /// Keys of the repository.
    pub fn keys(&self) -> &Keys {
        &self.basis.keys
    }

    /// Makes a reader with its own caches.
    pub fn reader(&self, sizes: CacheSizes) -> Reader {
        Reader::new(Arc::clone(&self.backend), self.basis.keys.clone(), Arc::clone(&self.index), sizes)
    }

    /// Begins to add a snapshot. The repository must be open for writing.
    pub fn writer(&self) -> Result<Writer, StoreError> {
        Ok(Writer::new(self.reader(CacheSizes::IMPORT), Arc::clone(self.log()?)))
    }

    /// The log.
    ///
    /// # Errors
    /// [`StoreError::OldVersion`] for a repository of version 1, which has none.
    pub(super) fn log(&self) -> Result<&Arc<Log>, StoreError> {
        self.log.as_ref().ok_or_else(|| StoreError::OldVersion(self.basis.root().display().to_string()))
    }

    /// Reads what was published meanwhile. Returns what the log amounts to; `None` for a repository of version
    /// 1, which has none.
    pub fn logged(&self) -> Result<Option<Arc<LogState>>, StoreError> {
        self.log.as_ref().map(|log| log.refresh()).transpose()
    }

    /// The records of the log that are lost, with the reasons, for a repository opened for reading or a check.
    /// Until a repair, every stored snapshot counts.
    pub fn lost_records(&self) -> Vec<(u64, String)> {
        let lost = self.log.as_ref().and_then(|log| log.lost());
        lost.map_or_else(Vec::new, |lost| lost.lost.clone())
    }

    /// Returns the ids of all snapshots, in any order.
    pub fn snapshots(&self) -> Result<Vec<SnapshotId>, StoreError> {
        match self.logged()? {
            Some(logged) => Ok(logged.snapshots.keys().copied().collect()),
            None => self.backend.ids(ObjectKind::Snapshot, SnapshotId::parse),
        }
    }

    /// Returns a stamp that changes whenever [`snapshots`](Self::snapshots) may have changed; `None` if only
    /// a listing can show it.
    pub fn snapshots_stamp(&self) -> Result<Option<u128>, StoreError> {
        self.backend.local().map_or(Ok(None), LocalStore::snapshots_stamp)
    }

    /// Reads the manifest of a snapshot.
    pub fn manifest(&self, id: &SnapshotId) -> Result<Manifest, StoreError> {
        self.basis.manifest(id)
    }

    /// Returns the manifest of a snapshot, from its record if possible. For thousands of snapshots this is a
    /// hundred times faster.
    pub fn recorded_manifest(&self, record: &SnapshotRecord) -> Result<Manifest, StoreError> {
        record.manifest(&self.basis.keys).map_or_else(|| self.manifest(&record.id), Ok)
    }

    /// Returns the snapshots that existed at the last write, in any order. A snapshot that
    /// [`snapshots`](Self::snapshots) lacks a moment later has lost its manifest.
    pub fn recorded_snapshots(&self) -> Result<Vec<SnapshotRecord>, StoreError> {
        // A repair makes the index again.
        if let Err(error) = self.index.reopen() {
            log::debug!("{error}");
        }
        self.index.refresh();
        let mut recorded = self.index.run(Index::snapshots)?;
        if let Some(logged) = self.logged()? {
            recorded.retain(|record| logged.snapshots.contains_key(&record.id));
        }
        Ok(recorded)
    }

    /// Returns the ids of all packs, in any order.
    pub fn packs(&self) -> Result<Vec<PackId>, StoreError> {
        self.backend.ids(ObjectKind::Pack, PackId::parse)
    }

    /// Returns the misplaced packs: those outside of the folder named by their first two digits. Each comes
    /// with the folder that holds it, below the repository. They are read there.
    pub fn misplaced_packs(&self) -> Result<Vec<(PackId, String)>, StoreError> {
        let packs = self.backend.local().map_or(Ok(Vec::new()), LocalStore::misplaced_packs)?;
        let packs = packs.into_iter();
        Ok(packs.filter_map(|(name, folder)| Some((PackId::parse(&name)?, folder))).collect())
    }

    /// Moves a misplaced pack into its own folder. Only the holder of the lock may call it.
    pub fn move_to_own_folder(&self, pack: PackId) -> Result<(), StoreError> {
        self.backend.local().map_or(Ok(()), |local| local.move_to_own_folder(&pack.to_string()))
    }

    /// Errors for entries that have the name of a file or folder of the repository but are of another type.
    /// Objects are left out.
    pub fn foreign(&self) -> Vec<StoreError> {
        self.backend.local().map_or_else(Vec::new, LocalStore::foreign)
    }

    /// Entries that other users can read or change.
    pub fn exposed(&self) -> Exposed {
        self.backend.local().map_or_else(Exposed::default, LocalStore::exposed)
    }

    /// Why the index on disk could not be used. Set only in a repository opened for a check.
    pub fn index_fault(&self) -> Option<&StoreError> {
        self.index_fault.as_ref()
    }

    /// Whether packs are missing or cannot be read, for a repository opened for writing. If so, blobs that
    /// snapshots need may be missing.
    pub fn has_lost_packs(&self) -> bool {
        self.lost_packs
    }

    /// Releases the lock, so that others can write while this process reads.
    pub fn unlock(&mut self) {
        self.pin = self.lock.take().map(WriterLock::release);
    }

    /// Takes the lock, if it is not held. A check continues without it.
    pub fn lock(&mut self) -> Result<(), StoreError> {
        if self.lock.is_none() {
            self.lock = Some(self.basis.lock()?);
        }
        Ok(())
    }

    /// Returns the packs in the index, by number.
    pub fn indexed_packs(&self) -> Result<Vec<(u32, PackRecord)>, StoreError> {
        self.index.packs()
    }

    /// Calls `visit` for every blob in the index with the first 16 bytes of its id, little-endian, and its
    /// pack's number.
    pub fn each_indexed_blob(&self, visit: &mut dyn FnMut(u128, u32)) -> Result<(), StoreError> {
        // A damaged index is not replaced, as `visit` has already received some blobs.
        self.index.current().each_blob(visit)
    }

    /// Replaces the index by a new one of all stored packs: on disk if `on_disk` is set and the lock allows
    /// it, else in memory. Returns the errors of packs that cannot be read.
    pub fn renew_index(&mut self, on_disk: bool) -> Result<Vec<StoreError>, StoreError> {
        let (index, unreadable) =
            self.index.renewed(on_disk && self.basis.access != Access::Preview && self.lock.is_some())?;
        self.index = Arc::new(index);
        Ok(unreadable)
    }

    /// Whether the index is only in memory, as it cannot be written to disk.
    pub fn has_index_in_memory(&self) -> bool {
        self.index.current().is_in_memory()
    }

    /// Size of the index's file in bytes; zero if there is none.
    pub fn index_bytes(&self) -> u64 {
        self.basis.folder().and_then(|folder| folder.size(INDEX)).unwrap_or(0)
    }

    /// Sums over the packs of a kind, according to the index.
    pub fn pack_totals(&self, kind: PackKind) -> Result<PackTotals, StoreError> {
        self.index.refresh();
        let mut totals = PackTotals::default();
        for (_, record) in self.index.packs()?.iter().filter(|(_, record)| record.kind == kind) {
            totals.packs += 1;
            totals.stored_bytes += record.size;
            totals.blobs += record.blobs;
            totals.raw_bytes += record.raw;
        }
        Ok(totals)
    }
}
