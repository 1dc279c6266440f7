//! A repository that is open for imports.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::disk::Directory;
use super::identity::{StatCacheKey, origin};
use super::opening::open_for_writing;
use super::walk::{Exclusions, Options, Walked, walk};
use super::{ImportError, ImportOptions};
use crate::format::{Extensions, Manifest, Run, RunFolder, SnapshotId, StatTrailer, Status, Time};
use crate::history::{Snapshot, SnapshotInfo, Sources};
use crate::monitor::{Cancellation, Monitor, Progress};
use crate::store::{Access, Repository, StatCache, StatCacheWriter, Statistics, Writer};

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

/// A locked repository and its current snapshots. Nobody else adds any.
#[derive(Debug)]
pub(super) struct Session<'a> {
    pub(super) repository: Repository,
    pub(super) sources: Sources,
    pub(super) options: &'a ImportOptions,
    pub(super) cancellation: &'a Cancellation,
}

/// A snapshot's metadata, without its tree.
pub(super) struct Label<'a> {
    pub(super) source: &'a [u8],
    /// The tree's absolute path.
    pub(super) path: &'a Path,
    pub(super) time: Time,
    pub(super) status: Status,
    pub(super) run: Option<Run>,
    /// The folder of the run.
    pub(super) run_folder: Option<RunFolder>,
}

/// A walked tree that waits for its snapshot.
pub(super) struct Pending {
    writer: Writer,
    pub(super) stat_cache: StatCacheWriter,
    pub(super) walked: Walked,
}

impl<'a> Session<'a> {
    pub(super) fn open(
        root: &Path,
        options: &'a ImportOptions,
        cancellation: &'a Cancellation,
    ) -> Result<Self, ImportError> {
        let access = if options.heal { Access::Heal } else { Access::Write };
        let (wait, limit, clock) = (options.wait, options.wait_limit, &*options.clock);
        let repository = open_for_writing(root, access, wait, limit, clock, cancellation)?;
        let sources = Sources::load(&repository, &options.zone, &Sources::default())?;
        Ok(Self { repository, sources, options, cancellation })
    }

    /// Fails if this absolute path is inside the repository. `shown` is the path as the user gave it.
    pub(super) fn check_outside(&self, path: &Path, shown: &Path) -> Result<(), ImportError> {
        match fs::canonicalize(self.repository.root()) {
            Ok(root) if path.starts_with(&root) => Err(ImportError::InsideRepository(shown.to_owned())),
            _ => Ok(()),
        }
    }

    /// Options of a walk, as far as they do not depend on the tree.
    pub(super) fn walk_options(&self) -> Options<'a> {
        let repository = Directory::open(self.repository.root()).and_then(|root| root.stat_self());
        Options {
            checksum: self.options.checksum,
            exclusions: Exclusions {
                directories: repository.into_iter().map(|root| root.id).collect(),
                devices: history_devices(),
                only_device: None,
            },
            ..Options::default()
        }
    }

    /// Walks a tree. Nothing of it is visible before the commit. The stat cache that the walk reads is closed
    /// at the end: Windows does not replace an open file.
    pub(super) fn walk(
        &self,
        tree: &Path,
        key: &StatCacheKey,
        mut options: Options<'_>,
        monitor: &dyn Monitor,
    ) -> Result<Pending, ImportError> {
        let is_due = |every: Duration| {
            let read = options.stat_cache.as_ref().map(|cache| cache.all_read().timestamp());
            read.is_none_or(|read| self.options.clock.now().duration_since(read).unsigned_abs() >= every)
        };
        options.checksum |= self.options.checksum_every.is_some_and(is_due);
        let mut writer = self.repository.writer()?;
        if self.options.heal || self.repository.has_lost_packs() {
            writer.verify();
        }
        let mut stat_cache = self.repository.stat_cache_writer(&key.source, &key.tree);
        monitor.walk(options.parent.map(|parent| parent.manifest.totals.entries()));
        let mut walked =
            walk(tree, self.options, &options, &mut writer, &mut stat_cache, monitor, self.cancellation)?;
        walked.manifest.parent = options.parent.map(|parent| parent.id);
        Ok(Pending { writer, stat_cache, walked })
    }

    /// Makes a snapshot of a walked tree.
    pub(super) fn commit(&mut self, pending: Pending, label: Label<'_>) -> Result<Imported, ImportError> {
        let Pending { writer, stat_cache, walked } = pending;
        // The lock keeps other imports from taking the number.
        let number = self.sources.next_number(label.source, label.time);
        let Walked { manifest, progress, stat_trailer } = walked;
        let manifest = Manifest {
            source: label.source.into(),
            time: label.time,
            status: label.status,
            origin: origin(label.path),
            extensions: Extensions {
                run: label.run,
                number,
                run_folder: label.run_folder,
                ..manifest.extensions
            },
            ..manifest
        };
        if self.cancellation.is_cancelled() {
            return Err(ImportError::Cancelled);
        }
        let (id, statistics) = writer.commit(&manifest)?;
        store(stat_cache, stat_trailer, id);
        self.sources = Sources::load(&self.repository, &self.options.zone, &self.sources)?;
        let name = self
            .sources
            .get(&manifest.source)
            .and_then(|source| source.snapshots().find(|(_, snapshot)| snapshot.id == id))
            .map_or_else(String::new, |(name, _)| name.to_owned());
        let snapshot = SnapshotInfo { id, name, manifest, tags: Vec::new() };
        Ok(Imported { snapshot, statistics, progress, is_unproven: false })
    }

    /// The snapshot of the last import with this stat cache, and the cache.
    pub(super) fn imported_last(&self, key: &StatCacheKey) -> Option<(Arc<Snapshot>, StatCache)> {
        let cache = key.open(&self.repository)?;
        let source = self.sources.get(&key.source)?;
        let (_, snapshot) = source.snapshots().rev().find(|(_, snapshot)| snapshot.id == cache.snapshot())?;
        Some((Arc::clone(snapshot), cache))
    }
}

/// Stores the stat cache of a walk. Only logs a failure: without a stat cache the next import takes longer.
pub(super) fn store(stat_cache: StatCacheWriter, trailer: StatTrailer, snapshot: SnapshotId) {
    if let Err(error) = stat_cache.finish(&StatTrailer { snapshot, ..trailer }) {
        log::warn!("{error}: the next import reads more files than it would have to");
    }
}

/// The worse of two statuses: the walk may show more than the run's own status.
pub(super) fn worse(walk: Status, run: Status) -> Status {
    const WORST_FIRST: [Status; 6] = [
        Status::Partial,
        Status::Limited,
        Status::Vanished,
        Status::Approximate,
        Status::Unknown,
        Status::Complete,
    ];
    WORST_FIRST.into_iter().find(|status| [walk, run].contains(status)).unwrap_or(run)
}

/// Devices of the file systems that show history: importing them would import every snapshot again.
pub(crate) fn history_devices() -> Vec<u64> {
    #[cfg(target_os = "linux")]
    {
        let mounts = crate::platform::mounts().unwrap_or_default();
        mounts.iter().filter(|mount| mount.is_history()).map(|mount| mount.device).collect()
    }
    #[cfg(not(target_os = "linux"))]
    {
        Vec::new()
    }
}
