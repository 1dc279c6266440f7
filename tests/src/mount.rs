//! A mounted history that is taken down whatever happens.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::command::Started;
use crate::{Ran, Sandbox, Yester, mountinfo, sandbox, wait_until};

/// How long a mount may take to come, or to go, before it counts as hanging.
const LIMIT: Duration = Duration::from_secs(60);

/// A `yester mount` (or `up`) in the foreground, with its mount in place.
#[derive(Debug)]
pub struct Mounted {
    process: Option<Started>,
    point: PathBuf,
    /// Where paths begin: the mount point, or a source's folder in it.
    start: PathBuf,
}

impl Mounted {
    /// Mount the source `source` of the sandbox's repository.
    #[track_caller]
    pub fn source(sandbox: &Sandbox) -> Self {
        Self::with(sandbox, &["--source", "source"])
    }

    /// Mount the source `source` before it has any snapshot. That the source is unknown yet may be an error to the
    /// product, so the whole repository is mounted, and paths begin in the source's folder.
    #[track_caller]
    pub fn source_to_come(sandbox: &Sandbox) -> Self {
        let mut mounted = Self::with(sandbox, &[]);
        mounted.start = mounted.point.join("source");
        mounted
    }

    /// Mount the whole repository, or whatever these arguments add to `mount MOUNTPOINT`.
    #[track_caller]
    pub fn with(sandbox: &Sandbox, args: &[&str]) -> Self {
        let point = sandbox.mnt();
        Self::start(&sandbox.yester(["mount"]).arg(&point).args(args), &point)
    }

    /// Start a command that mounts at this point, and wait until it has.
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

    /// The mount point.
    pub fn point(&self) -> &Path {
        &self.point
    }

    /// A path in the mount.
    pub fn path(&self, inside: impl AsRef<Path>) -> PathBuf {
        self.start.join(inside)
    }

    /// Wait until a snapshot of another process is listed, and say how long it took.
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

    /// The number of its process.
    #[track_caller]
    pub fn pid(&self) -> u32 {
        self.process.as_ref().expect("a process").pid()
    }

    /// Whether its process still runs.
    pub fn is_running(&mut self) -> bool {
        self.process.as_mut().is_some_and(Started::is_running)
    }

    /// Signal it and wait for its end.
    #[track_caller]
    pub fn stop(mut self, signal: Signal) -> Ran {
        let mut process = self.process.take().expect("a process");
        process.signal(signal);
        process.finish()
    }

    /// Wait for its end, after somebody else has unmounted.
    #[track_caller]
    pub fn finish(mut self) -> Ran {
        self.process.take().expect("a process").finish()
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            process.signal(Signal::TERM);
            for _ in 0..1000 {
                if !process.is_running() {
                    break;
                }
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        if mountinfo::at(&self.point).is_some_and(|mount| mount.kind.starts_with("fuse")) {
            sandbox::unmount(&self.point);
        }
        // Dropping the process kills it by its id if it still runs.
    }
}
