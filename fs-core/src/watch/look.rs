//! Looks once at a source, and imports everything new.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::schedule::Outcome;
use super::source::Source;
use super::{Activity, Event, Last, Trigger};
use crate::clock::Clock;
use crate::format::{Status, Time};
use crate::history::Sources;
use crate::import::layout::{Layout, LeftOut, Plan};
use crate::import::{
    ImportError, ImportOptions, Imported, RunImporter, RunOutcome, RunState, StatCacheKey, import_tree,
    run_states, source_name,
};
use crate::monitor::{Cancellation, Monitor};
use crate::platform::rsync_writer;
use crate::store::{Access, Repository, StoreError};

/// Input of a look, without the source.
pub(super) struct Context<'a> {
    pub(super) repository: &'a Path,
    pub(super) clock: &'a dyn Clock,
    pub(super) monitor: &'a dyn Monitor,
    pub(super) emit: &'a mut dyn FnMut(Event<'_>),
    pub(super) cancellation: &'a Cancellation,
}

/// Imports everything new of a source, if it is complete.
pub(super) fn look(
    source: &mut Source,
    context: &mut Context<'_>,
) -> Result<(Outcome, Activity), ImportError> {
    let plan = |source: &Source| {
        let options = &source.watched.options;
        Plan::make(&source.watched.folder, &options.dirvish_zone, options.clock.now())
    };
    let mut planned = plan(source)?;
    if source.cover(context.repository, &planned, context.emit) {
        planned = plan(source)?;
    }
    if let Some(hint) = planned.hint.as_deref().filter(|_| !std::mem::replace(&mut source.hinted, true)) {
        (context.emit)(Event::Hint { path: &source.path, hint });
    }
    source.schedule.begin();
    let names = source_names(&source.watched.options, &planned)?;
    if source.last.is_none() {
        source.last = last_of(context.repository, &source.watched.options, &names)?;
    }
    // Summaries and locks show the state of each run; elsewhere all runs wait together.
    let shows_runs = planned.layout == Layout::Dirvish || source.watched.folder.config.is_some();
    if let Some(pid) = rsync_writer(&planned.root).filter(|_| !shows_runs) {
        return Ok(at_work(pid));
    }
    let running = planned.running;
    let key = |name: &Vec<u8>| match planned.layout {
        Layout::Tree => StatCacheKey::of_tree(name, &planned.root, &source.watched.options),
        _ => StatCacheKey::of_runs(name),
    };
    let keys: Vec<_> = names.iter().map(key).collect();
    let result = match planned.layout {
        Layout::Tree => tree(source, &planned, context),
        _ => runs(source, planned, context),
    };
    if source.watched.options.checksum_every.is_some() {
        source.all_read = all_read(context.repository, &keys).unwrap_or_default();
    }
    match (result, running) {
        (Ok((Outcome::Done, _)), Some(pid)) => Ok(at_work(pid)),
        (Err(error @ ImportError::NotQuiescent { .. }), _) => {
            Ok((Outcome::NotQuiescent, Activity::Busy(error.to_string())))
        }
        (result, _) => result,
    }
}

/// The names of a watched source in the repository.
fn source_names(options: &ImportOptions, plan: &Plan) -> Result<Vec<Vec<u8>>, ImportError> {
    Ok(match &options.source {
        _ if plan.layout == Layout::Tree => vec![source_name(&plan.root, options)?],
        Some(name) => vec![name.clone()],
        None => plan.sources().into_iter().map(<[u8]>::to_vec).collect(),
    })
}

/// The time when every file of all these trees was last read.
fn all_read(repository: &Path, stat_caches: &[StatCacheKey]) -> Result<Option<Timestamp>, StoreError> {
    let repository = Repository::open(repository, Access::Read)?;
    let caches = stat_caches.iter().filter_map(|key| key.open(&repository));
    Ok(caches.map(|cache| cache.all_read().timestamp()).min())
}

fn at_work(pid: u32) -> (Outcome, Activity) {
    (Outcome::AtWork, Activity::Busy(format!("process {pid} is writing to it")))
}

const DONE: (Outcome, Activity) = (Outcome::Done, Activity::Idle);

fn tree(
    source: &mut Source,
    plan: &Plan,
    context: &mut Context<'_>,
) -> Result<(Outcome, Activity), ImportError> {
    let mut options = source.watched.options.clone();
    options.wait = true;
    match &source.watched.trigger {
        Trigger::Time => options.only_if_changed = true,
        Trigger::Quiet(quiet) => {
            options.only_if_changed = true;
            options.quiescent_for = Some(*quiet);
            // The run's result is unknown.
            options.run_status = Status::Unknown;
        }
        Trigger::Stamp(stamp) => {
            if !is_touched(stamp, &plan.root, &options, context.repository)? {
                return Ok(DONE);
            }
        }
    }
    let began = context.clock.instant();
    // The tree's path as the user wrote it: its links may be intended.
    let tree = source.watched.folder.root.as_deref().unwrap_or(&plan.root);
    let imported = import_tree(context.repository, tree, &options, context.monitor, context.cancellation)?;
    if let Some(imported) = imported {
        report_imported(source, &imported, None, began, context);
    } else if source.last.is_none() {
        // Nothing reports a mount on this folder.
        return Ok((Outcome::NotQuiescent, Activity::Busy("it is empty".to_owned())));
    }
    Ok(DONE)
}

