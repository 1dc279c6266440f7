use std::fs;

use jiff::tz::TimeZone;
use tempfile::TempDir;

use super::*;
use crate::format::{BlobId, Manifest, Time};
use crate::history::Sources;
use crate::store::Access;
use crate::testing::samples;

/// A repository with a snapshot of `source` in each of these seconds, and its folder.
fn repository(seconds: &[i64]) -> (TempDir, Repository) {
    let folder = tempfile::tempdir().unwrap();
    Repository::init(folder.path()).unwrap();
    for second in seconds {
        let repository = Repository::open(folder.path(), Access::Write).unwrap();
        let time = Time::new(*second, 0).unwrap();
        let manifest = Manifest { time, started: time, ..samples::manifest(BlobId([1; 32])) };
        repository.writer().unwrap().commit(&manifest).unwrap();
    }
    let repository = Repository::open(folder.path(), Access::Write).unwrap();
    (folder, repository)
}

/// Gives a tag to the snapshot at an index of `source`.
fn give(repository: &Repository, index: usize, name: &str) -> TagId {
    let sources = Sources::load(repository, &TimeZone::UTC, &Sources::default()).unwrap();
    let snapshot = sources.get(b"source").unwrap().snapshot(index).unwrap().id;
    let tag = Tag { snapshot, source: (*b"source").into(), name: name.into(), given: Time::default() };
    repository.put_tag(&tag).unwrap();
    tag.id(repository.keys())
}

#[test]
fn what_cannot_be_read_is_passed_over() {
    let (folder, repository) = repository(&[1, 2]);
    let damaged = give(&repository, 0, "damaged");
    give(&repository, 0, "sound");
    let orphan = Tag {
        snapshot: SnapshotId([9; 32]),
        source: (*b"source").into(),
        name: "orphan".into(),
        given: Time::default(),
    };
    repository.put_tag(&orphan).unwrap();
    let root = folder.path();
    fs::write(root.join("tags").join(damaged.to_string()), b"YTAG, but no more").unwrap();
    let zone = TimeZone::UTC;
    let sources = Sources::load(&repository, &zone, &Sources::default()).unwrap();
    assert!(!sources.is_incomplete());
    let source = sources.get(b"source").unwrap();
    assert_eq!(source.tags().map(|(tag, index)| (&*tag.name, index)).collect::<Vec<_>>(), [("sound", 0)]);
    // If the folder of tags cannot be listed, only the tags are missing, not the snapshots.
    fs::remove_dir_all(root.join("tags")).unwrap();
    fs::write(root.join("tags"), b"no folder").unwrap();
    let sources = Sources::load(&repository, &zone, &sources).unwrap();
    assert!(sources.is_incomplete());
    assert_eq!(sources.get(b"source").unwrap().timeline.len(), 2);
}

#[test]
fn what_is_known_is_not_read_again() {
    let (folder, repository) = repository(&[1]);
    let id = give(&repository, 0, "kept");
    let known = Tags::load(&repository, &Tags::default());
    // From now on, only the name is looked at.
    fs::write(folder.path().join("tags").join(id.to_string()), b"other bytes").unwrap();
    let again = Tags::load(&repository, &known);
    assert!(Arc::ptr_eq(&known.by_id[&id], &again.by_id[&id]));
    assert!(Tags::load(&repository, &Tags::default()).by_id.is_empty());
}

#[test]
fn names_that_mean_something_are_taken() {
    let taken = [
        "latest",
        "LATEST",
        "latest~2",
        "first",
        "today",
        "Monday",
        "3d",
        "6h",
        "2024",
        "12345",
        "2024-06-01",
        "2024-06-01T03-00-00_2",
        "2024-02-30",
        "GMT-2024.06.01-03.00.00",
        "gmt",
        "GMT-x",
        "#1a2b",
        "changes",
        "Versions",
        "42",
    ];
    for name in taken {
        assert!(is_reserved_name(name), "{name}");
    }
    for name in ["before-upgrade", "v2", "2024-05-upgrade", "1.0", "late", "gmtime", "monday2", "größe", "ä"]
    {
        assert!(!is_reserved_name(name), "{name}");
    }
}
