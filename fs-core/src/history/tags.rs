//! Tags: names that people give to snapshots.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::path::{CHANGES, VERSIONS};
use super::time::Expression;
use super::{Snapshot, Source};
use crate::format::{SnapshotId, Tag, TagId};
use crate::store::{Repository, StoreError};

/// All tags of a repository at one moment.
#[derive(Debug, Default)]
pub(super) struct Tags {
    by_id: HashMap<TagId, Arc<Tag>>,
    /// Tags that cannot be read, and were logged.
    unread: HashSet<TagId>,
    /// Whether a tag could not be read for a reason that may pass.
    incomplete: bool,
}

impl Tags {
    /// Reads the repository's tags. Those of `known` are not read again. A tag that cannot be read is logged
    /// and left out.
    pub(super) fn load(repository: &Repository, known: &Tags) -> Self {
        let mut tags = Self::default();
        let ids = match repository.tags() {
            Ok(ids) => ids,
            Err(error) => {
                log::error!("{error}");
                // As far as can be told, the known tags still exist.
                return Self { by_id: known.by_id.clone(), unread: known.unread.clone(), incomplete: true };
            }
        };
        for id in ids {
            if let Some(tag) = known.by_id.get(&id) {
                tags.by_id.insert(id, Arc::clone(tag));
                continue;
            }
            match repository.tag(&id) {
                Ok(tag) => drop(tags.by_id.insert(id, Arc::new(tag))),
                // The tag was removed between listing and reading.
                Err(StoreError::Missing(_)) => {}
                Err(error) => {
                    if !known.unread.contains(&id) {
                        log::warn!("{error}");
                    }
                    tags.unread.insert(id);
                    tags.incomplete |= !error.is_damage();
                }
            }
        }
        tags
    }

    /// Whether loading again may find more although the repository has not changed.
    pub(super) fn is_incomplete(&self) -> bool {
        self.incomplete
    }

    /// The tags of each snapshot that has any.
    pub(super) fn by_snapshot(&self) -> HashMap<SnapshotId, Vec<Arc<Tag>>> {
        let mut of: HashMap<SnapshotId, Vec<Arc<Tag>>> = HashMap::new();
        for tag in self.by_id.values() {
            of.entry(tag.snapshot).or_default().push(Arc::clone(tag));
        }
        of
    }
}

/// A source's tags and the indexes of their snapshots, ordered by name, then by index.
#[derive(Debug)]
pub(super) struct SourceTags(Vec<(Arc<Tag>, usize)>);

impl SourceTags {
    /// Returns the tags of `snapshots`, which are in the timeline's order.
    pub(super) fn of(snapshots: &[Arc<Snapshot>], tags: &HashMap<SnapshotId, Vec<Arc<Tag>>>) -> Self {
        let mut all = Vec::new();
        if !tags.is_empty() {
            for (index, snapshot) in snapshots.iter().enumerate() {
                let of_it = tags.get(&snapshot.id).into_iter().flatten();
                // A tag that names another source than its snapshot does was forged.
                let of_it = of_it.filter(|tag| tag.source == snapshot.manifest.source);
                all.extend(of_it.map(|tag| (Arc::clone(tag), index)));
            }
            all.sort_by(|(one, here), (other, there)| (&one.name, here).cmp(&(&other.name, there)));
        }
        Self(all)
    }

    /// Index of the last snapshot with this tag.
    fn last(&self, name: &[u8]) -> Option<usize> {
        let end = self.0.partition_point(|(tag, _)| tag.name.as_bytes() <= name);
        let (tag, index) = self.0.get(end.checked_sub(1)?)?;
        (tag.name.as_bytes() == name).then_some(*index)
    }
}

impl Source {
    /// Index of the last snapshot with the tag `@NAME`, unless `@NAME` means a time.
    pub(super) fn tagged(&self, name: &[u8]) -> Option<usize> {
        let tag = name.strip_prefix(b"@")?;
        self.tags.last(tag).filter(|_| Expression::parse(name).is_none())
    }

    /// All tags and the indexes of their snapshots, ordered by name, then by time.
    pub fn tags(&self) -> impl Iterator<Item = (&Tag, usize)> {
        self.tags.0.iter().map(|(tag, index)| (&**tag, *index))
    }

    /// The tags of a snapshot.
    pub fn tags_of(&self, snapshot: SnapshotId) -> impl Iterator<Item = &str> {
        self.tags().filter(move |(tag, _)| tag.snapshot == snapshot).map(|(tag, _)| &*tag.name)
    }
}

/// Whether `@NAME` means something by itself, looks as if it did, or is a virtual folder beside the
/// snapshots.
pub fn is_reserved_name(name: &str) -> bool {
    let at = ["@", name].concat();
    let folder = |folder: &[u8]| at.as_bytes().eq_ignore_ascii_case(folder);
    let looks_like_time = name.starts_with(|first: char| first.is_ascii_digit())
        && name
            .chars()
            .all(|char| char.is_ascii_digit() || matches!(char, '-' | '+' | '_' | 'T' | 't' | 'Z' | 'z'));
    let gmt = name.get(..3).is_some_and(|start| start.eq_ignore_ascii_case("gmt"))
        && matches!(name.as_bytes().get(3), None | Some(b'-'));
    looks_like_time
        || gmt
        || folder(CHANGES)
        || folder(VERSIONS)
        || Expression::parse(at.as_bytes()).is_some()
}

#[cfg(all(test, unix))]
mod tests;