/// The last snapshot of the sources with these names.
fn last_of(
    repository: &Path,
    options: &ImportOptions,
    names: &[Vec<u8>],
) -> Result<Option<Last>, StoreError> {
    let sources = load(repository, options)?;
    let lasts = names.iter().filter_map(|name| {
        let (snapshot, last) = sources.last(name)?;
        Some((last.manifest.time, Last { source: name.as_slice().into(), name: snapshot.to_owned() }))
    });
    Ok(lasts.max_by_key(|(time, _)| *time).map(|(_, last)| last))
}

fn load(repository: &Path, options: &ImportOptions) -> Result<Sources, StoreError> {
    let repository = Repository::open(repository, Access::Read)?;
    Sources::load(&repository, &options.zone, &Sources::default())
}

/// Maximum step of the kernel's clock for file times. It lags behind the real clock: a file touched within a
/// step gets the time of the step's beginning.
const STEP: Duration = Duration::from_millis(10);

/// Whether a stamp may be newer than the last snapshot's reading. A missing stamp was never touched.
fn is_touched(
    stamp: &Path,
    tree: &Path,
    options: &ImportOptions,
    repository: &Path,
) -> Result<bool, ImportError> {
    let unreadable = |reason| ImportError::Tree { path: stamp.to_owned(), reason };
    let touched = match fs::metadata(stamp).and_then(|metadata| metadata.modified()) {
        Ok(time) => time,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(unreadable(error)),
    };
    let touched = Timestamp::try_from(touched).map_err(|error| unreadable(io::Error::other(error)))?;
    let sources = load(repository, options)?;
    let name = source_name(tree, options)?;
    let last = sources.last(&name);
    // A run imported twice is better than one never imported.
    let touched = touched.checked_add(STEP).unwrap_or(Timestamp::MAX);
    Ok(last.is_none_or(|(_, last)| last.manifest.started < Time::from(touched)))
}

fn runs(
    source: &mut Source,
    mut plan: Plan,
    context: &mut Context<'_>,
) -> Result<(Outcome, Activity), ImportError> {
    if let Trigger::Quiet(quiet) = source.watched.trigger
        && let Ok(since) = context.clock.now().checked_sub(quiet)
    {
        plan.quiescent_since = plan.quiescent_since.min(since.into());
    }
    let mut options = source.watched.options.clone();
    options.wait = true;
    // This needs no lock, so no other process waits while there is nothing to do.
    let states = run_states(context.repository, &plan, &options);
    let more = states.as_ref().map_or(&[][..], |states| &states.left_out);
    report_left_out(source, [&plan.left_out, more].concat(), context);
    if !states?.states.contains(&RunState::New) {
        return Ok(DONE);
    }
    let mut importer = RunImporter::open(context.repository, &plan, &options, context.cancellation)?;
    let mut left_out = None;
    loop {
        let began = context.clock.instant();
        match importer.next(context.monitor)? {
            Some(RunOutcome::Imported(imported)) => {
                let tree = Path::new(OsStr::from_bytes(&imported.snapshot.manifest.origin.path));
                let run = Some(tree.strip_prefix(&plan.root).unwrap_or(tree));
                report_imported(source, &imported, run, began, context);
            }
            Some(RunOutcome::LeftOut(run)) => left_out = Some(run),
            None => break,
        }
    }
    Ok(match left_out {
        // The run is being removed or rotated. At the next look it is gone or quiescent.
        Some(LeftOut { path, reason, .. }) => {
            (Outcome::NotQuiescent, Activity::Busy(format!("{}: {reason}", path.display())))
        }
        None => DONE,
    })
}

/// Reports runs that were not left out the last time.
fn report_left_out(source: &mut Source, left_out: Vec<LeftOut>, context: &mut Context<'_>) {
    for left_out in left_out.iter().filter(|left_out| !source.left_out.contains(left_out)) {
        (context.emit)(Event::LeftOut(left_out));
    }
    source.left_out = left_out;
}

/// Reports a new snapshot, which is now the source's last.
fn report_imported(
    source: &mut Source,
    imported: &Imported,
    run: Option<&Path>,
    began: Instant,
    context: &mut Context<'_>,
) {
    let snapshot = &imported.snapshot;
    source.last = Some(Last { source: snapshot.manifest.source.clone(), name: snapshot.name.clone() });
    let took = context.clock.instant() - began;
    (context.emit)(Event::Imported { imported, run, took });
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::monitor::Silent;

    #[test]
    fn a_stamp_touched_just_after_an_import_has_begun_looks_a_little_older() {
        let directory = tempfile::tempdir().unwrap();
        let (root, tree) = (directory.path().join("repository"), directory.path().join("tree"));
        Repository::init(&root).unwrap();
        fs::create_dir(&tree).unwrap();
        fs::write(tree.join("file"), "x").unwrap();
        let stamp = directory.path().join("stamp");
        let options = ImportOptions::default();
        let is_touched = || is_touched(&stamp, &tree, &options, &root).unwrap();
        assert!(!is_touched());
        let stamp = fs::File::create(&stamp).unwrap();
        assert!(is_touched());
        let imported = import_tree(&root, &tree, &options, &Silent, &Cancellation::default()).unwrap();
        let began = SystemTime::from(imported.unwrap().snapshot.manifest.started.timestamp());
        for (before, expected) in [(0, true), (4, true), (50, false), (1000, false)] {
            stamp.set_modified(began - Duration::from_millis(before)).unwrap();
            assert_eq!(is_touched(), expected, "{before} ms before");
        }
        stamp.set_modified(began + Duration::from_nanos(1)).unwrap();
        assert!(is_touched());
    }
}
