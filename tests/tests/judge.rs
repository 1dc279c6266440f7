//! The judge of trees is judged: a comparison that notices nothing would let everything pass.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use fs_tests::Sandbox;
use fs_tests::plant::{file, small};
use fs_tests::tree::{Tree, differences, scan};
use rustix::fs::XattrFlags;

/// What is said when a tree is compared with what it was before a change.
fn said_after(change: impl FnOnce(&Path)) -> String {
    let sandbox = Sandbox::new();
    small(&sandbox.source());
    let before = scan(&sandbox.source());
    assert!(differences(&before, &scan(&sandbox.source())).is_empty(), "a tree differs from itself");
    change(&sandbox.source());
    differences(&before, &scan(&sandbox.source())).join("\n")
}

#[test]
fn every_difference_is_noticed() {
    let noticed = |said: &str, change: &dyn Fn(&Path)| {
        let all = said_after(|root| change(root));
        assert!(all.contains(said), "`{said}` is not noticed: {all}");
    };
    noticed("should not be there", &|root| file(root.join("new"), ""));
    noticed("missing", &|root| fs::remove_file(root.join("empty")).expect("removed"));
    noticed("mode is 600", &|root| {
        fs::set_permissions(root.join("empty"), Permissions::from_mode(0o600)).expect("a mode");
    });
    noticed("content has 6 bytes, not 6, and differs from byte 1: `Ello", &|root| {
        fs::write(root.join("hello.txt"), "hEllo\n").expect("written");
    });
    noticed("size is 3, not 0", &|root| fs::write(root.join("empty"), "abc").expect("written"));
    noticed("mtime is (-1, 999999998)", &|root| {
        let before = UNIX_EPOCH - Duration::from_nanos(2);
        let open = fs::File::options().write(true).open(root.join("empty")).expect("opened");
        open.set_modified(before).expect("a time");
    });
    noticed("type is Directory, not File", &|root| {
        fs::remove_file(root.join("empty")).expect("removed");
        fs::create_dir(root.join("empty")).expect("a folder");
    });
    noticed("content has 5 bytes, not 9", &|root| {
        fs::remove_file(root.join("link")).expect("removed");
        symlink("other", root.join("link")).expect("a link");
    });
    noticed("xattrs is [\"`user.new`\"], not []", &|root| {
        rustix::fs::lsetxattr(root.join("empty"), "user.new", b"x", XattrFlags::empty())
            .expect("an attribute");
    });
    noticed("not the same node as its other names", &|root| {
        fs::remove_file(root.join("hello.txt")).expect("removed");
        file(root.join("hello.txt"), "hello\n");
    });
    noticed("the same st_ino", &|root| {
        fs::remove_file(root.join("empty")).expect("removed");
        fs::hard_link(root.join("hello.txt"), root.join("empty")).expect("a link");
    });
    noticed("nlink is 3, not 2", &|root| {
        fs::hard_link(root.join("hello.txt"), root.join("third")).expect("a link");
    });
}

#[test]
fn only_equal_trees_are_equal() {
    let entry = |tree: &Tree, path: &[u8]| tree[path].clone();
    let sandbox = Sandbox::new();
    small(&sandbox.source());
    let tree = scan(&sandbox.source());
    let with = |change: &dyn Fn(&mut fs_tests::tree::Entry)| {
        let mut other = tree.clone();
        let mut changed = entry(&tree, b"empty");
        change(&mut changed);
        other.insert(b"empty".to_vec(), changed);
        differences(&tree, &other)
    };
    assert!(with(&|_| ()).is_empty());
    assert_eq!(with(&|entry| entry.uid += 1).len(), 1);
    assert_eq!(with(&|entry| entry.gid += 1).len(), 1);
    assert_eq!(with(&|entry| entry.rdev += 1).len(), 1);
    assert_eq!(with(&|entry| entry.mtime.1 ^= 1).len(), 1);
}
