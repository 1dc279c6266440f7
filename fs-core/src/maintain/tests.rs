//! Tests of checks, on small repositories that are made through the store.

use std::path::PathBuf;
use std::sync::Mutex;

use super::*;
use crate::format::{
    BlobId, ChunkList, Content, ExtentKind, FRAME_HEADER_LEN, Kind, LinkTableBuilder, Manifest,
    PACK_HEADER_LEN, PackKind, PackTrailer, PathKey, Time, Version,
};
use crate::monitor::{Cancellation, Monitor, Phase, Silent, Work};
use crate::store::{Access, ContentWriter, DirectoryWriter, Repository, Writer};
use crate::testing::samples::{entry, manifest, pack_files};

mod forged;
mod repair;
mod vanished;

struct Store {
    _directory: tempfile::TempDir,
    root: PathBuf,
}

impl Store {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().join("repository");
        Repository::init(&root).unwrap();
        Self { _directory: directory, root }
    }

    /// Adds a snapshot of files. They must be in the order of their names.
    fn add(&self, make: impl FnOnce(&mut Writer) -> Vec<(&'static str, Kind)>) {
        self.add_linked(&[], make);
    }

    /// Adds a snapshot of files with a table of hard links.
    fn add_linked(&self, mut links: &[u8], make: impl FnOnce(&mut Writer) -> Vec<(&'static str, Kind)>) {
        let repository = Repository::open(&self.root, Access::Write).unwrap();
        let mut writer = repository.writer().unwrap();
        let mut directory = DirectoryWriter::default();
        for (name, kind) in make(&mut writer) {
            let mut body = Vec::new();
            entry(kind).encode(&mut body);
            directory.push(&mut writer, name.as_bytes(), &body).unwrap();
        }
        let root = directory.finish(&mut writer).unwrap();
        let mut content = ContentWriter::default();
        content.data(&mut writer, &mut links, u64::MAX).unwrap();
        let (links_len, _, links) = content.finish(&mut writer).unwrap();
        writer.commit(&Manifest { links_len, links, ..manifest(root) }).unwrap();
    }

    fn check(&self) -> Report {
        check(&self.root, CheckOptions { read_data: Some(100) }, &Silent, &Cancellation::default()).unwrap()
    }

    fn damaged_paths(&self) -> Vec<String> {
        let damaged = self.check().damaged_paths;
        damaged.into_iter().map(|damaged| String::from_utf8(damaged.path).unwrap()).collect()
    }
}

fn file(size: u64, content: Content) -> Kind {
    Kind::File { size, holes: 0, content }
}

fn sound(writer: &mut Writer) -> (&'static str, Kind) {
    let id = writer.put(PackKind::Data, &[7; 500], None).unwrap();
    ("sound", file(500, Content::Blob(id)))
}

/// As in a copy of a repository whose index was copied before its packs.
#[test]
fn an_index_that_lacks_packs_is_brought_up_to_date() {
    let store = Store::new();
    store.add(|writer| vec![sound(writer)]);
    let index = store.root.join("index-2.redb");
    let older = std::fs::read(&index).unwrap();
    store.add(|writer| {
        let id = writer.put(PackKind::Data, &[8; 500], None).unwrap();
        vec![("more", file(500, Content::Blob(id)))]
    });
    std::fs::write(&index, older).unwrap();
    let report = store.check();
    assert!(report.is_clean() && !report.index_in_memory, "{report:?}");
    let repository = Repository::open(&store.root, Access::Read).unwrap();
    assert_eq!(repository.indexed_packs().unwrap().len(), pack_files(&store.root).len());
}

#[test]
fn a_sound_repository_is_clean() {
    let store = Store::new();
    assert!(store.check().is_clean());
    store.add(|writer| vec![sound(writer)]);
    store.add(|writer| vec![("again", sound(writer).1), ("empty", file(0, Content::empty()))]);
    let report = store.check();
    assert!(report.is_clean() && report.damaged_paths.is_empty(), "{report:?}");
    assert_eq!((report.snapshots, report.packs, report.blobs), (2, 3, 3));
    assert_eq!(report.blocks_read, 3);
}

#[test]
fn references_to_nothing_are_named_with_their_paths() {
    let store = Store::new();
    let lost = BlobId([9; 32]);
    store.add(|writer| {
        let mut list = ChunkList::new(0);
        list.push(100, ExtentKind::Data(lost));
        let list = writer.put(PackKind::Metadata, &list.encode(), None).unwrap();
        vec![
            ("directory", Kind::Directory(lost)),
            ("list", file(100, Content::Chunks(list))),
            ("lost", file(100, Content::Blob(lost))),
            sound(writer),
        ]
    });
    let report = store.check();
    let lacks = |finding: &Finding| matches!(finding.defect, Defect::Blob { blob, .. } if blob == lost);
    assert!(report.findings.len() == 3 && report.findings.iter().all(lacks), "{report:?}");
    assert_eq!(store.damaged_paths(), ["directory", "list", "lost"]);
    assert_eq!(report.damaged_snapshots, 1);
}

#[test]
fn a_list_of_another_length_and_a_node_that_is_none_are_named() {
    let store = Store::new();
    store.add(|writer| {
        let mut list = ChunkList::new(0);
        list.push(100, ExtentKind::Hole);
        let list = writer.put(PackKind::Metadata, &list.encode(), None).unwrap();
        let nonsense = writer.put(PackKind::Metadata, b"no node", None).unwrap();
        vec![
            ("list", file(99, Content::Chunks(list))),
            ("nonsense", Kind::Directory(nonsense)),
            sound(writer),
        ]
    });
    let report = store.check();
    assert_eq!(report.findings.len(), 2, "{report:?}");
    assert_eq!(store.damaged_paths(), ["list", "nonsense"]);
}

#[test]
fn a_wrong_table_of_hard_links_is_named_once_and_damages_each_snapshot() {
    let mut links = LinkTableBuilder::default();
    links.push(&[1, 2].map(|path| PathKey([path; 16])));
    let mut links = links.finish();
    let store = Store::new();
    store.add_linked(&links, |writer| vec![sound(writer)]);
    assert!(store.check().is_clean());
    // Position of the number of names in the second record.
    links[68] = 3;
    store.add_linked(&links, |writer| vec![sound(writer)]);
    store.add_linked(&links, |writer| vec![("other", sound(writer).1)]);
    let report = store.check();
    let [Finding { defect: Defect::Blob { role: "hard-link table", .. }, reason }] = &*report.findings else {
        panic!("{report:?}")
    };
    assert!(reason.contains("names"), "{reason}");
    assert_eq!(store.damaged_paths(), ["", ""]);
}

#[test]
fn a_pack_that_a_killed_writer_did_not_index_is_no_damage() {
    let store = Store::new();
    store.add(|writer| vec![sound(writer)]);
    let index = store.root.join(crate::store::INDEX);
    let before = std::fs::read(&index).unwrap();
    store.add(|writer| {
        let id = writer.put(PackKind::Data, &[8; 500], None).unwrap();
        vec![("other", file(500, Content::Blob(id)))]
    });
    std::fs::write(&index, before).unwrap();
    let report = store.check();
    assert!(report.is_clean(), "{report:?}");
}

/// Stores a blob in two packs, each with one more blob. Returns the packs, in the order in which they were
/// stored.
fn two_copies(store: &Store) -> [PathBuf; 2] {
    let packs = || pack_files(&store.root);
    let put = |writer: &mut Writer, byte: u8| {
        writer.verify();
        let own = writer.put(PackKind::Data, &[byte; 400], None).unwrap();
        let both = writer.put(PackKind::Data, &[7; 500], None).unwrap();
        vec![("both", file(500, Content::Blob(both))), ("own", file(400, Content::Blob(own)))]
    };
    store.add(|writer| put(writer, 1));
    let before = packs();
    let is_data = |path: &PathBuf| {
        // Position of the catalogue, and of the kind in it.
        let bytes = std::fs::read(path).unwrap();
        let trailer = PackTrailer::decode(Version::Two, &bytes, bytes.len() as u64).unwrap();
        bytes[trailer.offset as usize + FRAME_HEADER_LEN] == 0
    };
    let older = before.iter().find(|path| is_data(path)).unwrap().clone();
    let sound = std::fs::read(&older).unwrap();
    let mut damaged = sound.clone();
    damaged[PACK_HEADER_LEN + FRAME_HEADER_LEN + 4] ^= 4;
    std::fs::write(&older, damaged).unwrap();
    store.add(|writer| put(writer, 2));
    std::fs::write(&older, sound).unwrap();
    let newer = packs().into_iter().find(|path| !before.contains(path) && is_data(path)).unwrap();
    [older, newer]
}

#[test]
fn a_copy_that_the_index_does_not_know_is_no_damage() {
    for victim in 0..2 {
        let store = Store::new();
        let packs = two_copies(&store);
        assert!(store.check().is_clean());
        // Makes an index while one of the packs is missing.
        let aside = store.root.join("aside");
        std::fs::rename(&packs[victim], &aside).unwrap();
        Repository::rebuild_index(&store.root, &Silent, &Cancellation::default()).unwrap();
        std::fs::rename(&aside, &packs[victim]).unwrap();
        let report = store.check();
        assert!(report.is_clean() && report.index.is_none(), "{report:?}");
    }
}

#[test]
fn a_manifest_is_missed_though_its_writer_was_killed_before_it_recorded_it() {
    let store = Store::new();
    store.add(|writer| vec![sound(writer)]);
    let index = store.root.join(crate::store::INDEX);
    let before = std::fs::read(&index).unwrap();
    store.add(|writer| vec![("again", sound(writer).1)]);
    let last = store.check().snapshots;
    std::fs::write(&index, before).unwrap();
    // Opening for writing records the snapshot.
    let repository = Repository::open(&store.root, Access::Write).unwrap();
    let ids = repository.snapshots().unwrap();
    drop(repository);
    assert!(store.check().is_clean());
    for (missed, id) in (1..).zip(&ids) {
        std::fs::remove_file(store.root.join("snapshots").join(id.to_string())).unwrap();
        let report = store.check();
        assert_eq!(report.findings.len(), missed, "{report:?}");
        let named = |finding: &Finding| {
            matches!(&finding.defect, Defect::Manifest { snapshot, record: Some(record) }
                if snapshot == id && &*record.source == b"source" && record.time == Time::default())
        };
        assert!(report.findings.iter().any(named), "{report:?}");
    }
    assert_eq!(ids.len() as u64, last);
}

#[test]
fn what_is_lost_by_the_thousand_is_counted() {
    let store = Store::new();
    let names: Vec<&'static str> = (0..3000).map(|n| &*format!("{n:04}").leak()).collect();
    store.add(|_| {
        let lost = |n: usize| file(100, Content::Blob(BlobId([n as u8; 32])));
        names.iter().enumerate().map(|(n, name)| (*name, lost(n))).collect()
    });
    let report = store.check();
    assert_eq!(report.damaged_paths.len() as u64 + report.more_damaged_paths, 3000);
    assert!(report.damaged_paths.len() <= 100 && report.findings.len() <= 20, "{}", report.findings.len());
    assert_eq!(report.findings.len() as u64 + report.more_findings, 3000);
}

#[test]
fn it_stops_when_asked() {
    struct Asker(Cancellation, Mutex<Vec<Phase>>);
    impl Monitor for Asker {
        fn work(&self, work: &Work) {
            self.1.lock().unwrap().push(work.phase);
            self.0.cancel();
        }
    }
    let store = Store::new();
    store.add(|writer| vec![sound(writer)]);
    let asker = Asker(Cancellation::default(), Mutex::default());
    let stopped = check(&store.root, CheckOptions::default(), &asker, &asker.0);
    assert!(matches!(stopped, Err(MaintainError::Cancelled)), "{stopped:?}");
    assert_eq!(*asker.1.lock().unwrap(), [Phase::Catalogues]);
    let stopped = Repository::rebuild_index(&store.root, &Silent, &asker.0);
    assert!(matches!(stopped, Ok(None)));
    assert!(store.check().is_clean());
}
