//! History cannot be changed: every call that would is answered with EROFS.

use std::path::Path;

use fs_tests::needs::{self, Need};
use fs_tests::plant::small;
use fs_tests::tree::{assert_same, scan};
use fs_tests::{Mounted, Sandbox};
use rustix::fs::{
    AtFlags, CWD, FileType, Gid, Mode, OFlags, Timespec, Timestamps, Uid, XattrFlags, chmodat, chownat,
    linkat, lremovexattr, lsetxattr, mkdirat, mknodat, openat, renameat, symlinkat, unlinkat, utimensat,
};
use rustix::io::{Errno, Result};

/// Try everything that writes, in a folder that has a `hello.txt` and a folder `etc`.
fn attempts(folder: &Path) -> Vec<(&'static str, Result<()>)> {
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
        ("mkdir", mkdirat(CWD, &new, mode)),
        ("unlink", unlinkat(CWD, &file, AtFlags::empty())),
        ("rmdir", unlinkat(CWD, &sub, AtFlags::REMOVEDIR)),
        ("rename", renameat(CWD, &file, CWD, &new)),
        ("chmod", chmodat(CWD, &file, mode, AtFlags::empty())),
        ("chown", chownat(CWD, &file, owner, group, AtFlags::empty())),
        ("utimens", utimensat(CWD, &file, &times, AtFlags::empty())),
        ("setxattr", lsetxattr(&file, "user.new", b"value", XattrFlags::empty())),
        ("removexattr", lremovexattr(&file, "user.new")),
        ("link", linkat(CWD, &file, CWD, &new, AtFlags::empty())),
        ("symlink", symlinkat("target", CWD, &new)),
        ("mknod", mknodat(CWD, &new, FileType::Fifo, mode, 0)),
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

#[test]
fn the_folder_of_snapshots_is_read_only_too() {
    if !needs::met(&[Need::Root, Need::Fuse]) {
        return;
    }
    let sandbox = Sandbox::with_repository();
    small(&sandbox.source());
    let name = sandbox.import();
    let mounted = Mounted::source(&sandbox);
    let mode = Mode::from_raw_mode(0o755);
    let snapshot = mounted.path(&name);
    for new in ["new", "@2020", "@nonsense"] {
        assert_eq!(mkdirat(CWD, mounted.path(new), mode), Err(Errno::ROFS), "mkdir {new}");
    }
    let results = [
        ("rmdir of a snapshot", unlinkat(CWD, &snapshot, AtFlags::REMOVEDIR)),
        ("unlink of @latest", unlinkat(CWD, mounted.path("@latest"), AtFlags::empty())),
        ("rename of a snapshot", renameat(CWD, &snapshot, CWD, mounted.path("other"))),
        ("chmod of a snapshot", chmodat(CWD, &snapshot, mode, AtFlags::empty())),
        ("chmod of the mount's root", chmodat(CWD, mounted.point(), mode, AtFlags::empty())),
    ];
    for (call, result) in results {
        assert_eq!(result, Err(Errno::ROFS), "{call}");
    }
}
