//! The repository's disk is full: the import fails, what was there stays readable, and all is well once there is room.

use std::ffi::CString;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use fs_tests::needs::{self, Need};
use fs_tests::plant::{file, many, small};
use fs_tests::tree::{assert_same, scan};
use fs_tests::{Mounted, Sandbox};
use rustix::mount::{MountFlags, mount, mount_bind};

use super::{cat, snapshots, text};

/// A sandbox whose repository is alone on a small disk of memory.
fn on_a_small_disk(size: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.repo()).expect("a folder");
    let options = CString::new(format!("size={size}")).expect("an option");
    mount("tmpfs", sandbox.repo(), "tmpfs", MountFlags::empty(), options.as_c_str()).expect("a tmpfs");
    sandbox.yester(["init"]).run().ok();
    sandbox
}

/// Fills the disk to the last byte.
fn fill(ballast: &Path) {
    let mut ballast = fs::File::create(ballast).expect("a file");
    while std::io::Write::write(&mut ballast, &[1; 4096]).is_ok_and(|written| written > 0) {}
}

#[test]
fn a_full_disk_loses_nothing() {
    if !needs::met(&[Need::Root, Need::Fuse]) {
        return;
    }
    let sandbox = on_a_small_disk("64m");
    small(&sandbox.source());
    let first = sandbox.import();
    let before = scan(&sandbox.source());
    // Something else fills most of the disk.
    let ballast = sandbox.repo().join("ballast");
    file(&ballast, vec![1; 48 << 20]);
    many(&sandbox.source().join("much"), 500, 80_000);

    for _ in 0..2 {
        let ran = sandbox.yester(["import"]).arg(sandbox.source()).run();
        ran.fails(1, &[text(&sandbox.repo()), "space"]);
        assert_eq!(snapshots(&sandbox), [first.as_str()], "a failed import left a snapshot");
        assert_eq!(cat(&sandbox, "@latest", "hello.txt"), b"hello\n");
    }
    let mounted = Mounted::source(&sandbox);
    assert_same("the first snapshot", &before, &scan(&mounted.path(&first)));

    fs::remove_file(ballast).expect("room");
    let second = sandbox.import();
    mounted.wait_for(&second);
    assert_same("the first snapshot", &before, &scan(&mounted.path(&first)));
    assert_same("the second snapshot", &scan(&sandbox.source()), &scan(&mounted.path(second)));
}

#[test]
fn not_even_room_for_an_index() {
    if !needs::met(&[Need::Root, Need::Fuse]) {
        return;
    }
    let sandbox = on_a_small_disk("32m");
    small(&sandbox.source());
    let first = sandbox.import();
    let before = scan(&sandbox.source());
    let ballast = sandbox.repo().join("ballast");
    fill(&ballast);
    file(sandbox.source().join("one-more"), "small");
    sandbox.yester(["import"]).arg(sandbox.source()).run().fails(1, &[text(&sandbox.repo())]);
    // Neither a damaged nor a missing index can be made again on disk. A reading command makes one in
    // memory.
    let index = sandbox.repo().join("index-2.redb");
    for damaged in [true, false] {
        if damaged {
            let len = fs::metadata(&index).expect("the index").len();
            fs::write(&index, vec![0xa5; usize::try_from(len).expect("a length")]).expect("damaged");
        } else {
            fs::remove_file(&index).expect("removed");
            fill(&sandbox.repo().join("more-ballast"));
        }
        let checked = sandbox.yester(["--json", "check", "--read-data"]).run().code_is(0).json();
        assert_eq!(checked["index_in_memory"], true, "{checked}");
        sandbox.yester(["repair", "--dry-run"]).run().code_is(0);
        sandbox.yester(["import"]).arg(sandbox.source()).run().fails(1, &[text(&sandbox.repo()), "space"]);
    }
    assert_eq!(snapshots(&sandbox), [first.as_str()]);
    let mounted = Mounted::source(&sandbox);
    assert_same("the first snapshot", &before, &scan(&mounted.path(&first)));
    drop(mounted);
    fs::remove_file(ballast).expect("room");
    sandbox.import();
    assert_eq!(cat(&sandbox, "@latest", "one-more"), b"small");
}

/// Only the index is on the full disk, so that it is redb which has no room.
#[test]
fn no_room_for_the_index_to_grow() {
    if !needs::met(&[Need::Root]) {
        return;
    }
    let sandbox = Sandbox::with_repository();
    small(&sandbox.source());
    let first = sandbox.import();
    let (small, index) = (sandbox.path("small"), sandbox.repo().join("index-2.redb"));
    fs::create_dir(&small).expect("a folder");
    mount("tmpfs", &small, "tmpfs", MountFlags::empty(), c"size=8m").expect("a tmpfs");
    fs::copy(&index, small.join("index")).expect("copied");
    mount_bind(small.join("index"), &index).expect("a bind mount");
    let file = fs::metadata(&index).expect("the index").ino();
    fill(&small.join("ballast"));
    many(&sandbox.source().join("much"), 3000, 100);

    for _ in 0..2 {
        let ran = sandbox.yester(["import"]).arg(sandbox.source()).run();
        ran.fails(1, &[text(&index), "space", "free some space"]);
        assert_eq!(snapshots(&sandbox), [first.as_str()], "a failed import left a snapshot");
        assert_eq!(cat(&sandbox, "@latest", "hello.txt"), b"hello\n");
    }
    fs::remove_file(small.join("ballast")).expect("room");
    sandbox.import();
    assert_eq!(cat(&sandbox, "@latest", "hello.txt"), b"hello\n");
    sandbox.yester(["check", "--read-data"]).run().ok();
    assert_eq!(
        fs::metadata(&index).expect("the index").ino(),
        file,
        "an index that had no room was made again"
    );
}

#[test]
fn init_on_a_full_disk() {
    if !needs::met(&[Need::Root]) {
        return;
    }
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.repo()).expect("a folder");
    mount("tmpfs", sandbox.repo(), "tmpfs", MountFlags::empty(), c"size=64k,nr_inodes=3").expect("a tmpfs");
    sandbox.yester(["init"]).run().fails(1, &[text(&sandbox.repo())]);
}
