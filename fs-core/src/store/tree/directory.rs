//! Directories as trees of nodes. They are built in name order, searched by name, and listed from any
//! position.

use std::sync::Arc;

use crate::format::{
    Absence, BlobId, Child, Entry, FormatError, InnerBuilder, Item, Keys, Leaf, LeafBuilder, Node, PackKind,
};
use crate::store::{Reader, StoreError, Writer};

mod compare;
mod node_ref;

pub use compare::{Comparison, Differing};
pub use node_ref::NodeRef;

/// Builds a directory from its items in the order of their names.
#[derive(Debug, Default)]
pub struct DirectoryWriter {
    leaf: LeafBuilder,
    /// Delta hint of the open leaf: a leaf of the directory's earlier state.
    hint: Option<BlobId>,
    /// Inner nodes. `levels[0]` is just above the leaves.
    levels: Vec<InnerBuilder>,
}

impl DirectoryWriter {
    /// Sets the delta hint: the leaf that held the next names in the directory's earlier state.
    pub fn delta_hint(&mut self, hint: Option<BlobId>) {
        self.hint = hint.or(self.hint);
    }

    /// Appends an encoded item. Names must ascend.
    pub fn push(&mut self, writer: &mut Writer, name: &[u8], body: &[u8]) -> Result<(), StoreError> {
        if self.leaf.push(writer.keys(), name, body) { self.end_leaf(writer) } else { Ok(()) }
    }

    /// Stores the remaining nodes and returns the directory's id.
    pub fn finish(mut self, writer: &mut Writer) -> Result<BlobId, StoreError> {
        if !self.leaf.is_empty() || self.levels.is_empty() {
            self.end_leaf(writer)?;
        }
        let mut level = 0;
        loop {
            let top = level + 1 == self.levels.len();
            match self.levels[level].children() {
                // A node with one child would add nothing to the child.
                [only] if top => return Ok(only.id),
                [] => {}
                _ => self.end_inner(writer, level)?,
            }
            level += 1;
        }
    }

    fn end_leaf(&mut self, writer: &mut Writer) -> Result<(), StoreError> {
        let (bytes, last_name, entries) = self.leaf.finish();
        let id = writer.put(PackKind::Metadata, &bytes, self.hint)?;
        self.add_child(writer, 0, Child { last_name, entries, id })
    }

    fn end_inner(&mut self, writer: &mut Writer, level: usize) -> Result<(), StoreError> {
        let (bytes, last_name, entries) = self.levels[level].finish();
        let id = writer.put(PackKind::Metadata, &bytes, None)?;
        self.add_child(writer, level + 1, Child { last_name, entries, id })
    }

    fn add_child(&mut self, writer: &mut Writer, level: usize, child: Child) -> Result<(), StoreError> {
        if level == self.levels.len() {
            self.levels.push(InnerBuilder::new(level as u8 + 1));
        }
        if self.levels[level].push(writer.keys(), child) { self.end_inner(writer, level) } else { Ok(()) }
    }
}

/// A stored item of a directory, with its leaf.
#[derive(Debug, Clone)]
pub struct Found {
    /// Id of the leaf that holds the item.
    pub leaf: BlobId,
    /// Position in the leaf.
    pub at: usize,
    /// The decoded leaf.
    node: Arc<Node>,
}

impl Found {
    /// Reads entry `at` of the leaf `leaf`.
    pub fn read(reader: &Reader, leaf: BlobId, at: usize) -> Result<Self, StoreError> {
        let node = reader.node(&leaf)?;
        if leaf_of(&node).is_none_or(|leaf| at >= leaf.len()) {
            let reason = FormatError::Invalid("position of an entry");
            return Err(StoreError::damaged(|| format!("directory node {leaf}"))(reason));
        }
        Ok(Self { leaf, at, node })
    }

    /// The item's name.
    pub fn name(&self) -> &[u8] {
        leaf_of(&self.node).map_or(b"", |leaf| leaf.name(self.at))
    }

    /// The item's encoding.
    pub fn body(&self) -> &[u8] {
        leaf_of(&self.node).map_or(b"", |leaf| leaf.body(self.at))
    }

    /// Whether the name has no entry.
    fn is_absent(&self) -> bool {
        Item::encodes_absence(self.body())
    }

    /// Decodes the entry.
    pub fn entry(&self) -> Result<Entry, StoreError> {
        let leaf = self.leaf;
        Entry::decode(self.body()).map_err(StoreError::damaged(|| format!("directory node {leaf}")))
    }
}

/// Finds the entry `name` of the directory `id`. `None` if there is none.
pub fn find(reader: &Reader, id: &BlobId, name: &[u8]) -> Result<Option<Found>, StoreError> {
    Ok(find_item(reader, id, name)?.filter(|found| !found.is_absent()))
}

/// Reads what the directory `id` has of `name`. `None` if it knows nothing of it.
pub fn lookup_item(reader: &Reader, id: &BlobId, name: &[u8]) -> Result<Option<Item>, StoreError> {
    let decode = |found: Found| {
        let leaf = found.leaf;
        Item::decode(found.body()).map_err(StoreError::damaged(|| format!("directory node {leaf}")))
    };
    find_item(reader, id, name)?.map(decode).transpose()
}

