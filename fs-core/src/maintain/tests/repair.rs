//! Tests of repairs of trees with losses.

use super::*;
use crate::format::{Child, Entry, InnerBuilder, LeafBuilder, SnapshotId, Status, Totals, Xattrs};
use crate::store::{CacheSizes, DirectoryCursor};
use crate::testing::samples::pack_files;

const LOST: BlobId = BlobId([9; 32]);

impl Store {
    fn repair(&self, dry_run: bool) -> (Repaired, Vec<(String, Lost)>) {
        let mut losses = Vec::new();
        let mut on_loss = |damaged: &DamagedPath| {
            losses.push((String::from_utf8(damaged.path.clone()).unwrap(), damaged.lost.clone()));
        };
        let options = RepairOptions { dry_run, really: false };
        let repaired = repair(&self.root, options, &Silent, &Cancellation::default(), &mut on_loss).unwrap();
        (repaired, losses)
    }

    fn snapshots(&self) -> Vec<SnapshotId> {
        let mut ids = Repository::open(&self.root, Access::Read).unwrap().snapshots().unwrap();
        ids.sort_unstable();
        ids
    }

    /// Reads the manifest, and the entries of its root.
    fn open(&self, id: SnapshotId) -> (Manifest, Vec<(String, Entry)>) {
        let repository = Repository::open(&self.root, Access::Read).unwrap();
        let manifest = repository.manifest(&id).unwrap();
        (manifest.clone(), list(&repository, &manifest.root))
    }
}

fn list(repository: &Repository, directory: &Entry) -> Vec<(String, Entry)> {
    let Kind::Directory(id) = directory.kind else { panic!("{directory:?}") };
    let mut cursor = DirectoryCursor::new(repository.reader(CacheSizes::default()), id, 0);
    let mut entries = Vec::new();
    while let Some((name, entry)) = cursor.next_entry().unwrap() {
        entries.push((String::from_utf8(name.to_vec()).unwrap(), entry));
    }
    entries
}

/// A directory of two leaves, the first of which is lost.
fn half_lost(writer: &mut Writer) -> Kind {
    let keys = writer.keys().clone();
    let mut leaf = LeafBuilder::default();
    for name in ["x", "y", "z"] {
        let mut body = Vec::new();
        entry(sound(writer).1).encode(&mut body);
        leaf.push(&keys, name.as_bytes(), &body);
    }
    let (bytes, last_name, entries) = leaf.finish();
    let id = writer.put(PackKind::Metadata, &bytes, None).unwrap();
    let mut inner = InnerBuilder::new(1);
    inner.push(&keys, Child { last_name: b"w".as_slice().into(), entries: 130, id: LOST });
    inner.push(&keys, Child { last_name, entries, id });
    let (bytes, ..) = inner.finish();
    Kind::Directory(writer.put(PackKind::Metadata, &bytes, None).unwrap())
}

fn chunked(writer: &mut Writer, kind: ExtentKind) -> Kind {
    let mut list = ChunkList::new(0);
    list.push(100, ExtentKind::Hole);
    list.push(100, kind);
    let list = writer.put(PackKind::Metadata, &list.encode(), None).unwrap();
    file(200, Content::Chunks(list))
}

#[test]
fn what_is_lost_costs_itself_and_nothing_else() {
    let store = Store::new();
    store.add(|writer| vec![sound(writer)]);
    let whole = store.snapshots();
    for _ in 0..2 {
        store.add(|writer| {
            vec![
                ("blob", file(100, Content::Blob(LOST))),
                ("chunk", chunked(writer, ExtentKind::Data(LOST))),
                ("directory", Kind::Directory(LOST)),
                ("half", half_lost(writer)),
                ("holes", chunked(writer, ExtentKind::Hole)),
                ("list", file(100, Content::Chunks(LOST))),
                sound(writer),
            ]
        });
    }
    let lossy = store.snapshots().into_iter().filter(|id| !whole.contains(id)).count();
    assert_eq!(lossy, 1, "equal snapshots are one");
    let entries =
        |count, last: Option<&str>| Lost::Entries { count, last: last.map(|last| last.as_bytes().into()) };
    let expected = [
        ("blob", Lost::Content),
        ("chunk", Lost::Content),
        ("directory", entries(None, None)),
        ("half", entries(Some(130), Some("w"))),
        ("list", Lost::Content),
    ]
    .map(|(path, lost)| (path.to_owned(), lost));
    let (foretold, losses) = store.repair(true);
    assert_eq!(losses, expected);
    assert!(foretold.repaired_snapshots[0].new.is_none() && store.snapshots().len() == 2);
    let (repaired, losses) = store.repair(false);
    assert_eq!(losses, expected);
    assert!(store.check().is_clean(), "{:?}", store.check());
    let told = &repaired.repaired_snapshots[0];
    let new = told.new.unwrap();
    let mut now = [whole.clone(), vec![new]].concat();
    now.sort_unstable();
    assert_eq!(store.snapshots(), now);
    assert!(store.root.join(told.quarantined.as_ref().unwrap()).exists());
    let (manifest, entries) = store.open(new);
    let names = |lost: bool| {
        let with = entries.iter().filter(move |(_, entry)| entry.not_read().is_some() == lost);
        with.map(|(name, _)| name.as_str()).collect::<Vec<_>>()
    };
    assert_eq!(names(false), ["holes", "sound"]);
    assert_eq!(names(true), ["blob", "chunk", "directory", "half", "list"]);
    assert!(entries.iter().all(|(name, entry)| name != "blob" || entry.size() == 100));
    // What was below a lost directory is not taken for deleted.
    assert!(manifest.root.gaps.below);
    let repository = Repository::open(&store.root, Access::Read).unwrap();
    assert!(list(&repository, &entries[2].1).is_empty());
    assert_eq!(list(&repository, &entries[3].1).len(), 3);
    assert_eq!(manifest.status, Status::Partial);
    let totals = Totals { files: 5, directories: 3, others: 0, bytes: 2200, troubled: 5 };
    assert_eq!(manifest.totals, totals);
    assert!(store.repair(false).0.is_clean());
}

