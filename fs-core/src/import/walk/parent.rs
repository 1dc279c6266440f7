use std::time::Duration;

use crate::format::{Absence, BlobId, Entry, Item, Keys, Kind, Time};
use crate::store::{DirectoryCursor, NamedItem, Reader, StoreError};

/// A time stamp this close to the moment of reading may hide a later change. The clocks behind time stamps
/// can be as coarse as FAT's two seconds.
const TICK: Duration = Duration::from_secs(2);

/// A directory of the parent snapshot, which advances beside the one on disk.
#[derive(Debug)]
pub(super) struct ParentDirectory {
    pub(super) id: BlobId,
    cursor: DirectoryCursor,
    current: Option<NamedItem>,
    started: bool,
    /// Number of regular files and directories before `current`.
    slots: u64,
}

/// An entry of the parent snapshot.
#[derive(Debug)]
pub(super) struct ParentEntry {
    pub(super) entry: Entry,
    /// Position of a regular file or directory among those of its directory.
    pub(super) slot: u64,
}

/// What the parent snapshot has of a name.
#[derive(Debug)]
pub(super) struct ParentItem {
    pub(super) entry: Option<ParentEntry>,
    /// For a name without an entry: id of the content that was last read.
    before: Option<BlobId>,
}

impl ParentItem {
    /// Id of the content that was last read. Only asked for what cannot be read, as it may cost a hash.
    pub(super) fn content_id(&self, keys: &Keys) -> Option<BlobId> {
        self.entry.as_ref().map_or(self.before, |parent| parent.entry.content_id(keys))
    }
}

impl ParentDirectory {
    pub(super) fn new(reader: &Reader, id: BlobId) -> Self {
        Self {
            id,
            cursor: DirectoryCursor::new(reader.clone(), id, 0),
            current: None,
            started: false,
            slots: 0,
        }
    }

    /// Id of the leaf that the cursor has reached.
    pub(super) fn leaf_id(&self) -> Option<BlobId> {
        self.cursor.leaf_id()
    }

    /// Returns what there is of `name`. Names must be requested in ascending order.
    pub(super) fn take(&mut self, name: &[u8]) -> Result<Option<ParentItem>, StoreError> {
        while !self.started || self.current.as_ref().is_some_and(|(current, _)| **current < *name) {
            self.advance()?;
        }
        if self.current.as_ref().is_none_or(|(current, _)| **current != *name) {
            return Ok(None);
        }
        // The next name is greater, so this one is passed.
        let slot = self.slots;
        Ok(self.advance()?.map(|item| match item {
            Item::Entry(entry) => ParentItem { entry: Some(ParentEntry { entry, slot }), before: None },
            Item::Absent(Absence::NotRead(not_read)) => ParentItem { entry: None, before: not_read.before },
            Item::Absent(Absence::Excluded) => ParentItem { entry: None, before: None },
        }))
    }

    /// Advances to the next item, and returns the current one.
    fn advance(&mut self) -> Result<Option<Item>, StoreError> {
        self.started = true;
        let passed = self.current.take().map(|(_, item)| item);
        self.slots += u64::from(matches!(&passed, Some(Item::Entry(entry)) if has_slot(entry)));
        self.current = self.cursor.next_item()?;
        Ok(passed)
    }
}

/// Whether a stat cache has a slot for this entry.
pub(super) fn has_slot(entry: &Entry) -> bool {
    matches!(entry.kind, Kind::File { .. } | Kind::Directory(_))
}

/// Whether something with the time stamp `stamp` may have changed without a new stamp after a walk examined
/// it. The walk began at `started`.
pub(super) fn may_have_changed_since(stamp: Time, started: Time) -> bool {
    stamp.secs().saturating_add(TICK.as_secs().cast_signed()) >= started.secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_near_the_walk_are_not_trusted() {
        let at = |secs, nanos| Time::new(secs, nanos).unwrap();
        assert!(!may_have_changed_since(at(1000, 0), at(1003, 0)));
        assert!(may_have_changed_since(at(1001, 0), at(1003, 999)));
        assert!(may_have_changed_since(at(1003, 5), at(1003, 0)));
        assert!(may_have_changed_since(at(i64::MAX, 0), at(1003, 0)));
    }
}
