//! Checks the packs' blocks: the bases of deltas always, and every byte on request.

use super::check::{Check, CheckedPack};
use super::{Finding, MaintainError};
use crate::format::{BlockEntry, Catalogue};
use crate::monitor::Phase;
use crate::store::{Reader, StoreError, random};

/// Checks all deltas' bases, and reads `percent` of the packs in full.
pub(super) fn check(check: &mut Check<'_>, percent: Option<u8>) -> Result<(), MaintainError> {
    let packs = check.packs.clone();
    let chosen = choose(packs.len(), percent.unwrap_or(0))?;
    let total = packs.iter().zip(&chosen).filter(|(_, chosen)| **chosen).map(|(pack, _)| pack.size).sum();
    let reader = check.reader();
    let mut done = 0;
    for (pack, read_all) in packs.into_iter().zip(chosen) {
        let catalogue = match reader.pack_catalogue(pack.id) {
            Ok((catalogue, _)) => catalogue,
            // The pack was removed meanwhile, as others may write.
            Err(StoreError::Missing(_)) => continue,
            Err(error) => {
                check.harm = true;
                check.findings.push(Finding::Pack { pack: pack.id, reason: error.to_string() });
                continue;
            }
        };
        check_pack(check, &reader, pack, &catalogue, read_all, &mut done, total)?;
    }
    Ok(())
}

fn check_pack(
    check: &mut Check<'_>,
    reader: &Reader,
    pack: CheckedPack,
    catalogue: &Catalogue,
    read_all: bool,
    done: &mut u64,
    total: u64,
) -> Result<(), MaintainError> {
    for block in catalogue.blocks().filter(|block| read_all || block.delta) {
        check.step(Phase::Blocks, *done, total)?;
        let bases_are_there = check_bases(check, reader, pack, block);
        if !read_all || !bases_are_there {
            continue;
        }
        match reader.verify_block(pack.id, block) {
            Ok(()) => {}
            Err(StoreError::Missing(_)) => return Ok(()),
            Err(error) => bad_block(check, reader, pack, block, &error),
        }
        let len = u64::from(block.stored_len());
        *done += len;
        check.report.blocks_read += 1;
        check.report.bytes_read += len;
    }
    Ok(())
}

/// Whether all bases of a block are stored, and none is in a delta.
fn check_bases(check: &mut Check<'_>, reader: &Reader, pack: CheckedPack, block: BlockEntry<'_>) -> bool {
    if !block.delta {
        return true;
    }
    let bases = match reader.block_bases(pack.id, block) {
        Ok(bases) => bases,
        Err(StoreError::Missing(_)) => return false,
        Err(error) => {
            bad_block(check, reader, pack, block, &error);
            return false;
        }
    };
    let wrong = bases.into_iter().find_map(|base| {
        let reason = if !check.blobs.has(&base) {
            "the base is in no pack that can be read"
        } else if check.blobs.is_delta(&base) {
            "the base is a delta itself"
        } else {
            return None;
        };
        Some((base, reason))
    });
    let Some((base, reason)) = wrong else { return true };
    mark(check, reader, block);
    let reason = reason.to_owned();
    check.findings.push(Finding::Base { pack: pack.id, block: block.number, base, reason });
    false
}

fn bad_block(
    check: &mut Check<'_>,
    reader: &Reader,
    pack: CheckedPack,
    block: BlockEntry<'_>,
    error: &StoreError,
) {
    mark(check, reader, block);
    check.findings.push(Finding::Block {
        pack: pack.id,
        block: block.number,
        offset: block.offset,
        blobs: block.blobs().len() as u64,
        reason: error.to_string(),
    });
}

/// Marks the lost blobs of a damaged block: those with no other readable copy.
fn mark(check: &mut Check<'_>, reader: &Reader, block: BlockEntry<'_>) {
    for (id, _) in block.blobs() {
        if reader.blob(&id).is_err() {
            check.harm = true;
            check.blobs.set_bad(&id);
        }
    }
}

/// Draws `percent` of `count` positions at random: at least one, unless `percent` is 0.
fn choose(count: usize, percent: u8) -> Result<Vec<bool>, StoreError> {
    let mut wanted = (count * usize::from(percent)).div_ceil(100).min(count);
    let mut chosen = vec![false; count];
    for (at, chosen) in chosen.iter_mut().enumerate() {
        // `wanted` of the `left` remaining positions are still to be drawn.
        let left = (count - at) as u64;
        if wanted > 0 && u64::from_le_bytes(random()?) % left < wanted as u64 {
            *chosen = true;
            wanted -= 1;
        }
    }
    Ok(chosen)
}

#[cfg(test)]
mod tests {
    use super::choose;

    #[test]
    fn so_many_are_drawn_as_were_asked_for() {
        for (count, percent, wanted) in [(0, 50, 0), (10, 0, 0), (10, 1, 1), (10, 25, 3), (10, 100, 10)] {
            assert_eq!(choose(count, percent).unwrap().iter().filter(|chosen| **chosen).count(), wanted);
        }
    }
}
