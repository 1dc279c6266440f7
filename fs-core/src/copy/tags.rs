use std::collections::HashMap;

use crate::format::{SnapshotId, Tag};
use crate::history::Snapshot;
use crate::store::{Repository, StoreError};

/// The tags of a repository, by snapshot.
#[derive(Debug, Default)]
pub(super) struct Tags(HashMap<SnapshotId, Vec<Tag>>);

impl Tags {
    /// Reads all tags. Returns the errors of those that cannot be read, too.
    pub(super) fn load(repository: &Repository) -> Result<(Self, Vec<StoreError>), StoreError> {
        let (readable, lost) = repository.tags()?;
        let mut tags = Self::default();
        readable.into_iter().for_each(|tag| tags.0.entry(tag.snapshot).or_default().push(tag));
        Ok((tags, lost.into_iter().map(|(_, error)| error).collect()))
    }

    /// Gives the tags of a snapshot to its copy. Returns how many it did not have.
    pub(super) fn give(
        &self,
        snapshot: &Snapshot,
        copy: SnapshotId,
        to: &Repository,
    ) -> Result<u64, StoreError> {
        let mut given = 0;
        let tags = self.0.get(&snapshot.id).into_iter().flatten();
        // A tag that names another source than its snapshot does was forged.
        for tag in tags.filter(|tag| tag.source == snapshot.manifest.source) {
            given += u64::from(to.tag(copy, &tag.name, tag.given)?);
        }
        Ok(given)
    }
}
