use std::io;
use std::path::Path;
use std::sync::Arc;

use super::index::{PackRecord, SnapshotRecord};
use super::live_index::LiveIndex;
use super::lock::WriterLock;
use super::rebuild::{Basis, INDEX};
use super::{Backend, CacheSizes, LocalBackend, Object, ObjectKind, Reader, StoreError, Writer};
use crate::format::limits::{MAX_CONFIG, MAX_MANIFEST};
use crate::format::{Config, Keys, Manifest, PackId, PackKind, RepositoryId, SnapshotId};

/// The purpose for which a repository is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Reading, beside one writer and other readers. Writes nothing, unless the index must be made again.
    Read,
    /// Writing: holds the lock.
    Write,
    /// Writing, even if most packs are missing.
    Heal,
    /// Looking for damage. Replaces nothing but the index, as everything else is to be reported. Holds the
    /// lock if possible.
    Check,
    /// Looking for damage without writing anything.
    Survey,
}

/// An open repository.
#[derive(Debug)]
pub struct Repository {
    pub(super) config: Config,
    pub(super) keys: Keys,
    /// The repository's folder.
    pub(super) local: Arc<LocalBackend>,
    /// The source of objects: `local`, or its state as it will be after a repair.
    pub(super) backend: Arc<dyn Backend>,
    pub(super) index: Arc<LiveIndex>,
    /// Whether packs are missing or cannot be read.
    pub(super) lost_packs: bool,
    /// Why the index on disk could not be used.
    pub(super) index_fault: Option<StoreError>,
    /// Whether the index may be made again on disk.
    pub(super) mends_index: bool,
    pub(super) lock: Option<WriterLock>,
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
    /// Opens the repository in `root`.
    pub fn open(root: &Path, access: Access) -> Result<Self, StoreError> {
        let (local, config) = open_config(root)?;
        let local = Arc::new(local);
        let folder = local.root();
        let keys = Keys::derive(&config.secret);
        let mut basis = Basis::of(&local, config.id, keys.clone());
        basis.forgets_most = access == Access::Heal;
        let mends_index = access != Access::Survey;
        let (mut index_fault, mut lost_packs) = (None, false);
        let (index, lock) = match access {
            Access::Check | Access::Survey => {
                let lock = match WriterLock::acquire_silently(&folder) {
                    Ok(lock) => {
                        local.pin();
                        Some(lock)
                    }
                    Err(locked @ StoreError::Locked { .. }) => return Err(locked),
                    Err(refused) => {
                        log::info!("{refused}: checking without the lock");
                        None
                    }
                };
                let examined = LiveIndex::open_to_check(basis, mends_index && lock.is_some())?;
                index_fault = examined.fault;
                (examined.index, lock)
            }
            Access::Write | Access::Heal => {
                let lock = WriterLock::acquire(&folder)?;
                local.pin();
                local.clear_temporary()?;
                local.sync(ObjectKind::Config)?;
                local.sync(ObjectKind::Snapshot)?;
                let (index, lost) = LiveIndex::open_to_write(basis)?;
                lost_packs = lost;
                (index, Some(lock))
            }
            Access::Read => (LiveIndex::open_to_read(basis)?, None),
        };
        Ok(Self {
            config,
            keys,
            backend: Arc::clone(&local) as Arc<dyn Backend>,
            local,
            index: Arc::new(index),
            lost_packs,
            index_fault,
            mends_index,
            lock,
        })
    }

    /// Checks that the config of the repository in `root` can be read. Nothing else can be read without it.
    pub fn check_config(root: &Path) -> Result<(), StoreError> {
        open_config(root).map(drop)
    }

    /// Path of the repository.
    pub fn root(&self) -> &Path {
        self.local.path()
    }

    /// Id of the repository.
    pub fn id(&self) -> RepositoryId {
        self.config.id
    }

    /// Keys of the repository.
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    /// Makes a reader with its own caches.
    pub fn reader(&self, sizes: CacheSizes) -> Reader {
        Reader::new(Arc::clone(&self.backend), self.keys.clone(), Arc::clone(&self.index), sizes)
    }

    /// Begins to add a snapshot. The repository must be open for writing.
    pub fn writer(&self) -> Result<Writer, StoreError> {
        let reader = self.reader(CacheSizes::IMPORT);
        Ok(Writer::new(Arc::clone(&self.backend), reader, Arc::clone(&self.index)))
    }

    /// Returns the ids of all snapshots, in any order.
    pub fn snapshots(&self) -> Result<Vec<SnapshotId>, StoreError> {
        let names = self.backend.list(ObjectKind::Snapshot)?;
        Ok(names.iter().filter_map(|name| SnapshotId::parse(name)).collect())
    }

    /// Returns a stamp that changes whenever [`snapshots`](Self::snapshots) may have changed; `None` if only
    /// a listing can show it.
    pub fn snapshots_stamp(&self) -> Result<Option<u128>, StoreError> {
        self.backend.snapshots_stamp()
    }

