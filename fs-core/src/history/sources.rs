use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, OnceLock};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::calendar::Calendar;
use super::tags::Tags;
use super::time::{Expression, Moment, Timeline};
use crate::format::{Manifest, SnapshotId, Tag, Time};
use crate::store::{Repository, SnapshotRecord, StoreError};

/// A snapshot whose manifest was read.
#[derive(Debug)]
pub struct Snapshot {
    /// Snapshot id.
    pub id: SnapshotId,
    /// Manifest of the snapshot.
    pub manifest: Manifest,
}

/// A snapshot and its name.
#[derive(Debug, Clone)]
pub struct SnapshotInfo {
    /// Identifies the snapshot.
    pub id: SnapshotId,
    /// Its canonical name, such as `@2024-06-01T03-00-00`.
    pub name: String,
    /// The snapshot's manifest.
    pub manifest: Manifest,
    /// The snapshot's tags.
    pub tags: Vec<String>,
}

/// A source and its snapshots.
#[derive(Debug)]
pub struct Source {
    /// Name of the source.
    pub name: Arc<[u8]>,
    /// Times and names of the snapshots.
    pub timeline: Timeline,
    /// The snapshots, in the timeline's order.
    snapshots: Vec<Arc<Snapshot>>,
    /// Tags and the indexes of their snapshots, ordered by name, then by index.
    tags: Vec<(Arc<Tag>, usize)>,
}

/// All sources of a repository at one moment, ordered by name.
#[derive(Debug, Default)]
pub struct Sources {
    by_name: BTreeMap<Arc<[u8]>, Arc<Source>>,
    /// Sources that the index records, but whose snapshots are all lost.
    gone: BTreeMap<Box<[u8]>, Timeline>,
    tags: Tags,
    /// Whether a manifest or a tag could not be read for a reason that may pass.
    incomplete: bool,
    /// Computed on first use.
    calendar: OnceLock<Option<Calendar>>,
}

impl Source {
    /// The snapshot at an index of the timeline.
    pub fn snapshot(&self, index: usize) -> Option<&Arc<Snapshot>> {
        self.snapshots.get(index)
    }

    /// The snapshot with this canonical name.
    pub fn find(&self, name: &[u8]) -> Option<&Arc<Snapshot>> {
        self.snapshot(self.timeline.find(name)?)
    }

    /// Index of the snapshot that `name` means at the time `now`; `None` if there is none. The name is a
    /// canonical name or an expression, or else a tag.
    ///
    /// # Errors
    ///
    /// If `name` is the canonical name of a snapshot whose manifest is missing or damaged. As an expression,
    /// the name would mean the snapshot before it.
    pub fn resolve(&self, name: &[u8], now: Timestamp) -> Result<Option<usize>, StoreError> {
        match self.timeline.lost(name) {
            Some(id) => Err(StoreError::LostSnapshot(SnapshotId(id))),
            None => Ok(self.timeline.resolve(name, now).or_else(|| self.tagged(name))),
        }
    }

    /// Index of the last snapshot with the tag `@NAME`, unless `@NAME` means a time.
    pub(super) fn tagged(&self, name: &[u8]) -> Option<usize> {
        let tag = name.strip_prefix(b"@")?;
        let end = self.tags.partition_point(|(known, _)| known.name.as_bytes() <= tag);
        let (last, index) = self.tags.get(end.checked_sub(1)?)?;
        (last.name.as_bytes() == tag && Expression::parse(name).is_none()).then_some(*index)
    }

    /// All tags and the indexes of their snapshots, ordered by name, then by time.
    pub fn tags(&self) -> impl Iterator<Item = (&Tag, usize)> {
        self.tags.iter().map(|(tag, index)| (&**tag, *index))
    }

    /// The tags of a snapshot.
    pub fn tags_of(&self, snapshot: SnapshotId) -> impl Iterator<Item = &str> {
        self.tags().filter(move |(tag, _)| tag.snapshot == snapshot).map(|(tag, _)| &*tag.name)
    }

    /// Canonical names and snapshots, oldest first.
    pub fn snapshots(&self) -> impl DoubleEndedIterator<Item = (&str, &Arc<Snapshot>)> {
        self.snapshots
            .iter()
            .enumerate()
            .filter_map(|(index, snapshot)| Some((self.timeline.name(index)?, snapshot)))
    }
}

