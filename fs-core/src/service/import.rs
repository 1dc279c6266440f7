use std::fs;
use std::path::{Component, Path, PathBuf, Prefix};
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

#[cfg(unix)]
use super::rsync_at_work::rsync_at_work;
use super::session::{Label, Session, TreeIdentity, WRITERS, Walked, origin, worse};
use super::waiting::Waiting;
use super::{ServiceError, SnapshotInfo, other_tree};
use crate::format::{Status, Time, is_source_name};
use crate::history::{Snapshot, Sources};
use crate::import::{self, AtRest, ImportError, path_of};
use crate::monitor::{Cancellation, Monitor, Progress};
use crate::store::{Access, Repository, Statistics, StoreError};

/// Options for the import of trees and runs.
#[derive(Debug, Clone)]
#[allow(clippy::struct_excessive_bools, reason = "each is a choice of its own, named where it is made")]
pub struct ImportOptions {
    /// The source's name. If `None`, the name of the tree's folder, or the run's source.
    pub source: Option<Vec<u8>>,
    /// Leave out the content of other file systems.
    pub one_file_system: bool,
    /// Read every file, even one that is proven unchanged …
    pub checksum: bool,
    /// … but only if the last such import is at least this long ago.
    pub checksum_every: Option<Duration>,
    /// Ignore inode numbers: they change from one import to the next.
    pub ignore_inode: bool,
    /// The tree is a frozen copy of the tree with this name, such as a snapshot of its file system.
    pub origin: Option<Vec<u8>>,
    /// Read stored data before relying on it, and store again all data that cannot be read. This is implied
    /// if packs are lost.
    pub heal: bool,
    /// Add no snapshot if the tree equals the last snapshot. Add no first snapshot of an empty tree: it may
    /// not be mounted yet.
    pub only_if_changed: bool,
    /// Wait while another process writes to the repository, or rsync to the tree.
    pub wait: bool,
    /// Bound of the wait; none if `None`. After it, a tree is imported as it is and counts as partial. A
    /// repository that is still locked is then an error.
    pub wait_limit: Option<Duration>,
    /// Give up if rsync is writing to the tree, or anything in it was changed within this time.
    pub at_rest_for: Option<Duration>,
    /// Take owners, modes and special files from the attributes of `rsync --fake-super`.
    pub fake_super: bool,
    /// Accept an empty tree, though the last snapshot was not empty.
    pub allow_empty: bool,
    /// Continue a source's history even if it is that of another tree.
    pub allow_other_tree: bool,
    /// The status of the run that made the tree.
    pub run_status: Status,
    /// The time of the tree's state; now if `None`. Ignored for runs, which have their own times.
    pub time: Option<Timestamp>,
    /// The folder to read the tree from, if it is a frozen copy.
    pub read_from: Option<PathBuf>,
    /// The zone of the new snapshot's name. Nothing that is stored depends on it.
    pub zone: TimeZone,
    /// The zone of the times in dirvish's summaries.
    pub dirvish_zone: TimeZone,
}

impl Default for ImportOptions {
    fn default() -> Self {
        Self {
            source: None,
            one_file_system: false,
            checksum: false,
            checksum_every: None,
            ignore_inode: false,
            origin: None,
            heal: false,
            only_if_changed: false,
            wait: false,
            wait_limit: None,
            at_rest_for: None,
            fake_super: false,
            allow_empty: false,
            allow_other_tree: false,
            run_status: Status::Complete,
            time: None,
            read_from: None,
            zone: TimeZone::UTC,
            dirvish_zone: TimeZone::UTC,
        }
    }
}

/// A snapshot that was added.
#[derive(Debug, Clone)]
pub struct Imported {
    /// The new snapshot.
    pub snapshot: SnapshotInfo,
    /// Statistics of the data added to the repository.
    pub statistics: Statistics,
    /// Counts of the entries seen and the data read.
    pub progress: Progress,
    /// Whether every file was read because the stat cache was missing.
    pub is_unproven: bool,
}

