//! Directory nodes. A directory is a search tree over its sorted names. A keyed hash of a name decides
//! whether a node ends there. So a change rewrites one leaf and the path to it, and equal runs of entries are
//! equal blobs. This is the "prolly tree" of Noms, with FastCDC's minimum and maximum.

use super::codec::{Cursor, Encode};
use super::limits::{MAX_LEVELS, MAX_NAME, MAX_NODE_ITEMS};
use super::{BlobId, Entry, FormatError, Item, Keys};

const LEAF: u8 = 1;
const INNER: u8 = 2;

/// Minimum number of items in a node, except for a directory's last.
const MIN_ITEMS: usize = 128;
/// Maximum number of items in a node.
const MAX_ITEMS: usize = 1024;
/// Number of bytes at which a node ends.
const MAX_BYTES: usize = 256 << 10;
/// Bits of the hash used for each level. Beyond the minimum, one name in 128 ends a node.
const BOUNDARY_BITS: u32 = 7;

/// A decoded node.
#[derive(Debug, Clone)]
pub enum Node {
    /// A leaf with items.
    Leaf(Leaf),
    /// An inner node: references to nodes one level below.
    Inner(Vec<Child>),
}

/// Items in the order of their names. Each is decoded on request.
#[derive(Debug, Clone)]
pub struct Leaf {
    bytes: Box<[u8]>,
    items: Box<[Place]>,
}

#[derive(Debug, Clone, Copy)]
struct Place {
    name: u32,
    name_len: u8,
    body: u32,
    body_len: u32,
}

/// A reference to a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Child {
    /// Last name below the node.
    pub last_name: Box<[u8]>,
    /// Number of items below the node.
    pub entries: u64,
    /// Id of the node's blob.
    pub id: BlobId,
}

impl Node {
    /// Decodes a node. Checks the names (order, length, characters). Entries are checked when they are
    /// decoded.
    pub fn decode(bytes: &[u8]) -> Result<Self, FormatError> {
        let mut cursor = Cursor::new(bytes);
        match cursor.u8("node kind")? {
            LEAF => Leaf::decode(bytes, cursor).map(Node::Leaf),
            INNER => decode_inner(cursor).map(Node::Inner),
            _ => Err(FormatError::Invalid("node kind")),
        }
    }

    /// The first name stated in the node. For an inner node this is the last name below its first child.
    pub fn first_name(&self) -> Option<&[u8]> {
        match self {
            Node::Leaf(leaf) => (!leaf.is_empty()).then(|| leaf.name(0)),
            Node::Inner(children) => children.first().map(|child| &*child.last_name),
        }
    }

    /// The last name in or below the node.
    pub fn last_name(&self) -> Option<&[u8]> {
        match self {
            Node::Leaf(leaf) => leaf.len().checked_sub(1).map(|last| leaf.name(last)),
            Node::Inner(children) => children.last().map(|child| &*child.last_name),
        }
    }

    /// Number of items in or below the node: entries, and names without one.
    pub fn entries(&self) -> u64 {
        match self {
            Node::Leaf(leaf) => leaf.len() as u64,
            Node::Inner(children) => children.iter().fold(0, |sum, child| sum.saturating_add(child.entries)),
        }
    }

    /// Approximate memory use in bytes.
    pub fn weight(&self) -> usize {
        match self {
            Node::Leaf(leaf) => leaf.bytes.len() + leaf.items.len() * size_of::<Place>(),
            Node::Inner(children) => children.len() * (size_of::<Child>() + 24),
        }
    }
}

impl Leaf {
    fn decode(bytes: &[u8], mut cursor: Cursor<'_>) -> Result<Self, FormatError> {
        let position = |cursor: &Cursor<'_>| (bytes.len() - cursor.remaining()) as u32;
        let count = cursor.count(MAX_NODE_ITEMS, 3, "entries of a directory node")?;
        let mut items = Vec::with_capacity(count);
        let mut previous: &[u8] = b"";
        for _ in 0..count {
            previous = decode_name(&mut cursor, previous)?;
            let (name_len, name) = (previous.len() as u8, position(&cursor) - previous.len() as u32);
            let body_len = cursor.length(bytes.len(), "entry")?;
            let body = position(&cursor);
            cursor.take(body_len, "entry")?;
            items.push(Place { name, name_len, body, body_len: body_len as u32 });
        }
        cursor.end("directory node")?;
        Ok(Self { bytes: bytes.into(), items: items.into() })
    }

