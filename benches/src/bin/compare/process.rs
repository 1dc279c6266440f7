//! Programs, run to their end and measured.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::os::fd::AsFd;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use wait4::Wait4;

/// What a program took.
#[derive(Debug, Clone, Copy, Default)]
pub struct Usage {
    /// Seconds from its start to its end.
    pub wall: f64,
    /// Seconds of processor time, its children's too.
    pub cpu: f64,
    /// Bytes of memory at most.
    pub peak: f64,
}

/// Runs programs with a limit on their time, until Ctrl-C.
#[derive(Debug, Clone)]
pub struct Runner {
    interrupted: Arc<AtomicBool>,
}

/// How often a wait looks for Ctrl-C.
const GLANCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };
/// Bytes of a failed program's complaint that are shown.
const COMPLAINT: u64 = 2000;

impl Runner {
    pub fn new() -> Result<Self> {
        let interrupted = Arc::new(AtomicBool::new(false));
        for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
            signal_hook::flag::register(signal, Arc::clone(&interrupted)).context("catching signals")?;
        }
        Ok(Self { interrupted })
    }

    /// An error once Ctrl-C was pressed: what is mounted and running is then taken down on the way out.
    pub fn check(&self) -> Result<()> {
        if self.interrupted.load(Ordering::Relaxed) {
            bail!(Interrupted);
        }
        Ok(())
    }

    /// Runs `command`, throwing its output away as a consumer would: through a pipe. `accept` are the exit statuses
    /// that mean success.
    pub fn run(&self, command: &mut Command, accept: &[i32], limit: Duration) -> Result<Usage> {
        self.run_with(command, accept, limit, false).map(|(usage, _)| usage)
    }

    /// The same, and what it printed.
    pub fn output(&self, command: &mut Command, accept: &[i32], limit: Duration) -> Result<(Usage, String)> {
        self.run_with(command, accept, limit, true)
    }

    fn run_with(
        &self,
        command: &mut Command,
        accept: &[i32],
        limit: Duration,
        keep: bool,
    ) -> Result<(Usage, String)> {
        self.check()?;
        let mut complaint = tempfile::tempfile().context("making a temporary file")?;
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(complaint.try_clone()?);
        let start = Instant::now();
        let mut child = command.spawn().with_context(|| format!("running {}", shown(command)))?;
        let output = child.stdout.take();
        let drain = thread::spawn(move || output.map_or(Ok(Vec::new()), |pipe| drain(pipe, keep)));
        let ended = self.wait(&mut child, start + limit);
        let wall = start.elapsed().as_secs_f64();
        if ended.is_err() {
            // It may have ended by itself meanwhile: then there is nobody to kill, and that is well.
            let _ = child.kill();
        }
        let result = child.wait4().with_context(|| format!("waiting for {}", shown(command)))?;
        ended.with_context(|| shown(command))?;
        let output = drain.join().map_err(|_| anyhow!("reading from {}", shown(command)))??;
        check_status(command, result.status, accept, &mut complaint)?;
        let cpu = (result.rusage.utime + result.rusage.stime).as_secs_f64();
        let usage = Usage { wall, cpu, peak: to_f64(result.rusage.maxrss) };
        Ok((usage, String::from_utf8_lossy(&output).into_owned()))
    }

    /// Waits until `child` has ended, without reaping it.
    pub fn wait(&self, child: &mut Child, deadline: Instant) -> Result<()> {
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).context("a strange process id")?;
        let watch = pidfd_open(pid, PidfdFlags::empty()).context("watching a process")?;
        loop {
            let mut watched = [PollFd::from_borrowed_fd(watch.as_fd(), PollFlags::IN)];
            match poll(&mut watched, Some(&GLANCE)) {
                Ok(0) | Err(rustix::io::Errno::INTR) => {}
                Ok(_) => return Ok(()),
                Err(error) => return Err(error).context("watching a process"),
            }
            self.check()?;
            if Instant::now() >= deadline {
                bail!(TimedOut);
            }
        }
    }
}

/// Ctrl-C, or `kill`.
#[derive(Debug, Clone, Copy)]
pub struct Interrupted;

impl std::fmt::Display for Interrupted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("interrupted")
    }
}

/// It took longer than anybody would wait.
#[derive(Debug, Clone, Copy)]
pub struct TimedOut;

impl std::fmt::Display for TimedOut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("stopped: its time was up")
    }
}

fn drain(mut pipe: impl Read, keep: bool) -> Result<Vec<u8>> {
    let mut kept = Vec::new();
    let mut buffer = vec![0; 256 << 10];
    loop {
        let read = pipe.read(&mut buffer).context("reading a program's output")?;
        if read == 0 {
            return Ok(kept);
        }
        if keep {
            kept.extend_from_slice(&buffer[..read]);
        }
    }
}

fn check_status(command: &Command, status: ExitStatus, accept: &[i32], complaint: &mut File) -> Result<()> {
    if status.code().is_some_and(|code| accept.contains(&code)) {
        return Ok(());
    }
    bail!("{}: {status}: {}", shown(command), complaint_of(complaint))
}

/// The end of what a program wrote to its standard error.
pub fn complaint_of(file: &mut File) -> String {
    let mut text = Vec::new();
    let read = file.seek(SeekFrom::End(0)).and_then(|len| {
        file.seek(SeekFrom::Start(len.saturating_sub(COMPLAINT)))?;
        file.read_to_end(&mut text)
    });
    match read {
        Ok(0) => "it said nothing".into(),
        Ok(_) => String::from_utf8_lossy(&text).trim().to_owned(),
        Err(error) => format!("(what it said is lost: {error})"),
    }
}

/// The program and its arguments as one would type them, but for quoting.
pub fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

#[allow(clippy::cast_precision_loss, reason = "sizes below 2^53 bytes are exact")]
pub fn to_f64(number: u64) -> f64 {
    number as f64
}
