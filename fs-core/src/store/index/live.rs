//! The index of an open repository. A process that finds it damaged makes it again and continues. No command
//! is needed.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread;
use std::time::Duration;

use crate::format::{BlobPrefix, Catalogue, Manifest, PackId, SnapshotId};
use crate::store::StoreError;
use crate::store::index::basis::{Access, Basis};
use crate::store::index::rebuild::NewIndex;
use crate::store::index::reconcile::{reconcile, record_snapshots};
use crate::store::index::{Index, PackRecord, SnapshotRecord};
use crate::store::layout::INDEX;

/// Number of attempts, and the pause between them, of a reader while a writer makes the index again.
const RETRIES: (u32, Duration) = (50, Duration::from_millis(100));
/// Maximum number of attempts of one operation. The first index may be damaged, and so may the one that
/// another process has made. The third one is made by this process.
const ATTEMPTS: u32 = 3;

/// An index that replaces itself when it turns out to be damaged. Shared by threads.
#[derive(Debug)]
pub(crate) struct LiveIndex {
    current: RwLock<Arc<Index>>,
    basis: Basis,
    /// Held by the thread that makes the index again; the others wait.
    replacing: Mutex<()>,
    /// The damaged file that is replaced by the index in memory.
    unusable: Mutex<Option<Arc<Index>>>,
}

impl LiveIndex {
    fn new(index: Index, basis: Basis) -> Self {
        Self {
            current: RwLock::new(Arc::new(index)),
            basis,
            replacing: Mutex::default(),
            unusable: Mutex::default(),
        }
    }

    /// Opens the index in the way that the basis's access demands. `locked` tells whether the caller holds
    /// the lock. A writer must hold it.
    ///
    /// A writer brings the index up to date with the stored packs. A reader makes a faulty index again: on
    /// disk if it can take the lock for a moment, else in memory. A check does the same, but only under a
    /// lock that it holds already.
    ///
    /// Also returns why the index on disk could not be used, for a check; and for a writer, whether packs are
    /// missing or unreadable.
    pub(crate) fn open(basis: Basis, locked: bool) -> Result<(Self, Option<StoreError>, bool), StoreError> {
        let (index, fault, lost_packs) = match basis.access {
            Access::Write | Access::Heal => {
                let (index, lost) = open_up_to_date(&basis)?;
                (index, None, lost)
            }
            Access::Read => (open_to_read(&basis)?, None, false),
            Access::Check | Access::Preview => {
                let (index, fault) = open_to_check(&basis, locked && basis.access == Access::Check)?;
                (index, fault, false)
            }
        };
        Ok((Self::new(index, basis), fault, lost_packs))
    }

    /// Creates an empty index in memory.
    pub(crate) fn in_memory(basis: Basis) -> Result<Self, StoreError> {
        Ok(Self::new(Index::in_memory(basis.repository)?, basis))
    }

    /// Makes a new index of all stored packs: on disk under the lock, else in memory. Also returns the errors
    /// of packs that cannot be read.
    pub(crate) fn renewed(&self, locked: bool) -> Result<(Self, Vec<StoreError>), StoreError> {
        let failed = self.current();
        let (index, unreadable) = make_again(&self.basis, Some(&failed), locked)?;
        Ok((Self::new(index, self.basis.clone()), unreadable))
    }

