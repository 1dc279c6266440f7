//! The index: the pack of each blob. It is derived from the packs' catalogues, so its loss costs time, never
//! data.

pub(super) mod basis;
mod change;
mod file;
mod guard;
pub(super) mod live;
mod packs;
mod reached;
pub(super) mod rebuild;
pub(super) mod reconcile;
mod snapshots;

use std::io;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};

use redb::{
    Builder, Database, ReadOnlyDatabase, ReadOnlyTable, ReadableDatabase, ReadableTable, TableDefinition,
    TableError,
};

pub use packs::PackRecord;
pub use snapshots::SnapshotRecord;

use packs::RECORD_LEN;
use snapshots::{Decoded, SNAPSHOTS};

use super::StoreError;
use super::backend::folder::{FileId, Folder, identity_of};
use super::layout::INDEX;
use crate::format::{BlobPrefix, PackId, RepositoryId};
use guard::fenced;

/// The first half of a blob's id → the number of its pack. The pack's catalogue holds the rest. 20 bytes a
/// blob.
const BLOBS: TableDefinition<'_, [u8; 16], u32> = TableDefinition::new("blobs");
/// Further packs that hold a blob. The blob was stored again when its earlier pack could not be read. The
/// other copy serves if one pack is lost or damaged.
const COPIES: TableDefinition<'_, ([u8; 16], u32), ()> = TableDefinition::new("copies");
/// Packs by number.
const PACKS: TableDefinition<'_, u32, [u8; RECORD_LEN]> = TableDefinition::new("packs");
const META: TableDefinition<'_, &str, [u8; 16]> = TableDefinition::new("meta");

const REPOSITORY: &str = "repository";
const LAYOUT: &str = "layout";
/// Version of the tables. It is raised when a table changes its meaning. An index of another layout is made
/// again.
const LAYOUT_VERSION: [u8; 16] = *b"yester index 4\0\0";

/// Stands for the path of an index in memory.
const IN_MEMORY: &str = "(in memory)";

/// One open database. [`LiveIndex`](live::LiveIndex) replaces it when it is damaged.
pub(super) struct Index {
    handle: Handle,
    path: PathBuf,
    repository: RepositoryId,
    /// Folder and identity of the index's file; `None` for an index in memory.
    file: Option<(Arc<Folder>, FileId)>,
    /// Set once a system operation has failed: redb then refuses all further use of the database.
    failed: AtomicBool,
    /// The first error code that the operating system returned.
    os_error: OnceLock<i32>,
    /// The records of snapshots that were decoded last.
    decoded: Mutex<Decoded>,
    /// A transaction kept between look-ups; renewed by [`Index::refresh`].
    tables: RwLock<Option<Arc<Tables>>>,
}

enum Handle {
    Writer(RwLock<Writable>),
    Reader(ReadOnlyDatabase),
    Closed,
}

/// A database that is open for writing.
struct Writable {
    database: Arc<Database>,
    /// Whether every page was verified, or was just written. Pages are verified only before the first change,
    /// so that an import without changes does not pay for it.
    verified: bool,
}

struct Tables {
    blobs: ReadOnlyTable<[u8; 16], u32>,
    copies: ReadOnlyTable<([u8; 16], u32), ()>,
    packs: ReadOnlyTable<u32, [u8; RECORD_LEN]>,
    snapshots: ReadOnlyTable<[u8; 32], &'static [u8]>,
    meta: ReadOnlyTable<&'static str, [u8; 16]>,
}

impl Index {
    /// Creates an empty index in a new file.
    pub(super) fn create(folder: &Arc<Folder>, repository: RepositoryId) -> Result<Self, StoreError> {
        let path = &*folder.path_of(INDEX);
        fence(path, || {
            let file = folder.create_new(INDEX)?;
            let id = identity_of(&file).map_err(StoreError::io("read", path))?;
            let database = file::database(&file::to_write(), path, file).map_err(failed(path))?;
            make_tables(&database, path, repository)?;
            Ok(Self::new(Handle::writer(database, true), path, repository, Some((Arc::clone(folder), id))))
        })
    }

