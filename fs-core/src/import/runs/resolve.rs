//! Finds the runs of a plan that were imported before.
//!
//! A run is known by its identity, which for rsnapshot is the time of its level. That time is no proof: any
//! addition or removal of a backup point changes it, and two roots may have it in common. So it counts only
//! if the run comes from the plan's own root. A level with an unknown time may still be known, by its folder
//! or by its content.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};

use super::order::{self, Timed};
use crate::format::{RunFolder, SnapshotId, Time};
use crate::history::{Snapshot, Sources};
use crate::import::identity::{is_here, other_tree};
use crate::import::layout::{LeftOut, Plan, PlannedRun, is_identical};
use crate::import::{ImportError, ImportOptions, path_of};
use crate::store::Reader;

/// Whether a run is in the repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunState {
    /// The run is not in the repository yet.
    New,
    /// The run was imported.
    Imported,
    /// The run is left out: it is incomplete, or another run has its identity.
    LeftOut,
}

/// A plan compared with the repository.
#[derive(Debug)]
pub struct ResolvedRuns {
    /// The states of the plan's runs, in its order.
    pub states: Vec<RunState>,
    /// Runs that are not imported, with the reasons. They are not in [`Plan::left_out`].
    pub left_out: Vec<LeftOut>,
}

/// Maximum number of snapshots that are compared with one level by content.
const MAX_COMPARED: usize = 1000;
/// Maximum number of levels that are compared to find out whether a root is a copy of another one.
const MAX_PROOFS: usize = 3;

/// Compares a plan with the repository. Fails if runs would enter the history of another root, or if their
/// order is unknown. `reader` is present if `sources` has any source.
pub(super) fn resolve(
    plan: &Plan,
    options: &ImportOptions,
    sources: &Sources,
    reader: Option<&Reader>,
) -> Result<ResolvedRuns, ImportError> {
    options.check_sources(plan)?;
    let mut resolved = ResolvedRuns { states: vec![RunState::New; plan.runs.len()], left_out: Vec::new() };
    let mut by_source: BTreeMap<&[u8], Vec<usize>> = BTreeMap::new();
    for (index, run) in plan.runs.iter().enumerate() {
        by_source.entry(options.source_of(run)).or_default().push(index);
    }
    for (source, indices) in by_source {
        let runs: Vec<&PlannedRun> = indices.iter().map(|index| &plan.runs[*index]).collect();
        let mut matching = Matching::new(plan, source, &runs, sources, reader);
        matching.by_identity();
        matching.by_folder()?;
        matching.by_content()?;
        matching.leave_copies();
        matching.check_root(options.allow_other_tree)?;
        matching.check_order()?;
        resolved.left_out.append(&mut matching.left_out);
        let mut identities = HashSet::new();
        for (nth, index) in indices.into_iter().enumerate() {
            resolved.states[index] = match matching.found[nth] {
                _ if matching.unusable.contains(&nth) => RunState::LeftOut,
                Some(_) => RunState::Imported,
                // A copy of an image has its identity.
                None if !identities.insert(&plan.runs[index].run.identity) => RunState::Imported,
                None => RunState::New,
            };
        }
    }
    Ok(resolved)
}

/// The runs of one source, and the snapshots that it has.
struct Matching<'a> {
    plan: &'a Plan,
    source: &'a [u8],
    runs: &'a [&'a PlannedRun],
    reader: Option<&'a Reader>,
    last: Option<&'a Snapshot>,
    /// Snapshots of runs, oldest first.
    recorded: Vec<&'a Snapshot>,
    /// For each run, the snapshot that it was imported as.
    found: Vec<Option<&'a Snapshot>>,
    /// Runs that were found by folder or content.
    proven: HashSet<usize>,
    /// Runs that must not be imported: copies in levels that a run has not completed, and runs with the
    /// identity of another root's run.
    unusable: HashSet<usize>,
    left_out: Vec<LeftOut>,
}

