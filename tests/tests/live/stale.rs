//! What a killed mount leaves behind.

use std::fs;
use std::path::Path;

use fs_tests::needs::{self, Need};
use fs_tests::plant::small;
use fs_tests::{Mounted, Sandbox, mountinfo};
use rustix::io::Errno;
use rustix::process::Signal;

/// A sandbox with a snapshot, at whose mount point a mount was killed.
fn with_a_killed_mount() -> Sandbox {
    let sandbox = Sandbox::with_repository();
    small(&sandbox.source());
    sandbox.import();
    kill(&sandbox);
    sandbox
}

/// Mounts, and kills whoever serves it.
#[track_caller]
fn kill(sandbox: &Sandbox) {
    let point = sandbox.mnt();
    let mut process = sandbox.yester(["mount"]).arg(&point).start();
    fs_tests::wait_until("the mount", std::time::Duration::from_secs(60), || {
        fs::read(point.join("source/@latest/hello.txt")).ok()
    });
    process.signal(Signal::KILL);
    assert_eq!(process.finish().signal(), Some(9));
    is_dead(&point);
}

#[track_caller]
fn is_dead(point: &Path) {
    assert!(mountinfo::is_yester(point), "nothing is left behind");
    let error = fs::metadata(point).expect_err("nobody serves it").raw_os_error();
    assert_eq!(error, Some(Errno::NOTCONN.raw_os_error()));
}

fn mounts_at(point: &Path) -> usize {
    mountinfo::all().into_iter().filter(|mount| mount.point == point).count()
}

#[test]
fn the_next_mount_says_so_and_takes_its_place() {
    if !needs::met(&[Need::Fuse]) {
        return;
    }
    let sandbox = with_a_killed_mount();
    let point = sandbox.mnt();
    let mounted = Mounted::start(&sandbox.yester(["mount"]).arg(&point), &point);
    // The dead one is there until it is taken away.
    fs_tests::wait_until("the next mount", std::time::Duration::from_secs(60), || {
        fs::read(point.join("source/@latest/hello.txt")).ok()
    });
    assert_eq!(mounts_at(&point), 1, "one covers the other");
    let ended = mounted.stop(Signal::TERM).ok();
    let lines: Vec<String> = ended.stderr().lines().map(str::to_owned).collect();
    let told =
        lines.iter().filter(|line| line.contains("killed") && line.contains(point.to_str().expect("a path")));
    assert_eq!(told.count(), 1, "{ended}");
    assert_eq!(mounts_at(&point), 0);
}

#[test]
fn so_does_a_daemon_and_up() {
    if !needs::met(&[Need::Fuse]) {
        return;
    }
    let sandbox = with_a_killed_mount();
    let point = sandbox.mnt();
    let ran = sandbox.yester(["mount", "--daemon"]).arg(&point).run().ok();
    assert!(ran.stderr().contains("killed"), "{ran}");
    assert_eq!(fs::read(point.join("source/@latest/hello.txt")).expect("a file"), b"hello\n");
    sandbox.yester(["unmount"]).arg(&point).run().ok();

    kill(&sandbox);
    let mut up = sandbox.yester(["up"]).arg(sandbox.source()).arg(&point).start();
    fs_tests::wait_until("up", std::time::Duration::from_secs(60), || {
        fs::read(point.join("@latest/hello.txt")).ok()
    });
    up.signal(Signal::INT);
    let ran = up.finish().ok();
    assert!(ran.stderr().contains("killed"), "{ran}");
    assert_eq!(mounts_at(&point), 0);
}

#[test]
fn it_goes_although_somebody_stands_in_it() {
    if !needs::met(&[Need::Fuse]) {
        return;
    }
    let sandbox = Sandbox::with_repository();
    small(&sandbox.source());
    sandbox.import();
    let point = sandbox.mnt();
    let mut process = sandbox.yester(["mount"]).arg(&point).start();
    let open = fs_tests::wait_until("the mount", std::time::Duration::from_secs(60), || {
        fs::File::open(point.join("source/@latest")).ok()
    });
    process.signal(Signal::KILL);
    process.end();
    is_dead(&point);
    sandbox.yester(["mount", "--daemon"]).arg(&point).run().ok();
    assert_eq!(mounts_at(&point), 1);
    assert!(fs::read(point.join("source/@latest/hello.txt")).is_ok());
    drop(open);
    sandbox.yester(["unmount"]).arg(&point).run().ok();
}

#[test]
fn unmount_takes_it_away() {
    if !needs::met(&[Need::Fuse]) {
        return;
    }
    let sandbox = with_a_killed_mount();
    sandbox.bare_yester(["unmount"]).arg(sandbox.mnt()).run().ok();
    assert_eq!(mounts_at(&sandbox.mnt()), 0);
}

/// Nothing is taken away that does not have to go: not for a mount that is refused for another reason, nor a mount
/// that lives, nor one that is not Yester's.
#[test]
fn what_is_not_dead_or_not_ours_stays() {
    if !needs::met(&[Need::Root, Need::Fuse]) {
        return;
    }
    let sandbox = with_a_killed_mount();
    let point = sandbox.mnt();
    let refused = sandbox.yester(["mount", "--source", "nonesuch"]).arg(&point).run();
    refused.fails(1, &["nonesuch"]);
    is_dead(&point);

    // A file system of somebody else lies over it.
    rustix::mount::mount("tmpfs", &point, "tmpfs", rustix::mount::MountFlags::empty(), None)
        .expect("a tmpfs");
    fs::write(point.join("file"), "dear to somebody").expect("a file");
    let refused = sandbox.yester(["mount"]).arg(&point).run();
    refused.fails(1, &[point.to_str().expect("a path"), "empty"]);
    assert_eq!(mounts_at(&point), 2);
    assert_eq!(fs::read(point.join("file")).expect("the file"), b"dear to somebody");
}

/// Who may not unmount it is told so.
#[test]
fn another_user_s_stays() {
    if !needs::met(&[Need::Root, Need::FuseForAll, needs::SETPRIV]) {
        return;
    }
    let sandbox = with_a_killed_mount();
    let point = sandbox.mnt();
    let status = std::process::Command::new("chmod").args(["-R", "a+rX"]).arg(sandbox.repo()).status();
    assert!(status.expect("chmod").success());
    let refused = sandbox.yester(["mount"]).arg(&point).as_nobody().run();
    refused.fails(1, &[point.to_str().expect("a path")]);
    is_dead(&point);
}