    /// Number of items.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether the leaf has no item. Only the leaf of an empty directory has none.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Name of the item at index `at`. Panics at or beyond [`len`](Self::len).
    pub fn name(&self, at: usize) -> &[u8] {
        let item = self.items[at];
        &self.bytes[item.name as usize..][..usize::from(item.name_len)]
    }

    /// Encoded item at index `at`. Panics at or beyond [`len`](Self::len).
    pub fn body(&self, at: usize) -> &[u8] {
        let item = self.items[at];
        &self.bytes[item.body as usize..][..item.body_len as usize]
    }

    /// Whether the name at index `at` has no entry. Panics at or beyond [`len`](Self::len).
    pub fn is_absent(&self, at: usize) -> bool {
        Item::encodes_absence(self.body(at))
    }

    /// Decodes the item at index `at`. Panics at or beyond [`len`](Self::len).
    pub fn item(&self, at: usize) -> Result<Item, FormatError> {
        Item::decode(self.body(at))
    }

    /// Decodes the entry at index `at`. Panics at or beyond [`len`](Self::len).
    ///
    /// # Errors
    /// Also if the name has no entry.
    pub fn entry(&self, at: usize) -> Result<Entry, FormatError> {
        Entry::decode(self.body(at))
    }

    /// Index of the item `name`.
    pub fn find(&self, name: &[u8]) -> Option<usize> {
        self.items
            .binary_search_by(|item| self.bytes[item.name as usize..][..usize::from(item.name_len)].cmp(name))
            .ok()
    }
}

fn decode_inner(mut cursor: Cursor<'_>) -> Result<Vec<Child>, FormatError> {
    let count = cursor.count(MAX_NODE_ITEMS, 35, "children of a directory node")?;
    let mut children: Vec<Child> = Vec::with_capacity(count);
    for _ in 0..count {
        let name = decode_name(&mut cursor, children.last().map_or(b"", |child| &child.last_name))?;
        let entries = cursor.varint("entries below a node")?;
        // A reader that skips entries by count would never reach such a child.
        FormatError::invalid_if(entries == 0, "entries below a node")?;
        let id = BlobId(cursor.array("node id")?);
        children.push(Child { last_name: name.into(), entries, id });
    }
    cursor.end("directory node")?;
    let total = children.iter().try_fold(0u64, |sum, child| sum.checked_add(child.entries));
    FormatError::invalid_if(children.is_empty() || total.is_none(), "children of a directory node")?;
    Ok(children)
}

/// Takes a name. Checks that a file system may show it, and that it is greater than the previous one.
fn decode_name<'a>(cursor: &mut Cursor<'a>, previous: &[u8]) -> Result<&'a [u8], FormatError> {
    let len = cursor.u8("name")?;
    let name = cursor.take(usize::from(len), "name")?;
    // Checking every byte is faster than stopping at the first match. Most names are short, and all are
    // checked.
    let foul = name.iter().filter(|byte| matches!(byte, b'/' | 0)).count();
    FormatError::invalid_if(foul > 0 || matches!(name, b"" | b"." | b".."), "name")?;
    FormatError::invalid_if(name <= previous, "order of names")?;
    Ok(name)
}

/// Whether a node of `level` (leaves: 0) with `items` items and `bytes` bytes ends after `name`.
fn ends(keys: &Keys, level: u8, name: &[u8], items: usize, bytes: usize) -> bool {
    if items >= MAX_ITEMS || bytes >= MAX_BYTES {
        return true;
    }
    let shift = BOUNDARY_BITS * u32::from(level);
    let mask = (1u64 << BOUNDARY_BITS) - 1;
    items >= MIN_ITEMS && keys.boundary(name) >> shift & mask == 0
}

/// Collects a leaf.
#[derive(Debug, Default)]
pub struct LeafBuilder {
    items: Vec<u8>,
    count: usize,
    last_name: Vec<u8>,
}

impl LeafBuilder {
    /// Appends an item, whose name must be greater than the previous one. Returns true if the leaf ends with
    /// it.
    pub fn push(&mut self, keys: &Keys, name: &[u8], body: &[u8]) -> bool {
        assert!(name.len() <= MAX_NAME && name > self.last_name.as_slice(), "names out of order");
        self.items.push(name.len() as u8);
        self.items.extend(name);
        self.items.put_bytes(body);
        self.count += 1;
        name.clone_into(&mut self.last_name);
        ends(keys, 0, name, self.count, self.items.len())
    }

