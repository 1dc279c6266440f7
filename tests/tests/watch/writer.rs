//! A real rsync that is looked at, held and killed while it writes.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process_group};

/// A local rsync: its sender, generator and receiver are one group. Killed when dropped.
pub(super) struct Rsync(Child);

impl Rsync {
    pub(super) fn start(words: &[&str], from: &Path, to: &Path) -> Self {
        let mut command = Command::new("rsync");
        command.args(words).arg(from.join("")).arg(to).process_group(0);
        Self(command.stdin(Stdio::null()).stderr(Stdio::null()).spawn().expect("rsync"))
    }

    pub(super) fn is_running(&mut self) -> bool {
        self.0.try_wait().is_ok_and(|status| status.is_none())
    }

    pub(super) fn signal(&mut self, signal: Signal) {
        let _ = kill_process_group(Pid::from_child(&self.0), signal);
    }

    /// It must end well.
    #[track_caller]
    pub(super) fn finish(mut self) {
        let status = self.0.wait().expect("its status");
        assert!(status.success(), "rsync: {status}");
    }
}

impl Drop for Rsync {
    fn drop(&mut self) {
        if self.is_running() {
            self.signal(Signal::KILL);
            let _ = self.0.wait();
        }
    }
}

/// A whole run.
#[track_caller]
pub(super) fn rsync(words: &[&str], from: &Path, to: &Path) {
    Rsync::start(words, from, to).finish();
}

/// rsync's temporary files in a tree: those of the name `.NAME.XXXXXX`.
pub(super) fn temporary(tree: &Path, name: &str) -> Vec<PathBuf> {
    let prefix = format!(".{name}.");
    let Ok(entries) = fs::read_dir(tree) else { return Vec::new() };
    let mut found = Vec::new();
    for entry in entries.flatten() {
        let path = entry.path();
        if entry.file_type().is_ok_and(|of| of.is_dir()) {
            found.extend(temporary(&path, name));
        } else if entry.file_name().to_string_lossy().strip_prefix(&prefix).is_some_and(|end| end.len() == 6)
        {
            found.push(path);
        }
    }
    found
}
