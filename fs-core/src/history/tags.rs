//! Tags: names that people give to snapshots.

use std::collections::HashMap;
use std::sync::Arc;

use super::path::{CHANGES, VERSIONS};
use super::time::Expression;
use crate::format::{SnapshotId, Tag};
use crate::store::Repository;

/// All tags of a repository at one moment.
#[derive(Debug, Default)]
pub(super) struct Tags {
    tags: Vec<Arc<Tag>>,
    /// Whether a tag could not be read for a reason that may pass. Loading again may then find more although
    /// the repository has not changed.
    pub(super) incomplete: bool,
}

impl Tags {
    /// Reads the repository's tags. A tag that cannot be read is logged and left out.
    pub(super) fn load(repository: &Repository) -> Self {
        let mut tags = Self::default();
        match repository.tags() {
            Ok((readable, unreadable)) => {
                tags.tags.extend(readable.into_iter().map(Arc::new));
                for (_, error) in unreadable {
                    log::warn!("{error}");
                    tags.incomplete |= !error.is_damage();
                }
            }
            Err(error) => {
                log::error!("{error}");
                tags.incomplete = true;
            }
        }
        tags
    }

    /// The tags of each snapshot that has any.
    pub(super) fn by_snapshot(&self) -> HashMap<SnapshotId, Vec<Arc<Tag>>> {
        let mut of: HashMap<SnapshotId, Vec<Arc<Tag>>> = HashMap::new();
        for tag in &self.tags {
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
