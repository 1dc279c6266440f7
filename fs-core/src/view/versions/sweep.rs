//! Finds everything that was ever in a directory. Each of its nodes is read once, whatever the number of
//! snapshots.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;

use super::positions::Positions;
use crate::format::{BlobId, Entry, Leaf, Node};
use crate::store::{NodeRef, Reader, StoreError};

/// A name that was in the directory, and its states.
#[derive(Debug)]
pub(super) struct Swept {
    pub(super) name: Box<[u8]>,
    /// Distinct states, in the order in which they were first seen.
    pub(super) states: Vec<SweptState>,
}

/// A state of a name, and the snapshots that have it.
#[derive(Debug)]
pub(super) struct SweptState {
    /// The encoded entry.
    pub(super) body: Box<[u8]>,
    pub(super) positions: Positions,
}

impl SweptState {
    pub(super) fn is_directory(&self) -> bool {
        Entry::encodes_directory(&self.body)
    }

    /// Whether the state is a version: no directory, and read.
    pub(super) fn is_version(&self) -> bool {
        !self.is_directory() && !Entry::encodes_not_read(&self.body)
    }

    pub(super) fn entry(&self) -> Result<Entry, StoreError> {
        Entry::decode(&self.body).map_err(StoreError::damaged(|| "directory node"))
    }
}

/// Nodes of a directory, and the indexes of the snapshots that have them.
pub(super) type Nodes = HashMap<BlobId, Positions>;

/// States by name. A name that is not wanted has no states.
type Names = HashMap<Box<[u8]>, Vec<SweptState>>;

/// Returns the names that were in a directory, in order: those that are `wanted`, and the directories among
/// the others. `nodes` lists the nodes of the directory, with the indexes of their snapshots in the timeline.
pub(super) fn sweep(
    reader: &Reader,
    nodes: Nodes,
    wanted: &dyn Fn(&[u8]) -> bool,
) -> Result<Vec<Swept>, StoreError> {
    let mut names = Names::new();
    let mut nodes: Vec<(NodeRef, Positions)> =
        nodes.into_iter().map(|(id, positions)| (NodeRef::top(id), positions)).collect();
    // The loop ends, because reading fails if a directory is too deep.
    while !nodes.is_empty() {
        // Nodes of one time are stored together.
        nodes.sort_unstable_by_key(|(_, positions)| positions.first());
        let mut below: HashMap<BlobId, (NodeRef, Positions)> = HashMap::new();
        for (node, positions) in nodes {
            match &*node.read(reader)? {
                Node::Leaf(leaf) => take(&mut names, leaf, &positions, wanted),
                Node::Inner(children) => {
                    for at in 0..children.len() {
                        match below.entry(children[at].id) {
                            Slot::Vacant(slot) => {
                                slot.insert((node.child(children, at), positions.clone()));
                            }
                            Slot::Occupied(mut known) => {
                                known.get_mut().0.merge(node.child(children, at))?;
                                known.get_mut().1.extend(&positions);
                            }
                        }
                    }
                }
            }
        }
        nodes = below.into_values().collect();
        nodes.iter_mut().for_each(|(_, positions)| positions.normalise());
    }
    let mut swept: Vec<Swept> = names
        .into_iter()
        .filter(|(_, states)| !states.is_empty())
        .map(|(name, states)| Swept { name, states: normalised(states) })
        .collect();
    swept.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    Ok(swept)
}

fn take(names: &mut Names, leaf: &Leaf, positions: &Positions, wanted: &dyn Fn(&[u8]) -> bool) {
    for at in (0..leaf.len()).filter(|at| !leaf.is_absent(*at)) {
        let (name, body) = (leaf.name(at), leaf.body(at));
        let state = || SweptState { body: body.into(), positions: positions.clone() };
        if let Some(states) = names.get_mut(name) {
            match states.last_mut() {
                Some(last) if *last.body == *body => last.positions.extend(positions),
                None if !Entry::encodes_directory(body) => {}
                _ => states.push(state()),
            }
        } else {
            let is_wanted = Entry::encodes_directory(body) || wanted(name);
            names.insert(name.into(), is_wanted.then(state).into_iter().collect());
        }
    }
}

/// Merges equal states, and orders the states by their first snapshot.
fn normalised(mut states: Vec<SweptState>) -> Vec<SweptState> {
    if states.len() > 1 {
        states.sort_by(|a, b| a.body.cmp(&b.body));
        states.dedup_by(|next, first| {
            let same = next.body == first.body;
            if same {
                first.positions.extend(&next.positions);
            }
            same
        });
    }
    states.iter_mut().for_each(|state| state.positions.normalise());
    states.sort_by_key(|state| state.positions.first());
    states
}
