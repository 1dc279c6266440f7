use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::{ServiceError, SnapshotInfo};
use crate::format::{Manifest, Origin, Time, is_source_name};
use crate::import;
use crate::monitor::{Cancellation, Monitor, Progress};
use crate::store::{Access, CacheSizes, Repository, Statistics, StoreError};
use crate::view::{Snapshot, Sources};

/// How a plain tree is imported.
#[derive(Debug, Clone)]
#[allow(clippy::struct_excessive_bools, reason = "each is a choice of its own, named where it is made")]
pub struct ImportOptions {
    /// The source's name; the tree's folder name when `None`.
    pub source: Option<Vec<u8>>,
    /// Leave the content of other file systems out.
    pub one_file_system: bool,
    /// Read what is stored before relying on it, and store again what cannot be read. Done anyway when packs are lost.
    pub heal: bool,
    /// Add no snapshot when the tree is as the last one has it.
    pub only_if_changed: bool,
    /// While another process writes to the repository, wait for it.
    pub wait: bool,
    /// The zone of the new snapshot's name.
    pub zone: TimeZone,
}

impl Default for ImportOptions {
    fn default() -> Self {
        Self {
            source: None,
            one_file_system: false,
            heal: false,
            only_if_changed: false,
            wait: false,
            zone: TimeZone::UTC,
        }
    }
}

/// A snapshot that was added.
#[derive(Debug, Clone)]
pub struct Imported {
    /// The snapshot.
    pub snapshot: SnapshotInfo,
    /// What it added to the repository.
    pub statistics: Statistics,
    /// What was seen and read.
    pub progress: Progress,
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
    let path = absolute(tree)?;
    let name = path.file_name().map_or(&b"root"[..], |name| name.as_bytes());
    if is_source_name(name) { Ok(name.to_vec()) } else { Err(ServiceError::SourceName(path)) }
}

/// Imports the directory `tree` into the repository in `root`. `None` when nothing changed and
/// [`ImportOptions::only_if_changed`] asked for no snapshot then.
pub fn import_tree(
    root: &Path,
    tree: &Path,
    options: &ImportOptions,
    monitor: &dyn Monitor,
    cancellation: &Cancellation,
) -> Result<Option<Imported>, ServiceError> {
    let source = source_name(tree, options)?;
    let path = absolute(tree)?;
    let repository = open_for_writing(root, options.wait, cancellation)?;
    if fs::canonicalize(repository.root()).is_ok_and(|root| path.starts_with(root)) {
        return Err(import::ImportError::InsideRepository(tree.to_owned()).into());
    }
    let sources = Sources::load(&repository, &options.zone, &Sources::default())?;
    let parent =
        sources.get(&source).and_then(|source| source.snapshots().next_back()).map(|(_, snapshot)| snapshot);
    if let Some(parent) = parent
        && options.source.is_none()
        && *parent.manifest.origin.path != *path.as_os_str().as_bytes()
    {
        return Err(ServiceError::OtherTree {
            name: String::from_utf8_lossy(&source).into_owned(),
            path: OsStr::from_bytes(&parent.manifest.origin.path).into(),
        });
    }
    let walk_options = import::Options {
        parent: parent.map(|parent| &parent.manifest),
        one_file_system: options.one_file_system,
        skip: fs::metadata(repository.root())
            .map(|metadata| (metadata.dev(), metadata.ino()))
            .into_iter()
            .collect(),
        skip_devices: history_devices(),
    };
    let reader = repository.reader(CacheSizes::default());
    let mut writer = repository.writer()?;
    if options.heal || repository.has_lost_packs() {
        writer.verify();
    }
    let started = Timestamp::now().into();
    let outcome = import::run(tree, &walk_options, &reader, &mut writer, started, monitor, cancellation)?;
    let taken = outcome.taken;
    let unchanged = parent
        .is_some_and(|parent| (&parent.manifest.root, &parent.manifest.links) == (&taken.root, &taken.links));
    if options.only_if_changed && unchanged {
        return Ok(None);
    }
    let time: Time = Timestamp::now().into();
    if let Some(parent) = parent.filter(|parent| parent.manifest.time >= time) {
        log::warn!(
            "the clock has gone back: the last snapshot is from {}, and stays @latest until then",
            parent.manifest.time.timestamp()
        );
    }
    let manifest = Manifest {
        source: source.into(),
        time,
        started: taken.started,
        status: taken.status,
        root: taken.root,
        links_len: taken.links_len,
        links: taken.links,
        totals: taken.totals,
        origin: Origin {
            host: rustix::system::uname().nodename().to_bytes().into(),
            path: path.as_os_str().as_bytes().into(),
        },
        parent: parent.map(|parent: &std::sync::Arc<Snapshot>| parent.id),
    };
    if cancellation.is_cancelled() {
        return Err(import::ImportError::Cancelled.into());
    }
    let (id, statistics) = writer.commit(&manifest)?;
    let sources = Sources::load(&repository, &options.zone, &sources)?;
    let name = sources
        .get(&manifest.source)
        .and_then(|source| source.snapshots().find(|(_, snapshot)| snapshot.id == id))
        .map_or_else(String::new, |(name, _)| name.to_owned());
    let snapshot = SnapshotInfo { id, name, manifest };
    Ok(Some(Imported { snapshot, statistics, progress: outcome.progress }))
}

/// How often a process that waits asks for the lock.
const ASK_AGAIN: Duration = Duration::from_millis(200);

fn open_for_writing(
    root: &Path,
    wait: bool,
    cancellation: &Cancellation,
) -> Result<Repository, ServiceError> {
    loop {
        match Repository::open(root, Access::Write) {
            Err(locked @ StoreError::Locked { .. }) if wait => {
                log::info!("{locked}");
                if cancellation.is_cancelled() {
                    return Err(import::ImportError::Cancelled.into());
                }
                thread::sleep(ASK_AGAIN);
            }
            result => return Ok(result?),
        }
    }
}

fn absolute(tree: &Path) -> Result<PathBuf, ServiceError> {
    fs::canonicalize(tree).map_err(|reason| ServiceError::Tree { path: tree.to_owned(), reason })
}

/// File systems that show history: taking them in would take every snapshot in again.
fn history_devices() -> Vec<u64> {
    #[cfg(target_os = "linux")]
    {
        let mounts = super::mounted().unwrap_or_default();
        mounts.iter().filter(|mount| mount.is_history()).map(|mount| mount.device).collect()
    }
    #[cfg(not(target_os = "linux"))]
    {
        Vec::new()
    }
}
