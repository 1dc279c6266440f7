//! The index made again from the packs.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::disk;
use super::index::Index;
use super::local::sync_directory;
use super::lock::WriterLock;
use super::reconcile::{add_packs, record_snapshots};
use super::repository::read_config;
use super::{Backend, LocalBackend, ObjectKind, Repository, SnapshotRecord, StoreError};
use crate::format::{Keys, PackId, RepositoryId};
use crate::monitor::{Cancellation, Monitor, Phase, Work};

/// The index's file. Another way of locking it needs another name: processes that lock it differently may not notice
/// each other.
pub(crate) const INDEX: &str = "index-2.redb";
/// What it was called when it was locked in another way.
pub(super) const OLD_INDEX: &str = "index.redb";

/// What became of the index.
#[derive(Debug)]
pub struct Rebuilt {
    /// Packs in it.
    pub packs: u64,
    /// Packs that cannot be read, so that nothing of them is in it; and why.
    pub unreadable: Vec<(PackId, StoreError)>,
}

impl Repository {
    /// Makes the index of the repository in `root` again. It knows of no snapshot whose manifest is gone. Readers go on
    /// with the old one until they miss something in it. `None` when it was asked to stop: then the old one stays.
    pub fn rebuild_index(
        root: &Path,
        monitor: &dyn Monitor,
        cancellation: &Cancellation,
    ) -> Result<Option<Rebuilt>, StoreError> {
        let backend = LocalBackend::new(root);
        let config = read_config(root, &backend)?;
        let _lock = WriterLock::acquire(root)?;
        backend.clear_temporary()?;
        let basis = Basis {
            root: root.to_owned(),
            repository: config.id,
            backend: Arc::new(backend),
            keys: Keys::derive(&config.secret),
        };
        let packs = basis.stored_packs()?;
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

/// What an index is made of, and where it is.
#[derive(Debug, Clone)]
pub(super) struct Basis {
    pub(super) root: PathBuf,
    pub(super) repository: RepositoryId,
    pub(super) backend: Arc<dyn Backend>,
    pub(super) keys: Keys,
}

impl Basis {
    /// The index's path.
    pub(super) fn path(&self) -> PathBuf {
        self.root.join(INDEX)
    }

    /// What an index that cannot be used, or the one on disk, still knows of snapshots. That a manifest is gone is known
    /// nowhere else.
    pub(super) fn surviving_snapshots(&self, failed: Option<&Index>) -> Vec<SnapshotRecord> {
        match failed {
            Some(index) => index.surviving_snapshots(&self.keys),
            None => Index::open_reader(&self.path(), self.repository)
                .map_or_else(|_| Vec::new(), |index| index.surviving_snapshots(&self.keys)),
        }
    }

    pub(super) fn stored_packs(&self) -> Result<Vec<PackId>, StoreError> {
        let names = self.backend.list(ObjectKind::Pack)?;
        Ok(names.iter().filter_map(|name| PackId::parse(name)).collect())
    }
}

/// An index beside the one in use, so that nobody ever finds none.
pub(super) struct NewIndex {
    path: PathBuf,
    index: Index,
}

impl NewIndex {
    /// Makes it of these packs. Returns those that cannot be read, too. The lock must be held.
    pub(super) fn make(
        basis: &Basis,
        packs: Vec<PackId>,
        go_on: &mut dyn FnMut(usize) -> bool,
    ) -> Result<(Self, Vec<(PackId, StoreError)>), StoreError> {
        Self::of(basis, packs, &[], go_on)
    }

    /// Makes it of all packs that can be read, in the place of one that cannot be used. Returns why packs cannot be read. The
    /// lock must be held.
    pub(super) fn replacing(
        basis: &Basis,
        failed: Option<&Index>,
    ) -> Result<(Self, Vec<StoreError>), StoreError> {
        let surviving = basis.surviving_snapshots(failed);
        let (new, unreadable) = Self::of(basis, basis.stored_packs()?, &surviving, &mut |_| true)?;
        Ok((new, unreadable.into_iter().map(|(_, error)| error).collect()))
    }

    fn of(
        basis: &Basis,
        packs: Vec<PackId>,
        recorded: &[SnapshotRecord],
        go_on: &mut dyn FnMut(usize) -> bool,
    ) -> Result<(Self, Vec<(PackId, StoreError)>), StoreError> {
        let folder = basis.root.join("tmp");
        disk::create_directory(&folder).map_err(StoreError::io("create", &folder))?;
        let path = folder.join(INDEX);
        remove_if_there(&path)?;
        let new = Self { index: Index::create(&path, basis.repository)?, path };
        let fill = || {
            let unreadable = add_packs(&new.index, &*basis.backend, &basis.keys, packs, go_on)?;
            new.record(recorded)?;
            record_snapshots(&new.index, &*basis.backend, &basis.keys)?;
            Ok(unreadable)
        };
        match fill() {
            Ok(unreadable) => Ok((new, unreadable)),
            Err(error) => {
                // Frees a full disk again.
                let _ = new.discard();
                Err(error)
            }
        }
    }

    /// Lets it know these snapshots too, whose manifests are lost.
    pub(super) fn record(&self, lost: &[SnapshotRecord]) -> Result<(), StoreError> {
        if lost.is_empty() { Ok(()) } else { self.index.record_snapshots(lost) }
    }

    fn discard(self) -> Result<(), StoreError> {
        drop(self.index);
        disk::remove(&self.path).map_err(StoreError::io("remove", &self.path))
    }

    /// Puts it in the place of the one in use, or of whatever has its name.
    pub(super) fn publish(self, basis: &Basis) -> Result<(), StoreError> {
        drop(self.index);
        let path = basis.path();
        if path.symlink_metadata().is_ok_and(|metadata| metadata.is_dir()) {
            move_away(basis, &path)?;
        }
        #[cfg(unix)]
        give_to_owner(&basis.root, &self.path);
        disk::rename(&self.path, &path).map_err(StoreError::io("replace", &path))?;
        let old = basis.root.join(OLD_INDEX);
        if let Err(error) = remove_if_there(&old) {
            log::info!("{error}");
        }
        sync_directory(&basis.root)
    }
}

/// Moves a folder that has the index's name out of the way. What is in it is not ours to remove.
fn move_away(basis: &Basis, path: &Path) -> Result<(), StoreError> {
    let folder = basis.root.join("damaged");
    disk::create_directory(&folder).map_err(StoreError::io("create", &folder))?;
    let names = (1..).map(|number| folder.join(format!("{INDEX}.{number}")));
    let mut free = names.skip_while(|path| path.symlink_metadata().is_ok());
    let aside = free.next().unwrap_or_default();
    disk::rename(path, &aside).map_err(StoreError::io("move away", path))?;
    log::warn!("a folder is in the place of the index: moved to {}", aside.display());
    Ok(())
}

/// Root may mend the index of anybody's repository; the owner must be able to write to it afterwards.
#[cfg(unix)]
fn give_to_owner(root: &Path, path: &Path) {
    use std::os::unix::fs::{MetadataExt, lchown};
    if let (Ok(owner), Ok(now)) = (root.metadata(), path.symlink_metadata())
        && owner.uid() != now.uid()
        && let Err(error) = lchown(path, Some(owner.uid()), Some(owner.gid()))
    {
        log::debug!("{}: {error}", path.display());
    }
}

fn remove_if_there(path: &Path) -> Result<(), StoreError> {
    match disk::remove(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result.map_err(StoreError::io("remove", path)),
    }
}
