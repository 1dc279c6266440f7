use crate::history::{Reading, joined};
use crate::store::{Comparison, Differing, Found, Reader, StoreError};
use crate::view::difference::known::known_difference;
use crate::view::node::{Node, Tree};
use crate::view::{Aspect, Aspects, View, ViewError};

/// One difference between two trees. Neither has the entry if the import of one of them could not read it, and
/// the other lacks it.
#[derive(Debug)]
pub struct Difference<'a> {
    /// Path below the compared nodes; empty for these nodes themselves.
    pub path: &'a [u8],
    /// Earlier state; `None` if the entry is new.
    pub before: Option<&'a Node>,
    /// Later state; `None` if the entry is gone.
    pub after: Option<&'a Node>,
    /// Aspects in which both states certainly differ; empty if there is only one.
    pub aspects: Aspects,
    /// Whether the side that lacks the entry could read its path. If not, it is unknown whether the entry
    /// existed there. If both sides have the entry: whether they could read what may differ.
    pub reading: Reading,
}

impl Difference<'_> {
    /// Whether the difference is a directory that differs in its time alone. Its time changes whenever an
    /// entry is created or removed in it.
    pub fn is_wake(&self) -> bool {
        self.aspects.iter().eq([Aspect::Time]) && self.after.and_then(Tree::of).is_some()
    }
}

impl View {
    /// Reports the differences between two nodes and everything below them, until the end or until `report`
    /// returns false. The names of a directory come in their order, and a directory before its entries.
    /// Memory is bounded by the depth.
    ///
    /// If only one of the nodes is a directory, `before` is reported as gone and `after` as new. A changed
    /// number of names of a file is no difference.
    ///
    /// # Errors
    ///
    /// If a directory that differs cannot be read. The differences before it were reported.
    pub fn compare(
        &self,
        before: Option<&Node>,
        after: Option<&Node>,
        report: &mut dyn FnMut(Difference<'_>) -> bool,
    ) -> Result<(), ViewError> {
        let mut walk = Walk { view: self, frames: Vec::new(), path: Vec::new(), report };
        let mut goes_on = walk.meet(before, after, Reading::Read);
        while goes_on && let Some(frame) = walk.frames.last_mut() {
            let Some(differing) = frame.comparison.advance()? else {
                walk.frames.pop();
                continue;
            };
            let (before, after) = frame.nodes(self, &differing)?;
            let frame_reading = frame.reading_of(self.reader(), &differing)?;
            walk.path.truncate(frame.path_len);
            if frame.path_len > 0 {
                walk.path.push(b'/');
            }
            walk.path.extend(differing.name());
            goes_on = walk.meet(before.as_ref(), after.as_ref(), frame_reading);
        }
        Ok(())
    }

    /// The node of an entry that was found in a directory of a snapshot.
    pub(in crate::view) fn child(&self, tree: &Tree, found: &Found) -> Result<Node, StoreError> {
        let entry_ref = tree.entry_ref(found.leaf, found.at);
        Node::child(self, entry_ref, found.name(), found.body(), found.entry()?)
    }
}

/// A walk over two trees. Its stack is explicit, as a tree may be deeper than a thread's stack allows.
struct Walk<'a> {
    view: &'a View,
    frames: Vec<Frame>,
    path: Vec<u8>,
    report: &'a mut dyn FnMut(Difference<'_>) -> bool,
}

/// A directory that is being compared, or that only one side has.
struct Frame {
    before: Option<Tree>,
    after: Option<Tree>,
    comparison: Comparison,
    path_len: usize,
    /// For a directory on one side only: whether the other side could read it.
    reading: Reading,
}

impl Frame {
    /// Whether the side that lacks the entry could read its path. If both lack it, one could not.
    fn reading_of(&self, reader: &Reader, differing: &Differing) -> Result<Reading, StoreError> {
        let (missing, found) = match (&differing.before, &differing.after) {
            (Some(found), None) => (&self.after, found),
            (None, Some(found)) => (&self.before, found),
            (Some(_), Some(_)) => return Ok(Reading::Read),
            (None, None) => return Ok(Reading::NotRead),
        };
        let of = |tree: &Tree| tree.snapshot.reading(reader, &joined(&tree.path, found.name()));
        missing.as_ref().map_or(Ok(self.reading), of)
    }

    fn nodes(&self, view: &View, differing: &Differing) -> Result<(Option<Node>, Option<Node>), StoreError> {
        let node = |tree: &Option<Tree>, found: &Option<Found>| {
            tree.as_ref().zip(found.as_ref()).map(|(tree, found)| view.child(tree, found)).transpose()
        };
        Ok((node(&self.before, &differing.before)?, node(&self.after, &differing.after)?))
    }
}

impl Walk<'_> {
    /// Reports the nodes at the present path, and enters them if they differ. Returns false once `report`
    /// returned false.
    fn meet(&mut self, before: Option<&Node>, after: Option<&Node>, reading: Reading) -> bool {
        let trees = (before.and_then(Tree::of).cloned(), after.and_then(Tree::of).cloned());
        let path = &*self.path;
        let mut report = |before, after, aspects, reading| {
            (self.report)(Difference { path, before, after, aspects, reading })
        };
        let goes_on = match (before, after) {
            (Some(old), Some(new)) if trees.0.is_some() == trees.1.is_some() => {
                let entries = old.entry().zip(new.entry());
                let difference = entries.and_then(|(old, new)| known_difference(old, new));
                difference.is_none_or(|(aspects, reading)| report(before, after, aspects, reading))
            }
            (None, None) => reading.is_certain() || report(None, None, Aspects::default(), reading),
            _ => {
                before.is_none_or(|_| report(before, None, Aspects::default(), reading))
                    && after.is_none_or(|_| report(None, after, Aspects::default(), reading))
            }
        };
        let ids = (trees.0.as_ref().map(|tree| tree.id), trees.1.as_ref().map(|tree| tree.id));
        if goes_on && ids.0 != ids.1 {
            let comparison = Comparison::new(self.view.reader().clone(), ids.0, ids.1);
            let path_len = self.path.len();
            self.frames.push(Frame { before: trees.0, after: trees.1, comparison, path_len, reading });
        }
        goes_on
    }
}
