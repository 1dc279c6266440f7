//! A snapshot that another process makes appears in a live mount.

use std::fs;
use std::time::Duration;

use fs_tests::needs::{self, Need};
use fs_tests::plant::{file, small};
use fs_tests::tree::{assert_same, scan};
use fs_tests::{Mounted, Sandbox};

#[test]
fn a_new_snapshot_appears_and_the_old_ones_stay() {
    if !needs::met(&[Need::Fuse]) {
        return;
    }
    let sandbox = Sandbox::with_repository();
    small(&sandbox.source());
    let first = sandbox.import();
    let mounted = Mounted::source(&sandbox);
    let latest = || fs::read_link(mounted.path("@latest")).expect("@latest is a link");
    let before = scan(&mounted.path(&first));
    assert_eq!(mounted.names(""), [first.clone(), "@latest".to_owned()]);
    assert_eq!(latest().to_str(), Some(first.as_str()));

    file(sandbox.source().join("hello.txt"), "changed\n");
    file(sandbox.source().join("new"), "new\n");
    let second = sandbox.import();
    let took = mounted.wait_for(&second);
    eprintln!("a new snapshot was listed after {} ms", took.as_millis());
    // The issue says one second; the rest is for a busy machine.
    assert!(took < Duration::from_secs(3), "listed only after {took:?}");
    assert_eq!(mounted.names(""), [first.clone(), second.clone(), "@latest".to_owned()]);
    assert_eq!(latest().to_str(), Some(second.as_str()), "@latest does not follow the listing");
    assert_eq!(fs::read(mounted.path("@latest/hello.txt")).expect("the new file"), b"changed\n");
    assert_eq!(fs::read(mounted.path(&first).join("hello.txt")).expect("the old file"), b"hello\n");
    assert!(!mounted.path(&first).join("new").exists(), "the old snapshot has the new file");
    assert_same("the old snapshot", &before, &scan(&mounted.path(&first)));
    assert_same("the new snapshot", &scan(&sandbox.source()), &scan(&mounted.path(&second)));
}

#[test]
fn a_new_source_appears_in_a_mount_of_all() {
    if !needs::met(&[Need::Fuse]) {
        return;
    }
    let sandbox = Sandbox::with_repository();
    small(&sandbox.source());
    let one = sandbox.import_as("one");
    let mounted = Mounted::with(&sandbox, &[]);
    assert_eq!(fs::read(mounted.path("one").join(&one).join("hello.txt")).expect("a file"), b"hello\n");
    assert!(!mounted.path("two").exists());

    let two = sandbox.import_as("two");
    fs_tests::wait_until("the second source", Duration::from_secs(30), || {
        mounted.names("").contains(&"two".to_owned()).then_some(())
    });
    assert_eq!(mounted.names("two"), [two, "@latest".to_owned()]);
    assert_eq!(fs::read(mounted.path("two/@latest/hello.txt")).expect("a file"), b"hello\n");
    assert_eq!(mounted.names("one"), [one, "@latest".to_owned()]);
}

#[test]
fn many_snapshots_in_a_row_all_appear() {
    if !needs::met(&[Need::Fuse]) {
        return;
    }
    let sandbox = Sandbox::with_repository();
    file(sandbox.source().join("number"), "start");
    sandbox.import();
    let mounted = Mounted::source(&sandbox);
    for number in 0..8 {
        file(sandbox.source().join("number"), format!("{number}"));
        let name = sandbox.import();
        mounted.wait_for(&name);
        let seen = fs::read_to_string(mounted.path("@latest/number")).expect("the file through @latest");
        assert_eq!(seen, format!("{number}"), "@latest does not follow the listing");
    }
    // Nine snapshots and `@latest`.
    assert_eq!(mounted.names("").len(), 10);
}
