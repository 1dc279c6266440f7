//! Tests of directories and contents against simple models, in a real repository on disk.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::sync::Arc;

use proptest::prelude::*;

mod bounds;
mod copies;

use super::*;
use crate::format::{BlobId, Content, Entry, Kind, PACK_HEADER_LEN, PackKind, SnapshotId};
use crate::testing::samples::{self, manifest, pack_files};

pub(super) mod bad_sector;
mod duplicates;
mod index;
mod other_bases;
mod search;

struct Store {
    directory: tempfile::TempDir,
}

impl Store {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        Repository::init(&directory.path().join("repository")).unwrap();
        Self { directory }
    }

    fn open(&self, access: Access) -> Repository {
        Repository::open(&self.directory.path().join("repository"), access).unwrap()
    }
}

/// A repository without a disk.
struct InMemory(Arc<dyn Backend>);

impl InMemory {
    fn new() -> Self {
        let backend: Arc<dyn Backend> = Arc::new(MemoryBackend::default());
        Repository::init_on(&backend, None).unwrap();
        Self(backend)
    }

    fn open(&self, access: Access) -> Repository {
        Repository::open_on(self.0.clone(), None, access).unwrap()
    }
}

fn entry(uid: u32) -> Entry {
    let mut entry = samples::entry(Kind::Fifo);
    entry.attributes.uid = uid;
    entry
}

fn write_directory(writer: &mut Writer, entries: &BTreeMap<Vec<u8>, u32>) -> BlobId {
    let mut directory = DirectoryWriter::default();
    for (name, uid) in entries {
        let mut body = Vec::new();
        entry(*uid).encode(&mut body);
        directory.push(writer, name, &body).unwrap();
    }
    directory.finish(writer).unwrap()
}

fn list(reader: &Reader, id: BlobId, skip: u64) -> Vec<(Vec<u8>, u32)> {
    let mut cursor = DirectoryCursor::new(reader.clone(), id, skip);
    let mut found = Vec::new();
    while let Some((name, entry)) = cursor.next_entry().unwrap() {
        found.push((name.to_vec(), entry.attributes.uid));
    }
    found
}

/// Stores two packs whose blocks have the same length. Returns their blobs.
fn two_packs(repository: &Repository) -> [BlobId; 2] {
    [[1u8; 100], [2u8; 100]].map(|bytes| {
        let mut writer = repository.writer().unwrap();
        let id = writer.put(PackKind::Data, &bytes, None).unwrap();
        writer.commit(&manifest(id)).unwrap();
        id
    })
}

fn numbered(count: u32) -> BTreeMap<Vec<u8>, u32> {
    (0..count).map(|n| (format!("file {n:07}").into_bytes(), n)).collect()
}

#[test]
fn directories_of_all_sizes_are_found_and_listed() {
    let store = InMemory::new();
    let repository = store.open(Access::Write);
    let mut writer = repository.writer().unwrap();
    let sizes = [0, 1, 2, 127, 128, 129, 1000, 20_000, 60_000];
    let written: Vec<_> =
        sizes.map(|size| (numbered(size), write_directory(&mut writer, &numbered(size)))).into();
    writer.commit(&manifest(written[0].1)).unwrap();
    let reader = repository.reader(CacheSizes::default());
    for (model, id) in written {
        let model_list: Vec<_> = model.clone().into_iter().collect();
        assert_eq!(list(&reader, id, 0), model_list);
        for skip in [1, 255, 256, 9_999, 60_000, u64::MAX] {
            let rest: Vec<_> = model_list.iter().skip(usize::try_from(skip).unwrap()).cloned().collect();
            assert_eq!(list(&reader, id, skip), rest, "{} entries, {skip} skipped", model.len());
        }
        for (name, uid) in model.iter().step_by(97) {
            assert_eq!(lookup(&reader, &id, name).unwrap(), Some(entry(*uid)));
        }
        for absent in [&b"a"[..], b"file 00000005", b"zzz"] {
            assert_eq!(lookup(&reader, &id, absent).unwrap(), None);
        }
    }
}

