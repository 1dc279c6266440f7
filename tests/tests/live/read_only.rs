//! History cannot be changed: every call that would is answered with EROFS.

use std::path::Path;

use fs_tests::needs::{self, Need};
use fs_tests::plant::small;
use fs_tests::tree::{assert_same, scan};
use fs_tests::{Mounted, Sandbox};
use rustix::fs::{
    AtFlags, CWD, FileType, Gid, Mode, OFlags, RenameFlags, Timespec, Timestamps, Uid, XattrFlags, chmodat,
    chownat, linkat, lremovexattr, lsetxattr, makedev, mkdirat, mknodat, openat, renameat, renameat_with,
    symlinkat, unlinkat, utimensat,
};
use rustix::io::{Errno, Result};

/// Try everything that writes, in a folder that has a `hello.txt` and a folder `etc`.
pub fn attempts(folder: &Path) -> Vec<(&'static str, Result<()>)> {
    let (file, sub, new) = (folder.join("hello.txt"), folder.join("etc"), folder.join("new"));
    let open = |path: &Path, flags| openat(CWD, path, flags, Mode::from_raw_mode(0o644)).map(drop);
    let now = Timespec { tv_sec: 1, tv_nsec: 1 };
    let times = Timestamps { last_access: now, last_modification: now };
    let mode = Mode::from_raw_mode(0o600);
    let (owner, group) = (Some(Uid::from_raw(1)), Some(Gid::from_raw(1)));
    vec![
        ("create", open(&new, OFlags::WRONLY | OFlags::CREATE)),
        ("open for writing", open(&file, OFlags::WRONLY)),
        ("open for both", open(&file, OFlags::RDWR)),
        ("append", open(&file, OFlags::WRONLY | OFlags::APPEND)),
        ("truncate", open(&file, OFlags::WRONLY | OFlags::TRUNC)),
        ("create anew", open(&file, OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC)),
        ("a file without a name", open(folder, OFlags::WRONLY | OFlags::TMPFILE)),
        ("mkdir", mkdirat(CWD, &new, mode)),
        ("unlink", unlinkat(CWD, &file, AtFlags::empty())),
        ("rmdir", unlinkat(CWD, &sub, AtFlags::REMOVEDIR)),
        ("rename", renameat(CWD, &file, CWD, &new)),
        ("rename of a folder", renameat(CWD, &sub, CWD, &new)),
        ("rename over another", renameat(CWD, &file, CWD, sub.join("passwd"))),
        ("rename if nothing is there", renameat_with(CWD, &file, CWD, &new, RenameFlags::NOREPLACE)),
        ("chmod", chmodat(CWD, &file, mode, AtFlags::empty())),
        ("chmod of a folder", chmodat(CWD, &sub, mode, AtFlags::empty())),
        ("chown", chownat(CWD, &file, owner, group, AtFlags::empty())),
        ("utimens", utimensat(CWD, &file, &times, AtFlags::empty())),
        ("utimens of a folder", utimensat(CWD, &sub, &times, AtFlags::empty())),
        ("setxattr", lsetxattr(&file, "user.new", b"value", XattrFlags::empty())),
        ("removexattr", lremovexattr(&file, "user.new")),
        ("setting an ACL", lsetxattr(&sub, "system.posix_acl_default", &[2, 0, 0, 0], XattrFlags::empty())),
        ("link", linkat(CWD, &file, CWD, &new, AtFlags::empty())),
        ("symlink", symlinkat("target", CWD, &new)),
        ("mknod", mknodat(CWD, &new, FileType::Fifo, mode, 0)),
        ("mknod of a device", mknodat(CWD, &new, FileType::CharacterDevice, mode, makedev(1, 3))),
    ]
}

#[test]
fn every_change_gets_erofs() {
    if !needs::met(&[Need::Root, Need::Fuse]) {
        return;
    }
    let sandbox = Sandbox::with_repository();
    small(&sandbox.source());
    small(&sandbox.source().join("etc"));
    let name = sandbox.import();
    let mounted = Mounted::source(&sandbox);
    for folder in [name.clone(), format!("{name}/etc"), "@latest".to_owned()] {
        for (call, result) in attempts(&mounted.path(&folder)) {
            assert_eq!(result, Err(Errno::ROFS), "{call} in {folder}");
        }
    }
    assert_same("after all that", &scan(&sandbox.source()), &scan(&mounted.path(name)));
}

/// What would change a folder, or what is in it.
fn attempts_at(folder: &Path, inside: &str) -> Vec<(&'static str, Result<()>)> {
    let (inside, new) = (folder.join(inside), folder.join("new"));
    let mode = Mode::from_raw_mode(0o755);
    let now = Timespec { tv_sec: 1, tv_nsec: 1 };
    let times = Timestamps { last_access: now, last_modification: now };
    vec![
        ("create", openat(CWD, &new, OFlags::WRONLY | OFlags::CREATE, mode).map(drop)),
        ("a file without a name", openat(CWD, folder, OFlags::WRONLY | OFlags::TMPFILE, mode).map(drop)),
        ("mkdir", mkdirat(CWD, &new, mode)),
        ("mkdir of an expression", mkdirat(CWD, folder.join("@2020"), mode)),
        ("mkdir of nonsense", mkdirat(CWD, folder.join("@nonsense"), mode)),
        ("mknod", mknodat(CWD, &new, FileType::Fifo, mode, 0)),
        ("symlink", symlinkat("target", CWD, &new)),
        ("rmdir", unlinkat(CWD, &inside, AtFlags::REMOVEDIR)),
        ("unlink of @latest", unlinkat(CWD, folder.join("@latest"), AtFlags::empty())),
        ("rename", renameat(CWD, &inside, CWD, &new)),
        ("chmod", chmodat(CWD, &inside, mode, AtFlags::empty())),
        ("chmod of itself", chmodat(CWD, folder, mode, AtFlags::empty())),
        ("chown of itself", chownat(CWD, folder, Some(Uid::from_raw(1)), None, AtFlags::empty())),
        ("utimens of itself", utimensat(CWD, folder, &times, AtFlags::empty())),
        ("setxattr of itself", lsetxattr(folder, "user.new", b"value", XattrFlags::empty())),
        ("removexattr of itself", lremovexattr(folder, "user.new")),
    ]
}

#[test]
fn the_folders_of_the_mount_are_read_only_too() {
    if !needs::met(&[Need::Root, Need::Fuse]) {
        return;
    }
    let sandbox = Sandbox::with_repository();
    small(&sandbox.source());
    let name = sandbox.import();
    for (options, folder, inside) in [
        (&["--source", "source"][..], "", name.as_str()),
        (&[], "", "source"),
        (&[], "source", name.as_str()),
    ] {
        let mounted = Mounted::with(&sandbox, options);
        let folder = mounted.path(folder);
        for (call, result) in attempts_at(&folder, inside) {
            assert_eq!(result, Err(Errno::ROFS), "{call} in {}", folder.display());
        }
        assert!(folder.join(inside).is_dir());
    }
}
