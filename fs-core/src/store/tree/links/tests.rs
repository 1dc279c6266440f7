use std::collections::HashMap;

use super::*;
use crate::format::{BlobId, LinkTableBuilder};
use crate::store::{Access, CacheSizes, ContentWriter, Repository, Statistics};
use crate::testing::samples::manifest;

/// Stores `bytes` as the content of a table in a new repository.
fn store(root: &std::path::Path, bytes: &[u8]) -> (Repository, Content) {
    Repository::init(root).unwrap();
    let repository = Repository::open(root, Access::Write).unwrap();
    let (content, _) = add(&repository, bytes);
    (repository, content)
}

fn add(repository: &Repository, bytes: &[u8]) -> (Content, Statistics) {
    let mut writer = repository.writer().unwrap();
    let mut content = ContentWriter::default();
    content.data(&mut writer, &mut &bytes[..], u64::MAX).unwrap();
    let (_, _, content) = content.finish(&mut writer).unwrap();
    let (_, statistics) = writer.commit(&manifest(BlobId([0; 32]))).unwrap();
    (content, statistics)
}

#[test]
fn stored_tables_are_as_maps() {
    for (files, chunked) in [(0, false), (2, false), (1500, false), (30_000, true)] {
        let directory = tempfile::tempdir().unwrap();
        let path = |number: u64| {
            let hash = blake3::hash(&number.to_le_bytes());
            PathKey(*hash.as_bytes().first_chunk().unwrap())
        };
        let mut builder = LinkTableBuilder::default();
        let mut model = HashMap::new();
        for number in (0..files).step_by(2) {
            let pair = [path(number), path(number + 1)];
            builder.push(&pair);
            model.extend(pair.map(|path| (path, Group { first: pair[0].min(pair[1]), names: 2 })));
        }
        let bytes = builder.finish();
        let (repository, content) = store(&directory.path().join("repository"), &bytes);
        assert_eq!(matches!(content, Content::Chunks(_)), chunked);
        // Once with caches of no capacity, and once with large ones.
        for sizes in [CacheSizes { blocks: 0, deltas: 0, catalogues: 0, nodes: 0 }, CacheSizes::default()] {
            let reader = repository.reader(sizes);
            let table = LinkTable::new(&reader, &content, bytes.len() as u64);
            assert_eq!(table.is_empty(), files == 0);
            table.check().unwrap();
            for number in (0..files + 100).step_by(if sizes.blocks == 0 { 1009 } else { 1 }) {
                assert_eq!(table.group(path(number)).unwrap(), model.get(&path(number)).copied());
            }
        }
    }
}

#[test]
fn a_change_in_a_directory_rewrites_one_place() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("repository");
    Repository::init(&root).unwrap();
    let repository = Repository::open(&root, Access::Write).unwrap();
    let keys = repository.keys();
    // A thousand directories of a hundred linked files each. One of them gets up to `more` further files.
    let table = |more: u64| {
        let mut builder = LinkTableBuilder::default();
        for folder in 0..1000u64 {
            let key = keys.path_key(PathKey::ROOT, &folder.to_le_bytes());
            let files = if folder == 500 { 100 + more } else { 100 };
            let paths: Vec<_> = (0..files).map(|file| keys.path_key(key, &file.to_le_bytes())).collect();
            paths.chunks(2).for_each(|pair| builder.push(pair));
        }
        builder.finish()
    };
    let (_, first) = add(&repository, &table(0));
    let (_, second) = add(&repository, &table(30));
    assert!(first.new_bytes > 3_600_000 && second.new_bytes < 1_200_000, "{first:?}, then {second:?}");
}

#[test]
fn a_table_that_is_none_is_refused() {
    let record = |path: u8, names: u8| [[path; 16].as_slice(), &[1; 16], &[names, 0, 0, 0]].concat();
    let wrong: [(Vec<u8>, u64); 5] = [
        (vec![0xff; 36_000], 36_000),
        ([record(1, 2), record(2, 1)].concat(), 72),
        ([record(9, 2), record(1, 2)].concat(), 72),
        // Tables that are shorter or longer than the manifest says.
        ([record(1, 2), record(2, 2)].concat(), 36_000),
        ([record(1, 2), record(2, 2)].concat(), 36),
    ];
    for (bytes, size) in wrong {
        let directory = tempfile::tempdir().unwrap();
        let (repository, content) = store(&directory.path().join("repository"), &bytes);
        let reader = repository.reader(CacheSizes::default());
        let table = LinkTable::new(&reader, &content, size);
        assert!(table.check().unwrap_err().is_damage());
        assert!((0..=0xff_u8).any(|path| table.group(PathKey([path; 16])).is_err()), "{bytes:02x?}");
    }
}
