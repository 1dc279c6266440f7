//! What comes back when the files still exist.

use std::collections::BTreeSet;
use std::fs;

use fs_tests::Mounted;
use fs_tests::needs::{Need, met};
use fs_tests::plant::{file, noise};

use super::{Fixture, files, flip, truncate};

/// A repository whose only content is in one pack, and that pack's path.
fn one_pack() -> (Fixture, std::path::PathBuf) {
    let fixture = Fixture::new();
    let pack = fixture.packs().into_iter().filter(|pack| !pack.metadata).max_by_key(|pack| pack.len);
    let path = pack.expect("a pack").path;
    (fixture, path)
}

#[test]
fn an_import_does_not_rely_on_a_pack_that_was_cut_short() {
    let (fixture, pack) = one_pack();
    let len = fs::read(&pack).expect("a pack").len();
    truncate(&pack, len - 5);
    // The same content under another name: it must be stored again.
    let large = fs::read(fixture.sandbox.source().join("large")).expect("a file");
    file(fixture.sandbox.source().join("copy"), &large);
    fixture.import();
    let cat = fixture.sandbox.yester(["cat", "source@latest:copy"]).run();
    assert!(cat.stdout == large, "{cat}");
    // And so it is whole again wherever else it was.
    let cat = fixture.sandbox.yester(["cat", "source@first:large"]).run();
    assert!(cat.stdout == large, "{cat}");
}

#[test]
fn rebuilding_the_index_leaves_out_a_pack_that_cannot_be_read() {
    let (fixture, pack) = one_pack();
    let len = fs::read(&pack).expect("a pack").len();
    flip(&pack, len - 100);
    let ran = fixture.sandbox.yester(["rebuild-index"]).run();
    assert_eq!(ran.code(), Some(4), "{ran}");
    assert!(ran.stderr().contains("import again"), "{ran}");
    let large = fs::read(fixture.sandbox.source().join("large")).expect("a file");
    file(fixture.sandbox.source().join("copy"), &large);
    fixture.import();
    let cat = fixture.sandbox.yester(["cat", "source@latest:copy"]).run();
    assert!(cat.stdout == large, "{cat}");
}

#[test]
fn a_mount_follows_an_index_that_is_made_again() {
    if !met(&[Need::Fuse]) {
        return;
    }
    let fixture = Fixture::new();
    let mounted = Mounted::source(&fixture.sandbox);
    fixture.sandbox.yester(["rebuild-index"]).run().ok();
    file(fixture.sandbox.source().join("later"), noise(77, 10_000));
    let name = fixture.sandbox.import();
    assert_eq!(fs::read(mounted.path(name).join("later")).expect("the file"), noise(77, 10_000));
}

#[test]
fn a_check_beside_a_writer_waits_its_turn() {
    let fixture = Fixture::new();
    let lock = fs::File::open(fixture.repo().join("lock")).expect("the lock");
    lock.lock().expect("locked");
    for command in ["check", "rebuild-index"] {
        fixture.sandbox.yester([command]).run().fails(75, &["locked"]);
    }
    drop(lock);
    fixture.is_clean("afterwards");
}

#[test]
fn a_repository_is_not_changed_by_a_check() {
    let fixture = Fixture::new();
    let state = || -> Vec<_> {
        let packs_and_snapshots = files(&fixture.repo());
        packs_and_snapshots
            .into_iter()
            .filter(|path| !path.ends_with("lock"))
            .map(|path| (fs::read(&path).expect("a file"), path))
            .collect()
    };
    let before = state();
    fixture.is_clean("a sound repository");
    assert!(state() == before, "something changed");
    fixture.reads_are_right("a sound repository", &BTreeSet::new());
}
