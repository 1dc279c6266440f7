//! Finds the damaged packs, and the blocks that can be salvaged of them.

use super::DamagedPack;
use crate::format::PackId;
use crate::maintain::MaintainError;
use crate::maintain::check::Check;
use crate::monitor::Phase;
use crate::store::{PackNames, Reader, Salvage, StoreError};

/// Result of verifying and salvaging all packs.
#[derive(Debug, Default)]
pub(super) struct Survey {
    pub(super) names: PackNames,
    pub(super) damaged: Vec<DamagedPack>,
    pub(super) salvages: Vec<Salvage>,
    /// Number of packs that were listed, but are missing now or cannot be read.
    pub(super) unreadable: u64,
}

/// Verifies every block. Afterwards, the check reads as if the damaged packs were replaced.
///
/// Full blocks come first. A delta can be verified only when its bases are found, even those in damaged
/// packs.
pub(super) fn survey(check: &mut Check<'_>) -> Result<Survey, MaintainError> {
    let mut packs = check.repository.packs()?;
    packs.sort_unstable();
    let mut survey = Survey::default();
    let sound = survey.look(check, packs, false)?;
    survey.salvage(check, false)?;
    survey.names.sound.clear();
    survey.look(check, sound, true)?;
    survey.salvage(check, true)?;
    Ok(survey)
}

impl Survey {
    /// Verifies the packs' full blocks or their deltas. Returns the sound packs.
    fn look(
        &mut self,
        check: &Check<'_>,
        packs: Vec<PackId>,
        deltas: bool,
    ) -> Result<Vec<PackId>, MaintainError> {
        let reader = check.reader();
        let total = packs.len() as u64;
        let mut sound = Vec::with_capacity(packs.len());
        for (done, pack) in (0..).zip(packs) {
            check.step(Phase::Verifying, done, total)?;
            match verify(check, &reader, pack, deltas) {
                Ok(()) => {
                    self.names.sound.insert(pack);
                    sound.push(pack);
                }
                Err(MaintainError::Store(error)) if error.is_loss() => {
                    self.names.damaged.insert(pack);
                    let is_away = matches!(error, StoreError::Unreadable { .. } | StoreError::Missing(_));
                    self.unreadable += u64::from(is_away);
                    let reason = error.to_string();
                    self.damaged.push(DamagedPack {
                        pack,
                        reason,
                        salvaged: 0,
                        stored_before: 0,
                        restored: false,
                        place: None,
                    });
                }
                Err(error) => return Err(error),
            }
        }
        Ok(sound)
    }

    fn salvage(&mut self, check: &mut Check<'_>, deltas: bool) -> Result<(), MaintainError> {
        if self.damaged.is_empty() {
            return Ok(());
        }
        let reader = check.reader();
        self.salvages.clear();
        let total = self.damaged.len() as u64;
        for (done, damaged) in (0..).zip(&mut self.damaged) {
            check.step(Phase::Salvaging, done, total)?;
            let salvages =
                check.repository.salvage(&reader, damaged.pack, deltas, &self.names, check.cancellation)?;
            let salvages = salvages.ok_or(MaintainError::Cancelled)?;
            let new: u64 = salvages.new.iter().map(|salvage| salvage.blobs).sum();
            damaged.salvaged = new + salvages.stored;
            damaged.stored_before = salvages.stored;
            damaged.restored = salvages.new.iter().any(|salvage| salvage.id == damaged.pack);
            self.salvages.extend(salvages.new);
        }
        drop(reader);
        Ok(check.repository.preview_repair(&self.names, &self.salvages)?)
    }
}

fn verify(check: &Check<'_>, reader: &Reader, pack: PackId, deltas: bool) -> Result<(), MaintainError> {
    if !deltas {
        reader.verify_pack_header(pack)?;
    }
    let (catalogue, _) = reader.pack_catalogue(pack)?;
    for block in catalogue.blocks().filter(|block| block.delta == deltas) {
        if check.cancellation.is_cancelled() {
            return Err(MaintainError::Cancelled);
        }
        reader.verify_block(pack, block)?;
    }
    Ok(())
}
