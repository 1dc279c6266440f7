use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, PoisonError, RwLock};

use super::Node;

/// The nodes that a kernel knows by number, each until it forgets it.
#[derive(Debug)]
pub struct Inodes {
    top: Arc<Node>,
    known: RwLock<HashMap<u64, Known>>,
}

#[derive(Debug)]
struct Known {
    node: Arc<Node>,
    /// How often the kernel was told of it.
    lookups: u64,
}

impl Inodes {
    /// Only `top` is known, for ever.
    pub fn new(top: Arc<Node>) -> Self {
        Self { top, known: RwLock::default() }
    }

    /// The node of this number.
    pub fn get(&self, ino: u64) -> Option<Arc<Node>> {
        if ino == self.top.ino() {
            return Some(Arc::clone(&self.top));
        }
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.get(&ino).map(|known| Arc::clone(&known.node))
    }

    /// Notes that the kernel is told of `node`, and returns the number to tell it: [`Node::ino`] unless another
    /// node has that already.
    pub fn remember(&self, node: Node) -> u64 {
        let mut ino = node.ino();
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        loop {
            match known.entry(ino) {
                Entry::Vacant(vacant) => {
                    vacant.insert(Known { node: Arc::new(node), lookups: 1 });
                    return ino;
                }
                Entry::Occupied(mut occupied) if occupied.get().node.identity == node.identity => {
                    occupied.get_mut().lookups += 1;
                    return ino;
                }
                // 64 bits of two nodes agree; all 128 do not.
                Entry::Occupied(_) => ino = ino.wrapping_add(1).max(2),
            }
        }
    }

    /// Takes `lookups` tellings back; at none the node is let go.
    pub fn forget(&self, ino: u64, lookups: u64) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if let Entry::Occupied(mut occupied) = known.entry(ino) {
            let left = occupied.get().lookups.saturating_sub(lookups);
            occupied.get_mut().lookups = left;
            if left == 0 {
                occupied.remove();
            }
        }
    }

    /// How many nodes are known.
    pub fn len(&self) -> usize {
        self.known.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Whether only the top is known.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::node::What;

    fn node(identity: u128) -> Node {
        Node { identity, what: What::Root }
    }

    #[test]
    fn numbers_that_clash_are_told_apart_and_forgotten() {
        let inodes = Inodes::new(Arc::new(Node::top(What::Root)));
        let (one, other) = (5 | 1 << 64, 5 | 2 << 64);
        assert_eq!(inodes.remember(node(one)), 5);
        assert_eq!(inodes.remember(node(other)), 6);
        assert_eq!(inodes.remember(node(one)), 5);
        assert_eq!(inodes.get(6).unwrap().identity, other);
        inodes.forget(5, 1);
        assert!(inodes.get(5).is_some());
        inodes.forget(5, 1);
        assert!(inodes.get(5).is_none());
        inodes.forget(6, 9);
        assert!(inodes.is_empty());
        assert!(inodes.get(1).is_some());
    }
}
