//! A repository that is open for imports.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::waiting::Waiting;
use super::{ImportOptions, Imported, ServiceError, SnapshotInfo};
use crate::format::{Extensions, Manifest, Origin, Run, RunFolder, SnapshotId, Status, Time};
use crate::history::{Snapshot, Sources};
use crate::import::{self, AtRest, ImportError, SeenFiles, Stats, Taken};
use crate::monitor::{Cancellation, Monitor, Progress};
use crate::store::{Access, Repository, StatCache, StatCacheWriter, StoreError, Writer};
#[cfg(unix)]
use crate::store::{CacheSizes, Reader};

/// Interval at which a waiting process asks for the lock.
const LOCK: Duration = Duration::from_millis(200);
/// Interval at which a waiting process looks for programs that still write to the tree.
pub(super) const WRITERS: Duration = Duration::from_secs(1);

/// A locked repository and its current snapshots. Nobody else adds any.
#[derive(Debug)]
pub(super) struct Session {
    repository: Repository,
    sources: Sources,
    zone: TimeZone,
}

/// A tree to be walked, with the input of the walk.
pub(super) struct Walked<'a> {
    pub(super) tree: &'a Path,
    pub(super) identity: &'a TreeIdentity<'a>,
    pub(super) parent: Option<&'a Snapshot>,
    /// The stat cache of the parent's import.
    pub(super) stat_cache: Option<StatCache>,
    pub(super) seen: Option<&'a SeenFiles>,
    pub(super) at_rest: AtRest,
    pub(super) allow_empty: bool,
}

/// The key of a stat cache, equal for all imports of one tree or of the levels of one farm.
pub(super) struct TreeIdentity<'a> {
    pub(super) source: &'a [u8],
    /// Distinguishes the trees of a source.
    pub(super) tree: &'a [u8],
}

/// The tree of a farm's stat caches, wherever the farm is: the cache itself records the file systems.
#[cfg(unix)]
pub(crate) const RUNS: &[u8] = b"runs";

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
    parent: Option<SnapshotId>,
    pub(super) taken: Taken,
    progress: Progress,
    stat_cache: StatCacheWriter,
    stats: Stats,
}

impl Pending {
    /// Stores the stat cache of the walk as that of the tree and this snapshot.
    pub(super) fn store_stat_cache(self, snapshot: SnapshotId) {
        store(self.stat_cache, self.stats, snapshot);
    }
}

/// Only logs a failure: without a stat cache the next import takes longer.
fn store(stat_cache: StatCacheWriter, stats: Stats, snapshot: SnapshotId) {
    if let Err(error) = stat_cache.finish(&stats.of(snapshot)) {
        log::warn!("{error}: the next import reads more files than it would have to");
    }
}

impl Session {
    pub(super) fn open(
        root: &Path,
        options: &ImportOptions,
        cancellation: &Cancellation,
    ) -> Result<Self, ServiceError> {
        let access = if options.heal { Access::Heal } else { Access::Write };
        let repository = open_for_writing(root, access, options.wait, options.wait_limit, cancellation)?;
        let sources = Sources::load(&repository, &options.zone, &Sources::default())?;
        Ok(Self { repository, sources, zone: options.zone.clone() })
    }

    pub(super) fn repository(&self) -> &Repository {
        &self.repository
    }

    #[cfg(unix)]
    pub(super) fn sources(&self) -> &Sources {
        &self.sources
    }

    #[cfg(unix)]
    pub(super) fn reader(&self) -> Reader {
        self.repository.reader(CacheSizes::default())
    }

    /// Whether this absolute path is inside the repository.
    pub(super) fn holds(&self, path: &Path) -> bool {
        fs::canonicalize(self.repository.root()).is_ok_and(|root| path.starts_with(root))
    }

    /// Walks a tree. Nothing of it is visible before the commit. The stat cache that the walk reads is closed
    /// at the end: Windows does not replace an open file.
    pub(super) fn walk(
        &self,
        walked: Walked<'_>,
        options: &ImportOptions,
        monitor: &dyn Monitor,
        cancellation: &Cancellation,
    ) -> Result<Pending, ServiceError> {
        let started = Timestamp::now();
        let is_due = |every: Duration| {
            let read = walked.stat_cache.as_ref().map(|cache| cache.all_read().timestamp());
            read.is_none_or(|read| started.duration_since(read).unsigned_abs() >= every)
        };
        let checksum = options.checksum || options.checksum_every.is_some_and(is_due);
        let own = import::directory_id(self.repository.root());
        let walk_options = import::Options {
            parent: walked.parent.map(|parent| &parent.manifest),
            stat_cache: walked.stat_cache,
            checksum,
            ignore_inode: options.ignore_inode,
            origin: options.origin.as_deref(),
            file_clock: None,
            one_file_system: options.one_file_system,
            skip: own.into_iter().collect(),
            skip_devices: history_devices(),
            seen: walked.seen,
            at_rest: walked.at_rest,
            allow_empty: walked.allow_empty,
            fake_super: options.fake_super,
        };
        let mut writer = self.repository.writer()?;
        if options.heal || self.repository.has_lost_packs() {
            writer.verify();
        }
        let TreeIdentity { source, tree } = *walked.identity;
        let mut stat_cache = self.repository.stat_cache_writer(source, tree);
        monitor.walk(walked.parent.map(|parent| parent.manifest.totals.entries()));
        let outcome = import::run(
            walked.tree,
            &walk_options,
            &mut writer,
            &mut stat_cache,
            started.into(),
            monitor,
            cancellation,
        )?;
        let parent = walked.parent.map(|parent| parent.id);
        let import::Outcome { taken, progress, stats } = outcome;
        Ok(Pending { writer, parent, taken, progress, stat_cache, stats })
    }

