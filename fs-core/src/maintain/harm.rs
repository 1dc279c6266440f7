//! Which paths of which snapshots damage harms.

use super::check::Check;
use super::judge::Judge;
use super::search::Search;
use super::{Harmed, MaintainError};
use crate::monitor::Phase;

/// Paths that are kept: enough to see what it is about.
const MOST: usize = 100;

pub(super) fn look(check: &mut Check<'_>) -> Result<(), MaintainError> {
    let snapshots = std::mem::take(&mut check.snapshots);
    let blobs = std::mem::take(&mut check.blobs);
    let mut search = Search::new(Judge::of_check(check.reader(), &blobs), check.cancellation);
    let total = snapshots.len() as u64;
    for (done, (id, manifest)) in (0..).zip(&snapshots) {
        check.step(Phase::Harm, done, total)?;
        let report = &mut check.report;
        let before = (report.harmed.len(), report.more_harmed);
        let mut tell = |path: &[u8]| {
            if report.harmed.len() < MOST {
                report.harmed.push(Harmed {
                    snapshot: *id,
                    source: manifest.source.clone(),
                    time: manifest.time,
                    path: path.to_vec(),
                });
            } else {
                report.more_harmed += 1;
            }
        };
        if search.links_are_bad(manifest)? {
            tell(&[]);
        }
        search.tree(&manifest.root, &mut |path, _| tell(path))?;
        if before != (report.harmed.len(), report.more_harmed) {
            report.harmed_snapshots += 1;
        }
    }
    (check.snapshots, check.blobs) = (snapshots, blobs);
    Ok(())
}
