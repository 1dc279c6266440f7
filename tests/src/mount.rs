//! A mounted history that is always unmounted at the end.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::command::Started;
use crate::wait::{wait_until, wait_within};
use crate::{Ran, Sandbox, Yester, mountinfo, sandbox};

/// Time after which a mount or unmount counts as hanging.
const LIMIT: Duration = Duration::from_secs(60);

/// A running `yester mount` (or `up`) in the foreground, which has mounted.
#[derive(Debug)]
pub struct Mounted {
    process: Option<Started>,
    point: PathBuf,
    /// The folder that paths are relative to: the mount point, or a source's folder in it.
    start: PathBuf,
}

impl Mounted {
    /// Mounts the source `source` of the sandbox's repository.
    #[track_caller]
    pub fn source(sandbox: &Sandbox) -> Self {
        Self::with(sandbox, &["--source", "source"])
    }

    /// Mounts the source `source` before it has a snapshot. An unknown source may be an error to the product.
    /// So this mounts the whole repository, and paths are relative to the source's folder.
    #[track_caller]
    pub fn source_to_come(sandbox: &Sandbox) -> Self {
        let mut mounted = Self::with(sandbox, &[]);
        mounted.start = mounted.point.join("source");
        mounted
    }

    /// Mounts the whole repository, or as these arguments after `mount MOUNTPOINT` say.
    #[track_caller]
    pub fn with(sandbox: &Sandbox, args: &[&str]) -> Self {
        let point = sandbox.mnt();
        Self::start(&sandbox.yester(["mount"]).arg(&point).args(args), &point)
    }

    /// Starts a command that mounts at this point, and waits until it has.
    #[track_caller]
    pub fn start(command: &Yester<'_>, point: &Path) -> Self {
        let mut mounted =
            Self { process: Some(command.start()), point: point.to_owned(), start: point.to_owned() };
        let ready = wait_until("the mount to come", LIMIT, || {
            let running = mounted.process.as_mut().is_some_and(Started::is_running);
            let there = mountinfo::is_yester(point);
            (there || !running).then_some(there && running)
        });
        if !ready {
            let ended = mounted.process.take().map(Started::finish);
            panic!("nothing was mounted: {}", ended.map(|ran| ran.to_string()).unwrap_or_default());
        }
        mounted
    }

    /// Path of the mount point.
    pub fn point(&self) -> &Path {
        &self.point
    }

    /// A path in the mount.
    pub fn path(&self, inside: impl AsRef<Path>) -> PathBuf {
        self.start.join(inside)
    }

    /// Waits until a snapshot of another process is listed. Returns how long it took.
    #[track_caller]
    pub fn wait_for(&self, name: &str) -> Duration {
        let begin = Instant::now();
        wait_until(&format!("snapshot {name} to be listed"), Duration::from_secs(30), || {
            let mut entries = std::fs::read_dir(&self.start).ok()?.flatten();
            entries.any(|entry| entry.file_name() == name).then_some(())
        });
        begin.elapsed()
    }

    /// The names in a folder of the mount, sorted.
    #[track_caller]
    pub fn names(&self, inside: impl AsRef<Path>) -> Vec<String> {
        let folder = self.path(inside);
        let entries =
            std::fs::read_dir(&folder).unwrap_or_else(|e| panic!("cannot list {}: {e}", folder.display()));
        let mut names: Vec<String> = entries
            .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    /// Id of the process.
    #[track_caller]
    pub fn pid(&self) -> u32 {
        self.process.as_ref().expect("a process").pid()
    }

    /// Whether the process still runs.
    pub fn is_running(&mut self) -> bool {
        self.process.as_mut().is_some_and(Started::is_running)
    }

    /// Sends a signal and waits for the end of the process.
    #[track_caller]
    pub fn stop(mut self, signal: Signal) -> Ran {
        let mut process = self.process.take().expect("a process");
        process.signal(signal);
        process.finish()
    }

    /// Waits for the end of the process, after another process has unmounted.
    #[track_caller]
    pub fn finish(mut self) -> Ran {
        self.process.take().expect("a process").finish()
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            process.signal(Signal::TERM);
            wait_within(Duration::from_secs(5), || (!process.is_running()).then_some(()));
        }
        if mountinfo::at(&self.point).is_some_and(|mount| mount.kind.starts_with("fuse")) {
            sandbox::unmount(&self.point);
        }
        // Dropping the process kills it by its id if it still runs.
    }
}
