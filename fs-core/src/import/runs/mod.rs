//! Imports the runs that other programs keep.

mod order;
mod resolve;

use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

use resolve::resolve;
pub use resolve::{ResolvedRuns, RunState};

use super::identity::StatCacheKey;
use super::layout::{BackupRoot, LeftOut, Plan, PlannedRun};
use super::opening::{WRITERS, Waiting, open_existing};
use super::session::{Imported, Label, Session, worse};
use super::walk::{Options, Quiescence, SeenFiles};
use super::{ImportError, ImportOptions};
use crate::history::{Snapshot, Sources};
use crate::monitor::{Cancellation, Monitor, RunBegins};
use crate::store::CacheSizes;

/// Lists the runs of a folder. With [`ImportOptions::wait`], waits until the program that makes them has
/// ended.
///
/// # Errors
///
/// Those of [`Plan::make`].
pub fn make_plan(
    root: &BackupRoot,
    options: &ImportOptions,
    cancellation: &Cancellation,
) -> Result<Plan, ImportError> {
    let mut waiting = Waiting::new(&*options.clock, None);
    loop {
        let plan = Plan::make(root, &options.dirvish_zone, options.clock.now())?;
        let Some(pid) = plan.running.filter(|_| options.wait) else { return Ok(plan) };
        let what = format!("process {pid} is writing to {}; stop it if it hangs", plan.root.display());
        waiting.step(WRITERS, &what, cancellation)?;
    }
}

/// Finds out which runs of a plan are in the repository in `root`; without a repository, all are new.
///
/// # Errors
///
/// If an import would refuse the plan.
pub fn run_states(root: &Path, plan: &Plan, options: &ImportOptions) -> Result<ResolvedRuns, ImportError> {
    let Some(repository) = open_existing(root)? else {
        return resolve(plan, options, &Sources::default(), None);
    };
    let sources = Sources::load(&repository, &options.zone, &Sources::default())?;
    resolve(plan, options, &sources, Some(&repository.reader(CacheSizes::default())))
}

/// Imports the runs of a plan that the repository does not have yet, one at a time. Each run is a snapshot as
/// soon as it is imported. If an import is interrupted, the next one continues where it stopped.
#[derive(Debug)]
pub struct RunImporter<'a> {
    session: Session<'a>,
    plan: &'a Plan,
    seen: SeenFiles,
    /// The new runs that remain.
    new: std::vec::IntoIter<&'a PlannedRun>,
    total: u64,
    left_out: Vec<LeftOut>,
}

/// The result for one run.
#[derive(Debug)]
pub enum RunOutcome {
    /// The run is a snapshot now.
    Imported(Box<Imported>),
    /// The run could not or must not be imported; the next import tries again.
    LeftOut(LeftOut),
}

impl<'a> RunImporter<'a> {
    /// Opens the repository in `root` for the new runs of `plan`.
    ///
    /// # Errors
    ///
    /// If the repository cannot be written, or if the runs would enter the history of another root, or if
    /// their order is unknown.
    pub fn open(
        root: &Path,
        plan: &'a Plan,
        options: &'a ImportOptions,
        cancellation: &'a Cancellation,
    ) -> Result<Self, ImportError> {
        let session = Session::open(root, options, cancellation)?;
        session.check_outside(&plan.root, &plan.root)?;
        if session.sources.is_incomplete() {
            // Otherwise its run would be imported again as a new one.
            return Err(ImportError::UnreadableSnapshot);
        }
        let reader = session.repository.reader(CacheSizes::default());
        let ResolvedRuns { states, left_out } = resolve(plan, options, &session.sources, Some(&reader))?;
        let new = plan.runs.iter().zip(states).filter(|(_, state)| *state == RunState::New);
        let new: Vec<_> = new.map(|(run, _)| run).collect();
        let (total, new) = (new.len() as u64, new.into_iter());
        Ok(Self { session, plan, seen: SeenFiles::default(), new, total, left_out })
    }

    /// Runs that are not imported, in addition to [`Plan::left_out`].
    pub fn left_out(&self) -> &[LeftOut] {
        &self.left_out
    }

