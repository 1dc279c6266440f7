//! The index of an open repository. A process that finds it damaged makes it again and continues. No command
//! is needed.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread;
use std::time::Duration;

use super::StoreError;
use super::index::{Index, PackRecord, SnapshotRecord, Unreadable};
use super::rebuild::{Basis, INDEX, NewIndex};
use super::reconcile::{open_up_to_date, reconcile};
use crate::format::{BlobId, Catalogue, Manifest, PackId, SnapshotId};

/// Number of attempts, and the pause between them, of a reader while a writer makes the index again.
const RETRIES: (u32, Duration) = (50, Duration::from_millis(100));
/// Maximum number of attempts of one operation. The first index may be damaged, and so may the one that
/// another process has made. The third one is made by this process.
const ATTEMPTS: u32 = 3;

/// An index that replaces itself when it turns out to be damaged. Shared by threads.
#[derive(Debug)]
pub(super) struct LiveIndex {
    current: RwLock<Arc<Index>>,
    basis: Basis,
    role: Role,
    /// Held by the thread that makes the index again; the others wait.
    replacing: Mutex<()>,
    /// The damaged file that is replaced by the index in memory.
    unusable: Mutex<Option<Arc<Index>>>,
}

/// Handling of a damaged index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    /// Makes the index again. A writer holds the lock.
    Writer,
    /// Makes the index again if it can take the lock for a moment.
    Reader,
    /// Reports damage.
    Checker,
}

/// The index that a check has opened.
#[derive(Debug)]
pub(super) struct Examined {
    pub(super) index: LiveIndex,
    /// Why the index on disk could not be used.
    pub(super) fault: Option<StoreError>,
}

impl LiveIndex {
    fn new(index: Index, basis: Basis, role: Role) -> Self {
        Self {
            current: RwLock::new(Arc::new(index)),
            basis,
            role,
            replacing: Mutex::default(),
            unusable: Mutex::default(),
        }
    }

    /// Opens the index for writing and brings it up to date with the stored packs. Also returns whether packs
    /// are missing or unreadable. The lock must be held.
    pub(super) fn open_to_write(mut basis: Basis) -> Result<(Self, bool), StoreError> {
        basis.moves_folder = true;
        let (index, lost) = open_up_to_date(&basis)?;
        Ok((Self::new(index, basis, Role::Writer), lost))
    }

    /// Opens the index for reading. If it cannot be read, it is made again on disk if possible, else in
    /// memory.
    pub(super) fn open_to_read(basis: Basis) -> Result<Self, StoreError> {
        let mut attempts = 0;
        let index = loop {
            let reason = match basis.open_reader() {
                Ok(index) => break index,
                Err(reason) => StoreError::from(reason),
            };
            let mended = basis.locked().and_then(|(_lock, locked)| {
                log::info!("{reason}: mending it");
                open_up_to_date(&locked).map(drop)
            });
            let refused = match mended {
                Ok(()) => match basis.open_reader() {
                    Ok(index) => break index,
                    Err(reason) => StoreError::from(reason),
                },
                // The lock's holder makes the index again before it does anything else.
                Err(StoreError::Locked { .. }) if attempts < RETRIES.0 => {
                    attempts += 1;
                    thread::sleep(RETRIES.1);
                    continue;
                }
                Err(locked @ StoreError::Locked { .. }) => return Err(locked),
                Err(refused) => refused,
            };
            break made_in_memory(&basis, None, &refused)?.0;
        };
        Ok(Self::new(index, basis, Role::Reader))
    }

    /// Opens the index as it is. If the index is unusable, it is made again on disk under the lock, else in
    /// memory.
    pub(super) fn open_to_check(basis: Basis, locked: bool) -> Result<Examined, StoreError> {
        let mut opened = basis.open_reader();
        // An index that a killed writer left is not damaged.
        if matches!(opened, Err(Unreadable::Unclean(_))) && locked {
            match basis.open_writer() {
                Ok(index) => {
                    drop(index);
                    opened = basis.open_reader();
                }
                Err(fault) if fault.is_index_fault() => opened = Err(Unreadable::Unusable(fault)),
                Err(refused) => log::info!("{refused}"),
            }
        }
        let (index, fault) = match opened {
            Ok(index) => (index, None),
            // On a read-only or full file system, the index stays unclean.
            Err(Unreadable::Unclean(reason)) => (made_in_memory(&basis, None, &reason)?.0, None),
            Err(Unreadable::Unusable(fault)) if fault.is_index_fault() => {
                (renewed_to_read(&basis, None, locked)?.0, Some(fault))
            }
            Err(Unreadable::Unusable(error)) => return Err(error),
        };
        Ok(Examined { index: Self::new(index, basis, Role::Checker), fault })
    }

