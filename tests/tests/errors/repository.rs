//! A folder that is no repository, or one that this program cannot read.

use std::fs;
use std::path::Path;

use fs_tests::Sandbox;
use fs_tests::plant::{file, small};

use super::{cat, leaves_alone, snapshots, text};

/// Every command that needs a repository, with arguments that would be right.
fn commands(sandbox: &Sandbox) -> Vec<Vec<String>> {
    let (source, point) = (sandbox.source(), sandbox.mnt());
    vec![
        vec!["import".into(), text(&source).into()],
        vec!["mount".into(), text(&point).into()],
        vec!["snapshots".into()],
        vec!["ls".into(), "@latest:".into()],
        vec!["cat".into(), "@latest:hello.txt".into()],
        vec!["stats".into()],
    ]
}

#[test]
fn a_repository_that_is_none() {
    let sandbox = Sandbox::new();
    small(&sandbox.source());
    let empty = sandbox.path("empty");
    fs::create_dir(&empty).expect("a folder");
    let other = sandbox.path("other");
    file(other.join("photo.jpg"), "not a repository");
    let plain = sandbox.path("plain");
    file(&plain, "not even a folder");
    let missing = sandbox.path("missing");
    for repository in [&missing, &empty, &other, &plain] {
        for command in commands(&sandbox) {
            let ran = leaves_alone(&sandbox.source(), || {
                sandbox.bare_yester(["--repo"]).arg(repository).args(&command).run()
            });
            ran.fails(1, &[text(repository)]);
        }
    }
    assert!(!missing.exists(), "a repository was made without `init`");
    assert_eq!(fs::read_dir(&empty).expect("the folder").count(), 0, "something was written");
    assert_eq!(fs::read_dir(&other).expect("the folder").count(), 1, "something was written");
    assert_eq!(fs::read(&plain).expect("the file"), b"not even a folder");
}

#[test]
fn the_error_says_what_to_do() {
    let sandbox = Sandbox::new();
    sandbox.yester(["import"]).arg(sandbox.source()).run().fails(1, &[text(&sandbox.repo()), "init"]);
}

#[test]
fn a_second_init_changes_nothing() {
    let sandbox = Sandbox::with_repository();
    small(&sandbox.source());
    let name = sandbox.import();
    let repository = sandbox.repo();
    let config = fs::read(repository.join("config")).expect("the config");
    sandbox.yester(["init"]).run().fails(1, &[text(&repository)]);
    assert_eq!(fs::read(repository.join("config")).expect("the config"), config);
    assert_eq!(snapshots(&sandbox), [name]);
    assert_eq!(cat(&sandbox, "@latest", "hello.txt"), b"hello\n");
}

#[test]
fn init_does_not_mix_with_other_files() {
    let sandbox = Sandbox::new();
    file(sandbox.repo().join("photo.jpg"), "dear to somebody");
    sandbox.yester(["init"]).run().fails(1, &[text(&sandbox.repo())]);
    assert_eq!(fs::read_dir(sandbox.repo()).expect("the folder").count(), 1);
}

/// Make a repository claim a newer format. The one place of these tests that knows a byte of it: the config file
/// begins with eight bytes of magic, then the version as a little-endian `u32` (docs/format.md).
fn claim_version(repository: &Path, version: u32) {
    const CONFIG: &str = "config";
    const OFFSET: usize = 8;
    let path = repository.join(CONFIG);
    let mut bytes = fs::read(&path).expect("the config");
    bytes[OFFSET..OFFSET + 4].copy_from_slice(&version.to_le_bytes());
    fs::write(&path, bytes).expect("the config");
}

#[test]
fn a_newer_format_is_left_alone() {
    let sandbox = Sandbox::with_repository();
    small(&sandbox.source());
    sandbox.import();
    let saved = fs::read(sandbox.repo().join("config")).expect("the config");
    claim_version(&sandbox.repo(), 4711);
    for command in commands(&sandbox) {
        let ran = leaves_alone(&sandbox.repo(), || sandbox.yester(&command).run());
        ran.fails(1, &[text(&sandbox.repo()), "4711"]);
    }
    let up = sandbox.yester(["up"]).args([sandbox.source(), sandbox.mnt()]).run();
    up.fails(1, &[text(&sandbox.repo()), "4711"]);
    fs::write(sandbox.repo().join("config"), saved).expect("the config");
    assert_eq!(cat(&sandbox, "@latest", "hello.txt"), b"hello\n");
}

#[test]
fn a_damaged_config_is_said() {
    let sandbox = Sandbox::with_repository();
    let config = sandbox.repo().join("config");
    for damaged in [&b""[..], b"garbage", &[0; 4096]] {
        fs::write(&config, damaged).expect("the config");
        let ran = sandbox.yester(["snapshots"]).run();
        assert!(matches!(ran.code(), Some(1 | 4)), "{ran}");
        ran.fails(ran.code().unwrap_or_default(), &[text(&sandbox.repo())]);
    }
}
