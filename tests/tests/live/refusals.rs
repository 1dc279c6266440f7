//! What would change history is refused exactly as by a read-only file system of the kernel's own, to whoever asks.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::thread;

use fs_tests::needs::{self, Need};
use fs_tests::plant::{file, small};
use fs_tests::{Mounted, Sandbox};
use rustix::fs::{
    FallocateFlags, Gid, Mode, Timespec, Timestamps, Uid, XattrFlags, fallocate, fchmod, fchown, fsetxattr,
    ftruncate, futimens,
};
use rustix::io::{Errno, Result};
use rustix::mount::{MountFlags, mount, mount_remount};
use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};

use super::read_only::attempts;

const NOBODY: u32 = 65534;

/// Folders of root's, of nobody's, and one that nobody may not enter. Each has what [`attempts`] needs.
const FOLDERS: [&str; 4] = ["", "theirs", "open", "closed"];

fn plant(root: &Path) {
    for folder in FOLDERS {
        let folder = root.join(folder);
        small(&folder);
        file(folder.join("program"), "#!/bin/sh\n");
    }
    let modes = |name: &str, mode| {
        fs::set_permissions(root.join(name), Permissions::from_mode(mode)).expect("a mode");
    };
    let chown = Command::new("chown").args(["-hR", "65534:65534"]).arg(root.join("theirs")).status();
    assert!(chown.expect("chown").success());
    modes("open", 0o1777);
    modes("open/hello.txt", 0o666);
    modes("closed", 0o700);
}

/// What writes through an open file.
fn through_a_file(path: &Path) -> Vec<(&'static str, Result<()>)> {
    let Ok(file) = File::open(path) else { return Vec::new() };
    let now = Timespec { tv_sec: 1, tv_nsec: 1 };
    vec![
        ("ftruncate", ftruncate(&file, 1)),
        ("fallocate", fallocate(&file, FallocateFlags::empty(), 0, 100)),
        ("a hole", fallocate(&file, FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE, 0, 1)),
        ("fchmod", fchmod(&file, Mode::from_raw_mode(0o600))),
        ("fchown", fchown(&file, Some(Uid::from_raw(1)), None)),
        ("futimens", futimens(&file, &Timestamps { last_access: now, last_modification: now })),
        ("fsetxattr", fsetxattr(&file, "user.new", b"value", XattrFlags::empty())),
    ]
}

fn all_attempts(root: &Path) -> Vec<(String, Result<()>)> {
    let in_folder = |folder: &str| {
        let path = root.join(folder);
        let mut results = attempts(&path);
        results.extend(through_a_file(&path.join("hello.txt")));
        results
            .into_iter()
            .map(|(call, result)| (format!("{call} in {folder:?}"), result))
            .collect::<Vec<_>>()
    };
    FOLDERS.into_iter().flat_map(in_folder).collect()
}

/// In a thread of another user's: its user and groups are its own.
fn as_nobody<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| {
        let worker = scope.spawn(|| {
            let (user, group) = (Uid::from_raw(NOBODY), Gid::from_raw(NOBODY));
            set_thread_groups(&[]).expect("no groups");
            set_thread_res_gid(group, group, group).expect("another group");
            set_thread_res_uid(user, user, user).expect("another user");
            work()
        });
        worker.join().expect("the other user's attempts")
    })
}

#[test]
fn as_by_a_file_system_of_the_kernel() {
    if !needs::met(&[Need::Root, Need::Fuse]) {
        return;
    }
    let sandbox = Sandbox::with_repository();
    plant(&sandbox.source());
    let name = sandbox.import();
    let judge = sandbox.path("judge");
    fs::create_dir(&judge).expect("a folder");
    mount("tmpfs", &judge, "tmpfs", MountFlags::empty(), None).expect("a tmpfs");
    plant(&judge);
    mount_remount(&judge, MountFlags::RDONLY, "").expect("a read-only tmpfs");

    let mounted = Mounted::with(&sandbox, &["--source", "source", "-o", "allow_other"]);
    let snapshot = mounted.path(&name);
    let compare = |who: &str, [shown, expected]: [Vec<(String, Result<()>)>; 2], allowed: &[Errno]| {
        assert_eq!(shown.len(), expected.len(), "{who} can open another number of files");
        for ((call, shown), (_, expected)) in shown.into_iter().zip(expected) {
            assert_eq!(shown, expected, "{who}: {call}");
            let error = shown.expect_err(&call);
            assert!(allowed.contains(&error), "{who}: {call}: {error}");
        }
    };
    // What a file that is open for reading cannot do comes before where it is.
    let root = [Errno::ROFS, Errno::BADF, Errno::INVAL];
    compare("root", [&snapshot, &judge].map(|root| all_attempts(root)), &root);
    let nobody = [&root[..], &[Errno::ACCESS, Errno::PERM]].concat();
    compare("nobody", as_nobody(|| [&snapshot, &judge].map(|root| all_attempts(root))), &nobody);
    // In the folders of the mount itself there is less to be refused for.
    let tops = as_nobody(|| attempts(mounted.point()));
    for (call, result) in tops {
        let error = result.expect_err(call);
        assert!([Errno::ROFS, Errno::ACCESS, Errno::PERM, Errno::NOENT].contains(&error), "{call}: {error}");
    }
}