    /// Reads the manifest of a snapshot.
    pub fn manifest(&self, id: &SnapshotId) -> Result<Manifest, StoreError> {
        read_manifest(&*self.backend, &self.keys, id)
    }

    /// Returns the manifest of a snapshot, from its record if possible. For thousands of snapshots this is a
    /// hundred times faster.
    pub fn recorded_manifest(&self, record: &SnapshotRecord) -> Result<Manifest, StoreError> {
        record.manifest(&self.keys).map_or_else(|| self.manifest(&record.id), Ok)
    }

    /// Returns the snapshots that existed at the last write, in any order. A snapshot that
    /// [`snapshots`](Self::snapshots) lacks a moment later has lost its manifest.
    pub fn recorded_snapshots(&self) -> Result<Vec<SnapshotRecord>, StoreError> {
        // A repair makes the index again.
        if let Err(error) = self.index.reopen() {
            log::debug!("{error}");
        }
        self.index.refresh();
        self.index.snapshots()
    }

    /// Returns the ids of all packs, in any order.
    pub fn packs(&self) -> Result<Vec<PackId>, StoreError> {
        let names = self.backend.list(ObjectKind::Pack)?;
        Ok(names.iter().filter_map(|name| PackId::parse(name)).collect())
    }

    /// Returns the misplaced packs: those outside of the folder named by their first two digits. Each comes
    /// with the folder that holds it, below the repository. They are read there.
    pub fn misplaced_packs(&self) -> Result<Vec<(PackId, String)>, StoreError> {
        let packs = self.local.misplaced()?.into_iter();
        Ok(packs.filter_map(|(name, folder)| Some((PackId::parse(&name)?, folder))).collect())
    }

    /// Moves a misplaced pack into its own folder. Only the holder of the lock may call it.
    pub fn move_to_own_folder(&self, pack: PackId) -> Result<(), StoreError> {
        self.local.move_to_own_folder(&pack.to_string())
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
        self.lock = None;
    }

    /// Returns the packs in the index, by number.
    pub fn indexed_packs(&self) -> Result<Vec<(u32, PackRecord)>, StoreError> {
        self.index.packs()
    }

    /// Calls `visit` for every blob in the index with the first 16 bytes of its id, little-endian, and its
    /// pack's number.
    pub fn each_indexed_blob(&self, visit: &mut dyn FnMut(u128, u32)) -> Result<(), StoreError> {
        self.index.each_blob(visit)
    }

    /// Replaces the index by a new one of all stored packs: on disk if `on_disk` is set and the lock allows
    /// it, else in memory. Returns the errors of packs that cannot be read.
    pub fn renew_index(&mut self, on_disk: bool) -> Result<Vec<StoreError>, StoreError> {
        let (index, unreadable) = self.index.renewed(on_disk && self.mends_index && self.lock.is_some())?;
        self.index = Arc::new(index);
        Ok(unreadable)
    }

    /// Whether the index is only in memory, as it cannot be written to disk.
    pub fn has_index_in_memory(&self) -> bool {
        self.index.is_in_memory()
    }

    /// Size of the index's file in bytes; zero if there is none.
    pub fn index_bytes(&self) -> u64 {
        self.local.root().size(INDEX).unwrap_or(0)
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

/// Reads the manifest of a snapshot.
pub(super) fn read_manifest(
    backend: &dyn Backend,
    keys: &Keys,
    id: &SnapshotId,
) -> Result<Manifest, StoreError> {
    let object = Object::snapshot(*id);
    let bytes = backend.get(&object, MAX_MANIFEST)?;
    Manifest::open(keys, id, &bytes).map_err(StoreError::damaged(|| &object))
}

/// Opens the folder of a repository and reads its config.
pub(super) fn open_config(root: &Path) -> Result<(LocalBackend, Config), StoreError> {
    let backend = match LocalBackend::open(root) {
        Err(StoreError::Io { source, .. }) if is_no_folder(&source) => {
            return Err(StoreError::NotARepository(root.to_owned()));
        }
        opened => opened?,
    };
    let config = match backend.get(&Object::config(), MAX_CONFIG) {
        Err(missing @ StoreError::Missing(_)) if backend.holds_objects()? => return Err(missing),
        Err(StoreError::Missing(_)) => return Err(StoreError::NotARepository(root.to_owned())),
        result => result?,
    };
    let config = Config::decode(&config)
        .map_err(StoreError::damaged(|| format!("the config of the repository {}", root.display())))?;
    Ok((backend, config))
}

/// Whether the path does not exist, or leads to or through something that is not a folder.
fn is_no_folder(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// Returns unpredictable bytes.
pub fn random<const N: usize>() -> Result<[u8; N], StoreError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| StoreError::Io {
        action: "get random bytes for",
        path: "the repository's secret".into(),
        source: io::Error::other(error.to_string()),
    })?;
    Ok(bytes)
}
