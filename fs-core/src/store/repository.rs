use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use std::{fs, thread};

use super::index::{Index, PackRecord, Unreadable};
use super::lock::WriterLock;
use super::reader::read_catalogue;
use super::{Backend, CacheSizes, LocalBackend, Object, ObjectKind, Reader, StoreError, Writer};
use crate::format::limits::{MAX_CONFIG, MAX_MANIFEST};
use crate::format::{Config, Keys, Manifest, PackId, PackKind, RepositoryId, Secret, SnapshotId};

/// What a repository is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Reading, beside one writer and other readers. Writes nothing, unless the index needs mending.
    Read,
    /// Writing: holds the lock.
    Write,
    /// Looking for damage: mends nothing that a check should tell of. Holds the lock where there can be one.
    Check,
}

/// An open repository.
#[derive(Debug)]
pub struct Repository {
    pub(super) root: PathBuf,
    pub(super) config: Config,
    pub(super) keys: Keys,
    pub(super) backend: Arc<dyn Backend>,
    pub(super) index: Arc<Index>,
    /// Packs are gone or cannot be read.
    pub(super) lost_packs: bool,
    /// Why the index is not the one on disk.
    pub(super) index_fault: Option<StoreError>,
    pub(super) lock: Option<WriterLock>,
}

/// Sums over the packs of one kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PackTotals {
    /// Packs.
    pub packs: u64,
    /// Bytes of their files.
    pub stored_bytes: u64,
    /// Blobs in them.
    pub blobs: u64,
    /// Bytes of the blobs, uncompressed.
    pub raw_bytes: u64,
}

/// The index's file.
pub(super) const INDEX: &str = "index.redb";
/// Catalogues held in memory while the index is brought up to date.
const RECONCILE_BATCH: usize = 64;
/// How often, and how long apart, a reader tries an index that a writer is just mending.
const RETRIES: (u32, Duration) = (50, Duration::from_millis(100));

