//! Linux: FUSE mounts and signals.

pub mod daemon;
mod relay;

use std::fs::{self, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result};
pub use fuse_linux::{Created, MountError, MountOptions, Unmounter, check_mountpoint, clear_stale, mount};
pub use relay::Relay;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FileType, OFlags};
use rustix::process::{Resource, Rlimit, getrlimit, setpriority_process, setrlimit};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::{Handle, Signals};

/// The lowest priority.
const NICEST: i32 = 19;

/// Listens for signals, until it is dropped.
#[derive(Debug)]
pub struct StopListener {
    handle: Handle,
    thread: Option<JoinHandle<()>>,
}

impl StopListener {
    /// Calls `stop` on every signal that asks this process to end, in a thread of its own, with the number of
    /// signals so far.
    pub fn new(stop: impl Fn(u32) + Send + 'static) -> Result<Self> {
        Self::of(&[SIGINT, SIGTERM], move |mut signals| {
            signals.forever().zip(1..).for_each(|(_, count)| stop(count));
        })
    }

    /// Passes these signals, and SIGHUP unless it is ignored, to `listen` in a thread of its own.
    fn of(signals: &[i32], listen: impl FnOnce(Signals) + Send + 'static) -> Result<Self> {
        let hang_up = (!is_ignored(SIGHUP)).then_some(SIGHUP);
        let signals =
            Signals::new(signals.iter().copied().chain(hang_up)).context("cannot listen for signals")?;
        let handle = signals.handle();
        Ok(Self { handle, thread: Some(thread::spawn(move || listen(signals))) })
    }
}

impl Drop for StopListener {
    fn drop(&mut self) {
        self.handle.close();
        // A panic of the thread was reported.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// Raises the limit of open files to its maximum. A walk keeps one file open for each level of the tree.
pub fn raise_file_limit() {
    let limit = getrlimit(Resource::Nofile);
    // If this is refused, trees deeper than the old limit are reported as unreadable.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
}

/// Gives this thread, and those that it will start, the lowest priority for the processor and for disks. A
/// process that has set no I/O priority gets the one of its niceness (`ioprio_set(2)`).
pub fn lower_priority() {
    // Raising the niceness is always permitted.
    let _ = setpriority_process(None, NICEST);
}

/// Whether stderr is `/dev/null`. The Rust runtime opens `/dev/null` in place of a closed stderr.
pub fn stderr_leads_nowhere() -> bool {
    rustix::fs::fstat(rustix::stdio::stderr()).is_ok_and(|stderr| {
        FileType::from_raw_mode(stderr.st_mode) == FileType::CharacterDevice
            // linux/Documentation/admin-guide/devices.txt
            && stderr.st_rdev == rustix::fs::makedev(1, 3)
    })
}

/// Whether stderr accepts a line at once. A full pipe without a reader, or a stopped terminal, does not.
pub fn stderr_takes_a_line() -> bool {
    let stderr = rustix::stdio::stderr();
    // If poll fails, the write is tried.
    poll(&mut [PollFd::new(&stderr, PollFlags::OUT)], Some(&Timespec { tv_sec: 0, tv_nsec: 0 })) != Ok(0)
}

/// Sets how a log file is opened. Only its owner can read a new one. Opening never waits: a pipe without a
/// reader is an error.
pub fn for_a_log(options: &mut OpenOptions) {
    let flags = OFlags::NONBLOCK.union(OFlags::NOCTTY);
    options.mode(0o600).custom_flags(flags.bits().cast_signed());
}

/// Whether this process was started to ignore a signal, as nohup(1) does with SIGHUP.
fn is_ignored(signal: i32) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}

/// Unmounts the history at a path.
pub fn unmount(path: &Path, lazy: bool) -> Result<(), MountError> {
    unless_busy(|| fuse_linux::unmount(path, lazy))
}

/// Unmounts, and retries while the mount is busy: the kernel releases a closed file a moment later. Only a
/// lasting "busy" is an error.
pub fn unless_busy(unmount: impl Fn() -> Result<(), MountError>) -> Result<(), MountError> {
    for _ in 0..10 {
        match unmount() {
            Err(MountError::Busy(_)) => thread::sleep(Duration::from_millis(50)),
            result => return result,
        }
    }
    unmount()
}

/// The owner of nodes that are in no snapshot.
pub fn owner() -> (u32, u32) {
    (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw())
}
