use std::collections::VecDeque;

use super::{Node, View, ViewError};
use crate::format::{Absence, NotRead};

/// Entries that are read at a time.
const BATCH: usize = 1024;

/// A directory that is listed entry by entry, for walks that do something else in between.
#[derive(Debug)]
pub struct Listing {
    node: Node,
    offset: u64,
    batch: VecDeque<(Vec<u8>, Node)>,
}

/// Something that an import could not list.
#[derive(Debug)]
pub struct Unlisted {
    /// The name; empty for the directory itself, of which any name may be missing.
    pub name: Box<[u8]>,
    /// The reason.
    pub not_read: NotRead,
}

impl Listing {
    /// A listing of this directory from its beginning.
    pub fn new(node: Node) -> Self {
        Self { node, offset: 0, batch: VecDeque::new() }
    }

    /// The name and node of the next entry; `None` at the end.
    ///
    /// # Errors
    /// Fails if the directory cannot be read further. All entries read before are returned first.
    pub fn next(&mut self, view: &View) -> Result<Option<(Vec<u8>, Node)>, ViewError> {
        if self.batch.is_empty() {
            let (batch, offset) = (&mut self.batch, &mut self.offset);
            let read = view.read_directory(&self.node, *offset, &mut |entry| {
                batch.push_back((entry.name.to_vec(), entry.node));
                *offset = entry.next_offset;
                batch.len() < BATCH
            });
            // After these entries, the same fault ends the next batch.
            if batch.is_empty() {
                read?;
            }
        }
        Ok(self.batch.pop_front())
    }

    /// What the import could not list of the directory.
    pub fn unread(&self, view: &View) -> Result<Vec<Unlisted>, ViewError> {
        let names = view.absences(&self.node)?.into_iter().filter_map(|(name, absence)| match absence {
            Absence::NotRead(not_read) => Some(Unlisted { name, not_read }),
            Absence::Excluded => None,
        });
        let whole = view.not_read(&self.node).cloned();
        Ok(whole
            .into_iter()
            .map(|not_read| Unlisted { name: Box::default(), not_read })
            .chain(names)
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jiff::tz::TimeZone;

    use super::*;
    use crate::clock::SystemClock;
    use crate::format::{Content, Kind};
    use crate::store::{Access, DirectoryWriter, Repository};
    use crate::testing::samples;
    use crate::view::{Options, Scope};

    #[test]
    fn entries_before_a_fault_are_listed() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().join("repository");
        Repository::init(&root).unwrap();
        let repository = Repository::open(&root, Access::Write).unwrap();
        let mut writer = repository.writer().unwrap();
        let mut body = Vec::new();
        samples::entry(Kind::File { size: 0, holes: 0, content: Content::empty() }).encode(&mut body);
        let mut folder = DirectoryWriter::default();
        folder.push(&mut writer, b"a", &body).unwrap();
        folder.push(&mut writer, b"b", &body).unwrap();
        folder.push(&mut writer, b"c", b"\xff").unwrap();
        let id = folder.finish(&mut writer).unwrap();
        writer.commit(&samples::manifest(id)).unwrap();
        let repository = Repository::open(&root, Access::Read).unwrap();
        let scope = Scope::Source(b"source".into());
        let view = View::new(repository, Options::new(scope, TimeZone::UTC, Arc::new(SystemClock))).unwrap();
        let node = view.lookup(&view.top(), b"@1970-01-01T00-00-00").unwrap();
        let mut listing = Listing::new(node);
        for name in [b"a", b"b"] {
            assert_eq!(listing.next(&view).unwrap().unwrap().0, name);
        }
        assert!(listing.next(&view).is_err());
    }
}
