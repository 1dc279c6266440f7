//! Tags: names that people give to snapshots.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::path::{CHANGES, VERSIONS};
use super::time::Expression;
use crate::format::{SnapshotId, Tag, TagId};
use crate::store::{Repository, StoreError};

/// All tags of a repository at one moment.
#[derive(Debug, Default)]
pub(super) struct Tags {
    by_id: HashMap<TagId, Arc<Tag>>,
    /// Tags that cannot be read, and were logged.
    unread: HashSet<TagId>,
    /// Whether a tag could not be read for a reason that may pass. Loading again may then find more although
    /// the repository has not changed.
    pub(super) incomplete: bool,
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
            let tag = known.by_id.get(&id).map(|tag| Ok(Arc::clone(tag)));
            match tag.unwrap_or_else(|| repository.tag(&id).map(Arc::new)) {
                Ok(tag) => drop(tags.by_id.insert(id, tag)),
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

    /// The tags of each snapshot that has any.
    pub(super) fn by_snapshot(&self) -> HashMap<SnapshotId, Vec<Arc<Tag>>> {
        let mut of: HashMap<SnapshotId, Vec<Arc<Tag>>> = HashMap::new();
        for tag in self.by_id.values() {
            of.entry(tag.snapshot).or_default().push(Arc::clone(tag));
        }
        of
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
