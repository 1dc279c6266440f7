//! Interrupted imports: nothing half-visible, and the next one is as good as any.

use std::fs;
use std::time::Duration;

use fs_tests::needs::{self, Need};
use fs_tests::plant::{many, small};
use fs_tests::tree::{assert_same, scan};
use fs_tests::{Mounted, Sandbox, wait_until};
use rustix::process::Signal;

use super::{cat, size_of, snapshots};

/// Import a large tree after a small one, and stop it with a signal when the repository has grown by so many bytes.
fn interrupt(signal: Signal, after: u64) -> (Sandbox, String) {
    let sandbox = Sandbox::with_repository();
    small(&sandbox.source());
    let first = sandbox.import();
    many(&sandbox.source().join("much"), 4000, 50_000);
    let before = size_of(&sandbox.repo());
    let mut import = sandbox.yester(["import"]).arg(sandbox.source()).start();
    wait_until("the import to write", Duration::from_secs(120), || {
        let grown = size_of(&sandbox.repo()) >= before + after;
        (grown || !import.is_running()).then_some(())
    });
    assert!(import.is_running(), "the import was too fast to be interrupted: {}", import.stderr());
    import.signal(signal);
    let ended = import.finish();
    if signal == Signal::KILL {
        assert_eq!(ended.signal(), Some(9), "{ended}");
    } else {
        assert!(matches!(ended.code(), Some(1 | 130)), "{ended}");
        assert!(ended.stderr().lines().filter(|line| line.starts_with("yester: ")).count() <= 1, "{ended}");
    }
    (sandbox, first)
}

fn goes_on(sandbox: &Sandbox, first: &str) {
    assert_eq!(snapshots(sandbox), [first], "half an import is visible");
    assert_eq!(cat(sandbox, "@latest", "hello.txt"), b"hello\n");
    let second = sandbox.import();
    assert_eq!(snapshots(sandbox), [first, second.as_str()]);
    if needs::met(&[Need::Fuse]) {
        let mounted = Mounted::source(sandbox);
        assert_same("after the interruption", &scan(&sandbox.source()), &scan(&mounted.path(second)));
        assert_eq!(fs::read(mounted.path(first).join("hello.txt")).expect("the first snapshot"), b"hello\n");
    }
}

#[test]
fn by_sigint_early_and_late() {
    for after in [1, 60_000_000] {
        let (sandbox, first) = interrupt(Signal::INT, after);
        goes_on(&sandbox, &first);
    }
}

#[test]
fn by_sigterm() {
    let (sandbox, first) = interrupt(Signal::TERM, 20_000_000);
    goes_on(&sandbox, &first);
}

/// Not asked of the command line but of the repository: no lock or half-written file keeps the next import out.
#[test]
fn by_sigkill() {
    let (sandbox, first) = interrupt(Signal::KILL, 20_000_000);
    goes_on(&sandbox, &first);
}
