//! Imports the runs that other programs keep.

mod order;
mod resolve;

use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

use jiff::tz::TimeZone;
pub use resolve::Known;
use resolve::resolve;

use super::session::{Label, RUNS, Session, TreeIdentity, WRITERS, Walked, worse};
use super::waiting::Waiting;
use super::{ImportOptions, Imported, ServiceError};
use crate::format::is_source_name;
use crate::history::{Snapshot, Sources};
use crate::import::layout::{LeftOut, Place, Plan, PlannedRun};
use crate::import::{AtRest, ImportError, SeenFiles};
use crate::monitor::{Cancellation, Monitor, RunBegins};
use crate::store::{Access, CacheSizes, Repository};

/// Lists runs. With `wait`, waits until the program that makes them has ended. `zone` is the zone of the
/// times in dirvish's summaries.
pub fn make_plan(
    place: &Place,
    zone: &TimeZone,
    wait: bool,
    cancellation: &Cancellation,
) -> Result<Plan, ServiceError> {
    let mut waiting = Waiting::new(None);
    loop {
        let plan = Plan::make(place, zone)?;
        let Some(pid) = plan.running.filter(|_| wait) else { return Ok(plan) };
        let what = format!("process {pid} is writing to {}; stop it if it hangs", plan.root.display());
        waiting.step(WRITERS, &what, cancellation)?;
    }
}

/// The state of a planned run in the repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunState {
    /// The run's source in the repository.
    pub source: Box<[u8]>,
    /// Whether it was imported.
    pub state: Known,
}

/// The states of a plan's runs in the repository in `root`; without a repository, all are new. Also returns
/// the runs that an import would leave out. Fails if an import would refuse the plan.
pub fn run_states(
    root: &Path,
    plan: &Plan,
    options: &ImportOptions,
) -> Result<(Vec<RunState>, Vec<LeftOut>), ServiceError> {
    let (sources, reader) = match Repository::open(root, Access::Read) {
        Ok(repository) => {
            let sources = Sources::load(&repository, &options.zone, &Sources::default())?;
            (sources, Some(repository.reader(CacheSizes::default())))
        }
        Err(crate::store::StoreError::NotARepository(_)) => (Sources::default(), None),
        Err(error) => return Err(error.into()),
    };
    let names = SourceNames::new(plan, options)?;
    let resolved = resolve(plan, &names, &sources, reader.as_ref(), options.allow_other_tree)?;
    let state = |(run, state): (&PlannedRun, _)| RunState { source: names.of(run).into(), state };
    let states = plan.runs.iter().zip(resolved.states).map(state).collect();
    Ok((states, resolved.left_out))
}

/// Imports the runs of a plan that the repository does not have yet, one at a time. Each run is a snapshot as
/// soon as it is imported. If an import is interrupted, the next one continues where it stopped.
#[derive(Debug)]
pub struct RunImporter<'a> {
    session: Session,
    plan: &'a Plan,
    options: &'a ImportOptions,
    names: SourceNames<'a>,
    seen: SeenFiles,
    /// Positions of the new runs in the plan.
    new: std::vec::IntoIter<usize>,
    total: u64,
    done: u64,
    left_out: Vec<LeftOut>,
}

/// The result for one run.
#[derive(Debug)]
pub enum Outcome {
    /// The run is a snapshot now.
    Imported(Box<Imported>),
    /// The run could not or must not be imported; the next import tries again.
    LeftOut(LeftOut),
}

