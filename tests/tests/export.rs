//! Archives of a snapshot, read by the programs that they are for.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use fs_tests::needs::{self, Need};
use fs_tests::plant::{acl, file, noise, small};
use fs_tests::tree::{Kind, Tree, assert_same, scan};
use fs_tests::{Ran, Sandbox};
use rustix::fs::{AtFlags, CWD, FileType, Mode, Timespec, Timestamps, XattrFlags, makedev, mknodat};

/// GNU tar.
pub const TAR: Need = Need::Program("tar", "tar");
const UNZIP: Need = Need::Program("unzip", "unzip");

/// Run `yester export` and keep what it writes.
pub fn export(sandbox: &Sandbox, args: &[&str], to: &Path) -> Ran {
    let ran = sandbox.yester(["export"]).args(args).run();
    fs::write(to, &ran.stdout).expect("an archive");
    ran
}

/// Let GNU tar make what an archive holds, in a new folder.
pub fn unpack(archive: &Path, to: &Path) {
    fs::create_dir(to).expect("a folder");
    let mut tar = Command::new("tar");
    tar.args(["-x", "--xattrs", "--xattrs-include=*", "--acls", "--numeric-owner", "-p", "-f"]).arg(archive);
    let ran = tar.arg("-C").arg(to).env("LC_ALL", "C").output().expect("tar runs");
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
}

fn set_time(path: &Path, tv_sec: i64, tv_nsec: i64) {
    let time = Timespec { tv_sec, tv_nsec };
    let times = Timestamps { last_access: time, last_modification: time };
    rustix::fs::utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW).expect("a time");
}

/// `user::rw-,user:1000:r--,group::r--,mask::r--,other::---` as Linux keeps it.
fn access_list() -> Vec<u8> {
    acl([(1, 6, u32::MAX), (2, 4, 1000), (4, 4, u32::MAX), (16, 4, u32::MAX), (32, 0, u32::MAX)])
}

#[test]
fn tar_makes_the_same_tree_again() {
    if !needs::met(&[Need::Root, TAR]) {
        return;
    }
    let sandbox = Sandbox::with_repository();
    let source = sandbox.source();
    small(&source);
    let long = "n".repeat(90);
    file(source.join(&long).join(&long).join("deep"), noise(2, 3_000_000));
    symlink(format!("{long}/{long}"), source.join("long link")).expect("a link");
    fs::hard_link(source.join(&long).join(&long).join("deep"), source.join("again")).expect("a hard link");
    file(source.join(std::ffi::OsStr::from_bytes(b"\xff new\nline")), "odd");
    let holes = fs::File::create(source.join("holes")).expect("a file");
    holes.write_all_at(b"data", 3 << 20).expect("data");
    holes.set_len(5 << 20).expect("a hole at the end");
    mknodat(CWD, source.join("fifo"), FileType::Fifo, Mode::RWXU, 0).expect("a fifo");
    mknodat(CWD, source.join("device"), FileType::BlockDevice, Mode::RUSR, makedev(7, 300))
        .expect("a device");
    mknodat(CWD, source.join("char"), FileType::CharacterDevice, Mode::RUSR, makedev(1, 3))
        .expect("a device");
    std::os::unix::fs::lchown(source.join("link"), Some(12), Some(34)).expect("an owner");
    std::os::unix::fs::chown(source.join("empty"), Some(4_000_000_000), Some(3_000_000)).expect("an owner");
    let attributes: [(&str, &str, &[u8]); 5] = [
        ("hello.txt", "user.comment", b"kept"),
        ("hello.txt", "user.with=equals%", b"\0\n="),
        ("etc", "trusted.folder", b""),
        ("empty", "system.posix_acl_access", &access_list()),
        ("hollow", "system.posix_acl_default", &access_list()),
    ];
    for (path, name, value) in attributes {
        rustix::fs::setxattr(source.join(path), name, value, XattrFlags::empty()).expect("an attribute");
    }
    fs::set_permissions(source.join("etc"), fs::Permissions::from_mode(0o2751)).expect("a mode");
    fs::set_permissions(source.join("again"), fs::Permissions::from_mode(0o4711)).expect("a mode");
    set_time(&source.join("hello.txt"), -2, 250_000_000);
    set_time(&source.join("link"), 1_000_000_000, 999_999_999);
    set_time(&source.join("etc"), 4_294_967_296, 1);
    sandbox.import();
    let (archive, to) = (sandbox.path("all.tar"), sandbox.path("all"));
    export(&sandbox, &["@latest:"], &archive).ok();
    unpack(&archive, &to);
    assert_same("what tar made", &scan(&source), &scan(&to));
    // A part keeps its name.
    let (archive, to) = (sandbox.path("part.tar"), sandbox.path("part"));
    export(&sandbox, &["source@latest:/etc/deep/"], &archive).ok();
    unpack(&archive, &to);
    assert_same("a folder", &scan(&source.join("etc/deep")), &scan(&to.join("deep")));
    let (archive, to) = (sandbox.path("one.tar"), sandbox.path("one"));
    export(&sandbox, &["@latest:etc/passwd"], &archive).ok();
    unpack(&archive, &to);
    assert_eq!(
        fs::read(to.join("passwd")).expect("a file"),
        fs::read(source.join("etc/passwd")).expect("a file")
    );
}

