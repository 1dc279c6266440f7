//! Requirements of tests. A test whose requirement is missing is reported as skipped, never silently as
//! passed.

use std::env;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// A requirement of a test.
#[derive(Clone, Copy, Debug)]
pub enum Need {
    /// The test must run as root.
    Root,
    /// The test mounts FUSE file systems.
    Fuse,
    /// All users can mount through FUSE: the device is open to all, and `fusermount3` is installed.
    FuseForAll,
    /// The Windows build, and Wine to run it: see [`crate::Wine`].
    Windows,
    /// A program on the `PATH`, and the Debian package that contains it.
    Program(&'static str, &'static str),
}

/// rsync, to compare trees.
pub const RSYNC: Need = Need::Program("rsync", "rsync");
/// rsnapshot, to make levels for imports.
pub const RSNAPSHOT: Need = Need::Program("rsnapshot", "rsnapshot");
/// dirvish, to make images for imports.
pub const DIRVISH: Need = Need::Program("dirvish", "dirvish");
/// unshare, to give a program its own folder in /etc.
pub const UNSHARE: Need = Need::Program("unshare", "util-linux");
/// setpriv, to run commands as another user.
pub const SETPRIV: Need = Need::Program("setpriv", "util-linux");
/// setfacl, to set access control lists.
pub const SETFACL: Need = Need::Program("setfacl", "acl");
/// setcap, to give programs capabilities.
pub const SETCAP: Need = Need::Program("setcap", "libcap2-bin");
/// mkfs.ext4, to make a file system for a test.
pub const MKFS_EXT4: Need = Need::Program("mkfs.ext4", "e2fsprogs");
/// mkfs.vfat, to make a file system without owners, links and case.
pub const MKFS_VFAT: Need = Need::Program("mkfs.vfat", "dosfstools");
/// mkfs.exfat, to make another one without them.
pub const MKFS_EXFAT: Need = Need::Program("mkfs.exfat", "exfatprogs");
/// mount.exfat-fuse, which mounts exFAT on any kernel that has FUSE.
pub const EXFAT_FUSE: Need = Need::Program("mount.exfat-fuse", "exfat-fuse");
/// strace, to make system calls fail.
pub const STRACE: Need = Need::Program("strace", "strace");

impl Need {
    /// The missing requirement, and how to get it; `None` if it is met.
    fn missing(self) -> Option<String> {
        match self {
            Need::Root => (!rustix::process::geteuid().is_root()).then(|| "needs root".to_owned()),
            Need::Fuse => OpenOptions::new()
                .read(true)
                .write(true)
                .open("/dev/fuse")
                .err()
                .map(|error| format!("needs /dev/fuse ({error}; modprobe fuse)")),
            Need::FuseForAll => {
                let open =
                    Path::new("/dev/fuse").metadata().is_ok_and(|m| m.permissions().mode() & 0o6 == 0o6);
                if open {
                    Need::Program("fusermount3", "fuse3").missing()
                } else {
                    Some("needs /dev/fuse open to all users (chmod 666 /dev/fuse)".to_owned())
                }
            }
            Need::Windows => match env::var_os("YESTER_WINDOWS") {
                Some(_) => Need::Program("wine", "wine").missing(),
                None => Some("needs yester.exe (scripts/windows.sh makes it)".to_owned()),
            },
            Need::Program(program, package) => {
                let path = env::var_os("PATH").unwrap_or_default();
                let found = env::split_paths(&path).any(|folder| folder.join(program).is_file());
                (!found).then(|| format!("needs {program} (Debian package {package})"))
            }
        }
    }
}

/// Whether all requirements are met. If not, the test has been reported as skipped, and must return at once.
#[must_use]
pub fn met(needs: &[Need]) -> bool {
    let missing: Vec<String> = needs.iter().filter_map(|need| need.missing()).collect();
    for what in &missing {
        skipped(what);
    }
    missing.is_empty()
}

/// Reports the running test as skipped: on stderr, and in the file named by `YESTER_TEST_SKIPS`, for the
/// summary.
pub fn skipped(what: &str) {
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a test");
    // Not `eprintln`: the test harness would hide the output of a passing test.
    let _ = writeln!(std::io::stderr(), "{test}: skipped: {what}");
    if let Some(list) = env::var_os("YESTER_TEST_SKIPS") {
        let mut list =
            OpenOptions::new().create(true).append(true).open(list).expect("YESTER_TEST_SKIPS opens");
        list.write_all(format!("{test}: {what}\n").as_bytes()).expect("YESTER_TEST_SKIPS takes a line");
    }
}
