//! Copies snapshots between two repositories, and upgrades repositories.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use jiff::tz::TimeZone;

use super::history::{no_snapshot, position, source_of};
use super::{ServiceError, init};
use crate::clock::Clock;
use crate::copy::{Copied, CopyOptions, CopyTotals, Selection, copy_snapshots, originals};
use crate::format::{CopiedFrom, SnapshotId};
use crate::history::{Source, Sources};
use crate::import::open_for_writing;
use crate::monitor::{Cancellation, Monitor};
use crate::store::{Access, Repository, StoreError};

/// Which snapshots to copy, and how.
#[derive(Debug, Clone)]
pub struct CopyRequest {
    /// Names of the sources; empty for all of them.
    pub sources: Vec<Vec<u8>>,
    /// Time expressions with their `@`, each for the source that it names, or for all sources above. Empty
    /// for all snapshots.
    pub times: Vec<(Option<Vec<u8>>, Vec<u8>)>,
    /// Only report what would be copied.
    pub dry_run: bool,
    /// Wait while another process writes to the repository that is copied to.
    pub wait: bool,
    /// The zone of snapshots' names and of time expressions.
    pub zone: TimeZone,
}

/// Copies snapshots of the repository in `from` to the one in `to`, and passes each to `report`. What cannot
/// be read is reported to the monitor; its snapshot is left out.
///
/// # Errors
///
/// If a source or a time is unknown, or for the reasons of [`CopyFailed`](crate::copy::CopyFailed).
pub fn copy(
    from: &Path,
    to: &Path,
    request: &CopyRequest,
    report: &mut dyn FnMut(Copied<'_>),
    clock: &dyn Clock,
    monitor: &dyn Monitor,
    cancellation: &Cancellation,
) -> Result<CopyTotals, ServiceError> {
    let repository = Repository::open(from, Access::Read)?;
    let sources = Sources::load(&repository, &request.zone, &Sources::default())?;
    let selection = select(&sources, from, request, clock)?;
    let CopyRequest { dry_run, wait, ref zone, .. } = *request;
    let target = if dry_run {
        Repository::open(to, Access::Read)?
    } else {
        open_for_writing(to, Access::Write, wait, None, clock, cancellation)?
    };
    let options = CopyOptions { selection, dry_run, zone: zone.clone() };
    Ok(copy_snapshots(&repository, &sources, &target, &options, report, monitor, cancellation)?)
}

/// Creates a repository in `new`, a new or empty folder, and copies everything of the repository in `old`
/// to it. Continues an upgrade that was interrupted: `new` may be a repository of which all snapshots are
/// copies of snapshots in `old`.
///
/// # Errors
///
/// If `new` cannot be a new repository, or for the reasons of [`CopyFailed`](crate::copy::CopyFailed).
///
/// ```
/// use fs_core::clock::SystemClock;
/// use fs_core::service::upgrade;
///
/// # use fs_core::import::{ImportOptions, import_tree};
/// # use fs_core::monitor::{Cancellation, Silent};
/// # let folder = tempfile::tempdir()?;
/// # let (root, tree) = (folder.path().join("repository"), folder.path().join("tree"));
/// # fs_core::service::init(&root)?;
/// # std::fs::create_dir(&tree)?;
/// # std::fs::write(tree.join("file"), "content")?;
/// # import_tree(&root, &tree, &ImportOptions::default(), &Silent, &Cancellation::default())?;
/// let new = folder.path().join("new");
/// let zone = jiff::tz::TimeZone::UTC;
/// let (monitor, cancellation) = (Silent, Cancellation::default());
/// let totals = upgrade(&root, &new, zone, &mut |_| {}, &SystemClock, &monitor, &cancellation)?;
/// assert_eq!(totals.copied, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn upgrade(
    old: &Path,
    new: &Path,
    zone: TimeZone,
    report: &mut dyn FnMut(Copied<'_>),
    clock: &dyn Clock,
    monitor: &dyn Monitor,
    cancellation: &Cancellation,
) -> Result<CopyTotals, ServiceError> {
    // The new repository is made only if the old one can be read.
    let repository = Repository::open(old, Access::Read)?;
    match init(new) {
        Err(ServiceError::Store(StoreError::AlreadyExists(_)))
            if has_only_copies(&repository, new, &zone)? => {}
        Err(ServiceError::Store(StoreError::AlreadyExists(new))) if is_same(old, &new) => {
            return Err(ServiceError::UpgradeItself(new));
        }
        Err(ServiceError::Store(StoreError::AlreadyExists(new))) => {
            return Err(ServiceError::UpgradeExists { old: old.to_owned(), new });
        }
        result => result?,
    }
    drop(repository);
    let (sources, times) = (Vec::new(), Vec::new());
    let request = CopyRequest { sources, times, dry_run: false, wait: false, zone };
    copy(old, new, &request, report, clock, monitor, cancellation)
}

/// Whether two paths lead to one folder.
fn is_same(old: &Path, new: &Path) -> bool {
    old.canonicalize().is_ok_and(|old| new.canonicalize().is_ok_and(|new| old == new))
}

/// Whether all snapshots of the repository in `new` are copies of snapshots in `old`.
fn has_only_copies(old: &Repository, new: &Path, zone: &TimeZone) -> Result<bool, ServiceError> {
    let new = Repository::open(new, Access::Read)?;
    let old_sources = Sources::load(old, zone, &Sources::default())?;
    let originals: HashSet<_> = originals(old, &old_sources).into_values().collect();
    let sources = Sources::load(&new, zone, &Sources::default())?;
    let mut snapshots = sources.iter().flat_map(|source| source.snapshots());
    let is_copy =
        |original: Option<CopiedFrom>| original.is_some_and(|original| originals.contains(&original));
    let only_copies = snapshots.all(|(_, snapshot)| is_copy(snapshot.manifest.extensions.copied_from));
    Ok(only_copies && !sources.is_incomplete() && old.id() != new.id())
}

/// The snapshots that the user selects.
fn select(
    sources: &Sources,
    root: &Path,
    request: &CopyRequest,
    clock: &dyn Clock,
) -> Result<Selection, ServiceError> {
    let named = request.sources.iter().map(|name| source_of(sources, root, Some(name)));
    let named = named.collect::<Result<Vec<_>, _>>()?;
    let names = named.iter().map(|source| Box::from(&*source.name)).collect();
    if request.times.is_empty() {
        return Ok(Selection { sources: names, snapshots: None });
    }
    let all: Vec<_> = if named.is_empty() { sources.iter().cloned().collect() } else { named };
    let mut snapshots = HashSet::new();
    for (source, time) in &request.times {
        match source {
            Some(name) => {
                let source = source_of(sources, root, Some(name))?;
                snapshots.insert(at(&source, time, clock)?);
            }
            None => snapshots.extend(in_each(&all, root, time, clock)?),
        }
    }
    Ok(Selection { sources: names, snapshots: Some(snapshots) })
}

/// The snapshots that `time` means in the sources. Sources that do not know it are left out.
fn in_each(
    sources: &[Arc<Source>],
    root: &Path,
    time: &[u8],
    clock: &dyn Clock,
) -> Result<Vec<SnapshotId>, ServiceError> {
    let (mut found, mut unknown) = (Vec::new(), None);
    for source in sources {
        match at(source, time, clock) {
            Ok(snapshot) => found.push(snapshot),
            Err(error @ (ServiceError::NoTime { .. } | ServiceError::NoSnapshot { .. })) => {
                unknown.get_or_insert(error);
            }
            Err(error) => return Err(error),
        }
    }
    match unknown {
        Some(error) if found.is_empty() => Err(error),
        None if found.is_empty() => Err(ServiceError::NoSnapshots(root.to_owned())),
        _ => Ok(found),
    }
}

fn at(source: &Source, time: &[u8], clock: &dyn Clock) -> Result<SnapshotId, ServiceError> {
    let snapshot = source.snapshot(position(source, time, clock.now())?);
    snapshot.map(|snapshot| snapshot.id).ok_or_else(|| no_snapshot(source, time))
}
