//! What comes back when the files still exist.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

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

/// What was lost of files that still exist comes back, though their times say that they need not be read.
fn comes_back(import: &[&str], damage: impl Fn(&Path)) {
    let fixture = Fixture::new();
    // Of several blocks, so that readers have the damaged pack's catalogue when they come to the damage.
    file(fixture.sandbox.source().join("large"), noise(5, 4_000_000));
    let hour_ago = SystemTime::now() - Duration::from_secs(3600);
    for path in files(&fixture.sandbox.source()) {
        fs::File::options()
            .write(true)
            .open(path)
            .and_then(|file| file.set_modified(hour_ago))
            .expect("a time");
    }
    fixture.import();
    let pack = fixture.packs().into_iter().max_by_key(|pack| pack.len).expect("a pack").path;
    damage(&pack);
    let cat = || fixture.sandbox.yester(["cat", "source@latest:large"]).run();
    assert_ne!(cat().code(), Some(0), "no damage was done");
    fixture.sandbox.yester(import).arg(fixture.sandbox.source()).run().code_is(0);
    let large = fs::read(fixture.sandbox.source().join("large")).expect("a file");
    assert!(cat().stdout == large, "{}", cat());
    assert!(fixture.check().damaged.is_empty(), "{}", fixture.check().ran);
}

#[test]
fn a_pack_that_is_gone_is_made_up_for() {
    comes_back(&["import"], |pack| fs::remove_file(pack).expect("removed"));
}

#[test]
fn a_pack_that_was_cut_short_is_made_up_for() {
    comes_back(&["import"], |pack| truncate(pack, 2_500_000));
}

#[test]
fn a_damaged_block_is_made_up_for_when_that_is_asked() {
    comes_back(&["import", "--heal"], |pack| flip(pack, 2_500_000));
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
