//! Checks the packs' blocks: the bases of deltas always, and every byte on request.

use super::Check;
use crate::format::{BlobPrefix, BlockEntry, PackId};
use crate::maintain::error::MaintainError;
use crate::maintain::finding::Defect;
use crate::maintain::inventory::StoredPack;
use crate::monitor::Phase;
use crate::store::{StoreError, random};

impl Check<'_> {
    /// Checks all deltas' bases, and reads `percent` of the packs in full. Marks the blobs that cannot be read
    /// in the inventory. Returns the number of blocks that were read in full, and their stored bytes.
    pub(super) fn check_blocks(&mut self, percent: u8) -> Result<(u64, u64), MaintainError> {
        let packs = self.inventory.packs.clone();
        let chosen = choose(packs.len(), percent)?;
        let total = packs.iter().zip(&chosen).filter(|(_, chosen)| **chosen).map(|(pack, _)| pack.size).sum();
        let (mut blocks_read, mut bytes_read) = (0, 0);
        for (StoredPack { id: pack, .. }, read_all) in packs.into_iter().zip(chosen) {
            let catalogue = match self.reader.pack_end(pack) {
                Ok(end) => end.catalogue,
                // The pack was removed meanwhile, as others may write.
                Err(StoreError::Missing(_)) => continue,
                Err(error) => {
                    self.findings.push(Defect::Pack(pack), error);
                    continue;
                }
            };
            for block in catalogue.blocks().filter(|block| read_all || block.delta) {
                self.steps.report(Phase::Blocks, bytes_read, total)?;
                let mut verified = self.find_wrong_base(pack, block);
                if read_all && matches!(verified, Ok(None)) {
                    verified = self.reader.verify_block(pack, block).map(|()| None);
                    if !matches!(verified, Err(StoreError::Missing(_))) {
                        blocks_read += 1;
                        bytes_read += u64::from(block.len);
                    }
                }
                match verified {
                    Ok(None) => continue,
                    Err(StoreError::Missing(_)) => break,
                    Ok(Some((base, reason))) => {
                        self.findings.push(Defect::Base { pack, block: block.number, base }, reason);
                    }
                    Err(error) => self.findings.push(Defect::block(pack, block), error),
                }
                // Blobs with another readable copy are not lost.
                for (id, _) in block.blobs().filter(|(id, _)| self.reader.blob(id).is_err()) {
                    self.inventory.blobs.set_lost(&id);
                }
            }
        }
        Ok((blocks_read, bytes_read))
    }

    /// Returns a base of the block that is not stored, or that is in a delta itself.
    fn find_wrong_base(
        &self,
        pack: PackId,
        block: BlockEntry<'_>,
    ) -> Result<Option<(BlobPrefix, &'static str)>, StoreError> {
        if !block.delta {
            return Ok(None);
        }
        let wrong = |base: BlobPrefix| match self.inventory.blobs.is_delta(base) {
            None => Some((base, "the base is in no pack that can be read")),
            Some(true) => Some((base, "the base is a delta itself")),
            Some(false) => None,
        };
        Ok(self.reader.block_bases(pack, block)?.into_iter().find_map(wrong))
    }
}

/// Draws `percent` of `count` positions at random: at least one, unless `percent` is 0.
fn choose(count: usize, percent: u8) -> Result<Vec<bool>, StoreError> {
    let mut wanted = (count * usize::from(percent)).div_ceil(100).min(count);
    let draw = |at| {
        // `wanted` of the `left` remaining positions are still to be drawn.
        let left = (count - at) as u64;
        let is_drawn = wanted > 0 && u64::from_le_bytes(random()?) % left < wanted as u64;
        wanted -= usize::from(is_drawn);
        Ok(is_drawn)
    };
    (0..count).map(draw).collect()
}

#[cfg(test)]
mod tests {
    use super::choose;

    #[test]
    fn the_requested_share_is_drawn() {
        for (count, percent, wanted) in [(0, 50, 0), (10, 0, 0), (10, 1, 1), (10, 25, 3), (10, 100, 10)] {
            assert_eq!(choose(count, percent).unwrap().iter().filter(|chosen| **chosen).count(), wanted);
        }
    }
}
