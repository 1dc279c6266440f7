use std::collections::VecDeque;

use super::{Node, View, ViewError};

/// Entries that are read at a time.
const BATCH: usize = 1024;

/// A directory that is listed entry by entry, for walks that do something else in between.
#[derive(Debug)]
pub struct Listing {
    node: Node,
    offset: u64,
    batch: VecDeque<(Vec<u8>, Node)>,
}

impl Listing {
    /// A listing of this directory from its beginning.
    pub fn new(node: Node) -> Self {
        Self { node, offset: 0, batch: VecDeque::new() }
    }

    /// The name and node of the next entry; `None` at the end.
    pub fn next(&mut self, view: &View) -> Result<Option<(Vec<u8>, Node)>, ViewError> {
        if self.batch.is_empty() {
            let (batch, offset) = (&mut self.batch, &mut self.offset);
            view.read_directory(&self.node, *offset, &mut |entry| {
                batch.push_back((entry.name.to_vec(), entry.node));
                *offset = entry.next_offset;
                batch.len() < BATCH
            })?;
        }
        Ok(self.batch.pop_front())
    }
}
