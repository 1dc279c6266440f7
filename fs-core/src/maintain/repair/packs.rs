//! Finds the damaged packs, and the blocks that can be salvaged of them.

use super::report::DamagedPack;
use crate::format::PackId;
use crate::maintain::error::MaintainError;
use crate::maintain::steps::Steps;
use crate::monitor::Phase;
use crate::store::{CacheSizes, PackNames, Reader, Repository, Salvage, StoreError};

/// Result of verifying and salvaging all packs.
#[derive(Debug, Default)]
pub(super) struct ExaminedPacks {
    pub(super) names: PackNames,
    pub(super) damaged: Vec<DamagedPack>,
    pub(super) salvages: Vec<Salvage>,
    /// Number of packs that were listed, but are missing now or cannot be read.
    pub(super) unreadable: u64,
}

/// Verifies every block. Afterwards, the repository reads as if the damaged packs were replaced.
///
/// Full blocks come first. A delta can be verified only when its bases are found, even those in damaged
/// packs.
pub(super) fn examine(repository: &mut Repository, steps: Steps<'_>) -> Result<ExaminedPacks, MaintainError> {
    let mut examined = ExaminedPacks::default();
    examined.names.sound = repository.packs()?.into_iter().collect();
    for deltas in [false, true] {
        let reader = repository.reader(CacheSizes::default()).remembering_damage();
        examined.verify(&reader, deltas, steps)?;
        if !examined.damaged.is_empty() {
            examined.salvage(repository, &reader, deltas, steps)?;
            drop(reader);
            repository.preview_repair(&examined.names, &examined.salvages)?;
        }
    }
    Ok(examined)
}

impl ExaminedPacks {
    /// Verifies the full blocks of the sound packs, or their deltas.
    fn verify(&mut self, reader: &Reader, deltas: bool, steps: Steps<'_>) -> Result<(), MaintainError> {
        let mut packs: Vec<PackId> = self.names.sound.iter().copied().collect();
        packs.sort_unstable();
        let total = packs.len() as u64;
        for (done, pack) in (0..).zip(packs) {
            steps.report(Phase::Verifying, done, total)?;
            let error = match verify(reader, pack, deltas, steps) {
                Ok(()) => continue,
                Err(MaintainError::Store(error)) if error.is_loss() => error,
                Err(error) => return Err(error),
            };
            self.names.sound.remove(&pack);
            self.names.damaged.insert(pack);
            let is_away = matches!(error, StoreError::Unreadable { .. } | StoreError::Missing(_));
            self.unreadable += u64::from(is_away);
            self.damaged.push(DamagedPack {
                pack,
                reason: error.to_string(),
                salvaged: 0,
                stored_before: 0,
                restored: false,
                quarantined: None,
            });
        }
        Ok(())
    }

    fn salvage(
        &mut self,
        repository: &Repository,
        reader: &Reader,
        deltas: bool,
        steps: Steps<'_>,
    ) -> Result<(), MaintainError> {
        self.salvages.clear();
        let total = self.damaged.len() as u64;
        for (done, damaged) in (0..).zip(&mut self.damaged) {
            steps.report(Phase::Salvaging, done, total)?;
            let salvages =
                repository.salvage(reader, damaged.pack, deltas, &self.names, steps.cancellation)?;
            let salvages = salvages.ok_or(MaintainError::Cancelled)?;
            let new: u64 = salvages.new.iter().map(|salvage| salvage.blobs).sum();
            damaged.salvaged = new + salvages.stored;
            damaged.stored_before = salvages.stored;
            damaged.restored = salvages.new.iter().any(|salvage| salvage.id == damaged.pack);
            self.salvages.extend(salvages.new);
        }
        Ok(())
    }
}

fn verify(reader: &Reader, pack: PackId, deltas: bool, steps: Steps<'_>) -> Result<(), MaintainError> {
    let end = reader.pack_end(pack)?;
    if !deltas {
        reader.verify_pack_header(pack, &end)?;
    }
    for block in end.catalogue.blocks().filter(|block| block.delta == deltas) {
        steps.go_on()?;
        reader.verify_block(pack, block)?;
    }
    Ok(())
}