    /// Whether nothing was pushed since the last [`finish`](Self::finish).
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Returns the leaf's bytes, its last name and its number of items. Empties the builder.
    pub fn finish(&mut self) -> (Vec<u8>, Box<[u8]>, u64) {
        let mut bytes = Vec::with_capacity(self.items.len() + 4);
        bytes.push(LEAF);
        bytes.put_varint(self.count as u64);
        bytes.append(&mut self.items);
        let entries = std::mem::take(&mut self.count) as u64;
        (bytes, std::mem::take(&mut self.last_name).into(), entries)
    }
}

/// Collects an inner node.
#[derive(Debug)]
pub struct InnerBuilder {
    level: u8,
    children: Vec<Child>,
    bytes: usize,
}

impl InnerBuilder {
    /// Makes a builder. `level` is 1 directly above the leaves.
    pub fn new(level: u8) -> Self {
        assert!((1..=MAX_LEVELS).contains(&level), "a directory of {level} levels");
        Self { level, children: Vec::new(), bytes: 0 }
    }

    /// Appends a child. Returns true if the node ends with it.
    pub fn push(&mut self, keys: &Keys, child: Child) -> bool {
        self.bytes += child.last_name.len() + 40;
        let ends = ends(keys, self.level, &child.last_name, self.children.len() + 1, self.bytes);
        self.children.push(child);
        ends
    }

    /// Children since the last [`finish`](Self::finish).
    pub fn children(&self) -> &[Child] {
        &self.children
    }

    /// Returns the node's bytes, its last name and the number of entries below. Empties the builder. Panics
    /// if the builder is empty.
    pub fn finish(&mut self) -> (Vec<u8>, Box<[u8]>, u64) {
        let children = std::mem::take(&mut self.children);
        let mut bytes = Vec::with_capacity(self.bytes + 8);
        self.bytes = 0;
        bytes.push(INNER);
        bytes.put_varint(children.len() as u64);
        for child in &children {
            bytes.push(child.last_name.len() as u8);
            bytes.extend(child.last_name.iter());
            bytes.put_varint(child.entries);
            bytes.extend(child.id.0);
        }
        let entries = children.iter().map(|child| child.entries).sum();
        let last = children.into_iter().next_back().expect("an inner node has children");
        (bytes, last.last_name, entries)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::format::Secret;
    use crate::format::item::tests::items;

    fn names() -> impl Strategy<Value = Vec<u8>> {
        let byte = any::<u8>().prop_map(|byte| if matches!(byte, b'/' | 0) { b'x' } else { byte });
        prop::collection::vec(byte, 1..=255).prop_filter("no dots", |name| name != b"." && name != b"..")
    }

    proptest! {
        #[test]
        fn leaves_survive(content in prop::collection::btree_map(names(), items(), 0..40)) {
            let keys = Keys::derive(&Secret([1; 32]));
            let mut builder = LeafBuilder::default();
            for (name, item) in &content {
                let mut body = Vec::new();
                item.encode(&mut body);
                builder.push(&keys, name, &body);
            }
            let (bytes, _, count) = builder.finish();
            prop_assert_eq!(count, content.len() as u64);
            let Ok(Node::Leaf(leaf)) = Node::decode(&bytes) else { panic!("no leaf") };
            let found: BTreeMap<Vec<u8>, _> =
                (0..leaf.len()).map(|at| (leaf.name(at).to_vec(), leaf.item(at).unwrap())).collect();
            for (at, name) in content.keys().enumerate() {
                prop_assert_eq!(leaf.find(name), Some(at));
            }
            prop_assert_eq!(leaf.find(b"/"), None);
            prop_assert_eq!(found, content);
        }

        #[test]
        fn any_bytes_are_decoded_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = Node::decode(&bytes);
        }
    }

    #[test]
    fn a_name_that_would_escape_is_refused() {
        for name in [&b".."[..], b".", b"", b"a/b", b"a\0"] {
            let mut bytes = vec![LEAF, 1, name.len() as u8];
            bytes.extend(name);
            bytes.extend([2, 0, 0]);
            assert_eq!(Node::decode(&bytes).err(), Some(FormatError::Invalid("name")));
        }
    }
}