impl Sources {
    /// Reads the repository's snapshots and tags. Those of `known` are not read again. A manifest that cannot
    /// be read is logged and left out: it must not hide the others.
    pub fn load(repository: &Repository, zone: &TimeZone, known: &Sources) -> Result<Self, StoreError> {
        let tags = Tags::load(repository, &known.tags);
        let known: HashMap<SnapshotId, &Arc<Snapshot>> = known
            .by_name
            .values()
            .flat_map(|source| source.snapshots.iter().map(|snapshot| (snapshot.id, snapshot)))
            .collect();
        // The index is read before the manifests are listed, so no snapshot that appears meanwhile is missed.
        let recorded: HashMap<SnapshotId, SnapshotRecord> = match repository.recorded_snapshots() {
            Ok(recorded) => recorded.into_iter().map(|record| (record.id, record)).collect(),
            Err(error) => {
                log::error!("{error}");
                HashMap::new()
            }
        };
        let mut seen = HashSet::new();
        let mut incomplete = tags.incomplete;
        let read = |id: &SnapshotId| match recorded.get(id) {
            Some(record) => repository.recorded_manifest(record),
            None => repository.manifest(id),
        };
        let mut by_source: BTreeMap<Arc<[u8]>, Vec<Arc<Snapshot>>> = BTreeMap::new();
        for id in repository.snapshots()? {
            let snapshot = match known.get(&id) {
                Some(snapshot) => Arc::clone(snapshot),
                None => match read(&id) {
                    Ok(manifest) => Arc::new(Snapshot { id, manifest }),
                    // The snapshot was forgotten between listing and reading.
                    Err(StoreError::Missing(_)) => continue,
                    Err(error) => {
                        log::error!("{error}");
                        incomplete |= !error.is_damage();
                        continue;
                    }
                },
            };
            seen.insert(id);
            by_source.entry(Arc::from(&*snapshot.manifest.source)).or_default().push(snapshot);
        }
        let mut lost: HashMap<Box<[u8]>, Vec<Moment>> = HashMap::new();
        for (id, record) in recorded.into_iter().filter(|(id, _)| !seen.contains(id)) {
            let moment = moment(record.time, id, record.number());
            lost.entry(record.source.clone()).or_default().push(moment);
        }
        let tags_of = tags.by_snapshot();
        let sources = by_source.into_iter().map(|(name, snapshots)| {
            let lost = lost.remove(&*name).unwrap_or_default();
            (Arc::clone(&name), Arc::new(Source::new(name, zone.clone(), snapshots, &lost, &tags_of)))
        });
        let by_name = sources.collect();
        let gone =
            lost.into_iter().map(|(name, lost)| (name, Timeline::with_lost(zone.clone(), Vec::new(), &lost)));
        Ok(Self { by_name, gone: gone.collect(), tags, incomplete, calendar: OnceLock::new() })
    }

    /// Whether loading again may find more although the repository has not changed.
    pub fn is_incomplete(&self) -> bool {
        self.incomplete
    }

    /// The source with this name.
    pub fn get(&self, name: &[u8]) -> Option<&Arc<Source>> {
        self.by_name.get(name)
    }

    /// The last snapshot of a source, and its canonical name.
    pub fn last(&self, source: &[u8]) -> Option<(&str, &Arc<Snapshot>)> {
        self.get(source)?.snapshots().next_back()
    }

    /// Time of a source's newest snapshot.
    pub fn time(&self, source: &[u8]) -> Option<Time> {
        self.last(source).map(|(_, snapshot)| snapshot.manifest.time)
    }

    /// Number of the source's next snapshot in the second of `time`. No number is used twice, as long as the
    /// index records the lost snapshots. `None` if there is no higher number.
    pub fn next_number(&self, source: &[u8], time: Time) -> Option<u32> {
        let timeline = self.get(source).map(|source| &source.timeline).or_else(|| self.gone.get(source));
        timeline.map_or(Some(1), |timeline| timeline.next_number(time.timestamp()))
    }

    /// The snapshots of all sources in order; `None` if there is no snapshot.
    pub fn calendar(&self) -> Option<&Calendar> {
        self.calendar.get_or_init(|| Calendar::of(self)).as_ref()
    }

    /// All sources, ordered by name.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Arc<Source>> {
        self.by_name.values()
    }
}

impl Source {
    fn new(
        name: Arc<[u8]>,
        zone: TimeZone,
        snapshots: Vec<Arc<Snapshot>>,
        lost: &[Moment],
        tags_of: &HashMap<SnapshotId, Vec<Arc<Tag>>>,
    ) -> Self {
        let of = |snapshot: &Arc<Snapshot>| {
            moment(snapshot.manifest.time, snapshot.id, snapshot.manifest.extensions.number)
        };
        let timeline = Timeline::with_lost(zone, snapshots.iter().map(of).collect(), lost);
        let mut by_id: HashMap<_, _> =
            snapshots.into_iter().map(|snapshot| (snapshot.id.0, snapshot)).collect();
        let snapshots: Vec<_> = timeline.iter().filter_map(|(_, moment)| by_id.remove(&moment.id)).collect();
        let mut tags = Vec::new();
        for (index, snapshot) in snapshots.iter().enumerate() {
            let of_it = tags_of.get(&snapshot.id).into_iter().flatten();
            // A tag that names another source than its snapshot does was forged.
            let of_it = of_it.filter(|tag| tag.source == snapshot.manifest.source);
            tags.extend(of_it.map(|tag| (Arc::clone(tag), index)));
        }
        tags.sort_by(|(one, here), (other, there)| (&one.name, here).cmp(&(&other.name, there)));
        Self { name, timeline, snapshots, tags }
    }
}

fn moment(time: Time, id: SnapshotId, number: Option<u32>) -> Moment {
    Moment { time: time.timestamp(), id: id.0, number }
}
