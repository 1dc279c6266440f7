use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::path_history::{PathHistory, State};
use super::sweep::{Nodes, Swept, SweptState, sweep};
use crate::format::PathKey;
use crate::history::{Source, Sources, components, parted};
use crate::store::{StoreError, WeightedCache};
use crate::view::ViewError;
use crate::view::access::Access;
use crate::view::filesystem::View;
use crate::view::node::{EntryRef, LeafRef, Node};

/// Recent answers about the history of paths. They are valid as long as the sources stay the same.
pub(in crate::view) struct Recent {
    /// Capacity for each kind of answer, in bytes.
    capacity: usize,
    held: Mutex<Option<(Arc<Sources>, Arc<Answers>)>>,
}

struct Answers {
    histories: WeightedCache<u128, PathHistory>,
    names: WeightedCache<u128, Vec<Child>>,
}

/// A name that was ever in a directory.
#[derive(Debug)]
pub(in crate::view) struct Child {
    pub(in crate::view) name: Box<[u8]>,
    /// Number of its distinct versions that are no directories.
    pub(in crate::view) versions: u32,
    pub(in crate::view) access: Access,
}

/// The present snapshots of a source, with recent answers about its history.
pub(in crate::view) struct Past<'a> {
    pub(in crate::view) view: &'a View,
    pub(in crate::view) source: Arc<Source>,
    answers: Arc<Answers>,
}

impl Recent {
    pub(in crate::view) fn new(capacity: usize) -> Self {
        Self { capacity, held: Mutex::default() }
    }

    fn answers(&self, now: &Arc<Sources>) -> Arc<Answers> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        match &*held {
            Some((then, answers)) if Arc::ptr_eq(then, now) => Arc::clone(answers),
            _ => {
                let (histories, names) =
                    (WeightedCache::new(self.capacity), WeightedCache::new(self.capacity));
                let answers = Arc::new(Answers { histories, names });
                *held = Some((Arc::clone(now), Arc::clone(&answers)));
                answers
            }
        }
    }
}

impl fmt::Debug for Recent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recent").field("capacity", &self.capacity).finish_non_exhaustive()
    }
}

impl View {
    /// The history of a source as it was at most `age` ago.
    pub(in crate::view) fn past(&self, source: &[u8], age: Duration) -> Result<Past<'_>, ViewError> {
        let sources = self.sources_since(age);
        let source = sources.get(source).cloned().ok_or(ViewError::NotFound)?;
        Ok(Past { view: self, source, answers: self.recent().answers(&sources) })
    }
}

impl Past<'_> {
    fn key(&self, path: &[u8]) -> u128 {
        self.view.keys().inode(&[b"past", &self.source.name, path])
    }

    /// Returns the history of `path`, which has no needless slashes.
    pub(in crate::view) fn history(&self, path: &[u8]) -> Result<Arc<PathHistory>, StoreError> {
        // The search starts at the nearest directory with a known history.
        let (mut missing, mut at) = (Vec::new(), path);
        let mut history = loop {
            if let Some(known) = self.answers.histories.get(&self.key(at)) {
                break known;
            }
            if at.is_empty() {
                break self.keep(at, PathHistory::root(&self.source));
            }
            missing.push(at);
            at = parted(at).0;
        };
        for path in missing.into_iter().rev() {
            history = self.keep(path, history.step(self.view.reader(), parted(path).1)?);
        }
        Ok(history)
    }

    fn keep(&self, path: &[u8], history: PathHistory) -> Arc<PathHistory> {
        let weight = history.weight();
        self.answers.histories.insert(self.key(path), history, weight)
    }

    /// Every name that was ever in the directory `path`, in order.
    pub(in crate::view) fn names(&self, path: &[u8]) -> Result<Arc<Vec<Child>>, StoreError> {
        if let Some(known) = self.answers.names.get(&self.key(path)) {
            return Ok(known);
        }
        let mut nodes = Nodes::new();
        for (interval, id) in self.history(path)?.directories() {
            nodes.entry(id).or_default().add(interval.first, interval.last);
        }
        let swept = sweep(self.view.reader(), nodes, &|_| true)?;
        let names: Vec<Child> = swept.into_iter().map(Child::of).collect::<Result<_, _>>()?;
        let weight = names.iter().map(|name| size_of::<Child>() + name.name.len() + 16).sum();
        Ok(self.answers.names.insert(self.key(path), names, weight))
    }

    /// The node of a version of `path`, in the first snapshot that has it.
    pub(in crate::view) fn version(&self, path: &[u8], state: &State) -> Result<Node, ViewError> {
        let snapshot = self.source.snapshot(state.first).ok_or(ViewError::NotFound)?;
        let (id, at) = state.found.ok_or(ViewError::NotFound)?;
        let (path, name) = parted(path);
        let keys = self.view.keys();
        let directory = components(path).fold(PathKey::ROOT, |key, name| keys.path_key(key, name));
        let leaf = LeafRef { snapshot: snapshot.into(), directory, path: path.into(), id };
        Ok(Node::child(self.view, EntryRef { leaf, at }, name, &state.body, state.entry.clone())?)
    }
}

impl Child {
    fn of(swept: Swept) -> Result<Self, StoreError> {
        let directories = swept.states.iter().filter(|state| state.is_directory());
        let directories: Vec<_> = directories.map(SweptState::entry).collect::<Result<_, _>>()?;
        let versions = swept.states.iter().filter(|state| state.is_version()).count() as u32;
        Ok(Self {
            name: swept.name,
            versions,
            access: Access::of_all(directories.iter().map(Access::of_directory)),
        })
    }
}
