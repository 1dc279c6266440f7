//! The model: names, the nodes behind them, and what an edit does to both.

use std::collections::{BTreeMap, HashMap};

use fs_tests::tree::Tree;
use proptest::sample::Index;

use super::content::Content;
use super::edit::{Action, Edit};
use super::node::{Attributes, Node, What};

/// A path from the root, the empty path.
pub type Path = Vec<u8>;
/// Names one node of the model, whatever its names in the tree.
pub type Id = u64;

/// A tree in memory.
#[derive(Debug)]
pub struct State {
    pub names: BTreeMap<Path, Id>,
    pub nodes: BTreeMap<Id, Node>,
    next: Id,
    /// Which content a size and time have stood for. Another content of the same size and time at the same path
    /// could not be noticed, by rsync neither, so none is made.
    dated: HashMap<(usize, (i64, u32)), Content>,
}

impl State {
    /// Nothing but a root.
    pub fn new() -> Self {
        let attributes = Attributes { mode: 0o755, ..Attributes::plain((1_000_000_000, 5)) };
        let root = Node { what: What::Directory, attributes };
        Self { names: [(Path::new(), 0)].into(), nodes: [(0, root)].into(), next: 1, dated: HashMap::new() }
    }

    /// What the disk and the mount must show.
    pub fn expected(&self) -> Tree {
        let mut counts: HashMap<Id, u64> = HashMap::new();
        for id in self.names.values() {
            *counts.entry(*id).or_default() += 1;
        }
        self.names.iter().map(|(path, id)| (path.clone(), self.nodes[id].expected(*id, counts[id]))).collect()
    }

    /// Change the model, and say what to do to the disk. An edit that makes no sense here changes nothing.
    pub fn apply(&mut self, edit: &Edit) -> Vec<Action> {
        self.try_apply(edit).unwrap_or_default()
    }

    fn try_apply(&mut self, edit: &Edit) -> Option<Vec<Action>> {
        match edit {
            Edit::Create { parent, name, node } => {
                let path = self.free(*parent, name)?;
                Some(vec![self.make(path, node.clone())])
            }
            Edit::Crowd { parent, name, count, mtime } => {
                let folder = self.free(*parent, name)?;
                let attributes = Attributes { mode: 0o755, ..Attributes::plain(*mtime) };
                let mut actions = vec![self.make(folder.clone(), Node { what: What::Directory, attributes })];
                for number in 0..*count {
                    let path = join(&folder, format!("entry-{number:x}").as_bytes());
                    let content = Content(vec![super::content::Segment::Noise {
                        seed: u64::from(number),
                        length: usize::from(number % 7),
                    }]);
                    let node = Node { what: What::File(content), attributes: Attributes::plain(*mtime) };
                    actions.push(self.make(path, node));
                }
                Some(actions)
            }
            Edit::Nest { parent, names, mtime } => {
                let mut path = self.pick(*parent, Node::is_directory)?;
                let mut actions = Vec::new();
                for name in names {
                    path = join(&path, name);
                    if self.names.contains_key(&path) {
                        return Some(actions);
                    }
                    let attributes = Attributes { mode: 0o700, ..Attributes::plain(*mtime) };
                    actions.push(self.make(path.clone(), Node { what: What::Directory, attributes }));
                }
                Some(actions)
            }
            Edit::Rewrite { file, content, mtime, in_place } => {
                let path = self.pick(*file, is_file)?;
                Some(self.rewrite(path, content.clone(), *mtime, *in_place))
            }
            Edit::Splice { file, at, segment, mtime, in_place } => {
                let path = self.pick(*file, is_file)?;
                let What::File(content) = &self.node(&path).what else { return None };
                let mut content = content.clone();
                let at = at.index(content.0.len() + 1);
                match segment {
                    Some(segment) => content.0.insert(at, segment.clone()),
                    None if at < content.0.len() => drop(content.0.remove(at)),
                    None => return None,
                }
                Some(self.rewrite(path, content, *mtime, *in_place))
            }
            Edit::Dress { node, attributes } => {
                let path = self.pick(*node, |_| true)?;
                let id = self.names[&path];
                let mtime = self.date(&self.nodes[&id].what.clone(), attributes.mtime);
                self.nodes.get_mut(&id)?.attributes = Attributes { mtime, ..attributes.clone() };
                Some(vec![Action::Dress(path, id)])
            }
            Edit::Touch { node, mtime } => {
                let path = self.pick(*node, |_| true)?;
                let id = self.names[&path];
                let mtime = self.date(&self.nodes[&id].what.clone(), *mtime);
                self.nodes.get_mut(&id)?.attributes.mtime = mtime;
                Some(Vec::new())
            }
            Edit::Move { node, parent, name } => self.rename(*node, *parent, name),
            Edit::Copy { node, parent, name } => {
                let from = self.pick(*node, |node| !node.is_directory())?;
                let path = self.free(*parent, name)?;
                let node = self.node(&from).clone();
                Some(vec![self.make(path, node)])
            }
            Edit::Link { node, parent, name } => {
                let from = self.pick(*node, |node| !node.is_directory())?;
                let to = self.free(*parent, name)?;
                self.names.insert(to.clone(), self.names[&from]);
                Some(vec![Action::Link(from, to)])
            }
            Edit::Delete { node } => {
                let path = self.pick_below_root(*node)?;
                Some(self.remove(&path))
            }
            Edit::Retype { node, into } => {
                let path = self.pick_below_root(*node)?;
                let mut actions = self.remove(&path);
                actions.push(self.make(path, into.clone()));
                Some(actions)
            }
        }
    }