#[test]
fn one_change_in_a_large_directory_rewrites_few_nodes() {
    let store = InMemory::new();
    let repository = store.open(Access::Write);
    let mut entries = numbered(100_000);
    let mut writer = repository.writer().unwrap();
    let first = write_directory(&mut writer, &entries);
    writer.commit(&manifest(first)).unwrap();

    for change in 0..3 {
        match change {
            0 => drop(entries.insert(b"file 0050000".into(), 7)),
            1 => drop(entries.insert(b"file 0050000 and more".into(), 7)),
            _ => drop(entries.remove(&b"file 0000000"[..])),
        }
        let mut writer = repository.writer().unwrap();
        let changed = write_directory(&mut writer, &entries);
        let (_, statistics) = writer.commit(&manifest(changed)).unwrap();
        assert!(statistics.new_blobs <= 5, "{statistics:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn contents_survive(
        runs in prop::collection::vec((any::<bool>(), 0usize..3_000_000, any::<u8>()), 0..6),
        reads in prop::collection::vec((any::<prop::sample::Index>(), 0usize..700_000), 8),
    ) {
        let store = InMemory::new();
        let repository = store.open(Access::Write);
        let mut writer = repository.writer().unwrap();
        let mut content_writer = ContentWriter::default();
        let mut model = Vec::new();
        let mut holes = 0;
        for (is_hole, len, seed) in runs {
            if is_hole {
                model.resize(model.len() + len, 0);
                holes += len as u64;
                content_writer.hole(&mut writer, len as u64).unwrap();
            } else {
                let mut state = u64::from(seed);
                let bytes: Vec<u8> = (0..len).map(|_| {
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    (state >> 40) as u8
                }).collect();
                content_writer.data(&mut writer, &mut Cursor::new(&bytes), u64::MAX).unwrap();
                model.extend(bytes);
            }
        }
        let (size, in_holes, content) = content_writer.finish(&mut writer).unwrap();
        prop_assert_eq!((size, in_holes), (model.len() as u64, holes));
        let root = write_directory(&mut writer, &BTreeMap::new());
        writer.commit(&manifest(root)).unwrap();

        let repository = { drop(repository); store.open(Access::Read) };
        let reader = repository.reader(CacheSizes { blocks: 1 << 20, deltas: 1 << 20, catalogues: 1, nodes: 1 });
        let file = FileReader { reader: &reader, content: &content, size };
        let mut all = Vec::new();
        file.read(0, usize::MAX, &mut all).unwrap();
        prop_assert!(all == model);
        for (at, len) in reads {
            let at = at.index(model.len() + 1);
            let mut part = Vec::new();
            file.read(at as u64, len, &mut part).unwrap();
            prop_assert!(part == model[at..model.len().min(at + len)]);
            prop_assert!(*file.bytes(at as u64, len).unwrap() == part[..]);
        }
        prop_assert!(file.bytes(size + 5, 10).unwrap().is_empty());
    }
}

#[test]
fn a_hole_of_no_bytes_leaves_no_trace() {
    let store = InMemory::new();
    let repository = store.open(Access::Write);
    let mut writer = repository.writer().unwrap();
    // Such a content results from a file with holes that was emptied, or cut to a few bytes, before it was
    // read.
    for bytes in [&b""[..], b"few bytes"] {
        let mut content_writer = ContentWriter::default();
        content_writer.hole(&mut writer, 0).unwrap();
        content_writer.data(&mut writer, &mut Cursor::new(bytes), 100).unwrap();
        let content = content_writer.finish(&mut writer).unwrap();
        assert_eq!(content, (bytes.len() as u64, 0, Content::Inline(bytes.into())));
    }
}

/// Stores a file of 6000 pieces: each holds its number, and a hole up to the next hundred bytes. Every piece
/// is an extent, so the file needs lists of lists.
fn full_of_holes(writer: &mut Writer) -> (u64, Content) {
    let mut content = ContentWriter::default();
    for piece in 0..6000u32 {
        content.data(writer, &mut Cursor::new(piece.to_le_bytes()), 4).unwrap();
        content.hole(writer, 96).unwrap();
    }
    let (size, _, content) = content.finish(writer).unwrap();
    (size, content)
}

#[test]
fn data_and_holes_are_found_from_any_place() {
    let store = InMemory::new();
    let repository = store.open(Access::Write);
    let mut writer = repository.writer().unwrap();
    let (size, content) = full_of_holes(&mut writer);
    let mut content_writer = ContentWriter::default();
    let whole = content_writer.data(&mut writer, &mut Cursor::new([7; 1000]), 1000).unwrap();
    let (_, _, blob) = content_writer.finish(&mut writer).unwrap();
    let root = write_directory(&mut writer, &BTreeMap::new());
    writer.commit(&manifest(root)).unwrap();
    let reader = repository.reader(CacheSizes::default());
    let file = FileReader { reader: &reader, content: &content, size };
    let seek = |offset, hole| file.seek(offset, hole).unwrap();
    for piece in [0u64, 1, 255, 256, 4095, 5998] {
        let start = piece * 100;
        assert_eq!((seek(start, false), seek(start, true)), (Some(start), Some(start + 4)));
        assert_eq!((seek(start + 3, false), seek(start + 3, true)), (Some(start + 3), Some(start + 4)));
        assert_eq!((seek(start + 4, false), seek(start + 50, true)), (Some(start + 100), Some(start + 50)));
    }
    assert_eq!((seek(size - 1, false), seek(size - 1, true)), (None, Some(size - 1)));
    assert_eq!((seek(size, false), seek(size, true), seek(u64::MAX, true)), (None, None, None));
    let file = FileReader { reader: &reader, content: &blob, size: whole };
    assert_eq!(file.seek(10, false).unwrap(), Some(10));
    assert_eq!(file.seek(10, true).unwrap(), Some(whole));
}

#[test]
fn a_long_chunk_list_is_itself_cut() {
    let store = InMemory::new();
    let repository = store.open(Access::Write);
    let mut writer = repository.writer().unwrap();
    let (size, content) = full_of_holes(&mut writer);
    let root = write_directory(&mut writer, &BTreeMap::new());
    writer.commit(&manifest(root)).unwrap();
    let reader = repository.reader(CacheSizes::default());
    let Content::Chunks(id) = &content else { panic!("{content:?}") };
    assert!(reader.chunk_list(id).unwrap().level() > 0);
    for piece in [0u32, 1, 255, 256, 4095, 5999] {
        let mut bytes = Vec::new();
        let file = FileReader { reader: &reader, content: &content, size };
        file.read(u64::from(piece) * 100, 4, &mut bytes).unwrap();
        assert_eq!(bytes, piece.to_le_bytes());
    }
}

#[test]
fn a_dropped_writer_leaves_no_snapshot_and_the_index_can_be_lost() {
    let store = Store::new();
    let repository = store.open(Access::Write);
    let mut writer = repository.writer().unwrap();
    write_directory(&mut writer, &numbered(10));
    drop(writer);
    assert_eq!(repository.snapshots().unwrap(), []);

    let mut writer = repository.writer().unwrap();
    let root = write_directory(&mut writer, &numbered(1000));
    let (id, _) = writer.commit(&manifest(root)).unwrap();
    let index = repository.root().join(INDEX);
    drop(repository);
    for damage in [None, Some(&b"this is no index"[..])] {
        match damage {
            None => std::fs::remove_file(&index).unwrap(),
            Some(bytes) => std::fs::write(&index, bytes).unwrap(),
        }
        let repository = store.open(Access::Read);
        assert_eq!(repository.snapshots().unwrap(), [id]);
        let reader = repository.reader(CacheSizes::default());
        assert_eq!(list(&reader, root, 0).len(), 1000);
    }
}

#[test]
fn a_reader_sees_what_a_writer_adds_beside_it() {
    let store = Store::new();
    let reading = store.open(Access::Read);
    let reader = reading.reader(CacheSizes::default());
    let writing = store.open(Access::Write);
    let mut seen: Vec<SnapshotId> = Vec::new();
    for count in 1..5 {
        let mut writer = writing.writer().unwrap();
        let root = write_directory(&mut writer, &numbered(count * 300));
        seen.push(writer.commit(&manifest(root)).unwrap().0);
        seen.sort_unstable();
        let mut listed = reading.snapshots().unwrap();
        listed.sort_unstable();
        assert_eq!(listed, seen);
        assert_eq!(list(&reader, root, 0).len(), count as usize * 300);
    }
    assert!(matches!(Repository::open(reading.root(), Access::Write), Err(StoreError::Locked { .. })));
}

#[test]
fn a_reader_follows_an_index_that_is_made_again() {
    let store = Store::new();
    let mut writing = store.open(Access::Write);
    let commit = |repository: &Repository, count: u32| {
        let mut writer = repository.writer().unwrap();
        let root = write_directory(&mut writer, &numbered(count));
        writer.commit(&manifest(root)).unwrap();
        root
    };
    commit(&writing, 10);
    let reading = store.open(Access::Read);
    let reader = reading.reader(CacheSizes::default());
    for count in [20, 30] {
        drop(writing);
        std::fs::remove_file(reading.root().join(INDEX)).unwrap();
        writing = store.open(Access::Write);
        let root = commit(&writing, count);
        assert_eq!(list(&reader, root, 0).len(), count as usize);
    }
}

#[test]
fn a_reader_with_an_index_in_memory_sees_what_a_writer_adds() {
    let store = Store::new();
    let root = store.open(Access::Read).root().to_owned();
    let [index, temporary] = [INDEX, "tmp"].map(|name| root.join(name));
    // There is no index, and no place to write one.
    std::fs::remove_file(&index).unwrap();
    std::fs::remove_dir_all(&temporary).unwrap();
    std::fs::write(&temporary, "no folder").unwrap();
    let reading = store.open(Access::Read);
    assert!(reading.has_index_in_memory());
    let reader = reading.reader(CacheSizes::default());
    std::fs::remove_file(&temporary).unwrap();
    let writing = store.open(Access::Write);
    let mut writer = writing.writer().unwrap();
    let root = write_directory(&mut writer, &numbered(10));
    writer.commit(&manifest(root)).unwrap();
    assert_eq!(list(&reader, root, 0).len(), 10);
}

#[test]
fn a_block_in_the_place_of_another_is_noticed() {
    let store = Store::new();
    let repository = store.open(Access::Write);
    let [one, other] = two_packs(&repository);
    let place = |id: &BlobId| repository.reader(CacheSizes::default()).blob(id);
    assert_eq!(place(&one).unwrap()[..], [1; 100]);
    let files = pack_files(repository.root());
    let [from, mut to] = [0, 1].map(|at: usize| std::fs::read(&files[at]).unwrap());
    let block = PACK_HEADER_LEN..PACK_HEADER_LEN + 40;
    to[block.clone()].copy_from_slice(&from[block]);
    std::fs::write(&files[1], to).unwrap();
    let results = [place(&one), place(&other)];
    assert_eq!(results.iter().filter(|result| result.is_err()).count(), 1, "{results:?}");
}

/// Bytes like text. They compress alone, but far less than against another version of themselves.
fn prose(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed;
    let mut next = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 33) as u32
    };
    let words: Vec<String> = (0..400).map(|_| format!("{:x}", next() % 100_000)).collect();
    let mut text = Vec::with_capacity(len + 16);
    while text.len() < len {
        text.extend(words[next() as usize % words.len()].bytes());
        text.push(b' ');
    }
    text.truncate(len);
    text
}

