//! Inode numbers: stable, and the same for a file that did not change.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{DirEntryExt, MetadataExt};

use fs_tests::needs::{self, Need};
use fs_tests::plant::{file, small};
use fs_tests::tree::scan;
use fs_tests::{Mounted, Sandbox};

#[test]
fn numbers_survive_a_remount() {
    if !needs::met(&[Need::Fuse]) {
        return;
    }
    let sandbox = Sandbox::with_repository();
    small(&sandbox.source());
    let name = sandbox.import();
    let numbers = |mounted: &Mounted| -> BTreeMap<Vec<u8>, u64> {
        let tree = scan(&mounted.path(&name));
        tree.into_iter().map(|(path, entry)| (path, entry.identity)).collect()
    };
    let mounted = Mounted::source(&sandbox);
    let before = numbers(&mounted);
    drop(mounted);
    // Ask in another order.
    let mounted = Mounted::source(&sandbox);
    assert!(mounted.path(&name).join("etc/deep/er/file").is_file());
    assert_eq!(before, numbers(&mounted));
}

#[test]
fn an_unchanged_file_is_the_same_inode_in_every_snapshot() {
    if !needs::met(&[Need::Fuse]) {
        return;
    }
    let sandbox = Sandbox::with_repository();
    small(&sandbox.source());
    let first = sandbox.import();
    file(sandbox.source().join("etc/passwd"), "changed");
    let second = sandbox.import();
    let mounted = Mounted::source(&sandbox);
    let number = |name: &str, path: &str| fs::metadata(mounted.path(name).join(path)).expect(path).ino();
    for same in ["hello.txt", "empty", "etc/deep/er/file"] {
        assert_eq!(number(&first, same), number(&second, same), "{same}");
    }
    assert_ne!(number(&first, "etc/passwd"), number(&second, "etc/passwd"));
}

#[test]
fn a_listing_and_a_stat_agree() {
    if !needs::met(&[Need::Fuse]) {
        return;
    }
    let sandbox = Sandbox::with_repository();
    small(&sandbox.source());
    sandbox.import();
    let mounted = Mounted::source(&sandbox);
    for folder in ["", "@latest/", "@latest/etc/"] {
        for entry in fs::read_dir(mounted.path(folder)).expect("a folder").flatten() {
            let stat = fs::symlink_metadata(entry.path()).expect("an entry");
            assert_eq!(entry.ino(), stat.ino(), "d_ino of {}", entry.path().display());
            assert_eq!(
                entry.file_type().expect("a type"),
                stat.file_type(),
                "d_type of {}",
                entry.path().display()
            );
        }
    }
}

#[test]
fn numbers_are_short_when_asked() {
    if !needs::met(&[Need::Fuse]) {
        return;
    }
    let sandbox = Sandbox::with_repository();
    small(&sandbox.source());
    (0..300).for_each(|number| file(sandbox.source().join(format!("many/{number}")), number.to_string()));
    let name = sandbox.import();
    let numbers = |mounted: &Mounted| -> BTreeMap<Vec<u8>, u64> {
        let tree = scan(&mounted.path(&name));
        tree.into_iter().map(|(path, entry)| (path, entry.identity)).collect()
    };
    let mount = || Mounted::with(&sandbox, &["--source", "source", "-o", "inode32"]);
    let mounted = mount();
    let before = numbers(&mounted);
    assert!(before.values().all(|number| u32::try_from(*number).is_ok()), "{before:?}");
    let different: std::collections::BTreeSet<_> = before.values().collect();
    // Two names of one file.
    assert_eq!(different.len(), before.len() - 1);
    for entry in fs::read_dir(mounted.path(&name)).expect("a folder").flatten() {
        assert_eq!(entry.ino(), fs::symlink_metadata(entry.path()).expect("an entry").ino());
    }
    // What changes is told by the same numbers.
    file(sandbox.source().join("later"), "x");
    let later = sandbox.import();
    mounted.wait_for(&later);
    assert!(mounted.path("@latest/later").is_file());
    drop(mounted);
    let mounted = mount();
    assert!(mounted.path(&name).join("etc/deep/er/file").is_file());
    assert_eq!(before, numbers(&mounted));
}
