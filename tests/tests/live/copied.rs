//! `rsync -aHAX` out of a mount makes the original again.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{FileExt, PermissionsExt, lchown, symlink};
use std::process::Command;

use fs_tests::judge;
use fs_tests::needs::{self, Need, RSYNC};
use fs_tests::plant::{self, file, many, noise, small};
use fs_tests::tree::{assert_same, scan};
use fs_tests::wait::next_second;
use fs_tests::{Mounted, Sandbox};
use rustix::fs::{CWD, FileType, Mode, XattrFlags, lsetxattr, makedev, mknodat};

/// Owner rw-, user 1234 r--, group r--, mask r--, others none.
fn acl() -> Vec<u8> {
    let none = u32::MAX;
    plant::acl([(1, 6, none), (2, 4, 1234), (4, 4, none), (16, 4, none), (32, 0, none)])
}

#[test]
fn rsync_makes_the_original_again() {
    if !needs::met(&[Need::Root, Need::Fuse, RSYNC]) {
        return;
    }
    let sandbox = Sandbox::with_repository();
    let source = sandbox.source();
    let at = |name: &str| source.join(name);
    small(&source);
    many(&at("much"), 300, 3000);
    file(at("large"), noise(5, 5_000_000));
    let sparse = File::create(at("sparse")).expect("a file");
    sparse.write_all_at(b"in the midst", 7 << 20).expect("data");
    sparse.set_len(20 << 20).expect("a hole");
    symlink("../nowhere", at("etc/dangling")).expect("a link");
    for (name, kind, device) in [
        ("null", FileType::CharacterDevice, makedev(1, 3)),
        ("loop", FileType::BlockDevice, makedev(7, 200)),
        ("fifo", FileType::Fifo, 0),
        ("socket", FileType::Socket, 0),
    ] {
        mknodat(CWD, at(name), kind, Mode::from_raw_mode(0o640), device).expect("a special file");
    }
    for name in ["hello.txt", "etc", "etc/dangling"] {
        lchown(at(name), Some(1234), Some(4321)).expect("another owner");
    }
    fs::set_permissions(at("large"), Permissions::from_mode(0o6751)).expect("a mode");
    fs::set_permissions(at("etc/deep"), Permissions::from_mode(0o1777)).expect("a mode");
    lsetxattr(at("large"), "user.note", b"dear", XattrFlags::empty()).expect("an attribute");
    lsetxattr(at("etc"), "trusted.note", [0, 1, 255].as_slice(), XattrFlags::empty()).expect("an attribute");
    lsetxattr(at("empty"), "system.posix_acl_access", &acl(), XattrFlags::empty()).expect("an ACL");
    lsetxattr(at("hollow"), "system.posix_acl_default", &acl(), XattrFlags::empty()).expect("an ACL");
    let name = sandbox.import();
    // rsync takes times of one second for equal where it need not write a file.
    next_second();

    for options in [&["--source", "source"][..], &["--source", "source", "-o", "allow_other"]] {
        let mounted = Mounted::with(&sandbox, options);
        let copy = sandbox.path(format!("copy{}", options.len()));
        let ran = Command::new("rsync")
            .args(["-aHAX", "--sparse", "--numeric-ids"])
            .args([mounted.path(&name).join(""), copy.join("")])
            .output()
            .expect("rsync runs");
        let said = String::from_utf8_lossy(&ran.stdout) + String::from_utf8_lossy(&ran.stderr);
        assert!(ran.status.success() && said.is_empty(), "{}: {said}", ran.status);
        judge::same(&source, &copy);
        judge::same(&source, &mounted.path(&name));
        assert_same("the copy", &scan(&source), &scan(&copy));
    }
}
