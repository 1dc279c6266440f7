//! An import of a tree into which rsync writes: it is no finished run, and is not taken for one.

use std::path::PathBuf;
use std::process::{Child, Command};
use std::time::Duration;

use fs_tests::needs::{self, RSYNC};
use fs_tests::plant::{file, noise};
use fs_tests::{Sandbox, wait_until};

use super::{snapshots, text};

/// An rsync that takes some 5 s and has begun.
struct Writing {
    rsync: Child,
    target: PathBuf,
}

impl Writing {
    fn start(sandbox: &Sandbox) -> Self {
        file(sandbox.source().join("a"), "a");
        file(sandbox.source().join("long"), noise(1, 1_000_000));
        let target = sandbox.path("target");
        let mut command = Command::new("rsync");
        command.args(["-a", "--bwlimit=200"]).arg(sandbox.source().join("")).arg(&target);
        let rsync = command.spawn().expect("rsync");
        wait_until("rsync to write", Duration::from_secs(30), || {
            std::fs::read_dir(&target).ok()?.flatten().find(|entry| {
                entry.file_name().to_string_lossy().starts_with(".long.")
                    && entry.metadata().is_ok_and(|data| data.len() > 0)
            })
        });
        Self { rsync, target }
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        let _ = self.rsync.kill();
        let _ = self.rsync.wait();
    }
}

#[test]
fn is_partial_and_says_so() {
    if !needs::met(&[RSYNC]) {
        return;
    }
    let sandbox = Sandbox::with_repository();
    let mut writing = Writing::start(&sandbox);
    let ran = sandbox.yester(["--json", "import"]).arg(&writing.target).run();
    assert!(writing.rsync.try_wait().expect("its status").is_none(), "rsync was too fast for this test");
    let ran = ran.code_is(3);
    assert_eq!(ran.json()["status"], "partial", "{ran}");
    let stderr = ran.stderr();
    let told = |line: &str| line.contains("rsync") && line.contains(text(&writing.target));
    assert!(stderr.lines().any(told), "{ran}");
}

#[test]
fn with_wait_is_complete() {
    if !needs::met(&[RSYNC]) {
        return;
    }
    let sandbox = Sandbox::with_repository();
    let mut writing = Writing::start(&sandbox);
    let ran = sandbox.yester(["--json", "import", "--wait"]).arg(&writing.target).run().ok();
    assert!(writing.rsync.try_wait().expect("its status").is_some_and(|status| status.success()), "{ran}");
    let told = ran.json();
    assert_eq!((&told["status"], &told["files"]), (&"complete".into(), &2.into()));
    assert_eq!(snapshots(&sandbox).len(), 1);
}

/// rsync that reads it, as for a copy of the backup, keeps nobody waiting.
#[test]
fn a_reader_does_not_count() {
    if !needs::met(&[RSYNC]) {
        return;
    }
    let sandbox = Sandbox::with_repository();
    let mut writing = Writing::start(&sandbox);
    sandbox.yester(["import", "--wait"]).arg(sandbox.source()).run().ok();
    assert!(writing.rsync.try_wait().expect("its status").is_none(), "it was waited for");
}
