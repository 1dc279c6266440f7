//! The index of an open repository. Whoever meets damage of it makes it again and goes on; nobody has to ask for that.

use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread;
use std::time::Duration;

use super::StoreError;
use super::index::{Index, PackRecord, SnapshotRecord, Unreadable};
use super::lock::WriterLock;
use super::rebuild::{Basis, NewIndex};
use super::reconcile::{open_up_to_date, reconcile};
use crate::format::{BlobId, Catalogue, Manifest, PackId, SnapshotId};

/// How often, and how long apart, a reader tries an index that a writer is just mending.
const RETRIES: (u32, Duration) = (50, Duration::from_millis(100));
/// How often one operation may meet damage: of the index, of one that another process has made, of ours.
const ATTEMPTS: u32 = 3;

/// An index that takes another in its place when it turns out to be damaged. Shared by threads.
#[derive(Debug)]
pub(super) struct LiveIndex {
    current: RwLock<Arc<Index>>,
    basis: Basis,
    role: Role,
    /// One thread makes the index again, and the others wait for it.
    renewing: Mutex<()>,
}

/// What may be done about damage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    /// The lock is held.
    Writer,
    /// The lock is taken for a moment if that is possible.
    Reader,
    /// Damage is to be told of.
    Checker,
}

/// What a check has to know of the index that it opened.
#[derive(Debug)]
pub(super) struct Examined {
    pub(super) index: LiveIndex,
    /// Why the one that was on disk could not be used.
    pub(super) fault: Option<StoreError>,
}

impl LiveIndex {
    fn new(index: Index, basis: Basis, role: Role) -> Self {
        Self { current: RwLock::new(Arc::new(index)), basis, role, renewing: Mutex::default() }
    }

    /// Opens the index to write, and brings it up to date with what is stored. Tells whether packs are gone, or cannot be
    /// read. The lock must be held.
    pub(super) fn open_to_write(mut basis: Basis) -> Result<(Self, bool), StoreError> {
        basis.moves_folder = true;
        let (index, lost) = open_up_to_date(&basis)?;
        Ok((Self::new(index, basis, Role::Writer), lost))
    }