/// The files of one version, and their contents.
struct Version {
    files: Vec<Vec<u8>>,
    contents: Vec<(u64, Content)>,
}

#[test]
fn versions_are_small_and_all_come_back() {
    let store = InMemory::new();
    let mut versions: Vec<Version> = Vec::new();
    let mut added = Vec::new();
    // Small files, and one that has many chunks.
    let mut files: Vec<Vec<u8>> =
        (0..30).map(|n| prose(n, 20_000)).chain([prose(99, 5 << 20), Vec::new()]).collect();
    for version in 0..12u64 {
        let repository = store.open(Access::Write);
        let mut writer = repository.writer().unwrap();
        let mut contents = Vec::new();
        for (n, file) in files.iter().enumerate() {
            let mut content_writer = ContentWriter::default();
            if let Some(last) = versions.last() {
                content_writer.delta_hint(last.contents[n].1.clone());
            }
            content_writer.data(&mut writer, &mut file.as_slice(), u64::MAX).unwrap();
            let (size, _, content) = content_writer.finish(&mut writer).unwrap();
            contents.push((size, content));
        }
        let root = write_directory(&mut writer, &BTreeMap::new());
        let (_, statistics) = writer.commit(&manifest(root)).unwrap();
        added.push(statistics.stored_bytes);
        versions.push(Version { files: files.clone(), contents });
        for (n, file) in files.iter_mut().enumerate() {
            let at = (version as usize * 7919 + n * 31) % (file.len() + 1);
            file.splice(at..at, prose(version * 1000 + n as u64, 40));
        }
    }
    assert!(added[1..].iter().all(|size| *size < added[0] / 10), "{added:?}");

    let repository = store.open(Access::Read);
    let reader = repository.reader(CacheSizes { blocks: 1, deltas: 1, catalogues: 1, nodes: 1 });
    for Version { files, contents } in versions {
        for (file, (size, content)) in files.iter().zip(&contents) {
            let mut bytes = Vec::new();
            FileReader { reader: &reader, content, size: *size }.read(0, usize::MAX, &mut bytes).unwrap();
            assert!(bytes == *file);
        }
    }
}