/// The name that an import of `tree` would give its source.
pub fn source_name(tree: &Path, options: &ImportOptions) -> Result<Vec<u8>, ServiceError> {
    if let Some(name) = &options.source {
        return if is_source_name(name) {
            Ok(name.clone())
        } else {
            Err(ServiceError::BadSourceName(String::from_utf8_lossy(name).into_owned()))
        };
    }
    // A frozen copy stands for the tree that it names.
    let path = absolute(tree)?;
    name_of(&options.origin.as_deref().map_or(path, path_of))
}

/// The default source of the tree at an absolute path.
fn name_of(path: &Path) -> Result<Vec<u8>, ServiceError> {
    let name = path.file_name().map_or_else(|| of_root(path), |name| name.as_encoded_bytes().to_vec());
    if is_source_name(&name) { Ok(name) } else { Err(ServiceError::SourceName(path.to_owned())) }
}

/// The name for a root: its drive, where there are several.
fn of_root(path: &Path) -> Vec<u8> {
    match path.components().next() {
        Some(Component::Prefix(prefix)) => match prefix.kind() {
            Prefix::Disk(letter) | Prefix::VerbatimDisk(letter) => vec![letter],
            _ => b"root".to_vec(),
        },
        _ => b"root".to_vec(),
    }
}

/// Files that Docker and Podman create in each container.
const CONTAINER: [&str; 2] = ["/.dockerenv", "/run/.containerenv"];

/// Imports the directory `tree` into the repository in `root`. Returns `None` if
/// [`ImportOptions::only_if_changed`] is set and nothing changed.
pub fn import_tree(
    root: &Path,
    tree: &Path,
    options: &ImportOptions,
    monitor: &dyn Monitor,
    cancellation: &Cancellation,
) -> Result<Option<Imported>, ServiceError> {
    let source = source_name(tree, options)?;
    let path = absolute(tree)?;
    let run_status = status_of_writers(&path, options, cancellation)?;
    let mut session = Session::open(root, options, cancellation)?;
    if session.holds(&path) {
        return Err(ImportError::InsideRepository(tree.to_owned()).into());
    }
    // A frozen copy stands for the tree that it names.
    let label_path = options.origin.as_deref().map_or_else(|| path.clone(), path_of);
    let last = session.last(&source);
    let last = last.as_deref();
    if let Some(last) = last {
        let is_same = || is_same_directory(session.repository(), &source, &path, options);
        other_tree::check(&source, &label_path, last, options, is_same)?;
    }
    let at_rest = options.at_rest_for.map_or(AtRest::Nothing, |quiet| {
        let since = Timestamp::now().checked_sub(quiet).unwrap_or(Timestamp::MIN);
        AtRest::Everything(since.into())
    });
    let tree = options.read_from.as_deref().unwrap_or(tree);
    let key = tree_key(&path, options);
    let identity = TreeIdentity { source: &source, tree: &key };
    let (parent, stat_cache) = session.imported_last(&identity).unzip();
    let is_unproven =
        parent.is_none() && last.is_some_and(|last| *last.manifest.origin.path == *origin(&label_path));
    if is_unproven {
        log::info!("every file of {} is read: its stat cache is missing", tree.display());
    }
    let walked = Walked {
        tree,
        identity: &identity,
        parent: parent.as_deref().or(last),
        stat_cache,
        seen: None,
        at_rest,
        allow_empty: options.allow_empty,
    };
    let pending = session.walk(walked, options, monitor, cancellation)?;
    let taken = &pending.taken;
    let unchanged = match last {
        Some(Snapshot { manifest, .. }) => (&manifest.root, &manifest.links) == (&taken.root, &taken.links),
        None => taken.totals.is_empty() && !options.allow_empty,
    };
    if options.only_if_changed && unchanged {
        if let Some(last) = last {
            pending.store_stat_cache(last.id);
        }
        return Ok(None);
    }
    let time: Time = options.time.unwrap_or_else(Timestamp::now).into();
    if let Some(parent) =
        last.filter(|last| options.time.is_none() && last.manifest.time.secs() > time.secs())
    {
        log::warn!(
            "the clock has gone back: the last snapshot is from {}, and stays @latest until then",
            parent.manifest.time.timestamp()
        );
    }
    let status = worse(taken.status, run_status);
    let label = Label { source: &source, path: &label_path, time, status, run: None, run_folder: None };
    let imported = session.commit(pending, label, cancellation)?;
    Ok(Some(Imported { is_unproven, ..imported }))
}

