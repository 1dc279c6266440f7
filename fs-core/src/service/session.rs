//! A repository that is open for imports.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::{ImportOptions, Imported, ServiceError, SnapshotInfo};
use crate::format::{Extensions, Manifest, Origin, Run, Status, Time};
use crate::import::{self, AtRest, ImportError, SeenFiles, Taken};
use crate::monitor::{Cancellation, Monitor, Progress};
use crate::store::{Access, Repository, StoreError, Writer};
use crate::view::{Snapshot, Sources};

/// How often a process that waits asks for the lock.
const LOCK: Duration = Duration::from_millis(200);
/// How often it looks whether another program still writes what is to be imported.
pub(super) const WRITERS: Duration = Duration::from_secs(1);

/// The lock, and the snapshots as they are now: nobody else adds any.
#[derive(Debug)]
pub(super) struct Session {
    repository: Repository,
    sources: Sources,
    zone: TimeZone,
}

/// What is to be walked, and what its snapshot will be.
pub(super) struct Walked<'a> {
    pub(super) tree: &'a Path,
    pub(super) parent: Option<&'a Snapshot>,
    pub(super) seen: Option<&'a SeenFiles>,
    pub(super) at_rest: AtRest,
    pub(super) allow_empty: bool,
}

/// What a snapshot tells beside its tree.
pub(super) struct Label<'a> {
    pub(super) source: &'a [u8],
    /// The absolute path.
    pub(super) path: &'a Path,
    pub(super) time: Time,
    pub(super) status: Status,
    pub(super) run: Option<Run>,
}

/// A tree that was walked, waiting for its snapshot.
pub(super) struct Pending {
    writer: Writer,
    parent: Option<crate::format::SnapshotId>,
    pub(super) taken: Taken,
    progress: Progress,
}

impl Session {
    pub(super) fn open(
        root: &Path,
        options: &ImportOptions,
        cancellation: &Cancellation,
    ) -> Result<Self, ServiceError> {
        let repository = open_for_writing(root, options.wait, cancellation)?;
        let sources = Sources::load(&repository, &options.zone, &Sources::default())?;
        Ok(Self { repository, sources, zone: options.zone.clone() })
    }

    #[cfg(unix)]
    pub(super) fn sources(&self) -> &Sources {
        &self.sources
    }

    /// Whether this absolute path is inside the repository.
    pub(super) fn holds(&self, path: &Path) -> bool {
        fs::canonicalize(self.repository.root()).is_ok_and(|root| path.starts_with(root))
    }

    /// Walks a tree; nothing of it can be seen before it is committed.
    pub(super) fn walk(
        &self,
        walked: &Walked<'_>,
        options: &ImportOptions,
        monitor: &dyn Monitor,
        cancellation: &Cancellation,
    ) -> Result<Pending, ServiceError> {
        let own = import::directory_id(self.repository.root());
        let walk_options = import::Options {
            parent: walked.parent.map(|parent| &parent.manifest),
            one_file_system: options.one_file_system,
            skip: own.into_iter().collect(),
            skip_devices: history_devices(),
            seen: walked.seen,
            at_rest: walked.at_rest,
            allow_empty: walked.allow_empty,
            fake_super: options.fake_super,
        };
        let mut writer = self.repository.writer()?;
        // One reader for both, so that an import has its caches once.
        let reader = writer.reader().clone();
        if options.heal || self.repository.has_lost_packs() {
            writer.verify();
        }
        let started = Timestamp::now().into();
        monitor.walk(walked.parent.map(|parent| parent.manifest.totals.entries()));
        let outcome =
            import::run(walked.tree, &walk_options, &reader, &mut writer, started, monitor, cancellation)?;
        let parent = walked.parent.map(|parent| parent.id);
        Ok(Pending { writer, parent, taken: outcome.taken, progress: outcome.progress })
    }

    /// Makes a walked tree a snapshot.
    pub(super) fn commit(
        &mut self,
        pending: Pending,
        label: Label<'_>,
        cancellation: &Cancellation,
    ) -> Result<Imported, ServiceError> {
        let Pending { writer, parent, taken, progress } = pending;
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
                unread: taken.unread,
                ancestors: taken.ancestors,
                ..Extensions::default()
            },
        };
        if cancellation.is_cancelled() {
            return Err(ImportError::Cancelled.into());
        }
        let (id, statistics) = writer.commit(&manifest)?;
        self.sources = Sources::load(&self.repository, &self.zone, &self.sources)?;
        let name = self
            .sources
            .get(&manifest.source)
            .and_then(|source| source.snapshots().find(|(_, snapshot)| snapshot.id == id))
            .map_or_else(String::new, |(name, _)| name.to_owned());
        let snapshot = SnapshotInfo { id, name, manifest, tags: Vec::new() };
        Ok(Imported { snapshot, statistics, progress })
    }

    /// A source's last snapshot.
    pub(super) fn last(&self, source: &[u8]) -> Option<Arc<Snapshot>> {
        self.sources.last(source).map(|(_, snapshot)| Arc::clone(snapshot))
    }
}

/// What this machine is called.
fn host() -> Vec<u8> {
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

/// The bytes of a tree's absolute path that its snapshots keep.
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

/// What the walk saw tells more than what is known of the run.
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

pub(super) fn open_for_writing(
    root: &Path,
    wait: bool,
    cancellation: &Cancellation,
) -> Result<Repository, ServiceError> {
    loop {
        match Repository::open(root, Access::Write) {
            Err(locked @ StoreError::Locked { .. }) if wait => {
                log::info!("{locked}");
                pause(LOCK, cancellation)?;
            }
            result => return Ok(result?),
        }
    }
}

/// Waits before something is looked at again, unless nobody wants to wait any more.
pub(super) fn pause(time: Duration, cancellation: &Cancellation) -> Result<(), ServiceError> {
    if cancellation.is_cancelled() {
        return Err(ImportError::Cancelled.into());
    }
    thread::sleep(time);
    Ok(())
}

/// File systems that show history: taking them in would take every snapshot in again.
pub(super) fn history_devices() -> Vec<u64> {
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
