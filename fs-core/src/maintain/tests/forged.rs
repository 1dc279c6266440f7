//! Trees that only a forger makes: a few nodes with more paths than anybody can walk.

use super::*;
use crate::format::{Child, InnerBuilder, LeafBuilder, limits::MAX_LEVELS};
use crate::store::CacheSizes;

const LOST: Content = Content::Blob(BlobId([9; 32]));

/// `levels` directories, one below the other. Each names the next one twice, and the last one holds `bottom`.
fn doubled(writer: &mut Writer, bottom: Kind, levels: u32) -> Kind {
    (0..levels).fold(bottom, |below, _| {
        let mut body = Vec::new();
        entry(below).encode(&mut body);
        let mut directory = DirectoryWriter::default();
        for name in [b"a", b"b"] {
            directory.push(writer, name, &body).unwrap();
        }
        Kind::Directory(directory.finish(writer).unwrap())
    })
}

/// A leaf with these names.
fn leaf(writer: &mut Writer, names: &[&str]) -> BlobId {
    let keys = writer.keys().clone();
    let mut leaf = LeafBuilder::default();
    for name in names {
        let mut body = Vec::new();
        entry(sound(writer).1).encode(&mut body);
        leaf.push(&keys, name.as_bytes(), &body);
    }
    writer.put(PackKind::Metadata, &leaf.finish().0, None).unwrap()
}

/// A directory that shows one name twice: its first leaf has a name beyond the last one that the inner node
/// states.
fn doubled_name(writer: &mut Writer) -> Kind {
    let keys = writer.keys().clone();
    let mut inner = InnerBuilder::new(1);
    for (names, last) in [(["a", "x"], b"b"), (["c", "x"], b"x")] {
        let id = leaf(writer, &names);
        inner.push(&keys, Child { last_name: last.as_slice().into(), entries: 2, id });
    }
    Kind::Directory(writer.put(PackKind::Metadata, &inner.finish().0, None).unwrap())
}

/// A directory whose inner nodes each name the next one many times. The last one is a leaf with a lost file.
fn many_inner_nodes(writer: &mut Writer) -> Kind {
    let keys = writer.keys().clone();
    let mut leaf = LeafBuilder::default();
    for (name, kind) in [("lost", file(100, LOST)), sound(writer)] {
        let mut body = Vec::new();
        entry(kind).encode(&mut body);
        leaf.push(&keys, name.as_bytes(), &body);
    }
    let mut id = writer.put(PackKind::Metadata, &leaf.finish().0, None).unwrap();
    for level in 1..=MAX_LEVELS {
        let mut inner = InnerBuilder::new(level);
        for last in b'a'..=b'z' {
            inner.push(&keys, Child { last_name: [last].into(), entries: 2, id });
        }
        id = writer.put(PackKind::Metadata, &inner.finish().0, None).unwrap();
    }
    Kind::Directory(id)
}

/// A file whose chunk lists each name the next one many times.
fn many_lists(writer: &mut Writer) -> Kind {
    const TIMES: u64 = 50;
    let byte = writer.put(PackKind::Data, &[7], None).unwrap();
    let (mut len, mut below) = (1, ExtentKind::Data(byte));
    for level in 0..=MAX_LEVELS {
        let mut list = ChunkList::new(level);
        for _ in 0..TIMES {
            list.push(len, below);
        }
        len = list.len();
        below = ExtentKind::List(writer.put(PackKind::Metadata, &list.encode(), None).unwrap());
    }
    let ExtentKind::List(top) = below else { unreachable!("a list was just made") };
    file(len, Content::Chunks(top))
}

/// Results of a repair: the number of losses with a path, the number of others, and the report.
fn repair_counted(store: &Store) -> (u64, u64, Repaired) {
    let (mut paths, mut more) = (0, 0);
    let mut on_loss = |damaged: &DamagedPath| match damaged.lost {
        Lost::More(count) => more += count,
        _ => paths += 1,
    };
    let (options, never) = (RepairOptions::default(), Cancellation::default());
    let repaired = repair(&store.root, options, &Silent, &never, &mut on_loss).unwrap();
    assert!(store.check().is_clean(), "{:?}", store.check());
    (paths, more, repaired)
}

#[test]
fn a_tree_with_more_paths_than_can_be_walked() {
    for (levels, losses) in [(60, 1 << 60), (70, u64::MAX)] {
        let store = Store::new();
        store.add(|writer| {
            let (name, file) = sound(writer);
            vec![(name, doubled(writer, file, levels))]
        });
        assert!(store.check().is_clean());
        store.add(|writer| vec![("top", doubled(writer, file(100, LOST), levels))]);
        let report = store.check();
        assert_eq!((report.damaged_paths.len(), report.damaged_snapshots), (100, 1));
        assert_eq!(report.more_damaged_paths, losses - 100);
        let (paths, more, repaired) = repair_counted(&store);
        assert!((100..50_000).contains(&paths), "{paths}");
        assert_eq!((paths + more, repaired.losses()), (losses, losses));
        let repository = Repository::open(&store.root, Access::Read).unwrap();
        let totals = repository.manifest(&repaired.repaired_snapshots[0].new.unwrap()).unwrap().totals;
        assert_eq!((totals.files, totals.directories), (0, losses));
    }
}

#[test]
fn a_directory_with_more_inner_nodes_than_can_be_walked() {
    let store = Store::new();
    store.add(|writer| vec![("top", many_inner_nodes(writer))]);
    // No child is within the bounds that its parent states.
    assert_eq!(store.damaged_paths(), ["top"]);
    let (paths, more, _) = repair_counted(&store);
    assert_eq!((paths, more), (26, 0));
}

#[test]
fn a_name_beyond_the_bounds_of_its_leaf() {
    let store = Store::new();
    // The leaf is within its bounds in another directory, which is checked first.
    store.add(|writer| vec![("other", Kind::Directory(leaf(writer, &["a", "x"]))), sound(writer)]);
    assert!(store.check().is_clean());
    store.add(|writer| vec![("top", doubled_name(writer))]);
    let report = store.check();
    let [Finding { defect: Defect::Blob { role: "directory", .. }, reason }] = &report.findings[..] else {
        panic!("{report:?}")
    };
    assert!(reason.contains("bounds"), "{reason}");
    assert_eq!(store.damaged_paths(), ["top"]);
    let (paths, _, repaired) = repair_counted(&store);
    assert_eq!(paths, 1, "the first leaf is left out");
    let repository = Repository::open(&store.root, Access::Read).unwrap();
    let manifest = repository.manifest(&repaired.repaired_snapshots[0].new.unwrap()).unwrap();
    assert_eq!(manifest.totals.files, 2);
}

#[test]
fn a_file_with_more_lists_than_can_be_walked() {
    let store = Store::new();
    let mut kinds = Vec::new();
    store.add(|writer| {
        kinds = vec![many_lists(writer), file(100, LOST)];
        vec![("lists", kinds[0].clone()), ("lost", kinds[1].clone())]
    });
    assert_eq!(store.damaged_paths(), ["lost"]);
    let reader = Repository::open(&store.root, Access::Read).unwrap().reader(CacheSizes::default());
    let has =
        |kind: &Kind| matches!(kind, Kind::File { size, content, .. } if reader.has_content(content, *size));
    assert!(has(&kinds[0]) && !has(&kinds[1]));
    assert_eq!(repair_counted(&store).0, 1);
}