    /// Opens the index to read. One that cannot be read is made again if that is possible, else in memory.
    pub(super) fn open_to_read(basis: Basis) -> Result<Self, StoreError> {
        let mut attempts = 0;
        let index = loop {
            let reason = match basis.open_reader() {
                Ok(index) => break index,
                Err(reason) => StoreError::from(reason),
            };
            let mended =
                basis.folder().and_then(|root| WriterLock::acquire_silently(&root)).and_then(|_lock| {
                    log::info!("{reason}: mending it");
                    open_up_to_date(&basis).map(drop)
                });
            let refused = match mended {
                Ok(()) => match basis.open_reader() {
                    Ok(index) => break index,
                    Err(reason) => StoreError::from(reason),
                },
                // Its holder mends the index before it does anything else.
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

    /// Opens the index as it is. One that cannot be used is made again under the lock, else in memory.
    pub(super) fn open_to_check(basis: Basis, locked: bool) -> Result<Examined, StoreError> {
        let mut opened = basis.open_reader();
        // A writer that was killed is no damage.
        if matches!(opened, Err(Unreadable::Unclean(_))) && locked {
            opened = basis.open_writer().map_err(Unreadable::Unusable).and_then(|index| {
                drop(index);
                basis.open_reader()
            });
        }
        let (index, fault) = match opened {
            Ok(index) => (index, None),
            // On a read-only or a full file system it stays unclean.
            Err(Unreadable::Unclean(reason)) => (made_in_memory(&basis, None, &reason)?.0, None),
            Err(Unreadable::Unusable(fault)) => (renewed_to_read(&basis, None, locked)?.0, Some(fault)),
        };
        Ok(Examined { index: Self::new(index, basis, Role::Checker), fault })
    }

    /// An empty one in memory.
    pub(super) fn in_memory(basis: Basis) -> Result<Self, StoreError> {
        Ok(Self::new(Index::in_memory(basis.repository)?, basis, Role::Checker))
    }

    /// Reads on with an index that knows what is stored: made again under the lock, else in memory. Returns why packs cannot
    /// be read.
    pub(super) fn renewed(&self, locked: bool) -> Result<(Self, Vec<StoreError>), StoreError> {
        let failed = self.current();
        let (index, unreadable) = renewed_to_read(&self.basis, Some(&failed), locked)?;
        Ok((Self::new(index, self.basis.clone(), Role::Checker), unreadable))
    }

    /// The index as it is now.
    pub(super) fn current(&self) -> Arc<Index> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn put(&self, index: Index) -> Arc<Index> {
        let index = Arc::new(index);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&index);
        index
    }

    /// Does `work` with the index; again with another one when this one is damaged.
    fn run<T>(&self, work: impl Fn(&Index) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let mut index = self.current();
        for _ in 1..ATTEMPTS {
            match work(&index) {
                Err(fault) if fault.is_index_fault() && self.role != Role::Checker => {
                    index = self.renew(&index, &fault)?;
                }
                result => return result,
            }
        }
        work(&index)
    }

    /// Another index in the place of one that is damaged.
    fn renew(&self, failed: &Arc<Index>, fault: &StoreError) -> Result<Arc<Index>, StoreError> {
        let _turn = self.renewing.lock().unwrap_or_else(PoisonError::into_inner);
        let current = self.current();
        if !Arc::ptr_eq(&current, failed) {
            return Ok(current);
        }
        if self.role == Role::Writer {
            log::warn!("{fault}; it is made again");
            NewIndex::replacing(&self.basis, Some(failed))?.0.publish(&self.basis)?;
            return Ok(self.put(self.basis.open_writer()?));
        }
        // Perhaps another process has made it again already.
        if !failed.is_in_memory()
            && let Ok(index) = self.basis.open_reader()
            && index.file() != failed.file()
        {
            return Ok(self.put(index));
        }
        log::warn!("{fault}; it is made again");
        let lock = self
            .basis
            .folder()
            .and_then(|root| WriterLock::acquire_silently(&root))
            .inspect_err(|refused| log::info!("{refused}"));
        let (index, _) = renewed_to_read(&self.basis, Some(failed), lock.is_ok())?;
        Ok(self.put(index))
    }

    /// The index does not lead to a blob that is stored: it is made again.
    pub(super) fn distrust(&self, reason: String) -> Result<(), StoreError> {
        if self.role == Role::Checker {
            return Ok(());
        }
        let failed = self.current();
        self.renew(&failed, &failed.misleads(reason)).map(drop)
    }

    /// Takes up the file that is there now, unless it is the one that is open: a writer replaces one that it cannot use,
    /// or that was removed. Lets later look-ups see what is in it.
    pub(super) fn reopen(&self) -> Result<(), StoreError> {
        let current = self.current();
        if self.role != Role::Writer && !current.is_in_memory() && !current.is_current(&*self.basis.folder()?)
        {
            let opened = self.basis.open_reader();
            self.put(opened?);
        }
        self.refresh();
        Ok(())
    }

    /// Whether it is only in memory.
    pub(super) fn is_in_memory(&self) -> bool {
        self.current().is_in_memory()
    }

    /// Lets later look-ups see what was committed meanwhile.
    pub(super) fn refresh(&self) {
        self.current().refresh();
    }

    /// Takes up what writers have added, wherever they have.
    pub(super) fn catch_up(&self) -> Result<(), StoreError> {
        let index = self.current();
        if index.is_in_memory() {
            reconcile(&index, &*self.basis.backend, &self.basis.keys).map(drop)
        } else {
            self.reopen()
        }
    }

    /// Whether the blob is in some pack.
    pub(super) fn contains(&self, id: &BlobId) -> Result<bool, StoreError> {
        self.run(|index| index.contains(id))
    }

    /// The pack that holds the blob.
    pub(super) fn pack_of(&self, id: &BlobId) -> Result<Option<PackId>, StoreError> {
        self.run(|index| index.pack_of(id))
    }

    /// Further packs that hold the blob.
    pub(super) fn copies_of(&self, id: &BlobId) -> Result<Vec<PackId>, StoreError> {
        self.run(|index| index.copies_of(id))
    }

    /// The complaint that `pack` lacks a blob which it should have.
    pub(super) fn wrong_pack(&self, pack: PackId) -> StoreError {
        self.current().misleads(format!("it looks for a blob in pack {pack}, which lacks it"))
    }

    /// Tells of every blob: the first half of its id, and its pack's number. Damage is for the caller to bear, who was told
    /// of some of them.
    pub(super) fn each_blob(&self, tell: &mut dyn FnMut(u128, u32)) -> Result<(), StoreError> {
        self.current().each_blob(tell)
    }

    /// Every pack, by number.
    pub(super) fn packs(&self) -> Result<Vec<(u32, PackRecord)>, StoreError> {
        self.run(Index::packs)
    }

    /// Every snapshot that was recorded, in the order of ids.
    pub(super) fn snapshots(&self) -> Result<Vec<SnapshotRecord>, StoreError> {
        self.run(Index::snapshots)
    }

    /// Adds packs that are stored, durably. Also to an index that is made again meanwhile: it is made of what is stored.
    pub(super) fn add(&self, packs: &[(PackRecord, Catalogue)]) -> Result<(), StoreError> {
        self.run(|index| index.add(packs))
    }

    /// Records a snapshot that was just published. When that fails the snapshot is there all the same, and the next
    /// writer records it.
    pub(super) fn note_snapshot(&self, id: SnapshotId, manifest: &Manifest) {
        if let Err(error) = self.run(|index| index.record_snapshots(&[SnapshotRecord::new(id, manifest)])) {
            log::warn!("{error}");
        }
    }

    /// Forgets a snapshot whose manifest is not there any more, on purpose.
    pub(super) fn forget_snapshot(&self, id: SnapshotId) -> Result<(), StoreError> {
        self.run(|index| index.forget_snapshot(id))
    }
}

/// An index that is made again on disk if that is possible, else in memory; and why packs cannot be read.
fn renewed_to_read(
    basis: &Basis,
    failed: Option<&Index>,
    locked: bool,
) -> Result<(Index, Vec<StoreError>), StoreError> {
    if !locked {
        let reason = StoreError::Locked { path: basis.root(), holder: "another process".into() };
        return made_in_memory(basis, failed, &reason);
    }
    let made = NewIndex::replacing(basis, failed).and_then(|(new, unreadable)| {
        new.publish(basis)?;
        let index = basis.open_reader()?;
        Ok((index, unreadable))
    });
    made.or_else(|refused| made_in_memory(basis, failed, &refused))
}

/// An index in memory, for a read-only or a full file system; and why packs cannot be read.
fn made_in_memory(
    basis: &Basis,
    failed: Option<&Index>,
    refused: &StoreError,
) -> Result<(Index, Vec<StoreError>), StoreError> {
    log::info!("{refused}: making an index in memory");
    let index = Index::in_memory(basis.repository)?;
    let reconciled = reconcile(&index, &*basis.backend, &basis.keys)?;
    index.record_snapshots(&basis.surviving_snapshots(failed))?;
    Ok((index, reconciled.unreadable))
}
