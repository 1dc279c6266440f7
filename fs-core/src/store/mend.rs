//! Repairs a repository: replaces damaged packs by salvaged ones, and makes the index again.

use std::collections::HashSet;
use std::sync::Arc;

use super::live_index::LiveIndex;
use super::lock::WriterLock;
use super::rebuild::{Basis, NewIndex};
use super::reconcile::add_packs;
use super::salvage::{PackNames, Salvage, Salvaged, Salvages};
use super::scan::Scanner;
use super::{Backend, Object, ObjectKind, Reader, Repository, SnapshotRecord, StoreError};
use crate::format::{PackId, SnapshotId};
use crate::monitor::Cancellation;

impl Repository {
    /// Makes packs of the intact blocks of a damaged pack. `deltas` includes delta blocks: their bases may be
    /// in another damaged pack, so `reader` must find them. `None` when cancelled.
    pub fn salvage(
        &self,
        reader: &Reader,
        from: PackId,
        deltas: bool,
        names: &PackNames,
        cancellation: &Cancellation,
    ) -> Result<Option<Salvages>, StoreError> {
        Scanner { packs: &*self.local, reader, cancellation }.salvage(from, deltas, names)
    }

    /// Takes the lock, if it is not held. A check continues without it.
    pub fn lock(&mut self) -> Result<(), StoreError> {
        if self.lock.is_none() {
            self.lock = Some(WriterLock::acquire(&self.local.root())?);
            self.local.pin();
        }
        Ok(())
    }

    /// Lets later reads see the repository as if damaged packs were replaced already, with an index in
    /// memory. Writes nothing.
    pub fn preview_repair(&mut self, names: &PackNames, salvages: &[Salvage]) -> Result<(), StoreError> {
        let below = Arc::clone(&self.local) as Arc<dyn Backend>;
        self.backend = Arc::new(Salvaged::new(below, names.damaged.iter().copied(), salvages));
        // It replaces the previous index, which may be in memory, too: there is no room for two.
        self.index = Arc::new(LiveIndex::in_memory(self.basis())?);
        let packs = packs_after(names, salvages);
        let index = self.index.current();
        let unreadable = add_packs(&index, &*self.backend, &self.keys, packs, &mut |_| true)?;
        all_readable(unreadable)
    }

    /// Replaces the damaged packs by the salvaged ones. Makes the index again if `new_index` is set or packs
    /// were replaced. The returned repository is open for writing. The lock must be held. Also returns the
    /// paths of the quarantined packs. `lost` are snapshots whose manifests are lost. The index keeps them
    /// until [`quarantine_snapshot`](Self::quarantine_snapshot).
    ///
    /// Before anything is quarantined, the salvaged packs are durable and the new index is in use.
    pub fn replace_packs(
        self,
        names: &PackNames,
        salvages: &[Salvage],
        new_index: bool,
        forgets_most: bool,
        lost: &[SnapshotRecord],
    ) -> Result<(Self, Vec<(PackId, String)>), StoreError> {
        let Self { local: backend, config, keys, index, lock, .. } = self;
        drop(index);
        let basis =
            Basis { moves_folder: true, forgets_most: true, ..Basis::of(&backend, config.id, keys.clone()) };
        backend.clear_temporary()?;
        for kind in [ObjectKind::Config, ObjectKind::Snapshot, ObjectKind::Pack, ObjectKind::Tag] {
            backend.sync(kind)?;
        }
        // A pack that replaces its own damaged file is stored last, as other packs read from that file.
        let (same, other): (Vec<&Salvage>, Vec<&Salvage>) =
            salvages.iter().partition(|salvage| salvage.id == salvage.from);
        for salvage in other.into_iter().chain(same) {
            backend.put(&Object::pack(salvage.id), &salvage.verified_bytes(&keys, &*backend)?)?;
        }
        let replaced = |pack: &PackId| salvages.iter().any(|salvage| salvage.id == *pack);
        let mut gone: Vec<PackId> = names.damaged.iter().copied().filter(|pack| !replaced(pack)).collect();
        gone.sort_unstable();
        let mut aside = Vec::with_capacity(gone.len());
        let is_new = new_index || !names.damaged.is_empty();
        if is_new {
            let packs = packs_after(names, salvages);
            let (new, unreadable) = NewIndex::make(&basis, packs, &mut |_| true)?;
            all_readable(unreadable)?;
            new.record(lost)?;
            // The new index is published first, so that readers never look for a quarantined pack. A writer
            // that runs in between adds the damaged packs to the index again, as further copies of the
            // salvaged blobs.
            new.publish(&basis)?;
            for pack in gone {
                match backend.quarantine(&Object::pack(pack)) {
                    Err(StoreError::Missing(_)) => {}
                    place => aside.push((pack, place?)),
                }
            }
        }
        // The new index lacks the damaged packs already. Any other missing pack went away meanwhile.
        let basis = Basis { forgets_most: !is_new && forgets_most, ..basis };
        let (index, lost_packs) = LiveIndex::open_to_write(basis)?;
        let repository = Self {
            config,
            keys,
            backend: Arc::clone(&backend) as Arc<dyn Backend>,
            local: backend,
            index: Arc::new(index),
            lost_packs,
            index_fault: None,
            mends_index: true,
            lock,
        };
        Ok((repository, aside))
    }

    fn basis(&self) -> Basis {
        Basis::of(&self.local, self.config.id, self.keys.clone())
    }

    /// Quarantines a snapshot's manifest and returns its new path. `None` if the manifest was missing
    /// already.
    pub fn quarantine_snapshot(&self, id: &SnapshotId) -> Result<Option<String>, StoreError> {
        // The record is removed first. If a crash came in between, every later check would report a missing
        // snapshot.
        self.index.forget_snapshot(*id)?;
        match self.backend.quarantine(&Object::snapshot(*id)) {
            Err(StoreError::Missing(_)) => Ok(None),
            place => place.map(Some),
        }
    }
}

/// The packs of the repository after the repair.
fn packs_after(names: &PackNames, salvages: &[Salvage]) -> Vec<PackId> {
    let salvaged = salvages.iter().map(|salvage| salvage.id);
    let packs: HashSet<PackId> = names.sound.iter().copied().chain(salvaged).collect();
    packs.into_iter().collect()
}

/// Fails on any error. These packs were read a moment ago, so an error now may pass and is not a loss.
fn all_readable(unreadable: Vec<(PackId, StoreError)>) -> Result<(), StoreError> {
    unreadable.into_iter().next().map_or(Ok(()), |(_, error)| Err(error))
}
