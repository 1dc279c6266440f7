//! What the drawn histories cannot hold: the largest values that Linux knows.

use std::fs;
use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::path::Path;

use fs_tests::needs::{self, Need};
use fs_tests::plant::{file, noise};
use fs_tests::tree::{Folder, Tree, assert_same, scan};
use fs_tests::{Mounted, Sandbox};
use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, XattrFlags, utimensat};

/// A sandbox with a repository, where there is what the test needs.
fn sandbox(needs: &[Need]) -> Option<Sandbox> {
    needs::met(needs).then(Sandbox::with_repository)
}

/// A sandbox whose source is a tmpfs: it keeps what few other file systems do.
fn sandbox_of_tmpfs() -> Option<Sandbox> {
    let sandbox = sandbox(&[Need::Root, Need::Fuse])?;
    rustix::mount::mount("tmpfs", sandbox.source(), "tmpfs", rustix::mount::MountFlags::empty(), None)
        .expect("a tmpfs");
    Some(sandbox)
}

/// Import the source and compare the snapshot with it.
fn round_trip(sandbox: &Sandbox) {
    let name = sandbox.import();
    let mounted = Mounted::source(sandbox);
    assert_same(&name, &scan(&sandbox.source()), &scan(&mounted.path(&name)));
}

#[test]
fn paths_longer_than_the_kernel_takes_at_once() {
    let Some(sandbox) = sandbox(&[Need::Fuse]) else { return };
    let mut folder = Folder::open(&sandbox.source()).expect("the source");
    for level in 0..40 {
        let name = format!("{level:02}-{}", "x".repeat(200)).into_bytes();
        fs::create_dir(folder.path(&name)).expect("a deeper folder");
        folder = folder.enter(&name).expect("the deeper folder");
        fs::write(folder.path(b"file"), format!("at level {level}")).expect("a file");
    }
    round_trip(&sandbox);
}

#[test]
fn three_hundred_levels() {
    let Some(sandbox) = sandbox(&[Need::Fuse]) else { return };
    let deep: std::path::PathBuf = std::iter::repeat_n("d", 300).collect();
    file(sandbox.source().join(deep).join("bottom"), "found");
    round_trip(&sandbox);
}

#[test]
fn a_folder_of_twenty_thousand_names() {
    let Some(sandbox) = sandbox(&[Need::Fuse]) else { return };
    let crowd = sandbox.source().join("crowd");
    fs::create_dir(&crowd).expect("a folder");
    for number in 0..20_000 {
        fs::write(crowd.join(format!("{number}")), "").expect("a file");
    }
    let first = sandbox.import();
    let before = scan(&sandbox.source());
    fs::remove_file(crowd.join("12345")).expect("one file less");
    fs::write(crowd.join("12346"), "now with content").expect("one file changed");
    fs::write(crowd.join("new"), "").expect("one file more");
    let second = sandbox.import();
    let after = scan(&sandbox.source());
    let mounted = Mounted::source(&sandbox);
    assert_same("before", &before, &scan(&mounted.path(first)));
    assert_same("after", &after, &scan(&mounted.path(second)));
}

#[test]
fn a_huge_hole_costs_no_time() {
    let Some(sandbox) = sandbox(&[Need::Fuse]) else { return };
    let path = sandbox.source().join("sparse");
    let size = 1_u64 << 40;
    let sparse = OpenOptions::new().create_new(true).write(true).open(&path).expect("a file");
    sparse.write_all_at(b"begin", 0).expect("its begin");
    sparse.write_all_at(b"middle", size / 2 + 1).expect("its middle");
    sparse.set_len(size).expect("its end");
    let name = sandbox.import();
    let mounted = Mounted::source(&sandbox);
    let seen = fs::File::open(mounted.path(name).join("sparse")).expect("the file in the mount");
    assert_eq!(seen.metadata().expect("its size").len(), size);
    let read = |offset: u64, length: usize| {
        let mut bytes = vec![1; length];
        seen.read_exact_at(&mut bytes, offset).expect("a piece of it");
        bytes
    };
    assert_eq!(read(0, 7), b"begin\0\0");
    assert_eq!(read(size / 2, 8), b"\0middle\0");
    assert_eq!(read(size - 4096, 4096), [0; 4096]);
    assert_eq!(seen.read_at(&mut [0; 16], size).expect("nothing"), 0);
}

#[test]
fn the_longest_names_of_links_and_the_largest_attributes() {
    // Only tmpfs takes attributes of this size.
    let Some(sandbox) = sandbox_of_tmpfs() else { return };
    let source = sandbox.source();
    file(source.join("large"), "x");
    std::os::unix::fs::symlink("t".repeat(4095), source.join("link")).expect("the longest link");
    let set = |name: &str, value: &[u8]| {
        rustix::fs::lsetxattr(source.join("large"), name, value, XattrFlags::empty())
    };
    if let Err(error) = set("user.large", &noise(3, 65536)) {
        needs::skipped(&format!("needs a tmpfs with large user attributes ({error}; Linux 6.6)"));
        return;
    }
    set("trusted.large", &noise(4, 30000)).expect("another");
    set(&format!("user.{}", "n".repeat(250)), b"the longest name").expect("a third");
    round_trip(&sandbox);
}

#[test]
fn file_capabilities() {
    let Some(sandbox) = sandbox(&[Need::Root, Need::Fuse]) else { return };
    let tool = sandbox.source().join("tool");
    file(&tool, "#!/bin/sh\n");
    // Version 2 with the effective bit; cap_net_raw permitted.
    let capability = [0x0200_0001_u32, 1 << 13, 0, 0, 0].map(u32::to_le_bytes).concat();
    rustix::fs::lsetxattr(&tool, "security.capability", &capability, XattrFlags::empty())
        .expect("a capability");
    round_trip(&sandbox);
}

/// tmpfs keeps any time that fits its counters.
#[test]
fn times_far_from_now() {
    let Some(sandbox) = sandbox_of_tmpfs() else { return };
    let source = sandbox.source();
    let times: [(i64, u32); 5] = [
        (-62_135_596_800, 999_999_999),
        (-30_000_000_000, 1),
        (-1, 999_999_999),
        (253_402_300_799, 0),
        (1 << 40, 7),
    ];
    for (seconds, nanos) in times {
        let path = source.join(format!("{seconds}"));
        fs::write(&path, "x").expect("a file");
        set_time(&path, seconds, nanos);
    }
    set_time(&source, 1_600_000_000, 0);
    let expected: Tree = scan(&source);
    for (seconds, nanos) in times {
        let entry = &expected[format!("{seconds}").as_bytes()];
        assert_eq!(entry.mtime, (seconds, nanos), "the test's own file system keeps no such time");
    }
    round_trip(&sandbox);
}

fn set_time(path: &Path, seconds: i64, nanos: u32) {
    let time = Timespec { tv_sec: seconds, tv_nsec: nanos.into() };
    let times = Timestamps { last_access: time, last_modification: time };
    utimensat(CWD, path, &times, AtFlags::empty()).expect("the time");
}