    /// Makes a snapshot of a walked tree.
    pub(super) fn commit(
        &mut self,
        pending: Pending,
        label: Label<'_>,
        cancellation: &Cancellation,
    ) -> Result<Imported, ServiceError> {
        let Pending { writer, parent, taken, progress, stat_cache, stats } = pending;
        // The lock keeps other imports from taking the number.
        let number = self.sources.next_number(label.source, label.time);
        let manifest = Manifest {
            source: label.source.into(),
            time: label.time,
            started: taken.started,
            status: label.status,
            root: taken.root,
            links_len: taken.links_len,
            links: taken.links,
            totals: taken.totals,
            origin: Origin { host: host().into(), path: origin(label.path).into() },
            parent,
            extensions: Extensions {
                run: label.run,
                number,
                run_folder: label.run_folder,
                unread: taken.unread,
                ancestors: taken.ancestors,
                ..Extensions::default()
            },
        };
        if cancellation.is_cancelled() {
            return Err(ImportError::Cancelled.into());
        }
        let (id, statistics) = writer.commit(&manifest)?;
        store(stat_cache, stats, id);
        self.sources = Sources::load(&self.repository, &self.zone, &self.sources)?;
        let name = self
            .sources
            .get(&manifest.source)
            .and_then(|source| source.snapshots().find(|(_, snapshot)| snapshot.id == id))
            .map_or_else(String::new, |(name, _)| name.to_owned());
        let snapshot = SnapshotInfo { id, name, manifest, tags: Vec::new() };
        Ok(Imported { snapshot, statistics, progress, is_unproven: false })
    }

    /// The snapshot of the last import of a tree, and its stat cache.
    pub(super) fn imported_last(&self, identity: &TreeIdentity<'_>) -> Option<(Arc<Snapshot>, StatCache)> {
        let cache = self.repository.stat_cache(identity.source, identity.tree)?;
        let source = self.sources.get(identity.source)?;
        let (_, snapshot) = source.snapshots().rev().find(|(_, snapshot)| snapshot.id == cache.snapshot())?;
        Some((Arc::clone(snapshot), cache))
    }

    /// A source's last snapshot.
    pub(super) fn last(&self, source: &[u8]) -> Option<Arc<Snapshot>> {
        self.sources.last(source).map(|(_, snapshot)| Arc::clone(snapshot))
    }
}

/// This machine's host name.
pub(super) fn host() -> Vec<u8> {
    #[cfg(unix)]
    {
        rustix::system::uname().nodename().to_bytes().to_vec()
    }
    #[cfg(windows)]
    {
        use winapi_util::sysinfo::{ComputerNameKind, get_computer_name};
        get_computer_name(ComputerNameKind::DnsHostname).unwrap_or_default().into_encoded_bytes()
    }
}

/// The bytes of a tree's absolute path, as its snapshots keep them.
pub(super) fn origin(tree: &Path) -> Vec<u8> {
    #[cfg(unix)]
    {
        tree.as_os_str().as_encoded_bytes().to_vec()
    }
    #[cfg(windows)]
    {
        use std::os::windows::ffi::OsStrExt;

        use crate::windows::{names, paths};
        names::plain(&paths::without_verbatim(&tree.as_os_str().encode_wide().collect::<Vec<_>>()))
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

/// Opens the repository in `root` for writing. With `wait`, waits for another writer, up to the limit.
pub(super) fn open_for_writing(
    root: &Path,
    access: Access,
    wait: bool,
    limit: Option<Duration>,
    cancellation: &Cancellation,
) -> Result<Repository, ServiceError> {
    let mut waiting = Waiting::new(limit);
    loop {
        match Repository::open(root, access) {
            Err(locked @ StoreError::Locked { .. }) if wait => {
                if !waiting.step(LOCK, &locked.to_string(), cancellation)? {
                    return Err(locked.into());
                }
            }
            result => return Ok(result?),
        }
    }
}

/// Sleeps before the next attempt. Fails if the work is cancelled.
pub(super) fn pause(time: Duration, cancellation: &Cancellation) -> Result<(), ServiceError> {
    if cancellation.is_cancelled() {
        return Err(ImportError::Cancelled.into());
    }
    thread::sleep(time);
    Ok(())
}

/// Devices of the file systems that show history: importing them would import every snapshot again.
pub(crate) fn history_devices() -> Vec<u64> {
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