    /// Opens the index for writing. It must be this repository's, and in this version's layout.
    pub(super) fn open_writer(folder: &Arc<Folder>, repository: RepositoryId) -> Result<Self, StoreError> {
        let path = &*folder.path_of(INDEX);
        fence(path, || {
            let (database, id) = open(&file::to_write(), folder, path, repository)?;
            Ok(Self::new(Handle::writer(database, false), path, repository, Some((Arc::clone(folder), id))))
        })
    }

    /// Opens the index for reading, beside any writer. It must be this repository's, and in this version's
    /// layout.
    pub(super) fn open_reader(folder: &Arc<Folder>, repository: RepositoryId) -> Result<Self, StoreError> {
        let path = &*folder.path_of(INDEX);
        fence(path, || {
            let file = folder.file(INDEX).map_err(cannot_open(path))?;
            let id = identity_of(&file).map_err(StoreError::io("read", path))?;
            let database = file::read_only(file).map_err(failed(path))?;
            check_ours(&database, path, repository)?;
            let index = Self::new(Handle::Reader(database), path, repository, Some((Arc::clone(folder), id)));
            index.tables()?;
            Ok(index)
        })
    }

    /// Creates an empty index in memory, for when none can be written to disk.
    pub(super) fn in_memory(repository: RepositoryId) -> Result<Self, StoreError> {
        let path = Path::new(IN_MEMORY);
        let database = Builder::new()
            .set_cache_size(file::WRITER_CACHE)
            .create_with_backend(redb::backends::InMemoryBackend::new())
            .map_err(failed(path))?;
        make_tables(&database, path, repository)?;
        Ok(Self::new(Handle::writer(database, true), path, repository, None))
    }

    fn new(
        handle: Handle,
        path: &Path,
        repository: RepositoryId,
        file: Option<(Arc<Folder>, FileId)>,
    ) -> Self {
        Self {
            handle,
            path: path.to_owned(),
            repository,
            file,
            failed: AtomicBool::new(false),
            os_error: OnceLock::new(),
            decoded: Mutex::default(),
            tables: RwLock::new(None),
        }
    }

    /// Whether the index is only in memory. Then no other process adds to it.
    pub(super) fn is_in_memory(&self) -> bool {
        self.file.is_none()
    }

    /// Identity of the index's file; `None` for an index in memory.
    pub(super) fn file(&self) -> Option<FileId> {
        self.file.as_ref().map(|(_, id)| *id)
    }

    /// Whether the index's file is still the one in this folder, and no operation on it has failed.
    pub(super) fn is_current(&self, folder: &Folder) -> bool {
        let is_there = || self.file().is_some() && folder.identity_at(INDEX) == self.file();
        !self.failed.load(Ordering::Relaxed) && is_there()
    }

