//! What a test needs of the machine. A test that lacks it is skipped aloud, never counted as passed in silence.

use std::env;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Something that a test cannot do without.
#[derive(Clone, Copy, Debug)]
pub enum Need {
    /// To run as root.
    Root,
    /// To mount FUSE file systems.
    Fuse,
    /// FUSE for everybody: the device open to all, and `fusermount3` installed.
    FuseForAll,
    /// The product for Windows, and what runs it: see [`crate::Wine`].
    Windows,
    /// A program on the `PATH`, and the Debian package that brings it.
    Program(&'static str, &'static str),
}

/// rsync, the judge of equal trees.
pub const RSYNC: Need = Need::Program("rsync", "rsync");
/// rsnapshot, whose levels are imported.
pub const RSNAPSHOT: Need = Need::Program("rsnapshot", "rsnapshot");
/// dirvish, whose images are imported.
pub const DIRVISH: Need = Need::Program("dirvish", "dirvish");
/// unshare, to give a program a folder in /etc of its own.
pub const UNSHARE: Need = Need::Program("unshare", "util-linux");
/// setpriv, to run commands as another user.
pub const SETPRIV: Need = Need::Program("setpriv", "util-linux");
/// setfacl, to give files access control lists.
pub const SETFACL: Need = Need::Program("setfacl", "acl");
/// setcap, to give programs capabilities.
pub const SETCAP: Need = Need::Program("setcap", "libcap2-bin");
/// mkfs.ext4, for a file system of a test's own.
pub const MKFS_EXT4: Need = Need::Program("mkfs.ext4", "e2fsprogs");
/// mkfs.vfat, for one without owners, links and case.
pub const MKFS_VFAT: Need = Need::Program("mkfs.vfat", "dosfstools");
/// mkfs.exfat, for another such.
pub const MKFS_EXFAT: Need = Need::Program("mkfs.exfat", "exfatprogs");
/// mount.exfat-fuse, which mounts it on any kernel that has FUSE.
pub const EXFAT_FUSE: Need = Need::Program("mount.exfat-fuse", "exfat-fuse");
/// strace, to let system calls fail.
pub const STRACE: Need = Need::Program("strace", "strace");

impl Need {
    /// What is missing, and how to get it.
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

/// Whether everything needed is there. When not, the test has been reported as skipped and must return at once.
#[must_use]
pub fn met(needs: &[Need]) -> bool {
    let missing: Vec<String> = needs.iter().filter_map(|need| need.missing()).collect();
    for what in &missing {
        skipped(what);
    }
    missing.is_empty()
}

/// Report the running test as skipped: on stderr, and in the file that `YESTER_TEST_SKIPS` names, for the summary.
pub fn skipped(what: &str) {
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a test");
    // Not `eprintln`: the test harness would keep that of a passing test to itself.
    let _ = writeln!(std::io::stderr(), "{test}: skipped: {what}");
    if let Some(list) = env::var_os("YESTER_TEST_SKIPS") {
        let mut list =
            OpenOptions::new().create(true).append(true).open(list).expect("YESTER_TEST_SKIPS opens");
        list.write_all(format!("{test}: {what}\n").as_bytes()).expect("YESTER_TEST_SKIPS takes a line");
    }
}
