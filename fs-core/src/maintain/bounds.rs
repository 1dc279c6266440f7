//! Checks that the nodes below an inner node match what the inner node says. Only a forged node does not.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;

use super::blobs::{OwnBits, key};
use crate::format::limits::MAX_LEVELS;
use crate::format::{BlobId, Child, Node};
use crate::store::StoreError;

/// Reads a node; `None` if it cannot be read, which is reported elsewhere.
pub(super) type Read<'a> = &'a dyn Fn(&BlobId) -> Result<Option<std::sync::Arc<Node>>, StoreError>;

/// Cached bounds of nodes: snapshots share most of them.
#[derive(Debug, Default)]
pub(super) struct AllBounds(HashMap<u128, Option<Bounds>, BuildHasherDefault<OwnBits>>);

#[derive(Debug, Clone)]
struct Bounds {
    /// The first name in the leftmost leaf; `None` if that leaf cannot be read.
    first: Option<Box<[u8]>>,
    last: Box<[u8]>,
    entries: u64,
}

impl AllBounds {
    /// Remembers a leaf that was read.
    pub(super) fn note(&mut self, id: &BlobId, node: &Node) {
        if let (Node::Leaf(_), Some(first), Some(last)) = (node, node.first_name(), node.last_name()) {
            let bounds = Bounds { first: Some(first.into()), last: last.into(), entries: node.entries() };
            self.0.insert(key(id), Some(bounds));
        }
    }

    /// Whether child `at` has the last name and the number of entries that its parent states. All its names
    /// must also follow those of the previous child. True if it cannot be read.
    pub(super) fn fits(&mut self, children: &[Child], at: usize, read: Read<'_>) -> Result<bool, StoreError> {
        let child = &children[at];
        let before = at.checked_sub(1).map_or(&b""[..], |before| &children[before].last_name);
        let Some(bounds) = self.of(&child.id, 1, read)? else { return Ok(true) };
        let follows = bounds.first.as_ref().is_none_or(|first| **first > *before);
        Ok(follows && bounds.last == child.last_name && bounds.entries == child.entries)
    }

    fn of(&mut self, id: &BlobId, depth: u8, read: Read<'_>) -> Result<Option<Bounds>, StoreError> {
        if let Some(known) = self.0.get(&key(id)) {
            return Ok(known.clone());
        }
        let node = if depth > MAX_LEVELS { None } else { read(id)? };
        let bounds = match node.as_deref() {
            None => None,
            // An empty leaf matches no child, as a child has a last name.
            Some(node @ Node::Leaf(_)) => Some(Bounds {
                first: node.first_name().map(Into::into),
                last: node.last_name().unwrap_or_default().into(),
                entries: node.entries(),
            }),
            Some(node @ Node::Inner(children)) => Some(Bounds {
                first: self.of(&children[0].id, depth + 1, read)?.and_then(|bounds| bounds.first),
                last: node.last_name().unwrap_or_default().into(),
                entries: node.entries(),
            }),
        };
        self.0.insert(key(id), bounds.clone());
        Ok(bounds)
    }
}
