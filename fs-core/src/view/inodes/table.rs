use std::sync::Arc;

use hashbrown::HashTable;

use crate::view::node::{EntryRef, Identity, LeafRef, Node, NodeKind};

/// A node that the kernel knows.
#[derive(Debug)]
pub(super) enum Known {
    /// The node itself, which is stored nowhere else.
    Itself(Box<Node>),
    /// The position of an entry. `names` is its number of names, or `None` if that is too large to be kept.
    At { identity: Identity, entry_ref: EntryRef, names: Option<u32> },
}

/// Numbers and their nodes. A million of them is usual, so each takes little memory: 32 bytes, five bytes in
/// the index, and its part of the leaf that its neighbours share.
#[derive(Debug, Default)]
pub(super) struct Table {
    slots: Vec<Slot>,
    /// Positions in `slots`, by number.
    index: HashTable<u32>,
    width: Width,
    /// The greatest `skip` since the table was last empty.
    longest: u32,
    /// The leaves used last. The next node is usually in one of them.
    recent: Vec<Arc<Origin>>,
}

/// The width of inode numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Width {
    #[default]
    Bits64,
    Bits32,
}

impl Width {
    /// The number for a node whose identity has `ino`, after `skip` numbers that are taken.
    fn number(self, ino: u64, skip: u32) -> u64 {
        match self {
            Width::Bits64 if skip == 0 => ino,
            Width::Bits64 => ino.wrapping_add(skip.into()).max(FIRST),
            Width::Bits32 => {
                let folded = (ino ^ ino >> 32) & u64::from(u32::MAX);
                FIRST + (folded + u64::from(skip)) % (u64::from(u32::MAX) + 1 - FIRST)
            }
        }
    }
}

/// The first number for a node: many programs take 0 for "none", and 1 is the root's number.
const FIRST: u64 = 2;