    /// Lets later look-ups see what was committed since the last refresh.
    pub(super) fn refresh(&self) {
        *self.tables.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Whether the blob is in some pack.
    pub(super) fn contains(&self, blob: BlobPrefix) -> Result<bool, StoreError> {
        self.fence(|| Ok(self.tables()?.blobs.get_owned(blob.0).map_err(failed(&self.path))?.is_some()))
    }

    /// Returns a pack that holds the blob. `None` if the index has none.
    pub(super) fn pack_of(&self, blob: BlobPrefix) -> Result<Option<PackId>, StoreError> {
        self.fence(|| {
            let tables = self.tables()?;
            let Some(number) = tables.blobs.get_owned(blob.0).map_err(failed(&self.path))? else {
                return Ok(None);
            };
            self.pack(&tables, number.value()).map(Some)
        })
    }

    /// Further packs that hold the blob.
    pub(super) fn copies_of(&self, blob: BlobPrefix) -> Result<Vec<PackId>, StoreError> {
        self.fence(|| {
            let tables = self.tables()?;
            let mut packs = Vec::new();
            let mut order = Ascending::default();
            for item in tables.copies.range(copies(blob.0)).map_err(failed(&self.path))? {
                let (_, number) = item.map_err(failed(&self.path))?.0.value();
                order.check(number, &self.path)?;
                packs.push(self.pack(&tables, number)?);
            }
            Ok(packs)
        })
    }

    fn pack(&self, tables: &Tables, number: u32) -> Result<PackId, StoreError> {
        let record = tables.packs.get_owned(number).map_err(failed(&self.path))?;
        let record = record.and_then(|record| PackRecord::decode(number, &record.value()));
        record
            .map(|record| record.id)
            .ok_or_else(|| wrong(&self.path, "a pack's record is missing or invalid"))
    }

    /// Makes the error that the index does not lead to a stored blob.
    pub(super) fn fault(&self, reason: String) -> StoreError {
        wrong(&self.path, reason)
    }

    /// Calls `visit` for every blob with the first half of its id and its pack's number. Also reads the table
    /// of copies, so that its damage is noticed.
    pub(super) fn each_blob(&self, visit: &mut dyn FnMut(u128, u32)) -> Result<(), StoreError> {
        self.fence(|| {
            let tables = self.tables()?;
            let mut order = Ascending::default();
            for item in tables.blobs.iter().map_err(failed(&self.path))? {
                let (prefix, number) = item.map_err(failed(&self.path))?;
                order.check(prefix.value(), &self.path)?;
                visit(u128::from_le_bytes(prefix.value()), number.value());
            }
            let mut order = Ascending::default();
            for item in tables.copies.iter().map_err(failed(&self.path))? {
                order.check(item.map_err(failed(&self.path))?.0.value(), &self.path)?;
            }
            Ok(())
        })
    }

    /// Every pack, by number.
    pub(super) fn packs(&self) -> Result<Vec<(u32, PackRecord)>, StoreError> {
        self.fence(|| read_packs(&self.tables()?.packs, &self.path))
    }

    fn fence<T>(&self, work: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
        fence(&self.path, work).map_err(|error| {
            self.failed.store(true, Ordering::Relaxed);
            self.cause_of(error)
        })
    }

    /// Returns the error, or the earlier error that caused it. After a system error, redb fails every
    /// operation without naming the cause. All threads need the cause, as an index is made again after a
    /// medium error.
    fn cause_of(&self, error: StoreError) -> StoreError {
        let StoreError::Io { action, object, source } = error else { return error };
        let source = match (source.raw_os_error(), self.os_error.get()) {
            (None, Some(first)) => io::Error::from_raw_os_error(*first),
            (code, _) => {
                code.map(|code| self.os_error.set(code));
                source
            }
        };
        StoreError::Io { action, object, source }
    }

    /// Returns the database, for a change. Verifies it before the first change.
    fn database(&self) -> Result<Arc<Database>, StoreError> {
        let Handle::Writer(writable) = &self.handle else {
            let refused = io::Error::new(io::ErrorKind::PermissionDenied, "it is open for reading only");
            return Err(StoreError::io("write", &self.path)(refused));
        };
        let mut writable = writable.write().unwrap_or_else(PoisonError::into_inner);
        if !writable.verified
            && let Some((folder, known)) = &self.file
        {
            let (database, id) = open(&file::to_change(), folder, &self.path, self.repository)?;
            if id != *known {
                return Err(wrong(&self.path, "another file has taken its place"));
            }
            *writable = Writable { database: Arc::new(database), verified: true };
        }
        Ok(Arc::clone(&writable.database))
    }

    fn tables(&self) -> Result<Arc<Tables>, StoreError> {
        if let Some(tables) = &*self.tables.read().unwrap_or_else(PoisonError::into_inner) {
            return Ok(Arc::clone(tables));
        }
        // The lock is held while the transaction begins. Otherwise a transaction from before a refresh could
        // be kept after it.
        let mut kept = self.tables.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(tables) = &*kept {
            return Ok(Arc::clone(tables));
        }
        let transaction = match &self.handle {
            Handle::Writer(writable) => {
                writable.read().unwrap_or_else(PoisonError::into_inner).database.begin_read()
            }
            Handle::Reader(database) => database.begin_read(),
            Handle::Closed => return Err(wrong(&self.path, "it is closed")),
        };
        let transaction = transaction.map_err(failed(&self.path))?;
        let tables = Arc::new(Tables {
            blobs: transaction.open_table(BLOBS).map_err(failed(&self.path))?,
            copies: transaction.open_table(COPIES).map_err(failed(&self.path))?,
            packs: transaction.open_table(PACKS).map_err(failed(&self.path))?,
            snapshots: transaction.open_table(SNAPSHOTS).map_err(failed(&self.path))?,
            meta: transaction.open_table(META).map_err(failed(&self.path))?,
        });
        *kept = Some(Arc::clone(&tables));
        Ok(tables)
    }
}

impl Handle {
    fn writer(database: Database, verified: bool) -> Self {
        Self::Writer(RwLock::new(Writable { database: Arc::new(database), verified }))
    }
}

/// Opens the index and returns its file's identity. It must be this repository's, and in this version's
/// layout.
fn open(
    builder: &Builder,
    folder: &Folder,
    path: &Path,
    repository: RepositoryId,
) -> Result<(Database, FileId), StoreError> {
    let file = folder.file_to_change(INDEX).map_err(cannot_open(path))?;
    let id = identity_of(&file).map_err(StoreError::io("read", path))?;
    let database = file::database(builder, path, file).map_err(failed(path))?;
    check_ours(&database, path, repository)?;
    Ok((database, id))
}

/// Refuses keys that do not ascend, as a damaged tree may lead in a circle.
struct Ascending<K>(Option<K>);

impl<K> Default for Ascending<K> {
    fn default() -> Self {
        Self(None)
    }
}

impl<K: PartialOrd> Ascending<K> {
    fn check(&mut self, key: K, path: &Path) -> Result<(), StoreError> {
        if self.0.as_ref().is_some_and(|last| *last >= key) {
            return Err(wrong(path, "its keys are not in order"));
        }
        self.0 = Some(key);
        Ok(())
    }
}

/// Reads every pack's record, by number.
fn read_packs(
    table: &impl ReadableTable<u32, [u8; RECORD_LEN]>,
    path: &Path,
) -> Result<Vec<(u32, PackRecord)>, StoreError> {
    let mut packs = Vec::new();
    let mut order = Ascending::default();
    for item in table.iter().map_err(failed(path))? {
        let (number, record) = item.map_err(failed(path))?;
        let number = number.value();
        order.check(number, path)?;
        let record = PackRecord::decode(number, &record.value());
        packs.push((number, record.ok_or_else(|| wrong(path, "a pack's record is invalid"))?));
    }
    Ok(packs)
}

/// The keys of a blob in [`COPIES`].
fn copies(blob: [u8; 16]) -> RangeInclusive<([u8; 16], u32)> {
    (blob, 0)..=(blob, u32::MAX)
}

/// Refuses a database that is not this repository's index, or is in another layout.
fn check_ours(
    database: &impl ReadableDatabase,
    path: &Path,
    repository: RepositoryId,
) -> Result<(), StoreError> {
    let foreign = || wrong(path, "it belongs to another repository or version");
    let transaction = database.begin_read().map_err(failed(path))?;
    let meta = match transaction.open_table(META) {
        Err(TableError::TableDoesNotExist(_)) => return Err(foreign()),
        table => table.map_err(failed(path))?,
    };
    for (key, wanted) in [(REPOSITORY, repository.0), (LAYOUT, LAYOUT_VERSION)] {
        let found = meta.get_owned(key).map_err(failed(path))?.map(|value| value.value());
        if found != Some(wanted) {
            return Err(foreign());
        }
    }
    Ok(())
}

/// Creates all tables in one transaction, so a process that finds one finds all.
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
            log::info!("{}", wrong(&self.path, reason));
        }
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