#[test]
fn lost_attributes_and_links_cost_no_file() {
    let store = Store::new();
    {
        let repository = Repository::open(&store.root, Access::Write).unwrap();
        let mut writer = repository.writer().unwrap();
        let mut directory = DirectoryWriter::default();
        let mut body = Vec::new();
        let with = Entry { xattrs: Xattrs::Blob(LOST), ..entry(sound(&mut writer).1) };
        with.encode(&mut body);
        directory.push(&mut writer, b"file", &body).unwrap();
        let inner = directory.finish(&mut writer).unwrap();
        let mut body = Vec::new();
        entry(Kind::Directory(inner)).encode(&mut body);
        let mut directory = DirectoryWriter::default();
        directory.push(&mut writer, b"in", &body).unwrap();
        let root = directory.finish(&mut writer).unwrap();
        let sound = manifest(root);
        let manifest = Manifest {
            root: Entry { xattrs: Xattrs::Blob(LOST), ..sound.root },
            links_len: 108,
            links: Content::Blob(LOST),
            ..sound
        };
        writer.commit(&manifest).unwrap();
    }
    let (repaired, losses) = store.repair(false);
    let expected = [("", Lost::Links), ("", Lost::Xattrs), ("in/file", Lost::Xattrs)];
    assert_eq!(losses, expected.map(|(path, lost)| (path.to_owned(), lost)));
    assert!(store.check().is_clean(), "{:?}", store.check());
    let (manifest, entries) = store.open(repaired.repaired_snapshots[0].new.unwrap());
    assert_eq!((manifest.links_len, manifest.links), (0, Content::empty()));
    assert_eq!(manifest.root.xattrs, Xattrs::None);
    let repository = Repository::open(&store.root, Access::Read).unwrap();
    let files = list(&repository, &entries[0].1);
    assert_eq!(files.len(), 1);
    assert_eq!((&files[0].1.xattrs, files[0].1.size()), (&Xattrs::None, 500));
}

#[test]
fn what_an_interrupted_repair_stored_counts_as_saved() {
    let store = Store::new();
    store.add(|writer| {
        let contents = [1, 2].map(|seed| {
            // Incompressible bytes that are too long for one block.
            let mut bytes = vec![0; 700_000];
            blake3::Hasher::new().update(&[seed]).finalize_xof().fill(&mut bytes);
            file(700_000, Content::Blob(writer.put(PackKind::Data, &bytes, None).unwrap()))
        });
        vec![("one", contents[0].clone()), ("two", contents[1].clone())]
    });
    let size = |path: &PathBuf| std::fs::metadata(path).unwrap().len();
    let pack = pack_files(&store.root).into_iter().max_by_key(size).unwrap();
    let mut bytes = std::fs::read(&pack).unwrap();
    bytes[1000] ^= 1;
    std::fs::write(&pack, bytes).unwrap();
    for stored_before in [0, 1] {
        for dry_run in [true, false] {
            let (repaired, _) = store.repair(dry_run);
            let [damaged] = &*repaired.damaged_packs else { panic!("{repaired:?}") };
            assert_eq!((damaged.salvaged, damaged.stored_before), (1, stored_before));
            // Undoes the quarantine, as if the repair had been interrupted before it.
            damaged
                .quarantined
                .iter()
                .for_each(|path| std::fs::rename(store.root.join(path), &pack).unwrap());
        }
    }
    store.repair(false);
    assert!(store.repair(false).0.is_clean() && store.check().is_clean());
}

#[test]
fn a_failure_that_may_pass_is_no_damage() {
    let store = Store::new();
    store.add(|writer| vec![sound(writer)]);
    let pack = pack_files(&store.root).remove(0);
    // A folder in the pack's place is not opened. The pack may still exist elsewhere.
    let bytes = std::fs::read(&pack).unwrap();
    std::fs::remove_file(&pack).unwrap();
    std::fs::create_dir(&pack).unwrap();
    let result =
        repair(&store.root, RepairOptions::default(), &Silent, &Cancellation::default(), &mut |_| {});
    assert!(
        matches!(result, Err(MaintainError::Store(crate::store::StoreError::Foreign { .. }))),
        "{result:?}"
    );
    std::fs::remove_dir(&pack).unwrap();
    std::fs::write(&pack, bytes).unwrap();
    assert!(store.repair(false).0.is_clean());
}