impl<'a> Matching<'a> {
    fn new(
        plan: &'a Plan,
        source: &'a [u8],
        runs: &'a [&'a PlannedRun],
        sources: &'a Sources,
        reader: Option<&'a Reader>,
    ) -> Self {
        let all = || sources.get(source).into_iter().flat_map(|source| source.snapshots());
        let all = || all().map(|(_, snapshot)| &**snapshot);
        let recorded = all().filter(|snapshot| snapshot.manifest.extensions.run.is_some()).collect();
        let last = all().next_back();
        Self {
            plan,
            source,
            runs,
            reader,
            last,
            recorded,
            found: vec![None; runs.len()],
            proven: HashSet::new(),
            unusable: HashSet::new(),
            left_out: Vec::new(),
        }
    }

    fn leave_out(&mut self, nth: usize, reason: String, may_be_history: bool) {
        self.left_out.push(LeftOut { path: self.runs[nth].tree.clone(), reason, may_be_history });
    }

    /// Records the snapshot that a run was imported as, by proof of its folder or content.
    fn prove(&mut self, nth: usize, snapshot: &'a Snapshot) {
        self.found[nth] = Some(snapshot);
        self.proven.insert(nth);
    }

    /// Finds runs by identity. It must be unique: several levels of one time have the same.
    fn by_identity(&mut self) {
        let mut known = HashMap::new();
        for snapshot in &self.recorded {
            known.extend(identity(snapshot).map(|identity| (identity, *snapshot)));
        }
        let counts = self.counts();
        for (found, run) in self.found.iter_mut().zip(self.runs) {
            if run.level.is_none() || counts[&*run.run.identity] == 1 {
                *found = known.get(&*run.run.identity).copied();
            }
        }
    }

    /// The number of runs for each identity.
    fn counts(&self) -> HashMap<&'a [u8], usize> {
        let mut counts: HashMap<&[u8], usize> = HashMap::new();
        for run in self.runs {
            *counts.entry(&run.run.identity).or_default() += 1;
        }
        counts
    }

    /// The snapshots whose runs are found.
    fn accounted(&self) -> HashSet<SnapshotId> {
        self.found.iter().flatten().map(|snapshot| snapshot.id).collect()
    }

    /// Finds levels whose folder a run was imported from, and whose time was changed since.
    ///
    /// A folder alone is no proof. Where `cp -al` makes levels, the newest run is always in the same folder,
    /// and the run before it in a copy with its time. Also, inode numbers are reused.
    fn by_folder(&mut self) -> Result<(), ImportError> {
        let mut accounted = self.accounted();
        for (nth, run) in self.runs.iter().enumerate() {
            let Some(level) = run.level.as_ref().filter(|_| self.found[nth].is_none()) else { continue };
            let is_in =
                |snapshot: &&&Snapshot| folder(snapshot).is_some_and(|it| is_one(it, &run.run_folder));
            let Some(snapshot) = self.recorded.iter().rev().find(is_in).copied() else { continue };
            if accounted.contains(&snapshot.id) {
                continue;
            }
            let has_moved = folder(snapshot).is_some_and(|was| was.name != run.run_folder.name);
            let is_later = snapshot.manifest.time != run.time;
            if level.number == 0 && !has_moved && run.mark.is_stamped && is_later {
                continue;
            }
            // A renamed level never receives another run.
            let is_sure = run.run_folder.born.is_some() && has_moved && !run.mark.is_stamped;
            if is_sure || self.is_identical(run, snapshot)? {
                log::info!("{}: its time was changed since it was imported", run.mark.path.display());
                accounted.insert(snapshot.id);
                self.prove(nth, snapshot);
            }
        }
        Ok(())
    }

    /// Finds levels by content, among the snapshots whose own level is not found.
    fn by_content(&mut self) -> Result<(), ImportError> {
        let mut accounted = self.accounted();
        // The oldest level of an interval first, and the oldest possible snapshot: if runs do not differ, the
        // newest levels remain as new.
        for nth in self.by_number().into_iter().rev() {
            let run = self.runs[nth];
            let Some(level) = run.level.as_ref().filter(|_| self.found[nth].is_none()) else { continue };
            if self.has_own_time(run) {
                continue;
            }
            let neighbours = || {
                self.runs.iter().zip(&self.found).filter_map(|(run, found)| {
                    let other = run.level.as_ref().filter(|other| other.interval == level.interval)?;
                    found.map(|snapshot| (other.number, snapshot.manifest.time))
                })
            };
            let after = neighbours().filter(|(number, _)| *number > level.number).map(|(_, time)| time).max();
            let before =
                neighbours().filter(|(number, _)| *number < level.number).map(|(_, time)| time).min();
            let is_between = |time: Time| {
                after.is_none_or(|after| after < time) && before.is_none_or(|before| time < before)
            };
            let missing = self.recorded.iter().enumerate().filter(|(at, snapshot)| {
                let next = self.recorded.get(at + 1).map(|next| next.manifest.time);
                !accounted.contains(&snapshot.id)
                    && is_between(snapshot.manifest.time)
                    && may_be_as_old(run, next)
            });
            let mut same = None;
            for (_, snapshot) in missing.take(MAX_COMPARED) {
                if self.is_identical(run, snapshot)? {
                    same = Some(*snapshot);
                    break;
                }
            }
            if let Some(snapshot) = same {
                let time = snapshot.manifest.time.timestamp();
                let reason = format!("it was imported as of {time}; the time of its level was changed since");
                self.leave_out(nth, reason, false);
                accounted.insert(snapshot.id);
                self.prove(nth, snapshot);
            }
        }
        Ok(())
    }

    /// Whether the time of a level is that of its run. rsnapshot sets it to a whole second when a run
    /// completes, and again when it renames a level. Only the newest level was never renamed.
    fn has_own_time(&self, run: &PlannedRun) -> bool {
        let Some(level) = &run.level else { return true };
        let has_lower = |(group, rank): (usize, usize)| {
            let mut ranks = self.runs.iter().filter_map(|run| self.plan.rank(&run.level.as_ref()?.interval));
            ranks.any(|(other, lower)| other == group && lower < rank)
        };
        run.mark.is_stamped && level.number == 0 && !self.plan.rank(&level.interval).is_some_and(has_lower)
    }

    /// Levels by interval and number.
    fn by_number(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.runs.len()).collect();
        order.sort_by_key(|nth| self.runs[*nth].level.as_ref().map(|level| (&level.interval, level.number)));
        order
    }

    /// Leaves out the newer one of two consecutive levels with one time: it is a copy that a run has not
    /// completed. The older one may have been imported.
    fn leave_copies(&mut self) {
        let counts = self.counts();
        for pair in self.by_number().windows(2) {
            let [newer, older] = pair else { continue };
            let (run, before) = (self.runs[*newer], self.runs[*older]);
            let (Some(level), Some(other)) = (&run.level, &before.level) else { continue };
            let follows = level.number.checked_add(1) == Some(other.number);
            let is_pair = level.interval == other.interval && follows && run.time == before.time;
            let unknown = self.found[*newer].is_none() && self.found[*older].is_none();
            if is_pair && unknown && counts[&*run.run.identity] == 2 {
                let reason = format!("its level has the time of {other}: its run has not completed");
                self.leave_out(*newer, reason, false);
                self.unusable.insert(*newer);
                let recorded = self.recorded.iter().rev();
                let known = |snapshot: &&&Snapshot| identity(snapshot) == Some(&*before.run.identity);
                self.found[*older] = recorded.copied().find(|snapshot| known(&snapshot));
            }
        }
    }

    fn is_identical(&self, run: &PlannedRun, snapshot: &Snapshot) -> Result<bool, ImportError> {
        match self.reader {
            Some(reader) => Ok(is_identical(&run.tree, &snapshot.manifest.root, reader)?),
            None => Ok(false),
        }
    }

    /// Fails if the source has the history of another root. Leaves out the runs with the identity of another
    /// root's run.
    fn check_root(&mut self, allow_other_tree: bool) -> Result<(), ImportError> {
        let (Some(last), Some(first)) = (self.last, self.runs.first()) else { return Ok(()) };
        let mut moved: HashSet<(&[u8], PathBuf)> = HashSet::new();
        for (nth, run) in self.runs.iter().enumerate() {
            let Some(snapshot) = self.found[nth] else { continue };
            if folder(snapshot).is_some_and(|it| it.born.is_some() && is_one(it, &run.run_folder)) {
                self.proven.insert(nth);
            }
            if self.proven.contains(&nth) {
                moved.insert(root_of(snapshot));
            }
        }
        // The newest first: its content is the least likely to have changed.
        let mut compared: HashMap<(&[u8], PathBuf), usize> = HashMap::new();
        let mut taken = HashSet::new();
        let mut is_same_root = self.is_here(last, first);
        for (nth, run) in self.runs.iter().enumerate().rev() {
            let Some(snapshot) = self.found[nth] else { continue };
            let root = root_of(snapshot);
            let mut is_it = self.is_here(snapshot, run) || moved.contains(&root);
            let compared = compared.entry(root.clone()).or_default();
            if !is_it && *compared < MAX_PROOFS {
                *compared += 1;
                is_it = self.is_identical(run, snapshot)?;
                if is_it {
                    moved.insert(root);
                }
            }
            is_same_root |= is_it;
            if !is_it {
                taken.insert(nth);
            }
        }
        // An older one proves these.
        taken.retain(|nth| self.found[*nth].is_none_or(|snapshot| !moved.contains(&root_of(snapshot))));
        if !allow_other_tree && !is_same_root {
            return Err(self.other_root(last));
        }
        if !allow_other_tree && self.is_copied(last) {
            let more = ", and none is known here of its levels: their times were changed, as by a copy";
            return Err(other_tree(self.source, &last.manifest.origin, more));
        }
        for nth in taken {
            let whose =
                self.found[nth].map_or_else(PathBuf::new, |other| path_of(&other.manifest.origin.path));
            let reason = format!(
                "a run of another root, {}, was imported as of the same time; use --source to give this root another name",
                whose.display()
            );
            self.leave_out(nth, reason, true);
            self.unusable.insert(nth);
        }
        Ok(())
    }

    /// Whether all levels have lost rsnapshot's times, and none was found otherwise.
    fn is_copied(&self, last: &Snapshot) -> bool {
        last.manifest.time.nanos() == 0
            && self.found.iter().all(Option::is_none)
            && self
                .runs
                .iter()
                .all(|run| run.level.is_some() && !run.mark.is_stamped && run.time.nanos() != 0)
    }

    /// Whether a snapshot came from the root of the plan, on the file system of `run`.
    fn is_here(&self, snapshot: &Snapshot, run: &PlannedRun) -> bool {
        let manifest = &snapshot.manifest;
        let is_elsewhere =
            |folder: &RunFolder| certainly_differ(&folder.file_system, &run.run_folder.file_system);
        manifest.extensions.run.is_some()
            && path_of(&manifest.origin.path).starts_with(&self.plan.root)
            && is_here(&manifest.origin)
            && !folder(snapshot).is_some_and(is_elsewhere)
    }

    fn other_root(&self, last: &Snapshot) -> ImportError {
        let manifest = &last.manifest;
        let is_path = path_of(&manifest.origin.path).starts_with(&self.plan.root);
        let more = match manifest.extensions.run {
            None => ", a plain tree",
            Some(_) if is_path && is_here(&manifest.origin) => ", then on another file system",
            Some(_) => "",
        };
        other_tree(self.source, &manifest.origin, more)
    }

    fn check_order(&self) -> Result<(), ImportError> {
        let timed = |(nth, run): (usize, &&'a PlannedRun)| {
            let time: Option<Time> = self.found[nth].map(|snapshot| snapshot.manifest.time);
            let level = run.level.as_ref().filter(|_| !self.unusable.contains(&nth))?;
            Some(Timed {
                level,
                time: time.unwrap_or(run.time),
                is_new: time.is_none(),
                is_sure: time.is_some() || run.mark.is_stamped,
            })
        };
        let levels: Vec<_> = self.runs.iter().enumerate().filter_map(timed).collect();
        order::check(self.plan, &levels)
    }
}

