//! Distinguishes paths that an import could not read, or left out, from deleted ones.

use super::{Snapshot, components, parted};
use crate::format::{Absence, Entry, Item, Kind};
use crate::store::{self, Reader, StoreError};

/// Whether an import could read a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reading {
    /// The import could read the path. If the snapshot lacks it, it did not exist.
    #[default]
    Read,
    /// The import could not read the path, or not completely.
    NotRead,
    /// Unknown: the import did not read everything, and did not record every path.
    PerhapsNotRead,
    /// A rule excluded the path from the import.
    Excluded,
}

impl Reading {
    /// The words for a path missing for this reason.
    pub fn of_missing(self) -> &'static str {
        match self {
            Reading::Read => "deleted",
            Reading::NotRead => "not read",
            Reading::PerhapsNotRead => "perhaps not read",
            Reading::Excluded => "excluded",
        }
    }

    /// Whether the snapshot records why it lacks the path.
    pub fn is_recorded(self) -> bool {
        matches!(self, Reading::NotRead | Reading::Excluded)
    }

    /// Whether a missing path certainly did not exist.
    pub fn is_certain(self) -> bool {
        self == Reading::Read
    }
}

/// Tells of many paths of a snapshot whether its import could read them. The directory of the last path is
/// remembered, so the paths of a directory should come together.
#[derive(Debug)]
pub struct Readings<'a> {
    snapshot: &'a Snapshot,
    directory: Box<[u8]>,
    /// Place of `directory`.
    place: Place,
}

impl<'a> Readings<'a> {
    /// Begins at the root of a snapshot.
    pub fn of(snapshot: &'a Snapshot) -> Self {
        Self { snapshot, directory: Box::default(), place: Place::At(snapshot.manifest.root.clone()) }
    }

    /// As [`Snapshot::reading`].
    pub fn of_path(&mut self, reader: &Reader, path: &[u8]) -> Result<Reading, StoreError> {
        if self.snapshot.is_whole() {
            return Ok(Reading::Read);
        }
        if self.snapshot.manifest.extensions.unread.covers(path) {
            return Ok(Reading::NotRead);
        }
        let (directory, name) = parted(path);
        if *directory != *self.directory {
            let mut place = Place::At(self.snapshot.manifest.root.clone());
            for name in components(directory) {
                place = self.snapshot.step(reader, &place, name)?;
            }
            (self.directory, self.place) = (directory.into(), place);
        }
        match components(name).next() {
            Some(name) => Ok(self.snapshot.step(reader, &self.place, name)?.reading()),
            None => Ok(self.place.reading()),
        }
    }
}

/// What a snapshot tells about a path and all paths below it.
#[derive(Debug, Clone)]
enum Place {
    /// The snapshot has this entry.
    At(Entry),
    /// All of them are missing for one reason.
    Below(Reading),
}

impl Place {
    fn reading(&self) -> Reading {
        match self {
            Place::At(entry) if entry.not_read().is_some() => Reading::NotRead,
            Place::At(_) => Reading::Read,
            Place::Below(reading) => *reading,
        }
    }
}

impl Snapshot {
    /// Whether the import could read `path`. The names in it are separated by `/`.
    pub fn reading(&self, reader: &Reader, path: &[u8]) -> Result<Reading, StoreError> {
        Readings::of(self).of_path(reader, path)
    }

    /// Goes on from the place of a directory to that of `name` in it. Does not look at the listed paths.
    fn step(&self, reader: &Reader, place: &Place, name: &[u8]) -> Result<Place, StoreError> {
        let Place::At(entry) = place else { return Ok(place.clone()) };
        let has_more = self.manifest.extensions.unread.more > 0;
        let unknown = if has_more { Reading::PerhapsNotRead } else { Reading::Read };
        Ok(match entry.kind {
            Kind::Directory(_) if entry.gaps.left_out => Place::Below(Reading::Excluded),
            // Nothing below it has a reason.
            Kind::Directory(_) if entry.gaps.is_empty() => Place::Below(unknown),
            Kind::Directory(id) => match store::lookup_item(reader, &id, name)? {
                Some(Item::Entry(entry)) => Place::At(entry),
                Some(Item::Absent(Absence::NotRead(_))) => Place::Below(Reading::NotRead),
                Some(Item::Absent(Absence::Excluded)) => Place::Below(Reading::Excluded),
                None if entry.not_read().is_some() => Place::Below(Reading::NotRead),
                None => Place::Below(unknown),
            },
            _ => Place::Below(unknown),
        })
    }

    /// Whether the import could read all of an entry that the snapshot has at `path`, and everything below
    /// it.
    pub fn reading_of(&self, entry: &Entry, path: &[u8]) -> Reading {
        let listed = &self.manifest.extensions.unread;
        let is_unread = entry.gaps.is_unread()
            || (entry.is_directory() && (listed.covers(path) || !listed.below(path).is_empty()));
        if is_unread { Reading::NotRead } else { Reading::Read }
    }

    /// How many paths at or below `path` the import could not read, and the first of them if it is recorded,
    /// as far as only the manifest shows that they are missing. Version 1 had such a list of them, and copies
    /// of its snapshots have it.
    pub fn listed_unread(&self, path: &[u8]) -> (u64, Option<&[u8]>) {
        let listed = &self.manifest.extensions.unread;
        let own = listed.paths.iter().find(|listed| ***listed == *path);
        let mut unread = own.into_iter().chain(listed.below(path)).map(|path| &**path);
        // Where the others are is not recorded.
        let more = if path.is_empty() { listed.more } else { 0 };
        let first = unread.next();
        ((unread.count() as u64 + u64::from(first.is_some())).saturating_add(more), first)
    }

