use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use std::{fs, thread};

use super::index::{Index, PackRecord};
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
}

/// An open repository.
#[derive(Debug)]
pub struct Repository {
    root: PathBuf,
    config: Config,
    keys: Keys,
    backend: Arc<dyn Backend>,
    index: Arc<Index>,
    _lock: Option<WriterLock>,
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
        Index::open_writer(&root.join("index.redb"), config.id)?;
        backend.put(&Object::config(), &config.encode())
    }

    /// Opens the repository in `root`.
    pub fn open(root: &Path, access: Access) -> Result<Self, StoreError> {
        let backend = LocalBackend::new(root);
        let config = match backend.get(&Object::config(), MAX_CONFIG) {
            Err(StoreError::Missing(_)) => return Err(StoreError::NotARepository(root.to_owned())),
            // A file, or something below one.
            Err(StoreError::Io { source, .. }) if source.kind() == io::ErrorKind::NotADirectory => {
                return Err(StoreError::NotARepository(root.to_owned()));
            }
            result => result?,
        };
        let config = Config::decode(&config)
            .map_err(StoreError::damaged(format!("the config of the repository {}", root.display())))?;
        let keys = Keys::derive(&config.secret);
        let index_path = root.join("index.redb");
        let (index, lock) = match access {
            Access::Write => {
                let lock = WriterLock::acquire(root)?;
                backend.clear_temporary()?;
                let index = Index::open_writer(&index_path, config.id)?;
                reconcile(&index, &backend, &keys)?;
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
            _lock: lock,
        })
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
        Manifest::open(&self.keys, id, &bytes).map_err(StoreError::damaged(&object))
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
            Err(reason) => reason,
        };
        let mended = WriterLock::acquire(root).and_then(|_lock| {
            log::info!("{reason}: mending it");
            reconcile(&Index::open_writer(path, id)?, backend, keys)
        });
        match mended {
            Ok(()) => {}
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
    Index::open_reader(path, id)
}

/// Makes the index tell of exactly the packs that there are.
pub(super) fn reconcile(index: &Index, backend: &dyn Backend, keys: &Keys) -> Result<(), StoreError> {
    let names = backend.list(ObjectKind::Pack)?;
    let stored: HashSet<PackId> = names.iter().filter_map(|name| PackId::parse(name)).collect();
    let known = index.packs()?;
    let gone: HashSet<u32> =
        known.iter().filter(|(_, record)| !stored.contains(&record.id)).map(|(number, _)| *number).collect();
    if !gone.is_empty() {
        log::warn!("{} packs of the index are gone", gone.len());
        index.remove(&gone)?;
    }
    let known: HashSet<PackId> = known.iter().map(|(_, record)| record.id).collect();
    let mut new: Vec<PackId> = stored.difference(&known).copied().collect();
    new.sort_unstable();
    for batch in new.chunks(RECONCILE_BATCH) {
        let mut packs = Vec::with_capacity(batch.len());
        for pack in batch {
            match read_catalogue(backend, keys, *pack) {
                Ok((catalogue, size)) => packs.push((PackRecord::new(*pack, size, &catalogue), catalogue)),
                // One bad pack must not keep anybody from the others, nor must one in a bad sector.
                Err(error) => log::error!("{error}"),
            }
        }
        index.add(&packs)?;
    }
    Ok(())
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

fn random<const N: usize>() -> Result<[u8; N], StoreError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| StoreError::Io {
        action: "get random bytes for",
        path: "the repository's secret".into(),
        source: io::Error::other(error.to_string()),
    })?;
    Ok(bytes)
}
