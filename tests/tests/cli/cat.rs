//! `yester cat T:PATH`.

use std::os::unix::fs::symlink;

use fs_tests::Sandbox;
use fs_tests::plant::{file, noise, small};

#[test]
fn content_comes_out_byte_for_byte() {
    let sandbox = Sandbox::with_repository();
    let large = [noise(1, 2_500_000), vec![0; 1_500_000], b"tail".to_vec()].concat();
    file(sandbox.source().join("a/large"), &large);
    file(sandbox.source().join("empty"), "");
    file(sandbox.source().join("with: colon"), "colon");
    let name = sandbox.import();
    let cat = |path: &str| sandbox.yester(["cat", path]).run().ok().stdout;
    assert!(cat("@latest:a/large") == large, "not the same bytes");
    assert_eq!(cat("@latest:empty"), b"");
    assert_eq!(cat("@latest:with: colon"), b"colon");
    assert_eq!(cat("@latest:/empty"), b"", "a leading slash does not matter");
    assert_eq!(cat(&format!("source{name}:with: colon")), b"colon");
    assert_eq!(cat("source@latest:with: colon"), b"colon");
}

#[test]
fn an_older_version_comes_back() {
    let sandbox = Sandbox::with_repository();
    file(sandbox.source().join("file"), "old");
    let first = sandbox.import();
    file(sandbox.source().join("file"), "new and longer");
    let second = sandbox.import();
    let cat = |time: &str| sandbox.yester(["cat"]).arg(format!("{time}:file")).run().ok().text();
    assert_eq!(cat(&first), "old");
    assert_eq!(cat("@first"), "old");
    assert_eq!(cat("@latest~1"), "old");
    assert_eq!(cat(&second), "new and longer");
    assert_eq!(cat("@today"), "new and longer");
}

#[test]
fn what_cannot_be_shown_is_said() {
    let sandbox = Sandbox::with_repository();
    small(&sandbox.source());
    symlink("/nowhere", sandbox.source().join("dangling")).expect("a link");
    sandbox.import();
    let cat = |path: &str| sandbox.yester(["cat", path]).run();
    cat("@latest:no/such/file").fails(1, &["no/such/file"]);
    cat("@latest:hello.txt/below").fails(1, &["hello.txt/below"]);
    cat("@latest:etc").fails(1, &["etc"]);
    cat("@2000:hello.txt").fails(1, &["@2000"]);
    cat("nonesuch@latest:hello.txt").fails(1, &["nonesuch"]);
    let timeless = cat("hello.txt");
    assert!(matches!(timeless.code(), Some(1 | 2)) && timeless.stderr().contains("hello.txt"), "{timeless}");
    let nonsense = cat("@nonsense:hello.txt");
    assert!(matches!(nonsense.code(), Some(1 | 2)) && nonsense.stderr().contains("@nonsense"), "{nonsense}");
}

#[test]
fn two_sources_must_be_told_apart() {
    let sandbox = Sandbox::with_repository();
    file(sandbox.source().join("file"), "one");
    sandbox.import_as("one");
    file(sandbox.source().join("file"), "two, later");
    sandbox.import_as("two");
    let ambiguous = sandbox.yester(["cat", "@latest:file"]).run();
    assert!(matches!(ambiguous.code(), Some(1 | 2)), "{ambiguous}");
    for name in ["one", "two"] {
        assert!(ambiguous.stderr().contains(name), "the sources are not named: {ambiguous}");
    }
    let cat = |args: &[&str]| sandbox.yester(["cat"]).args(args).run().ok().text();
    assert_eq!(cat(&["one@latest:file"]), "one");
    assert_eq!(cat(&["--source", "two", "@latest:file"]), "two, later");
}
