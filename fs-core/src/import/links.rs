use std::collections::HashMap;

use crate::format::{Entry, LinkTableBuilder, PathKey};

/// Where the operating system keeps a file: device and inode number.
pub(super) type FileId = (u64, u64);

/// Files that have other names, met so far on the walk.
#[derive(Debug, Default)]
pub(super) struct LinkTracker {
    open: HashMap<FileId, Linked>,
    finished: LinkTableBuilder,
}

#[derive(Debug)]
struct Linked {
    entry: Entry,
    paths: Vec<PathKey>,
}

impl LinkTracker {
    /// The entry under which this file was taken before, if it was.
    pub(super) fn known(&self, id: FileId) -> Option<&Entry> {
        self.open.get(&id).map(|linked| &linked.entry)
    }

    /// Notes that `path` is a name of the file `id`, which has `names` names in all, here or elsewhere.
    pub(super) fn add(&mut self, id: FileId, names: u64, path: PathKey, entry: &Entry) {
        let linked =
            self.open.entry(id).or_insert_with(|| Linked { entry: entry.clone(), paths: Vec::new() });
        linked.paths.push(path);
        if linked.paths.len() as u64 >= names
            && let Some(linked) = self.open.remove(&id)
        {
            self.finished.push(&linked.paths);
        }
    }

    /// The bytes of the snapshot's link table.
    pub(super) fn finish(mut self) -> Vec<u8> {
        for linked in self.open.into_values() {
            self.finished.push(&linked.paths);
        }
        self.finished.finish()
    }
}
