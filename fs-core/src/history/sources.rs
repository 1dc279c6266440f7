use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::{Arc, OnceLock};

use jiff::tz::TimeZone;

use super::calendar::{Calendar, Position};
use super::source::{Snapshot, Source, moment};
use super::tags::Tags;
use super::time::{Moment, Timeline};
use crate::format::{SnapshotId, Time};
use crate::store::{Repository, SnapshotRecord, StoreError};

/// All sources of a repository at one moment, ordered by name.
#[derive(Debug, Default)]
pub struct Sources {
    by_name: BTreeMap<Arc<[u8]>, Arc<Source>>,
    /// Sources that the index records, but whose snapshots are all lost.
    gone: BTreeMap<Box<[u8]>, Timeline>,
    /// Whether a manifest or a tag could not be read for a reason that may pass.
    incomplete: bool,
    /// Computed on first use.
    calendar: OnceLock<Option<Calendar>>,
}

impl Sources {
    /// Reads the repository's snapshots and tags. Those of `known` are not read again. A manifest that cannot
    /// be read is logged and left out: it must not hide the others.
    ///
    /// # Errors
    ///
    /// If the manifests cannot be listed.
    pub fn load(repository: &Repository, zone: &TimeZone, known: &Sources) -> Result<Self, StoreError> {
        let tags = Tags::load(repository);
        let known: HashMap<SnapshotId, &Arc<Snapshot>> = known
            .by_name
            .values()
            .flat_map(|source| source.snapshots.iter().map(|snapshot| (snapshot.id, snapshot)))
            .collect();
        // The index is read before the manifests are listed, so no snapshot that appears meanwhile is missed.
        let recorded = repository.recorded_snapshots().inspect_err(|error| log::error!("{error}"));
        let recorded = recorded.unwrap_or_default().into_iter().map(|record| (record.id, record));
        let recorded: HashMap<SnapshotId, SnapshotRecord> = recorded.collect();
        let mut seen = HashSet::new();
        let mut incomplete = tags.incomplete;
        let logged = repository.logged()?;
        let label = |id: &SnapshotId| Some(&logged.as_ref()?.snapshots.get(id)?.label);
        let read = |id: &SnapshotId| match recorded.get(id) {
            Some(record) => repository.recorded_manifest(record),
            None => repository.manifest(id),
        };
        let snapshots = match &logged {
            Some(logged) => logged.snapshots.keys().copied().collect(),
            None => repository.snapshots()?,
        };
        let mut by_source: BTreeMap<Arc<[u8]>, Vec<Arc<Snapshot>>> = BTreeMap::new();
        for id in snapshots {
            let known = known.get(&id).filter(|known| label(&id).is_none_or(|label| known.has_label(label)));
            let snapshot = match known {
                Some(snapshot) => Arc::clone(snapshot),
                None => match read(&id) {
                    Ok(manifest) => Arc::new(Snapshot { id, manifest }.labelled(label(&id))),
                    // It is lost. In version 1, it was removed between listing and reading.
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
        let mut lose = |source: &[u8], moment| lost.entry(source.into()).or_default().push(moment);
        match &logged {
            Some(logged) => {
                for (id, snapshot) in logged.snapshots.iter().filter(|(id, _)| !seen.contains(id)) {
                    let label = &snapshot.label;
                    lose(&label.source, moment(label.time, *id, Some(label.number)));
                }
            }
            None => {
                for (id, record) in recorded.into_iter().filter(|(id, _)| !seen.contains(id)) {
                    lose(&record.source, moment(record.time, id, record.number()));
                }
            }
        }
        let tags_of = tags.by_snapshot();
        let sources = by_source.into_iter().map(|(name, snapshots)| {
            let lost = lost.remove(&*name).unwrap_or_default();
            (Arc::clone(&name), Arc::new(Source::new(name, zone.clone(), snapshots, &lost, &tags_of)))
        });
        let by_name = sources.collect();
        let gone =
            lost.into_iter().map(|(name, lost)| (name, Timeline::with_lost(zone.clone(), Vec::new(), &lost)));
        Ok(Self { by_name, gone: gone.collect(), incomplete, calendar: OnceLock::new() })
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
        self.calendar.get_or_init(|| Calendar::of(self.iter(), self.gone.values())).as_ref()
    }

    /// Each source's last snapshot as of the time that the folder `name` means.
    pub fn as_of(&self, name: &str) -> impl Iterator<Item = (&Arc<Source>, &Arc<Snapshot>)> {
        self.calendar().into_iter().flat_map(move |calendar| calendar.as_of(name))
    }

    /// The positions and ids of all snapshots. Another snapshot may take the position of one that is gone.
    pub fn positions(&self) -> BTreeSet<(Position, SnapshotId)> {
        self.calendar().map(Calendar::snapshots).unwrap_or_default()
    }

    /// All sources, ordered by name.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Arc<Source>> {
        self.by_name.values()
    }
}
