//! The packs of a repository and the blobs in them, according to the packs' catalogues.

use super::blobs::{Blobs, key};
use super::error::MaintainError;
use super::finding::{Defect, Findings};
use super::steps::Steps;
use crate::format::{BlobId, PackId};
use crate::monitor::Phase;
use crate::store::{Reader, Repository};

/// All packs whose catalogue can be read, and their blobs.
#[derive(Debug, Default)]
pub(super) struct Inventory {
    pub(super) packs: Vec<StoredPack>,
    pub(super) blobs: Blobs,
}

/// A pack whose catalogue can be read.
#[derive(Debug, Clone, Copy)]
pub(super) struct StoredPack {
    pub(super) id: PackId,
    /// Size of the file in bytes.
    pub(super) size: u64,
}

impl Inventory {
    /// Reads the header and the catalogue of every pack, in the order of their ids.
    pub(super) fn read(
        repository: &Repository,
        reader: &Reader,
        findings: &mut Findings,
        steps: Steps<'_>,
    ) -> Result<Self, MaintainError> {
        let mut inventory = Self::default();
        let mut packs = repository.packs()?;
        packs.sort_unstable();
        let total = packs.len() as u64;
        for (done, pack) in (0..).zip(packs) {
            steps.report(Phase::Catalogues, done, total)?;
            match reader.pack_end(pack) {
                Ok(end) => {
                    if let Err(error) = reader.verify_pack_header(pack, &end) {
                        findings.push(Defect::PackHeader(pack), error);
                    }
                    let number = inventory.packs.len() as u32;
                    inventory.packs.push(StoredPack { id: pack, size: end.size });
                    for block in end.catalogue.blocks() {
                        block.blobs().for_each(|(id, _)| inventory.blobs.add(&id, number, block.delta));
                    }
                }
                Err(error) => findings.push(Defect::Pack(pack), error),
            }
        }
        Ok(inventory)
    }

    /// Returns a pack that has the blob.
    pub(super) fn pack_of(&self, blob: &BlobId) -> Option<PackId> {
        self.blobs.pack(key(blob)).map(|at| self.packs[at as usize].id)
    }
}
