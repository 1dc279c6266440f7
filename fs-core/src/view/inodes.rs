use std::sync::{PoisonError, RwLock};

use self::table::{Known, Table, Width};
use super::node::{EntryRef, Identity, Node, NodeKind};
use super::{View, ViewError};
use crate::store::{Found, StoreError};

mod table;

/// The nodes that a kernel knows by number, each until the kernel forgets it. A node takes some fifty bytes
/// of memory.
///
/// Most nodes are not stored. A request reads such a node again, from the latest snapshot in which the kernel
/// was given it.
#[derive(Debug)]
pub struct Inodes {
    view: View,
    known: RwLock<Table>,
}

impl Inodes {
    /// Creates a table in which only the view's top is known. The top is never forgotten.
    pub fn new(view: View) -> Self {
        Self { view, known: RwLock::default() }
    }

    /// As [`new`](Self::new), with numbers of 32 bits, for programs that cannot use longer ones. The short
    /// numbers are derived from the long ones, so most stay the same in the next mount. If two nodes have
    /// equal numbers, the one looked up later gets another.
    pub fn with_short_numbers(view: View) -> Self {
        Self { view, known: RwLock::new(Table::new(Width::Bits32)) }
    }

    /// The number of `node`, which the kernel need not know.
    pub fn number(&self, node: &Node) -> u64 {
        if node.ino() == self.view.top().ino() {
            return node.ino();
        }
        self.known.read().unwrap_or_else(PoisonError::into_inner).number(node)
    }

    /// The number by which the kernel knows the node with this [`Node::ino`]; `None` if the kernel does not
    /// know the node.
    pub fn known_number(&self, ino: u64) -> Option<u64> {
        if ino == self.view.top().ino() {
            return Some(ino);
        }
        self.known.read().unwrap_or_else(PoisonError::into_inner).number_of(ino, None)
    }

    /// The node with this number; `None` if the kernel does not know it.
    ///
    /// # Errors
    ///
    /// If the node's directory cannot be read again.
    pub fn get(&self, ino: u64) -> Result<Option<Node>, ViewError> {
        if ino == self.view.top().ino() {
            return Ok(Some((*self.view.top()).clone()));
        }
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner).get(ino);
        Ok(match known {
            None => None,
            Some(Known::Itself(node)) => match node.renewed(&self.view) {
                Some(Err(ViewError::NotFound)) => None,
                Some(renewed) => Some(renewed?),
                None => Some(*node),
            },
            Some(Known::At { identity, entry_ref, names }) => Some(self.read(identity, entry_ref, names)?),
        })
    }

    /// Counts a lookup of `node` by the kernel, and returns the number for it: [`Node::ino`], or a short
    /// number derived from that and used by no other node.
    pub fn remember(&self, node: &Node) -> u64 {
        self.known.write().unwrap_or_else(PoisonError::into_inner).add(node)
    }

    /// Handles FUSE FORGET: subtracts `lookups` from the lookup count, and drops the node at zero.
    pub fn forget(&self, ino: u64, lookups: u64) {
        self.known.write().unwrap_or_else(PoisonError::into_inner).subtract_lookups(ino, lookups);
    }

    fn read(&self, identity: Identity, entry_ref: EntryRef, names: Option<u32>) -> Result<Node, StoreError> {
        let found = Found::read(self.view.reader(), entry_ref.leaf.id, entry_ref.at as usize)?;
        let entry = found.entry()?;
        match names.filter(|_| !entry.is_directory()) {
            // Neither the table of hard links is searched, nor is the identity hashed.
            Some(names) => {
                let kind = NodeKind::Version { entry, names };
                Ok(Node { identity, kind, entry_ref: Some(entry_ref) })
            }
            None => Node::child(&self.view, entry_ref, found.name(), found.body(), entry),
        }
    }
}

#[cfg(all(test, unix))]
mod tests;