impl Repository {
    /// Makes a repository in `root`, a new or empty directory.
    pub fn init(root: &Path) -> Result<(), StoreError> {
        match fs::read_dir(root) {
            Ok(mut entries) => {
                if root.join("config").exists() {
                    return Err(StoreError::AlreadyExists(root.to_owned()));
                }
                // A lock, a tmp and so on may be left of an `init` that was cut short.
                let ours = ["lock", "tmp", "packs", "snapshots", "index.redb"];
                let backend = LocalBackend::new(root);
                if holds_objects(&backend) {
                    // A new config would have another secret: nothing could be read any more.
                    return Err(StoreError::Missing(Object::config()));
                }
                let foreign = entries.any(|entry| {
                    entry.is_ok_and(|entry| !ours.iter().any(|name| entry.file_name() == *name))
                });
                if foreign {
                    return Err(StoreError::NotEmpty(root.to_owned()));
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(StoreError::io("open", root)(error)),
        }
        let backend = LocalBackend::new(root);
        backend.create_layout()?;
        restrict(root)?;
        let _lock = WriterLock::acquire(root)?;
        let config = Config {
            id: RepositoryId(random()?),
            secret: Secret(random()?),
            created: jiff::Timestamp::now().into(),
        };
        Index::open_writer(&root.join(INDEX), config.id)?;
        backend.put(&Object::config(), &config.encode())
    }

    /// Opens the repository in `root`.
    pub fn open(root: &Path, access: Access) -> Result<Self, StoreError> {
        let backend = LocalBackend::new(root);
        let config = read_config(root, &backend)?;
        let keys = Keys::derive(&config.secret);
        let index_path = root.join(INDEX);
        let (mut index_fault, mut lost_packs) = (None, false);
        let (index, lock) = match access {
            Access::Check => {
                let lock = match WriterLock::acquire(root) {
                    Ok(lock) => Some(lock),
                    Err(locked @ StoreError::Locked { .. }) => return Err(locked),
                    Err(refused) => {
                        log::info!("{refused}: checking without the lock");
                        None
                    }
                };
                let (index, fault) = open_to_check(&index_path, config.id, &backend, &keys, lock.is_some())?;
                index_fault = fault;
                (index, lock)
            }
            Access::Write => {
                let lock = WriterLock::acquire(root)?;
                backend.clear_temporary()?;
                backend.settle(ObjectKind::Config)?;
                backend.settle(ObjectKind::Snapshot)?;
                let index = Index::open_writer(&index_path, config.id)?;
                lost_packs = reconcile(&index, &backend, &keys)?;
                (index, Some(lock))
            }
            Access::Read => (open_for_reading(root, &index_path, config.id, &backend, &keys)?, None),
        };
        Ok(Self {
            root: root.to_owned(),
            config,
            keys,
            backend: Arc::new(backend),
            index: Arc::new(index),
            lost_packs,
            index_fault,
            lock,
        })
    }

    /// Whether the config of the repository in `root` can be read, without which nothing can.
    pub fn check_config(root: &Path) -> Result<(), StoreError> {
        read_config(root, &LocalBackend::new(root)).map(drop)
    }

    /// Its directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Its identity.
    pub fn id(&self) -> RepositoryId {
        self.config.id
    }

    /// Its keys.
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    /// A reader with caches of its own.
    pub fn reader(&self, sizes: CacheSizes) -> Reader {
        Reader::new(Arc::clone(&self.backend), self.keys.clone(), Arc::clone(&self.index), sizes)
    }

    /// Begins to add a snapshot. The repository must be open for writing.
    pub fn writer(&self) -> Result<Writer, StoreError> {
        Writer::new(Arc::clone(&self.backend), self.reader(CacheSizes::default()), Arc::clone(&self.index))
    }

    /// The ids of all snapshots, in no order.
    pub fn snapshots(&self) -> Result<Vec<SnapshotId>, StoreError> {
        let names = self.backend.list(ObjectKind::Snapshot)?;
        Ok(names.iter().filter_map(|name| SnapshotId::parse(name)).collect())
    }

    /// Changes whenever [`snapshots`](Self::snapshots) may; `None` when only asking that can tell.
    pub fn snapshots_stamp(&self) -> Result<Option<u128>, StoreError> {
        self.backend.snapshots_stamp()
    }

    /// The manifest of a snapshot.
    pub fn manifest(&self, id: &SnapshotId) -> Result<Manifest, StoreError> {
        let object = Object::snapshot(*id);
        let bytes = self.backend.get(&object, MAX_MANIFEST)?;
        Manifest::open(&self.keys, id, &bytes).map_err(StoreError::damaged(|| &object))
    }

    /// The names of all packs, in no order.
    pub fn packs(&self) -> Result<Vec<PackId>, StoreError> {
        let names = self.backend.list(ObjectKind::Pack)?;
        Ok(names.iter().filter_map(|name| PackId::parse(name)).collect())
    }

    /// Why the index on disk cannot be used. Of a repository opened to be checked.
    pub fn index_fault(&self) -> Option<&StoreError> {
        self.index_fault.as_ref()
    }

    /// Whether packs were found gone, or cannot be read. Of a repository opened for writing: what snapshots have need not
    /// be there.
    pub fn has_lost_packs(&self) -> bool {
        self.lost_packs
    }

    /// Lets others write while this goes on reading.
    pub fn unlock(&mut self) {
        self.lock = None;
    }

    /// The packs that the index knows, by their numbers.
    pub fn indexed_packs(&self) -> Result<Vec<(u32, PackRecord)>, StoreError> {
        self.index.packs()
    }

    /// Tells of every blob that the index knows: the first 16 bytes of its id, little-endian, and its pack's number.
    pub fn each_indexed_blob(&self, tell: &mut dyn FnMut(u128, u32)) -> Result<(), StoreError> {
        self.index.each_blob(tell)
    }

    /// Reads on with an index in memory, made from the packs that can be read.
    pub fn distrust_index(&mut self) -> Result<(), StoreError> {
        if !self.index.is_in_memory() {
            let index = Index::in_memory(self.config.id)?;
            reconcile(&index, &*self.backend, &self.keys)?;
            self.index = Arc::new(index);
        }
        Ok(())
    }

    /// Sums over the packs of a kind, as the index knows them.
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

/// Opens the index to read. An index that cannot be read is mended if that is possible, else made in memory.
fn open_for_reading(
    root: &Path,
    path: &Path,
    id: RepositoryId,
    backend: &LocalBackend,
    keys: &Keys,
) -> Result<Index, StoreError> {
    for attempt in 0..=RETRIES.0 {
        let reason = match Index::open_reader(path, id) {
            Ok(index) => return Ok(index),
            Err(reason) => StoreError::from(reason),
        };
        let mended = WriterLock::acquire(root).and_then(|_lock| {
            log::info!("{reason}: mending it");
            reconcile(&Index::open_writer(path, id)?, backend, keys)
        });
        match mended {
            Ok(_) => {}
            // Its holder mends the index before it does anything else.
            Err(StoreError::Locked { .. }) if attempt < RETRIES.0 => thread::sleep(RETRIES.1),
            Err(locked @ StoreError::Locked { .. }) => return Err(locked),
            // A read-only or a full file system.
            Err(refused) => {
                log::info!("{refused}: making an index in memory");
                let index = Index::in_memory(id)?;
                reconcile(&index, backend, keys)?;
                return Ok(index);
            }
        }
    }
    Ok(Index::open_reader(path, id)?)
}

/// Opens the index as it is, or makes one in memory and tells why.
fn open_to_check(
    path: &Path,
    id: RepositoryId,
    backend: &LocalBackend,
    keys: &Keys,
    locked: bool,
) -> Result<(Index, Option<StoreError>), StoreError> {
    let mut opened = Index::open_reader(path, id);
    // A writer that was killed is no damage.
    if matches!(opened, Err(Unreadable::Unclean(_))) && locked {
        drop(Index::open_writer(path, id)?);
        opened = Index::open_reader(path, id);
    }
    let fault = match opened {
        Ok(index) => return Ok((index, None)),
        Err(fault) => StoreError::from(fault),
    };
    let index = Index::in_memory(id)?;
    reconcile(&index, backend, keys)?;
    Ok((index, Some(fault)))
}

/// The config of the repository in `root`.
pub(super) fn read_config(root: &Path, backend: &LocalBackend) -> Result<Config, StoreError> {
    let config = match backend.get(&Object::config(), MAX_CONFIG) {
        Err(missing @ StoreError::Missing(_)) if holds_objects(backend) => return Err(missing),
        Err(StoreError::Missing(_)) => return Err(StoreError::NotARepository(root.to_owned())),
        // A file, or something below one.
        Err(StoreError::Io { source, .. }) if source.kind() == io::ErrorKind::NotADirectory => {
            return Err(StoreError::NotARepository(root.to_owned()));
        }
        result => result?,
    };
    Config::decode(&config)
        .map_err(StoreError::damaged(|| format!("the config of the repository {}", root.display())))
}

/// Whether there are packs or snapshots.
fn holds_objects(backend: &LocalBackend) -> bool {
    let any = |kind| backend.list(kind).is_ok_and(|names| !names.is_empty());
    any(ObjectKind::Snapshot) || any(ObjectKind::Pack)
}

/// Makes the index tell of exactly the packs that there are. True when some are gone, or cannot be read.
pub(super) fn reconcile(index: &Index, backend: &dyn Backend, keys: &Keys) -> Result<bool, StoreError> {
    let names = backend.list(ObjectKind::Pack)?;
    let stored: HashSet<PackId> = names.iter().filter_map(|name| PackId::parse(name)).collect();
    let known = index.packs()?;
    // Of a pack that cannot be read nothing may count as stored: the next import stores it again.
    let lost = |record: &PackRecord| !stored.contains(&record.id) || !is_readable(backend, keys, record);
    let lost: HashSet<u32> =
        known.iter().filter(|(_, record)| lost(record)).map(|(number, _)| *number).collect();
    if !lost.is_empty() {
        log::warn!("{} packs of the index are gone or damaged", lost.len());
        index.remove(&lost)?;
    }
    let known: HashSet<PackId> = known.iter().map(|(_, record)| record.id).collect();
    let new = stored.difference(&known).copied().collect();
    let unreadable = add_packs(index, backend, keys, new, &mut |_| true)?;
    Ok(!lost.is_empty() || !unreadable.is_empty())
}

/// Whether a pack that the index knows has kept its size, or else its catalogue. To read each catalogue would cost a
/// seek a pack at each import; `rebuild_index` does.
fn is_readable(backend: &dyn Backend, keys: &Keys, record: &PackRecord) -> bool {
    match backend.size(&Object::pack(record.id)) {
        Ok(size) if size == record.size => true,
        Ok(_) => match read_catalogue(backend, keys, record.id) {
            Err(error) if error.is_damage() => {
                log::error!("{error}");
                false
            }
            _ => true,
        },
        // A bad sector may be read the next time.
        Err(error) => !error.is_damage(),
    }
}

/// Adds packs to the index; those whose catalogue cannot be read are left out and returned. `go_on` hears how many are
/// done, and stops it.
pub(super) fn add_packs(
    index: &Index,
    backend: &dyn Backend,
    keys: &Keys,
    mut new: Vec<PackId>,
    go_on: &mut dyn FnMut(usize) -> bool,
) -> Result<Vec<(PackId, StoreError)>, StoreError> {
    new.sort_unstable();
    // What the index knows must last: blobs in it are not stored again.
    if !new.is_empty() && !index.is_in_memory() {
        backend.settle(ObjectKind::Pack)?;
    }
    let mut unreadable = Vec::new();
    let mut done = 0;
    for batch in new.chunks(RECONCILE_BATCH) {
        let mut packs = Vec::with_capacity(batch.len());
        for pack in batch {
            match read_catalogue(backend, keys, *pack) {
                Ok((catalogue, size)) => packs.push((PackRecord::new(*pack, size, &catalogue), catalogue)),
                // One bad pack must not keep anybody from the others, nor must one in a bad sector.
                Err(error) => {
                    log::error!("{error}");
                    unreadable.push((*pack, error));
                }
            }
        }
        index.add(&packs)?;
        done += batch.len();
        if !go_on(done) {
            break;
        }
    }
    Ok(unreadable)
}

/// Snapshots hold everybody's files: nobody else may read the repository.
fn restrict(root: &Path) -> Result<(), StoreError> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(root, fs::Permissions::from_mode(0o700))
            .map_err(StoreError::io("restrict access to", root))?;
    }
    Ok(())
}

/// Bytes that nobody can foretell.
pub fn random<const N: usize>() -> Result<[u8; N], StoreError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| StoreError::Io {
        action: "get random bytes for",
        path: "the repository's secret".into(),
        source: io::Error::other(error.to_string()),
    })?;
    Ok(bytes)
}
