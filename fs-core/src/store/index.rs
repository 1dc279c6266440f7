//! Where each blob is. Derived from the packs' catalogues: losing it costs time, never data.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use redb::{
    Builder, ConcurrencyMode, Database, DatabaseError, ReadOnlyDatabase, ReadOnlyTable, ReadableDatabase,
    ReadableTable, TableDefinition,
};

use super::guard::fenced;
use super::{StoreError, disk};
use crate::format::{BlobId, Catalogue, PackId, PackKind, RepositoryId};

/// The first half of a blob's id → the number of its pack, whose catalogue tells the rest: 20 bytes a blob.
const BLOBS: TableDefinition<'_, [u8; 16], u32> = TableDefinition::new("blobs");
/// Numbers of packs, never used twice.
const PACKS: TableDefinition<'_, u32, [u8; RECORD_LEN]> = TableDefinition::new("packs");
const META: TableDefinition<'_, &str, [u8; 16]> = TableDefinition::new("meta");

const REPOSITORY: &str = "repository";
const LAYOUT: &str = "layout";
/// Raised when a table changes its meaning; an index of another layout is made again.
const LAYOUT_VERSION: [u8; 16] = *b"yester index 1\0\0";

/// Stands for the path of an index that is no file.
const IN_MEMORY: &str = "(in memory)";

const RECORD_LEN: usize = 32 + 1 + 8 + 8 + 8;
const READER_CACHE: usize = 16 << 20;
const WRITER_CACHE: usize = 64 << 20;

/// What the index knows of a pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PackRecord {
    /// Its name.
    pub id: PackId,
    /// What its blobs are.
    pub kind: PackKind,
    /// Bytes of the file.
    pub size: u64,
    /// Blobs in it.
    pub blobs: u64,
    /// Bytes of these blobs, uncompressed.
    pub raw: u64,
}

impl PackRecord {
    /// Of the pack `id`, whose file has `size` bytes.
    pub fn new(id: PackId, size: u64, catalogue: &Catalogue) -> Self {
        let raw = catalogue.blobs().map(|(_, len)| u64::from(len)).sum();
        Self { id, kind: catalogue.kind(), size, blobs: catalogue.blobs().len() as u64, raw }
    }

    fn encode(&self) -> [u8; RECORD_LEN] {
        let mut bytes = [0; RECORD_LEN];
        bytes[..32].copy_from_slice(&self.id.0);
        bytes[32] = self.kind.code();
        bytes[33..41].copy_from_slice(&self.size.to_le_bytes());
        bytes[41..49].copy_from_slice(&self.blobs.to_le_bytes());
        bytes[49..].copy_from_slice(&self.raw.to_le_bytes());
        bytes
    }

    fn decode(bytes: &[u8; RECORD_LEN]) -> Option<Self> {
        let number = |at: usize| bytes[at..].first_chunk::<8>().map(|bytes| u64::from_le_bytes(*bytes));
        Some(Self {
            id: PackId(*bytes.first_chunk()?),
            kind: PackKind::from_code(bytes[32])?,
            size: number(33)?,
            blobs: number(41)?,
            raw: number(49)?,
        })
    }
}

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
    Reader(RwLock<ReadOnlyDatabase>),
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
    packs: ReadOnlyTable<u32, [u8; RECORD_LEN]>,
}