fn find_item(reader: &Reader, id: &BlobId, name: &[u8]) -> Result<Option<Found>, StoreError> {
    let mut next = NodeRef::top(*id);
    loop {
        // Fails if the directory is too deep.
        let node = next.read(reader)?;
        match &*node {
            Node::Leaf(leaf) => {
                let at = leaf.find(name);
                return Ok(at.map(|at| Found { leaf: next.id, at, node }));
            }
            Node::Inner(children) => {
                let at = children.partition_point(|child| *child.last_name < *name);
                if at == children.len() {
                    return Ok(None);
                }
                next = next.child(children, at);
            }
        }
    }
}

/// Reads the entry `name` of the directory `id`. `None` if there is none.
pub fn lookup(reader: &Reader, id: &BlobId, name: &[u8]) -> Result<Option<Entry>, StoreError> {
    find(reader, id, name)?.map(|found| found.entry()).transpose()
}

/// Number of items of the directory `id`.
pub fn entries(reader: &Reader, id: &BlobId) -> Result<u64, StoreError> {
    Ok(reader.node(id)?.entries())
}

/// An entry and its name.
pub type NamedEntry = (Box<[u8]>, Entry);
/// An item and its name.
pub type NamedItem = (Box<[u8]>, Item);
/// A name without an entry, and the reason.
pub type NamedAbsence = (Box<[u8]>, Absence);

/// Walks a directory's items in the order of their names.
#[derive(Debug)]
pub struct DirectoryCursor {
    reader: Reader,
    /// Nodes still to visit, the next one last.
    todo: Vec<NodeRef>,
    leaf: Option<(Arc<Node>, BlobId)>,
    /// Position of the next entry in the leaf.
    at: usize,
    /// Number of entries to skip.
    skip: u64,
    #[cfg(test)]
    opened: usize,
}

impl DirectoryCursor {
    /// Starts at position `skip` of the directory `id`.
    pub fn new(reader: Reader, id: BlobId, skip: u64) -> Self {
        Self::of(reader, Some(id), skip)
    }

    /// Does the same. A missing directory counts as empty.
    fn of(reader: Reader, directory: Option<BlobId>, skip: u64) -> Self {
        Self {
            reader,
            todo: directory.map(NodeRef::top).into_iter().collect(),
            leaf: None,
            at: 0,
            skip,
            #[cfg(test)]
            opened: 0,
        }
    }

    /// Moves to the next item. Returns its leaf, the leaf's id, and the position in the leaf; `None` after
    /// the last item.
    pub fn advance(&mut self) -> Result<Option<(&Leaf, BlobId, usize)>, StoreError> {
        while self.in_leaf().is_none() {
            if self.todo.is_empty() {
                return Ok(None);
            }
            self.open()?;
        }
        let at = self.at;
        self.at += 1;
        Ok(self.leaf.as_ref().and_then(|(node, id)| Some((leaf_of(node)?, *id, at))))
    }

    /// The open leaf, if it has a next entry.
    fn in_leaf(&self) -> Option<&(Arc<Node>, BlobId)> {
        self.leaf.as_ref().filter(|(node, _)| leaf_of(node).is_some_and(|leaf| self.at < leaf.len()))
    }

    /// Reads the next node, if there is one.
    fn open(&mut self) -> Result<(), StoreError> {
        let Some(next) = self.todo.pop() else { return Ok(()) };
        let node = next.read(&self.reader)?;
        #[cfg(test)]
        {
            self.opened += 1;
        }
        match &*node {
            Node::Leaf(leaf) => {
                self.at = self.skip.min(leaf.len() as u64) as usize;
                self.skip -= self.at as u64;
                self.leaf = Some((node, next.id));
            }
            Node::Inner(children) => {
                let mut first = 0;
                while let Some(child) = children.get(first)
                    && child.entries <= self.skip
                {
                    self.skip -= child.entries;
                    first += 1;
                }
                self.todo.extend((first..children.len()).rev().map(|at| next.child(children, at)));
            }
        }
        Ok(())
    }

    /// The repository's keys.
    pub fn keys(&self) -> &Keys {
        self.reader.keys()
    }

    /// Id of the last entry's leaf.
    pub fn leaf_id(&self) -> Option<BlobId> {
        self.leaf.as_ref().map(|(_, id)| *id)
    }

    /// Does the same as [`advance`](Self::advance), but decodes the item and copies the name.
    pub fn next_item(&mut self) -> Result<Option<NamedItem>, StoreError> {
        let Some((leaf, id, at)) = self.advance()? else { return Ok(None) };
        let item = leaf.item(at).map_err(StoreError::damaged(|| format!("directory node {id}")))?;
        Ok(Some((leaf.name(at).into(), item)))
    }

    /// The next entry and its name. Names without an entry are passed over.
    pub fn next_entry(&mut self) -> Result<Option<NamedEntry>, StoreError> {
        while let Some((name, item)) = self.next_item()? {
            if let Item::Entry(entry) = item {
                return Ok(Some((name, entry)));
            }
        }
        Ok(None)
    }

    /// The next name without an entry, and the reason. Entries are passed over, and not decoded.
    pub fn next_absence(&mut self) -> Result<Option<NamedAbsence>, StoreError> {
        while let Some((leaf, id, at)) = self.advance()? {
            if !leaf.is_absent(at) {
                continue;
            }
            let item = leaf.item(at).map_err(StoreError::damaged(|| format!("directory node {id}")))?;
            if let Item::Absent(absence) = item {
                return Ok(Some((leaf.name(at).into(), absence)));
            }
        }
        Ok(None)
    }
}

fn leaf_of(node: &Node) -> Option<&Leaf> {
    match node {
        Node::Leaf(leaf) => Some(leaf),
        Node::Inner(_) => None,
    }
}
