//! A short history of a small tree, and helpers that read it back.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;

use super::clock::ManualClock;
use crate::format::{BlobId, Entry, Kind, Manifest, SnapshotId, StatTrailer, Time};
use crate::history::Snapshot;
use crate::import::{ImportOptions, Options, walk};
use crate::monitor::{Cancellation, Silent};
use crate::store::{CacheSizes, DirectoryCursor, FileReader, Reader, Repository, StoreError};

/// Files by path.
pub(super) type Files = BTreeMap<String, Vec<u8>>;

/// Versions of a tree. They need full blocks, deltas, chunk lists, directories of several nodes, and packs of
/// both kinds.
pub(super) fn versions() -> Vec<Files> {
    let mut files = Files::new();
    for n in 0..300 {
        files.insert(format!("many/{n:03}"), format!("file {n}, longer than what is kept inline").into());
    }
    for n in 0..8 {
        files.insert(format!("src/{n}/text"), text(n, 6000));
    }
    files.insert("large".into(), text(99, 150_000));
    files.insert("empty".into(), Vec::new());
    let mut versions = vec![files.clone()];
    for change in 1..4u64 {
        for n in 0..4 {
            let file = files.get_mut(&format!("src/{}/text", n + change)).unwrap();
            file.splice(1000..1100, text(change * 10 + n, 200));
        }
        files.get_mut("large").unwrap().splice(70_000..70_010, text(change, 30));
        files.remove(&format!("many/{:03}", change * 50));
        files.insert(format!("new/{change}"), text(200 + change, 3000));
        versions.push(files.clone());
    }
    versions
}

/// Words that repeat, so that compression and deltas pay.
fn text(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed;
    let mut text = Vec::new();
    while text.len() < len {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        text.extend(format!("{:x} ", (state >> 33) % 5000).bytes());
    }
    text.truncate(len);
    text
}

/// Writes a version to disk.
pub(super) fn plant(files: &Files, root: &Path) {
    for (path, bytes) in files {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}

/// Imports the tree at `tree` as the snapshot of second `time`, with the last one before it as its parent.
pub(super) fn import(repository: &Repository, tree: &Path, time: i64) -> SnapshotId {
    let snapshots = repository.snapshots().unwrap();
    let snapshots: Vec<_> = snapshots
        .into_iter()
        .map(|id| Snapshot { id, manifest: repository.manifest(&id).unwrap() })
        .collect();
    let clock = Arc::new(ManualClock::new(Timestamp::from_second(time).unwrap()));
    let import = ImportOptions { clock, ..ImportOptions::default() };
    let parent = snapshots.iter().max_by_key(|snapshot| snapshot.manifest.time);
    let options = Options { parent, ..Options::default() };
    let mut writer = repository.writer().unwrap();
    let mut stat_cache = repository.stat_cache_writer(b"tree", b"");
    let walked =
        walk(tree, &import, &options, &mut writer, &mut stat_cache, &Silent, &Cancellation::default())
            .unwrap();
    let id = writer.commit(&Manifest { source: b"tree"[..].into(), ..walked.manifest }).unwrap().0;
    stat_cache.finish(&StatTrailer { snapshot: id, ..walked.stat_trailer }).unwrap();
    id
}

/// Gives a snapshot a tag.
pub(super) fn give(repository: &Repository, snapshot: SnapshotId, name: &str) {
    assert!(repository.tag(snapshot, name, Time::default()).unwrap());
}

/// The readable tags of snapshots.
pub(super) fn names(repository: &Repository) -> Vec<(SnapshotId, Box<str>)> {
    repository.tags().unwrap().0.into_iter().map(|tag| (tag.snapshot, tag.name)).collect()
}

/// Reads every byte of every file of a snapshot.
pub(super) fn read(reader: &Reader, repository: &Repository, id: SnapshotId) -> Files {
    let manifest = repository.manifest(&id).unwrap();
    let Kind::Directory(root) = manifest.root.kind else { panic!("{:?}", manifest.root) };
    let mut files = Files::new();
    let mut fail = |error: StoreError| panic!("{error}");
    read_directory(reader, root, Path::new(""), &mut files, &mut fail);
    files
}

/// Reads every byte of every file below the root of a snapshot.
pub(crate) fn read_files(repository: &Repository, root: &Entry) -> Files {
    let Kind::Directory(root) = root.kind else { panic!("{root:?}") };
    let mut files = Files::new();
    let reader = repository.reader(CacheSizes::default());
    read_directory(&reader, root, Path::new(""), &mut files, &mut |error| panic!("{error}"));
    files
}

/// Reads the files below a directory. `fail` receives the errors of files that cannot be read.
pub(super) fn read_directory(
    reader: &Reader,
    id: BlobId,
    path: &Path,
    files: &mut Files,
    fail: &mut dyn FnMut(StoreError),
) {
    let mut cursor = DirectoryCursor::new(reader.clone(), id, 0);
    let mut entries: Vec<(PathBuf, Kind)> = Vec::new();
    loop {
        match cursor.next_entry() {
            Ok(Some((name, entry))) => {
                entries.push((path.join(std::str::from_utf8(&name).unwrap()), entry.kind));
            }
            Ok(None) => break,
            Err(error) => break fail(error),
        }
    }
    for (path, kind) in entries {
        match kind {
            Kind::Directory(id) => read_directory(reader, id, &path, files, fail),
            Kind::File { size, content, .. } => {
                let mut bytes = Vec::new();
                let file = FileReader { reader, content: &content, size };
                match file.read(0, usize::MAX, &mut bytes) {
                    Ok(()) => drop(files.insert(path.to_str().unwrap().to_owned(), bytes)),
                    Err(error) => fail(error),
                }
            }
            other => panic!("{other:?}"),
        }
    }
}
