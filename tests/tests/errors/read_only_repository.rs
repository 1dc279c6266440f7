//! A repository that cannot be written can still be read: from a read-only disk, or by a user who may not write.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use fs_tests::needs::{self, Need, SETPRIV};
use fs_tests::plant::{file, noise, small};
use fs_tests::tree::{assert_same, scan};
use fs_tests::{Mounted, Sandbox};
use rustix::mount::{MountFlags, mount_bind, mount_remount};

use super::{cat, snapshots, text};

#[test]
fn mount_and_look_but_do_not_import() {
    if !needs::met(&[Need::Root, Need::Fuse]) {
        return;
    }
    let sandbox = Sandbox::with_repository();
    small(&sandbox.source());
    let name = sandbox.import();
    let repository = sandbox.repo();
    mount_bind(&repository, &repository).expect("a bind mount");
    mount_remount(&repository, MountFlags::BIND | MountFlags::RDONLY, "").expect("a read-only bind mount");
    assert!(fs::write(repository.join("probe"), "").is_err(), "the repository can be written");

    assert_eq!(snapshots(&sandbox), [name.as_str()]);
    assert_eq!(cat(&sandbox, "@latest", "hello.txt"), b"hello\n");
    sandbox.yester(["ls", "@latest:etc"]).run().ok();
    sandbox.yester(["stats"]).run().ok();
    let mounted = Mounted::source(&sandbox);
    assert_same("the snapshot", &scan(&sandbox.source()), &scan(&mounted.path(&name)));

    let refused = sandbox.yester(["import"]).arg(sandbox.source()).run();
    refused.fails(1, &[text(&repository)]);
    assert!(refused.stderr().to_lowercase().contains("read-only"), "{refused}");
    assert_eq!(snapshots(&sandbox), [name]);
}

/// A reading command makes an index in memory.
#[test]
fn without_an_index() {
    if !needs::met(&[Need::Root, SETPRIV]) {
        return;
    }
    let sandbox = Sandbox::with_repository();
    small(&sandbox.source());
    let name = sandbox.import();
    let repository = sandbox.repo();
    let status = std::process::Command::new("chmod").args(["-R", "a+rX"]).arg(&repository).status();
    assert!(status.expect("chmod").success());
    let index = repository.join("index-2.redb");
    let len = fs::metadata(&index).expect("the index").len();
    for damaged in [true, false] {
        if damaged {
            fs::write(&index, vec![0xa5; usize::try_from(len).expect("a length")]).expect("damaged");
        } else {
            fs::remove_file(&index).expect("removed");
        }
        for command in [&["check", "--read-data"][..], &["repair", "--dry-run"], &["snapshots"], &["stats"]] {
            sandbox.yester(command).as_nobody().run().code_is(0);
        }
        let seen = sandbox.yester(["cat", "@latest:hello.txt"]).as_nobody().run().ok();
        assert_eq!(seen.stdout, b"hello\n");
        let now = fs::metadata(&index).map(|metadata| metadata.len());
        assert_eq!(now.ok(), damaged.then_some(len), "somebody wrote an index");
    }
    mount_bind(&repository, &repository).expect("a bind mount");
    mount_remount(&repository, MountFlags::BIND | MountFlags::RDONLY, "").expect("a read-only bind mount");
    let checked = sandbox.yester(["--json", "check", "--read-data"]).run().code_is(0).json();
    assert_eq!(checked["index_in_memory"], true, "{checked}");
    sandbox.yester(["repair", "--dry-run"]).run().code_is(0);
    assert_eq!(snapshots(&sandbox), [name]);
    assert_eq!(cat(&sandbox, "@latest", "hello.txt"), b"hello\n");
}

/// As in a copy whose index was copied before the packs of the last import.
#[test]
fn with_an_index_that_lacks_packs() {
    if !needs::met(&[Need::Root, Need::Fuse]) {
        return;
    }
    let sandbox = Sandbox::with_repository();
    small(&sandbox.source());
    sandbox.import();
    let (repository, index) = (sandbox.repo(), sandbox.repo().join("index-2.redb"));
    let older = fs::read(&index).expect("the index");
    let large = noise(1, 300_000);
    file(sandbox.source().join("large"), &large);
    let name = sandbox.import();
    fs::write(&index, older).expect("put back");
    mount_bind(&repository, &repository).expect("a bind mount");
    mount_remount(&repository, MountFlags::BIND | MountFlags::RDONLY, "").expect("a read-only bind mount");
    assert_eq!(cat(&sandbox, "@latest", "large"), large);
    let mounted = Mounted::source(&sandbox);
    assert_same("the snapshot", &scan(&sandbox.source()), &scan(&mounted.path(&name)));
    sandbox.yester(["check", "--read-data"]).run().code_is(0);
}

#[test]
fn another_user_may_look() {
    if !needs::met(&[Need::Root, SETPRIV]) {
        return;
    }
    let sandbox = Sandbox::with_repository();
    small(&sandbox.source());
    sandbox.import();
    // If init keeps others out, the owner can let them in.
    let status = std::process::Command::new("chmod").args(["-R", "a+rX"]).arg(sandbox.repo()).status();
    assert!(status.expect("chmod").success());
    let seen = sandbox.yester(["cat", "@latest:hello.txt"]).as_nobody().run().ok();
    assert_eq!(seen.stdout, b"hello\n");
    sandbox.yester(["snapshots"]).as_nobody().run().ok();
    let refused = sandbox.yester(["import"]).arg(sandbox.source()).as_nobody().run();
    refused.fails(1, &[text(&sandbox.repo())]);
}

#[test]
fn a_repository_that_one_may_not_enter() {
    if !needs::met(&[Need::Root, SETPRIV]) {
        return;
    }
    let sandbox = Sandbox::with_repository();
    fs::set_permissions(sandbox.repo(), fs::Permissions::from_mode(0o700)).expect("a closed repository");
    let refused = sandbox.yester(["snapshots"]).as_nobody().run();
    refused.fails(1, &[text(&sandbox.repo())]);
    assert!(refused.stderr().to_lowercase().contains("permission"), "not told apart from `none`: {refused}");
}
