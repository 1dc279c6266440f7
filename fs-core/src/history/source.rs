use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::time::{Expression, Moment, Timeline};
use crate::format::log::Label;
use crate::format::{Manifest, SnapshotId, Tag, Time};
use crate::store::StoreError;

/// A snapshot whose manifest was read.
#[derive(Debug)]
pub struct Snapshot {
    /// Snapshot id.
    pub id: SnapshotId,
    /// Manifest of the snapshot.
    pub manifest: Manifest,
}

impl Snapshot {
    /// The snapshot as the log knows it: it may have been amended, and its source renamed.
    pub(super) fn labelled(mut self, label: Option<&Label>) -> Self {
        if let Some(label) = label {
            self.manifest.source.clone_from(&label.source);
            self.manifest.time = label.time;
            self.manifest.extensions.number = Some(label.number);
        }
        self
    }

    /// Whether the snapshot is known by this label.
    pub(super) fn has_label(&self, label: &Label) -> bool {
        let manifest = &self.manifest;
        manifest.source == label.source
            && manifest.time == label.time
            && manifest.extensions.number == Some(label.number)
    }
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
    pub(super) snapshots: Vec<Arc<Snapshot>>,
    /// Tags and the indexes of their snapshots, ordered by name, then by index.
    tags: Vec<(Arc<Tag>, usize)>,
}

impl Source {
    /// The source of these snapshots, and of those `lost`. `tags_of` has the tags of all snapshots.
    pub(super) fn new(
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

/// The snapshot's time and identity.
pub(super) fn moment(time: Time, id: SnapshotId, number: Option<u32>) -> Moment {
    Moment { time: time.timestamp(), id: id.0, number }
}
