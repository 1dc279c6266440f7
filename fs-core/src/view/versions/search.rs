use std::collections::HashMap;

use super::places::Places;
use super::sweep::{Swept, SweptState, sweep};
use crate::format::{BlobId, Kind};
use crate::view::path::joined;
use crate::view::{FileKind, Source, View, ViewError};

/// What is looked for in all snapshots of a source.
pub struct Query<'a> {
    /// Whether the name (second) in a directory (its path, first) is meant.
    pub matches: &'a dyn Fn(&[u8], &[u8]) -> bool,
    /// Only what is not in the last snapshot.
    pub deleted: bool,
    /// Only what has appeared, changed or gone with the snapshot at this place of the timeline, or a later one.
    pub since: usize,
    /// Only what was once larger than so many bytes.
    pub larger: Option<u64>,
}

/// A path that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// The path.
    pub path: Box<[u8]>,
    /// The place in the timeline of the first snapshot that has it.
    pub first: usize,
    /// Of the last one.
    pub last: usize,
    /// How many have it.
    pub snapshots: usize,
    /// How many versions of it there are.
    pub versions: usize,
    /// What it was at last.
    pub kind: FileKind,
    /// Its size then.
    pub size: u64,
}

enum Todo {
    Tell(Hit),
    Enter { path: Box<[u8]>, nodes: Nodes },
}

/// Nodes of a directory, and when it had them.
type Nodes = HashMap<BlobId, Places>;

impl View {
    /// Tells of every path of `source` that a query means, in whichever snapshots it is, in the order of a walk, until
    /// `emit` returns false. Each node of a directory is read once, in however many snapshots it is.
    pub fn search(
        &self,
        source: &Source,
        query: &Query<'_>,
        emit: &mut dyn FnMut(Hit) -> bool,
    ) -> Result<(), ViewError> {
        let mut root = Nodes::new();
        let mut end = 0;
        for (at, (_, snapshot)) in source.snapshots().enumerate() {
            if let Kind::Directory(id) = snapshot.manifest.root.kind {
                root.entry(id).or_default().add(at, at);
            }
            end = at + 1;
        }
        // A stack of its own: a forged tree may be as deep as it likes.
        let mut todo = vec![Todo::Enter { path: Box::default(), nodes: root }];
        while let Some(next) = todo.pop() {
            match next {
                Todo::Tell(hit) => {
                    if !emit(hit) {
                        return Ok(());
                    }
                }
                Todo::Enter { path, nodes } => {
                    let wanted = |name: &[u8]| (query.matches)(&path, name);
                    let mut nodes: Vec<_> = nodes.into_iter().collect();
                    nodes.sort_unstable_by_key(|(_, places)| places.first());
                    for swept in sweep(self.reader(), nodes, &wanted)?.into_iter().rev() {
                        let below = directories(&swept)?;
                        let path = joined(&path, &swept.name);
                        if !below.is_empty() {
                            todo.push(Todo::Enter { path: path.clone().into(), nodes: below });
                        }
                        if wanted(&swept.name)
                            && let Some(hit) = query.hit(path, &swept.states, end)?
                        {
                            todo.push(Todo::Tell(hit));
                        }
                    }
                }
            }
        }
        Ok(())
    }
}

fn directories(swept: &Swept) -> Result<Nodes, ViewError> {
    let mut nodes = Nodes::new();
    for state in swept.states.iter().filter(|state| state.is_directory()) {
        if let Kind::Directory(id) = state.entry()?.kind {
            nodes.entry(id).or_default().extend(&state.places);
        }
    }
    nodes.values_mut().for_each(Places::settle);
    Ok(nodes)
}

impl Query<'_> {
    /// What is told of a path that was these, before the end of the timeline, unless it is not meant.
    fn hit(&self, path: Vec<u8>, states: &[SweptState], end: usize) -> Result<Option<Hit>, ViewError> {
        let mut places = Places::default();
        states.iter().for_each(|state| places.extend(&state.places));
        places.settle();
        if self.deleted && places.last() + 1 == end {
            return Ok(None);
        }
        let is_late = |(first, last): &(usize, usize)| {
            *first >= self.since || (last + 1 < end && last + 1 >= self.since)
        };
        if !states.iter().any(|state| state.places.ranges().iter().any(is_late)) {
            return Ok(None);
        }
        if let Some(larger) = self.larger {
            let mut is_larger = false;
            for state in states {
                is_larger |= state.entry()?.size() > larger;
            }
            if !is_larger {
                return Ok(None);
            }
        }
        let Some(last) = states.iter().max_by_key(|state| state.places.last()) else { return Ok(None) };
        let entry = last.entry()?;
        Ok(Some(Hit {
            path: path.into(),
            first: places.first(),
            last: places.last(),
            snapshots: places.count(),
            versions: states.len(),
            kind: FileKind::from(&entry.kind),
            size: entry.size(),
        }))
    }
}