impl<'a> RunImporter<'a> {
    /// Opens the repository in `root` for the new runs of `plan`.
    pub fn open(
        root: &Path,
        plan: &'a Plan,
        options: &'a ImportOptions,
        cancellation: &Cancellation,
    ) -> Result<Self, ServiceError> {
        let names = SourceNames::new(plan, options)?;
        let session = Session::open(root, options, cancellation)?;
        if session.holds(&plan.root) {
            return Err(ImportError::InsideRepository(plan.root.clone()).into());
        }
        if session.sources().is_incomplete() {
            // Otherwise its run would be imported again as a new one.
            return Err(ServiceError::UnreadableSnapshot);
        }
        let reader = session.reader();
        let resolved = resolve(plan, &names, session.sources(), Some(&reader), options.allow_other_tree)?;
        let is_new = |at: &usize| resolved.states[*at] == Known::New;
        let new: Vec<_> = (0..plan.runs.len()).filter(is_new).collect();
        let total = new.len() as u64;
        let (new, left_out) = (new.into_iter(), resolved.left_out);
        Ok(Self { session, plan, options, names, seen: SeenFiles::default(), new, total, done: 0, left_out })
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
    pub fn next(
        &mut self,
        monitor: &dyn Monitor,
        cancellation: &Cancellation,
    ) -> Result<Option<Outcome>, ServiceError> {
        let Some(at) = self.new.next() else { return Ok(None) };
        if cancellation.is_cancelled() {
            return Err(ImportError::Cancelled.into());
        }
        let run = &self.plan.runs[at];
        self.done += 1;
        let name = run.tree.strip_prefix(&self.plan.root).unwrap_or(&run.tree);
        let name = name.as_os_str().as_bytes();
        monitor.run(&RunBegins { name, number: self.done, total: self.total });
        let outcome = self.import(run, monitor, cancellation);
        if !matches!(outcome, Ok(Outcome::Imported(_))) {
            // The files that this walk has read need not be stored.
            self.seen = SeenFiles::default();
        }
        match outcome {
            Ok(outcome) => Ok(Some(outcome)),
            // The level was rotated away or is being removed, or this user cannot read it. Other levels may
            // be readable.
            Err(ServiceError::Import(
                error @ (ImportError::Root { .. }
                | ImportError::NotADirectory(_)
                | ImportError::NotAtRest { .. }),
            )) => Ok(Some(left_out(run, &error.to_string()))),
            Err(error) => Err(error),
        }
    }

    fn import(
        &mut self,
        run: &PlannedRun,
        monitor: &dyn Monitor,
        cancellation: &Cancellation,
    ) -> Result<Outcome, ServiceError> {
        if let Some(change) = run.change() {
            return Ok(left_out(run, change));
        }
        let status = run.status();
        let source = self.names.of(run);
        // Any run of the farm may share inodes with any other.
        let identity = TreeIdentity { source, tree: RUNS };
        let (imported_last, stat_cache) = self.session.imported_last(&identity).unzip();
        let is_first = imported_last.is_none();
        let parent = imported_last.or_else(|| self.parent(source, run));
        let is_unproven = is_first && parent.is_some();
        let walked = Walked {
            tree: &run.tree,
            identity: &identity,
            parent: parent.as_deref(),
            stat_cache,
            seen: Some(&self.seen),
            at_rest: AtRest::Directories(self.plan.at_rest_since),
            // A run's result counts, even if it is empty.
            allow_empty: true,
        };
        let pending = self.session.walk(walked, self.options, monitor, cancellation)?;
        if let Some(change) = run.change() {
            return Ok(left_out(run, change));
        }
        let label = Label {
            source,
            path: &run.tree,
            time: run.time,
            status: worse(pending.taken.status, status),
            run: Some(run.run.clone()),
            run_folder: Some(run.run_folder.clone()),
        };
        let imported = self.session.commit(pending, label, cancellation)?;
        Ok(Outcome::Imported(Box::new(Imported { is_unproven, ..imported })))
    }

    /// The snapshot most similar to the run. It is of the run that this one was made against, else the
    /// source's last one before it.
    fn parent(&self, source: &[u8], run: &PlannedRun) -> Option<Arc<Snapshot>> {
        let snapshots = || self.session.sources().iter().flat_map(|source| source.snapshots());
        let is = |snapshot: &Snapshot, identity: &[u8]| {
            snapshot.manifest.extensions.run.as_ref().is_some_and(|run| *run.identity == *identity)
        };
        let reference = run.reference.as_deref().and_then(|identity| {
            snapshots().map(|(_, snapshot)| snapshot).find(|snapshot| is(snapshot, identity))
        });
        reference.cloned().or_else(|| {
            let source = self.session.sources().get(source)?;
            let all = || source.snapshots().map(|(_, snapshot)| snapshot);
            all().rev().find(|snapshot| snapshot.manifest.time <= run.time).or_else(|| all().next()).cloned()
        })
    }
}

fn left_out(run: &PlannedRun, reason: &str) -> Outcome {
    Outcome::LeftOut(LeftOut {
        path: run.tree.clone(),
        reason: format!("{reason}; the next import tries again"),
        may_be_history: true,
    })
}

/// Names of the runs' sources in the repository.
#[derive(Debug)]
struct SourceNames<'a>(Option<&'a [u8]>);

impl<'a> SourceNames<'a> {
    fn new(plan: &Plan, options: &'a ImportOptions) -> Result<Self, ServiceError> {
        let text = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
        match options.source.as_deref() {
            Some(name) if !is_source_name(name) => Err(ServiceError::BadSourceName(text(name))),
            Some(_) if plan.sources().len() > 1 => {
                let names: Vec<_> = plan.sources().into_iter().map(text).collect();
                Err(ServiceError::SeveralSources(names.join(", ")))
            }
            name => Ok(Self(name)),
        }
    }

    fn of<'r>(&self, run: &'r PlannedRun) -> &'r [u8]
    where
        'a: 'r,
    {
        self.0.unwrap_or(&run.source)
    }
}