/// The key of the stat cache of the tree at this absolute path.
pub(crate) fn tree_key(path: &Path, options: &ImportOptions) -> Vec<u8> {
    match &options.origin {
        Some(name) => [b"origin ", name.as_slice()].concat(),
        None => [b"tree ", origin(path).as_slice()].concat(),
    }
}

/// Fails if an import of `tree` would be refused because its source has the history of another tree. The tree
/// need not exist yet.
pub fn check_other_tree(root: &Path, tree: &Path, options: &ImportOptions) -> Result<(), ServiceError> {
    let path = expected(tree)?;
    let label_path = options.origin.as_deref().map_or_else(|| path.clone(), path_of);
    let source = options.source.clone().map_or_else(|| name_of(&label_path), Ok)?;
    let repository = match Repository::open(root, Access::Read) {
        Err(StoreError::NotARepository(_)) => return Ok(()),
        result => result?,
    };
    let sources = Sources::load(&repository, &options.zone, &Sources::default())?;
    let is_same = || is_same_directory(&repository, &source, &path, options);
    sources
        .last(&source)
        .map_or(Ok(()), |(_, last)| other_tree::check(&source, &label_path, last, options, is_same))
}

/// Whether this is a recreated container with another host name, in which the last import found the same
/// directory. Other machines keep their names, and cloned machines have the same file systems.
fn is_same_directory(repository: &Repository, source: &[u8], path: &Path, options: &ImportOptions) -> bool {
    let is_container = || CONTAINER.iter().any(|mark| Path::new(mark).exists());
    let is_same = || {
        let cache = repository.stat_cache(source, &tree_key(path, options))?;
        let (identity, inode) = import::root_identity(path).ok()?;
        Some(cache.root_identity() == (Some(&*identity), inode))
    };
    is_container() && is_same() == Some(true)
}

/// The absolute path that `tree` has, or will have once it is made.
fn expected(tree: &Path) -> Result<PathBuf, ServiceError> {
    let failed = |reason| ServiceError::Tree { path: tree.to_owned(), reason };
    let path = std::path::absolute(tree).map_err(failed)?;
    let made = path.ancestors().find_map(|there| {
        let rest = path.strip_prefix(there).ok()?;
        Some(fs::canonicalize(there).ok()?.join(rest))
    });
    // A join with an empty path would add a slash.
    Ok(made.unwrap_or(path).components().collect())
}

/// The status of the run, or a worse one if rsync is still writing.
fn status_of_writers(
    tree: &Path,
    options: &ImportOptions,
    cancellation: &Cancellation,
) -> Result<Status, ServiceError> {
    let mut waiting = Waiting::new(options.wait_limit);
    loop {
        let Some(pid) = rsync_at_work(tree) else { return Ok(options.run_status) };
        let sign = format!("rsync is writing to it (process {pid})");
        if options.at_rest_for.is_some() {
            return Err(ImportError::NotAtRest { path: tree.to_owned(), sign }.into());
        }
        let what = format!("{}: {sign}; stop that process if it hangs", tree.display());
        if !options.wait || !waiting.step(WRITERS, &what, cancellation)? {
            log::warn!("{} is taken as it is, and counts as partial: {sign}", tree.display());
            return Ok(Status::Partial);
        }
    }
}

/// Always `None`: rsync's processes are not looked for here. A tree that Windows programs write to is never
/// quiescent as a whole.
#[cfg(not(unix))]
fn rsync_at_work(_: &Path) -> Option<u32> {
    None
}

fn absolute(tree: &Path) -> Result<PathBuf, ServiceError> {
    fs::canonicalize(tree).map_err(|reason| ServiceError::Tree { path: tree.to_owned(), reason })
}
