//! The history of a repository, as commands ask for it.

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::{ServiceError, suggestion};
use crate::clock::Clock;
use crate::format::{PackKind, SnapshotId, Tag, Time};
use crate::history::time::Expression;
use crate::history::{Reading, SnapshotInfo, Source, Sources, components};
use crate::store::{Access, PackTotals, Repository};
use crate::view::versions::{Hit, Interval, PathHistory, Query};
use crate::view::{Node, Options, Scope, View, ViewError};

/// A repository's history, open for reading.
#[derive(Debug)]
pub struct History {
    view: View,
}

/// A tag of a snapshot.
#[derive(Debug, Clone)]
pub struct TagInfo {
    /// The tag's name.
    pub name: String,
    /// The snapshot's source.
    pub source: Box<[u8]>,
    /// The tagged snapshot.
    pub snapshot: SnapshotId,
    /// The snapshot's canonical name.
    pub snapshot_name: String,
    /// The time when the tag was given.
    pub given: Time,
}

impl TagInfo {
    pub(super) fn new(tag: &Tag, snapshot_name: &str) -> Self {
        Self {
            name: tag.name.clone().into(),
            source: tag.source.clone(),
            snapshot: tag.snapshot,
            snapshot_name: snapshot_name.to_owned(),
            given: tag.given,
        }
    }
}

/// Counts and sizes of a repository.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Number of sources.
    pub sources: u64,
    /// Number of snapshots of all sources.
    pub snapshots: u64,
    /// Bytes of all files of all snapshots, as if each snapshot were a full copy.
    pub logical_bytes: u64,
    /// Totals of the packs of file contents.
    pub data: PackTotals,
    /// Totals of the packs of directories and similar objects.
    pub metadata: PackTotals,
    /// Size of the index file in bytes.
    pub index_bytes: u64,
}

/// The versions of a path.
#[derive(Debug)]
pub struct PathLog {
    /// The source that has the versions.
    pub source: Arc<Source>,
    /// The history of the path.
    history: PathHistory,
    /// Number of snapshots that count, from the first on.
    until: usize,
}

impl History {
    /// Opens the repository in `root`. Names of times are in `zone`, and mean what they mean at the time of
    /// `clock`.
    pub fn open(root: &Path, zone: TimeZone, clock: Arc<dyn Clock>) -> Result<Self, ServiceError> {
        Ok(Self { view: open_view(root, Options::new(Scope::Repository, zone, clock))? })
    }

    /// The view that reads this history.
    pub fn view(&self) -> &View {
        &self.view
    }

    /// All snapshots, by source and time.
    pub fn snapshots(&self) -> Vec<SnapshotInfo> {
        self.view.sources().iter().flat_map(|source| infos(source)).collect()
    }

    /// The tags of a source, or of all sources, by source, name and time.
    pub fn tags(&self, source: Option<&[u8]>) -> Result<Vec<TagInfo>, ServiceError> {
        let sources = self.sources(source)?;
        let of = |source: &Arc<Source>| {
            let info = |(tag, at)| Some(TagInfo::new(tag, source.timeline.name(at)?));
            source.tags().filter_map(info).collect::<Vec<_>>()
        };
        Ok(sources.iter().flat_map(of).collect())
    }

    /// Counts and sizes of the repository.
    pub fn stats(&self) -> Result<Stats, ServiceError> {
        let repository = self.view.repository();
        let mut stats = Stats {
            data: repository.pack_totals(PackKind::Data)?,
            metadata: repository.pack_totals(PackKind::Metadata)?,
            index_bytes: repository.index_bytes(),
            ..Stats::default()
        };
        for source in self.view.sources().iter() {
            stats.sources += 1;
            for (_, snapshot) in source.snapshots() {
                stats.snapshots += 1;
                stats.logical_bytes = stats.logical_bytes.saturating_add(snapshot.manifest.totals.bytes);
            }
        }
        Ok(stats)
    }

    /// Finds `path` in the snapshot that `time` means. Without `source`, uses the only source. Returns the
    /// file and the view that reads it. Symbolic links are not followed.
    pub fn find(
        &self,
        source: Option<&[u8]>,
        time: &[u8],
        path: &[u8],
    ) -> Result<(View, Node), ServiceError> {
        let source = self.source(source)?;
        if let Ok(None) = source.resolve(time, self.view.now()) {
            return Err(no_snapshot(&source, time));
        }
        let colon = if path.is_empty() { "" } else { ":" };
        let shown = || format!("{}{}{colon}{}", text(&source.name), text(time), text(path));
        let node = self.view.walk(&source, time, path);
        let node = node.map_err(|reason| ServiceError::View { path: shown(), reason })?;
        Ok((self.view.clone(), node))
    }