#[test]
fn what_changes_entirely_becomes_a_base_again() {
    let store = InMemory::new();
    let repository = store.open(Access::Write);
    let put = |bytes: &[u8], previous| {
        let mut writer = repository.writer().unwrap();
        let id = writer.put(PackKind::Data, bytes, previous).unwrap();
        let root = write_directory(&mut writer, &BTreeMap::new());
        writer.commit(&manifest(root)).unwrap();
        id
    };
    let mut text = prose(1, 50_000);
    let first = put(&text, None);
    text.extend(b"a little more");
    let second = put(&text, Some(first));
    let other = put(&prose(2, 50_000), Some(second));
    let reader = repository.reader(CacheSizes::default());
    let base = |id| reader.base_of(&id).unwrap().unwrap().id;
    assert_eq!([base(first), base(second), base(other)], [first, first, other]);
}

#[test]
fn a_pack_that_cannot_be_read_does_not_hide_the_others() {
    let store = Store::new();
    let repository = store.open(Access::Write);
    let [one, other] = two_packs(&repository);
    let root = repository.root().to_owned();
    drop(repository);
    let pack = pack_files(&root).remove(0);
    std::fs::remove_file(&pack).unwrap();
    // A directory in the pack's place cannot be read, like a bad sector.
    std::fs::create_dir(&pack).unwrap();
    std::fs::remove_file(root.join(INDEX)).unwrap();
    for access in [Access::Read, Access::Write] {
        let reader = store.open(access).reader(CacheSizes::default());
        assert_eq!([one, other].iter().filter(|id| reader.blob(id).is_ok()).count(), 1);
    }
}

#[test]
fn what_a_damaged_pack_held_is_stored_again() {
    let store = Store::new();
    let put = |bytes: &[u8]| {
        let repository = store.open(Access::Write);
        let mut writer = repository.writer().unwrap();
        let id = writer.put(PackKind::Data, bytes, None).unwrap();
        writer.commit(&manifest(id)).unwrap();
        (id, repository.has_lost_packs())
    };
    let (id, lost) = put(&[1; 100]);
    assert!(!lost);
    let root = store.open(Access::Read).root().to_owned();
    let pack = pack_files(&root).remove(0);
    let bytes = std::fs::read(&pack).unwrap();
    std::fs::write(&pack, &bytes[..bytes.len() - 1]).unwrap();
    let read = || store.open(Access::Read).reader(CacheSizes::default()).blob(&id).map(|blob| blob.to_vec());
    assert!(read().is_err());
    assert_eq!(put(&[1; 100]), (id, true));
    assert_eq!(read().unwrap(), [1; 100]);
}
