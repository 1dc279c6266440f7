//! This program as a small process between the comparison and the measured programs.
//!
//! The kernel counts the memory of the process that starts a program as the program's own at its start. The
//! comparison grows with its data sets, but this process does not.

use std::ffi::{OsStr, OsString};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};
use std::{env, fs};

use anyhow::{Context, Result};
use rustix::process::{Signal, set_parent_process_death_signal};
use wait4::Wait4;

use crate::process::{REPORT, Runner, Usage, to_f64};

/// Runs the program that the arguments name, and reports its usage.
pub fn run(mut arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let program = arguments.next().unwrap_or_default();
    match measure(&program, arguments) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::from(127)
        }
    }
}

fn measure(program: &OsStr, arguments: impl Iterator<Item = OsString>) -> Result<u8> {
    const FOR_EVER: Duration = Duration::from_secs(1 << 30);
    // No program may continue after the comparison was killed.
    set_parent_process_death_signal(Some(Signal::TERM)).context("asking for a signal")?;
    let runner = Runner::new()?;
    let mut command = Command::new(program);
    command.args(arguments).env_remove(REPORT);
    let start = Instant::now();
    let mut child = command.spawn().with_context(|| format!("running {}", program.display()))?;
    let ended = runner.wait(&child, start + FOR_EVER);
    let wall = start.elapsed().as_secs_f64();
    if ended.is_err() {
        // The program may have ended by itself meanwhile.
        let _ = child.kill();
    }
    let result = child.wait4().context("waiting for a program")?;
    ended?;
    let cpu = (result.rusage.utime + result.rusage.stime).as_secs_f64();
    let usage = Usage { wall, cpu, peak: to_f64(result.rusage.maxrss) };
    if let Some(report) = env::var_os(REPORT) {
        fs::write(report, serde_json::to_vec(&usage)?).context("reporting a usage")?;
    }
    // A signal is reported as shells do.
    Ok(result.status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(128))
}
