//! Mount points that cannot be used.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use fs_tests::needs::{self, Need};
use fs_tests::plant::{file, small};
use fs_tests::{Mounted, Ran, Sandbox, mountinfo};

use super::{leaves_alone, text};

fn with_a_snapshot() -> Sandbox {
    let sandbox = Sandbox::with_repository();
    small(&sandbox.source());
    sandbox.import();
    sandbox
}

fn mount(sandbox: &Sandbox, point: &Path) -> Ran {
    sandbox.yester(["mount"]).arg(point).run()
}

fn up(sandbox: &Sandbox, point: &Path) -> Ran {
    sandbox.yester(["up"]).arg(sandbox.source()).arg(point).run()
}

#[track_caller]
fn refuses(ran: &Ran, point: &Path) {
    ran.fails(1, &[text(point)]);
    assert!(mountinfo::at(point).is_none(), "it is mounted all the same");
}

#[test]
fn mount_says_that_it_is_missing() {
    let sandbox = with_a_snapshot();
    let missing = sandbox.path("missing");
    refuses(&mount(&sandbox, &missing), &missing);
    assert!(!missing.exists(), "mount made the mount point");
}

#[test]
fn a_file_is_no_mount_point() {
    let sandbox = with_a_snapshot();
    let plain = sandbox.path("plain-file");
    file(&plain, "dear to somebody");
    refuses(&mount(&sandbox, &plain), &plain);
    refuses(&up(&sandbox, &plain), &plain);
    assert_eq!(fs::read(&plain).expect("the file"), b"dear to somebody");
}

#[test]
fn a_folder_with_files_is_not_covered() {
    let sandbox = with_a_snapshot();
    let full = sandbox.mnt();
    file(full.join("thesis.tex"), "dear to somebody");
    for run in [mount, up] {
        let ran = leaves_alone(&full, || run(&sandbox, &full));
        refuses(&ran, &full);
        assert!(ran.stderr().contains("empty"), "{ran}");
    }
}

#[test]
fn an_existing_mount_is_not_covered() {
    if !needs::met(&[Need::Fuse]) {
        return;
    }
    let sandbox = with_a_snapshot();
    let mut mounted = Mounted::source(&sandbox);
    for run in [mount, up] {
        let ran = run(&sandbox, mounted.point());
        ran.fails(1, &[text(mounted.point()), "mounted"]);
        assert!(mounted.is_running());
        assert_eq!(fs::read(mounted.path("@latest/hello.txt")).expect("the first mount"), b"hello\n");
    }
    let mounts = mountinfo::all().into_iter().filter(|mount| mount.point == mounted.point()).count();
    assert_eq!(mounts, 1);
}

#[test]
fn a_mount_inside_the_repository_is_refused() {
    let sandbox = with_a_snapshot();
    let inside = sandbox.repo().join("here");
    fs::create_dir(&inside).expect("a folder");
    for point in [sandbox.repo(), inside] {
        refuses(&mount(&sandbox, &point), &point);
        refuses(&up(&sandbox, &point), &point);
    }
    let new = sandbox.repo().join("new");
    refuses(&up(&sandbox, &new), &new);
    assert!(!new.exists(), "up made a folder in the repository");
}

#[test]
fn a_mount_inside_the_source_is_refused() {
    let sandbox = Sandbox::new();
    small(&sandbox.source());
    let hollow = sandbox.source().join("hollow");
    let new = sandbox.source().join("new/deeper");
    for point in [sandbox.source(), hollow, new] {
        let ran = leaves_alone(&sandbox.source(), || up(&sandbox, &point));
        refuses(&ran, &point);
    }
}

#[test]
fn no_detour_leads_into_the_source() {
    let sandbox = Sandbox::new();
    small(&sandbox.source());
    let link = sandbox.path("elsewhere");
    symlink(sandbox.source().join("hollow"), &link).expect("a link");
    let detours: [PathBuf; 3] =
        [link.clone(), sandbox.path("mnt/../source/hollow"), link.join("../hollow/../new")];
    for point in detours {
        let ran = leaves_alone(&sandbox.source(), || up(&sandbox, &point));
        assert_eq!(ran.code(), Some(1), "{ran}");
        assert!(mountinfo::below(&sandbox.source()).is_empty(), "it is mounted all the same");
    }
    let relative = sandbox.yester(["up", ".", "hollow"]).folder(sandbox.source()).run();
    relative.fails(1, &["hollow"]);
}

/// The source would swallow the mount, and the mount's parent is fine: that is allowed.
#[test]
fn a_mount_beside_the_source_is_fine() {
    if !needs::met(&[Need::Fuse]) {
        return;
    }
    let sandbox = Sandbox::new();
    small(&sandbox.source());
    let beside = sandbox.path("source-history");
    let mounted = Mounted::start(&sandbox.yester(["up"]).args([&sandbox.source(), &beside]), &beside);
    mounted.stop(rustix::process::Signal::INT).ok();
}

#[test]
fn an_unknown_source_is_refused() {
    let sandbox = with_a_snapshot();
    let ran = sandbox.yester(["mount", "--source", "nonesuch"]).arg(sandbox.mnt()).run();
    ran.fails(1, &["nonesuch"]);
    assert!(mountinfo::at(&sandbox.mnt()).is_none());
}
