//! References to the nodes of a directory. Each is followed only within the bounds that the nodes above it
//! give. A forged node outside its bounds could show a name twice, or a name that a search does not find.

use std::sync::Arc;

use crate::format::limits::MAX_LEVELS;
use crate::format::{BlobId, Child, FormatError, Node};
use crate::store::{Reader, StoreError};

/// A reference to a node, with the bounds that the node must keep.
#[derive(Debug, Clone)]
pub struct NodeRef {
    /// Id of its blob.
    pub id: BlobId,
    /// Number of inner nodes above it in its directory.
    depth: u8,
    /// Lower bound, exclusive, on the names in the node.
    after: Box<[u8]>,
    /// The last name and the number of entries that the parent states; `None` for the topmost node.
    stated: Option<(Box<[u8]>, u64)>,
}

impl NodeRef {
    /// The topmost node of a directory.
    pub fn top(id: BlobId) -> Self {
        Self { id, depth: 0, after: Box::default(), stated: None }
    }

    /// The number of entries that the parent states; `None` for the topmost node.
    pub(super) fn entries(&self) -> Option<u64> {
        self.stated.as_ref().map(|(_, entries)| *entries)
    }

    /// A reference to child `at` of this node, whose children are `children`.
    #[must_use]
    pub fn child(&self, children: &[Child], at: usize) -> Self {
        let child = &children[at];
        let after = at.checked_sub(1).map_or(&self.after, |before| &children[before].last_name);
        Self {
            id: child.id,
            depth: self.depth + 1,
            after: after.clone(),
            stated: Some((child.last_name.clone(), child.entries)),
        }
    }

    /// Merges another reference to the same node into this one, which then keeps the bounds of both.
    pub fn merge(&mut self, other: Self) -> Result<(), StoreError> {
        if self.stated != other.stated {
            return Err(invalid(&self.id, "bounds of a directory node"));
        }
        if other.after > self.after {
            self.after = other.after;
        }
        Ok(())
    }

    /// Reads the node. Fails if it does not match what the nodes above say.
    pub fn read(&self, reader: &Reader) -> Result<Arc<Node>, StoreError> {
        if self.depth > MAX_LEVELS {
            return Err(invalid(&self.id, "depth of a directory"));
        }
        let node = reader.node(&self.id)?;
        let ends = self
            .stated
            .as_ref()
            .is_none_or(|(last, entries)| node.last_name() == Some(&**last) && node.entries() == *entries);
        if !ends || node.first_name().is_some_and(|first| *first <= *self.after) {
            return Err(invalid(&self.id, "bounds of a directory node"));
        }
        Ok(node)
    }
}

fn invalid(id: &BlobId, what: &'static str) -> StoreError {
    StoreError::damaged(|| format!("directory node {id}"))(FormatError::Invalid(what))
}
