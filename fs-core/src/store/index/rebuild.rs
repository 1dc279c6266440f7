//! Makes the index again from the packs.

use std::sync::Arc;

use crate::format::PackId;
use crate::store::backend::folder::Folder;
use crate::store::index::Index;
use crate::store::index::basis::Basis;
use crate::store::index::reconcile::{add_packs, record_snapshots};
use crate::store::layout::{DAMAGED, INDEX, OLD_INDEX, TEMPORARY};
use crate::store::{Access, ObjectKind, SnapshotRecord, StoreError};

/// A new index beside the one in use, so that a process finds an index at any time.
pub(crate) struct NewIndex {
    temporary: Arc<Folder>,
    index: Index,
}

impl NewIndex {
    /// Makes an index of all readable packs, to replace an unusable one. Also returns the errors of
    /// unreadable packs. The lock must be held.
    pub(crate) fn replacing(
        basis: &Basis,
        failed: Option<&Index>,
    ) -> Result<(Self, Vec<StoreError>), StoreError> {
        let surviving = basis.surviving_snapshots(failed);
        let packs = basis.stored_packs()?;
        if packs.is_empty()
            && basis.access != Access::Heal
            && !basis.backend.list(ObjectKind::Snapshot)?.is_empty()
        {
            return Err(StoreError::NoPacks);
        }
        let (new, unreadable) = Self::make(basis, packs, &surviving, &mut |_| true)?;
        Ok((new, unreadable.into_iter().map(|(_, error)| error).collect()))
    }

    /// Makes an index of these packs and of all snapshots. Records `lost`, too, whose manifests may be lost.
    /// Also returns packs that cannot be read. The lock must be held.
    pub(crate) fn make(
        basis: &Basis,
        packs: Vec<PackId>,
        lost: &[SnapshotRecord],
        go_on: &mut dyn FnMut(usize) -> bool,
    ) -> Result<(Self, Vec<(PackId, StoreError)>), StoreError> {
        let temporary = Arc::new(basis.folder()?.make_folder(TEMPORARY)?);
        StoreError::if_there(temporary.remove(INDEX))?;
        let new = Self { index: Index::create(&temporary, basis.repository)?, temporary };
        let fill = || {
            let unreadable = add_packs(&new.index, &*basis.backend, &basis.keys, packs, go_on)?;
            if !lost.is_empty() {
                new.index.record_snapshots(lost)?;
            }
            record_snapshots(&new.index, basis)?;
            Ok(unreadable)
        };
        match fill() {
            Ok(unreadable) => Ok((new, unreadable)),
            Err(error) => {
                // Frees the space, in case the disk is full.
                let _ = new.discard();
                Err(error)
            }
        }
    }

    pub(crate) fn discard(self) -> Result<(), StoreError> {
        drop(self.index);
        self.temporary.remove(INDEX)
    }

    /// Renames the new index over the one in use, or over any other entry of that name.
    pub(crate) fn publish(self, basis: &Basis) -> Result<(), StoreError> {
        let Self { temporary, index } = self;
        drop(index);
        let published = basis.folder().and_then(|folder| take_place(basis, &temporary, &folder));
        published.inspect_err(|_| {
            let _ = temporary.remove(INDEX);
        })
    }
}

/// Renames the new index into the repository's folder.
fn take_place(basis: &Basis, temporary: &Folder, folder: &Folder) -> Result<(), StoreError> {
    if folder.entry(INDEX)?.is_some_and(|there| there.is_dir()) {
        if !basis.access.is_write() {
            let path = folder.path_of(INDEX);
            return Err(StoreError::Foreign { path, found: "a folder", wanted: "a file" });
        }
        move_away(folder)?;
    }
    temporary.rename(INDEX, folder, INDEX)?;
    if let Err(error) = StoreError::if_there(folder.remove(OLD_INDEX)) {
        log::info!("{error}");
    }
    folder.sync()
}

/// Moves a folder that has the index's name into `damaged/`. Its content is not ours to remove.
fn move_away(folder: &Folder) -> Result<(), StoreError> {
    let damaged = folder.make_folder(DAMAGED)?;
    let mut number = 1;
    while damaged.entry(&format!("{INDEX}.{number}"))?.is_some() {
        number += 1;
    }
    let aside = format!("{INDEX}.{number}");
    folder.rename(INDEX, &damaged, &aside)?;
    log::warn!("a folder is in the place of the index: moved to {}", damaged.path_of(&aside).display());
    Ok(())
}
