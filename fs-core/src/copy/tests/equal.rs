//! Compares repositories by all that they keep, apart from ids.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;

use crate::format::{
    Absence, BlobId, Content, Entry, Gaps, Item, Kind, Manifest, NotRead, PathKey, SnapshotId, Xattrs,
};
use crate::store::{CacheSizes, DirectoryCursor, FileReader, LinkTable, Reader, Repository};

/// Everything of a snapshot's tree, by path, and the smallest path of each hard-linked file's group.
type Described = BTreeMap<Vec<u8>, String>;

/// Requires that both repositories have the same snapshots.
#[track_caller]
pub(super) fn same(one: &Repository, other: &Repository) {
    let (ones, others) = (all(one), all(other));
    let mut known = (Ids::new(), Ids::new());
    assert_eq!(ones.len(), others.len());
    for ((id, first), (copy, second)) in ones.iter().zip(&others) {
        assert_eq!(plain(first), plain(second));
        let at = |all: &[(SnapshotId, Manifest)], parent| all.iter().position(|(id, _)| Some(*id) == parent);
        assert_eq!(at(&ones, first.parent), at(&others, second.parent), "parents");
        let (expected, found) = (describe(one, id, &mut known.0), describe(other, copy, &mut known.1));
        for (path, description) in &expected {
            assert_eq!(found.get(path), Some(description), "{}", path.escape_ascii());
        }
        assert_eq!(expected.len(), found.len());
    }
}

/// Requires that everything in a snapshot can be read.
#[track_caller]
pub(super) fn assert_whole(repository: &Repository, id: &SnapshotId) {
    assert!(!describe(repository, id, &mut Ids::new()).is_empty());
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
    plain.root.gaps.content = None;
    if let Xattrs::Blob(_) = plain.root.xattrs {
        plain.root.xattrs = Xattrs::None;
    }
    plain
}

/// Contents by their ids, numbered in the order in which they were seen.
type Ids = HashMap<BlobId, usize>;

fn describe(repository: &Repository, id: &SnapshotId, ids: &mut Ids) -> Described {
    let manifest = repository.manifest(id).unwrap();
    let reader = repository.reader(CacheSizes::default());
    let links = LinkTable::new(&reader, &manifest.links, manifest.links_len);
    links.check().unwrap();
    let (found, groups) = (Described::new(), BTreeMap::new());
    let mut walk = Walk { repository, reader: &reader, links, ids, found, groups };
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
    ids: &'a mut Ids,
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
        let Gaps { content, xattrs, below, excluded, left_out } = &entry.gaps;
        write!(description, " {xattrs} {below} {excluded} {left_out} {:?}", self.not_read(content.as_ref()))
            .unwrap();
        let number = self.ids.len();
        if content.is_none() {
            entry.content_id(self.repository.keys()).map(|id| self.ids.entry(id).or_insert(number));
        }
        match &entry.kind {
            Kind::File { size, content: Content::NotRead, .. } => {
                write!(description, " {size} not read").unwrap();
            }
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
                while let Some((name, item)) = cursor.next_item().unwrap() {
                    let (path, key) =
                        ([path, b"/", &name].concat(), self.repository.keys().path_key(key, &name));
                    match item {
                        Item::Entry(entry) => self.entry(&path, key, &entry),
                        Item::Absent(Absence::NotRead(not_read)) => {
                            let description = format!("{:?}", self.not_read(Some(&not_read)));
                            self.found.insert(path, description);
                        }
                        Item::Absent(Absence::Excluded) => drop(self.found.insert(path, "excluded".into())),
                    }
                }
            }
            other => write!(description, " {other:?}").unwrap(),
        }
        self.found.insert(path.to_vec(), description);
    }

    /// The reason, and the number of the content before.
    fn not_read(&self, not_read: Option<&NotRead>) -> Option<(Box<str>, Option<usize>)> {
        let NotRead { reason, before } = not_read?;
        Some((reason.clone(), before.and_then(|id| self.ids.get(&id).copied())))
    }
}
