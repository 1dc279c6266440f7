//! The snapshot before the copied one, and its copy. Both advance with the walk, in the order of names.

use super::fault::Fault;
use crate::format::{BlobId, Entry, Kind};
use crate::store::{DirectoryCursor, NamedEntry, Reader, StoreError};

/// An entry of the snapshot before, and its copy.
#[derive(Debug, Clone)]
pub(super) struct Pair {
    pub(super) was: Entry,
    pub(super) copy: Entry,
}

impl Pair {
    /// The pair, if `copy` can be a copy of `was`. Anything else is not taken over.
    pub(super) fn new(was: Entry, copy: Entry) -> Option<Self> {
        let is_copy = was.attributes == copy.attributes
            && was.changed_while_read == copy.changed_while_read
            && match (&was.kind, &copy.kind) {
                (Kind::File { size, holes, .. }, Kind::File { size: length, holes: hollow, .. }) => {
                    (size, holes) == (length, hollow)
                }
                (Kind::Directory(_), Kind::Directory(_)) => true,
                (was, copy) => was == copy,
            };
        is_copy.then_some(Self { was, copy })
    }
}

/// A directory of the snapshot before, and its copy.
#[derive(Debug)]
pub(super) struct Lockstep(Option<(Side, Side)>);

impl Lockstep {
    /// The directory that these entries are. Without any, nothing is found.
    pub(super) fn new(from: &Reader, to: &Reader, pair: Option<&Pair>) -> Self {
        let directories = pair.and_then(|pair| match (&pair.was.kind, &pair.copy.kind) {
            (Kind::Directory(was), Kind::Directory(copy)) => Some((*was, *copy)),
            _ => None,
        });
        Self(directories.map(|(was, copy)| (Side::new(from, was), Side::new(to, copy))))
    }

    /// Id of the leaf that the copy has reached: a delta hint.
    pub(super) fn leaf_id(&self) -> Option<BlobId> {
        self.0.as_ref().and_then(|(_, copy)| copy.cursor.leaf_id())
    }

    /// The entry `name`. Names must be requested in ascending order. A directory that is lost has no entries
    /// any more: what was in it is read from the copied snapshot.
    pub(super) fn take(&mut self, name: &[u8]) -> Result<Option<Pair>, Fault> {
        let Some((was, copy)) = &mut self.0 else { return Ok(None) };
        let entries = match (was.take(name), copy.take(name)) {
            (Ok(was), Ok(copy)) => (was, copy),
            (Err(error), _) | (_, Err(error)) if error.is_loss() => {
                log::warn!("{error}; all of a directory is read");
                self.0 = None;
                return Ok(None);
            }
            (Err(error), _) => return Err(Fault::of_source(error)),
            (_, Err(error)) => return Err(Fault::Target(error)),
        };
        Ok(match entries {
            (Some(was), Some(copy)) => Pair::new(was, copy),
            _ => None,
        })
    }
}

/// A directory whose entries are requested in ascending order.
#[derive(Debug)]
struct Side {
    cursor: DirectoryCursor,
    current: Option<NamedEntry>,
    started: bool,
}

impl Side {
    fn new(reader: &Reader, id: BlobId) -> Self {
        Self { cursor: DirectoryCursor::new(reader.clone(), id, 0), current: None, started: false }
    }

    fn take(&mut self, name: &[u8]) -> Result<Option<Entry>, StoreError> {
        while !self.started || self.current.as_ref().is_some_and(|(current, _)| **current < *name) {
            self.started = true;
            self.current = self.cursor.next_entry()?;
        }
        let found = self.current.as_ref().filter(|(current, _)| **current == *name);
        Ok(found.map(|(_, entry)| entry.clone()))
    }
}