impl Index {
    /// Opens the index for writing; an absent, foreign or unusable one is replaced by an empty one.
    pub(super) fn open_writer(path: &Path, repository: RepositoryId) -> Result<Self, StoreError> {
        match Self::try_open_writer(path, repository) {
            Ok(Some(index)) => return Ok(index),
            Ok(None) => {
                log::info!("{} belongs to another repository or version: making it again", path.display());
            }
            Err(error) => log::warn!("{error}: making it again"),
        }
        remove_if_there(path)?;
        Self::try_open_writer(path, repository)?
            .ok_or_else(|| failed(path)("a new index belongs to another repository"))
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
        Self::with_database(database, path, repository)?.ok_or_else(|| failed(path)("it is not empty"))
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
        let transaction = database.begin_write().map_err(failed(path))?;
        {
            let mut meta = transaction.open_table(META).map_err(failed(path))?;
            for (key, wanted) in [(REPOSITORY, repository.0), (LAYOUT, LAYOUT_VERSION)] {
                let found = meta.get(key).map_err(failed(path))?.map(|value| value.value());
                match found {
                    None => drop(meta.insert(key, wanted).map_err(failed(path))?),
                    Some(found) if found == wanted => {}
                    Some(_) => return Ok(None),
                }
            }
            transaction.open_table(BLOBS).map_err(failed(path))?;
            transaction.open_table(PACKS).map_err(failed(path))?;
        }
        transaction.commit().map_err(failed(path))?;
        let handle = Handle::Writer(database);
        Ok(Some(Self { handle, path: path.to_owned(), repository, tables: RwLock::new(None) }))
    }

    /// Opens the index for reading beside any writer. Fails when it is absent, foreign, or was left unclean by a
    /// writer that died: opening it for writing mends that.
    pub(super) fn open_reader(path: &Path, repository: RepositoryId) -> Result<Self, Unreadable> {
        let handle = Handle::Reader(RwLock::new(open_read_only(path, repository)?));
        let index = Self { handle, path: path.to_owned(), repository, tables: RwLock::new(None) };
        fence(path, || index.tables().map(drop)).map_err(Unreadable::Unusable)?;
        Ok(index)
    }

    /// Takes up the file that is there now: a writer replaces one that it cannot use, or that was removed.
    pub(super) fn reopen(&self) -> Result<(), StoreError> {
        if let Handle::Reader(database) = &self.handle {
            let now = open_read_only(&self.path, self.repository)?;
            *database.write().unwrap_or_else(PoisonError::into_inner) = now;
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
            let record = tables.packs.get_owned(number.value()).map_err(failed(&self.path))?;
            Ok(record.and_then(|record| PackRecord::decode(&record.value())).map(|record| record.id))
        })
    }

    /// The complaint that `pack` lacks a blob which it should have.
    pub(super) fn wrong_pack(&self, pack: PackId) -> StoreError {
        failed(&self.path)(format!("it looks for a blob in pack {pack}, which lacks it"))
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
                    record.ok_or_else(|| failed(&self.path)("a pack's record is invalid"))?,
                ));
            }
            Ok(packs)
        })
    }

    /// Adds packs with their blobs, durably. A blob that another pack holds already moves to the new one, unless it is in
    /// a delta there: a delta must find its bases in full.
    pub(super) fn add(&self, packs: &[(PackRecord, Catalogue)]) -> Result<(), StoreError> {
        self.fence(|| self.insert(packs))
    }

    fn insert(&self, packs: &[(PackRecord, Catalogue)]) -> Result<(), StoreError> {
        let transaction = self.database()?.begin_write().map_err(failed(&self.path))?;
        {
            let mut records = transaction.open_table(PACKS).map_err(failed(&self.path))?;
            let mut blobs = transaction.open_table(BLOBS).map_err(failed(&self.path))?;
            let last = records.last().map_err(failed(&self.path))?.map(|(number, _)| number.value());
            let first = last.map_or(0, |last| last + 1);
            // Sorted keys fill the tree's pages from left to right: half the time and file of random ones.
            let mut keys = Vec::with_capacity(packs.iter().map(|(record, _)| record.blobs as usize).sum());
            for (number, (record, catalogue)) in (first..).zip(packs) {
                records.insert(number, record.encode()).map_err(failed(&self.path))?;
                for block in catalogue.blocks() {
                    keys.extend(block.blobs().map(|(id, _)| (id.prefix(), !block.delta, number)));
                }
            }
            keys.sort_unstable();
            for (key, full, number) in keys {
                if full || blobs.get(key).map_err(failed(&self.path))?.is_none() {
                    blobs.insert(key, number).map_err(failed(&self.path))?;
                }
            }
        }
        transaction.commit().map_err(failed(&self.path))?;
        self.refresh();
        Ok(())
    }

    /// Forgets packs that are gone.
    pub(super) fn remove(&self, numbers: &HashSet<u32>) -> Result<(), StoreError> {
        self.fence(|| self.take_out(numbers))
    }

    fn take_out(&self, numbers: &HashSet<u32>) -> Result<(), StoreError> {
        let transaction = self.database()?.begin_write().map_err(failed(&self.path))?;
        {
            let mut records = transaction.open_table(PACKS).map_err(failed(&self.path))?;
            for number in numbers {
                records.remove(number).map_err(failed(&self.path))?;
            }
            let mut blobs = transaction.open_table(BLOBS).map_err(failed(&self.path))?;
            blobs.retain(|_, number| !numbers.contains(&number)).map_err(failed(&self.path))?;
        }
        transaction.commit().map_err(failed(&self.path))?;
        self.refresh();
        Ok(())
    }

    fn fence<T>(&self, work: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
        fence(&self.path, work)
    }

    fn database(&self) -> Result<&Database, StoreError> {
        match &self.handle {
            Handle::Writer(database) => Ok(database),
            Handle::Reader(_) | Handle::Closed => Err(failed(&self.path)("it is open for reading only")),
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
            Handle::Reader(database) => database.read().unwrap_or_else(PoisonError::into_inner).begin_read(),
            Handle::Closed => return Err(failed(&self.path)("it is closed")),
        };
        let transaction = transaction.map_err(failed(&self.path))?;
        let tables = Arc::new(Tables {
            blobs: transaction.open_table(BLOBS).map_err(failed(&self.path))?,
            packs: transaction.open_table(PACKS).map_err(failed(&self.path))?,
        });
        *kept = Some(Arc::clone(&tables));
        Ok(tables)
    }
}

