//! Two imports at once: the second waits or says that it is locked out, and both histories are whole.

use std::fs;
use std::path::Path;

use fs_tests::plant::{file, many};
use fs_tests::{Sandbox, Started};

use super::{cat, size_of, snapshots, text};

/// An import that has begun to write, of a new tree at `tree`.
fn a_long_import(sandbox: &Sandbox, tree: &Path) -> Started {
    many(tree, 1500, 50_000);
    let mut import = sandbox.yester(["import"]).arg(tree).start();
    fs_tests::wait_until("the first import to begin", std::time::Duration::from_secs(60), || {
        (size_of(&sandbox.repo()) > 5_000_000 || !import.is_running()).then_some(())
    });
    import
}

#[test]
fn two_imports_at_once() {
    let sandbox = Sandbox::with_repository();
    let (one, two) = (sandbox.path("one"), sandbox.path("two"));
    file(two.join("file"), "two");
    let mut first = a_long_import(&sandbox, &one);
    let overlaps = first.is_running();
    let second = sandbox.yester(["import"]).arg(&two).run();
    first.finish().ok();
    match second.code() {
        Some(0) => {}
        Some(75) => {
            assert!(overlaps, "locked out by nobody: {second}");
            second.fails(75, &[text(&sandbox.repo())]);
            sandbox.yester(["import"]).arg(&two).run().ok();
        }
        _ => panic!("{second}"),
    }
    assert_eq!(snapshots(&sandbox).len(), 2);
    let seen = sandbox.yester(["cat", "--source", "two", "@latest:file"]).run().ok();
    assert_eq!(seen.stdout, b"two");
    let path = "000/000042.bin";
    let seen = sandbox.yester(["cat", "--source", "one"]).arg(format!("@latest:{path}")).run().ok();
    assert_eq!(seen.stdout, fs::read(one.join(path)).expect("the file"));
}

#[test]
fn who_waits_gets_his_turn() {
    let sandbox = Sandbox::with_repository();
    let (one, two) = (sandbox.path("one"), sandbox.path("two"));
    file(two.join("file"), "two");
    let first = a_long_import(&sandbox, &one);
    sandbox.yester(["import", "--wait"]).arg(&two).run().ok();
    first.finish().ok();
    assert_eq!(snapshots(&sandbox).len(), 2);
}

#[test]
fn reading_goes_on_during_an_import() {
    let sandbox = Sandbox::with_repository();
    file(sandbox.source().join("hello.txt"), "hello\n");
    let name = sandbox.import();
    let large = sandbox.path("large");
    many(&large, 1500, 50_000);
    let mut import = sandbox.yester(["import"]).arg(&large).start();
    let mut reads = 0;
    while import.is_running() {
        assert!(snapshots(&sandbox).contains(&name));
        assert_eq!(cat(&sandbox, "@latest", "hello.txt"), b"hello\n");
        reads += 1;
    }
    import.finish().ok();
    assert!(reads > 0, "the import was too fast to read beside it");
}
