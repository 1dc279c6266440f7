//! Where the comparison takes place: its folders, its programs' environment, the page cache, and who failed.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use indicatif::{ProgressBar, ProgressStyle};

use crate::measured;
use crate::process::{Runner, Usage};

/// Everything that a measurement needs around it.
#[derive(Debug)]
pub struct Lab {
    pub runner: Runner,
    /// Repositories, mounts and homes of this run; removed with it.
    pub scratch: PathBuf,
    /// Data sets.
    pub data: PathBuf,
    pub yester: PathBuf,
    pub quick: bool,
    /// Whether the page cache can be dropped.
    pub cold: bool,
    without: Vec<String>,
    path: String,
    /// This program.
    own: PathBuf,
    progress: ProgressBar,
}

/// No import and no restore takes longer.
pub const LONG: Duration = Duration::from_secs(900);
/// No reading through a mount takes longer: who waits a minute for `find` has given up.
pub const SHORT: Duration = Duration::from_secs(90);

const DROP_CACHES: &str = "/proc/sys/vm/drop_caches";

impl Lab {
    pub fn new(
        runner: Runner,
        scratch: PathBuf,
        data: PathBuf,
        yester: PathBuf,
        quick: bool,
        without: Vec<String>,
    ) -> Result<Self> {
        for folder in [&scratch, &scratch.join("home"), &data] {
            fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
        }
        let path = std::env::var("PATH").unwrap_or_default() + ":/usr/local/sbin:/usr/sbin:/sbin";
        let progress = ProgressBar::new_spinner();
        progress.set_style(ProgressStyle::with_template("{spinner} [{elapsed_precise}] {wide_msg}")?);
        progress.enable_steady_tick(Duration::from_millis(250));
        let own = std::env::current_exe().context("looking for this program")?;
        // A smoke test has no use for the wait.
        let cold = !quick && fs::OpenOptions::new().write(true).open(DROP_CACHES).is_ok();
        Ok(Self { runner, scratch, data, yester, quick, cold, without, path, own, progress })
    }

    /// This program.
    pub fn own(&self) -> &Path {
        &self.own
    }

    /// Whether a peer may take part.
    pub fn wanted(&self, peer: &str) -> bool {
        !self.without.iter().any(|name| name == peer)
    }

    /// A program, to be measured, whose settings and caches are this run's alone.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(&self.own);
        command
            .arg(measured::ARGUMENT)
            .arg(program)
            .env_clear()
            .env("PATH", &self.path)
            .env("HOME", self.scratch.join("home"))
            .env("TMPDIR", &self.scratch)
            .env("LC_ALL", "C.UTF-8");
        command
    }

    /// A program's answer to `arguments`; `None` when there is no such program here, or it does not work.
    pub fn ask(&self, program: &str, arguments: &[&str]) -> Option<String> {
        let mut command = self.command(program);
        let (_, text) = self.runner.output(command.args(arguments), &[0], Duration::from_secs(30)).ok()?;
        Some(text)
    }

    /// Runs a program that does lasting work.
    pub fn run(&self, command: &mut Command, accept: &[i32]) -> Result<Usage> {
        self.runner.run(command, accept, LONG)
    }

    /// Says what goes on.
    pub fn say(&self, message: impl Into<String>) {
        self.progress.set_message(message.into());
    }

    /// Says something that stays on the screen.
    pub fn note(&self, message: &str) {
        // A bar that is not shown (no terminal) would swallow the line.
        self.progress.suspend(|| eprintln!("{message}"));
    }

    /// `text` with words in the place of this run's own folders and program.
    pub fn without_folders(&self, text: &str) -> String {
        // The innermost first: the scratch folder may be below that of the data.
        let words = [
            (&self.scratch, "scratch"),
            (&self.data, "data"),
            (&self.yester, "yester"),
            (&self.own, "compare"),
        ];
        words.iter().fold(text.to_owned(), |text, (path, word)| text.replace(&*path.to_string_lossy(), word))
    }

    /// Lets writes of what went before reach the disk, so that nobody pays for somebody else.
    pub fn settle(&self) {
        if !self.quick {
            rustix::fs::sync();
        }
    }

    /// Empties the page cache, where that is permitted.
    pub fn make_cold(&self) -> Result<()> {
        if self.cold {
            self.settle();
            fs::write(DROP_CACHES, "3").context("dropping the page cache")?;
        }
        Ok(())
    }

    /// A new empty folder for this run.
    pub fn folder(&self, name: &str) -> Result<PathBuf> {
        let folder = self.scratch.join(name);
        remove(&folder)?;
        fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
        Ok(folder)
    }
}

/// Removes a folder with all that is in it, if it is there.
pub fn remove(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("removing {}", folder.display()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_name_no_folder_of_the_machine() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let runner = Runner::new().unwrap();
        let lab =
            Lab::new(runner, at("data/run/work"), at("data"), at("bin/yester"), true, Vec::new()).unwrap();
        let text = |path: PathBuf| format!("find {} failed", path.display());
        assert_eq!(lab.without_folders(&text(lab.scratch.join("mount/a"))), "find scratch/mount/a failed");
        assert_eq!(lab.without_folders(&text(lab.data.join("usr"))), "find data/usr failed");
        assert_eq!(lab.without_folders(&text(lab.yester.clone())), "find yester failed");
    }
}