    /// Creates an empty index in memory.
    pub(super) fn in_memory(basis: Basis) -> Result<Self, StoreError> {
        Ok(Self::new(Index::in_memory(basis.repository)?, basis, Role::Checker))
    }

    /// Makes a new index of all stored packs: on disk under the lock, else in memory. Also returns the errors
    /// of packs that cannot be read.
    pub(super) fn renewed(&self, locked: bool) -> Result<(Self, Vec<StoreError>), StoreError> {
        let failed = self.current();
        let (index, unreadable) = renewed_to_read(&self.basis, Some(&failed), locked)?;
        Ok((Self::new(index, self.basis.clone(), Role::Checker), unreadable))
    }

    /// The index in use.
    pub(super) fn current(&self) -> Arc<Index> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn put(&self, index: Index) -> Arc<Index> {
        let index = Arc::new(index);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&index);
        index
    }

    /// Runs `work` on the index. If the index is damaged, replaces it and runs `work` again.
    fn run<T>(&self, work: impl Fn(&Index) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let mut index = self.current();
        for _ in 1..ATTEMPTS {
            match work(&index) {
                Err(fault) if fault.is_index_fault() && self.role != Role::Checker => {
                    index = self.replace(&index, &fault)?;
                }
                result => return result,
            }
        }
        work(&index)
    }

    /// Replaces a damaged index and returns the new one.
    fn replace(&self, failed: &Arc<Index>, fault: &StoreError) -> Result<Arc<Index>, StoreError> {
        let _turn = self.replacing.lock().unwrap_or_else(PoisonError::into_inner);
        let current = self.current();
        if !Arc::ptr_eq(&current, failed) {
            return Ok(current);
        }
        if self.role == Role::Writer {
            log::warn!("{fault}; making it again");
            NewIndex::replacing(&self.basis, Some(failed))?.0.publish(&self.basis)?;
            return Ok(self.put(self.basis.open_writer()?));
        }
        // Another process may have made it again already.
        if !failed.is_in_memory()
            && let Ok(index) = self.basis.open_reader()
            && index.file() != failed.file()
        {
            return Ok(self.put(index));
        }
        log::warn!("{fault}; making it again");
        let (index, _) = match self.basis.locked() {
            Ok((_lock, locked)) => renewed_to_read(&locked, Some(failed), true)?,
            Err(refused) => made_in_memory(&self.basis, Some(failed), &refused)?,
        };
        Ok(if index.is_in_memory() { self.use_memory(index, failed) } else { self.put(index) })
    }

    /// Makes the index again, as it does not lead to a stored blob.
    pub(super) fn distrust(&self, reason: String) -> Result<(), StoreError> {
        if self.role == Role::Checker {
            return Ok(());
        }
        let failed = self.current();
        self.replace(&failed, &failed.fault(reason)).map(drop)
    }

    /// Opens the file on disk, unless it is open already. A writer may have replaced a file that was unusable
    /// or removed. Later look-ups see its content.
    pub(super) fn reopen(&self) -> Result<(), StoreError> {
        let current = self.current();
        if self.role == Role::Reader && current.is_in_memory() {
            self.use_file();
        } else if self.role != Role::Writer
            && !current.is_in_memory()
            && !current.is_current(&*self.basis.folder()?)
        {
            let opened = self.basis.open_reader();
            self.put(opened?);
        }
        self.refresh();
        Ok(())
    }

    /// Opens the file on disk instead of the index in memory, if the file is a new one and can be read.
    fn use_file(&self) {
        let unusable = self.unusable.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let there = self.basis.folder().ok().and_then(|folder| folder.identity_at(INDEX));
        if there.is_some()
            && there != unusable.and_then(|index| index.file())
            && let Ok(index) = self.basis.open_reader()
        {
            self.put(index);
            *self.unusable.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
    }

    /// Adds stored packs that the index lacks: on disk if possible, else in an index in memory. A writer adds
    /// its own packs.
    pub(super) fn add_missing_packs(&self) -> Result<(), StoreError> {
        let index = self.current();
        if self.role != Role::Reader || index.is_in_memory() {
            return Ok(());
        }
        let known: HashSet<PackId> = index.packs()?.into_iter().map(|(_, record)| record.id).collect();
        if self.basis.stored_packs()?.iter().all(|pack| known.contains(pack)) {
            return Ok(());
        }
        let added = self.basis.locked().and_then(|(_lock, locked)| open_up_to_date(&locked));
        match added {
            Ok(_) => self.reopen(),
            Err(StoreError::Locked { .. }) => Ok(()),
            Err(refused) => {
                let (new, _) = made_in_memory(&self.basis, None, &refused)?;
                self.use_memory(new, &index);
                Ok(())
            }
        }
    }

    /// Uses the index in memory `new` instead of the index `unusable`, whose file is unusable or lacks packs.
    fn use_memory(&self, new: Index, unusable: &Arc<Index>) -> Arc<Index> {
        if !unusable.is_in_memory() {
            *self.unusable.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(unusable));
        }
        self.put(new)
    }

    /// Whether the index is only in memory.
    pub(super) fn is_in_memory(&self) -> bool {
        self.current().is_in_memory()
    }

    /// Lets later look-ups see what was committed since the last refresh.
    pub(super) fn refresh(&self) {
        self.current().refresh();
    }

    /// Brings the index up to date with all writers: from the file, or for an index in memory from the packs.
    pub(super) fn bring_up_to_date(&self) -> Result<(), StoreError> {
        self.reopen()?;
        let index = self.current();
        if index.is_in_memory() { reconcile(&index, &self.basis).map(drop) } else { Ok(()) }
    }

    /// Whether the blob is in some pack.
    pub(super) fn contains(&self, id: &BlobId) -> Result<bool, StoreError> {
        self.run(|index| index.contains(id))
    }

    /// Returns a pack that holds the blob. `None` if the index has none.
    pub(super) fn pack_of(&self, id: &BlobId) -> Result<Option<PackId>, StoreError> {
        self.run(|index| index.pack_of(id))
    }

    /// Further packs that hold the blob.
    pub(super) fn copies_of(&self, id: &BlobId) -> Result<Vec<PackId>, StoreError> {
        self.run(|index| index.copies_of(id))
    }

    /// Makes the error that the index looks for a blob in `pack`, which lacks it.
    pub(super) fn wrong_pack(&self, pack: PackId) -> StoreError {
        self.current().fault(format!("it looks for a blob in pack {pack}, which lacks it"))
    }

    /// Calls `visit` for every blob with the first half of its id and its pack's number. Does not replace a
    /// damaged index, as `visit` has already received some blobs.
    pub(super) fn each_blob(&self, visit: &mut dyn FnMut(u128, u32)) -> Result<(), StoreError> {
        self.current().each_blob(visit)
    }

    /// Every pack, by number.
    pub(super) fn packs(&self) -> Result<Vec<(u32, PackRecord)>, StoreError> {
        self.run(Index::packs)
    }

    /// Returns every recorded snapshot, in the order of ids.
    pub(super) fn snapshots(&self) -> Result<Vec<SnapshotRecord>, StoreError> {
        self.run(Index::snapshots)
    }

    /// Adds stored packs, durably. If the index is replaced meanwhile, they are added to the new one, which
    /// is made of all stored packs.
    pub(super) fn add(&self, packs: &[(PackRecord, Catalogue)]) -> Result<(), StoreError> {
        self.run(|index| index.add(packs))
    }

    /// Records a snapshot that was just published. A failure does no harm: the snapshot exists, and the next
    /// writer records it.
    pub(super) fn note_snapshot(&self, id: SnapshotId, manifest: &Manifest) {
        if let Err(error) = self.run(|index| index.record_snapshots(&[SnapshotRecord::new(id, manifest)])) {
            log::warn!("{error}");
        }
    }

    /// Forgets a snapshot whose manifest was removed on purpose.
    pub(super) fn forget_snapshot(&self, id: SnapshotId) -> Result<(), StoreError> {
        self.run(|index| index.forget_snapshot(id))
    }
}

