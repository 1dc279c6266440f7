use std::fs;
use std::os::unix::fs::symlink;

use rustix::fs::{CWD, Timespec, Timestamps};

use super::*;
use crate::history::VERSIONS;
use crate::store::Access;
use crate::view::fixtures::{add_snapshot, open, view};

#[test]
fn a_source_is_there_as_soon_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    Repository::init(directory.path()).unwrap();
    let repository = Repository::open(directory.path(), Access::Read).unwrap();
    let view = open(repository, Scope::Repository);
    let writer = Repository::open(directory.path(), Access::Write).unwrap();
    for (second, source) in [(1, b"one"), (2, b"two")] {
        add_snapshot(&writer, source, second, 1);
        let found = view.lookup(&view.top(), source).unwrap();
        assert!(view.lookup(&found, b"@latest").is_ok());
    }
    assert!(matches!(view.lookup(&view.top(), b"three"), Err(ViewError::NotFound)));
}

#[test]
fn a_snapshot_that_cannot_be_read_for_a_moment_is_there() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    Repository::init(&at("repository")).unwrap();
    add_snapshot(&Repository::open(&at("repository"), Access::Write).unwrap(), b"source", 1, 1);
    let snapshots = at("repository/snapshots");
    let manifest = fs::read_dir(&snapshots).unwrap().next().unwrap().unwrap().path();
    fs::rename(&manifest, at("manifest")).unwrap();
    // Reading a directory fails, as does reading from a disk that is absent for a moment.
    fs::create_dir(at("away")).unwrap();
    symlink(at("target"), &manifest).unwrap();
    symlink(at("away"), at("target")).unwrap();
    let old = Timespec { tv_sec: 1_000_000_000, tv_nsec: 0 };
    let times = Timestamps { last_access: old, last_modification: old };
    rustix::fs::utimensat(CWD, &snapshots, &times, rustix::fs::AtFlags::empty()).unwrap();

    let repository = Repository::open(&at("repository"), Access::Read).unwrap();
    let view = open(repository, Scope::Repository);
    // The index has recorded the manifest, to the letter.
    assert_eq!(view.sources().iter().len(), 1);
    fs::remove_file(at("target")).unwrap();
    symlink(at("manifest"), at("target")).unwrap();
    view.clock().sleep(MAX_AGE);
    assert_eq!(view.sources().iter().len(), 1);
}

/// Whether `name` of the folder is a link; false also if it does not exist.
fn is_link(view: &View, folder: &Node, name: &str) -> bool {
    view.lookup(folder, name.as_bytes()).is_ok_and(|node| view.attr(&node).kind == FileKind::Symlink)
}

#[test]
fn expressions_are_folders_in_a_view_that_resolves_times() {
    let (_folder, links) = view(&[(1, 8), (2, 9)], Scope::Repository);
    let mut folders = links.clone();
    folders.resolves_times = true;
    let source = links.lookup(&links.top(), b"source").unwrap();
    let versions = links.lookup(&links.lookup(&source, VERSIONS).unwrap(), b"link").unwrap();
    let changes = links.lookup(&source, b"@changes").unwrap();
    let expressions =
        [(&*links.top(), "@latest"), (&source, "@1970"), (&versions, "@1970"), (&changes, "@first..@latest")];
    for (folder, expression) in expressions {
        assert!(is_link(&links, folder, expression), "{expression}");
        let target = links.lookup(folder, expression.as_bytes()).unwrap();
        let meant = links.lookup(folder, links.read_link(&target).unwrap()).unwrap();
        let shown = folders.lookup(folder, expression.as_bytes()).unwrap();
        assert_eq!(shown.identity(), meant.identity(), "{expression}");
    }
    folders
        .read_directory(&source, 0, &mut |entry| {
            assert_eq!(folders.attr(&entry.node).kind, FileKind::Directory);
            true
        })
        .unwrap();
    // A link in a snapshot stays a link.
    let snapshot = folders.lookup(&source, b"@latest").unwrap();
    assert!(is_link(&folders, &snapshot, "link"));
    assert!(matches!(folders.lookup(&source, b"@1969"), Err(ViewError::NotFound)));
}
