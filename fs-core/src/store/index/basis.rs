//! What a repository is made of, and what its index is made from.

use std::fmt::Display;
use std::path::Path;
use std::sync::Arc;

use crate::format::limits::{MAX_CONFIG, MAX_MANIFEST};
use crate::format::{Config, Keys, Manifest, PackId, RepositoryId, SnapshotId, Version};
use crate::store::backend::folder::Folder;
use crate::store::backend::lock::{FileLock, WriterLock};
use crate::store::backend::repository_folder::RepositoryFolder;
use crate::store::index::Index;
use crate::store::{Backend, Object, ObjectKind, SnapshotRecord, StoreError};

/// The purpose for which a repository is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Reading, beside one writer and other readers. Writes nothing, unless the index must be made again.
    Read,
    /// Writing: holds the lock.
    Write,
    /// Writing, even if most packs are missing.
    Heal,
    /// Looking for damage. Replaces nothing but the index, as everything else is to be reported. Fails if
    /// another process holds the lock; goes on without it if it cannot be taken at all.
    Check,
    /// Looking for damage without writing anything.
    Preview,
}

impl Access {
    /// Whether the repository is opened for writing.
    pub(in crate::store) fn is_write(self) -> bool {
        matches!(self, Access::Write | Access::Heal)
    }

    /// Whether damage is looked for, and reported instead of mended.
    pub(in crate::store) fn is_check(self) -> bool {
        matches!(self, Access::Check | Access::Preview)
    }
}

/// The data that the index is made from, and where it is stored.
#[derive(Debug, Clone)]
pub(crate) struct Basis {
    pub(crate) backend: Arc<dyn Backend>,
    /// The folder of the index and the lock. If there is none, the index is in memory.
    pub(crate) state: Option<Arc<RepositoryFolder>>,
    pub(crate) repository: RepositoryId,
    pub(crate) keys: Keys,
    pub(crate) access: Access,
}

impl Basis {
    pub(crate) fn new(
        backend: Arc<dyn Backend>,
        state: Option<Arc<RepositoryFolder>>,
        config: &Config,
        access: Access,
    ) -> Self {
        Self { backend, state, repository: config.id, keys: config.keys(), access }
    }

    /// The repository's path, for messages.
    pub(crate) fn root(&self) -> &Path {
        self.state.as_ref().map_or(Path::new(""), |state| state.path())
    }

    /// The folder of the index and the lock.
    pub(crate) fn state(&self) -> Result<&Arc<RepositoryFolder>, StoreError> {
        let none = || StoreError::io("open", "the repository's folder")(std::io::ErrorKind::NotFound.into());
        self.state.as_ref().ok_or_else(none)
    }

    /// That folder, open.
    pub(crate) fn folder(&self) -> Result<Arc<Folder>, StoreError> {
        self.state().map(|state| state.current())
    }

    /// Fails if the repository's version is one that is only read.
    pub(crate) fn check_version(&self) -> Result<(), StoreError> {
        match self.keys.version() {
            Version::One => Err(StoreError::OldVersion(self.root().display().to_string())),
            Version::Two => Ok(()),
        }
    }

    /// Takes the lock. The repository stays with the locked folder while the lock is held.
    pub(crate) fn lock(&self) -> Result<WriterLock, StoreError> {
        WriterLock::acquire(self.state()?, FileLock::acquire)
    }

    /// Takes the lock without writing a note.
    pub(crate) fn lock_silently(&self) -> Result<WriterLock, StoreError> {
        WriterLock::acquire(self.state()?, FileLock::acquire_silently)
    }

    /// Reads the manifest of a snapshot.
    pub(crate) fn manifest(&self, id: &SnapshotId) -> Result<Manifest, StoreError> {
        let object = Object::snapshot(*id);
        let bytes = self.backend.get(&object, MAX_MANIFEST)?;
        Manifest::open(&self.keys, id, bytes).map_err(StoreError::damaged(|| &object))
    }

    /// Opens the index for writing.
    pub(crate) fn open_writer(&self) -> Result<Index, StoreError> {
        if self.state.is_none() {
            return Index::in_memory(self.repository);
        }
        Index::open_writer(&self.folder()?, self.repository)
    }

    /// Opens the index for reading.
    pub(crate) fn open_reader(&self) -> Result<Index, StoreError> {
        Index::open_reader(&self.folder()?, self.repository)
    }

    /// Returns the records of snapshots that survive in a failed index, or else in the one on disk. Only
    /// these records show that a manifest is missing.
    pub(crate) fn surviving_snapshots(&self, failed: Option<&Index>) -> Vec<SnapshotRecord> {
        match failed {
            Some(index) => index.surviving_snapshots(&self.keys),
            None => {
                self.open_reader().map_or_else(|_| Vec::new(), |index| index.surviving_snapshots(&self.keys))
            }
        }
    }

    pub(crate) fn stored_packs(&self) -> Result<Vec<PackId>, StoreError> {
        self.backend.ids(ObjectKind::Pack, PackId::parse)
    }
}

/// Reads the config of the repository `name`.
pub(crate) fn read_config(backend: &dyn Backend, name: &dyn Display) -> Result<Config, StoreError> {
    let bytes = backend.get(&Object::config(), MAX_CONFIG)?;
    Config::decode(&bytes).map_err(StoreError::damaged(|| format!("the config of the repository {name}")))
}

#[cfg(test)]
impl Basis {
    /// Objects without a folder.
    pub(crate) fn of_test(backend: Arc<dyn Backend>, keys: Keys) -> Self {
        Self { backend, state: None, repository: RepositoryId([0; 16]), keys, access: Access::Preview }
    }
}
