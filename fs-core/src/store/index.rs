//! Where each blob is. Derived from the packs' catalogues: losing it costs time, never data.

mod change;
mod opened;
mod packs;
mod snapshots;

use std::io;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use redb::{
    Builder, ConcurrencyMode, Database, ReadOnlyTable, ReadableDatabase, ReadableTable, TableDefinition,
    TableError,
};

pub use packs::PackRecord;
pub use snapshots::SnapshotRecord;

use opened::Opened;
use packs::RECORD_LEN;
use snapshots::SNAPSHOTS;

use super::error::is_full;
use super::guard::fenced;
use super::patience::{PATIENCE, is_of_medium};
use super::{StoreError, disk};
use crate::format::{BlobId, PackId, RepositoryId};

/// The first half of a blob's id → the number of its pack, whose catalogue tells the rest: 20 bytes a blob.
const BLOBS: TableDefinition<'_, [u8; 16], u32> = TableDefinition::new("blobs");
/// Further packs that hold a blob: it was stored again when the one before could not be read, and may be needed when the
/// other one cannot.
const COPIES: TableDefinition<'_, ([u8; 16], u32), ()> = TableDefinition::new("copies");
/// Packs by number.
const PACKS: TableDefinition<'_, u32, [u8; RECORD_LEN]> = TableDefinition::new("packs");
const META: TableDefinition<'_, &str, [u8; 16]> = TableDefinition::new("meta");

const REPOSITORY: &str = "repository";
const LAYOUT: &str = "layout";
/// Raised when a table changes its meaning; an index of another layout is made again.
const LAYOUT_VERSION: [u8; 16] = *b"yester index 3\0\0";

/// Stands for the path of an index that is no file.
const IN_MEMORY: &str = "(in memory)";

const WRITER_CACHE: usize = 64 << 20;

/// A handle on the index. A writer's sees its own commits, a reader's those of another process.
pub(super) struct Index {
    handle: Handle,
    path: PathBuf,
    repository: RepositoryId,
    /// A transaction kept between look-ups; renewed by [`Index::refresh`].
    tables: RwLock<Option<Arc<Tables>>>,
}

enum Handle {
    Writer(Database),
    /// Opened anew when the file was replaced.
    Reader(RwLock<Opened>),
    /// Being dropped.
    Closed,
}

/// Why an index cannot be opened for reading.
pub(super) enum Unreadable {
    /// A writer died: opening it for writing mends it.
    Unclean(StoreError),
    /// It is absent, foreign or damaged.
    Unusable(StoreError),
}

impl From<Unreadable> for StoreError {
    fn from(unreadable: Unreadable) -> Self {
        match unreadable {
            Unreadable::Unclean(error) | Unreadable::Unusable(error) => error,
        }
    }
}

struct Tables {
    blobs: ReadOnlyTable<[u8; 16], u32>,
    copies: ReadOnlyTable<([u8; 16], u32), ()>,
    packs: ReadOnlyTable<u32, [u8; RECORD_LEN]>,
    snapshots: ReadOnlyTable<[u8; 32], &'static [u8]>,
}

impl Index {
    /// Opens the index for writing; an absent, foreign or unusable one is replaced by an empty one.
    pub(super) fn open_writer(path: &Path, repository: RepositoryId) -> Result<Self, StoreError> {
        match patiently(path, || Self::try_open_writer(path, repository)) {
            Ok(Some(index)) => return Ok(index),
            Ok(None) => {
                log::info!("{} belongs to another repository or version: making it again", path.display());
            }
            Err(full @ StoreError::Io { .. }) => return Err(full),
            Err(error) => log::warn!("{error}: making it again"),
        }
        remove_if_there(path)?;
        Self::try_open_writer(path, repository)?
            .ok_or_else(|| wrong(path, "a new index belongs to another repository"))
    }