    /// Whether whatever the snapshot lacks did not exist.
    pub fn is_whole(&self) -> bool {
        self.manifest.root.gaps.is_empty() && self.manifest.extensions.unread.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::format::{BlobId, Content, Gaps, Manifest, NotRead, UnreadPaths};
    use crate::store::{Access, CacheSizes, DirectoryWriter, Repository, Writer};
    use crate::testing::samples;

    /// Stores a directory of these items. Returns its entry.
    fn directory(writer: &mut Writer, items: &[(&str, Item)], content: Option<NotRead>) -> Entry {
        let (mut out, mut gaps) = (DirectoryWriter::default(), Gaps { content, ..Gaps::default() });
        for (name, item) in items {
            gaps.add(item);
            let mut body = Vec::new();
            item.encode(&mut body);
            out.push(writer, name.as_bytes(), &body).unwrap();
        }
        Entry { gaps, ..samples::entry(Kind::Directory(out.finish(writer).unwrap())) }
    }

    /// A snapshot of the root that `make` stores, in a new repository.
    fn told(make: impl FnOnce(&mut Writer) -> Entry) -> (TempDir, Reader, Snapshot) {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("repository");
        Repository::init(&root).unwrap();
        let repository = Repository::open(&root, Access::Write).unwrap();
        let mut writer = repository.writer().unwrap();
        let root = make(&mut writer);
        let manifest = Manifest { root, ..samples::manifest(BlobId([1; 32])) };
        let (id, _) = writer.commit(&manifest).unwrap();
        let reader = repository.reader(CacheSizes::default());
        (folder, reader, Snapshot { id, manifest })
    }

    fn listed(told: &Snapshot, paths: &[&str], more: u64) -> Snapshot {
        let mut manifest = told.manifest.clone();
        let paths = paths.iter().map(|path| path.as_bytes().into()).collect();
        manifest.extensions.unread = UnreadPaths { paths, more };
        Snapshot { id: told.id, manifest }
    }

    #[test]
    fn a_tree_says_what_was_not_read() {
        let (_folder, reader, told) = told(|writer| {
            let not_read = || NotRead::new("refused", None);
            let file = |gaps| {
                let kind = Kind::File { size: 5, holes: 0, content: Content::NotRead };
                Item::Entry(Entry { gaps, ..samples::entry(kind) })
            };
            let hidden = Gaps { content: Some(not_read()), ..Gaps::default() };
            let below = directory(writer, &[("known", file(hidden.clone()))], Some(not_read()));
            let mut empty = directory(writer, &[], None);
            empty.gaps.left_out = true;
            let items = [
                ("empty", Item::Entry(empty)),
                ("excluded", Item::Absent(Absence::Excluded)),
                ("file", file(hidden)),
                ("name", Item::Absent(Absence::NotRead(not_read()))),
                ("some", Item::Entry(below)),
            ];
            directory(writer, &items, None)
        });
        assert!(!told.is_whole());
        for (path, reading) in [
            ("", Reading::Read),
            ("other", Reading::Read),
            ("empty", Reading::Read),
            ("empty/below", Reading::Excluded),
            ("excluded", Reading::Excluded),
            ("excluded/below", Reading::Excluded),
            ("file", Reading::NotRead),
            ("name", Reading::NotRead),
            ("name/below", Reading::NotRead),
            ("some", Reading::NotRead),
            ("some/known", Reading::NotRead),
            ("some/other", Reading::NotRead),
        ] {
            assert_eq!(told.reading(&reader, path.as_bytes()).unwrap(), reading, "{path}");
        }
        assert_eq!(told.reading_of(&told.manifest.root, b""), Reading::NotRead);
    }

    /// As version 1 records it.
    #[test]
    fn a_list_says_what_was_not_read() {
        let (_folder, reader, whole) = told(|writer| directory(writer, &[], None));
        assert!(whole.is_whole());
        let told = listed(&whole, &["a/b", "c"], 0);
        for (path, reading) in [
            ("a/b", Reading::NotRead),
            ("a/b/below", Reading::NotRead),
            ("c", Reading::NotRead),
            ("a", Reading::Read),
            ("cc", Reading::Read),
            ("", Reading::Read),
        ] {
            assert_eq!(told.reading(&reader, path.as_bytes()).unwrap(), reading, "{path}");
        }
        let root = &told.manifest.root;
        for (path, reading) in [("a", Reading::NotRead), ("", Reading::NotRead), ("a/bb", Reading::Read)] {
            assert_eq!(told.reading_of(root, path.as_bytes()), reading, "{path}");
        }
        let told = listed(&whole, &["a-b", "a/b", "a/c", "ab"], 3);
        for (path, unread) in
            [("", (7, Some("a-b"))), ("a", (2, Some("a/b"))), ("a/b", (1, Some("a/b"))), ("b", (0, None))]
        {
            let unread: (u64, Option<&str>) = unread;
            assert_eq!(
                told.listed_unread(path.as_bytes()),
                (unread.0, unread.1.map(str::as_bytes)),
                "{path}"
            );
        }
        assert_eq!(listed(&whole, &[], 2).listed_unread(b""), (2, None));
        assert_eq!(listed(&whole, &[], 2).listed_unread(b"a"), (0, None));
        let some = listed(&whole, &["c"], 3);
        assert_eq!(some.reading(&reader, b"c").unwrap(), Reading::NotRead);
        assert_eq!(some.reading(&reader, b"d").unwrap(), Reading::PerhapsNotRead);
    }
}
