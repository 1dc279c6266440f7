//! A folder for each test.

use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::mount::UnmountFlags;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::{Yester, mountinfo};

/// A temporary folder with a home, a source, a path for a repository, and a mount point. At the end it is
/// removed, with every mount below it, and every process whose command line names it is killed.
#[derive(Debug)]
pub struct Sandbox {
    folder: Option<TempDir>,
    root: PathBuf,
}

impl Sandbox {
    /// A sandbox with an empty source and an empty mount point, without a repository.
    pub fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("yester-test-").tempdir().expect("a temporary folder");
        let root = folder.path().canonicalize().expect("its path");
        // Other users take part in some tests.
        fs::set_permissions(&root, Permissions::from_mode(0o755)).expect("a sandbox that others may enter");
        let sandbox = Self { folder: Some(folder), root };
        for folder in ["source", "mnt", "home", "output"] {
            fs::create_dir(sandbox.root.join(folder)).expect("a folder in the sandbox");
        }
        sandbox
    }

    /// A sandbox with a new repository.
    pub fn with_repository() -> Self {
        let sandbox = Self::new();
        sandbox.yester(["init"]).run().ok();
        sandbox
    }

    /// Path of the sandbox.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A path in the sandbox.
    pub fn path(&self, inside: impl AsRef<Path>) -> PathBuf {
        self.root.join(inside)
    }

    /// Path of the repository, which may not exist yet.
    pub fn repo(&self) -> PathBuf {
        self.path("repo")
    }

    /// The tree to import. Its folder's name makes the source `source`.
    pub fn source(&self) -> PathBuf {
        self.path("source")
    }

    /// Path of the mount point.
    pub fn mnt(&self) -> PathBuf {
        self.path("mnt")
    }

    /// `yester --repo REPO ARGS…`, not yet run.
    pub fn yester<I: IntoIterator<Item = A>, A: AsRef<OsStr>>(&self, args: I) -> Yester<'_> {
        Yester::new(self).arg("--repo").arg(self.repo()).args(args)
    }

    /// `yester ARGS…` without the option `--repo`, not yet run.
    pub fn bare_yester<I: IntoIterator<Item = A>, A: AsRef<OsStr>>(&self, args: I) -> Yester<'_> {
        Yester::new(self).args(args)
    }

    /// Imports the source. Returns the new snapshot's canonical name, such as `@2024-06-01T03-00-00`.
    pub fn import(&self) -> String {
        self.import_as("source")
    }

    /// Imports the source tree under another name.
    pub fn import_as(&self, source: &str) -> String {
        let ran = self.yester(["--json", "import", "--source", source]).arg(self.source()).run().ok();
        ran.json()["name"].as_str().expect("the snapshot's name").to_owned()
    }

    /// Copies the binary to a path where every user may run it, wherever the build folder is.
    pub fn public_binary(&self) -> PathBuf {
        let copy = self.path("yester");
        if !copy.exists() {
            // Another process makes the copy. Otherwise a program that another test starts meanwhile would
            // inherit the copy, still open for writing, and Linux runs no such file.
            let status = Command::new("cp").arg(crate::binary::path()).arg(&copy).status();
            assert!(status.expect("cp runs").success(), "no copy of the binary");
            fs::set_permissions(&copy, Permissions::from_mode(0o755)).expect("a binary that all may run");
        }
        copy
    }

    /// Makes user and group 65534 the owner of everything in the sandbox.
    pub fn give_to_nobody(&self) {
        self.give_to_nobody_below("");
    }

    /// Makes user and group 65534 the owner of everything below a folder of the sandbox.
    pub fn give_to_nobody_below(&self, inside: &str) {
        let status = Command::new("chown")
            .args(["-hR", "65534:65534"])
            .arg(self.path(inside))
            .status()
            .expect("chown");
        assert!(status.success(), "chown failed");
    }

    fn kill_processes(&self) {
        let own = std::process::id();
        let named = self.root.as_os_str().as_bytes();
        let Ok(processes) = fs::read_dir("/proc") else { return };
        for process in processes.flatten() {
            let Some(pid) = process.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else {
                continue;
            };
            let told = fs::read(process.path().join("cmdline"))
                .is_ok_and(|line| line.windows(named.len()).any(|window| window == named));
            if told
                && own.cast_signed() != pid
                && let Some(pid) = Pid::from_raw(pid)
            {
                let _ = kill_process(pid, Signal::KILL);
            }
        }
    }
}

impl Default for Sandbox {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        for point in mountinfo::below(&self.root) {
            unmount(&point);
        }
        self.kill_processes();
        if let Some(folder) = self.folder.take() {
            if std::thread::panicking() && std::env::var_os("YESTER_TEST_KEEP").is_some() {
                eprintln!("kept: {}", folder.keep().display());
            } else if let Err(error) = folder.close() {
                eprintln!("cannot remove the sandbox {}: {error}", self.root.display());
            }
        }
    }
}

/// A command that runs as user and group 65534.
pub fn as_nobody(program: impl AsRef<OsStr>) -> Command {
    let mut setpriv = Command::new("setpriv");
    setpriv.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(program);
    setpriv
}

/// Unmounts everything mounted there, lazily if it is busy.
pub(crate) fn unmount(point: &Path) {
    if rustix::mount::unmount(point, UnmountFlags::empty()).is_ok() {
        return;
    }
    if rustix::mount::unmount(point, UnmountFlags::DETACH).is_ok() {
        return;
    }
    // Without root's rights, fusermount3 unmounts its own mounts.
    let _ = Command::new("fusermount3").args(["-u", "-z", "-q"]).arg(point).status();
}
