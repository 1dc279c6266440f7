//! Mounts that never outlive the comparison.

use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::mount::UnmountFlags;

use crate::lab::Lab;
use crate::process::{Report, Usage, complaint_of, end, shown};

/// A mounted file system, and the process that serves it, if there is one. Dropping it unmounts by force.
#[derive(Debug)]
pub struct Mounted {
    root: PathBuf,
    server: Option<(Child, Report)>,
    /// Seconds until the mount could be listed; `None` if it always can.
    pub ready: Option<f64>,
}

const READY: Duration = Duration::from_secs(120);
/// Time that a mount may stay busy: a program that has just ended may still count as its user.
const BUSY: Duration = Duration::from_secs(10);
const STEP: Duration = Duration::from_millis(1);

impl Mounted {
    /// Starts `command`, which serves `root` in the foreground, and waits until `root` can be listed.
    pub fn serve(lab: &Lab, command: &mut Command, root: &Path) -> Result<Self> {
        let mut complaint = tempfile::tempfile()?;
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(complaint.try_clone()?);
        let report = Report::of(command)?;
        let start = Instant::now();
        let server = command.spawn().with_context(|| format!("running {}", shown(command)))?;
        let mut mounted = Self { root: root.to_owned(), server: Some((server, report)), ready: None };
        while !is_mounted(root)? {
            lab.runner.check()?;
            mounted.check_alive(command, &mut complaint)?;
            if start.elapsed() > READY {
                bail!("{}: not mounted after {READY:?}", shown(command));
            }
            thread::sleep(STEP);
        }
        fs::read_dir(root).with_context(|| format!("listing {}", root.display()))?.next().transpose()?;
        mounted.ready = Some(start.elapsed().as_secs_f64());
        Ok(mounted)
    }

    /// Runs `command`, after which the kernel serves `root`.
    pub fn by_kernel(lab: &Lab, command: &mut Command, root: &Path) -> Result<Self> {
        let usage = lab.run(command, &[0])?;
        Ok(Self { root: root.to_owned(), server: None, ready: Some(usage.wall) })
    }

    /// A tree that needs no mount.
    pub fn nothing(root: &Path) -> Self {
        Self { root: root.to_owned(), server: None, ready: None }
    }

    /// Path of the mount.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Unmounts, and returns the usage of the server.
    pub fn unmount(mut self) -> Result<Option<Usage>> {
        let start = Instant::now();
        while let Err(error) = unmount(&self.root) {
            if start.elapsed() > BUSY {
                return Err(error);
            }
            thread::sleep(Duration::from_millis(20));
        }
        let Some((server, report)) = &mut self.server else { return Ok(None) };
        let start = Instant::now();
        while server.try_wait()?.is_none() {
            if start.elapsed() > BUSY {
                bail!("the server of {} goes on after its unmount", self.root.display());
            }
            thread::sleep(STEP);
        }
        let usage = report.usage()?;
        self.server = None;
        Ok(Some(usage))
    }

    fn check_alive(&mut self, command: &Command, complaint: &mut File) -> Result<()> {
        if let Some((server, _)) = &mut self.server
            && server.try_wait()?.is_some()
        {
            bail!("{}: it ended: {}", shown(command), complaint_of(complaint));
        }
        Ok(())
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        if unmount(&self.root).is_err() {
            // The mount is busy or its server hangs, so it is at least hidden.
            let _ = rustix::mount::unmount(&self.root, UnmountFlags::DETACH);
        }
        if let Some((server, _)) = &mut self.server {
            end(server);
            let _ = server.wait();
        }
    }
}

fn unmount(root: &Path) -> Result<()> {
    if !is_mounted(root)? {
        return Ok(());
    }
    if rustix::mount::unmount(root, UnmountFlags::empty()).is_ok() {
        return Ok(());
    }
    // Only root may call umount(2).
    for program in ["fusermount3", "fusermount"] {
        let mut command = Command::new(program);
        let output = command.arg("-u").arg(root).stdin(Stdio::null()).output();
        if output.is_ok_and(|output| output.status.success()) {
            return Ok(());
        }
    }
    bail!("{} cannot be unmounted", root.display())
}

fn is_mounted(root: &Path) -> Result<bool> {
    let table = fs::read("/proc/self/mountinfo").context("reading the mount table")?;
    let root = root.as_os_str().as_bytes();
    Ok(table.split(|byte| *byte == b'\n').any(|line| line.split(|byte| *byte == b' ').nth(4) == Some(root)))
}
