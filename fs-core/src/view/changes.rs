use std::sync::Arc;

use super::filesystem::View;
use super::node::Node;
use super::{Scope, Source, Sources};

/// A folder whose listing is not what it was, for frontends whose kernel keeps listings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Its inode number.
    pub ino: u64,
    /// Names in it that mean nothing, or something else, now.
    pub gone: Vec<Box<[u8]>>,
}

impl View {
    /// The folders that changed since the sources were as in `known`, which becomes what they are now.
    pub fn take_changes(&self, known: &mut Arc<Sources>) -> Vec<Change> {
        let now = self.sources();
        if Arc::ptr_eq(known, &now) {
            return Vec::new();
        }
        let then = std::mem::replace(known, Arc::clone(&now));
        match self.scope() {
            Scope::Source(name) => {
                let change = changed(self.top().ino(), then.get(name), now.get(name));
                change.into_iter().collect()
            }
            Scope::Repository => {
                let folder = |name| Node::source(self.keys(), name).ino();
                let gone: Vec<_> = then.iter().filter(|source| now.get(&source.name).is_none()).collect();
                let added = now.iter().any(|source| then.get(&source.name).is_none());
                let mut changes: Vec<Change> = now
                    .iter()
                    .chain(gone.iter().copied())
                    .filter_map(|source| {
                        let name = &source.name;
                        changed(folder(name), then.get(name), now.get(name))
                    })
                    .collect();
                if added || !gone.is_empty() {
                    let gone = gone.iter().map(|source| source.name.as_ref().into()).collect();
                    changes.push(Change { ino: self.top().ino(), gone });
                }
                changes
            }
        }
    }
}

/// What became of the folder `ino` of a source.
fn changed(ino: u64, then: Option<&Arc<Source>>, now: Option<&Arc<Source>>) -> Option<Change> {
    let list = |source: Option<&Arc<Source>>| -> Vec<(Box<[u8]>, _)> {
        let snapshots = source.into_iter().flat_map(|source| source.snapshots());
        snapshots.map(|(name, snapshot)| (name.as_bytes().into(), snapshot.id)).collect()
    };
    let (then, with) = (list(then), list(now));
    if then == with {
        return None;
    }
    let stays = |name: &[u8], id| now.and_then(|now| now.find(name)).is_some_and(|now| now.id == id);
    let gone = then.into_iter().filter(|(name, id)| !stays(name, *id)).map(|(name, _)| name).collect();
    Some(Change { ino, gone })
}
