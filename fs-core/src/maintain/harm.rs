//! Finds the paths of snapshots that damage harms.

use super::check::Check;
use super::judge::Judge;
use super::search::Search;
use super::{Harmed, MaintainError};
use crate::monitor::Phase;

/// Maximum number of paths that are kept. They suffice to see the extent of the damage.
const MOST: usize = 100;

pub(super) fn look(check: &mut Check<'_>) -> Result<(), MaintainError> {
    let snapshots = std::mem::take(&mut check.snapshots);
    let blobs = std::mem::take(&mut check.blobs);
    let mut search = Search::new(Judge::of_check(check.reader(), &blobs), check.cancellation);
    let total = snapshots.len() as u64;
    for (done, (id, manifest)) in (0..).zip(&snapshots) {
        check.step(Phase::Harm, done, total)?;
        let report = &mut check.report;
        let mut kept = 0;
        let mut tell = |path: &[u8], _| {
            if report.harmed.len() < MOST {
                kept += 1;
                report.harmed.push(Harmed {
                    snapshot: *id,
                    source: manifest.source.clone(),
                    time: manifest.time,
                    number: manifest.extensions.number,
                    path: path.to_vec(),
                });
            }
        };
        let losses = search.snapshot(manifest, &mut tell)?.found.losses;
        report.more_harmed = report.more_harmed.saturating_add(losses - kept);
        report.harmed_snapshots += u64::from(losses > 0);
    }
    (check.snapshots, check.blobs) = (snapshots, blobs);
    Ok(())
}