    fn try_open_writer(path: &Path, repository: RepositoryId) -> Result<Option<Self>, StoreError> {
        let mut builder = Database::builder();
        builder.set_concurrency_mode(ConcurrencyMode::SingleWriter).set_cache_size(WRITER_CACHE);
        let open = || {
            let database = disk::database(&builder, path).map_err(failed(path))?;
            Self::with_database(database, path, repository)
        };
        fence(path, open)
    }

    /// An index in a new file at `path`.
    pub(super) fn create(path: &Path, repository: RepositoryId) -> Result<Self, StoreError> {
        remove_if_there(path)?;
        Self::open_writer(path, repository)
    }

    /// An index in memory, for when there can be none on disk.
    pub(super) fn in_memory(repository: RepositoryId) -> Result<Self, StoreError> {
        let path = Path::new(IN_MEMORY);
        let database = Builder::new()
            .set_cache_size(WRITER_CACHE)
            .create_with_backend(redb::backends::InMemoryBackend::new())
            .map_err(failed(path))?;
        Self::with_database(database, path, repository)?.ok_or_else(|| wrong(path, "it is not empty"))
    }

    /// Whether nobody but its owner adds to it.
    pub(super) fn is_in_memory(&self) -> bool {
        self.path == Path::new(IN_MEMORY)
    }

    /// `None` when the database is not this repository's index, in this version's layout.
    fn with_database(
        database: Database,
        path: &Path,
        repository: RepositoryId,
    ) -> Result<Option<Self>, StoreError> {
        // To begin by writing would cost each import a sync.
        match is_ours(&database, path, repository)? {
            Some(true) => {}
            Some(false) => return Ok(None),
            None => make_tables(&database, path, repository)?,
        }
        let handle = Handle::Writer(database);
        Ok(Some(Self { handle, path: path.to_owned(), repository, tables: RwLock::new(None) }))
    }

    /// Opens the index for reading beside any writer. Fails when it is absent, foreign, or was left unclean by a
    /// writer that died: opening it for writing mends that.
    pub(super) fn open_reader(path: &Path, repository: RepositoryId) -> Result<Self, Unreadable> {
        let opened = patiently(path, || match Self::try_open_reader(path, repository) {
            Err(Unreadable::Unusable(error)) => Err(error),
            opened => Ok(opened),
        });
        opened.unwrap_or_else(|error| Err(Unreadable::Unusable(error)))
    }

    fn try_open_reader(path: &Path, repository: RepositoryId) -> Result<Self, Unreadable> {
        let handle = Handle::Reader(RwLock::new(Opened::open(path, repository)?));
        let index = Self { handle, path: path.to_owned(), repository, tables: RwLock::new(None) };
        fence(path, || index.tables().map(drop)).map_err(Unreadable::Unusable)?;
        Ok(index)
    }

    /// Takes up the file that is there now, unless it is the one that is open: a writer replaces one that it cannot use,
    /// or that was removed. Lets later look-ups see what is in it.
    pub(super) fn reopen(&self) -> Result<(), StoreError> {
        if let Handle::Reader(opened) = &self.handle {
            if !opened.read().unwrap_or_else(PoisonError::into_inner).is_at(&self.path) {
                let now = Opened::open(&self.path, self.repository)?;
                *opened.write().unwrap_or_else(PoisonError::into_inner) = now;
            }
            self.refresh();
        }
        Ok(())
    }