    /// Whether the import of the snapshot at `time` could read `path`.
    pub fn reading(&self, source: Option<&[u8]>, time: &[u8], path: &[u8]) -> Result<Reading, ServiceError> {
        let source = self.source(source)?;
        let at = position(&source, time, self.view.now())?;
        let path = components(path).collect::<Vec<_>>().join(&b'/');
        let Some(snapshot) = source.snapshot(at) else { return Ok(Reading::Read) };
        let failed = |reason| ServiceError::View { path: named(&source, &path), reason };
        self.view.reading(snapshot, &path).map_err(failed)
    }

    /// As [`Snapshot::listed_unread`](crate::history::Snapshot::listed_unread), of the snapshot at `time`.
    pub fn listed_unread(
        &self,
        source: Option<&[u8]>,
        time: &[u8],
        path: &[u8],
    ) -> Result<(u64, Option<Vec<u8>>), ServiceError> {
        let source = self.source(source)?;
        let snapshot = source.snapshot(position(&source, time, self.view.now())?);
        let path = components(path).collect::<Vec<_>>().join(&b'/');
        let (count, first) = snapshot.map(|snapshot| snapshot.listed_unread(&path)).unwrap_or_default();
        Ok((count, first.map(Vec::from)))
    }

    /// The versions of `path` in a source, or in the only one. With a time, only those that existed by then.
    pub fn log(
        &self,
        source: Option<&[u8]>,
        time: Option<&[u8]>,
        path: &[u8],
    ) -> Result<PathLog, ServiceError> {
        let source = self.source(source)?;
        let until = match time {
            None => source.timeline.len(),
            Some(time) => position(&source, time, self.view.now())? + 1,
        };
        let failed = |reason| ServiceError::View { path: named(&source, path), reason };
        let history = self.view.history(&source, path).map_err(failed)?;
        let log = PathLog { source, history, until };
        if log.intervals().next().is_none() {
            let source_name = text(&log.source.name);
            let suggestion = self.suggestion(Some(&log.source.name), b"@latest", path);
            return Err(ServiceError::NeverThere { path: text(path), suggestion, source_name });
        }
        Ok(log)
    }

    /// Passes every path of a source that matches a query, in any snapshot, to `emit`, until `emit` returns
    /// false.
    pub fn search(
        &self,
        source: &Source,
        query: &Query<'_>,
        emit: &mut dyn FnMut(Hit) -> bool,
    ) -> Result<(), ServiceError> {
        let failed = |reason| ServiceError::View { path: text(&source.name), reason };
        self.view.search(source, query, emit).map_err(failed)
    }

    /// The position in the timeline of `source` of the first snapshot later than `time`.
    pub fn after(&self, source: &Source, time: &[u8]) -> Result<usize, ServiceError> {
        match (position(source, time, self.view.now()), Expression::parse(time)) {
            (Ok(position), _) => Ok(position + 1),
            // The time is before the first snapshot.
            (Err(ServiceError::NoSnapshot { .. }), Some(Expression::AsOf(_) | Expression::Latest { .. })) => {
                Ok(0)
            }
            (Err(error), _) => Err(error),
        }
    }

    /// The suggestion for a path that [`find`](Self::find) has not found, as the user can write it.
    pub fn suggestion(&self, source: Option<&[u8]>, time: &[u8], path: &[u8]) -> Option<String> {
        let source = self.source(source).ok()?;
        let path = suggestion::path(&self.view, &source, time, path)?;
        let [source, time, path] = [&source.name, time, &path].map(String::from_utf8_lossy);
        Some(format!("{source}{time}:{path}"))
    }

    /// The source of this name; without a name, all sources.
    pub fn sources(&self, name: Option<&[u8]>) -> Result<Vec<Arc<Source>>, ServiceError> {
        match name {
            Some(name) => Ok(vec![self.source(Some(name))?]),
            None => Ok(self.view.sources().iter().cloned().collect()),
        }
    }

    /// The source of this name; without a name, the only source.
    pub fn source(&self, name: Option<&[u8]>) -> Result<Arc<Source>, ServiceError> {
        source_of(&self.view.sources(), self.view.repository().root(), name)
    }
}

