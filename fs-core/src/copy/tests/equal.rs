//! Compares repositories by all that they keep, apart from ids.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::format::{Content, Entry, Kind, Manifest, PathKey, SnapshotId, Xattrs};
use crate::store::{CacheSizes, DirectoryCursor, FileReader, LinkTable, Reader, Repository};

/// Everything of a snapshot's tree, by path, and the smallest path of each hard-linked file's group.
type Described = BTreeMap<Vec<u8>, String>;

/// Requires that both repositories have the same snapshots.
#[track_caller]
pub(super) fn same(one: &Repository, other: &Repository) {
    let (ones, others) = (all(one), all(other));
    assert_eq!(ones.len(), others.len());
    for ((id, first), (copy, second)) in ones.iter().zip(&others) {
        assert_eq!(plain(first), plain(second));
        let at = |all: &[(SnapshotId, Manifest)], parent| all.iter().position(|(id, _)| Some(*id) == parent);
        assert_eq!(at(&ones, first.parent), at(&others, second.parent), "parents");
        let (expected, found) = (describe(one, id), describe(other, copy));
        for (path, description) in &expected {
            assert_eq!(found.get(path), Some(description), "{}", path.escape_ascii());
        }
        assert_eq!(expected.len(), found.len());
    }
}

/// Requires that everything in a snapshot can be read.
#[track_caller]
pub(super) fn assert_whole(repository: &Repository, id: &SnapshotId) {
    assert!(!describe(repository, id).is_empty());
}

fn all(repository: &Repository) -> Vec<(SnapshotId, Manifest)> {
    let ids = repository.snapshots().unwrap().into_iter();
    let mut all: Vec<_> = ids.map(|id| (id, repository.manifest(&id).unwrap())).collect();
    all.sort_by_key(|(_, manifest)| manifest.time);
    all
}

/// A manifest without what differs between repositories.
fn plain(manifest: &Manifest) -> Manifest {
    let mut plain = manifest.clone();
    (plain.parent, plain.links, plain.extensions.copied_from) = (None, Content::empty(), None);
    plain.root.kind = Kind::Fifo;
    if let Xattrs::Blob(_) = plain.root.xattrs {
        plain.root.xattrs = Xattrs::None;
    }
    plain
}

fn describe(repository: &Repository, id: &SnapshotId) -> Described {
    let manifest = repository.manifest(id).unwrap();
    let reader = repository.reader(CacheSizes::default());
    let links = LinkTable::new(&reader, &manifest.links, manifest.links_len);
    links.check().unwrap();
    let mut walk =
        Walk { repository, reader: &reader, links, found: Described::new(), groups: BTreeMap::new() };
    walk.entry(b"", PathKey::ROOT, &manifest.root);
    for (names, paths) in walk.groups.into_values() {
        assert_eq!(names as usize, paths.len());
        for path in &paths {
            write!(walk.found.get_mut(path).unwrap(), " names: {paths:?}").unwrap();
        }
    }
    walk.found
}

struct Walk<'a> {
    repository: &'a Repository,
    reader: &'a Reader,
    links: LinkTable<'a>,
    found: Described,
    groups: BTreeMap<PathKey, (u32, Vec<Vec<u8>>)>,
}

impl Walk<'_> {
    fn entry(&mut self, path: &[u8], key: PathKey, entry: &Entry) {
        let mut description = format!("{:?} {}", entry.attributes, entry.changed_while_read);
        match &entry.xattrs {
            Xattrs::None => {}
            Xattrs::Inline(set) => write!(description, " inline {set:?}").unwrap(),
            Xattrs::Blob(id) => write!(description, " {:?}", self.reader.xattrs(id).unwrap()).unwrap(),
        }
        if let Some(group) = self.links.group(key).unwrap() {
            self.groups.entry(group.first).or_insert((group.names, Vec::new())).1.push(path.to_vec());
        }
        match &entry.kind {
            Kind::File { size, holes, content } => {
                let file = FileReader { reader: self.reader, content, size: *size };
                let mut bytes = Vec::new();
                file.read(0, usize::MAX, &mut bytes).unwrap();
                assert_eq!(bytes.len() as u64, *size);
                write!(description, " {size} {holes} {}", blake3::hash(&bytes)).unwrap();
                let (mut at, mut hole) = (0, false);
                while let Some(next) = file.seek(at, hole).unwrap().filter(|next| *next < *size) {
                    write!(description, " {}{next}", if hole { "hole " } else { "data " }).unwrap();
                    (at, hole) = (next, !hole);
                }
            }
            Kind::Directory(id) => {
                let mut cursor = DirectoryCursor::new(self.reader.clone(), *id, 0);
                while let Some((name, entry)) = cursor.next_entry().unwrap() {
                    let key = self.repository.keys().path_key(key, &name);
                    self.entry(&[path, b"/", &name].concat(), key, &entry);
                }
            }
            other => write!(description, " {other:?}").unwrap(),
        }
        self.found.insert(path.to_vec(), description);
    }
}