    /// Number of new runs.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Imports the oldest remaining run; `None` if none remains.
    ///
    /// # Errors
    ///
    /// If the repository fails, or on cancellation. A run that cannot be read is left out instead.
    pub fn next(&mut self, monitor: &dyn Monitor) -> Result<Option<RunOutcome>, ImportError> {
        let Some(run) = self.new.next() else { return Ok(None) };
        if self.session.cancellation.is_cancelled() {
            return Err(ImportError::Cancelled);
        }
        let name = run.tree.strip_prefix(&self.plan.root).unwrap_or(&run.tree).as_os_str().as_bytes();
        monitor.run(&RunBegins { name, number: self.total - self.new.len() as u64, total: self.total });
        let outcome = self.import(run, monitor);
        if !matches!(outcome, Ok(RunOutcome::Imported(_))) {
            // The files that this walk has read need not be stored.
            self.seen = SeenFiles::default();
        }
        match outcome {
            // The level was rotated away or is being removed, or this user cannot read it. Other levels may
            // be readable.
            Err(
                error @ (ImportError::Read { .. }
                | ImportError::NotADirectory(_)
                | ImportError::NotQuiescent { .. }),
            ) => Ok(Some(left_out(run, &error.to_string()))),
            outcome => outcome.map(Some),
        }
    }

    fn import(&mut self, run: &PlannedRun, monitor: &dyn Monitor) -> Result<RunOutcome, ImportError> {
        if let Some(change) = run.mark.change() {
            return Ok(left_out(run, change));
        }
        let status = run.status();
        let source = self.session.options.source_of(run);
        let key = StatCacheKey::of_runs(source);
        let (imported_last, stat_cache) = self.session.imported_last(&key).unzip();
        let is_first = imported_last.is_none();
        let parent = imported_last.or_else(|| self.parent(source, run));
        let is_unproven = is_first && parent.is_some();
        let walk = Options {
            parent: parent.as_deref(),
            stat_cache,
            seen: Some(&self.seen),
            quiescence: Quiescence::Directories(self.plan.quiescent_since),
            // A run's result counts, even if it is empty.
            allow_empty: true,
            ..self.session.walk_options()
        };
        let pending = self.session.walk(&run.tree, &key, walk, monitor)?;
        if let Some(change) = run.mark.change() {
            return Ok(left_out(run, change));
        }
        let label = Label {
            source,
            path: &run.tree,
            time: run.time,
            status: worse(pending.walked.manifest.status, status),
            run: Some(run.run.clone()),
            run_folder: Some(run.run_folder.clone()),
        };
        let imported = self.session.commit(pending, label)?;
        Ok(RunOutcome::Imported(Box::new(Imported { is_unproven, ..imported })))
    }

    /// The snapshot most similar to the run. It is of the run that this one was made against, else the
    /// source's last one before it.
    fn parent(&self, source: &[u8], run: &PlannedRun) -> Option<Arc<Snapshot>> {
        let sources = &self.session.sources;
        let reference = run.reference.as_deref().and_then(|identity| {
            let mut snapshots = sources.iter().flat_map(|source| source.snapshots());
            snapshots.find(|(_, snapshot)| resolve::identity(snapshot) == Some(identity))
        });
        let before = || {
            let all = || Some(sources.get(source)?.snapshots());
            all()?.rev().find(|(_, snapshot)| snapshot.manifest.time <= run.time).or_else(|| all()?.next())
        };
        reference.or_else(before).map(|(_, snapshot)| Arc::clone(snapshot))
    }
}

fn left_out(run: &PlannedRun, reason: &str) -> RunOutcome {
    RunOutcome::LeftOut(LeftOut {
        path: run.tree.clone(),
        reason: format!("{reason}; the next import tries again"),
        may_be_history: true,
    })
}

impl ImportOptions {
    /// The name of a run's source in the repository.
    pub fn source_of<'a>(&'a self, run: &'a PlannedRun) -> &'a [u8] {
        self.source.as_deref().unwrap_or(&run.source)
    }

    /// Fails if no source can have the given name, or if the runs of several sources would get it.
    fn check_sources(&self, plan: &Plan) -> Result<(), ImportError> {
        let sources = plan.sources();
        if self.given_source()?.is_some() && sources.len() > 1 {
            let names: Vec<_> = sources.into_iter().map(String::from_utf8_lossy).collect();
            return Err(ImportError::SeveralSources(names.join(", ")));
        }
        Ok(())
    }
}