    /// The index in use.
    pub(crate) fn current(&self) -> Arc<Index> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn put(&self, index: Index) -> Arc<Index> {
        let index = Arc::new(index);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&index);
        index
    }

    /// Runs `work` on the index. If the index is damaged, replaces it and runs `work` again.
    pub(crate) fn run<T>(&self, work: impl Fn(&Index) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let mut index = self.current();
        for _ in 1..ATTEMPTS {
            match work(&index) {
                Err(fault) if fault.is_index_fault() && !self.basis.access.is_check() => {
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
        if self.basis.access.is_write() {
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
        let (index, _) = match self.basis.lock_silently() {
            Ok(_lock) => make_again(&self.basis, Some(failed), true)?,
            Err(refused) => make_in_memory(&self.basis, Some(failed), &refused)?,
        };
        Ok(if index.is_in_memory() { self.use_memory(index, failed) } else { self.put(index) })
    }

    /// Makes the index again, as it does not lead to a stored blob.
    pub(crate) fn distrust(&self, reason: String) -> Result<(), StoreError> {
        if self.basis.access.is_check() {
            return Ok(());
        }
        let failed = self.current();
        self.replace(&failed, &failed.fault(reason)).map(drop)
    }

    /// Opens the file on disk, unless it is open already. A writer may have replaced a file that was unusable
    /// or removed. Later look-ups see its content.
    pub(crate) fn reopen(&self) -> Result<(), StoreError> {
        let current = self.current();
        if self.basis.access == Access::Read && current.is_in_memory() {
            self.use_file();
        } else if !self.basis.access.is_write()
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
    pub(crate) fn add_missing_packs(&self) -> Result<(), StoreError> {
        let index = self.current();
        if self.basis.access != Access::Read || index.is_in_memory() {
            return Ok(());
        }
        let known: HashSet<PackId> = index.packs()?.into_iter().map(|(_, record)| record.id).collect();
        if self.basis.stored_packs()?.iter().all(|pack| known.contains(pack)) {
            return Ok(());
        }
        let added = self.basis.lock_silently().and_then(|_lock| open_up_to_date(&self.basis));
        match added {
            Ok(_) => self.reopen(),
            Err(StoreError::Locked { .. }) => Ok(()),
            Err(refused) => {
                let (new, _) = make_in_memory(&self.basis, None, &refused)?;
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

    /// Lets later look-ups see what was committed since the last refresh.
    pub(crate) fn refresh(&self) {
        self.current().refresh();
    }

    /// Brings the index up to date with all writers: from the file, or for an index in memory from the packs.
    pub(crate) fn bring_up_to_date(&self) -> Result<(), StoreError> {
        self.reopen()?;
        let index = self.current();
        if index.is_in_memory() { reconcile(&index, &self.basis).map(drop) } else { Ok(()) }
    }

    /// Returns a pack that holds the blob. `None` if the index has none.
    pub(crate) fn pack_of(&self, blob: BlobPrefix) -> Result<Option<PackId>, StoreError> {
        self.run(|index| index.pack_of(blob))
    }

    /// Every pack, by number.
    pub(crate) fn packs(&self) -> Result<Vec<(u32, PackRecord)>, StoreError> {
        self.run(Index::packs)
    }

    /// Adds stored packs, durably. If the index is replaced meanwhile, they are added to the new one, which
    /// is made of all stored packs.
    pub(crate) fn add(&self, packs: &[(PackRecord, Catalogue)]) -> Result<(), StoreError> {
        self.run(|index| index.add(packs))
    }

    /// Records a snapshot that was just published, in the log's record `number`. A failure does no harm: the
    /// snapshot exists, and the next writer records it.
    pub(crate) fn note_snapshot(&self, id: SnapshotId, manifest: &Manifest, number: u64) {
        let record = SnapshotRecord::new(id, manifest);
        if let Err(error) = self.run(|index| index.record_commit(&record, number)) {
            log::warn!("{error}");
        }
    }

    /// Notes that the log has reached a number. A failure does no harm, as for a snapshot.
    pub(crate) fn note_log(&self, number: u64) {
        if let Err(error) = self.run(|index| index.note_log(number)) {
            log::warn!("{error}");
        }
    }

    /// The highest number that the log is known to have reached; 0 if none is known.
    pub(crate) fn log_number(&self) -> u64 {
        self.current().log_number().unwrap_or_else(|error| {
            log::debug!("{error}");
            0
        })
    }
}

/// Opens the index for writing and brings it up to date. Makes it again if it is unusable. Also returns
/// whether packs are missing or unreadable. The lock must be held.
pub(crate) fn open_up_to_date(basis: &Basis) -> Result<(Index, bool), StoreError> {
    let opened = basis.open_writer().and_then(|index| {
        let (gone, unreadable) = reconcile(&index, basis)?;
        record_snapshots(&index, basis)?;
        Ok((index, gone || !unreadable.is_empty()))
    });
    match opened {
        Err(fault) if fault.is_index_fault() => {
            log::info!("{fault}: making it again");
            let (new, unreadable) = NewIndex::replacing(basis, None)?;
            new.publish(basis)?;
            Ok((basis.open_writer()?, !unreadable.is_empty()))
        }
        opened => opened,
    }
}

/// Opens the index for reading. If it cannot be read, it is made again on disk if possible, else in memory.
fn open_to_read(basis: &Basis) -> Result<Index, StoreError> {
    let mut attempts = 0;
    loop {
        let reason = match basis.open_reader() {
            Ok(index) => return Ok(index),
            Err(reason) => reason,
        };
        let mended = basis.lock_silently().and_then(|_lock| {
            log::info!("{reason}: mending it");
            open_up_to_date(basis).map(drop)
        });
        match mended.and_then(|()| basis.open_reader()) {
            // The lock's holder makes the index again before it does anything else.
            Err(StoreError::Locked { .. }) if attempts < RETRIES.0 => {
                attempts += 1;
                thread::sleep(RETRIES.1);
            }
            result @ (Ok(_) | Err(StoreError::Locked { .. })) => return result,
            Err(refused) => return Ok(make_in_memory(basis, None, &refused)?.0),
        }
    }
}

/// Opens the index as it is, and says why the one on disk cannot be used. Such an index is made again: on
/// disk if `on_disk` is set, else in memory.
fn open_to_check(basis: &Basis, on_disk: bool) -> Result<(Index, Option<StoreError>), StoreError> {
    let mut opened = basis.open_reader();
    // An index that a killed writer left is not damaged.
    if matches!(opened, Err(StoreError::Index { unclean: true, .. })) && on_disk {
        match basis.open_writer() {
            Ok(index) => {
                drop(index);
                opened = basis.open_reader();
            }
            Err(fault) if fault.is_index_fault() => opened = Err(fault),
            Err(refused) => log::info!("{refused}"),
        }
    }
    match opened {
        Ok(index) => Ok((index, None)),
        // On a read-only or full file system, the index stays unclean.
        Err(reason @ StoreError::Index { unclean: true, .. }) => {
            Ok((make_in_memory(basis, None, &reason)?.0, None))
        }
        Err(fault) if fault.is_index_fault() => Ok((make_again(basis, None, on_disk)?.0, Some(fault))),
        Err(error) => Err(error),
    }
}

/// Makes the index again: on disk if possible, else in memory. Also returns the errors of packs that cannot
/// be read.
fn make_again(
    basis: &Basis,
    failed: Option<&Index>,
    locked: bool,
) -> Result<(Index, Vec<StoreError>), StoreError> {
    if !locked {
        let reason = StoreError::Locked { path: basis.root().to_owned(), holder: "another process".into() };
        return make_in_memory(basis, failed, &reason);
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
    made.or_else(|refused| make_in_memory(basis, failed, &refused))
}

/// Makes an index in memory, as on a read-only or full file system. Also returns the errors of packs that
/// cannot be read.
fn make_in_memory(
    basis: &Basis,
    failed: Option<&Index>,
    refused: &StoreError,
) -> Result<(Index, Vec<StoreError>), StoreError> {
    log::info!("{refused}: making an index in memory");
    let index = Index::in_memory(basis.repository)?;
    let (_, unreadable) = reconcile(&index, basis)?;
    index.record_snapshots(&basis.surviving_snapshots(failed))?;
    Ok((index, unreadable))
}