#[test]
fn what_an_archive_cannot_hold_is_named() {
    let sandbox = Sandbox::with_repository();
    file(sandbox.source().join("file"), "x");
    mknodat(CWD, sandbox.source().join("socket"), FileType::Socket, Mode::RWXU, 0).expect("a socket");
    mknodat(CWD, sandbox.source().join("fifo"), FileType::Fifo, Mode::RWXU, 0).expect("a fifo");
    sandbox.import();
    let tar = export(&sandbox, &["@latest:"], &sandbox.path("a.tar")).code_is(3);
    assert!(tar.stderr().contains("socket: is a socket") && !tar.stderr().contains("fifo"), "{tar}");
    let zip = export(&sandbox, &["@latest:", "--zip"], &sandbox.path("a.zip")).code_is(3);
    assert!(
        zip.stderr().contains("socket: is a socket") && zip.stderr().contains("fifo: is a fifo"),
        "{zip}"
    );
    sandbox.yester(["--json", "export", "@latest:"]).run().fails(1, &["--json"]);
    sandbox.yester(["export", "@latest:gone"]).run().fails(1, &["gone"]);
    let (status, shown) = sandbox.yester(["export", "@latest:"]).on_terminal(80);
    assert!(status.code() == Some(1) && shown.contains("terminal"), "{shown}");
}

#[test]
fn unzip_finds_names_contents_and_modes() {
    if !needs::met(&[UNZIP]) {
        return;
    }
    let sandbox = Sandbox::with_repository();
    let source = sandbox.source();
    small(&source);
    file(source.join("gr\u{f6}\u{df}e/file"), noise(3, 2_500_000));
    fs::set_permissions(source.join("empty"), fs::Permissions::from_mode(0o640)).expect("a mode");
    set_time(&source.join("empty"), 1_700_000_000, 0);
    sandbox.import();
    let (archive, to) = (sandbox.path("a.zip"), sandbox.path("unpacked"));
    export(&sandbox, &["@latest:", "--zip"], &archive).ok();
    let mut unzip = Command::new("unzip");
    let ran =
        unzip.arg("-q").arg(&archive).arg("-d").arg(&to).env("TZ", "UTC").env("LC_ALL", "C.UTF-8").output();
    let ran = ran.expect("unzip runs");
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let kept = |root: &Path| -> Tree {
        let mut tree = scan(root);
        tree.remove(&b""[..]);
        for entry in tree.values_mut() {
            (entry.mtime, entry.nlink, entry.uid, entry.gid) = ((0, 0), 0, 0, 0);
            if entry.kind == Kind::Symlink {
                entry.mode = 0;
            }
        }
        tree
    };
    let (mut expected, mut seen) = (kept(&source), kept(&to));
    // What had two names is two files.
    for tree in [&mut expected, &mut seen] {
        (0..).zip(tree.values_mut()).for_each(|(number, entry)| entry.identity = number);
    }
    assert_same("what unzip made", &expected, &seen);
    assert_eq!(scan(&to)[&b"empty"[..]].mtime, (1_700_000_000, 0));
}
