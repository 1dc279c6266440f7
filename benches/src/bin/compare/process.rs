//! Runs programs to their end and measures them.

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
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

/// The resources that a program used.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct Usage {
    /// Seconds from its start to its end.
    pub wall: f64,
    /// Seconds of processor time, including its children.
    pub cpu: f64,
    /// Peak memory in bytes.
    pub peak: f64,
}

/// Runs programs with a time limit, until Ctrl-C.
#[derive(Debug, Clone)]
pub struct Runner {
    interrupted: Arc<AtomicBool>,
}

/// First argument of this program as the process that measures another one. The other program and its arguments
/// follow.
pub const MEASURED: &str = "--measured";
/// Environment variable with the path of a [`Report`].
pub const REPORT: &str = "COMPARE_REPORT";
/// Time between two checks for Ctrl-C.
const GLANCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };
/// Maximum length of a failed program's message that is shown, in bytes.
const COMPLAINT: u64 = 2000;

impl Runner {
    pub fn new() -> Result<Self> {
        let interrupted = Arc::new(AtomicBool::new(false));
        for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
            signal_hook::flag::register(signal, Arc::clone(&interrupted)).context("catching signals")?;
        }
        Ok(Self { interrupted })
    }

    /// Fails once Ctrl-C was pressed. The error ends all mounts and processes on its way out.
    pub fn check(&self) -> Result<()> {
        if self.interrupted.load(Ordering::Relaxed) {
            bail!(Interrupted);
        }
        Ok(())
    }

    /// Runs `command` and reads its output through a pipe, as a consumer would, without keeping it. `accept`
    /// are the exit statuses of success.
    pub fn run(&self, command: &mut Command, accept: &[i32], limit: Duration) -> Result<Usage> {
        self.run_with(command, accept, limit, false).map(|(usage, _)| usage)
    }

    /// Does the same, and returns the output.
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
        let report = Report::of(command)?;
        let mut complaint = tempfile::tempfile().context("making a temporary file")?;
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(complaint.try_clone()?);
        let start = Instant::now();
        let mut child = command.spawn().with_context(|| format!("running {}", shown(command)))?;
        let output = child.stdout.take();
        let drain = thread::spawn(move || output.map_or(Ok(Vec::new()), |pipe| drain(pipe, keep)));
        let ended = self.wait(&child, start + limit);
        if ended.is_err() {
            end(&mut child);
        }
        let status = child.wait().with_context(|| format!("waiting for {}", shown(command)))?;
        ended.with_context(|| shown(command))?;
        let output = drain.join().map_err(|_| anyhow!("reading from {}", shown(command)))??;
        check_status(command, status, accept, &mut complaint)?;
        Ok((report.usage()?, String::from_utf8_lossy(&output).into_owned()))
    }

    /// Waits until `child` has ended, without reaping it.
    pub fn wait(&self, child: &Child, deadline: Instant) -> Result<()> {
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

/// The file into which the measuring process writes the usage of the program that it runs.
#[derive(Debug)]
pub struct Report(NamedTempFile);

impl Report {
    /// Has `command` write a report, if it is a measuring process.
    pub fn of(command: &mut Command) -> Result<Self> {
        let file = NamedTempFile::new().context("making a temporary file")?;
        command.env(REPORT, file.path());
        Ok(Self(file))
    }

    /// The usage after the program's end; empty if the program does not report.
    pub fn usage(&self) -> Result<Usage> {
        let bytes = std::fs::read(self.0.path()).context("reading a program's usage")?;
        if bytes.is_empty() {
            return Ok(Usage::default());
        }
        serde_json::from_slice(&bytes).context("reading a program's usage")
    }
}

/// Ends a program, and the program that it measures, if any.
pub fn end(child: &mut Child) {
    const PATIENCE: Duration = Duration::from_secs(5);
    let start = Instant::now();
    if let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        // The process may have ended by itself meanwhile. Then the error is harmless.
        let _ = kill_process(pid, Signal::TERM);
    }
    while matches!(child.try_wait(), Ok(None)) {
        if start.elapsed() > PATIENCE {
            let _ = child.kill();
            return;
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// Ctrl-C or `kill` was received.
#[derive(Debug, Clone, Copy)]
pub struct Interrupted;

impl std::fmt::Display for Interrupted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("interrupted")
    }
}

/// The time limit was exceeded.
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

/// The end of a program's standard error.
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

/// The program and its arguments as on a command line, but without quoting.
pub fn shown(command: &Command) -> String {
    let all: Vec<_> = std::iter::once(command.get_program()).chain(command.get_args()).collect();
    let measured = all.get(1).is_some_and(|word| *word == MEASURED);
    let words = all.iter().skip(if measured { 2 } else { 0 });
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

#[allow(clippy::cast_precision_loss, reason = "sizes below 2^53 bytes are exact")]
pub fn to_f64(number: u64) -> f64 {
    number as f64
}
