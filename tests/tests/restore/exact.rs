//! What is restored is equal: no right and no attribute too many, not even for a moment.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, lchown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use fs_tests::needs::{self, Need};
use fs_tests::plant::file;
use fs_tests::tree::{assert_same, read_xattrs, scan};
use fs_tests::{Sandbox, wait_until};
use rustix::fs::XattrFlags;

use super::restore;

#[track_caller]
fn setfacl(words: &[&str], path: &Path) {
    let status = Command::new("setfacl").args(words).arg(path).status().expect("setfacl runs");
    assert!(status.success(), "setfacl {words:?}");
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("a mode");
}

/// A source with a folder of mode 750 that holds a file of mode 640.
fn with_secret(sandbox: &Sandbox) -> PathBuf {
    let folder = sandbox.source().join("folder");
    file(folder.join("secret"), "secret\n");
    set_mode(&folder.join("secret"), 0o640);
    set_mode(&folder, 0o750);
    folder
}

#[test]
fn inherited_lists_do_not_stay() {
    if !needs::met(&[needs::SETFACL]) {
        return;
    }
    let sandbox = Sandbox::with_repository();
    let folder = with_secret(&sandbox);
    sandbox.import();
    let to = sandbox.path("out");
    fs::create_dir(&to).expect("a folder");
    setfacl(&["-m", "d:u:65534:rwx"], &to);
    restore(&sandbox, &["@latest:folder"], &to).ok();
    assert_same("what was restored", &scan(&folder), &scan(&to.join("folder")));
}

#[test]
fn lists_and_attributes_that_are_too_many_go() {
    if !needs::met(&[needs::SETFACL]) {
        return;
    }
    let sandbox = Sandbox::with_repository();
    let folder = with_secret(&sandbox);
    sandbox.import();
    let before = scan(&folder);
    setfacl(&["-R", "-m", "u:65534:rwx,d:u:65534:rwx"], &sandbox.source());
    rustix::fs::setxattr(&folder, "user.added", b"1", XattrFlags::empty()).expect("an attribute");
    rustix::fs::setxattr(folder.join("secret"), "user.added", b"1", XattrFlags::empty()).expect("one");
    // Without being told, it is left as it is, and named.
    restore(&sandbox, &["@latest:"], &sandbox.source()).code_is(3);
    assert!(read_xattrs(&folder.join("secret")).expect("attributes").contains_key(&b"user.added"[..]));
    restore(&sandbox, &["@latest:", "--overwrite"], &sandbox.source()).ok();
    assert_same("what was restored", &before, &scan(&folder));
}

#[test]
fn the_target_keeps_its_owner_and_mode() {
    let sandbox = Sandbox::with_repository();
    file(sandbox.source().join("hello.txt"), "hello\n");
    set_mode(&sandbox.source(), 0o700);
    sandbox.import();
    let to = sandbox.path("out");
    fs::create_dir(&to).expect("a folder");
    set_mode(&to, 0o1777);
    for words in [&["@latest:"][..], &["@latest:", "--overwrite"]] {
        restore(&sandbox, words, &to).ok();
        assert_eq!(fs::metadata(&to).expect("the target").mode() & 0o7777, 0o1777, "{words:?}");
    }
    // One that was named, or that stands for the snapshot, is as it was.
    let made = sandbox.path("made");
    restore(&sandbox, &["@latest:"], &made).ok();
    assert_eq!(fs::metadata(&made).expect("the target").mode() & 0o7777, 0o700);
}

#[test]
fn nothing_is_open_before_it_is_complete() {
    if !needs::met(&[Need::Root, needs::SETFACL, needs::STRACE]) {
        return;
    }
    let sandbox = Sandbox::with_repository();
    let folder = with_secret(&sandbox);
    lchown(folder.join("secret"), Some(1234), Some(1234)).expect("an owner");
    set_mode(&folder.join("secret"), 0o644);
    set_mode(&folder, 0o700);
    sandbox.import();
    let (new, old) = (sandbox.path("new"), sandbox.path("old"));
    fs::create_dir_all(old.join("folder")).expect("a folder");
    fs::create_dir(&new).expect("a folder");
    set_mode(&old.join("folder"), 0o777);
    setfacl(&["-m", "d:u:65534:rwx"], &new);
    setfacl(&["-m", "u:65534:rwx,d:u:65534:rwx"], &old.join("folder"));
    for to in [&new, &old] {
        let slow = sandbox
            .yester(["restore", "--overwrite", "@latest:folder", "--to"])
            .arg(to)
            .slowed("fchownat", Duration::from_millis(700));
        let slow = slow.start();
        let inside = to.join("folder");
        // All of its bytes are there, and its owner is not yet.
        let (path, file) = wait_until("the temporary file", Duration::from_secs(30), || {
            let found = fs::read_dir(&inside).ok()?.flatten();
            let mut found =
                found.filter(|entry| entry.file_name().as_encoded_bytes().starts_with(b".yester-"));
            let (path, file) = found.find_map(|entry| Some((entry.path(), entry.metadata().ok()?)))?;
            (file.len() == 7).then_some((path, file))
        });
        assert_eq!(file.mode() & 0o7777, 0o600);
        assert_eq!(read_xattrs(&path).expect("its attributes").len(), 0);
        // What mode and list of the folder let others do is nothing.
        assert_eq!(fs::metadata(&inside).expect("the folder").mode() & 0o077, 0);
        slow.finish().ok();
        assert_same("what was restored", &scan(&folder), &scan(&inside));
    }
}

#[test]
fn without_its_list_or_its_group_a_file_is_not_more_open() {
    if !needs::met(&[Need::Root, needs::SETFACL, needs::UNSHARE]) {
        return;
    }
    let sandbox = Sandbox::with_repository();
    // The mode's group bits are what the list lets anybody have at most: the group itself has nothing.
    let listed = sandbox.source().join("listed");
    file(&listed, "x");
    set_mode(&listed, 0o600);
    setfacl(&["-m", "u:33:rw"], &listed);
    let grouped = sandbox.source().join("grouped");
    file(&grouped, "x");
    set_mode(&grouped, 0o640);
    lchown(&grouped, None, Some(4321)).expect("a group");
    sandbox.import();
    let to = sandbox.path("out");
    // Where only root is, neither user 33 nor group 4321 can be named.
    let ran = sandbox.yester(["restore", "@latest:", "--to"]).arg(&to).through(&["unshare", "-r"]).run();
    let ran = ran.code_is(3);
    for word in ["listed: access control list", "listed: mode", "grouped: owner", "grouped: mode"] {
        assert!(ran.stderr().contains(&format!("out/{word}")) || ran.stderr().contains("mode of 2"), "{ran}");
    }
    for name in ["listed", "grouped"] {
        assert_eq!(fs::metadata(to.join(name)).expect(name).mode() & 0o7777, 0o600, "{name}");
    }
}