/// Opens this repository's index in this version's layout.
fn open_read_only(path: &Path, repository: RepositoryId) -> Result<ReadOnlyDatabase, Unreadable> {
    let mut builder = Database::builder();
    builder.set_concurrency_mode(ConcurrencyMode::SingleWriter).set_cache_size(READER_CACHE);
    let opened = fenced(|| builder.open_read_only(path));
    let database = match opened.map_err(|reason| Unreadable::Unusable(failed(path)(reason)))? {
        Ok(database) => database,
        Err(error @ DatabaseError::RepairAborted) => return Err(Unreadable::Unclean(failed(path)(error))),
        Err(error) => return Err(Unreadable::Unusable(failed(path)(error))),
    };
    let check = || {
        let transaction = database.begin_read().map_err(failed(path))?;
        let meta = transaction.open_table(META).map_err(failed(path))?;
        for (key, wanted) in [(REPOSITORY, repository.0), (LAYOUT, LAYOUT_VERSION)] {
            let found = meta.get_owned(key).map_err(failed(path))?.map(|value| value.value());
            if found != Some(wanted) {
                return Err(failed(path)("it belongs to another repository or version"));
            }
        }
        Ok(())
    };
    fence(path, check).map_err(Unreadable::Unusable)?;
    Ok(database)
}

impl Drop for Index {
    fn drop(&mut self) {
        let handle = std::mem::replace(&mut self.handle, Handle::Closed);
        let tables = self.tables.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if let Err(reason) = fenced(|| drop((tables, handle))) {
            log::warn!("{}", failed(&self.path)(reason));
        }
    }
}

fn remove_if_there(path: &Path) -> Result<(), StoreError> {
    match disk::remove(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result.map_err(StoreError::io("replace", path)),
    }
}

fn fence<T>(path: &Path, work: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
    fenced(work).unwrap_or_else(|reason| Err(failed(path)(reason)))
}

impl std::fmt::Debug for Index {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Index").field("path", &self.path).finish_non_exhaustive()
    }
}

fn failed<E: ToString>(path: &Path) -> impl Fn(E) -> StoreError {
    move |reason| StoreError::Index { path: path.to_owned(), reason: reason.to_string() }
}