impl PathLog {
    /// The history of the path, oldest first, from the first snapshot that has it or could not read it.
    pub fn intervals(&self) -> impl Iterator<Item = Interval> {
        let not_yet = |interval: &&Interval| interval.state.is_none() && !interval.reading.is_recorded();
        let seen = self.history.intervals().iter().skip_while(not_yet);
        seen.take_while(|interval| interval.first < self.until)
            .map(|interval| Interval { last: interval.last.min(self.until - 1), ..interval.clone() })
    }
}

/// The source of this name in the repository in `root`; without a name, its only source.
pub(super) fn source_of(
    sources: &Sources,
    root: &Path,
    name: Option<&[u8]>,
) -> Result<Arc<Source>, ServiceError> {
    let list = || {
        let names: Vec<_> = sources.iter().map(|source| String::from_utf8_lossy(&source.name)).collect();
        names.join(", ")
    };
    let nothing = || "is none yet; import one with `yester import`".to_owned();
    match name {
        Some(name) => sources.get(name).cloned().ok_or_else(|| ServiceError::NoSource {
            name: text(name),
            suggestion: suggestion::name(name, sources.iter().map(|source| &*source.name)).map(str::to_owned),
            known: if sources.iter().len() == 0 { nothing() } else { format!("are: {}", list()) },
        }),
        None => match sources.iter().collect::<Vec<_>>().as_slice() {
            [] => Err(ServiceError::NoSnapshots(root.to_owned())),
            [only] => Ok(Arc::clone(only)),
            _ => Err(ServiceError::WhichSource { known: list() }),
        },
    }
}

/// The position in its timeline of the snapshot of `source` that `time` means at the time `now`.
pub(super) fn position(source: &Source, time: &[u8], now: Timestamp) -> Result<usize, ServiceError> {
    source.resolve(time, now)?.ok_or_else(|| no_snapshot(source, time))
}

/// The error for a `time` that means no snapshot of this source.
pub(super) fn no_snapshot(source: &Source, time: &[u8]) -> ServiceError {
    let (source_name, shown) = (text(&source.name), text(time));
    if Expression::parse(time).is_some() {
        let first = source.timeline.name(0).unwrap_or_default().to_owned();
        return ServiceError::NoSnapshot { source_name, time: shown, first };
    }
    let tags = source.tags().map(|(tag, _)| tag.name.as_bytes());
    let known = tags.chain(Expression::WORDS.map(str::as_bytes));
    let typed = time.strip_prefix(b"@").unwrap_or(time);
    let suggestion = suggestion::name(typed, known).map(|known| format!("@{known}"));
    ServiceError::NoTime { source_name, time: shown, suggestion }
}

/// Opens a view of the repository in `root`, for a mount.
pub fn open_view(root: &Path, options: Options) -> Result<View, ServiceError> {
    let repository = Repository::open(root, Access::Read)?;
    View::new(repository, options).map_err(|error| match error {
        ViewError::Store(error) => ServiceError::Store(error),
        reason => ServiceError::View { path: root.display().to_string(), reason },
    })
}

/// A path of a source for a message; the source itself if the path is empty.
fn named(source: &Source, path: &[u8]) -> String {
    text(if path.is_empty() { &source.name } else { path })
}

/// Bytes as text for a message.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn infos(source: &Source) -> Vec<SnapshotInfo> {
    let mut tags: Vec<Vec<String>> = vec![Vec::new(); source.timeline.len()];
    source.tags().for_each(|(tag, at)| tags[at].push(tag.name.clone().into()));
    let info = |((name, snapshot), tags): ((&str, &Arc<crate::history::Snapshot>), _)| SnapshotInfo {
        id: snapshot.id,
        name: name.to_owned(),
        manifest: snapshot.manifest.clone(),
        tags,
    };
    source.snapshots().zip(tags).map(info).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;

    #[test]
    fn an_empty_repository_is_said_to_be_empty() {
        let directory = tempfile::tempdir().unwrap();
        Repository::init(directory.path()).unwrap();
        let history = History::open(directory.path(), TimeZone::UTC, Arc::new(SystemClock)).unwrap();
        let error = history.find(None, b"@latest", b"etc").unwrap_err();
        assert!(matches!(&error, ServiceError::NoSnapshots(path) if path == directory.path()), "{error}");
    }
}
