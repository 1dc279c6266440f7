//! Repairs a repository: replaces damaged packs by salvaged ones, and makes the index again.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use crate::format::log::LogState;
use crate::format::{PackId, SnapshotId};
use crate::monitor::Cancellation;
use crate::store::index::basis::Basis;
use crate::store::index::live::LiveIndex;
use crate::store::index::rebuild::NewIndex;
use crate::store::index::reconcile::add_packs;
use crate::store::repair::salvage::{PackNames, Salvage, Salvaged, Salvages};
use crate::store::repair::scan::Scanner;
use crate::store::{Access, Object, ObjectKind, Reader, Repository, SnapshotRecord, StoreError};

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
        Scanner { packs: &*self.basis.backend, reader, cancellation }.salvage(from, deltas, names)
    }

    /// Lets later reads see the repository as if damaged packs were replaced already, with an index in
    /// memory. Writes nothing.
    pub fn preview_repair(&mut self, names: &PackNames, salvages: &[Salvage]) -> Result<(), StoreError> {
        let below = Arc::clone(&self.basis.backend);
        self.backend = Arc::new(Salvaged::new(below, self.basis.keys.clone(), names, salvages));
        // It replaces the previous index, which may be in memory, too: there is no room for two.
        self.index = Arc::new(LiveIndex::in_memory(self.basis.clone())?);
        let packs = packs_after(names, salvages);
        let index = self.index.current();
        let unreadable = add_packs(&index, &*self.backend, self.keys(), packs, &mut |_| true)?;
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
        let Self { basis, lock, .. } = self;
        let basis = Basis { access: Access::Heal, ..basis };
        let backend = &basis.backend;
        basis.state()?.clear_temporary()?;
        for kind in [ObjectKind::Config, ObjectKind::Snapshot, ObjectKind::Pack, ObjectKind::Record] {
            backend.sync(kind)?;
        }
        // A pack that replaces its own damaged file is stored last, as other packs read from that file.
        let (same, other): (Vec<&Salvage>, Vec<&Salvage>) =
            salvages.iter().partition(|salvage| salvage.id == salvage.from);
        for salvage in other.into_iter().chain(same) {
            backend.put(&Object::pack(salvage.id), &salvage.verified_bytes(&basis.keys, &**backend)?)?;
        }
        let replaced = |pack: &PackId| salvages.iter().any(|salvage| salvage.id == *pack);
        let mut gone: Vec<PackId> = names.damaged.iter().copied().filter(|pack| !replaced(pack)).collect();
        gone.sort_unstable();
        let mut moved = Vec::with_capacity(gone.len());
        let is_new = new_index || !names.damaged.is_empty();
        if is_new {
            let packs = packs_after(names, salvages);
            let (new, unreadable) = NewIndex::make(&basis, packs, lost, &mut |_| true)?;
            all_readable(unreadable)?;
            // The new index is published first, so that readers never look for a quarantined pack. A writer
            // that runs in between adds the damaged packs to the index again, as further copies of the
            // salvaged blobs.
            new.publish(&basis)?;
            for pack in gone {
                let quarantined = backend.quarantine(&Object::pack(pack))?;
                moved.extend(quarantined.map(|path| (pack, path)));
            }
        }
        // The new index lacks the damaged packs already. Any other missing pack went away meanwhile.
        let access = if !is_new && forgets_most { Access::Heal } else { Access::Write };
        Ok((Self::locked(Basis { access, ..basis }, lock)?, moved))
    }

    /// Publishes a state in which other snapshots have taken the places and tags of these, or nothing has, and
    /// in which exactly the stored packs count. Publishes nothing if that changes nothing. The lock must be held.
    pub fn reset(&self, replaced: &BTreeMap<SnapshotId, Option<SnapshotId>>) -> Result<(), StoreError> {
        let stored: BTreeSet<PackId> = self.packs()?.into_iter().collect();
        let state = self.log()?.refresh()?;
        if replaced.is_empty() && state.packs.is_subset(&stored) && self.lost_records().is_empty() {
            return Ok(());
        }
        let number = self.log()?.reset(jiff::Timestamp::now().into(), |state| {
            let mut state = LogState { packs: stored, ..state };
            for (old, new) in replaced {
                let known = state.snapshots.remove(old);
                let names = state.tags.iter().filter(|((tagged, _), _)| tagged == old);
                let tags: Vec<_> = names.map(|((_, name), given)| (name.clone(), *given)).collect();
                state.tags.retain(|(tagged, _), _| tagged != old);
                if let Some(new) = new {
                    known.map(|known| state.snapshots.insert(*new, known));
                    state.tags.extend(tags.into_iter().map(|(name, given)| ((*new, name), given)));
                }
            }
            state
        })?;
        if self.basis.access.is_write() {
            self.index.note_log(number);
        }
        Ok(())
    }

    /// Quarantines a snapshot's manifest and returns its new path. `None` if the manifest was missing
    /// already.
    pub fn quarantine_snapshot(&self, id: &SnapshotId) -> Result<Option<String>, StoreError> {
        // The record is removed first. If a crash came in between, every later check would report a missing
        // snapshot.
        self.index.run(|index| index.forget_snapshot(*id))?;
        self.backend.quarantine(&Object::snapshot(*id))
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