/// Converts redb's error. A failure of the system is not the index's fault, and redb's text would hide it.
fn failed<E: Into<redb::Error>>(path: &Path) -> impl Fn(E) -> StoreError {
    move |error| match error.into() {
        redb::Error::Io(source) if is_of_the_system(&source) => StoreError::io("use", path)(source),
        redb::Error::PreviousIo => {
            StoreError::io("use", path)(io::Error::other("an earlier operation failed"))
        }
        redb::Error::DatabaseAlreadyOpen | redb::Error::LockProtocolMismatch => StoreError::Locked {
            path: path.to_owned(),
            holder: "a program that shares it in another way".into(),
        },
        error => {
            let unclean = matches!(error, redb::Error::RepairAborted);
            StoreError::Index { path: path.to_owned(), reason: error.to_string(), unclean }
        }
    }
}

/// Whether the system failed, and not redb on wrong bytes. Wrong bytes can also send redb beyond the file's
/// end, and that counts as wrong bytes.
fn is_of_the_system(error: &io::Error) -> bool {
    error.raw_os_error().is_some() && !matches!(error.kind(), io::ErrorKind::InvalidInput)
}

/// Converts an error on opening the file. A file that is absent, not a regular file, or not readable can be
/// replaced by a new index.
fn cannot_open(path: &Path) -> impl FnOnce(StoreError) -> StoreError {
    move |error| match error {
        StoreError::Foreign { found, .. } => wrong(path, format!("it is {found}")),
        StoreError::Io { source, .. } if source.kind() == io::ErrorKind::NotFound => {
            wrong(path, "it is missing")
        }
        StoreError::Io { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
            wrong(path, "permission to open it is denied")
        }
        error => error,
    }
}

