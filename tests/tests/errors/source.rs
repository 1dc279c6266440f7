//! A source that is not there, or is no folder.

use fs_tests::Sandbox;
use fs_tests::plant::{file, small};

use super::{cat, snapshots, text};

#[test]
fn a_missing_source() {
    let sandbox = Sandbox::with_repository();
    small(&sandbox.source());
    let name = sandbox.import();
    let missing = sandbox.path("no/such/folder");
    sandbox.yester(["import"]).arg(&missing).run().fails(1, &[text(&missing)]);
    assert_eq!(snapshots(&sandbox), [name.as_str()]);

    // The source of a history disappears: its history stays, and no empty snapshot is added.
    std::fs::rename(sandbox.source(), sandbox.path("gone")).expect("the source moved away");
    sandbox.yester(["import"]).arg(sandbox.source()).run().fails(1, &[text(&sandbox.source())]);
    assert_eq!(snapshots(&sandbox), [name]);
    assert_eq!(cat(&sandbox, "@latest", "hello.txt"), b"hello\n");
}

#[test]
fn a_missing_source_for_up() {
    let sandbox = Sandbox::new();
    let (missing, point) = (sandbox.path("missing"), sandbox.path("point"));
    sandbox.yester(["up"]).args([&missing, &point]).run().fails(1, &[text(&missing)]);
    assert!(!point.exists() && !sandbox.repo().exists(), "up left something behind");
}

#[test]
fn a_source_that_is_a_file() {
    let sandbox = Sandbox::with_repository();
    let path = sandbox.path("plain-file");
    file(&path, "x");
    sandbox.yester(["import"]).arg(&path).run().fails(1, &[text(&path)]);
    assert!(snapshots(&sandbox).is_empty());
}