    fn rename(&mut self, node: Index, parent: Index, name: &[u8]) -> Option<Vec<Action>> {
        let from = self.pick_below_root(node)?;
        let to = join(&self.pick(parent, Node::is_directory)?, name);
        if to == from || to.starts_with(&join(&from, b"")) {
            return None;
        }
        let mut actions = Vec::new();
        if let Some(there) = self.names.get(&to) {
            // Over another file; `rename` between two names of one file would do nothing.
            let replaces = !self.node(&from).is_directory() && !self.node(&to).is_directory();
            if !replaces || *there == self.names[&from] {
                return None;
            }
            self.remove(&to);
        }
        for path in self.subtree(&from) {
            let id = self.names.remove(&path)?;
            self.names.insert([&to, &path[from.len()..]].concat(), id);
        }
        actions.push(Action::Move(from, to));
        Some(actions)
    }

    fn rewrite(&mut self, path: Path, content: Content, mtime: (i64, u32), in_place: bool) -> Vec<Action> {
        let what = What::File(content);
        let mtime = self.date(&what, mtime);
        let id = self.names[&path];
        let node = Node { what, attributes: Attributes { mtime, ..self.nodes[&id].attributes.clone() } };
        if in_place {
            self.nodes.insert(id, node);
            vec![Action::Write(path, id)]
        } else {
            let mut actions = self.remove(&path);
            actions.push(self.make(path, node));
            actions
        }
    }

    fn make(&mut self, path: Path, mut node: Node) -> Action {
        node.attributes.mtime = self.date(&node.what, node.attributes.mtime);
        let id = self.next;
        self.next += 1;
        self.nodes.insert(id, node);
        self.names.insert(path.clone(), id);
        Action::Make(path, id)
    }

    fn remove(&mut self, path: &[u8]) -> Vec<Action> {
        let mut actions = Vec::new();
        for path in self.subtree(path).into_iter().rev() {
            if let Some(id) = self.names.remove(&path) {
                actions.push(Action::Remove(path, self.nodes[&id].is_directory()));
            }
        }
        let names = &self.names;
        let used: std::collections::HashSet<Id> = names.values().copied().collect();
        self.nodes.retain(|id, _| used.contains(id));
        actions
    }

    /// The time itself, or the nearest later one that has not stood for another content of the same size.
    fn date(&mut self, what: &What, (seconds, mut nanos): (i64, u32)) -> (i64, u32) {
        if let What::File(content) = what {
            loop {
                let key = (content.length(), (seconds, nanos));
                if self.dated.entry(key).or_insert_with(|| content.clone()) == content {
                    break;
                }
                nanos = (nanos + 1) % 1_000_000_000;
            }
        }
        (seconds, nanos)
    }

    fn node(&self, path: &[u8]) -> &Node {
        &self.nodes[&self.names[path]]
    }

    /// A path and all below it, parents first.
    fn subtree(&self, path: &[u8]) -> Vec<Path> {
        let inside = join(path, b"");
        let below = self.names.range(inside.clone()..).map(|(path, _)| path);
        std::iter::once(path.to_vec())
            .chain(below.take_while(|path| path.starts_with(&inside)).cloned())
            .collect()
    }

    fn pick(&self, index: Index, suits: impl Fn(&Node) -> bool) -> Option<Path> {
        let paths: Vec<&Path> = self.names.keys().filter(|path| suits(self.node(path))).collect();
        (!paths.is_empty()).then(|| (*index.get(&paths)).clone())
    }

    fn pick_below_root(&self, index: Index) -> Option<Path> {
        let paths: Vec<&Path> = self.names.keys().filter(|path| !path.is_empty()).collect();
        (!paths.is_empty()).then(|| (*index.get(&paths)).clone())
    }

    /// A path that is not taken yet, in a folder that is.
    fn free(&self, parent: Index, name: &[u8]) -> Option<Path> {
        let path = join(&self.pick(parent, Node::is_directory)?, name);
        (!self.names.contains_key(&path)).then_some(path)
    }
}

fn is_file(node: &Node) -> bool {
    matches!(node.what, What::File(_))
}

fn join(folder: &[u8], name: &[u8]) -> Path {
    if folder.is_empty() { name.to_vec() } else { [folder, b"/", name].concat() }
}
