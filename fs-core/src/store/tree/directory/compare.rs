//! Compares two directories. Only entries that differ are decoded. Nodes that both directories share are not
//! read.

use std::sync::Arc;

use super::{DirectoryCursor, Found};
use crate::format::{BlobId, Item};
use crate::store::{Reader, StoreError};

/// Finds the names under which two directories have different entries, in the order of the names.
///
/// The names in a node decide where it ends. So directories that are mostly equal share most of their nodes.
/// After a change, the two sides are in step again at the next shared node.
#[derive(Debug)]
pub struct Comparison {
    before: DirectoryCursor,
    after: DirectoryCursor,
}

/// A name with its two entries. A name that a directory has without an entry counts as missing there.
#[derive(Debug)]
pub struct Differing {
    /// The entry in the first directory.
    pub before: Option<Found>,
    /// The entry in the second directory.
    pub after: Option<Found>,
    /// If neither exists: the item of the only directory whose entry could not be read.
    pub not_read: Option<Found>,
}

impl Differing {
    /// The name.
    pub fn name(&self) -> &[u8] {
        self.after.as_ref().or(self.before.as_ref()).or(self.not_read.as_ref()).map_or(b"", Found::name)
    }
}

impl Comparison {
    /// Compares two directories. A missing one counts as empty.
    pub fn new(reader: Reader, before: Option<BlobId>, after: Option<BlobId>) -> Self {
        Self {
            before: DirectoryCursor::of(reader.clone(), before, 0),
            after: DirectoryCursor::of(reader, after, 0),
        }
    }

    /// Returns the next name whose entries differ. `None` after the last name.
    pub fn advance(&mut self) -> Result<Option<Differing>, StoreError> {
        loop {
            if self.skip_equal() {
                continue;
            }
            // The larger node is opened first, as it may begin with the node of the other side.
            match (self.before.pending_entries(), self.after.pending_entries()) {
                (Some(before), Some(after)) if before < after => self.after.open()?,
                (Some(_), _) => self.before.open()?,
                (None, Some(_)) => self.after.open()?,
                (None, None) => match self.step() {
                    Step::Equal => {}
                    Step::Differing(differing) => return Ok(Some(differing)),
                    Step::End => return Ok(None),
                },
            }
        }
    }

    /// Skips a node that comes next on both sides. Returns false if there is none.
    fn skip_equal(&mut self) -> bool {
        let equal = self.before.next_node().is_some_and(|id| self.after.next_node() == Some(id));
        if equal {
            self.before.skip_node();
            self.after.skip_node();
        }
        equal
    }

    /// Takes the next name, on each side that has it. The next entry of both sides is known.
    fn step(&mut self) -> Step {
        let (before, after) = (self.before.entry(), self.after.entry());
        let order = match (&before, &after) {
            (None, None) => return Step::End,
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, Some(_)) => std::cmp::Ordering::Greater,
            (Some(before), Some(after)) => before.name().cmp(after.name()),
        };
        let (before, after) = (before.filter(|_| order.is_le()), after.filter(|_| order.is_ge()));
        self.before.at += usize::from(before.is_some());
        self.after.at += usize::from(after.is_some());
        let is_entry = |found: &&Found| !found.is_absent();
        let is_not_read = |found: &&Found| Item::encodes_not_read(found.body());
        let entries = (before.as_ref().filter(is_entry), after.as_ref().filter(is_entry));
        let not_read = (before.as_ref().filter(is_not_read), after.as_ref().filter(is_not_read));
        let differing = match (entries, not_read) {
            ((Some(one), Some(other)), _) if one.body() == other.body() => return Step::Equal,
            ((None, None), (None, None) | (Some(_), Some(_))) => return Step::Equal,
            ((None, None), (one, other)) => {
                Differing { before: None, after: None, not_read: one.or(other).cloned() }
            }
            ((one, other), _) => Differing { before: one.cloned(), after: other.cloned(), not_read: None },
        };
        Step::Differing(differing)
    }
}

enum Step {
    Equal,
    Differing(Differing),
    End,
}

impl DirectoryCursor {
    /// Number of entries in the node that must be read to find the next name. `None` if the next name is
    /// known, or none is left.
    fn pending_entries(&self) -> Option<u64> {
        let pending = if self.in_leaf().is_some() { None } else { self.todo.last() };
        pending.map(|pending| pending.entries().unwrap_or(u64::MAX))
    }

    /// Id of the next node, if the walk has passed none of its entries.
    fn next_node(&self) -> Option<BlobId> {
        match self.in_leaf() {
            Some((_, id)) => (self.at == 0).then_some(*id),
            None => self.todo.last().map(|pending| pending.id),
        }
    }

    fn skip_node(&mut self) {
        if self.in_leaf().is_some() {
            self.leaf = None;
        } else {
            self.todo.pop();
        }
    }

    fn entry(&self) -> Option<Found> {
        let (node, leaf) = self.in_leaf()?;
        Some(Found { leaf: *leaf, at: self.at, node: Arc::clone(node) })
    }
}

#[cfg(test)]
mod tests;