/// Makes the index again: on disk if possible, else in memory. Also returns the errors of packs that cannot
/// be read.
fn renewed_to_read(
    basis: &Basis,
    failed: Option<&Index>,
    locked: bool,
) -> Result<(Index, Vec<StoreError>), StoreError> {
    if !locked {
        let reason = StoreError::Locked { path: basis.root(), holder: "another process".into() };
        return made_in_memory(basis, failed, &reason);
    }
    let made = NewIndex::replacing(basis, failed).and_then(|(new, mut unreadable)| {
        // The medium may read such a pack later. By then, an index on disk would have forgotten it.
        if let Some(at) = unreadable.iter().position(|error| !error.is_damage()) {
            new.discard()?;
            return Err(unreadable.swap_remove(at));
        }
        new.publish(basis)?;
        let index = basis.open_reader()?;
        Ok((index, unreadable))
    });
    made.or_else(|refused| made_in_memory(basis, failed, &refused))
}

/// Makes an index in memory, as on a read-only or full file system. Also returns the errors of packs that
/// cannot be read.
fn made_in_memory(
    basis: &Basis,
    failed: Option<&Index>,
    refused: &StoreError,
) -> Result<(Index, Vec<StoreError>), StoreError> {
    log::info!("{refused}: making an index in memory");
    let index = Index::in_memory(basis.repository)?;
    let reconciled = reconcile(&index, basis)?;
    index.record_snapshots(&basis.surviving_snapshots(failed))?;
    Ok((index, reconciled.unreadable))
}
