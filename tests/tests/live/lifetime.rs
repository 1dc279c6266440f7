//! From mounting to unmounting.

use std::fs::{self, File};
use std::io::Read;
use std::process::Stdio;
use std::time::Duration;

use fs_tests::needs::{self, Need};
use fs_tests::plant::small;
use fs_tests::{Mounted, Sandbox, mountinfo, wait_until};
use rustix::process::Signal;

fn with_a_snapshot() -> Sandbox {
    let sandbox = Sandbox::with_repository();
    small(&sandbox.source());
    sandbox.import();
    sandbox
}

#[test]
fn a_signal_unmounts() {
    if !needs::met(&[Need::Fuse]) {
        return;
    }
    let sandbox = with_a_snapshot();
    for signal in [Signal::INT, Signal::TERM] {
        let mounted = Mounted::source(&sandbox);
        assert!(mounted.path("@latest/hello.txt").is_file());
        mounted.stop(signal).ok();
        assert!(mountinfo::at(&sandbox.mnt()).is_none(), "still mounted after {signal:?}");
        assert_eq!(fs::read_dir(sandbox.mnt()).expect("the mount point").count(), 0);
    }
}

#[test]
fn unmount_ends_the_process_that_mounted() {
    if !needs::met(&[Need::Fuse]) {
        return;
    }
    let sandbox = with_a_snapshot();
    let mounted = Mounted::source(&sandbox);
    sandbox.bare_yester(["unmount"]).arg(sandbox.mnt()).run().ok();
    assert!(mountinfo::at(&sandbox.mnt()).is_none());
    mounted.finish().ok();
}

#[test]
fn unmount_is_refused_while_files_are_open() {
    if !needs::met(&[Need::Fuse]) {
        return;
    }
    let sandbox = with_a_snapshot();
    let mut mounted = Mounted::source(&sandbox);
    let mut open = File::open(mounted.path("@latest/hello.txt")).expect("a file");
    let point = sandbox.mnt();
    let refused = sandbox.bare_yester(["unmount"]).arg(&point).run();
    refused.fails(1, &[point.to_str().expect("a plain path"), "busy"]);

    assert!(mounted.is_running() && mountinfo::is_yester(&point), "the mount is gone all the same");
    let mut text = String::new();
    open.read_to_string(&mut text).expect("the open file");
    assert_eq!(text, "hello\n");
    assert!(mounted.path("@latest/etc/passwd").is_file());
    drop(open);
    // The kernel lets go of a closed file a moment later.
    wait_until("unmount", Duration::from_secs(30), || {
        (sandbox.bare_yester(["unmount"]).arg(&point).run().code() == Some(0)).then_some(())
    });
    mounted.finish().ok();
}

#[test]
fn unmounting_nothing_is_an_error() {
    let sandbox = Sandbox::new();
    let point = sandbox.mnt();
    sandbox
        .bare_yester(["unmount"])
        .arg(&point)
        .run()
        .fails(1, &[point.to_str().expect("a plain path"), "mount"]);
    let missing = sandbox.path("missing");
    sandbox.bare_yester(["unmount"]).arg(&missing).run().fails(1, &[missing.to_str().expect("a plain path")]);
}

#[test]
fn a_daemon_returns_when_the_mount_can_be_used() {
    if !needs::met(&[Need::Fuse]) {
        return;
    }
    let sandbox = with_a_snapshot();
    sandbox.yester(["mount", "--daemon", "--source", "source"]).arg(sandbox.mnt()).run().ok();
    assert!(mountinfo::is_yester(&sandbox.mnt()));
    assert_eq!(fs::read(sandbox.mnt().join("@latest/hello.txt")).expect("a file"), b"hello\n");
    sandbox.yester(["unmount"]).arg(sandbox.mnt()).run().ok();
    assert!(mountinfo::at(&sandbox.mnt()).is_none());
}

/// Killed before its child had mounted.
#[test]
fn a_daemon_that_nobody_waits_for_leaves_no_mount() {
    if !needs::met(&[Need::Fuse]) {
        return;
    }
    let sandbox = with_a_snapshot();
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let mut child = sandbox.yester(["mount", "--daemon-child"]).arg(sandbox.mnt()).command();
    let status = child.stdout(writer).stderr(Stdio::null()).status().expect("yester starts");
    assert_eq!(status.code(), Some(1));
    assert!(mountinfo::at(&sandbox.mnt()).is_none(), "a mount that nobody serves is left behind");
}

#[test]
fn a_daemon_that_cannot_mount_says_so() {
    let sandbox = with_a_snapshot();
    let missing = sandbox.path("missing");
    let ran = sandbox.yester(["mount", "--daemon"]).arg(&missing).run();
    ran.fails(1, &[missing.to_str().expect("a plain path")]);
}
