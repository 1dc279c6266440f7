//! Mounts in the background: starts this program again, in a session of its own. A fork is no alternative,
//! because a process with threads cannot safely continue in its fork.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::{self, Path};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use crate::args::{Global, MountArgs};
use crate::error::Outcome;
use crate::stderr;

/// The bytes that the child writes to its stdout, a pipe, once it has mounted.
const READY: &[u8] = b"\n";

/// Starts a child that mounts, and returns once it has. If it fails, it has reported why, and its status is
/// returned.
pub fn start(global: &Global, repository: &Path, args: &MountArgs) -> Result<Outcome> {
    let program = env::current_exe().context("cannot find this program")?;
    let mut child = Command::new(program)
        .arg0("yester")
        .args(arguments(global, repository, args)?)
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start the process in the background")?;
    let mut received = Vec::new();
    if let Some(mut pipe) = child.stdout.take() {
        // The child closes the pipe when it is ready or when it ends.
        pipe.read_to_end(&mut received)?;
    }
    if received == READY {
        return Ok(Outcome::Done);
    }
    let status = child.wait()?;
    let code = status.code().and_then(|code| u8::try_from(code).ok()).filter(|code| *code != 0);
    code.map(Outcome::Status).with_context(|| format!("the process in the background has ended: {status}"))
}

/// The child works in `/`, so all paths must be absolute.
fn arguments(global: &Global, repository: &Path, args: &MountArgs) -> Result<Vec<OsString>> {
    let with = |option: &str, value: &OsStr| {
        let mut word = OsString::from(option);
        word.push("=");
        word.push(value);
        word
    };
    let mut words = vec![with("--repo", path::absolute(repository)?.as_os_str())];
    words.extend(global.timezone.as_ref().map(|zone| with("--timezone", zone.as_ref())));
    words.extend(global.quiet.then(|| "--quiet".into()));
    words.extend((0..global.verbose).map(|_| "--verbose".into()));
    words.extend(["mount".into(), "--daemon-child".into()]);
    if let Some(log) = &args.view.log_file {
        words.push(with("--log-file", path::absolute(log)?.as_os_str()));
    }
    words.extend(args.source.as_ref().map(|source| with("--source", source)));
    words.extend(args.view.allow_open_parents.then(|| "--allow-open-parents".into()));
    words.extend(args.with_versions.then(|| "--with-versions".into()));
    words.extend(args.view.cache_size.map(|size| with("--cache-size", size.to_string().as_ref())));
    words.extend(args.view.options.iter().map(|options| with("--options", options)));
    words.extend(["--".into(), path::absolute(&args.mountpoint)?.into_os_string()]);
    Ok(words)
}

/// Makes this process, the child, independent of the terminal and of its parent.
pub fn leave_terminal() -> Result<()> {
    rustix::process::setsid().context("cannot begin a session")?;
    Ok(())
}

/// Reports to the parent of this process, the child, that the mount is there. After this, the output has no
/// reader.
pub fn ready() -> Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(READY).and_then(|()| stdout.flush()).context("cannot report that the mount is ready")?;
    let null = File::options().read(true).write(true).open("/dev/null").context("cannot open /dev/null")?;
    rustix::stdio::dup2_stdout(&null)?;
    stderr::replacing(|| rustix::stdio::dup2_stderr(&null))?;
    Ok(())
}