    /// Lets later look-ups see what was committed meanwhile.
    pub(super) fn refresh(&self) {
        *self.tables.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Whether the blob is in some pack.
    pub(super) fn contains(&self, id: &BlobId) -> Result<bool, StoreError> {
        self.fence(|| Ok(self.tables()?.blobs.get_owned(id.prefix()).map_err(failed(&self.path))?.is_some()))
    }

    /// The pack that holds the blob.
    pub(super) fn pack_of(&self, id: &BlobId) -> Result<Option<PackId>, StoreError> {
        self.fence(|| {
            let tables = self.tables()?;
            let Some(number) = tables.blobs.get_owned(id.prefix()).map_err(failed(&self.path))? else {
                return Ok(None);
            };
            self.pack(&tables, number.value())
        })
    }

    /// Further packs that hold the blob.
    pub(super) fn copies_of(&self, id: &BlobId) -> Result<Vec<PackId>, StoreError> {
        self.fence(|| {
            let tables = self.tables()?;
            let mut packs = Vec::new();
            for item in tables.copies.range(copies(id.prefix())).map_err(failed(&self.path))? {
                let (_, number) = item.map_err(failed(&self.path))?.0.value();
                packs.extend(self.pack(&tables, number)?);
            }
            Ok(packs)
        })
    }

    fn pack(&self, tables: &Tables, number: u32) -> Result<Option<PackId>, StoreError> {
        let record = tables.packs.get_owned(number).map_err(failed(&self.path))?;
        Ok(record.and_then(|record| PackRecord::decode(&record.value())).map(|record| record.id))
    }

    /// The complaint that `pack` lacks a blob which it should have.
    pub(super) fn wrong_pack(&self, pack: PackId) -> StoreError {
        wrong(&self.path, format!("it looks for a blob in pack {pack}, which lacks it"))
    }

    /// Tells of every blob: the first half of its id, and its pack's number.
    pub(super) fn each_blob(&self, tell: &mut dyn FnMut(u128, u32)) -> Result<(), StoreError> {
        self.fence(|| {
            for item in self.tables()?.blobs.iter().map_err(failed(&self.path))? {
                let (prefix, number) = item.map_err(failed(&self.path))?;
                tell(u128::from_le_bytes(prefix.value()), number.value());
            }
            Ok(())
        })
    }

    /// Every pack, by number.
    pub(super) fn packs(&self) -> Result<Vec<(u32, PackRecord)>, StoreError> {
        self.fence(|| {
            let tables = self.tables()?;
            let mut packs = Vec::new();
            for item in tables.packs.iter().map_err(failed(&self.path))? {
                let (number, record) = item.map_err(failed(&self.path))?;
                let record = PackRecord::decode(&record.value());
                packs.push((
                    number.value(),
                    record.ok_or_else(|| wrong(&self.path, "a pack's record is invalid"))?,
                ));
            }
            Ok(packs)
        })
    }

    /// Does `work`; a reader begins again when the medium failed.
    fn fence<T>(&self, mut work: impl FnMut() -> Result<T, StoreError>) -> Result<T, StoreError> {
        let Handle::Reader(opened) = &self.handle else {
            return fence(&self.path, work).map_err(|error| fault(&self.path, error));
        };
        let mut again = false;
        patiently(&self.path, || {
            if std::mem::replace(&mut again, true) {
                self.reopen()?;
            }
            let result = fence(&self.path, &mut work);
            if result.is_err() {
                opened.write().unwrap_or_else(PoisonError::into_inner).distrust();
            }
            result
        })
    }

    fn database(&self) -> Result<&Database, StoreError> {
        match &self.handle {
            Handle::Writer(database) => Ok(database),
            Handle::Reader(_) | Handle::Closed => Err(wrong(&self.path, "it is open for reading only")),
        }
    }

    fn tables(&self) -> Result<Arc<Tables>, StoreError> {
        if let Some(tables) = &*self.tables.read().unwrap_or_else(PoisonError::into_inner) {
            return Ok(Arc::clone(tables));
        }
        // Held while the transaction begins, or one from before a refresh could be kept after it.
        let mut kept = self.tables.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(tables) = &*kept {
            return Ok(Arc::clone(tables));
        }
        let transaction = match &self.handle {
            Handle::Writer(database) => database.begin_read(),
            Handle::Reader(opened) => {
                opened.read().unwrap_or_else(PoisonError::into_inner).database.begin_read()
            }
            Handle::Closed => return Err(wrong(&self.path, "it is closed")),
        };
        let transaction = transaction.map_err(failed(&self.path))?;
        let tables = Arc::new(Tables {
            blobs: transaction.open_table(BLOBS).map_err(failed(&self.path))?,
            copies: transaction.open_table(COPIES).map_err(failed(&self.path))?,
            packs: transaction.open_table(PACKS).map_err(failed(&self.path))?,
            snapshots: transaction.open_table(SNAPSHOTS).map_err(failed(&self.path))?,
        });
        *kept = Some(Arc::clone(&tables));
        Ok(tables)
    }
}

/// The keys of a blob in [`COPIES`].
fn copies(blob: [u8; 16]) -> RangeInclusive<([u8; 16], u32)> {
    (blob, 0)..=(blob, u32::MAX)
}

/// Whether a database is this repository's index, in this version's layout; `None` when it is empty.
fn is_ours(
    database: &impl ReadableDatabase,
    path: &Path,
    repository: RepositoryId,
) -> Result<Option<bool>, StoreError> {
    let transaction = database.begin_read().map_err(failed(path))?;
    let meta = match transaction.open_table(META) {
        Err(TableError::TableDoesNotExist(_)) => return Ok(None),
        table => table.map_err(failed(path))?,
    };
    for (key, wanted) in [(REPOSITORY, repository.0), (LAYOUT, LAYOUT_VERSION)] {
        let found = meta.get_owned(key).map_err(failed(path))?.map(|value| value.value());
        if found != Some(wanted) {
            return Ok(Some(false));
        }
    }
    Ok(Some(true))
}

/// Makes all tables at once, so that whoever finds one finds all.
fn make_tables(database: &Database, path: &Path, repository: RepositoryId) -> Result<(), StoreError> {
    let transaction = database.begin_write().map_err(failed(path))?;
    {
        let mut meta = transaction.open_table(META).map_err(failed(path))?;
        meta.insert(REPOSITORY, repository.0).map_err(failed(path))?;
        meta.insert(LAYOUT, LAYOUT_VERSION).map_err(failed(path))?;
        transaction.open_table(BLOBS).map_err(failed(path))?;
        transaction.open_table(COPIES).map_err(failed(path))?;
        transaction.open_table(PACKS).map_err(failed(path))?;
        transaction.open_table(SNAPSHOTS).map_err(failed(path))?;
    }
    transaction.commit().map_err(failed(path))
}

impl Drop for Index {
    fn drop(&mut self) {
        let handle = std::mem::replace(&mut self.handle, Handle::Closed);
        let tables = self.tables.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if let Err(reason) = fenced(|| drop((tables, handle))) {
            log::warn!("{}", wrong(&self.path, reason));
        }
    }
}

fn remove_if_there(path: &Path) -> Result<(), StoreError> {
    match disk::remove(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result.map_err(StoreError::io("replace", path)),
    }
}

/// Does `read`, again when the medium fails.
fn patiently<T>(path: &Path, read: impl FnMut() -> Result<T, StoreError>) -> Result<T, StoreError> {
    PATIENCE.read(read).map_err(|error| fault(path, error))
}

/// An index that the medium fails to read is no loss: it can be made again.
fn fault(path: &Path, error: StoreError) -> StoreError {
    match error {
        StoreError::Unreadable { ref source, .. } | StoreError::Io { ref source, .. }
            if is_of_medium(source) =>
        {
            wrong(path, error.to_string())
        }
        error => error,
    }
}

fn fence<T>(path: &Path, work: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
    fenced(work).unwrap_or_else(|reason| Err(wrong(path, reason)))
}

impl std::fmt::Debug for Index {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Index").field("path", &self.path).finish_non_exhaustive()
    }
}

/// What redb's error means. A full disk is none of the index's faults, and redb's text would hide it.
fn failed<E: Into<redb::Error>>(path: &Path) -> impl Fn(E) -> StoreError {
    move |error| match error.into() {
        redb::Error::Io(source) if is_full(&source) => StoreError::io("write", path)(source),
        redb::Error::Io(source) if is_of_medium(&source) => StoreError::io("read", path)(source),
        error => wrong(path, error.to_string()),
    }
}

fn wrong(path: &Path, reason: impl Into<String>) -> StoreError {
    StoreError::Index { path: path.to_owned(), reason: reason.into() }
}