/// Length in bytes of the checksum in a record. redb does not notice a flipped bit, and a flipped bit must not
/// look like a missing pack or snapshot.
const CHECKSUM_LEN: usize = 16;

/// The checksum of a record with this key.
fn checksum(key: &[u8], record: &[u8]) -> [u8; CHECKSUM_LEN] {
    let mut checksum = [0; CHECKSUM_LEN];
    blake3::Hasher::new().update(key).update(record).finalize_xof().fill(&mut checksum);
    checksum
}

fn wrong(path: &Path, reason: impl Into<String>) -> StoreError {
    StoreError::Index { path: path.to_owned(), reason: reason.into(), unclean: false }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_system_is_told_apart_from_damage() {
        let path = Path::new("index");
        let told = |error: io::Error| failed(path)(redb::Error::Io(error));
        let full = told(io::Error::from_raw_os_error(if cfg!(windows) { 112 } else { 28 }));
        assert!(full.is_full() && !full.is_index_fault(), "{full}");
        let read_only = told(io::Error::from_raw_os_error(if cfg!(windows) { 19 } else { 30 }));
        assert!(matches!(read_only, StoreError::Io { .. }) && !read_only.is_index_fault(), "{read_only}");
        // A bad sector is a failure of the medium. The new index gets other sectors.
        let medium = told(io::Error::from_raw_os_error(if cfg!(windows) { 1117 } else { 5 }));
        assert!(matches!(medium, StoreError::Io { .. }) && medium.is_index_fault(), "{medium}");
        let later = failed(path)(redb::Error::PreviousIo);
        assert!(!later.is_index_fault(), "{later}");
        for damage in [io::ErrorKind::UnexpectedEof, io::ErrorKind::InvalidData] {
            let damaged = told(damage.into());
            assert!(matches!(damaged, StoreError::Index { .. }), "{damaged}");
        }
    }

    /// Other threads get only the errors that follow the first one. They must replace the index, too.
    #[test]
    fn a_later_failure_has_the_first_cause() {
        let index = Index::in_memory(RepositoryId([1; 16])).unwrap();
        let fail = |error: redb::Error| index.fence(|| Err::<(), _>(failed(&index.path)(error))).unwrap_err();
        assert!(!fail(redb::Error::PreviousIo).is_index_fault());
        let code = if cfg!(windows) { 1117 } else { 5 };
        for error in [redb::Error::Io(io::Error::from_raw_os_error(code)), redb::Error::PreviousIo] {
            assert!(fail(error).is_index_fault());
        }
        assert!(
            fail(redb::Error::PreviousIo)
                .to_string()
                .contains(&io::Error::from_raw_os_error(code).to_string())
        );
    }

    #[test]
    fn keys_that_lead_in_a_circle_are_refused() {
        let path = Path::new("index");
        let check = |keys: &[u32]| {
            let mut order = Ascending::default();
            keys.iter().try_for_each(|key| order.check(*key, path))
        };
        assert!(check(&[1, 2, 9]).is_ok());
        assert!(check(&[1, 2, 1]).is_err());
        assert!(check(&[1, 1]).is_err());
    }
}
