//! Checks every pack's header, trailer and catalogue.

use super::check::{Check, CheckedPack};
use super::{Finding, MaintainError};
use crate::monitor::Phase;

pub(super) fn check(check: &mut Check<'_>) -> Result<(), MaintainError> {
    let reader = check.reader();
    let mut packs = check.repository.packs()?;
    packs.sort_unstable();
    let total = packs.len() as u64;
    for (done, pack) in (0..).zip(packs) {
        check.step(Phase::Catalogues, done, total)?;
        if let Err(error) = reader.verify_pack_header(pack) {
            check.findings.push(Finding::PackHeader { pack, reason: error.to_string() });
        }
        match reader.pack_catalogue(pack) {
            Ok((catalogue, size)) => {
                let number = check.packs.len() as u32;
                check.packs.push(CheckedPack { id: pack, size });
                for block in catalogue.blocks() {
                    block.blobs().for_each(|(id, _)| check.blobs.add(&id, number, block.delta));
                }
            }
            Err(error) => {
                check.harm = true;
                check.findings.push(Finding::Pack { pack, reason: error.to_string() });
            }
        }
    }
    Ok(())
}
