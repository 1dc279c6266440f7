//! Follows all references from the manifests on, and checks that they resolve.

use std::sync::Arc;

use super::Check;
use crate::format::{BlobId, Manifest, SnapshotId};
use crate::maintain::error::MaintainError;
use crate::maintain::finding::{Defect, Report};
use crate::maintain::loss::DamagedPath;
use crate::maintain::tree_reader::{Evidence, TreeReader};
use crate::maintain::tree_walk::TreeWalk;
use crate::monitor::Phase;
use crate::store::{SnapshotRecord, StoreError};

/// Maximum number of damaged paths that are kept. They suffice to see the extent of the damage.
const MAX_PATHS: usize = 100;

impl Check<'_> {
    /// Reads every node, chunk list, hard-link table and set of extended attributes once. Marks the unreadable
    /// ones in the inventory.
    pub(super) fn follow_references(
        &mut self,
        snapshots: &[(SnapshotId, Manifest)],
    ) -> Result<(), MaintainError> {
        let steps = self.steps;
        let on_step = |nodes| steps.report(Phase::References, nodes, 0);
        let mut walk = TreeWalk::once(TreeReader::new(self.reader.clone(), self), &on_step);
        snapshots.iter().try_for_each(|(_, manifest)| walk.snapshot(manifest, &mut |_, _| {}).map(drop))
    }

    /// Reports the paths of the unreadable blobs that are marked in the inventory.
    pub(super) fn find_damaged_paths(
        &mut self,
        snapshots: &[(SnapshotId, Manifest)],
        report: &mut Report,
    ) -> Result<(), MaintainError> {
        let steps = self.steps;
        let on_step = |_| steps.go_on();
        let mut walk = TreeWalk::of_all_paths(TreeReader::new(self.reader.clone(), self), &on_step);
        for (done, (id, manifest)) in (0..).zip(snapshots) {
            steps.report(Phase::DamagedPaths, done, snapshots.len() as u64)?;
            let snapshot = Arc::new(SnapshotRecord::new(*id, manifest));
            let before = report.damaged_paths.len();
            let mut keep = |path: &[u8], lost| {
                if report.damaged_paths.len() < MAX_PATHS {
                    let snapshot = Arc::clone(&snapshot);
                    report.damaged_paths.push(DamagedPath { snapshot, path: path.to_vec(), lost });
                }
            };
            let losses = walk.snapshot(manifest, &mut keep)?.sums.losses;
            let kept = (report.damaged_paths.len() - before) as u64;
            report.more_damaged_paths = report.more_damaged_paths.saturating_add(losses - kept);
            report.damaged_snapshots += u64::from(losses > 0);
        }
        Ok(())
    }

    /// Whether the block that holds the blob is sound. `None` if that is unknown. Damage is reported once,
    /// and a block is verified once, however many of its blobs are asked for.
    fn is_in_sound_block(&mut self, id: &BlobId) -> Option<bool> {
        let pack = self.inventory.pack_of(id)?;
        let catalogue = self.reader.cached_catalogue(pack).ok()?;
        let number = catalogue.find(id)?.block.number;
        if let Some(sound) = self.verified.get(&(pack, number)) {
            return Some(*sound);
        }
        let block = catalogue.block(number)?;
        let verified = self.reader.verify_block(pack, block);
        self.verified.insert((pack, number), verified.is_ok());
        if let Err(error) = &verified {
            self.findings.push(Defect::block(pack, block), error);
        }
        Some(verified.is_ok())
    }
}

/// The evidence of a check: the inventory, and every failed read, even if it may pass.
impl Evidence for Check<'_> {
    fn is_lost(&mut self, id: &BlobId, role: &'static str) -> Result<bool, StoreError> {
        if self.inventory.pack_of(id).is_none() {
            self.findings.push(Defect::Blob { blob: *id, role }, "it is in no pack that can be read");
        }
        Ok(self.inventory.blobs.is_lost(id))
    }

    fn failed(&mut self, id: &BlobId, role: &'static str, error: StoreError) -> Result<(), StoreError> {
        if self.inventory.blobs.set_lost(id) && self.is_in_sound_block(id) != Some(false) {
            self.findings.push(Defect::Blob { blob: *id, role }, error);
        }
        Ok(())
    }
}
