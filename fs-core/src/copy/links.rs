//! The table of hard links. Keys of paths depend on the repository's secret, so they are made anew.

use std::collections::HashMap;

use crate::format::{Keys, LinkTableBuilder, PathKey};
use crate::store::{LinkTable, StoreError};

/// The keys of one path in both repositories.
#[derive(Debug, Clone, Copy)]
pub(super) struct PathKeys {
    from: PathKey,
    to: PathKey,
}

impl PathKeys {
    pub(super) const ROOT: Self = Self { from: PathKey::ROOT, to: PathKey::ROOT };
}

/// Collects the groups of files with several names. Memory: some 60 bytes a name.
#[derive(Debug)]
pub(super) struct Links<'a> {
    /// The table of the copied snapshot; `None` if no table has to be made.
    table: Option<LinkTable<'a>>,
    from: &'a Keys,
    to: Keys,
    /// The names of each file in the new repository, by the file's first name in the old one.
    groups: HashMap<PathKey, Vec<PathKey>>,
}

impl<'a> Links<'a> {
    pub(super) fn new(table: Option<LinkTable<'a>>, from: &'a Keys, to: &Keys) -> Self {
        Self { table, from, to: to.clone(), groups: HashMap::new() }
    }

    /// Whether every path must be passed to [`note`](Self::note).
    pub(super) fn are_wanted(&self) -> bool {
        self.table.is_some()
    }

    /// The keys of an entry of a directory.
    pub(super) fn keys(&self, directory: PathKeys, name: &[u8]) -> PathKeys {
        if !self.are_wanted() {
            return PathKeys::ROOT;
        }
        let (from, to) = (self.from.path_key(directory.from, name), self.to.path_key(directory.to, name));
        PathKeys { from, to }
    }

    /// Receives the path of a file.
    pub(super) fn note(&mut self, path: PathKeys) -> Result<(), StoreError> {
        if let Some(group) = self.table.map(|table| table.group(path.from)).transpose()?.flatten() {
            self.groups.entry(group.first).or_default().push(path.to);
        }
        Ok(())
    }

    /// Encodes the new table.
    pub(super) fn finish(self) -> Vec<u8> {
        let mut table = LinkTableBuilder::default();
        self.groups.into_values().for_each(|paths| table.push(&paths));
        table.finish()
    }
}