/// Whether the run of a level may be older than the one that completed at `next`. If so, its folder was
/// created before that, at the latest by `cp -al`. An unstamped level may be a copy made by hand, whose
/// folder is newer.
fn may_be_as_old(run: &PlannedRun, next: Option<Time>) -> bool {
    match (run.run_folder.born, next) {
        (Some(born), Some(next)) if run.mark.is_stamped => born <= next,
        _ => true,
    }
}

pub(super) fn identity(snapshot: &Snapshot) -> Option<&[u8]> {
    snapshot.manifest.extensions.run.as_ref().map(|run| &*run.identity)
}

fn folder(snapshot: &Snapshot) -> Option<&RunFolder> {
    snapshot.manifest.extensions.run_folder.as_ref()
}

/// Whether two runs were in the same folder, as far as is known.
fn is_one(one: &RunFolder, other: &RunFolder) -> bool {
    one.inode == other.inode
        && one.born == other.born
        && !certainly_differ(&one.file_system, &other.file_system)
}

/// Whether two identities of file systems are of one kind and certainly differ.
fn certainly_differ(one: &[u8], other: &[u8]) -> bool {
    one != other && !one.is_empty() && !other.is_empty() && one.get(..5) == other.get(..5)
}

/// The machine and the folder of levels or images that a snapshot came from.
fn root_of(snapshot: &Snapshot) -> (&[u8], PathBuf) {
    let origin = &snapshot.manifest.origin;
    let path = path_of(&origin.path);
    let root = path.parent().and_then(Path::parent).unwrap_or(&path);
    (&origin.host, root.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_identities_of_one_kind_are_compared() {
        assert!(certainly_differ(b"fsid 1", b"fsid 2"));
        for (one, other) in
            [(&b"fsid 1"[..], &b"fsid 1"[..]), (b"", b"fsid 1"), (b"uuid 1", b"fsid 1"), (b"", b"")]
        {
            assert!(!certainly_differ(one, other) && !certainly_differ(other, one), "{one:?} {other:?}");
        }
    }
}