/// Hashes a number. Numbers of few bits do not spread by themselves.
fn hash(number: u64) -> u64 {
    number.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

#[derive(Debug)]
struct Slot {
    /// `ino` of the node's identity.
    ino: u64,
    check: u32,
    /// Number of taken numbers that were skipped when this one was assigned.
    skip: u32,
    /// The lookup count. At its maximum the true count is unknown, and the node is never dropped.
    lookups: u32,
    origin: Arc<Origin>,
    at: u16,
    /// Number of names of a version; 0 if it does not fit.
    names: u16,
}

#[derive(Debug)]
enum Origin {
    Leaf(LeafRef),
    Itself(Box<Node>),
}

/// Number of directories that are usually open at a time.
const RECENT: usize = 16;
/// Capacity up to which it is not worth shrinking the table.
const SMALL: usize = 1024;

impl Table {
    pub(super) fn new(width: Width) -> Self {
        Self { width, ..Self::default() }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    pub(super) fn get(&self, ino: u64) -> Option<Known> {
        let slot = &self.slots[self.find(ino)?];
        let identity = Identity { ino: slot.ino, check: slot.check };
        Some(match &*slot.origin {
            Origin::Itself(node) => Known::Itself(node.clone()),
            Origin::Leaf(leaf) => Known::At {
                identity,
                entry_ref: EntryRef { leaf: leaf.clone(), at: u32::from(slot.at) },
                names: (slot.names > 0).then_some(u32::from(slot.names)),
            },
        })
    }

    /// Position in `slots` of the node with this number.
    fn find(&self, number: u64) -> Option<usize> {
        let is_it = |at: &u32| self.slots[*at as usize].number(self.width) == number;
        self.index.find(hash(number), is_it).map(|at| *at as usize)
    }

    /// The number by which the kernel knows the node with this identity; `None` if the kernel does not know
    /// it.
    pub(super) fn number_of(&self, ino: u64, check: Option<u32>) -> Option<u64> {
        let is_it = |slot: &Slot| slot.ino == ino && check.is_none_or(|check| slot.check == check);
        let numbers = (0..=self.longest).map(|skip| self.width.number(ino, skip));
        numbers.into_iter().find(|number| self.find(*number).is_some_and(|at| is_it(&self.slots[at])))
    }

    /// The number of `node`, which the kernel need not know.
    pub(super) fn number(&self, node: &Node) -> u64 {
        let Identity { ino, check } = node.identity;
        self.number_of(ino, Some(check)).unwrap_or_else(|| self.width.number(ino, 0))
    }

    /// Counts a lookup of `node`, and returns its number.
    pub(super) fn add(&mut self, node: &Node) -> u64 {
        let Identity { ino, check } = node.identity;
        // The node may already have a number that comes after a freed one.
        if let Some(number) = self.number_of(ino, Some(check))
            && let Some(at) = self.find(number)
        {
            self.count_lookup(at, node);
            return number;
        }
        let numbers = (0..).map(|skip| (skip, self.width.number(ino, skip)));
        let free = numbers.into_iter().find(|(_, number)| self.find(*number).is_none());
        let Some((skip, number)) = free else { unreachable!("there are more numbers than memory") };
        let (origin, at) = self.origin(node);
        let (slot, width) = (self.slots.len() as u32, self.width);
        self.slots.push(Slot { ino, check, skip, lookups: 1, origin, at, names: names(node) });
        self.longest = self.longest.max(skip);
        let slots = &self.slots;
        self.index.insert_unique(hash(number), slot, |at| hash(slots[*at as usize].number(width)));
        number
    }

    fn count_lookup(&mut self, at: usize, node: &Node) {
        let slot = &mut self.slots[at];
        slot.lookups = slot.lookups.saturating_add(1);
        if slot.is_older_than(node) {
            let (origin, position) = self.origin(node);
            let slot = &mut self.slots[at];
            (slot.origin, slot.at) = (origin, position);
        }
    }

    pub(super) fn subtract_lookups(&mut self, ino: u64, lookups: u64) {
        let (slots, width) = (&mut self.slots, self.width);
        let is_it = |at: &u32| slots[*at as usize].number(width) == ino;
        let Ok(found) = self.index.find_entry(hash(ino), is_it) else { return };
        let number = *found.get() as usize;
        let slot = &mut slots[number];
        if slot.lookups == u32::MAX {
            return;
        }
        slot.lookups = u64::from(slot.lookups).saturating_sub(lookups) as u32;
        if slot.lookups > 0 {
            return;
        }
        found.remove();
        // The last slot moves to the free position.
        let last = slots.len() - 1;
        if last != number {
            let moved = slots[last].number(width);
            if let Some(at) = self.index.find_mut(hash(moved), |at| *at as usize == last) {
                *at = number as u32;
            }
        }
        slots.swap_remove(number);
        if slots.is_empty() {
            self.longest = 0;
        }
        self.shrink();
    }

    /// Returns memory to the allocator after many nodes were forgotten.
    fn shrink(&mut self) {
        let len = self.slots.len();
        if len < self.slots.capacity() / 4 && self.slots.capacity() > SMALL {
            let (slots, width) = (&mut self.slots, self.width);
            slots.shrink_to(len * 2);
            self.index.shrink_to(len * 2, |at| hash(slots[*at as usize].number(width)));
            self.recent = Vec::new();
        }
    }

    fn origin(&mut self, node: &Node) -> (Arc<Origin>, u16) {
        let short = |entry: &EntryRef| u16::try_from(entry.at).ok();
        let found = node.entry_ref.as_ref().and_then(|entry| Some((&entry.leaf, short(entry)?)));
        let Some((leaf, at)) = found else {
            return (Arc::new(Origin::Itself(Box::new(node.clone()))), 0);
        };
        let same = |origin: &&Arc<Origin>| matches!(&***origin, Origin::Leaf(known) if known.is(leaf));
        if let Some(known) = self.recent.iter().rev().find(same) {
            return (Arc::clone(known), at);
        }
        if self.recent.len() == RECENT {
            self.recent.remove(0);
        }
        let origin = Arc::new(Origin::Leaf(leaf.clone()));
        self.recent.push(Arc::clone(&origin));
        (origin, at)
    }
}

impl Slot {
    fn number(&self, width: Width) -> u64 {
        width.number(self.ino, self.skip)
    }

    /// Whether `node`, which is the same node, was found in a later snapshot. Old snapshots are removed
    /// first.
    fn is_older_than(&self, node: &Node) -> bool {
        match (&*self.origin, &node.entry_ref) {
            (Origin::Leaf(leaf), Some(entry_ref)) => {
                leaf.snapshot.manifest.time < entry_ref.leaf.snapshot.manifest.time
            }
            _ => false,
        }
    }
}

fn names(node: &Node) -> u16 {
    match node.kind {
        NodeKind::Version { names, .. } => u16::try_from(names).unwrap_or(0),
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(ino: u64, check: u32) -> Node {
        Node { identity: Identity { ino, check }, kind: NodeKind::Alias(Box::default()), entry_ref: None }
    }

    fn known(table: &Table, ino: u64) -> Option<Identity> {
        match table.get(ino)? {
            Known::Itself(node) => Some(node.identity),
            Known::At { identity, .. } => Some(identity),
        }
    }

    #[test]
    fn a_slot_is_small() {
        assert_eq!(size_of::<Slot>(), 32);
    }

    #[test]
    fn clashing_numbers_are_resolved_and_forgotten() {
        let mut table = Table::default();
        assert_eq!(table.add(&node(5, 1)), 5);
        assert_eq!(table.add(&node(5, 2)), 6);
        assert_eq!(table.add(&node(5, 1)), 5);
        assert_eq!(known(&table, 6), Some(Identity { ino: 5, check: 2 }));
        table.subtract_lookups(5, 1);
        assert!(known(&table, 5).is_some());
        table.subtract_lookups(5, 1);
        assert!(known(&table, 5).is_none());
        table.subtract_lookups(6, 9);
        assert_eq!(table.len(), 0);
    }

    #[test]
    fn short_numbers_are_short_and_one_node_has_one() {
        let mut table = Table::new(Width::Bits32);
        // Both are folded to the same 32 bits.
        let (one, other) = (node(7 << 32 | 5, 1), node(5 << 32 | 7, 2));
        let (first, second) = (table.add(&one), table.add(&other));
        assert_eq!((first, second), (4, 5));
        assert_eq!(known(&table, 5), Some(other.identity));
        assert_eq!((table.number(&other), table.number_of(5 << 32 | 7, None)), (5, Some(5)));
        // A number stays the same when another node is forgotten.
        table.subtract_lookups(first, 1);
        assert_eq!((table.add(&other), table.add(&one)), (5, 4));
        table.subtract_lookups(5, 2);
        table.subtract_lookups(4, 1);
        assert_eq!((table.len(), table.longest), (0, 0));
        for ino in [2, 3, u64::MAX, u64::from(u32::MAX), 0xffff_fffe, 1 << 63] {
            let number = table.add(&node(ino, 0));
            assert!((FIRST..=u64::from(u32::MAX)).contains(&number), "{ino}: {number}");
            assert_eq!(known(&table, number).map(|identity| identity.ino), Some(ino));
        }
    }

    #[test]
    fn what_is_forgotten_takes_no_memory() {
        let mut table = Table::default();
        let numbers = || (2..100_000u64).map(|number| number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        numbers().for_each(|ino| assert_eq!(table.add(&node(ino, 7)), ino));
        assert!(numbers().all(|ino| known(&table, ino).is_some()));
        numbers().skip(10).for_each(|ino| table.subtract_lookups(ino, 1));
        assert_eq!(table.len(), 10);
        assert!(numbers().take(10).all(|ino| known(&table, ino).is_some()));
        assert!(numbers().skip(10).all(|ino| known(&table, ino).is_none()));
        assert!(table.slots.capacity() <= SMALL && table.index.capacity() <= 2 * SMALL);
    }

    #[test]
    fn a_count_beyond_counting_is_never_taken_back() {
        let mut table = Table::default();
        table.add(&node(9, 0));
        table.slots[0].lookups = u32::MAX - 1;
        table.add(&node(9, 0));
        table.subtract_lookups(9, 5);
        table.subtract_lookups(9, u64::MAX);
        assert!(known(&table, 9).is_some());
    }
}
